//! A policy of roles, ready to use.

use std::collections::{BTreeMap, BTreeSet};

use crate::crm::{Filter, Operator, OperatorAction, Policy, Target};
use crate::dialog::{Assignee, Handling, Session, Snapshot};

/// A [`Policy`] of roles: each names its rights, and an operator has those of all his roles.
///
/// Whoever has no right at all sees and does nothing. Reassigning and transferring is for the
/// responsible and for those with [`Right::ReassignAll`].
///
/// ```
/// use chatflow_core::{HistoryVisibility, Right, Role, Roles};
///
/// let roles = Roles::new()
///     .role("admin", Role::admin())
///     .role("agent", Role::agent())
///     .role("trainee", Role::new().right(Right::Work))
///     .history(HistoryVisibility::ParticipantsToo);
/// # let _ = roles;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Roles {
    roles: BTreeMap<String, Role>,
    history: HistoryVisibility,
    open_session_private: bool,
    bot_sessions_hidden: bool,
}

/// What those may who have this role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    rights: BTreeSet<Right>,
}

/// A right of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Right {
    /// Accept dialogs, and lead, complete, reopen and acknowledge those he is responsible for and
    /// those of which nobody is.
    Work,
    /// Write and act in dialogs of which somebody else is responsible, as far as he sees them and
    /// the bot's write guard lets him.
    WorkInAll,
    /// See every dialog of the space.
    SeeAll,
    /// Say who is responsible for any dialog.
    ReassignAll,
    /// Silence dialogs, and block contacts.
    Block,
    /// Change contacts.
    ChangeContacts,
    /// Write one message to many.
    Broadcast,
    /// Add and change operators, and declare them active or inactive.
    ManageOperators,
    /// Add and change queues.
    ManageQueues,
    /// Pause bots.
    PauseBots,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Work,
        Self::WorkInAll,
        Self::SeeAll,
        Self::ReassignAll,
        Self::Block,
        Self::ChangeContacts,
        Self::Broadcast,
        Self::ManageOperators,
        Self::ManageQueues,
        Self::PauseBots,
    ];
}

/// Who sees a dialog that an operator is or was responsible for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoryVisibility {
    /// The one responsible, and those who see everything.
    #[default]
    AssigneeAndAdmins,
    /// Also those who have had it in progress.
    ParticipantsToo,
    /// Everybody who works in the space.
    AllWithSpaceAccess,
}

impl Role {
    /// A role without rights.
    pub fn new() -> Self {
        Self::default()
    }

    /// A role with every right.
    pub fn admin() -> Self {
        Self {
            rights: Right::ALL.into_iter().collect(),
        }
    }

    /// A role for those who answer contacts.
    pub fn agent() -> Self {
        Self::new().right(Right::Work).right(Right::ChangeContacts)
    }

    /// Adds a right.
    #[must_use]
    pub fn right(mut self, right: Right) -> Self {
        self.rights.insert(right);
        self
    }
}

impl Roles {
    /// No roles: nobody may do anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a role, or replaces the one of this name.
    #[must_use]
    pub fn role(mut self, name: impl Into<String>, role: Role) -> Self {
        self.roles.insert(name.into(), role);
        self
    }

    /// Sets who sees dialogs that somebody else is or was responsible for.
    #[must_use]
    pub fn history(mut self, history: HistoryVisibility) -> Self {
        self.history = history;
        self
    }

    /// Shows a session in progress to nobody but its operator and those who see everything,
    /// and one that is offered to those who are asked, whatever is said of the history.
    #[must_use]
    pub fn open_sessions_private(mut self) -> Self {
        self.open_session_private = true;
        self
    }

    /// Hides sessions that automation handles from those who don't see everything.
    #[must_use]
    pub fn bot_sessions_hidden(mut self) -> Self {
        self.bot_sessions_hidden = true;
        self
    }

    fn has(&self, operator: &Operator, right: Right) -> bool {
        let roles = operator
            .roles
            .iter()
            .filter_map(|role| self.roles.get(role));
        roles.into_iter().any(|role| role.rights.contains(&right))
    }
}

impl Roles {
    /// Roles `admin` and `manager`: a manager sees the dialogs he is responsible for and those
    /// that wait, and loses sight of what is given to somebody else. As RetailCRM's page says.
    pub fn retailcrm() -> Self {
        Self::new()
            .role("admin", Role::admin())
            .role("manager", Role::agent())
            .history(HistoryVisibility::AssigneeAndAdmins)
    }

    /// Roles `admin`, `operator` and `settings`, who changes queues: everybody sees completed chats
    /// and those that wait for somebody, and one in progress only who has it; what a bot handles is
    /// hidden from operators. As Creatio's pages say.
    pub fn creatio() -> Self {
        Self::new()
            .role("admin", Role::admin())
            .role("operator", Role::agent())
            .role("settings", Role::new().right(Right::ManageQueues))
            .history(HistoryVisibility::AllWithSpaceAccess)
            .open_sessions_private()
            .bot_sessions_hidden()
    }
}

impl Policy for Roles {
    fn can(&self, operator: &Operator, action: OperatorAction, target: Target<'_>) -> bool {
        let has = |right| self.has(operator, right);
        let works_here = |snapshot: &Snapshot| {
            let is_own = snapshot.assignee.operator() == Some(&operator.id);
            has(Right::WorkInAll) || is_own && has(Right::Work)
        };
        let is_own = match target {
            Target::Dialog(snapshot) => snapshot.assignee.operator() == Some(&operator.id),
            Target::Operator(id) => *id == operator.id,
            Target::Contact(_) | Target::Queue(_) | Target::Bot | Target::Space => false,
        };
        match (action, target) {
            // Whether somebody who isn't responsible may write is the bot's write guard.
            (OperatorAction::Reply, Target::Dialog(snapshot)) => {
                works_here(snapshot) || has(Right::Work) && snapshot.assignee == Assignee::Nobody
            }
            // Who comes too late with it is told so by the dialog.
            (OperatorAction::Accept, Target::Dialog(_)) => has(Right::Work),
            (OperatorAction::Take, Target::Dialog(snapshot)) => {
                // A dialog of somebody else is taken from him: that is reassigning. What waits is
                // there to be taken, whoever had it.
                let session = snapshot.session.as_ref();
                let waits = session.is_some_and(Session::is_waiting);
                let others = snapshot
                    .assignee
                    .operator()
                    .filter(|id| **id != operator.id);
                let is_free = waits || others.is_none();
                has(Right::Work) && (is_free || has(Right::ReassignAll))
            }
            (OperatorAction::Transfer | OperatorAction::Reassign, Target::Dialog(_)) => {
                has(Right::ReassignAll) || is_own && has(Right::Work)
            }
            (OperatorAction::Enqueue, Target::Dialog(snapshot)) => {
                let is_bots = snapshot.assignee.operator().is_none();
                has(Right::ReassignAll) || has(Right::Work) && (is_own || is_bots)
            }
            (OperatorAction::Block, _) => has(Right::Block),
            (OperatorAction::Broadcast, Target::Dialog(_)) => has(Right::Broadcast),
            (
                OperatorAction::EditMessage
                | OperatorAction::Complete
                | OperatorAction::Reopen
                | OperatorAction::Acknowledge
                | OperatorAction::Change
                | OperatorAction::Retry
                | OperatorAction::Advise,
                Target::Dialog(snapshot),
            ) => works_here(snapshot) || has(Right::Work) && snapshot.assignee == Assignee::Nobody,
            (OperatorAction::ChangeContact, _) => has(Right::ChangeContacts),
            (OperatorAction::ManageOperators, _) => has(Right::ManageOperators),
            (OperatorAction::ChangeAvailability, _) => {
                has(Right::ManageOperators) || is_own && has(Right::Work)
            }
            (OperatorAction::ManageQueues, _) => has(Right::ManageQueues),
            (OperatorAction::PauseBot, _) => has(Right::PauseBots),
            (OperatorAction::ListStaff, _) => {
                let rights = [
                    Right::Work,
                    Right::WorkInAll,
                    Right::ManageOperators,
                    Right::ManageQueues,
                ];
                rights.into_iter().any(has)
            }
            _ => false,
        }
    }

    fn visible(&self, operator: &Operator) -> Filter {
        if self.has(operator, Right::SeeAll) {
            return Filter::everything();
        }
        if !self.has(operator, Right::Work) && !self.has(operator, Right::WorkInAll) {
            return Filter::nothing();
        }
        let own = Filter::Assignee(Assignee::Operator(operator.id.clone()));
        // What waits for somebody is there to be taken, unless it is offered to others; so is what
        // people lead and is nobody's.
        let in_progress = || Filter::Handling(Some(Handling::InProgress));
        let nobodys = in_progress().and(Filter::Assignee(Assignee::Nobody));
        let waiting = Filter::awaiting(operator.id.clone()).or(nobodys);
        let mut others = match self.history {
            HistoryVisibility::AssigneeAndAdmins => Filter::nothing(),
            HistoryVisibility::ParticipantsToo => Filter::Participant(operator.id.clone()),
            HistoryVisibility::AllWithSpaceAccess => Filter::everything(),
        };
        let is_free = Filter::Assignee(Assignee::Nobody);
        if self.has(operator, Right::WorkInAll) {
            others = others.or(is_free);
        }
        if self.open_session_private {
            let in_progress = in_progress();
            let offered = Filter::Handling(Some(Handling::Offered));
            others = others.and(Filter::Not(Box::new(in_progress.or(offered))));
        }
        let mut seen = Filter::Any(vec![own, waiting, others]);
        if self.bot_sessions_hidden {
            let by_bot = Filter::Handling(Some(Handling::Bot));
            seen = seen.and(Filter::Not(Box::new(by_bot)));
        }
        seen
    }
}
