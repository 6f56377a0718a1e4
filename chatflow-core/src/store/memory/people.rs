//! What the in-memory store keeps of operators and queues.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{Operator, Queue};
use crate::dialog::{DialogId, DialogRow, Moment, OperatorId, QueueId, Revision, SpaceId};
use crate::store::{
    CommitError, DueOperator, DueQueue, MemberRow, OperatorRow, QueueGuard, QueueRow, TurnCommit,
};

#[derive(Debug, Default)]
pub(super) struct People {
    operators: BTreeMap<(SpaceId, OperatorId), OperatorRow>,
    queues: BTreeMap<(SpaceId, QueueId), QueueTable>,
    /// Dialogs in progress, by who has them: also of operators whom the space doesn't know.
    held: BTreeMap<(SpaceId, OperatorId), BTreeSet<DialogId>>,
    /// Dialogs that wait, also in queues that nobody has saved yet.
    waiting: BTreeMap<(SpaceId, QueueId), BTreeSet<(Moment, DialogId)>>,
    /// Offers that are open, by whom they are made to: the dialog and where it waits.
    offers: BTreeMap<(SpaceId, OperatorId), BTreeMap<DialogId, QueueId>>,
}

#[derive(Debug)]
struct QueueTable {
    row: QueueRow,
    /// How often it was stirred when it was last distributed.
    distributed: u64,
    /// How many dialogs it has given.
    count: u64,
    given: BTreeMap<OperatorId, u64>,
}

impl People {
    /// Whether a turn's guards hold.
    pub(super) fn look(
        &self,
        space: &SpaceId,
        turn: &TurnCommit,
        before: Option<&DialogRow>,
    ) -> Result<(), CommitError> {
        for guard in &turn.operators {
            let row = self.operator(space, &guard.operator);
            let row = row.filter(|row| row.operator.revision == guard.revision);
            let row = row.ok_or(CommitError::Outdated)?;
            let operator = Some(&guard.operator);
            let had = before.and_then(|before| before.holder.as_ref()) == operator;
            let gets = turn.row.holder.as_ref() == operator && !had;
            if gets && guard.capacity.is_some_and(|capacity| row.load >= capacity) {
                return Err(CommitError::Full {
                    operator: guard.operator.clone(),
                });
            }
        }
        if let Some(guard) = &turn.queue
            && let Some(revision) = guard.revision
        {
            let row = self.queue(space, &guard.queue);
            if row.is_none_or(|row| row.queue.revision != revision) {
                return Err(CommitError::Outdated);
            }
        }
        Ok(())
    }

    /// Keeps loads and waits as a dialog's row says, and stirs the queues that this concerns.
    pub(super) fn apply(
        &mut self,
        space: &SpaceId,
        dialog: DialogId,
        before: Option<&DialogRow>,
        after: &DialogRow,
    ) {
        let held_before = before.and_then(|row| row.holder.clone());
        if held_before != after.holder {
            if let Some(operator) = held_before {
                self.hold(space, &operator, dialog, false);
                self.stir_queues_of(space, &operator);
            }
            if let Some(operator) = &after.holder {
                self.hold(space, operator, dialog, true);
                let offers = self.offers.get(&(space.clone(), operator.clone()));
                let offers = offers.into_iter().flatten();
                let elsewhere = offers.filter(|(of, _)| **of != dialog);
                let queues: BTreeSet<QueueId> = elsewhere.map(|(_, queue)| queue.clone()).collect();
                for queue in &queues {
                    self.stir(space, queue);
                }
            }
        }
        self.keep_offers(space, dialog, before, after);
        let waited = before.and_then(|row| row.waits.clone());
        if waited != after.waits {
            if let Some((queue, since)) = waited {
                let waiting = self.waiting.entry((space.clone(), queue)).or_default();
                waiting.remove(&(since, dialog));
            }
            if let Some((queue, since)) = after.waits.clone() {
                let waiting = self.waiting.entry((space.clone(), queue)).or_default();
                waiting.insert((since, dialog));
            }
        }
        let Some((queue, _)) = &after.waits else {
            return;
        };
        let looks = |row: &DialogRow| (row.waits.clone(), row.offered.clone(), row.handling);
        let knows = |row: &DialogRow| row.terms.as_ref().is_some_and(|(of, _)| of == queue);
        if before.map(looks) != Some(looks(after)) || knows(after) && !before.is_some_and(knows) {
            self.stir(space, queue);
        }
    }

    fn keep_offers(
        &mut self,
        space: &SpaceId,
        dialog: DialogId,
        before: Option<&DialogRow>,
        after: &DialogRow,
    ) {
        for operator in before.iter().flat_map(|row| &row.offered) {
            let place = (space.clone(), operator.clone());
            if let Some(offers) = self.offers.get_mut(&place) {
                offers.remove(&dialog);
            }
        }
        let Some((queue, _)) = &after.waits else {
            return;
        };
        for operator in &after.offered {
            let place = (space.clone(), operator.clone());
            let offers = self.offers.entry(place).or_default();
            offers.insert(dialog, queue.clone());
        }
    }

    fn hold(&mut self, space: &SpaceId, operator: &OperatorId, dialog: DialogId, holds: bool) {
        let place = (space.clone(), operator.clone());
        let held = self.held.entry(place.clone()).or_default();
        match holds {
            true => held.insert(dialog),
            false => held.remove(&dialog),
        };
        let load = u32::try_from(held.len()).unwrap_or(u32::MAX);
        if let Some(row) = self.operators.get_mut(&place) {
            row.load = load;
        }
    }

    /// Notes whom a queue's rule gave a dialog, and who let an offer run out.
    pub(super) fn note(
        &mut self,
        space: &SpaceId,
        guard: Option<&QueueGuard>,
        missed: &[OperatorId],
    ) {
        if let Some(guard) = guard
            && let Some(queue) = self.queues.get_mut(&(space.clone(), guard.queue.clone()))
        {
            let members = &queue.row.queue.members;
            let given = guard.given.iter();
            for operator in given.filter(|operator| members.contains(operator)) {
                queue.count += 1;
                queue.given.insert(operator.clone(), queue.count);
            }
        }
        for operator in missed {
            if let Some(row) = self.operators.get_mut(&(space.clone(), operator.clone())) {
                row.missed += 1;
            }
        }
    }

    fn stir(&mut self, space: &SpaceId, queue: &QueueId) {
        if let Some(table) = self.queues.get_mut(&(space.clone(), queue.clone())) {
            table.row.stirred += 1;
        }
    }

    fn stir_queues_of(&mut self, space: &SpaceId, operator: &OperatorId) {
        for ((of, _), table) in &mut self.queues {
            if of == space && table.row.queue.members.contains(operator) {
                table.row.stirred += 1;
            }
        }
    }

    pub(super) fn operator(&self, space: &SpaceId, operator: &OperatorId) -> Option<&OperatorRow> {
        self.operators.get(&(space.clone(), operator.clone()))
    }

    pub(super) fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
    ) -> impl Iterator<Item = &OperatorRow> {
        let rows = self.operators.iter();
        let rows = rows.filter(move |((of, id), _)| of == space && Some(id) > after);
        rows.map(|(_, row)| row)
    }

    pub(super) fn save_operator(
        &mut self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        let place = (operator.space.clone(), operator.id.clone());
        let before = self.operators.get(&place);
        let found = before.map_or(0, |row| row.operator.revision);
        if found != expected || operator.revision != expected + 1 {
            return Err(CommitError::Conflict { found });
        }
        let held = self.held.get(&place).map_or(0, BTreeSet::len);
        let row = OperatorRow {
            operator: operator.clone(),
            load: u32::try_from(held).unwrap_or(u32::MAX),
            missed: before.map_or(0, |row| row.missed),
        };
        self.operators.insert(place, row);
        self.stir_queues_of(&operator.space, &operator.id);
        Ok(())
    }

    pub(super) fn queue(&self, space: &SpaceId, queue: &QueueId) -> Option<&QueueRow> {
        let table = self.queues.get(&(space.clone(), queue.clone()));
        table.map(|table| &table.row)
    }

    pub(super) fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
    ) -> impl Iterator<Item = &QueueRow> {
        let rows = self.queues.iter();
        let rows = rows.filter(move |((of, id), _)| of == space && Some(id) > after);
        rows.map(|(_, table)| &table.row)
    }

    pub(super) fn save_queue(
        &mut self,
        queue: &Queue,
        expected: Revision,
    ) -> Result<(), CommitError> {
        let place = (queue.space.clone(), queue.id.clone());
        let before = self.queues.get(&place);
        let found = before.map_or(0, |table| table.row.queue.revision);
        if found != expected || queue.revision != expected + 1 {
            return Err(CommitError::Conflict { found });
        }
        let table = self.queues.entry(place).or_insert_with(|| QueueTable {
            row: QueueRow {
                queue: queue.clone(),
                stirred: 0,
            },
            distributed: 0,
            count: 0,
            given: BTreeMap::new(),
        });
        table.row.queue = queue.clone();
        table.row.stirred += 1;
        table
            .given
            .retain(|operator, _| queue.members.contains(operator));
        Ok(())
    }

    pub(super) fn members(&self, space: &SpaceId, queue: &QueueId) -> Vec<MemberRow> {
        let Some(table) = self.queues.get(&(space.clone(), queue.clone())) else {
            return Vec::new();
        };
        let members = table.row.queue.members.iter();
        let members = members.map(|operator| MemberRow {
            operator: operator.clone(),
            row: self.operator(space, operator).cloned(),
            given: table.given.get(operator).copied().unwrap_or(0),
        });
        members.collect()
    }

    pub(super) fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
    ) -> impl Iterator<Item = DialogId> {
        let waiting = self.waiting.get(&(space.clone(), queue.clone()));
        let waiting = waiting.into_iter().flatten();
        waiting
            .filter(move |place| Some(**place) > after)
            .map(|(_, dialog)| *dialog)
    }

    pub(super) fn distributed(&mut self, queue: &DueQueue) {
        let place = (queue.space.clone(), queue.queue.clone());
        if let Some(table) = self.queues.get_mut(&place) {
            // More than it was stirred would hide what stirs it next.
            let stirred = queue.stirred.min(table.row.stirred);
            table.distributed = table.distributed.max(stirred);
        }
    }

    pub(super) fn due_queues(&self) -> impl Iterator<Item = DueQueue> {
        let due = self.queues.iter();
        let due = due.filter(|(_, table)| table.row.stirred > table.distributed);
        due.map(|((space, queue), table)| DueQueue {
            space: space.clone(),
            queue: queue.clone(),
            stirred: table.row.stirred,
        })
    }

    pub(super) fn due_operators(&self, now: Moment) -> impl Iterator<Item = DueOperator> {
        let rows = self.operators.values();
        let leaving = rows.filter_map(|row| Some((row.operator.leaves_at?, &row.operator)));
        let mut due: Vec<_> = leaving.filter(|(at, _)| *at <= now).collect();
        // Stable: those who left together stay in the order of spaces and ids.
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, operator)| DueOperator {
            space: operator.space.clone(),
            operator: operator.id.clone(),
        })
    }

    /// When the next operator is due who isn't yet.
    pub(super) fn next_leaving(&self, now: Moment) -> Option<Moment> {
        let rows = self.operators.values();
        rows.filter_map(|row| row.operator.leaves_at)
            .filter(|at| *at > now)
            .min()
    }
}
