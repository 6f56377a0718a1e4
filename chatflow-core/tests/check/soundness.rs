//! The engine never does worse than the check says, whatever the flows and the messages.

use std::time::Duration;

use chatflow_core::{
    Address, Ask, Automation, Bot, Bound, Branch, CallFlow, ChangeFlow, ChangeTags, Condition,
    Config, ContactView, Delay, EffectBody, Engine, ErrorKind, Event, EventBody, Fact, Finish,
    FinishStatus, FinishedInbound, FlowDefinition, KeywordRouter, Limits, OperatorAct, Refused,
    SendMessage, Snapshot, Split, StatusChoice, StepDefinition, StepKind, StepTarget, Transition,
    time,
};
use proptest::prelude::*;

use crate::findings;
use crate::good::{ByLength, Quiet, set};

fn opened(config: &Config) -> Snapshot {
    let contact = ContactView {
        revision: 1,
        name: Some("Anna".into()),
        language: Some("en".to_owned()),
        ..ContactView::default()
    };
    config.open(Address::new("test", "anna"), contact, time::from_millis(0))
}

/// A message to a dialog; to a new one, where none is given.
pub(crate) fn say(
    config: &Config,
    dialog: Option<Snapshot>,
    text: &str,
) -> Result<Transition, Box<Refused>> {
    let snapshot = dialog.unwrap_or_else(|| opened(config));
    let key = snapshot.revision.to_string();
    let event = Event::new(key, EventBody::MessageReceived(text.into()));
    let now = snapshot.turned_at;
    Engine::handle(config, snapshot, &event, now).map_err(Box::new)
}

pub(crate) fn hit_the_step_limit(turn: &Transition) -> bool {
    turn.facts.iter().any(|fact| {
        matches!(
            fact,
            Fact::TurnUndone {
                error: ErrorKind::StepLimit,
                ..
            }
        )
    })
}

/// What decides on a step: kind, finish status, where its exits lead.
type Drawn = (usize, usize, Vec<usize>);

const COUNT: usize = 7;

fn drawn() -> impl Strategy<Value = Vec<Vec<Drawn>>> {
    let step = (
        0..16_usize,
        0..10_usize,
        prop::collection::vec(0..8_usize, 4),
    );
    let flow = prop::collection::vec(step, 1..COUNT);
    prop::collection::vec(flow, 3)
}

fn kind(drawn: usize, pick: usize, flow: usize) -> StepKind {
    let other = format!("f{}", pick % 3);
    match drawn {
        0 | 1 => SendMessage::text("said").into(),
        2 => SendMessage::text("a").then(SendMessage::text("b")).into(),
        3 => Ask::range("how old?", 1, 120).retries(1).save("age").into(),
        4 => Ask::text("who?").save_contact_name().into(),
        5 => KeywordRouter::new()
            .route("a", ["a"])
            .route("b", ["b"])
            .into(),
        6 => KeywordRouter::new()
            .route("a", ["a"])
            .route("b", ["b"])
            .retry("again")
            .into(),
        7 | 8 => Branch::when("a", Condition::at_least("age", 18)).into(),
        9 => Split::new().arm("a", 50).arm("b", 50).into(),
        10 => set("age", i64::try_from(pick).unwrap()).into(),
        11 => ChangeTags::new().with("vip").into(),
        12 => ChangeFlow::to(other).into(),
        // Only inwards, so that most bots have no recursion.
        13 if flow < 2 => CallFlow::to(format!("f{}", flow + 1 + pick % (2 - flow)))
            .result("age", "age")
            .into(),
        13 => Delay::new(Duration::from_secs(1)).into(),
        14 => StepKind::router(ByLength),
        _ if pick.is_multiple_of(2) => Quiet.into(),
        _ => Finish::with(FinishStatus::Waiting).into(),
    }
}

fn flow(number: usize, steps: &[Drawn]) -> FlowDefinition {
    let name = |n: usize| format!("s{}", n % steps.len());
    let steps = steps.iter().enumerate().map(|(n, (drawn, finish, to))| {
        let kind = kind(*drawn, to[3], number);
        let exits = kind.exits();
        // Every fourth exit goes where the order of steps leads.
        let exits = exits.into_iter().zip(to).filter(|(_, to)| *to % 4 != 3);
        let exits = exits.map(|(exit, &to)| (exit, name(to).into())).collect();
        let waits = matches!(kind, StepKind::Ask(_) | StepKind::Keywords(_));
        StepDefinition {
            name: name(n).into(),
            exits,
            timeout: (waits && to[3] == 0).then(|| Duration::from_secs(60).into()),
            finish: match finish {
                0 => Some(FinishStatus::Waiting),
                1 => Some(FinishStatus::Manual),
                2 => Some(FinishStatus::Finished),
                _ => None,
            },
            kind,
        }
    });
    FlowDefinition {
        id: format!("f{number}").into(),
        version: 1,
        language: None,
        entry: "s0".into(),
        inputs: Vec::new(),
        steps: steps.collect(),
    }
}

fn bot(drawn: &[Vec<Drawn>], limits: Limits) -> Bot {
    let mut flows = (0..).zip(drawn).map(|(n, steps)| flow(n, steps));
    let first = flows.next().unwrap();
    let bot = flows.fold(Bot::new("any", first), Bot::flow);
    let behaviour = chatflow_core::Behaviour {
        finished_inbound: FinishedInbound::RestartEntryFlow,
        ..chatflow_core::Behaviour::default()
    };
    bot.behaviour(behaviour).limits(limits)
}

#[derive(Debug, Clone)]
enum Happening {
    Says(&'static str),
    Time,
    Placed(usize, usize, bool),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let words = ["a", "b", "34", "", "side", "stay", "a long answer"];
    let happening = prop_oneof![
        6 => prop::sample::select(words.to_vec()).prop_map(Happening::Says),
        2 => Just(Happening::Time),
        2 => (0..3_usize, 0..COUNT, any::<bool>())
            .prop_map(|(flow, step, runs)| Happening::Placed(flow, step, runs)),
    ];
    prop::collection::vec(happening, 1..30)
}

fn event(happening: &Happening, snapshot: &Snapshot, n: usize) -> Event {
    match happening {
        Happening::Says(text) => {
            Event::new(format!("{n}"), EventBody::MessageReceived((*text).into()))
        }
        Happening::Time => {
            let timer = snapshot.timers.iter().next();
            let (name, generation) = timer.map_or_else(
                || ("step".to_owned(), 0),
                |(name, timer)| (name.clone(), timer.generation),
            );
            Event::new(format!("{n}"), EventBody::TimerFired { name, generation })
        }
        Happening::Placed(flow, step, runs) => {
            let step = StepTarget {
                flow: Some(format!("f{flow}").into()),
                step: Some(format!("s{step}").into()),
            };
            let status = match runs {
                true => StatusChoice::Auto,
                false => StatusChoice::Start,
            };
            Event::operator(
                format!("{n}"),
                "op",
                OperatorAct::set(Some(status), Some(step)),
            )
        }
    }
}

/// The limits of a turn that never get in the way of what is measured.
const WIDE: Limits = Limits {
    steps_per_turn: 200,
    effects_per_turn: 1000,
    text_bytes: 1024,
    data_bytes: 4096,
};

/// Plays and measures each turn.
fn play(config: &Config, happenings: &[Happening], mut each: impl FnMut(&Snapshot, &Transition)) {
    let mut snapshot = opened(config);
    let mut now = time::from_millis(1_000_000);
    for (n, happening) in happenings.iter().enumerate() {
        now += Duration::from_secs(120);
        let event = event(happening, &snapshot, n);
        snapshot = match Engine::handle(config, snapshot, &event, now) {
            Ok(turn) => {
                each(
                    &Snapshot::decode(&turn.snapshot.encode().unwrap()).unwrap(),
                    &turn,
                );
                turn.snapshot
            }
            Err(refused) => *refused.snapshot,
        };
        if matches!(snapshot.automation, Automation::Error(_)) {
            return;
        }
    }
}

fn most(bounds: impl Iterator<Item = Bound>) -> Bound {
    bounds.max().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fl_51_the_engine_stays_within_the_bounds(drawn in drawn(), happenings in happenings()) {
        let bot = bot(&drawn, WIDE);
        let report = bot.check();
        let Ok(config) = bot.compile() else {
            prop_assert!(!report.is_usable(), "what the compiler refuses is an error");
            return Ok(());
        };
        let goes_round = findings(&report)
            .iter()
            .any(|found| found.0 == "endless_cycle" || found.0 == "cycle_without_wait");
        let steps = most(report.bounds.iter().map(|bound| bound.steps));
        let messages = most(report.bounds.iter().map(|bound| bound.messages));
        prop_assert_eq!(goes_round, steps == Bound::Unbounded, "a circle, or a bound");
        play(&config, &happenings, |_, turn| {
            if !goes_round {
                assert!(!hit_the_step_limit(turn), "no circle was found: {:#?}", turn.facts);
            }
            let entered = turn.facts.iter().filter(|fact| {
                matches!(fact, Fact::StepEntered { .. } | Fact::FlowReturned { .. })
            });
            let entered = Bound::AtMost(entered.count() as u64);
            assert!(entered <= steps, "{entered} of {steps}: {:#?}", turn.facts);
            let said = turn.effects.iter();
            let said = said.filter(|effect| matches!(effect.body, EffectBody::Send(_)));
            let said = Bound::AtMost(said.count() as u64);
            assert!(said <= messages, "{said} of {messages}: {:#?}", turn.facts);
        });
        // With the bound itself as the limit the engine still never stops at it.
        if let Bound::AtMost(steps) = steps {
            let steps_per_turn = u32::try_from(steps).unwrap();
            let tight = Limits { steps_per_turn, ..WIDE };
            let tight = self::bot(&drawn, tight);
            prop_assert!(findings(&tight.check()).iter().all(|found| found.0 != "steps_per_turn"));
            play(&tight.compile().unwrap(), &happenings, |_, turn| {
                assert!(!hit_the_step_limit(turn), "of {steps}: {:#?}", turn.facts);
            });
            let tighter = Limits { steps_per_turn: steps_per_turn - 1, ..WIDE };
            let report = self::bot(&drawn, tighter).check();
            prop_assert!(findings(&report).iter().any(|found| found.0 == "steps_per_turn"));
        }
    }

    #[test]
    fn a_value_that_is_surely_there_is_never_missing(drawn in drawn(), happenings in happenings()) {
        // Every message reads `age`: where the check says nothing, the engine finds it.
        let reads = |flow: &FlowDefinition| {
            let mut flow = flow.clone();
            for step in &mut flow.steps {
                if let StepKind::Send(_) = step.kind {
                    step.kind = SendMessage::text("{{ age }}").into();
                }
            }
            flow
        };
        let mut flows = (0..).zip(&drawn).map(|(n, steps)| reads(&flow(n, steps)));
        let first = flows.next().unwrap();
        let bot = flows.fold(Bot::new("any", first), Bot::flow).limits(WIDE);
        let report = bot.check();
        let unset = |found: &(String, String, String)| {
            (found.0 == "never_set" || found.0 == "may_be_unset") && found.2 == "send.text"
        };
        let Ok(config) = bot.compile() else { return Ok(()) };
        let is_opaque = drawn.iter().flatten().any(|(kind, _, pick)| *kind == 15 && pick[3] % 2 == 0);
        if is_opaque || findings(&report).iter().any(unset) {
            return Ok(());
        }
        // People place dialogs anywhere, without what comes before; messages and time don't.
        let by_themselves: Vec<Happening> = happenings
            .into_iter()
            .filter(|happening| !matches!(happening, Happening::Placed(..)))
            .collect();
        play(&config, &by_themselves, |_, turn| {
            let missing = turn.facts.iter().any(|fact| {
                matches!(fact, Fact::TurnUndone { error: ErrorKind::TemplateValueMissing, .. })
            });
            assert!(!missing, "{:#?}", turn.facts);
        });
    }

    #[test]
    fn a_check_of_any_bot_ends_without_a_panic(
        drawn in drawn(),
        broken in prop::collection::vec((0..3_usize, 0..COUNT, 0..5_usize), 0..6),
    ) {
        let mut flows: Vec<FlowDefinition> = (0..).zip(&drawn).map(|(n, steps)| flow(n, steps)).collect();
        for (flow, step, how) in broken {
            let flow = &mut flows[flow];
            let count = flow.steps.len().max(1);
            match (how, flow.steps.get_mut(step % count)) {
                (0, Some(step)) => step.name = "s0".into(),
                (1, Some(step)) => step.kind = CallFlow::to("f0").into(),
                (2, Some(step)) => step.kind = ChangeFlow::to("f9").step("x").into(),
                (3, Some(step)) => step.kind = SendMessage::text("{{ x }} {{").into(),
                (4, _) => flow.steps.clear(),
                _ => flow.id = "f1".into(),
            }
        }
        let mut flows = flows.into_iter();
        let bot = flows.next().map(|first| Bot::new("any", first)).unwrap();
        let bot = flows.fold(bot, Bot::flow);
        let report = bot.check();
        prop_assert!(bot.compile().is_ok() || !report.is_usable());
        prop_assert_eq!(report, bot.check(), "the same each time");
    }
}
