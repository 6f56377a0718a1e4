//! What each kind of step does when it is entered, gets a message, has waited long enough or gets
//! an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dialog::{
    Actor, Assignee, CallFailure, EffectId, ErrorKind, Fact, HeldMessage, Message, Moment,
    Position, Resolved, Value, time,
};
use crate::engine::outside::EXIT_FAILURE;
use crate::engine::run::{Verdict, exit_index, outcome_to_verdict};
use crate::engine::split;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledKind, CompiledSend, CompiledStep, DuringDelay, EXIT_GAVE_UP, EXIT_NEXT, EXIT_OTHERWISE,
    EXIT_TIMEOUT, Membership, Outcome, STEP_TIMER,
};

impl Turn<'_> {
    /// Comes to a step.
    pub(super) fn enter(
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
            CompiledKind::Send(send) => match self.answer_due(send.answer_after) {
                Some(due) => {
                    self.time_out_at(due);
                    Ok(Verdict::Wait)
                }
                None => self.say_all(send),
            },
            CompiledKind::Ask(ask) => {
                let question = self.question(ask, &ask.question)?;
                self.say(question)?;
                Ok(Verdict::Wait)
            }
            CompiledKind::Keywords { .. }
            | CompiledKind::Router(_)
            | CompiledKind::AiRoute { .. } => match unconsumed.take() {
                Some(message) => self.receive(step, message),
                None => Ok(Verdict::Wait),
            },
            CompiledKind::AiReply { ai, .. } => {
                *unconsumed = None;
                self.ask_for_reply(ai)
            }
            CompiledKind::Webhook(webhook) => {
                self.set_timeout(step);
                self.call_webhook(webhook)
            }
            CompiledKind::Track(track) => {
                self.track(track)?;
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Assign(operator) => {
                let actor = Actor::Step(step.name.clone());
                self.given_now = true;
                self.reassign(&Assignee::Operator(operator.clone()), &actor);
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Queue(queue) => {
                let actor = Actor::Step(step.name.clone());
                self.wait_in(queue.clone(), &actor);
                Ok(Verdict::Exit(0))
            }
            CompiledKind::Translate(to) => {
                self.snapshot.translate = to.clone();
                Ok(Verdict::Exit(0))
            }
            CompiledKind::ExternalBot { port } => {
                let message = unconsumed.take();
                self.talk_to_bot(port, message)
            }
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
            CompiledKind::Delay(delay) => {
                self.time_out_at(self.end_of_delay(delay));
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
    pub(super) fn receive(
        &mut self,
        step: &CompiledStep,
        message: &Message,
    ) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            // Only a flow edited in place can leave a dialog inside a step that doesn't wait;
            // it goes on from there.
            CompiledKind::Send(_)
            | CompiledKind::Condition(_)
            | CompiledKind::Split(_)
            | CompiledKind::Tags(_)
            | CompiledKind::Set(_)
            | CompiledKind::Track(_)
            | CompiledKind::Assign(_)
            | CompiledKind::Queue(_)
            | CompiledKind::Translate(_)
            | CompiledKind::Finish => Ok(Verdict::Exit(step.exits.len().saturating_sub(1))),
            CompiledKind::Delay(_)
            | CompiledKind::ChangeFlow(_)
            | CompiledKind::CallFlow(_)
            | CompiledKind::Webhook(_) => Ok(Verdict::Wait),
            CompiledKind::AiRoute { ai, .. } => self.ask_for_route(step, ai),
            // What it had written answers an older message.
            CompiledKind::AiReply { ai, .. } => {
                self.cancel_timer(STEP_TIMER);
                self.ask_for_reply(ai)
            }
            CompiledKind::ExternalBot { port } => self.talk_to_bot(port, Some(message)),
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

    pub(super) fn timed_out(&mut self, step: &CompiledStep) -> Result<Verdict, ErrorKind> {
        match &step.kind {
            CompiledKind::Ask(_)
            | CompiledKind::Keywords { .. }
            | CompiledKind::Router(_)
            | CompiledKind::AiRoute { .. }
            | CompiledKind::Webhook(_) => exit_index(step, EXIT_TIMEOUT),
            CompiledKind::Send(send) => self.say_all(send),
            CompiledKind::AiReply { .. } => self.reply_due(),
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

    pub(super) fn answered(
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
            CompiledKind::AiRoute { branches, save, .. } => {
                self.route_answered(step, branches.len(), save.as_ref(), answer)
            }
            CompiledKind::AiReply { reply_time, .. } => self.reply_answered(*reply_time, answer),
            CompiledKind::Webhook(webhook) => self.webhook_answered(step, webhook, answer),
            CompiledKind::ExternalBot { port } => self.bot_answered(step, port, answer),
            CompiledKind::Custom(custom) => {
                let outcome = custom.answered(answer, &mut self.context());
                self.gathered()?;
                outcome_to_verdict(step, outcome)
            }
            _ => Ok(Verdict::Wait),
        }
    }

    /// A message for a dialog that is inside a step. A step that is busy keeps it for the one after
    /// it, or lets it pass.
    pub(super) fn receive_inside<'m>(
        &mut self,
        at: Resolved,
        step: &CompiledStep,
        message: &'m Message,
        unconsumed: &mut Option<&'m Message>,
    ) -> Result<Verdict, ErrorKind> {
        let is_timed = self.snapshot.timers.contains_key(STEP_TIMER);
        match &step.kind {
            // One whose timer a takeover cancelled is over.
            CompiledKind::Delay(_) if !is_timed => Ok(Verdict::Exit(0)),
            CompiledKind::Delay(delay) => {
                let by_bot = self.config.behaviour().during_delay;
                match delay.during.unwrap_or(by_bot) {
                    DuringDelay::Keep => self.keep(message),
                    DuringDelay::Ignore => {}
                    DuringDelay::Break => return Ok(Verdict::Exit(0)),
                }
                *unconsumed = None;
                Ok(Verdict::Wait)
            }
            // It is sent so long after the last message, which is this one now. Where that is over,
            // or nothing was said yet for another reason, it is said now; the message goes on.
            CompiledKind::Send(send) => match self.answer_due(send.answer_after) {
                Some(due) => {
                    self.keep(message);
                    *unconsumed = None;
                    self.time_out_at(due);
                    Ok(Verdict::Wait)
                }
                None => self.say_all(send),
            },
            CompiledKind::Webhook(_) | CompiledKind::ExternalBot { .. } if self.has_asked() => {
                self.keep(message);
                *unconsumed = None;
                Ok(Verdict::Wait)
            }
            // Nobody waits for the answer any more, and nobody knows whether it was done; the message
            // goes to the step after it.
            CompiledKind::Webhook(_) => exit_index(step, EXIT_FAILURE),
            // Only a flow edited in place can leave a dialog inside a step that doesn't
            // wait; it goes on from there.
            CompiledKind::ChangeFlow(_) | CompiledKind::CallFlow(_) => {
                self.enter(at, step, unconsumed)
            }
            _ => {
                *unconsumed = None;
                self.receive(step, message)
            }
        }
    }

    /// A step that will go on by itself hands a message that nobody has taken to the one after it:
    /// that it takes its time changes nothing. A delay hands on what was kept before it; what
    /// led to it is of that turn.
    pub(super) fn keep_for_next(&mut self, step: &CompiledStep, message: &Message, was_kept: bool) {
        let by_bot = self.config.behaviour().during_delay;
        let keeps = match &step.kind {
            CompiledKind::Delay(delay) => {
                was_kept && delay.during.unwrap_or(by_bot) != DuringDelay::Ignore
            }
            CompiledKind::Send(_) => true,
            CompiledKind::Webhook(_) => self.has_asked(),
            _ => false,
        };
        if keeps {
            self.keep(message);
        }
    }

    /// Keeps a message for the step after this one.
    fn keep(&mut self, message: &Message) {
        let held = HeldMessage {
            id: EffectId {
                n: 0,
                ..self.next_effect()
            },
            message: message.clone(),
            recognising: None,
            passed: true,
            in_pause: false,
            begins: false,
        };
        self.hold(held, false);
    }

    /// Whether the step where the dialog stands keeps what the contact writes, until it is done.
    pub(super) fn keeps_messages(&self) -> bool {
        let is_timed = self.snapshot.timers.contains_key(STEP_TIMER);
        self.here().is_some_and(|step| match &step.kind {
            CompiledKind::Delay(_) | CompiledKind::Send(_) => is_timed,
            CompiledKind::Webhook(_) | CompiledKind::ExternalBot { .. } => self.has_asked(),
            _ => false,
        })
    }

    /// Whether the step where the dialog stands hands on what it has kept.
    pub(super) fn hands_on(&self) -> bool {
        self.here().is_some_and(|step| {
            matches!(
                step.kind,
                CompiledKind::Delay(_)
                    | CompiledKind::Send(_)
                    | CompiledKind::Webhook(_)
                    | CompiledKind::ExternalBot { .. }
            )
        })
    }

    fn say_all(&mut self, send: &CompiledSend) -> Result<Verdict, ErrorKind> {
        for item in &send.items {
            self.say_item(item)?;
        }
        Ok(Verdict::Exit(0))
    }

    /// When what answers the contact's last message may be sent; none where that is now.
    pub(super) fn answer_due(&self, after: Option<Duration>) -> Option<Moment> {
        let heard_at = self.snapshot.attention.heard_at?;
        let due = time::whole_milliseconds(time::add(heard_at, after?));
        (due > self.now).then_some(due)
    }
}
