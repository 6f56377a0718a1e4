use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Somebody Telegram knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// The user's id, which is also the id of the private chat.
    pub id: i64,
    /// The first name.
    pub first_name: String,
    /// The last name, if any.
    pub last_name: Option<String>,
    /// The user name without the at sign, if any.
    pub username: Option<String>,
    /// The language of the app, which Telegram only sometimes tells.
    pub language_code: Option<String>,
    /// Whether this is another bot.
    pub is_bot: bool,
}

impl Person {
    /// Somebody with a first name and nothing else.
    pub fn named(id: i64, first_name: &str) -> Self {
        Self {
            id,
            first_name: first_name.into(),
            last_name: None,
            username: None,
            language_code: None,
            is_bot: false,
        }
    }

    /// The same person with a user name.
    #[must_use]
    pub fn with_username(mut self, username: &str) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The same person with a last name.
    #[must_use]
    pub fn with_last_name(mut self, last_name: &str) -> Self {
        self.last_name = Some(last_name.into());
        self
    }

    /// The same person with an app in this language.
    #[must_use]
    pub fn with_language(mut self, language_code: &str) -> Self {
        self.language_code = Some(language_code.into());
        self
    }

    /// Another bot, to which this one can't write.
    #[must_use]
    pub fn bot(mut self) -> Self {
        self.is_bot = true;
        self
    }

    /// The `User` object.
    pub(crate) fn user(&self) -> Value {
        let mut user = json!({ "id": self.id, "is_bot": self.is_bot });
        self.add_names(&mut user);
        if let Some(code) = &self.language_code {
            user["language_code"] = code.clone().into();
        }
        user
    }

    fn add_names(&self, object: &mut Value) {
        object["first_name"] = self.first_name.clone().into();
        if let Some(name) = &self.last_name {
            object["last_name"] = name.clone().into();
        }
        if let Some(name) = &self.username {
            object["username"] = name.clone().into();
        }
    }

    /// The `Chat` object of the private chat.
    pub(crate) fn chat(&self) -> Value {
        let mut chat = json!({ "id": self.id });
        self.add_names(&mut chat);
        chat["type"] = "private".into();
        chat
    }
}

/// What kind of chat several people share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// A basic group: small, and turned into a supergroup one day.
    Group,
    /// A supergroup.
    Supergroup,
    /// A supergroup with topics.
    Forum,
    /// A channel, where the bot posts as an administrator.
    Channel,
}

impl GroupKind {
    /// The `type` of the `Chat` object.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Supergroup | Self::Forum => "supergroup",
            Self::Channel => "channel",
        }
    }
}

/// How the bot or a person belongs to a shared chat, as `ChatMember.status` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The owner.
    Creator,
    /// An administrator with all rights.
    Administrator,
    /// A plain member.
    Member,
    /// A member who may not write.
    Restricted,
    /// Not there, and free to come.
    Left,
    /// Thrown out.
    Kicked,
}

impl Membership {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::Administrator => "administrator",
            Self::Member => "member",
            Self::Restricted => "restricted",
            Self::Left => "left",
            Self::Kicked => "kicked",
        }
    }

    pub(crate) fn is_in(self) -> bool {
        !matches!(self, Self::Left | Self::Kicked)
    }

    /// The complete `ChatMember` object of this status.
    pub(crate) fn member(self, user: Value) -> Value {
        let mut member = json!({ "user": user, "status": self.label() });
        match self {
            Self::Creator => member["is_anonymous"] = false.into(),
            Self::Administrator => {
                member["can_be_edited"] = false.into();
                member["is_anonymous"] = false.into();
                for right in ADMINISTRATOR_RIGHTS {
                    member[*right] = true.into();
                }
            }
            Self::Restricted => {
                member["until_date"] = 0.into();
                member["is_member"] = true.into();
                for right in MEMBER_RIGHTS {
                    member[*right] = false.into();
                }
            }
            Self::Kicked => member["until_date"] = 0.into(),
            Self::Member | Self::Left => {}
        }
        member
    }
}

/// What the server keeps about a private chat.
#[derive(Clone, Debug)]
pub(crate) struct PrivateChat {
    pub(crate) person: Person,
    /// Whether the person has written to the bot before.
    pub(crate) started: bool,
    pub(crate) blocked: bool,
    pub(crate) deactivated: bool,
    /// Answer every send with `PEER_ID_INVALID`.
    pub(crate) broken: bool,
}

/// What the server keeps about a shared chat.
#[derive(Clone, Debug)]
pub(crate) struct SharedChat {
    pub(crate) id: i64,
    pub(crate) kind: GroupKind,
    pub(crate) title: String,
    pub(crate) username: Option<String>,
    pub(crate) bot: Membership,
    pub(crate) members: BTreeMap<i64, Membership>,
    pub(crate) deleted: bool,
    pub(crate) moved_to: Option<i64>,
    pub(crate) topics: BTreeMap<i64, String>,
    pub(crate) closed_topics: BTreeSet<i64>,
}

impl SharedChat {
    pub(crate) fn new(id: i64, kind: GroupKind, title: &str) -> Self {
        Self {
            id,
            kind,
            title: title.into(),
            username: None,
            bot: match kind {
                GroupKind::Channel => Membership::Administrator,
                _ => Membership::Member,
            },
            members: BTreeMap::new(),
            deleted: false,
            moved_to: None,
            topics: BTreeMap::new(),
            closed_topics: BTreeSet::new(),
        }
    }

    /// The `Chat` object.
    pub(crate) fn chat(&self) -> Value {
        let mut chat = json!({ "id": self.id, "title": self.title, "type": self.kind.label() });
        if let Some(username) = &self.username {
            chat["username"] = username.clone().into();
        }
        if self.kind == GroupKind::Forum {
            chat["is_forum"] = true.into();
        }
        if self.kind == GroupKind::Group {
            chat["all_members_are_administrators"] = true.into();
        }
        chat
    }
}

/// What the owner of a business account lets the bot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusinessRights {
    /// Write in chats that had an incoming message in the last 24 hours.
    pub can_reply: bool,
    /// Mark messages as read.
    pub can_read_messages: bool,
    /// Delete messages the bot sent.
    pub can_delete_sent_messages: bool,
}

impl Default for BusinessRights {
    /// Reply and read.
    fn default() -> Self {
        Self {
            can_reply: true,
            can_read_messages: true,
            can_delete_sent_messages: false,
        }
    }
}

impl BusinessRights {
    /// No right at all: the bot may only listen.
    pub fn none() -> Self {
        Self {
            can_reply: false,
            can_read_messages: false,
            can_delete_sent_messages: false,
        }
    }
}

/// A business account that the bot is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) owner: i64,
    pub(crate) enabled: bool,
    pub(crate) since: DateTime<Utc>,
    pub(crate) rights: BusinessRights,
    /// When each customer last wrote.
    pub(crate) last_incoming: BTreeMap<i64, DateTime<Utc>>,
}

impl Connection {
    /// The `BusinessConnection` object: `rights` is the form of level 9.0, `can_reply` the one
    /// before, which the server still sends beside it.
    pub(crate) fn object(&self, owner: Value) -> Value {
        let mut rights = json!({});
        for (name, given) in [
            ("can_reply", self.rights.can_reply),
            ("can_read_messages", self.rights.can_read_messages),
            (
                "can_delete_sent_messages",
                self.rights.can_delete_sent_messages,
            ),
        ] {
            // A right that isn't given is left out.
            if given {
                rights[name] = true.into();
            }
        }
        json!({
            "id": self.id,
            "user": owner,
            "user_chat_id": self.owner,
            "date": self.since.timestamp(),
            "is_enabled": self.enabled,
            "can_reply": self.rights.can_reply,
            "rights": rights,
        })
    }
}

const ADMINISTRATOR_RIGHTS: &[&str] = &[
    "can_manage_chat",
    "can_change_info",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_pin_messages",
    "can_manage_topics",
    "can_promote_members",
    "can_manage_video_chats",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
];

const MEMBER_RIGHTS: &[&str] = &[
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
];
