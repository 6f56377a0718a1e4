use serde_json::{Value, json};

use crate::testing::limits::keyboard;
use crate::testing::limits::text::Formatted;
use crate::testing::media;
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::{Call, Upload};
use crate::testing::world::World;

use super::target::Target;

/// A method that sends one file.
pub(super) fn single(world: &mut World, call: &Call, kind: &'static str) -> Outcome {
    let wordings = world.settings.wordings;
    let file = Source::read(world, call, kind, call.text(kind), call.files.get(kind))?;
    let caption = Formatted::read(call, "caption", "caption_entities", wordings)?;
    caption.check_caption(wordings)?;
    let keyboard = keyboard::read(call, Target::is_private(world, call), wordings)?;
    let target = Target::open(world, call)?;
    let content = content(world, call, kind, file, &caption);
    target.send_one(world, call, content, keyboard)
}

pub(super) fn album(world: &mut World, call: &Call) -> Outcome {
    let items = match call.structure("media", "media")? {
        Some(Value::Array(items)) => items,
        Some(_) => return Err(Refusal::bad_request("expected an Array of InputMedia")),
        None => Vec::new(),
    };
    match items.len() {
        0 => return Err(world.refuse(Reason::AlbumEmpty)),
        1 => {
            return Err(Refusal::bad_request("too few messages to send as an album"));
        }
        2..=10 => {}
        _ => return Err(world.refuse(Reason::AlbumTooLong)),
    }
    let mut parts = Vec::new();
    for item in items {
        parts.push(album_item(world, call, item)?);
    }
    let alone = |kind: &str| parts.iter().any(|(_, item, ..)| *item == kind);
    let mixed = ["document", "audio"]
        .iter()
        .any(|kind| alone(kind) && parts.iter().any(|(_, item, ..)| item != kind));
    if mixed {
        return Err(world.refuse(Reason::AlbumMixed));
    }
    let target = Target::open(world, call)?;
    let group = format!("{}", 13_000_000_000_000_000 + world.next());
    let mut contents = Vec::new();
    for (item, kind, file, caption) in parts {
        let mut content = content(world, &item, kind, file, &caption);
        content["media_group_id"] = group.clone().into();
        contents.push(content);
    }
    Ok(target.send(world, call, contents, None)?.into())
}

/// One `InputMedia`, read like a call of its own.
fn album_item(
    world: &World,
    call: &Call,
    item: Value,
) -> Result<(Call, &'static str, Source, Formatted), Refusal> {
    let broken = |what: String| Refusal::bad_request(format!("can't parse InputMedia: {what}"));
    let Value::Object(fields) = item else {
        return Err(broken("expected an Object".into()));
    };
    let item = Call {
        method: call.method.clone(),
        params: fields,
        ..Call::default()
    };
    let given = item.text("type").unwrap_or_default();
    let kind = ["photo", "video", "audio", "document"]
        .into_iter()
        .find(|kind| *kind == given)
        .ok_or_else(|| broken(format!("type \"{given}\" can't be used in sendMediaGroup")))?;
    let name = item
        .text("media")
        .ok_or_else(|| broken("media not found".into()))?;
    let file = Source::read(world, call, kind, Some(name), None)?;
    let wordings = world.settings.wordings;
    let caption = Formatted::read(&item, "caption", "caption_entities", wordings)?;
    caption.check_caption(wordings)?;
    Ok((item, kind, file, caption))
}

fn content(
    world: &mut World,
    call: &Call,
    kind: &'static str,
    file: Source,
    caption: &Formatted,
) -> Value {
    let (id, name) = match file {
        Source::Upload(upload) => {
            let id = world.store_file(kind, &upload.name, upload.bytes);
            (id, upload.name)
        }
        Source::Address(url) => {
            let name = url.rsplit('/').next().unwrap_or_default().to_owned();
            (world.store_file(kind, &name, url.into_bytes()), name)
        }
        Source::Known(id) => {
            let name = world
                .file(&id)
                .and_then(|file| Some(file.path.rsplit_once('/')?.1.to_owned()))
                .unwrap_or_default();
            (id, name)
        }
    };
    let mut content = json!({});
    content[kind] = media::object(world, kind, &id, &name);
    for (param, field) in [
        ("duration", "duration"),
        ("title", "title"),
        ("performer", "performer"),
    ] {
        let has = content[kind].get(field).is_some();
        if let Some(value) = call.params.get(param).filter(|_| has) {
            content[kind][field] = match call.integer(param) {
                Some(number) if field == "duration" => number.into(),
                _ => value.clone(),
            };
        }
    }
    if !matches!(kind, "sticker" | "video_note") {
        caption.write(&mut content, "caption", "caption_entities");
    }
    if call.flag("has_spoiler") && matches!(kind, "photo" | "video") {
        content["has_media_spoiler"] = true.into();
    }
    content
}

/// Where a file comes from.
enum Source {
    Upload(Upload),
    Known(String),
    Address(String),
}

impl Source {
    fn read(
        world: &World,
        call: &Call,
        kind: &str,
        text: Option<String>,
        upload: Option<&Upload>,
    ) -> Result<Self, Refusal> {
        let mut upload = upload;
        if let Some(name) = text
            .as_deref()
            .and_then(|text| text.strip_prefix("attach://"))
        {
            upload = call.files.get(name);
            if upload.is_none() {
                return Err(Refusal::bad_request(
                    "can't find the attached file in the request",
                ));
            }
        }
        if let Some(upload) = upload {
            return Self::checked(world, kind, upload);
        }
        let Some(text) = text else {
            let words = kind.replace('_', " ");
            return Err(Refusal::bad_request(format!(
                "there is no {words} in the request"
            )));
        };
        if let Some(host) = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
        {
            if matches!(kind, "video_note") {
                return Err(Refusal::bad_request(
                    "sending video notes by URL is not supported",
                ));
            }
            // A host of one word is found by no server of Telegram's.
            let host = host.split(['/', ':']).next().unwrap_or_default();
            if !host.contains('.') {
                return Err(Refusal::bad_request("wrong HTTP URL specified"));
            }
            return Ok(Self::Address(text));
        }
        match world.file(&text) {
            Some(file) if file.kind == kind || file.kind == "any" => Ok(Self::Known(text)),
            Some(file) => Err(Refusal::bad_request(format!(
                "can't use file of type {} as {}",
                title(file.kind),
                title(kind)
            ))),
            None => Err(Refusal::bad_request(
                "wrong remote file identifier specified: wrong padding in the string",
            )),
        }
    }

    fn checked(world: &World, kind: &str, upload: &Upload) -> Result<Self, Refusal> {
        let size = upload.bytes.len();
        if size == 0 {
            return Err(Refusal::bad_request("file must be non-empty"));
        }
        if size > UPLOAD_MAX {
            return Err(world.refuse(Reason::TooLarge));
        }
        if kind == "photo" && size > PHOTO_MAX {
            return Err(world.refuse(Reason::FileTooBig));
        }
        Ok(Self::Upload(upload.clone()))
    }
}

/// `video_note` to `VideoNote`.
fn title(kind: &str) -> String {
    kind.split('_')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

const PHOTO_MAX: usize = 10 * 1024 * 1024;
const UPLOAD_MAX: usize = 50 * 1024 * 1024;
