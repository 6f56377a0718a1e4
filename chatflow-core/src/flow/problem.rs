//! What is wrong with a flow or a bot.

use std::fmt;

use crate::dialog::{FlowId, StepId};
use crate::flow::{CodeRef, TemplateError};

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

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The step it is wrong with.
    pub step: Option<StepId>,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step `{step}`: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// The kinds of problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// It has no steps.
    #[error("it has no steps; add one with `.step(name, kind)`")]
    NoSteps,
    /// It has more steps than fit.
    #[error("it has {count} steps, more than 10000")]
    TooManySteps {
        /// How many.
        count: usize,
    },
    /// A name is empty, too long or has control characters.
    #[error("the name {name:?} is empty, longer than 128 bytes or has control characters")]
    BadName {
        /// The name.
        name: String,
    },
    /// Two steps have one name.
    #[error("two steps have this name")]
    DuplicateStep,
    /// The entry step doesn't exist.
    #[error("the entry step `{entry}` doesn't exist")]
    EntryMissing {
        /// Its name.
        entry: StepId,
    },
    /// `.exit` or `.finish` was called before any step.
    #[error("`.exit` and `.finish` belong to the step before them, and there is none")]
    NothingToAttachTo,
    /// The step has no exit of that name.
    #[error("it has no exit `{exit}`; its exits are {exits}")]
    NoSuchExit {
        /// The name.
        exit: String,
        /// Those it has.
        exits: String,
    },
    /// Two exits of a step have one name, or a route is called `otherwise`.
    #[error("two of its exits are called `{exit}`")]
    DuplicateExit {
        /// The name.
        exit: String,
    },
    /// An exit leads to a step that doesn't exist.
    #[error("its exit `{exit}` leads to `{to}`, which doesn't exist")]
    ExitToNowhere {
        /// The exit.
        exit: String,
        /// Where it leads.
        to: StepId,
    },
    /// A text is no template.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// A name in a condition can't be looked up.
    #[error("`{name}` is no name; write x, data.x or contact.x")]
    BadPath {
        /// The name.
        name: String,
    },
    /// A condition is nested too deeply.
    #[error("its conditions are nested deeper than 16")]
    TooDeep,
    /// The range of a number question is empty.
    #[error("no number is at least {least} and at most {most}")]
    EmptyRange {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A choice question or a router has nothing to choose from.
    #[error("it has nothing to choose from")]
    NoChoices,
    /// A keyword or choice is blank once case and punctuation are taken away, or two choices
    /// are the same then.
    #[error("`{word}` is blank or the same as another once case and punctuation are taken away")]
    BadWord {
        /// The word.
        word: String,
    },
    /// There are more keywords than can be searched.
    #[error("it has too many keywords")]
    TooManyKeywords,
    /// This program doesn't have the code of a step or router written in Rust.
    #[error("its code `{}` revision {} isn't in this program; register it", .0.kind, .0.revision)]
    CodeMissing(CodeRef),
}
