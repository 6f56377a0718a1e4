//! What a bot's own reminders read.

use std::collections::BTreeSet;

use crate::flow::check::gives::saves;
use crate::flow::check::names::Key;
use crate::flow::check::reads::{self, BUILT_IN};
use crate::flow::{Bot, Problem, ProblemKind, SaveTo, StepKind};

/// Values that the bot's reminders read and that no flow sets. They are sent at whichever step, so
/// whether a value is there by then isn't followed; nor is what comes from outside, as fields of
/// the contact do, nor what a step in Rust may set.
pub(super) fn check(bot: &Bot) -> Vec<Problem> {
    let behaviour = &bot.settings.behaviour;
    let steps = || bot.flows.iter().flat_map(|flow| &flow.steps);
    let is_code = |kind: &StepKind| matches!(kind, StepKind::Custom(_));
    if behaviour.pushes.is_empty() || steps().any(|step| is_code(&step.kind)) {
        return Vec::new();
    }
    let mut set: BTreeSet<&str> = bot
        .flows
        .iter()
        .flat_map(|flow| flow.inputs.iter().map(String::as_str))
        .collect();
    let mut fields: BTreeSet<&str> = behaviour
        .robots
        .values()
        .flat_map(|robot| robot.fields.keys().map(String::as_str))
        .chain(["name", "language"])
        .collect();
    for step in steps() {
        for to in saves(&step.kind) {
            match to {
                SaveTo::Data(name) => set.insert(name),
                SaveTo::Field(name) => fields.insert(name),
                SaveTo::ContactName => false,
            };
        }
        if let StepKind::CallFlow(call) = &step.kind {
            set.extend(call.results.keys().map(String::as_str));
            set.extend(call.inputs.keys().map(String::as_str));
        }
    }
    let mut problems = Vec::new();
    for (at, read) in reads::of_pushes(&behaviour.pushes) {
        let is_known = read.guarded
            || match Key::of(&read) {
                None | Some(Key::Contact(_)) => true,
                Some(Key::Data(name)) => set.contains(name.as_str()),
                Some(Key::Plain(name)) => {
                    let name = name.as_str();
                    set.contains(name)
                        || fields.contains(name)
                        || BUILT_IN.contains(&name)
                        || behaviour.variables.contains_key(name)
                }
            };
        if !is_known {
            let kind = ProblemKind::NeverSet { name: read.name };
            let step = None;
            problems.push(Problem { step, at, kind });
        }
    }
    problems
}
