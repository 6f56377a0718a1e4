//! Comparing ways.

use serde::{Deserialize, Serialize};

use crate::flow::StepKind;
use crate::flow::ordered;

/// Sends each dialog down one of several arms, by shares in whole percent.
///
/// Which arm follows from the bot's seed, the dialog, the flow and the step alone: a dialog that
/// comes by again takes the same arm, also after a restart and in a later version of the flow.
/// Raising one arm's share at the others' cost moves dialogs into it and none out of it. Exits: the arms' names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "split")
)]
#[serde(transparent)]
pub struct Split {
    /// The arms, each with its share in percent; together they are 100.
    #[serde(with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, u32>")
    )]
    pub(crate) arms: Vec<(String, u32)>,
}

impl Split {
    /// What the shares must sum up to.
    pub const WHOLE: u32 = 100;

    /// A split without arms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an arm with its share in percent; its name is an exit. The shares of all arms must
    /// be 100 together.
    #[must_use]
    pub fn arm(mut self, name: impl Into<String>, percent: u32) -> Self {
        self.arms.push((name.into(), percent));
        self
    }
}

impl From<Split> for StepKind {
    fn from(kind: Split) -> Self {
        Self::Split(kind)
    }
}
