//! What is said, by either side.

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{EffectId, OperatorId, Text};

/// Text or media exchanged in a dialog, with the choices it offers or the choice it presses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    text: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media: Option<Media>,
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
            media: None,
            choices: Vec::new(),
            pressed: false,
        }
    }

    /// Media without a caption.
    pub fn media_of(media: Media) -> Self {
        Self {
            media: Some(media),
            ..Self::new("")
        }
    }

    /// The contact's pressing of an offered choice; its text is the choice's.
    pub fn pressed(choice: impl Into<Text>) -> Self {
        Self {
            pressed: true,
            ..Self::new(choice)
        }
    }

    /// Puts media beside the text, which is its caption then.
    #[must_use]
    pub fn with_media(mut self, media: Media) -> Self {
        self.media = Some(media);
        self
    }

    /// Adds choices that the contact can pick.
    #[must_use]
    pub fn with_choices(mut self, choices: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.choices.extend(choices.into_iter().map(Into::into));
        self
    }

    /// The text; the caption, where there is media.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The media in it.
    pub fn media(&self) -> Option<&Media> {
        self.media.as_ref()
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
        let media = self.media.as_ref().map_or(0, |media| media.reference.len());
        self.text.len() + media + self.choices.iter().map(Text::len).sum::<usize>()
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

/// A picture, a voice message or the like, by reference: the bytes stay where they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is: the channel's own id of the file, the host's, or an address. A secret, as
    /// whoever has it may have the file.
    pub reference: Text,
}

impl Media {
    /// Media of a kind.
    pub fn new(kind: MediaKind, reference: impl Into<Text>) -> Self {
        Self {
            kind,
            reference: reference.into(),
        }
    }
}

/// The kinds of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaKind {
    /// A picture.
    Photo,
    /// A video.
    Video,
    /// Music or another sound.
    Audio,
    /// A voice message.
    Voice,
    /// A short round video.
    RoundVideo,
    /// Any file.
    File,
    /// A sticker.
    Sticker,
    /// What the channel has and this list hasn't: a place, a poll, a game.
    Other,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Photo,
        Self::Video,
        Self::Audio,
        Self::Voice,
        Self::RoundVideo,
        Self::File,
        Self::Sticker,
        Self::Other,
    ];

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::RoundVideo => "round_video",
            Self::File => "file",
            Self::Sticker => "sticker",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for MediaKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
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
