//! New flows under load: a hundred deploys of every policy, with dialogs that write all the time.

mod load;

use std::sync::Arc;

use chatflow_core::MemoryStore;
use load::{Load, run};

#[test]
fn fl_52_a_hundred_deploys_do_what_their_plans_say() {
    let load = Load {
        dialogs: 40,
        events_between: 60,
        flips: 100,
        is_held: true,
    };
    run(Arc::new(MemoryStore::new()), &load);
}

#[test]
fn fl_52_a_hundred_deploys_into_turns_under_way_lose_nobody() {
    let load = Load {
        dialogs: 40,
        events_between: 40,
        flips: 100,
        is_held: false,
    };
    run(Arc::new(MemoryStore::new()), &load);
}
