//! What an operator sees.

use crate::crm::{Availability, Filter, OperatorAction, Target};
use crate::dialog::{DialogId, EffectId, Revision, SessionRecord, Snapshot};
use crate::runner::desk::{
    Desk, DeskError, OperatorStanding, Responsible, TransferList, Transferee,
};
use crate::runner::feed::FeedEntry;
use crate::runner::worker::decode;
use crate::store::{DialogSummary, OperatorRow, QueueRow, TranscriptLine};

/// Rows of a space that are read at once.
const ROWS: usize = 256;

impl Desk<'_> {
    /// Dialogs that he sees, of those that match, in the order of their ids, after `after`.
    ///
    /// # Errors
    /// [`DeskError::Store`]
    pub async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, DeskError> {
        let seen = self.seen_of(filter).await?;
        Ok(self.worker.store.list(&seen, after, limit).await?)
    }

    /// How many dialogs he sees, of those that match.
    ///
    /// # Errors
    /// [`DeskError::Store`]
    pub async fn count(&self, filter: &Filter) -> Result<u64, DeskError> {
        let seen = self.seen_of(filter).await?;
        Ok(self.worker.store.count(&seen).await?)
    }

    /// A dialog as it stands.
    ///
    /// # Errors
    /// [`DeskError::NoSuchDialog`] where his space has none, [`DeskError::Hidden`] where he may
    /// not see it.
    pub async fn dialog(&self, dialog: DialogId) -> Result<Snapshot, DeskError> {
        self.sees(dialog).await?;
        let loaded = self.worker.store.load(dialog).await?;
        let loaded = loaded.ok_or(DeskError::NoSuchDialog { dialog })?;
        Ok(decode(dialog, &loaded)?)
    }

    /// Who is responsible for a dialog, for its card; none where no operator is.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog).
    pub async fn responsible(&self, dialog: DialogId) -> Result<Option<Responsible>, DeskError> {
        let snapshot = self.dialog(dialog).await?;
        let Some(operator) = snapshot.assignee.operator().cloned() else {
            return Ok(None);
        };
        let row = self.worker.store.operator(&self.space, &operator).await?;
        let name = row.and_then(|row| row.operator.name);
        Ok(Some(Responsible { operator, name }))
    }

    /// Messages of a dialog, of all its sessions, in order of time, after `after`.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog).
    pub async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, DeskError> {
        self.sees(dialog).await?;
        Ok(self.worker.store.transcript(dialog, after, limit).await?)
    }

    /// Sessions of a dialog in the order of their numbers, after one; the open one is the last.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog).
    pub async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, DeskError> {
        self.sees(dialog).await?;
        Ok(self.worker.store.sessions(dialog, after, limit).await?)
    }

    /// What happened in a dialog in the turns after one, of at most so many turns: messages, each
    /// with its author, and changes, each with its actor.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog).
    pub async fn feed(
        &self,
        dialog: DialogId,
        after: Revision,
        turns: usize,
    ) -> Result<Vec<FeedEntry>, DeskError> {
        self.sees(dialog).await?;
        self.worker.feed(dialog, after, turns).await
    }

    /// Operators of his space with what they have in progress, in the order of their ids.
    ///
    /// # Errors
    /// [`DeskError::Forbidden`]; [`DeskError::Store`]
    pub async fn operators(&self) -> Result<Vec<OperatorRow>, DeskError> {
        self.ask(OperatorAction::ListStaff, Target::Space).await?;
        self.staff().await
    }

    async fn staff(&self) -> Result<Vec<OperatorRow>, DeskError> {
        let (mut rows, mut after): (Vec<OperatorRow>, _) = (Vec::new(), None);
        loop {
            let page = self
                .worker
                .store
                .operators(&self.space, after.as_ref(), ROWS)
                .await?;
            let is_last = page.len() < ROWS;
            after = page.last().map(|row| row.operator.id.clone());
            rows.extend(page);
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// Queues of his space in the order of their ids. Those of bots' managers aren't among them.
    ///
    /// # Errors
    /// [`DeskError::Forbidden`]; [`DeskError::Store`]
    pub async fn queues(&self) -> Result<Vec<QueueRow>, DeskError> {
        self.ask(OperatorAction::ListStaff, Target::Space).await?;
        self.teams().await
    }

    async fn teams(&self) -> Result<Vec<QueueRow>, DeskError> {
        let (mut rows, mut after): (Vec<QueueRow>, _) = (Vec::new(), None);
        loop {
            let page = self
                .worker
                .store
                .queues(&self.space, after.as_ref(), ROWS)
                .await?;
            let is_last = page.len() < ROWS;
            after = page.last().map(|row| row.queue.id.clone());
            let own = page
                .into_iter()
                .filter(|row| !row.queue.id.is_of_managers());
            rows.extend(own);
            if is_last {
                return Ok(rows);
            }
        }
    }

    /// Where a dialog can be passed on to: every queue, and every operator but the one who has
    /// it, with how he stands. One whose limit is reached can't be given it.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog); [`DeskError::Forbidden`] where he may not pass it on.
    pub async fn transfer_list(&self, dialog: DialogId) -> Result<TransferList, DeskError> {
        self.whom(dialog, OperatorAction::Transfer).await
    }

    /// Who can be made responsible for a dialog: operators of the space who have room, but for
    /// the one who is.
    ///
    /// # Errors
    /// As [`dialog`](Desk::dialog); [`DeskError::Forbidden`] where he may not reassign it.
    pub async fn assignable(&self, dialog: DialogId) -> Result<Vec<Transferee>, DeskError> {
        let list = self.whom(dialog, OperatorAction::Reassign).await?;
        let mut operators = list.operators;
        operators.retain(|one| one.standing != OperatorStanding::LimitReached);
        Ok(operators)
    }

    async fn whom(
        &self,
        dialog: DialogId,
        action: OperatorAction,
    ) -> Result<TransferList, DeskError> {
        let snapshot = self.dialog(dialog).await?;
        self.ask(action, Target::Dialog(&snapshot)).await?;
        let config = self.worker.config(&snapshot.bot)?;
        let queues = self.teams().await?;
        let own = crate::engine::queue_of(&config, &snapshot);
        let own = queues.iter().find(|row| Some(&row.queue.id) == own);
        let most = own.and_then(|row| row.queue.capacity);
        let most = most.unwrap_or_else(|| config.behaviour().operator_capacity);
        let has_it = snapshot.assignee.operator();
        let operators = self.staff().await?;
        let others = operators
            .into_iter()
            .filter(|row| Some(&row.operator.id) != has_it);
        let operators = others.map(|row| {
            let is_full = row.load >= row.operator.capacity.unwrap_or(most);
            let standing = match row.operator.availability() {
                _ if is_full => OperatorStanding::LimitReached,
                Availability::Active => OperatorStanding::Active,
                Availability::Inactive => OperatorStanding::Inactive,
            };
            Transferee {
                operator: row.operator.id,
                name: row.operator.name,
                standing,
            }
        });
        Ok(TransferList {
            operators: operators.collect(),
            queues: queues.into_iter().map(|row| row.queue.id).collect(),
        })
    }
}
