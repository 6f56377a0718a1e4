//! Running steps within a turn, until one waits.

use std::collections::BTreeMap;

use crate::dialog::{
    Actor, Attention, Automation, CallFailure, ErrorKind, Fact, Message, Phase, Position, Resolved,
    TimerChange, TimerSet, Value,
};
use crate::engine::split;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledKind, CompiledStep, EXIT_GAVE_UP, EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT,
    FinishStatus, Membership, Outcome, STEP_TIMER, WaitingEntry,
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
}

/// What a step has decided.
pub(super) enum Verdict {
    /// Stay.
    Wait,
    /// Leave through the exit with this index.
    Exit(usize),
    /// End with this status, staying at the step.
    End(Automation),
    /// Go on in another flow.
    Go(Resolved),
    /// Go through another flow and come back.
    Call(Resolved),
}

/// Where a step that was left leads.
enum Way {
    /// To a step, which is entered.
    Enter(Resolved),
    /// Back to the step that called this flow, which is left in its turn.
    Back(Resolved),
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

    /// Runs steps until one waits or the flow ends. On an error everything the steps did is
    /// undone, and the dialog shows Error.
    fn run(&mut self, cause: Cause<'_>) {
        let mark = Mark {
            facts: self.scratch.facts.len(),
            effects: self.scratch.effects.len(),
            data_before: self.scratch.data_before.len(),
            position: self.snapshot.position.clone(),
            attention: self.snapshot.attention.clone(),
            timers: self.snapshot.timers.clone(),
            timer_changes: self.scratch.timers.clone(),
            automation: self.snapshot.automation,
        };
        let result = if self.panicked {
            Err(ErrorKind::StepPanicked)
        } else {
            self.steps(cause)
        };
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
        self.snapshot.timers = mark.timers;
        self.snapshot.automation = mark.automation;
    }

    fn steps(&mut self, cause: Cause<'_>) -> Result<(), ErrorKind> {
        let config = self.config;
        let mut unconsumed = match cause {
            Cause::Message(message) => Some(message),
            Cause::Again | Cause::Entry | Cause::Timeout | Cause::Answer(_) => None,
        };
        let (mut at, phase) = match &mut self.snapshot.position {
            Some(position) => {
                let at = config.resolve(position).ok_or(ErrorKind::StepMissing)?;
                (at, position.phase.clone())
            }
            None => (config.entry(), Phase::Before),
        };
        let mut step = config.step(at);
        let mut verdict = match (phase, cause) {
            (Phase::Inside, Cause::Again) => {
                if let CompiledKind::Ask(ask) = &step.kind {
                    let question = self.question(ask, &ask.question)?;
                    self.say(question)?;
                }
                return Ok(());
            }
            // The turn hands it on like a message.
            (Phase::Before | Phase::Passed(_), Cause::Again) => return Ok(()),
            (Phase::Before, _) => self.enter(at, step, &mut unconsumed)?,
            (Phase::Passed(exit), Cause::Message(message)) => match &step.kind {
                // A router passed with Waiting or Manual routes the next message itself.
                CompiledKind::Keywords { .. } | CompiledKind::Router(_) => {
                    unconsumed = None;
                    self.receive(step, message)?
                }
                _ => Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?),
            },
            (Phase::Passed(_), Cause::Timeout) if step.timeout.is_some() => {
                exit_index(step, EXIT_TIMEOUT)?
            }
            (Phase::Passed(exit), _) => {
                Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?)
            }
            (Phase::Inside, Cause::Message(message)) => match &step.kind {
                CompiledKind::Delay(_) => self.within_delay(),
                // Only a flow edited in place can leave a dialog inside a step that doesn't
                // wait; it goes on from there.
                CompiledKind::ChangeFlow(_) | CompiledKind::CallFlow(_) => {
                    self.enter(at, step, &mut unconsumed)?
                }
                _ => {
                    unconsumed = None;
                    self.receive(step, message)?
                }
            },
            (Phase::Inside, Cause::Timeout) => self.timed_out(step)?,
            (Phase::Inside, Cause::Answer(answer)) => self.answered(step, answer)?,
            (Phase::Inside, Cause::Entry) => Verdict::Wait,
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
                    self.wait(step);
                    return Ok(());
                }
                // A flow that was called is over; its caller goes on.
                Verdict::End(Automation::Finished) if self.is_called() => {
                    self.cancel_timers();
                    self.forget_call();
                    let Some(caller) = self.back()? else {
                        return Ok(());
                    };
                    at = caller;
                    step = config.step(at);
                    passed_before = false;
                    verdict = exit_index(step, EXIT_NEXT)?;
                }
                Verdict::End(automation) => {
                    self.end(step, automation);
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
                    Way::Back(caller) => {
                        at = caller;
                        step = config.step(at);
                        passed_before = false;
                        verdict = exit_index(step, EXIT_NEXT)?;
                    }
                },
                Verdict::Go(next) => {
                    self.drop_calls();
                    at = next;
                    step = config.step(at);
                    passed_before = false;
                    verdict = self.enter(at, step, &mut unconsumed)?;
                }
                Verdict::Call(next) => {
                    at = next;
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
        if let Some(position) = &mut self.snapshot.position {
            position.phase = Phase::Inside;
        }
        // A step that has asked the outside waits for that, not for the contact.
        let has_called = self.scratch.pending_call.is_some() || self.snapshot.call.is_some();
        let awaits = !has_called && !matches!(step.kind, CompiledKind::Delay(_));
        let shows = self.config.behaviour().waiting_entry == WaitingEntry::AlsoWhenStepAwaitsInput;
        if awaits && shows {
            let actor = Actor::Step(step.name.clone());
            self.set_automation(actor, Automation::Waiting, None);
        }
    }

    /// A message came during a delay. It is in the transcript and doesn't shorten the delay; one
    /// whose timer a takeover cancelled is over.
    fn within_delay(&self) -> Verdict {
        if self.snapshot.timers.contains_key(STEP_TIMER) {
            Verdict::Wait
        } else {
            Verdict::Exit(0)
        }
    }

    /// Comes to a step.
    fn enter(
        &mut self,
        at: Resolved,
        step: &CompiledStep,
        unconsumed: &mut Option<&Message>,
    ) -> Result<Verdict, ErrorKind> {
        let flow = self.config.flow(at.flow);
        let mut position = Position::new(flow.id.clone(), flow.version, step.name.clone());
        position.resolved = Some(at);
        self.scratch.facts.push(Fact::StepEntered {
            flow: flow.id.clone(),
            version: flow.version,
            step: step.name.clone(),
        });
        if let Some(before) = self.snapshot.position.take() {
            position.calls = before.calls;
        }
        self.snapshot.position = Some(position);
        if step.kind.waits_for_answer() {
            self.set_timeout(step);
        }
        match &step.kind {
            CompiledKind::Send(items) => {
                for item in items {
                    self.say_item(item)?;
                }
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Ask(ask) => {
                let question = self.question(ask, &ask.question)?;
                self.say(question)?;
                Ok(Verdict::Wait)
            }
            CompiledKind::Keywords { .. } | CompiledKind::Router(_) => match unconsumed.take() {
                Some(message) => self.receive(step, message),
                None => Ok(Verdict::Wait),
            },
            CompiledKind::Condition(arms) => {
                let scene = self.scene();
                let arm = arms.iter().position(|condition| condition.holds(&scene));
                // The exit after the arms' is `otherwise`.
                Ok(Verdict::Exit(arm.unwrap_or(arms.len())))
            }
            CompiledKind::Split(shares) => {
                let arms = step.exits.iter().map(|(name, _)| &**name);
                let arm = split::choose(
                    self.config.behaviour().seed,
                    self.snapshot.dialog,
                    &flow.id,
                    &step.name,
                    arms.zip(shares.iter().copied()),
                );
                self.scratch.facts.push(Fact::ArmTaken {
                    step: step.name.clone(),
                    arm: step.exits[arm].0.to_string(),
                });
                Ok(Verdict::Exit(arm))
            }
            CompiledKind::Membership { port, channel } => self.ask_membership(port, channel),
            CompiledKind::Tags(patches) => {
                for patch in patches {
                    self.context().patch_contact(patch.clone());
                }
                self.gathered()?;
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Set(values) => {
                for (to, source) in values {
                    let value = self.evaluate(source)?;
                    self.save(Some(to), value)?;
                }
                Ok(Verdict::Exit(0))
            }
            CompiledKind::ChangeFlow(link) => {
                let (flow, to) = link.to.ok_or(ErrorKind::StepMissing)?;
                self.pass(step, "");
                Ok(Verdict::Go(self.config.at(flow, to)))
            }
            CompiledKind::CallFlow(call) => self.call_flow(step, call),
            CompiledKind::Delay(period) => {
                self.context().time_out_after(*period);
                Ok(Verdict::Wait)
            }
            CompiledKind::Finish => Ok(Verdict::Exit(0)),
            CompiledKind::Custom(custom) => {
                let outcome = custom.enter(&mut self.context());
                self.gathered()?;
                match (outcome, unconsumed.take()) {
                    (Outcome::Receive, Some(message)) => self.receive(step, message),
                    (outcome, message) => {
                        *unconsumed = message;
                        outcome_to_verdict(step, outcome)
                    }
                }
            }
        }
    }

    /// Hands a message to the step where the dialog stands; it is consumed.
    fn receive(&mut self, step: &CompiledStep, message: &Message) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            // Only a flow edited in place can leave a dialog inside a step that doesn't wait;
            // it goes on from there.
            CompiledKind::Send(_)
            | CompiledKind::Condition(_)
            | CompiledKind::Split(_)
            | CompiledKind::Tags(_)
            | CompiledKind::Set(_)
            | CompiledKind::Finish => Ok(Verdict::Exit(step.exits.len().saturating_sub(1))),
            CompiledKind::Delay(_) | CompiledKind::ChangeFlow(_) | CompiledKind::CallFlow(_) => {
                Ok(Verdict::Wait)
            }
            // The answer asked for before is late now: a message empties the slot.
            CompiledKind::Membership { port, channel } => self.ask_membership(port, channel),
            CompiledKind::Ask(ask) => {
                if let Some(value) = ask.answer.accept(message.text()) {
                    self.save(ask.save.as_ref(), value)?;
                    return exit_index(step, EXIT_NEXT);
                }
                let asked_again = self
                    .snapshot
                    .position
                    .as_ref()
                    .map_or(0, |position| position.asked_again);
                if asked_again >= ask.retries {
                    return exit_index(step, EXIT_GAVE_UP);
                }
                if let Some(position) = &mut self.snapshot.position {
                    position.asked_again += 1;
                }
                let text = ask.retry.as_ref().unwrap_or(&ask.question);
                let question = self.question(ask, text)?;
                self.say(question)?;
                Ok(Verdict::Wait)
            }
            CompiledKind::Keywords {
                matcher,
                retry,
                save,
            } => {
                if let Some(route) = matcher.route(message.text()) {
                    let route = usize::from(route);
                    let name = Value::from(&*step.exits[route].0);
                    self.save(save.as_ref(), name)?;
                    return Ok(Verdict::Exit(route));
                }
                match retry {
                    Some(retry) => {
                        let text = self.render(retry)?;
                        self.say(Message::new(text))?;
                        Ok(Verdict::Wait)
                    }
                    None => exit_index(step, EXIT_OTHERWISE),
                }
            }
            CompiledKind::Custom(custom) => {
                let outcome = custom.receive(message, &mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            CompiledKind::Router(router) => match router.route(message, &self.scene()) {
                Some(route) => exit_index(step, &route),
                None => exit_index(step, EXIT_OTHERWISE),
            },
        }
    }

    fn timed_out(&mut self, step: &CompiledStep) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            CompiledKind::Ask(_) | CompiledKind::Keywords { .. } | CompiledKind::Router(_) => {
                exit_index(step, EXIT_TIMEOUT)
            }
            CompiledKind::Delay(_) => Ok(Verdict::Exit(0)),
            CompiledKind::Custom(custom) => {
                let outcome = custom.timed_out(&mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            _ => Ok(Verdict::Wait),
        }
    }

    /// Asks whether the contact has joined a place, and waits for the answer.
    fn ask_membership(&mut self, port: &str, channel: &str) -> Result<Verdict, ErrorKind> {
        let contact = self.snapshot.address.external_id();
        let request = BTreeMap::from([
            ("channel".to_owned(), Value::from(channel)),
            ("contact".to_owned(), Value::from(contact)),
        ]);
        self.context().call(port, Value::Map(request));
        self.gathered()?;
        Ok(Verdict::Wait)
    }

    fn answered(
        &mut self,
        step: &CompiledStep,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            CompiledKind::Membership { .. } => exit_index(
                step,
                match answer {
                    Ok(Value::Bool(true)) => Membership::MEMBER,
                    Ok(Value::Bool(false)) => Membership::NOT_MEMBER,
                    Ok(_) | Err(_) => Membership::UNKNOWN,
                },
            ),
            CompiledKind::Custom(custom) => {
                let outcome = custom.answered(answer, &mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            _ => Ok(Verdict::Wait),
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
        self.cancel_timers();
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
        if (is_over || own == Some(FinishStatus::Finished))
            && let Some(caller) = self.back()?
        {
            return Ok(Way::Back(caller));
        }
        let by_default = self.config.behaviour().default_finish;
        let finish = own.or_else(|| is_over.then_some(by_default));
        match finish {
            Some(FinishStatus::Finished) => self.end(step, Automation::Finished),
            Some(FinishStatus::Manual) => self.end(step, Automation::Manual),
            Some(FinishStatus::Waiting) => {
                self.end(step, Automation::Waiting);
                self.set_timeout(step);
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

    fn pass(&mut self, step: &CompiledStep, exit: &str) {
        self.scratch.facts.push(Fact::StepPassed {
            step: step.name.clone(),
            exit: exit.to_owned(),
        });
    }

    /// Plans the step's time-out, where it has one.
    pub(crate) fn set_timeout(&mut self, step: &CompiledStep) {
        if let Some(after) = step.timeout {
            self.context().time_out_after(after);
        }
    }

    fn end(&mut self, step: &CompiledStep, automation: Automation) {
        self.set_automation(Actor::Step(step.name.clone()), automation, None);
    }
}

fn exit_named(step: &CompiledStep, name: &str) -> Option<usize> {
    step.exits.iter().position(|(exit, _)| &**exit == name)
}

fn exit_index(step: &CompiledStep, name: &str) -> Result<Verdict, ErrorKind> {
    exit_named(step, name)
        .map(Verdict::Exit)
        .ok_or(ErrorKind::UndeclaredExit)
}

fn outcome_to_verdict(step: &CompiledStep, outcome: Outcome) -> Result<Verdict, ErrorKind> {
    match outcome {
        Outcome::Wait | Outcome::Receive => Ok(Verdict::Wait),
        Outcome::Exit(name) => exit_index(step, &name),
        Outcome::Complete => Ok(Verdict::End(Automation::Finished)),
        Outcome::HandOff => Ok(Verdict::End(Automation::Manual)),
        Outcome::Fail => Err(ErrorKind::StepFailed),
    }
}
