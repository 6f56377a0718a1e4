//! The reading calls as SELECTs. Every one is answered by an index; the tests below pin how.

use chatflow_core::{
    Address, BotId, ConfigHash, Contact, ContactId, DialogId, DialogSummary, Due, DueTimer,
    EffectId, JournalTurn, LoadedDialog, Moment, OutboxEntry, PAGE_MAX, Revision, StatusKind,
    StoredRefusal, TranscriptLine, codec, time,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::error::Failure;
use crate::rows::{self, bound};

/// The columns that [`rows::summary`] reads.
macro_rules! summary_columns {
    () => {
        "SELECT id, bot, channel, external_id, contact, revision, status, label, flow, step,
             assignee, last_side, needs_reply_since, last_at, fence, can_send, contact_revision
         FROM dialog "
    };
}

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
             c.revision AS contact_revision, c.body AS contact_body
         FROM dialog d LEFT JOIN contact c ON c.id = d.contact WHERE d.id = ?1";
    one(connection, sql, [dialog.to_bytes()], |row| {
        Ok(LoadedDialog {
            revision: rows::number(row, "revision")?,
            snapshot: row.get("snapshot")?,
            contact: rows::contact(row)?,
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

pub(crate) fn due(connection: &Connection, now: Moment, limit: usize) -> Result<Due, Failure> {
    let (now, limit) = (time::to_millis(now), page(limit));
    let timers = all(connection, DUE_TIMERS, params![now, limit], |row| {
        Ok(DueTimer {
            dialog: rows::dialog_id(row, "dialog")?,
            name: row.get("name")?,
            generation: rows::number(row, "generation")?,
            due: rows::moment(row, "due")?,
        })
    })?;
    let deliveries = all(
        connection,
        DUE_DELIVERIES,
        params![now, limit],
        rows::effect_id,
    )?;
    let lagging = all(connection, LAGGING, [limit], |row| {
        rows::dialog_id(row, "dialog")
    })?;
    let next = [NEXT_TIMER, NEXT_DELIVERY]
        .into_iter()
        .map(|sql| one(connection, sql, [now], |row| rows::moment(row, "due")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Due {
        timers,
        deliveries,
        lagging,
        next: next.into_iter().flatten().min(),
    })
}

const DUE_TIMERS: &str = "SELECT dialog, name, generation, due FROM timer WHERE due <= ?1
     ORDER BY due, dialog, name LIMIT ?2";

const DUE_DELIVERIES: &str = "SELECT dialog, turn, n FROM outbox
     WHERE state = 'ready' AND waiting = 0 AND due <= ?1
     ORDER BY due, dialog, turn, n LIMIT ?2";

/// Holds lagging dialogs only, in the order of their ids.
const LAGGING: &str = "SELECT dialog FROM lagging ORDER BY dialog LIMIT ?1";

const NEXT_TIMER: &str = "SELECT due FROM timer WHERE due > ?1 ORDER BY due LIMIT 1";

const NEXT_DELIVERY: &str = "SELECT due FROM outbox
     WHERE state = 'ready' AND waiting = 0 AND due > ?1 ORDER BY due LIMIT 1";

pub(crate) fn dialogs(
    connection: &Connection,
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    // No id is shorter than 16 bytes, so the empty one comes before all.
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    let sql = concat!(summary_columns!(), "WHERE id > ?1 ORDER BY id LIMIT ?2");
    all(connection, sql, params![after, page(limit)], rows::summary)
}

pub(crate) fn dialogs_of(
    connection: &Connection,
    contact: ContactId,
    after: Option<DialogId>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    let after = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    let key = params![contact.to_bytes(), after, page(limit)];
    all(connection, DIALOGS_OF, key, rows::summary)
}

const DIALOGS_OF: &str = concat!(
    summary_columns!(),
    "WHERE contact = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
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

pub(crate) fn transcript(
    connection: &Connection,
    dialog: DialogId,
    after: Option<EffectId>,
    limit: usize,
) -> Result<Vec<TranscriptLine>, Failure> {
    let (turn, n) = after.map_or((0, -1), |after| (bound(after.turn), i64::from(after.n)));
    let sql = "SELECT m.body, o.state
         FROM message m LEFT JOIN outbox o
             ON o.dialog = m.dialog AND o.turn = m.turn AND o.n = m.n AND o.kind = 'send'
         WHERE m.dialog = ?1 AND (m.turn, m.n) > (?2, ?3)
         ORDER BY m.turn, m.n LIMIT ?4";
    all(
        connection,
        sql,
        params![dialog.to_bytes(), turn, n, page(limit)],
        |row| {
            let body: Vec<u8> = row.get("body")?;
            let state: Option<String> = row.get("state")?;
            Ok(TranscriptLine {
                record: codec::decode(&body)
                    .map_err(|error| Failure::damaged("message", &error))?,
                delivery: state
                    .map(|label| rows::delivery_state(&label))
                    .transpose()?,
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
            attempts: rows::small_number(row, "attempts")?,
            due: rows::moment(row, "due")?,
        })
    })
}

const OUTBOX: &str = "SELECT state, attempts, due, body FROM outbox
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

/// How many rows a page has.
fn page(limit: usize) -> i64 {
    bound(limit.min(PAGE_MAX) as u64)
}

fn one<A>(
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

fn all<A>(
    connection: &Connection,
    sql: &str,
    key: impl Params,
    read: impl Fn(&Row<'_>) -> Result<A, Failure>,
) -> Result<Vec<A>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(key)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read(row)?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{LAG, PROMOTE, RECOVER};
    use crate::turn::{CANCEL_AUTOMATIC, CANCEL_MESSAGES, CATCH_UP, LAG_WHEN_OPENED};

    /// What SQLite does for a statement, one step a line.
    fn plan(sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(include_str!("../migrations/0001_init.sql"))
            .unwrap();
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nothing = vec![None::<i64>; statement.parameter_count()];
        let steps = statement
            .query_map(rusqlite::params_from_iter(nothing), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_due_comes_from_indexes_alone_and_in_their_order() {
        for (sql, index) in [
            (DUE_TIMERS, "timer_due (due<?)"),
            (NEXT_TIMER, "timer_due (due>?)"),
            (DUE_DELIVERIES, "outbox_due (due<?)"),
            (NEXT_DELIVERY, "outbox_due (due>?)"),
        ] {
            let plan = plan(sql);
            assert!(
                plan.contains(&format!("USING COVERING INDEX {index}")),
                "{sql}: {plan}"
            );
            assert!(
                !plan.contains("SCAN") && !plan.contains("B-TREE"),
                "{sql}: {plan}"
            );
        }
    }

    #[test]
    fn dialogs_of_a_contact_and_those_that_lag_are_found_without_the_others() {
        let of_contact = "INDEX dialog_of_contact (contact=?";
        let by_id = "USING PRIMARY KEY (dialog=?)";
        for (sql, step) in [
            (DIALOGS_OF, of_contact),
            (LAG, of_contact),
            (CATCH_UP, by_id),
        ] {
            let plan = plan(sql);
            assert!(plan.contains(step), "{sql}: {plan}");
        }
        for sql in [DIALOGS_OF, LAG, CATCH_UP, LAG_WHEN_OPENED] {
            let plan = plan(sql);
            assert!(
                !plan.contains("SCAN") && !plan.contains("B-TREE"),
                "{sql}: {plan}"
            );
        }
        // A table of lagging dialogs alone, walked in its own order.
        assert_eq!(plan(LAGGING), "SCAN lagging");
    }

    #[test]
    fn a_dialogs_unsettled_entries_are_found_without_its_settled_ones() {
        for sql in [OUTBOX, PROMOTE, CANCEL_AUTOMATIC, CANCEL_MESSAGES] {
            let plan = plan(sql);
            assert!(
                plan.contains("INDEX outbox_unsettled (dialog=?)"),
                "{sql}: {plan}"
            );
            assert!(
                !plan.contains("SCAN") && !plan.contains("B-TREE"),
                "{sql}: {plan}"
            );
        }
        // Recovery looks at all unsettled entries, of all dialogs.
        let plan = plan(RECOVER);
        assert!(
            plan.contains("SCAN outbox USING INDEX outbox_unsettled"),
            "{plan}"
        );
    }
}
