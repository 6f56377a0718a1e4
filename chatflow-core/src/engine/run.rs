//! Running steps within a turn, until one waits.

use std::collections::BTreeMap;

use crate::dialog::{
    Actor, Assignee, Attention, Automation, CallFailure, ErrorKind, Fact, HeldMessage, Message,
    Moment, Phase, Position, QueueTerms, Resolved, Session, SessionRecord, SideCall, TimerChange,
    TimerSet, TranslateTo, Value,
};
use crate::engine::calls::Back;
use crate::engine::outside::EXIT_FAILURE;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledKind, CompiledPush, CompiledStep, EXIT_NEXT, EXIT_TIMEOUT, FinishStatus, Outcome,
    STEP_TIMER, WaitingEntry,
};

/// What brings automation to run.
#[derive(Debug, Clone, Copy)]
enum Cause<'a> {
    /// The contact began again.
    Again,
    Message(&'a Message),
    Entry,
    Timeout,
    Answer(&'a Result<Value, CallFailure>),
    /// The step is begun once more, after an error.
    Anew,
    /// A person has given the dialog back: what was asked is asked again, what was passed is gone
    /// on from.
    On,
    /// The contact is silent.
    Push(&'a CompiledPush),
}

/// What a step has decided.
pub(super) enum Verdict {
    /// Stay.
    Wait,
    /// Leave through the exit with this index.
    Exit(usize),
    /// End with this status, staying at the step.
    End(Automation),
    /// The outside failed: the dialog shows this, or becomes Manual; what was done stays.
    Fail(Automation),
    /// Go on in another flow.
    Go(Resolved),
    /// Go through another flow and come back.
    Call(Resolved),
}

/// Where a step that was left leads.
enum Way {
    /// To a step, which is entered.
    Enter(Resolved),
    /// Back to the step that called this flow, and what that does in its turn.
    Back(Resolved, Verdict),
    /// Nowhere: the dialog stays.
    Stay,
}

/// What is needed to undo what steps did.
struct Mark {
    facts: usize,
    effects: usize,
    data_before: usize,
    position: Option<Position>,
    attention: Attention,
    held: Vec<HeldMessage>,
    side_calls: Vec<SideCall>,
    translate: TranslateTo,
    assignee: Assignee,
    session: Option<Session>,
    last_session: Option<SessionRecord>,
    completed: usize,
    wants_manager: Option<Moment>,
    terms: Option<QueueTerms>,
    given_now: bool,
    timers: BTreeMap<String, TimerSet>,
    timer_changes: Vec<TimerChange>,
    automation: Automation,
}

impl Turn<'_> {
    /// The contact wrote and automation leads.
    pub(crate) fn run_message(&mut self, message: &Message) {
        self.run(Cause::Message(message));
    }

    /// A person placed the dialog before a step and automation leads.
    pub(crate) fn run_entry(&mut self) {
        self.run(Cause::Entry);
    }

    /// The contact began again: what awaits an answer is asked once more.
    pub(crate) fn run_again(&mut self) {
        self.run(Cause::Again);
    }

    /// The step's time is over.
    pub(crate) fn run_timeout(&mut self) {
        self.run(Cause::Timeout);
    }

    /// The step's call was answered.
    pub(crate) fn run_answer(&mut self, answer: &Result<Value, CallFailure>) {
        self.run(Cause::Answer(answer));
    }

    /// The step is begun once more.
    pub(crate) fn run_anew(&mut self) {
        self.run(Cause::Anew);
    }

    /// Automation goes on where it stood.
    pub(crate) fn run_on(&mut self) {
        self.run(Cause::On);
    }

    /// Says what a contact is to hear who is silent. Neither status nor step changes.
    pub(crate) fn run_push(&mut self, push: &CompiledPush) {
        self.run(Cause::Push(push));
    }

    /// Runs steps until one waits or the flow ends. On an error everything the steps did is
    /// undone, and the dialog shows Error.
    fn run(&mut self, cause: Cause<'_>) {
        // What an earlier run of this turn did stays, whatever becomes of this one.
        self.scratch.contact_before = None;
        let mark = Mark {
            facts: self.scratch.facts.len(),
            effects: self.scratch.effects.len(),
            data_before: self.scratch.data_before.len(),
            position: self.snapshot.position.clone(),
            attention: self.snapshot.attention.clone(),
            held: self.snapshot.held.clone(),
            side_calls: self.snapshot.side_calls.clone(),
            assignee: self.snapshot.assignee.clone(),
            session: self.snapshot.session.clone(),
            last_session: self.snapshot.last_session.clone(),
            completed: self.completed.len(),
            wants_manager: self.snapshot.wants_manager,
            terms: self.snapshot.terms.clone(),
            given_now: self.given_now,
            translate: self.snapshot.translate.clone(),
            timers: self.snapshot.timers.clone(),
            timer_changes: self.scratch.timers.clone(),
            automation: self.snapshot.automation,
        };
        let result = if self.panicked {
            Err(ErrorKind::StepPanicked)
        } else {
            self.steps(cause)
        };
        let fails = result.is_err() || matches!(self.snapshot.automation, Automation::Error(_));
        if !fails && !self.has_asked() {
            // It got on: another error is another one.
            self.snapshot.retries = 0;
        }
        if let Err(error) = result {
            let step = self
                .snapshot
                .position
                .as_ref()
                .map(|position| position.step.clone());
            self.undo(mark);
            self.scratch.facts.push(Fact::TurnUndone { error, step });
            self.set_automation(Actor::Engine, Automation::Error(error), None);
        }
    }

    fn undo(&mut self, mark: Mark) {
        self.scratch.facts.truncate(mark.facts);
        self.scratch.effects.truncate(mark.effects);
        self.scratch.timers = mark.timer_changes;
        self.scratch.pending_call = None;
        for before in self.scratch.data_before.drain(mark.data_before..).rev() {
            before.restore(&mut self.snapshot.data);
        }
        if let Some(contact) = self.scratch.contact_before.take() {
            self.snapshot.contact = contact;
        }
        self.snapshot.position = mark.position;
        self.snapshot.attention = mark.attention;
        self.snapshot.held = mark.held;
        self.snapshot.side_calls = mark.side_calls;
        self.snapshot.assignee = mark.assignee;
        self.snapshot.session = mark.session;
        self.snapshot.last_session = mark.last_session;
        self.completed.truncate(mark.completed);
        self.snapshot.wants_manager = mark.wants_manager;
        self.snapshot.terms = mark.terms;
        self.given_now = mark.given_now;
        self.snapshot.translate = mark.translate;
        self.snapshot.timers = mark.timers;
        self.snapshot.automation = mark.automation;
    }

    fn steps(&mut self, cause: Cause<'_>) -> Result<(), ErrorKind> {
        let config = self.config;
        if let Cause::Push(push) = cause {
            return push.items.iter().try_for_each(|item| self.say_item(item));
        }
        // What came while the step was busy goes to the one after it.
        let kept = match cause {
            Cause::Timeout | Cause::Answer(_) if self.hands_on() => self.take_held(),
            _ => None,
        };
        let kept = kept.map(|held| held.message);
        if kept.is_some() {
            self.inbound.clone_from(&kept);
        }
        let mut unconsumed = match cause {
            Cause::Message(message) => Some(message),
            _ => kept.as_ref(),
        };
        let (mut at, phase) = match &mut self.snapshot.position {
            Some(position) => {
                let at = config.resolve(position).ok_or(ErrorKind::StepMissing)?;
                (at, position.phase.clone())
            }
            None => (self.redirect(config.entry()), Phase::Before),
        };
        let mut step = config.step(at);
        let mut verdict = match (phase, cause) {
            (Phase::Inside, Cause::Again) => {
                if let CompiledKind::Ask(ask) = &step.kind {
                    let question = self.question(ask, &ask.question)?;
                    self.say(question)?;
                }
                self.wait(step);
                return Ok(());
            }
            // The turn hands it on like a message.
            (Phase::Before | Phase::Passed(_), Cause::Again) => return Ok(()),
            (Phase::Inside, Cause::Anew | Cause::On) => match &step.kind {
                // It ends when it was to end.
                CompiledKind::Delay(_) => {
                    self.rearm();
                    return Ok(());
                }
                // Nobody knows whether it was done.
                CompiledKind::Webhook(_) => exit_index(step, EXIT_FAILURE)?,
                _ => self.enter(at, step, &mut unconsumed)?,
            },
            // What it said or did is to be said or done once more.
            (Phase::Passed(_), Cause::Anew) => self.enter(at, step, &mut unconsumed)?,
            (Phase::Before, _) => self.enter(at, step, &mut unconsumed)?,
            (Phase::Passed(exit), Cause::Message(message)) => match &step.kind {
                // A router passed with Waiting or Manual routes the next message itself.
                CompiledKind::Keywords { .. }
                | CompiledKind::Router(_)
                | CompiledKind::AiRoute { .. } => {
                    unconsumed = None;
                    self.receive(step, message)?
                }
                _ => Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?),
            },
            // It was passed with Waiting, and a model routes the message that ended that.
            (Phase::Passed(_), Cause::Answer(answer))
                if matches!(step.kind, CompiledKind::AiRoute { .. }) =>
            {
                self.answered(step, answer)?
            }
            (Phase::Passed(_), Cause::Timeout) if step.timeout.is_some() => {
                exit_index(step, EXIT_TIMEOUT)?
            }
            (Phase::Passed(exit), _) => {
                Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?)
            }
            (Phase::Inside, Cause::Message(message)) => {
                self.receive_inside(at, step, message, &mut unconsumed)?
            }
            (Phase::Inside, Cause::Timeout) => self.timed_out(step)?,
            (Phase::Inside, Cause::Answer(answer)) => self.answered(step, answer)?,
            (Phase::Inside, Cause::Entry | Cause::Push(_)) => Verdict::Wait,
        };
        // A passed step doesn't give its finish status a second time.
        let mut passed_before = self
            .snapshot
            .position
            .as_ref()
            .is_some_and(|position| matches!(position.phase, Phase::Passed(_)));
        for _ in 0..config.settings().limits.steps_per_turn {
            match verdict {
                Verdict::Wait => {
                    if let Some(message) = unconsumed {
                        self.keep_for_next(step, message, kept.is_some());
                    }
                    self.wait(step);
                    return Ok(());
                }
                // A flow that was called is over; its caller goes on.
                Verdict::End(Automation::Finished) if self.is_called() => {
                    self.cancel_step_timers();
                    self.forget_call();
                    let Back::To(caller, next) = self.back()? else {
                        return Ok(());
                    };
                    at = caller;
                    step = config.step(at);
                    passed_before = false;
                    verdict = next;
                }
                Verdict::End(automation) => {
                    self.end(step, automation);
                    return Ok(());
                }
                Verdict::Fail(automation) => {
                    if let Some(position) = &mut self.snapshot.position {
                        position.phase = Phase::Inside;
                    }
                    self.set_automation(Actor::Engine, automation, None);
                    return Ok(());
                }
                Verdict::Exit(exit) => match self.leave(at, step, exit, passed_before)? {
                    Way::Stay => return Ok(()),
                    Way::Enter(next) => {
                        at = next;
                        step = config.step(at);
                        passed_before = false;
                        verdict = self.enter(at, step, &mut unconsumed)?;
                    }
                    Way::Back(caller, next) => {
                        at = caller;
                        step = config.step(at);
                        passed_before = false;
                        verdict = next;
                    }
                },
                Verdict::Go(next) => {
                    self.cancel_step_timers();
                    self.drop_calls();
                    at = self.redirect(next);
                    step = config.step(at);
                    passed_before = false;
                    verdict = self.enter(at, step, &mut unconsumed)?;
                }
                Verdict::Call(next) => {
                    at = self.redirect(next);
                    step = config.step(at);
                    passed_before = false;
                    verdict = self.enter(at, step, &mut unconsumed)?;
                }
            }
        }
        Err(ErrorKind::StepLimit)
    }

    /// Stays at a step until something happens.
    fn wait(&mut self, step: &CompiledStep) {
        let has_asked = self.has_asked();
        if let Some(position) = &mut self.snapshot.position
            && !(has_asked && matches!(position.phase, Phase::Passed(_)))
        {
            position.phase = Phase::Inside;
        }
        // A step that has asked the outside waits for that, and one that will speak for its time;
        // neither for the contact.
        let awaits = !self.has_asked() && !self.is_busy(step);
        if awaits {
            self.plan_step_pushes(step);
        }
        let shows = self.config.behaviour().waiting_entry == WaitingEntry::AlsoWhenStepAwaitsInput;
        if awaits && shows {
            let actor = Actor::Step(step.name.clone());
            self.set_automation(actor, Automation::Waiting, None);
        }
    }

    /// Whether a call's answer is awaited.
    pub(super) fn has_asked(&self) -> bool {
        self.scratch.pending_call.is_some() || self.snapshot.call.is_some()
    }

    /// Whether a step stays because it isn't done, and not for the contact to say something.
    fn is_busy(&self, step: &CompiledStep) -> bool {
        match &step.kind {
            CompiledKind::Delay(_) => true,
            CompiledKind::Send(_) | CompiledKind::AiReply { .. } => {
                self.snapshot.timers.contains_key(STEP_TIMER)
            }
            _ => false,
        }
    }

    /// Passes a step, and says where that leads.
    fn leave(
        &mut self,
        at: Resolved,
        step: &CompiledStep,
        exit: usize,
        passed_before: bool,
    ) -> Result<Way, ErrorKind> {
        let (name, target) = &step.exits[exit];
        self.cancel_step_timers();
        self.forget_call();
        let unanswered = matches!(step.kind, CompiledKind::Ask(_)) && &**name != EXIT_NEXT;
        if unanswered && target.is_none() {
            // A question nobody answered wants a person. The dialog stays inside it: once
            // automation goes on, the next message is taken as an answer again.
            if let Some(position) = &mut self.snapshot.position {
                position.asked_again = 0;
            }
            self.end(step, Automation::Manual);
            return Ok(Way::Stay);
        }
        if !passed_before {
            self.pass(step, name);
        }
        if let Some(position) = &mut self.snapshot.position {
            position.phase = Phase::Passed(name.to_string());
            position.due = None;
        }
        let own = match step.finish_by(name) {
            Some(FinishStatus::Finished) => Some(FinishStatus::Finished),
            Some(status) if !passed_before && status != FinishStatus::Auto => Some(status),
            _ => None,
        };
        // Without a way on, the flow is over.
        let is_over = own.is_none() && target.is_none();
        if is_over || own == Some(FinishStatus::Finished) {
            match self.back()? {
                Back::To(caller, next) => return Ok(Way::Back(caller, next)),
                Back::Person => return Ok(Way::Stay),
                Back::Nobody => {}
            }
        }
        let by_default = self.config.behaviour().default_finish;
        let finish = own.or_else(|| is_over.then_some(by_default));
        match finish {
            Some(FinishStatus::Finished) => self.end(step, Automation::Finished),
            Some(FinishStatus::Manual) => self.end(step, Automation::Manual),
            Some(FinishStatus::Waiting) => {
                self.end(step, Automation::Waiting);
                self.set_timeout(step);
                self.plan_step_pushes(step);
            }
            // A flow that ends as Auto has nowhere to go on: it begins again with the next
            // message.
            Some(FinishStatus::Auto) if target.is_none() => self.snapshot.position = None,
            _ => {
                let to = target.map(|target| self.config.at(at.flow, target));
                return Ok(to.map_or(Way::Stay, Way::Enter));
            }
        }
        Ok(Way::Stay)
    }

    pub(super) fn pass(&mut self, step: &CompiledStep, exit: &str) {
        self.scratch.facts.push(Fact::StepPassed {
            step: step.name.clone(),
            exit: exit.to_owned(),
        });
    }

    fn end(&mut self, step: &CompiledStep, automation: Automation) {
        self.set_automation(Actor::Step(step.name.clone()), automation, None);
    }
}

fn exit_named(step: &CompiledStep, name: &str) -> Option<usize> {
    step.exits.iter().position(|(exit, _)| &**exit == name)
}

pub(super) fn exit_index(step: &CompiledStep, name: &str) -> Result<Verdict, ErrorKind> {
    exit_named(step, name)
        .map(Verdict::Exit)
        .ok_or(ErrorKind::UndeclaredExit)
}

pub(super) fn outcome_to_verdict(
    step: &CompiledStep,
    outcome: Outcome,
) -> Result<Verdict, ErrorKind> {
    match outcome {
        Outcome::Wait | Outcome::Receive => Ok(Verdict::Wait),
        Outcome::Exit(name) => exit_index(step, &name),
        Outcome::Complete => Ok(Verdict::End(Automation::Finished)),
        Outcome::HandOff => Ok(Verdict::End(Automation::Manual)),
        Outcome::Fail => Err(ErrorKind::StepFailed),
    }
}
