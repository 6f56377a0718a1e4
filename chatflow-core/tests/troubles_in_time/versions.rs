//! What new versions do to dialogs that hold messages or are pinned.

use std::time::Duration;

use chatflow_core::{
    Amount, Ask, Automation, Behaviour, Bot, Decimal, Delay, EffectBody, EventBody, FinishStatus,
    FlowBuilder, FlowDefinition, KeywordRouter, Postback, PostbackRule, SendMessage, StepTarget,
    Upgrade,
};

use crate::rig::Talk;

/// FL-52, FL-54: what a delay keeps is handed on where a new version takes the dialog out of the
/// delay.
#[test]
fn a_dialog_whose_delay_kept_a_message_goes_on_in_a_new_version() {
    let mut talk = Talk::new(&Bot::new("bot", waiting()));
    answers(&mut talk, "hi");
    answers(&mut talk, "well");
    assert_eq!(talk.snapshot.held.len(), 1);
    let next = FlowBuilder::new("order", 2)
        .step("route", router())
        .step("price", SendMessage::text("5 EUR."))
        .finish(FinishStatus::Finished)
        .upgrade(Upgrade::RestartFlow)
        .build()
        .unwrap();
    talk.config = Bot::new("bot", waiting()).flow(next).compile().unwrap();
    let mut said = said(&mut talk, EventBody::Deployed);
    said.extend(fires_due(&mut talk));
    said.extend(answers(&mut talk, "price"));
    assert_eq!(
        talk.snapshot.automation,
        Automation::Finished,
        "{said:?}, held {}",
        talk.snapshot.held.len()
    );
}

/// FL-52, FL-54: the same holds where the flow is edited in place and the delay is a question now.
#[test]
fn a_dialog_whose_delay_kept_a_message_goes_on_where_the_step_was_edited_in_place() {
    let mut talk = Talk::new(&Bot::new("bot", waiting()));
    answers(&mut talk, "hi");
    answers(&mut talk, "well");
    let next = FlowBuilder::new("order", 1)
        .step("wait", Ask::text("Your name?").save("name"))
        .step("price", SendMessage::text("5 EUR."))
        .finish(FinishStatus::Finished)
        .build()
        .unwrap();
    talk.config = Bot::new("bot", next).compile().unwrap();
    answers(&mut talk, "Anna");
    answers(&mut talk, "Anna");
    assert_eq!(talk.snapshot.automation, Automation::Finished);
}

/// FL-22, FL-52: a dialog at a `send` that waits for its time goes on where the new version's
/// `send` speaks at once.
#[test]
fn a_dialog_whose_send_was_to_speak_later_goes_on_in_a_new_version() {
    let flow = |version, after: Option<u64>| {
        let mut flow =
            FlowBuilder::new("order", version).step("hello", SendMessage::text("Hello."));
        if let Some(after) = after {
            flow = flow.answer_after(Duration::from_secs(after));
        }
        flow.step("route", router())
            .step("price", SendMessage::text("5 EUR."))
            .finish(FinishStatus::Finished)
            .upgrade(Upgrade::remap([("hello", "hello")]))
            .build()
            .unwrap()
    };
    let one = flow(1, Some(3600));
    let mut talk = Talk::new(&Bot::new("bot", one.clone()));
    answers(&mut talk, "hi");
    talk.config = Bot::new("bot", one).flow(flow(2, None)).compile().unwrap();
    let mut said = said(&mut talk, EventBody::Deployed);
    said.extend(fires_due(&mut talk));
    said.extend(answers(&mut talk, "well"));
    said.extend(answers(&mut talk, "price"));
    assert_eq!(
        talk.snapshot.automation,
        Automation::Finished,
        "{said:?}, held {}",
        talk.snapshot.held.len()
    );
}

/// FL-52: a postback whose step only a newer version has leaves a pinned dialog at its step, with
/// its time-out.
#[test]
fn a_postback_that_a_pinned_dialog_cant_follow_changes_nothing() {
    let one = FlowBuilder::new("order", 1)
        .step("name", Ask::text("Name?").save("name"))
        .timeout(Duration::from_secs(600))
        .exit("timeout", "late")
        .step("late", SendMessage::text("Too late."))
        .finish(FinishStatus::Finished)
        .build()
        .unwrap();
    let two = FlowBuilder::new("order", 2)
        .step("name", Ask::text("Name?").save("name"))
        .step("sold", SendMessage::text("Sold."))
        .finish(FinishStatus::Finished)
        .upgrade(Upgrade::Pin)
        .build()
        .unwrap();
    let mut talk = Talk::new(&Bot::new("bot", one.clone()));
    answers(&mut talk, "hi");
    assert!(talk.snapshot.timers.contains_key("step"));
    let behaviour = Behaviour {
        postbacks: vec![PostbackRule {
            on: "sale".to_owned(),
            at_least: Some(Amount(Decimal::from(1))),
            step: StepTarget::step("sold"),
        }],
        ..Behaviour::default()
    };
    talk.config = Bot::new("bot", one)
        .flow(two)
        .behaviour(behaviour)
        .compile()
        .unwrap();
    let mut postback = Postback::new("sale");
    postback.amount = Some(Decimal::from(50));
    let said = said(&mut talk, EventBody::PostbackReceived(postback));
    let is_moved = said == ["Sold."];
    assert!(
        is_moved || talk.snapshot.timers.contains_key("step"),
        "{:?}",
        talk.snapshot.timers
    );
}

fn router() -> KeywordRouter {
    KeywordRouter::new()
        .route("price", ["price"])
        .retry("Say price.")
}

fn waiting() -> FlowDefinition {
    FlowBuilder::new("order", 1)
        .step("wait", Delay::new(Duration::from_secs(3600)))
        .step("route", router())
        .step("price", SendMessage::text("5 EUR."))
        .finish(FinishStatus::Finished)
        .build()
        .unwrap()
}

/// What the dialog says when this happens.
fn said(talk: &mut Talk, body: EventBody) -> Vec<String> {
    let effects = talk.event(body).effects.into_iter();
    effects
        .filter_map(|effect| match effect.body {
            EffectBody::Send(message) => Some(message.text().to_owned()),
            _ => None,
        })
        .collect()
}

/// What it says to a text, and at all that is due then.
fn answers(talk: &mut Talk, text: &str) -> Vec<String> {
    let mut all = said(talk, EventBody::MessageReceived(text.into()));
    all.extend(fires_due(talk));
    all
}

fn fires_due(talk: &mut Talk) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..20 {
        let mut timers = talk.snapshot.timers.iter();
        let due = timers.find(|(_, timer)| timer.due <= talk.now);
        let Some((name, timer)) = due else { break };
        let (name, generation) = (name.clone(), timer.generation);
        all.extend(said(talk, EventBody::TimerFired { name, generation }));
    }
    all
}
