use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A request that the server received.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The method as the documentation writes it, whatever case was asked for.
    pub method: String,
    /// The server's time.
    pub at: DateTime<Utc>,
    /// The parameters, with files as their name and size and without the bot's token. `Null` if the body was not
    /// read.
    pub params: Value,
    /// The status of the answer. `None` while none was given: a poll that is held, a fault that
    /// hangs or closes.
    pub answered: Option<u16>,
    /// `description` of an answer that refuses.
    pub description: Option<String>,
    /// Whether what was asked for was done.
    pub acted: bool,
    number: u64,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut params = self.params.clone();
        if let Some(secret) = params.get_mut("secret_token") {
            *secret = "hidden".into();
        }
        f.debug_struct("Recorded")
            .field("method", &self.method)
            .field("at", &self.at)
            .field("params", &params.to_string())
            .field("answered", &self.answered)
            .field("description", &self.description)
            .field("acted", &self.acted)
            .finish()
    }
}

/// The requests so far.
pub(crate) struct Log {
    token: String,
    next: u64,
    entries: Vec<Recorded>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.fmt(f)
    }
}

impl Log {
    pub(crate) fn new(token: String) -> Self {
        Self {
            token,
            next: 0,
            entries: Vec::new(),
        }
    }

    /// Records a request and gives the number to finish it by.
    pub(crate) fn begin(&mut self, method: &str, at: DateTime<Utc>, mut params: Value) -> u64 {
        hide(&mut params, &self.token);
        self.next += 1;
        self.entries.push(Recorded {
            method: method.to_owned(),
            at,
            params,
            answered: None,
            description: None,
            acted: false,
            number: self.next,
        });
        self.next
    }

    pub(crate) fn acted(&mut self, number: u64) {
        if let Some(entry) = self.entry(number) {
            entry.acted = true;
        }
    }

    pub(crate) fn answered(&mut self, number: u64, status: u16, description: Option<&str>) {
        if let Some(entry) = self.entry(number) {
            entry.answered = Some(status);
            entry.description = description.map(ToOwned::to_owned);
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut Recorded> {
        self.entries
            .iter_mut()
            .rev()
            .find(|entry| entry.number == number)
    }

    pub(crate) fn entries(&self) -> &[Recorded] {
        &self.entries
    }

    pub(crate) fn take(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.entries)
    }
}

/// A webhook's address is where tokens like to turn up again.
fn hide(value: &mut Value, token: &str) {
    match value {
        Value::String(text) if text.contains(token) => *text = text.replace(token, "hidden"),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, token)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, token)),
        _ => {}
    }
}
