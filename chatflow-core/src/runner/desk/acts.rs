//! What an operator does.

use crate::crm::{Availability, Filter, Operator, OperatorAction, Presence, Queue, Target};
use crate::dialog::{
    BotId, CannotSend, ContactAct, ContactId, DialogId, EffectId, Event, Moment, OperatorAct,
    OperatorId, QueueId, Revision, time,
};
use crate::runner::desk::staff::declare;
use crate::runner::desk::{Desk, DeskError};
use crate::runner::{ChangeContactError, ContactChanged, HandleError, Handled};
use crate::store::{PAGE_MAX, StoreError};

impl Desk<'_> {
    /// Acts in a dialog. The same act under the same key changes the dialog once.
    ///
    /// # Errors
    /// As [`Worker::handle`](crate::Worker::handle), and [`HandleError::NoSuchDialog`] where his
    /// space has none; a refused command leaves nothing.
    pub async fn act(
        &self,
        dialog: DialogId,
        key: &str,
        act: OperatorAct,
    ) -> Result<Handled, HandleError> {
        let event = Event::operator(key, self.operator.clone(), act);
        self.worker
            .handle_in(Some(&self.space), dialog, &event)
            .await
    }

    /// Whether a message can be sent in a dialog that he sees, and if not, why; see [`Worker::can_send`](crate::Worker::can_send).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn can_send(&self, dialog: DialogId) -> Result<Result<(), CannotSend>, DeskError> {
        self.sees(dialog).await?;
        Ok(self.worker.can_send(dialog).await?)
    }

    /// Shows the contact for a few seconds that a message is being written; see
    /// [`Worker::show_typing`](crate::Worker::show_typing).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn show_typing(&self, dialog: DialogId) -> Result<(), DeskError> {
        self.writes(dialog).await?;
        Ok(self.worker.show_typing(dialog).await?)
    }

    /// Shows the contact that we have read up to one of his messages; see [`Worker::mark_read`](crate::Worker::mark_read).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn mark_read(&self, dialog: DialogId, message: EffectId) -> Result<(), DeskError> {
        self.writes(dialog).await?;
        Ok(self.worker.mark_read(dialog, message).await?)
    }

    /// Sends a message again that was given up; see [`Worker::resend`](crate::Worker::resend).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn resend(&self, message: EffectId) -> Result<bool, DeskError> {
        self.writes(message.dialog).await?;
        Ok(self.worker.resend(message).await?)
    }

    /// Whether the policy lets him write in a dialog that he sees.
    async fn writes(&self, dialog: DialogId) -> Result<(), DeskError> {
        let snapshot = self.dialog(dialog).await?;
        self.ask(OperatorAction::Reply, Target::Dialog(&snapshot))
            .await
    }

    /// Changes a contact of his space itself; see [`Worker::change_contact`](crate::Worker::change_contact). A contact of
    /// whom there are dialogs and he sees none doesn't exist for him.
    ///
    /// # Errors
    /// [`ChangeContactError`]
    pub async fn change_contact(
        &self,
        contact: ContactId,
        act: &ContactAct,
    ) -> Result<ContactChanged, ChangeContactError> {
        let row = self.worker.store.contact(contact).await?;
        if row.is_none_or(|row| row.space != self.space) {
            return Err(ChangeContactError::NoSuchContact { contact });
        }
        let me = self.me().await?;
        let action = match act {
            ContactAct::Block | ContactAct::Unblock => OperatorAction::Block,
            _ => OperatorAction::ChangeContact,
        };
        if !self
            .worker
            .policy
            .can(&me, action, Target::Contact(contact))
        {
            let operator = self.operator.clone();
            return Err(ChangeContactError::Forbidden { operator, action });
        }
        if !self.knows(contact).await? {
            return Err(ChangeContactError::NoSuchContact { contact });
        }
        self.worker
            .change_contact(contact, act, &self.operator)
            .await
    }

    /// Whether he sees a dialog of a contact, or there is none.
    async fn knows(&self, contact: ContactId) -> Result<bool, StoreError> {
        let mut after = None;
        loop {
            let store = &self.worker.store;
            let page = store.dialogs_of(contact, after, PAGE_MAX).await?;
            let Some(last) = page.last() else {
                return Ok(after.is_none());
            };
            after = Some(last.dialog);
            let any = page.iter().map(|one| Filter::Dialog(one.dialog)).collect();
            let seen = self.seen_of(&Filter::Any(any)).await?;
            if store.count(&seen).await? > 0 {
                return Ok(true);
            }
        }
    }

    /// Signs him in. He is declared as he was before he signed out; at first, inactive.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn sign_in(&self) -> Result<Revision, DeskError> {
        self.change(&self.operator, |operator, _| operator.signed_in = true)
            .await
    }

    /// Signs him out, or notes that his session at the host is over: he is inactive until he
    /// signs in again.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn sign_out(&self) -> Result<Revision, DeskError> {
        self.sign_out_operator(&self.operator).await
    }

    /// Signs an operator out.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn sign_out_operator(&self, operator: &OperatorId) -> Result<Revision, DeskError> {
        let change = |operator: &mut Operator, now| {
            if operator.signed_in {
                operator.signed_in = false;
                operator.leaves_at = Some(now);
            }
        };
        self.change(operator, change).await
    }

    /// Declares him active or inactive. That counts while he is signed in.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn declare(&self, availability: Availability) -> Result<Revision, DeskError> {
        self.declare_operator(&self.operator, availability).await
    }

    /// Declares an operator active or inactive.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn declare_operator(
        &self,
        operator: &OperatorId,
        availability: Availability,
    ) -> Result<Revision, DeskError> {
        let change = |operator: &mut Operator, now| declare(operator, availability, now);
        self.change(operator, change).await
    }

    /// Notes that he is seen: his screen is connected.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn seen(&self) -> Result<Revision, DeskError> {
        let change = |operator: &mut Operator, now| {
            operator.presence = Presence::Live;
            // What he has missed already is still looked at.
            operator.leaves_at = operator.leaves_at.filter(|at| *at <= now);
        };
        self.change(&self.operator, change).await
    }

    /// Notes that he was lost sight of. He counts as there for the grace period.
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn lost(&self) -> Result<Revision, DeskError> {
        let grace = self.worker.presence_grace;
        let change = |operator: &mut Operator, now| {
            if operator.presence == Presence::Live {
                let until = time::add(now, grace);
                operator.presence = Presence::Lost { since: now, until };
                operator.leaves_at = Some(operator.leaves_at.map_or(until, |at| at.min(until)));
            }
        };
        self.change(&self.operator, change).await
    }

    async fn change(
        &self,
        operator: &OperatorId,
        change: impl Fn(&mut Operator, Moment),
    ) -> Result<Revision, DeskError> {
        let action = OperatorAction::ChangeAvailability;
        self.ask(action, Target::Operator(operator)).await?;
        let now = time::whole_milliseconds(self.worker.clock.now());
        let changed = |operator: &mut Operator| change(operator, now);
        self.worker
            .save_operator(&self.space, operator, false, changed)
            .await
    }

    /// Adds an operator or changes him; see [`Worker::put_operator`](crate::Worker::put_operator).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn put_operator(
        &self,
        operator: impl Into<OperatorId> + Send,
        change: impl Fn(&mut Operator) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        let operator = operator.into();
        let action = OperatorAction::ManageOperators;
        self.ask(action, Target::Operator(&operator)).await?;
        self.worker
            .put_operator(&self.space, &operator, change)
            .await
    }

    /// Adds a queue or changes it; see [`Worker::put_queue`](crate::Worker::put_queue).
    ///
    /// # Errors
    /// [`DeskError`]
    pub async fn put_queue(
        &self,
        queue: impl Into<QueueId> + Send,
        change: impl Fn(&mut Queue) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        let queue = queue.into();
        let action = OperatorAction::ManageQueues;
        self.ask(action, Target::Queue(&queue)).await?;
        self.worker.put_queue(&self.space, &queue, change).await
    }

    /// Pauses a bot of his space; see [`Worker::pause_bot`](crate::Worker::pause_bot).
    ///
    /// # Errors
    /// [`HandleError`]
    pub async fn pause_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.may_pause(bot).await?;
        self.worker.pause_bot(bot).await
    }

    /// Ends the pause of a bot of his space; see [`Worker::resume_bot`](crate::Worker::resume_bot).
    ///
    /// # Errors
    /// [`HandleError`]
    pub async fn resume_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.may_pause(bot).await?;
        self.worker.resume_bot(bot).await
    }

    async fn may_pause(&self, bot: &BotId) -> Result<(), HandleError> {
        if self.worker.config(bot)?.settings().space != self.space {
            return Err(HandleError::NoSuchBot { bot: bot.clone() });
        }
        let me = self.me().await?;
        let action = OperatorAction::PauseBot;
        if self.worker.policy.can(&me, action, Target::Bot) {
            return Ok(());
        }
        Err(HandleError::Forbidden {
            operator: self.operator.clone(),
            action,
        })
    }
}
