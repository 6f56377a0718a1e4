//! Blocked, back again, moved.

use std::time::Duration;

use super::desk::{Desk, REMINDER};
use super::{ChannelHarness, Happening, Ran};
use crate::dialog::Reach;

/// Who blocks us can't be written to; who lets us write again, or just writes, can.
pub async fn who_blocks_and_comes_back_is_reached_again(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    desk.happens("anna", Happening::Blocked).await;
    assert_eq!(desk.snapshot("anna").await.reach, Reach::BlockedByContact);
    let refused = desk.reply("anna", "are you there?").await;
    assert!(refused.is_err(), "an operator could write to who blocks us");
    desk.happens("anna", Happening::Unblocked).await;
    assert_eq!(
        desk.snapshot("anna").await.reach,
        Reach::Ok,
        "after the end of the block"
    );
    desk.says("anna", "hello").await;
    desk.deliver().await;
    assert_eq!(desk.arrived_at("anna").await, ["re: hello"]);
    desk.happens("anna", Happening::Blocked).await;
    desk.says("anna", "again").await;
    desk.deliver().await;
    assert_eq!(
        desk.snapshot("anna").await.reach,
        Reach::Ok,
        "who writes blocks us no more"
    );
    assert_eq!(desk.arrived_at("anna").await, ["re: hello", "re: again"]);
    Ran::Whole
}

/// What waits as the block comes in is never sent: messages, and timers that come due.
pub async fn a_block_stops_what_waits(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "remind").await;
    desk.says("anna", "hello").await;
    desk.says("anna", "remind").await;
    desk.happens("anna", Happening::Blocked).await;
    desk.clock.advance(REMINDER * 2);
    desk.deliver().await;
    assert_eq!(
        desk.arrived_at("anna").await,
        [""; 0],
        "sent in spite of the block"
    );
    let calls = desk.channel.calls().len();
    assert_eq!(calls, 0, "the channel was asked in spite of the block");
    let refused = desk.reply("anna", "are you there?").await;
    assert!(refused.is_err(), "a later message was taken");
    Ran::Whole
}

/// An address that becomes another keeps its dialog, and messages follow it.
pub async fn a_moved_address_keeps_its_dialog(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    let dialog = desk.dialog("anna").await;
    desk.happens("anna", Happening::Moved("annas-new-place"))
        .await;
    desk.clock.advance(Duration::from_secs(1));
    desk.says("annas-new-place", "hello").await;
    desk.deliver().await;
    let after = desk.dialog("annas-new-place").await;
    assert_eq!(after, dialog, "the new address leads to another dialog");
    assert_eq!(desk.heard("annas-new-place").await, ["quiet", "hello"]);
    assert_eq!(desk.arrived_at("annas-new-place").await, ["re: hello"]);
    assert_eq!(
        desk.arrived_at("anna").await,
        [""; 0],
        "sent to the old address"
    );
    Ran::Whole
}
