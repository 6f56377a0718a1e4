//! How a place on Telegram is written as an address of core.
//!
//! ```text
//! 4711                     a private chat, or a group where the number is negative
//! -1001234/7               a topic of a forum
//! business:CONNECTION:4711 a chat of a business account that the bot answers for
//! ```
//!
//! Stored addresses are compared byte for byte, so each place has exactly one form.

use std::fmt;

use chatflow_core::{Address, ChannelId, SendError, SendErrorClass};

const BUSINESS: &str = "business:";

/// Where on Telegram a message goes. `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The business account in whose name we write, if any.
    pub(crate) connection: Option<String>,
    /// The chat.
    pub(crate) chat: i64,
    /// The topic, in a forum.
    pub(crate) thread: Option<i32>,
}

impl Place {
    /// A chat without topic or business account.
    pub(crate) const fn of(chat: i64) -> Self {
        Self {
            connection: None,
            chat,
            thread: None,
        }
    }

    /// The outside id of this place's address.
    pub(crate) fn encode(&self) -> String {
        let mut id = String::new();
        if let Some(connection) = &self.connection {
            id.push_str(BUSINESS);
            id.push_str(connection);
            id.push(':');
        }
        id.push_str(&self.chat.to_string());
        if let Some(thread) = self.thread {
            id.push('/');
            id.push_str(&thread.to_string());
        }
        id
    }

    /// The place that an outside id names; none where it isn't one of ours, letter for letter.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (connection, rest) = match id.strip_prefix(BUSINESS) {
            Some(rest) => rest
                .rsplit_once(':')
                .filter(|(connection, _)| !connection.is_empty())
                .map(|(connection, rest)| (Some(connection.to_owned()), rest))?,
            None => (None, id),
        };
        let (chat, thread) = match rest.split_once('/') {
            Some((chat, thread)) => (chat, Some(thread.parse().ok()?)),
            None => (rest, None),
        };
        let place = Self {
            connection,
            chat: chat.parse().ok()?,
            thread,
        };
        // Numbers can be written in several ways, such as `+7` and `007`; only one is ours.
        (place.encode() == id).then_some(place)
    }

    /// The place of an address.
    pub(crate) fn of_address(address: &Address) -> Result<Self, SendError> {
        Self::parse(address.external_id()).ok_or_else(|| {
            SendError::new(
                SendErrorClass::UnknownRecipient,
                "the address is none of Telegram's",
            )
        })
    }

    /// The address of this place on a channel account.
    pub(crate) fn address(&self, channel: &ChannelId) -> Address {
        Address::new(channel.clone(), self.encode())
    }

    /// Where this place is once its chat has got another id. Only a group without topics ever
    /// gets one, so a topic doesn't go with it.
    pub(crate) fn moved_to(&self, chat: i64) -> Self {
        Self {
            connection: self.connection.clone(),
            chat,
            thread: None,
        }
    }

    /// Whether several people read there.
    pub(crate) const fn is_group(&self) -> bool {
        self.chat < 0
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        let connection = proptest::option::of("[A-Za-z0-9_:/-]{1,40}");
        let thread = proptest::option::of(any::<i32>());
        (connection, any::<i64>(), thread).prop_map(|(connection, chat, thread)| Place {
            connection,
            chat,
            thread,
        })
    }

    proptest! {
        #[test]
        fn every_place_survives_its_address(place in place()) {
            prop_assert!(Place::parse(&place.encode()) == Some(place));
        }

        #[test]
        fn no_text_panics_and_a_place_has_one_form(id in "(business:)?[a-z0-9:/+ -]{0,30}") {
            if let Some(place) = Place::parse(&id) {
                prop_assert_eq!(place.encode(), id);
            }
        }
    }

    #[test]
    fn the_forms_are_the_documented_ones() {
        let forum = Place {
            thread: Some(7),
            ..Place::of(-1_001_234)
        };
        let business = Place {
            connection: Some("abc".to_owned()),
            ..Place::of(4711)
        };
        assert_eq!(Place::of(4711).encode(), "4711");
        assert_eq!(forum.encode(), "-1001234/7");
        assert_eq!(business.encode(), "business:abc:4711");
        assert!(forum.is_group() && !business.is_group());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let none = [
            "",
            "anna",
            "+7",
            "007",
            "-0",
            "7/",
            "/7",
            "7/+1",
            "7/1/2",
            " 7",
            "business:7",
            "business::7",
            "business:abc:",
            "9223372036854775808",
        ];
        for id in none {
            assert!(Place::parse(id).is_none(), "{id}");
        }
    }

    #[test]
    fn a_group_that_moves_leaves_its_topic_behind() {
        let place = Place {
            thread: Some(3),
            ..Place::of(-5)
        };
        assert!(place.moved_to(-1005) == Place::of(-1005));
    }
}
