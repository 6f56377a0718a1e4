//! The tables of the in-memory store, and what changes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialog::{
    Address, BotId, CancelScope, ChannelId, ConfigHash, Contact, ContactId, ContactPatch, DialogId,
    DialogRow, Effect, EffectBody, EffectId, EventKey, ExternalId, FailureReason, MessageRecord,
    Moment, OperatorId, RawBody, ReceiptState, Receipted, Revision, SendLane, SessionRecord,
    Source, SpaceId, StatusKind, TimerChange,
};
use crate::store::memory::people::People;
use crate::store::{
    BotRow, CommitError, Committed, DeliveryState, JournalTurn, Settled, Settlement, StoreError,
    StoredRefusal, StoredUnclaimed, TurnCommit, Unclaimed,
};

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) definitions: BTreeMap<ConfigHash, Vec<u8>>,
    pub(super) contacts: BTreeMap<ContactId, Contact>,
    pub(super) addresses: BTreeMap<(BotId, Address), DialogId>,
    pub(super) dialogs: BTreeMap<DialogId, DialogRecord>,
    pub(super) dialogs_of: BTreeMap<ContactId, BTreeSet<DialogId>>,
    /// Dialogs that don't know their contact's row yet.
    pub(super) lagging: BTreeSet<DialogId>,
    pub(super) counters: BTreeMap<(BotId, StatusKind), u64>,
    pub(super) bots: BTreeMap<BotId, BotRow>,
    pub(super) people: People,
    pub(super) refusals: BTreeMap<DialogId, Refusals>,
    pub(super) unclaimed: Vec<StoredUnclaimed>,
    pub(super) unclaimed_keys: BTreeSet<(ChannelId, EventKey)>,
    pub(super) raw: BTreeMap<(DialogId, EventKey), RawBody>,
    pub(super) sources: BTreeMap<(BotId, String), Source>,
    /// Entries that wait for their time, by their place and when they are due.
    pub(super) ready: BTreeMap<Place, BTreeSet<(Moment, EffectId)>>,
    /// Set timers, by when they are due.
    pub(super) timers: BTreeSet<(Moment, DialogId, String)>,
}

#[derive(Debug)]
pub(super) struct DialogRecord {
    pub(super) bot: BotId,
    pub(super) address: Address,
    pub(super) contact: ContactId,
    pub(super) revision: Revision,
    pub(super) snapshot: Vec<u8>,
    pub(super) row: DialogRow,
    pub(super) keys: BTreeSet<EventKey>,
    pub(super) journal: Vec<JournalTurn>,
    pub(super) messages: Vec<MessageRecord>,
    pub(super) outbox: BTreeMap<EffectId, Entry>,
    /// The channel's own ids of messages, of both sides; of each in order.
    pub(super) ids: BTreeMap<EffectId, Vec<ExternalId>>,
    /// The messages of each such id: more than one where one is another's new form.
    pub(super) external: BTreeMap<ExternalId, BTreeSet<EffectId>>,
    /// Messages neither sent, dead nor cancelled; the first is the head.
    pub(super) unsettled: BTreeSet<EffectId>,
    pub(super) timers: BTreeMap<String, (Revision, Moment)>,
    pub(super) sessions: BTreeMap<u32, SessionRecord>,
    /// Who has or has had it in progress.
    pub(super) participants: BTreeSet<OperatorId>,
    pub(super) space: SpaceId,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) effect: Effect,
    /// The lane it goes by now.
    pub(super) lane: SendLane,
    pub(super) state: DeliveryState,
    pub(super) part: u32,
    pub(super) attempts: u32,
    pub(super) due: Moment,
    /// When the channel took it, for what goes to the contact.
    pub(super) taken_at: Option<Moment>,
    pub(super) failure: Option<FailureReason>,
}

/// Where an entry waits: with its channel's, replies before broadcasts; none for what goes to no
/// contact.
pub(super) type Place = Option<(SendLane, ChannelId)>;

impl Entry {
    fn new(effect: Effect, due: Moment) -> Self {
        Self {
            lane: effect.lane,
            effect,
            state: DeliveryState::Ready,
            part: 0,
            attempts: 0,
            due,
            taken_at: None,
            failure: None,
        }
    }
}

/// Refused events of a dialog. Kept apart from its record, since the first event of a dialog
/// can be refused too.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) keys: BTreeSet<EventKey>,
    pub(super) events: Vec<StoredRefusal>,
}

pub(super) fn is_message(effect: &Effect) -> bool {
    effect.body.is_for_contact()
}

pub(super) fn place(entry: &Entry, address: &Address) -> Place {
    is_message(&entry.effect).then(|| (entry.lane, address.channel.clone()))
}

impl Inner {
    pub(super) fn bot(&mut self, bot: &BotId) -> &mut BotRow {
        let row = self.bots.entry(bot.clone());
        row.or_insert_with(|| BotRow::new(bot.clone()))
    }

    pub(super) fn is_paused(&self, bot: &BotId) -> bool {
        let row = self.bots.get(bot);
        row.is_some_and(|row| row.paused_since.is_some())
    }

    pub(super) fn record(&mut self, dialog: DialogId) -> Option<&mut DialogRecord> {
        self.dialogs.get_mut(&dialog)
    }

    pub(super) fn count(&mut self, bot: &BotId, before: Option<StatusKind>, after: StatusKind) {
        if before == Some(after) {
            return;
        }
        if let Some(count) = before.and_then(|before| self.counters.get_mut(&(bot.clone(), before)))
        {
            *count = count.saturating_sub(1);
        }
        *self.counters.entry((bot.clone(), after)).or_default() += 1;
    }

    pub(super) fn set_state(&mut self, id: EffectId, state: DeliveryState, due: Option<Moment>) {
        let Some(record) = self.dialogs.get_mut(&id.dialog) else {
            return;
        };
        let Some(entry) = record.outbox.get_mut(&id) else {
            return;
        };
        let waiting = self.ready.entry(place(entry, &record.address)).or_default();
        waiting.remove(&(entry.due, id));
        entry.state = state;
        entry.due = due.unwrap_or(entry.due);
        match state {
            DeliveryState::Ready => {
                waiting.insert((entry.due, id));
                if is_message(&entry.effect) {
                    record.unsettled.insert(id);
                }
            }
            DeliveryState::InFlight => {}
            DeliveryState::Sent
            | DeliveryState::Delivered
            | DeliveryState::Read
            | DeliveryState::Dead
            | DeliveryState::Cancelled => {
                record.unsettled.remove(&id);
            }
        }
    }

    fn entry(&mut self, id: EffectId) -> Option<&mut Entry> {
        self.dialogs.get_mut(&id.dialog)?.outbox.get_mut(&id)
    }

    /// The channel took a message, or a part of it, and named what it made of it.
    fn taken(&mut self, id: EffectId, ids: &[ExternalId]) {
        let Some(record) = self.dialogs.get_mut(&id.dialog) else {
            return;
        };
        let Some(entry) = record.outbox.get_mut(&id) else {
            return;
        };
        entry.part += 1;
        if is_message(&entry.effect) {
            record.name(id, ids.iter());
        }
    }

    pub(super) fn revive(&mut self, id: EffectId, now: Moment) -> bool {
        let Some(record) = self.dialogs.get_mut(&id.dialog) else {
            return false;
        };
        let Some(entry) = record.outbox.get_mut(&id) else {
            return false;
        };
        if entry.state != DeliveryState::Dead {
            return false;
        }
        entry.attempts = 0;
        entry.failure = None;
        if entry.effect.body.is_for_contact() {
            // Somebody wants it now, whoever decided it.
            entry.effect.automatic = false;
        }
        if entry.taken_at.take().is_some() {
            // The channel had all of it and lost it: none of its parts is there.
            entry.part = 0;
            record.forget_ids(id);
        }
        self.set_state(id, DeliveryState::Ready, Some(now));
        true
    }

    pub(super) fn put_off(&mut self, id: EffectId, due: Moment) {
        if self
            .entry(id)
            .is_some_and(|entry| entry.state == DeliveryState::Ready)
        {
            self.set_state(id, DeliveryState::Ready, Some(due));
        }
    }

    pub(super) fn mark(
        &mut self,
        dialog: DialogId,
        of: &Receipted,
        receipt: ReceiptState,
    ) -> Vec<EffectId> {
        let Some(record) = self.dialogs.get_mut(&dialog) else {
            return Vec::new();
        };
        let named: BTreeSet<EffectId> = match of {
            Receipted::These(ids) => {
                let ids = ids.iter().filter_map(|id| record.external.get(id));
                ids.flatten().copied().collect()
            }
            Receipted::SentUntil(until) => {
                let taken = record.outbox.iter();
                let taken =
                    taken.filter(|(_, entry)| entry.taken_at.is_some_and(|at| at <= *until));
                taken.map(|(id, _)| *id).collect()
            }
        };
        let mut changed = Vec::new();
        for id in named {
            let Some(entry) = record.outbox.get_mut(&id) else {
                continue;
            };
            // What was given up before the channel took it can't have arrived.
            if entry.taken_at.is_none() {
                continue;
            }
            if let Some(state) = entry.state.after(receipt) {
                entry.state = state;
                entry.failure = match receipt {
                    ReceiptState::Failed(reason) => Some(reason),
                    ReceiptState::Delivered | ReceiptState::Read => None,
                };
                changed.push(id);
            }
        }
        changed
    }

    pub(super) fn keep_unclaimed(&mut self, unclaimed: Unclaimed) -> Committed {
        let place = (unclaimed.channel.clone(), unclaimed.key.clone());
        if !self.unclaimed_keys.insert(place) {
            return Committed::Duplicate { revision: 0 };
        }
        let n = self.unclaimed.len() as u64 + 1;
        self.unclaimed.push(StoredUnclaimed { n, unclaimed });
        Committed::APPLIED
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) {
        let id = settlement.effect;
        let Some(record) = self.dialogs.get(&id.dialog) else {
            return;
        };
        let contact = record.contact;
        let current = record.outbox.get(&id).is_some_and(|entry| {
            entry.state == DeliveryState::InFlight && entry.attempts == settlement.attempt
        });
        if !current {
            return;
        }
        match &settlement.settled {
            Settled::Part { ids } => {
                self.taken(id, ids);
                if let Some(entry) = self.entry(id) {
                    entry.attempts = 0;
                }
                self.set_state(id, DeliveryState::Ready, None);
            }
            Settled::Sent { ids } => {
                self.taken(id, ids);
                if let Some(entry) = self.entry(id)
                    && is_message(&entry.effect)
                {
                    entry.taken_at = Some(settlement.at);
                }
                self.set_state(id, DeliveryState::Sent, None);
            }
            Settled::Patched(patch) => {
                self.patch(contact, patch, id.dialog);
                self.set_state(id, DeliveryState::Sent, None);
            }
            Settled::Retry { due, counted } => {
                if let Some(entry) = self.entry(id)
                    && !counted
                {
                    entry.attempts = entry.attempts.saturating_sub(1);
                }
                self.set_state(id, DeliveryState::Ready, Some(*due));
            }
            Settled::Dead { reason } => {
                if let Some(entry) = self.entry(id) {
                    entry.failure = Some(*reason);
                }
                self.set_state(id, DeliveryState::Dead, None);
            }
        }
    }

    /// Changes a contact's row as a dialog's flow decided; the contact's other dialogs lag then.
    fn patch(&mut self, id: ContactId, patch: &ContactPatch, own: DialogId) {
        let Some(contact) = self.contacts.get_mut(&id) else {
            return;
        };
        if !patch.fits(&contact.view) {
            tracing::warn!(contact = %id, dialog = %own, "a patch that doesn't fit the contact is dropped");
            return;
        }
        if patch.apply(&mut contact.view) {
            contact.view.revision += 1;
            self.lag(id, Some(own));
        }
    }

    /// Makes all dialogs of a contact lag but the one that knows.
    pub(super) fn lag(&mut self, contact: ContactId, knows: Option<DialogId>) {
        let dialogs = self.dialogs_of.get(&contact).into_iter().flatten();
        let others = dialogs.filter(|dialog| Some(**dialog) != knows);
        self.lagging.extend(others.copied());
    }

    /// After a turn: whether its dialog lags.
    fn look_at_lag(&mut self, dialog: DialogId, shows: Revision, is_new: bool) {
        let contact = self.dialogs.get(&dialog).map(|record| record.contact);
        let row = contact.and_then(|contact| self.contacts.get(&contact));
        if row.is_none_or(|row| shows >= row.view.revision) {
            self.lagging.remove(&dialog);
        } else if is_new {
            self.lagging.insert(dialog);
        }
    }

    pub(super) fn cancel(&mut self, dialog: DialogId, scope: CancelScope) -> Vec<EffectId> {
        let Some(record) = self.dialogs.get(&dialog) else {
            return Vec::new();
        };
        let cancelled: Vec<EffectId> = record
            .outbox
            .iter()
            .filter(|(_, entry)| entry.state == DeliveryState::Ready)
            .filter(|(_, entry)| match (&entry.effect.body, scope) {
                (EffectBody::PatchContact(_) | EffectBody::Tell { .. }, _) => false,
                (EffectBody::Call { .. } | EffectBody::Typing { .. }, _) => entry.effect.automatic,
                (_, CancelScope::Messages) => true,
                // Half of it has arrived: it is under way.
                (_, CancelScope::Automatic) => entry.effect.automatic && entry.part == 0,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in &cancelled {
            self.set_state(*id, DeliveryState::Cancelled, None);
        }
        cancelled
    }

    pub(super) fn apply(&mut self, turn: TurnCommit) -> Result<Committed, CommitError> {
        let found = self.record(turn.dialog).map_or(0, |record| record.revision);
        let seen = self
            .record(turn.dialog)
            .is_some_and(|record| record.keys.contains(&turn.key));
        if seen {
            return Ok(Committed::Duplicate { revision: found });
        }
        let is_new = !self.dialogs.contains_key(&turn.dialog);
        if found != turn.expected || is_new != (turn.expected == 0) {
            return Err(CommitError::Conflict { found });
        }
        if let Some(to) = &turn.moved {
            let place = (turn.bot.clone(), to.clone());
            let leads_to = self.addresses.get(&place);
            if leads_to.is_some_and(|dialog| *dialog != turn.dialog) {
                return Err(CommitError::Conflict { found });
            }
        }
        let space = match (&turn.opened, self.dialogs.get(&turn.dialog)) {
            (_, Some(record)) => record.space.clone(),
            (Some(opened), None) => {
                // The contact's row is kept as it is where there is one.
                let row = self.contacts.get(&opened.contact.id);
                row.unwrap_or(&opened.contact).space.clone()
            }
            (None, None) => return Err(CommitError::Conflict { found: 0 }),
        };
        if is_new && let Some(opened) = &turn.opened {
            let place = (turn.bot.clone(), opened.address.clone());
            let leads_to = self.addresses.get(&place);
            if leads_to.is_some_and(|dialog| *dialog != turn.dialog) {
                return Err(CommitError::Conflict { found: 0 });
            }
        }
        let before = self.dialogs.get(&turn.dialog).map(|record| &record.row);
        self.people.look(&space, &turn, before)?;
        let sessions = self
            .dialogs
            .get(&turn.dialog)
            .map(|record| &record.sessions);
        if opens_two(sessions, &turn.sessions) {
            let detail = "two sessions of a dialog would be open".to_owned();
            return Err(StoreError::Damaged { detail }.into());
        }
        if is_new {
            let Some(opened) = turn.opened else {
                return Err(CommitError::Conflict { found: 0 });
            };
            let place = (turn.bot.clone(), opened.address.clone());
            self.addresses.insert(place, turn.dialog);
            let contact = opened.contact.id;
            self.contacts.entry(contact).or_insert(opened.contact);
            self.dialogs_of
                .entry(contact)
                .or_default()
                .insert(turn.dialog);
            self.dialogs.insert(
                turn.dialog,
                DialogRecord {
                    bot: turn.bot.clone(),
                    address: opened.address,
                    contact,
                    revision: 0,
                    snapshot: Vec::new(),
                    row: turn.row.clone(),
                    keys: BTreeSet::new(),
                    journal: Vec::new(),
                    messages: Vec::new(),
                    outbox: BTreeMap::new(),
                    ids: BTreeMap::new(),
                    external: BTreeMap::new(),
                    unsettled: BTreeSet::new(),
                    timers: BTreeMap::new(),
                    sessions: BTreeMap::new(),
                    participants: BTreeSet::new(),
                    space: space.clone(),
                },
            );
        }
        if let Some(settlement) = &turn.settlement {
            self.settle(settlement);
        }
        let cancelled = turn
            .cancel
            .map(|scope| self.cancel(turn.dialog, scope))
            .unwrap_or_default();
        let begun = self
            .dialogs
            .get(&turn.dialog)
            .filter(|_| turn.cancel.is_some());
        let under_way = begun.map(DialogRecord::under_way).unwrap_or_default();
        if !turn.usage.is_empty() {
            let row = self.bot(&turn.bot);
            row.usage = row.usage.plus(&turn.usage);
        }
        let before = self
            .dialogs
            .get(&turn.dialog)
            .filter(|_| !is_new)
            .map(|record| record.row.status);
        self.count(&turn.bot, before, turn.row.status);
        if let Some(to) = &turn.moved {
            self.move_to(turn.dialog, to);
            self.addresses
                .insert((turn.bot.clone(), to.clone()), turn.dialog);
        }
        if let Some(raw) = turn.raw {
            self.raw.insert((turn.dialog, turn.key.clone()), raw);
        }
        let Some(record) = self.dialogs.get_mut(&turn.dialog) else {
            return Err(CommitError::Conflict { found: 0 });
        };
        let row_before = (!is_new).then(|| record.row.clone());
        self.people
            .apply(&space, turn.dialog, row_before.as_ref(), &turn.row);
        self.people.note(&space, turn.queue.as_ref(), &turn.missed);
        record.participants.extend(turn.row.holder.clone());
        for session in turn.sessions {
            record.sessions.insert(session.number, session);
        }
        let shows = turn.row.contact_revision;
        record.revision = turn.expected + 1;
        record.snapshot = turn.snapshot;
        record.row = turn.row;
        record.keys.insert(turn.key);
        record.journal.push(JournalTurn {
            revision: record.revision,
            at: turn.at,
            body: turn.journal,
        });
        for message in &turn.messages {
            record.name(message.id, message.message.external_id().into_iter());
        }
        record.messages.extend(turn.messages);
        for effect in turn.effects {
            let id = effect.id;
            if is_message(&effect) {
                record.unsettled.insert(id);
            }
            let entry = Entry::new(effect, turn.due);
            let waiting = self.ready.entry(place(&entry, &record.address));
            waiting.or_default().insert((turn.due, id));
            let is_reply = is_message(&entry.effect) && entry.lane == SendLane::Reply;
            record.outbox.insert(id, entry);
            if is_reply {
                record.take_along(&mut self.ready);
            }
        }
        for change in turn.timers {
            let name = change.name().to_owned();
            if let Some((_, due)) = record.timers.remove(&name) {
                self.timers.remove(&(due, turn.dialog, name.clone()));
            }
            if let TimerChange::Set {
                generation, due, ..
            } = change
            {
                record.timers.insert(name.clone(), (generation, due));
                self.timers.insert((due, turn.dialog, name));
            }
        }
        self.look_at_lag(turn.dialog, shows, is_new);
        Ok(Committed::Applied {
            cancelled,
            under_way,
        })
    }
}

/// Whether more than one session would be open with these written.
fn opens_two(kept: Option<&BTreeMap<u32, SessionRecord>>, written: &[SessionRecord]) -> bool {
    let kept = kept.into_iter().flatten();
    let kept = kept.map(|(number, session)| (*number, session.completed.is_none()));
    let written = written
        .iter()
        .map(|session| (session.number, session.completed.is_none()));
    let open: BTreeMap<u32, bool> = kept.chain(written).collect();
    open.values().filter(|open| **open).count() > 1
}

impl Inner {
    /// Messages go to this address from now on.
    fn move_to(&mut self, dialog: DialogId, to: &Address) {
        let Some(record) = self.dialogs.get_mut(&dialog) else {
            return;
        };
        let from = std::mem::replace(&mut record.address, to.clone());
        for (id, entry) in &record.outbox {
            if entry.state == DeliveryState::Ready {
                let due = (entry.due, *id);
                if let Some(waiting) = self.ready.get_mut(&place(entry, &from)) {
                    waiting.remove(&due);
                }
                let waiting = self.ready.entry(place(entry, to)).or_default();
                waiting.insert(due);
            }
        }
    }
}
