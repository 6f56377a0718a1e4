//! Room 7: the only room that awaits.
//!
//! ```text
//!  channel ─ inbound ─┐                       ┌─ due timers ──┐
//!  operator ─ event ──┼─► worker: lock dialog, load, engine, commit ──► wake
//!                     │                       └─ deliveries: begin, send, settle
//!                     └── answered once the commit is durable
//! ```
//!
//! **The law: one event, one turn, one commit; nothing leaves before its commit.** A turn runs
//! on the task of whoever brought the event, in arrival order per dialog and in parallel
//! across dialogs, so a slow store slows down its callers instead of filling a queue. The
//! worker has no executor of its own: a driver polls it.

mod asked;
mod backoff;
mod builder;
mod call;
#[cfg(feature = "runtime")]
mod chatflow;
mod clock;
mod contact;
mod deliver;
mod deploy;
mod desk;
mod drive;
mod feed;
mod history;
mod host;
mod ingest;
mod line;
mod order;
mod people;
mod port;
mod postback;
mod provider;
mod wake;
mod worker;

pub use backoff::RetryPolicy;
pub use builder::{WorkerBuilder, WorkerError};
#[cfg(feature = "runtime")]
pub use chatflow::{Builder, Chatflow, RunError, StartError};
pub use clock::Clock;
#[cfg(feature = "runtime")]
pub use clock::SystemClock;
pub use contact::{ChangeContactError, ContactChanged};
pub use deploy::{DeployError, Deployed};
pub use desk::{Desk, DeskError, OperatorStanding, Responsible, TransferList, Transferee};
pub use feed::{FeedEntry, FeedItem};
pub use host::{ChannelInfo, StartLinkError};
pub use port::{Port, PortError, PortErrorKind};
pub use provider::{
    BotDone, BotReply, ExternalBot, MembershipChecker, ModelMessage, ModelProvider, ModelPurpose,
    ModelReply, ModelRequest, Notification, Notifier, Recognizer, Tracker, TrackerEvent,
    Translator, WebhookCaller, WebhookRequest, WebhookResponse,
};
pub use worker::{HandleError, Handled, Worker};
