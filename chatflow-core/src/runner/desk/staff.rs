//! Operators and queues, as the host itself changes them.

use crate::crm::{Availability, AvailableBy, Operator, Queue, WhenAway};
use crate::dialog::{Moment, OperatorId, QueueId, Revision, SpaceId, time};
use crate::flow::Config;
use crate::runner::Worker;
use crate::runner::desk::DeskError;
use crate::runner::worker::ROUNDS_MAX;
use crate::store::{CommitError, StoreError};

impl Worker {
    /// Adds an operator to a space, or changes him: name, roles and capacity. What he declares
    /// and whether he is there stay as they are; see [`Desk`](crate::Desk) for those. For the host itself: no
    /// policy is asked. The same change again changes nothing.
    ///
    /// # Errors
    /// [`DeskError::Malformed`] where the id can't be used; [`DeskError::Contended`];
    /// [`DeskError::Store`].
    pub async fn put_operator(
        &self,
        space: &SpaceId,
        id: &OperatorId,
        change: impl Fn(&mut Operator) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        if !id.is_valid() || !space.is_valid() {
            return Err(DeskError::Malformed {
                what: "the id of an operator or a space is empty, too long or has control characters",
            });
        }
        let changed = |operator: &mut Operator| {
            let before = operator.clone();
            change(operator);
            *operator = Operator {
                name: operator.name.clone(),
                roles: operator.roles.clone(),
                capacity: operator.capacity,
                ..before
            };
        };
        self.save_operator(space, id, true, changed).await
    }

    /// Signs an operator in and declares him active or inactive. For the host itself: no policy is
    /// asked.
    ///
    /// # Errors
    /// [`DeskError::UnknownOperator`]; [`DeskError::Contended`]; [`DeskError::Store`].
    pub async fn declare(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
        availability: Availability,
    ) -> Result<Revision, DeskError> {
        let now = time::whole_milliseconds(self.clock.now());
        let change = |operator: &mut Operator| {
            operator.signed_in = true;
            declare(operator, availability, now);
        };
        self.save_operator(space, operator, false, change).await
    }

    /// Adds a queue to a space, or changes it. For the host itself: no policy is asked. The same
    /// change again changes nothing.
    ///
    /// # Errors
    /// [`DeskError::Malformed`] where an id can't be used, the queue passes dialogs on to itself, or
    /// it is that of a bot's managers; [`DeskError::UnknownQueue`] where it passes dialogs on to one
    /// that the space doesn't have; [`DeskError::UnknownOperator`] where the space knows operators
    /// and a new member isn't one of them; [`DeskError::Contended`]; [`DeskError::Store`].
    pub async fn put_queue(
        &self,
        space: &SpaceId,
        id: &QueueId,
        change: impl Fn(&mut Queue) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        if !id.is_valid() || !space.is_valid() {
            return Err(DeskError::Malformed {
                what: "the id of a queue or a space is empty, too long or has control characters",
            });
        }
        if id.is_of_managers() {
            return Err(DeskError::Malformed {
                what: "a bot's settings say who its managers are",
            });
        }
        for _ in 0..ROUNDS_MAX {
            let row = self.store.queue(space, id).await?;
            let before = row.map(|row| row.queue);
            let mut queue = before
                .clone()
                .unwrap_or_else(|| Queue::new(space.clone(), id.clone()));
            let expected = queue.revision;
            change(&mut queue);
            queue.space.clone_from(space);
            queue.id.clone_from(id);
            queue.revision = expected;
            if before.as_ref() == Some(&queue) {
                return Ok(expected);
            }
            if queue.when_away == WhenAway::PassTo(id.clone()) {
                return Err(DeskError::Malformed {
                    what: "a queue can't pass dialogs on to itself",
                });
            }
            if let WhenAway::PassTo(next) = &queue.when_away
                && self.store.queue(space, next).await?.is_none()
            {
                let queue = next.clone();
                return Err(DeskError::UnknownQueue { queue });
            }
            let had = before.as_ref().map(|before| &before.members);
            let is_new = |member: &&OperatorId| had.is_none_or(|had| !had.contains(*member));
            for member in queue.members.iter().filter(is_new) {
                if !member.is_valid() {
                    return Err(DeskError::Malformed {
                        what: "the id of a member is empty, too long or has control characters",
                    });
                }
                self.known(space, member).await?;
            }
            queue.revision += 1;
            let _wake = self.wake.on_drop();
            if is_saved(self.store.save_queue(&queue, expected).await)? {
                return Ok(queue.revision);
            }
        }
        Err(DeskError::Contended)
    }

    /// The queue of the managers that a bot's settings name, where they name some. Those whom the
    /// space doesn't know get nothing.
    pub(crate) async fn save_managers(&self, config: &Config) -> Result<(), StoreError> {
        let managers = &config.behaviour().managers;
        let id = QueueId::of_managers(config.bot());
        let space = &config.settings().space;
        loop {
            let row = self.store.queue(space, &id).await?;
            let before = row.map(|row| row.queue);
            if managers.is_empty() && before.is_none() {
                return Ok(());
            }
            let new = || Queue::new(space.clone(), id.clone());
            let mut queue = before.clone().unwrap_or_else(new);
            queue.members = managers.iter().cloned().collect();
            // They are named; whether they are there or busy is another matter.
            queue.available_by = AvailableBy::Nothing;
            if before.as_ref() == Some(&queue) {
                return Ok(());
            }
            let expected = queue.revision;
            queue.revision += 1;
            match self.store.save_queue(&queue, expected).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Store(error)) => return Err(error),
                // Another worker starts with the same bot, or the answer was lost.
                Err(_) => {}
            }
        }
    }

    pub(super) async fn save_operator(
        &self,
        space: &SpaceId,
        id: &OperatorId,
        may_add: bool,
        change: impl Fn(&mut Operator),
    ) -> Result<Revision, DeskError> {
        for _ in 0..ROUNDS_MAX {
            let row = self.store.operator(space, id).await?;
            let before = row.map(|row| row.operator);
            if before.is_none() && !may_add {
                let operator = id.clone();
                return Err(DeskError::UnknownOperator { operator });
            }
            let new = || Operator::new(space.clone(), id.clone());
            let mut operator = before.clone().unwrap_or_else(new);
            let expected = operator.revision;
            change(&mut operator);
            if before.as_ref() == Some(&operator) {
                return Ok(expected);
            }
            operator.revision = expected + 1;
            let _wake = self.wake.on_drop();
            if is_saved(self.store.save_operator(&operator, expected).await)? {
                return Ok(operator.revision);
            }
        }
        Err(DeskError::Contended)
    }
}

pub(super) fn declare(operator: &mut Operator, availability: Availability, now: Moment) {
    let was = std::mem::replace(&mut operator.declared, availability);
    if was == Availability::Active && availability == Availability::Inactive {
        operator.leaves_at = Some(now);
    }
}

/// Whether a row is saved; otherwise it is to be read again.
fn is_saved(saved: Result<(), CommitError>) -> Result<bool, DeskError> {
    match saved {
        Ok(()) => Ok(true),
        Err(CommitError::Store(error)) => Err(error.into()),
        Err(_) => Ok(false),
    }
}
