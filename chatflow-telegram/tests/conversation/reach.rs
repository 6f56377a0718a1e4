//! Contacts who block the bot, and come back.

use std::time::Duration;

use chatflow_core::{
    CannotSend, Cause, DeliveryState, HandleError, Initiation, Message, OperatorAct, Profile,
    Reach, Refusal, StatusKind,
};

use crate::stage::{ANNA, BORIS, Stage, both_ways, mirror};

fn refusal(error: HandleError) -> Refusal {
    match error {
        HandleError::Refused(refused) => refused.reason,
        other => panic!("{other}"),
    }
}

/// Anna has blocked the bot while three of its six messages wait for their turn.
async fn blocked(stage: &Stage) -> chatflow_core::DialogId {
    stage.says(ANNA, "6").await;
    stage.hears(ANNA, 3).await;
    let dialog = stage.dialog_of(ANNA).await;
    stage.fake.block(ANNA);
    stage.taken().await;
    assert_eq!(stage.status(dialog).await, StatusKind::Blocked);
    stage.pass(Duration::from_secs(10));
    stage.rests(dialog).await;
    dialog
}

#[tokio::test]
async fn st_06_a_block_cancels_what_waits_and_refuses_what_comes() {
    both_ways(mirror, async |stage: Stage| {
        let dialog = blocked(&stage).await;
        let lines = stage.transcript(dialog).await;
        let states: Vec<_> = lines.iter().filter_map(|line| line.delivery).collect();
        use DeliveryState::{Cancelled, Sent};
        assert_eq!(states, [Sent, Sent, Sent, Cancelled, Cancelled, Cancelled]);
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 3);

        let refused = stage.replies(dialog, "1", "Wait!").await.unwrap_err();
        assert_eq!(refusal(refused), Refusal::Blocked);
        let can_send = stage.chatflow.can_send(dialog).await.unwrap();
        assert_eq!(can_send, Err(CannotSend::BlockedByContact));
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 3);

        // Nobody else is touched by it.
        stage.says(BORIS, "hi").await;
        stage.hears(BORIS, 1).await;
    })
    .await;
}

#[tokio::test]
async fn st_06_an_unblocked_bot_goes_on_where_it_was() {
    both_ways(mirror, async |stage: Stage| {
        let dialog = blocked(&stage).await;
        stage.fake.unblock(ANNA);
        stage.taken().await;
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        stage.replies(dialog, "1", "Welcome back").await.unwrap();
        assert_eq!(stage.hears(ANNA, 4).await[3], "Welcome back");
    })
    .await;
}

#[tokio::test]
async fn st_06_any_message_ends_a_block() {
    both_ways(mirror, async |stage: Stage| {
        let dialog = blocked(&stage).await;
        stage.says(ANNA, "I am back").await;
        assert_eq!(stage.hears(ANNA, 4).await[3], "You: I am back");
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
    })
    .await;
}

#[tokio::test]
async fn ch_12_a_bot_does_not_write_first() {
    both_ways(mirror, async |stage: Stage| {
        let address = stage.address(ANNA);
        let profile = Profile::default();
        let opened = stage.chatflow.open_dialog(&address, &profile);
        let dialog = opened.await.unwrap();
        stage.fake.take_requests();
        let can_send = stage.chatflow.can_send(dialog).await.unwrap();
        let cause = Cause::CannotInitiate;
        assert_eq!(can_send, Err(CannotSend::CannotWrite(cause)));
        let hello = OperatorAct::Reply(Message::new("Hello!"));
        stage.operate(dialog, "1", hello).await.unwrap();
        stage.shows(dialog, StatusKind::Stopped).await;
        let reach = stage.snapshot(dialog).await.reach;
        assert_eq!(reach, Reach::CannotWrite(cause));
        assert!(stage.fake.requests_of("sendMessage").is_empty());
        assert_eq!(stage.capabilities().initiation, Initiation::AfterContact);

        stage.says(ANNA, "hi").await;
        assert_eq!(stage.snapshot(dialog).await.reach, Reach::Ok);
        assert_eq!(stage.status(dialog).await, StatusKind::Manual, "olga leads");
        stage.replies(dialog, "2", "There you are!").await.unwrap();
        assert_eq!(stage.hears(ANNA, 1).await, ["There you are!"]);
    })
    .await;
}
