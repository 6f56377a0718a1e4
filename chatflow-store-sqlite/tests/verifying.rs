//! What a file says in two places is compared, and what differs is named.

mod support;

use chatflow_core::{DialogId, Event, Operator, OperatorAct, Store};
use chatflow_store_sqlite::{Discrepancy, SqliteStore, Verified};
use futures::executor::block_on;
use rusqlite::Connection;
use support::{Home, Talk, apply, at};

/// A file with two dialogs, one of which an operator has.
fn home() -> (Home, [Talk; 2]) {
    let home = Home::new();
    let mut talks = ["anna", "boris"].map(Talk::new);
    let store = home.open();
    for talk in &mut talks {
        apply(&store, talk.message("1", at(1)));
    }
    let mut olga = Operator::new(talks[0].contact.space.clone(), "olga");
    olga.revision = 1;
    block_on(store.save_operator(&olga, 0)).unwrap();
    let take = Event::operator("2", "olga", OperatorAct::Take);
    let turn = talks[0].turn(&take, at(2));
    apply(&store, turn);
    (home, talks)
}

fn verify(home: &Home) -> Verified {
    let store = SqliteStore::open_read_only(home.path()).unwrap();
    block_on(store.verify()).unwrap()
}

#[test]
fn what_the_store_wrote_agrees() {
    let (home, _) = home();
    let verified = verify(&home);
    assert_eq!((verified.dialogs, verified.operators), (2, 1));
    assert_eq!(verified.found, []);
}

/// What is done to the file, what must be found, and the dialog that it must name.
type Case = (&'static str, fn(&Discrepancy) -> bool, Option<DialogId>);

#[test]
fn every_discrepancy_is_named() {
    let (home, [anna, boris]) = home();
    let (held, other) = (anna.id(), boris.id());
    let cases: [Case; 8] = [
        (
            "UPDATE operator SET load = 2",
            |found| {
                matches!(
                    found,
                    Discrepancy::Load {
                        load: 2,
                        held: 1,
                        ..
                    }
                )
            },
            None,
        ),
        (
            "UPDATE counter SET n = n + 1 WHERE n > 0",
            |found| matches!(found, Discrepancy::Counter { .. }),
            None,
        ),
        (
            "UPDATE session SET completed_at = 1, completed_turn = 1, cause = 'by_hand'",
            |found| matches!(found, Discrepancy::OpenSession { open: 0, .. }),
            Some(held),
        ),
        (
            "DROP INDEX session_open;
             INSERT INTO session SELECT dialog, 9, parent, handling, queue, assignee, opened_at,
                 first_turn, completed_at, completed_turn, cause
             FROM session WHERE completed_at IS NULL",
            |found| matches!(found, Discrepancy::OpenSession { open: 2, .. }),
            Some(held),
        ),
        (
            "DELETE FROM participant",
            |found| matches!(found, Discrepancy::Participant { .. }),
            Some(held),
        ),
        (
            "UPDATE dialog SET waits_queue = 'sales', waits_since = 5 WHERE holder IS NULL",
            |found| matches!(found, Discrepancy::Columns { names, .. } if names == &["waits"]),
            Some(other),
        ),
        (
            "UPDATE dialog SET line = 2, acknowledged = 1 WHERE holder IS NULL",
            |found| {
                let differ = ["line", "acknowledged"];
                matches!(found, Discrepancy::Columns { names, .. } if *names == differ)
            },
            Some(other),
        ),
        (
            "UPDATE dialog SET snapshot = x'00' WHERE holder IS NULL",
            |found| matches!(found, Discrepancy::Snapshot { .. }),
            Some(other),
        ),
    ];
    for (damage, is_named, dialog) in cases {
        let connection = Connection::open(home.path()).unwrap();
        connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        let kept = std::fs::read(home.path()).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        let verified = verify(&home);
        let named = verified.found.iter().find(|found| is_named(found));
        let named = named.unwrap_or_else(|| panic!("{damage}: {verified:?}"));
        if let Some(dialog) = dialog {
            assert!(named.to_string().contains(&dialog.to_string()), "{named}");
        }
        std::fs::write(home.path(), kept).unwrap();
        assert_eq!(verify(&home).found, [], "{damage} was undone");
    }
}
