//! Rows and types: how Chatflow's values stand in columns.

use std::collections::BTreeSet;

use chatflow_core::codec;
use chatflow_core::{
    Address, Assignee, BotId, ChannelId, Contact, ContactId, ContactView, DeliveryState, DialogId,
    DialogRow, DialogSummary, Effect, EffectBody, EffectId, EventKey, FailureReason, Handling,
    Line, MessageRecord, Moment, OperatorId, QueueId, Revision, SendLane, Side, SpaceId, Status,
    StatusKind, TurnCommit, time,
};
use rusqlite::Row;

use crate::error::Failure;

/// A turn with its bodies in the stored form. They are made in the caller's task: the writer
/// thread has better things to do.
#[derive(Debug)]
pub(crate) struct TurnRows {
    pub(crate) turn: TurnCommit,
    pub(crate) contact: Option<Vec<u8>>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) effects: Vec<Vec<u8>>,
}

impl TurnRows {
    pub(crate) fn new(turn: TurnCommit) -> Result<Self, Failure> {
        let contact = turn
            .opened
            .as_ref()
            .map(|opened| codec::encode(&opened.contact.view))
            .transpose()?;
        let messages = turn
            .messages
            .iter()
            .map(codec::encode)
            .collect::<Result<_, _>>()?;
        let effects = turn
            .effects
            .iter()
            .map(codec::encode)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            turn,
            contact,
            messages,
            effects,
        })
    }

    /// Bytes to write, about.
    pub(crate) fn weight(&self) -> usize {
        let raw = self.turn.raw.as_ref();
        let raw = raw.map_or(0, |raw| raw.as_bytes().len());
        let bodies = self
            .messages
            .iter()
            .chain(&self.effects)
            .chain(&self.contact);
        let turn = self.turn.snapshot.len() + self.turn.journal.len() + raw;
        turn + bodies.map(Vec::len).sum::<usize>()
    }
}

// ---- numbers and moments

/// SQLite's integers are signed; none of ours comes near the end.
pub(crate) fn integer(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_| Failure::Misuse("a number above 2^63 - 1 can't be stored"))
}

/// A bound for reading: beyond the end is the end.
pub(crate) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn number(row: &Row<'_>, column: &str) -> Result<u64, Failure> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| Failure::Damaged(format!("column {column} is negative")))
}

pub(crate) fn small_number(row: &Row<'_>, column: &str) -> Result<u32, Failure> {
    let value: i64 = row.get(column)?;
    u32::try_from(value).map_err(|_| Failure::Damaged(format!("column {column} is out of range")))
}

pub(crate) fn moment(row: &Row<'_>, column: &str) -> Result<Moment, Failure> {
    Ok(time::from_millis(row.get(column)?))
}

pub(crate) fn optional_moment(row: &Row<'_>, column: &str) -> Result<Option<Moment>, Failure> {
    Ok(row.get::<_, Option<i64>>(column)?.map(time::from_millis))
}

/// A moment before which nothing may happen: up to the next whole millisecond.
pub(crate) fn not_before(moment: Moment) -> i64 {
    let millis = time::to_millis(moment);
    if time::from_millis(millis) < moment {
        millis.saturating_add(1)
    } else {
        millis
    }
}

// ---- ids and addresses

pub(crate) fn dialog_id(row: &Row<'_>, column: &str) -> Result<DialogId, Failure> {
    Ok(DialogId::from_bytes(row.get(column)?))
}

pub(crate) fn contact_id(row: &Row<'_>, column: &str) -> Result<ContactId, Failure> {
    Ok(ContactId::from_bytes(row.get(column)?))
}

pub(crate) fn bot(row: &Row<'_>) -> Result<BotId, Failure> {
    Ok(BotId::new(row.get::<_, String>("bot")?))
}

pub(crate) fn address(row: &Row<'_>) -> Result<Address, Failure> {
    let channel = ChannelId::new(row.get::<_, String>("channel")?);
    Ok(Address::new(channel, row.get::<_, String>("external_id")?))
}

/// The id in the columns `dialog`, `turn` and `n`.
pub(crate) fn effect_id(row: &Row<'_>) -> Result<EffectId, Failure> {
    Ok(EffectId {
        dialog: dialog_id(row, "dialog")?,
        turn: number(row, "turn")?,
        n: small_number(row, "n")?,
    })
}

pub(crate) fn event_key(row: &Row<'_>) -> Result<EventKey, Failure> {
    Ok(EventKey::from(row.get::<_, String>("key")?))
}

// ---- labels

/// The kind of an outbox entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Send,
    Edit,
    Delete,
    Call,
    Typing,
    Tell,
    Patch,
}

impl EntryKind {
    const ALL: [Self; 7] = [
        Self::Send,
        Self::Edit,
        Self::Delete,
        Self::Call,
        Self::Typing,
        Self::Tell,
        Self::Patch,
    ];

    pub(crate) fn of(effect: &Effect) -> Result<Self, Failure> {
        match &effect.body {
            EffectBody::Send(_) => Ok(Self::Send),
            EffectBody::Edit { .. } => Ok(Self::Edit),
            EffectBody::Delete { .. } => Ok(Self::Delete),
            EffectBody::Call { .. } => Ok(Self::Call),
            EffectBody::Typing { .. } => Ok(Self::Typing),
            EffectBody::Tell { .. } => Ok(Self::Tell),
            EffectBody::PatchContact(_) => Ok(Self::Patch),
            _ => Err(Failure::Misuse(
                "this build of the store doesn't know that kind of effect",
            )),
        }
    }

    /// Whether it goes to the contact. In SQL: `kind IN ('send', 'edit', 'delete')`.
    pub(crate) fn is_for_contact(self) -> bool {
        match self {
            Self::Send | Self::Edit | Self::Delete => true,
            Self::Call | Self::Typing | Self::Tell | Self::Patch => false,
        }
    }

    /// Whether a pause of its bot holds it where automation decided it. In SQL:
    /// `kind <> 'patch'`.
    pub(crate) fn can_be_held(self) -> bool {
        self != Self::Patch
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Call => "call",
            Self::Typing => "typing",
            Self::Tell => "tell",
            Self::Patch => "patch",
        }
    }

    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let label: String = row.get("kind")?;
        find(&Self::ALL, "kind", |kind| kind.label() == label)
    }
}

pub(crate) fn delivery_state(label: &str) -> Result<DeliveryState, Failure> {
    find(&DeliveryState::ALL, "state", |state| state.label() == label)
}

pub(crate) fn lane(label: &str) -> Result<SendLane, Failure> {
    find(&SendLane::ALL, "lane", |lane| lane.label() == label)
}

pub(crate) fn failure(row: &Row<'_>) -> Result<Option<FailureReason>, Failure> {
    let Some(label) = row.get::<_, Option<String>>("failure")? else {
        return Ok(None);
    };
    find(&FailureReason::ALL, "failure", |reason| {
        reason.label() == label
    })
    .map(Some)
}

pub(crate) fn status_kind(row: &Row<'_>) -> Result<StatusKind, Failure> {
    let label: String = row.get("status")?;
    find(&StatusKind::ALL, "status", |kind| kind.label() == label)
}

pub(crate) fn find<T: Copy>(
    all: &[T],
    column: &str,
    is: impl Fn(&T) -> bool,
) -> Result<T, Failure> {
    let found = all.iter().copied().find(|one| is(one));
    found.ok_or_else(|| Failure::Damaged(format!("column {column} holds an unknown label")))
}

pub(crate) fn side_label(side: Side) -> &'static str {
    match side {
        Side::Contact => "contact",
        Side::Us => "us",
    }
}

fn side(row: &Row<'_>) -> Result<Option<Side>, Failure> {
    let Some(label) = row.get::<_, Option<String>>("last_side")? else {
        return Ok(None);
    };
    find(&[Side::Contact, Side::Us], "last_side", |side| {
        side_label(*side) == label
    })
    .map(Some)
}

/// Nobody is null; who it is otherwise has his kind before his id.
pub(crate) fn assignee_label(assignee: &Assignee) -> Option<String> {
    match assignee {
        Assignee::Nobody => None,
        Assignee::Operator(operator) => Some(format!("{OPERATOR}{operator}")),
        Assignee::Bot(bot) => Some(format!("{BOT}{bot}")),
    }
}

pub(crate) fn assignee(row: &Row<'_>) -> Result<Assignee, Failure> {
    let Some(label) = row.get::<_, Option<String>>("assignee")? else {
        return Ok(Assignee::Nobody);
    };
    let operator = label.strip_prefix(OPERATOR);
    let operator = operator.map(|operator| Assignee::Operator(operator.into()));
    let bot = || Some(Assignee::Bot(label.strip_prefix(BOT)?.into()));
    operator
        .or_else(bot)
        .ok_or_else(|| Failure::Damaged("column assignee holds an unknown label".to_owned()))
}

const OPERATOR: &str = "operator:";
const BOT: &str = "bot:";

pub(crate) fn handling(row: &Row<'_>) -> Result<Option<Handling>, Failure> {
    let Some(label) = row.get::<_, Option<String>>("handling")? else {
        return Ok(None);
    };
    find(&Handling::ALL, "handling", |handling| {
        handling.label() == label
    })
    .map(Some)
}

fn line(row: &Row<'_>) -> Result<Line, Failure> {
    let number: u8 = row.get("line")?;
    let line = Line::try_from(number);
    line.map_err(|_| Failure::Damaged("column line holds another number".to_owned()))
}

// ---- whole rows

/// The contact in the columns `contact`, `space`, `contact_revision` and `contact_body`.
pub(crate) fn contact(row: &Row<'_>) -> Result<Contact, Failure> {
    let id = contact_id(row, "contact")?;
    let Some(body) = row.get::<_, Option<Vec<u8>>>("contact_body")? else {
        return Err(Failure::Damaged(
            "the contact of a dialog is missing".to_owned(),
        ));
    };
    let mut view: ContactView =
        codec::decode(&body).map_err(|error| Failure::damaged("contact", &error))?;
    view.revision = number(row, "contact_revision")?;
    Ok(Contact {
        id,
        space: SpaceId::new(row.get::<_, String>("space")?),
        view,
    })
}

pub(crate) fn message(body: &[u8]) -> Result<MessageRecord, Failure> {
    codec::decode(body).map_err(|error| Failure::damaged("message", &error))
}

pub(crate) fn effect(body: Option<Vec<u8>>) -> Result<Effect, Failure> {
    let body = body.ok_or_else(|| Failure::Damaged("an outbox entry has no body".to_owned()))?;
    codec::decode(&body).map_err(|error| Failure::damaged("outbox entry", &error))
}

/// What a dialog's columns say of people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PeopleColumns {
    pub(crate) assignee: Assignee,
    pub(crate) session: Option<u32>,
    pub(crate) handling: Option<Handling>,
    pub(crate) queue: Option<QueueId>,
    pub(crate) terms: Option<(QueueId, Revision)>,
    pub(crate) waits: Option<(QueueId, Moment)>,
    pub(crate) holder: Option<OperatorId>,
    pub(crate) offered: BTreeSet<OperatorId>,
    pub(crate) line: Line,
    pub(crate) acknowledged: bool,
}

impl PeopleColumns {
    pub(crate) fn of(row: &DialogRow) -> Self {
        Self {
            assignee: row.assignee.clone(),
            session: row.session,
            handling: row.handling,
            queue: row.queue.clone(),
            terms: row.terms.clone(),
            waits: row.waits.clone(),
            holder: row.holder.clone(),
            offered: row.offered.clone(),
            line: row.line,
            acknowledged: row.acknowledged,
        }
    }

    /// All but to whom it is offered: that stands in a table of its own, see [`offered`].
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let text = |column| row.get::<_, Option<String>>(column);
        let terms = match text("terms_queue")? {
            Some(queue) => Some((QueueId::new(queue), number(row, "terms_revision")?)),
            None => None,
        };
        let waits = match text("waits_queue")? {
            Some(queue) => Some((QueueId::new(queue), moment(row, "waits_since")?)),
            None => None,
        };
        Ok(Self {
            assignee: assignee(row)?,
            session: row.get("session")?,
            handling: handling(row)?,
            queue: text("queue")?.map(QueueId::from),
            terms,
            waits,
            holder: text("holder")?.map(OperatorId::from),
            offered: BTreeSet::new(),
            line: line(row)?,
            acknowledged: row.get("acknowledged")?,
        })
    }
}

/// To how many operators a dialog is offered. Most are offered to nobody, and of those nothing more
/// need be read.
pub(crate) fn offered(row: &Row<'_>) -> Result<u32, Failure> {
    small_number(row, "offered")
}

/// All but to whom it is offered.
pub(crate) fn summary(row: &Row<'_>) -> Result<DialogSummary, Failure> {
    let revision: Revision = number(row, "revision")?;
    let text = |column| row.get::<_, Option<String>>(column);
    let people = PeopleColumns::read(row)?;
    let columns = DialogRow {
        status: status_kind(row)?,
        label: text("label")?.map(Into::into),
        flow: text("flow")?.map(Into::into),
        version: row.get("version")?,
        step: text("step")?.map(Into::into),
        assignee: people.assignee,
        session: people.session,
        handling: people.handling,
        queue: people.queue,
        terms: people.terms,
        waits: people.waits,
        holder: people.holder,
        offered: people.offered,
        line: people.line,
        acknowledged: people.acknowledged,
        last_side: side(row)?,
        needs_reply_since: optional_moment(row, "needs_reply_since")?,
        heard_at: optional_moment(row, "heard_at")?,
        last_at: moment(row, "last_at")?,
        fence: number(row, "fence")?,
        can_send: row.get("can_send")?,
        contact_revision: number(row, "contact_revision")?,
    };
    Ok(DialogSummary {
        dialog: dialog_id(row, "id")?,
        bot: bot(row)?,
        address: address(row)?,
        contact: contact_id(row, "contact")?,
        space: SpaceId::new(row.get::<_, String>("space")?),
        revision,
        row: columns,
    })
}
