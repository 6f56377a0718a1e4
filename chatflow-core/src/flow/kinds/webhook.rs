//! Asking an outside service over HTTP.

use serde::{Deserialize, Serialize};

use crate::flow::kinds::Source;
use crate::flow::ordered;
use crate::flow::{SaveTo, StepKind};

/// Sends a request to an outside service. Exits: `next` where it was accepted, `failure` where it
/// was refused or failed for good, and `timeout` where no answer came in time. The step's
/// time-out says how long it waits. A `timeout` that isn't led anywhere leads where `failure`
/// is led.
///
/// The address, headers and the body are [templates](crate::Template). A placeholder in the
/// address comes percent-encoded, so that no value can change where the request goes.
///
/// ```
/// use chatflow_core::Webhook;
///
/// let step = Webhook::to("https://shop.example/orders/{{ order }}")
///     .header("X-Shop", "main")
///     .json("city", "{{ contact.city }}")
///     .save("answer");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Body", into = "Body")]
pub struct Webhook {
    pub(crate) url: String,
    pub(crate) method: Option<WebhookMethod>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: WebhookBody,
    pub(crate) save: Option<SaveTo>,
    pub(crate) port: Option<String>,
}

/// How a webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "method")
)]
#[serde(rename_all = "UPPERCASE")]
pub enum WebhookMethod {
    /// Reads; it has no body.
    Get,
    /// Sends.
    Post,
    /// Puts something in its place.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

impl WebhookMethod {
    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What is sent along.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WebhookBody {
    None,
    Text(String),
    Form(Vec<(String, Source)>),
    Json(Vec<(String, Source)>),
}

impl Webhook {
    /// The port that is asked where a step names none.
    pub const PORT: &str = "webhook";
    /// The exit of a request that was refused or failed for good.
    pub const FAILURE: &str = "failure";

    /// A request to this address, which begins with `https://` or `http://` and a host.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: None,
            headers: Vec::new(),
            body: WebhookBody::None,
            save: None,
            port: None,
        }
    }

    /// Calls it so, instead of by POST with a body and by GET without.
    #[must_use]
    pub fn method(mut self, method: WebhookMethod) -> Self {
        self.method = Some(method);
        self
    }

    /// Adds a header; the value is a template. Line breaks in it become spaces.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends this text, a template, in place of what there was to send.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.body = WebhookBody::Text(text.into());
        self
    }

    /// Adds a field of a form, in place of anything else there was to send. A text is a template.
    #[must_use]
    pub fn form(mut self, name: impl Into<String>, value: impl Into<crate::dialog::Value>) -> Self {
        let field = (name.into(), Source(value.into()));
        match &mut self.body {
            WebhookBody::Form(fields) => fields.push(field),
            body => *body = WebhookBody::Form(vec![field]),
        }
        self
    }

    /// Adds a member of a JSON object, in place of anything else there was to send. Texts in it
    /// are templates; one that is nothing but `{{ … }}` keeps the kind of its value.
    #[must_use]
    pub fn json(mut self, name: impl Into<String>, value: impl Into<crate::dialog::Value>) -> Self {
        let member = (name.into(), Source(value.into()));
        match &mut self.body {
            WebhookBody::Json(members) => members.push(member),
            body => *body = WebhookBody::Json(vec![member]),
        }
        self
    }

    /// Keeps the answer in the dialog's data, where it was accepted.
    #[must_use]
    pub fn save(mut self, name: impl Into<String>) -> Self {
        self.save = Some(SaveTo::Data(name.into()));
        self
    }

    /// Asks this port: for programs with several.
    #[must_use]
    pub fn port(mut self, port: impl Into<String>) -> Self {
        self.port = Some(port.into());
        self
    }

    /// How it is called.
    pub(crate) fn called_by(&self) -> WebhookMethod {
        self.method.unwrap_or(match self.body {
            WebhookBody::None => WebhookMethod::Get,
            _ => WebhookMethod::Post,
        })
    }
}

impl From<Webhook> for StepKind {
    fn from(kind: Webhook) -> Self {
        Self::Webhook(kind)
    }
}

/// The form in a file.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "webhook")
)]
#[serde(deny_unknown_fields)]
struct Body {
    /// The address. It begins with `https://` or `http://` and a host; placeholders may follow.
    url: String,
    /// How it is called: POST with a body and GET without, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<WebhookMethod>,
    /// Headers, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, String>")
    )]
    headers: Vec<(String, String)>,
    /// A text that is sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Fields of a form that is sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "Option<std::collections::BTreeMap<String, Source>>")
    )]
    form: Option<Fields>,
    /// Members of a JSON object that is sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "Option<std::collections::BTreeMap<String, Source>>")
    )]
    json: Option<Fields>,
    /// Where the answer is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    save: Option<SaveTo>,
    /// Who is asked; `webhook` if not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port: Option<String>,
}

/// Named values in their order.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Fields(#[serde(with = "ordered")] Vec<(String, Source)>);

impl TryFrom<Body> for Webhook {
    type Error = &'static str;

    fn try_from(file: Body) -> Result<Self, &'static str> {
        let body = match (file.body, file.form, file.json) {
            (None, None, None) => WebhookBody::None,
            (Some(text), None, None) => WebhookBody::Text(text),
            (None, Some(Fields(fields)), None) => WebhookBody::Form(fields),
            (None, None, Some(Fields(members))) => WebhookBody::Json(members),
            _ => return Err("a webhook sends a `body`, a `form` or `json`, one of them"),
        };
        Ok(Self {
            url: file.url,
            method: file.method,
            headers: file.headers,
            body,
            save: file.save,
            port: file.port,
        })
    }
}

impl From<Webhook> for Body {
    fn from(webhook: Webhook) -> Self {
        let (mut body, mut form, mut json) = (None, None, None);
        match webhook.body {
            WebhookBody::None => {}
            WebhookBody::Text(text) => body = Some(text),
            WebhookBody::Form(fields) => form = Some(Fields(fields)),
            WebhookBody::Json(members) => json = Some(Fields(members)),
        }
        Self {
            url: webhook.url,
            method: webhook.method,
            headers: webhook.headers,
            body,
            form,
            json,
            save: webhook.save,
            port: webhook.port,
        }
    }
}

#[cfg(feature = "files")]
impl schemars::JsonSchema for Webhook {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "webhook_step".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Body>()
    }
}
