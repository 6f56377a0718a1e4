//! Arbitrary small flows, arbitrary events: no panic, bounded, the same bytes twice, only legal
//! changes of status, and replay agrees.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::{
    Actor, Ask, Automation, Bot, Branch, CallFailure, CancelScope, Cause, Condition, ContactBlock,
    ContactView, EffectBody, EffectId, Engine, Event, EventBody, Fact, FailureClass, Finish,
    FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter, Limits, Moment, OperatorAct, Reach,
    SendMessage, ShownStatus, Snapshot, Status, StatusChoice, StatusKind, StepTarget, TimerChange,
    TimerSet, Transition, Value, codec, replay, time,
};
use proptest::prelude::*;

use world::{Obedient, opened};

/// The letters allowed on each edge, read from the requirements' own table.
struct LegalTable(BTreeMap<(StatusKind, StatusKind), String>);

impl LegalTable {
    fn parse() -> Self {
        let text = include_str!("fixtures/legal-transitions.md");
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

    fn allows(&self, from: StatusKind, to: StatusKind, letter: &str) -> bool {
        self.0[&(from, to)].split_whitespace().any(|cell| {
            cell == letter
                || cell
                    .strip_prefix(letter)
                    .is_some_and(|rest| rest.starts_with('('))
        })
    }
}

/// The table's letter for who changed a status.
fn letter(actor: &Actor, to: StatusKind) -> &'static str {
    match actor {
        Actor::Contact | Actor::MediaRule(_) => "i",
        Actor::Operator(_) | Actor::ContactRow => "o",
        Actor::Step(_) | Actor::Timer(_) => "r",
        // A message that the channel refuses for good is an engine's error, not a matter of reach.
        Actor::Channel if to == StatusKind::Error => "e",
        Actor::Channel => "f",
        Actor::Engine => "e",
    }
}

struct Review;

impl Status for Review {
    fn label(&self) -> &str {
        "review"
    }

    fn kind(&self) -> StatusKind {
        StatusKind::Manual
    }
}

const WORDS: [&str; 14] = [
    "a",
    "b",
    "34",
    "",
    "call",
    "call and go",
    "wait",
    "many",
    "data",
    "side",
    "nowhere",
    "fail",
    "hand off",
    "complete",
];

fn flows() -> impl Strategy<Value = FlowDefinition> {
    let step = (
        0..7_usize,
        prop::option::of(0..4_usize),
        prop::collection::vec(0..8_usize, 3),
    );
    prop::collection::vec(step, 1..8).prop_map(|steps| {
        let count = steps.len();
        let mut flow = FlowBuilder::new("any", 1);
        for (n, (kind, finish, targets)) in steps.into_iter().enumerate() {
            let name = format!("s{n}");
            let to = |n: usize| format!("s{}", targets[n] % count);
            flow = match kind {
                0 => flow
                    .step(name, SendMessage::text("said").choices(["yes"]))
                    .exit("next", to(0)),
                1 => flow
                    .step(name, Ask::range("how old?", 1, 120).retries(1).save("age"))
                    .exit("next", to(0)),
                2 => flow
                    .step(name, Ask::text("who?").save_contact_name())
                    .timeout(Duration::from_secs(60))
                    .exit("timeout", to(1)),
                3 => flow
                    .step(
                        name,
                        KeywordRouter::new().route("a", ["a"]).route("b", ["b"]),
                    )
                    .exit("a", to(0))
                    .exit("b", to(1))
                    .exit("otherwise", to(2)),
                4 => flow
                    .step(name, Branch::when("old", Condition::at_least("age", 18)))
                    .exit("old", to(0)),
                5 => flow.step(name, Finish::with(FinishStatus::Waiting)),
                _ => flow.step(name, Obedient).exit("side", to(1)),
            };
            flow = match finish {
                Some(0) => flow.finish(FinishStatus::Waiting),
                Some(1) => flow.finish(FinishStatus::Manual),
                Some(2) => flow.finish(FinishStatus::Finished),
                _ => flow,
            };
        }
        flow.build().expect("generated flows are whole")
    })
}

/// What happens next; times and ids are filled in from the snapshot when it happens.
#[derive(Debug, Clone)]
enum Happening {
    Says(&'static str),
    Operator(OperatorAct, Option<i64>),
    Reach(Reach),
    Fails(FailureClass),
    ContactBlocked(bool),
    Answer(bool),
    TimerDue,
    TimerEarly,
    Panics(&'static str),
    ClockBack,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let status = prop_oneof![
        Just(StatusChoice::Start),
        Just(StatusChoice::Auto),
        Just(StatusChoice::Waiting),
        Just(StatusChoice::Manual),
        Just(StatusChoice::Finished),
        Just(StatusChoice::Custom("review".into())),
        Just(StatusChoice::Custom("unknown".into())),
    ];
    let step = (0..9_usize).prop_map(|n| StepTarget::step(format!("s{n}")));
    let act = prop_oneof![
        Just(OperatorAct::Reply("I am here".into())),
        Just(OperatorAct::Take),
        Just(OperatorAct::Block),
        Just(OperatorAct::Unblock),
        (prop::option::of(status), prop::option::of(step))
            .prop_map(|(status, step)| OperatorAct::set(status, step)),
    ];
    let reach = prop_oneof![
        Just(Reach::Ok),
        Just(Reach::BlockedByContact),
        Just(Reach::CannotWrite(Cause::CannotInitiate)),
    ];
    let class = prop_oneof![
        Just(FailureClass::Blocked),
        Just(FailureClass::CannotWrite(Cause::Removed)),
        Just(FailureClass::Content),
        Just(FailureClass::Exhausted),
    ];
    let word = prop::sample::select(WORDS.to_vec());
    let happening = prop_oneof![
        8 => word.clone().prop_map(Happening::Says),
        4 => (act, prop::option::weighted(0.2, -1..2_i64))
            .prop_map(|(act, revision)| Happening::Operator(act, revision)),
        1 => reach.prop_map(Happening::Reach),
        1 => class.prop_map(Happening::Fails),
        1 => any::<bool>().prop_map(Happening::ContactBlocked),
        1 => any::<bool>().prop_map(Happening::Answer),
        2 => Just(Happening::TimerDue),
        1 => Just(Happening::TimerEarly),
        1 => word.prop_map(Happening::Panics),
        1 => Just(Happening::ClockBack),
    ];
    prop::collection::vec(happening, 1..40)
}

/// The event that a happening is for a dialog as it stands, and when.
fn event(happening: &Happening, snapshot: &Snapshot, n: usize, now: &mut Moment) -> Event {
    *now += Duration::from_millis(700);
    let last = EffectId {
        dialog: snapshot.dialog,
        turn: snapshot.revision,
        n: 1,
    };
    let body = match happening.clone() {
        Happening::Says(word) => EventBody::MessageReceived(word.into()),
        Happening::Operator(act, at) => {
            let event = Event::operator(format!("{n}"), "op", act);
            return match at {
                Some(offset) => event.if_revision(snapshot.revision.saturating_add_signed(offset)),
                None => event,
            };
        }
        Happening::Reach(reach) => EventBody::ReachReported(reach),
        Happening::Fails(class) => EventBody::DeliveryFailed {
            effect: last,
            automatic: !n.is_multiple_of(4),
            epoch: snapshot.epoch - u64::from(n.is_multiple_of(3)),
            class,
        },
        Happening::ContactBlocked(blocked) => {
            let revision = snapshot.contact.revision + 1;
            EventBody::ContactChanged(ContactView {
                revision,
                blocked: blocked.then(|| ContactBlock {
                    by: "olga".into(),
                    since: snapshot.turned_at,
                }),
                ..snapshot.contact.clone()
            })
        }
        Happening::Answer(good) => {
            let call = snapshot.call.as_ref().map_or(last, |call| call.id);
            let answer = if good {
                Ok(Value::from("yes"))
            } else {
                Err(CallFailure::Refused)
            };
            EventBody::CallAnswered { call, answer }
        }
        Happening::TimerDue | Happening::TimerEarly => {
            let (name, generation) = match snapshot.timers.first_key_value() {
                Some((name, timer)) => {
                    if matches!(happening, Happening::TimerDue) {
                        *now = (*now).max(timer.due);
                    }
                    (name.clone(), timer.generation)
                }
                None => ("step".to_owned(), 1),
            };
            EventBody::TimerFired { name, generation }
        }
        Happening::Panics(word) => {
            EventBody::StepPanicked(Box::new(EventBody::MessageReceived(word.into())))
        }
        Happening::ClockBack => {
            *now -= Duration::from_secs(3600);
            EventBody::MessageReceived("a".into())
        }
    };
    Event::new(format!("{n}"), body)
}

fn check_transition(
    table: &LegalTable,
    before: &Snapshot,
    event: &Event,
    after: &Transition,
    limits: &Limits,
) {
    let next = &after.snapshot;
    assert_eq!(next.revision, before.revision + 1);
    assert!(next.turned_at >= before.turned_at, "time never goes back");
    assert!(after.effects.len() <= limits.effects_per_turn + 1);
    assert!(after.facts.len() < 1000, "the journal of a turn is bounded");
    assert!(
        matches!(after.facts[0], Fact::Input { .. }),
        "the input comes first"
    );
    let size: usize = next
        .data
        .iter()
        .map(|(name, value)| name.len() + value.weight())
        .sum();
    assert!(size <= limits.data_bytes, "data stays within its limit");

    // Every change of status is recorded once, joins the one before, and is in the table.
    let mut shown: ShownStatus = before.shown_status();
    let mut led = shown.kind == StatusKind::Auto;
    for fact in &after.facts {
        let Fact::StatusChanged {
            from,
            to,
            actor,
            error,
        } = fact
        else {
            continue;
        };
        assert_eq!(*from, shown, "changes join");
        assert_ne!(from, to, "a change changes something");
        assert_eq!(error.is_some(), to.kind == StatusKind::Error);
        let by = letter(actor, to.kind);
        // Lifting our own block shows again what it hid, whatever that is (ST-37).
        let restored = from.kind == StatusKind::Blocked
            && by == "o"
            && matches!(to.kind, StatusKind::Error | StatusKind::Stopped);
        assert!(
            from.kind == to.kind || restored || table.allows(from.kind, to.kind, by),
            "{from} to {to} by {actor:?} is not in the table"
        );
        shown = to.clone();
        led |= to.kind == StatusKind::Auto;
    }
    assert_eq!(
        shown,
        next.shown_status(),
        "what is shown is what was recorded"
    );

    if let EventBody::TimerFired { name, generation } = &event.body {
        let timer = &before.timers[name];
        assert_eq!(timer.generation, *generation, "only the newest fires");
        assert!(timer.due <= next.turned_at, "and never early");
    }
    let automatic = after.effects.iter().any(|effect| effect.automatic);
    let undone = after
        .facts
        .iter()
        .any(|fact| matches!(fact, Fact::TurnUndone { .. }));
    if undone {
        assert!(!automatic, "nothing of an undone turn is sent");
        assert_eq!(next.data, before.data, "nothing of it is kept");
        assert_eq!(next.contact, before.contact);
        assert!(matches!(next.automation, Automation::Error(_)));
        if !matches!(event.body, EventBody::OperatorActed { .. }) {
            assert_eq!(next.position, before.position);
        }
    }
    assert!(led || !automatic, "nothing automatic unless Auto");
    let operator = matches!(event.body, EventBody::OperatorActed { .. });
    let step = |snapshot: &Snapshot| snapshot.position.as_ref().map(|at| at.step.clone());
    if !led && !operator {
        assert_eq!(
            step(before),
            step(next),
            "the step changes only in Auto or by a person"
        );
    }
    // The driver has changed if, and only if, the epoch has risen; a person's choice of a step
    // counts as one, and so does what silences the dialog.
    let set_step = matches!(
        &event.body,
        EventBody::OperatorActed {
            act: OperatorAct::Set(settings),
            ..
        } if settings.step.is_some()
    );
    let changed = before.automation.drives() != next.automation.drives();
    let silenced = after.cancel == Some(CancelScope::Messages);
    assert_eq!(next.epoch > before.epoch, changed || set_step || silenced);
    for effect in &after.effects {
        assert_eq!(
            effect.epoch, next.epoch,
            "an entry carries the epoch its turn ended with"
        );
        assert!(
            !effect.automatic || effect.epoch >= next.fence,
            "a turn never fences its own"
        );
        if let EffectBody::Call { .. } = effect.body {
            assert!(effect.automatic);
        }
    }
    if let Some(call) = &next.call {
        assert_eq!(
            next.automation,
            Automation::Auto,
            "only automation awaits an answer"
        );
        assert!(call.id.turn <= next.revision);
    }
    assert!(
        next.automation.drives() || next.timers.is_empty(),
        "timers belong to automation"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fl_49_fl_51_st_42_any_flow_any_events(flow in flows(), happenings in happenings()) {
        let limits = Limits { steps_per_turn: 30, effects_per_turn: 12, text_bytes: 512, data_bytes: 512 };
        let bot = Bot::new("any", flow).status(&Review).limits(limits);
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
