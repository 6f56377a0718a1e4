//! What an operator does to a dialog.

use crate::dialog::{
    Actor, Assignee, Author, Automation, CompletionCause, ContactPatch, DialogSettings, EffectBody,
    Fact, Handling, Message, OperatorAct, OperatorBlock, OperatorId, PausedAutomation, Phase,
    Position, Resolved, SendLane, Session, Side, StatusChoice, StepTarget, time,
};
use crate::engine::timers::PAUSE_TIMER;
use crate::engine::turn::Turn;
use crate::engine::{admit, sessions};
use crate::flow::{Decided, OperatorWrite, ResumeFrom, WaitingEntry};

impl Turn<'_> {
    pub(super) fn operator_acted(&mut self, operator: &OperatorId, act: &OperatorAct) {
        let actor = Actor::Operator(operator.clone());
        match act {
            OperatorAct::Reply(message) => {
                self.operator_wrote(operator);
                self.by_hand(operator, EffectBody::Send(message.clone()));
            }
            OperatorAct::Broadcast(message) => {
                self.scratch.lane = SendLane::Broadcast;
                self.by_hand(operator, EffectBody::Send(message.clone()));
                self.scratch.lane = SendLane::Reply;
            }
            OperatorAct::Edit { of, text } => {
                let message = Message::new(text.clone());
                self.by_hand(operator, EffectBody::Edit { of: *of, message });
            }
            OperatorAct::Delete { of } => {
                self.by_hand(operator, EffectBody::Delete { of: *of });
            }
            OperatorAct::Take => {
                self.open_session(Handling::InProgress, &actor);
                self.given_now = true;
                self.assign(Assignee::Operator(operator.clone()), &actor);
                // Who takes it keeps it until he says otherwise.
                self.cancel_timers();
                self.end_pause();
                self.take_over();
                // A host's label of a dialog that is Manual already says more than ours would.
                if self.snapshot.automation != Automation::Manual {
                    self.set_automation(actor.clone(), Automation::Manual, None);
                }
                self.in_progress(&actor);
            }
            OperatorAct::Accept => self.accepted(operator, actor),
            OperatorAct::Decline => self.declined(operator, &actor),
            OperatorAct::Enqueue(queue) => self.enqueued_by(queue, actor),
            OperatorAct::Transfer { to, mode } => self.transferred(to, *mode, actor),
            OperatorAct::Complete => self.complete_session(CompletionCause::ByHand, &actor),
            OperatorAct::Reopen => self.reopened(&actor),
            OperatorAct::Acknowledge => {
                self.snapshot.attention.needs_reply_since = None;
                self.snapshot.attention.acknowledged = true;
                let operator = operator.clone();
                self.scratch.facts.push(Fact::Acknowledged { operator });
            }
            OperatorAct::Set(settings) => self.operator_set(actor, settings),
            OperatorAct::Retry => self.retried(operator),
            OperatorAct::Advise { language } => self.ask_advice(operator, language.as_deref()),
            OperatorAct::Block => {
                let block = OperatorBlock {
                    by: operator.clone(),
                    since: self.now,
                };
                self.change(actor.clone(), |snapshot| {
                    snapshot.operator_block = Some(block)
                });
                self.silence();
                self.wait_silently(&actor);
            }
            OperatorAct::Unblock => {
                let was_blocked = self.snapshot.is_blocked();
                self.change(actor.clone(), |snapshot| snapshot.operator_block = None);
                self.after_unblock(was_blocked, &actor);
            }
        }
    }

    /// What an operator does himself, and nobody takes back.
    fn by_hand(&mut self, operator: &OperatorId, body: EffectBody) {
        self.scratch.effects.push(Decided {
            author: Author::Operator(operator.clone()),
            lane: self.scratch.lane,
            ..Decided::lasting(body)
        });
    }

    /// A person leads from now on: nothing that automation has decided begins any more.
    pub(super) fn take_over(&mut self) {
        self.raise_epoch = true;
        self.raise_fence = true;
        self.cancel_automatic();
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
        let before = PausedAutomation {
            automation: self.snapshot.automation,
            label: self.snapshot.label.clone(),
            set_by_hand: self.snapshot.set_by_hand,
        };
        self.open_session(Handling::InProgress, &actor);
        self.given_now = true;
        // Where people have queues, nobody's dialog is answered: it is his who writes.
        let leads = takes_over || self.snapshot.automation == Automation::Manual;
        let is_nobodys = self.snapshot.assignee.operator().is_none();
        let has_queue = sessions::queue_of(self.config, &self.snapshot).is_some();
        let session = self.snapshot.session.as_ref();
        let waits = session.is_some_and(Session::is_waiting);
        if waits || leads && is_nobodys && has_queue {
            self.assign(Assignee::Operator(operator.clone()), &actor);
        }
        if waits {
            self.in_progress(&actor);
        }
        if takes_over {
            self.set_automation(actor, Automation::Manual, None);
            // What failed is not taken up again by itself.
            self.snapshot.paused = Some(before).filter(|before| before.automation.drives());
        }
        if let OperatorWrite::PauseFor(period) = policy
            && self.snapshot.paused.is_some()
        {
            let due = time::add(self.now, period.into());
            self.set_timer_at(PAUSE_TIMER, time::whole_milliseconds(due));
        }
        self.snapshot.attention.last_side = Some(Side::Us);
        self.snapshot.attention.needs_reply_since = None;
        self.snapshot.attention.acknowledged = false;
        if let Some(session) = &mut self.snapshot.session {
            session.answered = true;
        }
    }

    /// Several settings as one act. A status on a blocked dialog lifts the operator's own block.
    fn operator_set(&mut self, actor: Actor, settings: &DialogSettings) {
        let (status, step) = (settings.status.as_ref(), settings.step.as_ref());
        if let Some(target) = step {
            self.place(target);
            self.forget_held();
            // What automation had said for the old step must not arrive at the new one.
            self.take_over();
        }
        self.snapshot.retries = 0;
        if let Some(assignee) = &settings.assignee {
            self.given_now |= assignee.operator().is_some();
            self.reassign(assignee, &actor);
        }
        if let Some(line) = settings.line.filter(|line| *line != self.snapshot.line) {
            self.snapshot.line = line;
            let actor = actor.clone();
            self.scratch
                .facts
                .push(Fact::LineChanged { to: line, actor });
        }
        if let Some(to) = &settings.translate {
            self.snapshot.translate = to.clone();
        }
        // Once the dialog is placed, its data is that of where it stands; the step that is entered
        // reads what is set beside it.
        self.patch(settings);
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
        // Whoever gives it to a bot wants it to be led.
        let to_bot = matches!(settings.assignee, Some(Assignee::Bot(_)))
            && self.snapshot.automation == Automation::Manual;
        let go_on = (to_bot || idle && step.is_some()).then_some(&StatusChoice::Auto);
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
            let was_blocked = self.snapshot.is_blocked();
            let was_manual = self.snapshot.automation == Automation::Manual;
            self.end_pause();
            if self.snapshot.operator_block.is_some() && chosen_by_name {
                let before = self.snapshot.automation;
                self.change(actor.clone(), |snapshot| {
                    snapshot.operator_block = None;
                    snapshot.automation = automation;
                    snapshot.label.clone_from(&label);
                    snapshot.set_by_hand = true;
                });
                self.after_automation_set(&actor, before);
            } else {
                self.set_automation(actor, automation, label);
            }
            let is_unblocked = was_blocked && !self.snapshot.is_blocked();
            if automation.drives() && (!led || is_unblocked) {
                self.is_silence_broken |= is_unblocked;
                self.rearm();
                if is_unblocked && step.is_none() {
                    self.ask_once_more();
                }
                let now = self.config.behaviour().resume_from == ResumeFrom::CurrentStepNow;
                if now && was_manual && step.is_none() && self.may_run() {
                    self.run_on();
                }
            }
        }
        if step.is_some() && self.may_run() {
            self.is_silence_broken = true;
            self.run_entry();
        }
    }

    /// Sets tags and fields of the contact, and the dialog's data.
    pub(super) fn patch(&mut self, settings: &DialogSettings) {
        let tags = (settings.remove_tags.iter().cloned()).map(ContactPatch::RemoveTag);
        let tags = tags.chain(settings.add_tags.iter().cloned().map(ContactPatch::AddTag));
        let fields = settings.fields.iter();
        let fields = fields.map(|(name, value)| ContactPatch::Field(name.clone(), value.clone()));
        for patch in tags.chain(fields) {
            if patch.apply(&mut self.snapshot.contact) {
                self.scratch.facts.push(Fact::ContactPatched(patch.clone()));
                let patch = Decided::lasting(EffectBody::PatchContact(patch));
                self.scratch.effects.push(patch);
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

    /// Where a target leads this dialog; none where there is no such step.
    pub(super) fn find_target(&self, target: &StepTarget) -> Option<Resolved> {
        let own = self.snapshot.position.as_ref();
        let own = own.map(|position| &position.flow);
        let flow = target.flow.as_ref().or(own);
        let flow = flow.unwrap_or_else(|| &self.config.settings().entry);
        let pins = &self.snapshot.pins;
        self.config.find_pinned(pins, flow, target.step.as_ref())
    }

    /// Puts the dialog before a step, which is entered when automation goes on.
    pub(super) fn place(&mut self, target: &StepTarget) {
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
        self.cancel_step_timers();
        self.forget_call();
        self.drop_calls();
        // Whoever leads here has found the step.
        if let Some(at) = self.find_target(target) {
            let version = self.config.flow(at.flow).version;
            let step = self.config.step(at).name.clone();
            let mut position = Position::new(flow, version, step);
            position.phase = Phase::Before;
            position.resolved = Some(at);
            self.snapshot.position = Some(position);
        }
    }
}
