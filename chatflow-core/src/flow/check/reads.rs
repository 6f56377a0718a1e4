//! Which values a step reads, and where.

use crate::dialog::Value;
use crate::flow::kinds::Source;
use crate::flow::template::Read;
use crate::flow::{Condition, StepKind, Template, Texts};

/// What the engine itself provides to whoever reads a plain name.
pub(super) const BUILT_IN: [&str; 9] = [
    "tags", "message", "media", "source", "event", "status", "flow", "step", "now",
];

/// What a template reads; nothing of one that is none, which is reported where it is compiled.
pub(super) fn of_template(source: &str) -> Vec<Read> {
    Template::parse(source).map_or_else(|_| Vec::new(), |template| template.reads())
}

/// What a condition reads. A name that the condition first asks for is guarded.
pub(super) fn of_condition(condition: &Condition) -> Vec<Read> {
    fn walk<'a>(condition: &'a Condition, known: &mut Vec<&'a str>, reads: &mut Vec<Read>) {
        match condition {
            Condition::All(conditions) => {
                let before = known.len();
                for condition in conditions {
                    walk(condition, known, reads);
                    if let Condition::Known(name) = condition {
                        known.push(name);
                    }
                }
                known.truncate(before);
            }
            Condition::Any(conditions) => {
                let before = known.len();
                for condition in conditions {
                    walk(condition, known, reads);
                    // The next is only looked at where this one doesn't hold.
                    if let Condition::Not(inner) = condition
                        && let Condition::Known(name) = &**inner
                    {
                        known.push(name);
                    }
                }
                known.truncate(before);
            }
            Condition::Not(condition) => walk(condition, known, reads),
            Condition::Known(name) => reads.push(Read {
                name: name.clone(),
                guarded: true,
            }),
            Condition::Is(name, _) | Condition::AtLeast(name, _) | Condition::AtMost(name, _) => {
                reads.push(Read {
                    name: name.clone(),
                    guarded: known.contains(&name.as_str()),
                })
            }
            Condition::Expression(source) => {
                let expression = Template::expression(source).ok();
                let found = expression.iter().flat_map(Template::reads);
                reads.extend(found.map(|read| Read {
                    guarded: read.guarded || known.contains(&read.name.as_str()),
                    ..read
                }));
            }
            Condition::Tagged(_) => {}
        }
    }
    let mut reads = Vec::new();
    walk(condition, &mut Vec::new(), &mut reads);
    reads
}

/// The names that have values where a condition holds, or where it doesn't.
pub(super) fn known_by(condition: &Condition, holds: bool) -> Vec<&str> {
    match condition {
        Condition::All(conditions) if holds => conditions
            .iter()
            .flat_map(|condition| known_by(condition, true))
            .collect(),
        Condition::Any(conditions) if !holds => conditions
            .iter()
            .flat_map(|condition| known_by(condition, false))
            .collect(),
        Condition::All(conditions) | Condition::Any(conditions) => match conditions.as_slice() {
            [only] => known_by(only, holds),
            _ => Vec::new(),
        },
        Condition::Not(condition) => known_by(condition, !holds),
        Condition::Known(name)
        | Condition::Is(name, _)
        | Condition::AtLeast(name, _)
        | Condition::AtMost(name, _)
            if holds =>
        {
            vec![name]
        }
        Condition::Expression(source) if holds => known_by_expression(source),
        Condition::Known(_)
        | Condition::Is(..)
        | Condition::AtLeast(..)
        | Condition::AtMost(..)
        | Condition::Tagged(_)
        | Condition::Expression(_) => Vec::new(),
    }
}

/// The names that have values where an expression holds: one that reads what isn't there doesn't.
/// Nothing is said of one with other ways to hold than by all its parts.
fn known_by_expression(source: &str) -> Vec<&str> {
    let words: Vec<&str> = source.split_whitespace().collect();
    if words
        .iter()
        .any(|word| matches!(*word, "or" | "not" | "if"))
    {
        return Vec::new();
    }
    let asked_for = words
        .windows(3)
        .filter(|words| words[1..] == ["is", "defined"])
        .map(|words| words[0]);
    let expression = Template::expression(source).ok();
    let read = expression.iter().flat_map(Template::reads);
    let read = read.filter(|read| !read.guarded).filter_map(|read| {
        let at = source.find(&read.name)?;
        Some(&source[at..at + read.name.len()])
    });
    asked_for.chain(read).collect()
}

/// The texts that a step says, with the names that lead there from the step.
pub(super) fn texts_of(kind: &StepKind) -> Vec<(Vec<String>, &Texts)> {
    let path = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut texts = Vec::new();
    match kind {
        StepKind::Send(send) => {
            for (n, item) in send.items.iter().enumerate() {
                let place = n.to_string();
                let at: &[&str] = match send.items.len() {
                    1 => &["send"],
                    _ => &["send", &place],
                };
                if let Some(text) = &item.text {
                    texts.push(([path(at), path(&["text"])].concat(), text));
                }
                for (n, choice) in item.choices.iter().enumerate() {
                    let n = n.to_string();
                    texts.push(([path(at), path(&["choices", &n])].concat(), choice));
                }
            }
        }
        StepKind::Ask(ask) => {
            texts.push((path(&["ask", "question"]), &ask.question));
            if let crate::flow::AskKind::Choice(choices) = &ask.answer {
                for (n, choice) in choices.iter().enumerate() {
                    texts.push((path(&["ask", "choices", &n.to_string()]), choice));
                }
            }
            if let Some(retry) = &ask.retry {
                texts.push((path(&["ask", "retry"]), retry));
            }
        }
        StepKind::Keywords(router) => {
            if let Some(retry) = &router.retry {
                texts.push((path(&["keywords", "retry"]), retry));
            }
        }
        _ => {}
    }
    texts
}

/// All that a step reads, with the names that lead there; but for `set`, whose values are read
/// one after another.
pub(in crate::flow) fn of_step(kind: &StepKind) -> Vec<(Vec<String>, Read)> {
    let mut found = Vec::new();
    for (at, texts) in texts_of(kind) {
        // A choice of a question is compared with the answer and isn't a template.
        if matches!(kind, StepKind::Ask(_)) && at[1] == "choices" {
            continue;
        }
        for (language, text) in texts.each() {
            let language = language.map(ToOwned::to_owned);
            let at: Vec<String> = at.iter().cloned().chain(language).collect();
            found.extend(of_template(text).into_iter().map(|read| (at.clone(), read)));
        }
    }
    match kind {
        StepKind::Condition(branch) => {
            for arm in &branch.arms {
                let at = vec!["condition".to_owned(), arm.name.clone()];
                let reads = of_condition(&arm.when).into_iter();
                found.extend(reads.map(|read| (at.clone(), read)));
            }
        }
        StepKind::CallFlow(call) => {
            for (name, source) in &call.inputs {
                let at = ["call_flow", "inputs", name].map(ToOwned::to_owned);
                let reads = of_source(source).into_iter();
                found.extend(reads.map(|read| (at.to_vec(), read)));
            }
        }
        _ => {}
    }
    found
}

/// What a value is made of.
pub(in crate::flow) fn of_source(source: &Source) -> Vec<Read> {
    match &source.0 {
        Value::Text(text) => of_template(text.as_str()),
        _ => Vec::new(),
    }
}
