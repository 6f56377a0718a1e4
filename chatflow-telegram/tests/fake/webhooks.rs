use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chatflow_telegram::testing::{DeliveryTry, Settings};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{ANNA, BORIS, Bot};

/// What a webhook was sent, and how it answers.
#[derive(Default)]
struct Hook {
    seen: Mutex<Vec<(Option<String>, Vec<u8>)>>,
    /// Answers by text of the message, one after the other; 200 when there is none.
    answers: Mutex<BTreeMap<String, Vec<Response>>>,
    /// Texts whose answer waits for a permit.
    held: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Hook {
    async fn listen() -> (Arc<Self>, String) {
        let hook = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(Arc::clone(&hook));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (hook, url)
    }

    fn answer(&self, text: &str, responses: Vec<Response>) {
        self.answers.lock().unwrap().insert(text.into(), responses);
    }

    fn hold(&self, text: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.held
            .lock()
            .unwrap()
            .insert(text.into(), Arc::clone(&gate));
        gate
    }
}

async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) -> Response {
    let secret = headers
        .get("X-Telegram-Bot-Api-Secret-Token")
        .map(|secret| secret.to_str().unwrap().to_owned());
    let update: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = update.pointer("/message/text").and_then(Value::as_str);
    let text = text.unwrap_or_default().to_owned();
    hook.seen.lock().unwrap().push((secret, body.to_vec()));
    let gate = hook.held.lock().unwrap().get(&text).cloned();
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    let mut answers = hook.answers.lock().unwrap();
    match answers.get_mut(&text) {
        Some(responses) if !responses.is_empty() => responses.remove(0),
        _ => StatusCode::OK.into_response(),
    }
}

async fn set(bot: &Bot, url: &str) {
    let params = json!({ "url": url, "secret_token": "s3cret_-" });
    bot.result("setWebhook", params).await;
}

fn tries(deliveries: &[DeliveryTry], update_id: i64) -> Vec<(u32, Option<u16>)> {
    deliveries
        .iter()
        .filter(|delivery| delivery.update_id == update_id)
        .map(|delivery| (delivery.attempt, delivery.status))
        .collect()
}

#[tokio::test]
async fn an_update_arrives_once_with_the_secret_and_is_gone_after_200() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    let waiting = bot.telegram.push_text(ANNA, "before");
    set(&bot, &url).await;
    bot.telegram
        .wait_for("the delivery", |view| view.pending_updates() == 0)
        .await;
    let seen = hook.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0.as_deref(), Some("s3cret_-"));
    let update: Value = serde_json::from_slice(&seen[0].1).unwrap();
    assert_eq!(update["update_id"], json!(waiting.update_id));
    assert_eq!(
        tries(&bot.telegram.deliveries(), waiting.update_id),
        [(1, Some(200))]
    );
}

#[tokio::test]
async fn what_is_not_2xx_is_tried_again_until_it_is() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    hook.answer(
        "hello",
        vec![
            StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            (StatusCode::FOUND, [("Location", "/elsewhere")]).into_response(),
            StatusCode::UNAUTHORIZED.into_response(),
            StatusCode::NO_CONTENT.into_response(),
        ],
    );
    set(&bot, &url).await;
    let update = bot.telegram.push_text(ANNA, "hello").update_id;
    bot.telegram
        .wait_for("the delivery", |view| view.pending_updates() == 0)
        .await;
    assert_eq!(
        tries(&bot.telegram.deliveries(), update),
        [
            (1, Some(500)),
            (2, Some(302)),
            (3, Some(401)),
            (4, Some(204))
        ]
    );
    let info = bot.result("getWebhookInfo", json!({})).await;
    assert_eq!(info["pending_update_count"], json!(0));
    assert_eq!(
        info["last_error_message"],
        json!("Wrong response from the webhook: 401")
    );
}

#[tokio::test]
async fn retry_after_is_honoured_in_scaled_seconds() {
    // With this unit neither a doubled wait nor ten seconds of it would ever end in this test.
    let bot = Bot::with(Settings {
        retry_unit: Duration::from_secs(3600),
        ..Settings::default()
    })
    .await;
    let (hook, url) = Hook::listen().await;
    let later = |seconds: &'static str| {
        (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", seconds)]).into_response()
    };
    hook.answer("at once", vec![later("0"), later("0")]);
    hook.answer("much later", vec![later("10")]);
    set(&bot, &url).await;
    let soon = bot.telegram.push_text(ANNA, "at once").update_id;
    let late = bot.telegram.push_text(BORIS, "much later").update_id;
    bot.telegram
        .wait_for("both", |view| {
            tries(view.deliveries(), soon).len() == 3 && tries(view.deliveries(), late).len() == 1
        })
        .await;
    assert_eq!(bot.telegram.pending_updates(), 1);
}

#[tokio::test]
async fn in_one_lane_one_goes_at_a_time_and_lanes_do_not_wait_for_each_other() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    let gate = hook.hold("slow");
    set(&bot, &url).await;
    let slow = bot.telegram.push_text(ANNA, "slow").update_id;
    let behind = bot.telegram.push_text(ANNA, "behind").update_id;
    // The same contact's press is of another kind, so it overtakes.
    let press = bot
        .telegram
        .press_inaccessible(ANNA, ANNA, 1, "yes")
        .update_id;
    let other = bot.telegram.push_text(BORIS, "other").update_id;
    bot.telegram
        .wait_for("the others", |view| view.deliveries().len() == 2)
        .await;
    let mut passed: Vec<i64> = bot
        .telegram
        .deliveries()
        .iter()
        .map(|delivery| delivery.update_id)
        .collect();
    passed.sort_unstable();
    assert_eq!(passed, [press, other]);
    assert_eq!(hook.seen.lock().unwrap().len(), 3, "behind was not sent");
    gate.add_permits(1);
    bot.telegram
        .wait_for("all", |view| view.pending_updates() == 0)
        .await;
    let order: Vec<i64> = bot.telegram.deliveries()[2..]
        .iter()
        .map(|delivery| delivery.update_id)
        .collect();
    assert_eq!(order, [slow, behind]);
    let sent = hook.seen.lock().unwrap().len();
    assert_eq!(sent, 4, "nothing went twice");
}

#[tokio::test]
async fn a_failing_update_holds_up_its_own_lane() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    hook.answer("bad", vec![StatusCode::BAD_GATEWAY.into_response()]);
    set(&bot, &url).await;
    let bad = bot.telegram.push_text(ANNA, "bad").update_id;
    let next = bot.telegram.push_text(ANNA, "next").update_id;
    bot.telegram
        .wait_for("all", |view| view.pending_updates() == 0)
        .await;
    let order: Vec<(i64, Option<u16>)> = bot
        .telegram
        .deliveries()
        .iter()
        .map(|delivery| (delivery.update_id, delivery.status))
        .collect();
    assert_eq!(
        order,
        [(bad, Some(502)), (bad, Some(200)), (next, Some(200))]
    );
}

#[tokio::test]
async fn no_more_than_max_connections_are_open() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    let gate = hook.hold("slow");
    bot.result("setWebhook", json!({ "url": url, "max_connections": 1 }))
        .await;
    bot.telegram.push_text(ANNA, "slow");
    bot.telegram.push_text(BORIS, "other");
    bot.result("getMe", json!({})).await;
    assert!(hook.seen.lock().unwrap().len() <= 1);
    gate.add_permits(1);
    bot.telegram
        .wait_for("all", |view| view.pending_updates() == 0)
        .await;
    assert_eq!(bot.telegram.deliveries().len(), 2);
}

#[tokio::test]
async fn a_webhook_that_answers_too_late_or_is_not_there_is_tried_again() {
    let bot = Bot::with(Settings {
        webhook_timeout: Duration::from_millis(20),
        ..Settings::default()
    })
    .await;
    let (hook, url) = Hook::listen().await;
    let gate = hook.hold("slow");
    set(&bot, &url).await;
    let update = bot.telegram.push_text(ANNA, "slow").update_id;
    bot.telegram
        .wait_for("a failed try", |view| !view.deliveries().is_empty())
        .await;
    assert_eq!(tries(&bot.telegram.deliveries(), update)[0], (1, None));
    gate.add_permits(100);
    bot.telegram
        .wait_for("the delivery", |view| view.pending_updates() == 0)
        .await;
}

#[tokio::test]
async fn garbage_and_what_comes_again_are_delivered_as_they_are() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    set(&bot, &url).await;
    bot.telegram.push_bytes(vec![0xff, b'{']);
    let update = bot.telegram.push_text(ANNA, "hello").update_id;
    bot.telegram
        .wait_for("both", |view| view.pending_updates() == 0)
        .await;
    bot.telegram.redeliver(update);
    bot.telegram
        .wait_for("again", |view| view.deliveries().len() == 3)
        .await;
    let seen = hook.seen.lock().unwrap();
    assert!(seen.iter().any(|(_, body)| body == &[0xff, b'{']));
    assert_eq!(
        tries(&bot.telegram.deliveries(), update),
        [(1, Some(200)); 2]
    );
}

#[tokio::test]
async fn a_good_answer_may_carry_a_call() {
    let bot = Bot::start().await;
    let (hook, url) = Hook::listen().await;
    let call = json!({ "method": "sendMessage", "chat_id": ANNA, "text": "in the answer" });
    hook.answer("hello", vec![call.to_string().into_response()]);
    set(&bot, &url).await;
    bot.telegram.push_text(ANNA, "hello");
    bot.telegram
        .wait_for("the call", |view| view.sent_to(ANNA).len() == 1)
        .await;
}

#[tokio::test]
async fn a_webhook_is_checked_shown_and_deleted() {
    let bot = Bot::start().await;
    for (params, text) in [
        (json!({ "url": "ftp://x" }), "invalid webhook URL specified"),
        (
            json!({ "url": "http://x/", "secret_token": "a b" }),
            "secret token contains unallowed characters",
        ),
        (
            json!({ "url": "http://x/", "secret_token": "a".repeat(257) }),
            "secret token is too long",
        ),
    ] {
        let refusal = bot.refusal("setWebhook", params).await;
        assert_eq!(refusal, crate::support::bad_request(text));
    }
    let params = json!({
        "url": "http://127.0.0.1:9/",
        "allowed_updates": ["callback_query", "message", "nonsense"],
    });
    bot.result("setWebhook", params).await;
    let info = bot.result("getWebhookInfo", json!({})).await;
    assert_eq!(info["url"], "http://127.0.0.1:9/");
    assert_eq!(info["max_connections"], 40);
    assert_eq!(
        info["allowed_updates"],
        json!(["message", "callback_query"])
    );
    bot.telegram.push_text(ANNA, "hello");
    let params = json!({ "drop_pending_updates": true });
    bot.result("deleteWebhook", params).await;
    let info = bot.result("getWebhookInfo", json!({})).await;
    assert_eq!(
        (&info["url"], &info["pending_update_count"]),
        (&json!(""), &json!(0))
    );
}
