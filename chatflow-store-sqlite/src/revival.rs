//! Sending after all what was given up.

use chatflow_core::{Effect, EffectBody, EffectId, Moment, SendLane, codec};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::delivery::{promote, waits};
use crate::error::Failure;
use crate::rows::{self, EntryKind, integer};
use crate::{external, transcript};

/// Makes a dead entry ready again; says whether it was dead.
pub(crate) fn revive(
    connection: &Connection,
    effect: EffectId,
    now: Moment,
) -> Result<bool, Failure> {
    let dead = connection
        .prepare_cached(
            "SELECT automatic, epoch, lane, joined, kind, taken_at, body FROM outbox
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3 AND state = 'dead'",
        )?
        .query_row(
            params![effect.dialog.to_bytes(), rows::bound(effect.turn), effect.n],
            |row| Ok(Dead::read(row)),
        )
        .optional()?
        .transpose()?;
    let Some(dead) = dead else {
        return Ok(false);
    };
    let body = match &dead.body {
        Some(body) => wanted(body, dead.is_message)?,
        None => dead.restore(connection, effect)?,
    };
    if dead.was_taken {
        external::forget(connection, effect)?;
    }
    connection
        .prepare_cached(concat!(
            "UPDATE outbox SET state = 'ready', attempts = 0, due = ?5,
                     automatic = CASE ?4 WHEN 1 THEN 0 ELSE automatic END,
                     part = CASE WHEN taken_at IS NULL THEN part ELSE 0 END, taken_at = NULL,
                     failure = NULL, body = ?6, channel = CASE ?4 WHEN 1 THEN
                         (SELECT channel FROM dialog WHERE id = ?1)
                     ELSE channel END, waiting = ",
            waits!(),
            " WHERE dialog = ?1 AND turn = ?2 AND n = ?3"
        ))?
        .execute(params![
            effect.dialog.to_bytes(),
            integer(effect.turn)?,
            effect.n,
            dead.is_message,
            rows::not_before(now),
            body,
        ])?;
    if dead.is_message {
        // It is before others again: which of them is the first is looked at anew.
        connection
            .prepare_cached(STAND_BACK)?
            .execute([effect.dialog.to_bytes()])?;
        promote(connection, effect.dialog)?;
    }
    Ok(true)
}

/// The stored form of an entry that somebody wants now, whoever decided it.
fn wanted(body: &[u8], is_message: bool) -> Result<Vec<u8>, Failure> {
    if !is_message {
        return Ok(body.to_vec());
    }
    let mut effect: Effect =
        codec::decode(body).map_err(|error| Failure::damaged("effect", &error))?;
    effect.automatic = false;
    Ok(codec::encode(&effect)?)
}

pub(crate) const STAND_BACK: &str = "UPDATE outbox SET waiting = 1
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND state = 'ready' AND waiting = 0
         AND kind IN ('send', 'edit', 'delete')";

/// An entry that was given up.
struct Dead {
    is_message: bool,
    /// The channel had it, and reported later that it was lost.
    was_taken: bool,
    automatic: bool,
    epoch: u64,
    lane: String,
    joined: bool,
    body: Option<Vec<u8>>,
}

impl Dead {
    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        Ok(Self {
            is_message: EntryKind::read(row)?.is_for_contact(),
            was_taken: row.get::<_, Option<i64>>("taken_at")?.is_some(),
            automatic: row.get("automatic")?,
            epoch: rows::number(row, "epoch")?,
            lane: row.get("lane")?,
            joined: row.get("joined")?,
            body: row.get("body")?,
        })
    }

    /// The body that went when the channel took it, again: from the transcript.
    fn restore(&self, connection: &Connection, id: EffectId) -> Result<Vec<u8>, Failure> {
        let line = transcript::line(connection, id)?;
        let line =
            line.ok_or_else(|| Failure::Damaged("an outbox entry has no body".to_owned()))?;
        Ok(codec::encode(&Effect {
            id,
            automatic: self.automatic && !self.is_message,
            epoch: self.epoch,
            lane: match self.joined {
                true => SendLane::Broadcast,
                false => rows::lane(&self.lane)?,
            },
            body: EffectBody::Send(line.message),
        })?)
    }
}
