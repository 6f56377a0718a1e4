//! What a step, router, condition or filter may read.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};

use crate::dialog::{Address, DialogId, FlowId, Message, ShownStatus, Source, StepId, Value};

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

    /// Its id.
    fn dialog_id(&self) -> Option<DialogId> {
        None
    }

    /// Where its messages go.
    fn address(&self) -> Option<&Address> {
        None
    }

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

    /// Where the contact first came from.
    fn source(&self) -> Option<&Source> {
        None
    }

    /// Whether the contact has the tag.
    fn has_tag(&self, tag: &str) -> bool {
        self.tags().contains(&tag)
    }

    /// The contact's tags, in order.
    fn tags(&self) -> Vec<&str> {
        Vec::new()
    }

    /// A value that the bot's settings give to all its dialogs.
    fn variable(&self, name: &str) -> Option<Cow<'_, Value>> {
        let _ = name;
        None
    }

    /// Within a turn: the message that brought it about.
    fn message(&self) -> Option<&Message> {
        None
    }

    /// Within a turn: what brought it about, such as `message_received` or `timer_fired`.
    fn event(&self) -> Option<&'static str> {
        None
    }

    /// Within a turn: its time, in the bot's zone.
    fn local_time(&self) -> Option<DateTime<FixedOffset>> {
        None
    }
}
