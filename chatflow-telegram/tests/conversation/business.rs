//! The bot in the name of a business account.

use std::time::Duration;

use chatflow_core::{
    Author, CannotSend, Cause, FailureReason, HandleError, Reach, Refusal, Side, StatusKind,
};
use chatflow_telegram::testing::{BusinessRights, Incoming, Person};

use crate::stage::{ANNA, Setting, Stage, both_ways, mirror};

const OWNER: i64 = 5_000_090;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn business() -> Setting {
    mirror().business()
}

/// Anna has written to the owner's account, and the bot has answered in its name.
async fn begun(stage: &Stage) -> (String, chatflow_core::DialogId) {
    stage.fake.add_person(Person::named(OWNER, "Olga"));
    let (connection, _) = stage
        .fake
        .connect_business(OWNER, BusinessRights::default());
    stage
        .push(Incoming::text(ANNA, "hi").over(&connection))
        .await;
    assert_eq!(stage.hears(ANNA, 1).await, ["You: hi"]);
    let address = format!("business:{connection}:{ANNA}");
    let dialog = stage.dialog_of(address).await;
    stage.rests(dialog).await;
    (connection, dialog)
}

#[tokio::test]
async fn ch_08_a_customer_of_the_account_is_answered_in_its_name() {
    both_ways(business, async |stage: Stage| {
        let (connection, dialog) = begun(&stage).await;
        let sent = stage.fake.sent_to(ANNA).pop().unwrap();
        assert_eq!(sent["business_connection_id"], connection.as_str());
        assert_eq!(sent["from"]["id"], OWNER);
        let line = stage.transcript(dialog).await.remove(0);
        assert_eq!(line.record.author.side(), Side::Contact);

        // Read receipts are what a plain bot hasn't.
        stage
            .chatflow
            .mark_read(dialog, line.record.id)
            .await
            .unwrap();
        let id: i64 = line
            .record
            .message
            .external_id()
            .unwrap()
            .as_str()
            .parse()
            .unwrap();
        assert!(stage.fake.view(|view| view.is_read(&connection, ANNA, id)));
    })
    .await;
}

#[tokio::test]
async fn the_owners_own_message_pauses_the_bot() {
    both_ways(business, async |stage: Stage| {
        let (connection, dialog) = begun(&stage).await;
        let own = Incoming::text(OWNER, "I'll take this.").over(&connection);
        stage.push(own.in_chat(ANNA)).await;
        assert_eq!(stage.status(dialog).await, StatusKind::Manual);
        let line = stage.transcript(dialog).await.pop().unwrap();
        let owner = format!("telegram:{OWNER}");
        assert_eq!(line.record.author, Author::Operator(owner.as_str().into()));
        assert_eq!(line.record.message.text(), "I'll take this.");
        assert_eq!(line.delivery, None, "it was not ours to deliver");

        stage
            .push(Incoming::text(ANNA, "thanks").over(&connection))
            .await;
        stage.rests(dialog).await;
        assert_eq!(stage.status(dialog).await, StatusKind::Manual);
        stage.hears(ANNA, 1).await;
    })
    .await;
}

/// Only Telegram's clock has moved, so that it is Telegram who says it.
#[tokio::test]
async fn ch_16_telegram_closes_the_window_after_a_day() {
    both_ways(business, async |stage: Stage| {
        let (connection, dialog) = begun(&stage).await;
        stage.fake.advance(DAY + Duration::from_secs(1));
        stage.replies(dialog, "1", "Still there?").await.unwrap();
        stage.shows(dialog, StatusKind::Stopped).await;
        let reach = stage.snapshot(dialog).await.reach;
        assert_eq!(reach, Reach::CannotWrite(Cause::WindowClosed));
        let line = stage.transcript(dialog).await.pop().unwrap();
        assert_eq!(line.failure, Some(FailureReason::WindowClosed));
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 2);

        // The customer opens it again.
        stage
            .push(Incoming::text(ANNA, "yes").over(&connection))
            .await;
        assert_eq!(stage.snapshot(dialog).await.reach, Reach::Ok);
        stage.replies(dialog, "2", "Good.").await.unwrap();
        stage.rests(dialog).await;
        assert_eq!(stage.fake.sent_to(ANNA).pop().unwrap()["text"], "Good.");
    })
    .await;
}

/// Both clocks have moved: nobody asks Telegram.
#[tokio::test]
async fn ch_17_after_a_day_the_core_knows_it_before_telegram_is_asked() {
    both_ways(business, async |stage: Stage| {
        let (_, dialog) = begun(&stage).await;
        stage.pass(DAY - Duration::from_secs(1));
        assert_eq!(stage.chatflow.can_send(dialog).await.unwrap(), Ok(()));
        stage.pass(Duration::from_secs(2));
        let reason = stage.chatflow.can_send(dialog).await.unwrap();
        assert_eq!(reason, Err(CannotSend::CannotWrite(Cause::WindowClosed)));
        let sent = stage.replies(dialog, "1", "Still there?").await;
        if sent.is_ok() {
            stage.shows(dialog, StatusKind::Stopped).await;
        }
        assert_eq!(stage.fake.requests_of("sendMessage").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ch_16_a_lost_connection_stops_its_dialogs() {
    both_ways(business, async |stage: Stage| {
        let (connection, dialog) = begun(&stage).await;
        stage
            .fake
            .change_business(&connection, false, BusinessRights::none());
        stage.taken().await;
        stage.replies(dialog, "1", "Hello?").await.unwrap();
        stage.shows(dialog, StatusKind::Stopped).await;
        let reach = stage.snapshot(dialog).await.reach;
        assert_eq!(reach, Reach::CannotWrite(Cause::ConnectionLost));
        match stage.replies(dialog, "2", "Hello??").await {
            Err(HandleError::Refused(refused)) => assert_eq!(refused.reason, Refusal::CannotWrite),
            other => panic!("{other:?}"),
        }
    })
    .await;
}
