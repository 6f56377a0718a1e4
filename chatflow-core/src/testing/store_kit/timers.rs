//! Timers: set, replaced, cancelled, listed when due and never early.

use crate::dialog::{Event, EventBody, OperatorAct, TimerChange};
use crate::store::{Committed, DueTimer};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, at_ms, entries, far, retry_at};

async fn timers(desk: &Desk, ms: i64) -> Vec<DueTimer> {
    desk.due(at_ms(ms)).await.timers
}

/// The event by which a listed timer fires.
fn fired(timer: &DueTimer) -> Event {
    let key = format!("timer:{}:{}", timer.generation, timer.name);
    let body = EventBody::TimerFired {
        name: timer.name.clone(),
        generation: timer.generation,
    };
    Event::new(key, body)
}

/// A timer is listed from its moment on and not a millisecond before; until then `next` names
/// that moment.
pub async fn a_timer_is_never_early(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    assert_eq!(desk.due(at(0)).await.next, None, "nothing is planned");
    let turn = desk.message("anna", "wait 4321", at(1)).await;
    desk.apply(turn).await;
    for ms in [0, 1_000, 5_320] {
        let due = desk.due(at_ms(ms)).await;
        assert!(due.timers.is_empty(), "not due yet");
        assert_eq!(due.next, Some(at_ms(5_321)));
    }
    let due = desk.due(at_ms(5_321)).await;
    let timer = DueTimer {
        dialog: desk.dialog("anna"),
        name: "step".to_owned(),
        generation: 1,
        due: at_ms(5_321),
    };
    assert_eq!(due.timers, std::slice::from_ref(&timer));
    assert_eq!(due.next, None, "what is listed doesn't count");
    assert_eq!(
        timers(&desk, 99_000).await,
        [timer],
        "and stays listed until it fires"
    );
}

/// A timer that has fired is listed no more, and its key can't fire it twice.
pub async fn a_timer_fires_once(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "wait 1000", at(1)).await;
    let due = timers(&desk, 2_000).await;
    assert_eq!(due.len(), 1);
    let event = fired(&due[0]);
    let turn = desk.turn("anna", &event, at(2)).await;
    desk.apply(turn.clone()).await;
    assert!(timers(&desk, 99_000).await.is_empty());
    assert_eq!(desk.due(at(1)).await.next, None);
    let again = desk.store.commit(turn).await.expect("commit");
    assert_eq!(again, Committed::Duplicate { revision: 2 });
}

/// A timer set again takes the place of the older one, whether it is due later or sooner.
pub async fn a_timer_set_again_replaces_the_older(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "wait 5000", at(1)).await;
    desk.says("anna", "wait 60000", at(2)).await;
    assert!(timers(&desk, 6_000).await.is_empty(), "the older is gone");
    assert_eq!(desk.due(at(3)).await.next, Some(at(62)));
    desk.says("anna", "wait 1000", at(3)).await;
    let due = desk.due(far()).await.timers;
    assert_eq!(due.len(), 1, "one timer of one name");
    assert_eq!((due[0].generation, due[0].due), (3, at(4)));
    let older = DueTimer {
        generation: 1,
        ..due[0].clone()
    };
    let stale = desk.try_turn("anna", &fired(&older), at(9)).await;
    assert!(stale.is_err(), "the engine refuses the older generation");
    let now = desk.turn("anna", &fired(&due[0]), at(9)).await;
    desk.apply(now).await;
    assert!(desk.due(far()).await.timers.is_empty());
}

/// A cancelled timer is never listed, and nothing is planned any more.
pub async fn a_cancelled_timer_is_gone(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "wait 1000", at(1)).await;
    desk.says("bert", "wait 1000", at(1)).await;
    let take = desk.act("anna", OperatorAct::Take, at(2)).await;
    let cancel = TimerChange::Cancel {
        name: "step".to_owned(),
    };
    assert_eq!(take.timers, [cancel]);
    desk.apply(take).await;
    let due = desk.due(far()).await.timers;
    let dialogs: Vec<_> = due.into_iter().map(|timer| timer.dialog).collect();
    assert_eq!(
        dialogs,
        [desk.dialog("bert")],
        "another dialog's timer stays"
    );
    let turn = desk.act("bert", OperatorAct::Take, at(2)).await;
    desk.apply(turn).await;
    assert_eq!(desk.due(at(0)).await.next, None);
}

/// Timers of one dialog are kept apart by name, exactly as written; cancelling one that isn't
/// set changes nothing.
pub async fn timers_of_a_dialog_are_kept_by_name(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk.message("anna", "hello", at(1)).await;
    let set = |name: &str, seconds| TimerChange::Set {
        name: name.to_owned(),
        generation: 1,
        due: at(seconds),
    };
    let cancel = |name: &str| TimerChange::Cancel {
        name: name.to_owned(),
    };
    turn.timers = vec![set("b", 4), set("a", 3), set("A", 2), cancel("c")];
    desk.apply(turn).await;
    let names = async |seconds: i64| {
        let due = timers(&desk, seconds * 1000).await.into_iter();
        due.map(|timer| timer.name).collect::<Vec<_>>()
    };
    assert_eq!(names(9).await, ["A", "a", "b"], "longest due first");
    let mut turn = desk.message("anna", "hello", at(1)).await;
    turn.timers = vec![cancel("a"), set("A", 9)];
    desk.apply(turn).await;
    assert_eq!(names(8).await, ["b"]);
    assert_eq!(names(9).await, ["b", "A"]);
}

/// Timers are listed longest due first, no more than asked for; `next` is the earliest of what
/// isn't due yet.
pub async fn the_longest_due_timer_is_listed_first(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let waits = [("c", 5), ("a", 3), ("e", 1), ("b", 4), ("d", 2), ("f", 60)];
    for (who, seconds) in waits {
        let script = format!("wait {}", seconds * 1000);
        desk.says(who, &script, at(0)).await;
    }
    let order: Vec<_> = ["e", "d", "a", "b", "c"]
        .iter()
        .map(|who| desk.dialog(who))
        .collect();
    for limit in 1..7 {
        let due = desk.due_up_to(at(5), limit).await;
        let dialogs: Vec<_> = due.timers.iter().map(|timer| timer.dialog).collect();
        assert_eq!(dialogs, order[..limit.min(5)]);
        assert_eq!(due.next, Some(at(60)), "what is due already doesn't count");
    }
    let due = desk.due(at(3)).await;
    assert_eq!(due.timers.len(), 3);
    assert_eq!(due.next, Some(at(4)));
}

/// Timers and deliveries each have the limit to themselves, and `next` is the sooner of both.
pub async fn timers_and_deliveries_do_not_crowd_each_other(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["a", "b", "c"] {
        desk.says(who, "wait 1000; say hello", at(1)).await;
    }
    let due = desk.due_up_to(at(2), 2).await;
    assert_eq!((due.timers.len(), due.deliveries.len()), (2, 2));
    let effect = entries(&due)[0];
    desk.says("d", "wait 60000", at(2)).await;
    desk.start(effect, at(2)).await;
    desk.settle(effect, 1, retry_at(at(30))).await;
    assert_eq!(desk.due(at(2)).await.next, Some(at(30)));
    assert_eq!(desk.due(at(30)).await.next, Some(at(62)));
}
