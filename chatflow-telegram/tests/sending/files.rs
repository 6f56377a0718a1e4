use chatflow_core::{Channel, Mark, MarkKind, Media, MediaKind, Message, SendErrorClass};
use chatflow_telegram::testing::{Fault, Incoming};

use crate::support::{ANNA, Stage};

const KINDS: [(MediaKind, &str, &str); 7] = [
    (MediaKind::Photo, "photo", "sendPhoto"),
    (MediaKind::Video, "video", "sendVideo"),
    (MediaKind::Audio, "audio", "sendAudio"),
    (MediaKind::Voice, "voice", "sendVoice"),
    (MediaKind::RoundVideo, "video_note", "sendVideoNote"),
    (MediaKind::File, "document", "sendDocument"),
    (MediaKind::Sticker, "sticker", "sendSticker"),
];

#[tokio::test]
async fn a_file_of_telegrams_is_sent_by_its_id() {
    let stage = Stage::new().await;
    for (kind, field, method) in KINDS {
        let id = stage.fake.add_file(field, "a.bin", vec![1; 10]);
        let media = Media::new(kind, format!("telegram:{id}"));
        stage.send(ANNA, &Message::media_of(media)).await.unwrap();
        assert!(stage.last(ANNA).get(field).is_some(), "{kind}");
        assert_eq!(stage.fake.requests_of(method)[0].params[field], id);
    }
}

#[tokio::test]
async fn a_file_of_the_web_is_sent_by_its_address() {
    let stage = Stage::new().await;
    let photo = Media::new(MediaKind::Photo, "https://shop.example/front.jpg?size=2");
    let message = Message::new("The front")
        .with_media(photo)
        .with_marks([Mark::new(4..9, MarkKind::Italic)])
        .with_choices(["Nice"]);
    stage.send(ANNA, &message).await.unwrap();
    let sent = stage.last(ANNA);
    assert_eq!(sent["caption"], "The front");
    assert_eq!(sent["caption_entities"][0]["type"], "italic");
    assert_eq!(
        sent["reply_markup"]["inline_keyboard"][0][0]["text"],
        "Nice"
    );
    let request = &stage.fake.requests_of("sendPhoto")[0];
    assert_eq!(
        request.params["photo"],
        "https://shop.example/front.jpg?size=2"
    );
}

#[tokio::test]
async fn a_file_of_the_hosts_is_sent_along() {
    let stage = Stage::with_files([("offers/one.pdf", b"%PDF offer".to_vec())]).await;
    for (kind, field, _) in KINDS {
        let media = Media::new(kind, "offers/one.pdf").with_name("Angebot für Anna.pdf");
        stage.send(ANNA, &Message::media_of(media)).await.unwrap();
        let sent = stage.last(ANNA);
        let file = sent[field]
            .as_array()
            .map_or(&sent[field], |sizes| sizes.last().unwrap());
        let id = file["file_id"].as_str().unwrap();
        let back = Media::new(kind, format!("telegram:{id}"));
        assert_eq!(
            stage.telegram.fetch(&back).await.unwrap().bytes,
            b"%PDF offer",
            "{kind}"
        );
    }
    let sent = stage.fake.sent_to(ANNA);
    let document = sent
        .iter()
        .find_map(|message| message.get("document"))
        .unwrap();
    assert_eq!(document["file_name"], "Angebot für Anna.pdf");
}

#[tokio::test]
async fn a_file_without_a_name_of_its_own_has_the_stores() {
    let stage = Stage::with_files([("offer.pdf", vec![1])]).await;
    let media = Media::new(MediaKind::File, "offer.pdf");
    let message = Message::new("Your offer").with_media(media);
    stage.send(ANNA, &message).await.unwrap();
    let sent = stage.last(ANNA);
    assert_eq!(sent["document"]["file_name"], "offer.pdf");
    assert_eq!(sent["caption"], "Your offer");
}

#[tokio::test]
async fn an_album_holds_files_from_everywhere_and_its_text_once() {
    let stage = Stage::with_files([("front.jpg", vec![1; 5]), ("back.mp4", vec![2; 6])]).await;
    let known = stage.fake.add_file("photo", "a.jpg", vec![3]);
    let message = Message::new("Our shop")
        .with_marks([Mark::new(4..8, MarkKind::Bold)])
        .with_media(Media::new(MediaKind::Photo, "front.jpg"))
        .with_media(Media::new(MediaKind::Photo, format!("telegram:{known}")))
        .with_media(Media::new(MediaKind::Video, "back.mp4"))
        .with_media(Media::new(MediaKind::Photo, "https://shop.example/a.jpg"));
    let receipt = stage.send(ANNA, &message).await.unwrap();
    let sent = stage.fake.sent_to(ANNA);
    let ids: Vec<_> = sent
        .iter()
        .map(|message| message["message_id"].to_string())
        .collect();
    assert_eq!(
        receipt.ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        ids
    );
    assert_eq!(sent.len(), 4);
    let captions = sent
        .iter()
        .filter(|message| message.get("caption").is_some());
    assert_eq!(captions.count(), 1);
    assert_eq!(sent[0]["caption"], "Our shop");
    assert_eq!(sent[0]["caption_entities"][0]["length"], 4);
    assert_eq!(sent[2]["video"]["file_size"], 6);
}

#[tokio::test]
async fn refused_formatting_of_an_album_is_left_out() {
    let stage = Stage::with_files([("front.jpg", vec![1; 5])]).await;
    let photo = Media::new(MediaKind::Photo, "front.jpg");
    let message = Message::new("Our shop")
        .with_marks([Mark::new(4..8, MarkKind::Bold)])
        .with_media(photo.clone())
        .with_media(photo);
    let fault = Fault::api(400, "Bad Request: can't parse entities");
    stage.fake.fail_next(1, fault);
    stage.send(ANNA, &message).await.unwrap();
    let sent = stage.fake.sent_to(ANNA);
    assert!(sent.len() == 2 && sent[0].get("caption_entities").is_none());
}

#[tokio::test]
async fn a_file_that_cannot_be_had_keeps_everything_from_being_sent() {
    let large = vec![0; (10 << 20) + 1];
    let stage = Stage::with_files([("large.jpg", large), ("small.jpg", vec![1])]).await;
    for (reference, class) in [
        ("missing.jpg", SendErrorClass::Invalid),
        ("away.jpg", SendErrorClass::Transient { retry_after: None }),
        ("large.jpg", SendErrorClass::TooLarge),
    ] {
        let message = Message::media_of(Media::new(MediaKind::Photo, "small.jpg"))
            .with_media(Media::new(MediaKind::Photo, reference));
        let error = stage.send(ANNA, &message).await.unwrap_err();
        assert_eq!(error.class, class, "{reference}");
        assert!(!error.detail.contains(reference) && !error.detail.contains("shelf"));
    }
    // The same file is none too large as a document.
    let message = Message::media_of(Media::new(MediaKind::File, "large.jpg"));
    assert!(stage.send(ANNA, &message).await.is_ok());
    assert_eq!(stage.fake.requests().len(), 1);
}

#[tokio::test]
async fn without_a_store_there_are_no_files_of_the_hosts() {
    let stage = Stage::new().await;
    let message = Message::media_of(Media::new(MediaKind::Photo, "front.jpg"));
    let error = stage.send(ANNA, &message).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::Invalid);
    assert!(error.detail.contains("media store"), "{}", error.detail);
    assert!(stage.fake.requests().is_empty());
}

#[tokio::test]
async fn what_came_in_can_be_fetched_and_sent_on() {
    let stage = Stage::new().await;
    let incoming = Incoming::document(ANNA, "plan.pdf").bytes(b"%PDF plan".to_vec());
    stage.fake.push(incoming);
    let id = stage
        .fake
        .add_file("document", "plan.pdf", b"%PDF plan".to_vec());
    let media = Media::new(MediaKind::File, format!("telegram:{id}"));
    let file = stage
        .telegram
        .fetch(&media.clone().with_name("plan.pdf"))
        .await
        .unwrap();
    assert_eq!(
        (file.name.as_str(), file.bytes.as_slice()),
        ("plan.pdf", &b"%PDF plan"[..])
    );
    // Without a name it has the one that Telegram keeps it under.
    let file = stage.telegram.fetch(&media).await.unwrap();
    assert!(file.name.ends_with(".pdf"), "{}", file.name);
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_told_why() {
    let stage = Stage::new().await;
    let large = stage
        .fake
        .add_file("video", "a.mp4", vec![0; (20 << 20) + 1]);
    let small = stage.fake.add_file("video", "a.mp4", vec![0; 20]);
    let video = |reference: String| Media::new(MediaKind::Video, reference);
    let class = async |media: &Media| stage.telegram.fetch(media).await.unwrap_err().class;
    let known = video(format!("telegram:{small}"));

    assert_eq!(
        class(&video(format!("telegram:{large}"))).await,
        SendErrorClass::TooLarge
    );
    assert_eq!(
        class(&known.clone().with_bytes((20 << 20) + 1)).await,
        SendErrorClass::TooLarge
    );
    assert_eq!(
        class(&video("telegram:unknown".into())).await,
        SendErrorClass::Invalid
    );
    assert_eq!(
        class(&video("https://shop.example/a".into())).await,
        SendErrorClass::Unsupported
    );

    // A reading that broke off may be repeated.
    for fault in [Fault::NotJson, Fault::CloseAfterActing, Fault::Html(502)] {
        stage.fake.fail_next_on("getFile", 1, fault);
        assert_eq!(
            class(&known).await,
            SendErrorClass::Transient { retry_after: None }
        );
    }
    assert!(stage.telegram.fetch(&known).await.is_ok());
}
