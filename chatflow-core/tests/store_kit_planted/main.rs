//! Tests the store conformance kit: each store here has one planted bug, and the case that is
//! meant for it must go red. A case that catches nothing would prove nothing.

mod bots;
mod bug;
mod commits;
mod deliveries;
mod lag;
mod listings;
mod people;
mod plan;
mod planted;
mod queues;
mod reports;

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use bug::Bug;
use chatflow_core::Store;
use chatflow_core::testing::block_on;
use chatflow_core::testing::store_kit::{CASES, Case, StoreHarness};
use plan::PLANTED;
use planted::Planted;

struct Harness(Bug);

#[async_trait::async_trait]
impl StoreHarness for Harness {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(Planted::new(self.0))
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        planted::reopen(self.0, store).await
    }
}

/// Where the last panic was.
static PANICKED_IN: Mutex<String> = Mutex::new(String::new());

/// Whether the case goes red on stores with this bug, and by an assertion of the kit: a wrapper
/// that falls over by itself would prove nothing.
fn catches(case: &Case, bug: Bug) -> bool {
    let harness = Harness(bug);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| block_on((case.run)(&harness)))).is_err();
    let file = PANICKED_IN.lock().unwrap();
    assert!(
        !caught || file.contains("store_kit") && !file.contains("planted"),
        "{file}"
    );
    caught
}

#[test]
fn every_planted_bug_is_caught_by_the_case_meant_for_it() {
    // The panics are the point here; their messages would bury the result.
    panic::set_hook(Box::new(|panic| {
        let file = panic.location().map(|place| place.file().to_owned());
        *PANICKED_IN.lock().unwrap() = file.unwrap_or_default();
    }));
    let missed: Vec<_> = PLANTED
        .iter()
        .filter(|(bug, name)| {
            let case = CASES.iter().find(|case| case.name == *name);
            !case.is_some_and(|case| catches(case, *bug))
        })
        .collect();
    // The wrapper itself breaks nothing, so what is caught above is the bug.
    let red: Vec<_> = CASES
        .iter()
        .filter(|case| catches(case, Bug::Nothing))
        .collect();
    let _ = panic::take_hook();

    let mut bugs: Vec<Bug> = PLANTED.iter().map(|(bug, _)| *bug).collect();
    bugs.sort_unstable();
    bugs.dedup();
    let caught = |bug: &&Bug| !missed.iter().any(|(missed, _)| missed == *bug);
    let caught = bugs.iter().filter(caught).count();
    println!("planted bugs caught: {caught} of {}", bugs.len());
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(red.is_empty(), "red without a bug: {red:?}");
    let unproven: Vec<_> = CASES
        .iter()
        .filter(|case| !PLANTED.iter().any(|(_, name)| *name == case.name))
        .map(|case| case.name)
        .collect();
    assert!(
        unproven.is_empty(),
        "cases without a planted bug: {unproven:?}"
    );
}
