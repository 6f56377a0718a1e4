//! What comes in.

use async_trait::async_trait;

use crate::dialog::{
    Address, ChannelId, EventKey, Message, OperatorId, Profile, RawBody, Reach, ReceiptState,
    Receipted, Text,
};

/// One report of the outside as it came, before anybody has understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawInbound {
    /// The channel account that received it.
    pub channel: ChannelId,
    /// The same report delivered twice has the same key, also after a restart.
    pub key: EventKey,
    /// What came, byte for byte. It is kept with what was made of it.
    pub body: RawBody,
}

/// One thing that a channel reports of one address.
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
    /// The contact wrote, or pressed an offered choice.
    Message(Message),
    /// The contact began, or began again, perhaps by a start link.
    Started {
        /// What the link carried.
        payload: Option<Text>,
        /// What the contact wrote by it, as the channel shows it.
        message: Message,
    },
    /// The contact changed an earlier message; its external id says which.
    Edited(Message),
    /// Somebody of ours wrote to the contact on the channel itself, outside of this program.
    OperatorWrote {
        /// Who.
        operator: OperatorId,
        /// What.
        message: Message,
    },
    /// Writing to the contact became possible or impossible.
    Reach(Reach),
    /// The address is another from now on.
    Moved(Address),
    /// What became of messages of ours.
    Receipt {
        /// Which.
        of: Receipted,
        /// What.
        state: ReceiptState,
    },
}

/// Where a channel hands in what it receives. The runner implements it.
#[async_trait]
pub trait Ingest: Send + Sync {
    /// Returns once the report is durable: only then acknowledge it to the outside. A second
    /// delivery of the same report is `Ok` too, and so is one that nobody understands: it is
    /// kept as it came.
    ///
    /// # Errors
    /// [`IngestError`]: it is not durable, so don't acknowledge it; offer it again later.
    async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError>;
}

/// What became of a report. It is durable in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ingested {
    /// It was handled, now or before.
    Handled,
    /// The engine took it and refused what it says, such as a text beyond the bot's limit; it is
    /// kept with the dialog.
    Refused,
    /// Nothing was made of it: of a kind that the adapter doesn't know, not readable, or for a
    /// dialog that can't take it now. It is kept as it came, see
    /// [`Store::unclaimed`](crate::Store::unclaimed).
    Unclaimed,
}

/// A report that was not made durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// Nothing can be taken now: the store is away. Offer it again.
    #[error("the report can't be taken now")]
    Unavailable {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
