use std::time::Duration;

use chatflow_telegram::testing::{
    BusinessRights, GroupKind, Incoming, Membership, Person, Settings, Wordings,
};
use serde_json::json;

use crate::support::{ANNA, BORIS, Bot, bad_request, forbidden, refusal};

const TEAM: i64 = -1_001_000_000_777;

#[tokio::test]
async fn a_private_chat_takes_messages_only_from_a_bot_it_wants() {
    let bot = Bot::start().await;
    let telegram = &bot.telegram;
    telegram.add_person(Person::named(5_000_003, "Clara"));
    telegram.add_person(Person::named(7_000_002, "Finder").bot());
    telegram.break_peer(5_000_004);
    telegram.start_chat(5_000_005);
    telegram.deactivate(5_000_005);
    for (chat, expected) in [
        (42, bad_request("chat not found")),
        (
            5_000_003,
            forbidden("bot can't initiate conversation with a user"),
        ),
        (7_000_002, forbidden("bot can't send messages to bots")),
        (5_000_004, bad_request("PEER_ID_INVALID")),
        (5_000_005, forbidden("user is deactivated")),
    ] {
        assert_eq!(refusal(bot.send(chat, "x").await), expected);
    }
    telegram.push_text(5_000_003, "hello");
    assert_eq!(bot.send(5_000_003, "x").await.0, 200);
    telegram.block(ANNA);
    let blocked = refusal(bot.send(ANNA, "x").await);
    assert_eq!(blocked, forbidden("bot was blocked by the user"));
    telegram.unblock(ANNA);
    assert_eq!(bot.send(ANNA, "x").await.0, 200);
    let nobody = bot.refusal("sendMessage", json!({ "text": "x" })).await;
    assert_eq!(nobody, bad_request("chat_id is empty"));
}

#[tokio::test]
async fn old_wordings_say_the_same_otherwise() {
    let bot = Bot::with(Settings {
        wordings: Wordings::Old,
        ..Settings::default()
    })
    .await;
    bot.telegram.block(ANNA);
    let blocked = refusal(bot.send(ANNA, "x").await);
    assert_eq!(blocked, (403, "Bot was blocked by the user".into()));
    let long = refusal(bot.send(BORIS, &"x".repeat(4097)).await);
    assert_eq!(long, bad_request("MESSAGE_TOO_LONG"));
}

#[tokio::test]
async fn a_group_says_what_the_bot_is_there() {
    let bot = Bot::start().await;
    let telegram = &bot.telegram;
    telegram.add_group(-5, GroupKind::Group, "Old team");
    telegram.add_group(TEAM, GroupKind::Supergroup, "Team");
    telegram.add_group(-1_001_000_000_779, GroupKind::Channel, "News");
    for (chat, kind) in [
        (-5, "group"),
        (TEAM, "supergroup"),
        (-1_001_000_000_779, "channel"),
    ] {
        assert_eq!(bot.send(chat, "x").await.0, 200);
        telegram.set_bot(chat, Membership::Kicked);
        let refused = refusal(bot.send(chat, "x").await);
        assert_eq!(
            refused,
            forbidden(&format!("bot was kicked from the {kind} chat"))
        );
        telegram.set_bot(chat, Membership::Left);
        let refused = refusal(bot.send(chat, "x").await);
        assert_eq!(
            refused,
            forbidden(&format!("bot is not a member of the {kind} chat"))
        );
        telegram.set_bot(chat, Membership::Restricted);
        let refused = refusal(bot.send(chat, "x").await);
        let expected = match kind {
            "channel" => "need administrator rights in the channel chat",
            _ => "not enough rights to send text messages to the chat",
        };
        assert_eq!(refused, bad_request(expected));
    }
    telegram.delete_group(-5);
    let refused = refusal(bot.send(-5, "x").await);
    assert_eq!(refused, forbidden("the group chat was deleted"));
    telegram.name_group(TEAM, "team_example");
    telegram.set_bot(TEAM, Membership::Member);
    let params = json!({ "chat_id": "@team_example", "text": "x" });
    assert_eq!(bot.call("sendMessage", params).await.0, 200);
    assert_eq!(telegram.sent_to(TEAM).len(), 2);
}

#[tokio::test]
async fn a_migrated_group_names_its_new_id() {
    let bot = Bot::start().await;
    bot.telegram.add_group(-5, GroupKind::Group, "Team");
    let (to, from) = bot.telegram.migrate(-5, TEAM, ANNA);
    let (status, body) = bot.send(-5, "x").await;
    assert_eq!(status, 400);
    assert_eq!(
        body["description"],
        "Bad Request: group chat was upgraded to a supergroup chat"
    );
    assert_eq!(body["parameters"], json!({ "migrate_to_chat_id": TEAM }));
    assert_eq!(bot.send(TEAM, "x").await.0, 200);
    let updates = bot.result("getUpdates", json!({})).await;
    assert_eq!(updates[0]["update_id"], json!(to));
    assert_eq!(updates[0]["message"]["migrate_to_chat_id"], json!(TEAM));
    assert_eq!(updates[1]["update_id"], json!(from));
    assert_eq!(updates[1]["message"]["migrate_from_chat_id"], json!(-5));
    assert_eq!(updates[1]["message"]["chat"]["type"], "supergroup");
}

#[tokio::test]
async fn a_topic_is_there_open_closed_or_gone() {
    let bot = Bot::start().await;
    let telegram = &bot.telegram;
    telegram.add_group(TEAM, GroupKind::Forum, "Forum");
    telegram.open_topic(TEAM, 7, "Orders");
    let params = json!({ "chat_id": TEAM, "message_thread_id": 7, "text": "x" });
    let sent = bot.result("sendMessage", params.clone()).await;
    assert_eq!(sent["message_thread_id"], 7);
    assert_eq!(sent["is_topic_message"], true);
    telegram.close_topic(TEAM, 7);
    let refused = bot.refusal("sendMessage", params.clone()).await;
    assert_eq!(refused, bad_request("TOPIC_CLOSED"));
    telegram.delete_topic(TEAM, 7);
    let refused = bot.refusal("sendMessage", params).await;
    assert_eq!(refused, bad_request("message thread not found"));
    assert_eq!(bot.send(TEAM, "general").await.0, 200);
}

#[tokio::test]
async fn a_business_account_is_written_for_while_its_window_is_open() {
    let bot = Bot::start().await;
    let telegram = &bot.telegram;
    const OWNER: i64 = 5_000_009;
    let (id, _) = telegram.connect_business(OWNER, BusinessRights::default());
    let params = json!({ "business_connection_id": id, "chat_id": ANNA, "text": "x" });
    let send = async || bot.call("sendMessage", params.clone()).await;
    let closed = bad_request("BUSINESS_PEER_INVALID");
    assert_eq!(refusal(send().await), closed, "nobody has written yet");
    let asked = telegram.push(Incoming::text(ANNA, "open?").over(&id));
    let (status, sent) = send().await;
    assert_eq!(status, 200);
    assert_eq!(sent["result"]["business_connection_id"], json!(id));
    assert_eq!(sent["result"]["from"]["id"], json!(OWNER));
    assert_eq!(
        sent["result"]["sender_business_bot"]["id"],
        json!(bot.telegram.bot_id())
    );
    let read =
        json!({ "business_connection_id": id, "chat_id": ANNA, "message_id": asked.message_id });
    bot.result("readBusinessMessage", read.clone()).await;
    assert!(telegram.view(|view| view.is_read(&id, ANNA, asked.message_id)));
    telegram.advance(Duration::from_secs(24 * 3600 - 1));
    // What the owner writes does not open the window.
    telegram.push(Incoming::text(OWNER, "yes").over(&id).in_chat(ANNA));
    assert_eq!(send().await.0, 200);
    telegram.advance(Duration::from_secs(1));
    assert_eq!(refusal(send().await), closed);
    telegram.push(Incoming::text(ANNA, "still open?").over(&id));
    telegram.change_business(&id, true, BusinessRights::none());
    let forbidden = bad_request("BUSINESS_CONNECTION_NOT_ALLOWED");
    assert_eq!(refusal(send().await), forbidden);
    assert_eq!(bot.refusal("readBusinessMessage", read).await, forbidden);
    telegram.change_business(&id, false, BusinessRights::default());
    assert_eq!(
        refusal(send().await),
        bad_request("BUSINESS_CONNECTION_INVALID")
    );
    let asked = json!({ "business_connection_id": id });
    let connection = bot.result("getBusinessConnection", asked).await;
    assert_eq!(connection["is_enabled"], false);
    assert_eq!(
        connection["rights"],
        json!({ "can_reply": true, "can_read_messages": true })
    );
    let unknown = json!({ "business_connection_id": "nothing" });
    let refused = bot.refusal("getBusinessConnection", unknown).await;
    assert_eq!(refused, bad_request("business connection not found"));
}

#[tokio::test]
async fn members_are_told_with_their_status() {
    let bot = Bot::start().await;
    bot.telegram.add_group(TEAM, GroupKind::Supergroup, "Team");
    bot.telegram
        .set_member(TEAM, BORIS, Membership::Administrator);
    let ask = |user: i64| json!({ "chat_id": TEAM, "user_id": user });
    let boris = bot.result("getChatMember", ask(BORIS)).await;
    assert_eq!(
        (&boris["status"], &boris["can_manage_chat"]),
        (&json!("administrator"), &json!(true))
    );
    let anna = bot.result("getChatMember", ask(ANNA)).await;
    assert_eq!(anna["status"], "left");
    let own = bot
        .result("getChatMember", ask(bot.telegram.bot_id()))
        .await;
    assert_eq!(own["status"], "member");
    assert_eq!(bot.call("getChatMember", ask(42)).await.0, 400);
    let chat = bot.result("getChat", json!({ "chat_id": TEAM })).await;
    assert_eq!(
        (&chat["type"], &chat["title"]),
        (&json!("supergroup"), &json!("Team"))
    );
}
