//! What is written at once.

use std::fmt;

use crate::dialog::codec::{self, EncodeError};
use crate::dialog::time;
use crate::dialog::{
    Address, BotId, CancelScope, ChannelId, Contact, ContactPatch, DialogId, DialogRow, Effect,
    EffectId, Event, EventKey, ExternalId, FailureReason, MessageRecord, Moment, OperatorId,
    QueueId, RawBody, Revision, SessionRecord, TimerChange, Usage,
};
use crate::engine::{Refusal, Transition};

/// Everything that one turn changes. `Debug` shows the sizes of stored bytes, not the bytes.
#[derive(Clone)]
pub struct TurnCommit {
    /// The dialog.
    pub dialog: DialogId,
    /// Its bot, for counters.
    pub bot: BotId,
    /// The revision that the turn started from; 0 for a new dialog.
    pub expected: Revision,
    /// The event's key.
    pub key: EventKey,
    /// For a new dialog: the rows it is opened with.
    pub opened: Option<Opened>,
    /// When the turn was. Never earlier than the turn before, whatever the clock does.
    pub at: Moment,
    /// When the turn's effects are due: the clock's own time at the commit, so that a clock that
    /// stepped back holds nothing up.
    pub due: Moment,
    /// The next snapshot in the stored form; its revision is `expected + 1`.
    pub snapshot: Vec<u8>,
    /// Its columns.
    pub row: DialogRow,
    /// The turn's journal in the stored form.
    pub journal: Vec<u8>,
    /// Lines for the transcript.
    pub messages: Vec<MessageRecord>,
    /// Entries for the outbox.
    pub effects: Vec<Effect>,
    /// Timers to set and cancel.
    pub timers: Vec<TimerChange>,
    /// Which entries decided before and not yet begun are cancelled.
    pub cancel: Option<CancelScope>,
    /// How the delivery ended that this event reports.
    pub settlement: Option<Settlement>,
    /// The dialog's new address, where this turn moved it. The old one leads here still.
    pub moved: Option<Address>,
    /// What the outside reported, as it came. It is kept under the event's key.
    pub raw: Option<RawBody>,
    /// What models used for this turn: it is added to the bot's row.
    pub usage: Usage,
    /// Sessions that were opened, changed or completed, in their order: at most one is open.
    pub sessions: Vec<SessionRecord>,
    /// What must be so of operators, each named once.
    pub operators: Vec<OperatorGuard>,
    /// What must be so of a queue, and whom its rule gave the dialog.
    pub queue: Option<QueueGuard>,
    /// Operators who let an offer run out.
    pub missed: Vec<OperatorId>,
}

/// What must be so of an operator of the dialog's space for a turn to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorGuard {
    /// Who.
    pub operator: OperatorId,
    /// His row is at this revision still.
    pub revision: Revision,
    /// Where the turn makes him the dialog's holder, and he wasn't before: his load is below this.
    pub capacity: Option<u32>,
}

/// What must be so of a queue of the dialog's space for a turn to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueGuard {
    /// The queue.
    pub queue: QueueId,
    /// Its row is at this revision still; none where that doesn't matter.
    pub revision: Option<Revision>,
    /// Members whom its rule gave or offered the dialog.
    pub given: Vec<OperatorId>,
}

impl fmt::Debug for TurnCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnCommit")
            .field("dialog", &self.dialog)
            .field("expected", &self.expected)
            .field("key", &self.key)
            .field("row", &self.row)
            .field("snapshot_bytes", &self.snapshot.len())
            .field("journal_bytes", &self.journal.len())
            .field("effects", &self.effects)
            .field("timers", &self.timers)
            .field("cancel", &self.cancel)
            .field("settlement", &self.settlement)
            .field("usage", &self.usage)
            .field("operators", &self.operators)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// The rows that a dialog is opened with.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its first address; from now on it leads to the dialog.
    pub address: Address,
    /// Its contact; the row is kept as it is where there is one.
    pub contact: Contact,
}

impl TurnCommit {
    /// The commit of a transition, made at `now`.
    ///
    /// # Errors
    /// Never for a transition the engine made.
    pub fn new(
        transition: Transition,
        key: EventKey,
        opened: Option<Opened>,
        settlement: Option<Settlement>,
        now: Moment,
    ) -> Result<Self, EncodeError> {
        let snapshot = &transition.snapshot;
        Ok(Self {
            dialog: snapshot.dialog,
            bot: snapshot.bot.clone(),
            expected: snapshot.revision - 1,
            key,
            opened,
            at: snapshot.turned_at,
            // Stores keep whole milliseconds and round a due time up; cut down here, what is
            // decided now is due now and not within the millisecond.
            due: time::whole_milliseconds(now),
            snapshot: snapshot.encode()?,
            row: snapshot.row(),
            journal: transition.encode_journal()?,
            messages: transition.messages,
            effects: transition.effects,
            timers: transition.timers,
            cancel: transition.cancel,
            settlement,
            moved: transition.moved,
            raw: None,
            usage: transition.usage,
            sessions: transition.sessions,
            operators: Vec::new(),
            queue: transition.given.map(|(queue, given)| QueueGuard {
                queue,
                revision: None,
                given,
            }),
            missed: transition.missed,
        })
    }
}

/// An event that the engine refused. `Debug` shows the size of its stored bytes, not the bytes.
#[derive(Clone)]
pub struct RefusedEvent {
    /// The dialog.
    pub dialog: DialogId,
    /// The event's key; it is consumed.
    pub key: EventKey,
    /// When.
    pub at: Moment,
    /// Why, in words without content.
    pub reason: String,
    /// The event in the stored form.
    pub event: Vec<u8>,
    /// How the delivery ended that this event reports.
    pub settlement: Option<Settlement>,
    /// What the outside reported, as it came. It is kept under the event's key.
    pub raw: Option<RawBody>,
    /// What models have used for an answer that nobody waits for any more, and whose bot asked: it
    /// is added to the bot's row all the same.
    pub usage: Option<(BotId, Usage)>,
}

impl RefusedEvent {
    /// The record of a refusal.
    ///
    /// # Errors
    /// Never for an event of this crate.
    pub fn new(
        dialog: DialogId,
        event: &Event,
        at: Moment,
        reason: &Refusal,
        settlement: Option<Settlement>,
    ) -> Result<Self, EncodeError> {
        Ok(Self {
            dialog,
            key: event.key.clone(),
            at,
            reason: reason.to_string(),
            event: codec::encode(event)?,
            settlement,
            raw: None,
            usage: None,
        })
    }
}

impl fmt::Debug for RefusedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedEvent")
            .field("dialog", &self.dialog)
            .field("key", &self.key)
            .field("reason", &self.reason)
            .field("event_bytes", &self.event.len())
            .field("settlement", &self.settlement)
            .finish_non_exhaustive()
    }
}

/// A report of the outside of which nothing was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclaimed {
    /// The channel account that received it.
    pub channel: ChannelId,
    /// Its key, unique for the channel.
    pub key: EventKey,
    /// When.
    pub at: Moment,
    /// Why nothing was made of it, in words without content.
    pub reason: String,
    /// It, as it came.
    pub raw: RawBody,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The entry.
    pub effect: EffectId,
    /// The attempt that ended.
    pub attempt: u32,
    /// How.
    pub settled: Settled,
    /// When it ended.
    pub at: Moment,
}

/// The ways a delivery can end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// One part of it arrived, as far as the channel can tell, and it has more: the next is due
    /// now, and its attempts are counted from 1.
    Part {
        /// The channel's own ids of what it made of the part.
        ids: Vec<ExternalId>,
    },
    /// All of it arrived, as far as the channel can tell.
    Sent {
        /// The channel's own ids of what it made of the last part.
        ids: Vec<ExternalId>,
    },
    /// The contact's row is changed by this patch, in the same write.
    Patched(ContactPatch),
    /// It is tried again, not before this moment.
    Retry {
        /// The moment.
        due: Moment,
        /// Whether the attempt counts. One that failed for no fault of the message doesn't.
        counted: bool,
    },
    /// It is given up.
    Dead {
        /// Why.
        reason: FailureReason,
    },
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It was applied.
    Applied {
        /// Entries that it cancelled.
        cancelled: Vec<EffectId>,
        /// Where a turn cancels: automatic messages of its dialog that had begun before it, in
        /// flight or in part, in order. They may still arrive.
        under_way: Vec<EffectId>,
    },
    /// The key was seen before: nothing changed.
    Duplicate {
        /// The dialog's revision now; 0 if it doesn't exist.
        revision: Revision,
    },
}

impl Committed {
    /// Applied, with nothing to cancel.
    pub const APPLIED: Self = Self::Applied {
        cancelled: Vec::new(),
        under_way: Vec::new(),
    };
}

/// Why a commit changed nothing, or may have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Somebody else was faster: load again and decide again.
    #[error("the stored revision is {found}, not the expected one")]
    Conflict {
        /// The revision found.
        found: Revision,
    },
    /// A guard said no: an operator has no room for one more dialog.
    #[error("operator `{operator}` has no room for another dialog")]
    Full {
        /// Who.
        operator: OperatorId,
    },
    /// A guard said no: the row of an operator or of a queue isn't the one that was looked at.
    #[error("an operator or a queue was changed meanwhile")]
    Outdated,
    /// The answer was lost: it may or may not have happened. Load again before anything else.
    #[error("the outcome of the commit is unknown")]
    Unknown {
        /// What was lost.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It did not happen.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// Stored bytes or columns can't be read; the detail names no content.
    #[error("a stored row can't be read: {detail}")]
    Damaged {
        /// What and why.
        detail: String,
    },
    /// The database failed. Trying again later may help.
    #[error("the database failed")]
    Backend {
        /// Its own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
