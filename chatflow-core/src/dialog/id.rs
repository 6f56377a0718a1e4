//! Identifiers. Every one is a newtype: a bot's id can't be passed where a flow's is wanted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dialog::Address;

/// Longest name of a bot, flow, step, channel, operator or space, in bytes.
///
/// Names are keys of stored rows and appear in every journal entry, so they stay short.
pub const NAME_BYTES_MAX: usize = 128;

macro_rules! name {
    ($(#[$meta:meta])* $type:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Wraps a name as it is; the flow compiler and the builder check its length and
            /// that it isn't empty.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the name is usable: not empty, at most [`NAME_BYTES_MAX`] bytes and free
            /// of control characters.
            pub fn is_valid(&self) -> bool {
                !self.0.is_empty()
                    && self.0.len() <= NAME_BYTES_MAX
                    && !self.0.chars().any(char::is_control)
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($type), &self.0)
            }
        }
    };
}

name!(
    /// The tenant that everything belongs to.
    SpaceId
);
name!(
    /// A bot: a channel account with its settings and flows. Unique over all spaces.
    BotId
);
name!(
    /// A channel account, such as `terminal` or a messenger's account.
    ChannelId
);
name!(
    /// A flow, without its version.
    FlowId
);
name!(
    /// A step within its flow.
    StepId
);
name!(
    /// The person who takes dialogs over.
    OperatorId
);
name!(
    /// A queue of its space, in which dialogs wait for an operator.
    QueueId
);
name!(
    /// A channel's own id of a message. Unique within a dialog; not secret.
    ExternalId
);
name!(
    /// The label of a status a host added, such as `kyc_review`.
    StatusLabel
);

/// What the ids of the queues of bots' managers begin with.
const MANAGERS: &str = "managers of ";

impl QueueId {
    /// The queue of a bot's managers, which the runner keeps: those who get its new dialogs.
    pub fn of_managers(bot: &BotId) -> Self {
        Self::new(format!("{MANAGERS}{bot}"))
    }

    /// Whether it is the queue of some bot's managers.
    pub fn is_of_managers(&self) -> bool {
        self.as_str().starts_with(MANAGERS)
    }
}

/// Edition of a flow. Higher is newer; a dialog keeps the version it entered.
pub type FlowVersion = u32;

/// A dialog's lasting identity: 128 bits, derived once from the bot and the first address.
///
/// Later moves of the bot or the address don't change it. The top six bits are its lane, see
/// [`DialogId::lane`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId(u128);

/// A contact's identity: 128 bits, derived from the space and the first address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(u128);

macro_rules! id128 {
    ($type:ident) => {
        impl $type {
            /// The id whose bytes these are.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// The id as bytes, most significant first, so that byte order is id order.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:032x})", stringify!($type), self.0)
            }
        }

        impl FromStr for $type {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(ParseIdError);
                }
                u128::from_str_radix(text, 16)
                    .map(Self)
                    .map_err(|_| ParseIdError)
            }
        }

        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.to_bytes())
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an id of 16 bytes or 32 hexadecimal digits")
                    }

                    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<$type, E> {
                        let bytes = <[u8; 16]>::try_from(bytes)
                            .map_err(|_| E::invalid_length(bytes.len(), &self))?;
                        Ok($type::from_bytes(bytes))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Visitor)
                } else {
                    deserializer.deserialize_bytes(Visitor)
                }
            }
        }
    };
}

id128!(DialogId);
id128!(ContactId);

/// A text that is no id: not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 32 hexadecimal digits are expected")]
pub struct ParseIdError;

impl DialogId {
    /// Number of lanes; a lane is the unit of ownership, counters and feeds.
    pub const LANES: u8 = 64;

    /// The id of the dialog that `bot` has with `first` address.
    ///
    /// Called once, at creation; afterwards the stored row from address to dialog answers.
    pub fn derive(bot: &BotId, first: &Address) -> Self {
        Self(hash128(
            "dialog",
            &[bot.as_str(), first.channel.as_str(), first.external_id()],
        ))
    }

    /// The dialog's lane, from 0 to 63: the top six bits.
    pub const fn lane(self) -> u8 {
        (self.0 >> 122) as u8
    }
}

impl ContactId {
    /// The id of the contact first met in `space` at `first` address.
    pub fn derive(space: &SpaceId, first: &Address) -> Self {
        Self(hash128(
            "contact",
            &[space.as_str(), first.channel.as_str(), first.external_id()],
        ))
    }
}

/// Hash of a kind and parts, each with its length before it, so that no two lists of parts
/// give the same bytes.
fn hash128(kind: &str, parts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(bytes)
}

/// Number raised by each commit of a dialog, from 1. It is the turn's number as well.
pub type Revision = u64;

/// One effect of one turn: the stable key under which it is delivered, however often.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId {
    /// The dialog whose turn made it.
    pub dialog: DialogId,
    /// The turn that made it.
    pub turn: Revision,
    /// Its place in the turn: effects count from 1, 0 is what came in.
    pub n: u32,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.dialog, self.turn, self.n)
    }
}

impl fmt::Debug for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EffectId({self})")
    }
}

/// SHA-256 of the stored bytes of a flow, a bot's settings or a whole config.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigHash([u8; 32]);

impl ConfigHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash whose bytes these are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes as a number: enough to tell the configs of one process apart.
    pub(crate) fn stamp(&self) -> u64 {
        let mut head = [0; 8];
        head.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(head)
    }
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigHash({self})")
    }
}

impl Serialize for ConfigHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for ConfigHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ConfigHash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a hash of 32 bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<ConfigHash, E> {
                let bytes = <[u8; 32]>::try_from(bytes)
                    .map_err(|_| E::invalid_length(bytes.len(), &self))?;
                Ok(ConfigHash(bytes))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ConfigHash, E> {
                let mut bytes = [0; 32];
                if text.len() != 64 || !text.is_ascii() {
                    return Err(E::invalid_length(text.len(), &self));
                }
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(E::custom)?;
                }
                Ok(ConfigHash(bytes))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text_and_bytes() {
        let id = DialogId::derive(&"shop".into(), &Address::new("terminal", "anna"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(DialogId::from_bytes(id.to_bytes()), id);
        assert!("+1".repeat(16).parse::<DialogId>().is_err());
    }

    #[test]
    fn parts_do_not_run_together() {
        let one = DialogId::derive(&"shop".into(), &Address::new("a", "bc"));
        let other = DialogId::derive(&"shop".into(), &Address::new("ab", "c"));
        assert_ne!(one, other);
    }

    #[test]
    fn lanes_are_used_evenly() {
        let mut counts = [0_u32; DialogId::LANES as usize];
        for n in 0..6400 {
            let id = DialogId::derive(&"shop".into(), &Address::new("t", n.to_string()));
            counts[usize::from(id.lane())] += 1;
        }
        assert!(
            counts.iter().all(|&count| (50..200).contains(&count)),
            "{counts:?}"
        );
    }
}
