//! What a check finds in good bots, in bots with one mistake each, and in any bot; and that the
//! engine never does worse than the check says.

mod defects;
mod good;
mod outside;
mod soundness;

use std::collections::BTreeMap;

use chatflow_core::{
    Ask, Bot, Bound, Branch, Condition, FinishStatus, FlowBuilder, FlowDefinition, Membership,
    Report, Severity, StepDefinition, StepId, StepKind,
};

use good::{funnel, lead, menu, put, say, set, with};

/// All that was found, in the order of the report: code, step and path.
pub(crate) fn findings(report: &Report) -> Vec<(String, String, String)> {
    let of_flows = report.problems.iter().map(|found| &found.problem);
    let all = report.settings.iter().chain(of_flows);
    all.map(|problem| {
        let step = problem.step.as_ref().map_or("", |step| step.as_str());
        let code = problem.kind.code().to_owned();
        (code, step.to_owned(), problem.at.join("."))
    })
    .collect()
}

#[test]
fn good_bots_are_clean() {
    for (name, bot) in good::bots() {
        let report = bot.check();
        assert!(
            report.is_clean() && report.is_usable(),
            "{name}: {report:#?}"
        );
        assert_eq!(report.bounds.len(), report_flows(&bot), "{name}");
        assert!(bot.compile().is_ok(), "{name}");
    }
}

fn report_flows(bot: &Bot) -> usize {
    // The definitions of a config are its flows and its settings.
    bot.compile().unwrap().definitions().len() - 1
}

/// Whoever hasn't joined must not go on as a member does because that is listed next.
#[test]
fn fl_38_a_membership_that_says_only_where_members_go_is_warned_of() {
    let flow = |exits: &[&str]| {
        let flow = FlowBuilder::new("gift", 1).step("check", Membership::of("@shop_news"));
        let flow = exits
            .iter()
            .fold(flow, |flow, exit| flow.exit(*exit, "gift"));
        let flow = flow.step("gift", say("Here is your gift."));
        Bot::new("shop", flow.finish(FinishStatus::Finished).build().unwrap())
    };
    let all = [
        Membership::MEMBER,
        Membership::NOT_MEMBER,
        Membership::UNKNOWN,
    ];
    assert!(flow(&all).check().is_clean());
    let found = findings(&flow(&all[..1]).check());
    let (code, step, at) = ("missing_fallback", "check", "membership");
    let expected = (code.to_owned(), step.to_owned(), at.to_owned());
    assert_eq!(found, [expected.clone(), expected]);
}

#[test]
fn ten_mistakes_are_ten_findings() {
    let flow = funnel();
    let flow = put(flow, "name", Ask::text("Who {{ are } you?"));
    let flow = put(flow, "age", Ask::range("How old?", 9, 1));
    let flow = lead(flow, "age", "nxt", "offer");
    let flow = lead(flow, "grown", "adult", "nowhere");
    let flow = put(flow, "offer", set("no name", 1));
    let mut flow = put(flow, "young", chatflow_core::Split::new().arm("a", 90));
    let mut twice = menu().steps.remove(1);
    twice.name = "name".into();
    twice.exits.clear();
    flow.steps.push(twice);
    flow.inputs.push("a b".to_owned());
    let second = lead(menu(), "prices", "next", "");
    let second = lead(second, "menu", "prices", "help");
    let report = Bot::new("", flow).flow(second).check();
    let codes = findings(&report).into_iter().map(|found| found.0);
    let expected = [
        "bad_name",       // the bot's
        "bad_path",       // the input
        "duplicate_step", // name
        "bad_template",
        "unknown_exit",
        "empty_range",
        "unknown_step",
        "bad_path",
        "weight_sum",
        "unreachable", // prices
    ];
    let mut sorted: Vec<String> = codes.collect();
    sorted.sort();
    let mut wanted = expected.map(ToOwned::to_owned).to_vec();
    wanted.sort();
    assert_eq!(sorted, wanted, "{report:#?}");
    assert!(!report.is_usable());
}

#[test]
fn findings_stand_in_the_order_of_flows_and_steps_the_worse_first() {
    let flow = put(funnel(), "offer", say("{{ nothing }} {{ contact.city }}"));
    let flow = lead(flow, "grown", "otherwise", "");
    let late = with(menu(), "help", |step| {
        step.exits.clear();
    });
    let report = Bot::new("b", flow).flow(late).check();
    let found = findings(&report);
    let codes: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
    let expected = [
        "missing_fallback",
        "never_set",
        "may_be_unset",
        "unreachable",
        "dead_end",
    ];
    assert_eq!(codes, expected);
    let severities: Vec<Severity> = report
        .problems
        .iter()
        .map(|found| found.problem.severity())
        .collect();
    assert_eq!(severities[1], Severity::Error);
    assert_eq!(severities[2], Severity::Warning);
}

#[test]
fn bounds_count_the_longest_way_of_a_turn() {
    let bounds = |bot: Bot| {
        let bounds = bot.check().bounds.into_iter();
        bounds
            .map(|bound| (bound.steps, bound.messages))
            .collect::<Vec<_>>()
    };
    let most = |steps, messages| (Bound::AtMost(steps), Bound::AtMost(messages));
    // Standing in `age`, its answer leads over `grown` to `offer`.
    assert_eq!(bounds(Bot::new("b", funnel())), [most(3, 1)]);
    // `size`, `sizes` with the first message, `done`.
    assert_eq!(bounds(Bot::new("b", good::order())), [most(3, 2)]);
    // `street` is answered: `done`, back in `address`, `thanks`.
    assert_eq!(
        bounds(Bot::new("b", good::caller()).flow(good::address())),
        [most(3, 1), most(4, 2)]
    );
    let round = lead(
        lead(menu(), "prices", "next", "hours"),
        "hours",
        "next",
        "prices",
    );
    assert_eq!(
        bounds(Bot::new("b", round)),
        [(Bound::Unbounded, Bound::Unbounded)]
    );
}

/// A flow of so many steps that only this test would build it.
fn large(name: &str, steps: impl Iterator<Item = StepDefinition>) -> FlowDefinition {
    let steps: Vec<StepDefinition> = steps.collect();
    FlowDefinition {
        id: name.into(),
        version: 1,
        language: None,
        entry: steps[0].name.clone(),
        inputs: Vec::new(),
        upgrade: chatflow_core::Upgrade::default(),
        steps,
    }
}

#[test]
fn ten_thousand_steps_in_a_chain_are_checked() {
    let step = |n: usize| {
        let kind = match n % 3 {
            0 => Ask::text("?").save(format!("v{n}")).into(),
            _ => say(&format!("{{{{ v{} }}}}", n - n % 3)).into(),
        };
        StepDefinition {
            name: format!("s{n}").into(),
            kind,
            exits: BTreeMap::new(),
            timeout: None,
            answer_after: None,
            pushes: Vec::new(),
            finish: (n == 9999).then_some(FinishStatus::Finished),
        }
    };
    let report = Bot::new("b", large("chain", (0..10_000).map(step))).check();
    assert_eq!(findings(&report), []);
    assert_eq!(report.bounds[0].steps, Bound::AtMost(4));
}

#[test]
fn ten_thousand_steps_in_a_dense_graph_are_checked() {
    let step = |n: usize| {
        let to = |arm: usize| format!("s{}", (n * 31 + arm * 977 + 1) % 10_000);
        let kind: StepKind = match n % 8 {
            0 => Ask::text("?").save(format!("v{}", n % 64)).into(),
            _ => {
                let branch = Branch::when("0", Condition::at_least(format!("v{}", n % 64), 1));
                let arms = 1..4_usize;
                arms.fold(branch, |branch, arm| {
                    let when = Condition::at_least(format!("v{}", (n + arm) % 64), 1);
                    branch.or_when(arm.to_string(), when)
                })
                .into()
            }
        };
        let exits: BTreeMap<String, StepId> = match n % 8 {
            0 => [("next", 0), ("gave_up", 1)]
                .map(|(exit, arm)| (exit.to_owned(), to(arm).into()))
                .into(),
            _ => (0..4_usize)
                .map(|arm| (arm.to_string(), to(arm).into()))
                .chain([("otherwise".to_owned(), to(9).into())])
                .collect(),
        };
        StepDefinition {
            name: format!("s{n}").into(),
            kind,
            exits,
            timeout: None,
            answer_after: None,
            pushes: Vec::new(),
            finish: None,
        }
    };
    let report = Bot::new("b", large("dense", (0..10_000).map(step))).check();
    assert_eq!(report.bounds.len(), 1, "it ends, and the flow compiles");
}

#[test]
fn fl_51_a_chain_longer_than_a_turn_is_refused_before_the_engine_stops_at_it() {
    let chain = |count: usize| {
        let flow = FlowBuilder::new("chain", 1);
        let flow = (0..count).fold(flow, |flow, n| {
            flow.step(format!("s{n}"), set("seen", i64::try_from(n).unwrap()))
        });
        Bot::new("b", flow.finish(FinishStatus::Finished).build().unwrap())
    };
    let plays = |bot: &Bot| soundness::say(&bot.compile().unwrap(), None, "hi").unwrap();
    let fits = chain(100);
    assert!(fits.check().is_clean());
    assert!(!soundness::hit_the_step_limit(&plays(&fits)));
    let long = chain(101);
    assert_eq!(
        findings(&long.check()),
        [("steps_per_turn".to_owned(), "s0".to_owned(), String::new())]
    );
    assert!(soundness::hit_the_step_limit(&plays(&long)));
}
