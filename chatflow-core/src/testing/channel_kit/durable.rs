//! The law: acknowledged only after it is durable.

use super::desk::{Desk, Mode};
use super::{ChannelHarness, Ran};

/// While the store is still at it, the outside has no acknowledgement; afterwards it has.
pub async fn nothing_is_acknowledged_before_it_is_durable(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.gate.watch();
    let mut reports = Vec::new();
    for text in ["one", "two", "three"] {
        let report = desk.says("anna", text).await;
        let is_early = desk.gate.acknowledged_before().contains(&report);
        assert!(!is_early, "it was acknowledged before the store had it");
        reports.push(report);
        let mut acknowledged = desk.outside.acknowledged().await;
        acknowledged.sort_unstable();
        assert_eq!(acknowledged, reports, "what is durable is acknowledged");
    }
    Ran::Whole
}

/// What the store could not take is not acknowledged. Once the store is back it is offered
/// again, in order, and handled once.
pub async fn what_was_not_taken_is_offered_again_and_handled_once(
    harness: &dyn ChannelHarness,
) -> Ran {
    let mut desk = Desk::open(harness).await;
    let mut reports = Vec::new();
    desk.gate.set(Mode::Closed);
    for text in ["one", "two"] {
        reports.push(
            desk.outside
                .happens("anna", &super::Happening::Text(text))
                .await,
        );
    }
    desk.take_in().await;
    assert!(
        !desk.gate.raws().is_empty(),
        "the channel handed nothing in"
    );
    let acknowledged = desk.outside.acknowledged().await;
    assert_eq!(acknowledged, [], "what was refused is not acknowledged");
    desk.restart().await;
    desk.take_in().await;
    desk.deliver().await;
    assert_eq!(desk.heard("anna").await, ["one", "two"], "nothing is lost");
    assert_eq!(desk.arrived_at("anna").await, ["re: one", "re: two"]);
    let mut acknowledged = desk.outside.acknowledged().await;
    acknowledged.sort_unstable();
    assert_eq!(acknowledged, reports);
    Ran::Whole
}

/// The program dies after the store has it and before it could say so: it is offered again, and
/// changes nothing.
pub async fn a_crash_before_the_acknowledgement_makes_no_second_turn(
    harness: &dyn ChannelHarness,
) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.gate.set(Mode::Dying);
    let report = desk.says("anna", "hello").await;
    assert_eq!(desk.heard("anna").await, ["hello"], "it is durable");
    let acknowledged = desk.outside.acknowledged().await;
    assert_eq!(acknowledged, [], "nobody could acknowledge it");
    desk.restart().await;
    desk.take_in().await;
    desk.deliver().await;
    assert_eq!(
        desk.gate.raws().len(),
        2,
        "what wasn't acknowledged is offered again"
    );
    assert_eq!(desk.heard("anna").await, ["hello"]);
    assert_eq!(desk.arrived_at("anna").await, ["re: hello"]);
    assert_eq!(desk.outside.acknowledged().await, [report]);
    Ran::Whole
}
