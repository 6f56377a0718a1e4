use chatflow_telegram::testing::Fault;
use serde_json::{Value, json};

use crate::support::{ANNA, Bot};

#[tokio::test]
async fn faults_come_in_the_order_planned_and_then_no_more() {
    let bot = Bot::start().await;
    bot.telegram.faults(vec![
        (Some("sendMessage"), 2, Fault::ServerError),
        (None, 1, Fault::api(400, "Bad Request: PEER_ID_INVALID")),
        (Some("getMe"), 1, Fault::Html(502)),
    ]);
    assert_eq!(bot.send(ANNA, "1").await.0, 500);
    assert_eq!(bot.send(ANNA, "2").await.0, 500);
    assert_eq!(bot.send(ANNA, "3").await.0, 400);
    assert_eq!(bot.send(ANNA, "4").await.0, 200);
    assert_eq!(bot.telegram.faults_left(), 1);
    let (status, body) = bot.call("getMe", json!({})).await;
    assert_eq!(status, 502);
    assert!(body["unreadable"].as_str().unwrap().starts_with("<html>"));
    assert_eq!(texts(&bot), ["4"]);
}

#[tokio::test]
async fn polls_only_meet_faults_planned_for_them() {
    let bot = Bot::start().await;
    bot.telegram.fail_next(1, Fault::ServerError);
    assert_eq!(bot.call("getUpdates", json!({})).await.0, 200);
    bot.telegram.clear_faults();
    bot.telegram
        .fail_next_on("getUpdates", 1, Fault::ServerError);
    assert_eq!(bot.call("getUpdates", json!({})).await.0, 500);
}

#[tokio::test]
async fn a_flood_wait_is_told_with_parameters_and_without() {
    let bot = Bot::start().await;
    for with_parameters in [true, false] {
        let fault = Fault::RetryAfter {
            seconds: 7,
            with_parameters,
        };
        bot.telegram.fail_next(1, fault);
        let (status, body) = bot.send(ANNA, "x").await;
        assert_eq!(status, 429);
        assert_eq!(body["description"], "Too Many Requests: retry after 7");
        let expected = with_parameters.then(|| json!({ "retry_after": 7 }));
        assert_eq!(body.get("parameters").cloned(), expected);
    }
}

#[tokio::test]
async fn spoilt_answers_with_a_good_status_have_acted() {
    let bot = Bot::start().await;
    for (fault, acts) in [
        (Fault::NotJson, true),
        (Fault::Empty(200), true),
        (Fault::Empty(502), false),
        (Fault::Html(200), true),
        (Fault::Html(502), false),
        (Fault::ServerError, false),
    ] {
        bot.telegram.take_requests();
        bot.telegram.fail_next(1, fault.clone());
        let before = texts(&bot).len();
        let (_, body) = bot.send(ANNA, "x").await;
        assert!(
            body.get("ok").is_none_or(|ok| ok == &json!(false)),
            "{fault:?}"
        );
        let after = texts(&bot).len();
        assert_eq!(after - before, usize::from(acts), "{fault:?}");
        assert_eq!(bot.telegram.requests()[0].acted, acts, "{fault:?}");
    }
}

#[tokio::test]
async fn a_cut_connection_has_acted_or_has_not() {
    let bot = Bot::start().await;
    for (fault, acts) in [
        (Fault::CloseBeforeReading, false),
        (Fault::CloseAfterActing, true),
    ] {
        bot.telegram.take_requests();
        bot.telegram.fail_next(1, fault.clone());
        let before = texts(&bot).len();
        let request = bot
            .client
            .post(bot.address("sendMessage"))
            .json(&json!({ "chat_id": ANNA, "text": "x" }));
        assert!(request.send().await.is_err(), "{fault:?}");
        assert_eq!(texts(&bot).len() - before, usize::from(acts), "{fault:?}");
        let requests = bot.telegram.requests();
        assert_eq!((requests[0].answered, requests[0].acted), (None, acts));
        assert_eq!(requests[0].params == Value::Null, !acts, "{fault:?}");
    }
}

#[tokio::test]
async fn a_hanging_request_has_acted_or_has_not() {
    let bot = Bot::start().await;
    for acts in [false, true] {
        bot.telegram.take_requests();
        bot.telegram.fail_next(1, Fault::Hang { acts });
        let hanging = bot.clone();
        let call = tokio::spawn(async move { hanging.send(ANNA, "x").await });
        let before = texts(&bot).len();
        bot.telegram
            .wait_for("the request", |view| {
                view.requests()
                    .first()
                    .is_some_and(|request| request.acted == acts)
            })
            .await;
        // The server answers others meanwhile.
        bot.result("getMe", json!({})).await;
        assert!(!call.is_finished());
        assert_eq!(texts(&bot).len() - before, usize::from(acts));
        call.abort();
    }
}

#[tokio::test]
async fn an_outage_refuses_connections_and_keeps_what_waits() {
    let bot = Bot::start().await;
    let url = bot.telegram.url();
    let held = bot.clone();
    let poll = tokio::spawn(async move {
        let address = held.address("getUpdates");
        let request = held.client.post(address).json(&json!({ "timeout": 50 }));
        request.send().await
    });
    bot.telegram
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    bot.telegram.stop().await;
    assert!(poll.await.unwrap().is_err(), "a held poll breaks off");
    let pushed = bot.telegram.push_text(ANNA, "meanwhile").update_id;
    let refused = bot.client.get(bot.address("getMe")).send().await;
    assert!(refused.unwrap_err().is_connect());
    bot.telegram.restart().await;
    assert_eq!(bot.telegram.url(), url);
    assert_eq!(bot.poll(0).await, [pushed]);
}

fn texts(bot: &Bot) -> Vec<String> {
    let sent = bot.telegram.sent_to(ANNA);
    let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
    sent.iter().map(text).collect()
}
