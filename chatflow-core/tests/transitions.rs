//! Single transitions that a reader should be able to look up.

mod world;

use chatflow_core::{
    Actor, Ask, Automation, Bot, Branch, Condition, Config, Engine, Event, EventBody, Fact,
    FinishStatus, FlowBuilder, OperatorAct, Reach, Refusal, SendMessage, Side, Snapshot,
    StatusChoice, StatusKind, TimerChange, Transition, time,
};
use world::{Obedient, opened};

fn one_step(kind: impl Into<chatflow_core::StepKind>) -> (Config, Snapshot) {
    let flow = FlowBuilder::new("one", 1)
        .step("only", kind)
        .build()
        .unwrap();
    let config = Bot::new("one", flow).compile().unwrap();
    let snapshot = opened(&config);
    (config, snapshot)
}

fn turn(config: &Config, snapshot: Snapshot, event: &Event, at: i64) -> Transition {
    Engine::handle(config, snapshot, event, time::from_millis(at)).unwrap()
}

#[test]
fn fl_51_a_cycle_that_never_waits_stops_at_the_limit_with_error() {
    let flow = FlowBuilder::new("cycle", 1)
        .step("one", SendMessage::text("again"))
        .step("two", Branch::when("never", Condition::known("nothing")))
        .exit("never", "one")
        .exit("otherwise", "one")
        .build()
        .unwrap();
    let config = Bot::new("cycle", flow).compile().unwrap();
    let after = turn(&config, opened(&config), &Event::message("1", "hi"), 1_000);
    assert_eq!(
        after.snapshot.automation,
        Automation::Error(chatflow_core::ErrorKind::StepLimit)
    );
    assert!(after.effects.is_empty(), "what the turn had said is undone");
    assert!(after.facts.iter().any(|fact| matches!(
        fact,
        Fact::TurnUndone {
            error: chatflow_core::ErrorKind::StepLimit,
            ..
        }
    )));
}

#[test]
fn st_09_a_waiting_dialog_stays_for_thirty_days() {
    let flow = FlowBuilder::new("wait", 1)
        .step("hello", SendMessage::text("hello"))
        .finish(FinishStatus::Waiting)
        .step("next", Ask::text("go on?"))
        .build()
        .unwrap();
    let config = Bot::new("wait", flow).compile().unwrap();
    let waiting = turn(&config, opened(&config), &Event::message("1", "hi"), 1_000).snapshot;
    assert_eq!(waiting.automation, Automation::Waiting);
    assert!(
        waiting.timers.is_empty(),
        "nothing is planned that could move it"
    );
    let month = 30 * 24 * 3600 * 1000;
    let report = Event::new("2", EventBody::ReachReported(Reach::BlockedByContact));
    let after = turn(&config, waiting.clone(), &report, month).snapshot;
    assert_eq!(
        (after.automation, &after.position),
        (Automation::Waiting, &waiting.position)
    );
}

#[test]
fn st_43_setting_the_status_it_has_changes_nothing() {
    let (config, snapshot) = one_step(Ask::text("who?"));
    let auto = turn(&config, snapshot, &Event::message("1", "hi"), 1_000).snapshot;
    let set = OperatorAct::set(Some(StatusChoice::Auto), None);
    let event = Event::operator("2", "op", set);
    let refused =
        Engine::handle(&config, auto.clone(), &event, time::from_millis(2_000)).unwrap_err();
    assert_eq!(refused.reason, Refusal::Unchanged);
    assert_eq!(*refused.snapshot, auto);
}

#[test]
fn st_44_of_two_who_decide_on_one_revision_the_second_is_refused() {
    let (config, snapshot) = one_step(Ask::text("who?"));
    let auto = turn(&config, snapshot, &Event::message("1", "hi"), 1_000).snapshot;
    let seen = auto.revision;
    let manual = OperatorAct::set(Some(StatusChoice::Manual), None);
    let first = Event::operator("2", "anna", manual).if_revision(seen);
    let taken = turn(&config, auto, &first, 2_000).snapshot;
    let second = Event::operator("3", "boris", OperatorAct::Take).if_revision(seen);
    let refused = Engine::handle(&config, taken, &second, time::from_millis(2_001)).unwrap_err();
    assert_eq!(
        refused.reason,
        Refusal::Stale {
            decided_on: seen,
            current: seen + 1
        }
    );
    assert_eq!(refused.status.kind, StatusKind::Manual);
}

#[test]
fn st_42_a_change_of_status_names_both_and_who() {
    let (config, snapshot) = one_step(Ask::text("who?"));
    let after = turn(&config, snapshot, &Event::message("1", "hi"), 1_000);
    let change = after.facts.iter().find_map(|fact| match fact {
        Fact::StatusChanged {
            from, to, actor, ..
        } => Some((from.kind, to.kind, actor.clone())),
        _ => None,
    });
    assert_eq!(
        change,
        Some((StatusKind::Start, StatusKind::Auto, Actor::Contact))
    );
    let Fact::Input { now, .. } = &after.facts[0] else {
        panic!("the input comes first")
    };
    assert_eq!(*now, time::from_millis(1_000), "and when");
}

#[test]
fn a_takeover_fences_what_automation_had_said_before() {
    let (config, snapshot) = one_step(Ask::text("who?"));
    let auto = turn(&config, snapshot, &Event::message("1", "hi"), 1_000);
    let said = auto.effects[0].epoch;
    let taken = turn(
        &config,
        auto.snapshot,
        &Event::operator("2", "op", OperatorAct::Take),
        2_000,
    );
    assert!(taken.snapshot.fence > said);
    assert_eq!(taken.cancel, Some(chatflow_core::CancelScope::Automatic));
    assert!(taken.facts.contains(&Fact::DeliveriesCancelled(
        chatflow_core::CancelScope::Automatic
    )));
}

#[test]
fn a_hand_off_by_the_flow_fences_nothing() {
    let (config, snapshot) = one_step(Obedient);
    let auto = turn(&config, snapshot, &Event::message("1", "wait"), 1_000);
    let off = turn(
        &config,
        auto.snapshot,
        &Event::message("2", "hand off"),
        2_000,
    );
    assert_eq!(off.snapshot.automation, Automation::Manual);
    assert_eq!((off.snapshot.fence, off.cancel), (0, None));
    assert_eq!(off.effects.len(), 1, "the last words are still sent");
}

#[test]
fn a_late_answer_is_refused() {
    for newer in [
        Event::message("2", "wait"),
        Event::operator("2", "op", OperatorAct::Take),
        Event::new("2", EventBody::ReachReported(Reach::BlockedByContact)),
    ] {
        let (config, snapshot) = one_step(Obedient);
        let asked = turn(&config, snapshot, &Event::message("1", "call"), 1_000);
        let call = asked.snapshot.call.clone().expect("the call is awaited").id;
        let after = turn(&config, asked.snapshot, &newer, 2_000).snapshot;
        let answer = EventBody::CallAnswered {
            call,
            answer: Ok("yes".into()),
            detail: None,
        };
        let refused = Engine::handle(
            &config,
            after,
            &Event::new("3", answer),
            time::from_millis(3_000),
        );
        assert_eq!(refused.unwrap_err().reason, Refusal::LateAnswer);
    }
}

#[test]
fn an_undone_turn_leaves_neither_a_timer_nor_an_answer_behind() {
    let flow = FlowBuilder::new("cycle", 1)
        .step("ask", Ask::text("who?"))
        .timeout(std::time::Duration::from_secs(60))
        .step("say", SendMessage::text("again"))
        .exit("next", "say")
        .build()
        .unwrap();
    let config = Bot::new("cycle", flow).compile().unwrap();
    let asked = turn(&config, opened(&config), &Event::message("1", "hi"), 1_000);
    assert_eq!(asked.timers.len(), 1, "the time-out is planned");
    let undone = turn(&config, asked.snapshot, &Event::message("2", "Anna"), 2_000);
    assert!(matches!(undone.snapshot.automation, Automation::Error(_)));
    let cancel = TimerChange::Cancel {
        name: "step".to_owned(),
    };
    assert_eq!(undone.timers, [cancel], "the store forgets it too");
    let attention = undone.snapshot.attention;
    assert_eq!(
        attention.last_side,
        Some(Side::Contact),
        "nobody has answered"
    );
    assert_eq!(attention.needs_reply_since, Some(time::from_millis(2_000)));
}

#[test]
fn a_hosts_step_that_completes_a_called_flow_gives_back_to_its_caller() {
    let inner = FlowBuilder::new("inner", 1)
        .step("obey", Obedient)
        .build()
        .unwrap();
    let outer = FlowBuilder::new("outer", 1)
        .step("call", chatflow_core::CallFlow::to("inner"))
        .step("back", SendMessage::text("Back."))
        .finish(FinishStatus::Waiting)
        .build()
        .unwrap();
    let config = Bot::new("b", outer).flow(inner).compile().unwrap();
    let came = turn(
        &config,
        opened(&config),
        &Event::message("1", "complete"),
        1_000,
    );
    assert_eq!(came.snapshot.automation, Automation::Waiting);
    assert_eq!(came.effects.len(), 1, "the caller went on");
    let position = came.snapshot.position.unwrap();
    assert_eq!((position.step.as_str(), position.calls.len()), ("back", 0));
}
