//! What a commit writes.

use chatflow_core::{
    CancelScope, Committed, Contact, Definition, DialogId, EffectId, RefusedEvent, Revision,
    SendLane, Status, StatusKind, TimerChange, TurnCommit, codec, time,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Failure;
use crate::rows::{self, EntryKind, TurnRows, assignee_label, integer, side_label};
use crate::{address, bot, delivery, external, query, report};

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
    let is_new = stored.is_none();
    if address::is_taken(connection, turn, is_new)? {
        return Ok(Err(Conflict(found)));
    }
    if is_new {
        open(connection, rows)?;
    } else {
        update(connection, turn)?;
    }
    let before = stored.map(|(_, status)| status);
    count(connection, turn, before.as_deref())?;
    see(
        connection,
        turn.dialog,
        turn.key.as_str(),
        turn.expected + 1,
        time::to_millis(turn.at),
    )?;
    if let Some(raw) = &turn.raw {
        report::keep_raw(connection, turn.dialog, &turn.key, raw)?;
    }
    write_journal(connection, turn)?;
    write_messages(connection, rows)?;

    if let Some(settlement) = &turn.settlement {
        delivery::settle(connection, settlement)?;
    }
    let cancelled = match turn.cancel {
        Some(scope) => cancel(connection, turn.dialog, scope)?,
        None => Vec::new(),
    };
    let under_way = match turn.cancel {
        Some(_) => query::all(
            connection,
            UNDER_WAY,
            [turn.dialog.to_bytes()],
            rows::effect_id,
        )?,
        None => Vec::new(),
    };
    if !turn.usage.is_empty() {
        bot::add_usage(connection, &turn.bot, &turn.usage)?;
    }
    if let Some(to) = &turn.moved {
        address::move_to(connection, turn, to)?;
    }
    let held = bot::is_paused(connection, &turn.bot)?;
    write_effects(connection, rows, held)?;
    write_timers(connection, turn, held)?;
    look_at_lag(connection, turn, is_new)?;
    Ok(Ok(Committed::Applied {
        cancelled,
        under_way,
    }))
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
    if let Some(raw) = &refused.raw {
        report::keep_raw(connection, refused.dialog, &refused.key, raw)?;
    }
    if let Some(settlement) = &refused.settlement {
        delivery::settle(connection, settlement)?;
    }
    if let Some((bot, usage)) = &refused.usage {
        bot::add_usage(connection, bot, usage)?;
    }
    Ok(Committed::APPLIED)
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
    if found != expected || expected.checked_add(1) != Some(contact.view.revision) {
        return Ok(Err(Conflict(found)));
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
                 version, step, assignee, last_side, needs_reply_since, heard_at, last_at, fence, can_send,
                 contact_revision, snapshot)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20)",
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
            row.version,
            row.step.as_ref().map(|step| step.as_str()),
            assignee_label(&row.assignee),
            row.last_side.map(side_label),
            row.needs_reply_since.map(time::to_millis),
            row.heard_at.map(time::to_millis),
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
            "UPDATE dialog SET revision = ?2, status = ?3, label = ?4, flow = ?5, version = ?6,
                 step = ?7, assignee = ?8, last_side = ?9, needs_reply_since = ?10,
                 heard_at = ?11, last_at = ?12, fence = ?13, can_send = ?14,
                 contact_revision = ?15, snapshot = ?16
             WHERE id = ?1",
        )?
        .execute(params![
            turn.dialog.to_bytes(),
            integer(turn.expected + 1)?,
            row.status.label(),
            row.label.as_ref().map(|label| label.as_str()),
            row.flow.as_ref().map(|flow| flow.as_str()),
            row.version,
            row.step.as_ref().map(|step| step.as_str()),
            assignee_label(&row.assignee),
            row.last_side.map(side_label),
            row.needs_reply_since.map(time::to_millis),
            row.heard_at.map(time::to_millis),
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
        if let Some(named) = message.message.external_id() {
            external::add(connection, id, std::slice::from_ref(named))?;
        }
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

// Of what has arrived in part the rest follows.
pub(crate) const CANCEL_AUTOMATIC: &str = "UPDATE outbox SET state = 'cancelled', body = NULL
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND state = 'ready'
         AND automatic = 1 AND part = 0 AND kind NOT IN ('tell', 'patch')
     RETURNING dialog, turn, n";

pub(crate) const CANCEL_MESSAGES: &str = "UPDATE outbox SET state = 'cancelled', body = NULL
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND state = 'ready'
         AND (kind IN ('send', 'edit', 'delete')
             OR kind IN ('call', 'typing') AND automatic = 1)
     RETURNING dialog, turn, n";

/// Automatic messages that have begun, after cancelling: those that wait whole are gone.
pub(crate) const UNDER_WAY: &str = "SELECT dialog, turn, n FROM outbox
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND (state = 'in_flight' OR part > 0)
         AND automatic = 1 AND kind IN ('send', 'edit', 'delete')
     ORDER BY turn, n";

/// `held` is whether the bot is paused: what automation decided waits then.
fn write_effects(connection: &Connection, rows: &TurnRows, held: bool) -> Result<(), Failure> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (dialog, turn, n, kind, channel, lane, joined, automatic, epoch,
             state, waiting, part, attempts, due, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, 'ready', ?9, 0, 0, ?10, ?11)",
    )?;
    let own_channel = channel(connection, &rows.turn)?;
    let (mut has_message, mut last_reply) = (false, None);
    for (effect, body) in rows.turn.effects.iter().zip(&rows.effects) {
        let (id, kind) = (effect.id, EntryKind::of(effect)?);
        let is_message = kind.is_for_contact();
        let (channel, lane) = match is_message {
            true => (own_channel.as_str(), effect.lane.label()),
            false => ("", ""),
        };
        has_message |= is_message;
        if is_message && effect.lane == SendLane::Reply {
            last_reply = Some(id);
        }
        insert.execute(params![
            id.dialog.to_bytes(),
            integer(id.turn)?,
            id.n,
            kind.label(),
            channel,
            lane,
            effect.automatic,
            integer(effect.epoch)?,
            is_message || held && effect.automatic && kind.can_be_held(),
            rows::not_before(rows.turn.due),
            body,
        ])?;
    }
    if let Some(reply) = last_reply {
        let key = params![reply.dialog.to_bytes(), integer(reply.turn)?, reply.n];
        connection.prepare_cached(TAKE_ALONG)?.execute(key)?;
    }
    if has_message {
        delivery::promote(connection, rows.turn.dialog)?;
    }
    Ok(())
}

/// Broadcasts that wait go with the reply behind them.
pub(crate) const TAKE_ALONG: &str = "UPDATE outbox SET lane = 'reply', joined = 1
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND lane = 'broadcast'
         AND (turn, n) < (?2, ?3)";

/// The channel that a turn's messages go by. Asked after the dialog's row is written.
fn channel(connection: &Connection, turn: &TurnCommit) -> Result<String, Failure> {
    if turn.effects.is_empty() {
        return Ok(String::new());
    }
    Ok(connection
        .prepare_cached("SELECT channel FROM dialog WHERE id = ?1")?
        .query_row([turn.dialog.to_bytes()], |row| row.get(0))?)
}

fn write_timers(connection: &Connection, turn: &TurnCommit, held: bool) -> Result<(), Failure> {
    for change in &turn.timers {
        match change {
            TimerChange::Set {
                name,
                generation,
                due,
            } => connection
                .prepare_cached(
                    "INSERT INTO timer (dialog, name, generation, due, held)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (dialog, name)
                     DO UPDATE SET generation = excluded.generation, due = excluded.due,
                         held = excluded.held",
                )?
                .execute(params![
                    turn.dialog.to_bytes(),
                    name,
                    integer(*generation)?,
                    rows::not_before(*due),
                    held,
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
