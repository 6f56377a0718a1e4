//! Steps that no way leads to, and exits that lead nowhere or only by chance.

use crate::flow::check::Found;
use crate::flow::check::graph::{Graph, Way};
use crate::flow::check::likeness::{Budget, Steps};
use crate::flow::check::rules;
use crate::flow::{
    Behaviour, EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT, FinishStatus, ProblemKind, StepKind,
};

pub(super) fn check(graph: &Graph<'_>, behaviour: &Behaviour, found: &mut Found) {
    let is_reached = reached(graph, behaviour);
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

/// The steps to which a way leads: from their own flow's entry, from another flow, or from a
/// rule of the bot.
fn reached(graph: &Graph<'_>, behaviour: &Behaviour) -> Vec<bool> {
    let mut is_reached = vec![false; graph.len()];
    let mut open: Vec<usize> = (0..graph.flows.len())
        .map(|flow| graph.entry(flow))
        .collect();
    open.extend((0..graph.len()).flat_map(|node| graph.changes(node)));
    open.extend(rules::entries(behaviour).flat_map(|entry| graph.led_to(entry.to)));
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
            | StepKind::AiRoute(_)
            | StepKind::Webhook(_)
            | StepKind::ExternalBot(_)
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
        let is_aside = match written.kind {
            StepKind::Membership(_) => true,
            StepKind::Webhook(_) | StepKind::ExternalBot(_) => &**exit != EXIT_NEXT,
            _ => false,
        };
        if is_aside {
            // Whoever hasn't joined, or of whom nobody can tell, must not go on as a member does
            // only because that stands next; nor what failed as what was done.
            let kind = ProblemKind::MissingFallback { to: to.clone() };
            found.add(room.place, Some(&step.name), &[written.kind.key()], kind);
            continue;
        }
        if &**exit == EXIT_NEXT {
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
                StepKind::AiRoute(_) => &["ai_route", "branches", exit],
                ref kind => &[kind.key(), exit],
            };
            found.add(room.place, Some(&step.name), at, kind);
        }
    }
}
