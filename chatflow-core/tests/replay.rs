//! A stored journal gives the stored snapshot again, or says exactly why it can't.

use std::collections::BTreeMap;
use std::sync::Arc;

use chatflow_core::{
    Address, Bot, Config, ConfigError, ConfigHash, ContactView, Engine, Event, Fact, FlowBuilder,
    FlowDefinition, Message, Outcome, ProblemKind, ReplayError, Revision, SendMessage, Snapshot,
    Step, StepContext, codec, replay, time,
};

/// Counts messages; a newer revision of the code counts in twos.
struct Counts {
    revision: u32,
}

impl Step for Counts {
    fn kind(&self) -> &'static str {
        "counts"
    }

    fn revision(&self) -> u32 {
        self.revision
    }

    fn receive(&self, _: &Message, step: &mut StepContext<'_>) -> Outcome {
        let so_far = step
            .data("count")
            .and_then(|count| count.as_integer())
            .unwrap_or(0);
        step.set("count", so_far + i64::from(self.revision));
        step.say(format!("{so_far}"));
        Outcome::Wait
    }
}

fn counting(revision: u32) -> Arc<Config> {
    let flow = FlowBuilder::new("counting", 1)
        .step("count", Counts { revision })
        .build()
        .unwrap();
    Arc::new(Bot::new("bot", flow).compile().unwrap())
}

/// A dialog under way, with what a store would keep of it.
struct Kept {
    snapshot: Snapshot,
    turns: Vec<(Revision, Vec<u8>)>,
    definitions: BTreeMap<ConfigHash, Vec<u8>>,
}

impl Kept {
    fn new(config: &Config) -> Self {
        let address = Address::new("test", "anna");
        let contact = ContactView {
            revision: 1,
            ..ContactView::default()
        };
        let snapshot = config.open(address, contact, time::from_millis(0));
        Self {
            snapshot,
            turns: Vec::new(),
            definitions: BTreeMap::new(),
        }
    }

    fn hears(&mut self, config: &Config, texts: &[&str]) {
        for definition in config.definitions() {
            self.definitions
                .insert(definition.hash, definition.body.clone());
        }
        for text in texts {
            let n = self.snapshot.revision + 1;
            let event = Event::message(format!("{n}"), *text);
            let now = time::from_millis(1_000 * i64::try_from(n).unwrap());
            let turn = Engine::handle(config, self.snapshot.clone(), &event, now).unwrap();
            self.turns.push((n, turn.encode_journal().unwrap()));
            // What a store gives back is what the next turn starts from.
            self.snapshot = Snapshot::decode(&turn.snapshot.encode().unwrap()).unwrap();
        }
    }

    /// Replays from the kept bytes alone, with this code registered.
    fn replays(&self, code: &[Arc<Config>]) -> Result<(Revision, Revision), ReplayError> {
        let bytes = self.snapshot.encode().unwrap();
        let stored = |hash| self.definitions.get(&hash).cloned();
        let load = |hash| Config::load(hash, stored, code).map(Arc::new);
        replay(self.snapshot.dialog, &self.turns, &bytes, load).map(|done| (done.from, done.to))
    }
}

#[test]
fn it_needs_the_rows_and_the_code_and_nothing_else() {
    let config = counting(1);
    let mut kept = Kept::new(&config);
    kept.hears(&config, &["a", "b", "c"]);
    assert_eq!(kept.replays(&[counting(1)]).unwrap(), (1, 3));
}

#[test]
fn code_that_is_not_registered_is_missing_never_a_mismatch() {
    let config = counting(1);
    let mut kept = Kept::new(&config);
    kept.hears(&config, &["a"]);
    for code in [vec![], vec![counting(2)]] {
        let Err(ReplayError::Config {
            turn: 1,
            source: ConfigError::Flow(error),
        }) = kept.replays(&code)
        else {
            panic!("the code is not here")
        };
        assert!(
            matches!(error.problems()[0].kind, ProblemKind::CodeMissing(_)),
            "{error}"
        );
    }
}

#[test]
fn a_new_code_revision_writes_a_checkpoint_and_the_old_code_may_go() {
    let (old, new) = (counting(1), counting(2));
    let mut kept = Kept::new(&old);
    kept.hears(&old, &["a", "b"]);
    kept.hears(&new, &["c", "d"]);
    let checkpoints = |kept: &Kept| -> Vec<Revision> {
        let holds = |body: &Vec<u8>| {
            let facts: Vec<Fact> = codec::decode(body).unwrap();
            matches!(facts[1], Fact::Checkpoint(_))
        };
        kept.turns
            .iter()
            .filter(|(_, body)| holds(body))
            .map(|(turn, _)| *turn)
            .collect()
    };
    assert_eq!(checkpoints(&kept), [1, 3]);
    assert_eq!(
        kept.replays(&[new]).unwrap(),
        (3, 4),
        "only the new code is here"
    );
}

fn saying(version: u32, text: &str) -> FlowDefinition {
    FlowBuilder::new("saying", version)
        .step("say", SendMessage::text(text))
        .finish(chatflow_core::FinishStatus::Waiting)
        .step(
            "again",
            chatflow_core::KeywordRouter::new().route("on", ["on"]),
        )
        .exit("on", "say")
        .exit("otherwise", "say")
        .build()
        .unwrap()
}

#[test]
fn a_dialog_goes_on_in_its_version_and_replays_over_several_configs() {
    let one = Bot::new("bot", saying(1, "one")).compile().unwrap();
    let both = Bot::new("bot", saying(1, "one"))
        .flow(saying(2, "two"))
        .compile()
        .unwrap();
    assert_ne!(one.hash(), both.hash());
    let mut kept = Kept::new(&one);
    kept.hears(&one, &["a", "b"]);
    kept.hears(&both, &["c"]);
    assert_eq!(kept.snapshot.position.as_ref().unwrap().version, 1);
    let mut newcomer = Kept::new(&both);
    newcomer.hears(&both, &["a"]);
    assert_eq!(
        newcomer.snapshot.position.as_ref().unwrap().version,
        2,
        "the newest is entered"
    );
    assert_eq!(
        kept.replays(&[]).unwrap(),
        (1, 3),
        "no code of a host is in it"
    );
    assert_eq!(newcomer.replays(&[]).unwrap(), (1, 1));
}

#[test]
fn what_was_tampered_with_is_named() {
    let config = counting(1);
    let mut kept = Kept::new(&config);
    kept.hears(&config, &["a", "b", "c"]);
    let code = [counting(1)];

    let mut other = Kept {
        turns: kept.turns.clone(),
        ..Kept::new(&config)
    };
    other.definitions.clone_from(&kept.definitions);
    other.snapshot = kept.snapshot.clone();
    other.snapshot.data.insert("count".to_owned(), 99.into());
    assert!(matches!(
        other.replays(&code),
        Err(ReplayError::Snapshot { turn: 3 })
    ));

    let mut facts: Vec<Fact> = codec::decode(&kept.turns[1].1).unwrap();
    facts.pop();
    let mut other = Kept {
        turns: kept.turns.clone(),
        ..other
    };
    other.snapshot = kept.snapshot.clone();
    other.turns[1].1 = codec::encode(&facts).unwrap();
    let found = other.replays(&code);
    assert!(
        matches!(found, Err(ReplayError::Mismatch { turn: 2, .. })),
        "{found:?}"
    );

    let mut other = Kept {
        turns: kept.turns.clone(),
        ..other
    };
    other.turns.remove(0);
    assert!(matches!(
        other.replays(&code),
        Err(ReplayError::NoCheckpoint { .. })
    ));
    let mut other = Kept {
        turns: kept.turns.clone(),
        ..other
    };
    other.turns[2].1.truncate(9);
    assert!(matches!(
        other.replays(&code),
        Err(ReplayError::Decode { turn: 3, .. })
    ));
    let mut other = Kept {
        turns: kept.turns.clone(),
        ..other
    };
    other.definitions.clear();
    let found = other.replays(&code);
    let missing = matches!(
        found,
        Err(ReplayError::Config {
            turn: 1,
            source: ConfigError::NotStored { .. }
        })
    );
    assert!(missing, "{found:?}");
}

#[test]
fn another_law_is_said_to_be_one() {
    let config = counting(1);
    let mut kept = Kept::new(&config);
    kept.hears(&config, &["a"]);
    let mut facts: Vec<Fact> = codec::decode(&kept.turns[0].1).unwrap();
    if let Fact::Input { law, .. } = &mut facts[0] {
        *law = 99;
    }
    kept.turns[0].1 = codec::encode(&facts).unwrap();
    let found = kept.replays(&[counting(1)]);
    assert!(
        matches!(found, Err(ReplayError::OtherLaw { turn: 1, law: 99 })),
        "{found:?}"
    );
}
