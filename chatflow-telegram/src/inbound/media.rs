//! Telegram's media as ours.

use chatflow_core::{Media, MediaKind};

use crate::envelope::Object;

/// What the references of Telegram's files begin with; its own id of the file follows.
pub(crate) const FILE: &str = "telegram:";

/// The media in a message.
pub(super) enum Found {
    /// This one.
    Media(Media),
    /// A place with a name, which stands where others have their caption.
    Venue(Media, Option<String>),
    /// None that we know.
    Nothing,
}

/// Looks for media. What Telegram sends twice for the sake of old bots is taken in its newer
/// form: an animation comes as a document too, and a venue as a location.
pub(super) fn find(message: &Object<'_>) -> Found {
    for (field, kind) in FILES {
        if let Some(media) = message.object(field).and_then(|file| media(kind, &file)) {
            return Found::Media(media);
        }
    }
    if let Some(photo) = photo(&message.objects("photo")) {
        return Found::Media(photo);
    }
    if let Some(venue) = message.object("venue")
        && let Some(place) = venue.object("location").and_then(|at| place(&at))
    {
        return Found::Venue(place, venue.words("title"));
    }
    if let Some(place) = message.object("location").and_then(|at| place(&at)) {
        return Found::Media(place);
    }
    if let Some(card) = message.object("contact").and_then(|card| contact(&card)) {
        return Found::Media(card);
    }
    Found::Nothing
}

const FILES: [(&str, MediaKind); 7] = [
    ("animation", MediaKind::Video),
    ("video", MediaKind::Video),
    ("audio", MediaKind::Audio),
    ("voice", MediaKind::Voice),
    ("video_note", MediaKind::RoundVideo),
    ("sticker", MediaKind::Sticker),
    ("document", MediaKind::File),
];

fn media(kind: MediaKind, file: &Object<'_>) -> Option<Media> {
    let mut media = file_of(kind, file)?;
    let preview = file
        .object("thumbnail")
        .and_then(|small| small.words("file_id"));
    if let Some(preview) = preview {
        media = media.with_preview(file_reference(&preview));
    }
    if let Some(name) = file.words("file_name") {
        media = media.with_name(name);
    }
    Some(media)
}

/// A photo comes in several sizes, in no promised order.
fn photo(sizes: &[Object<'_>]) -> Option<Media> {
    let area = |size: &Object<'_>| {
        let side = |name| size.integer(name).unwrap_or(0).max(0);
        side("width").saturating_mul(side("height"))
    };
    let mut usable: Vec<_> = sizes.iter().filter(|size| size.has("file_id")).collect();
    usable.sort_by_key(|size| area(size));
    let largest = file_of(MediaKind::Photo, usable.last()?)?;
    match usable.first().and_then(|small| small.words("file_id")) {
        Some(preview) if usable.len() > 1 => Some(largest.with_preview(file_reference(&preview))),
        _ => Some(largest),
    }
}

fn file_of(kind: MediaKind, file: &Object<'_>) -> Option<Media> {
    let media = Media::new(kind, file_reference(&file.words("file_id")?));
    let bytes = file
        .integer("file_size")
        .and_then(|size| u64::try_from(size).ok());
    Some(match bytes {
        Some(bytes) => media.with_bytes(bytes),
        None => media,
    })
}

fn place(location: &Object<'_>) -> Option<Media> {
    let (latitude, longitude) = (location.number("latitude")?, location.number("longitude")?);
    let is_on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    is_on_earth.then(|| Media::place(latitude, longitude))
}

fn contact(card: &Object<'_>) -> Option<Media> {
    let phone = card.words("phone_number")?;
    Some(Media::contact_card(
        &phone,
        super::full_name(card).unwrap_or_default(),
    ))
}

fn file_reference(id: &str) -> String {
    format!("{FILE}{id}")
}
