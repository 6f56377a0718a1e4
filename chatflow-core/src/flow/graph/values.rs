//! What a step reads and keeps, for people.

use crate::flow::check::reads;
use crate::flow::{SaveTo, StepDefinition, StepKind};

/// Names of the values that its texts and conditions read. What can't be parsed reads nothing.
pub(super) fn read_by(step: &StepDefinition) -> Vec<String> {
    let mut names = Vec::new();
    for (_, read) in reads::of_step(step) {
        add(read.name, &mut names);
    }
    if let StepKind::Set(set) = &step.kind {
        for read in set
            .values
            .iter()
            .flat_map(|value| reads::of_source(&value.source))
        {
            add(read.name, &mut names);
        }
    }
    names
}

/// Names under which it keeps values.
pub(super) fn kept_by(kind: &StepKind) -> Vec<String> {
    let mut names = Vec::new();
    match kind {
        StepKind::Ask(ask) => saved(&ask.save, &mut names),
        StepKind::Keywords(router) => saved(&router.save, &mut names),
        StepKind::AiRoute(route) => saved(&route.save, &mut names),
        StepKind::Webhook(webhook) => saved(&webhook.save, &mut names),
        StepKind::Set(set) => {
            for value in &set.values {
                add(value.to.to_string(), &mut names);
            }
        }
        StepKind::CallFlow(call) => {
            for ours in call.results.keys() {
                add(ours.clone(), &mut names);
            }
        }
        _ => {}
    }
    names
}

fn saved(to: &Option<SaveTo>, names: &mut Vec<String>) {
    if let Some(to) = to {
        add(to.to_string(), names);
    }
}

fn add(name: String, names: &mut Vec<String>) {
    if !names.contains(&name) {
        names.push(name);
    }
}
