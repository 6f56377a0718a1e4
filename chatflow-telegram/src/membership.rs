//! Whether a contact is in a channel or group.

use async_trait::async_trait;
use chatflow_core::{EffectId, MembershipChecker, PortError, PortErrorKind, SendErrorClass};
use serde::Deserialize;
use serde_json::json;

use crate::address::Place;
use crate::channel::Telegram;
use crate::classify::{classify, is_no_such_member};
use crate::transport::Failure;

/// Answers whether a contact has joined a channel or group, for flows that ask for it.
///
/// The place is a channel's or group's `@name` or id, the contact the outside id of the contact's
/// address. The bot has to be in the place, and where that is a channel and no group, as one of
/// its administrators.
///
/// ```no_run
/// # async fn start(
/// #     telegram: chatflow_telegram::Telegram,
/// #     bot: chatflow_core::Bot,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use chatflow_core::{Chatflow, MemoryStore};
/// use chatflow_telegram::TelegramMembership;
///
/// let membership = TelegramMembership::new(&telegram);
/// Chatflow::builder(MemoryStore::new())
///     .bot(bot, telegram)
///     .membership(membership)
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TelegramMembership {
    telegram: Telegram,
}

impl TelegramMembership {
    /// One that asks in the name of this channel's bot.
    pub fn new(telegram: &Telegram) -> Self {
        Self {
            telegram: telegram.clone(),
        }
    }

    fn answer(failure: &Failure, telegram: &Telegram) -> Result<bool, PortError> {
        if is_no_such_member(failure) {
            return Ok(false);
        }
        match classify(failure, None, telegram.channel_id()) {
            SendErrorClass::Transient { retry_after } => {
                Err(PortError::new(PortErrorKind::Transient { retry_after }))
            }
            // Nothing is changed by asking, so asking again can't do harm.
            SendErrorClass::Ambiguous | SendErrorClass::ChannelDown => Err(PortError::transient()),
            _ => Err(PortError::refused()),
        }
    }
}

#[derive(Deserialize)]
struct Member {
    status: String,
    #[serde(default)]
    is_member: bool,
}

#[async_trait]
impl MembershipChecker for TelegramMembership {
    async fn is_member(&self, _: EffectId, place: &str, contact: &str) -> Result<bool, PortError> {
        let place = place.trim();
        let person = person(contact).filter(|_| !place.is_empty());
        let person = person.ok_or_else(PortError::refused)?;
        let request = json!({ "chat_id": place, "user_id": person });
        let transport = self.telegram.transport();
        match transport.call::<Member>("getChatMember", &request).await {
            Ok(member) => Ok(match member.status.as_str() {
                "creator" | "administrator" | "member" => true,
                "restricted" => member.is_member,
                _ => false,
            }),
            Err(failure) => Self::answer(&failure, &self.telegram),
        }
    }
}

/// The id of the person at an address; none where it is a group or no address at all. A person's
/// private chat has his own id.
fn person(contact: &str) -> Option<i64> {
    let place = Place::parse(contact)?;
    (!place.is_group()).then_some(place.chat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_person_or_nobody() {
        assert_eq!(person("7"), Some(7));
        assert_eq!(person("business:c:7"), Some(7));
        assert_eq!(person("-7"), None);
        assert_eq!(person("anna"), None);
    }
}
