//! A channel whose answers a test writes beforehand.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::channel::{
    Capabilities, Channel, Inbound, InboundBody, Ingest, ListenError, Outbound, Receipt, SendError,
    SendErrorClass,
};
use crate::dialog::{Address, ChannelId, EffectId, EventKey, Message, Profile};

/// A channel that keeps what is sent and answers as it was told. It never listens: a test
/// hands inbound events to the worker itself, made by [`says`](ScriptedChannel::says).
#[derive(Debug)]
pub struct ScriptedChannel {
    id: ChannelId,
    capabilities: Capabilities,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sent: Vec<Sent>,
    /// The answers to the next sends, in order; none is a yes. Those after them are accepted.
    answers: VecDeque<Option<SendErrorClass>>,
}

/// One call of `send`, whatever was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Where to.
    pub to: Address,
    /// What.
    pub message: Message,
    /// Under which key.
    pub key: EffectId,
    /// Which try it was.
    pub attempt: u32,
    /// What was answered; none if it was accepted.
    pub refused: Option<SendErrorClass>,
}

impl ScriptedChannel {
    /// A channel of this id that accepts everything.
    pub fn new(id: impl Into<ChannelId>) -> Self {
        Self {
            id: id.into(),
            capabilities: Capabilities::text(),
            inner: Mutex::default(),
        }
    }

    /// Declares other capabilities.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Refuses the next send that isn't spoken for yet in this way.
    pub fn refuse_next(&self, class: SendErrorClass) {
        self.inner().answers.push_back(Some(class));
    }

    /// Accepts the next send that isn't spoken for yet, so that one after it can be refused.
    pub fn accept_next(&self) {
        self.inner().answers.push_back(None);
    }

    /// All calls of `send` since the last take.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.inner().sent)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of a contact on this channel, as the channel would report it. The contact's
    /// name is its outside id.
    pub fn says(
        &self,
        contact: &str,
        key: impl Into<EventKey>,
        message: impl Into<Message>,
    ) -> Inbound {
        Inbound {
            key: key.into(),
            from: Address::new(self.id.clone(), contact),
            profile: Profile {
                name: Some(contact.into()),
                language: None,
            },
            body: InboundBody::Message(message.into()),
        }
    }
}

#[async_trait]
impl Channel for ScriptedChannel {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let mut inner = self.inner();
        let refused = inner.answers.pop_front().flatten();
        inner.sent.push(Sent {
            to: outbound.to.clone(),
            message: outbound.message.clone(),
            key: outbound.key,
            attempt: outbound.attempt,
            refused,
        });
        match refused {
            None => Ok(Receipt::default()),
            Some(class) => Err(SendError::new(class, "scripted")),
        }
    }

    async fn listen(&self, _ingest: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}
