//! What a dialog does by itself, when its time has come.
//!
//! | timer | fires when | is cancelled by |
//! | --- | --- | --- |
//! | `step` | a delay, a time-out or a step's own time is over | leaving the step, a takeover |
//! | `push:N` | the contact is silent at the step | a message, leaving the step, a takeover |
//! | `push_bot:N` | the contact is silent at whichever step | a message, a takeover |
//! | `held` | what the contact wrote can go to the flow | a takeover, the end of the flow |
//! | `pause` | an operator's pause is over | whoever decides what comes after it |
//! | `retry` | the step behind Error is tried again | whoever gets the dialog going |

use std::time::Duration;

use crate::dialog::{
    Actor, Automation, CompletionCause, Fact, Message, Moment, OperatorId, Phase, SendLane,
    TimerChange, TimerSet, time,
};
use crate::engine::held::HELD_TIMER;
use crate::engine::sessions::{OFFER_TIMER, SESSION_TIMER};
use crate::engine::turn::{Turn, leads_now};
use crate::flow::{
    CompiledKind, CompiledPush, CompiledStep, ErrorInbound, PushTogether, STEP_TIMER, next_at,
};

/// Name of the timer that ends an operator's pause.
pub(super) const PAUSE_TIMER: &str = "pause";
/// Name of the timer that tries the step behind Error again.
const RETRY_TIMER: &str = "retry";
/// What the names of timers of a step's pushes begin with.
const PUSH: &str = "push:";
/// What the names of timers of the bot's own pushes begin with.
const BOT_PUSH: &str = "push_bot:";

impl<'a> Turn<'a> {
    /// The step where the dialog stands.
    pub(super) fn here(&self) -> Option<&'a CompiledStep> {
        let position = self.snapshot.position.as_ref()?;
        Some(self.config.step(self.config.locate(position)?))
    }

    pub(super) fn timer_fired(&mut self, name: &str) {
        self.snapshot.timers.remove(name);
        self.scratch.timer(TimerChange::Cancel {
            name: name.to_owned(),
        });
        match name {
            HELD_TIMER => self.release(),
            PAUSE_TIMER => self.pause_over(),
            RETRY_TIMER => self.retry_due(),
            STEP_TIMER => self.step_time_over(),
            OFFER_TIMER => self.offer_over(),
            SESSION_TIMER => {
                let actor = Actor::Timer(SESSION_TIMER.to_owned());
                self.complete_session(CompletionCause::Timeout, &actor);
            }
            name => {
                if let Some(n) = name.strip_prefix(PUSH) {
                    self.push_due(name, n, false);
                } else if let Some(n) = name.strip_prefix(BOT_PUSH) {
                    self.push_due(name, n, true);
                }
            }
        }
    }

    /// A delay, a time-out or a step's own time is over.
    fn step_time_over(&mut self) {
        if !self.snapshot.can_send() || !self.is_bots() {
            return;
        }
        let later = self.no_quiet_hours(self.now);
        if later > self.now && self.begins_by_itself() {
            // It was planned for another hour, and came late.
            return self.set_timer_at(STEP_TIMER, later);
        }
        if self.snapshot.timers.contains_key(HELD_TIMER) {
            // What came in time is answered first, once it is released; where the dialog waits on
            // after that, the wait begins anew.
            return;
        }
        let actor = Actor::Timer(STEP_TIMER.to_owned());
        let is_time_out = self.here().is_some_and(|step| step.timeout.is_some());
        match self.snapshot.automation {
            // Nothing but a time-out ends a Waiting; a delay is over with the contact's next word.
            Automation::Waiting if !is_time_out => {}
            Automation::Waiting => {
                self.set_automation(actor, Automation::Auto, None);
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

    fn pause_over(&mut self) {
        let before = self.snapshot.paused.take();
        if let Some(before) = before
            && self.snapshot.automation == Automation::Manual
        {
            let actor = Actor::Timer(PAUSE_TIMER.to_owned());
            self.set_automation(actor, before.automation, before.label);
            self.snapshot.set_by_hand = before.set_by_hand;
            self.rearm();
        }
    }

    /// The contact has been silent for long. Whether a push may go is asked again now.
    fn push_due(&mut self, name: &str, n: &str, of_bot: bool) {
        let config = self.config;
        let n: usize = n.parse().unwrap_or(usize::MAX);
        let automation = self.snapshot.automation;
        let leads = matches!(automation, Automation::Auto | Automation::Waiting);
        let push = if of_bot {
            config.pushes().get(n)
        } else {
            self.here().and_then(|step| step.pushes.get(n))
        };
        let may_go = leads && self.snapshot.can_send() && self.is_bots();
        let Some(push) = push.filter(|_| may_go && self.snapshot.session.is_some()) else {
            return self.push_fired(name, false);
        };
        let later = self.no_quiet_hours(self.now);
        if later > self.now {
            return self.set_timer_at(name, later);
        }
        if !of_bot && let Some(position) = &mut self.snapshot.position {
            position.pushed = u32::try_from(n + 1).unwrap_or(u32::MAX);
        }
        // After a long rest several are due at once; the latest says what the others would.
        let own = if of_bot { BOT_PUSH } else { PUSH };
        let yields_to_own = self.due_now(own).next().is_some();
        let together = config.behaviour().push_together;
        let (wins, other) = if of_bot {
            (together == PushTogether::BotWins, PUSH)
        } else {
            (together == PushTogether::StepWins, BOT_PUSH)
        };
        let meets_other = self.due_now(other).next().is_some();
        let yields = meets_other && !wins && together != PushTogether::Both;
        if yields_to_own || yields {
            return self.push_fired(name, false);
        }
        if wins {
            let dropped: Vec<String> = self.due_now(other).map(ToOwned::to_owned).collect();
            for name in dropped {
                self.cancel_timer(&name);
                self.push_fired(&name, false);
            }
        }
        self.push_fired(name, true);
        self.scratch.lane = SendLane::Broadcast;
        self.run_push(push);
        self.scratch.lane = SendLane::Reply;
    }

    fn push_fired(&mut self, timer: &str, sent: bool) {
        let timer = timer.to_owned();
        self.scratch.facts.push(Fact::PushFired { timer, sent });
    }

    /// Timers of a kind that are due and haven't fired.
    fn due_now(&self, prefix: &'static str) -> impl Iterator<Item = &str> {
        let timers = self.snapshot.timers.iter();
        let due =
            timers.filter(move |(name, timer)| name.starts_with(prefix) && timer.due <= self.now);
        due.map(|(name, _)| name.as_str())
    }

    /// The contact isn't silent any more.
    pub(super) fn break_silence(&mut self) {
        self.cancel_timers_of(PUSH);
        self.cancel_timers_of(BOT_PUSH);
        if let Some(position) = &mut self.snapshot.position {
            position.pushed = 0;
        }
        self.is_silence_broken = true;
    }

    /// Begins to count the contact's silence, where a turn broke it or automation begins to lead.
    pub(super) fn count_silence(&mut self) {
        let begins = self.is_silence_broken || !self.led_before;
        if !begins || !leads_now(&self.snapshot) || self.snapshot.position.is_none() {
            return;
        }
        let config = self.config;
        self.plan_pushes(BOT_PUSH, config.pushes(), 0);
    }

    /// Plans the reminders of the step where the dialog waits.
    pub(super) fn plan_step_pushes(&mut self, step: &CompiledStep) {
        let pushed = self.snapshot.position.as_ref();
        let pushed = pushed.map_or(0, |position| position.pushed as usize);
        self.plan_pushes(PUSH, &step.pushes, pushed);
    }

    fn plan_pushes(&mut self, prefix: &str, pushes: &[CompiledPush], from: usize) {
        for (n, push) in pushes.iter().enumerate().skip(from) {
            let name = format!("{prefix}{n}");
            if !self.snapshot.timers.contains_key(&name) {
                let due = self.no_quiet_hours(time::add(self.now, push.after));
                self.set_timer_at(&name, time::whole_milliseconds(due));
            }
        }
    }

    /// Plans a step's time-out, or what it does by itself.
    pub(super) fn time_out_at(&mut self, due: Moment) {
        let due = time::whole_milliseconds(due);
        if let Some(position) = &mut self.snapshot.position {
            position.due = Some(due);
        }
        self.set_timer_at(STEP_TIMER, due);
    }

    /// Plans the step's time-out, where it has one.
    pub(super) fn set_timeout(&mut self, step: &CompiledStep) {
        if let Some(after) = step.timeout {
            self.time_out_at(self.no_quiet_hours(time::add(self.now, after)));
        }
    }

    /// When a delay that begins now ends.
    pub(super) fn end_of_delay(&self, delay: &crate::flow::CompiledDelay) -> Moment {
        let end = time::add(self.now, delay.period);
        let end = delay
            .until
            .map_or(end, |until| next_at(end, until, self.config.zone()));
        self.no_quiet_hours(end)
    }

    /// A moment, or the end of the quiet hours that it falls into.
    fn no_quiet_hours(&self, moment: Moment) -> Moment {
        let hours = self.config.behaviour().quiet_hours;
        hours.map_or(moment, |hours| hours.shift(moment, self.config.zone()))
    }

    /// Whether the end of the step's time makes the bot say something that nobody waits for. The
    /// others are answers: a reply that was still to be typed, a service's silence.
    fn begins_by_itself(&self) -> bool {
        let position = self.snapshot.position.as_ref();
        let is_passed = position.is_some_and(|at| matches!(at.phase, Phase::Passed(_)));
        is_passed
            || self.here().is_some_and(|step| {
                step.kind.waits_for_answer() || matches!(step.kind, CompiledKind::Delay(_))
            })
    }

    /// Plans again what a takeover discarded. A wait for the contact begins anew, since nobody
    /// waited for an answer meanwhile; a delay ends when it was to end.
    pub(super) fn rearm(&mut self) {
        let config = self.config;
        let leads = matches!(
            self.snapshot.automation,
            Automation::Auto | Automation::Waiting
        );
        let Some(position) = &mut self.snapshot.position else {
            return;
        };
        let due = position.due;
        let is_before = position.phase == Phase::Before;
        // A step that has been passed waits only as Waiting.
        let waits =
            position.phase == Phase::Inside || self.snapshot.automation == Automation::Waiting;
        let step = config.resolve(position).map(|at| config.step(at));
        if is_before || !leads {
            return;
        }
        if let Some(step) = step.filter(|_| waits) {
            self.plan_step_pushes(step);
        }
        if self.snapshot.timers.contains_key(STEP_TIMER) {
            return;
        }
        match (step, due) {
            (Some(step), _) if step.timeout.is_some() && waits && !self.has_asked() => {
                self.set_timeout(step);
            }
            (Some(step), _) if step.timeout.is_some() => {}
            (_, Some(due)) => self.set_timer_at(STEP_TIMER, due.max(self.now)),
            _ => {}
        }
    }

    /// Tries a step again by itself, where the bot's settings say so.
    pub(super) fn plan_retry(&mut self) {
        if !matches!(self.snapshot.automation, Automation::Error(_)) {
            self.cancel_timer(RETRY_TIMER);
            return;
        }
        if let Some(retry) = self.config.behaviour().error_retry
            && self.snapshot.retries < retry.times
        {
            self.snapshot.retries += 1;
            let due = time::add(self.now, Duration::from(retry.after));
            self.set_timer_at(RETRY_TIMER, time::whole_milliseconds(due));
        }
    }

    /// Asks again what a block has made nobody answer.
    pub(super) fn ask_once_more(&mut self) {
        let position = self.snapshot.position.as_mut();
        let is_interrupted =
            position.is_some_and(|position| std::mem::take(&mut position.interrupted));
        if is_interrupted && self.may_run() {
            self.run_anew();
        }
    }

    fn retry_due(&mut self) {
        let may_try = self.snapshot.can_send() && self.is_bots();
        if matches!(self.snapshot.automation, Automation::Error(_)) && may_try {
            self.set_automation(Actor::Retry, Automation::Auto, None);
            self.run_anew();
        }
    }

    /// An operator tries the step behind Error again.
    pub(super) fn retried(&mut self, operator: &OperatorId) {
        self.snapshot.retries = 0;
        let actor = Actor::Operator(operator.clone());
        self.set_automation(actor, Automation::Auto, None);
        if self.may_run() {
            self.run_anew();
        }
    }

    /// The contact wrote to a dialog that shows Error.
    pub(super) fn error_heard(&mut self, message: &Message) {
        if self.config.behaviour().error_inbound == ErrorInbound::Retry && self.snapshot.can_send()
        {
            self.snapshot.retries = 0;
            self.set_automation(Actor::Retry, Automation::Auto, None);
            self.run_message(message);
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

    /// Cancels what belongs to the step where the dialog stands.
    pub(super) fn cancel_step_timers(&mut self) {
        self.cancel_timer(STEP_TIMER);
        self.cancel_timers_of(PUSH);
    }

    fn cancel_timers_of(&mut self, prefix: &str) {
        let timers = self.snapshot.timers.keys();
        let names: Vec<String> = timers
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        for name in names {
            self.cancel_timer(&name);
        }
    }
}
