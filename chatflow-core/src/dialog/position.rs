//! Where a dialog stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{FlowId, FlowVersion, StepId, Value};

/// Axis *position*: the flow, its version and the step.
///
/// Names are what is stored; the indices they resolve to are kept beside them in memory only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Position {
    /// The flow.
    pub flow: FlowId,
    /// The version of the flow that the dialog entered.
    pub version: FlowVersion,
    /// The step.
    pub step: StepId,
    /// Whether the dialog is inside the step or has passed it.
    #[serde(default, skip_serializing_if = "Phase::is_inside")]
    pub phase: Phase,
    /// How often the step has asked again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked_again: u32,
    /// What a step written in Rust remembers between its messages.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub memory: Value,
    /// When the step's time is over, where it has one. It outlives the timer, which a takeover
    /// discards.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub due: Option<Moment>,
    /// How many of the step's pushes have had their time since the contact was heard here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pushed: u32,
    /// A block has dropped the answer that the step waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// The flows that called the one where the dialog stands, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Frame>,
    /// Where the names were found last.
    #[serde(skip)]
    pub(crate) resolved: Option<Resolved>,
}

/// Whether a dialog is inside the step where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Inside: the next message is the step's.
    #[default]
    Inside,
    /// Before: a person placed the dialog here; the step is entered when automation goes on.
    Before,
    /// The step has been passed through this exit, and its finish status (Waiting or Manual)
    /// keeps the dialog there; when automation goes on, it goes on through the exit.
    Passed(String),
}

impl Phase {
    fn is_inside(&self) -> bool {
        *self == Self::Inside
    }
}

/// A flow that waits for the one it called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The flow.
    pub flow: FlowId,
    /// Its version.
    pub version: FlowVersion,
    /// The step that called.
    pub step: StepId,
    /// The flow's data, which the one it called doesn't see.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The indices of a position's names in one config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) config: u64,
    pub(crate) flow: u16,
    pub(crate) step: u16,
}

impl Position {
    /// The position inside a step just entered.
    pub fn new(flow: FlowId, version: FlowVersion, step: StepId) -> Self {
        Self {
            flow,
            version,
            step,
            phase: Phase::Inside,
            asked_again: 0,
            memory: Value::Null,
            due: None,
            pushed: 0,
            interrupted: false,
            calls: Vec::new(),
            resolved: None,
        }
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.flow == other.flow
            && self.version == other.version
            && self.step == other.step
            && self.phase == other.phase
            && self.asked_again == other.asked_again
            && self.memory == other.memory
            && self.due == other.due
            && self.pushed == other.pushed
            && self.interrupted == other.interrupted
            && self.calls == other.calls
    }
}

impl Eq for Position {}
