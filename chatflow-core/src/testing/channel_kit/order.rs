//! In order within a dialog, and no dialog holds another up.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use super::desk::{Desk, send_plainly};
use super::{ChannelHarness, Failure, Happening, Ran};
use crate::channel::SendErrorClass;
use crate::dialog::{Automation, ErrorKind, Message};

/// A hundred people talk at once, three messages each, one word of each in turn.
pub async fn each_of_a_hundred_is_heard_in_order(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let people: Vec<_> = (0..100).map(|n| format!("c{n}")).collect();
    for text in ["one", "two", "three"] {
        for who in &people {
            desk.outside.happens(who, &Happening::Text(text)).await;
        }
    }
    desk.take_in().await;
    desk.deliver().await;
    for who in &people {
        assert_eq!(desk.heard(who).await, ["one", "two", "three"], "of {who}");
        let answers = desk.arrived_at(who).await;
        assert_eq!(answers, ["re: one", "re: two", "re: three"], "to {who}");
    }
    Ran::Whole
}

/// A message that fails again and again keeps nobody else waiting.
pub async fn one_that_fails_holds_no_other_up(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let failure = Failure::Class(SendErrorClass::Transient { retry_after: None });
    desk.says("anna", "hello").await;
    if !desk.outside.fails_next(&failure, 0).await {
        return Ran::NotDeclared("a passing failure");
    }
    desk.step().await;
    desk.says("bert", "hello").await;
    desk.step().await;
    assert_eq!(
        desk.arrived_at("anna").await,
        [""; 0],
        "the first one failed"
    );
    assert_eq!(
        desk.arrived_at("bert").await,
        ["re: hello"],
        "the other isn't held up"
    );
    desk.clock.advance(Duration::from_secs(60));
    desk.deliver().await;
    assert_eq!(desk.arrived_at("anna").await, ["re: hello"]);
    Ran::Whole
}

/// A message to which the outside gives no answer keeps nobody else waiting.
pub async fn one_that_hangs_holds_no_other_up(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    desk.says("bert", "quiet").await;
    let can = desk.outside.fails_next(&Failure::Hang, 0).await;
    assert!(
        can,
        "the harness says that the outside can leave a send without an answer"
    );
    let message = Message::new("hello");
    let hanging = pin!(send_plainly(&desk, "anna", &message, 1));
    let Either::Right((other, _)) =
        select(hanging, pin!(send_plainly(&desk, "bert", &message, 2))).await
    else {
        panic!("the send that was to hang was answered");
    };
    assert!(other.is_ok(), "the other send failed: {other:?}");
    Ran::Whole
}

/// A host's step that panics costs its own dialog that turn, and nothing else.
pub async fn a_step_that_panics_hurts_its_own_dialog_only(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    for (who, text) in [("bert", "one"), ("anna", "panic"), ("bert", "two")] {
        desk.outside.happens(who, &Happening::Text(text)).await;
    }
    desk.take_in().await;
    desk.deliver().await;
    let hurt = desk.snapshot("anna").await.automation;
    assert_eq!(hurt, Automation::Error(ErrorKind::StepPanicked));
    assert_eq!(
        desk.heard("anna").await,
        ["panic"],
        "what was said isn't lost"
    );
    assert_eq!(desk.arrived_at("bert").await, ["re: one", "re: two"]);
    Ran::Whole
}

/// What is said to one contact arrives in the order in which it was said.
pub async fn messages_of_a_dialog_arrive_in_order(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "twice").await;
    desk.says("anna", "then").await;
    desk.deliver().await;
    assert_eq!(desk.arrived_at("anna").await, ["once", "twice", "re: then"]);
    Ran::Whole
}
