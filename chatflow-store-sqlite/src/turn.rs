//! What a commit writes.

use chatflow_core::{
    CancelScope, Committed, Contact, Definition, DialogId, EffectId, Handling, OperatorId,
    RefusedEvent, Revision, SendLane, SpaceId, Status, StatusKind, TimerChange, TurnCommit, codec,
    time,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Failure;
use crate::rows::{self, EntryKind, PeopleColumns, TurnRows, assignee_label, integer, side_label};
use crate::{address, bot, delivery, external, people, query, report};

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The revision found where another was expected.
    Conflict(Revision),
    /// An operator has no room.
    Full(OperatorId),
    /// A row isn't the one that was looked at.
    Outdated,
}

/// One turn. All that can refuse it is read before the first row is written: a refused turn
/// leaves its group alone.
pub(crate) fn commit(
    connection: &Connection,
    rows: &TurnRows,
) -> Result<Result<Committed, Stopped>, Failure> {
    let turn = &rows.turn;
    let stored = stored(connection, turn.dialog)?;
    let found = stored.as_ref().map_or(0, |stored| stored.revision);
    if is_seen(connection, turn.dialog, turn.key.as_str())? {
        return Ok(Ok(Committed::Duplicate { revision: found }));
    }
    if found != turn.expected {
        return Ok(Err(Stopped::Conflict(found)));
    }
    let is_new = stored.is_none();
    if address::is_taken(connection, turn, is_new)? {
        return Ok(Err(Stopped::Conflict(found)));
    }
    let space = match &stored {
        Some(stored) => stored.space.clone(),
        None => space_of_new(connection, turn)?,
    };
    let people_before = stored.as_ref().map(|stored| &stored.people);
    if let Some(stopped) = people::look(connection, &space, turn, people_before)? {
        return Ok(Err(stopped));
    }
    let people_now = PeopleColumns::of(&turn.row);
    match people_before {
        None => open(connection, rows, &space)?,
        Some(before) => update(connection, turn, *before != people_now)?,
    }
    people::apply(connection, &space, turn, people_before)?;
    let status_before = stored.as_ref().map(|stored| stored.status.as_str());
    count(connection, turn, status_before)?;
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
    let revision = stored(connection, refused.dialog)?.map_or(0, |stored| stored.revision);
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
) -> Result<Result<(), Stopped>, Failure> {
    let id = contact.id.to_bytes();
    let found = connection
        .prepare_cached("SELECT revision FROM contact WHERE id = ?1")?
        .query_row([id], |row| Ok(rows::number(row, "revision")))
        .optional()?
        .transpose()?
        .unwrap_or(0);
    if found != expected || expected.checked_add(1) != Some(contact.view.revision) {
        return Ok(Err(Stopped::Conflict(found)));
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

/// What a turn has to know of its dialog's row.
struct Stored {
    revision: Revision,
    status: String,
    space: SpaceId,
    people: PeopleColumns,
}

fn stored(connection: &Connection, dialog: DialogId) -> Result<Option<Stored>, Failure> {
    let sql = "SELECT revision, status, space, assignee, session, handling, queue, terms_queue,
             terms_revision, waits_queue, waits_since, holder, offered, line, acknowledged
         FROM dialog WHERE id = ?1";
    let found = query::one(connection, sql, [dialog.to_bytes()], |row| {
        let stored = Stored {
            revision: rows::number(row, "revision")?,
            status: row.get("status")?,
            space: SpaceId::new(row.get::<_, String>("space")?),
            people: PeopleColumns::read(row)?,
        };
        Ok((stored, rows::offered(row)?))
    })?;
    let Some((mut stored, offered)) = found else {
        return Ok(None);
    };
    stored.people.offered = query::offered_to(connection, dialog, offered)?;
    Ok(Some(stored))
}

/// The space that a new dialog will be in: that of its contact's row, where there is one.
fn space_of_new(connection: &Connection, turn: &TurnCommit) -> Result<SpaceId, Failure> {
    let Some(opened) = &turn.opened else {
        return Err(Failure::Misuse(
            "a new dialog wants the rows it is opened with",
        ));
    };
    let sql = "SELECT space FROM contact WHERE id = ?1";
    let found = query::one(connection, sql, [opened.contact.id.to_bytes()], |row| {
        Ok(SpaceId::new(row.get::<_, String>("space")?))
    })?;
    Ok(found.unwrap_or_else(|| opened.contact.space.clone()))
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

/// The columns of a turn that every write of a dialog has, those of people first, then more.
macro_rules! columns {
    ($turn:expr $(, $more:expr)* $(,)?) => {
        params![
            $turn.dialog.to_bytes(),
            assignee_label(&$turn.row.assignee),
            $turn.row.session,
            $turn.row.handling.map(Handling::label),
            $turn.row.queue.as_ref().map(|queue| queue.as_str()),
            $turn.row.terms.as_ref().map(|(queue, _)| queue.as_str()),
            $turn.row.terms.as_ref().map(|(_, at)| integer(*at)).transpose()?,
            $turn.row.waits.as_ref().map(|(queue, _)| queue.as_str()),
            $turn.row.waits.as_ref().map(|(_, since)| time::to_millis(*since)),
            $turn.row.holder.as_ref().map(|holder| holder.as_str()),
            integer($turn.row.offered.len() as u64)?,
            $turn.row.line.number(),
            $turn.row.acknowledged,
            integer($turn.expected + 1)?,
            $turn.row.status.label(),
            $turn.row.label.as_ref().map(|label| label.as_str()),
            $turn.row.flow.as_ref().map(|flow| flow.as_str()),
            $turn.row.version,
            $turn.row.step.as_ref().map(|step| step.as_str()),
            $turn.row.last_side.map(side_label),
            $turn.row.needs_reply_since.map(time::to_millis),
            $turn.row.heard_at.map(time::to_millis),
            time::to_millis($turn.row.last_at),
            integer($turn.row.fence)?,
            $turn.row.can_send,
            integer($turn.row.contact_revision)?,
            $turn.snapshot
            $(, $more)*
        ]
    };
}
fn open(connection: &Connection, rows: &TurnRows, space: &SpaceId) -> Result<(), Failure> {
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
    connection
        .prepare_cached(
            "INSERT INTO dialog (id, assignee, session, handling, queue, terms_queue, terms_revision,
                 waits_queue, waits_since, holder, offered, line, acknowledged, revision, status,
                 label, flow, version, step, last_side, needs_reply_since, heard_at, last_at, fence,
                 can_send, contact_revision, snapshot, bot, channel, external_id, contact, space)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
        )?
        .execute(columns!(
            turn,
            turn.bot.as_str(),
            channel,
            external_id,
            contact,
            space.as_str(),
        ))?;
    Ok(())
}

/// Most turns change nothing of people, and leave the indexes of those columns alone: SQLite writes
/// every index of a column that is set, also where the value is the same.
fn update(connection: &Connection, turn: &TurnCommit, people: bool) -> Result<(), Failure> {
    let sql = if people { UPDATE_PEOPLE } else { UPDATE };
    connection.prepare_cached(sql)?.execute(columns!(turn))?;
    Ok(())
}

/// The columns that are not of people: ?2 to ?13 are left out.
macro_rules! other_columns {
    () => {
        "revision = ?14, status = ?15, label = ?16, flow = ?17, version = ?18, step = ?19,
             last_side = ?20, needs_reply_since = ?21, heard_at = ?22, last_at = ?23, fence = ?24,
             can_send = ?25, contact_revision = ?26, snapshot = ?27
         WHERE id = ?1"
    };
}

const UPDATE: &str = concat!("UPDATE dialog SET ", other_columns!());

const UPDATE_PEOPLE: &str = concat!(
    "UPDATE dialog SET assignee = ?2, session = ?3, handling = ?4, queue = ?5, terms_queue = ?6,
         terms_revision = ?7, waits_queue = ?8, waits_since = ?9, holder = ?10, offered = ?11,
         line = ?12, acknowledged = ?13, ",
    other_columns!()
);

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
