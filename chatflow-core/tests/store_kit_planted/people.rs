//! Bugs of operators and of the guards of turns.

use chatflow_core::{
    CommitError, Committed, Filter, FilterRow, Operator, OperatorId, OperatorRow, PAGE_MAX,
    Revision, SessionRecord, SpaceId, Store, StoreError, TurnCommit,
};
use chatflow_core::{DialogId, DialogSummary};

use crate::bug::{Bug, of_turn};
use crate::commits::give_way;
use crate::planted::Planted;

impl Planted {
    pub(crate) async fn space_of(&self, turn: &TurnCommit) -> Option<SpaceId> {
        if let Some(opened) = &turn.opened {
            let row = self.data().contact(opened.contact.id).await.unwrap();
            return Some(row.map_or_else(|| opened.contact.space.clone(), |row| row.space));
        }
        Some(self.summary(turn.dialog).await?.space)
    }

    /// What a turn's guards say, whatever else is to be said of it.
    async fn guards_say(&self, turn: &TurnCommit) -> Option<CommitError> {
        let space = self.space_of(turn).await?;
        let before = self.summary(turn.dialog).await;
        let had = before.and_then(|before| before.row.holder);
        for guard in &turn.operators {
            let row = self.data().operator(&space, &guard.operator).await.unwrap();
            let row = row.filter(|row| row.operator.revision == guard.revision);
            let Some(row) = row else {
                return Some(CommitError::Outdated);
            };
            let holder = turn.row.holder.as_ref();
            let gets = match self.bug {
                Bug::CapacityForAnybody => had.as_ref() != Some(&guard.operator),
                Bug::CapacityForHolder => holder == Some(&guard.operator),
                _ => holder == Some(&guard.operator) && holder != had.as_ref(),
            };
            if gets && guard.capacity.is_some_and(|capacity| row.load >= capacity) {
                return Some(CommitError::Full {
                    operator: guard.operator.clone(),
                });
            }
        }
        let guard = turn.queue.as_ref()?;
        let row = self.data().queue(&space, &guard.queue).await.unwrap();
        let found = row.map(|row| row.queue.revision);
        let is_other = guard.revision.is_some() && found != guard.revision;
        let is_missing = found.is_none() && self.is(Bug::QueueGuardOfNone);
        (is_other || is_missing).then_some(CommitError::Outdated)
    }

    /// A commit with the bugs of people around those of turns.
    pub(crate) async fn commit_with_people(
        &self,
        mut turn: TurnCommit,
    ) -> Result<Committed, CommitError> {
        if let Some(opened) = &turn.opened {
            let space = opened.contact.space.clone();
            self.notes().spaces.insert(space);
        }
        let is_current = self.revision(turn.dialog).await == turn.expected;
        let is_seen = self.data().is_handled(turn.dialog, &turn.key).await?;
        let judges = match self.bug {
            Bug::GuardsBeforeKey => is_seen,
            Bug::GuardsBeforeRevision => !is_seen,
            Bug::CapacityForAnybody | Bug::CapacityForHolder | Bug::QueueGuardOfNone => {
                is_current && !is_seen
            }
            _ => false,
        };
        if judges && let Some(no) = self.guards_say(&turn).await {
            return Err(no);
        }
        match self.bug {
            Bug::CapacityIgnored => {
                for guard in &mut turn.operators {
                    guard.capacity = None;
                }
            }
            Bug::CapacityCheckedBefore => {
                if let Some(no) = self.guards_say(&turn).await {
                    return Err(no);
                }
                turn.operators.clear();
                give_way().await;
            }
            Bug::QueueGuardIgnored => {
                if let Some(guard) = &mut turn.queue {
                    guard.revision = None;
                }
            }
            Bug::MissedForgotten => turn.missed.clear(),
            Bug::GivenForgotten => turn.queue = None,
            Bug::GivenBackwards => {
                if let Some(guard) = &mut turn.queue {
                    guard.given.reverse();
                }
            }
            Bug::GivenToOne => {
                if let Some(guard) = &mut turn.queue {
                    guard.given.truncate(1);
                }
            }
            Bug::TermsForgotten => turn.row.terms = None,
            Bug::LineForgotten => turn.row.line = chatflow_core::Line::First,
            _ => {}
        }
        let space = self.space_of(&turn).await;
        let row_before = self.row_for_stirs(turn.dialog).await;
        let stirs_before = self.real_stirs().await;
        let answer = self.spoilt_commit(turn.clone()).await;
        let answer = match (self.bug, answer) {
            (Bug::GuardRevisionIgnored, Err(CommitError::Outdated)) => {
                for guard in &mut turn.operators {
                    let row = self
                        .data()
                        .operator(space.as_ref().unwrap(), &guard.operator);
                    let row = row.await?;
                    guard.revision = row.map_or(guard.revision, |row| row.operator.revision);
                }
                self.data().commit(turn.clone()).await
            }
            (Bug::GuardOfUnknownHolds, Err(CommitError::Outdated)) => {
                let mut known = Vec::new();
                for guard in turn.operators.clone() {
                    let row = self
                        .data()
                        .operator(space.as_ref().unwrap(), &guard.operator);
                    if row.await?.is_some() {
                        known.push(guard);
                    }
                }
                turn.operators = known;
                self.data().commit(turn.clone()).await
            }
            (Bug::TwoSessionsOpen, Err(CommitError::Store(_))) => {
                turn.sessions.truncate(1);
                turn.sessions[0].completed = None;
                let kept = self.data().sessions(turn.dialog, None, PAGE_MAX).await?;
                turn.sessions.retain(|_| kept.is_empty());
                self.data().commit(turn.clone()).await
            }
            (Bug::FullConsumesKey, Err(error @ CommitError::Full { .. })) => {
                self.data().refuse(of_turn(turn.clone())).await?;
                Err(error)
            }
            (Bug::FullSettles, Err(error @ CommitError::Full { .. })) => {
                let settlement = turn.settlement.clone();
                self.settle(settlement.into_iter().collect()).await?;
                Err(error)
            }
            (_, answer) => answer,
        };
        match &answer {
            Ok(Committed::Applied { .. }) => {
                self.note_sessions(&turn);
                if let Some(space) = space {
                    self.spoil_stirs(&space, row_before.as_ref(), &turn, &stirs_before)
                        .await;
                }
            }
            Ok(Committed::Duplicate { .. }) if self.is(Bug::MissedOfDuplicates) => {
                let space = space.unwrap();
                let missed = turn.missed.into_iter();
                let missed = missed.map(|operator| (space.clone(), operator));
                self.notes().missed_again.extend(missed);
            }
            _ => {}
        }
        answer
    }

    async fn spoil_operator(&self, row: &mut OperatorRow) {
        let place = (row.operator.space.clone(), row.operator.id.clone());
        if self.is(Bug::LoadOfAllSpaces) {
            let spaces = self.notes().spaces.clone();
            row.load = 0;
            for space in spaces {
                let his = self.data().operator(&space, &place.1).await.unwrap();
                row.load += his.map_or(0, |row| row.load);
            }
        }
        let mut notes = self.notes();
        match self.bug {
            Bug::LoadNeverFreed => {
                let most = notes.most_load.entry(place).or_default();
                *most = row.load.max(*most);
                row.load = *most;
            }
            Bug::LoadOfNewRowForgotten | Bug::LoadLostBySaving => {
                let uncounted = notes.uncounted.get(&place).map_or(0, |counts| counts.0);
                row.load = row.load.saturating_sub(uncounted);
            }
            Bug::MissedLostBySaving => {
                let uncounted = notes.uncounted.get(&place).map_or(0, |counts| counts.1);
                row.missed -= uncounted;
            }
            Bug::MissedOfDuplicates => {
                let again = notes.missed_again.iter();
                row.missed += again.filter(|again| **again == place).count() as u64;
            }
            _ => {}
        }
    }

    pub(crate) async fn spoilt_operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        let mut row = self.data().operator(space, operator).await?;
        if let Some(row) = &mut row {
            self.spoil_operator(row).await;
        }
        Ok(row)
    }

    pub(crate) async fn spoilt_operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        let mut page = self.data().operators(space, after, limit).await?;
        if self.is(Bug::OperatorsOfAllSpaces) {
            let spaces = self.notes().spaces.clone();
            for other in spaces.iter().filter(|other| *other != space) {
                page.extend(self.data().operators(other, after, limit).await?);
            }
            page.sort_by(|a, b| a.operator.id.cmp(&b.operator.id));
            page.truncate(limit);
        }
        self.spoil_page(&mut page, after.is_some());
        for row in &mut page {
            self.spoil_operator(row).await;
        }
        Ok(page)
    }

    /// A page without its first row, or longer than it may be.
    pub(crate) fn spoil_page<T: Clone>(&self, page: &mut Vec<T>, is_later: bool) {
        match self.bug {
            Bug::PageLosesRow if is_later && !page.is_empty() => drop(page.remove(0)),
            Bug::PageUnbounded if page.len() == PAGE_MAX => page.extend(page.last().cloned()),
            _ => {}
        }
    }

    pub(crate) async fn spoilt_save_operator(
        &self,
        operator: &Operator,
        mut expected: Revision,
    ) -> Result<(), CommitError> {
        let mut operator = operator.clone();
        let space = operator.space.clone();
        self.notes().spaces.insert(space.clone());
        let before = self.data().operator(&space, &operator.id).await?;
        match self.bug {
            Bug::OperatorConflictOverwrites => {
                expected = before.as_ref().map_or(0, |row| row.operator.revision);
                operator.revision = expected + 1;
            }
            Bug::OperatorMaySkip => operator.revision = expected + 1,
            Bug::RolesForgotten => operator.roles.clear(),
            _ => {}
        }
        let stirs_before = self.real_stirs().await;
        self.data().save_operator(&operator, expected).await?;
        if self.is(Bug::SavedOperatorStirsNothing) {
            self.take_back_stirs(&stirs_before).await;
        }
        let row = self.data().operator(&space, &operator.id).await?.unwrap();
        let forgets = match self.bug {
            Bug::LoadOfNewRowForgotten => before.is_none(),
            Bug::LoadLostBySaving | Bug::MissedLostBySaving => before.is_some(),
            _ => false,
        };
        if forgets {
            let place = (space, operator.id.clone());
            self.notes().uncounted.insert(place, (row.load, row.missed));
        }
        Ok(())
    }

    // ---- sessions and lists

    fn note_sessions(&self, turn: &TurnCommit) {
        let mut notes = self.notes();
        for session in &turn.sessions {
            let place = (turn.dialog, session.number);
            let first = notes.first_sessions.entry(place);
            first.or_insert_with(|| session.clone());
        }
    }

    pub(crate) async fn spoilt_sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let mut page = self.data().sessions(dialog, after, limit).await?;
        self.spoil_page(&mut page, after.is_some());
        let notes = self.notes();
        match self.bug {
            Bug::SessionsLoseCompleted => page.retain(|session| session.completed.is_none()),
            Bug::SessionsLostByOpening if notes.reopened => page.clear(),
            Bug::SessionsStayAsTheyWere => {
                for session in &mut page {
                    let first = notes.first_sessions.get(&(dialog, session.number));
                    session.clone_from(first.unwrap());
                }
            }
            _ => {}
        }
        Ok(page)
    }

    /// A filter as a bug reads it.
    fn spoil_filter(&self, filter: &Filter) -> Filter {
        let all = |filters: &[Filter]| -> Vec<Filter> {
            let filters = filters.iter().map(|filter| self.spoil_filter(filter));
            filters.collect()
        };
        match (filter, self.bug) {
            (Filter::Any(filters), Bug::AnyOfNoneIsAll) if filters.is_empty() => {
                Filter::everything()
            }
            (Filter::All(filters), Bug::AllIsAny) if filters.len() > 1 => Filter::Any(all(filters)),
            (Filter::Any(filters), Bug::WideFilterIsCut) => {
                Filter::Any(all(&filters[..filters.len().min(1000)]))
            }
            (Filter::Any(filters), _) => Filter::Any(all(filters)),
            (Filter::All(filters), _) => Filter::All(all(filters)),
            (Filter::Not(filter), Bug::NotIsIgnored) => self.spoil_filter(filter),
            (Filter::Not(filter), _) => Filter::Not(Box::new(self.spoil_filter(filter))),
            (Filter::Space(_), Bug::SpaceIsIgnored)
            | (Filter::Handling(None), Bug::NoSessionIsAnySession)
            | (Filter::Line(_), Bug::LineIsIgnored) => Filter::everything(),
            (Filter::Assignee(chatflow_core::Assignee::Nobody), Bug::NobodyIsNotFound) => {
                Filter::nothing()
            }
            (Filter::OfferedTo(_), Bug::OffersAreNotFound) => Filter::nothing(),
            _ => filter.clone(),
        }
    }

    pub(crate) async fn spoilt_list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        if self.is(Bug::ParticipantsForgotten) || self.is(Bug::AcknowledgedIsIgnored) {
            let all = self.data().dialogs(after, PAGE_MAX).await?;
            let matching = all.into_iter().filter(|summary| {
                let mut row = summary.row.clone();
                row.acknowledged &= !self.is(Bug::AcknowledgedIsIgnored);
                filter.matches(&FilterRow {
                    dialog: summary.dialog,
                    bot: &summary.bot,
                    space: &summary.space,
                    row: &row,
                    participants: &row.holder.clone().into_iter().collect(),
                })
            });
            return Ok(matching.take(limit).collect());
        }
        let filter = self.spoil_filter(filter);
        let mut page = self.data().list(&filter, after, limit).await?;
        self.spoil_page(&mut page, after.is_some());
        Ok(page)
    }

    pub(crate) async fn spoilt_count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let filter = self.spoil_filter(filter);
        let count = self.data().count(&filter).await?;
        Ok(match self.bug {
            Bug::CountOfPage => count.min(PAGE_MAX as u64),
            _ => count,
        })
    }
}
