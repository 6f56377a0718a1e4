//! What a dialog has asked the outside, and waits for.

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{Decimal, EffectId, OperatorId, Text};

/// The one call that a step can wait for. An answer to any other is late and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The effect that asked.
    pub id: EffectId,
    /// Who is asked.
    pub port: String,
}

/// A call that no step waits for: the flow's own goes on beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCall {
    /// The effect that asked.
    pub id: EffectId,
    /// What its answer is for.
    pub purpose: CallPurpose,
}

/// What the answer of a call beside the flow is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPurpose {
    /// The contact's media become text, and the message that is held goes on with it.
    Recognise,
    /// The contact's message is put into our language, beside it.
    TranslateTheirs {
        /// The message, as the transcript names it.
        of: EffectId,
    },
    /// Messages of ours that wait to be sent are put into the contact's language.
    TranslateOurs,
    /// Nothing any more: only what it has cost is noted.
    Late {
        /// The model that was asked; the bot's own where none was named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// An operator gets advice.
    Advise {
        /// Who asked.
        operator: OperatorId,
    },
}

/// What a model suggests to an operator. Nothing sends it but he himself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Who asked.
    pub operator: OperatorId,
    /// The suggestion.
    pub text: Text,
    /// When it came.
    #[serde(with = "time::millis")]
    pub at: Moment,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// Nobody in this program answers calls to that port.
    #[error("nobody answers this port; register it with the builder")]
    NoSuchPort,
    /// It answered that it can't.
    #[error("the port refused")]
    Refused,
    /// Its answer is larger or nested deeper than a dialog may keep.
    #[error("the answer is too large")]
    TooLarge,
    /// The last attempt failed for a reason that might have passed.
    #[error("the last attempt failed")]
    Exhausted,
    /// The last attempt was not answered in time.
    #[error("the last attempt was not answered in time")]
    TimedOut,
    /// The bot or the dialog has used up what its models may cost.
    #[error("the budget is used up")]
    OverBudget,
    /// A bot on another platform wants to hand the contact over, and the channel has no handover.
    #[error("the channel has no handover from a bot on another platform to people")]
    Unsupported,
}

/// What models have used, and what that cost. Exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were read.
    pub tokens_in: u64,
    /// Tokens that were written.
    pub tokens_out: u64,
    /// What that cost, in the currency of the bot's prices.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub cost: Decimal,
}

impl Usage {
    /// Whether nothing was used.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both together. Numbers that would grow beyond what can be kept stay at their most.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        Self {
            tokens_in: self.tokens_in.saturating_add(more.tokens_in),
            tokens_out: self.tokens_out.saturating_add(more.tokens_out),
            cost: self.cost.plus(more.cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored labels never change; a new variant must be added here by hand.
    #[test]
    fn stored_labels_are_fixed() {
        let failures = [
            (CallFailure::NoSuchPort, "no_such_port"),
            (CallFailure::Refused, "refused"),
            (CallFailure::TooLarge, "too_large"),
            (CallFailure::Exhausted, "exhausted"),
            (CallFailure::TimedOut, "timed_out"),
            (CallFailure::OverBudget, "over_budget"),
            (CallFailure::Unsupported, "unsupported"),
        ];
        for (failure, label) in failures {
            let json = serde_json::to_string(&failure).unwrap();
            assert_eq!(json, format!("\"{label}\""));
        }
    }
}
