//! Running steps within a turn, until one waits.

use std::collections::BTreeMap;

use crate::dialog::{
    Actor, Attention, Automation, CallFailure, ErrorKind, Fact, Message, Phase, Position, Resolved,
    Text, TimerChange, TimerSet, Value,
};
use crate::engine::turn::Turn;
use crate::flow::{
    Answer, CompiledAsk, CompiledKind, CompiledStep, EXIT_GAVE_UP, EXIT_NEXT, EXIT_OTHERWISE,
    EXIT_TIMEOUT, FinishStatus, Outcome, RenderError, SaveTo, StepContext, Template,
};

/// What brings automation to run.
#[derive(Debug, Clone, Copy)]
enum Cause<'a> {
    Message(&'a Message),
    Entry,
    Timeout,
    Answer(&'a Result<Value, CallFailure>),
}

/// What a step has decided.
enum Verdict {
    /// Stay.
    Wait,
    /// Leave through the exit with this index.
    Exit(usize),
    /// End with this status, staying at the step.
    End(Automation),
}

/// What is needed to undo what steps did.
struct Mark {
    facts: usize,
    effects: usize,
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
        for (name, before) in self.scratch.data_before.drain(..).rev() {
            match before {
                Some(value) => self.snapshot.data.insert(name, value),
                None => self.snapshot.data.remove(&name),
            };
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
            Cause::Entry | Cause::Timeout | Cause::Answer(_) => None,
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
            (Phase::Before, _) => self.enter(at, step, &mut unconsumed)?,
            (Phase::Passed(exit), Cause::Message(message)) => match &step.kind {
                // A router passed with Waiting or Manual routes the next message itself.
                CompiledKind::Keywords { .. } | CompiledKind::Router(_) => {
                    unconsumed = None;
                    self.receive(step, message)?
                }
                _ => Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?),
            },
            (Phase::Passed(exit), _) => {
                Verdict::Exit(exit_named(step, &exit).ok_or(ErrorKind::UndeclaredExit)?)
            }
            (Phase::Inside, Cause::Message(message)) => {
                unconsumed = None;
                self.receive(step, message)?
            }
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
                    if let Some(position) = &mut self.snapshot.position {
                        position.phase = Phase::Inside;
                    }
                    return Ok(());
                }
                Verdict::End(automation) => {
                    self.end(step, automation);
                    return Ok(());
                }
                Verdict::Exit(exit) => {
                    let Some(next) = self.leave(at, step, exit, passed_before) else {
                        return Ok(());
                    };
                    at = next;
                    step = config.step(at);
                    passed_before = false;
                    verdict = self.enter(at, step, &mut unconsumed)?;
                }
            }
        }
        Err(ErrorKind::StepLimit)
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
        self.snapshot.position = Some(position);
        match &step.kind {
            CompiledKind::Send { text, choices } => {
                let text = self.render(text)?;
                let choices = choices
                    .iter()
                    .map(|choice| self.render(choice))
                    .collect::<Result<Vec<_>, _>>()?;
                self.say(Message::new(text).with_choices(choices))?;
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Ask(ask) => {
                let question = question(ask, self.render(&ask.question)?);
                self.say(question)?;
                if let Some(after) = ask.timeout {
                    self.context().time_out_after(after);
                }
                Ok(Verdict::Wait)
            }
            CompiledKind::Keywords { .. } | CompiledKind::Router(_) => match unconsumed.take() {
                Some(message) => self.receive(step, message),
                None => Ok(Verdict::Wait),
            },
            CompiledKind::Condition(arms) => {
                let arm = arms
                    .iter()
                    .position(|condition| condition.holds(&self.snapshot));
                // The exit after the arms' is `otherwise`.
                Ok(Verdict::Exit(arm.unwrap_or(arms.len())))
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
            CompiledKind::Send { .. } | CompiledKind::Condition(_) | CompiledKind::Finish => {
                Ok(Verdict::Exit(step.exits.len() - 1))
            }
            CompiledKind::Ask(ask) => {
                if let Some(value) = accepted(&ask.answer, message.text()) {
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
                let text = self.render(ask.retry.as_ref().unwrap_or(&ask.question))?;
                self.say(question(ask, text))?;
                Ok(Verdict::Wait)
            }
            CompiledKind::Keywords {
                matcher,
                otherwise,
                save,
            } => {
                if let Some(route) = matcher.route(message.text()) {
                    let route = usize::from(route);
                    let name = Value::from(&*step.exits[route].0);
                    self.save(save.as_ref(), name)?;
                    return Ok(Verdict::Exit(route));
                }
                match otherwise {
                    Some(otherwise) => {
                        let text = self.render(otherwise)?;
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
            CompiledKind::Router(router) => match router.route(message, &self.snapshot) {
                Some(route) => exit_index(step, &route),
                None => exit_index(step, EXIT_OTHERWISE),
            },
        }
    }

    fn timed_out(&mut self, step: &CompiledStep) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            CompiledKind::Ask(_) => exit_index(step, EXIT_TIMEOUT),
            CompiledKind::Custom(custom) => {
                let outcome = custom.timed_out(&mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            _ => Ok(Verdict::Wait),
        }
    }

    fn answered(
        &mut self,
        step: &CompiledStep,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            CompiledKind::Custom(custom) => {
                let outcome = custom.answered(answer, &mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            _ => Ok(Verdict::Wait),
        }
    }

    /// Passes a step. Gives the step to enter next, or none where the dialog stays.
    fn leave(
        &mut self,
        at: Resolved,
        step: &CompiledStep,
        exit: usize,
        passed_before: bool,
    ) -> Option<Resolved> {
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
            return None;
        }
        if !passed_before {
            self.scratch.facts.push(Fact::StepPassed {
                step: step.name.clone(),
                exit: name.to_string(),
            });
        }
        if let Some(position) = &mut self.snapshot.position {
            position.phase = Phase::Passed(name.to_string());
        }
        let finish = match step.finish {
            Some(FinishStatus::Finished) => Some(Automation::Finished),
            Some(FinishStatus::Waiting) if !passed_before => Some(Automation::Waiting),
            Some(FinishStatus::Manual) if !passed_before => Some(Automation::Manual),
            // Without a way on, the flow is over.
            _ if target.is_none() => Some(Automation::Finished),
            _ => None,
        };
        if let Some(automation) = finish {
            self.end(step, automation);
            return None;
        }
        target.map(|target| self.config.at(at.flow, target))
    }

    fn end(&mut self, step: &CompiledStep, automation: Automation) {
        self.set_automation(Actor::Step(step.name.clone()), automation, None);
    }

    fn save(&mut self, to: Option<&SaveTo>, value: Value) -> Result<(), ErrorKind> {
        let mut context = self.context();
        match to {
            None => {}
            Some(SaveTo::Data(name)) => context.set(name.as_str(), value),
            Some(SaveTo::Field(name)) => context.set_field(name.as_str(), value),
            Some(SaveTo::ContactName) => {
                context.set_contact_name(value.render());
            }
        }
        self.gathered()
    }

    fn say(&mut self, message: Message) -> Result<(), ErrorKind> {
        self.context().say(message);
        self.gathered()
    }

    fn render(&self, template: &Template) -> Result<Text, ErrorKind> {
        template
            .render(&self.snapshot)
            .map_err(|error| match error {
                RenderError::TooLong | RenderError::TooCostly => ErrorKind::SizeLimit,
                RenderError::ValueMissing { .. } => ErrorKind::TemplateValueMissing,
                RenderError::WrongKind { .. }
                | RenderError::OutOfRange { .. }
                | RenderError::Failed => ErrorKind::StepFailed,
            })
    }

    fn context(&mut self) -> StepContext<'_> {
        StepContext {
            snapshot: &mut self.snapshot,
            scratch: &mut self.scratch,
            limits: &self.config.settings().limits,
            now: self.now,
        }
    }

    /// Whether a limit was hit since the last look.
    fn gathered(&mut self) -> Result<(), ErrorKind> {
        self.scratch.error.take().map_or(Ok(()), Err)
    }
}

/// A question, or its repetition, with the choices it offers.
fn question(ask: &CompiledAsk, text: Text) -> Message {
    let message = Message::new(text);
    match &ask.answer {
        Answer::Choice(words) => {
            message.with_choices(words.iter().map(|(_, choice)| choice.clone()))
        }
        Answer::Text | Answer::Number { .. } => message,
    }
}

/// The value that an answer gives, if it counts.
fn accepted(answer: &Answer, text: &str) -> Option<Value> {
    let text = text.trim();
    match answer {
        Answer::Text => (!text.is_empty()).then(|| Value::from(text)),
        Answer::Number { least, most } => {
            let number = text.parse::<i64>().ok()?;
            (*least..=*most)
                .contains(&number)
                .then_some(Value::Integer(number))
        }
        Answer::Choice(words) => {
            let word = crate::flow::normalise(text);
            let found = words.iter().find(|(choice, _)| *choice == word);
            found.map(|(_, choice)| Value::Text(choice.clone()))
        }
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
