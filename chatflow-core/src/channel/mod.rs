//! Room 6: the transport contract.
//!
//! ```text
//!  outside ── listen ──► Inbound ──► ingest.receive ──► durable ──► acknowledged outside
//!  outside ◄── send ◄── Outbound (checked against the capabilities) ◄── outbox
//! ```
//!
//! **The law: an event is acknowledged to the outside only after `receive` has returned, and
//! an error says what to do next.** What a failed send means for the dialog is decided here,
//! so adapters can't disagree.

mod capabilities;
mod error;
mod inbound;
#[cfg(feature = "runtime")]
mod terminal;

use async_trait::async_trait;

pub use capabilities::Capabilities;
pub use error::{ListenError, SendError, SendErrorClass};
pub use inbound::{Inbound, InboundBody, Ingest, IngestError};
#[cfg(feature = "runtime")]
pub use terminal::{Terminal, TerminalOutput};

use crate::dialog::{Address, ChannelId, EffectId, Message};

/// A means of receiving events and delivering effects.
///
/// Who implements it: adapters. Who calls: the worker. Methods may be called at once from many
/// tasks; of one dialog at most one message is under way.
///
/// # To be correct
/// - [`listen`](Channel::listen) acknowledges an update to the outside only after
///   [`Ingest::receive`] has returned `Ok` for it. An update delivered twice has the same key.
/// - [`send`](Channel::send) may be called again with the same key after a crash or an
///   [`Ambiguous`](SendErrorClass::Ambiguous) error. Where the outside takes client ids, pass
///   the key on, and the second send does nothing.
/// - Errors and logs carry neither content nor secrets.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// The channel account.
    fn id(&self) -> &ChannelId;

    /// What it can do, as data. The same answer every time.
    fn capabilities(&self) -> &Capabilities;

    /// Delivers one message.
    ///
    /// # Errors
    /// [`SendError`], whose class says what to do next.
    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError>;

    /// Receives until the outside has nothing more to say or `ingest` is closed. Called once.
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

    fn capabilities(&self) -> &Capabilities {
        (**self).capabilities()
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        (**self).send(outbound).await
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        (**self).listen(ingest).await
    }
}

/// A message on its way out.
#[derive(Debug, Clone)]
pub struct Outbound<'a> {
    /// Where to.
    pub to: &'a Address,
    /// What.
    pub message: &'a Message,
    /// Stable over all attempts.
    pub key: EffectId,
    /// Which try it is, from 1. Above 1, an earlier one may have arrived.
    pub attempt: u32,
}

/// The channel's proof of acceptance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The channel's own id of the message, where it gives one.
    pub id: Option<String>,
}
