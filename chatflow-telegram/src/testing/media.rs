use serde_json::{Value, json};

use super::world::World;

/// The object of a media message that shows a stored file.
pub(crate) fn object(world: &World, kind: &str, file_id: &str, name: &str) -> Value {
    let mut object = world.file_fields(file_id);
    let more = match kind {
        "photo" => {
            let mut small = object.clone();
            small["file_id"] = format!("{file_id}s").into();
            small["file_unique_id"] =
                format!("{}s", object["file_unique_id"].as_str().unwrap_or("")).into();
            small["width"] = 90.into();
            small["height"] = 67.into();
            object["width"] = 800.into();
            object["height"] = 600.into();
            return json!([small, object]);
        }
        "video" => json!({
            "duration": 12, "width": 1280, "height": 720,
            "file_name": name, "mime_type": "video/mp4",
        }),
        "audio" => json!({
            "duration": 180, "title": "Song", "performer": "Anna",
            "file_name": name, "mime_type": "audio/mpeg",
        }),
        "voice" => json!({ "duration": 3, "mime_type": "audio/ogg" }),
        "video_note" => json!({ "duration": 5, "length": 240 }),
        "sticker" => json!({
            "width": 512, "height": 512, "emoji": "👍", "set_name": "fake_by_chatflow",
            "is_animated": false, "is_video": false, "type": "regular",
        }),
        _ => json!({ "file_name": name, "mime_type": mime(name) }),
    };
    if let (Value::Object(fields), Value::Object(more)) = (&mut object, more) {
        fields.extend(more);
    }
    object
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("png") => "image/png",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

/// The kinds a message can carry one file as: the method's last word, and the field.
pub(crate) const KINDS: &[&str] = &[
    "photo",
    "video",
    "audio",
    "voice",
    "video_note",
    "document",
    "sticker",
];
