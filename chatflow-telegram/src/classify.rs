//! What to do after a failure.
//!
//! Telegram gives a code and a sentence. Codes are coarse: 400 and 403 stand for almost
//! everything. Sentences change without notice, and old ones are still met. So both are looked
//! at, sentences by the words that stayed. **What isn't known is never tried again: a message
//! that Telegram will always refuse must not hold up those behind it.**

use std::time::Duration;

use chatflow_core::{ChannelId, SendError, SendErrorClass};

use crate::address::Place;
use crate::transport::{Failure, Refusal};

/// The error of a send to `place`, or of a request that concerns none.
pub(crate) fn send_error(
    failure: &Failure,
    place: Option<&Place>,
    channel: &ChannelId,
) -> SendError {
    SendError::new(classify(failure, place, channel), failure.detail())
}

/// What to do next.
pub(crate) fn classify(
    failure: &Failure,
    place: Option<&Place>,
    channel: &ChannelId,
) -> SendErrorClass {
    let refusal = match failure {
        Failure::NotSent { .. } => return transient(None),
        Failure::NoAnswer { .. } => return SendErrorClass::Ambiguous,
        Failure::NotTelegram {
            status,
            retry_after,
        } => return class_of_page(*status, *retry_after),
        Failure::Refused(refusal) => refusal,
    };
    if let (Some(place), Some(chat)) = (place, refusal.migrate_to) {
        return SendErrorClass::Moved(place.moved_to(chat).address(channel));
    }
    let words = words_of(&refusal.description);
    if is_flood(refusal, &words) {
        return transient(refusal.retry_after.or_else(|| seconds_in(&words)));
    }
    if refusal.code >= 500 {
        return transient(refusal.retry_after);
    }
    class_of_words(&words)
        .or_else(|| class_of_code(refusal.code))
        .unwrap_or(SendErrorClass::Invalid)
}

/// Whether a change was refused because it changes nothing: it is as it should be.
pub(crate) fn is_not_modified(failure: &Failure) -> bool {
    says(
        failure,
        &["message is not modified", "message_not_modified"],
    )
}

/// Whether a message was to be taken back that is gone already.
pub(crate) fn is_gone_already(failure: &Failure) -> bool {
    says(failure, &["message to delete not found"])
}

/// Whether the message has a text where we thought it had media, or the other way round.
pub(crate) fn is_of_other_kind(failure: &Failure) -> bool {
    let texts = [
        "there is no text in the message",
        "there is no caption in the message",
    ];
    says(failure, &texts)
}

/// Whether it was the formatting that was refused, so that the bare text may pass.
pub(crate) fn is_bad_formatting(failure: &Failure) -> bool {
    let texts = [
        "can't parse entities",
        "can't parse message text",
        "can't parse caption",
        "can't parse messageentit",
        "can't parse message entit",
        "entity_bounds_invalid",
        "entities_invalid",
        "entity beginning at",
    ];
    says(failure, &texts)
}

/// Whether a pressed choice was answered too late, which concerns nobody.
pub(crate) fn is_stale_callback(failure: &Failure) -> bool {
    says(
        failure,
        &[
            "query is too old",
            "query id is invalid",
            "query_id_invalid",
        ],
    )
}

/// Whether the person isn't known where he was looked for.
pub(crate) fn is_no_such_member(failure: &Failure) -> bool {
    let texts = [
        "user not found",
        "member not found",
        "participant_id_invalid",
        "user_not_participant",
        "user_id_invalid",
        "invalid user_id",
    ];
    says(failure, &texts)
}

fn says(failure: &Failure, texts: &[&str]) -> bool {
    let Failure::Refused(refusal) = failure else {
        return false;
    };
    let words = words_of(&refusal.description);
    texts.iter().any(|text| words.contains(text))
}

fn transient(seconds: Option<u64>) -> SendErrorClass {
    SendErrorClass::Transient {
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// The class of an answer that something other than Telegram gave, or that broke off.
fn class_of_page(status: u16, retry_after: Option<u64>) -> SendErrorClass {
    match status {
        // It was taken, and what became of it was lost on the way.
        200..=299 => SendErrorClass::Ambiguous,
        408 | 429 | 500.. => transient(retry_after),
        413 => SendErrorClass::TooLarge,
        400 | 402 | 405 | 406 | 409..=499 => SendErrorClass::Invalid,
        // We are sent elsewhere, or not let through: it is not the message's fault.
        _ => SendErrorClass::ChannelDown,
    }
}

/// Lower case, with one kind of apostrophe, single spaces and no heading.
fn words_of(description: &str) -> String {
    let lower = description.to_lowercase().replace(['’', '`'], "'");
    let words: Vec<&str> = lower.split_whitespace().collect();
    let mut words = words.join(" ");
    for heading in [
        "error: ",
        "[error] : ",
        "bad request: ",
        "forbidden: ",
        "conflict: ",
    ] {
        if let Some(rest) = words.strip_prefix(heading) {
            words = rest.to_owned();
        }
    }
    words
}

fn is_flood(refusal: &Refusal, words: &str) -> bool {
    matches!(refusal.code, 420 | 429)
        || words.starts_with("too many requests")
        || words.starts_with("flood")
}

/// The first number after the words that announce one.
fn seconds_in(words: &str) -> Option<u64> {
    let rest = ["retry after", "retry in", "flood_wait_", "wait of"]
        .iter()
        .find_map(|announcement| words.split_once(announcement))
        .map(|(_, rest)| rest.trim_start())?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// What sentences mean. The first that fits counts, so the narrower stand above the wider.
const SENTENCES: &[(SendErrorClass, &[&str])] = &[
    // Goes on with whatever of the message wasn't understood.
    (SendErrorClass::Invalid, &["can't parse"]),
    (
        SendErrorClass::Blocked,
        &["blocked by the user", "user_is_blocked", "user is blocked"],
    ),
    (
        SendErrorClass::Gone,
        &["user is deactivated", "user_deactivated", "user is deleted"],
    ),
    (
        SendErrorClass::CannotInitiate,
        &["initiate conversation", "initiate a conversation"],
    ),
    (
        SendErrorClass::InvalidTarget,
        &[
            "messages to bots",
            "message to bots",
            "messages to the bot",
            "user_is_bot",
        ],
    ),
    (
        SendErrorClass::WindowClosed,
        &[
            "business_peer_usage_missing",
            "business_peer_invalid",
            "24 hours",
            "24 h ",
        ],
    ),
    (
        SendErrorClass::ConnectionLost,
        &["business_connection", "business connection", "business bot"],
    ),
    (
        // Not even text: nothing can be sent there.
        SendErrorClass::NoRights,
        &["chat_send_plain"],
    ),
    (
        // What one person or place doesn't take; it takes other messages.
        SendErrorClass::Unsupported,
        &[
            "voice_messages_forbidden",
            "not enough rights to send photos",
            "not enough rights to send videos",
            "not enough rights to send video",
            "not enough rights to send voice",
            "not enough rights to send audios",
            "not enough rights to send music",
            "not enough rights to send documents",
            "not enough rights to send stickers",
            "not enough rights to send media",
            "chat_send_",
            "restricted receiving of",
            "method not found",
            "method is available only",
            "not supported",
            "unsupported",
        ],
    ),
    (
        SendErrorClass::NoRights,
        &[
            "not enough rights",
            "no rights",
            "no write access",
            "need administrator rights",
            "administrator rights",
            "chat_write_forbidden",
            "write_forbidden",
            "chat_admin_required",
            "chat_restricted",
            "user_restricted",
            "topic_closed",
            "topic is closed",
            "privacy_premium_required",
        ],
    ),
    (
        SendErrorClass::Removed,
        &[
            "was kicked",
            "not a member",
            "chat was deleted",
            "chat is deactivated",
            "group is deactivated",
            "chat_forbidden",
            "channel_private",
            "upgraded to a supergroup",
            "migrated to a supergroup",
            "topic_deleted",
            "message thread not found",
        ],
    ),
    (
        // Of a kind that nobody has seen yet; those that mean something else stand above.
        SendErrorClass::NoRights,
        &["_forbidden"],
    ),
    (
        SendErrorClass::UnknownRecipient,
        &[
            "chat not found",
            "chat_not_found",
            "user not found",
            "user_id_invalid",
            "peer_id_invalid",
            "peer id invalid",
            "chat_id_invalid",
            "invalid chat_id",
        ],
    ),
    (
        SendErrorClass::TooLarge,
        &[
            "too long",
            "too_long",
            "too big",
            "too_big",
            "too large",
            "too_large",
        ],
    ),
    (
        SendErrorClass::ChannelDown,
        &["logged out", "terminated by", "webhook is active"],
    ),
];

fn class_of_words(words: &str) -> Option<SendErrorClass> {
    SENTENCES
        .iter()
        .find(|(_, texts)| texts.iter().any(|text| words.contains(text)))
        .map(|(class, _)| class.clone())
}

fn class_of_code(code: u16) -> Option<SendErrorClass> {
    match code {
        // No token of anybody's, one that was taken back or isn't of this server; and another
        // program polls.
        401 | 404 | 409 | 421 => Some(SendErrorClass::ChannelDown),
        413 => Some(SendErrorClass::TooLarge),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(code: u16, description: &str) -> Failure {
        Failure::Refused(Refusal {
            code,
            description: description.to_owned(),
            detail: String::new(),
            retry_after: None,
            migrate_to: None,
        })
    }

    fn class(failure: &Failure) -> SendErrorClass {
        classify(
            failure,
            Some(&Place::of(-5)),
            &ChannelId::from("telegram:1"),
        )
    }

    #[test]
    fn sentences_are_known_in_old_and_new_words() {
        use SendErrorClass as Class;
        let cases = [
            (
                403,
                "Forbidden: bot was blocked by the user",
                Class::Blocked,
            ),
            (403, "Bot was blocked by the user", Class::Blocked),
            (403, "Forbidden: user is deactivated", Class::Gone),
            (
                403,
                "Unauthorized: bot can't initiate conversation with a user",
                Class::CannotInitiate,
            ),
            (
                403,
                "Forbidden: bot can’t  initiate conversation with a user",
                Class::CannotInitiate,
            ),
            (
                403,
                "Forbidden: bot can't send messages to bots",
                Class::InvalidTarget,
            ),
            (400, "Bad Request: PEER_ID_INVALID", Class::UnknownRecipient),
            (
                403,
                "Forbidden: bot was kicked from the supergroup chat",
                Class::Removed,
            ),
            (
                403,
                "Forbidden: bot is not a member of the channel chat",
                Class::Removed,
            ),
            (
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                Class::Removed,
            ),
            (
                400,
                "Bad Request: have no rights to send a message",
                Class::NoRights,
            ),
            (400, "Bad Request: TOPIC_CLOSED", Class::NoRights),
            (
                400,
                "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN",
                Class::Unsupported,
            ),
            (
                400,
                "Bad Request: VOICE_MESSAGES_FORBIDDEN",
                Class::Unsupported,
            ),
            (
                400,
                "Bad Request: BUSINESS_PEER_USAGE_MISSING",
                Class::WindowClosed,
            ),
            (
                400,
                "Bad Request: BUSINESS_CONNECTION_INVALID",
                Class::ConnectionLost,
            ),
            (
                400,
                "Bad Request: message caption is too long",
                Class::TooLarge,
            ),
            (413, "Request Entity Too Large", Class::TooLarge),
            (
                400,
                "Bad Request: can't parse entities: unclosed",
                Class::Invalid,
            ),
            (400, "Bad Request: BUTTON_DATA_INVALID", Class::Invalid),
            (400, "Bad Request: message text is empty", Class::Invalid),
            (
                403,
                "Forbidden: something that nobody has seen",
                Class::Invalid,
            ),
            (401, "Unauthorized", Class::ChannelDown),
            (404, "Not Found", Class::ChannelDown),
            (404, "Not Found: method not found", Class::Unsupported),
            (400, "Logged out", Class::ChannelDown),
            (
                409,
                "Conflict: terminated by setWebhook request",
                Class::ChannelDown,
            ),
            (
                500,
                "Internal Server Error: chat not found",
                transient(None),
            ),
            (
                429,
                "Too Many Requests: retry after 37",
                transient(Some(37)),
            ),
            (
                429,
                "Flood control exceeded. Retry in 8 seconds",
                transient(Some(8)),
            ),
            (420, "FLOOD_WAIT_11", transient(Some(11))),
            (429, "slow down", transient(None)),
        ];
        for (code, description, expected) in cases {
            assert_eq!(
                class(&refused(code, description)),
                expected,
                "{description}"
            );
        }
    }

    #[test]
    fn parameters_count_more_than_sentences() {
        let mut failure = refused(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
        );
        if let Failure::Refused(refusal) = &mut failure {
            refusal.migrate_to = Some(-1005);
            refusal.retry_after = Some(3);
        }
        let moved = Place::of(-1005).address(&ChannelId::from("telegram:1"));
        assert_eq!(class(&failure), SendErrorClass::Moved(moved));
        let nowhere = classify(&failure, None, &ChannelId::from("telegram:1"));
        assert_eq!(nowhere, SendErrorClass::Removed);
    }

    #[test]
    fn what_is_not_telegrams_goes_by_its_status() {
        let page = |status| {
            class(&Failure::NotTelegram {
                status,
                retry_after: Some(4),
            })
        };
        assert_eq!(page(200), SendErrorClass::Ambiguous);
        assert_eq!(page(502), transient(Some(4)));
        assert_eq!(page(413), SendErrorClass::TooLarge);
        assert_eq!(page(302), SendErrorClass::ChannelDown);
        // A proxy's 403 says nothing of the contact.
        assert_eq!(page(403), SendErrorClass::ChannelDown);
        assert_eq!(page(400), SendErrorClass::Invalid);
    }

    proptest! {
        #[test]
        fn an_unknown_refusal_is_never_tried_again(code in 400_u16..500, text in "[ -~]{0,60}") {
            prop_assume!(![401, 404, 409, 420, 421, 429].contains(&code));
            let class = class(&refused(code, &text));
            let words = words_of(&text);
            let announced = words.starts_with("too many requests") || words.starts_with("flood");
            prop_assert!(announced || class == SendErrorClass::ChannelDown || !class.is_retryable());
        }

        #[test]
        fn no_description_panics(code in any::<u16>(), text in any::<String>()) {
            let failure = refused(code, &format!("retry after {text}"));
            let _ = class(&failure);
            let _ = (is_not_modified(&failure), is_stale_callback(&failure));
        }
    }
}
