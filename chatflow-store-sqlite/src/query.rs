//! The reading calls as SELECTs. Every one is answered by an index; the tests in `plans.rs` pin how.

use std::collections::BTreeSet;

use chatflow_core::{
    Address, BotId, ConfigHash, Contact, ContactId, DialogId, DialogSummary, FlowId, FlowVersion,
    JournalTurn, LoadedDialog, OperatorId, OutboxEntry, PAGE_MAX, Revision, Standing, StatusKind,
    StepId, StoredRefusal,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement, params};

use crate::error::Failure;
use crate::rows::{self, bound};

/// The columns that [`rows::summary`] reads.
macro_rules! summary_columns {
    () => {
        "SELECT id, space, bot, channel, external_id, contact, revision, status, label, flow, version,
             step, assignee, session, handling, queue, terms_queue, terms_revision, waits_queue,
             waits_since, holder, offered, line, acknowledged, last_side, needs_reply_since, heard_at,
             last_at, fence, can_send, contact_revision
         FROM dialog "
    };
}
pub(crate) use summary_columns;

pub(crate) fn definition(
    connection: &Connection,
    hash: ConfigHash,
) -> Result<Option<Vec<u8>>, Failure> {
    let sql = "SELECT body FROM definition WHERE hash = ?1";
    one(connection, sql, [hash.as_bytes()], |row| {
        Ok(row.get("body")?)
    })
}

pub(crate) fn find_dialog(
    connection: &Connection,
    bot: &BotId,
    address: &Address,
) -> Result<Option<DialogId>, Failure> {
    let sql = "SELECT dialog FROM address WHERE bot = ?1 AND channel = ?2 AND external_id = ?3";
    let key = [
        bot.as_str(),
        address.channel.as_str(),
        address.external_id(),
    ];
    one(connection, sql, key, |row| rows::dialog_id(row, "dialog"))
}

pub(crate) fn load(
    connection: &Connection,
    dialog: DialogId,
) -> Result<Option<LoadedDialog>, Failure> {
    let sql = "SELECT d.revision, d.snapshot, d.contact, c.space,
             c.revision AS contact_revision, c.body AS contact_body,
             b.paused_since IS NOT NULL AS bot_paused
         FROM dialog d LEFT JOIN contact c ON c.id = d.contact LEFT JOIN bot b ON b.id = d.bot
         WHERE d.id = ?1";
    one(connection, sql, [dialog.to_bytes()], |row| {
        Ok(LoadedDialog {
            revision: rows::number(row, "revision")?,
            snapshot: row.get("snapshot")?,
            contact: rows::contact(row)?,
            bot_paused: row.get("bot_paused")?,
        })
    })
}

pub(crate) fn contact(
    connection: &Connection,
    contact: ContactId,
) -> Result<Option<Contact>, Failure> {
    let sql = "SELECT id AS contact, space, revision AS contact_revision, body AS contact_body
         FROM contact WHERE id = ?1";
    one(connection, sql, [contact.to_bytes()], rows::contact)
}

pub(crate) fn dialogs(
    connection: &Connection,
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    // No id is shorter than 16 bytes, so the empty one comes before all.
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    let sql = concat!(summary_columns!(), "WHERE id > ?1 ORDER BY id LIMIT ?2");
    summaries(connection, sql, params![after, page(limit)])
}

pub(crate) fn dialogs_of(
    connection: &Connection,
    contact: ContactId,
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    let key = params![contact.to_bytes(), after, page(limit)];
    summaries(connection, DIALOGS_OF, key)
}

pub(crate) const DIALOGS_OF: &str = concat!(
    summary_columns!(),
    "WHERE contact = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
);

pub(crate) fn standing(connection: &Connection, bot: &BotId) -> Result<Vec<Standing>, Failure> {
    all(connection, STANDING, [bot.as_str()], |row| {
        Ok(Standing {
            flow: FlowId::new(row.get::<_, String>("flow")?),
            version: rows::small_number(row, "version")?,
            step: StepId::new(row.get::<_, String>("step")?),
            dialogs: rows::number(row, "dialogs")?,
        })
    })
}

pub(crate) const STANDING: &str = "SELECT flow, version, step, count(*) AS dialogs FROM dialog
     WHERE bot = ?1 AND flow IS NOT NULL AND version IS NOT NULL GROUP BY flow, version, step";

pub(crate) fn dialogs_at(
    connection: &Connection,
    (bot, flow, version): (&BotId, &FlowId, FlowVersion),
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    let key = params![bot.as_str(), flow.as_str(), version, after, page(limit)];
    summaries(connection, DIALOGS_AT, key)
}

pub(crate) const DIALOGS_AT: &str = concat!(
    summary_columns!(),
    "WHERE bot = ?1 AND flow = ?2 AND flow IS NOT NULL AND version = ?3 AND id > ?4
     ORDER BY id LIMIT ?5"
);

pub(crate) fn journal(
    connection: &Connection,
    dialog: DialogId,
    after: Revision,
    limit: usize,
) -> Result<Vec<JournalTurn>, Failure> {
    let sql = "SELECT revision, at, body FROM journal
         WHERE dialog = ?1 AND revision > ?2 ORDER BY revision LIMIT ?3";
    all(
        connection,
        sql,
        params![dialog.to_bytes(), bound(after), page(limit)],
        |row| {
            Ok(JournalTurn {
                revision: rows::number(row, "revision")?,
                at: rows::moment(row, "at")?,
                body: row.get("body")?,
            })
        },
    )
}

pub(crate) fn refusals(
    connection: &Connection,
    dialog: DialogId,
    limit: usize,
) -> Result<Vec<StoredRefusal>, Failure> {
    let sql = "SELECT revision, key, at, reason, event FROM refusal
         WHERE dialog = ?1 ORDER BY n LIMIT ?2";
    all(
        connection,
        sql,
        params![dialog.to_bytes(), page(limit)],
        |row| {
            Ok(StoredRefusal {
                revision: rows::number(row, "revision")?,
                key: rows::event_key(row)?,
                at: rows::moment(row, "at")?,
                reason: row.get("reason")?,
                event: row.get("event")?,
            })
        },
    )
}

pub(crate) fn outbox(
    connection: &Connection,
    dialog: DialogId,
) -> Result<Vec<OutboxEntry>, Failure> {
    all(connection, OUTBOX, [dialog.to_bytes()], |row| {
        Ok(OutboxEntry {
            effect: rows::effect(row.get("body")?)?,
            state: rows::delivery_state(&row.get::<_, String>("state")?)?,
            part: rows::small_number(row, "part")?,
            attempts: rows::small_number(row, "attempts")?,
            due: rows::moment(row, "due")?,
        })
    })
}

pub(crate) const OUTBOX: &str = "SELECT state, part, attempts, due, body FROM outbox
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') ORDER BY turn, n";

pub(crate) fn counters(
    connection: &Connection,
    bot: &BotId,
) -> Result<Vec<(StatusKind, u64)>, Failure> {
    let sql = "SELECT status, n FROM counter WHERE bot = ?1 AND n <> 0";
    let mut counters = all(connection, sql, [bot.as_str()], |row| {
        Ok((rows::status_kind(row)?, rows::number(row, "n")?))
    })?;
    counters.sort_unstable();
    Ok(counters)
}

// ---- helpers

/// Dialogs with [`summary_columns`].
pub(crate) fn summaries(
    connection: &Connection,
    sql: &str,
    key: impl Params,
) -> Result<Vec<DialogSummary>, Failure> {
    summaries_of(connection, &mut *connection.prepare_cached(sql)?, key)
}

/// The same by a statement that is at hand.
pub(crate) fn summaries_of(
    connection: &Connection,
    statement: &mut Statement<'_>,
    key: impl Params,
) -> Result<Vec<DialogSummary>, Failure> {
    let found = all_of(statement, key, |row| {
        Ok((rows::summary(row)?, rows::offered(row)?))
    })?;
    let found = found.into_iter().map(|(mut summary, offered)| {
        summary.row.offered = offered_to(connection, summary.dialog, offered)?;
        Ok(summary)
    });
    found.collect()
}

/// The operators to whom a dialog is offered; `count` says how many they are.
pub(crate) fn offered_to(
    connection: &Connection,
    dialog: DialogId,
    count: u32,
) -> Result<BTreeSet<OperatorId>, Failure> {
    if count == 0 {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT operator FROM dialog_offer WHERE dialog = ?1";
    let operators = all(connection, sql, [dialog.to_bytes()], |row| {
        Ok(OperatorId::new(row.get::<_, String>("operator")?))
    })?;
    Ok(operators.into_iter().collect())
}

/// How many rows a page has.
pub(crate) fn page(limit: usize) -> i64 {
    bound(limit.min(PAGE_MAX) as u64)
}

pub(crate) fn one<A>(
    connection: &Connection,
    sql: &str,
    key: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<A, Failure>,
) -> Result<Option<A>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row(key, |row| Ok(read(row)))
        .optional()?
        .transpose()
}

pub(crate) fn all<A>(
    connection: &Connection,
    sql: &str,
    key: impl Params,
    read: impl Fn(&Row<'_>) -> Result<A, Failure>,
) -> Result<Vec<A>, Failure> {
    all_of(&mut *connection.prepare_cached(sql)?, key, read)
}

fn all_of<A>(
    statement: &mut Statement<'_>,
    key: impl Params,
    read: impl Fn(&Row<'_>) -> Result<A, Failure>,
) -> Result<Vec<A>, Failure> {
    let mut found = statement.query(key)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read(row)?);
    }
    Ok(rows)
}
