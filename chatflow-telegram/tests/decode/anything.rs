//! Whatever comes is read without fail.

use chatflow_telegram::decode_bytes;
use chatflow_telegram::testing::update_corpus;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn bytes_that_are_no_utf_8_cost_no_more_than_their_letters() {
    let mut bytes = json!({ "update_id": 5, "message": message(json!({ "text": "a?b" })) })
        .to_string()
        .into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    match &decode_bytes(&bytes)[0].body {
        InboundBody::Message(message) => assert_eq!(message.text(), "a\u{fffd}b"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_update_of_the_corpus_loses_a_message_by_a_novelty() {
    for case in update_corpus() {
        let mut update: Value = serde_json::from_str(case.body).unwrap();
        let before = decode_bytes(case.body.as_bytes());
        strew(&mut update);
        let after = decode_bytes(update.to_string().as_bytes());
        assert_eq!(before, after, "{}", case.name);
    }
}

/// Puts a field that nobody knows into every object.
fn strew(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(strew);
            let novelty = json!({ "deep": [[{ "er": 1.5e300 }]], "none": null });
            fields.insert("a_novelty".to_owned(), novelty);
        }
        Value::Array(items) => items.iter_mut().for_each(strew),
        _ => {}
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(private|group|supergroup|channel|kicked|member|restricted|/start x)"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(field_name(), inner, 0..6)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn field_name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "update_id",
        "message",
        "edited_message",
        "callback_query",
        "my_chat_member",
        "business_message",
        "chat",
        "id",
        "type",
        "from",
        "text",
        "entities",
        "offset",
        "length",
        "photo",
        "file_id",
        "message_id",
        "new_chat_member",
        "status",
        "data",
        "reply_markup",
        "inline_keyboard",
        "caption",
        "location",
        "latitude",
        "longitude",
        "title",
        "novelty",
        "business_connection_id",
        "migrate_to_chat_id",
        "user",
        "is_topic_message",
        "message_thread_id",
        "reply_to_message",
    ])
    .prop_map(str::to_owned)
}

/// Changes one value somewhere in the update.
fn disturb(value: &mut Value, at: &mut usize, by: &Value) {
    if *at == 0 {
        *value = by.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| disturb(value, at, by)),
        Value::Array(items) => items.iter_mut().for_each(|value| disturb(value, at, by)),
        _ => {}
    }
}

/// Writes an object with its fields in another order.
fn shuffled(value: &Value, seed: u64) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| {
                name.bytes().fold(seed, |hash, byte| {
                    hash.wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(u64::from(byte) + 1)
                }) >> 7
            });
            let fields: Vec<_> = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", json!(name), shuffled(value, seed)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shuffled(item, seed)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

fn body() -> impl Strategy<Value = &'static str> {
    let mut bodies: Vec<_> = update_corpus().iter().map(|case| case.body).collect();
    bodies.push(r#"{"update_id":5,"message":{"message_id":1,"chat":{"id":7},"text":"a😀b","entities":[{"type":"bold","offset":1,"length":2}]}}"#);
    proptest::sample::select(bodies)
}

/// Reading twice gives the same, and what is found can be used.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let found = decode_bytes(bytes);
    prop_assert_eq!(&found, &decode_bytes(bytes));
    for inbound in &found {
        prop_assert!(inbound.key.is_valid());
        if let InboundBody::Message(message) = &inbound.body {
            prop_assert!(message.marks().iter().all(|mark| mark.fits(message.text())));
            prop_assert!(!message.is_empty());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn any_json_is_read(value in json_value()) {
        check(value.to_string().as_bytes())?;
    }

    #[test]
    fn half_an_update_is_read(body in body(), part in 0.0..1.0_f64) {
        let end = (body.len() as f64 * part) as usize;
        check(&body.as_bytes()[..end])?;
    }

    #[test]
    fn a_value_of_another_form_costs_only_itself(body in body(), mut at in 0_usize..80, by in json_value()) {
        let mut update: Value = serde_json::from_str(body).unwrap();
        disturb(&mut update, &mut at, &by);
        check(update.to_string().as_bytes())?;
    }

    #[test]
    fn the_order_of_fields_changes_nothing(body in body(), seed in any::<u64>()) {
        let update: Value = serde_json::from_str(body).unwrap();
        let shuffled = shuffled(&update, seed);
        prop_assert_eq!(decode_bytes(update.to_string().as_bytes()), decode_bytes(shuffled.as_bytes()));
        let as_it_came = decode_bytes(body.as_bytes());
        prop_assert_eq!(as_it_came, decode_bytes(shuffled.as_bytes()));
    }
}
