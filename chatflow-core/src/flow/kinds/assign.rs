//! Giving the dialog to somebody.

use serde::{Deserialize, Serialize};

use crate::dialog::{OperatorId, QueueId, TranslateTo};
use crate::flow::StepKind;

/// Makes an operator responsible for the dialog. Exit: `next`. Where the step gives no finish
/// status, it gives Manual.
///
/// ```
/// use chatflow_core::Assign;
///
/// let step = Assign::to("anna");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "operator")
)]
#[serde(transparent)]
pub struct Assign {
    /// The operator's name.
    #[cfg_attr(feature = "files", schemars(with = "String"))]
    pub(crate) operator: OperatorId,
}

impl Assign {
    /// Gives it to this operator.
    pub fn to(operator: impl Into<OperatorId>) -> Self {
        Self {
            operator: operator.into(),
        }
    }
}

/// Puts the dialog into a queue, to be given to an operator. Exit: `next`. Where the step gives no
/// finish status, it gives Manual.
///
/// ```
/// use chatflow_core::Enqueue;
///
/// let step = Enqueue::into("sales");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "queue")
)]
#[serde(transparent)]
pub struct Enqueue {
    /// The queue's name.
    #[cfg_attr(feature = "files", schemars(with = "String"))]
    pub(crate) queue: QueueId,
}

impl Enqueue {
    /// Puts it into this queue.
    pub fn into(queue: impl Into<QueueId>) -> Self {
        Self {
            queue: queue.into(),
        }
    }
}

impl From<Enqueue> for StepKind {
    fn from(kind: Enqueue) -> Self {
        Self::Queue(kind)
    }
}

impl From<Assign> for StepKind {
    fn from(kind: Assign) -> Self {
        Self::Assign(kind)
    }
}

/// A step that changes into which language the dialog's messages are put.
impl From<TranslateTo> for StepKind {
    fn from(kind: TranslateTo) -> Self {
        Self::Translate(kind)
    }
}
