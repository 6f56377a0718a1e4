//! What is reported twice happens once; what is said twice happens twice.

use std::collections::BTreeSet;

use super::desk::Desk;
use super::{ChannelHarness, Ran};

/// A report delivered again right away has the same key, and changes nothing.
pub async fn the_same_report_twice_is_one_turn(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let report = desk.says("anna", "hello").await;
    desk.outside.again(report).await;
    desk.take_in().await;
    desk.deliver().await;
    let raws = desk.gate.raws();
    assert_eq!(raws.len(), 2, "the report was delivered twice");
    assert_eq!(raws[0].key, raws[1].key, "the same report has the same key");
    assert_eq!(desk.heard("anna").await, ["hello"]);
    assert_eq!(
        desk.arrived_at("anna").await,
        ["re: hello"],
        "answered once"
    );
    Ran::Whole
}

/// Repeated in another order than they came in, reports change nothing either.
pub async fn reports_repeated_in_another_order_do_nothing(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let mut reports = Vec::new();
    for (who, text) in [("anna", "one"), ("bert", "two"), ("anna", "three")] {
        reports.push(desk.says(who, text).await);
    }
    for report in reports.into_iter().rev() {
        desk.outside.again(report).await;
    }
    desk.take_in().await;
    desk.deliver().await;
    assert_eq!(desk.gate.raws().len(), 6, "each report was delivered twice");
    assert_eq!(desk.heard("anna").await, ["one", "three"]);
    assert_eq!(desk.heard("bert").await, ["two"]);
    assert_eq!(desk.arrived_at("anna").await, ["re: one", "re: three"]);
    Ran::Whole
}

/// Its key is the same after a restart: it doesn't come from the program's memory.
pub async fn a_report_repeated_after_a_restart_does_nothing(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let first = desk.says("anna", "one").await;
    let second = desk.says("anna", "two").await;
    desk.deliver().await;
    desk.restart().await;
    desk.outside.again(second).await;
    desk.outside.again(first).await;
    desk.take_in().await;
    desk.deliver().await;
    let raws = desk.gate.raws().into_iter();
    let keys: Vec<_> = raws
        .map(|raw| (raw.body.as_bytes().to_vec(), raw.key))
        .collect();
    assert_eq!(keys.len(), 4, "each report was delivered twice");
    // An outside may have an order of its own in which it repeats.
    let (first, again) = keys.split_at(2);
    assert_eq!(
        BTreeSet::from_iter(again),
        BTreeSet::from_iter(first),
        "after a restart the same report has another key"
    );
    assert_eq!(desk.heard("anna").await, ["one", "two"]);
    assert_eq!(desk.arrived_at("anna").await, ["re: one", "re: two"]);
    Ran::Whole
}

/// Two reports of the same words are two reports, also across a restart: a key names the report,
/// not what is in it.
pub async fn the_same_words_said_twice_are_two_turns(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "yes").await;
    desk.says("anna", "yes").await;
    desk.restart().await;
    desk.says("anna", "yes").await;
    desk.deliver().await;
    assert_eq!(desk.heard("anna").await, ["yes", "yes", "yes"]);
    assert_eq!(
        desk.arrived_at("anna").await,
        ["re: yes", "re: yes", "re: yes"]
    );
    Ran::Whole
}
