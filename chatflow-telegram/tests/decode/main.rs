//! Updates are read as they are meant, and whatever else comes is read without fail.

mod anything;

use chatflow_core::{Inbound, InboundBody, Mark, MarkKind, Media, Message, Quote};
use chatflow_telegram::decode_bytes;
use chatflow_telegram::testing::update_corpus;
use serde_json::{Value, json};

/// Every update of the corpus, and what is read in it. Set `UPDATE_GOLDEN=1` to write the file
/// anew; then read the diff.
#[test]
fn the_corpus_reads_as_written_down() {
    assert!(!update_corpus().is_empty());
    let read: String = update_corpus()
        .iter()
        .map(|case| {
            let found = decode_bytes(case.body.as_bytes());
            let lines = found.iter().map(shown).collect::<String>();
            let lines = if lines.is_empty() {
                "  nothing\n"
            } else {
                &lines
            };
            format!("{}\n{lines}", case.name)
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decoded.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &read).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(read == written, "{}", first_difference(&written, &read));
}

fn first_difference(written: &str, read: &str) -> String {
    let mut lines = written.lines().zip(read.lines()).enumerate();
    match lines.find(|(_, (written, read))| written != read) {
        Some((line, (written, read))) => {
            format!("line {}:\nwritten {written}\nread    {read}", line + 1)
        }
        None => "one is longer than the other".to_owned(),
    }
}

fn message(fields: Value) -> Value {
    let mut message = json!({
        "message_id": 12,
        "date": 1_772_442_000,
        "from": { "id": ANNA, "is_bot": false, "first_name": "Anna", "last_name": "Berg", "language_code": "de" },
        "chat": { "id": ANNA, "type": "private", "first_name": "Anna", "last_name": "Berg" },
    });
    merge(&mut message, fields);
    message
}

fn group_message(fields: Value) -> Value {
    let mut message =
        message(json!({ "chat": { "id": GROUP, "type": "supergroup", "title": "Shop" } }));
    merge(&mut message, fields);
    message
}

fn merge(into: &mut Value, fields: Value) {
    for (name, field) in fields.as_object().unwrap() {
        into[name] = field.clone();
    }
}

fn decode(kind: &str, content: Value) -> Vec<Inbound> {
    decode_bytes(
        json!({ "update_id": 5, kind: content })
            .to_string()
            .as_bytes(),
    )
}

fn read(kind: &str, content: Value) -> Vec<String> {
    decode(kind, content).iter().map(shown).collect()
}

const ANNA: i64 = 5_000_001;
const OWNER: i64 = 6_000_001;
const GROUP: i64 = -1_001_000_000_001;
const BOT: i64 = 7_000_001;

fn shown(inbound: &Inbound) -> String {
    let profile = &inbound.profile;
    let name = profile.name.as_ref().map_or("-", |name| name.as_str());
    let language = profile.language.as_deref().unwrap_or("-");
    let body = match &inbound.body {
        InboundBody::Message(message) => format!("message {}", line(message)),
        InboundBody::Started { payload, message } => {
            let payload = payload.as_ref().map(|payload| payload.as_str());
            format!("started {payload:?} {}", line(message))
        }
        InboundBody::Edited(message) => format!("edited {}", line(message)),
        InboundBody::OperatorWrote { operator, message } => {
            format!("operator {operator} wrote {}", line(message))
        }
        InboundBody::Reach(reach) => format!("reach {reach:?}"),
        InboundBody::Moved(to) => format!("moved to {}", to.external_id()),
        other => format!("{other:?}"),
    };
    let from = inbound.from.external_id();
    format!("  {} {from} ({name}, {language}): {body}\n", inbound.key)
}

fn line(message: &Message) -> String {
    let mut line = format!("{:?}", message.text());
    for mark in message.marks() {
        line += &format!(" <{} {:?}>", kind(mark), &message.text()[mark.range()]);
    }
    for media in message.media() {
        line += &format!(" [{}]", described(media));
    }
    if message.is_pressed() {
        line += " pressed";
    }
    if let Some(id) = message.external_id() {
        line += &format!(" id {id}");
    }
    if let Some(Quote::External(id)) = message.quotes() {
        line += &format!(" quotes {id}");
    }
    if let Some(album) = message.album() {
        line += &format!(" album {album}");
    }
    line
}

fn kind(mark: &Mark) -> String {
    match &mark.kind {
        MarkKind::Link(target) => format!("link {}", target.as_str()),
        MarkKind::Preformatted { language } => {
            let language = language.as_ref().map_or("-", |language| language.as_str());
            format!("pre {language}")
        }
        kind => format!("{kind:?}").to_lowercase(),
    }
}

fn described(media: &Media) -> String {
    let mut shown = format!("{} {}", media.kind, media.reference.as_str());
    if let Some(preview) = &media.preview {
        shown += &format!(" small {}", preview.as_str());
    }
    if let Some(bytes) = media.bytes {
        shown += &format!(" {bytes} bytes");
    }
    if let Some(name) = &media.name {
        shown += &format!(" named {:?}", name.as_str());
    }
    shown
}

#[test]
fn a_text_keeps_its_formatting_in_bytes() {
    let read = read(
        "message",
        message(json!({
            "text": "😀 bold and a link",
            "entities": [
                { "type": "bold", "offset": 3, "length": 4 },
                { "type": "text_link", "offset": 14, "length": 4, "url": "https://shop.example/" },
                { "type": "hashtag", "offset": 0, "length": 2 },
                { "type": "italic", "offset": 14, "length": 400 },
            ],
        })),
    );
    assert_eq!(
        read,
        [
            "  update:5 5000001 (Anna Berg, de): message \"😀 bold and a link\" <bold \"bold\"> <link https://shop.example/ \"link\"> id 12\n"
        ]
    );
}

#[test]
fn media_come_by_reference() {
    let cases = [
        (
            json!({ "photo": [
                { "file_id": "L", "width": 1280, "height": 960, "file_size": 90000 },
                { "file_id": "S", "width": 90, "height": 67, "file_size": 1200 },
                { "file_id": "M", "width": 320, "height": 240 },
            ], "caption": "look", "caption_entities": [{ "type": "bold", "offset": 0, "length": 4 }] }),
            "\"look\" <bold \"look\"> [photo telegram:L small telegram:S 90000 bytes]",
        ),
        (
            json!({ "document": { "file_id": "D", "file_name": "a.pdf", "file_size": 5 } }),
            "\"\" [file telegram:D 5 bytes named \"a.pdf\"]",
        ),
        (
            json!({ "animation": { "file_id": "A" }, "document": { "file_id": "A" } }),
            "\"\" [video telegram:A]",
        ),
        (
            json!({ "video_note": { "file_id": "N", "thumbnail": { "file_id": "T" } } }),
            "\"\" [round_video telegram:N small telegram:T]",
        ),
        (
            json!({ "voice": { "file_id": "V" } }),
            "\"\" [voice telegram:V]",
        ),
        (
            json!({ "audio": { "file_id": "U" } }),
            "\"\" [audio telegram:U]",
        ),
        (
            json!({ "sticker": { "file_id": "K" } }),
            "\"\" [sticker telegram:K]",
        ),
        (
            json!({ "location": { "latitude": 48.2082, "longitude": 16.3738 },
                "venue": { "title": "The shop", "location": { "latitude": 48.2082, "longitude": 16.3738 } } }),
            "\"The shop\" [location geo:48.208200,16.373800]",
        ),
        (
            json!({ "contact": { "phone_number": "+43 1 234", "first_name": "Front", "last_name": "Desk" } }),
            "\"\" [contact tel:+431234 named \"Front Desk\"]",
        ),
        (
            json!({ "dice": { "emoji": "🎲", "value": 3 } }),
            "\"\" [other telegram-other:dice]",
        ),
        (
            json!({ "paid_media": { "star_count": 1 }, "caption": "pay" }),
            "\"pay\" [other telegram-other:paid_media]",
        ),
        // Of a later level, and of a form that no level has.
        (
            json!({ "hologram": { "file_id": "H" }, "caption": "see" }),
            "\"see\" [other telegram-other:unknown]",
        ),
        (
            json!({ "photo": "none" }),
            "\"\" [other telegram-other:unknown]",
        ),
        (json!({}), "\"\" [other telegram-other:unknown]"),
    ];
    for (fields, expected) in cases {
        let read = read("message", message(fields.clone()));
        let expected = format!("  update:5 5000001 (Anna Berg, de): message {expected} id 12\n");
        assert_eq!(read, [expected], "{fields}");
    }
}

#[test]
fn a_start_link_is_a_start() {
    let long = "x".repeat(64);
    let cases = [
        ("/start", Some(None)),
        ("/start sale_50-A", Some(Some("sale_50-A"))),
        ("/start@chatflow_test_bot x", Some(Some("x"))),
        ("/start@Chatflow_Test_Bot x", Some(Some("x"))),
        ("/start two words", Some(None)),
        ("/start ключ", Some(None)),
        (&format!("/start {long}"), Some(Some(long.as_str()))),
        (&format!("/start {long}x"), Some(None)),
        ("/start@another_bot x", None),
        ("/started", None),
        (" /start", None),
        ("start", None),
    ];
    for (text, expected) in cases {
        let found = decode("message", message(json!({ "text": text })));
        let payload = match &found[0].body {
            InboundBody::Started { payload, message } => {
                assert_eq!(message.text(), text);
                Some(payload.as_ref().map(|payload| payload.as_str()))
            }
            _ => None,
        };
        assert_eq!(payload, expected, "{text}");
    }
}

#[test]
fn in_a_group_a_start_has_to_name_us() {
    for (text, is_start) in [
        ("/start x", false),
        ("/start@another_bot x", false),
        ("/start@chatflow_test_bot x", true),
    ] {
        let found = decode("message", group_message(json!({ "text": text })));
        let started = matches!(found[0].body, InboundBody::Started { .. });
        assert_eq!(started, is_start, "{text}");
    }
}

#[test]
fn a_caption_is_no_start() {
    let found = decode(
        "message",
        message(json!({ "voice": { "file_id": "V" }, "caption": "/start x" })),
    );
    assert!(matches!(found[0].body, InboundBody::Message(_)));
}

#[test]
fn a_press_has_the_buttons_text() {
    let keyboard = json!({ "inline_keyboard": [
        [{ "text": "No", "callback_data": "n" }],
        [{ "text": "Site", "url": "https://shop.example/" }, { "text": "Yes, please", "callback_data": "y" }],
    ] });
    let query = |message: Value, data: Value| {
        let mut query = json!({
            "id": "1", "chat_instance": "9",
            "from": { "id": ANNA, "first_name": "Anna", "language_code": "de" },
            "message": message,
        });
        merge(&mut query, data);
        query
    };
    let ours = message(json!({
        "from": { "id": BOT, "is_bot": true, "first_name": "Chatflow" },
        "text": "Well?", "reply_markup": keyboard,
    }));
    let pressed =
        |text: &str| format!("  update:5 5000001 (Anna, de): message {text:?} pressed quotes 12\n");
    let cases = [
        (
            query(ours.clone(), json!({ "data": "y" })),
            vec![pressed("Yes, please")],
        ),
        // The keyboard has changed since.
        (
            query(ours.clone(), json!({ "data": "z" })),
            vec![pressed("z")],
        ),
        // A game has no data, and an inline message no chat.
        (query(ours, json!({ "game_short_name": "chess" })), vec![]),
        (
            query(
                Value::Null,
                json!({ "inline_message_id": "i", "data": "y" }),
            ),
            vec![],
        ),
        // Too old to be shown.
        (
            query(
                json!({ "chat": { "id": ANNA, "type": "private", "first_name": "Anna" }, "message_id": 12, "date": 0 }),
                json!({ "data": "y" }),
            ),
            vec![pressed("y")],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(read("callback_query", query.clone()), expected, "{query}");
    }
}

#[test]
fn a_press_belongs_to_the_topic_of_its_message() {
    let query = json!({
        "id": "1", "data": "y", "from": { "id": ANNA, "first_name": "Anna" },
        "message": group_message(json!({ "message_thread_id": 7, "is_topic_message": true })),
    });
    assert_eq!(
        read("callback_query", query),
        ["  update:5 -1001000000001/7 (Shop, -): message \"y\" pressed quotes 12\n"]
    );
}

#[test]
fn a_topic_is_an_address_of_its_own() {
    let first = json!({ "message_id": 7, "forum_topic_created": { "name": "Orders" } });
    let in_topic = |fields: Value| {
        let mut message = group_message(
            json!({ "text": "hello", "message_thread_id": 7, "is_topic_message": true }),
        );
        merge(&mut message, fields);
        read("message", message)
    };
    let expected = |quotes: &str| {
        format!("  update:5 -1001000000001/7 (Shop, -): message \"hello\" id 12{quotes}\n")
    };
    assert_eq!(
        in_topic(json!({ "reply_to_message": first })),
        [expected("")]
    );
    assert_eq!(
        in_topic(json!({ "reply_to_message": { "message_id": 9 } })),
        [expected(" quotes 9")]
    );
    // A thread of replies in a group without topics has a number too.
    assert_eq!(
        in_topic(json!({ "is_topic_message": null })),
        ["  update:5 -1001000000001 (Shop, -): message \"hello\" id 12\n"]
    );
}

#[test]
fn our_own_messages_are_no_contacts() {
    let own =
        json!({ "from": { "id": BOT, "is_bot": true, "first_name": "Chatflow" }, "text": "hello" });
    for kind in ["message", "edited_message"] {
        assert!(decode(kind, group_message(own.clone())).is_empty());
    }
    let another =
        json!({ "from": { "id": 8, "is_bot": true, "first_name": "Other" }, "text": "hello" });
    assert_eq!(decode("message", group_message(another)).len(), 1);
}

#[test]
fn a_block_and_its_end_are_reported() {
    let change = |chat: Value, member: Value| {
        json!({
            "chat": chat, "date": 1,
            "from": { "id": ANNA, "first_name": "Anna" },
            "old_chat_member": { "user": { "id": BOT }, "status": "member" },
            "new_chat_member": member,
        })
    };
    let private = json!({ "id": ANNA, "type": "private", "first_name": "Anna" });
    let group = json!({ "id": GROUP, "type": "supergroup", "title": "Shop" });
    let channel = json!({ "id": -1_002, "type": "channel", "title": "News" });
    let us = |status: &str| json!({ "user": { "id": BOT, "is_bot": true }, "status": status });
    let restricted = |may: Value| {
        let mut member = us("restricted");
        merge(&mut member, may);
        member
    };
    let cases = [
        (&private, us("kicked"), Some("BlockedByContact")),
        (&private, us("member"), Some("Ok")),
        (&private, us("novelty"), None),
        (&group, us("left"), Some("CannotWrite(Removed)")),
        (&group, us("kicked"), Some("CannotWrite(Removed)")),
        (&group, us("member"), Some("Ok")),
        (&group, us("administrator"), Some("Ok")),
        (
            &group,
            restricted(json!({ "is_member": true, "can_send_messages": false })),
            Some("CannotWrite(NoRights)"),
        ),
        (
            &group,
            restricted(json!({ "is_member": true, "can_send_messages": true })),
            Some("Ok"),
        ),
        (
            &group,
            restricted(json!({ "is_member": false, "can_send_messages": true })),
            Some("CannotWrite(Removed)"),
        ),
        (&group, restricted(json!({})), None),
        (&channel, us("administrator"), None),
        (
            &group,
            json!({ "user": { "id": ANNA }, "status": "left" }),
            None,
        ),
    ];
    for (chat, member, expected) in cases {
        let found = decode("my_chat_member", change(chat.clone(), member.clone()));
        let reach = found.iter().map(|inbound| match &inbound.body {
            InboundBody::Reach(reach) => format!("{reach:?}"),
            other => format!("{other:?}"),
        });
        assert_eq!(
            reach.collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "{chat} {member}"
        );
    }
}

#[test]
fn a_group_that_moves_says_so_on_both_sides() {
    let moved = "  update:5 -5 (Shop, -): moved to -1001000000001\n";
    let before = json!({ "chat": { "id": -5, "type": "group", "title": "Shop" }, "migrate_to_chat_id": GROUP });
    let after = json!({ "migrate_from_chat_id": -5 });
    assert_eq!(read("message", message(before)), [moved]);
    assert_eq!(read("message", group_message(after)), [moved]);
}

#[test]
fn coming_and_going_of_our_own_changes_the_reach() {
    let us = json!({ "id": BOT, "is_bot": true, "first_name": "Chatflow" });
    let anna = json!({ "id": ANNA, "first_name": "Anna" });
    let reach = |fields: Value| {
        let found = decode("message", group_message(fields));
        found
            .into_iter()
            .map(|inbound| format!("{:?}", inbound.body))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        reach(json!({ "left_chat_member": us })),
        ["Reach(CannotWrite(Removed))"]
    );
    assert_eq!(
        reach(json!({ "new_chat_members": [anna, us] })),
        ["Reach(Ok)"]
    );
    assert!(reach(json!({ "left_chat_member": anna })).is_empty());
    assert!(reach(json!({ "new_chat_members": [anna] })).is_empty());
}

#[test]
fn what_telegram_writes_by_itself_is_no_message() {
    for field in [
        "pinned_message",
        "new_chat_title",
        "forum_topic_created",
        "video_chat_started",
    ] {
        assert!(
            decode("message", group_message(json!({ field: { "x": 1 } }))).is_empty(),
            "{field}"
        );
    }
}

#[test]
fn channels_and_their_inboxes_are_no_dialogs() {
    let channel =
        json!({ "chat": { "id": -1_002, "type": "channel", "title": "News" }, "text": "hello" });
    let inbox = json!({
        "chat": { "id": -1_003, "type": "supergroup", "title": "News", "is_direct_messages": true },
        "direct_messages_topic": { "topic_id": 4 }, "text": "hello",
    });
    assert!(decode("message", message(channel.clone())).is_empty());
    assert!(decode("channel_post", message(channel)).is_empty());
    assert!(decode("message", message(inbox)).is_empty());
}

#[test]
fn a_business_account_tells_customers_from_owners() {
    let business = |from: i64, fields: Value| {
        let mut message = message(json!({
            "business_connection_id": "b1",
            "from": { "id": from, "first_name": if from == ANNA { "Anna" } else { "Olga" }, "language_code": "de" },
            "text": "hello",
        }));
        merge(&mut message, fields);
        message
    };
    let us = json!({ "id": BOT, "is_bot": true, "first_name": "Chatflow" });
    let another = json!({ "id": 8, "is_bot": true, "first_name": "Other" });
    let cases = [
        (
            "business_message",
            business(ANNA, json!({})),
            vec!["  update:5 business:b1:5000001 (Anna, de): message \"hello\" id 12\n"],
        ),
        // No start link leads to a business account.
        (
            "business_message",
            business(ANNA, json!({ "text": "/start x" })),
            vec!["  update:5 business:b1:5000001 (Anna, de): message \"/start x\" id 12\n"],
        ),
        (
            "business_message",
            business(OWNER, json!({})),
            vec![
                "  update:5 business:b1:5000001 (Anna Berg, -): operator telegram:6000001 wrote \"hello\" id 12\n",
            ],
        ),
        (
            "business_message",
            business(OWNER, json!({ "sender_business_bot": another })),
            vec![
                "  update:5 business:b1:5000001 (Anna Berg, -): operator telegram:6000001 wrote \"hello\" id 12\n",
            ],
        ),
        (
            "business_message",
            business(OWNER, json!({ "sender_business_bot": us })),
            vec![],
        ),
        (
            "business_message",
            business(OWNER, json!({ "is_from_offline": true })),
            vec![],
        ),
        (
            "business_message",
            business(OWNER, json!({ "from": null })),
            vec![],
        ),
        (
            "business_message",
            message(json!({ "text": "hello" })),
            vec![],
        ),
        (
            "edited_business_message",
            business(ANNA, json!({})),
            vec!["  update:5 business:b1:5000001 (Anna, de): edited \"hello\" id 12\n"],
        ),
        (
            "edited_business_message",
            business(OWNER, json!({})),
            vec![],
        ),
        (
            "callback_query",
            json!({ "id": "1", "data": "y", "from": { "id": ANNA, "first_name": "Anna" }, "message": business(OWNER, json!({})) }),
            vec!["  update:5 business:b1:5000001 (Anna, -): message \"y\" pressed quotes 12\n"],
        ),
        (
            "callback_query",
            json!({ "id": "1", "data": "y", "from": { "id": OWNER, "first_name": "Olga" }, "message": business(OWNER, json!({})) }),
            vec![],
        ),
        (
            "deleted_business_messages",
            json!({ "business_connection_id": "b1", "chat": { "id": ANNA }, "message_ids": [12] }),
            vec![],
        ),
        (
            "business_connection",
            json!({ "id": "b1", "is_enabled": false }),
            vec![],
        ),
    ];
    for (kind, content, expected) in cases {
        assert_eq!(read(kind, content.clone()), expected, "{kind} {content}");
    }
}
