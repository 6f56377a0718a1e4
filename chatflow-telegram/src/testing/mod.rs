//! A Bot API server to test against, as strict as Telegram and faulty on demand.
//!
//! ```text
//!   test ── push · press · block · migrate ──► world ── updates ──► getUpdates or webhook ──► bot
//!     ▲                                          ▲                                             │
//!     └── sent_to · requests · wait_for ─────────┴── limits · flood · faults ◄── methods ◄─────┘
//! ```
//!
//! **It agrees with Telegram, not with the adapter.** Limits, lifetimes and error texts are those
//! of Telegram's documentation and of its open server, so that an adapter tested here is not tested
//! against its own assumptions. What a test wants to go wrong, it plans with a [`Fault`].
//!
//! ```
//! use chatflow_telegram::testing::{FakeTelegram, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), reqwest::Error> {
//! let telegram = FakeTelegram::start(Settings::default()).await;
//! telegram.push_text(5_000_001, "hello");
//!
//! // The bot under test is given the address and the token.
//! let method = format!("{}/bot{}/getUpdates", telegram.url(), telegram.token());
//! let answer = reqwest::get(method).await?.text().await?;
//! assert!(answer.contains("hello"));
//! # Ok(())
//! # }
//! ```
//!
//! Its clock stands still until [`FakeTelegram::advance`] moves it. What takes real time, holding
//! a poll and trying a webhook again, is scaled by [`Settings`].
//!
//! # What it leaves out
//! - `Markdown` and `MarkdownV2`: a message is given by entities or as HTML.
//! - Finding links, mentions and commands in the texts that the bot sends.
//! - TLS: a webhook's address is `http`, as it may be on a local Bot API server.
//! - Several bots, inline messages, payments, games, sticker sets, and methods it has no use for:
//!   those are answered as if Telegram had none of that name.

mod chat;
mod corpus;
mod faults;
mod flood;
mod incoming;
mod limits;
mod log;
mod media;
mod methods;
mod queue;
mod refusal;
mod request;
mod server;
mod settings;
mod updates;
mod view;
mod webhook;
mod world;

pub use chat::{BusinessRights, GroupKind, Membership, Person};
pub use corpus::{ErrorCase, MEANINGS, UpdateCase, error_corpus, update_corpus};
pub use faults::Fault;
pub use incoming::{Incoming, Pushed};
pub use log::Recorded;
pub use server::FakeTelegram;
pub use settings::{FloodLimits, FloodTime, Settings, Wordings};
pub use updates::Pressed;
pub use view::View;
pub use webhook::DeliveryTry;
