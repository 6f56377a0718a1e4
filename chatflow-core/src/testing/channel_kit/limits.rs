//! What the capabilities declare is true, at the limit and one above it.

use super::desk::{Desk, any_media, last_ids, send_plainly};
use super::texts::of_length;
use super::{Ability, Arrived, ChannelHarness, Happening, Ran};
use crate::channel::{Action, Channel, Fallback, Receipts, SendErrorClass};
use crate::dialog::{ExternalId, MediaKind, Message, ReceiptState};
use crate::store::DeliveryState;

/// Where a channel sets no limit, this many units must go as one.
const LONG: usize = 10_000;

/// What the channel declares can be tried: a harness can't skip it.
///
/// # Panics
/// The harness names an ability that the capabilities declare.
pub async fn what_is_declared_is_not_skipped(harness: &dyn ChannelHarness) -> Ran {
    let outside = harness.fresh().await;
    let channel = outside.connect().await;
    let capabilities = channel.capabilities();
    let has_limits = capabilities.text_max.is_some() || capabilities.caption_max.is_some();
    let declared = [
        (Ability::Press, capabilities.choices.is_some(), "choices"),
        (Ability::Files, !capabilities.media.is_empty(), "media"),
        (
            Ability::Receipts,
            capabilities.receipts > Receipts::None,
            "receipts",
        ),
        (Ability::Limits, has_limits, "longest texts"),
    ];
    for (ability, is_declared, what) in declared {
        assert!(
            !(is_declared && harness.cannot().contains(&ability)),
            "the channel declares {what}, and the harness says that it can't try {ability:?}"
        );
    }
    Ran::Whole
}

/// The longest text that is declared goes as one message, whatever is in it.
pub async fn a_text_at_the_limit_is_one_message(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let length = capabilities.text_max.unwrap_or(LONG);
    let text = of_length(capabilities.unit, length);
    let arrived = desk.answers(text.as_str()).await;
    assert_eq!(
        texts(&arrived),
        [text],
        "{length} units did not arrive as one message"
    );
    Ran::Whole
}

/// One unit more becomes two messages that read as the text did.
pub async fn a_text_beyond_the_limit_is_cut_and_nothing_is_lost(
    harness: &dyn ChannelHarness,
) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let Some(most) = capabilities.text_max else {
        return Ran::NotDeclared("a longest text");
    };
    for length in [most + 1, most * 3] {
        let text = of_length(capabilities.unit, length);
        let arrived = texts(&desk.answers(text.as_str()).await);
        assert!(arrived.len() > 1, "{length} units arrived as one message");
        assert!(
            length > most + 1 || arrived.len() == 2,
            "one unit too many made {} messages",
            arrived.len()
        );
        // An outside may drop the blanks at the ends of a message.
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(
            bare(&arrived.concat()),
            bare(&text),
            "put together, the parts are another text"
        );
    }
    Ran::Whole
}

/// The outside refuses one unit more than the declared limit, and the adapter says so: the limit
/// is neither above the truth nor below it.
pub async fn the_outside_takes_no_more_than_is_declared(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let Some(most) = capabilities.text_max else {
        return Ran::NotDeclared("a longest text");
    };
    desk.says("anna", "quiet").await;
    let message = Message::new(of_length(capabilities.unit, most + 1));
    let refused = send_plainly(&desk, "anna", &message, 1).await;
    let Err(error) = refused else {
        panic!("the outside takes {} units, {most} are declared", most + 1);
    };
    let is_told = matches!(
        error.class,
        SendErrorClass::TooLarge | SendErrorClass::Invalid
    );
    assert!(is_told, "a text too long is called {:?}", error.class);
    Ran::Whole
}

/// The longest caption stands under its media.
pub async fn a_caption_at_the_limit_stands_under_its_media(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let Some(kind) = any_media(&desk, true) else {
        return Ran::NotDeclared("captions");
    };
    let caption = of_length(capabilities.unit, capabilities.caption_max.unwrap_or(LONG));
    let message = Message::new(caption.as_str()).with_media(desk.outside.file(kind));
    let arrived = desk.answers(message).await;
    assert_eq!(shapes(&arrived), [(1, caption.as_str())]);
    Ran::Whole
}

/// A longer caption follows its media as a text.
pub async fn a_caption_beyond_the_limit_follows_its_media(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let (Some(kind), Some(most)) = (any_media(&desk, true), capabilities.caption_max) else {
        return Ran::NotDeclared("a longest caption");
    };
    let caption = of_length(capabilities.unit, most + 1);
    let message = Message::new(caption.as_str()).with_media(desk.outside.file(kind));
    let arrived = desk.answers(message).await;
    let Some((media, after)) = arrived.split_first() else {
        panic!("nothing arrived");
    };
    assert_eq!((media.media, media.text.as_str()), (1, ""));
    assert!(after.iter().all(|part| part.media == 0));
    assert_eq!(texts(after).concat(), caption);
    Ran::Whole
}

/// As many pictures as declared go together; one more makes a second message. All arrive.
pub async fn an_album_is_as_large_as_declared(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let Some(limits) = capabilities.media.get(&MediaKind::Photo) else {
        return Ran::NotDeclared("pictures");
    };
    let most = capabilities.album_max.clamp(1, 20);
    let album = |size: usize| {
        let photos = (0..size).map(|_| desk.outside.file(MediaKind::Photo));
        let text = if limits.caption { "look" } else { "" };
        photos.fold(Message::new(text), Message::with_media)
    };
    let (full, over) = (album(most), album(most + 1));
    let arrived = desk.answers(full).await;
    let sizes: Vec<_> = arrived.iter().map(|part| part.media).collect();
    assert_eq!(sizes, [most], "{most} pictures go together");
    if capabilities.album_max <= 20 {
        let arrived = desk.answers(over).await;
        let sizes: Vec<_> = arrived.iter().map(|part| part.media).collect();
        assert_eq!(sizes, [most, 1], "one picture more makes a second message");
    }
    Ran::Whole
}

/// A file of the declared size arrives; one beyond it is refused by core, and the channel isn't
/// asked.
pub async fn a_file_too_large_never_reaches_the_channel(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let mut kinds = capabilities.media.iter();
    let limited = kinds.find_map(|(kind, limits)| Some((*kind, limits.bytes_max?)));
    let Some((kind, most)) = limited else {
        return Ran::NotDeclared("a largest file");
    };
    let fitting = desk.outside.file(kind).with_bytes(most);
    let arrived = desk.answers(Message::media_of(fitting)).await;
    assert_eq!(arrived.len(), 1, "a file of {most} bytes did not arrive");
    let calls = desk.channel.calls().len();
    let large = desk.outside.file(kind).with_bytes(most + 1);
    let arrived = desk.answers(Message::media_of(large)).await;
    assert_eq!(arrived, [], "a file of {} bytes was sent", most + 1);
    assert_eq!(desk.channel.calls().len(), calls, "the channel was asked");
    if !harness.cannot().contains(&Ability::Limits) {
        let large = desk.outside.file(kind).with_bytes(most + 1);
        let refused = send_plainly(&desk, "anna", &Message::media_of(large), 1).await;
        assert!(
            refused.is_err(),
            "the outside takes larger files than are declared"
        );
    }
    Ran::Whole
}

/// Choices arrive in their order, as many and as long as declared; longer ones are refused.
pub async fn choices_arrive_in_order_and_as_long_as_declared(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let capabilities = desk.channel.capabilities().clone();
    let Some(limits) = capabilities.choices else {
        return Ran::NotDeclared("choices");
    };
    let longest = of_length(capabilities.unit, limits.label_max.min(300)).replace('\n', "x");
    let most = limits.most.min(100);
    let mut labels: Vec<String> = (1..most).map(|n| format!("choice {n}")).collect();
    labels.push(longest.trim_end().to_owned());
    let arrived = desk
        .answers(Message::new("Well?").with_choices(labels.clone()))
        .await;
    let offered: Vec<_> = arrived
        .iter()
        .flat_map(|part| part.choices.clone())
        .collect();
    assert_eq!(offered, labels, "all choices arrive, once and in order");
    assert_eq!(texts(&arrived), ["Well?"]);
    if limits.label_max <= 300 {
        let label = "x".repeat(limits.label_max + 1);
        let arrived = desk
            .answers(Message::new("Well?").with_choices([label]))
            .await;
        assert_eq!(arrived, [], "a choice that is too long was sent");
    }
    if limits.most <= 100 {
        let labels = (0..=limits.most).map(|n| format!("choice {n}"));
        let arrived = desk
            .answers(Message::new("Well?").with_choices(labels))
            .await;
        assert_eq!(arrived, [], "more choices than declared were sent");
    }
    Ran::Whole
}

/// A reply arrives as one, with the outside's own id; where there are no replies, what it
/// replies to is written above it, or it is refused.
pub async fn a_reply_names_what_it_replies_to(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.answers("the question").await;
    let capabilities = desk.channel.capabilities().clone();
    let lines = desk.lines("anna").await;
    let Some(line) = lines.last() else {
        panic!("the transcript is empty");
    };
    let quote = line.record.id;
    let arrived = desk
        .answers(Message::new("the answer").quoting(quote))
        .await;
    if capabilities.quotes {
        let Some(id) = line.ids.first() else {
            panic!("the channel has replies and gives no ids of what it sent");
        };
        let quotes: Vec<_> = arrived.iter().map(|part| part.quotes.as_ref()).collect();
        assert_eq!(
            quotes,
            [Some(id)],
            "the reply doesn't name what it replies to"
        );
    } else if capabilities.fallback == Fallback::Degrade {
        assert_eq!(texts(&arrived), ["> the question\nthe answer"]);
    } else {
        assert_eq!(arrived, []);
    }
    Ran::Whole
}

/// What is declared to be done to messages is done.
pub async fn declared_actions_are_done(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.answers("a first form").await;
    let capabilities = desk.channel.capabilities().clone();
    let to = desk.outside.address("anna");
    let ids = last_ids(&desk);
    let changed = Message::new("another form");
    let mut actions = Vec::new();
    if capabilities.typing {
        actions.push(Action::Typing);
    }
    if capabilities.edit_within.is_some() || capabilities.delete_within.is_some() {
        assert!(!ids.is_empty(), "what can be changed has an id");
    }
    if let Some(id) = ids.first() {
        if capabilities.edit_within.is_some() {
            let message = &changed;
            actions.push(Action::Edit { id, message });
        }
        if capabilities.delete_within.is_some() {
            actions.push(Action::Delete { id });
        }
    }
    let theirs = heard_id(&desk);
    if capabilities.marks_read {
        let Some(id) = &theirs else {
            panic!("the channel marks messages as read and gives no ids of those that come in");
        };
        actions.push(Action::MarkRead { id });
    }
    if actions.is_empty() {
        return Ran::NotDeclared("actions");
    }
    for action in actions {
        let done = desk.channel.act(&to, &action).await;
        assert_eq!(done, Ok(()), "declared, and not done: {action:?}");
    }
    Ran::Whole
}

/// A second send under the same key arrives once where that is declared, and only there.
pub async fn a_second_send_under_one_key_arrives_as_declared(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    desk.says("anna", "quiet").await;
    if !desk.channel.capabilities().idempotent_send {
        return Ran::NotDeclared("sends that may be repeated");
    }
    let message = Message::new("once");
    for _ in 0..2 {
        let sent = send_plainly(&desk, "anna", &message, 7).await;
        assert!(sent.is_ok(), "a repeated send is refused: {sent:?}");
    }
    assert_eq!(desk.arrived_at("anna").await, ["once"]);
    let other = send_plainly(&desk, "anna", &message, 8).await;
    assert!(other.is_ok(), "{other:?}");
    let arrived = desk.arrived_at("anna").await;
    assert_eq!(arrived, ["once", "once"], "another key is another message");
    Ran::Whole
}

/// Receipts move a message on as far as is declared.
pub async fn receipts_are_as_declared(harness: &dyn ChannelHarness) -> Ran {
    let mut desk = Desk::open(harness).await;
    let highest = desk.channel.capabilities().receipts;
    if highest == Receipts::None {
        return Ran::NotDeclared("receipts");
    }
    desk.answers("hello").await;
    let ids = last_ids(&desk);
    let Some(id) = ids.last() else {
        panic!("the channel has receipts and gives no ids of what it sent");
    };
    let steps = [
        (
            Receipts::Delivered,
            ReceiptState::Delivered,
            DeliveryState::Delivered,
        ),
        (Receipts::Read, ReceiptState::Read, DeliveryState::Read),
        // Late: it must not move the message back.
        (Receipts::Read, ReceiptState::Delivered, DeliveryState::Read),
    ];
    for (least, receipt, wanted) in steps {
        if highest >= least {
            desk.happens("anna", Happening::Receipt(id, receipt)).await;
            let lines = desk.lines("anna").await;
            let state = lines.last().and_then(|line| line.delivery);
            assert_eq!(state, Some(wanted), "after the receipt {receipt:?}");
        }
    }
    Ran::Whole
}

/// The outside's id of the last message that came in.
fn heard_id(desk: &Desk) -> Option<ExternalId> {
    let raws = desk.gate.raws();
    let decoded = desk.channel.decode(raws.last()?);
    decoded.into_iter().find_map(|inbound| match inbound.body {
        crate::channel::InboundBody::Message(message) => message.external_id().cloned(),
        _ => None,
    })
}

fn texts(arrived: &[Arrived]) -> Vec<String> {
    arrived.iter().map(|part| part.text.clone()).collect()
}

fn shapes(arrived: &[Arrived]) -> Vec<(usize, &str)> {
    let parts = arrived.iter();
    parts.map(|part| (part.media, part.text.as_str())).collect()
}
