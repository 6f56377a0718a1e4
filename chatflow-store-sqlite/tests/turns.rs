//! Commits, refusals, contacts, counters and pages.

mod support;

use chatflow_core::{
    CommitError, Committed, Event, Refusal, RefusedEvent, StatusKind, Store, Value,
};
use futures::executor::block_on;
use support::{Home, Talk, apply, at};

#[test]
fn a_seen_key_is_a_duplicate_whatever_the_revision() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let first = talk.message("1", at(1));
    apply(&store, first.clone());
    let outcome = block_on(store.commit(first)).unwrap();
    assert_eq!(outcome, Committed::Duplicate { revision: 1 });
    assert_eq!(block_on(store.journal(talk.id(), 0, 10)).unwrap().len(), 1);
}

#[test]
fn another_revision_is_a_conflict_that_writes_nothing() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut rival = Talk::new("anna");
    apply(&store, talk.message("1", at(1)));
    let outcome = block_on(store.commit(rival.message("other", at(1))));
    assert!(
        matches!(outcome, Err(CommitError::Conflict { found: 1 })),
        "{outcome:?}"
    );
    // Its key is free still.
    rival.snapshot = talk.snapshot.clone();
    apply(&store, rival.message("other", at(2)));

    let mut stranger = Talk::new("boris");
    stranger.message("0", at(0));
    let outcome = block_on(store.commit(stranger.message("1", at(1))));
    assert!(
        matches!(outcome, Err(CommitError::Conflict { found: 0 })),
        "{outcome:?}"
    );
}

#[test]
fn an_address_that_leads_elsewhere_is_a_conflict() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    apply(&store, talk.message("1", at(1)));
    let mut other = Talk::new("boris");
    let mut turn = other.message("1", at(1));
    turn.opened.as_mut().unwrap().address = talk.address.clone();
    let outcome = block_on(store.commit(turn));
    assert!(
        matches!(outcome, Err(CommitError::Conflict { .. })),
        "{outcome:?}"
    );
    assert!(block_on(store.load(other.id())).unwrap().is_none());
    assert_eq!(
        block_on(store.find_dialog(talk.bot(), &talk.address)).unwrap(),
        Some(talk.id())
    );
}

#[test]
fn a_refused_event_consumes_its_key_and_is_kept() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let refuse = |key: &str| {
        let event = Event::message(key, "hi");
        let refused = RefusedEvent::new(talk.id(), &event, at(1), &Refusal::Blocked, None);
        block_on(store.refuse(refused.unwrap())).unwrap()
    };
    let applied = Committed::APPLIED;
    assert_eq!([refuse("a"), refuse("b")], [applied.clone(), applied]);
    assert_eq!(refuse("a"), Committed::Duplicate { revision: 0 });
    let kept = block_on(store.refusals(talk.id(), 10)).unwrap();
    assert_eq!(
        kept.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(kept.iter().all(|one| one.revision == 0 && one.at == at(1)));

    let outcome = block_on(store.commit(talk.message("b", at(2)))).unwrap();
    assert_eq!(outcome, Committed::Duplicate { revision: 0 });
    assert!(block_on(store.load(talk.id())).unwrap().is_none());
}

#[test]
fn a_contacts_row_is_replaced_by_compare_and_set() {
    let home = Home::new();
    let store = home.open();
    let mut contact = Talk::new("anna").contact;
    block_on(store.save_contact(&contact, 0)).unwrap();
    let outcome = block_on(store.save_contact(&contact, 0));
    assert!(
        matches!(outcome, Err(CommitError::Conflict { found: 1 })),
        "{outcome:?}"
    );

    contact
        .view
        .fields
        .insert("age".to_owned(), Value::from("40"));
    let outcome = block_on(store.save_contact(&contact, 1));
    assert!(
        matches!(outcome, Err(CommitError::Conflict { found: 1 })),
        "the revision was not raised"
    );
    contact.view.revision = 2;
    block_on(store.save_contact(&contact, 1)).unwrap();
    assert_eq!(
        block_on(store.contact(contact.id)).unwrap(),
        Some(contact.clone())
    );

    // A dialog opened later keeps the row that is there.
    apply(&store, Talk::new("anna").message("1", at(1)));
    assert_eq!(block_on(store.contact(contact.id)).unwrap(), Some(contact));
}

#[test]
fn counters_are_exact_and_leave_zeros_out() {
    let home = Home::new();
    let store = home.open();
    let mut anna = Talk::new("anna");
    let mut boris = Talk::new("boris");
    let counters = || block_on(store.counters(Talk::new("x").bot())).unwrap();
    assert_eq!(counters(), []);
    apply(&store, anna.message("1", at(1)));
    apply(&store, boris.message("1", at(1)));
    let shown = anna.snapshot.shown_status().kind;
    assert_eq!(counters(), [(shown, 2)]);
    apply(&store, anna.reply("2", at(2)));
    assert_eq!(counters(), [(shown, 1), (StatusKind::Manual, 1)]);
    apply(&store, boris.reply("2", at(2)));
    assert_eq!(counters(), [(StatusKind::Manual, 2)]);
}

#[test]
fn lists_go_page_by_page() {
    let home = Home::new();
    let store = home.open();
    let mut ids = Vec::new();
    for external_id in 0..5 {
        let mut talk = Talk::new(&external_id.to_string());
        apply(&store, talk.message("1", at(external_id)));
        apply(&store, talk.reply("2", at(10)));
        ids.push((
            talk.id(),
            talk.snapshot.row(),
            talk.address,
            talk.contact.id,
        ));
    }
    ids.sort_by_key(|(id, ..)| *id);
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = block_on(store.dialogs(after, 2)).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.dialog);
        listed.extend(
            page.into_iter()
                .map(|one| (one.dialog, one.row, one.address, one.contact)),
        );
    }
    assert_eq!(listed, ids);
    assert!(block_on(store.dialogs(None, 0)).unwrap().is_empty());

    let dialog = ids[0].0;
    let turns = |after, limit| {
        let turns = block_on(store.journal(dialog, after, limit)).unwrap();
        turns
            .into_iter()
            .map(|turn| turn.revision)
            .collect::<Vec<_>>()
    };
    assert_eq!(turns(0, 1), [1]);
    assert_eq!(turns(1, 9), [2]);
    assert_eq!(turns(u64::MAX, 9), [0_u64; 0]);

    let lines = block_on(store.transcript(dialog, None, 10)).unwrap();
    assert_eq!(
        lines
            .iter()
            .map(|line| line.record.id.n)
            .collect::<Vec<_>>(),
        [0, 1, 1]
    );
    assert!(lines[0].delivery.is_none());
    let rest = block_on(store.transcript(dialog, Some(lines[1].record.id), 10)).unwrap();
    assert_eq!(rest, lines[2..]);
}

#[test]
fn definitions_are_kept_once() {
    let home = Home::new();
    let store = home.open();
    let talk = Talk::new("anna");
    let definitions = talk.config().definitions();
    for _ in 0..2 {
        block_on(store.put_definitions(definitions)).unwrap();
    }
    for definition in definitions {
        let kept = block_on(store.definition(definition.hash)).unwrap();
        assert_eq!(kept.as_ref(), Some(&definition.body));
    }
    let unknown = chatflow_core::ConfigHash::of(b"something else");
    assert_eq!(block_on(store.definition(unknown)).unwrap(), None);
}
