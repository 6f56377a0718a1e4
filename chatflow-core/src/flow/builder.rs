//! Flows written in Rust.

use std::collections::BTreeMap;

use crate::dialog::time::Period;
use crate::dialog::{FlowId, FlowVersion, StepId};
use crate::flow::{
    CompiledFlow, FinishStatus, FlowDefinition, FlowError, Problem, ProblemKind, Push,
    StepDefinition, StepKind, Upgrade,
};

/// Builds a flow step by step.
///
/// The flow begins at the first step. An exit that is not led anywhere goes to the step of its
/// own name where a router, condition or split has one, else to the step listed next. After the last step the flow is over: the dialog shows Finished and answers no more,
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
///             .retry("Please answer small or large.")
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
    language: Option<String>,
    entry: Option<StepId>,
    inputs: Vec<String>,
    upgrade: Upgrade,
    steps: Vec<StepDefinition>,
    problems: Vec<Problem>,
}

impl FlowBuilder {
    /// A flow of this name and version without steps.
    pub fn new(id: impl Into<FlowId>, version: FlowVersion) -> Self {
        Self {
            id: id.into(),
            version,
            language: None,
            entry: None,
            inputs: Vec::new(),
            upgrade: Upgrade::default(),
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
            timeout: None,
            answer_after: None,
            pushes: Vec::new(),
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
                    self.problems.push(Problem::of(step, kind));
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

    /// Lets the step just added wait this long for the contact, who else is led on by the exit
    /// `timeout`. It is for steps that wait: a question, a router, or a step with the finish
    /// status Waiting.
    #[must_use]
    pub fn timeout(mut self, after: impl Into<Period>) -> Self {
        match self.steps.last_mut() {
            Some(step) => step.timeout = Some(after.into()),
            None => self.attach_to_nothing(),
        }
        self
    }

    /// Lets the step just added say what it says this long after the contact's last message at
    /// the earliest. It is for steps that [send](crate::SendMessage) something.
    #[must_use]
    pub fn answer_after(mut self, after: impl Into<Period>) -> Self {
        match self.steps.last_mut() {
            Some(step) => step.answer_after = Some(after.into()),
            None => self.attach_to_nothing(),
        }
        self
    }

    /// Adds a reminder to the step just added, due after those it has; at most [`Push::MAX`]. It
    /// is for steps that wait for the contact.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use chatflow_core::{Ask, FlowBuilder, Push, SendMessage};
    ///
    /// let remind = SendMessage::text("Are you still there?");
    /// let flow = FlowBuilder::new("order", 1)
    ///     .step("size", Ask::text("Which size?").save("size"))
    ///     .push(Push::after(Duration::from_secs(3600), remind))
    ///     .build()?;
    /// assert_eq!(flow.steps[0].pushes.len(), 1);
    /// # Ok::<(), chatflow_core::FlowError>(())
    /// ```
    #[must_use]
    pub fn push(mut self, push: Push) -> Self {
        match self.steps.last_mut() {
            Some(step) => step.pushes.push(push),
            None => self.attach_to_nothing(),
        }
        self
    }

    /// Sets the language of texts that name none, and of contacts whose own the flow doesn't
    /// speak.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Names a value that the flow reads and that comes from outside: from the flow that calls
    /// it, from an operator or from the host.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>) -> Self {
        self.inputs.push(name.into());
        self
    }

    /// Says what this version does with dialogs that stand in another version of the flow; the
    /// default lets them stay until they leave it.
    #[must_use]
    pub fn upgrade(mut self, upgrade: Upgrade) -> Self {
        self.upgrade = upgrade;
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
            language: self.language,
            entry,
            inputs: self.inputs,
            upgrade: self.upgrade,
            steps: self.steps,
        });
        match definition {
            None => problems.push(Problem::of(None, ProblemKind::NoSteps)),
            Some(definition) => match CompiledFlow::compile(&definition, None) {
                Ok(_) if problems.is_empty() => return Ok(definition),
                Ok(_) => {}
                Err(found) => problems.extend(found),
            },
        }
        Err(FlowError::new(self.id, problems))
    }

    fn attach_to_nothing(&mut self) {
        self.problems
            .push(Problem::of(None, ProblemKind::NothingToAttachTo));
    }
}
