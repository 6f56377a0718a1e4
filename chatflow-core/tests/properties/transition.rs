//! What holds of every transition.

use chatflow_core::{
    Actor, Automation, CancelScope, Effect, Event, EventBody, Fact, Limits, OperatorAct,
    ShownStatus, Snapshot, StatusKind, Transition, Value,
};

use crate::legal::{LegalTable, letter};

pub(crate) fn check_transition(
    table: &LegalTable,
    before: &Snapshot,
    event: &Event,
    after: &Transition,
    limits: &Limits,
) {
    let next = &after.snapshot;
    assert_eq!(next.revision, before.revision + 1);
    assert!(next.turned_at >= before.turned_at, "time never goes back");
    assert!(after.effects.len() <= limits.effects_per_turn + 1);
    assert!(after.facts.len() < 1000, "the journal of a turn is bounded");
    assert!(
        matches!(after.facts[0], Fact::Input { .. }),
        "the input comes first"
    );
    let size: usize = next
        .data
        .iter()
        .map(|(name, value)| name.len() + value.weight())
        .sum();
    assert!(size <= limits.data_bytes, "data stays within its limit");

    // The bot's setting gives a completed session's dialog back to the bot (ST-35).
    let completes = |fact: &Fact| matches!(fact, Fact::SessionCompleted { .. });
    let given_back = next.automation == Automation::Start && after.facts.iter().any(completes);

    // Every change of status is recorded once, joins the one before, and is in the table.
    let mut shown: ShownStatus = before.shown_status();
    let mut led = shown.kind == StatusKind::Auto;
    for fact in &after.facts {
        let Fact::StatusChanged {
            from,
            to,
            actor,
            error,
        } = fact
        else {
            continue;
        };
        assert_eq!(*from, shown, "changes join");
        assert_ne!(from, to, "a change changes something");
        assert_eq!(error.is_some(), to.kind == StatusKind::Error);
        let by = letter(actor, to.kind);
        // Lifting our own block shows again what it hid, whatever that is (ST-37).
        let restored = from.kind == StatusKind::Blocked
            && by == "o"
            && matches!(to.kind, StatusKind::Error | StatusKind::Stopped);
        let is_start = to.kind == StatusKind::Start;
        assert!(
            from.kind == to.kind
                || restored
                || given_back && is_start
                || table.allows(from.kind, to.kind, by),
            "{from} to {to} by {actor:?} is not in the table"
        );
        shown = to.clone();
        led |= to.kind == StatusKind::Auto;
    }
    assert_eq!(
        shown,
        next.shown_status(),
        "what is shown is what was recorded"
    );

    if let EventBody::TimerFired { name, generation } = &event.body {
        let timer = &before.timers[name];
        assert_eq!(timer.generation, *generation, "only the newest fires");
        assert!(timer.due <= next.turned_at, "and never early");
    }
    let automatic = after.effects.iter().any(|effect| effect.automatic);
    let undone = after
        .facts
        .iter()
        .any(|fact| matches!(fact, Fact::TurnUndone { .. }));
    // What was held is handed on first, and that stays.
    if undone && before.held.is_empty() {
        assert!(!automatic, "nothing of an undone turn is sent");
        assert_eq!(next.data, before.data, "nothing of it is kept");
        assert!(matches!(next.automation, Automation::Error(_)));
        let robots_act = |fact: &Fact| matches!(fact, Fact::RobotActed { .. });
        let has_robots = after.facts.iter().any(robots_act);
        if !has_robots {
            assert_eq!(next.contact, before.contact);
        }
        let led_away = |fact: &Fact| matches!(fact, Fact::PostbackNoted { moved: true, .. });
        let is_placed = has_robots || after.facts.iter().any(led_away);
        if !is_placed && !given_back && !matches!(event.body, EventBody::OperatorActed { .. }) {
            // That the contact was heard, or that a block ended, is no step's doing.
            // A reply that was written and not sent is dropped with the status it was written in.
            let keeps = next.position.iter().any(|at| at.memory != Value::Null);
            let standing = |snapshot: &Snapshot| {
                let position = snapshot.position.clone();
                position.map(|at| {
                    (
                        at.flow,
                        at.step,
                        at.phase,
                        at.asked_again,
                        keeps
                            .then_some(at.memory)
                            .filter(|memory| *memory != Value::Null),
                        at.calls,
                    )
                })
            };
            assert_eq!(standing(next), standing(before));
        }
    }
    // Beside the flow: media are read wherever a message would be led, what waited for its
    // translation goes whoever leads now, and a push goes in Waiting too.
    let beside = |effect: &Effect| next.side_calls.iter().any(|side| side.id == effect.id);
    let mut begun = after.effects.iter();
    let begins = begun.any(|effect| effect.automatic && !beside(effect));
    let pushed = after
        .facts
        .iter()
        .any(|fact| matches!(fact, Fact::PushFired { sent: true, .. }));
    let waits = before.shown_status().kind == StatusKind::Waiting;
    let tells_to_wait = matches!(event.body, EventBody::Routed { .. });
    let flushed = before.outgoing.len() > next.outgoing.len();
    assert!(
        led || !begins || pushed && waits || flushed || tells_to_wait,
        "nothing automatic unless Auto"
    );
    let operator = matches!(event.body, EventBody::OperatorActed { .. });
    let step = |snapshot: &Snapshot| snapshot.position.as_ref().map(|at| at.step.clone());
    if !led && !operator && !given_back {
        assert_eq!(
            step(before),
            step(next),
            "the step changes only in Auto or by a person"
        );
    }
    // The driver has changed if, and only if, the epoch has risen; a person's choice of a step
    // counts as one, and so does what silences the dialog or takes it over.
    let set_step = matches!(
        &event.body,
        EventBody::OperatorActed {
            act: OperatorAct::Set(settings),
            ..
        } if settings.step.is_some()
    );
    let changed = before.automation.drives() != next.automation.drives();
    let silenced = after.cancel == Some(CancelScope::Messages);
    let by_person = matches!(
        event.body,
        EventBody::OperatorActed { .. } | EventBody::OperatorWrote { .. }
    );
    let becomes_manual = before.automation != Automation::Manual
        && after.facts.iter().any(|fact| {
            let (to, actor) = match fact {
                Fact::StatusChanged { to, actor, .. } => (to, actor),
                Fact::HiddenStatusChanged { to, actor } => (to, actor),
                _ => return false,
            };
            to.kind == StatusKind::Manual && matches!(actor, Actor::Operator(_))
        });
    let takes = matches!(
        event.body,
        EventBody::OperatorActed {
            act: OperatorAct::Take,
            ..
        }
    );
    let taken = takes || by_person && becomes_manual;
    assert_eq!(
        next.epoch > before.epoch,
        changed || set_step || silenced || taken
    );
    for effect in &after.effects {
        assert_eq!(
            effect.epoch, next.epoch,
            "an entry carries the epoch its turn ended with"
        );
        assert!(
            !effect.automatic || effect.epoch >= next.fence,
            "a turn never fences its own"
        );
    }
    if let Some(call) = &next.call {
        assert_eq!(
            next.automation,
            Automation::Auto,
            "only automation awaits an answer"
        );
        assert!(call.id.turn <= next.revision);
    }
    // Where a message tries a step behind Error again, it may wait like any other.
    let is_error = matches!(next.automation, Automation::Error(_));
    let by_itself = |name: &str| {
        matches!(name, "pause" | "retry" | "offer" | "session") || is_error && name == "held"
    };
    assert!(
        next.automation.drives() || next.timers.keys().all(|name| by_itself(name)),
        "timers belong to automation"
    );
    assert!(
        next.automation.drives() || is_error || next.held.is_empty(),
        "nothing is held for a flow that doesn't go on"
    );
    // What is held is handed on by something: its timer, its own call, the step's, or the end of a
    // block.
    let first_is_read = next.held.iter().any(|held| held.recognising.is_some());
    let is_handed_on = next.timers.contains_key("held")
        || next.timers.contains_key("step")
        || next.call.is_some()
        || first_is_read
        || !next.can_send();
    assert!(
        next.held.is_empty() || is_handed_on || is_error,
        "held for nobody"
    );
    let batches = next.outgoing.iter().filter_map(|batch| batch.call);
    for call in batches.chain(next.held.iter().filter_map(|held| held.recognising)) {
        assert!(
            next.side_calls.iter().any(|side| side.id == call),
            "what waits for an answer will get one"
        );
    }
    let spent = before.usage.plus(&after.usage);
    assert_eq!(next.usage, spent, "what was used is counted once");
}
