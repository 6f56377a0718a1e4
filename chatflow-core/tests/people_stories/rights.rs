//! Rights and rows, as programs meet them.

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::*;
use futures::executor::block_on;
use std::collections::BTreeSet;
use std::sync::Arc;

fn bot(id: &str) -> Bot {
    let flow = FlowBuilder::new("f", 1)
        .step("q", SendMessage::text("Wait."))
        .step("e", Enqueue::into("sales"))
        .build()
        .unwrap();
    Bot::new(id, flow)
}
fn dialog(bot: &str, channel: &str, who: &str) -> DialogId {
    DialogId::derive(&bot.into(), &Address::new(channel, who))
}
fn snap(store: &dyn Store, d: DialogId) -> Snapshot {
    Snapshot::decode(&block_on(store.load(d)).unwrap().unwrap().snapshot).unwrap()
}

#[test]
fn a_dialog_of_a_bot_that_isnt_here_stops_nobody() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let one = Arc::new(ScriptedChannel::new("one"));
    let two = Arc::new(ScriptedChannel::new("two"));
    let both = Worker::builder(store.clone(), clock.clone())
        .bot(&bot("a"), one.clone())
        .bot(&bot("b"), two.clone())
        .build()
        .unwrap();
    block_on(both.start()).unwrap();
    block_on(both.put_operator(&"main".into(), &"anna".into(), |_| {})).unwrap();
    block_on(both.put_queue(&"main".into(), &"sales".into(), |q| {
        q.members = ["anna".into()].into();
    }))
    .unwrap();
    block_on(both.receive(two.says("x", "1", "hi"))).unwrap();
    block_on(both.step()).unwrap();
    drop(both);
    clock.advance(std::time::Duration::from_secs(5));
    let first = Worker::builder(store.clone(), clock.clone())
        .bot(&bot("a"), one.clone())
        .build()
        .unwrap();
    block_on(first.start()).unwrap();
    block_on(first.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(first.declare(&"main".into(), &"anna".into(), Availability::Active)).unwrap();
    for _ in 0..5 {
        block_on(first.step()).unwrap();
        clock.advance(std::time::Duration::from_secs(2));
    }
    assert_eq!(
        snap(&*store, dialog("a", "one", "y")).assignee,
        Assignee::Operator("anna".into())
    );
}

fn shop(policy: Option<Roles>) -> (Worker, Arc<ScriptedChannel>, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let one = Arc::new(ScriptedChannel::new("one"));
    let mut b = Worker::builder(store.clone(), clock).bot(&bot("a"), one.clone());
    if let Some(p) = policy {
        b = b.policy(Arc::new(p));
    }
    let worker = b.build().unwrap();
    block_on(worker.start()).unwrap();
    (worker, one, store)
}

#[test]
fn ad_12_a_stranger_sees_no_colleagues() {
    let (worker, _, _) = shop(Some(Roles::creatio()));
    block_on(worker.put_operator(&"main".into(), &"anna".into(), |o| {
        o.name = Some("Anna Secret".into());
    }))
    .unwrap();
    block_on(worker.put_queue(&"main".into(), &"sales".into(), |_| {})).unwrap();
    let stranger = worker.desk("main", "stranger");
    assert!(
        block_on(stranger.operators()).map_or(true, |rows| rows.is_empty()),
        "names leak"
    );
    assert!(
        block_on(stranger.queues()).map_or(true, |rows| rows.is_empty()),
        "queues leak"
    );
}

#[test]
fn ad_12_blocking_a_contact_needs_the_right_to_block() {
    let (worker, one, store) = shop(Some(Roles::creatio()));
    block_on(worker.put_operator(&"main".into(), &"anna".into(), |o| {
        o.roles = ["operator".into()].into();
    }))
    .unwrap();
    block_on(worker.receive(one.says("y", "c1", "hi"))).unwrap();
    let contact = snap(&*store, dialog("a", "one", "y")).contact_id;
    let done = block_on(
        worker
            .desk("main", "anna")
            .change_contact(contact, &ContactAct::Block),
    );
    assert!(done.is_err(), "{done:?}");
}

#[test]
fn the_same_transfer_again_is_a_duplicate() {
    let (worker, one, _) = shop(Some(Roles::retailcrm()));
    for id in ["anna", "boris"] {
        block_on(worker.put_operator(&"main".into(), &id.into(), |o| {
            o.roles = ["manager".into()].into();
        }))
        .unwrap();
        block_on(worker.declare(&"main".into(), &id.into(), Availability::Active)).unwrap();
    }
    block_on(worker.put_queue(&"main".into(), &"sales".into(), |q| {
        q.members = ["anna".into()].into();
    }))
    .unwrap();
    block_on(worker.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(worker.step()).unwrap();
    let d = dialog("a", "one", "y");
    let act = OperatorAct::Transfer {
        to: TransferTo::Operator("boris".into()),
        mode: None,
    };
    let anna = worker.desk("main", "anna");
    assert!(matches!(
        block_on(anna.act(d, "k", act.clone())).unwrap(),
        Handled::Applied { .. }
    ));
    assert_eq!(
        block_on(anna.act(d, "k", act)).map_err(|e| e.to_string()),
        Ok(Handled::Duplicate)
    );
}

#[test]
fn op_29_messages_of_others_arent_edited() {
    let (worker, one, store) = shop(None);
    block_on(worker.receive(one.says("y", "c1", "hi"))).unwrap();
    let d = dialog("a", "one", "y");
    let act = |who: &str, key: &str, act| Event::operator(key, who, act);
    block_on(worker.handle(d, &act("anna", "1", OperatorAct::Take))).unwrap();
    block_on(worker.handle(
        d,
        &act("anna", "2", OperatorAct::Reply(Message::new("10 euros"))),
    ))
    .unwrap();
    let of = EffectId {
        dialog: d,
        turn: snap(&*store, d).revision,
        n: 1,
    };
    let snapshot = snap(&*store, d);
    let config = worker.configs().next().unwrap();
    let edit = act(
        "boris",
        "3",
        OperatorAct::Edit {
            of,
            text: "20 euros".into(),
        },
    );
    assert!(Engine::handle(&config, snapshot, &edit, time::from_millis(1_000)).is_err());
}

struct Picky;
impl Routing for Picky {
    fn choose(&self, wait: &Wait, c: &[Candidate]) -> Vec<OperatorId> {
        // Only who has waited since some time of this year.
        if wait.since < time::from_millis(1) {
            return Vec::new();
        }
        c.first()
            .map(|c| c.operator.id.clone())
            .into_iter()
            .collect()
    }
}
#[test]
fn op_22_a_hosts_rule_sees_the_dialog() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::at(time::from_millis(1_767_225_600_000)));
    let one = Arc::new(ScriptedChannel::new("one"));
    let worker = Worker::builder(store.clone(), clock)
        .bot(&bot("a"), one.clone())
        .routing("picky", Arc::new(Picky))
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.put_operator(&"main".into(), &"anna".into(), |_| {})).unwrap();
    block_on(worker.declare(&"main".into(), &"anna".into(), Availability::Active)).unwrap();
    block_on(worker.put_queue(&"main".into(), &"sales".into(), |q| {
        q.members = BTreeSet::from(["anna".into()]);
        q.rule = RoutingRule::Custom("picky".into());
    }))
    .unwrap();
    block_on(worker.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(worker.step()).unwrap();
    assert_eq!(
        snap(&*store, dialog("a", "one", "y")).assignee,
        Assignee::Operator("anna".into())
    );
}

#[test]
fn fl_39_managers_who_are_named_no_more_get_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let one = Arc::new(ScriptedChannel::new("one"));
    let flow = || {
        FlowBuilder::new("f", 1)
            .step("q", SendMessage::text("Wait."))
            .build()
            .unwrap()
    };
    let with = |managers: &[&str]| {
        Bot::new("a", flow()).behaviour(Behaviour {
            managers: managers.iter().map(|m| (*m).into()).collect(),
            ..Behaviour::default()
        })
    };
    let w = Worker::builder(store.clone(), clock.clone())
        .bot(&with(&["anna"]), one.clone())
        .build()
        .unwrap();
    block_on(w.start()).unwrap();
    block_on(w.put_operator(&"main".into(), &"zoe".into(), |_| {})).unwrap();
    block_on(w.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(w.step()).unwrap();
    drop(w);
    let w = Worker::builder(store.clone(), clock)
        .bot(&with(&[]), one)
        .build()
        .unwrap();
    block_on(w.start()).unwrap();
    block_on(w.put_operator(&"main".into(), &"anna".into(), |_| {})).unwrap();
    block_on(w.step()).unwrap();
    assert_eq!(
        snap(&*store, dialog("a", "one", "y")).assignee,
        Assignee::Nobody
    );
}

#[test]
fn who_is_manual_before_his_first_message_waits_for_people() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let one = Arc::new(ScriptedChannel::new("one"));
    let b = bot("a").behaviour(Behaviour {
        queue: Some("sales".into()),
        ..Behaviour::creatio()
    });
    let w = Worker::builder(store.clone(), clock)
        .bot(&b, one.clone())
        .build()
        .unwrap();
    block_on(w.start()).unwrap();
    let d = block_on(w.open_dialog(&Address::new("one", "y"), &Profile::default())).unwrap();
    let set = DialogSettings {
        status: Some(StatusChoice::Manual),
        ..DialogSettings::default()
    };
    block_on(w.handle(d, &Event::operator("1", "op", OperatorAct::Set(set)))).unwrap();
    block_on(w.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(w.step()).unwrap();
    let s = snap(&*store, d);
    assert_eq!(
        (s.automation, s.session.unwrap().handling),
        (Automation::Manual, Handling::Queued)
    );
}

struct Hook {
    seen: std::sync::atomic::AtomicBool,
    other: Arc<Worker>,
    dialog: DialogId,
}
impl Policy for Hook {
    fn can(&self, operator: &Operator, action: OperatorAction, target: Target<'_>) -> bool {
        let Target::Dialog(snapshot) = target else {
            return true;
        };
        let may = snapshot.assignee == Assignee::Operator(operator.id.clone());
        if action == OperatorAction::Complete
            && !self.seen.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            // Another worker is faster between the question and the turn.
            let act = OperatorAct::Transfer {
                to: TransferTo::Operator("boris".into()),
                mode: None,
            };
            testing::block_on(
                self.other
                    .handle(self.dialog, &Event::operator("t", "root", act)),
            )
            .unwrap();
        }
        may
    }
    fn visible(&self, _: &Operator) -> Filter {
        Filter::everything()
    }
}
#[test]
fn op_25_a_right_that_was_lost_meanwhile_counts_for_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let one = Arc::new(ScriptedChannel::new("one"));
    let other = Arc::new(
        Worker::builder(store.clone(), clock.clone())
            .bot(&bot("a"), one.clone())
            .build()
            .unwrap(),
    );
    block_on(other.start()).unwrap();
    let d = dialog("a", "one", "y");
    block_on(other.receive(one.says("y", "c1", "hi"))).unwrap();
    block_on(other.handle(d, &Event::operator("1", "anna", OperatorAct::Take))).unwrap();
    let w = Worker::builder(store.clone(), clock)
        .bot(&bot("a"), one)
        .policy(Arc::new(Hook {
            seen: false.into(),
            other,
            dialog: d,
        }))
        .build()
        .unwrap();
    let done = block_on(w.handle(d, &Event::operator("2", "anna", OperatorAct::Complete)));
    let s = snap(&*store, d);
    assert!(
        s.session.is_some(),
        "{done:?}: anna completed the dialog of {}",
        s.assignee
    );
}
