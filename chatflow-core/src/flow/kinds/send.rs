//! Saying something.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::{ChoiceStyle, Media, MediaKind};
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
    pub(crate) media: Vec<Media>,
    pub(crate) choices: Vec<Texts>,
    pub(crate) choice_style: ChoiceStyle,
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
            media: vec![Media::new(kind, reference.into())],
            ..SendItem::default()
        })
    }

    /// A message of several media, in order: an album, where the channel has such.
    pub fn album(media: impl IntoIterator<Item = Media>) -> Self {
        Self::of(SendItem {
            media: media.into_iter().collect(),
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

    /// Sets where the choices of the message last added are shown.
    #[must_use]
    pub fn choice_style(mut self, style: ChoiceStyle) -> Self {
        if let Some(item) = self.items.last_mut() {
            item.choice_style = style;
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
    /// Several pictures as one message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    photos: Vec<String>,
    /// A place on the map, as `geo:LATITUDE,LONGITUDE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// A telephone number, as `tel:NUMBER`; `name` says whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    /// What the contact sees the file or the person called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Choices the contact can pick.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Texts>,
    /// Where they are shown.
    #[serde(skip_serializing_if = "ChoiceStyle::is_inline")]
    choice_style: ChoiceStyle,
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
            (MediaKind::Location, item.location),
            (MediaKind::Contact, item.contact),
        ];
        let several = item.photos.into_iter();
        let several = several.map(|reference| (MediaKind::Photo, Some(reference)));
        let is_album = several.len() > 0;
        let media = found.into_iter().chain(several);
        let mut media: Vec<Media> = media
            .filter_map(|(kind, reference)| Some(Media::new(kind, reference?)))
            .collect();
        if media.len() > 1 && !is_album
            || is_album && media.iter().any(|one| one.kind != MediaKind::Photo)
        {
            return Err("a message has one photo, video or the like; make a list of messages");
        }
        if media.is_empty() && item.text.is_none() {
            return Err("a message has a `text` or media such as `photo`");
        }
        for one in &media {
            if one.kind == MediaKind::Location && one.coordinates().is_none() {
                return Err("a `location` is written `geo:LATITUDE,LONGITUDE` in degrees");
            }
            if one.kind == MediaKind::Contact && (one.phone().is_none() || item.name.is_none()) {
                return Err("a `contact` is written `tel:NUMBER`, and has a `name`");
            }
        }
        match (item.name, media.as_mut_slice()) {
            (None, _) => {}
            (Some(name), [one]) => one.name = Some(name.into()),
            (Some(_), _) => return Err("a `name` wants one file or contact to name"),
        }
        Ok(Self {
            text: item.text,
            media,
            choices: item.choices,
            choice_style: item.choice_style,
        })
    }
}

impl From<&SendItem> for Item {
    fn from(item: &SendItem) -> Self {
        let mut out = Self {
            text: item.text.clone(),
            choices: item.choices.clone(),
            choice_style: item.choice_style,
            ..Self::default()
        };
        let references = item
            .media
            .iter()
            .map(|one| one.reference.as_str().to_owned());
        if item.media.len() > 1 {
            out.photos = references.collect();
        } else if let Some(media) = item.media.first() {
            let slot = match media.kind {
                MediaKind::Photo => &mut out.photo,
                MediaKind::Video => &mut out.video,
                MediaKind::Audio => &mut out.audio,
                MediaKind::Voice => &mut out.voice,
                MediaKind::RoundVideo => &mut out.round_video,
                MediaKind::Sticker => &mut out.sticker,
                MediaKind::Location => &mut out.location,
                MediaKind::Contact => &mut out.contact,
                MediaKind::File | MediaKind::Other => &mut out.file,
            };
            *slot = Some(media.reference.as_str().to_owned());
            out.name = media.name.as_ref().map(|name| name.as_str().to_owned());
        }
        out
    }
}

impl Serialize for SendItem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                text: Some(Texts::One(text)),
                media,
                choices,
                ..
            } if choices.is_empty() && media.is_empty() => text.serialize(to),
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
