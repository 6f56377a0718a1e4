//! Saying something.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::{Media, MediaKind};
use crate::flow::{StepKind, Texts};

/// Says one message or several, in order. Texts are [templates](crate::Template).
///
/// ```
/// use chatflow_core::{MediaKind, SendMessage};
///
/// let step = SendMessage::media(MediaKind::Photo, "shop.jpg")
///     .caption("Our shop")
///     .then(SendMessage::text("Come in?").choices(["Yes", "No"]));
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    pub(crate) items: Vec<SendItem>,
}

/// One message of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SendItem {
    pub(crate) text: Option<Texts>,
    pub(crate) media: Option<Media>,
    pub(crate) choices: Vec<Texts>,
}

impl SendMessage {
    /// Most messages of one step.
    pub const ITEMS_MAX: usize = 20;

    fn of(item: SendItem) -> Self {
        Self { items: vec![item] }
    }

    /// A message of this text.
    pub fn text(text: impl Into<Texts>) -> Self {
        Self::of(SendItem {
            text: Some(text.into()),
            ..SendItem::default()
        })
    }

    /// A message of this media, by the reference under which the channel or the host has it.
    pub fn media(kind: MediaKind, reference: impl Into<String>) -> Self {
        Self::of(SendItem {
            media: Some(Media::new(kind, reference.into())),
            ..SendItem::default()
        })
    }

    /// Puts a text under the media of the message last added.
    #[must_use]
    pub fn caption(mut self, text: impl Into<Texts>) -> Self {
        if let Some(item) = self.items.last_mut() {
            item.text = Some(text.into());
        }
        self
    }

    /// Adds choices to the message last added; the contact can pick one, and a router further
    /// on takes the pick.
    #[must_use]
    pub fn choices(mut self, choices: impl IntoIterator<Item = impl Into<Texts>>) -> Self {
        if let Some(item) = self.items.last_mut() {
            item.choices.extend(choices.into_iter().map(Into::into));
        }
        self
    }

    /// Says this too, after what is there.
    #[must_use]
    pub fn then(mut self, more: Self) -> Self {
        self.items.extend(more.items);
        self
    }
}

impl From<SendMessage> for StepKind {
    fn from(kind: SendMessage) -> Self {
        Self::Send(kind)
    }
}

/// The form of a message in a file, where it isn't just a text.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "message")
)]
#[serde(deny_unknown_fields, default)]
struct Item {
    /// What is said; the caption, where there is media.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Texts>,
    /// A picture: the channel's or the host's reference of the file, or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<String>,
    /// A video.
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<String>,
    /// Music or another sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<String>,
    /// A voice message.
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<String>,
    /// A short round video.
    #[serde(skip_serializing_if = "Option::is_none")]
    round_video: Option<String>,
    /// Any file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// A sticker.
    #[serde(skip_serializing_if = "Option::is_none")]
    sticker: Option<String>,
    /// Choices the contact can pick.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Texts>,
}

impl TryFrom<Item> for SendItem {
    type Error = &'static str;

    fn try_from(item: Item) -> Result<Self, &'static str> {
        let found = [
            (MediaKind::Photo, item.photo),
            (MediaKind::Video, item.video),
            (MediaKind::Audio, item.audio),
            (MediaKind::Voice, item.voice),
            (MediaKind::RoundVideo, item.round_video),
            (MediaKind::File, item.file),
            (MediaKind::Sticker, item.sticker),
        ];
        let mut media = found
            .into_iter()
            .filter_map(|(kind, reference)| Some(Media::new(kind, reference?)));
        let (first, second) = (media.next(), media.next());
        if second.is_some() {
            return Err("a message has one photo, video or the like; make a list of messages");
        }
        if first.is_none() && item.text.is_none() {
            return Err("a message has a `text` or media such as `photo`");
        }
        Ok(Self {
            text: item.text,
            media: first,
            choices: item.choices,
        })
    }
}

impl From<&SendItem> for Item {
    fn from(item: &SendItem) -> Self {
        let mut out = Self {
            text: item.text.clone(),
            choices: item.choices.clone(),
            ..Self::default()
        };
        if let Some(media) = &item.media {
            let slot = match media.kind {
                MediaKind::Photo => &mut out.photo,
                MediaKind::Video => &mut out.video,
                MediaKind::Audio => &mut out.audio,
                MediaKind::Voice => &mut out.voice,
                MediaKind::RoundVideo => &mut out.round_video,
                MediaKind::Sticker => &mut out.sticker,
                MediaKind::File | MediaKind::Other => &mut out.file,
            };
            *slot = Some(media.reference.as_str().to_owned());
        }
        out
    }
}

impl Serialize for SendItem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                text: Some(Texts::One(text)),
                media: None,
                choices,
            } if choices.is_empty() => text.serialize(to),
            item => Item::from(item).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for SendItem {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SendItem;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a map with `text`, media such as `photo`, and `choices`")
            }

            fn visit_str<E>(self, text: &str) -> Result<SendItem, E> {
                Ok(SendItem {
                    text: Some(text.into()),
                    ..SendItem::default()
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SendItem, A::Error> {
                let item = Item::deserialize(de::value::MapAccessDeserializer::new(map))?;
                item.try_into().map_err(de::Error::custom)
            }
        }

        from.deserialize_any(Visitor)
    }
}

impl Serialize for SendMessage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.items.as_slice() {
            [item] => item.serialize(to),
            items => items.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for SendMessage {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SendMessage;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a message or a list of messages")
            }

            fn visit_str<E>(self, text: &str) -> Result<SendMessage, E> {
                Ok(SendMessage::text(text))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SendMessage, A::Error> {
                SendItem::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(SendMessage::of)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<SendMessage, A::Error> {
                let items = Vec::deserialize(de::value::SeqAccessDeserializer::new(list))?;
                Ok(SendMessage { items })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(SendItem, "message_or_text", Item);
