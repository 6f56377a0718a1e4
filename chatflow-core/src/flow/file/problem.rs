//! What is wrong with a file.

use std::fmt;

use super::Span;

/// One thing that is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadProblem {
    /// Where.
    pub(crate) span: Span,
    /// What is wrong, in one line.
    pub(crate) message: String,
    /// What to do about it, in one line.
    pub(crate) hint: Option<String>,
}

impl ReadProblem {
    /// What is wrong somewhere.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: one_line(message.into()),
            hint: None,
        }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }
}

impl std::error::Error for ReadProblem {}

impl fmt::Display for ReadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            span,
            message,
            hint,
        } = self;
        write!(f, "{}:{}: {message}", span.line, span.column)?;
        if let Some(hint) = hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// A problem may quote the file, and a quoted line break or escape would spoil the list of
/// problems on a terminal.
pub(super) fn one_line(text: String) -> String {
    if text.chars().any(char::is_control) {
        text.replace(char::is_control, " ")
    } else {
        text
    }
}
