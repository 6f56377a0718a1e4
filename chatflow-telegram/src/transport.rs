//! Requests to the Bot API, and what is known of them when they fail.
//!
//! ```text
//! connect fails ─► NotSent    nothing was done
//! time-out, break ─► NoAnswer nobody knows whether it was done
//! ok: false ─► Refused        Telegram says why: code, text, parameters
//! anything else ─► NotTelegram a proxy's page, half an answer
//! ```
//!
//! The token is part of every address, so no error of the HTTP client is passed on as it is.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Url, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::{Secret, TelegramConfig};
use crate::detail::clean;
use crate::error::ConnectError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read. A hundred updates are a few megabytes at most.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Sends requests as one bot.
pub(crate) struct Transport {
    requests: Client,
    /// Files take their time; on connections of their own they hold nothing else up.
    files: Client,
    api_url: Url,
    token: Secret,
    request_timeout: Duration,
    upload_timeout: Duration,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

/// A file to be sent, which the request's fields name as `attach://NAME`.
pub(crate) struct Upload {
    /// Its name within the request.
    pub(crate) field: String,
    /// What the contact sees it called.
    pub(crate) file_name: String,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

/// A request that gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It never left, so nothing was done.
    NotSent {
        /// Why, without secrets.
        detail: String,
    },
    /// It left and no whole answer came: perhaps it was done.
    NoAnswer {
        /// Why, without secrets.
        detail: String,
    },
    /// What came isn't an answer of Telegram's.
    NotTelegram {
        /// The HTTP status.
        status: u16,
        /// How many seconds it asks us to wait.
        retry_after: Option<u64>,
    },
    /// Telegram says no.
    Refused(Refusal),
}

/// What Telegram says when it says no. `Debug` shows only what may be seen.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `error_code`.
    pub(crate) code: u16,
    /// `description` as it came, which may repeat what was sent: to classify by, not to show.
    pub(crate) description: String,
    /// `description` without secrets and content.
    pub(crate) detail: String,
    /// `parameters.retry_after`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// `parameters.migrate_to_chat_id`.
    pub(crate) migrate_to: Option<i64>,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("code", &self.code)
            .field("detail", &self.detail)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl Failure {
    /// What happened, without secrets and content.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotSent { detail } | Self::NoAnswer { detail } => detail.clone(),
            Self::NotTelegram { status, .. } => {
                format!("the answer, with status {status}, isn't Telegram's")
            }
            Self::Refused(refusal) => format!("{}: {}", refusal.code, refusal.detail),
        }
    }
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Value>,
}

impl Transport {
    /// A transport for this bot; nothing is sent yet.
    pub(crate) fn new(config: &TelegramConfig) -> Result<Self, ConnectError> {
        let api_url = Url::parse(config.api_url.trim().trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or(ConnectError::BadApiUrl)?;
        let client = || {
            Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                // The token must not follow wherever somebody points to.
                .redirect(redirect::Policy::none())
                .build()
                .map_err(|error| ConnectError::Unreachable {
                    detail: describe(&config.token, error),
                })
        };
        Ok(Self {
            requests: client()?,
            files: client()?,
            api_url,
            token: config.token.clone(),
            request_timeout: config.request_timeout,
            upload_timeout: config.upload_timeout,
        })
    }

    /// Calls a method and reads its result.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        request: &impl Serialize,
    ) -> Result<T, Failure> {
        let result = self
            .call_within(method, request, self.request_timeout)
            .await?;
        read_result(&result)
    }

    /// Calls a method whose answer may take this long, and gives its result as it came.
    pub(crate) async fn call_within(
        &self,
        method: &'static str,
        request: &impl Serialize,
        timeout: Duration,
    ) -> Result<Box<RawValue>, Failure> {
        let request = encode(request)?;
        let builder = self
            .requests
            .post(self.method_url(method)?)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(request.to_string())
            .timeout(timeout);
        self.perform(method, builder, &request).await
    }

    /// Calls a method with files; the request's fields name them.
    pub(crate) async fn upload(
        &self,
        method: &'static str,
        request: &impl Serialize,
        files: Vec<Upload>,
    ) -> Result<Box<RawValue>, Failure> {
        let request = encode(request)?;
        let mut form = Form::new();
        for (name, field) in request.as_object().into_iter().flatten() {
            let text = match field {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            form = form.text(name.clone(), text);
        }
        for file in files {
            let part = Part::bytes(file.bytes).file_name(file.file_name);
            form = form.part(file.field, part);
        }
        let builder = self
            .files
            .post(self.method_url(method)?)
            .multipart(form)
            .timeout(self.upload_timeout);
        self.perform(method, builder, &request).await
    }

    /// The file at a path that Telegram gave, unless it is larger than `bytes_max`; none then.
    pub(crate) async fn download(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let url = self.file_url(path)?;
        let builder = self.files.get(url).timeout(self.upload_timeout);
        let mut response = builder.send().await.map_err(|error| self.failure(error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let retry_after = retry_after(&response);
            return Err(Failure::NotTelegram {
                status,
                retry_after,
            });
        }
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(Some(bytes)),
                Ok(Some(chunk)) if bytes.len() + chunk.len() > bytes_max => return Ok(None),
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    async fn perform(
        &self,
        method: &'static str,
        builder: RequestBuilder,
        request: &Value,
    ) -> Result<Box<RawValue>, Failure> {
        let result = self.answer(builder, request).await;
        match &result {
            Ok(_) => tracing::debug!(method, "Telegram took the request"),
            Err(failure) => tracing::debug!(
                method,
                detail = failure.detail(),
                "a request to Telegram failed"
            ),
        }
        result
    }

    async fn answer(
        &self,
        builder: RequestBuilder,
        request: &Value,
    ) -> Result<Box<RawValue>, Failure> {
        let mut response = builder.send().await.map_err(|error| self.failure(error))?;
        let status = response.status().as_u16();
        let not_telegram = Failure::NotTelegram {
            status,
            retry_after: retry_after(&response),
        };
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    bytes.extend_from_slice(&chunk);
                }
                // The status alone says enough of what isn't a success.
                Err(error) if status < 400 => return Err(self.failure(error)),
                _ => return Err(not_telegram),
            }
        }
        let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&bytes) else {
            return Err(not_telegram);
        };
        match (answer.ok, answer.result) {
            (true, Some(result)) => Ok(result.to_owned()),
            (true, None) => Err(not_telegram),
            (false, _) => Err(Failure::Refused(self.refusal(status, answer, request))),
        }
    }

    fn refusal(&self, status: u16, answer: Answer<'_>, request: &Value) -> Refusal {
        let description = answer.description.unwrap_or_default();
        let parameter = |name: &str| {
            let value = answer.parameters.as_ref()?.get(name)?;
            value.as_i64().or_else(|| value.as_str()?.parse().ok())
        };
        Refusal {
            code: answer.error_code.unwrap_or(status),
            detail: clean(&description, &self.token, request),
            description,
            retry_after: parameter("retry_after").and_then(|seconds| seconds.try_into().ok()),
            migrate_to: parameter("migrate_to_chat_id"),
        }
    }

    /// What an error of the HTTP client says of the request.
    fn failure(&self, error: reqwest::Error) -> Failure {
        let never_left = error.is_connect() || error.is_builder();
        let detail = describe(&self.token, error);
        if never_left {
            Failure::NotSent { detail }
        } else {
            Failure::NoAnswer { detail }
        }
    }

    fn method_url(&self, method: &str) -> Result<Url, Failure> {
        self.url(&[&format!("bot{}", self.token.reveal()), method])
    }

    fn file_url(&self, path: &str) -> Result<Url, Failure> {
        let bot = format!("bot{}", self.token.reveal());
        let mut segments = vec!["file", bot.as_str()];
        segments.extend(path.split('/'));
        // A server of one's own may give a path of its disk, which is not to be had this way;
        // and no path may lead to another method.
        if segments.iter().any(|part| matches!(*part, "" | "." | "..")) {
            return Err(Failure::NotSent {
                detail: "the file's path can't be asked for".to_owned(),
            });
        }
        self.url(&segments)
    }

    fn url(&self, segments: &[&str]) -> Result<Url, Failure> {
        let mut url = self.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::NotSent {
                detail: "the address of the Bot API has no path".to_owned(),
            })?
            .pop_if_empty()
            .extend(segments);
        Ok(url)
    }
}

/// Reads a result; a shape that isn't the method's is no answer of Telegram's.
pub(crate) fn read_result<T: DeserializeOwned>(result: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(result.get()).map_err(|_| Failure::NotTelegram {
        status: 200,
        retry_after: None,
    })
}

fn encode(request: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(request).map_err(|_| Failure::NotSent {
        detail: "the request can't be written as JSON".to_owned(),
    })
}

fn retry_after(response: &reqwest::Response) -> Option<u64> {
    let header = response.headers().get(reqwest::header::RETRY_AFTER)?;
    header.to_str().ok()?.trim().parse().ok()
}

/// An error of the HTTP client without the address, which holds the token.
fn describe(token: &Secret, error: reqwest::Error) -> String {
    let error = error.without_url();
    let said = match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection within the time allowed",
        (true, false) => "no answer within the time allowed",
        (false, true) => "no connection",
        (false, false) => "the connection broke",
    };
    // The last cause is the system's own: a refused connection, an unknown host.
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(next) = cause.and_then(Error::source) {
        cause = Some(next);
    }
    match cause {
        Some(cause) if !error.is_timeout() => {
            format!("{said}: {}", clean(&cause.to_string(), token, &Value::Null))
        }
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(api_url: &str) -> Transport {
        Transport::new(&TelegramConfig::new("1:secret").api_url(api_url)).unwrap()
    }

    #[test]
    fn debug_shows_a_refusal_without_what_was_sent() {
        let answer = r#"{"ok":false,"error_code":400,"description":"no my dog Rex here"}"#;
        let answer = serde_json::from_str(answer).unwrap();
        let request = serde_json::json!({"text": "my dog Rex"});
        let refusal = transport("http://host").refusal(200, answer, &request);
        assert_eq!(
            (refusal.code, refusal.description.as_str()),
            (400, "no my dog Rex here")
        );
        let shown = format!("{:?}", Failure::Refused(refusal));
        assert!(
            shown.contains("no … here") && !shown.contains("Rex"),
            "{shown}"
        );
    }

    #[test]
    fn an_address_may_have_a_path_of_its_own() {
        let url = |base: &str| transport(base).method_url("getMe").unwrap().to_string();
        assert_eq!(url("http://host"), "http://host/bot1:secret/getMe");
        assert_eq!(
            url("http://host/bots/"),
            "http://host/bots/bot1:secret/getMe"
        );
    }

    #[test]
    fn a_files_path_leads_to_no_method() {
        let transport = transport("http://host");
        let url = transport.file_url("photos/a b?.jpg").unwrap();
        assert_eq!(
            url.as_str(),
            "http://host/file/bot1:secret/photos/a%20b%3F.jpg"
        );
        for path in [
            "",
            "/var/lib/photo.jpg",
            "../bot1:secret/logOut",
            "a//b",
            "a/./b",
        ] {
            let failure = transport.file_url(path).err();
            assert!(matches!(failure, Some(Failure::NotSent { .. })), "{path}");
        }
    }
}
