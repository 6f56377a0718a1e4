//! What contact and bot say to each other.

use chatflow_core::{
    Ask, BotId, ChoiceStyle, FinishStatus, FlowBuilder, KeywordRouter, SendMessage, Side, Source,
    StatusKind,
};
use chatflow_telegram::testing::Incoming;
use serde_json::json;

use crate::stage::{ANNA, BORIS, BOT, Setting, Stage, bot, both_ways, mirror};

fn plans() -> Setting {
    let flow = FlowBuilder::new("plans", 1)
        .step(
            "plan",
            Ask::choice("Which plan, {{ contact.name }}?", ["basic", "pro"])
                .retry("One of the two, please.")
                .save("plan"),
        )
        .step("done", SendMessage::text("So {{ plan }}."))
        .finish(FinishStatus::Finished);
    Setting::of(bot(flow.build().unwrap()))
}

#[tokio::test]
async fn ms_28_texts_go_both_ways() {
    both_ways(mirror, async |stage: Stage| {
        stage.says(ANNA, "Grüße, 你好 👩‍👩‍👧").await;
        assert_eq!(stage.hears(ANNA, 1).await, ["You: Grüße, 你好 👩‍👩‍👧"]);
        stage.says(BORIS, "<b>& co</b>").await;
        assert_eq!(stage.hears(BORIS, 1).await, ["You: <b>& co</b>"]);

        let dialog = stage.dialog_of(ANNA).await;
        stage.rests(dialog).await;
        assert_eq!(
            stage.lines(dialog).await,
            ["contact: Grüße, 你好 👩‍👩‍👧", "bot: You: Grüße, 你好 👩‍👩‍👧"]
        );
        let ours = stage.transcript(dialog).await.pop().unwrap();
        let at_server = stage.fake.sent_to(ANNA).pop().unwrap();
        assert_eq!(ours.ids[0].as_str(), at_server["message_id"].to_string());
    })
    .await;
}

#[tokio::test]
async fn a_long_text_arrives_in_parts_and_in_order() {
    both_ways(mirror, async |stage: Stage| {
        let long = "word ".repeat(800);
        stage.says(ANNA, &long).await;
        let parts = stage.hears(ANNA, 1).await;
        assert_eq!(parts.concat(), format!("You: {}", long.trim_end()));
        // Together with what stands before it, this is more than one message holds.
        let longer = "word ".repeat(819);
        stage.says(BORIS, &longer).await;
        let parts = stage.hears(BORIS, 2).await;
        let words = parts.join(" ");
        assert_eq!(words.split_whitespace().count(), 820);
        let dialog = stage.dialog_of(BORIS).await;
        stage.rests(dialog).await;
        let ids = stage.transcript(dialog).await.pop().unwrap().ids;
        assert_eq!(ids.len(), 2, "both parts are one message of ours");
    })
    .await;
}

#[tokio::test]
async fn a_choice_is_pressed_under_its_message() {
    both_ways(plans, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        let question = stage.nth(ANNA, 1).await;
        assert_eq!(question["text"], "Which plan, Anna?");
        let buttons = &question["reply_markup"]["inline_keyboard"][0];
        assert_eq!(buttons[1]["text"], "pro");
        let data = buttons[1]["callback_data"].as_str().unwrap().to_owned();
        let id = question["message_id"].as_i64().unwrap();

        let pressed = stage.fake.press(ANNA, ANNA, id, &data);
        assert_eq!(stage.hears(ANNA, 2).await[1], "So pro.");
        stage
            .fake
            .wait_for("the button to stop turning", |view| {
                view.callback_answer(&pressed.query_id).is_some()
            })
            .await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.shows(dialog, StatusKind::Finished).await;
        let press = stage.transcript(dialog).await.remove(2);
        assert!(press.record.message.is_pressed());
        assert_eq!(press.record.message.text(), "pro");
        assert!(
            press.record.message.quotes().is_some(),
            "which message it was"
        );
    })
    .await;
}

#[tokio::test]
async fn a_choice_may_be_typed_and_something_else_is_asked_again() {
    both_ways(plans, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        stage.says(ANNA, "the large one").await;
        assert_eq!(stage.hears(ANNA, 2).await[1], "One of the two, please.");
        stage.says(ANNA, "Basic").await;
        assert_eq!(stage.hears(ANNA, 3).await[2], "So basic.");
    })
    .await;
}

#[tokio::test]
async fn choices_may_stand_in_place_of_the_keyboard() {
    let setting = || {
        let flow = FlowBuilder::new("ways", 1)
            .step(
                "ask",
                SendMessage::text("Call or write?")
                    .choices(["call", "write"])
                    .choice_style(ChoiceStyle::Reply),
            )
            .finish(FinishStatus::Waiting)
            .step("way", KeywordRouter::new().route("call", ["call"]))
            .exit("call", "done")
            .step("done", SendMessage::text("We call you."))
            .finish(FinishStatus::Finished);
        Setting::of(bot(flow.build().unwrap()))
    };
    both_ways(setting, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        assert_eq!(stage.hears(ANNA, 1).await, ["Call or write?"]);
        // A message doesn't show such a keyboard, so the request is looked at.
        let asked = stage.acted("sendMessage").remove(0).params;
        let keyboard = &asked["reply_markup"];
        assert_eq!(keyboard["keyboard"][0][0]["text"], "call", "{asked}");
        assert_eq!(keyboard["one_time_keyboard"], true);
        stage.says(ANNA, "call").await;
        assert_eq!(stage.hears(ANNA, 2).await[1], "We call you.");
    })
    .await;
}

#[tokio::test]
async fn ct_09_a_start_link_brings_its_source_and_campaign() {
    both_ways(mirror, async |stage: Stage| {
        let source = Source {
            name: Some("spring mailing".into()),
            platform: Some("instagram".into()),
            campaign: Some("spring-2026".into()),
            click_id: Some("abc-123".into()),
            ..Source::default()
        };
        let token = stage.chatflow.start_token(&BotId::from(BOT), &source).await;
        let token = token.unwrap();
        let link = stage.telegram.start_link(&token).unwrap();
        assert_eq!(
            link,
            format!("https://t.me/chatflow_test_bot?start={token}")
        );

        stage.push(Incoming::start(ANNA, &token)).await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.rests(dialog).await;
        let view = stage.snapshot(dialog).await.contact;
        let first = view.first_source.unwrap().source;
        assert_eq!(first.campaign, source.campaign);
        assert_eq!(first.name, source.name);
        assert_eq!(first.click_id, source.click_id);
        assert_eq!(first.payload.unwrap().as_str(), token);

        // A second link is the last source; the first stays.
        stage.push(Incoming::start(ANNA, "friend-7")).await;
        stage.rests(dialog).await;
        let view = stage.snapshot(dialog).await.contact;
        assert_eq!(view.first_source.unwrap().source.campaign, source.campaign);
        let last = view.last_source.unwrap().source;
        assert_eq!(last.payload.unwrap().as_str(), "friend-7");
        let contact = stage.snapshot(dialog).await.contact_id;
        let stored = stage.chatflow.store().contact(contact).await;
        let stored = stored.unwrap().unwrap().view;
        assert_eq!(
            stored.first_source.unwrap().source.campaign,
            source.campaign,
            "the contact's own row has it too"
        );
    })
    .await;
}

#[tokio::test]
async fn the_contact_is_named_as_on_telegram() {
    both_ways(mirror, async |stage: Stage| {
        stage.says(ANNA, "hi").await;
        let view = stage.snapshot(stage.dialog_of(ANNA).await).await.contact;
        assert_eq!(view.name.unwrap().as_str(), "Anna");
        assert_eq!(view.language.as_deref(), Some("en"));
    })
    .await;
}

#[tokio::test]
async fn an_edited_message_is_noted_and_not_answered_again() {
    both_ways(mirror, async |stage: Stage| {
        let pushed = stage.push(Incoming::text(ANNA, "two")).await;
        stage.hears(ANNA, 1).await;
        stage.fake.push_edit(&pushed, "three");
        stage.taken().await;
        let dialog = stage.dialog_of(ANNA).await;
        stage.rests(dialog).await;
        let transcript = stage.transcript(dialog).await;
        let edit = transcript.last().unwrap();
        assert_eq!(edit.record.author.side(), Side::Contact);
        assert_eq!(edit.record.message.text(), "three");
        assert!(edit.record.edits.is_some());
        stage.hears(ANNA, 1).await;
    })
    .await;
}

#[tokio::test]
async fn an_update_delivered_twice_is_handled_once() {
    both_ways(mirror, async |stage: Stage| {
        let pushed = stage.push(Incoming::text(ANNA, "hi")).await;
        stage.hears(ANNA, 1).await;
        stage.fake.redeliver(pushed.update_id);
        stage.taken().await;
        stage.says(ANNA, "there").await;
        assert_eq!(stage.hears(ANNA, 2).await, ["You: hi", "You: there"]);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_understands_is_kept_and_harms_nobody() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.push_raw(json!({ "novelty": { "of": "2031" } }));
        stage.fake.push_raw(json!({ "message": "none" }));
        stage.taken().await;
        stage.says(ANNA, "hi").await;
        stage.hears(ANNA, 1).await;
        let store = stage.chatflow.store();
        let channel = stage.address(ANNA).channel;
        let kept = store.unclaimed(&channel, None, 10).await.unwrap();
        assert_eq!(kept.len(), 2);
    })
    .await;
}
