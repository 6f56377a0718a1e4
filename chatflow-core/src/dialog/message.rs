//! What is said, by either side.

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{EffectId, OperatorId, Text};

/// Text exchanged in a dialog, with the choices it offers or the choice it presses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    text: Text,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Text>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pressed: bool,
}

impl Message {
    /// A message of plain text.
    pub fn new(text: impl Into<Text>) -> Self {
        Self {
            text: text.into(),
            choices: Vec::new(),
            pressed: false,
        }
    }

    /// The contact's pressing of an offered choice; its text is the choice's.
    pub fn pressed(choice: impl Into<Text>) -> Self {
        Self {
            text: choice.into(),
            choices: Vec::new(),
            pressed: true,
        }
    }

    /// Adds choices that the contact can pick.
    #[must_use]
    pub fn with_choices(mut self, choices: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.choices.extend(choices.into_iter().map(Into::into));
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The choices it offers.
    pub fn choices(&self) -> impl ExactSizeIterator<Item = &str> {
        self.choices.iter().map(Text::as_str)
    }

    /// Whether the contact pressed an offered choice rather than typed.
    pub fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Bytes of text in it, for the limits.
    pub fn weight(&self) -> usize {
        self.text.len() + self.choices.iter().map(Text::len).sum::<usize>()
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Which side a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The contact's.
    Contact,
    /// Ours: automation or an operator.
    Us,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The contact.
    Contact,
    /// Automation.
    Automation,
    /// An operator.
    Operator(OperatorId),
}

impl Author {
    /// The author's side.
    pub fn side(&self) -> Side {
        match self {
            Self::Contact => Side::Contact,
            Self::Automation | Self::Operator(_) => Side::Us,
        }
    }
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The turn it belongs to and its place there: 0 for what came in; for one of ours it is
    /// the effect's id.
    pub id: EffectId,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub message: Message,
    /// When the turn was.
    #[serde(with = "time::millis")]
    pub at: Moment,
}
