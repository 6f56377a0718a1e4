//! Stored bytes never change by accident: not by a new build, and not by features that a host
//! switches on in crates we share with it. `scripts/test` runs this file a second time with
//! `serde_json`'s `preserve_order` and `arbitrary_precision`.

use std::fmt::Write as _;
use std::time::Duration;

use chatflow_core::{
    Address, Ask, Bot, Branch, Cause, Condition, ContactPatch, ContactView, Engine, Event,
    EventBody, Finish, FinishStatus, FlowBuilder, KeywordRouter, Message, OperatorAct, Outcome,
    Reach, SendMessage, Step, StepContext, Value, time,
};

struct Everything;

impl Step for Everything {
    fn kind(&self) -> &'static str {
        "everything"
    }

    fn settings(&self) -> Value {
        let entry = |key: &str, value: Value| (key.to_owned(), value);
        Value::Map(
            [
                entry("zulu", Value::Null),
                entry("alpha", Value::Decimal("0.10".parse().unwrap())),
                entry(
                    "$mike",
                    Value::List(vec![true.into(), (-5).into(), "text".into()]),
                ),
                entry("date", Value::Date("2026-02-28".parse().unwrap())),
                entry("time", Value::Time(time::from_millis(1_767_225_600_123))),
            ]
            .into(),
        )
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.set("settings", self.settings());
        step.set("said", message.text());
        step.set_field("price", Value::Decimal("12.50".parse().unwrap()));
        step.remember(self.settings());
        step.call("oracle", self.settings());
        step.time_out_after(Duration::from_secs(60));
        step.say(Message::new("done").with_choices(["yes", "no"]));
        Outcome::Wait
    }
}

/// One line a turn: the journal's bytes; the last line: the snapshot's.
fn conversation() -> String {
    let flow = FlowBuilder::new("golden", 3)
        .step("name", Ask::text("Name?").save_contact_name())
        .timeout(Duration::from_secs(3600))
        .step(
            "age",
            Ask::range("Age, {{ name }}?", 1, 120)
                .retry("A number!")
                .save("age"),
        )
        .step("adult", Branch::when("yes", Condition::at_least("age", 18)))
        .exit("otherwise", "over")
        .step(
            "word",
            KeywordRouter::new()
                .route("go", ["go", "ёж"])
                .retry("Go?")
                .save("route"),
        )
        .step("wait", SendMessage::text("Wait.").choices(["ok"]))
        .finish(FinishStatus::Waiting)
        .step("all", Everything)
        .step("over", Finish::with(FinishStatus::Finished))
        .build()
        .unwrap();
    let config = Bot::new("golden-bot", flow).compile().unwrap();
    let address = Address::new("test", "anna");
    let contact = ContactView {
        revision: 1,
        ..ContactView::default()
    };
    let mut snapshot = config.open(address, contact, time::from_millis(1_767_225_600_000));
    let mut changed = ContactView {
        revision: 2,
        name: Some("Anna".into()),
        ..ContactView::default()
    };
    changed.tags.extend(["vip".to_owned(), "cold".to_owned()]);
    ContactPatch::Field("city".to_owned(), "Riga".into()).apply(&mut changed);
    let events = [
        EventBody::MessageReceived("/start".into()),
        EventBody::MessageReceived("Anna".into()),
        EventBody::MessageReceived("abc".into()),
        EventBody::MessageReceived("34".into()),
        EventBody::ContactChanged(changed),
        EventBody::MessageReceived("what".into()),
        EventBody::MessageReceived("ЁЖ!".into()),
        EventBody::MessageReceived(Message::pressed("ok")),
        EventBody::MessageReceived("everything".into()),
        EventBody::ReachReported(Reach::CannotWrite(Cause::Removed)),
        EventBody::MessageReceived("back".into()),
        EventBody::OperatorActed {
            operator: "olga".into(),
            act: OperatorAct::Reply("Hello".into()),
        },
        EventBody::OperatorActed {
            operator: "olga".into(),
            act: OperatorAct::Take,
        },
        EventBody::OperatorActed {
            operator: "olga".into(),
            act: OperatorAct::Block,
        },
    ];
    let mut out = String::new();
    for (n, body) in (1..).zip(events) {
        let event = Event::new(format!("key-{n}"), body);
        let now = time::from_millis(1_767_225_600_000 + n * 1_001);
        let transition = Engine::handle(&config, snapshot, &event, now).unwrap();
        line(
            &mut out,
            &format!("turn {n}"),
            &transition.encode_journal().unwrap(),
        );
        snapshot = transition.snapshot;
    }
    line(&mut out, "snapshot", &snapshot.encode().unwrap());
    for definition in config.definitions() {
        line(&mut out, "definition", &definition.body);
    }
    out
}

fn line(out: &mut String, what: &str, bytes: &[u8]) {
    write!(out, "{what}: ").unwrap();
    bytes
        .iter()
        .for_each(|byte| write!(out, "{byte:02x}").unwrap());
    out.push('\n');
}

#[test]
fn stored_bytes_are_the_committed_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden.txt");
    let now = conversation();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    for (now, committed) in now.lines().zip(committed.lines()) {
        let what = now.split_once(':').map_or("line", |(what, _)| what);
        assert!(
            now == committed,
            "{what} has other bytes; see tests/fixtures/NOTES.md"
        );
    }
    assert_eq!(now.lines().count(), committed.lines().count());
}
