//! New flows for a worker that is running.

use std::collections::BTreeMap;
use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Bot, BotId, DeployError, DialogId, FlowBuilder, FlowDefinition, MemoryStore,
    Snapshot, StatusKind, Store, Upgrade, UpgradeKind, Worker,
};
use futures::executor::block_on;

struct Shop {
    worker: Worker,
    channel: Arc<ScriptedChannel>,
    store: Arc<MemoryStore>,
    said: std::cell::Cell<u32>,
}

impl Shop {
    fn over(store: Arc<MemoryStore>, bot: &Bot) -> Self {
        let channel = Arc::new(ScriptedChannel::new("test"));
        let worker = Worker::builder(store.clone(), Arc::new(ManualClock::default()))
            .bot(bot, channel.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        let said = std::cell::Cell::new(0);
        Self {
            worker,
            channel,
            store,
            said,
        }
    }

    fn new(bot: &Bot) -> Self {
        Self::over(Arc::new(MemoryStore::new()), bot)
    }

    fn says(&self, who: &str, text: &str) -> Vec<String> {
        let n = self.said.get() + 1;
        self.said.set(n);
        let says = self.channel.says(who, format!("{who} {n}").as_str(), text);
        block_on(self.worker.receive(says)).unwrap();
        self.heard()
    }

    /// What was said since, and to whom.
    fn heard(&self) -> Vec<String> {
        block_on(self.worker.step()).unwrap();
        let sent = self.channel.take().into_iter();
        let mut said: Vec<_> = sent
            .map(|sent| format!("{}: {}", sent.to.external_id(), sent.message.text()))
            .collect();
        said.sort();
        said
    }

    fn id(&self, who: &str) -> DialogId {
        DialogId::derive(&"shop".into(), &Address::new("test", who))
    }

    fn snapshot(&self, who: &str) -> Snapshot {
        let loaded = block_on(self.store.load(self.id(who))).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    fn revision(&self, who: &str) -> u64 {
        self.snapshot(who).revision
    }
}

fn asking(version: u32, steps: &[&str], upgrade: Upgrade) -> FlowDefinition {
    let begun = FlowBuilder::new("order", version).upgrade(upgrade);
    let flow = steps.iter().fold(begun, |flow, step| {
        flow.step(*step, Ask::text(format!("{step} {version}?").as_str()))
    });
    flow.build().unwrap()
}

fn one() -> Bot {
    Bot::new("shop", asking(1, &["name", "meal"], Upgrade::Drain))
}

#[test]
fn fl_52_a_deploy_leads_everybody_at_once_as_planned() {
    let shop = Shop::new(&one());
    shop.says("anna", "hi");
    for who in ["boris", "clara"] {
        shop.says(who, "hi");
        shop.says(who, "me");
    }
    // Boris and Clara are asked for a meal, which is gone.
    let bot = Bot::new("shop", asking(2, &["name", "dish"], Upgrade::RestartStep));
    let plan = block_on(shop.worker.upgrade_plan(&bot)).unwrap();
    assert_eq!(
        plan.to_string(),
        "bot `shop`: 0 dialogs in the newest version of their flow\n\
         flow `order` version 1: 1 dialog, restart_step: begin their step again in version 2\n\
         flow `order` version 1: 2 dialogs, stranded: have no step to go to in version 2\n\
         stranded: flow `order` version 1 step `meal`: 2 dialogs\n\
         2 dialogs would be stranded"
    );
    assert_eq!(shop.revision("anna"), 1, "a plan changes nothing");
    let deployed = block_on(shop.worker.deploy(&bot)).unwrap();
    assert_eq!(deployed.plan, plan);
    let moved = [(UpgradeKind::RestartStep, 1), (UpgradeKind::Stranded, 2)];
    assert_eq!(deployed.moved, BTreeMap::from(moved));
    assert_eq!((deployed.failed, deployed.kept.len()), (0, 0));
    assert_eq!(shop.heard(), ["anna: name 2?"]);
    assert_eq!(
        shop.snapshot("boris").shown_status().kind,
        StatusKind::Manual
    );
    assert_eq!(shop.says("dora", "hi"), ["dora: name 2?"]);

    // Again, nothing is to do, and nothing is written.
    let again = block_on(shop.worker.deploy(&bot)).unwrap();
    assert_eq!((again.plan.newest, again.moved), (4, BTreeMap::new()));
    assert_eq!(shop.revision("anna"), 2);
    let refusals = block_on(shop.store.refusals(shop.id("anna"), 9)).unwrap();
    assert!(refusals.is_empty());
}

#[test]
fn fl_52_a_deploy_keeps_the_versions_that_dialogs_need() {
    let shop = Shop::new(&one());
    shop.says("anna", "hi");
    let second = |upgrade| Bot::new("shop", asking(2, &["name", "dish"], upgrade));
    let deployed = block_on(shop.worker.deploy(&second(Upgrade::Drain))).unwrap();
    let versions: Vec<_> = deployed.kept.iter().map(|flow| flow.version).collect();
    assert_eq!(
        (versions, deployed.plan.count(UpgradeKind::Drain)),
        (vec![1], 1)
    );
    assert_eq!(shop.says("boris", "hi"), ["boris: name 2?"]);
    assert_eq!(
        shop.says("anna", "me"),
        ["anna: meal 1?"],
        "it stays until it leaves"
    );
    shop.says("anna", "soup");
    // A host that starts anew adds them.
    let standings = block_on(shop.store.standing(&BotId::from("shop"))).unwrap();
    let bot = second(Upgrade::Drain).keeping(&deployed.kept, &standings);
    assert_eq!(bot.flows().len(), 2);
    let shop = Shop::over(shop.store, &bot);
    assert_eq!(shop.snapshot("anna").position.unwrap().version, 1);

    // Two versions back, by the newest version's policy; and nobody needs those between.
    let third = Bot::new("shop", asking(3, &["name"], Upgrade::RestartFlow));
    let deployed = block_on(shop.worker.deploy(&third)).unwrap();
    assert_eq!(
        deployed.moved,
        BTreeMap::from([(UpgradeKind::RestartFlow, 2)])
    );
    assert!(deployed.kept.is_empty());
    assert_eq!(
        shop.heard(),
        ["boris: name 3?"],
        "anna's flow was over, and stays so"
    );
    assert_eq!(shop.snapshot("anna").position.unwrap().version, 3);
}

#[test]
fn fl_52_the_same_flows_lead_again_after_others() {
    let shop = Shop::new(&one());
    shop.says("anna", "hi");
    let back = Bot::new("shop", asking(1, &["name", "meal"], Upgrade::RestartStep));
    let on = Bot::new("shop", asking(2, &["name"], Upgrade::RestartStep));
    for n in 0..3 {
        block_on(shop.worker.deploy(&on)).unwrap();
        assert_eq!(shop.heard(), ["anna: name 2?"], "{n}");
        block_on(shop.worker.deploy(&back)).unwrap();
        assert_eq!(shop.heard(), ["anna: name 1?"], "{n}");
    }
}

#[test]
fn fl_52_what_can_not_run_is_refused_and_the_bot_goes_on() {
    let shop = Shop::new(&one());
    shop.says("anna", "hi");
    let other = Bot::new("kiosk", asking(2, &["name"], Upgrade::RestartFlow));
    let refused = block_on(shop.worker.deploy(&other)).unwrap_err();
    assert!(matches!(&refused, DeployError::NotRunning { bot } if *bot == "kiosk".into()));
    let mut broken = asking(2, &["name"], Upgrade::RestartFlow);
    broken.entry = "nowhere".into();
    let refused = block_on(shop.worker.deploy(&Bot::new("shop", broken))).unwrap_err();
    assert!(matches!(refused, DeployError::Config(_)), "{refused}");
    assert_eq!(shop.says("anna", "me"), ["anna: meal 1?"]);
}

#[test]
fn fl_52_a_start_leads_whom_a_policy_leads_and_strands_nobody() {
    let store = Arc::new(MemoryStore::new());
    let shop = Shop::over(store.clone(), &one());
    shop.says("anna", "hi");
    shop.says("boris", "hi");
    shop.says("boris", "me");
    drop(shop);
    let bot = Bot::new("shop", asking(2, &["name"], Upgrade::RestartStep));
    let shop = Shop::over(store.clone(), &bot);
    assert_eq!(shop.heard(), ["anna: name 2?"], "without waiting for her");
    assert_eq!(
        shop.revision("boris"),
        2,
        "the version may have been forgotten"
    );
    drop(shop);
    let shop = Shop::over(store, &one().flow(asking(2, &["name"], Upgrade::Drain)));
    assert_eq!(shop.says("boris", "soup"), Vec::<String>::new());
    assert_eq!(
        shop.snapshot("boris").shown_status().kind,
        StatusKind::Finished
    );
}
