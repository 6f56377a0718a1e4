use chatflow_telegram::testing::Incoming;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{ANNA, Bot, answer, bad_request, refusal};

#[tokio::test]
async fn a_method_is_called_in_any_case_and_by_every_kind_of_body() {
    let bot = Bot::start().await;
    for method in ["getMe", "GetMe", "GETME"] {
        let me = bot.result(method, json!({})).await;
        assert_eq!(me["id"], json!(bot.telegram.bot_id()));
    }
    let url = bot.address("sendmessage");
    let get = format!("{url}?chat_id={ANNA}&text=by+query%20%D1%8F");
    let markup = json!({ "inline_keyboard": [[{ "text": "a", "callback_data": "x" }]] });
    let form = format!("chat_id={ANNA}&text=by%20form&reply_markup={markup}");
    let multipart = Form::new()
        .text("chat_id", ANNA.to_string())
        .text("text", "by multipart");
    let post = || bot.client.post(&url);
    for request in [
        bot.client.get(get),
        post()
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form),
        post().json(&json!({ "chat_id": ANNA.to_string(), "text": "by JSON" })),
        post().multipart(multipart),
    ] {
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!(status, 200, "{body}");
    }
    let sent = bot.telegram.sent_to(ANNA);
    let texts: Vec<&str> = sent
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["by query я", "by form", "by JSON", "by multipart"]);
    assert_eq!(sent[1]["reply_markup"], markup);
    let ids: Vec<i64> = sent
        .iter()
        .map(|message| message["message_id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4]);
}

#[tokio::test]
async fn tokens_and_methods_are_checked() {
    let bot = Bot::start().await;
    let at = async |path: &str| {
        let url = format!("{}{path}", bot.telegram.url());
        answer(bot.client.get(url).send().await.unwrap()).await
    };
    let wrong = "7000001:BBfakefakefakefakefakefakefakefakefk";
    for (path, status, text) in [
        (format!("/bot{wrong}/getMe"), 401, "Unauthorized"),
        ("/botnonsense/getMe".to_owned(), 404, "Not Found"),
        ("/bot1:short/getMe".to_owned(), 404, "Not Found"),
        ("/".to_owned(), 404, "Not Found"),
        (
            format!("/bot{}/fly", bot.telegram.token()),
            404,
            "Not Found: method not found",
        ),
    ] {
        let (got, body) = at(&path).await;
        assert_eq!(
            (got, &body["description"]),
            (status, &json!(text)),
            "{path}"
        );
        assert_eq!(body["ok"], false);
    }
    let broken = bot
        .client
        .post(bot.address("getMe"))
        .header("Content-Type", "application/json")
        .body("[1");
    assert_eq!(answer(broken.send().await.unwrap()).await.0, 400);
}

#[tokio::test]
async fn get_me_is_complete() {
    let bot = Bot::start().await;
    let me = bot.result("getMe", json!({})).await;
    let fields: Vec<&str> = me.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "id",
        "is_bot",
        "first_name",
        "username",
        "can_join_groups",
        "can_read_all_group_messages",
        "supports_inline_queries",
        "can_connect_to_business",
        "has_main_web_app",
    ] {
        assert!(fields.contains(&field), "{field}");
    }
}

#[tokio::test]
async fn files_are_uploaded_attached_known_and_downloaded() {
    let bot = Bot::start().await;
    let media = json!([
        { "type": "photo", "media": "attach://one", "caption": "first" },
        { "type": "photo", "media": "attach://two" },
    ]);
    let part = |bytes: &'static [u8], name: &'static str| Part::bytes(bytes).file_name(name);
    let form = Form::new()
        .text("chat_id", ANNA.to_string())
        .text("media", media.to_string())
        .part("one", part(b"first bytes", "1.jpg"))
        .part("two", part(b"second", "2.jpg"));
    let (status, body) = bot.upload("sendMediaGroup", form).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["result"][0]["caption"], "first");
    let logged = &bot.telegram.requests()[0].params;
    assert_eq!(logged["one"], json!({ "name": "1.jpg", "size": 11 }));
    assert_eq!(logged["media"][0]["media"], "attach://one");
    for photo in body["result"][0]["photo"].as_array().unwrap() {
        let file = bot
            .result("getFile", json!({ "file_id": photo["file_id"] }))
            .await;
        let path = file["file_path"].as_str().unwrap();
        let url = format!(
            "{}/file/bot{}/{path}",
            bot.telegram.url(),
            bot.telegram.token()
        );
        let bytes = bot
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(&bytes[..], b"first bytes");
    }
    let known = &body["result"][1]["photo"][1]["file_id"];
    let again = json!({ "chat_id": ANNA, "photo": known });
    assert_eq!(bot.call("sendPhoto", again).await.0, 200);
    let other = bot
        .refusal("sendVideo", json!({ "chat_id": ANNA, "video": known }))
        .await;
    assert_eq!(other, bad_request("can't use file of type Photo as Video"));
    let missing = json!({ "chat_id": ANNA, "photo": "attach://three" });
    assert_eq!(bot.call("sendPhoto", missing).await.0, 400);
    let nothing = bot
        .refusal("sendVideoNote", json!({ "chat_id": ANNA }))
        .await;
    assert_eq!(
        nothing,
        bad_request("there is no video note in the request")
    );
    let large = bot
        .telegram
        .add_file("document", "a.bin", vec![0; 20 * 1024 * 1024 + 1]);
    let refused = bot.refusal("getFile", json!({ "file_id": large })).await;
    assert_eq!(refused, bad_request("file is too big"));
}

#[tokio::test]
async fn every_kind_of_send_gives_a_whole_message() {
    let bot = Bot::start().await;
    for (method, kind) in [
        ("sendPhoto", "photo"),
        ("sendVideo", "video"),
        ("sendAudio", "audio"),
        ("sendVoice", "voice"),
        ("sendVideoNote", "video_note"),
        ("sendDocument", "document"),
        ("sendSticker", "sticker"),
    ] {
        let file = bot.telegram.add_file(kind, "a.bin", vec![1]);
        let sent = bot
            .result(method, json!({ "chat_id": ANNA, kind: file }))
            .await;
        assert!(sent.get(kind).is_some(), "{method}");
        assert_eq!(sent["chat"]["id"], json!(ANNA));
        assert_eq!(sent["from"]["is_bot"], true);
        assert_eq!(sent["date"], json!(bot.telegram.now().timestamp()));
    }
    let params = json!({ "chat_id": ANNA, "latitude": 52.5, "longitude": 13.4 });
    assert!(bot.result("sendLocation", params).await["location"].is_object());
    let params = json!({ "chat_id": ANNA, "latitude": 91, "longitude": 13.4 });
    assert_eq!(bot.call("sendLocation", params).await.0, 400);
    let params = json!({ "chat_id": ANNA, "phone_number": "+15550100", "first_name": "Anna" });
    assert!(bot.result("sendContact", params).await["contact"].is_object());
    let action = |action: &str| json!({ "chat_id": ANNA, "action": action });
    assert_eq!(bot.result("sendChatAction", action("typing")).await, true);
    assert_eq!(bot.call("sendChatAction", action("dance")).await.0, 400);
}

#[tokio::test]
async fn commands_are_checked_and_kept() {
    let bot = Bot::start().await;
    let commands = |name: &str| json!({ "commands": [{ "command": name, "description": "Help" }] });
    bot.result("setMyCommands", commands("help")).await;
    assert_eq!(bot.telegram.view(|view| view.commands().len()), 1);
    assert_eq!(bot.call("setMyCommands", commands("Help me")).await.0, 400);
}

#[tokio::test]
async fn after_logging_out_nothing_is_answered() {
    let bot = Bot::start().await;
    assert_eq!(bot.result("close", json!({})).await, true);
    assert_eq!(bot.result("logOut", json!({})).await, true);
    for method in ["getMe", "getUpdates"] {
        let refused = bot.refusal(method, json!({})).await;
        assert_eq!(refused, (400, "Logged out".into()));
    }
}

#[tokio::test]
async fn requests_are_logged_with_their_answers_and_taken_once() {
    let bot = Bot::start().await;
    bot.send(ANNA, "x").await;
    refusal(bot.send(1, "x").await);
    let requests = bot.telegram.take_requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].method, "sendMessage");
    assert_eq!(requests[0].params, json!({ "chat_id": ANNA, "text": "x" }));
    assert_eq!((requests[0].answered, requests[0].acted), (Some(200), true));
    assert_eq!(
        (requests[1].answered, requests[1].acted),
        (Some(400), false)
    );
    let text = requests[1].description.as_deref();
    assert_eq!(text, Some("Bad Request: chat not found"));
    assert_eq!(bot.telegram.requests(), []);
}

#[tokio::test]
async fn the_token_is_in_no_debug_output() {
    let bot = Bot::start().await;
    let token = bot.telegram.token().to_owned();
    let hook = format!("http://127.0.0.1:9/{token}");
    bot.result(
        "setWebhook",
        json!({ "url": hook, "secret_token": "hush-hush" }),
    )
    .await;
    bot.telegram.push(Incoming::text(ANNA, "hello"));
    let settings = chatflow_telegram::testing::Settings::default();
    assert_eq!(settings.token, token);
    let shown = format!(
        "{:?} {:#?} {:#?} {settings:#?} {}",
        bot.telegram,
        bot.telegram.requests(),
        bot.telegram.deliveries(),
        bot.telegram.view(|view| format!("{view:?}")),
    );
    assert!(!shown.contains(&token), "{shown}");
    assert!(!shown.contains("hush-hush"), "{shown}");
    let url: &Value = &bot.telegram.requests()[0].params["url"];
    assert_eq!(url, "http://127.0.0.1:9/hidden");
}
