//! A channel that counts instead of sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chatflow_core::{
    Capabilities, Channel, ChannelId, Inbound, Ingest, ListenError, Outbound, RawInbound, Receipt,
    SendError, SendErrorClass,
};

/// Accepts everything at once and counts messages and bytes for each contact. Contacts are
/// called by their numbers. Clones count together.
#[derive(Debug, Clone)]
pub struct CountingChannel {
    id: ChannelId,
    capabilities: Capabilities,
    contacts: Arc<[(AtomicU64, AtomicU64)]>,
}

/// What was sent to one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Messages.
    pub sends: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

impl CountingChannel {
    /// A channel of this id for this many contacts.
    pub fn new(id: impl Into<ChannelId>, contacts: usize) -> Self {
        Self {
            id: id.into(),
            capabilities: Capabilities::text(),
            contacts: (0..contacts).map(|_| Default::default()).collect(),
        }
    }

    /// What was sent to each contact.
    pub fn counted(&self) -> Vec<Counted> {
        self.contacts
            .iter()
            .map(|(sends, bytes)| Counted {
                sends: sends.load(Ordering::Relaxed),
                bytes: bytes.load(Ordering::Relaxed),
            })
            .collect()
    }
}

#[async_trait]
impl Channel for CountingChannel {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// It hears nothing: the load hands in what contacts say.
    fn decode(&self, _: &RawInbound) -> Vec<Inbound> {
        Vec::new()
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let contact = outbound.to.external_id().parse::<usize>().ok();
        let Some((sends, bytes)) = contact.and_then(|contact| self.contacts.get(contact)) else {
            return Err(SendError::new(
                SendErrorClass::UnknownRecipient,
                "no such contact",
            ));
        };
        sends.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(outbound.message.text().len() as u64, Ordering::Relaxed);
        Ok(Receipt::default())
    }

    async fn listen(&self, _ingest: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}
