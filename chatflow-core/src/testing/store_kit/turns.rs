//! Opening dialogs and committing turns.

use std::collections::BTreeSet;

use futures::future::join_all;

use crate::dialog::{
    Contact, Event, EventBody, OperatorAct, Profile, Reach, StatusChoice, StatusKind, StepTarget,
};
use crate::flow::Definition;
use crate::store::{CommitError, Committed, OutboxEntry, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, entries, far};

/// Definitions come back byte for byte, each under its own hash; keeping one again, alone or
/// among others, changes nothing.
pub async fn definitions_are_kept_under_their_hash(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let other = Desk::over(desk.store.clone(), "kiosk");
    let definitions = desk.config.definitions();
    let first = definitions.first().expect("a config has definitions");
    let missing = desk.store.definition(first.hash).await;
    assert_eq!(missing.expect("definition"), None, "nothing is kept yet");
    let both: Vec<Definition> = [definitions, other.config.definitions()].concat();
    for kept in [definitions, &both, definitions] {
        desk.store.put_definitions(kept).await.expect("put");
    }
    desk.store.put_definitions(&[]).await.expect("put nothing");
    for definition in both {
        let body = desk.store.definition(definition.hash).await;
        assert_eq!(body.expect("definition"), Some(definition.body));
    }
}

/// The first commit opens the dialog: its address leads to it, and snapshot and contact are
/// loaded together. Before, there is nothing.
pub async fn an_address_leads_to_its_dialog(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (bot, id) = (desk.config.bot(), desk.dialog("anna"));
    let find = |who| desk.store.find_dialog(bot, who);
    let (anna, bert) = (desk.address("anna"), desk.address("bert"));
    assert_eq!(find(&anna).await.expect("find_dialog"), None);
    assert!(desk.store.load(id).await.expect("load").is_none());
    assert_eq!(desk.contact("anna").await, None);

    let turn = desk.message("anna", "say hello", at(1)).await;
    let (snapshot, opened) = (turn.snapshot.clone(), turn.opened.clone());
    desk.apply(turn).await;
    assert_eq!(find(&anna).await.expect("find_dialog"), Some(id));
    assert_eq!(find(&bert).await.expect("find_dialog"), None);
    let loaded = desk.store.load(id).await.expect("load").expect("opened");
    assert_eq!(loaded.revision, 1);
    assert_eq!(loaded.snapshot, snapshot);
    let contact = opened.map(|opened| opened.contact);
    assert_eq!(Some(&loaded.contact), contact.as_ref());
    assert_eq!(desk.contact("anna").await, contact);
}

/// A contact's row that is there already is kept as it is when a dialog opens with it.
pub async fn a_contact_that_is_there_is_kept(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let profile = Profile {
        name: Some("Anna of old".into()),
        language: Some("et".to_owned()),
    };
    let space = desk.config.settings().space.clone();
    let known = Contact::new(desk.contact_id("anna"), space, &profile);
    desk.store.save_contact(&known, 0).await.expect("save");
    desk.says("anna", "say hello", at(1)).await;
    assert_eq!(desk.contact("anna").await.as_ref(), Some(&known));
    let loaded = desk.store.load(desk.dialog("anna")).await.expect("load");
    assert_eq!(loaded.map(|loaded| loaded.contact), Some(known));
}

/// One commit makes everything visible that the turn changed: snapshot, journal, transcript,
/// outbox in order and due at once, timer, counter and columns.
pub async fn a_turn_is_applied_whole(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let script = "say one; call rates; name Anna Maria; field size; say two; wait 5000";
    let turn = desk.message("anna", script, at(2)).await;
    desk.apply(turn.clone()).await;
    expect_applied(&desk, "anna", &turn).await;
    assert_eq!(turn.effects.len(), 5, "the script decided all of them");
    let due = desk.due(at(7)).await.timers;
    assert_eq!(due.len(), 1, "the timer is set");
    let early = desk.due(at(1)).await;
    assert!(
        !entries(&early).iter().any(|id| id.turn == 2),
        "due when the turn was, not before"
    );
}

/// Columns, counters and snapshot are those of the last turn after every kind of turn.
pub async fn columns_follow_every_turn(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say hello", at(1)).await;
    let set = |status| OperatorAct::set(status, None);
    let second = StepTarget::step("second");
    let acts = [
        OperatorAct::Take,
        set(Some(StatusChoice::Custom("review".into()))),
        OperatorAct::Reply("one moment".into()),
        OperatorAct::set(Some(StatusChoice::Auto), Some(second)),
        OperatorAct::Block,
        OperatorAct::Unblock,
        set(Some(StatusChoice::Waiting)),
        set(Some(StatusChoice::Finished)),
        set(Some(StatusChoice::Start)),
    ];
    let first = desk.message("anna", "wait 60000; hand off", at(1)).await;
    desk.apply(first.clone()).await;
    expect_applied(&desk, "anna", &first).await;
    for (second, act) in (2..).zip(acts) {
        let turn = desk.act("anna", act, at(second)).await;
        desk.apply(turn.clone()).await;
        expect_applied(&desk, "anna", &turn).await;
    }
    assert_eq!(
        desk.summary("bert").await.revision,
        1,
        "others are as they were"
    );
}

/// That a turn of this dialog, the newest, is stored as it was given.
async fn expect_applied(desk: &Desk, who: &str, turn: &TurnCommit) {
    let id = desk.dialog(who);
    let revision = turn.expected + 1;
    let loaded = desk.store.load(id).await.expect("load").expect("it exists");
    assert_eq!(loaded.revision, revision);
    assert_eq!(loaded.snapshot, turn.snapshot, "the snapshot");
    let summary = desk.summary(who).await;
    assert_eq!(summary.row, turn.row, "the columns");
    assert_eq!(summary.revision, revision);
    assert_eq!(&summary.bot, desk.config.bot());
    assert_eq!(summary.address, desk.address(who));
    assert_eq!(summary.contact, desk.contact_id(who));
    let journal = desk.journal(who).await;
    let last = journal.last().expect("each turn has its journal");
    assert_eq!(journal.len() as u64, revision, "one entry a turn");
    assert_eq!((last.revision, last.at), (revision, turn.at));
    assert_eq!(last.body, turn.journal, "the journal");
    let lines = desk.store.transcript(id, None, usize::MAX).await;
    let lines = lines.expect("transcript").into_iter();
    let lines: Vec<_> = lines
        .map(|line| line.record)
        .filter(|record| record.id.turn == revision)
        .collect();
    assert_eq!(lines, turn.messages, "the transcript");
    let entries = desk.store.outbox(id).await.expect("outbox").into_iter();
    let entries: Vec<OutboxEntry> = entries
        .filter(|entry| entry.effect.id.turn == revision)
        .collect();
    let effects: Vec<_> = entries.iter().map(|entry| entry.effect.clone()).collect();
    assert_eq!(effects, turn.effects, "the outbox");
    assert!(entries.iter().all(|entry| entry.due == turn.at));
    assert!(entries.iter().all(|entry| entry.attempts == 0));
    let counters = desk.counters().await;
    let shown = |(status, _): &(StatusKind, u64)| *status == turn.row.status;
    assert!(
        counters.iter().any(shown),
        "the status is counted: {counters:?}"
    );
}

/// An event whose key was seen before changes nothing, whatever revision its turn starts from.
pub async fn fl_50_a_key_seen_before_changes_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let event = Event::message("update 7", "say hello; wait 5000; call rates");
    let first = desk.turn("anna", &event, at(1)).await;
    desk.apply(first.clone()).await;
    desk.says("anna", "say again; hand off", at(2)).await;
    let before = desk.dump().await;
    let again = desk.turn("anna", &event, at(3)).await;
    let ahead = TurnCommit {
        expected: 77,
        ..again.clone()
    };
    for turn in [first, again, ahead] {
        let committed = desk.store.commit(turn).await.expect("commit");
        assert_eq!(committed, Committed::Duplicate { revision: 2 });
        assert_eq!(desk.dump().await, before, "a duplicate changes nothing");
    }
}

/// Of two turns decided on one revision one lands and the other conflicts, changes nothing,
/// leaves its key unused, and lands when it is decided again.
pub async fn st_44_a_stale_turn_is_a_conflict(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let stale = Event::message("stale", "say late; wait 1000; call rates");
    let loser = desk.turn("anna", &stale, at(2)).await;
    let winner = desk.act("anna", OperatorAct::Take, at(2)).await;
    desk.apply(winner).await;
    let before = desk.dump().await;
    assert_eq!(desk.conflict(loser).await, 2, "the revision found is named");
    assert_eq!(desk.dump().await, before, "a conflict changes nothing");
    let again = desk.turn("anna", &stale, at(3)).await;
    desk.apply(again).await;
    assert_eq!(desk.summary("anna").await.revision, 3);
}

/// A turn that starts from a revision not yet reached conflicts too.
pub async fn a_turn_from_the_future_is_a_conflict(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let mut turn = desk.message("anna", "say more", at(2)).await;
    turn.expected = 2;
    let before = desk.dump().await;
    assert_eq!(desk.conflict(turn).await, 1);
    assert_eq!(desk.dump().await, before);
}

/// A turn that opens a dialog which exists conflicts; contact and address stay as they are.
pub async fn opening_a_dialog_twice_is_a_conflict(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut second = desk.message("anna", "say twice; wait 1000", at(1)).await;
    if let Some(opened) = &mut second.opened {
        opened.contact.view.name = Some("Somebody".into());
    }
    desk.says("anna", "say hello", at(1)).await;
    let before = desk.dump().await;
    assert_eq!(desk.conflict(second).await, 1);
    assert_eq!(desk.dump().await, before);
}

/// A later turn of a dialog that doesn't exist conflicts with revision 0 and creates nothing.
pub async fn a_later_turn_of_no_dialog_is_a_conflict(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk.message("anna", "say hello; wait 1000", at(1)).await;
    let opened = turn.opened.take();
    for (expected, opened) in [(1, None), (1, opened.clone()), (9, opened)] {
        let turn = TurnCommit {
            expected,
            opened,
            ..turn.clone()
        };
        assert_eq!(desk.conflict(turn).await, 0);
    }
    let address = desk.address("anna");
    let found = desk.store.find_dialog(desk.config.bot(), &address).await;
    assert_eq!(found.expect("find_dialog"), None);
    assert_eq!(desk.contact("anna").await, None);
    assert!(desk.counters().await.is_empty());
    assert!(desk.summaries().await.is_empty());
    let due = desk.due(far()).await;
    assert!(due.timers.is_empty() && due.deliveries.is_empty() && due.next.is_none());
}

/// A new dialog whose address leads to another one already, or which doesn't say what it is
/// opened with, conflicts and creates nothing.
pub async fn an_address_leads_to_one_dialog_only(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk.message("bert", "say hello; wait 1000", at(1)).await;
    let opened = turn.opened.take();
    desk.says("anna", "say hello", at(1)).await;
    let before = desk.dump().await;
    assert_eq!(desk.conflict(turn.clone()).await, 0, "opened with nothing");
    assert_eq!(desk.dump().await, before);
    turn.opened = opened.map(|mut opened| {
        opened.address = desk.address("anna");
        opened
    });
    assert_eq!(desk.conflict(turn).await, 0, "the address is taken");
    assert_eq!(desk.dump().await, before);
    assert_eq!(desk.contact("bert").await, None);
    desk.says("bert", "say hello", at(2)).await;
}

/// Keys are compared byte for byte and within their dialog only.
pub async fn keys_are_exact_and_belong_to_one_dialog(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (long, longer) = ("k".repeat(255), "k".repeat(256));
    let keys = ["1", "01", "1.0", " 1", "a", "A", "é", "e", &long, &longer];
    for who in ["anna", "bert"] {
        for (second, key) in (1..).zip(keys) {
            let event = Event::message(key, "say hello");
            let turn = desk.turn(who, &event, at(second)).await;
            desk.apply(turn).await;
        }
        let summary = desk.summary(who).await;
        assert_eq!(summary.revision, keys.len() as u64, "each key is its own");
    }
}

/// Commits to many dialogs at once all land.
pub async fn commits_to_many_dialogs_land_together(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names: Vec<String> = (0..100).map(|n| format!("contact {n}")).collect();
    for round in 1..4 {
        let opening = names.iter().map(|who| async {
            let turn = desk.message(who, "say hello; wait 1000", at(round)).await;
            desk.apply(turn).await;
        });
        join_all(opening).await;
    }
    let summaries = desk.summaries().await;
    assert_eq!(summaries.len(), names.len());
    assert!(summaries.iter().all(|summary| summary.revision == 3));
    let counted: u64 = desk.counters().await.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, names.len() as u64);
    assert_eq!(desk.due(far()).await.timers.len(), names.len());
}

/// Conflicting and repeated commits among many sent at once change nothing themselves and
/// leave the others alone.
pub async fn a_bad_commit_among_many_hurts_nobody(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names: Vec<String> = (0..40).map(|n| format!("contact {n}")).collect();
    let mut turns = Vec::new();
    for (n, who) in names.iter().enumerate() {
        let first = desk.message(who, "say hello", at(1)).await;
        let repeated = first.clone();
        desk.apply(first).await;
        let mut next = desk.message(who, "say more", at(2)).await;
        match n % 10 {
            3 => next.expected = 5,
            7 => next = repeated,
            _ => {}
        }
        turns.push(next);
    }
    let answers = join_all(turns.into_iter().map(|turn| desk.store.commit(turn))).await;
    for (n, (who, answer)) in names.iter().zip(answers).enumerate() {
        let revision = desk.summary(who).await.revision;
        match n % 10 {
            3 => assert!(matches!(answer, Err(CommitError::Conflict { found: 1 }))),
            7 => assert!(matches!(answer, Ok(Committed::Duplicate { revision: 1 }))),
            _ => assert!(
                matches!(answer, Ok(Committed::Applied { .. })),
                "{answer:?}"
            ),
        }
        let lands = !matches!(n % 10, 3 | 7);
        assert_eq!(revision, if lands { 2 } else { 1 });
        assert_eq!(desk.journal(who).await.len() as u64, revision);
    }
}

/// Of many turns decided on one revision and sent at once exactly one lands; of many copies
/// of one turn, too.
pub async fn one_of_many_rivals_lands(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let mut rivals = Vec::new();
    for _ in 0..10 {
        rivals.push(desk.message("anna", "say mine", at(2)).await);
    }
    let answers = join_all(rivals.into_iter().map(|turn| desk.store.commit(turn))).await;
    let won = |answer: &&Result<_, _>| matches!(answer, Ok(Committed::Applied { .. }));
    assert_eq!(answers.iter().filter(won).count(), 1);
    let lost = |answer: &&Result<_, _>| matches!(answer, Err(CommitError::Conflict { found: 2 }));
    assert_eq!(answers.iter().filter(lost).count(), 9);

    let copy = desk.message("anna", "say once", at(3)).await;
    let copies = (0..10).map(|_| desk.store.commit(copy.clone()));
    let answers = join_all(copies).await;
    assert_eq!(answers.iter().filter(won).count(), 1);
    let seen = |answer: &&Result<_, _>| matches!(answer, Ok(Committed::Duplicate { revision: 3 }));
    assert_eq!(answers.iter().filter(seen).count(), 9);
    assert_eq!(desk.journal("anna").await.len(), 3);
}

/// Who reads while turns are committed sees whole turns only.
pub async fn readers_see_whole_turns(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "hand off", at(1)).await;
    let writer = async {
        for second in 2..40 {
            // Even turns show Auto and odd ones Manual; each writes one message.
            let status = match second % 2 {
                0 => StatusChoice::Auto,
                _ => StatusChoice::Manual,
            };
            let act = OperatorAct::set(Some(status), None);
            let turn = desk.act("anna", act, at(second)).await;
            desk.apply(turn).await;
        }
    };
    let reader = async {
        for _ in 0..40 {
            let summary = desk.summary("anna").await;
            let row = summary.row;
            let turned = at(i64::try_from(summary.revision).expect("small"));
            assert_eq!(row.last_at, turned, "columns and revision are of one turn");
            let (snapshot, _) = desk.snapshot("anna", at(1)).await;
            assert_eq!(
                snapshot.turned_at,
                at(i64::try_from(snapshot.revision).expect("small"))
            );
            let journal = desk.journal("anna").await.len() as u64;
            assert!(
                journal >= snapshot.revision,
                "no snapshot without its journal"
            );
            let counted: u64 = desk.counters().await.iter().map(|(_, count)| count).sum();
            assert_eq!(counted, 1, "one dialog is counted once at any time");
        }
    };
    futures::future::join(writer, reader).await;
}

/// What the contact's blocking us leaves: every message not yet begun is cancelled in the same
/// commit, the columns show Blocked, and the engine refuses an operator's reply.
pub async fn st_06_a_block_cancels_all_that_waits(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let reply = OperatorAct::Reply("one".into());
    desk.says("anna", "hand off", at(1)).await;
    let turn = desk.act("anna", reply.clone(), at(2)).await;
    let mut waiting: BTreeSet<_> = turn.effects.iter().map(|effect| effect.id).collect();
    desk.apply(turn).await;
    let auto = OperatorAct::set(Some(StatusChoice::Auto), None);
    desk.apply(desk.act("anna", auto, at(3)).await).await;
    waiting.extend(desk.says("anna", "say two; say three", at(4)).await);
    let blocked = EventBody::ReachReported(Reach::BlockedByContact);
    let turn = desk
        .turn("anna", &Event::new("blocked", blocked), at(5))
        .await;
    assert_eq!(waiting.len(), 3, "an operator's and two of automation");
    assert_eq!(desk.apply(turn).await, waiting);
    assert!(desk.open_entries("anna").await.is_empty());
    let row = desk.summary("anna").await.row;
    assert_eq!(row.status, StatusKind::Blocked);
    assert!(!row.can_send);
    let refused = Event::operator("reply", "olga", reply);
    let refused = desk.try_turn("anna", &refused, at(6)).await;
    assert!(refused.is_err(), "the engine refuses the reply");
}
