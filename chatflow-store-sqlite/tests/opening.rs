//! Opening a file: what is refused, and how it is said.

mod support;

use std::fs;

use chatflow_core::{CommitError, Store, StoreError};
use chatflow_store_sqlite::{OpenError, SqliteConfig, SqliteStore, Synchronous};
use futures::executor::block_on;
use rusqlite::Connection;
use support::{Home, Talk, apply, at};

/// The message names the file, and nothing of the file was changed.
fn refused(home: &Home) -> OpenError {
    let before = fs::read(home.path()).unwrap();
    let error = SqliteStore::open(home.path()).unwrap_err();
    assert!(error.to_string().contains("chatflow.db"), "{error}");
    assert_eq!(fs::read(home.path()).unwrap(), before);
    let reading = SqliteStore::open_read_only(home.path()).unwrap_err();
    assert_eq!(reading.to_string(), error.to_string());
    error
}

#[test]
fn foreign_bytes_are_left_alone() {
    let home = Home::new();
    fs::write(
        home.path(),
        "a letter to somebody, longer than a database's header is. ".repeat(20),
    )
    .unwrap();
    assert!(matches!(refused(&home), OpenError::NotADatabase { .. }));
}

#[test]
fn another_programs_database_is_left_alone() {
    let home = Home::new();
    let other = Connection::open(home.path()).unwrap();
    other
        .execute_batch("CREATE TABLE note (text TEXT)")
        .unwrap();
    other.close().unwrap();
    assert!(matches!(refused(&home), OpenError::ForeignDatabase { .. }));
}

#[test]
fn a_newer_schema_is_left_alone() {
    let home = Home::new();
    drop(home.open());
    Connection::open(home.path())
        .unwrap()
        .execute_batch("PRAGMA user_version = 999")
        .unwrap();
    let error = refused(&home);
    assert!(
        matches!(
            error,
            OpenError::TooNew {
                found: 999,
                known: 4,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_edited_migration_is_noticed() {
    let home = Home::new();
    drop(home.open());
    Connection::open(home.path())
        .unwrap()
        .execute_batch("UPDATE chatflow_migration SET checksum = x'00'")
        .unwrap();
    let error = refused(&home);
    assert!(
        matches!(error, OpenError::ChecksumMismatch { version: 1, .. }),
        "{error}"
    );
}

#[test]
fn an_empty_file_becomes_a_store() {
    let home = Home::new();
    fs::write(home.path(), "").unwrap();
    assert!(matches!(
        SqliteStore::open_read_only(home.path()),
        Err(OpenError::ForeignDatabase { .. })
    ));
    drop(home.open());
    SqliteStore::open_read_only(home.path()).unwrap();
}

#[test]
fn a_missing_directory_is_named() {
    let home = Home::new();
    let path = home.directory().join("nowhere").join("chatflow.db");
    for opened in [SqliteStore::open(&path), SqliteStore::open_read_only(&path)] {
        let error = opened.unwrap_err();
        assert!(
            matches!(&error, OpenError::DirectoryMissing { path } if path.ends_with("nowhere"))
        );
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}

#[test]
fn a_missing_file_is_not_made_for_reading() {
    let home = Home::new();
    let error = SqliteStore::open_read_only(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert_eq!(fs::read_dir(home.directory()).unwrap().count(), 0);
}

#[test]
fn a_directory_is_no_database() {
    let home = Home::new();
    let error = SqliteStore::open(home.directory()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

#[test]
fn a_second_writer_is_told_who_holds_the_file() {
    let home = Home::new();
    let store = home.open();
    let error = SqliteStore::open(home.path()).unwrap_err();
    let process = std::process::id();
    #[cfg(unix)]
    assert!(
        matches!(error, OpenError::Locked { holder: Some(holder), .. } if holder == process),
        "{error}"
    );
    assert!(
        matches!(error, OpenError::Locked { .. }),
        "{error} {process}"
    );

    // A clone keeps it open, the last one lets it go.
    let clone = store.clone();
    drop(store);
    assert!(SqliteStore::open(home.path()).is_err());
    drop(clone);
    home.open();
}

#[cfg(unix)]
#[test]
fn other_paths_to_the_file_meet_the_same_lock() {
    let home = Home::new();
    let link = home.directory().join("link.db");
    // Before the file exists, too: the link's target is what gets made.
    std::os::unix::fs::symlink("chatflow.db", &link).unwrap();
    let store = SqliteStore::open(&link).unwrap();
    assert!(matches!(
        SqliteStore::open(home.path()),
        Err(OpenError::Locked { .. })
    ));
    drop(store);

    let _store = home.open();
    let roundabout = home.directory().join(".").join("chatflow.db");
    for path in [link, roundabout] {
        assert!(matches!(
            SqliteStore::open(path),
            Err(OpenError::Locked { .. })
        ));
    }
}

#[test]
fn a_reader_stands_beside_the_writer_and_sees_commits() {
    let home = Home::new();
    let store = home.open();
    let tool = SqliteStore::open_read_only(home.path()).unwrap();
    let mut talk = Talk::new("anna");
    assert!(block_on(tool.load(talk.id())).unwrap().is_none());
    apply(&store, talk.message("1", at(1)));
    assert_eq!(block_on(tool.load(talk.id())).unwrap().unwrap().revision, 1);

    let turn = talk.message("2", at(2));
    assert!(matches!(
        block_on(tool.commit(turn)),
        Err(CommitError::Store(StoreError::ReadOnly))
    ));
    assert!(matches!(
        block_on(tool.recover(at(3))),
        Err(StoreError::ReadOnly)
    ));
    drop(store);
    // The writer is gone; the tool goes on reading.
    assert_eq!(block_on(tool.load(talk.id())).unwrap().unwrap().revision, 1);
}

#[test]
fn everything_is_there_after_reopening() {
    let home = Home::new();
    let mut talk = Talk::new("anna");
    for synchronous in [Synchronous::Full, Synchronous::Normal] {
        let config = SqliteConfig::new(home.path())
            .synchronous(synchronous)
            .readers(1);
        let store = SqliteStore::open_with(config).unwrap();
        let key = format!("{synchronous:?}");
        apply(&store, talk.message(&key, at(1)));
    }
    // Closed in order: the log was moved into the file.
    assert!(!home.directory().join("chatflow.db-wal").exists());

    let store = home.open();
    let loaded = block_on(store.load(talk.id())).unwrap().unwrap();
    assert_eq!(loaded.snapshot, talk.snapshot.encode().unwrap());
    assert_eq!(loaded.contact, talk.contact);
    assert_eq!(block_on(store.journal(talk.id(), 0, 10)).unwrap().len(), 2);
    assert_eq!(
        block_on(store.transcript(talk.id(), None, 10))
            .unwrap()
            .len(),
        4
    );
    assert_eq!(
        block_on(store.find_dialog(talk.bot(), &talk.address)).unwrap(),
        Some(talk.id())
    );
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.db");
    fs::write(&path, "this is a letter to my aunt ".repeat(100)).unwrap();
    assert!(SqliteStore::open(&path).is_err());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing was put beside it"
    );
}

#[cfg(unix)]
#[test]
fn what_people_wrote_is_for_the_owners_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let store = SqliteStore::open(&path).unwrap();
    for name in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        let mode = fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    drop(store);
}
