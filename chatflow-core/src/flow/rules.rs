//! What a bot does by rule, beside its flows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::{OperatorId, QueueId, StepTarget, Value};
use crate::flow::behaviour::variables;
#[cfg(feature = "files")]
use crate::flow::kinds::Source;
use crate::flow::{Amount, Condition, FinishStatus};

/// A rule that acts by itself: when something has happened in a dialog and a condition holds, it
/// changes tags, fields, the status or the step, or tells somebody.
///
/// Robots act at the end of a turn, in the order of their names, and may set each other off: at
/// most [`Limits::robot_acts_per_turn`](crate::Limits::robot_acts_per_turn) times in one turn.
/// One that would change nothing hasn't acted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "robot")
)]
#[serde(default, deny_unknown_fields)]
pub struct Robot {
    /// What sets it off.
    pub on: Occurrence,
    /// Words or phrases, one of which the contact's message must have; any message, where there
    /// are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// What must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Tags that the contact gets.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub add_tags: BTreeSet<String>,
    /// Tags that the contact loses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub remove_tags: BTreeSet<String>,
    /// Fields of the contact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", with = "variables")]
    #[cfg_attr(feature = "files", schemars(with = "BTreeMap<String, Source>"))]
    pub fields: BTreeMap<String, Value>,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<FinishStatus>,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepTarget>,
    /// Who becomes responsible.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    pub assign: Option<OperatorId>,
    /// The queue into which the dialog is put, to be given to an operator. The status stays as it
    /// is, unless this robot sets it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    pub queue: Option<QueueId>,
    /// Who is told.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(feature = "files", schemars(with = "BTreeSet<String>"))]
    pub notify: BTreeSet<OperatorId>,
}

impl Robot {
    /// Most robots of a bot.
    pub const MAX: usize = 100;
}

/// What can set a robot off.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// The contact wrote.
    #[default]
    Message,
    /// A tag was added or removed in this dialog.
    Tag,
    /// A field of the contact or its name was changed in this dialog.
    Field,
    /// The status shown changed.
    Status,
    /// A step was entered.
    Step,
    /// A tracker reported something.
    Postback,
    /// A session began: the contact came, or came again after one was completed.
    Session,
}

/// Whom something alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "notification")
)]
#[serde(deny_unknown_fields)]
pub struct NotificationRule {
    /// What alerts.
    pub on: BTreeSet<Alert>,
    /// Whom.
    #[cfg_attr(feature = "files", schemars(with = "BTreeSet<String>"))]
    pub to: BTreeSet<OperatorId>,
}

/// What can alert an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    /// A dialog was opened.
    NewDialog,
    /// A dialog shows Manual now.
    Manual,
    /// A dialog shows Error now.
    Error,
    /// A dialog shows Waiting now.
    Waiting,
    /// A dialog shows Finished now.
    Finished,
    /// A dialog shows Blocked now.
    Blocked,
    /// A dialog shows Stopped now.
    Stopped,
    /// The contact wrote where no flow answers.
    Message,
    /// Robots set each other off until they were stopped.
    RobotsStopped,
    /// A robot says so.
    Robot,
    /// A dialog was given or offered to the operator: he alone is told, and his screen is to
    /// sound. No rule names it.
    #[serde(skip)]
    Distributed,
}

impl Alert {
    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NewDialog => "new_dialog",
            Self::Manual => "manual",
            Self::Error => "error",
            Self::Waiting => "waiting",
            Self::Finished => "finished",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
            Self::Message => "message",
            Self::RobotsStopped => "robots_stopped",
            Self::Robot => "robot",
            Self::Distributed => "distributed",
        }
    }
}

/// Where a tracker's report leads a dialog. It becomes Auto there, where it shows Auto, Waiting,
/// Start or Finished; in any other status the report is only noted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "postback")
)]
#[serde(deny_unknown_fields)]
pub struct PostbackRule {
    /// What the tracker reports, such as `sale`.
    pub on: String,
    /// The least it must be worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Amount>,
    /// Where it leads.
    pub step: StepTarget,
}
