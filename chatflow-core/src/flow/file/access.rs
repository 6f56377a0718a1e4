//! What serde walks through: elements, entries, variants and keys.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::deserialize::{Marks, Reader};
use super::hole::Hole;
use super::mistake::Mistake;
use super::{Entry, Kind, Node, Span};

/// The elements of a list.
pub(super) struct Elements<'n> {
    rest: std::slice::Iter<'n, Node>,
    marks: &'n Marks,
    /// Whether the list makes sense without one of them.
    optional: bool,
}

impl<'n> Elements<'n> {
    pub(super) fn new(list: Reader<'n>, elements: &'n [Node], optional: bool) -> Self {
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
pub(super) struct Entries<'n> {
    rest: std::slice::Iter<'n, Entry>,
    missing: std::slice::Iter<'n, &'static str>,
    /// The entry whose key was read last; none for a stand-in.
    current: Option<&'n Entry>,
    place: Span,
    marks: &'n Marks,
}

impl<'n> Entries<'n> {
    pub(super) fn new(map: Reader<'n>, entries: &'n [Entry]) -> Self {
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
pub(super) struct Choice<'n> {
    pub(super) name: &'n str,
    pub(super) name_span: Span,
    pub(super) value: Option<&'n Entry>,
    pub(super) marks: &'n Marks,
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
        visitor.visit_enum(StrDeserializer::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}
