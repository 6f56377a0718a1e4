//! A record to fill templates from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chatflow_core::{
    Decimal, Dialog, FlowId, Media, MediaKind, Message, ShownStatus, StatusKind, StepId, Value,
};
use chrono::{DateTime, FixedOffset};

/// A contact with a name, fields, tags and a message, a bot with variables, a Monday afternoon.
pub(crate) struct Record {
    data: BTreeMap<&'static str, Value>,
    fields: BTreeMap<&'static str, Value>,
    variables: BTreeMap<&'static str, Value>,
    message: Message,
    flow: FlowId,
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
}

pub(crate) fn decimal(digits: &str) -> Value {
    Value::Decimal(digits.parse::<Decimal>().unwrap())
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| list([inner]))
}

impl Default for Record {
    fn default() -> Self {
        let tea = map([("title", "Tea".into()), ("price", decimal("12.5"))]);
        let cake = map([("title", "Cake".into()), ("price", decimal("30"))]);
        let order = map([("a", tea.clone()), ("b", cake.clone())]);
        Self {
            data: BTreeMap::from([
                ("age", Value::Integer(34)),
                ("price", decimal("12.5")),
                ("exact", decimal("0.1234567890123456789012345678")),
                ("born", Value::Date("1992-02-29".parse().unwrap())),
                ("items", list([tea, cake])),
                ("order", order),
                ("empty", list([])),
                ("nil", Value::Null),
                ("both", "data's".into()),
                ("big", "x".repeat(20_000).into()),
                ("many", list((0..200).map(Value::Integer))),
                ("tagged_often", list((0..5_000).map(Value::Integer))),
                ("evil", "{{ 7 * 7 }}{% for a in b %}".into()),
                ("deep", deep(5_000)),
            ]),
            fields: BTreeMap::from([
                ("city", "Riga".into()),
                ("both", "field's".into()),
                ("message", "kept".into()),
            ]),
            variables: BTreeMap::from([
                ("shop", "Chatflow Tea".into()),
                ("both", "variable's".into()),
                ("city", "Oslo".into()),
            ]),
            message: Message::new("hi there").with_media(Media::new(MediaKind::Photo, "p1")),
            flow: FlowId::new("sale"),
        }
    }
}

/// What a value nested without end is freed by: its own drop would go down level by level.
impl Drop for Record {
    fn drop(&mut self) {
        let mut next = self.data.remove("deep");
        while let Some(Value::List(mut values)) = next {
            next = values.pop();
        }
    }
}

fn get<'v>(values: &'v BTreeMap<&str, Value>, name: &str) -> Option<Cow<'v, Value>> {
    values.get(name).map(Cow::Borrowed)
}

impl Dialog for Record {
    fn status(&self) -> ShownStatus {
        StatusKind::Auto.into()
    }
    fn flow(&self) -> Option<&FlowId> {
        Some(&self.flow)
    }
    fn step(&self) -> Option<&StepId> {
        None
    }
    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.data, name)
    }
    fn contact_name(&self) -> Option<&str> {
        Some("Anna {{ age }}")
    }
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.fields, name)
    }
    fn variable(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.variables, name)
    }
    fn tags(&self) -> Vec<&str> {
        vec!["new", "vip"]
    }
    fn message(&self) -> Option<&Message> {
        Some(&self.message)
    }
    fn event(&self) -> Option<&'static str> {
        Some("message_received")
    }
    fn local_time(&self) -> Option<DateTime<FixedOffset>> {
        DateTime::parse_from_rfc3339("2026-01-05T14:05:09+03:00").ok()
    }
}
