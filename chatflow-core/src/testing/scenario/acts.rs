//! Reading what operators do.

use std::collections::BTreeMap;

use super::words::{Words, Wrong, whole_text};
use super::{Item, read};
use crate::dialog::{ContactAct, DialogSettings, OperatorAct, OperatorId, StepTarget, Value};

/// The operator of lines that name none.
const OPERATOR: &str = "op";

const VERBS: &str = "status, step, flow, tag, field, data, take, reply, block, unblock or contact";

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
        "status" | "step" | "flow" | "tag" | "field" | "data" => {
            OperatorAct::Set(settings(&mut words)?)
        }
        _ => match words.need(VERBS)?.as_str() {
            "take" => OperatorAct::Take,
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
            verb @ ("accept" | "note" | "assign" | "queue" | "transfer" | "active" | "inactive"
            | "close" | "reopen" | "schedule" | "read" | "erase") => {
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

/// Several settings in any order, as one act.
fn settings(words: &mut Words<'_>) -> Result<DialogSettings, Wrong> {
    const SETTINGS: &str = "status, step, flow, tag, field or data";
    let mut settings = DialogSettings::default();
    while let Some(what) = words.word()? {
        match what.as_str() {
            "status" if settings.status.is_none() => {
                settings.status = Some(read::status_choice(&words.need("a status")?)?);
            }
            "step" if settings.step.is_none() => {
                let name = words.need("STEP or FLOW/STEP")?;
                settings.step = Some(match name.split_once('/') {
                    Some((flow, step)) => StepTarget::of(flow, step),
                    None => StepTarget::step(name),
                });
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
            _ => return Err(format!("expected {SETTINGS}, found `{what}`")),
        }
    }
    Ok(settings)
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
fn typed(word: &str) -> Value {
    match word {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        word => match word.parse::<i64>() {
            Ok(number) if number.to_string() == word => Value::Integer(number),
            _ => Value::from(word),
        },
    }
}
