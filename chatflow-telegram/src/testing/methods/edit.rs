use chrono::Duration;
use serde_json::Value;

use crate::testing::chat::Membership;
use crate::testing::limits::keyboard;
use crate::testing::limits::text::Formatted;
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::world::{Place, World};

use super::target::{Target, chat_id};

pub(super) fn text(world: &mut World, call: &Call) -> Outcome {
    let wordings = world.settings.wordings;
    if call.text("text").is_none() {
        return Err(world.refuse(Reason::TextNotGiven));
    }
    let text = Formatted::read(call, "text", "entities", wordings)?;
    text.check_text(wordings)?;
    change(world, call, |body| {
        if body.get("text").is_none() {
            return Err("there is no text in the message to edit");
        }
        text.write(body, "text", "entities");
        Ok(())
    })
}

pub(super) fn caption(world: &mut World, call: &Call) -> Outcome {
    let wordings = world.settings.wordings;
    let caption = Formatted::read(call, "caption", "caption_entities", wordings)?;
    caption.check_caption(wordings)?;
    change(world, call, |body| {
        let takes_caption = ["photo", "video", "audio", "voice", "document", "animation"]
            .iter()
            .any(|kind| body.get(kind).is_some());
        if !takes_caption {
            return Err("there is no caption in the message to edit");
        }
        caption.write(body, "caption", "caption_entities");
        Ok(())
    })
}

pub(super) fn reply_markup(world: &mut World, call: &Call) -> Outcome {
    change(world, call, |_| Ok(()))
}

/// Changes a message of the bot. The keyboard is always replaced: an edit without one removes it.
fn change(
    world: &mut World,
    call: &Call,
    change: impl FnOnce(&mut Value) -> Result<(), &'static str>,
) -> Outcome {
    let wordings = world.settings.wordings;
    let keyboard = keyboard::read_inline(call, wordings)?;
    if call.text("inline_message_id").is_some() {
        return Err(Refusal::bad_request("MESSAGE_ID_INVALID"));
    }
    let place = Target::open_place(world, call)?;
    let id = message_id(call)?;
    let (bot_edits, now) = (edits_others(world, place.chat), world.now);
    let not_found = Reason::EditNotFound.refuse(wordings);
    let message = world.message_mut(&place, id).ok_or(not_found)?;
    if !message.ours && !bot_edits {
        return Err(Reason::EditForbidden.refuse(wordings));
    }
    let mut body = message.body.clone();
    change(&mut body).map_err(Refusal::bad_request)?;
    if let Some(fields) = body.as_object_mut() {
        fields.remove("reply_markup");
        if let Some(keyboard) = keyboard {
            fields.insert("reply_markup".into(), keyboard);
        }
    }
    if body == message.body {
        return Err(Reason::NotModified.refuse(wordings));
    }
    body["edit_date"] = now.timestamp().into();
    message.body = body.clone();
    Ok(body)
}

/// In a channel an administrator edits everybody's posts.
fn edits_others(world: &World, chat: i64) -> bool {
    world.is_channel(chat)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let place = Target::open_place(world, call)?;
    let id = message_id(call)?;
    if world.message(&place, id).is_none() {
        return Err(world.refuse(Reason::DeleteNotFound));
    }
    if !may_delete(world, &place, id) {
        return Err(world.refuse(Reason::DeleteForbidden));
    }
    if let Some(message) = world.message_mut(&place, id) {
        message.deleted = true;
    }
    Ok(true.into())
}

/// Skips what is not there, and refuses all if one can't be deleted.
pub(super) fn delete_many(world: &mut World, call: &Call) -> Outcome {
    let place = Target::open_place(world, call)?;
    let ids = match call.structure("message_ids", "message identifiers")? {
        Some(Value::Array(ids)) => ids,
        Some(_) => {
            return Err(Refusal::bad_request(
                "expected an Array of message identifiers",
            ));
        }
        None => Vec::new(),
    };
    if ids.is_empty() {
        return Err(Refusal::bad_request(
            "message identifiers are not specified",
        ));
    }
    if ids.len() > DELETE_MAX {
        return Err(Refusal::bad_request(
            "too many message identifiers specified",
        ));
    }
    let ids: Vec<i64> = ids
        .iter()
        .map(|id| {
            id.as_i64()
                .or_else(|| id.as_str()?.parse().ok())
                .ok_or_else(|| Refusal::bad_request("message identifier must be a Number"))
        })
        .collect::<Result<_, _>>()?;
    let there: Vec<i64> = ids
        .into_iter()
        .filter(|id| world.message(&place, *id).is_some())
        .collect();
    if there.iter().any(|id| !may_delete(world, &place, *id)) {
        return Err(world.refuse(Reason::DeleteForbidden));
    }
    for id in there {
        if let Some(message) = world.message_mut(&place, id) {
            message.deleted = true;
        }
    }
    Ok(true.into())
}

/// Within 48 hours; those of others only in private chats and by administrators.
fn may_delete(world: &World, place: &Place, id: i64) -> bool {
    let Some(message) = world.message(place, id) else {
        return false;
    };
    let group = world.groups.get(&place.chat);
    let is_admin = group
        .is_some_and(|group| matches!(group.bot, Membership::Administrator | Membership::Creator));
    if is_admin {
        return true;
    }
    world.now - message.at < Duration::hours(48) && (message.ours || group.is_none())
}

fn message_id(call: &Call) -> Result<i64, Refusal> {
    call.integer("message_id")
        .ok_or_else(|| Refusal::bad_request("message identifier is not specified"))
}

impl Target {
    /// The place of a message that is there already: the chat must be reached, but the bot needs no
    /// right to write.
    fn open_place(world: &World, call: &Call) -> Result<Place, Refusal> {
        let chat = chat_id(world, call)?;
        let connection = call.text("business_connection_id");
        if connection.is_some() {
            return Self::open(world, call).map(|target| target.place);
        }
        if world.groups.contains_key(&chat) {
            super::target::check_in(world, chat)?;
        } else if !world.people.contains_key(&chat) {
            return Err(world.refuse(Reason::ChatNotFound));
        }
        Ok(Place::of(chat))
    }
}

const DELETE_MAX: usize = 100;
