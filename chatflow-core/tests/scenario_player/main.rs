//! A scenario that should not hold doesn't, one that can't be read says where, and what
//! happened can be written back.

use chatflow_core::testing::{Played, Player, Scenario, block_on};

#[path = "../scenarios/bots.rs"]
mod bots;
mod failing;
mod outside;
mod random;
mod reading;
mod written;
use bots::bot;

fn play(name: &str, text: &str) -> Played {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"));
    block_on(Player::new(bot(name)).play(&scenario)).unwrap()
}

/// Line, expected and got of what fails.
fn failures(name: &str, text: &str) -> Vec<(usize, String, String)> {
    all(play(name, text))
}

fn all(played: Played) -> Vec<(usize, String, String)> {
    let failures = played.failures.into_iter();
    let parts = failures.map(|failure| (failure.line, failure.expected, failure.got));
    parts.collect()
}

fn failure(line: usize, expected: &str, got: &str) -> (usize, String, String) {
    (line, expected.to_owned(), got.to_owned())
}
