//! From names to indices, once.

mod outside;
mod rules;
mod speech;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) use rules::Rules;

use crate::dialog::{ContactPatch, StepId, TranslateTo, Value};
use crate::flow::answer::{Answer, Choice};
use crate::flow::compiled::{
    CompiledAsk, CompiledCall, CompiledDelay, CompiledFlow, CompiledKind, CompiledSend,
    CompiledSource, CompiledStep, Link,
};
use crate::flow::condition::CONDITION_DEPTH_MAX;
use crate::flow::definition::Lead;
use crate::flow::keywords::{Matcher, normalise};
use crate::flow::kinds::{Assignment, KeywordRoute, Source};
use crate::flow::pattern;
use crate::flow::template::is_data_name;
use crate::flow::texts::CompiledTexts;
use crate::flow::{
    Ask, AskKind, Branch, CallFlow, ChangeTags, EXIT_NEXT, EXIT_TIMEOUT, FlowDefinition,
    KeywordRouter, Membership, Problem, ProblemKind, SaveTo, Split, StepDefinition, StepKind,
    Template, Texts, Upgrade,
};

/// Most steps of one flow; a step's index is 16 bits.
const STEPS_MAX: usize = 10_000;

/// Gathers problems while the good parts are compiled, so that all are reported at once.
struct Compiler<'a> {
    by_name: BTreeMap<StepId, u16>,
    problems: Vec<Problem>,
    step: Option<&'a StepId>,
    /// The language of texts that name none.
    language: Option<&'a str>,
}

impl CompiledFlow {
    pub(crate) fn step_named(&self, name: &StepId) -> Option<u16> {
        self.by_name.get(name).copied()
    }

    /// Compiles a flow by itself. `language` is the bot's.
    pub(crate) fn compile(
        definition: &FlowDefinition,
        language: Option<&str>,
    ) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler {
            by_name: BTreeMap::new(),
            problems: Vec::new(),
            step: None,
            language: definition.language.as_deref().or(language),
        };
        if !definition.id.is_valid() {
            let name = definition.id.to_string();
            compiler.problem(&["flow"], ProblemKind::BadName { name });
        }
        for (n, input) in definition.inputs.iter().enumerate() {
            if !is_data_name(input) {
                let name = input.clone();
                compiler.problem(&["inputs", &n.to_string()], ProblemKind::BadPath { name });
            }
        }
        match definition.steps.len() {
            0 => compiler.problem(&["steps"], ProblemKind::NoSteps),
            1..=STEPS_MAX => {}
            count => {
                compiler.problem(&["steps"], ProblemKind::TooManySteps { count });
                return Err(compiler.problems);
            }
        }
        for (index, step) in (0_u16..).zip(&definition.steps) {
            compiler.step = Some(&step.name);
            if !step.name.is_valid() {
                let name = step.name.to_string();
                compiler.problem(&[], ProblemKind::BadName { name });
            }
            if compiler.by_name.insert(step.name.clone(), index).is_some() {
                compiler.problem(&[], ProblemKind::DuplicateStep);
            }
        }
        compiler.step = None;
        let entry = compiler.by_name.get(&definition.entry).copied();
        if entry.is_none() && !definition.steps.is_empty() {
            let entry = definition.entry.clone();
            compiler.problem(&["entry"], ProblemKind::EntryMissing { entry });
        }
        if let Upgrade::Remap(steps) = &definition.upgrade {
            for (old, new) in steps {
                if !compiler.by_name.contains_key(new) {
                    let (old, new) = (old.clone(), new.clone());
                    let at = ["upgrade", "remap", old.as_str()].map(ToOwned::to_owned);
                    compiler.problems.push(Problem {
                        step: None,
                        at: at.to_vec(),
                        kind: ProblemKind::RemapToNowhere { old, new },
                    });
                }
            }
        }
        // Counted before any is compiled, since each may take a megabyte.
        let count = patterns(&definition.steps);
        if count > pattern::PATTERNS_MAX {
            compiler.problem(&["steps"], ProblemKind::TooManyPatterns { count });
            return Err(compiler.problems);
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
                upgrade: definition.upgrade.clone(),
                by_name: compiler.by_name,
            }),
            _ => Err(compiler.problems),
        }
    }
}

impl Compiler<'_> {
    fn problem(&mut self, at: &[&str], kind: ProblemKind) {
        self.problems.push(Problem {
            step: self.step.cloned(),
            at: at.iter().map(|&part| part.to_owned()).collect(),
            kind,
        });
    }

    fn compile_step(
        &mut self,
        step: &StepDefinition,
        following: Option<u16>,
    ) -> Option<CompiledStep> {
        let exits = self.exits(step, following);
        let finish = step.status();
        if let Some(timeout) = step.timeout {
            if !step.may_time_out() {
                self.problem(&["timeout"], ProblemKind::NeverWaits);
            }
            if timeout.is_zero() {
                self.problem(&["timeout"], ProblemKind::NoTime);
            }
        }
        if let Some(after) = step.answer_after {
            if !matches!(step.kind, StepKind::Send(_)) {
                self.problem(&["answer_after"], ProblemKind::AnswersNothing);
            }
            if after.is_zero() {
                self.problem(&["answer_after"], ProblemKind::NoTime);
            }
        }
        if !step.pushes.is_empty() && !step.may_push() {
            self.problem(&["pushes"], ProblemKind::NeverSilent);
        }
        let pushes = self.pushes(&step.pushes);
        let mut kind = self.kind(&step.kind)?;
        if let CompiledKind::Send(send) = &mut kind {
            send.answer_after = step.answer_after.map(Duration::from);
        }
        Some(CompiledStep {
            name: step.name.clone(),
            kind,
            exits,
            timeout: step.timeout.map(Duration::from),
            finish,
            pushes: pushes?,
        })
    }

    fn exits(
        &mut self,
        step: &StepDefinition,
        following: Option<u16>,
    ) -> Vec<(Box<str>, Option<u16>)> {
        let names = step.exit_names();
        let mut seen = BTreeSet::new();
        for name in &names {
            if !seen.insert(name) || is_taken(step, name) {
                let exit = name.clone();
                self.problem(&[step.kind.key()], ProblemKind::DuplicateExit { exit });
            }
        }
        for (exit, to) in &step.exits {
            // In a file `next: here` has no exit of its own to point at.
            let at: &[&str] = match exit.as_str() {
                EXIT_NEXT if step.exits.len() == 1 => &["next"],
                exit => &["next", exit],
            };
            if !names.contains(exit) {
                let exits = match names.as_slice() {
                    [] => "none".to_owned(),
                    names => {
                        let names = names.iter().map(|name| format!("`{name}`"));
                        names.collect::<Vec<_>>().join(", ")
                    }
                };
                let exit = exit.clone();
                self.problem(at, ProblemKind::NoSuchExit { exit, exits });
            } else if !self.by_name.contains_key(to) {
                let (exit, to) = (exit.clone(), to.clone());
                self.problem(at, ProblemKind::ExitToNowhere { exit, to });
            }
        }
        names
            .into_iter()
            .map(|name| {
                let find = |step: &StepId| self.by_name.get(step).copied();
                let to = match step.lead(&name, |step| self.by_name.contains_key(step)) {
                    Lead::Named(to) => find(to),
                    Lead::OwnName => find(&StepId::from(name.as_str())),
                    Lead::Following => following,
                    Lead::Person => None,
                };
                (name.into_boxed_str(), to)
            })
            .collect()
    }

    fn kind(&mut self, kind: &StepKind) -> Option<CompiledKind> {
        Some(match kind {
            StepKind::Send(send) => CompiledKind::Send(CompiledSend {
                items: self.items(&["send"], send)?,
                answer_after: None,
            }),
            StepKind::Ask(ask) => CompiledKind::Ask(Box::new(self.ask(ask)?)),
            StepKind::Keywords(router) => self.keywords(router)?,
            StepKind::Condition(branch) => self.condition(branch),
            StepKind::Split(split) => self.split(split),
            StepKind::Membership(membership) => {
                let port = membership.port.as_deref().unwrap_or(Membership::PORT);
                let channel = membership.channel.as_str();
                if port.trim().is_empty() || channel.trim().is_empty() {
                    self.problem(&["membership"], ProblemKind::NoChoices);
                }
                CompiledKind::Membership {
                    port: port.to_owned(),
                    channel: channel.to_owned(),
                }
            }
            StepKind::Tags(tags) => self.tags(tags),
            StepKind::Set(set) => {
                if set.values.is_empty() {
                    self.problem(&["set"], ProblemKind::NoChoices);
                }
                let values = set.values.iter().map(|Assignment { to, source }| {
                    let at = ["set", &to.to_string()];
                    self.save_to(&at, Some(to));
                    Some((to.clone(), self.source(&at, source)?))
                });
                let values: Vec<_> = values.collect();
                CompiledKind::Set(values.into_iter().collect::<Option<_>>()?)
            }
            StepKind::ChangeFlow(change) => CompiledKind::ChangeFlow(Link {
                flow: change.flow.clone(),
                step: change.step.clone(),
                to: None,
            }),
            StepKind::CallFlow(call) => self.call_flow(call)?,
            StepKind::Delay(delay) => {
                if delay.period.is_zero() && delay.until.is_none() {
                    self.problem(&["delay"], ProblemKind::NoTime);
                }
                CompiledKind::Delay(CompiledDelay {
                    period: delay.period.into(),
                    until: delay.until,
                    during: delay.during,
                })
            }
            StepKind::AiRoute(route) => self.ai_route(route)?,
            StepKind::AiReply(reply) => CompiledKind::AiReply {
                ai: Box::new(self.ai("ai_reply", reply.words())?),
                reply_time: reply.reply_time.map(Duration::from),
            },
            StepKind::Webhook(webhook) => self.webhook(webhook)?,
            StepKind::Track(track) => self.track(track)?,
            StepKind::Assign(assign) => {
                if !assign.operator.is_valid() {
                    let name = assign.operator.to_string();
                    self.problem(&["assign"], ProblemKind::BadName { name });
                }
                CompiledKind::Assign(assign.operator.clone())
            }
            StepKind::Queue(queue) => {
                if !queue.queue.is_valid() {
                    let name = queue.queue.to_string();
                    self.problem(&["queue"], ProblemKind::BadName { name });
                }
                CompiledKind::Queue(queue.queue.clone())
            }
            StepKind::Translate(to) => {
                if matches!(to, TranslateTo::Language(language) if language.trim().is_empty()) {
                    self.problem(&["translate"], ProblemKind::Blank { what: "language" });
                }
                CompiledKind::Translate(to.clone())
            }
            StepKind::ExternalBot(bot) => CompiledKind::ExternalBot {
                port: self.port("external_bot", Some(&bot.port), ""),
            },
            StepKind::Finish(_) => CompiledKind::Finish,
            StepKind::Custom(custom) => match &custom.step {
                Some(step) => CompiledKind::Custom(Arc::clone(step)),
                None => {
                    self.problem(&["custom"], ProblemKind::CodeMissing(custom.code.clone()));
                    return None;
                }
            },
            StepKind::Router(custom) => match &custom.router {
                Some(router) => CompiledKind::Router(Arc::clone(router)),
                None => {
                    self.problem(&["router"], ProblemKind::CodeMissing(custom.code.clone()));
                    return None;
                }
            },
        })
    }

    fn ask(&mut self, ask: &Ask) -> Option<CompiledAsk> {
        let answer = self.answer(&ask.answer);
        let retry = ask
            .retry
            .as_ref()
            .map(|retry| self.texts(&["ask", "retry"], retry));
        self.save_to(&["ask", "save"], ask.save.as_ref());
        let question = self.texts(&["ask", "question"], &ask.question);
        Some(CompiledAsk {
            question: question?,
            answer: answer?,
            retry: retry.map_or(Some(None), |retry| retry.map(Some))?,
            retries: ask.retries,
            save: ask.save.clone(),
        })
    }

    fn answer(&mut self, kind: &AskKind) -> Option<Answer> {
        Some(match kind {
            AskKind::Text => Answer::Text,
            AskKind::Number => Answer::Number,
            &AskKind::Range { from, to } => {
                if from > to {
                    let (least, most) = (from, to);
                    let kind = ProblemKind::EmptyRange { least, most };
                    self.problem(&["ask", "answer"], kind);
                }
                Answer::Range { from, to }
            }
            AskKind::Email => Answer::Email,
            AskKind::Phone => Answer::Phone,
            AskKind::Date => Answer::Date,
            AskKind::Regex(pattern) => match pattern::compile(pattern) {
                Ok(pattern) => Answer::Regex(pattern),
                Err(reason) => {
                    self.problem(&["ask", "answer"], ProblemKind::BadPattern { reason });
                    return None;
                }
            },
            AskKind::Choice(choices) => {
                if choices.is_empty() {
                    self.problem(&["ask", "choices"], ProblemKind::NoChoices);
                }
                let mut known = BTreeMap::new();
                let mut offered = Vec::with_capacity(choices.len());
                for (n, choice) in choices.iter().enumerate() {
                    let mut words = Vec::new();
                    for (_, text) in choice.each() {
                        let word = normalise(text);
                        if word.trim().is_empty() || *known.entry(word.clone()).or_insert(n) != n {
                            let word = text.to_owned();
                            let at = ["ask", "choices", &n.to_string()];
                            self.problem(&at, ProblemKind::BadWord { word });
                        }
                        words.push(word);
                    }
                    offered.push(Choice::new(words, choice, self.language));
                }
                Answer::Choice(offered)
            }
        })
    }

    fn keywords(&mut self, router: &KeywordRouter) -> Option<CompiledKind> {
        let is_empty =
            |route: &KeywordRoute| route.keywords.is_empty() && route.patterns.is_empty();
        if router.routes.iter().all(is_empty) {
            self.problem(&["keywords", "routes"], ProblemKind::NoChoices);
        }
        let mut is_good = true;
        for route in &router.routes {
            let at = ["keywords", "routes", &route.name];
            for word in &route.keywords {
                if normalise(word).trim().is_empty() {
                    self.problem(&at, ProblemKind::BadWord { word: word.clone() });
                }
            }
            for (n, source) in route.patterns.iter().enumerate() {
                if let Err(reason) = pattern::compile(source) {
                    let n = n.to_string();
                    let at = joined(&at, &["patterns", &n]);
                    self.problem(&at, ProblemKind::BadPattern { reason });
                    is_good = false;
                }
            }
        }
        let matcher = is_good.then(|| Matcher::new(&router.routes, router.matching));
        if let Some(None) = matcher {
            self.problem(&["keywords", "routes"], ProblemKind::TooManyKeywords);
        }
        self.save_to(&["keywords", "save"], router.save.as_ref());
        let retry = router
            .retry
            .as_ref()
            .map(|text| self.texts(&["keywords", "retry"], text));
        Some(CompiledKind::Keywords {
            matcher: matcher??,
            retry: retry.map_or(Some(None), |retry| retry.map(Some))?,
            save: router.save.clone(),
        })
    }

    fn condition(&mut self, branch: &Branch) -> CompiledKind {
        if branch.arms.is_empty() {
            self.problem(&["condition"], ProblemKind::NoChoices);
        }
        let mut tests = Vec::with_capacity(branch.arms.len());
        for arm in &branch.arms {
            let at = ["condition", &arm.name];
            // Before anything walks down into it.
            if arm.when.depth() > CONDITION_DEPTH_MAX {
                self.problem(&at, ProblemKind::TooDeep);
                continue;
            }
            match arm.when.compile() {
                Ok(test) => tests.push(test),
                Err(kind) => self.problem(&at, kind),
            }
        }
        CompiledKind::Condition(tests)
    }

    fn split(&mut self, split: &Split) -> CompiledKind {
        let sum: u64 = split.arms.iter().map(|(_, share)| u64::from(*share)).sum();
        if split.arms.is_empty() {
            self.problem(&["split"], ProblemKind::NoChoices);
        } else if sum != u64::from(Split::WHOLE) {
            self.problem(&["split"], ProblemKind::WeightSum { sum });
        }
        for (arm, share) in &split.arms {
            if *share == 0 {
                let kind = ProblemKind::NoShare { arm: arm.clone() };
                self.problem(&["split", arm], kind);
            }
        }
        CompiledKind::Split(split.arms.iter().map(|(_, share)| *share).collect())
    }

    fn tags(&mut self, tags: &ChangeTags) -> CompiledKind {
        if tags.add.is_empty() && tags.remove.is_empty() {
            self.problem(&["tags"], ProblemKind::NoChoices);
        }
        for (list, tags) in [("add", &tags.add), ("remove", &tags.remove)] {
            for (n, tag) in tags.iter().enumerate() {
                if !is_tag(tag) {
                    let tag = tag.clone();
                    let at = ["tags", list, &n.to_string()];
                    self.problem(&at, ProblemKind::BadTag { tag });
                }
            }
        }
        let add = tags.add.iter().cloned().map(ContactPatch::AddTag);
        let remove = tags.remove.iter().cloned().map(ContactPatch::RemoveTag);
        CompiledKind::Tags(remove.chain(add).collect())
    }

    fn call_flow(&mut self, call: &CallFlow) -> Option<CompiledKind> {
        let inputs = call.inputs.iter().map(|(name, source)| {
            let at = ["call_flow", "inputs", name];
            self.save_to(&at, Some(&SaveTo::Data(name.clone())));
            Some((name.clone(), self.source(&at, source)?))
        });
        let inputs: Vec<_> = inputs.collect();
        for (ours, theirs) in &call.results {
            for name in [ours, theirs] {
                let at = ["call_flow", "results", ours];
                self.save_to(&at, Some(&SaveTo::Data(name.clone())));
            }
        }
        let results = call.results.iter();
        Some(CompiledKind::CallFlow(Box::new(CompiledCall {
            link: Link {
                flow: call.flow.clone(),
                step: None,
                to: None,
            },
            inputs: inputs.into_iter().collect::<Option<_>>()?,
            results: results
                .map(|(ours, theirs)| (ours.clone(), theirs.clone()))
                .collect(),
        })))
    }

    /// A name under which a value is kept must be one by which it can be read.
    fn save_to(&mut self, at: &[&str], to: Option<&SaveTo>) {
        let (Some(SaveTo::Data(name)) | Some(SaveTo::Field(name))) = to else {
            return;
        };
        if !is_data_name(name) {
            let name = name.clone();
            self.problem(at, ProblemKind::BadPath { name });
        }
    }

    fn source(&mut self, at: &[&str], source: &Source) -> Option<CompiledSource> {
        match &source.0 {
            Value::Text(text) => match Template::parse(text.as_str()) {
                Ok(template) => Some(CompiledSource::Template(template)),
                Err(error) => {
                    self.problem(at, error.into());
                    None
                }
            },
            value => Some(CompiledSource::Value(value.clone())),
        }
    }

    fn texts(&mut self, at: &[&str], texts: &Texts) -> Option<CompiledTexts> {
        match CompiledTexts::compile(texts, self.language) {
            Ok(texts) => Some(texts),
            Err(errors) => {
                for (language, error) in errors {
                    let language: Vec<&str> = language.as_deref().into_iter().collect();
                    self.problem(&joined(at, &language), error.into());
                }
                None
            }
        }
    }
}

/// Whether an author's exit has the name of the one that a time-out leaves by.
fn is_taken(step: &StepDefinition, exit: &str) -> bool {
    exit == EXIT_TIMEOUT && step.timeout.is_none() && !step.kind.always_times_out()
}

/// How many regular expressions the steps have.
fn patterns(steps: &[StepDefinition]) -> usize {
    let of_step = |step: &StepDefinition| match &step.kind {
        StepKind::Ask(ask) => usize::from(matches!(ask.answer, AskKind::Regex(_))),
        StepKind::Keywords(router) => router.routes.iter().map(|route| route.patterns.len()).sum(),
        _ => 0,
    };
    steps.iter().map(of_step).sum()
}

fn joined<'a>(at: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    at.iter().chain(more).copied().collect()
}

/// Whether a tag can be kept on a contact.
pub(crate) fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= 64 && !tag.chars().any(char::is_control)
}
