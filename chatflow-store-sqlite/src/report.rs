//! What the outside reported, as it came, and what start links lead to.

use chatflow_core::{
    BotId, ChannelId, Committed, DialogId, EventKey, RawBody, Source, StoredUnclaimed, Unclaimed,
    codec, time,
};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::query::{all, one, page};
use crate::rows;

/// Keeps a report under the key of the event that was made of it.
pub(crate) fn keep_raw(
    connection: &Connection,
    dialog: DialogId,
    key: &EventKey,
    raw: &RawBody,
) -> Result<(), Failure> {
    connection
        .prepare_cached("INSERT INTO raw (dialog, key, body) VALUES (?1, ?2, ?3)")?
        .execute(params![dialog.to_bytes(), key.as_str(), raw.as_bytes()])?;
    Ok(())
}

pub(crate) fn raw(
    connection: &Connection,
    dialog: DialogId,
    key: &EventKey,
) -> Result<Option<RawBody>, Failure> {
    let sql = "SELECT body FROM raw WHERE dialog = ?1 AND key = ?2";
    one(
        connection,
        sql,
        params![dialog.to_bytes(), key.as_str()],
        |row| Ok(RawBody::from(row.get::<_, Vec<u8>>("body")?)),
    )
}

/// Keeps a report of which nothing was made, once.
pub(crate) fn keep_unclaimed(
    connection: &Connection,
    unclaimed: &Unclaimed,
) -> Result<Committed, Failure> {
    let kept = connection
        .prepare_cached(
            "INSERT INTO unclaimed (channel, key, at, reason, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (channel, key) DO NOTHING",
        )?
        .execute(params![
            unclaimed.channel.as_str(),
            unclaimed.key.as_str(),
            time::to_millis(unclaimed.at),
            unclaimed.reason,
            unclaimed.raw.as_bytes(),
        ])?;
    Ok(match kept {
        0 => Committed::Duplicate { revision: 0 },
        _ => Committed::APPLIED,
    })
}

pub(crate) fn unclaimed(
    connection: &Connection,
    channel: &ChannelId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<StoredUnclaimed>, Failure> {
    let after = after.map_or(-1, rows::bound);
    let key = params![channel.as_str(), after, page(limit)];
    all(connection, UNCLAIMED, key, |row| {
        Ok(StoredUnclaimed {
            n: rows::number(row, "n")?,
            unclaimed: Unclaimed {
                channel: channel.clone(),
                key: rows::event_key(row)?,
                at: rows::moment(row, "at")?,
                reason: row.get("reason")?,
                raw: RawBody::from(row.get::<_, Vec<u8>>("body")?),
            },
        })
    })
}

pub(crate) const UNCLAIMED: &str = "SELECT n, key, at, reason, body FROM unclaimed
     WHERE channel = ?1 AND n > ?2 ORDER BY n LIMIT ?3";

/// Keeps what a token leads to, in place of what it led to before.
pub(crate) fn put_source(
    connection: &Connection,
    bot: &BotId,
    token: &str,
    body: &[u8],
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO source (bot, token, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (bot, token) DO UPDATE SET body = excluded.body",
        )?
        .execute(params![bot.as_str(), token, body])?;
    Ok(())
}

pub(crate) fn source(
    connection: &Connection,
    bot: &BotId,
    token: &str,
) -> Result<Option<Source>, Failure> {
    let sql = "SELECT body FROM source WHERE bot = ?1 AND token = ?2";
    one(connection, sql, [bot.as_str(), token], |row| {
        let body: Vec<u8> = row.get("body")?;
        codec::decode(&body).map_err(|error| Failure::damaged("source", &error))
    })
}
