//! What an operator may do to a dialog, asked of the policy and of the rows.

use crate::crm::{Filter, Operator, OperatorAction, Target};
use crate::dialog::{
    Assignee, DialogId, DialogSettings, OperatorAct, OperatorId, QueueId, Snapshot, SpaceId,
    TransferTo,
};
use crate::runner::worker::decode;
use crate::runner::{HandleError, Worker};
use crate::store::StoreError;

impl Worker {
    /// The row of an operator who wants to act in a dialog: he sees it, and whom he names exists.
    /// Whether the policy lets him is asked of the dialog as his turn finds it; see
    /// [`can_do`](Worker::can_do).
    ///
    /// `space`: where he works; a dialog of another space doesn't exist for him.
    pub(crate) async fn actor(
        &self,
        space: Option<&SpaceId>,
        dialog: DialogId,
        operator: &OperatorId,
        act: &OperatorAct,
    ) -> Result<Operator, HandleError> {
        let loaded = self.store.load(dialog).await?;
        let loaded = loaded.ok_or(HandleError::NoSuchDialog { dialog })?;
        let snapshot = decode(dialog, &loaded)?;
        let config = self.config(&snapshot.bot)?;
        let of = &config.settings().space;
        if space.is_some_and(|space| space != of) {
            return Err(HandleError::NoSuchDialog { dialog });
        }
        let row = self.known(of, operator).await?;
        let row = row.unwrap_or_else(|| Operator::new(of.clone(), operator.clone()));
        self.can_do(&row, act, &snapshot)?;
        // Who comes too late hears that somebody else has it, though he sees it no more.
        let has_another = snapshot.holder().is_some_and(|holder| holder != operator);
        let is_late = matches!(act, OperatorAct::Accept) && has_another;
        if !is_late && !self.shows(&row, of, dialog).await? {
            return Err(HandleError::Hidden {
                operator: operator.clone(),
                dialog,
            });
        }
        let (to, queue) = targets_of(act);
        if let Some(to) = to {
            self.known(of, to).await?;
        }
        if let Some(queue) = queue
            && self.store.queue(of, queue).await?.is_none()
        {
            let queue = queue.clone();
            return Err(HandleError::UnknownQueue { queue });
        }
        Ok(row)
    }

    /// Whether the policy lets an operator do this to a dialog as it stands.
    pub(crate) fn can_do(
        &self,
        operator: &Operator,
        act: &OperatorAct,
        snapshot: &Snapshot,
    ) -> Result<(), HandleError> {
        let mut actions = actions_of(act).into_iter();
        let forbidden =
            actions.find(|action| !self.policy.can(operator, *action, Target::Dialog(snapshot)));
        match forbidden {
            None => Ok(()),
            Some(action) => Err(HandleError::Forbidden {
                operator: operator.id.clone(),
                action,
            }),
        }
    }

    /// Whether the policy makes a dialog of his space visible to an operator.
    async fn shows(
        &self,
        operator: &Operator,
        space: &SpaceId,
        dialog: DialogId,
    ) -> Result<bool, StoreError> {
        let visible = self.policy.visible(operator);
        let of = Filter::All(vec![
            Filter::Dialog(dialog),
            Filter::Space(space.clone()),
            visible,
        ]);
        Ok(self.store.count(&of).await? > 0)
    }
}

/// What the policy is asked for an act; one that sets several things needs each.
fn actions_of(act: &OperatorAct) -> Vec<OperatorAction> {
    let action = match act {
        OperatorAct::Reply(_) => OperatorAction::Reply,
        OperatorAct::Broadcast(_) => OperatorAction::Broadcast,
        OperatorAct::Edit { .. } | OperatorAct::Delete { .. } => OperatorAction::EditMessage,
        OperatorAct::Take => OperatorAction::Take,
        OperatorAct::Accept | OperatorAct::Decline => OperatorAction::Accept,
        OperatorAct::Enqueue(_) => OperatorAction::Enqueue,
        OperatorAct::Transfer { .. } => OperatorAction::Transfer,
        OperatorAct::Complete => OperatorAction::Complete,
        OperatorAct::Reopen => OperatorAction::Reopen,
        OperatorAct::Acknowledge => OperatorAction::Acknowledge,
        OperatorAct::Set(settings) => {
            let rest = DialogSettings {
                assignee: None,
                ..settings.clone()
            };
            let reassigns = settings.assignee.is_some();
            let reassign = reassigns.then_some(OperatorAction::Reassign);
            let changes = !reassigns || rest != DialogSettings::default();
            let change = changes.then_some(OperatorAction::Change);
            return reassign.into_iter().chain(change).collect();
        }
        OperatorAct::Block | OperatorAct::Unblock => OperatorAction::Block,
        OperatorAct::Retry => OperatorAction::Retry,
        OperatorAct::Advise { .. } => OperatorAction::Advise,
    };
    vec![action]
}

/// Whom an act names, and which queue.
fn targets_of(act: &OperatorAct) -> (Option<&OperatorId>, Option<&QueueId>) {
    match act {
        OperatorAct::Set(settings) => {
            let assignee = settings.assignee.as_ref();
            (assignee.and_then(Assignee::operator), None)
        }
        OperatorAct::Transfer { to, .. } => match to {
            TransferTo::Operator(to) => (Some(to), None),
            TransferTo::Queue(queue) => (None, Some(queue)),
        },
        OperatorAct::Enqueue(queue) => (None, Some(queue)),
        _ => (None, None),
    }
}
