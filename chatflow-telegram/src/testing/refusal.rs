use serde_json::{Value, json};

use super::settings::Wordings;

/// What a method gives: its result, or a refusal with Telegram's code and text.
pub(crate) type Outcome = Result<Value, Refusal>;

/// A request that Telegram answers with `"ok": false`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) description: String,
    pub(crate) parameters: Option<Value>,
}

impl Refusal {
    pub(crate) fn new(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            parameters: None,
        }
    }

    pub(crate) fn bad_request(text: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", text.as_ref()))
    }

    pub(crate) fn retry_after(seconds: u64) -> Self {
        Self {
            parameters: Some(json!({ "retry_after": seconds })),
            ..Self::new(429, format!("Too Many Requests: retry after {seconds}"))
        }
    }

    pub(crate) fn moved(wordings: Wordings, chat_id: i64) -> Self {
        Self {
            parameters: Some(json!({ "migrate_to_chat_id": chat_id })),
            ..Reason::Moved.refuse(wordings)
        }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "ok": false,
            "error_code": self.code,
            "description": self.description,
        });
        if let Some(parameters) = &self.parameters {
            body["parameters"] = parameters.clone();
        }
        body
    }
}

/// Why the server refuses, apart from how it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    AlbumEmpty,
    AlbumMixed,
    AlbumTooLong,
    Blocked,
    BusinessClosed,
    BusinessDisabled,
    BusinessForbidden,
    BusinessUnknown,
    ButtonData,
    ButtonUrl,
    CannotInitiate,
    CaptionTooLong,
    ChatIdEmpty,
    ChatNotFound,
    Deactivated,
    DeleteForbidden,
    DeleteNotFound,
    EditForbidden,
    EditNotFound,
    FileTooBig,
    FileUnknown,
    GroupDeleted,
    LoggedOut,
    MethodUnknown,
    Moved,
    NeedsAdministrator,
    NoRights,
    NotModified,
    OtherPoller,
    PeerInvalid,
    ReplyNotFound,
    SetWebhook,
    StaleCallback,
    TextButtons,
    TextEmpty,
    TextNotGiven,
    TextTooLong,
    ThreadNotFound,
    ToBot,
    TooLarge,
    TopicClosed,
    Unauthorized,
    WebhookActive,
}

impl Reason {
    pub(crate) fn refuse(self, wordings: Wordings) -> Refusal {
        let (code, old, new) = self.texts();
        Refusal::new(
            code,
            match wordings {
                Wordings::Old => old,
                Wordings::New => new,
            },
        )
    }

    /// Code, old text, new text.
    fn texts(self) -> (u16, &'static str, &'static str) {
        let same = |code, text| (code, text, text);
        match self {
            Self::AlbumEmpty => same(400, "Bad Request: there are no messages to send"),
            Self::AlbumMixed => (
                400,
                "Bad Request: MEDIA_GROUPED_INVALID",
                "Bad Request: can't use the media of the specified type in the album",
            ),
            Self::AlbumTooLong => same(400, "Bad Request: too many messages to send as an album"),
            Self::Blocked => (
                403,
                "Bot was blocked by the user",
                "Forbidden: bot was blocked by the user",
            ),
            Self::BusinessClosed => (
                400,
                "Bad Request: BUSINESS_PEER_USAGE_MISSING",
                "Bad Request: BUSINESS_PEER_INVALID",
            ),
            Self::BusinessDisabled => same(400, "Bad Request: BUSINESS_CONNECTION_INVALID"),
            Self::BusinessForbidden => same(400, "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED"),
            Self::BusinessUnknown => (
                400,
                "Bad Request: BUSINESS_CONNECTION_INVALID",
                "Bad Request: business connection not found",
            ),
            Self::ButtonData => same(400, "Bad Request: BUTTON_DATA_INVALID"),
            Self::ButtonUrl => same(400, "Bad Request: BUTTON_URL_INVALID"),
            Self::CannotInitiate => (
                403,
                "Unauthorized: bot can't initiate conversation with a user",
                "Forbidden: bot can't initiate conversation with a user",
            ),
            Self::CaptionTooLong => (
                400,
                "Bad Request: MEDIA_CAPTION_TOO_LONG",
                "Bad Request: message caption is too long",
            ),
            Self::ChatIdEmpty => same(400, "Bad Request: chat_id is empty"),
            Self::ChatNotFound => same(400, "Bad Request: chat not found"),
            Self::Deactivated => same(403, "Forbidden: user is deactivated"),
            Self::DeleteForbidden => (
                400,
                "Bad Request: message can't be deleted",
                "Bad Request: message can't be deleted for everyone",
            ),
            Self::DeleteNotFound => same(400, "Bad Request: message to delete not found"),
            Self::EditForbidden => same(400, "Bad Request: message can't be edited"),
            Self::EditNotFound => (
                400,
                "Bad Request: MESSAGE_ID_INVALID",
                "Bad Request: message to edit not found",
            ),
            Self::FileTooBig => same(400, "Bad Request: file is too big"),
            Self::FileUnknown => (
                400,
                "Bad Request: invalid file_id",
                "Bad Request: wrong file_id or the file is temporarily unavailable",
            ),
            Self::GroupDeleted => same(403, "Forbidden: the group chat was deleted"),
            Self::LoggedOut => same(400, "Logged out"),
            Self::MethodUnknown => (404, "Not Found", "Not Found: method not found"),
            Self::Moved => (
                400,
                "Bad Request: group chat was migrated to a supergroup chat",
                "Bad Request: group chat was upgraded to a supergroup chat",
            ),
            Self::NeedsAdministrator => same(
                400,
                "Bad Request: need administrator rights in the channel chat",
            ),
            Self::NoRights => (
                400,
                "Bad Request: have no rights to send a message",
                "Bad Request: not enough rights to send text messages to the chat",
            ),
            Self::NotModified => (
                400,
                "Bad Request: message is not modified",
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
            ),
            Self::OtherPoller => (
                409,
                "Conflict: terminated by other long poll or webhook",
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            ),
            Self::PeerInvalid => same(400, "Bad Request: PEER_ID_INVALID"),
            Self::ReplyNotFound => (
                400,
                "Bad Request: reply message not found",
                "Bad Request: message to be replied not found",
            ),
            Self::SetWebhook => same(409, "Conflict: terminated by setWebhook request"),
            Self::StaleCallback => (
                400,
                "Bad Request: query is too old and response timeout expired or query id is invalid",
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            ),
            Self::TextButtons => (
                400,
                "Bad Request: text buttons are unallowed in the inline keyboard",
                "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ),
            Self::TextEmpty => (
                400,
                "Bad Request: message text is empty",
                "Bad Request: text must be non-empty",
            ),
            Self::TextNotGiven => same(400, "Bad Request: message text is empty"),
            Self::TextTooLong => (
                400,
                "Bad Request: MESSAGE_TOO_LONG",
                "Bad Request: message is too long",
            ),
            Self::ThreadNotFound => same(400, "Bad Request: message thread not found"),
            Self::ToBot => (
                403,
                "Unauthorized: bot can't send messages to bots",
                "Forbidden: bot can't send messages to bots",
            ),
            Self::TooLarge => same(413, "Request Entity Too Large"),
            Self::TopicClosed => same(400, "Bad Request: TOPIC_CLOSED"),
            Self::Unauthorized => same(401, "Unauthorized"),
            Self::WebhookActive => (
                409,
                "Conflict: can't use getUpdates method while webhook is active",
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::error_corpus;

    /// What the server says must be in the corpus, or an adapter would meet here a text that its
    /// classifier was never shown.
    #[test]
    fn every_reason_is_in_the_corpus_of_errors_in_both_wordings() {
        for reason in ALL {
            for wordings in [Wordings::Old, Wordings::New] {
                let refusal = reason.refuse(wordings);
                let found = error_corpus().iter().any(|case| {
                    let body = serde_json::from_str::<Value>(&case.body).unwrap_or_default();
                    case.status == refusal.code && body["description"] == refusal.description
                });
                assert!(found, "{} {}", refusal.code, refusal.description);
            }
        }
    }

    const ALL: &[Reason] = &[
        Reason::AlbumEmpty,
        Reason::AlbumMixed,
        Reason::AlbumTooLong,
        Reason::Blocked,
        Reason::BusinessClosed,
        Reason::BusinessDisabled,
        Reason::BusinessForbidden,
        Reason::BusinessUnknown,
        Reason::ButtonData,
        Reason::ButtonUrl,
        Reason::CannotInitiate,
        Reason::CaptionTooLong,
        Reason::ChatIdEmpty,
        Reason::ChatNotFound,
        Reason::Deactivated,
        Reason::DeleteForbidden,
        Reason::DeleteNotFound,
        Reason::EditForbidden,
        Reason::EditNotFound,
        Reason::FileTooBig,
        Reason::FileUnknown,
        Reason::GroupDeleted,
        Reason::LoggedOut,
        Reason::MethodUnknown,
        Reason::Moved,
        Reason::NeedsAdministrator,
        Reason::NoRights,
        Reason::NotModified,
        Reason::OtherPoller,
        Reason::PeerInvalid,
        Reason::ReplyNotFound,
        Reason::SetWebhook,
        Reason::StaleCallback,
        Reason::TextButtons,
        Reason::TextEmpty,
        Reason::TextNotGiven,
        Reason::TextTooLong,
        Reason::ThreadNotFound,
        Reason::ToBot,
        Reason::TooLarge,
        Reason::TopicClosed,
        Reason::Unauthorized,
        Reason::WebhookActive,
    ];
}
