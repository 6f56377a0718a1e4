use std::collections::BTreeSet;

use chatflow_telegram::testing::{
    Fault, MEANINGS, Settings, Wordings, error_corpus, update_corpus,
};
use serde_json::{Value, json};

use crate::support::{ANNA, Bot};

#[test]
fn errors_have_a_known_meaning_and_every_meaning_has_an_error() {
    let cases = error_corpus();
    assert!(cases.len() >= 45, "{}", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    let meanings: BTreeSet<&str> = cases.iter().map(|case| case.meaning.as_str()).collect();
    assert_eq!(meanings, MEANINGS.iter().copied().collect());
    for case in cases {
        let body: Option<Value> = serde_json::from_str(&case.body).ok();
        match case.meaning.as_str() {
            "html" => assert!(case.body.contains("<html>"), "{}", case.name),
            "empty" => assert_eq!(case.body, "", "{}", case.name),
            _ => {
                let body = body.expect(&case.name);
                assert_eq!(body["ok"], json!(false), "{}", case.name);
                assert_eq!(body["error_code"], json!(case.status), "{}", case.name);
                assert!(body["description"].is_string(), "{}", case.name);
                let moved = body.pointer("/parameters/migrate_to_chat_id").is_some();
                assert_eq!(moved, case.meaning == "moved", "{}", case.name);
                let waits = body.pointer("/parameters/retry_after").is_some();
                assert_eq!(waits, case.meaning == "flood", "{}", case.name);
            }
        }
    }
}

#[test]
fn updates_are_whole_and_of_every_kind() {
    let cases = update_corpus();
    assert!(cases.len() >= 60, "{}", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    let mut ids = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for case in cases {
        let update: Value = serde_json::from_str(case.body).unwrap();
        let update = update.as_object().unwrap();
        assert!(case.body.starts_with("{\"update_id\":"), "{}", case.name);
        assert!(
            ids.insert(update["update_id"].as_i64().unwrap()),
            "{}",
            case.name
        );
        kinds.extend(update.keys().cloned());
    }
    for kind in [
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
        "guest_message",
        "stopped_message_generation",
        "subscription",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn the_whole_corpus_of_updates_can_be_polled() {
    let bot = Bot::start().await;
    let params = json!({ "allowed_updates": ["message", "chat_member", "message_reaction"] });
    bot.result("getUpdates", params).await;
    let mut expected = Vec::new();
    for case in update_corpus() {
        let update: Value = serde_json::from_str(case.body).unwrap();
        if update.get("message").is_some() {
            expected.push(bot.telegram.push_raw(update));
        }
    }
    expected.sort_unstable();
    let mut polled = Vec::new();
    while polled.len() < expected.len() {
        let next = polled.last().map_or(0, |last| last + 1);
        let batch = bot.poll(next).await;
        assert!(!batch.is_empty(), "{} of {}", polled.len(), expected.len());
        polled.extend(batch);
    }
    assert_eq!(polled, expected);
}

/// What the server itself says must be in the corpus, or an adapter is tested against a text that
/// its classifier never saw.
#[tokio::test]
async fn what_the_server_says_is_in_the_corpus() {
    for wordings in [Wordings::Old, Wordings::New] {
        let bot = Bot::with(Settings {
            wordings,
            ..Settings::default()
        })
        .await;
        let telegram = &bot.telegram;
        let mut said = Vec::new();
        telegram.block(ANNA);
        said.push(("blocked", bot.send(ANNA, "x").await));
        telegram.start_chat(5_000_003);
        telegram.deactivate(5_000_003);
        said.push(("gone", bot.send(5_000_003, "x").await));
        telegram.push_text(5_000_004, "hello");
        let long = "x".repeat(4097);
        said.push(("too_large", bot.send(5_000_004, &long).await));
        said.push(("unknown_recipient", bot.send(1, "x").await));
        let params = json!({ "callback_query_id": "1" });
        said.push((
            "stale_callback",
            bot.call("answerCallbackQuery", params).await,
        ));
        let params = json!({ "chat_id": 5_000_004, "message_id": 99, "text": "x" });
        said.push(("message_gone", bot.call("editMessageText", params).await));
        bot.result("setWebhook", json!({ "url": "http://127.0.0.1:9/" }))
            .await;
        said.push(("other_poller", bot.call("getUpdates", json!({})).await));
        for (meaning, (status, body)) in said {
            let found = error_corpus().iter().find(|case| {
                case.status == status
                    && serde_json::from_str::<Value>(&case.body).is_ok_and(|known| known == body)
            });
            let found = found.unwrap_or_else(|| panic!("not in the corpus: {body}"));
            assert_eq!(found.meaning, meaning, "{body}");
        }
    }
}

#[tokio::test]
async fn every_error_of_the_corpus_that_has_telegrams_form_can_be_planned() {
    let bot = Bot::start().await;
    for case in error_corpus() {
        let Ok(body) = serde_json::from_str::<Value>(&case.body) else {
            continue;
        };
        bot.telegram.fail_next(
            1,
            Fault::Api {
                code: case.status,
                description: body["description"].as_str().unwrap().to_owned(),
                parameters: body.get("parameters").cloned(),
            },
        );
        assert_eq!(
            bot.send(ANNA, "x").await,
            (case.status, body),
            "{}",
            case.name
        );
    }
    assert_eq!(bot.telegram.sent_to(ANNA), Vec::<Value>::new());
}
