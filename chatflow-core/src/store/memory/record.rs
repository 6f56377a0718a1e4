//! What the in-memory store keeps of one dialog.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::FilterRow;
use crate::dialog::{DialogId, Effect, EffectBody, EffectId, ExternalId, Moment, Quote, SendLane};
use crate::store::memory::tables::{DialogRecord, Place, is_message, place};
use crate::store::{About, DeliveryState, DialogSummary};

impl DialogRecord {
    /// Broadcasts that wait go with the reply behind them.
    pub(super) fn take_along(&mut self, ready: &mut BTreeMap<Place, BTreeSet<(Moment, EffectId)>>) {
        for id in &self.unsettled {
            let Some(entry) = self.outbox.get_mut(id) else {
                continue;
            };
            if entry.lane == SendLane::Reply {
                continue;
            }
            let due = (entry.due, *id);
            let was_ready = ready
                .get_mut(&place(entry, &self.address))
                .is_some_and(|waiting| waiting.remove(&due));
            entry.lane = SendLane::Reply;
            if was_ready {
                let waiting = ready.entry(place(entry, &self.address));
                waiting.or_default().insert(due);
            }
        }
    }

    /// Keeps a channel's ids of a message, after those it has.
    pub(super) fn name<'a>(
        &mut self,
        message: EffectId,
        ids: impl Iterator<Item = &'a ExternalId>,
    ) {
        for id in ids {
            self.ids.entry(message).or_default().push(id.clone());
            let messages = self.external.entry(id.clone()).or_default();
            messages.insert(message);
        }
    }

    pub(super) fn forget_ids(&mut self, message: EffectId) {
        for id in self.ids.remove(&message).into_iter().flatten() {
            if let Some(messages) = self.external.get_mut(&id) {
                messages.remove(&message);
            }
        }
    }

    /// The channel's ids of a message, in order.
    pub(super) fn ids_of(&self, message: EffectId) -> Vec<ExternalId> {
        self.ids.get(&message).cloned().unwrap_or_default()
    }

    /// The latest message with this id.
    pub(super) fn find_message(&self, id: &ExternalId) -> Option<EffectId> {
        self.external.get(id)?.last().copied()
    }

    /// What an entry quotes, edits or deletes.
    pub(super) fn about(&self, effect: &Effect) -> Option<About> {
        let (of, external) = match &effect.body {
            EffectBody::Edit { of, .. } | EffectBody::Delete { of } => (Some(*of), None),
            EffectBody::Send(message) => match message.quotes()? {
                Quote::Message(of) => (Some(*of), None),
                Quote::External(id) => (self.find_message(id), Some(id.clone())),
            },
            EffectBody::Call { .. }
            | EffectBody::Typing { .. }
            | EffectBody::Tell { .. }
            | EffectBody::PatchContact(_) => return None,
        };
        let line = of.and_then(|of| self.messages.iter().find(|line| line.id == of));
        let mut ids = of.map(|of| self.ids_of(of)).unwrap_or_default();
        if ids.is_empty() {
            ids.extend(external);
        }
        Some(About {
            message: line.map(|line| line.message.clone()),
            ids,
            at: line.map(|line| line.at),
        })
    }

    pub(super) fn filter_row(&self, dialog: DialogId) -> FilterRow<'_> {
        FilterRow {
            dialog,
            bot: &self.bot,
            space: &self.space,
            row: &self.row,
            participants: &self.participants,
        }
    }

    pub(super) fn summary(&self, dialog: DialogId) -> DialogSummary {
        DialogSummary {
            dialog,
            bot: self.bot.clone(),
            address: self.address.clone(),
            contact: self.contact,
            space: self.space.clone(),
            revision: self.revision,
            row: self.row.clone(),
        }
    }

    /// Whether an entry could be begun now, apart from what forbids it for good. `paused` is
    /// whether the bot is.
    pub(super) fn can_begin(&self, id: EffectId, now: Moment, paused: bool) -> bool {
        self.outbox.get(&id).is_some_and(|entry| {
            entry.state == DeliveryState::Ready
                && entry.due <= now
                && !self.is_held(id, paused)
                && (!is_message(&entry.effect) || self.is_next(id, paused))
        })
    }

    /// Whether a pause of its bot holds an entry.
    pub(super) fn is_held(&self, id: EffectId, paused: bool) -> bool {
        let is_patch = |effect: &Effect| matches!(effect.body, EffectBody::PatchContact(_));
        let entry = self.outbox.get(&id);
        paused && entry.is_some_and(|entry| entry.effect.automatic && !is_patch(&entry.effect))
    }

    /// Whether a message is the first that isn't held, and none is in flight: one that was
    /// revived can be before one that is.
    fn is_next(&self, id: EffectId, paused: bool) -> bool {
        let in_flight = |id: &EffectId| {
            let entry = self.outbox.get(id);
            entry.is_some_and(|entry| entry.state == DeliveryState::InFlight)
        };
        let mut waiting = self.unsettled.iter();
        let first = waiting.find(|id| !self.is_held(**id, paused));
        first == Some(&id) && !self.unsettled.iter().any(in_flight)
    }

    /// Automatic messages that have begun: in flight, or a part of them has arrived.
    pub(super) fn under_way(&self) -> Vec<EffectId> {
        let begun = |id: &&EffectId| {
            self.outbox.get(*id).is_some_and(|entry| {
                let is_begun = entry.state == DeliveryState::InFlight || entry.part > 0;
                entry.effect.automatic && is_begun
            })
        };
        self.unsettled.iter().filter(begun).copied().collect()
    }
}
