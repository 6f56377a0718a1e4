//! What a step, router, condition or filter may read.

use std::borrow::Cow;

use crate::dialog::{FlowId, ShownStatus, StepId, Value};

/// A dialog as steps, routers, conditions, templates and filters read it.
///
/// [`Snapshot`](crate::Snapshot) implements it; a host's own record may too, and can then be
/// tested by the same conditions and filled into the same templates.
///
/// Who calls: the engine within a turn, and hosts. All methods are cheap and have no effects;
/// the same record must give the same answers until it changes.
pub trait Dialog {
    /// The status shown.
    fn status(&self) -> ShownStatus;

    /// The flow where it stands.
    fn flow(&self) -> Option<&FlowId>;

    /// The step where it stands.
    fn step(&self) -> Option<&StepId>;

    /// A value the dialog collected.
    fn data(&self, name: &str) -> Option<Cow<'_, Value>>;

    /// The contact's name.
    fn contact_name(&self) -> Option<&str>;

    /// The contact's language.
    fn contact_language(&self) -> Option<&str> {
        None
    }

    /// A value kept on the contact.
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let _ = name;
        None
    }

    /// Whether the contact has the tag.
    fn has_tag(&self, tag: &str) -> bool {
        let _ = tag;
        false
    }
}
