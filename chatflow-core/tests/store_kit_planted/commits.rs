//! Bugs of turns and refusals.

use std::task::Poll;

use chatflow_core::{
    Address, CommitError, Committed, DeliveryState, OutboxEntry, RefusedEvent, Store, StoreError,
    TurnCommit,
};

use crate::bug::{Bug, of_turn};
use crate::planted::Planted;

/// Lets other futures run first.
pub(crate) async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Planted {
    /// A commit whose check and whose write are two steps.
    async fn check_then_write(&self, mut turn: TurnCommit) -> Result<Committed, CommitError> {
        let found = self.revision(turn.dialog).await;
        if found != turn.expected {
            return self.data().commit(turn).await;
        }
        give_way().await;
        turn.expected = self.revision(turn.dialog).await;
        self.data().commit(turn).await
    }

    pub(crate) async fn spoilt_commit(
        &self,
        mut turn: TurnCommit,
    ) -> Result<Committed, CommitError> {
        let given = turn.clone();
        self.bug.spoil(&mut turn);
        if let (Bug::LateSettlementAccepted, Some(settlement)) = (self.bug, &mut turn.settlement)
            && let Some(entry) = self.entry(settlement.effect).await
        {
            settlement.attempt = entry.attempts;
        }
        if std::mem::take(&mut self.notes().fail_next) {
            return Err(StoreError::Closed.into());
        }
        let before = self.data().outbox(turn.dialog).await?;
        self.note_report(turn.dialog, &turn.key, turn.raw.as_ref());
        if let Some(opened) = &turn.opened {
            let mut notes = self.notes();
            let first = notes.first_addresses.entry(turn.dialog);
            first.or_insert_with(|| opened.address.clone());
        }
        match self.bug {
            Bug::RevisionBeforeKey => {
                let found = self.revision(turn.dialog).await;
                if found != turn.expected {
                    return Err(CommitError::Conflict { found });
                }
            }
            Bug::LaterTurnOpens if turn.opened.is_some() => turn.expected = 0,
            Bug::KeysOfAllDialogs if !self.notes().keys.insert(turn.key.clone()) => {
                return Ok(Committed::Duplicate { revision: 0 });
            }
            Bug::TogetherOneIsLost => {
                self.notes().running += 1;
                give_way().await;
                let running = std::mem::take(&mut self.notes().running);
                if running > 1 {
                    return Ok(Committed::APPLIED);
                }
            }
            Bug::CheckedBeforeWriting => return self.check_then_write(turn).await,
            Bug::ColumnsVisibleEarly => {
                self.notes().writing = Some(turn.clone());
                give_way().await;
                self.notes().writing = None;
            }
            Bug::SettledAfterCancelling => turn.settlement = None,
            Bug::OpeningOverwritesContact => {
                if let Some(opened) = &turn.opened
                    && let Some(found) = self.data().contact(opened.contact.id).await?
                {
                    let mut contact = opened.contact.clone();
                    contact.view.revision = found.view.revision + 1;
                    let expected = found.view.revision;
                    self.data().save_contact(&contact, expected).await?;
                }
            }
            _ => {}
        }
        self.note_turn(&turn);
        let answer = self.data().commit(turn.clone()).await;
        let answer = answer.map(|answer| self.spoil_under_way(&turn, &before, answer));
        match (self.bug, answer) {
            (Bug::KeyAcceptedAgain, Ok(Committed::Duplicate { .. })) => {
                turn.key = self.new_key();
                self.data().commit(turn).await
            }
            (Bug::KeysLostByOpening, Ok(Committed::Duplicate { .. })) if self.notes().reopened => {
                turn.key = self.new_key();
                self.data().commit(turn).await
            }
            (Bug::DuplicateRaisesRevision, Ok(Committed::Duplicate { revision })) => {
                turn.key = self.new_key();
                turn.expected = revision;
                (turn.effects, turn.timers, turn.messages) = Default::default();
                self.data().commit(turn).await?;
                Ok(Committed::Duplicate { revision })
            }
            (Bug::DuplicateSettles, Ok(Committed::Duplicate { revision })) => {
                self.settle(turn.settlement.into_iter().collect()).await?;
                Ok(Committed::Duplicate { revision })
            }
            (Bug::StaleAccepted, Err(CommitError::Conflict { found })) => {
                turn.expected = found;
                self.data().commit(turn).await
            }
            (Bug::TakenAddressMoves, Err(CommitError::Conflict { found: 0 }))
                if turn.opened.is_some() =>
            {
                if let Some(opened) = &mut turn.opened {
                    opened.address = Address::new("elsewhere", opened.address.external_id());
                }
                self.data().commit(turn).await
            }
            (Bug::TakenAddressPassedOver, Err(CommitError::Conflict { .. }))
                if turn.moved.is_some() =>
            {
                turn.moved = None;
                self.data().commit(turn).await
            }
            (Bug::ConflictConsumesKey, Err(CommitError::Conflict { found })) => {
                self.data().refuse(of_turn(turn)).await?;
                Err(CommitError::Conflict { found })
            }
            (Bug::LagEndsByConflict, Err(CommitError::Conflict { found })) => {
                self.notes().not_lagging.insert(turn.dialog);
                Err(CommitError::Conflict { found })
            }
            (Bug::UsageOfConflicts, Err(CommitError::Conflict { found })) => {
                turn.expected = found;
                (turn.effects, turn.timers, turn.messages) = Default::default();
                self.data().commit(turn).await?;
                Err(CommitError::Conflict { found })
            }
            (Bug::ConflictFailsNeighbour, Err(CommitError::Conflict { found })) => {
                self.notes().fail_next = true;
                Err(CommitError::Conflict { found })
            }
            (Bug::ConflictSettles, Err(CommitError::Conflict { found })) => {
                self.settle(turn.settlement.into_iter().collect()).await?;
                Err(CommitError::Conflict { found })
            }
            (Bug::SettledAfterCancelling, answer) => {
                self.settle(given.settlement.into_iter().collect()).await?;
                answer
            }
            (Bug::CancelledNotNamed, Ok(Committed::Applied { under_way, .. })) => {
                Ok(Committed::Applied {
                    cancelled: Vec::new(),
                    under_way,
                })
            }
            (
                Bug::CancelTakesOwn,
                Ok(Committed::Applied {
                    mut cancelled,
                    under_way,
                }),
            ) if turn.cancel.is_some() => {
                cancelled.extend(turn.effects.iter().map(|effect| effect.id));
                Ok(Committed::Applied {
                    cancelled,
                    under_way,
                })
            }
            (
                Bug::CancelTakesBegun,
                Ok(Committed::Applied {
                    mut cancelled,
                    under_way,
                }),
            ) if turn.cancel.is_some() => {
                let begun = |entry: &&OutboxEntry| entry.state == DeliveryState::InFlight;
                cancelled.extend(before.iter().filter(begun).map(|entry| entry.effect.id));
                Ok(Committed::Applied {
                    cancelled,
                    under_way,
                })
            }
            (
                Bug::CancelTakesParts,
                Ok(Committed::Applied {
                    mut cancelled,
                    under_way,
                }),
            ) if turn.cancel.is_some() => {
                let in_parts = before.iter().filter(|entry| entry.part > 0);
                cancelled.extend(in_parts.map(|entry| entry.effect.id));
                cancelled.sort_unstable();
                cancelled.dedup();
                Ok(Committed::Applied {
                    cancelled,
                    under_way,
                })
            }
            (_, answer) => answer,
        }
    }

    pub(crate) async fn spoilt_refuse(
        &self,
        mut refused: RefusedEvent,
    ) -> Result<Committed, CommitError> {
        let applied = Committed::APPLIED;
        let revision = self.revision(refused.dialog).await;
        match self.bug {
            Bug::RefusalNotKept => return Ok(applied),
            Bug::FirstRefusalNotKept if revision == 0 => return Ok(applied),
            Bug::RefusalLeavesKey => refused.key = self.new_key(),
            Bug::RawOfRefusalForgotten => refused.raw = None,
            Bug::UsageOfRefusedForgotten => refused.usage = None,
            Bug::RefusalSettlesNothing => refused.settlement = None,
            Bug::LagEndsByRefusal => drop(self.notes().not_lagging.insert(refused.dialog)),
            _ => {}
        }
        self.note_report(refused.dialog, &refused.key, refused.raw.as_ref());
        let answer = self.data().refuse(refused.clone()).await;
        match (self.bug, answer) {
            (Bug::CommittedKeyRefused, Ok(Committed::Duplicate { .. })) => {
                refused.key = self.new_key();
                self.data().refuse(refused).await
            }
            (Bug::DuplicateSettles, Ok(Committed::Duplicate { revision })) => {
                self.settle(refused.settlement.into_iter().collect())
                    .await?;
                Ok(Committed::Duplicate { revision })
            }
            (_, answer) => answer,
        }
    }
}
