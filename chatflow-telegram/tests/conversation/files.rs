//! Media, both ways.

use std::time::Duration;

use chatflow_core::{Channel, FinishStatus, FlowBuilder, Media, MediaKind, SendMessage};
use chatflow_telegram::testing::Incoming;
use serde_json::json;

use crate::stage::{ANNA, Setting, Stage, bot, both_ways, mirror};

/// Sends one message of a kind there and back, and gives what the bot sent.
async fn there_and_back(stage: &Stage, incoming: Incoming, kind: MediaKind) -> serde_json::Value {
    let before = stage.fake.sent_to(ANNA).len();
    stage.push(incoming).await;
    let back = stage.nth(ANNA, before + 1).await;
    let dialog = stage.dialog_of(ANNA).await;
    stage.rests(dialog).await;
    let mut lines = stage.transcript(dialog).await;
    let (ours, theirs) = (lines.pop().unwrap(), lines.pop().unwrap());
    let theirs = theirs.record.message;
    assert_eq!(theirs.media()[0].kind, kind);
    assert_eq!(theirs.media(), ours.record.message.media(), "{kind}");
    back
}

#[tokio::test]
async fn ms_28_every_kind_of_file_goes_both_ways() {
    both_ways(mirror, async |stage: Stage| {
        for (incoming, kind, field, method) in [
            (
                Incoming::photo(ANNA),
                MediaKind::Photo,
                "photo",
                "sendPhoto",
            ),
            (
                Incoming::video(ANNA),
                MediaKind::Video,
                "video",
                "sendVideo",
            ),
            (
                Incoming::voice(ANNA),
                MediaKind::Voice,
                "voice",
                "sendVoice",
            ),
            (
                Incoming::audio(ANNA),
                MediaKind::Audio,
                "audio",
                "sendAudio",
            ),
            (
                Incoming::video_note(ANNA),
                MediaKind::RoundVideo,
                "video_note",
                "sendVideoNote",
            ),
            (
                Incoming::document(ANNA, "order.pdf"),
                MediaKind::File,
                "document",
                "sendDocument",
            ),
            (
                Incoming::sticker(ANNA),
                MediaKind::Sticker,
                "sticker",
                "sendSticker",
            ),
        ] {
            let captioned = !matches!(kind, MediaKind::Sticker | MediaKind::RoundVideo);
            let incoming = match captioned {
                true => incoming.captioned("look"),
                false => incoming,
            };
            let back = there_and_back(&stage, incoming, kind).await;
            assert!(back.get(field).is_some(), "{kind}: {back}");
            assert_eq!(back.get("caption").is_some(), captioned, "{kind}");
            assert_eq!(stage.acted(method).len(), 1, "{kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_place_and_a_contact_go_both_ways() {
    both_ways(mirror, async |stage: Stage| {
        let place = Incoming::location(ANNA, 56.95, 24.1);
        let back = there_and_back(&stage, place, MediaKind::Location).await;
        assert_eq!(
            (
                &back["location"]["latitude"],
                &back["location"]["longitude"]
            ),
            (&json!(56.95), &json!(24.1))
        );
        let card = Incoming::contact(ANNA, "+371 2000 0000", "Anna", Some(ANNA));
        let back = there_and_back(&stage, card, MediaKind::Contact).await;
        assert_eq!(back["contact"]["phone_number"], "+37120000000");
        assert_eq!(back["contact"]["first_name"], "Anna");
    })
    .await;
}

#[tokio::test]
async fn an_album_is_one_message_in_both_directions() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.push_album(vec![
            Incoming::photo(ANNA).captioned("our garden"),
            Incoming::photo(ANNA),
            Incoming::video(ANNA),
        ]);
        stage.taken().await;
        let dialog = stage.dialog_of(ANNA).await;
        assert!(stage.fake.sent_to(ANNA).is_empty(), "there may be more");
        stage.pass(Duration::from_secs(2));
        let sent = stage.hears(ANNA, 3).await;
        assert_eq!(sent, ["our garden", "", ""]);
        let albums = stage.acted("sendMediaGroup");
        assert_eq!(albums.len(), 1);
        stage.rests(dialog).await;
        let ours = stage.transcript(dialog).await.pop().unwrap();
        assert_eq!(ours.record.message.media().len(), 3);
        assert_eq!(ours.ids.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_flow_uploads_files_of_the_host() {
    let setting = || {
        let photos = ["garden.jpg", "house.jpg"].map(|name| Media::new(MediaKind::Photo, name));
        let flow = FlowBuilder::new("prices", 1)
            .step(
                "list",
                SendMessage::media(MediaKind::File, "prices.pdf").caption("Our prices"),
            )
            .step("photos", SendMessage::album(photos).caption("And we"))
            .finish(FinishStatus::Finished);
        Setting::of(bot(flow.build().unwrap()))
            .file("prices.pdf", "the prices")
            .file("garden.jpg", "a garden")
            .file("house.jpg", "a house")
    };
    both_ways(setting, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        let sent = stage.hears(ANNA, 3).await;
        assert_eq!(sent, ["Our prices", "And we", ""]);
        let document = &stage.fake.sent_to(ANNA)[0]["document"];
        assert_eq!(document["file_name"], "prices.pdf");
        assert_eq!(document["file_size"], "the prices".len());
        assert_eq!(stage.acted("sendMediaGroup").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ms_34_a_file_of_the_contact_is_downloaded_byte_for_byte() {
    both_ways(mirror, async |stage: Stage| {
        let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let order = Incoming::document(ANNA, "order.pdf").bytes(bytes.clone());
        stage.push(order).await;
        let dialog = stage.dialog_of(ANNA).await;
        let line = stage.transcript(dialog).await.remove(0);
        let media = &line.record.message.media()[0];
        assert_eq!(media.bytes, Some(70_000));
        let file = stage.telegram.fetch(media).await.unwrap();
        assert_eq!((file.name.as_str(), file.bytes), ("order.pdf", bytes));
    })
    .await;
}

#[tokio::test]
async fn a_missing_file_is_an_error_of_the_flow() {
    let setting = || {
        let flow = FlowBuilder::new("prices", 1)
            .step("list", SendMessage::media(MediaKind::File, "lost.pdf"))
            .finish(FinishStatus::Waiting);
        Setting::of(bot(flow.build().unwrap()))
    };
    both_ways(setting, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.shows(dialog, chatflow_core::StatusKind::Error).await;
        assert_eq!(stage.fake.requests_of("sendDocument").len(), 0);
        let line = stage.transcript(dialog).await.pop().unwrap();
        assert_eq!(line.failure, Some(chatflow_core::FailureReason::Invalid));
    })
    .await;
}
