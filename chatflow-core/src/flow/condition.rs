//! Tests on what is known of a dialog.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::{Dialog, Value};
use crate::flow::ProblemKind;
use crate::flow::template::{Path, Template};

/// A test on a [`Dialog`]. Names are looked up like those of [templates](crate::Template):
/// `data.x`, `contact.name`, `contact.x` for a field, `variable.x`, or plain `x` for whichever there
/// is.
///
/// In a file an expression is written as a text, the others as a map of one key:
/// `{all: [{tagged: vip}, age >= 18]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Self")]
#[non_exhaustive]
pub enum Condition {
    /// All of them hold; true of none.
    All(Vec<Self>),
    /// At least one of them holds; false of none.
    Any(Vec<Self>),
    /// It doesn't hold.
    Not(Box<Self>),
    /// There is a value, and it isn't null.
    Known(String),
    /// There is a value, and it equals this one. An integer and a decimal of the same size are
    /// not equal.
    Is(String, Value),
    /// There is a whole number, and it is at least this.
    AtLeast(String, i64),
    /// There is a whole number, and it is at most this.
    AtMost(String, i64),
    /// The contact has this tag.
    Tagged(String),
    /// An expression as in [templates](crate::Template), without braces. One that reads a value
    /// that isn't there, or fails in another way, doesn't hold as a whole, also under its own
    /// `not`.
    Expression(String),
}

/// Deepest nesting of conditions.
pub(crate) const CONDITION_DEPTH_MAX: usize = 16;

impl Condition {
    /// Whether a value is known.
    pub fn known(name: impl Into<String>) -> Self {
        Self::Known(name.into())
    }

    /// Whether a value is known and equals this one.
    pub fn is(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::Is(name.into(), value.into())
    }

    /// Whether a whole number is known and at least this.
    pub fn at_least(name: impl Into<String>, least: i64) -> Self {
        Self::AtLeast(name.into(), least)
    }

    /// Whether a whole number is known and at most this.
    pub fn at_most(name: impl Into<String>, most: i64) -> Self {
        Self::AtMost(name.into(), most)
    }

    /// Whether an expression holds: `age >= 18 and "vip" in tags`. It is read when the flow is
    /// built; a flow with one that is none is refused.
    pub fn expression(source: impl Into<String>) -> Self {
        Self::Expression(source.into())
    }

    /// Whether the contact has a tag.
    pub fn tagged(tag: impl Into<String>) -> Self {
        Self::Tagged(tag.into())
    }

    /// Whether it holds for a dialog, a snapshot or a host's own record. A name that is no path
    /// is never known; a flow with one is refused when it is built.
    pub fn holds(&self, dialog: &dyn Dialog) -> bool {
        self.compile().is_ok_and(|test| test.holds(dialog))
    }

    /// The condition with its names looked up and its expressions compiled once, so that a turn
    /// parses none.
    ///
    /// # Errors
    /// The first name that is no path, or expression that is none.
    pub(crate) fn compile(&self) -> Result<Test, ProblemKind> {
        fn each(conditions: &[Condition]) -> Result<Vec<Test>, ProblemKind> {
            conditions.iter().map(Condition::compile).collect()
        }
        fn path(name: &str) -> Result<Path, ProblemKind> {
            Path::parse(name).ok_or_else(|| ProblemKind::BadPath {
                name: name.to_owned(),
            })
        }
        Ok(match self {
            Self::All(conditions) => Test::All(each(conditions)?),
            Self::Any(conditions) => Test::Any(each(conditions)?),
            Self::Not(condition) => Test::Not(Box::new(condition.compile()?)),
            Self::Known(name) => Test::Known(path(name)?),
            Self::Is(name, wanted) => Test::Is(path(name)?, wanted.clone()),
            Self::AtLeast(name, least) => Test::AtLeast(path(name)?, *least),
            Self::AtMost(name, most) => Test::AtMost(path(name)?, *most),
            Self::Tagged(tag) => Test::Tagged(tag.clone()),
            Self::Expression(source) => Test::Expression(Template::expression(source)?),
        })
    }

    /// The tags it names.
    pub(crate) fn tags(&self) -> Vec<&str> {
        // Deeper ones are refused, and nothing walks down into them.
        if self.depth() > CONDITION_DEPTH_MAX {
            return Vec::new();
        }
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Self::tags).collect()
            }
            Self::Not(condition) => condition.tags(),
            Self::Tagged(tag) => vec![tag],
            _ => Vec::new(),
        }
    }

    pub(crate) fn depth(&self) -> usize {
        1 + match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(condition) => condition.depth(),
            _ => 0,
        }
    }
}

/// An expression as the text it is, the others by their derived form.
impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Expression(source) => source.serialize(to),
            condition => Self::serialize(condition, to),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Condition;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression, or a map of one key such as `tagged`")
            }

            fn visit_str<E>(self, source: &str) -> Result<Condition, E> {
                Ok(Condition::expression(source))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Condition, E> {
                Ok(Condition::expression(yes.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Condition, A::Error> {
                Condition::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
impl schemars::JsonSchema for Condition {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "test".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let test = generator.subschema_for::<Self>();
        let tests = schemars::json_schema!({ "type": "array", "items": test });
        let number = schemars::json_schema!({
            "type": "array",
            "prefixItems": [{ "type": "string" }, { "type": "integer" }],
            "minItems": 2,
            "maxItems": 2,
        });
        schemars::json_schema!({ "anyOf": [
            { "type": ["string", "boolean"], "description": "An expression: age >= 18" },
            {
                "type": "object",
                "description": "One test.",
                "properties": {
                    "all": tests,
                    "any": tests,
                    "not": test,
                    "known": { "type": "string" },
                    "is": { "type": "array", "minItems": 2, "maxItems": 2 },
                    "at_least": number,
                    "at_most": number,
                    "tagged": { "type": "string" },
                },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]})
    }
}

/// A condition ready to run.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Known(Path),
    Is(Path, Value),
    AtLeast(Path, i64),
    AtMost(Path, i64),
    Tagged(String),
    Expression(Template),
}

impl Test {
    pub(crate) fn holds(&self, dialog: &dyn Dialog) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(dialog)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(dialog)),
            Self::Not(test) => !test.holds(dialog),
            Self::Known(path) => path.with(dialog, |value| !value.is_null()) == Some(true),
            Self::Is(path, wanted) => path.with(dialog, |value| value == wanted) == Some(true),
            Self::AtLeast(path, least) => {
                let is_enough = |value: &Value| value.as_integer().is_some_and(|n| n >= *least);
                path.with(dialog, is_enough) == Some(true)
            }
            Self::AtMost(path, most) => {
                let is_within = |value: &Value| value.as_integer().is_some_and(|n| n <= *most);
                path.with(dialog, is_within) == Some(true)
            }
            Self::Tagged(tag) => dialog.has_tag(tag),
            Self::Expression(test) => test.holds(dialog),
        }
    }
}
