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
};
pub use memory::MemoryStore;
pub use rows::{
    Begun, Delivery, DeliveryState, DialogSummary, Due, DueTimer, JournalTurn, LoadedDialog,
    OutboxEntry, StoredRefusal, TranscriptLine,
};

use crate::dialog::{
    Address, BotId, ConfigHash, Contact, ContactId, DialogId, EffectId, EventKey, Moment, Revision,
    StatusKind,
};
use crate::flow::Definition;

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

    /// A dialog's snapshot and the row of its contact, as of one moment.
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
    ///    `turn.cancel` says, then the turn's own are added: those are never cancelled by it.
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

    /// Timers and deliveries whose time has come, at most `limit` of each, the longest due
    /// first, then by id; and when to ask again.
    ///
    /// Of a dialog's messages only the first that is neither sent, dead nor cancelled can be
    /// listed, and only when it is ready: one is in flight at a time. Calls and contact patches
    /// are listed beside them.
    ///
    /// Also dialogs that lag, at most `limit` of them, in the order of their ids: found by an
    /// index, not by looking at dialogs that don't.
    async fn due(&self, now: Moment, limit: usize) -> Result<Due, StoreError>;

    /// Starts a delivery: counts the attempt durably and hands out the entry, if it may start.
    ///
    /// An entry that may never start is cancelled here, and [`Begun::Cancelled`] says so: an
    /// automatic message or call of an epoch below the dialog's fence, and a message of a dialog
    /// that can't be sent to or whose contact's row is blocked. A contact patch is never
    /// cancelled: the dialog shows it already. [`Begun::NotNow`] is given for an entry
    /// that is not ready, not due or not the first of its dialog; nothing changes then, and that
    /// is looked at first.
    ///
    /// After `Started` and a crash the entry stays in flight until [`recover`](Store::recover).
    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError>;

    /// Records how deliveries ended. A settlement whose entry is not in flight, or whose attempt
    /// is not the entry's current one, changes nothing: it is late. One that ended in a contact patch's being applied changes
    /// the contact's row in the same write, and makes the contact's other dialogs lag. A patch
    /// that doesn't [fit](crate::ContactPatch::fits) changes nothing, and the log says so.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError>;

    /// Makes entries that are in flight ready again, at once due: their worker is gone and
    /// nobody knows whether they arrived. Gives their number. Called once, before work starts.
    async fn recover(&self, now: Moment) -> Result<u64, StoreError>;

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

    /// How many of a bot's dialogs show each status; statuses with none are left out. Exact at
    /// every commit, and read without counting rows.
    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError>;
}
