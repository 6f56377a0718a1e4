//! What the files hold at the instant a process dies.

mod support;

use std::fs;

use chatflow_core::Store;
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;
use support::{Home, Talk, apply, at, begin};

/// The files as they are after a reply, copied from under the running store: what a process that
/// is killed now leaves behind. Nothing is closed in order.
#[test]
fn everything_acknowledged_is_in_the_files_already() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    for turn in 1..=20 {
        let commit = talk.message(&turn.to_string(), at(1));
        let effect = commit.effects.first().map(|effect| effect.id);
        apply(&store, commit);
        if turn == 1 {
            begin(&store, effect.unwrap(), at(1));
        }

        let grave = Home::new();
        for name in ["chatflow.db", "chatflow.db-wal"] {
            fs::copy(home.directory().join(name), grave.directory().join(name)).unwrap();
        }
        let revived = SqliteStore::open(grave.path()).unwrap();
        let loaded = block_on(revived.load(talk.id())).unwrap().unwrap();
        assert_eq!(loaded.revision, turn);
        assert_eq!(loaded.snapshot, talk.snapshot.encode().unwrap());
        assert_eq!(
            block_on(revived.journal(talk.id(), 0, 100)).unwrap().len() as u64,
            turn
        );
        assert_eq!(
            block_on(revived.recover(at(2))).unwrap(),
            1,
            "the delivery was under way"
        );
    }
}

/// A log torn in the middle of its last commit: that commit is gone as a whole, all before it
/// are there.
#[test]
fn a_torn_commit_is_gone_as_a_whole() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let log = home.directory().join("chatflow.db-wal");
    apply(&store, talk.message("1", at(1)));
    let before = fs::metadata(&log).unwrap().len();
    apply(&store, talk.reply("2", at(2)));
    let after = fs::metadata(&log).unwrap().len();
    assert!(after > before);

    for cut in [before, before + 1, (before + after) / 2, after - 1] {
        let grave = Home::new();
        fs::copy(home.path(), grave.path()).unwrap();
        let mut bytes = fs::read(&log).unwrap();
        bytes.truncate(usize::try_from(cut).unwrap());
        fs::write(grave.directory().join("chatflow.db-wal"), bytes).unwrap();

        let revived = grave.open();
        assert_eq!(
            block_on(revived.load(talk.id())).unwrap().unwrap().revision,
            1
        );
        assert_eq!(block_on(revived.journal(talk.id(), 0, 9)).unwrap().len(), 1);
        assert_eq!(block_on(revived.outbox(talk.id())).unwrap().len(), 1);
        let counters = block_on(revived.counters(talk.bot())).unwrap();
        assert_eq!(counters.iter().map(|(_, count)| count).sum::<u64>(), 1);
    }
}
