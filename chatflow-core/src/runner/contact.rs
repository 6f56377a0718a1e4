//! The contact as a thing of its own: changed by itself, and its dialogs brought up to it.
//!
//! ```text
//!  act ──► contact's row changes, its dialogs lag ──► wake ──► each lagging dialog: one turn
//!          └────────── one write ────────────┘                 with the event ContactChanged
//! ```

use crate::crm::OperatorAction;
use crate::dialog::{
    CannotSend, ContactAct, ContactId, ContactRefusal, DialogId, EffectBody, Event, EventBody,
    EventKey, FailureClass, OperatorId, Revision, Snapshot,
};
use crate::engine::Engine;
use crate::flow::Config;
use crate::runner::worker::{Failed, Person, ROUNDS_MAX, With, decode};
use crate::runner::{HandleError, Worker};
use crate::store::{
    Begun, CommitError, DeliveryState, LoadedDialog, Settled, Settlement, StoreError,
};

/// What became of an act on a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactChanged {
    /// The contact's row is changed, durably. Its dialogs are told soon, each in a turn of its
    /// own; what is sent and received heeds the change at once.
    Applied {
        /// The row's revision now.
        revision: Revision,
    },
    /// It would change nothing, so nothing was written.
    Unchanged,
}

/// Why a contact was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeContactError {
    /// There is no such contact.
    #[error("there is no contact {contact}")]
    NoSuchContact {
        /// Its id.
        contact: ContactId,
    },
    /// The host's policy doesn't let the operator do this.
    #[error("operator `{operator}` may not {} here", action.label())]
    Forbidden {
        /// Who.
        operator: OperatorId,
        /// What.
        action: OperatorAction,
    },
    /// The contact can't carry that.
    #[error(transparent)]
    Refused(#[from] ContactRefusal),
    /// Others kept changing the contact.
    #[error("contact {contact} is changed by others all the time")]
    Contended {
        /// The contact.
        contact: ContactId,
    },
    /// The store failed. Where its answer was lost, the act may have happened; doing it again is
    /// harmless.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Worker {
    /// Changes a contact itself, in the name of an operator. Returns when the contact's row is
    /// durable. The same act again changes nothing.
    ///
    /// # Errors
    /// [`ChangeContactError`].
    pub async fn change_contact(
        &self,
        contact: ContactId,
        act: &ContactAct,
        by: &OperatorId,
    ) -> Result<ContactChanged, ChangeContactError> {
        let mut lost = false;
        for _ in 0..ROUNDS_MAX {
            let row = self.store.contact(contact).await?;
            let mut row = row.ok_or(ChangeContactError::NoSuchContact { contact })?;
            let expected = row.view.revision;
            if !act.apply(&mut row.view, by, self.clock.now())? {
                // After a lost answer this is what the act wanted, most likely by itself.
                return Ok(if lost {
                    ContactChanged::Applied { revision: expected }
                } else {
                    ContactChanged::Unchanged
                });
            }
            row.view.revision += 1;
            // Also where the caller goes away while the store is busy: the row may still change.
            let _wake = self.wake.on_drop();
            match self.store.save_contact(&row, expected).await {
                Ok(()) => {
                    let revision = row.view.revision;
                    return Ok(ContactChanged::Applied { revision });
                }
                // A contact's row has no guards.
                Err(
                    CommitError::Conflict { .. } | CommitError::Full { .. } | CommitError::Outdated,
                ) => {}
                Err(CommitError::Unknown { .. }) => lost = true,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ChangeContactError::Contended { contact })
    }

    /// Whether a message can be sent in a dialog, and if not, why: for a host's composer. The
    /// contact's own row is asked, so a block of the contact shows before the dialog is told; and
    /// so is what the channel can do, so a time to answer that is over shows before anybody has
    /// tried.
    ///
    /// # Errors
    /// [`HandleError`] where there is no such dialog, or it can't be read.
    pub async fn can_send(&self, dialog: DialogId) -> Result<Result<(), CannotSend>, HandleError> {
        let loaded = self.store.load(dialog).await?;
        let loaded = loaded.ok_or(HandleError::NoSuchDialog { dialog })?;
        let snapshot = decode(dialog, &loaded)?;
        let sendable = snapshot.sendable(&loaded.contact.view);
        Ok(sendable.and_then(|()| self.may_write(&snapshot)))
    }

    /// Whether the dialog's channel lets us write now, as far as its capabilities say.
    fn may_write(&self, snapshot: &Snapshot) -> Result<(), CannotSend> {
        let Some(line) = self.lines.get(&snapshot.address.channel) else {
            return Ok(());
        };
        let capabilities = line.channel.capabilities();
        let may = capabilities.may_write(snapshot.attention.heard_at, self.clock.now());
        match may.map_err(|error| error.class.dialog_effect()) {
            Err(FailureClass::CannotWrite(cause)) => Err(CannotSend::CannotWrite(cause)),
            _ => Ok(()),
        }
    }

    /// Tells a dialog of its contact's change. Says whether it knows now.
    pub(crate) async fn bring_up(&self, dialog: DialogId) -> Result<bool, HandleError> {
        let _pass = self.order.pass(dialog).await;
        let mut told = false;
        for _ in 0..ROUNDS_MAX {
            let loaded = self.store.load(dialog).await?;
            let loaded = loaded.ok_or(HandleError::NoSuchDialog { dialog })?;
            let snapshot = decode(dialog, &loaded)?;
            let config = self.config(&snapshot.bot)?;
            if !self
                .bring_contact_up(&config, &snapshot, &loaded, None)
                .await?
            {
                return Ok(told);
            }
            told = true;
        }
        Err(HandleError::Contended { dialog })
    }

    /// Sees to it that the dialog's view of its contact is not older than the contact's row.
    /// Says whether something was written, so that the dialog must be loaded again.
    pub(crate) async fn bring_contact_up(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        loaded: &LoadedDialog,
        person: Option<Person<'_>>,
    ) -> Result<bool, HandleError> {
        if let Some(person) = person {
            let mut contact = loaded.contact.clone();
            if contact.fill_from(person.profile) {
                let expected = contact.view.revision;
                contact.view.revision += 1;
                // The contact's other dialogs are to be told.
                let _wake = self.wake.on_drop();
                return match self.store.save_contact(&contact, expected).await {
                    Ok(()) | Err(CommitError::Conflict { .. }) => Ok(true),
                    Err(CommitError::Store(error)) => Err(error.into()),
                    Err(error) => Err(HandleError::Commit(error)),
                };
            }
        }
        if loaded.contact.view.revision <= snapshot.contact.revision {
            return Ok(false);
        }
        // A patch of this very dialog that has not reached the row yet would be lost from view.
        if self.apply_patches(snapshot.dialog).await? {
            return Ok(true);
        }
        let view = loaded.contact.view.clone();
        let key = EventKey::own(format_args!("contact:{}", view.revision));
        let event = Event::new(key, EventBody::ContactChanged(view));
        self.beside(config, snapshot, &event).await
    }

    /// A turn before the one that is wanted, in the same place of the dialog's order. Says that
    /// the dialog must be loaded again.
    pub(crate) async fn beside(
        &self,
        config: &Config,
        snapshot: &Snapshot,
        event: &Event,
    ) -> Result<bool, HandleError> {
        match Engine::handle(config, snapshot.clone(), event, self.clock.now()) {
            Ok(transition) => match self
                .commit(transition, &event.key, None, &With::default())
                .await
            {
                Ok(_) | Err(Failed::Again(_)) => Ok(true),
                Err(Failed::For(error)) => Err(error),
            },
            Err(refused) => Err(HandleError::Refused(Box::new(refused))),
        }
    }

    /// Applies the contact patches that a dialog still has in its outbox. One that the loop has
    /// just begun is settled here; the loop's own settlement then comes late and does nothing.
    async fn apply_patches(&self, dialog: DialogId) -> Result<bool, HandleError> {
        let mut settlements = Vec::new();
        for entry in self.store.outbox(dialog).await? {
            let EffectBody::PatchContact(patch) = entry.effect.body else {
                continue;
            };
            let effect = entry.effect.id;
            let attempt = match entry.state {
                DeliveryState::InFlight => entry.attempts,
                _ => match self.store.begin_delivery(effect, self.clock.now()).await? {
                    Begun::Started(delivery) => delivery.attempt,
                    Begun::Cancelled | Begun::NotNow => continue,
                },
            };
            settlements.push(Settlement {
                effect,
                attempt,
                settled: Settled::Patched(patch),
                at: self.clock.now(),
            });
        }
        let any = !settlements.is_empty();
        if any {
            let _wake = self.wake.on_drop();
            self.store.settle(settlements).await?;
        }
        Ok(any)
    }
}
