//! Which dialogs.

use std::collections::BTreeSet;

use crate::dialog::{
    Assignee, BotId, DialogId, DialogRow, Handling, Line, OperatorId, QueueId, SpaceId, StatusKind,
};

/// Which dialogs: one tree for lists, counts, single looks and permissions, evaluated in memory
/// by [`matches`](Filter::matches) and by stores as they like, with the same result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Those of which all hold; of none: every dialog.
    All(Vec<Self>),
    /// Those of which any holds; of none: no dialog.
    Any(Vec<Self>),
    /// The others.
    Not(Box<Self>),
    /// This one.
    Dialog(DialogId),
    /// Those of this space.
    Space(SpaceId),
    /// Those of this bot.
    Bot(BotId),
    /// Those that show this status.
    Status(StatusKind),
    /// Those of whom this one is responsible.
    Assignee(Assignee),
    /// Those whose open session is handled so; none: those without an open session.
    Handling(Option<Handling>),
    /// Those whose open session waits in this queue, or came through it.
    Queue(QueueId),
    /// Those that are offered to this operator.
    OfferedTo(OperatorId),
    /// Those that this operator has or has had in progress.
    Participant(OperatorId),
    /// Those of this line.
    Line(Line),
    /// Those in which the contact's last message waits for a reply: nobody has answered it or
    /// said that it needs none.
    NeedsReply,
}

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct FilterRow<'a> {
    /// The dialog.
    pub dialog: DialogId,
    /// Its bot.
    pub bot: &'a BotId,
    /// Its space.
    pub space: &'a SpaceId,
    /// Its columns.
    pub row: &'a DialogRow,
    /// Who has or has had it in progress.
    pub participants: &'a BTreeSet<OperatorId>,
}

impl Filter {
    /// Every dialog.
    pub const fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// No dialog.
    pub const fn nothing() -> Self {
        Self::Any(Vec::new())
    }

    /// The panel's list of an operator's own: those that he has in progress.
    pub fn active_of(operator: impl Into<OperatorId>) -> Self {
        let his = Self::Assignee(Assignee::Operator(operator.into()));
        his.and(Self::Handling(Some(Handling::InProgress)))
    }

    /// The panel's list of what is new: those that wait for somebody to accept them, offered to
    /// this operator or to nobody in particular.
    pub fn awaiting(operator: impl Into<OperatorId>) -> Self {
        Self::Handling(Some(Handling::Queued)).or(Self::OfferedTo(operator.into()))
    }

    /// Those of which this and another hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    /// Those of which this or another holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Any(vec![self, other])
    }

    /// Whether a dialog is one of them.
    pub fn matches(&self, of: &FilterRow<'_>) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(of)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(of)),
            Self::Not(filter) => !filter.matches(of),
            Self::Dialog(dialog) => of.dialog == *dialog,
            Self::Space(space) => of.space == space,
            Self::Bot(bot) => of.bot == bot,
            Self::Status(status) => of.row.status == *status,
            Self::Assignee(assignee) => of.row.assignee == *assignee,
            Self::Handling(handling) => of.row.handling == *handling,
            Self::Queue(queue) => of.row.queue.as_ref() == Some(queue),
            Self::OfferedTo(operator) => of.row.offered.contains(operator),
            Self::Participant(operator) => of.participants.contains(operator),
            Self::Line(line) => of.row.line == *line,
            Self::NeedsReply => of.row.needs_reply_since.is_some() && !of.row.acknowledged,
        }
    }
}
