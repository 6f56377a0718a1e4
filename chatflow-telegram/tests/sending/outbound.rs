use chatflow_core::{
    Channel, ChoiceStyle, ExternalId, Mark, MarkKind, Media, MediaKind, Message, SendErrorClass,
};
use chatflow_telegram::Binding;
use chatflow_telegram::testing::{BusinessRights, Fault, GroupKind, Incoming};
use serde_json::json;

use crate::support::{ANNA, Stage};

#[tokio::test]
async fn a_text_arrives_letter_for_letter_with_its_formatting() {
    let stage = Stage::new().await;
    let text = "👍 <b>*Rex* & co_ [x](y)";
    let message = Message::new(text).with_marks([
        Mark::new(5..8, MarkKind::Bold),
        Mark::new(9..14, MarkKind::Link("https://shop.example/".into())),
    ]);
    let receipt = stage.send(ANNA, &message).await.unwrap();
    let sent = stage.last(ANNA);
    assert_eq!(sent["text"], text);
    assert_eq!(
        sent["entities"],
        json!([
            {"type": "bold", "offset": 3, "length": 3},
            {"type": "text_link", "offset": 7, "length": 5, "url": "https://shop.example/"},
        ])
    );
    let id = sent["message_id"].to_string();
    assert_eq!(receipt.ids, [ExternalId::from(id)]);
}

#[tokio::test]
async fn refused_formatting_is_left_out_once() {
    let stage = Stage::new().await;
    let message = Message::new("Hello").with_marks([Mark::new(0..5, MarkKind::Bold)]);
    let fault = Fault::api(400, "Bad Request: can't parse entities: unsupported");
    stage.fake.fail_next(1, fault.clone());
    assert!(stage.send(ANNA, &message).await.is_ok());
    let requests = stage.fake.take_requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].params.get("entities").is_some());
    assert!(requests[1].params.get("entities").is_none());
    assert_eq!(stage.last(ANNA)["text"], "Hello");

    // Without formatting there is nothing to leave out, and it isn't tried for ever.
    stage.fake.fail_next(5, fault);
    let error = stage.send(ANNA, &Message::new("Hello")).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::Invalid);
    let error = stage.send(ANNA, &message).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::Invalid);
    assert_eq!(stage.fake.take_requests().len(), 3);
}

#[tokio::test]
async fn choices_stand_under_the_message_and_a_long_one_can_be_told() {
    let stage = Stage::new().await;
    let long = "I would like to hear more about the larger one of the two houses, please";
    let message = Message::new("Which?").with_choices(["Yes", "No", long]);
    stage.send(ANNA, &message).await.unwrap();
    let keyboard = stage.last(ANNA)["reply_markup"]["inline_keyboard"].clone();
    assert_eq!(
        keyboard[0],
        json!([{"text": "Yes", "callback_data": "Yes"}, {"text": "No", "callback_data": "No"}])
    );
    assert_eq!(keyboard[1][0]["text"], long);
    let data = keyboard[1][0]["callback_data"].as_str().unwrap();
    assert!(
        data.len() <= 64 && data.starts_with("I would like to hear more"),
        "{data}"
    );
}

#[tokio::test]
async fn choices_in_place_of_the_input_are_small_and_go_after_one_use() {
    let stage = Stage::new().await;
    let message = Message::new("Which?")
        .with_choices(["Yes", "No"])
        .with_choice_style(ChoiceStyle::Reply);
    stage.send(ANNA, &message).await.unwrap();
    let request = stage.fake.requests_of("sendMessage").pop().unwrap();
    let markup = request.params["reply_markup"].clone();
    let markup = match markup.as_str() {
        Some(text) => serde_json::from_str(text).unwrap(),
        None => markup,
    };
    assert_eq!(
        markup,
        json!({
            "keyboard": [[{"text": "Yes"}, {"text": "No"}]],
            "resize_keyboard": true, "one_time_keyboard": true,
        })
    );
}

#[tokio::test]
async fn a_reply_names_its_message_and_does_without_one_that_is_gone() {
    let stage = Stage::new().await;
    let asked = stage.fake.push_text(ANNA, "How much?");
    let id = ExternalId::from(asked.message_id.to_string());
    let ten = Message::new("Ten");
    stage.reply(ANNA, &ten, Some(&id)).await.unwrap();
    assert_eq!(
        stage.last(ANNA)["reply_to_message"]["message_id"],
        asked.message_id
    );
    for gone in ["999999", "not-a-number"] {
        stage.reply(ANNA, &ten, Some(&gone.into())).await.unwrap();
        assert!(stage.last(ANNA).get("reply_to_message").is_none(), "{gone}");
    }
}

#[tokio::test]
async fn a_topic_is_written_to_and_no_other() {
    let stage = Stage::new().await;
    stage.fake.add_group(-1_000_050, GroupKind::Forum, "Club");
    stage.fake.open_topic(-1_000_050, 7, "Rex");
    stage
        .send("-1000050/7", &Message::new("hello"))
        .await
        .unwrap();
    assert_eq!(stage.last(-1_000_050)["message_thread_id"], 7);
    stage.fake.close_topic(-1_000_050, 7);
    let error = stage
        .send("-1000050/7", &Message::new("hello"))
        .await
        .unwrap_err();
    assert_eq!(error.class, SendErrorClass::NoRights);
}

#[tokio::test]
async fn a_business_account_is_answered_for_as_long_as_it_may_be() {
    let stage = Stage::with(|config| config.binding(Binding::Business)).await;
    let (connection, _) = stage.fake.connect_business(9, BusinessRights::default());
    stage
        .fake
        .push(Incoming::text(ANNA, "hello").over(&connection));
    let place = format!("business:{connection}:{ANNA}");
    stage.send(&place, &Message::new("Good day")).await.unwrap();
    let request = stage.fake.requests_of("sendMessage").pop().unwrap();
    assert_eq!(request.params["business_connection_id"], connection);

    stage
        .fake
        .advance(std::time::Duration::from_secs(25 * 60 * 60));
    let error = stage
        .send(&place, &Message::new("Still there?"))
        .await
        .unwrap_err();
    assert_eq!(error.class, SendErrorClass::WindowClosed);
    stage
        .fake
        .change_business(&connection, false, BusinessRights::default());
    let error = stage
        .send(&place, &Message::new("Still there?"))
        .await
        .unwrap_err();
    assert_eq!(error.class, SendErrorClass::ConnectionLost);
}

#[tokio::test]
async fn an_address_that_is_none_is_not_asked_for() {
    let stage = Stage::new().await;
    for id in ["anna", "+7", "7/x", "business:7"] {
        let error = stage.send(id, &Message::new("hello")).await.unwrap_err();
        assert_eq!(error.class, SendErrorClass::UnknownRecipient, "{id}");
    }
    assert!(stage.fake.requests().is_empty());
}

#[tokio::test]
async fn places_and_contact_cards_arrive_as_such() {
    let stage = Stage::new().await;
    let place = Message::media_of(Media::place(48.2082, 16.3738)).with_choices(["There"]);
    stage.send(ANNA, &place).await.unwrap();
    let sent = stage.last(ANNA);
    assert_eq!(sent["location"]["latitude"], 48.2082);
    assert_eq!(
        sent["reply_markup"]["inline_keyboard"][0][0]["text"],
        "There"
    );

    let card = |name: &str| Message::media_of(Media::contact_card("+43 1 234567", name));
    stage.send(ANNA, &card("Front desk")).await.unwrap();
    assert_eq!(
        stage.last(ANNA)["contact"],
        json!({"phone_number": "+431234567", "first_name": "Front desk"})
    );
    stage.send(ANNA, &card(" ")).await.unwrap();
    assert_eq!(stage.last(ANNA)["contact"]["first_name"], "+431234567");
}

#[tokio::test]
async fn what_telegram_has_no_form_for_is_refused_here() {
    let stage = Stage::new().await;
    let sticker = Media::new(MediaKind::Sticker, "telegram:abc");
    let round = Media::new(MediaKind::RoundVideo, "https://shop.example/a.mp4");
    let nowhere = Media::new(MediaKind::Location, "here");
    let photo = Media::new(MediaKind::Photo, "telegram:abc");
    let album = Message::media_of(photo.clone()).with_media(photo);
    let cases = [
        (
            Message::new("under").with_media(sticker),
            SendErrorClass::Unsupported,
        ),
        (Message::media_of(round), SendErrorClass::Unsupported),
        (
            Message::media_of(Media::new(MediaKind::Other, "poll")),
            SendErrorClass::Unsupported,
        ),
        (album.with_choices(["a"]), SendErrorClass::Unsupported),
        (Message::media_of(nowhere), SendErrorClass::Invalid),
        (Message::new(""), SendErrorClass::Invalid),
    ];
    for (message, class) in cases {
        let error = stage.send(ANNA, &message).await.unwrap_err();
        assert_eq!(error.class, class, "{}", error.detail);
    }
    assert!(stage.fake.requests().is_empty());
}

#[tokio::test]
async fn the_limits_that_are_declared_are_telegrams() {
    let stage = Stage::new().await;
    let capabilities = stage.telegram.capabilities().clone();
    let text = |units: usize| Message::new("👍".repeat(units / 2) + &"a".repeat(units % 2));
    let most = capabilities.text_max.unwrap();
    assert!(stage.send(ANNA, &text(most)).await.is_ok());
    let error = stage.send(ANNA, &text(most + 1)).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::TooLarge);

    let photo = Media::new(MediaKind::Photo, "https://shop.example/a.jpg");
    let most = capabilities.caption_max.unwrap();
    let caption = |units| text(units).with_media(photo.clone());
    assert!(stage.send(ANNA, &caption(most)).await.is_ok());
    let error = stage.send(ANNA, &caption(most + 1)).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::TooLarge);

    let album = |items: usize| {
        let photos = std::iter::repeat_n(photo.clone(), items);
        photos.fold(Message::new(""), Message::with_media)
    };
    let most = capabilities.album_max;
    assert_eq!(
        stage.send(ANNA, &album(most)).await.unwrap().ids.len(),
        most
    );
    let error = stage.send(ANNA, &album(most + 1)).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::Invalid);

    let choices = capabilities.choices.unwrap();
    let labels = (0..choices.most).map(|n| format!("{n}{}", "ä".repeat(choices.label_max - 3)));
    let message = Message::new("Which?").with_choices(labels);
    assert!(stage.send(ANNA, &message).await.is_ok());
}
