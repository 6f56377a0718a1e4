//! A conversation that is played, and a dialog that is driven turn by turn.

use std::time::Duration;

use chatflow_core::testing::{Player, Scenario, block_on};
use chatflow_core::{
    Address, Bot, Config, ContactView, Engine, Event, EventBody, FlowFiles, Moment, Snapshot,
    Transition, time,
};

/// Plays the scenario with a bot of this flow, and panics with what differs.
#[track_caller]
pub(crate) fn holds(flow: &str, scenario: &str) {
    all_hold(&[flow], scenario);
}

/// The same with a bot of several flows; the first is its entry.
#[track_caller]
pub(crate) fn all_hold(flows: &[&str], scenario: &str) {
    let mut files = FlowFiles::new();
    for (n, flow) in flows.iter().enumerate() {
        files = files.read(format!("{n}.yaml"), flow.as_bytes());
    }
    let bot = files.bot("shop").unwrap_or_else(|error| panic!("{error}"));
    let scenario = Scenario::parse(scenario).unwrap_or_else(|error| panic!("{error}"));
    let played = block_on(Player::new(bot).play(&scenario));
    let played = played.unwrap_or_else(|error| panic!("{error}"));
    assert!(played.holds(), "\n{played}");
}

/// A dialog alone with the engine; each turn is one second after the last.
pub(crate) struct Talk {
    pub(crate) config: Config,
    pub(crate) snapshot: Snapshot,
    pub(crate) now: Moment,
    n: u32,
}

impl Talk {
    pub(crate) fn new(bot: &Bot) -> Self {
        let config = bot.compile().unwrap();
        let now = time::from_millis(0);
        let snapshot = config.open(Address::new("test", "anna"), ContactView::default(), now);
        Self {
            config,
            snapshot,
            now,
            n: 0,
        }
    }

    pub(crate) fn event(&mut self, body: EventBody) -> Transition {
        self.now += Duration::from_secs(1);
        self.n += 1;
        let event = Event::new(format!("e{}", self.n), body);
        let turn = Engine::handle(&self.config, self.snapshot.clone(), &event, self.now).unwrap();
        self.snapshot = turn.snapshot.clone();
        turn
    }

    pub(crate) fn says(&mut self, text: &str) -> Transition {
        self.event(EventBody::MessageReceived(text.into()))
    }
}
