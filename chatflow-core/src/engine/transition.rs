//! What a turn gives back.

use crate::dialog::codec::{self, EncodeError};
use crate::dialog::{
    Address, CancelScope, Effect, Fact, MessageRecord, OperatorId, QueueId, SessionRecord,
    Snapshot, TimerChange, Usage,
};

/// Everything one turn changes: it is committed together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The next snapshot, one revision further.
    pub snapshot: Snapshot,
    /// The journal of the turn; the first fact is its input.
    pub facts: Vec<Fact>,
    /// What to do outside, in order.
    pub effects: Vec<Effect>,
    /// Timers set and cancelled, at most one change a name.
    pub timers: Vec<TimerChange>,
    /// Lines for the transcript, in order.
    pub messages: Vec<MessageRecord>,
    /// The dialog's new address, where it was moved.
    pub moved: Option<Address>,
    /// Which deliveries decided before this turn and not yet begun are cancelled.
    pub cancel: Option<CancelScope>,
    /// What models used for this turn, for the bot's account.
    pub usage: Usage,
    /// Sessions that were opened, changed or completed, in their order.
    pub sessions: Vec<SessionRecord>,
    /// Operators who let an offer run out.
    pub missed: Vec<OperatorId>,
    /// Operators who were given or offered the dialog by the rule of this queue, in turn.
    pub given: Option<(QueueId, Vec<OperatorId>)>,
    /// Whether whoever gets the dialog in progress by this turn must have room for it: a person
    /// or a rule chose him, and can choose another.
    pub needs_room: bool,
}

impl Transition {
    /// The journal in the stored form.
    ///
    /// # Errors
    /// Never for a transition the engine made.
    pub fn encode_journal(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(&self.facts)
    }
}
