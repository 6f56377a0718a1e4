//! What a host does beside flows.

use std::time::Duration;

use chatflow_core::testing::block_on;
use chatflow_core::{
    Capabilities, DeliveryState, EffectId, FailureReason, HandleError, InboundBody, Message,
    MessageAction, OperatorAct, ReceiptState, Receipted, Receipts, SendErrorClass,
};

use super::{Shop, address, dialog};
use std::sync::Arc;

use chatflow_core::testing::ScriptedChannel;
use chatflow_core::{Ask, Bot, FlowBuilder, Worker};

fn able() -> Capabilities {
    let mut able = Capabilities::text();
    able.typing = true;
    able.edit_within = Some(Duration::from_secs(60));
    able.delete_within = Some(Duration::from_secs(60));
    able.marks_read = true;
    able.receipts = Receipts::Read;
    able
}

#[test]
fn ms_04_ms_43_a_failed_message_is_sent_again_once_however_often_it_is_asked_for() {
    let shop = Shop::new(Capabilities::text());
    shop.says("anna", "1", "hi");
    shop.sent();
    shop.channel.refuse_next(SendErrorClass::Invalid);
    shop.operates("anna", "r", OperatorAct::Reply("hello".into()))
        .unwrap();
    let line = shop.transcript("anna").pop().unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Dead));
    assert_eq!(line.failure, Some(FailureReason::Invalid), "MS-04");
    let key = shop.sent()[0].key;
    assert!(block_on(shop.worker.resend(line.record.id)).unwrap());
    assert!(!block_on(shop.worker.resend(line.record.id)).unwrap());
    shop.step();
    assert!(!block_on(shop.worker.resend(line.record.id)).unwrap());
    shop.step();
    let sent = shop.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].key, key, "under its old key");
    let line = shop.transcript("anna").pop().unwrap();
    assert_eq!(line.delivery, Some(DeliveryState::Sent));
    assert_eq!(line.failure, None);
}

#[test]
fn an_automatic_message_is_sent_again_though_a_person_leads_now() {
    let shop = Shop::new(Capabilities::text());
    shop.channel.refuse_next(SendErrorClass::TooLarge);
    shop.says("anna", "1", "hi");
    shop.sent();
    let lost = shop.last("anna");
    shop.operates("anna", "t", OperatorAct::Take).unwrap();
    assert!(block_on(shop.worker.resend(lost)).unwrap());
    shop.step();
    assert_eq!(shop.texts(), ["Your name?"]);
}

#[test]
fn ms_01_ms_05_ms_06_states_move_forward_as_far_as_the_channel_reports() {
    let receipt = |shop: &Shop, key: &str, state| {
        let mut inbound = shop.channel.says("anna", key, "");
        inbound.body = InboundBody::Receipt {
            of: Receipted::These(vec!["m1".into()]),
            state,
        };
        shop.hears(inbound);
    };
    let state = |shop: &Shop| shop.transcript("anna").pop().unwrap().delivery.unwrap();

    let shop = Shop::new(able());
    block_on(shop.worker.receive(shop.channel.says("anna", "1", "hi"))).unwrap();
    assert_eq!(state(&shop), DeliveryState::Ready, "MS-01: queued");
    shop.step();
    assert_eq!(state(&shop), DeliveryState::Sent);
    receipt(&shop, "a", ReceiptState::Delivered);
    assert_eq!(state(&shop), DeliveryState::Delivered);
    receipt(&shop, "b", ReceiptState::Read);
    receipt(&shop, "c", ReceiptState::Delivered);
    receipt(&shop, "d", ReceiptState::Failed(FailureReason::Blocked));
    assert_eq!(state(&shop), DeliveryState::Read, "MS-06");
    assert_eq!(shop.status("anna"), "auto");

    // MS-05: a channel without read receipts never shows one.
    let mut blind = able();
    blind.receipts = Receipts::Delivered;
    let shop = Shop::new(blind);
    shop.says("anna", "1", "hi");
    receipt(&shop, "a", ReceiptState::Read);
    assert_eq!(state(&shop), DeliveryState::Sent);
    receipt(&shop, "b", ReceiptState::Delivered);
    assert_eq!(state(&shop), DeliveryState::Delivered);
}

#[test]
fn ms_21_actions_are_the_channels_and_what_it_lacks_is_refused() {
    let shop = Shop::new(able());
    shop.says("anna", "1", "hi");
    let ours = shop.last("anna");
    let edit = |of| OperatorAct::Edit {
        of,
        text: "What is your name?".into(),
    };
    shop.operates("anna", "e", edit(ours)).unwrap();
    shop.operates("anna", "d", OperatorAct::Delete { of: ours })
        .unwrap();
    block_on(shop.worker.show_typing(dialog("anna"))).unwrap();
    let done = shop.channel.take_done();
    let what: Vec<_> = done.iter().map(|done| done.action).collect();
    assert_eq!(what, ["edit", "delete", "typing"]);
    assert_eq!(done[0].id, Some("m1".into()));
    let form = done[0].message.as_ref().unwrap();
    assert_eq!(form.text(), "What is your name?");
    assert_eq!(done[2].to, address("anna"));
    // The transcript shows the new form and says whose it is.
    let lines = shop.transcript("anna");
    let edited = lines
        .iter()
        .find(|line| line.record.edits.is_some())
        .unwrap();
    assert_eq!(edited.record.edits, Some(ours.into()));

    // After their time the channel is not asked.
    shop.waits(Duration::from_secs(61));
    shop.operates("anna", "late", edit(ours)).unwrap();
    assert!(shop.channel.take_done().is_empty());
    assert_eq!(
        shop.status("anna"),
        "auto",
        "an edit that fails changes no status"
    );
    // What never was ours can't be changed.
    let theirs = EffectId { n: 0, ..ours };
    shop.operates("anna", "theirs", edit(theirs)).unwrap_err();

    let plain = Shop::new(Capabilities::text());
    plain.says("anna", "1", "hi");
    let refused = plain.operates("anna", "e", edit(plain.last("anna")));
    assert!(matches!(
        refused,
        Err(HandleError::Unsupported {
            action: MessageAction::Edit,
            ..
        })
    ));
    block_on(plain.worker.show_typing(dialog("anna"))).unwrap_err();
    block_on(plain.worker.mark_read(dialog("anna"), plain.last("anna"))).unwrap_err();
    assert!(plain.channel.take_done().is_empty());
    assert_eq!(Capabilities::text().actions(), []);
    let all = [
        MessageAction::Edit,
        MessageAction::Delete,
        MessageAction::MarkRead,
    ];
    assert_eq!(able().actions(), all);
}

#[test]
fn reading_is_shown_by_the_contacts_own_message() {
    let shop = Shop::new(able());
    let mut hello = shop.channel.says("anna", "1", "");
    hello.body = InboundBody::Message(Message::new("hi").with_external_id("x7"));
    shop.hears(hello);
    let theirs = shop.transcript("anna")[0].record.id;
    block_on(shop.worker.mark_read(dialog("anna"), theirs)).unwrap();
    let done = shop.channel.take_done();
    assert_eq!(done[0].action, "mark_read");
    assert_eq!(done[0].id, Some("x7".into()));
}

/// A name is the host's to change; what is stored knows the channel by its id.
#[test]
fn ch_11_a_channel_is_shown_by_the_name_it_has_now() {
    let shop = Shop::new(Capabilities::text());
    shop.says("anna", "1", "hi");
    for name in ["Sales", "Shop"] {
        let channel = ScriptedChannel::new("test").named(name);
        let flow = FlowBuilder::new("greet", 1).step("name", Ask::text("Your name?"));
        let worker = Worker::builder(Arc::clone(&shop.store), shop.clock.clone())
            .bot(&Bot::new("bot", flow.build().unwrap()), Arc::new(channel))
            .build()
            .unwrap();
        let rows = block_on(shop.store.dialogs(None, 10)).unwrap();
        let shown: Vec<_> = (rows.iter())
            .map(|row| {
                (
                    row.address.channel.as_str(),
                    worker.channel_name(&row.address),
                )
            })
            .collect();
        assert_eq!(shown, [("test", Some(name))]);
    }
}
