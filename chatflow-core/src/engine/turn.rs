//! One turn: from an admitted event to a transition.

use crate::dialog::{
    Actor, Assignee, Author, Automation, CancelScope, Effect, EffectBody, EffectId, ErrorKind,
    Event, EventBody, Fact, FailureClass, Handling, Message, MessageRecord, Moment, OperatorAct,
    PendingCall, Quote, Reach, SendLane, Session, Side, Snapshot, TimerChange,
};
use crate::engine::album::ALBUM_TIMER;
use crate::engine::{LAW, Transition};
use crate::flow::{Config, FinishedInbound, ManualWaitingExit, MediaRule, Scratch, UnblockTo};

/// Name of the timer that ends an operator's pause.
pub(super) const PAUSE_TIMER: &str = "pause";

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
    /// The message that steps get.
    pub(super) inbound: Option<Message>,
    /// What the transcript gets, beside what the turn sends.
    written: Option<(Author, Message, Option<Quote>)>,
    pub(super) cancel: Option<CancelScope>,
    pub(super) raise_epoch: bool,
    pub(super) raise_fence: bool,
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
            written: None,
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
            EventBody::Started { source, message } => self.started(source.as_deref(), message),
            EventBody::MessageEdited(message) => {
                let edits = message.external_id().cloned().map(Quote::External);
                self.written = Some((Author::Contact, message.clone(), edits));
                self.snapshot.attention.heard_at = Some(self.now);
            }
            EventBody::OperatorWrote { operator, message } => {
                let author = Author::Operator(operator.clone());
                self.written = Some((author, message.clone(), None));
                self.operator_wrote(operator);
            }
            EventBody::DialogOpened => {}
            EventBody::AddressMoved(to) => {
                let to = to.clone();
                self.snapshot.address = to.clone();
                self.scratch.facts.push(Fact::AddressMoved { to });
            }
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
        self.heard(message);
        if self.gather(message) {
            return;
        }
        self.lead(message);
    }

    /// The contact wrote: what that changes whatever the flow does.
    pub(super) fn heard(&mut self, message: &Message) {
        self.written = Some((Author::Contact, message.clone(), None));
        self.forget_call();
        self.open_session(Handling::Bot);
        let attention = &mut self.snapshot.attention;
        attention.last_side = Some(Side::Contact);
        attention.needs_reply_since.get_or_insert(self.now);
        attention.heard_at = Some(self.now);
        if self.snapshot.reach != Reach::Ok {
            let was_blocked = self.snapshot.is_blocked();
            // Whoever writes to us can be written to.
            self.change(Actor::Contact, |snapshot| snapshot.reach = Reach::Ok);
            self.after_unblock(was_blocked, &Actor::Contact);
        }
    }

    /// Hands a message to the flow, where it leads.
    pub(super) fn lead(&mut self, message: &Message) {
        self.inbound = Some(message.clone());
        let behaviour = self.config.behaviour();
        let leads = match self.snapshot.automation {
            Automation::Start => behaviour.auto_start,
            Automation::Auto | Automation::Waiting => true,
            // What would begin the flow anew is looked at like what goes on in it.
            Automation::Finished => behaviour.finished_inbound == FinishedInbound::RestartEntryFlow,
            Automation::Manual | Automation::Error(_) => false,
        };
        if leads {
            // Of an album the strictest rule holds.
            let rules = message.media().iter().map(|media| media.kind);
            let rules = rules.map(|kind| (behaviour.rule_for(kind), kind));
            for (rule, kind) in rules.clone() {
                if rule == MediaRule::ToManual {
                    let actor = Actor::MediaRule(kind);
                    return self.set_automation(actor, Automation::Manual, None);
                }
            }
            if rules.clone().any(|(rule, _)| rule == MediaRule::Ignore) {
                return;
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
    pub(super) fn after_unblock(&mut self, was_blocked: bool, actor: &Actor) {
        if !was_blocked || self.snapshot.is_blocked() {
            return;
        }
        match self.config.behaviour().unblock_to {
            // What came due meanwhile was discarded; it is planned again.
            UnblockTo::Previous if self.snapshot.automation.drives() => self.rearm(),
            UnblockTo::Previous => {}
            UnblockTo::Manual => {
                self.end_pause();
                self.set_automation(actor.clone(), Automation::Manual, None);
            }
            UnblockTo::Start => {
                self.end_pause();
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
        if name == ALBUM_TIMER {
            return self.lead_album();
        }
        if self.snapshot.album.is_some() && name != PAUSE_TIMER {
            // What came in time is answered first; the step that was waited at begins to wait
            // anew, where the dialog still stands there.
            self.lead_album();
            return self.rearm();
        }
        if name == PAUSE_TIMER {
            let before = self.snapshot.paused.take();
            if let Some(before) = before
                && self.snapshot.automation == Automation::Manual
            {
                self.set_automation(Actor::Timer(name.to_owned()), before, None);
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
        if reach == Reach::Ok {
            self.snapshot.attention.heard_at = Some(self.now);
        } else {
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
    pub(super) fn after_automation_set(&mut self, actor: &Actor) {
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

    pub(super) fn open_session(&mut self, handling: Handling) {
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

    pub(super) fn assign(&mut self, to: Assignee, actor: &Actor) {
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
        // Nobody hands it to the flow any more; the transcript has it.
        self.snapshot.album = None;
        for (name, _) in std::mem::take(&mut self.snapshot.timers) {
            self.scratch.timer(TimerChange::Cancel { name });
        }
    }

    /// Nothing can be sent any more: what waits is cancelled, whoever decided it.
    pub(super) fn silence(&mut self) {
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

    pub(super) fn cancel_automatic(&mut self) {
        self.cancel.get_or_insert(CancelScope::Automatic);
    }

    /// The message that brought this turn about.
    pub(crate) fn inbound(&self) -> Option<&Message> {
        self.inbound.as_ref()
    }

    /// Whether steps may run now.
    pub(super) fn may_run(&self) -> bool {
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
        if let Some((author, message, edits)) = self.written {
            let id = EffectId { dialog, turn, n: 0 };
            messages.push(MessageRecord {
                id,
                author,
                message,
                at,
                edits,
            });
        }
        if let Some(scope) = self.cancel {
            self.scratch.facts.push(Fact::DeliveriesCancelled(scope));
        }
        let mut effects = Vec::with_capacity(self.scratch.effects.len());
        for (n, (body, automatic)) in (1..).zip(self.scratch.effects) {
            let id = EffectId { dialog, turn, n };
            match &body {
                EffectBody::Send(message) | EffectBody::Edit { message, .. } => {
                    let author = match &self.event.body {
                        EventBody::OperatorActed { operator, .. } if !automatic => {
                            Author::Operator(operator.clone())
                        }
                        _ => Author::Automation,
                    };
                    let edits = match &body {
                        EffectBody::Edit { of, .. } => Some(Quote::Message(*of)),
                        _ => None,
                    };
                    messages.push(MessageRecord {
                        id,
                        author,
                        message: message.clone(),
                        at,
                        edits,
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
                EffectBody::Call { .. }
                | EffectBody::Delete { .. }
                | EffectBody::PatchContact(_) => {}
            }
            let is_broadcast = matches!(
                self.event.body,
                EventBody::OperatorActed {
                    act: OperatorAct::Broadcast(_),
                    ..
                }
            );
            let lane = if is_broadcast {
                SendLane::Broadcast
            } else {
                SendLane::Reply
            };
            let effect = Effect {
                id,
                automatic,
                epoch,
                lane,
                body,
            };
            self.scratch.facts.push(Fact::EffectDecided(effect.clone()));
            effects.push(effect);
        }
        let moved = match &self.event.body {
            EventBody::AddressMoved(to) => Some(to.clone()),
            _ => None,
        };
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
            moved,
            cancel: self.cancel,
        }
    }
}
