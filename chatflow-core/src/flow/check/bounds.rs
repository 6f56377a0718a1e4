//! The worst case of a turn: the longest way through steps that don't wait.
//!
//! A turn's message can be taken once, so each step is looked at twice: entered while the
//! message is there, and after it was taken. What is called is gone through once by itself, and
//! counts in its callers as one long step.

use crate::flow::check::components::Components;
use crate::flow::check::cycles::{Turns, edges_of};
use crate::flow::check::graph::{Graph, Way};
use crate::flow::check::{Bound, FlowBound, Found};
use crate::flow::{CallFlow, CompiledKind, FinishStatus, Limits, ProblemKind};

/// Steps and messages of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cost {
    steps: u64,
    messages: u64,
}

/// Without end.
const ENDLESS: u64 = u64::MAX;

impl Cost {
    const ENDLESS: Self = Self {
        steps: ENDLESS,
        messages: ENDLESS,
    };

    const STEP: Self = Self {
        steps: 1,
        messages: 0,
    };

    fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            messages: self.messages.saturating_add(other.messages),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            steps: self.steps.max(other.steps),
            messages: self.messages.max(other.messages),
        }
    }
}

/// The longest way of two, where there is one.
fn longest(one: Option<Cost>, other: Option<Cost>) -> Option<Cost> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.or(other)),
        (one, other) => one.or(other),
    }
}

fn bound(most: u64) -> Bound {
    match most {
        ENDLESS => Bound::Unbounded,
        most => Bound::AtMost(most),
    }
}

/// By whether the turn's message is still there: `[taken, there]`.
type Both<T> = [T; 2];
const TAKEN: usize = 0;
const THERE: usize = 1;

struct Costs<'a> {
    graph: &'a Graph<'a>,
    turns: &'a Turns,
    /// From entering a step to coming back from its flow with the message taken.
    back: Both<Vec<Option<Cost>>>,
    /// From entering a step to the end of the turn, in a flow that nobody called.
    root: Both<Vec<Cost>>,
    /// The same, where the flow may have been called in an earlier turn.
    open: Both<Vec<Cost>>,
    /// What follows where a flow is over that was called in an earlier turn.
    after: Both<Vec<Cost>>,
}

/// Finds the bounds of all flows, and those that are beyond the limits.
pub(super) fn check(
    graph: &Graph<'_>,
    turns: &Turns,
    limits: &Limits,
    found: &mut Found,
) -> Vec<FlowBound> {
    let nodes = graph.len();
    let mut costs = Costs {
        graph,
        turns,
        back: [vec![None; nodes], vec![None; nodes]],
        root: [vec![Cost::default(); nodes], vec![Cost::default(); nodes]],
        open: [vec![Cost::default(); nodes], vec![Cost::default(); nodes]],
        after: [
            vec![Cost::default(); graph.flows.len()],
            vec![Cost::default(); graph.flows.len()],
        ],
    };
    let mut order = graph.innermost_first();
    let mut is_ordered = vec![false; graph.flows.len()];
    order.iter().for_each(|&flow| is_ordered[flow] = true);
    // Flows that call one another in a circle are an error already; their calls count as
    // waiting, so their order doesn't matter.
    order.extend((0..is_ordered.len()).filter(|&flow| !is_ordered[flow]));
    let groups: Vec<Components> = (0..graph.flows.len())
        .map(|flow| components_of(graph, flow, &turns.comes_back))
        .collect();
    for &flow in &order {
        costs.find_back(flow, &groups[flow]);
    }
    costs.find_root();
    // Outermost first. Once is enough but for earlier versions of flows, which nothing calls by
    // their version; they settle in as many rounds as calls are deep.
    for _ in 0..=CallFlow::DEPTH_MAX {
        let before = costs.after.clone();
        for &flow in order.iter().rev() {
            costs.find_open(flow, &groups[flow]);
        }
        if costs.after == before {
            break;
        }
    }
    let bounds = (0..graph.flows.len()).map(|flow| costs.of_flow(flow, limits, found));
    bounds.collect()
}

/// The groups of one flow by itself, its steps counted from 0.
fn components_of(graph: &Graph<'_>, flow: usize, comes_back: &[bool]) -> Components {
    let nodes = graph.nodes(flow);
    let edges: Vec<Vec<usize>> = nodes
        .clone()
        .map(|node| {
            let edges = edges_of(graph, node, comes_back, false);
            edges.into_iter().map(|to| to - nodes.start).collect()
        })
        .collect();
    Components::of(&edges)
}

impl Costs<'_> {
    /// What entering a step costs by itself.
    fn own(&self, node: usize) -> Cost {
        let messages = match &self.graph.step(node).kind {
            CompiledKind::Send(send) => send.items.len() as u64,
            CompiledKind::Ask(_) => 1,
            _ => 0,
        };
        Cost { steps: 1, messages }
    }

    /// The ways on from entering a step within its flow: what comes in between, whether the
    /// message is still there after it, and where it leads.
    fn on(&self, node: usize, message: usize) -> Vec<(Cost, usize, Way)> {
        let graph = self.graph;
        let mut on = Vec::new();
        let left = |message| graph.ways(node, false).map(move |way| (message, way));
        if let Some(callee) = graph.callee(node) {
            let entry = graph.entry(callee);
            let mut through = |cost: Option<Cost>, message| {
                if let Some(cost) = cost {
                    let cost = cost.and(Cost::STEP);
                    on.extend(left(message).map(|(message, way)| (cost, message, way)));
                }
            };
            // What leads through without taking the message is the same whether it is there.
            through(self.back[TAKEN][entry], message);
            if message == THERE {
                through(self.back[THERE][entry], TAKEN);
            }
        } else if let Some(exit) = graph.unasked(node).filter(|_| message == THERE) {
            on.push((Cost::default(), TAKEN, graph.way(node, exit, false)));
        } else if message == THERE && graph.takes(node) {
            let none = Cost::default();
            on.extend(left(TAKEN).map(|(message, way)| (none, message, way)));
        } else if !graph.waits(node) {
            let none = Cost::default();
            on.extend(left(message).map(|(message, way)| (none, message, way)));
        }
        on
    }

    fn find_back(&mut self, flow: usize, groups: &Components) {
        let first = self.graph.nodes(flow).start;
        for message in [TAKEN, THERE] {
            for (group, members) in groups.members.iter().enumerate() {
                let is_endless = groups.is_cyclic[group];
                for &member in members {
                    let node = first + member;
                    let mut best = None;
                    for (cost, after, way) in self.on(node, message) {
                        let rest = match way {
                            Way::Stop => None,
                            Way::Back if after == message && message == THERE => None,
                            Way::Back => Some(Cost::default()),
                            Way::Enter(to) => self.back[after][to],
                        };
                        // In the first table the message is taken all along, in the second it
                        // is taken on the way.
                        let rest = rest.map(|rest| rest.and(cost).and(self.own(node)));
                        best = longest(best, rest);
                    }
                    self.back[message][node] = best;
                }
                // Whoever is in the circle gets to each way out of it, after any number of
                // rounds.
                let ends = members
                    .iter()
                    .map(|&member| self.back[message][first + member]);
                if is_endless && ends.flatten().next().is_some() {
                    for &member in members {
                        self.back[message][first + member] = Some(Cost::ENDLESS);
                    }
                }
            }
        }
    }

    fn find_root(&mut self) {
        for message in [TAKEN, THERE] {
            for (group, members) in self.turns.groups.members.iter().enumerate() {
                for &node in members {
                    self.root[message][node] = if self.turns.groups.is_cyclic[group] {
                        Cost::ENDLESS
                    } else {
                        self.longest_from(node, message, &self.root, |_| Cost::default())
                    };
                }
            }
        }
    }

    fn find_open(&mut self, flow: usize, groups: &Components) {
        for message in [TAKEN, THERE] {
            let callers = self.graph.flows[flow].callers.iter();
            let after = callers.map(|&caller| {
                let ways = self.graph.ways(caller, false);
                let rest = ways.map(|way| match way {
                    Way::Stop => Cost::default(),
                    Way::Back => self.after[message][self.graph.flow_of(caller)],
                    Way::Enter(to) => self.open[message][to],
                });
                Cost::STEP.and(rest.fold(Cost::default(), Cost::or))
            });
            self.after[message][flow] = after.fold(Cost::default(), Cost::or);
        }
        let first = self.graph.nodes(flow).start;
        for message in [TAKEN, THERE] {
            for members in &groups.members {
                for &member in members {
                    let node = first + member;
                    let group = self.turns.groups.of[node];
                    self.open[message][node] = if self.turns.groups.is_cyclic[group] {
                        Cost::ENDLESS
                    } else {
                        let after = |message: usize| self.after[message][flow];
                        self.longest_from(node, message, &self.open, after)
                    };
                }
            }
        }
    }

    /// The longest way from entering a step, where those of the steps after it are known.
    fn longest_from(
        &self,
        node: usize,
        message: usize,
        known: &Both<Vec<Cost>>,
        after: impl Fn(usize) -> Cost,
    ) -> Cost {
        let mut rest = match &self.graph.step(node).kind {
            // Where no route fits it asks again instead of leading on.
            CompiledKind::Keywords { retry: Some(_), .. } if message == THERE => Cost {
                steps: 0,
                messages: 1,
            },
            _ => Cost::default(),
        };
        for (cost, message, way) in self.on(node, message) {
            let on = match way {
                Way::Stop => Cost::default(),
                Way::Back => after(message),
                Way::Enter(to) => known[message][to],
            };
            rest = rest.or(on.and(cost));
        }
        // A flow gone over to or called is looked at by itself: what comes after a return is
        // counted above.
        let into = self.graph.callee(node).map(|flow| self.graph.entry(flow));
        for to in self.graph.change(node).into_iter().chain(into) {
            rest = rest.or(self.root[message][to]);
        }
        rest.and(self.own(node))
    }

    /// The longest way of a turn in which the dialog stands at a step already.
    fn standing(&self, node: usize) -> Cost {
        let graph = self.graph;
        let step = graph.step(node);
        let flow = graph.flow_of(node);
        let rest = |is_passed, message: usize| {
            let ways = graph.ways(node, is_passed);
            let rest = ways.map(move |way| match way {
                Way::Stop => Cost::default(),
                Way::Back => self.after[message][flow],
                Way::Enter(to) => self.open[message][to],
            });
            rest.fold(Cost::default(), Cost::or)
        };
        let mut most = Cost::default();
        if graph.waits(node) {
            // A delay doesn't take the message that ends it, nor do a service and another bot what
            // came before their answers. What a model gets meanwhile it is asked about anew.
            let message = match step.kind {
                CompiledKind::Delay(_)
                | CompiledKind::Webhook(_)
                | CompiledKind::ExternalBot { .. } => THERE,
                _ => TAKEN,
            };
            let said = match &step.kind {
                CompiledKind::Ask(_) | CompiledKind::Keywords { retry: Some(_), .. } => 1,
                _ => 0,
            };
            let again = Cost {
                steps: 0,
                messages: said,
            };
            // What a model writes is said before the step is left.
            let written = Cost {
                steps: 0,
                messages: u64::from(matches!(step.kind, CompiledKind::AiReply { .. })),
            };
            most = most.or(rest(false, message).and(written)).or(again);
        }
        let is_kept = matches!(
            step.finish,
            Some(FinishStatus::Waiting | FinishStatus::Manual)
        );
        if is_kept {
            most = most.or(rest(true, THERE));
        }
        let pushed = step.pushes.iter().map(|push| push.items.len() as u64);
        most = most.or(Cost {
            steps: 0,
            messages: pushed.max().unwrap_or(0).max(graph.reminded),
        });
        most.and(Cost::STEP)
    }

    fn of_flow(&self, flow: usize, limits: &Limits, found: &mut Found) -> FlowBound {
        let graph = self.graph;
        let room = &graph.flows[flow];
        let start = |node: usize| self.open[THERE][node].or(self.standing(node));
        let (mut steps, mut messages) = ((0, None), (0, None));
        for node in graph.nodes(flow) {
            let cost = start(node);
            if cost.steps > steps.0 {
                steps = (cost.steps, Some(node));
            }
            if cost.messages > messages.0 {
                messages = (cost.messages, Some(node));
            }
        }
        // Where a flow that this one leads to is beyond the limit by itself, that one says so.
        let elsewhere = |is_beyond: &dyn Fn(Cost) -> bool| {
            let beyond =
                |node: usize| graph.flow_of(node) != flow && is_beyond(self.root[THERE][node]);
            let led = graph.nodes(flow).any(|node| {
                let into = graph.callee(node).map(|flow| graph.entry(flow));
                graph.change(node).into_iter().chain(into).any(beyond)
            });
            let back = [TAKEN, THERE].map(|message| Cost {
                steps: self.after[message][flow].steps.saturating_sub(1),
                ..self.after[message][flow]
            });
            led || back.into_iter().any(is_beyond)
        };
        let at = |node: Option<usize>| node.map(|node| &graph.step(node).name);
        let most = u64::from(limits.steps_per_turn);
        let is_beyond = |steps: u64, most: u64| steps > most && steps != ENDLESS;
        if is_beyond(steps.0, most) && !elsewhere(&|cost| is_beyond(cost.steps, most)) {
            let steps_found = steps.0;
            let kind = ProblemKind::TooManyStepsPerTurn {
                steps: steps_found,
                most,
            };
            found.add(room.place, at(steps.1), &[], kind);
        }
        let most = limits.effects_per_turn as u64;
        if is_beyond(messages.0, most) && !elsewhere(&|cost| is_beyond(cost.messages, most)) {
            let kind = ProblemKind::TooManyMessagesPerTurn {
                messages: messages.0,
                most,
            };
            found.add(room.place, at(messages.1), &[], kind);
        }
        FlowBound {
            flow: room.compiled.id.clone(),
            version: room.compiled.version,
            steps: bound(steps.0),
            messages: bound(messages.0),
        }
    }
}
