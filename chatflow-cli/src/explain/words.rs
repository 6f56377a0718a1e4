//! The parts of a step's form, in words.

use serde_json::Value;

/// The sentence that follows the step's name.
pub(super) fn what_it_does(kind: &str) -> &'static str {
    match kind {
        "send" => "says something.",
        "ask" => "asks a question and keeps the answer.",
        "keywords" => "goes on by the words of a message.",
        "condition" => "goes on by what is known; the first that holds is taken.",
        "split" => "sends each dialog down one of several arms.",
        "membership" => "goes on by whether the contact has joined a place.",
        "tags" => "changes the contact's tags.",
        "set" => "keeps values.",
        "change_flow" => "goes on in another flow and doesn't come back.",
        "call_flow" => "goes through another flow and comes back.",
        "delay" => "waits some time.",
        "ai_route" => "lets a model read a message and choose where to go on.",
        "ai_reply" => "lets a model write the answer.",
        "webhook" => "sends a request to an outside service.",
        "track" => "tells a tracker that something has happened.",
        "assign" => "makes an operator responsible.",
        "translate" => "changes into which language messages are put.",
        "external_bot" => "gives the contact to a bot on another platform.",
        "finish" => "gives the dialog a status.",
        "custom" => "runs a step written in Rust.",
        "router" => "goes on by a router written in Rust.",
        _ => "does something that this program has no words for.",
    }
}

/// What parametrises it, a line each.
pub(super) fn details(kind: &str, form: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    match (kind, form) {
        ("send", Value::Array(items)) => {
            for item in items {
                message(item, &mut lines);
            }
        }
        ("send", item) => message(item, &mut lines),
        ("ask", Value::Object(_)) => question(form, &mut lines),
        ("ask", text) => texts("asks", text, &mut lines),
        ("keywords", _) => {
            for (route, words) in entries(&form["routes"]) {
                lines.push(format!("`{route}`: {}", plain(words)));
            }
            texts("if nothing fits, says", &form["retry"], &mut lines);
        }
        ("split", _) => {
            for (arm, share) in entries(form) {
                lines.push(format!("`{arm}`: {} percent", plain(share)));
            }
        }
        ("condition" | "set" | "tags", _) => {
            for (name, value) in entries(form) {
                lines.push(format!("{name}: {}", plain(value)));
            }
        }
        ("call_flow", Value::Object(_)) => {
            for part in ["inputs", "results"] {
                for (name, value) in entries(&form[part]) {
                    lines.push(format!("{part}: {name} = {}", plain(value)));
                }
            }
        }
        ("ai_route" | "ai_reply" | "webhook" | "track", Value::Object(_)) => {
            outside(form, &mut lines);
        }
        ("ai_reply", goal) => texts("goal", goal, &mut lines),
        ("track", event) => lines.push(format!("event: {}", plain(event))),
        ("assign", operator) => lines.push(format!("operator: {}", plain(operator))),
        ("translate", language) => lines.push(format!("into: {}", plain(language))),
        ("external_bot", port) => lines.push(format!("port: {}", plain(port))),
        ("delay", Value::Object(_)) => {
            for (name, value) in entries(form) {
                lines.push(format!("{name}: {}", plain(value)));
            }
        }
        ("delay", time) => lines.push(format!("time: {}", plain(time))),
        ("custom" | "router", code) => lines.push(format!("code: {}", plain(code))),
        _ => {}
    }
    lines
}

/// What is asked or told outside: its parts, and the entries of those that have such.
fn outside(form: &Value, lines: &mut Vec<String>) {
    for (part, value) in entries(form) {
        match (part.as_str(), value) {
            ("goal" | "notes", text) => texts(part, text, lines),
            ("branches", Value::Object(branches)) => {
                for (branch, description) in branches {
                    lines.push(format!("`{branch}`: {}", plain(description)));
                }
            }
            (_, Value::Object(named)) => {
                for (name, value) in named {
                    lines.push(format!("{part}: {name} = {}", plain(value)));
                }
            }
            (_, value) => lines.push(format!("{part}: {}", plain(value))),
        }
    }
}

/// What a step says by itself while nobody answers.
pub(super) fn beside(form: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(after) = form["answer_after"].as_str() {
        lines.push(format!(
            "no earlier than {after} after the contact's last message"
        ));
    }
    for push in form["pushes"].as_array().into_iter().flatten() {
        let after = plain(&push["after"]);
        lines.push(format!("reminds after {after} of silence:"));
        lines.extend(details("send", &push["send"]));
    }
    lines
}

fn message(item: &Value, lines: &mut Vec<String>) {
    let Value::Object(parts) = item else {
        return texts("says", item, lines);
    };
    for (key, value) in parts {
        if key != "text" && key != "choices" {
            lines.push(format!("sends {key}: {}", plain(value)));
        }
    }
    texts("says", &item["text"], lines);
    choices(&item["choices"], lines);
}

fn question(form: &Value, lines: &mut Vec<String>) {
    texts("asks", &form["question"], lines);
    choices(&form["choices"], lines);
    match &form["answer"] {
        Value::Null => {}
        answer => lines.push(format!("answer: {}", plain(answer))),
    }
    texts("if the answer doesn't count, says", &form["retry"], lines);
    if let Some(retries) = form["retries"].as_u64() {
        lines.push(format!("asks again at most {retries} times"));
    }
}

fn choices(choices: &Value, lines: &mut Vec<String>) {
    for choice in choices.as_array().into_iter().flatten() {
        texts("offers", choice, lines);
    }
}

/// A text, or one for each language.
fn texts(verb: &str, text: &Value, lines: &mut Vec<String>) {
    match text {
        Value::Null => {}
        Value::Object(languages) => {
            for (language, text) in languages {
                lines.push(format!("{verb} ({language}): {}", plain(text)));
            }
        }
        text => lines.push(format!("{verb}: {}", plain(text))),
    }
}

fn entries(form: &Value) -> impl Iterator<Item = (&String, &Value)> {
    form.as_object().into_iter().flatten()
}

/// A value as an author would read it out.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(parts) => {
            let parts = parts.iter();
            let parts = parts.map(|(name, value)| format!("{name} {}", plain(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}
