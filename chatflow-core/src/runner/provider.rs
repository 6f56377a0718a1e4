//! Who answers what steps ask the outside, each with a trait of its own.
//!
//! A provider is registered with the builder and answers after the commit of the turn that asked.
//! Its answer comes back as an event, so replay asks nobody. What it is asked under a key it may
//! be asked again under the same key: after a failure that may pass, and once more after a crash.
//! Every method may be called from many tasks at once.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::dialog::{Decimal, DialogId, EffectId, Media, OperatorId, Side, Text, Value};
use crate::flow::Alert;
use crate::runner::PortError;

/// A model that writes and chooses.
#[async_trait]
pub trait ModelProvider: Send + Sync + 'static {
    /// Writes what the request asks for.
    ///
    /// # Errors
    /// [`PortError`] says whether trying again can help.
    async fn complete(
        &self,
        key: EffectId,
        request: &ModelRequest,
    ) -> Result<ModelReply, PortError>;
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelRequest {
    /// The model; the provider's own choice where none is named.
    pub model: Option<String>,
    /// What it is asked for.
    pub purpose: ModelPurpose,
    /// Who it is to be, what it is to reach, what it may not do, examples, and what this request
    /// wants of it, in the same order and words each time.
    pub system: Text,
    /// The last messages of the dialog, the oldest first, up to the turn that asked.
    pub history: Vec<ModelMessage>,
}

impl ModelRequest {
    /// A request without a model's name and without history.
    pub fn new(purpose: ModelPurpose, system: impl Into<Text>) -> Self {
        Self {
            model: None,
            purpose,
            system: system.into(),
            history: Vec::new(),
        }
    }
}

/// What a model is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelPurpose {
    /// One of these names, and nothing else.
    Route(Vec<String>),
    /// What is said to the contact.
    Reply,
    /// What an operator might say.
    Advice,
}

/// One message of a dialog, as a model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMessage {
    /// Who wrote it.
    pub side: Side,
    /// The text; of media what was read out of them, else their kind in brackets.
    pub text: Text,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelReply {
    /// The text.
    pub text: Text,
    /// Tokens it read.
    pub tokens_in: u64,
    /// Tokens it wrote.
    pub tokens_out: u64,
}

impl ModelReply {
    /// An answer that used no tokens.
    pub fn new(text: impl Into<Text>) -> Self {
        Self {
            text: text.into(),
            tokens_in: 0,
            tokens_out: 0,
        }
    }

    /// Says how many tokens it read and wrote.
    #[must_use]
    pub fn used(mut self, tokens_in: u64, tokens_out: u64) -> Self {
        (self.tokens_in, self.tokens_out) = (tokens_in, tokens_out);
        self
    }
}

/// Makes text of voice messages, round videos and pictures.
#[async_trait]
pub trait Recognizer: Send + Sync + 'static {
    /// The text of each, in order: what is said, or what is to be seen.
    ///
    /// # Errors
    /// [`PortError`]; the bot's rule about media is to make the dialog Manual then.
    async fn recognize(
        &self,
        key: EffectId,
        media: &[Media],
        language: Option<&str>,
    ) -> Result<Vec<Text>, PortError>;
}

/// Puts texts into another language.
#[async_trait]
pub trait Translator: Send + Sync + 'static {
    /// Each text in the language `to`, in order. `from` is none where nobody knows it.
    ///
    /// # Errors
    /// [`PortError`]; the texts are sent as they are then.
    async fn translate(
        &self,
        key: EffectId,
        texts: &[Text],
        from: Option<&str>,
        to: &str,
    ) -> Result<Vec<Text>, PortError>;
}

/// Calls outside services.
#[async_trait]
pub trait WebhookCaller: Send + Sync + 'static {
    /// Makes the request and gives the answer, whatever its status: core decides what a status
    /// means. The key goes along as an idempotency key.
    ///
    /// # Errors
    /// [`PortError`] where there is no answer; [`PortError::timed_out`] where it took too long.
    async fn call(
        &self,
        key: EffectId,
        request: &WebhookRequest,
    ) -> Result<WebhookResponse, PortError>;
}

/// A request to an outside service. `Debug` shows neither address nor content: both may hold
/// secrets.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The address, its placeholders filled in and percent-encoded.
    pub url: Text,
    /// Headers, in order.
    pub headers: Vec<(String, Text)>,
    /// The body and its content type.
    pub body: Option<(Text, String)>,
}

impl WebhookRequest {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<Text>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
        }
    }
}

impl std::fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRequest")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What an outside service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body: a value where it is JSON, else text.
    pub body: Value,
}

/// Hears what flows report.
#[async_trait]
pub trait Tracker: Send + Sync + 'static {
    /// Takes one report.
    ///
    /// # Errors
    /// [`PortError`] says whether trying again can help.
    async fn track(&self, key: EffectId, event: &TrackerEvent) -> Result<(), PortError>;
}

/// What a flow reports to a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackerEvent {
    /// The dialog.
    pub dialog: DialogId,
    /// What happened, such as `deposit`.
    pub event: String,
    /// How much it is worth.
    pub value: Option<Decimal>,
    /// The click that brought the contact, where it is known.
    pub click_id: Option<Text>,
    /// What else the step says.
    pub parameters: BTreeMap<String, Value>,
}

impl TrackerEvent {
    /// A report of this and nothing else.
    pub fn new(dialog: DialogId, event: impl Into<String>) -> Self {
        Self {
            dialog,
            event: event.into(),
            value: None,
            click_id: None,
            parameters: BTreeMap::new(),
        }
    }
}

/// Hears what operators are to be told.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Takes one notification.
    ///
    /// # Errors
    /// [`PortError`] says whether trying again can help.
    async fn notify(&self, key: EffectId, notification: &Notification) -> Result<(), PortError>;
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// The dialog.
    pub dialog: DialogId,
    /// Whom.
    pub to: OperatorId,
    /// Of what.
    pub alert: Alert,
    /// Which robot says so, where one does.
    pub robot: Option<String>,
    /// Whether his screen is to sound: a dialog was given or offered to him. What rules and robots
    /// say is silent.
    pub audible: bool,
}

impl Notification {
    /// What a rule of the bot's says.
    pub fn new(dialog: DialogId, to: impl Into<OperatorId>, alert: Alert) -> Self {
        Self {
            dialog,
            to: to.into(),
            alert,
            robot: None,
            audible: alert == Alert::Distributed,
        }
    }
}

/// Says whether contacts have joined a place.
#[async_trait]
pub trait MembershipChecker: Send + Sync + 'static {
    /// Whether the contact with this outside id has joined the place.
    ///
    /// # Errors
    /// [`PortError`]; the step goes on by its exit `unknown` then.
    async fn is_member(&self, key: EffectId, place: &str, contact: &str)
    -> Result<bool, PortError>;
}

/// A bot on another platform, which leads the contact for a while.
#[async_trait]
pub trait ExternalBot: Send + Sync + 'static {
    /// Hands it a message of the contact, or, without one, the contact.
    ///
    /// # Errors
    /// [`PortError`]; the step goes on by its exit `failure` then.
    async fn talk(
        &self,
        key: EffectId,
        dialog: DialogId,
        message: Option<&Text>,
    ) -> Result<BotReply, PortError>;
}

/// What a bot on another platform answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BotReply {
    /// What is said to the contact, in order.
    pub messages: Vec<Text>,
    /// Whether it is done with him, and how.
    pub done: Option<BotDone>,
}

/// How a bot on another platform gives a contact back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BotDone {
    /// It has reached its end: the step goes on by its exit `next`.
    Finished,
    /// A person is wanted: the step goes on by its exit `handoff`. Nothing of the reply reaches the
    /// contact, and the step goes on by `failure`, where the channel has no
    /// [`handover`](crate::Capabilities::handover).
    HandOff,
}
