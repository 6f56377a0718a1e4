//! From a node to a typed value, by serde.

use std::collections::{HashMap, HashSet};

use serde::Deserializer;
use serde::de::{Error as _, Expected, Visitor};

use super::access::{Choice, Elements, Entries};
use super::mistake::{AsText, Cause, Mistake, plain_words};
use super::{Kind, Node, Span, suggest};
use crate::dialog::Decimal;

/// What was learned about a tree from earlier readings of it.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Entries (by their values) and elements that are left out.
    pub(super) left_out: HashSet<usize>,
    /// Keys a map lacks, which get a stand-in.
    pub(super) missing: HashMap<usize, Vec<&'static str>>,
    /// Types that want their numbers and truth values as texts.
    pub(super) as_text: HashSet<AsText>,
}

/// A node that serde reads.
///
/// Where a text is wanted, a number or truth value gives itself as it is written. A type that
/// takes a text *or* a map or list asks for a string (`deserialize_str`) and has the other
/// visits too; `deserialize_any` does for it as well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'n> {
    pub(super) node: &'n Node,
    /// Where problems with the node are shown.
    pub(super) place: Span,
    pub(super) marks: &'n Marks,
}

impl<'n> Reader<'n> {
    pub(super) fn new(node: &'n Node, marks: &'n Marks) -> Self {
        Self {
            node,
            place: node.span,
            marks,
        }
    }

    fn wrong_type(self, expected: &str) -> Mistake {
        Mistake::wrong_type(plain_words(expected), self.node).at(self.place)
    }

    /// Lets a visitor see the node as it is.
    fn show<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let shown = match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool { yes, .. } => visitor.visit_bool(*yes),
            Kind::Integer { .. } => self.show_integer(visitor),
            Kind::Number { value, written } => {
                visitor
                    .visit_f64(*value)
                    .and_then(|read| match is_exact(*value, written) {
                        true => Ok(read),
                        false => Err(Mistake::custom(
                            "the number has more digits than are kept exactly",
                        )
                        .hint("write it in quotes, as a text")),
                    })
            }
            Kind::Text(text) => visitor.visit_str(text),
            Kind::List(elements) => visitor.visit_seq(Elements::new(self, elements, true)),
            Kind::Map(entries) => visitor.visit_map(Entries::new(self, entries)),
        };
        shown.map_err(|mistake: Mistake| mistake.of(self.node, self.place))
    }

    fn show_integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let shown = match &self.node.kind {
            Kind::Integer { value, .. } => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_i64(value),
                (_, Ok(value)) => visitor.visit_u64(value),
                _ => visitor.visit_i128(*value),
            },
            _ => return Err(self.no_number(&visitor, "a whole number")),
        };
        shown.map_err(|mistake: Mistake| mistake.of(self.node, self.place))
    }

    fn no_number(self, expected: &dyn Expected, otherwise: &str) -> Mistake {
        let words = plain_words(&expected.to_string());
        let expected = match words.strip_suffix(" of at most 64 bits") {
            Some(_) => otherwise,
            None => &words,
        };
        let mistake = self.wrong_type(expected);
        match &self.node.kind {
            Kind::Text(text) if text.trim().parse::<f64>().is_ok() => {
                mistake.hint("a number stands without quotes")
            }
            _ => mistake,
        }
    }

    /// The kind of a scalar that a type may want as a text.
    fn scalar(self) -> Option<&'static str> {
        match self.node.kind {
            Kind::Bool { .. } => Some("bool"),
            Kind::Integer { .. } => Some("integer"),
            Kind::Number { .. } => Some("number"),
            Kind::Null | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Some(scalar) = self.scalar() else {
            return self.show(visitor);
        };
        // A visitor is used up by its first visit, so whether it takes a number can't be tried
        // and taken back. Its refusal is remembered by its type's name for the next reading;
        // should two types share a name, the second gets its texts one reading early.
        let key = (std::any::type_name::<V>(), scalar);
        if self.marks.as_text.contains(&key) {
            return self.deserialize_str(visitor);
        }
        self.show(visitor).map_err(|mut mistake| {
            if matches!(mistake.cause, Cause::WrongType { .. }) {
                mistake.as_text = Some(key);
            }
            mistake
        })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::Bool { .. } => self.show(visitor),
            Kind::Text(text) => {
                let mistake = self.wrong_type("a boolean");
                Err(match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" => mistake.hint("write `true`"),
                    "no" | "off" | "n" => mistake.hint("write `false`"),
                    "true" | "false" => mistake.hint("write it without quotes"),
                    _ => mistake,
                })
            }
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.show_integer(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::Integer { .. } | Kind::Number { .. } => self.show(visitor),
            _ => Err(self.no_number(&visitor, "a number")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.written() {
            Some(text) => visitor
                .visit_str(text)
                .map_err(|mistake: Mistake| mistake.of(self.node, self.place)),
            None => self.show(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.kind {
            Kind::Null => visitor.visit_unit(),
            _ => Err(self.wrong_type("unit")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        // A newtype that refuses what it was given speaks of this node.
        visitor
            .visit_newtype_struct(self)
            .map_err(|mistake| mistake.of(self.node, self.place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.kind {
            Kind::List(_) => self.show(visitor),
            _ => Err(self.wrong_type("a sequence")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let expected = format!("a list of {length} elements");
        let Kind::List(elements) = &self.node.kind else {
            return Err(self.wrong_type(&expected));
        };
        if elements.len() != length {
            let message = format!("expected {expected}, found {}", elements.len());
            return Err(Mistake::custom(message).at(self.place));
        }
        // Each element has its meaning by its position, so none of them can be left out.
        visitor
            .visit_seq(Elements::new(self, elements, false))
            .map_err(|mistake| mistake.of(self.node, self.place))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.kind {
            Kind::Map(_) => self.show(visitor),
            _ => Err(self.wrong_type("a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.node.kind {
            Kind::Map(_) => self.show(visitor),
            _ => Err(self
                .wrong_type("a map")
                .hint(format!("its keys are {}", suggest::list(keys)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let one_of = || format!("one of {}", suggest::list(variants));
        let choice = if let Some(name) = self.node.written() {
            Choice {
                name,
                name_span: self.node.span,
                value: None,
                marks: self.marks,
            }
        } else {
            let left_out = &self.marks.left_out;
            let entries = self.node.entries().iter();
            let mut entries = entries.filter(|entry| !left_out.contains(&entry.value.identity()));
            let Some(entry) = entries.next() else {
                return Err(self.wrong_type(&one_of()));
            };
            if let Some(second) = entries.next() {
                let (first, second_name) = (&entry.key, &second.key);
                let message =
                    format!("`{second_name}` can't stand beside `{first}`: only one fits here");
                return Err(Mistake::custom(message)
                    .at(second.key_span)
                    .hint(format!("what belongs to `{first}` is indented further")));
            }
            Choice {
                name: &entry.key,
                name_span: entry.key_span,
                value: Some(entry),
                marks: self.marks,
            }
        };
        visitor
            .visit_enum(choice)
            .map_err(|mistake| mistake.at(self.place))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }
}

/// Whether a number is what was written. A price must not become another one unseen.
fn is_exact(value: f64, written: &str) -> bool {
    let decimal = |text: &str| text.parse::<Decimal>().ok();
    match (decimal(written), decimal(&value.to_string())) {
        (Some(written), Some(value)) => written == value,
        // Written with an exponent, say.
        _ => true,
    }
}
