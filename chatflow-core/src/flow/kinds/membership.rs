//! Whether the contact has joined a place.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::flow::StepKind;

/// Asks the bot's channel whether the contact has joined a place, such as a channel of news, and
/// goes on by the answer. Exits: `member`, `not_member`, and `unknown` where nobody can tell.
///
/// The port of the name asked gets a map with `channel`, the place, and `contact`, the contact's
/// outside id; its answer is yes or no. A message that comes before the answer asks once more.
///
/// ```
/// use chatflow_core::Membership;
///
/// let step = Membership::of("@shop_news");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The place, as its channel names it.
    pub(crate) channel: String,
    /// Who is asked; `membership` if not named.
    pub(crate) port: Option<String>,
}

impl Membership {
    /// The port that is asked where a step names none.
    pub const PORT: &str = "membership";
    /// The exit of a contact that has joined.
    pub const MEMBER: &str = "member";
    /// The exit of a contact that hasn't.
    pub const NOT_MEMBER: &str = "not_member";
    /// The exit where nobody can tell.
    pub const UNKNOWN: &str = "unknown";
    /// All exits, in the order in which a flow lists them.
    pub(crate) const EXITS: [&str; 3] = [Self::MEMBER, Self::NOT_MEMBER, Self::UNKNOWN];

    /// Whether the contact has joined this place.
    pub fn of(channel: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            port: None,
        }
    }

    /// Asks this port: for programs with several bots.
    #[must_use]
    pub fn port(mut self, port: impl Into<String>) -> Self {
        self.port = Some(port.into());
        self
    }
}

impl From<Membership> for StepKind {
    fn from(kind: Membership) -> Self {
        Self::Membership(kind)
    }
}

/// The form in a file, where it isn't just the place's name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "membership")
)]
#[serde(deny_unknown_fields)]
struct Body {
    /// The place, as its channel names it.
    channel: String,
    /// Who is asked; `membership` if not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<String>,
}

impl Serialize for Membership {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.port {
            None => self.channel.serialize(to),
            port => Body {
                channel: self.channel.clone(),
                port: port.clone(),
            }
            .serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Membership {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Membership;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a channel's name, or a map with `channel`")
            }

            fn visit_str<E>(self, channel: &str) -> Result<Membership, E> {
                Ok(Membership::of(channel))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Membership, A::Error> {
                let body = Body::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Membership {
                    channel: body.channel,
                    port: body.port,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(Membership, "membership_or_name", Body);
