//! Every failure says what to do next.

use std::time::Duration;

use super::desk::{Desk, send_plainly};
use super::{ChannelHarness, Failure, Ran};
use crate::channel::{NextTry, SendErrorClass};
use crate::dialog::Message;

/// Most wordings of one failure.
const WORDINGS_MAX: usize = 100;

/// Whatever the outside answers, the adapter calls it by its class, and nothing has arrived. The
/// channel works again right after.
pub async fn each_failure_has_its_class(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    let mut n = 0;
    for class in classes(&desk) {
        let failure = Failure::Class(class.clone());
        for wording in 0..WORDINGS_MAX {
            let before = desk.outside.arrived().await.len();
            if !desk.outside.fails_next(&failure, wording).await {
                break;
            }
            n += 1;
            let sent = send_plainly(&desk, "anna", &Message::new("hello"), n).await;
            let found = sent.map_err(|error| error.class);
            assert_eq!(found, Err(class.clone()), "wording {wording} of {class:?}");
            if class != SendErrorClass::Ambiguous {
                let after = desk.outside.arrived().await.len();
                assert_eq!(after, before, "{class:?}, and it arrived");
            }
        }
    }
    assert!(n > 0, "the outside can be made to fail in no way");
    let sent = send_plainly(&desk, "anna", &Message::new("hello"), n + 1).await;
    assert!(
        sent.is_ok(),
        "after the failures the channel works no more: {sent:?}"
    );
    Ran::Whole
}

/// A refusal in words that nobody has heard of blames the message: sending it again can't help.
pub async fn a_refusal_nobody_has_heard_of_is_never_tried_again(
    harness: &dyn ChannelHarness,
) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "hello").await;
    if !desk.outside.fails_next(&Failure::UnknownRefusal, 0).await {
        return Ran::NotDeclared("refusals that nobody has heard of");
    }
    desk.step().await;
    for _ in 0..20 {
        desk.clock.advance(Duration::from_secs(700));
        desk.step().await;
    }
    let calls = desk.channel.calls();
    let [call] = &calls[..] else {
        panic!("an unknown refusal was tried {} times", calls.len());
    };
    let next = call.answer.as_ref().map_err(|error| error.class.next_try());
    assert_eq!(next, Err(NextTry::Never));
    Ran::Whole
}

/// A connection that breaks before the request has left is a passing failure; one that breaks
/// after leaves the outcome unknown, and so does an answer that can't be read.
pub async fn an_unknown_outcome_is_told_from_a_failure(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    let before = SendErrorClass::Transient { retry_after: None };
    let failures = [
        (Failure::BeforeSending, before),
        (Failure::AfterSending, SendErrorClass::Ambiguous),
        (Failure::Garbled, SendErrorClass::Ambiguous),
    ];
    let mut tried = 0;
    for (n, (failure, class)) in (1..).zip(failures) {
        if desk.outside.fails_next(&failure, 0).await {
            tried += 1;
            let sent = send_plainly(&desk, "anna", &Message::new("hello"), n).await;
            assert_eq!(sent.map_err(|error| error.class), Err(class), "{failure:?}");
        }
    }
    if tried == 0 {
        return Ran::NotDeclared("connections that break");
    }
    Ran::Whole
}

/// A passing failure is tried again under the same key, not before the time that was asked for,
/// and arrives once.
pub async fn a_passing_failure_is_tried_again_and_arrives_once(
    harness: &dyn ChannelHarness,
) -> Ran {
    let mut desk = Desk::open(harness).await;
    let patience = Duration::from_secs(7);
    let waits = [Some(patience), None];
    let mut tried = 0;
    for retry_after in waits {
        let failure = Failure::Class(SendErrorClass::Transient { retry_after });
        let before = desk.channel.calls().len();
        desk.says("anna", "hello").await;
        if !desk.outside.fails_next(&failure, 0).await {
            desk.deliver().await;
            continue;
        }
        tried += 1;
        desk.step().await;
        let wait = retry_after.unwrap_or_default();
        if let Some(early) = wait.checked_sub(Duration::from_millis(1)) {
            desk.clock.advance(early);
            desk.step().await;
            assert_eq!(desk.channel.calls().len(), before + 1, "tried too early");
        }
        desk.deliver().await;
        let calls = desk.channel.calls().split_off(before);
        let attempts: Vec<_> = calls.iter().map(|call| call.attempt).collect();
        assert_eq!(attempts, [1, 2], "after {failure:?}");
    }
    if tried == 0 {
        return Ran::NotDeclared("passing failures");
    }
    let arrived = desk.arrived_at("anna").await;
    assert_eq!(arrived, ["re: hello", "re: hello"], "each arrives once");
    Ran::Whole
}

/// One of each class.
fn classes(desk: &Desk) -> Vec<SendErrorClass> {
    let wait = |seconds| SendErrorClass::Transient {
        retry_after: Some(Duration::from_secs(seconds)),
    };
    vec![
        SendErrorClass::Transient { retry_after: None },
        wait(1),
        wait(60),
        SendErrorClass::Ambiguous,
        SendErrorClass::ChannelDown,
        SendErrorClass::Blocked,
        SendErrorClass::Gone,
        SendErrorClass::CannotInitiate,
        SendErrorClass::InvalidTarget,
        SendErrorClass::Removed,
        SendErrorClass::NoRights,
        SendErrorClass::VisitorLeft,
        SendErrorClass::UnknownRecipient,
        SendErrorClass::WindowClosed,
        SendErrorClass::ConnectionLost,
        SendErrorClass::Moved(desk.outside.address("elsewhere")),
        SendErrorClass::TooLarge,
        SendErrorClass::Unsupported,
        SendErrorClass::Invalid,
    ]
}
