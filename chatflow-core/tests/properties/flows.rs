//! Arbitrary small flows, and arbitrary settings of their bot.

use std::collections::BTreeSet;
use std::time::Duration;

use chatflow_core::{
    AiReply, AiRoute, AiSettings, Alert, Amount, Ask, Assign, Behaviour, Branch, Condition, Delay,
    DuringDelay, Enqueue, ErrorInbound, ErrorRetry, Finish, FinishStatus, FlowBuilder,
    FlowDefinition, KeywordRouter, MediaRule, NotificationRule, Occurrence, PassToBot,
    PostbackRule, Price, Push, PushTogether, QuietHours, ResumeFrom, Robot, SendMessage,
    StepFailure, StepTarget, Track, TranslateTo, TranslationSettings, Typing, Webhook,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::Obedient;

pub(crate) fn flows() -> impl Strategy<Value = FlowDefinition> {
    let step = (
        0..16_usize,
        prop::option::of(0..4_usize),
        prop::collection::vec(0..8_usize, 3),
        any::<bool>(),
    );
    prop::collection::vec(step, 1..8).prop_map(|steps| {
        let count = steps.len();
        let mut flow = FlowBuilder::new("any", 1);
        for (n, (kind, finish, targets, pushes)) in steps.into_iter().enumerate() {
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
                6 => flow.step(name, Obedient).exit("side", to(1)),
                7 => flow
                    .step(name, Delay::new(Duration::from_secs(300)))
                    .exit("next", to(0)),
                8 => flow
                    .step(
                        name,
                        AiRoute::new()
                            .branch("a", "an a")
                            .branch("b", "a b")
                            .save("chosen"),
                    )
                    .timeout(Duration::from_secs(600))
                    .exit("a", to(0))
                    .exit("b", to(1))
                    .exit("otherwise", to(2)),
                9 => flow.step(name, AiReply::to("peace")).exit("next", to(0)),
                10 => flow
                    .step(
                        name,
                        Webhook::to("https://shop.example/{{ dialog.address }}")
                            .form("step", "{{ step }}")
                            .save("answer"),
                    )
                    .timeout(Duration::from_secs(30))
                    .exit("next", to(0))
                    .exit("failure", to(1))
                    .exit("timeout", to(2)),
                11 => flow
                    .step(name, Track::event("deposit").value(50))
                    .exit("next", to(0)),
                12 if targets[1] % 2 == 0 => flow.step(name, Enqueue::into("sales")),
                12 => flow.step(name, Assign::to("anna")),
                13 => flow
                    .step(name, TranslateTo::Language("es".to_owned()))
                    .exit("next", to(0)),
                14 => flow
                    .step(name, PassToBot::at("other"))
                    .exit("next", to(0))
                    .exit("handoff", to(1))
                    .exit("failure", to(2)),
                _ => flow
                    .step(name, SendMessage::text("later"))
                    .answer_after(Duration::from_secs(90))
                    .exit("next", to(0)),
            };
            flow = match finish {
                Some(0) => flow.finish(FinishStatus::Waiting),
                Some(1) => flow.finish(FinishStatus::Manual),
                Some(2) => flow.finish(FinishStatus::Finished),
                _ => flow,
            };
            let waits = matches!(kind, 1 | 2 | 3 | 8);
            if pushes && waits {
                flow = flow
                    .push(after(120, "still there?"))
                    .push(after(3600, "hello?"));
            }
        }
        flow.build().expect("generated flows are whole")
    })
}

fn after(seconds: u64, text: &str) -> Push {
    Push::after(Duration::from_secs(seconds), SendMessage::text(text))
}

/// The defaults, and everything at once that can be set, in part.
pub(crate) fn behaviours() -> impl Strategy<Value = Behaviour> {
    let waits = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        select(vec![
            DuringDelay::Keep,
            DuringDelay::Ignore,
            DuringDelay::Break,
        ]),
        select(vec![
            PushTogether::StepWins,
            PushTogether::BotWins,
            PushTogether::Both,
        ]),
    );
    let outside = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let errors = (
        select(vec![ErrorInbound::Stay, ErrorInbound::Retry]),
        any::<bool>(),
        select(vec![
            ResumeFrom::CurrentStepOnNextInbound,
            ResumeFrom::CurrentStepNow,
            ResumeFrom::RequireStep,
        ]),
        select(vec![StepFailure::Error, StepFailure::Manual]),
    );
    let all = (waits, outside, errors, any::<bool>());
    all.prop_map(|(waits, outside, errors, rules)| {
        let (quiet, pushes, hours, during_delay, push_together) = waits;
        let (recognises, translates, typing, budget) = outside;
        let (error_inbound, retries, resume_from, step_failure) = errors;
        let amount = |text: &str| Amount(text.parse().unwrap());
        let mut behaviour = Behaviour {
            during_delay,
            push_together,
            error_inbound,
            resume_from,
            step_failure,
            ai: AiSettings {
                model: Some("m".to_owned()),
                reply_time: Duration::from_secs(20).into(),
                prices: [(
                    "m".to_owned(),
                    Price {
                        input: amount("0.15"),
                        output: amount("0.6"),
                    },
                )]
                .into(),
                dialog_budget: budget.then(|| amount("0.00001")),
                ..AiSettings::default()
            },
            ..Behaviour::default()
        };
        if quiet {
            behaviour.quiet_time = Duration::from_secs(5).into();
        }
        if pushes {
            behaviour.pushes = vec![after(600, "come back"), after(3600, "please")];
        }
        if hours {
            behaviour.quiet_hours = Some(QuietHours {
                from: "00:30".parse().unwrap(),
                to: "01:00".parse().unwrap(),
            });
        }
        if recognises {
            behaviour.recogniser = Some("ears".to_owned());
        } else {
            behaviour.media_rule = MediaRule::PassToStep;
        }
        behaviour.translation = translates.then(|| TranslationSettings {
            ours: "en".to_owned(),
            theirs: Some("fr".to_owned()),
        });
        behaviour.typing = typing.then(|| Typing {
            characters_per_second: 10,
            longest: Duration::from_secs(20).into(),
        });
        behaviour.error_retry = retries.then(|| ErrorRetry {
            times: 2,
            after: Duration::from_secs(30).into(),
        });
        if rules {
            add_rules(&mut behaviour);
        }
        behaviour
    })
}

/// Robots that set each other off, somebody who is told, and a tracker's rule.
fn add_rules(behaviour: &mut Behaviour) {
    let tags = |tag: &str| BTreeSet::from([tag.to_owned()]);
    let robots = [
        (
            "hot",
            Robot {
                words: vec!["a".to_owned()],
                add_tags: tags("hot"),
                ..Robot::default()
            },
        ),
        (
            "cold",
            Robot {
                on: Occurrence::Tag,
                when: Some(Condition::tagged("hot")),
                remove_tags: tags("hot"),
                ..Robot::default()
            },
        ),
        (
            "warm",
            Robot {
                on: Occurrence::Tag,
                when: Some(Condition::Not(Box::new(Condition::tagged("hot")))),
                add_tags: tags("hot"),
                ..Robot::default()
            },
        ),
        (
            "mover",
            Robot {
                on: Occurrence::Postback,
                step: Some(StepTarget::step("s0")),
                status: Some(FinishStatus::Finished),
                notify: ["anna".into()].into(),
                ..Robot::default()
            },
        ),
    ];
    behaviour.robots = robots.map(|(name, robot)| (name.to_owned(), robot)).into();
    behaviour.notifications = vec![NotificationRule {
        on: [
            Alert::Manual,
            Alert::Error,
            Alert::RobotsStopped,
            Alert::Message,
        ]
        .into(),
        to: ["anna".into(), "bo".into()].into(),
    }];
    behaviour.postbacks = vec![PostbackRule {
        on: "sale".to_owned(),
        at_least: Some(Amount(50.into())),
        step: StepTarget::step("s0"),
    }];
}
