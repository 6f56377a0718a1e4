//! Waiting some time.

use serde::{Deserialize, Serialize};

use crate::dialog::time::Period;
use crate::flow::StepKind;

/// Waits this long and goes on. What the contact writes meanwhile is kept in the transcript and
/// shown as unanswered; it is not answered by the flow and doesn't shorten the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delay {
    pub(crate) period: Period,
}

impl Delay {
    /// A delay of this length, cut down to a whole millisecond.
    pub fn new(period: impl Into<Period>) -> Self {
        Self {
            period: period.into(),
        }
    }
}

impl From<Delay> for StepKind {
    fn from(kind: Delay) -> Self {
        Self::Delay(kind)
    }
}
