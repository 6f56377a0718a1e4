//! Each policy, in a turn of its own and before somebody else's event.

use std::time::Duration;

use chatflow_core::{
    Actor, Ask, Automation, Behaviour, Bot, Fact, FinishStatus, FinishedInbound, FlowBuilder,
    FlowDefinition, KeywordRouter, Membership, OperatorAct, Phase, Reach, Refusal, SendMessage,
    StatusChoice, StatusKind, Stranded, Upgrade, UpgradeKind, Value,
};
use chatflow_core::{CallFailure, EventBody};

use crate::rig::Talk;

/// Asks for a name and a meal, with a time-out for the meal.
fn first() -> FlowDefinition {
    FlowBuilder::new("order", 1)
        .step("name", Ask::text("Name?").save("name"))
        .step("meal", Ask::text("Meal?").save("meal"))
        .timeout(Duration::from_secs(600))
        .exit("timeout", "late")
        .step("done", SendMessage::text("{{ meal }} for {{ name }}."))
        .finish(FinishStatus::Finished)
        .step("late", SendMessage::text("Too late."))
        .finish(FinishStatus::Finished)
        .build()
        .unwrap()
}

/// The meal is called a dish now, and there is a question before it.
fn second(upgrade: Upgrade) -> FlowDefinition {
    FlowBuilder::new("order", 2)
        .step("table", Ask::text("Table?").save("table"))
        .step("name", Ask::text("Your name?").save("name"))
        .step("dish", Ask::text("Dish?").save("meal"))
        .timeout(Duration::from_secs(60))
        .exit("timeout", "late")
        .step("done", SendMessage::text("Coming: {{ meal }}."))
        .finish(FinishStatus::Finished)
        .step("late", SendMessage::text("We close."))
        .finish(FinishStatus::Finished)
        .upgrade(upgrade)
        .build()
        .unwrap()
}

fn again() -> Behaviour {
    Behaviour {
        finished_inbound: FinishedInbound::RestartEntryFlow,
        ..Behaviour::default()
    }
}

fn one() -> Bot {
    Bot::new("bot", first()).behaviour(again())
}

fn both(upgrade: Upgrade) -> Bot {
    one().flow(second(upgrade))
}

/// A dialog that is asked for the meal in version 1.
fn at_meal() -> Talk {
    let mut talk = Talk::new(&one());
    assert_eq!(talk.says("hi"), ["Name?"]);
    assert_eq!(talk.says("Anna"), ["Meal?"]);
    assert_eq!(talk.place(), "order 1 meal");
    talk
}

#[test]
fn fl_52_pin_keeps_a_dialog_in_its_version_for_good() {
    let mut talk = at_meal();
    talk.becomes(&both(Upgrade::Pin));
    assert_eq!(talk.told(), Err(Refusal::Unchanged));
    assert_eq!(talk.says("soup"), ["soup for Anna."]);
    assert_eq!(talk.place(), "order 1 done");
    assert_eq!(
        talk.says("hi again"),
        ["Name?"],
        "it begins again in its own"
    );
    assert_eq!(talk.place(), "order 1 name");
    assert_eq!(talk.picks("meal"), ["Meal?"], "what is only in version 1");
    let table = OperatorAct::set(None, Some(chatflow_core::StepTarget::step("table")));
    let operator = "olga".into();
    let picked = talk.try_event(EventBody::OperatorActed {
        operator,
        act: table,
    });
    let unknown = Refusal::UnknownStep {
        step: "table".into(),
    };
    assert_eq!(picked, Err(unknown), "what is only in version 2");
    assert!(talk.left().is_empty());
    // A later version that doesn't pin ends it.
    let third = FlowDefinition {
        version: 3,
        ..second(Upgrade::RestartFlow)
    };
    assert_eq!(talk.deploys(&both(Upgrade::Pin).flow(third)), ["Table?"]);
    assert_eq!(talk.place(), "order 3 table");
    assert!(talk.snapshot.pins.is_empty());
    talk.replays();
}

#[test]
fn fl_52_pin_holds_where_a_flow_is_left_and_entered_again() {
    let side = FlowBuilder::new("side", 1)
        .step("back", Ask::text("Back?"))
        .step("go", chatflow_core::ChangeFlow::to("main"))
        .build()
        .unwrap();
    let main = |version: u32, upgrade| {
        FlowBuilder::new("main", version)
            .step("ask", Ask::text(format!("Main {version}?").as_str()))
            .step("go", chatflow_core::ChangeFlow::to("side"))
            .upgrade(upgrade)
            .build()
            .unwrap()
    };
    let one = Bot::new("bot", main(1, Upgrade::Drain)).flow(side);
    for (upgrade, expected) in [(Upgrade::Pin, "Main 1?"), (Upgrade::Drain, "Main 2?")] {
        let mut talk = Talk::new(&one);
        talk.says("hi");
        talk.becomes(&one.clone().flow(main(2, upgrade)));
        assert_eq!(talk.says("on"), ["Back?"]);
        assert_eq!(talk.says("yes"), [expected]);
        talk.replays();
    }
}

#[test]
fn fl_52_drain_keeps_a_dialog_until_it_leaves_the_flow() {
    let mut talk = at_meal();
    talk.becomes(&both(Upgrade::Drain));
    assert_eq!(talk.told(), Err(Refusal::Unchanged));
    assert_eq!(talk.says("soup"), ["soup for Anna."], "in its own");
    assert_eq!(
        talk.says("hi again"),
        ["Table?"],
        "whoever enters is in the newest"
    );
    assert_eq!(talk.place(), "order 2 table");

    let mut talk = at_meal();
    talk.becomes(&both(Upgrade::default()));
    assert_eq!(
        talk.picks("name"),
        ["Your name?"],
        "an operator's choice enters"
    );
    assert_eq!(talk.place(), "order 2 name");
    assert!(talk.left().is_empty(), "no policy led it");
    talk.replays();
}

#[test]
fn fl_52_remap_leaves_a_question_in_the_middle() {
    let mut talk = at_meal();
    let due = talk.snapshot.timers["step"].clone();
    let upgrade = || Upgrade::remap([("meal", "dish")]);
    assert!(
        talk.deploys(&both(upgrade())).is_empty(),
        "nothing is asked twice"
    );
    assert_eq!(talk.left(), [UpgradeKind::Remap]);
    assert_eq!(
        (talk.place(), talk.phase()),
        ("order 2 dish".into(), Phase::Inside)
    );
    assert_eq!(
        talk.snapshot.timers["step"], due,
        "its time is over when it was to be"
    );
    assert_eq!(talk.told(), Err(Refusal::Unchanged), "it has left");
    assert_eq!(
        talk.says("soup"),
        ["Coming: soup."],
        "the answer, by version 2"
    );
    talk.replays();

    // Of its own name, where the map says nothing.
    let mut talk = Talk::new(&one());
    talk.says("hi");
    assert!(talk.deploys(&both(upgrade())).is_empty());
    assert_eq!(talk.place(), "order 2 name");
    assert_eq!(talk.says("Anna"), ["Dish?"]);

    // Its time is over in the very turn that leads it: by the new version's way.
    let mut talk = at_meal();
    talk.becomes(&both(upgrade()));
    assert_eq!(talk.fires("step"), ["We close."]);
    talk.replays();
}

#[test]
fn fl_52_remap_enters_a_step_of_another_kind() {
    let choice = KeywordRouter::new()
        .route("table", ["table"])
        .route("name", ["name"]);
    let other = FlowBuilder::new("order", 2)
        .step("dish", choice)
        .step("table", Ask::text("Table?"))
        .step("name", Ask::text("Who?"))
        .upgrade(Upgrade::remap([("meal", "dish"), ("name", "table")]))
        .build()
        .unwrap();
    let bot = one().flow(other);
    let mut talk = at_meal();
    assert!(talk.deploys(&bot).is_empty(), "a router asks nothing");
    assert!(
        !talk.snapshot.timers.contains_key("step"),
        "the question's time is over"
    );
    assert_eq!(talk.says("name"), ["Who?"]);
    talk.replays();

    // A message that comes first is the router's, which it has not been shown anything by.
    let mut talk = at_meal();
    talk.becomes(&bot);
    assert_eq!(talk.says("name"), ["Who?"]);
    talk.replays();

    // One that asks nothing does what it does.
    let sold_out = FlowBuilder::new("order", 2)
        .step("dish", SendMessage::text("Sold out."))
        .step("name", Ask::text("Who?"))
        .upgrade(Upgrade::remap([("meal", "dish")]))
        .build()
        .unwrap();
    let mut talk = at_meal();
    let said = talk.deploys(&one().flow(sold_out));
    assert_eq!(said, ["Sold out.", "Who?"]);
    talk.replays();

    // A time-out that the step doesn't have any more is over.
    let calm = FlowBuilder::new("order", 2)
        .step("dish", Ask::text("Dish?"))
        .step("end", SendMessage::text("Bye."))
        .upgrade(Upgrade::remap([("meal", "dish")]))
        .build()
        .unwrap();
    let mut talk = at_meal();
    talk.becomes(&one().flow(calm));
    assert!(talk.fires("step").is_empty());
    assert_eq!(talk.place(), "order 2 dish");
    assert!(talk.snapshot.timers.is_empty());
    assert_eq!(talk.says("soup"), ["Bye."]);
    talk.replays();
}

#[test]
fn fl_52_restart_step_asks_again_in_new_words() {
    let mut talk = Talk::new(&one());
    talk.says("hi");
    assert_eq!(talk.deploys(&both(Upgrade::RestartStep)), ["Your name?"]);
    assert_eq!(talk.left(), [UpgradeKind::RestartStep]);
    assert_eq!(
        (talk.place(), talk.phase()),
        ("order 2 name".into(), Phase::Inside)
    );
    assert_eq!(talk.says("Anna"), ["Dish?"]);
    talk.replays();

    // Before the dialog was told: the contact answers a question that was never asked.
    let mut talk = Talk::new(&one());
    talk.says("hi");
    talk.becomes(&both(Upgrade::RestartStep));
    assert_eq!(talk.says("Anna"), ["Your name?"]);
    assert!(
        !talk.snapshot.data.contains_key("name"),
        "it answers nothing"
    );
    assert_eq!(talk.told(), Err(Refusal::Unchanged));
    assert_eq!(talk.says("Anna"), ["Dish?"]);
    talk.replays();

    // Its time begins anew.
    let renamed = FlowBuilder::new("order", 2)
        .step("meal", Ask::text("Which meal?"))
        .timeout(Duration::from_secs(60))
        .upgrade(Upgrade::RestartStep)
        .build()
        .unwrap();
    let mut talk = at_meal();
    let before = talk.snapshot.timers["step"].clone();
    assert_eq!(talk.deploys(&one().flow(renamed.clone())), ["Which meal?"]);
    assert_ne!(talk.snapshot.timers["step"], before);
    // The time of the question that was left is over when it comes in the turn that leaves it.
    let mut talk = at_meal();
    talk.becomes(&one().flow(renamed));
    assert_eq!(talk.fires("step"), ["Which meal?"]);
    assert_eq!(talk.phase(), Phase::Inside);
    talk.replays();
}

#[test]
fn fl_52_restart_flow_begins_again() {
    let mut talk = at_meal();
    assert_eq!(talk.deploys(&both(Upgrade::RestartFlow)), ["Table?"]);
    assert_eq!(talk.left(), [UpgradeKind::RestartFlow]);
    assert_eq!(talk.place(), "order 2 table");
    let name = talk.snapshot.data.get("name");
    assert_eq!(
        name,
        Some(&Value::from("Anna")),
        "what was collected is kept"
    );
    talk.replays();

    // The version that was left needn't be there.
    let mut talk = at_meal();
    let alone = Bot::new("bot", second(Upgrade::RestartFlow));
    assert_eq!(talk.deploys(&alone), ["Table?"]);
    talk.replays();
}

#[test]
fn fl_52_to_operator_hands_over_without_a_word() {
    let mut talk = at_meal();
    let epoch = talk.snapshot.epoch;
    assert!(talk.deploys(&both(Upgrade::ToOperator)).is_empty());
    assert_eq!(talk.left(), [UpgradeKind::ToOperator]);
    assert_eq!(talk.snapshot.shown_status().kind, StatusKind::Manual);
    assert_eq!(talk.snapshot.epoch, epoch + 1, "the driver has changed");
    assert!(talk.snapshot.timers.is_empty());
    let by_deploy = |fact: &Fact| {
        matches!(
            fact,
            Fact::StatusChanged {
                actor: Actor::Deploy,
                ..
            }
        )
    };
    assert!(talk.facts.iter().any(by_deploy));
    assert_eq!(talk.place(), "order 2 table", "there is no meal any more");
    assert_eq!(talk.told(), Err(Refusal::Unchanged), "once");
    assert!(talk.says("hello?").is_empty());
    talk.sets(StatusChoice::Auto);
    assert_eq!(talk.says("hello?"), ["Table?"], "and he may give it back");
    talk.replays();

    // At its place, where that is still there.
    let mut talk = Talk::new(&one());
    talk.says("hi");
    talk.deploys(&both(Upgrade::ToOperator));
    assert_eq!(
        (talk.place(), talk.phase()),
        ("order 2 name".into(), Phase::Inside)
    );
    talk.sets(StatusChoice::Auto);
    assert_eq!(talk.says("Anna"), ["Dish?"]);
    talk.replays();
}

#[test]
fn fl_52_who_has_no_step_to_go_to_is_stranded() {
    let alone = || Bot::new("bot", second(Upgrade::Drain));
    let edited = FlowDefinition {
        version: 1,
        ..second(Upgrade::Drain)
    };
    let gone = FlowBuilder::new("other", 1)
        .step("hey", Ask::text("Hey?"))
        .build()
        .unwrap();
    let stranding = [
        (alone(), "order 2 table"),
        (Bot::new("bot", second(Upgrade::Pin)), "order 2 table"),
        (both(Upgrade::RestartStep), "order 2 table"),
        (both(Upgrade::remap([("x", "dish")])), "order 2 table"),
        (Bot::new("bot", edited), "order 1 table"),
        (Bot::new("bot", gone), "nowhere"),
    ];
    for (bot, place) in stranding {
        let mut talk = at_meal();
        assert!(talk.deploys(&bot).is_empty());
        assert_eq!(talk.left(), [UpgradeKind::Stranded]);
        assert_eq!(talk.snapshot.automation, Automation::Manual);
        assert_eq!(talk.place(), place);
        assert_eq!(talk.told(), Err(Refusal::Unchanged), "once");
        talk.replays();

        // Or the entry flow begins, with the message that comes first too.
        let behaviour = Behaviour {
            stranded: Stranded::RestartEntryFlow,
            ..Behaviour::default()
        };
        let bot = bot.behaviour(behaviour);
        let mut told = at_meal();
        let said = told.deploys(&bot);
        assert_eq!(said.len(), 1, "{place}");
        assert_eq!(told.left(), [UpgradeKind::Stranded]);
        assert_eq!(told.snapshot.automation, Automation::Auto);
        let mut writes = at_meal();
        writes.becomes(&bot);
        assert_eq!(writes.says("soup"), said);
        assert_eq!(writes.place(), told.place());
        told.replays();
        writes.replays();
    }
}

#[test]
fn fl_52_who_is_not_led_by_automation_keeps_his_status() {
    let restarts = [
        Upgrade::RestartFlow,
        Upgrade::RestartStep,
        Upgrade::ToOperator,
    ];
    for upgrade in restarts {
        let acts: [fn(&mut Talk); 5] = [
            |talk| drop(talk.acts(OperatorAct::Take)),
            |talk| drop(talk.sets(StatusChoice::Finished)),
            |talk| drop(talk.acts(OperatorAct::Block)),
            |talk| drop(talk.event(EventBody::ReachReported(Reach::BlockedByContact))),
            |talk| {
                let cause = chatflow_core::Cause::Removed;
                talk.event(EventBody::ReachReported(Reach::CannotWrite(cause)));
            },
        ];
        for (n, act) in acts.into_iter().enumerate() {
            let mut talk = Talk::new(&one());
            talk.says("hi");
            act(&mut talk);
            let status = talk.snapshot.shown_status();
            assert!(talk.deploys(&both(upgrade.clone())).is_empty(), "{n}");
            assert_eq!(talk.snapshot.shown_status(), status, "{upgrade:?} {n}");
            assert_eq!(talk.snapshot.position.as_ref().unwrap().version, 2);
            if upgrade != Upgrade::ToOperator {
                assert_eq!(talk.phase(), Phase::Before, "{upgrade:?} {n}");
            }
            talk.replays();
        }
    }
    // And goes on there when he is given back, whether the dialog was told before that or not.
    for told_first in [true, false] {
        let mut talk = at_meal();
        talk.acts(OperatorAct::Take);
        talk.becomes(&both(Upgrade::RestartFlow));
        if told_first {
            talk.told().unwrap();
        }
        assert!(talk.sets(StatusChoice::Auto).is_empty());
        assert_eq!(talk.says("hello?"), ["Table?"]);
        talk.replays();
    }
}

#[test]
fn fl_52_what_somebody_decides_in_the_same_turn_comes_first() {
    let restart = || both(Upgrade::RestartFlow);
    let mut taken = at_meal();
    taken.becomes(&restart());
    assert!(taken.acts(OperatorAct::Take).is_empty(), "he speaks now");
    assert_eq!(taken.place(), "order 2 table");
    let mut picked = at_meal();
    picked.becomes(&restart());
    assert_eq!(picked.picks("dish"), ["Dish?"], "his step, once");
    let mut blocked = at_meal();
    blocked.becomes(&restart());
    assert!(
        blocked
            .event(EventBody::ReachReported(Reach::BlockedByContact))
            .is_empty()
    );
    let mut waiting = at_meal();
    waiting.sets(StatusChoice::Waiting);
    assert_eq!(waiting.deploys(&restart()), ["Table?"]);
    assert_eq!(waiting.snapshot.automation, Automation::Auto);
    // An event that says nothing of it: the step is entered after it.
    let mut noted = at_meal();
    noted.becomes(&restart());
    let view = chatflow_core::ContactView {
        revision: 9,
        ..noted.snapshot.contact.clone()
    };
    assert_eq!(noted.event(EventBody::ContactChanged(view)), ["Table?"]);
    for talk in [taken, picked, blocked, waiting, noted] {
        talk.replays();
    }
}

#[test]
fn fl_52_an_answer_to_a_step_that_was_left_is_late() {
    let joined = |version, upgrade| {
        FlowBuilder::new("club", version)
            .step("joined", Membership::of("club"))
            .exit("member", "yes")
            .exit("not_member", "no")
            .exit("unknown", "no")
            .step("yes", SendMessage::text("Welcome."))
            .finish(FinishStatus::Finished)
            .step("no", SendMessage::text("Join first."))
            .finish(FinishStatus::Finished)
            .upgrade(upgrade)
            .build()
            .unwrap()
    };
    let one = Bot::new("bot", joined(1, Upgrade::Drain));
    let answer = |talk: &Talk, yes: bool| EventBody::CallAnswered {
        call: talk.snapshot.call.as_ref().unwrap().id,
        answer: Ok::<_, CallFailure>(Value::from(yes)),
        detail: None,
    };
    // Entered anew: it asks the outside again, and the old answer is none.
    let mut talk = Talk::new(&one);
    talk.says("hi");
    let old = answer(&talk, true);
    talk.deploys(&one.clone().flow(joined(2, Upgrade::RestartStep)));
    assert_eq!(talk.try_event(old), Err(Refusal::LateAnswer));
    let new = answer(&talk, false);
    assert_eq!(talk.event(new), ["Join first."]);
    talk.replays();
    // It comes in the turn that leaves the step: late as well.
    let mut talk = Talk::new(&one);
    talk.says("hi");
    talk.becomes(&one.clone().flow(joined(2, Upgrade::RestartStep)));
    let old = answer(&talk, true);
    assert!(talk.event(old).is_empty());
    let new = answer(&talk, true);
    assert_eq!(talk.event(new), ["Welcome."]);
    talk.replays();
    // In a step of the same kind it is waited for on, and nothing is asked twice.
    let mut talk = Talk::new(&one);
    talk.says("hi");
    let old = answer(&talk, true);
    talk.deploys(&one.flow(joined(2, Upgrade::remap([("a", "yes")]))));
    assert_eq!(talk.event(old), ["Welcome."]);
    assert_eq!(talk.place(), "club 2 yes");
    talk.replays();
}

#[test]
fn fl_52_what_is_held_for_the_flow_comes_to_the_new_place() {
    let item = || {
        let photo = chatflow_core::Media::new(chatflow_core::MediaKind::Photo, "1");
        let message = chatflow_core::Message::new("soup").with_media(photo);
        EventBody::MessageReceived(message.of_album("album"))
    };
    let behaviour = Behaviour {
        media_rule: chatflow_core::MediaRule::PassToStep,
        ..again()
    };
    // Held before the flow changed, and after.
    for told_first in [false, true] {
        let mut talk = at_meal();
        let bot = |bot: Bot| bot.behaviour(behaviour.clone());
        talk.becomes(&bot(one()));
        if !told_first {
            assert!(talk.event(item()).is_empty());
        }
        let next = bot(both(Upgrade::RestartFlow));
        talk.becomes(&next);
        if told_first {
            assert!(
                talk.event(item()).is_empty(),
                "it is held, and brings the step about"
            );
        } else {
            assert!(talk.told().unwrap().is_empty(), "the album comes first");
        }
        assert_eq!(
            (talk.place(), talk.phase()),
            ("order 2 table".into(), Phase::Before)
        );
        assert_eq!(talk.fires("held"), ["Table?"]);
        assert!(
            !talk.snapshot.data.contains_key("table"),
            "it answers nothing"
        );
        assert_eq!(talk.says("4"), ["Your name?"]);
        talk.replays();
    }
}
