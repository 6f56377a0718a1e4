//! Messages that wait before the flow gets them.

use serde::{Deserialize, Serialize};

use crate::dialog::{EffectId, Message};

/// A message of the contact that is in the transcript and that the flow doesn't have yet: more
/// may come, its media are being read, a delay isn't over, or the bot is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldMessage {
    /// The message, as the transcript names it; of several that became one, the first.
    pub id: EffectId,
    /// What the flow will get.
    pub message: Message,
    /// The call that reads its media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognising: Option<EffectId>,
    /// Its media have been read, or the bot's rules have let them pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
    /// It came while the bot was paused: no rule has looked at it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_pause: bool,
    /// The contact began, or began again, by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
}
