//! What goes out is tried until it is settled, and time moves only when it is moved.

mod desk;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Ask, Automation, Bot, CallFailure, Cause, Clock, DeliveryState, DueQuery, ErrorKind, Event,
    FlowBuilder, HandleError, MemoryStore, OperatorAct, PortError, SendErrorClass, SendMessage,
    Snapshot, StatusKind, Store, Worker,
};
use futures::FutureExt;
use futures::executor::block_on;

use desk::{Desk, Oracle, asking, greeting, impatient};

#[test]
fn a_call_is_answered_by_an_event() {
    let oracle = Arc::new(Oracle::default());
    let desk = Desk::with_port(
        Arc::new(MemoryStore::new()),
        Arc::new(ManualClock::default()),
        asking(),
        oracle.clone(),
    );
    let transient = PortError::retry_after(Duration::from_secs(5));
    *oracle.answers.lock().unwrap() = vec![Ok("forty-two".into()), Err(transient)];
    desk.says("1", "hi");
    assert!(desk.heard().is_empty(), "the first try failed");
    desk.clock.advance(Duration::from_millis(4_999));
    assert_eq!(desk.step(), 0, "not before the time it asked for");
    desk.clock.advance(Duration::from_millis(1));
    desk.step();
    assert_eq!(desk.heard(), ["forty-two"]);
    assert!(
        block_on(desk.store.outbox(Desk::dialog()))
            .unwrap()
            .is_empty()
    );
    desk.says("2", "again");
    assert_eq!(desk.heard(), [CallFailure::Refused.to_string()]);
    desk.says("3", "nobody");
    assert_eq!(desk.heard(), [CallFailure::NoSuchPort.to_string()]);
    let asked = oracle.calls.load(Ordering::Relaxed);
    desk.replays();
    assert_eq!(
        oracle.calls.load(Ordering::Relaxed),
        asked,
        "replay asks nobody"
    );
}

#[test]
fn st_41_a_passing_failure_is_tried_again_and_arrives_once() {
    let desk = Desk::new(greeting());
    desk.channel
        .refuse_next(SendErrorClass::Transient { retry_after: None });
    desk.channel.refuse_next(SendErrorClass::Ambiguous);
    desk.says("1", "hi");
    for _ in 0..3 {
        desk.clock.advance(Duration::from_secs(60));
        desk.step();
    }
    let sent = desk.channel.take();
    let tries: Vec<_> = sent
        .iter()
        .map(|sent| (sent.attempt, sent.refused.is_none()))
        .collect();
    assert_eq!(tries, [(1, false), (2, false), (3, true)]);
    assert!(sent.iter().all(|again| again.key == sent[0].key), "one key");
    assert_eq!(desk.snapshot().automation, Automation::Auto);
}

#[test]
fn st_06_st_08_a_final_failure_is_an_event_that_sets_the_reach() {
    let cases = [
        (SendErrorClass::Blocked, StatusKind::Blocked),
        (SendErrorClass::CannotInitiate, StatusKind::Stopped),
        (SendErrorClass::Removed, StatusKind::Stopped),
        (SendErrorClass::Invalid, StatusKind::Error),
    ];
    for (class, shown) in cases {
        let desk = Desk::new(greeting());
        desk.channel.refuse_next(class.clone());
        desk.says("1", "hi");
        assert_eq!(desk.snapshot().shown_status().kind, shown, "{class:?}");
        let lines = block_on(desk.store.transcript(Desk::dialog(), None, 10)).unwrap();
        assert_eq!(lines[1].delivery, Some(DeliveryState::Dead));
        assert!(
            block_on(desk.store.outbox(Desk::dialog()))
                .unwrap()
                .is_empty()
        );
        let reply = Event::operator("r", "op", OperatorAct::Reply("hello".into()));
        let answer = block_on(desk.worker.handle(Desk::dialog(), &reply));
        let refused = matches!(answer, Err(HandleError::Refused(_)));
        assert_eq!(
            refused,
            shown != StatusKind::Error,
            "later sends are refused by name"
        );
        desk.replays();
    }
}

#[test]
fn the_last_of_many_tries_is_final() {
    let desk = Desk::new(greeting());
    for _ in 0..10 {
        desk.channel
            .refuse_next(SendErrorClass::Transient { retry_after: None });
    }
    desk.says("1", "hi");
    for _ in 0..20 {
        desk.clock.advance(Duration::from_secs(700));
        desk.step();
    }
    assert_eq!(desk.channel.take().len(), 10);
    let lines = block_on(desk.store.transcript(Desk::dialog(), None, 10)).unwrap();
    assert_eq!(lines[1].delivery, Some(DeliveryState::Dead));
    assert_eq!(
        desk.snapshot().automation,
        Automation::Auto,
        "an outage changes no dialog"
    );
}

#[test]
fn fl_53_fl_55_a_timer_survives_a_restart_and_fires_once() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let before = Desk::over(store.clone(), clock.clone(), impatient());
    before.says("1", "hi");
    clock.advance(Duration::from_secs(3600));
    drop(before);
    let after = Desk::over(store, clock.clone(), impatient());
    clock.advance(Duration::from_millis(3_599_999));
    assert_eq!(after.step(), 0, "never early");
    clock.advance(Duration::from_millis(1));
    after.step();
    assert_eq!(after.heard(), ["Too late."]);
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(after.step(), 0, "once");
    after.replays();
}

#[test]
fn what_was_in_flight_is_sent_again_under_the_same_key() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let before = Desk::over(store.clone(), clock.clone(), greeting());
    block_on(
        before
            .worker
            .receive(before.channel.says("anna", "1", "hi")),
    )
    .unwrap();
    let due = block_on(store.due(&DueQuery::new(clock.now(), 10))).unwrap();
    block_on(store.begin_delivery(due.deliveries[0].effect, clock.now())).unwrap();
    drop(before);
    let after = Desk::over(store, clock, greeting());
    after.step();
    let sent = after.channel.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].key, sent[0].attempt),
        (due.deliveries[0].effect, 2)
    );
}

#[test]
fn a_takeover_cancels_what_automation_still_had_to_say() {
    let desk = Desk::new(greeting());
    block_on(desk.worker.receive(desk.channel.says("anna", "1", "hi"))).unwrap();
    let reply = Event::operator("r", "op", OperatorAct::Reply("Olga here".into()));
    block_on(desk.worker.handle(Desk::dialog(), &reply)).unwrap();
    desk.step();
    assert_eq!(desk.heard(), ["Olga here"]);
    let lines = block_on(desk.store.transcript(Desk::dialog(), None, 10)).unwrap();
    assert_eq!(lines[1].delivery, Some(DeliveryState::Cancelled));
}

#[test]
fn a_message_beyond_the_channels_limits_is_never_handed_to_it() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let picture = SendMessage::media(chatflow_core::MediaKind::Photo, "shop.jpg");
    let picture = FlowBuilder::new("picture", 1)
        .step("show", picture)
        .step("name", Ask::text("Your name?"));
    let picture = picture.build().unwrap();
    let mut small = chatflow_core::Capabilities::text();
    small.media.clear();
    let channel = Arc::new(ScriptedChannel::new("test").with_capabilities(small));
    let worker = Worker::builder(store.clone(), Arc::new(ManualClock::default()))
        .bot(&Bot::new("bot", picture), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    block_on(worker.step()).unwrap();
    assert!(channel.take().is_empty());
    let loaded = block_on(store.load(Desk::dialog())).unwrap().unwrap();
    let snapshot = Snapshot::decode(&loaded.snapshot).unwrap();
    assert_eq!(
        snapshot.automation,
        Automation::Error(ErrorKind::DeliveryFailed)
    );
}

#[test]
fn the_loop_wakes_for_new_work_and_for_its_time_and_stops() {
    let desk = Desk::new(impatient());
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let mut run = Box::pin(desk.worker.run(async { stopped.await.unwrap_or(()) }));
    assert!((&mut run).now_or_never().is_none());
    block_on(desk.worker.receive(desk.channel.says("anna", "1", "hi"))).unwrap();
    assert!((&mut run).now_or_never().is_none());
    assert_eq!(desk.heard(), ["Your name?"], "woken by the commit");
    desk.clock.advance(Duration::from_secs(7200));
    assert!((&mut run).now_or_never().is_none());
    assert_eq!(desk.heard(), ["Too late."], "woken by the time");
    stop.send(()).unwrap();
    assert!((&mut run).now_or_never().is_some());
}

#[test]
fn cause_is_told_apart() {
    assert_eq!(
        SendErrorClass::Removed.dialog_effect(),
        chatflow_core::FailureClass::CannotWrite(Cause::Removed)
    );
}

#[test]
fn a_lost_message_takes_what_was_to_follow_with_it() {
    let flow = FlowBuilder::new("three", 1)
        .step("one", SendMessage::text("One"))
        .step("two", SendMessage::text("Two"))
        .step("ask", Ask::text("Three?"))
        .build()
        .unwrap();
    let desk = Desk::new(flow);
    desk.channel.refuse_next(SendErrorClass::TooLarge);
    desk.says("1", "hi");
    assert_eq!(desk.heard(), ["One"], "tried, and given up");
    assert_eq!(
        desk.snapshot().automation,
        Automation::Error(ErrorKind::DeliveryFailed)
    );
    assert!(
        block_on(desk.store.outbox(Desk::dialog()))
            .unwrap()
            .is_empty()
    );
    desk.replays();
}
