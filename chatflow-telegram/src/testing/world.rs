use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::chat::{Connection, GroupKind, Person, PrivateChat, SharedChat};
use super::faults::Faults;
use super::flood::Flood;
use super::log::Log;
use super::queue::UpdateQueue;
use super::refusal::{Reason, Refusal};
use super::settings::Settings;
use super::webhook::{DeliveryTry, Webhook};

/// Everything the server knows, behind one lock.
///
/// Not to be held across an await: what waits, waits on [`Shared`](super::server::Shared)'s
/// notification and looks again.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) now: DateTime<Utc>,
    pub(crate) people: BTreeMap<i64, PrivateChat>,
    pub(crate) groups: BTreeMap<i64, SharedChat>,
    pub(crate) connections: BTreeMap<String, Connection>,
    pub(crate) messages: BTreeMap<Place, BTreeMap<i64, Message>>,
    pub(crate) files: BTreeMap<String, StoredFile>,
    pub(crate) queries: BTreeMap<String, Query>,
    pub(crate) read: BTreeSet<(String, i64, i64)>,
    pub(crate) updates: UpdateQueue,
    pub(crate) poll: u64,
    pub(crate) last_poll: Option<(i64, tokio::time::Instant)>,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) tries: Vec<DeliveryTry>,
    pub(crate) faults: Faults,
    pub(crate) flood: Flood,
    pub(crate) log: Log,
    pub(crate) commands: Vec<Value>,
    pub(crate) logged_out: bool,
    pub(crate) running: bool,
    counter: u64,
}

/// Where a message is: message ids of a business account are not those of the bot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) chat: i64,
    pub(crate) connection: Option<String>,
}

impl Place {
    pub(crate) fn of(chat: i64) -> Self {
        Self {
            chat,
            connection: None,
        }
    }
}

/// A message as it stands now.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: Value,
    pub(crate) at: DateTime<Utc>,
    /// Whether the bot sent it.
    pub(crate) ours: bool,
    pub(crate) deleted: bool,
}

/// A file that can be fetched.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) unique_id: String,
    pub(crate) path: String,
    pub(crate) size: usize,
    pub(crate) bytes: Vec<u8>,
    /// The kind it was made as; a file_id can't be sent as another one.
    pub(crate) kind: &'static str,
}

/// A callback query, which is to be answered in time.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) at: DateTime<Utc>,
    pub(crate) answer: Option<Value>,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            now: DateTime::from_timestamp(START, 0).expect("a fixed date in range"),
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            connections: BTreeMap::new(),
            messages: BTreeMap::new(),
            files: BTreeMap::new(),
            queries: BTreeMap::new(),
            read: BTreeSet::new(),
            updates: UpdateQueue::default(),
            poll: 0,
            last_poll: None,
            webhook: None,
            tries: Vec::new(),
            faults: Faults::default(),
            flood: Flood::default(),
            log: Log::new(settings.token.clone()),
            commands: Vec::new(),
            logged_out: false,
            running: true,
            counter: 0,
            settings,
        }
    }

    pub(crate) fn refuse(&self, reason: Reason) -> Refusal {
        reason.refuse(self.settings.wordings)
    }

    /// A number that was not given before.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn bot_user(&self) -> Value {
        json!({
            "id": self.settings.bot_id(),
            "is_bot": true,
            "first_name": self.settings.first_name,
            "username": self.settings.username,
        })
    }

    /// The person with this id, who becomes known by being mentioned.
    pub(crate) fn person(&mut self, id: i64) -> &mut PrivateChat {
        self.people.entry(id).or_insert_with(|| PrivateChat {
            person: Person::named(id, "Anna"),
            started: false,
            blocked: false,
            deactivated: false,
            broken: false,
        })
    }

    pub(crate) fn user(&mut self, id: i64) -> Value {
        if id == self.settings.bot_id() {
            return self.bot_user();
        }
        self.person(id).person.user()
    }

    /// The `Chat` object of a chat that exists or, for people, comes to exist.
    pub(crate) fn chat(&mut self, id: i64) -> Value {
        match self.groups.get(&id) {
            Some(group) => group.chat(),
            None => self.person(id).person.chat(),
        }
    }

    /// The group, which the test must have made.
    pub(crate) fn group(&mut self, id: i64) -> &mut SharedChat {
        self.groups
            .get_mut(&id)
            .expect("the group was added to the fake server before")
    }

    pub(crate) fn is_channel(&self, id: i64) -> bool {
        self.groups
            .get(&id)
            .is_some_and(|group| group.kind == GroupKind::Channel)
    }

    pub(crate) fn connection(&mut self, id: &str) -> &mut Connection {
        self.connections
            .get_mut(id)
            .expect("the business account was connected to the fake server before")
    }

    /// Gives the message its id and date and keeps it.
    pub(crate) fn keep(&mut self, place: &Place, mut body: Value, ours: bool) -> Value {
        let messages = self.messages.entry(place.clone()).or_default();
        let id = messages.keys().next_back().map_or(1, |last| last + 1);
        body["message_id"] = id.into();
        let message = Message {
            body: body.clone(),
            at: self.now,
            ours,
            deleted: false,
        };
        messages.insert(id, message);
        body
    }

    /// A message that still exists.
    pub(crate) fn message(&self, place: &Place, id: i64) -> Option<&Message> {
        let message = self.messages.get(place)?.get(&id)?;
        (!message.deleted).then_some(message)
    }

    pub(crate) fn message_mut(&mut self, place: &Place, id: i64) -> Option<&mut Message> {
        let message = self.messages.get_mut(place)?.get_mut(&id)?;
        (!message.deleted).then_some(message)
    }

    /// Stores bytes as a file and gives its file_id.
    pub(crate) fn store_file(&mut self, kind: &'static str, name: &str, bytes: Vec<u8>) -> String {
        let number = self.next();
        let id = format!("AgACfake{kind}{number:06}");
        let extension = name
            .rsplit_once('.')
            .map_or("bin", |(_, extension)| extension);
        let file = StoredFile {
            unique_id: format!("AQfake{number:06}"),
            path: format!("{kind}s/file_{number}.{extension}"),
            size: bytes.len(),
            bytes,
            kind,
        };
        self.files.insert(id.clone(), file);
        id
    }

    /// The file with this file_id; a photo has one for each size.
    pub(crate) fn file(&self, file_id: &str) -> Option<&StoredFile> {
        self.files
            .get(file_id)
            .or_else(|| self.files.get(file_id.strip_suffix('s')?))
    }

    /// The ids and size that every file object has.
    pub(crate) fn file_fields(&self, file_id: &str) -> Value {
        match self.file(file_id) {
            Some(file) => json!({
                "file_id": file_id,
                "file_unique_id": file.unique_id,
                "file_size": file.size,
            }),
            None => json!({ "file_id": file_id, "file_unique_id": "AQfake000000" }),
        }
    }

    pub(crate) fn push(&mut self, kind: &str, chat: i64, object: Value) -> i64 {
        self.updates.push(kind, chat, object, self.now, self.now)
    }
}

/// 2 March 2026, 09:00 UTC.
const START: i64 = 1_772_442_000;
