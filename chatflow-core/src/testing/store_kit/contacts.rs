//! Contacts: rows with a revision of their own.

use crate::dialog::{Contact, ContactPatch, ContactView, Profile, Source, SourceTouch, Value};
use crate::store::{CommitError, Settled};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, block, settlement};

fn contact(desk: &Desk, who: &str) -> Contact {
    let space = desk.config.settings().space.clone();
    Contact::new(desk.contact_id(who), space, &Profile::default())
}

async fn expect_conflict(desk: &Desk, contact: &Contact, expected: u64, found: u64) {
    let before = desk.store.contact(contact.id).await.expect("contact");
    match desk.store.save_contact(contact, expected).await {
        Err(CommitError::Conflict { found: at }) => assert_eq!(at, found),
        other => panic!("a conflict was expected, not {other:?}"),
    }
    let after = desk.store.contact(contact.id).await.expect("contact");
    assert_eq!(after, before, "nothing is changed then");
}

/// A contact's row is replaced only at the revision that the caller has seen; 0 makes a new
/// one; a conflict names the revision found.
pub async fn a_contact_is_saved_at_its_revision_only(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut anna = contact(&desk, "anna");
    let mut unborn = anna.clone();
    unborn.view.revision = 2;
    expect_conflict(&desk, &unborn, 1, 0).await;
    desk.store.save_contact(&anna, 0).await.expect("a new one");
    expect_conflict(&desk, &anna, 0, 1).await;
    anna.view.revision = 2;
    anna.view.name = Some("Anna".into());
    desk.store.save_contact(&anna, 1).await.expect("the next");
    assert_eq!(desk.contact("anna").await.as_ref(), Some(&anna));
    expect_conflict(&desk, &anna, 1, 2).await;
    anna.view.revision = 4;
    expect_conflict(&desk, &anna, 3, 2).await;
    assert_eq!(
        desk.contact("bert").await,
        None,
        "others are not made by it"
    );
}

/// A row whose own revision is not the one after `expected` is not saved.
pub async fn a_contact_that_skips_a_revision_is_not_saved(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut anna = contact(&desk, "anna");
    desk.store.save_contact(&anna, 0).await.expect("a new one");
    for revision in [0, 1, 3] {
        anna.view.revision = revision;
        let saved = desk.store.save_contact(&anna, 1).await;
        assert!(saved.is_err(), "revision {revision} does not follow 1");
    }
    anna.view.revision = 1;
    assert_eq!(desk.contact("anna").await, Some(anna));
}

/// Where a contact came from, and when.
fn touch(campaign: &str, seconds: i64) -> Option<Box<SourceTouch>> {
    let source = Source {
        campaign: Some(campaign.into()),
        ..Source::of_payload("token")
    };
    let at = at(seconds);
    Some(Box::new(SourceTouch { source, at }))
}

/// Everything in a contact's row comes back as it was saved, also as part of a dialog.
pub async fn a_contact_comes_back_as_it_was_saved(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let mut anna = desk.contact("anna").await.expect("opened with the dialog");
    let fields = [
        ("nothing", Value::Null),
        ("yes", Value::from(true)),
        ("least", Value::from(i64::MIN)),
        ("text", Value::from("Å'\"\\\u{0}é🙂")),
        (
            "list",
            Value::List(vec![Value::from(1), Value::from("two")]),
        ),
    ];
    anna.view = ContactView {
        revision: 2,
        name: Some("Anna \"Maria\"; --".into()),
        language: Some("pt-BR".to_owned()),
        tags: ["vip", "VIP", "é"].map(str::to_owned).into(),
        fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        first_source: touch("spring", 1),
        last_source: touch("autumn", 2),
        blocked: block(),
    };
    desk.store.save_contact(&anna, 1).await.expect("save");
    assert_eq!(desk.contact("anna").await.as_ref(), Some(&anna));
    let loaded = desk.store.load(desk.dialog("anna")).await.expect("load");
    assert_eq!(loaded.map(|loaded| loaded.contact), Some(anna));
}

/// A patch that was delivered changes the contact's row in the write that settles it, once,
/// and raises the row's revision.
pub async fn a_patch_changes_the_row_once(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "name Bo; field size", at(1)).await;
    let before = desk.contact("anna").await.expect("anna's row");
    assert_eq!(
        before.view.revision, 1,
        "the commit itself leaves the row alone"
    );
    let name = ContactPatch::Name("Bo".into());
    let field = ContactPatch::Field("size".to_owned(), Value::from("set"));
    for (effect, patch, revision) in [(ids[0], name, 2), (ids[1], field, 3)] {
        desk.start(effect, at(2)).await;
        let patched = Settled::Patched(patch);
        desk.settle(effect, 1, patched.clone()).await;
        let after = desk.contact("anna").await.expect("anna's row");
        assert_eq!(after.view.revision, revision);
        desk.settle(effect, 1, patched).await;
        assert_eq!(desk.contact("anna").await, Some(after), "once");
    }
    let after = desk.contact("anna").await.expect("anna's row");
    assert_eq!(after.view.name, Some("Bo".into()));
    assert_eq!(after.view.fields.get("size"), Some(&Value::from("set")));
    assert!(
        desk.open_entries("anna").await.is_empty(),
        "both are settled"
    );
    let loaded = desk.store.load(desk.dialog("anna")).await.expect("load");
    assert_eq!(loaded.map(|loaded| loaded.contact), Some(after));
}

/// A patch that changes nothing settles its entry and leaves the row's revision.
pub async fn a_patch_without_change_raises_no_revision(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "name Bo", at(1)).await;
    let mut row = desk.contact("anna").await.expect("anna's row");
    row.view.revision = 2;
    row.view.name = Some("Bo".into());
    desk.store.save_contact(&row, 1).await.expect("save");
    desk.start(ids[0], at(2)).await;
    let patched = Settled::Patched(ContactPatch::Name("Bo".into()));
    desk.settle(ids[0], 1, patched).await;
    assert_eq!(desk.contact("anna").await, Some(row));
    assert!(desk.open_entries("anna").await.is_empty());
}

/// A late settlement patches nothing; one inside a turn patches in the turn's commit.
pub async fn a_patch_is_fenced_by_its_attempt(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "name Bo", at(1)).await;
    let patched = Settled::Patched(ContactPatch::Name("Bo".into()));
    desk.settle(ids[0], 1, patched.clone()).await;
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 2, patched.clone()).await;
    let row = desk.contact("anna").await.expect("anna's row");
    assert_eq!(row.view.revision, 1, "neither attempt is the current one");
    let mut turn = desk.message("anna", "say hello", at(3)).await;
    turn.settlement = Some(settlement(ids[0], 1, patched));
    desk.apply(turn).await;
    let row = desk.contact("anna").await.expect("anna's row");
    assert_eq!((row.view.revision, row.view.name), (2, Some("Bo".into())));
}

/// Dialogs of one contact with several bots share its row.
pub async fn dialogs_of_a_contact_share_its_row(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let ids = desk.says("anna", "name Bo", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    desk.start(ids[0], at(2)).await;
    let patched = Settled::Patched(ContactPatch::Name("Bo".into()));
    desk.settle(ids[0], 1, patched).await;
    let row = desk.contact("anna").await;
    assert_eq!(row.as_ref().map(|row| row.view.revision), Some(2));
    let loaded = desk.store.load(kiosk.dialog("anna")).await.expect("load");
    assert_eq!(loaded.map(|loaded| loaded.contact), row);
}
