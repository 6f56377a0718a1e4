//! Which values a step reads, and where.

use crate::dialog::Value;
use crate::flow::kinds::{Source, WebhookBody};
use crate::flow::template::Read;
use crate::flow::{Condition, Push, SendMessage, StepDefinition, StepKind, Template, Texts};

/// What the engine itself provides to whoever reads a plain name.
pub(super) const BUILT_IN: [&str; 10] = [
    "tags", "message", "media", "source", "event", "status", "flow", "step", "dialog", "now",
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
pub(super) fn texts_of(step: &StepDefinition) -> Vec<(Vec<String>, &Texts)> {
    let mut texts = Vec::new();
    match &step.kind {
        StepKind::Send(send) => said(&["send"], send, &mut texts),
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
    texts.extend(texts_of_pushes(&step.pushes));
    texts
}

/// The texts of reminders, with the names that lead there.
fn texts_of_pushes(pushes: &[Push]) -> Vec<(Vec<String>, &Texts)> {
    let mut texts = Vec::new();
    for (n, push) in pushes.iter().enumerate() {
        said(&["pushes", &n.to_string(), "send"], &push.send, &mut texts);
    }
    texts
}

/// What reminders read, with the names that lead there.
pub(super) fn of_pushes(pushes: &[Push]) -> Vec<(Vec<String>, Read)> {
    texts_of_pushes(pushes)
        .into_iter()
        .flat_map(|(at, texts)| of_texts(&at, texts))
        .collect()
}

fn of_texts(at: &[String], texts: &Texts) -> Vec<(Vec<String>, Read)> {
    let mut found = Vec::new();
    for (language, text) in texts.each() {
        let language = language.map(ToOwned::to_owned);
        let at: Vec<String> = at.iter().cloned().chain(language).collect();
        found.extend(of_template(text).into_iter().map(|read| (at.clone(), read)));
    }
    found
}

/// The texts of messages that stand at a place.
fn said<'a>(at: &[&str], send: &'a SendMessage, texts: &mut Vec<(Vec<String>, &'a Texts)>) {
    for (n, item) in send.items.iter().enumerate() {
        let mut at = path(at);
        if send.items.len() != 1 {
            at.push(n.to_string());
        }
        if let Some(text) = &item.text {
            texts.push(([&at[..], &path(&["text"])].concat(), text));
        }
        for (n, choice) in item.choices.iter().enumerate() {
            let n = n.to_string();
            texts.push(([&at[..], &path(&["choices", &n])].concat(), choice));
        }
    }
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

/// All that a step reads, with the names that lead there; but for `set`, whose values are read
/// one after another.
pub(in crate::flow) fn of_step(step: &StepDefinition) -> Vec<(Vec<String>, Read)> {
    let mut found = Vec::new();
    let mut texts = texts_of(step);
    // A choice of a question is compared with the answer and isn't a template.
    texts.retain(|(at, _)| at[0] != "ask" || at[1] != "choices");
    let key = step.kind.key();
    let words = match &step.kind {
        StepKind::AiRoute(route) => Some(route.words()),
        StepKind::AiReply(reply) => Some(reply.words()),
        _ => None,
    };
    if let Some(words) = words {
        let of_model = [("goal", words.goal), ("notes", words.notes)].into_iter();
        texts.extend(of_model.filter_map(|(name, text)| Some((path(&[key, name]), text?))));
    }
    for (at, texts) in texts {
        found.extend(of_texts(&at, texts));
    }
    let mut add = |at: &[&str], reads: Vec<Read>| {
        let at = path(at);
        found.extend(reads.into_iter().map(|read| (at.clone(), read)));
    };
    match &step.kind {
        StepKind::Condition(branch) => {
            for arm in &branch.arms {
                add(&[key, &arm.name], of_condition(&arm.when));
            }
        }
        StepKind::CallFlow(call) => {
            for (name, source) in &call.inputs {
                add(&[key, "inputs", name], of_source(source));
            }
        }
        StepKind::Webhook(webhook) => {
            add(&[key, "url"], of_template(&webhook.url));
            for (name, value) in &webhook.headers {
                add(&[key, "headers", name], of_template(value));
            }
            match &webhook.body {
                WebhookBody::None => {}
                WebhookBody::Text(text) => add(&[key, "body"], of_template(text)),
                WebhookBody::Form(fields) => {
                    for (name, source) in fields {
                        add(&[key, "form", name], of_source(source));
                    }
                }
                WebhookBody::Json(members) => {
                    for (name, Source(value)) in members {
                        add(&[key, "json", name], of_value(value));
                    }
                }
            }
        }
        StepKind::Track(track) => {
            if let Some(value) = &track.value {
                add(&[key, "value"], of_source(value));
            }
            for (name, source) in &track.parameters {
                add(&[key, "parameters", name], of_source(source));
            }
        }
        _ => {}
    }
    found
}

/// What the texts of a value read, however deep they stand in it.
fn of_value(value: &Value) -> Vec<Read> {
    match value {
        Value::Text(text) => of_template(text.as_str()),
        Value::List(values) => values.iter().flat_map(of_value).collect(),
        Value::Map(map) => map.values().flat_map(of_value).collect(),
        _ => Vec::new(),
    }
}

/// What a value is made of.
pub(in crate::flow) fn of_source(source: &Source) -> Vec<Read> {
    match &source.0 {
        Value::Text(text) => of_template(text.as_str()),
        _ => Vec::new(),
    }
}
