//! Flows that wait for one they called, when they have a newer version at its end.

use chatflow_core::{
    Ask, Automation, Bot, CallFlow, FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter,
    SendMessage, Upgrade, UpgradeKind,
};

use crate::rig::Talk;

fn inner() -> FlowDefinition {
    FlowBuilder::new("inner", 1)
        .step("size", Ask::text("Size?").save("size"))
        .build()
        .unwrap()
}

fn outer(version: u32, call: &str, upgrade: Upgrade) -> FlowDefinition {
    FlowBuilder::new("outer", version)
        .step("hello", Ask::text(format!("Hello {version}?").as_str()))
        .step(call, CallFlow::to("inner").result("fit", "size"))
        .step(
            "end",
            SendMessage::text(format!("{{{{ fit }}}} {version}.").as_str()),
        )
        .finish(FinishStatus::Finished)
        .upgrade(upgrade)
        .build()
        .unwrap()
}

/// Stands in the flow that version 1 called.
fn called() -> Talk {
    let mut talk = Talk::new(&one());
    talk.says("hi");
    assert_eq!(talk.says("yes"), ["Size?"]);
    assert_eq!(talk.place(), "inner 1 size");
    talk
}

fn one() -> Bot {
    Bot::new("bot", outer(1, "measure", Upgrade::Drain)).flow(inner())
}

/// What is said when the flow called is over, and how the caller was led.
fn returns(bot: &Bot) -> (Talk, Vec<String>) {
    let mut talk = called();
    talk.becomes(bot);
    assert!(talk.told().is_err(), "where it stands, nothing has changed");
    let said = talk.says("42");
    talk.replays();
    (talk, said)
}

#[test]
fn fl_52_a_caller_is_led_when_it_is_returned_to() {
    for (upgrade, kinds, said) in [
        (Upgrade::Pin, vec![], "42 1."),
        (Upgrade::Drain, vec![], "42 1."),
        (
            Upgrade::remap([("measure", "fitting")]),
            vec![UpgradeKind::Remap],
            "42 2.",
        ),
        (
            Upgrade::RestartFlow,
            vec![UpgradeKind::RestartFlow],
            "Hello 2?",
        ),
    ] {
        let (talk, heard) = returns(&one().flow(outer(2, "fitting", upgrade.clone())));
        assert_eq!(
            (heard, talk.left()),
            (vec![said.to_owned()], kinds),
            "{upgrade:?}"
        );
    }
    // The step that called is entered again, so it calls again.
    let (talk, said) = returns(&one().flow(outer(2, "measure", Upgrade::RestartStep)));
    assert_eq!(
        (said, talk.place()),
        (vec!["Size?".to_owned()], "inner 1 size".into())
    );
    assert_eq!(talk.left(), [UpgradeKind::RestartStep]);
    assert_eq!(talk.snapshot.position.as_ref().unwrap().calls[0].version, 2);
    // Another kind of step is entered.
    let other = Upgrade::remap([("measure", "hello")]);
    let (talk, said) = returns(&one().flow(outer(2, "fitting", other)));
    assert_eq!(
        (said, talk.place()),
        (vec!["Hello 2?".to_owned()], "outer 2 hello".into())
    );
}

#[test]
fn fl_52_a_caller_that_is_gone_is_an_operators() {
    let gone = |bot: &Bot, place: &str, kind| {
        let (talk, said) = returns(bot);
        assert!(said.is_empty(), "{said:?}");
        assert_eq!(talk.snapshot.automation, Automation::Manual);
        assert_eq!((talk.place(), talk.left()), (place.to_owned(), vec![kind]));
        assert!(
            !talk.snapshot.data.contains_key("size"),
            "the called flow's data is gone"
        );
    };
    let second = |upgrade| outer(2, "fitting", upgrade);
    let stranded = UpgradeKind::Stranded;
    // The version is gone, the step is, and the flow is.
    let alone = Bot::new("bot", second(Upgrade::Drain)).flow(inner());
    gone(&alone, "outer 2 hello", stranded);
    gone(
        &one().flow(second(Upgrade::RestartStep)),
        "outer 2 hello",
        stranded,
    );
    gone(&Bot::new("bot", inner()), "nowhere", stranded);
    let handed = one().flow(second(Upgrade::ToOperator));
    gone(&handed, "outer 2 hello", UpgradeKind::ToOperator);
}

#[test]
fn fl_52_a_caller_that_was_edited_into_a_router_is_entered() {
    let edited = FlowBuilder::new("outer", 1)
        .step("measure", KeywordRouter::new().route("yes", ["yes"]))
        .step("end", SendMessage::text("Bye."))
        .build()
        .unwrap();
    let (mut talk, said) = returns(&Bot::new("bot", edited).flow(inner()));
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(talk.snapshot.automation, Automation::Auto);
    assert_eq!(talk.place(), "outer 1 measure");
    assert_eq!(talk.says("yes"), ["Bye."]);
}
