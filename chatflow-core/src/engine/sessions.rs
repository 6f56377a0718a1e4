//! Sessions: who handles a dialog, and who waits for whom.
//!
//! | timer | fires when | is cancelled by |
//! | --- | --- | --- |
//! | `offer` | nobody accepted in time | whoever gets the dialog |
//! | `session` | nobody wrote for long | the end of the session; each message begins it anew |
//!
//! Unlike the others these go on whoever leads.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::dialog::{
    Actor, Assignee, Automation, Choice, Completed, CompletionCause, EventBody, Fact, Handling,
    Message, Moment, Offer, OfferEnd, OfflineReassign, OperatorId, QueueId, QueueTerms, Session,
    SessionRecord, Snapshot, TransferMode, TransferTo, time,
};
use crate::engine::admit::Refusal;
use crate::engine::timers::PAUSE_TIMER;
use crate::engine::turn::Turn;
use crate::flow::{Alert, BotAnswers, Config, OnComplete, ReopenPolicy};

/// Name of the timer that ends an offer.
pub(super) const OFFER_TIMER: &str = "offer";
/// Name of the timer that completes a session.
pub(super) const SESSION_TIMER: &str = "session";

/// The queue that a dialog is in, or would be handed to.
pub(crate) fn queue_of<'a>(config: &'a Config, snapshot: &'a Snapshot) -> Option<&'a QueueId> {
    let own = snapshot.session.as_ref();
    let own = own.and_then(|session| session.queue.as_ref());
    own.or_else(|| config.behaviour().queue.as_ref())
}

// ---- what is admitted

/// Whether what the dialog knows of its queue is to be replaced.
pub(super) fn admit_terms(
    config: &Config,
    snapshot: &Snapshot,
    terms: &QueueTerms,
) -> Result<(), Refusal> {
    let is_wanted = queue_of(config, snapshot) == Some(&terms.queue);
    // Whoever looked earlier may come later.
    let knows = snapshot.terms.as_ref();
    let knows = knows.filter(|knows| knows.queue == terms.queue);
    let is_newer = knows.is_none_or(|knows| knows.revision < terms.revision);
    match is_wanted && is_newer {
        true => Ok(()),
        false => Err(Refusal::Unchanged),
    }
}

/// Whether the dialog still waits for what was chosen.
pub(super) fn admit_routed(
    snapshot: &Snapshot,
    queue: &QueueId,
    since: Moment,
    choice: &Choice,
) -> Result<(), Refusal> {
    if snapshot.waits() != Some((queue.clone(), since)) {
        return Err(Refusal::WaitsNoMore);
    }
    let session = snapshot.session.as_ref();
    let offer = session.and_then(|session| session.offer.as_ref());
    let is_for_manager = !session.is_some_and(Session::is_waiting);
    match choice {
        Choice::Assign(_) => Ok(()),
        Choice::Offer(to) if is_for_manager || to.is_empty() => Err(Refusal::Malformed {
            reason: "an offer names somebody, and is of a session",
        }),
        Choice::Offer(to) if offer.is_some_and(|offer| offer.to == *to) => Err(Refusal::Unchanged),
        Choice::Offer(_) => Ok(()),
        Choice::PassTo(to) if is_for_manager || to == queue => Err(Refusal::Malformed {
            reason: "a dialog is passed to another queue",
        }),
        Choice::PassTo(_) => Ok(()),
        Choice::Busy | Choice::Away if offer.is_some() => Ok(()),
        Choice::Busy | Choice::Away => {
            let told = session.is_none_or(|session| session.told);
            match is_for_manager || told || reply_of(snapshot, choice).is_none() {
                true => Err(Refusal::Unchanged),
                false => Ok(()),
            }
        }
    }
}

/// Whether the dialog of an operator who went away goes back.
pub(super) fn admit_left(
    config: &Config,
    snapshot: &Snapshot,
    operator: &OperatorId,
    loses: OfflineReassign,
) -> Result<(), Refusal> {
    let is_his = snapshot.holder() == Some(operator);
    let is_unanswered = snapshot.attention.needs_reply_since.is_some();
    let is_new = snapshot.session.iter().all(|session| !session.answered);
    let moves = match loses {
        OfflineReassign::Never => false,
        OfflineReassign::AllUnanswered => is_unanswered,
        OfflineReassign::OnlyNewUnanswered => is_unanswered && is_new,
    };
    match is_his && moves && queue_of(config, snapshot).is_some() {
        true => Ok(()),
        false => Err(Refusal::Unchanged),
    }
}

pub(super) fn admit_accept(snapshot: &Snapshot, operator: &OperatorId) -> Result<(), Refusal> {
    let Some(session) = &snapshot.session else {
        return Err(Refusal::SessionCompleted);
    };
    match (session.handling, &session.offer) {
        (Handling::Offered, Some(offer)) if !offer.to.contains(operator) => {
            Err(Refusal::NotOffered)
        }
        (Handling::Queued | Handling::Offered, _) => Ok(()),
        (Handling::InProgress, _) => match snapshot.holder() {
            Some(holder) if holder == operator => Err(Refusal::Unchanged),
            Some(holder) => Err(Refusal::AlreadyTaken { by: holder.clone() }),
            None => Ok(()),
        },
        (Handling::Bot, _) => Err(Refusal::NotOffered),
    }
}

pub(super) fn admit_decline(snapshot: &Snapshot, operator: &OperatorId) -> Result<(), Refusal> {
    let offer = snapshot.session.as_ref();
    let offer = offer.and_then(|session| session.offer.as_ref());
    match offer.is_some_and(|offer| offer.to.contains(operator)) {
        true => Ok(()),
        false => Err(Refusal::NotOffered),
    }
}

pub(super) fn admit_enqueue(snapshot: &Snapshot, queue: &QueueId) -> Result<(), Refusal> {
    if !queue.is_valid() {
        return Err(Refusal::Malformed {
            reason: "the queue has no usable name",
        });
    }
    let waits = snapshot.session.as_ref();
    let waits = waits.filter(|session| session.is_waiting());
    match waits.is_some_and(|session| session.queue.as_ref() == Some(queue)) {
        true => Err(Refusal::Unchanged),
        false => Ok(()),
    }
}

pub(super) fn admit_transfer(snapshot: &Snapshot, to: &TransferTo) -> Result<(), Refusal> {
    if snapshot.session.is_none() {
        return Err(Refusal::SessionCompleted);
    }
    match to {
        TransferTo::Operator(to) if !to.is_valid() => Err(Refusal::Malformed {
            reason: "the operator who is to get it has no usable name",
        }),
        TransferTo::Operator(to) if snapshot.holder() == Some(to) => Err(Refusal::AlreadyTheirs {
            operator: to.clone(),
        }),
        TransferTo::Operator(_) => Ok(()),
        TransferTo::Queue(queue) => admit_enqueue(snapshot, queue),
    }
}

/// What the contact is told who has to wait.
fn reply_of<'a>(snapshot: &'a Snapshot, choice: &Choice) -> Option<&'a crate::dialog::Text> {
    let terms = snapshot.terms.as_ref()?;
    match choice {
        Choice::Busy => terms.busy_reply.as_ref(),
        Choice::Away => terms.away_reply.as_ref(),
        Choice::Assign(_) | Choice::Offer(_) | Choice::PassTo(_) => None,
    }
}

impl Turn<'_> {
    // ---- opening and completing

    /// A session is open from now on. What was completed is opened again where the bot's settings
    /// say so.
    pub(super) fn open_session(&mut self, handling: Handling, actor: &Actor) {
        if self.snapshot.session.is_some() {
            return;
        }
        let policy = self.config.behaviour().reopen;
        let last = self.snapshot.last_session.clone();
        let parent = last.as_ref().map(|last| last.number);
        let again = last.filter(|last| match (policy, &last.completed) {
            (ReopenPolicy::Same, _) => true,
            (ReopenPolicy::New, _) | (ReopenPolicy::Within(_), None) => false,
            (ReopenPolicy::Within(period), Some(completed)) => {
                self.now <= time::add(completed.at, period.into())
            }
        });
        match again {
            Some(last) => self.reopen_session(&last, handling, actor),
            None => self.begin_session(handling, parent, actor),
        }
    }

    /// Opens a session that was completed.
    pub(super) fn reopen_session(
        &mut self,
        last: &SessionRecord,
        handling: Handling,
        actor: &Actor,
    ) {
        let session = Session {
            number: last.number,
            opened_at: last.opened_at,
            first_turn: last.first_turn,
            parent: last.parent,
            queue: last.queue.clone(),
            ..self.session(handling)
        };
        self.snapshot.session = Some(session);
        self.scratch.facts.push(Fact::SessionReopened {
            number: last.number,
            handling,
            actor: actor.clone(),
        });
    }

    fn begin_session(&mut self, handling: Handling, parent: Option<u32>, actor: &Actor) {
        let session = Session {
            parent,
            ..self.session(handling)
        };
        self.scratch.facts.push(Fact::SessionOpened {
            number: session.number,
            parent,
            handling,
            actor: actor.clone(),
        });
        self.snapshot.session = Some(session);
    }

    /// A session that is opened now.
    fn session(&self, handling: Handling) -> Session {
        let last = self.snapshot.last_session.as_ref();
        Session {
            number: last.map_or(0, |last| last.number) + 1,
            handling,
            opened_at: self.now,
            first_turn: self.snapshot.revision + 1,
            parent: None,
            queue: None,
            waiting_since: None,
            offer: None,
            passed: BTreeSet::new(),
            came_through: BTreeSet::new(),
            prefers: None,
            told: false,
            answered: false,
            last_message_at: self.now,
        }
    }

    /// Ends the session without a word on what comes after it.
    fn end_session(&mut self, cause: CompletionCause, actor: &Actor) -> Option<Session> {
        self.end_offer(OfferEnd::Withdrawn, None);
        let session = self.snapshot.session.take()?;
        let mut record = SessionRecord::of(&session, &self.snapshot.assignee);
        record.completed = Some(Completed {
            at: self.now,
            turn: self.snapshot.revision + 1,
            cause,
        });
        self.cancel_timer(SESSION_TIMER);
        self.scratch.facts.push(Fact::SessionCompleted {
            number: record.number,
            cause,
            actor: actor.clone(),
        });
        self.completed.push(record.clone());
        self.snapshot.last_session = Some(record);
        Some(session)
    }

    /// Completes the session, and gives the dialog the status that the bot's settings say.
    pub(super) fn complete_session(&mut self, cause: CompletionCause, actor: &Actor) {
        if self.end_session(cause, actor).is_none() {
            return;
        }
        // What he wrote last was for people, and an operator's pause is over when it is over.
        self.forget_held();
        let pause = self.snapshot.timers.get(PAUSE_TIMER).map(|pause| pause.due);
        self.cancel_timers();
        if let Some(due) = pause.filter(|_| self.snapshot.paused.is_some()) {
            self.set_timer_at(PAUSE_TIMER, due);
        }
        let to_bot = self.config.behaviour().on_complete == OnComplete::ToBot;
        match self.snapshot.automation {
            Automation::Auto => {
                self.set_automation(actor.clone(), Automation::Waiting, None);
                // Nobody set it to wait for a person.
                self.snapshot.set_by_hand = false;
            }
            Automation::Manual | Automation::Finished | Automation::Error(_) if to_bot => {
                self.end_pause();
                self.drop_calls();
                self.snapshot.position = None;
                self.set_automation(actor.clone(), Automation::Start, None);
            }
            _ => {}
        }
        if to_bot {
            self.assign(Assignee::Nobody, actor);
        }
    }

    /// How a session that the contact's message opens is handled.
    pub(super) fn opening(&self) -> Handling {
        match self.snapshot.automation {
            Automation::Manual => Handling::InProgress,
            _ => Handling::Bot,
        }
    }

    /// The dialog came back to people: to whom it was with, or to the queue.
    pub(super) fn after_return(&mut self, actor: &Actor) {
        let queue = queue_of(self.config, &self.snapshot).cloned();
        if let Some(queue) = queue {
            self.wait_in(queue, actor);
        }
    }

    // ---- who has it

    /// Automation has it again.
    pub(super) fn hand_to_bot(&mut self, actor: &Actor) {
        self.end_offer(OfferEnd::Withdrawn, None);
        self.hand_to(Handling::Bot, actor);
        let gives_back = match actor {
            Actor::Operator(_) => !self.given_now,
            Actor::Timer(timer) => timer == PAUSE_TIMER,
            _ => false,
        };
        if gives_back && !self.is_bots() {
            self.assign(Assignee::Bot(self.snapshot.bot.clone()), actor);
        }
    }

    /// People get it: whom it was given to in this turn, else the queue, else whoever looks.
    pub(super) fn hand_to_people(&mut self, actor: &Actor) {
        if matches!(self.snapshot.assignee, Assignee::Bot(_)) {
            self.assign(Assignee::Nobody, actor);
        }
        let session = self.snapshot.session.as_ref();
        if session.is_some_and(|session| session.handling != Handling::Bot) {
            return;
        }
        let queue = queue_of(self.config, &self.snapshot).cloned();
        if session.is_none() {
            // What a person closed or nobody has begun he may set to Manual as it is; where
            // automation wants a person, one is to look.
            let by_person = matches!(actor, Actor::Operator(_) | Actor::ContactRow);
            if let Some(queue) = queue.filter(|_| !by_person && !self.given_now) {
                self.wait_in(queue, actor);
            }
            return;
        }
        match queue.filter(|_| !self.given_now) {
            Some(queue) => self.wait_in(queue, actor),
            None => {
                self.child_of_bot(Handling::InProgress, actor);
                self.in_progress(actor);
            }
        }
    }

    /// Where a handover makes a child, what automation handled is completed and its child begins.
    fn child_of_bot(&mut self, handling: Handling, actor: &Actor) {
        let session = self.snapshot.session.as_ref();
        let by_bot = session.is_some_and(|session| session.handling == Handling::Bot);
        let is_person = matches!(actor, Actor::Operator(_));
        if self.config.behaviour().transfer == TransferMode::ChildSession && by_bot && !is_person {
            self.child(CompletionCause::HandedOver, handling, actor);
        }
    }

    fn child(&mut self, cause: CompletionCause, handling: Handling, actor: &Actor) {
        if let Some(parent) = self.end_session(cause, actor) {
            self.begin_session(handling, Some(parent.number), actor);
            if let Some(child) = &mut self.snapshot.session {
                child.queue = parent.queue;
            }
        }
    }

    /// It waits in a queue. Whoever is responsible gets it if he can take it.
    pub(super) fn wait_in(&mut self, queue: QueueId, actor: &Actor) {
        self.child_of_bot(Handling::Queued, actor);
        if self.snapshot.session.is_none() {
            self.open_session(Handling::Queued, actor);
        }
        self.end_offer(OfferEnd::Withdrawn, None);
        self.hand_to(Handling::Queued, actor);
        let now = self.now;
        let prefers = self.snapshot.assignee.operator().cloned();
        // Nobody is responsible for what waits; who was gets it first if he can take it.
        self.assign(Assignee::Nobody, actor);
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        session.queue = Some(queue.clone());
        session.waiting_since = Some(now);
        session.passed.clear();
        session.prefers = prefers;
        session.came_through.clear();
        session.answered = false;
        let knows = self.snapshot.terms.as_ref();
        if knows.is_none_or(|terms| terms.queue != queue) {
            self.snapshot.terms = None;
        }
        let actor = actor.clone();
        self.scratch.facts.push(Fact::Queued { queue, actor });
    }

    /// It waits in a queue, where it doesn't already.
    pub(super) fn wait_in_once(&mut self, queue: &QueueId, actor: &Actor) {
        let session = self.snapshot.session.as_ref();
        let waits = session
            .is_some_and(|session| session.is_waiting() && session.queue.as_ref() == Some(queue));
        if session.is_some() && !waits {
            self.wait_in(queue.clone(), actor);
        }
    }

    /// Somebody has it in hand.
    pub(super) fn in_progress(&mut self, actor: &Actor) {
        let taker = self.snapshot.assignee.operator().cloned();
        self.end_offer(OfferEnd::Withdrawn, taker.as_ref());
        self.hand_to(Handling::InProgress, actor);
        if let Some(session) = &mut self.snapshot.session {
            session.passed.clear();
            session.came_through.clear();
            session.prefers = None;
        }
    }

    pub(super) fn hand_to(&mut self, to: Handling, actor: &Actor) {
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        if !matches!(to, Handling::Queued | Handling::Offered) {
            session.waiting_since = None;
        }
        let from = session.handling;
        if from != to {
            session.handling = to;
            let actor = actor.clone();
            self.scratch
                .facts
                .push(Fact::HandlingChanged { from, to, actor });
        }
    }

    pub(super) fn assign(&mut self, to: Assignee, actor: &Actor) {
        self.snapshot.wants_manager = None;
        if self.snapshot.assignee != to {
            let from = std::mem::replace(&mut self.snapshot.assignee, to.clone());
            if let Some(session) = &mut self.snapshot.session {
                session.answered = false;
            }
            self.scratch.facts.push(Fact::AssigneeChanged {
                from,
                to,
                actor: actor.clone(),
            });
        }
    }

    /// Nobody keeps the bot silent any more: what came due meanwhile is planned again.
    fn go_on(&mut self) {
        let session = self.snapshot.session.as_ref();
        let is_bots = session.is_none_or(|session| session.handling == Handling::Bot);
        if is_bots && self.snapshot.automation.drives() && self.snapshot.can_send() {
            self.is_silence_broken = true;
            self.rearm();
            self.ask_once_more();
        }
    }

    /// What we blocked waits for nobody until the block is over.
    pub(super) fn wait_silently(&mut self, actor: &Actor) {
        self.end_offer(OfferEnd::Withdrawn, None);
        let session = self.snapshot.session.as_ref();
        if session.is_some_and(|session| session.handling == Handling::Offered) {
            self.hand_to(Handling::Queued, actor);
        }
    }

    /// Somebody says who is responsible. A completed session stays completed.
    pub(super) fn reassign(&mut self, to: &Assignee, actor: &Actor) {
        let was_silent = !self.is_bots();
        self.responsible(to, actor, was_silent);
        if was_silent && self.is_bots() {
            self.go_on();
        }
    }

    fn responsible(&mut self, to: &Assignee, actor: &Actor, was_silent: bool) {
        self.assign(to.clone(), actor);
        let Some(handling) = self
            .snapshot
            .session
            .as_ref()
            .map(|session| session.handling)
        else {
            return;
        };
        match to {
            // Where he keeps the bot silent it is he who has it in hand.
            Assignee::Operator(_) if handling != Handling::Bot || !self.is_bots() => {
                self.in_progress(actor);
            }
            Assignee::Operator(_) => {}
            Assignee::Nobody
                if was_silent
                    && handling == Handling::InProgress
                    && self.snapshot.automation.drives() =>
            {
                self.hand_to(Handling::Bot, actor);
            }
            Assignee::Nobody if handling == Handling::InProgress => {
                if let Some(queue) = queue_of(self.config, &self.snapshot).cloned() {
                    self.wait_in(queue, actor);
                }
            }
            Assignee::Nobody => {
                if let Some(session) = &mut self.snapshot.session {
                    session.prefers = None;
                }
            }
            Assignee::Bot(_) => {
                self.end_offer(OfferEnd::Withdrawn, None);
                self.hand_to(Handling::Bot, actor);
            }
        }
    }

    // ---- offers

    /// Nobody is asked any more. Whoever accepted isn't told that he lost it.
    fn end_offer(&mut self, how: OfferEnd, taker: Option<&OperatorId>) {
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        let Some(offer) = session.offer.take() else {
            return;
        };
        let mut to = offer.to;
        if let Some(taker) = taker {
            to.remove(taker);
        }
        if how == OfferEnd::Expired {
            session.passed.extend(to.iter().cloned());
            self.missed.extend(to.iter().cloned());
        }
        self.cancel_timer(OFFER_TIMER);
        if !to.is_empty() {
            self.scratch.facts.push(Fact::OfferEnded { to, how });
        }
    }

    pub(super) fn offer_over(&mut self) {
        self.end_offer(OfferEnd::Expired, None);
        let actor = Actor::Timer(OFFER_TIMER.to_owned());
        self.hand_to(Handling::Queued, &actor);
    }

    pub(super) fn accepted(&mut self, operator: &OperatorId, actor: Actor) {
        self.assign(Assignee::Operator(operator.clone()), &actor);
        self.in_progress(&actor);
        self.lead_by_person(actor);
    }

    /// A person leads from now on, whoever did before.
    fn lead_by_person(&mut self, actor: Actor) {
        self.given_now = true;
        if self.snapshot.automation.drives() {
            self.end_pause();
            self.take_over();
            self.set_automation(actor, Automation::Manual, None);
        }
    }

    pub(super) fn declined(&mut self, operator: &OperatorId, actor: &Actor) {
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        let Some(offer) = &mut session.offer else {
            return;
        };
        offer.to.remove(operator);
        let is_over = offer.to.is_empty();
        session.passed.insert(operator.clone());
        self.scratch.facts.push(Fact::OfferEnded {
            to: BTreeSet::from([operator.clone()]),
            how: OfferEnd::Declined,
        });
        if is_over {
            self.end_offer(OfferEnd::Withdrawn, None);
            self.hand_to(Handling::Queued, actor);
        }
    }

    // ---- routing

    /// Somebody was chosen for the dialog, or nobody can be.
    pub(super) fn routed(&mut self, queue: &QueueId, choice: &Choice) {
        let actor = Actor::Queue(queue.clone());
        let waits = self
            .snapshot
            .session
            .as_ref()
            .is_some_and(Session::is_waiting);
        match choice {
            Choice::Assign(operator) => {
                self.assign(Assignee::Operator(operator.clone()), &actor);
                if waits {
                    self.in_progress(&actor);
                }
                self.given = Some((queue.clone(), vec![operator.clone()]));
                self.distributed(operator);
            }
            Choice::Offer(to) => self.offered(queue, to),
            Choice::Busy | Choice::Away => {
                self.end_offer(OfferEnd::Withdrawn, None);
                self.hand_to(Handling::Queued, &actor);
                self.tell_that_it_waits(choice);
            }
            Choice::PassTo(next) => {
                let session = self.snapshot.session.as_ref();
                let through = session.map(|session| session.came_through.clone());
                self.wait_in(next.clone(), &actor);
                if let Some(session) = &mut self.snapshot.session {
                    session.came_through = through.unwrap_or_default();
                    session.came_through.insert(queue.clone());
                }
            }
        }
    }

    fn offered(&mut self, queue: &QueueId, to: &BTreeSet<OperatorId>) {
        let within = self.snapshot.terms.as_ref();
        let within = within.and_then(|terms| terms.accept_within);
        let until = within
            .map(|within| time::whole_milliseconds(time::add(self.now, Duration::from(within))));
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        let before = session.offer.take();
        // Who is asked already has no more time than he had; when all are new, they have theirs.
        let goes_on = before.as_ref().filter(|before| !before.to.is_disjoint(to));
        let until = goes_on.map_or(until, |before| before.until);
        let before = before.map(|before| before.to).unwrap_or_default();
        let gone: BTreeSet<OperatorId> = before.difference(to).cloned().collect();
        let new: Vec<OperatorId> = to.difference(&before).cloned().collect();
        session.offer = Some(Offer {
            to: to.clone(),
            until,
        });
        self.hand_to(Handling::Offered, &Actor::Queue(queue.clone()));
        self.scratch.facts.push(Fact::Offered {
            to: to.clone(),
            until,
        });
        if !gone.is_empty() {
            let how = OfferEnd::Withdrawn;
            self.scratch.facts.push(Fact::OfferEnded { to: gone, how });
        }
        match until {
            Some(until) => self.set_timer_at(OFFER_TIMER, until),
            // The one before may have had its time.
            None => self.cancel_timer(OFFER_TIMER),
        }
        for operator in &new {
            self.distributed(operator);
        }
        self.given = Some((queue.clone(), new));
    }

    /// The operator's screen is to sound.
    fn distributed(&mut self, operator: &OperatorId) {
        self.notify(operator, Alert::Distributed, None);
    }

    fn tell_that_it_waits(&mut self, choice: &Choice) {
        let text = reply_of(&self.snapshot, choice).cloned();
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        if let Some(text) = text.filter(|_| !session.told) {
            session.told = true;
            if self.snapshot.can_send() {
                // A turn that has room for nothing more has said enough.
                let _ = self.say(Message::new(text));
            }
        }
    }

    pub(super) fn operator_left(&mut self, operator: &OperatorId) {
        let actor = Actor::Absence(operator.clone());
        let queue = queue_of(self.config, &self.snapshot).cloned();
        self.assign(Assignee::Nobody, &actor);
        if let Some(queue) = queue {
            self.wait_in(queue, &actor);
        }
    }

    // ---- what operators do

    pub(super) fn enqueued_by(&mut self, queue: &QueueId, actor: Actor) {
        self.open_session(Handling::Queued, &actor);
        self.assign(Assignee::Nobody, &actor);
        self.wait_in(queue.clone(), &actor);
        self.lead_by_person(actor);
    }

    pub(super) fn transferred(
        &mut self,
        to: &TransferTo,
        mode: Option<TransferMode>,
        actor: Actor,
    ) {
        let mode = mode.unwrap_or_else(|| self.config.behaviour().transfer);
        let handling = match to {
            TransferTo::Operator(_) => Handling::InProgress,
            TransferTo::Queue(_) => Handling::Queued,
        };
        if mode == TransferMode::ChildSession {
            self.child(CompletionCause::Transferred, handling, &actor);
        }
        match to {
            TransferTo::Operator(to) => {
                self.assign(Assignee::Operator(to.clone()), &actor);
                self.in_progress(&actor);
                self.distributed(to);
            }
            TransferTo::Queue(queue) => {
                self.assign(Assignee::Nobody, &actor);
                self.wait_in(queue.clone(), &actor);
            }
        }
        self.lead_by_person(actor);
    }

    pub(super) fn reopened(&mut self, actor: &Actor) {
        let Some(last) = self.snapshot.last_session.clone() else {
            return;
        };
        match self.snapshot.automation {
            Automation::Manual | Automation::Finished | Automation::Error(_) => {
                self.reopen_session(&last, Handling::InProgress, actor);
                if self.snapshot.assignee.operator().is_none() {
                    self.after_return(actor);
                }
            }
            Automation::Start | Automation::Auto | Automation::Waiting => {
                self.reopen_session(&last, Handling::Bot, actor);
            }
        }
    }

    // ---- at the end of a turn

    /// A new dialog wants one of the bot's managers.
    pub(super) fn want_manager(&mut self) {
        let is_new = self.snapshot.revision == 0;
        let has_managers = !self.config.behaviour().managers.is_empty();
        if is_new && has_managers && self.snapshot.assignee == Assignee::Nobody {
            self.snapshot.wants_manager = Some(self.now);
        }
    }

    /// Plans the completion of a session in which nobody writes.
    pub(super) fn count_session(&mut self, has_message: bool) {
        let now = self.now;
        let Some(session) = &mut self.snapshot.session else {
            return;
        };
        if has_message {
            session.last_message_at = now;
        }
        let last = session.last_message_at;
        let terms = self.snapshot.terms.as_ref();
        let own = terms.filter(|terms| queue_of(self.config, &self.snapshot) == Some(&terms.queue));
        let period = own.and_then(|terms| terms.complete_after);
        let period = period.or_else(|| self.config.behaviour().complete_after);
        let due = period.map(|period| {
            time::whole_milliseconds(time::add(last, Duration::from(period))).max(now)
        });
        let planned = self.snapshot.timers.get(SESSION_TIMER);
        match due {
            Some(due) if planned.is_none_or(|planned| planned.due != due) => {
                self.set_timer_at(SESSION_TIMER, due);
            }
            Some(_) => {}
            None => self.cancel_timer(SESSION_TIMER),
        }
    }

    /// Whether automation answers here at all, as far as who is responsible goes.
    pub(super) fn is_bots(&self) -> bool {
        self.config.behaviour().bot_answers == BotAnswers::ByStatus
            || self.snapshot.assignee.operator().is_none()
    }

    /// Whether the event is a person's or a runner's choice of who gets the dialog: it can be
    /// refused where he has no room.
    pub(super) fn is_refusable(&self) -> bool {
        let body = match &self.event.body {
            EventBody::StepPanicked(body) => body,
            body => body,
        };
        matches!(
            body,
            EventBody::OperatorActed { .. } | EventBody::Routed { .. }
        )
    }
}
