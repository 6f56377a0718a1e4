//! A person can always take over: whatever the order in which contacts, operators, timers, late
//! answers and slow channels happen, no automatic delivery starts after a take commits, until the
//! dialog is given back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Action, Address, AiReply, Ask, Behaviour, Bot, Capabilities, Channel, ChannelId, Delay,
    DeliveryState, DialogId, EffectBody, EffectId, Event, Fact, FinishStatus, FlowBuilder,
    FlowDefinition, Handled, Inbound, Ingest, KeywordRouter, ListenError, MemoryStore, Message,
    OperatorAct, Outbound, Port, PortError, Push, RawInbound, Receipt, SendError, SendErrorClass,
    SendMessage, Snapshot, StatusChoice, StatusKind, StepTarget, Store, Typing, Value, Worker,
    codec,
};
use futures::channel::oneshot;
use futures::executor::{LocalPool, block_on};
use futures::task::LocalSpawnExt as _;
use proptest::prelude::*;

/// A channel whose sends go on only when the test says so.
struct Slow {
    inner: ScriptedChannel,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// Every send in the order in which it started, by its message.
    started: Vec<EffectId>,
    /// Those that haven't ended.
    open: Vec<(EffectId, oneshot::Sender<bool>)>,
}

#[async_trait]
impl Channel for Slow {
    fn id(&self) -> &ChannelId {
        self.inner.id()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        self.inner.decode(raw)
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let (sender, ended) = oneshot::channel();
        {
            let mut log = self.log.lock().unwrap();
            log.started.push(outbound.key);
            log.open.push((outbound.key, sender));
        }
        match ended.await {
            Ok(true) => self.inner.send(outbound).await,
            _ => Err(SendError::new(
                SendErrorClass::Transient { retry_after: None },
                "the line broke",
            )),
        }
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        self.inner.act(to, action).await
    }

    async fn listen(&self, _: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}

/// A model that answers only when the test says so.
#[derive(Default)]
struct Thinker {
    open: Mutex<Vec<oneshot::Sender<bool>>>,
}

#[async_trait]
impl Port for Thinker {
    async fn call(&self, _: EffectId, _: &Value) -> Result<Value, PortError> {
        let (sender, answer) = oneshot::channel();
        self.open.lock().unwrap().push(sender);
        match answer.await {
            Ok(true) => Ok(Value::Map(BTreeMap::from([
                ("text".to_owned(), Value::from("thought")),
                ("tokens_in".to_owned(), Value::Integer(10)),
                ("tokens_out".to_owned(), Value::Integer(1)),
            ]))),
            _ => Err(PortError::refused()),
        }
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Happening {
    Says(&'static str),
    Take(&'static str),
    Manual,
    GiveBack,
    Place(&'static str),
    Reply,
    Time(u64),
    SendEnds(bool),
    ModelAnswers(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    let words = prop::sample::select(vec!["buy", "person", "later", "hm", "think"]);
    let steps = prop::sample::select(vec!["ask", "think", "wait", "hand_off"]);
    prop_oneof![
        4 => words.prop_map(Happening::Says),
        2 => prop::sample::select(vec!["olga", "ivan"]).prop_map(Happening::Take),
        1 => Just(Happening::Manual),
        2 => Just(Happening::GiveBack),
        1 => steps.prop_map(Happening::Place),
        1 => Just(Happening::Reply),
        3 => prop::sample::select(vec![1, 60, 700, 4000]).prop_map(Happening::Time),
        5 => prop::bool::weighted(0.8).prop_map(Happening::SendEnds),
        3 => prop::bool::weighted(0.8).prop_map(Happening::ModelAnswers),
    ]
}

fn flow() -> FlowDefinition {
    let push = Push::after(Duration::from_secs(600), SendMessage::text("Still there?"));
    FlowBuilder::new("lead", 1)
        .step("ask", Ask::text("What brings you?").save("wish"))
        .push(push)
        .step(
            "route",
            SendMessage::text("I see.").then(SendMessage::text("One moment.")),
        )
        .step(
            "menu",
            KeywordRouter::new()
                .route("think", ["think", "hm"])
                .route("wait", ["later"])
                .route("hand_off", ["person"])
                .route("ask", ["buy"]),
        )
        .exit("otherwise", "think")
        .step("think", AiReply::to("an order"))
        .exit("next", "menu")
        .step("wait", Delay::new(Duration::from_secs(3600)))
        .exit("next", "back")
        .step("back", SendMessage::text("Here I am again."))
        .exit("next", "menu")
        .step("hand_off", SendMessage::text("Thanks, passing you on."))
        .finish(FinishStatus::Manual)
        .build()
        .unwrap()
}

struct Desk {
    worker: Arc<Worker>,
    store: Arc<MemoryStore>,
    channel: Arc<Slow>,
    model: Arc<Thinker>,
    clock: Arc<ManualClock>,
    pool: LocalPool,
    stop: Option<oneshot::Sender<()>>,
    key: u32,
}

impl Desk {
    fn open() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let channel = Arc::new(Slow {
            inner: ScriptedChannel::new("test"),
            log: Mutex::default(),
        });
        let model = Arc::new(Thinker::default());
        let behaviour = Behaviour {
            typing: Some(Typing {
                characters_per_second: 1,
                longest: Duration::from_secs(60).into(),
            }),
            pushes: vec![Push::after(
                Duration::from_secs(3000),
                SendMessage::text("Come back!"),
            )],
            ..Behaviour::default()
        };
        let bot = Bot::new("bot", flow()).behaviour(behaviour);
        let worker = Worker::builder(store.clone(), clock.clone())
            .bot(&bot, channel.clone())
            .port("model", model.clone())
            // What a test lets wait is not given up by itself.
            .delivery_timeout(Duration::from_secs(1_000_000_000))
            .build()
            .unwrap();
        let worker = Arc::new(worker);
        block_on(worker.start()).unwrap();
        let pool = LocalPool::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let runs = Arc::clone(&worker);
        pool.spawner()
            .spawn_local(async move { runs.run(async { stopped.await.unwrap_or(()) }).await })
            .unwrap();
        Self {
            worker,
            store,
            channel,
            model,
            clock,
            pool,
            stop: Some(stop),
            key: 0,
        }
    }

    fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("test", "anna"))
    }

    fn next_key(&mut self) -> String {
        self.key += 1;
        format!("k{}", self.key)
    }

    /// Lets the loop do all it can do now.
    fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    fn operates(&mut self, operator: &str, act: OperatorAct) -> Option<Handled> {
        let key = self.next_key();
        block_on(
            self.worker
                .handle(Self::dialog(), &Event::operator(key, operator, act)),
        )
        .ok()
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap()?;
        Some(Snapshot::decode(&loaded.snapshot).unwrap())
    }

    fn facts(&self) -> Vec<Vec<Fact>> {
        let journal = block_on(self.store.journal(Self::dialog(), 0, 1000)).unwrap();
        let turns = journal.iter().map(|turn| codec::decode(&turn.body));
        turns.collect::<Result<_, _>>().unwrap()
    }

    /// The messages that automation has decided.
    fn automatic(&self) -> BTreeSet<EffectId> {
        let facts = self.facts().into_iter().flatten();
        let effects = facts.filter_map(|fact| match fact {
            Fact::EffectDecided(effect) => Some(effect),
            _ => None,
        });
        effects
            .filter(|effect| effect.automatic && matches!(effect.body, EffectBody::Send(_)))
            .map(|effect| effect.id)
            .collect()
    }

    /// Automatic messages whose sending has begun and not ended.
    fn under_way(&self) -> BTreeSet<EffectId> {
        let automatic = self.automatic();
        let log = self.channel.log.lock().unwrap();
        let open = log.open.iter().map(|(effect, _)| *effect);
        open.filter(|effect| automatic.contains(effect)).collect()
    }

    fn started(&self) -> usize {
        self.channel.log.lock().unwrap().started.len()
    }

    fn send_ends(&mut self, well: bool) {
        let open = {
            let mut log = self.channel.log.lock().unwrap();
            (!log.open.is_empty()).then(|| log.open.remove(0))
        };
        if let Some((_, sender)) = open {
            let _ = sender.send(well);
        }
        self.settle();
    }
}

/// Does it, and says whether a person has the dialog from now on; none where nothing of that
/// changed.
fn happen(desk: &mut Desk, happening: &Happening) -> Option<bool> {
    let by_set = |status| OperatorAct::set(Some(status), None);
    match happening {
        Happening::Says(text) => {
            let key = desk.next_key();
            let said = desk.channel.inner.says("anna", key, *text);
            block_on(desk.worker.receive(said)).unwrap();
            None
        }
        Happening::Take(operator) => {
            let under_way = desk.under_way();
            match desk.operates(operator, OperatorAct::Take)? {
                Handled::Applied {
                    under_way: told, ..
                } => {
                    let told: BTreeSet<EffectId> = told.into_iter().collect();
                    assert_eq!(told, under_way, "what was under way is reported");
                    Some(true)
                }
                _ => None,
            }
        }
        Happening::Manual => {
            let before = desk.snapshot()?.shown_status().kind;
            let handled = desk.operates("olga", by_set(StatusChoice::Manual))?;
            let applied = matches!(handled, Handled::Applied { .. });
            (applied && before != StatusKind::Manual).then_some(true)
        }
        Happening::GiveBack => {
            let handled = desk.operates("olga", by_set(StatusChoice::Auto))?;
            matches!(handled, Handled::Applied { .. }).then_some(false)
        }
        // Choosing a step in Manual leaves the dialog with the person; elsewhere automation goes
        // on, and what was decided for the old step doesn't begin any more.
        Happening::Place(step) => {
            desk.operates(
                "olga",
                OperatorAct::set(None, Some(StepTarget::step(*step))),
            );
            None
        }
        Happening::Reply => {
            let before = desk.snapshot()?.shown_status().kind;
            let handled = desk.operates("olga", OperatorAct::Reply(Message::new("It's me.")))?;
            let applied = matches!(handled, Handled::Applied { .. });
            (applied && !matches!(before, StatusKind::Manual | StatusKind::Finished))
                .then_some(true)
        }
        Happening::Time(seconds) => {
            desk.clock.advance(Duration::from_secs(*seconds));
            None
        }
        Happening::SendEnds(well) => {
            desk.send_ends(*well);
            None
        }
        Happening::ModelAnswers(well) => {
            let open = desk.model.open.lock().unwrap().pop();
            if let Some(sender) = open {
                let _ = sender.send(*well);
            }
            None
        }
    }
}

fn check(happenings: &[Happening]) {
    let mut desk = Desk::open();
    let mut taken = false;
    let mut seen = 0;
    for happening in happenings {
        if let Some(by_person) = happen(&mut desk, happening) {
            taken = by_person;
        }
        desk.settle();
        let automatic = desk.automatic();
        let log = desk.channel.log.lock().unwrap();
        for effect in &log.started[seen..] {
            assert!(
                !taken || !automatic.contains(effect),
                "{effect} is automatic and started though a person has the dialog"
            );
        }
        seen = log.started.len();
    }
    // At the end everything that may go goes: nothing is left hanging.
    for _ in 0..200 {
        desk.clock.advance(Duration::from_secs(3600));
        desk.settle();
        while !desk.channel.log.lock().unwrap().open.is_empty() {
            desk.send_ends(true);
        }
        if desk.snapshot().is_none() {
            return;
        }
        let outbox = block_on(desk.store.outbox(Desk::dialog())).unwrap();
        let waits = |state| matches!(state, DeliveryState::Ready | DeliveryState::InFlight);
        let is_message = |body: &EffectBody| matches!(body, EffectBody::Send(_));
        let mut left = outbox.iter();
        if !left.any(|entry| waits(entry.state) && is_message(&entry.effect.body)) {
            break;
        }
    }
    let outbox = block_on(desk.store.outbox(Desk::dialog())).unwrap();
    for entry in &outbox {
        let is_call = matches!(entry.effect.body, EffectBody::Call { .. });
        assert!(
            is_call || !matches!(entry.state, DeliveryState::Ready | DeliveryState::InFlight),
            "{} hangs",
            entry.effect.id
        );
    }
    assert!(desk.started() >= seen);
    drop(desk.stop.take());
    desk.model.open.lock().unwrap().clear();
    desk.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn fl_27_ai_13_no_automatic_delivery_starts_once_a_person_has_the_dialog(
        happenings in prop::collection::vec(happening(), 1..40),
    ) {
        check(&happenings);
    }
}

#[test]
fn what_the_flow_says_before_it_hands_off_is_still_delivered() {
    let mut desk = Desk::open();
    for happening in [
        Happening::Says("hi"),
        Happening::SendEnds(true),
        Happening::Says("a lamp"),
        Happening::SendEnds(true),
        Happening::SendEnds(true),
        Happening::Says("person"),
    ] {
        happen(&mut desk, &happening);
        desk.settle();
    }
    let shown = desk.snapshot().unwrap().shown_status().kind;
    assert_eq!(shown, StatusKind::Manual, "the flow handed off");
    // The channel is slow, and an operator answers meanwhile: he doesn't take anything back.
    happen(&mut desk, &Happening::Reply);
    desk.send_ends(true);
    desk.send_ends(true);
    let texts: Vec<String> = desk
        .channel
        .inner
        .take()
        .iter()
        .map(|sent| sent.message.text().to_owned())
        .collect();
    assert_eq!(
        texts[texts.len() - 2..],
        ["Thanks, passing you on.", "It's me."]
    );
}
