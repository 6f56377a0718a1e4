//! Handing one outbox entry to the outside.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use futures::future::{Either, FutureExt, select};

use crate::channel::{Outbound, SendError, SendErrorClass};
use crate::dialog::time;
use crate::dialog::{
    CallFailure, EffectBody, EffectId, Event, EventBody, EventKey, Message, Value,
};
use crate::runner::{HandleError, PortError, Worker};
use crate::store::{Begun, Delivery, Settled, Settlement};

/// How long an entry of a bot that isn't in this program is put off.
const PUT_OFF: Duration = Duration::from_secs(60);

/// How a delivery ended, as long as the store doesn't know it yet.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    settlement: Settlement,
    /// What the dialog has to know of it; the event's turn settles the entry in its own commit,
    /// so that neither can be lost without the other.
    event: Option<Event>,
}

impl Worker {
    /// The one place where a message leaves: begins the delivery, hands it out, settles it.
    /// Says whether anything changed.
    ///
    /// The outcome is kept until the store has it: a store that is away for a moment leaves no
    /// entry in flight behind, and nothing is sent again for it.
    pub(crate) async fn deliver(&self, effect: EffectId) -> Result<bool, HandleError> {
        if self.ended(effect).is_none() {
            let delivery = match self.store.begin_delivery(effect, self.clock.now()).await? {
                Begun::Started(delivery) => delivery,
                Begun::Cancelled => return Ok(true),
                Begun::NotNow => return Ok(false),
            };
            // Whoever drops this future while the outside is busy leaves this behind: nobody
            // knows, so it is tried again.
            let now = self.clock.now();
            self.keep(&delivery, Settled::Retry { due: now }, None);
            let (settled, body) = self.hand_out(&delivery).await;
            self.keep(&delivery, settled, body);
        }
        let Some(ended) = self.ended(effect) else {
            return Ok(false);
        };
        match &ended.event {
            None => self.store.settle(vec![ended.settlement]).await?,
            Some(event) => {
                let settlement = Some(ended.settlement.clone());
                self.turn(effect.dialog, event, None, settlement).await?;
            }
        }
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&effect);
        Ok(true)
    }

    /// Deliveries whose outcome the store doesn't know yet.
    pub(crate) fn unsettled(&self) -> Vec<EffectId> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.keys().copied().collect()
    }

    fn ended(&self, effect: EffectId) -> Option<Ended> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get(&effect).cloned()
    }

    fn keep(&self, delivery: &Delivery, settled: Settled, body: Option<EventBody>) {
        let effect = delivery.effect.id;
        let attempt = delivery.attempt;
        let event = body.map(|body| {
            // One attempt has one outcome; an entry given up and revived may have another.
            let key = EventKey::own(format_args!(
                "outcome:{}:{}:{attempt}",
                effect.turn, effect.n
            ));
            Event::new(key, body)
        });
        let settlement = Settlement {
            effect,
            attempt,
            settled,
        };
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.insert(effect, Ended { settlement, event });
    }

    /// How the delivery ended, and what the dialog has to know of it.
    async fn hand_out(&self, delivery: &Delivery) -> (Settled, Option<EventBody>) {
        if !self.bots.contains_key(&delivery.bot) {
            tracing::warn!(bot = %delivery.bot, "an entry waits for a bot that isn't in this program");
            let due = time::add(self.clock.now(), PUT_OFF);
            return (Settled::Retry { due }, None);
        }
        let effect = delivery.effect.id;
        match &delivery.effect.body {
            EffectBody::Send(message) => match self.send(delivery, message).await {
                Ok(receipt) => (Settled::Sent { receipt }, None),
                Err(error) => {
                    tracing::debug!(%effect, attempt = delivery.attempt, class = %error.class, "not delivered");
                    let retryable = error.class.is_retryable();
                    match self.retry(delivery, retryable, wait(error.class)) {
                        Some(retry) => (retry, None),
                        None => {
                            let body = EventBody::DeliveryFailed {
                                effect,
                                automatic: delivery.effect.automatic,
                                epoch: delivery.effect.epoch,
                                class: error.class.dialog_effect(),
                            };
                            (Settled::Dead, Some(body))
                        }
                    }
                }
            },
            EffectBody::Call { port, request } => match self.call(delivery, port, request).await {
                Ok(retry) => (retry, None),
                Err(answer) => {
                    let settled = match &answer {
                        Ok(_) => Settled::Sent { receipt: None },
                        Err(_) => Settled::Dead,
                    };
                    let call = effect;
                    (settled, Some(EventBody::CallAnswered { call, answer }))
                }
            },
            EffectBody::PatchContact(patch) => (Settled::Patched(patch.clone()), None),
        }
    }

    async fn send(
        &self,
        delivery: &Delivery,
        message: &Message,
    ) -> Result<Option<String>, SendError> {
        let Some((_, channel)) = self.channels.get(&delivery.address.channel) else {
            return Err(SendError::new(
                SendErrorClass::ChannelDown,
                "the channel isn't in this program",
            ));
        };
        channel.capabilities().check(message)?;
        let outbound = Outbound {
            to: &delivery.address,
            message,
            key: delivery.effect.id,
            attempt: delivery.attempt,
        };
        let ambiguous = |detail| Err(SendError::new(SendErrorClass::Ambiguous, detail));
        match self.in_time(channel.send(&outbound)).await {
            Some(Ok(sent)) => sent.map(|receipt| receipt.id),
            Some(Err(Panicked)) => ambiguous("the channel panicked"),
            None => ambiguous("the channel took too long"),
        }
    }

    /// A retry, or the final answer.
    async fn call(
        &self,
        delivery: &Delivery,
        port: &str,
        request: &Value,
    ) -> Result<Settled, Result<Value, CallFailure>> {
        let Some(port) = self.ports.get(port) else {
            return Err(Err(CallFailure::NoSuchPort));
        };
        let limit = self
            .bots
            .get(&delivery.bot)
            .map_or(0, |config| config.settings().limits.data_bytes);
        match self.in_time(port.call(delivery.effect.id, request)).await {
            Some(Ok(Ok(answer))) if answer.weight() > limit || !answer.is_storable() => {
                Err(Err(CallFailure::TooLarge))
            }
            Some(Ok(Ok(answer))) => Err(Ok(answer)),
            Some(Ok(Err(PortError::Refused))) => Err(Err(CallFailure::Refused)),
            Some(Ok(Err(PortError::Transient { retry_after }))) => self
                .retry(delivery, true, retry_after)
                .ok_or(Err(CallFailure::Exhausted)),
            Some(Err(Panicked)) | None => self
                .retry(delivery, true, None)
                .ok_or(Err(CallFailure::Exhausted)),
        }
    }

    /// What the outside answers; none if it takes longer than the worker waits. A panic out
    /// there is the outside's failure and stops nothing here.
    async fn in_time<T: Send>(
        &self,
        outside: impl Future<Output = T> + Send,
    ) -> Option<Result<T, Panicked>> {
        let until = time::add(self.clock.now(), self.delivery_timeout);
        let outside = pin!(AssertUnwindSafe(outside).catch_unwind());
        match select(outside, self.clock.sleep_until(until)).await {
            Either::Left((Ok(answer), _)) => Some(Ok(answer)),
            Either::Left((Err(_), _)) => {
                tracing::error!("a channel or port panicked");
                Some(Err(Panicked))
            }
            Either::Right(_) => None,
        }
    }

    fn retry(
        &self,
        delivery: &Delivery,
        retryable: bool,
        retry_after: Option<Duration>,
    ) -> Option<Settled> {
        let wait = self
            .retry
            .wait(delivery.effect.id, delivery.attempt, retry_after);
        let due = time::add(self.clock.now(), wait.filter(|_| retryable)?);
        Some(Settled::Retry { due })
    }
}

struct Panicked;

fn wait(class: SendErrorClass) -> Option<Duration> {
    match class {
        SendErrorClass::Transient { retry_after } => retry_after,
        _ => None,
    }
}
