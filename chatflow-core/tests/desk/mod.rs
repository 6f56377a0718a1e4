//! A worker over a store under a manual clock, and flows to try it with.
#![allow(dead_code, reason = "not every test file uses every helper")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Bot, CallFailure, DialogId, EffectId, FlowBuilder, FlowDefinition, Handled,
    MemoryStore, Message, Outcome, Port, PortError, SendMessage, Snapshot, Step, StepContext,
    Store, Value, Worker, replay,
};
use futures::executor::block_on;

pub(crate) struct Desk {
    pub(crate) worker: Worker,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) channel: Arc<ScriptedChannel>,
    pub(crate) store: Arc<dyn Store>,
}

impl Desk {
    pub(crate) fn over(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        flow: FlowDefinition,
    ) -> Self {
        Self::with_port(store, clock, flow, Arc::new(Oracle::default()))
    }

    pub(crate) fn with_port(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        flow: FlowDefinition,
        port: Arc<Oracle>,
    ) -> Self {
        let channel = Arc::new(ScriptedChannel::new("test"));
        let worker = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(&Bot::new("bot", flow), channel.clone())
            .port("oracle", port)
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        Self {
            worker,
            clock,
            channel,
            store,
        }
    }

    pub(crate) fn new(flow: FlowDefinition) -> Self {
        Self::over(
            Arc::new(MemoryStore::new()),
            Arc::new(ManualClock::default()),
            flow,
        )
    }

    pub(crate) fn says(&self, key: &str, text: &str) -> Handled {
        let handled = block_on(self.worker.receive(self.channel.says("anna", key, text))).unwrap();
        self.step();
        handled
    }

    pub(crate) fn step(&self) -> u64 {
        block_on(self.worker.step()).unwrap()
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.channel
            .take()
            .into_iter()
            .map(|sent| sent.message.text().to_owned())
            .collect()
    }

    pub(crate) fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("test", "anna"))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    pub(crate) fn replays(&self) {
        let journal = block_on(self.store.journal(Self::dialog(), 0, 1000)).unwrap();
        let turns: Vec<_> = journal
            .into_iter()
            .map(|turn| (turn.revision, turn.body))
            .collect();
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        let configs: Vec<_> = self.worker.configs().collect();
        let replayed = replay(Self::dialog(), &turns, &loaded.snapshot, |_| {
            Ok(configs[0].clone())
        });
        assert_eq!(replayed.unwrap().turns, loaded.revision);
    }
}

pub(crate) fn greeting() -> FlowDefinition {
    FlowBuilder::new("greet", 1)
        .step("name", Ask::text("Your name?").save_contact_name())
        .step("bye", SendMessage::text("Bye, {{ name }}!"))
        .build()
        .unwrap()
}

/// Answers what the test told it to.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) answers: Mutex<Vec<Result<Value, PortError>>>,
    pub(crate) calls: AtomicU32,
}

#[async_trait]
impl Port for Oracle {
    async fn call(&self, _key: EffectId, _request: &Value) -> Result<Value, PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.answers
            .lock()
            .unwrap()
            .pop()
            .unwrap_or(Err(PortError::refused()))
    }
}

pub(crate) struct Asks;

impl Step for Asks {
    fn kind(&self) -> &'static str {
        "asks"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "panic" => panic!("a host's mistake"),
            "nobody" => step.call("nobody", "?"),
            _ => step.call("oracle", "?"),
        }
        Outcome::Wait
    }

    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        match answer {
            Ok(answer) => step.say(answer.as_text().unwrap_or("?")),
            Err(failure) => step.say(failure.to_string()),
        }
        Outcome::Wait
    }
}

pub(crate) fn asking() -> FlowDefinition {
    FlowBuilder::new("asking", 1)
        .step("ask", Asks)
        .build()
        .unwrap()
}

pub(crate) fn impatient() -> FlowDefinition {
    FlowBuilder::new("impatient", 1)
        .step("name", Ask::text("Your name?"))
        .timeout(Duration::from_secs(7200))
        .exit("timeout", "late")
        .step("late", SendMessage::text("Too late."))
        .build()
        .unwrap()
}
