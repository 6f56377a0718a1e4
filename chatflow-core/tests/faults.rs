//! What goes wrong outside stays outside: a store that is away, a port that panics or never
//! answers, values too large, a program without a bot.

mod flaky;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel, block_on};
use chatflow_core::{
    Address, Automation, Begun, Bot, CallFailure, Capabilities, Channel, ChannelId, Chatflow,
    Clock, DialogId, EffectId, Engine, ErrorKind, Event, EventBody, Fact, FailureClass,
    FlowBuilder, HandleError, Inbound, InboundBody, Ingest, ListenError, MemoryStore, Message,
    OperatorAct, Outbound, Outcome, Port, PortError, Profile, RawInbound, Receipt, SendError,
    Settled, Settlement, Snapshot, StatusChoice, Step, StepContext, StepTarget, Store, Value,
    Worker, codec,
};
use flaky::Flaky;
use futures::FutureExt;

/// Does what the message says.
struct Talk;

fn deep() -> Value {
    (0..40).fold(Value::from("x"), |inner, _| Value::List(vec![inner]))
}

impl Step for Talk {
    fn kind(&self) -> &'static str {
        "talk"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "deep data" => step.set("deep", deep()),
            "deep field" => step.set_field("deep", deep()),
            "deep call" => step.call("port", deep()),
            "deep memory" => step.remember(deep()),
            "call" => step.call("port", "?"),
            "grow" => {
                let name = step.now().timestamp_millis().to_string();
                step.set_field(name, "x".repeat(16_000));
            }
            "timer" => step.time_out_after(Duration::from_secs(5)),
            text => step.say(format!("you said {text}")),
        }
        Outcome::Wait
    }

    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        match answer {
            Ok(_) => step.say("answered"),
            Err(failure) => step.say(failure.to_string()),
        }
        Outcome::Wait
    }

    fn timed_out(&self, step: &mut StepContext<'_>) -> Outcome {
        step.say("time is up");
        Outcome::Wait
    }
}

enum Oracle {
    Panics,
    Deep,
    Never,
}

#[async_trait]
impl Port for Oracle {
    async fn call(&self, _: EffectId, _: &Value) -> Result<Value, PortError> {
        match self {
            Self::Panics => panic!("a port's mistake"),
            Self::Deep => Ok(deep()),
            Self::Never => std::future::pending().await,
        }
    }
}

struct Desk {
    worker: Worker,
    store: Arc<Flaky>,
    clock: Arc<ManualClock>,
    channel: Arc<ScriptedChannel>,
}

impl Desk {
    fn new(port: Oracle) -> Self {
        Self::of("bot", Arc::default(), Arc::default(), port, 64)
    }

    fn of(
        bot: &str,
        store: Arc<Flaky>,
        clock: Arc<ManualClock>,
        port: Oracle,
        most: usize,
    ) -> Self {
        let channel = Arc::new(ScriptedChannel::new(format!("channel of {bot}")));
        let flow = FlowBuilder::new("talk", 1)
            .step("talk", Talk)
            .build()
            .unwrap();
        let worker = Worker::builder(store.clone(), clock.clone())
            .bot(&Bot::new(bot, flow), channel.clone())
            .port("port", Arc::new(port))
            .deliveries_max(most)
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        Self {
            worker,
            store,
            clock,
            channel,
        }
    }

    fn hears(&self, text: &str) {
        let key = format!("{}:{text}", self.clock.now().timestamp_millis());
        block_on(self.worker.receive(self.channel.says("anna", key, text))).unwrap();
    }

    fn acts(&self, key: &str, act: OperatorAct) {
        block_on(
            self.worker
                .handle(Self::dialog(), &Event::operator(key, "op", act)),
        )
        .unwrap();
    }

    fn step(&self) {
        block_on(self.worker.step()).unwrap();
    }

    fn waits(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.step();
    }

    fn said(&self) -> Vec<String> {
        let sent = self.channel.take().into_iter();
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("channel of bot", "anna"))
    }

    fn snapshot(&self) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    fn begins(&self) -> EffectId {
        let effect = block_on(self.store.outbox(Self::dialog())).unwrap()[0]
            .effect
            .id;
        let begun = block_on(self.store.begin_delivery(effect, self.clock.now())).unwrap();
        assert!(matches!(begun, Begun::Started(_)));
        effect
    }
}

fn quietly<T>(act: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = act();
    std::panic::set_hook(hook);
    done
}

#[test]
fn a_store_that_is_away_for_a_moment_is_asked_again() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("timer");
    let mut run = Box::pin(desk.worker.run(std::future::pending()));
    assert!((&mut run).now_or_never().is_none());
    desk.store.failing_due.store(1, SeqCst);
    for _ in 0..5 {
        desk.clock.advance(Duration::from_secs(2));
        assert!((&mut run).now_or_never().is_none());
    }
    assert_eq!(desk.said(), ["time is up"]);
}

#[test]
fn an_outcome_that_could_not_be_settled_is_kept_and_nothing_is_sent_again() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    desk.store.failing_settle.store(1, SeqCst);
    desk.step();
    desk.hears("two");
    desk.step();
    assert_eq!(desk.said(), ["you said one", "you said two"]);
    assert!(
        block_on(desk.store.outbox(Desk::dialog()))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_step_dropped_while_the_outside_is_busy_leaves_nothing_in_flight() {
    let desk = Desk::new(Oracle::Never);
    desk.hears("call");
    assert!(
        desk.worker.step().now_or_never().is_none(),
        "the port doesn't answer"
    );
    desk.hears("one");
    let mut step = Box::pin(desk.worker.step());
    assert!(
        (&mut step).now_or_never().is_none(),
        "the call is taken up again"
    );
    assert_eq!(
        desk.said(),
        ["you said one"],
        "and holds nothing up meanwhile"
    );
}

#[test]
fn a_port_that_never_answers_is_given_up_in_time() {
    let desk = Desk::new(Oracle::Never);
    desk.hears("call");
    for _ in 0..10 {
        let mut step = Box::pin(desk.worker.step());
        assert!((&mut step).now_or_never().is_none());
        desk.clock.advance(Duration::from_secs(60));
        assert!((&mut step).now_or_never().is_some(), "after a minute");
        desk.clock.advance(Duration::from_secs(700));
    }
    desk.step();
    assert_eq!(desk.said(), [CallFailure::TimedOut.to_string()]);
}

#[test]
fn a_panicking_port_stops_nothing() {
    let desk = Desk::new(Oracle::Panics);
    quietly(|| {
        desk.hears("call");
        (0..12).for_each(|_| desk.waits(700));
    });
    assert_eq!(desk.said(), [CallFailure::Exhausted.to_string()]);
    desk.hears("still there?");
    desk.step();
    assert_eq!(desk.said(), ["you said still there?"]);
}

#[test]
fn a_value_nested_too_deeply_never_reaches_the_store() {
    for text in ["deep data", "deep field", "deep call", "deep memory"] {
        let desk = Desk::new(Oracle::Deep);
        desk.hears(text);
        assert_eq!(
            desk.snapshot().automation,
            Automation::Error(ErrorKind::SizeLimit),
            "{text}"
        );
    }
    let desk = Desk::new(Oracle::Deep);
    desk.hears("call");
    desk.step();
    assert_eq!(desk.said(), [CallFailure::TooLarge.to_string()]);
    for turn in block_on(desk.store.journal(Desk::dialog(), 0, 100)).unwrap() {
        assert!(
            codec::decode::<Vec<Fact>>(&turn.body).is_ok(),
            "turn {}",
            turn.revision
        );
    }
}

#[test]
fn what_a_contact_keeps_is_bounded() {
    let desk = Desk::new(Oracle::Deep);
    for _ in 0..10 {
        desk.hears("grow");
        desk.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(
        desk.snapshot().automation,
        Automation::Error(ErrorKind::SizeLimit)
    );

    let desk = Desk::new(Oracle::Deep);
    let mut inbound = desk.channel.says("anna", "1", "hi");
    inbound.profile.name = Some("ё".repeat(5_000_000).into());
    inbound.profile.language = Some("x".repeat(1_000));
    block_on(desk.worker.receive(inbound)).unwrap();
    let contact = desk.snapshot().contact;
    assert_eq!(contact.name.unwrap().as_str(), "ё".repeat(256));
    assert_eq!(contact.language, None);
}

#[test]
fn timers_of_a_bot_that_is_gone_do_not_hide_others() {
    let gone = Desk::of("gone", Arc::default(), Arc::default(), Oracle::Deep, 2);
    for who in ["a", "b", "c"] {
        block_on(gone.worker.receive(gone.channel.says(who, "1", "timer"))).unwrap();
    }
    gone.clock.advance(Duration::from_secs(1));
    let desk = Desk::of("bot", gone.store.clone(), gone.clock, Oracle::Deep, 2);
    desk.hears("timer");
    desk.waits(10);
    assert_eq!(desk.said(), ["time is up"]);
}

#[test]
fn entries_of_a_bot_that_is_gone_wait_for_it() {
    let gone = Desk::new(Oracle::Deep);
    gone.hears("one");
    let other = Desk::of(
        "other",
        gone.store.clone(),
        gone.clock.clone(),
        Oracle::Deep,
        2,
    );
    (0..30).for_each(|_| other.waits(60));
    assert!(other.said().is_empty() && gone.said().is_empty());
    gone.waits(60);
    assert_eq!(gone.said(), ["you said one"]);
}

#[test]
fn what_was_under_way_at_a_block_is_not_sent_after_the_unblock() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    let effect = desk.begins();
    desk.acts("block", OperatorAct::Block);
    let settled = Settled::Retry {
        due: desk.clock.now(),
        counted: true,
    };
    let settlement = Settlement {
        effect,
        attempt: 1,
        settled,
        at: desk.clock.now(),
    };
    block_on(desk.store.settle(vec![settlement])).unwrap();
    desk.acts("unblock", OperatorAct::Unblock);
    desk.step();
    assert!(desk.said().is_empty());
}

#[test]
fn a_failure_from_before_a_takeover_leaves_the_new_automation_alone() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    let (effect, epoch) = (desk.begins(), desk.snapshot().epoch);
    desk.acts("take", OperatorAct::Take);
    let auto = Some(StatusChoice::Auto);
    desk.acts("back", OperatorAct::set(auto, None));
    let config = desk.worker.configs().next().unwrap();
    let after = |epoch| {
        let class = FailureClass::Content;
        let failed = EventBody::DeliveryFailed {
            effect,
            automatic: true,
            epoch,
            class,
        };
        let event = Event::new("failed", failed);
        let turn = Engine::handle(&config, desk.snapshot(), &event, desk.clock.now());
        turn.unwrap().snapshot.automation
    };
    assert_eq!(after(epoch), Automation::Auto);
    let current = desk.snapshot().epoch;
    assert_eq!(after(current), Automation::Error(ErrorKind::DeliveryFailed));
}

#[test]
fn choosing_a_step_alone_lifts_no_block() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    let finished = Some(StatusChoice::Finished);
    desk.acts("over", OperatorAct::set(finished, None));
    desk.acts("block", OperatorAct::Block);
    let step = Some(StepTarget::step("talk"));
    desk.acts("step", OperatorAct::set(None, step));
    assert!(desk.snapshot().operator_block.is_some());
}

#[test]
fn only_an_operators_act_can_be_handed_in() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    let body = EventBody::TimerFired {
        name: "step".into(),
        generation: 1,
    };
    let refused = block_on(
        desk.worker
            .handle(Desk::dialog(), &Event::new("forged", body)),
    );
    assert!(
        matches!(refused, Err(HandleError::Malformed { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_clock_that_steps_back_holds_no_answer_up() {
    let desk = Desk::new(Oracle::Deep);
    desk.hears("one");
    desk.step();
    desk.clock.set(desk.clock.now() - Duration::from_secs(3600));
    desk.hears("two");
    desk.step();
    assert_eq!(desk.said(), ["you said one", "you said two"]);
}

/// A channel on which somebody never stops writing.
struct Endless {
    id: ChannelId,
    capabilities: Capabilities,
    heard: AtomicU64,
}

#[async_trait]
impl Channel for Endless {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        vec![Inbound {
            key: raw.key.clone(),
            from: Address::new(self.id.clone(), "anna"),
            profile: Profile::default(),
            body: InboundBody::Message("hi".into()),
        }]
    }

    async fn send(&self, _: &Outbound<'_>) -> Result<Receipt, SendError> {
        Ok(Receipt::default())
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        loop {
            let n = self.heard.fetch_add(1, SeqCst);
            let raw = RawInbound {
                channel: self.id.clone(),
                key: n.to_string().into(),
                body: b"hi".to_vec().into(),
            };
            ingest.receive(raw).await?;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_stops_listening_while_others_wait_for_the_end() {
    let flow = FlowBuilder::new("talk", 1)
        .step("talk", Talk)
        .build()
        .unwrap();
    let channel = Arc::new(Endless {
        id: "endless".into(),
        capabilities: Capabilities::text(),
        heard: AtomicU64::new(0),
    });
    let chatflow = Chatflow::builder(MemoryStore::new())
        .bot(Bot::new("bot", flow), channel.clone())
        .start()
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let chatflow = chatflow.clone();
        async move { chatflow.finished().await }
    });
    while channel.heard.load(SeqCst) < 20 {
        tokio::task::yield_now().await;
    }
    chatflow.shutdown().await.unwrap();
    waiting.await.unwrap().unwrap();
    let heard = channel.heard.load(SeqCst);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(channel.heard.load(SeqCst), heard);
    chatflow.shutdown().await.unwrap();
}

/// A channel whose account is refused as soon as it listens.
struct Refused(ChannelId, Capabilities);

#[async_trait]
impl Channel for Refused {
    fn id(&self) -> &ChannelId {
        &self.0
    }

    fn capabilities(&self) -> &Capabilities {
        &self.1
    }

    fn decode(&self, _: &RawInbound) -> Vec<Inbound> {
        Vec::new()
    }

    async fn send(&self, _: &Outbound<'_>) -> Result<Receipt, SendError> {
        Ok(Receipt::default())
    }

    async fn listen(&self, _: &dyn Ingest) -> Result<(), ListenError> {
        Err(ListenError::Refused {
            channel: self.0.clone(),
            detail: "no such account".to_owned(),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_stops_listening_is_told_of_and_stops_no_other() {
    let flow = || {
        let flow = FlowBuilder::new("talk", 1).step("talk", Talk);
        flow.build().unwrap()
    };
    let endless = Arc::new(Endless {
        id: "endless".into(),
        capabilities: Capabilities::text(),
        heard: AtomicU64::new(0),
    });
    let refused = Refused("refused".into(), Capabilities::text());
    let chatflow = Chatflow::builder(MemoryStore::new())
        .bot(Bot::new("one", flow()), refused)
        .bot(Bot::new("other", flow()), endless.clone())
        .start()
        .await
        .unwrap();
    let told = chatflow.finished().await.unwrap_err().to_string();
    assert!(
        told.contains("refused") && told.contains("no such account"),
        "{told}"
    );
    let heard = endless.heard.load(SeqCst);
    for _ in 0..1_000_000 {
        if endless.heard.load(SeqCst) >= heard + 20 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(
        endless.heard.load(SeqCst) >= heard + 20,
        "the other is silent"
    );
    chatflow.shutdown().await.unwrap();
}
