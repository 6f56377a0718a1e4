//! What Telegram's refusals do to a message and to its dialog, one test for each row of the
//! table.

use std::time::Duration;

use chatflow_core::{
    Cause, Clock as _, DeliveryState, DialogId, FailureReason, Mark, MarkKind, Message,
    OperatorAct, Reach, StatusKind,
};
use chatflow_telegram::testing::{Fault, Incoming};

use crate::stage::{ANNA, BORIS, Stage, both_ways, mirror};

/// Anna writes while the next send fails like this.
async fn answered_with(stage: &Stage, fault: Fault) -> DialogId {
    stage.fake.fail_next_on("sendMessage", 1, fault);
    stage.says(ANNA, "hi").await;
    stage.dialog_of(ANNA).await
}

/// The message is given up for a reason, the dialog shows a status, and when Anna writes again
/// she is answered.
async fn given_up(
    stage: &Stage,
    fault: Fault,
    reason: FailureReason,
    status: StatusKind,
    reach: Reach,
) {
    let dialog = answered_with(stage, fault).await;
    stage.shows(dialog, status).await;
    stage.rests(dialog).await;
    let snapshot = stage.snapshot(dialog).await;
    assert_eq!(snapshot.reach, reach);
    let line = stage.transcript(dialog).await.pop().unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Dead));
    assert_eq!(line.failure, Some(reason));
    assert_eq!(
        stage.fake.requests_of("sendMessage").len(),
        1,
        "no second try"
    );
    assert!(stage.replies(dialog, "1", "hello?").await.is_err());

    stage.says(ANNA, "hello").await;
    assert_eq!(stage.hears(ANNA, 1).await, ["You: hello"]);
    assert_eq!(stage.status(dialog).await, StatusKind::Auto);
}

#[tokio::test]
async fn ch_16_blocked_by_the_contact() {
    both_ways(mirror, async |stage: Stage| {
        given_up(
            &stage,
            Fault::api(403, "Forbidden: bot was blocked by the user"),
            FailureReason::Blocked,
            StatusKind::Blocked,
            Reach::BlockedByContact,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn ch_16_the_account_is_gone() {
    both_ways(mirror, async |stage: Stage| {
        given_up(
            &stage,
            Fault::api(403, "Forbidden: user is deactivated"),
            FailureReason::Gone,
            StatusKind::Blocked,
            Reach::BlockedByContact,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn ch_16_the_bot_can_not_initiate() {
    both_ways(mirror, async |stage: Stage| {
        given_up(
            &stage,
            Fault::api(
                403,
                "Forbidden: bot can't initiate conversation with a user",
            ),
            FailureReason::CannotInitiate,
            StatusKind::Stopped,
            Reach::CannotWrite(Cause::CannotInitiate),
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn ch_16_to_another_bot() {
    both_ways(mirror, async |stage: Stage| {
        given_up(
            &stage,
            Fault::api(403, "Forbidden: bot can't send messages to bots"),
            FailureReason::InvalidTarget,
            StatusKind::Stopped,
            Reach::CannotWrite(Cause::InvalidTarget),
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn ch_16_chat_not_found() {
    for text in [
        "Bad Request: chat not found",
        "Bad Request: PEER_ID_INVALID",
        "Bad Request: user not found",
    ] {
        both_ways(mirror, async |stage: Stage| {
            given_up(
                &stage,
                Fault::api(400, text),
                FailureReason::UnknownRecipient,
                StatusKind::Stopped,
                Reach::CannotWrite(Cause::UnknownRecipient),
            )
            .await;
        })
        .await;
    }
}

/// Many at once are the channel's trouble, not the contacts': it rests, and nobody stays stopped
/// for it.
#[tokio::test]
async fn ch_16_many_unknown_chats_at_once_are_nobodys_fault() {
    both_ways(mirror, async |stage: Stage| {
        let people = 6_000_001..6_000_009;
        let unknown = Fault::api(400, "Bad Request: chat not found");
        stage.fake.fail_next_on("sendMessage", 100, unknown);
        for person in people.clone() {
            stage.fake.push(Incoming::text(person, "hi"));
        }
        stage.taken().await;
        let mut dialogs = Vec::new();
        for person in people.clone() {
            dialogs.push(stage.dialog_of(person).await);
        }
        // Four are given up before the fifth shows what it is.
        let stopped = async || {
            let mut stopped = 0;
            for dialog in &dialogs {
                let status = stage.status(*dialog).await;
                stopped += usize::from(status == StatusKind::Stopped);
            }
            stopped
        };
        stage
            .until("four that are stopped", async || stopped().await == 4)
            .await;
        for dialog in &dialogs {
            if stage.status(*dialog).await == StatusKind::Auto {
                stage.tried(*dialog, 0).await;
            }
        }
        assert_eq!(stopped().await, 4);

        stage.fake.clear_faults();
        stage.pass(Duration::from_secs(61));
        let mut arrived = 0;
        for (person, dialog) in people.zip(dialogs.clone()) {
            stage.shows(dialog, StatusKind::Auto).await;
            stage.rests(dialog).await;
            arrived += stage.fake.sent_to(person).len();
        }
        assert_eq!(arrived, 4, "the others were given up and may be sent again");
    })
    .await;
}

#[tokio::test]
async fn ch_16_too_many_requests_waits_as_long_as_told_and_holds_up_nobody_else() {
    for with_parameters in [true, false] {
        both_ways(mirror, async |stage: Stage| {
            let flood = Fault::RetryAfter {
                seconds: 30,
                with_parameters,
            };
            let dialog = answered_with(&stage, flood).await;
            let entry = stage.tried(dialog, 1).await;
            let wait = (entry.due - stage.clock.now()).to_std().unwrap();
            assert!(wait >= Duration::from_secs(30), "{wait:?}");
            assert_eq!(stage.status(dialog).await, StatusKind::Auto);
            stage.says(BORIS, "hi").await;
            assert_eq!(stage.hears(BORIS, 1).await, ["You: hi"]);
            assert!(stage.fake.sent_to(ANNA).is_empty());

            stage.pass(Duration::from_secs(30));
            assert_eq!(stage.hears(ANNA, 1).await, ["You: hi"]);
            stage.rests(dialog).await;
        })
        .await;
    }
}

/// A fault that passes: the message is tried again, and arrives as often as is said.
async fn passes(fault: Fault, arrives: usize) {
    let fault = &fault;
    both_ways(mirror, async |stage: Stage| {
        let dialog = answered_with(&stage, fault.clone()).await;
        let entry = stage.tried(dialog, 1).await;
        assert_eq!(entry.part, 0);
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        stage.pass(Duration::from_secs(1));
        assert_eq!(stage.hears(ANNA, arrives).await, vec!["You: hi"; arrives]);
        stage.rests(dialog).await;
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn ch_16_a_server_error_is_tried_again() {
    passes(Fault::ServerError, 1).await;
    passes(Fault::Html(502), 1).await;
    passes(Fault::Empty(503), 1).await;
}

#[tokio::test]
async fn ch_16_what_may_have_arrived_is_sent_again() {
    passes(Fault::CloseAfterActing, 2).await;
    passes(Fault::NotJson, 2).await;
    passes(Fault::CloseBeforeReading, 1).await;
}

/// The message is lost, and the dialog is as it was.
#[tokio::test]
async fn ch_16_trouble_that_does_not_pass_is_given_up_and_can_be_sent_again() {
    both_ways(mirror, async |stage: Stage| {
        stage
            .fake
            .fail_next_on("sendMessage", 4, Fault::ServerError);
        stage.says(ANNA, "hi").await;
        let dialog = stage.dialog_of(ANNA).await;
        for attempt in 1..4 {
            stage.tried(dialog, attempt).await;
            stage.pass(Duration::from_secs(1));
        }
        stage.rests(dialog).await;
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        let line = stage.transcript(dialog).await.pop().unwrap();
        assert_eq!(line.delivery, Some(DeliveryState::Dead));
        assert_eq!(line.failure, Some(FailureReason::Transient));
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 4);

        assert!(stage.chatflow.resend(line.record.id).await.unwrap());
        stage.pass(Duration::from_secs(1));
        assert_eq!(stage.hears(ANNA, 1).await, ["You: hi"]);
    })
    .await;
}

#[tokio::test]
async fn ch_16_what_telegram_will_never_take_is_an_error_of_the_flow() {
    for (text, reason) in [
        ("Bad Request: message is too long", FailureReason::TooLarge),
        ("Bad Request: BUTTON_DATA_INVALID", FailureReason::Invalid),
        ("Bad Request: message text is empty", FailureReason::Invalid),
    ] {
        both_ways(mirror, async |stage: Stage| {
            let dialog = answered_with(&stage, Fault::api(400, text)).await;
            stage.shows(dialog, StatusKind::Error).await;
            assert_eq!(stage.snapshot(dialog).await.reach, Reach::Ok);
            let line = stage.transcript(dialog).await.pop().unwrap();
            assert_eq!(line.failure, Some(reason), "{text}");
            assert_eq!(stage.fake.requests_of("sendMessage").len(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn ch_16_refused_formatting_goes_out_plain() {
    both_ways(mirror, async |stage: Stage| {
        let bad = "Bad Request: can't parse entities: Can't find end of the entity";
        stage
            .fake
            .fail_next_on("sendMessage", 1, Fault::api(400, bad));
        stage.says(BORIS, "hi").await;
        let dialog = stage.dialog_of(BORIS).await;
        // The mirror's own text has no formatting, so it is what failed.
        stage.shows(dialog, StatusKind::Error).await;

        stage.fake.clear_faults();
        stage.says(ANNA, "hi").await;
        stage.hears(ANNA, 1).await;
        let dialog = stage.dialog_of(ANNA).await;
        stage
            .fake
            .fail_next_on("sendMessage", 1, Fault::api(400, bad));
        let message = Message::new("hi there").with_marks([Mark::new(0..2, MarkKind::Bold)]);
        let reply = OperatorAct::Reply(message);
        stage.operate(dialog, "1", reply).await.unwrap();
        assert_eq!(stage.hears(ANNA, 2).await[1], "hi there");
        assert!(stage.fake.sent_to(ANNA)[1].get("entities").is_none());
        stage.rests(dialog).await;
    })
    .await;
}

#[tokio::test]
async fn ch_16_a_refused_account_pauses_the_channel_and_loses_nothing() {
    both_ways(mirror, async |stage: Stage| {
        let refused = Fault::api(401, "Unauthorized");
        let dialog = answered_with(&stage, refused).await;
        // What isn't the message's fault doesn't count as a try of it.
        stage.tried(dialog, 0).await;
        stage.says(BORIS, "hi").await;
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        stage.pass(Duration::from_secs(10));
        assert_eq!(stage.hears(ANNA, 1).await, ["You: hi"]);
        assert_eq!(stage.hears(BORIS, 1).await, ["You: hi"]);
    })
    .await;
}

/// An outage of the whole server: what came and what was said meanwhile arrive after it.
#[tokio::test]
async fn an_outage_loses_nothing() {
    both_ways(mirror, async |stage: Stage| {
        stage.says(ANNA, "before").await;
        stage.hears(ANNA, 1).await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.rests(dialog).await;
        stage.fake.stop().await;
        stage.replies(dialog, "1", "meanwhile").await.unwrap();
        stage.tried(dialog, 1).await;
        stage.fake.push_text(BORIS, "meanwhile");
        stage.fake.restart().await;
        stage.pass(Duration::from_secs(1));
        assert_eq!(stage.hears(ANNA, 2).await[1], "meanwhile");
        assert_eq!(stage.hears(BORIS, 1).await, ["You: meanwhile"]);
    })
    .await;
}
