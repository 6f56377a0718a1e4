//! Providers whose answers a test writes beforehand: models, recognisers, translators, outside
//! services, trackers, notifiers and other bots.

use std::ops::Deref;

use async_trait::async_trait;

use super::script::Script;
use crate::dialog::{DialogId, EffectId, Media, Text, Value};
use crate::runner::{
    BotReply, ExternalBot, ModelProvider, ModelReply, ModelRequest, Notification, Notifier, Port,
    PortError, Recognizer, Tracker, TrackerEvent, Translator, WebhookCaller, WebhookRequest,
    WebhookResponse,
};

macro_rules! scripted {
    ($(#[$doc:meta])* $name:ident, $request:ty, $answer:ty $(, otherwise $otherwise:expr)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            script: Script<$request, $answer>,
        }

        impl $name {
            /// One for whom nothing is planned yet.
            pub fn new() -> Self {
                let script = Script::default();
                $(script.answering($otherwise);)?
                Self { script }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Deref for $name {
            type Target = Script<$request, $answer>;

            fn deref(&self) -> &Self::Target {
                &self.script
            }
        }
    };
}

scripted! {
    /// A model that says what it was told to.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedModel, block_on};
    /// use chatflow_core::{ModelReply, PortError};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId, ModelProvider as _};
    /// # use chatflow_core::{ModelPurpose, ModelRequest};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    /// # let request = ModelRequest::new(ModelPurpose::Reply, "Be kind.");
    ///
    /// let model = ScriptedModel::new();
    /// model.answer(ModelReply::new("Hello!").used(1000, 200)).fail(PortError::timed_out());
    ///
    /// assert_eq!(block_on(model.complete(key, &request))?.text.as_str(), "Hello!");
    /// assert_eq!(block_on(model.complete(key, &request)), Err(PortError::timed_out()));
    /// assert_eq!(model.take_asked()[0].request.system.as_str(), "Be kind.");
    /// assert_eq!(model.times_asked(), 2);
    /// # Ok::<(), PortError>(())
    /// ```
    ScriptedModel, ModelRequest, ModelReply
}

scripted! {
    /// A recogniser that reads what it was told to out of media.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedRecognizer, block_on};
    /// use chatflow_core::{Media, MediaKind, Recognizer as _};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let recogniser = ScriptedRecognizer::new();
    /// recogniser.answering(|asked| Ok(vec!["two tickets".into(); asked.media.len()]));
    ///
    /// let voice = [Media::new(MediaKind::Voice, "a.ogg")];
    /// let texts = block_on(recogniser.recognize(key, &voice, Some("en")))?;
    /// assert_eq!(texts[0].as_str(), "two tickets");
    /// assert_eq!(recogniser.take_asked()[0].request.language.as_deref(), Some("en"));
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedRecognizer, RecognizeRequest, Vec<Text>
}

/// What a recogniser is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecognizeRequest {
    /// The media.
    pub media: Vec<Media>,
    /// The language that is spoken or written in them, where it is known.
    pub language: Option<String>,
}

scripted! {
    /// A translator that says what it was told to.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedTranslator, block_on};
    /// use chatflow_core::Translator as _;
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let translator = ScriptedTranslator::new();
    /// translator.answer(vec!["hola".into()]);
    ///
    /// let texts = block_on(translator.translate(key, &["hello".into()], Some("en"), "es"))?;
    /// assert_eq!(texts[0].as_str(), "hola");
    /// assert_eq!(translator.take_asked()[0].request.to, "es");
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedTranslator, TranslateRequest, Vec<Text>
}

/// What a translator is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslateRequest {
    /// The texts.
    pub texts: Vec<Text>,
    /// Their language, where it is known.
    pub from: Option<String>,
    /// The language that is wanted.
    pub to: String,
}

scripted! {
    /// Outside services that answer what they were told to.
    ///
    /// ```
    /// use chatflow_core::testing::{Planned, ScriptedWebhooks, block_on};
    /// use chatflow_core::{Value, WebhookCaller as _, WebhookResponse};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId, WebhookRequest};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    /// # let request = WebhookRequest::new("GET", "https://example.com/stock");
    ///
    /// let services = ScriptedWebhooks::new();
    /// let left = WebhookResponse { status: 200, body: Value::Integer(3) };
    /// services.answer(left.clone()).plan(Planned::Never);
    ///
    /// assert_eq!(block_on(services.call(key, &request))?, left);
    /// // The next call is never answered.
    /// assert_eq!(services.unused(), 1);
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedWebhooks, WebhookRequest, WebhookResponse
}

scripted! {
    /// A tracker that takes every report, but for those that it was told to refuse.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedTracker, block_on};
    /// use chatflow_core::{Tracker as _, TrackerEvent};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let tracker = ScriptedTracker::new();
    /// block_on(tracker.track(key, &TrackerEvent::new(dialog, "deposit")))?;
    /// assert_eq!(tracker.take_asked()[0].request.event, "deposit");
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedTracker, TrackerEvent, (), otherwise |_| Ok(())
}

scripted! {
    /// A notifier that takes every notification, but for those that it was told to refuse.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedNotifier, block_on};
    /// use chatflow_core::{Alert, Notification, Notifier as _, PortError};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let notifier = ScriptedNotifier::new();
    /// notifier.fail(PortError::transient());
    ///
    /// let manual = Notification::new(dialog, "eva", Alert::Manual);
    /// assert_eq!(block_on(notifier.notify(key, &manual)), Err(PortError::transient()));
    /// block_on(notifier.notify(key, &manual))?;
    /// # Ok::<(), PortError>(())
    /// ```
    ScriptedNotifier, Notification, (), otherwise |_| Ok(())
}

scripted! {
    /// A bot on another platform that says what it was told to.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedBot, block_on};
    /// use chatflow_core::{BotDone, BotReply, ExternalBot as _};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let bot = ScriptedBot::new();
    /// bot.answer(BotReply {
    ///     messages: vec!["Goodbye!".into()],
    ///     done: Some(BotDone::Finished),
    /// });
    ///
    /// let reply = block_on(bot.talk(key, dialog, Some(&"bye".into())))?;
    /// assert_eq!(reply.done, Some(BotDone::Finished));
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedBot, BotRequest, BotReply
}

/// What a bot on another platform is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotRequest {
    /// The dialog that it leads.
    pub dialog: DialogId,
    /// The contact's message; none where it begins.
    pub message: Option<Text>,
}

scripted! {
    /// A port that answers what it was told to.
    ///
    /// ```
    /// use chatflow_core::testing::{ScriptedPort, block_on};
    /// use chatflow_core::{Port as _, Value};
    /// # use chatflow_core::{Address, BotId, DialogId, EffectId};
    /// # let dialog = DialogId::derive(&BotId::from("shop"), &Address::new("web", "anna"));
    /// # let key = EffectId { dialog, turn: 1, n: 0 };
    ///
    /// let port = ScriptedPort::new();
    /// port.answer(Value::Integer(7));
    ///
    /// assert_eq!(block_on(port.call(key, &Value::from("rank")))?, Value::Integer(7));
    /// assert!(block_on(port.call(key, &Value::from("rank"))).is_err());
    /// assert_eq!(port.take_unanswered(), 1);
    /// # Ok::<(), chatflow_core::PortError>(())
    /// ```
    ScriptedPort, Value, Value
}

#[async_trait]
impl ModelProvider for ScriptedModel {
    async fn complete(
        &self,
        key: EffectId,
        request: &ModelRequest,
    ) -> Result<ModelReply, PortError> {
        self.ask(key, request.clone()).await
    }
}

#[async_trait]
impl Recognizer for ScriptedRecognizer {
    async fn recognize(
        &self,
        key: EffectId,
        media: &[Media],
        language: Option<&str>,
    ) -> Result<Vec<Text>, PortError> {
        let request = RecognizeRequest {
            media: media.to_vec(),
            language: language.map(str::to_owned),
        };
        self.ask(key, request).await
    }
}

#[async_trait]
impl Translator for ScriptedTranslator {
    async fn translate(
        &self,
        key: EffectId,
        texts: &[Text],
        from: Option<&str>,
        to: &str,
    ) -> Result<Vec<Text>, PortError> {
        let request = TranslateRequest {
            texts: texts.to_vec(),
            from: from.map(str::to_owned),
            to: to.to_owned(),
        };
        self.ask(key, request).await
    }
}

#[async_trait]
impl WebhookCaller for ScriptedWebhooks {
    async fn call(
        &self,
        key: EffectId,
        request: &WebhookRequest,
    ) -> Result<WebhookResponse, PortError> {
        self.ask(key, request.clone()).await
    }
}

#[async_trait]
impl Tracker for ScriptedTracker {
    async fn track(&self, key: EffectId, event: &TrackerEvent) -> Result<(), PortError> {
        self.ask(key, event.clone()).await
    }
}

#[async_trait]
impl Notifier for ScriptedNotifier {
    async fn notify(&self, key: EffectId, notification: &Notification) -> Result<(), PortError> {
        self.ask(key, notification.clone()).await
    }
}

#[async_trait]
impl ExternalBot for ScriptedBot {
    async fn talk(
        &self,
        key: EffectId,
        dialog: DialogId,
        message: Option<&Text>,
    ) -> Result<BotReply, PortError> {
        let message = message.cloned();
        self.ask(key, BotRequest { dialog, message }).await
    }
}

#[async_trait]
impl Port for ScriptedPort {
    async fn call(&self, key: EffectId, request: &Value) -> Result<Value, PortError> {
        self.ask(key, request.clone()).await
    }
}
