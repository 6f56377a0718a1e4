//! Group commit: what one call does to the others it was grouped with.

mod support;

use std::sync::{Arc, Barrier};
use std::thread;

use chatflow_core::{CommitError, Committed, Store, StoreError};
use chatflow_store_sqlite::{SqliteConfig, SqliteStore};
use futures::executor::block_on;
use futures::future::join_all;
use support::{Home, Talk, apply, at};

#[test]
fn a_conflict_and_a_duplicate_leave_their_group_alone() {
    let home = Home::new();
    let store = home.open();
    let mut seen = Talk::new("seen");
    let duplicate = seen.message("1", at(1));
    apply(&store, duplicate.clone());
    let mut stale = Talk::new("seen");
    let conflict = stale.message("other", at(1));

    let mut turns: Vec<_> = (0..200)
        .map(|external_id| Talk::new(&external_id.to_string()).message("1", at(1)))
        .collect();
    turns.insert(70, duplicate);
    turns.insert(90, conflict);
    // All are in the queue before the first is awaited, so they meet in groups.
    let outcomes = block_on(join_all(turns.into_iter().map(|turn| store.commit(turn))));
    for (place, outcome) in outcomes.iter().enumerate() {
        match (place, outcome) {
            (70, Ok(Committed::Duplicate { revision: 1 }))
            | (90, Err(CommitError::Conflict { found: 1 })) => {}
            (70 | 90, other) => panic!("{place}: {other:?}"),
            (_, Ok(Committed::Applied { .. })) => {}
            (_, other) => panic!("{place}: {other:?}"),
        }
    }
    assert_eq!(block_on(store.dialogs(None, 1000)).unwrap().len(), 201);
}

#[test]
fn a_failing_call_fails_alone() {
    let home = Home::new();
    let store = home.open();
    let mut turns: Vec<_> = (0..50)
        .map(|external_id| Talk::new(&external_id.to_string()).message("1", at(1)))
        .collect();
    // Two effects of one id: the table refuses the second after much was written.
    let twice = turns[20].effects[0].clone();
    turns[20].effects.push(twice);
    let failing = turns[20].dialog;
    let outcomes = block_on(join_all(turns.into_iter().map(|turn| store.commit(turn))));
    for (place, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(CommitError::Store(StoreError::Backend { .. })) if place == 20 => {}
            Ok(Committed::Applied { .. }) if place != 20 => {}
            other => panic!("{place}: {other:?}"),
        }
    }
    assert!(block_on(store.load(failing)).unwrap().is_none());
    assert_eq!(block_on(store.dialogs(None, 100)).unwrap().len(), 49);
    let counters = block_on(store.counters(Talk::new("x").bot())).unwrap();
    assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), 49);
    // And the next one is none the worse.
    apply(&store, Talk::new("20").message("1", at(1)));
}

#[test]
fn of_rivals_for_a_revision_one_wins() {
    let home = Home::new();
    let store = home.open();
    let start = Arc::new(Barrier::new(8));
    let rivals: Vec<_> = (0..8)
        .map(|rival| {
            let (store, start) = (store.clone(), Arc::clone(&start));
            thread::spawn(move || {
                let mut talk = Talk::new("anna");
                let turn = talk.message(&format!("rival {rival}"), at(1));
                start.wait();
                block_on(store.commit(turn)).is_ok()
            })
        })
        .collect();
    let won = rivals.into_iter().map(|rival| rival.join().unwrap());
    assert_eq!(won.filter(|won| *won).count(), 1);
    assert_eq!(
        block_on(store.journal(Talk::new("anna").id(), 0, 10))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn every_size_of_group_gives_the_same() {
    for (turns, bytes) in [(1, 1 << 20), (3, 1 << 20), (64, 1)] {
        let home = Home::new();
        let config = SqliteConfig::new(home.path())
            .group_turns_max(turns)
            .group_bytes_max(bytes);
        let store = SqliteStore::open_with(config).unwrap();
        let commits =
            (0..20).map(|external_id| Talk::new(&external_id.to_string()).message("1", at(1)));
        let outcomes = block_on(join_all(commits.map(|turn| store.commit(turn))));
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(block_on(store.dialogs(None, 100)).unwrap().len(), 20);
    }
}

#[test]
fn a_read_sees_the_write_before_it() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    for turn in 1..=50 {
        apply(&store, talk.message(&turn.to_string(), at(1)));
        let loaded = block_on(store.load(talk.id())).unwrap().unwrap();
        assert_eq!(loaded.revision, turn);
    }
}

/// More rows than the bound between two checkpoints, so that some happen on the way.
#[test]
fn checkpoints_on_the_way_lose_nothing() {
    let home = Home::new();
    let store = home.open();
    let tool = SqliteStore::open_read_only(home.path()).unwrap();
    let commits =
        (0..1500).map(|external_id| Talk::new(&external_id.to_string()).message("1", at(1)));
    let outcomes = block_on(join_all(commits.map(|turn| store.commit(turn))));
    assert!(outcomes.iter().all(Result::is_ok));
    drop(store);
    for store in [tool, home.open()] {
        let counters = block_on(store.counters(Talk::new("x").bot())).unwrap();
        assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), 1500);
    }
}
