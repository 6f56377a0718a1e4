//! What a commit writes.

use chatflow_core::{
    CancelScope, Committed, Contact, Definition, DialogId, EffectId, RefusedEvent, Revision,
    Status, StatusKind, TimerChange, TurnCommit, codec, time,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::delivery;
use crate::error::Failure;
use crate::rows::{self, EntryKind, TurnRows, assignee_label, integer, side_label};

/// The revision found where another was expected. Nothing was written then.
#[derive(Debug)]
pub(crate) struct Conflict(pub(crate) Revision);

/// One turn. All that can refuse it is read before the first row is written: a refused turn
/// leaves its group alone.
pub(crate) fn commit(
    connection: &Connection,
    rows: &TurnRows,
) -> Result<Result<Committed, Conflict>, Failure> {
    let turn = &rows.turn;
    let stored = stored(connection, turn.dialog)?;
    let found = stored.as_ref().map_or(0, |(revision, _)| *revision);
    if is_seen(connection, turn.dialog, turn.key.as_str())? {
        return Ok(Ok(Committed::Duplicate { revision: found }));
    }
    if found != turn.expected {
        return Ok(Err(Conflict(found)));
    }
    match &stored {
        None if can_not_open(connection, turn)? => return Ok(Err(Conflict(found))),
        None => open(connection, rows)?,
        Some(_) => update(connection, turn)?,
    }
    let is_new = stored.is_none();
    let before = stored.map(|(_, status)| status);
    count(connection, turn, before.as_deref())?;
    see(
        connection,
        turn.dialog,
        turn.key.as_str(),
        turn.expected + 1,
        time::to_millis(turn.at),
    )?;
    write_journal(connection, turn)?;
    write_messages(connection, rows)?;

    if let Some(settlement) = &turn.settlement {
        delivery::settle(connection, settlement)?;
    }
    let cancelled = match turn.cancel {
        Some(scope) => cancel(connection, turn.dialog, scope)?,
        None => Vec::new(),
    };
    write_effects(connection, rows)?;
    write_timers(connection, turn)?;
    look_at_lag(connection, turn, is_new)?;
    Ok(Ok(Committed::Applied { cancelled }))
}

/// An event that the engine refused: its key is consumed, the dialog stays as it is.
pub(crate) fn refuse(
    connection: &Connection,
    refused: &RefusedEvent,
) -> Result<Committed, Failure> {
    let revision = stored(connection, refused.dialog)?.map_or(0, |(revision, _)| revision);
    if is_seen(connection, refused.dialog, refused.key.as_str())? {
        return Ok(Committed::Duplicate { revision });
    }
    let at = time::to_millis(refused.at);
    see(
        connection,
        refused.dialog,
        refused.key.as_str(),
        revision,
        at,
    )?;
    connection
        .prepare_cached(
            "INSERT INTO refusal (dialog, revision, key, at, reason, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            refused.dialog.to_bytes(),
            integer(revision)?,
            refused.key.as_str(),
            at,
            refused.reason,
            refused.event,
        ])?;
    if let Some(settlement) = &refused.settlement {
        delivery::settle(connection, settlement)?;
    }
    Ok(Committed::Applied {
        cancelled: Vec::new(),
    })
}

/// A contact's row, if it is still at the revision expected.
pub(crate) fn save_contact(
    connection: &Connection,
    contact: &Contact,
    expected: Revision,
) -> Result<Result<(), Conflict>, Failure> {
    let id = contact.id.to_bytes();
    let found = connection
        .prepare_cached("SELECT revision FROM contact WHERE id = ?1")?
        .query_row([id], |row| Ok(rows::number(row, "revision")))
        .optional()?
        .transpose()?
        .unwrap_or(0);
    if found != expected {
        return Ok(Err(Conflict(found)));
    }
    if expected.checked_add(1) != Some(contact.view.revision) {
        return Err(Failure::Misuse(
            "a contact's own revision must be the expected one plus 1",
        ));
    }
    connection
        .prepare_cached(
            "INSERT INTO contact (id, space, revision, blocked, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET space = excluded.space, revision = excluded.revision,
                 blocked = excluded.blocked, body = excluded.body",
        )?
        .execute(params![
            id,
            contact.space.as_str(),
            integer(contact.view.revision)?,
            contact.view.blocked.is_some(),
            codec::encode(&contact.view)?,
        ])?;
    delivery::lag(connection, contact.id, None)?;
    Ok(Ok(()))
}

pub(crate) fn put_definitions(
    connection: &Connection,
    definitions: &[Definition],
) -> Result<(), Failure> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO definition (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for definition in definitions {
        insert.execute(params![definition.hash.as_bytes(), definition.body])?;
    }
    Ok(())
}

// ---- what is there

/// Revision and status of a dialog.
fn stored(
    connection: &Connection,
    dialog: DialogId,
) -> Result<Option<(Revision, String)>, Failure> {
    connection
        .prepare_cached("SELECT revision, status FROM dialog WHERE id = ?1")?
        .query_row([dialog.to_bytes()], |row| {
            Ok(rows::number(row, "revision").map(|revision| (revision, row.get("status"))))
        })
        .optional()?
        .transpose()?
        .map(|(revision, status)| Ok((revision, status?)))
        .transpose()
}

pub(crate) fn is_seen(
    connection: &Connection,
    dialog: DialogId,
    key: &str,
) -> Result<bool, Failure> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM inbox WHERE dialog = ?1 AND key = ?2")?
        .exists(params![dialog.to_bytes(), key])?)
}

/// Whether a dialog can't be opened: without its rows, or at an address that leads to another.
fn can_not_open(connection: &Connection, turn: &TurnCommit) -> Result<bool, Failure> {
    let Some(opened) = &turn.opened else {
        return Ok(true);
    };
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM address
             WHERE bot = ?1 AND channel = ?2 AND external_id = ?3 AND dialog <> ?4",
        )?
        .exists(params![
            turn.bot.as_str(),
            opened.address.channel.as_str(),
            opened.address.external_id(),
            turn.dialog.to_bytes(),
        ])?)
}

// ---- what is written

fn see(
    connection: &Connection,
    dialog: DialogId,
    key: &str,
    revision: Revision,
    at: i64,
) -> Result<(), Failure> {
    connection
        .prepare_cached("INSERT INTO inbox (dialog, key, revision, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![dialog.to_bytes(), key, integer(revision)?, at])?;
    Ok(())
}

fn open(connection: &Connection, rows: &TurnRows) -> Result<(), Failure> {
    let turn = &rows.turn;
    let (Some(opened), Some(body)) = (&turn.opened, &rows.contact) else {
        return Err(Failure::Misuse(
            "a new dialog wants the rows it is opened with",
        ));
    };
    let (dialog, contact) = (turn.dialog.to_bytes(), opened.contact.id.to_bytes());
    let (channel, external_id) = (
        opened.address.channel.as_str(),
        opened.address.external_id(),
    );
    connection
        .prepare_cached(
            "INSERT INTO contact (id, space, revision, blocked, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            contact,
            opened.contact.space.as_str(),
            integer(opened.contact.view.revision)?,
            opened.contact.view.blocked.is_some(),
            body,
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO address (bot, channel, external_id, dialog, contact) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![turn.bot.as_str(), channel, external_id, dialog, contact])?;
    let row = &turn.row;
    connection
        .prepare_cached(
            "INSERT INTO dialog (id, bot, channel, external_id, contact, revision, status, label, flow,
                 step, assignee, last_side, needs_reply_since, last_at, fence, can_send,
                 contact_revision, snapshot)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18)",
        )?
        .execute(params![
            dialog,
            turn.bot.as_str(),
            channel,
            external_id,
            contact,
            integer(turn.expected + 1)?,
            row.status.label(),
            row.label.as_ref().map(|label| label.as_str()),
            row.flow.as_ref().map(|flow| flow.as_str()),
            row.step.as_ref().map(|step| step.as_str()),
            assignee_label(&row.assignee),
            row.last_side.map(side_label),
            row.needs_reply_since.map(time::to_millis),
            time::to_millis(row.last_at),
            integer(row.fence)?,
            row.can_send,
            integer(row.contact_revision)?,
            turn.snapshot,
        ])?;
    Ok(())
}

fn update(connection: &Connection, turn: &TurnCommit) -> Result<(), Failure> {
    let row = &turn.row;
    connection
        .prepare_cached(
            "UPDATE dialog SET revision = ?2, status = ?3, label = ?4, flow = ?5, step = ?6,
                 assignee = ?7, last_side = ?8, needs_reply_since = ?9, last_at = ?10,
                 fence = ?11, can_send = ?12, contact_revision = ?13, snapshot = ?14
             WHERE id = ?1",
        )?
        .execute(params![
            turn.dialog.to_bytes(),
            integer(turn.expected + 1)?,
            row.status.label(),
            row.label.as_ref().map(|label| label.as_str()),
            row.flow.as_ref().map(|flow| flow.as_str()),
            row.step.as_ref().map(|step| step.as_str()),
            assignee_label(&row.assignee),
            row.last_side.map(side_label),
            row.needs_reply_since.map(time::to_millis),
            time::to_millis(row.last_at),
            integer(row.fence)?,
            row.can_send,
            integer(row.contact_revision)?,
            turn.snapshot,
        ])?;
    Ok(())
}

/// The status before is taken from the row, not from the caller: so the counters are exact
/// against the rows whatever the caller believed.
fn count(connection: &Connection, turn: &TurnCommit, before: Option<&str>) -> Result<(), Failure> {
    let after = StatusKind::label(&turn.row.status);
    if before == Some(after) {
        return Ok(());
    }
    let mut add = connection.prepare_cached(
        "INSERT INTO counter (bot, status, n) VALUES (?1, ?2, ?3)
         ON CONFLICT (bot, status) DO UPDATE SET n = n + excluded.n",
    )?;
    if let Some(before) = before {
        add.execute(params![turn.bot.as_str(), before, -1])?;
    }
    add.execute(params![turn.bot.as_str(), after, 1])?;
    Ok(())
}

fn write_journal(connection: &Connection, turn: &TurnCommit) -> Result<(), Failure> {
    connection
        .prepare_cached("INSERT INTO journal (dialog, revision, at, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            turn.dialog.to_bytes(),
            integer(turn.expected + 1)?,
            time::to_millis(turn.at),
            turn.journal,
        ])?;
    Ok(())
}

fn write_messages(connection: &Connection, rows: &TurnRows) -> Result<(), Failure> {
    let mut insert = connection
        .prepare_cached("INSERT INTO message (dialog, turn, n, body) VALUES (?1, ?2, ?3, ?4)")?;
    for (message, body) in rows.turn.messages.iter().zip(&rows.messages) {
        let id = message.id;
        insert.execute(params![id.dialog.to_bytes(), integer(id.turn)?, id.n, body])?;
    }
    Ok(())
}

fn cancel(
    connection: &Connection,
    dialog: DialogId,
    scope: CancelScope,
) -> Result<Vec<EffectId>, Failure> {
    let mut statement = connection.prepare_cached(match scope {
        CancelScope::Automatic => CANCEL_AUTOMATIC,
        CancelScope::Messages => CANCEL_MESSAGES,
    })?;
    let mut found = statement.query([dialog.to_bytes()])?;
    let mut cancelled = Vec::new();
    while let Some(row) = found.next()? {
        cancelled.push(rows::effect_id(row)?);
    }
    cancelled.sort_unstable();
    if !cancelled.is_empty() {
        delivery::promote(connection, dialog)?;
    }
    Ok(cancelled)
}

pub(crate) const CANCEL_AUTOMATIC: &str = "UPDATE outbox SET state = 'cancelled', body = NULL
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND state = 'ready'
         AND automatic = 1 AND kind IN ('send', 'call')
     RETURNING dialog, turn, n";

pub(crate) const CANCEL_MESSAGES: &str = "UPDATE outbox SET state = 'cancelled', body = NULL
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND state = 'ready'
         AND (kind = 'send' OR kind = 'call' AND automatic = 1)
     RETURNING dialog, turn, n";

fn write_effects(connection: &Connection, rows: &TurnRows) -> Result<(), Failure> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (dialog, turn, n, kind, automatic, epoch, state, waiting, attempts,
             due, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'ready', ?7, 0, ?8, ?9)",
    )?;
    let mut has_message = false;
    for (effect, body) in rows.turn.effects.iter().zip(&rows.effects) {
        let (id, kind) = (effect.id, EntryKind::of(effect)?);
        let is_message = kind == EntryKind::Send;
        has_message |= is_message;
        insert.execute(params![
            id.dialog.to_bytes(),
            integer(id.turn)?,
            id.n,
            kind.label(),
            effect.automatic,
            integer(effect.epoch)?,
            is_message,
            rows::not_before(rows.turn.due),
            body,
        ])?;
    }
    if has_message {
        delivery::promote(connection, rows.turn.dialog)?;
    }
    Ok(())
}

fn write_timers(connection: &Connection, turn: &TurnCommit) -> Result<(), Failure> {
    for change in &turn.timers {
        match change {
            TimerChange::Set {
                name,
                generation,
                due,
            } => connection
                .prepare_cached(
                    "INSERT INTO timer (dialog, name, generation, due) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (dialog, name)
                     DO UPDATE SET generation = excluded.generation, due = excluded.due",
                )?
                .execute(params![
                    turn.dialog.to_bytes(),
                    name,
                    integer(*generation)?,
                    rows::not_before(*due),
                ])?,
            TimerChange::Cancel { name } => connection
                .prepare_cached("DELETE FROM timer WHERE dialog = ?1 AND name = ?2")?
                .execute(params![turn.dialog.to_bytes(), name])?,
        };
    }
    Ok(())
}

/// Whether the turn's dialog lags: one that has caught up doesn't, one that was opened behind its
/// contact's row does. Comes after the settlement, which may have changed that row.
fn look_at_lag(connection: &Connection, turn: &TurnCommit, is_new: bool) -> Result<(), Failure> {
    let sql = if is_new { LAG_WHEN_OPENED } else { CATCH_UP };
    connection.prepare_cached(sql)?.execute(params![
        turn.dialog.to_bytes(),
        integer(turn.row.contact_revision)?,
    ])?;
    Ok(())
}

/// The contact's row is looked up only where the dialog lags.
pub(crate) const CATCH_UP: &str = "DELETE FROM lagging
     WHERE dialog = ?1 AND NOT EXISTS (
         SELECT 1 FROM dialog d JOIN contact c ON c.id = d.contact
         WHERE d.id = lagging.dialog AND c.revision > ?2
     )";

pub(crate) const LAG_WHEN_OPENED: &str = "INSERT INTO lagging (dialog)
     SELECT d.id FROM dialog d JOIN contact c ON c.id = d.contact
     WHERE d.id = ?1 AND c.revision > ?2
     ON CONFLICT DO NOTHING";
