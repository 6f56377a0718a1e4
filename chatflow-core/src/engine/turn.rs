//! One turn: from an admitted event to a transition.

use crate::dialog::{
    Actor, Assignee, Author, Automation, CancelScope, ContactPatch, DialogSettings, Effect,
    EffectBody, EffectId, ErrorKind, Event, EventBody, Fact, FailureClass, Handling, Message,
    MessageRecord, Moment, OperatorAct, OperatorBlock, OperatorId, PendingCall, Phase, Position,
    Reach, Session, Side, Snapshot, StatusChoice, StepTarget, TimerChange, TimerSet, time,
};
use crate::engine::{LAW, Transition, admit};
use crate::flow::{
    Config, FinishedInbound, ManualWaitingExit, MediaRule, OperatorWrite, STEP_TIMER, Scratch,
    UnblockTo,
};

/// Name of the timer that ends an operator's pause.
const PAUSE_TIMER: &str = "pause";

/// A turn under way. Every change of status goes through [`Turn::change`].
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) config: &'a Config,
    pub(crate) snapshot: Snapshot,
    pub(crate) event: &'a Event,
    pub(crate) now: Moment,
    pub(crate) scratch: Scratch,
    /// A host's step panicked on this event: it is recorded, and no step runs.
    pub(crate) panicked: bool,
    drove: bool,
    inbound: Option<Message>,
    cancel: Option<CancelScope>,
    raise_epoch: bool,
    raise_fence: bool,
}

impl<'a> Turn<'a> {
    pub(crate) fn begin(
        config: &'a Config,
        snapshot: Snapshot,
        event: &'a Event,
        now: Moment,
    ) -> Self {
        let mut scratch = Scratch::default();
        // Most turns have fewer facts; growing a list of them step by step costs more.
        scratch.facts.reserve_exact(12);
        scratch.facts.push(Fact::Input {
            law: LAW,
            config: config.hash(),
            now,
            event: event.clone(),
        });
        if snapshot.law != LAW || snapshot.code != config.code() {
            scratch
                .facts
                .push(Fact::Checkpoint(Box::new(snapshot.clone())));
        }
        Self {
            config,
            event,
            now,
            scratch,
            panicked: false,
            drove: snapshot.automation.drives(),
            inbound: None,
            cancel: None,
            raise_epoch: false,
            raise_fence: false,
            snapshot,
        }
    }

    /// Handles the event and closes the turn.
    pub(crate) fn handle(mut self) -> Transition {
        let event = self.event;
        self.apply(&event.body);
        self.finish()
    }

    fn apply(&mut self, body: &EventBody) {
        match body {
            EventBody::MessageReceived(message) => self.message_received(message),
            EventBody::ContactChanged(view) => {
                let view = view.clone();
                let was_blocked = self.snapshot.is_blocked();
                self.change(Actor::ContactRow, |snapshot| snapshot.contact = view);
                if self.snapshot.is_blocked_by_us() && !was_blocked {
                    self.silence();
                }
                self.after_unblock(was_blocked, &Actor::ContactRow);
            }
            EventBody::TimerFired { name, .. } => self.timer_fired(name),
            EventBody::ReachReported(reach) => self.reach_reported(*reach),
            EventBody::DeliveryFailed {
                automatic,
                epoch,
                class,
                ..
            } => {
                let ours = *automatic && *epoch == self.snapshot.epoch;
                self.delivery_failed(*class, ours);
            }
            EventBody::CallAnswered { answer, .. } => {
                self.snapshot.call = None;
                if self.may_run() {
                    self.run_answer(answer);
                }
            }
            EventBody::StepPanicked(body) => {
                self.panicked = true;
                self.apply(body);
            }
            EventBody::OperatorActed { operator, act } => self.operator_acted(operator, act),
        }
    }

    fn message_received(&mut self, message: &Message) {
        self.inbound = Some(message.clone());
        self.forget_call();
        self.open_session(Handling::Bot);
        let attention = &mut self.snapshot.attention;
        attention.last_side = Some(Side::Contact);
        attention.needs_reply_since.get_or_insert(self.now);
        if self.snapshot.reach != Reach::Ok {
            let was_blocked = self.snapshot.is_blocked();
            // Whoever writes to us can be written to.
            self.change(Actor::Contact, |snapshot| snapshot.reach = Reach::Ok);
            self.after_unblock(was_blocked, &Actor::Contact);
        }
        let behaviour = self.config.behaviour();
        let leads = match self.snapshot.automation {
            Automation::Start => behaviour.auto_start,
            Automation::Auto | Automation::Waiting => true,
            Automation::Manual | Automation::Finished | Automation::Error(_) => false,
        };
        if leads && let Some(media) = message.media() {
            match behaviour.rule_for(media.kind) {
                MediaRule::ToManual => {
                    let actor = Actor::MediaRule(media.kind);
                    return self.set_automation(actor, Automation::Manual, None);
                }
                MediaRule::Ignore => return,
                MediaRule::PassToStep => {}
            }
        }
        match self.snapshot.automation {
            Automation::Start if !behaviour.auto_start => {}
            Automation::Waiting
                if self.snapshot.set_by_hand
                    && behaviour.manual_waiting_exit == ManualWaitingExit::ToManual =>
            {
                self.set_automation(Actor::Contact, Automation::Manual, None);
            }
            Automation::Start | Automation::Waiting => {
                self.set_automation(Actor::Contact, Automation::Auto, None);
                self.run_message(message);
            }
            Automation::Auto => self.run_message(message),
            Automation::Finished => match behaviour.finished_inbound {
                FinishedInbound::Stay => {}
                FinishedInbound::ToManual => {
                    self.set_automation(Actor::Contact, Automation::Manual, None);
                }
                FinishedInbound::RestartEntryFlow => {
                    self.drop_calls();
                    self.snapshot.position = None;
                    self.set_automation(Actor::Contact, Automation::Auto, None);
                    self.run_message(message);
                }
            },
            Automation::Manual | Automation::Error(_) => {}
        }
    }

    /// Leads where the bot's settings say once nothing blocks any more.
    fn after_unblock(&mut self, was_blocked: bool, actor: &Actor) {
        if !was_blocked || self.snapshot.is_blocked() {
            return;
        }
        match self.config.behaviour().unblock_to {
            UnblockTo::Previous => {}
            UnblockTo::Manual => self.set_automation(actor.clone(), Automation::Manual, None),
            UnblockTo::Start => {
                self.drop_calls();
                self.snapshot.position = None;
                self.cancel_timers();
                self.set_automation(actor.clone(), Automation::Start, None);
            }
        }
    }

    fn timer_fired(&mut self, name: &str) {
        self.snapshot.timers.remove(name);
        self.scratch.timer(TimerChange::Cancel {
            name: name.to_owned(),
        });
        if name == PAUSE_TIMER {
            if self.snapshot.automation == Automation::Manual {
                self.set_automation(Actor::Timer(name.to_owned()), Automation::Auto, None);
                self.rearm();
            }
            return;
        }
        if !self.snapshot.can_send() {
            return;
        }
        match self.snapshot.automation {
            Automation::Waiting => {
                self.set_automation(Actor::Timer(name.to_owned()), Automation::Auto, None);
                self.run_timeout();
            }
            Automation::Auto => self.run_timeout(),
            // Nothing runs in these, so the timer is discarded.
            Automation::Start
            | Automation::Manual
            | Automation::Finished
            | Automation::Error(_) => {}
        }
    }

    fn reach_reported(&mut self, reach: Reach) {
        let actor = if reach == Reach::Ok {
            Actor::Contact
        } else {
            Actor::Channel
        };
        let was_blocked = self.snapshot.is_blocked();
        self.change(actor.clone(), |snapshot| snapshot.reach = reach);
        if reach != Reach::Ok {
            self.silence();
        }
        self.after_unblock(was_blocked, &actor);
    }

    /// `ours`: automation decided the message and has led ever since.
    fn delivery_failed(&mut self, class: FailureClass, ours: bool) {
        let reach = match class {
            FailureClass::Blocked => Reach::BlockedByContact,
            FailureClass::CannotWrite(cause) => Reach::CannotWrite(cause),
            // The channel was away for long: the message is lost, the dialog is as it was.
            FailureClass::Exhausted => return,
            FailureClass::Content => {
                let leads = matches!(
                    self.snapshot.automation,
                    Automation::Auto | Automation::Waiting
                );
                if ours && leads {
                    let error = Automation::Error(ErrorKind::DeliveryFailed);
                    self.set_automation(Actor::Channel, error, None);
                    // What came after the lost message would make no sense without it.
                    self.cancel_automatic();
                }
                return;
            }
        };
        if self.snapshot.reach != reach {
            self.change(Actor::Channel, |snapshot| snapshot.reach = reach);
            self.silence();
        }
    }

    fn operator_acted(&mut self, operator: &OperatorId, act: &OperatorAct) {
        let actor = Actor::Operator(operator.clone());
        match act {
            OperatorAct::Reply(text) => {
                let message = Message::new(text.clone());
                let policy = self.config.behaviour().operator_write;
                let takes_over = match self.snapshot.automation {
                    Automation::Start
                    | Automation::Auto
                    | Automation::Waiting
                    | Automation::Error(_) => policy != OperatorWrite::KeepStatus,
                    Automation::Manual | Automation::Finished => false,
                };
                let is_paused = self.snapshot.timers.contains_key(PAUSE_TIMER);
                self.open_session(Handling::InProgress);
                if takes_over {
                    self.set_automation(actor, Automation::Manual, None);
                }
                if let OperatorWrite::PauseFor(period) = policy
                    && (takes_over || is_paused)
                {
                    let due = time::add(self.now, period.into());
                    self.set_timer_at(PAUSE_TIMER, time::whole_milliseconds(due));
                }
                self.snapshot.attention.last_side = Some(Side::Us);
                self.snapshot.attention.needs_reply_since = None;
                self.scratch
                    .effects
                    .push((EffectBody::Send(message), false));
            }
            OperatorAct::Take => {
                self.open_session(Handling::InProgress);
                self.assign(Assignee::Operator(operator.clone()), &actor);
                // Who takes it keeps it until he says otherwise.
                self.cancel_timers();
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

    /// Several settings as one act. A status on a blocked dialog lifts the operator's own block.
    fn operator_set(&mut self, actor: Actor, settings: &DialogSettings) {
        // The step that is entered reads what is set beside it.
        self.operator_patches(settings);
        let (status, step) = (settings.status.as_ref(), settings.step.as_ref());
        if let Some(target) = step {
            self.place(target);
            // What automation had said for the old step must not arrive at the new one.
            self.raise_epoch = true;
            self.raise_fence = true;
            self.cancel_automatic();
        }
        // Where nothing runs yet or any more, choosing a step is choosing to go on from it.
        let idle = matches!(
            self.snapshot.automation,
            Automation::Start | Automation::Finished
        );
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
            if automation != Automation::Manual {
                self.cancel_timer(PAUSE_TIMER);
            }
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
    fn rearm(&mut self) {
        let config = self.config;
        let Some(position) = &mut self.snapshot.position else {
            return;
        };
        let due = position.due;
        let is_before = position.phase == Phase::Before;
        if is_before || self.snapshot.timers.contains_key(STEP_TIMER) {
            return;
        }
        let step = config.resolve(position).map(|at| config.step(at));
        match (step, due) {
            (Some(step), _) if step.timeout.is_some() => self.set_timeout(step),
            (_, Some(due)) => self.set_timer_at(STEP_TIMER, due.max(self.now)),
            _ => {}
        }
    }

    fn set_timer_at(&mut self, name: &str, due: Moment) {
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

    fn cancel_timer(&mut self, name: &str) {
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
        self.cancel_timers();
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

    /// Sets automation and its label; says so in the journal where anything changes.
    pub(crate) fn set_automation(
        &mut self,
        actor: Actor,
        automation: Automation,
        label: Option<crate::dialog::StatusLabel>,
    ) {
        if self.snapshot.automation == automation && self.snapshot.label == label {
            return;
        }
        let by_hand = matches!(actor, Actor::Operator(_));
        self.change(actor.clone(), |snapshot| {
            snapshot.automation = automation;
            snapshot.label = label;
            snapshot.set_by_hand = by_hand;
        });
        self.after_automation_set(&actor);
    }

    /// A call's answer belongs to the status it was asked in, timers to automation that drives.
    fn after_automation_set(&mut self, actor: &Actor) {
        self.forget_call();
        match self.snapshot.automation {
            Automation::Manual => self.hand_to(Handling::InProgress),
            Automation::Auto => self.hand_to(Handling::Bot),
            Automation::Start
            | Automation::Waiting
            | Automation::Finished
            | Automation::Error(_) => {}
        }
        if !self.snapshot.automation.drives() {
            self.cancel_timers();
            if matches!(actor, Actor::Operator(_)) && self.drove {
                self.raise_fence = true;
                self.cancel_automatic();
            }
        }
    }

    /// The one place where a status changes: applies the change and records what it shows.
    pub(crate) fn change(&mut self, actor: Actor, apply: impl FnOnce(&mut Snapshot)) {
        let from = self.snapshot.shown_status();
        let hidden = self.snapshot.automation_status();
        apply(&mut self.snapshot);
        let to = self.snapshot.shown_status();
        if from != to {
            let error = match self.snapshot.automation {
                Automation::Error(kind) if to.kind == crate::dialog::StatusKind::Error => {
                    Some(kind)
                }
                _ => None,
            };
            self.scratch.facts.push(Fact::StatusChanged {
                from,
                to,
                actor,
                error,
            });
        } else if hidden != self.snapshot.automation_status() {
            let to = self.snapshot.automation_status();
            self.scratch
                .facts
                .push(Fact::HiddenStatusChanged { to, actor });
        }
    }

    fn open_session(&mut self, handling: Handling) {
        if self.snapshot.session.is_none() {
            let session = Session {
                number: 1,
                handling,
                opened_at: self.now,
            };
            self.scratch.facts.push(Fact::SessionOpened {
                number: session.number,
            });
            self.snapshot.session = Some(session);
        }
    }

    pub(crate) fn hand_to(&mut self, to: Handling) {
        if let Some(session) = &mut self.snapshot.session
            && session.handling != to
        {
            session.handling = to;
            self.scratch.facts.push(Fact::HandlingChanged { to });
        }
    }

    fn assign(&mut self, to: Assignee, actor: &Actor) {
        if self.snapshot.assignee != to {
            let from = std::mem::replace(&mut self.snapshot.assignee, to.clone());
            self.scratch.facts.push(Fact::AssigneeChanged {
                from,
                to,
                actor: actor.clone(),
            });
        }
    }

    pub(crate) fn cancel_timers(&mut self) {
        for (name, _) in std::mem::take(&mut self.snapshot.timers) {
            self.scratch.timer(TimerChange::Cancel { name });
        }
    }

    /// Nothing can be sent any more: what waits is cancelled, whoever decided it.
    fn silence(&mut self) {
        self.forget_call();
        self.cancel = Some(CancelScope::Messages);
        // What is under way and comes back for another try must not be sent after an unblock.
        self.raise_epoch = true;
        self.raise_fence = true;
    }

    /// Whatever answer comes now is late.
    pub(crate) fn forget_call(&mut self) {
        self.snapshot.call = None;
        self.scratch.pending_call = None;
    }

    fn cancel_automatic(&mut self) {
        self.cancel.get_or_insert(CancelScope::Automatic);
    }

    /// The message that brought this turn about.
    pub(crate) fn inbound(&self) -> Option<&Message> {
        self.inbound.as_ref()
    }

    /// Whether steps may run now.
    fn may_run(&self) -> bool {
        self.snapshot.automation == Automation::Auto && self.snapshot.can_send()
    }

    /// Numbers the effects, settles epoch and fence, and closes the journal.
    fn finish(mut self) -> Transition {
        let turn = self.snapshot.revision + 1;
        if self.raise_epoch || self.snapshot.automation.drives() != self.drove {
            self.snapshot.epoch += 1;
        }
        if self.raise_fence {
            self.snapshot.fence = self.snapshot.epoch;
        }
        let dialog = self.snapshot.dialog;
        let epoch = self.snapshot.epoch;
        let at = self.now;
        let mut messages = Vec::with_capacity(self.scratch.effects.len() + 1);
        if let Some(message) = self.inbound {
            let id = EffectId { dialog, turn, n: 0 };
            messages.push(MessageRecord {
                id,
                author: Author::Contact,
                message,
                at,
            });
        }
        if let Some(scope) = self.cancel {
            self.scratch.facts.push(Fact::DeliveriesCancelled(scope));
        }
        let mut effects = Vec::with_capacity(self.scratch.effects.len());
        for (n, (body, automatic)) in (1..).zip(self.scratch.effects) {
            let id = EffectId { dialog, turn, n };
            match &body {
                EffectBody::Send(message) => {
                    let author = match &self.event.body {
                        EventBody::OperatorActed { operator, .. } if !automatic => {
                            Author::Operator(operator.clone())
                        }
                        _ => Author::Automation,
                    };
                    messages.push(MessageRecord {
                        id,
                        author,
                        message: message.clone(),
                        at,
                    });
                }
                EffectBody::Call { port, .. }
                    if self.scratch.pending_call == Some(effects.len()) =>
                {
                    self.snapshot.call = Some(PendingCall {
                        id,
                        port: port.clone(),
                    });
                }
                EffectBody::Call { .. } | EffectBody::PatchContact(_) => {}
            }
            let effect = Effect {
                id,
                automatic,
                epoch,
                body,
            };
            self.scratch.facts.push(Fact::EffectDecided(effect.clone()));
            effects.push(effect);
        }
        self.snapshot.revision = turn;
        self.snapshot.turned_at = self.now;
        self.snapshot.law = LAW;
        self.snapshot.code = self.config.code();
        Transition {
            snapshot: self.snapshot,
            facts: self.scratch.facts,
            effects,
            timers: self.scratch.timers,
            messages,
            cancel: self.cancel,
        }
    }
}
