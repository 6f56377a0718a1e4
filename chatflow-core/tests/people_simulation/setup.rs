//! What a seed gives: people, queues and bots with their rules.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::time::Period;
use chatflow_core::{
    Acceptance, Assign, AvailableBy, Behaviour, Bot, BotAnswers, BotId, Candidate, Enqueue,
    FinishStatus, FinishedInbound, FlowBuilder, FlowDefinition, KeywordRouter, OfflineReassign,
    OnComplete, OperatorId, OperatorWrite, Queue, QueueId, ReopenPolicy, Routing, RoutingRule,
    SendMessage, SpaceId, Store, TransferMode, Wait, WhenAway, Worker, WriteGuard,
};

use crate::chance::Chance;

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) operators: usize,
    pub(crate) contacts: usize,
    pub(crate) workers: usize,
    /// How often people act and the world then comes to rest.
    pub(crate) phases: usize,
    /// What contacts say in a phase, and what operators do.
    pub(crate) says: usize,
    pub(crate) acts: usize,
    /// Tasks under way at once.
    pub(crate) width: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self {
        operators: 50,
        contacts: 5000,
        workers: 8,
        phases: 6,
        says: 1500,
        acts: 1000,
        width: 64,
    };

    /// As much of that as fits in a minute of an unoptimised build.
    pub(crate) const LARGE: Self = Self {
        contacts: 600,
        phases: 4,
        says: 500,
        acts: 400,
        ..Self::FULL
    };

    /// One of those of which a thousand are run.
    pub(crate) fn small(seed: u64) -> Self {
        let mut chance = Chance::new(!seed);
        Self {
            operators: chance.between(3, 6),
            contacts: chance.between(5, 20),
            workers: chance.between(2, 4),
            phases: 3,
            says: chance.between(4, 8),
            acts: chance.between(6, 14),
            width: chance.between(3, 12),
        }
    }
}

/// A bot with where its contacts write.
pub(crate) struct Place {
    pub(crate) id: BotId,
    pub(crate) space: SpaceId,
    pub(crate) bot: Bot,
    pub(crate) behaviour: Behaviour,
    pub(crate) channel: Arc<ScriptedChannel>,
}

pub(crate) struct Setup {
    pub(crate) size: Size,
    pub(crate) spaces: Vec<SpaceId>,
    /// The same in each space.
    pub(crate) operators: Vec<OperatorId>,
    pub(crate) queues: Vec<QueueId>,
    pub(crate) rules: Vec<Queue>,
    pub(crate) places: Vec<Place>,
}

/// A host's rule: whoever comes last in the alphabet, and the one before him.
struct FromTheEnd;

impl Routing for FromTheEnd {
    fn choose(&self, _: &Wait, candidates: &[Candidate]) -> Vec<OperatorId> {
        let last = candidates.iter().rev().take(2);
        last.map(|one| one.operator.id.clone()).collect()
    }
}

impl Setup {
    pub(crate) fn new(size: Size, chance: &mut Chance) -> Self {
        let operators: Vec<OperatorId> = (0..size.operators)
            .map(|n| format!("op{n:02}").into())
            .collect();
        let queue_count = match size.operators {
            0..10 => chance.between(1, 3),
            _ => 8,
        };
        let queues: Vec<QueueId> = (0..queue_count).map(|n| format!("q{n}").into()).collect();
        let mut spaces = vec![SpaceId::from("main")];
        if chance.percent(60) {
            spaces.push("other".into());
        }
        let mut rules = Vec::new();
        for space in &spaces {
            for queue in &queues {
                let mut rule = Queue::new(space.clone(), queue.clone());
                for operator in &operators {
                    if chance.percent(60) {
                        rule.members.insert(operator.clone());
                    }
                }
                change_rules(&mut rule, &queues, chance);
                rules.push(rule);
            }
        }
        let in_main = chance.between(1, 2);
        let of_main = (0..in_main).map(|n| (format!("bot{n}"), spaces[0].clone()));
        let of_other = spaces[1..]
            .iter()
            .map(|space| ("elsewhere".to_owned(), space.clone()));
        let places: Vec<(String, SpaceId)> = of_main.chain(of_other).collect();
        let places = places.into_iter();
        let places = places.map(|(name, space)| place(name, space, &operators, &queues, chance));
        Self {
            size,
            places: places.collect(),
            spaces,
            operators,
            queues,
            rules,
        }
    }

    /// A worker as it runs in production: of all bots, over a store that others share.
    pub(crate) fn worker(&self, store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Worker {
        let mut worker = Worker::builder(store, clock)
            .routing("from_the_end", Arc::new(FromTheEnd))
            .presence_grace(Duration::from_secs(30));
        for place in &self.places {
            worker = worker.bot(&place.bot, place.channel.clone());
        }
        worker.build().expect("the bots are sound")
    }

    pub(crate) fn place_of(&self, bot: &BotId) -> &Place {
        let found = self.places.iter().find(|place| place.id == *bot);
        found.expect("only these bots exist")
    }
}

/// Draws what a queue does with its dialogs.
pub(crate) fn change_rules(queue: &mut Queue, queues: &[QueueId], chance: &mut Chance) {
    let custom = RoutingRule::Custom("from_the_end".to_owned());
    queue.rule = chance
        .pick(&[
            RoutingRule::RoundRobin,
            RoutingRule::LeastLoaded,
            RoutingRule::Everybody,
            custom,
        ])
        .clone();
    queue.acceptance = *chance.pick(&[
        Acceptance::AtOnce,
        Acceptance::Offer { within: None },
        Acceptance::Offer {
            within: Some(Period::from_millis(20_000)),
        },
        Acceptance::Offer {
            within: Some(Period::from_millis(300_000)),
        },
    ]);
    queue.available_by = *chance.weighed(&[
        (5, AvailableBy::Declared),
        (2, AvailableBy::Presence),
        (2, AvailableBy::Both),
        (1, AvailableBy::Nothing),
    ]);
    queue.capacity = *chance.pick(&[None, Some(1), Some(2), Some(3)]);
    queue.complete_after = *chance.pick(&[None, None, Some(Period::from_millis(600_000))]);
    queue.offline = *chance.pick(&[
        OfflineReassign::Never,
        OfflineReassign::AllUnanswered,
        OfflineReassign::OnlyNewUnanswered,
    ]);
    let next = chance.pick(queues).clone();
    queue.when_away = match chance.percent(40) && next != queue.id {
        true => WhenAway::PassTo(next),
        false => WhenAway::Wait,
    };
    queue.busy_reply = chance.percent(30).then(|| "All are busy.".into());
    queue.away_reply = chance.percent(30).then(|| "Nobody is there.".into());
}

/// The words that the flow understands, and one that it doesn't. A matcher of short ones is built
/// sooner, and each worker builds its own.
/// Most of what is said leads to people.
pub(crate) const WORDS: [(usize, &str); 5] = [(4, "p"), (4, "q"), (1, "c"), (1, "b"), (2, "hm")];

fn flow(operator: &OperatorId, queue: &QueueId) -> FlowDefinition {
    FlowBuilder::new("front", 1)
        .step(
            "menu",
            KeywordRouter::new()
                .route("person", ["p"])
                .route("queue", ["q"])
                .route("colleague", ["c"])
                .route("bye", ["b"]),
        )
        .exit("otherwise", "say")
        .step("say", SendMessage::text("I see."))
        .exit("next", "menu")
        .step("person", SendMessage::text("One moment."))
        .finish(FinishStatus::Manual)
        .step("queue", Enqueue::into(queue.clone()))
        .step("colleague", Assign::to(operator.clone()))
        .step("bye", SendMessage::text("Bye."))
        .finish(FinishStatus::Finished)
        .build()
        .expect("the flow is sound")
}

fn place(
    name: String,
    space: SpaceId,
    operators: &[OperatorId],
    queues: &[QueueId],
    chance: &mut Chance,
) -> Place {
    let managers: BTreeSet<OperatorId> = match chance.percent(35) {
        true => (0..2).map(|_| chance.pick(operators).clone()).collect(),
        false => BTreeSet::new(),
    };
    let period = |seconds: u64| Period::from_millis(seconds * 1000);
    let behaviour = Behaviour {
        queue: chance.percent(80).then(|| chance.pick(queues).clone()),
        managers,
        operator_capacity: u32::try_from(chance.between(1, 4)).unwrap(),
        write_guard: *chance.pick(&[WriteGuard::AssigneeOrUnassigned, WriteGuard::AnyWithAccess]),
        bot_answers: *chance.pick(&[BotAnswers::ByStatus, BotAnswers::UnlessAssigned]),
        transfer: *chance.pick(&[TransferMode::Reassign, TransferMode::ChildSession]),
        reopen: *chance.pick(&[
            ReopenPolicy::Same,
            ReopenPolicy::New,
            ReopenPolicy::Within(period(120)),
        ]),
        on_complete: *chance.pick(&[OnComplete::Keep, OnComplete::ToBot]),
        complete_after: *chance.pick(&[None, Some(period(900))]),
        operator_write: *chance.pick(&[
            OperatorWrite::ToManual,
            OperatorWrite::KeepStatus,
            OperatorWrite::PauseFor(period(60)),
        ]),
        finished_inbound: *chance.pick(&[
            FinishedInbound::Stay,
            FinishedInbound::ToManual,
            FinishedInbound::RestartEntryFlow,
        ]),
        ..Behaviour::default()
    };
    let flow = flow(chance.pick(operators), chance.pick(queues));
    let bot = Bot::new(name.as_str(), flow)
        .space(space.clone())
        .behaviour(behaviour.clone());
    Place {
        id: BotId::from(name.as_str()),
        space,
        bot,
        behaviour,
        channel: Arc::new(ScriptedChannel::new(format!("channel of {name}"))),
    }
}
