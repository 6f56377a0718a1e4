//! The reference store with one bug in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::block_on;
use chatflow_core::{
    Address, Begun, BotId, CommitError, Committed, ConfigHash, Contact, ContactId, Definition,
    Delivery, DeliveryState, DialogId, DialogSummary, Due, EffectBody, EffectId, EventKey,
    JournalTurn, LoadedDialog, MemoryStore, Moment, OutboxEntry, PAGE_MAX, RefusedEvent, Revision,
    Settled, Settlement, StatusKind, Store, StoreError, StoredRefusal, TranscriptLine, TurnCommit,
    time,
};

use crate::bug::{Bug, forget_patch, of_turn};

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
    fail_next: bool,
    running: usize,
    number: u64,
    keys: BTreeSet<EventKey>,
    begun: Vec<Delivery>,
    writing: Option<TurnCommit>,
    settlements: Vec<Settlement>,
    /// Dialogs listed as lagging that don't lag, and the other way round.
    pub(crate) lagging: BTreeSet<DialogId>,
    pub(crate) not_lagging: BTreeSet<DialogId>,
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

/// Lets other futures run first.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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

    fn new_key(&self) -> EventKey {
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

    async fn entry(&self, id: EffectId) -> Option<OutboxEntry> {
        let entries = self.data().outbox(id.dialog).await.unwrap();
        entries.into_iter().find(|entry| entry.effect.id == id)
    }

    pub(crate) async fn summary(&self, dialog: DialogId) -> Option<DialogSummary> {
        let all = self.data().dialogs(None, PAGE_MAX).await.unwrap();
        all.into_iter().find(|summary| summary.dialog == dialog)
    }

    async fn revision(&self, dialog: DialogId) -> Revision {
        let loaded = self.data().load(dialog).await.unwrap();
        loaded.map_or(0, |loaded| loaded.revision)
    }

    /// Starts an entry that must not start.
    async fn start_anyway(&self, entry: OutboxEntry) -> Begun {
        let summary = self.summary(entry.effect.id.dialog).await.unwrap();
        Begun::Started(Box::new(Delivery {
            attempt: entry.attempts + 1,
            effect: entry.effect,
            address: summary.address,
            bot: summary.bot,
            contact: summary.contact,
        }))
    }

    /// A commit whose check and whose write are two steps.
    async fn check_then_write(&self, mut turn: TurnCommit) -> Result<Committed, CommitError> {
        let found = self.revision(turn.dialog).await;
        if found != turn.expected {
            return self.data().commit(turn).await;
        }
        give_way().await;
        turn.expected = self.revision(turn.dialog).await;
        self.data().commit(turn).await
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
        self.data().find_dialog(bot, address).await
    }

    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        self.data().load(dialog).await
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

    async fn commit(&self, mut turn: TurnCommit) -> Result<Committed, CommitError> {
        let given = turn.clone();
        self.bug.spoil(&mut turn);
        if let (Bug::LateSettlementAccepted, Some(settlement)) = (self.bug, &mut turn.settlement)
            && let Some(entry) = self.entry(settlement.effect).await
        {
            settlement.attempt = entry.attempts;
        }
        if std::mem::take(&mut self.notes().fail_next) {
            return Err(StoreError::Closed.into());
        }
        let before = self.data().outbox(turn.dialog).await?;
        match self.bug {
            Bug::RevisionBeforeKey => {
                let found = self.revision(turn.dialog).await;
                if found != turn.expected {
                    return Err(CommitError::Conflict { found });
                }
            }
            Bug::LaterTurnOpens if turn.opened.is_some() => turn.expected = 0,
            Bug::KeysOfAllDialogs if !self.notes().keys.insert(turn.key.clone()) => {
                return Ok(Committed::Duplicate { revision: 0 });
            }
            Bug::TogetherOneIsLost => {
                self.notes().running += 1;
                give_way().await;
                let running = std::mem::take(&mut self.notes().running);
                if running > 1 {
                    let cancelled = Vec::new();
                    return Ok(Committed::Applied { cancelled });
                }
            }
            Bug::CheckedBeforeWriting => return self.check_then_write(turn).await,
            Bug::ColumnsVisibleEarly => {
                self.notes().writing = Some(turn.clone());
                give_way().await;
                self.notes().writing = None;
            }
            Bug::SettledAfterCancelling => turn.settlement = None,
            Bug::OpeningOverwritesContact => {
                if let Some(opened) = &turn.opened
                    && let Some(found) = self.data().contact(opened.contact.id).await?
                {
                    let mut contact = opened.contact.clone();
                    contact.view.revision = found.view.revision + 1;
                    let expected = found.view.revision;
                    self.data().save_contact(&contact, expected).await?;
                }
            }
            _ => {}
        }
        let answer = self.data().commit(turn.clone()).await;
        match (self.bug, answer) {
            (Bug::KeyAcceptedAgain, Ok(Committed::Duplicate { .. })) => {
                turn.key = self.new_key();
                self.data().commit(turn).await
            }
            (Bug::KeysLostByOpening, Ok(Committed::Duplicate { .. })) if self.notes().reopened => {
                turn.key = self.new_key();
                self.data().commit(turn).await
            }
            (Bug::DuplicateRaisesRevision, Ok(Committed::Duplicate { revision })) => {
                turn.key = self.new_key();
                turn.expected = revision;
                (turn.effects, turn.timers, turn.messages) = Default::default();
                self.data().commit(turn).await?;
                Ok(Committed::Duplicate { revision })
            }
            (Bug::DuplicateSettles, Ok(Committed::Duplicate { revision })) => {
                self.settle(turn.settlement.into_iter().collect()).await?;
                Ok(Committed::Duplicate { revision })
            }
            (Bug::StaleAccepted, Err(CommitError::Conflict { found })) => {
                turn.expected = found;
                self.data().commit(turn).await
            }
            (Bug::TakenAddressMoves, Err(CommitError::Conflict { found: 0 }))
                if turn.opened.is_some() =>
            {
                if let Some(opened) = &mut turn.opened {
                    opened.address = Address::new("elsewhere", opened.address.external_id());
                }
                self.data().commit(turn).await
            }
            (Bug::ConflictConsumesKey, Err(CommitError::Conflict { found })) => {
                self.data().refuse(of_turn(turn)).await?;
                Err(CommitError::Conflict { found })
            }
            (Bug::LagEndsByConflict, Err(CommitError::Conflict { found })) => {
                self.notes().not_lagging.insert(turn.dialog);
                Err(CommitError::Conflict { found })
            }
            (Bug::ConflictFailsNeighbour, Err(CommitError::Conflict { found })) => {
                self.notes().fail_next = true;
                Err(CommitError::Conflict { found })
            }
            (Bug::ConflictSettles, Err(CommitError::Conflict { found })) => {
                self.settle(turn.settlement.into_iter().collect()).await?;
                Err(CommitError::Conflict { found })
            }
            (Bug::SettledAfterCancelling, answer) => {
                self.settle(given.settlement.into_iter().collect()).await?;
                answer
            }
            (Bug::CancelledNotNamed, Ok(Committed::Applied { .. })) => {
                let cancelled = Vec::new();
                Ok(Committed::Applied { cancelled })
            }
            (Bug::CancelTakesOwn, Ok(Committed::Applied { mut cancelled }))
                if turn.cancel.is_some() =>
            {
                cancelled.extend(turn.effects.iter().map(|effect| effect.id));
                Ok(Committed::Applied { cancelled })
            }
            (Bug::CancelTakesBegun, Ok(Committed::Applied { mut cancelled }))
                if turn.cancel.is_some() =>
            {
                let begun = |entry: &&OutboxEntry| entry.state == DeliveryState::InFlight;
                cancelled.extend(before.iter().filter(begun).map(|entry| entry.effect.id));
                Ok(Committed::Applied { cancelled })
            }
            (_, answer) => answer,
        }
    }

    async fn refuse(&self, mut refused: RefusedEvent) -> Result<Committed, CommitError> {
        let applied = Committed::Applied {
            cancelled: Vec::new(),
        };
        let revision = self.revision(refused.dialog).await;
        match self.bug {
            Bug::RefusalNotKept => return Ok(applied),
            Bug::FirstRefusalNotKept if revision == 0 => return Ok(applied),
            Bug::RefusalLeavesKey => refused.key = self.new_key(),
            Bug::RefusalSettlesNothing => refused.settlement = None,
            Bug::LagEndsByRefusal => drop(self.notes().not_lagging.insert(refused.dialog)),
            _ => {}
        }
        let answer = self.data().refuse(refused.clone()).await;
        match (self.bug, answer) {
            (Bug::CommittedKeyRefused, Ok(Committed::Duplicate { .. })) => {
                refused.key = self.new_key();
                self.data().refuse(refused).await
            }
            (Bug::DuplicateSettles, Ok(Committed::Duplicate { revision })) => {
                self.settle(refused.settlement.into_iter().collect())
                    .await?;
                Ok(Committed::Duplicate { revision })
            }
            (_, answer) => answer,
        }
    }

    async fn due(&self, now: Moment, limit: usize) -> Result<Due, StoreError> {
        let most = match self.bug {
            Bug::LimitIgnored | Bug::NewestFirst | Bug::LimitShared => PAGE_MAX,
            _ => limit,
        };
        let mut due = self.data().due(now, most).await?;
        match self.bug {
            Bug::NextForgotten => due.next = None,
            Bug::TimerEarly => {
                let early = now + Duration::from_millis(1);
                due.timers = self.data().due(early, limit).await?.timers;
            }
            Bug::NewestFirst => {
                due.timers.reverse();
                due.deliveries.reverse();
                due.timers.truncate(limit);
                due.deliveries.truncate(limit);
            }
            Bug::ByIdBackwards => due.deliveries.reverse(),
            Bug::LimitShared => {
                due.timers.truncate(limit);
                due.deliveries.truncate(limit - due.timers.len());
            }
            Bug::TimersLostByOpening if self.notes().reopened => due.timers.clear(),
            Bug::OneDialogAtATime => {
                for summary in self.data().dialogs(None, PAGE_MAX).await? {
                    let entries = self.data().outbox(summary.dialog).await?;
                    let begun = |entry: &OutboxEntry| entry.state == DeliveryState::InFlight;
                    if entries.iter().any(begun) {
                        due.deliveries.clear();
                    }
                }
            }
            Bug::CallsWaitForMessages => {
                let mut seen = BTreeSet::new();
                due.deliveries.sort_unstable();
                due.deliveries.retain(|id| seen.insert(id.dialog));
            }
            Bug::AllListed => {
                due.deliveries.clear();
                for summary in self.data().dialogs(None, PAGE_MAX).await? {
                    let entries = self.data().outbox(summary.dialog).await?.into_iter();
                    let ready = entries.filter(|entry| entry.due <= now);
                    due.deliveries.extend(ready.map(|entry| entry.effect.id));
                }
            }
            Bug::PageUnbounded if limit > PAGE_MAX => {
                due.deliveries.extend(due.deliveries.last().copied());
            }
            _ => {}
        }
        self.spoil_lagging(&mut due, limit).await?;
        Ok(due)
    }

    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        let entry = self.entry(effect).await;
        if let (Bug::PatchFenced, Some(entry)) = (self.bug, &entry)
            && matches!(entry.effect.body, EffectBody::PatchContact(_))
            && let Some(summary) = self.summary(effect.dialog).await
            && entry.effect.epoch < summary.row.fence
        {
            return Ok(Begun::Cancelled);
        }
        let now = match self.bug {
            Bug::BegunEarly => now + Duration::from_secs(3600),
            _ => now,
        };
        let mut begun = self.data().begin_delivery(effect, now).await?;
        match (&mut begun, entry) {
            (Begun::Started(delivery), _) => {
                if self.is(Bug::AttemptNotCounted) {
                    delivery.attempt = 1;
                }
                self.notes().begun.push(Delivery::clone(delivery));
            }
            (Begun::NotNow, Some(entry)) => {
                let begins = match entry.state {
                    DeliveryState::Ready => self.is(Bug::SecondBegins),
                    _ => self.is(Bug::BegunTwice),
                };
                if begins {
                    return Ok(self.start_anyway(entry).await);
                }
            }
            (Begun::NotNow, None) if self.is(Bug::SentBeginsAgain) => {
                let all = self.notes().begun.clone();
                let before = all.into_iter().rfind(|begun| begun.effect.id == effect);
                return Ok(before.map_or(begun, |begun| Begun::Started(Box::new(begun))));
            }
            (Begun::NotNow, None) if self.is(Bug::UnknownIsCancelled) => {
                return Ok(Begun::Cancelled);
            }
            _ => {}
        }
        Ok(begun)
    }

    async fn settle(&self, mut settlements: Vec<Settlement>) -> Result<(), StoreError> {
        for settlement in &mut settlements {
            let entry = self.entry(settlement.effect).await;
            self.spoil_patch(settlement).await;
            match (self.bug, &mut settlement.settled) {
                (Bug::RetryAtOnce, Settled::Retry { due }) => *due = time::from_millis(0),
                (Bug::DeadIsRetried, settled @ Settled::Dead) => {
                    let due = time::from_millis(0);
                    *settled = Settled::Retry { due };
                }
                (Bug::PatchForgotten, _) => forget_patch(settlement),
                (Bug::LateSettlementAccepted, _) => {
                    settlement.attempt = entry.map_or(0, |entry| entry.attempts);
                }
                (Bug::PatchAppliedAgain, Settled::Patched(_)) if entry.is_none() => {
                    self.raise_contact(settlement.effect.dialog).await;
                }
                (Bug::PatchAlwaysRaises, Settled::Patched(_)) => {
                    self.raise_contact(settlement.effect.dialog).await;
                }
                _ => {}
            }
        }
        match self.bug {
            Bug::FirstSettlementOnly => settlements.truncate(1),
            Bug::SettledTooLate => {
                self.notes().settlements.extend(settlements);
                return Ok(());
            }
            _ => {}
        }
        self.data().settle(settlements).await
    }

    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        match self.bug {
            Bug::RecoverForgets => Ok(0),
            _ => self.data().recover(now).await,
        }
    }

    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let mut page = self.data().dialogs(after, limit).await?;
        if self.is(Bug::PageLosesRow) && after.is_some() && !page.is_empty() {
            page.remove(0);
        }
        if let Some(writing) = &self.notes().writing {
            for summary in &mut page {
                if summary.dialog == writing.dialog {
                    summary.row = writing.row.clone();
                }
            }
        }
        Ok(page)
    }

    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let mut page = match self.bug {
            Bug::DialogsOfAnybody => self.data().dialogs(after, limit).await?,
            _ => self.data().dialogs_of(contact, after, limit).await?,
        };
        if self.is(Bug::PageLosesRow) && after.is_some() && !page.is_empty() {
            page.remove(0);
        }
        Ok(page)
    }

    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        let skipped = u64::from(self.is(Bug::PageLosesRow) && after > 0);
        self.data().journal(dialog, after + skipped, limit).await
    }

    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        let mut refusals = self.data().refusals(dialog, limit).await?;
        if self.is(Bug::RefusalsNewestFirst) {
            refusals.reverse();
        }
        Ok(refusals)
    }

    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let mut lines = self.data().transcript(dialog, after, limit).await?;
        match self.bug {
            Bug::PageLosesRow if after.is_some() && !lines.is_empty() => drop(lines.remove(0)),
            Bug::SentLooksReady => {
                for line in &mut lines {
                    line.delivery = line.delivery.map(|_| DeliveryState::Ready);
                }
            }
            Bug::TranscriptLeaks => {
                for other in self.data().dialogs(None, PAGE_MAX).await? {
                    if other.dialog != dialog {
                        lines.extend(self.data().transcript(other.dialog, after, limit).await?);
                    }
                }
                lines.truncate(limit);
            }
            _ => {}
        }
        Ok(lines)
    }

    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        let mut entries = self.data().outbox(dialog).await?;
        if self.is(Bug::OutboxOutOfOrder) {
            entries.sort_by_key(|entry| entry.effect.id.n.to_string());
        }
        Ok(entries)
    }

    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        let mut counters = self.data().counters(bot).await?;
        match self.bug {
            Bug::CounterStands => {
                let all = counters.iter().map(|(_, count)| count).sum();
                counters = vec![(StatusKind::Auto, all)];
            }
            Bug::CounterDriftsOnBlock => {
                counters.retain(|(status, _)| *status != StatusKind::Blocked);
            }
            Bug::ZeroCounted => counters.push((StatusKind::Error, 0)),
            Bug::CountersOfAllBots => {
                counters.clear();
                for summary in self.data().dialogs(None, PAGE_MAX).await? {
                    let status = summary.row.status;
                    match counters.iter_mut().find(|(of, _)| *of == status) {
                        Some((_, count)) => *count += 1,
                        None => counters.push((status, 1)),
                    }
                }
            }
            _ => {}
        }
        Ok(counters)
    }
}

impl Planted {
    async fn raise_contact(&self, dialog: DialogId) {
        let summary = self.summary(dialog).await.unwrap();
        let mut contact = self.data().contact(summary.contact).await.unwrap().unwrap();
        let expected = contact.view.revision;
        contact.view.revision += 1;
        self.data().save_contact(&contact, expected).await.unwrap();
    }
}
