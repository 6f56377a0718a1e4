//! A model chooses the way.

use serde::{Deserialize, Serialize};

use crate::flow::kinds::ai::{AiWords, words};
use crate::flow::ordered;
use crate::flow::{Memory, SaveTo, StepKind, Texts};

/// A model reads the contact's message and chooses where to go on. Exits: the branches' names,
/// and `otherwise` where the model finds none that fits, says something else or can't be asked.
///
/// Entered without a message that nobody has taken, it waits for one.
///
/// ```
/// use chatflow_core::AiRoute;
///
/// let step = AiRoute::new()
///     .branch("order", "The contact wants to buy something")
///     .branch("complaint", "The contact is unhappy with an order")
///     .save("topic");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "ai_route")
)]
#[serde(deny_unknown_fields)]
pub struct AiRoute {
    /// The branches in order, each with what it is for.
    #[serde(with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, String>")
    )]
    pub(crate) branches: Vec<(String, String)>,
    /// What the model is to reach here, in place of the bot's goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Texts>,
    /// What the model is to know here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notes: Option<Texts>,
    /// The model, in place of the bot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// How many of the last messages it is shown, in place of the bot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<Memory>,
    /// Where the name of the branch taken is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) save: Option<SaveTo>,
}

impl AiRoute {
    /// A step without branches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a branch with what it is for, as the model is told; its name is an exit.
    #[must_use]
    pub fn branch(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.branches.push((name.into(), description.into()));
        self
    }

    words!();

    /// Keeps the name of the branch taken in the dialog's data.
    #[must_use]
    pub fn save(mut self, name: impl Into<String>) -> Self {
        self.save = Some(SaveTo::Data(name.into()));
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

impl From<AiRoute> for StepKind {
    fn from(kind: AiRoute) -> Self {
        Self::AiRoute(kind)
    }
}
