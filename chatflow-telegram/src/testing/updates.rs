use serde_json::{Value, json};

use super::chat::{BusinessRights, Connection, GroupKind, Membership, Person, SharedChat};
use super::queue::Body;
use super::server::FakeTelegram;
use super::world::{Place, Query, World};

/// A button that was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pressed {
    /// The update.
    pub update_id: i64,
    /// What `answerCallbackQuery` has to name.
    pub query_id: String,
}

/// What happens without a message.
impl FakeTelegram {
    /// Somebody presses an inline button of a message.
    ///
    /// # Panics
    /// When there is no such message with such a button, now.
    pub fn press(&self, person: i64, chat_id: i64, message_id: i64, data: &str) -> Pressed {
        self.shared.change(|world| {
            let body = world
                .messages
                .iter()
                .filter(|(place, _)| place.chat == chat_id)
                .filter_map(|(place, _)| world.message(place, message_id))
                .map(|message| &message.body)
                .find(|body| has_button(body, data))
                .cloned()
                .expect("a message with that button is in the chat");
            press(world, person, chat_id, body, data)
        })
    }

    /// Somebody presses a button of a message so old that Telegram tells only where it was.
    pub fn press_inaccessible(
        &self,
        person: i64,
        chat_id: i64,
        message_id: i64,
        data: &str,
    ) -> Pressed {
        self.shared.change(|world| {
            let chat = world.chat(chat_id);
            let body = json!({ "chat": chat, "message_id": message_id, "date": 0 });
            press(world, person, chat_id, body, data)
        })
    }

    /// Somebody blocks the bot: sends fail from now on. Gives the update's id.
    pub fn block(&self, person: i64) -> i64 {
        self.shared.change(|world| {
            world.person(person).blocked = true;
            let member = (Membership::Member, Membership::Kicked);
            my_member(world, person, person, member)
        })
    }

    /// Somebody unblocks the bot. Gives the update's id.
    pub fn unblock(&self, person: i64) -> i64 {
        self.shared.change(|world| {
            world.person(person).blocked = false;
            let member = (Membership::Kicked, Membership::Member);
            my_member(world, person, person, member)
        })
    }

    /// Somebody changes what the bot is in a group: adds it, throws it out, makes it an
    /// administrator. Gives the id of the `my_chat_member` update; a service message of coming and
    /// going follows as an update of its own.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn change_bot(&self, chat_id: i64, by: i64, to: Membership) -> i64 {
        self.shared.change(|world| {
            let before = std::mem::replace(&mut world.group(chat_id).bot, to);
            let update = my_member(world, chat_id, by, (before, to));
            let bot = world.bot_user();
            // Nobody tells a bot that it has left.
            if !before.is_in() && to.is_in() && !world.is_channel(chat_id) {
                service(
                    world,
                    chat_id,
                    by,
                    json!({ "new_chat_participant": bot, "new_chat_member": bot, "new_chat_members": [bot] }),
                );
            }
            update
        })
    }

    /// Somebody joins, leaves or is changed in a group. Gives the id of the `chat_member` update,
    /// which is only delivered to a bot that asked for its kind.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn change_member(&self, chat_id: i64, person: i64, to: Membership) -> i64 {
        self.shared.change(|world| {
            let user = world.user(person);
            let members = &mut world.group(chat_id).members;
            let before = members.insert(person, to).unwrap_or(Membership::Left);
            let object = json!({
                "chat": world.chat(chat_id),
                "from": user,
                "date": world.now.timestamp(),
                "old_chat_member": before.member(user.clone()),
                "new_chat_member": to.member(user),
            });
            world.push("chat_member", chat_id, object)
        })
    }

    /// A basic group becomes a supergroup with a new id: both chats get their service message, and
    /// sends to the old one are refused with the new id. Gives the ids of both updates.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn migrate(&self, chat_id: i64, new_chat_id: i64, by: i64) -> (i64, i64) {
        self.shared.change(|world| {
            let old = world.group(chat_id);
            old.moved_to = Some(new_chat_id);
            let mut new = old.clone();
            new.id = new_chat_id;
            new.kind = GroupKind::Supergroup;
            new.moved_to = None;
            world.groups.insert(new_chat_id, new);
            let to = service(
                world,
                chat_id,
                by,
                json!({ "migrate_to_chat_id": new_chat_id }),
            );
            let from = service(
                world,
                new_chat_id,
                by,
                json!({ "migrate_from_chat_id": chat_id }),
            );
            (to, from)
        })
    }

    /// The owner of a business account connects the bot. Gives the connection's id and the
    /// update's.
    pub fn connect_business(&self, owner: i64, rights: BusinessRights) -> (String, i64) {
        self.shared.change(|world| {
            let id = format!("FakeConnection{:06}", world.next());
            let connection = Connection {
                id: id.clone(),
                owner,
                enabled: true,
                since: world.now,
                rights,
                last_incoming: std::collections::BTreeMap::new(),
            };
            world.person(owner).started = true;
            world.connections.insert(id.clone(), connection);
            let update = push_connection(world, &id);
            (id, update)
        })
    }

    /// The owner changes the rights of the bot, or switches it off. Gives the update's id.
    ///
    /// # Panics
    /// When there is no such connection.
    pub fn change_business(&self, id: &str, enabled: bool, rights: BusinessRights) -> i64 {
        self.shared.change(|world| {
            let connection = world.connection(id);
            connection.enabled = enabled;
            connection.rights = rights;
            push_connection(world, id)
        })
    }

    /// Somebody reacts to a message; `None` for the person is a reaction that names neither a user
    /// nor a chat, which Telegram does send. Gives the update's id; only a bot that asked for the
    /// kind gets it.
    pub fn push_reaction(
        &self,
        person: Option<i64>,
        chat_id: i64,
        message_id: i64,
        emoji: &str,
    ) -> i64 {
        self.shared.change(|world| {
            let mut object = json!({
                "chat": world.chat(chat_id),
                "message_id": message_id,
                "date": world.now.timestamp(),
                "old_reaction": [],
                "new_reaction": [{ "type": "emoji", "emoji": emoji }],
            });
            if let Some(person) = person {
                object["user"] = world.user(person);
            }
            world.push("message_reaction", chat_id, object)
        })
    }

    /// A poll of the bot is closed. Gives the update's id.
    pub fn push_poll(&self, question: &str, options: &[&str]) -> i64 {
        self.shared.change(|world| {
            let options: Vec<Value> = options
                .iter()
                .enumerate()
                .map(|(at, text)| {
                    json!({ "persistent_id": at.to_string(), "text": text, "voter_count": 1 })
                })
                .collect();
            let object = json!({
                "id": format!("52{:016}", world.next()),
                "question": question,
                "options": options,
                "total_voter_count": options.len(),
                "is_closed": true,
                "is_anonymous": true,
                "type": "regular",
                "allows_multiple_answers": false,
                "allows_revoting": true,
                "members_only": false,
            });
            world.push("poll", 0, object)
        })
    }

    /// Somebody types the bot's name and a query. Gives the update's id.
    pub fn push_inline_query(&self, person: i64, query: &str) -> i64 {
        self.shared.change(|world| {
            let object = json!({
                "id": format!("21{:016}", world.next()),
                "from": world.user(person),
                "chat_type": "private",
                "query": query,
                "offset": "",
            });
            world.push("inline_query", person, object)
        })
    }

    /// Pushes an update as it is. It gets an id if it has none. Gives the id.
    pub fn push_raw(&self, update: Value) -> i64 {
        self.shared.change(|world| {
            let now = world.now;
            world.updates.push_raw(Body::Update(update), now)
        })
    }

    /// Pushes bytes that need be no update: the body of a webhook's request, or of one answer to
    /// `getUpdates`. Gives the id of the entry, which the bot doesn't see.
    pub fn push_bytes(&self, bytes: impl Into<Vec<u8>>) -> i64 {
        self.shared.change(|world| {
            let now = world.now;
            world.updates.push_raw(Body::Bytes(bytes.into()), now)
        })
    }

    /// Delivers an update of the past once more, under its old id, and even to a poll that is
    /// beyond it.
    ///
    /// # Panics
    /// When there never was such an update.
    pub fn redeliver(&self, update_id: i64) {
        let found = self
            .shared
            .change(|world| world.updates.redeliver(update_id));
        assert!(found, "there never was an update {update_id}");
    }
}

/// What is so in the world, without an update of it.
impl FakeTelegram {
    /// Makes somebody known who has never written to the bot.
    pub fn add_person(&self, person: Person) {
        self.shared.change(|world| {
            let private = world.person(person.id);
            private.person = person;
        });
    }

    /// Lets somebody have started the bot long ago.
    pub fn start_chat(&self, person: i64) {
        self.shared
            .change(|world| world.person(person).started = true);
    }

    /// Deletes somebody's account.
    pub fn deactivate(&self, person: i64) {
        self.shared
            .change(|world| world.person(person).deactivated = true);
    }

    /// Lets every send to somebody fail with `PEER_ID_INVALID`.
    pub fn break_peer(&self, person: i64) {
        self.shared
            .change(|world| world.person(person).broken = true);
    }

    /// Adds a group or channel in which the bot is: as a member, or as a channel's administrator.
    pub fn add_group(&self, chat_id: i64, kind: GroupKind, title: &str) {
        self.shared.change(|world| {
            let group = SharedChat::new(chat_id, kind, title);
            world.groups.insert(chat_id, group);
        });
    }

    /// Gives a group a public name, by which `chat_id` may name it too.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn name_group(&self, chat_id: i64, username: &str) {
        self.shared
            .change(|world| world.group(chat_id).username = Some(username.into()));
    }

    /// Sets what somebody is in a group.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn set_member(&self, chat_id: i64, person: i64, membership: Membership) {
        self.shared.change(|world| {
            world.person(person);
            world.group(chat_id).members.insert(person, membership);
        });
    }

    /// Sets what the bot is in a group; [`Membership::Restricted`] is one that may not write.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn set_bot(&self, chat_id: i64, membership: Membership) {
        self.shared
            .change(|world| world.group(chat_id).bot = membership);
    }

    /// Deletes a group.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn delete_group(&self, chat_id: i64) {
        self.shared
            .change(|world| world.group(chat_id).deleted = true);
    }

    /// Opens a topic, for the first time or again.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn open_topic(&self, chat_id: i64, thread_id: i64, name: &str) {
        self.shared.change(|world| {
            let group = world.group(chat_id);
            group.topics.insert(thread_id, name.into());
            group.closed_topics.remove(&thread_id);
        });
    }

    /// Closes a topic: only administrators write there.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn close_topic(&self, chat_id: i64, thread_id: i64) {
        self.shared.change(|world| {
            world.group(chat_id).closed_topics.insert(thread_id);
        });
    }

    /// Deletes a topic.
    ///
    /// # Panics
    /// When the group was not added.
    pub fn delete_topic(&self, chat_id: i64, thread_id: i64) {
        self.shared.change(|world| {
            world.group(chat_id).topics.remove(&thread_id);
        });
    }

    /// Stores a file of a kind such as `photo` and gives its `file_id`.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn add_file(&self, kind: &str, name: &str, bytes: Vec<u8>) -> String {
        let kind = super::media::KINDS
            .iter()
            .find(|known| **known == kind)
            .expect("a file is of a kind that a message can carry");
        self.shared
            .change(|world| world.store_file(kind, name, bytes))
    }
}

fn has_button(body: &Value, data: &str) -> bool {
    body.pointer("/reply_markup/inline_keyboard")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .any(|button| button.get("callback_data").and_then(Value::as_str) == Some(data))
}

fn press(world: &mut World, person: i64, chat: i64, message: Value, data: &str) -> Pressed {
    let query_id = format!("4382{:015}", world.next());
    let query = Query {
        at: world.now,
        answer: None,
    };
    world.queries.insert(query_id.clone(), query);
    let object = json!({
        "id": query_id,
        "from": world.user(person),
        "message": message,
        "chat_instance": format!("-31{:017}", chat.unsigned_abs()),
        "data": data,
    });
    let update_id = world.push("callback_query", chat, object);
    Pressed {
        update_id,
        query_id,
    }
}

fn my_member(
    world: &mut World,
    chat: i64,
    by: i64,
    (before, after): (Membership, Membership),
) -> i64 {
    let bot = world.bot_user();
    let object = json!({
        "chat": world.chat(chat),
        "from": world.user(by),
        "date": world.now.timestamp(),
        "old_chat_member": before.member(bot.clone()),
        "new_chat_member": after.member(bot),
    });
    world.push("my_chat_member", chat, object)
}

fn service(world: &mut World, chat: i64, by: i64, fields: Value) -> i64 {
    let mut body = json!({
        "message_id": 0,
        "from": world.user(by),
        "chat": world.chat(chat),
        "date": world.now.timestamp(),
    });
    if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
        body.extend(fields);
    }
    let body = world.keep(&Place::of(chat), body, false);
    world.push("message", chat, body)
}

fn push_connection(world: &mut World, id: &str) -> i64 {
    let connection = world.connection(id).clone();
    let owner = world.user(connection.owner);
    let object = connection.object(owner);
    world.push("business_connection", connection.owner, object)
}
