//! A store that fails when it is told to.
#![allow(dead_code, reason = "not every test file uses every helper")]

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chatflow_core::{
    Address, Begun, BotId, BotRow, ChannelId, CommitError, Committed, ConfigHash, Contact,
    ContactId, Definition, DialogId, DialogSummary, Due, DueQuery, DueQueue, EffectId, EventKey,
    ExternalId, Filter, FlowId, FlowVersion, JournalTurn, LoadedDialog, MemberRow, MemoryStore,
    Moment, Operator, OperatorId, OperatorRow, OutboxEntry, Queue, QueueId, QueueRow, RawBody,
    ReceiptState, Receipted, RefusedEvent, Revision, SessionRecord, Settlement, Source, SpaceId,
    Standing, StatusKind, Store, StoreError, StoredRefusal, StoredUnclaimed, TranscriptLine,
    TurnCommit, Unclaimed,
};

/// The reference store, on a bad day: each number says how many of the next calls go wrong.
#[derive(Default)]
pub(crate) struct Flaky {
    pub(crate) store: MemoryStore,
    /// Commits that happen and whose answer is lost.
    pub(crate) lost_answers: AtomicU32,
    /// Contacts that are saved and whose answer is lost.
    pub(crate) lost_saves: AtomicU32,
    /// Questions for what is due that fail.
    pub(crate) failing_due: AtomicU32,
    pub(crate) clock: std::sync::Mutex<Option<std::sync::Arc<chatflow_core::testing::ManualClock>>>,
    pub(crate) conflicts: AtomicU32,
    pub(crate) stale_finds: AtomicU32,
    /// Settlements that fail.
    pub(crate) failing_settle: AtomicU32,
}

/// Whether this call is one of those that go wrong.
fn goes_wrong(left: &AtomicU32) -> bool {
    let counted = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    counted.is_ok()
}

fn away() -> StoreError {
    StoreError::Backend {
        source: "the database is away".into(),
    }
}

#[async_trait]
impl Store for Flaky {
    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        if goes_wrong(&self.conflicts) {
            return Err(CommitError::Unknown {
                source: "the answer was lost".into(),
            });
        }
        let committed = self.store.commit(turn).await?;
        if goes_wrong(&self.lost_answers) {
            return Err(CommitError::Unknown {
                source: "the answer was lost".into(),
            });
        }
        Ok(committed)
    }

    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError> {
        self.store.put_definitions(definitions).await
    }
    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.definition(hash).await
    }
    async fn find_dialog(&self, bot: &BotId, at: &Address) -> Result<Option<DialogId>, StoreError> {
        if goes_wrong(&self.stale_finds) {
            return Ok(None);
        }
        self.store.find_dialog(bot, at).await
    }
    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        self.store.load(dialog).await
    }
    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError> {
        self.store.is_handled(dialog, key).await
    }
    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError> {
        self.store.contact(contact).await
    }
    async fn save_contact(&self, contact: &Contact, expected: Revision) -> Result<(), CommitError> {
        self.store.save_contact(contact, expected).await?;
        if goes_wrong(&self.lost_saves) {
            return Err(CommitError::Unknown {
                source: "the answer was lost".into(),
            });
        }
        Ok(())
    }
    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError> {
        self.store.refuse(refused).await
    }
    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        self.store.operator(space, operator).await
    }
    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        self.store.operators(space, after, limit).await
    }
    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        self.store.save_operator(operator, expected).await
    }
    async fn queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        self.store.queue(space, queue).await
    }
    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        self.store.queues(space, after, limit).await
    }
    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError> {
        self.store.save_queue(queue, expected).await
    }
    async fn members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        self.store.members(space, queue).await
    }
    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.store.waiting(space, queue, after, limit).await
    }
    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        self.store.distributed(queue).await
    }
    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.store.list(filter, after, limit).await
    }
    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.store.count(filter).await
    }
    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.store.sessions(dialog, after, limit).await
    }
    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError> {
        self.store.keep_unclaimed(unclaimed).await
    }
    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        self.store.unclaimed(channel, after, limit).await
    }
    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError> {
        self.store.raw(dialog, key).await
    }
    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError> {
        self.store.put_off(entries).await
    }
    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError> {
        self.store.revive(effect, now).await
    }
    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        self.store.mark(dialog, of, state).await
    }
    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        self.store.find_message(dialog, id).await
    }
    async fn put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        self.store.put_source(bot, token, source).await
    }
    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError> {
        self.store.source(bot, token).await
    }
    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        if goes_wrong(&self.failing_due) {
            return Err(away());
        }
        let due = self.store.due(query).await;
        if let Some(clock) = &*self.clock.lock().unwrap() {
            clock.advance(std::time::Duration::from_millis(1));
        }
        due
    }
    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        self.store.begin_delivery(effect, now).await
    }
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        if goes_wrong(&self.failing_settle) {
            return Err(away());
        }
        self.store.settle(settlements).await
    }
    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        self.store.recover(now).await
    }
    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.store.dialogs(after, limit).await
    }
    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.store.dialogs_of(contact, after, limit).await
    }
    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        self.store.standing(bot).await
    }
    async fn dialogs_at(
        &self,
        bot: &BotId,
        flow: &FlowId,
        version: FlowVersion,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.store
            .dialogs_at(bot, flow, version, after, limit)
            .await
    }
    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        self.store.journal(dialog, after, limit).await
    }
    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        self.store.refusals(dialog, limit).await
    }
    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        self.store.transcript(dialog, after, limit).await
    }
    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        self.store.outbox(dialog).await
    }
    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        self.store.counters(bot).await
    }
    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        self.store.bot(bot).await
    }
    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError> {
        self.store.pause(bot, since).await
    }
}
