//! A flow ready to run: names looked up, texts, patterns and conditions compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::dialog::{
    ChoiceStyle, ContactPatch, DialogSettings, FlowId, FlowVersion, Media, OperatorId, QueueId,
    StepId, TranslateTo, Value,
};
use crate::flow::answer::Answer;
use crate::flow::condition::Test;
use crate::flow::definition::finish_by;
use crate::flow::keywords::Matcher;
use crate::flow::texts::CompiledTexts;
use crate::flow::{
    ClockTime, DuringDelay, FinishStatus, Occurrence, Router, SaveTo, Step, Template, Upgrade,
};

/// A flow ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CompiledFlow {
    pub(crate) id: FlowId,
    pub(crate) version: FlowVersion,
    pub(crate) entry: u16,
    pub(crate) steps: Vec<CompiledStep>,
    pub(crate) upgrade: Upgrade,
    pub(super) by_name: BTreeMap<StepId, u16>,
}

/// A step ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CompiledStep {
    pub(crate) name: StepId,
    pub(crate) kind: CompiledKind,
    /// Its exits in the order of [`StepKind::exits`], `timeout` last, and where they lead.
    pub(crate) exits: Vec<(Box<str>, Option<u16>)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) finish: Option<FinishStatus>,
    pub(crate) pushes: Vec<CompiledPush>,
}

impl CompiledStep {
    /// The status that leaving by an exit gives.
    pub(crate) fn finish_by(&self, exit: &str) -> Option<FinishStatus> {
        finish_by(self.finish, self.kind.waits_for_answer(), exit)
    }
}

impl CompiledKind {
    /// What it says to a model, where it asks one.
    pub(crate) fn ai(&self) -> Option<&CompiledAi> {
        match self {
            Self::AiRoute { ai, .. } | Self::AiReply { ai, .. } => Some(ai),
            _ => None,
        }
    }

    /// Whether it stays until the contact has answered or its time is over.
    pub(crate) const fn waits_for_answer(&self) -> bool {
        matches!(
            self,
            Self::Ask(_) | Self::Keywords { .. } | Self::Router(_) | Self::AiRoute { .. }
        )
    }
}

#[derive(Clone)]
pub(crate) enum CompiledKind {
    Send(CompiledSend),
    Ask(Box<CompiledAsk>),
    Keywords {
        matcher: Matcher,
        retry: Option<CompiledTexts>,
        save: Option<SaveTo>,
    },
    Condition(Vec<Test>),
    Split(Vec<u32>),
    /// The port that is asked, and the place.
    Membership {
        port: String,
        channel: String,
    },
    Tags(Vec<ContactPatch>),
    Set(Vec<(SaveTo, CompiledSource)>),
    ChangeFlow(Link),
    CallFlow(Box<CompiledCall>),
    Delay(CompiledDelay),
    /// A model chooses the exit: what each of the exits but `otherwise` is for, in their order;
    /// and where the name of the one chosen is kept.
    AiRoute {
        ai: Box<CompiledAi>,
        branches: Vec<Box<str>>,
        save: Option<SaveTo>,
    },
    /// A model writes what is said.
    AiReply {
        ai: Box<CompiledAi>,
        /// How long after the contact's last message it is sent at the earliest, where the step
        /// says so.
        reply_time: Option<Duration>,
    },
    Webhook(Box<CompiledWebhook>),
    Track(Box<CompiledTrack>),
    Assign(OperatorId),
    Queue(QueueId),
    Translate(TranslateTo),
    /// Another bot's platform leads until it gives the contact back: the port.
    ExternalBot {
        port: String,
    },
    Finish,
    Custom(Arc<dyn Step>),
    Router(Arc<dyn Router>),
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledSend {
    pub(crate) items: Vec<CompiledItem>,
    /// How long after the contact's last message they are sent at the earliest.
    pub(crate) answer_after: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledDelay {
    pub(crate) period: Duration,
    /// Then until clocks show this.
    pub(crate) until: Option<ClockTime>,
    /// What happens to messages meanwhile, where the step says so.
    pub(crate) during: Option<DuringDelay>,
}

/// What a step says to a model, beside the bot's settings.
#[derive(Debug, Clone)]
pub(crate) struct CompiledAi {
    pub(crate) model: Option<String>,
    /// In place of the bot's goal.
    pub(crate) goal: Option<CompiledTexts>,
    /// What the model is to know.
    pub(crate) notes: Option<CompiledTexts>,
    /// In place of the bot's.
    pub(crate) memory: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledWebhook {
    pub(crate) port: String,
    /// `GET`, `POST` and so on.
    pub(crate) method: &'static str,
    /// What its placeholders give comes percent-encoded.
    pub(crate) url: Template,
    pub(crate) headers: Vec<(String, Template)>,
    pub(crate) body: CompiledBody,
    pub(crate) save: Option<SaveTo>,
}

#[derive(Debug, Clone)]
pub(crate) enum CompiledBody {
    None,
    /// As it is rendered, with this content type.
    Text(Template, &'static str),
    /// As a form: names and values, percent-encoded.
    Form(Vec<(String, CompiledSource)>),
    /// As the members of a JSON object.
    Json(Vec<(String, CompiledJson)>),
}

/// A value in JSON, with templates at any depth.
#[derive(Debug, Clone)]
pub(crate) enum CompiledJson {
    Source(CompiledSource),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledTrack {
    pub(crate) port: String,
    pub(crate) event: String,
    pub(crate) value: Option<CompiledSource>,
    pub(crate) parameters: Vec<(String, CompiledSource)>,
}

/// A reminder ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct CompiledPush {
    pub(crate) after: Duration,
    pub(crate) items: Vec<CompiledItem>,
}

/// A robot ready to act.
#[derive(Debug, Clone)]
pub(crate) struct CompiledRobot {
    pub(crate) name: String,
    pub(crate) on: Occurrence,
    /// What the message must have.
    pub(crate) words: Option<Matcher>,
    pub(crate) when: Option<Test>,
    pub(crate) settings: DialogSettings,
    pub(crate) queue: Option<QueueId>,
    pub(crate) notify: BTreeSet<OperatorId>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledItem {
    pub(crate) text: Option<CompiledTexts>,
    pub(crate) media: Vec<Media>,
    /// Where the choices are shown.
    pub(crate) choice_style: ChoiceStyle,
    pub(crate) choices: Vec<CompiledTexts>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledAsk {
    pub(crate) question: CompiledTexts,
    pub(crate) answer: Answer,
    pub(crate) retry: Option<CompiledTexts>,
    pub(crate) retries: u32,
    pub(crate) save: Option<SaveTo>,
}

/// A way into another flow; where it leads is found once all flows are compiled.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) flow: FlowId,
    pub(crate) step: Option<StepId>,
    pub(crate) to: Option<(u16, u16)>,
}

#[derive(Debug, Clone)]
pub(crate) struct CompiledCall {
    pub(crate) link: Link,
    pub(crate) inputs: Vec<(String, CompiledSource)>,
    /// Our name, their name.
    pub(crate) results: Vec<(String, String)>,
}

/// A value, or a template that gives one.
#[derive(Debug, Clone)]
pub(crate) enum CompiledSource {
    Value(Value),
    Template(Template),
}

impl std::fmt::Debug for CompiledKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Send(_) => "Send",
            Self::Ask(_) => "Ask",
            Self::Keywords { .. } => "Keywords",
            Self::Condition(_) => "Condition",
            Self::Split(_) => "Split",
            Self::Membership { .. } => "Membership",
            Self::Tags(_) => "Tags",
            Self::Set(_) => "Set",
            Self::ChangeFlow(_) => "ChangeFlow",
            Self::CallFlow(_) => "CallFlow",
            Self::Delay(_) => "Delay",
            Self::AiRoute { .. } => "AiRoute",
            Self::AiReply { .. } => "AiReply",
            Self::Webhook(_) => "Webhook",
            Self::Track(_) => "Track",
            Self::Assign(_) => "Assign",
            Self::Queue(_) => "Queue",
            Self::Translate(_) => "Translate",
            Self::ExternalBot { .. } => "ExternalBot",
            Self::Finish => "Finish",
            Self::Custom(_) => "Custom",
            Self::Router(_) => "Router",
        })
    }
}
