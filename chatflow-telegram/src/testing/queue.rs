use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

/// The updates that wait for the bot.
#[derive(Debug)]
pub(crate) struct UpdateQueue {
    next_id: i64,
    pending: VecDeque<Pending>,
    /// Everything ever pushed, so that a test can have it delivered again.
    past: Vec<Pending>,
    /// `None` is the default selection.
    allowed: Option<BTreeSet<String>>,
    /// How often an entry was made, which tells two deliveries of one update apart.
    entries: u64,
}

/// An update that waits.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) entry: u64,
    pub(crate) id: i64,
    pub(crate) lane: (i64, String),
    pub(crate) body: Body,
    expires_at: DateTime<Utc>,
    /// Delivered again by a test's wish: it comes once more even to a poll that is beyond it.
    again: bool,
    /// Whether a poll has been given it.
    given: bool,
}

impl Pending {
    /// Whether a poll's offset confirms it.
    fn is_confirmed(&self, offset: i64) -> bool {
        self.id < offset && (self.given || !self.again)
    }
}

/// What is delivered for an update.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// An `Update` object.
    Update(Value),
    /// Bytes that need not be JSON.
    Bytes(Vec<u8>),
}

impl Body {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Update(update) => update.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl Default for UpdateQueue {
    fn default() -> Self {
        Self {
            next_id: 800_000_001,
            pending: VecDeque::new(),
            past: Vec::new(),
            allowed: None,
            entries: 0,
        }
    }
}

impl UpdateQueue {
    /// Gives an update its id and queues it, unless the bot did not ask for its kind. The id is
    /// used up either way.
    pub(crate) fn push(
        &mut self,
        kind: &str,
        chat: i64,
        object: Value,
        date: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> i64 {
        let id = self.next_id;
        let mut update = serde_json::Map::new();
        update.insert("update_id".into(), id.into());
        update.insert(kind.into(), object);
        self.push_body(id, kind, chat, Body::Update(Value::Object(update)), date);
        self.expire(now);
        id
    }

    /// Queues a whole update as it is, or bytes that are none.
    pub(crate) fn push_raw(&mut self, mut body: Body, now: DateTime<Utc>) -> i64 {
        let mut id = self.next_id;
        let mut kind = String::new();
        let mut chat = 0;
        if let Body::Update(Value::Object(update)) = &mut body {
            match update.get("update_id").and_then(Value::as_i64) {
                Some(given) => id = given,
                None => {
                    update.insert("update_id".into(), id.into());
                }
            }
            let object = update.iter().find(|(name, _)| *name != "update_id");
            if let Some((name, object)) = object {
                kind.clone_from(name);
                chat = chat_of(object);
            }
        }
        self.push_body(id, &kind, chat, body, now);
        id
    }

    fn push_body(&mut self, id: i64, kind: &str, chat: i64, body: Body, date: DateTime<Utc>) {
        self.next_id = self.next_id.max(id + 1);
        self.entries += 1;
        let pending = Pending {
            entry: self.entries,
            id,
            lane: (chat, kind.to_owned()),
            body,
            expires_at: date + lifetime(kind),
            again: false,
            given: false,
        };
        self.past.push(pending.clone());
        if self.allows(kind) {
            self.insert(pending);
        }
    }

    /// Queues an update of the past once more, under its old id.
    pub(crate) fn redeliver(&mut self, id: i64) -> bool {
        let Some(mut again) = self.past.iter().rev().find(|past| past.id == id).cloned() else {
            return false;
        };
        self.entries += 1;
        again.entry = self.entries;
        again.again = true;
        self.insert(again);
        true
    }

    /// Keeps the queue in the order of ids, as the server's is.
    fn insert(&mut self, pending: Pending) {
        let at = self.pending.partition_point(|other| other.id <= pending.id);
        self.pending.insert(at, pending);
    }

    fn allows(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(allowed) => allowed.contains(kind) || kind.is_empty(),
            None => !NOT_BY_DEFAULT.contains(&kind),
        }
    }

    /// A list replaces the last one, an empty list restores the default; unknown names are
    /// ignored. Updates already queued stay.
    pub(crate) fn allow(&mut self, names: &[String]) {
        let names: BTreeSet<String> = names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .filter(|name| KINDS.contains(&name.as_str()))
            .collect();
        self.allowed = (!names.is_empty()).then_some(names);
    }

    pub(crate) fn allowed(&self) -> Option<Vec<String>> {
        self.allowed
            .as_ref()
            .map(|names| names.iter().cloned().collect())
    }

    /// Forgets what a poll's offset confirms.
    pub(crate) fn confirm(&mut self, offset: i64) {
        if offset >= 0 {
            self.pending.retain(|pending| !pending.is_confirmed(offset));
        } else {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let drop = self.pending.len().saturating_sub(keep);
            self.pending.drain(..drop);
        }
    }

    /// Forgets what outlived its time.
    pub(crate) fn expire(&mut self, now: DateTime<Utc>) {
        self.pending.retain(|pending| pending.expires_at > now);
    }

    /// Notes that a poll was given the first `count` that wait.
    pub(crate) fn give(&mut self, count: usize) {
        for pending in self.pending.iter_mut().take(count) {
            pending.given = true;
        }
    }

    pub(crate) fn remove(&mut self, entry: u64) {
        self.pending.retain(|pending| pending.entry != entry);
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

/// Telegram keeps queries for as long as their answer can still be shown, all else for a day.
fn lifetime(kind: &str) -> Duration {
    match kind {
        "callback_query" | "shipping_query" | "pre_checkout_query" => Duration::seconds(150),
        "inline_query" => Duration::seconds(30),
        "chosen_inline_result" => Duration::seconds(600),
        _ => Duration::hours(24),
    }
}

/// The chat of an update's object, or the user where there is none.
fn chat_of(object: &Value) -> i64 {
    [
        "/chat/id",
        "/message/chat/id",
        "/from/id",
        "/user/id",
        "/user_chat_id",
    ]
    .iter()
    .find_map(|path| object.pointer(path)?.as_i64())
    .unwrap_or(0)
}

const NOT_BY_DEFAULT: &[&str] = &["chat_member", "message_reaction", "message_reaction_count"];

/// Every kind of update of level 10.3.
pub(crate) const KINDS: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "guest_message",
    "stopped_message_generation",
    "subscription",
];
