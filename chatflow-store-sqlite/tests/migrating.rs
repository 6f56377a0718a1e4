//! Files of earlier schemas: what they hold is there after they are opened.

mod support;

use chatflow_core::{Standing, Store};
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;
use rusqlite::Connection;
use support::{Home, Talk, apply, at};

/// Puts a file back to schema 2, as a program of that time left it.
fn back_to_schema_2(home: &Home) {
    let columns = "id, bot, channel, external_id, contact, revision, status, label, flow, step,
        assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send,
        contact_revision, snapshot";
    let first = include_str!("../migrations/0001_init.sql");
    let table = first.find("CREATE TABLE dialog (").unwrap();
    let end = table + first[table..].find("CREATE TABLE lagging").unwrap();
    let table = &first[table..end];
    Connection::open(home.path())
        .unwrap()
        .execute_batch(&format!(
            "ALTER TABLE dialog RENAME TO later;
             DROP INDEX dialog_of_contact;
             {table}
             INSERT INTO dialog ({columns}) SELECT {columns} FROM later;
             DROP TABLE later;
             DELETE FROM chatflow_migration WHERE version > 2;
             PRAGMA user_version = 2;"
        ))
        .unwrap();
}

#[test]
fn fl_52_dialogs_of_schema_2_keep_the_version_they_stand_in() {
    let home = Home::new();
    let mut stands = Talk::new("anna");
    let mut begins = Talk::new("boris");
    let store = home.open();
    apply(&store, stands.message("1", at(1)));
    apply(&store, begins.message("1", at(1)));
    let before = block_on(store.dialogs(None, 9)).unwrap();
    assert!(before.iter().all(|dialog| dialog.row.version == Some(1)));
    // What can't be decoded can't be read either, and mustn't keep the rest from being opened.
    drop(store);
    back_to_schema_2(&home);
    let damaged = begins.id().to_bytes();
    Connection::open(home.path())
        .unwrap()
        .execute(
            "UPDATE dialog SET snapshot = x'00' WHERE id = ?1",
            [damaged],
        )
        .unwrap();

    let reading = SqliteStore::open_read_only(home.path()).unwrap_err();
    assert!(
        matches!(reading, OpenError::TooOld { found: 2, .. }),
        "{reading}"
    );
    let store = home.open();
    let standing = block_on(store.standing(stands.bot())).unwrap();
    let place = Standing {
        flow: "hello".into(),
        version: 1,
        step: "name".into(),
        dialogs: 1,
    };
    assert_eq!(standing, [place]);
    let page = block_on(store.dialogs_at(stands.bot(), &"hello".into(), 1, None, 9)).unwrap();
    let row = before.iter().find(|row| row.dialog == stands.id()).unwrap();
    assert_eq!(&page, std::slice::from_ref(row), "nothing else has changed");
    // And it goes on.
    apply(&store, stands.message("2", at(2)));
    let standing = block_on(store.standing(stands.bot())).unwrap();
    assert_eq!(standing[0].step, "city".into());
}
