//! What a tracker reports of a contact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialog::{Decimal, Value};

/// A tracker's report: the contact registered, bought, bought again.
///
/// The event's key is the transaction's id, so that one transaction counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postback {
    /// What happened, in the tracker's words, such as `sale`.
    pub event: String,
    /// How much it is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// What else it says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
}

impl Postback {
    /// A report of this.
    pub fn new(event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            amount: None,
            parameters: BTreeMap::new(),
        }
    }

    /// Says how much it is worth.
    #[must_use]
    pub fn worth(mut self, amount: Decimal) -> Self {
        self.amount = Some(amount);
        self
    }

    /// Bytes of text in it, for the limits.
    pub(crate) fn weight(&self) -> usize {
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| name.len() + value.weight());
        self.event.len() + parameters.sum::<usize>()
    }
}
