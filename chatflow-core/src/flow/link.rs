//! What a bot's flows need of one another and of its settings, found once all are compiled.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::dialog::{ContactPatch, FlowId, FlowVersion, StepId};
use crate::flow::compile::Link;
use crate::flow::config::{Fault, newest};
use crate::flow::template::is_data_name;
use crate::flow::{
    Behaviour, CallFlow, CompiledFlow, CompiledKind, ConfigError, FlowDefinition, Problem,
    ProblemKind, is_tag,
};

/// The zone in which the bot's flows tell the time.
pub(super) fn time_zone(behaviour: &Behaviour) -> Result<Tz, ConfigError> {
    let name = &behaviour.time_zone;
    name.parse().map_err(|_| ConfigError::BadSetting {
        setting: "time_zone",
        reason: format!("`{name}` is no time zone such as Europe/Kyiv"),
    })
}

/// What is wrong with what a host or a file set.
pub(super) fn faults_of(behaviour: &Behaviour) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |setting: &'static str, name: Option<&str>, reason| {
        let at = [Some(setting), name].into_iter().flatten();
        let at = at.map(ToOwned::to_owned).collect();
        faults.push((at, ConfigError::BadSetting { setting, reason }));
    };
    if let Err(ConfigError::BadSetting { setting, reason }) = time_zone(behaviour) {
        fault(setting, None, reason);
    }
    for (n, tag) in behaviour.tags.iter().enumerate() {
        if !is_tag(tag) {
            let reason =
                format!("the tag {tag:?} is empty, longer than 64 bytes or has control characters");
            fault("tags", Some(&n.to_string()), reason);
        }
    }
    for (name, value) in &behaviour.variables {
        if !is_data_name(name) {
            fault("variables", Some(name), format!("`{name}` is no name"));
        } else if !value.is_storable() {
            let reason = format!("`{name}` is nested too deeply");
            fault("variables", Some(name), reason);
        }
    }
    faults
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
    let mut known: BTreeMap<&FlowId, &FlowDefinition> = BTreeMap::new();
    for definition in definitions {
        let newest = known.entry(&definition.id).or_insert(definition);
        if definition.version > newest.version {
            *newest = definition;
        }
    }
    let entries: Vec<(u16, BTreeMap<StepId, u16>)> = flows
        .iter()
        .map(|flow| {
            let steps = (0_u16..).zip(&flow.steps);
            let names = steps.map(|(index, step)| (step.name.clone(), index));
            (flow.entry, names.collect())
        })
        .collect();
    let find = |link: &Link| -> Result<Option<(u16, u16)>, ProblemKind> {
        let definition = known
            .get(&link.flow)
            .ok_or_else(|| ProblemKind::UnknownFlow {
                flow: link.flow.clone(),
            })?;
        let unknown = |step: &StepId| ProblemKind::UnknownStep {
            flow: link.flow.clone(),
            step: step.clone(),
        };
        let Some(&flow) = by_version.get(&(link.flow.clone(), definition.version)) else {
            return match &link.step {
                Some(step) if definition.steps.iter().all(|other| other.name != *step) => {
                    Err(unknown(step))
                }
                _ => Ok(None),
            };
        };
        let (entry, names) = &entries[usize::from(flow)];
        let step = match &link.step {
            None => *entry,
            Some(step) => *names.get(step).ok_or_else(|| unknown(step))?,
        };
        Ok(Some((flow, step)))
    };
    let mut problems = Vec::new();
    for (place, flow) in flows.iter_mut().enumerate() {
        for step in &mut flow.steps {
            let mut problem = |at: &[&str], kind| {
                let problem = Problem {
                    step: Some(step.name.clone()),
                    at: at.iter().map(ToString::to_string).collect(),
                    kind,
                };
                problems.push((place, problem));
            };
            match &mut step.kind {
                CompiledKind::ChangeFlow(link) => match find(link) {
                    Ok(to) => link.to = to,
                    Err(kind) => problem(&["change_flow"], kind),
                },
                CompiledKind::CallFlow(call) => match find(&call.link) {
                    Ok(to) => call.link.to = to,
                    Err(kind) => problem(&["call_flow"], kind),
                },
                CompiledKind::Tags(patches) => {
                    for patch in patches.iter() {
                        let (ContactPatch::AddTag(tag) | ContactPatch::RemoveTag(tag)) = patch
                        else {
                            continue;
                        };
                        if !behaviour.knows_tag(tag) {
                            problem(&["tags"], ProblemKind::UnknownTag { tag: tag.clone() });
                        }
                    }
                }
                CompiledKind::Condition(tests) => {
                    for tag in tests.iter().flat_map(|test| test.tags()) {
                        if !behaviour.knows_tag(tag) {
                            let tag = tag.to_owned();
                            problem(&["condition"], ProblemKind::UnknownTag { tag });
                        }
                    }
                }
                _ => {}
            }
        }
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
