//! What is wrong with how a bot is to behave.

use std::collections::BTreeSet;

use crate::dialog::{OperatorId, StepTarget};
use crate::flow::compile::Rules;
use crate::flow::config::Fault;
use crate::flow::link::{Known, time_zone};
use crate::flow::template::is_data_name;
use crate::flow::{
    Amount, Behaviour, ConfigError, FlowDefinition, MediaRule, Memory, StepKind, is_tag,
};

/// Faults as they are found.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    /// `at`: the setting, and the names that lead from there.
    fn add(&mut self, setting: &'static str, at: &[&str], reason: impl Into<String>) {
        let path = std::iter::once(setting).chain(at.iter().copied());
        let path = path.map(ToOwned::to_owned).collect();
        let reason = reason.into();
        let error = ConfigError::BadSetting { setting, reason };
        self.0.push((path, error));
    }
}

/// What is wrong with what a host or a file set.
pub(super) fn faults_of(behaviour: &Behaviour, flows: &[FlowDefinition]) -> Vec<Fault> {
    let mut faults = Faults::default();
    if let Err(ConfigError::BadSetting { setting, reason }) = time_zone(behaviour) {
        faults.add(setting, &[], reason);
    }
    for tag in &behaviour.tags {
        if !is_tag(tag) {
            let reason =
                format!("the tag {tag:?} is empty, longer than 64 bytes or has control characters");
            faults.add("tags", &[], reason);
        }
    }
    for (name, value) in &behaviour.variables {
        if !is_data_name(name) {
            faults.add("variables", &[name], format!("`{name}` is no name"));
        } else if !value.is_storable() {
            let reason = format!("`{name}` is nested too deeply");
            faults.add("variables", &[name], reason);
        }
    }
    of_speech(behaviour, &mut faults);
    of_models(behaviour, &mut faults);
    of_rules(behaviour, flows, &mut faults);
    faults.0
}

/// Of when, how fast and in which language it speaks.
fn of_speech(behaviour: &Behaviour, faults: &mut Faults) {
    let typing = behaviour.typing.as_ref();
    if typing.is_some_and(|typing| typing.characters_per_second == 0) {
        let reason = "at no character a second nothing is ever typed";
        faults.add("typing", &["characters_per_second"], reason);
    }
    let quiet = behaviour.quiet_hours.as_ref();
    if quiet.is_some_and(|quiet| quiet.from == quiet.to) {
        let reason = "it is over when it begins; say another `to`";
        faults.add("quiet_hours", &["to"], reason);
    }
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    if is_blank(&behaviour.language) {
        faults.add("language", &[], "it is empty");
    }
    if is_blank(&behaviour.recogniser) {
        faults.add("recogniser", &[], "it is empty");
    }
    if let Some(translation) = &behaviour.translation {
        if translation.ours.trim().is_empty() {
            faults.add("translation", &["ours"], "the language is empty");
        }
        if is_blank(&translation.theirs) {
            faults.add("translation", &["theirs"], "the language is empty");
        }
    }
}

fn of_models(behaviour: &Behaviour, faults: &mut Faults) {
    let ai = &behaviour.ai;
    if ai
        .model
        .as_ref()
        .is_some_and(|model| model.trim().is_empty())
    {
        faults.add("ai", &["model"], "the model's name is empty");
    }
    if ai.memory.0 > Memory::MAX {
        let reason = format!(
            "a model is shown at most {} messages, not {}",
            Memory::MAX,
            ai.memory.0
        );
        faults.add("ai", &["memory"], reason);
    }
    let budgets = [("budget", ai.budget), ("dialog_budget", ai.dialog_budget)];
    for (name, budget) in budgets {
        of_amount("ai", &[name], budget, faults);
    }
    for (model, price) in &ai.prices {
        of_amount("ai", &["prices", model, "input"], Some(price.input), faults);
        of_amount(
            "ai",
            &["prices", model, "output"],
            Some(price.output),
            faults,
        );
    }
}

fn of_amount(setting: &'static str, at: &[&str], amount: Option<Amount>, faults: &mut Faults) {
    if amount.is_some_and(|amount| !amount.is_in_range()) {
        let reason = "an amount is below 1000000000 and has at most 9 digits after the point";
        faults.add(setting, at, reason);
    }
}

/// Of reminders, robots, notifications and trackers' reports.
fn of_rules(behaviour: &Behaviour, flows: &[FlowDefinition], faults: &mut Faults) {
    for problem in Rules::of(behaviour).err().into_iter().flatten() {
        let at: Vec<&str> = problem.at.iter().map(String::as_str).collect();
        let reason = problem.kind.to_string();
        match at.as_slice() {
            ["robots"] => faults.add("robots", &[], reason),
            ["robots", name, ..] => {
                faults.add("robots", &at[1..], format!("robot `{name}`: {reason}"));
            }
            at => faults.add("pushes", &at[1..], reason),
        }
    }
    let known = Known::of(flows);
    for (name, robot) in &behaviour.robots {
        let missing = robot.step.as_ref().and_then(|to| missing(&known, to));
        if let Some(reason) = missing {
            let reason = format!("robot `{name}`: {reason}");
            faults.add("robots", &[name, "step"], reason);
        }
    }
    for (n, rule) in behaviour.notifications.iter().enumerate() {
        let bad = |operator: &&OperatorId| !operator.is_valid();
        if let Some(operator) = rule.to.iter().find(bad) {
            let reason = format!(
                "the name {:?} is empty, longer than 128 bytes or has control characters",
                operator.as_str()
            );
            faults.add("notifications", &[&n.to_string(), "to"], reason);
        }
    }
    for (n, rule) in behaviour.postbacks.iter().enumerate() {
        let n = n.to_string();
        if rule.on.trim().is_empty() {
            faults.add("postbacks", &[&n, "on"], "it is empty");
        }
        of_amount("postbacks", &[&n, "at_least"], rule.at_least, faults);
        if let Some(reason) = missing(&known, &rule.step) {
            faults.add("postbacks", &[&n, "step"], reason);
        }
    }
}

/// What isn't there of where a rule leads. A step of the dialog's own flow must be one of some
/// flow.
fn missing(known: &Known<'_>, to: &StepTarget) -> Option<String> {
    match (&to.flow, &to.step) {
        (Some(flow), step) => {
            let missing = known.missing(flow, step.as_ref());
            missing.map(|problem| problem.to_string())
        }
        (None, Some(step)) if !known.has_step(step) => Some(format!("no flow has a step `{step}`")),
        (None, _) => None,
    }
}

/// Settings that do nothing, each with where it stands and why.
pub(super) fn idle(behaviour: &Behaviour, flows: &[FlowDefinition]) -> Vec<(Vec<String>, String)> {
    let mut idle = Vec::new();
    if behaviour.recogniser.is_none() {
        for (kind, rule) in &behaviour.media_rules {
            if *rule == MediaRule::Recognise {
                let at = ["media_rules", kind.label()].map(ToOwned::to_owned);
                let reason = "the bot names no `recogniser`, so these media go to a person";
                idle.push((at.to_vec(), reason.to_owned()));
            }
        }
    }
    let steps = flows.iter().flat_map(|flow| &flow.steps);
    let of_steps = steps.filter_map(|step| match &step.kind {
        StepKind::AiRoute(route) => route.model.as_deref(),
        StepKind::AiReply(reply) => reply.model.as_deref(),
        _ => None,
    });
    let named: BTreeSet<&str> = of_steps.chain(behaviour.ai.model.as_deref()).collect();
    for model in behaviour.ai.prices.keys() {
        if !named.contains(model.as_str()) {
            let at = ["ai", "prices", model].map(ToOwned::to_owned);
            let reason = format!("neither the bot nor a step names the model `{model}`");
            idle.push((at.to_vec(), reason));
        }
    }
    idle
}
