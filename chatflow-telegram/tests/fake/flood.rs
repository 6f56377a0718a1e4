use std::time::Duration;

use chatflow_telegram::testing::{FloodLimits, FloodTime, GroupKind, Settings};
use serde_json::json;

use crate::support::{ANNA, BORIS, Bot};

const TEAM: i64 = -1_001_000_000_777;

async fn start(change: impl FnOnce(&mut FloodLimits)) -> Bot {
    let mut limits = FloodLimits::default();
    change(&mut limits);
    let bot = Bot::with(Settings {
        flood: Some(limits),
        ..Settings::default()
    })
    .await;
    bot.telegram.add_group(TEAM, GroupKind::Supergroup, "Team");
    bot
}

#[tokio::test]
async fn one_chat_takes_one_message_a_second_and_others_are_not_held_up() {
    let bot = start(|_| ()).await;
    assert_eq!(bot.send(ANNA, "1").await.0, 200);
    let (status, body) = bot.send(ANNA, "2").await;
    assert_eq!(status, 429);
    assert_eq!(body["parameters"], json!({ "retry_after": 1 }));
    assert_eq!(bot.send(BORIS, "1").await.0, 200);
    bot.telegram.advance(Duration::from_secs(1));
    assert_eq!(bot.send(ANNA, "2").await.0, 200);
}

#[tokio::test]
async fn all_chats_together_have_a_limit() {
    let bot = start(|limits| limits.per_second = 2).await;
    bot.telegram.start_chat(5_000_003);
    assert_eq!(bot.send(ANNA, "1").await.0, 200);
    assert_eq!(bot.send(BORIS, "1").await.0, 200);
    assert_eq!(bot.send(5_000_003, "1").await.0, 429);
    bot.telegram.advance(Duration::from_secs(1));
    assert_eq!(bot.send(5_000_003, "1").await.0, 200);
}

#[tokio::test]
async fn a_group_takes_twenty_a_minute() {
    let bot = start(|_| ()).await;
    for number in 0..20 {
        let (status, body) = bot.send(TEAM, &number.to_string()).await;
        assert_eq!(status, 200, "{body}");
        bot.telegram.advance(Duration::from_secs(1));
    }
    let (status, body) = bot.send(TEAM, "one more").await;
    assert_eq!(status, 429);
    assert_eq!(body["parameters"], json!({ "retry_after": 40 }));
    bot.telegram.advance(Duration::from_secs(40));
    assert_eq!(bot.send(TEAM, "one more").await.0, 200);
}

#[tokio::test]
async fn windows_can_follow_the_clock_of_the_machine() {
    let bot = start(|limits| {
        limits.time = FloodTime::Real;
        limits.per_group_per_minute = 1;
    })
    .await;
    assert_eq!(bot.send(TEAM, "1").await.0, 200);
    bot.telegram.advance(Duration::from_secs(3600));
    assert_eq!(bot.send(TEAM, "2").await.0, 429);
}

#[tokio::test]
async fn an_album_counts_each_of_its_items() {
    let bot = start(|limits| limits.per_chat_per_second = 3).await;
    let photo = bot.telegram.add_file("photo", "a.jpg", vec![1]);
    let item = json!({ "type": "photo", "media": photo });
    let album = json!({ "chat_id": ANNA, "media": [item, item] });
    bot.result("sendMediaGroup", album.clone()).await;
    assert_eq!(bot.call("sendMediaGroup", album).await.0, 429);
    assert_eq!(bot.send(ANNA, "3").await.0, 200);
}

#[tokio::test]
async fn without_limits_nothing_floods() {
    let bot = Bot::start().await;
    for number in 0..50 {
        assert_eq!(bot.send(ANNA, &number.to_string()).await.0, 200);
    }
}
