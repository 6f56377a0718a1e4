//! What a message becomes on a channel: parts that each fit, and nothing lost.

use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel, block_on};
use chatflow_core::{
    Address, Bot, Capabilities, ChoiceLimits, ChoiceStyle, DialogId, EffectId, Event, Fallback,
    FlowBuilder, Initiation, KeywordRouter, Mark, MarkKind, Media, MediaKind, MediaLimits,
    MemoryStore, Message, MessageAction, OperatorAct, Receipts, SendErrorClass, TextUnit,
    Translation, Worker, plan,
};
use proptest::prelude::*;
use proptest::sample::select;

const MIB: u64 = 1 << 20;

/// The kinds that each column of the table speaks of.
const IMAGE: &[MediaKind] = &[MediaKind::Photo];
const AUDIO: &[MediaKind] = &[MediaKind::Audio, MediaKind::Voice];
const VIDEO: &[MediaKind] = &[MediaKind::Video];
const OTHER: &[MediaKind] = &[MediaKind::File];

/// The requirements' table, in mebibytes.
fn table() -> Vec<(&'static str, Capabilities, [Option<u64>; 4])> {
    let telegram = [Some(10), Some(50), Some(50), Some(50)];
    vec![
        (
            "messenger",
            Capabilities::messenger(),
            [Some(8), Some(25), None, Some(25)],
        ),
        (
            "whatsapp qr",
            Capabilities::whatsapp_qr(),
            [Some(64), Some(64), Some(64), Some(100)],
        ),
        (
            "whatsapp business",
            Capabilities::whatsapp_business(),
            [Some(5), Some(16), Some(16), Some(100)],
        ),
        ("telegram bot", Capabilities::telegram_bot(), telegram),
        (
            "telegram business",
            Capabilities::telegram_business(),
            telegram,
        ),
        (
            "telegram personal",
            Capabilities::telegram_personal(),
            telegram,
        ),
        (
            "vkontakte",
            Capabilities::vkontakte(),
            [Some(50), Some(8), None, Some(200)],
        ),
        ("site chat", Capabilities::site_chat(), [None; 4]),
    ]
}

fn cells() -> impl Iterator<Item = (&'static str, Capabilities, MediaKind, Option<u64>)> {
    table().into_iter().flat_map(|(name, capabilities, sizes)| {
        let columns = [IMAGE, AUDIO, VIDEO, OTHER].into_iter().zip(sizes);
        columns.flat_map(move |(kinds, most)| {
            let capabilities = capabilities.clone();
            kinds
                .iter()
                .map(move |kind| (name, capabilities.clone(), *kind, most))
        })
    })
}

fn of_bytes(kind: MediaKind, bytes: u64) -> Message {
    Message::media_of(Media::new(kind, "file").with_bytes(bytes))
}

#[test]
fn ms_11_each_size_limit_of_each_channel_holds_at_n_and_n_plus_1() {
    for (name, capabilities, kind, most) in cells() {
        let Some(most) = most.map(|most| most * MIB) else {
            continue;
        };
        let fits = plan(&of_bytes(kind, most), None, &capabilities);
        assert!(fits.is_ok(), "{name}, {kind} of {most} bytes: {fits:?}");
        let over = plan(&of_bytes(kind, most + 1), None, &capabilities).unwrap_err();
        assert_eq!(over.class, SendErrorClass::TooLarge, "{name}, {kind}");
        let names_it = over.detail.contains(&most.to_string());
        assert!(
            names_it,
            "{name}, {kind}: {} doesn't name the limit",
            over.detail
        );
    }
}

#[test]
fn ms_12_an_empty_cell_is_no_limit() {
    let video = of_bytes(MediaKind::Video, 499 * MIB);
    assert!(plan(&video, None, &Capabilities::messenger()).is_ok());
    let unlimited = cells().filter(|(.., most)| most.is_none());
    let mut n = 0;
    for (name, capabilities, kind, _) in unlimited {
        n += 1;
        let large = plan(&of_bytes(kind, u64::MAX), None, &capabilities);
        assert!(large.is_ok(), "{name}, {kind}: {large:?}");
    }
    assert_eq!(n, 2 + 5, "two cells, and all of the site chat");
}

#[test]
fn ch_09_every_named_channel_has_a_profile_with_limits_of_its_own() {
    let texts = [
        Some(2000),
        Some(4096),
        Some(4096),
        Some(4096),
        Some(4096),
        Some(4096),
        Some(4096),
        None,
    ];
    for ((name, capabilities, _), most) in table().into_iter().zip(texts) {
        assert_eq!(capabilities.text_max, most, "{name}");
        assert!(capabilities.media.contains_key(&MediaKind::Photo), "{name}");
    }
}

#[test]
fn ch_08_the_three_ways_to_bind_telegram_differ_in_writing_first_and_in_reading() {
    let day = Duration::from_secs(24 * 60 * 60);
    let [bot, business, personal] = [
        Capabilities::telegram_bot(),
        Capabilities::telegram_business(),
        Capabilities::telegram_personal(),
    ];
    let first = [bot.initiation, business.initiation, personal.initiation];
    assert_eq!(
        first,
        [
            Initiation::AfterContact,
            Initiation::Within(day),
            Initiation::Always
        ]
    );
    let receipts = [bot.receipts, business.receipts, personal.receipts];
    assert_eq!(receipts, [Receipts::None, Receipts::None, Receipts::Read]);
    let marks = [bot.marks_read, business.marks_read, personal.marks_read];
    assert_eq!(marks, [false, true, true]);
    let now = chatflow_core::time::from_millis(0);
    let refused = bot.may_write(None, now).unwrap_err();
    assert_eq!(refused.class, SendErrorClass::CannotInitiate);
    assert_eq!(personal.may_write(None, now), Ok(()));
}

#[test]
fn ms_21_actions_are_what_the_capabilities_declare() {
    let none = Capabilities::text();
    assert_eq!(none.actions(), []);
    let mut quoting = Capabilities::text();
    quoting.quotes = true;
    assert_eq!(quoting.actions(), [MessageAction::Quote]);
    let mut able = quoting;
    able.edit_within = Some(Duration::from_secs(1));
    able.delete_within = Some(Duration::from_secs(1));
    able.marks_read = true;
    assert_eq!(able.actions(), MessageAction::ALL);
}

fn quote() -> EffectId {
    EffectId {
        dialog: DialogId::from_bytes([1; 16]),
        turn: 1,
        n: 1,
    }
}

#[test]
fn ms_16_a_quote_is_kept_written_out_or_refused_by_capability() {
    let question = Message::new("When do you open?\nAnd close?");
    let answer = Message::new("At nine.").quoting(quote());
    let mut capabilities = Capabilities::text();

    capabilities.quotes = true;
    let parts = plan(&answer, Some(&question), &capabilities).unwrap();
    assert_eq!(parts, std::slice::from_ref(&answer));

    capabilities.quotes = false;
    let parts = plan(&answer, Some(&question), &capabilities).unwrap();
    assert_eq!(texts(&parts), ["> When do you open?\nAt nine."]);
    assert_eq!(parts[0].quotes(), None);
    let parts = plan(&answer, None, &capabilities).unwrap();
    assert_eq!(
        texts(&parts),
        ["At nine."],
        "what isn't known can't be written out"
    );
    let photo = Message::media_of(Media::new(MediaKind::Photo, "p"));
    let parts = plan(&answer, Some(&photo), &capabilities).unwrap();
    assert_eq!(texts(&parts), ["> [photo]\nAt nine."]);

    capabilities.fallback = Fallback::Reject;
    let refused = plan(&answer, Some(&question), &capabilities).unwrap_err();
    assert_eq!(refused.class, SendErrorClass::Unsupported);
}

#[test]
fn ai_09_the_contact_gets_the_translation_without_the_originals_formatting() {
    let translation = Translation {
        language: "es".to_owned(),
        text: "hola".into(),
    };
    let message = Message::new("hello")
        .with_marks([Mark::new(0..5, MarkKind::Bold)])
        .translated(translation);
    let parts = plan(&message, None, &Capabilities::messenger()).unwrap();
    let parts: Vec<&str> = parts.iter().map(Message::text).collect();
    assert_eq!(parts, ["hola"]);
    assert_eq!(message.text(), "hello", "the original is kept beside it");
    let reply = Message::new("si").quoting(EffectId {
        dialog: DialogId::derive(&"shop".into(), &Address::new("test", "anna")),
        turn: 1,
        n: 1,
    });
    let mut plain = Capabilities::messenger();
    plain.quotes = false;
    plain.fallback = Fallback::Degrade;
    let parts = plan(&reply, Some(&message), &plain).unwrap();
    assert_eq!(parts[0].text(), "> hola\nsi", "a quote shows what he saw");
}

#[test]
fn ms_16_marks_stay_on_their_words_below_a_quote() {
    let mut capabilities = Capabilities::text();
    capabilities.formatting = true;
    let bold = Mark::new(3..7, MarkKind::Bold);
    let answer = Message::new("At nine.").with_marks([bold]).quoting(quote());
    let parts = plan(&answer, Some(&"Wann geöffnet?".into()), &capabilities).unwrap();
    let [part] = &parts[..] else {
        panic!("{parts:?}")
    };
    let marked: Vec<_> = part
        .marks()
        .iter()
        .map(|mark| &part.text()[mark.range()])
        .collect();
    assert_eq!(marked, ["nine"]);
}

#[test]
fn choices_that_cannot_be_shown_are_listed_or_refused() {
    let message = Message::new("Which?").with_choices(["one", "two"]);
    let mut capabilities = Capabilities::text();
    capabilities.choices = None;
    let parts = plan(&message, None, &capabilities).unwrap();
    assert_eq!(texts(&parts), ["Which?\n- one\n- two"]);
    assert_eq!(parts[0].choices().len(), 0);
    capabilities.fallback = Fallback::Reject;
    let refused = plan(&message, None, &capabilities).unwrap_err();
    assert_eq!(refused.class, SendErrorClass::Unsupported);
}

#[test]
fn choices_are_shown_in_the_way_the_channel_has() {
    let ways = [
        (true, true, ChoiceStyle::Reply),
        (true, false, ChoiceStyle::Inline),
        (false, true, ChoiceStyle::Reply),
    ];
    for (inline, reply, shown) in ways {
        let mut capabilities = Capabilities::text();
        let limits = ChoiceLimits {
            most: 2,
            label_max: 3,
            inline,
            reply,
        };
        capabilities.choices = Some(limits);
        let message = Message::new("?").with_choice_style(ChoiceStyle::Reply);
        let parts = plan(&message.clone().with_choices(["one"]), None, &capabilities).unwrap();
        assert_eq!(parts[0].choice_style(), shown);
        for (choices, class) in [
            (vec!["one", "two", "six"], SendErrorClass::TooLarge),
            (vec!["four"], SendErrorClass::TooLarge),
            (vec![" "], SendErrorClass::Invalid),
        ] {
            let refused = plan(&message.clone().with_choices(choices), None, &capabilities);
            assert_eq!(refused.unwrap_err().class, class);
        }
    }
}

#[test]
fn a_channel_without_choices_gets_messages_without_choices() {
    let parts = plan(&"hello".into(), None, &Capabilities::telegram_personal()).unwrap();
    assert_eq!(texts(&parts), ["hello"]);
}

#[test]
fn nothing_but_blanks_is_refused_and_so_is_what_would_never_end() {
    let capabilities = Capabilities::telegram_bot();
    for text in ["", "  \n "] {
        let refused = plan(&text.into(), None, &capabilities).unwrap_err();
        assert_eq!(refused.class, SendErrorClass::Invalid);
    }
    let endless = "x".repeat(4096 * 100);
    assert_eq!(
        plan(&endless.as_str().into(), None, &capabilities)
            .unwrap()
            .len(),
        100
    );
    let refused = plan(&format!("{endless}x").into(), None, &capabilities).unwrap_err();
    assert_eq!(refused.class, SendErrorClass::TooLarge);
}

#[test]
fn ch_17_what_is_over_a_limit_never_reaches_the_adapter() {
    let telegram = Capabilities::telegram_bot();
    let channel = Arc::new(ScriptedChannel::new("test").with_capabilities(telegram));
    let flow = FlowBuilder::new("quiet", 1)
        .step("listen", KeywordRouter::new().route("never", ["never"]))
        .exit("otherwise", "listen")
        .exit("never", "listen")
        .build()
        .unwrap();
    let clock = Arc::new(ManualClock::default());
    let worker = Worker::builder(Arc::new(MemoryStore::new()), clock.clone())
        .bot(&Bot::new("bot", flow), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    let dialog = DialogId::derive(&"bot".into(), &Address::new("test", "anna"));
    let replies = [
        (of_bytes(MediaKind::Photo, 10 * MIB + 1), 0),
        (Message::media_of(Media::new(MediaKind::Other, "poll")), 0),
        (Message::new("?").with_choices(["x".repeat(257)]), 0),
        (of_bytes(MediaKind::Photo, 10 * MIB), 1),
    ];
    for (n, (message, sent)) in replies.into_iter().enumerate() {
        let reply = Event::operator(format!("r{n}"), "op", OperatorAct::Reply(message));
        block_on(worker.handle(dialog, &reply)).unwrap();
        block_on(worker.step()).unwrap();
        assert_eq!(channel.take().len(), sent, "reply {n}");
        // Beyond every rate of the channel's.
        clock.advance(Duration::from_secs(60));
    }
}

const UNITS: [TextUnit; 4] = [
    TextUnit::Utf16,
    TextUnit::Scalar,
    TextUnit::Grapheme,
    TextUnit::Byte,
];

#[derive(Debug, Clone)]
struct Shape {
    message: Message,
    capabilities: Capabilities,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let words = select(
        &[
            "",
            " ",
            "\n\n",
            "word ",
            "👩‍👩‍👧‍👦",
            "שלום",
            "e\u{301}",
            "ж",
            "\u{200f}",
        ][..],
    );
    let text = prop::collection::vec(words, 0..30).prop_map(|words| words.concat());
    let kinds = select(&MediaKind::ALL[..9]);
    let media = prop::collection::vec(kinds, 0..7);
    let message = (text, media, 0..4_usize, any::<bool>(), any::<bool>());
    let message = message.prop_map(|(text, media, choices, reply, quotes)| {
        let mut message = Message::new(text);
        for (n, kind) in media.into_iter().enumerate() {
            message = message.with_media(Media::new(kind, format!("m{n}")));
        }
        message = message.with_choices((0..choices).map(|n| format!("c{n}")));
        if reply {
            message = message.with_choice_style(ChoiceStyle::Reply);
        }
        if quotes {
            message = message.quoting(quote());
        }
        message
    });
    let maxima = || prop::option::of(30..60_usize);
    let capabilities = (
        (select(&UNITS[..]), maxima(), maxima()),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (0..5_usize, prop::collection::vec(any::<bool>(), 9)),
    );
    let capabilities = capabilities.prop_map(
        |(
            (unit, text_max, caption_max),
            (inline, reply, quotes, formatting),
            (album, captions),
        )| {
            let mut capabilities = Capabilities::text();
            capabilities.unit = unit;
            capabilities.text_max = text_max;
            capabilities.caption_max = caption_max;
            capabilities.quotes = quotes;
            capabilities.formatting = formatting;
            capabilities.album_max = album;
            let limits = ChoiceLimits {
                most: 3,
                label_max: 10,
                inline,
                reply,
            };
            capabilities.choices = (inline || reply).then_some(limits);
            let kinds = MediaKind::ALL.into_iter().zip(captions);
            capabilities.media = kinds
                .map(|(kind, caption)| {
                    let bytes_max = None;
                    (kind, MediaLimits { bytes_max, caption })
                })
                .collect();
            capabilities
        },
    );
    (message, capabilities).prop_map(|(message, capabilities)| Shape {
        message,
        capabilities,
    })
}

fn texts(parts: &[Message]) -> Vec<&str> {
    parts.iter().map(Message::text).collect()
}

fn bare(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

proptest! {
    #[test]
    fn every_part_fits_and_nothing_is_lost(Shape { message, capabilities } in shapes()) {
        let planned = plan(&message, None, &capabilities);
        prop_assert_eq!(&planned, &plan(&message, None, &capabilities), "not the same twice");
        let Ok(parts) = planned else {
            // Nothing of these shapes is too large; what is empty is refused.
            let class = planned.unwrap_err().class;
            prop_assert_eq!(class, SendErrorClass::Invalid);
            prop_assert!(message.text().trim().is_empty() && message.media().is_empty());
            return Ok(());
        };
        for part in &parts {
            let most = if part.media().is_empty() { capabilities.text_max } else { capabilities.caption_max };
            let length = capabilities.unit.count(part.text());
            // A single cluster may be longer than a piece; none of these is.
            prop_assert!(most.is_none_or(|most| length <= most), "{} units", length);
            prop_assert!(part.media().len() <= capabilities.album_max.max(1));
            prop_assert!(!part.text().trim().is_empty() || !part.media().is_empty(), "an empty part");
            let has_caption = !part.text().is_empty() && !part.media().is_empty();
            if let Some(first) = part.media().first().filter(|_| has_caption) {
                prop_assert!(capabilities.media[&first.kind].caption, "no captions under {}", first.kind);
            }
            if part.media().len() > 1 {
                prop_assert_eq!(part.choices().len(), 0, "an album has no choices");
            }
        }
        // The text, and below it the choices where they can't be shown.
        let mut wanted = message.text().to_owned();
        let offered: Vec<_> = message.choices().collect();
        if capabilities.choices.is_none() {
            for choice in &offered {
                if !wanted.is_empty() {
                    wanted.push('\n');
                }
                wanted.push_str("- ");
                wanted.push_str(choice);
            }
        }
        let joined = texts(&parts).concat();
        prop_assert_eq!(bare(&joined), bare(&wanted), "letters are lost or moved");
        // Whitespace is lost only with a part of nothing else.
        let is_cut = capabilities.text_max.is_some() || wanted.trim().is_empty();
        prop_assert!(joined == wanted || is_cut, "{:?} for {:?}", joined, wanted);
        let media: Vec<_> = parts.iter().flat_map(Message::media).collect();
        prop_assert_eq!(media, message.media().iter().collect::<Vec<_>>());
        let (last, before) = parts.split_last().expect("there is a part");
        prop_assert!(before.iter().all(|part| part.choices().len() == 0));
        let shown: Vec<_> = last.choices().collect();
        prop_assert_eq!(shown, if capabilities.choices.is_some() { offered } else { Vec::new() });
        let quotes: Vec<_> = parts.iter().map(|part| part.quotes().is_some()).collect();
        prop_assert_eq!(quotes[0], message.quotes().is_some() && capabilities.quotes);
        prop_assert!(quotes[1..].iter().all(|quotes| !quotes), "a later part quotes too");
    }
}
