//! Reading what operators do.

use std::collections::{BTreeMap, BTreeSet};

use super::people::DeskAct;
use super::words::{Words, Wrong, whole_text};
use super::{Item, read};
use crate::crm::Availability;
use crate::dialog::{
    Assignee, ContactAct, DialogSettings, Line, OperatorAct, OperatorId, QueueId, StepTarget,
    TransferMode, TransferTo, TranslateTo, Value,
};

/// The operator of lines that name none.
const OPERATOR: &str = "op";

const VERBS: &str = "status, step, flow, tag, field, data, assign, line, translate, set, take, accept, \
                     decline, queue, transfer, close, reopen, acknowledge, reply, retry, advise, \
                     block, unblock, contact, sign_in, sign_out, active, inactive, seen, lost or \
                     pit_stop";

/// `! take`, `!eva reply Hello`
pub(super) fn acts(contact: String, rest: &str) -> Result<Item, Wrong> {
    let (name, rest) = rest
        .split_once(' ')
        .ok_or("expected a space after `!` or the operator's name, then what he does")?;
    let operator = OperatorId::from(if name.is_empty() { OPERATOR } else { name });
    if !operator.is_valid() {
        return Err("the operator has no usable name".to_owned());
    }
    let mut words = Words::new(rest);
    let act = match words.peek() {
        "status" | "step" | "flow" | "tag" | "field" | "data" | "assign" | "line" | "translate" => {
            OperatorAct::Set(settings(&mut words)?)
        }
        _ => match words.need(VERBS)?.as_str() {
            "set" => OperatorAct::Set(assignments(&mut words)?),
            "retry" => OperatorAct::Retry,
            "advise" => {
                let language = words.word()?;
                OperatorAct::Advise { language }
            }
            "pit_stop" => {
                let is_on = match words.need("on or off")?.as_str() {
                    "on" => true,
                    "off" => false,
                    word => return Err(format!("expected on or off, found `{word}`")),
                };
                words.end()?;
                return Ok(Item::PitStop(is_on));
            }
            "take" => OperatorAct::Take,
            "accept" => OperatorAct::Accept,
            "decline" => OperatorAct::Decline,
            "queue" => OperatorAct::Enqueue(QueueId::from(words.need("a queue")?)),
            "transfer" => transfer(&mut words)?,
            "close" => OperatorAct::Complete,
            "reopen" => OperatorAct::Reopen,
            "acknowledge" => OperatorAct::Acknowledge,
            verb @ ("sign_in" | "sign_out" | "active" | "inactive" | "seen" | "lost") => {
                words.end()?;
                let act = match verb {
                    "sign_in" => DeskAct::SignIn,
                    "sign_out" => DeskAct::SignOut,
                    "active" => DeskAct::Declare(Availability::Active),
                    "inactive" => DeskAct::Declare(Availability::Inactive),
                    "seen" => DeskAct::Seen,
                    _ => DeskAct::Lost,
                };
                return Ok(Item::AtDesk { operator, act });
            }
            "reply" => {
                let text = rest.strip_prefix("reply ").unwrap_or_default();
                let act = OperatorAct::Reply(whole_text(text)?.into());
                return Ok(Item::Acts {
                    contact,
                    operator,
                    act,
                });
            }
            verb @ ("block" | "unblock") if words.peek() == "contact" => {
                words.need("contact")?;
                words.end()?;
                let act = match verb {
                    "block" => ContactAct::Block,
                    _ => ContactAct::Unblock,
                };
                return Ok(Item::ChangesContact {
                    contact,
                    operator,
                    acts: vec![act],
                });
            }
            "block" => OperatorAct::Block,
            "unblock" => OperatorAct::Unblock,
            "contact" => {
                let acts = contact_acts(&mut words)?;
                return Ok(Item::ChangesContact {
                    contact,
                    operator,
                    acts,
                });
            }
            verb @ ("note" | "schedule" | "read" | "erase") => {
                return Err(format!("! {verb} is not supported yet"));
            }
            verb => return Err(format!("expected {VERBS}, found `{verb}`")),
        },
    };
    words.end()?;
    Ok(Item::Acts {
        contact,
        operator,
        act,
    })
}

/// `anna`, `queue sales`, `anna as child`
fn transfer(words: &mut Words<'_>) -> Result<OperatorAct, Wrong> {
    const SHAPE: &str = "an operator, or queue NAME";
    let to = match words.need(SHAPE)?.as_str() {
        "queue" => TransferTo::Queue(words.need("a queue")?.into()),
        operator => TransferTo::Operator(operator.into()),
    };
    let mode = match words.peek() {
        "as" => {
            words.need("as")?;
            Some(match words.need("child or same")?.as_str() {
                "child" => TransferMode::ChildSession,
                "same" => TransferMode::Reassign,
                word => return Err(format!("expected child or same, found `{word}`")),
            })
        }
        _ => None,
    };
    Ok(OperatorAct::Transfer { to, mode })
}

/// Several settings in any order, as one act.
fn settings(words: &mut Words<'_>) -> Result<DialogSettings, Wrong> {
    const SETTINGS: &str = "status, step, flow, tag, field, data, assign, line or translate";
    let mut settings = DialogSettings::default();
    while let Some(what) = words.word()? {
        match what.as_str() {
            "status" if settings.status.is_none() => {
                settings.status = Some(read::status_choice(&words.need("a status")?)?);
            }
            "step" if settings.step.is_none() => {
                settings.step = Some(target(words.need("STEP or FLOW/STEP")?));
            }
            "flow" if settings.step.is_none() => {
                settings.step = Some(StepTarget::flow(words.need("a flow")?));
            }
            "status" => return Err("`status` is set twice".to_owned()),
            "step" | "flow" => {
                return Err("`step` and `flow` set one place; write step FLOW/STEP".to_owned());
            }
            "tag" => {
                for (is_added, tag) in tags(words)? {
                    match is_added {
                        true => settings.add_tags.insert(tag),
                        false => settings.remove_tags.insert(tag),
                    };
                }
            }
            "field" => values(words, &mut settings.fields)?,
            "data" => values(words, &mut settings.data)?,
            "assign" if settings.assignee.is_none() => {
                settings.assignee = Some(assignee(&words.need("an operator or nobody")?)?);
            }
            "line" if settings.line.is_none() => {
                settings.line = Some(line(&words.need("1 or 2")?)?);
            }
            "translate" if settings.translate.is_none() => {
                let language = words.need("a language, nothing or as_bot")?;
                settings.translate = Some(translate(&language));
            }
            "assign" | "line" | "translate" => return Err(format!("`{what}` is set twice")),
            _ => return Err(format!("expected {SETTINGS}, found `{what}`")),
        }
    }
    Ok(settings)
}

/// `status=manual step=x assignee=anna tags=+vip,-cold field.city=Berlin`: the same in the form of
/// a card that is saved as a whole.
fn assignments(words: &mut Words<'_>) -> Result<DialogSettings, Wrong> {
    const SHAPE: &str = "status=, step=, flow=, assignee=, line=, translate=, tags=+vip,-cold, \
                         field.NAME= or data.NAME=";
    let mut settings = DialogSettings::default();
    let mut named = BTreeSet::new();
    while let Some(name) = words.name() {
        if !named.insert(name) {
            return Err(format!("`{name}` is set twice"));
        }
        let is_text = words.is_quoted();
        let text = words.attached(SHAPE)?;
        let value = |text: String| match is_text {
            true => Value::from(text),
            false => typed(&text),
        };
        match name.split_once('.') {
            Some(("field", name)) => drop(settings.fields.insert(name.to_owned(), value(text))),
            Some(("data", name)) => drop(settings.data.insert(name.to_owned(), value(text))),
            Some(_) => return Err(format!("expected {SHAPE}, found `{name}`")),
            None => match name {
                "status" => settings.status = Some(read::status_choice(&text)?),
                "step" | "flow" if settings.step.is_some() => {
                    return Err("`step` and `flow` set one place; write step=FLOW/STEP".to_owned());
                }
                "step" => settings.step = Some(target(text)),
                "flow" => settings.step = Some(StepTarget::flow(text)),
                "assignee" => settings.assignee = Some(assignee(&text)?),
                "line" => settings.line = Some(line(&text)?),
                "translate" => settings.translate = Some(translate(&text)),
                "tags" => {
                    for tag in text.split(',') {
                        match (tag.strip_prefix('+'), tag.strip_prefix('-')) {
                            (Some(tag), _) if !tag.is_empty() => {
                                settings.add_tags.insert(tag.to_owned());
                            }
                            (_, Some(tag)) if !tag.is_empty() => {
                                settings.remove_tags.insert(tag.to_owned());
                            }
                            _ => return Err("expected tags such as tags=+vip,-cold".to_owned()),
                        }
                    }
                }
                _ => return Err(format!("expected {SHAPE}, found `{name}`")),
            },
        }
    }
    match named.is_empty() {
        true => Err(format!("expected {SHAPE}")),
        false => Ok(settings),
    }
}

/// `confirm`, `order/confirm`
fn target(name: String) -> StepTarget {
    match name.split_once('/') {
        Some((flow, step)) => StepTarget::of(flow, step),
        None => StepTarget::step(name),
    }
}

fn assignee(name: &str) -> Result<Assignee, Wrong> {
    match name {
        "nobody" => Ok(Assignee::Nobody),
        name if name.starts_with("bot:") => {
            let bot = name.trim_start_matches("bot:");
            Ok(Assignee::Bot(bot.into()))
        }
        name => {
            let operator = OperatorId::from(name);
            match operator.is_valid() {
                true => Ok(Assignee::Operator(operator)),
                false => Err("the operator has no usable name".to_owned()),
            }
        }
    }
}

fn line(number: &str) -> Result<Line, Wrong> {
    let number = number
        .parse::<u8>()
        .map_err(|_| format!("expected 1 or 2, found `{number}`"))?;
    Line::try_from(number).map_err(|error| error.to_string())
}

fn translate(word: &str) -> TranslateTo {
    match word {
        "nothing" => TranslateTo::Nothing,
        "as_bot" => TranslateTo::AsBot,
        language => TranslateTo::Language(language.to_owned()),
    }
}

/// What is done to the contact itself, one thing after another.
fn contact_acts(words: &mut Words<'_>) -> Result<Vec<ContactAct>, Wrong> {
    const SETTINGS: &str = "tag, field or name";
    match words.need(SETTINGS)?.as_str() {
        "tag" => {
            let tags = tags(words)?;
            words.end()?;
            let act = |(is_added, tag)| match is_added {
                true => ContactAct::AddTag(tag),
                false => ContactAct::RemoveTag(tag),
            };
            Ok(tags.into_iter().map(act).collect())
        }
        "field" => {
            let mut fields = BTreeMap::new();
            values(words, &mut fields)?;
            words.end()?;
            let act = |(name, value)| ContactAct::SetField(name, value);
            Ok(fields.into_iter().map(act).collect())
        }
        "name" => Ok(vec![ContactAct::SetName(whole_text(words.rest())?.into())]),
        what => Err(format!("expected {SETTINGS}, found `{what}`")),
    }
}

/// `+vip -cold +"big spender"`, each with whether it is added.
fn tags(words: &mut Words<'_>) -> Result<Vec<(bool, String)>, Wrong> {
    let mut tags = Vec::new();
    while let Some(sign) = words.sign(&['+', '-']) {
        tags.push((sign == '+', words.attached("a tag right behind its sign")?));
    }
    if tags.is_empty() {
        return Err("expected tags such as +vip -cold".to_owned());
    }
    Ok(tags)
}

/// `city=Berlin age=34 phone="0049"`
fn values(words: &mut Words<'_>, into: &mut BTreeMap<String, Value>) -> Result<(), Wrong> {
    const SHAPE: &str = "NAME=VALUE, such as city=Berlin age=34";
    let mut found = false;
    while let Some(name) = words.name() {
        found = true;
        let is_text = words.is_quoted();
        let text = words.attached(SHAPE)?;
        let value = if is_text {
            Value::from(text.as_str())
        } else {
            typed(&text)
        };
        if into.insert(name.to_owned(), value).is_some() {
            return Err(format!("`{name}` is set twice"));
        }
    }
    if found {
        Ok(())
    } else {
        Err(format!("expected {SHAPE}"))
    }
}

/// A whole number, yes or no where it is written like one, else a text. `007` is a text: a
/// number would lose its zeros.
pub(super) fn typed(word: &str) -> Value {
    match word {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        word => match word.parse::<i64>() {
            Ok(number) if number.to_string() == word => Value::Integer(number),
            _ => Value::from(word),
        },
    }
}
