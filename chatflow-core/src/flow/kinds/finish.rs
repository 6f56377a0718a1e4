//! Giving the dialog a status.

use serde::{Deserialize, Serialize};

use crate::flow::StepKind;

/// Does nothing but give the dialog a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    pub(crate) status: FinishStatus,
}

impl Finish {
    /// A step that gives this status.
    pub const fn with(status: FinishStatus) -> Self {
        Self { status }
    }
}

impl From<Finish> for StepKind {
    fn from(kind: Finish) -> Self {
        Self::Finish(kind)
    }
}

/// The status that passing a step gives the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "finish")
)]
#[serde(rename_all = "snake_case")]
pub enum FinishStatus {
    /// Automation goes on at once, as without a finish status.
    Auto,
    /// The dialog waits for the contact at this step; the next message goes on from here.
    Waiting,
    /// A person takes over; when automation goes on, it goes on from here.
    Manual,
    /// The flow is over.
    Finished,
}
