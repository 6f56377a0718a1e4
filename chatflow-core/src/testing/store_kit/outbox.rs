//! Deliveries: their order, their attempts and how they end.

use std::time::Duration;

use crate::dialog::{EffectId, Event, OperatorAct};
use crate::engine::Refusal;
use crate::store::{Begun, Committed, DeliveryState, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{
    Desk, at, at_ms, dead, entries, far, retry_at, sent, settlement,
};

/// Asserts that a delivery can't begin now, and that trying changes nothing.
async fn expect_not_now(desk: &Desk, effect: EffectId, seconds: i64) {
    let before = desk.dump().await;
    let begun = desk.begin(effect, at(seconds)).await;
    assert!(matches!(begun, Begun::NotNow), "not {begun:?}");
    assert_eq!(desk.dump().await, before, "nothing changes then");
}

/// What a turn decides is due at that very moment, also between two milliseconds: a program that
/// ends right after must still find it.
pub async fn what_is_decided_now_is_due_now(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let now = at(1) + Duration::from_micros(1_400);
    let turn = desk.message("anna", "say one", now).await;
    desk.apply(turn).await;
    let due = desk.listed(now).await;
    assert_eq!(due.len(), 1);
    desk.start(due[0], now).await;
}

/// What a turn decides is due at the commit's own time, not at the turn's: a turn's time never
/// goes back, and a clock that did would hold the message up.
pub async fn a_clock_that_stepped_back_holds_nothing_up(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turn = desk.message("anna", "say one", at(3600)).await;
    desk.apply(turn).await;
    for effect in desk.listed(at(3600)).await {
        desk.deliver(effect, at(3600)).await;
    }
    let turn = desk.message("anna", "say two", at(1)).await;
    assert_eq!((turn.at, turn.due), (at(3600), at(1)));
    desk.apply(turn).await;
    assert_eq!(desk.listed(at(1)).await.len(), 1);
}

/// Messages of a dialog are listed and begun in the order of turns and places, each only when
/// the one before is settled for good.
pub async fn messages_go_in_order(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    // More than nine, so that an order by text would show.
    let mut order = desk.says("anna", "say_many 12", at(1)).await;
    order.extend(desk.says("anna", "say_many 2", at(2)).await);
    for (n, &effect) in order.iter().enumerate() {
        assert_eq!(desk.listed(at(3)).await, [effect]);
        for &later in &order[n + 1..] {
            let begun = desk.begin(later, at(3)).await;
            assert!(matches!(begun, Begun::NotNow), "{later} is not the first");
        }
        desk.deliver(effect, at(3)).await;
    }
    assert!(desk.listed(far()).await.is_empty());
}

/// While a message is in flight no other of its dialog is listed or begun, not even the same
/// one again.
pub async fn one_message_is_in_flight_at_a_time(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    let delivery = desk.start(ids[0], at(2)).await;
    assert!(desk.listed(far()).await.is_empty());
    expect_not_now(&desk, ids[0], 3).await;
    expect_not_now(&desk, ids[1], 3).await;
    desk.settle(ids[0], delivery.attempt, sent()).await;
    assert_eq!(desk.listed(at(3)).await, [ids[1]]);
}

/// A dialog whose first message can't go holds up no other dialog.
pub async fn other_dialogs_are_not_held_up(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk.says("anna", "say one; say two", at(1)).await;
    let bert = desk.says("bert", "say one; say two", at(2)).await;
    desk.start(anna[0], at(3)).await;
    assert_eq!(desk.listed(at(3)).await, [bert[0]]);
    desk.deliver(bert[0], at(3)).await;
    desk.deliver(bert[1], at(3)).await;
}

/// Calls and contact patches are listed and begun beside messages, whatever stands before or
/// behind them.
pub async fn calls_and_patches_go_beside_messages(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let script = "say one; call rates; say two; name Anna; call stock";
    let ids = desk.says("anna", script, at(1)).await;
    let mut listed = desk.listed(at(1)).await;
    listed.sort_unstable();
    assert_eq!(listed, [ids[0], ids[1], ids[3], ids[4]]);
    desk.start(ids[0], at(1)).await;
    for beside in [ids[4], ids[1], ids[3]] {
        desk.start(beside, at(1)).await;
    }
    expect_not_now(&desk, ids[2], 1).await;
    desk.settle(ids[0], 1, sent()).await;
    desk.start(ids[2], at(1)).await;
}

/// What is begun is handed out whole, with where it goes, and the attempt is counted before.
pub async fn an_attempt_is_counted_when_it_begins(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turn = desk.message("anna", "say one; call rates", at(1)).await;
    desk.apply(turn.clone()).await;
    for effect in turn.effects {
        for attempt in 1..4 {
            let delivery = desk.start(effect.id, at(2)).await;
            assert_eq!(delivery.attempt, attempt);
            assert_eq!(delivery.effect, effect);
            assert_eq!(delivery.address, desk.address("anna"));
            assert_eq!(&delivery.bot, desk.config.bot());
            assert_eq!(delivery.contact, desk.contact_id("anna"));
            let entry = (effect.id, DeliveryState::InFlight, attempt);
            assert!(desk.open_entries("anna").await.contains(&entry));
            let retry = retry_at(at(2));
            desk.settle(effect.id, attempt, retry).await;
            let entry = (effect.id, DeliveryState::Ready, attempt);
            assert!(desk.open_entries("anna").await.contains(&entry));
        }
    }
}

/// What doesn't exist can't begin: no such dialog, no such turn, no such place.
pub async fn what_is_not_there_does_not_begin(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one", at(1)).await;
    let nobody = EffectId {
        dialog: desk.dialog("bert"),
        ..ids[0]
    };
    let inbound = EffectId { n: 0, ..ids[0] };
    let beyond = EffectId { n: 2, ..ids[0] };
    let later = EffectId { turn: 2, ..ids[0] };
    for effect in [nobody, inbound, beyond, later] {
        expect_not_now(&desk, effect, 2).await;
    }
}

/// A message tried again later keeps those behind it, is not begun before its time, and `next`
/// names that time to the millisecond.
pub async fn a_retry_keeps_the_order(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let due = at_ms(9_001);
    desk.settle(ids[0], 1, retry_at(due)).await;
    let waiting = desk.due(at_ms(9_000)).await;
    assert!(waiting.deliveries.is_empty(), "nothing overtakes it");
    assert_eq!(waiting.next, Some(due));
    for (effect, now) in [(ids[0], 9), (ids[1], 9), (ids[1], 10)] {
        expect_not_now(&desk, effect, now).await;
    }
    let listed = desk.due(due).await;
    assert_eq!(entries(&listed), [ids[0]]);
    assert_eq!(listed.next, None, "what is listed doesn't count");
    let delivery = desk.start(ids[0], due).await;
    assert_eq!(delivery.attempt, 2);
    desk.settle(ids[0], 2, sent()).await;
    assert_eq!(desk.listed(at(10)).await, [ids[1]]);
}

/// A call tried again later waits for its time alone.
pub async fn a_call_is_retried_by_itself(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "call rates; say one", at(1)).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, retry_at(at(9))).await;
    let due = desk.due(at(3)).await;
    assert_eq!(entries(&due), [ids[1]]);
    assert_eq!(due.next, Some(at(9)));
    expect_not_now(&desk, ids[0], 8).await;
    assert!(desk.listed(at(9)).await.contains(&ids[0]));
}

/// A message given up frees the way for the next, and is never handed out again.
pub async fn a_dead_message_frees_the_next(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, dead()).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Dead));
    assert_eq!(desk.listed(at(2)).await, [ids[1]]);
    expect_not_now(&desk, ids[0], 3).await;
    desk.deliver(ids[1], at(3)).await;
}

/// A cancelled message frees the way for the next.
pub async fn a_cancelled_message_frees_the_next(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    let reply = OperatorAct::Reply("three".into());
    let turn = desk.act("anna", reply, at(2)).await;
    let own = turn.effects[0].id;
    desk.apply(turn).await;
    assert_eq!(desk.listed(at(2)).await, [own]);
    for effect in ids {
        let begun = desk.begin(effect, at(3)).await;
        assert!(matches!(begun, Begun::Cancelled), "not {begun:?}");
        assert_eq!(desk.delivery(effect).await, Some(DeliveryState::Cancelled));
    }
    desk.deliver(own, at(3)).await;
}

/// What was sent is never listed, begun or made ready again, whatever is said of it later.
pub async fn what_was_sent_is_never_handed_out_again(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk
        .says("anna", "say one; call rates; name Anna", at(1))
        .await;
    for &effect in &ids {
        desk.deliver(effect, at(2)).await;
    }
    assert!(desk.open_entries("anna").await.is_empty());
    for &effect in &ids {
        let again = [retry_at(at(2)), dead()];
        for settled in again {
            desk.settle(effect, 1, settled).await;
        }
    }
    assert_eq!(desk.store.recover(at(3)).await.expect("recover"), 0);
    assert!(desk.listed(far()).await.is_empty());
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Sent));
    for effect in ids {
        expect_not_now(&desk, effect, 4).await;
    }
}

/// A settlement of an attempt that is not the entry's current one changes nothing.
pub async fn a_late_settlement_changes_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk
        .says("anna", "say one; say two; name Anna", at(1))
        .await;
    let nobody = EffectId {
        dialog: desk.dialog("bert"),
        ..ids[0]
    };
    let before = desk.dump().await;
    for effect in [ids[0], ids[1], nobody] {
        for attempt in [1, 2] {
            desk.settle(effect, attempt, sent()).await;
        }
    }
    assert_eq!(desk.dump().await, before, "never begun");
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, retry_at(at(2))).await;
    desk.start(ids[0], at(3)).await;
    let before = desk.dump().await;
    for attempt in [0, 1, 3] {
        for settled in [sent(), dead(), retry_at(at(2))] {
            desk.settle(ids[0], attempt, settled).await;
        }
    }
    assert_eq!(
        desk.dump().await,
        before,
        "the second attempt is the current one"
    );
    desk.settle(ids[0], 2, sent()).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Sent));
}

/// Settlements recorded together are each applied or ignored for themselves.
pub async fn settlements_are_judged_one_by_one(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk.says("anna", "say one; call rates", at(1)).await;
    let bert = desk.says("bert", "say one", at(1)).await;
    for effect in [anna[0], anna[1], bert[0]] {
        desk.start(effect, at(2)).await;
    }
    let settlements = vec![
        settlement(anna[0], 9, dead()),
        settlement(anna[0], 1, sent()),
        settlement(anna[1], 1, retry_at(at(9))),
        settlement(bert[0], 1, dead()),
    ];
    desk.store.settle(settlements).await.expect("settle");
    desk.store.settle(Vec::new()).await.expect("settle nothing");
    assert_eq!(desk.delivery(anna[0]).await, Some(DeliveryState::Sent));
    assert_eq!(desk.delivery(bert[0]).await, Some(DeliveryState::Dead));
    let open = desk.open_entries("anna").await;
    assert_eq!(open, [(anna[1], DeliveryState::Ready, 1)]);
}

/// A turn's settlement is applied with it, and frees the way for the next message.
pub async fn a_turn_settles_a_delivery(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let mut turn = desk.message("anna", "say three", at(3)).await;
    turn.settlement = Some(settlement(ids[0], 1, dead()));
    desk.apply(turn).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Dead));
    assert_eq!(desk.listed(at(3)).await, [ids[1]]);
}

/// A refusal's settlement is applied with it.
pub async fn a_refusal_settles_a_delivery(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let event = Event::message("refused", "anything");
    let mut refused = desk.refused("anna", &event, at(3), &Refusal::UnknownEffect);
    refused.settlement = Some(settlement(ids[0], 1, dead()));
    let committed = desk.store.refuse(refused).await.expect("refuse");
    assert!(matches!(committed, Committed::Applied { .. }));
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Dead));
    assert_eq!(desk.listed(at(3)).await, [ids[1]]);
}

/// Neither a duplicate nor a conflict applies its settlement.
pub async fn what_is_not_applied_settles_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let event = Event::message("seen", "say one; say two");
    let first = desk.turn("anna", &event, at(1)).await;
    let ids: Vec<_> = first.effects.iter().map(|effect| effect.id).collect();
    desk.apply(first.clone()).await;
    desk.start(ids[0], at(2)).await;
    let before = desk.dump().await;
    let settled = Some(settlement(ids[0], 1, sent()));
    let duplicate = TurnCommit {
        settlement: settled.clone(),
        ..first
    };
    let seen = Committed::Duplicate { revision: 1 };
    let committed = desk.store.commit(duplicate).await.expect("commit");
    assert_eq!(committed, seen);
    assert_eq!(desk.dump().await, before, "a duplicate settles nothing");
    let mut refused = desk.refused("anna", &event, at(3), &Refusal::Blocked);
    refused.settlement.clone_from(&settled);
    assert_eq!(desk.store.refuse(refused).await.expect("refuse"), seen);
    assert_eq!(desk.dump().await, before, "nor does a second refusal");
    let mut stale = desk.message("anna", "say three", at(3)).await;
    stale.settlement = settled;
    stale.expected = 4;
    assert_eq!(desk.conflict(stale).await, 1);
    assert_eq!(desk.dump().await, before, "nor does a conflict");
}

/// A turn's late settlement is ignored; the turn itself is applied.
pub async fn a_turn_with_a_late_settlement_is_applied(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let mut turn = desk.message("anna", "say two", at(3)).await;
    turn.settlement = Some(settlement(ids[0], 2, dead()));
    desk.apply(turn).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::InFlight));
    assert_eq!(desk.summary("anna").await.revision, 2);
}

/// Deliveries are listed longest due first and no more than asked for; so a few that are due
/// for long are not hidden by many that follow.
pub async fn the_longest_due_is_listed_first(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut order = Vec::new();
    // Opened in another order than they are due in, so that an order by row would show.
    for (who, seconds) in [("c", 5), ("a", 3), ("e", 1), ("b", 4), ("d", 2)] {
        let ids = desk.says(who, "say one; say two", at(seconds)).await;
        order.push((seconds, ids[0]));
    }
    order.sort_unstable();
    let order: Vec<EffectId> = order.into_iter().map(|(_, id)| id).collect();
    for limit in 1..7 {
        let due = desk.due_up_to(at(5), limit).await;
        assert_eq!(entries(&due), order[..limit.min(5)]);
    }
    // The first of a dialog is listed though messages behind others are due for longer.
    desk.start(order[0], at(5)).await;
    desk.start(order[1], at(5)).await;
    let due = desk.due_up_to(at(5), 1).await;
    assert_eq!(entries(&due), [order[2]]);
}

/// What is due since one moment is listed by id: deliveries in the order of their entries,
/// timers in that of their dialogs.
pub async fn what_is_due_together_is_listed_by_id(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut order = Vec::new();
    for n in 0..12 {
        let who = format!("contact {n}");
        let ids = desk
            .says(&who, "call rates; wait 0; call stock", at(1))
            .await;
        order.extend(ids);
    }
    order.sort_unstable();
    for limit in [1, 7, 24, 99] {
        let due = desk.due_up_to(at(1), limit).await;
        assert_eq!(entries(&due), order[..limit.min(24)]);
        let dialogs: Vec<_> = due.timers.iter().map(|timer| timer.dialog).collect();
        let by_id: Vec<_> = order.iter().step_by(2).map(|id| id.dialog).collect();
        assert_eq!(dialogs, by_id[..limit.min(12)]);
    }
}

/// Recovering makes what was in flight ready and due at once, with its attempts kept; all else
/// stays as it is, and a second time finds nothing.
pub async fn recovering_makes_ready_what_was_in_flight(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk
        .says("anna", "say one; say two; call rates", at(1))
        .await;
    let bert = desk.says("bert", "say one; say two", at(1)).await;
    desk.deliver(bert[0], at(2)).await;
    for effect in [anna[0], anna[2], bert[1]] {
        desk.start(effect, at(2)).await;
        desk.settle(effect, 1, retry_at(at(2))).await;
        desk.start(effect, at(3)).await;
    }
    assert!(desk.listed(far()).await.is_empty());
    assert_eq!(desk.store.recover(at(60)).await.expect("recover"), 3);
    assert_eq!(desk.store.recover(at(60)).await.expect("recover"), 0);
    let mut due = desk.listed(at(60)).await;
    due.sort_unstable();
    let mut expected = vec![anna[0], anna[2], bert[1]];
    expected.sort_unstable();
    assert_eq!(due, expected);
    let ready = DeliveryState::Ready;
    let open = desk.open_entries("anna").await;
    assert_eq!(
        open,
        [
            (anna[0], ready, 2),
            (anna[1], ready, 0),
            (anna[2], ready, 2)
        ]
    );
    let delivery = desk.start(anna[0], at(60)).await;
    assert_eq!(delivery.attempt, 3, "attempts go on counting");
    desk.settle(anna[0], 2, sent()).await;
    let open = desk.open_entries("anna").await;
    assert_eq!(
        open[0].1,
        DeliveryState::InFlight,
        "the lost attempt is late"
    );
}
