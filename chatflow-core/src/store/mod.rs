//! Room 5: the storage contract.
//!
//! ```text
//!             load ──► snapshot bytes + contact          (reads: no order, no lock)
//!  runner ──► commit / refuse ──► one atomic, durable write per event
//!             due ──► timers and deliveries whose time has come
//!             begin_delivery ──► counted attempt ──► channel ──► settle
//! ```
//!
//! **The promise: every accepted event changes its dialog exactly once, in order; every
//! message that change produced is handed to the channel at least once, in order, under a
//! stable key; every timer fires once and never early. Kill the process at any instant:
//! nothing acknowledged is lost.**
//!
//! A store keeps bytes and columns and understands neither flows nor statuses. It decides
//! three things only: whether a revision is the expected one, whether a key was seen before,
//! and whether a delivery may start.

mod commit;
mod memory;
mod rows;

use async_trait::async_trait;

pub use commit::{
    CommitError, Committed, Opened, OperatorGuard, QueueGuard, RefusedEvent, Settled, Settlement,
    StoreError, TurnCommit, Unclaimed,
};
pub use memory::MemoryStore;
pub use rows::{
    About, Begun, BotRow, Delivery, DeliveryState, DialogSummary, Due, DueDelivery, DueOperator,
    DueQuery, DueQueue, DueTimer, JournalTurn, LoadedDialog, MemberRow, OperatorRow, OutboxEntry,
    QueueRow, StoredRefusal, StoredUnclaimed, TranscriptLine,
};

use crate::crm::{Filter, Operator, Queue};
use crate::dialog::{
    Address, BotId, ChannelId, ConfigHash, Contact, ContactId, DialogId, EffectId, EventKey,
    ExternalId, FlowId, FlowVersion, Moment, OperatorId, QueueId, RawBody, ReceiptState, Receipted,
    Revision, SessionRecord, Source, SpaceId, StatusKind,
};
use crate::flow::{Definition, Standing};

/// Most rows that one call of a listing method gives, whatever was asked for.
pub const PAGE_MAX: usize = 1000;

/// What the runner needs of a database.
///
/// Who implements it: adapters; [`MemoryStore`] is the reference. Who calls: the worker, and
/// hosts for queries. All methods may be called at once from many tasks. The
/// conformance kit (feature `testing`) tests every sentence below.
///
/// # To be correct
/// - **Atomic**: what one call writes becomes visible together or not at all.
/// - **Durable before return**: after `Ok` of a writing method, a crash loses nothing of it.
/// - **One bad call hurts nobody**: a refused or failed call leaves other calls alone, also
///   those that were grouped with it.
/// - **No clock**: times come in as arguments.
///
/// # Dialogs that lag behind their contact
/// A dialog lags when its contact's row was changed and the dialog has not been told. The store
/// keeps that with the dialog, in the write that causes it, so a crash between a contact's change
/// and the turns that follow loses nobody:
/// - [`save_contact`](Store::save_contact) makes all dialogs of the contact lag;
/// - a patch that changes the row makes all of them lag but the patch's own dialog, which shows
///   it already;
/// - a dialog opened with an older view than the row's lags from its first turn;
/// - a turn whose `row.contact_revision` is not below the row's revision has caught up: its
///   dialog no longer lags.
///
/// [`due`](Store::due) lists them.
///
/// # Bots that are paused
/// Of a paused bot nothing automatic begins: its timers and its automatic entries are held, but
/// for contact patches, which the dialogs show already. What is held is neither listed nor begun,
/// stays as it is, and is due again as it was when the pause is over. What people send goes on,
/// and overtakes what is held before it. What was in flight when the pause began is not stopped.
/// A turn may be committed at any time; what it decides is held like the rest.
///
/// # People and queues
/// - **Load**: an operator's load is the number of dialogs of his space whose row names him as the
///   holder, exact after every write. It is changed by the turn's own transaction, from the row
///   before and the row after, and has no part in the operator's revision.
/// - **Guards**: all are looked at before anything is written, against the rows as they are in the
///   turn's own transaction. Rows are locked in one order: operators by their ids, then the queue,
///   then the dialog.
/// - **A queue is stirred** in the write that may lead a waiting dialog to somebody, so that a crash
///   between that and the distribution loses nobody: by a turn after which its dialog waits in it
///   otherwise than before (newly, since another moment, with another offer, without one that it
///   had, or handled otherwise) or knows terms of it for the first time; by a turn that frees a
///   place of one of its members; by a turn that takes a place of an operator to whom another
///   dialog is offered that waits in it, since he may have no room for that any more; by
///   [`save_operator`](Store::save_operator) of one of its members; by
///   [`save_queue`](Store::save_queue). It stays due until [`distributed`](Store::distributed)
///   says that nothing has stirred it since.
/// - **Sessions**: at most one of a dialog is open. One that a turn names is written or written
///   anew under its number.
/// - **Spaces** share nothing: the same ids in two of them are two operators and two queues.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Keeps the stored forms of configs under their hashes. Keeping one again changes nothing.
    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError>;

    /// The stored form kept under a hash.
    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError>;

    /// The dialog that a bot has with an address.
    async fn find_dialog(
        &self,
        bot: &BotId,
        address: &Address,
    ) -> Result<Option<DialogId>, StoreError>;

    /// A dialog's snapshot, the row of its contact and whether its bot is paused, as of one
    /// moment.
    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError>;

    /// Whether an event with this key was handled or refused for this dialog.
    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError>;

    /// A contact's row.
    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError>;

    /// Replaces a contact's row, if it is still at revision `expected`; 0 makes a new one. The
    /// row's own revision must be `expected + 1`. All dialogs of the contact lag then.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] with the revision found, also where the row's own revision is
    /// another; nothing is changed then.
    async fn save_contact(&self, contact: &Contact, expected: Revision) -> Result<(), CommitError>;

    /// Applies one turn: dedupe key, snapshot, journal, messages, outbox, timers, counters and
    /// list columns, all or nothing.
    ///
    /// In this order:
    /// 1. A key already seen for this dialog changes nothing and gives
    ///    [`Committed::Duplicate`], whatever the revision.
    /// 2. If the stored revision is not `turn.expected` (0: the dialog doesn't exist), nothing
    ///    changes and [`CommitError::Conflict`] is returned. So it is for a new dialog whose
    ///    address already leads to another one, or which has no `turn.opened`.
    /// 3. Otherwise the settlement, if any, is applied, then pending entries are cancelled as
    ///    `turn.cancel` says, then the turn's own are added: those are never cancelled by it. An
    ///    entry of which a part has arrived is under way, and [`CancelScope::Automatic`](crate::CancelScope::Automatic) leaves
    ///    it alone. Contact patches and reports are never cancelled.
    ///
    /// A reply takes the broadcasts of its dialog that wait before it along: they become replies,
    /// so that order is kept and nobody waits behind thousands of others' for his answer.
    ///
    /// `turn.moved` leads to this dialog from now on, beside the addresses before it, and is where
    /// messages go. Where it leads to another dialog, nothing changes and
    /// [`CommitError::Conflict`] is returned.
    ///
    /// Messages that name an external id are found by it, see
    /// [`find_message`](Store::find_message).
    ///
    /// Where a guard of `turn.operators` or `turn.queue` doesn't hold, nothing changes:
    /// [`CommitError::Full`] where an operator has no room, [`CommitError::Outdated`] where a row
    /// isn't the one that was looked at. That is looked at after the key and the revision. Missed
    /// offers of `turn.missed` are counted, of operators whom the space knows; a member whom
    /// `turn.queue` says was given the dialog is the last to be given the next one. A turn after
    /// which two sessions of its dialog would be open changes nothing either, and is an error of
    /// the [store](CommitError::Store): no engine makes one.
    ///
    /// `turn.usage` is added to the row of the turn's bot, exactly; see
    /// [`Usage::plus`](crate::Usage::plus) for what is too much.
    ///
    /// Where the turn cancels, the answer also names the automatic messages of the dialog that are
    /// not cancelled by it and have begun: they are in flight, or a part of them has arrived.
    ///
    /// # After a lost answer
    /// [`CommitError::Unknown`] says that the commit may or may not have happened. Load the
    /// dialog and handle the event again: the key decides.
    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError>;

    /// Records an event that the engine refused: consumes its key, applies the settlement if
    /// any, and keeps the event. No new revision, no message.
    ///
    /// A key already seen gives [`Committed::Duplicate`] and changes nothing.
    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError>;

    /// Keeps a report of the outside of which nothing was made. One of a key already kept for
    /// its channel gives [`Committed::Duplicate`] and changes nothing.
    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError>;

    /// Reports of a channel of which nothing was made, in the order in which they were kept,
    /// after `after`.
    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError>;

    /// What the outside reported as the event with this key, as it came.
    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError>;

    /// Timers and deliveries whose time has come, at most `query.limit` of each, the longest due
    /// first, then by id; and when to ask again.
    ///
    /// Of a dialog's messages only the first that is neither taken, dead nor cancelled can be
    /// listed, and only when it is ready: one is in flight at a time. They are listed by channel
    /// and lane, so many of one hide none of another; all replies come before all broadcasts.
    /// Calls, typing, reports and contact patches are listed beside them. What a pause of its bot
    /// holds is neither listed nor counted in when to ask again.
    ///
    /// Also dialogs that lag, at most `query.limit` of them, in the order of their ids: found by
    /// an index, not by looking at dialogs that don't.
    ///
    /// So it is with queues that were stirred, in the order of spaces and ids, and with operators
    /// whose [`leaves_at`](Operator::leaves_at) has come: at most `query.limit` of each.
    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError>;

    /// Starts a delivery: counts the attempt durably and hands out the entry, if it may start.
    ///
    /// An entry that may never start is cancelled here, and [`Begun::Cancelled`] says so: an
    /// automatic call or typing of an epoch below the dialog's fence, such a message of which no
    /// part has arrived, and a message or typing of a dialog that can't be sent to or whose
    /// contact's row is blocked. A contact patch is never cancelled: the dialog shows it already.
    /// Nor is a report to the outside: what it tells has happened. [`Begun::NotNow`] is given for
    /// an entry that is not ready, not due, not the first of its dialog or held by a pause of its
    /// bot; nothing changes then, and that is looked at first.
    ///
    /// After `Started` and a crash the entry stays in flight until [`recover`](Store::recover).
    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError>;

    /// Records how deliveries ended. A settlement whose entry is not in flight, or whose attempt
    /// is not the entry's current one, changes nothing: it is late. One that ended in a contact patch's being applied changes
    /// the contact's row in the same write, and makes the contact's other dialogs lag. A patch
    /// that doesn't [fit](crate::ContactPatch::fits) changes nothing, and the log says so.
    ///
    /// [`Settled::Part`] makes the entry ready again at its next part, due as it was, with no
    /// attempts. The ids of all parts are kept in order.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError>;

    /// Makes entries that are in flight ready again, at once due: their worker is gone and
    /// nobody knows whether they arrived. Gives their number. Called once, before work starts.
    async fn recover(&self, now: Moment) -> Result<u64, StoreError>;

    /// Puts entries off that are ready, each to a moment; their attempts stay. Others are left
    /// alone. For what can't go now for reasons of the channel's.
    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError>;

    /// Makes a dead entry ready again, due at `now` and with no attempts: somebody wants it to
    /// be sent after all. A message is not automatic any more then, so no takeover stops it. Says whether it did: an entry in any other state is left alone, so
    /// asking twice sends once. It is before later messages again, but waits for one that is in
    /// flight. Parts that have arrived are not sent again; one that the channel took and then
    /// reported as failed is sent from its first part, and the ids it had lead nowhere.
    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError>;

    /// Records what a channel reports of messages of a dialog, see [`DeliveryState::after`], and
    /// gives those whose state that changed, in order. What was never sent is left alone. An id
    /// that several messages have, since one is another's new form, speaks of each.
    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError>;

    /// The message of a dialog that the channel gave this id: of ours by its receipts, of the
    /// contact's as it came. Of several the latest.
    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError>;

    /// Keeps what a bot's start links lead to, by their token. The same token again replaces it.
    async fn put_source(&self, bot: &BotId, token: &str, source: &Source)
    -> Result<(), StoreError>;

    /// What a token of a bot's start links leads to.
    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError>;

    /// Dialogs in the order of their ids, after `after`.
    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError>;

    /// Dialogs of a contact in the order of their ids, after `after`.
    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError>;

    /// How many of a bot's dialogs stand at each step of each version of each flow, whatever their
    /// status; exact, each place once, in no particular order. Dialogs that stand nowhere are left
    /// out. Where a flow that was called is under way, that is where the dialog stands.
    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError>;

    /// Dialogs of a bot that stand in a version of a flow, in the order of their ids, after
    /// `after`: found by an index, not by looking at dialogs that stand elsewhere.
    async fn dialogs_at(
        &self,
        bot: &BotId,
        flow: &FlowId,
        version: FlowVersion,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError>;

    /// Turns of a dialog after a revision, ascending and without gaps.
    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError>;

    /// Events of a dialog that were refused, oldest first.
    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError>;

    /// Messages of a dialog after one, in order, each with how its delivery stands.
    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError>;

    /// An operator's row.
    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError>;

    /// Operators of a space in the order of their ids, after `after`.
    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError>;

    /// Replaces an operator's row, if it is still at revision `expected`; 0 makes a new one. The
    /// row's own revision must be `expected + 1`. Load and missed offers stay; a new row's load is
    /// counted. Stirs the queues of which he is a member.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] with the revision found; nothing is changed then.
    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError>;

    /// A queue's row.
    async fn queue(&self, space: &SpaceId, queue: &QueueId)
    -> Result<Option<QueueRow>, StoreError>;

    /// Queues of a space in the order of their ids, after `after`.
    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError>;

    /// Replaces a queue's row, if it is still at revision `expected`; 0 makes a new one. The row's
    /// own revision must be `expected + 1`. Stirs it. Who leaves it and comes back later is like
    /// one who was never given a dialog.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] with the revision found; nothing is changed then.
    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError>;

    /// Members of a queue in the order of their ids, all as of one moment.
    async fn members(&self, space: &SpaceId, queue: &QueueId)
    -> Result<Vec<MemberRow>, StoreError>;

    /// Dialogs that wait in a queue, the longest waiting first, then by id, after `after`: found by
    /// an index.
    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError>;

    /// Notes that a queue was distributed as it was when it had been stirred this often. It is due
    /// again only if it was stirred since.
    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError>;

    /// Dialogs that match a filter, in the order of their ids, after `after`: exactly those whose
    /// rows [`Filter::matches`] takes.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError>;

    /// How many dialogs match a filter.
    async fn count(&self, filter: &Filter) -> Result<u64, StoreError>;

    /// Sessions of a dialog in the order of their numbers, after one.
    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError>;

    /// Outbox entries of a dialog that are not settled for good, in order.
    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError>;

    /// A bot's row; of one that nothing was written of, [`BotRow::new`].
    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError>;

    /// Pauses a bot since a moment, or ends its pause. Says whether that changed anything: a bot
    /// that is paused already keeps the moment since when.
    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError>;

    /// How many of a bot's dialogs show each status; statuses with none are left out. Exact at
    /// every commit, and read without counting rows.
    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError>;
}
