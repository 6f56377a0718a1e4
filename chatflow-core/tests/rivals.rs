//! Others change the dialog while a turn is decided, or the store loses an answer: the event
//! still changes the dialog exactly once.

mod flaky;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::{ManualClock, ScriptedChannel, block_on};
use chatflow_core::{
    Address, Bot, Clock, ContactAct, ContactChanged, DialogId, Event, FlowBuilder, HandleError,
    Handled, KeywordRouter, MemoryStore, Moment, OperatorAct, OperatorId, Refusal, Store, Worker,
};

use flaky::Flaky;

/// A clock that lets somebody act at the moment a worker asks for the time: after it has loaded
/// the dialog and before it commits.
#[derive(Default)]
struct MeddlingClock {
    clock: ManualClock,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl Clock for MeddlingClock {
    fn now(&self) -> Moment {
        let meddle = self.meddle.lock().unwrap().take();
        if let Some(meddle) = meddle {
            meddle();
        }
        self.clock.now()
    }

    async fn sleep_until(&self, moment: Moment) {
        self.clock.sleep_until(moment).await;
    }
}

fn worker(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    channel: &Arc<ScriptedChannel>,
) -> Arc<Worker> {
    let flow = FlowBuilder::new("echo", 1)
        .step(
            "echo",
            KeywordRouter::new()
                .route("never", ["never"])
                .retry("I hear you."),
        )
        .build()
        .unwrap();
    let worker = Worker::builder(store, clock)
        .bot(&Bot::new("bot", flow), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    Arc::new(worker)
}

fn dialog() -> DialogId {
    DialogId::derive(&"bot".into(), &Address::new("test", "anna"))
}

struct Rivals {
    store: Arc<dyn Store>,
    channel: Arc<ScriptedChannel>,
    clock: Arc<MeddlingClock>,
    slow: Arc<Worker>,
    fast: Arc<Worker>,
}

fn rivals() -> Rivals {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let clock = Arc::new(MeddlingClock::default());
    let slow = worker(store.clone(), clock.clone(), &channel);
    let fast = worker(store.clone(), Arc::new(ManualClock::default()), &channel);
    Rivals {
        store,
        channel,
        clock,
        slow,
        fast,
    }
}

#[test]
fn a_contact_changed_by_others_meanwhile_is_changed_anew() {
    let Rivals {
        store,
        channel,
        clock,
        slow,
        fast,
    } = rivals();
    block_on(slow.receive(channel.says("anna", "1", "hi"))).unwrap();
    let loaded = block_on(store.load(dialog())).unwrap().unwrap();
    let (contact, olga) = (loaded.contact.id, OperatorId::from("olga"));
    let tag = |tag: &str| ContactAct::AddTag(tag.to_owned());
    let (other, otto) = (tag("faster"), OperatorId::from("otto"));
    *clock.meddle.lock().unwrap() = Some(Box::new(move || {
        let changed = block_on(fast.change_contact(contact, &other, &otto)).unwrap();
        assert_eq!(changed, ContactChanged::Applied { revision: 2 });
    }));
    let changed = block_on(slow.change_contact(contact, &tag("slower"), &olga)).unwrap();
    assert_eq!(changed, ContactChanged::Applied { revision: 3 });
    let row = block_on(store.contact(contact)).unwrap().unwrap();
    assert!(row.view.tags.iter().eq(["faster", "slower"]));
}

#[test]
fn a_conflict_is_internal_the_turn_is_decided_anew() {
    let Rivals {
        store,
        channel,
        clock,
        slow,
        fast,
    } = rivals();
    block_on(slow.receive(channel.says("anna", "1", "hi"))).unwrap();
    let other = channel.says("anna", "2", "faster");
    *clock.meddle.lock().unwrap() = Some(Box::new(move || {
        assert_eq!(block_on(fast.receive(other)).unwrap(), Handled::applied(2));
    }));
    let handled = block_on(slow.receive(channel.says("anna", "3", "slower"))).unwrap();
    assert_eq!(handled, Handled::applied(3));
    let lines = block_on(store.transcript(dialog(), None, 100)).unwrap();
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line.record.message.text())
        .collect();
    let said = "I hear you.";
    assert_eq!(texts, ["hi", said, "faster", said, "slower", said]);
}

#[test]
fn of_two_who_open_a_dialog_at_once_both_are_heard() {
    let Rivals {
        store,
        channel,
        clock,
        slow,
        fast,
    } = rivals();
    let other = channel.says("anna", "2", "faster");
    *clock.meddle.lock().unwrap() = Some(Box::new(move || {
        block_on(fast.receive(other)).unwrap();
    }));
    let handled = block_on(slow.receive(channel.says("anna", "1", "slower"))).unwrap();
    assert_eq!(handled, Handled::applied(2));
    assert_eq!(block_on(store.dialogs(None, 10)).unwrap().len(), 1);
}

#[test]
fn st_44_a_command_decided_on_what_has_changed_meanwhile_is_stale() {
    let Rivals {
        channel,
        clock,
        slow,
        fast,
        ..
    } = rivals();
    block_on(slow.receive(channel.says("anna", "1", "hi"))).unwrap();
    let other = channel.says("anna", "2", "faster");
    *clock.meddle.lock().unwrap() = Some(Box::new(move || {
        block_on(fast.receive(other)).unwrap();
    }));
    let take = Event::operator("t", "olga", OperatorAct::Take).if_revision(1);
    let Err(HandleError::Refused(refused)) = block_on(slow.handle(dialog(), &take)) else {
        panic!("it was decided on revision 1")
    };
    assert_eq!(
        refused.reason,
        Refusal::Stale {
            decided_on: 1,
            current: 2
        }
    );
}

#[test]
fn a_lost_answer_is_looked_up_not_repeated() {
    let store = Arc::new(Flaky {
        lost_answers: 1.into(),
        ..Flaky::default()
    });
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = worker(store.clone(), Arc::new(ManualClock::default()), &channel);
    // The commit had happened, and the key says so.
    let handled = block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    assert_eq!(handled, Handled::Duplicate);
    block_on(worker.step()).unwrap();
    assert_eq!(channel.take().len(), 1);
    let loaded = block_on(store.load(dialog())).unwrap().unwrap();
    assert_eq!(loaded.revision, 1);
}

#[test]
fn a_command_whose_answer_was_lost_is_not_called_stale() {
    let store = Arc::new(Flaky::default());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = worker(store.clone(), Arc::new(ManualClock::default()), &channel);
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    store
        .lost_answers
        .store(1, std::sync::atomic::Ordering::SeqCst);
    let take = Event::operator("t", "olga", OperatorAct::Take).if_revision(1);
    assert_eq!(
        block_on(worker.handle(dialog(), &take)).unwrap(),
        Handled::Duplicate
    );
    // Nor is the same command sent again by its caller.
    assert_eq!(
        block_on(worker.handle(dialog(), &take)).unwrap(),
        Handled::Duplicate
    );
}
