//! Messages in parts: resumed where they stopped, cut by nobody.

use std::time::Duration;

use chatflow_core::{
    Capabilities, DeliveryState, Media, MediaKind, Message, OperatorAct, Quote, SendErrorClass,
};

use super::Shop;

fn narrow() -> Capabilities {
    let mut narrow = Capabilities::text();
    narrow.text_max = Some(16);
    narrow.quotes = true;
    narrow
}

fn long() -> OperatorAct {
    OperatorAct::Reply("The first part. The second one. The third.".into())
}

#[test]
fn a_half_sent_message_resumes_at_its_next_part_after_a_failure_and_a_crash() {
    let shop = Shop::new(narrow());
    shop.says("anna", "1", "hi");
    shop.sent();
    shop.channel.accept_next();
    let later = SendErrorClass::Transient { retry_after: None };
    shop.channel.refuse_next(later);
    shop.operates("anna", "r", long()).unwrap();
    let parts: Vec<_> = (shop.sent().into_iter())
        .map(|sent| (sent.part, sent.attempt, sent.refused.is_some()))
        .collect();
    assert_eq!(parts, [(0, 1, false), (1, 1, true)]);
    // The program dies, and another takes up what it left: the first part is not sent again.
    let shop = shop.again();
    shop.waits(Duration::from_secs(2));
    let parts: Vec<_> = (shop.sent().into_iter())
        .map(|sent| (sent.part, sent.attempt, sent.message.text().to_owned()))
        .collect();
    let expected = [
        (1, 2, "The second one. ".to_owned()),
        (2, 1, "The third.".to_owned()),
    ];
    assert_eq!(parts, expected);
    let line = shop.transcript("anna").pop().unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Sent));
    assert_eq!(line.ids.len(), 3, "each part has its own id");
}

#[test]
fn a_takeover_does_not_cut_a_half_sent_message() {
    let flow_says = Shop::new({
        let mut narrow = narrow();
        narrow.text_max = Some(6);
        narrow
    });
    let shop = flow_says;
    // "Your name?" goes in two parts, and the second fails at first.
    shop.channel.accept_next();
    shop.channel
        .refuse_next(SendErrorClass::Transient { retry_after: None });
    shop.says("anna", "1", "hi");
    assert_eq!(shop.texts(), ["Your ", "name?"]);
    shop.operates("anna", "t", OperatorAct::Take).unwrap();
    shop.waits(Duration::from_secs(2));
    assert_eq!(shop.texts(), ["name?"]);
}

#[test]
fn ms_16_a_quote_goes_out_by_the_channels_own_id() {
    let shop = Shop::new(narrow());
    let mut hello = shop.channel.says("anna", "1", "hi");
    hello.body = chatflow_core::InboundBody::Message(Message::new("hi").with_external_id("x7"));
    shop.hears(hello);
    let theirs = shop.transcript("anna")[0].record.id;
    let ours = shop.last("anna");
    shop.sent();
    let reply = |quote: Quote| OperatorAct::Reply(Message::new("about that").quoting(quote));
    shop.operates("anna", "r1", reply(theirs.into())).unwrap();
    shop.operates("anna", "r2", reply(ours.into())).unwrap();
    let quotes: Vec<_> = (shop.sent().into_iter())
        .map(|sent| sent.quotes.unwrap().to_string())
        .collect();
    assert_eq!(quotes, ["x7", "m1"]);

    // Without replies on the channel it is written into the text.
    let mut plain = narrow();
    plain.quotes = false;
    plain.text_max = None;
    let shop = Shop::new(plain);
    shop.says("anna", "1", "hi");
    let theirs = shop.transcript("anna")[0].record.id;
    shop.sent();
    shop.operates("anna", "r1", reply(theirs.into())).unwrap();
    let sent = shop.sent();
    assert_eq!(sent[0].message.text(), "> hi\nabout that");
    assert_eq!(sent[0].quotes, None);
}

#[test]
fn ms_14_ms_15_three_pictures_are_one_message_in_order() {
    let shop = Shop::new(Capabilities::telegram_bot());
    shop.says("anna", "1", "hi");
    shop.sent();
    let pictures = ["one", "two", "three"].map(|name| Media::new(MediaKind::Photo, name));
    let message = (pictures.iter()).fold(Message::new("look"), |message, picture| {
        message.with_media(picture.clone())
    });
    shop.operates("anna", "r", OperatorAct::Reply(message))
        .unwrap();
    let sent = shop.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].message.media(), pictures);
    assert_eq!(sent[0].message.text(), "look");
    let preview = sent[0].message.media()[0].preview();
    assert_eq!(
        preview,
        Some("one"),
        "MS-15: a picture shows itself at once"
    );
}

#[test]
fn ms_07_ms_08_ms_09_an_operators_message_beyond_the_rules_is_refused_and_nothing_is_sent() {
    let shop = Shop::new(Capabilities::text());
    shop.says("anna", "1", "hi");
    shop.sent();
    let revision = shop.snapshot("anna").revision;
    let letters = "я".repeat(2000) + &" ".repeat(500);
    let too_long = OperatorAct::Reply(format!("{letters}я").into());
    let refused = shop.operates("anna", "r1", too_long).unwrap_err();
    assert!(refused.to_string().contains("2001"), "{refused}");
    let files = Message::new("two")
        .with_media(Media::new(MediaKind::File, "a"))
        .with_media(Media::new(MediaKind::File, "b"));
    shop.operates("anna", "r2", OperatorAct::Reply(files))
        .unwrap_err();
    assert_eq!(shop.snapshot("anna").revision, revision);
    assert!(shop.sent().is_empty());
    shop.operates("anna", "r3", OperatorAct::Reply(letters.into()))
        .unwrap();
    assert_eq!(shop.sent().len(), 1);
}
