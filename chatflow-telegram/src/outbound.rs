//! What a part of a message is as a request.
//!
//! ```text
//! text ──► sendMessage         one medium ──► sendPhoto, sendVideo, …
//! several media ──► sendMediaGroup, the text under the first
//! ```
//!
//! Nothing is sent here: the same part always gives the same request.

use chatflow_core::{ExternalId, Media, MediaKind, Message, Outbound, SendError, SendErrorClass};
use reqwest::Url;
use serde::Serialize;
use serde_json::{Map, Value};
use teloxide_core::payloads;
use teloxide_core::types::{
    BusinessConnectionId, ChatAction, ChatId, FileId, InlineKeyboardMarkup, InputFile, InputMedia,
    InputMediaAudio, InputMediaDocument, InputMediaPhoto, InputMediaVideo, MessageEntity,
    MessageId, ReplyMarkup, ReplyParameters, ThreadId,
};

use crate::address::Place;
use crate::entities::entities;
use crate::inbound::FILE;
use crate::keyboard::{inline_markup, markup};

/// A method, its fields and the files to be sent along. It has no `Debug`: it is content.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    /// The method.
    pub(crate) method: &'static str,
    /// Its fields; those of files say `attach://NAME`.
    pub(crate) fields: Map<String, Value>,
    /// The files, to be read from the host's store.
    pub(crate) files: Vec<Attachment<'a>>,
}

/// A file that the host has.
#[derive(Clone)]
pub(crate) struct Attachment<'a> {
    /// Its name within the request.
    pub(crate) field: String,
    /// What it is.
    pub(crate) media: &'a Media,
}

/// The request that sends a part.
pub(crate) fn send<'a>(place: &Place, part: &Outbound<'a>) -> Result<Request<'a>, SendError> {
    let message = part.message;
    let chat = ChatId(place.chat);
    let mut files = Files::default();
    let (method, fields) = match message.media() {
        [] if message.text().is_empty() => return Err(invalid("the message is empty")),
        [] => {
            let payload = payloads::SendMessage {
                entities: formatting(message),
                ..payloads::SendMessage::new(chat, message.text())
            };
            ("sendMessage", fields(&payload)?)
        }
        [media] => single(chat, media, message, &mut files)?,
        items => {
            if message.choices().len() > 0 {
                return Err(unsupported("an album carries no choices"));
            }
            let items = items.iter().enumerate();
            let items =
                items.map(|(n, media)| item(media, (n == 0).then_some(message), &mut files));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            let payload = payloads::SendMediaGroup::new(chat, items);
            ("sendMediaGroup", fields(&payload)?)
        }
    };
    let mut request = Request {
        method,
        fields,
        files: files.0,
    };
    request.add(&Common {
        reply_parameters: part.quotes.and_then(reply_to),
        reply_markup: markup(message),
        ..Common::of(place)
    })?;
    Ok(request)
}

/// The request that puts another text in place of a message's own, or of what stands under its
/// media. Its choices are those of the new form; only those under a message can be changed.
pub(crate) fn edit(
    place: &Place,
    id: &ExternalId,
    message: &Message,
    is_caption: bool,
) -> Result<Request<'static>, SendError> {
    let (chat, id) = (ChatId(place.chat), message_id(id)?);
    let keyboard = keyboard_of_edit(message);
    let (method, fields) = if is_caption {
        let payload = payloads::EditMessageCaption {
            caption: Some(message.text().to_owned()),
            caption_entities: formatting(message),
            reply_markup: keyboard,
            ..payloads::EditMessageCaption::new(chat, id)
        };
        ("editMessageCaption", fields(&payload)?)
    } else {
        let payload = payloads::EditMessageText {
            entities: formatting(message),
            reply_markup: keyboard,
            ..payloads::EditMessageText::new(chat, id, message.text())
        };
        ("editMessageText", fields(&payload)?)
    };
    let mut request = Request::of(method, fields);
    request.add(&Common::in_the_name_of(place))?;
    Ok(request)
}

/// The request that takes a message back.
pub(crate) fn delete(place: &Place, id: &ExternalId) -> Result<Request<'static>, SendError> {
    let id = message_id(id)?;
    Ok(match &place.connection {
        Some(connection) => {
            let connection = BusinessConnectionId(connection.clone());
            let payload = payloads::DeleteBusinessMessages::new(connection, [id]);
            Request::of("deleteBusinessMessages", fields(&payload)?)
        }
        None => {
            let payload = payloads::DeleteMessage::new(ChatId(place.chat), id);
            Request::of("deleteMessage", fields(&payload)?)
        }
    })
}

/// The request that shows that a message is being written.
pub(crate) fn typing(place: &Place) -> Result<Request<'static>, SendError> {
    let payload = payloads::SendChatAction::new(ChatId(place.chat), ChatAction::Typing);
    let mut request = Request::of("sendChatAction", fields(&payload)?);
    request.add(&Common::of(place))?;
    Ok(request)
}

/// The request that shows a business account's customer that his message was read.
pub(crate) fn mark_read(place: &Place, id: &ExternalId) -> Result<Request<'static>, SendError> {
    let Some(connection) = &place.connection else {
        return Err(unsupported("a bot can't show that it has read"));
    };
    let connection = BusinessConnectionId(connection.clone());
    let payload =
        payloads::ReadBusinessMessage::new(connection, ChatId(place.chat), message_id(id)?);
    Ok(Request::of("readBusinessMessage", fields(&payload)?))
}

impl Request<'_> {
    fn of(method: &'static str, fields: Map<String, Value>) -> Self {
        Self {
            method,
            fields,
            files: Vec::new(),
        }
    }

    /// The same without any formatting; none where it has none.
    pub(crate) fn without_formatting(&self) -> Option<Self> {
        let mut plain = self.clone();
        let mut was_formatted = plain.fields.remove("entities").is_some();
        was_formatted |= plain.fields.remove("caption_entities").is_some();
        let items = plain.fields.get_mut("media").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let item = item.as_object_mut();
            was_formatted |= item.is_some_and(|item| item.remove("caption_entities").is_some());
        }
        was_formatted.then_some(plain)
    }

    fn add(&mut self, more: &Common) -> Result<(), SendError> {
        self.fields.append(&mut fields(more)?);
        Ok(())
    }
}

/// What all sends have in common.
#[derive(Serialize)]
struct Common {
    #[serde(skip_serializing_if = "Option::is_none")]
    business_connection_id: Option<BusinessConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<ThreadId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_parameters: Option<ReplyParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_markup: Option<ReplyMarkup>,
}

impl Common {
    fn of(place: &Place) -> Self {
        Self {
            message_thread_id: place.thread.map(|thread| ThreadId(MessageId(thread))),
            ..Self::in_the_name_of(place)
        }
    }

    fn in_the_name_of(place: &Place) -> Self {
        Self {
            business_connection_id: place.connection.clone().map(BusinessConnectionId),
            message_thread_id: None,
            reply_parameters: None,
            reply_markup: None,
        }
    }
}

/// The files of one request that the host has.
#[derive(Default)]
struct Files<'a>(Vec<Attachment<'a>>);

impl<'a> Files<'a> {
    /// A medium's file: one of Telegram's, one of the web, or one of the host's to be sent along.
    fn take(&mut self, media: &'a Media) -> Result<InputFile, SendError> {
        let reference = media.reference.as_str();
        if let Some(id) = reference.strip_prefix(FILE).filter(|id| !id.is_empty()) {
            return Ok(InputFile::file_id(FileId(id.to_owned())));
        }
        if reference.starts_with("https://") || reference.starts_with("http://") {
            if media.kind == MediaKind::RoundVideo {
                return Err(unsupported("a round video can't be sent by its address"));
            }
            let url =
                Url::parse(reference).map_err(|_| invalid("the address of a file is none"))?;
            return Ok(InputFile::url(url));
        }
        let field = format!("file{}", self.0.len());
        let place_of_file = FileId(format!("attach://{field}"));
        self.0.push(Attachment { field, media });
        Ok(InputFile::file_id(place_of_file))
    }
}

type Method = (&'static str, Map<String, Value>);

/// One medium, with the text under it.
fn single<'a>(
    chat: ChatId,
    media: &'a Media,
    message: &Message,
    files: &mut Files<'a>,
) -> Result<Method, SendError> {
    let caption = (!message.text().is_empty()).then(|| message.text().to_owned());
    let caption_entities = formatting(message);
    macro_rules! captioned {
        ($method:literal, $payload:ident) => {{
            let payload = payloads::$payload {
                caption,
                caption_entities,
                ..payloads::$payload::new(chat, files.take(media)?)
            };
            Ok(($method, fields(&payload)?))
        }};
    }
    match media.kind {
        MediaKind::Photo => return captioned!("sendPhoto", SendPhoto),
        MediaKind::Video => return captioned!("sendVideo", SendVideo),
        MediaKind::Audio => return captioned!("sendAudio", SendAudio),
        MediaKind::Voice => return captioned!("sendVoice", SendVoice),
        MediaKind::File => return captioned!("sendDocument", SendDocument),
        _ if caption.is_some() => {
            return Err(unsupported(format!(
                "no text stands under a {}",
                media.kind
            )));
        }
        _ => {}
    }
    match media.kind {
        MediaKind::RoundVideo => {
            let payload = payloads::SendVideoNote::new(chat, files.take(media)?);
            Ok(("sendVideoNote", fields(&payload)?))
        }
        MediaKind::Sticker => {
            let payload = payloads::SendSticker::new(chat, files.take(media)?);
            Ok(("sendSticker", fields(&payload)?))
        }
        MediaKind::Location => {
            let (latitude, longitude) = media
                .coordinates()
                .ok_or_else(|| invalid("a place has no coordinates"))?;
            let payload = payloads::SendLocation::new(chat, latitude, longitude);
            Ok(("sendLocation", fields(&payload)?))
        }
        MediaKind::Contact => {
            let phone = media
                .phone()
                .ok_or_else(|| invalid("a contact card has no telephone number"))?;
            // Telegram wants a name; the number itself is the least wrong one.
            let name = media.name.as_ref().map(|name| name.as_str().trim());
            let name = name.filter(|name| !name.is_empty()).unwrap_or(phone);
            let payload = payloads::SendContact::new(chat, phone, name);
            Ok(("sendContact", fields(&payload)?))
        }
        kind => Err(unsupported(format!(
            "Telegram sends no media of kind {kind}"
        ))),
    }
}

/// One item of an album, with the message's text where it is the first.
fn item<'a>(
    media: &'a Media,
    captioned_by: Option<&Message>,
    files: &mut Files<'a>,
) -> Result<InputMedia, SendError> {
    let message = captioned_by.filter(|message| !message.text().is_empty());
    let caption = message.map(|message| message.text().to_owned());
    let caption_entities = message.and_then(formatting);
    macro_rules! item {
        ($variant:ident, $type:ident) => {{
            let mut item = $type::new(files.take(media)?);
            item.caption = caption;
            item.caption_entities = caption_entities;
            Ok(InputMedia::$variant(item))
        }};
    }
    match media.kind {
        MediaKind::Photo => item!(Photo, InputMediaPhoto),
        MediaKind::Video => item!(Video, InputMediaVideo),
        MediaKind::Audio => item!(Audio, InputMediaAudio),
        MediaKind::File => item!(Document, InputMediaDocument),
        kind => Err(unsupported(format!(
            "an album holds no media of kind {kind}"
        ))),
    }
}

/// A keyboard in place of the contact's input belongs to no message, so no edit changes it.
fn keyboard_of_edit(message: &Message) -> Option<InlineKeyboardMarkup> {
    match markup(message)? {
        ReplyMarkup::InlineKeyboard(_) => inline_markup(message),
        _ => None,
    }
}

fn formatting(message: &Message) -> Option<Vec<MessageEntity>> {
    let entities = entities(message.text(), message.marks());
    (!entities.is_empty()).then_some(entities)
}

/// What it replies to. One that isn't there any more, or that no message of Telegram's can be,
/// keeps nothing from being sent.
fn reply_to(id: &ExternalId) -> Option<ReplyParameters> {
    let id = message_id(id).ok()?;
    Some(ReplyParameters::new(id).allow_sending_without_reply())
}

fn message_id(id: &ExternalId) -> Result<MessageId, SendError> {
    let number = id.as_str().parse();
    number
        .map(MessageId)
        .map_err(|_| invalid("the id names no message of Telegram's"))
}

fn fields(payload: &impl Serialize) -> Result<Map<String, Value>, SendError> {
    match serde_json::to_value(payload) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(invalid("the request can't be written as JSON")),
    }
}

fn invalid(detail: &str) -> SendError {
    SendError::new(SendErrorClass::Invalid, detail)
}

fn unsupported(detail: impl Into<String>) -> SendError {
    SendError::new(SendErrorClass::Unsupported, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_back_goes_by_the_account_it_was_sent_for() {
        let request = |place: &Place| delete(place, &ExternalId::from("7")).unwrap();
        let own = request(&Place::of(5));
        assert_eq!(own.method, "deleteMessage");
        assert_eq!(
            Value::Object(own.fields),
            serde_json::json!({"chat_id": 5, "message_id": 7})
        );
        let business = request(&Place {
            connection: Some("abc".to_owned()),
            ..Place::of(5)
        });
        assert_eq!(business.method, "deleteBusinessMessages");
        assert_eq!(
            Value::Object(business.fields),
            serde_json::json!({"business_connection_id": "abc", "message_ids": [7]})
        );
    }
}
