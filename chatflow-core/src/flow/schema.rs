//! The JSON Schema of types whose form in a file isn't that of the type.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::dialog::MediaKind;
use crate::dialog::time::Period;
use crate::flow::kinds::{SendItem, Source};
use crate::flow::{ClockTime, SaveTo, SendMessage, Texts};

/// Declares a type whose form is a text, or a map described by another type.
macro_rules! text_or {
    ($type:ty, $name:literal, $body:ty) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let body = generator.subschema_for::<$body>();
                let text = crate::flow::schema::any_text();
                schemars::json_schema!({ "anyOf": [text, body] })
            }
        }
    };
}
pub(crate) use text_or;

/// What is read as a text: `5` and `true` are, without quotes too.
pub(crate) fn any_text() -> Schema {
    json_schema!({ "type": ["string", "number", "boolean"] })
}

/// A text that must read in a certain way.
macro_rules! text {
    ($type:ty, $name:literal, $description:literal, $pattern:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $description,
                    "pattern": $pattern,
                })
            }
        }
    };
}

text!(
    Period,
    "time",
    "A length of time: 6h, 1d12h, 30m, 1m30s, 200ms.",
    "^([0-9]+(d|h|m|s|ms))+$"
);
text!(
    SaveTo,
    "save",
    "Where a value is kept: age, contact.name or contact.city.",
    // Letters by what they aren't: not every validator knows `\p`.
    r"^(data\.|contact\.)?[^\x00-@\[-\^`{-\x7f][^\x00-/:-@\[-\^`{-\x7f]*$"
);

text!(
    ClockTime,
    "clock_time",
    "A time of day: 22:00.",
    "^([01][0-9]|2[0-3]):[0-5][0-9]$"
);

impl JsonSchema for MediaKind {
    fn schema_name() -> Cow<'static, str> {
        "media".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let labels = Self::ALL.map(Self::label);
        json_schema!({ "type": "string", "enum": labels })
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> Cow<'static, str> {
        "texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, or a text for each language.",
            "anyOf": [
                any_text(),
                { "type": "object", "additionalProperties": any_text() },
            ],
        })
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, yes or no, a list or a map as it stands; a text is a template.",
        })
    }
}

impl JsonSchema for SendMessage {
    fn schema_name() -> Cow<'static, str> {
        "send".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<SendItem>();
        json_schema!({ "anyOf": [item, { "type": "array", "items": item, "minItems": 1 }] })
    }
}
