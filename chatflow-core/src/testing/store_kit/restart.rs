//! What is there after the process that wrote it is gone. Stores that live in memory only have
//! nothing to prove here: their harness says so by reopening none.

use crate::dialog::{
    ChannelId, ContactPatch, Event, EventBody, OperatorAct, ReceiptState, Receipted, Source,
};
use crate::engine::Refusal;
use crate::store::{Begun, Committed, DeliveryState, Settled, Unclaimed};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, block, dead, far, named, part_as, sent, sent_as};

/// Everything that was acknowledged is there after a restart: dialogs, journals, transcripts,
/// outbox with attempts, timers, refusals, counters, contacts and definitions.
pub async fn what_was_acknowledged_survives(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let definitions = desk.config.definitions().to_vec();
    desk.store.put_definitions(&definitions).await.expect("put");
    let ids = desk
        .says("anna", "say one; name Bo; say two; wait 9000", at(1))
        .await;
    desk.says("bert", "say one; hand off", at(1)).await;
    desk.deliver(ids[0], at(2)).await;
    desk.start(ids[1], at(2)).await;
    let patched = Settled::Patched(ContactPatch::Name("Bo".into()));
    desk.settle(ids[1], 1, patched).await;
    let event = Event::message("refused", "anything");
    let refused = desk.refused("bert", &event, at(3), &Refusal::Blocked);
    desk.store.refuse(refused).await.expect("refuse");
    let before = desk.dump().await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(desk.dump().await, before);
    for definition in definitions {
        let body = desk.store.definition(definition.hash).await;
        assert_eq!(body.expect("definition"), Some(definition.body));
    }
}

/// The last write before the end survives, whichever method made it: nothing is read between,
/// so a store that answers first and writes later has no occasion to.
pub async fn the_last_write_survives(harness: &dyn StoreHarness) {
    let mut desk = Desk::open(harness).await;
    for last in 0..5 {
        let who = format!("contact {last}");
        let mut row = None;
        let ids = desk.says(&who, "say one; call rates", at(1)).await;
        if last > 1 {
            desk.start(ids[0], at(2)).await;
            row = desk.contact(&who).await;
        }
        match last {
            0 => {}
            1 => {
                desk.start(ids[0], at(2)).await;
            }
            2 => desk.settle(ids[0], 1, sent()).await,
            3 => {
                let event = Event::message("refused", "anything");
                let refused = desk.refused(&who, &event, at(3), &Refusal::Blocked);
                desk.store.refuse(refused).await.expect("refuse");
            }
            _ => {
                let row = row.as_mut().expect("its row");
                row.view.revision = 2;
                row.view.blocked = block();
                desk.store.save_contact(row, 1).await.expect("save");
            }
        }
        let Some(reopened) = desk.reopen(harness).await else {
            return;
        };
        desk = reopened;
        let state = match last {
            0 => DeliveryState::Ready,
            2 => DeliveryState::Sent,
            _ => DeliveryState::InFlight,
        };
        assert_eq!(desk.delivery(ids[0]).await, Some(state), "write {last}");
        let refusals = desk.store.refusals(desk.dialog(&who), 9).await;
        let refusals = refusals.expect("refusals").len();
        assert_eq!(refusals, usize::from(last == 3));
        if row.is_some() {
            assert_eq!(desk.contact(&who).await, row, "write {last}");
        }
    }
}

/// What was in flight at the end stays in flight until it is recovered, and is tried again
/// under the same key with its attempts counted on.
pub async fn what_was_in_flight_waits_to_be_recovered(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    let open = desk.open_entries("anna").await;
    assert_eq!(open[0], (ids[0], DeliveryState::InFlight, 1));
    assert!(desk.listed(far()).await.is_empty());
    let begun = desk.begin(ids[0], at(3)).await;
    assert!(matches!(begun, Begun::NotNow));
    assert_eq!(desk.store.recover(at(4)).await.expect("recover"), 1);
    assert_eq!(desk.listed(at(4)).await, [ids[0]]);
    let delivery = desk.start(ids[0], at(4)).await;
    assert_eq!((delivery.attempt, delivery.effect.id), (2, ids[0]));
}

/// A key consumed before a restart is consumed after it, by turn or by refusal.
pub async fn a_key_stays_consumed(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let taken = Event::message("taken", "say one");
    let first = desk.turn("anna", &taken, at(1)).await;
    desk.apply(first.clone()).await;
    let event = Event::message("refused", "say two");
    let refused = desk.refused("anna", &event, at(2), &Refusal::Blocked);
    desk.store.refuse(refused.clone()).await.expect("refuse");
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    let seen = Committed::Duplicate { revision: 1 };
    assert_eq!(desk.store.commit(first).await.expect("commit"), seen);
    assert_eq!(desk.store.refuse(refused).await.expect("refuse"), seen);
    let second = desk.turn("anna", &event, at(3)).await;
    assert_eq!(desk.store.commit(second).await.expect("commit"), seen);
}

/// A timer set before a restart is listed at its moment after it, fires, and is gone after the
/// next; one that was cancelled stays cancelled.
pub async fn fl_53_timers_survive(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "wait 7200000", at(0)).await;
    desk.says("bert", "wait 1000", at(0)).await;
    let take = desk.act("bert", OperatorAct::Take, at(1)).await;
    desk.apply(take).await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    let waiting = desk.due(at(3_600)).await;
    assert!(waiting.timers.is_empty());
    assert_eq!(waiting.next, Some(at(7_200)));
    let due = desk.due(at(7_200)).await.timers;
    assert_eq!(due.len(), 1);
    let body = EventBody::TimerFired {
        name: due[0].name.clone(),
        generation: due[0].generation,
    };
    let turn = desk
        .turn("anna", &Event::new("timer", body), at(7_200))
        .await;
    desk.apply(turn).await;
    let Some(desk) = desk.reopen(harness).await else {
        panic!("a store that was reopened once can be reopened again");
    };
    assert!(desk.due(far()).await.timers.is_empty(), "it fires once");
}

/// A crash between two parts, and one while a part is under way, send no part again that has
/// arrived.
pub async fn parts_that_arrived_survive(harness: &dyn StoreHarness) {
    let mut desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(ids[0], at(2)).await;
    for (part, in_flight) in [(1, false), (2, true)] {
        desk.settle(ids[0], 1, part_as(&["a", "b"])).await;
        if in_flight {
            desk.start(ids[0], at(2)).await;
        }
        let Some(reopened) = desk.reopen(harness).await else {
            return;
        };
        desk = reopened;
        let recovered = desk.store.recover(at(3)).await.expect("recover");
        assert_eq!(recovered, u64::from(in_flight));
        assert_eq!(desk.listed(at(3)).await, [ids[0]]);
        let delivery = desk.start(ids[0], at(3)).await;
        assert_eq!(delivery.part, part);
        assert_eq!(delivery.attempt, 1 + u32::from(in_flight));
    }
    desk.settle(ids[0], 2, sent_as(&["c"])).await;
    let line = desk.line(ids[0]).await;
    assert_eq!(line.ids, named(&["a", "b", "a", "b", "c"]));
}

/// Receipts, revivals, what was put off, moves, reports and sources survive, each as the last
/// write before the end.
pub async fn what_the_channel_told_survives(harness: &dyn StoreHarness) {
    let mut desk = Desk::open(harness).await;
    let bot = desk.config.bot().clone();
    let channel = ChannelId::new("web");
    let ids = desk
        .says("anna", "say one; say two; say three", at(1))
        .await;
    desk.deliver_as(ids[0], &["7"], at(2)).await;
    desk.start(ids[1], at(2)).await;
    desk.settle(ids[1], 1, dead()).await;
    for last in 0..6 {
        match last {
            0 => {
                let seven = Receipted::These(named(&["7"]));
                desk.mark("anna", &seven, ReceiptState::Read).await;
            }
            1 => assert!(desk.revive(ids[1], at(3)).await),
            2 => {
                let off = [(ids[1], at(9))];
                desk.store.put_off(&off).await.expect("put_off");
            }
            3 => {
                let to = EventBody::AddressMoved(desk.address("anna 2"));
                let mut turn = desk.turn("anna", &Event::new("moved", to), at(4)).await;
                turn.raw = Some(b"raw".to_vec().into());
                desk.apply(turn).await;
            }
            4 => {
                let unclaimed = Unclaimed {
                    channel: channel.clone(),
                    key: "unclaimed".into(),
                    at: at(5),
                    reason: "no such kind".to_owned(),
                    raw: b"raw".to_vec().into(),
                };
                let kept = desk.store.keep_unclaimed(unclaimed).await;
                kept.expect("keep_unclaimed");
            }
            _ => {
                let source = Source::of_payload("spring");
                let put = desk.store.put_source(&bot, "t1", &source).await;
                put.expect("put_source");
            }
        }
        let Some(reopened) = desk.reopen(harness).await else {
            return;
        };
        desk = reopened;
        match last {
            0 => assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Read)),
            1 => assert_eq!(desk.entry(ids[1]).await.due, at(3)),
            2 => assert_eq!(desk.entry(ids[1]).await.due, at(9)),
            3 => {
                let to = desk.address("anna 2");
                let found = desk.store.find_dialog(&bot, &to).await;
                assert_eq!(found.expect("find_dialog"), Some(desk.dialog("anna")));
                let raw = desk.store.raw(desk.dialog("anna"), &"moved".into()).await;
                assert!(raw.expect("raw").is_some());
            }
            4 => {
                let kept = desk.store.unclaimed(&channel, None, 9).await;
                assert_eq!(kept.expect("unclaimed").len(), 1);
            }
            _ => {
                let source = desk.store.source(&bot, "t1").await.expect("source");
                assert_eq!(source, Some(Source::of_payload("spring")));
            }
        }
    }
}
