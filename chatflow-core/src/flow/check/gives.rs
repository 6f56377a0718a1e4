//! Which values are read at all, and which a step gives.

use crate::flow::check::graph::Graph;
use crate::flow::check::names::{Key, Numbers};
use crate::flow::check::reads;
use crate::flow::template::Read;
use crate::flow::{EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT, SaveTo, StepKind};

/// One reading, where it stands in its step, and the number of what is read.
pub(super) type Reading = (Vec<String>, Read, usize);

/// Numbers for all that is read, and what each step reads; but for `set`, whose values are read
/// one after another. A plain name stands beside its two meanings.
pub(super) fn numbers_of(graph: &Graph<'_>) -> (Numbers, Vec<Vec<Reading>>) {
    let mut numbers = Numbers::default();
    let mut readings = Vec::with_capacity(graph.len());
    for node in 0..graph.len() {
        let step = graph.written(node);
        match &step.kind {
            StepKind::Set(set) => {
                let sources = set.values.iter();
                for read in sources.flat_map(|value| reads::of_source(&value.source)) {
                    numbers.add_read(&read);
                }
            }
            StepKind::CallFlow(call) => {
                for theirs in call.results.values() {
                    numbers.add(Key::Data(theirs.clone()));
                }
            }
            _ => {}
        }
        let found = reads::of_step(step).into_iter();
        let found = found.filter_map(|(at, read)| {
            let number = numbers.add_read(&read)?;
            Some((at, read, number))
        });
        readings.push(found.collect());
    }
    (numbers, readings)
}

/// Where a kind of step keeps values.
pub(super) fn saves(kind: &StepKind) -> Vec<&SaveTo> {
    match kind {
        StepKind::Ask(ask) => ask.save.iter().collect(),
        StepKind::Keywords(router) => router.save.iter().collect(),
        StepKind::AiRoute(route) => route.save.iter().collect(),
        StepKind::Webhook(webhook) => webhook.save.iter().collect(),
        StepKind::Set(set) => set.values.iter().map(|value| &value.to).collect(),
        _ => Vec::new(),
    }
}

/// The names that have a value once a step was left, by exit. What a service answers where it
/// accepts is trusted to be something.
pub(super) fn gives(graph: &Graph<'_>, numbers: &Numbers, node: usize) -> Vec<Vec<usize>> {
    let kind = &graph.written(node).kind;
    let found = |keys: Vec<Key>| -> Vec<usize> {
        keys.iter().filter_map(|key| numbers.find(key)).collect()
    };
    let mut failed = Vec::new();
    let exits = graph.step(node).exits.iter().enumerate();
    exits
        .map(|(exit, (name, _))| match kind {
            StepKind::Ask(_) | StepKind::Webhook(_) if &**name != EXIT_NEXT => Vec::new(),
            StepKind::Keywords(_) | StepKind::AiRoute(_)
                if matches!(&**name, EXIT_OTHERWISE | EXIT_TIMEOUT) =>
            {
                Vec::new()
            }
            StepKind::Condition(branch) => {
                let mut given = failed.clone();
                if let Some(arm) = branch.arms.get(exit) {
                    let keys = |holds| {
                        let names = reads::known_by(&arm.when, holds).into_iter();
                        found(names.flat_map(Key::of_known).collect())
                    };
                    given.extend(keys(true));
                    failed.extend(keys(false));
                }
                given
            }
            kind => found(saves(kind).into_iter().flat_map(Key::set_by).collect()),
        })
        .collect()
}
