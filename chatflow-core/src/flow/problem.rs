//! What is wrong with a flow or a bot.

mod kind;

use std::fmt;

pub use kind::ProblemKind;

use crate::dialog::{FlowId, StepId};

/// A flow that can't be used. It names every problem, not only the first.
#[derive(Clone, PartialEq, Eq)]
pub struct FlowError {
    flow: FlowId,
    problems: Vec<Problem>,
}

impl FlowError {
    pub(crate) fn new(flow: FlowId, problems: Vec<Problem>) -> Self {
        Self { flow, problems }
    }

    /// The flow.
    pub fn flow(&self) -> &FlowId {
        &self.flow
    }

    /// All that is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for FlowError {}

/// `main` shows an error by its `Debug`; people should get the sentence and its causes.
impl fmt::Debug for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::sentence(self, f)
    }
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow `{}` can't be used: ", self.flow)?;
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong, or looks wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The step it is wrong with.
    pub step: Option<StepId>,
    /// Where: the names by which a file leads to the place, from the step, or from the flow
    /// where no step is named. `["ask", "retry"]` is a question's text of asking again.
    pub at: Vec<String>,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl Problem {
    /// A problem of a step as a whole, or of the flow.
    pub(crate) fn of(step: Option<StepId>, kind: ProblemKind) -> Self {
        Self {
            step,
            at: Vec::new(),
            kind,
        }
    }

    /// Whether a flow with it can be used.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step `{step}`: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The flow works, perhaps not as it was meant.
    Warning,
    /// The flow isn't loaded.
    Error,
}

impl Severity {
    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
