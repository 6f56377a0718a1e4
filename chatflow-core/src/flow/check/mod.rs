//! What is wrong with a bot before anybody talks to it.
//!
//! ```text
//!  Bot ──► gather ──► flows compiled and linked ──► graph ──► exits, cycles, bounds, values ──► Report
//!            └─ problems of settings and flows       of ways    words, translations
//! ```
//!
//! **The law of this room: it is total.** Every problem of every flow is found at once; a flow
//! that can't be compiled is reported and left out of the rest. Nothing here recurses along a
//! flow, and the work is linear in steps and exits, times the number of values that are read
//! divided by 64 where values are followed.

mod bounds;
mod components;
mod cycles;
mod exits;
mod gather;
mod gives;
mod graph;
mod known;
mod likeness;
mod names;
pub(super) mod reads;
mod reminders;
mod report;
mod rules;
mod texts;
mod values;
mod words;

pub use report::{Bound, FlowBound, FlowProblem, Report};

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::dialog::StepId;
use crate::flow::{Bot, Problem, ProblemKind};
use gather::Gathered;
use graph::Graph;

/// Problems as they are found, each with the place of its flow in the bot.
#[derive(Debug, Default)]
struct Found(Vec<(usize, Problem)>);

impl Found {
    fn add(&mut self, flow: usize, step: Option<&StepId>, at: &[&str], kind: ProblemKind) {
        let at = at.iter().map(|&part| part.to_owned()).collect();
        let step = step.cloned();
        self.0.push((flow, Problem { step, at, kind }));
    }
}

/// Checks a bot.
pub(super) fn check(bot: &Bot) -> Report {
    let mut found = Found::default();
    let gathered = Gathered::of(bot, &mut found);
    let graph = Graph::of(&gathered, &bot.settings.behaviour);
    exits::check(&graph, &bot.settings.behaviour, &mut found);
    words::check(&graph, &mut found);
    texts::check(&graph, &bot.settings.behaviour, &mut found);
    let turns = cycles::check(&graph, &mut found);
    let bounds = bounds::check(&graph, &turns, &bot.settings.limits, &mut found);
    values::check(&graph, bot, &mut found);

    let definitions = &bot.flows;
    let mut order: Vec<BTreeMap<&StepId, usize>> = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let mut places = BTreeMap::new();
        for (n, step) in definition.steps.iter().enumerate() {
            places.entry(&step.name).or_insert(n);
        }
        order.push(places);
    }
    let place = |flow: usize, problem: &Problem| {
        let step = problem.step.as_ref()?;
        order[flow].get(step).copied()
    };
    found.0.sort_by_cached_key(|(flow, problem)| {
        (*flow, place(*flow, problem), Reverse(problem.severity()))
    });
    let problems = found.0.into_iter().map(|(flow, problem)| FlowProblem {
        flow: definitions[flow].id.clone(),
        version: definitions[flow].version,
        problem,
    });
    Report {
        settings: gathered.settings,
        problems: problems.collect(),
        bounds,
    }
}
