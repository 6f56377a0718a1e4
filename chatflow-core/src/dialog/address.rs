//! Where a contact is reached.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dialog::{ChannelId, NAME_BYTES_MAX};

/// Where a contact is reached on one channel: the channel account and the outside world's id
/// of the person there. Unique for a bot.
///
/// The outside id is opaque text; on some channels it is a phone number, so `Debug` doesn't
/// show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The channel account.
    pub channel: ChannelId,
    external_id: Arc<str>,
}

impl Address {
    /// An address on `channel` with the outside id `external_id`.
    pub fn new(channel: impl Into<ChannelId>, external_id: impl Into<Arc<str>>) -> Self {
        Self {
            channel: channel.into(),
            external_id: external_id.into(),
        }
    }

    /// The outside id.
    pub fn external_id(&self) -> &str {
        &self.external_id
    }

    /// Whether both halves are usable: not empty and at most [`NAME_BYTES_MAX`] bytes.
    pub fn is_valid(&self) -> bool {
        self.channel.is_valid()
            && !self.external_id.is_empty()
            && self.external_id.len() <= NAME_BYTES_MAX
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}, …)", self.channel)
    }
}
