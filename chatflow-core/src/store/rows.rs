//! What is read. `Debug` shows the sizes of stored bytes, not the bytes.

use std::collections::BTreeSet;
use std::fmt;

use crate::crm::{Operator, Queue};
use crate::dialog::{
    Address, BotId, ChannelId, Contact, ContactId, DialogId, DialogRow, Effect, EffectId, EventKey,
    ExternalId, FailureReason, Message, MessageRecord, Moment, OperatorId, QueueId, ReceiptState,
    Revision, SendLane, SpaceId, Usage,
};
use crate::store::Unclaimed;

/// A dialog as it is loaded for a turn.
#[derive(Clone)]
pub struct LoadedDialog {
    /// Its revision.
    pub revision: Revision,
    /// Its snapshot in the stored form.
    pub snapshot: Vec<u8>,
    /// The row of its contact.
    pub contact: Contact,
    /// Whether its bot is paused.
    pub bot_paused: bool,
}

/// What is true of a bot while it runs, beside its settings and flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotRow {
    /// The bot.
    pub bot: BotId,
    /// Since when it is paused; none where it isn't. Nothing automatic begins then.
    pub paused_since: Option<Moment>,
    /// What models have used for all of its dialogs.
    pub usage: Usage,
}

impl BotRow {
    /// The row of a bot of which nothing is kept yet.
    pub fn new(bot: BotId) -> Self {
        Self {
            bot,
            paused_since: None,
            usage: Usage::default(),
        }
    }
}

impl fmt::Debug for LoadedDialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedDialog")
            .field("revision", &self.revision)
            .field("contact", &self.contact)
            .field("bot_paused", &self.bot_paused)
            .field("snapshot_bytes", &self.snapshot.len())
            .finish_non_exhaustive()
    }
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct DueQuery {
    /// The time.
    pub now: Moment,
    /// Most of each: of timers, of lagging dialogs, of what goes to no contact, and of the
    /// messages of each channel and lane.
    pub limit: usize,
    /// Channels that take no messages of this lane now: theirs are passed over.
    pub skip: BTreeSet<(ChannelId, SendLane)>,
}

impl DueQuery {
    /// Everything that is due, at most `limit` of each.
    pub fn new(now: Moment, limit: usize) -> Self {
        Self {
            now,
            limit,
            skip: BTreeSet::new(),
        }
    }
}

/// An operator's row, and what the store counts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// The operator.
    pub operator: Operator,
    /// How many dialogs he has in progress: exactly those whose row names him as the holder.
    pub load: u32,
    /// How many offers he has let run out.
    pub missed: u64,
}

/// A queue's row, and what the store counts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// The queue.
    pub queue: Queue,
    /// How often something has happened that may lead a waiting dialog to somebody.
    pub stirred: u64,
}

/// A member of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub operator: OperatorId,
    /// His row; none where the space doesn't know him.
    pub row: Option<OperatorRow>,
    /// The queue's count when he was last given a dialog; 0 for never.
    pub given: u64,
}

/// A queue in which a waiting dialog may have somebody to go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueQueue {
    /// The space.
    pub space: SpaceId,
    /// The queue.
    pub queue: QueueId,
    /// How often it was stirred.
    pub stirred: u64,
}

/// An operator whose dialogs are to be looked at, since he went away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueOperator {
    /// The space.
    pub space: SpaceId,
    /// The operator.
    pub operator: OperatorId,
}

/// What is due.
#[derive(Debug, Clone, Default)]
pub struct Due {
    /// Timers.
    pub timers: Vec<DueTimer>,
    /// Outbox entries that can be begun: replies before broadcasts.
    pub deliveries: Vec<DueDelivery>,
    /// Dialogs that lag behind their contact's row.
    pub lagging: Vec<DialogId>,
    /// Queues that were stirred since they were last distributed.
    pub queues: Vec<DueQueue>,
    /// Operators whose [`leaves_at`](crate::Operator::leaves_at) has come.
    pub operators: Vec<DueOperator>,
    /// The next moment at which a timer, an operator or an entry that waits for its time becomes due;
    /// none if nothing is planned. What is due already doesn't count. Nothing becomes due before
    /// it; at it, nothing may be due after all.
    pub next: Option<Moment>,
}

/// An outbox entry that can be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// The entry.
    pub effect: EffectId,
    /// Where to, for what goes to the contact; none for calls and patches.
    pub to: Option<Address>,
    /// Its lane.
    pub lane: SendLane,
}

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueTimer {
    /// The dialog.
    pub dialog: DialogId,
    /// Its name.
    pub name: String,
    /// The generation that is due.
    pub generation: Revision,
    /// Since when.
    pub due: Moment,
}

/// The answer to [`begin_delivery`](crate::Store::begin_delivery).
#[derive(Debug, Clone)]
pub enum Begun {
    /// It may start: the attempt is counted.
    Started(Box<Delivery>),
    /// It may never start, and was cancelled just now or before.
    Cancelled,
    /// It is not ready, not due, not the first of its dialog or held by a pause of its bot, or
    /// there is no such entry.
    NotNow,
}

/// A delivery that has begun.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What to deliver.
    pub effect: Effect,
    /// Which part of it, from 0: those before it have arrived.
    pub part: u32,
    /// Which try of this part it is, from 1.
    pub attempt: u32,
    /// Where to.
    pub address: Address,
    /// The dialog's bot.
    pub bot: BotId,
    /// The dialog's contact.
    pub contact: ContactId,
    /// When the contact last came to us; none if it never did.
    pub heard_at: Option<Moment>,
    /// The message that it quotes, edits or deletes, as far as it is known.
    pub about: Option<About>,
}

/// A message of the transcript that another one speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The message; none where only the channel knows it.
    pub message: Option<Message>,
    /// The channel's own ids of it, in order.
    pub ids: Vec<ExternalId>,
    /// When its turn was; none where only the channel knows it.
    pub at: Option<Moment>,
}

/// An outbox entry that is not settled for good.
#[derive(Debug, Clone)]
pub struct OutboxEntry {
    /// What is to be delivered.
    pub effect: Effect,
    /// How it stands.
    pub state: DeliveryState,
    /// How many parts of it have arrived.
    pub part: u32,
    /// Tries of the next part so far.
    pub attempts: u32,
    /// Not before this moment.
    pub due: Moment,
}

/// How a delivery stands. Moves forward only, except from in flight back to ready for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It waits for its turn or its time.
    Ready,
    /// An attempt has begun.
    InFlight,
    /// The channel has taken it.
    Sent,
    /// The channel reports that it is on the contact's device.
    Delivered,
    /// The channel reports that the contact has read it.
    Read,
    /// It was given up.
    Dead,
    /// It may never start.
    Cancelled,
}

impl DeliveryState {
    /// Whether the channel has taken it.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Read)
    }

    /// The state after a receipt, if that is further on. A failure counts only where nothing
    /// better was reported.
    pub const fn after(self, receipt: ReceiptState) -> Option<Self> {
        match (self, receipt) {
            (Self::Sent, ReceiptState::Delivered) => Some(Self::Delivered),
            (Self::Sent | Self::Delivered, ReceiptState::Read) => Some(Self::Read),
            (Self::Sent, ReceiptState::Failed(_)) => Some(Self::Dead),
            // A channel may report them in any order: what was delivered after all wasn't lost.
            (Self::Dead, ReceiptState::Delivered) => Some(Self::Delivered),
            (Self::Dead, ReceiptState::Read) => Some(Self::Read),
            _ => None,
        }
    }

    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Ready,
        Self::InFlight,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Dead,
        Self::Cancelled,
    ];

    /// The stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::InFlight => "in_flight",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One line of a transcript, with how its delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptLine {
    /// The message.
    pub record: MessageRecord,
    /// The state of its delivery; none for the contact's own, and for what somebody of ours
    /// wrote on the channel itself.
    pub delivery: Option<DeliveryState>,
    /// Why it was given up, where it was.
    pub failure: Option<FailureReason>,
    /// The channel's own ids of it, in order.
    pub ids: Vec<ExternalId>,
}

/// A dialog as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogSummary {
    /// Its id.
    pub dialog: DialogId,
    /// Its bot.
    pub bot: BotId,
    /// Its address.
    pub address: Address,
    /// Its contact.
    pub contact: ContactId,
    /// Its space.
    pub space: SpaceId,
    /// Its revision.
    pub revision: Revision,
    /// Its columns.
    pub row: DialogRow,
}

/// A report of which nothing was made, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUnclaimed {
    /// Its place in the order.
    pub n: u64,
    /// The report.
    pub unclaimed: Unclaimed,
}

/// One turn of a journal.
#[derive(Clone, PartialEq, Eq)]
pub struct JournalTurn {
    /// The turn.
    pub revision: Revision,
    /// When it was.
    pub at: Moment,
    /// Its facts in the stored form.
    pub body: Vec<u8>,
}

impl fmt::Debug for JournalTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalTurn")
            .field("revision", &self.revision)
            .field("at", &self.at)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An event that was refused.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRefusal {
    /// The dialog's revision when it was refused.
    pub revision: Revision,
    /// The event's key.
    pub key: EventKey,
    /// When.
    pub at: Moment,
    /// Why, in words without content.
    pub reason: String,
    /// The event in the stored form.
    pub event: Vec<u8>,
}

impl fmt::Debug for StoredRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRefusal")
            .field("revision", &self.revision)
            .field("key", &self.key)
            .field("at", &self.at)
            .field("reason", &self.reason)
            .field("event_bytes", &self.event.len())
            .finish_non_exhaustive()
    }
}
