//! Where a name of a template or a condition is looked up.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, FixedOffset, Timelike};

use crate::dialog::{Dialog, Source, Value};

/// Where the value of a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    Data(Box<str>),
    Variable(Box<str>),
    ContactName,
    ContactLanguage,
    Field(Box<str>),
    /// A plain name: data, else the bot's variable, else the contact's, else built in.
    Any(Box<str>),
}

/// Words that are no names, because expressions use them.
pub(super) const RESERVED: [&str; 13] = [
    "and", "else", "false", "False", "if", "in", "is", "none", "None", "not", "or", "true", "True",
];

/// Whether a value can be kept under this name, and read by it.
pub(crate) fn is_data_name(name: &str) -> bool {
    matches!(Path::parse(name), Some(Path::Any(_)))
}

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

impl Path {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None => (is_name(text) && !RESERVED.contains(&text)).then(|| Self::Any(text.into())),
            Some((owner, name)) => Self::of(owner, name),
        }
    }

    /// A name of one of the three owners.
    pub(super) fn of(owner: &str, name: &str) -> Option<Self> {
        if !is_name(name) {
            return None;
        }
        Some(match (owner, name) {
            ("data", _) => Self::Data(name.into()),
            ("variable", _) => Self::Variable(name.into()),
            ("contact", "name") => Self::ContactName,
            ("contact", "language") => Self::ContactLanguage,
            ("contact", _) => Self::Field(name.into()),
            _ => return None,
        })
    }

    /// Calls `use_value` with the value, where there is one.
    pub(crate) fn with<T>(
        &self,
        dialog: &dyn Dialog,
        use_value: impl FnOnce(&Value) -> T,
    ) -> Option<T> {
        let value = match self {
            Self::Data(name) => return dialog.data(name).map(|value| use_value(&value)),
            Self::Variable(name) => return dialog.variable(name).map(|value| use_value(&value)),
            Self::Field(name) => return dialog.field(name).map(|value| use_value(&value)),
            Self::ContactName => dialog.contact_name().map(Value::from),
            Self::ContactLanguage => dialog.contact_language().map(Value::from),
            Self::Any(name) => {
                let kept = dialog.data(name).or_else(|| dialog.variable(name));
                if let Some(value) = kept {
                    return Some(use_value(&value));
                }
                match &**name {
                    "name" => dialog.contact_name().map(Value::from),
                    "language" => dialog.contact_language().map(Value::from),
                    name => match dialog.field(name) {
                        Some(value) => return Some(use_value(&value)),
                        None => built_in(name, dialog),
                    },
                }
            }
        };
        value.map(|value| use_value(&value))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(name) => write!(f, "data.{name}"),
            Self::Variable(name) => write!(f, "variable.{name}"),
            Self::ContactName => f.write_str("contact.name"),
            Self::ContactLanguage => f.write_str("contact.language"),
            Self::Field(name) => write!(f, "contact.{name}"),
            Self::Any(name) => f.write_str(name),
        }
    }
}

/// Whether a text has the form of a name.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.chars().next().is_some_and(starts_name)
        && text.chars().all(continues_name)
}

pub(super) fn starts_name(letter: char) -> bool {
    continues_name(letter) && !letter.is_numeric()
}

pub(super) fn continues_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The names that every dialog has, below all that a bot or a contact calls the same.
fn built_in(name: &str, dialog: &dyn Dialog) -> Option<Value> {
    Some(match name {
        "tags" => Value::List(dialog.tags().into_iter().map(Value::from).collect()),
        "message" => Value::from(dialog.message()?.text()),
        "media" => Value::from(dialog.message()?.media().first()?.kind.label()),
        "source" => source(dialog.source()?),
        "event" => Value::from(dialog.event()?),
        "status" => Value::from(dialog.status().to_string()),
        "flow" => Value::from(dialog.flow()?.as_str()),
        "step" => Value::from(dialog.step()?.as_str()),
        "dialog" => of_dialog(dialog)?,
        "now" => now(dialog.local_time()?),
        _ => return None,
    })
}

/// The dialog's id and the contact's outside id, as far as the record has them.
fn of_dialog(dialog: &dyn Dialog) -> Option<Value> {
    let id = dialog.dialog_id().map(|id| Value::from(id.to_string()));
    let address = dialog.address();
    let address = address.map(|address| Value::from(address.external_id()));
    let parts = [("id", id), ("address", address)];
    let parts = parts.into_iter();
    let parts = parts.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let parts: BTreeMap<String, Value> = parts.collect();
    (!parts.is_empty()).then_some(Value::Map(parts))
}

/// Where the contact came from, in parts.
fn source(source: &Source) -> Value {
    let parts = source.parts();
    Value::Map(
        parts
            .map(|(name, text)| (name.to_owned(), Value::from(text)))
            .collect(),
    )
}

/// The local time in parts.
fn now(time: DateTime<FixedOffset>) -> Value {
    let number = |number: u32| Value::Integer(number.into());
    let parts = [
        ("date", Value::Date(time.date_naive())),
        (
            "time",
            Value::from(format!("{:02}:{:02}", time.hour(), time.minute())),
        ),
        ("year", Value::Integer(time.year().into())),
        ("month", number(time.month())),
        ("day", number(time.day())),
        ("hour", number(time.hour())),
        ("minute", number(time.minute())),
        ("weekday", number(time.weekday().number_from_monday())),
    ];
    let parts = parts.map(|(name, value)| (name.to_owned(), value));
    Value::Map(BTreeMap::from(parts))
}
