//! What is exchanged beside text.

use serde::{Deserialize, Serialize};

use crate::dialog::Text;

/// A picture, a voice message or the like, by reference: the bytes stay where they are.
///
/// ```
/// use chatflow_core::{Media, MediaKind};
///
/// let shop = Media::new(MediaKind::Photo, "https://shop.example/front.jpg");
/// let place = Media::place(48.2082, 16.3738);
/// let card = Media::contact_card("+43 1 234567", "Front desk");
/// # let _ = (shop, place, card);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is: the channel's own id of the file, the host's, or an address; for a place a
    /// `geo:` address, for a contact card a `tel:` one. A secret, as whoever has it may have the
    /// file.
    pub reference: Text,
    /// Where a small picture of it is, for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Text>,
    /// How large the file is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The file's name, or the name of the person on a contact card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
}

impl Media {
    /// Media of a kind.
    pub fn new(kind: MediaKind, reference: impl Into<Text>) -> Self {
        Self {
            kind,
            reference: reference.into(),
            preview: None,
            bytes: None,
            name: None,
        }
    }

    /// A place on the map, by degrees north and east.
    pub fn place(latitude: f64, longitude: f64) -> Self {
        // Six digits are a tenth of a metre; channels give no more.
        Self::new(
            MediaKind::Location,
            format!("geo:{latitude:.6},{longitude:.6}"),
        )
    }

    /// A person's name and telephone number.
    pub fn contact_card(phone: &str, name: impl Into<Text>) -> Self {
        let number: String = phone
            .chars()
            .filter(|letter| letter.is_ascii_digit() || *letter == '+')
            .collect();
        Self::new(MediaKind::Contact, format!("tel:{number}")).with_name(name)
    }

    /// Names the file, or the person on a contact card.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says how large the file is.
    #[must_use]
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Says where a small picture of it is.
    #[must_use]
    pub fn with_preview(mut self, reference: impl Into<Text>) -> Self {
        self.preview = Some(reference.into());
        self
    }

    /// What to show at once: the small picture; a picture itself where there is no smaller one.
    pub fn preview(&self) -> Option<&str> {
        let itself = (self.kind == MediaKind::Photo).then_some(&self.reference);
        self.preview.as_ref().or(itself).map(Text::as_str)
    }

    /// Degrees north and east, of a place.
    pub fn coordinates(&self) -> Option<(f64, f64)> {
        let rest = self.reference.as_str().strip_prefix("geo:")?;
        let rest = rest.split(';').next()?;
        let mut numbers = rest.split(',').map(|number| number.trim().parse::<f64>());
        let (latitude, longitude) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let is_on_earth =
            (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_on_earth.then_some((latitude, longitude))
    }

    /// The telephone number on a contact card.
    pub fn phone(&self) -> Option<&str> {
        let number = self.reference.as_str().strip_prefix("tel:")?;
        (!number.is_empty()).then_some(number)
    }

    /// Bytes of text in it, for the limits.
    pub(crate) fn weight(&self) -> usize {
        let texts = [
            Some(&self.reference),
            self.preview.as_ref(),
            self.name.as_ref(),
        ];
        texts.into_iter().flatten().map(Text::len).sum()
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
    /// A place on the map.
    Location,
    /// A person's name and telephone number.
    Contact,
    /// What the channel has and this list hasn't: a poll, a game, a gift.
    Other,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Photo,
        Self::Video,
        Self::Audio,
        Self::Voice,
        Self::RoundVideo,
        Self::File,
        Self::Sticker,
        Self::Location,
        Self::Contact,
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
            Self::Location => "location",
            Self::Contact => "contact",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for MediaKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.label())
    }
}
