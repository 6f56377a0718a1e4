//! Arbitrary small flows and settings, arbitrary events: no panic, bounded, the same bytes twice,
//! only legal changes of status, and replay agrees.

mod flows;
mod happenings;
mod legal;
mod people;
mod transition;
#[path = "../world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use chatflow_core::{
    Bot, Engine, Fact, FlowDefinition, Limits, Snapshot, Status, StatusKind, TimerChange, TimerSet,
    Value, codec, replay, time,
};
use proptest::prelude::*;

use flows::{behaviours, flows};
use happenings::{event, happenings};
use legal::LegalTable;
use people::{check_people, people_of};
use transition::check_transition;
use world::opened;

struct Review;

impl Status for Review {
    fn label(&self) -> &str {
        "review"
    }

    fn kind(&self) -> StatusKind {
        StatusKind::Manual
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fl_49_fl_51_st_42_any_flow_any_events(
        flow in flows(),
        behaviour in people_of(behaviours()),
        happenings in happenings(),
    ) {
        let limits = Limits { steps_per_turn: 30, effects_per_turn: 12, robot_acts_per_turn: 5, text_bytes: 2048, data_bytes: 2048 };
        let bot = Bot::new("any", flow).status(&Review).limits(limits).behaviour(behaviour);
        let config = Arc::new(bot.compile().unwrap());
        let table = LegalTable::parse();
        let mut snapshot = opened(&config);
        let mut now = time::from_millis(1_000_000);
        let mut journal = Vec::new();
        let mut rows: BTreeMap<String, TimerSet> = BTreeMap::new();
        for (n, happening) in happenings.iter().enumerate() {
            let event = event(happening, &snapshot, n, &mut now);
            let first = Engine::handle(&config, snapshot.clone(), &event, now);
            let second = Engine::handle(&config, snapshot.clone(), &event, now);
            match (first, second) {
                (Ok(first), Ok(second)) => {
                    check_transition(&table, &snapshot, &event, &first, &limits);
                    check_people(&snapshot, &first);
                    prop_assert_eq!(codec::encode(&first.facts).unwrap(), codec::encode(&second.facts).unwrap());
                    prop_assert_eq!(&first.effects, &second.effects);
                    let bytes = first.snapshot.encode().unwrap();
                    prop_assert_eq!(&bytes, &second.snapshot.encode().unwrap());
                    for change in &first.timers {
                        match change {
                            TimerChange::Set { name, generation, due } => {
                                let set = TimerSet { generation: *generation, due: *due };
                                rows.insert(name.clone(), set);
                            }
                            TimerChange::Cancel { name } => {
                                rows.remove(name);
                            }
                        }
                    }
                    prop_assert_eq!(&rows, &first.snapshot.timers, "a store keeps the same timers");
                    journal.push((first.snapshot.revision, second.encode_journal().unwrap()));
                    // Between any two turns the dialog is read back from its stored form.
                    let read = Snapshot::decode(&bytes).unwrap();
                    prop_assert_eq!(&read, &first.snapshot);
                    snapshot = read;
                }
                (Err(first), Err(second)) => {
                    prop_assert_eq!(&*first.snapshot, &snapshot, "a refusal changes nothing");
                    prop_assert_eq!(first.reason, second.reason);
                    prop_assert_eq!(first.event, event.body.label());
                }
                _ => prop_assert!(false, "taken once, refused once"),
            }
        }
        if !journal.is_empty() {
            let bytes = snapshot.encode().unwrap();
            let replayed = replay(snapshot.dialog, &journal, &bytes, |_| Ok(Arc::clone(&config)));
            prop_assert_eq!(replayed.unwrap().turns, snapshot.revision);
        }
    }

    #[test]
    fn stored_bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Snapshot::decode(&bytes);
        let _ = codec::decode::<Vec<Fact>>(&bytes);
        let _ = codec::decode::<Value>(&bytes);
        let _ = codec::decode::<FlowDefinition>(&bytes);
    }
}

#[test]
fn the_table_is_read_as_written() {
    let table = LegalTable::parse();
    assert!(table.allows(StatusKind::Start, StatusKind::Auto, "i"));
    assert!(
        table.allows(StatusKind::Finished, StatusKind::Auto, "i"),
        "i(C3)"
    );
    assert!(!table.allows(StatusKind::Manual, StatusKind::Error, "e"));
    assert!(!table.allows(StatusKind::Manual, StatusKind::Auto, "i"));
    assert!(!table.allows(StatusKind::Auto, StatusKind::Auto, "o"));
}
