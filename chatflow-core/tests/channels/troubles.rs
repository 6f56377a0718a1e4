//! What goes wrong between channel, store and clock, and what must come of it all the same.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel, block_on};
use chatflow_core::*;

use super::flaky::Flaky;
use super::{Shop, address, dialog};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_message_that_is_lost_sent_again_and_lost_again_holds_nothing_up() {
    let shop = Shop::new(Capabilities::text());
    shop.says("anna", "1", "hi");
    shop.channel.refuse_next(SendErrorClass::Invalid);
    shop.operates("anna", "r", OperatorAct::Reply("hello".into()))
        .unwrap();
    let id = shop.transcript("anna").pop().unwrap().record.id;
    assert!(block_on(shop.worker.resend(id)).unwrap());
    shop.channel.refuse_next(SendErrorClass::Invalid);
    shop.step();
    shop.sent();
    shop.operates("anna", "r2", OperatorAct::Reply("next".into()))
        .unwrap();
    for _ in 0..100 {
        shop.waits(SECOND * 600);
    }
    let line = shop
        .transcript("anna")
        .into_iter()
        .find(|l| l.record.id == id)
        .unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Dead));
}

#[test]
fn a_busy_time_that_ends_while_the_store_answers_is_not_forgotten() {
    let mut caps = Capabilities::text();
    caps.rates = RateLimits {
        channel: Some(Rate {
            count: 2,
            per: SECOND,
        }),
        ..RateLimits::default()
    };
    let clock = Arc::new(ManualClock::default());
    let flaky = Arc::new(Flaky::default());
    let shop = Shop::over(flaky.clone(), clock.clone(), caps);
    let start = Clock::now(&*clock);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut run = pin!(shop.worker.run(std::future::pending::<()>()));
    for c in ["a", "b", "c"] {
        block_on(shop.worker.receive(shop.channel.says(c, "1", "hi"))).unwrap();
    }
    for _ in 0..20 {
        let _ = run.as_mut().poll(&mut cx);
    }
    assert_eq!(shop.sent().len(), 2, "the third waits until 1 s");
    // Something else wakes the loop half a millisecond before the slot is free, and the store takes 1 ms.
    *flaky.clock.lock().unwrap() = Some(clock.clone());
    clock.set(start + chrono_us(999_500));
    block_on(shop.worker.start()).unwrap(); // signals
    for _ in 0..20 {
        let _ = run.as_mut().poll(&mut cx);
    }
    *flaky.clock.lock().unwrap() = None;
    for _ in 0..100 {
        clock.advance(SECOND * 36);
        for _ in 0..20 {
            assert!(matches!(run.as_mut().poll(&mut cx), Poll::Pending));
        }
    }
    assert_eq!(
        shop.sent().len(),
        1,
        "an hour later the third message is still not sent"
    );
}

fn chrono_us(us: i64) -> chrono::Duration {
    chrono::Duration::microseconds(us)
}

#[test]
fn what_was_under_way_when_a_channel_was_doubted_stops_nobody() {
    let shop = Shop::new(Capabilities::text());
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for _ in names {
        shop.channel.refuse_next(SendErrorClass::UnknownRecipient);
    }
    for n in names {
        block_on(shop.worker.receive(shop.channel.says(n, "1", "hi"))).unwrap();
    }
    shop.step();
    for _ in 0..10 {
        shop.waits(SECOND * 60);
    }
    let shown: Vec<_> = names.iter().map(|n| (*n, shop.status(n))).collect();
    assert!(shown.iter().all(|(_, s)| s == "auto"));
}

#[test]
fn what_could_not_be_committed_is_not_acknowledged() {
    let flaky = Arc::new(Flaky::default());
    let shop = Shop::over(
        flaky.clone(),
        Arc::new(ManualClock::default()),
        Capabilities::text(),
    );
    flaky
        .conflicts
        .store(16, std::sync::atomic::Ordering::SeqCst);
    let raw = shop.channel.raw("u1", "anna", "hi");
    let became = block_on(Ingest::receive(&shop.worker, raw));
    for _ in 0..10 {
        shop.waits(SECOND * 60);
    }
    assert!(
        became.is_err() || shop.texts() == ["Your name?"],
        "acknowledged, and nobody answers"
    );
}

/// A channel whose reports hold several messages: one a line.
struct Lines(ScriptedChannel);
#[async_trait::async_trait]
impl Channel for Lines {
    fn id(&self) -> &ChannelId {
        self.0.id()
    }
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        let text = std::str::from_utf8(raw.body.as_bytes()).unwrap();
        text.lines()
            .map(|line| {
                let who = line.split(':').next().unwrap();
                let mut said = self.0.says(who, raw.key.clone(), line);
                if line.contains("BAD") {
                    said.from = Address::new("test", "");
                }
                said
            })
            .collect()
    }
    async fn send(&self, o: &Outbound<'_>) -> Result<Receipt, SendError> {
        self.0.send(o).await
    }
    async fn listen(&self, _: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}

#[test]
fn a_report_of_several_things_is_offered_again_as_a_whole_and_handled_once() {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let flow = FlowBuilder::new("f", 1)
        .step("name", Ask::text("Name?"))
        .build()
        .unwrap();
    let worker = Worker::builder(store.clone(), clock)
        .bot(
            &Bot::new("bot", flow),
            Arc::new(Lines(ScriptedChannel::new("test"))),
        )
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    let raw = RawInbound {
        channel: "test".into(),
        key: "u1".into(),
        body: b"anna: hi\nanna: BAD".to_vec().into(),
    };
    let became = block_on(Ingest::receive(&worker, raw)).unwrap();
    assert_eq!(became, Ingested::Unclaimed);
    let before = block_on(store.transcript(dialog("anna"), None, 100))
        .unwrap()
        .len();
    for _ in 0..3 {
        block_on(worker.offer_again(&"test".into())).unwrap();
    }
    let after = block_on(store.transcript(dialog("anna"), None, 100))
        .unwrap()
        .len();
    assert_eq!((before, after), (2, 2), "the first line and its answer");
    let kept = block_on(store.unclaimed(&"test".into(), None, 100)).unwrap();
    assert_eq!(kept.len(), 1);
}

#[test]
fn a_late_failure_is_told_though_the_program_died_over_it() {
    let mut able = Capabilities::text();
    able.receipts = Receipts::Read;
    let shop = Shop::new(able);
    shop.says("anna", "1", "hi");
    let failed = ReceiptState::Failed(FailureReason::Blocked);
    let of = Receipted::These(vec!["m1".into()]);
    // What the runner does first; then the program dies.
    assert_eq!(
        block_on(shop.store.mark(dialog("anna"), &of, failed))
            .unwrap()
            .len(),
        1
    );
    let shop = shop.again();
    let mut inbound = shop.channel.says("anna", "x", "");
    inbound.body = InboundBody::Receipt { of, state: failed };
    shop.hears(inbound);
    assert_eq!(shop.status("anna"), "blocked");
}

#[test]
fn a_message_to_an_address_that_moved_to_another_dialogs_is_tried_once() {
    let shop = Shop::new(Capabilities::text());
    shop.says("old", "1", "hi");
    shop.says("new", "1", "hi");
    shop.sent();
    for _ in 0..20 {
        shop.channel
            .refuse_next(SendErrorClass::Moved(address("new")));
    }
    shop.operates("old", "r", OperatorAct::Reply("hello".into()))
        .unwrap();
    let line = shop.transcript("old").pop().unwrap();
    assert_eq!(shop.sent().len(), 1);
    assert_eq!(line.failure, Some(FailureReason::Removed));
    // The old place is gone, and the dialog at the new one goes on.
    assert_eq!(
        shop.snapshot("old").reach,
        Reach::CannotWrite(Cause::Removed)
    );
    assert_eq!(shop.status("new"), "auto");
}

#[test]
fn one_long_penalty_among_many_holds_nobody_else_up_for_long() {
    let shop = Shop::new(Capabilities::text());
    for s in [1, 2, 3600] {
        shop.channel.refuse_next(SendErrorClass::Transient {
            retry_after: Some(SECOND * s),
        });
    }
    for c in ["a", "b", "c"] {
        shop.says(c, "1", "hi");
    }
    shop.sent();
    shop.says("d", "1", "hi");
    let mut t = 0;
    while shop.sent().iter().all(|s| s.to != address("d")) {
        shop.waits(SECOND * 10);
        t += 10;
    }
    assert!(t <= 60);
}

fn start(shop: &ScriptedChannel, key: &str) -> Inbound {
    let mut began = shop.says("anna", key, "/start");
    began.body = InboundBody::Started {
        payload: None,
        message: "/start".into(),
    };
    began
}

struct Yes;
#[async_trait::async_trait]
impl Port for Yes {
    async fn call(&self, _: EffectId, _: &Value) -> Result<Value, PortError> {
        Ok(Value::Bool(true))
    }
}

#[test]
fn beginning_again_keeps_what_was_asked_of_the_outside() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let flow = FlowBuilder::new("f", 1)
        .step("check", Membership::of("@x"))
        .exit(Membership::MEMBER, "gift")
        .exit(Membership::NOT_MEMBER, "gift")
        .exit(Membership::UNKNOWN, "gift")
        .step("gift", SendMessage::text("gift"))
        .build()
        .unwrap();
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&Bot::new("bot", flow), channel.clone())
        .port("membership", Arc::new(Yes))
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(start(&channel, "1"))).unwrap();
    block_on(worker.receive(start(&channel, "2"))).unwrap();
    for _ in 0..100 {
        block_on(worker.step()).unwrap();
        clock.advance(SECOND * 600);
    }
    block_on(worker.receive(start(&channel, "3"))).unwrap();
    for _ in 0..100 {
        block_on(worker.step()).unwrap();
        clock.advance(SECOND * 600);
    }
    let sent: Vec<_> = channel
        .take()
        .into_iter()
        .map(|s| s.message.text().to_owned())
        .collect();
    assert_eq!(sent, ["gift"]);
}

#[test]
fn st_11_beginning_again_ends_waiting() {
    let flow = FlowBuilder::new("f", 1)
        .step("join", SendMessage::text("Join, then come back."))
        .finish(FinishStatus::Waiting)
        .step("gift", SendMessage::text("gift"))
        .build()
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = Worker::builder(store.clone(), Arc::new(ManualClock::default()))
        .bot(&Bot::new("bot", flow), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(start(&channel, "1"))).unwrap();
    block_on(worker.receive(start(&channel, "2"))).unwrap();
    block_on(worker.step()).unwrap();
    let sent: Vec<_> = channel
        .take()
        .into_iter()
        .map(|s| s.message.text().to_owned())
        .collect();
    assert_eq!(sent, ["Join, then come back.", "gift"]);
    let loaded = block_on(store.load(dialog("anna"))).unwrap().unwrap();
    let snapshot = Snapshot::decode(&loaded.snapshot).unwrap();
    assert_eq!(snapshot.shown_status().kind, StatusKind::Finished);
}

#[test]
fn an_album_that_came_in_time_is_answered_before_the_time_out() {
    let flow = FlowBuilder::new("f", 1)
        .step("ask", Ask::text("Photos?"))
        .timeout(SECOND * 60)
        .exit("timeout", "late")
        .step("thanks", SendMessage::text("Thanks"))
        .finish(FinishStatus::Finished)
        .step("late", Ask::text("Too late. Still there?"))
        .build()
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&Bot::new("bot", flow), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    block_on(worker.step()).unwrap();
    clock.advance(Duration::from_millis(59_500));
    let item = Message::new("my dog")
        .with_media(Media::new(MediaKind::Photo, "p1"))
        .of_album("al");
    block_on(worker.receive(channel.says("anna", "2", item))).unwrap();
    for _ in 0..5 {
        clock.advance(Duration::from_millis(500));
        block_on(worker.step()).unwrap();
    }
    let sent: Vec<_> = channel
        .take()
        .into_iter()
        .map(|s| s.message.text().to_owned())
        .collect();
    assert!(!sent.iter().any(|t| t.starts_with("Too late")));
}

#[test]
fn each_item_of_an_album_counts_for_the_channel() {
    let shop = Shop::new(Capabilities::telegram_bot());
    shop.says("anna", "1", "hi");
    shop.sent();
    shop.waits(SECOND * 60);
    let album = || {
        (0..10).fold(Message::new(""), |m, n| {
            m.with_media(Media::new(MediaKind::Photo, format!("p{n}")))
        })
    };
    for n in 0..3 {
        shop.operates("anna", &format!("r{n}"), OperatorAct::Reply(album()))
            .unwrap();
    }
    let items: usize = shop.sent().iter().map(|s| s.message.media().len()).sum();
    assert!(items <= 10);
}

#[test]
fn nobody_is_made_to_wait_for_more_than_a_day_at_once() {
    let shop = Shop::new(Capabilities::text());
    shop.channel.refuse_next(SendErrorClass::Transient {
        retry_after: Some(Duration::from_secs(u64::MAX / 4)),
    });
    shop.says("anna", "1", "hi");
    shop.sent();
    for _ in 0..400 {
        shop.waits(SECOND * 86_400);
    }
    assert_eq!(
        shop.transcript("anna").pop().unwrap().delivery,
        Some(DeliveryState::Sent)
    );
}

#[test]
fn a_message_that_races_with_its_address_move_is_handled() {
    let flaky = Arc::new(Flaky::default());
    let shop = Shop::over(
        flaky.clone(),
        Arc::new(ManualClock::default()),
        Capabilities::text(),
    );
    shop.says("old", "1", "hi");
    let mut moved = shop.channel.says("old", "2", "");
    moved.body = InboundBody::Moved(address("new"));
    // The question for the address is answered just before the move commits.
    shop.hears(moved);
    flaky
        .stale_finds
        .store(1, std::sync::atomic::Ordering::SeqCst);
    let became = block_on(Ingest::receive(
        &shop.worker,
        shop.channel.raw("u3", "new", "Anna"),
    ));
    assert!(became.is_err() || became.unwrap() == Ingested::Handled);
}

/// A channel that takes two minutes for what it sends.
struct Slow(ScriptedChannel, Arc<ManualClock>);

#[async_trait::async_trait]
impl Channel for Slow {
    fn id(&self) -> &ChannelId {
        self.0.id()
    }
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        self.0.decode(raw)
    }
    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let done = Clock::now(&*self.1) + SECOND * 120;
        self.1.sleep_until(done).await;
        self.0.send(outbound).await
    }
    async fn listen(&self, _: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}

#[test]
fn a_channel_that_says_it_needs_long_is_waited_for() {
    let clock = Arc::new(ManualClock::default());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut patient = Capabilities::text();
    patient.send_within = SECOND * 300;
    let scripted = ScriptedChannel::new("test").with_capabilities(patient);
    let channel = Arc::new(Slow(scripted, clock.clone()));
    let flow = FlowBuilder::new("f", 1).step("name", Ask::text("Name?"));
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&Bot::new("bot", flow.build().unwrap()), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(channel.0.says("anna", "1", "hi"))).unwrap();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut step = pin!(worker.step());
    for _ in 0..3 {
        assert!(step.as_mut().poll(&mut cx).is_pending());
        clock.advance(SECOND * 40);
    }
    assert!(step.as_mut().poll(&mut cx).is_ready());
    let sent = channel.0.take();
    assert_eq!((sent.len(), sent[0].attempt), (1, 1));
    let line = block_on(store.transcript(dialog("anna"), None, 10))
        .unwrap()
        .pop();
    assert_eq!(line.unwrap().delivery, Some(DeliveryState::Sent));
}
