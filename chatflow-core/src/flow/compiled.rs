//! A flow ready to run: names looked up, texts, patterns and conditions compiled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::dialog::{ChoiceStyle, ContactPatch, FlowId, FlowVersion, Media, StepId, Value};
use crate::flow::answer::Answer;
use crate::flow::condition::Test;
use crate::flow::definition::finish_by;
use crate::flow::keywords::Matcher;
use crate::flow::texts::CompiledTexts;
use crate::flow::{FinishStatus, Router, SaveTo, Step, Template};

/// A flow ready to run.
#[derive(Debug, Clone)]
pub(crate) struct CompiledFlow {
    pub(crate) id: FlowId,
    pub(crate) version: FlowVersion,
    pub(crate) entry: u16,
    pub(crate) steps: Vec<CompiledStep>,
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
}

impl CompiledStep {
    /// The status that leaving by an exit gives.
    pub(crate) fn finish_by(&self, exit: &str) -> Option<FinishStatus> {
        finish_by(self.finish, self.kind.waits_for_answer(), exit)
    }
}

impl CompiledKind {
    /// Whether it stays until the contact has answered or its time is over.
    pub(crate) const fn waits_for_answer(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Keywords { .. } | Self::Router(_))
    }
}

#[derive(Clone)]
pub(crate) enum CompiledKind {
    Send(Vec<CompiledItem>),
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
    Delay(Duration),
    Finish,
    Custom(Arc<dyn Step>),
    Router(Arc<dyn Router>),
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
            Self::Finish => "Finish",
            Self::Custom(_) => "Custom",
            Self::Router(_) => "Router",
        })
    }
}
