//! Reading scenarios.

use super::check::{Check, Subject};
use super::words::{Words, Wrong, heard, said, whole_text};
use super::{CONTACT, Item, Line, Scenario, ScenarioError, read};
use crate::dialog::{Moment, NAME_BYTES_MAX, OperatorAct, OperatorId, Reach, StepTarget};
use crate::runner::{Clock as _, PortError};
use crate::testing::ManualClock;

/// The operator of lines that name none.
const OPERATOR: &str = "op";

const SIGNS: &str = "a line begins with one of > < @ ! % ~ ? #, or with a contact's name and one \
                     of > < ! % ?";

pub(super) fn scenario(text: &str) -> Result<Scenario, ScenarioError> {
    let refused = |line, reason| Err(ScenarioError { line, reason });
    if text.len() > Scenario::BYTES_MAX {
        let most = Scenario::BYTES_MAX;
        return refused(1, format!("a scenario has at most {most} bytes"));
    }
    let mut lines = Vec::new();
    let mut now = ManualClock::default().now();
    for (number, source) in (1..).zip(text.lines()) {
        if number > Scenario::LINES_MAX {
            let most = Scenario::LINES_MAX;
            return refused(number, format!("a scenario has at most {most} lines"));
        }
        let item = match item(source, now) {
            Ok(item) => item,
            Err(reason) => return refused(number, reason),
        };
        if let Item::Clock(then) = item {
            now = then;
        }
        lines.push(Line {
            number,
            source: source.to_owned(),
            item,
        });
    }
    Ok(Scenario { lines })
}

fn item(source: &str, now: Moment) -> Result<Item, Wrong> {
    if source.trim().is_empty() || source.starts_with('#') {
        return Ok(Item::Silent);
    }
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    let sign_at = source.find(|letter| !is_name(letter));
    let Some((name, signed)) = sign_at.map(|at| source.split_at(at)) else {
        return Err(SIGNS.to_owned());
    };
    let mut letters = signed.chars();
    let sign = letters.next().unwrap_or(' ');
    let rest = letters.as_str();
    let is_personal = matches!(sign, '>' | '<' | '!' | '%' | '?');
    if !(is_personal || name.is_empty() && matches!(sign, '@' | '~' | '*')) {
        return Err(SIGNS.to_owned());
    }
    let contact = contact(name)?;
    if sign == '!' {
        return acts(contact, rest);
    }
    let rest = rest
        .strip_prefix(' ')
        .ok_or_else(|| format!("expected a space after `{name}{sign}`, then what it says"))?;
    match sign {
        '>' => {
            let message = said(rest)?;
            Ok(Item::Says { contact, message })
        }
        '<' => {
            let message = heard(rest)?;
            Ok(Item::Hears { contact, message })
        }
        '%' => reports(contact, rest),
        '?' => {
            let check = check(rest)?;
            Ok(Item::Holds { contact, check })
        }
        '@' => read::moment(rest.trim_end(), now).map(Item::Clock),
        '~' => answers(rest),
        _ => Err("postbacks are not supported yet".to_owned()),
    }
}

fn contact(name: &str) -> Result<String, Wrong> {
    match name {
        "" => Ok(CONTACT.to_owned()),
        CONTACT => Err(format!(
            "`{CONTACT}` is the contact of the lines without a name; choose another name"
        )),
        name if name.len() > NAME_BYTES_MAX => {
            Err(format!("a name has at most {NAME_BYTES_MAX} bytes"))
        }
        name => Ok(name.to_owned()),
    }
}

/// `! take`, `!eva reply Hello`
fn acts(contact: String, rest: &str) -> Result<Item, Wrong> {
    let (name, rest) = rest
        .split_once(' ')
        .ok_or("expected a space after `!` or the operator's name, then what he does")?;
    let operator = OperatorId::from(if name.is_empty() { OPERATOR } else { name });
    if !operator.is_valid() {
        return Err("the operator has no usable name".to_owned());
    }
    let mut words = Words::new(rest);
    let verb = words.need(VERBS)?;
    let act = match verb.as_str() {
        "take" => OperatorAct::Take,
        "block" => OperatorAct::Block,
        "unblock" => OperatorAct::Unblock,
        "reply" => {
            let text = rest.strip_prefix("reply ").unwrap_or_default();
            let act = OperatorAct::Reply(whole_text(text)?.into());
            return Ok(Item::Acts {
                contact,
                operator,
                act,
            });
        }
        "status" | "step" => set(&verb, &mut words)?,
        "accept" | "note" | "tag" | "assign" | "queue" | "transfer" | "active" | "inactive"
        | "close" | "reopen" | "schedule" | "field" | "read" | "erase" => {
            return Err(format!("! {verb} is not supported yet"));
        }
        _ => return Err(format!("expected {VERBS}, found `{verb}`")),
    };
    words.end()?;
    Ok(Item::Acts {
        contact,
        operator,
        act,
    })
}

const VERBS: &str = "status, step, take, reply, block or unblock";

/// Status and step, in any order, as one act.
fn set(first: &str, words: &mut Words<'_>) -> Result<OperatorAct, Wrong> {
    let (mut status, mut step) = (None, None);
    let mut next = Some(first.to_owned());
    while let Some(what) = next {
        match what.as_str() {
            "status" if status.is_none() => {
                status = Some(read::status_choice(&words.need("a status")?)?);
            }
            "step" if step.is_none() => step = Some(target(&words.need("STEP or FLOW/STEP")?)),
            "status" | "step" => return Err(format!("`{what}` is set twice")),
            _ => return Err(format!("expected `status` or `step`, found `{what}`")),
        }
        next = words.word()?;
    }
    Ok(OperatorAct::set(status, step))
}

fn target(name: &str) -> StepTarget {
    match name.split_once('/') {
        Some((flow, step)) => StepTarget::of(flow, step),
        None => StepTarget::step(name),
    }
}

fn reports(contact: String, rest: &str) -> Result<Item, Wrong> {
    const REPORTS: &str =
        "blocked, unblocked, cannot_write, transient, ambiguous, refuse or duplicate";
    let mut words = Words::new(rest);
    let what = words.need(REPORTS)?;
    let item = match what.as_str() {
        "blocked" => Item::Reports {
            contact,
            reach: Reach::BlockedByContact,
        },
        "unblocked" => Item::Reports {
            contact,
            reach: Reach::Ok,
        },
        "cannot_write" => {
            let cause = words.word()?;
            let cause = read::cause(cause.as_deref().unwrap_or("cannot_initiate"))?;
            Item::Reports {
                contact,
                reach: Reach::CannotWrite(cause),
            }
        }
        "duplicate" => Item::Repeats { contact },
        "transient" | "ambiguous" | "refuse" if contact != CONTACT => {
            return Err(
                "the next send fails, whoever it is to; write it without a name".to_owned(),
            );
        }
        "transient" | "ambiguous" => Item::RefusesNext(read::send_error(&what)?),
        "refuse" => Item::RefusesNext(read::send_error(&words.need("a failure")?)?),
        "delivered" | "read" => return Err(format!("% {what} is not supported yet")),
        _ => return Err(format!("expected {REPORTS}, found `{what}`")),
    };
    words.end()?;
    Ok(item)
}

fn answers(rest: &str) -> Result<Item, Wrong> {
    let mut words = Words::new(rest);
    match words.need("call PORT ANSWER")?.as_str() {
        "call" => {}
        what @ ("ai" | "http") => return Err(format!("~ {what} is not supported yet")),
        what => return Err(format!("expected call PORT ANSWER, found `{what}`")),
    }
    let port = words.need("a port's name")?;
    let answer = match words.rest() {
        "refused" => Err(PortError::Refused),
        "transient" => Err(PortError::Transient { retry_after: None }),
        json => Ok(serde_json::from_str(json)
            .map_err(|error| format!("expected JSON, refused or transient: {error}"))?),
    };
    Ok(Item::Answers { port, answer })
}

fn check(rest: &str) -> Result<Check, Wrong> {
    const CHECKS: &str = "status, step, data, field, timers, outbox, counter, assignee, session, \
                          needs_reply, last_side, reach, error, change, refused or unchanged";
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
                Err(_) => {
                    let mut names = vec![first];
                    while let Some(name) = words.word()? {
                        names.push(name);
                    }
                    names.sort();
                    (Subject::Timers, names.join(" "))
                }
            }
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
            let labels = ["bot", "in_progress", "none"];
            (
                Subject::Session,
                one_of(words.need("who handles it")?, &labels)?,
            )
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
            let labels = [
                "ok",
                "blocked_by_contact",
                "cannot_initiate",
                "removed",
                "unknown_recipient",
            ];
            (
                Subject::Reach,
                one_of(words.need("how the contact can be reached")?, &labels)?,
            )
        }
        "error" => (
            Subject::Error,
            words.need("an error such as step_limit, or none")?,
        ),
        "change" => (Subject::Change, change(&mut words)?),
        "refused" => {
            let wanted = whole_text(words.rest())?;
            return Ok(Check::new(Subject::Refused, Some(wanted)));
        }
        "unchanged" => return words.end().map(|()| Check::new(Subject::Unchanged, None)),
        "tag" | "queue" | "unread" | "sla" => return Err(format!("? {what} is not supported yet")),
        _ => return Err(format!("expected {CHECKS}, found `{what}`")),
    };
    words.end()?;
    Ok(Check::new(subject, Some(wanted)))
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
        "contact" | "channel" | "engine" | "contact_row" => Ok(format!("{from} {to} by {actor}")),
        "operator" | "step" | "timer" => {
            let name = words.need("a name")?;
            Ok(format!("{from} {to} by {actor} {name}"))
        }
        _ => Err(format!(
            "expected contact, operator NAME, step NAME, timer NAME, channel, engine or \
             contact_row, found `{actor}`"
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
