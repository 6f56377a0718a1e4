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

mod bot;
mod builder;
mod compile;
mod condition;
mod config;
mod definition;
#[cfg(feature = "files")]
mod file;
mod keywords;
mod kinds;
mod problem;
mod router;
mod step;
mod template;

pub use bot::{Bot, BotSettings, Limits, OperatorWrite};
pub use builder::FlowBuilder;
pub(crate) use compile::{Answer, CompiledAsk, CompiledFlow, CompiledKind, CompiledStep};
pub use condition::Condition;
pub use config::{Config, ConfigError, Definition};
pub use definition::{CodeRef, CustomRouter, CustomStep, Flow, FlowDefinition, StepDefinition};
pub(crate) use keywords::normalise;
pub use kinds::{
    Ask, AskKind, Branch, EXIT_GAVE_UP, EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT, Finish,
    FinishStatus, KeywordMatch, KeywordRouter, SaveTo, SendMessage, StepKind,
};
pub use problem::{FlowError, Problem, ProblemKind};
pub use router::Router;
pub(crate) use step::Scratch;
pub use step::{Outcome, Step, StepContext};
pub use template::{RenderError, Template, TemplateError};
