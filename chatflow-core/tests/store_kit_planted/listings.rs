//! Bugs of lists, pages and counters.

use chatflow_core::{
    BotId, ContactId, DeliveryState, DialogId, DialogSummary, EffectId, FlowId, FlowVersion,
    JournalTurn, OutboxEntry, PAGE_MAX, Revision, Standing, StatusKind, Store, StoreError,
    StoredRefusal, TranscriptLine,
};

use crate::bug::Bug;
use crate::planted::Planted;

impl Planted {
    pub(crate) async fn spoilt_dialogs(
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

    pub(crate) async fn spoilt_dialogs_of(
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

    pub(crate) async fn spoilt_standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        let mut standing = self.data().standing(bot).await?;
        match self.bug {
            Bug::StandingLostByOpening if self.notes().reopened => standing.clear(),
            Bug::StandingOfOneVersion => {
                let newest = standing.iter().map(|at| at.version).max();
                standing.retain(|at| Some(at.version) == newest);
            }
            Bug::StandingOfAllBots => {
                for other in ["shop", "kiosk"] {
                    let other = BotId::from(other);
                    if other != *bot {
                        standing.extend(self.data().standing(&other).await?);
                    }
                }
            }
            Bug::StandingStays => {
                let mut notes = self.notes();
                for at in standing {
                    let place = (bot.clone(), at.flow, at.version, at.step);
                    let most = notes.most_standing.entry(place).or_default();
                    *most = at.dialogs.max(*most);
                }
                let stood = notes.most_standing.iter();
                let stood = stood.filter(|((of, ..), _)| of == bot);
                standing = stood
                    .map(|((_, flow, version, step), dialogs)| Standing {
                        flow: flow.clone(),
                        version: *version,
                        step: step.clone(),
                        dialogs: *dialogs,
                    })
                    .collect();
            }
            _ => {}
        }
        Ok(standing)
    }

    pub(crate) async fn spoilt_dialogs_at(
        &self,
        (bot, flow, version): (&BotId, &FlowId, FlowVersion),
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let mut page = match self.bug {
            Bug::DialogsAtAnyVersion => self.data().dialogs(after, limit).await?,
            Bug::PageUnbounded => {
                let mut all = Vec::new();
                let mut after = after;
                while let Some(last) = {
                    let page = self.data().dialogs_at(bot, flow, version, after, PAGE_MAX);
                    let page = page.await?;
                    let last = page.last().map(|row| row.dialog);
                    all.extend(page);
                    last
                } {
                    after = Some(last);
                }
                all.truncate(limit);
                all
            }
            _ => {
                let data = self.data();
                data.dialogs_at(bot, flow, version, after, limit).await?
            }
        };
        if self.is(Bug::PageLosesRow) && after.is_some() && !page.is_empty() {
            page.remove(0);
        }
        Ok(page)
    }

    pub(crate) async fn spoilt_journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        let skipped = u64::from(self.is(Bug::PageLosesRow) && after > 0);
        self.data().journal(dialog, after + skipped, limit).await
    }

    pub(crate) async fn spoilt_refusals(
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

    pub(crate) async fn spoilt_transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let mut lines = self.data().transcript(dialog, after, limit).await?;
        self.spoil_lines(&mut lines);
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

    /// How deliveries stand, by the transcript.
    fn spoil_lines(&self, lines: &mut [TranscriptLine]) {
        let notes = self.notes();
        for line in lines {
            let id = line.record.id;
            match self.bug {
                Bug::IdsSorted => line.ids.sort_unstable(),
                Bug::LastIdOnly => drop(line.ids.drain(..line.ids.len().saturating_sub(1))),
                Bug::FailureForgotten => line.failure = None,
                Bug::FailureStays => {
                    line.failure = line.failure.or_else(|| notes.failures.get(&id).copied())
                }
                Bug::StateGoesBack => {
                    let last = notes.marked.get(&id).copied();
                    line.delivery = last.or(line.delivery);
                }
                Bug::ReceiptsLostByOpening
                    if notes.reopened && line.delivery.is_some_and(DeliveryState::is_taken) =>
                {
                    line.delivery = Some(DeliveryState::Sent);
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn spoilt_outbox(
        &self,
        dialog: DialogId,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let mut entries = self.data().outbox(dialog).await?;
        if self.is(Bug::OutboxOutOfOrder) {
            entries.sort_by_key(|entry| entry.effect.id.n.to_string());
        }
        Ok(entries)
    }

    pub(crate) async fn spoilt_counters(
        &self,
        bot: &BotId,
    ) -> Result<Vec<(StatusKind, u64)>, StoreError> {
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
