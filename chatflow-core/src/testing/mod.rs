//! Room 8: what tests are made of.
//!
//! ```text
//!  manual clock ─────┐
//!  scripted channel ─┤
//!  scripted providers┼─► the same worker that runs in production ─► store under test
//!  scenario lines ───┘
//! ```
//!
//! **The law: nothing here sleeps and nothing here replaces the engine, the worker or the
//! store's contract.** Time moves when a test moves it.

mod block_on;
mod channel;
pub mod channel_kit;
mod clock;
mod providers;
mod scenario;
mod script;
pub mod store_kit;

pub use block_on::block_on;
pub use channel::{Done, ScriptedChannel, Sent};
pub use clock::ManualClock;
pub use providers::{
    BotRequest, RecognizeRequest, ScriptedBot, ScriptedModel, ScriptedNotifier, ScriptedPort,
    ScriptedRecognizer, ScriptedTracker, ScriptedTranslator, ScriptedWebhooks, TranslateRequest,
};
pub use scenario::{Failure, PlayError, Played, Player, Said, Scenario, ScenarioError};
pub use script::{Asked, Planned, Script};
