use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::refusal::{Outcome, Reason, Refusal};
use super::settings::Wordings;

/// A method call in one form, whichever of Telegram's four ways it came by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// The method in lower case, as Telegram compares it.
    pub(crate) method: String,
    pub(crate) params: Map<String, Value>,
    pub(crate) files: BTreeMap<String, Upload>,
}

/// A file that came with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Call {
    /// Reads query string and body.
    pub(crate) async fn read(
        method: &str,
        request: Request,
        wordings: Wordings,
    ) -> Result<Self, Refusal> {
        let mut call = Self {
            method: method.to_ascii_lowercase(),
            ..Self::default()
        };
        if let Some(query) = request.uri().query() {
            call.add_pairs(query);
        }
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            call.add_multipart(request, wordings).await?;
            return Ok(call);
        }
        let body = axum::body::to_bytes(request.into_body(), BODY_MAX)
            .await
            .map_err(|_| Reason::TooLarge.refuse(wordings))?;
        if kind.starts_with("application/json") && !body.is_empty() {
            match serde_json::from_slice(&body) {
                Ok(Value::Object(object)) => call.params.extend(object),
                _ => return Err(Refusal::bad_request("can't parse JSON object")),
            }
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            call.add_pairs(&String::from_utf8_lossy(&body));
        }
        Ok(call)
    }

    fn add_pairs(&mut self, text: &str) {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.params
                .insert(percent_decoded(name), percent_decoded(value).into());
        }
    }

    async fn add_multipart(&mut self, request: Request, wordings: Wordings) -> Result<(), Refusal> {
        let broken = || Refusal::bad_request("can't parse multipart form data");
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|_| broken())?;
        while let Some(field) = form.next_field().await.map_err(|_| broken())? {
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.file_name().map(ToOwned::to_owned);
            let bytes = field
                .bytes()
                .await
                .map_err(|_| Reason::TooLarge.refuse(wordings))?;
            if let Some(file) = file {
                let upload = Upload {
                    name: file,
                    bytes: bytes.to_vec(),
                };
                self.files.insert(name, upload);
            } else {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.params.insert(name, text.into());
            }
        }
        Ok(())
    }

    /// The parameters as the log shows them: structures parsed, files as name and size.
    pub(crate) fn logged(&self) -> Value {
        let mut shown = self.params.clone();
        for name in STRUCTURED {
            if let Some(Value::String(text)) = shown.get(*name)
                && let Ok(parsed) = serde_json::from_str::<Value>(text)
            {
                shown.insert((*name).to_owned(), parsed);
            }
        }
        for (name, file) in &self.files {
            let short = json!({ "name": file.name, "size": file.bytes.len() });
            shown.insert(name.clone(), short);
        }
        Value::Object(shown)
    }

    /// A text; numbers count as their digits. Empty is as good as absent.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.params.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.params.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.params.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Telegram takes true, 1, yes and t for true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.params.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            Some(Value::String(text)) => {
                matches!(
                    text.to_ascii_lowercase().as_str(),
                    "true" | "1" | "yes" | "t"
                )
            }
            _ => false,
        }
    }

    /// An object or array, given as such or as JSON in a text.
    pub(crate) fn structure(&self, name: &str, what: &str) -> Result<Option<Value>, Refusal> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map(Some)
                .map_err(|_| Refusal::bad_request(format!("can't parse {what} JSON object"))),
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

/// The answer to a method call that was processed.
pub(crate) fn answer_body(outcome: &Outcome) -> (u16, Value) {
    match outcome {
        Ok(result) => (200, json!({ "ok": true, "result": result })),
        Err(refusal) => (refusal.code, refusal.body()),
    }
}

/// What `Retry-After` of an answer says, where it is a number.
pub(crate) fn retry_after(headers: &axum::http::HeaderMap, unit: Duration) -> Option<Duration> {
    let text = headers
        .get(axum::http::header::RETRY_AFTER)?
        .to_str()
        .ok()?;
    let seconds: u32 = text.trim().parse().ok()?;
    Some(unit * seconds.min(3600))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let source = text.as_bytes();
    let mut at = 0;
    while at < source.len() {
        let pair = text.get(at + 1..at + 3);
        match (source[at], pair.map(|pair| u8::from_str_radix(pair, 16))) {
            (b'%', Some(Ok(byte))) => {
                bytes.push(byte);
                at += 2;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Parameters that are JSON where the body itself is not.
const STRUCTURED: &[&str] = &[
    "allowed_updates",
    "caption_entities",
    "commands",
    "entities",
    "link_preview_options",
    "media",
    "message_ids",
    "reply_markup",
    "reply_parameters",
];

/// Larger than any file a test sends to see it refused.
const BODY_MAX: usize = 64 * 1024 * 1024;
