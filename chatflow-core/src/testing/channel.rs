//! A channel whose answers a test writes beforehand.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::channel::{
    Action, Capabilities, Channel, Inbound, InboundBody, Ingest, ListenError, Outbound, RawInbound,
    Receipt, SendError, SendErrorClass,
};
use crate::dialog::{Address, ChannelId, EffectId, EventKey, ExternalId, Message, Profile};

/// A channel that keeps what is sent and answers as it was told; what it accepts it names `m1`,
/// `m2` and so on. It never listens: a test hands inbound events to the worker itself, made by
/// [`says`](ScriptedChannel::says) or [`raw`](ScriptedChannel::raw).
#[derive(Debug)]
pub struct ScriptedChannel {
    id: ChannelId,
    name: Option<String>,
    capabilities: Capabilities,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many sends were accepted: what the next is named by.
    accepted: u64,
    done: Vec<Done>,
    sent: Vec<Sent>,
    /// The answers to the next sends, in order; none is a yes. Those after them are accepted.
    answers: VecDeque<Option<SendErrorClass>>,
}

/// One call of `send`, whatever was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Where to.
    pub to: Address,
    /// What.
    pub message: Message,
    /// Under which key.
    pub key: EffectId,
    /// Which try it was.
    pub attempt: u32,
    /// Which part of the message it was, from 0.
    pub part: u32,
    /// The channel's own id of the message it replies to.
    pub quotes: Option<ExternalId>,
    /// What was answered; none if it was accepted.
    pub refused: Option<SendErrorClass>,
}

/// One call of `act`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Where.
    pub to: Address,
    /// What: `typing`, `edit`, `delete` or `mark_read`.
    pub action: &'static str,
    /// The channel's own id of the message.
    pub id: Option<ExternalId>,
    /// The new form, of an edit.
    pub message: Option<Message>,
}

impl ScriptedChannel {
    /// A channel of this id that accepts everything.
    pub fn new(id: impl Into<ChannelId>) -> Self {
        Self {
            id: id.into(),
            name: None,
            capabilities: Capabilities::text(),
            inner: Mutex::default(),
        }
    }

    /// Is called so by people.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Declares other capabilities.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Refuses the next send, edit or deletion that isn't spoken for yet in this way.
    pub fn refuse_next(&self, class: SendErrorClass) {
        self.inner().answers.push_back(Some(class));
    }

    /// Accepts the next send that isn't spoken for yet, so that one after it can be refused.
    pub fn accept_next(&self) {
        self.inner().answers.push_back(None);
    }

    /// All calls of `send` since the last take.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.inner().sent)
    }

    /// All calls of `act` since the last take.
    pub fn take_done(&self) -> Vec<Done> {
        std::mem::take(&mut self.inner().done)
    }

    /// A contact's words as this channel's outside would deliver them: what
    /// [`decode`](Channel::decode) reads.
    pub fn raw(&self, key: impl Into<EventKey>, contact: &str, text: &str) -> RawInbound {
        RawInbound {
            channel: self.id.clone(),
            key: key.into(),
            body: format!("{contact}\n{text}").into_bytes().into(),
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of a contact on this channel, as the channel would report it. The contact's
    /// name is its outside id.
    pub fn says(
        &self,
        contact: &str,
        key: impl Into<EventKey>,
        message: impl Into<Message>,
    ) -> Inbound {
        Inbound {
            key: key.into(),
            from: Address::new(self.id.clone(), contact),
            profile: Profile {
                name: Some(contact.into()),
                language: None,
            },
            body: InboundBody::Message(message.into()),
        }
    }
}

#[async_trait]
impl Channel for ScriptedChannel {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The contact's name in the first line, its words below. Anything else is nothing.
    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        let text = std::str::from_utf8(raw.body.as_bytes()).ok();
        let parts = text.and_then(|text| text.split_once('\n'));
        let said = parts.map(|(contact, text)| self.says(contact, raw.key.clone(), text));
        said.into_iter().collect()
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        let (action, id, message) = match action {
            Action::Typing => ("typing", None, None),
            Action::Edit { id, message } => ("edit", Some(*id), Some(*message)),
            Action::Delete { id } => ("delete", Some(*id), None),
            Action::MarkRead { id } => ("mark_read", Some(*id), None),
        };
        let mut inner = self.inner();
        // Typing is shown beside messages: what was planned is for the message.
        let refused = match action {
            "typing" => None,
            _ => inner.answers.pop_front().flatten(),
        };
        inner.done.push(Done {
            to: to.clone(),
            action,
            id: id.cloned(),
            message: message.cloned(),
        });
        refused.map_or(Ok(()), |class| Err(SendError::new(class, "scripted")))
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let mut inner = self.inner();
        let refused = inner.answers.pop_front().flatten();
        inner.sent.push(Sent {
            to: outbound.to.clone(),
            message: outbound.message.clone(),
            key: outbound.key,
            attempt: outbound.attempt,
            part: outbound.part,
            quotes: outbound.quotes.cloned(),
            refused: refused.clone(),
        });
        match refused {
            None => {
                inner.accepted += 1;
                Ok(Receipt::of(format!("m{}", inner.accepted)))
            }
            Some(class) => Err(SendError::new(class, "scripted")),
        }
    }

    async fn listen(&self, _ingest: &dyn Ingest) -> Result<(), ListenError> {
        Ok(())
    }
}
