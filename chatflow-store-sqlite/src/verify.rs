//! What a file says in two places, compared.

use std::fmt;

use chatflow_core::{
    BotId, DialogId, DialogSummary, OperatorId, PAGE_MAX, Snapshot, SpaceId, StatusLabel,
};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::query::{all, dialogs, one};
use crate::rows;

/// Something that a file says in two places, and not alike. Content is never quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discrepancy {
    /// An operator's load is not the number of dialogs that name him as their holder.
    Load {
        /// The space.
        space: SpaceId,
        /// The operator.
        operator: OperatorId,
        /// The load that his row names.
        load: u32,
        /// How many dialogs he holds.
        held: u64,
    },
    /// A counter is not the number of dialogs that show its status.
    Counter {
        /// The bot.
        bot: BotId,
        /// The status.
        status: StatusLabel,
        /// What the counter says.
        counter: u64,
        /// How many dialogs there are.
        dialogs: u64,
    },
    /// More than one session of a dialog is open, or another than its row names.
    OpenSession {
        /// The dialog.
        dialog: DialogId,
        /// How many are open.
        open: u64,
    },
    /// Who has a dialog in progress is not among its participants.
    Participant {
        /// The dialog.
        dialog: DialogId,
    },
    /// Columns of a dialog differ from what its snapshot says.
    Columns {
        /// The dialog.
        dialog: DialogId,
        /// The names of those that differ.
        names: Vec<&'static str>,
    },
    /// A dialog's snapshot can't be read.
    Snapshot {
        /// The dialog.
        dialog: DialogId,
        /// Why, in words without content.
        detail: String,
    },
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load {
                space,
                operator,
                load,
                held,
            } => write!(
                f,
                "operator `{operator}` of space `{space}` has load {load}, but holds {held}"
            ),
            Self::Counter {
                bot,
                status,
                counter,
                dialogs,
            } => write!(
                f,
                "bot `{bot}` counts {counter} dialogs in `{status}`, but there are {dialogs}"
            ),
            Self::OpenSession { dialog, open } => write!(
                f,
                "dialog {dialog} has {open} open sessions, which is not what its row says"
            ),
            Self::Participant { dialog } => {
                write!(f, "who holds dialog {dialog} is no participant of it")
            }
            Self::Columns { dialog, names } => write!(
                f,
                "dialog {dialog} differs from its snapshot in: {}",
                names.join(", ")
            ),
            Self::Snapshot { dialog, detail } => {
                write!(f, "the snapshot of dialog {dialog} can't be read: {detail}")
            }
        }
    }
}

/// What was looked at, and what of it doesn't agree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many dialogs were looked at.
    pub dialogs: u64,
    /// How many operators.
    pub operators: u64,
    /// What doesn't agree.
    pub found: Vec<Discrepancy>,
}

/// Compares all that stands in two places. One reading transaction, so a writer beside it makes
/// nothing differ.
pub(crate) fn verify(connection: &Connection) -> Result<Verified, Failure> {
    let mut verified = Verified {
        operators: number(connection, "SELECT count(*) AS n FROM operator")?,
        found: loads(connection)?,
        ..Verified::default()
    };
    verified.found.extend(counters(connection)?);
    verified.found.extend(open_sessions(connection)?);
    verified.found.extend(participants(connection)?);
    let mut after = None;
    loop {
        let page = dialogs(connection, after, PAGE_MAX)?;
        let Some(last) = page.last() else {
            return Ok(verified);
        };
        after = Some(last.dialog);
        verified.dialogs += page.len() as u64;
        for summary in &page {
            verified.found.extend(columns(connection, summary)?);
        }
    }
}

fn number(connection: &Connection, sql: &str) -> Result<u64, Failure> {
    let found = one(connection, sql, [], |row| rows::number(row, "n"))?;
    Ok(found.unwrap_or(0))
}

fn loads(connection: &Connection) -> Result<Vec<Discrepancy>, Failure> {
    let sql = "SELECT space, id, load, held FROM (
             SELECT o.space, o.id, o.load, (
                 SELECT count(*) FROM dialog d
                 WHERE d.space = o.space AND d.holder = o.id AND d.holder IS NOT NULL
             ) AS held FROM operator o
         ) WHERE load <> held ORDER BY space, id";
    all(connection, sql, [], |row| {
        Ok(Discrepancy::Load {
            space: SpaceId::new(row.get::<_, String>("space")?),
            operator: OperatorId::new(row.get::<_, String>("id")?),
            load: rows::small_number(row, "load")?,
            held: rows::number(row, "held")?,
        })
    })
}

fn counters(connection: &Connection) -> Result<Vec<Discrepancy>, Failure> {
    let sql = "SELECT bot, status, sum(kept) AS kept, sum(counted) AS counted FROM (
             SELECT bot, status, n AS kept, 0 AS counted FROM counter
             UNION ALL
             SELECT bot, status, 0, count(*) FROM dialog GROUP BY bot, status
         ) GROUP BY bot, status HAVING sum(kept) <> sum(counted) ORDER BY bot, status";
    all(connection, sql, [], |row| {
        Ok(Discrepancy::Counter {
            bot: rows::bot(row)?,
            status: StatusLabel::new(row.get::<_, String>("status")?),
            counter: rows::number(row, "kept")?,
            dialogs: rows::number(row, "counted")?,
        })
    })
}

/// What the index forbids is looked for all the same: a damaged index is one reason to ask.
fn open_sessions(connection: &Connection) -> Result<Vec<Discrepancy>, Failure> {
    let sql = "SELECT d.id, d.session, count(s.number) AS open, max(s.number) AS number
         FROM dialog d LEFT JOIN session s ON s.dialog = d.id AND s.completed_at IS NULL
         GROUP BY d.id
         HAVING count(s.number) > 1 OR max(s.number) IS NOT d.session
         ORDER BY d.id";
    all(connection, sql, [], |row| {
        Ok(Discrepancy::OpenSession {
            dialog: rows::dialog_id(row, "id")?,
            open: rows::number(row, "open")?,
        })
    })
}

fn participants(connection: &Connection) -> Result<Vec<Discrepancy>, Failure> {
    let sql = "SELECT id FROM dialog WHERE holder IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM participant p WHERE p.dialog = dialog.id AND p.operator = dialog.holder
         ) ORDER BY id";
    all(connection, sql, [], |row| {
        Ok(Discrepancy::Participant {
            dialog: rows::dialog_id(row, "id")?,
        })
    })
}

/// What a dialog's columns say otherwise than its snapshot.
fn columns(
    connection: &Connection,
    summary: &DialogSummary,
) -> Result<Option<Discrepancy>, Failure> {
    let dialog = summary.dialog;
    let sql = "SELECT snapshot FROM dialog WHERE id = ?1";
    let found = one(connection, sql, params![dialog.to_bytes()], |row| {
        Ok(row.get::<_, Vec<u8>>("snapshot")?)
    })?;
    let snapshot = match Snapshot::decode(&found.unwrap_or_default()) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let detail = error.to_string();
            return Ok(Some(Discrepancy::Snapshot { dialog, detail }));
        }
    };
    let (kept, said) = (&summary.row, snapshot.row());
    let compared = [
        ("revision", summary.revision == snapshot.revision),
        ("bot", summary.bot == snapshot.bot),
        ("address", summary.address == snapshot.address),
        ("contact", summary.contact == snapshot.contact_id),
        ("status", kept.status == said.status),
        ("label", kept.label == said.label),
        ("flow", kept.flow == said.flow),
        ("version", kept.version == said.version),
        ("step", kept.step == said.step),
        ("assignee", kept.assignee == said.assignee),
        ("session", kept.session == said.session),
        ("handling", kept.handling == said.handling),
        ("queue", kept.queue == said.queue),
        ("terms", kept.terms == said.terms),
        ("waits", kept.waits == said.waits),
        ("holder", kept.holder == said.holder),
        ("offered", kept.offered == said.offered),
        ("line", kept.line == said.line),
        ("acknowledged", kept.acknowledged == said.acknowledged),
        ("last_side", kept.last_side == said.last_side),
        (
            "needs_reply_since",
            kept.needs_reply_since == said.needs_reply_since,
        ),
        ("heard_at", kept.heard_at == said.heard_at),
        ("last_at", kept.last_at == said.last_at),
        ("fence", kept.fence == said.fence),
        ("can_send", kept.can_send == said.can_send),
        (
            "contact_revision",
            kept.contact_revision == said.contact_revision,
        ),
    ];
    let differ = compared.into_iter().filter(|(_, same)| !same);
    let names: Vec<_> = differ.map(|(name, _)| name).collect();
    Ok((!names.is_empty()).then_some(Discrepancy::Columns { dialog, names }))
}
