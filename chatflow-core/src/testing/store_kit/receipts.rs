//! What a channel reports of messages that it took, and how it names them.

use crate::dialog::{
    EffectId, Event, EventBody, FailureReason, Message, OperatorAct, ReceiptState, Receipted,
};
use crate::store::{DeliveryState, Settled};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, dead, named, part_as};

use ReceiptState::{Delivered, Failed, Read};

const LEFT: ReceiptState = Failed(FailureReason::VisitorLeft);

fn these(ids: &[&str]) -> Receipted {
    Receipted::These(named(ids))
}

/// Receipts move a message from sent to delivered and to read; each says once what it changed.
pub async fn ms_02_ms_03_receipts_move_a_message_forward(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.deliver_as(ids[0], &["7"], at(2)).await;
    desk.deliver_as(ids[1], &["8"], at(2)).await;
    for (receipt, state) in [
        (Delivered, DeliveryState::Delivered),
        (Read, DeliveryState::Read),
    ] {
        let seven = these(&["7"]);
        assert_eq!(desk.mark("anna", &seven, receipt).await, [ids[0]]);
        assert_eq!(desk.delivery(ids[0]).await, Some(state));
        assert_eq!(desk.mark("anna", &seven, receipt).await, [], "repeated");
        assert_eq!(desk.delivery(ids[1]).await, Some(DeliveryState::Sent));
    }
    assert!(desk.open_entries("anna").await.is_empty());
}

/// In whatever order receipts come, states only move forward, and a failure counts only where
/// nothing better was reported.
pub async fn ms_06_states_only_move_forward(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let all = [Delivered, Read, LEFT];
    for n in 0..27 {
        let order = [all[n / 9], all[n / 3 % 3], all[n % 3]];
        let who = format!("contact {n}");
        let ids = desk.says(&who, "say one", at(1)).await;
        desk.deliver_as(ids[0], &["7"], at(2)).await;
        let mut state = DeliveryState::Sent;
        for receipt in order {
            let next = state.after(receipt);
            let changed = desk.mark(&who, &these(&["7"]), receipt).await;
            assert_eq!(changed.len(), usize::from(next.is_some()), "{order:?}");
            state = next.unwrap_or(state);
            let line = desk.line(ids[0]).await;
            assert_eq!(line.delivery, Some(state), "{order:?}");
            let is_dead = state == DeliveryState::Dead;
            let failure = is_dead.then_some(FailureReason::VisitorLeft);
            assert_eq!(line.failure, failure, "{order:?}");
        }
    }
}

/// Why a message was given up is kept beside it, by whichever way it came.
pub async fn ms_04_a_failure_has_its_reason(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for reason in FailureReason::ALL {
        let who = reason.label();
        let ids = desk.says(who, "say one; say two", at(1)).await;
        desk.start(ids[0], at(2)).await;
        desk.settle(ids[0], 1, Settled::Dead { reason }).await;
        desk.deliver_as(ids[1], &["7"], at(2)).await;
        desk.mark(who, &these(&["7"]), Failed(reason)).await;
        for effect in ids {
            let line = desk.line(effect).await;
            assert_eq!(line.delivery, Some(DeliveryState::Dead));
            assert_eq!(line.failure, Some(reason));
        }
    }
}

/// A receipt of all until a moment speaks of what the channel took until then, the moment
/// included, in that dialog only, and of nothing but messages.
pub async fn a_receipt_of_all_until_a_moment_stops_there(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let script = "say one; call rates; name Anna; say two; say three; say four";
    let ids = desk.says("anna", script, at(1)).await;
    let bert = desk.says("bert", "say one", at(1)).await;
    desk.deliver_as(bert[0], &["7"], at(10)).await;
    for (effect, seconds) in [(0, 10), (1, 10), (2, 10), (3, 20), (4, 30)] {
        desk.deliver_as(ids[effect], &[], at(seconds)).await;
    }
    desk.start(ids[5], at(30)).await;
    let until = Receipted::SentUntil(at(20));
    assert_eq!(desk.mark("anna", &until, Delivered).await, [ids[0], ids[3]]);
    assert_eq!(desk.mark("anna", &until, Delivered).await, [], "repeated");
    let later = Receipted::SentUntil(at(99));
    assert_eq!(
        desk.mark("anna", &later, Read).await,
        [ids[0], ids[3], ids[4]]
    );
    let states = [
        (ids[4], DeliveryState::Read),
        (ids[5], DeliveryState::InFlight),
    ];
    for (effect, state) in states.into_iter().chain([(bert[0], DeliveryState::Sent)]) {
        assert_eq!(desk.delivery(effect).await, Some(state));
    }
    let before = Receipted::SentUntil(at(9));
    assert_eq!(desk.mark("bert", &before, Read).await, []);
}

/// What the channel never took has no receipts: what waits, is in flight, arrived in part, was
/// given up or cancelled; nor has what the contact wrote, and what isn't there.
pub async fn what_was_never_taken_has_no_receipts(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let inbound = Message::new("say one; say two; say three").with_external_id("in");
    let line = desk.hears("anna", inbound, at(1)).await;
    let part = EffectId { n: 1, ..line };
    let given_up = EffectId { n: 2, ..line };
    desk.start(part, at(2)).await;
    desk.settle(part, 1, part_as(&["part"])).await;
    desk.start(part, at(2)).await;
    desk.settle(part, 1, dead()).await;
    desk.start(given_up, at(2)).await;
    desk.settle(given_up, 1, dead()).await;
    let bert = desk.says("bert", "say one; say two", at(1)).await;
    desk.start(bert[0], at(2)).await;
    desk.settle(bert[0], 1, part_as(&["half"])).await;
    desk.start(bert[0], at(2)).await;
    let clara = desk.says("clara", "say one", at(1)).await;
    let take = desk.act("clara", OperatorAct::Take, at(3)).await;
    assert_eq!(desk.apply(take).await, clara.into_iter().collect());
    let before = desk.dump().await;
    for who in ["anna", "bert", "clara", "nobody"] {
        for receipt in [Delivered, Read, LEFT] {
            for of in [
                these(&["in", "part", "half", "unknown"]),
                these(&[]),
                Receipted::SentUntil(at(99)),
            ] {
                assert_eq!(desk.mark(who, &of, receipt).await, []);
            }
        }
    }
    assert_eq!(desk.dump().await, before);
}

/// Every id of a message tells of it, and several of them once. An id that a message shares
/// with its new form tells of both.
pub async fn every_id_of_a_message_tells_of_it(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let of = desk.replies("anna", "one", at(2)).await;
    desk.start(of, at(2)).await;
    desk.settle(of, 1, part_as(&["7", "8"])).await;
    desk.deliver_as(of, &["9"], at(2)).await;
    let eight = these(&["8"]);
    assert_eq!(desk.mark("anna", &eight, Delivered).await, [of]);
    let text = "won".into();
    let edit = desk.acts("anna", OperatorAct::Edit { of, text }, at(3));
    let edit = edit.await;
    desk.deliver_as(edit, &["7"], at(3)).await;
    assert_eq!(desk.line(of).await.ids, named(&["7", "8", "9"]));
    let shared = these(&["7", "7"]);
    assert_eq!(desk.mark("anna", &shared, Read).await, [of, edit]);
    let others = these(&["9", "8"]);
    assert_eq!(desk.mark("anna", &others, Read).await, [], "read already");
}

/// A message is found by the id that its channel gave it, ours and the contact's; of several
/// forms the latest. Ids are exact and belong to one dialog.
pub async fn a_message_is_found_by_its_external_id(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let inbound = Message::new("say one; say two").with_external_id("a");
    let line = desk.hears("anna", inbound, at(1)).await;
    let first = EffectId { n: 1, ..line };
    assert_eq!(desk.find_message("anna", "a").await, Some(line));
    assert_eq!(desk.line(line).await.ids, named(&["a"]));
    desk.start(first, at(2)).await;
    desk.settle(first, 1, part_as(&["b", "c"])).await;
    assert_eq!(desk.find_message("anna", "c").await, Some(first), "a part");
    desk.deliver_as(first, &["d"], at(2)).await;
    for id in ["b", "c", "d"] {
        assert_eq!(desk.find_message("anna", id).await, Some(first));
    }
    let edited = Message::new("say three").with_external_id("a");
    let edited = Event::new(desk.key(), EventBody::MessageEdited(edited));
    let turn = desk.turn("anna", &edited, at(3)).await;
    let latest = turn.messages[0].id;
    desk.apply(turn).await;
    assert_eq!(desk.find_message("anna", "a").await, Some(latest));
    assert_eq!(desk.line(line).await.ids, named(&["a"]), "both have it");
    desk.says("bert", "say one", at(1)).await;
    for (who, id) in [("anna", "A"), ("anna", "e"), ("bert", "a"), ("clara", "a")] {
        assert_eq!(desk.find_message(who, id).await, None);
    }
}
