//! Another bot leads for a while.

use serde::{Deserialize, Serialize};

use crate::flow::StepKind;

/// Gives the contact to a bot on another platform, which leads until it gives the contact back.
/// Exits: `next` where it has finished, `handoff` where it wants a person, and `failure` where it
/// can't be asked.
///
/// A bot that stands before people, the *first line*, answers that it wants one; the step's
/// `handoff` then leads where people get the dialog, and the bot isn't called again until the flow
/// comes here anew. One that leads *alone* never does: the contact stays with it until the session
/// is completed, by silence or by hand. Its transcript is whole either way, since each message
/// passes through here. First-line bots need a channel with
/// [`handover`](crate::Capabilities::handover); on another the wish for a person is
/// [`CallFailure::Unsupported`](crate::CallFailure::Unsupported) and leads by `failure`.
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
