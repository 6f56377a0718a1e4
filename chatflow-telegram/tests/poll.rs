//! Polling: Telegram forgets an update only once it is durable, and nothing stops the rest.

mod desk;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatflow_core::ListenError;
use chatflow_telegram::testing::{BusinessRights, FakeTelegram, Fault, Incoming, Settings};
use chatflow_telegram::{Telegram, TelegramConfig};
use serde_json::{Value, json};

use desk::{ANNA, BORIS, Desk, Listening, key};

struct Scene {
    fake: FakeTelegram,
    telegram: Telegram,
    desk: Arc<Desk>,
}

impl Scene {
    async fn open() -> Self {
        let fake = FakeTelegram::start(Settings::default()).await;
        fake.start_chat(ANNA);
        fake.start_chat(BORIS);
        let config = TelegramConfig::new(fake.token())
            .api_url(fake.url())
            .poll_timeout(Duration::from_secs(50));
        let telegram = Telegram::connect(config).await.unwrap();
        Self {
            fake,
            telegram,
            desk: Desk::new(),
        }
    }

    fn listen(&self) -> Listening {
        Listening::start(&self.telegram, &self.desk)
    }

    async fn until_forgotten(&self) {
        self.fake
            .wait_for("nothing waits", |view| view.pending_updates() == 0)
            .await;
    }

    fn polls(&self) -> Vec<Value> {
        let polls = self.fake.requests_of("getUpdates");
        polls.into_iter().map(|poll| poll.params).collect()
    }
}

#[tokio::test]
async fn an_update_is_acknowledged_only_when_it_is_durable() {
    let scene = Scene::open().await;
    let first = scene.fake.push_text(ANNA, "1").update_id;
    let second = scene.fake.push_text(BORIS, "2").update_id;
    scene.desk.refuse(key(first), 2);
    let _listening = scene.listen();
    scene.desk.until_offered(key(first), 2).await;
    scene.desk.until_taken(key(second)).await;
    assert_eq!(scene.fake.pending_updates(), 2);
    assert_eq!(scene.polls().len(), 1);
    scene.until_forgotten().await;
    assert_eq!(scene.desk.taken(), [key(second), key(first)]);
    assert_eq!(scene.polls()[1]["offset"], json!(second + 1));
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_under_its_key() {
    let scene = Scene::open().await;
    let update = scene.fake.push_text(ANNA, "1").update_id;
    scene.desk.hold(key(update));
    let before = scene.listen();
    scene.desk.until_offered(key(update), 1).await;
    drop(before);
    scene.desk.let_go(key(update));
    let _after = scene.listen();
    scene.desk.until_taken(key(update)).await;
    scene.until_forgotten().await;
    assert_eq!(scene.desk.offered(), [key(update), key(update)]);
}

#[tokio::test]
async fn a_chat_keeps_its_order_and_holds_no_other_up() {
    let scene = Scene::open().await;
    let anna = [
        scene.fake.push_text(ANNA, "1").update_id,
        scene.fake.push_text(ANNA, "2").update_id,
    ];
    let boris = [
        scene.fake.push_text(BORIS, "1").update_id,
        scene.fake.push_text(BORIS, "2").update_id,
    ];
    scene.desk.hold(key(anna[0]));
    scene.desk.refuse(key(anna[0]), 1);
    let _listening = scene.listen();
    scene.desk.until_taken(key(boris[1])).await;
    assert_eq!(scene.desk.taken(), boris.map(key));
    scene.desk.let_go(key(anna[0]));
    scene.until_forgotten().await;
    assert_eq!(scene.desk.taken()[2..], anna.map(key));
}

#[tokio::test]
async fn a_press_stays_in_order_with_its_chats_messages() {
    let scene = Scene::open().await;
    let text = scene.fake.push_text(ANNA, "1");
    let press = scene.fake.press_inaccessible(ANNA, ANNA, 1, "yes");
    scene.desk.hold(key(text.update_id));
    let _listening = scene.listen();
    scene.desk.until_offered(key(text.update_id), 1).await;
    let boris = scene.fake.push_text(BORIS, "1").update_id;
    assert_eq!(scene.desk.offered(), [key(text.update_id)]);
    scene.desk.let_go(key(text.update_id));
    scene.desk.until_taken(key(boris)).await;
    assert_eq!(
        scene.desk.taken(),
        [text.update_id, press.update_id, boris].map(key)
    );
}

#[tokio::test]
async fn a_press_is_answered_once_it_is_durable_and_not_before() {
    let scene = Scene::open().await;
    let press = scene.fake.press_inaccessible(ANNA, ANNA, 1, "yes");
    scene.desk.refuse(key(press.update_id), 1);
    let _listening = scene.listen();
    scene.desk.until_offered(key(press.update_id), 2).await;
    assert_eq!(
        scene
            .fake
            .view(|view| view.callback_answer(&press.query_id).cloned()),
        None
    );
    scene
        .fake
        .wait_for("the answer", |view| {
            view.callback_answer(&press.query_id).is_some()
        })
        .await;
    assert_eq!(scene.desk.taken(), [key(press.update_id)]);
}

#[tokio::test]
async fn an_answer_to_a_press_holds_nothing_up() {
    let scene = Scene::open().await;
    scene
        .fake
        .fail_next_on("answerCallbackQuery", 1, Fault::Hang { acts: false });
    scene.fake.press_inaccessible(ANNA, ANNA, 1, "yes");
    let _listening = scene.listen();
    scene.until_forgotten().await;
    // Answered 400, because it has grown too old.
    let stale = scene.fake.press_inaccessible(ANNA, ANNA, 1, "no");
    scene.fake.fail_next_on(
        "answerCallbackQuery",
        1,
        Fault::api(
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ),
    );
    let text = scene.fake.push_text(ANNA, "1").update_id;
    scene.desk.until_taken(key(text)).await;
    scene
        .fake
        .wait_for("both answers", |view| {
            view.count("answerCallbackQuery") == 2
        })
        .await;
    assert_eq!(scene.desk.taken()[1..], [stale.update_id, text].map(key));
}

#[tokio::test]
async fn what_is_no_update_is_kept_and_stops_nothing() {
    let scene = Scene::open().await;
    let _listening = scene.listen();
    let first = scene.fake.push_text(ANNA, "1").update_id;
    scene.desk.until_taken(key(first)).await;
    // Four elements, so the ids up to the fourth after the first are theirs.
    let answer = format!(
        r#"{{"ok":true,"result":[7, {{"update_id":"x","message":{{}}}}, {{"update_id":{}}}, null]}}"#,
        first + 3
    );
    scene.fake.push_bytes(answer);
    let message = json!({ "chat": { "id": BORIS }, "text": "2" });
    let text = first + 5;
    scene
        .fake
        .push_raw(json!({ "update_id": text, "message": message }));
    scene.desk.until_taken(key(text)).await;
    scene.until_forgotten().await;
    let offered = scene.desk.offered();
    let by_bytes: Vec<_> = offered
        .iter()
        .filter(|key| key.starts_with("bytes:"))
        .collect();
    assert_eq!(by_bytes.len(), 3, "{offered:?}");
    assert_eq!(scene.desk.body(by_bytes[0]), b"7");
    assert_eq!(
        scene.desk.body(by_bytes[1]),
        br#"{"update_id":"x","message":{}}"#
    );
}

#[tokio::test]
async fn a_batch_without_any_id_is_passed() {
    let scene = Scene::open().await;
    let _listening = scene.listen();
    let first = scene.fake.push_text(ANNA, "1").update_id;
    scene.desk.until_taken(key(first)).await;
    scene.until_forgotten().await;
    scene.fake.push_bytes(r#"{"ok":true,"result":["x"]}"#);
    let text = scene.fake.push_text(ANNA, "2").update_id;
    scene.desk.until_taken(key(text)).await;
    scene.until_forgotten().await;
    let offered = scene.desk.offered();
    assert_eq!(offered.len(), 3, "{offered:?}");
}

#[tokio::test]
async fn a_failing_server_loses_nothing() {
    for fault in [
        Fault::Html(502),
        Fault::Empty(200),
        Fault::NotJson,
        Fault::ServerError,
        Fault::CloseAfterActing,
        Fault::RetryAfter {
            seconds: 0,
            with_parameters: true,
        },
        Fault::api(
            409,
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        ),
        Fault::api(400, "Bad Request: novelty"),
    ] {
        let scene = Scene::open().await;
        scene.fake.fail_next_on("getUpdates", 1, fault.clone());
        let update = scene.fake.push_text(ANNA, "1").update_id;
        let _listening = scene.listen();
        scene.desk.until_taken(key(update)).await;
        scene.until_forgotten().await;
        assert_eq!(scene.fake.faults_left(), 0, "{fault:?}");
        assert_eq!(scene.desk.offered(), [key(update)], "{fault:?}");
    }
}

#[tokio::test]
async fn an_outage_is_sat_out() {
    let scene = Scene::open().await;
    let _listening = scene.listen();
    scene
        .fake
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    scene.fake.stop().await;
    let update = scene.fake.push_text(ANNA, "1").update_id;
    scene.fake.restart().await;
    scene.desk.until_taken(key(update)).await;
    scene.until_forgotten().await;
}

#[tokio::test]
async fn a_webhook_in_the_way_is_removed_with_nothing_dropped() {
    let scene = Scene::open().await;
    let method = format!("{}/bot{}/setWebhook", scene.fake.url(), scene.fake.token());
    // Nobody is there, so the update waits.
    let params = json!({ "url": "http://127.0.0.1:9/" });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let set = client.post(method).json(&params).send().await.unwrap();
    assert!(set.status().is_success());
    let update = scene.fake.push_text(ANNA, "1").update_id;
    let _listening = scene.listen();
    scene.desk.until_taken(key(update)).await;
    scene.until_forgotten().await;
    let removals = scene.fake.requests_of("deleteWebhook");
    assert_eq!(removals.len(), 1);
    assert_eq!(removals[0].params["drop_pending_updates"], json!(false));
}

#[tokio::test]
async fn a_refused_account_ends_the_listening() {
    for (code, text) in [(401, "Unauthorized"), (404, "Not Found")] {
        let scene = Scene::open().await;
        scene
            .fake
            .fail_next_on("getUpdates", 1, Fault::api(code, text));
        let error = scene.listen().end().await;
        assert!(matches!(error, ListenError::Refused { .. }), "{error:?}");
        let secret = scene.fake.token().split_once(':').unwrap().1;
        assert!(!format!("{error:?} {error}").contains(secret));
    }
}

#[tokio::test]
async fn each_kind_that_is_read_is_asked_for() {
    let scene = Scene::open().await;
    let _listening = scene.listen();
    scene
        .fake
        .wait_for("the poll", |view| view.count("getUpdates") == 1)
        .await;
    let poll = &scene.polls()[0];
    assert_eq!(
        poll["allowed_updates"],
        json!([
            "message",
            "edited_message",
            "callback_query",
            "my_chat_member",
            "business_message",
            "edited_business_message",
            "business_connection",
            "deleted_business_messages",
        ])
    );
    assert_eq!(
        (&poll["limit"], &poll["timeout"]),
        (&json!(100), &json!(50))
    );
    assert_eq!(poll.get("offset"), None);
}

#[tokio::test]
async fn many_chats_come_in_each_in_order() {
    let scene = Scene::open().await;
    let mut expected = std::collections::BTreeMap::<i64, Vec<String>>::new();
    for round in 0..3 {
        for person in 0..50 {
            let person = ANNA + person;
            let pushed = scene.fake.push(Incoming::text(person, &round.to_string()));
            expected
                .entry(person)
                .or_default()
                .push(key(pushed.update_id));
        }
    }
    let _listening = scene.listen();
    scene.until_forgotten().await;
    let taken = scene.desk.taken();
    assert_eq!(taken.len(), 150);
    for keys in expected.values() {
        let own: Vec<_> = taken.iter().filter(|key| keys.contains(key)).collect();
        assert!(own.iter().copied().eq(keys.iter()), "{own:?}");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl io::Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_of_lost_connections_and_of_nobodys_words() {
    let pages = Pages::default();
    let writer = pages.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let scene = Scene::open().await;
    let (connection, _) = scene
        .fake
        .connect_business(6_000_001, BusinessRights::default());
    scene
        .fake
        .change_business(&connection, false, BusinessRights::default());
    let secret = "my number is 4711";
    let text = scene.fake.push_text(ANNA, secret).update_id;
    scene.desk.refuse(key(text), 1);
    scene
        .fake
        .push_bytes(format!(r#"{{"ok":true,"result":["{secret}"]}}"#));
    let _listening = scene.listen();
    scene.until_forgotten().await;
    let log = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
    let told = log
        .lines()
        .filter(|line| line.contains("no longer lets the bot answer"));
    assert_eq!(told.count(), 1, "{log}");
    assert!(log.contains("offered again"), "{log}");
    let token = scene.fake.token().split_once(':').unwrap().1;
    assert!(!log.contains(secret) && !log.contains(token), "{log}");
}
