//! What well-known channels can do.
//!
//! File sizes are those that the requirements name, in mebibytes; where a channel sets none,
//! there is none here. An adapter begins with its profile and changes what its account differs
//! in.

use std::time::Duration;

use crate::channel::{
    Capabilities, ChoiceLimits, Fallback, Initiation, MediaLimits, Rate, RateLimits, Receipts,
    TextUnit,
};
use crate::dialog::MediaKind;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// No channel names an end; whoever does sets his own.
const FOR_EVER: Duration = Duration::MAX;

/// Largest pictures, sounds, videos and other files, in mebibytes.
struct Sizes {
    image: Option<u64>,
    audio: Option<u64>,
    video: Option<u64>,
    other: Option<u64>,
}

fn media(sizes: &Sizes, kinds: &[MediaKind]) -> std::collections::BTreeMap<MediaKind, MediaLimits> {
    let limits = |kind: MediaKind| {
        let most = match kind {
            MediaKind::Photo => sizes.image,
            MediaKind::Audio | MediaKind::Voice => sizes.audio,
            MediaKind::Video | MediaKind::RoundVideo => sizes.video,
            _ => sizes.other,
        };
        let limits = most.map_or(MediaLimits::ANY, MediaLimits::mebibytes);
        match kind {
            MediaKind::Sticker
            | MediaKind::RoundVideo
            | MediaKind::Location
            | MediaKind::Contact => limits.without_caption(),
            _ => limits,
        }
    };
    kinds.iter().map(|kind| (*kind, limits(*kind))).collect()
}

const FILES: [MediaKind; 5] = [
    MediaKind::Photo,
    MediaKind::Video,
    MediaKind::Audio,
    MediaKind::Voice,
    MediaKind::File,
];

impl Capabilities {
    /// A Telegram bot: the contact has to begin; what becomes of messages is not reported.
    pub fn telegram_bot() -> Self {
        let sizes = Sizes {
            image: Some(10),
            audio: Some(50),
            video: Some(50),
            other: Some(50),
        };
        let kinds: Vec<_> = MediaKind::ALL
            .into_iter()
            .filter(|kind| *kind != MediaKind::Other)
            .collect();
        Self {
            unit: TextUnit::Utf16,
            text_max: Some(4096),
            caption_max: Some(1024),
            formatting: true,
            media: media(&sizes, &kinds),
            album_max: 10,
            choices: Some(ChoiceLimits {
                most: 100,
                label_max: 256,
                inline: true,
                reply: true,
            }),
            quotes: true,
            fallback: Fallback::Degrade,
            typing: true,
            edit_within: Some(FOR_EVER),
            delete_within: Some(2 * DAY),
            marks_read: false,
            receipts: Receipts::None,
            initiation: Initiation::AfterContact,
            handover: false,
            idempotent_send: false,
            send_within: SECOND * 330,
            rates: RateLimits {
                channel: Some(Rate {
                    count: 30,
                    per: SECOND,
                }),
                // One a second, of which three may come at once.
                address: Some(Rate {
                    count: 3,
                    per: SECOND * 3,
                }),
                group: Some(Rate {
                    count: 20,
                    per: SECOND * 60,
                }),
            },
        }
    }

    /// A Telegram bot that answers in the name of a business account: for a day after the
    /// contact's last message, and it can show that it has read.
    pub fn telegram_business() -> Self {
        Self {
            initiation: Initiation::Within(DAY),
            marks_read: true,
            edit_within: Some(2 * DAY),
            choices: Some(ChoiceLimits {
                most: 100,
                label_max: 256,
                inline: true,
                reply: false,
            }),
            ..Self::telegram_bot()
        }
    }

    /// A person's Telegram account: it may write first, sees what was read and offers no
    /// choices. There is no adapter for it here; a host's own begins with this.
    pub fn telegram_personal() -> Self {
        Self {
            choices: None,
            marks_read: true,
            receipts: Receipts::Read,
            initiation: Initiation::Always,
            ..Self::telegram_bot()
        }
    }

    /// Facebook Messenger and Instagram: of the messengers here the one that lets a bot on another
    /// platform hand a contact over.
    pub fn messenger() -> Self {
        let sizes = Sizes {
            image: Some(8),
            audio: Some(25),
            video: None,
            other: Some(25),
        };
        Self {
            text_max: Some(2000),
            media: without_captions(media(&sizes, &FILES)),
            album_max: 1,
            choices: Some(ChoiceLimits {
                most: 13,
                label_max: 20,
                inline: false,
                reply: true,
            }),
            typing: true,
            marks_read: true,
            receipts: Receipts::Read,
            initiation: Initiation::Within(DAY),
            ..Self::text()
        }
    }

    /// WhatsApp by the business interface.
    pub fn whatsapp_business() -> Self {
        let sizes = Sizes {
            image: Some(5),
            audio: Some(16),
            video: Some(16),
            other: Some(100),
        };
        Self {
            text_max: Some(4096),
            caption_max: Some(1024),
            media: media(&sizes, &whatsapp_kinds()),
            album_max: 1,
            choices: Some(ChoiceLimits {
                most: 10,
                label_max: 20,
                inline: true,
                reply: false,
            }),
            quotes: true,
            marks_read: true,
            receipts: Receipts::Read,
            initiation: Initiation::Within(DAY),
            handover: false,
            ..Self::text()
        }
    }

    /// WhatsApp by a linked telephone.
    pub fn whatsapp_qr() -> Self {
        let sizes = Sizes {
            image: Some(64),
            audio: Some(64),
            video: Some(64),
            other: Some(100),
        };
        Self {
            media: media(&sizes, &whatsapp_kinds()),
            choices: None,
            initiation: Initiation::Always,
            ..Self::whatsapp_business()
        }
    }

    /// VKontakte.
    pub fn vkontakte() -> Self {
        let sizes = Sizes {
            image: Some(50),
            audio: Some(8),
            video: None,
            other: Some(200),
        };
        Self {
            text_max: Some(4096),
            media: media(&sizes, &FILES),
            album_max: 10,
            choices: Some(ChoiceLimits {
                most: 40,
                label_max: 40,
                inline: true,
                reply: true,
            }),
            quotes: true,
            typing: true,
            edit_within: Some(DAY),
            delete_within: Some(DAY),
            marks_read: true,
            receipts: Receipts::Read,
            initiation: Initiation::AfterContact,
            handover: false,
            idempotent_send: true,
            ..Self::text()
        }
    }

    /// A chat on a site: sees what was read, and ends when the visitor leaves.
    pub fn site_chat() -> Self {
        Self {
            quotes: true,
            typing: true,
            edit_within: Some(FOR_EVER),
            delete_within: Some(FOR_EVER),
            receipts: Receipts::Read,
            initiation: Initiation::AfterContact,
            idempotent_send: true,
            ..Self::text()
        }
    }
}

fn whatsapp_kinds() -> Vec<MediaKind> {
    let more = [MediaKind::Sticker, MediaKind::Location, MediaKind::Contact];
    FILES.into_iter().chain(more).collect()
}

fn without_captions(
    media: std::collections::BTreeMap<MediaKind, MediaLimits>,
) -> std::collections::BTreeMap<MediaKind, MediaLimits> {
    media
        .into_iter()
        .map(|(kind, limits)| (kind, limits.without_caption()))
        .collect()
}
