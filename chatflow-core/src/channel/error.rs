//! Errors that say what to do next.

use std::time::Duration;

use crate::dialog::{Cause, FailureClass};

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

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorClass {
    /// It may pass: try again, not before this time if one is given.
    #[error("a passing failure")]
    Transient {
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// Nobody knows whether it arrived. It is tried again under the same key.
    #[error("the outcome is unknown")]
    Ambiguous,
    /// The whole channel is down: account closed, token refused, output gone.
    #[error("the channel is down")]
    ChannelDown,
    /// The contact blocked us, or his account is gone.
    #[error("the contact blocked us")]
    Blocked,
    /// The contact has to write first.
    #[error("the contact has to write first")]
    CannotInitiate,
    /// We were removed from the place, or it is gone.
    #[error("we were removed")]
    Removed,
    /// The channel doesn't know the address.
    #[error("the channel doesn't know the address")]
    UnknownRecipient,
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

impl SendErrorClass {
    /// Whether trying again can help.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Transient { .. } | Self::Ambiguous | Self::ChannelDown
        )
    }

    /// What giving the message up for this reason means for the dialog.
    pub const fn dialog_effect(self) -> FailureClass {
        match self {
            Self::Transient { .. } | Self::Ambiguous | Self::ChannelDown => FailureClass::Exhausted,
            Self::Blocked => FailureClass::Blocked,
            Self::CannotInitiate => FailureClass::CannotWrite(Cause::CannotInitiate),
            Self::Removed => FailureClass::CannotWrite(Cause::Removed),
            Self::UnknownRecipient => FailureClass::CannotWrite(Cause::UnknownRecipient),
            Self::TooLarge | Self::Unsupported | Self::Invalid => FailureClass::Content,
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
        channel: crate::dialog::ChannelId,
        /// What happened, without content and secrets.
        detail: String,
    },
    /// An event could not be made durable, so it was not acknowledged either.
    #[error("an event could not be stored")]
    Ingest(#[from] crate::channel::IngestError),
}
