//! All steps of all flows as one graph, and what the engine does as it leaves each.

use std::collections::BTreeMap;

use crate::dialog::{FlowId, StepTarget};
use crate::flow::check::gather::Gathered;
use crate::flow::{
    Behaviour, CompiledFlow, CompiledKind, CompiledStep, EXIT_NEXT, EXIT_OTHERWISE, FinishStatus,
    FlowDefinition, Push, StepDefinition,
};

/// The steps of all flows that compile, numbered through.
pub(super) struct Graph<'a> {
    pub(super) flows: Vec<Room<'a>>,
    /// The flow of each step.
    flow_of: Vec<usize>,
    /// The flows by id, all versions of each.
    versions: BTreeMap<&'a FlowId, Vec<usize>>,
    /// Whether a flow that just ends is over, as the bot's settings don't say otherwise.
    pub(super) ends_finished: bool,
    /// Whether a step may find the dialog's budget for models used up, and not ask at all.
    is_on_budget: bool,
    /// The most messages of one of the bot's own reminders.
    pub(super) reminded: u64,
}

/// One flow in the graph.
pub(super) struct Room<'a> {
    pub(super) compiled: &'a CompiledFlow,
    pub(super) definition: &'a FlowDefinition,
    /// Its place in the bot.
    pub(super) place: usize,
    /// The number of its first step.
    pub(super) first: usize,
    /// The steps that call it, by its id.
    pub(super) callers: Vec<usize>,
    /// The steps of other flows that go over to it, by its id.
    pub(super) comers: Vec<usize>,
    /// Whether its calls can't be followed, as they come back to it or to a flow it calls.
    is_circular: bool,
}

/// Where a step that is left leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nowhere: the turn is over, and the dialog stays.
    Stop,
    /// Back to the step that called the flow; nowhere, where none did.
    Back,
    /// To this step.
    Enter(usize),
}

impl<'a> Graph<'a> {
    pub(super) fn of(gathered: &'a Gathered<'a>, behaviour: &Behaviour) -> Self {
        let mut flow_of = Vec::new();
        let mut versions: BTreeMap<&FlowId, Vec<usize>> = BTreeMap::new();
        let mut flows = Vec::with_capacity(gathered.flows.len());
        let pairs = gathered.flows.iter().zip(&gathered.definitions);
        for (n, (compiled, &(place, definition))) in pairs.enumerate() {
            versions.entry(&compiled.id).or_default().push(n);
            flows.push(Room {
                compiled,
                definition,
                place,
                first: flow_of.len(),
                callers: Vec::new(),
                comers: Vec::new(),
                is_circular: false,
            });
            flow_of.extend(std::iter::repeat_n(n, compiled.steps.len()));
        }
        let mut graph = Self {
            flows,
            flow_of,
            versions,
            ends_finished: behaviour.default_finish == FinishStatus::Finished,
            is_on_budget: behaviour.ai.dialog_budget.is_some(),
            reminded: most_said(&behaviour.pushes),
        };
        for node in 0..graph.len() {
            let (to, is_call) = match &graph.step(node).kind {
                CompiledKind::CallFlow(call) => (&call.link.flow, true),
                CompiledKind::ChangeFlow(link) => (&link.flow, false),
                _ => continue,
            };
            let from = graph.flow_of[node];
            for flow in graph.versions.get(to).cloned().unwrap_or_default() {
                let room = &mut graph.flows[flow];
                if is_call {
                    room.callers.push(node);
                } else if room.compiled.id != graph.flows[from].compiled.id {
                    graph.flows[flow].comers.push(node);
                }
            }
        }
        for flow in 0..graph.flows.len() {
            graph.flows[flow].is_circular = true;
        }
        for flow in graph.innermost_first() {
            graph.flows[flow].is_circular = false;
        }
        graph
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.flow_of.len()
    }

    pub(super) fn flow_of(&self, node: usize) -> usize {
        self.flow_of[node]
    }

    pub(super) fn room(&self, node: usize) -> &Room<'a> {
        &self.flows[self.flow_of[node]]
    }

    pub(super) fn step(&self, node: usize) -> &'a CompiledStep {
        let room = self.room(node);
        &room.compiled.steps[node - room.first]
    }

    /// The step as it was written.
    pub(super) fn written(&self, node: usize) -> &'a StepDefinition {
        let room = self.room(node);
        &room.definition.steps[node - room.first]
    }

    /// The numbers of a flow's steps.
    pub(super) fn nodes(&self, flow: usize) -> std::ops::Range<usize> {
        let room = &self.flows[flow];
        room.first..room.first + room.compiled.steps.len()
    }

    /// Where a flow begins.
    pub(super) fn entry(&self, flow: usize) -> usize {
        let room = &self.flows[flow];
        room.first + usize::from(room.compiled.entry)
    }

    /// Where a step leads that is left by an exit. `is_passed`: it was passed in an earlier turn
    /// and has given its finish status then. The engine's `leave`, without a dialog.
    pub(super) fn way(&self, node: usize, exit: usize, is_passed: bool) -> Way {
        let step = self.step(node);
        let (name, target) = &step.exits[exit];
        let is_unanswered = matches!(step.kind, CompiledKind::Ask(_)) && &**name != EXIT_NEXT;
        let asks_again = matches!(step.kind, CompiledKind::Keywords { retry: Some(_), .. })
            && &**name == EXIT_OTHERWISE;
        match (step.finish_by(name), target) {
            _ if asks_again => Way::Stop,
            (_, None) if is_unanswered => Way::Stop,
            (Some(FinishStatus::Finished), _) => Way::Back,
            (Some(FinishStatus::Waiting | FinishStatus::Manual), _) if !is_passed => Way::Stop,
            (_, None) => Way::Back,
            (_, Some(target)) => Way::Enter(self.room(node).first + usize::from(*target)),
        }
    }

    /// Where its exits lead, as [`way`](Graph::way) says.
    pub(super) fn ways(&self, node: usize, is_passed: bool) -> impl Iterator<Item = Way> + '_ {
        let exits = 0..self.step(node).exits.len();
        exits.map(move |exit| self.way(node, exit, is_passed))
    }

    /// The flow that a step calls, where that can be followed.
    pub(super) fn callee(&self, node: usize) -> Option<usize> {
        match &self.step(node).kind {
            CompiledKind::CallFlow(call) if !self.room(node).is_circular => {
                call.link.to.map(|(flow, _)| usize::from(flow))
            }
            _ => None,
        }
    }

    /// The step of another flow that a step goes over to.
    pub(super) fn change(&self, node: usize) -> Option<usize> {
        match &self.step(node).kind {
            CompiledKind::ChangeFlow(link) => {
                let (flow, step) = link.to?;
                Some(self.flows[usize::from(flow)].first + usize::from(step))
            }
            _ => None,
        }
    }

    /// The steps that a rule of the bot leads to, in each version of their flows. A step without a
    /// flow is one of the flow in which a dialog stands, whichever that is.
    pub(super) fn led_to(&self, to: &StepTarget) -> Vec<usize> {
        let flows = (0..self.flows.len()).filter(|&flow| {
            let id = &self.flows[flow].compiled.id;
            to.flow.as_ref().is_none_or(|wanted| wanted == id)
        });
        let steps = flows.filter_map(|flow| match &to.step {
            None => Some(self.entry(flow)),
            Some(step) => {
                let room = &self.flows[flow];
                let step = room.compiled.step_named(step)?;
                Some(room.first + usize::from(step))
            }
        });
        steps.collect()
    }

    /// The steps that going over to another flow leads to, in each of its versions: dialogs stay
    /// in the version they once came to.
    pub(super) fn changes(&self, node: usize) -> Vec<usize> {
        let CompiledKind::ChangeFlow(link) = &self.step(node).kind else {
            return Vec::new();
        };
        let versions = self.versions.get(&link.flow).into_iter().flatten();
        let step = |&flow: &usize| match &link.step {
            None => Some(self.entry(flow)),
            Some(step) => {
                let room = &self.flows[flow];
                let step = room.compiled.step_named(step)?;
                Some(room.first + usize::from(step))
            }
        };
        versions.filter_map(step).collect()
    }

    /// All versions of the flow that a step calls.
    pub(super) fn callees(&self, node: usize) -> &[usize] {
        match &self.step(node).kind {
            CompiledKind::CallFlow(call) => self
                .versions
                .get(&call.link.flow)
                .map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    /// The flows, each after those that it calls. Flows whose calls go round in a circle, and
    /// those that call them, are left out.
    pub(super) fn innermost_first(&self) -> Vec<usize> {
        let mut open = vec![0_usize; self.flows.len()];
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); self.flows.len()];
        for node in 0..self.len() {
            if let CompiledKind::CallFlow(call) = &self.step(node).kind
                && let Some((callee, _)) = call.link.to
            {
                open[self.flow_of[node]] += 1;
                callers[usize::from(callee)].push(self.flow_of[node]);
            }
        }
        let mut order: Vec<usize> = (0..open.len()).filter(|&flow| open[flow] == 0).collect();
        let mut next = 0;
        while let Some(&flow) = order.get(next) {
            next += 1;
            for &caller in &callers[flow] {
                open[caller] -= 1;
                if open[caller] == 0 {
                    order.push(caller);
                }
            }
        }
        order
    }

    /// Whether a step stays until something happens when it is entered and nothing is there to
    /// take. A host's step is taken to wait, as it does unless it overrides `enter`; a call that
    /// can't be followed, too.
    pub(super) fn waits(&self, node: usize) -> bool {
        match self.step(node).kind {
            // What asks outside leads on in another turn, with the answer.
            CompiledKind::Delay(_)
            | CompiledKind::Membership { .. }
            | CompiledKind::AiRoute { .. }
            | CompiledKind::AiReply { .. }
            | CompiledKind::Webhook(_)
            | CompiledKind::ExternalBot { .. } => true,
            CompiledKind::CallFlow(_) => self.callee(node).is_none(),
            _ => self.takes(node) || matches!(self.step(node).kind, CompiledKind::Ask(_)),
        }
    }

    /// The exit by which a step that gets a message may leave at once instead of asking outside.
    pub(super) fn unasked(&self, node: usize) -> Option<usize> {
        let step = self.step(node);
        let asks = matches!(step.kind, CompiledKind::AiRoute { .. });
        let mut exits = step.exits.iter();
        let otherwise = exits.position(|(name, _)| &**name == EXIT_OTHERWISE)?;
        (asks && self.is_on_budget).then_some(otherwise)
    }

    /// Whether a step that is entered takes the turn's message, where that is still there.
    pub(super) fn takes(&self, node: usize) -> bool {
        matches!(
            self.step(node).kind,
            CompiledKind::Keywords { .. } | CompiledKind::Router(_) | CompiledKind::Custom(_)
        )
    }
}

/// The most messages of one of these reminders.
fn most_said(pushes: &[Push]) -> u64 {
    let said = pushes.iter().map(|push| push.send.items.len() as u64);
    said.max().unwrap_or(0)
}
