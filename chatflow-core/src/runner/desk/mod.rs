//! What an operator's screen needs: his commands and lists, as the host's policy lets him.

mod acts;
mod rights;
mod staff;
mod views;

use crate::crm::{Filter, Operator, OperatorAction, Target};
use crate::dialog::{DialogId, OperatorId, QueueId, SpaceId, Text};
use crate::runner::{HandleError, Worker};
use crate::store::StoreError;

/// The engine as one operator of one space may use it: each command is asked of the host's
/// [`Policy`](crate::Policy), each list and look shows what it makes visible, and of other spaces
/// there is nothing. Make one for each request; it holds nothing but who asks.
///
/// ```
/// use std::sync::Arc;
/// use chatflow_core::{
///     Availability, MemoryStore, Operator, Queue, SystemClock, Worker,
/// };
///
/// # futures::executor::block_on(async {
/// let worker = Worker::builder(Arc::new(MemoryStore::new()), Arc::new(SystemClock)).build()?;
/// let admin = worker.desk("main", "root");
/// admin.put_operator("anna", |anna| anna.name = Some("Anna".into())).await?;
/// admin.put_queue("sales", |sales| sales.members = ["anna".into()].into()).await?;
///
/// let anna = worker.desk("main", "anna");
/// anna.sign_in().await?;
/// anna.declare(Availability::Active).await?;
/// assert_eq!(anna.operators().await?[0].operator.availability(), Availability::Active);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Desk<'a> {
    worker: &'a Worker,
    space: SpaceId,
    operator: OperatorId,
}

/// Why something an operator asked for was not done or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The host's policy doesn't let him.
    #[error("operator `{operator}` may not {}", action.label())]
    Forbidden {
        /// Who.
        operator: OperatorId,
        /// What.
        action: OperatorAction,
    },
    /// The host's policy doesn't show him the dialog.
    #[error("operator `{operator}` may not see dialog {dialog}")]
    Hidden {
        /// Who.
        operator: OperatorId,
        /// The dialog.
        dialog: DialogId,
    },
    /// His space has no such dialog.
    #[error("there is no dialog {dialog} in this space")]
    NoSuchDialog {
        /// Its id.
        dialog: DialogId,
    },
    /// The space doesn't know the operator.
    #[error("the space has no operator `{operator}`; add him first")]
    UnknownOperator {
        /// His id.
        operator: OperatorId,
    },
    /// The space doesn't have the queue.
    #[error("the space has no queue `{queue}`; add it first")]
    UnknownQueue {
        /// Its id.
        queue: QueueId,
    },
    /// An id is empty, too long or has control characters, a queue passes dialogs on to itself, or
    /// it is that of a bot's managers.
    #[error("{what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// Others kept changing the row.
    #[error("it is changed by others all the time; try again")]
    Contended,
    /// The store failed. Where its answer was lost, the change may have happened; making it again
    /// is harmless.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The dialog can't be read.
    #[error(transparent)]
    Dialog(Box<HandleError>),
}

impl From<HandleError> for DeskError {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Forbidden { operator, action } => Self::Forbidden { operator, action },
            HandleError::Hidden { operator, dialog } => Self::Hidden { operator, dialog },
            HandleError::NoSuchDialog { dialog } => Self::NoSuchDialog { dialog },
            HandleError::UnknownOperator { operator } => Self::UnknownOperator { operator },
            HandleError::Store(error) => Self::Store(error),
            other => Self::Dialog(Box::new(other)),
        }
    }
}

/// The operator who is responsible for a dialog, as its card shows him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responsible {
    /// Who.
    pub operator: OperatorId,
    /// How he is called; none where the space gives him no name.
    pub name: Option<Text>,
}

/// An operator as the list shows him of those who can be given a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferee {
    /// Who.
    pub operator: OperatorId,
    /// How he is called.
    pub name: Option<Text>,
    /// How he stands.
    pub standing: OperatorStanding,
}

/// How an operator stands, seen by colleagues who want to pass something on. That a limit is
/// reached is worked out of what he has in progress and shows nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatorStanding {
    /// He gets new dialogs.
    Active,
    /// He gets no new ones by himself; one can be passed to him.
    Inactive,
    /// He has as many as he may have.
    LimitReached,
}

impl OperatorStanding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::LimitReached];

    /// Its label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::LimitReached => "limit_reached",
        }
    }
}

/// Whom and where a dialog can be passed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferList {
    /// All operators of the space but the one who has it, in the order of their ids.
    pub operators: Vec<Transferee>,
    /// All queues of the space, in the order of their ids.
    pub queues: Vec<QueueId>,
}

impl Worker {
    /// The engine as an operator may use it.
    pub fn desk(&self, space: impl Into<SpaceId>, operator: impl Into<OperatorId>) -> Desk<'_> {
        Desk {
            worker: self,
            space: space.into(),
            operator: operator.into(),
        }
    }
}

impl Desk<'_> {
    /// His row; of one whom the space doesn't know, one without name and roles.
    async fn me(&self) -> Result<Operator, StoreError> {
        let row = self
            .worker
            .store
            .operator(&self.space, &self.operator)
            .await?;
        let new = || Operator::new(self.space.clone(), self.operator.clone());
        Ok(row.map_or_else(new, |row| row.operator))
    }

    async fn ask(&self, action: OperatorAction, target: Target<'_>) -> Result<(), DeskError> {
        if self.worker.policy.can(&self.me().await?, action, target) {
            return Ok(());
        }
        Err(DeskError::Forbidden {
            operator: self.operator.clone(),
            action,
        })
    }

    async fn seen_of(&self, filter: &Filter) -> Result<Filter, StoreError> {
        let visible = self.worker.policy.visible(&self.me().await?);
        let space = Filter::Space(self.space.clone());
        Ok(Filter::All(vec![space, visible, filter.clone()]))
    }

    async fn sees(&self, dialog: DialogId) -> Result<(), DeskError> {
        let this = Filter::Dialog(dialog);
        let store = &self.worker.store;
        if store.count(&self.seen_of(&this).await?).await? > 0 {
            return Ok(());
        }
        let here = Filter::Space(self.space.clone());
        match store.count(&this.and(here)).await? {
            0 => Err(DeskError::NoSuchDialog { dialog }),
            _ => Err(DeskError::Hidden {
                operator: self.operator.clone(),
                dialog,
            }),
        }
    }
}
