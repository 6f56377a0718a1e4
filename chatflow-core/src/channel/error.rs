//! Errors that say what to do next.

use std::time::Duration;

use crate::dialog::{Address, ChannelId, FailureClass, FailureReason};

/// A message that was not delivered, or perhaps was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {detail}")]
pub struct SendError {
    /// What to do next.
    pub class: SendErrorClass,
    /// What the channel said, without content and secrets.
    pub detail: String,
}

impl SendError {
    /// An error of this class.
    pub fn new(class: SendErrorClass, detail: impl Into<String>) -> Self {
        Self {
            class,
            detail: detail.into(),
        }
    }
}

/// What kind of failure it was. What it means for the delivery and for the dialog is decided
/// here, so that adapters can't disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorClass {
    /// It may pass: try again, not before this time if one is given. Where it is, it holds for
    /// this address only.
    #[error("a passing failure")]
    Transient {
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// Nobody knows whether it arrived. It is tried again under the same key.
    #[error("the outcome is unknown")]
    Ambiguous,
    /// The whole channel is down: account closed, token refused, output gone. Nothing is given
    /// up for it; the channel rests and is tried again.
    #[error("the channel is down")]
    ChannelDown,
    /// The contact blocked us.
    #[error("the contact blocked us")]
    Blocked,
    /// The contact's account is gone. Treated like a block: he may come back and write.
    #[error("the contact's account is gone")]
    Gone,
    /// The contact has to write first.
    #[error("the contact has to write first")]
    CannotInitiate,
    /// It can't be written to at all, such as another bot.
    #[error("nobody can write to this address")]
    InvalidTarget,
    /// We were removed from the place, or it is gone.
    #[error("we were removed")]
    Removed,
    /// We may not write there.
    #[error("we have no right to write there")]
    NoRights,
    /// The visitor closed the window or left the site.
    #[error("the visitor has left")]
    VisitorLeft,
    /// The channel doesn't know the address.
    #[error("the channel doesn't know the address")]
    UnknownRecipient,
    /// The time within which the channel lets us answer is over.
    #[error("the time to answer is over")]
    WindowClosed,
    /// The account in whose name we write was taken from us.
    #[error("the connection to the account is lost")]
    ConnectionLost,
    /// The address is another now.
    #[error("the address has moved")]
    Moved(Address),
    /// The message is larger than the channel allows.
    #[error("the message is too large")]
    TooLarge,
    /// The channel can't do this.
    #[error("the channel can't do this")]
    Unsupported,
    /// The channel calls the message malformed.
    #[error("the message is malformed")]
    Invalid,
}

/// What becomes of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// It is tried again, as often as the retry policy says.
    Again,
    /// It is tried again without end, and without counting: it is not the message's fault.
    WhenItCan,
    /// It is tried again at once, at the new address.
    ThereInstead,
    /// It is given up.
    Never,
}

impl SendErrorClass {
    /// What becomes of the delivery.
    pub const fn next_try(&self) -> NextTry {
        match self {
            Self::Transient { .. } | Self::Ambiguous => NextTry::Again,
            Self::ChannelDown => NextTry::WhenItCan,
            Self::Moved(_) => NextTry::ThereInstead,
            Self::Blocked
            | Self::Gone
            | Self::CannotInitiate
            | Self::InvalidTarget
            | Self::Removed
            | Self::NoRights
            | Self::VisitorLeft
            | Self::UnknownRecipient
            | Self::WindowClosed
            | Self::ConnectionLost
            | Self::TooLarge
            | Self::Unsupported
            | Self::Invalid => NextTry::Never,
        }
    }

    /// Whether trying again can help.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self.next_try(), NextTry::Never)
    }

    /// What giving the message up for this reason means for the dialog.
    pub const fn dialog_effect(&self) -> FailureClass {
        self.reason().class()
    }

    /// What is kept of it beside a message that was given up.
    pub const fn reason(&self) -> FailureReason {
        match self {
            Self::Transient { .. } => FailureReason::Transient,
            Self::Ambiguous => FailureReason::Ambiguous,
            Self::ChannelDown | Self::Moved(_) => FailureReason::ChannelDown,
            Self::Blocked => FailureReason::Blocked,
            Self::Gone => FailureReason::Gone,
            Self::CannotInitiate => FailureReason::CannotInitiate,
            Self::InvalidTarget => FailureReason::InvalidTarget,
            Self::Removed => FailureReason::Removed,
            Self::NoRights => FailureReason::NoRights,
            Self::VisitorLeft => FailureReason::VisitorLeft,
            Self::UnknownRecipient => FailureReason::UnknownRecipient,
            Self::WindowClosed => FailureReason::WindowClosed,
            Self::ConnectionLost => FailureReason::ConnectionLost,
            Self::TooLarge => FailureReason::TooLarge,
            Self::Unsupported => FailureReason::Unsupported,
            Self::Invalid => FailureReason::Invalid,
        }
    }
}

/// Why a channel stopped listening.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The outside can't be read.
    #[error("channel `{channel}` can't be read: {detail}")]
    Input {
        /// The channel.
        channel: ChannelId,
        /// What happened, without content and secrets.
        detail: String,
    },
    /// The outside refuses our account: listening again won't help before somebody mends it.
    #[error("channel `{channel}` is refused: {detail}")]
    Refused {
        /// The channel.
        channel: ChannelId,
        /// What it said and what to do, without secrets.
        detail: String,
    },
    /// An event could not be made durable, so it was not acknowledged either.
    #[error("an event could not be stored")]
    Ingest(#[from] crate::channel::IngestError),
}
