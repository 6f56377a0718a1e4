//! The embedded default store of Chatflow: one SQLite file, one writer, group commit.
//!
//! ```text
//!   commit · refuse · begin_delivery · settle · …          load · due · journal · transcript · …
//!                    │                                                    │
//!                    ▼                                                    ▼
//!      writer thread, one connection                       reader threads, read-only
//!      [ job job job ] one transaction ──► chatflow.db ──► one moment for each call
//!      replies after COMMIT, then checkpoints   + -wal
//!                                               + .lock   (a second writer gets a clear error)
//! ```
//!
//! **The promise: after `Ok` of a writing call, neither a killed process nor a power failure
//! loses anything of it, and what one call writes is visible together or not at all.** Every
//! writing call waits for the disk, but for a group of them once: while one group commits, the
//! next gathers.
//!
//! ```
//! use chatflow_core::Store;
//! use chatflow_store_sqlite::SqliteStore;
//! use futures::executor::block_on;
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("chatflow.db");
//!
//! let store = SqliteStore::open(&path)?;
//! assert!(SqliteStore::open(&path).is_err(), "one writer a file");
//!
//! // Tools read beside it.
//! let tool = SqliteStore::open_read_only(&path)?;
//! assert!(block_on(tool.dialogs(None, 10))?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Calls work under any executor: the threads are the store's own. Dropping the last clone waits
//! for the disk; where that matters, do it outside the executor's threads.
//!
//! # What it does not do
//! - Several writing processes at one file: that is the PostgreSQL store's work.
//! - Network file systems: SQLite's write-ahead log wants shared memory.
//! - Foreign tables: the file is Chatflow's alone. Its columns may be read with SQLite's tools;
//!   they are described in `migrations/`.
//!
//! # SQLite's version
//! The crate accepts a range of `rusqlite` versions and shows none of its types, so that a
//! program that brings SQLite by another crate still resolves. With an SQLite before 3.51.3 let
//! no other program write to the file; the store warns of it at opening.
//!
//! Minimum Rust version: 1.89.

mod address;
mod bot;
mod config;
mod connect;
mod delivery;
mod due;
mod error;
mod external;
mod filter;
mod lock;
mod migration;
mod people;
#[cfg(test)]
mod plans;
mod query;
mod queue;
mod reader;
mod report;
mod revival;
mod rows;
mod store;
mod transcript;
mod turn;
mod verify;
mod writer;

pub use config::{SqliteConfig, Synchronous};
pub use error::OpenError;
pub use store::SqliteStore;
pub use verify::{Discrepancy, Verified};
