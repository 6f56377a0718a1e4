use serde_json::json;

use crate::testing::limits::keyboard;
use crate::testing::limits::text::Formatted;
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::world::World;

use super::target::Target;

pub(super) fn message(world: &mut World, call: &Call) -> Outcome {
    let wordings = world.settings.wordings;
    if call.text("text").is_none() {
        return Err(world.refuse(Reason::TextNotGiven));
    }
    let text = Formatted::read(call, "text", "entities", wordings)?;
    text.check_text(wordings)?;
    let keyboard = keyboard::read(call, Target::is_private(world, call), wordings)?;
    let target = Target::open(world, call)?;
    let mut content = json!({});
    text.write(&mut content, "text", "entities");
    if let Some(options) = call.structure("link_preview_options", "link preview options")? {
        content["link_preview_options"] = options;
    }
    target.send_one(world, call, content, keyboard)
}

pub(super) fn location(world: &mut World, call: &Call) -> Outcome {
    let coordinate = |name: &str, limit: f64| {
        let value = call
            .number(name)
            .ok_or_else(|| Refusal::bad_request(format!("{name} is empty")))?;
        if value.abs() > limit {
            return Err(Refusal::bad_request("wrong location coordinates specified"));
        }
        Ok(value)
    };
    let latitude = coordinate("latitude", 90.0)?;
    let longitude = coordinate("longitude", 180.0)?;
    let wordings = world.settings.wordings;
    let keyboard = keyboard::read(call, Target::is_private(world, call), wordings)?;
    let target = Target::open(world, call)?;
    let content = json!({ "location": { "latitude": latitude, "longitude": longitude } });
    target.send_one(world, call, content, keyboard)
}

pub(super) fn contact(world: &mut World, call: &Call) -> Outcome {
    let field = |name: &str| {
        call.text(name)
            .ok_or_else(|| Refusal::bad_request(format!("{name} must be non-empty")))
    };
    let mut contact = json!({
        "phone_number": field("phone_number")?,
        "first_name": field("first_name")?,
    });
    for name in ["last_name", "vcard"] {
        if let Some(value) = call.text(name) {
            contact[name] = value.into();
        }
    }
    let wordings = world.settings.wordings;
    let keyboard = keyboard::read(call, Target::is_private(world, call), wordings)?;
    let target = Target::open(world, call)?;
    target.send_one(world, call, json!({ "contact": contact }), keyboard)
}

pub(super) fn chat_action(world: &World, call: &Call) -> Outcome {
    let action = call.text("action").unwrap_or_default();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(Refusal::bad_request("wrong parameter action in request"));
    }
    Target::open(world, call)?;
    Ok(true.into())
}

const ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];
