//! The reference store: everything in memory, gone with the process.

mod people;
mod record;
mod tables;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::crm::{Filter, Operator, Queue};
use crate::dialog::{
    Address, BotId, ChannelId, ConfigHash, Contact, ContactId, DialogId, EffectBody, EffectId,
    EventKey, ExternalId, FlowId, FlowVersion, Moment, OperatorId, QueueId, RawBody, ReceiptState,
    Receipted, Revision, SendLane, SessionRecord, Source, SpaceId, StatusKind,
};
use crate::flow::{Definition, Standing};
use crate::store::{
    Begun, BotRow, CommitError, Committed, Delivery, DeliveryState, DialogSummary, Due,
    DueDelivery, DueQuery, DueQueue, DueTimer, JournalTurn, LoadedDialog, MemberRow, OperatorRow,
    OutboxEntry, PAGE_MAX, QueueRow, RefusedEvent, Settlement, Store, StoreError, StoredRefusal,
    StoredUnclaimed, TranscriptLine, TurnCommit, Unclaimed,
};
use tables::{Entry, Inner};

/// A complete store in memory: for tests, for simulations, and as the plainest reading of the
/// contract. Keeps snapshots and journals in the stored form, as a database would.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held would be a bug of this file; what is there is kept.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        for definition in definitions {
            inner
                .definitions
                .entry(definition.hash)
                .or_insert_with(|| definition.body.clone());
        }
        Ok(())
    }

    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().definitions.get(&hash).cloned())
    }

    async fn find_dialog(
        &self,
        bot: &BotId,
        address: &Address,
    ) -> Result<Option<DialogId>, StoreError> {
        Ok(self
            .lock()
            .addresses
            .get(&(bot.clone(), address.clone()))
            .copied())
    }

    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        let inner = self.lock();
        Ok(inner.dialogs.get(&dialog).and_then(|record| {
            Some(LoadedDialog {
                revision: record.revision,
                snapshot: record.snapshot.clone(),
                contact: inner.contacts.get(&record.contact)?.clone(),
                bot_paused: inner.is_paused(&record.bot),
            })
        }))
    }

    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError> {
        let inner = self.lock();
        let handled = inner.dialogs.get(&dialog).map(|record| &record.keys);
        let refused = inner.refusals.get(&dialog).map(|refusals| &refusals.keys);
        Ok(handled
            .into_iter()
            .chain(refused)
            .any(|keys| keys.contains(key)))
    }

    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError> {
        Ok(self.lock().contacts.get(&contact).cloned())
    }

    async fn save_contact(&self, contact: &Contact, expected: Revision) -> Result<(), CommitError> {
        let mut inner = self.lock();
        let found = inner
            .contacts
            .get(&contact.id)
            .map_or(0, |contact| contact.view.revision);
        if found != expected || contact.view.revision != expected + 1 {
            return Err(CommitError::Conflict { found });
        }
        inner.contacts.insert(contact.id, contact.clone());
        inner.lag(contact.id, None);
        Ok(())
    }

    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        let mut inner = self.lock();
        if inner
            .refusals
            .get(&turn.dialog)
            .is_some_and(|refused| refused.keys.contains(&turn.key))
        {
            let revision = inner
                .record(turn.dialog)
                .map_or(0, |record| record.revision);
            return Ok(Committed::Duplicate { revision });
        }
        inner.apply(turn)
    }

    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError> {
        let mut inner = self.lock();
        let revision = inner
            .record(refused.dialog)
            .map_or(0, |record| record.revision);
        let seen = inner
            .record(refused.dialog)
            .is_some_and(|record| record.keys.contains(&refused.key));
        let refusals = inner.refusals.entry(refused.dialog).or_default();
        if seen || !refusals.keys.insert(refused.key.clone()) {
            return Ok(Committed::Duplicate { revision });
        }
        refusals.events.push(StoredRefusal {
            revision,
            key: refused.key.clone(),
            at: refused.at,
            reason: refused.reason,
            event: refused.event,
        });
        if let Some((bot, usage)) = refused.usage {
            let row = inner.bot(&bot);
            row.usage = row.usage.plus(&usage);
        }
        if let Some(raw) = refused.raw {
            inner.raw.insert((refused.dialog, refused.key), raw);
        }
        if let Some(settlement) = &refused.settlement {
            inner.settle(settlement);
        }
        Ok(Committed::APPLIED)
    }

    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError> {
        Ok(self.lock().keep_unclaimed(unclaimed))
    }

    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        let inner = self.lock();
        let of_channel = inner
            .unclaimed
            .iter()
            .filter(|stored| stored.unclaimed.channel == *channel && Some(stored.n) > after);
        Ok(of_channel.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError> {
        Ok(self.lock().raw.get(&(dialog, key.clone())).cloned())
    }

    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        let inner = self.lock();
        let (now, limit) = (query.now, query.limit.min(PAGE_MAX));
        let is_paused = |dialog: &DialogId| {
            let record = inner.dialogs.get(dialog);
            record.is_some_and(|record| inner.is_paused(&record.bot))
        };
        let timers = inner.timers.iter().take_while(|(due, ..)| *due <= now);
        let timers = timers.filter(|(_, dialog, _)| !is_paused(dialog));
        let timers = timers.take(limit).filter_map(|(due, dialog, name)| {
            let (generation, _) = inner.dialogs.get(dialog)?.timers.get(name)?;
            Some(DueTimer {
                dialog: *dialog,
                name: name.clone(),
                generation: *generation,
                due: *due,
            })
        });
        let mut deliveries = Vec::new();
        for (place, waiting) in &inner.ready {
            let lane = place
                .as_ref()
                .map_or_else(SendLane::default, |(lane, _)| *lane);
            let passed_over = place
                .as_ref()
                .is_some_and(|(lane, channel)| query.skip.contains(&(channel.clone(), *lane)));
            if passed_over {
                continue;
            }
            let due = waiting.iter().take_while(|(due, _)| *due <= now);
            let due = due.filter_map(|(_, id)| {
                let record = inner.dialogs.get(&id.dialog)?;
                let to = place.as_ref().map(|_| record.address.clone());
                let can_begin = record.can_begin(*id, now, inner.is_paused(&record.bot));
                can_begin.then_some(DueDelivery {
                    effect: *id,
                    to,
                    lane,
                })
            });
            deliveries.extend(due.take(limit));
        }
        let next_timer = inner
            .timers
            .iter()
            .find(|(due, dialog, _)| *due > now && !is_paused(dialog))
            .map(|(due, ..)| *due);
        let is_held = |id: &EffectId| {
            let record = inner.dialogs.get(&id.dialog);
            record.is_some_and(|record| record.is_held(*id, inner.is_paused(&record.bot)))
        };
        let next_ready = inner.ready.values().filter_map(|waiting| {
            let mut later = waiting.iter();
            let next = later.find(|(due, id)| *due > now && !is_held(id));
            next.map(|(due, _)| *due)
        });
        let leaving = inner.people.next_leaving(now);
        let next = next_ready.chain(next_timer).chain(leaving).min();
        Ok(Due {
            timers: timers.collect(),
            deliveries,
            lagging: inner.lagging.iter().take(limit).copied().collect(),
            queues: inner.people.due_queues().take(limit).collect(),
            operators: inner.people.due_operators(now).take(limit).collect(),
            next,
        })
    }

    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        let mut inner = self.lock();
        let Some(record) = inner.dialogs.get(&effect.dialog) else {
            return Ok(Begun::NotNow);
        };
        let Some(entry) = record.outbox.get(&effect) else {
            return Ok(Begun::NotNow);
        };
        if entry.state == DeliveryState::Cancelled {
            return Ok(Begun::Cancelled);
        }
        if !record.can_begin(effect, now, inner.is_paused(&record.bot)) {
            return Ok(Begun::NotNow);
        }
        let fenced = entry.effect.automatic && entry.effect.epoch < record.row.fence;
        let contact_blocked = inner
            .contacts
            .get(&record.contact)
            .is_some_and(|contact| contact.view.blocked.is_some());
        let forbidden = match entry.effect.body {
            EffectBody::Send(_) | EffectBody::Edit { .. } | EffectBody::Delete { .. } => {
                // What has arrived in part is under way.
                fenced && entry.part == 0 || !record.row.can_send || contact_blocked
            }
            EffectBody::Typing { .. } => fenced || !record.row.can_send || contact_blocked,
            EffectBody::Call { .. } => fenced,
            // What has happened isn't undone: the row follows, and the report is made.
            EffectBody::PatchContact(_) | EffectBody::Tell { .. } => false,
        };
        let about = record.about(&entry.effect);
        let heard_at = record.row.heard_at;
        if forbidden {
            inner.set_state(effect, DeliveryState::Cancelled, None);
            return Ok(Begun::Cancelled);
        }
        inner.set_state(effect, DeliveryState::InFlight, None);
        let Some(record) = inner.record(effect.dialog) else {
            return Ok(Begun::NotNow);
        };
        let (address, bot, contact) = (record.address.clone(), record.bot.clone(), record.contact);
        let Some(entry) = record.outbox.get_mut(&effect) else {
            return Ok(Begun::NotNow);
        };
        entry.attempts += 1;
        Ok(Begun::Started(Box::new(Delivery {
            effect: entry.effect.clone(),
            part: entry.part,
            attempt: entry.attempts,
            address,
            bot,
            contact,
            heard_at,
            about,
        })))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        settlements
            .iter()
            .for_each(|settlement| inner.settle(settlement));
        Ok(())
    }

    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        let mut inner = self.lock();
        let in_flight: Vec<EffectId> = inner
            .dialogs
            .values()
            .flat_map(|record| record.outbox.iter())
            .filter(|(_, entry)| entry.state == DeliveryState::InFlight)
            .map(|(id, _)| *id)
            .collect();
        for id in &in_flight {
            inner.set_state(*id, DeliveryState::Ready, Some(now));
        }
        Ok(in_flight.len() as u64)
    }

    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        for (effect, due) in entries {
            inner.put_off(*effect, *due);
        }
        Ok(())
    }

    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError> {
        Ok(self.lock().revive(effect, now))
    }

    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        Ok(self.lock().mark(dialog, of, state))
    }

    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        let inner = self.lock();
        let record = inner.dialogs.get(&dialog);
        Ok(record.and_then(|record| record.find_message(id)))
    }

    async fn put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        let place = (bot.clone(), token.to_owned());
        self.lock().sources.insert(place, source.clone());
        Ok(())
    }

    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError> {
        let place = (bot.clone(), token.to_owned());
        Ok(self.lock().sources.get(&place).cloned())
    }

    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let inner = self.lock();
        let records = inner
            .dialogs
            .range(following(after))
            .take(limit.min(PAGE_MAX));
        Ok(records
            .map(|(dialog, record)| record.summary(*dialog))
            .collect())
    }

    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let inner = self.lock();
        let Some(dialogs) = inner.dialogs_of.get(&contact) else {
            return Ok(Vec::new());
        };
        let dialogs = dialogs.range(following(after)).take(limit.min(PAGE_MAX));
        Ok(dialogs
            .filter_map(|dialog| Some(inner.dialogs.get(dialog)?.summary(*dialog)))
            .collect())
    }

    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        let inner = self.lock();
        let mut counts = BTreeMap::new();
        for record in inner.dialogs.values().filter(|record| record.bot == *bot) {
            let row = &record.row;
            if let (Some(flow), Some(version), Some(step)) = (&row.flow, row.version, &row.step) {
                let place = (flow.clone(), version, step.clone());
                *counts.entry(place).or_default() += 1;
            }
        }
        let counts = counts.into_iter();
        let standing = counts.map(|((flow, version, step), dialogs)| Standing {
            flow,
            version,
            step,
            dialogs,
        });
        Ok(standing.collect())
    }

    async fn dialogs_at(
        &self,
        bot: &BotId,
        flow: &FlowId,
        version: FlowVersion,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let inner = self.lock();
        let records = inner.dialogs.range(following(after));
        let there = records.filter(|(_, record)| {
            let row = &record.row;
            record.bot == *bot && row.flow.as_ref() == Some(flow) && row.version == Some(version)
        });
        let there = there.take(limit.min(PAGE_MAX));
        Ok(there
            .map(|(dialog, record)| record.summary(*dialog))
            .collect())
    }

    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        let inner = self.lock();
        let turns = inner
            .dialogs
            .get(&dialog)
            .map_or(&[][..], |record| &record.journal);
        let turns = turns.iter().filter(|turn| turn.revision > after);
        Ok(turns.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        let inner = self.lock();
        let events = inner
            .refusals
            .get(&dialog)
            .map_or(&[][..], |refusals| &refusals.events);
        Ok(events.iter().take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let inner = self.lock();
        let Some(record) = inner.dialogs.get(&dialog) else {
            return Ok(Vec::new());
        };
        let messages = record
            .messages
            .iter()
            .filter(|message| Some(message.id) > after);
        Ok(messages
            .take(limit.min(PAGE_MAX))
            .map(|message| TranscriptLine {
                record: message.clone(),
                delivery: record.outbox.get(&message.id).map(|entry| entry.state),
                failure: record
                    .outbox
                    .get(&message.id)
                    .and_then(|entry| entry.failure),
                ids: record.ids_of(message.id),
            })
            .collect())
    }

    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        Ok(self.lock().people.operator(space, operator).cloned())
    }

    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        let inner = self.lock();
        let rows = inner.people.operators(space, after);
        Ok(rows.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        self.lock().people.save_operator(operator, expected)
    }

    async fn queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        Ok(self.lock().people.queue(space, queue).cloned())
    }

    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let inner = self.lock();
        let rows = inner.people.queues(space, after);
        Ok(rows.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError> {
        self.lock().people.save_queue(queue, expected)
    }

    async fn members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        Ok(self.lock().people.members(space, queue))
    }

    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let inner = self.lock();
        let waiting = inner.people.waiting(space, queue, after);
        let waiting = waiting.take(limit.min(PAGE_MAX));
        Ok(waiting
            .filter_map(|dialog| Some(inner.dialogs.get(&dialog)?.summary(dialog)))
            .collect())
    }

    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        self.lock().people.distributed(queue);
        Ok(())
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let inner = self.lock();
        let records = inner.dialogs.range(following(after));
        let matching = records.filter(|(dialog, record)| {
            let row = record.filter_row(**dialog);
            filter.matches(&row)
        });
        let matching = matching.take(limit.min(PAGE_MAX));
        Ok(matching
            .map(|(dialog, record)| record.summary(*dialog))
            .collect())
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let inner = self.lock();
        let records = inner.dialogs.iter();
        let matching = records.filter(|(dialog, record)| {
            let row = record.filter_row(**dialog);
            filter.matches(&row)
        });
        Ok(matching.count() as u64)
    }

    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let inner = self.lock();
        let sessions = inner.dialogs.get(&dialog).map(|record| &record.sessions);
        let sessions = sessions.into_iter().flatten();
        let later = sessions.filter(|(number, _)| Some(**number) > after);
        Ok(later
            .take(limit.min(PAGE_MAX))
            .map(|(_, session)| session.clone())
            .collect())
    }

    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        let inner = self.lock();
        let Some(record) = inner.dialogs.get(&dialog) else {
            return Ok(Vec::new());
        };
        let open =
            |entry: &&Entry| matches!(entry.state, DeliveryState::Ready | DeliveryState::InFlight);
        Ok(record
            .outbox
            .values()
            .filter(open)
            .map(|entry| OutboxEntry {
                effect: entry.effect.clone(),
                state: entry.state,
                part: entry.part,
                attempts: entry.attempts,
                due: entry.due,
            })
            .collect())
    }

    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        let inner = self.lock();
        let row = inner.bots.get(bot).cloned();
        Ok(row.unwrap_or_else(|| BotRow::new(bot.clone())))
    }

    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError> {
        let mut inner = self.lock();
        let changed = inner.is_paused(bot) != since.is_some();
        if changed {
            inner.bot(bot).paused_since = since;
        }
        Ok(changed)
    }

    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        let inner = self.lock();
        let counts = inner
            .counters
            .iter()
            .filter(|((of, _), count)| of == bot && **count > 0);
        Ok(counts
            .map(|((_, status), count)| (*status, *count))
            .collect())
    }
}

/// All after this one.
fn following(after: Option<DialogId>) -> (Bound<DialogId>, Bound<DialogId>) {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    (from, Bound::Unbounded)
}
