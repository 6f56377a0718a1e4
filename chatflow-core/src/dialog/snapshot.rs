//! Everything persisted about a dialog at one revision.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::codec::{self, DecodeError, EncodeError};
use crate::dialog::session;
use crate::dialog::time::{self, Moment};
use crate::dialog::{
    Address, Advice, Assignee, Automation, BotId, ContactId, ContactView, Dialog, DialogId, FlowId,
    FlowVersion, Handling, HeldMessage, Line, OperatorBlock, OperatorId, OutgoingBatch,
    PendingCall, Position, Postback, QueueId, QueueTerms, Reach, Revision, Session, SessionRecord,
    ShownStatus, Side, SideCall, Source, SpaceId, StatusKind, StatusLabel, StepId, Text,
    TranslateTo, Usage, Value,
};

/// A dialog's snapshot: separate axes, never one enum doing five jobs. The status shown is
/// computed from them by [`shown_status`](Snapshot::shown_status).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whose snapshot it is.
    pub dialog: DialogId,
    /// The bot the dialog is with.
    pub bot: BotId,
    /// Where messages go.
    pub address: Address,
    /// The contact.
    pub contact_id: ContactId,
    /// What the dialog knows of its contact.
    pub contact: ContactView,
    /// How many turns made it; 0 before the first.
    pub revision: Revision,
    /// When the last turn was, or the creation. Never goes back, whatever the clock does.
    #[serde(with = "time::millis")]
    pub turned_at: Moment,
    /// Law version of the last turn; 0 before the first.
    pub law: u32,
    /// Fingerprint of the host's code in the config of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u64>,
    /// Axis: automation.
    pub automation: Automation,
    /// A host's label that refines the automation's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<StatusLabel>,
    /// Whether an operator set the automation's status last.
    #[serde(default, skip_serializing_if = "is_false")]
    pub set_by_hand: bool,
    /// What automation goes back to when an operator's pause ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PausedAutomation>,
    /// Axis: reach.
    #[serde(default, skip_serializing_if = "Reach::is_ok")]
    pub reach: Reach,
    /// Axis: operator block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_block: Option<OperatorBlock>,
    /// Axis: session.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "session::stored"
    )]
    pub session: Option<Session>,
    /// The session before the open one, or the last one where none is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_session: Option<SessionRecord>,
    /// What is known of the queue that it is in, or would be handed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<QueueTerms>,
    /// Since when one of the bot's managers is wanted to be responsible for it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub wants_manager: Option<Moment>,
    /// Which line of people it belongs to.
    #[serde(default, skip_serializing_if = "is_first")]
    pub line: Line,
    /// Axis: assignee.
    #[serde(default, skip_serializing_if = "Assignee::is_nobody")]
    pub assignee: Assignee,
    /// Axis: position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The versions that it is pinned to, by flow: those it stood in when a newer version said so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<FlowId, FlowVersion>,
    /// Axis: attention.
    #[serde(default)]
    pub attention: Attention,
    /// Raised when the driver changes.
    pub epoch: u64,
    /// Automatic deliveries of an epoch below this one may not start: a person took over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fence: u64,
    /// What the dialog collected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Value>,
    /// Timers that are set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timers: BTreeMap<String, TimerSet>,
    /// The call whose answer is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<PendingCall>,
    /// Calls beside the flow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub side_calls: Vec<SideCall>,
    /// Messages of the contact that the flow doesn't have yet, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldMessage>,
    /// What trackers reported while the bot was paused, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_postbacks: Vec<Postback>,
    /// Messages of ours that wait for their translation, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outgoing: Vec<OutgoingBatch>,
    /// Into which language messages are put.
    #[serde(default, skip_serializing_if = "TranslateTo::is_as_bot")]
    pub translate: TranslateTo,
    /// What models have used for this dialog.
    #[serde(default, skip_serializing_if = "Usage::is_empty")]
    pub usage: Usage,
    /// What a model suggests to an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Box<Advice>>,
    /// What the outside said of the failure behind Error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Text>,
    /// How often the step behind Error was tried again by itself.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub retries: u32,
}

fn is_false(yes: &bool) -> bool {
    !yes
}

fn is_none_yet(number: &u32) -> bool {
    *number == 0
}

fn is_first(line: &Line) -> bool {
    *line == Line::First
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Axis *attention*: whether somebody should look. Read cursors of operators are rows of their
/// own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attention {
    /// Who wrote last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_side: Option<Side>,
    /// The contact's first message that nobody has answered.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub needs_reply_since: Option<Moment>,
    /// Whether somebody said that the contact's last message needs no reply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub acknowledged: bool,
    /// What the dialog's list row speaks of, where that is no message: something that happened
    /// since the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// When the contact last came to us: wrote, began, or let us write again.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::optional_millis"
    )]
    pub heard_at: Option<Moment>,
}

/// What automation goes back to when an operator's pause ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedAutomation {
    /// How far it had come.
    pub automation: Automation,
    /// A host's label that refined it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<StatusLabel>,
    /// Whether an operator had set it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub set_by_hand: bool,
}

/// Something that happened to a dialog and is no message: a line of its own kind in lists and
/// timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The status shown changed.
    StatusChanged,
    /// Who is responsible changed.
    AssigneeChanged,
}

/// A timer that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerSet {
    /// The turn that set it.
    pub generation: Revision,
    /// Not before this moment.
    #[serde(with = "time::millis")]
    pub due: Moment,
}

impl Snapshot {
    /// The snapshot of a dialog before its first turn. Both ids are derived from the address.
    pub(crate) fn open(
        bot: BotId,
        space: &SpaceId,
        address: Address,
        contact: ContactView,
        at: Moment,
    ) -> Self {
        Self {
            dialog: DialogId::derive(&bot, &address),
            contact_id: ContactId::derive(space, &address),
            bot,
            address,
            contact,
            revision: 0,
            turned_at: time::whole_milliseconds(at),
            law: 0,
            code: None,
            automation: Automation::Start,
            label: None,
            set_by_hand: false,
            paused: None,
            reach: Reach::Ok,
            operator_block: None,
            session: None,
            last_session: None,
            terms: None,
            wants_manager: None,
            line: Line::First,
            assignee: Assignee::Nobody,
            position: None,
            pins: BTreeMap::new(),
            attention: Attention::default(),
            epoch: 1,
            fence: 0,
            data: BTreeMap::new(),
            timers: BTreeMap::new(),
            call: None,
            side_calls: Vec::new(),
            held: Vec::new(),
            held_postbacks: Vec::new(),
            outgoing: Vec::new(),
            translate: TranslateTo::AsBot,
            usage: Usage::default(),
            advice: None,
            failure: None,
            retries: 0,
        }
    }

    /// The status shown: any block shows Blocked, else a channel that doesn't let us write
    /// shows Stopped, else automation shows.
    pub fn shown_status(&self) -> ShownStatus {
        if self.is_blocked() {
            StatusKind::Blocked.into()
        } else if matches!(self.reach, Reach::CannotWrite(_)) {
            StatusKind::Stopped.into()
        } else {
            self.automation_status()
        }
    }

    /// What automation shows where neither a block nor the reach hides it.
    pub fn automation_status(&self) -> ShownStatus {
        ShownStatus {
            kind: self.automation.kind(),
            label: self.label.clone(),
        }
    }

    /// Whether any of the three blocks holds: the contact's of us, ours of the contact, an
    /// operator's of the dialog.
    pub fn is_blocked(&self) -> bool {
        self.reach == Reach::BlockedByContact || self.is_blocked_by_us()
    }

    /// Whether we block: messages of the contact are refused too.
    pub fn is_blocked_by_us(&self) -> bool {
        self.operator_block.is_some() || self.contact.blocked.is_some()
    }

    /// Whether a message may be sent at all, as far as the snapshot knows.
    pub fn can_send(&self) -> bool {
        self.reach.is_ok() && !self.is_blocked_by_us()
    }

    /// The snapshot in the stored form.
    ///
    /// # Errors
    /// Never for a snapshot the engine made.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// The snapshot stored as these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] where they are damaged or newer than this build.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }

    /// The open session as it is listed.
    pub fn session_record(&self) -> Option<SessionRecord> {
        let session = self.session.as_ref()?;
        Some(SessionRecord::of(session, &self.assignee))
    }

    /// The operator who has the dialog in progress: it takes a place of his.
    pub fn holder(&self) -> Option<&OperatorId> {
        let session = self.session.as_ref()?;
        let holds = session.handling == Handling::InProgress;
        self.assignee.operator().filter(|_| holds)
    }

    /// The queue in which it waits, and since when. What we blocked waits for nobody.
    pub fn waits(&self) -> Option<(QueueId, Moment)> {
        if self.is_blocked_by_us() {
            return None;
        }
        let session = self.session.as_ref();
        let waiting = session.filter(|session| session.is_waiting());
        let in_queue = waiting.and_then(|session| {
            let since = session.waiting_since.unwrap_or(session.opened_at);
            Some((session.queue.clone()?, since))
        });
        let manager = self.wants_manager;
        in_queue.or_else(|| Some((QueueId::of_managers(&self.bot), manager?)))
    }

    /// The columns that lists and deliveries need.
    pub fn row(&self) -> DialogRow {
        let shown = self.shown_status();
        let session = self.session.as_ref();
        let offer = session.and_then(|session| session.offer.as_ref());
        DialogRow {
            status: shown.kind,
            label: shown.label,
            flow: self.position.as_ref().map(|position| position.flow.clone()),
            version: self.position.as_ref().map(|position| position.version),
            step: self.position.as_ref().map(|position| position.step.clone()),
            assignee: self.assignee.clone(),
            session: session.map(|session| session.number),
            handling: session.map(|session| session.handling),
            queue: session.and_then(|session| session.queue.clone()),
            terms: self
                .terms
                .clone()
                .map(|terms| (terms.queue, terms.revision)),
            waits: self.waits(),
            holder: self.holder().cloned(),
            offered: offer.map(|offer| offer.to.clone()).unwrap_or_default(),
            line: self.line,
            acknowledged: self.attention.acknowledged,
            last_side: self.attention.last_side,
            needs_reply_since: self.attention.needs_reply_since,
            heard_at: self.attention.heard_at,
            last_at: self.turned_at,
            fence: self.fence,
            can_send: self.can_send(),
            contact_revision: self.contact.revision,
        }
    }
}

/// What a store keeps of a dialog in columns: for lists, counters and the check before a
/// delivery starts. All of it follows from the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogRow {
    /// The status shown.
    pub status: StatusKind,
    /// A host's label that refines it.
    pub label: Option<StatusLabel>,
    /// The flow.
    pub flow: Option<FlowId>,
    /// Its version.
    pub version: Option<FlowVersion>,
    /// The step.
    pub step: Option<StepId>,
    /// Who is responsible.
    pub assignee: Assignee,
    /// The number of the open session.
    pub session: Option<u32>,
    /// Who handles it.
    pub handling: Option<Handling>,
    /// The queue in which the open session waits, or through which it came.
    pub queue: Option<QueueId>,
    /// Of which queue's row it knows the terms, and of which revision of it.
    pub terms: Option<(QueueId, Revision)>,
    /// The queue in which it waits for an operator, and since when.
    pub waits: Option<(QueueId, Moment)>,
    /// The operator who has it in progress: it takes a place of his.
    pub holder: Option<OperatorId>,
    /// To whom it is offered.
    pub offered: BTreeSet<OperatorId>,
    /// Which line of people it belongs to.
    pub line: Line,
    /// Whether somebody said that the contact's last message needs no reply.
    pub acknowledged: bool,
    /// Who wrote last.
    pub last_side: Option<Side>,
    /// Since when a reply is due.
    pub needs_reply_since: Option<Moment>,
    /// When the contact last came to us.
    pub heard_at: Option<Moment>,
    /// When the last turn was.
    pub last_at: Moment,
    /// Automatic deliveries of an epoch below this one may not start.
    pub fence: u64,
    /// Whether a delivery may start at all. The contact's own block is read with the contact.
    pub can_send: bool,
    /// Revision of the contact's row that the dialog's view shows.
    pub contact_revision: Revision,
}

impl Dialog for Snapshot {
    fn status(&self) -> ShownStatus {
        self.shown_status()
    }

    fn flow(&self) -> Option<&FlowId> {
        self.position.as_ref().map(|position| &position.flow)
    }

    fn step(&self) -> Option<&StepId> {
        self.position.as_ref().map(|position| &position.step)
    }

    fn dialog_id(&self) -> Option<DialogId> {
        Some(self.dialog)
    }

    fn address(&self) -> Option<&Address> {
        Some(&self.address)
    }

    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.data.get(name).map(Cow::Borrowed)
    }

    fn contact_name(&self) -> Option<&str> {
        self.contact.name.as_ref().map(Text::as_str)
    }

    fn contact_language(&self) -> Option<&str> {
        self.contact.language.as_deref()
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.contact.fields.get(name).map(Cow::Borrowed)
    }

    fn source(&self) -> Option<&Source> {
        self.contact
            .first_source
            .as_ref()
            .map(|touch| &touch.source)
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.contact.tags.contains(tag)
    }

    fn tags(&self) -> Vec<&str> {
        self.contact.tags.iter().map(String::as_str).collect()
    }
}
