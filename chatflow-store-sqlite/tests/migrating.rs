//! Files of earlier schemas: what they hold is there after they are opened.

mod support;

use chatflow_core::{
    Assignee, Event, EventKey, Filter, Handling, Operator, OperatorAct, SessionRecord, Standing,
    Store,
};
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;
use rusqlite::{Connection, params};
use support::{Home, Talk, apply, at};

/// Puts a file back to an earlier schema, as a program of that time left it.
fn back_to_schema(home: &Home, version: i64) {
    let (migration, columns) = match version {
        3 => (
            include_str!("../migrations/0003_flow_version.sql"),
            "version, ",
        ),
        _ => (include_str!("../migrations/0001_init.sql"), ""),
    };
    let table = migration.find("CREATE TABLE dialog (").unwrap();
    let end = table + migration[table..].find(") STRICT;").unwrap();
    let table = &migration[table..end];
    let columns = format!(
        "id, bot, channel, external_id, contact, revision, status, label, flow, {columns} step,
         assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send,
         contact_revision, snapshot"
    );
    let indexes = "CREATE INDEX dialog_of_contact ON dialog (contact, id);";
    let standing = match version {
        3 => {
            "CREATE INDEX dialog_standing ON dialog (bot, flow, version, id, step)
              WHERE flow IS NOT NULL;"
        }
        _ => "",
    };
    let first = match version {
        1 => {
            "DROP TABLE bot;
              DROP INDEX timer_due;
              ALTER TABLE timer DROP COLUMN held;
              CREATE INDEX timer_due ON timer (due, dialog, name, generation);"
        }
        _ => "",
    };
    Connection::open(home.path())
        .unwrap()
        .execute_batch(&format!(
            "ALTER TABLE dialog RENAME TO later;
             {table}) STRICT;
             INSERT INTO dialog ({columns}) SELECT {columns} FROM later;
             DROP TABLE later;
             DROP TABLE dialog_offer;
             DROP TABLE participant;
             DROP TABLE session;
             DROP TABLE operator;
             DROP TABLE queue;
             DROP TABLE queue_member;
             {indexes} {standing} {first}
             DELETE FROM chatflow_migration WHERE version > {version};
             PRAGMA user_version = {version};"
        ))
        .unwrap();
}

/// Takes from stored sessions what builds before schema 4 didn't keep.
fn forget_last_messages(home: &Home) {
    const KEY: &[u8] = b"\xaflast_message_at";
    let connection = Connection::open(home.path()).unwrap();
    let mut page = connection
        .prepare("SELECT id, snapshot FROM dialog")
        .unwrap();
    let rows = page.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Vec<(Vec<u8>, Vec<u8>)> = rows.unwrap().map(Result::unwrap).collect();
    for (id, mut snapshot) in rows {
        let find = |what: &[u8], snapshot: &[u8]| {
            let mut windows = snapshot.windows(what.len());
            windows.position(|window| window == what)
        };
        let Some(key) = find(KEY, &snapshot) else {
            continue;
        };
        let value = match snapshot[key + KEY.len()] {
            0xcf | 0xd3 => 9,
            0xce | 0xd2 => 5,
            0xcd | 0xd1 => 3,
            0xcc | 0xd0 => 2,
            _ => 1,
        };
        snapshot.drain(key..key + KEY.len() + value);
        // The session is a map of few fields: its length is in its first byte.
        let map = find(b"\xa7session", &snapshot).unwrap() + 8;
        assert_eq!(snapshot[map] & 0xf0, 0x80);
        snapshot[map] -= 1;
        let sql = "UPDATE dialog SET snapshot = ?2 WHERE id = ?1";
        connection.execute(sql, params![id, snapshot]).unwrap();
    }
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
    back_to_schema(&home, 2);
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

/// What dialogs of earlier schemas say of people is read from their snapshots.
#[test]
fn dialogs_of_every_earlier_schema_say_who_has_them() {
    for version in 1..=3 {
        let home = Home::new();
        let store = home.open();
        let mut talks = ["anna", "boris", "clara"].map(Talk::new);
        for talk in &mut talks {
            apply(&store, talk.message("1", at(1)));
        }
        let take = |key: &str| Event::operator(EventKey::from(key), "olga", OperatorAct::Take);
        let [anna, boris, clara] = &mut talks;
        for talk in [anna, boris] {
            let turn = talk.turn(&take("2"), at(2));
            apply(&store, turn);
        }
        let before = block_on(store.dialogs(None, 9)).unwrap();
        let held: Vec<_> = before
            .iter()
            .filter(|row| row.row.holder.is_some())
            .map(|row| row.dialog)
            .collect();
        assert_eq!(held.len(), 2, "schema {version}");
        let sessions = |store: &SqliteStore, of| -> Vec<SessionRecord> {
            block_on(store.sessions(of, None, 9)).unwrap()
        };
        let sessions_before: Vec<_> = before
            .iter()
            .map(|row| sessions(&store, row.dialog))
            .collect();
        drop(store);
        back_to_schema(&home, version);
        forget_last_messages(&home);
        // One can't be decoded: nobody has it, as far as can be told.
        let damaged = clara.id();
        Connection::open(home.path())
            .unwrap()
            .execute(
                "UPDATE dialog SET snapshot = x'00' WHERE id = ?1",
                [damaged.to_bytes()],
            )
            .unwrap();

        let store = home.open();
        let after = block_on(store.dialogs(None, 9)).unwrap();
        for (before, after) in before.iter().zip(&after) {
            let mut expected = before.clone();
            if after.dialog == damaged {
                (expected.row.session, expected.row.handling) = (None, None);
                if version < 3 {
                    expected.row.version = None;
                }
            }
            assert_eq!(*after, expected, "schema {version}");
        }
        for (row, expected) in before.iter().zip(sessions_before) {
            let found = sessions(&store, row.dialog);
            if row.dialog != damaged {
                // Of those before the last one nothing was kept.
                let last = expected.len().saturating_sub(found.len());
                assert_eq!(found, expected[last..], "schema {version}");
            }
        }
        let his = Filter::Assignee(Assignee::Operator("olga".into()))
            .and(Filter::Handling(Some(Handling::InProgress)));
        assert_eq!(block_on(store.count(&his)).unwrap(), 2);
        let took_part = Filter::Participant("olga".into());
        assert_eq!(block_on(store.count(&took_part)).unwrap(), 2);
        // Her row comes later, and counts what she has.
        let space = after[0].space.clone();
        let mut olga = Operator::new(space.clone(), "olga");
        olga.revision = 1;
        block_on(store.save_operator(&olga, 0)).unwrap();
        let load = |store: &SqliteStore| {
            let row = block_on(store.operator(&space, &olga.id)).unwrap();
            row.unwrap().load
        };
        assert_eq!(load(&store), 2);
        // And it goes on.
        let [anna, ..] = &mut talks;
        let completes = Event::operator("3", "olga", OperatorAct::Complete);
        let turn = anna.turn(&completes, at(3));
        apply(&store, turn);
        assert_eq!(load(&store), 1);
        assert_eq!(block_on(store.count(&took_part)).unwrap(), 2);
    }
}
