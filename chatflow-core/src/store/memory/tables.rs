//! The tables of the in-memory store, and what changes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialog::{
    Address, BotId, CancelScope, ConfigHash, Contact, ContactId, ContactPatch, DialogId, DialogRow,
    Effect, EffectBody, EffectId, EventKey, MessageRecord, Moment, Revision, StatusKind,
    TimerChange,
};
use crate::store::{
    CommitError, Committed, DeliveryState, DialogSummary, JournalTurn, Settled, Settlement,
    StoredRefusal, TurnCommit,
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
    pub(super) refusals: BTreeMap<DialogId, Refusals>,
    /// Entries that wait for their time, and set timers, by when they are due.
    pub(super) ready: BTreeSet<(Moment, EffectId)>,
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
    /// Messages neither sent, dead nor cancelled; the first is the head.
    pub(super) unsettled: BTreeSet<EffectId>,
    pub(super) timers: BTreeMap<String, (Revision, Moment)>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) effect: Effect,
    pub(super) state: DeliveryState,
    pub(super) attempts: u32,
    pub(super) due: Moment,
}

/// Refused events of a dialog. Kept apart from its record, since the first event of a dialog
/// can be refused too.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) keys: BTreeSet<EventKey>,
    pub(super) events: Vec<StoredRefusal>,
}

fn is_message(effect: &Effect) -> bool {
    matches!(effect.body, EffectBody::Send(_))
}

impl Inner {
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
        self.ready.remove(&(entry.due, id));
        entry.state = state;
        entry.due = due.unwrap_or(entry.due);
        match state {
            DeliveryState::Ready => {
                self.ready.insert((entry.due, id));
            }
            DeliveryState::InFlight => {}
            DeliveryState::Sent | DeliveryState::Dead | DeliveryState::Cancelled => {
                record.unsettled.remove(&id);
            }
        }
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
            Settled::Sent { .. } => self.set_state(id, DeliveryState::Sent, None),
            Settled::Patched(patch) => {
                self.patch(contact, patch, id.dialog);
                self.set_state(id, DeliveryState::Sent, None);
            }
            Settled::Retry { due } => self.set_state(id, DeliveryState::Ready, Some(*due)),
            Settled::Dead => self.set_state(id, DeliveryState::Dead, None),
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
                (EffectBody::PatchContact(_), _) => false,
                (EffectBody::Send(_), CancelScope::Messages) => true,
                (EffectBody::Send(_) | EffectBody::Call { .. }, _) => entry.effect.automatic,
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
        if is_new {
            let Some(opened) = turn.opened else {
                return Err(CommitError::Conflict { found: 0 });
            };
            let place = (turn.bot.clone(), opened.address.clone());
            if self
                .addresses
                .get(&place)
                .is_some_and(|dialog| *dialog != turn.dialog)
            {
                return Err(CommitError::Conflict { found: 0 });
            }
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
                    unsettled: BTreeSet::new(),
                    timers: BTreeMap::new(),
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
        let before = self
            .dialogs
            .get(&turn.dialog)
            .filter(|_| !is_new)
            .map(|record| record.row.status);
        self.count(&turn.bot, before, turn.row.status);
        let Some(record) = self.dialogs.get_mut(&turn.dialog) else {
            return Err(CommitError::Conflict { found: 0 });
        };
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
        record.messages.extend(turn.messages);
        for effect in turn.effects {
            let id = effect.id;
            if is_message(&effect) {
                record.unsettled.insert(id);
            }
            self.ready.insert((turn.due, id));
            let entry = Entry {
                effect,
                state: DeliveryState::Ready,
                attempts: 0,
                due: turn.due,
            };
            record.outbox.insert(id, entry);
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
        Ok(Committed::Applied { cancelled })
    }
}

impl DialogRecord {
    pub(super) fn summary(&self, dialog: DialogId) -> DialogSummary {
        DialogSummary {
            dialog,
            bot: self.bot.clone(),
            address: self.address.clone(),
            contact: self.contact,
            revision: self.revision,
            row: self.row.clone(),
        }
    }

    /// Whether an entry could be begun now, apart from what forbids it for good.
    pub(super) fn can_begin(&self, id: EffectId, now: Moment) -> bool {
        self.outbox.get(&id).is_some_and(|entry| {
            entry.state == DeliveryState::Ready
                && entry.due <= now
                && (!is_message(&entry.effect) || self.unsettled.first() == Some(&id))
        })
    }
}
