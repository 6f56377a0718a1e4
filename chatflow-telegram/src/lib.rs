//! The Telegram channel of Chatflow: a bot of one's own, or one that answers for business accounts.
//!
//! ```text
//!  Telegram ── poll or webhook ──► update ──► kept durably ──► acknowledged, decoded
//!  Telegram ◄── request ◄── a part of a message, planned by core within what Telegram takes
//! ```
//!
//! ```no_run
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! use chatflow_telegram::{Telegram, TelegramConfig};
//!
//! let token = std::env::var("TELEGRAM_BOT_TOKEN")?;
//! let telegram = Telegram::connect(TelegramConfig::new(token)).await?;
//! // Hand it to core's builder beside a bot, as any other channel.
//! # let _ = telegram;
//! # Ok(())
//! # }
//! ```
//!
//! **What fails says what to do next**: each refusal of Telegram's, in old and new words, has its
//! class, and one that isn't known is never tried again. Neither errors nor logs tell the token
//! or what was written.
//!
//! With the feature `testing`, the module `testing` is a Bot API server on this machine, as
//! strict as Telegram and faulty on demand, with corpora of updates and errors.
//!
//! Minimum Rust version: 1.89.

mod address;
mod channel;
mod classify;
mod config;
mod detail;
mod entities;
mod envelope;
mod error;
mod inbound;
mod ingest;
mod keyboard;
mod membership;
mod outbound;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;

pub use channel::Telegram;
pub use config::{Binding, TelegramConfig};
pub use error::ConnectError;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use inbound::decode_bytes;
pub use ingest::{WebhookConfig, WebhookError};
pub use membership::TelegramMembership;
