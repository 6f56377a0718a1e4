//! A worker whose outside does what a test tells it to.
#![allow(dead_code, reason = "not every test file uses every helper")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Behaviour, Bot, BotDone, BotReply, CallFailure, Capabilities, Channel, Clock,
    DialogId, Effect, EffectBody, EffectId, Engine, Event, EventBody, ExternalBot, Fact,
    FlowBuilder, Handled, Media, MembershipChecker, MemoryStore, Message, ModelProvider,
    ModelReply, ModelRequest, Notification, Notifier, OperatorAct, Outcome, PortError, Recognizer,
    RetryPolicy, Snapshot, Step, StepContext, Store, Text, Tracker, TrackerEvent, Translator,
    TurnCommit, Value, WebhookCaller, WebhookRequest, WebhookResponse, Worker, WorkerBuilder,
    codec,
};
use futures::FutureExt;
use futures::executor::block_on;

/// What the outside does when it is asked once.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    Answers,
    Fails(PortError),
    Panics,
    NeverAnswers,
    /// It answers what doesn't fit.
    TalksNonsense,
    /// It answers more than a dialog may keep.
    TalksTooMuch,
    /// Of webhooks: a status.
    Status(u16),
}

/// Everybody outside: plays what it was told, then what it does always, and remembers what it was
/// asked.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) next: Mutex<VecDeque<Play>>,
    always: Play,
    asked: Mutex<Vec<(EffectId, String)>>,
    pub(crate) models: Mutex<Vec<ModelRequest>>,
}

impl Outside {
    pub(crate) fn always(play: Play) -> Arc<Self> {
        Arc::new(Self {
            next: Mutex::default(),
            always: play,
            asked: Mutex::default(),
            models: Mutex::default(),
        })
    }

    pub(crate) fn plays(plays: impl IntoIterator<Item = Play>) -> Arc<Self> {
        let outside = Self::always(Play::Answers);
        outside.next.lock().unwrap().extend(plays);
        outside
    }

    /// The keys under which it was asked.
    pub(crate) fn keys(&self) -> Vec<EffectId> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(key, _)| *key).collect()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, request)| request.clone()).collect()
    }

    async fn play(&self, key: EffectId, request: String) -> Result<Play, PortError> {
        self.asked.lock().unwrap().push((key, request));
        let next = self.next.lock().unwrap().pop_front();
        match next.unwrap_or_else(|| self.always.clone()) {
            Play::Fails(error) => Err(error),
            Play::Panics => panic!("a provider's mistake"),
            Play::NeverAnswers => std::future::pending().await,
            play => Ok(play),
        }
    }
}

fn much() -> Text {
    "x".repeat(2 << 20).into()
}

fn texts(play: &Play, count: usize) -> Vec<Text> {
    match play {
        Play::TalksNonsense => vec!["one more".into(); count + 1],
        Play::TalksTooMuch => vec![much(); count],
        _ => (0..count).map(|n| format!("text {n}").into()).collect(),
    }
}

#[async_trait]
impl ModelProvider for Outside {
    async fn complete(
        &self,
        key: EffectId,
        request: &ModelRequest,
    ) -> Result<ModelReply, PortError> {
        self.models.lock().unwrap().push(request.clone());
        Ok(match self.play(key, String::new()).await? {
            Play::TalksTooMuch => ModelReply::new(much()),
            _ => ModelReply::new("sales").used(1000, 200),
        })
    }
}

#[async_trait]
impl Recognizer for Outside {
    async fn recognize(
        &self,
        key: EffectId,
        media: &[Media],
        language: Option<&str>,
    ) -> Result<Vec<Text>, PortError> {
        let kinds: Vec<_> = media.iter().map(|media| media.kind.label()).collect();
        let play = self.play(key, format!("{kinds:?} {language:?}")).await?;
        Ok(texts(&play, media.len()))
    }
}

#[async_trait]
impl Translator for Outside {
    async fn translate(
        &self,
        key: EffectId,
        asked: &[Text],
        from: Option<&str>,
        to: &str,
    ) -> Result<Vec<Text>, PortError> {
        let asked: Vec<_> = asked.iter().map(Text::as_str).collect();
        let play = self.play(key, format!("{asked:?} {from:?} {to}")).await?;
        Ok(texts(&play, asked.len()))
    }
}

#[async_trait]
impl WebhookCaller for Outside {
    async fn call(
        &self,
        key: EffectId,
        request: &WebhookRequest,
    ) -> Result<WebhookResponse, PortError> {
        let headers = request.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("{name}={}", value.as_str()))
            .collect();
        let body = request.body.as_ref();
        let body = body.map(|(body, kind)| format!("{} {kind}", body.as_str()));
        let (method, url) = (&request.method, request.url.as_str());
        let asked = format!("{method} {url} {headers:?} {body:?}");
        let (status, body) = match self.play(key, asked).await? {
            Play::Status(status) => (status, Value::Null),
            Play::TalksNonsense => (999, Value::Null),
            Play::TalksTooMuch => (200, much().into()),
            _ => (201, Value::from("made")),
        };
        Ok(WebhookResponse { status, body })
    }
}

#[async_trait]
impl Tracker for Outside {
    async fn track(&self, key: EffectId, event: &TrackerEvent) -> Result<(), PortError> {
        let value = event.value.map(|value| value.to_string());
        let click = event.click_id.as_ref().map(Text::as_str);
        let names: Vec<_> = event.parameters.keys().collect();
        let asked = format!("{} {value:?} {click:?} {names:?}", event.event);
        self.play(key, asked).await.map(drop)
    }
}

#[async_trait]
impl Notifier for Outside {
    async fn notify(&self, key: EffectId, told: &Notification) -> Result<(), PortError> {
        let asked = format!("{} {} {:?}", told.to, told.alert.label(), told.robot);
        self.play(key, asked).await.map(drop)
    }
}

#[async_trait]
impl MembershipChecker for Outside {
    async fn is_member(
        &self,
        key: EffectId,
        place: &str,
        contact: &str,
    ) -> Result<bool, PortError> {
        self.play(key, format!("{place} {contact}")).await?;
        Ok(true)
    }
}

#[async_trait]
impl ExternalBot for Outside {
    async fn talk(
        &self,
        key: EffectId,
        dialog: DialogId,
        message: Option<&Text>,
    ) -> Result<BotReply, PortError> {
        assert_eq!(dialog, key.dialog);
        let asked = format!("{:?}", message.map(Text::as_str));
        let play = self.play(key, asked).await?;
        Ok(BotReply {
            messages: texts(&play, 1),
            done: Some(BotDone::HandOff),
        })
    }
}

/// A map of these entries.
pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.map(|(name, value)| (name.to_owned(), value)).into())
}

pub(crate) fn list<const N: usize>(values: [&str; N]) -> Value {
    Value::List(values.map(Value::from).into())
}

/// A request that fits who is asked under this name.
pub(crate) fn request(port: &str) -> Value {
    match port {
        "model" => map([
            ("purpose", "route".into()),
            ("model", "small".into()),
            ("system", "You sell shoes.".into()),
            ("memory", Value::Integer(3)),
            ("branches", list(["sales", "support"])),
        ]),
        "ears" => {
            let voice = map([("kind", "voice".into()), ("reference", "file-1".into())]);
            let photo = map([("kind", "photo".into()), ("reference", "file-2".into())]);
            let media = Value::List(vec![voice, photo]);
            map([("media", media), ("language", "en".into())])
        }
        "translator" => map([
            ("texts", list(["hi", "bye"])),
            ("to", "es".into()),
            ("from", Value::Null),
        ]),
        "webhook" => map([
            ("method", "POST".into()),
            ("url", "https://shop.example/orders".into()),
            ("headers", Value::List(vec![list(["x-shop", "1"])])),
            ("body", "{}".into()),
            ("content_type", "application/json".into()),
        ]),
        "tracker" => map([
            ("event", "deposit".into()),
            ("value", Value::Integer(50)),
            ("click_id", "abc".into()),
            ("parameters", map([("plan", "gold".into())])),
        ]),
        "notifier" => map([
            ("to", "olga".into()),
            ("alert", "manual".into()),
            ("robot", "vip".into()),
        ]),
        "membership" => map([("channel", "@news".into()), ("contact", "anna".into())]),
        _ => map([("message", "hello".into())]),
    }
}

/// Asks who is named by the contact's message; `say …` and the like do something else.
struct Asks(BTreeMap<&'static str, Value>);

impl Step for Asks {
    fn kind(&self) -> &'static str {
        "asks"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        let said = message.text();
        match said.split_once(' ').unwrap_or((said, "")) {
            ("say", text) => step.say(text),
            ("nothing", _) => {}
            ("much", _) => (0..90).for_each(|n| step.say(format!("much {n}"))),
            ("wait", _) => step.time_out_after(Duration::from_secs(5)),
            (port, _) => {
                let asked = self.0.get(port).cloned();
                step.call(port, asked.unwrap_or_else(|| request(port)));
            }
        }
        Outcome::Wait
    }

    fn timed_out(&self, step: &mut StepContext<'_>) -> Outcome {
        step.say("time is up");
        Outcome::Wait
    }

    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        match answer {
            Ok(answer) => step.say(answer.render()),
            Err(failure) => step.say(failure.to_string()),
        }
        Outcome::Wait
    }
}

pub(crate) struct Shop {
    pub(crate) worker: Worker,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) channel: Arc<ScriptedChannel>,
    pub(crate) store: Arc<dyn Store>,
    keys: Mutex<u32>,
}

/// Everybody of a worker is this one.
pub(crate) fn all(outside: &Arc<Outside>, builder: WorkerBuilder) -> WorkerBuilder {
    let one = || outside.clone();
    builder
        .model(one())
        .recogniser("ears", one())
        .translator(one())
        .webhooks(one())
        .tracker(one())
        .notifier(one())
        .membership(one())
        .external_bot("robo", one())
}

impl Shop {
    pub(crate) fn of(outside: &Arc<Outside>) -> Self {
        Self::built(Behaviour::default(), BTreeMap::new(), |builder| {
            all(outside, builder)
        })
    }

    /// A shop that asks with other requests than those that fit.
    pub(crate) fn asking(outside: &Arc<Outside>, requests: BTreeMap<&'static str, Value>) -> Self {
        Self::built(Behaviour::default(), requests, |builder| {
            all(outside, builder)
        })
    }

    pub(crate) fn built(
        behaviour: Behaviour,
        requests: BTreeMap<&'static str, Value>,
        build: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let (store, clock) = (
            Arc::new(MemoryStore::new()),
            Arc::new(ManualClock::default()),
        );
        Self::over(store, clock, behaviour, requests, build)
    }

    pub(crate) fn over(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        behaviour: Behaviour,
        requests: BTreeMap<&'static str, Value>,
        build: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let flow = FlowBuilder::new("talk", 1).step("talk", Asks(requests));
        let bot = Bot::new("shop", flow.build().unwrap()).behaviour(behaviour);
        let mut capabilities = Capabilities::text();
        capabilities.typing = true;
        let channel = ScriptedChannel::new("test").with_capabilities(capabilities);
        let channel = Arc::new(channel);
        Self::on(store, clock, &bot, channel.clone(), channel, build)
    }

    /// A shop on a channel that stands before the scripted one.
    pub(crate) fn behind(before: impl FnOnce(Arc<ScriptedChannel>) -> Arc<dyn Channel>) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::default());
        let flow = FlowBuilder::new("talk", 1).step("talk", Asks(BTreeMap::new()));
        let bot = Bot::new("shop", flow.build().unwrap());
        let scripted = Arc::new(ScriptedChannel::new("test"));
        let channel = before(scripted.clone());
        Self::on(store, clock, &bot, scripted, channel, |builder| builder)
    }

    fn on(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        bot: &Bot,
        scripted: Arc<ScriptedChannel>,
        channel: Arc<dyn Channel>,
        build: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let builder = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(bot, channel)
            .retry(RetryPolicy {
                attempts_max: 3,
                ..RetryPolicy::default()
            });
        let worker = build(builder).build().unwrap();
        block_on(worker.start()).unwrap();
        Self {
            worker,
            clock,
            channel: scripted,
            store,
            keys: Mutex::default(),
        }
    }

    fn key(&self) -> String {
        let mut keys = self.keys.lock().unwrap();
        *keys += 1;
        format!("key {keys}")
    }

    pub(crate) fn dialog() -> DialogId {
        DialogId::derive(&"shop".into(), &Address::new("test", "anna"))
    }

    /// The contact writes; nothing is delivered yet.
    pub(crate) fn hears(&self, text: &str) -> Handled {
        let inbound = self.channel.says("anna", self.key(), text);
        block_on(self.worker.receive(inbound)).unwrap()
    }

    pub(crate) fn acts(&self, act: OperatorAct) -> Handled {
        let event = Event::operator(self.key(), "olga", act);
        block_on(self.worker.handle(Self::dialog(), &event)).unwrap()
    }

    pub(crate) fn step(&self) -> u64 {
        block_on(self.worker.step()).unwrap()
    }

    pub(crate) fn waits(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.step();
    }

    /// Lets so much time pass that whatever can end has ended.
    pub(crate) fn waits_long(&self) {
        for _ in 0..8 {
            let mut step = Box::pin(self.worker.step());
            if (&mut step).now_or_never().is_none() {
                self.clock.advance(Duration::from_secs(60));
                assert!(step.now_or_never().is_some(), "given up after a minute");
            }
            self.clock.advance(Duration::from_secs(700));
        }
    }

    pub(crate) fn said(&self) -> Vec<String> {
        let sent = self.channel.take().into_iter();
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    /// How often typing was shown.
    pub(crate) fn typed(&self) -> usize {
        let done = self.channel.take_done();
        done.iter().filter(|done| done.action == "typing").count()
    }

    /// Typing from now on, for so many seconds.
    pub(crate) fn types(&self, seconds: u64) -> EffectId {
        let until = self.clock.now() + Duration::from_secs(seconds);
        self.decides(EffectBody::Typing { until })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    /// The events of the dialog's turns, in order.
    pub(crate) fn events(&self) -> Vec<EventBody> {
        let journal = block_on(self.store.journal(Self::dialog(), 0, 1000)).unwrap();
        let facts = journal.iter().flat_map(|turn| {
            let facts: Vec<Fact> = codec::decode(&turn.body).unwrap();
            facts
        });
        facts
            .filter_map(|fact| match fact {
                Fact::Input { event, .. } => Some(event.body),
                _ => None,
            })
            .collect()
    }

    /// What was answered, and what people may read of it.
    pub(crate) fn answers(&self) -> Vec<(Result<Value, CallFailure>, Option<String>)> {
        let answers = self.events().into_iter().filter_map(|event| match event {
            EventBody::CallAnswered { answer, detail, .. } => {
                Some((answer, detail.map(|detail| detail.as_str().to_owned())))
            }
            _ => None,
        });
        answers.collect()
    }

    /// Whether everything is settled for good.
    pub(crate) fn is_settled(&self) -> bool {
        let open = block_on(self.store.outbox(Self::dialog())).unwrap();
        open.is_empty()
    }

    /// A turn that decides this beside; as the engine's steps will.
    pub(crate) fn decides(&self, body: EffectBody) -> EffectId {
        self.decides_as(body, true)
    }

    pub(crate) fn decides_as(&self, body: EffectBody, automatic: bool) -> EffectId {
        if block_on(self.store.load(Self::dialog())).unwrap().is_none() {
            self.hears("say hello");
            self.step();
            self.said();
        }
        let config = self.worker.configs().next().unwrap();
        let (key, now) = (self.key(), self.clock.now());
        let event = Event::message(key.as_str(), "nothing");
        let transition = Engine::handle(&config, self.snapshot(), &event, now).unwrap();
        let mut turn = TurnCommit::new(transition, event.key, None, None, now).unwrap();
        let id = EffectId {
            dialog: Self::dialog(),
            turn: turn.expected + 1,
            n: 9,
        };
        turn.effects.push(Effect {
            id,
            automatic,
            epoch: self.snapshot().epoch,
            lane: chatflow_core::SendLane::Reply,
            body,
        });
        block_on(self.store.commit(turn)).unwrap();
        id
    }
}

/// Panics of this process are told to nobody from now on.
pub(crate) fn quietly() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let mistake = panic.payload().downcast_ref() == Some(&"a provider's mistake");
            if !mistake {
                tell(panic);
            }
        }));
    });
}
