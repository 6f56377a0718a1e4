use serde_json::{Map, Value, json};

use super::limits::text::utf16_length;
use super::media;
use super::server::FakeTelegram;
use super::world::{Place, World};

/// A message that somebody writes, to be pushed with [`FakeTelegram::push`].
///
/// ```
/// # use chatflow_telegram::testing::Incoming;
/// let order = Incoming::text(5_000_001, "two, please").replying_to(7);
/// let photo = Incoming::photo(5_000_001).in_chat(-1_001_000_000_001).captioned("look");
/// ```
#[derive(Clone, Debug)]
pub struct Incoming {
    from: i64,
    chat: Option<i64>,
    connection: Option<String>,
    content: Content,
    caption: Option<String>,
    entities: Option<Value>,
    thread: Option<i64>,
    reply_to: Option<i64>,
    fields: Map<String, Value>,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    File {
        kind: &'static str,
        name: String,
        bytes: Vec<u8>,
    },
    Fields,
}

impl Incoming {
    fn new(from: i64, content: Content) -> Self {
        Self {
            from,
            chat: None,
            connection: None,
            content,
            caption: None,
            entities: None,
            thread: None,
            reply_to: None,
            fields: Map::new(),
        }
    }

    /// A text. Where it begins with a command, it gets that entity, as Telegram does it.
    pub fn text(from: i64, text: &str) -> Self {
        Self::new(from, Content::Text(text.into()))
    }

    /// The command that a deep link sends: `/start` with a payload, which may be empty.
    pub fn start(from: i64, payload: &str) -> Self {
        Self::text(from, format!("/start {payload}").trim_end())
    }

    fn media(from: i64, kind: &'static str, name: &str) -> Self {
        let content = Content::File {
            kind,
            name: name.into(),
            bytes: format!("the bytes of {name}").into_bytes(),
        };
        Self::new(from, content)
    }

    /// A photo, in two sizes.
    pub fn photo(from: i64) -> Self {
        Self::media(from, "photo", "photo.jpg")
    }

    /// A video.
    pub fn video(from: i64) -> Self {
        Self::media(from, "video", "video.mp4")
    }

    /// A voice message.
    pub fn voice(from: i64) -> Self {
        Self::media(from, "voice", "voice.ogg")
    }

    /// A round video.
    pub fn video_note(from: i64) -> Self {
        Self::media(from, "video_note", "note.mp4")
    }

    /// A song.
    pub fn audio(from: i64) -> Self {
        Self::media(from, "audio", "song.mp3")
    }

    /// A file with this name.
    pub fn document(from: i64, name: &str) -> Self {
        Self::media(from, "document", name)
    }

    /// A sticker.
    pub fn sticker(from: i64) -> Self {
        Self::media(from, "sticker", "sticker.webp")
    }

    /// A place on the map.
    pub fn location(from: i64, latitude: f64, longitude: f64) -> Self {
        let location = json!({ "latitude": latitude, "longitude": longitude });
        Self::fields(from, json!({ "location": location }))
    }

    /// A phone number. With the sender's own id it is what a contact button sends.
    pub fn contact(from: i64, phone_number: &str, first_name: &str, user_id: Option<i64>) -> Self {
        let mut contact = json!({ "phone_number": phone_number, "first_name": first_name });
        if let Some(id) = user_id {
            contact["user_id"] = id.into();
        }
        Self::fields(from, json!({ "contact": contact }))
    }

    /// A message of any other kind, from its own fields: `{"dice": {…}}`.
    ///
    /// # Panics
    /// When the fields are no object.
    pub fn fields(from: i64, fields: Value) -> Self {
        Self::new(from, Content::Fields).with(fields)
    }

    /// The same message with more fields, such as `forward_origin`.
    ///
    /// # Panics
    /// When the fields are no object.
    #[must_use]
    pub fn with(mut self, fields: Value) -> Self {
        let Value::Object(fields) = fields else {
            panic!("the fields of a message are an object");
        };
        self.fields.extend(fields);
        self
    }

    /// The same message in another chat than the private one with the bot.
    #[must_use]
    pub fn in_chat(mut self, chat_id: i64) -> Self {
        self.chat = Some(chat_id);
        self
    }

    /// The same message in a topic.
    #[must_use]
    pub fn in_thread(mut self, thread_id: i64) -> Self {
        self.thread = Some(thread_id);
        self
    }

    /// The same message to or, from its owner, by a business account. The owner's needs
    /// [`in_chat`](Self::in_chat) with the customer's id.
    #[must_use]
    pub fn over(mut self, connection_id: &str) -> Self {
        self.connection = Some(connection_id.into());
        self
    }

    /// The same message as a reply.
    #[must_use]
    pub fn replying_to(mut self, message_id: i64) -> Self {
        self.reply_to = Some(message_id);
        self
    }

    /// The same file with a caption.
    #[must_use]
    pub fn captioned(mut self, caption: &str) -> Self {
        self.caption = Some(caption.into());
        self
    }

    /// The same message with these entities of its text or caption.
    #[must_use]
    pub fn entities(mut self, entities: Value) -> Self {
        self.entities = Some(entities);
        self
    }

    /// The same file with these bytes.
    #[must_use]
    pub fn bytes(mut self, content: Vec<u8>) -> Self {
        if let Content::File { bytes, .. } = &mut self.content {
            *bytes = content;
        }
        self
    }
}

/// An update that was pushed for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pushed {
    /// The update.
    pub update_id: i64,
    /// The chat the message is in.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// The business connection it came over.
    pub connection_id: Option<String>,
}

impl Pushed {
    fn place(&self) -> Place {
        Place {
            chat: self.chat_id,
            connection: self.connection_id.clone(),
        }
    }
}

impl FakeTelegram {
    /// Somebody writes a message. In a private chat that starts the bot, and unblocks it.
    pub fn push(&self, incoming: Incoming) -> Pushed {
        self.shared.change(|world| push(world, incoming, None))
    }

    /// [`push`](Self::push) for a text in the private chat.
    pub fn push_text(&self, from: i64, text: &str) -> Pushed {
        self.push(Incoming::text(from, text))
    }

    /// Somebody sends an album: an update for each item, tied together by `media_group_id`.
    pub fn push_album(&self, items: Vec<Incoming>) -> Vec<Pushed> {
        self.shared.change(|world| {
            let group = 14_000_000_000_000_000 + world.next();
            items
                .into_iter()
                .map(|item| push(world, item, Some(group.to_string())))
                .collect()
        })
    }

    /// Somebody changes the text, or caption, of a message. Gives the update's id.
    ///
    /// # Panics
    /// When the message is not there.
    pub fn push_edit(&self, message: &Pushed, text: &str) -> i64 {
        self.shared.change(|world| {
            let now = world.now.timestamp();
            let changed = world
                .message_mut(&message.place(), message.message_id)
                .expect("the message to edit was pushed before");
            let (field, entities) = match changed.body.get("text") {
                Some(_) => ("text", "entities"),
                None => ("caption", "caption_entities"),
            };
            if let Some(fields) = changed.body.as_object_mut() {
                fields.remove(entities);
            }
            changed.body[field] = text.into();
            changed.body["edit_date"] = now.into();
            let body = changed.body.clone();
            let kind = format!("edited_{}", kind_in(world, &message.place()));
            world.push(&kind, message.chat_id, body)
        })
    }

    /// The owner or the customer of a business account deletes messages. Gives the update's id.
    pub fn push_business_deletion(
        &self,
        connection_id: &str,
        chat_id: i64,
        message_ids: &[i64],
    ) -> i64 {
        self.shared.change(|world| {
            let place = Place {
                chat: chat_id,
                connection: Some(connection_id.into()),
            };
            for id in message_ids {
                if let Some(message) = world.message_mut(&place, *id) {
                    message.deleted = true;
                }
            }
            let object = json!({
                "business_connection_id": connection_id,
                "chat": world.chat(chat_id),
                "message_ids": message_ids,
            });
            world.push("deleted_business_messages", chat_id, object)
        })
    }
}

fn push(world: &mut World, incoming: Incoming, album: Option<String>) -> Pushed {
    let place = Place {
        chat: incoming.chat.unwrap_or(incoming.from),
        connection: incoming.connection.clone(),
    };
    let mut body = json!({ "message_id": 0 });
    if world.is_channel(place.chat) {
        body["sender_chat"] = world.chat(place.chat);
    } else {
        body["from"] = world.user(incoming.from);
    }
    body["chat"] = world.chat(place.chat);
    body["date"] = world.now.timestamp().into();
    note_sender(world, &place, incoming.from);
    if let Some(connection) = &place.connection {
        body["business_connection_id"] = connection.clone().into();
    }
    if let Some(thread) = incoming.thread {
        body["message_thread_id"] = thread.into();
        body["is_topic_message"] = true.into();
    }
    if let Some(id) = incoming.reply_to {
        let mut replied = world
            .message(&place, id)
            .expect("the message replied to is in the chat")
            .body
            .clone();
        if let Some(fields) = replied.as_object_mut() {
            fields.remove("reply_to_message");
        }
        body["reply_to_message"] = replied;
    }
    if let Some(album) = album {
        body["media_group_id"] = album.into();
    }
    match incoming.content {
        Content::Text(text) => {
            if let Some(entities) = incoming.entities.or_else(|| command(&text)) {
                body["entities"] = entities;
            }
            body["text"] = text.into();
        }
        Content::File { kind, name, bytes } => {
            let id = world.store_file(kind, &name, bytes);
            body[kind] = media::object(world, kind, &id, &name);
            if let Some(caption) = incoming.caption {
                body["caption"] = caption.into();
            }
            if let Some(entities) = incoming.entities {
                body["caption_entities"] = entities;
            }
        }
        Content::Fields => {}
    }
    if let Value::Object(body) = &mut body {
        body.extend(incoming.fields);
    }
    let body = world.keep(&place, body, false);
    let message_id = body["message_id"].as_i64().unwrap_or(0);
    let kind = kind_in(world, &place);
    let update_id = world.push(kind, place.chat, body);
    Pushed {
        update_id,
        chat_id: place.chat,
        message_id,
        connection_id: place.connection,
    }
}

/// What a message changes about its chat.
fn note_sender(world: &mut World, place: &Place, from: i64) {
    let now = world.now;
    if let Some(id) = &place.connection {
        let chat = place.chat;
        let connection = world.connection(id);
        if from != connection.owner {
            connection.last_incoming.insert(chat, now);
        }
    } else if place.chat == from {
        let private = world.person(from);
        private.started = true;
        private.blocked = false;
    }
}

fn kind_in(world: &World, place: &Place) -> &'static str {
    if place.connection.is_some() {
        "business_message"
    } else if world.is_channel(place.chat) {
        "channel_post"
    } else {
        "message"
    }
}

/// The entity of a text that begins with a command.
fn command(text: &str) -> Option<Value> {
    let word = text.split_whitespace().next()?;
    (text.starts_with('/') && word.len() > 1)
        .then(|| json!([{ "offset": 0, "length": utf16_length(word), "type": "bot_command" }]))
}
