//! People under virtual time: contacts write, operators come and go, accept, refuse, pass on and
//! complete, workers crash, the store loses answers, and all of it at once. One holder at a time,
//! load never above capacity, never a waiting dialog beside an operator who could take it once all
//! is quiet, one open session per dialog, each change told once with who did it and why.
//!
//! Everything of a run follows from its seed. One that fails names itself in one line.

mod chance;
mod command;
mod crowd;
mod ledger;
mod plant;
mod rest;
mod setup;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crowd::{Report, run};
use plant::Plant;
use setup::Size;

/// How soon each planted bug has to be found.
const SEEDS_TO_FIND: u64 = 250;

/// Runs a seed; one that fails is named by the line that runs it again.
fn holds(size: Size, seed: u64, name: &str) -> Report {
    let ran = catch_unwind(AssertUnwindSafe(|| run(size, seed, None)));
    let wrong = match ran {
        Ok(Ok(report)) => return report,
        Ok(Err(wrong)) => wrong,
        Err(_) => "it panicked".to_owned(),
    };
    let is_full = size.contacts == Size::FULL.contacts;
    let size = if is_full { "SIZE=full " } else { "" };
    panic!(
        "{size}SEED={seed} cargo nextest run -p chatflow-core --all-features --test people_simulation {name} # {wrong}"
    );
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect("the variable holds a number"))
}

/// Runs a quarter of the thousand seeds; or the one that the environment names.
fn quarter(from: u64) {
    if let Some(seed) = number("SEED") {
        if (from..from + 250).contains(&(seed % 1000)) {
            let report = holds(Size::small(seed), seed, "seeds");
            println!("seed {seed}: {report:?}");
        }
        return;
    }
    let mut all = Report::default();
    for seed in from..from + 250 {
        let report = holds(Size::small(seed), seed, "seeds");
        all.turns += report.turns;
        all.crashes += report.crashes;
        all.rests += report.rests;
        all.waits += report.waits;
    }
    println!("{all:?}");
    assert!(all.crashes > 0 && all.waits > 0, "the runs try nothing");
}

#[test]
fn seeds_from_0() {
    quarter(0);
}

#[test]
fn seeds_from_250() {
    quarter(250);
}

#[test]
fn seeds_from_500() {
    quarter(500);
}

#[test]
fn seeds_from_750() {
    quarter(750);
}

#[test]
fn a_seed_gives_everything() {
    for seed in (0..1000).step_by(97) {
        let first = holds(Size::small(seed), seed, "a_seed_gives_everything");
        let second = holds(Size::small(seed), seed, "a_seed_gives_everything");
        assert_eq!(first, second, "seed {seed} gave two runs");
    }
}

#[test]
fn each_planted_bug_is_found() {
    for plant in Plant::ALL {
        let found = (0..SEEDS_TO_FIND).find_map(|seed| {
            let ran = run(Size::small(seed), seed, Some(plant));
            ran.err().map(|wrong| (seed, wrong))
        });
        let (seed, wrong) = found.unwrap_or_else(|| panic!("{plant:?} is not found"));
        let wrong: String = wrong.chars().take(110).collect();
        println!("{plant:?} is found after {} seeds: {wrong}", seed + 1);
        let is_it = plant
            .is_found_as()
            .iter()
            .any(|words| wrong.contains(words));
        assert!(is_it, "{plant:?} is found for another reason");
    }
}

/// Fifty operators and eight workers. In CI with as many contacts as fit in half a minute; all 5,000
/// take an optimised build:
/// `SIZE=full SEEDS=10 cargo nextest run --release -p chatflow-core --all-features --test people_simulation many_people`.
#[test]
fn many_people() {
    let size = match std::env::var("SIZE").as_deref() {
        Ok("full") => Size::FULL,
        Ok(other) => panic!("there is no size `{other}`, only `full`"),
        Err(_) => Size::LARGE,
    };
    let first = number("SEED").unwrap_or(0);
    for seed in first..first + number("SEEDS").unwrap_or(1) {
        println!("seed {seed}: {:?}", holds(size, seed, "many_people"));
    }
}
