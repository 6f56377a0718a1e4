//! New flows under load, over database files.

#[path = "../../chatflow-core/tests/load/mod.rs"]
mod load;

use std::sync::Arc;

use chatflow_store_sqlite::SqliteStore;
use load::{Load, run};

#[test]
fn fl_52_a_hundred_deploys_do_what_their_plans_say() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("chatflow.db")).unwrap();
    let load = Load {
        dialogs: 16,
        events_between: 24,
        flips: 100,
        is_held: true,
    };
    run(Arc::new(store), &load);
}
