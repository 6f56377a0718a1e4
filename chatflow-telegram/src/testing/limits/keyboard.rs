use serde_json::Value;

use crate::testing::refusal::{Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::settings::Wordings;

/// The keyboard that a message keeps: only inline ones are part of it.
pub(crate) fn read(
    call: &Call,
    is_private: bool,
    wordings: Wordings,
) -> Result<Option<Value>, Refusal> {
    let Some(markup) = call.structure("reply_markup", "reply keyboard markup")? else {
        return Ok(None);
    };
    let Value::Object(fields) = &markup else {
        return Err(Refusal::bad_request("object expected as reply markup"));
    };
    if let Some(rows) = fields.get("inline_keyboard") {
        let buttons = buttons(rows, "\"inline_keyboard\" of the InlineKeyboardMarkup")?;
        if buttons.len() > INLINE_BUTTONS_MAX {
            return Err(Refusal::bad_request("reply markup is too long"));
        }
        for button in &buttons {
            check_inline(button, wordings)?;
        }
        return Ok((!buttons.is_empty()).then_some(markup));
    }
    if let Some(rows) = fields.get("keyboard") {
        let buttons = buttons(rows, "\"keyboard\"")?;
        if buttons.len() > REPLY_BUTTONS_MAX {
            return Err(Refusal::bad_request("reply markup is too long"));
        }
        for button in buttons {
            check_reply(button, is_private)?;
        }
        check_placeholder(&markup)?;
    }
    if fields.contains_key("force_reply") {
        check_placeholder(&markup)?;
    }
    // `remove_keyboard` has nothing that could be wrong, and an empty object is no keyboard.
    Ok(None)
}

/// The inline keyboard of an edit, which can have no other.
pub(crate) fn read_inline(call: &Call, wordings: Wordings) -> Result<Option<Value>, Refusal> {
    let markup = read(call, true, wordings)?;
    let given = call.structure("reply_markup", "reply keyboard markup")?;
    let other = given
        .as_ref()
        .and_then(Value::as_object)
        .is_some_and(|fields| !fields.is_empty() && !fields.contains_key("inline_keyboard"));
    if other {
        return Err(Refusal::bad_request("inline keyboard expected"));
    }
    Ok(markup)
}

fn buttons<'a>(rows: &'a Value, field: &str) -> Result<Vec<&'a Value>, Refusal> {
    let broken = || Refusal::bad_request(format!("field {field} must be an Array of Arrays"));
    let mut buttons = Vec::new();
    for row in rows.as_array().ok_or_else(broken)? {
        buttons.extend(row.as_array().ok_or_else(broken)?);
    }
    Ok(buttons)
}

fn check_inline(button: &Value, wordings: Wordings) -> Result<(), Refusal> {
    let broken =
        |what: &str| Refusal::bad_request(format!("can't parse inline keyboard button: {what}"));
    let Value::Object(fields) = button else {
        return Err(broken("InlineKeyboardButton must be an Object"));
    };
    match fields.get("text") {
        Some(Value::String(text)) if !text.trim().is_empty() => {}
        Some(Value::String(_)) => return Err(broken("Button text must be non-empty")),
        Some(_) => return Err(broken("Field \"text\" must be of type String")),
        None => return Err(broken("Can't find field \"text\"")),
    }
    let actions: Vec<&str> = INLINE_ACTIONS
        .iter()
        .copied()
        .filter(|action| {
            let is_empty = fields.get(*action).is_none_or(|value| value == "");
            // An empty one of these counts as none; an empty query is a query.
            !is_empty || (fields.contains_key(*action) && action.starts_with("switch_"))
        })
        .collect();
    let [action] = actions[..] else {
        if actions.is_empty() {
            return Err(Reason::TextButtons.refuse(wordings));
        }
        return Err(broken("Button must have exactly one action"));
    };
    match (action, &fields[action]) {
        ("callback_data", Value::String(data)) if data.len() <= CALLBACK_DATA_MAX => {}
        ("callback_data", Value::String(_)) => return Err(Reason::ButtonData.refuse(wordings)),
        ("url", Value::String(url)) if is_url(url) => {}
        ("url", Value::String(_)) => return Err(Reason::ButtonUrl.refuse(wordings)),
        ("callback_data" | "url", _) => {
            return Err(broken(&format!(
                "Field \"{action}\" must be of type String"
            )));
        }
        ("copy_text", copied) => {
            let text = copied.get("text").and_then(Value::as_str).unwrap_or("");
            if text.is_empty() || text.chars().count() > COPY_TEXT_MAX {
                return Err(Refusal::bad_request("BUTTON_COPY_TEXT_INVALID"));
            }
        }
        _ => {}
    }
    if let Some(style) = fields.get("style") {
        check_style(style)?;
    }
    Ok(())
}

fn check_reply(button: &Value, is_private: bool) -> Result<(), Refusal> {
    let broken = |what: &str| Refusal::bad_request(format!("can't parse keyboard button: {what}"));
    let text = match button {
        Value::String(text) => text.as_str(),
        Value::Object(fields) => match fields.get("text") {
            Some(Value::String(text)) => text,
            Some(_) => return Err(broken("Field \"text\" must be of type String")),
            None => return Err(broken("Can't find field \"text\"")),
        },
        _ => return Err(broken("KeyboardButton must be a String or an Object")),
    };
    if text.trim().is_empty() {
        return Err(broken("KeyboardButton text must be non-empty"));
    }
    let asks = |name: &str| button.get(name).and_then(Value::as_bool).unwrap_or(false);
    if asks("request_contact") && !is_private {
        return Err(Refusal::bad_request(
            "phone number can be requested in private chats only",
        ));
    }
    if asks("request_location") && !is_private {
        return Err(Refusal::bad_request(
            "location can be requested in private chats only",
        ));
    }
    if let Some(style) = button.get("style") {
        check_style(style)?;
    }
    Ok(())
}

fn check_style(style: &Value) -> Result<(), Refusal> {
    match style.as_str() {
        Some("danger" | "success" | "primary") => Ok(()),
        _ => Err(Refusal::bad_request("invalid button style specified")),
    }
}

fn check_placeholder(markup: &Value) -> Result<(), Refusal> {
    match markup.get("input_field_placeholder") {
        Some(Value::String(text)) if text.chars().count() <= PLACEHOLDER_MAX => Ok(()),
        None => Ok(()),
        Some(_) => Err(Refusal::bad_request("INPUT_FIELD_PLACEHOLDER_INVALID")),
    }
}

/// Whether Telegram takes a text for the address of a button: with a scheme it knows, or a host.
fn is_url(text: &str) -> bool {
    let rest = text.split_once("://").map_or(Some(text), |(scheme, rest)| {
        matches!(
            scheme.to_ascii_lowercase().as_str(),
            "http" | "https" | "tg" | "ton" | "tonsite"
        )
        .then_some(rest)
    });
    let is_app = text.to_ascii_lowercase().starts_with("tg://");
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !text.contains(char::is_whitespace) && (is_app || host.contains('.'))
    })
}

const INLINE_BUTTONS_MAX: usize = 100;
const REPLY_BUTTONS_MAX: usize = 300;
const CALLBACK_DATA_MAX: usize = 64;
const COPY_TEXT_MAX: usize = 256;
const PLACEHOLDER_MAX: usize = 64;

const INLINE_ACTIONS: &[&str] = &[
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
];
