//! People in the properties: what happens to a dialog that waits for them, and what holds then.

use std::collections::BTreeSet;

use chatflow_core::time::Period;
use chatflow_core::{
    Assignee, Behaviour, BotAnswers, Choice, EventBody, Fact, Handling, Moment, OfflineReassign,
    OnComplete, OperatorAct, OperatorId, QueueId, QueueTerms, ReopenPolicy, Snapshot, TransferMode,
    TransferTo, Transition, WriteGuard,
};
use proptest::prelude::*;
use proptest::sample::select;

/// How a bot has to do with people, on top of its other settings.
pub(crate) fn people_of(
    behaviours: impl Strategy<Value = Behaviour>,
) -> impl Strategy<Value = Behaviour> {
    let queue = select(vec![None, Some("sales"), Some("help")]);
    let reopen = select(vec![
        ReopenPolicy::Same,
        ReopenPolicy::New,
        ReopenPolicy::Within(Period::from_millis(5000)),
    ]);
    let transfer = select(vec![TransferMode::Reassign, TransferMode::ChildSession]);
    let on_complete = select(vec![OnComplete::Keep, OnComplete::ToBot]);
    let answers = select(vec![BotAnswers::ByStatus, BotAnswers::UnlessAssigned]);
    let guard = select(vec![
        WriteGuard::AssigneeOrUnassigned,
        WriteGuard::AnyWithAccess,
    ]);
    let silence = prop::option::of(Just(Period::from_millis(60_000)));
    let sessions = (reopen, transfer, on_complete, silence);
    (behaviours, queue, sessions, answers, guard, any::<bool>()).prop_map(
        |(behaviour, queue, sessions, bot_answers, write_guard, managed)| {
            let (reopen, transfer, on_complete, complete_after) = sessions;
            let managers = managed.then(|| OperatorId::from("anna"));
            Behaviour {
                queue: queue.map(QueueId::from),
                reopen,
                transfer,
                on_complete,
                complete_after,
                bot_answers,
                write_guard,
                managers: managers.into_iter().collect(),
                ..behaviour
            }
        },
    )
}

/// What operators do.
pub(crate) fn acts() -> impl Strategy<Value = OperatorAct> {
    let queue = || select(vec![QueueId::from("sales"), QueueId::from("help")]);
    let mode = select(vec![
        None,
        Some(TransferMode::Reassign),
        Some(TransferMode::ChildSession),
    ]);
    let to = prop_oneof![
        select(vec!["op", "bo"]).prop_map(|to| TransferTo::Operator(to.into())),
        queue().prop_map(TransferTo::Queue),
    ];
    prop_oneof![
        2 => Just(OperatorAct::Accept),
        1 => Just(OperatorAct::Decline),
        2 => queue().prop_map(OperatorAct::Enqueue),
        2 => (to, mode).prop_map(|(to, mode)| OperatorAct::Transfer { to, mode }),
        2 => Just(OperatorAct::Complete),
        1 => Just(OperatorAct::Reopen),
        1 => Just(OperatorAct::Acknowledge),
    ]
}

/// What becomes of a dialog that waits.
#[derive(Debug, Clone)]
pub(crate) enum Routing {
    Terms(u64),
    Assign,
    Offer(&'static [&'static str]),
    Busy,
    Away,
    PassTo(&'static str),
    Left(OfflineReassign),
    /// A choice that was made for an earlier wait.
    Stale,
}

pub(crate) fn routings() -> impl Strategy<Value = Routing> {
    select(vec![
        Routing::Terms(1),
        Routing::Terms(2),
        Routing::Assign,
        Routing::Assign,
        Routing::Offer(&["op"]),
        Routing::Offer(&["op", "bo"]),
        Routing::Offer(&["bo"]),
        Routing::Busy,
        Routing::Away,
        Routing::PassTo("help"),
        Routing::PassTo("sales"),
        Routing::Left(OfflineReassign::AllUnanswered),
        Routing::Left(OfflineReassign::OnlyNewUnanswered),
        Routing::Stale,
    ])
}

impl Routing {
    pub(crate) fn event(&self, snapshot: &Snapshot, now: Moment) -> EventBody {
        let (queue, since) = snapshot
            .waits()
            .unwrap_or_else(|| ("sales".into(), snapshot.turned_at));
        let set = |names: &[&str]| names.iter().map(|name| OperatorId::from(*name)).collect();
        let choice = match self {
            Self::Terms(revision) => {
                return EventBody::QueueChanged(QueueTerms {
                    queue,
                    revision: *revision,
                    complete_after: (*revision == 2).then(|| Period::from_millis(30_000)),
                    accept_within: (*revision == 1).then(|| Period::from_millis(10_000)),
                    busy_reply: Some("busy".into()),
                    away_reply: Some("away".into()),
                });
            }
            Self::Left(loses) => {
                let operator = snapshot.holder().cloned();
                return EventBody::OperatorLeft {
                    operator: operator.unwrap_or_else(|| "op".into()),
                    loses: *loses,
                };
            }
            Self::Assign => Choice::Assign("bo".into()),
            Self::Offer(to) => Choice::Offer(set(to)),
            Self::Busy => Choice::Busy,
            Self::Away => Choice::Away,
            Self::PassTo(queue) => Choice::PassTo((*queue).into()),
            Self::Stale => {
                return EventBody::Routed {
                    queue,
                    since: now,
                    choice: Choice::Assign("bo".into()),
                };
            }
        };
        EventBody::Routed {
            queue,
            since,
            choice,
        }
    }
}

/// Sessions, handling and assignee: one open session, each change recorded once and joined to the
/// one before, nothing kept of what is over.
pub(crate) fn check_people(before: &Snapshot, after: &Transition) {
    let next = &after.snapshot;
    let number = |snapshot: &Snapshot| {
        let last = snapshot.last_session.as_ref().map(|last| last.number);
        let open = snapshot.session.as_ref().map(|open| open.number);
        last.max(open).unwrap_or(0)
    };
    let mut open = before
        .session
        .as_ref()
        .map(|session| (session.number, session.handling));
    let mut newest = number(before);
    let mut assignee = before.assignee.clone();
    let mut ended = BTreeSet::new();
    for fact in &after.facts {
        match fact {
            Fact::SessionOpened {
                number,
                parent,
                handling,
                ..
            } => {
                assert_eq!(open, None, "one open session");
                assert_eq!(*number, newest + 1, "numbers have no gaps");
                let last = (newest > 0).then_some(newest);
                assert!(
                    parent.is_none() || *parent == last,
                    "{parent:?} is the last"
                );
                newest = *number;
                open = Some((*number, *handling));
            }
            Fact::SessionReopened {
                number, handling, ..
            } => {
                assert_eq!(open, None, "one open session");
                assert_eq!(*number, newest, "the last one");
                open = Some((*number, *handling));
            }
            Fact::SessionCompleted { number, .. } => {
                let was = open.take().map(|(number, _)| number);
                assert_eq!(was, Some(*number), "what is completed was open");
                ended.insert(*number);
            }
            Fact::HandlingChanged { from, to, .. } => {
                assert_ne!(from, to, "a change changes something");
                let (number, handling) = open.expect("an open session is handled");
                assert_eq!(handling, *from, "changes join");
                open = Some((number, *to));
            }
            Fact::AssigneeChanged { from, to, .. } => {
                assert_ne!(from, to, "a change changes something");
                assert_eq!(assignee, *from, "changes join");
                assignee = to.clone();
            }
            _ => {}
        }
    }
    let session = next.session.as_ref();
    let is = session.map(|session| (session.number, session.handling));
    assert_eq!(open, is, "every change of the session is a fact");
    assert_eq!(
        assignee, next.assignee,
        "every change of the assignee is a fact"
    );
    assert_eq!(newest, number(next));
    for number in ended {
        let record = after.sessions.iter().find(|record| record.number == number);
        let is_open = session.is_some_and(|session| session.number == number);
        let record = record.expect("what ends is listed");
        assert_eq!(record.completed.is_none(), is_open, "as it ended");
    }
    let has_offer = session.is_some_and(|session| session.offer.is_some());
    let is_offered = session.is_some_and(|session| session.handling == Handling::Offered);
    assert_eq!(has_offer, is_offered, "an offer, and nobody has it");
    if let Some(offer) = session.and_then(|session| session.offer.as_ref()) {
        assert!(!offer.to.is_empty(), "offered to somebody");
        let timer = next.timers.get("offer").map(|timer| timer.due);
        assert_eq!(timer, offer.until, "an offer ends when it ends");
    } else {
        assert!(!next.timers.contains_key("offer"), "no offer, no timer");
    }
    assert!(
        session.is_some() || !next.timers.contains_key("session"),
        "what is over is not completed again"
    );
    if let Some(session) = session {
        let is_waiting = session.is_waiting();
        assert_eq!(session.waiting_since.is_some(), is_waiting, "since when");
        assert!(
            !is_waiting || session.queue.is_some(),
            "it waits in a queue"
        );
        let is_in_hand = session.handling == Handling::InProgress;
        assert!(
            is_in_hand || next.holder().is_none(),
            "nobody holds what waits"
        );
    }
    assert!(next.session.is_some() || next.holder().is_none());
    let wants = next.wants_manager.is_some();
    assert!(
        !wants || next.assignee == Assignee::Nobody,
        "a manager is wanted where nobody is responsible"
    );
}
