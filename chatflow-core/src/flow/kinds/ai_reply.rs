//! A model writes what is said.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::time::Period;
use crate::flow::kinds::ai::{AiWords, words};
use crate::flow::{Memory, StepKind, Texts};

/// A model writes the answer, which is sent to the contact. Exit: `next`, once it was sent. Where
/// the model can't be asked or answers nothing, the dialog shows Error.
///
/// ```
/// use chatflow_core::AiReply;
///
/// let step = AiReply::to("Find out which size {{ name }} wears").notes("Sizes: S, M, L");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AiReply {
    pub(crate) goal: Option<Texts>,
    pub(crate) notes: Option<Texts>,
    pub(crate) model: Option<String>,
    pub(crate) memory: Option<Memory>,
    pub(crate) reply_time: Option<Period>,
}

impl AiReply {
    /// An answer as the bot's settings say.
    pub fn new() -> Self {
        Self::default()
    }

    /// An answer that is to reach this. The goal is a [template](crate::Template).
    pub fn to(goal: impl Into<Texts>) -> Self {
        Self::new().goal(goal)
    }

    words!();

    /// Sends it this long after the contact's last message at the earliest, in place of the
    /// bot's time.
    #[must_use]
    pub fn reply_time(mut self, period: impl Into<Period>) -> Self {
        self.reply_time = Some(period.into());
        self
    }

    pub(crate) fn words(&self) -> AiWords<'_> {
        AiWords {
            goal: self.goal.as_ref(),
            notes: self.notes.as_ref(),
            model: self.model.as_deref(),
            memory: self.memory,
        }
    }
}

impl From<AiReply> for StepKind {
    fn from(kind: AiReply) -> Self {
        Self::AiReply(kind)
    }
}

/// The form in a file, where it isn't just the goal.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "ai_reply")
)]
#[serde(deny_unknown_fields, default)]
struct Body {
    /// What the model is to reach here, in place of the bot's goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Texts>,
    /// What the model is to know here.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Texts>,
    /// The model, in place of the bot's.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// How many of the last messages it is shown, in place of the bot's.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    /// How long after the contact's last message it is sent at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_time: Option<Period>,
}

impl Serialize for AiReply {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                goal: Some(Texts::One(goal)),
                notes: None,
                model: None,
                memory: None,
                reply_time: None,
            } => goal.serialize(to),
            reply => {
                let reply = reply.clone();
                let body = Body {
                    goal: reply.goal,
                    notes: reply.notes,
                    model: reply.model,
                    memory: reply.memory,
                    reply_time: reply.reply_time,
                };
                body.serialize(to)
            }
        }
    }
}

impl<'de> Deserialize<'de> for AiReply {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = AiReply;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the goal, or a map with `goal`, `notes`, `model` and the like")
            }

            fn visit_str<E>(self, goal: &str) -> Result<AiReply, E> {
                Ok(AiReply::to(goal))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<AiReply, A::Error> {
                let body = Body::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(AiReply {
                    goal: body.goal,
                    notes: body.notes,
                    model: body.model,
                    memory: body.memory,
                    reply_time: body.reply_time,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(AiReply, "ai_reply_or_goal", Body);
