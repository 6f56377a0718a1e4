//! What goes beside messages and is answered by nobody: typing and reports.

use std::collections::BTreeSet;

use crate::dialog::OperatorAct;
use crate::store::{Begun, DeliveryState, Settled};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::bots::{add, report, typing};
use crate::testing::store_kit::desk::{Desk, at, block, dead, far, sent};

/// Typing and reports go at once, beside the messages of their dialog, come back as they were
/// decided, and leave nothing open once they are settled.
pub async fn typing_and_reports_go_beside_messages(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk.message("anna", "say one; say two", at(1)).await;
    let shown = add(&mut turn, typing(at(9)));
    let told = add(&mut turn, report());
    let effects = turn.effects.clone();
    desk.apply(turn).await;
    let due = desk.due(at(1)).await;
    let beside: BTreeSet<_> = due
        .deliveries
        .iter()
        .filter(|delivery| delivery.to.is_none())
        .map(|delivery| delivery.effect)
        .collect();
    assert_eq!(beside, BTreeSet::from([shown, told]));
    assert_eq!(due.deliveries.len(), 3);
    desk.start(effects[0].id, at(1)).await;
    assert_eq!(desk.start(told, at(1)).await.effect, effects[3]);
    assert_eq!(desk.start(shown, at(1)).await.effect, effects[2]);
    let later = Settled::Retry {
        due: at(5),
        counted: false,
    };
    desk.settle(shown, 1, later).await;
    assert_eq!(desk.due(at(4)).await.next, Some(at(5)));
    assert_eq!(
        desk.start(shown, at(5)).await.attempt,
        1,
        "it isn't counted"
    );
    desk.settle(shown, 1, sent()).await;
    desk.settle(told, 1, dead()).await;
    assert_eq!(desk.open_entries("anna").await.len(), 2);
    assert!(desk.revive(told, at(6)).await);
    let again = desk.start(told, at(6)).await;
    assert_eq!(again.effect, effects[3], "a report can be made after all");
    desk.settle(told, 1, sent()).await;
    let texts = desk.open_entries("anna").await;
    let texts: Vec<_> = texts.into_iter().map(|(id, ..)| id).collect();
    assert_eq!(texts, [effects[0].id, effects[1].id]);
}

/// A takeover and a block take typing back and leave reports: what they tell has happened.
pub async fn a_takeover_leaves_reports(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for (who, act) in [
        ("anna", OperatorAct::Reply("hello".into())),
        ("bert", OperatorAct::Block),
    ] {
        let mut turn = desk.message(who, "say one", at(1)).await;
        let said = turn.effects[0].id;
        let shown = add(&mut turn, typing(at(9)));
        let told = add(&mut turn, report());
        desk.apply(turn).await;
        let act = desk.act(who, act, at(2)).await;
        assert_eq!(desk.apply(act).await, BTreeSet::from([said, shown]));
        let begun = desk.begin(shown, at(3)).await;
        assert!(matches!(begun, Begun::Cancelled), "not {begun:?}");
        desk.deliver(told, at(3)).await;
    }
}

/// What was begun before a takeover and comes back after it: typing is over, a report is made.
pub async fn the_fence_stops_typing_and_no_report(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk.message("anna", "say one", at(1)).await;
    let shown = add(&mut turn, typing(at(9)));
    let told = add(&mut turn, report());
    desk.apply(turn).await;
    desk.start(shown, at(1)).await;
    desk.start(told, at(1)).await;
    let reply = OperatorAct::Reply("hello".into());
    let reply = desk.act("anna", reply, at(2)).await;
    desk.apply(reply).await;
    for effect in [shown, told] {
        let again = Settled::Retry {
            due: at(3),
            counted: true,
        };
        desk.settle(effect, 1, again).await;
    }
    let begun = desk.begin(shown, at(3)).await;
    assert!(matches!(begun, Begun::Cancelled), "not {begun:?}");
    assert_eq!(desk.start(told, at(3)).await.attempt, 2);
}

/// A contact whose row is blocked, and a dialog that can't be sent to, are shown no typing.
pub async fn a_blocked_contact_is_shown_no_typing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["anna", "bert"] {
        let mut turn = desk.message(who, "say one", at(1)).await;
        let shown = add(&mut turn, typing(at(9)));
        let told = add(&mut turn, report());
        turn.row.can_send = who == "anna";
        desk.apply(turn).await;
        if who == "anna" {
            let mut row = desk.contact(who).await.expect("her row");
            row.view.revision += 1;
            row.view.blocked = block();
            let expected = row.view.revision - 1;
            desk.store.save_contact(&row, expected).await.expect("save");
        }
        let begun = desk.begin(shown, at(2)).await;
        assert!(matches!(begun, Begun::Cancelled), "{who}: not {begun:?}");
        desk.deliver(told, at(2)).await;
        let open = desk.open_entries(who).await;
        assert_eq!(open.len(), 1);
        assert_eq!(
            open[0].1,
            DeliveryState::Ready,
            "the message, not begun yet"
        );
    }
    assert_eq!(desk.due(far()).await.deliveries.len(), 2);
}
