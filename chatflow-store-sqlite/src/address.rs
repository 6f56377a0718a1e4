//! Where addresses lead.

use chatflow_core::{Address, BotId, DialogId, TurnCommit};
use rusqlite::{Connection, params};

use crate::error::Failure;

/// Whether an address of a turn leads to another dialog, or a new dialog has none.
pub(crate) fn is_taken(
    connection: &Connection,
    turn: &TurnCommit,
    is_new: bool,
) -> Result<bool, Failure> {
    if let Some(to) = &turn.moved
        && leads_elsewhere(connection, &turn.bot, to, turn.dialog)?
    {
        return Ok(true);
    }
    match &turn.opened {
        _ if !is_new => Ok(false),
        Some(opened) => leads_elsewhere(connection, &turn.bot, &opened.address, turn.dialog),
        None => Ok(true),
    }
}

fn leads_elsewhere(
    connection: &Connection,
    bot: &BotId,
    address: &Address,
    dialog: DialogId,
) -> Result<bool, Failure> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM address
             WHERE bot = ?1 AND channel = ?2 AND external_id = ?3 AND dialog <> ?4",
        )?
        .exists(params![
            bot.as_str(),
            address.channel.as_str(),
            address.external_id(),
            dialog.to_bytes(),
        ])?)
}

/// Messages go to this address from now on, those that wait too; it leads to the dialog beside
/// the addresses before it.
pub(crate) fn move_to(
    connection: &Connection,
    turn: &TurnCommit,
    to: &Address,
) -> Result<(), Failure> {
    let dialog = turn.dialog.to_bytes();
    let (channel, external_id) = (to.channel.as_str(), to.external_id());
    connection
        .prepare_cached(
            "INSERT INTO address (bot, channel, external_id, dialog, contact)
             SELECT ?2, ?3, ?4, id, contact FROM dialog WHERE id = ?1
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![dialog, turn.bot.as_str(), channel, external_id])?;
    connection
        .prepare_cached("UPDATE dialog SET channel = ?2, external_id = ?3 WHERE id = ?1")?
        .execute(params![dialog, channel, external_id])?;
    connection
        .prepare_cached(MOVE_ENTRIES)?
        .execute(params![dialog, channel])?;
    Ok(())
}

pub(crate) const MOVE_ENTRIES: &str = "UPDATE outbox SET channel = ?2
     WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND channel <> ?2
         AND kind IN ('send', 'edit', 'delete')";
