use chrono::Duration;
use serde_json::{Value, json};

use crate::testing::chat::Membership;
use crate::testing::limits::text::utf16_length;
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::world::{Place, World};

use super::target::{chat_id, check_in};

pub(super) fn get_me(world: &World) -> Outcome {
    let mut me = world.bot_user();
    for (field, value) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", false),
        ("supports_inline_queries", false),
        ("supports_guest_queries", false),
        ("can_connect_to_business", true),
        ("has_main_web_app", false),
        ("has_topics_enabled", false),
        ("allows_users_to_create_topics", false),
        ("can_manage_bots", false),
    ] {
        me[field] = value.into();
    }
    Ok(me)
}

pub(super) fn get_chat(world: &mut World, call: &Call) -> Outcome {
    let id = chat_id(world, call)?;
    if world.groups.contains_key(&id) {
        check_in(world, id)?;
    } else if !world.people.get(&id).is_some_and(|chat| chat.started) {
        return Err(world.refuse(Reason::ChatNotFound));
    }
    let is_group = world.groups.contains_key(&id);
    let mut chat = world.chat(id);
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true,
        "premium_subscription": true, "gifts_from_channels": true,
    });
    if is_group {
        chat["permissions"] = json!({
            "can_send_messages": true, "can_send_audios": true, "can_send_documents": true,
            "can_send_photos": true, "can_send_videos": true, "can_send_video_notes": true,
            "can_send_voice_notes": true, "can_send_polls": true,
            "can_send_other_messages": true, "can_add_web_page_previews": true,
            "can_react_to_messages": true, "can_edit_tag": true, "can_change_info": false,
            "can_invite_users": true, "can_pin_messages": false, "can_manage_topics": false,
        });
    }
    Ok(chat)
}

pub(super) fn get_chat_member(world: &mut World, call: &Call) -> Outcome {
    let id = chat_id(world, call)?;
    let user = call
        .integer("user_id")
        .filter(|user| *user > 0)
        .ok_or_else(|| Refusal::bad_request("invalid user_id specified"))?;
    if !world.groups.contains_key(&id) {
        return Err(world.refuse(Reason::ChatNotFound));
    }
    check_in(world, id)?;
    let is_bot = user == world.settings.bot_id();
    if !is_bot && !world.people.contains_key(&user) {
        return Err(Refusal::bad_request("PARTICIPANT_ID_INVALID"));
    }
    let group = &world.groups[&id];
    let membership = if is_bot {
        group.bot
    } else {
        if world.is_channel(id) && group.bot != Membership::Administrator {
            return Err(Refusal::bad_request("member list is inaccessible"));
        }
        group
            .members
            .get(&user)
            .copied()
            .unwrap_or(Membership::Left)
    };
    Ok(membership.member(world.user(user)))
}

pub(super) fn get_file(world: &World, call: &Call) -> Outcome {
    let id = call
        .text("file_id")
        .ok_or_else(|| Refusal::bad_request("file_id not specified"))?;
    let file = world
        .file(&id)
        .ok_or_else(|| world.refuse(Reason::FileUnknown))?;
    if file.size > DOWNLOAD_MAX {
        return Err(world.refuse(Reason::FileTooBig));
    }
    let mut object = world.file_fields(&id);
    object["file_path"] = file.path.clone().into();
    Ok(object)
}

pub(super) fn get_business_connection(world: &mut World, call: &Call) -> Outcome {
    let id = call.text("business_connection_id").unwrap_or_default();
    let Some(connection) = world.connections.get(&id).cloned() else {
        return Err(world.refuse(Reason::BusinessUnknown));
    };
    let owner = world.user(connection.owner);
    Ok(connection.object(owner))
}

pub(super) fn read_business_message(world: &mut World, call: &Call) -> Outcome {
    let id = call.text("business_connection_id").unwrap_or_default();
    let Some(connection) = world.connections.get(&id) else {
        return Err(world.refuse(Reason::BusinessUnknown));
    };
    if !connection.enabled {
        return Err(world.refuse(Reason::BusinessDisabled));
    }
    if !connection.rights.can_read_messages {
        return Err(world.refuse(Reason::BusinessForbidden));
    }
    let chat = chat_id(world, call)?;
    let is_open = connection
        .last_incoming
        .get(&chat)
        .is_some_and(|last| world.now - *last < Duration::hours(24));
    if !is_open {
        return Err(world.refuse(Reason::BusinessClosed));
    }
    let place = Place {
        chat,
        connection: Some(id.clone()),
    };
    let message = call
        .integer("message_id")
        .filter(|message| world.message(&place, *message).is_some())
        .ok_or_else(|| Refusal::bad_request("message not found"))?;
    world.read.insert((id, chat, message));
    Ok(true.into())
}

pub(super) fn set_my_commands(world: &mut World, call: &Call) -> Outcome {
    let commands = match call.structure("commands", "commands")? {
        Some(Value::Array(commands)) => commands,
        None => Vec::new(),
        Some(_) => return Err(Refusal::bad_request("expected an Array of BotCommand")),
    };
    if commands.len() > 100 {
        return Err(Refusal::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in &commands {
        let text = |name: &str| command.get(name).and_then(Value::as_str).unwrap_or("");
        let name = text("command").trim_start_matches('/');
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(is_plain) {
            return Err(Refusal::bad_request("BOT_COMMAND_INVALID"));
        }
        let length = text("description").chars().count();
        if length == 0 || length > 256 {
            return Err(Refusal::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    world.commands = commands;
    Ok(true.into())
}

pub(super) fn log_out(world: &mut World) -> Outcome {
    world.logged_out = true;
    Ok(true.into())
}

/// A query lives 150 seconds; after that, or if there never was one, it is too old.
pub(super) fn answer_callback_query(world: &mut World, call: &Call) -> Outcome {
    if let Some(text) = call.text("text")
        && utf16_length(&text) > ANSWER_MAX
    {
        return Err(Refusal::bad_request("MESSAGE_TOO_LONG"));
    }
    if call
        .text("url")
        .is_some_and(|url| !url.starts_with("t.me/") && !url.contains("://t.me/"))
    {
        return Err(Refusal::bad_request("URL_INVALID"));
    }
    let id = call.text("callback_query_id").unwrap_or_default();
    let now = world.now;
    let query = world
        .queries
        .get_mut(&id)
        .filter(|query| now - query.at < Duration::seconds(150));
    match query {
        Some(query) => {
            query.answer = Some(call.logged());
            Ok(true.into())
        }
        None => Err(world.refuse(Reason::StaleCallback)),
    }
}

const DOWNLOAD_MAX: usize = 20 * 1024 * 1024;
const ANSWER_MAX: usize = 200;
