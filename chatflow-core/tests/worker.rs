//! The worker over the reference store: what comes in changes its dialog once.

mod desk;

use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Automation, Bot, ContactBlock, Dialog, DialogId, ErrorKind, Event, FlowBuilder,
    HandleError, Handled, Inbound, InboundBody, MemoryStore, OperatorAct, Profile, Reach, Refusal,
    SendMessage, Snapshot, Status, StatusKind, Store, Worker, time,
};
use futures::executor::block_on;

use desk::{Desk, asking, greeting};

#[test]
fn fl_50_the_same_message_twice_runs_one_step() {
    let desk = Desk::new(greeting());
    assert_eq!(desk.says("1", "hi"), Handled::applied(1));
    assert_eq!(desk.says("1", "hi"), Handled::Duplicate);
    assert_eq!(desk.heard(), ["Your name?"]);
    assert_eq!(desk.snapshot().revision, 1);
}

#[test]
fn the_contact_row_is_made_once_and_kept() {
    let desk = Desk::new(greeting());
    desk.says("1", "hi");
    assert_eq!(
        desk.snapshot().contact_name(),
        Some("anna"),
        "from the channel's profile"
    );
    desk.says("2", "Anna Maria");
    assert_eq!(desk.heard(), ["Your name?", "Bye, Anna Maria!"]);
    let contact = block_on(desk.store.contact(desk.snapshot().contact_id))
        .unwrap()
        .unwrap();
    assert_eq!(contact.view.name.unwrap().as_str(), "Anna Maria");
    // The profile's name doesn't overwrite the one the contact gave.
    desk.says("3", "hello?");
    assert_eq!(desk.snapshot().contact_name(), Some("Anna Maria"));
    assert_eq!(desk.snapshot().contact.revision, contact.view.revision);
    desk.replays();
}

#[test]
fn a_newer_contact_row_reaches_the_dialog_before_the_next_event() {
    let desk = Desk::new(greeting());
    desk.says("1", "hi");
    let mut contact = block_on(desk.store.contact(desk.snapshot().contact_id))
        .unwrap()
        .unwrap();
    contact.view.blocked = Some(ContactBlock {
        by: "olga".into(),
        since: time::from_millis(0),
    });
    contact.view.revision += 1;
    block_on(desk.store.save_contact(&contact, 1)).unwrap();
    assert_eq!(desk.says("2", "Anna"), Handled::Refused(Refusal::Blocked));
    assert_eq!(desk.snapshot().shown_status().kind, StatusKind::Blocked);
    let refusals = block_on(desk.store.refusals(Desk::dialog(), 10)).unwrap();
    assert_eq!(refusals.len(), 1, "the refused message is kept");
    assert_eq!(
        desk.says("2", "Anna"),
        Handled::Duplicate,
        "and its key is consumed"
    );
    desk.replays();
}

#[test]
fn a_panic_costs_its_turn_only() {
    let desk = Desk::new(asking());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    assert_eq!(desk.says("1", "panic"), Handled::applied(1));
    std::panic::set_hook(hook);
    assert_eq!(
        desk.snapshot().automation,
        Automation::Error(ErrorKind::StepPanicked)
    );
    let lines = block_on(desk.store.transcript(Desk::dialog(), None, 10)).unwrap();
    assert_eq!(
        lines[0].record.message.text(),
        "panic",
        "the message itself is not lost"
    );
    assert_eq!(
        desk.says("1", "panic"),
        Handled::Duplicate,
        "it was handled under its own key"
    );
    desk.replays();
}

#[test]
fn st_44_a_stale_command_reaches_its_caller_and_leaves_nothing() {
    let desk = Desk::new(greeting());
    desk.says("1", "hi");
    let take = Event::operator("t", "op", OperatorAct::Take).if_revision(0);
    let answer = block_on(desk.worker.handle(Desk::dialog(), &take));
    let Err(HandleError::Refused(refused)) = answer else {
        panic!("taken: {answer:?}")
    };
    assert_eq!(
        refused.reason,
        Refusal::Stale {
            decided_on: 0,
            current: 1
        }
    );
    assert!(
        block_on(desk.store.refusals(Desk::dialog(), 10))
            .unwrap()
            .is_empty()
    );
    let take = Event::operator("t", "op", OperatorAct::Take).if_revision(1);
    let taken = block_on(desk.worker.handle(Desk::dialog(), &take)).unwrap();
    assert_eq!(taken, Handled::applied(2), "the same key may be used again");
}

#[test]
fn st_40_who_writes_again_is_no_longer_blocking() {
    let desk = Desk::new(greeting());
    desk.says("1", "hi");
    let report = Inbound {
        key: "2".into(),
        from: Address::new("test", "anna"),
        profile: Profile::default(),
        body: InboundBody::Reach(Reach::BlockedByContact),
    };
    block_on(desk.worker.receive(report)).unwrap();
    assert_eq!(desk.snapshot().shown_status().label(), "blocked");
    desk.heard();
    desk.says("3", "Anna");
    assert_eq!(desk.heard(), ["Bye, Anna!"]);
    assert_eq!(desk.snapshot().reach, Reach::Ok);
}

#[test]
fn an_event_that_is_not_well_formed_is_refused_by_name() {
    let desk = Desk::new(greeting());
    let nobody = Inbound {
        from: Address::new("test", ""),
        ..desk.channel.says("anna", "1", "hi")
    };
    let stranger = Inbound {
        from: Address::new("mars", "a"),
        ..desk.channel.says("anna", "1", "hi")
    };
    let keyless = Inbound {
        key: "".into(),
        ..desk.channel.says("anna", "1", "hi")
    };
    let disguised = desk.channel.says("anna", "~timer:1:step", "hi");
    let cases = [
        (nobody, "address"),
        (stranger, "mars"),
        (keyless, "key"),
        (disguised, "the runner's own"),
    ];
    for (inbound, word) in cases {
        let error = block_on(desk.worker.receive(inbound)).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(block_on(desk.store.dialogs(None, 10)).unwrap().is_empty());
    let unknown = DialogId::from_bytes([1; 16]);
    let take = Event::operator("t", "op", OperatorAct::Take);
    let error = block_on(desk.worker.handle(unknown, &take)).unwrap_err();
    assert!(matches!(error, HandleError::NoSuchDialog { dialog } if dialog == unknown));
}

#[test]
fn a_choice_question_asked_again_offers_its_choices_again() {
    let flow = FlowBuilder::new("size", 1)
        .step(
            "size",
            Ask::choice("Which size?", ["Small", "Large"]).retry("Small or large?"),
        )
        .build()
        .unwrap();
    let desk = Desk::new(flow);
    desk.says("1", "hi");
    desk.says("2", "medium");
    for sent in desk.channel.take() {
        assert_eq!(
            sent.message.choices().collect::<Vec<_>>(),
            ["Small", "Large"]
        );
    }
}

#[test]
fn a_step_chosen_where_nothing_runs_any_more_is_run() {
    let desk = Desk::new(greeting());
    desk.says("1", "hi");
    desk.says("2", "Anna");
    assert_eq!(desk.snapshot().automation, Automation::Finished);
    desk.heard();
    let step = Some(chatflow_core::StepTarget::step("name"));
    let set = Event::operator("s", "op", OperatorAct::set(None, step));
    block_on(desk.worker.handle(Desk::dialog(), &set)).unwrap();
    desk.step();
    assert_eq!(desk.heard(), ["Your name?"]);
    assert_eq!(desk.snapshot().automation, Automation::Auto);
}

#[test]
fn taking_a_dialog_keeps_the_hosts_own_kind_of_manual() {
    struct Review;
    impl Status for Review {
        fn label(&self) -> &str {
            "kyc_review"
        }
        fn kind(&self) -> StatusKind {
            StatusKind::Manual
        }
    }
    let channel = Arc::new(ScriptedChannel::new("test"));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let worker = Worker::builder(store.clone(), Arc::new(ManualClock::default()))
        .bot(
            &Bot::new("bot", greeting()).status(&Review),
            channel.clone(),
        )
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    let review = chatflow_core::StatusChoice::Custom("kyc_review".into());
    let acts = [OperatorAct::set(Some(review), None), OperatorAct::Take];
    for (n, act) in acts.into_iter().enumerate() {
        let event = Event::operator(format!("op{n}"), "olga", act);
        block_on(worker.handle(Desk::dialog(), &event)).unwrap();
    }
    let loaded = block_on(store.load(Desk::dialog())).unwrap().unwrap();
    let snapshot = Snapshot::decode(&loaded.snapshot).unwrap();
    assert_eq!(snapshot.shown_status().label(), "kyc_review");
    assert_eq!(
        snapshot.assignee,
        chatflow_core::Assignee::Operator("olga".into())
    );
}

#[test]
fn what_a_flow_just_changed_is_not_hidden_by_another_change_of_the_contact() {
    let flow = FlowBuilder::new("names", 1)
        .step("name", Ask::text("Your name?").save_contact_name())
        .step("more", Ask::text("And then?"))
        .step("bye", SendMessage::text("Bye, {{ name }}!"))
        .build()
        .unwrap();
    let desk = Desk::new(flow);
    desk.says("1", "hi");
    // The patch is decided and has not reached the contact's row.
    block_on(
        desk.worker
            .receive(desk.channel.says("anna", "2", "Anna Maria")),
    )
    .unwrap();
    let id = desk.snapshot().contact_id;
    let mut contact = block_on(desk.store.contact(id)).unwrap().unwrap();
    contact.view.tags.insert("vip".to_owned());
    contact.view.revision += 1;
    block_on(desk.store.save_contact(&contact, contact.view.revision - 1)).unwrap();
    desk.heard();
    block_on(
        desk.worker
            .receive(desk.channel.says("anna", "3", "nothing")),
    )
    .unwrap();
    desk.step();
    assert_eq!(
        desk.heard().last().map(String::as_str),
        Some("Bye, Anna Maria!")
    );
    let view = desk.snapshot().contact;
    assert!(
        view.tags.contains("vip"),
        "and the other change is seen as well"
    );
    let row = block_on(desk.store.contact(id)).unwrap().unwrap();
    assert_eq!(row.view.name.unwrap().as_str(), "Anna Maria");
}
