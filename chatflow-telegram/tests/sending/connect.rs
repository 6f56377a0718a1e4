use chatflow_core::{Capabilities, Channel, Pacing};
use chatflow_telegram::testing::{FakeTelegram, Fault, Settings};
use chatflow_telegram::{Binding, ConnectError, Telegram, TelegramConfig};

use crate::support::{Stage, config};

#[tokio::test]
async fn a_channel_is_the_bots_account() {
    let stage = Stage::new().await;
    let telegram = &stage.telegram;
    assert_eq!(
        telegram.id().as_str(),
        format!("telegram:{}", stage.fake.bot_id())
    );
    assert_eq!(telegram.username(), "chatflow_test_bot");
    assert_eq!(telegram.name(), "chatflow_test_bot");
    assert_eq!(*telegram.capabilities(), Capabilities::telegram_bot());
    assert!(telegram.webhook_router().is_none());
}

#[tokio::test]
async fn a_channel_has_the_name_and_the_binding_it_is_given() {
    let stage = Stage::with(|config| config.name("Sales").binding(Binding::Business)).await;
    assert_eq!(stage.telegram.name(), "Sales");
    assert_eq!(
        *stage.telegram.capabilities(),
        Capabilities::telegram_business()
    );
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_anything_is_sent() {
    let fake = FakeTelegram::start(Settings::default()).await;
    let connect = |token: &str| Telegram::connect(TelegramConfig::new(token).api_url(fake.url()));
    assert_eq!(connect(" ").await.err(), Some(ConnectError::MissingToken));
    for token in ["7000001", "seven:abc", "7000001:a b", "7000001:../getMe"] {
        assert_eq!(
            connect(token).await.err(),
            Some(ConnectError::BadToken),
            "{token}"
        );
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn a_token_of_nobodys_is_refused() {
    let fake = FakeTelegram::start(Settings::default()).await;
    for token in [
        "7000001:AAwrongwrongwrongwrongwrongwrongwro",
        "7000001:short",
    ] {
        let config = TelegramConfig::new(token).api_url(fake.url());
        let error = Telegram::connect(config).await.err();
        assert_eq!(error, Some(ConnectError::Refused), "{token}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_said_so() {
    for url in ["telegram.example", "ftp://host", "http://", ""] {
        let config = TelegramConfig::new("1:a").api_url(url);
        let error = Telegram::connect(config).await.err();
        assert_eq!(error, Some(ConnectError::BadApiUrl), "{url}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_told_from_a_wrong_server() {
    let fake = FakeTelegram::start(Settings::default()).await;
    let connect = || Telegram::connect(config(&fake));
    for fault in [
        Fault::Html(502),
        Fault::ServerError,
        Fault::CloseBeforeReading,
        Fault::RetryAfter {
            seconds: 3,
            with_parameters: true,
        },
    ] {
        fake.fail_next_on("getMe", 1, fault.clone());
        let error = connect().await.err();
        assert!(
            matches!(error, Some(ConnectError::Unreachable { .. })),
            "{fault:?}: {error:?}"
        );
    }
    for fault in [
        Fault::Html(200),
        Fault::Empty(200),
        Fault::Html(404),
        Fault::NotJson,
    ] {
        fake.fail_next_on("getMe", 1, fault.clone());
        let error = connect().await.err();
        assert!(
            matches!(error, Some(ConnectError::UnexpectedAnswer { .. })),
            "{fault:?}: {error:?}"
        );
    }
    fake.stop().await;
    let error = connect().await.err();
    assert!(
        matches!(error, Some(ConnectError::Unreachable { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_start_link_carries_what_telegram_takes() {
    let telegram = Stage::new().await.telegram;
    assert_eq!(
        telegram.start_link("spring_26-A").as_deref(),
        Some("https://t.me/chatflow_test_bot?start=spring_26-A")
    );
    assert!(telegram.start_link(&"a".repeat(64)).is_some());
    for token in ["", "a b", "ä", "a&b", &"a".repeat(65)] {
        assert_eq!(telegram.start_link(token), None, "{token}");
    }
}

#[tokio::test]
async fn topics_of_a_group_share_its_limit() {
    let stage = Stage::new().await;
    let pacing = |id: &str| stage.telegram.pacing(&stage.address(id));
    let of = |key: &str, is_group| Pacing {
        key: key.into(),
        is_group,
    };
    assert!(pacing("-1005/7") == of("-1005", true));
    assert!(pacing("business:abc:7") == of("7", false));
    assert!(pacing("7") == of("7", false));
}
