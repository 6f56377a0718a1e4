//! Episodes of a dialog, and who holds it.
//!
//! ```text
//!             ┌──────────── refused, not accepted in time, withdrawn ◄┐
//!             ▼                                                       │
//!   Bot ─► Queued ─► Offered ─► InProgress ─► completed               │
//!    │        │         └─────────────────────────────────────────────┘
//!    └────────┴──► completed (by hand, by time, by a transfer)
//!
//!   Bot, Queued ─► InProgress: taken, answered, assigned, or given without an offer
//!   InProgress ─► Queued: its operator left, or it was passed on or given up
//!   any ─► Bot: automation has it again
//! ```

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::dialog::time::{self, Moment, Period};
use crate::dialog::{BotId, OperatorId, QueueId, Revision, Text};

/// The open session of a dialog: one episode of it. A snapshot holds at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Number within the dialog, from 1.
    pub number: u32,
    /// Who handles it.
    pub handling: Handling,
    /// When it was opened.
    #[serde(with = "time::millis")]
    pub opened_at: Moment,
    /// The turn that opened it.
    #[serde(default)]
    pub first_turn: Revision,
    /// The session that it came from, by a transfer or a handoff or as the one after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The queue in which it waits, or through which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Since when it waits for an operator; none where it doesn't. An offer that nobody accepts
    /// doesn't begin the wait anew.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub waiting_since: Option<Moment>,
    /// To whom it is offered; some exactly where the handling is `offered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// Who has let an offer pass since it waits: others are asked first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passed: BTreeSet<OperatorId>,
    /// Queues that passed it on since nobody was there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub came_through: BTreeSet<QueueId>,
    /// Who is to get it if he can take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefers: Option<OperatorId>,
    /// Whether the contact was told that it waits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told: bool,
    /// Whether a person of ours has written in it since it was last assigned.
    #[serde(default, skip_serializing_if = "is_false")]
    pub answered: bool,
    /// When somebody last wrote in it, of either side; its opening before that.
    #[serde(default = "long_ago", with = "time::millis")]
    pub last_message_at: Moment,
}

fn is_false(yes: &bool) -> bool {
    !yes
}

fn long_ago() -> Moment {
    time::from_millis(0)
}

/// An open session as it is stored. Earlier builds kept no last message: its opening stands for
/// it, so that no session counts as silent since long ago.
pub(super) fn stored<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Session>, D::Error> {
    let mut session = Option::<Session>::deserialize(from)?;
    if let Some(session) = &mut session {
        session.last_message_at = session.last_message_at.max(session.opened_at);
    }
    Ok(session)
}

impl Session {
    /// Whether it waits for an operator.
    pub fn is_waiting(&self) -> bool {
        matches!(self.handling, Handling::Queued | Handling::Offered)
    }
}

/// Who handles an open session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Automation.
    Bot,
    /// Nobody yet: it waits in a queue.
    Queued,
    /// Nobody yet: operators were asked whether they accept it.
    Offered,
    /// An operator.
    InProgress,
}

impl Handling {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bot, Self::Queued, Self::Offered, Self::InProgress];

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Queued => "queued",
            Self::Offered => "offered",
            Self::InProgress => "in_progress",
        }
    }
}

/// Operators were asked whether they accept a dialog. The first who does gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Whom.
    pub to: BTreeSet<OperatorId>,
    /// Until when; for as long as they can take it where none is named.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub until: Option<Moment>,
}

/// A session as it is listed: the open one of a dialog, or one that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Number within the dialog, from 1.
    pub number: u32,
    /// The session that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Who handles it, or did when it was completed.
    pub handling: Handling,
    /// The queue through which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Who is responsible, or was when it was completed.
    #[serde(default, skip_serializing_if = "Assignee::is_nobody")]
    pub assignee: Assignee,
    /// When it was opened.
    #[serde(with = "time::millis")]
    pub opened_at: Moment,
    /// The turn that opened it.
    pub first_turn: Revision,
    /// How it ended; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Completed>,
}

impl SessionRecord {
    /// The record of an open session.
    pub(crate) fn of(session: &Session, assignee: &Assignee) -> Self {
        Self {
            number: session.number,
            parent: session.parent,
            handling: session.handling,
            queue: session.queue.clone(),
            assignee: assignee.clone(),
            opened_at: session.opened_at,
            first_turn: session.first_turn,
            completed: None,
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// When.
    #[serde(with = "time::millis")]
    pub at: Moment,
    /// The turn that completed it.
    pub turn: Revision,
    /// Why.
    pub cause: CompletionCause,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionCause {
    /// A person said so.
    ByHand,
    /// Nobody wrote for long.
    Timeout,
    /// Automation handed over to people; the session after it is its child.
    HandedOver,
    /// An operator passed it on; the session after it is its child.
    Transferred,
}

impl CompletionCause {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ByHand,
        Self::Timeout,
        Self::HandedOver,
        Self::Transferred,
    ];

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Timeout => "timeout",
            Self::HandedOver => "handed_over",
            Self::Transferred => "transferred",
        }
    }
}

/// Axis *assignee*: who is responsible for the dialog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignee {
    /// Nobody.
    #[default]
    Nobody,
    /// An operator.
    Operator(OperatorId),
    /// A bot: no person writes but one who takes it over.
    Bot(BotId),
}

impl Assignee {
    pub(crate) fn is_nobody(&self) -> bool {
        *self == Self::Nobody
    }

    /// The operator, where it is one.
    pub fn operator(&self) -> Option<&OperatorId> {
        match self {
            Self::Operator(operator) => Some(operator),
            Self::Nobody | Self::Bot(_) => None,
        }
    }
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Operator(operator) => write!(f, "operator `{operator}`"),
            Self::Bot(bot) => write!(f, "bot `{bot}`"),
        }
    }
}

/// Which line of people a dialog belongs to: the first answers, the second knows more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub enum Line {
    /// The first.
    #[default]
    First,
    /// The second.
    Second,
}

impl Line {
    /// Its number, 1 or 2.
    pub const fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

impl From<Line> for u8 {
    fn from(line: Line) -> Self {
        line.number()
    }
}

/// There is no such line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no line {0}; a dialog is in line 1 or 2")]
pub struct NoSuchLine(pub u8);

impl TryFrom<u8> for Line {
    type Error = NoSuchLine;

    fn try_from(number: u8) -> Result<Self, NoSuchLine> {
        match number {
            1 => Ok(Self::First),
            2 => Ok(Self::Second),
            other => Err(NoSuchLine(other)),
        }
    }
}

/// What a dialog knows of the queue that it is in, or would be handed to: as its row stood at one
/// revision. A dialog is opened with it; then only
/// [`QueueChanged`](crate::EventBody::QueueChanged) changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueTerms {
    /// The queue.
    pub queue: QueueId,
    /// Revision of its row.
    pub revision: Revision,
    /// A session in which nobody writes for this long is completed; where none is named, the
    /// bot's settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_after: Option<Period>,
    /// How long an offer holds; until somebody accepts it where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_within: Option<Period>,
    /// What a contact is told who has to wait since everybody is busy; once a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_reply: Option<Text>,
    /// What a contact is told who has to wait since nobody is there; once a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_reply: Option<Text>,
}

/// What was chosen for a dialog that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// He gets it at once.
    Assign(OperatorId),
    /// The first of these who accepts gets it. An offer to others is withdrawn from them.
    Offer(BTreeSet<OperatorId>),
    /// It waits on: everybody who is there is busy.
    Busy,
    /// It waits on: nobody is there.
    Away,
    /// Nobody is there, and it goes to this queue.
    PassTo(QueueId),
}

/// Where an operator passes a dialog on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    /// To a colleague, who has it at once.
    Operator(OperatorId),
    /// To a queue, whose rule says who gets it.
    Queue(QueueId),
}

/// What becomes of the session that an operator passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TransferMode {
    /// It goes on with somebody else.
    #[default]
    Reassign,
    /// It is completed, and a child of it begins.
    ChildSession,
}

/// Which dialogs of an operator who is away go back to their queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflineReassign {
    /// None: he keeps them.
    #[default]
    Never,
    /// Those whose contact waits for an answer.
    AllUnanswered,
    /// Those whose contact waits for an answer and has had none from him yet.
    OnlyNewUnanswered,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::codec;

    /// A session as builds stored it that knew neither queues nor silence.
    #[derive(Serialize)]
    struct Before {
        number: u32,
        handling: Handling,
        #[serde(with = "time::millis")]
        opened_at: Moment,
    }

    #[derive(Serialize)]
    struct Written {
        session: Before,
    }

    #[derive(Deserialize)]
    struct Read {
        #[serde(deserialize_with = "stored")]
        session: Option<Session>,
    }

    #[test]
    fn a_session_of_an_earlier_build_counts_as_silent_since_its_opening() {
        let before = Written {
            session: Before {
                number: 3,
                handling: Handling::InProgress,
                opened_at: time::from_millis(5000),
            },
        };
        let bytes = codec::encode(&before).unwrap();
        let read: Read = codec::decode(&bytes).unwrap();
        let session = read.session.unwrap();
        assert_eq!((session.number, session.first_turn), (3, 0));
        assert_eq!(session.last_message_at, session.opened_at);
        assert!(session.queue.is_none() && session.waiting_since.is_none());
    }
}
