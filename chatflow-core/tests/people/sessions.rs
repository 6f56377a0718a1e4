//! Sessions: how they begin, end and begin again.

use chatflow_core::time::Period;
use chatflow_core::{
    Actor, Behaviour, Clock as _, CompletionCause, Fact, Handling, OperatorAct, StatusKind,
};

use crate::office::{Office, in_sales, minutes, reply, with_queue};

fn creatio() -> Office {
    let office = Office::of(in_sales(Behaviour::creatio()));
    office.hire("anna");
    office
}

#[test]
fn st_23_closing_is_done_by_hand_and_is_in_the_timeline() {
    let office = Office::of(in_sales(Behaviour::retailcrm()));
    office.hire("anna");
    office.wants_person("c");
    office.later(minutes(24 * 60));
    assert_eq!(
        office.handling("c"),
        Some(Handling::InProgress),
        "not by time"
    );
    let now = office.clock.now();
    office.does("anna", "c", OperatorAct::Complete);
    assert_eq!(office.handling("c"), None);
    let closed = Fact::SessionCompleted {
        number: 1,
        cause: CompletionCause::ByHand,
        actor: Actor::Operator("anna".into()),
    };
    assert!(office.facts("c").contains(&closed));
    let record = office.sessions("c").remove(0);
    let at = record.completed.unwrap().at;
    assert_eq!(at, now, "when");
}

#[test]
fn st_24_whoever_writes_opens_a_closed_dialog_again() {
    let office = Office::of(in_sales(Behaviour::retailcrm()));
    office.hire("anna");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Complete);
    office.says("c", "one more thing");
    assert_eq!(office.snapshot("c").session.unwrap().number, 1, "the same");
    assert_eq!(office.holder("c").as_deref(), Some("anna"), "hers again");
    office.does("anna", "c", OperatorAct::Complete);
    office.does("anna", "c", reply("did it help?"));
    assert_eq!(office.snapshot("c").session.unwrap().number, 1);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
}

#[test]
fn st_26_a_chat_is_completed_at_any_time_and_its_timer_is_gone() {
    let office = creatio();
    office.wants_person("c");
    office.later(minutes(30));
    office.does("anna", "c", OperatorAct::Complete);
    assert!(office.snapshot("c").timers.is_empty());
    let before = office.snapshot("c").revision;
    office.later(minutes(120));
    assert_eq!(office.snapshot("c").revision, before);
}

#[test]
fn st_27_st_28_after_completion_a_message_makes_a_new_chat_in_the_queue() {
    // Where no bot stands before people.
    let behaviour = Behaviour {
        reopen: chatflow_core::ReopenPolicy::New,
        ..with_queue()
    };
    let office = Office::of(behaviour);
    office.hire("anna");
    office.wants_person("c");
    office.says("c", "hello?");
    assert_eq!(
        office.snapshot("c").session.unwrap().number,
        1,
        "it is active"
    );
    office.does("anna", "c", OperatorAct::Complete);
    let first = office.sessions("c").remove(0);
    office.declare("anna", chatflow_core::Availability::Inactive);
    office.says("c", "again");
    let second = office.snapshot("c").session.unwrap();
    assert_eq!(second.number, 2);
    assert_eq!(second.parent, Some(1));
    assert_eq!(second.handling, Handling::Queued);
    let sessions = office.sessions("c");
    assert_eq!(sessions[0], first, "unchanged");
    office.says("c", "hello?");
    assert_eq!(office.snapshot("c").session.unwrap().number, 2);
}

#[test]
fn st_28_within_a_time_it_is_the_same_chat() {
    let behaviour = Behaviour {
        reopen: chatflow_core::ReopenPolicy::Within(Period::from_millis(600_000)),
        ..with_queue()
    };
    let office = Office::of(behaviour);
    office.hire("anna");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Complete);
    office.later(minutes(10));
    office.says("c", "again");
    assert_eq!(office.snapshot("c").session.unwrap().number, 1);
    office.does("anna", "c", OperatorAct::Complete);
    office.later(minutes(11));
    office.says("c", "again");
    assert_eq!(office.snapshot("c").session.unwrap().number, 2);
}

#[test]
fn st_29_each_state_of_a_chat_is_an_event() {
    let office = creatio();
    office.queue("sales", |queue| queue.acceptance = crate::office::OFFER);
    office.says("c", "hi");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Accept);
    office.does("anna", "c", OperatorAct::Complete);
    let states: Vec<_> = (office.facts("c").into_iter())
        .filter_map(|fact| match fact {
            Fact::SessionOpened { handling, .. } => Some(handling.label()),
            Fact::HandlingChanged { to, .. } => Some(to.label()),
            Fact::SessionCompleted { cause, .. } => Some(cause.label()),
            _ => None,
        })
        .collect();
    let expected = [
        "bot",
        "handed_over",
        "queued",
        "offered",
        "in_progress",
        "by_hand",
    ];
    assert_eq!(states, expected);
}

#[test]
fn st_31_a_handover_completes_the_bots_chat_and_makes_a_child_that_waits() {
    let office = creatio();
    office.declare("anna", chatflow_core::Availability::Inactive);
    office.wants_person("c");
    let child = office.snapshot("c").session.unwrap();
    assert_eq!((child.number, child.parent), (2, Some(1)));
    assert_eq!(child.handling, Handling::Queued);
    let parent = office.sessions("c").remove(0);
    assert_eq!(parent.handling, Handling::Bot);
    assert_eq!(parent.completed.unwrap().cause, CompletionCause::HandedOver);
}

#[test]
fn st_32_st_33_a_silent_chat_completes_itself_by_the_queues_time_or_in_an_hour() {
    for (own, after) in [(Some(10), 10), (None, 60)] {
        let office = creatio();
        office.queue("sales", |queue| {
            queue.complete_after = own.map(|own| Period::from_millis(own * 60_000));
        });
        office.says("c", "hi");
        office.later(minutes(after) - std::time::Duration::from_secs(1));
        assert_eq!(office.handling("c"), Some(Handling::Bot), "{own:?}");
        office.later(std::time::Duration::from_secs(1));
        assert_eq!(office.handling("c"), None, "{own:?}");
        let record = office.sessions("c").remove(0);
        assert_eq!(record.completed.unwrap().cause, CompletionCause::Timeout);
    }
}

#[test]
fn st_32_a_new_time_of_the_queue_holds_for_chats_that_are_open() {
    let office = creatio();
    office.wants_person("c");
    office.later(minutes(5));
    office.queue("sales", |queue| {
        queue.complete_after = Some(Period::from_millis(600_000));
    });
    office.does("anna", "c", reply("hello"));
    office.later(minutes(10));
    assert_eq!(office.handling("c"), None);
}

#[test]
fn st_34_each_message_begins_the_time_anew() {
    let office = creatio();
    office.wants_person("c");
    office.later(minutes(59));
    office.does("anna", "c", reply("a moment"));
    office.later(minutes(59));
    assert_eq!(office.handling("c"), Some(Handling::InProgress));
    office.says("c", "fine");
    office.later(minutes(59));
    assert_eq!(office.handling("c"), Some(Handling::InProgress));
    // What is no message doesn't.
    office.does("anna", "c", OperatorAct::Acknowledge);
    office.later(minutes(1));
    assert_eq!(office.handling("c"), None);
}

#[test]
fn st_35_after_completion_the_bot_has_it_again() {
    let office = creatio();
    office.wants_person("c");
    office.later(minutes(60));
    let snapshot = office.snapshot("c");
    assert_eq!(snapshot.session, None);
    assert_eq!(snapshot.shown_status().kind, StatusKind::Start);
    assert_eq!(snapshot.assignee, chatflow_core::Assignee::Nobody);
    office.sent();
    office.says("c", "hi");
    assert_eq!(office.sent(), ["bot: hi"]);
    let session = office.snapshot("c").session.unwrap();
    assert_eq!(session.handling, Handling::Bot);
    assert_eq!(session.number, 3);
    assert_eq!(session.parent, Some(2));
}

#[test]
fn op_23_a_dialog_that_was_manual_before_the_contact_wrote_waits_from_then_on() {
    let office = Office::of(with_queue());
    office.add("anna", &[]);
    let profile = chatflow_core::Profile::default();
    let address = chatflow_core::Address::new("web", "c");
    futures::executor::block_on(office.worker.open_dialog(&address, &profile)).unwrap();
    let manual = Some(chatflow_core::StatusChoice::Manual);
    office.does("anna", "c", OperatorAct::set(manual, None));
    assert_eq!(office.handling("c"), None, "nobody has come yet");
    office.says("c", "hi");
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    assert_eq!(office.snapshot("c").session.unwrap().number, 1);
}

#[test]
fn st_31_automation_that_hands_over_after_completion_makes_people_look() {
    let rule = chatflow_core::PostbackRule {
        on: "refund".to_owned(),
        at_least: None,
        step: chatflow_core::StepTarget::step("person"),
    };
    let behaviour = Behaviour {
        postbacks: vec![rule],
        ..in_sales(Behaviour::creatio())
    };
    let flow = chatflow_core::FlowBuilder::new("front", 1)
        .step("front", crate::office::Front)
        .exit("next", "end")
        .step(
            "end",
            chatflow_core::Finish::with(chatflow_core::FinishStatus::Finished),
        )
        .step(
            "person",
            chatflow_core::SendMessage::text("A colleague looks."),
        )
        .finish(chatflow_core::FinishStatus::Manual);
    let bot = chatflow_core::Bot::new("bot", flow.build().unwrap()).behaviour(behaviour);
    let store = std::sync::Arc::new(chatflow_core::MemoryStore::new());
    let office = Office::over(store, &bot, |builder| builder);
    office.says("c", "hi");
    office.later(minutes(60));
    assert_eq!(office.handling("c"), None);
    let refund = chatflow_core::Postback::new("refund");
    futures::executor::block_on(office.worker.postback(
        crate::office::dialog("c"),
        "p1".into(),
        refund,
    ))
    .unwrap();
    office.step();
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    assert_eq!(office.snapshot("c").session.unwrap().number, 2);
}
