//! All flows of a bot compiled and linked, as far as they can be.

use std::collections::BTreeMap;

use crate::dialog::{FlowId, FlowVersion};
use crate::flow::check::{Found, reminders};
use crate::flow::config::{ConfigError, faults_of_names, newest};
use crate::flow::{Bot, CompiledFlow, FlowDefinition, Problem, ProblemKind, faults, link};

/// The flows that compile, and what is wrong with the settings.
pub(super) struct Gathered<'a> {
    pub(super) flows: Vec<CompiledFlow>,
    /// The definition of each, and its place in the bot.
    pub(super) definitions: Vec<(usize, &'a FlowDefinition)>,
    pub(super) settings: Vec<Problem>,
}

impl<'a> Gathered<'a> {
    pub(super) fn of(bot: &'a Bot, found: &mut Found) -> Self {
        let behaviour = &bot.settings.behaviour;
        let mut flows = Vec::new();
        let mut definitions = Vec::new();
        let mut by_version: BTreeMap<(FlowId, FlowVersion), u16> = BTreeMap::new();
        let known = link::Known::of(&bot.flows);
        let mut seen = BTreeMap::new();
        for (place, definition) in bot.flows.iter().enumerate() {
            let version = definition.version;
            let key = (definition.id.clone(), version);
            let is_second = seen.insert(key.clone(), 0_u16).is_some();
            if is_second {
                let kind = ProblemKind::DuplicateFlow { version };
                found.add(place, None, &["version"], kind);
            }
            match CompiledFlow::compile(definition, behaviour.language.as_deref()) {
                Ok(flow) if !is_second => {
                    let Ok(index) = u16::try_from(flows.len()) else {
                        found.add(place, None, &[], ProblemKind::TooManyFlows);
                        break;
                    };
                    by_version.insert(key, index);
                    flows.push(flow);
                    definitions.push((place, definition));
                }
                Ok(_) => {}
                Err(problems) => {
                    // What it names is looked for all the same.
                    let dangling = known.dangling(definition, behaviour);
                    let problems = problems.into_iter().chain(dangling);
                    found.0.extend(problems.map(|problem| (place, problem)));
                }
            }
        }
        let problems = link::link(&mut flows, &by_version, &bot.flows, behaviour);
        let places = |(flow, problem): (usize, _)| (definitions[flow].0, problem);
        found.0.extend(problems.into_iter().map(places));
        let mut settings = Vec::new();
        let faults = faults_of_names(&bot.settings);
        let of_behaviour = faults::faults_of(behaviour, &bot.flows);
        for (at, error) in faults.into_iter().chain(of_behaviour) {
            let kind = match error {
                ConfigError::BadName { name, .. } => ProblemKind::BadName { name },
                ConfigError::BadStatus { label, reason } => {
                    ProblemKind::BadStatus { label, reason }
                }
                error => ProblemKind::BadSetting {
                    reason: error.to_string(),
                },
            };
            let step = None;
            settings.push(Problem { step, at, kind });
        }
        settings.extend(reminders::check(bot));
        for (at, reason) in faults::idle(behaviour, &bot.flows) {
            let (step, kind) = (None, ProblemKind::IdleSetting { reason });
            settings.push(Problem { step, at, kind });
        }
        if newest(&seen, &bot.settings.entry).is_none() {
            let flow = bot.settings.entry.clone();
            settings.push(Problem {
                step: None,
                at: vec!["entry".to_owned()],
                kind: ProblemKind::UnknownFlow { flow },
            });
        }
        Self {
            flows,
            definitions,
            settings,
        }
    }
}
