//! Reading what must hold.

use super::check::{Check, SET, Subject, timer_due, used};
use super::outside::{Question, Who};
use super::read;
use super::words::{Words, Wrong, whole_text};
use crate::dialog::{Cause, CompletionCause, Handling, Usage};
use crate::runner::OperatorStanding;
use crate::store::DeliveryState;

pub(super) fn check(rest: &str) -> Result<Check, Wrong> {
    const CHECKS: &str = "status, step, data, field, timers, outbox, counter, assignee, session, \
                          queue, offered, sessions, parent, completed, line, load, missed, operator, \
                          standing, sees, needs_reply, last_side, reach, delivery, source, error, tag, can_send, card, set_by_hand, calls, \
                          change, usage, held, advice, failure, translated, reading, tracked, notified, asked, prompt, request, \
                          typing, refused or unchanged";
    let mut words = Words::new(rest);
    let what = words.need(CHECKS)?;
    let number = |word: &str| {
        word.parse::<u64>()
            .map(|number| number.to_string())
            .map_err(|_| format!("expected a number, found `{word}`"))
    };
    let one_of = |word: String, labels: &[&str]| {
        if labels.contains(&word.as_str()) {
            Ok(word)
        } else {
            Err(format!("expected {}, found `{word}`", labels.join(", ")))
        }
    };
    let (subject, wanted) = match what.as_str() {
        "status" => (Subject::Status, words.need("a status")?),
        "step" => {
            let step = words.need("STEP, FLOW/STEP or none")?;
            let with_flow = step.contains('/');
            (Subject::Step { with_flow }, step)
        }
        "data" | "field" => {
            let (name, wanted) = named_value(words.rest())?;
            let subject = match what.as_str() {
                "data" => Subject::Data(name),
                _ => Subject::Field(name),
            };
            return Ok(Check::new(subject, wanted));
        }
        "timers" => {
            let first = words.need("a number, the timers' names or none")?;
            match number(&first) {
                Ok(count) => (Subject::TimerCount, count),
                Err(_) => timers(first, &mut words)?,
            }
        }
        "usage" => usage(&mut words)?,
        "held" => (Subject::Held, number(&words.need("a number")?)?),
        "advice" | "failure" | "translated" | "reading" => {
            let subject = match what.as_str() {
                "advice" => Subject::Advice,
                "failure" => Subject::Failure,
                "translated" => Subject::Translated,
                _ => Subject::Reading,
            };
            let wanted = match words.rest() {
                "none" => None,
                text => Some(whole_text(text)?),
            };
            return Ok(Check::new(subject, wanted));
        }
        "tracked" | "notified" => {
            let shape = "what was reported, such as deposit 50 or anna manual, or none";
            let mut wanted = vec![words.need(shape)?];
            while let Some(word) = words.word()? {
                wanted.push(word);
            }
            let (question, none) = match what.as_str() {
                "tracked" => (Question::Tracked, "none"),
                _ => (Question::Notified, "nobody"),
            };
            let wanted = match wanted.join(" ") {
                wanted if wanted == "none" => none.to_owned(),
                wanted => wanted,
            };
            (Subject::Outside(question), wanted)
        }
        "asked" => asked(&mut words)?,
        "prompt" => {
            const SHAPE: &str = "contains TEXT, lacks TEXT or same";
            let question = match words.need(SHAPE)?.as_str() {
                "same" => {
                    words.end()?;
                    let subject = Subject::Outside(Question::PromptSame);
                    return Ok(Check::new(subject, None));
                }
                "contains" => Question::PromptHas,
                "lacks" => Question::PromptLacks,
                word => return Err(format!("expected {SHAPE}, found `{word}`")),
            };
            let wanted = whole_text(words.rest())?;
            return Ok(Check::new(Subject::Outside(question), Some(wanted)));
        }
        "request" => {
            const SHAPE: &str = "contains TEXT";
            if words.need(SHAPE)? != "contains" {
                return Err(format!("expected {SHAPE}"));
            }
            let wanted = whole_text(words.rest())?;
            let subject = Subject::Outside(Question::RequestHas);
            return Ok(Check::new(subject, Some(wanted)));
        }
        "typing" => {
            let wanted = match words.word()?.as_deref() {
                None => "shown",
                Some("none") => "none",
                Some(word) => return Err(format!("expected none or nothing, found `{word}`")),
            };
            (Subject::Typing, wanted.to_owned())
        }
        "outbox" => (Subject::Outbox, number(&words.need("a number")?)?),
        "counter" => {
            let label = words.need("a built-in status")?;
            let kind = read::status_kind(&label)
                .ok_or_else(|| format!("expected a built-in status, found `{label}`"))?;
            (Subject::Counter(kind), number(&words.need("a number")?)?)
        }
        "assignee" => (Subject::Assignee, words.need("an operator or nobody")?),
        "session" => {
            let mut labels = vec!["none"];
            labels.extend(Handling::ALL.map(Handling::label));
            (
                Subject::Session,
                one_of(words.need("who handles it")?, &labels)?,
            )
        }
        "queue" => (Subject::Queue, words.need("a queue or none")?),
        "offered" => {
            let mut names = vec![words.need("operators or nobody")?];
            while let Some(name) = words.word()? {
                names.push(name);
            }
            names.sort();
            (Subject::Offered, names.join(" "))
        }
        "sessions" => (Subject::Sessions, number(&words.need("a number")?)?),
        "parent" => (Subject::Parent, words.need("a session's number or none")?),
        "completed" => {
            let mut labels = vec!["none"];
            labels.extend(CompletionCause::ALL.map(CompletionCause::label));
            let wanted = one_of(words.need("why the last session ended")?, &labels)?;
            (Subject::Completed, wanted)
        }
        "line" => (Subject::Line, number(&words.need("1 or 2")?)?),
        "load" | "missed" => {
            let operator = words.need("an operator")?;
            let count = number(&words.need("a number")?)?;
            match what.as_str() {
                "load" => (Subject::Load(operator), count),
                _ => (Subject::Missed(operator), count),
            }
        }
        "operator" => {
            let operator = words.need("an operator")?;
            let wanted = one_of(words.need("active or inactive")?, &["active", "inactive"])?;
            (Subject::Operator(operator), wanted)
        }
        "standing" => {
            let operator = words.need("an operator")?;
            let labels = OperatorStanding::ALL.map(OperatorStanding::label);
            let wanted = one_of(words.need("how he stands")?, &labels)?;
            (Subject::Standing(operator), wanted)
        }
        "sees" => {
            let operator = words.need("an operator")?;
            let wanted = one_of(words.need("yes or no")?, &["yes", "no"])?;
            (Subject::Sees(operator), wanted)
        }
        "needs_reply" => {
            let word = one_of(words.need("yes or no")?, &["yes", "no"])?;
            (Subject::NeedsReply, word)
        }
        "last_side" => {
            let labels = ["contact", "us", "none"];
            (
                Subject::LastSide,
                one_of(words.need("who wrote last")?, &labels)?,
            )
        }
        "reach" => {
            let mut labels = vec!["ok", "blocked_by_contact"];
            labels.extend(Cause::ALL.map(Cause::label));
            (
                Subject::Reach,
                one_of(words.need("how the contact can be reached")?, &labels)?,
            )
        }
        "delivery" => {
            let labels = DeliveryState::ALL.map(DeliveryState::label);
            let wanted = words.need("how our last message stands")?;
            let mut wanted = one_of(wanted, &labels)?;
            if let Some(reason) = words.word()? {
                wanted = format!("{wanted} {}", read::failure_reason(&reason)?.label());
            }
            (Subject::Delivery, wanted)
        }
        "source" => {
            let (name, wanted) = named_value(words.rest())?;
            return Ok(Check::new(Subject::Source(name), wanted));
        }
        "error" => (
            Subject::Error,
            words.need("an error such as step_limit, or none")?,
        ),
        "tag" => {
            let tag = words.need("a tag")?;
            let wanted = match words.word()?.as_deref() {
                None => Some(SET.to_owned()),
                Some("missing") => None,
                Some(word) => return Err(format!("expected missing or nothing, found `{word}`")),
            };
            words.end()?;
            return Ok(Check::new(Subject::Tag(tag), wanted));
        }
        "can_send" => {
            let labels = [
                "yes",
                "blocked_by_contact",
                "blocked_by_operator",
                "contact_blocked",
                "cannot_write",
            ];
            (
                Subject::CanSend,
                one_of(words.need("yes, or why not")?, &labels)?,
            )
        }
        "card" => {
            const SHAPE: &str = "FLOW STEP auto, FLOW STEP manual, or none for flow and step";
            let (flow, step) = (words.need(SHAPE)?, words.need(SHAPE)?);
            let deal = one_of(words.need(SHAPE)?, &["auto", "manual"])?;
            (Subject::Card, format!("{flow} {step} {deal}"))
        }
        "set_by_hand" => {
            let word = one_of(words.need("yes or no")?, &["yes", "no"])?;
            (Subject::SetByHand, word)
        }
        "calls" => {
            let mut flows = vec![words.need("the calling flows, the outermost first, or none")?];
            while let Some(flow) = words.word()? {
                flows.push(flow);
            }
            (Subject::Calls, flows.join(" "))
        }
        "change" => (Subject::Change, change(&mut words)?),
        "refused" => {
            let wanted = whole_text(words.rest())?;
            return Ok(Check::new(Subject::Refused, Some(wanted)));
        }
        "unchanged" => return words.end().map(|()| Check::new(Subject::Unchanged, None)),
        "unread" | "sla" => return Err(format!("? {what} is not supported yet")),
        _ => return Err(format!("expected {CHECKS}, found `{what}`")),
    };
    words.end()?;
    Ok(Check::new(subject, Some(wanted)))
}

/// `step push:0`, or with the moments at which they are due: `step@2026-01-01T01:00:00Z`.
fn timers(first: String, words: &mut Words<'_>) -> Result<(Subject, String), Wrong> {
    let mut names = vec![first];
    while let Some(name) = words.word()? {
        names.push(name);
    }
    let with_due = names.iter().any(|name| name.contains('@'));
    for name in &mut names {
        if !with_due {
            continue;
        }
        let (timer, due) = name.split_once('@').ok_or(
            "expected a moment behind each timer, such as step@2026-01-01T01:00:00Z, or behind none",
        )?;
        let due = chrono::DateTime::parse_from_rfc3339(due).map_err(|_| {
            format!("expected a moment such as 2026-01-05T10:00:00Z, found `{due}`")
        })?;
        *name = timer_due(timer, due.to_utc());
    }
    names.sort();
    Ok((Subject::Timers { with_due }, names.join(" ")))
}

/// `1000 200 0.00045`, `bot 1000 200 0.00045`
fn usage(words: &mut Words<'_>) -> Result<(Subject, String), Wrong> {
    const SHAPE: &str = "tokens read, tokens written and what they cost, such as 1000 200 0.00045";
    let of_bot = words.peek() == "bot";
    if of_bot {
        words.need("bot")?;
    }
    let (read, wrote, cost) = (words.need(SHAPE)?, words.need(SHAPE)?, words.need(SHAPE)?);
    let tokens = |word: &str| {
        word.parse()
            .map_err(|_| format!("expected {SHAPE}, found `{word}`"))
    };
    let usage = Usage {
        tokens_in: tokens(&read)?,
        tokens_out: tokens(&wrote)?,
        cost: (cost.parse()).map_err(|_| format!("expected {SHAPE}, found `{cost}`"))?,
    };
    Ok((Subject::Usage { of_bot }, used(&usage)))
}

/// `model gpt-x`, `http 3`, `http 3 keys 1`, `call crm 1`
fn asked(words: &mut Words<'_>) -> Result<(Subject, String), Wrong> {
    const SHAPE: &str =
        "model NAME, or ai, http, recognise, translate, bot or call PORT and how often";
    let who = match words.need(SHAPE)?.as_str() {
        "model" => {
            let name = words.need("the model's name or none")?;
            return Ok((Subject::Outside(Question::Model), name));
        }
        "ai" => Who::Ai,
        "http" => Who::Http,
        "recognise" => Who::Recognise,
        "translate" => Who::Translate,
        "bot" => Who::Bot,
        "call" => Who::Port(words.need("a port's name")?),
        word => return Err(format!("expected {SHAPE}, found `{word}`")),
    };
    let mut number = |what: &str| {
        let word = words.need(what)?;
        (word.parse::<u64>()).map_err(|_| format!("expected {what}, found `{word}`"))
    };
    let times = number("how often it was asked")?;
    let mut wanted = times.to_string();
    let mut with_keys = false;
    if words.peek() == "keys" {
        words.need("keys")?;
        let word = words.need("under how many keys")?;
        let keys: u64 =
            (word.parse()).map_err(|_| format!("expected under how many keys, found `{word}`"))?;
        wanted = format!("{times} keys {keys}");
        with_keys = true;
    }
    let question = Question::Times { who, with_keys };
    Ok((Subject::Outside(question), wanted))
}

/// `FROM TO by ACTOR`
fn change(words: &mut Words<'_>) -> Result<String, Wrong> {
    const SHAPE: &str = "FROM TO by ACTOR, such as: auto manual by operator op";
    let (from, to) = (words.need(SHAPE)?, words.need(SHAPE)?);
    if words.need(SHAPE)? != "by" {
        return Err(format!("expected {SHAPE}"));
    }
    let actor = words.need(SHAPE)?;
    match actor.as_str() {
        "contact" | "channel" | "engine" | "contact_row" | "deploy" => {
            Ok(format!("{from} {to} by {actor}"))
        }
        "operator" | "step" | "timer" | "media" | "robot" | "postback" | "queue" | "absence" => {
            let name = words.need("a name")?;
            Ok(format!("{from} {to} by {actor} {name}"))
        }
        _ => Err(format!(
            "expected contact, operator NAME, step NAME, timer NAME, media KIND, robot NAME, \
             postback EVENT, queue NAME, absence NAME, channel, engine, deploy or contact_row, found `{actor}`"
        )),
    }
}

/// `k=v`, or `k missing`
fn named_value(rest: &str) -> Result<(String, Option<String>), Wrong> {
    if let Some(name) = rest.strip_suffix(" missing")
        && !name.contains('=')
    {
        return Ok((name.trim().to_owned(), None));
    }
    let (name, value) = rest
        .split_once('=')
        .ok_or("expected NAME=VALUE or NAME missing")?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err("expected NAME=VALUE or NAME missing".to_owned());
    }
    Ok((name.to_owned(), Some(whole_text(value)?)))
}
