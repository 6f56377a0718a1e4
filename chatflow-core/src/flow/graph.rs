//! A flow as a picture shows it: steps, the ways between them, and where it ends.

mod draw;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeSet;

use crate::dialog::time::Period;
use crate::dialog::{FlowId, FlowVersion, StepId};
use crate::flow::definition::{Lead, finish_by};
use crate::flow::{
    EXIT_OTHERWISE, EXIT_TIMEOUT, FinishStatus, FlowDefinition, StepDefinition, StepKind,
};

/// The structure of a flow: its steps, and where each of their exits leads.
///
/// It follows the rules by which a flow is compiled, and it can be had of a flow that can't be:
/// a way to a step that doesn't exist leads to that name.
///
/// ```
/// use chatflow_core::{Ask, FlowBuilder, FlowGraph, GraphTarget, SendMessage};
///
/// let flow = FlowBuilder::new("lead", 1)
///     .step("name", Ask::text("What is your name?"))
///     .step("thanks", SendMessage::text("Thank you!"))
///     .build()?;
/// let graph = FlowGraph::of(&flow);
/// let leads: Vec<_> = graph.edges.iter().map(|edge| (edge.exit.as_str(), &edge.to)).collect();
/// assert_eq!(leads, [
///     ("next", &GraphTarget::Step("thanks".into())),
///     ("gave_up", &GraphTarget::Operator),
///     ("next", &GraphTarget::End),
/// ]);
/// assert!(graph.to_mermaid().starts_with("flowchart TD\n"));
/// # Ok::<(), chatflow_core::FlowError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowGraph {
    /// The flow.
    pub flow: FlowId,
    /// Its version.
    pub version: FlowVersion,
    /// Where it begins.
    pub entry: StepId,
    /// Its steps, in order.
    pub nodes: Vec<GraphNode>,
    /// The ways out of them, by step and in the order of its exits, `timeout` last.
    pub edges: Vec<GraphEdge>,
}

/// A step in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Its name.
    pub step: StepId,
    /// The key of its kind in a file, such as `ask`.
    pub kind: &'static str,
    /// Whether it waits: for a message, for time to pass, or because it finishes as Waiting.
    pub waits: bool,
    /// How long it waits before it leaves by `timeout`.
    pub timeout: Option<Period>,
    /// The status that passing it gives the dialog.
    pub finish: Option<FinishStatus>,
    /// Names of the values its texts and conditions read, each once.
    pub reads: Vec<String>,
    /// Names under which it keeps values, each once.
    pub keeps: Vec<String>,
    /// How many dialogs stand there, where somebody has counted.
    pub dialogs: Option<u64>,
}

/// A way out of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEdge {
    /// The step it leaves.
    pub from: StepId,
    /// The exit; empty for the way into a flow that is changed to or called.
    pub exit: String,
    /// Where it leads.
    pub to: GraphTarget,
    /// Whether it is gone only once automation goes on after a person was in charge.
    pub resumes: bool,
    /// How often it was taken, where somebody has counted.
    pub taken: Option<u64>,
}

impl GraphEdge {
    /// Whether time takes it, not an answer.
    pub fn is_timeout(&self) -> bool {
        self.exit == EXIT_TIMEOUT
    }
}

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GraphTarget {
    /// To a step of the same flow.
    Step(StepId),
    /// The flow is over.
    End,
    /// The flow is over, and the one that called it goes on.
    Return,
    /// To a person.
    Operator,
    /// Into another flow.
    Flow {
        /// Which.
        flow: FlowId,
        /// The step; its entry, where none is named.
        step: Option<StepId>,
    },
}

impl FlowGraph {
    /// The structure of a flow.
    pub fn of(flow: &FlowDefinition) -> Self {
        let names: BTreeSet<&StepId> = flow.steps.iter().map(|step| &step.name).collect();
        let mut edges = Vec::new();
        for (n, step) in flow.steps.iter().enumerate() {
            let following = flow.steps.get(n + 1).map(|step| &step.name);
            Ways {
                step,
                following,
                names: &names,
            }
            .add_to(&mut edges);
        }
        Self {
            flow: flow.id.clone(),
            version: flow.version,
            entry: flow.entry.clone(),
            nodes: flow.steps.iter().map(GraphNode::of).collect(),
            edges,
        }
    }

    /// The same for a flow that only others enter, by calling it: where it would end, it returns.
    #[must_use]
    pub fn returning(mut self) -> Self {
        for edge in &mut self.edges {
            if edge.to == GraphTarget::End {
                edge.to = GraphTarget::Return;
            }
        }
        self
    }

    /// Everything but its own steps that its ways lead to, each once.
    pub fn outside(&self) -> Vec<&GraphTarget> {
        let own: BTreeSet<&StepId> = self.nodes.iter().map(|node| &node.step).collect();
        let mut seen = BTreeSet::new();
        let edges = self.edges.iter();
        edges
            .map(|edge| &edge.to)
            .filter(|to| !matches!(to, GraphTarget::Step(step) if own.contains(step)))
            .filter(|to| seen.insert(*to))
            .collect()
    }

    /// The ways out of a step.
    pub fn ways_out_of<'a>(&'a self, step: &'a StepId) -> impl Iterator<Item = &'a GraphEdge> {
        self.edges.iter().filter(move |edge| edge.from == *step)
    }

    /// The ways of this flow into a step of it.
    pub fn ways_into<'a>(&'a self, step: &'a StepId) -> impl Iterator<Item = &'a GraphEdge> {
        let is_it = move |to: &GraphTarget| matches!(to, GraphTarget::Step(to) if to == step);
        self.edges.iter().filter(move |edge| is_it(&edge.to))
    }
}

impl GraphNode {
    fn of(step: &StepDefinition) -> Self {
        let finish = step.status();
        Self {
            step: step.name.clone(),
            kind: step.kind.key(),
            waits: step.kind.awaits_message()
                || step.kind.asks_outside()
                || matches!(step.kind, StepKind::Delay(_))
                || finish == Some(FinishStatus::Waiting),
            timeout: step.timeout,
            finish,
            reads: values::read_by(step),
            keeps: values::kept_by(&step.kind),
            dialogs: None,
        }
    }
}

/// The ways out of one step.
struct Ways<'a> {
    step: &'a StepDefinition,
    following: Option<&'a StepId>,
    names: &'a BTreeSet<&'a StepId>,
}

impl Ways<'_> {
    fn add_to(&self, edges: &mut Vec<GraphEdge>) {
        let into = match &self.step.kind {
            StepKind::ChangeFlow(change) => Some((&change.flow, change.step.clone())),
            StepKind::CallFlow(call) => Some((&call.flow, None)),
            _ => None,
        };
        if let Some((flow, step)) = into {
            let flow = flow.clone();
            edges.push(self.edge("", GraphTarget::Flow { flow, step }, false));
        }
        let mut exits = self.step.exit_names();
        if matches!(&self.step.kind, StepKind::Keywords(router) if router.retry.is_some()) {
            // It says that and waits again instead.
            exits.retain(|exit| exit != EXIT_OTHERWISE);
        }
        for exit in &exits {
            let target = self.target(exit);
            if self.lead(exit) == Lead::Person {
                edges.push(self.edge(exit, GraphTarget::Operator, false));
                continue;
            }
            let status = self.step.status();
            let finish = finish_by(status, self.step.kind.waits_for_answer(), exit);
            let on = match (finish, target) {
                (Some(FinishStatus::Finished), _) | (_, None) => GraphTarget::End,
                (_, Some(step)) => GraphTarget::Step(step.clone()),
            };
            if finish == Some(FinishStatus::Manual) {
                edges.push(self.edge(exit, GraphTarget::Operator, false));
                if on != GraphTarget::End {
                    edges.push(self.edge(exit, on, true));
                }
            } else {
                edges.push(self.edge(exit, on, false));
            }
        }
    }

    fn edge(&self, exit: &str, to: GraphTarget, resumes: bool) -> GraphEdge {
        GraphEdge {
            from: self.step.name.clone(),
            exit: exit.to_owned(),
            to,
            resumes,
            taken: None,
        }
    }

    fn lead(&self, exit: &str) -> Lead<'_> {
        self.step.lead(exit, |step| self.names.contains(step))
    }

    /// The step that an exit leads to.
    fn target(&self, exit: &str) -> Option<&StepId> {
        match self.lead(exit) {
            Lead::Named(to) => Some(to),
            Lead::OwnName => self.names.get(&StepId::from(exit)).copied(),
            Lead::Following => self.following,
            Lead::Person => None,
        }
    }
}
