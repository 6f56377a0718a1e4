use std::time::Duration;

use chatflow_telegram::testing::Settings;
use serde_json::json;

use crate::support::{ANNA, BORIS, Bot, NONE, ids, refusal};

#[tokio::test]
async fn an_offset_forgets_what_is_before_it_and_nothing_else() {
    let bot = Bot::start().await;
    let first = bot.telegram.push_text(ANNA, "1").update_id;
    bot.telegram.push_text(ANNA, "2");
    bot.telegram.push_text(BORIS, "3");
    assert_eq!(bot.poll(0).await, [first, first + 1, first + 2]);
    assert_eq!(bot.poll(0).await, [first, first + 1, first + 2]);
    assert_eq!(bot.poll(first + 1).await, [first + 1, first + 2]);
    assert_eq!(bot.poll(0).await, [first + 1, first + 2]);
    assert_eq!(bot.poll(first + 3).await, NONE);
    assert_eq!(bot.telegram.pending_updates(), 0);
}

#[tokio::test]
async fn a_negative_offset_keeps_the_last_ones() {
    let bot = Bot::start().await;
    let first = bot.telegram.push_text(ANNA, "1").update_id;
    bot.telegram.push_text(ANNA, "2");
    bot.telegram.push_text(ANNA, "3");
    assert_eq!(bot.poll(-2).await, [first + 1, first + 2]);
    assert_eq!(bot.poll(0).await, [first + 1, first + 2]);
    assert_eq!(bot.poll(-9).await, [first + 1, first + 2]);
}

#[tokio::test]
async fn a_limit_is_between_one_and_a_hundred() {
    let bot = Bot::start().await;
    for number in 0..120 {
        bot.telegram.push_text(ANNA, &number.to_string());
    }
    for (limit, expected) in [(0, 1), (7, 7), (100, 100), (101, 100)] {
        let updates = bot.result("getUpdates", json!({ "limit": limit })).await;
        assert_eq!(ids(&updates).len(), expected, "{limit}");
    }
    assert_eq!(bot.poll(0).await.len(), 100);
}

#[tokio::test]
async fn a_held_poll_is_answered_by_the_next_update() {
    let bot = Bot::start().await;
    let waiting = bot.clone();
    let poll =
        tokio::spawn(async move { waiting.result("getUpdates", json!({ "timeout": 50 })).await });
    bot.telegram
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    let pushed = bot.telegram.push_text(ANNA, "hello").update_id;
    assert_eq!(ids(&poll.await.unwrap()), [pushed]);
}

#[tokio::test]
async fn a_poll_is_held_for_fifty_seconds_at_most() {
    // The clock of the machine ends no wait here.
    let bot = Bot::with(Settings {
        poll_unit: Duration::from_secs(3600),
        ..Settings::default()
    })
    .await;
    let waiting = bot.clone();
    let poll = tokio::spawn(async move {
        waiting
            .result("getUpdates", json!({ "timeout": 600 }))
            .await
    });
    bot.telegram
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    bot.telegram.advance(Duration::from_secs(49));
    bot.result("getMe", json!({})).await;
    assert!(!poll.is_finished());
    bot.telegram.advance(Duration::from_secs(1));
    bot.telegram
        .wait_for("the answer", |view| {
            view.requests()[0].answered == Some(200)
        })
        .await;
    assert_eq!(ids(&poll.await.unwrap()), NONE);
}

#[tokio::test]
async fn the_earlier_of_two_polls_is_terminated() {
    let bot = Bot::start().await;
    let waiting = bot.clone();
    let earlier =
        tokio::spawn(async move { waiting.call("getUpdates", json!({ "timeout": 50 })).await });
    bot.telegram
        .wait_for("the first poll", |view| view.count("getUpdates") == 1)
        .await;
    let waiting = bot.clone();
    let later =
        tokio::spawn(async move { waiting.call("getUpdates", json!({ "timeout": 50 })).await });
    let (code, text) = refusal(earlier.await.unwrap());
    assert_eq!(code, 409);
    assert!(text.starts_with("Conflict: terminated by other getUpdates request;"));
    bot.telegram.push_text(ANNA, "hello");
    assert_eq!(later.await.unwrap().0, 200);
}

#[tokio::test]
async fn polls_and_a_webhook_exclude_each_other() {
    let bot = Bot::start().await;
    let waiting = bot.clone();
    let poll =
        tokio::spawn(async move { waiting.call("getUpdates", json!({ "timeout": 50 })).await });
    bot.telegram
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    bot.result("setWebhook", json!({ "url": "http://127.0.0.1:9/hook" }))
        .await;
    let ended = refusal(poll.await.unwrap());
    assert_eq!(
        ended,
        (409, "Conflict: terminated by setWebhook request".into())
    );
    let (code, text) = bot.refusal("getUpdates", json!({})).await;
    assert_eq!(code, 409);
    assert!(text.starts_with("Conflict: can't use getUpdates method while webhook is active"));
    bot.result("deleteWebhook", json!({})).await;
    assert_eq!(bot.poll(0).await, NONE);
}

#[tokio::test]
async fn only_asked_for_kinds_are_queued() {
    let bot = Bot::start().await;
    let message = bot.telegram.push_text(ANNA, "hello");
    // Not by default.
    bot.telegram
        .push_reaction(Some(ANNA), ANNA, message.message_id, "👍");
    assert_eq!(bot.poll(0).await, [message.update_id]);
    let params = json!({ "allowed_updates": ["message_reaction"] });
    bot.result("getUpdates", params).await;
    let reaction = bot
        .telegram
        .push_reaction(None, ANNA, message.message_id, "👍");
    bot.telegram.push_text(ANNA, "again");
    // What was queued before stays.
    assert_eq!(bot.poll(0).await, [message.update_id, reaction]);
    // An empty list is the default again.
    bot.result("getUpdates", json!({ "allowed_updates": [] }))
        .await;
    let last = bot.telegram.push_text(ANNA, "more").update_id;
    bot.telegram
        .push_reaction(None, ANNA, message.message_id, "👎");
    assert_eq!(bot.poll(0).await, [message.update_id, reaction, last]);
}

#[tokio::test]
async fn updates_are_kept_for_a_day_and_presses_for_150_seconds() {
    let bot = Bot::start().await;
    let message = bot.telegram.push_text(ANNA, "hello").update_id;
    let press = bot
        .telegram
        .press_inaccessible(ANNA, ANNA, 1, "yes")
        .update_id;
    bot.telegram.advance(Duration::from_secs(149));
    assert_eq!(bot.poll(0).await, [message, press]);
    bot.telegram.advance(Duration::from_secs(1));
    assert_eq!(bot.poll(0).await, [message]);
    bot.telegram.advance(Duration::from_secs(24 * 3600 - 151));
    assert_eq!(bot.poll(0).await, [message]);
    bot.telegram.advance(Duration::from_secs(1));
    assert_eq!(bot.poll(0).await, NONE);
}

#[tokio::test]
async fn an_update_can_come_again_under_its_old_id() {
    let bot = Bot::start().await;
    let first = bot.telegram.push_text(ANNA, "1").update_id;
    let second = bot.telegram.push_text(ANNA, "2").update_id;
    assert_eq!(bot.poll(second + 1).await, NONE);
    bot.telegram.redeliver(first);
    assert_eq!(bot.poll(0).await, [first]);
    assert_eq!(bot.poll(second + 1).await, NONE);
    // Even to a poll that is beyond it, but only once.
    bot.telegram.redeliver(first);
    assert_eq!(bot.poll(second + 1).await, [first]);
    assert_eq!(bot.poll(second + 1).await, NONE);
}

#[tokio::test]
async fn a_poll_can_be_answered_by_bytes_that_are_no_json_once() {
    let bot = Bot::start().await;
    bot.telegram.push_bytes("half a pag");
    let after = bot.telegram.push_text(ANNA, "hello").update_id;
    let (status, body) = bot.call("getUpdates", json!({})).await;
    assert_eq!((status, body), (200, json!({ "unreadable": "half a pag" })));
    assert_eq!(bot.poll(0).await, [after]);
}

#[tokio::test]
async fn asking_for_the_same_offset_at_once_is_slowed_where_settings_say_so() {
    let bot = Bot::with(Settings {
        slow_repeated_polls: true,
        poll_unit: Duration::from_secs(3600),
        ..Settings::default()
    })
    .await;
    assert_eq!(bot.poll(0).await, NONE);
    let waiting = bot.clone();
    let slowed = tokio::spawn(async move { waiting.poll(0).await });
    bot.telegram
        .wait_for("the poll", |view| view.count("getUpdates") == 2)
        .await;
    bot.telegram.advance(Duration::from_secs(2));
    bot.result("getMe", json!({})).await;
    assert!(!slowed.is_finished());
    bot.telegram.advance(Duration::from_secs(1));
    assert_eq!(slowed.await.unwrap(), NONE);
}
