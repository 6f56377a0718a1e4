//! Whether a contact is in a channel or group.

use async_trait::async_trait;
use chatflow_core::{EffectId, Port, PortError, SendErrorClass, Value};
use serde::Deserialize;
use serde_json::json;

use crate::address::Place;
use crate::channel::Telegram;
use crate::classify::{classify, is_no_such_member};
use crate::transport::Failure;

/// Answers whether a contact has joined a channel or group, for flows that ask for it.
///
/// The request is a map: `channel` is the channel's `@name` or id, `contact` the outside id of
/// the contact's address. The answer is a bool. The bot has to be in the channel, and where that
/// is a channel and no group, as one of its administrators.
///
/// ```no_run
/// # async fn start(
/// #     telegram: chatflow_telegram::Telegram,
/// #     bot: chatflow_core::Bot,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use chatflow_core::{Chatflow, Membership, MemoryStore};
/// use chatflow_telegram::TelegramMembership;
///
/// let membership = TelegramMembership::new(&telegram);
/// Chatflow::builder(MemoryStore::new())
///     .bot(bot, telegram)
///     .port(Membership::PORT, membership)
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
    /// A port that asks in the name of this channel's bot.
    pub fn new(telegram: &Telegram) -> Self {
        Self {
            telegram: telegram.clone(),
        }
    }

    fn answer(failure: &Failure, telegram: &Telegram) -> Result<Value, PortError> {
        if is_no_such_member(failure) {
            return Ok(Value::Bool(false));
        }
        match classify(failure, None, telegram.channel_id()) {
            SendErrorClass::Transient { retry_after } => Err(PortError::Transient { retry_after }),
            // Nothing is changed by asking, so asking again can't do harm.
            SendErrorClass::Ambiguous | SendErrorClass::ChannelDown => {
                Err(PortError::Transient { retry_after: None })
            }
            _ => Err(PortError::Refused),
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
impl Port for TelegramMembership {
    async fn call(&self, _: EffectId, request: &Value) -> Result<Value, PortError> {
        let (channel, person) = read(request).ok_or(PortError::Refused)?;
        let request = json!({ "chat_id": channel, "user_id": person });
        let transport = self.telegram.transport();
        match transport.call::<Member>("getChatMember", &request).await {
            Ok(member) => Ok(Value::Bool(match member.status.as_str() {
                "creator" | "administrator" | "member" => true,
                "restricted" => member.is_member,
                _ => false,
            })),
            Err(failure) => Self::answer(&failure, &self.telegram),
        }
    }
}

/// The channel and the person's id.
fn read(request: &Value) -> Option<(String, i64)> {
    let Value::Map(request) = request else {
        return None;
    };
    let channel = match request.get("channel")? {
        Value::Text(name) => name.as_str().trim().to_owned(),
        Value::Integer(id) => id.to_string(),
        _ => return None,
    };
    // A person's private chat has his own id.
    let place = Place::parse(request.get("contact")?.as_text()?)?;
    (!channel.is_empty() && !place.is_group()).then_some((channel, place.chat))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(channel: Value, contact: &str) -> Value {
        let entries = [("channel", channel), ("contact", Value::from(contact))];
        Value::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
    }

    #[test]
    fn a_request_names_a_channel_and_a_person() {
        let named = read(&request("@news".into(), "business:c:7"));
        assert_eq!(named, Some(("@news".to_owned(), 7)));
        let numbered = read(&request(Value::Integer(-1005), "7"));
        assert_eq!(numbered, Some(("-1005".to_owned(), 7)));
    }

    #[test]
    fn anything_else_is_no_request() {
        let none = [
            Value::Null,
            request(" ".into(), "7"),
            request(Value::Null, "7"),
            request("@news".into(), "-7"),
            request("@news".into(), "anna"),
        ];
        for request in none {
            assert!(read(&request).is_none());
        }
    }
}
