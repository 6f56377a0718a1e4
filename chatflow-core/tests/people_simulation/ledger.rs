//! A second book of who has what: written from what is committed, and compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chatflow_core::{
    Actor, Assignee, BotId, Choice, CompletionCause, DialogId, DialogRow, EventBody, Fact,
    Handling, MemoryStore, Moment, OperatorAct, OperatorId, OperatorRow, QueueId, Revision,
    SessionRecord, SpaceId, Store, TransferMode, TurnCommit, codec, time,
};
use futures::FutureExt;

use crate::chance::Trace;
use crate::setup::Setup;

/// The longest that a clock moves while people act.
pub(crate) const TICK_MAX_MS: u64 = 1000;

/// A dialog as its last turn left it.
pub(crate) struct Seen {
    pub(crate) bot: BotId,
    pub(crate) space: SpaceId,
    pub(crate) revision: Revision,
    pub(crate) row: DialogRow,
    pub(crate) sessions: BTreeMap<u32, SessionRecord>,
}

pub(crate) struct Ledger {
    setup: Arc<Setup>,
    pub(crate) dialogs: BTreeMap<DialogId, Seen>,
    /// In the order of their first turns.
    pub(crate) of_space: BTreeMap<SpaceId, Vec<DialogId>>,
    pub(crate) held: BTreeMap<(SpaceId, OperatorId), BTreeSet<DialogId>>,
    pub(crate) offered: BTreeMap<(SpaceId, OperatorId), BTreeSet<DialogId>>,
    /// The first thing that was wrong.
    pub(crate) wrong: Option<String>,
    pub(crate) trace: Trace,
    pub(crate) turns: u64,
}

/// What a dialog is as the facts of a turn tell it.
struct Told {
    session: Option<u32>,
    last: u32,
    handling: Option<Handling>,
    assignee: Assignee,
    offered: BTreeSet<OperatorId>,
    missed: BTreeSet<OperatorId>,
    parents: BTreeMap<u32, Option<u32>>,
    completed: BTreeMap<u32, CompletionCause>,
}

/// A question to the store that has its answer at once.
pub(crate) fn now<T, E: std::fmt::Debug>(answer: impl Future<Output = Result<T, E>>) -> T {
    let answer = answer.now_or_never();
    answer
        .expect("memory answers at once")
        .expect("memory doesn't fail")
}

macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(format!($($what)*));
        }
    };
}
pub(crate) use ensure;

impl Ledger {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self {
            setup,
            dialogs: BTreeMap::new(),
            of_space: BTreeMap::new(),
            held: BTreeMap::new(),
            offered: BTreeMap::new(),
            wrong: None,
            trace: Trace::default(),
            turns: 0,
        }
    }

    /// Looks at a turn that was just committed.
    pub(crate) fn look(&mut self, turn: &TurnCommit, store: &MemoryStore) {
        self.turns += 1;
        self.trace.add(&turn.dialog.to_bytes());
        self.trace.add(turn.key.as_str().as_bytes());
        self.trace.add(&turn.journal);
        let facts: Vec<Fact> = codec::decode(&turn.journal).expect("journals can be read");
        let looked = self.compare(turn, &facts, store);
        let place = self.setup.place_of(&turn.bot);
        let space = place.space.clone();
        let before = self.dialogs.get(&turn.dialog);
        let had = before.and_then(|seen| seen.row.holder.clone());
        self.write(turn, space);
        let looked = looked.and_then(|()| self.compare_loads(turn, &facts, had.as_ref(), store));
        if let Err(wrong) = looked
            && self.wrong.is_none()
        {
            let (dialog, event) = (turn.dialog, turn.expected + 1);
            let told: Vec<String> = facts.iter().map(|fact| format!("{fact:?}")).collect();
            let told = told.join("; ");
            self.wrong = Some(format!("{wrong}; dialog {dialog}, turn {event}: {told}"));
        }
    }

    fn write(&mut self, turn: &TurnCommit, space: SpaceId) {
        let before = self.dialogs.get(&turn.dialog);
        let (had, was_offered) = before
            .map(|seen| (seen.row.holder.clone(), seen.row.offered.clone()))
            .unwrap_or_default();
        if before.is_none() {
            let known = self.of_space.entry(space.clone()).or_default();
            known.push(turn.dialog);
        }
        if let Some(had) = had {
            let place = (space.clone(), had);
            self.held.entry(place).or_default().remove(&turn.dialog);
        }
        for operator in was_offered {
            let place = (space.clone(), operator);
            self.offered.entry(place).or_default().remove(&turn.dialog);
        }
        if let Some(has) = &turn.row.holder {
            let place = (space.clone(), has.clone());
            self.held.entry(place).or_default().insert(turn.dialog);
        }
        for operator in &turn.row.offered {
            let place = (space.clone(), operator.clone());
            self.offered.entry(place).or_default().insert(turn.dialog);
        }
        let seen = self.dialogs.entry(turn.dialog).or_insert_with(|| Seen {
            bot: turn.bot.clone(),
            space,
            revision: 0,
            row: turn.row.clone(),
            sessions: BTreeMap::new(),
        });
        seen.revision = turn.expected + 1;
        seen.row = turn.row.clone();
        let sessions = turn.sessions.iter();
        seen.sessions
            .extend(sessions.map(|record| (record.number, record.clone())));
    }

    /// What a turn did against what it says that it did.
    fn compare(
        &self,
        turn: &TurnCommit,
        facts: &[Fact],
        store: &MemoryStore,
    ) -> Result<(), String> {
        let before = self.dialogs.get(&turn.dialog);
        let row = before.map(|seen| &seen.row);
        let Some(Fact::Input { event, now, .. }) = facts.first() else {
            return Err("the journal doesn't begin with the turn's input".to_owned());
        };
        let had = row.and_then(|row| row.holder.as_ref());
        if let EventBody::OperatorActed { operator, act } = &event.body
            && *act == OperatorAct::Accept
        {
            ensure!(had.is_none(), "{operator} accepted what {had:?} has");
            let has = turn.row.holder.as_ref();
            ensure!(
                has == Some(operator),
                "{operator} accepted and {has:?} got it"
            );
        }
        let revision = before.map_or(0, |seen| seen.revision);
        ensure!(
            turn.expected == revision,
            "a turn from revision {} followed one to {revision}",
            turn.expected
        );
        let told = Told::of(before, facts, &event.body)?;
        let after = &turn.row;
        ensure!(told.session == after.session, "an untold change of session");
        ensure!(
            told.handling == after.handling,
            "an untold change of handling"
        );
        ensure!(
            told.assignee == after.assignee,
            "an untold change of assignee"
        );
        let mut offered = told.offered.clone();
        offered.retain(|operator| !after.offered.contains(operator));
        offered.retain(|operator| after.holder.as_ref() != Some(operator));
        let is_told = offered.is_empty() && after.offered.is_subset(&told.offered);
        ensure!(is_told, "an untold change of whom it is offered to");
        let is_offered = after.handling == Some(Handling::Offered);
        ensure!(
            is_offered != after.offered.is_empty(),
            "an offer without its handling, or the other way round"
        );
        let missed: BTreeSet<OperatorId> = turn.missed.iter().cloned().collect();
        ensure!(told.missed == missed, "other misses are counted than told");
        self.compare_sessions(turn, &told, row, &event.body)?;
        if let EventBody::Routed { queue, choice, .. } = &event.body {
            self.compare_choice(turn, queue, choice, *now, store)?;
        }
        Ok(())
    }

    fn compare_sessions(
        &self,
        turn: &TurnCommit,
        told: &Told,
        before: Option<&DialogRow>,
        event: &EventBody,
    ) -> Result<(), String> {
        for (number, cause) in &told.completed {
            let record = turn.sessions.iter().find(|record| {
                let completed = record.completed.as_ref();
                let is_it = |completed: &chatflow_core::Completed| {
                    completed.cause == *cause && completed.turn == turn.expected + 1
                };
                record.number == *number && completed.is_some_and(is_it)
            });
            ensure!(
                record.is_some(),
                "session {number} was completed and its record wasn't"
            );
        }
        for (number, parent) in &told.parents {
            let record = turn.sessions.iter().rev().find(|one| one.number == *number);
            let kept = record.map(|record| record.parent);
            ensure!(
                kept == Some(*parent),
                "session {number} comes from {parent:?} and its record says {kept:?}"
            );
        }
        let mut sessions = self
            .dialogs
            .get(&turn.dialog)
            .map(|seen| seen.sessions.clone())
            .unwrap_or_default();
        sessions.extend(turn.sessions.iter().map(|one| (one.number, one.clone())));
        let open: Vec<u32> = sessions
            .values()
            .filter(|record| record.completed.is_none())
            .map(|record| record.number)
            .collect();
        let shown: Vec<u32> = turn.row.session.into_iter().collect();
        ensure!(
            open == shown,
            "sessions {open:?} are open and {shown:?} is shown"
        );
        if let EventBody::OperatorActed { act, .. } = event
            && let OperatorAct::Transfer { mode, .. } = act
        {
            let of_bot = self.setup.place_of(&turn.bot).behaviour.transfer;
            let was = before.and_then(|row| row.session);
            let is = turn.row.session;
            let (is_child, parent) = match is {
                Some(is) if is != was.unwrap_or(0) => (true, sessions[&is].parent),
                _ => (false, was),
            };
            ensure!(
                parent == was,
                "a transfer lost the parent: {was:?}, and the record says {parent:?}"
            );
            let wants_child = mode.unwrap_or(of_bot) == TransferMode::ChildSession;
            ensure!(
                is_child == wants_child,
                "a transfer in another mode than asked"
            );
        }
        Ok(())
    }

    /// Whether those chosen were to be chosen.
    fn compare_choice(
        &self,
        turn: &TurnCommit,
        queue: &QueueId,
        choice: &Choice,
        at: Moment,
        store: &MemoryStore,
    ) -> Result<(), String> {
        let space = &self.setup.place_of(&turn.bot).space;
        let row = now(store.queue(space, queue)).ok_or("a queue that nobody saved was routed")?;
        let chosen: Vec<&OperatorId> = match choice {
            Choice::Assign(operator) => vec![operator],
            Choice::Offer(to) => to.iter().collect(),
            Choice::Busy | Choice::Away | Choice::PassTo(_) => Vec::new(),
        };
        for operator in chosen {
            let is_member = row.queue.members.contains(operator);
            ensure!(
                is_member,
                "{operator} was chosen and is no member of {queue}"
            );
            let there = now(store.operator(space, operator)).is_some_and(|row_of| {
                // The choice may have been made a moment before.
                let by = row.queue.available_by;
                let before = time::from_millis(time::to_millis(at) - 2 * TICK_MAX_MS as i64);
                row_of.operator.is_there(by, at) || row_of.operator.is_there(by, before)
            });
            ensure!(there, "{operator} was chosen by {queue} and isn't there");
        }
        Ok(())
    }

    fn compare_loads(
        &self,
        turn: &TurnCommit,
        facts: &[Fact],
        had: Option<&OperatorId>,
        store: &MemoryStore,
    ) -> Result<(), String> {
        let space = &self.setup.place_of(&turn.bot).space;
        let Some(holder) = &turn.row.holder else {
            return Ok(());
        };
        let Some(row) = now(store.operator(space, holder)) else {
            return Ok(());
        };
        self.compare_load(&row)?;
        let Some(Fact::Input { event, .. }) = facts.first() else {
            return Ok(());
        };
        let refusable = matches!(
            event.body,
            EventBody::Routed { .. } | EventBody::OperatorActed { .. }
        );
        // What the contact or the flow itself brings may be too much; it isn't refused.
        if refusable && had != Some(holder) {
            let most = self.capacity(&row, turn.row.queue.as_ref(), &turn.bot, store);
            ensure!(
                row.load <= most,
                "{holder} has {} dialogs of at most {most}",
                row.load
            );
        }
        Ok(())
    }

    /// Most dialogs that an operator may have.
    pub(crate) fn capacity(
        &self,
        operator: &OperatorRow,
        queue: Option<&QueueId>,
        bot: &BotId,
        store: &MemoryStore,
    ) -> u32 {
        let space = &operator.operator.space;
        // As the list of colleagues counts what came through no queue.
        let queue = queue.or_else(|| self.setup.place_of(bot).behaviour.queue.as_ref());
        let of_queue = queue.and_then(|queue| now(store.queue(space, queue)));
        let of_queue = of_queue.and_then(|row| row.queue.capacity);
        let of_bot = self.setup.place_of(bot).behaviour.operator_capacity;
        operator.operator.capacity.or(of_queue).unwrap_or(of_bot)
    }

    /// Whether the store's count of what an operator has is right.
    pub(crate) fn compare_load(&self, row: &OperatorRow) -> Result<(), String> {
        let operator = &row.operator;
        let held = self
            .held
            .get(&(operator.space.clone(), operator.id.clone()));
        let held = held.map_or(0, BTreeSet::len);
        ensure!(
            row.load as usize == held,
            "the store counts {} dialogs of {} in {}, and there are {held}",
            row.load,
            operator.id,
            operator.space
        );
        Ok(())
    }
}

impl Told {
    /// Reads the facts of a turn one after the other: each must begin where the one before ended.
    fn of(before: Option<&Seen>, facts: &[Fact], event: &EventBody) -> Result<Self, String> {
        let row = before.map(|seen| &seen.row);
        let mut told = Self {
            session: row.and_then(|row| row.session),
            last: before.map_or(0, |seen| {
                seen.sessions.keys().next_back().copied().unwrap_or(0)
            }),
            handling: row.and_then(|row| row.handling),
            assignee: row.map(|row| row.assignee.clone()).unwrap_or_default(),
            offered: row.map(|row| row.offered.clone()).unwrap_or_default(),
            missed: BTreeSet::new(),
            parents: BTreeMap::new(),
            completed: BTreeMap::new(),
        };
        facts.iter().try_for_each(|fact| told.take(fact, event))?;
        Ok(told)
    }

    fn take(&mut self, fact: &Fact, event: &EventBody) -> Result<(), String> {
        let actor = match fact {
            Fact::SessionOpened {
                number,
                parent,
                handling,
                actor,
            } => {
                ensure!(
                    self.session.is_none(),
                    "a session was opened beside another"
                );
                ensure!(
                    *number == self.last + 1,
                    "session {number} follows {}",
                    self.last
                );
                let from = (self.last > 0).then_some(self.last);
                ensure!(
                    *parent == from,
                    "session {number} has lost its parent {from:?}"
                );
                self.last = *number;
                self.session = Some(*number);
                self.handling = Some(*handling);
                self.parents.insert(*number, *parent);
                actor
            }
            Fact::SessionReopened {
                number,
                handling,
                actor,
            } => {
                ensure!(
                    self.session.is_none(),
                    "a session was reopened beside another"
                );
                ensure!(
                    *number == self.last,
                    "session {number} was reopened after {}",
                    self.last
                );
                self.session = Some(*number);
                self.handling = Some(*handling);
                actor
            }
            Fact::SessionCompleted {
                number,
                cause,
                actor,
            } => {
                ensure!(
                    self.session == Some(*number),
                    "session {number} wasn't open"
                );
                let is_right = match event {
                    EventBody::OperatorActed { act, .. } => match act {
                        OperatorAct::Complete => *cause == CompletionCause::ByHand,
                        OperatorAct::Transfer { .. } => *cause == CompletionCause::Transferred,
                        _ => *cause == CompletionCause::HandedOver,
                    },
                    EventBody::TimerFired { name, .. } if name == "session" => {
                        *cause == CompletionCause::Timeout
                    }
                    _ => *cause == CompletionCause::HandedOver,
                };
                ensure!(is_right, "completed with cause {cause:?}");
                self.session = None;
                self.handling = None;
                self.completed.insert(*number, *cause);
                actor
            }
            Fact::HandlingChanged { from, to, actor } => {
                ensure!(self.handling == Some(*from) && from != to, "handling jumps");
                self.handling = Some(*to);
                actor
            }
            Fact::AssigneeChanged { from, to, actor } => {
                ensure!(self.assignee == *from && from != to, "the assignee jumps");
                self.assignee = to.clone();
                actor
            }
            Fact::Queued { actor, .. } => actor,
            Fact::Offered { to, .. } => {
                self.offered.extend(to.iter().cloned());
                return Ok(());
            }
            Fact::OfferEnded { to, how } => {
                ensure!(
                    to.is_subset(&self.offered),
                    "an offer ended that nobody had"
                );
                self.offered.retain(|operator| !to.contains(operator));
                if *how == chatflow_core::OfferEnd::Expired {
                    self.missed.extend(to.iter().cloned());
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        ensure!(is_actor(event, actor), "{actor:?} is said to have done it");
        Ok(())
    }
}

/// Whether an event's change can be this actor's.
fn is_actor(event: &EventBody, actor: &Actor) -> bool {
    match (event, actor) {
        (EventBody::OperatorActed { operator, .. }, Actor::Operator(actor)) => operator == actor,
        // Automation goes on since somebody gave it the dialog.
        (EventBody::OperatorActed { act, .. }, Actor::Step(_)) => {
            matches!(act, OperatorAct::Set(_))
        }
        (EventBody::Routed { queue, .. }, Actor::Queue(actor)) => queue == actor,
        (EventBody::OperatorLeft { operator, .. }, Actor::Absence(actor)) => operator == actor,
        (EventBody::TimerFired { name, .. }, Actor::Timer(actor)) => name == actor,
        (EventBody::MessageReceived(_), Actor::Contact | Actor::Step(_)) => true,
        _ => false,
    }
}
