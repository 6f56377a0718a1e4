//! What people write, their names and where they are reached appear in no log, no error and no
//! `Debug`.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Bot, Config, DialogId, Engine, Event, EventBody, FlowBuilder, MemoryStore,
    Message, OperatorAct, Outcome, SendErrorClass, Step, StepContext, Store, TurnCommit, Value,
    Worker,
};
use futures::executor::block_on;

const SECRETS: [&str; 5] = [
    "hello-s3cret",
    "Anna-s3cret",
    "+4670s3cret",
    "data-s3cret",
    "reply-s3cret",
];

fn assert_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Keeps;

impl Step for Keeps {
    fn kind(&self) -> &'static str {
        "keeps"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        if message.text() == "panic" {
            panic!("a host's mistake");
        }
        step.set("kept", "data-s3cret");
        step.set_field("phone", "+4670s3cret");
        step.remember("data-s3cret");
        step.call("oracle", "data-s3cret");
        step.say(format!("you said {}", message.text()));
        Outcome::Wait
    }
}

#[test]
fn ms_45_nothing_personal_in_logs_errors_and_debug() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let channel = Arc::new(ScriptedChannel::new("test"));
        let clock = Arc::new(ManualClock::default());
        let flow = FlowBuilder::new("f", 1)
            .step("name", Ask::text("Name?").save_contact_name())
            .step("keeps", Keeps)
            .build()
            .unwrap();
        let worker = Worker::builder(store.clone(), clock.clone())
            .bot(&Bot::new("bot", flow), channel.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        channel.refuse_next(SendErrorClass::Transient { retry_after: None });
        for (n, text) in ["hi", "Anna-s3cret", "hello-s3cret", "panic"]
            .into_iter()
            .enumerate()
        {
            let mut inbound = channel.says("x", n.to_string(), text);
            inbound.from = Address::new("test", "+4670s3cret");
            inbound.profile.name = Some("Anna-s3cret".into());
            assert_clean("inbound", &format!("{inbound:?}"));
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(|_| {}));
            block_on(worker.receive(inbound)).unwrap();
            std::panic::set_hook(hook);
            clock.advance(Duration::from_secs(60));
            block_on(worker.step()).unwrap();
        }
        let dialog = DialogId::derive(&"bot".into(), &Address::new("test", "+4670s3cret"));
        let reply = OperatorAct::Reply("reply-s3cret".into());
        let stale = Event::operator("r", "op", reply).if_revision(1);
        let error = block_on(worker.handle(dialog, &stale)).unwrap_err();
        assert_clean("a refusal", &format!("{error} {error:?}"));
        assert_clean("what was sent", &format!("{:?}", channel.take()));
        assert_clean(
            "the worker",
            &format!("{worker:?} {store:?}", store = "store"),
        );
        for line in block_on(store.transcript(dialog, None, 100)).unwrap() {
            assert_clean("a transcript line", &format!("{line:?}"));
        }
        for entry in block_on(store.outbox(dialog)).unwrap() {
            assert_clean("an outbox entry", &format!("{entry:?}"));
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("turn"), "the log was read");
    assert_clean("the log", &log);
}

#[test]
fn the_engines_own_values_show_nothing_either() {
    let flow = FlowBuilder::new("f", 1)
        .step("keeps", Keeps)
        .build()
        .unwrap();
    let config: Config = Bot::new("bot", flow).compile().unwrap();
    let address = Address::new("test", "+4670s3cret");
    let contact = chatflow_core::ContactView {
        name: Some("Anna-s3cret".into()),
        ..chatflow_core::ContactView::default()
    };
    let snapshot = config.open(address, contact, chatflow_core::time::from_millis(0));
    let event = Event::message("1", "hello-s3cret");
    let transition = Engine::handle(
        &config,
        snapshot,
        &event,
        chatflow_core::time::from_millis(5),
    )
    .unwrap();
    assert_clean("a transition", &format!("{transition:?}"));
    assert_clean(
        "an event",
        &format!("{:?}", EventBody::MessageReceived("hello-s3cret".into())),
    );
    assert_clean("a value", &format!("{:?}", Value::from("data-s3cret")));
    let commit = TurnCommit::new(
        transition,
        event.key,
        None,
        None,
        chatflow_core::time::from_millis(5),
    )
    .unwrap();
    let shown = format!("{commit:?}");
    // Stored bytes are content too: they must not be shown as numbers either.
    let bytes = format!("{:?}", "hello-s3cret".as_bytes());
    assert!(
        !shown.contains(bytes.trim_matches(['[', ']'])),
        "the commit shows its bytes"
    );
    assert_clean("a commit", &shown);
}
