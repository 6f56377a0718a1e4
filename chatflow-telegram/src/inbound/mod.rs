//! What an update says to the core.
//!
//! ```text
//!  message ──────────────► Message, or Started by a start link, or Moved, or Reach
//!  edited_message ───────► Edited
//!  callback_query ───────► Message, pressed
//!  my_chat_member ───────► Reach
//!  business_message ─────► Message of the customer; OperatorWrote where the owner typed it
//!  edited_business_message ► Edited, of the customer
//!  anything else ────────► nothing: the core keeps it as it came
//! ```
//!
//! **The law: the same bytes give the same, and no bytes make it fail.** Whatever is missing or
//! of an unknown form takes away that much and no more: a message whose content isn't known is
//! still a message, with media of the kind `Other`.

mod content;
mod marks;
mod media;
mod start;

pub(crate) use media::FILE;

use chatflow_core::{
    Address, Cause, ChannelId, Inbound, InboundBody, Message, OperatorId, Profile, Quote,
    RawInbound, Reach,
};

use crate::address::Place;
use crate::envelope::{Envelope, Object, UpdateKind};

/// Who the bot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BotIdentity {
    /// Its id, which its token begins with.
    pub(crate) id: i64,
    /// Its user name, without the at sign.
    pub(crate) username: String,
}

/// What a report says. Nothing where it is of no concern to a dialog or not understood.
pub(crate) fn decode(raw: &RawInbound, bot: &BotIdentity) -> Vec<Inbound> {
    // Bytes that aren't UTF-8 cost the letters they stand for.
    let text = String::from_utf8_lossy(raw.body.as_bytes());
    let Some(envelope) = Envelope::open(&text) else {
        return Vec::new();
    };
    let Some((kind, content)) = envelope.content() else {
        return Vec::new();
    };
    let decoder = Decoder {
        channel: &raw.channel,
        bot,
    };
    let decoded = match kind {
        UpdateKind::Message => decoder.message(content),
        UpdateKind::EditedMessage => decoder.edited(content),
        UpdateKind::CallbackQuery => decoder.pressed(content),
        UpdateKind::MyChatMember => decoder.membership(content),
        UpdateKind::BusinessMessage => decoder.business(content),
        UpdateKind::EditedBusinessMessage => decoder.edited_business(content),
        // They name no dialog, or nothing that a dialog can still change.
        UpdateKind::BusinessConnection | UpdateKind::DeletedBusinessMessages => None,
    };
    let inbound = decoded.map(|(from, profile, body)| Inbound {
        key: raw.key.clone(),
        from,
        profile,
        body,
    });
    inbound.into_iter().collect()
}

/// What the channel of the bot `chatflow_test_bot`, with the id 7000001, makes of any bytes: for
/// the fuzzer and for golden tests.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn decode_bytes(bytes: &[u8]) -> Vec<Inbound> {
    let channel = ChannelId::from("telegram:7000001");
    let bot = BotIdentity {
        id: 7_000_001,
        username: "chatflow_test_bot".to_owned(),
    };
    let text = String::from_utf8_lossy(bytes);
    let id = Envelope::open(&text).and_then(|envelope| envelope.id());
    let raw = RawInbound {
        channel,
        key: crate::envelope::key(id, bytes),
        body: bytes.into(),
    };
    decode(&raw, &bot)
}

type Decoded = Option<(Address, Profile, InboundBody)>;

struct Decoder<'a> {
    channel: &'a ChannelId,
    bot: &'a BotIdentity,
}

impl Decoder<'_> {
    fn message(&self, message: &Object<'_>) -> Decoded {
        let chat = Chat::of(message)?;
        if let Some(change) = self.change_of_place(message, &chat) {
            return Some(change);
        }
        if self.is_own(message) {
            return None;
        }
        let content = content::message(message)?;
        let start = Some(content.text())
            .filter(|_| content.media().is_empty())
            .and_then(|text| start::payload(text, chat.is_private(), &self.bot.username));
        let body = match start {
            Some(payload) => InboundBody::Started {
                payload,
                message: content,
            },
            None => InboundBody::Message(content),
        };
        Some((
            chat.place.address(self.channel),
            chat.profile(message),
            body,
        ))
    }

    fn edited(&self, message: &Object<'_>) -> Decoded {
        let chat = Chat::of(message)?;
        if self.is_own(message) {
            return None;
        }
        let body = InboundBody::Edited(content::message(message)?);
        Some((
            chat.place.address(self.channel),
            chat.profile(message),
            body,
        ))
    }

    fn pressed(&self, query: &Object<'_>) -> Decoded {
        // An inline message is of no chat that we know.
        let message = query.object("message")?;
        let chat = Chat::of(&message)?;
        if chat.is_business() && !chat.is_of_contact(query) {
            return None;
        }
        // A game has no data.
        let data = query.words("data")?;
        let label = content::label_of(&message, &data).unwrap_or(data);
        let mut choice = Message::pressed(label);
        if let Some(id) = content::external_id(&message) {
            choice = choice.quoting(Quote::External(id));
        }
        let body = InboundBody::Message(choice);
        Some((chat.place.address(self.channel), chat.profile(query), body))
    }

    fn membership(&self, change: &Object<'_>) -> Decoded {
        let chat = Chat::of(change)?;
        let member = change.object("new_chat_member")?;
        let of_another = member
            .object("user")
            .and_then(|user| user.integer("id"))
            .is_some_and(|id| id != self.bot.id);
        if of_another {
            return None;
        }
        let reach = match (chat.kind, member.text("status")?.as_str()) {
            (ChatKind::Private, "kicked") => Reach::BlockedByContact,
            (ChatKind::Private, "member") => Reach::Ok,
            (ChatKind::Private, _) => return None,
            (ChatKind::Group, "left" | "kicked") => Reach::CannotWrite(Cause::Removed),
            (ChatKind::Group, "member" | "administrator") => Reach::Ok,
            (ChatKind::Group, "restricted") => {
                if member.flag("is_member") == Some(false) {
                    Reach::CannotWrite(Cause::Removed)
                } else if member.flag("can_send_messages")? {
                    Reach::Ok
                } else {
                    Reach::CannotWrite(Cause::NoRights)
                }
            }
            (ChatKind::Group, _) => return None,
        };
        let body = InboundBody::Reach(reach);
        Some((chat.place.address(self.channel), chat.profile(change), body))
    }

    fn business(&self, message: &Object<'_>) -> Decoded {
        let chat = Chat::of(message)?;
        if !chat.is_business() {
            return None;
        }
        let content = content::message(message)?;
        let body = if chat.is_of_contact(message) {
            InboundBody::Message(content)
        } else {
            let echo = message.object("sender_business_bot");
            let by_us = echo.is_some_and(|bot| bot.integer("id") == Some(self.bot.id));
            // What the account sends by itself, such as a greeting or a note of absence, is
            // nobody's taking the dialog over.
            let by_itself = message.flag("is_from_offline") == Some(true);
            if by_us || by_itself {
                return None;
            }
            InboundBody::OperatorWrote {
                operator: OperatorId::from(format!("telegram:{}", sender(message)?)),
                message: content,
            }
        };
        Some((
            chat.place.address(self.channel),
            chat.profile(message),
            body,
        ))
    }

    fn edited_business(&self, message: &Object<'_>) -> Decoded {
        let chat = Chat::of(message)?;
        if !chat.is_business() || !chat.is_of_contact(message) {
            return None;
        }
        let body = InboundBody::Edited(content::message(message)?);
        Some((
            chat.place.address(self.channel),
            chat.profile(message),
            body,
        ))
    }

    /// A service message that says that the chat's address is another, or that we came or went.
    fn change_of_place(&self, message: &Object<'_>, chat: &Chat) -> Decoded {
        let at = |chat: i64| Place::of(chat).address(self.channel);
        let moved = |from: i64, to: i64| (at(from), InboundBody::Moved(at(to)));
        let is_us = |member: &Object<'_>| member.integer("id") == Some(self.bot.id);
        // Telegram says it on both sides, and either may come first.
        let (from, body) = if let Some(new) = message.integer("migrate_to_chat_id") {
            moved(chat.place.chat, new)
        } else if let Some(old) = message.integer("migrate_from_chat_id") {
            moved(old, chat.place.chat)
        } else if message
            .object("left_chat_member")
            .as_ref()
            .is_some_and(is_us)
        {
            let removed = Reach::CannotWrite(Cause::Removed);
            (at(chat.place.chat), InboundBody::Reach(removed))
        } else if message.objects("new_chat_members").iter().any(is_us) {
            (at(chat.place.chat), InboundBody::Reach(Reach::Ok))
        } else {
            return None;
        };
        Some((from, chat.profile(message), body))
    }

    fn is_own(&self, message: &Object<'_>) -> bool {
        sender(message) == Some(self.bot.id)
    }
}

/// The chat that a report is of.
struct Chat {
    kind: ChatKind,
    place: Place,
    /// What the chat is called: a group's title, the other's name in a private chat.
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChatKind {
    Private,
    Group,
}

impl Chat {
    /// `None` in a channel, where nobody converses; and for messages to a channel's own inbox,
    /// where many contacts share one chat and an answer needs more than its address.
    fn of(report: &Object<'_>) -> Option<Self> {
        let chat = report.object("chat")?;
        let id = chat.integer("id")?;
        let kind = match chat.text("type").as_deref() {
            Some("channel") => return None,
            Some("private") => ChatKind::Private,
            Some("group" | "supergroup") => ChatKind::Group,
            // Groups have ids below nought.
            _ if id < 0 => ChatKind::Group,
            _ => ChatKind::Private,
        };
        let is_inbox =
            chat.flag("is_direct_messages") == Some(true) || report.has("direct_messages_topic");
        if is_inbox {
            return None;
        }
        let connection = report.words("business_connection_id");
        let thread = match content::topic(report) {
            Some(topic) if connection.is_none() => Some(i32::try_from(topic).ok()?),
            _ => None,
        };
        Some(Self {
            kind,
            place: Place {
                connection,
                chat: id,
                thread,
            },
            name: chat.words("title").or_else(|| full_name(&chat)),
        })
    }

    fn is_private(&self) -> bool {
        self.kind == ChatKind::Private
    }

    fn is_business(&self) -> bool {
        self.place.connection.is_some()
    }

    /// Of a private chat's contact; of a group, as its members have no dialog of their own, the
    /// group.
    fn profile(&self, report: &Object<'_>) -> Profile {
        let contact = report
            .object("from")
            .filter(|_| self.is_private() && self.is_of_contact(report));
        let name = contact.as_ref().and_then(full_name);
        Profile {
            name: name.or_else(|| self.name.clone()).map(Into::into),
            language: contact.and_then(|contact| contact.words("language_code")),
        }
    }

    /// Whether the one at the other end of the private chat did it.
    fn is_of_contact(&self, report: &Object<'_>) -> bool {
        sender(report) == Some(self.place.chat)
    }
}

fn sender(report: &Object<'_>) -> Option<i64> {
    report.object("from")?.integer("id")
}

fn full_name(person: &Object<'_>) -> Option<String> {
    let names = [person.words("first_name"), person.words("last_name")];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
