use std::time::Duration;

use chatflow_telegram::testing::{GroupKind, Incoming};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{ANNA, Bot, bad_request, refusal};

async fn texts(bot: &Bot, params: Value) -> (u16, Value) {
    let mut params = params;
    params["chat_id"] = ANNA.into();
    bot.call("sendMessage", params).await
}

#[tokio::test]
async fn a_text_has_1_to_4096_units_of_utf16_after_its_entities() {
    let bot = Bot::start().await;
    let pairs = "😀".repeat(2048);
    for text in ["x".to_owned(), "x".repeat(4096), pairs.clone()] {
        assert_eq!(texts(&bot, json!({ "text": text })).await.0, 200);
    }
    let bold = format!("<b>{}</b>", "x".repeat(4096));
    let html = json!({ "text": bold, "parse_mode": "HTML" });
    assert_eq!(texts(&bot, html).await.0, 200);
    for text in ["x".repeat(4097), format!("{pairs}x")] {
        let refused = refusal(texts(&bot, json!({ "text": text })).await);
        assert_eq!(refused, bad_request("message is too long"));
    }
    let refused = refusal(texts(&bot, json!({ "text": "" })).await);
    assert_eq!(refused, bad_request("message text is empty"));
    for blank in [
        json!({ "text": " \n" }),
        json!({ "text": "<b> </b>", "parse_mode": "html" }),
    ] {
        assert_eq!(
            refusal(texts(&bot, blank).await),
            bad_request("text must be non-empty")
        );
    }
}

#[tokio::test]
async fn a_caption_has_1024_units() {
    let bot = Bot::start().await;
    let file = bot.telegram.add_file("photo", "a.jpg", vec![1]);
    let params = |caption: String| json!({ "chat_id": ANNA, "photo": file, "caption": caption });
    assert_eq!(bot.call("sendPhoto", params("😀".repeat(512))).await.0, 200);
    let refused = bot
        .refusal("sendPhoto", params("😀".repeat(512) + "x"))
        .await;
    assert_eq!(refused, bad_request("message caption is too long"));
}

#[tokio::test]
async fn entities_lie_inside_the_text_and_between_its_characters() {
    let bot = Bot::start().await;
    let entity = |offset: i64, length: i64| json!({ "text": "a😀b", "entities": [{ "type": "bold", "offset": offset, "length": length }] });
    let (_, sent) = texts(&bot, entity(1, 3)).await;
    let expected = json!([{ "type": "bold", "offset": 1, "length": 3 }]);
    assert_eq!(sent["result"]["entities"], expected);
    for (offset, length, part) in [
        (1, 4, "ends after the end of the text at UTF-16 offset 5"),
        (2, 1, "begins in a middle of a UTF-16 symbol"),
        (0, 2, "ends in a middle of a UTF-16 symbol"),
        (-1, 2, "incorrect offset or length"),
    ] {
        let (code, text) = refusal(texts(&bot, entity(offset, length)).await);
        assert_eq!(code, 400);
        assert!(text.contains(part), "{text}");
    }
    let (_, empty) = texts(&bot, entity(1, 0)).await;
    assert_eq!(empty["result"].get("entities"), None);
    let link =
        json!({ "text": "a", "entities": [{ "type": "text_link", "offset": 0, "length": 1 }] });
    assert_eq!(texts(&bot, link).await.0, 400);
}

#[tokio::test]
async fn white_space_around_a_text_goes_and_its_entities_move() {
    let bot = Bot::start().await;
    let params = json!({ "text": "  ab  ", "entities": [
        { "type": "bold", "offset": 1, "length": 2 },
        { "type": "italic", "offset": 4, "length": 2 },
    ] });
    let (_, sent) = texts(&bot, params).await;
    assert_eq!(sent["result"]["text"], "ab");
    let expected = json!([{ "type": "bold", "offset": 0, "length": 1 }]);
    assert_eq!(sent["result"]["entities"], expected);
}

#[tokio::test]
async fn html_becomes_entities_or_is_refused() {
    let bot = Bot::start().await;
    let html = |text: &str| json!({ "text": text, "parse_mode": "HTML" });
    let source = "😀 <b>bold <i>both</i></b> <a href=\"https://example.org/?a=1&amp;b=2\">x</a> \
                  <pre><code class='language-rust'>y</code></pre> 1 &lt; 2 &#38; &unknown;";
    let (_, sent) = texts(&bot, html(source)).await;
    assert_eq!(sent["result"]["text"], "😀 bold both x y 1 < 2 & &unknown;");
    assert_eq!(
        sent["result"]["entities"],
        json!([
            { "type": "bold", "offset": 3, "length": 9 },
            { "type": "italic", "offset": 8, "length": 4 },
            { "type": "text_link", "url": "https://example.org/?a=1&b=2", "offset": 13, "length": 1 },
            { "type": "pre", "language": "rust", "offset": 15, "length": 1 },
        ])
    );
    for (source, text) in [
        (
            "<b>x",
            "Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "a <h1>x</h1>",
            "Unsupported start tag \"h1\" at byte offset 2",
        ),
        ("é</b>", "Unexpected end tag at byte offset 2"),
        (
            "<b>x</i>",
            "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
        ),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
    ] {
        let refused = refusal(texts(&bot, html(source)).await);
        assert_eq!(
            refused,
            bad_request(&format!("can't parse entities: {text}"))
        );
    }
    let markdown = json!({ "text": "*x*", "parse_mode": "MarkdownV2" });
    assert_eq!(
        refusal(texts(&bot, markdown).await),
        bad_request("unsupported parse_mode")
    );
}

#[tokio::test]
async fn buttons_have_a_text_and_one_action_of_the_right_size() {
    let bot = Bot::start().await;
    let with =
        |button: Value| json!({ "text": "x", "reply_markup": { "inline_keyboard": [[button]] } });
    for data in ["x".repeat(64), "ж".repeat(32)] {
        let (status, sent) = texts(&bot, with(json!({ "text": "a", "callback_data": data }))).await;
        assert_eq!(status, 200);
        let button = &sent["result"]["reply_markup"]["inline_keyboard"][0][0];
        assert_eq!(button["callback_data"], json!(data));
    }
    for data in ["x".repeat(65), "ж".repeat(33)] {
        let button = json!({ "text": "a", "callback_data": data });
        assert_eq!(
            refusal(texts(&bot, with(button)).await),
            bad_request("BUTTON_DATA_INVALID")
        );
    }
    for (button, part) in [
        (
            json!({ "text": "a", "url": "not an address" }),
            "BUTTON_URL_INVALID",
        ),
        (json!({ "text": "a" }), "Text buttons are unallowed"),
        (
            json!({ "text": "a", "callback_data": "" }),
            "Text buttons are unallowed",
        ),
        (
            json!({ "text": " ", "callback_data": "x" }),
            "must be non-empty",
        ),
        (json!({ "callback_data": "x" }), "Can't find field \"text\""),
        (
            json!({ "text": "a", "callback_data": "x", "url": "https://a.b" }),
            "exactly one",
        ),
        (
            json!({ "text": "a", "callback_data": "x", "style": "blue" }),
            "invalid button style",
        ),
        (json!("a"), "must be an Object"),
    ] {
        let (code, text) = refusal(texts(&bot, with(button)).await);
        assert_eq!(code, 400);
        assert!(text.contains(part), "{text}");
    }
    let row: Vec<Value> = (0..101)
        .map(|at| json!({ "text": "a", "callback_data": at.to_string() }))
        .collect();
    let keyboard =
        |row: &[Value]| json!({ "text": "x", "reply_markup": { "inline_keyboard": [row] } });
    assert_eq!(texts(&bot, keyboard(&row[..100])).await.0, 200);
    let refused = refusal(texts(&bot, keyboard(&row)).await);
    assert_eq!(refused, bad_request("reply markup is too long"));
}

#[tokio::test]
async fn reply_keyboards_are_checked_and_not_part_of_the_message() {
    let bot = Bot::start().await;
    bot.telegram.add_group(-5, GroupKind::Group, "Team");
    let with = |button: Value| json!({ "text": "x", "reply_markup": { "keyboard": [[button]] } });
    let (status, sent) = texts(&bot, with(json!("Yes"))).await;
    assert_eq!((status, sent["result"].get("reply_markup")), (200, None));
    let share = json!({ "text": "Share", "request_contact": true });
    assert_eq!(texts(&bot, with(share.clone())).await.0, 200);
    let mut in_group = with(share);
    in_group["chat_id"] = json!(-5);
    assert_eq!(bot.call("sendMessage", in_group).await.0, 400);
    for button in [json!(""), json!({ "text": 1 }), json!({}), json!(7)] {
        assert_eq!(texts(&bot, with(button)).await.0, 400);
    }
    for markup in [
        json!({ "keyboard": ["Yes"] }),
        json!([]),
        json!("{"),
        json!({ "keyboard": [["a"]], "input_field_placeholder": "x".repeat(65) }),
    ] {
        let params = json!({ "text": "x", "reply_markup": markup });
        assert_eq!(texts(&bot, params).await.0, 400);
    }
    for markup in [
        json!({ "remove_keyboard": true }),
        json!({ "force_reply": true }),
    ] {
        let params = json!({ "text": "x", "reply_markup": markup });
        assert_eq!(texts(&bot, params).await.0, 200);
    }
}

#[tokio::test]
async fn an_album_has_2_to_10_items_that_go_together() {
    let bot = Bot::start().await;
    let file = |kind: &str| bot.telegram.add_file(kind, "a.bin", vec![1]);
    let item = |kind: &str| json!({ "type": kind, "media": file(kind) });
    let album = |items: Vec<Value>| json!({ "chat_id": ANNA, "media": items });
    for kinds in [
        vec!["photo", "video"],
        vec!["document"; 2],
        vec!["audio"; 2],
        vec!["photo"; 10],
    ] {
        let items: Vec<Value> = kinds.iter().map(|kind| item(kind)).collect();
        let sent = bot.result("sendMediaGroup", album(items)).await;
        let sent = sent.as_array().unwrap();
        assert_eq!(sent.len(), kinds.len());
        let group = &sent[0]["media_group_id"];
        assert!(group.is_string() && sent.iter().all(|item| &item["media_group_id"] == group));
    }
    for kinds in [
        vec![],
        vec!["photo"],
        vec!["photo"; 11],
        vec!["photo", "document"],
        vec!["audio", "video"],
        vec!["audio", "document"],
        vec!["photo", "voice"],
        vec!["photo", "sticker"],
    ] {
        let items: Vec<Value> = kinds.iter().map(|kind| item(kind)).collect();
        let (status, _) = bot.call("sendMediaGroup", album(items)).await;
        assert_eq!(status, 400, "{kinds:?}");
    }
    let first = json!({ "type": "photo", "media": file("photo"), "caption": "x".repeat(1025) });
    let refused = bot
        .refusal("sendMediaGroup", album(vec![first, item("photo")]))
        .await;
    assert_eq!(refused, bad_request("message caption is too long"));
    assert_eq!(
        bot.telegram.sent_to(ANNA).len(),
        16,
        "a refused album sends nothing"
    );
}

#[tokio::test]
async fn uploads_have_a_size_that_depends_on_the_kind() {
    let bot = Bot::start().await;
    let form = |kind: &'static str, size: usize| {
        let part = Part::bytes(vec![1; size]).file_name("a.bin");
        Form::new()
            .text("chat_id", ANNA.to_string())
            .part(kind, part)
    };
    const MEGABYTE: usize = 1024 * 1024;
    let upload = async |method: &str, kind, size| bot.upload(method, form(kind, size)).await.0;
    assert_eq!(upload("sendPhoto", "photo", 10 * MEGABYTE).await, 200);
    assert_eq!(upload("sendPhoto", "photo", 10 * MEGABYTE + 1).await, 400);
    assert_eq!(upload("sendDocument", "document", 50 * MEGABYTE).await, 200);
    let (status, body) = bot
        .upload("sendDocument", form("document", 50 * MEGABYTE + 1))
        .await;
    assert_eq!(
        (status, &body["description"]),
        (413, &json!("Request Entity Too Large"))
    );
    assert_eq!(upload("sendDocument", "document", 0).await, 400);
}

#[tokio::test]
async fn an_edit_must_change_something_and_takes_the_keyboard_with_it() {
    let bot = Bot::start().await;
    let markup = json!({ "inline_keyboard": [[{ "text": "a", "callback_data": "x" }]] });
    let (_, sent) = texts(&bot, json!({ "text": "one", "reply_markup": markup })).await;
    let id = &sent["result"]["message_id"];
    let edit = |text: &str| json!({ "chat_id": ANNA, "message_id": id, "text": text });
    let mut same = edit("one");
    same["reply_markup"] = markup.clone();
    let (code, text) = bot.refusal("editMessageText", same).await;
    assert_eq!(code, 400);
    assert!(text.starts_with("Bad Request: message is not modified: specified new"));
    // Without a keyboard the edit removes it, which is a change.
    let edited = bot.result("editMessageText", edit("one")).await;
    assert_eq!(edited.get("reply_markup"), None);
    assert!(edited["edit_date"].is_i64());
    assert_eq!(bot.call("editMessageText", edit("one")).await.0, 400);
    assert_eq!(bot.call("editMessageText", edit("two")).await.0, 200);
    assert_eq!(bot.telegram.sent_to(ANNA)[0]["text"], "two");
    let theirs = bot.telegram.push_text(ANNA, "mine").message_id;
    let params = json!({ "chat_id": ANNA, "message_id": theirs, "text": "yours" });
    let refused = bot.refusal("editMessageText", params).await;
    assert_eq!(refused, bad_request("message can't be edited"));
    let params = json!({ "chat_id": ANNA, "message_id": id, "caption": "x" });
    assert_eq!(bot.call("editMessageCaption", params).await.0, 400);
}

#[tokio::test]
async fn messages_are_deleted_within_48_hours() {
    let bot = Bot::start().await;
    let (_, sent) = bot.send(ANNA, "old").await;
    let old = sent["result"]["message_id"].clone();
    let theirs = bot.telegram.push_text(ANNA, "theirs").message_id;
    bot.telegram.advance(Duration::from_secs(48 * 3600 - 1));
    let delete = |id: Value| json!({ "chat_id": ANNA, "message_id": id });
    assert_eq!(
        bot.call("deleteMessage", delete(theirs.into())).await.0,
        200
    );
    let again = bot.refusal("deleteMessage", delete(theirs.into())).await;
    assert_eq!(again, bad_request("message to delete not found"));
    bot.telegram.advance(Duration::from_secs(1));
    let refused = bot.refusal("deleteMessage", delete(old.clone())).await;
    assert_eq!(
        refused,
        bad_request("message can't be deleted for everyone")
    );
    let (_, sent) = bot.send(ANNA, "new").await;
    let new = &sent["result"]["message_id"];
    let several = |ids: Value| json!({ "chat_id": ANNA, "message_ids": ids });
    assert_eq!(
        bot.call("deleteMessages", several(json!([new, old])))
            .await
            .0,
        400
    );
    assert_eq!(
        bot.call("deleteMessages", several(json!([new, 9999])))
            .await
            .0,
        200
    );
    assert_eq!(bot.telegram.sent_to(ANNA).len(), 1);
    assert_eq!(bot.call("deleteMessages", several(json!([]))).await.0, 400);
    let many: Vec<i64> = (0..101).collect();
    assert_eq!(
        bot.call("deleteMessages", several(json!(many))).await.0,
        400
    );
}

#[tokio::test]
async fn a_press_is_answered_within_150_seconds() {
    let bot = Bot::start().await;
    let press = bot.telegram.press_inaccessible(ANNA, ANNA, 1, "yes");
    let answer = |text: String| json!({ "callback_query_id": press.query_id, "text": text });
    let long = bot
        .refusal("answerCallbackQuery", answer("x".repeat(201)))
        .await;
    assert_eq!(long, bad_request("MESSAGE_TOO_LONG"));
    bot.telegram.advance(Duration::from_secs(149));
    bot.result("answerCallbackQuery", answer("x".repeat(200)))
        .await;
    bot.telegram.view(|view| {
        let given = view.callback_answer(&press.query_id).unwrap();
        assert_eq!(given["text"], json!("x".repeat(200)));
    });
    bot.telegram.advance(Duration::from_secs(1));
    let stale = bot.refusal("answerCallbackQuery", answer("x".into())).await;
    assert_eq!(
        stale,
        bad_request("query is too old and response timeout expired or query ID is invalid")
    );
}

#[tokio::test]
async fn a_reply_needs_its_message() {
    let bot = Bot::start().await;
    let first = bot
        .telegram
        .push(Incoming::text(ANNA, "red or blue?"))
        .message_id;
    let reply = |id: i64| json!({ "text": "x", "reply_parameters": { "message_id": id } });
    let (_, sent) = texts(&bot, reply(first)).await;
    assert_eq!(sent["result"]["reply_to_message"]["text"], "red or blue?");
    for id in [-1, 999] {
        let refused = refusal(texts(&bot, reply(id)).await);
        assert_eq!(refused, bad_request("message to be replied not found"));
    }
    let mut lenient = reply(999);
    lenient["reply_parameters"]["allow_sending_without_reply"] = true.into();
    let (_, sent) = texts(&bot, lenient).await;
    assert_eq!(sent["result"].get("reply_to_message"), None);
    let mut quoting = reply(first);
    quoting["reply_parameters"]["quote"] = "green".into();
    assert_eq!(texts(&bot, quoting).await.0, 400);
}
