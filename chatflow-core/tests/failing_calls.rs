//! Every kind of call fails in every way: the way out that the step has for it is taken, nothing is
//! said twice, nothing hangs.

use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{
    ManualClock, Planned, Script, ScriptedBot, ScriptedChannel, ScriptedModel, ScriptedPort,
    ScriptedRecognizer, ScriptedTranslator, ScriptedWebhooks,
};
use chatflow_core::{
    Address, AiReply, AiRoute, Ask, Behaviour, Bot, BotReply, DialogId, Event, Fact, FlowBuilder,
    FlowDefinition, Media, MediaKind, Membership, MemoryStore, Message, ModelReply, OperatorAct,
    PassToBot, PortError, RouteReason, SendMessage, Snapshot, StatusKind, Store, Text,
    TranslationSettings, Value, Webhook, WebhookResponse, Worker, WorkerBuilder, codec,
};
use futures::channel::oneshot;
use futures::executor::{LocalPool, block_on};
use futures::task::LocalSpawnExt as _;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Refused,
    Transient,
    TimedOut,
    Never,
    Panics,
    Nonsense,
    TooLarge,
}

const WAYS: [Way; 7] = [
    Way::Refused,
    Way::Transient,
    Way::TimedOut,
    Way::Never,
    Way::Panics,
    Way::Nonsense,
    Way::TooLarge,
];

/// How often at most one call is asked: as often as the worker tries.
const TRIES: usize = 20;

impl Way {
    /// Makes every call fail in this way.
    fn plan<Q, A: Clone>(self, script: &Script<Q, A>, nonsense: A, large: A) {
        for _ in 0..TRIES {
            script.plan(match self {
                Self::Refused => Planned::Fails(PortError::refused().with_detail("closed today")),
                Self::Transient => Planned::Fails(PortError::transient().with_detail("busy")),
                Self::TimedOut => Planned::Fails(PortError::timed_out()),
                Self::Never => Planned::Never,
                Self::Panics => Planned::Panics,
                Self::Nonsense => Planned::Answers(nonsense.clone()),
                Self::TooLarge => Planned::Answers(large.clone()),
            });
        }
    }
}

struct Desk {
    worker: Arc<Worker>,
    store: Arc<MemoryStore>,
    channel: Arc<ScriptedChannel>,
    clock: Arc<ManualClock>,
    pool: LocalPool,
    _stop: oneshot::Sender<()>,
    said: Vec<String>,
}

impl Desk {
    fn open(
        flow: FlowDefinition,
        behaviour: Behaviour,
        with: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let channel = Arc::new(ScriptedChannel::new("test"));
        let bot = Bot::new("bot", flow).behaviour(behaviour);
        let worker = Worker::builder(store.clone(), clock.clone()).bot(&bot, channel.clone());
        let worker = Arc::new(with(worker).build().unwrap());
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
            clock,
            pool,
            _stop: stop,
            said: Vec::new(),
        }
    }

    fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("test", "anna"))
    }

    fn says(&mut self, key: &str, message: impl Into<Message>) {
        let said = self.channel.says("anna", key, message);
        block_on(self.worker.receive(said)).unwrap();
        self.passes();
    }

    /// A day passes, in which every try and every limit has its time.
    fn passes(&mut self) {
        self.pool.run_until_stalled();
        for _ in 0..24 * 60 {
            self.clock.advance(Duration::from_secs(60));
            self.pool.run_until_stalled();
        }
        let sent = self.channel.take().into_iter();
        self.said
            .extend(sent.map(|sent| sent.message.text().to_owned()));
    }

    fn snapshot(&self) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    fn route_reason(&self) -> Option<RouteReason> {
        let journal = block_on(self.store.journal(Self::dialog(), 0, 1000)).unwrap();
        let facts = journal
            .iter()
            .flat_map(|turn| codec::decode::<Vec<Fact>>(&turn.body).unwrap());
        facts
            .filter_map(|fact| match fact {
                Fact::RouteChosen { why, .. } => Some(why),
                _ => None,
            })
            .last()
    }

    /// Nothing waits any more, for whatever reason.
    fn assert_nothing_hangs(&self, what: &str) {
        let snapshot = self.snapshot();
        assert_eq!(snapshot.call, None, "{what}");
        assert!(snapshot.side_calls.is_empty(), "{what}");
        assert!(snapshot.held.is_empty(), "{what}");
        assert!(snapshot.outgoing.is_empty(), "{what}");
        let outbox = block_on(self.store.outbox(Self::dialog())).unwrap();
        let waiting = outbox
            .iter()
            .filter(|entry| !matches!(entry.state, chatflow_core::DeliveryState::Dead));
        assert_eq!(waiting.count(), 0, "{what}: the outbox is empty");
    }
}

/// All asked under one key, as often as they were asked.
fn assert_one_key<Q, A>(script: &Script<Q, A>, way: Way) {
    let mut keys: Vec<_> = script
        .take_asked()
        .into_iter()
        .map(|asked| asked.key)
        .collect();
    assert!(!keys.is_empty(), "{way:?}: somebody was asked");
    keys.dedup();
    assert_eq!(keys.len(), 1, "{way:?}: a call has one key");
}

/// A question, the step that asks the outside, and a word for each of its ways out.
fn around(step: impl Into<chatflow_core::StepKind>, exits: &[&str]) -> FlowDefinition {
    let mut flow = FlowBuilder::new("any", 1)
        .step("ask", Ask::text("What?"))
        .step("outside", step);
    for exit in exits {
        flow = flow.exit(*exit, format!("{exit}_said"));
    }
    for exit in exits {
        flow = flow
            .step(format!("{exit}_said"), SendMessage::text(*exit))
            .finish(chatflow_core::FinishStatus::Waiting);
    }
    flow.build().unwrap()
}

fn large() -> String {
    "long ".repeat(30_000)
}

#[test]
fn fl_05_a_model_that_cannot_choose_leads_to_the_fallback() {
    for way in WAYS {
        let model = Arc::new(ScriptedModel::new());
        way.plan(
            &model,
            ModelReply::new("branch 9"),
            ModelReply::new(large()),
        );
        let step = AiRoute::new()
            .branch("buy", "wants to buy")
            .branch("sell", "wants to sell");
        let flow = around(step, &["buy", "sell", "otherwise"]);
        let flow = FlowDefinition {
            entry: "outside".into(),
            ..flow
        };
        let mut desk = Desk::open(flow, Behaviour::default(), |worker| {
            worker.model(model.clone())
        });
        desk.says("1", "hello");
        assert_eq!(desk.said, ["otherwise"], "{way:?}");
        let reason = desk.route_reason().unwrap();
        let invalid = matches!(way, Way::Nonsense);
        assert_eq!(
            reason == RouteReason::Invalid,
            invalid,
            "{way:?}: {reason:?}"
        );
        assert_one_key(&model, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn st_15_ai_02_a_model_that_cannot_write_shows_error_and_nothing_else() {
    for way in WAYS {
        let model = Arc::new(ScriptedModel::new());
        way.plan(&model, ModelReply::new("  "), ModelReply::new(large()));
        let flow = around(AiReply::to("an order"), &["next"]);
        let mut desk = Desk::open(flow, Behaviour::default(), |worker| {
            worker.model(model.clone())
        });
        desk.says("1", "hello");
        desk.says("2", "a lamp");
        assert_eq!(desk.said, ["What?"], "{way:?}");
        let snapshot = desk.snapshot();
        assert_eq!(snapshot.shown_status().kind, StatusKind::Error, "{way:?}");
        assert_eq!(snapshot.position.as_ref().unwrap().step.as_str(), "outside");
        let failure = snapshot
            .failure
            .as_ref()
            .map(Text::as_str)
            .unwrap_or_default();
        assert!(!failure.is_empty(), "{way:?}: people can read why");
        if way == Way::Refused {
            assert_eq!(failure, "closed today");
        }
        assert_one_key(&model, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn fl_10_a_service_that_fails_takes_the_way_for_it() {
    for way in WAYS {
        let webhooks = Arc::new(ScriptedWebhooks::new());
        let answer = |status, body: &str| WebhookResponse {
            status,
            body: body.into(),
        };
        way.plan(&webhooks, answer(404, "gone"), answer(200, &large()));
        let step = Webhook::to("https://shop.example/orders");
        let flow = around(step, &["next", "failure", "timeout"]);
        let with = |worker: WorkerBuilder| worker.webhooks(webhooks.clone());
        let mut desk = Desk::open(flow, Behaviour::default(), with);
        desk.says("1", "hello");
        desk.says("2", "a lamp");
        let out = match way {
            Way::TimedOut | Way::Never => "timeout",
            _ => "failure",
        };
        assert_eq!(desk.said, ["What?", out], "{way:?}");
        assert_one_key(&webhooks, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn another_platform_that_fails_takes_the_way_for_it() {
    for way in WAYS {
        let other = Arc::new(ScriptedBot::new());
        let long = BotReply {
            messages: vec![large().into()],
            done: None,
        };
        // It answers nothing that makes no sense: silence without an end is a failure to nobody.
        if way == Way::Nonsense {
            continue;
        }
        way.plan(&other, BotReply::default(), long);
        let flow = around(PassToBot::at("other"), &["next", "handoff", "failure"]);
        let with = |worker: WorkerBuilder| worker.external_bot("other", other.clone());
        let mut desk = Desk::open(flow, Behaviour::default(), with);
        desk.says("1", "hello");
        desk.says("2", "a lamp");
        assert_eq!(desk.said, ["What?", "failure"], "{way:?}");
        assert_one_key(&other, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn fl_38_a_membership_that_nobody_can_tell_takes_the_way_for_it() {
    for way in WAYS {
        let port = Arc::new(ScriptedPort::new());
        way.plan(&port, Value::from("perhaps"), Value::from(large()));
        let flow = around(
            Membership::of("@news"),
            &["member", "not_member", "unknown"],
        );
        let with = |worker: WorkerBuilder| worker.port("membership", port.clone());
        let mut desk = Desk::open(flow, Behaviour::default(), with);
        desk.says("1", "hello");
        desk.says("2", "a lamp");
        assert_eq!(desk.said, ["What?", "unknown"], "{way:?}");
        assert_one_key(&port, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn ai_08_media_that_cannot_be_read_go_to_a_person() {
    for way in WAYS {
        let ears = Arc::new(ScriptedRecognizer::new());
        way.plan(
            &ears,
            vec!["one".into(), "two".into()],
            vec![large().into()],
        );
        let behaviour = Behaviour {
            recogniser: Some("ears".to_owned()),
            ..Behaviour::default()
        };
        let flow = around(Ask::text("And then?"), &["next"]);
        let with = |worker: WorkerBuilder| worker.recogniser("ears", ears.clone());
        let mut desk = Desk::open(flow, behaviour, with);
        desk.says("1", "hello");
        desk.says(
            "2",
            Message::media_of(Media::new(MediaKind::Voice, "voice-1")),
        );
        assert_eq!(desk.said, ["What?"], "{way:?}");
        let snapshot = desk.snapshot();
        assert_eq!(snapshot.shown_status().kind, StatusKind::Manual, "{way:?}");
        assert_eq!(snapshot.position.unwrap().step.as_str(), "ask", "{way:?}");
        assert_one_key(&ears, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn ai_09_what_cannot_be_translated_is_sent_as_it_is_and_in_order() {
    for way in WAYS {
        let translator = Arc::new(ScriptedTranslator::new());
        way.plan(&translator, Vec::new(), vec![large().into()]);
        let behaviour = Behaviour {
            translation: Some(TranslationSettings {
                ours: "en".to_owned(),
                theirs: Some("es".to_owned()),
            }),
            ..Behaviour::default()
        };
        let flow = around(Ask::text("And then?"), &["next"]);
        let with = |worker: WorkerBuilder| worker.translator(translator.clone());
        let mut desk = Desk::open(flow, behaviour, with);
        desk.says("1", "hola");
        desk.says("2", "una lampara");
        assert_eq!(desk.said, ["What?", "And then?"], "{way:?}");
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}

#[test]
fn ai_11_advice_that_nobody_can_give_changes_nothing() {
    for way in WAYS {
        let model = Arc::new(ScriptedModel::new());
        way.plan(&model, ModelReply::new(""), ModelReply::new(large()));
        let flow = around(Ask::text("And then?"), &["next"]);
        let mut desk = Desk::open(flow, Behaviour::default(), |worker| {
            worker.model(model.clone())
        });
        desk.says("1", "hello");
        let act = OperatorAct::Advise {
            language: Some("en".to_owned()),
        };
        let event = Event::operator("a", "anna", act);
        block_on(desk.worker.handle(Desk::dialog(), &event)).unwrap();
        desk.passes();
        let snapshot = desk.snapshot();
        assert_eq!(snapshot.advice, None, "{way:?}");
        assert_eq!(snapshot.shown_status().kind, StatusKind::Auto, "{way:?}");
        assert_eq!(desk.said, ["What?"], "{way:?}");
        assert_one_key(&model, way);
        desk.assert_nothing_hangs(&format!("{way:?}"));
    }
}
