//! What is handed out beside a message: what it speaks of, and when the contact was heard.

use crate::dialog::{EffectId, Event, EventBody, ExternalId, Message, OperatorAct, Quote};
use crate::store::About;
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, dead, named, part_as, sent, sent_as};

/// What a message speaks of, as it is handed out at its beginning; then it is sent.
async fn handed_out(desk: &Desk, effect: EffectId, ids: &[&str]) -> Option<About> {
    let delivery = desk.start(effect, at(50)).await;
    desk.settle(effect, 1, sent_as(ids)).await;
    delivery.about
}

async fn quoting(desk: &Desk, quote: impl Into<Quote>, seconds: i64) -> EffectId {
    let message = Message::new("as you said").quoting(quote);
    desk.replies("anna", message, at(seconds)).await
}

/// A message that quotes another is handed out with that one and all its ids: ours, also after
/// it was sent, and the contact's by either name. What is not known is told as far as it is.
pub async fn ms_16_a_quoted_message_is_handed_out(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let inbound = Message::new("hand off").with_external_id("in");
    let line = desk.hears("anna", inbound.clone(), at(1)).await;
    let ours = desk.replies("anna", "one", at(2)).await;
    desk.start(ours, at(2)).await;
    desk.settle(ours, 1, part_as(&["8"])).await;
    assert_eq!(
        handed_out(&desk, ours, &["7"]).await,
        None,
        "it quotes none"
    );
    let told = |message: &Message, ids: &[&str], seconds| {
        Some(About {
            message: Some(message.clone()),
            ids: named(ids),
            at: Some(at(seconds)),
        })
    };
    let ours_told = told(&"one".into(), &["8", "7"], 2);
    let theirs_told = told(&inbound, &["in"], 1);
    let unknown = |ids: &[&str]| {
        Some(About {
            message: None,
            ids: named(ids),
            at: None,
        })
    };
    let nowhere = EffectId { turn: 77, ..ours };
    let elsewhere = desk.says("bert", "say one", at(1)).await[0];
    let quotes: [(Quote, _); 7] = [
        (ours.into(), ours_told.clone()),
        (ExternalId::new("7").into(), ours_told),
        (line.into(), theirs_told.clone()),
        (ExternalId::new("in").into(), theirs_told),
        (ExternalId::new("99").into(), unknown(&["99"])),
        (nowhere.into(), unknown(&[])),
        (elsewhere.into(), unknown(&[])),
    ];
    for (seconds, (quote, expected)) in (3..).zip(quotes) {
        let reply = quoting(&desk, quote.clone(), seconds).await;
        let about = handed_out(&desk, reply, &[]).await;
        assert_eq!(about, expected, "{quote:?}");
    }
    // What has no ids yet is told without.
    let first = desk.replies("anna", "first", at(20)).await;
    desk.start(first, at(50)).await;
    desk.settle(first, 1, dead()).await;
    let reply = quoting(&desk, first, 21).await;
    let about = handed_out(&desk, reply, &[]).await;
    assert_eq!(about, told(&"first".into(), &[], 20));
}

/// An edit and a deletion are handed out with the message that they change and all its ids, as
/// often as it is edited.
pub async fn an_edited_message_is_handed_out(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let of = desk.replies("anna", "one", at(2)).await;
    handed_out(&desk, of, &["7", "8"]).await;
    let expected = Some(About {
        message: Some("one".into()),
        ids: named(&["7", "8"]),
        at: Some(at(2)),
    });
    for seconds in 3..5 {
        let text = format!("at {seconds}").into();
        let edit = OperatorAct::Edit { of, text };
        let edit = desk.acts("anna", edit, at(seconds)).await;
        // The channel names the new form like the old one.
        let about = handed_out(&desk, edit, &["7"]).await;
        assert_eq!(about, expected);
    }
    let delete = desk.acts("anna", OperatorAct::Delete { of }, at(6)).await;
    assert_eq!(handed_out(&desk, delete, &[]).await, expected);
}

/// When the contact last came to us is handed out with every delivery, and stands in the
/// dialog's columns; none where it never did.
pub async fn ch_04_the_contacts_last_word_is_handed_out(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let opened = Event::new(desk.key(), EventBody::DialogOpened);
    let turn = desk.turn("anna", &opened, at(1)).await;
    desk.apply(turn).await;
    let first = desk.replies("anna", "one", at(2)).await;
    let delivery = desk.start(first, at(2)).await;
    assert_eq!(delivery.heard_at, None, "it never came");
    desk.settle(first, 1, part_as(&["7"])).await;
    desk.says("anna", "hello", at(3)).await;
    assert_eq!(desk.start(first, at(4)).await.heard_at, Some(at(3)));
    desk.settle(first, 1, sent()).await;
    desk.says("bert", "hello", at(9)).await;
    let second = desk.replies("anna", "two", at(10)).await;
    assert_eq!(desk.start(second, at(10)).await.heard_at, Some(at(3)));
    assert_eq!(desk.summary("anna").await.row.heard_at, Some(at(3)));
    assert_eq!(desk.summary("bert").await.row.heard_at, Some(at(9)));
}
