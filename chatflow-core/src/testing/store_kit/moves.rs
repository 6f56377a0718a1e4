//! Dialogs whose address is another.

use crate::dialog::{Address, DialogId, Event, EventBody};
use crate::store::{DueQuery, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, dead, retry_at, sent};

async fn leads_to(desk: &Desk, address: &Address) -> Option<DialogId> {
    let found = desk.store.find_dialog(desk.config.bot(), address).await;
    found.expect("find_dialog")
}

/// The turn in which the channel reports that an address is another.
async fn moved(desk: &Desk, who: &str, to: &Address, seconds: i64) -> TurnCommit {
    let event = Event::new(desk.key(), EventBody::AddressMoved(to.clone()));
    let turn = desk.turn(who, &event, at(seconds)).await;
    assert_eq!(turn.moved.as_ref(), Some(to));
    turn
}

/// A moved dialog is found by its new address and by all before it, and its messages go to the
/// new one. It can move back.
pub async fn a_moved_dialog_is_found_by_all_its_addresses(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    desk.says("bert", "say hello", at(1)).await;
    let (dialog, old) = (desk.dialog("anna"), desk.address("anna"));
    let places = ["anna 2", "anna 3"].map(|who| desk.address(who));
    for (seconds, to) in (2..).zip(places.iter().chain([&old])) {
        let turn = moved(&desk, "anna", to, seconds).await;
        desk.apply(turn).await;
        assert_eq!(leads_to(&desk, to).await, Some(dialog));
        assert_eq!(leads_to(&desk, &old).await, Some(dialog));
        assert_eq!(leads_to(&desk, &places[0]).await, Some(dialog));
        let summary = desk.summary("anna").await;
        assert_eq!(
            (&summary.address, summary.contact),
            (to, desk.contact_id("anna"))
        );
        let reply = desk.replies("anna", "hello", at(seconds)).await;
        assert_eq!(&desk.start(reply, at(seconds)).await.address, to);
        desk.settle(reply, 1, dead()).await;
    }
    let bert = desk.summary("bert").await;
    assert_eq!(bert.address, desk.address("bert"), "another dialog");
}

/// What waits when a dialog moves goes to the new address: what is ready, what comes back from
/// a try, what is revived later. If that is another channel's, it is listed there.
pub async fn what_waits_goes_to_the_new_address(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for (who, to) in [("anna", "anna 2"), ("bert", "sms/bert")] {
        let ids = desk.says(who, "say one; say two; say three; call rates", at(1));
        let ids = ids.await;
        desk.start(ids[0], at(2)).await;
        desk.settle(ids[0], 1, dead()).await;
        desk.start(ids[1], at(2)).await;
        let to = desk.address(to);
        let mut turn = desk.message(who, "say four", at(3)).await;
        turn.moved = Some(to.clone());
        let last = turn.effects[0].id;
        desk.apply(turn).await;
        assert!(desk.revive(ids[0], at(3)).await);
        desk.settle(ids[1], 1, retry_at(at(3))).await;
        for effect in [ids[0], ids[1], ids[2], last] {
            let due = desk.due(at(3)).await.deliveries;
            let own = due
                .iter()
                .filter(|entry| entry.effect.dialog == effect.dialog);
            let messages: Vec<_> = own.filter(|entry| entry.to.is_some()).collect();
            assert_eq!(messages.len(), 1, "the first of them");
            assert_eq!(messages[0].effect, effect);
            assert_eq!(messages[0].to.as_ref(), Some(&to));
            let skip = DueQuery {
                skip: [(to.channel.clone(), messages[0].lane)].into(),
                ..DueQuery::new(at(3), 99)
            };
            let others = desk.query(&skip).await.deliveries;
            assert!(!others.iter().any(|entry| entry.effect == effect));
            let delivery = desk.start(effect, at(3)).await;
            assert_eq!(delivery.address, to);
            desk.settle(effect, delivery.attempt, sent()).await;
        }
    }
}

/// An address that leads to another dialog is not taken from it: a conflict, and nothing
/// changes. So it is where a new dialog would move there.
pub async fn a_move_to_a_taken_address_is_a_conflict(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say one; wait 5000", at(1)).await;
    desk.says("bert", "say one", at(1)).await;
    let bert = desk.address("bert");
    let before = desk.dump().await;
    let turn = moved(&desk, "anna", &bert, 2).await;
    assert_eq!(desk.conflict(turn.clone()).await, 1);
    let mut opening = desk.message("clara", "say one", at(2)).await;
    opening.moved = Some(bert.clone());
    assert_eq!(desk.conflict(opening).await, 0);
    assert_eq!(desk.dump().await, before);
    assert_eq!(leads_to(&desk, &bert).await, Some(desk.dialog("bert")));
    assert_eq!(leads_to(&desk, &desk.address("clara")).await, None);
    // The key was not consumed: elsewhere the dialog can move.
    let free = TurnCommit {
        moved: Some(desk.address("anna 2")),
        ..turn
    };
    desk.apply(free).await;
}
