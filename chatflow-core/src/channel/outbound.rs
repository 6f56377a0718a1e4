//! What goes out.

use crate::dialog::{Address, EffectId, ExternalId, Message};

/// A message on its way out, or one part of it: what the plan made of it for this channel.
#[derive(Debug, Clone)]
pub struct Outbound<'a> {
    /// Where to.
    pub to: &'a Address,
    /// What. It fits the channel's capabilities.
    pub message: &'a Message,
    /// The message it replies to, by the channel's own id.
    pub quotes: Option<&'a ExternalId>,
    /// Stable over all attempts.
    pub key: EffectId,
    /// Which part of the message it is, from 0. The key and the part together are stable.
    pub part: u32,
    /// Which try of this part it is, from 1. Above 1, an earlier one may have arrived.
    pub attempt: u32,
}

/// The channel's proof of acceptance of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The channel's own ids of the messages it made of it, in order; several for an album, none
    /// where it gives none.
    pub ids: Vec<ExternalId>,
}

impl Receipt {
    /// A receipt with one id.
    pub fn of(id: impl Into<ExternalId>) -> Self {
        Self {
            ids: vec![id.into()],
        }
    }
}

/// What can be done beside sending.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Shows for a few seconds that a message is being written.
    Typing,
    /// Puts another text in place of a sent one's; its choices go with it.
    Edit {
        /// The message sent, by the channel's own id.
        id: &'a ExternalId,
        /// Its new form.
        message: &'a Message,
    },
    /// Takes a sent message back.
    Delete {
        /// The message sent, by the channel's own id.
        id: &'a ExternalId,
    },
    /// Shows the contact that we have read up to this message.
    MarkRead {
        /// The message received, by the channel's own id.
        id: &'a ExternalId,
    },
}
