//! Bugs planted by hand, in what the store makes of a call: the simulation must find each.

use std::sync::atomic::Ordering;

use chatflow_core::{
    CompletionCause, Due, DueQueue, EventBody, Fact, MemberRow, OperatorAct, Snapshot, SpaceId,
    Store, TurnCommit, codec,
};

use crate::ledger::now;
use crate::store::Restless;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Capacity is looked at before the commit only.
    CapacityOutsideTheCommit,
    /// A place that is freed makes no queue due.
    FreedSlotTriggersNothing,
    /// An offer that has run out stays.
    ExpiredOfferIsKept,
    /// Who accepts at a revision that is gone gets it too.
    TwoAcceptsBothWin,
    /// The child of a transfer names no parent.
    TransferLosesTheParent,
    /// A queue whose rules were changed meanwhile gives a dialog by the old ones.
    StaleRulesGive,
    /// An operator who comes makes no queue due.
    ComingTriggersNothing,
    /// An operator who goes isn't looked at.
    GoingIsMissed,
    /// What comes again under its key is taken for new.
    KeysAreForgotten,
    /// The record of a session that was completed isn't written.
    CompletionIsNotRecorded,
    /// Loads of operators of other spaces count.
    SpacesShareLoads,
    /// What somebody lets pass is no miss.
    MissesAreNotCounted,
}

impl Plant {
    pub(crate) const ALL: [Self; 12] = [
        Self::CapacityOutsideTheCommit,
        Self::FreedSlotTriggersNothing,
        Self::ExpiredOfferIsKept,
        Self::TwoAcceptsBothWin,
        Self::TransferLosesTheParent,
        Self::StaleRulesGive,
        Self::ComingTriggersNothing,
        Self::GoingIsMissed,
        Self::KeysAreForgotten,
        Self::CompletionIsNotRecorded,
        Self::SpacesShareLoads,
        Self::MissesAreNotCounted,
    ];

    /// Some of the words in which it shows.
    pub(crate) const fn is_found_as(self) -> &'static [&'static str] {
        /// A dialog waits beside somebody, or with somebody who can't take it.
        const WAITS: &[&str] = &[
            "beside",
            "isn't asked",
            "who can't take it",
            "for a manager",
        ];
        match self {
            Self::CapacityOutsideTheCommit => &["of at most"],
            Self::FreedSlotTriggersNothing
            | Self::ComingTriggersNothing
            | Self::SpacesShareLoads => WAITS,
            Self::ExpiredOfferIsKept => &["and is offered until"],
            Self::TwoAcceptsBothWin => &["accepted what"],
            Self::TransferLosesTheParent => &["its record says"],
            Self::StaleRulesGive => &["is no member", "isn't there"],
            Self::GoingIsMissed => &["nobody looked at his dialogs"],
            Self::KeysAreForgotten => &["was heard"],
            Self::CompletionIsNotRecorded => &["its record wasn't"],
            Self::MissesAreNotCounted => &["other misses"],
        }
    }
}

impl Restless {
    /// The turn as the bug has it committed.
    pub(crate) fn planted_turn(&self, mut turn: TurnCommit) -> TurnCommit {
        match self.plant {
            Some(Plant::CapacityOutsideTheCommit) => {
                for guard in &mut turn.operators {
                    guard.capacity = None;
                }
            }
            Some(Plant::TwoAcceptsBothWin) => self.win_too(&mut turn),
            Some(Plant::TransferLosesTheParent) => {
                let transferred = turn.sessions.iter().any(|record| {
                    let completed = record.completed.as_ref();
                    completed.is_some_and(|how| how.cause == CompletionCause::Transferred)
                });
                for record in turn.sessions.iter_mut().filter(|_| transferred) {
                    record.parent = record.parent.filter(|_| record.completed.is_some());
                }
            }
            Some(Plant::StaleRulesGive) => {
                if let Some(guard) = &mut turn.queue {
                    guard.revision = None;
                }
            }
            Some(Plant::KeysAreForgotten) if !turn.key.as_str().starts_with('~') => {
                let count = self.count.fetch_add(1, Ordering::Relaxed);
                turn.key = format!("{}/{count}", turn.key).into();
            }
            Some(Plant::CompletionIsNotRecorded) => {
                turn.sessions.retain(|record| record.completed.is_none());
            }
            Some(Plant::MissesAreNotCounted) => turn.missed.clear(),
            _ => {}
        }
        turn
    }

    /// Writes an acceptance over one that was committed since it was decided.
    fn win_too(&self, turn: &mut TurnCommit) {
        let facts: Vec<Fact> = codec::decode(&turn.journal).unwrap();
        let Some(Fact::Input { event, .. }) = facts.first() else {
            return;
        };
        let accepts = matches!(
            &event.body,
            EventBody::OperatorActed {
                act: OperatorAct::Accept,
                ..
            }
        );
        let Some(loaded) = now(self.store.load(turn.dialog)) else {
            return;
        };
        let found = loaded.revision;
        let is_taken = Snapshot::decode(&loaded.snapshot)
            .unwrap()
            .holder()
            .is_some();
        if accepts && is_taken && found > turn.expected {
            let mut snapshot = Snapshot::decode(&turn.snapshot).unwrap();
            snapshot.revision = found + 1;
            turn.snapshot = snapshot.encode().unwrap();
            turn.expected = found;
        }
    }

    /// After a turn was committed; these queues had been due before it.
    pub(crate) fn after_turn(&self, turn: &TurnCommit, due: &[DueQueue]) {
        if self.plant != Some(Plant::FreedSlotTriggersNothing) {
            return;
        }
        let waits = turn.row.waits.as_ref().map(|(queue, _)| queue);
        for queue in self.due_queues() {
            if Some(&queue.queue) != waits && !due.contains(&queue) {
                self.calm_down(queue, due);
            }
        }
    }

    /// After an operator's row was saved.
    pub(crate) fn after_operator(&self, due: &[DueQueue]) {
        if self.plant == Some(Plant::ComingTriggersNothing) {
            for queue in self.due_queues() {
                self.calm_down(queue, due);
            }
        }
    }

    /// Makes a queue not due that wasn't before.
    fn calm_down(&self, queue: DueQueue, due: &[DueQueue]) {
        let was_due = due
            .iter()
            .any(|before| before.space == queue.space && before.queue == queue.queue);
        if !was_due {
            now(self.store.distributed(&queue));
        }
    }

    pub(crate) fn planted_due(&self, mut due: Due) -> Due {
        match self.plant {
            Some(Plant::ExpiredOfferIsKept) => due.timers.retain(|timer| timer.name != "offer"),
            Some(Plant::GoingIsMissed) => due.operators.clear(),
            _ => {}
        }
        due
    }

    pub(crate) fn planted_members(
        &self,
        space: &SpaceId,
        mut members: Vec<MemberRow>,
    ) -> Vec<MemberRow> {
        if self.plant == Some(Plant::SpacesShareLoads) {
            for row in members.iter_mut().filter_map(|member| member.row.as_mut()) {
                let others = self.setup.spaces.iter().filter(|other| *other != space);
                for other in others {
                    let there = now(self.store.operator(other, &row.operator.id));
                    row.load += there.map_or(0, |there| there.load);
                }
            }
        }
        members
    }
}
