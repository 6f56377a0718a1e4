//! Dialogs that are to be told of their contact's change.

use futures::future::join_all;

use crate::dialog::{ContactPatch, ContactView, DialogId, Event, EventBody, OperatorAct, Snapshot};
use crate::store::{Committed, PAGE_MAX, Settled};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, block, settlement};

async fn lagging(desk: &Desk) -> Vec<DialogId> {
    desk.due(at(1)).await.lagging
}

/// Blocks a contact as it stands, in its row only.
async fn block_row(desk: &Desk, who: &str) {
    let mut contact = desk.contact(who).await.expect("the contact's row");
    let expected = contact.view.revision;
    contact.view.revision += 1;
    contact.view.blocked = block();
    let saved = desk.store.save_contact(&contact, expected).await;
    saved.expect("save_contact");
}

/// Tells a dialog what its contact is.
async fn tell(desk: &Desk, who: &str, view: ContactView) {
    let event = Event::new(desk.key(), EventBody::ContactChanged(view));
    let turn = desk.turn(who, &event, at(5)).await;
    desk.apply(turn).await;
}

/// Tells a dialog what its contact's row says now.
async fn bring_up(desk: &Desk, who: &str) {
    let row = desk.contact(who).await.expect("the contact's row");
    tell(desk, who, row.view).await;
}

fn sorted<const N: usize>(mut dialogs: [DialogId; N]) -> Vec<DialogId> {
    dialogs.sort_unstable();
    dialogs.to_vec()
}

/// A changed row makes all dialogs of the contact lag, of every bot, and no others. A dialog
/// opened with the row as it is doesn't lag.
pub async fn ct_23_a_changed_row_makes_its_dialogs_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    desk.says("anna", "say hello", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    desk.says("bert", "say hello", at(1)).await;
    assert!(lagging(&desk).await.is_empty(), "they are just opened");
    block_row(&desk, "anna").await;
    let both = sorted([desk.dialog("anna"), kiosk.dialog("anna")]);
    assert_eq!(lagging(&desk).await, both);
    block_row(&desk, "anna").await;
    assert_eq!(lagging(&desk).await, both, "once, however often");
}

/// A row that could not be replaced makes nobody lag.
pub async fn a_row_that_was_not_replaced_makes_nobody_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let mut contact = desk.contact("anna").await.expect("anna's row");
    contact.view.revision = 5;
    let saved = desk.store.save_contact(&contact, 4).await;
    assert!(saved.is_err());
    assert!(lagging(&desk).await.is_empty());
}

/// The turn that tells a dialog ends its lag, and only its own.
pub async fn a_turn_that_has_caught_up_ends_the_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    desk.says("anna", "say hello", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    block_row(&desk, "anna").await;
    bring_up(&desk, "anna").await;
    assert_eq!(lagging(&desk).await, [kiosk.dialog("anna")]);
    bring_up(&kiosk, "anna").await;
    assert!(lagging(&desk).await.is_empty());
    assert_eq!(desk.summary("anna").await.row.contact_revision, 2);
}

/// A turn that doesn't know the newest row leaves the lag; so does one that is not applied.
pub async fn a_turn_that_is_behind_leaves_the_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    block_row(&desk, "anna").await;
    let older = desk.contact("anna").await.expect("anna's row").view;
    block_row(&desk, "anna").await;
    let lags = [desk.dialog("anna")];
    desk.says("anna", "say more", at(2)).await;
    assert_eq!(lagging(&desk).await, lags, "it knows neither");
    tell(&desk, "anna", older).await;
    assert_eq!(lagging(&desk).await, lags, "it knows the older one");

    let newest = desk.contact("anna").await.expect("anna's row").view;
    let event = Event::new(desk.key(), EventBody::ContactChanged(newest));
    let mut turn = desk.turn("anna", &event, at(5)).await;
    let fits = turn.expected;
    turn.expected += 1;
    desk.conflict(turn.clone()).await;
    assert_eq!(lagging(&desk).await, lags, "a conflict tells nobody");
    turn.expected = fits;
    desk.apply(turn).await;
    assert!(lagging(&desk).await.is_empty());
}

/// A dialog opened by somebody who has read an older row lags from its first turn.
pub async fn a_dialog_opened_behind_its_contact_lags(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    desk.says("anna", "say hello", at(1)).await;
    let opening = kiosk.message("anna", "say hello", at(1)).await;
    block_row(&desk, "anna").await;
    bring_up(&desk, "anna").await;
    kiosk.apply(opening).await;
    assert_eq!(lagging(&desk).await, [kiosk.dialog("anna")]);
    bring_up(&kiosk, "anna").await;
    assert!(lagging(&desk).await.is_empty());
}

/// A patch that changes the row makes the contact's other dialogs lag, and not the one whose
/// flow decided it: that shows it already. So it is for one settled inside a turn.
pub async fn a_patch_makes_all_lag_but_its_own_dialog(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let ids = desk.says("anna", "tag vip; tag cold", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    for (effect, tag) in ids.into_iter().zip(["vip", "cold"]) {
        let delivery = desk.start(effect, at(2)).await;
        let patched = Settled::Patched(ContactPatch::AddTag(tag.to_owned()));
        if tag == "vip" {
            desk.settle(effect, delivery.attempt, patched).await;
        } else {
            let mut turn = desk.message("anna", "say more", at(3)).await;
            turn.settlement = Some(settlement(effect, delivery.attempt, patched));
            desk.apply(turn).await;
        }
        assert_eq!(lagging(&desk).await, [kiosk.dialog("anna")], "{tag}");
        bring_up(&kiosk, "anna").await;
        assert!(lagging(&desk).await.is_empty(), "{tag}");
    }
}

/// A dialog that lagged before its own patch goes on lagging.
pub async fn a_dialogs_own_patch_does_not_end_its_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "tag vip", at(1)).await;
    block_row(&desk, "anna").await;
    desk.start(ids[0], at(2)).await;
    let patched = Settled::Patched(ContactPatch::AddTag("vip".to_owned()));
    desk.settle(ids[0], 1, patched).await;
    assert_eq!(lagging(&desk).await, [desk.dialog("anna")]);
}

/// A patch that changes nothing makes nobody lag.
pub async fn a_patch_without_change_makes_nobody_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let ids = desk.says("anna", "tag vip; untag vip", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    desk.start(ids[1], at(2)).await;
    let patched = Settled::Patched(ContactPatch::RemoveTag("vip".to_owned()));
    desk.settle(ids[1], 1, patched).await;
    assert!(lagging(&desk).await.is_empty());
}

/// Tags come and go by patches, each by itself.
pub async fn tags_come_and_go_by_patches(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk
        .says("anna", "tag vip; tag cold; untag vip", at(1))
        .await;
    let patches = [
        (ContactPatch::AddTag("vip".to_owned()), &["vip"][..]),
        (ContactPatch::AddTag("cold".to_owned()), &["cold", "vip"]),
        (ContactPatch::RemoveTag("vip".to_owned()), &["cold"]),
    ];
    for (effect, (patch, tags)) in ids.into_iter().zip(patches) {
        desk.start(effect, at(2)).await;
        desk.settle(effect, 1, Settled::Patched(patch)).await;
        let row = desk.contact("anna").await.expect("anna's row");
        assert!(row.view.tags.iter().eq(tags), "{:?}", row.view.tags);
    }
}

/// A tag beyond the bounds of a contact is settled and leaves the row as it is.
pub async fn a_tag_beyond_the_bounds_changes_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let ids = desk.says("anna", "tag one; tag two", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    let mut row = desk.contact("anna").await.expect("anna's row");
    row.view.revision = 2;
    row.view.tags = (0..ContactView::TAGS_MAX).map(|n| n.to_string()).collect();
    desk.store.save_contact(&row, 1).await.expect("save");
    bring_up(&kiosk, "anna").await;
    let long = "x".repeat(ContactView::TAG_BYTES_MAX + 1);
    for (effect, tag) in ids.into_iter().zip(["one more".to_owned(), long]) {
        desk.start(effect, at(2)).await;
        let patched = Settled::Patched(ContactPatch::AddTag(tag));
        desk.settle(effect, 1, patched).await;
        assert_eq!(desk.contact("anna").await.as_ref(), Some(&row));
    }
    assert!(desk.open_entries("anna").await.is_empty(), "settled");
    assert_eq!(lagging(&desk).await, [desk.dialog("anna")]);
}

/// What lags is listed in the order of ids, up to the limit, and whatever else is due.
pub async fn what_lags_is_listed_by_id_up_to_the_limit(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names = ["anna", "bert", "clara", "dora", "emil", "frida"];
    for who in names {
        desk.says(who, "say hello; wait 1000", at(1)).await;
    }
    for who in names.iter().rev() {
        block_row(&desk, who).await;
    }
    let all = sorted(names.map(|who| desk.dialog(who)));
    for limit in [1, 4, 6, 7, usize::MAX] {
        let due = desk.due_up_to(at(9), limit).await;
        assert_eq!(due.lagging, all[..limit.min(6)]);
        let six = (limit.min(6), limit.min(6));
        assert_eq!((due.timers.len(), due.deliveries.len()), six);
    }
}

/// No more dialogs that lag are listed than a page has.
pub async fn a_page_of_what_lags_has_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names: Vec<String> = (0..PAGE_MAX + 5).map(|n| format!("contact {n}")).collect();
    let desk = &desk;
    join_all(names.iter().map(|who| async move {
        desk.says(who, "wait 1000", at(1)).await;
        block_row(desk, who).await;
    }))
    .await;
    assert_eq!(lagging(desk).await.len(), PAGE_MAX);
}

/// A refused event ends no lag: the dialog was not told.
pub async fn a_refusal_leaves_the_lag(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let block = desk.act("anna", OperatorAct::Block, at(2)).await;
    desk.apply(block).await;
    block_row(&desk, "anna").await;
    let event = Event::message(desk.key(), "say more");
    let refused = desk.try_turn("anna", &event, at(3)).await;
    let refused = refused.expect_err("a blocked dialog refuses messages");
    let refused = desk.store.refuse(refused).await.expect("refuse");
    assert!(matches!(refused, Committed::Applied { .. }));
    assert_eq!(lagging(&desk).await, [desk.dialog("anna")]);
}

/// A contact's dialogs are listed page by page in the order of their ids, each exactly once,
/// and nobody else's.
pub async fn pages_of_a_contacts_dialogs_lose_none(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut expected = Vec::new();
    for n in 0..7 {
        let bot = Desk::over(desk.store.clone(), &format!("bot {n}"));
        bot.says("anna", "say hello", at(1)).await;
        bot.says("bert", "say hello", at(1)).await;
        expected.push(bot.summary("anna").await);
    }
    expected.sort_unstable_by_key(|summary| summary.dialog);
    let contact = desk.contact_id("anna");
    for limit in [1, 3, 7, 8, usize::MAX] {
        let mut seen: Vec<_> = Vec::new();
        loop {
            let after = seen
                .last()
                .map(|summary: &crate::DialogSummary| summary.dialog);
            let page = desk.store.dialogs_of(contact, after, limit).await;
            let page = page.expect("dialogs_of");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, expected);
    }
    let nobody = desk.contact_id("clara");
    let page = desk.store.dialogs_of(nobody, None, 9).await;
    assert!(page.expect("dialogs_of").is_empty());
}

/// What lags survives a restart, whichever write made it lag: nothing is read between, so a
/// store that marks later has no occasion to. And what had caught up has after it.
pub async fn what_lags_survives(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let ids = desk.says("bert", "tag vip", at(1)).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    kiosk.says("bert", "say hello", at(1)).await;
    let beside = kiosk.dialog("bert");
    drop(kiosk);
    desk.start(ids[0], at(2)).await;
    block_row(&desk, "anna").await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    let anna = desk.dialog("anna");
    assert_eq!(lagging(&desk).await, [anna], "by a saved row");
    let patched = Settled::Patched(ContactPatch::AddTag("vip".to_owned()));
    desk.settle(ids[0], 1, patched).await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(lagging(&desk).await, sorted([anna, beside]), "by a patch");
    bring_up(&desk, "anna").await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(lagging(&desk).await, [beside], "one has caught up");
    let loaded = desk.store.load(anna).await.expect("load").expect("anna's");
    let snapshot = Snapshot::decode(&loaded.snapshot).expect("stored bytes come back");
    assert_eq!(snapshot.contact, loaded.contact.view);
}
