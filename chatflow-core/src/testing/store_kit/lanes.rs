//! What is due, by channel and lane: many of one hide none of another.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialog::{Address, ChannelId, EffectId, Moment, OperatorAct, SendLane};
use crate::store::{Due, DueQuery, PAGE_MAX};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at};

type Place = (SendLane, Option<ChannelId>);

/// The entries listed, by lane and channel, each in the order of the list.
fn by_place(due: &Due) -> BTreeMap<Place, Vec<EffectId>> {
    let mut places: BTreeMap<Place, Vec<EffectId>> = BTreeMap::new();
    for delivery in &due.deliveries {
        let channel = delivery.to.as_ref().map(|to| to.channel.clone());
        let listed = places.entry((delivery.lane, channel)).or_default();
        listed.push(delivery.effect);
    }
    places
}

fn place(lane: SendLane, channel: &str) -> Place {
    (lane, Some(ChannelId::new(channel)))
}

async fn broadcast(desk: &Desk, who: &str, at: Moment) -> EffectId {
    desk.acts(who, OperatorAct::Broadcast("spring".into()), at)
        .await
}

/// Two channels with replies and broadcasts, and calls beside them: by place, in order.
async fn crowd(desk: &Desk) -> BTreeMap<Place, Vec<EffectId>> {
    let mut expected: BTreeMap<Place, Vec<EffectId>> = BTreeMap::new();
    for channel in ["web", "sms"] {
        for n in 0..6 {
            let who = format!("{channel}/{n}");
            let opened = desk.says(&who, "hand off", at(0)).await;
            assert!(opened.is_empty());
            // Later ones are due for longer, so that an order by id or row would show.
            let sent = broadcast(desk, &who, at(20 - n)).await;
            let listed = expected.entry(place(SendLane::Broadcast, channel));
            listed.or_default().insert(0, sent);
        }
        for n in 0..4 {
            let who = format!("{channel}/waiting {n}");
            let ids = desk.says(&who, "say one; say two; call rates", at(40 - n));
            let ids = ids.await;
            let listed = expected.entry(place(SendLane::Reply, channel));
            listed.or_default().insert(0, ids[0]);
            let beside = expected.entry((SendLane::Reply, None)).or_default();
            beside.push(ids[2]);
        }
    }
    expected
}

/// Entries are listed by channel and lane, each up to the limit and the longest due first: so
/// many broadcasts hide neither replies nor another channel's. All replies come before all
/// broadcasts.
pub async fn a_crowd_hides_nobody(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let expected = crowd(&desk).await;
    for limit in [1, 3, PAGE_MAX, usize::MAX] {
        let due = desk.due_up_to(at(50), limit).await;
        let listed = by_place(&due);
        assert_eq!(listed.len(), 5, "all places have their own");
        for (place, listed) in &listed {
            let (mut listed, mut all) = (listed.clone(), expected[place].clone());
            assert_eq!(listed.len(), all.len().min(limit), "{place:?}");
            if place.1.is_none() {
                // Due at different moments; which of them come first is another case's.
                all.retain(|id| listed.contains(id));
                all.sort_unstable();
                listed.sort_unstable();
            }
            assert_eq!(listed, all[..listed.len()], "{place:?}");
        }
        let lanes = due.deliveries.iter().filter(|entry| entry.to.is_some());
        assert!(lanes.is_sorted_by_key(|entry| entry.lane), "replies first");
    }
    assert!(desk.due_up_to(at(50), 0).await.deliveries.is_empty());
}

/// Messages of a channel and lane that can't go now are passed over, and nothing else; `next`
/// counts what isn't due yet as ever.
pub async fn what_is_passed_over_hides_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let expected = crowd(&desk).await;
    let later = broadcast(&desk, "web/0", at(90)).await;
    let places = [
        (ChannelId::new("web"), SendLane::Broadcast),
        (ChannelId::new("web"), SendLane::Reply),
        (ChannelId::new("sms"), SendLane::Reply),
        (ChannelId::new("mail"), SendLane::Reply),
    ];
    for count in 0..=places.len() {
        let skip: BTreeSet<_> = places[..count].iter().cloned().collect();
        let query = DueQuery {
            now: at(50),
            limit: PAGE_MAX,
            skip: skip.clone(),
        };
        let due = desk.query(&query).await;
        let listed = by_place(&due);
        for (place, all) in &expected {
            let (lane, channel) = place;
            let is_skipped = channel
                .clone()
                .is_some_and(|channel| skip.contains(&(channel, *lane)));
            let count = listed.get(place).map_or(0, Vec::len);
            let wanted = if is_skipped { 0 } else { all.len() };
            assert_eq!(count, wanted, "{place:?} without {skip:?}");
        }
    }
    desk.start(expected[&place(SendLane::Broadcast, "web")][0], at(50))
        .await;
    assert!(desk.listed(at(50)).await.iter().all(|id| *id != later));
}

/// A listed message names where it goes and its lane; a call and a patch go to nobody.
pub async fn what_is_due_names_address_and_lane(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("sms/anna", "say one; call rates; name Bo", at(1));
    let ids = ids.await;
    desk.says("bert", "hand off", at(1)).await;
    let sent = broadcast(&desk, "bert", at(2)).await;
    let mut expected: Vec<(EffectId, Option<Address>, SendLane)> = vec![
        (ids[0], Some(desk.address("sms/anna")), SendLane::Reply),
        (ids[1], None, SendLane::Reply),
        (ids[2], None, SendLane::Reply),
        (sent, Some(desk.address("bert")), SendLane::Broadcast),
    ];
    expected.sort_unstable_by_key(|(effect, ..)| *effect);
    let due = desk.due(at(2)).await.deliveries.into_iter();
    let mut listed: Vec<_> = due
        .map(|delivery| (delivery.effect, delivery.to, delivery.lane))
        .collect();
    listed.sort_unstable_by_key(|(effect, ..)| *effect);
    assert_eq!(listed, expected);
    assert_eq!(
        desk.start(sent, at(2)).await.effect.lane,
        SendLane::Broadcast
    );
}

/// A broadcast waits for its dialog's earlier messages like any other, in whatever lane they
/// are, and they for it.
pub async fn a_dialogs_order_holds_across_lanes(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let first = broadcast(&desk, "anna", at(2)).await;
    let second = desk.replies("anna", "one", at(3)).await;
    let third = broadcast(&desk, "anna", at(4)).await;
    for effect in [first, second, third] {
        assert_eq!(desk.listed(at(5)).await, [effect]);
        desk.deliver(effect, at(5)).await;
    }
}

/// A reply takes the broadcasts along that wait before it in its dialog, and no others: they are
/// listed as replies, so that nobody waits behind a crowd for his answer.
pub async fn a_reply_takes_broadcasts_along(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["anna", "bert"] {
        desk.says(who, "hand off", at(1)).await;
    }
    let bert = broadcast(&desk, "bert", at(2)).await;
    let first = broadcast(&desk, "anna", at(2)).await;
    let second = broadcast(&desk, "anna", at(3)).await;
    let reply = desk.replies("anna", "one", at(4)).await;
    let last = broadcast(&desk, "anna", at(5)).await;
    for (effect, lane) in [
        (first, SendLane::Reply),
        (second, SendLane::Reply),
        (reply, SendLane::Reply),
        (last, SendLane::Broadcast),
    ] {
        let due = desk.due(at(6)).await.deliveries;
        let lanes: Vec<_> = due.iter().map(|entry| (entry.effect, entry.lane)).collect();
        assert!(lanes.contains(&(effect, lane)), "{effect} in {lanes:?}");
        assert!(lanes.contains(&(bert, SendLane::Broadcast)), "another's");
        assert_eq!(lanes.len(), 2);
        desk.deliver(effect, at(6)).await;
    }
}
