//! The channel's own ids of messages, and what it reports of them by these.

use std::collections::BTreeMap;

use chatflow_core::{
    DeliveryState, DialogId, EffectId, ExternalId, FailureReason, ReceiptState, Receipted, time,
};
use rusqlite::{Connection, Rows, params};

use crate::error::Failure;
use crate::query::{all, one};
use crate::rows::{self, bound, integer};

/// Keeps ids of a message, after those it has.
pub(crate) fn add(
    connection: &Connection,
    message: EffectId,
    ids: &[ExternalId],
) -> Result<(), Failure> {
    let mut insert = connection.prepare_cached(ADD)?;
    for id in ids {
        insert.execute(params![
            message.dialog.to_bytes(),
            integer(message.turn)?,
            message.n,
            id.as_str(),
        ])?;
    }
    Ok(())
}

pub(crate) const ADD: &str = "INSERT INTO external_id (dialog, turn, n, place, external_id)
     VALUES (?1, ?2, ?3, coalesce((
         SELECT max(place) + 1 FROM external_id WHERE dialog = ?1 AND turn = ?2 AND n = ?3
     ), 0), ?4)";

/// Forgets the ids of a message.
pub(crate) fn forget(connection: &Connection, message: EffectId) -> Result<(), Failure> {
    connection.prepare_cached(FORGET)?.execute(params![
        message.dialog.to_bytes(),
        integer(message.turn)?,
        message.n
    ])?;
    Ok(())
}

pub(crate) const FORGET: &str = "DELETE FROM external_id
     WHERE dialog = ?1 AND turn = ?2 AND n = ?3";

/// The ids of a message, in order.
pub(crate) fn ids_of(
    connection: &Connection,
    message: EffectId,
) -> Result<Vec<ExternalId>, Failure> {
    let key = params![message.dialog.to_bytes(), bound(message.turn), message.n];
    all(connection, IDS_OF, key, |row| {
        Ok(ExternalId::new(row.get::<_, String>("external_id")?))
    })
}

pub(crate) const IDS_OF: &str = "SELECT external_id FROM external_id
     WHERE dialog = ?1 AND turn = ?2 AND n = ?3 ORDER BY place";

/// The latest message with this id.
pub(crate) fn find_message(
    connection: &Connection,
    dialog: DialogId,
    id: &ExternalId,
) -> Result<Option<EffectId>, Failure> {
    let key = params![dialog.to_bytes(), id.as_str()];
    one(connection, FIND_MESSAGE, key, rows::effect_id)
}

pub(crate) const FIND_MESSAGE: &str = "SELECT dialog, turn, n FROM external_id
     WHERE dialog = ?1 AND external_id = ?2 ORDER BY turn DESC, n DESC LIMIT 1";

/// Records what the channel reports of messages; gives those that it changed.
pub(crate) fn mark(
    connection: &Connection,
    dialog: DialogId,
    of: &Receipted,
    receipt: ReceiptState,
) -> Result<Vec<EffectId>, Failure> {
    let named = named(connection, dialog, of, receipt)?;
    let failure = match receipt {
        ReceiptState::Failed(reason) => Some(FailureReason::label(reason)),
        ReceiptState::Delivered | ReceiptState::Read => None,
    };
    let mut changed = Vec::new();
    for (id, state) in named {
        let Some(state) = state.after(receipt) else {
            continue;
        };
        connection
            .prepare_cached(
                "UPDATE outbox SET state = ?4, failure = ?5
                 WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
            )?
            .execute(params![
                dialog.to_bytes(),
                integer(id.turn)?,
                id.n,
                state.label(),
                failure,
            ])?;
        changed.push(id);
    }
    Ok(changed)
}

/// The messages that a receipt speaks of and that the channel took, in order and each once.
fn named(
    connection: &Connection,
    dialog: DialogId,
    of: &Receipted,
    receipt: ReceiptState,
) -> Result<BTreeMap<EffectId, DeliveryState>, Failure> {
    let dialog = dialog.to_bytes();
    let mut named = BTreeMap::new();
    match of {
        Receipted::These(ids) => {
            let mut statement = connection.prepare_cached(TAKEN_BY_ID)?;
            for id in ids {
                collect(statement.query(params![dialog, id.as_str()])?, &mut named)?;
            }
        }
        Receipted::SentUntil(until) => {
            let until = time::to_millis(*until);
            let mut statement = connection.prepare_cached(TAKEN_UNTIL)?;
            let states = DeliveryState::ALL.into_iter();
            // Only those that it changes: of a long dialog they are few.
            for state in states.filter(|state| state.after(receipt).is_some()) {
                let key = params![dialog, state.label(), until];
                collect(statement.query(key)?, &mut named)?;
            }
        }
    }
    Ok(named)
}

fn collect(
    mut found: Rows<'_>,
    named: &mut BTreeMap<EffectId, DeliveryState>,
) -> Result<(), Failure> {
    while let Some(row) = found.next()? {
        let state = rows::delivery_state(&row.get::<_, String>("state")?)?;
        named.insert(rows::effect_id(row)?, state);
    }
    Ok(())
}

// What was given up before the channel took it can't have arrived.
pub(crate) const TAKEN_BY_ID: &str = "SELECT o.dialog, o.turn, o.n, o.state
     FROM external_id e CROSS JOIN outbox o
         ON o.dialog = e.dialog AND o.turn = e.turn AND o.n = e.n
     WHERE e.dialog = ?1 AND e.external_id = ?2 AND o.taken_at IS NOT NULL";

pub(crate) const TAKEN_UNTIL: &str = "SELECT dialog, turn, n, state FROM outbox
     WHERE dialog = ?1 AND state = ?2 AND taken_at IS NOT NULL AND taken_at <= ?3";
