//! From names to indices, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::dialog::{FlowId, FlowVersion, StepId, Text};
use crate::flow::condition::{CONDITION_DEPTH_MAX, Test};
use crate::flow::keywords::{Matcher, normalise};
use crate::flow::{
    Ask, AskKind, EXIT_GAVE_UP, EXIT_TIMEOUT, FinishStatus, FlowDefinition, Problem, ProblemKind,
    Router, SaveTo, Step, StepDefinition, StepKind, Template,
};

/// Most steps of one flow; a step's index is 16 bits.
const STEPS_MAX: usize = 10_000;

/// A flow ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CompiledFlow {
    pub(crate) id: FlowId,
    pub(crate) version: FlowVersion,
    pub(crate) entry: u16,
    pub(crate) steps: Vec<CompiledStep>,
    by_name: BTreeMap<StepId, u16>,
}

/// A step ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CompiledStep {
    pub(crate) name: StepId,
    pub(crate) kind: CompiledKind,
    /// Its exits in the order of [`StepKind::exits`], and where they lead.
    pub(crate) exits: Vec<(Box<str>, Option<u16>)>,
    pub(crate) finish: Option<FinishStatus>,
}

#[derive(Clone)]
pub(crate) enum CompiledKind {
    Send {
        text: Template,
        choices: Vec<Template>,
    },
    Ask(Box<CompiledAsk>),
    Keywords {
        matcher: Matcher,
        otherwise: Option<Template>,
        save: Option<SaveTo>,
    },
    Condition(Vec<Test>),
    Finish,
    Custom(Arc<dyn Step>),
    Router(Arc<dyn Router>),
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledAsk {
    pub(crate) question: Template,
    pub(crate) answer: Answer,
    pub(crate) retry: Option<Template>,
    pub(crate) retries: u32,
    pub(crate) save: Option<SaveTo>,
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Text,
    Number {
        least: i64,
        most: i64,
    },
    /// Normalised form and the text as the author wrote it.
    Choice(Vec<(String, Text)>),
}

impl std::fmt::Debug for CompiledKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Send { .. } => "Send",
            Self::Ask(_) => "Ask",
            Self::Keywords { .. } => "Keywords",
            Self::Condition(_) => "Condition",
            Self::Finish => "Finish",
            Self::Custom(_) => "Custom",
            Self::Router(_) => "Router",
        })
    }
}

/// Gathers problems while the good parts are compiled, so that all are reported at once.
struct Compiler<'a> {
    by_name: BTreeMap<StepId, u16>,
    problems: Vec<Problem>,
    step: Option<&'a StepId>,
}

impl CompiledFlow {
    pub(crate) fn step_named(&self, name: &StepId) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn compile(definition: &FlowDefinition) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler {
            by_name: BTreeMap::new(),
            problems: Vec::new(),
            step: None,
        };
        if !definition.id.is_valid() {
            compiler.problem(ProblemKind::BadName {
                name: definition.id.to_string(),
            });
        }
        match definition.steps.len() {
            0 => compiler.problem(ProblemKind::NoSteps),
            1..=STEPS_MAX => {}
            count => {
                compiler.problem(ProblemKind::TooManySteps { count });
                return Err(compiler.problems);
            }
        }
        for (index, step) in (0_u16..).zip(&definition.steps) {
            compiler.step = Some(&step.name);
            if !step.name.is_valid() {
                compiler.problem(ProblemKind::BadName {
                    name: step.name.to_string(),
                });
            }
            if compiler.by_name.insert(step.name.clone(), index).is_some() {
                compiler.problem(ProblemKind::DuplicateStep);
            }
        }
        compiler.step = None;
        let entry = compiler.by_name.get(&definition.entry).copied();
        if entry.is_none() {
            compiler.problem(ProblemKind::EntryMissing {
                entry: definition.entry.clone(),
            });
        }
        let last = definition.steps.len().saturating_sub(1);
        let steps = (0_u16..)
            .zip(&definition.steps)
            .filter_map(|(index, step)| {
                compiler.step = Some(&step.name);
                compiler.compile_step(step, (usize::from(index) < last).then(|| index + 1))
            })
            .collect();
        match (entry, compiler.problems.is_empty()) {
            (Some(entry), true) => Ok(Self {
                id: definition.id.clone(),
                version: definition.version,
                entry,
                steps,
                by_name: compiler.by_name,
            }),
            _ => Err(compiler.problems),
        }
    }
}

impl Compiler<'_> {
    fn problem(&mut self, kind: ProblemKind) {
        self.problems.push(Problem {
            step: self.step.cloned(),
            kind,
        });
    }

    fn compile_step(
        &mut self,
        step: &StepDefinition,
        following: Option<u16>,
    ) -> Option<CompiledStep> {
        let exits = self.exits(step, following);
        let kind = self.kind(&step.kind)?;
        let finish = match (&step.kind, step.finish) {
            (StepKind::Finish(finish), None) => Some(finish.status),
            (_, finish) => finish,
        };
        Some(CompiledStep {
            name: step.name.clone(),
            kind,
            exits,
            finish,
        })
    }

    fn exits(
        &mut self,
        step: &StepDefinition,
        following: Option<u16>,
    ) -> Vec<(Box<str>, Option<u16>)> {
        let names = step.kind.exits();
        let mut seen = BTreeSet::new();
        for name in &names {
            if !seen.insert(name) {
                self.problem(ProblemKind::DuplicateExit { exit: name.clone() });
            }
        }
        for (exit, to) in &step.exits {
            if !names.contains(exit) {
                let exits = names
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>();
                self.problem(ProblemKind::NoSuchExit {
                    exit: exit.clone(),
                    exits: exits.join(", "),
                });
            } else if !self.by_name.contains_key(to) {
                self.problem(ProblemKind::ExitToNowhere {
                    exit: exit.clone(),
                    to: to.clone(),
                });
            }
        }
        names
            .into_iter()
            .map(|name| {
                let to = match step.exits.get(&name) {
                    Some(to) => self.by_name.get(to).copied(),
                    // A question nobody answered goes to a person, not to the next step.
                    None if matches!(step.kind, StepKind::Ask(_))
                        && (name == EXIT_GAVE_UP || name == EXIT_TIMEOUT) =>
                    {
                        None
                    }
                    None => following,
                };
                (name.into_boxed_str(), to)
            })
            .collect()
    }

    fn kind(&mut self, kind: &StepKind) -> Option<CompiledKind> {
        Some(match kind {
            StepKind::Send(send) => {
                let choices = send
                    .choices
                    .iter()
                    .map(|choice| self.template(choice))
                    .collect::<Vec<_>>();
                CompiledKind::Send {
                    text: self.template(&send.text)?,
                    choices: choices.into_iter().collect::<Option<_>>()?,
                }
            }
            StepKind::Ask(ask) => CompiledKind::Ask(Box::new(self.ask(ask)?)),
            StepKind::Keywords(router) => {
                if router.routes.iter().all(|route| route.keywords.is_empty()) {
                    self.problem(ProblemKind::NoChoices);
                }
                for word in router.routes.iter().flat_map(|route| &route.keywords) {
                    if normalise(word).trim().is_empty() {
                        self.problem(ProblemKind::BadWord { word: word.clone() });
                    }
                }
                let keywords = (0_u16..).zip(&router.routes).flat_map(|(index, route)| {
                    route
                        .keywords
                        .iter()
                        .map(move |keyword| (keyword.as_str(), index))
                });
                let matcher = Matcher::new(keywords, router.matching);
                if matcher.is_none() {
                    self.problem(ProblemKind::TooManyKeywords);
                }
                let otherwise = router.otherwise.as_ref().map(|text| self.template(text));
                CompiledKind::Keywords {
                    matcher: matcher?,
                    otherwise: otherwise.map_or(Some(None), |template| template.map(Some))?,
                    save: router.save.clone(),
                }
            }
            StepKind::Condition(branch) => {
                if branch.arms.is_empty() {
                    self.problem(ProblemKind::NoChoices);
                }
                let mut tests = Vec::with_capacity(branch.arms.len());
                for arm in &branch.arms {
                    // Before anything walks down into it.
                    if arm.when.depth() > CONDITION_DEPTH_MAX {
                        self.problem(ProblemKind::TooDeep);
                        continue;
                    }
                    match arm.when.compile() {
                        Ok(test) => tests.push(test),
                        Err(kind) => self.problem(kind),
                    }
                }
                CompiledKind::Condition(tests)
            }
            StepKind::Finish(_) => CompiledKind::Finish,
            StepKind::Custom(custom) => match &custom.step {
                Some(step) => CompiledKind::Custom(Arc::clone(step)),
                None => {
                    self.problem(ProblemKind::CodeMissing(custom.code.clone()));
                    return None;
                }
            },
            StepKind::Router(custom) => match &custom.router {
                Some(router) => CompiledKind::Router(Arc::clone(router)),
                None => {
                    self.problem(ProblemKind::CodeMissing(custom.code.clone()));
                    return None;
                }
            },
        })
    }

    fn ask(&mut self, ask: &Ask) -> Option<CompiledAsk> {
        let answer = match &ask.answer {
            AskKind::Text => Answer::Text,
            &AskKind::Number { least, most } => {
                if least > most {
                    self.problem(ProblemKind::EmptyRange { least, most });
                }
                Answer::Number { least, most }
            }
            AskKind::Choice(choices) => {
                if choices.is_empty() {
                    self.problem(ProblemKind::NoChoices);
                }
                let mut known = BTreeSet::new();
                let mut words = Vec::with_capacity(choices.len());
                for choice in choices {
                    let word = normalise(choice);
                    if word.trim().is_empty() || !known.insert(word.clone()) {
                        self.problem(ProblemKind::BadWord {
                            word: choice.clone(),
                        });
                    }
                    words.push((word, Text::from(choice.as_str())));
                }
                Answer::Choice(words)
            }
        };
        let retry = match &ask.retry {
            Some(retry) => Some(self.template(retry)?),
            None => None,
        };
        Some(CompiledAsk {
            question: self.template(&ask.question)?,
            answer,
            retry,
            retries: ask.retries,
            save: ask.save.clone(),
            timeout: ask.timeout_ms.map(Duration::from_millis),
        })
    }

    fn template(&mut self, source: &str) -> Option<Template> {
        match Template::parse(source) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(error.into());
                None
            }
        }
    }
}
