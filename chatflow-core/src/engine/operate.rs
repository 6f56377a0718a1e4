//! What an operator does to a dialog.

use crate::dialog::{
    Actor, Assignee, Automation, ContactPatch, DialogSettings, EffectBody, Fact, Handling, Message,
    Moment, OperatorAct, OperatorBlock, OperatorId, Phase, Position, Side, StatusChoice,
    StepTarget, TimerChange, TimerSet, time,
};
use crate::engine::admit;
use crate::engine::turn::{PAUSE_TIMER, Turn};
use crate::flow::{OperatorWrite, STEP_TIMER, WaitingEntry};

impl Turn<'_> {
    pub(super) fn operator_acted(&mut self, operator: &OperatorId, act: &OperatorAct) {
        let actor = Actor::Operator(operator.clone());
        match act {
            OperatorAct::Reply(message) => {
                self.operator_wrote(operator);
                self.scratch
                    .effects
                    .push((EffectBody::Send(message.clone()), false));
            }
            OperatorAct::Broadcast(message) => {
                self.scratch
                    .effects
                    .push((EffectBody::Send(message.clone()), false));
            }
            OperatorAct::Edit { of, text } => {
                let message = Message::new(text.clone());
                let edit = EffectBody::Edit { of: *of, message };
                self.scratch.effects.push((edit, false));
            }
            OperatorAct::Delete { of } => {
                let delete = EffectBody::Delete { of: *of };
                self.scratch.effects.push((delete, false));
            }
            OperatorAct::Take => {
                self.open_session(Handling::InProgress);
                self.assign(Assignee::Operator(operator.clone()), &actor);
                // Who takes it keeps it until he says otherwise.
                self.cancel_timers();
                self.end_pause();
                // A host's label of a dialog that is Manual already says more than ours would.
                if self.snapshot.automation != Automation::Manual {
                    self.set_automation(actor, Automation::Manual, None);
                }
                self.hand_to(Handling::InProgress);
            }
            OperatorAct::Set(settings) => self.operator_set(actor, settings),
            OperatorAct::Block => {
                let block = OperatorBlock {
                    by: operator.clone(),
                    since: self.now,
                };
                self.change(actor, |snapshot| snapshot.operator_block = Some(block));
                self.silence();
            }
            OperatorAct::Unblock => {
                let was_blocked = self.snapshot.is_blocked();
                self.change(actor.clone(), |snapshot| snapshot.operator_block = None);
                self.after_unblock(was_blocked, &actor);
            }
        }
    }

    /// An operator wrote to the contact, through us or on the channel itself.
    pub(super) fn operator_wrote(&mut self, operator: &OperatorId) {
        let actor = Actor::Operator(operator.clone());
        let policy = self.config.behaviour().operator_write;
        let takes_over = match self.snapshot.automation {
            Automation::Start | Automation::Auto | Automation::Waiting | Automation::Error(_) => {
                policy != OperatorWrite::KeepStatus
            }
            Automation::Manual | Automation::Finished => false,
        };
        let before = self.snapshot.automation;
        self.open_session(Handling::InProgress);
        if takes_over {
            self.set_automation(actor, Automation::Manual, None);
            // What failed is not taken up again by itself.
            self.snapshot.paused = Some(before).filter(|before| before.drives());
        }
        if let OperatorWrite::PauseFor(period) = policy
            && self.snapshot.paused.is_some()
        {
            let due = time::add(self.now, period.into());
            self.set_timer_at(PAUSE_TIMER, time::whole_milliseconds(due));
        }
        self.snapshot.attention.last_side = Some(Side::Us);
        self.snapshot.attention.needs_reply_since = None;
    }

    /// Several settings as one act. A status on a blocked dialog lifts the operator's own block.
    fn operator_set(&mut self, actor: Actor, settings: &DialogSettings) {
        let (status, step) = (settings.status.as_ref(), settings.step.as_ref());
        if let Some(target) = step {
            self.place(target);
            // What automation had said for the old step must not arrive at the new one.
            self.raise_epoch = true;
            self.raise_fence = true;
            self.cancel_automatic();
        }
        // Once the dialog is placed, its data is that of where it stands; the step that is entered
        // reads what is set beside it.
        self.operator_patches(settings);
        // Where nothing runs yet or any more, choosing a step is choosing to go on from it.
        // So it is where the dialog shows Waiting only because its step awaits an answer.
        let idle = match self.snapshot.automation {
            Automation::Start | Automation::Finished => true,
            Automation::Waiting => {
                let by_step = WaitingEntry::AlsoWhenStepAwaitsInput;
                self.config.behaviour().waiting_entry == by_step && !self.snapshot.set_by_hand
            }
            Automation::Auto | Automation::Manual | Automation::Error(_) => false,
        };
        let go_on = (idle && step.is_some()).then_some(&StatusChoice::Auto);
        let chosen_by_name = status.is_some();
        let status = status.or(go_on);
        if let Some(choice) = status {
            let (automation, label) = admit::chosen(self.config, choice);
            // A flow that is over has no step to go on from: it begins again.
            let anew = match automation {
                Automation::Auto => self.snapshot.automation == Automation::Finished,
                Automation::Start => true,
                _ => false,
            };
            if anew && step.is_none() {
                self.drop_calls();
                self.snapshot.position = None;
                self.cancel_timers();
            }
            let led = self.snapshot.automation.drives();
            self.end_pause();
            if self.snapshot.operator_block.is_some() && chosen_by_name {
                self.change(actor.clone(), |snapshot| {
                    snapshot.operator_block = None;
                    snapshot.automation = automation;
                    snapshot.label.clone_from(&label);
                    snapshot.set_by_hand = true;
                });
                self.after_automation_set(&actor);
            } else {
                self.set_automation(actor, automation, label);
            }
            if !led && automation.drives() {
                self.rearm();
            }
        }
        if step.is_some() && self.may_run() {
            self.run_entry();
        }
    }

    /// Tags and fields of the contact, and the dialog's data, as an operator sets them.
    fn operator_patches(&mut self, settings: &DialogSettings) {
        let tags = (settings.remove_tags.iter().cloned()).map(ContactPatch::RemoveTag);
        let tags = tags.chain(settings.add_tags.iter().cloned().map(ContactPatch::AddTag));
        let fields = settings.fields.iter();
        let fields = fields.map(|(name, value)| ContactPatch::Field(name.clone(), value.clone()));
        for patch in tags.chain(fields) {
            if patch.apply(&mut self.snapshot.contact) {
                self.scratch.facts.push(Fact::ContactPatched(patch.clone()));
                self.scratch
                    .effects
                    .push((EffectBody::PatchContact(patch), false));
            }
        }
        for (name, value) in &settings.data {
            if self.snapshot.data.get(name) != Some(value) {
                self.snapshot.data.insert(name.clone(), value.clone());
                self.scratch.facts.push(Fact::DataSet {
                    name: name.clone(),
                    value: value.clone(),
                });
            }
        }
    }

    /// Plans again what a takeover discarded. A wait for the contact begins anew, since nobody
    /// waited for an answer meanwhile; a delay ends when it was to end.
    pub(super) fn rearm(&mut self) {
        let config = self.config;
        let Some(position) = &mut self.snapshot.position else {
            return;
        };
        let due = position.due;
        let is_before = position.phase == Phase::Before;
        // A step that has been passed waits only as Waiting.
        let waits =
            position.phase == Phase::Inside || self.snapshot.automation == Automation::Waiting;
        if is_before || self.snapshot.timers.contains_key(STEP_TIMER) {
            return;
        }
        let step = config.resolve(position).map(|at| config.step(at));
        match (step, due) {
            (Some(step), _) if step.timeout.is_some() && waits => self.set_timeout(step),
            (Some(step), _) if step.timeout.is_some() => {}
            (_, Some(due)) => self.set_timer_at(STEP_TIMER, due.max(self.now)),
            _ => {}
        }
    }

    pub(super) fn set_timer_at(&mut self, name: &str, due: Moment) {
        let generation = self.snapshot.revision + 1;
        let name = name.to_owned();
        self.snapshot
            .timers
            .insert(name.clone(), TimerSet { generation, due });
        self.scratch.timer(TimerChange::Set {
            name,
            generation,
            due,
        });
    }

    /// Ends a pause for good: whoever decided it has decided what comes after it.
    pub(super) fn end_pause(&mut self) {
        self.snapshot.paused = None;
        self.cancel_timer(PAUSE_TIMER);
    }

    pub(super) fn cancel_timer(&mut self, name: &str) {
        if self.snapshot.timers.remove(name).is_some() {
            let name = name.to_owned();
            self.scratch.timer(TimerChange::Cancel { name });
        }
    }

    /// Puts the dialog before a step, which is entered when automation goes on.
    fn place(&mut self, target: &StepTarget) {
        let own = self
            .snapshot
            .position
            .as_ref()
            .map(|position| &position.flow);
        let flow = target
            .flow
            .as_ref()
            .or(own)
            .unwrap_or_else(|| &self.config.settings().entry)
            .clone();
        self.cancel_timer(STEP_TIMER);
        self.forget_call();
        self.drop_calls();
        // `admit` has found the step.
        if let Some(at) = self.config.find(&flow, target.step.as_ref()) {
            let version = self.config.flow(at.flow).version;
            let step = self.config.step(at).name.clone();
            let mut position = Position::new(flow, version, step);
            position.phase = Phase::Before;
            position.resolved = Some(at);
            self.snapshot.position = Some(position);
        }
    }
}
