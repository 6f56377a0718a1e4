//! The store that all workers share: the reference store, on a restless day.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

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

use crate::chance::Chance;
use crate::ledger::{Ledger, now};
use crate::plant::Plant;
use crate::setup::Setup;

/// A store that lets others go first at every call, loses answers, fails for a moment, and shows
/// each commit to the [`Ledger`].
pub(crate) struct Restless {
    pub(crate) store: MemoryStore,
    pub(crate) setup: Arc<Setup>,
    pub(crate) plant: Option<Plant>,
    /// Nothing fails from now on.
    pub(crate) calm: AtomicBool,
    /// What a planted bug counts.
    pub(crate) count: AtomicU64,
    ledger: Mutex<Ledger>,
    chance: Mutex<Chance>,
}

/// How a call that writes fares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Luck {
    Good,
    /// It fails and says so.
    Fails,
    /// It doesn't happen, and nobody knows.
    LostBefore,
    /// It happens, and nobody knows.
    LostAfter,
}

impl Restless {
    pub(crate) fn new(setup: Arc<Setup>, seed: u64, plant: Option<Plant>) -> Self {
        Self {
            store: MemoryStore::new(),
            ledger: Mutex::new(Ledger::new(Arc::clone(&setup))),
            setup,
            plant,
            calm: AtomicBool::new(true),
            count: AtomicU64::new(0),
            chance: Mutex::new(Chance::new(seed)),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    fn below(&self, most: usize) -> usize {
        self.chance.lock().unwrap().below(most)
    }

    /// Lets others go first, perhaps.
    async fn rest(&self) {
        let mut times = [0, 0, 1, 1, 2][self.below(5)];
        std::future::poll_fn(|context| {
            if times == 0 {
                return Poll::Ready(());
            }
            times -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Rests, and fails now and then.
    async fn ask(&self) -> Result<(), StoreError> {
        self.rest().await;
        match !self.calm.load(Ordering::Relaxed) && self.below(300) == 0 {
            true => Err(away()),
            false => Ok(()),
        }
    }

    fn luck(&self) -> Luck {
        match self.below(100) {
            _ if self.calm.load(Ordering::Relaxed) => Luck::Good,
            0 => Luck::Fails,
            1 => Luck::LostBefore,
            2 | 3 => Luck::LostAfter,
            _ => Luck::Good,
        }
    }

    /// A write: it rests before and after, since a worker may be gone at either.
    async fn write<T>(
        &self,
        write: impl FnOnce() -> Result<T, CommitError> + Send,
    ) -> Result<T, CommitError>
    where
        T: Send,
    {
        self.rest().await;
        let luck = self.luck();
        match luck {
            Luck::Fails => return Err(away().into()),
            Luck::LostBefore => return Err(lost()),
            Luck::Good | Luck::LostAfter => {}
        }
        let written = write();
        self.rest().await;
        match luck {
            Luck::LostAfter => Err(lost()),
            _ => written,
        }
    }

    /// A commit and its being looked at, as one.
    fn commit_now(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        let turn = self.planted_turn(turn);
        let due = self.due_queues();
        let commit = self.store.commit(turn.clone());
        let committed =
            futures::FutureExt::now_or_never(commit).expect("memory answers at once")?;
        if matches!(committed, Committed::Applied { .. }) {
            self.after_turn(&turn, &due);
            self.ledger().look(&turn, &self.store);
        }
        Ok(committed)
    }

    /// What is due, as the workers are told.
    pub(crate) async fn planted(&self, query: &DueQuery) -> Result<Due, StoreError> {
        Ok(self.planted_due(self.store.due(query).await?))
    }

    /// Queues that are due, where a planted bug wants to know.
    pub(crate) fn due_queues(&self) -> Vec<DueQueue> {
        match self.plant {
            None => Vec::new(),
            Some(_) => {
                now(self
                    .store
                    .due(&DueQuery::new(chatflow_core::time::from_millis(0), 1000)))
                .queues
            }
        }
    }
}

fn away() -> StoreError {
    StoreError::Backend {
        source: "the database is away".into(),
    }
}

fn lost() -> CommitError {
    CommitError::Unknown {
        source: "the answer was lost".into(),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for Restless {
    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        self.write(move || self.commit_now(turn)).await
    }
    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError> {
        self.ask().await?;
        self.store.put_definitions(definitions).await
    }
    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask().await?;
        self.store.definition(hash).await
    }
    async fn find_dialog(&self, bot: &BotId, at: &Address) -> Result<Option<DialogId>, StoreError> {
        self.ask().await?;
        self.store.find_dialog(bot, at).await
    }
    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        self.ask().await?;
        self.store.load(dialog).await
    }
    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError> {
        self.ask().await?;
        self.store.is_handled(dialog, key).await
    }
    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError> {
        self.ask().await?;
        self.store.contact(contact).await
    }
    async fn save_contact(&self, contact: &Contact, expected: Revision) -> Result<(), CommitError> {
        self.write(|| at_once(self.store.save_contact(contact, expected)))
            .await
    }
    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError> {
        self.rest().await;
        self.store.refuse(refused).await
    }
    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        self.ask().await?;
        self.store.operator(space, operator).await
    }
    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        self.ask().await?;
        self.store.operators(space, after, limit).await
    }
    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        self.write(|| {
            let due = self.due_queues();
            let saved = at_once(self.store.save_operator(operator, expected));
            self.after_operator(&due);
            saved
        })
        .await
    }
    async fn queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        self.ask().await?;
        self.store.queue(space, queue).await
    }
    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        self.ask().await?;
        self.store.queues(space, after, limit).await
    }
    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError> {
        self.write(|| at_once(self.store.save_queue(queue, expected)))
            .await
    }
    async fn members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        self.ask().await?;
        let members = self.store.members(space, queue).await?;
        Ok(self.planted_members(space, members))
    }
    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.ask().await?;
        self.store.waiting(space, queue, after, limit).await
    }
    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        self.ask().await?;
        self.store.distributed(queue).await
    }
    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.ask().await?;
        self.store.list(filter, after, limit).await
    }
    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.ask().await?;
        self.store.count(filter).await
    }
    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.ask().await?;
        self.store.sessions(dialog, after, limit).await
    }
    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError> {
        self.rest().await;
        self.store.keep_unclaimed(unclaimed).await
    }
    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        self.ask().await?;
        self.store.unclaimed(channel, after, limit).await
    }
    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError> {
        self.ask().await?;
        self.store.raw(dialog, key).await
    }
    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError> {
        self.ask().await?;
        self.store.put_off(entries).await
    }
    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError> {
        self.ask().await?;
        self.store.revive(effect, now).await
    }
    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        self.ask().await?;
        self.store.mark(dialog, of, state).await
    }
    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        self.ask().await?;
        self.store.find_message(dialog, id).await
    }
    async fn put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        self.ask().await?;
        self.store.put_source(bot, token, source).await
    }
    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError> {
        self.ask().await?;
        self.store.source(bot, token).await
    }
    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        self.ask().await?;
        self.planted(query).await
    }
    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        self.ask().await?;
        self.store.begin_delivery(effect, now).await
    }
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        self.ask().await?;
        self.store.settle(settlements).await
    }
    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        self.ask().await?;
        self.store.recover(now).await
    }
    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.ask().await?;
        self.store.dialogs(after, limit).await
    }
    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.ask().await?;
        self.store.dialogs_of(contact, after, limit).await
    }
    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        self.ask().await?;
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
        self.ask().await?;
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
        self.ask().await?;
        self.store.journal(dialog, after, limit).await
    }
    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        self.ask().await?;
        self.store.refusals(dialog, limit).await
    }
    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        self.ask().await?;
        self.store.transcript(dialog, after, limit).await
    }
    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        self.ask().await?;
        self.store.outbox(dialog).await
    }
    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        self.ask().await?;
        self.store.counters(bot).await
    }
    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        self.ask().await?;
        self.store.bot(bot).await
    }
    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError> {
        self.ask().await?;
        self.store.pause(bot, since).await
    }
}

/// What memory answers, at once.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    futures::FutureExt::now_or_never(answer).expect("memory answers at once")
}
