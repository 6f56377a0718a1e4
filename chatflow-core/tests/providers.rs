//! Whoever is asked outside, and however it fails: every call ends, once, under one key.

mod outside;

use std::time::Duration;

use chatflow_core::{
    Behaviour, CallFailure, EffectBody, ModelPurpose, PortError, Side, Text, Value,
};
use futures::executor::block_on;

use outside::{Outside, Play, Shop, list, map, quietly, request};

/// Those whose answer a step waits for.
const ANSWERING: [&str; 6] = [
    "model",
    "ears",
    "translator",
    "webhook",
    "membership",
    "robo",
];

#[test]
fn ai_12_every_answer_reaches_the_step_that_asked() {
    let answers = [
        ("model", "text: sales, tokens_in: 1000, tokens_out: 200"),
        ("ears", "text 0, text 1"),
        ("translator", "text 0, text 1"),
        ("webhook", "body: made, status: 201"),
        ("membership", "true"),
        ("robo", "done: handoff, messages: text 0"),
    ];
    for (port, answer) in answers {
        let outside = Outside::always(Play::Answers);
        let shop = Shop::of(&outside);
        shop.hears(port);
        shop.step();
        assert_eq!(shop.said(), [answer], "{port}");
        assert_eq!(outside.keys().len(), 1, "{port}");
        assert!(shop.is_settled(), "{port}");
    }
}

#[test]
fn every_request_reaches_the_one_who_is_asked() {
    let requests = [
        ("ears", r#"["voice", "photo"] Some("en")"#),
        ("translator", r#"["hi", "bye"] None es"#),
        (
            "webhook",
            r#"POST https://shop.example/orders ["x-shop=1"] Some("{} application/json")"#,
        ),
        ("membership", "@news anna"),
        ("robo", r#"Some("hello")"#),
    ];
    for (port, asked) in requests {
        let outside = Outside::always(Play::Answers);
        let shop = Shop::of(&outside);
        shop.hears(port);
        shop.step();
        assert_eq!(outside.requests(), [asked], "{port}");
    }
}

/// One row of the table below: what it does, what the step gets, how often it is asked.
fn failures() -> Vec<(Play, CallFailure, usize)> {
    vec![
        (Play::Fails(PortError::refused()), CallFailure::Refused, 1),
        (
            Play::Fails(PortError::transient()),
            CallFailure::Exhausted,
            3,
        ),
        (
            Play::Fails(PortError::timed_out()),
            CallFailure::TimedOut,
            3,
        ),
        (
            Play::Fails(PortError::retry_after(Duration::from_secs(5))),
            CallFailure::Exhausted,
            3,
        ),
        (Play::Panics, CallFailure::Exhausted, 3),
        (Play::NeverAnswers, CallFailure::TimedOut, 3),
        (Play::TalksTooMuch, CallFailure::TooLarge, 1),
        (Play::TalksNonsense, CallFailure::Refused, 1),
    ]
}

/// Whether this one can answer so: who says yes or no says neither too much nor nonsense.
fn can(port: &str, play: &Play) -> bool {
    match play {
        Play::TalksTooMuch => port != "membership",
        Play::TalksNonsense => ["ears", "translator", "webhook"].contains(&port),
        _ => true,
    }
}

#[test]
fn ai_12_every_failure_of_every_provider_ends() {
    quietly();
    for port in ANSWERING {
        for (play, failure, asked) in failures() {
            if !can(port, &play) {
                continue;
            }
            let outside = Outside::always(play.clone());
            let shop = Shop::of(&outside);
            shop.hears(port);
            shop.waits_long();
            let what = format!("{port}: {play:?}");
            assert_eq!(shop.said(), [failure.to_string()], "{what}");
            assert_eq!(shop.answers().len(), 1, "{what}");
            let keys = outside.keys();
            assert_eq!(keys.len(), asked, "{what}");
            assert!(keys.iter().all(|key| *key == keys[0]), "one key: {what}");
            assert!(shop.is_settled(), "{what}");
            // The next one is answered.
            outside.next.lock().unwrap().push_back(Play::Answers);
            shop.hears(port);
            shop.step();
            assert_eq!(shop.said().len(), 1, "{what}");
            assert!(shop.answers()[1].0.is_ok(), "{what}");
        }
    }
}

#[test]
fn a_failure_that_passes_is_passed_over() {
    quietly();
    for port in ANSWERING {
        let outside = Outside::plays([Play::Panics, Play::Fails(PortError::transient())]);
        let shop = Shop::of(&outside);
        shop.hears(port);
        shop.waits_long();
        assert_eq!(shop.answers().len(), 1, "{port}");
        assert!(shop.answers()[0].0.is_ok(), "{port}");
        let keys = outside.keys();
        assert_eq!(keys, [keys[0]; 3], "{port}");
    }
}

#[test]
fn a_request_that_fits_nobody_is_refused_and_says_why() {
    let junk = [
        Value::Null,
        Value::from("?"),
        Value::List(vec![Value::Null]),
        map([("purpose", "sing".into()), ("memory", Value::Integer(1))]),
        map([
            ("media", list(["voice"])),
            ("texts", Value::List(vec![Value::Integer(1)])),
            ("headers", list(["x"])),
            ("message", Value::Bool(true)),
            ("memory", Value::Integer(-1)),
            ("channel", Value::Bool(true)),
        ]),
    ];
    for port in ANSWERING {
        for request in &junk {
            let outside = Outside::always(Play::Answers);
            let shop = Shop::asking(&outside, [(port, request.clone())].into());
            shop.hears(port);
            shop.waits_long();
            let answers = shop.answers();
            let is_enough =
                matches!(request, Value::Map(fields) if !fields.contains_key("message"));
            if port == "robo" && is_enough {
                assert_eq!(outside.requests(), ["None"], "it needs no message");
                continue;
            }
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].0, Err(CallFailure::Refused), "{port}");
            let why = answers[0].1.as_ref().unwrap();
            assert!(why.contains("request"), "{port}: {why}");
            assert!(outside.keys().is_empty(), "nobody is asked: {port}");
        }
    }
}

#[test]
fn fl_10_a_webhook_is_tried_again_under_one_key() {
    let outside = Outside::plays([500, 500, 200].map(Play::Status));
    let shop = Shop::of(&outside);
    shop.hears("webhook");
    shop.waits_long();
    assert_eq!(shop.said(), ["body: , status: 200"]);
    let keys = outside.keys();
    assert_eq!(keys, [keys[0]; 3]);
    assert_eq!(
        shop.answers()[0].1,
        None,
        "what had failed before isn't told"
    );
}

#[test]
fn fl_10_a_status_says_whether_trying_again_can_help() {
    for (status, failure) in [
        (404, CallFailure::Refused),
        (301, CallFailure::Refused),
        (0, CallFailure::Refused),
        (408, CallFailure::Exhausted),
        (425, CallFailure::Exhausted),
        (429, CallFailure::Exhausted),
        (503, CallFailure::Exhausted),
        (599, CallFailure::Exhausted),
    ] {
        let outside = Outside::always(Play::Status(status));
        let shop = Shop::of(&outside);
        shop.hears("webhook");
        shop.waits_long();
        let told = (Err(failure), Some(format!("status {status}")));
        assert_eq!(shop.answers(), [told]);
        let asked = if failure == CallFailure::Refused {
            1
        } else {
            3
        };
        assert_eq!(outside.keys().len(), asked, "{status}");
    }
}

#[test]
fn what_the_outside_says_is_kept_up_to_a_kilobyte() {
    // An `é` has two bytes, and the last one would be cut in two.
    let said = format!("x{}", "é".repeat(2000));
    let refused = PortError::refused().with_detail(said.clone());
    let shop = Shop::of(&Outside::always(Play::Fails(refused)));
    shop.hears("model");
    shop.step();
    let kept = shop.answers()[0].1.clone().unwrap();
    assert_eq!(kept.len(), 1023);
    assert!(said.starts_with(&kept));
    let refused = PortError::refused().with_detail("no such model");
    let shop = Shop::of(&Outside::always(Play::Fails(refused)));
    shop.hears("model");
    shop.step();
    assert_eq!(shop.answers()[0].1.as_deref(), Some("no such model"));
}

#[test]
fn ai_03_a_model_gets_its_name_and_the_last_messages() {
    let outside = Outside::always(Play::Answers);
    let shop = Shop::of(&outside);
    for n in 0..40 {
        shop.hears(&format!("say {n}"));
        shop.step();
    }
    shop.hears("model");
    // After the turn that asked, and so not shown.
    shop.hears("say later");
    shop.step();
    let asked = outside.models.lock().unwrap().remove(0);
    assert_eq!(asked.model.as_deref(), Some("small"));
    assert_eq!(asked.system, Text::from("You sell shoes."));
    let branches = vec!["sales".to_owned(), "support".to_owned()];
    assert_eq!(asked.purpose, ModelPurpose::Route(branches));
    let history = asked.history.iter();
    let history: Vec<_> = history
        .map(|line| (line.side, line.text.as_str()))
        .collect();
    let expected = [
        (Side::Contact, "say 39"),
        (Side::Us, "39"),
        (Side::Contact, "model"),
    ];
    assert_eq!(history, expected);
}

#[test]
fn a_model_is_shown_as_much_as_it_wants_and_no_more_than_the_most() {
    for (memory, shown) in [(0, 0), (-5, 0), (150, 150), (100_000, 200)] {
        let outside = Outside::always(Play::Answers);
        let request = map([
            ("purpose", "reply".into()),
            ("system", "Be kind.".into()),
            ("memory", Value::Integer(memory)),
        ]);
        let shop = Shop::asking(&outside, [("model", request)].into());
        for n in 0..120 {
            shop.hears(&format!("say {n}"));
            shop.step();
        }
        shop.hears("model");
        shop.step();
        let asked = outside.models.lock().unwrap().remove(0);
        assert_eq!(asked.history.len(), shown, "{memory}");
        assert_eq!(asked.purpose, ModelPurpose::Reply);
        assert_eq!(asked.model, None);
        let last = asked.history.last().map(|line| line.text.as_str());
        assert_eq!(last, (shown > 0).then_some("model"));
    }
}

/// More lines than a page of the store has, in few turns.
#[test]
fn of_turns_that_said_much_a_model_is_shown_the_end() {
    let outside = Outside::always(Play::Answers);
    let shop = Shop::of(&outside);
    for _ in 0..24 {
        shop.hears("much");
        shop.step();
    }
    shop.hears("model");
    shop.step();
    let asked = outside.models.lock().unwrap().remove(0);
    let texts: Vec<_> = asked
        .history
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(texts, ["much 88", "much 89", "model"]);
}

fn tell(port: &str) -> EffectBody {
    EffectBody::Tell {
        port: port.to_owned(),
        report: request(port),
    }
}

#[test]
fn fl_15_fl_40_a_report_is_made_once_under_one_key() {
    quietly();
    for (port, told) in [
        ("tracker", r#"deposit Some("50") Some("abc") ["plan"]"#),
        ("notifier", r#"olga manual Some("vip")"#),
    ] {
        let outside = Outside::always(Play::Answers);
        let shop = Shop::of(&outside);
        let turns = |shop: &Shop| shop.snapshot().revision;
        let told_as = shop.decides(tell(port));
        let before = turns(&shop);
        shop.waits_long();
        assert_eq!(outside.requests(), [told]);
        assert_eq!(outside.keys(), [told_as]);
        assert!(shop.is_settled());
        assert_eq!(turns(&shop), before, "no event comes of it");

        let outside = Outside::plays([Play::Fails(PortError::transient()), Play::Panics]);
        let shop = Shop::of(&outside);
        let told_as = shop.decides(tell(port));
        shop.waits_long();
        assert_eq!(outside.keys(), [told_as; 3], "tried until it is heard");
        assert!(shop.is_settled());
    }
}

#[test]
fn fl_15_a_report_that_nobody_takes_is_given_up() {
    quietly();
    for (play, asked) in [
        (Play::Fails(PortError::refused()), 1),
        (Play::Fails(PortError::timed_out()), 3),
        (Play::Panics, 3),
        (Play::NeverAnswers, 3),
    ] {
        for port in ["tracker", "notifier"] {
            let outside = Outside::always(play.clone());
            let shop = Shop::of(&outside);
            let report = shop.decides(tell(port));
            let before = shop.snapshot().revision;
            shop.waits_long();
            assert_eq!(outside.keys().len(), asked, "{port}: {play:?}");
            assert!(shop.is_settled());
            assert_eq!(shop.snapshot().revision, before, "no event comes of it");
            assert!(is_dead(&shop, report), "somebody may make it after all");
        }
    }
}

#[test]
fn fl_40_where_nobody_hears_notifications_they_are_passed_over() {
    for (port, dead) in [("notifier", false), ("tracker", true), ("elsewhere", true)] {
        let shop = Shop::built(Behaviour::default(), Default::default(), |builder| builder);
        let report = shop.decides(tell(port));
        shop.waits_long();
        assert!(shop.is_settled(), "{port}");
        assert_eq!(is_dead(&shop, report), dead, "{port}");
    }
}

/// Whether an entry was given up: only such a one can be made ready again.
fn is_dead(shop: &Shop, report: chatflow_core::EffectId) -> bool {
    block_on(shop.worker.resend(report)).unwrap()
}

#[test]
fn a_report_that_fits_nobody_is_given_up_at_once() {
    let outside = Outside::always(Play::Answers);
    let shop = Shop::of(&outside);
    for port in ["tracker", "notifier"] {
        let report = Value::from("deposit");
        let port = port.to_owned();
        let report = shop.decides(EffectBody::Tell { port, report });
        shop.waits_long();
        assert!(outside.keys().is_empty());
        assert!(is_dead(&shop, report));
        shop.waits_long();
    }
}
