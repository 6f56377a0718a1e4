//! Any edits of flows under any history: nobody is lost.

use std::time::Duration;

use chatflow_core::{
    AiReply, Ask, Behaviour, Bot, CallFlow, Cause, Delay, EventBody, FinishStatus, FinishedInbound,
    FlowBuilder, FlowDefinition, KeywordRouter, Membership, OperatorAct, Push, Reach, SendMessage,
    StatusChoice, StepKind, Stranded, Upgrade, Value,
};
use proptest::prelude::*;

use crate::rig::Talk;

const STEPS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One edition of a flow, by small numbers.
#[derive(Debug, Clone)]
struct Edition {
    /// Which steps it has, and of which kind each is.
    steps: Vec<(usize, u8)>,
    upgrade: u8,
    /// Whether it is a new version, the same one edited in place, or an earlier one again.
    version: u8,
    /// Whether earlier versions are kept.
    keeps: bool,
    inner: u8,
    restarts: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Deploys(Edition, bool),
    Says(usize),
    Fires,
    Answers,
    Picks(usize),
    Does(u8),
}

fn edition() -> impl Strategy<Value = Edition> {
    let steps = proptest::sample::subsequence((0..STEPS.len()).collect::<Vec<_>>(), 1..=5);
    let steps = steps.prop_shuffle().prop_flat_map(|steps| {
        let kinds = proptest::collection::vec(0_u8..8, steps.len());
        kinds.prop_map(move |kinds| steps.iter().copied().zip(kinds).collect())
    });
    (
        steps,
        0_u8..8,
        0_u8..6,
        any::<bool>(),
        0_u8..4,
        any::<bool>(),
    )
        .prop_map(
            |(steps, upgrade, version, keeps, inner, restarts)| Edition {
                steps,
                upgrade,
                version,
                keeps,
                inner,
                restarts,
            },
        )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (edition(), any::<bool>()).prop_map(|(edition, told)| Act::Deploys(edition, told)),
        6 => (0_usize..3).prop_map(Act::Says),
        2 => Just(Act::Fires),
        1 => Just(Act::Answers),
        2 => (0..STEPS.len()).prop_map(Act::Picks),
        2 => (0_u8..9).prop_map(Act::Does),
    ]
}

fn flow(name: &str, version: u32, edition: &Edition) -> FlowDefinition {
    let kinds = edition.steps.iter();
    let flow = kinds.fold(FlowBuilder::new(name, version), |flow, (step, kind)| {
        let kind: StepKind = match kind {
            0 | 1 => Ask::text("Well?").retries(1).into(),
            2 => SendMessage::text("So.").into(),
            3 => KeywordRouter::new().route("yes", ["yes"]).into(),
            4 => Delay::new(Duration::from_secs(60)).into(),
            5 => CallFlow::to("inner").into(),
            6 => Membership::of("club").into(),
            _ => {
                return flow
                    .step(STEPS[*step], Ask::text("Now?"))
                    .timeout(Duration::from_secs(9));
            }
        };
        flow.step(STEPS[*step], kind)
    });
    let flow = match edition.upgrade {
        7 => flow.finish(FinishStatus::Waiting),
        _ => flow,
    };
    let first = STEPS[edition.steps[0].0];
    let last = STEPS[edition.steps[edition.steps.len() - 1].0];
    let upgrade = match edition.upgrade {
        0 => Upgrade::Pin,
        1 => Upgrade::Drain,
        2 => Upgrade::remap([("a", first), ("b", last)]),
        3 => Upgrade::remap::<&str, &str>([]),
        4 => Upgrade::RestartStep,
        5 => Upgrade::RestartFlow,
        _ => Upgrade::ToOperator,
    };
    flow.upgrade(upgrade).build().unwrap()
}

/// The bot of an edition; the flows of those before it, where it keeps them.
fn bot(edition: &Edition, version: &mut u32, earlier: &mut Vec<FlowDefinition>) -> Bot {
    *version = match edition.version {
        0 => *version,
        1 => version.saturating_sub(1).max(1),
        _ => *version + 1,
    };
    let newest = flow("outer", *version, edition);
    let inner = FlowBuilder::new("inner", edition.inner.into())
        .step(STEPS[usize::from(edition.inner)], Ask::text("Inside?"))
        .upgrade(newest.upgrade.clone());
    // A map that leads to steps of the other flow is none of this one's.
    let inner = match newest.upgrade {
        Upgrade::Remap(_) => inner.upgrade(Upgrade::Drain),
        _ => inner,
    };
    let stranded = match edition.restarts {
        true => Stranded::RestartEntryFlow,
        false => Stranded::ToManual,
    };
    let behaviour = Behaviour {
        stranded,
        finished_inbound: match edition.restarts {
            true => FinishedInbound::RestartEntryFlow,
            false => FinishedInbound::Stay,
        },
        ..Behaviour::default()
    };
    let new = newest.clone();
    let bot = Bot::new("bot", new)
        .flow(inner.build().unwrap())
        .behaviour(behaviour);
    earlier.retain(|flow| flow.version < *version);
    let whole = match edition.keeps {
        true => earlier.iter().cloned().fold(bot, Bot::flow),
        false => bot,
    };
    earlier.push(newest);
    whole
}

fn does(talk: &Talk, act: &Act) -> Option<EventBody> {
    let operated = |act| EventBody::OperatorActed {
        operator: "olga".into(),
        act,
    };
    let set = |status| operated(OperatorAct::set(Some(status), None));
    Some(match act {
        Act::Deploys(..) => EventBody::Deployed,
        Act::Says(n) => EventBody::MessageReceived(["yes", "no", "well"][*n].into()),
        Act::Fires => {
            let (name, timer) = talk.snapshot.timers.iter().next()?;
            EventBody::TimerFired {
                name: name.clone(),
                generation: timer.generation,
            }
        }
        Act::Answers => EventBody::CallAnswered {
            call: talk.snapshot.call.as_ref()?.id,
            answer: Ok(Value::from(true)),
            detail: None,
        },
        Act::Picks(step) => {
            let target = chatflow_core::StepTarget::step(STEPS[*step]);
            operated(OperatorAct::set(None, Some(target)))
        }
        Act::Does(0) => operated(OperatorAct::Take),
        Act::Does(1 | 2) => set(StatusChoice::Auto),
        Act::Does(3) => set(StatusChoice::Waiting),
        Act::Does(4) => set(StatusChoice::Finished),
        Act::Does(5) => operated(OperatorAct::Block),
        Act::Does(6) => operated(OperatorAct::Unblock),
        Act::Does(7) => EventBody::ReachReported(Reach::CannotWrite(Cause::Removed)),
        Act::Does(_) => EventBody::ReachReported(Reach::Ok),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn fl_52_nobody_stands_on_a_step_that_does_not_exist(
        first in edition(),
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        let (mut version, mut earlier) = (1, Vec::new());
        let mut talk = Talk::new(&bot(&first, &mut version, &mut earlier));
        for act in &acts {
            if let Act::Deploys(edition, told) = act {
                talk.becomes(&bot(edition, &mut version, &mut earlier));
                if !told {
                    continue;
                }
            }
            if let Act::Fires = act {
                let due = talk.snapshot.timers.values().next().map(|timer| timer.due);
                talk.now = due.unwrap_or(talk.now).max(talk.now);
            }
            // A refused event changes nothing. After any other, the dialog stands at a step that
            // its config has, and doesn't show that it lacks one: the rig looks after every turn.
            let Some(body) = does(&talk, act) else { continue };
            let before = talk.snapshot.clone();
            if talk.try_event(body).is_err() {
                prop_assert_eq!(&before, &talk.snapshot);
            } else {
                let is_lost = matches!(
                    talk.snapshot.automation,
                    chatflow_core::Automation::Error(_)
                );
                prop_assert!(!is_lost, "{:?}", talk.snapshot.automation);
            }
        }
        talk.replays();
    }
}

/// The contact isn't reminded of a step that he was led away from.
#[test]
fn fl_52_what_a_step_had_begun_is_over_where_it_is_left() {
    let flow = |version, upgrade| {
        FlowBuilder::new("talk", version)
            .step("name", Ask::text("Name?").save("name"))
            .push(Push::after(
                Duration::from_secs(60),
                SendMessage::text("Well?"),
            ))
            .step("reply", AiReply::to("an order"))
            .finish(FinishStatus::Finished)
            .upgrade(upgrade)
            .build()
            .unwrap()
    };
    let one = Bot::new("bot", flow(1, Upgrade::Drain));
    let two = one.clone().flow(flow(2, Upgrade::RestartFlow));
    // Reminded of the first step anew, and what the second asked for is late.
    for (says, asked) in [(&["hi"][..], false), (&["hi", "Anna"], true)] {
        let mut talk = Talk::new(&one);
        for text in says {
            talk.says(text);
        }
        assert_eq!(talk.snapshot.call.is_some(), asked);
        assert_eq!(talk.snapshot.timers.contains_key("push:0"), !asked);
        assert_eq!(talk.deploys(&two), ["Name?"]);
        assert!(talk.snapshot.call.is_none());
        let due = talk.snapshot.timers["push:0"].due;
        assert_eq!(due, talk.now + Duration::from_secs(60));
        talk.replays();
    }
}
