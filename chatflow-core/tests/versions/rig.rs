//! One dialog and the engine, with configs that change under it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::{
    Address, Automation, Bot, Config, ConfigHash, ContactView, EffectBody, Engine, Event,
    EventBody, Fact, FlowDefinition, Moment, OperatorAct, Phase, Refusal, Snapshot, StatusChoice,
    StepTarget, UpgradeKind, replay, time,
};

/// A dialog whose snapshot is stored and read again between every two turns.
pub(crate) struct Talk {
    pub(crate) config: Arc<Config>,
    pub(crate) snapshot: Snapshot,
    pub(crate) now: Moment,
    pub(crate) facts: Vec<Fact>,
    turns: Vec<(u64, Vec<u8>)>,
    configs: BTreeMap<ConfigHash, Arc<Config>>,
}

impl Talk {
    pub(crate) fn new(bot: &Bot) -> Self {
        let config = Arc::new(bot.compile().unwrap());
        let now = time::from_millis(0);
        let address = Address::new("test", "anna");
        Self {
            snapshot: config.open(address, ContactView::default(), now),
            configs: BTreeMap::from([(config.hash(), Arc::clone(&config))]),
            config,
            now,
            facts: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// Lets the bot go on as another; nobody is told yet.
    pub(crate) fn becomes(&mut self, bot: &Bot) {
        self.config = Arc::new(bot.compile().unwrap());
        let config = Arc::clone(&self.config);
        self.configs.insert(config.hash(), config);
    }

    /// The same, and the dialog is told. What is said to the contact.
    pub(crate) fn deploys(&mut self, bot: &Bot) -> Vec<String> {
        self.becomes(bot);
        self.told().unwrap_or_default()
    }

    pub(crate) fn told(&mut self) -> Result<Vec<String>, Refusal> {
        self.try_event(EventBody::Deployed)
    }

    /// What is said when the contact writes.
    pub(crate) fn says(&mut self, text: &str) -> Vec<String> {
        self.event(EventBody::MessageReceived(text.into()))
    }

    pub(crate) fn acts(&mut self, act: OperatorAct) -> Vec<String> {
        let operator = "olga".into();
        self.event(EventBody::OperatorActed { operator, act })
    }

    pub(crate) fn sets(&mut self, status: StatusChoice) -> Vec<String> {
        self.acts(OperatorAct::set(Some(status), None))
    }

    pub(crate) fn picks(&mut self, step: &str) -> Vec<String> {
        self.acts(OperatorAct::set(None, Some(StepTarget::step(step))))
    }

    /// Fires a timer at its time.
    pub(crate) fn fires(&mut self, name: &str) -> Vec<String> {
        let timer = self.snapshot.timers[name].clone();
        self.now = self.now.max(timer.due);
        let (name, generation) = (name.to_owned(), timer.generation);
        self.event(EventBody::TimerFired { name, generation })
    }

    pub(crate) fn event(&mut self, body: EventBody) -> Vec<String> {
        self.try_event(body).unwrap()
    }

    pub(crate) fn try_event(&mut self, body: EventBody) -> Result<Vec<String>, Refusal> {
        self.now += Duration::from_secs(1);
        let key = format!("event {}", self.turns.len());
        let event = Event::new(key.as_str(), body);
        let snapshot = Snapshot::decode(&self.snapshot.encode().unwrap()).unwrap();
        let transition = Engine::handle(&self.config, snapshot, &event, self.now);
        let transition = transition.map_err(|refused| refused.reason)?;
        let journal = transition.encode_journal().unwrap();
        self.turns.push((transition.snapshot.revision, journal));
        self.snapshot = transition.snapshot;
        self.facts = transition.facts;
        let said = transition
            .effects
            .into_iter()
            .filter_map(|effect| match effect.body {
                EffectBody::Send(message) => Some(message.text().to_owned()),
                _ => None,
            });
        let said = said.collect();
        self.stands_somewhere();
        Ok(said)
    }

    /// The rule that all this is for.
    pub(crate) fn stands_somewhere(&self) {
        if let Some(at) = &self.snapshot.position {
            let stored = self.config.definitions().iter();
            let flows = stored.filter_map(|definition| {
                chatflow_core::codec::decode::<FlowDefinition>(&definition.body).ok()
            });
            let mut flows = flows.filter(|flow| flow.id == at.flow && flow.version == at.version);
            let is_there = flows.any(|flow| flow.steps.iter().any(|step| step.name == at.step));
            assert!(is_there, "{at:?} doesn't exist");
        }
        let missing = Automation::Error(chatflow_core::ErrorKind::StepMissing);
        assert_ne!(self.snapshot.automation, missing);
    }

    /// `flow 2 step`, where it stands.
    pub(crate) fn place(&self) -> String {
        self.snapshot.position.as_ref().map_or_else(
            || "nowhere".to_owned(),
            |at| format!("{} {} {}", at.flow, at.version, at.step),
        )
    }

    pub(crate) fn phase(&self) -> Phase {
        self.snapshot.position.as_ref().unwrap().phase.clone()
    }

    /// How it left versions in the last turn.
    pub(crate) fn left(&self) -> Vec<UpgradeKind> {
        let facts = self.facts.iter();
        facts
            .filter_map(|fact| match fact {
                Fact::VersionLeft { policy, .. } => Some(*policy),
                _ => None,
            })
            .collect()
    }

    /// All turns give the same bytes again, over all configs.
    pub(crate) fn replays(&self) {
        if self.turns.is_empty() {
            return;
        }
        let stored = self.snapshot.encode().unwrap();
        let replayed = replay(self.snapshot.dialog, &self.turns, &stored, |hash| {
            Ok(Arc::clone(&self.configs[&hash]))
        });
        assert_eq!(replayed.unwrap().turns, self.snapshot.revision);
    }
}
