//! A bot that is paused: what is held, what goes on, and what follows the pause.

mod outside;

use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::ManualClock;
use chatflow_core::{
    Behaviour, BotId, Clock, EventBody, HandleError, Handled, MemoryStore, OperatorAct, Store,
};
use futures::FutureExt;
use futures::executor::block_on;

use outside::{Outside, Play, Shop, all, request};

fn bot() -> BotId {
    BotId::new("shop")
}

fn pause(shop: &Shop) -> bool {
    block_on(shop.worker.pause_bot(&bot())).unwrap()
}

fn resume(shop: &Shop) -> bool {
    block_on(shop.worker.resume_bot(&bot())).unwrap()
}

#[test]
fn fl_29_nothing_automatic_is_sent_in_a_pause() {
    let outside = Outside::always(Play::Answers);
    let shop = Shop::of(&outside);
    shop.hears("say one");
    shop.hears("wait");
    shop.hears("model");
    assert!(pause(&shop));
    assert!(!pause(&shop), "it is paused already");
    shop.waits_long();
    assert!(shop.said().is_empty());
    assert!(outside.keys().is_empty());
    let row = block_on(shop.worker.bot_row(&bot())).unwrap();
    assert!(row.paused_since.is_some());

    assert!(resume(&shop));
    assert!(!resume(&shop));
    shop.waits_long();
    let mut said = shop.said();
    said.sort_unstable();
    let answer = "text: sales, tokens_in: 1000, tokens_out: 200";
    assert_eq!(said, ["one", answer, "time is up"], "each once");
    assert_eq!(outside.keys().len(), 1);
    shop.waits_long();
    assert!(shop.said().is_empty() && shop.is_settled());
}

#[test]
fn fl_29_what_contacts_write_in_a_pause_is_kept_for_the_flow() {
    let shop = Shop::of(&Outside::always(Play::Answers));
    pause(&shop);
    // The first message opens the dialog, held like the others.
    shop.hears("say one");
    shop.hears("say two");
    assert!(shop.said().is_empty());
    let kept = |events: Vec<EventBody>| {
        let kept = events.into_iter().filter_map(|event| match event {
            EventBody::WhilePaused(event) => match *event {
                EventBody::MessageReceived(message) => Some(message.text().to_owned()),
                _ => None,
            },
            _ => None,
        });
        kept.collect::<Vec<_>>()
    };
    assert_eq!(kept(shop.events()), ["say one", "say two"]);
    let again = shop.channel.says("anna", "key 2", "say two");
    assert_eq!(
        block_on(shop.worker.receive(again)).unwrap(),
        Handled::Duplicate
    );
    resume(&shop);
    shop.hears("say three");
    assert_eq!(kept(shop.events()), ["say one", "say two"]);
    let last = shop.events().pop();
    assert!(
        matches!(last, Some(EventBody::MessageReceived(_))),
        "{last:?}"
    );
}

#[test]
fn fl_29_people_go_on_in_a_pause() {
    let shop = Shop::of(&Outside::always(Play::Answers));
    shop.hears("say one");
    shop.step();
    pause(&shop);
    let handled = shop.acts(OperatorAct::Reply("Olga here".into()));
    assert!(matches!(handled, Handled::Applied { .. }));
    shop.step();
    assert_eq!(shop.said(), ["one", "Olga here"]);
}

#[test]
fn fl_29_a_call_under_way_is_asked_again_after_the_pause() {
    let outside = Outside::plays([Play::NeverAnswers]);
    let shop = Shop::of(&outside);
    shop.hears("model");
    let mut step = Box::pin(shop.worker.step());
    assert!((&mut step).now_or_never().is_none(), "it is being asked");
    pause(&shop);
    shop.clock.advance(Duration::from_secs(60));
    assert!(step.now_or_never().is_some(), "given up");
    shop.waits_long();
    assert_eq!(outside.keys().len(), 1, "not in the pause");
    resume(&shop);
    shop.waits_long();
    let keys = outside.keys();
    assert_eq!(keys, [keys[0]; 2]);
    assert_eq!(shop.answers().len(), 1);
    assert!(shop.answers()[0].0.is_ok());
}

#[test]
fn fl_29_an_answer_that_comes_in_the_pause_is_asked_for_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let outside = Outside::always(Play::Answers);
    let build = |store: Arc<dyn Store>| {
        let clock = Arc::new(ManualClock::default());
        Shop::over(
            store,
            clock,
            Behaviour::default(),
            Default::default(),
            |builder| {
                all(
                    &outside,
                    builder.port("slow", Arc::new(Pauses(bot_store()))),
                )
            },
        )
    };
    fn bot_store() -> Arc<std::sync::Mutex<Option<Arc<dyn Store>>>> {
        STORE.with(Arc::clone)
    }
    *bot_store().lock().unwrap() = Some(Arc::clone(&store));
    let shop = build(store);
    shop.hears("slow");
    let turns = shop.snapshot().revision;
    shop.waits_long();
    assert_eq!(shop.snapshot().revision, turns, "no turn in the pause");
    let open = block_on(shop.store.outbox(Shop::dialog())).unwrap();
    assert_eq!((open.len(), open[0].attempts), (1, 0), "it isn't counted");
    resume(&shop);
    shop.step();
    assert_eq!(shop.said(), ["asked"]);
    assert_eq!(shop.answers().len(), 1);
    assert!(shop.is_settled());
}

thread_local! {
    static STORE: Arc<std::sync::Mutex<Option<Arc<dyn Store>>>> = Arc::default();
}

/// Answers well, and sees to it that the bot is paused by then; the first time only.
struct Pauses(Arc<std::sync::Mutex<Option<Arc<dyn Store>>>>);

#[async_trait::async_trait]
impl chatflow_core::Port for Pauses {
    async fn call(
        &self,
        _: chatflow_core::EffectId,
        _: &chatflow_core::Value,
    ) -> Result<chatflow_core::Value, chatflow_core::PortError> {
        let store = self.0.lock().unwrap().take();
        if let Some(store) = store {
            let since = ManualClock::default().now();
            store.pause(&bot(), Some(since)).await.unwrap();
        }
        Ok("asked".into())
    }
}

#[test]
fn fl_29_what_a_person_asks_is_answered_in_a_pause() {
    let outside = Outside::always(Play::Answers);
    let shop = Shop::of(&outside);
    let body = chatflow_core::EffectBody::Call {
        port: "model".to_owned(),
        request: request("model"),
    };
    shop.decides_as(body, false);
    pause(&shop);
    shop.step();
    assert_eq!(outside.keys().len(), 1);
    assert!(shop.is_settled());
}

#[test]
fn fl_29_the_end_of_a_pause_wakes_the_loop() {
    let shop = Shop::of(&Outside::always(Play::Answers));
    shop.hears("say one");
    pause(&shop);
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let mut run = Box::pin(shop.worker.run(async { stopped.await.unwrap_or(()) }));
    assert!((&mut run).now_or_never().is_none());
    assert!(shop.said().is_empty());
    resume(&shop);
    assert!((&mut run).now_or_never().is_none());
    assert_eq!(shop.said(), ["one"]);
    stop.send(()).unwrap();
    assert!((&mut run).now_or_never().is_some());
}

#[test]
fn a_bot_of_another_program_is_not_paused() {
    let shop = Shop::of(&Outside::always(Play::Answers));
    let other = BotId::new("other");
    for answer in [
        block_on(shop.worker.pause_bot(&other)),
        block_on(shop.worker.resume_bot(&other)),
        block_on(shop.worker.bot_row(&other)).map(|_| true),
    ] {
        assert!(
            matches!(answer, Err(HandleError::NoSuchBot { .. })),
            "{answer:?}"
        );
    }
}

#[test]
fn fl_27_a_takeover_is_told_what_it_took_back_and_what_is_under_way() {
    let shop = Shop::of(&Outside::always(Play::Answers));
    shop.hears("say one");
    let due = chatflow_core::DueQuery::new(shop.clock.now(), 9);
    let first = block_on(shop.store.due(&due)).unwrap().deliveries[0].effect;
    block_on(shop.store.begin_delivery(first, shop.clock.now())).unwrap();
    shop.hears("say two");
    let revision = shop.snapshot().revision;
    let handled = shop.acts(OperatorAct::Reply("Olga here".into()));
    let Handled::Applied {
        revision: now,
        cancelled,
        under_way,
    } = handled
    else {
        panic!("{handled:?}");
    };
    assert_eq!((now, under_way), (revision + 1, vec![first]));
    assert_eq!(cancelled.len(), 1);
    shop.step();
    assert!(shop.said().is_empty(), "behind what is under way");
}
