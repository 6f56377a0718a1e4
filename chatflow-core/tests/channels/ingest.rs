//! What comes in is durable before it is acknowledged, understood or not.

use chatflow_core::testing::block_on;
use chatflow_core::{Capabilities, Ingested, Profile, RawInbound, Source, Text, Worker};

use super::{Shop, address, dialog};

fn ingest(worker: &Worker, raw: RawInbound) -> Ingested {
    block_on(chatflow_core::Ingest::receive(worker, raw)).unwrap()
}

#[test]
fn what_came_is_kept_beside_what_was_made_of_it() {
    let shop = Shop::new(Capabilities::text());
    let raw = shop.channel.raw("u1", "anna", "hi");
    assert_eq!(ingest(&shop.worker, raw.clone()), Ingested::Handled);
    let kept = block_on(shop.store.raw(dialog("anna"), &"u1".into())).unwrap();
    assert_eq!(kept, Some(raw.body.clone()));
    // Delivered again, it is handled once.
    assert_eq!(ingest(&shop.worker, raw), Ingested::Handled);
    shop.step();
    assert_eq!(shop.texts(), ["Your name?"]);
    assert_eq!(shop.snapshot("anna").revision, 1);
}

#[test]
fn what_nobody_understands_is_kept_once_and_offered_again() {
    let shop = Shop::new(Capabilities::text());
    let mut raw = shop.channel.raw("u1", "anna", "hi");
    raw.body = b"no line break, so no report".to_vec().into();
    assert_eq!(ingest(&shop.worker, raw.clone()), Ingested::Unclaimed);
    assert_eq!(ingest(&shop.worker, raw.clone()), Ingested::Unclaimed);
    let channel = "test".into();
    let kept = block_on(shop.store.unclaimed(&channel, None, 10)).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].unclaimed.raw, raw.body);
    assert_eq!(kept[0].unclaimed.key, raw.key);
    assert_eq!(block_on(shop.worker.offer_again(&channel)).unwrap(), 0);
    let kept = block_on(shop.store.unclaimed(&channel, None, 10)).unwrap();
    assert_eq!(kept.len(), 1, "offering again keeps nothing twice");
}

#[test]
fn a_text_beyond_the_limit_is_refused_and_kept() {
    let shop = Shop::new(Capabilities::text());
    let raw = shop.channel.raw("u1", "anna", &"x".repeat(70_000));
    assert_eq!(ingest(&shop.worker, raw.clone()), Ingested::Refused);
    let kept = block_on(shop.store.raw(dialog("anna"), &"u1".into())).unwrap();
    assert_eq!(kept, Some(raw.body));
}

#[test]
fn a_report_without_a_usable_key_or_of_an_unknown_channel_is_kept() {
    let shop = Shop::new(Capabilities::text());
    let mut raw = shop.channel.raw("", "anna", "hi");
    assert_eq!(ingest(&shop.worker, raw.clone()), Ingested::Handled);
    raw.channel = "elsewhere".into();
    assert_eq!(ingest(&shop.worker, raw), Ingested::Unclaimed);
    let kept = block_on(shop.store.unclaimed(&"elsewhere".into(), None, 10)).unwrap();
    assert!(kept[0].unclaimed.key.as_str().starts_with("bytes:"));
}

/// CT-09, TR-07: a short token in the link leads to the whole source.
#[test]
fn tr_07_a_start_links_token_leads_to_the_campaign() {
    let shop = Shop::new(Capabilities::text());
    let source = Source {
        platform: Some("facebook".into()),
        campaign: Some("spring".into()),
        ad_set: Some("parents".into()),
        ad: Some("video 3".into()),
        click_id: Some("fb.1.1736".into()),
        extra: [("utm_medium".to_owned(), Text::from("cpc"))].into(),
        ..Source::default()
    };
    let bot = "bot".into();
    let token = block_on(shop.worker.start_token(&bot, &source)).unwrap();
    assert!((1..=64).contains(&token.len()));
    let is_safe = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    assert!(token.chars().all(is_safe));
    let again = block_on(shop.worker.start_token(&bot, &source)).unwrap();
    assert_eq!(token, again, "the same source has the same token");
    let other = Source {
        ad: Some("video 4".into()),
        ..source.clone()
    };
    assert_ne!(
        token,
        block_on(shop.worker.start_token(&bot, &other)).unwrap()
    );

    let mut began = shop.channel.says("anna", "u1", "/start");
    began.body = chatflow_core::InboundBody::Started {
        payload: Some(token.as_str().into()),
        message: "/start".into(),
    };
    shop.hears(began);
    let touch = shop.snapshot("anna").contact.first_source.unwrap();
    let stored = Source {
        payload: Some(token.into()),
        ..source
    };
    assert_eq!(touch.source, stored);
    // The contact's row has it too, so that other dialogs and lists see it.
    let row = block_on(shop.store.contact(shop.snapshot("anna").contact_id));
    let row = row.unwrap().unwrap();
    assert_eq!(row.view.first_source.unwrap().source, stored);
    assert!(block_on(shop.worker.start_token(&bot, &Source::default())).is_err());
}

#[test]
fn a_dialog_can_be_opened_to_write_first_and_is_opened_once() {
    let shop = Shop::new(Capabilities::text());
    let opened = block_on(
        shop.worker
            .open_dialog(&address("anna"), &Profile::default()),
    );
    let again = block_on(
        shop.worker
            .open_dialog(&address("anna"), &Profile::default()),
    );
    assert_eq!(opened.unwrap(), again.unwrap());
    assert_eq!(shop.status("anna"), "start");
    assert_eq!(shop.snapshot("anna").revision, 1);
    let nowhere = chatflow_core::Address::new("elsewhere", "anna");
    assert!(block_on(shop.worker.open_dialog(&nowhere, &Profile::default())).is_err());
}

#[test]
fn a_move_to_where_another_dialog_is_changes_neither() {
    let shop = Shop::new(Capabilities::text());
    shop.says("anna", "1", "hi");
    shop.says("bert", "1", "hi");
    let mut moved = shop.channel.says("anna", "2", "");
    moved.body = chatflow_core::InboundBody::Moved(address("bert"));
    shop.hears(moved);
    assert_eq!(shop.snapshot("anna").address, address("anna"));
    assert_eq!(shop.snapshot("bert").revision, 1);
    let refusals = block_on(shop.store.refusals(dialog("anna"), 10)).unwrap();
    assert_eq!(refusals.len(), 1);
}
