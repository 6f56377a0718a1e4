//! What a dialog's card shows: where it stands, and who is to act.

use std::fmt;

use crate::dialog::{FlowId, FlowVersion, Notice, ShownStatus, Side, Snapshot, StatusKind, StepId};

/// A dialog's card: the flow, the step and the status, for a screen to show beside the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogCard {
    /// The flow; none where none has begun.
    pub flow: Option<FlowId>,
    /// The version of the flow that the dialog entered.
    pub version: Option<FlowVersion>,
    /// The step.
    pub step: Option<StepId>,
    /// The status shown, one of eight or a host's.
    pub status: ShownStatus,
    /// The same in one of two words.
    pub deal: DealStatus,
}

/// What a list shows beside a dialog: who spoke last, or what happened since. How the last message
/// of ours fares is another matter, [`DeliveryState`](crate::DeliveryState): that a person took a
/// dialog over has no delivery, and a message that was read is no notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Nothing was said and nothing happened yet.
    Empty,
    /// The contact wrote last.
    FromContact,
    /// We wrote last.
    FromUs,
    /// Something happened since the last message.
    Notice(Notice),
}

/// Whether the flow or a person moves the deal on: the eight kinds of status for a screen that
/// has room for two.
///
/// ```
/// use chatflow_core::{DealStatus, StatusKind};
///
/// assert_eq!(StatusKind::Waiting.deal_status(), DealStatus::Auto);
/// assert_eq!(StatusKind::Blocked.deal_status(), DealStatus::Manual);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DealStatus {
    /// The flow does, now or with the contact's next message.
    Auto,
    /// Nothing moves unless a person acts.
    Manual,
}

impl DealStatus {
    /// Its name, which never changes.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for DealStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl StatusKind {
    /// The kind in one of two words.
    pub const fn deal_status(self) -> DealStatus {
        match self {
            Self::Start | Self::Auto | Self::Waiting => DealStatus::Auto,
            Self::Manual | Self::Finished | Self::Error | Self::Blocked | Self::Stopped => {
                DealStatus::Manual
            }
        }
    }
}

impl Snapshot {
    /// What a list shows beside the dialog.
    pub fn row_state(&self) -> RowState {
        match (self.attention.notice, self.attention.last_side) {
            (Some(notice), _) => RowState::Notice(notice),
            (None, Some(Side::Contact)) => RowState::FromContact,
            (None, Some(Side::Us)) => RowState::FromUs,
            (None, None) => RowState::Empty,
        }
    }

    /// What the dialog's card shows.
    pub fn card(&self) -> DialogCard {
        let position = self.position.as_ref();
        let status = self.shown_status();
        DialogCard {
            flow: position.map(|position| position.flow.clone()),
            version: position.map(|position| position.version),
            step: position.map(|position| position.step.clone()),
            deal: status.kind.deal_status(),
            status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{Address, Automation, ContactView, Position, Reach, SpaceId, time};

    #[test]
    fn st_21_eight_statuses_are_shown_as_two() {
        let deals = StatusKind::ALL.map(|kind| (kind, kind.deal_status().label()));
        let expected = [
            (StatusKind::Start, "auto"),
            (StatusKind::Auto, "auto"),
            (StatusKind::Waiting, "auto"),
            (StatusKind::Manual, "manual"),
            (StatusKind::Finished, "manual"),
            (StatusKind::Error, "manual"),
            (StatusKind::Blocked, "manual"),
            (StatusKind::Stopped, "manual"),
        ];
        assert_eq!(deals, expected);
    }

    /// What a block hides doesn't count: the card speaks of what is shown.
    #[test]
    fn fl_41_a_card_names_flow_version_step_and_what_is_shown() {
        let mut snapshot = Snapshot::open(
            "shop".into(),
            &SpaceId::from("main"),
            Address::new("test", "anna"),
            ContactView::default(),
            time::from_millis(0),
        );
        let empty = snapshot.card();
        assert_eq!((empty.flow, empty.version, empty.step), (None, None, None));
        assert_eq!(empty.status, StatusKind::Start.into());
        assert_eq!(empty.deal, DealStatus::Auto);

        snapshot.automation = Automation::Auto;
        snapshot.position = Some(Position::new("order".into(), 3, "size".into()));
        snapshot.reach = Reach::BlockedByContact;
        let expected = DialogCard {
            flow: Some("order".into()),
            version: Some(3),
            step: Some("size".into()),
            status: StatusKind::Blocked.into(),
            deal: DealStatus::Manual,
        };
        assert_eq!(snapshot.card(), expected);
    }
}
