//! Steps that no way leads to, and exits that lead nowhere or only by chance.

use crate::flow::check::Found;
use crate::flow::check::graph::{Graph, Way};
use crate::flow::check::likeness::{Budget, Steps};
use crate::flow::{EXIT_OTHERWISE, EXIT_TIMEOUT, FinishStatus, ProblemKind, StepKind};

pub(super) fn check(graph: &Graph<'_>, found: &mut Found) {
    let is_reached = reached(graph);
    let mut budget = Budget::default();
    for flow in 0..graph.flows.len() {
        let room = &graph.flows[flow];
        let steps = Steps::of(room.compiled);
        for node in graph.nodes(flow) {
            let name = Some(&graph.step(node).name);
            if !is_reached[node] {
                let entry = room.definition.entry.clone();
                found.add(room.place, name, &[], ProblemKind::Unreachable { entry });
            }
            if graph.step(node).finish == Some(FinishStatus::Finished) {
                continue;
            }
            dead_end(graph, node, found);
            by_chance(graph, node, &steps, &mut budget, found);
        }
    }
}

/// The steps to which a way leads: from their own flow's entry, or from another flow.
fn reached(graph: &Graph<'_>) -> Vec<bool> {
    let mut is_reached = vec![false; graph.len()];
    let mut open: Vec<usize> = (0..graph.flows.len())
        .map(|flow| graph.entry(flow))
        .collect();
    open.extend((0..graph.len()).flat_map(|node| graph.changes(node)));
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut is_reached[node], true) {
            continue;
        }
        open.extend(graph.ways(node, true).filter_map(|way| match way {
            Way::Enter(to) => Some(to),
            Way::Stop | Way::Back => None,
        }));
    }
    is_reached
}

/// An exit that leads nowhere, where the step doesn't say that the flow ends there. A flow that
/// is called ends by going back, and where the bot's settings give the end another status than
/// Finished, that is meant.
fn dead_end(graph: &Graph<'_>, node: usize, found: &mut Found) {
    let step = graph.step(node);
    let room = graph.room(node);
    if step.finish.is_some() || !room.callers.is_empty() || !graph.ends_finished {
        return;
    }
    let mut exits = (0..step.exits.len()).zip(&step.exits);
    let nowhere = exits.find(|&(exit, _)| graph.way(node, exit, true) == Way::Back);
    if let Some((_, (exit, _))) = nowhere {
        let exit = exit.to_string();
        let kind = ProblemKind::DeadEnd { exit };
        found.add(room.place, Some(&step.name), &[], kind);
    }
}

/// What leads to the step listed next only because it is listed next: `otherwise`, and a route
/// that has nearly the name of a step.
fn by_chance(
    graph: &Graph<'_>,
    node: usize,
    steps: &Steps<'_>,
    budget: &mut Budget,
    found: &mut Found,
) {
    let (step, written, room) = (graph.step(node), graph.written(node), graph.room(node));
    let routes = matches!(
        written.kind,
        StepKind::Keywords(_)
            | StepKind::Condition(_)
            | StepKind::Split(_)
            | StepKind::Membership(_)
            | StepKind::Router(_)
    );
    if !routes {
        return;
    }
    let retries = matches!(&written.kind, StepKind::Keywords(router) if router.retry.is_some());
    for (exit, to) in &step.exits {
        let Some(to) = to else { continue };
        if written.exits.contains_key(&**exit) || &**exit == EXIT_TIMEOUT {
            continue;
        }
        let to = &room.compiled.steps[usize::from(*to)].name;
        if &**exit == EXIT_OTHERWISE {
            if !retries {
                let kind = ProblemKind::MissingFallback { to: to.clone() };
                found.add(room.place, Some(&step.name), &[written.kind.key()], kind);
            }
            continue;
        }
        if to.as_str() == &**exit {
            continue;
        }
        if matches!(written.kind, StepKind::Membership(_)) {
            // Whoever hasn't joined, or of whom nobody can tell, must not go on as a member does
            // only because that stands next.
            let kind = ProblemKind::MissingFallback { to: to.clone() };
            found.add(room.place, Some(&step.name), &[written.kind.key()], kind);
            continue;
        }
        if let Some(like) = steps.like(exit, budget)
            && like != to
            && *like != step.name
        {
            let kind = ProblemKind::NearlyAStep {
                route: exit.to_string(),
                to: to.clone(),
                like: like.clone(),
            };
            let at: &[&str] = match written.kind {
                StepKind::Keywords(_) => &["keywords", "routes", exit],
                ref kind => &[kind.key(), exit],
            };
            found.add(room.place, Some(&step.name), at, kind);
        }
    }
}
