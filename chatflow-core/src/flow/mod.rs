//! Room 2: what an author writes.
//!
//! ```text
//!  FlowBuilder ──► FlowDefinition (data: stored, hashed) ──► Bot ──► Config (compiled, immutable)
//!  a host's Flow ─────────┘                                            indices, matchers, templates
//! ```
//!
//! **The law of this room: a flow is data.** Steps written in Rust take part through their
//! declared kind, revision, settings and exits, which are data too; their code is looked up.
//! A turn looks up no step by name, compiles no pattern and parses no template.

mod answer;
mod behaviour;
mod body;
mod bot;
mod builder;
mod check;
mod compile;
mod compiled;
mod condition;
mod config;
mod definition;
#[cfg(feature = "files")]
mod file;
mod graph;
mod keywords;
mod kinds;
mod link;
mod ordered;
mod pattern;
mod problem;
mod router;
#[cfg(feature = "files")]
mod schema;
mod step;
mod template;
mod texts;

pub use behaviour::{
    Behaviour, FinishedInbound, ManualWaitingExit, MediaRule, OperatorWrite, StartedAgain,
    UnblockTo, UnknownTags, WaitingEntry,
};
pub use bot::{Bot, BotSettings, Limits};
pub use builder::FlowBuilder;
pub use check::{Bound, FlowBound, FlowProblem, Report};
pub(crate) use compile::is_tag;
pub(crate) use compiled::{
    CompiledAsk, CompiledCall, CompiledFlow, CompiledItem, CompiledKind, CompiledSource,
    CompiledStep,
};
pub use condition::Condition;
pub use config::{Config, ConfigError, Definition};
pub use definition::{CodeRef, CustomRouter, CustomStep, Flow, FlowDefinition, StepDefinition};
#[cfg(feature = "files")]
pub use file::{
    Code, ExportError, FileReport, Finding, FlowFileError, FlowFiles, Span, flow_schema,
};
pub use graph::{FlowGraph, GraphEdge, GraphNode, GraphTarget};
pub(crate) use keywords::normalise;
pub use kinds::{
    Ask, AskKind, Branch, CallFlow, ChangeFlow, ChangeTags, Delay, EXIT_GAVE_UP, EXIT_NEXT,
    EXIT_OTHERWISE, EXIT_TIMEOUT, Finish, FinishStatus, KeywordMatch, KeywordRouter, Membership,
    SaveTo, SendMessage, SetValues, Split, StepKind,
};
pub use problem::{FlowError, Problem, ProblemKind, Severity};
pub use router::Router;
pub use step::{Outcome, Step, StepContext};
pub(crate) use step::{STEP_TIMER, Scratch};
pub(crate) use template::is_data_name;
pub use template::{RenderError, Template, TemplateError};
pub(crate) use texts::CompiledTexts;
pub use texts::Texts;
