//! Bugs of what is due, begun and settled.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use chatflow_core::{
    Begun, Delivery, DeliveryState, DialogId, Due, DueDelivery, DueQuery, EffectBody, EffectId,
    FailureReason, Moment, OutboxEntry, PAGE_MAX, SendLane, Settled, Settlement, Store, StoreError,
    time,
};

use crate::bug::{Bug, forget_patch};
use crate::planted::Planted;

impl Planted {
    /// Starts an entry that must not start.
    pub(crate) async fn start_anyway(&self, entry: OutboxEntry) -> Begun {
        let summary = self.summary(entry.effect.id.dialog).await.unwrap();
        Begun::Started(Box::new(Delivery {
            part: entry.part,
            attempt: entry.attempts + 1,
            effect: entry.effect,
            address: summary.address,
            bot: summary.bot,
            contact: summary.contact,
            heard_at: summary.row.heard_at,
            about: None,
        }))
    }

    pub(crate) async fn spoilt_due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        let (now, limit) = (query.now, query.limit);
        let mut query = query.clone();
        match self.bug {
            Bug::LimitIgnored | Bug::NewestFirst | Bug::LimitShared => query.limit = PAGE_MAX,
            Bug::SkipIgnored => query.skip.clear(),
            Bug::SkipTakesChannel => {
                let channels = query.skip.iter().map(|(channel, _)| channel.clone());
                let all =
                    channels.flat_map(|channel| SendLane::ALL.map(|lane| (channel.clone(), lane)));
                query.skip = all.collect();
            }
            _ => {}
        }
        let mut due = self.data().due(&query).await?;
        match self.bug {
            Bug::NextForgotten => due.next = None,
            Bug::TimerEarly => {
                let early = now + Duration::from_millis(1);
                due.timers = self.data().due(&DueQuery::new(early, limit)).await?.timers;
            }
            Bug::NewestFirst => {
                due.timers.reverse();
                due.deliveries.reverse();
                due.timers.truncate(limit);
                due.deliveries.truncate(limit);
            }
            Bug::LimitOfAll => due.deliveries.truncate(limit),
            Bug::BroadcastsFirst => due.deliveries.sort_by_key(|entry| Reverse(entry.lane)),
            Bug::SkipTakesCalls if !query.skip.is_empty() => {
                due.deliveries.retain(|entry| entry.to.is_some());
            }
            Bug::LaneForgotten => {
                for entry in &mut due.deliveries {
                    entry.lane = SendLane::Reply;
                }
            }
            Bug::BroadcastStaysBehind => {
                for entry in &mut due.deliveries {
                    let decided = self.entry(entry.effect).await;
                    entry.lane = decided.map_or(entry.lane, |decided| decided.effect.lane);
                }
            }
            Bug::AddressNotNamed => {
                for entry in &mut due.deliveries {
                    entry.to = None;
                }
            }
            Bug::WaitingStaysBehind => {
                let notes = self.notes();
                for entry in due.deliveries.iter_mut().filter(|entry| entry.to.is_some()) {
                    entry.to = notes.first_addresses.get(&entry.effect.dialog).cloned();
                }
            }
            Bug::RevivedGoesLast => {
                let revived = self.notes().revived.clone();
                let mut kept = Vec::new();
                for entry in due.deliveries {
                    let open = self.data().outbox(entry.effect.dialog).await?;
                    if !revived.contains(&entry.effect) || open.len() == 1 {
                        kept.push(entry);
                    }
                }
                due.deliveries = kept;
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
                due.deliveries.sort_unstable_by_key(|entry| entry.effect);
                due.deliveries
                    .retain(|entry| seen.insert(entry.effect.dialog));
            }
            Bug::AllListed => {
                due.deliveries.clear();
                for summary in self.data().dialogs(None, PAGE_MAX).await? {
                    let entries = self.data().outbox(summary.dialog).await?.into_iter();
                    let ready = entries.filter(|entry| entry.due <= now);
                    due.deliveries.extend(ready.map(|entry| DueDelivery {
                        effect: entry.effect.id,
                        to: Some(summary.address.clone()),
                        lane: entry.effect.lane,
                    }));
                }
            }
            Bug::PageUnbounded if limit > PAGE_MAX => {
                due.deliveries.extend(due.deliveries.last().cloned());
            }
            _ => {}
        }
        self.spoil_held(&mut due, &query).await?;
        self.spoil_lagging(&mut due, limit).await?;
        self.spoil_due_people(&mut due, &query).await?;
        Ok(due)
    }

    pub(crate) async fn spoilt_begin(
        &self,
        effect: EffectId,
        now: Moment,
    ) -> Result<Begun, StoreError> {
        let entry = self.entry(effect).await;
        if let (Bug::PatchFenced, Some(entry)) = (self.bug, &entry)
            && matches!(entry.effect.body, EffectBody::PatchContact(_))
            && let Some(summary) = self.summary(effect.dialog).await
            && entry.effect.epoch < summary.row.fence
        {
            return Ok(Begun::Cancelled);
        }
        if let (Bug::FenceStopsParts, Some(entry)) = (self.bug, &entry)
            && entry.part > 0
            && let Some(summary) = self.summary(effect.dialog).await
            && entry.effect.epoch < summary.row.fence
        {
            return Ok(Begun::Cancelled);
        }
        let now = match self.bug {
            Bug::BegunEarly => now + Duration::from_secs(3600),
            _ => now,
        };
        if let Some(begun) = self.begin_held(effect, now).await? {
            return Ok(begun);
        }
        if let Some(entry) = &entry
            && let Some(begun) = self.begin_beside(entry).await
        {
            return Ok(begun);
        }
        let mut begun = self.data().begin_delivery(effect, now).await?;
        match (&mut begun, entry) {
            (Begun::Started(delivery), _) => {
                self.spoil_delivery(delivery).await;
                self.notes().begun.push(Delivery::clone(delivery));
            }
            (Begun::NotNow, Some(entry)) => {
                let begins = match entry.state {
                    DeliveryState::Ready => match &entry.effect.body {
                        _ if self.notes().revived.contains(&effect) => {
                            self.is(Bug::RevivedOvertakes)
                        }
                        EffectBody::Edit { .. } | EffectBody::Delete { .. } => {
                            self.is(Bug::EditsGoBeside)
                        }
                        _ => self.is(Bug::SecondBegins),
                    },
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

    /// What is handed out.
    async fn spoil_delivery(&self, delivery: &mut Delivery) {
        let effect = delivery.effect.id;
        let (reopened, revived, parts, first) = {
            let notes = self.notes();
            (
                notes.reopened,
                notes.revived.contains(&effect),
                notes.parts.get(&effect).copied(),
                notes.first_addresses.get(&effect.dialog).cloned(),
            )
        };
        match (self.bug, &mut delivery.about) {
            (Bug::AttemptNotCounted, _) => delivery.attempt = 1,
            (Bug::PartSentAgain, _) => delivery.part = 0,
            (Bug::PartsLostByOpening, _) if reopened => delivery.part = 0,
            (Bug::PartsCountTogether, _) => delivery.attempt += delivery.part,
            (Bug::RevivedGoesOnCounting, _) if revived => delivery.attempt += 1,
            (Bug::LostKeepsParts, _) if revived => {
                delivery.part = parts.unwrap_or(delivery.part);
            }
            (Bug::DeliveredToFirstAddress, _) => {
                delivery.address = first.unwrap_or_else(|| delivery.address.clone());
            }
            (Bug::AboutForgotten, about) => *about = None,
            (Bug::AboutWithoutIds, Some(about)) => about.ids.clear(),
            (Bug::AboutHasOneId, Some(about)) => about.ids.truncate(1),
            (Bug::AboutGoesWithBody, Some(about)) if !about.ids.is_empty() => about.message = None,
            (Bug::IdsMoveToNewForm, Some(about)) => {
                if let EffectBody::Edit { of, .. } | EffectBody::Delete { of } =
                    &delivery.effect.body
                {
                    let mut kept = Vec::new();
                    for id in std::mem::take(&mut about.ids) {
                        let found = self.data().find_message(effect.dialog, &id).await;
                        if found.unwrap() == Some(*of) {
                            kept.push(id);
                        }
                    }
                    about.ids = kept;
                }
            }
            _ => {}
        }
    }

    pub(crate) async fn spoilt_settle(
        &self,
        mut settlements: Vec<Settlement>,
    ) -> Result<(), StoreError> {
        for settlement in &mut settlements {
            let entry = self.entry(settlement.effect).await;
            self.spoil_patch(settlement).await;
            match (self.bug, &mut settlement.settled) {
                (Bug::RetryAtOnce, Settled::Retry { due, .. }) => *due = time::from_millis(0),
                (Bug::DeadIsRetried, settled @ Settled::Dead { .. }) => {
                    let due = time::from_millis(0);
                    let counted = true;
                    *settled = Settled::Retry { due, counted };
                }
                (Bug::EveryTryCounts, Settled::Retry { counted, .. }) => *counted = true,
                (Bug::OneReason, Settled::Dead { reason }) => *reason = FailureReason::Transient,
                (Bug::PartEndsMessage, settled @ Settled::Part { .. }) => {
                    if let Settled::Part { ids } = settled.clone() {
                        *settled = Settled::Sent { ids };
                    }
                }
                (Bug::LostKeepsParts, Settled::Part { .. } | Settled::Sent { .. }) => {
                    *self.notes().parts.entry(settlement.effect).or_default() += 1;
                }
                (Bug::LostKeepsIds, Settled::Part { ids } | Settled::Sent { ids }) => {
                    let named = ids.iter().map(|id| (id.clone(), settlement.effect));
                    self.notes().named.extend(named.collect::<Vec<_>>());
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
        self.spoil_ends(&mut settlements);
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

    pub(crate) async fn spoilt_recover(&self, now: Moment) -> Result<u64, StoreError> {
        match self.bug {
            Bug::RecoverForgets => Ok(0),
            _ => self.data().recover(now).await,
        }
    }

    pub(crate) async fn spoilt_put_off(
        &self,
        entries: &[(EffectId, Moment)],
    ) -> Result<(), StoreError> {
        if self.is(Bug::PutOffForgotten) {
            return Ok(());
        }
        for (effect, due) in entries {
            if self.is(Bug::PutOffTakesBegun)
                && let Some(entry) = self.entry(*effect).await
            {
                let retry = Settlement {
                    effect: *effect,
                    attempt: entry.attempts,
                    settled: Settled::Retry {
                        due: *due,
                        counted: true,
                    },
                    at: *due,
                };
                self.data().settle(vec![retry]).await?;
            }
        }
        self.data().put_off(entries).await
    }

    pub(crate) async fn spoilt_revive(
        &self,
        effect: EffectId,
        now: Moment,
    ) -> Result<bool, StoreError> {
        if self.is(Bug::ReviveForgets) {
            return Ok(true);
        }
        let revived = self.data().revive(effect, now).await?;
        if revived {
            self.notes().revived.insert(effect);
        }
        Ok(revived || self.is(Bug::ReviveSaysYes))
    }

    async fn raise_contact(&self, dialog: DialogId) {
        let summary = self.summary(dialog).await.unwrap();
        let mut contact = self.data().contact(summary.contact).await.unwrap().unwrap();
        let expected = contact.view.revision;
        contact.view.revision += 1;
        self.data().save_contact(&contact, expected).await.unwrap();
    }
}
