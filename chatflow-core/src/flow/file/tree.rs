//! What stands in a file, and where.

use std::fmt;

use super::Span;

/// One value of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Where it stands. A value used through an alias stands where it is used.
    pub(crate) span: Span,
}

/// The kinds of value. Numbers and truth values keep how they were written, because `1.10` is
/// a price, and as a text it must not become `1.1`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool {
        yes: bool,
        written: String,
    },
    Integer {
        /// Wide enough for all that `i64` and `u64` hold.
        value: i128,
        written: String,
    },
    /// A number with a fraction, an exponent or more than 64 bits.
    Number {
        value: f64,
        written: String,
    },
    Text(String),
    List(Vec<Node>),
    /// In the order of the file. A key that is there twice is kept twice, to be reported.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The entries of a map, and none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list, and none of anything else.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.kind {
            Kind::List(elements) => elements,
            _ => &[],
        }
    }

    /// The first entry of a map that has this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// How a text, number or truth value is written, quotes and escapes taken away.
    pub(crate) fn written(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(written)
            | Kind::Bool { written, .. }
            | Kind::Integer { written, .. }
            | Kind::Number { written, .. } => Some(written),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Which node this is. Two nodes of one tree never share it, equal as they may be.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// As a problem names it: "a list", "the text `abc`".
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Null => f.write_str("nothing"),
            Kind::Bool { written, .. } => write!(f, "`{written}`"),
            Kind::Integer { written, .. } | Kind::Number { written, .. } => {
                write!(f, "the number {}", Short(written))
            }
            Kind::Text(text) => write!(f, "the text `{}`", Short(text)),
            Kind::List(_) => f.write_str("a list"),
            Kind::Map(_) => f.write_str("a map"),
        }
    }
}

impl Entry {
    /// Where a problem with the value is shown: at the value, or at the key if the value goes
    /// on for lines.
    pub(crate) fn place(&self) -> Span {
        match self.value.kind {
            Kind::List(_) | Kind::Map(_) => self.key_span,
            _ => self.value.span,
        }
    }
}

/// The beginning of a text, since a message for the contact may be long.
pub(super) struct Short<'t>(pub(super) &'t str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN_CHARACTERS_MAX) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

const SHOWN_CHARACTERS_MAX: usize = 40;
