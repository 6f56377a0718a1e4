//! What a template, condition or router sees within a turn.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};

use crate::dialog::{
    Address, Dialog, DialogId, FlowId, Message, Moment, ShownStatus, Snapshot, Source, StepId,
    Value,
};
use crate::flow::Config;

/// The dialog as it stands now, with what belongs to the turn: the message, the event, the time
/// and the bot's variables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) config: &'a Config,
    pub(super) message: Option<&'a Message>,
    pub(super) event: &'static str,
    pub(super) now: Moment,
}

impl Dialog for Scene<'_> {
    fn status(&self) -> ShownStatus {
        self.snapshot.status()
    }

    fn flow(&self) -> Option<&FlowId> {
        self.snapshot.flow()
    }

    fn step(&self) -> Option<&StepId> {
        self.snapshot.step()
    }

    fn dialog_id(&self) -> Option<DialogId> {
        self.snapshot.dialog_id()
    }

    fn address(&self) -> Option<&Address> {
        Dialog::address(self.snapshot)
    }

    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.snapshot.data(name)
    }

    fn contact_name(&self) -> Option<&str> {
        self.snapshot.contact_name()
    }

    fn contact_language(&self) -> Option<&str> {
        self.snapshot.contact_language()
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.snapshot.field(name)
    }

    fn source(&self) -> Option<&Source> {
        self.snapshot.source()
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.snapshot.has_tag(tag)
    }

    fn tags(&self) -> Vec<&str> {
        self.snapshot.tags()
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, Value>> {
        let variables = &self.config.behaviour().variables;
        variables.get(name).map(Cow::Borrowed)
    }

    fn message(&self) -> Option<&Message> {
        self.message
    }

    fn event(&self) -> Option<&'static str> {
        Some(self.event)
    }

    fn local_time(&self) -> Option<DateTime<FixedOffset>> {
        Some(self.config.local(self.now))
    }
}
