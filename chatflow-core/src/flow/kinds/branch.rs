//! Going on by what is known.

use serde::{Deserialize, Serialize};

use crate::flow::ordered::{self, Named};
use crate::flow::{Condition, StepKind};

/// Goes on by what is known of the dialog: the first arm that holds is taken, else `otherwise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "condition")
)]
#[serde(transparent)]
pub struct Branch {
    /// The arms in order, each with its condition.
    #[serde(with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, Condition>")
    )]
    pub(crate) arms: Vec<Arm>,
}

/// One arm of a condition step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arm {
    pub(crate) name: String,
    pub(crate) when: Condition,
}

impl Named for Arm {
    type Value = Condition;

    fn split(&self) -> (String, Condition) {
        (self.name.clone(), self.when.clone())
    }

    fn join(name: String, when: Condition) -> Result<Self, String> {
        Ok(Self { name, when })
    }
}

impl Branch {
    /// A condition step with one arm.
    pub fn when(name: impl Into<String>, condition: Condition) -> Self {
        Self::default().or_when(name, condition)
    }

    /// Adds an arm, tried after those before it; its name is an exit.
    #[must_use]
    pub fn or_when(mut self, name: impl Into<String>, condition: Condition) -> Self {
        self.arms.push(Arm {
            name: name.into(),
            when: condition,
        });
        self
    }
}

impl From<Branch> for StepKind {
    fn from(kind: Branch) -> Self {
        Self::Condition(kind)
    }
}
