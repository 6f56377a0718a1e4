//! What the outside reported, as it came, and what start links lead to.

use std::sync::Arc;

use crate::dialog::{BotId, ChannelId, Event, EventKey, RawBody, Source, Text};
use crate::engine::Refusal;
use crate::store::{Committed, PAGE_MAX, RefusedEvent, StoredUnclaimed, Unclaimed};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at};

fn raw(bytes: &[u8]) -> RawBody {
    RawBody::from(Arc::<[u8]>::from(bytes))
}

fn report(channel: &str, key: &str, bytes: &[u8]) -> Unclaimed {
    Unclaimed {
        channel: ChannelId::new(channel),
        key: key.into(),
        at: at(1),
        reason: format!("of a kind named {key}"),
        raw: raw(bytes),
    }
}

async fn keep(desk: &Desk, unclaimed: &Unclaimed) -> bool {
    let kept = desk.store.keep_unclaimed(unclaimed.clone()).await;
    match kept.expect("keep_unclaimed") {
        Committed::Duplicate { revision } => {
            assert_eq!(revision, 0, "it is no dialog's");
            false
        }
        applied => {
            assert_eq!(applied, Committed::APPLIED);
            true
        }
    }
}

async fn kept(desk: &Desk, channel: &str, after: Option<u64>) -> Vec<StoredUnclaimed> {
    let channel = ChannelId::new(channel);
    let page = desk.store.unclaimed(&channel, after, usize::MAX).await;
    page.expect("unclaimed")
}

/// What the outside reported is kept byte for byte with the turn or the refusal that was made of
/// it. A duplicate changes nothing, and a conflict keeps nothing.
pub async fn what_was_reported_is_kept_as_it_came(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let read = async |who: &str, key: &str| {
        let found = desk.store.raw(desk.dialog(who), &key.into()).await;
        found.expect("raw")
    };
    let body = raw(b"\0\xff{\"text\": \"hello\"}");
    let event = Event::message("taken", "say one");
    let mut turn = desk.turn("anna", &event, at(1)).await;
    turn.raw = Some(body.clone());
    desk.apply(turn.clone()).await;
    let event = Event::message("refused", "x");
    let refused = RefusedEvent {
        raw: Some(raw(b"")),
        ..desk.refused("anna", &event, at(2), &Refusal::Empty)
    };
    let again = RefusedEvent {
        raw: Some(raw(b"other")),
        ..refused.clone()
    };
    for refused in [refused, again] {
        desk.store.refuse(refused).await.expect("refuse");
    }
    turn.raw = Some(raw(b"other"));
    let seen = Committed::Duplicate { revision: 1 };
    assert_eq!(desk.store.commit(turn).await.expect("commit"), seen);
    let mut stale = desk.message("anna", "say two", at(3)).await;
    stale.expected = 7;
    stale.key = "stale".into();
    stale.raw = Some(raw(b"other"));
    assert_eq!(desk.conflict(stale).await, 1);
    desk.says("anna", "say three", at(4)).await;

    assert_eq!(read("anna", "taken").await, Some(body));
    assert_eq!(read("anna", "refused").await, Some(raw(b"")));
    assert_eq!(read("anna", "stale").await, None);
    assert_eq!(read("anna", "key 1").await, None, "a turn without a report");
    assert_eq!(read("anna", "Taken").await, None, "keys are exact");
    assert_eq!(read("bert", "taken").await, None, "another dialog");
}

/// A report of which nothing was made is kept once, under its key and its channel.
pub async fn an_unclaimed_report_is_kept_once(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let first = report("web", "one", b"first");
    assert!(keep(&desk, &first).await);
    assert!(!keep(&desk, &first).await, "its key is known");
    assert!(!keep(&desk, &report("web", "one", b"other")).await);
    let elsewhere = report("sms", "one", b"elsewhere");
    assert!(keep(&desk, &elsewhere).await, "another channel's");
    assert!(keep(&desk, &report("web", "One", b"exact")).await);
    let web = kept(&desk, "web", None).await;
    assert_eq!(web.len(), 2);
    assert_eq!(web[0].unclaimed, first, "as it came first");
    let sms = kept(&desk, "sms", None).await;
    assert_eq!(sms.len(), 1);
    assert_eq!(sms[0].unclaimed, elsewhere);
    assert!(kept(&desk, "mail", None).await.is_empty());
}

/// Unclaimed reports are read in pages, in the order in which they were kept: none is lost or
/// read twice, and a page has a largest size.
pub async fn pages_of_unclaimed_reports_lose_none(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut order = Vec::new();
    for n in 0..PAGE_MAX + 2 {
        // In no order of their keys, and mixed with another channel's.
        let key = format!("{}", n.wrapping_mul(7919) % 10_007);
        assert!(keep(&desk, &report("web", &key, b"x")).await);
        order.push(EventKey::from(key));
        if n % 5 == 0 {
            assert!(keep(&desk, &report("sms", &n.to_string(), b"x")).await);
        }
    }
    assert_eq!(kept(&desk, "web", None).await.len(), PAGE_MAX);
    for limit in [400, usize::MAX] {
        let mut read = Vec::new();
        let mut after = None;
        loop {
            let channel = ChannelId::new("web");
            let page = desk.store.unclaimed(&channel, after, limit).await;
            let page = page.expect("unclaimed");
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit.min(PAGE_MAX));
            after = Some(last.n);
            read.extend(page.into_iter().map(|report| report.unclaimed.key));
        }
        assert_eq!(read, order);
    }
}

/// What a token of a bot's leads to is kept whole; the same token again replaces it. Tokens are
/// exact and belong to one bot.
pub async fn a_source_is_found_by_its_token(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let bot = desk.config.bot().clone();
    let other = BotId::new("kiosk");
    let read = async |bot: &BotId, token: &str| {
        let found = desk.store.source(bot, token).await;
        found.expect("source")
    };
    assert_eq!(read(&bot, "t1").await, None);
    let text = |text: &str| Some(Text::from(text));
    let whole = Source {
        payload: text("t1"),
        name: text("Newsletter \"\u{0}é\""),
        platform: text("meta"),
        campaign: text("spring"),
        ad_set: text("set"),
        ad: text("ad"),
        click_id: text("click"),
        extra: [("utm_medium".to_owned(), "mail".into())].into(),
    };
    let put = async |bot: &BotId, token: &str, source: &Source| {
        let put = desk.store.put_source(bot, token, source).await;
        put.expect("put_source");
    };
    put(&bot, "t1", &Source::of_payload("old")).await;
    put(&other, "t1", &Source::default()).await;
    put(&bot, "t1", &whole).await;
    assert_eq!(read(&bot, "t1").await, Some(whole));
    assert_eq!(read(&other, "t1").await, Some(Source::default()));
    assert_eq!(read(&bot, "T1").await, None);
    assert_eq!(read(&other, "t2").await, None);
}
