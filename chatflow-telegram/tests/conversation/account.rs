//! The bot's own account: tokens that are wrong, and an account that is taken away.

use chatflow_core::{ListenError, RunError};
use chatflow_telegram::testing::{FakeTelegram, Fault, Settings};
use chatflow_telegram::{ConnectError, Telegram, TelegramConfig};

use crate::stage::{ANNA, Stage, Way, mirror};

async fn connect(token: &str) -> ConnectError {
    let fake = FakeTelegram::start(Settings::default()).await;
    let config = TelegramConfig::new(token).api_url(fake.url());
    let error = Telegram::connect(config).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    let half = token.split_once(':').map_or(token, |(_, half)| half);
    assert!(half.is_empty() || !shown.contains(half), "{shown}");
    error
}

#[tokio::test]
async fn ch_14_a_bad_token_is_refused_without_being_shown() {
    assert_eq!(connect("").await, ConnectError::MissingToken);
    assert_eq!(connect("no token").await, ConnectError::BadToken);
    let of_nobody = "7000001:AAsomebodyelsessomebodyelsessomebody";
    assert_eq!(connect(of_nobody).await, ConnectError::Refused);
}

/// The driver goes on; whoever waits for the end hears why the listening ended.
#[tokio::test]
async fn ch_14_a_token_withdrawn_while_running_is_told() {
    let stage = Stage::open(Way::Poll, mirror()).await;
    stage.says(ANNA, "hi").await;
    stage.hears(ANNA, 1).await;
    let withdrawn = Fault::api(401, "Unauthorized");
    stage.fake.fail_next_on("getUpdates", 1, withdrawn);
    // The poll under way ends with this update, and the next one is refused.
    stage.fake.push_text(ANNA, "there");
    let Err(RunError::Listen(ListenError::Refused { detail, .. })) =
        stage.chatflow.finished().await
    else {
        panic!("the listening ended in another way");
    };
    assert!(!detail.contains(stage.fake.token()), "{detail}");
    assert_eq!(stage.hears(ANNA, 2).await[1], "You: there");
    stage.chatflow.shutdown().await.unwrap();
}
