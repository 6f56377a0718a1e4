//! The legal changes of status, read from the requirements' own table.

use std::collections::BTreeMap;

use chatflow_core::{Actor, StatusKind};

/// The letters allowed on each edge, read from the requirements' own table.
pub(crate) struct LegalTable(BTreeMap<(StatusKind, StatusKind), String>);

impl LegalTable {
    pub(crate) fn parse() -> Self {
        let text = include_str!("../fixtures/legal-transitions.md");
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.starts_with('|') && !line.starts_with("|--"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let (head, body) = rows.split_first().expect("the table has a head");
        let mut cells = BTreeMap::new();
        for row in body {
            let from = Self::kind(row[0]);
            for (to, cell) in head.iter().zip(row).skip(1) {
                cells.insert((from, Self::kind(to)), (*cell).to_owned());
            }
        }
        assert_eq!(cells.len(), 64, "eight statuses to eight");
        Self(cells)
    }

    fn kind(letter: &str) -> StatusKind {
        match letter {
            "S" => StatusKind::Start,
            "A" => StatusKind::Auto,
            "W" => StatusKind::Waiting,
            "M" => StatusKind::Manual,
            "F" => StatusKind::Finished,
            "E" => StatusKind::Error,
            "T" => StatusKind::Stopped,
            "B" => StatusKind::Blocked,
            other => panic!("unknown status {other} in the table"),
        }
    }

    pub(crate) fn allows(&self, from: StatusKind, to: StatusKind, letter: &str) -> bool {
        self.0[&(from, to)].split_whitespace().any(|cell| {
            cell == letter
                || cell
                    .strip_prefix(letter)
                    .is_some_and(|rest| rest.starts_with('('))
        })
    }
}

/// The table's letter for who changed a status.
pub(crate) fn letter(actor: &Actor, to: StatusKind) -> &'static str {
    match actor {
        Actor::Contact | Actor::MediaRule(_) => "i",
        Actor::Operator(_) | Actor::ContactRow | Actor::Queue(_) | Actor::Absence(_) => "o",
        Actor::Step(_) | Actor::Timer(_) | Actor::Robot(_) | Actor::Deploy => "r",
        Actor::Postback(_) => "p",
        // A message that the channel refuses for good is an engine's error, not a matter of reach.
        Actor::Channel if to == StatusKind::Error => "e",
        // Where the bot's policy puts Manual in that Error's place, a person is asked for.
        Actor::Channel if to == StatusKind::Manual => "o",
        Actor::Channel => "f",
        Actor::Engine | Actor::Retry => "e",
    }
}
