//! What a step reads and keeps, for people.

use crate::dialog::Value;
use crate::flow::kinds::Source;
use crate::flow::{AskKind, SaveTo, StepKind, Template, Texts};

/// Names of the values that its texts and conditions read. What can't be parsed reads nothing.
pub(super) fn read_by(kind: &StepKind) -> Vec<String> {
    let mut names = Vec::new();
    match kind {
        StepKind::Send(send) => {
            for item in &send.items {
                texts(item.text.iter().chain(&item.choices), &mut names);
            }
        }
        StepKind::Ask(ask) => {
            texts([&ask.question].into_iter().chain(&ask.retry), &mut names);
            if let AskKind::Choice(choices) = &ask.answer {
                texts(choices, &mut names);
            }
        }
        StepKind::Keywords(router) => texts(&router.retry, &mut names),
        StepKind::Condition(branch) => {
            for arm in &branch.arms {
                for read in arm.when.reads() {
                    add(read.name, &mut names);
                }
            }
        }
        StepKind::Set(set) => {
            for value in &set.values {
                source(&value.source, &mut names);
            }
        }
        StepKind::CallFlow(call) => {
            for input in call.inputs.values() {
                source(input, &mut names);
            }
        }
        _ => {}
    }
    names
}

/// Names under which it keeps values.
pub(super) fn kept_by(kind: &StepKind) -> Vec<String> {
    let mut names = Vec::new();
    match kind {
        StepKind::Ask(ask) => saved(&ask.save, &mut names),
        StepKind::Keywords(router) => saved(&router.save, &mut names),
        StepKind::Set(set) => {
            for value in &set.values {
                add(value.to.to_string(), &mut names);
            }
        }
        StepKind::CallFlow(call) => {
            for ours in call.results.keys() {
                add(ours.clone(), &mut names);
            }
        }
        _ => {}
    }
    names
}

fn saved(to: &Option<SaveTo>, names: &mut Vec<String>) {
    if let Some(to) = to {
        add(to.to_string(), names);
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a Texts>, names: &mut Vec<String>) {
    for (_, text) in texts.into_iter().flat_map(Texts::each) {
        template(text, names);
    }
}

fn source(source: &Source, names: &mut Vec<String>) {
    if let Value::Text(text) = &source.0 {
        template(text.as_str(), names);
    }
}

fn template(text: &str, names: &mut Vec<String>) {
    if let Ok(template) = Template::parse(text) {
        for read in template.reads() {
            add(read.name, names);
        }
    }
}

fn add(name: String, names: &mut Vec<String>) {
    if !names.contains(&name) {
        names.push(name);
    }
}
