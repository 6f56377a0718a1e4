use chatflow_core::{
    Action, Channel, ExternalId, Mark, MarkKind, Media, MediaKind, Message, SendErrorClass,
};
use chatflow_telegram::Binding;
use chatflow_telegram::testing::{BusinessRights, Fault, GroupKind, Incoming};

use crate::support::{ANNA, Stage};

impl Stage {
    async fn sent(&self, message: &Message) -> ExternalId {
        self.send(ANNA, message).await.unwrap().ids.remove(0)
    }

    async fn act(&self, to: impl ToString, action: &Action<'_>) -> Result<(), SendErrorClass> {
        let done = self.telegram.act(&self.address(to), action).await;
        done.map_err(|error| error.class)
    }

    async fn edit(&self, id: &ExternalId, message: &Message) -> Result<(), SendErrorClass> {
        self.act(ANNA, &Action::Edit { id, message }).await
    }
}

#[tokio::test]
async fn typing_shows_where_it_should() {
    let stage = Stage::new().await;
    stage.fake.add_group(-1_000_050, GroupKind::Forum, "Club");
    stage.fake.open_topic(-1_000_050, 7, "Rex");
    stage.act("-1000050/7", &Action::Typing).await.unwrap();
    let request = stage.fake.requests_of("sendChatAction").pop().unwrap();
    assert_eq!(request.params["action"], "typing");
    assert_eq!(request.params["message_thread_id"], 7);
}

#[tokio::test]
async fn a_text_is_changed_and_its_choices_with_it() {
    let stage = Stage::new().await;
    let id = stage.sent(&Message::new("Ten").with_choices(["Buy"])).await;
    let new = Message::new("Eleven")
        .with_marks([Mark::new(0..6, MarkKind::Bold)])
        .with_choices(["Buy now"]);
    stage.edit(&id, &new).await.unwrap();
    let sent = stage.last(ANNA);
    assert_eq!(sent["text"], "Eleven");
    assert_eq!(sent["entities"][0]["type"], "bold");
    assert_eq!(
        sent["reply_markup"]["inline_keyboard"][0][0]["text"],
        "Buy now"
    );
    // Twice the same is as it should be.
    stage.edit(&id, &new).await.unwrap();
    stage.edit(&id, &Message::new("Eleven")).await.unwrap();
    assert!(stage.last(ANNA).get("reply_markup").is_none());
}

#[tokio::test]
async fn what_stands_under_media_is_changed_too() {
    let stage = Stage::new().await;
    let photo = Media::new(MediaKind::Photo, "https://shop.example/a.jpg");
    let id = stage
        .sent(&Message::new("Front").with_media(photo.clone()))
        .await;
    stage
        .edit(&id, &Message::new("Back").with_media(photo.clone()))
        .await
        .unwrap();
    assert_eq!(stage.last(ANNA)["caption"], "Back");
    assert!(stage.fake.requests_of("editMessageText").is_empty());
    // An operator gives only the new text.
    stage.edit(&id, &Message::new("Side")).await.unwrap();
    assert_eq!(stage.last(ANNA)["caption"], "Side");

    let id = stage.sent(&Message::new("Plain")).await;
    stage
        .edit(&id, &Message::new("Plainer").with_media(photo))
        .await
        .unwrap();
    assert_eq!(stage.last(ANNA)["text"], "Plainer");
}

#[tokio::test]
async fn refused_formatting_of_a_change_is_left_out() {
    let stage = Stage::new().await;
    let id = stage.sent(&Message::new("Ten")).await;
    let fault = Fault::api(400, "Bad Request: can't parse entities");
    stage.fake.fail_next_on("editMessageText", 1, fault);
    let new = Message::new("Eleven").with_marks([Mark::new(0..6, MarkKind::Bold)]);
    stage.edit(&id, &new).await.unwrap();
    assert_eq!(stage.last(ANNA)["text"], "Eleven");
}

#[tokio::test]
async fn a_change_of_nothing_is_refused_for_good() {
    let stage = Stage::new().await;
    let new = Message::new("Eleven");
    for id in ["999999", "no-number"] {
        assert_eq!(
            stage.edit(&id.into(), &new).await,
            Err(SendErrorClass::Invalid),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_message_is_taken_back_once() {
    let stage = Stage::new().await;
    let id = stage.sent(&Message::new("Oops")).await;
    stage.act(ANNA, &Action::Delete { id: &id }).await.unwrap();
    assert!(stage.fake.sent_to(ANNA).is_empty());
    // It is gone, which is what was wanted.
    stage.act(ANNA, &Action::Delete { id: &id }).await.unwrap();

    let id = stage.sent(&Message::new("Too late")).await;
    stage
        .fake
        .advance(std::time::Duration::from_secs(49 * 60 * 60));
    let late = stage.act(ANNA, &Action::Delete { id: &id }).await;
    assert_eq!(late, Err(SendErrorClass::Invalid));
}

#[tokio::test]
async fn a_business_account_shows_that_it_has_read() {
    let stage = Stage::with(|config| config.binding(Binding::Business)).await;
    let (connection, _) = stage.fake.connect_business(9, BusinessRights::default());
    let asked = stage
        .fake
        .push(Incoming::text(ANNA, "hello").over(&connection));
    let id = ExternalId::from(asked.message_id.to_string());
    let place = format!("business:{connection}:{ANNA}");
    stage
        .act(&place, &Action::MarkRead { id: &id })
        .await
        .unwrap();
    let is_read = stage
        .fake
        .view(|view| view.is_read(&connection, ANNA, asked.message_id));
    assert!(is_read);
    // Nobody reads in the bot's own name.
    let own = stage.act(ANNA, &Action::MarkRead { id: &id }).await;
    assert_eq!(own, Err(SendErrorClass::Unsupported));
}

#[tokio::test]
async fn what_was_said_for_a_business_account_is_changed_for_it() {
    let stage = Stage::with(|config| config.binding(Binding::Business)).await;
    let (connection, _) = stage.fake.connect_business(9, BusinessRights::default());
    stage
        .fake
        .push(Incoming::text(ANNA, "hello").over(&connection));
    let place = format!("business:{connection}:{ANNA}");
    let receipt = stage.send(&place, &Message::new("Ten")).await.unwrap();
    let (id, message) = (&receipt.ids[0], &Message::new("Eleven"));
    stage
        .act(&place, &Action::Edit { id, message })
        .await
        .unwrap();
    assert_eq!(stage.last(ANNA)["text"], "Eleven");
}
