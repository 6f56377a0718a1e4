//! Episodes of a dialog, and who holds it.

use serde::{Deserialize, Serialize};

use crate::dialog::OperatorId;
use crate::dialog::time::{self, Moment};

/// One episode of a dialog. A snapshot holds at most one open session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Number within the dialog, from 1.
    pub number: u32,
    /// Who handles it.
    pub handling: Handling,
    /// When it was opened.
    #[serde(with = "time::millis")]
    pub opened_at: Moment,
}

/// Who handles an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Automation.
    Bot,
    /// An operator.
    InProgress,
}

/// Axis *assignee*: who is responsible for the dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignee {
    /// Nobody.
    #[default]
    Nobody,
    /// An operator.
    Operator(OperatorId),
}

impl Assignee {
    pub(crate) fn is_nobody(&self) -> bool {
        *self == Self::Nobody
    }
}
