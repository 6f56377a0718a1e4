//! The engine never does worse than the check says, whatever the flows and the messages.

use std::collections::BTreeMap;
use std::time::Duration;

use chatflow_core::{
    Address, AiReply, AiRoute, AiSettings, Amount, Ask, Assign, Automation, Behaviour, Bot, Bound,
    Branch, CallFailure, CallFlow, ChangeFlow, ChangeTags, Condition, Config, ContactView, Delay,
    DuringDelay, EffectBody, EffectId, Engine, ErrorKind, Event, EventBody, Fact, Finish,
    FinishStatus, FinishedInbound, FlowDefinition, KeywordRouter, Limits, Membership, Moment,
    OperatorAct, PassToBot, Postback, PostbackRule, Price, Push, Refused, Robot, SendMessage,
    Snapshot, Split, StatusChoice, StepDefinition, StepKind, StepTarget, Track, Transition,
    TranslateTo, Typing, Value, Webhook, time,
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
        0..27_usize,
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
        // What they keep is called `age`, so that what reads it finds what they answered.
        16 => AiRoute::new()
            .branch("a", "The first")
            .branch("b", "The second")
            .save("age")
            .into(),
        17 => AiReply::to("Greet").into(),
        18 => AiReply::new().reply_time(Duration::from_secs(200)).into(),
        19 => Webhook::to("https://shop.example/").save("age").into(),
        20 => Track::event("seen").into(),
        21 => Assign::to("anna").into(),
        22 => TranslateTo::Language("es".to_owned()).into(),
        23 => PassToBot::at(BOT_PORT).into(),
        24 => delay(pick),
        25 => SendMessage::text("late").into(),
        26 => Membership::of("@news").into(),
        _ if pick.is_multiple_of(2) => Quiet.into(),
        _ => Finish::with(FinishStatus::Waiting).into(),
    }
}

/// The port of the other bot.
const BOT_PORT: &str = "other_bot";

/// A delay of one of its forms.
fn delay(pick: usize) -> StepKind {
    let ten = "10:00".parse().unwrap();
    let delay = match pick % 3 {
        0 => Delay::new(Duration::from_secs(1)),
        1 => Delay::until(ten),
        _ => Delay::new(Duration::from_secs(90)).then_until(ten),
    };
    match pick / 3 {
        0 => delay.during(DuringDelay::Keep).into(),
        1 => delay.during(DuringDelay::Break).into(),
        _ => delay.during(DuringDelay::Ignore).into(),
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
        let waits = matches!(
            kind,
            StepKind::Ask(_) | StepKind::Keywords(_) | StepKind::AiRoute(_) | StepKind::Webhook(_)
        );
        let reminds = waits && !matches!(kind, StepKind::Webhook(_)) && to[2] % 3 == 0;
        let reminder = SendMessage::text("x").then(SendMessage::text("y"));
        let reminder = reminder.then(SendMessage::text("z"));
        StepDefinition {
            name: name(n).into(),
            exits,
            timeout: (waits && to[3] == 0).then(|| Duration::from_secs(60).into()),
            answer_after: (*drawn == 25).then(|| Duration::from_secs(300).into()),
            pushes: match reminds {
                true => vec![Push::after(Duration::from_secs(60), reminder)],
                false => Vec::new(),
            },
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
        upgrade: chatflow_core::Upgrade::default(),
        steps: steps.collect(),
    }
}

/// How the bot behaves beside its flows.
#[derive(Debug, Clone, Copy)]
struct Manners {
    /// What one dialog may cost its models.
    budget: bool,
    /// Whether it reminds whoever is silent, at whichever step.
    reminds: bool,
    types: bool,
    /// Whether a tracker's report leads to the second step of the flow where a dialog stands.
    reports: bool,
    /// Whether a robot leads whoever has an age to the third flow.
    robot: bool,
    during: DuringDelay,
}

fn manners() -> impl Strategy<Value = Manners> {
    let during = [DuringDelay::Keep, DuringDelay::Ignore, DuringDelay::Break];
    let during = prop::sample::select(during.to_vec());
    (any::<[bool; 5]>(), during).prop_map(|(is, during)| Manners {
        budget: is[0],
        reminds: is[1],
        types: is[2],
        reports: is[3],
        robot: is[4],
        during,
    })
}

fn behaviour(manners: Manners) -> Behaviour {
    let price = Amount("1000".parse().unwrap());
    let reminder = SendMessage::text("1").then(SendMessage::text("2"));
    Behaviour {
        finished_inbound: FinishedInbound::RestartEntryFlow,
        ai: AiSettings {
            model: Some("small".to_owned()),
            prices: [(
                "small".to_owned(),
                Price {
                    input: price,
                    output: price,
                },
            )]
            .into(),
            dialog_budget: manners.budget.then(|| Amount("2".parse().unwrap())),
            ..AiSettings::default()
        },
        pushes: match manners.reminds {
            true => vec![Push::after(Duration::from_secs(60), reminder)],
            false => Vec::new(),
        },
        typing: manners.types.then_some(Typing {
            characters_per_second: 1,
            longest: Duration::from_secs(10).into(),
        }),
        during_delay: manners.during,
        postbacks: match manners.reports {
            true => vec![PostbackRule {
                on: "sale".to_owned(),
                at_least: None,
                step: StepTarget {
                    flow: None,
                    step: Some("s1".into()),
                },
            }],
            false => Vec::new(),
        },
        robots: match manners.robot {
            true => [("leads".to_owned(), leader())].into(),
            false => BTreeMap::new(),
        },
        ..Behaviour::default()
    }
}

/// Leads whoever has an age, when he asks for the side.
fn leader() -> Robot {
    Robot {
        words: vec!["side".to_owned()],
        when: Some(Condition::Known("age".to_owned())),
        step: Some(StepTarget {
            flow: Some("f2".into()),
            step: None,
        }),
        ..Robot::default()
    }
}

fn bot(drawn: &[Vec<Drawn>], manners: Manners, limits: Limits) -> Bot {
    let mut flows = (0..).zip(drawn).map(|(n, steps)| flow(n, steps));
    let first = flows.next().unwrap();
    let bot = flows.fold(Bot::new("any", first), Bot::flow);
    bot.behaviour(behaviour(manners)).limits(limits)
}

#[derive(Debug, Clone)]
enum Happening {
    Says(&'static str),
    /// One of the timers fires.
    Time(usize),
    /// A tracker reports a sale.
    Reported,
    /// What was asked outside is answered.
    Answered(Answer),
    Placed(usize, usize, bool),
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    /// What a model, a service or a bot may say.
    Says(&'static str),
    /// Nothing that a model or a bot could have meant.
    Nonsense,
    /// The bot gives the contact back, with nothing more to say.
    GivesBack,
    Fails(CallFailure),
}

/// What answers whoever was asked: each reads his own part of it.
fn answer(answer: Answer) -> Result<Value, CallFailure> {
    let said = |text: &str, done: Option<&str>| {
        let tokens = Value::Integer(1000);
        let mut map = vec![
            ("text".to_owned(), Value::from(text)),
            ("tokens_in".to_owned(), tokens.clone()),
            ("tokens_out".to_owned(), tokens),
            ("status".to_owned(), Value::Integer(200)),
            ("body".to_owned(), Value::from(text)),
            ("messages".to_owned(), Value::List(vec![Value::from(text)])),
        ];
        map.extend(done.map(|done| ("done".to_owned(), Value::from(done))));
        Value::Map(map.into_iter().collect())
    };
    match answer {
        Answer::Says(text) => Ok(said(text, None)),
        Answer::GivesBack => Ok(said("", Some("finished"))),
        // A service says something, since what it answers where it accepts is trusted.
        Answer::Nonsense => Ok(Value::Map([("body".to_owned(), Value::Integer(1))].into())),
        Answer::Fails(failure) => Err(failure),
    }
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let words = ["a", "b", "34", "", "side", "stay", "a long answer"];
    let answers = [
        Answer::Says("a"),
        Answer::Says("b"),
        Answer::Says("otherwise"),
        Answer::Nonsense,
        Answer::GivesBack,
        Answer::Fails(CallFailure::Refused),
        Answer::Fails(CallFailure::TimedOut),
    ];
    let happening = prop_oneof![
        6 => prop::sample::select(words.to_vec()).prop_map(Happening::Says),
        3 => (0..3_usize).prop_map(Happening::Time),
        4 => prop::sample::select(answers.to_vec()).prop_map(Happening::Answered),
        1 => Just(Happening::Reported),
        2 => (0..3_usize, 0..COUNT, any::<bool>())
            .prop_map(|(flow, step, runs)| Happening::Placed(flow, step, runs)),
    ];
    prop::collection::vec(happening, 1..30)
}

/// What is fed in. A timer fires when it is due, so `now` may move on.
fn event(happening: &Happening, snapshot: &Snapshot, n: usize, now: &mut Moment) -> Event {
    match happening {
        Happening::Says(text) => {
            Event::new(format!("{n}"), EventBody::MessageReceived((*text).into()))
        }
        Happening::Time(which) => {
            let count = snapshot.timers.len().max(1);
            let timer = snapshot.timers.iter().nth(which % count);
            let (name, generation) = timer.map_or_else(
                || ("step".to_owned(), 0),
                |(name, timer)| {
                    *now = timer.due.max(*now);
                    (name.clone(), timer.generation)
                },
            );
            Event::new(format!("{n}"), EventBody::TimerFired { name, generation })
        }
        Happening::Reported => {
            let report = Postback::new("sale");
            Event::new(format!("{n}"), EventBody::PostbackReceived(report))
        }
        Happening::Answered(kind) => {
            let nobody = EffectId {
                dialog: snapshot.dialog,
                turn: 0,
                n: 0,
            };
            let call = snapshot.call.as_ref().map_or(nobody, |call| call.id);
            let body = EventBody::CallAnswered {
                call,
                answer: answer(*kind),
                detail: None,
            };
            Event::new(format!("{n}"), body)
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
    robot_acts_per_turn: 20,
    text_bytes: 1024,
    data_bytes: 4096,
};

/// Plays and measures each turn, with the number of messages that the other bot said in it.
fn play(config: &Config, happenings: &[Happening], mut each: impl FnMut(&Transition, u64)) {
    let mut snapshot = opened(config);
    let mut now = time::from_millis(1_000_000);
    for (n, happening) in happenings.iter().enumerate() {
        now += Duration::from_secs(120);
        let event = event(happening, &snapshot, n, &mut now);
        let asked = snapshot.call.as_ref().map(|call| call.port.clone());
        let others = asked.is_some_and(|port| port == BOT_PORT)
            && matches!(happening, Happening::Answered(Answer::Says(_)));
        snapshot = match Engine::handle(config, snapshot, &event, now) {
            Ok(turn) => {
                each(&turn, u64::from(others));
                Snapshot::decode(&turn.snapshot.encode().unwrap()).unwrap()
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
    fn fl_51_the_engine_stays_within_the_bounds(
        drawn in drawn(),
        manners in manners(),
        happenings in happenings(),
    ) {
        // What robots lead to comes on top.
        let manners = Manners { robot: false, ..manners };
        let bot = bot(&drawn, manners, WIDE);
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
        play(&config, &happenings, |turn, others| {
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
            let said = Bound::AtMost(said.count() as u64 - others);
            assert!(said <= messages, "{said} of {messages}: {:#?}", turn.facts);
        });
        // With the bound itself as the limit the engine still never stops at it.
        if let Bound::AtMost(steps) = steps {
            let steps_per_turn = u32::try_from(steps).unwrap();
            let tight = Limits { steps_per_turn, ..WIDE };
            let tight = self::bot(&drawn, manners, tight);
            prop_assert!(findings(&tight.check()).iter().all(|found| found.0 != "steps_per_turn"));
            play(&tight.compile().unwrap(), &happenings, |turn, _| {
                assert!(!hit_the_step_limit(turn), "of {steps}: {:#?}", turn.facts);
            });
            let tighter = Limits { steps_per_turn: steps_per_turn - 1, ..WIDE };
            let report = self::bot(&drawn, manners, tighter).check();
            prop_assert!(findings(&report).iter().any(|found| found.0 == "steps_per_turn"));
        }
    }

    #[test]
    fn a_value_that_is_surely_there_is_never_missing(
        drawn in drawn(),
        manners in manners(),
        happenings in happenings(),
    ) {
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
        let bot = bot.behaviour(Behaviour {
            finished_inbound: FinishedInbound::default(),
            ..behaviour(manners)
        });
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
        play(&config, &by_themselves, |turn, _| {
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
