//! A dialog that asked models, services, translators and recognisers, over several configs and a
//! checkpoint, is replayed from its journal alone: nobody is asked, and the bytes are the stored
//! ones.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{
    ManualClock, ScriptedChannel, ScriptedModel, ScriptedRecognizer, ScriptedTranslator,
    ScriptedWebhooks, block_on,
};
use chatflow_core::{
    Address, AiReply, AiRoute, AiSettings, Amount, Ask, Behaviour, Bot, Config, ConfigHash,
    DialogId, Event, Fact, FlowBuilder, FlowDefinition, FlowVersion, Media, MediaKind, MemoryStore,
    Message, ModelReply, OperatorAct, Outcome, Price, Revision, SendMessage, Snapshot,
    StatusChoice, Step, StepContext, Store, Text, TranslationSettings, Typing, Upgrade, Webhook,
    WebhookResponse, Worker, codec, replay,
};

/// Code of the host's; a newer revision makes a checkpoint.
struct Note {
    revision: u32,
}

impl Step for Note {
    fn kind(&self) -> &'static str {
        "note"
    }

    fn revision(&self) -> u32 {
        self.revision
    }

    fn enter(&self, step: &mut StepContext<'_>) -> Outcome {
        step.set("noted", i64::from(self.revision));
        Outcome::next()
    }

    fn receive(&self, _: &Message, _: &mut StepContext<'_>) -> Outcome {
        Outcome::next()
    }
}

fn flow(version: FlowVersion) -> FlowDefinition {
    let mut flow = FlowBuilder::new("desk", version)
        .step("ask", Ask::text("What can we do?").save("wish"))
        .step("note", Note { revision: version })
        .step(
            "route",
            AiRoute::new()
                .branch("order", "wants to order")
                .branch("talk", "wants to talk"),
        )
        .exit("otherwise", "talk")
        .step("talk", AiReply::to("a friendly word"))
        .exit("next", "ask")
        .step(
            "order",
            Webhook::to("https://shop.example/orders")
                .form("wish", "{{ wish }}")
                .save("answer"),
        )
        .exit("failure", "sorry")
        .exit("timeout", "sorry")
        .step("done", SendMessage::text("Ordered: {{ answer }}."))
        .exit("next", "ask")
        .step("sorry", SendMessage::text("Not today."))
        .exit("next", "ask");
    if version > 1 {
        flow = flow.upgrade(Upgrade::RestartStep);
    }
    flow.build().unwrap()
}

fn bot(version: FlowVersion) -> Bot {
    let amount = |text: &str| Amount(text.parse().unwrap());
    let behaviour = Behaviour {
        recogniser: Some("ears".to_owned()),
        translation: Some(TranslationSettings {
            ours: "en".to_owned(),
            theirs: Some("es".to_owned()),
        }),
        typing: Some(Typing {
            characters_per_second: 10,
            longest: Duration::from_secs(5).into(),
        }),
        ai: AiSettings {
            model: Some("m".to_owned()),
            prices: [(
                "m".to_owned(),
                Price {
                    input: amount("0.15"),
                    output: amount("0.6"),
                },
            )]
            .into(),
            ..AiSettings::default()
        },
        ..Behaviour::default()
    };
    Bot::new("bot", flow(version)).behaviour(behaviour)
}

struct Desk {
    worker: Worker,
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    channel: Arc<ScriptedChannel>,
    key: u32,
}

impl Desk {
    fn says(&mut self, message: impl Into<Message>) {
        self.key += 1;
        let said = self.channel.says("anna", format!("k{}", self.key), message);
        block_on(self.worker.receive(said)).unwrap();
        self.passes();
    }

    /// Some minutes: everybody answers, and what is typed is sent.
    fn passes(&self) {
        for _ in 0..20 {
            block_on(self.worker.step()).unwrap();
            self.clock.advance(Duration::from_secs(10));
        }
    }

    fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("test", "anna"))
    }
}

#[test]
fn ai_15_a_journal_with_models_and_services_replays_without_asking_anybody() {
    let model = Arc::new(ScriptedModel::new());
    model.answering(|request| {
        let text = match &request.purpose {
            chatflow_core::ModelPurpose::Route(_) => "order",
            _ => "You are welcome.",
        };
        Ok(ModelReply::new(text).used(1000, 200))
    });
    let webhooks = Arc::new(ScriptedWebhooks::new());
    webhooks.answering(|_| {
        Ok(WebhookResponse {
            status: 200,
            body: "lamp 7".into(),
        })
    });
    let translator = Arc::new(ScriptedTranslator::new());
    translator.answering(|request| {
        let texts = request.texts.iter();
        Ok(texts
            .map(|text| format!("[{}]", text.as_str()).into())
            .collect())
    });
    let ears = Arc::new(ScriptedRecognizer::new());
    ears.answering(|_| Ok(vec![Text::from("a lamp, please")]));

    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&bot(1), channel.clone())
        .model(model.clone())
        .webhooks(webhooks.clone())
        .translator(translator.clone())
        .recogniser("ears", ears.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    let mut desk = Desk {
        worker,
        store,
        clock,
        channel,
        key: 0,
    };
    for version in 1..=4 {
        if version > 1 {
            block_on(desk.worker.deploy(&bot(version))).unwrap();
            desk.passes();
        }
        desk.says("hola");
        desk.says("una lampara");
        desk.says("quiero pedir");
        desk.says(Message::media_of(Media::new(MediaKind::Voice, "v")));
        let advise = OperatorAct::Advise { language: None };
        let give_back = OperatorAct::set(Some(StatusChoice::Auto), None);
        for (n, act) in [OperatorAct::Take, advise, give_back]
            .into_iter()
            .enumerate()
        {
            let event = Event::operator(format!("v{version}-{n}"), "olga", act);
            block_on(desk.worker.handle(Desk::dialog(), &event)).unwrap();
            desk.passes();
        }
    }
    let asked = || {
        [
            model.times_asked(),
            webhooks.times_asked(),
            translator.times_asked(),
            ears.times_asked(),
        ]
    };
    let before = asked();
    assert!(
        before.iter().all(|&times| times > 2),
        "all were asked: {before:?}"
    );

    let loaded = block_on(desk.store.load(Desk::dialog())).unwrap().unwrap();
    let journal = block_on(desk.store.journal(Desk::dialog(), 0, 1000)).unwrap();
    let turns: Vec<(Revision, Vec<u8>)> = journal
        .into_iter()
        .map(|turn| (turn.revision, turn.body))
        .collect();
    // The code of every revision is still there; the stored definitions name it.
    let code: Vec<Arc<Config>> = (1..=4)
        .map(|version| Arc::new(bot(version).compile().unwrap()))
        .collect();
    let mut configs = BTreeSet::new();
    let mut load = |hash: ConfigHash| {
        configs.insert(hash.to_string());
        let stored = |hash| block_on(desk.store.definition(hash)).unwrap();
        Config::load(hash, stored, &code).map(Arc::new)
    };
    let replayed = replay(Desk::dialog(), &turns, &loaded.snapshot, &mut load).unwrap();
    assert_eq!(replayed.to, loaded.revision);

    // The newest checkpoint was made by the newest code. What was before it is replayed up to each
    // checkpoint, which holds the snapshot that must come out.
    let mut end = turns.len();
    let mut checkpoints = 0;
    while let Some(at) = turns[..end].iter().rposition(|(_, body)| {
        let facts: Vec<Fact> = codec::decode(body).unwrap();
        matches!(facts.get(1), Some(Fact::Checkpoint(_)))
    }) {
        checkpoints += 1;
        if at == 0 {
            break;
        }
        let facts: Vec<Fact> = codec::decode(&turns[at].1).unwrap();
        let Some(Fact::Checkpoint(snapshot)) = facts.get(1) else {
            unreachable!("it was found by that");
        };
        let snapshot: &Snapshot = snapshot;
        let bytes = snapshot.encode().unwrap();
        replay(Desk::dialog(), &turns[..at], &bytes, &mut load).unwrap();
        end = at;
    }
    assert!(checkpoints >= 4, "{checkpoints} checkpoints");
    assert!(configs.len() >= 4, "{} configs", configs.len());
    assert_eq!(asked(), before, "nobody was asked again");
}
