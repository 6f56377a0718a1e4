//! `chatflow verify` through the real program, over files that a real store made.

use std::path::Path;
use std::process::{Command, Output};

use chatflow_core::{Operator, Store};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;
use rusqlite::Connection;

fn verify(file: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatflow"));
    let output: Output = command
        .args(["verify", "--db"])
        .arg(file)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_load_that_is_not_what_is_held_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let mut olga = Operator::new("main", "olga");
    olga.revision = 1;
    let store = SqliteStore::open(&file).unwrap();
    block_on(store.save_operator(&olga, 0)).unwrap();
    drop(store);
    let (code, text, _) = verify(&file);
    assert_eq!(text, "0 dialogs and 1 operator looked at: all agrees\n");
    assert_eq!(code, Some(0));

    let connection = Connection::open(&file).unwrap();
    connection
        .execute("UPDATE operator SET load = 3", [])
        .unwrap();
    drop(connection);
    let (code, text, errors) = verify(&file);
    assert_eq!(
        text,
        "operator `olga` of space `main` has load 3, but holds 0\n\
         0 dialogs and 1 operator looked at: 1 thing doesn't agree\n"
    );
    assert_eq!((code, errors.as_str()), (Some(1), ""));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text, errors) = verify(&folder.path().join("none.db"));
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(errors.contains("none.db does not exist"), "{errors}");
}
