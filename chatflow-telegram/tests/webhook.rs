//! The webhook: strangers are turned away, and 200 means durable.

mod desk;

use std::sync::Arc;

use chatflow_core::ListenError;
use chatflow_telegram::testing::{FakeTelegram, Fault, Settings};
use chatflow_telegram::{Telegram, TelegramConfig, WebhookConfig, WebhookError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use desk::{ANNA, BORIS, Desk, Listening, key};

const SECRET: &str = "a-secret_of-letters-0123456789";
const HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
const MIB: usize = 1024 * 1024;

struct Scene {
    fake: FakeTelegram,
    telegram: Telegram,
    desk: Arc<Desk>,
    address: String,
    client: reqwest::Client,
    server: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Scene {
    /// A host's server with the router in it. The channel registers it, or the host does.
    async fn open(registers: bool) -> Self {
        let fake = FakeTelegram::start(Settings::default()).await;
        fake.start_chat(ANNA);
        fake.start_chat(BORIS);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut webhook = WebhookConfig::new(SECRET).unwrap().connections_max(50);
        if registers {
            webhook = webhook.url(format!("http://{address}/telegram"));
        }
        let config = TelegramConfig::new(fake.token())
            .api_url(fake.url())
            .webhook(webhook);
        let telegram = Telegram::connect(config).await.unwrap();
        let router = axum::Router::new().nest("/telegram", telegram.webhook_router().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            fake,
            telegram,
            desk: Desk::new(),
            address,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            server,
        }
    }

    /// One that the host registers, and that listens.
    async fn listening() -> (Self, Listening) {
        let scene = Self::open(false).await;
        let listening = scene.listen();
        // Until somebody listens the answer is 503, whatever comes.
        while scene.post(b"first").await.0 == 503 {
            tokio::task::yield_now().await;
        }
        (scene, listening)
    }

    fn listen(&self) -> Listening {
        Listening::start(&self.telegram, &self.desk)
    }

    fn request(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let url = format!("http://{}/telegram", self.address);
        self.client.post(url).body(body)
    }

    /// The status, the time to wait, and the body of an answer.
    async fn post(&self, body: &[u8]) -> (u16, Option<u64>, String) {
        let request = self.request(body.to_vec()).header(HEADER, SECRET);
        answer(request.send().await.unwrap()).await
    }

    fn post_soon(&self, body: &[u8]) -> JoinHandle<(u16, Option<u64>, String)> {
        let request = self.request(body.to_vec()).header(HEADER, SECRET);
        tokio::spawn(async move { answer(request.send().await.unwrap()).await })
    }
}

async fn answer(response: reqwest::Response) -> (u16, Option<u64>, String) {
    let status = response.status().as_u16();
    let header = response.headers().get("Retry-After");
    let wait = header.map(|header| header.to_str().unwrap().parse().unwrap());
    (status, wait, response.text().await.unwrap())
}

const OK: (u16, Option<u64>, String) = (200, None, String::new());
const LATER: (u16, Option<u64>, String) = (503, Some(1), String::new());

fn update(id: i64, chat: i64, kind: &str) -> Vec<u8> {
    let message =
        json!({ "message_id": 1, "chat": { "id": chat, "type": "private" }, "text": "hello" });
    json!({ "update_id": id, kind: message })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn without_the_secret_nothing_is_taken() {
    let (scene, _listening) = Scene::listening().await;
    let offered = scene.desk.offered().len();
    let longer = format!("{SECRET}x");
    let other = SECRET.replace('0', "1");
    for given in [
        None,
        Some(""),
        Some("a"),
        Some(&SECRET[..SECRET.len() - 1]),
        Some(longer.as_str()),
        Some(other.as_str()),
    ] {
        let mut request = scene.request(update(1, ANNA, "message"));
        if let Some(given) = given {
            request = request.header(HEADER, given);
        }
        let answered = answer(request.send().await.unwrap()).await;
        assert_eq!(answered, (401, None, String::new()), "{given:?}");
    }
    let twice = scene
        .request(update(1, ANNA, "message"))
        .header(HEADER, SECRET)
        .header(HEADER, "a");
    assert_eq!(answer(twice.send().await.unwrap()).await.0, 401);
    assert_eq!(scene.desk.offered().len(), offered);
}

#[tokio::test]
async fn a_strangers_body_is_not_even_read() {
    let (scene, _listening) = Scene::listening().await;
    let mut stream = TcpStream::connect(&scene.address).await.unwrap();
    // A body is announced and never sent.
    let head = format!(
        "POST /telegram HTTP/1.1\r\nHost: x\r\n{HEADER}: wrong\r\nContent-Length: 1000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 401");
}

#[tokio::test]
async fn a_body_has_at_most_one_mebibyte() {
    let (scene, _listening) = Scene::listening().await;
    assert_eq!(scene.post(&vec![b'x'; MIB]).await, OK);
    let offered = scene.desk.offered().len();
    assert_eq!(
        scene.post(&vec![b'x'; MIB + 1]).await,
        (413, None, String::new())
    );
    assert_eq!(scene.desk.offered().len(), offered);
}

#[tokio::test]
async fn what_is_no_update_is_kept_as_it_came() {
    let (scene, _listening) = Scene::listening().await;
    for body in [
        &b"not JSON"[..],
        b"",
        b"[1]",
        b"\xff\xfe",
        br#"{"update_id":"x"}"#,
    ] {
        assert_eq!(scene.post(body).await, OK);
        let key = scene.desk.taken().pop().unwrap();
        assert!(key.starts_with("bytes:"), "{key}");
        assert_eq!(scene.desk.body(&key), body);
    }
}

#[tokio::test]
async fn two_hundred_means_durable() {
    let (scene, _listening) = Scene::listening().await;
    scene.desk.hold(key(7));
    let request = scene.post_soon(&update(7, ANNA, "message"));
    scene.desk.until_offered(key(7), 1).await;
    // Another request makes the whole way meanwhile.
    assert_eq!(scene.post(&update(8, BORIS, "message")).await, OK);
    assert!(!request.is_finished());
    scene.desk.let_go(key(7));
    assert_eq!(request.await.unwrap(), OK);
    assert_eq!(scene.desk.taken()[1..], [8, 7].map(key));
}

#[tokio::test]
async fn a_store_that_is_away_sends_back() {
    let (scene, _listening) = Scene::listening().await;
    scene.desk.refuse(key(7), 1);
    assert_eq!(scene.post(&update(7, ANNA, "message")).await, LATER);
    assert_eq!(scene.post(&update(7, ANNA, "message")).await, OK);
    // Delivered twice, it has one key.
    assert_eq!(scene.post(&update(7, ANNA, "message")).await, OK);
    assert_eq!(scene.desk.offered()[1..], [7, 7, 7].map(key));
}

#[tokio::test]
async fn nobody_listening_sends_back() {
    let scene = Scene::open(false).await;
    assert_eq!(scene.post(&update(7, ANNA, "message")).await, LATER);
    let listening = scene.listen();
    while scene.post(&update(7, ANNA, "message")).await == LATER {
        tokio::task::yield_now().await;
    }
    scene.desk.hold(key(8));
    let request = scene.post_soon(&update(8, ANNA, "message"));
    scene.desk.until_offered(key(8), 1).await;
    drop(listening);
    assert_eq!(request.await.unwrap(), LATER);
    assert_eq!(scene.post(&update(9, ANNA, "message")).await, LATER);
    // And again there is somebody.
    scene.desk.let_go(key(8));
    let _listening = scene.listen();
    while scene.post(&update(8, ANNA, "message")).await == LATER {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.desk.taken(), [7, 8].map(key));
}

#[tokio::test]
async fn a_chat_keeps_its_order_across_requests() {
    let (scene, _listening) = Scene::listening().await;
    scene.desk.hold(key(7));
    let first = scene.post_soon(&update(7, ANNA, "message"));
    scene.desk.until_offered(key(7), 1).await;
    let second = scene.post_soon(&update(8, ANNA, "edited_message"));
    assert_eq!(scene.post(&update(9, BORIS, "message")).await, OK);
    assert!(!second.is_finished());
    assert_eq!(scene.desk.offered()[1..], [7, 9].map(key));
    scene.desk.let_go(key(7));
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (OK, OK));
    assert_eq!(scene.desk.taken()[1..], [9, 7, 8].map(key));
}

#[tokio::test]
async fn telegram_is_told_where_and_delivers() {
    let scene = Scene::open(true).await;
    let text = scene.fake.push_text(ANNA, "hello").update_id;
    scene.desk.refuse(key(text), 2);
    let _listening = scene.listen();
    scene.desk.until_taken(key(text)).await;
    scene
        .fake
        .wait_for("nothing waits", |view| view.pending_updates() == 0)
        .await;
    let tries = scene.fake.deliveries();
    let statuses: Vec<_> = tries.iter().map(|tried| tried.status).collect();
    assert_eq!(statuses, [Some(503), Some(503), Some(200)]);
    let set = &scene.fake.requests_of("setWebhook")[0].params;
    assert_eq!(set["secret_token"], json!(SECRET));
    assert_eq!(set["max_connections"], json!(50));
    assert!(
        set["allowed_updates"]
            .as_array()
            .unwrap()
            .contains(&json!("my_chat_member"))
    );
    assert_eq!(set.get("drop_pending_updates"), None::<&Value>);
}

#[tokio::test]
async fn a_press_is_answered_once_it_is_durable() {
    let scene = Scene::open(true).await;
    let press = scene.fake.press_inaccessible(ANNA, ANNA, 1, "yes");
    let _listening = scene.listen();
    scene
        .fake
        .wait_for("the answer", |view| {
            view.callback_answer(&press.query_id).is_some()
        })
        .await;
    assert_eq!(scene.desk.taken(), [key(press.update_id)]);
}

#[tokio::test]
async fn a_webhook_that_telegram_refuses_ends_the_listening() {
    let scene = Scene::open(true).await;
    scene.fake.fail_next_on("setWebhook", 1, Fault::ServerError);
    scene.fake.fail_next_on(
        "setWebhook",
        1,
        Fault::api(
            400,
            "Bad Request: bad webhook: HTTPS url must be provided for webhook",
        ),
    );
    let error = scene.listen().end().await;
    assert!(matches!(error, ListenError::Refused { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains(SECRET));
    assert_eq!(scene.fake.requests_of("setWebhook").len(), 2);
}

#[tokio::test]
async fn only_posts_are_taken() {
    let (scene, _listening) = Scene::listening().await;
    let url = format!("http://{}/telegram", scene.address);
    let request = scene.client.get(url).header(HEADER, SECRET);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 405);
}

#[test]
fn a_secret_has_telegrams_letters() {
    for good in ["a", "A-z_09", &"x".repeat(256)] {
        assert!(WebhookConfig::new(good).is_ok());
    }
    for bad in ["", " a", "a b", "schlüssel", "a\n", &"x".repeat(257)] {
        assert_eq!(WebhookConfig::new(bad).unwrap_err(), WebhookError::Secret);
    }
}

#[test]
fn debug_shows_neither_secret_nor_address() {
    let config = WebhookConfig::new(SECRET).unwrap();
    let shown = format!("{:?}", config.url("https://bots.example/hidden-path"));
    assert!(
        !shown.contains(SECRET) && !shown.contains("hidden-path"),
        "{shown}"
    );
}
