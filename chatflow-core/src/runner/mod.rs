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

mod backoff;
mod builder;
#[cfg(feature = "runtime")]
mod chatflow;
mod clock;
mod contact;
mod deliver;
mod drive;
mod host;
mod ingest;
mod line;
mod order;
mod port;
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
pub use host::{ChannelInfo, StartLinkError};
pub use port::{Port, PortError};
pub use worker::{HandleError, Handled, Worker};
