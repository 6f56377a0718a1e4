//! What happens to a dialog.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{
    Address, Assignee, CallFailure, Cause, Choice, ContactView, EffectId, FlowId, Line, Message,
    OfflineReassign, OperatorId, Postback, QueueId, QueueTerms, Reach, Revision, Source,
    StatusLabel, StepId, Text, TransferMode, TransferTo, TranslateTo, Value,
};

/// A thing that happened and is fed to the engine: one event is one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same thing reported twice has the same key, and changes the dialog once.
    pub key: EventKey,
    /// What happened.
    pub body: EventBody,
    /// For a person's or a host's act: the revision it was decided on. A dialog at another
    /// revision refuses it as stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<Revision>,
}

impl Event {
    /// An event without a condition on the revision.
    pub fn new(key: impl Into<EventKey>, body: EventBody) -> Self {
        Self {
            key: key.into(),
            body,
            if_revision: None,
        }
    }

    /// A message of the contact.
    pub fn message(key: impl Into<EventKey>, message: impl Into<Message>) -> Self {
        Self::new(key, EventBody::MessageReceived(message.into()))
    }

    /// An operator's act.
    pub fn operator(
        key: impl Into<EventKey>,
        operator: impl Into<OperatorId>,
        act: OperatorAct,
    ) -> Self {
        Self::new(
            key,
            EventBody::OperatorActed {
                operator: operator.into(),
                act,
            },
        )
    }

    /// Makes the event conditional on the dialog's revision.
    #[must_use]
    pub fn if_revision(mut self, revision: Revision) -> Self {
        self.if_revision = Some(revision);
        self
    }
}

/// Identity of an event within its dialog; at most [`EventKey::BYTES_MAX`] bytes.
///
/// A channel derives it from its own id of the update, so that a second delivery has the same
/// key. Keys are not secret and appear in logs. Those that begin with `~` are the runner's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventKey(Arc<str>);

impl EventKey {
    /// Longest key, in bytes.
    pub const BYTES_MAX: usize = 256;

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key is usable: not empty and not too long.
    pub fn is_valid(&self) -> bool {
        !self.0.is_empty() && self.0.len() <= Self::BYTES_MAX
    }

    /// A key of the runner's own events. Keys from outside may not begin like this, so that no
    /// channel can name a message like a timer and have one of them taken for the other.
    pub(crate) fn own(key: fmt::Arguments<'_>) -> Self {
        Self(format!("{OWN}{key}").into())
    }

    /// Whether it is a key that only the runner gives.
    pub(crate) fn is_own(&self) -> bool {
        self.0.starts_with(OWN)
    }
}

impl From<&str> for EventKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl From<String> for EventKey {
    fn from(key: String) -> Self {
        Self(key.into())
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKey({})", &self.0)
    }
}

/// What keys of the runner's own events begin with.
const OWN: char = '~';

/// The kinds of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventBody {
    /// The contact wrote.
    MessageReceived(Message),
    /// The contact began, or began again, perhaps by a start link.
    Started {
        /// Where the link says that it comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Box<Source>>,
        /// What the contact wrote by it.
        message: Message,
    },
    /// The contact changed an earlier message; its external id says which.
    MessageEdited(Message),
    /// Somebody of ours wrote to the contact on the channel itself.
    OperatorWrote {
        /// Who.
        operator: OperatorId,
        /// What.
        message: Message,
    },
    /// The host opened the dialog, to write first.
    DialogOpened,
    /// The address is another from now on.
    AddressMoved(Address),
    /// The contact's row is newer than the dialog's view of it.
    ContactChanged(ContactView),
    /// A timer is due.
    TimerFired {
        /// Its name.
        name: String,
        /// The generation that was due; a timer set again since then has a higher one.
        generation: Revision,
    },
    /// The channel reports that writing is possible, or isn't.
    ReachReported(Reach),
    /// A message was given up.
    DeliveryFailed {
        /// The message.
        effect: EffectId,
        /// Whether automation decided it.
        automatic: bool,
        /// The epoch it was decided in.
        epoch: u64,
        /// Why.
        class: FailureClass,
    },
    /// A call was answered, or failed for good.
    CallAnswered {
        /// The call.
        call: EffectId,
        /// The answer.
        answer: Result<Value, CallFailure>,
        /// What the outside said of a failure, for people to read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<Text>,
    },
    /// A tracker reported something.
    PostbackReceived(Postback),
    /// The bot's flows were replaced: a dialog whose version is to be left leaves it now.
    Deployed,
    /// The row of the queue that the dialog is in, or would be handed to, is newer than what it
    /// knows of it.
    QueueChanged(QueueTerms),
    /// Somebody was chosen for a dialog that waits.
    Routed {
        /// The queue in which it waits.
        queue: QueueId,
        /// Since when: the choice was made for this wait.
        #[serde(with = "time::millis")]
        since: Moment,
        /// Who.
        choice: Choice,
    },
    /// The operator who has the dialog went away.
    OperatorLeft {
        /// Who.
        operator: OperatorId,
        /// Which dialogs he loses.
        loses: OfflineReassign,
    },
    /// The contact wrote while the bot was paused: it is in the transcript, and the flow gets it
    /// when the pause is over.
    WhilePaused(Box<Self>),
    /// A host's step panicked while it handled this event. The event itself is recorded, its
    /// steps are not run again.
    StepPanicked(Box<Self>),
    /// An operator acted, or the host on his behalf.
    OperatorActed {
        /// Who.
        operator: OperatorId,
        /// What.
        act: OperatorAct,
    },
}

impl EventBody {
    /// The kind's stored label, for logs and refusals.
    pub fn label(&self) -> &'static str {
        match self {
            Self::MessageReceived(_) => "message_received",
            Self::Started { .. } => "started",
            Self::MessageEdited(_) => "message_edited",
            Self::OperatorWrote { .. } => "operator_wrote",
            Self::DialogOpened => "dialog_opened",
            Self::AddressMoved(_) => "address_moved",
            Self::ContactChanged(_) => "contact_changed",
            Self::TimerFired { .. } => "timer_fired",
            Self::ReachReported(_) => "reach_reported",
            Self::DeliveryFailed { .. } => "delivery_failed",
            Self::CallAnswered { .. } => "call_answered",
            Self::PostbackReceived(_) => "postback_received",
            Self::Deployed => "deployed",
            Self::QueueChanged(_) => "queue_changed",
            Self::Routed { .. } => "routed",
            Self::OperatorLeft { .. } => "operator_left",
            Self::WhilePaused(_) => "while_paused",
            Self::StepPanicked(_) => "step_panicked",
            Self::OperatorActed { act, .. } => act.label(),
        }
    }
}

/// Why a message was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The contact blocked us or is gone.
    Blocked,
    /// The channel doesn't let us write to this address; the cause is in the reach.
    CannotWrite(Cause),
    /// The content itself is refused: too large, not supported, not well formed.
    Content,
    /// The last attempt failed for a reason that might have passed.
    Exhausted,
}

/// What is kept beside a message that was given up, for people to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureReason {
    /// Every attempt failed for a reason that might have passed.
    Transient,
    /// Nobody knows whether any attempt arrived.
    Ambiguous,
    /// The channel was down.
    ChannelDown,
    /// The contact blocked us.
    Blocked,
    /// The contact's account is gone.
    Gone,
    /// The contact has never written.
    CannotInitiate,
    /// Nobody can write to this address.
    InvalidTarget,
    /// We were removed.
    Removed,
    /// We have no right to write there.
    NoRights,
    /// The visitor left the site.
    VisitorLeft,
    /// The channel doesn't know the address.
    UnknownRecipient,
    /// The time to answer was over.
    WindowClosed,
    /// The account in whose name we write was taken from us.
    ConnectionLost,
    /// It is larger than the channel allows.
    TooLarge,
    /// The channel can't do this.
    Unsupported,
    /// The channel called it malformed.
    Invalid,
}

impl FailureReason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::Transient,
        Self::Ambiguous,
        Self::ChannelDown,
        Self::Blocked,
        Self::Gone,
        Self::CannotInitiate,
        Self::InvalidTarget,
        Self::Removed,
        Self::NoRights,
        Self::VisitorLeft,
        Self::UnknownRecipient,
        Self::WindowClosed,
        Self::ConnectionLost,
        Self::TooLarge,
        Self::Unsupported,
        Self::Invalid,
    ];

    /// What it means for the dialog.
    pub const fn class(self) -> FailureClass {
        match self {
            Self::Transient | Self::Ambiguous | Self::ChannelDown => FailureClass::Exhausted,
            Self::Blocked | Self::Gone => FailureClass::Blocked,
            Self::CannotInitiate => FailureClass::CannotWrite(Cause::CannotInitiate),
            Self::InvalidTarget => FailureClass::CannotWrite(Cause::InvalidTarget),
            Self::Removed => FailureClass::CannotWrite(Cause::Removed),
            Self::NoRights => FailureClass::CannotWrite(Cause::NoRights),
            Self::VisitorLeft => FailureClass::CannotWrite(Cause::VisitorLeft),
            Self::UnknownRecipient => FailureClass::CannotWrite(Cause::UnknownRecipient),
            Self::WindowClosed => FailureClass::CannotWrite(Cause::WindowClosed),
            Self::ConnectionLost => FailureClass::CannotWrite(Cause::ConnectionLost),
            Self::TooLarge | Self::Unsupported | Self::Invalid => FailureClass::Content,
        }
    }

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Ambiguous => "ambiguous",
            Self::ChannelDown => "channel_down",
            Self::Blocked => "blocked",
            Self::Gone => "gone",
            Self::CannotInitiate => "cannot_initiate",
            Self::InvalidTarget => "invalid_target",
            Self::Removed => "removed",
            Self::NoRights => "no_rights",
            Self::VisitorLeft => "visitor_left",
            Self::UnknownRecipient => "unknown_recipient",
            Self::WindowClosed => "window_closed",
            Self::ConnectionLost => "connection_lost",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
        }
    }
}

/// What an operator can do to a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperatorAct {
    /// Writes to the contact. In Auto and Waiting this takes the dialog over.
    Reply(Message),
    /// Writes one of many messages: it waits for what contacts wait for, and changes neither
    /// status nor step. An answer to it goes to the dialog's step.
    Broadcast(Message),
    /// Puts another text in place of a message of ours.
    Edit {
        /// The message, as the transcript names it.
        of: EffectId,
        /// Its new text.
        text: Text,
    },
    /// Takes a message of ours back.
    Delete {
        /// The message, as the transcript names it.
        of: EffectId,
    },
    /// Becomes responsible and takes the dialog over.
    Take,
    /// Accepts a dialog that was offered to him, or that waits in a queue.
    Accept,
    /// Lets an offer pass.
    Decline,
    /// Puts the dialog into a queue, to be given to somebody.
    Enqueue(QueueId),
    /// Passes the dialog on.
    Transfer {
        /// To whom.
        to: TransferTo,
        /// What becomes of the session; as the bot's settings say where none is named.
        mode: Option<TransferMode>,
    },
    /// Completes the session.
    Complete,
    /// Opens the last session again.
    Reopen,
    /// Says that no reply is needed.
    Acknowledge,
    /// Sets several things as one act: all or none.
    Set(DialogSettings),
    /// Silences the dialog in both directions.
    Block,
    /// Lifts the operator's block; the status before it is shown again.
    Unblock,
    /// Tries the step again at which the dialog shows Error.
    Retry,
    /// Asks a model what to answer. The advice is kept in the snapshot; nothing is sent.
    Advise {
        /// The language of the advice, such as `en`. Where none is named, that in which we write
        /// by the bot's settings, else what the model chooses.
        language: Option<String>,
    },
}

impl OperatorAct {
    /// Sets status and step as one act.
    pub fn set(status: Option<StatusChoice>, step: Option<StepTarget>) -> Self {
        Self::Set(DialogSettings {
            status,
            step,
            ..DialogSettings::default()
        })
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Reply(_) => "operator_replied",
            Self::Broadcast(_) => "operator_broadcast",
            Self::Edit { .. } => "operator_edited",
            Self::Delete { .. } => "operator_deleted",
            Self::Take => "operator_took",
            Self::Accept => "operator_accepted",
            Self::Decline => "operator_declined",
            Self::Enqueue(_) => "operator_queued",
            Self::Transfer { .. } => "operator_transferred",
            Self::Complete => "operator_completed",
            Self::Reopen => "operator_reopened",
            Self::Acknowledge => "operator_acknowledged",
            Self::Set(_) => "operator_set",
            Self::Block => "operator_blocked",
            Self::Unblock => "operator_unblocked",
            Self::Retry => "operator_retried",
            Self::Advise { .. } => "operator_asked_advice",
        }
    }
}

/// What an operator sets as one act. Everything in it is checked before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DialogSettings {
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusChoice>,
    /// The flow and step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepTarget>,
    /// Who is responsible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,
    /// Which line of people it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
    /// Into which language messages are put from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translate: Option<TranslateTo>,
    /// Tags that the contact gets.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub add_tags: BTreeSet<String>,
    /// Tags that the contact loses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub remove_tags: BTreeSet<String>,
    /// Fields of the contact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
    /// Values of the dialog's data.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
}

impl StepTarget {
    /// A step of the dialog's own flow, or of the bot's entry flow where it stands in none.
    pub fn step(step: impl Into<StepId>) -> Self {
        Self {
            flow: None,
            step: Some(step.into()),
        }
    }

    /// The entry of a flow.
    pub fn flow(flow: impl Into<FlowId>) -> Self {
        Self {
            flow: Some(flow.into()),
            step: None,
        }
    }

    /// A step of a flow.
    pub fn of(flow: impl Into<FlowId>, step: impl Into<StepId>) -> Self {
        Self {
            flow: Some(flow.into()),
            step: Some(step.into()),
        }
    }
}

/// A status a person can choose: a built-in one or a host's label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusChoice {
    /// No flow has begun.
    Start,
    /// Automation leads.
    Auto,
    /// Automation awaits the contact.
    Waiting,
    /// A person leads.
    Manual,
    /// The flow is over.
    Finished,
    /// A host's status, registered with the bot.
    Custom(StatusLabel),
}

/// A step to go to, in the dialog's own flow or another of the bot's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "target")
)]
#[serde(deny_unknown_fields)]
pub struct StepTarget {
    /// The flow; the dialog's own if none. The newest version is entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    pub flow: Option<FlowId>,
    /// The step; the flow's entry if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    pub step: Option<StepId>,
}
