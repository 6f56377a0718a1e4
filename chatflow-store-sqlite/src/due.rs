//! What is due: timers, deliveries by channel and lane, dialogs that lag, queues and operators.

use chatflow_core::{ChannelId, Due, DueDelivery, DueQuery, DueTimer, Moment, SendLane, time};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::query::{all, one, page};
use crate::{people, rows};

pub(crate) fn due(connection: &Connection, query: &DueQuery) -> Result<Due, Failure> {
    let (now, limit) = (time::to_millis(query.now), page(query.limit));
    let timers = all(connection, DUE_TIMERS, params![now, limit], |row| {
        Ok(DueTimer {
            dialog: rows::dialog_id(row, "dialog")?,
            name: row.get("name")?,
            generation: rows::number(row, "generation")?,
            due: rows::moment(row, "due")?,
        })
    })?;
    let lagging = all(connection, LAGGING, [limit], |row| {
        rows::dialog_id(row, "dialog")
    })?;
    let mut deliveries = all(connection, DUE_BESIDE, params![now, limit], |row| {
        Ok(DueDelivery {
            effect: rows::effect_id(row)?,
            to: None,
            lane: SendLane::default(),
        })
    })?;
    let mut next = vec![
        one(connection, NEXT_TIMER, [now], |row| {
            rows::moment(row, "due")
        })?,
        next_of(connection, "", "", now)?,
        people::next_leaving(connection, now)?,
    ];
    for (channel, lane) in places(connection)? {
        next.push(next_of(connection, channel.as_str(), lane.label(), now)?);
        let key = params![channel.as_str(), lane.label(), now, limit];
        let mut messages = match query.skip.contains(&(channel.clone(), lane)) {
            true => Vec::new(),
            false => all(connection, DUE_MESSAGES, key, |row| {
                Ok(DueDelivery {
                    effect: rows::effect_id(row)?,
                    to: Some(rows::address(row)?),
                    lane,
                })
            })?,
        };
        deliveries.append(&mut messages);
    }
    Ok(Due {
        timers,
        deliveries,
        lagging,
        queues: people::due_queues(connection, limit)?,
        operators: people::due_operators(connection, now, limit)?,
        next: next.into_iter().flatten().min(),
    })
}

/// Where messages wait, replies before broadcasts. Each place is found by one step in the index
/// from the one before it, over all that wait there.
fn places(connection: &Connection) -> Result<Vec<(ChannelId, SendLane)>, Failure> {
    let mut places = Vec::new();
    let mut last = (String::new(), String::new());
    while let Some(next) = one(connection, NEXT_PLACE, params![last.0, last.1], |row| {
        Ok((row.get("channel")?, row.get("lane")?))
    })? {
        last = next;
        places.push((ChannelId::new(last.0.as_str()), rows::lane(&last.1)?));
    }
    // Stable: within a lane the channels stay in order.
    places.sort_by_key(|(_, lane)| *lane);
    Ok(places)
}

fn next_of(
    connection: &Connection,
    channel: &str,
    lane: &str,
    now: i64,
) -> Result<Option<Moment>, Failure> {
    let key = params![channel, lane, now];
    one(connection, NEXT_DELIVERY, key, |row| {
        rows::moment(row, "due")
    })
}

pub(crate) const DUE_TIMERS: &str = "SELECT dialog, name, generation, due FROM timer
     WHERE held = 0 AND due <= ?1 ORDER BY due, dialog, name LIMIT ?2";

/// What goes to no contact.
pub(crate) const DUE_BESIDE: &str = "SELECT dialog, turn, n FROM outbox
     WHERE state = 'ready' AND waiting = 0 AND channel = '' AND lane = '' AND due <= ?1
     ORDER BY due, dialog, turn, n LIMIT ?2";

pub(crate) const DUE_MESSAGES: &str = "SELECT o.dialog, o.turn, o.n, d.channel, d.external_id
     FROM outbox o CROSS JOIN dialog d ON d.id = o.dialog
     WHERE o.state = 'ready' AND o.waiting = 0 AND o.channel = ?1 AND o.lane = ?2 AND o.due <= ?3
     ORDER BY o.due, o.dialog, o.turn, o.n LIMIT ?4";

pub(crate) const NEXT_PLACE: &str = "SELECT channel, lane FROM outbox
     WHERE state = 'ready' AND waiting = 0 AND (channel, lane) > (?1, ?2)
     ORDER BY channel, lane LIMIT 1";

/// Holds lagging dialogs only, in the order of their ids.
pub(crate) const LAGGING: &str = "SELECT dialog FROM lagging ORDER BY dialog LIMIT ?1";

pub(crate) const NEXT_TIMER: &str =
    "SELECT due FROM timer WHERE held = 0 AND due > ?1 ORDER BY due LIMIT 1";

pub(crate) const NEXT_DELIVERY: &str = "SELECT due FROM outbox
     WHERE state = 'ready' AND waiting = 0 AND channel = ?1 AND lane = ?2 AND due > ?3
     ORDER BY due LIMIT 1";
