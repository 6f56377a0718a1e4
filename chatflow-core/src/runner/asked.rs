//! Who is asked: a plain port, or a provider with a trait of its own.
//!
//! ```text
//!  the engine's request, a value ──► typed request ──► provider
//!  the engine's answer, a value  ◄── checked ◄──────── typed answer
//! ```
//!
//! The engine and the journal know values only. What doesn't fit on either way is a refusal that
//! says so; nothing here panics for what somebody else gave.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as LabelError, StrDeserializer};

use crate::dialog::{Decimal, EffectId, Media, MediaKind, OperatorId, Text, Value};
use crate::flow::Alert;
use crate::runner::{
    BotDone, BotReply, ExternalBot, MembershipChecker, ModelMessage, ModelProvider, ModelPurpose,
    ModelRequest, Notification, Notifier, Port, PortError, Recognizer, Tracker, TrackerEvent,
    Translator, WebhookCaller, WebhookRequest, WebhookResponse,
};

/// The port that models answer.
pub(crate) const MODEL: &str = "model";
/// The port of translators.
pub(crate) const TRANSLATOR: &str = "translator";
/// The port of webhook steps that name none.
pub(crate) const WEBHOOK: &str = "webhook";
/// The port that takes reports of flows.
pub(crate) const TRACKER: &str = "tracker";
/// The port that takes what operators are to be told.
pub(crate) const NOTIFIER: &str = "notifier";

/// Who answers under a name.
#[derive(Clone)]
pub(crate) enum Asked {
    Port(Arc<dyn Port>),
    Model(Arc<dyn ModelProvider>),
    Recognizer(Arc<dyn Recognizer>),
    Translator(Arc<dyn Translator>),
    Webhooks(Arc<dyn WebhookCaller>),
    Tracker(Arc<dyn Tracker>),
    Notifier(Arc<dyn Notifier>),
    Membership(Arc<dyn MembershipChecker>),
    ExternalBot(Arc<dyn ExternalBot>),
}

impl Asked {
    /// Asks, and gives the answer as the engine reads it; null of who only listens. `history` is
    /// for models.
    pub(crate) async fn ask(
        &self,
        key: EffectId,
        request: &Value,
        history: Vec<ModelMessage>,
    ) -> Result<Value, PortError> {
        match self {
            Self::Port(port) => port.call(key, request).await,
            Self::Model(model) => {
                let request = model_request(&Fields::of(request)?, history)?;
                let reply = model.complete(key, &request).await?;
                Ok(map([
                    ("text", reply.text.into()),
                    ("tokens_in", count(reply.tokens_in)),
                    ("tokens_out", count(reply.tokens_out)),
                ]))
            }
            Self::Recognizer(recognizer) => {
                let fields = Fields::of(request)?;
                let media = fields.list("media", media)?;
                let language = fields.optional("language", text)?;
                let language = language.as_ref().map(Text::as_str);
                let texts = recognizer.recognize(key, &media, language).await?;
                as_many(texts, media.len())
            }
            Self::Translator(translator) => {
                let fields = Fields::of(request)?;
                let texts = fields.list("texts", text)?;
                let (from, to) = (fields.optional("from", text)?, fields.required("to", text)?);
                let from = from.as_ref().map(Text::as_str);
                let answer = translator.translate(key, &texts, from, to.as_str());
                as_many(answer.await?, texts.len())
            }
            Self::Webhooks(caller) => {
                let request = webhook_request(&Fields::of(request)?)?;
                webhook_answer(caller.call(key, &request).await?)
            }
            Self::Tracker(tracker) => {
                let event = tracker_event(key, &Fields::of(request)?)?;
                tracker.track(key, &event).await?;
                Ok(Value::Null)
            }
            Self::Notifier(notifier) => {
                let notification = notification(key, &Fields::of(request)?)?;
                notifier.notify(key, &notification).await?;
                Ok(Value::Null)
            }
            Self::Membership(checker) => {
                let fields = Fields::of(request)?;
                let place = fields.required("channel", place)?;
                let contact = fields.required("contact", text)?;
                let member = checker.is_member(key, &place, contact.as_str()).await?;
                Ok(Value::Bool(member))
            }
            Self::ExternalBot(bot) => {
                let message = Fields::of(request)?.optional("message", text)?;
                let reply = bot.talk(key, key.dialog, message.as_ref()).await?;
                Ok(bot_answer(reply))
            }
        }
    }
}

/// How many of the last messages a request to a model wants.
pub(crate) fn memory(request: &Value) -> Result<usize, PortError> {
    let memory = Fields::of(request)?.required("memory", Value::as_integer)?;
    Ok(usize::try_from(memory).unwrap_or(0))
}

fn model_request(
    fields: &Fields<'_>,
    history: Vec<ModelMessage>,
) -> Result<ModelRequest, PortError> {
    let purpose = match fields.required("purpose", text)?.as_str() {
        "route" => {
            let branches = fields.list("branches", text)?.into_iter();
            ModelPurpose::Route(branches.map(|name| name.as_str().to_owned()).collect())
        }
        "reply" => ModelPurpose::Reply,
        "advice" => ModelPurpose::Advice,
        _ => return Err(unfit("purpose")),
    };
    let model = fields.optional("model", text)?;
    Ok(ModelRequest {
        model: model.map(|model| model.as_str().to_owned()),
        purpose,
        system: fields.required("system", text)?,
        history,
    })
}

fn webhook_request(fields: &Fields<'_>) -> Result<WebhookRequest, PortError> {
    let body = fields.optional("body", text)?;
    let headers = fields.optional("headers", |value| every(value, header))?;
    let content_type = fields.optional("content_type", text)?;
    let content_type = content_type.map_or_else(String::new, |text| text.as_str().to_owned());
    Ok(WebhookRequest {
        method: fields.required("method", text)?.as_str().to_owned(),
        url: fields.required("url", text)?,
        headers: headers.unwrap_or_default(),
        body: body.map(|body| (body, content_type)),
    })
}

/// What a status means: an answer, a failure that may pass, or one that won't.
fn webhook_answer(response: WebhookResponse) -> Result<Value, PortError> {
    let WebhookResponse { status, body } = response;
    let detail = format!("status {status}");
    match status {
        200..=299 => Ok(map([
            ("status", Value::Integer(i64::from(status))),
            ("body", body),
        ])),
        408 | 425 | 429 | 500..=599 => Err(PortError::transient().with_detail(detail)),
        _ => Err(PortError::refused().with_detail(detail)),
    }
}

fn tracker_event(key: EffectId, fields: &Fields<'_>) -> Result<TrackerEvent, PortError> {
    let parameters = fields.optional("parameters", |value| match value {
        Value::Map(parameters) => Some(parameters.clone()),
        _ => None,
    })?;
    Ok(TrackerEvent {
        dialog: key.dialog,
        event: fields.required("event", text)?.as_str().to_owned(),
        value: fields.optional("value", decimal)?,
        click_id: fields.optional("click_id", text)?,
        parameters: parameters.unwrap_or_default(),
    })
}

fn notification(key: EffectId, fields: &Fields<'_>) -> Result<Notification, PortError> {
    let robot = fields.optional("robot", text)?;
    let to = OperatorId::new(fields.required("to", text)?.as_str());
    let alert = fields.required("alert", alert)?;
    Ok(Notification {
        robot: robot.map(|robot| robot.as_str().to_owned()),
        ..Notification::new(key.dialog, to, alert)
    })
}

/// What a bot's answer says where it wants a person.
const HANDOFF: &str = "handoff";

/// Whether the answer of a bot on another platform asks for a person.
pub(crate) fn hands_over(answer: &Value) -> bool {
    let Value::Map(answer) = answer else {
        return false;
    };
    answer.get("done").and_then(Value::as_text) == Some(HANDOFF)
}

fn bot_answer(reply: BotReply) -> Value {
    let messages = reply.messages.into_iter().map(Value::Text).collect();
    let done = reply.done.map(|done| match done {
        BotDone::Finished => "finished",
        BotDone::HandOff => HANDOFF,
    });
    let messages = ("messages", Value::List(messages));
    map(std::iter::once(messages).chain(done.map(|done| ("done", done.into()))))
}

/// Texts that must be as many as were asked for.
fn as_many(texts: Vec<Text>, asked: usize) -> Result<Value, PortError> {
    if texts.len() != asked {
        let detail = format!(
            "{} texts were answered where {asked} were asked for",
            texts.len()
        );
        return Err(PortError::refused().with_detail(detail));
    }
    Ok(Value::List(texts.into_iter().map(Value::Text).collect()))
}

// ---- reading and writing values

/// The fields of a request. A field that is null is as good as none.
struct Fields<'a>(&'a BTreeMap<String, Value>);

impl<'a> Fields<'a> {
    fn of(request: &'a Value) -> Result<Self, PortError> {
        match request {
            Value::Map(fields) => Ok(Self(fields)),
            _ => Err(PortError::refused().with_detail("the request is no map")),
        }
    }

    fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, PortError> {
        match self.0.get(name).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| unfit(name)),
        }
    }

    fn required<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, PortError> {
        self.optional(name, read)?.ok_or_else(|| unfit(name))
    }

    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, PortError> {
        self.required(name, |value| every(value, read))
    }
}

fn unfit(name: &str) -> PortError {
    PortError::refused().with_detail(format!("`{name}` of the request is missing or doesn't fit"))
}

/// All of a list.
fn every<'a, T>(value: &'a Value, read: impl Fn(&'a Value) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::List(values) => values.iter().map(read).collect(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<Text> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => Some(*number),
        Value::Integer(number) => Some((*number).into()),
        _ => None,
    }
}

/// A place by its name or by its number.
fn place(value: &Value) -> Option<String> {
    match value {
        Value::Text(name) => Some(name.as_str().to_owned()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn header(value: &Value) -> Option<(String, Text)> {
    match value {
        Value::List(parts) => match parts.as_slice() {
            [Value::Text(name), Value::Text(value)] => {
                Some((name.as_str().to_owned(), value.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn media(value: &Value) -> Option<Media> {
    let fields = Fields::of(value).ok()?;
    let kind = fields.required("kind", text).ok()?;
    let kind = MediaKind::ALL
        .into_iter()
        .find(|known| known.label() == kind.as_str())?;
    let bytes = fields.optional("bytes", Value::as_integer).ok()?;
    Some(Media {
        kind,
        reference: fields.required("reference", text).ok()?,
        preview: fields.optional("preview", text).ok()?,
        bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        name: fields.optional("name", text).ok()?,
    })
}

fn alert(value: &Value) -> Option<Alert> {
    // No rule can name it, so it isn't read as one.
    if value.as_text() == Some(Alert::Distributed.label()) {
        return Some(Alert::Distributed);
    }
    let label: StrDeserializer<'_, LabelError> = value.as_text()?.into_deserializer();
    Alert::deserialize(label).ok()
}

/// A number of tokens; nobody reads more than fit.
fn count(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Map(
        entries
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}
