//! Flows written in Rust.

use std::collections::BTreeMap;

use crate::dialog::{FlowId, FlowVersion, StepId};
use crate::flow::{
    CompiledFlow, FinishStatus, FlowDefinition, FlowError, Problem, ProblemKind, StepDefinition,
    StepKind,
};

/// Builds a flow step by step.
///
/// The flow begins at the first step. An exit that is not led anywhere goes to the step listed
/// next. After the last step the flow is over: the dialog shows Finished and answers no more,
/// unless the step's [`finish`](FlowBuilder::finish) status says otherwise.
///
/// ```
/// use chatflow_core::{Ask, FlowBuilder, KeywordMatch, KeywordRouter, SendMessage};
///
/// let flow = FlowBuilder::new("order", 1)
///     .step("name", Ask::text("What is your name?").save_contact_name())
///     .step("size", SendMessage::text("Small or large, {{ name }}?"))
///     .step(
///         "sizes",
///         KeywordRouter::new()
///             .route("small", ["small", "s"])
///             .route("large", ["large", "l"])
///             .matching(KeywordMatch::Beginning)
///             .otherwise_say("Please answer small or large.")
///             .save("size"),
///     )
///     .step("done", SendMessage::text("One {{ size }} coming up."))
///     .build()?;
/// assert_eq!(flow.steps.len(), 4);
/// # Ok::<(), chatflow_core::FlowError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FlowBuilder {
    id: FlowId,
    version: FlowVersion,
    entry: Option<StepId>,
    steps: Vec<StepDefinition>,
    problems: Vec<Problem>,
}

impl FlowBuilder {
    /// A flow of this name and version without steps.
    pub fn new(id: impl Into<FlowId>, version: FlowVersion) -> Self {
        Self {
            id: id.into(),
            version,
            entry: None,
            steps: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Adds a step: a built-in kind or a [`Step`](crate::Step) of your own. A router of your
    /// own is added by [`StepKind::router`].
    #[must_use]
    pub fn step(mut self, name: impl Into<StepId>, kind: impl Into<StepKind>) -> Self {
        self.steps.push(StepDefinition {
            name: name.into(),
            kind: kind.into(),
            exits: BTreeMap::new(),
            finish: None,
        });
        self
    }

    /// Leads an exit of the step just added to another step.
    #[must_use]
    pub fn exit(mut self, exit: impl Into<String>, to: impl Into<StepId>) -> Self {
        match self.steps.last_mut() {
            Some(step) => {
                let exit = exit.into();
                if step.exits.insert(exit.clone(), to.into()).is_some() {
                    let step = Some(step.name.clone());
                    let kind = ProblemKind::DuplicateExit { exit };
                    self.problems.push(Problem { step, kind });
                }
            }
            None => self.attach_to_nothing(),
        }
        self
    }

    /// Gives the step just added the status that passing it gives the dialog.
    #[must_use]
    pub fn finish(mut self, status: FinishStatus) -> Self {
        match self.steps.last_mut() {
            Some(step) => step.finish = Some(status),
            None => self.attach_to_nothing(),
        }
        self
    }

    /// Begins the flow at another step than the first.
    #[must_use]
    pub fn entry(mut self, step: impl Into<StepId>) -> Self {
        self.entry = Some(step.into());
        self
    }

    /// The flow as data.
    ///
    /// # Errors
    /// [`FlowError`] names every problem with its step.
    pub fn build(self) -> Result<FlowDefinition, FlowError> {
        let entry = self
            .entry
            .or_else(|| self.steps.first().map(|step| step.name.clone()));
        let mut problems = self.problems;
        let definition = entry.map(|entry| FlowDefinition {
            id: self.id.clone(),
            version: self.version,
            entry,
            steps: self.steps,
        });
        match definition {
            None => problems.push(Problem {
                step: None,
                kind: ProblemKind::NoSteps,
            }),
            Some(definition) => match CompiledFlow::compile(&definition) {
                Ok(_) if problems.is_empty() => return Ok(definition),
                Ok(_) => {}
                Err(found) => problems.extend(found),
            },
        }
        Err(FlowError::new(self.id, problems))
    }

    fn attach_to_nothing(&mut self) {
        self.problems.push(Problem {
            step: None,
            kind: ProblemKind::NothingToAttachTo,
        });
    }
}
