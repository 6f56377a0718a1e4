//! Rates, rests and windows: what a channel takes now, later and never.

use std::time::Duration;

use chatflow_core::testing::block_on;
use chatflow_core::{
    Capabilities, Cause, DeliveryState, FailureReason, Initiation, OperatorAct, Profile, Rate,
    RateLimits, Reach, SendErrorClass,
};

use super::{Shop, address, dialog};

const SECOND: Duration = Duration::from_secs(1);

fn paced(limits: RateLimits) -> Capabilities {
    let mut paced = Capabilities::text();
    paced.rates = limits;
    paced
}

fn per_second(count: u32) -> Option<Rate> {
    Some(Rate { count, per: SECOND })
}

#[test]
fn what_a_channel_cannot_take_now_waits_without_counting_and_hides_nothing() {
    let shop = Shop::new(paced(RateLimits {
        address: per_second(1),
        ..RateLimits::default()
    }));
    shop.says("anna", "1", "hi");
    shop.operates("anna", "r1", OperatorAct::Reply("one".into()))
        .unwrap();
    shop.operates("anna", "r2", OperatorAct::Reply("two".into()))
        .unwrap();
    shop.says("bert", "1", "hi");
    // Anna's second message waits; Bert's first doesn't.
    assert_eq!(shop.texts(), ["Your name?", "Your name?"]);
    shop.waits(SECOND);
    assert_eq!(shop.texts(), ["one"]);
    shop.waits(SECOND);
    let sent = shop.sent();
    assert_eq!(sent[0].message.text(), "two");
    assert_eq!(sent[0].attempt, 1, "waiting is no attempt");
}

#[test]
fn replies_go_before_broadcasts_and_no_window_is_above_the_limit() {
    let shop = Shop::new(paced(RateLimits {
        channel: per_second(6),
        ..RateLimits::default()
    }));
    let names: Vec<String> = (0..200).map(|n| format!("contact-{n}")).collect();
    for name in &names {
        block_on(shop.worker.open_dialog(&address(name), &Profile::default())).unwrap();
    }
    shop.step();
    for name in &names {
        let act = OperatorAct::Broadcast("news".into());
        let event = chatflow_core::Event::operator("b", "olga", act);
        block_on(shop.worker.handle(dialog(name), &event)).unwrap();
    }
    let mut sent_at = Vec::new();
    let mut answered_after = Vec::new();
    let mut asked_at = None;
    // Twentieths of a second: a slot of this channel is a sixth.
    for tick in 0..900_u32 {
        if tick % 40 == 7 {
            let name = &names[(tick as usize / 40 * 37) % names.len()];
            let said = shop.channel.says(name, format!("q{tick}"), "hello?");
            block_on(shop.worker.receive(said)).unwrap();
            asked_at.get_or_insert(tick);
        }
        shop.step();
        for sent in shop.sent() {
            sent_at.push(tick);
            if sent.message.text() != "news" {
                answered_after.extend(asked_at.take().map(|asked| tick - asked));
            }
        }
        shop.clock.advance(SECOND / 20);
    }
    assert!(sent_at.len() > 190, "{}", sent_at.len());
    for window in sent_at.windows(7) {
        assert!(
            window[6] - window[0] >= 20,
            "seven within a second: {window:?}"
        );
    }
    assert!(answered_after.len() > 15);
    let slowest = answered_after.iter().max().unwrap();
    assert!(*slowest <= 4, "a reply waited {slowest} twentieths");
}

#[test]
fn st_41_one_flooded_address_delays_no_other_and_keeps_its_status() {
    let shop = Shop::new(paced(RateLimits::default()));
    let flood = |seconds| SendErrorClass::Transient {
        retry_after: Some(SECOND * seconds),
    };
    shop.channel.refuse_next(flood(30));
    shop.says("anna", "1", "hi");
    shop.says("bert", "1", "hi");
    let to: Vec<_> = (shop.sent().into_iter())
        .map(|sent| (sent.to, sent.refused.is_none()))
        .collect();
    assert_eq!(to, [(address("anna"), false), (address("bert"), true)]);
    shop.waits(SECOND * 29);
    assert!(shop.sent().is_empty(), "not before the time it was told");
    shop.channel.refuse_next(flood(5));
    shop.waits(SECOND);
    shop.waits(SECOND * 5);
    assert_eq!(shop.sent().len(), 2);
    assert_eq!(shop.status("anna"), "auto");
    let line = shop.transcript("anna").pop().unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Sent));
}

#[test]
fn a_channel_that_is_down_rests_longer_each_time_and_loses_nothing() {
    let shop = Shop::new(paced(RateLimits::default()));
    for _ in 0..20 {
        shop.channel.refuse_next(SendErrorClass::ChannelDown);
    }
    shop.says("anna", "1", "hi");
    shop.says("bert", "1", "hi");
    let mut tries = shop.sent().len();
    assert_eq!(tries, 1, "while it rests nobody else tries");
    for _ in 0..4000 {
        shop.waits(SECOND);
        tries += shop.sent().len();
    }
    // 20 failures at rests that double up to five minutes take about an hour.
    assert!((20..=24).contains(&tries), "{tries}");
    for contact in ["anna", "bert"] {
        let line = shop.transcript(contact).pop().unwrap();
        assert_eq!(line.delivery, Some(DeliveryState::Sent), "{contact}");
        assert_eq!(shop.status(contact), "auto");
    }
}

#[test]
fn many_unknown_addresses_at_once_make_the_channel_rest_and_come_back_when_it_works() {
    let shop = Shop::new(paced(RateLimits::default()));
    let names = ["a", "b", "c", "d", "e", "f"];
    for _ in 0..5 {
        shop.channel.refuse_next(SendErrorClass::UnknownRecipient);
    }
    for name in names {
        shop.says(name, "1", "hi");
    }
    assert_eq!(shop.sent().len(), 5, "the sixth isn't tried");
    let stopped = Reach::CannotWrite(Cause::UnknownRecipient);
    for name in &names[..4] {
        assert_eq!(shop.snapshot(name).reach, stopped);
    }
    assert_eq!(shop.status("e"), "auto", "its message waits");
    shop.waits(SECOND * 59);
    assert!(shop.sent().is_empty());
    shop.waits(SECOND);
    assert_eq!(shop.sent().len(), 2, "e and f");
    for name in names {
        assert_eq!(shop.status(name), "auto", "{name}");
    }

    // A single one is what it looks like.
    shop.channel.refuse_next(SendErrorClass::UnknownRecipient);
    shop.says("z", "1", "hi");
    shop.says("y", "1", "hi");
    assert_eq!(shop.status("z"), "stopped");
    assert_eq!(shop.status("y"), "auto");
}

#[test]
fn st_08_ch_12_who_may_not_write_first_is_stopped_before_the_channel_is_asked() {
    let mut careful = Capabilities::text();
    careful.initiation = Initiation::AfterContact;
    let shop = Shop::new(careful);
    block_on(
        shop.worker
            .open_dialog(&address("anna"), &Profile::default()),
    )
    .unwrap();
    shop.operates("anna", "r1", OperatorAct::Reply("hello".into()))
        .unwrap();
    shop.operates("anna", "r2", OperatorAct::Reply("are you there?".into()))
        .unwrap_err();
    assert!(shop.sent().is_empty());
    assert_eq!(shop.status("anna"), "stopped");
    assert_eq!(
        shop.snapshot("anna").reach,
        Reach::CannotWrite(Cause::CannotInitiate)
    );
    let line = shop.transcript("anna").pop().unwrap();
    assert_eq!(line.failure, Some(FailureReason::CannotInitiate));
    // He writes: from now on he can be written to.
    shop.says("anna", "1", "hi");
    shop.operates("anna", "r3", OperatorAct::Reply("there you are".into()))
        .unwrap();
    assert_eq!(shop.texts(), ["there you are"]);
}

#[test]
fn ch_17_the_window_closes_to_the_second_and_a_message_opens_it_again() {
    let mut careful = Capabilities::text();
    careful.initiation = Initiation::Within(SECOND * 60);
    let shop = Shop::new(careful);
    shop.says("anna", "1", "hi");
    shop.sent();
    shop.waits(SECOND * 60);
    shop.operates("anna", "r1", OperatorAct::Reply("in time".into()))
        .unwrap();
    assert_eq!(shop.texts(), ["in time"]);
    shop.waits(SECOND);
    shop.operates("anna", "r2", OperatorAct::Reply("too late".into()))
        .unwrap();
    assert!(shop.sent().is_empty());
    assert_eq!(
        shop.snapshot("anna").reach,
        Reach::CannotWrite(Cause::WindowClosed)
    );
    shop.says("anna", "2", "back");
    shop.operates("anna", "r3", OperatorAct::Reply("welcome back".into()))
        .unwrap();
    assert_eq!(shop.texts(), ["welcome back"]);
}
