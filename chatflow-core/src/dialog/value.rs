//! Values: what dialogs collect and contacts keep.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::de::{self, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dialog::Text;
use crate::dialog::time::{self, Moment};

/// A value of a dialog's data, a contact's field or a step's settings.
///
/// It is our own type because the order and the number form of other crates' value types
/// change with features a host may switch on, and stored bytes must not. Maps are ordered by
/// key. `Debug` shows kinds, never content.
///
/// The plain kinds are stored as themselves; decimal, date and time as a map of one entry
/// (`"$decimal"`, `"$date"`, `"$time"`); a map whose first key starts with `$` is put into
/// `"$map"`, so that it can't be mistaken for one of those.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// Text.
    Text(Text),
    /// A day.
    Date(NaiveDate),
    /// A moment, to the millisecond.
    Time(Moment),
    /// Values in order.
    List(Vec<Self>),
    /// Values by key, ordered by key.
    Map(BTreeMap<String, Self>),
}

/// How deep stored values may be nested; deeper ones are refused when they are decoded. What a
/// step or a port gives may be half as deep, which leaves room for what wraps it.
pub const VALUE_DEPTH_MAX: usize = 32;

impl Value {
    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Bytes of text and keys in it, for the limits on data.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            Self::List(values) => 8 + values.iter().map(Self::weight).sum::<usize>(),
            Self::Map(map) => {
                8 + map
                    .iter()
                    .map(|(key, value)| key.len() + value.weight())
                    .sum::<usize>()
            }
            Self::Decimal(_) => 16,
            _ => 8,
        }
    }

    /// Nesting: 1 for a plain value.
    pub fn depth(&self) -> usize {
        1 + match self {
            Self::List(values) => values.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(map) => map.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether it is nested no deeper than stored values may be.
    pub(crate) fn is_storable(&self) -> bool {
        self.depth() <= VALUE_DEPTH_MAX / 2
    }

    /// The value as a reader expects it in a message, see [`write_to`](Self::write_to). There is
    /// no `Display`, so that what people said doesn't slip into a log.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = self.write_to(&mut text);
        text
    }

    /// Writes the value as a reader expects it in a message: text as it is, numbers in plain
    /// digits, dates as `2026-01-31`, moments in RFC 3339, nothing for null; lists separated by
    /// commas, maps as `key: value`.
    pub fn write_to(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(yes) => write!(out, "{yes}"),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Decimal(number) => write!(out, "{number}"),
            Self::Text(text) => out.write_str(text.as_str()),
            Self::Date(day) => write!(out, "{day}"),
            Self::Time(moment) => {
                out.write_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }
            Self::List(values) => {
                for (n, value) in values.iter().enumerate() {
                    if n > 0 {
                        out.write_str(", ")?;
                    }
                    value.write_to(out)?;
                }
                Ok(())
            }
            Self::Map(map) => {
                for (n, (key, value)) in map.iter().enumerate() {
                    if n > 0 {
                        out.write_str(", ")?;
                    }
                    write!(out, "{key}: ")?;
                    value.write_to(out)?;
                }
                Ok(())
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "integer",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.kind())
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Decimal(number)
    }
}

/// An exact decimal number of up to 28 digits. Written as text, so no float ever rounds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(rust_decimal::Decimal);

/// A text that is no decimal number of at most 28 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number of at most 28 digits")]
pub struct ParseDecimalError;

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        rust_decimal::Decimal::from_str_exact(text)
            .map(|number| Self(number.normalize()))
            .map_err(|_| ParseDecimalError)
    }
}

impl Decimal {
    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The sum; the most that can be kept where it is larger.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let sum = self.0.checked_add(more.0);
        Self(sum.unwrap_or(rust_decimal::Decimal::MAX).normalize())
    }

    /// What so many cost, if this is what a million costs.
    pub(crate) fn per_million(self, count: u64) -> Self {
        let millionth = rust_decimal::Decimal::new(1, 6);
        let cost = rust_decimal::Decimal::from(count)
            .checked_mul(self.0)
            .and_then(|cost| cost.checked_mul(millionth));
        Self(cost.unwrap_or(rust_decimal::Decimal::MAX).normalize())
    }

    /// How many digits are after the point.
    pub(crate) fn fraction_digits(&self) -> u32 {
        self.0.scale()
    }
}

/// As the text of its digits.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(from)?;
        digits.parse().map_err(de::Error::custom)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decimal(…)")
    }
}

const DECIMAL: &str = "$decimal";
const DATE: &str = "$date";
const TIME: &str = "$time";
const MAP: &str = "$map";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(yes) => to.serialize_bool(*yes),
            Self::Integer(number) => to.serialize_i64(*number),
            Self::Text(text) => to.serialize_str(text.as_str()),
            Self::List(values) => to.collect_seq(values),
            Self::Decimal(number) => to.collect_map([(DECIMAL, number.to_string())]),
            Self::Date(day) => to.collect_map([(DATE, day.to_string())]),
            Self::Time(moment) => to.collect_map([(TIME, time::to_millis(*moment))]),
            Self::Map(map) if map.keys().next().is_some_and(|key| key.starts_with('$')) => {
                to.collect_map([(MAP, map)])
            }
            Self::Map(map) => to.collect_map(map),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Visitor { depth: 0 })
    }
}

/// Reads a value and counts its nesting, so that hostile input can't exhaust the stack.
#[derive(Clone, Copy)]
struct Visitor {
    depth: usize,
}

impl<'de> de::DeserializeSeed<'de> for Visitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth + 1 >= VALUE_DEPTH_MAX {
            return Err(E::custom(format_args!(
                "nested deeper than {VALUE_DEPTH_MAX}"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a bool, a whole number, text, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::Integer)
            .map_err(|_| E::custom("a whole number beyond 64 bits"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom(
            "a number with a fraction must be written {\"$decimal\": \"1.5\"}",
        ))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let first = entries.next_key::<String>()?;
        let Some(tag) = first.as_deref().filter(|key| key.starts_with('$')) else {
            return self.plain_map(first, entries).map(Value::Map);
        };
        let value = match tag {
            DECIMAL => {
                let digits = entries.next_value::<String>()?;
                Value::Decimal(digits.parse().map_err(de::Error::custom)?)
            }
            DATE => {
                let day = entries.next_value::<String>()?;
                let day = day.parse();
                Value::Date(day.map_err(|_| de::Error::custom("not a date such as 2026-01-31"))?)
            }
            TIME => Value::Time(time::from_millis(entries.next_value()?)),
            MAP => Value::Map(entries.next_value_seed(Plain(self.deeper()?))?),
            _ => {
                return Err(de::Error::custom(
                    "a map whose first key starts with $ must be inside $map",
                ));
            }
        };
        match entries.next_key::<de::IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(de::Error::custom("more keys after one that starts with $")),
        }
    }
}

impl Visitor {
    /// The entries of a map as they are.
    fn plain_map<'de, A: MapAccess<'de>>(
        self,
        mut key: Option<String>,
        mut entries: A,
    ) -> Result<BTreeMap<String, Value>, A::Error> {
        let inner = self.deeper()?;
        let mut map = BTreeMap::new();
        while let Some(name) = key {
            map.insert(name, entries.next_value_seed(inner)?);
            key = entries.next_key()?;
        }
        Ok(map)
    }
}

/// Reads a map whose keys are all plain, also those that start with `$`.
struct Plain(Visitor);

impl<'de> de::DeserializeSeed<'de> for Plain {
    type Value = BTreeMap<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> de::Visitor<'de> for Plain {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let first = entries.next_key()?;
        self.0.plain_map(first, entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::codec;

    fn samples() -> Vec<Value> {
        let map = |key: &str| Value::Map([(key.to_owned(), Value::Integer(1))].into());
        vec![
            Value::Null,
            Value::Bool(true),
            Value::Integer(-7),
            Value::Decimal("12.50".parse().unwrap()),
            Value::from("text"),
            Value::Date("2026-02-28".parse().unwrap()),
            Value::Time(time::from_millis(1_700_000_000_123)),
            Value::List(vec![Value::Null, Value::Integer(2)]),
            map("plain"),
            map("$map"),
            map("$date"),
        ]
    }

    #[test]
    fn every_kind_survives_bytes_and_json() {
        for value in samples() {
            let bytes = codec::encode(&value).unwrap();
            assert!(
                codec::decode::<Value>(&bytes).unwrap() == value,
                "{value:?}"
            );
            let json = serde_json::to_string(&value).unwrap();
            assert!(
                serde_json::from_str::<Value>(&json).unwrap() == value,
                "{json}"
            );
        }
    }

    #[test]
    fn decimals_are_exact_and_normal() {
        let sum: Decimal = "0.30".parse().unwrap();
        assert_eq!(sum.to_string(), "0.3");
        assert!("1e400".parse::<Decimal>().is_err());
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let json = "[".repeat(100) + &"]".repeat(100);
        assert!(serde_json::from_str::<Value>(&json).is_err());
    }

    #[test]
    fn debug_shows_no_content() {
        let value = Value::List(vec![Value::from("secret")]);
        assert!(!format!("{value:?}").contains("secret"));
    }
}
