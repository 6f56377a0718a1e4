//! One turn: from an admitted event to a transition.

use crate::dialog::{
    Actor, Author, Automation, CallPurpose, CancelScope, Effect, EffectBody, EffectId, ErrorKind,
    Event, EventBody, Fact, FailureClass, Handling, HeldMessage, Message, MessageRecord, Moment,
    Notice, OperatorId, PendingCall, QueueId, Quote, Reach, Reading, SessionRecord, ShownStatus,
    Side, SideCall, Snapshot, Text, Usage,
};
use crate::engine::outside::MODEL_PORT;
use crate::engine::sessions::{OFFER_TIMER, SESSION_TIMER};
use crate::engine::{LAW, Transition};
use crate::flow::{
    Config, Decided, FinishedInbound, ManualWaitingExit, MediaRule, Scratch, StepFailure, UnblockTo,
};

/// Most dropped questions to models whose cost is still awaited; of older ones only the bot's own
/// account learns.
const LATE_MAX: usize = 16;

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
    /// What the contact said in this turn, for the rules that look for it.
    pub(super) said: Vec<Message>,
    /// Which of it robots look at.
    pub(super) heard_by_robots: Option<Message>,
    /// The bot is paused: what comes is held, and nothing begins.
    pub(super) is_paused: bool,
    /// The contact's silence is over, or begins to be counted anew.
    pub(super) is_silence_broken: bool,
    /// What the outside said of the failure that the turn is told of.
    pub(super) answer_detail: Option<Text>,
    /// What people are to read beside the Error that comes next.
    pub(super) failure_detail: Option<Text>,
    /// What models have used, of which this turn learned.
    pub(super) usage: Usage,
    /// Automation led before the turn.
    pub(super) led_before: bool,
    /// What was shown before the turn.
    pub(super) shown_before: ShownStatus,
    /// What the transcript gets, beside what the turn sends.
    written: Option<Written>,
    /// Sessions completed by this turn.
    pub(super) completed: Vec<SessionRecord>,
    session_before: Option<SessionRecord>,
    /// Operators who let an offer run out.
    pub(super) missed: Vec<OperatorId>,
    /// Operators chosen by a queue's rule.
    pub(super) given: Option<(QueueId, Vec<OperatorId>)>,
    /// The turn names who is to have the dialog: it waits in no queue for him.
    pub(super) given_now: bool,
    pub(super) cancel: Option<CancelScope>,
    pub(super) raise_epoch: bool,
    pub(super) raise_fence: bool,
}

/// A line of the transcript that the turn doesn't send.
#[derive(Debug)]
struct Written {
    author: Author,
    message: Message,
    edits: Option<Quote>,
    reading: Option<Reading>,
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
            said: Vec::new(),
            heard_by_robots: None,
            is_paused: false,
            is_silence_broken: false,
            answer_detail: None,
            failure_detail: None,
            usage: Usage::default(),
            led_before: leads_now(&snapshot),
            shown_before: snapshot.shown_status(),
            written: None,
            completed: Vec::new(),
            session_before: session_of(&snapshot),
            missed: Vec::new(),
            given: None,
            given_now: false,
            cancel: None,
            raise_epoch: false,
            raise_fence: false,
            snapshot,
        }
    }

    /// Handles the event and closes the turn.
    pub(crate) fn handle(mut self) -> Transition {
        let event = self.event;
        let led = self.leave_old_version();
        if !led.is_over {
            self.apply(&event.body);
        }
        self.enter_where_led(led);
        self.act_by_rules();
        self.release_later();
        self.count_silence();
        self.want_manager();
        self.alert();
        let sends = |decided: &Decided| matches!(decided.body, EffectBody::Send(_));
        let has_message = self.written.is_some() || self.scratch.effects.iter().any(sends);
        self.count_session(has_message);
        self.divert_for_translation();
        self.finish()
    }

    fn apply(&mut self, body: &EventBody) {
        match body {
            EventBody::MessageReceived(message) => self.message_received(message),
            EventBody::Started { source, message } => self.started(source.as_deref(), message),
            EventBody::MessageEdited(message) => {
                let edits = message.external_id().cloned().map(Quote::External);
                self.write(Author::Contact, message.clone(), edits, None);
                self.snapshot.attention.heard_at = Some(self.now);
            }
            EventBody::OperatorWrote { operator, message } => {
                let author = Author::Operator(operator.clone());
                self.write(author, message.clone(), None, None);
                self.operator_wrote(operator);
            }
            EventBody::DialogOpened | EventBody::Deployed => {}
            EventBody::PostbackReceived(postback) => self.postback_received(postback),
            EventBody::WhilePaused(body) => {
                self.is_paused = true;
                self.apply(body);
            }
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
                    self.wait_silently(&Actor::ContactRow);
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
            EventBody::CallAnswered {
                call,
                answer,
                detail,
            } => self.call_answered(*call, answer, detail.as_ref()),
            EventBody::StepPanicked(body) => {
                self.panicked = true;
                self.apply(body);
            }
            EventBody::OperatorActed { operator, act } => self.operator_acted(operator, act),
            EventBody::QueueChanged(terms) => self.snapshot.terms = Some(terms.clone()),
            EventBody::Routed { queue, choice, .. } => self.routed(queue, choice),
            EventBody::OperatorLeft { operator, .. } => self.operator_left(operator),
        }
    }

    /// The contact wrote: a session is open from now on.
    fn come(&mut self) {
        if self.snapshot.session.is_none() {
            let handling = self.opening();
            self.open_session(handling, &Actor::Contact);
            if handling != Handling::Bot {
                self.after_return(&Actor::Contact);
            }
        }
    }

    fn message_received(&mut self, message: &Message) {
        // What is ignored takes nothing away from a question that is still to be answered.
        let is_ignored = self.is_ignored(message);
        self.heard(message, is_ignored);
        self.hold_or_lead(message, false);
    }

    /// The contact wrote: what that changes whatever the flow does.
    /// `keeps_call`: it says nothing new, so what was asked of the outside is still wanted.
    pub(super) fn heard(&mut self, message: &Message, keeps_call: bool) {
        self.write(Author::Contact, message.clone(), None, None);
        if !self.is_paused {
            self.said.push(message.clone());
        }
        if !keeps_call && !self.keeps_messages() {
            self.forget_call();
        }
        self.drop_advice();
        self.break_silence();
        self.come();
        let attention = &mut self.snapshot.attention;
        attention.last_side = Some(Side::Contact);
        attention.needs_reply_since.get_or_insert(self.now);
        attention.acknowledged = false;
        attention.heard_at = Some(self.now);
        if self.snapshot.reach != Reach::Ok {
            let was_blocked = self.snapshot.is_blocked();
            // Whoever writes to us can be written to.
            self.change(Actor::Contact, |snapshot| snapshot.reach = Reach::Ok);
            self.after_unblock(was_blocked, &Actor::Contact);
        }
        self.translate_theirs(message);
    }

    /// Hands a message to the flow, where it leads.
    pub(super) fn lead(&mut self, held: HeldMessage) {
        if held.in_pause {
            self.said.push(held.message.clone());
        }
        if self.leads() && !held.passed {
            // Of an album the strictest rule holds.
            match self.media_rule(&held.message) {
                Some((MediaRule::ToManual, kind)) => return self.media_to_manual(kind),
                // The step waits on as if nothing had been written.
                Some((MediaRule::Ignore, _)) => return self.rearm(),
                Some((MediaRule::Recognise, _)) => return self.recognise(held),
                Some((MediaRule::PassToStep, _)) | None => {}
            }
        }
        if held.begins && self.begins_again(&held.message) {
            return;
        }
        let message = &held.message;
        self.inbound = Some(message.clone());
        if !self.is_bots() {
            return;
        }
        let behaviour = self.config.behaviour();
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
            Automation::Error(_) => self.error_heard(message),
            Automation::Manual => {}
        }
    }

    /// Leads where the bot's settings say once nothing blocks any more.
    pub(super) fn after_unblock(&mut self, was_blocked: bool, actor: &Actor) {
        if !was_blocked || self.snapshot.is_blocked() {
            return;
        }
        match self.config.behaviour().unblock_to {
            // What came due meanwhile was discarded; it is planned again.
            UnblockTo::Previous if self.snapshot.automation.drives() => {
                self.is_silence_broken = true;
                self.rearm();
                self.ask_once_more();
            }
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
                    let to = match self.config.behaviour().step_failure {
                        StepFailure::Error => Automation::Error(ErrorKind::DeliveryFailed),
                        StepFailure::Manual => Automation::Manual,
                    };
                    self.set_automation(Actor::Channel, to, None);
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
        let before = self.snapshot.automation;
        self.change(actor.clone(), |snapshot| {
            snapshot.automation = automation;
            snapshot.label = label;
            snapshot.set_by_hand = by_hand;
        });
        self.after_automation_set(&actor, before);
    }

    /// A call's answer belongs to the status it was asked in, timers to automation that drives.
    pub(super) fn after_automation_set(&mut self, actor: &Actor, before: Automation) {
        self.forget_call();
        self.snapshot.failure = match self.snapshot.automation {
            Automation::Error(_) => self.failure_detail.take(),
            _ => None,
        };
        match self.snapshot.automation {
            Automation::Manual => self.hand_to_people(actor),
            // Whoever led before has given it back.
            Automation::Start | Automation::Auto | Automation::Waiting if !before.drives() => {
                self.hand_to_bot(actor);
            }
            Automation::Start
            | Automation::Auto
            | Automation::Waiting
            | Automation::Finished
            | Automation::Error(_) => {}
        }
        if !self.snapshot.automation.drives() {
            self.drop_reply();
            self.cancel_timers();
            let is_person = matches!(actor, Actor::Operator(_));
            let becomes_manual =
                self.snapshot.automation == Automation::Manual && before != Automation::Manual;
            if is_person && (self.drove || becomes_manual) {
                self.take_over();
            }
        }
        self.plan_retry();
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
                actor: actor.clone(),
                error,
            });
        }
        // Also where something else that is shown has changed with it.
        let behind = self.snapshot.automation_status();
        if hidden != behind && self.snapshot.shown_status() != behind {
            self.scratch
                .facts
                .push(Fact::HiddenStatusChanged { to: behind, actor });
        }
    }

    /// Cancels all timers of the flow, and forgets what was held.
    pub(crate) fn cancel_timers(&mut self) {
        // Where no flow will get it any more, the transcript has it. An error may be left.
        let may_go_on = matches!(self.snapshot.automation, Automation::Error(_));
        if !may_go_on && !self.takes_messages() {
            self.snapshot.held.clear();
            self.forget_side_calls(|purpose| *purpose == CallPurpose::Recognise);
        }
        let timers = self.snapshot.timers.keys();
        let of_flow = timers.filter(|name| !matches!(name.as_str(), OFFER_TIMER | SESSION_TIMER));
        let of_flow: Vec<String> = of_flow.cloned().collect();
        for name in of_flow {
            self.cancel_timer(&name);
        }
    }

    /// Nothing can be sent any more: what waits is cancelled, whoever decided it.
    pub(super) fn silence(&mut self) {
        let is_interrupted = self.snapshot.call.is_some() || self.drop_reply();
        if let Some(position) = &mut self.snapshot.position {
            position.interrupted |= is_interrupted;
        }
        self.forget_call();
        // What was to be read is read when the block is over.
        for held in &mut self.snapshot.held {
            held.recognising = None;
        }
        self.forget_side_calls(|purpose| *purpose == CallPurpose::Recognise);
        self.cancel = Some(CancelScope::Messages);
        self.drop_outgoing(|_| true);
        // What is under way and comes back for another try must not be sent after an unblock.
        self.raise_epoch = true;
        self.raise_fence = true;
    }

    /// Whatever answer comes now is late.
    pub(crate) fn forget_call(&mut self) {
        if let Some(call) = self.snapshot.call.take()
            && call.port == MODEL_PORT
        {
            let ai = self.here().and_then(|step| step.kind.ai());
            let model = ai.and_then(|ai| ai.model.clone());
            self.dropped(call.id, model);
        }
        self.scratch.pending_call = None;
    }

    /// A model was asked in vain: what it will have cost is still to be noted.
    pub(super) fn dropped(&mut self, id: EffectId, model: Option<String>) {
        let purpose = CallPurpose::Late { model };
        let side_calls = &mut self.snapshot.side_calls;
        side_calls.push(SideCall { id, purpose });
        let late = |side: &SideCall| matches!(side.purpose, CallPurpose::Late { .. });
        if side_calls.iter().filter(|side| late(side)).count() > LATE_MAX
            && let Some(oldest) = side_calls.iter().position(late)
        {
            side_calls.remove(oldest);
        }
    }

    pub(super) fn cancel_automatic(&mut self) {
        self.cancel.get_or_insert(CancelScope::Automatic);
        self.drop_outgoing(|message| message.automatic);
    }

    /// Gives the transcript a line that the turn doesn't send.
    pub(super) fn write(
        &mut self,
        author: Author,
        message: Message,
        edits: Option<Quote>,
        reading: Option<Reading>,
    ) {
        self.written = Some(Written {
            author,
            message,
            edits,
            reading,
        });
    }

    /// The message that brought this turn about.
    pub(crate) fn inbound(&self) -> Option<&Message> {
        self.inbound.as_ref()
    }

    /// Whether steps may run now.
    pub(super) fn may_run(&self) -> bool {
        self.snapshot.automation == Automation::Auto && self.snapshot.can_send() && self.is_bots()
    }

    /// Numbers the effects, settles epoch and fence, and closes the journal.
    fn finish(mut self) -> Transition {
        let needs_room = self.is_refusable();
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
        if let Some(written) = self.written {
            let id = EffectId { dialog, turn, n: 0 };
            messages.push(MessageRecord {
                id,
                author: written.author,
                message: written.message,
                at,
                edits: written.edits,
                reading: written.reading,
            });
        }
        if let Some(scope) = self.cancel {
            self.scratch.facts.push(Fact::DeliveriesCancelled(scope));
        }
        let mut effects = Vec::with_capacity(self.scratch.effects.len());
        for (n, decided) in (1..).zip(self.scratch.effects) {
            if decided.is_diverted {
                continue;
            }
            let id = EffectId { dialog, turn, n };
            let body = decided.body;
            match &body {
                EffectBody::Send(message) | EffectBody::Edit { message, .. } => {
                    let edits = match &body {
                        EffectBody::Edit { of, .. } => Some(Quote::Message(*of)),
                        _ => None,
                    };
                    messages.push(MessageRecord {
                        id,
                        author: decided.author,
                        message: message.clone(),
                        at,
                        edits,
                        reading: None,
                    });
                }
                EffectBody::Call { port, .. }
                    if self.scratch.pending_call == usize::try_from(n - 1).ok() =>
                {
                    self.snapshot.call = Some(PendingCall {
                        id,
                        port: port.clone(),
                    });
                }
                EffectBody::Call { .. }
                | EffectBody::Delete { .. }
                | EffectBody::Typing { .. }
                | EffectBody::Tell { .. }
                | EffectBody::PatchContact(_) => {}
            }
            let effect = Effect {
                id,
                automatic: decided.automatic,
                epoch,
                lane: decided.lane,
                body,
            };
            self.scratch.facts.push(Fact::EffectDecided(effect.clone()));
            effects.push(effect);
        }
        if !messages.is_empty() {
            self.snapshot.attention.notice = None;
        } else if let Some(notice) = self.scratch.facts.iter().rev().find_map(notice) {
            self.snapshot.attention.notice = Some(notice);
        }
        let moved = match &self.event.body {
            EventBody::AddressMoved(to) => Some(to.clone()),
            _ => None,
        };
        let mut sessions = self.completed;
        sessions.extend(
            session_of(&self.snapshot).filter(|now| self.session_before.as_ref() != Some(now)),
        );
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
            sessions,
            missed: self.missed,
            given: self.given,
            needs_room,
            usage: self.usage,
            cancel: self.cancel,
        }
    }
}

/// Whether automation leads, as far as automation goes.
pub(super) const fn leads_now(snapshot: &Snapshot) -> bool {
    matches!(snapshot.automation, Automation::Auto | Automation::Waiting)
}

/// The open session as it is listed.
fn session_of(snapshot: &Snapshot) -> Option<SessionRecord> {
    let session = snapshot.session.as_ref()?;
    Some(SessionRecord::of(session, &snapshot.assignee))
}

/// What a list would tell of a fact.
fn notice(fact: &Fact) -> Option<Notice> {
    match fact {
        Fact::StatusChanged { .. } => Some(Notice::StatusChanged),
        Fact::AssigneeChanged { .. } => Some(Notice::AssigneeChanged),
        _ => None,
    }
}
