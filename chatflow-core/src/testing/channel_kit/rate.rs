//! No faster than declared, and nobody waits for another's sake.

use std::collections::BTreeMap;
use std::time::Duration;

use super::desk::{Call, Desk};
use super::{ChannelHarness, Failure, Ran};
use crate::channel::{Channel, Pacing, Rate, SendErrorClass};
use crate::dialog::{Address, Moment, OperatorAct, time};
use crate::runner::Clock as _;

/// How many people get a broadcast.
const MANY: usize = 10_000;
/// How many of them the smaller cases take.
const SOME: usize = 200;

/// However many messages wait, no window of a declared limit ever holds more than it may: of the
/// channel, of an address, of a group.
pub async fn declared_rates_are_kept(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let rates = desk.channel.capabilities().rates;
    if rates.channel.is_none() && rates.address.is_none() && rates.group.is_none() {
        return Ran::NotDeclared("rates");
    }
    people(&mut desk, SOME).await;
    for n in 0..SOME {
        broadcast(&desk, n).await;
    }
    for _ in 0..20 {
        desk.says("c0", "hello").await;
    }
    desk.deliver().await;
    let calls = desk.channel.calls();
    assert_eq!(calls.len(), SOME + 20);
    if let Some(rate) = rates.channel {
        is_kept(rate, calls.iter().map(|call| call.at), "the channel");
    }
    let mut by_address: BTreeMap<&Address, Vec<Moment>> = BTreeMap::new();
    for Call { to, at, .. } in &calls {
        by_address.entry(to).or_default().push(*at);
    }
    for (to, moments) in by_address {
        let Pacing { is_group, .. } = desk.channel.pacing(to);
        let rates = [rates.address, rates.group.filter(|_| is_group)];
        for rate in rates.into_iter().flatten() {
            is_kept(rate, moments.iter().copied(), "an address");
        }
    }
    Ran::Whole
}

/// Ten thousand broadcasts wait, and an answer goes out as if there were none.
pub async fn replies_do_not_wait_for_broadcasts(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let Some(rate) = desk.channel.capabilities().rates.channel else {
        return Ran::NotDeclared("rates of the channel");
    };
    if rate.count < 2 {
        return Ran::NotDeclared("room for replies beside broadcasts");
    }
    // The last few get no broadcast, so that nothing of their own dialog goes before the answer.
    people(&mut desk, MANY + 5).await;
    for n in 0..MANY {
        broadcast(&desk, n).await;
    }
    desk.step().await;
    let slot = rate.per / rate.count;
    for n in 0..5 {
        desk.clock.advance(Duration::from_secs(1));
        desk.step().await;
        let who = format!("c{}", MANY + n);
        let before = desk.outside.arrived().await.len();
        desk.says(&who, "hello").await;
        desk.step().await;
        desk.clock.advance(slot);
        desk.step().await;
        let arrived = desk.outside.arrived().await.split_off(before);
        let to = desk.outside.address(&who);
        let is_answered =
            |arrived: &super::Arrived| arrived.to == to && arrived.text == "re: hello";
        assert!(
            arrived.iter().any(is_answered),
            "an answer waits for broadcasts longer than a slot"
        );
    }
    let sent = desk.channel.calls().len();
    assert!(sent > 5, "broadcasts wait for ever");
    assert!(sent < MANY, "broadcasts are sent all at once");
    Ran::Whole
}

/// Where the outside asks for patience with one address, the others are sent to meanwhile.
pub async fn an_address_asked_to_wait_delays_no_other(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let patience = Duration::from_secs(60);
    let failure = Failure::Class(SendErrorClass::Transient {
        retry_after: Some(patience),
    });
    desk.says("anna", "hello").await;
    if !desk.outside.fails_next(&failure, 0).await {
        return Ran::NotDeclared("addresses that are asked to wait");
    }
    let begun = desk.clock.now();
    desk.step().await;
    for n in 0..SOME {
        desk.says(&format!("c{n}"), "hello").await;
    }
    desk.deliver().await;
    let anna = desk.outside.address("anna");
    let calls = desk.channel.calls();
    let last = calls
        .iter()
        .filter(|call| call.to != anna)
        .map(|call| call.at)
        .max();
    let rates = desk.channel.capabilities().rates;
    let needed = rates.channel.map_or(Duration::ZERO, |rate| {
        let windows = u32::try_from(SOME).unwrap_or(u32::MAX) / rate.count.max(1) + 2;
        rate.per * windows
    });
    assert!(
        last <= Some(time::add(begun, needed)),
        "others waited with the one"
    );
    let again = calls
        .iter()
        .filter(|call| call.to == anna)
        .map(|call| call.at);
    let again: Vec<_> = again.collect();
    assert_eq!(again.len(), 2);
    assert!(
        again[1] >= time::add(begun, patience),
        "the one was sent to too early"
    );
    Ran::Whole
}

async fn people(desk: &mut Desk, many: usize) {
    for n in 0..many {
        let who = format!("c{n}");
        desk.outside
            .happens(&who, &super::Happening::Text("quiet"))
            .await;
    }
    desk.take_in().await;
    desk.step().await;
}

async fn broadcast(desk: &Desk, n: usize) {
    let act = OperatorAct::Broadcast("news".into());
    let taken = desk.act(&format!("c{n}"), act).await;
    assert!(taken.is_ok(), "a broadcast was refused: {taken:?}");
}

fn is_kept(rate: Rate, moments: impl Iterator<Item = Moment>, whose: &str) {
    let mut moments: Vec<_> = moments.collect();
    moments.sort_unstable();
    let count = rate.count.max(1) as usize;
    for (first, next) in moments.iter().zip(moments.iter().skip(count)) {
        let Rate { count, per } = rate;
        let is_free = *next >= time::add(*first, per);
        assert!(
            is_free,
            "{whose} got more than {count} messages within {per:?}"
        );
    }
}
