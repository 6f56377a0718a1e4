//! What may never start: cancelled by a turn, or when it would begin.

use std::collections::BTreeSet;

use crate::dialog::{
    ContactView, Effect, EffectBody, EffectId, OperatorAct, StatusChoice, StepTarget,
};
use crate::store::{Begun, DeliveryState};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, block, retry_at, settlement};

fn ids(effects: &[Effect]) -> BTreeSet<EffectId> {
    effects.iter().map(|effect| effect.id).collect()
}

async fn act(desk: &Desk, act: OperatorAct, seconds: i64) -> (BTreeSet<EffectId>, Vec<EffectId>) {
    let turn = desk.act("anna", act, at(seconds)).await;
    let own = turn.effects.iter().map(|effect| effect.id).collect();
    (desk.apply(turn).await, own)
}

/// Begins an entry and puts it back, so that a turn that cancels meanwhile leaves it alone.
async fn retry(desk: &Desk, effect: EffectId) {
    desk.settle(effect, 1, retry_at(at(1))).await;
}

async fn expect_cancelled(desk: &Desk, effect: EffectId) {
    let begun = desk.begin(effect, at(50)).await;
    assert!(matches!(begun, Begun::Cancelled), "not {begun:?}");
    let open = desk.open_entries("anna").await;
    assert!(
        !open.iter().any(|(id, ..)| *id == effect),
        "settled for good"
    );
    let due = desk.listed(at(50)).await;
    assert!(!due.contains(&effect), "and never listed again");
    let again = desk.begin(effect, at(51)).await;
    assert!(matches!(again, Begun::Cancelled), "cancelled before");
}

const SECOND: fn() -> OperatorAct =
    || OperatorAct::set(Some(StatusChoice::Auto), Some(StepTarget::step("second")));

async fn save_view(desk: &Desk, change: impl FnOnce(&mut ContactView)) {
    let mut contact = desk.contact("anna").await.expect("anna's row");
    let expected = contact.view.revision;
    contact.view.revision += 1;
    change(&mut contact.view);
    let saved = desk.store.save_contact(&contact, expected).await;
    saved.expect("save_contact");
}

/// A takeover cancels what automation decided and has not begun, messages and calls, and says
/// which; an operator's own, what is in flight and the turn's own message stay.
pub async fn a_takeover_cancels_what_automation_decided(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say one; say two", at(1)).await;
    desk.says("anna", "hand off", at(1)).await;
    let (_, earlier) = act(&desk, OperatorAct::Reply("zero".into()), 2).await;
    act(&desk, SECOND(), 3).await;
    let turn = desk
        .message("anna", "say one; call rates; say two; call stock", at(4))
        .await;
    let decided = ids(&turn.effects);
    desk.apply(turn.clone()).await;
    let under_way = turn.effects[3].id;
    desk.start(under_way, at(4)).await;
    let (cancelled, own) = act(&desk, OperatorAct::Reply("three".into()), 5).await;
    let mut expected = decided;
    expected.remove(&under_way);
    assert_eq!(cancelled, expected);
    let open = desk.open_entries("anna").await;
    let left = [
        (earlier[0], DeliveryState::Ready, 0),
        (under_way, DeliveryState::InFlight, 1),
        (own[0], DeliveryState::Ready, 0),
    ];
    assert_eq!(open, left);
    assert_eq!(
        desk.open_entries("bert").await.len(),
        2,
        "other dialogs are not touched"
    );
}

/// A block cancels all messages not yet begun, an operator's too; what is in flight stays.
pub async fn a_block_cancels_all_messages(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let (_, reply) = act(&desk, OperatorAct::Reply("one".into()), 2).await;
    let (_, behind) = act(&desk, OperatorAct::Reply("and one".into()), 3).await;
    act(&desk, SECOND(), 3).await;
    let said = desk
        .says("anna", "say two; say three; name Anna", at(4))
        .await;
    desk.start(reply[0], at(5)).await;
    let (cancelled, _) = act(&desk, OperatorAct::Block, 6).await;
    assert_eq!(cancelled, BTreeSet::from([behind[0], said[0], said[1]]));
    assert_eq!(desk.delivery(reply[0]).await, Some(DeliveryState::InFlight));
    assert_eq!(desk.delivery(said[0]).await, Some(DeliveryState::Cancelled));
    let open = desk.open_entries("anna").await;
    assert!(
        open.contains(&(said[2], DeliveryState::Ready, 0)),
        "a patch isn't a message"
    );
}

/// A turn that cancels nothing leaves everything: a flow's own hand-off lets its farewell go.
pub async fn a_turn_cancels_only_what_it_says(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let first = desk.says("anna", "say one; call rates", at(1)).await;
    let turn = desk
        .message("anna", "say passing you on; hand off", at(2))
        .await;
    assert_eq!(turn.cancel, None);
    assert_eq!(desk.apply(turn).await, BTreeSet::new());
    assert_eq!(desk.open_entries("anna").await.len(), first.len() + 1);
    desk.deliver(first[0], at(3)).await;
    let farewell = desk.listed(at(3)).await;
    assert!(
        farewell.iter().any(|id| id.turn == 2),
        "automation's last words go"
    );
    for effect in farewell {
        desk.deliver(effect, at(3)).await;
    }
}

/// A turn's settlement comes before its cancelling: what it puts back is cancelled too.
pub async fn a_turn_settles_before_it_cancels(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let said = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(said[0], at(2)).await;
    let mut turn = desk.act("anna", OperatorAct::Take, at(3)).await;
    turn.settlement = Some(settlement(said[0], 1, retry_at(at(9))));
    let cancelled = desk.apply(turn).await;
    assert_eq!(cancelled, said.into_iter().collect());
    assert!(desk.open_entries("anna").await.is_empty());
    assert_eq!(
        desk.due(at(3)).await.next,
        None,
        "nothing is planned any more"
    );
}

/// What automation decided before a takeover and was under way then may not start again: the
/// fence stops it, messages and calls.
pub async fn the_fence_stops_what_automation_decided(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let said = desk.says("anna", "say one; call rates", at(1)).await;
    for &effect in &said {
        desk.start(effect, at(2)).await;
    }
    let (cancelled, own) = act(&desk, OperatorAct::Reply("two".into()), 3).await;
    assert!(cancelled.is_empty(), "in flight, so left alone");
    for &effect in &said {
        retry(&desk, effect).await;
        expect_cancelled(&desk, effect).await;
    }
    desk.deliver(own[0], at(50)).await;
}

/// A person's message is not fenced, and automation's of the newest epoch is not.
pub async fn the_fence_lets_a_person_through(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let (_, reply) = act(&desk, OperatorAct::Reply("one".into()), 2).await;
    act(&desk, SECOND(), 3).await;
    let row = desk.summary("anna").await.row;
    let entry = desk
        .store
        .outbox(desk.dialog("anna"))
        .await
        .expect("outbox");
    assert!(
        entry[0].effect.epoch < row.fence,
        "it was written before the fence rose"
    );
    let said = desk.says("anna", "say two", at(4)).await;
    desk.deliver(reply[0], at(5)).await;
    desk.deliver(said[0], at(5)).await;
}

/// Messages of a dialog that can't be sent to are cancelled when they would begin, whoever
/// decided them; a call is fenced by the block, since nobody waits for its answer any more.
pub async fn a_dialog_that_cannot_be_sent_to_stops_messages(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let (_, reply) = act(&desk, OperatorAct::Reply("one".into()), 2).await;
    act(&desk, SECOND(), 3).await;
    let asked = desk.says("anna", "call rates; say two", at(4)).await;
    desk.start(asked[0], at(5)).await;
    desk.start(reply[0], at(5)).await;
    act(&desk, OperatorAct::Block, 6).await;
    retry(&desk, reply[0]).await;
    retry(&desk, asked[0]).await;
    expect_cancelled(&desk, reply[0]).await;
    expect_cancelled(&desk, asked[0]).await;
}

/// Messages to a contact whose row is blocked are cancelled when they would begin, in every
/// dialog of the contact and whoever decided them; calls are not, and other contacts are not
/// concerned.
pub async fn a_blocked_contact_stops_messages(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let said = desk
        .says("anna", "say one; call rates; hand off", at(1))
        .await;
    let (_, reply) = act(&desk, OperatorAct::Reply("two".into()), 2).await;
    let beside = kiosk.says("anna", "say one", at(2)).await;
    let bert = desk.says("bert", "say one", at(2)).await;
    save_view(&desk, |view| view.blocked = block()).await;
    expect_cancelled(&desk, said[0]).await;
    expect_cancelled(&desk, reply[0]).await;
    let begun = kiosk.begin(beside[0], at(50)).await;
    assert!(
        matches!(begun, Begun::Cancelled),
        "in every dialog of the contact"
    );
    desk.start(said[1], at(50)).await;
    desk.start(bert[0], at(50)).await;
}

/// A contact that is no longer blocked when a message begins is sent to.
pub async fn a_contact_unblocked_in_time_is_sent_to(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let said = desk.says("anna", "say one", at(1)).await;
    save_view(&desk, |view| view.blocked = block()).await;
    save_view(&desk, |view| view.blocked = None).await;
    desk.start(said[0], at(2)).await;
}

/// A contact patch is never cancelled: the dialog's view shows it already, so the row must
/// follow, whoever drives the dialog now and whether it can be sent to.
pub async fn a_contact_patch_is_never_cancelled(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turn = desk
        .message("anna", "name Anna Maria; field size", at(1))
        .await;
    desk.apply(turn.clone()).await;
    act(&desk, OperatorAct::Take, 2).await;
    act(&desk, OperatorAct::Block, 3).await;
    save_view(&desk, |view| view.blocked = block()).await;
    for effect in turn.effects {
        let delivery = desk.start(effect.id, at(4)).await;
        assert!(matches!(delivery.effect.body, EffectBody::PatchContact(_)));
    }
}

/// What may never start is cancelled only when it could begin otherwise: not before its time
/// and not behind another.
pub async fn nothing_is_cancelled_before_its_turn(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let said = desk.says("anna", "say one; say two", at(1)).await;
    desk.start(said[0], at(2)).await;
    save_view(&desk, |view| view.blocked = block()).await;
    let begun = desk.begin(said[1], at(3)).await;
    assert!(matches!(begun, Begun::NotNow), "it is not the first");
    desk.settle(said[0], 1, retry_at(at(9))).await;
    let begun = desk.begin(said[0], at(8)).await;
    assert!(matches!(begun, Begun::NotNow), "it is not due");
    let ready = DeliveryState::Ready;
    let open = desk.open_entries("anna").await;
    assert_eq!(open, [(said[0], ready, 1), (said[1], ready, 0)]);
}
