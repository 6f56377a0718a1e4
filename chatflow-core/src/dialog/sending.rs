//! Whether a dialog can be sent to, and if not, why.

use crate::dialog::{Cause, ContactBlock, ContactView, Moment, OperatorId, Reach, Snapshot};

/// Why nothing can be sent in a dialog: for a host's composer, which shows it as a warning.
///
/// Several can hold at once. Ours are named first, the contact's before the dialog's: we can
/// lift them, and they hold whatever the contact does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotSend {
    /// The contact blocked us: a fact of the channel, of this dialog only.
    #[error("the contact blocked us")]
    BlockedByContact,
    /// An operator blocked this dialog.
    #[error("an operator blocked this dialog")]
    BlockedByOperator {
        /// Who.
        by: OperatorId,
        /// Since when.
        since: Moment,
    },
    /// We blocked the contact, in all its dialogs.
    #[error("we blocked this contact")]
    ContactBlocked {
        /// Who did it.
        by: OperatorId,
        /// Since when.
        since: Moment,
    },
    /// The channel doesn't let us write.
    #[error("the channel doesn't let us write to this contact")]
    CannotWrite(Cause),
}

impl CannotSend {
    /// A label that never changes, for a host to look a text up by.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::BlockedByContact => "blocked_by_contact",
            Self::BlockedByOperator { .. } => "blocked_by_operator",
            Self::ContactBlocked { .. } => "contact_blocked",
            Self::CannotWrite(_) => "cannot_write",
        }
    }
}

impl Snapshot {
    /// Whether a message may be sent, with the contact's own row at hand: a block of the contact
    /// bites before the dialog has been told.
    ///
    /// # Errors
    /// [`CannotSend`] says why not.
    pub fn sendable(&self, contact: &ContactView) -> Result<(), CannotSend> {
        if let Some(ContactBlock { by, since }) = contact.blocked.clone() {
            return Err(CannotSend::ContactBlocked { by, since });
        }
        if let Some(block) = self.operator_block.clone() {
            let (by, since) = (block.by, block.since);
            return Err(CannotSend::BlockedByOperator { by, since });
        }
        match self.reach {
            Reach::Ok => Ok(()),
            Reach::BlockedByContact => Err(CannotSend::BlockedByContact),
            Reach::CannotWrite(cause) => Err(CannotSend::CannotWrite(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{Address, OperatorBlock, SpaceId, time};

    /// All that forbids sending, alone and together, against the answer in yes and no.
    #[test]
    fn the_reason_agrees_with_the_yes_or_no_and_ours_come_first() {
        let since = time::from_millis(1_000);
        let by = || OperatorId::from("olga");
        let reaches = [
            (Reach::Ok, None),
            (Reach::BlockedByContact, Some("blocked_by_contact")),
            (Reach::CannotWrite(Cause::Removed), Some("cannot_write")),
        ];
        for contact_blocked in [false, true] {
            for dialog_blocked in [false, true] {
                for (reach, label) in reaches {
                    let view = ContactView {
                        blocked: contact_blocked.then(|| ContactBlock { by: by(), since }),
                        ..ContactView::default()
                    };
                    let address = Address::new("test", "anna");
                    let space = SpaceId::new("space");
                    let mut snapshot =
                        Snapshot::open("bot".into(), &space, address, view.clone(), since);
                    snapshot.reach = reach;
                    snapshot.operator_block =
                        dialog_blocked.then(|| OperatorBlock { by: by(), since });
                    let expected = match (contact_blocked, dialog_blocked) {
                        (true, _) => Some("contact_blocked"),
                        (false, true) => Some("blocked_by_operator"),
                        (false, false) => label,
                    };
                    let answer = snapshot.sendable(&view);
                    assert_eq!(answer.as_ref().err().map(CannotSend::label), expected);
                    assert_eq!(answer.is_ok(), snapshot.can_send());
                    if let Err(reason) = answer {
                        assert!(!reason.to_string().contains("olga"), "{reason}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_row_given_decides_about_the_contacts_block_not_the_view() {
        let since = time::from_millis(1_000);
        let blocked = ContactView {
            blocked: Some(ContactBlock {
                by: "olga".into(),
                since,
            }),
            ..ContactView::default()
        };
        let free = ContactView::default();
        let open = |view: &ContactView| {
            let address = Address::new("test", "anna");
            Snapshot::open(
                "bot".into(),
                &SpaceId::new("space"),
                address,
                view.clone(),
                since,
            )
        };
        assert!(open(&free).sendable(&blocked).is_err());
        assert!(open(&blocked).sendable(&free).is_ok());
    }
}
