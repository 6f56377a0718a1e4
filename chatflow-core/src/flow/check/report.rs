//! What a check found.

use std::fmt;

use crate::dialog::{FlowId, FlowVersion};
use crate::flow::{Problem, Severity};

/// What [`Bot::check`](crate::Bot::check) found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What is wrong with the bot's settings. [`Problem::at`] leads from the settings.
    pub settings: Vec<Problem>,
    /// What is wrong with its flows: by flow, then by step, the worse first.
    pub problems: Vec<FlowProblem>,
    /// What one turn may cost in each flow that compiles.
    pub bounds: Vec<FlowBound>,
}

/// One thing that is wrong with a flow, or looks wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowProblem {
    /// The flow.
    pub flow: FlowId,
    /// Which edition of it.
    pub version: FlowVersion,
    /// What is wrong, and where.
    pub problem: Problem,
}

/// The most that one turn may cost that begins in a flow, wherever it begins and leads.
///
/// What a host's steps say themselves isn't counted, nor what bots on other platforms say: nobody
/// knows it before. A host's step is taken to wait when it is entered, as it does by default,
/// unless the turn's message is still there for it. Where robots lead to a step at the end of a
/// turn, or an album is handed on together with what came behind it, each goes by itself, with
/// this for its worst case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBound {
    /// The flow.
    pub flow: FlowId,
    /// Which edition of it.
    pub version: FlowVersion,
    /// Steps gone through: those entered, the one where the dialog stood, and each return to a
    /// step that called a flow. It is what [`Limits::steps_per_turn`](crate::Limits) limits.
    pub steps: Bound,
    /// Messages said.
    pub messages: Bound,
}

/// A worst case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// No more than this.
    AtMost(u64),
    /// A circle that never waits leaves it to the limits of a turn.
    Unbounded,
}

impl Report {
    /// Whether the bot can be used: nothing that was found is an error.
    pub fn is_usable(&self) -> bool {
        self.each()
            .all(|problem| problem.severity() < Severity::Error)
    }

    /// Whether nothing was found at all.
    pub fn is_clean(&self) -> bool {
        self.each().next().is_none()
    }

    fn each(&self) -> impl Iterator<Item = &Problem> {
        let of_flows = self.problems.iter().map(|found| &found.problem);
        self.settings.iter().chain(of_flows)
    }
}

impl fmt::Display for FlowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.problem.severity().label();
        write!(f, "{severity}: flow `{}`: {}", self.flow, self.problem)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "{most}"),
            Self::Unbounded => f.write_str("unbounded"),
        }
    }
}
