//! Why a value can't be made of a node.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::de::{self, Expected, Unexpected};

use super::tree::Short;
use super::{Node, ReadProblem, Span, suggest};

/// The first thing that keeps a value from being made, and what to leave out to get past it.
///
/// Boxed, because every reading returns a result and few of them are mistakes.
#[derive(Debug)]
pub(super) struct Mistake(Box<Details>);

/// What is known of a mistake.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) cause: Cause,
    /// Where. Nobody knows it where serde raises the mistake; it is filled in on the way out.
    pub(super) place: Option<Span>,
    /// What to do about it, if the reader knows more than the cause says.
    pub(super) hint: Option<String>,
    /// The map or list that was complete when its type refused it as a whole.
    pub(super) container: Option<usize>,
    /// The innermost entry or element it is in: without it the rest can be read.
    pub(super) leave_out: Option<usize>,
    /// A scalar that may do as a text for a type that knows no other.
    pub(super) as_text: Option<AsText>,
    /// It is the fault of the stand-in for a missing value, not of the author.
    pub(super) stand_in: bool,
}

/// The kinds of mistake.
#[derive(Debug)]
pub(super) enum Cause {
    WrongType {
        expected: String,
        found: String,
    },
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    UnknownVariant {
        name: String,
        known: &'static [&'static str],
    },
    Missing {
        key: &'static str,
    },
    Said(String),
}

/// A type, by its name, and the kind of scalar it was offered.
pub(super) type AsText = (&'static str, &'static str);

impl Mistake {
    pub(super) fn new(cause: Cause) -> Self {
        Self(Box::new(Details {
            cause,
            place: None,
            hint: None,
            container: None,
            leave_out: None,
            as_text: None,
            stand_in: false,
        }))
    }

    /// The node is of another kind than was expected.
    pub(super) fn wrong_type(expected: impl Into<String>, node: &Node) -> Self {
        Self::new(Cause::WrongType {
            expected: expected.into(),
            found: node.to_string(),
        })
    }

    /// Says where it is, unless something further inside did.
    pub(super) fn at(mut self, place: Span) -> Self {
        self.place.get_or_insert(place);
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that the type refused this node, unless something inside it did.
    pub(super) fn of(mut self, node: &Node, place: Span) -> Self {
        if self.place.is_none() {
            self.container = Some(node.identity());
            if let Cause::WrongType { found, .. } = &mut self.cause {
                *found = node.to_string();
            }
        }
        self.at(place)
    }

    /// Says what to leave out, unless something smaller will do.
    pub(super) fn inside(mut self, node: &Node) -> Self {
        self.leave_out.get_or_insert_with(|| node.identity());
        self
    }

    /// The key that was probably meant by an unknown one.
    pub(super) fn meant(&self) -> Option<&'static str> {
        match &self.cause {
            Cause::UnknownKey { key, known } => suggest::nearest(key, known),
            _ => None,
        }
    }

    /// As it is reported.
    pub(super) fn problem(&self) -> ReadProblem {
        let (message, hint) = match &self.cause {
            Cause::WrongType { expected, found } => {
                (format!("expected {expected}, found {found}"), None)
            }
            Cause::UnknownKey { key, known } => (
                format!("the key `{}` isn't known here", Short(key)),
                Some(advice(key, known, "the keys here are")),
            ),
            Cause::UnknownVariant { name, known } => (
                format!("`{}` isn't known here", Short(name)),
                Some(advice(name, known, "known are")),
            ),
            Cause::Missing { key } => (format!("the key `{key}` is missing"), None),
            Cause::Said(message) => (message.clone(), None),
        };
        let problem = ReadProblem::new(self.place.unwrap_or(Span::START), message);
        match self.hint.clone().or(hint) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

fn advice(name: &str, known: &[&'static str], introduction: &str) -> String {
    match suggest::nearest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "it has no keys".to_owned(),
        None => format!("{introduction} {}", suggest::list(known)),
    }
}

impl Deref for Mistake {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Mistake {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem().message)
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Cause::Said(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Cause::WrongType {
            expected: plain_words(&expected.to_string()),
            found: described(found),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(Cause::Said(format!(
            "expected {}, found {length} elements",
            plain_words(&expected.to_string())
        )))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(Cause::UnknownVariant {
            name: name.to_owned(),
            known,
        })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(Cause::UnknownKey {
            key: key.to_owned(),
            known,
        })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(Cause::Missing { key })
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::custom(format_args!("the key `{key}` is given twice"))
    }
}

/// What a type expects, said to somebody who writes flows and no Rust.
pub(super) fn plain_words(expected: &str) -> String {
    let words = match expected {
        "a string" | "a borrowed string" | "a character" => "a text",
        "a boolean" => "`true` or `false`",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number that isn't negative",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "a whole number of at most 64 bits",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "unit" => "nothing",
        other if other.starts_with("tuple ") => return list_of(other),
        other if other.starts_with("a tuple of size ") => return list_of(other),
        other if other.starts_with("struct ") => "a map",
        other if other.starts_with("unit ") => "nothing",
        other => other,
    };
    words.to_owned()
}

/// "tuple struct Range with 2 elements" is a list of 2 elements.
fn list_of(expected: &str) -> String {
    let count = expected
        .split(' ')
        .rev()
        .find(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    match count {
        Some(count) => format!("a list of {count} elements"),
        None => "a list".to_owned(),
    }
}

/// What was found, where no node is at hand to describe itself.
fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(yes) => format!("`{yes}`"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text `{}`", Short(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}
