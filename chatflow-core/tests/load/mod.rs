//! A bot whose flows change a hundred times under load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Behaviour, Bot, Clock, Config, ConfigHash, DialogId, ErrorKind, Event, Fact,
    FinishStatus, FinishedInbound, FlowBuilder, FlowDefinition, Inbound, Moment, OperatorAct,
    PAGE_MAX, Snapshot, StatusChoice, StepTarget, Store, Stranded, Upgrade, UpgradeKind,
    UpgradePlan, Worker, codec, replay,
};
use futures::executor::block_on;

/// How much is done.
pub(crate) struct Load {
    pub(crate) dialogs: u64,
    /// How many events come between two deploys, at least.
    pub(crate) events_between: u64,
    pub(crate) flips: u32,
    /// Whether no turn is under way while the plan is made and the flows are swapped.
    pub(crate) is_held: bool,
}

/// Holds the load while a plan is made, and lets it go with the first turn of the sweep: the clock
/// is asked for that, and for nothing before.
#[derive(Default)]
struct Gate {
    clock: ManualClock,
    /// [`OPEN`], [`CLOSING`] while what is under way ends, or [`HELD`].
    state: AtomicU8,
    under_way: Mutex<u64>,
    changed: Condvar,
    done: AtomicU64,
}

const OPEN: u8 = 0;
const CLOSING: u8 = 1;
const HELD: u8 = 2;

#[async_trait]
impl Clock for Gate {
    fn now(&self) -> Moment {
        let (from, to, order) = (HELD, OPEN, Ordering::SeqCst);
        if self.state.compare_exchange(from, to, order, order).is_ok() {
            let _under_way = self.under_way.lock().unwrap();
            self.changed.notify_all();
        }
        self.clock.now()
    }

    async fn sleep_until(&self, moment: Moment) {
        self.clock.sleep_until(moment).await;
    }
}

impl Gate {
    /// Does something of the load, unless it is held.
    fn pass<A>(&self, work: impl FnOnce() -> A) -> A {
        let mut under_way = self.under_way.lock().unwrap();
        while self.state.load(Ordering::SeqCst) != OPEN {
            under_way = self.changed.wait(under_way).unwrap();
        }
        *under_way += 1;
        drop(under_way);
        let _passed = Passed(self);
        work()
    }

    /// Holds the load, and waits for what is under way.
    fn hold(&self) {
        let mut under_way = self.under_way.lock().unwrap();
        self.state.store(CLOSING, Ordering::SeqCst);
        while *under_way > 0 {
            under_way = self.changed.wait(under_way).unwrap();
        }
        self.state.store(HELD, Ordering::SeqCst);
    }

    fn release(&self) {
        self.now();
    }

    /// Waits until so many more pieces of the load are done.
    fn wait_for(&self, more: u64) {
        let until = self.done.load(Ordering::SeqCst) + more;
        let mut under_way = self.under_way.lock().unwrap();
        while self.done.load(Ordering::SeqCst) < until {
            under_way = self.changed.wait(under_way).unwrap();
        }
    }
}

/// A piece of the load, until it is done or has panicked.
struct Passed<'a>(&'a Gate);

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        *self.0.under_way.lock().unwrap() -= 1;
        self.0.done.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_all();
    }
}

/// Ends the load when the deploys are over, also where one of them panicked.
struct End<'a>(&'a Gate, &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
        self.0.state.store(OPEN, Ordering::SeqCst);
        let _under_way = self.0.under_way.lock().unwrap();
        self.0.changed.notify_all();
    }
}

/// Edition `n` of the flow: its middle step has one of two names, and it does what its turn says
/// with dialogs in the editions before.
fn edition(n: u32) -> Bot {
    // Each pair of editions has one name.
    let middle = ["meal", "dish"][(n / 2 % 2) as usize];
    let upgrade = match n % 7 {
        0 => Upgrade::Pin,
        1 => Upgrade::Drain,
        2 | 3 => Upgrade::remap([("meal", middle), ("dish", middle)]),
        4 => Upgrade::RestartStep,
        5 => Upgrade::RestartFlow,
        _ => Upgrade::ToOperator,
    };
    let ask = |what: &str| Ask::text(format!("{what} {n}?").as_str()).save("answer");
    let flow = FlowBuilder::new("order", n)
        .step("name", ask("Name"))
        .step(middle, ask("Food"))
        .timeout(std::time::Duration::from_secs(30))
        .exit("timeout", "size")
        .step("size", ask("Size"))
        .finish(FinishStatus::Waiting)
        .step("rate", ask("Rate"))
        .finish(FinishStatus::Finished)
        .upgrade(upgrade)
        .build()
        .unwrap();
    let behaviour = Behaviour {
        finished_inbound: FinishedInbound::RestartEntryFlow,
        stranded: [Stranded::ToManual, Stranded::RestartEntryFlow][(n / 7 % 2) as usize],
        ..Behaviour::default()
    };
    Bot::new("bot", flow).behaviour(behaviour)
}

/// Numbers that are the same in every run. The constants are those of Knuth's MMIX.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn dialog(n: u64) -> DialogId {
    DialogId::derive(&"bot".into(), &Address::new("test", format!("contact {n}")))
}

/// Runs the load over a store, and proves that nothing of it was lost.
pub(crate) fn run(store: Arc<dyn Store>, load: &Load) {
    let gate = Arc::new(Gate::default());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = Worker::builder(store.clone(), gate.clone())
        .bot(&edition(1), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    let done = AtomicBool::new(false);
    let plans = std::thread::scope(|scope| {
        for thread in 0..3 {
            let (worker, gate, channel, done) = (&worker, &gate, &channel, &done);
            scope.spawn(move || {
                let mut numbers = Numbers(thread);
                for n in 0_u64.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let key = format!("{thread} {n}");
                    gate.pass(|| one_thing(worker, channel, &mut numbers, &key, load.dialogs));
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                gate.pass(|| {
                    gate.clock.advance(std::time::Duration::from_secs(1));
                    block_on(worker.step()).unwrap();
                    channel.take();
                });
            }
        });
        let _end = End(&gate, &done);
        let mut plans = Vec::new();
        for n in 2..2 + load.flips {
            gate.wait_for(load.events_between);
            if load.is_held {
                gate.hold();
            }
            let deployed = block_on(worker.deploy(&edition(n)));
            gate.release();
            let deployed = deployed.unwrap();
            assert_eq!(deployed.failed, 0);
            plans.push((configs(&worker).hash(), deployed.plan));
        }
        gate.wait_for(load.events_between);
        plans
    });
    settle(&worker, load, &channel);
    let left = look_at_all(&*store, &configs(&worker), load.dialogs);
    assert_eq!(plans.len(), load.flips as usize);
    if load.is_held {
        for (hash, plan) in &plans {
            let happened = left.get(hash).cloned().unwrap_or_default();
            assert_eq!(planned(plan), happened, "{plan}");
        }
        for kind in [UpgradeKind::Pin, UpgradeKind::Drain] {
            let stay = plans.iter().map(|(_, plan)| plan.count(kind)).sum::<u64>();
            assert!(stay > 0, "nobody stayed by {kind:?}");
        }
    }
    let kinds: Vec<UpgradeKind> = left
        .values()
        .flat_map(|kinds| kinds.keys().copied())
        .collect();
    for kind in [
        UpgradeKind::Remap,
        UpgradeKind::RestartStep,
        UpgradeKind::RestartFlow,
        UpgradeKind::ToOperator,
    ] {
        assert!(kinds.contains(&kind), "nobody was led by {kind:?}");
    }
}

/// A message, mostly; sometimes an operator gives a dialog back or picks a step.
fn one_thing(
    worker: &Worker,
    channel: &ScriptedChannel,
    numbers: &mut Numbers,
    key: &str,
    dialogs: u64,
) {
    let n = numbers.below(dialogs);
    let act = match numbers.below(10) {
        0 => OperatorAct::set(Some(StatusChoice::Auto), None),
        1 => OperatorAct::set(Some(StatusChoice::Auto), Some(StepTarget::step("size"))),
        2 => OperatorAct::Take,
        _ => {
            let says: Inbound = channel.says(&format!("contact {n}"), key, "well");
            block_on(worker.receive(says)).unwrap();
            return;
        }
    };
    // A dialog that isn't there yet, or an act that it doesn't take, is no trouble.
    let _ = block_on(worker.handle(dialog(n), &Event::operator(key, "olga", act)));
}

/// Everybody writes once more, so that nothing waits to be led.
fn settle(worker: &Worker, load: &Load, channel: &ScriptedChannel) {
    for n in 0..load.dialogs {
        let says = channel.says(&format!("contact {n}"), format!("last {n}").as_str(), "bye");
        block_on(worker.receive(says)).unwrap();
    }
    block_on(worker.step()).unwrap();
}

fn configs(worker: &Worker) -> Arc<Config> {
    worker.configs().next().unwrap()
}

/// How many a plan leads away, by policy.
fn planned(plan: &UpgradePlan) -> BTreeMap<UpgradeKind, u64> {
    let mut counts = BTreeMap::new();
    for upgrade in &plan.upgrades {
        if !matches!(upgrade.policy, UpgradeKind::Pin | UpgradeKind::Drain) {
            *counts.entry(upgrade.policy).or_default() += upgrade.dialogs;
        }
    }
    counts
}

/// Replays every journal, and looks where each dialog stands. Gives how many left their version
/// under each config, by policy.
fn look_at_all(
    store: &dyn Store,
    config: &Config,
    dialogs: u64,
) -> BTreeMap<ConfigHash, BTreeMap<UpgradeKind, u64>> {
    let flows: Vec<FlowDefinition> = config
        .definitions()
        .iter()
        .filter_map(|definition| codec::decode(&definition.body).ok())
        .collect();
    let mut configs: BTreeMap<ConfigHash, Arc<Config>> = BTreeMap::new();
    let mut left: BTreeMap<ConfigHash, BTreeMap<UpgradeKind, u64>> = BTreeMap::new();
    for n in 0..dialogs {
        let id = dialog(n);
        let mut turns = Vec::new();
        loop {
            let after = turns.last().map_or(0, |(turn, _)| *turn);
            let page = block_on(store.journal(id, after, PAGE_MAX)).unwrap();
            if page.is_empty() {
                break;
            }
            turns.extend(page.into_iter().map(|turn| (turn.revision, turn.body)));
        }
        for (_, body) in &turns {
            let facts: Vec<Fact> = codec::decode(body).unwrap();
            let Some(Fact::Input { config: hash, .. }) = facts.first() else {
                panic!("a turn begins with its input");
            };
            for fact in &facts {
                match fact {
                    Fact::VersionLeft { policy, .. } => {
                        *left.entry(*hash).or_default().entry(*policy).or_default() += 1;
                    }
                    Fact::StatusChanged { error, .. } => {
                        assert_ne!(*error, Some(ErrorKind::StepMissing));
                    }
                    _ => {}
                }
            }
        }
        let loaded = block_on(store.load(id)).unwrap().unwrap();
        let replayed = replay(id, &turns, &loaded.snapshot, |hash| {
            if let Some(config) = configs.get(&hash) {
                return Ok(Arc::clone(config));
            }
            let read = |hash| block_on(store.definition(hash)).unwrap();
            let config = Arc::new(Config::load(hash, read, &[])?);
            configs.insert(hash, Arc::clone(&config));
            Ok(config)
        });
        assert_eq!(replayed.unwrap().turns, loaded.revision, "byte-equal");
        let snapshot = Snapshot::decode(&loaded.snapshot).unwrap();
        if let Some(at) = snapshot.position {
            let mut flows = flows
                .iter()
                .filter(|flow| flow.id == at.flow && flow.version == at.version);
            let is_there = flows.any(|flow| flow.steps.iter().any(|step| step.name == at.step));
            assert!(is_there, "{at:?} doesn't exist");
        }
    }
    assert!(configs.len() > 1, "the journals run over several configs");
    left
}
