//! A flow as data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::time::Period;
use crate::dialog::{FlowId, FlowVersion, StepId, Value};
use crate::flow::kinds::Source;
use crate::flow::{
    EXIT_GAVE_UP, EXIT_OTHERWISE, EXIT_TIMEOUT, FinishStatus, Push, Router, Step, StepKind,
    Upgrade, Webhook, ordered,
};

/// A named, versioned set of steps.
///
/// [`FlowDefinition`] implements it, made by [`FlowBuilder`](crate::FlowBuilder); a host may
/// implement it to take its steps from anywhere.
///
/// Who calls: [`Bot`](crate::Bot), once, when it is built. The answers are then compiled,
/// hashed and stored; the flow itself is not asked again.
pub trait Flow: Send + Sync + 'static {
    /// Its name.
    fn id(&self) -> FlowId;

    /// Its version. Changed steps want a higher one; the same version with other steps is
    /// another config to the engine, and dialogs inside go on in it by the names of their steps.
    fn version(&self) -> FlowVersion;

    /// The step where it begins.
    fn entry(&self) -> StepId;

    /// All its steps, in order. An exit that leads nowhere goes to the step of its own name
    /// where a router, condition or split has one, else to the step listed next.
    fn steps(&self) -> Vec<StepDefinition>;

    /// The language of its texts that name none, and of contacts whose own it doesn't speak.
    fn language(&self) -> Option<String> {
        None
    }

    /// Names of values that it reads and that come from outside: from the flow that calls it,
    /// from an operator or from the host.
    fn inputs(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it does with dialogs that stand in another version of it.
    fn upgrade(&self) -> Upgrade {
        Upgrade::default()
    }
}

/// A flow as it is stored, hashed, and written in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowDefinition {
    /// Its name.
    #[serde(rename = "flow")]
    pub id: FlowId,
    /// Its version.
    pub version: FlowVersion,
    /// The language of its texts that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it begins.
    pub entry: StepId,
    /// Names of values that it reads and that come from outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// What it does with dialogs that stand in another version of it.
    #[serde(default, skip_serializing_if = "Upgrade::is_default")]
    pub upgrade: Upgrade,
    /// Its steps, in order.
    #[serde(with = "ordered")]
    pub steps: Vec<StepDefinition>,
}

impl FlowDefinition {
    /// The data of any flow.
    pub fn of(flow: &dyn Flow) -> Self {
        Self {
            id: flow.id(),
            version: flow.version(),
            language: flow.language(),
            entry: flow.entry(),
            inputs: flow.inputs(),
            upgrade: flow.upgrade(),
            steps: flow.steps(),
        }
    }
}

impl Flow for FlowDefinition {
    fn id(&self) -> FlowId {
        self.id.clone()
    }

    fn version(&self) -> FlowVersion {
        self.version
    }

    fn entry(&self) -> StepId {
        self.entry.clone()
    }

    fn steps(&self) -> Vec<StepDefinition> {
        self.steps.clone()
    }

    fn language(&self) -> Option<String> {
        self.language.clone()
    }

    fn inputs(&self) -> Vec<String> {
        self.inputs.clone()
    }

    fn upgrade(&self) -> Upgrade {
        self.upgrade.clone()
    }
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq)]
pub struct StepDefinition {
    /// Its name, unique in the flow.
    pub name: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Where its exits lead. One that isn't here leads to the step of its own name where a
    /// router, condition or split has one, else to the step listed next.
    pub exits: BTreeMap<String, StepId>,
    /// How long it waits before it leaves by the exit `timeout`.
    pub timeout: Option<Period>,
    /// How long after the contact's last message a step that says something says it, at the
    /// earliest.
    pub answer_after: Option<Period>,
    /// Reminders for a contact who is silent while it waits, the first due first.
    pub pushes: Vec<Push>,
    /// The status that passing it gives the dialog.
    pub finish: Option<FinishStatus>,
}

/// Where an exit leads, before names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead<'a> {
    /// To the step that the author named.
    Named(&'a StepId),
    /// To the step that has the exit's own name.
    OwnName,
    /// To the step listed next.
    Following,
    /// To a person: nobody answered.
    Person,
}

impl StepDefinition {
    /// The status that passing it gives the dialog.
    pub(crate) fn status(&self) -> Option<FinishStatus> {
        match &self.kind {
            StepKind::Finish(finish) => Some(self.finish.unwrap_or(finish.status)),
            StepKind::Assign(_) | StepKind::Queue(_) => {
                Some(self.finish.unwrap_or(FinishStatus::Manual))
            }
            _ => self.finish,
        }
    }

    /// Whether it may be given a time after which it leaves by `timeout`.
    pub(crate) fn may_time_out(&self) -> bool {
        self.kind.waits_for_answer()
            || self.kind.always_times_out()
            || self.status() == Some(FinishStatus::Waiting)
    }

    /// Whether a contact can be silent at it, so that it may remind him.
    pub(crate) fn may_push(&self) -> bool {
        self.kind.awaits_message() || self.status() == Some(FinishStatus::Waiting)
    }

    /// The names of its exits, `timeout` last.
    pub(crate) fn exit_names(&self) -> Vec<String> {
        let mut names = self.kind.exits();
        if self.timeout.is_some() && !self.kind.always_times_out() {
            names.push(EXIT_TIMEOUT.to_owned());
        }
        names
    }

    /// Where an exit leads. `is_step` says whether the flow has a step of a name.
    pub(crate) fn lead(&self, exit: &str, is_step: impl Fn(&StepId) -> bool) -> Lead<'_> {
        if let Some(to) = self.exits.get(exit) {
            return Lead::Named(to);
        }
        let is_aside = matches!(exit, EXIT_TIMEOUT | EXIT_GAVE_UP);
        match &self.kind {
            StepKind::Ask(_) if is_aside => Lead::Person,
            // No answer in time is a failure, unless the author tells the two apart.
            StepKind::Webhook(_) if exit == EXIT_TIMEOUT => self
                .exits
                .get(Webhook::FAILURE)
                .map_or(Lead::Following, Lead::Named),
            StepKind::Keywords(_)
            | StepKind::Condition(_)
            | StepKind::Split(_)
            | StepKind::Membership(_)
            | StepKind::Router(_)
            | StepKind::AiRoute(_)
                if !matches!(exit, EXIT_OTHERWISE | EXIT_TIMEOUT)
                    && is_step(&StepId::from(exit)) =>
            {
                Lead::OwnName
            }
            _ => Lead::Following,
        }
    }
}

/// The status that leaving by an exit gives, of the one that passing the step gives. A question
/// that was given up or not answered in time hasn't been passed as it was meant, and gives none.
pub(crate) fn finish_by(
    status: Option<FinishStatus>,
    waits_for_answer: bool,
    exit: &str,
) -> Option<FinishStatus> {
    let is_aside = waits_for_answer && matches!(exit, EXIT_TIMEOUT | EXIT_GAVE_UP);
    status.filter(|_| !is_aside)
}

/// A host's code, as data: what is stored of it, and what it is found again by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRef {
    /// Name of the code.
    pub kind: String,
    /// Its revision; 0 where a file names the code and no program has looked it up yet.
    pub revision: u32,
    /// Its settings.
    pub settings: Value,
    /// The exits it declares.
    pub exits: Vec<String>,
}

/// The form of [`CodeRef`] where it isn't just a name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "code")
)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    /// The name under which the program has registered it.
    kind: String,
    /// Kept with stored flows; the program knows it.
    #[serde(default, skip_serializing_if = "is_zero")]
    revision: u32,
    /// What parametrises it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Source>,
    /// Kept with stored flows; the program knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exits: Vec<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Serialize for CodeRef {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.revision == 0 && self.settings.is_null() && self.exits.is_empty() {
            return self.kind.serialize(to);
        }
        let body = CodeBody {
            kind: self.kind.clone(),
            revision: self.revision,
            settings: (!self.settings.is_null()).then(|| Source(self.settings.clone())),
            exits: self.exits.clone(),
        };
        body.serialize(to)
    }
}

impl<'de> Deserialize<'de> for CodeRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = CodeRef;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of registered code, or a map with `kind` and `settings`")
            }

            fn visit_str<E>(self, kind: &str) -> Result<CodeRef, E> {
                Ok(CodeRef {
                    kind: kind.to_owned(),
                    revision: 0,
                    settings: Value::Null,
                    exits: Vec::new(),
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<CodeRef, A::Error> {
                let body = CodeBody::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(CodeRef {
                    kind: body.kind,
                    revision: body.revision,
                    settings: body.settings.map_or(Value::Null, |Source(value)| value),
                    exits: body.exits,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

/// A host's step in a definition: its data, and the code where this program has it.
#[derive(Clone)]
pub struct CustomStep {
    pub(crate) code: CodeRef,
    pub(crate) step: Option<Arc<dyn Step>>,
}

/// A host's router in a definition: its data, and the code where this program has it.
#[derive(Clone)]
pub struct CustomRouter {
    pub(crate) code: CodeRef,
    pub(crate) router: Option<Arc<dyn Router>>,
}

impl CustomStep {
    /// A step with its code.
    pub fn new(step: impl Step) -> Self {
        let code = CodeRef {
            kind: step.kind().to_owned(),
            revision: step.revision(),
            settings: step.settings(),
            exits: step.exits().into_iter().map(Into::into).collect(),
        };
        Self {
            code,
            step: Some(Arc::new(step)),
        }
    }
}

impl CustomRouter {
    /// A router with its code.
    pub fn new(router: impl Router) -> Self {
        let code = CodeRef {
            kind: router.kind().to_owned(),
            revision: router.revision(),
            settings: router.settings(),
            exits: router.routes().into_iter().map(Into::into).collect(),
        };
        Self {
            code,
            router: Some(Arc::new(router)),
        }
    }
}

impl PartialEq for CustomStep {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl PartialEq for CustomRouter {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl fmt::Debug for CustomStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomStep")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CustomRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRouter")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(CodeRef, "code_or_name", CodeBody);
