//! Room 6: the transport contract.
//!
//! ```text
//!  outside ── listen ──► RawInbound ──► ingest.receive ──► decode ──► durable ──► acknowledged
//!  outside ◄── send ◄── part ◄── plan(message, capabilities) ◄── rate limiter ◄── outbox
//! ```
//!
//! **The law: an event is acknowledged to the outside only after `receive` has returned, and
//! an error says what to do next.** What a failed send means for the dialog is decided here,
//! so adapters can't disagree.

mod capabilities;
mod error;
mod files;
mod inbound;
mod outbound;
mod plan;
mod profiles;
mod rate;
mod split;
#[cfg(feature = "runtime")]
mod terminal;

use async_trait::async_trait;

pub use capabilities::{
    Capabilities, ChoiceLimits, Fallback, Initiation, MediaLimits, MessageAction, Receipts,
};
pub use error::{ListenError, NextTry, SendError, SendErrorClass};
pub use files::{MediaError, MediaFile, MediaStore};
pub use inbound::{Inbound, InboundBody, Ingest, IngestError, Ingested, RawInbound};
pub use outbound::{Action, Outbound, Receipt};
pub use plan::plan;
pub use rate::{Pacing, Rate, RateLimiter, RateLimits, Slot};
pub use split::TextUnit;
#[cfg(feature = "runtime")]
pub use terminal::{Terminal, TerminalOutput};

use crate::dialog::{Address, ChannelId, Media};

/// A means of receiving events and delivering effects.
///
/// Who implements it: adapters. Who calls: the worker. Methods may be called at once from many
/// tasks; of one dialog at most one message is under way.
///
/// # To be correct
/// - [`listen`](Channel::listen) acknowledges a report to the outside only after
///   [`Ingest::receive`] has returned `Ok` for it. A report delivered twice has the same key.
/// - [`decode`](Channel::decode) is pure and total: the same bytes always give the same, and no
///   bytes make it panic. What it doesn't understand gives an empty list, and is kept as it
///   came.
/// - [`send`](Channel::send) may be called again with the same key after a crash or an
///   [`Ambiguous`](SendErrorClass::Ambiguous) error. Where the outside takes client ids, pass
///   the key on, and the second send does nothing.
/// - What [`capabilities`](Channel::capabilities) declares is true at the limit and one above
///   it: core cuts and refuses by them, and calls the adapter only with what fits.
/// - Errors and logs carry neither content nor secrets.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// The channel account. It never changes: it is part of every stored address.
    fn id(&self) -> &ChannelId;

    /// What people call the account. It may change at any start.
    fn name(&self) -> &str {
        self.id().as_str()
    }

    /// What it can do, as data. The same answer every time.
    fn capabilities(&self) -> &Capabilities;

    /// Whose rate limit a message to this address counts against.
    fn pacing(&self, to: &Address) -> Pacing {
        Pacing {
            key: to.external_id().into(),
            is_group: false,
        }
    }

    /// What a report says, in order; nothing if it is of a kind that isn't known. The first has
    /// the report's key, the others that key with `#1`, `#2` and so on.
    fn decode(&self, raw: &RawInbound) -> Vec<Inbound>;

    /// Delivers one message, which fits the capabilities.
    ///
    /// # Errors
    /// [`SendError`], whose class says what to do next.
    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError>;

    /// Does something to a message that was sent, or shows that one is being written. Called
    /// only for what the capabilities declare.
    ///
    /// # Errors
    /// [`SendError`], whose class says what to do next.
    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        let _ = (to, action);
        Err(SendError::new(
            SendErrorClass::Unsupported,
            "the channel has no such action",
        ))
    }

    /// The file of media that came in by this channel.
    ///
    /// # Errors
    /// [`SendError`], whose class says what to do next: too large for the channel to hand out,
    /// or no longer there.
    async fn fetch(&self, media: &Media) -> Result<MediaFile, SendError> {
        let _ = media;
        Err(SendError::new(
            SendErrorClass::Unsupported,
            "the channel hands out no files",
        ))
    }

    /// Receives until the outside has nothing more to say or the future is dropped. Called once.
    ///
    /// # Errors
    /// [`ListenError`] where it can't go on.
    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError>;
}

#[async_trait]
impl<C: Channel + ?Sized> Channel for std::sync::Arc<C> {
    fn id(&self) -> &ChannelId {
        (**self).id()
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn capabilities(&self) -> &Capabilities {
        (**self).capabilities()
    }

    fn pacing(&self, to: &Address) -> Pacing {
        (**self).pacing(to)
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        (**self).decode(raw)
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        (**self).send(outbound).await
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        (**self).act(to, action).await
    }

    async fn fetch(&self, media: &Media) -> Result<MediaFile, SendError> {
        (**self).fetch(media).await
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        (**self).listen(ingest).await
    }
}
