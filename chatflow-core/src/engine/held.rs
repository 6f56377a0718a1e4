//! Messages that wait before the flow gets them.
//!
//! ```text
//!  message ─► held: the quiet time, the items of an album, a pause ─► released ─► rules about media
//!                                                                                   │ made into text?
//!             kept: a delay or a call that must be over first ◄── step ◄────────────┘
//! ```

use std::time::Duration;

use crate::dialog::{
    Actor, Author, Automation, CallFailure, CallPurpose, EffectBody, EffectId, Fact, HeldMessage,
    MediaKind, Message, Reading, Text, Value, time,
};
use crate::engine::outside;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledKind, Decided, DuringDelay, ErrorInbound, FinishedInbound, MediaRule, STEP_TIMER,
};

/// Name of the timer that hands on what was held.
pub(super) const HELD_TIMER: &str = "held";
/// Most messages held; what comes beyond joins the last, and where it is too long for that stays
/// in the transcript only.
const HELD_MAX: usize = 50;
/// Most items of an album; what comes beyond begins another.
const ALBUM_MAX: usize = 50;

impl Turn<'_> {
    /// Hands a message to the flow, now or once there is nothing to wait for.
    pub(super) fn hold_or_lead(&mut self, message: &Message, begins: bool) {
        let held = HeldMessage {
            id: self.transcript_id(),
            message: message.clone(),
            recognising: None,
            passed: false,
            in_pause: self.is_paused,
            begins,
        };
        if !self.leads() || self.panicked {
            return self.lead(held);
        }
        if message.album().is_none()
            && let Some((MediaRule::ToManual, kind)) = self.media_rule(message)
        {
            // Somebody should look at once, however long the flow would wait.
            return self.media_to_manual(kind);
        }
        if self.is_ignored(message) {
            // The step waits on as if nothing had been written.
            return self.rearm();
        }
        let quiet = Duration::from(self.config.behaviour().quiet_time);
        let album = message.album().map_or(Duration::ZERO, |_| {
            self.config.behaviour().album_wait.into()
        });
        let wait = quiet.max(album);
        let joins_album = quiet.is_zero()
            && self.snapshot.held.last().is_some_and(|last| {
                last.message.album().is_some() && last.message.album() == message.album()
            });
        if quiet.is_zero() && !joins_album && !self.is_paused {
            // What waits only for more of its album has all there is.
            self.release_ready();
        }
        // What the step keeps is behind it already; the step sees to this one too.
        let is_planned = self.snapshot.timers.contains_key(HELD_TIMER);
        let none_before = self.snapshot.held.iter().all(|held| held.passed);
        if wait.is_zero() && none_before && !is_planned && !self.is_paused {
            return self.lead(held);
        }
        self.hold(held, joins_album);
        let due = match self.is_paused {
            true => Some(self.now),
            false if wait.is_zero() => None,
            false => Some(time::whole_milliseconds(time::add(self.now, wait))),
        };
        if let Some(due) = due {
            self.set_timer_at(HELD_TIMER, due);
        }
    }

    /// Puts a message behind those that are held.
    pub(super) fn hold(&mut self, held: HeldMessage, joins_album: bool) {
        let limit = self.config.settings().limits.text_bytes;
        let is_full = self.snapshot.held.len() >= HELD_MAX;
        match self.snapshot.held.last_mut() {
            Some(last) if is_full || joins_album && last.message.media().len() < ALBUM_MAX => {
                if last.message.weight() + held.message.weight() > limit
                    || last.recognising.is_some()
                {
                    self.scratch.facts.push(Fact::NotHeld);
                } else {
                    last.message.add_item(held.message);
                }
            }
            _ => self.snapshot.held.push(held),
        }
    }

    /// Hands on what was held: all of it as one message where there is a quiet time, else the
    /// first, and the next in a turn of its own.
    pub(super) fn release(&mut self) {
        if !self.snapshot.held_postbacks.is_empty() {
            let postback = self.snapshot.held_postbacks.remove(0);
            self.postback_received(&postback);
            // Each thing has its turn.
            let left = &self.snapshot;
            if !left.held_postbacks.is_empty() || !left.held.is_empty() {
                self.set_timer_at(HELD_TIMER, self.now);
            }
            return;
        }
        // During a block it waits: it is released when that ends.
        if self.snapshot.held.is_empty() || !self.is_ready() || !self.snapshot.can_send() {
            return;
        }
        let held = if self.config.behaviour().quiet_time.is_zero() {
            self.snapshot.held.remove(0)
        } else {
            match self.take_held() {
                Some(held) => held,
                None => return,
            }
        };
        self.lead(held);
        if !self.snapshot.held.is_empty() && self.is_ready() && !self.keeps_messages() {
            self.set_timer_at(HELD_TIMER, self.now);
        }
        // Where a step was waited at, the wait begins anew.
        self.rearm();
    }

    /// Sees to it that what is held is handed on, where nothing else will.
    pub(super) fn release_later(&mut self) {
        let is_planned = self.snapshot.timers.contains_key(HELD_TIMER);
        let waits = !self.snapshot.held.is_empty() && self.is_ready();
        let goes_on = self.takes_messages() && self.snapshot.can_send() && !self.keeps_messages();
        // A report is noted whoever leads.
        let is_due = waits && goes_on || !self.snapshot.held_postbacks.is_empty();
        if is_due && !is_planned {
            self.set_timer_at(HELD_TIMER, self.now);
        }
    }

    /// Hands on, in this turn, all that waits for nothing but more of its album.
    pub(super) fn release_ready(&mut self) {
        for _ in 0..HELD_MAX {
            let waits_for_more = self.snapshot.timers.contains_key(HELD_TIMER);
            if !waits_for_more || self.snapshot.held.is_empty() || !self.is_ready() {
                return;
            }
            self.cancel_timer(HELD_TIMER);
            self.release();
        }
    }

    /// Takes all that is held as one message; none where some of it is still being read or more
    /// is waited for.
    pub(super) fn take_held(&mut self) -> Option<HeldMessage> {
        if !self.is_ready() || self.snapshot.timers.contains_key(HELD_TIMER) {
            return None;
        }
        let limit = self.config.settings().limits.text_bytes;
        let mut held = std::mem::take(&mut self.snapshot.held);
        held.retain(|one| one.passed || !self.is_ignored_medium(&one.message));
        // A beginning among other words says nothing.
        if held.iter().any(|one| !one.begins) {
            held.retain(|one| !one.begins);
        }
        let mut held = held.into_iter();
        let mut first = held.next()?;
        for more in held {
            if first.message.weight() + more.message.weight() > limit {
                self.scratch.facts.push(Fact::NotHeld);
            } else {
                // What the flow gets is the newest word where a choice was pressed and more said.
                first.message.add_item(more.message);
            }
            first.passed &= more.passed;
            first.in_pause |= more.in_pause;
        }
        Some(first)
    }

    /// What was kept was for where the dialog stood before somebody moved it; the transcript has it.
    pub(super) fn forget_held(&mut self) {
        self.snapshot.held.clear();
        self.cancel_timer(HELD_TIMER);
        self.forget_side_calls(|purpose| *purpose == CallPurpose::Recognise);
    }

    /// Whether nothing that is held is still being read.
    fn is_ready(&self) -> bool {
        let mut held = self.snapshot.held.iter();
        match self.config.behaviour().quiet_time.is_zero() {
            true => held.next().is_none_or(|first| first.recognising.is_none()),
            false => held.all(|held| held.recognising.is_none()),
        }
    }

    /// Whether a message of the contact would reach a step now.
    pub(super) fn leads(&self) -> bool {
        let behaviour = self.config.behaviour();
        match self.snapshot.automation {
            Automation::Start => behaviour.auto_start,
            Automation::Auto | Automation::Waiting => true,
            // What would begin the flow anew is looked at like what goes on in it.
            Automation::Finished => behaviour.finished_inbound == FinishedInbound::RestartEntryFlow,
            Automation::Error(_) => behaviour.error_inbound == ErrorInbound::Retry,
            Automation::Manual => false,
        }
    }

    /// Whether a message would do anything but show that somebody should answer.
    pub(super) fn takes_messages(&self) -> bool {
        let is_over = self.snapshot.automation == Automation::Finished;
        let finished_inbound = self.config.behaviour().finished_inbound;
        self.leads() || is_over && finished_inbound != FinishedInbound::Stay
    }

    /// Whether nothing comes of a message: its media are to be ignored, or it came in a delay that
    /// lets no step get it.
    pub(super) fn is_ignored(&self, message: &Message) -> bool {
        if !self.leads() || self.panicked {
            return false;
        }
        let by_bot = self.config.behaviour().during_delay;
        let is_timed = self.snapshot.timers.contains_key(STEP_TIMER);
        let in_delay = self.here().is_some_and(|step| match &step.kind {
            CompiledKind::Delay(delay) => {
                is_timed && delay.during.unwrap_or(by_bot) == DuringDelay::Ignore
            }
            _ => false,
        });
        in_delay || message.album().is_none() && self.is_ignored_medium(message)
    }

    fn is_ignored_medium(&self, message: &Message) -> bool {
        matches!(self.media_rule(message), Some((MediaRule::Ignore, _)))
    }

    /// The strictest rule of a message's media, and which of them it is for; none where they go
    /// to the step like a text.
    pub(super) fn media_rule(&self, message: &Message) -> Option<(MediaRule, MediaKind)> {
        let behaviour = self.config.behaviour();
        let rules = message.media().iter().map(|media| {
            let rule = match behaviour.rule_for(media.kind) {
                // Without somebody who reads media there is only a person.
                MediaRule::Recognise if behaviour.recogniser.is_none() => MediaRule::ToManual,
                rule => rule,
            };
            (rule, media.kind)
        });
        let strictness = |rule: MediaRule| match rule {
            MediaRule::ToManual => 3,
            MediaRule::Ignore => 2,
            MediaRule::Recognise => 1,
            MediaRule::PassToStep => 0,
        };
        // Of equals the first.
        let mut strictest: Option<(MediaRule, MediaKind)> = None;
        for (rule, kind) in rules {
            if strictest.is_none_or(|(other, _)| strictness(rule) > strictness(other)) {
                strictest = Some((rule, kind));
            }
        }
        strictest.filter(|(rule, _)| *rule != MediaRule::PassToStep)
    }

    /// A rule about media asks for a person. A message to a dialog that shows Error tries its step
    /// again first, as any other.
    pub(super) fn media_to_manual(&mut self, kind: MediaKind) {
        if matches!(self.snapshot.automation, Automation::Error(_)) {
            self.set_automation(Actor::Retry, Automation::Auto, None);
        }
        self.set_automation(Actor::MediaRule(kind), Automation::Manual, None);
    }

    /// Asks what is said or to be seen in a message's media; it waits, and what comes behind it
    /// waits with it.
    pub(super) fn recognise(&mut self, mut held: HeldMessage) {
        let Some(port) = self.config.behaviour().recogniser.clone() else {
            return;
        };
        let behaviour = self.config.behaviour();
        let media = held.message.media().iter();
        let media = media.filter(|media| behaviour.rule_for(media.kind) == MediaRule::Recognise);
        let language = self.snapshot.contact.language.as_deref();
        let request = outside::recognition(media, language);
        let call = self.side_call(port, request, CallPurpose::Recognise);
        held.recognising = Some(call);
        self.snapshot.held.insert(0, held);
    }

    /// The media of a held message have been read, or can't be.
    pub(super) fn recognised(&mut self, call: EffectId, answer: &Result<Value, CallFailure>) {
        let held = &mut self.snapshot.held;
        let Some(n) = held.iter().position(|held| held.recognising == Some(call)) else {
            return;
        };
        let media = held[n].message.media().iter();
        let kinds: Vec<MediaKind> = media.map(|media| media.kind).collect();
        held[n].recognising = None;
        let limit = self.config.settings().limits.text_bytes;
        let texts = answer.as_ref().ok().and_then(outside::texts);
        let read = texts.and_then(|texts| {
            let texts = texts.iter().map(Text::as_str);
            let texts: Vec<&str> = texts
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .collect();
            let read = texts.join("\n");
            (!read.is_empty() && read.len() <= limit).then_some(read)
        });
        let Some(read) = read else {
            let kind = kinds
                .into_iter()
                .find(|kind| self.config.behaviour().rule_for(*kind) == MediaRule::Recognise);
            return self.media_to_manual(kind.unwrap_or(MediaKind::File));
        };
        let (id, caption) = (held[n].id, held[n].message.text().to_owned());
        let whole = match caption.trim() {
            "" => read.clone(),
            caption => format!("{caption}\n{read}"),
        };
        held[n].message.set_text(whole.into());
        held[n].passed = true;
        let reading = Some(Reading::Recognised(id));
        self.write(Author::Contact, Message::new(read), None, reading);
        if !self.snapshot.timers.contains_key(HELD_TIMER) {
            self.release();
        }
    }

    /// Asks the outside beside the flow.
    pub(super) fn side_call(
        &mut self,
        port: String,
        request: Value,
        purpose: CallPurpose,
    ) -> EffectId {
        let automatic = match purpose {
            CallPurpose::Recognise => true,
            // These serve people, or what people wrote.
            CallPurpose::TranslateTheirs { .. }
            | CallPurpose::TranslateOurs
            | CallPurpose::Advise { .. }
            | CallPurpose::Late { .. } => false,
        };
        let body = EffectBody::Call { port, request };
        let id = self.next_effect();
        self.scratch.effects.push(Decided {
            automatic,
            ..Decided::by_automation(body)
        });
        let call = crate::dialog::SideCall { id, purpose };
        self.snapshot.side_calls.push(call);
        id
    }

    /// The id that the effect decided next will have.
    pub(super) fn next_effect(&self) -> EffectId {
        let n = u32::try_from(self.scratch.effects.len() + 1).unwrap_or(u32::MAX);
        EffectId {
            n,
            ..self.transcript_id()
        }
    }

    /// The id of what the contact wrote in this turn.
    fn transcript_id(&self) -> EffectId {
        EffectId {
            dialog: self.snapshot.dialog,
            turn: self.snapshot.revision + 1,
            n: 0,
        }
    }
}
