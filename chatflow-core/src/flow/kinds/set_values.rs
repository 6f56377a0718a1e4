//! Keeping values, and where they are kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::Value;
use crate::flow::StepKind;
use crate::flow::ordered::{self, Named};

/// Where a value is kept. Written `age` or `data.age`, `contact.name`, `contact.city`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SaveTo {
    /// In the dialog's data under this name.
    Data(String),
    /// As the contact's name.
    ContactName,
    /// In this field of the contact.
    Field(String),
}

impl fmt::Display for SaveTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(name) => f.write_str(name),
            Self::ContactName => f.write_str("contact.name"),
            Self::Field(name) => write!(f, "contact.{name}"),
        }
    }
}

impl From<SaveTo> for String {
    fn from(to: SaveTo) -> Self {
        to.to_string()
    }
}

impl std::str::FromStr for SaveTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            None => Ok(Self::Data(text.to_owned())),
            Some(("data", name)) => Ok(Self::Data(name.to_owned())),
            Some(("contact", "name")) => Ok(Self::ContactName),
            Some(("contact", "language")) => {
                Err("a contact's language comes from the channel and isn't set by a flow".into())
            }
            Some(("contact", name)) => Ok(Self::Field(name.to_owned())),
            Some(_) => Err(format!(
                "a value is kept as `name`, `contact.name` or `contact.field`, found `{text}`"
            )),
        }
    }
}

impl TryFrom<String> for SaveTo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Keeps values: numbers, yes and no as they are; texts are [templates](crate::Template), and
/// one that is nothing but `{{ … }}` keeps the kind of its value, so `{{ visits + 1 }}` counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "set")
)]
#[serde(transparent)]
pub struct SetValues {
    /// What is set to what, in order: `age: 5`, `contact.city: "{{ city }}"`.
    #[serde(with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, Source>")
    )]
    pub(crate) values: Vec<Assignment>,
}

/// One value and where it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) to: SaveTo,
    pub(crate) source: Source,
}

impl Named for Assignment {
    type Value = Source;

    fn split(&self) -> (String, Source) {
        (self.to.to_string(), self.source.clone())
    }

    fn join(name: String, source: Source) -> Result<Self, String> {
        let to = name.parse()?;
        Ok(Self { to, source })
    }
}

/// Where a value comes from: itself, or a template where it is a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source(pub(crate) Value);

impl Source {
    pub(crate) fn template(source: String) -> Self {
        Self(Value::from(source.as_str()))
    }
}

impl SetValues {
    /// Sets nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value of the dialog's data, a field (`contact.city`) or `contact.name`. A text is
    /// a template.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        // A name that is none is found when the flow is compiled.
        let to = name.parse().unwrap_or_else(|_| SaveTo::Data(name.clone()));
        let source = Source(value.into());
        self.values.push(Assignment { to, source });
        self
    }
}

impl From<SetValues> for StepKind {
    fn from(kind: SetValues) -> Self {
        Self::Set(kind)
    }
}

impl Serialize for Source {
    /// In a file a decimal is a plain number, where that is read back as the same.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Value::Decimal(decimal) = &self.0
            && to.is_human_readable()
            && let Ok(number) = decimal.to_string().parse::<f64>()
            && number.to_string() == decimal.to_string()
        {
            return to.serialize_f64(number);
        }
        self.0.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, yes or no, a list or a map")
            }

            fn visit_unit<E>(self) -> Result<Source, E> {
                Ok(Source(Value::Null))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Source, E> {
                Ok(Source(Value::Bool(yes)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Source, E> {
                Ok(Source(Value::Integer(number)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Source, E> {
                let number = i64::try_from(number);
                number
                    .map(|number| Source(Value::Integer(number)))
                    .map_err(|_| E::custom("a whole number beyond 64 bits"))
            }

            /// The shortest decimal that reads as this number: what the author wrote, but for
            /// zeros at its end.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Source, E> {
                let decimal = number.to_string().parse();
                decimal
                    .map(|decimal| Source(Value::Decimal(decimal)))
                    .map_err(|_| E::custom("a number with more digits than can be kept exactly"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Source, E> {
                Ok(Source(Value::from(text)))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Source, A::Error> {
                let value = Value::deserialize(de::value::SeqAccessDeserializer::new(list));
                value.map(Source)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                let value = Value::deserialize(de::value::MapAccessDeserializer::new(map));
                value.map(Source)
            }
        }

        from.deserialize_any(Visitor)
    }
}
