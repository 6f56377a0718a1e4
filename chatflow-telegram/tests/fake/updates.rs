use chatflow_telegram::testing::{BusinessRights, GroupKind, Incoming, Membership};
use serde_json::{Value, json};

use crate::support::{ANNA, BORIS, Bot};

const TEAM: i64 = -1_001_000_000_777;

/// All updates so far, of every kind.
async fn all(bot: &Bot) -> Vec<Value> {
    let updates = bot.result("getUpdates", json!({})).await;
    updates.as_array().unwrap().clone()
}

async fn everything() -> Bot {
    let bot = Bot::start().await;
    let kinds = json!([
        "message",
        "edited_message",
        "channel_post",
        "callback_query",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "inline_query",
        "poll",
        "my_chat_member",
        "chat_member"
    ]);
    bot.result("getUpdates", json!({ "allowed_updates": kinds }))
        .await;
    bot
}

#[tokio::test]
async fn messages_of_every_kind_are_pushed_whole() {
    let bot = everything().await;
    for (incoming, field) in [
        (Incoming::text(ANNA, "hello"), "text"),
        (Incoming::photo(ANNA).captioned("look"), "photo"),
        (Incoming::video(ANNA), "video"),
        (Incoming::voice(ANNA), "voice"),
        (Incoming::video_note(ANNA), "video_note"),
        (Incoming::audio(ANNA), "audio"),
        (Incoming::document(ANNA, "a.pdf"), "document"),
        (Incoming::sticker(ANNA), "sticker"),
        (Incoming::location(ANNA, 52.5, 13.4), "location"),
        (
            Incoming::contact(ANNA, "+15550100", "Anna", Some(ANNA)),
            "contact",
        ),
        (
            Incoming::fields(ANNA, json!({ "dice": { "emoji": "🎲", "value": 3 } })),
            "dice",
        ),
    ] {
        let pushed = bot.telegram.push(incoming);
        let update = all(&bot).await.pop().unwrap();
        assert_eq!(update["update_id"], json!(pushed.update_id));
        let message = &update["message"];
        assert_eq!(message["message_id"], json!(pushed.message_id));
        assert!(message.get(field).is_some(), "{field}");
        assert_eq!(message["from"]["id"], json!(ANNA));
        assert_eq!(
            message["chat"],
            json!({ "id": ANNA, "first_name": "Anna", "type": "private" })
        );
        assert_eq!(message["date"], json!(bot.telegram.now().timestamp()));
    }
}

#[tokio::test]
async fn a_deep_link_is_a_command_with_its_entity() {
    let bot = everything().await;
    bot.telegram.push(Incoming::start(ANNA, "spring"));
    bot.telegram.push(Incoming::start(ANNA, ""));
    let updates = all(&bot).await;
    assert_eq!(updates[0]["message"]["text"], "/start spring");
    let command = json!([{ "offset": 0, "length": 6, "type": "bot_command" }]);
    assert_eq!(updates[0]["message"]["entities"], command);
    assert_eq!(updates[1]["message"]["text"], "/start");
}

#[tokio::test]
async fn an_album_is_several_updates() {
    let bot = everything().await;
    let pushed = bot.telegram.push_album(vec![
        Incoming::photo(ANNA).captioned("three"),
        Incoming::photo(ANNA),
        Incoming::video(ANNA),
    ]);
    let updates = all(&bot).await;
    assert_eq!((pushed.len(), updates.len()), (3, 3));
    let group = &updates[0]["message"]["media_group_id"];
    assert!(
        updates
            .iter()
            .all(|update| &update["message"]["media_group_id"] == group)
    );
    assert_eq!(updates[0]["message"]["caption"], "three");
    assert_eq!(updates[1]["message"].get("caption"), None);
}

#[tokio::test]
async fn replies_edits_and_topics_refer_to_what_is_there() {
    let bot = everything().await;
    bot.telegram.add_group(TEAM, GroupKind::Forum, "Forum");
    let first = bot
        .telegram
        .push(Incoming::text(ANNA, "hello").in_chat(TEAM).in_thread(7));
    bot.telegram.push(
        Incoming::text(BORIS, "hi")
            .in_chat(TEAM)
            .in_thread(7)
            .replying_to(first.message_id),
    );
    bot.telegram.push_edit(&first, "good morning");
    let updates = all(&bot).await;
    assert_eq!(updates[1]["message"]["reply_to_message"]["text"], "hello");
    assert_eq!(updates[1]["message"]["message_thread_id"], 7);
    let edited = &updates[2]["edited_message"];
    assert_eq!(edited["text"], "good morning");
    assert_eq!(edited["message_id"], json!(first.message_id));
    assert!(edited["edit_date"].is_i64());
}

#[tokio::test]
async fn a_press_carries_the_message_and_its_keyboard() {
    let bot = everything().await;
    let markup = json!({ "inline_keyboard": [[{ "text": "Yes", "callback_data": "yes" }]] });
    let params = json!({ "chat_id": ANNA, "text": "Sure?", "reply_markup": markup });
    let sent = bot.result("sendMessage", params).await;
    let id = sent["message_id"].as_i64().unwrap();
    let press = bot.telegram.press(ANNA, ANNA, id, "yes");
    bot.telegram.press_inaccessible(ANNA, ANNA, id, "yes");
    let updates = all(&bot).await;
    let query = &updates[0]["callback_query"];
    assert_eq!(query["id"], json!(press.query_id));
    assert_eq!(query["data"], "yes");
    assert!(query["chat_instance"].is_string());
    assert_eq!(query["message"], sent);
    let old = &updates[1]["callback_query"]["message"];
    assert_eq!((&old["date"], &old["message_id"]), (&json!(0), &json!(id)));
    assert_eq!(old.get("text"), None);
}

#[tokio::test]
#[should_panic(expected = "a message with that button is in the chat")]
async fn only_a_button_that_is_there_can_be_pressed() {
    let bot = Bot::start().await;
    bot.send(ANNA, "no buttons").await;
    bot.telegram.press(ANNA, ANNA, 1, "yes");
}

#[tokio::test]
async fn memberships_change_with_both_statuses() {
    let bot = everything().await;
    bot.telegram.add_group(-5, GroupKind::Group, "Team");
    bot.telegram.set_bot(-5, Membership::Left);
    bot.telegram.block(ANNA);
    bot.telegram.unblock(ANNA);
    bot.telegram.change_bot(-5, ANNA, Membership::Member);
    bot.telegram.change_bot(-5, ANNA, Membership::Kicked);
    bot.telegram.change_member(-5, BORIS, Membership::Member);
    let updates = all(&bot).await;
    let status = |update: &Value, kind: &str| {
        let status = |side: &str| update[kind][side]["status"].as_str().unwrap().to_owned();
        (status("old_chat_member"), status("new_chat_member"))
    };
    let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
    assert_eq!(
        status(&updates[0], "my_chat_member"),
        pair("member", "kicked")
    );
    assert_eq!(updates[0]["my_chat_member"]["chat"]["type"], "private");
    assert_eq!(
        status(&updates[1], "my_chat_member"),
        pair("kicked", "member")
    );
    assert_eq!(
        status(&updates[2], "my_chat_member"),
        pair("left", "member")
    );
    let added = &updates[3]["message"]["new_chat_members"][0]["id"];
    assert_eq!(added, &json!(bot.telegram.bot_id()));
    assert_eq!(
        status(&updates[4], "my_chat_member"),
        pair("member", "kicked")
    );
    assert_eq!(status(&updates[5], "chat_member"), pair("left", "member"));
}

#[tokio::test]
async fn business_accounts_tell_who_wrote_what_and_what_is_gone() {
    let bot = everything().await;
    const OWNER: i64 = 5_000_009;
    let (id, _) = bot
        .telegram
        .connect_business(OWNER, BusinessRights::default());
    let asked = bot.telegram.push(Incoming::text(ANNA, "open?").over(&id));
    bot.telegram
        .push(Incoming::text(OWNER, "yes").over(&id).in_chat(ANNA));
    bot.telegram.push_edit(&asked, "still open?");
    bot.telegram
        .push_business_deletion(&id, ANNA, &[asked.message_id]);
    bot.telegram
        .change_business(&id, false, BusinessRights::none());
    let updates = all(&bot).await;
    let connection = &updates[0]["business_connection"];
    assert_eq!(
        (&connection["id"], &connection["user_chat_id"]),
        (&json!(id), &json!(OWNER))
    );
    let rights = json!({ "can_reply": true, "can_read_messages": true });
    assert_eq!(connection["rights"], rights);
    let customer = &updates[1]["business_message"];
    assert_eq!(
        (&customer["from"]["id"], &customer["chat"]["id"]),
        (&json!(ANNA), &json!(ANNA))
    );
    assert_eq!(customer["business_connection_id"], json!(id));
    let owner = &updates[2]["business_message"];
    assert_eq!(
        (&owner["from"]["id"], &owner["chat"]["id"]),
        (&json!(OWNER), &json!(ANNA))
    );
    assert_eq!(updates[3]["edited_business_message"]["text"], "still open?");
    let deleted = &updates[4]["deleted_business_messages"];
    assert_eq!(deleted["message_ids"], json!([asked.message_id]));
    assert_eq!(updates[5]["business_connection"]["is_enabled"], false);
}

#[tokio::test]
async fn other_kinds_come_too() {
    let bot = everything().await;
    bot.telegram.add_group(TEAM, GroupKind::Channel, "News");
    bot.telegram.push_reaction(Some(ANNA), ANNA, 1, "👍");
    bot.telegram.push_reaction(None, ANNA, 1, "👍");
    bot.telegram.push_poll("Tea?", &["Yes", "No"]);
    bot.telegram.push_inline_query(ANNA, "cats");
    bot.telegram
        .push(Incoming::text(ANNA, "news").in_chat(TEAM));
    let raw = bot
        .telegram
        .push_raw(json!({ "message": { "text": "raw" } }));
    let updates = all(&bot).await;
    assert_eq!(updates[0]["message_reaction"]["user"]["id"], json!(ANNA));
    assert_eq!(updates[1]["message_reaction"].get("user"), None);
    assert_eq!(updates[1]["message_reaction"].get("actor_chat"), None);
    assert_eq!(updates[2]["poll"]["options"][1]["text"], "No");
    assert_eq!(updates[3]["inline_query"]["query"], "cats");
    assert_eq!(updates[4]["channel_post"]["sender_chat"]["id"], json!(TEAM));
    assert_eq!(updates[4]["channel_post"].get("from"), None);
    assert_eq!(
        updates[5],
        json!({ "update_id": raw, "message": { "text": "raw" } })
    );
    let ids: Vec<i64> = updates
        .iter()
        .map(|update| update["update_id"].as_i64().unwrap())
        .collect();
    assert!(ids.is_sorted());
}

#[tokio::test]
#[should_panic(expected = "waited 50ms for: what never comes")]
async fn waiting_for_what_never_comes_ends_with_the_log() {
    let bot = Bot::with(chatflow_telegram::testing::Settings {
        patience: std::time::Duration::from_millis(50),
        ..chatflow_telegram::testing::Settings::default()
    })
    .await;
    bot.telegram
        .wait_for("what never comes", |view| view.count("sendMessage") == 1)
        .await;
}
