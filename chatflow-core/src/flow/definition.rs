//! A flow as data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dialog::{FlowId, FlowVersion, StepId, Value};
use crate::flow::{FinishStatus, Router, Step, StepKind};

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

    /// All its steps, in order. An exit that leads nowhere goes to the step listed next.
    fn steps(&self) -> Vec<StepDefinition>;
}

/// A flow as it is stored and hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowDefinition {
    /// Its name.
    pub id: FlowId,
    /// Its version.
    pub version: FlowVersion,
    /// Where it begins.
    pub entry: StepId,
    /// Its steps, in order.
    pub steps: Vec<StepDefinition>,
}

impl FlowDefinition {
    /// The data of any flow.
    pub fn of(flow: &dyn Flow) -> Self {
        Self {
            id: flow.id(),
            version: flow.version(),
            entry: flow.entry(),
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
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDefinition {
    /// Its name, unique in the flow.
    pub name: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Where its exits lead. An exit that isn't here leads to the step listed next.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exits: BTreeMap<String, StepId>,
    /// The status that passing it gives the dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<FinishStatus>,
}

/// A host's code, as data: what is stored of it, and what it is found again by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRef {
    /// Name of the code.
    pub kind: String,
    /// Its revision.
    pub revision: u32,
    /// Its settings.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub settings: Value,
    /// The exits it declares.
    pub exits: Vec<String>,
}

/// A host's step in a definition: its data, and the code where this program has it.
#[derive(Clone, Serialize, Deserialize)]
pub struct CustomStep {
    pub(crate) code: CodeRef,
    #[serde(skip)]
    pub(crate) step: Option<Arc<dyn Step>>,
}

/// A host's router in a definition: its data, and the code where this program has it.
#[derive(Clone, Serialize, Deserialize)]
pub struct CustomRouter {
    pub(crate) code: CodeRef,
    #[serde(skip)]
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
