//! What a bot's flows need of one another and of its settings, found once all are compiled.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::dialog::{ContactPatch, FlowId, FlowVersion, StepId};
use crate::flow::compile::Link;
use crate::flow::config::newest;
use crate::flow::template::is_data_name;
use crate::flow::{
    Behaviour, CallFlow, CompiledFlow, CompiledKind, ConfigError, FlowDefinition, FlowError,
    Problem, ProblemKind, is_tag,
};

/// The zone in which the bot's flows tell the time.
pub(super) fn time_zone(behaviour: &Behaviour) -> Result<Tz, ConfigError> {
    let name = &behaviour.time_zone;
    name.parse().map_err(|_| ConfigError::BadSetting {
        setting: "time_zone",
        reason: format!("`{name}` is no time zone such as Europe/Kyiv"),
    })
}

/// Whether what a host or a file set can be used.
pub(super) fn check_behaviour(behaviour: &Behaviour) -> Result<(), ConfigError> {
    let refused = |setting, reason| Err(ConfigError::BadSetting { setting, reason });
    if let Some(tag) = behaviour.tags.iter().find(|tag| !is_tag(tag)) {
        let reason =
            format!("the tag {tag:?} is empty, longer than 64 bytes or has control characters");
        return refused("tags", reason);
    }
    for (name, value) in &behaviour.variables {
        if !is_data_name(name) {
            return refused("variables", format!("`{name}` is no name"));
        }
        if !value.is_storable() {
            return refused("variables", format!("`{name}` is nested too deeply"));
        }
    }
    Ok(())
}

/// Where steps lead into other flows, and whether what they name is there.
pub(super) fn link(
    flows: &mut [CompiledFlow],
    by_version: &BTreeMap<(FlowId, FlowVersion), u16>,
    definitions: &[FlowDefinition],
    behaviour: &Behaviour,
) -> Result<(), ConfigError> {
    let entries: Vec<(u16, BTreeMap<StepId, u16>)> = flows
        .iter()
        .map(|flow| {
            let steps = (0_u16..).zip(&flow.steps);
            let names = steps.map(|(index, step)| (step.name.clone(), index));
            (flow.entry, names.collect())
        })
        .collect();
    let find = |link: &Link| -> Result<(u16, u16), ProblemKind> {
        let flow = newest(by_version, &link.flow).ok_or_else(|| ProblemKind::UnknownFlow {
            flow: link.flow.clone(),
        })?;
        let (entry, names) = &entries[usize::from(flow)];
        let step = match &link.step {
            None => *entry,
            Some(step) => *names.get(step).ok_or_else(|| ProblemKind::UnknownStep {
                flow: link.flow.clone(),
                step: step.clone(),
            })?,
        };
        Ok((flow, step))
    };
    for (flow, definition) in flows.iter_mut().zip(definitions) {
        let mut problems = Vec::new();
        for step in &mut flow.steps {
            let mut problem = |at: &[&str], kind| {
                problems.push(Problem {
                    step: Some(step.name.clone()),
                    at: at.iter().map(ToString::to_string).collect(),
                    kind,
                });
            };
            match &mut step.kind {
                CompiledKind::ChangeFlow(link) => match find(link) {
                    Ok(to) => link.to = Some(to),
                    Err(kind) => problem(&["change_flow"], kind),
                },
                CompiledKind::CallFlow(call) => match find(&call.link) {
                    Ok(to) => call.link.to = Some(to),
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
        if !problems.is_empty() {
            return Err(FlowError::new(definition.id.clone(), problems).into());
        }
    }
    for definition in definitions {
        if let Some(problem) = calls(flows, by_version, &definition.id) {
            return Err(FlowError::new(definition.id.clone(), vec![problem]).into());
        }
    }
    Ok(())
}

/// Whether the flows that a flow calls come back to it, or go on too deep.
fn calls(
    flows: &[CompiledFlow],
    by_version: &BTreeMap<(FlowId, FlowVersion), u16>,
    start: &FlowId,
) -> Option<Problem> {
    let start = newest(by_version, start)?;
    let mut path = vec![start];
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
