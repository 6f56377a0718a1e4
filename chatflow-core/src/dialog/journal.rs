//! The record of what each turn did.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{
    Address, Assignee, CallFailure, CompletionCause, ConfigHash, ContactPatch, Effect, ErrorKind,
    Event, FlowId, FlowVersion, Handling, Line, MediaKind, OperatorId, QueueId, ShownStatus,
    Snapshot, StepId, TimerChange, Usage, Value,
};

/// One fact of a turn. A turn's first fact is always its [`Input`](Fact::Input), from which
/// replay makes all the others again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// What the engine was given, besides the snapshot.
    Input {
        /// The law version of the build that ran.
        law: u32,
        /// The config, stored under this hash.
        config: ConfigHash,
        /// The time.
        #[serde(with = "time::millis")]
        now: Moment,
        /// The event.
        event: Event,
    },
    /// The whole snapshot as it was before this turn: replay can start here.
    Checkpoint(Box<Snapshot>),
    /// The status shown changed.
    StatusChanged {
        /// Before.
        from: ShownStatus,
        /// After.
        to: ShownStatus,
        /// Who or what changed it.
        actor: Actor,
        /// Which error, where it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorKind>,
    },
    /// Something behind the status changed that a block or the reach hides for now.
    HiddenStatusChanged {
        /// What will show when nothing hides it.
        to: ShownStatus,
        /// Who or what changed it.
        actor: Actor,
    },
    /// A session was opened.
    SessionOpened {
        /// Its number.
        number: u32,
        /// The session that it came from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<u32>,
        /// Who handles it.
        handling: Handling,
        /// By whom.
        actor: Actor,
    },
    /// A session that was over was opened again.
    SessionReopened {
        /// Its number.
        number: u32,
        /// Who handles it.
        handling: Handling,
        /// By whom.
        actor: Actor,
    },
    /// A session was completed.
    SessionCompleted {
        /// Its number.
        number: u32,
        /// Why.
        cause: CompletionCause,
        /// By whom.
        actor: Actor,
    },
    /// Who handles the session changed.
    HandlingChanged {
        /// From whom.
        from: Handling,
        /// To whom.
        to: Handling,
        /// By whom.
        actor: Actor,
    },
    /// The session waits in this queue from now on.
    Queued {
        /// The queue.
        queue: QueueId,
        /// By whom.
        actor: Actor,
    },
    /// Operators were asked whether they accept the session.
    Offered {
        /// Whom.
        to: BTreeSet<OperatorId>,
        /// Until when.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "time::optional_millis"
        )]
        until: Option<Moment>,
    },
    /// Operators to whom the session was offered have it no more.
    OfferEnded {
        /// Whom.
        to: BTreeSet<OperatorId>,
        /// Why.
        how: OfferEnd,
    },
    /// Somebody said that no reply is needed.
    Acknowledged {
        /// Who.
        operator: OperatorId,
    },
    /// Which line of people it belongs to changed.
    LineChanged {
        /// To this one.
        to: Line,
        /// By whom.
        actor: Actor,
    },
    /// Who is responsible changed.
    AssigneeChanged {
        /// Before.
        from: Assignee,
        /// After.
        to: Assignee,
        /// By whom.
        actor: Actor,
    },
    /// A step was entered.
    StepEntered {
        /// The flow.
        flow: FlowId,
        /// Its version.
        version: FlowVersion,
        /// The step.
        step: StepId,
    },
    /// A step was passed.
    StepPassed {
        /// The step.
        step: StepId,
        /// Through this exit.
        exit: String,
    },
    /// A step called another flow; its data is put aside until that is over.
    FlowCalled {
        /// The flow called.
        flow: FlowId,
        /// The step that called.
        step: StepId,
    },
    /// A flow that was called is over, and the dialog is back at the step that called it.
    FlowReturned {
        /// The flow that is over.
        flow: FlowId,
        /// The step that called.
        step: StepId,
    },
    /// An arm of a split was taken.
    ArmTaken {
        /// The step.
        step: StepId,
        /// The arm.
        arm: String,
    },
    /// A model, or what stands in for it, chose a branch.
    RouteChosen {
        /// The step.
        step: StepId,
        /// The exit.
        exit: String,
        /// Why it.
        why: RouteReason,
    },
    /// Models were used.
    Used(Usage),
    /// A push was sent, or dropped for another one that was due.
    PushFired {
        /// Its timer.
        timer: String,
        /// Whether it was sent.
        sent: bool,
    },
    /// A robot acted.
    RobotActed {
        /// Its name.
        robot: String,
    },
    /// Robots set each other off until the limit was reached; this one didn't act any more.
    RobotsStopped {
        /// Its name.
        robot: String,
    },
    /// A tracker reported something.
    PostbackNoted {
        /// What.
        event: String,
        /// Whether the dialog was moved for it.
        moved: bool,
    },
    /// The dialog left its flow's version for the newest.
    VersionLeft {
        /// The flow.
        flow: FlowId,
        /// The version it left.
        from: FlowVersion,
        /// The newest.
        to: FlowVersion,
        /// The step where it stood.
        step: StepId,
        /// Which policy led it.
        policy: UpgradeKind,
    },
    /// An operator got advice.
    Advised {
        /// Who.
        operator: OperatorId,
    },
    /// A message could not be held for the flow any more; it is in the transcript.
    NotHeld,
    /// A value was collected.
    DataSet {
        /// Its name.
        name: String,
        /// The value.
        value: Value,
    },
    /// The contact was changed by the flow.
    ContactPatched(ContactPatch),
    /// A timer was set or cancelled.
    TimerChanged(TimerChange),
    /// An effect was decided.
    EffectDecided(Effect),
    /// Effects not yet begun were cancelled.
    DeliveriesCancelled(CancelScope),
    /// The address changed.
    AddressMoved {
        /// It is this from now on.
        to: Address,
    },
    /// A limit was hit: what the turn had done until then is undone, but for this.
    TurnUndone {
        /// Which limit.
        error: ErrorKind,
        /// The step that hit it.
        step: Option<StepId>,
    },
}

/// Why an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// Somebody else has the session, or it is over.
    Withdrawn,
    /// They let it pass.
    Declined,
    /// They didn't answer in time: a miss.
    Expired,
}

/// Why a branch was taken that a model should choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteReason {
    /// The model chose it.
    Chosen,
    /// The model said that none fits.
    NoMatch,
    /// The model's answer names no branch.
    Invalid,
    /// The model could not be asked.
    Failed(CallFailure),
}

/// What became of a dialog whose flow has a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeKind {
    /// It stays in its version for good.
    Pin,
    /// It stays until it leaves the flow.
    Drain,
    /// It goes on at the step that a map names, or the one of the same name.
    Remap,
    /// It begins the step of the same name again.
    RestartStep,
    /// It begins the flow again.
    RestartFlow,
    /// A person takes over.
    ToOperator,
    /// Its step is gone and no policy says where to: the bot's setting for such dialogs decides.
    Stranded,
}

impl UpgradeKind {
    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Drain => "drain",
            Self::Remap => "remap",
            Self::RestartStep => "restart_step",
            Self::RestartFlow => "restart_flow",
            Self::ToOperator => "to_operator",
            Self::Stranded => "stranded",
        }
    }
}

/// Which pending deliveries of a dialog a turn cancels. Contact patches are never cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelScope {
    /// The messages and calls that automation decided.
    Automatic,
    /// All messages, and the calls that automation decided.
    Messages,
}

/// Who or what changed something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The contact, by writing or by blocking.
    Contact,
    /// An operator.
    Operator(OperatorId),
    /// A step of a flow.
    Step(StepId),
    /// A decision about the contact itself, who is blocked or not in all dialogs.
    ContactRow,
    /// The bot's rule about media of this kind, which the contact sent.
    MediaRule(MediaKind),
    /// The channel: a delivery's outcome or a report.
    Channel,
    /// A timer.
    Timer(String),
    /// A robot.
    Robot(String),
    /// A tracker's report.
    Postback(String),
    /// A new version of the flow.
    Deploy,
    /// The rule of a queue.
    Queue(QueueId),
    /// An operator's going away.
    Absence(OperatorId),
    /// The bot's rule to try the step behind Error again.
    Retry,
    /// The engine itself, on an error.
    Engine,
}
