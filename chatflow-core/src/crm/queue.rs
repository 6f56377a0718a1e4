//! Dialogs waiting for people.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::crm::AvailableBy;
use crate::dialog::time::Period;
use crate::dialog::{OfflineReassign, OperatorId, QueueId, QueueTerms, Revision, SpaceId, Text};

/// A queue of a space: who gets the dialogs that wait in it, and how.
///
/// ```
/// use chatflow_core::time::Period;
/// use chatflow_core::{Acceptance, Queue, RoutingRule};
///
/// let sales = Queue::new("main", "sales")
///     .member("anna")
///     .member("boris")
///     .rule(RoutingRule::RoundRobin)
///     .acceptance(Acceptance::Offer { within: Some(Period::from_millis(60_000)) });
/// assert_eq!(sales.members.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The space.
    pub space: SpaceId,
    /// Its id in it.
    pub id: QueueId,
    /// Raised by each change.
    pub revision: Revision,
    /// Its team.
    pub members: BTreeSet<OperatorId>,
    /// Who of them gets a dialog.
    pub rule: RoutingRule,
    /// Whether he has to accept it.
    pub acceptance: Acceptance,
    /// What says whether a member is there.
    pub available_by: AvailableBy,
    /// Most dialogs that a member has in progress at once, where he has no number of his own;
    /// where none is named, the bot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// A session in which nobody writes for this long is completed; where none is named, the
    /// bot's settings say. A change holds for an open session from its dialog's
    /// next turn on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_after: Option<Period>,
    /// Which dialogs of a member who goes away come back.
    #[serde(default)]
    pub offline: OfflineReassign,
    /// What becomes of dialogs when nobody is there.
    #[serde(default)]
    pub when_away: WhenAway,
    /// What a contact is told who has to wait since everybody is busy; once a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_reply: Option<Text>,
    /// What a contact is told who has to wait since nobody is there; once a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_reply: Option<Text>,
}

/// Who of a queue's members gets a dialog. A dialog that somebody had before goes to him if he
/// can take it, whatever the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingRule {
    /// In turn: who has not been given one for the longest.
    #[default]
    RoundRobin,
    /// Who has the fewest in progress; of equals in turn.
    LeastLoaded,
    /// All who can take it are asked, and the first who accepts gets it. Where nobody has to
    /// accept, in turn.
    Everybody,
    /// As the host's [`Routing`](crate::Routing) of this name says.
    Custom(String),
}

/// Whether an operator has to accept a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// No: he has it at once.
    #[default]
    AtOnce,
    /// Yes.
    Offer {
        /// How long he may take; a longer silence is a miss, and others are asked. For as long
        /// as he can take it where none is named.
        within: Option<Period>,
    },
}

/// What becomes of dialogs for which nobody is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenAway {
    /// They wait.
    #[default]
    Wait,
    /// They go to this queue, which has to be there. One that comes through a queue doesn't go back
    /// to it by itself, so that queues may pass to each other; what it waits in then is what it
    /// waits in.
    PassTo(QueueId),
}

impl Queue {
    /// A queue without members.
    pub fn new(space: impl Into<SpaceId>, id: impl Into<QueueId>) -> Self {
        Self {
            space: space.into(),
            id: id.into(),
            revision: 0,
            members: BTreeSet::new(),
            rule: RoutingRule::default(),
            acceptance: Acceptance::default(),
            available_by: AvailableBy::default(),
            capacity: None,
            complete_after: None,
            offline: OfflineReassign::default(),
            when_away: WhenAway::default(),
            busy_reply: None,
            away_reply: None,
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn member(mut self, operator: impl Into<OperatorId>) -> Self {
        self.members.insert(operator.into());
        self
    }

    /// Sets who of the members gets a dialog.
    #[must_use]
    pub fn rule(mut self, rule: RoutingRule) -> Self {
        self.rule = rule;
        self
    }

    /// Sets whether he has to accept it.
    #[must_use]
    pub fn acceptance(mut self, acceptance: Acceptance) -> Self {
        self.acceptance = acceptance;
        self
    }

    /// Bounds the dialogs that a member has in progress at once.
    #[must_use]
    pub fn capacity(mut self, most: u32) -> Self {
        self.capacity = Some(most);
        self
    }

    /// Completes sessions in which nobody writes for this long.
    #[must_use]
    pub fn complete_after(mut self, silence: Period) -> Self {
        self.complete_after = Some(silence);
        self
    }

    /// What a dialog knows of it.
    pub fn terms(&self) -> QueueTerms {
        QueueTerms {
            queue: self.id.clone(),
            revision: self.revision,
            complete_after: self.complete_after,
            accept_within: match self.acceptance {
                Acceptance::AtOnce => None,
                Acceptance::Offer { within } => within,
            },
            busy_reply: self.busy_reply.clone(),
            away_reply: self.away_reply.clone(),
        }
    }
}
