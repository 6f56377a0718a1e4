//! Sending after all what was given up.

use crate::dialog::{EffectId, FailureReason, OperatorAct, ReceiptState, Receipted};
use crate::store::{Begun, DeliveryState};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, dead, named, part_as, retry_at, sent, sent_as};

const LOST: ReceiptState = ReceiptState::Failed(FailureReason::VisitorLeft);

/// A dead entry that somebody wants to be sent is ready again, due then and with no attempts;
/// asked twice, it is sent once.
pub async fn ms_43_what_is_revived_twice_is_sent_once(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for script in ["say one", "call rates", "name Anna"] {
        let effect = desk.says("anna", script, at(1)).await[0];
        desk.start(effect, at(2)).await;
        desk.settle(effect, 1, retry_at(at(2))).await;
        desk.start(effect, at(2)).await;
        desk.settle(effect, 2, dead()).await;
        assert!(desk.revive(effect, at(5)).await, "it was dead");
        let entry = desk.entry(effect).await;
        let columns = (entry.state, entry.attempts, entry.due);
        assert_eq!(columns, (DeliveryState::Ready, 0, at(5)));
        assert_eq!(desk.due(at(4)).await.next, Some(at(5)));
        assert!(!desk.revive(effect, at(6)).await, "it is ready");
        assert_eq!(desk.listed(at(5)).await, [effect]);
        assert_eq!(desk.start(effect, at(5)).await.attempt, 1);
        assert!(!desk.revive(effect, at(6)).await, "it is in flight");
        desk.settle(effect, 1, sent()).await;
        assert!(!desk.revive(effect, at(6)).await, "it was sent");
        assert!(desk.listed(at(9)).await.is_empty(), "and once");
    }
    let said = EffectId {
        dialog: desk.dialog("anna"),
        turn: 1,
        n: 1,
    };
    let line = desk.line(said).await;
    assert_eq!(line.delivery, Some(DeliveryState::Sent));
    assert_eq!(line.failure, None, "it was sent after all");
}

/// What is not dead stays as it is, and so does what isn't there.
pub async fn only_what_is_dead_is_revived(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk
        .says("anna", "say one; say two; say three", at(1))
        .await;
    desk.deliver_as(anna[0], &["7"], at(2)).await;
    let these = Receipted::These(named(&["7"]));
    desk.mark("anna", &these, ReceiptState::Delivered).await;
    desk.start(anna[1], at(2)).await;
    let bert = desk.says("bert", "say one", at(1)).await;
    let take = desk.act("bert", OperatorAct::Take, at(3)).await;
    desk.apply(take).await;
    let nobody = EffectId {
        dialog: desk.dialog("clara"),
        ..anna[0]
    };
    let inbound = EffectId { n: 0, ..anna[0] };
    let before = desk.dump().await;
    for effect in [anna[0], anna[1], anna[2], bert[0], nobody, inbound] {
        assert!(!desk.revive(effect, at(4)).await, "{effect} is not dead");
    }
    assert_eq!(desk.dump().await, before);
}

/// A revived message has its old place: it goes before later ones that wait. While a later one
/// is in flight it waits for that one's end, whatever that is.
pub async fn a_revived_message_keeps_its_place(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for ends in ["retried", "in parts", "recovered", "sent", "behind"] {
        let ids = desk.says(ends, "say one; say two; say three", at(1)).await;
        desk.start(ids[0], at(2)).await;
        desk.settle(ids[0], 1, dead()).await;
        let in_flight = ends != "behind";
        if in_flight {
            desk.start(ids[1], at(2)).await;
        }
        assert!(desk.revive(ids[0], at(3)).await);
        let under_way = desk.listed(at(3)).await;
        if in_flight {
            assert!(under_way.is_empty(), "one is in flight: {under_way:?}");
            let begun = desk.begin(ids[0], at(3)).await;
            assert!(matches!(begun, Begun::NotNow), "not {begun:?}");
        }
        match ends {
            "retried" => desk.settle(ids[1], 1, retry_at(at(2))).await,
            "in parts" => desk.settle(ids[1], 1, part_as(&["a"])).await,
            "recovered" => {
                assert_eq!(desk.store.recover(at(3)).await.expect("recover"), 1);
            }
            "sent" => desk.settle(ids[1], 1, sent()).await,
            _ => {}
        }
        assert_eq!(desk.listed(at(3)).await, [ids[0]], "{ends}");
        let begun = desk.begin(ids[1], at(3)).await;
        assert!(matches!(begun, Begun::NotNow), "{ends}: not {begun:?}");
        desk.deliver(ids[0], at(3)).await;
        let left = if ends == "sent" { &ids[2..] } else { &ids[1..] };
        for &effect in left {
            assert_eq!(desk.listed(at(3)).await, [effect], "{ends}");
            desk.deliver(effect, at(3)).await;
        }
    }
}

/// Parts that had arrived when a message was given up are not sent again.
pub async fn what_has_arrived_is_not_sent_again(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one", at(1)).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, part_as(&["a", "b"])).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, dead()).await;
    assert_eq!(desk.line(ids[0]).await.ids, named(&["a", "b"]));
    assert!(desk.revive(ids[0], at(3)).await);
    let delivery = desk.start(ids[0], at(3)).await;
    assert_eq!((delivery.part, delivery.attempt), (1, 1));
    desk.settle(ids[0], 1, sent_as(&["c"])).await;
    assert_eq!(desk.line(ids[0]).await.ids, named(&["a", "b", "c"]));
}

/// What the channel took and then lost is sent anew, from its first part and as it was decided;
/// its old ids lead nowhere. So it is for messages, edits and deletions.
pub async fn what_the_channel_lost_is_sent_anew(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let of = desk.replies("anna", "one", at(2)).await;
    let text = "won".into();
    let edit = desk.acts("anna", OperatorAct::Edit { of, text }, at(3));
    let edit = edit.await;
    let delete = desk.acts("anna", OperatorAct::Delete { of }, at(4)).await;
    let broadcast = OperatorAct::Broadcast("spring".into());
    let broadcast = desk.acts("anna", broadcast, at(5)).await;
    for effect in [of, edit, delete, broadcast] {
        let first = desk.start(effect, at(6)).await;
        desk.settle(effect, 1, part_as(&["a"])).await;
        desk.start(effect, at(6)).await;
        desk.settle(effect, 1, sent_as(&["b"])).await;
        let these = Receipted::These(named(&["b"]));
        assert_eq!(desk.mark("anna", &these, LOST).await, [effect]);
        assert!(desk.revive(effect, at(7)).await);
        assert_eq!(desk.find_message("anna", "a").await, None);
        let again = desk.start(effect, at(7)).await;
        assert_eq!((again.part, again.attempt), (0, 1));
        assert_eq!(again.effect, first.effect);
        let late = desk.mark("anna", &these, ReceiptState::Delivered).await;
        assert!(late.is_empty(), "a receipt of what was lost");
        desk.settle(effect, 1, sent_as(&["c"])).await;
        assert_eq!(desk.find_message("anna", "c").await, Some(effect));
        let sent = Receipted::These(named(&["c"]));
        assert_eq!(desk.mark("anna", &sent, LOST).await, [effect]);
        assert!(desk.revive(effect, at(8)).await, "any number of times");
        desk.deliver(effect, at(8)).await;
    }
}
