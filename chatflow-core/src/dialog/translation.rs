//! What is said in another language than the one it is written in.

use serde::{Deserialize, Serialize};

use crate::dialog::{Author, EffectId, Message, SendLane, Text};

/// A message's text in another language. What the contact sees is this; the original is kept
/// beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Translation {
    /// The language, such as `es` or `pt-BR`.
    pub language: String,
    /// The text.
    pub text: Text,
}

/// Into which language a dialog's messages are put.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TranslateTo {
    /// As the bot's settings say.
    #[default]
    AsBot,
    /// Into none: they are sent as they are written.
    Nothing,
    /// Into this one, such as `es` or `pt-BR`.
    Language(String),
}

impl TranslateTo {
    pub(crate) fn is_as_bot(&self) -> bool {
        *self == Self::AsBot
    }
}

/// Messages of one turn that wait for their translation. They go out in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingBatch {
    /// The call that translates them; none once it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<EffectId>,
    /// The language they are put into.
    pub language: String,
    /// The messages.
    pub messages: Vec<OutgoingMessage>,
}

/// A message that waits for its translation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMessage {
    /// The message.
    pub message: Message,
    /// The message in whose place it is put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<EffectId>,
    /// Who wrote it.
    pub author: Author,
    /// Whether automation decided it: a takeover takes it back.
    pub automatic: bool,
    /// Which messages go first where the channel can't take all at once.
    pub lane: SendLane,
}

/// What was read out of an earlier message of the contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Its media, as text.
    Recognised(EffectId),
    /// Its text, in our language.
    Translated(EffectId),
}
