//! From a node to a typed value, by serde.

use std::collections::{HashMap, HashSet};

use serde::Deserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::hole::Hole;
use super::mistake::{AsText, Cause, Mistake, plain_words};
use super::{Entry, Kind, Node, Span, suggest};

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
    node: &'n Node,
    /// Where problems with the node are shown.
    place: Span,
    marks: &'n Marks,
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
            Kind::Number { value, .. } => visitor.visit_f64(*value),
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

/// The elements of a list.
struct Elements<'n> {
    rest: std::slice::Iter<'n, Node>,
    marks: &'n Marks,
    /// Whether the list makes sense without one of them.
    optional: bool,
}

impl<'n> Elements<'n> {
    fn new(list: Reader<'n>, elements: &'n [Node], optional: bool) -> Self {
        Self {
            rest: elements.iter(),
            marks: list.marks,
            optional,
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mistake> {
        let marks = self.marks;
        let present = |node: &&Node| !marks.left_out.contains(&node.identity());
        let Some(node) = self.rest.find(present) else {
            return Ok(None);
        };
        let read = seed.deserialize(Reader::new(node, marks));
        read.map(Some).map_err(|mistake| match self.optional {
            true => mistake.at(node.span).inside(node),
            false => mistake.at(node.span),
        })
    }
}

/// The entries of a map, then stand-ins for those it lacks.
struct Entries<'n> {
    rest: std::slice::Iter<'n, Entry>,
    missing: std::slice::Iter<'n, &'static str>,
    /// The entry whose key was read last; none for a stand-in.
    current: Option<&'n Entry>,
    place: Span,
    marks: &'n Marks,
}

impl<'n> Entries<'n> {
    fn new(map: Reader<'n>, entries: &'n [Entry]) -> Self {
        let missing = map.marks.missing.get(&map.node.identity());
        Self {
            rest: entries.iter(),
            missing: missing.map_or(&[][..], Vec::as_slice).iter(),
            current: None,
            place: map.place,
            marks: map.marks,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mistake;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mistake> {
        let marks = self.marks;
        let present = |entry: &&Entry| !marks.left_out.contains(&entry.value.identity());
        self.current = self.rest.find(present);
        if let Some(entry) = self.current {
            let read = seed.deserialize(Name(&entry.key));
            return read
                .map(Some)
                .map_err(|mistake| mistake.at(entry.key_span).inside(&entry.value));
        }
        match self.missing.next() {
            Some(key) => seed.deserialize(Name(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mistake> {
        let Some(entry) = self.current else {
            return seed.deserialize(Hole::default()).map_err(|mistake| {
                let mut mistake = mistake.at(self.place);
                mistake.stand_in = true;
                mistake
            });
        };
        let reader = Reader {
            node: &entry.value,
            place: entry.place(),
            marks: self.marks,
        };
        seed.deserialize(reader)
            .map_err(|mistake| mistake.at(reader.place).inside(&entry.value))
    }
}

/// A variant: a text, or the only key of a map and what belongs to it.
struct Choice<'n> {
    name: &'n str,
    name_span: Span,
    value: Option<&'n Entry>,
    marks: &'n Marks,
}

impl<'n> Choice<'n> {
    fn value(&self) -> Result<Reader<'n>, Mistake> {
        let Some(entry) = self.value else {
            return Err(
                Mistake::custom(format_args!("`{}` needs a value", self.name))
                    .at(self.name_span)
                    .hint(format!("write `{}: …`", self.name)),
            );
        };
        Ok(Reader {
            node: &entry.value,
            place: entry.place(),
            marks: self.marks,
        })
    }
}

impl<'de> EnumAccess<'de> for Choice<'_> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Mistake> {
        match seed.deserialize(Name(self.name)) {
            Ok(variant) => Ok((variant, self)),
            Err(mistake) => Err(mistake.at(self.name_span)),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.value.map(|entry| &entry.value) {
            None => Ok(()),
            Some(value) if value.kind == Kind::Null => Ok(()),
            Some(value) => {
                let message = format!("`{}` stands alone, found {value} after it", self.name);
                Err(Mistake::custom(message)
                    .at(self.name_span)
                    .hint(format!("write `{}` without a `:`", self.name)))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Mistake> {
        let reader = self.value()?;
        seed.deserialize(reader)
            .map_err(|mistake| mistake.of(reader.node, reader.place))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.value()?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.value()?.deserialize_struct("", keys, visitor)
    }
}

/// A key, or the name of a variant.
#[derive(Clone, Copy)]
struct Name<'n>(&'n str);

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_str(self.0)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0.parse() {
            Ok(number) => visitor.visit_i64(number),
            Err(_) => visitor.visit_str(self.0),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(serde::de::value::StrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}
