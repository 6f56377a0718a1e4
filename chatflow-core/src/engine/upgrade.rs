//! Dialogs that leave an older version of their flow.
//!
//! A turn looks at this first, before its event: where a newer version of the flow says so, the
//! dialog is placed in that, and the event is handled there. What was to be entered anew is
//! entered by the event itself where that is a message, and else after it, in the same turn:
//!
//! - **A message doesn't answer a question that it hasn't seen.** It comes to a step that is still
//!   to be entered: a question asks and leaves it, a router takes it.
//! - **What an operator decides comes first.** Where he takes over in this very turn, or we learn
//!   that nothing can be sent, nothing is said; the step is entered when automation goes on.
//! - **A call's answer and a time-out of the step that was left are over** when they come in the
//!   turn that leaves it.

use crate::dialog::{
    Actor, Automation, EventBody, Fact, Phase, Position, Resolved, Snapshot, UpgradeKind,
};
use crate::engine::turn::Turn;
use crate::flow::{Config, STEP_TIMER, Stranded, Way};

/// Name of a push's timer, before its number.
const PUSH_TIMERS: &str = "push:";

/// What leaving a version has decided about the rest of the turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Led {
    /// The turn's event belonged to what was left.
    pub(super) is_over: bool,
    /// Steps run from the new place.
    is_entered: bool,
}

/// Whether a config leads the dialog out of its version.
pub(super) fn leaves(config: &Config, snapshot: &Snapshot) -> bool {
    snapshot.position.as_ref().is_some_and(|position| {
        let way = config.way(&position.flow, position.version, &position.step);
        way.leaves()
    })
}

impl Turn<'_> {
    /// Places the dialog in the newest version of its flow, where that says so.
    pub(super) fn leave_old_version(&mut self) -> Led {
        let config = self.config;
        let Some(position) = &mut self.snapshot.position else {
            self.drop_pins();
            return Led::default();
        };
        let from = config.resolve(position);
        if let Some(at) = from.filter(|from| config.is_newest(from.flow)) {
            self.note_pins();
            return self.mend(at);
        }
        let way = config.way(&position.flow, position.version, &position.step);
        let Some(kind) = way.kind().filter(|_| way.leaves()) else {
            self.note_pins();
            return from.map_or_else(Led::default, |at| self.mend(at));
        };
        let led = matches!(
            self.snapshot.automation,
            Automation::Auto | Automation::Waiting
        );
        let is_entered = led && self.snapshot.can_send();
        let was_awaited = self.is_awaited();
        self.tell_left(kind);
        let runs = self.place_in_newest(way, from, led);
        self.note_pins();
        Led {
            is_over: self.is_over(was_awaited),
            is_entered: is_entered && runs,
        }
    }

    /// Whether the turn's event was set before the dialog was placed, and isn't any more.
    fn is_over(&mut self, was_awaited: bool) -> bool {
        let is_over = was_awaited && !self.is_awaited();
        if is_over && matches!(self.event.body, EventBody::StepPanicked(_)) {
            self.panicked = true;
        }
        is_over
    }

    /// Where the step was edited in place: it is entered again if the exit is gone by which the
    /// dialog passed it, and a question's time-out is over if it has none any more.
    fn mend(&mut self, at: Resolved) -> Led {
        let step = self.config.step(at);
        let Some(position) = &mut self.snapshot.position else {
            return Led::default();
        };
        if let Phase::Passed(exit) = &position.phase
            && !step.exits.iter().any(|(name, _)| **name == **exit)
        {
            self.stand_before(at);
            return Led::default();
        }
        let was_awaited = self.is_awaited();
        if step.kind.waits_for_answer()
            && step.timeout.is_none()
            && self.snapshot.timers.contains_key(STEP_TIMER)
        {
            self.drop_timeout();
        }
        Led {
            is_over: self.is_over(was_awaited),
            is_entered: false,
        }
    }

    /// Enters the step where the dialog was placed, unless the event has changed that.
    pub(super) fn enter_where_led(&mut self, led: Led) {
        // A bot that is paused begins nothing, and what is held for the flow enters by itself.
        let waits = matches!(self.event.body, EventBody::WhilePaused(_));
        let has_run = |fact: &Fact| matches!(fact, Fact::StepEntered { .. });
        if !led.is_entered
            || waits
            || !self.snapshot.held.is_empty()
            || self.scratch.facts.iter().any(has_run)
        {
            return;
        }
        if self.snapshot.automation == Automation::Waiting {
            self.set_automation(Actor::Deploy, Automation::Auto, None);
        }
        if self.may_run() {
            self.run_entry();
        }
    }

    /// Where the flow that called goes on, once it is where the dialog stands; and whether it
    /// enters that step. None where an operator has taken over.
    pub(super) fn lead_caller(&mut self) -> Option<(Resolved, bool)> {
        let config = self.config;
        let position = self.snapshot.position.as_mut()?;
        let from = config.resolve(position);
        let way = config.way(&position.flow, position.version, &position.step);
        let (kind, from) = match (way, from) {
            (Way::Newest | Way::Stays(_), Some(at)) => return Some((at, false)),
            (way, from) => (way.kind()?, from),
        };
        self.tell_left(kind);
        match way {
            Way::On(at) if from.is_some_and(|from| config.agree(from, at)) => {
                self.stand_at(at, Phase::Inside);
                Some((at, false))
            }
            Way::On(at) | Way::Enter(_, at) => Some((at, true)),
            Way::Newest | Way::Stays(_) | Way::Person(_) | Way::Stranded(_) => {
                let at = match way {
                    Way::Person(at) | Way::Stranded(Some(at)) => Some(at),
                    _ => None,
                };
                self.give_to_person(at);
                None
            }
        }
    }

    /// A way into a flow, for a dialog that may be pinned to another version of it.
    pub(super) fn redirect(&self, to: Resolved) -> Resolved {
        self.config.redirect(&self.snapshot.pins, to)
    }

    fn tell_left(&mut self, policy: UpgradeKind) {
        let Some(position) = &self.snapshot.position else {
            return;
        };
        let newest = self.config.newest_version(&position.flow);
        self.scratch.facts.push(Fact::VersionLeft {
            flow: position.flow.clone(),
            from: position.version,
            // Of a flow that is gone there is no other.
            to: newest.unwrap_or(position.version),
            step: position.step.clone(),
            policy,
        });
    }

    /// Places the dialog. Says whether steps are to run from there, where automation leads.
    fn place_in_newest(&mut self, way: Way, from: Option<Resolved>, led: bool) -> bool {
        match way {
            Way::Newest | Way::Stays(_) => false,
            Way::On(at) => !self.go_on_at(from, at),
            Way::Enter(_, at) => {
                self.stand_before(at);
                true
            }
            Way::Person(at) => {
                // Where its step is gone the entry stands in, and that it was never inside.
                let stood = self.snapshot.position.as_ref().map(|at| &at.step);
                if stood == Some(&self.config.step(at).name) {
                    self.go_on_at(from, at);
                } else {
                    self.stand_before(at);
                }
                self.hand_over(led);
                false
            }
            Way::Stranded(at) => match self.config.behaviour().stranded {
                Stranded::ToManual => {
                    self.leave_step();
                    match at {
                        Some(at) => self.stand_at(at, Phase::Before),
                        None => self.leave_flow(),
                    }
                    self.hand_over(led);
                    false
                }
                Stranded::RestartEntryFlow => {
                    self.leave_step();
                    self.leave_flow();
                    true
                }
            },
        }
    }

    /// Goes on at a step like the one where it stands; the step's time-out stays when it is. Says
    /// whether it could: before a step of another kind the dialog is placed.
    fn go_on_at(&mut self, from: Option<Resolved>, at: Resolved) -> bool {
        let config = self.config;
        let step = config.step(at);
        let agrees = from.is_some_and(|from| config.agree(from, at));
        let Some(position) = &mut self.snapshot.position else {
            return false;
        };
        let goes_on = match &position.phase {
            Phase::Before => {
                self.stand_at(at, Phase::Before);
                return true;
            }
            Phase::Inside => agrees,
            Phase::Passed(exit) => agrees && step.exits.iter().any(|(name, _)| **name == **exit),
        };
        if !goes_on {
            self.stand_before(at);
            return false;
        }
        let waits = match position.phase {
            Phase::Inside => step.kind.waits_for_answer(),
            _ => self.snapshot.automation == Automation::Waiting,
        };
        let flow = config.flow(at.flow);
        position.version = flow.version;
        position.step = step.name.clone();
        position.resolved = Some(at);
        // Other steps set their time themselves, whatever the flow says of a time-out.
        let has_due = position.due.is_some();
        if waits && step.timeout.is_none() {
            self.drop_timeout();
        } else if waits && !has_due && self.snapshot.automation.drives() {
            self.set_timeout(step);
        }
        // Which push is which can't be told where there are more or fewer of them.
        let pushes = from.map(|from| config.step(from).pushes.len());
        if pushes != Some(step.pushes.len()) {
            self.cancel_pushes();
        }
        true
    }

    fn drop_timeout(&mut self) {
        self.cancel_timer(STEP_TIMER);
        if let Some(position) = &mut self.snapshot.position {
            position.due = None;
        }
    }

    fn stand_before(&mut self, at: Resolved) {
        self.leave_step();
        self.stand_at(at, Phase::Before);
    }

    fn stand_at(&mut self, at: Resolved, phase: Phase) {
        let flow = self.config.flow(at.flow);
        let step = self.config.step(at).name.clone();
        let mut position = Position::new(flow.id.clone(), flow.version, step);
        position.phase = phase;
        position.resolved = Some(at);
        if let Some(before) = self.snapshot.position.take() {
            position.calls = before.calls;
        }
        self.snapshot.position = Some(position);
    }

    /// What the step that is left had begun is over.
    fn leave_step(&mut self) {
        self.cancel_timer(STEP_TIMER);
        self.cancel_pushes();
        self.forget_call();
    }

    /// Leaves the flow and those that wait for it: what comes next is the entry flow.
    fn leave_flow(&mut self) {
        self.drop_calls();
        self.snapshot.position = None;
    }

    fn cancel_pushes(&mut self) {
        let names = self.snapshot.timers.keys();
        let pushes: Vec<String> = names
            .filter(|name| name.starts_with(PUSH_TIMERS))
            .cloned()
            .collect();
        for name in pushes {
            self.cancel_timer(&name);
        }
    }

    /// A person takes over where automation led.
    fn hand_over(&mut self, led: bool) {
        if led {
            self.set_automation(Actor::Deploy, Automation::Manual, None);
        }
    }

    fn give_to_person(&mut self, at: Option<Resolved>) {
        match at {
            Some(at) => self.stand_before(at),
            None => self.leave_flow(),
        }
        self.hand_over(true);
    }

    /// Remembers the versions that the dialog is pinned to, while it stands in them or a flow in
    /// them waits: it may leave the flow in this turn and come back in another.
    fn note_pins(&mut self) {
        self.drop_pins();
        let config = self.config;
        if !config.has_older() {
            return;
        }
        let Some(position) = &self.snapshot.position else {
            return;
        };
        let frames = position.calls.iter().map(|at| (&at.flow, at.version));
        for (flow, version) in frames.chain([(&position.flow, position.version)]) {
            if config.pin_holds(flow, version) {
                self.snapshot.pins.insert(flow.clone(), version);
            }
        }
    }

    /// Forgets what no version says any more.
    fn drop_pins(&mut self) {
        let config = self.config;
        let pins = &mut self.snapshot.pins;
        pins.retain(|flow, version| config.pin_holds(flow, *version));
    }

    /// Whether the event speaks of a timer or a call that is set.
    fn is_awaited(&self) -> bool {
        let body = match &self.event.body {
            EventBody::StepPanicked(body) => body,
            body => body,
        };
        match body {
            EventBody::TimerFired { name, .. } => self.snapshot.timers.contains_key(name),
            EventBody::CallAnswered { call, .. } => {
                let of_step = self.snapshot.call.as_ref().map(|pending| pending.id);
                // What nobody waits for any more has still cost something.
                let beside = self.snapshot.side_calls.iter().map(|side| side.id);
                of_step.into_iter().chain(beside).any(|id| id == *call)
            }
            _ => false,
        }
    }
}
