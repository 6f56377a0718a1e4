//! What becomes of what an author writes, where the engine alone would see it.

use std::time::Duration;

use crate::dialog::{Assignee, StatusChoice, StepTarget};
use crate::flow::compile::Rules;
use crate::flow::compiled::CompiledStep;
use crate::flow::{
    AiReply, Ask, Assign, Behaviour, Bot, CompiledFlow, CompiledKind, Condition, Delay,
    DuringDelay, FinishStatus, FlowBuilder, Occurrence, Push, Robot, SendMessage, StepKind, Track,
    Webhook,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A step compiled, made by the last calls of the builder.
fn step(kind: impl Into<StepKind>, more: impl Fn(FlowBuilder) -> FlowBuilder) -> CompiledStep {
    let flow = more(FlowBuilder::new("f", 1).step("s", kind));
    let flow = CompiledFlow::compile(&flow.build().unwrap(), None).unwrap();
    flow.steps.into_iter().next().unwrap()
}

#[test]
fn ports_and_methods_that_nobody_names_are_the_usual_ones() {
    let plain = step(Webhook::to("https://a.example/"), |flow| flow);
    let CompiledKind::Webhook(webhook) = &plain.kind else {
        panic!("a webhook");
    };
    assert_eq!((webhook.port.as_str(), webhook.method), ("webhook", "GET"));
    let exits: Vec<&str> = plain.exits.iter().map(|(name, _)| &**name).collect();
    assert_eq!(exits, ["next", "failure", "timeout"]);
    let timed = step(Webhook::to("https://a.example/").text("x"), |flow| {
        flow.timeout(HOUR)
    });
    assert_eq!(timed.exits.len(), 3, "`timeout` isn't there twice");
    assert_eq!(timed.timeout, Some(HOUR));
    let CompiledKind::Webhook(webhook) = &timed.kind else {
        panic!("a webhook");
    };
    assert_eq!(webhook.method, "POST");
    let CompiledKind::Track(track) = step(Track::event("e"), |flow| flow).kind else {
        panic!("a report");
    };
    assert_eq!(
        (track.port.as_str(), track.event.as_str()),
        ("tracker", "e")
    );
}

#[test]
fn times_of_a_step_reach_the_engine() {
    let said = step(SendMessage::text("Hi"), |flow| flow.answer_after(HOUR));
    assert!(matches!(said.kind, CompiledKind::Send(send) if send.answer_after == Some(HOUR)));
    let late = step(AiReply::new().reply_time(HOUR), |flow| flow);
    assert!(
        matches!(late.kind, CompiledKind::AiReply { reply_time, .. } if reply_time == Some(HOUR))
    );
    let until = "10:00".parse().unwrap();
    let delay = Delay::new(HOUR)
        .then_until(until)
        .during(DuringDelay::Ignore);
    let CompiledKind::Delay(delay) = step(delay, |flow| flow).kind else {
        panic!("a delay");
    };
    assert_eq!((delay.period, delay.until), (HOUR, Some(until)));
    assert_eq!(delay.during, Some(DuringDelay::Ignore));
    let two = SendMessage::text("a").then(SendMessage::text("b"));
    let asked = step(Ask::text("Who?"), |flow| {
        flow.push(Push::after(HOUR, two.clone()))
    });
    assert_eq!(asked.pushes.len(), 1);
    assert_eq!(
        (asked.pushes[0].after, asked.pushes[0].items.len()),
        (HOUR, 2)
    );
}

#[test]
fn an_assigned_dialog_becomes_manual_unless_the_step_says_otherwise() {
    assert_eq!(
        step(Assign::to("anna"), |flow| flow).finish,
        Some(FinishStatus::Manual)
    );
    let stays = step(Assign::to("anna"), |flow| flow.finish(FinishStatus::Auto));
    assert_eq!(stays.finish, Some(FinishStatus::Auto));
}

#[test]
fn robots_stand_in_the_order_of_their_names_and_do_what_an_operator_could() {
    let robot = Robot {
        on: Occurrence::Field,
        words: vec!["Never again!".to_owned(), "refund".to_owned()],
        when: Some(Condition::tagged("vip")),
        add_tags: ["angry".to_owned()].into(),
        fields: [("n".to_owned(), 1.into())].into(),
        status: Some(FinishStatus::Waiting),
        step: Some(StepTarget::step("s")),
        assign: Some("anna".into()),
        notify: ["bob".into()].into(),
        ..Robot::default()
    };
    let other = Robot {
        status: Some(FinishStatus::Manual),
        ..Robot::default()
    };
    let behaviour = Behaviour {
        robots: [("b".to_owned(), robot.clone()), ("a".to_owned(), other)].into(),
        pushes: vec![Push::after(HOUR, SendMessage::text("Hm?"))],
        ..Behaviour::default()
    };
    let rules = Rules::of(&behaviour).unwrap();
    let names: Vec<&str> = rules
        .robots
        .iter()
        .map(|robot| robot.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(rules.robots[0].words.is_none() && rules.robots[0].when.is_none());
    let compiled = &rules.robots[1];
    assert_eq!(compiled.on, Occurrence::Field);
    let words = compiled.words.as_ref().unwrap();
    assert!(words.route("I want a REFUND, now").is_some());
    assert!(words.route("never, again").is_some());
    assert!(words.route("refunds").is_none());
    assert!(compiled.when.is_some());
    assert_eq!(compiled.notify, robot.notify);
    let settings = &compiled.settings;
    assert_eq!(settings.status, Some(StatusChoice::Waiting));
    assert_eq!(settings.step, robot.step);
    assert_eq!(settings.assignee, Some(Assignee::Operator("anna".into())));
    assert_eq!(
        (&settings.add_tags, &settings.fields),
        (&robot.add_tags, &robot.fields)
    );

    let flow = FlowBuilder::new("f", 1).step("s", SendMessage::text("Hi"));
    let bot = Bot::new("b", flow.build().unwrap()).behaviour(behaviour);
    let config = bot.compile().unwrap();
    assert_eq!(config.robots().len(), 2);
    assert_eq!(config.pushes()[0].after, HOUR);
    assert_eq!(config.zone(), chrono_tz::UTC);
}
