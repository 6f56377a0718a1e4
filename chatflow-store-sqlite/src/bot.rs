//! The facts of bots, and what a pause holds.

use chatflow_core::{BotId, BotRow, DialogId, Moment, Usage, codec, time};
use rusqlite::{Connection, Row, params};

use crate::delivery::{promote, waits};
use crate::error::Failure;
use crate::query::{all, one};
use crate::revival::STAND_BACK;
use crate::rows;

pub(crate) fn row(connection: &Connection, id: BotId) -> Result<BotRow, Failure> {
    let sql = "SELECT paused_since, usage FROM bot WHERE id = ?1";
    let found = one(connection, sql, [id.as_str()], |row| {
        Ok((rows::optional_moment(row, "paused_since")?, usage(row)?))
    })?;
    let mut bot = BotRow::new(id);
    if let Some((paused_since, usage)) = found {
        (bot.paused_since, bot.usage) = (paused_since, usage);
    }
    Ok(bot)
}

fn usage(row: &Row<'_>) -> Result<Usage, Failure> {
    let Some(body) = row.get::<_, Option<Vec<u8>>>("usage")? else {
        return Ok(Usage::default());
    };
    codec::decode(&body).map_err(|error| Failure::damaged("usage", &error))
}

pub(crate) fn is_paused(connection: &Connection, bot: &BotId) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM bot WHERE id = ?1 AND paused_since IS NOT NULL";
    Ok(connection.prepare_cached(sql)?.exists([bot.as_str()])?)
}

/// Adds to what a bot has used. Read and written by the one writer, so nothing comes between.
pub(crate) fn add_usage(connection: &Connection, bot: &BotId, more: &Usage) -> Result<(), Failure> {
    let sum = row(connection, bot.clone())?.usage.plus(more);
    connection
        .prepare_cached(
            "INSERT INTO bot (id, usage) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET usage = excluded.usage",
        )?
        .execute(params![bot.as_str(), codec::encode(&sum)?])?;
    Ok(())
}

/// Pauses a bot or ends its pause; says whether that changed anything.
pub(crate) fn pause(
    connection: &Connection,
    bot: &BotId,
    since: Option<Moment>,
) -> Result<bool, Failure> {
    if is_paused(connection, bot)? == since.is_some() {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO bot (id, paused_since) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET paused_since = excluded.paused_since",
        )?
        .execute(params![bot.as_str(), since.map(time::to_millis)])?;
    connection
        .prepare_cached(HOLD_TIMERS)?
        .execute(params![bot.as_str(), since.is_some()])?;
    // Which entries wait is decided anew: of calls and the like at once, of messages by looking
    // for the first of each dialog.
    connection
        .prepare_cached(HOLD_BESIDE)?
        .execute([bot.as_str()])?;
    let mut dialogs: Vec<DialogId> =
        all(connection, DIALOGS_WITH_AUTOMATIC, [bot.as_str()], |row| {
            rows::dialog_id(row, "dialog")
        })?;
    dialogs.dedup();
    for dialog in dialogs {
        connection
            .prepare_cached(STAND_BACK)?
            .execute([dialog.to_bytes()])?;
        promote(connection, dialog)?;
    }
    Ok(true)
}

const HOLD_TIMERS: &str = "UPDATE timer SET held = ?2
     WHERE EXISTS (SELECT 1 FROM dialog d WHERE d.id = timer.dialog AND d.bot = ?1)";

pub(crate) const HOLD_BESIDE: &str = concat!(
    "UPDATE outbox SET waiting = ",
    waits!(),
    " WHERE state IN ('ready', 'in_flight') AND state = 'ready'
         AND kind NOT IN ('send', 'edit', 'delete') AND automatic = 1
         AND EXISTS (SELECT 1 FROM dialog d WHERE d.id = outbox.dialog AND d.bot = ?1)"
);

pub(crate) const DIALOGS_WITH_AUTOMATIC: &str = "SELECT o.dialog FROM outbox o
     CROSS JOIN dialog d ON d.id = o.dialog
     WHERE o.state IN ('ready', 'in_flight') AND o.state = 'ready' AND o.automatic = 1
         AND o.kind IN ('send', 'edit', 'delete') AND d.bot = ?1
     ORDER BY o.dialog, o.turn, o.n";
