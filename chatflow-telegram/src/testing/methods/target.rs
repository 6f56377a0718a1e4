use chrono::Duration;
use serde_json::{Value, json};

use crate::testing::chat::{GroupKind, Membership};
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::world::{Place, World};

/// Where a message may go, after every check of the place.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) place: Place,
    thread: Option<i64>,
    /// A shared chat, for the limit of messages a minute.
    is_group: bool,
    /// The owner of the business account in whose name the bot writes.
    owner: Option<i64>,
}

/// The id in `chat_id`, which may also be the name of a public chat.
pub(super) fn chat_id(world: &World, call: &Call) -> Result<i64, Refusal> {
    let text = call
        .text("chat_id")
        .ok_or_else(|| world.refuse(Reason::ChatIdEmpty))?;
    if let Some(name) = text.strip_prefix('@') {
        return world
            .groups
            .values()
            .find(|group| group.username.as_deref() == Some(name))
            .map(|group| group.id)
            .ok_or_else(|| world.refuse(Reason::ChatNotFound));
    }
    text.parse().map_err(|_| world.refuse(Reason::ChatNotFound))
}

impl Target {
    /// Whether a call asks for a private chat, before anything is checked.
    pub(super) fn is_private(world: &World, call: &Call) -> bool {
        chat_id(world, call).is_ok_and(|chat| !world.groups.contains_key(&chat))
    }

    /// Checks that the bot may write where a call wants it to.
    pub(super) fn open(world: &World, call: &Call) -> Result<Self, Refusal> {
        let chat = chat_id(world, call)?;
        let mut target = Self {
            place: Place::of(chat),
            thread: call
                .integer("message_thread_id")
                .filter(|thread| *thread > 0),
            is_group: false,
            owner: None,
        };
        if let Some(id) = call.text("business_connection_id") {
            target.owner = Some(check_business(world, &id, chat)?);
            target.place.connection = Some(id);
        } else if world.groups.contains_key(&chat) {
            target.is_group = true;
            check_shared(world, chat, target.thread)?;
        } else {
            check_private(world, chat)?;
        }
        Ok(target)
    }

    /// Puts the common parts around the content of messages, and keeps them. Either all go or none.
    pub(super) fn send(
        &self,
        world: &mut World,
        call: &Call,
        contents: Vec<Value>,
        keyboard: Option<Value>,
    ) -> Result<Vec<Value>, Refusal> {
        let reply = self.replied(world, call)?;
        if let Some(limits) = world.settings.flood {
            let count = u32::try_from(contents.len()).unwrap_or(u32::MAX);
            let (chat, now) = (self.place.chat, world.now);
            world
                .flood
                .pass(limits, chat, self.is_group, count, now)
                .map_err(Refusal::retry_after)?;
        }
        let mut sent = Vec::with_capacity(contents.len());
        for content in contents {
            let mut body = self.envelope(world);
            if let Some(reply) = &reply {
                body["reply_to_message"] = reply.clone();
            }
            if let (Value::Object(body), Value::Object(content)) = (&mut body, content) {
                body.extend(content);
            }
            if let Some(keyboard) = &keyboard {
                body["reply_markup"] = keyboard.clone();
            }
            if call.flag("protect_content") {
                body["has_protected_content"] = true.into();
            }
            sent.push(world.keep(&self.place, body, true));
        }
        Ok(sent)
    }

    /// [`send`](Self::send) for one message.
    pub(super) fn send_one(
        &self,
        world: &mut World,
        call: &Call,
        content: Value,
        keyboard: Option<Value>,
    ) -> Outcome {
        let mut sent = self.send(world, call, vec![content], keyboard)?;
        Ok(sent.pop().unwrap_or_default())
    }

    fn envelope(&self, world: &mut World) -> Value {
        let chat = world.chat(self.place.chat);
        let mut body = json!({ "message_id": 0, "date": world.now.timestamp() });
        if world.is_channel(self.place.chat) {
            body["sender_chat"] = chat.clone();
        } else if let Some(owner) = self.owner {
            body["from"] = world.user(owner);
            body["sender_business_bot"] = world.bot_user();
        } else {
            body["from"] = world.bot_user();
        }
        body["chat"] = chat;
        if let Some(connection) = &self.place.connection {
            body["business_connection_id"] = connection.clone().into();
        }
        if let Some(thread) = self.thread {
            body["message_thread_id"] = thread.into();
            body["is_topic_message"] = true.into();
        }
        body
    }

    /// The message that is replied to, without what it replied to itself.
    fn replied(&self, world: &World, call: &Call) -> Result<Option<Value>, Refusal> {
        let parameters = call.structure("reply_parameters", "reply parameters")?;
        let (id, lenient) = match &parameters {
            Some(Value::Object(fields)) => {
                let id = fields
                    .get("message_id")
                    .and_then(Value::as_i64)
                    .ok_or_else(|| {
                        Refusal::bad_request("can't parse reply parameters: message not specified")
                    })?;
                let lenient = fields
                    .get("allow_sending_without_reply")
                    .and_then(Value::as_bool);
                (id, lenient.unwrap_or(false))
            }
            Some(_) => return Err(Refusal::bad_request("object expected as reply parameters")),
            None => match call.integer("reply_to_message_id") {
                Some(id) if id != 0 => (id, call.flag("allow_sending_without_reply")),
                _ => return Ok(None),
            },
        };
        let Some(message) = world.message(&self.place, id) else {
            if lenient {
                return Ok(None);
            }
            return Err(world.refuse(Reason::ReplyNotFound));
        };
        let mut body = message.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("reply_to_message");
        }
        let quote = parameters
            .as_ref()
            .and_then(|parameters| parameters.get("quote")?.as_str());
        if let Some(quote) = quote {
            let text = body.get("text").or_else(|| body.get("caption"));
            let holds = text
                .and_then(Value::as_str)
                .is_some_and(|text| text.contains(quote));
            if !holds {
                return Err(Refusal::bad_request("QUOTE_TEXT_INVALID"));
            }
        }
        Ok(Some(body))
    }
}

/// A private chat to which the bot may write.
fn check_private(world: &World, chat: i64) -> Result<(), Refusal> {
    let Some(private) = world.people.get(&chat) else {
        return Err(world.refuse(Reason::ChatNotFound));
    };
    let reason = if private.broken {
        Reason::PeerInvalid
    } else if private.deactivated {
        Reason::Deactivated
    } else if private.person.is_bot {
        Reason::ToBot
    } else if private.blocked {
        Reason::Blocked
    } else if !private.started {
        Reason::CannotInitiate
    } else {
        return Ok(());
    };
    Err(world.refuse(reason))
}

/// A shared chat that the bot still reaches.
pub(super) fn check_in(world: &World, chat: i64) -> Result<(), Refusal> {
    let Some(group) = world.groups.get(&chat) else {
        return Err(world.refuse(Reason::ChatNotFound));
    };
    if let Some(new) = group.moved_to {
        return Err(Refusal::moved(world.settings.wordings, new));
    }
    if group.deleted {
        return Err(world.refuse(Reason::GroupDeleted));
    }
    let kind = group.kind.label();
    match group.bot {
        Membership::Kicked => Err(Refusal::new(
            403,
            format!("Forbidden: bot was kicked from the {kind} chat"),
        )),
        Membership::Left => Err(Refusal::new(
            403,
            format!("Forbidden: bot is not a member of the {kind} chat"),
        )),
        _ => Ok(()),
    }
}

/// A shared chat, and perhaps a topic of it, to which the bot may write.
fn check_shared(world: &World, chat: i64, thread: Option<i64>) -> Result<(), Refusal> {
    check_in(world, chat)?;
    let group = &world.groups[&chat];
    let is_plain = matches!(group.bot, Membership::Member | Membership::Restricted);
    if group.kind == GroupKind::Channel && is_plain {
        return Err(world.refuse(Reason::NeedsAdministrator));
    }
    if group.bot == Membership::Restricted {
        return Err(world.refuse(Reason::NoRights));
    }
    if let Some(thread) = thread {
        if group.kind != GroupKind::Forum || !group.topics.contains_key(&thread) {
            return Err(world.refuse(Reason::ThreadNotFound));
        }
        // An administrator may write in a closed topic.
        let is_admin = matches!(group.bot, Membership::Administrator | Membership::Creator);
        if group.closed_topics.contains(&thread) && !is_admin {
            return Err(world.refuse(Reason::TopicClosed));
        }
    }
    Ok(())
}

/// A chat of a business account in which the bot may answer; gives the account's owner.
fn check_business(world: &World, id: &str, chat: i64) -> Result<i64, Refusal> {
    let Some(connection) = world.connections.get(id) else {
        return Err(world.refuse(Reason::BusinessUnknown));
    };
    if !connection.enabled {
        return Err(world.refuse(Reason::BusinessDisabled));
    }
    if !connection.rights.can_reply {
        return Err(world.refuse(Reason::BusinessForbidden));
    }
    let is_open = connection
        .last_incoming
        .get(&chat)
        .is_some_and(|last| world.now - *last < Duration::hours(24));
    if !is_open {
        return Err(world.refuse(Reason::BusinessClosed));
    }
    Ok(connection.owner)
}
