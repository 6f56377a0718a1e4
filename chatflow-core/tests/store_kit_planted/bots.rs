//! Bugs of pauses, of what models used, and of typing and reports.

use chatflow_core::{
    Begun, BotId, BotRow, Committed, Due, DueQuery, EffectBody, EffectId, LoadedDialog, Moment,
    OutboxEntry, PAGE_MAX, Settled, Settlement, Store, StoreError, TurnCommit, Usage,
};

use crate::bug::Bug;
use crate::planted::Planted;

impl Planted {
    /// What the store below says with all pauses off. Pauses are put back afterwards.
    async fn unpaused<A>(&self, ask: impl AsyncFnOnce(&Self) -> A) -> A {
        let paused = self.notes().paused.clone();
        for bot in paused.keys() {
            self.data().pause(bot, None).await.unwrap();
        }
        let answer = ask(self).await;
        for (bot, since) in paused {
            self.data().pause(&bot, Some(since)).await.unwrap();
        }
        answer
    }

    async fn is_held(&self, entry: &OutboxEntry) -> bool {
        let summary = self.summary(entry.effect.id.dialog).await;
        let is_paused = summary.is_some_and(|row| self.notes().paused.contains_key(&row.bot));
        is_paused && entry.effect.automatic
    }

    pub(crate) fn spoil_loaded(&self, loaded: &mut LoadedDialog) {
        if self.is(Bug::PauseNotLoaded) {
            loaded.bot_paused = false;
        }
    }

    pub(crate) async fn spoilt_bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        let mut row = self.data().bot(bot).await?;
        let (used, reopened) = {
            let notes = self.notes();
            (notes.used.clone(), notes.reopened)
        };
        match self.bug {
            Bug::UsageOfLastTurn => {
                row.usage = used.last().map_or(row.usage, |(_, usage)| *usage);
            }
            Bug::UsageOfAllBots => {
                let all = used.iter().map(|(_, usage)| usage);
                row.usage = all.fold(Usage::default(), |sum, usage| sum.plus(usage));
            }
            Bug::UsageInFloats => {
                let cost: f64 = row.usage.cost.to_string().parse().unwrap();
                row.usage.cost = format!("{cost:.12}").parse().unwrap();
            }
            Bug::UsageWraps => {
                let own = used.iter().filter(|(of, _)| of == bot);
                let tokens = own.map(|(_, usage)| usage.tokens_in);
                row.usage.tokens_in = tokens.fold(0, u64::wrapping_add);
            }
            Bug::UsageLostByOpening if reopened => row.usage = Usage::default(),
            Bug::PauseLostByOpening if reopened => row.paused_since = None,
            _ => {}
        }
        Ok(row)
    }

    pub(crate) async fn spoilt_pause(
        &self,
        bot: &BotId,
        since: Option<Moment>,
    ) -> Result<bool, StoreError> {
        match self.bug {
            Bug::PauseForgotten => return Ok(true),
            Bug::PauseMoves => drop(self.data().pause(bot, None).await?),
            Bug::PauseOfAllBots => {
                for other in ["shop", "kiosk"] {
                    self.data().pause(&BotId::new(other), since).await?;
                }
                return Ok(true);
            }
            Bug::ReleaseMovesDue if since.is_none() => {
                for summary in self.data().dialogs(None, PAGE_MAX).await? {
                    let open = self.data().outbox(summary.dialog).await?;
                    let later = |entry: OutboxEntry| (entry.effect.id, entry.due + LATER);
                    let later: Vec<_> = open.into_iter().map(later).collect();
                    self.data().put_off(&later).await?;
                }
            }
            Bug::ReleaseForgotten if since.is_none() => return Ok(true),
            _ => {}
        }
        {
            let mut notes = self.notes();
            match since {
                Some(since) => drop(notes.paused.insert(bot.clone(), since)),
                None => drop(notes.paused.remove(bot)),
            }
        }
        let changed = self.data().pause(bot, since).await?;
        Ok(changed || self.is(Bug::PauseSaysYes))
    }

    pub(crate) async fn spoil_held(
        &self,
        due: &mut Due,
        query: &DueQuery,
    ) -> Result<(), StoreError> {
        if self.notes().paused.is_empty() {
            return Ok(());
        }
        let all = self.unpaused(async |store: &Self| store.data().due(query).await);
        let all = all.await?;
        let decided = self.notes().decided_in_pause.clone();
        let (mut kept, mut from_pause) = (Vec::new(), Vec::new());
        for delivery in &due.deliveries {
            let Some(entry) = self.entry(delivery.effect).await else {
                continue;
            };
            let held = self.is_held(&entry).await;
            let is_person = !entry.effect.automatic;
            let earlier = self.data().outbox(delivery.effect.dialog).await?;
            let behind = earlier.iter().any(|other| {
                other.effect.id < delivery.effect && other.effect.body.is_for_contact()
            });
            match self.bug {
                Bug::PauseHoldsPatches if held => {}
                Bug::PauseHoldsPeople if is_person => {}
                Bug::HeldStaysFirst if is_person && behind => {}
                _ => kept.push(delivery.clone()),
            }
        }
        due.deliveries = kept;
        match self.bug {
            Bug::HeldListed => due.deliveries.clone_from(&all.deliveries),
            Bug::HeldTimersListed => due.timers.clone_from(&all.timers),
            Bug::HeldCounted => due.next = due.next.into_iter().chain(all.next).min(),
            Bug::HeldHides => {
                due.timers.clear();
            }
            Bug::DecidedInPauseGoes => from_pause = all.deliveries,
            _ => {}
        }
        from_pause.retain(|delivery| decided.contains(&delivery.effect));
        due.deliveries.extend(from_pause);
        Ok(())
    }

    /// What a bug begins though a pause holds it.
    pub(crate) async fn begin_held(
        &self,
        effect: EffectId,
        now: Moment,
    ) -> Result<Option<Begun>, StoreError> {
        let begins = self.is(Bug::HeldBegins)
            || self.is(Bug::RetriesGoInPause)
                && self
                    .entry(effect)
                    .await
                    .is_some_and(|entry| entry.attempts > 0);
        if !begins || self.notes().paused.is_empty() {
            return Ok(None);
        }
        let begin = async |store: &Self| store.data().begin_delivery(effect, now).await;
        self.unpaused(begin).await.map(Some)
    }

    /// Typing and reports, begun where they must not be, or not where they may.
    pub(crate) async fn begin_beside(&self, entry: &OutboxEntry) -> Option<Begun> {
        let summary = self.summary(entry.effect.id.dialog).await?;
        let fenced = entry.effect.epoch < summary.row.fence;
        match (&entry.effect.body, self.bug) {
            (EffectBody::Tell { .. }, Bug::ReportsFenced) if fenced => Some(Begun::Cancelled),
            (EffectBody::Tell { .. }, Bug::ReportsBlocked) if !summary.row.can_send => {
                Some(Begun::Cancelled)
            }
            (EffectBody::Typing { .. }, Bug::TypingThroughBlock) if !fenced => {
                Some(self.start_anyway(entry.clone()).await)
            }
            _ => None,
        }
    }

    /// Settlements that a bug loses in a pause.
    pub(crate) fn spoil_ends(&self, settlements: &mut Vec<Settlement>) {
        if self.is(Bug::PauseEndsNothing) && !self.notes().paused.is_empty() {
            settlements.retain(|settlement| !matches!(settlement.settled, Settled::Sent { .. }));
        }
    }

    /// Notes what a turn used and decided.
    pub(crate) fn note_turn(&self, turn: &TurnCommit) {
        let mut notes = self.notes();
        if !turn.usage.is_empty() {
            notes.used.push((turn.bot.clone(), turn.usage));
        }
        if notes.paused.contains_key(&turn.bot) {
            let ids = turn.effects.iter().map(|effect| effect.id);
            notes.decided_in_pause.extend(ids.collect::<Vec<_>>());
        }
    }

    /// What a bug says of what was under way.
    pub(crate) fn spoil_under_way(
        &self,
        turn: &TurnCommit,
        before: &[OutboxEntry],
        answer: Committed,
    ) -> Committed {
        let Committed::Applied {
            mut cancelled,
            mut under_way,
        } = answer
        else {
            return answer;
        };
        let begun = before
            .iter()
            .filter(|entry| entry.attempts > 0 || entry.part > 0);
        let begun: Vec<_> = begun.map(|entry| entry.effect.id).collect();
        match self.bug {
            Bug::UnderWayForgotten => under_way.clear(),
            Bug::UnderWayAlways if turn.cancel.is_none() => under_way = begun,
            Bug::UnderWayWithCalls if turn.cancel.is_some() => under_way = begun,
            Bug::UnderWayOnlyInFlight => {
                let parts = before.iter().filter(|entry| entry.part > 0);
                let parts: Vec<_> = parts.map(|entry| entry.effect.id).collect();
                under_way.retain(|id| !parts.contains(id));
            }
            Bug::ReportsCancelled if turn.cancel.is_some() => {
                let tells =
                    |entry: &&OutboxEntry| matches!(entry.effect.body, EffectBody::Tell { .. });
                cancelled.extend(before.iter().filter(tells).map(|entry| entry.effect.id));
            }
            Bug::TypingNotCancelled => {
                let types = |id: &EffectId| {
                    let entry = before.iter().find(|entry| entry.effect.id == *id);
                    entry
                        .is_some_and(|entry| matches!(entry.effect.body, EffectBody::Typing { .. }))
                };
                cancelled.retain(|id| !types(id));
            }
            _ => {}
        }
        Committed::Applied {
            cancelled,
            under_way,
        }
    }
}

const LATER: std::time::Duration = std::time::Duration::from_secs(1);
