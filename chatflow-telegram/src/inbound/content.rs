//! What is in a message.

use chatflow_core::{ExternalId, Media, MediaKind, Message, Quote};

use crate::envelope::Object;
use crate::inbound::marks::marks;
use crate::inbound::media::{self, Found};

/// A message as the dialog gets it; `None` for one that only Telegram wrote, such as "pinned a
/// message".
pub(super) fn message(message: &Object<'_>) -> Option<Message> {
    let mut content = match message.words("text") {
        Some(text) => {
            let marks = marks(&text, &message.objects("entities"));
            Message::new(text).with_marks(marks)
        }
        None => with_media(message)?,
    };
    if let Some(id) = external_id(message) {
        content = content.with_external_id(id);
    }
    if let Some(quoted) = quoted(message) {
        content = content.quoting(Quote::External(quoted));
    }
    if let Some(album) = message.words("media_group_id") {
        content = content.of_album(ExternalId::from(album));
    }
    Some(content)
}

/// Telegram's id of a message. It gives nought to one that can't be referred to.
pub(super) fn external_id(message: &Object<'_>) -> Option<ExternalId> {
    let id = message.integer("message_id").filter(|id| *id != 0)?;
    Some(ExternalId::from(id.to_string()))
}

/// What stands on the button with this data. `None` where the message is too old to be sent
/// with the press, or has changed since.
pub(super) fn label_of(message: &Object<'_>, data: &str) -> Option<String> {
    let buttons = message
        .object("reply_markup")?
        .nested_objects("inline_keyboard");
    let button = buttons
        .into_iter()
        .find(|button| button.text("callback_data").as_deref() == Some(data))?;
    button.words("text")
}

fn with_media(message: &Object<'_>) -> Option<Message> {
    let caption = || {
        let text = message.words("caption").unwrap_or_default();
        let marks = marks(&text, &message.objects("caption_entities"));
        Message::new(text).with_marks(marks)
    };
    match media::find(message) {
        Found::Media(media) => Some(caption().with_media(media)),
        Found::Venue(place, title) => {
            let content = Message::new(title.unwrap_or_default());
            Some(content.with_media(place))
        }
        Found::Nothing if SERVICE.iter().any(|field| message.has(field)) => None,
        Found::Nothing => {
            let kind = OTHER.iter().find(|field| message.has(field));
            let kind = kind.copied().unwrap_or("unknown");
            // No file is behind it; the reference says what it was.
            let media = Media::new(MediaKind::Other, format!("telegram-other:{kind}"));
            Some(caption().with_media(media))
        }
    }
}

/// The topic that a message is in.
pub(super) fn topic(message: &Object<'_>) -> Option<i64> {
    message
        .integer("message_thread_id")
        .filter(|_| message.flag("is_topic_message") == Some(true))
}

/// The message it replies to. In a topic everything replies to the opening of the topic unless it
/// replies to something else.
fn quoted(message: &Object<'_>) -> Option<ExternalId> {
    let replied = message.object("reply_to_message")?;
    let quoted = external_id(&replied)?;
    let is_opening = replied.has("forum_topic_created")
        || topic(message).is_some_and(|topic| topic.to_string() == quoted.as_str());
    (!is_opening).then_some(quoted)
}

/// Content that we have no kind of our own for.
const OTHER: [&str; 19] = [
    "poll",
    "dice",
    "game",
    "story",
    "paid_media",
    "checklist",
    "gift",
    "unique_gift",
    "gift_upgrade_sent",
    "giveaway",
    "giveaway_winners",
    "invoice",
    "successful_payment",
    "refunded_payment",
    "web_app_data",
    "users_shared",
    "chat_shared",
    "passport_data",
    "live_photo",
];

/// What Telegram writes by itself, and nobody says.
const SERVICE: [&str; 46] = [
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "message_auto_delete_timer_changed",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
    "connected_website",
    "write_access_allowed",
    "proximity_alert_triggered",
    "boost_added",
    "chat_background_set",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "direct_message_price_changed",
    "paid_message_price_changed",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "giveaway_created",
    "giveaway_completed",
    "suggested_post_approved",
    "suggested_post_approval_failed",
    "suggested_post_declined",
    "suggested_post_paid",
    "suggested_post_refunded",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
    "chat_owner_left",
    "chat_owner_changed",
    "managed_bot_created",
    "poll_option_added",
    "poll_option_deleted",
    // Of years before.
    "new_chat_member",
    "voice_chat_started",
    "voice_chat_ended",
];
