//! Who may do what, and see what.

use crate::crm::{Filter, Operator};
use crate::dialog::{ContactId, OperatorId, QueueId, Snapshot};

/// A host's answer to who may do what and see what.
///
/// Who implements it: the host, or [`Roles`](crate::Roles). Who calls: the worker, before each
/// command of an operator and for each list, count and look into a dialog.
///
/// # To be correct
/// - **Pure and quick**: it is asked within every command. What it needs to know of the world it
///   has beforehand.
/// - **One filter for all**: list, get, count and what is read of a dialog all use what
///   [`visible`](Policy::visible) says, so they can't disagree. `can` isn't asked for reading dialogs.
/// - **An operator whom the space doesn't know** is given as one without name and roles who has
///   never signed in.
pub trait Policy: Send + Sync + 'static {
    /// Whether an operator may do this.
    fn can(&self, operator: &Operator, action: OperatorAction, target: Target<'_>) -> bool;

    /// Which dialogs an operator may see. Those of other spaces he doesn't see in any case.
    fn visible(&self, operator: &Operator) -> Filter;
}

/// What an operator may want to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OperatorAction {
    /// Write to the contact.
    Reply,
    /// Write as one of many messages.
    Broadcast,
    /// Change or take back a message of ours.
    EditMessage,
    /// Take a dialog over.
    Take,
    /// Accept a dialog or let an offer pass.
    Accept,
    /// Put a dialog into a queue.
    Enqueue,
    /// Pass a dialog on.
    Transfer,
    /// Say who is responsible.
    Reassign,
    /// Complete a session.
    Complete,
    /// Open a completed session again.
    Reopen,
    /// Say that no reply is needed.
    Acknowledge,
    /// Change status, step, tags, fields, data, line or language.
    Change,
    /// Silence a dialog or lift that.
    Block,
    /// Try a step again.
    Retry,
    /// Ask for advice.
    Advise,
    /// Change a contact itself.
    ChangeContact,
    /// Add an operator, or change his name, roles or capacity.
    ManageOperators,
    /// Declare an operator active or inactive, sign him in or out, note that he is seen: also
    /// himself.
    ChangeAvailability,
    /// Add or change a queue.
    ManageQueues,
    /// Pause a bot or end its pause.
    PauseBot,
    /// See who works in the space and which queues it has.
    ListStaff,
}

impl OperatorAction {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Reply,
        Self::Broadcast,
        Self::EditMessage,
        Self::Take,
        Self::Accept,
        Self::Enqueue,
        Self::Transfer,
        Self::Reassign,
        Self::Complete,
        Self::Reopen,
        Self::Acknowledge,
        Self::Change,
        Self::Block,
        Self::Retry,
        Self::Advise,
        Self::ChangeContact,
        Self::ManageOperators,
        Self::ChangeAvailability,
        Self::ManageQueues,
        Self::PauseBot,
        Self::ListStaff,
    ];

    /// Its label, for errors and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Broadcast => "broadcast",
            Self::EditMessage => "edit_message",
            Self::Take => "take",
            Self::Accept => "accept",
            Self::Enqueue => "enqueue",
            Self::Transfer => "transfer",
            Self::Reassign => "reassign",
            Self::Complete => "complete",
            Self::Reopen => "reopen",
            Self::Acknowledge => "acknowledge",
            Self::Change => "change",
            Self::Block => "block",
            Self::Retry => "retry",
            Self::Advise => "advise",
            Self::ChangeContact => "change_contact",
            Self::ManageOperators => "manage_operators",
            Self::ChangeAvailability => "change_availability",
            Self::ManageQueues => "manage_queues",
            Self::PauseBot => "pause_bot",
            Self::ListStaff => "list_staff",
        }
    }
}

/// To what an operator wants to do it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A dialog as it stands.
    Dialog(&'a Snapshot),
    /// A contact.
    Contact(ContactId),
    /// An operator.
    Operator(&'a OperatorId),
    /// A queue.
    Queue(&'a QueueId),
    /// A bot.
    Bot,
    /// His space.
    Space,
}

/// Everybody may do and see everything in his space: for programs that ask elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn can(&self, _operator: &Operator, _action: OperatorAction, _target: Target<'_>) -> bool {
        true
    }

    fn visible(&self, _operator: &Operator) -> Filter {
        Filter::everything()
    }
}
