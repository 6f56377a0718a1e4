//! Messages of several parts, and tries that don't count.

use crate::dialog::{EffectBody, EffectId, OperatorAct};
use crate::store::{Begun, DeliveryState, Settled};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{
    Desk, at, block, dead, named, part_as, retry_at, sent, sent_as, settlement,
};

/// A part that arrived makes the message ready at its next part, due as it was and with no
/// attempts; it keeps its place before the messages behind it.
pub async fn parts_go_one_by_one(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    let first = desk.start(ids[0], at(2)).await;
    assert_eq!((first.part, first.attempt), (0, 1));
    desk.settle(ids[0], 1, part_as(&["a"])).await;
    let entry = desk.entry(ids[0]).await;
    let columns = (entry.state, entry.part, entry.attempts, entry.due);
    assert_eq!(columns, (DeliveryState::Ready, 1, 0, at(1)));
    assert_eq!(desk.listed(at(2)).await, [ids[0]], "before what is behind");
    let begun = desk.begin(ids[1], at(2)).await;
    assert!(matches!(begun, Begun::NotNow), "not {begun:?}");

    let second = desk.start(ids[0], at(2)).await;
    assert_eq!((second.part, second.attempt), (1, 1));
    assert_eq!(second.effect, first.effect);
    desk.settle(ids[0], 1, retry_at(at(9))).await;
    let entry = desk.entry(ids[0]).await;
    assert_eq!((entry.part, entry.attempts), (1, 1), "a part is retried");
    let again = desk.start(ids[0], at(9)).await;
    assert_eq!((again.part, again.attempt), (1, 2));
    desk.settle(ids[0], 2, part_as(&["b"])).await;
    let third = desk.start(ids[0], at(9)).await;
    assert_eq!((third.part, third.attempt), (2, 1));
    desk.settle(ids[0], 1, sent_as(&["c"])).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Sent));
    assert_eq!(desk.listed(at(9)).await, [ids[1]]);
}

/// The ids of all parts are kept in the order in which they came, also where a part has several
/// or none.
pub async fn ids_of_all_parts_are_kept_in_order(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    // In no order of their own.
    for part in [&["10", "9"][..], &[], &["a", "2"]] {
        let delivery = desk.start(ids[0], at(2)).await;
        desk.settle(ids[0], delivery.attempt, part_as(part)).await;
    }
    assert_eq!(desk.line(ids[0]).await.ids, named(&["10", "9", "a", "2"]));
    desk.deliver_as(ids[0], &["1"], at(2)).await;
    desk.deliver_as(ids[1], &["0"], at(2)).await;
    let all = named(&["10", "9", "a", "2", "1"]);
    assert_eq!(desk.line(ids[0]).await.ids, all);
    assert_eq!(desk.line(ids[1]).await.ids, named(&["0"]));
    let page = desk.store.transcript(ids[0].dialog, Some(ids[0]), 1).await;
    let page = page.expect("transcript");
    assert_eq!(page[0].ids, named(&["0"]), "a page has its own ids");
}

/// A part whose worker is gone is tried again, and none that has arrived.
pub async fn a_part_that_was_in_flight_is_recovered(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, part_as(&["a"])).await;
    desk.start(ids[0], at(2)).await;
    assert_eq!(desk.store.recover(at(5)).await.expect("recover"), 1);
    assert_eq!(desk.listed(at(5)).await, [ids[0]]);
    let again = desk.start(ids[0], at(5)).await;
    assert_eq!((again.part, again.attempt), (1, 2));
    desk.settle(ids[0], 1, sent()).await;
    let state = desk.entry(ids[0]).await.state;
    assert_eq!(state, DeliveryState::InFlight, "the lost attempt is late");
}

/// A message of which a part has arrived is under way: neither a takeover nor the fence stops
/// the rest of it.
pub async fn a_takeover_lets_what_is_under_way_finish(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, part_as(&["a"])).await;
    let reply = desk.act("anna", OperatorAct::Reply("three".into()), at(3));
    let reply = reply.await;
    let own = reply.effects[0].id;
    let cancelled = desk.apply(reply).await;
    assert_eq!(cancelled, [ids[1]].into(), "what had not begun");
    assert_eq!(desk.listed(at(3)).await, [ids[0]]);
    let rest = desk.start(ids[0], at(3)).await;
    assert!(rest.effect.epoch < desk.summary("anna").await.row.fence);
    assert_eq!(rest.part, 1);
    desk.settle(ids[0], 1, sent()).await;
    desk.deliver(own, at(3)).await;
}

/// A block stops the rest of a message too: by the turn, and where only the contact's row is
/// blocked, when the next part would begin.
pub async fn a_block_stops_what_is_under_way(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["anna", "bert"] {
        let ids = desk.says(who, "say one", at(1)).await;
        desk.start(ids[0], at(2)).await;
        desk.settle(ids[0], 1, part_as(&["a"])).await;
    }
    let [anna, bert] = ["anna", "bert"].map(|who| EffectId {
        dialog: desk.dialog(who),
        turn: 1,
        n: 1,
    });
    let blocked = desk.act("anna", OperatorAct::Block, at(3)).await;
    assert_eq!(desk.apply(blocked).await, [anna].into());
    let mut row = desk.contact("bert").await.expect("bert's row");
    row.view.revision += 1;
    row.view.blocked = block();
    let saved = desk.store.save_contact(&row, row.view.revision - 1).await;
    saved.expect("save_contact");
    for effect in [anna, bert] {
        let begun = desk.begin(effect, at(4)).await;
        assert!(matches!(begun, Begun::Cancelled), "not {begun:?}");
        let line = desk.line(effect).await;
        assert_eq!(line.delivery, Some(DeliveryState::Cancelled));
        assert_eq!(line.ids, named(&["a"]), "what arrived is known");
    }
}

/// A try that doesn't count leaves the attempts as they were before it; the order stays.
pub async fn an_uncounted_retry_leaves_the_attempts(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk
        .says("anna", "say one; call rates; say two", at(1))
        .await;
    let uncounted = |seconds| Settled::Retry {
        due: at(seconds),
        counted: false,
    };
    for &effect in &ids[..2] {
        assert_eq!(desk.start(effect, at(2)).await.attempt, 1);
        desk.settle(effect, 1, uncounted(9)).await;
        let entry = desk.entry(effect).await;
        assert_eq!((entry.attempts, entry.due), (0, at(9)));
        assert_eq!(entry.state, DeliveryState::Ready);
        assert_eq!(desk.start(effect, at(9)).await.attempt, 1);
        desk.settle(effect, 1, retry_at(at(9))).await;
        assert_eq!(desk.start(effect, at(9)).await.attempt, 2);
        desk.settle(effect, 2, uncounted(10)).await;
        assert_eq!(desk.entry(effect).await.attempts, 1);
    }
    assert!(desk.listed(at(9)).await.is_empty(), "nothing overtakes it");
    assert_eq!(desk.due(at(9)).await.next, Some(at(10)));
}

/// What is ready is put off to its moment, each to its own, with its attempts and parts; all
/// else is left alone.
pub async fn only_what_is_ready_is_put_off(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk
        .says("anna", "say one; call rates; say two", at(1))
        .await;
    desk.start(anna[0], at(2)).await;
    desk.settle(anna[0], 1, part_as(&["a"])).await;
    desk.start(anna[0], at(2)).await;
    desk.settle(anna[0], 1, retry_at(at(2))).await;
    let off: Vec<_> = anna.iter().copied().zip([at(20), at(30), at(1)]).collect();
    desk.store.put_off(&off).await.expect("put_off");
    let entry = desk.entry(anna[0]).await;
    let columns = (entry.state, entry.part, entry.attempts, entry.due);
    assert_eq!(columns, (DeliveryState::Ready, 1, 1, at(20)));
    let waiting = desk.due(at(19)).await;
    assert!(waiting.deliveries.is_empty(), "not before its time");
    assert_eq!(waiting.next, Some(at(20)));
    let begun = desk.begin(anna[0], at(19)).await;
    assert!(matches!(begun, Begun::NotNow), "not {begun:?}");
    assert_eq!(desk.listed(at(20)).await, [anna[0]]);
    assert_eq!(desk.start(anna[0], at(20)).await.attempt, 2);

    let bert = desk
        .says("bert", "say one; say two; call rates", at(1))
        .await;
    desk.deliver(bert[0], at(2)).await;
    desk.start(bert[1], at(2)).await;
    desk.settle(bert[1], 1, dead()).await;
    let take = desk.act("bert", OperatorAct::Take, at(3)).await;
    desk.apply(take).await;
    let nobody = EffectId {
        dialog: desk.dialog("clara"),
        ..bert[0]
    };
    let before = desk.dump().await;
    let others = [anna[0], bert[0], bert[1], bert[2], nobody];
    let off: Vec<_> = others.map(|effect| (effect, at(99))).into();
    desk.store.put_off(&off).await.expect("put_off");
    desk.store.put_off(&[]).await.expect("put off nothing");
    assert_eq!(desk.dump().await, before, "not ready");
    let settlement = settlement(anna[0], 2, sent());
    desk.store.settle(vec![settlement]).await.expect("settle");
    assert_eq!(desk.delivery(anna[0]).await, Some(DeliveryState::Sent));
}

/// Edits and deletions go in order with the dialog's messages, one at a time, and are stopped
/// by what stops messages.
pub async fn edits_and_deletions_keep_the_order(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let of = desk.replies("anna", "one", at(2)).await;
    let text = "won".into();
    let edit = desk.acts("anna", OperatorAct::Edit { of, text }, at(3));
    let edit = edit.await;
    let delete = desk.acts("anna", OperatorAct::Delete { of }, at(4)).await;
    let last = desk.replies("anna", "two", at(5)).await;
    for effect in [of, edit, delete] {
        assert_eq!(desk.listed(at(6)).await, [effect]);
        for later in [edit, delete, last].into_iter().filter(|id| *id > effect) {
            let begun = desk.begin(later, at(6)).await;
            assert!(matches!(begun, Begun::NotNow), "{later} is not the first");
        }
        let delivery = desk.start(effect, at(6)).await;
        let is_next = match delivery.effect.body {
            EffectBody::Send(_) => effect == of,
            EffectBody::Edit { .. } => effect == edit,
            EffectBody::Delete { .. } => effect == delete,
            _ => false,
        };
        assert!(is_next, "handed out as decided");
        desk.settle(effect, 1, sent()).await;
    }
    let text = "too".into();
    let of = last;
    let edit = desk.acts("anna", OperatorAct::Edit { of, text }, at(7));
    let edit = edit.await;
    assert_eq!(desk.line(edit).await.delivery, Some(DeliveryState::Ready));
    let block = desk.act("anna", OperatorAct::Block, at(8)).await;
    assert_eq!(desk.apply(block).await, [last, edit].into());
}
