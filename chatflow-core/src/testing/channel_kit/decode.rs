//! Reports are read purely and totally, and say what happened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::desk::{Desk, Mode, must};
use super::{Ability, ChannelHarness, Happening, Ran};
use crate::channel::{Channel, Inbound, InboundBody, Ingested, RawInbound};
use crate::dialog::{MediaKind, Message};
use crate::store::Store as _;

/// Bytes of chance, cut and bent copies of real reports: the channel never panics over them, and
/// what it makes of them is well formed.
pub async fn bytes_of_any_kind_do_no_harm(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for raw in real(&mut desk, harness).await {
        let bytes = raw.body.as_bytes().to_vec();
        let step = bytes.len().div_ceil(256).max(1);
        for end in (0..bytes.len()).step_by(step) {
            decode(&desk, &raw, &bytes[..end]);
        }
        for _ in 0..256 {
            let mut bent = bytes.clone();
            if let Some(byte) = bent.get_mut(chance.below(bytes.len())) {
                *byte = chance.byte();
            }
            decode(&desk, &raw, &bent);
        }
        for length in 0..256 {
            let bytes: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
            decode(&desk, &raw, &bytes);
        }
    }
    Ran::Whole
}

/// What is made of a report follows from its bytes alone: now, again, and after a restart.
pub async fn the_same_bytes_always_give_the_same(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let raws = real(&mut desk, harness).await;
    let first: Vec<_> = raws.iter().map(|raw| desk.channel.decode(raw)).collect();
    let backwards: Vec<_> = raws
        .iter()
        .rev()
        .map(|raw| desk.channel.decode(raw))
        .collect();
    desk.restart().await;
    for (n, raw) in raws.iter().enumerate() {
        assert_eq!(
            backwards[raws.len() - 1 - n],
            first[n],
            "decoded again, it is another"
        );
        let after = desk.channel.decode(raw);
        assert_eq!(after, first[n], "decoded after a restart, it is another");
    }
    Ran::Whole
}

/// A text comes in letter by letter, from the address of who wrote it.
pub async fn what_is_said_comes_in_as_it_was_said(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    for text in [
        "quiet",
        "Grüße, 世界!",
        "e\u{301} 👩‍👩‍👧‍👦 שלום",
        "/start",
        "  two  spaces ",
    ] {
        desk.says("anna", text).await;
        let inbound = last(&desk);
        let message = as_message(&inbound);
        assert_eq!(message.text(), text);
        assert!(!message.is_pressed(), "what was typed was not pressed");
        assert_eq!(message.media(), []);
        assert_eq!(
            inbound.from,
            desk.outside.address("anna"),
            "from another address"
        );
        let answer = desk.gate.answers().pop();
        assert_eq!(
            answer,
            Some(Ok(Ingested::Handled)),
            "{text:?} was not taken"
        );
    }
    Ran::Whole
}

/// A choice comes in as pressed where choices stand with the message, else as typed.
pub async fn a_pressed_choice_comes_in_as_one(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let Some(limits) = desk.channel.capabilities().choices else {
        return Ran::NotDeclared("choices");
    };
    desk.answers(Message::new("Well?").with_choices(["yes", "no"]))
        .await;
    desk.happens("anna", Happening::Press("no")).await;
    let inbound = last(&desk);
    let message = as_message(&inbound);
    assert_eq!(
        message.text(),
        "no",
        "the choice's label is what was pressed"
    );
    if limits.inline {
        assert!(
            message.is_pressed(),
            "a choice shown with the message is pressed, not typed"
        );
    }
    Ran::Whole
}

/// A picture comes in as a picture, with its caption as the text.
pub async fn media_come_in_with_their_kind_and_caption(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    for caption in ["quiet", ""] {
        desk.happens("anna", Happening::Media(MediaKind::Photo, caption))
            .await;
        let inbound = last(&desk);
        let message = as_message(&inbound);
        let kinds: Vec<_> = message.media().iter().map(|media| media.kind).collect();
        assert_eq!(kinds, [MediaKind::Photo]);
        assert_eq!(message.text(), caption);
    }
    Ran::Whole
}

/// The items of an album, which come one by one, name their album, and become one turn of the
/// flow.
pub async fn items_of_an_album_name_it(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    for caption in ["look", "", ""] {
        let item = Happening::AlbumItem {
            album: "holidays",
            caption,
        };
        desk.happens("anna", item).await;
        let inbound = last(&desk);
        let message = as_message(&inbound);
        assert!(message.album().is_some(), "an item doesn't name its album");
    }
    desk.clock.advance(std::time::Duration::from_secs(10));
    desk.deliver().await;
    let answers = desk.arrived_at("anna").await;
    assert_eq!(
        answers,
        ["re: look"],
        "three items of one album are one message to the flow"
    );
    Ran::Whole
}

/// What a start link carries comes in with the start.
pub async fn a_start_link_comes_in_with_what_it_carries(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.happens("anna", Happening::Started("spring_2026"))
        .await;
    let inbound = last(&desk);
    let InboundBody::Started { payload, .. } = &inbound.body else {
        panic!("a start came in as {:?}", inbound.body);
    };
    assert_eq!(
        payload.as_ref().map(crate::dialog::Text::as_str),
        Some("spring_2026")
    );
    Ran::Whole
}

/// A kind that the adapter can't know is no event, is kept byte for byte, and is acknowledged:
/// it must not come for ever.
pub async fn a_kind_that_nobody_knows_is_kept_as_it_came(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let report = desk.happens("anna", Happening::Unknown("whirligig")).await;
    is_kept(&desk, "whirligig").await;
    let acknowledged = desk.outside.acknowledged().await;
    assert_eq!(acknowledged, [report], "what was kept is acknowledged");
    desk.says("anna", "quiet").await;
    assert_eq!(
        desk.heard("anna").await,
        ["quiet"],
        "what comes after it is taken"
    );
    Ran::Whole
}

/// Bytes that are no report are kept too, and what comes after them is taken.
pub async fn garbage_is_kept_as_it_came(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.happens("anna", Happening::Garbage("whirligig")).await;
    is_kept(&desk, "whirligig").await;
    desk.says("anna", "quiet").await;
    assert_eq!(desk.heard("anna").await, ["quiet"]);
    Ran::Whole
}

async fn is_kept(desk: &Desk, word: &str) {
    let raws = desk.gate.raws();
    let Some(raw) = raws.last() else {
        panic!("the report was not handed in: what isn't known is kept, not dropped");
    };
    assert_eq!(
        desk.channel.decode(raw),
        [],
        "nothing is made of what isn't known"
    );
    let kept = must(desk.store.unclaimed(desk.channel.id(), None, 10).await);
    let kept: Vec<_> = kept.iter().map(|stored| &stored.unclaimed.raw).collect();
    assert_eq!(kept, [&raw.body], "it is kept as it came");
    let bytes = raw.body.as_bytes();
    let has_word = bytes
        .windows(word.len())
        .any(|part| part == word.as_bytes());
    assert!(has_word, "the bytes handed in aren't those that came");
}

/// Reports as the outside makes them: of every kind that it can be made to report.
async fn real(desk: &mut Desk, harness: &dyn ChannelHarness) -> Vec<RawInbound> {
    let can = |ability| !harness.cannot().contains(&ability);
    desk.says("anna", "quiet 👋").await;
    if can(Ability::Press) {
        desk.answers(Message::new("Well?").with_choices(["yes"]))
            .await;
        desk.happens("anna", Happening::Press("yes")).await;
    }
    if can(Ability::Media) {
        desk.happens("anna", Happening::Media(MediaKind::Photo, "quiet"))
            .await;
    }
    if can(Ability::Start) {
        desk.happens("anna", Happening::Started("spring")).await;
    }
    if can(Ability::Block) {
        desk.happens("anna", Happening::Blocked).await;
        desk.happens("anna", Happening::Unblocked).await;
    }
    let raws = desk.gate.raws();
    desk.gate.set(Mode::Open);
    assert!(!raws.is_empty(), "the channel handed nothing in");
    raws
}

/// What is made of these bytes, checked for its form.
fn decode(desk: &Desk, like: &RawInbound, bytes: &[u8]) {
    let raw = RawInbound {
        body: bytes.into(),
        ..like.clone()
    };
    let decoded = catch_unwind(AssertUnwindSafe(|| desk.channel.decode(&raw)));
    let Ok(decoded) = decoded else {
        panic!("the channel panicked over {} bytes", bytes.len());
    };
    for inbound in &decoded {
        assert_eq!(
            &inbound.from.channel,
            desk.channel.id(),
            "from another channel"
        );
    }
}

/// What the channel made of the last report.
fn last(desk: &Desk) -> Inbound {
    let raws = desk.gate.raws();
    let raw = raws
        .last()
        .unwrap_or_else(|| panic!("the channel handed nothing in"));
    let decoded = desk.channel.decode(raw);
    for (n, inbound) in decoded.iter().enumerate() {
        let key = match n {
            0 => raw.key.clone(),
            n => format!("{}#{n}", raw.key).into(),
        };
        assert_eq!(inbound.key, key, "part {n} of a report has another key");
    }
    let [inbound] = <[Inbound; 1]>::try_from(decoded)
        .unwrap_or_else(|decoded| panic!("one thing happened, {} came in", decoded.len()));
    inbound
}

fn as_message(inbound: &Inbound) -> &Message {
    match &inbound.body {
        // What begins a conversation is a message too.
        InboundBody::Message(message) | InboundBody::Started { message, .. } => message,
        other => panic!("a message came in as {other:?}"),
    }
}

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or_default() % most.max(1)
    }
}
