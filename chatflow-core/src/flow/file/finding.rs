//! What is found in files.

use std::fmt;

use super::problem::one_line;
use super::{ReadProblem, Span};
use crate::dialog::{FlowId, StepId};
use crate::flow::{Problem, Severity};

/// One thing that is wrong with a flow file, or looks wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing it is: a stable word such as `unknown_step`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub hint: Option<String>,
    /// The file, by the name it was read under.
    pub file: String,
    /// The place in it.
    pub span: Span,
    /// The flow, as far as it is about one.
    pub flow: Option<FlowId>,
    /// The step, as far as it is about one.
    pub step: Option<StepId>,
}

impl Finding {
    pub(super) fn unread(file: &str, problem: ReadProblem) -> Self {
        Self {
            severity: Severity::Error,
            code: "unreadable",
            message: problem.message,
            hint: problem.hint,
            file: file.to_owned(),
            span: problem.span,
            flow: None,
            step: None,
        }
    }

    pub(super) fn of(file: &str, span: Span, flow: Option<&FlowId>, problem: &Problem) -> Self {
        Self {
            severity: problem.kind.severity(),
            code: problem.kind.code(),
            message: one_line(problem.to_string()),
            hint: problem.kind.hint().map(ToOwned::to_owned),
            file: file.to_owned(),
            span,
            flow: flow.cloned(),
            step: problem.step.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { line, column, .. } = self.span;
        let severity = self.severity.label();
        let (file, code, message) = (&self.file, self.code, &self.message);
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}")?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Flow files that can't be used. It names everything that was found, not only the first.
#[derive(Clone, PartialEq, Eq)]
pub struct FlowFileError {
    findings: Vec<Finding>,
}

impl FlowFileError {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// All that was found, warnings too.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl std::error::Error for FlowFileError {}

/// One finding a line.
impl fmt::Display for FlowFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the flow can't be used")?;
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        Ok(())
    }
}

/// `main` shows an error by its `Debug`; people should get the findings.
impl fmt::Debug for FlowFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
