//! Another bot leads for a while.

use serde::{Deserialize, Serialize};

use crate::flow::StepKind;

/// Gives the contact to a bot on another platform, which leads until it gives the contact back.
/// Exits: `next` where it has finished, `handoff` where it wants a person, and `failure` where it
/// can't be asked.
///
/// ```
/// use chatflow_core::PassToBot;
///
/// let step = PassToBot::at("support_bot");
/// # let _ = step;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "external_bot")
)]
#[serde(transparent)]
pub struct PassToBot {
    /// The port at which the bot is.
    pub(crate) port: String,
}

impl PassToBot {
    /// The exit where the bot wants a person.
    pub const HANDOFF: &str = "handoff";
    /// The exit where the bot can't be asked.
    pub const FAILURE: &str = "failure";

    /// The bot at this port.
    pub fn at(port: impl Into<String>) -> Self {
        Self { port: port.into() }
    }
}

impl From<PassToBot> for StepKind {
    fn from(kind: PassToBot) -> Self {
        Self::ExternalBot(kind)
    }
}
