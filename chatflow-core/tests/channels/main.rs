//! What the worker makes of a channel: reports kept as they came, messages in parts, rests and
//! rates, and what a host may do beside flows.
//!
//! Under a manual clock, over the reference store.

mod acts;
#[path = "../flaky/mod.rs"]
mod flaky;
mod ingest;
mod parts;
mod rests;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel, Sent, block_on};
use chatflow_core::{
    Address, Ask, Bot, Capabilities, DialogId, EffectId, Event, FlowBuilder, HandleError, Handled,
    Inbound, MemoryStore, OperatorAct, OperatorId, SendMessage, Snapshot, Store, TranscriptLine,
    Worker,
};

/// A shop with one bot on a channel of these capabilities.
pub(crate) struct Shop {
    pub(crate) worker: Worker,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) channel: Arc<ScriptedChannel>,
    pub(crate) store: Arc<dyn Store>,
}

impl Shop {
    pub(crate) fn new(capabilities: Capabilities) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        Self::over(store, Arc::new(ManualClock::default()), capabilities)
    }

    pub(crate) fn over(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        capabilities: Capabilities,
    ) -> Self {
        let flow = FlowBuilder::new("greet", 1)
            .step("name", Ask::text("Your name?").save_contact_name())
            .step("bye", SendMessage::text("Bye, {{ name }}!"))
            .build()
            .unwrap();
        let channel = Arc::new(ScriptedChannel::new("test").with_capabilities(capabilities));
        let worker = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(&Bot::new("bot", flow), channel.clone())
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

    /// The same shop after its program died and was started again.
    pub(crate) fn again(self) -> Self {
        let capabilities = chatflow_core::Channel::capabilities(&*self.channel).clone();
        Self::over(self.store, self.clock, capabilities)
    }

    pub(crate) fn hears(&self, inbound: Inbound) -> Handled {
        let handled = block_on(self.worker.receive(inbound)).unwrap();
        self.step();
        handled
    }

    pub(crate) fn says(&self, contact: &str, key: &str, text: &str) {
        self.hears(self.channel.says(contact, key, text));
    }

    pub(crate) fn operates(
        &self,
        contact: &str,
        key: &str,
        act: OperatorAct,
    ) -> Result<Handled, HandleError> {
        let event = Event::operator(key, OperatorId::from("olga"), act);
        let handled = block_on(self.worker.handle(dialog(contact), &event));
        self.step();
        handled
    }

    pub(crate) fn step(&self) {
        block_on(self.worker.step()).unwrap();
    }

    pub(crate) fn waits(&self, time: Duration) {
        self.clock.advance(time);
        self.step();
    }

    /// What the channel was handed since the last look, accepted or not.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.channel.take()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let sent = self.sent().into_iter();
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    pub(crate) fn snapshot(&self, contact: &str) -> Snapshot {
        let loaded = block_on(self.store.load(dialog(contact))).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    pub(crate) fn status(&self, contact: &str) -> String {
        self.snapshot(contact).shown_status().to_string()
    }

    pub(crate) fn transcript(&self, contact: &str) -> Vec<TranscriptLine> {
        block_on(self.store.transcript(dialog(contact), None, 1000)).unwrap()
    }

    /// The last message of ours.
    pub(crate) fn last(&self, contact: &str) -> EffectId {
        let lines = self.transcript(contact);
        let ours = lines.iter().rev().find(|line| line.delivery.is_some());
        ours.unwrap().record.id
    }
}

pub(crate) fn dialog(contact: &str) -> DialogId {
    DialogId::derive(&"bot".into(), &address(contact))
}

pub(crate) fn address(contact: &str) -> Address {
    Address::new("test", contact)
}
