use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use chatflow_core::{Action, Address, Channel, FailureClass, Message, Outbound, SendErrorClass};
use chatflow_telegram::testing::{
    ErrorCase, Fault, GroupKind, MEANINGS, Membership, Person, error_corpus,
};
use chatflow_telegram::{ConnectError, Telegram, TelegramConfig};

use crate::support::{ANNA, Stage, key};

/// A server that gives every request but the first kind the same answer.
async fn answering(answer: Arc<Mutex<(u16, String)>>) -> String {
    let handle = move |uri: Uri| {
        let (status, body) = answer.lock().unwrap().clone();
        async move {
            if uri.path().ends_with("/getMe") {
                let me = r#"{"ok":true,"result":{"id":1,"is_bot":true,"username":"bot"}}"#;
                return (StatusCode::OK, me.to_owned());
            }
            (StatusCode::from_u16(status).unwrap(), body)
        }
    };
    serve(Router::new().fallback(handle)).await
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

#[tokio::test]
async fn every_refusal_of_the_corpus_means_what_it_should() {
    let answer = Arc::new(Mutex::new((200, String::new())));
    let url = answering(Arc::clone(&answer)).await;
    let config = TelegramConfig::new("1:a").api_url(url);
    let telegram = Telegram::connect(config).await.unwrap();
    let to = Address::new(telegram.id().clone(), "-5000");
    let mut seen = BTreeSet::new();
    for case in error_corpus() {
        *answer.lock().unwrap() = (case.status, case.body.clone());
        let part = Outbound {
            to: &to,
            message: &Message::new("hello"),
            quotes: None,
            key: key(),
            part: 0,
            attempt: 1,
        };
        let class = telegram.send(&part).await.unwrap_err().class;
        check(case, &class, &telegram);
        seen.insert(case.meaning.as_str());
    }
    assert_eq!(seen, MEANINGS.iter().copied().collect());
}

fn check(case: &ErrorCase, class: &SendErrorClass, telegram: &Telegram) {
    use SendErrorClass as Class;
    let transient = |seconds: Option<u64>| Class::Transient {
        retry_after: seconds.map(Duration::from_secs),
    };
    let number = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse()
    };
    let expected = match case.meaning.as_str() {
        "blocked" => Class::Blocked,
        "gone" => Class::Gone,
        "cannot_initiate" => Class::CannotInitiate,
        "invalid_target" => Class::InvalidTarget,
        "unknown_recipient" => Class::UnknownRecipient,
        "removed" => Class::Removed,
        "no_rights" => Class::NoRights,
        // It takes other messages.
        "kind_refused" => Class::Unsupported,
        "window_closed" => Class::WindowClosed,
        "connection_lost" => Class::ConnectionLost,
        "moved" => Class::Moved(Address::new(telegram.id().clone(), "-1001000000777")),
        "flood" | "flood_without_parameters" => {
            let (_, after) = case.body.split_once("retry").unwrap();
            let (wait, _) = after.split_once(['"', ',']).unwrap();
            transient(number(wait).ok())
        }
        "server_error" => transient(None),
        "too_large" => Class::TooLarge,
        "invalid" => Class::Invalid,
        "token" | "other_poller" => Class::ChannelDown,
        "html" | "empty" => match case.status {
            200 => Class::Ambiguous,
            413 => Class::TooLarge,
            _ => transient(None),
        },
        "not_modified" | "stale_callback" | "message_gone" | "unknown_client_error" => {
            assert!(!class.is_retryable(), "{}: {class:?}", case.name);
            // A topic that is gone is the place itself; everything else is the request's fault.
            let is_place = case.body.contains("TOPIC_DELETED") || case.body.contains("thread");
            let is_content = class.dialog_effect() == FailureClass::Content;
            assert!(is_content != is_place, "{}: {class:?}", case.name);
            return;
        }
        other => panic!("no class is known for the meaning {other}"),
    };
    assert_eq!(*class, expected, "{}", case.name);
}

#[tokio::test]
async fn half_an_answer_of_telegrams_is_none() {
    let answer = Arc::new(Mutex::new((200, String::new())));
    let url = answering(Arc::clone(&answer)).await;
    let telegram = Telegram::connect(TelegramConfig::new("1:a").api_url(url));
    let telegram = telegram.await.unwrap();
    let to = Address::new(telegram.id().clone(), "5");
    for body in [
        r#"{"ok":true}"#,
        "{}",
        "[]",
        r#"{"ok":"yes","result":{}}"#,
        "{\"ok\":tr",
    ] {
        *answer.lock().unwrap() = (200, body.to_owned());
        let error = telegram.act(&to, &Action::Typing).await.unwrap_err();
        assert_eq!(error.class, SendErrorClass::Ambiguous, "{body}");
    }
}

#[tokio::test]
async fn the_token_follows_no_redirect() {
    let elsewhere = Arc::new(Mutex::new(0));
    let asked = Arc::clone(&elsewhere);
    let there = Router::new().fallback(move || async move { *asked.lock().unwrap() += 1 });
    let there = serve(there).await;
    let here =
        Router::new().fallback(move || async move { axum::response::Redirect::temporary(&there) });
    let config = TelegramConfig::new("1:a").api_url(serve(here).await);
    let error = Telegram::connect(config).await.err();
    assert!(
        matches!(error, Some(ConnectError::UnexpectedAnswer { .. })),
        "{error:?}"
    );
    assert_eq!(*elsewhere.lock().unwrap(), 0);
}

#[tokio::test]
async fn what_happens_in_the_world_is_told_by_its_class() {
    use SendErrorClass as Class;
    let stage = Stage::new().await;
    let hello = Message::new("hello");
    let class = async |id: i64| stage.send(id, &hello).await.unwrap_err().class;

    stage.fake.block(ANNA);
    assert_eq!(class(ANNA).await, Class::Blocked);
    stage.fake.unblock(ANNA);
    assert!(stage.send(ANNA, &hello).await.is_ok());
    stage.fake.deactivate(ANNA);
    assert_eq!(class(ANNA).await, Class::Gone);
    stage.fake.add_person(Person::named(6, "Boris"));
    assert_eq!(class(6).await, Class::CannotInitiate);
    assert_eq!(class(777).await, Class::UnknownRecipient);

    stage.fake.add_group(-50, GroupKind::Group, "Club");
    stage.fake.set_bot(-50, Membership::Restricted);
    assert_eq!(class(-50).await, Class::NoRights);
    stage.fake.set_bot(-50, Membership::Kicked);
    assert_eq!(class(-50).await, Class::Removed);
    stage.fake.set_bot(-50, Membership::Member);
    stage.fake.migrate(-50, -100_050, ANNA);
    assert_eq!(class(-50).await, Class::Moved(stage.address(-100_050)));
    assert!(stage.send(-100_050, &hello).await.is_ok());
}

#[tokio::test]
async fn what_may_have_arrived_is_told_from_what_has_not() {
    use SendErrorClass as Class;
    let stage = Stage::new().await;
    let send = async || {
        let sent = stage.send(ANNA, &Message::new("hello")).await;
        sent.unwrap_err().class
    };
    for (fault, class) in [
        (Fault::CloseAfterActing, Class::Ambiguous),
        (Fault::NotJson, Class::Ambiguous),
        (Fault::Html(200), Class::Ambiguous),
        (Fault::Empty(200), Class::Ambiguous),
        (Fault::Html(502), Class::Transient { retry_after: None }),
        (Fault::ServerError, Class::Transient { retry_after: None }),
    ] {
        stage.fake.fail_next(1, fault.clone());
        assert_eq!(send().await, class, "{fault:?}");
    }
    assert_eq!(stage.fake.sent_to(ANNA).len(), 4);

    stage.fake.stop().await;
    // The first may go out on the connection that has just been cut.
    send().await;
    assert_eq!(send().await, Class::Transient { retry_after: None });
}

#[tokio::test]
async fn a_request_that_is_never_answered_may_have_arrived() {
    let stage = Stage::new().await;
    stage.fake.fail_next(1, Fault::Hang { acts: true });
    // The connection is there already; all that is left to wait for is the time-out.
    tokio::time::pause();
    let error = stage.send(ANNA, &Message::new("hello")).await.unwrap_err();
    assert_eq!(error.class, SendErrorClass::Ambiguous);
}
