//! Groups, topics, and groups that become others.

use chatflow_core::StatusKind;
use chatflow_telegram::testing::{Fault, GroupKind, Incoming, Membership};
use serde_json::json;

use crate::stage::{ANNA, BORIS, Stage, both_ways, mirror};

const GROUP: i64 = -4_001;
const SUPERGROUP: i64 = -1_001_000_000_001;
const FORUM: i64 = -1_001_000_000_002;

#[tokio::test]
async fn a_group_is_one_dialog_for_all_its_members() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.add_group(GROUP, GroupKind::Group, "Friends");
        stage.push(Incoming::text(ANNA, "a").in_chat(GROUP)).await;
        stage.push(Incoming::text(BORIS, "b").in_chat(GROUP)).await;
        assert_eq!(stage.hears(GROUP, 2).await, ["You: a", "You: b"]);
        assert!(stage.fake.sent_to(ANNA).is_empty());
        let view = stage.snapshot(stage.dialog_of(GROUP).await).await.contact;
        assert_eq!(view.name.unwrap().as_str(), "Friends");
    })
    .await;
}

#[tokio::test]
async fn answers_go_to_the_topic_they_were_asked_in() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.add_group(FORUM, GroupKind::Forum, "Club");
        stage.fake.open_topic(FORUM, 7, "Prices");
        stage.fake.open_topic(FORUM, 9, "Repairs");
        for (topic, text) in [(7, "how much"), (9, "it broke"), (7, "so much")] {
            let incoming = Incoming::text(ANNA, text).in_chat(FORUM).in_thread(topic);
            stage.push(incoming).await;
        }
        stage.hears(FORUM, 3).await;
        let sent = stage.fake.sent_to(FORUM);
        let mut found: Vec<_> = sent
            .iter()
            .map(|sent| (sent["message_thread_id"].clone(), sent["text"].clone()))
            .collect();
        found.sort_by_key(|(topic, text)| format!("{topic} {text}"));
        let expected = [
            (json!(7), json!("You: how much")),
            (json!(7), json!("You: so much")),
            (json!(9), json!("You: it broke")),
        ];
        assert_eq!(found, expected);
        let prices = stage.dialog_of(format!("{FORUM}/7")).await;
        stage.rests(prices).await;
        assert_eq!(stage.transcript(prices).await.len(), 4);
        let repairs = stage.dialog_of(format!("{FORUM}/9")).await;
        assert_ne!(prices, repairs);

        stage.replies(repairs, "1", "We come.").await.unwrap();
        stage.rests(repairs).await;
        let last = stage.fake.sent_to(FORUM).pop().unwrap();
        assert_eq!(
            (&last["text"], &last["message_thread_id"]),
            (&json!("We come."), &json!(9))
        );
    })
    .await;
}

#[tokio::test]
async fn ch_16_a_group_that_becomes_a_supergroup_keeps_dialog_and_history() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.add_group(GROUP, GroupKind::Group, "Friends");
        stage.push(Incoming::text(ANNA, "a").in_chat(GROUP)).await;
        stage.hears(GROUP, 1).await;
        let dialog = stage.dialog_of(GROUP).await;
        stage.rests(dialog).await;

        stage.fake.migrate(GROUP, SUPERGROUP, ANNA);
        stage.taken().await;
        let address = stage.snapshot(dialog).await.address;
        assert_eq!(address, stage.address(SUPERGROUP));
        assert_eq!(stage.dialog_of(SUPERGROUP).await, dialog);

        let after = Incoming::text(BORIS, "b").in_chat(SUPERGROUP);
        stage.push(after).await;
        assert_eq!(stage.hears(SUPERGROUP, 1).await, ["You: b"]);
        stage.rests(dialog).await;
        assert_eq!(
            stage.lines(dialog).await,
            ["contact: a", "bot: You: a", "contact: b", "bot: You: b"]
        );
        let all = stage.chatflow.store().dialogs(None, 10).await.unwrap();
        assert_eq!(all.len(), 1);
    })
    .await;
}

/// The send finds out before any update says so.
#[tokio::test]
async fn ch_16_a_send_to_a_migrated_group_goes_to_the_new_one() {
    both_ways(mirror, async |stage: Stage| {
        stage.fake.add_group(GROUP, GroupKind::Group, "Friends");
        stage
            .fake
            .add_group(SUPERGROUP, GroupKind::Supergroup, "Friends");
        let moved = Fault::Api {
            code: 400,
            description: "Bad Request: group chat was upgraded to a supergroup chat".into(),
            parameters: Some(json!({ "migrate_to_chat_id": SUPERGROUP })),
        };
        stage.fake.fail_next_on("sendMessage", 1, moved);
        stage.push(Incoming::text(ANNA, "a").in_chat(GROUP)).await;
        assert_eq!(stage.hears(SUPERGROUP, 1).await, ["You: a"]);
        let dialog = stage.dialog_of(SUPERGROUP).await;
        stage.rests(dialog).await;
        assert_eq!(stage.lines(dialog).await, ["contact: a", "bot: You: a"]);
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        assert!(stage.fake.sent_to(GROUP).is_empty());

        // What the updates say of it afterwards changes nothing more.
        stage.fake.migrate(GROUP, SUPERGROUP, ANNA);
        stage.taken().await;
        assert_eq!(stage.dialog_of(SUPERGROUP).await, dialog);
    })
    .await;
}

#[tokio::test]
async fn ch_16_thrown_out_of_a_group_the_dialog_is_stopped_until_the_bot_is_back() {
    both_ways(mirror, async |stage: Stage| {
        stage
            .fake
            .add_group(SUPERGROUP, GroupKind::Supergroup, "Club");
        let hello = Incoming::text(ANNA, "a").in_chat(SUPERGROUP);
        stage.push(hello).await;
        stage.hears(SUPERGROUP, 1).await;
        let dialog = stage.dialog_of(SUPERGROUP).await;
        stage.fake.change_bot(SUPERGROUP, ANNA, Membership::Kicked);
        stage.taken().await;
        assert_eq!(stage.status(dialog).await, StatusKind::Stopped);
        assert!(stage.replies(dialog, "1", "hello?").await.is_err());
        stage.fake.change_bot(SUPERGROUP, ANNA, Membership::Member);
        stage.taken().await;
        assert_eq!(stage.status(dialog).await, StatusKind::Auto);
        stage.replies(dialog, "2", "We are back.").await.unwrap();
        assert_eq!(stage.hears(SUPERGROUP, 2).await[1], "We are back.");
    })
    .await;
}

/// The send finds out first.
#[tokio::test]
async fn ch_16_a_send_where_the_bot_may_not_write_stops_the_dialog() {
    both_ways(mirror, async |stage: Stage| {
        stage
            .fake
            .add_group(SUPERGROUP, GroupKind::Supergroup, "Club");
        for (how, membership) in [
            ("kicked", Membership::Kicked),
            ("muted", Membership::Restricted),
        ] {
            let group = if how == "kicked" { SUPERGROUP } else { FORUM };
            stage.fake.add_group(group, GroupKind::Supergroup, "Club");
            stage.fake.set_bot(group, membership);
            stage.push(Incoming::text(ANNA, "a").in_chat(group)).await;
            let dialog = stage.dialog_of(group).await;
            stage.shows(dialog, StatusKind::Stopped).await;
            assert!(stage.fake.sent_to(group).is_empty());
        }
    })
    .await;
}
