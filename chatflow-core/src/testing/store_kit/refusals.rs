//! Events that the engine refused.

use crate::dialog::{Event, EventKey, OperatorAct, codec};
use crate::engine::Refusal;
use crate::store::{Committed, RefusedEvent};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, far};

/// A dialog that an operator has blocked, and the refusal of a message to it.
async fn blocked(desk: &Desk, key: &str) -> (Event, RefusedEvent) {
    desk.says("anna", "say hello; wait 60000", at(1)).await;
    let block = desk.act("anna", OperatorAct::Block, at(2)).await;
    desk.apply(block).await;
    let event = Event::message(key, "let me in");
    let refused = desk.try_turn("anna", &event, at(3)).await;
    (
        event,
        refused.expect_err("a blocked dialog refuses messages"),
    )
}

async fn refuse(desk: &Desk, refused: RefusedEvent) -> Committed {
    desk.store.refuse(refused).await.expect("refuse")
}

/// A refused event is kept with its reason and the revision it met; it makes no revision and
/// changes nothing else.
pub async fn a_refused_event_is_kept(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (event, refused) = blocked(&desk, "refused").await;
    let mut before = desk.dump().await;
    let applied = refuse(&desk, refused.clone()).await;
    assert_eq!(applied, Committed::APPLIED);
    let kept = desk.store.refusals(desk.dialog("anna"), usize::MAX).await;
    let kept = kept.expect("refusals");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].revision, 2, "the revision it met");
    assert_eq!(kept[0].key, event.key);
    assert_eq!((kept[0].at, &kept[0].reason), (at(3), &refused.reason));
    assert_eq!(codec::decode::<Event>(&kept[0].event).ok(), Some(event));
    before.refusals = vec![kept];
    assert_eq!(desk.dump().await, before, "nothing else changes");
}

/// A refused event consumes its key: neither a second refusal nor a turn takes it again.
pub async fn a_refused_event_consumes_its_key(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (event, refused) = blocked(&desk, "refused").await;
    refuse(&desk, refused.clone()).await;
    let unblock = desk.act("anna", OperatorAct::Unblock, at(4)).await;
    desk.apply(unblock).await;
    let before = desk.dump().await;
    let seen = Committed::Duplicate { revision: 3 };
    assert_eq!(refuse(&desk, refused).await, seen);
    assert_eq!(desk.dump().await, before, "refused twice is refused once");
    let mut turn = desk.turn("anna", &event, at(5)).await;
    let committed = desk.store.commit(turn.clone()).await.expect("commit");
    assert_eq!(committed, seen);
    turn.expected = 0;
    let committed = desk.store.commit(turn).await.expect("commit");
    assert_eq!(committed, seen, "whatever the revision");
    assert_eq!(desk.dump().await, before, "the turn is not applied");
}

/// Whether a key was seen can be asked, of turns and of refused events alike.
pub async fn what_was_handled_is_known(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let event = Event::message("taken", "say hello");
    let known = async |who: &str, key: &str| {
        let dialog = desk.dialog(who);
        desk.store
            .is_handled(dialog, &key.into())
            .await
            .expect("is_handled")
    };
    assert!(!known("anna", "taken").await, "nothing was handled yet");
    let turn = desk.turn("anna", &event, at(1)).await;
    desk.apply(turn).await;
    let other = Event::message("refused", "say hello");
    refuse(
        &desk,
        desk.refused("anna", &other, at(2), &Refusal::Blocked),
    )
    .await;
    assert!(known("anna", "taken").await && known("anna", "refused").await);
    assert!(!known("anna", "other").await, "another key");
    assert!(!known("bert", "taken").await, "another dialog");
}

/// A key that a turn consumed is not refused afterwards.
pub async fn a_committed_key_is_not_refused(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let event = Event::message("taken", "say hello");
    let turn = desk.turn("anna", &event, at(1)).await;
    desk.apply(turn).await;
    let before = desk.dump().await;
    let refused = desk.refused("anna", &event, at(2), &Refusal::Blocked);
    let seen = Committed::Duplicate { revision: 1 };
    assert_eq!(refuse(&desk, refused).await, seen);
    assert_eq!(desk.dump().await, before);
}

/// The very first event of a dialog can be refused: the key is consumed, no dialog comes to
/// be, and another event opens it.
pub async fn the_first_event_can_be_refused(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let event = Event::message("first", "x".repeat(17 * 1024));
    let refused = desk.try_turn("anna", &event, at(1)).await;
    let refused = refused.expect_err("longer than the bot's limit");
    assert!(matches!(
        refuse(&desk, refused.clone()).await,
        Committed::Applied { .. }
    ));
    let seen = Committed::Duplicate { revision: 0 };
    assert_eq!(refuse(&desk, refused).await, seen);
    let turn = desk
        .turn("anna", &Event::message("first", "say hi"), at(2))
        .await;
    assert_eq!(desk.store.commit(turn).await.expect("commit"), seen);
    assert!(desk.summaries().await.is_empty(), "no dialog comes to be");
    assert!(desk.counters().await.is_empty());
    assert!(desk.listed(far()).await.is_empty());

    desk.says("anna", "say hello", at(3)).await;
    let kept = desk.store.refusals(desk.dialog("anna"), usize::MAX).await;
    let kept = kept.expect("refusals");
    assert_eq!(kept.len(), 1, "the refusal is the dialog's");
    assert_eq!(kept[0].revision, 0);
    let turn = desk
        .turn("anna", &Event::message("first", "say hi"), at(4))
        .await;
    let committed = desk.store.commit(turn).await.expect("commit");
    assert_eq!(committed, Committed::Duplicate { revision: 1 });
}

/// Refusals are listed oldest first, up to the limit, each with its own dialog; a key refused
/// in one dialog is free in another.
pub async fn refusals_are_listed_oldest_first(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    desk.says("bert", "say hello", at(1)).await;
    let keys = ["c", "a", "b"];
    for (second, key) in (2..).zip(keys) {
        let event = Event::message(key, "refused");
        let refused = desk.refused("anna", &event, at(second), &Refusal::Blocked);
        refuse(&desk, refused).await;
    }
    for limit in [1, 2, 3, usize::MAX] {
        let kept = desk.store.refusals(desk.dialog("anna"), limit).await;
        let kept = kept.expect("refusals").into_iter();
        let kept: Vec<EventKey> = kept.map(|refused| refused.key).collect();
        let expected: Vec<EventKey> = keys.iter().take(limit).map(|&key| key.into()).collect();
        assert_eq!(kept, expected);
    }
    let others = desk.store.refusals(desk.dialog("bert"), 9).await;
    assert!(others.expect("refusals").is_empty());
    let turn = desk
        .turn("bert", &Event::message("a", "say free"), at(9))
        .await;
    desk.apply(turn).await;
}
