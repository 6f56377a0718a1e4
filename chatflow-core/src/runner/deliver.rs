//! Handing one outbox entry to the outside.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::PoisonError;
use std::time::Duration;

use futures::future::{Either, FutureExt, select};

use crate::channel::{Action, NextTry, Outbound, Receipt, SendError, SendErrorClass, plan};
use crate::dialog::{
    Address, BotId, Cause, DialogId, EffectBody, EffectId, Event, EventBody, EventKey, ExternalId,
    FailureClass, FailureReason, Moment, Reach, Usage, time,
};
use crate::engine::Refusal;
use crate::runner::line::Line;
use crate::runner::worker::{With, decode};
use crate::runner::{HandleError, Handled, Worker};
use crate::store::{About, Begun, CommitError, Delivery, RefusedEvent, Settled, Settlement};

/// How long an entry of a bot that isn't in this program is put off.
const PUT_OFF: Duration = Duration::from_secs(60);

/// How long messengers are sure to show that somebody writes: most do so for five seconds.
const TYPING_AGAIN: Duration = Duration::from_secs(4);

/// How a delivery ended, as long as the store doesn't know it yet.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    settlement: Settlement,
    /// What the dialog has to know of it; the event's turn settles the entry in its own commit,
    /// so that neither can be lost without the other.
    event: Option<Event>,
    /// The event is automation's: in a pause of the bot it doesn't happen.
    automatic: bool,
    /// What a model's answer has cost.
    usage: Option<(BotId, Usage)>,
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
            // knows, so it is tried again; the attempt counts.
            let due = self.clock.now();
            let counted = true;
            self.keep(&delivery, Settled::Retry { due, counted }, None, None);
            let (settled, body, usage) = self.hand_out(&delivery).await;
            self.keep(&delivery, settled, body, usage);
        }
        let Some(ended) = self.ended(effect) else {
            return Ok(false);
        };
        match &ended.event {
            None => self.store.settle(vec![ended.settlement]).await?,
            Some(event) => {
                let with = With {
                    settlement: Some(ended.settlement.clone()),
                    automatic: ended.automatic,
                    usage: ended.usage.clone(),
                    ..With::default()
                };
                match self.turn_with(effect.dialog, event, None, &with).await? {
                    // The dialog knows already, so its turn settled nothing now; where the entry
                    // is settled too, this changes nothing.
                    Handled::Duplicate => self.store.settle(vec![ended.settlement]).await?,
                    // The bot was paused meanwhile: asked again, under the same key, afterwards.
                    Handled::NotYet => {
                        let settled = put_off_until(self.clock.now());
                        let again = Settlement {
                            settled,
                            ..ended.settlement
                        };
                        self.pay_for_nothing(effect.dialog, event, again, ended.usage)
                            .await?;
                    }
                    _ => {}
                }
            }
        }
        self.ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&effect);
        Ok(true)
    }

    /// Settles a call whose answer can't be used now. What the answer has cost is spent.
    async fn pay_for_nothing(
        &self,
        dialog: DialogId,
        event: &Event,
        settlement: Settlement,
        usage: Option<(BotId, Usage)>,
    ) -> Result<(), HandleError> {
        if usage.is_none() {
            return Ok(self.store.settle(vec![settlement]).await?);
        }
        let (now, reason) = (self.clock.now(), Refusal::Paused);
        // The same attempt may have another answer later, at the same moment of a clock that
        // stands still: this one's key is its own.
        let key = EventKey::own(format_args!("unused:{}", event.key));
        let event = Event::new(key, event.body.clone());
        let mut refused = RefusedEvent::new(dialog, &event, now, &reason, Some(settlement))?;
        refused.usage = usage;
        match self.store.refuse(refused).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(error) => Err(HandleError::Commit(error)),
        }
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

    fn keep(
        &self,
        delivery: &Delivery,
        settled: Settled,
        body: Option<EventBody>,
        usage: Option<Usage>,
    ) {
        let effect = delivery.effect.id;
        let attempt = delivery.attempt;
        let event = body.map(|body| {
            // One attempt has one outcome. Attempts are counted anew for each part and after a
            // revival, so their number alone doesn't tell two of them apart.
            let (part, at) = (delivery.part, time::to_millis(self.clock.now()));
            let key = EventKey::own(format_args!(
                "outcome:{}:{}:{part}:{attempt}:{at}",
                effect.turn, effect.n
            ));
            Event::new(key, body)
        });
        let settlement = Settlement {
            effect,
            attempt,
            settled,
            at: self.clock.now(),
        };
        let usage = usage.map(|usage| (delivery.bot.clone(), usage));
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let automatic = delivery.effect.automatic
            && matches!(&event, Some(event) if matches!(event.body, EventBody::CallAnswered { .. }));
        let outcome = Ended {
            settlement,
            event,
            automatic,
            usage,
        };
        ended.insert(effect, outcome);
    }

    /// How the delivery ended, and what the dialog has to know of it.
    async fn hand_out(&self, delivery: &Delivery) -> (Settled, Option<EventBody>, Option<Usage>) {
        if self.config(&delivery.bot).is_err() {
            tracing::warn!(bot = %delivery.bot, "an entry waits for a bot that isn't in this program");
            return (self.put_off(PUT_OFF), None, None);
        }
        match &delivery.effect.body {
            EffectBody::Send(_) | EffectBody::Edit { .. } | EffectBody::Delete { .. } => {
                let Some(line) = self.lines.get(&delivery.address.channel) else {
                    let channel = &delivery.address.channel;
                    tracing::warn!(%channel, "an entry waits for a channel that isn't in this program");
                    return (self.put_off(PUT_OFF), None, None);
                };
                match self.to_contact(line, delivery).await {
                    Ok(settled) => {
                        self.channel_works(line).await;
                        (settled, None, None)
                    }
                    Err(error) => {
                        let (settled, body) = self.not_delivered(line, delivery, error).await;
                        (settled, body, None)
                    }
                }
            }
            EffectBody::Call { port, request } => self.call(delivery, port, request).await,
            EffectBody::PatchContact(patch) => (Settled::Patched(patch.clone()), None, None),
            EffectBody::Typing { until } => (self.type_until(delivery, *until).await, None, None),
            EffectBody::Tell { port, report } => {
                (self.tell(delivery, port, report).await, None, None)
            }
        }
    }

    /// Shows the contact that somebody writes, and comes again until the moment. It takes no slot
    /// of the channel's, and is left out while the channel rests; what fails is not tried again.
    async fn type_until(&self, delivery: &Delivery, until: Moment) -> Settled {
        let over = Settled::Sent { ids: Vec::new() };
        let now = self.clock.now();
        let Some(line) = self.lines.get(&delivery.address.channel) else {
            return over;
        };
        if now >= until || !line.channel.capabilities().typing {
            return over;
        }
        if !line.rests(now) {
            let shown = line.channel.act(&delivery.address, &Action::Typing);
            let within = self.delivery_timeout.min(TYPING_AGAIN);
            match self.in_time(shown, within).await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    let effect = delivery.effect.id;
                    tracing::debug!(%effect, class = %error.class, "typing isn't shown");
                    if let Some(wait) = wait(&error.class) {
                        line.penalise(&delivery.address, wait, now);
                    }
                    return over;
                }
                Some(Err(Panicked)) | None => return over,
            }
        }
        if time::add(self.clock.now(), TYPING_AGAIN) >= until {
            return over;
        }
        self.put_off(TYPING_AGAIN)
    }

    /// Hands one part of a message to its channel, or changes a sent one.
    async fn to_contact(&self, line: &Line, delivery: &Delivery) -> Result<Settled, SendError> {
        let capabilities = line.channel.capabilities();
        let about = delivery.about.as_ref();
        match &delivery.effect.body {
            EffectBody::Send(message) => {
                capabilities.may_write(delivery.heard_at, self.clock.now())?;
                let quoted = about.and_then(|about| about.message.as_ref());
                let parts = plan(message, quoted, capabilities)?;
                let n = usize::try_from(delivery.part).unwrap_or(usize::MAX);
                let Some(part) = parts.get(n) else {
                    if n == 0 {
                        let detail = "nothing of the message can be sent";
                        return Err(SendError::new(SendErrorClass::Invalid, detail));
                    }
                    // The channel takes more at once than when the first part was sent.
                    return Ok(Settled::Sent { ids: Vec::new() });
                };
                let quotes = part.quotes().and(about).and_then(|about| about.ids.first());
                let outbound = Outbound {
                    to: &delivery.address,
                    message: part,
                    quotes,
                    key: delivery.effect.id,
                    part: delivery.part,
                    attempt: delivery.attempt,
                };
                // Each item of an album counts for the channel.
                line.spend(&delivery.address, part.media().len(), self.clock.now());
                let send = line.channel.send(&outbound);
                let Receipt { ids } = self.at_channel(send, capabilities.send_within).await?;
                Ok(if n + 1 < parts.len() {
                    Settled::Part { ids }
                } else {
                    Settled::Sent { ids }
                })
            }
            EffectBody::Edit { message, .. } => {
                let [id] = self.ours(about, capabilities.edit_within)? else {
                    let detail = "it was sent in several parts; send a new one";
                    return Err(SendError::new(SendErrorClass::Unsupported, detail));
                };
                let [message] = plan(message, None, capabilities)?.try_into().map_err(|_| {
                    SendError::new(SendErrorClass::TooLarge, "it would be several messages")
                })?;
                let edit = Action::Edit {
                    id,
                    message: &message,
                };
                self.at_channel(line.channel.act(&delivery.address, &edit), Duration::ZERO)
                    .await?;
                Ok(Settled::Sent { ids: Vec::new() })
            }
            EffectBody::Delete { .. } => {
                for id in self.ours(about, capabilities.delete_within)? {
                    let delete = Action::Delete { id };
                    self.at_channel(line.channel.act(&delivery.address, &delete), Duration::ZERO)
                        .await?;
                }
                Ok(Settled::Sent { ids: Vec::new() })
            }
            EffectBody::Call { .. }
            | EffectBody::Typing { .. }
            | EffectBody::Tell { .. }
            | EffectBody::PatchContact(_) => Err(SendError::new(
                SendErrorClass::Invalid,
                "it goes to no contact",
            )),
        }
    }

    /// The channel's ids of a message that is to be changed, where it still can be.
    fn ours<'a>(
        &self,
        about: Option<&'a About>,
        within: Option<Duration>,
    ) -> Result<&'a [ExternalId], SendError> {
        let unsupported = |detail| SendError::new(SendErrorClass::Unsupported, detail);
        let within = within.ok_or_else(|| unsupported("the channel can't change what was sent"))?;
        let about = about.filter(|about| !about.ids.is_empty());
        let about = about.ok_or_else(|| {
            let detail = "the message never arrived";
            SendError::new(SendErrorClass::Invalid, detail)
        })?;
        let is_late = |at| self.clock.now() > time::add(at, within);
        if about.at.is_some_and(is_late) {
            return Err(unsupported("the message is too old to be changed"));
        }
        Ok(&about.ids)
    }

    /// What a channel answers, in time: the worker's, or what the channel says it needs where that
    /// is longer. One that panics or takes too long leaves it unknown.
    pub(crate) async fn at_channel<T: Send>(
        &self,
        outside: impl Future<Output = Result<T, SendError>> + Send,
        needs: Duration,
    ) -> Result<T, SendError> {
        let ambiguous = |detail| Err(SendError::new(SendErrorClass::Ambiguous, detail));
        match self
            .in_time(outside, self.delivery_timeout.max(needs))
            .await
        {
            Some(Ok(answer)) => answer,
            Some(Err(Panicked)) => ambiguous("the channel panicked"),
            None => ambiguous("the channel took too long"),
        }
    }

    /// What becomes of a message that was not delivered, and what the dialog has to know of it.
    async fn not_delivered(
        &self,
        line: &Line,
        delivery: &Delivery,
        error: SendError,
    ) -> (Settled, Option<EventBody>) {
        let effect = delivery.effect.id;
        let now = self.clock.now();
        let is_message = matches!(delivery.effect.body, EffectBody::Send(_));
        tracing::debug!(%effect, attempt = delivery.attempt, class = %error.class, "not delivered");
        let mut reason = error.class.reason();
        let retry = match (&error.class, error.class.next_try()) {
            (_, NextTry::WhenItCan) => {
                let until = line.rest(now);
                let channel = line.channel.id();
                tracing::error!(%channel, %until, detail = error.detail, "the channel is down and rests");
                Some(put_off_until(until))
            }
            (SendErrorClass::Moved(to), NextTry::ThereInstead) => {
                let retry = self.retry_there(line, delivery, to).await;
                if retry.is_none() {
                    // There is nothing at the old address, and another dialog at the new one.
                    reason = FailureReason::Removed;
                }
                retry
            }
            (SendErrorClass::UnknownRecipient, _) if is_message => {
                line.unknown(effect.dialog, now).map(|until| {
                    let channel = line.channel.id();
                    tracing::error!(
                        %channel, %until,
                        "the channel knows none of many addresses; it rests, and is tried again"
                    );
                    put_off_until(until)
                })
            }
            (class, NextTry::Again) => {
                let wait = wait(class);
                if let Some(wait) = wait {
                    line.penalise(&delivery.address, wait, now);
                }
                self.retry(delivery, wait)
            }
            _ => None,
        };
        if let Some(retry) = retry {
            return (retry, None);
        }
        let detail = error.detail;
        tracing::warn!(%effect, reason = reason.label(), detail, "a message is given up");
        let body = EventBody::DeliveryFailed {
            effect,
            automatic: delivery.effect.automatic,
            epoch: delivery.effect.epoch,
            // That a message can't be changed says nothing of whether one can be sent.
            class: if is_message {
                reason.class()
            } else {
                FailureClass::Content
            },
        };
        (Settled::Dead { reason }, Some(body))
    }

    /// Moves the dialog, and sends to the new address at once.
    async fn retry_there(&self, line: &Line, delivery: &Delivery, to: &Address) -> Option<Settled> {
        let effect = delivery.effect.id;
        let attempt = delivery.attempt;
        let key = EventKey::own(format_args!("moved:{}:{}:{attempt}", effect.turn, effect.n));
        let event = Event::new(key, EventBody::AddressMoved(to.clone()));
        match self.move_dialog(line, effect.dialog, event, None).await {
            Ok(Handled::Refused(_)) => return None,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%effect, %error, "the dialog could not be moved");
                return self.retry(delivery, None);
            }
        }
        // It counts: two places that send each other's messages on must not do so for ever.
        let (due, counted) = (self.clock.now(), true);
        self.retry(delivery, None)
            .map(|_| Settled::Retry { due, counted })
    }

    /// The channel took something: dialogs that were stopped while it knew nobody go on.
    async fn channel_works(&self, line: &Line) {
        for dialog in line.works() {
            let reached = match self.store.load(dialog).await {
                Ok(Some(loaded)) => decode(dialog, &loaded).map(|snapshot| {
                    let unknown = Reach::CannotWrite(Cause::UnknownRecipient);
                    (snapshot.reach == unknown).then_some(snapshot.revision)
                }),
                Ok(None) => Ok(None),
                Err(error) => Err(error.into()),
            };
            let told = match reached {
                Ok(Some(revision)) => {
                    let key = EventKey::own(format_args!("known:{revision}"));
                    let event = Event::new(key, EventBody::ReachReported(Reach::Ok));
                    self.turn(dialog, &event, None, None).await.map(drop)
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                tracing::error!(%dialog, %error, "a dialog stays stopped though its channel works again");
            }
        }
    }

    /// What the outside answers; none if it takes longer than the worker waits. A panic out
    /// there is the outside's failure and stops nothing here.
    pub(crate) async fn in_time<T: Send>(
        &self,
        outside: impl Future<Output = T> + Send,
        within: Duration,
    ) -> Option<Result<T, Panicked>> {
        let until = time::add(self.clock.now(), within);
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

    pub(crate) fn retry(
        &self,
        delivery: &Delivery,
        retry_after: Option<Duration>,
    ) -> Option<Settled> {
        let wait = self
            .retry
            .wait(delivery.effect.id, delivery.attempt, retry_after)?;
        let due = time::add(self.clock.now(), wait);
        let counted = true;
        Some(Settled::Retry { due, counted })
    }

    fn put_off(&self, wait: Duration) -> Settled {
        put_off_until(time::add(self.clock.now(), wait))
    }
}

/// A retry that is not the message's fault.
fn put_off_until(due: Moment) -> Settled {
    let counted = false;
    Settled::Retry { due, counted }
}

pub(crate) struct Panicked;

fn wait(class: &SendErrorClass) -> Option<Duration> {
    match class {
        SendErrorClass::Transient { retry_after } => *retry_after,
        _ => None,
    }
}
