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
    CommitError, Committed, Opened, RefusedEvent, Settled, Settlement, StoreError, TurnCommit,
    Unclaimed,
};
pub use memory::MemoryStore;
pub use rows::{
    About, Begun, BotRow, Delivery, DeliveryState, DialogSummary, Due, DueDelivery, DueQuery,
    DueTimer, JournalTurn, LoadedDialog, OutboxEntry, StoredRefusal, StoredUnclaimed,
    TranscriptLine,
};

use crate::dialog::{
    Address, BotId, ChannelId, ConfigHash, Contact, ContactId, DialogId, EffectId, EventKey,
    ExternalId, FlowId, FlowVersion, Moment, RawBody, ReceiptState, Receipted, Revision, Source,
    StatusKind,
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
