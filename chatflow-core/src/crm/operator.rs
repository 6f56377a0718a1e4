//! The people who take dialogs over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{OperatorId, Revision, SpaceId, Text};

/// An operator of a space. What is declared, whether he is signed in and whether he is seen are
/// three facts; that his limit is reached is a fourth that is worked out and never set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The space.
    pub space: SpaceId,
    /// His id in it.
    pub id: OperatorId,
    /// Raised by each change of what stands here; a place that is taken or freed doesn't.
    pub revision: Revision,
    /// How he is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Names of his roles, for the host's policy.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// What he declares. While he is signed out it says what he will be declared as when he
    /// signs in again.
    pub declared: Availability,
    /// Whether he is signed in.
    pub signed_in: bool,
    /// Whether he is seen.
    pub presence: Presence,
    /// Most dialogs that he has in progress at once; where none is named, the queue's, else the
    /// bot's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// When his dialogs are to be looked at since he is away; none where they have been.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub leaves_at: Option<Moment>,
}

/// What an operator declares.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// He gets new dialogs.
    Active,
    /// He keeps those he has and may answer in them, and gets no new ones.
    #[default]
    Inactive,
}

impl Availability {
    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// Whether an operator is seen: a fact that his screen reports, apart from what he declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// He is there.
    Live,
    /// He isn't.
    Lost {
        /// Since when.
        #[serde(with = "time::millis")]
        since: Moment,
        /// Until when he still counts as there.
        #[serde(with = "time::millis")]
        until: Moment,
    },
}

/// What says whether an operator is there for new dialogs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AvailableBy {
    /// What he declares, while he is signed in.
    #[default]
    Declared,
    /// Whether he is seen, while he is signed in.
    Presence,
    /// Both.
    Both,
    /// Nothing: whoever is named gets dialogs.
    Nothing,
}

impl Operator {
    /// An operator who has never signed in: inactive.
    pub fn new(space: impl Into<SpaceId>, id: impl Into<OperatorId>) -> Self {
        Self {
            space: space.into(),
            id: id.into(),
            revision: 0,
            name: None,
            roles: BTreeSet::new(),
            declared: Availability::Inactive,
            signed_in: false,
            presence: Presence::Lost {
                since: time::from_millis(0),
                until: time::from_millis(0),
            },
            capacity: None,
            leaves_at: None,
        }
    }

    /// Gives him a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives him a role.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.insert(role.into());
        self
    }

    /// Bounds the dialogs that he has in progress at once.
    #[must_use]
    pub fn capacity(mut self, most: u32) -> Self {
        self.capacity = Some(most);
        self
    }

    /// His availability as it counts: nobody is active who isn't signed in.
    pub fn availability(&self) -> Availability {
        match self.signed_in {
            true => self.declared,
            false => Availability::Inactive,
        }
    }

    /// Whether he is there for new dialogs. One who was lost sight of is there until the grace
    /// period is over.
    pub fn is_there(&self, by: AvailableBy, now: Moment) -> bool {
        let declares = self.availability() == Availability::Active;
        let is_seen = match self.presence {
            Presence::Live => true,
            Presence::Lost { until, .. } => now < until,
        };
        match by {
            AvailableBy::Declared => declares,
            AvailableBy::Presence => self.signed_in && is_seen,
            AvailableBy::Both => declares && is_seen,
            AvailableBy::Nothing => true,
        }
    }
}
