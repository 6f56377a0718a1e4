use serde_json::Value;

use crate::testing::refusal::{Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::settings::Wordings;

use super::html;

/// A text and its entities, as they end up in the message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    pub(crate) entities: Vec<Value>,
}

impl Formatted {
    /// Reads a text by its parse mode or with the entities given beside it.
    pub(crate) fn read(
        call: &Call,
        text: &str,
        entities: &str,
        wordings: Wordings,
    ) -> Result<Self, Refusal> {
        let source = call.text(text).unwrap_or_default();
        let mode = call.text("parse_mode").unwrap_or_default();
        let mut formatted = match mode.to_ascii_lowercase().as_str() {
            "" | "none" => Self::with_entities(&source, call.structure(entities, entities)?)?,
            "html" => html::parse(&source, wordings)
                .map_err(|error| Refusal::bad_request(format!("can't parse entities: {error}")))?,
            _ => return Err(Refusal::bad_request("unsupported parse_mode")),
        };
        formatted.trim();
        Ok(formatted)
    }

    fn with_entities(text: &str, entities: Option<Value>) -> Result<Self, Refusal> {
        let mut formatted = Self {
            text: text.to_owned(),
            entities: Vec::new(),
        };
        let Some(entities) = entities else {
            return Ok(formatted);
        };
        let Value::Array(entities) = entities else {
            return Err(Refusal::bad_request("expected an Array of MessageEntity"));
        };
        let length = utf16_length(text);
        for entity in entities {
            if let Some(entity) = checked(entity, text, length)? {
                formatted.entities.push(entity);
            }
        }
        formatted.entities.sort_by_key(place);
        Ok(formatted)
    }

    /// Telegram strips white space around a text and moves its entities along.
    fn trim(&mut self) {
        let end = self.text.trim_end().len();
        self.text.truncate(end);
        let start = self.text.len() - self.text.trim_start().len();
        let cut = utf16_length(&self.text[..start]);
        self.text.drain(..start);
        let length = utf16_length(&self.text);
        self.entities.retain_mut(|entity| {
            let (from, until) = bounds(entity);
            let from = from.saturating_sub(cut).min(length);
            let until = until.saturating_sub(cut).min(length);
            entity["offset"] = from.into();
            entity["length"] = (until - from).into();
            from < until
        });
    }

    /// Checks the text of a message.
    pub(crate) fn check_text(&self, wordings: Wordings) -> Result<(), Refusal> {
        if self.text.is_empty() {
            return Err(Reason::TextEmpty.refuse(wordings));
        }
        if utf16_length(&self.text) > TEXT_MAX {
            return Err(Reason::TextTooLong.refuse(wordings));
        }
        Ok(())
    }

    /// Checks the caption of a file.
    pub(crate) fn check_caption(&self, wordings: Wordings) -> Result<(), Refusal> {
        if utf16_length(&self.text) > CAPTION_MAX {
            return Err(Reason::CaptionTooLong.refuse(wordings));
        }
        Ok(())
    }

    /// Writes the text under the names it has in a message; nothing if it is empty.
    pub(crate) fn write(&self, message: &mut Value, text: &str, entities: &str) {
        let Some(fields) = message.as_object_mut() else {
            return;
        };
        fields.remove(text);
        fields.remove(entities);
        if !self.text.is_empty() {
            fields.insert(text.to_owned(), self.text.clone().into());
            if !self.entities.is_empty() {
                fields.insert(entities.to_owned(), self.entities.clone().into());
            }
        }
    }
}

/// An entity that lies inside the text; `None` for an empty one, which Telegram drops.
fn checked(entity: Value, text: &str, length: usize) -> Result<Option<Value>, Refusal> {
    let broken = |what: &str| Refusal::bad_request(format!("can't parse MessageEntity: {what}"));
    let kind = entity
        .get("type")
        .and_then(Value::as_str)
        .ok_or_else(|| broken("Can't find field \"type\""))?;
    if !ENTITY_TYPES.contains(&kind) {
        return Err(broken("Unsupported type specified"));
    }
    for (of, field) in [
        ("text_link", "url"),
        ("text_mention", "user"),
        ("custom_emoji", "custom_emoji_id"),
    ] {
        if kind == of && entity.get(field).is_none() {
            return Err(broken(&format!("Can't find field \"{field}\"")));
        }
    }
    let number = |name: &str| entity.get(name).and_then(Value::as_i64);
    let offset = number("offset").ok_or_else(|| broken("Can't find field \"offset\""))?;
    let size = number("length").ok_or_else(|| broken("Can't find field \"length\""))?;
    let (Ok(from), Ok(size)) = (usize::try_from(offset), usize::try_from(size)) else {
        return Err(Refusal::bad_request(
            "receive an entity with incorrect offset or length",
        ));
    };
    let until = from.saturating_add(size);
    if until > length {
        return Err(Refusal::bad_request(format!(
            "entity beginning at UTF-16 offset {from} ends after the end of the text at UTF-16 offset {until}"
        )));
    }
    if !is_boundary(text, from) {
        return Err(Refusal::bad_request(format!(
            "entity begins in a middle of a UTF-16 symbol at UTF-16 offset {from}"
        )));
    }
    if !is_boundary(text, until) {
        return Err(Refusal::bad_request(format!(
            "entity ends in a middle of a UTF-16 symbol at UTF-16 offset {until}"
        )));
    }
    Ok((size > 0).then_some(entity))
}

/// Whether a place counted in UTF-16 units is between two characters.
fn is_boundary(text: &str, at: usize) -> bool {
    let mut units = 0;
    for character in text.chars() {
        if units >= at {
            break;
        }
        units += character.len_utf16();
    }
    units == at
}

/// The length of a text as Telegram counts it.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn bounds(entity: &Value) -> (usize, usize) {
    let number = |name: &str| {
        let value = entity.get(name).and_then(Value::as_u64).unwrap_or(0);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    let from = number("offset");
    (from, from.saturating_add(number("length")))
}

/// Outer entities before inner ones.
pub(crate) fn place(entity: &Value) -> (usize, std::cmp::Reverse<usize>) {
    let (from, until) = bounds(entity);
    (from, std::cmp::Reverse(until))
}

const TEXT_MAX: usize = 4096;
const CAPTION_MAX: usize = 1024;

const ENTITY_TYPES: &[&str] = &[
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
];
