//! What a bot's flows need of one another and of its settings, found once all are compiled.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::dialog::{FlowId, FlowVersion, StepId};
use crate::flow::compiled::Link;
use crate::flow::config::newest;
use crate::flow::{
    Behaviour, CallFlow, CompiledFlow, CompiledKind, ConfigError, FlowDefinition, Problem,
    ProblemKind, StepKind, is_tag,
};

/// The zone in which the bot's flows tell the time.
pub(super) fn time_zone(behaviour: &Behaviour) -> Result<Tz, ConfigError> {
    let name = &behaviour.time_zone;
    name.parse().map_err(|_| ConfigError::BadSetting {
        setting: "time_zone",
        reason: format!("`{name}` is no time zone such as Europe/Kyiv"),
    })
}

/// Finds where steps lead into other flows, and says what isn't there of what they name. Each
/// problem comes with the place of its flow among `flows`. A flow of `definitions` that isn't
/// among them, as it doesn't compile, is known, and nothing leads into it.
pub(super) fn link(
    flows: &mut [CompiledFlow],
    by_version: &BTreeMap<(FlowId, FlowVersion), u16>,
    definitions: &[FlowDefinition],
    behaviour: &Behaviour,
) -> Vec<(usize, Problem)> {
    let known = Known::of(definitions);
    let entries: Vec<(u16, BTreeMap<StepId, u16>)> = flows
        .iter()
        .map(|flow| {
            let steps = (0_u16..).zip(&flow.steps);
            let names = steps.map(|(index, step)| (step.name.clone(), index));
            (flow.entry, names.collect())
        })
        .collect();
    let find = |link: &Link| -> Option<(u16, u16)> {
        let version = known.0.get(&link.flow)?.version;
        let flow = *by_version.get(&(link.flow.clone(), version))?;
        let (entry, names) = &entries[usize::from(flow)];
        let step = match &link.step {
            None => *entry,
            Some(step) => *names.get(step)?,
        };
        Some((flow, step))
    };
    let mut problems = Vec::new();
    for (place, flow) in flows.iter_mut().enumerate() {
        for step in &mut flow.steps {
            match &mut step.kind {
                CompiledKind::ChangeFlow(link) => link.to = find(link),
                CompiledKind::CallFlow(call) => call.link.to = find(&call.link),
                _ => {}
            }
        }
        let mut same = definitions.iter();
        let definition = same.find(|other| other.id == flow.id && other.version == flow.version);
        let dangling = definition.map(|definition| known.dangling(definition, behaviour));
        let dangling = dangling.into_iter().flatten();
        problems.extend(dangling.map(|problem| (place, problem)));
    }
    for place in 0..flows.len() {
        let is_newest = newest(by_version, &flows[place].id).map(usize::from) == Some(place);
        let problem = is_newest.then(|| calls(flows, place)).flatten();
        problems.extend(problem.map(|problem| (place, problem)));
    }
    // By flow, as each flow is reported by itself.
    problems.sort_by_key(|(place, _)| *place);
    problems
}

/// The newest edition of each flow of a bot, also of those that don't compile.
pub(super) struct Known<'a>(BTreeMap<&'a FlowId, &'a FlowDefinition>);

impl<'a> Known<'a> {
    pub(super) fn of(definitions: &'a [FlowDefinition]) -> Self {
        let mut known: BTreeMap<&FlowId, &FlowDefinition> = BTreeMap::new();
        for definition in definitions {
            let newest = known.entry(&definition.id).or_insert(definition);
            if definition.version > newest.version {
                *newest = definition;
            }
        }
        Self(known)
    }

    /// What a flow names and the bot doesn't have: flows, their steps, and tags.
    pub(super) fn dangling(
        &self,
        definition: &FlowDefinition,
        behaviour: &Behaviour,
    ) -> Vec<Problem> {
        let unknown = |tag: &str| ProblemKind::UnknownTag {
            tag: tag.to_owned(),
        };
        let mut problems = Vec::new();
        for step in &definition.steps {
            let mut problem = |at: &[&str], kind| {
                problems.push(Problem {
                    step: Some(step.name.clone()),
                    at: at.iter().map(ToString::to_string).collect(),
                    kind,
                });
            };
            match &step.kind {
                StepKind::ChangeFlow(change) => {
                    if let Some(kind) = self.missing(&change.flow, change.step.as_ref()) {
                        problem(&["change_flow"], kind);
                    }
                }
                StepKind::CallFlow(call) => {
                    if let Some(kind) = self.missing(&call.flow, None) {
                        problem(&["call_flow"], kind);
                    }
                }
                StepKind::Tags(tags) => {
                    for (list, tags) in [("add", &tags.add), ("remove", &tags.remove)] {
                        for (n, tag) in tags.iter().enumerate() {
                            if is_tag(tag) && !behaviour.knows_tag(tag) {
                                problem(&["tags", list, &n.to_string()], unknown(tag));
                            }
                        }
                    }
                }
                StepKind::Condition(branch) => {
                    for arm in &branch.arms {
                        for tag in arm.when.tags() {
                            if !behaviour.knows_tag(tag) {
                                problem(&["condition", &arm.name], unknown(tag));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        problems
    }

    /// What is missing of a flow and its step.
    pub(super) fn missing(&self, flow: &FlowId, step: Option<&StepId>) -> Option<ProblemKind> {
        let Some(definition) = self.0.get(flow) else {
            return Some(ProblemKind::UnknownFlow { flow: flow.clone() });
        };
        let step = step?;
        let is_there = definition.steps.iter().any(|other| other.name == *step);
        (!is_there).then(|| ProblemKind::UnknownStep {
            flow: flow.clone(),
            step: step.clone(),
        })
    }
}

impl Known<'_> {
    /// Whether the newest edition of any flow has a step of this name.
    pub(super) fn has_step(&self, step: &StepId) -> bool {
        let mut steps = self.0.values().flat_map(|flow| &flow.steps);
        steps.any(|other| other.name == *step)
    }
}

/// Whether the flows that a flow calls come back to it, or go on too deep.
fn calls(flows: &[CompiledFlow], start: usize) -> Option<Problem> {
    let mut path = vec![u16::try_from(start).ok()?];
    walk(flows, &mut path, &mut BTreeSet::new())
}

fn walk(
    flows: &[CompiledFlow],
    path: &mut Vec<u16>,
    done: &mut BTreeSet<(usize, u16)>,
) -> Option<Problem> {
    let here = *path.last()?;
    // What was looked at from this depth or deeper has no more to tell.
    if !done.insert((path.len(), here)) {
        return None;
    }
    for step in &flows[usize::from(here)].steps {
        let CompiledKind::CallFlow(call) = &step.kind else {
            continue;
        };
        let Some((to, _)) = call.link.to else {
            continue;
        };
        let problem = |kind| Problem {
            step: Some(step.name.clone()),
            at: vec!["call_flow".to_owned()],
            kind,
        };
        if let Some(at) = path.iter().position(|flow| *flow == to) {
            // Only the flow where the circle begins reports it.
            if at > 0 {
                continue;
            }
            let names = path.iter().chain([&to]);
            let names = names.map(|flow| flows[usize::from(*flow)].id.to_string());
            let circle = names.collect::<Vec<_>>().join(" → ");
            return Some(problem(ProblemKind::CallsItself { circle }));
        }
        if path.len() > CallFlow::DEPTH_MAX {
            return Some(problem(ProblemKind::CallsTooDeep {
                most: CallFlow::DEPTH_MAX,
            }));
        }
        path.push(to);
        let found = walk(flows, path, done);
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}
