//! Bugs of what the outside tells.

use chatflow_core::{
    BotId, ChannelId, CommitError, Committed, DeliveryState, DialogId, EffectId, EventKey,
    ExternalId, PAGE_MAX, RawBody, ReceiptState, Receipted, Source, Store, StoreError,
    StoredUnclaimed, Unclaimed, time,
};

use crate::bug::Bug;
use crate::planted::Planted;

impl Planted {
    /// Remembers what came last with a key.
    pub(crate) fn note_report(&self, dialog: DialogId, key: &EventKey, raw: Option<&RawBody>) {
        if let Some(raw) = raw {
            let place = (dialog, key.clone());
            self.notes().reports.insert(place, raw.clone());
        }
    }

    pub(crate) async fn spoilt_raw(
        &self,
        dialog: DialogId,
        key: &EventKey,
    ) -> Result<Option<RawBody>, StoreError> {
        if self.is(Bug::RawReplaced) {
            let place = (dialog, key.clone());
            return Ok(self.notes().reports.get(&place).cloned());
        }
        self.data().raw(dialog, key).await
    }

    pub(crate) async fn spoilt_keep_unclaimed(
        &self,
        mut unclaimed: Unclaimed,
    ) -> Result<Committed, CommitError> {
        let is_new = self.notes().keys.insert(unclaimed.key.clone());
        if self.is(Bug::UnclaimedOfOneChannel) && !is_new {
            return Ok(Committed::Duplicate { revision: 0 });
        }
        let kept = self.data().keep_unclaimed(unclaimed.clone()).await;
        if self.is(Bug::UnclaimedTwice)
            && let Ok(Committed::Duplicate { .. }) = kept
        {
            unclaimed.key = self.new_key();
            self.data().keep_unclaimed(unclaimed).await?;
        }
        kept
    }

    pub(crate) async fn spoilt_unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        let mut page = self.data().unclaimed(channel, after, limit).await?;
        match self.bug {
            Bug::PageLosesRow if after.is_some() && !page.is_empty() => drop(page.remove(0)),
            Bug::PageUnbounded if page.len() == PAGE_MAX => page.extend(page.last().cloned()),
            Bug::UnclaimedNewestFirst => page.reverse(),
            _ => {}
        }
        Ok(page)
    }

    pub(crate) async fn spoilt_mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        let mut of = of.clone();
        match (self.bug, &mut of) {
            (Bug::ReceiptsForgotten, _) => return Ok(Vec::new()),
            (Bug::UntilExcluded, Receipted::SentUntil(until)) => {
                *until -= std::time::Duration::from_millis(1);
            }
            (Bug::UntilForgotten, Receipted::SentUntil(until)) => {
                *until = time::from_millis(i64::from(u32::MAX) * 1000);
            }
            (Bug::FirstIdOnly, Receipted::These(ids)) => {
                let lines = self.data().transcript(dialog, None, PAGE_MAX).await?;
                ids.retain(|id| lines.iter().any(|line| line.ids.first() == Some(id)));
            }
            _ => {}
        }
        let mut changed = self.data().mark(dialog, &of, state).await?;
        let mut found = Vec::new();
        if let Receipted::These(ids) = &of {
            for id in ids {
                found.extend(self.data().find_message(dialog, id).await?);
            }
        }
        match self.bug {
            Bug::ReceiptOfLatestForm => changed.retain(|id| found.contains(id)),
            Bug::ReceiptChangesAnything if changed.is_empty() => changed = found,
            Bug::StateGoesBack => {
                let shown = match state {
                    ReceiptState::Delivered => DeliveryState::Delivered,
                    ReceiptState::Read => DeliveryState::Read,
                    ReceiptState::Failed(_) => DeliveryState::Dead,
                };
                let shown = found.into_iter().map(|id| (id, shown));
                self.notes().marked.extend(shown);
            }
            Bug::FailureStays => {
                if let ReceiptState::Failed(reason) = state {
                    let failed = changed.iter().map(|id| (*id, reason));
                    self.notes().failures.extend(failed);
                }
            }
            _ => {}
        }
        Ok(changed)
    }

    pub(crate) async fn spoilt_find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        let found = self.data().find_message(dialog, id).await?;
        match self.bug {
            Bug::FirstFormFound => {
                let lines = self.data().transcript(dialog, None, PAGE_MAX).await?;
                let first = lines.into_iter().find(|line| line.ids.contains(id));
                Ok(first.map(|line| line.record.id))
            }
            Bug::FoundInAnyDialog if found.is_none() => {
                for other in self.data().dialogs(None, PAGE_MAX).await? {
                    let found = self.data().find_message(other.dialog, id).await?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            }
            Bug::OursNotFound => Ok(found.filter(|id| id.n == 0)),
            Bug::LostKeepsIds => Ok(found.or_else(|| self.notes().named.get(id).copied())),
            _ => Ok(found),
        }
    }

    pub(crate) async fn spoilt_put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        let is_known = self.data().source(bot, token).await?.is_some();
        if self.is(Bug::SourceStays) && is_known {
            return Ok(());
        }
        let place = token.to_owned();
        self.notes().sources.insert(place, source.clone());
        self.data().put_source(bot, token, source).await
    }

    pub(crate) async fn spoilt_source(
        &self,
        bot: &BotId,
        token: &str,
    ) -> Result<Option<Source>, StoreError> {
        match self.bug {
            Bug::SourceOfAnyBot => Ok(self.notes().sources.get(token).cloned()),
            Bug::SourcesLostByOpening if self.notes().reopened => Ok(None),
            _ => self.data().source(bot, token).await,
        }
    }
}
