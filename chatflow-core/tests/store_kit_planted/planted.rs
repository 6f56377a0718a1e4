//! The reference store with one bug in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::block_on;
use chatflow_core::{
    Address, Begun, BotId, BotRow, ChannelId, CommitError, Committed, ConfigHash, Contact,
    ContactId, Definition, Delivery, DeliveryState, DialogId, DialogSummary, Due, DueQuery,
    DueQueue, EffectId, EventKey, ExternalId, FailureReason, Filter, FlowId, FlowVersion,
    JournalTurn, LoadedDialog, MemberRow, MemoryStore, Moment, Operator, OperatorId, OperatorRow,
    OutboxEntry, PAGE_MAX, Queue, QueueId, QueueRow, RawBody, ReceiptState, Receipted,
    RefusedEvent, Revision, SessionRecord, Settlement, Source, SpaceId, Standing, StatusKind,
    StepId, Store, StoreError, StoredRefusal, StoredUnclaimed, TranscriptLine, TurnCommit,
    Unclaimed, Usage, time,
};

use crate::bug::Bug;
use crate::queues::Stirs;

/// A [`MemoryStore`] with one [`Bug`].
#[derive(Debug)]
pub(crate) struct Planted {
    pub(crate) bug: Bug,
    data: Arc<MemoryStore>,
    notes: Mutex<Notes>,
}

/// What a bug needs to remember.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) reopened: bool,
    pub(crate) fail_next: bool,
    pub(crate) running: usize,
    number: u64,
    pub(crate) keys: BTreeSet<EventKey>,
    pub(crate) begun: Vec<Delivery>,
    pub(crate) writing: Option<TurnCommit>,
    pub(crate) settlements: Vec<Settlement>,
    pub(crate) revived: BTreeSet<EffectId>,
    /// Parts that have arrived, whatever came of them later.
    pub(crate) parts: BTreeMap<EffectId, u32>,
    pub(crate) named: BTreeMap<ExternalId, EffectId>,
    /// What the last receipt said, and the last failure.
    pub(crate) marked: BTreeMap<EffectId, DeliveryState>,
    pub(crate) failures: BTreeMap<EffectId, FailureReason>,
    pub(crate) first_addresses: BTreeMap<DialogId, Address>,
    pub(crate) reports: BTreeMap<(DialogId, EventKey), RawBody>,
    pub(crate) sources: BTreeMap<String, Source>,
    /// The most dialogs that ever stood at a place.
    pub(crate) most_standing: BTreeMap<(BotId, FlowId, FlowVersion, StepId), u64>,
    /// Dialogs listed as lagging that don't lag, and the other way round.
    pub(crate) lagging: BTreeSet<DialogId>,
    pub(crate) not_lagging: BTreeSet<DialogId>,
    /// Bots that are paused, what turns decided meanwhile, and what turns used.
    pub(crate) paused: BTreeMap<BotId, Moment>,
    pub(crate) decided_in_pause: BTreeSet<EffectId>,
    pub(crate) used: Vec<(BotId, Usage)>,
    /// Spaces of which something was written.
    pub(crate) spaces: BTreeSet<SpaceId>,
    /// The most that was read of each operator's load.
    pub(crate) most_load: BTreeMap<(SpaceId, OperatorId), u32>,
    /// How much of an operator's load and missed offers isn't shown.
    pub(crate) uncounted: BTreeMap<(SpaceId, OperatorId), (u32, u64)>,
    pub(crate) missed_again: Vec<(SpaceId, OperatorId)>,
    /// How much more often, or less, queues count as stirred, and how often when distributed.
    pub(crate) stirs_more: BTreeMap<(SpaceId, QueueId), i64>,
    pub(crate) distributed: Stirs,
    /// Dialogs that were seen waiting, and sessions as they were first written.
    pub(crate) waited: BTreeMap<(QueueId, DialogId), DialogSummary>,
    pub(crate) first_sessions: BTreeMap<(DialogId, u32), SessionRecord>,
}

thread_local! {
    /// The data of the newest store: `reopen` is given a trait object, which can't be asked.
    static DATA: Mutex<Arc<MemoryStore>> = Mutex::default();
}

/// The same data again, unless the bug loses it.
pub(crate) async fn reopen(bug: Bug, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
    drop(store);
    let data = DATA.with(|data| data.lock().unwrap().clone());
    let store = Planted {
        notes: Mutex::new(Notes {
            reopened: true,
            ..Notes::default()
        }),
        data,
        bug,
    };
    match bug {
        Bug::AllLost => return Some(Arc::new(Planted::new(bug))),
        Bug::RecoveredByOpening => {
            store.data.recover(time::from_millis(0)).await.unwrap();
        }
        _ => {}
    }
    Some(Arc::new(store))
}

impl Planted {
    pub(crate) fn new(bug: Bug) -> Self {
        let data = Arc::new(MemoryStore::new());
        DATA.with(|newest| *newest.lock().unwrap() = data.clone());
        Self {
            bug,
            data,
            notes: Mutex::default(),
        }
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    pub(crate) fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    pub(crate) fn new_key(&self) -> EventKey {
        let mut notes = self.notes();
        notes.number += 1;
        format!("planted {}", notes.number).into()
    }

    /// The store below; settlements held back reach it first.
    pub(crate) fn data(&self) -> &MemoryStore {
        let held = std::mem::take(&mut self.notes().settlements);
        if !held.is_empty() {
            block_on(self.data.settle(held)).unwrap();
        }
        &self.data
    }

    pub(crate) async fn entry(&self, id: EffectId) -> Option<OutboxEntry> {
        let entries = self.data().outbox(id.dialog).await.unwrap();
        entries.into_iter().find(|entry| entry.effect.id == id)
    }

    pub(crate) async fn summary(&self, dialog: DialogId) -> Option<DialogSummary> {
        let all = self.data().dialogs(None, PAGE_MAX).await.unwrap();
        all.into_iter().find(|summary| summary.dialog == dialog)
    }

    pub(crate) async fn revision(&self, dialog: DialogId) -> Revision {
        let loaded = self.data().load(dialog).await.unwrap();
        loaded.map_or(0, |loaded| loaded.revision)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for Planted {
    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError> {
        let kept = match self.bug {
            Bug::OneDefinitionOnly => &definitions[..definitions.len().min(1)],
            _ => definitions,
        };
        self.data().put_definitions(kept).await
    }

    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.data().definition(hash).await
    }

    async fn find_dialog(
        &self,
        bot: &BotId,
        address: &Address,
    ) -> Result<Option<DialogId>, StoreError> {
        if self.is(Bug::AddressOfAnyBot) {
            let all = self.data().dialogs(None, PAGE_MAX).await?;
            let found = all.into_iter().find(|summary| &summary.address == address);
            return Ok(found.map(|summary| summary.dialog));
        }
        let found = self.data().find_dialog(bot, address).await?;
        if self.is(Bug::OldAddressForgotten)
            && let Some(dialog) = found
            && let Some(summary) = self.summary(dialog).await
            && summary.address != *address
        {
            return Ok(None);
        }
        Ok(found)
    }

    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        let mut loaded = self.data().load(dialog).await?;
        if let Some(loaded) = &mut loaded {
            self.spoil_loaded(loaded);
        }
        Ok(loaded)
    }

    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError> {
        let handled = self.data().is_handled(dialog, key).await?;
        Ok(handled && self.bug != Bug::HandledForgotten)
    }

    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError> {
        self.data().contact(contact).await
    }

    async fn save_contact(
        &self,
        contact: &Contact,
        mut expected: Revision,
    ) -> Result<(), CommitError> {
        let mut contact = contact.clone();
        let found = self.data().contact(contact.id).await?;
        let found = found.map(|contact| contact.view);
        match self.bug {
            Bug::ContactSavedBlindly => {
                expected = found.as_ref().map_or(0, |view| view.revision);
                contact.view.revision = expected + 1;
            }
            Bug::ContactMaySkip => contact.view.revision = expected + 1,
            Bug::TagsForgotten => contact.view.tags.clear(),
            Bug::ContactBlockForgotten => contact.view.blocked = None,
            Bug::ContactBlockStays => {
                let before = found.and_then(|view| view.blocked);
                contact.view.blocked = contact.view.blocked.or(before);
            }
            _ => {}
        }
        let saved = self.data().save_contact(&contact, expected).await;
        if saved.is_err() && self.is(Bug::LagByConflict) {
            let dialogs = self.data().dialogs_of(contact.id, None, PAGE_MAX).await?;
            let dialogs = dialogs.into_iter().map(|summary| summary.dialog);
            self.notes().lagging.extend(dialogs);
        }
        saved
    }

    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        self.commit_with_people(turn).await
    }

    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError> {
        self.spoilt_refuse(refused).await
    }

    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        self.spoilt_operator(space, operator).await
    }

    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        self.spoilt_operators(space, after, limit).await
    }

    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        self.spoilt_save_operator(operator, expected).await
    }

    async fn queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        self.spoilt_queue(space, queue).await
    }

    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        self.spoilt_queues(space, after, limit).await
    }

    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError> {
        self.spoilt_save_queue(queue, expected).await
    }

    async fn members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        self.spoilt_members(space, queue).await
    }

    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.spoilt_waiting(space, queue, after, limit).await
    }

    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        self.spoilt_distributed(queue).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.spoilt_list(filter, after, limit).await
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.spoilt_count(filter).await
    }

    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.spoilt_sessions(dialog, after, limit).await
    }

    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError> {
        self.spoilt_keep_unclaimed(unclaimed).await
    }

    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        self.spoilt_unclaimed(channel, after, limit).await
    }

    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError> {
        self.spoilt_raw(dialog, key).await
    }

    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        self.spoilt_due(query).await
    }

    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        self.spoilt_begin(effect, now).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        self.spoilt_settle(settlements).await
    }

    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        self.spoilt_recover(now).await
    }

    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError> {
        self.spoilt_put_off(entries).await
    }

    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError> {
        self.spoilt_revive(effect, now).await
    }

    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        self.spoilt_mark(dialog, of, state).await
    }

    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        self.spoilt_find_message(dialog, id).await
    }

    async fn put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        self.spoilt_put_source(bot, token, source).await
    }

    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError> {
        self.spoilt_source(bot, token).await
    }

    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.spoilt_dialogs(after, limit).await
    }

    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.spoilt_dialogs_of(contact, after, limit).await
    }

    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        self.spoilt_standing(bot).await
    }

    async fn dialogs_at(
        &self,
        bot: &BotId,
        flow: &FlowId,
        version: FlowVersion,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let place = (bot, flow, version);
        self.spoilt_dialogs_at(place, after, limit).await
    }

    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        self.spoilt_journal(dialog, after, limit).await
    }

    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        self.spoilt_refusals(dialog, limit).await
    }

    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        self.spoilt_transcript(dialog, after, limit).await
    }

    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        self.spoilt_outbox(dialog).await
    }

    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        self.spoilt_bot(bot).await
    }

    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError> {
        self.spoilt_pause(bot, since).await
    }

    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        self.spoilt_counters(bot).await
    }
}
