//! A worker with one bot that does what the contact says, a queue and operators.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel, ScriptedNotifier};
use chatflow_core::time::Period;
use chatflow_core::{
    Acceptance, Address, Assignee, Availability, Behaviour, Bot, Capabilities, Desk, DialogId,
    DialogSettings, Event, Fact, Filter, FlowBuilder, FlowDefinition, HandleError, Handled,
    Handling, MemoryStore, Message, Operator, OperatorAct, OperatorRow, Outcome, Queue, Refusal,
    Revision, SessionRecord, Snapshot, Step, StepContext, Store, TransferTo, Worker, WorkerBuilder,
    codec, replay,
};
use futures::executor::block_on;

/// Passes the contact on at the word `person`, ends at `done`, answers everything else.
pub(crate) struct Front;

impl Step for Front {
    fn kind(&self) -> &'static str {
        "front"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "person" => Outcome::HandOff,
            "done" => Outcome::Complete,
            text => {
                step.say(format!("bot: {text}"));
                Outcome::Wait
            }
        }
    }
}

pub(crate) fn front() -> FlowDefinition {
    let flow = FlowBuilder::new("front", 1).step("front", Front);
    flow.build().unwrap()
}

/// Where a dialog that becomes Manual waits in the queue `sales`.
pub(crate) fn with_queue() -> Behaviour {
    in_sales(Behaviour::default())
}

pub(crate) fn in_sales(behaviour: Behaviour) -> Behaviour {
    Behaviour {
        queue: Some("sales".into()),
        ..behaviour
    }
}

pub(crate) const OFFER: Acceptance = Acceptance::Offer { within: None };

pub(crate) fn offer_for(seconds: u64) -> Acceptance {
    let within = Some(Period::from_millis(seconds * 1000));
    Acceptance::Offer { within }
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub(crate) fn to_operator(operator: &str) -> OperatorAct {
    OperatorAct::Transfer {
        to: TransferTo::Operator(operator.into()),
        mode: None,
    }
}

pub(crate) fn to_queue(queue: &str) -> OperatorAct {
    OperatorAct::Transfer {
        to: TransferTo::Queue(queue.into()),
        mode: None,
    }
}

pub(crate) fn assign(assignee: Assignee) -> OperatorAct {
    OperatorAct::Set(DialogSettings {
        assignee: Some(assignee),
        ..DialogSettings::default()
    })
}

pub(crate) fn operator(id: &str) -> Assignee {
    Assignee::Operator(id.into())
}

pub(crate) fn reply(text: &str) -> OperatorAct {
    OperatorAct::Reply(text.into())
}

/// Why the dialog didn't take it.
pub(crate) fn refusal(answer: Result<Handled, HandleError>) -> Refusal {
    match answer {
        Err(HandleError::Refused(refused)) => refused.reason,
        other => panic!("it isn't refused: {other:?}"),
    }
}

pub(crate) fn is_forbidden(answer: &Result<Handled, HandleError>) -> bool {
    matches!(answer, Err(HandleError::Forbidden { .. }))
}

pub(crate) struct Office {
    pub(crate) worker: Worker,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) web: Arc<ScriptedChannel>,
    pub(crate) notifier: Arc<ScriptedNotifier>,
    keys: AtomicU64,
}

impl Office {
    /// An office whose bot behaves so, with an empty queue `sales`.
    pub(crate) fn of(behaviour: Behaviour) -> Self {
        Self::with(behaviour, |builder| builder)
    }

    pub(crate) fn with(
        behaviour: Behaviour,
        with: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let bot = Bot::new("bot", front()).behaviour(behaviour);
        Self::over(Arc::new(MemoryStore::new()), &bot, with)
    }

    pub(crate) fn over(
        store: Arc<dyn Store>,
        bot: &Bot,
        with: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let mut capabilities = Capabilities::text();
        capabilities.edit_within = Some(Duration::MAX);
        capabilities.delete_within = Some(Duration::MAX);
        let web = Arc::new(ScriptedChannel::new("web").with_capabilities(capabilities));
        let notifier = Arc::new(ScriptedNotifier::new());
        let builder = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(bot, web.clone())
            .notifier(notifier.clone());
        let worker = with(builder).build().unwrap();
        block_on(worker.start()).unwrap();
        let office = Self {
            worker,
            clock,
            store,
            web,
            notifier,
            keys: AtomicU64::new(0),
        };
        office.queue("sales", |_| {});
        office
    }

    fn key(&self) -> String {
        format!("k{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    // ---- staff

    pub(crate) fn desk(&self, operator: &str) -> Desk<'_> {
        self.worker.desk("main", operator)
    }

    /// An operator who is signed in and active, and stands in the queue `sales`.
    pub(crate) fn hire(&self, id: &str) {
        self.hire_as(id, &[]);
    }

    pub(crate) fn hire_as(&self, id: &str, roles: &[&str]) {
        self.add(id, roles);
        let desk = self.desk(id);
        block_on(desk.sign_in()).unwrap();
        block_on(desk.declare(Availability::Active)).unwrap();
        self.queue("sales", |queue| {
            queue.members.insert(id.into());
        });
    }

    /// An operator who has never signed in.
    pub(crate) fn add(&self, id: &str, roles: &[&str]) {
        let roles: BTreeSet<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        self.put_operator(id, |row| {
            row.roles.clone_from(&roles);
            row.name = Some(format!("Name of {id}").into());
        });
    }

    pub(crate) fn put_operator(&self, id: &str, change: impl Fn(&mut Operator) + Send + Sync) {
        let (space, id) = ("main".into(), id.into());
        block_on(self.worker.put_operator(&space, &id, change)).unwrap();
    }

    pub(crate) fn capacity(&self, id: &str, most: u32) {
        self.put_operator(id, |row| row.capacity = Some(most));
        self.step();
    }

    pub(crate) fn declare(&self, id: &str, availability: Availability) {
        block_on(self.desk(id).declare(availability)).unwrap();
        self.step();
    }

    pub(crate) fn queue(&self, id: &str, change: impl Fn(&mut Queue) + Send + Sync) {
        let (space, id) = ("main".into(), id.into());
        block_on(self.worker.put_queue(&space, &id, change)).unwrap();
        self.step();
    }

    pub(crate) fn row(&self, id: &str) -> OperatorRow {
        let row = block_on(self.store.operator(&"main".into(), &id.into()));
        row.unwrap().unwrap()
    }

    // ---- what happens

    pub(crate) fn says(&self, contact: &str, text: &str) -> Handled {
        let inbound = self.web.says(contact, self.key(), text);
        let handled = block_on(self.worker.receive(inbound)).unwrap();
        self.step();
        handled
    }

    /// A contact who wants a person.
    pub(crate) fn wants_person(&self, contact: &str) {
        self.says(contact, "person");
    }

    pub(crate) fn acts(
        &self,
        operator: &str,
        contact: &str,
        act: OperatorAct,
    ) -> Result<Handled, HandleError> {
        let event = Event::operator(self.key(), operator, act);
        let handled = block_on(self.worker.handle(dialog(contact), &event));
        self.step();
        handled
    }

    /// An act that changes the dialog.
    pub(crate) fn does(&self, operator: &str, contact: &str, act: OperatorAct) -> Revision {
        match self.acts(operator, contact, act) {
            Ok(Handled::Applied { revision, .. }) => revision,
            other => panic!("not done: {other:?}"),
        }
    }

    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.step();
    }

    pub(crate) fn step(&self) {
        for _ in 0..100 {
            if block_on(self.worker.step()).unwrap() == 0 {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    // ---- what can be seen

    pub(crate) fn snapshot(&self, contact: &str) -> Snapshot {
        let loaded = block_on(self.store.load(dialog(contact))).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    /// The open session; none where it is completed.
    pub(crate) fn handling(&self, contact: &str) -> Option<Handling> {
        let session = self.snapshot(contact).session;
        session.map(|session| session.handling)
    }

    pub(crate) fn holder(&self, contact: &str) -> Option<String> {
        let snapshot = self.snapshot(contact);
        snapshot.holder().map(|holder| holder.as_str().to_owned())
    }

    pub(crate) fn offered(&self, contact: &str) -> Vec<String> {
        let offered = self.snapshot(contact).row().offered;
        offered.iter().map(|id| id.as_str().to_owned()).collect()
    }

    pub(crate) fn sessions(&self, contact: &str) -> Vec<SessionRecord> {
        block_on(self.store.sessions(dialog(contact), None, 100)).unwrap()
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        let sent = self.web.take().into_iter();
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    pub(crate) fn facts(&self, contact: &str) -> Vec<Fact> {
        let journal = block_on(self.store.journal(dialog(contact), 0, 1000)).unwrap();
        let turns = journal.iter();
        let facts = turns.flat_map(|turn| codec::decode::<Vec<Fact>>(&turn.body).unwrap());
        facts.collect()
    }
}

/// Whatever a test did: each dialog's journal gives it again, and each operator's load is the
/// number of his dialogs.
impl Drop for Office {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let dialogs = block_on(self.store.list(&Filter::everything(), None, 256)).unwrap();
        for one in &dialogs {
            let journal = block_on(self.store.journal(one.dialog, 0, 1000)).unwrap();
            let turns: Vec<_> = (journal.into_iter())
                .map(|turn| (turn.revision, turn.body))
                .collect();
            let loaded = block_on(self.store.load(one.dialog)).unwrap().unwrap();
            let replayed = replay(one.dialog, &turns, &loaded.snapshot, |hash| {
                let mut configs = self.worker.configs();
                Ok(configs.find(|config| config.hash() == hash).unwrap())
            });
            replayed.unwrap();
        }
        let space = "main".into();
        for row in block_on(self.store.operators(&space, None, 256)).unwrap() {
            let id = &row.operator.id;
            let his = dialogs
                .iter()
                .filter(|one| one.row.holder.as_ref() == Some(id));
            assert_eq!(row.load as usize, his.count(), "{id}");
        }
    }
}

/// The contact's dialog with the bot.
pub(crate) fn dialog(contact: &str) -> DialogId {
    DialogId::derive(&"bot".into(), &Address::new("web", contact))
}
