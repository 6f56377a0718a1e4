//! What comes in, made durable: as a turn where it is understood, else as it came.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::channel::{Inbound, InboundBody, Ingest, IngestError, Ingested, RawInbound, Receipts};
use crate::dialog::{
    Address, DialogId, EffectId, Event, EventBody, EventKey, Profile, RawBody, ReceiptState,
    Receipted, Source, Text,
};
use crate::engine::Refusal;
use crate::runner::line::Line;
use crate::runner::worker::{Person, check_key};
use crate::runner::{HandleError, Handled, Worker};
use crate::store::{CommitError, DeliveryState, RefusedEvent, StoreError, Unclaimed};

impl Worker {
    /// Handles what a channel reports: opens the dialog where it is new, and returns once the
    /// turn is durable.
    ///
    /// # Errors
    /// [`HandleError`]; nothing of the event is stored then.
    pub async fn receive(&self, inbound: Inbound) -> Result<Handled, HandleError> {
        self.receive_raw(inbound, None).await
    }

    async fn receive_raw(
        &self,
        inbound: Inbound,
        raw: Option<RawBody>,
    ) -> Result<Handled, HandleError> {
        check_address(&inbound.from)?;
        check_key(&inbound.key)?;
        let line = self.line(&inbound.from)?;
        let bot = &line.bot;
        let found = self.store.find_dialog(bot, &inbound.from).await?;
        let dialog = found.unwrap_or_else(|| DialogId::derive(bot, &inbound.from));
        let body = match inbound.body {
            InboundBody::Message(message) => EventBody::MessageReceived(message),
            InboundBody::Started { payload, message } => {
                let source = self.source_of(line, payload).await?.map(Box::new);
                EventBody::Started { source, message }
            }
            InboundBody::Edited(message) => EventBody::MessageEdited(message),
            InboundBody::OperatorWrote { operator, message } => {
                EventBody::OperatorWrote { operator, message }
            }
            InboundBody::Reach(reach) => EventBody::ReachReported(reach),
            InboundBody::Moved(to) => {
                // A place that nobody has spoken in doesn't become a dialog by moving.
                if found.is_none() {
                    return Ok(Handled::Unchanged);
                }
                let event = Event::new(inbound.key, EventBody::AddressMoved(to));
                return self.move_dialog(line, dialog, event, raw).await;
            }
            InboundBody::Receipt { of, state } => {
                return self.receipt(line, found, &of, state).await;
            }
        };
        let event = Event::new(inbound.key, body);
        let profile = inbound.profile.bounded();
        let person = Person {
            bot,
            address: &inbound.from,
            profile: &profile,
        };
        let handled = self
            .turn_of(dialog, &event, Some(person), None, raw.clone())
            .await;
        if let Err(HandleError::Contended { .. }) = handled
            && let Some(there) = self.store.find_dialog(bot, &inbound.from).await?
            && there != dialog
        {
            // Meanwhile another dialog has moved to this address.
            return self.turn_of(there, &event, Some(person), None, raw).await;
        }
        handled
    }

    /// Opens a dialog with an address that has not come to us, to write first. Gives the id of
    /// the dialog that is there already, where one is.
    ///
    /// # Errors
    /// [`HandleError`]; nothing is stored then.
    pub async fn open_dialog(
        &self,
        address: &Address,
        profile: &Profile,
    ) -> Result<DialogId, HandleError> {
        check_address(address)?;
        let bot = &self.line(address)?.bot;
        if let Some(dialog) = self.store.find_dialog(bot, address).await? {
            return Ok(dialog);
        }
        let dialog = DialogId::derive(bot, address);
        let event = Event::new(
            EventKey::own(format_args!("opened")),
            EventBody::DialogOpened,
        );
        let profile = profile.bounded();
        let person = Person {
            bot,
            address,
            profile: &profile,
        };
        self.turn(dialog, &event, Some(person), None).await?;
        Ok(dialog)
    }

    /// Offers the reports of which nothing was made again: after an upgrade that understands more,
    /// or once what made them unusable is mended. What was handled meanwhile does nothing. Gives how
    /// many are understood now.
    ///
    /// # Errors
    /// [`IngestError`] where the store is away.
    pub async fn offer_again(&self, channel: &crate::ChannelId) -> Result<u64, IngestError> {
        let mut handled = 0;
        let mut after = None;
        loop {
            let page = self.store.unclaimed(channel, after, 100).await;
            let page = page.map_err(unavailable)?;
            let Some(last) = page.last() else {
                return Ok(handled);
            };
            after = Some(last.n);
            for stored in page {
                let Unclaimed {
                    channel, key, raw, ..
                } = stored.unclaimed;
                let raw = RawInbound {
                    channel,
                    key,
                    body: raw,
                };
                if Ingest::receive(self, raw).await? == Ingested::Handled {
                    handled += 1;
                }
            }
        }
    }

    /// Where a start link leads from: what was stored under its token, else what it carries.
    async fn source_of(
        &self,
        line: &Line,
        payload: Option<Text>,
    ) -> Result<Option<Source>, StoreError> {
        let Some(payload) = payload else {
            return Ok(None);
        };
        let stored = self.store.source(&line.bot, payload.as_str()).await?;
        let source = Source {
            payload: Some(payload),
            ..stored.unwrap_or_default()
        };
        // What a contact says is not lost for a source that nobody could keep.
        Ok(Some(source).filter(|source| source.weight() <= Source::BYTES_MAX))
    }

    /// The address became another. Where that leads to another dialog already, both stay as they
    /// are, and the journal says why.
    pub(crate) async fn move_dialog(
        &self,
        line: &Line,
        dialog: DialogId,
        event: Event,
        raw: Option<RawBody>,
    ) -> Result<Handled, HandleError> {
        let EventBody::AddressMoved(to) = &event.body else {
            return Ok(Handled::Unchanged);
        };
        let there = self.store.find_dialog(&line.bot, to).await?;
        if there.is_none_or(|there| there == dialog) {
            return self.turn_of(dialog, &event, None, None, raw).await;
        }
        tracing::warn!(%dialog, "an address moved to where another dialog is");
        let reason = Refusal::AddressTaken;
        let mut refused = RefusedEvent::new(dialog, &event, self.clock.now(), &reason, None)?;
        refused.raw = raw;
        match self.store.refuse(refused).await {
            Ok(crate::store::Committed::Applied { .. }) => Ok(Handled::Refused(reason)),
            Ok(crate::store::Committed::Duplicate { .. }) => Ok(Handled::Duplicate),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(error) => Err(HandleError::Commit(error)),
        }
    }

    /// What a channel reports of messages of ours: a row of the message, not a turn; only what
    /// was lost after all is an event for the dialog.
    async fn receipt(
        &self,
        line: &Line,
        dialog: Option<DialogId>,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Handled, HandleError> {
        let least = match state {
            ReceiptState::Delivered => Receipts::Delivered,
            ReceiptState::Read => Receipts::Read,
            ReceiptState::Failed(_) => Receipts::None,
        };
        let Some(dialog) = dialog.filter(|_| line.channel.capabilities().receipts >= least) else {
            return Ok(Handled::Unchanged);
        };
        let mut lost: BTreeSet<EffectId> = self
            .store
            .mark(dialog, of, state)
            .await?
            .into_iter()
            .collect();
        let ReceiptState::Failed(reason) = state else {
            return Ok(if lost.is_empty() {
                Handled::Unchanged
            } else {
                Handled::Noted
            });
        };
        // Also what was marked before: the dialog may not have been told then.
        if let Receipted::These(ids) = of {
            for id in ids {
                let named = self.store.find_message(dialog, id).await?;
                lost.extend(match named {
                    Some(effect) if self.is_dead(effect).await? => Some(effect),
                    _ => None,
                });
            }
        }
        let mut handled = Handled::Unchanged;
        for effect in lost {
            let body = EventBody::DeliveryFailed {
                effect,
                automatic: false,
                epoch: 0,
                class: reason.class(),
            };
            let (turn, n, label) = (effect.turn, effect.n, reason.label());
            let key = EventKey::own(format_args!("late:{turn}:{n}:{label}"));
            let told = self
                .turn(dialog, &Event::new(key, body), None, None)
                .await?;
            if told != Handled::Duplicate {
                handled = told;
            }
        }
        Ok(handled)
    }

    async fn is_dead(&self, message: EffectId) -> Result<bool, StoreError> {
        let line = self.line_of(message).await?;
        Ok(line.is_some_and(|line| line.delivery == Some(DeliveryState::Dead)))
    }

    pub(crate) fn line(&self, address: &Address) -> Result<&Line, HandleError> {
        self.lines
            .get(&address.channel)
            .ok_or_else(|| HandleError::NoSuchChannel {
                channel: address.channel.clone(),
            })
    }

    /// Keeps a report as it came.
    async fn keep_raw(&self, raw: RawInbound, reason: String) -> Result<Ingested, IngestError> {
        tracing::info!(channel = %raw.channel, key = %raw.key, reason, "a report is kept as it came");
        let unclaimed = Unclaimed {
            channel: raw.channel,
            key: raw.key,
            at: self.clock.now(),
            reason,
            raw: raw.body,
        };
        match self.store.keep_unclaimed(unclaimed).await {
            Ok(_) => Ok(Ingested::Unclaimed),
            Err(error) => Err(unavailable(error)),
        }
    }
}

#[async_trait]
impl Ingest for Worker {
    async fn receive(&self, mut raw: RawInbound) -> Result<Ingested, IngestError> {
        if check_key(&raw.key).is_err() {
            // Nothing is lost for a key that can't be used: the bytes name themselves.
            let digest = Sha256::digest(raw.body.as_bytes());
            raw.key = format!("bytes:{digest:x}").into();
        }
        let Some(line) = self.lines.get(&raw.channel) else {
            let reason = "the channel belongs to no bot of this program".to_owned();
            return self.keep_raw(raw, reason).await;
        };
        let decoded = catch_unwind(AssertUnwindSafe(|| line.channel.decode(&raw)));
        let Ok(decoded) = decoded else {
            return self
                .keep_raw(raw, "the adapter panicked over it".to_owned())
                .await;
        };
        if decoded.is_empty() {
            return self
                .keep_raw(raw, "the adapter makes nothing of it".to_owned())
                .await;
        }
        let mut became = Ingested::Handled;
        for (n, mut inbound) in decoded.into_iter().enumerate() {
            inbound.key = match n {
                0 => raw.key.clone(),
                n => format!("{}#{n}", raw.key).into(),
            };
            // Channels repeat receipts all the time; one that changes nothing is worth no row.
            let is_receipt = matches!(inbound.body, InboundBody::Receipt { .. });
            let reason = match self.receive_raw(inbound, Some(raw.body.clone())).await {
                Ok(Handled::Refused(Refusal::TooLong { .. } | Refusal::Empty)) => {
                    became = Ingested::Refused;
                    continue;
                }
                Ok(Handled::Unchanged) if !is_receipt => "it changes nothing".to_owned(),
                Ok(_) => continue,
                Err(
                    error @ (HandleError::Malformed { .. }
                    | HandleError::Decode { .. }
                    | HandleError::Store(StoreError::Damaged { .. })
                    | HandleError::Encode(_)
                    | HandleError::NoSuchChannel { .. }
                    | HandleError::NoSuchBot { .. }
                    | HandleError::NoSuchDialog { .. }
                    | HandleError::Refused(_)),
                ) => error.to_string(),
                Err(error) => return Err(unavailable(error)),
            };
            // Whole and under its own key: offered again, what was handled does nothing.
            became = self.keep_raw(raw.clone(), reason).await?;
        }
        Ok(became)
    }
}

fn check_address(address: &Address) -> Result<(), HandleError> {
    if address.is_valid() {
        Ok(())
    } else {
        Err(HandleError::Malformed {
            reason: "the address is empty or longer than 128 bytes",
        })
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> IngestError {
    IngestError::Unavailable {
        source: Box::new(error),
    }
}
