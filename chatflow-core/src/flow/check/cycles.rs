//! Circles that never wait.

use crate::flow::check::Found;
use crate::flow::check::components::{Components, shortest_circle};
use crate::flow::check::graph::{Graph, Way};
use crate::flow::{CompiledKind, ProblemKind};

/// What may follow what within one turn, once its message is taken.
pub(super) struct Turns {
    /// The groups of steps that lead to one another without waiting. A step that calls a flow
    /// leads into it, and to its own next step where that flow can come back in the same turn.
    pub(super) groups: Components,
    /// Whether a flow that is called can come back in the same turn.
    pub(super) comes_back: Vec<bool>,
}

/// Finds the circles that no step ends by waiting, and reports each group of them at its first
/// step.
///
/// Only conditions count as guards, those of called flows among them: they may see what a set
/// step counts. A split is none, since a dialog takes the same arm each time it comes by.
pub(super) fn check(graph: &Graph<'_>, found: &mut Found) -> Turns {
    let mut comes_back = vec![false; graph.flows.len()];
    let mut guards = vec![false; graph.flows.len()];
    for flow in graph.innermost_first() {
        (comes_back[flow], guards[flow]) = gone_through(graph, flow, &comes_back, &guards);
    }
    let edges: Vec<Vec<usize>> = (0..graph.len())
        .map(|node| edges_of(graph, node, &comes_back, true))
        .collect();
    let groups = Components::of(&edges);
    let is_condition = |node: usize| match graph.step(node).kind {
        CompiledKind::Condition(_) => true,
        CompiledKind::CallFlow(_) => graph.callee(node).is_some_and(|callee| guards[callee]),
        _ => false,
    };
    // Circles without any condition: what is left of the groups without them.
    let bare: Vec<Vec<usize>> = (0..graph.len())
        .map(|node| {
            let within = |to: &&usize| groups.of[**to] == groups.of[node] && !is_condition(**to);
            match is_condition(node) {
                true => Vec::new(),
                false => edges[node].iter().filter(within).copied().collect(),
            }
        })
        .collect();
    let bare_groups = Components::of(&bare);
    for (group, members) in groups.members.iter().enumerate() {
        if !groups.is_cyclic[group] {
            continue;
        }
        let leaves = |&node: &usize| {
            is_condition(node)
                && (graph.callee(node).is_some()
                    || graph.ways(node, false).any(|way| match way {
                        Way::Enter(to) => groups.of[to] != group,
                        Way::Stop | Way::Back => true,
                    }))
        };
        let goes_round = |&&node: &&usize| bare_groups.is_cyclic[bare_groups.of[node]];
        let (start, circle, is_guarded) = if let Some(&start) = members.iter().find(goes_round) {
            let circle = shortest_circle(&bare, start, |_| true);
            (start, circle, false)
        } else {
            let start = members[0];
            let circle = shortest_circle(&edges, start, |to| groups.of[to] == group);
            (start, circle, members.iter().any(leaves))
        };
        let own = graph.flow_of(start);
        let name = |&node: &usize| match graph.flow_of(node) == own {
            true => graph.step(node).name.to_string(),
            false => format!("{}/{}", graph.room(node).compiled.id, graph.step(node).name),
        };
        let circle = circle.iter().map(name).collect::<Vec<_>>().join(" → ");
        let kind = match is_guarded {
            true => ProblemKind::GuardedCycle { circle },
            false => ProblemKind::NeverWaitingCycle { circle },
        };
        let room = graph.room(start);
        found.add(room.place, Some(&graph.step(start).name), &[], kind);
    }
    Turns { groups, comes_back }
}

/// Where a step leads in the turn in which it is entered.
pub(super) fn edges_of(
    graph: &Graph<'_>,
    node: usize,
    comes_back: &[bool],
    across: bool,
) -> Vec<usize> {
    let mut edges = Vec::new();
    if graph.waits(node) {
        return edges;
    }
    let callee = graph.callee(node);
    if across {
        edges.extend(graph.change(node));
        edges.extend(callee.map(|callee| graph.entry(callee)));
    }
    if callee.is_none_or(|callee| comes_back[callee]) {
        let ways = graph.ways(node, false);
        edges.extend(ways.filter_map(|way| match way {
            Way::Enter(to) => Some(to),
            Way::Stop | Way::Back => None,
        }));
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Whether a called flow can come back in the turn in which it was called; and whether a
/// condition in it decides that.
fn gone_through(
    graph: &Graph<'_>,
    flow: usize,
    comes_back: &[bool],
    guards: &[bool],
) -> (bool, bool) {
    let nodes = graph.nodes(flow);
    let mut seen = vec![false; nodes.len()];
    let mut open = vec![graph.entry(flow)];
    let (mut back, mut stops, mut decides) = (false, false, false);
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node - nodes.start], true) {
            continue;
        }
        let callee = graph.callee(node);
        decides |= matches!(graph.step(node).kind, CompiledKind::Condition(_))
            || callee.is_some_and(|callee| guards[callee]);
        if graph.waits(node) || callee.is_some_and(|callee| !comes_back[callee]) {
            stops = true;
            continue;
        }
        // Whoever goes over to another flow doesn't come back.
        stops |= graph.step(node).exits.is_empty() || callee.is_some_and(|callee| guards[callee]);
        for way in graph.ways(node, false) {
            match way {
                Way::Stop => stops = true,
                Way::Back => back = true,
                Way::Enter(to) => open.push(to),
            }
        }
    }
    (back, back && stops && decides)
}
