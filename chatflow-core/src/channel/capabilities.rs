//! What a channel can do, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::channel::{RateLimits, SendError, SendErrorClass, TextUnit};
use crate::dialog::{ChoiceStyle, MediaKind, Moment, time};

/// What a channel can do. Core plans, cuts and refuses by it before the adapter is called.
///
/// Begin with a profile of a channel that is like yours, or with [`text`](Capabilities::text),
/// and change its fields.
///
/// ```
/// use chatflow_core::{Capabilities, TextUnit};
///
/// let mut capabilities = Capabilities::text();
/// capabilities.text_max = Some(160);
/// capabilities.unit = TextUnit::Utf16;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// How the channel counts the length of a text.
    pub unit: TextUnit,
    /// Longest text of one message, in units; none for no limit. Longer ones are cut.
    pub text_max: Option<usize>,
    /// Longest text under media, in units; none for no limit. A longer one follows the media.
    pub caption_max: Option<usize>,
    /// Whether texts can be formatted. Where they can't, they are sent without.
    pub formatting: bool,
    /// The kinds of media that can be sent, and how.
    pub media: BTreeMap<MediaKind, MediaLimits>,
    /// Most media in one message; 1 where each is a message of its own.
    pub album_max: usize,
    /// The choices that can be offered; none where they can't.
    pub choices: Option<ChoiceLimits>,
    /// Whether a message can be a reply to another.
    pub quotes: bool,
    /// What is done where the channel can't show something.
    pub fallback: Fallback,
    /// Whether it can show that a message is being written.
    pub typing: bool,
    /// Until how long after sending a text can be changed; none where it never can.
    pub edit_within: Option<Duration>,
    /// Until how long after sending a message can be taken back; none where it never can.
    pub delete_within: Option<Duration>,
    /// Whether it can show the contact that we have read.
    pub marks_read: bool,
    /// What it reports of messages of ours.
    pub receipts: Receipts,
    /// When we may write first.
    pub initiation: Initiation,
    /// Whether a bot on another platform that leads a contact of this channel can hand him over to
    /// people. Where it can't, a bot that wants to gets [`Unsupported`](crate::CallFailure), and
    /// its step goes on by `failure`; one that answers alone to the end may lead anywhere.
    pub handover: bool,
    /// Whether sending twice under one key arrives once.
    pub idempotent_send: bool,
    /// How long a send may take, such as the upload of a large file, where that is longer than
    /// the worker waits for anything else. What takes longer is given up as unknown.
    pub send_within: Duration,
    /// How much it takes.
    pub rates: RateLimits,
}

/// How media of one kind can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLimits {
    /// Largest file, in bytes; none where the channel sets no limit.
    pub bytes_max: Option<u64>,
    /// Whether a text can stand under it.
    pub caption: bool,
}

/// The choices that a channel can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChoiceLimits {
    /// Most choices of one message.
    pub most: usize,
    /// Longest choice, in the channel's units.
    pub label_max: usize,
    /// Whether they can be shown with the message. Where not, they are shown in the other way.
    pub inline: bool,
    /// Whether they can be shown in place of the contact's input.
    pub reply: bool,
}

/// What is done where a channel can't show something: choices, or a reply's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// It is written into the text.
    #[default]
    Degrade,
    /// The message is refused.
    Reject,
}

/// What a channel reports of messages of ours, the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Receipts {
    /// Nothing: that it took a message is all we know.
    #[default]
    None,
    /// That a message is on the contact's device.
    Delivered,
    /// That the contact has read a message.
    Read,
}

/// When we may write to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Initiation {
    /// At any time.
    #[default]
    Always,
    /// Once the contact has come to us, for ever after.
    AfterContact,
    /// For this long after the contact's last message.
    Within(Duration),
}

/// What can be done to a message, for a host's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MessageAction {
    /// Reply to it.
    Quote,
    /// Put another text in its place.
    Edit,
    /// Take it back.
    Delete,
    /// Show the contact that it was read.
    MarkRead,
}

impl MessageAction {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::Quote, Self::Edit, Self::Delete, Self::MarkRead];

    /// Its label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::MarkRead => "mark_read",
        }
    }
}

impl MediaLimits {
    /// Files of any size, with a text under them.
    pub const ANY: Self = Self {
        bytes_max: None,
        caption: true,
    };

    /// Files of at most this many mebibytes, with a text under them.
    pub const fn mebibytes(most: u64) -> Self {
        Self {
            bytes_max: Some(most << 20),
            caption: true,
        }
    }

    /// Takes the text under it away.
    #[must_use]
    pub const fn without_caption(mut self) -> Self {
        self.caption = false;
        self
    }
}

impl Capabilities {
    /// Text, media and choices without limits, and a bot on another platform may hand over to people;
    /// sending twice arrives twice.
    pub fn text() -> Self {
        Self {
            unit: TextUnit::Scalar,
            text_max: None,
            caption_max: None,
            formatting: false,
            media: MediaKind::ALL.map(|kind| (kind, MediaLimits::ANY)).into(),
            album_max: usize::MAX,
            choices: Some(ChoiceLimits {
                most: usize::MAX,
                label_max: usize::MAX,
                inline: true,
                reply: true,
            }),
            quotes: false,
            fallback: Fallback::Degrade,
            typing: false,
            edit_within: None,
            delete_within: None,
            marks_read: false,
            receipts: Receipts::None,
            initiation: Initiation::Always,
            handover: true,
            idempotent_send: false,
            send_within: Duration::ZERO,
            rates: RateLimits::default(),
        }
    }

    /// What can be done to a message on this channel, for a host's screen.
    pub fn actions(&self) -> Vec<MessageAction> {
        let can = |action: &MessageAction| match action {
            MessageAction::Quote => self.quotes,
            MessageAction::Edit => self.edit_within.is_some(),
            MessageAction::Delete => self.delete_within.is_some(),
            MessageAction::MarkRead => self.marks_read,
        };
        MessageAction::ALL.into_iter().filter(can).collect()
    }

    /// Whether the channel lets us write now to a contact that came to us last at `heard_at`.
    ///
    /// # Errors
    /// [`SendError`] of the class that the channel itself would answer with.
    pub fn may_write(&self, heard_at: Option<Moment>, now: Moment) -> Result<(), SendError> {
        let error = |class, detail: &str| Err(SendError::new(class, detail));
        match (self.initiation, heard_at) {
            (Initiation::Always, _) | (Initiation::AfterContact, Some(_)) => Ok(()),
            (Initiation::AfterContact | Initiation::Within(_), None) => error(
                SendErrorClass::CannotInitiate,
                "the contact has never written",
            ),
            (Initiation::Within(window), Some(heard_at)) if now <= time::add(heard_at, window) => {
                Ok(())
            }
            (Initiation::Within(_), Some(_)) => error(
                SendErrorClass::WindowClosed,
                "the contact's last message is too long ago",
            ),
        }
    }

    /// The style in which choices are shown that want to be shown in this one; none where
    /// there are no choices at all.
    pub(crate) fn style(&self, wanted: ChoiceStyle) -> Option<ChoiceStyle> {
        let limits = self.choices?;
        match (limits.inline, limits.reply) {
            (true, true) => Some(wanted),
            (true, false) => Some(ChoiceStyle::Inline),
            (false, true) => Some(ChoiceStyle::Reply),
            (false, false) => None,
        }
    }
}
