//! What comes in.

use async_trait::async_trait;

use crate::dialog::{Address, EventKey, Message, Profile, Reach};

/// One thing that a channel reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The same thing reported twice has the same key.
    pub key: EventKey,
    /// Whose it is.
    pub from: Address,
    /// What the channel tells of the person.
    pub profile: Profile,
    /// What happened.
    pub body: InboundBody,
}

/// The kinds of report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InboundBody {
    /// The contact wrote.
    Message(Message),
    /// Writing to the contact became possible or impossible.
    Reach(Reach),
}

/// Where a channel hands in what it receives. The runner implements it.
#[async_trait]
pub trait Ingest: Send + Sync {
    /// Returns once the event is durable: only then acknowledge it to the outside. A second
    /// report of the same thing is `Ok` too.
    ///
    /// # Errors
    /// [`IngestError`]: it is not durable, so don't acknowledge it; offer it again later.
    async fn receive(&self, inbound: Inbound) -> Result<(), IngestError>;
}

/// An event that was not made durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// It can't be taken at all: offering it again won't help. Nothing of it is stored.
    #[error("the event is not well formed: {reason}")]
    Malformed {
        /// What is wrong with it, without content.
        reason: String,
    },
    /// Only its dialog can't take it now: its stored form can't be read, or others keep changing
    /// it. Put this event aside and go on with other dialogs' events; offer it again later.
    #[error("the dialog can't take the event now")]
    DialogUnavailable {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing can be taken now: the store is away. Offer it again.
    #[error("the event can't be taken now")]
    Unavailable {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
