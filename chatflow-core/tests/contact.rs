//! A contact with two dialogs: what is done to the contact itself shows in both.

mod flaky;

use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Begun, Bot, CannotSend, ChangeContactError, Chatflow, Clock, Contact, ContactAct,
    ContactBlock, ContactChanged, ContactId, ContactRefusal, ContactView, DeliveryState, Dialog,
    DialogId, DueQuery, Engine, Event, FlowBuilder, HandleError, Handled, Inbound, InboundBody,
    MemoryStore, Message, Opened, OperatorAct, OperatorId, Outcome, Profile, Reach, Refusal,
    Snapshot, Status, StatusKind, Step, StepContext, Store, TurnCommit, Worker,
};
use futures::FutureExt;
use futures::executor::block_on;

use flaky::Flaky;

/// Tags the contact with what it writes after `tag`; echoes all else.
struct Tags;

impl Step for Tags {
    fn kind(&self) -> &'static str {
        "tags"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text().split_once(' ') {
            Some(("tag", tag)) => step.add_tag(tag),
            Some(("untag", tag)) => step.remove_tag(tag),
            _ => step.say(message.text()),
        }
        Outcome::Wait
    }
}

fn bot(id: &str) -> Bot {
    let flow = FlowBuilder::new("tags", 1).step("tags", Tags).build();
    Bot::new(id, flow.unwrap())
}

/// A worker with two bots, and one contact who is known to both.
struct Shop {
    worker: Worker,
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    web: Arc<ScriptedChannel>,
    phone: Arc<ScriptedChannel>,
}

/// The dialog with the bot on the web.
fn web() -> DialogId {
    DialogId::derive(&"bot".into(), &Address::new("web", "anna"))
}

/// The same contact's dialog with the bot on the phone.
fn phone() -> DialogId {
    DialogId::derive(&"kiosk".into(), &Address::new("phone", "+46"))
}

fn olga() -> OperatorId {
    "olga".into()
}

fn tag(tag: &str) -> ContactAct {
    ContactAct::AddTag(tag.to_owned())
}

impl Shop {
    fn over(store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Self {
        let web = Arc::new(ScriptedChannel::new("web"));
        let phone = Arc::new(ScriptedChannel::new("phone"));
        let worker = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(&bot("bot"), web.clone())
            .bot(&bot("kiosk"), phone.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        Self {
            worker,
            clock,
            store,
            web,
            phone,
        }
    }

    /// Both dialogs open, nothing left to do.
    fn open() -> Self {
        Self::open_over(Arc::new(MemoryStore::new()))
    }

    fn open_over(store: Arc<dyn Store>) -> Self {
        let shop = Self::over(store, Arc::new(ManualClock::default()));
        assert_eq!(shop.hears("1", "hi"), Handled::applied(1));
        shop.add_address();
        shop.step();
        assert_eq!(shop.heard(), ["hi", "hello"]);
        shop
    }

    /// Opens the dialog on the phone for the contact of the web: its second address.
    fn add_address(&self) {
        let (contact, now) = (self.row(), self.clock.now());
        let config = self
            .worker
            .configs()
            .find(|config| config.bot() == &"kiosk".into());
        let config = config.unwrap();
        let address = Address::new("phone", "+46");
        let mut snapshot = config.open(address.clone(), contact.view.clone(), now);
        snapshot.contact_id = contact.id;
        let event = Event::message("opened", "hello");
        let transition = Engine::handle(&config, snapshot, &event, now).unwrap();
        let opened = Some(Opened { address, contact });
        let turn = TurnCommit::new(transition, event.key, opened, None, now).unwrap();
        block_on(self.store.commit(turn)).unwrap();
    }

    /// Something the contact writes on the web.
    fn hears(&self, key: &str, text: &str) -> Handled {
        block_on(self.worker.receive(self.web.says("anna", key, text))).unwrap()
    }

    /// Something the contact writes on the phone.
    fn hears_by_phone(&self, key: &str, text: &str) -> Handled {
        block_on(self.worker.receive(self.phone.says("+46", key, text))).unwrap()
    }

    fn reports(&self, key: &str, reach: Reach) {
        let inbound = Inbound {
            key: key.into(),
            from: Address::new("web", "anna"),
            profile: Profile::default(),
            body: InboundBody::Reach(reach),
        };
        block_on(self.worker.receive(inbound)).unwrap();
    }

    fn acts(&self, dialog: DialogId, key: &str, act: OperatorAct) -> Result<Handled, HandleError> {
        block_on(
            self.worker
                .handle(dialog, &Event::operator(key, "olga", act)),
        )
    }

    fn change(&self, act: &ContactAct) -> ContactChanged {
        block_on(self.worker.change_contact(contact_id(), act, &olga())).unwrap()
    }

    fn step(&self) -> u64 {
        block_on(self.worker.step()).unwrap()
    }

    /// What both channels have sent since the last time, the web's first.
    fn heard(&self) -> Vec<String> {
        let sent = self.web.take().into_iter().chain(self.phone.take());
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    fn row(&self) -> Contact {
        block_on(self.store.contact(contact_id())).unwrap().unwrap()
    }

    fn snapshot(&self, dialog: DialogId) -> Snapshot {
        let loaded = block_on(self.store.load(dialog)).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }

    fn statuses(&self) -> [StatusKind; 2] {
        [web(), phone()].map(|dialog| self.snapshot(dialog).shown_status().kind())
    }

    fn lagging(&self) -> Vec<DialogId> {
        let due = block_on(self.store.due(&DueQuery::new(self.clock.now(), 10))).unwrap();
        due.lagging
    }

    fn can_send(&self, dialog: DialogId) -> Result<(), &'static str> {
        let answer = block_on(self.worker.can_send(dialog)).unwrap();
        answer.map_err(|reason| reason.label())
    }
}

fn contact_id() -> ContactId {
    ContactId::derive(
        &bot("bot").compile().unwrap().settings().space,
        &Address::new("web", "anna"),
    )
}

#[test]
fn st_36_a_blocked_contact_neither_sends_nor_receives_in_any_dialog() {
    let shop = Shop::open();
    for (dialog, key) in [(web(), "r1"), (phone(), "r2")] {
        shop.acts(dialog, key, OperatorAct::Reply("waits".into()))
            .unwrap();
    }
    let waits = block_on(shop.store.outbox(web())).unwrap()[0].effect.id;
    let lines = |dialog| block_on(shop.store.transcript(dialog, None, 100)).unwrap();
    let before = [web(), phone()].map(|dialog| lines(dialog).len());
    shop.change(&ContactAct::Block);

    // At once, though no dialog has been told.
    assert_eq!(shop.lagging().len(), 2);
    let begun = block_on(shop.store.begin_delivery(waits, shop.clock.now())).unwrap();
    assert!(matches!(begun, Begun::Cancelled), "{begun:?}");
    let blocked = Handled::Refused(Refusal::Blocked);
    assert_eq!(shop.hears("2", "let me in"), blocked);
    assert_eq!(shop.hears_by_phone("3", "let me in"), blocked);
    let waiting = block_on(shop.store.outbox(phone())).unwrap();
    assert!(waiting.is_empty(), "cancelled with the turn that tells it");
    for (dialog, key) in [(web(), "r3"), (phone(), "r4")] {
        let answer = shop.acts(dialog, key, OperatorAct::Reply("hello".into()));
        let Err(HandleError::Refused(refused)) = answer else {
            panic!("taken: {answer:?}");
        };
        assert_eq!(refused.reason, Refusal::Blocked);
    }

    shop.step();
    assert!(shop.heard().is_empty(), "nothing leaves");
    assert_eq!(shop.statuses(), [StatusKind::Blocked; 2]);
    for (dialog, before) in [web(), phone()].into_iter().zip(before) {
        let lines = lines(dialog);
        assert_eq!(lines.len(), before, "what was refused is no line");
        let last = lines.last().unwrap().delivery;
        assert_eq!(last, Some(DeliveryState::Cancelled));
        assert!(block_on(shop.store.outbox(dialog)).unwrap().is_empty());
        let refusals = block_on(shop.store.refusals(dialog, 10)).unwrap();
        assert_eq!(refusals.len(), 1, "it is kept as refused");
    }
}

/// The dialogs that hear of the block only by the loop, without an event of their own.
#[test]
fn st_36_a_block_silences_dialogs_in_which_nothing_happens() {
    let shop = Shop::open();
    shop.acts(phone(), "r", OperatorAct::Reply("waits".into()))
        .unwrap();
    shop.change(&ContactAct::Block);
    shop.step();
    assert_eq!(shop.statuses(), [StatusKind::Blocked; 2]);
    assert!(shop.heard().is_empty());
    for id in ["bot", "kiosk"] {
        let counters = block_on(shop.store.counters(&id.into())).unwrap();
        assert_eq!(counters, [(StatusKind::Blocked, 1)]);
    }
    // What was cancelled by the block doesn't come back with the unblock.
    shop.change(&ContactAct::Unblock);
    shop.step();
    assert!(shop.heard().is_empty());
}

#[test]
fn st_37_unblocking_shows_each_earlier_status_and_lets_messages_through() {
    let shop = Shop::open();
    shop.acts(phone(), "t", OperatorAct::Take).unwrap();
    let before = shop.statuses();
    assert_eq!(before, [StatusKind::Auto, StatusKind::Manual]);
    shop.change(&ContactAct::Block);
    shop.step();
    assert_eq!(shop.statuses(), [StatusKind::Blocked; 2]);
    shop.change(&ContactAct::Unblock);
    // Taken at once, though the dialogs still show Blocked.
    assert!(matches!(shop.hears("2", "back"), Handled::Applied { .. }));
    shop.acts(phone(), "r", OperatorAct::Reply("welcome".into()))
        .unwrap();
    shop.step();
    assert_eq!(shop.heard(), ["back", "welcome"]);
    assert_eq!(shop.statuses(), before);
    assert_eq!(shop.row().view.blocked, None);
}

#[test]
fn st_38_the_composer_is_told_at_once_who_blocked_and_since_when() {
    let shop = Shop::open();
    let dialogs = [web(), phone()];
    assert_eq!(dialogs.map(|dialog| shop.can_send(dialog)), [Ok(()); 2]);
    shop.clock.advance(Duration::from_secs(60));
    let since = shop.clock.now();
    shop.change(&ContactAct::Block);
    shop.clock.advance(Duration::from_secs(60));
    let expected = CannotSend::ContactBlocked { by: olga(), since };
    let told = |shop: &Shop| {
        for dialog in dialogs {
            let answer = block_on(shop.worker.can_send(dialog)).unwrap();
            assert_eq!(answer, Err(expected.clone()));
        }
    };
    told(&shop);
    shop.step();
    told(&shop);
    let block = ContactBlock { by: olga(), since };
    assert_eq!(shop.snapshot(phone()).contact.blocked, Some(block));
    shop.change(&ContactAct::Unblock);
    assert_eq!(dialogs.map(|dialog| shop.can_send(dialog)), [Ok(()); 2]);
    shop.acts(web(), "b", OperatorAct::Block).unwrap();
    assert_eq!(shop.can_send(web()), Err("blocked_by_operator"));
    assert_eq!(shop.can_send(phone()), Ok(()), "of that dialog only");
    let nobody = DialogId::from_bytes([1; 16]);
    let answer = block_on(shop.worker.can_send(nobody));
    assert!(matches!(answer, Err(HandleError::NoSuchDialog { .. })));
}

#[test]
fn st_39_ours_and_the_contacts_block_are_different_facts() {
    let shop = Shop::open();
    shop.reports("2", Reach::BlockedByContact);
    assert_eq!(shop.can_send(web()), Err("blocked_by_contact"));
    assert_eq!(shop.can_send(phone()), Ok(()), "a fact of one channel");
    shop.change(&ContactAct::Block);
    shop.step();
    // The contact unblocks the bot: still unsendable because of ours.
    shop.reports("3", Reach::Ok);
    assert_eq!(shop.snapshot(web()).reach, Reach::Ok);
    assert_eq!(shop.can_send(web()), Err("contact_blocked"));
    assert_eq!(shop.statuses(), [StatusKind::Blocked; 2]);
    let answer = shop.acts(web(), "r", OperatorAct::Reply("hello".into()));
    assert!(matches!(answer, Err(HandleError::Refused(_))));
    // The other way round: ours is lifted, the contact's stays.
    shop.reports("4", Reach::BlockedByContact);
    shop.change(&ContactAct::Unblock);
    shop.step();
    assert_eq!(shop.can_send(web()), Err("blocked_by_contact"));
    assert_eq!(shop.can_send(phone()), Ok(()));
    assert_eq!(shop.statuses(), [StatusKind::Blocked, StatusKind::Auto]);
}

#[test]
fn ct_23_a_tag_on_a_contact_shows_in_both_its_dialogs() {
    let shop = Shop::open();
    assert_eq!(
        shop.change(&tag("vip")),
        ContactChanged::Applied { revision: 2 }
    );
    assert_eq!(shop.step(), 2, "one turn in each dialog");
    let dialogs = block_on(shop.store.dialogs_of(contact_id(), None, 10)).unwrap();
    assert_eq!(dialogs.len(), 2);
    for summary in dialogs {
        assert!(shop.snapshot(summary.dialog).has_tag("vip"));
        assert_eq!((summary.revision, summary.row.contact_revision), (2, 2));
    }
    shop.change(&ContactAct::RemoveTag("vip".to_owned()));
    shop.step();
    for dialog in [web(), phone()] {
        assert!(!shop.snapshot(dialog).has_tag("vip"));
    }
    assert_eq!(shop.step(), 0, "and then there is peace");
    assert!(shop.heard().is_empty());
}

#[test]
fn ct_23_a_flows_tag_shows_at_once_and_soon_in_the_other_dialog() {
    let shop = Shop::open();
    assert_eq!(shop.hears("2", "tag vip"), Handled::applied(2));
    assert!(shop.snapshot(web()).has_tag("vip"), "at once");
    assert!(!shop.row().view.tags.contains("vip"), "the row comes after");
    shop.step();
    assert!(shop.row().view.tags.contains("vip"));
    assert!(shop.snapshot(phone()).has_tag("vip"));
    assert_eq!(
        shop.snapshot(web()).revision,
        2,
        "it needs no turn for its own"
    );
    assert_eq!(shop.snapshot(phone()).revision, 2, "one turn");
    // Both ways at the same time: nobody's change is lost.
    shop.hears("3", "tag cold");
    shop.hears_by_phone("4", "untag vip");
    shop.step();
    let row = shop.row().view;
    assert!(row.tags.iter().eq(["cold"]), "{:?}", row.tags);
    for dialog in [web(), phone()] {
        assert_eq!(shop.snapshot(dialog).contact.tags, row.tags);
    }
    assert!(shop.lagging().is_empty());
}

#[test]
fn ct_23_a_crash_before_the_dialogs_are_told_loses_nothing() {
    let shop = Shop::open();
    shop.change(&tag("vip"));
    shop.hears("2", "tag cold");
    // Its own dialog was told before its turn; the other is not, and the patch is in the outbox.
    assert_eq!(shop.lagging(), [phone()]);
    let Shop {
        worker,
        store,
        clock,
        ..
    } = shop;
    drop(worker);
    let shop = Shop::over(store, clock);
    shop.step();
    for dialog in [web(), phone()] {
        let tags = shop.snapshot(dialog).contact.tags;
        assert!(tags.iter().eq(["cold", "vip"]), "{tags:?}");
    }
    assert!(shop.lagging().is_empty());
}

#[test]
fn the_loop_is_woken_by_a_change_of_a_contact() {
    let shop = Shop::open();
    let mut run = Box::pin(shop.worker.run(std::future::pending()));
    assert!((&mut run).now_or_never().is_none());
    shop.change(&tag("vip"));
    assert!((&mut run).now_or_never().is_none());
    for dialog in [web(), phone()] {
        assert!(shop.snapshot(dialog).has_tag("vip"));
    }
}

#[test]
fn a_dialog_that_cannot_be_told_waits_and_holds_nobody_up() {
    let shop = Shop::open();
    shop.change(&tag("vip"));
    let Shop {
        worker,
        store,
        clock,
        web: channel,
        ..
    } = shop;
    drop(worker);
    // A program without the other bot.
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&bot("bot"), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    assert_eq!(block_on(worker.step()).unwrap(), 1);
    let mut run = Box::pin(worker.run(std::future::pending()));
    for key in ["2", "3"] {
        assert!((&mut run).now_or_never().is_none(), "the loop rests");
        block_on(worker.receive(channel.says("anna", key, key))).unwrap();
        clock.advance(Duration::from_secs(2));
        assert!((&mut run).now_or_never().is_none());
        let sent = channel.take();
        assert_eq!(sent.len(), 1, "the others go on");
    }
    drop(run);
    let shop = Shop::over(store, clock);
    assert!(shop.snapshot(web()).has_tag("vip"));
    assert_eq!(shop.lagging(), [phone()], "it is not forgotten");
    shop.step();
    assert!(shop.snapshot(phone()).has_tag("vip"));
}

#[test]
fn the_same_act_again_changes_nothing() {
    let shop = Shop::open();
    let acts = [
        ContactAct::Block,
        ContactAct::Unblock,
        ContactAct::SetName("Anna Maria".into()),
        ContactAct::SetField("city".to_owned(), "Riga".into()),
        tag("vip"),
        ContactAct::RemoveTag("vip".to_owned()),
    ];
    for act in &acts {
        assert!(matches!(shop.change(act), ContactChanged::Applied { .. }));
        let row = shop.row();
        assert_eq!(shop.change(act), ContactChanged::Unchanged);
        assert_eq!(shop.row(), row);
    }
    shop.step();
    let snapshot = shop.snapshot(phone());
    assert_eq!(snapshot.contact_name(), Some("Anna Maria"));
    assert_eq!(snapshot.contact, shop.row().view);
}

#[test]
fn an_act_whose_answer_was_lost_happens_once() {
    let store = Arc::new(Flaky::default());
    let shop = Shop::open_over(store.clone());
    store.lost_saves.store(1, Ordering::SeqCst);
    assert_eq!(
        shop.change(&ContactAct::Block),
        ContactChanged::Applied { revision: 2 }
    );
    assert_eq!(shop.row().view.revision, 2);
}

#[test]
fn what_cannot_be_done_to_a_contact_is_said_by_name_and_changes_nothing() {
    let shop = Shop::open();
    let row = shop.row();
    let refused = |act: &ContactAct, by: &str| {
        block_on(shop.worker.change_contact(contact_id(), act, &by.into()))
    };
    let long = tag(&"x".repeat(ContactView::TAG_BYTES_MAX + 1));
    let cases = [
        (refused(&long, "olga"), ContactRefusal::BadTag),
        (refused(&tag("vip"), ""), ContactRefusal::BadOperator),
    ];
    for (answer, reason) in cases {
        let Err(ChangeContactError::Refused(refusal)) = answer else {
            panic!("done: {answer:?}");
        };
        assert_eq!(refusal, reason);
    }
    assert_eq!(shop.row(), row);
    let nobody = ContactId::from_bytes([1; 16]);
    let answer = block_on(shop.worker.change_contact(nobody, &tag("vip"), &olga()));
    let Err(ChangeContactError::NoSuchContact { contact }) = answer else {
        panic!("done: {answer:?}");
    };
    assert_eq!(contact, nobody);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The flow's dialog saw room for its tag; meanwhile others filled the row.
#[test]
fn a_tag_beyond_the_bounds_is_dropped_and_logged_without_its_text() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let shop = Shop::open();
    shop.hears("2", "tag s3cret");
    let mut row = shop.row();
    row.view.revision += 1;
    row.view.tags = (0..ContactView::TAGS_MAX).map(|n| n.to_string()).collect();
    block_on(shop.store.save_contact(&row, row.view.revision - 1)).unwrap();
    shop.step();
    assert_eq!(shop.row(), row);
    for dialog in [web(), phone()] {
        assert_eq!(shop.snapshot(dialog).contact, row.view);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("doesn't fit"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

/// The same through the handle that a program holds, under its own loop.
#[tokio::test]
async fn the_running_engine_changes_contacts_and_says_what_can_be_sent() {
    let channel = ScriptedChannel::new("web");
    let inbound = channel.says("anna", "1", "hi");
    let chatflow = Chatflow::builder(MemoryStore::new())
        .bot(bot("bot"), channel)
        .start()
        .await
        .unwrap();
    chatflow.receive(inbound).await.unwrap();
    assert_eq!(chatflow.can_send(web()).await.unwrap(), Ok(()));
    let (block, by) = (ContactAct::Block, olga());
    let changed = chatflow.change_contact(contact_id(), &block, &by);
    let applied = ContactChanged::Applied { revision: 2 };
    assert_eq!(changed.await.unwrap(), applied);
    let answer = chatflow.can_send(web()).await.unwrap();
    assert_eq!(answer.unwrap_err().label(), "contact_blocked");
    chatflow.shutdown().await.unwrap();
    let snapshot = chatflow.dialog(web()).await.unwrap().unwrap();
    assert_eq!(snapshot.shown_status().kind(), StatusKind::Blocked);
}
