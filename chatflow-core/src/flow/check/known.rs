//! What is known of values at one place of a flow.

use crate::flow::check::names::Names;

/// What is known of the values at one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// Names that may have no value.
    pub(super) unset: Names,
    /// Names that may have one.
    pub(super) set: Names,
    /// Whether a host's step may have set anything in the dialog's data.
    pub(super) any_data: bool,
    /// The same of the contact.
    pub(super) any_contact: bool,
}

impl Known {
    pub(super) fn nothing(count: usize) -> Self {
        Self {
            unset: Names::none(count),
            set: Names::none(count),
            any_data: false,
            any_contact: false,
        }
    }

    /// Nothing is surely unset and anything may be set.
    pub(super) fn anything(count: usize) -> Self {
        Self {
            any_data: true,
            any_contact: true,
            ..Self::nothing(count)
        }
    }

    pub(super) fn give(&mut self, name: usize) {
        self.unset.remove(name);
        self.set.add(name);
    }

    pub(super) fn join(&mut self, other: &Self) -> bool {
        let unset = self.unset.add_all(&other.unset);
        let set = self.set.add_all(&other.set);
        let any = (self.any_data, self.any_contact);
        self.any_data |= other.any_data;
        self.any_contact |= other.any_contact;
        unset || set || any != (self.any_data, self.any_contact)
    }
}
