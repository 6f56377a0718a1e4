use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::log::Recorded;
use super::webhook::DeliveryTry;
use super::world::World;

/// The server's world at one moment, to be looked at.
pub struct View<'a> {
    world: &'a World,
}

impl<'a> View<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self { world }
    }

    /// The server's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.world.now
    }

    /// The requests so far.
    pub fn requests(&self) -> &[Recorded] {
        self.world.log.entries()
    }

    /// How many requests of a method have come, answered or not.
    pub fn count(&self, method: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.method.eq_ignore_ascii_case(method))
            .count()
    }

    /// The messages that the bot has in a chat, as they stand now, business accounts included.
    pub fn sent_to(&self, chat_id: i64) -> Vec<Value> {
        self.world
            .messages
            .iter()
            .filter(|(place, _)| place.chat == chat_id)
            .flat_map(|(_, messages)| messages.values())
            .filter(|message| message.ours && !message.deleted)
            .map(|message| message.body.clone())
            .collect()
    }

    /// How many updates wait for the bot.
    pub fn pending_updates(&self) -> usize {
        self.world.updates.len()
    }

    /// The tries to deliver updates to the webhook, in the order they ended.
    pub fn deliveries(&self) -> &[DeliveryTry] {
        &self.world.tries
    }

    /// The answer to a callback query: the parameters of `answerCallbackQuery`.
    pub fn callback_answer(&self, query_id: &str) -> Option<&Value> {
        self.world.queries.get(query_id)?.answer.as_ref()
    }

    /// Whether the bot marked a message of a business account as read.
    pub fn is_read(&self, connection_id: &str, chat_id: i64, message_id: i64) -> bool {
        self.world
            .read
            .contains(&(connection_id.to_owned(), chat_id, message_id))
    }

    /// The commands set last, as `setMyCommands` was given them.
    pub fn commands(&self) -> &[Value] {
        &self.world.commands
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("now", &self.now())
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}
