//! What the outside told, and what it told of our messages.

use std::fmt;
use std::sync::Arc;

use crate::dialog::{ExternalId, FailureReason, Moment};

/// The bytes of a report as it came. `Debug` shows how many there are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RawBody(Arc<[u8]>);

impl RawBody {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for RawBody {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBody({} bytes)", self.0.len())
    }
}

/// Which messages of ours a receipt speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipted {
    /// The ones that the channel gave these ids.
    These(Vec<ExternalId>),
    /// All that the channel took until this moment.
    SentUntil(Moment),
}

/// What a receipt says. States only move forward: a late or repeated receipt changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptState {
    /// It is on the contact's device.
    Delivered,
    /// The contact has read it.
    Read,
    /// The channel had taken it and couldn't deliver it.
    Failed(FailureReason),
}
