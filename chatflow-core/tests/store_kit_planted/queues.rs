//! Bugs of queues: who waits, whose turn it is, and what stirs them.

use std::collections::BTreeMap;

use chatflow_core::{
    CommitError, DialogId, DialogRow, DialogSummary, Due, DueQuery, DueQueue, MemberRow, Moment,
    PAGE_MAX, Queue, QueueId, QueueRow, Revision, SpaceId, Store, StoreError, TurnCommit,
};

use crate::bug::Bug;
use crate::planted::Planted;

/// How often queues were stirred.
pub(crate) type Stirs = BTreeMap<(SpaceId, QueueId), u64>;

impl Planted {
    /// Whether the bug has its own count of what stirs queues.
    fn counts_stirs(&self) -> bool {
        matches!(
            self.bug,
            Bug::FreedPlaceStirsNothing
                | Bug::FreedPlaceStirsAll
                | Bug::TakenPlaceStirs
                | Bug::OfferedBesideStirsNothing
                | Bug::HandlingStirsNothing
                | Bug::NewWaitStirsNothing
                | Bug::OtherMomentStirsNothing
                | Bug::OfferStirsNothing
                | Bug::OfferEndStirsNothing
                | Bug::TermsStirNothing
                | Bug::NewerTermsStir
                | Bug::EveryTurnStirs
                | Bug::LeavingStirs
                | Bug::SavedOperatorStirsNothing
                | Bug::SavedQueueStirsNothing
                | Bug::ConflictStirs
                | Bug::OlderNoteTakesBack
                | Bug::NoteHidesLater
        )
    }

    pub(crate) async fn row_for_stirs(&self, dialog: DialogId) -> Option<DialogRow> {
        if !self.counts_stirs() {
            return None;
        }
        Some(self.summary(dialog).await?.row)
    }

    /// The counts of the store below; nothing where the bug has nothing to do with them.
    pub(crate) async fn real_stirs(&self) -> Stirs {
        if !self.counts_stirs() {
            return Stirs::new();
        }
        let spaces = self.notes().spaces.clone();
        let mut stirs = Stirs::new();
        for space in spaces {
            let rows = self.data().queues(&space, None, PAGE_MAX).await.unwrap();
            stirs.extend(rows.into_iter().map(|row| {
                let place = (space.clone(), row.queue.id);
                (place, row.stirred)
            }));
        }
        stirs
    }

    pub(crate) async fn take_back_stirs(&self, before: &Stirs) {
        for (place, now) in self.real_stirs().await {
            let more = now - before.get(&place).copied().unwrap_or(0);
            *self.notes().stirs_more.entry(place).or_default() -= more as i64;
        }
    }

    /// What a bug makes of what a turn stirs.
    pub(crate) async fn spoil_stirs(
        &self,
        space: &SpaceId,
        before: Option<&DialogRow>,
        turn: &TurnCommit,
        stirs_before: &Stirs,
    ) {
        let row = &turn.row;
        let freed = before.and_then(|before| before.holder.as_ref());
        let freed = freed.filter(|freed| row.holder.as_ref() != Some(*freed));
        for (place, now) in self.real_stirs().await {
            let really = now - stirs_before.get(&place).copied().unwrap_or(0);
            let (of, queue) = &place;
            let waits_in = |row: &DialogRow| row.waits.as_ref().is_some_and(|(id, _)| id == queue);
            let is_own = of == space && waits_in(row);
            let same_wait = before.is_some_and(|before| before.waits == row.waits);
            let same_offer = before.is_some_and(|before| before.offered == row.offered);
            let was_own = before.is_some_and(waits_in);
            let members = self.data().queue(of, queue).await.unwrap();
            let members = members.map(|row| row.queue.members).unwrap_or_default();
            let takes_back = match self.bug {
                Bug::FreedPlaceStirsNothing => freed.is_some() && !is_own,
                Bug::NewWaitStirsNothing => is_own && !was_own,
                Bug::OtherMomentStirsNothing => is_own && was_own && !same_wait,
                Bug::OfferStirsNothing => {
                    is_own && same_wait && !same_offer && !row.offered.is_empty()
                }
                Bug::OfferEndStirsNothing => {
                    is_own && same_wait && !same_offer && row.offered.is_empty()
                }
                Bug::HandlingStirsNothing => {
                    let same_handling = before.is_some_and(|it| it.handling == row.handling);
                    is_own && same_wait && same_offer && !same_handling
                }
                Bug::OfferedBesideStirsNothing => freed.is_none() && !is_own && !was_own,
                Bug::TermsStirNothing => is_own && same_wait && same_offer,
                _ => false,
            };
            let stirs = match self.bug {
                Bug::FreedPlaceStirsAll => freed.is_some(),
                Bug::TakenPlaceStirs => row.holder.as_ref().is_some_and(|holder| {
                    of == space
                        && members.contains(holder)
                        && before.is_none_or(|before| before.holder != row.holder)
                }),
                Bug::EveryTurnStirs => is_own,
                Bug::NewerTermsStir => is_own && before.is_some_and(|it| it.terms != row.terms),
                Bug::LeavingStirs => was_own && !is_own,
                _ => false,
            };
            let more = match (takes_back, stirs && really == 0) {
                (true, _) => -(really as i64),
                (_, true) => 1,
                _ => continue,
            };
            *self.notes().stirs_more.entry(place).or_default() += more;
        }
    }

    fn spoil_queue(&self, row: &mut QueueRow) {
        let place = (row.queue.space.clone(), row.queue.id.clone());
        let more = self.notes().stirs_more.get(&place).copied();
        row.stirred = row.stirred.saturating_add_signed(more.unwrap_or(0));
    }

    pub(crate) async fn spoilt_queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        let mut row = self.data().queue(space, queue).await?;
        if let Some(row) = &mut row {
            self.spoil_queue(row);
        }
        Ok(row)
    }

    pub(crate) async fn spoilt_queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let mut page = self.data().queues(space, after, limit).await?;
        self.spoil_page(&mut page, after.is_some());
        if self.is(Bug::QueuesOfAllSpaces) {
            let spaces = self.notes().spaces.clone();
            for other in spaces.iter().filter(|other| *other != space) {
                page.extend(self.data().queues(other, after, limit).await?);
            }
            page.sort_by(|a, b| a.queue.id.cmp(&b.queue.id));
            page.truncate(limit);
        }
        for row in &mut page {
            self.spoil_queue(row);
        }
        Ok(page)
    }

    pub(crate) async fn spoilt_save_queue(
        &self,
        queue: &Queue,
        mut expected: Revision,
    ) -> Result<(), CommitError> {
        let mut queue = queue.clone();
        let place = (queue.space.clone(), queue.id.clone());
        self.notes().spaces.insert(queue.space.clone());
        match self.bug {
            Bug::QueueConflictOverwrites => {
                let before = self.data().queue(&place.0, &place.1).await?;
                expected = before.map_or(0, |row| row.queue.revision);
                queue.revision = expected + 1;
            }
            Bug::QueueMaySkip => queue.revision = expected + 1,
            Bug::RepliesForgotten => queue.busy_reply = None,
            _ => {}
        }
        let before = self.real_stirs().await;
        let saved = self.data().save_queue(&queue, expected).await;
        match self.bug {
            Bug::SavedQueueStirsNothing => self.take_back_stirs(&before).await,
            Bug::ConflictStirs if saved.is_err() => {
                *self.notes().stirs_more.entry(place).or_default() += 1;
            }
            _ => {}
        }
        saved
    }

    pub(crate) async fn spoilt_members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let mut members = self.data().members(space, queue).await?;
        match self.bug {
            Bug::MembersWithRowOnly => members.retain(|member| member.row.is_some()),
            Bug::MembersWithoutLoad => {
                for row in members.iter_mut().filter_map(|member| member.row.as_mut()) {
                    row.load = 0;
                }
            }
            Bug::MembersOfAnySpace => {
                let spaces = self.notes().spaces.clone();
                for member in members.iter_mut().filter(|member| member.row.is_none()) {
                    for space in &spaces {
                        let row = self.data().operator(space, &member.operator).await?;
                        member.row = member.row.take().or(row);
                    }
                }
            }
            _ => {}
        }
        Ok(members)
    }

    pub(crate) async fn spoilt_waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let mut page = self.data().waiting(space, queue, after, limit).await?;
        self.spoil_page(&mut page, after.is_some());
        match self.bug {
            Bug::WaitingById => page.sort_by_key(|summary| summary.dialog),
            Bug::WaitingSinceTheTurn => page.sort_by_key(|summary| summary.row.last_at),
            Bug::WaitingOfSavedQueues if self.data().queue(space, queue).await?.is_none() => {
                page.clear();
            }
            Bug::WaitingStays => {
                let mut notes = self.notes();
                for summary in &page {
                    let place = (queue.clone(), summary.dialog);
                    notes.waited.insert(place, summary.clone());
                }
                if after.is_none() && limit > page.len() {
                    let waited = notes.waited.iter();
                    let waited = waited.filter(|((of, _), _)| of == queue);
                    page = waited.map(|(_, summary)| summary.clone()).collect();
                    page.sort_by_key(|row| (row.row.waits.clone().map(|at| at.1), row.dialog));
                    page.truncate(limit);
                }
            }
            Bug::WaitingInAllSpaces => {
                let spaces = self.notes().spaces.clone();
                for other in spaces.iter().filter(|other| *other != space) {
                    page.extend(self.data().waiting(other, queue, after, limit).await?);
                }
                page.truncate(limit);
            }
            _ => {}
        }
        Ok(page)
    }

    pub(crate) async fn spoilt_distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        let place = (queue.space.clone(), queue.queue.clone());
        if self.counts_stirs() {
            let row = self.spoilt_queue(&place.0, &place.1).await?;
            let Some(row) = row else {
                return Ok(());
            };
            let noted = match self.bug {
                Bug::NoteHidesLater => queue.stirred,
                _ => queue.stirred.min(row.stirred),
            };
            let mut notes = self.notes();
            let distributed = notes.distributed.entry(place).or_default();
            *distributed = match self.bug {
                Bug::OlderNoteTakesBack => noted,
                _ => noted.max(*distributed),
            };
            return Ok(());
        }
        match self.bug {
            Bug::NotedNothing => Ok(()),
            Bug::NotedAsOfNow => {
                let row = self.data().queue(&place.0, &place.1).await?;
                let stirred = row.map_or(0, |row| row.stirred);
                let now = DueQueue {
                    stirred,
                    ..queue.clone()
                };
                self.data().distributed(&now).await
            }
            _ => self.data().distributed(queue).await,
        }
    }

    pub(crate) async fn spoil_due_people(
        &self,
        due: &mut Due,
        query: &DueQuery,
    ) -> Result<(), StoreError> {
        if self.counts_stirs() {
            let spaces = self.notes().spaces.clone();
            due.queues.clear();
            for space in spaces {
                let rows = self.spoilt_queues(&space, None, PAGE_MAX).await?;
                let notes = self.notes();
                due.queues.extend(rows.into_iter().filter_map(|row| {
                    let place = (space.clone(), row.queue.id.clone());
                    let distributed = notes.distributed.get(&place).copied();
                    (row.stirred > distributed.unwrap_or(0)).then_some(DueQueue {
                        space: place.0,
                        queue: place.1,
                        stirred: row.stirred,
                    })
                }));
            }
            due.queues.truncate(query.limit);
        }
        match self.bug {
            Bug::StirsLostByOpening if self.notes().reopened => due.queues.clear(),
            Bug::DueQueuesBackwards => due.queues.reverse(),
            Bug::PageUnbounded if due.queues.len() == PAGE_MAX => {
                due.queues.extend(due.queues.last().cloned());
            }
            Bug::NobodyLeaves => due.operators.clear(),
            Bug::LeavesEarly => {
                let early = query.now + std::time::Duration::from_millis(1);
                let early = DueQuery::new(early, query.limit);
                due.operators = self.data().due(&early).await?.operators;
            }
            Bug::LeavesById => due.operators.sort(),
            Bug::LeavesUncounted => {
                let mut after_leaving = due.next;
                let spaces = self.notes().spaces.clone();
                for space in spaces {
                    let rows = self.data().operators(&space, None, PAGE_MAX).await?;
                    if rows.iter().any(|row| row.operator.leaves_at == due.next) {
                        after_leaving = None;
                    }
                }
                due.next = after_leaving;
            }
            _ => {}
        }
        Ok(())
    }
}
