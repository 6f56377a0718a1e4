//! The engine under a conversational CRM: bots that lead contacts through flows of steps, hand
//! over to people and back, and lose nothing.
//!
//! ```text
//!   channel ── event ──► runner ── config + snapshot + event + now ──► engine       pure
//!                          ▲                                             │
//!   operator ── command ───┘                                         transition
//!                                                                        │
//!   channel ◄── effects ── runner ◄── outbox ◄── store.commit(turn)  one atomic write
//! ```
//!
//! A contact's message, an operator's click, a timer and a delivery's failure are all
//! **events**; an event is one **turn**; a turn is one **commit**; nothing leaves before its
//! commit.
//!
//! # A complete program
//!
//! ```
//! use chatflow_core::{Ask, Bot, Chatflow, FlowBuilder, MemoryStore, SendMessage, Terminal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let flow = FlowBuilder::new("greet", 1)
//!     .step("name", Ask::text("What is your name?").save_contact_name())
//!     .step("hello", SendMessage::text("Hello, {{ name }}!"))
//!     .build()?;
//! # let terminal = Terminal::with("hi\nAnna\n".as_bytes(), std::io::sink(), std::io::sink());
//! # #[cfg(any())]
//! let terminal = Terminal::new();
//! Chatflow::builder(MemoryStore::new()).bot(Bot::new("shop", flow), terminal).run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The loop
//!
//! [`Worker`] is what runs; [`Chatflow`] is a worker on tokio. A host that owns its loop calls
//! [`Worker::receive`] with what came in and [`Worker::step`] when it likes.
//!
//! # Contracts
//!
//! What a host may implement, each with its contract: [`Dialog`], [`Status`], [`Flow`],
//! [`Step`], [`Router`]; what adapters implement: [`Store`], [`Channel`], [`Port`]; and
//! [`Clock`], where time comes in.
//!
//! # What it deliberately does not do
//!
//! It has no server, no screen and no model of its own, knows no messenger, and promises no
//! exactly-once delivery to one: a message whose delivery was not confirmed when the process
//! died is sent again under the same key.
//!
//! # Features
//!
//! - `runtime` (on): [`Chatflow`], [`Terminal`] and [`SystemClock`], on tokio. Without it the
//!   crate has no executor and builds for `wasm32-unknown-unknown`.
//! - `testing`: the manual clock, the scripted channel, scenarios, and the conformance kits of
//!   stores and channels.
//!
//! The least Rust version is 1.89.

mod channel;
mod crm;
mod dialog;
mod engine;
mod flow;
mod runner;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use channel::{
    Action, Capabilities, Channel, ChoiceLimits, Fallback, Inbound, InboundBody, Ingest,
    IngestError, Ingested, Initiation, ListenError, MediaError, MediaFile, MediaLimits, MediaStore,
    MessageAction, NextTry, Outbound, Pacing, Rate, RateLimiter, RateLimits, RawInbound, Receipt,
    Receipts, SendError, SendErrorClass, Slot, TextUnit, plan,
};
#[cfg(feature = "runtime")]
pub use channel::{Terminal, TerminalOutput};
pub use crm::{
    Acceptance, AllowAll, Availability, AvailableBy, Candidate, Filter, FilterRow,
    HistoryVisibility, Operator, OperatorAction, Policy, Presence, Queue, Right, Role, Roles,
    Routing, RoutingContext, RoutingRule, Target, Wait, WhenAway, choose,
};
pub use dialog::{
    Actor, Address, Advice, Assignee, Attention, Author, Automation, BotId, CallFailure,
    CallPurpose, CancelScope, CannotSend, Cause, ChannelId, Choice, ChoiceStyle, Completed,
    CompletionCause, ConfigHash, Contact, ContactAct, ContactBlock, ContactId, ContactPatch,
    ContactRefusal, ContactView, CustomStatus, DealStatus, Decimal, Dialog, DialogCard, DialogId,
    DialogRow, DialogSettings, Effect, EffectBody, EffectId, ErrorKind, Event, EventBody, EventKey,
    ExternalId, Fact, FailureClass, FailureReason, FlowId, FlowVersion, Frame, Handling,
    HeldMessage, Line, Mark, MarkKind, Media, MediaKind, Message, MessageRecord, MessageRules,
    Moment, NAME_BYTES_MAX, NoSuchLine, Notice, Offer, OfferEnd, OfflineReassign, OperatorAct,
    OperatorBlock, OperatorId, OutgoingBatch, OutgoingMessage, ParseDecimalError, ParseIdError,
    PausedAutomation, PendingCall, Phase, Position, Postback, Profile, QueueId, QueueTerms, Quote,
    RawBody, Reach, Reading, ReceiptState, Receipted, Revision, RouteReason, RowState, RuleBroken,
    SendLane, Session, SessionRecord, ShownStatus, Side, SideCall, Snapshot, Source, SourceTouch,
    SpaceId, Status, StatusChoice, StatusKind, StatusLabel, StepId, StepTarget, Text, TextCount,
    TimerChange, TimerSet, TransferMode, TransferTo, TranslateTo, Translation, UpgradeKind, Usage,
    VALUE_DEPTH_MAX, Value,
};
pub use dialog::{codec, time};
pub use engine::{Engine, LAW, Refusal, Refused, ReplayError, Replayed, Transition, replay};
pub use flow::{
    AiReply, AiRoute, AiSettings, Alert, Amount, Ask, AskKind, Assign, Behaviour, Bot, BotAnswers,
    BotSettings, Bound, Branch, CallFlow, ChangeFlow, ChangeTags, ClockTime, CodeRef, Condition,
    Config, ConfigError, CustomRouter, CustomStep, Definition, Delay, DuringDelay, EXIT_GAVE_UP,
    EXIT_NEXT, EXIT_OTHERWISE, EXIT_TIMEOUT, Enqueue, ErrorInbound, ErrorRetry, Example, Finish,
    FinishStatus, FinishedInbound, Flow, FlowBound, FlowBuilder, FlowDefinition, FlowError,
    FlowGraph, FlowProblem, FlowUpgrade, GraphEdge, GraphNode, GraphTarget, KeywordMatch,
    KeywordRouter, Limits, ManualWaitingExit, MediaRule, Membership, Memory, NotificationRule,
    Occurrence, OnComplete, OperatorWrite, Outcome, OverBudget, ParseClockTimeError, PassToBot,
    PostbackRule, Price, Problem, ProblemKind, Push, PushTogether, QuietHours, RenderError,
    ReopenPolicy, Report, ResumeFrom, Robot, Router, SaveTo, SendMessage, SetValues, Severity,
    Split, Standing, StartedAgain, Step, StepContext, StepDefinition, StepFailure, StepKind,
    Stranded, Template, TemplateError, Texts, Track, TranslationSettings, Typing, UnblockTo,
    UnknownTags, Upgrade, UpgradePlan, WaitingEntry, Webhook, WebhookMethod, WriteGuard,
};
#[cfg(feature = "files")]
pub use flow::{
    Code, ExportError, FileReport, Finding, FlowFileError, FlowFiles, Span, flow_schema,
};
pub use runner::{
    BotDone, BotReply, ChangeContactError, ChannelInfo, Clock, ContactChanged, DeployError,
    Deployed, Desk, DeskError, ExternalBot, FeedEntry, FeedItem, HandleError, Handled,
    MembershipChecker, ModelMessage, ModelProvider, ModelPurpose, ModelReply, ModelRequest,
    Notification, Notifier, OperatorStanding, Port, PortError, PortErrorKind, Recognizer,
    Responsible, RetryPolicy, StartLinkError, Tracker, TrackerEvent, TransferList, Transferee,
    Translator, WebhookCaller, WebhookRequest, WebhookResponse, Worker, WorkerBuilder, WorkerError,
};
#[cfg(feature = "runtime")]
pub use runner::{Builder, Chatflow, RunError, StartError, SystemClock};
pub use store::{
    About, Begun, BotRow, CommitError, Committed, Delivery, DeliveryState, DialogSummary, Due,
    DueDelivery, DueOperator, DueQuery, DueQueue, DueTimer, JournalTurn, LoadedDialog, MemberRow,
    MemoryStore, Opened, OperatorGuard, OperatorRow, OutboxEntry, PAGE_MAX, QueueGuard, QueueRow,
    RefusedEvent, Settled, Settlement, Store, StoreError, StoredRefusal, StoredUnclaimed,
    TranscriptLine, TurnCommit, Unclaimed,
};

/// The programs of the page on writing flows, compiled.
#[cfg(all(doctest, feature = "runtime"))]
#[doc = include_str!("../../docs/flows.md")]
mod flows_page {}

/// An error and its causes in one line, each said once.
fn sentence(error: &dyn std::error::Error, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut said = error.to_string();
    f.write_str(&said)?;
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if next != said {
            write!(f, ": {next}")?;
        }
        said = next;
        cause = error.source();
    }
    Ok(())
}
