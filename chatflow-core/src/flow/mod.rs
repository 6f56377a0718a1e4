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

mod ai;
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
mod faults;
#[cfg(feature = "files")]
mod file;
mod graph;
mod json;
mod keywords;
mod kinds;
mod link;
mod ordered;
mod pattern;
mod problem;
mod profiles;
mod request;
mod router;
mod rules;
#[cfg(feature = "files")]
mod schema;
mod step;
mod template;
mod texts;
mod timing;
mod upgrade;
mod upgrade_plan;

pub use ai::{AiSettings, Amount, Example, Memory, OverBudget, Price, TranslationSettings};
pub use behaviour::{
    Behaviour, BotAnswers, ErrorInbound, ErrorRetry, FinishedInbound, ManualWaitingExit, MediaRule,
    OnComplete, OperatorWrite, ReopenPolicy, ResumeFrom, StartedAgain, StepFailure, Stranded,
    UnblockTo, UnknownTags, WaitingEntry, WriteGuard,
};
pub use bot::{Bot, BotSettings, Limits};
pub use builder::FlowBuilder;
pub use check::{Bound, FlowBound, FlowProblem, Report};
pub(crate) use compile::is_tag;
pub(crate) use compiled::{
    CompiledAi, CompiledAsk, CompiledCall, CompiledDelay, CompiledFlow, CompiledItem, CompiledKind,
    CompiledPush, CompiledRobot, CompiledSend, CompiledSource, CompiledStep, CompiledTrack,
    CompiledWebhook,
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
    AiReply, AiRoute, Ask, AskKind, Assign, Branch, CallFlow, ChangeFlow, ChangeTags, Delay,
    EXIT_GAVE_UP, EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT, Enqueue, Finish, FinishStatus,
    KeywordMatch, KeywordRouter, Membership, PassToBot, SaveTo, SendMessage, SetValues, Split,
    StepKind, Track, Webhook, WebhookMethod,
};
pub use problem::{FlowError, Problem, ProblemKind, Severity};
pub use router::Router;
pub use rules::{Alert, NotificationRule, Occurrence, PostbackRule, Robot};
pub(crate) use step::{Decided, STEP_TIMER, Scratch};
pub use step::{Outcome, Step, StepContext};
pub(crate) use template::is_data_name;
pub use template::{RenderError, Template, TemplateError};
pub(crate) use texts::CompiledTexts;
pub use texts::Texts;
pub(crate) use timing::next_at;
pub use timing::{
    ClockTime, DuringDelay, ParseClockTimeError, Push, PushTogether, QuietHours, Typing,
};
pub use upgrade::Upgrade;
pub(crate) use upgrade::Way;
pub use upgrade_plan::{FlowUpgrade, Standing, UpgradePlan};
