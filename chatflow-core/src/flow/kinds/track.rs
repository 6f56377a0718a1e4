//! Telling a tracker.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::Value;
use crate::flow::StepKind;
use crate::flow::kinds::Source;

/// Tells a tracker that something has happened, and goes on at once. Exit: `next`.
///
/// ```
/// use chatflow_core::Track;
///
/// let step = Track::event("order").value("{{ total }}").parameter("currency", "EUR");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub(crate) event: String,
    pub(crate) value: Option<Source>,
    pub(crate) parameters: BTreeMap<String, Source>,
    pub(crate) port: Option<String>,
}

impl Track {
    /// The port that is told where a step names none.
    pub const PORT: &str = "tracker";

    /// Reports this, such as `order`.
    pub fn event(event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            value: None,
            parameters: BTreeMap::new(),
            port: None,
        }
    }

    /// Says what it is worth: a number, or a [template](crate::Template) that gives one.
    #[must_use]
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(Source(value.into()));
        self
    }

    /// Says something more about it. A text is a [template](crate::Template).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), Source(value.into()));
        self
    }

    /// Tells this port: for programs with several.
    #[must_use]
    pub fn port(mut self, port: impl Into<String>) -> Self {
        self.port = Some(port.into());
        self
    }
}

impl From<Track> for StepKind {
    fn from(kind: Track) -> Self {
        Self::Track(kind)
    }
}

/// The form in a file, where it isn't just the event.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "track")
)]
#[serde(deny_unknown_fields)]
struct Body {
    /// What has happened, such as `order`.
    event: String,
    /// What it is worth: a number, or a template that gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Source>,
    /// What more is said about it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, Source>,
    /// Who is told; `tracker` if not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<String>,
}

impl Serialize for Track {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                event,
                value: None,
                parameters,
                port: None,
            } if parameters.is_empty() => event.serialize(to),
            track => {
                let track = track.clone();
                let body = Body {
                    event: track.event,
                    value: track.value,
                    parameters: track.parameters,
                    port: track.port,
                };
                body.serialize(to)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Track;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's name, or a map with `event`")
            }

            fn visit_str<E>(self, event: &str) -> Result<Track, E> {
                Ok(Track::event(event))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Track, A::Error> {
                let body = Body::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Track {
                    event: body.event,
                    value: body.value,
                    parameters: body.parameters,
                    port: body.port,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(Track, "track_or_event", Body);
