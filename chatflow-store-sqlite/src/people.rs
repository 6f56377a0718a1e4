//! Operators, queues and sessions: what a turn's transaction changes of them, and how they are read.

use chatflow_core::{
    Completed, CompletionCause, DialogId, DialogSummary, DueOperator, DueQueue, Handling,
    MemberRow, Moment, Operator, OperatorId, OperatorRow, Queue, QueueGuard, QueueId, QueueRow,
    Revision, SessionRecord, Snapshot, SpaceId, TurnCommit, codec, time,
};
use rusqlite::{Connection, Row, params};

use crate::error::Failure;
use crate::query::{all, one, page, summaries, summary_columns};
use crate::rows::{self, PeopleColumns, assignee_label, integer};
use crate::turn::Stopped;

/// What of a turn's guards says no, if any does.
pub(crate) fn look(
    connection: &Connection,
    space: &SpaceId,
    turn: &TurnCommit,
    before: Option<&PeopleColumns>,
) -> Result<Option<Stopped>, Failure> {
    for guard in &turn.operators {
        let key = [space.as_str(), guard.operator.as_str()];
        let sql = "SELECT revision, load FROM operator WHERE space = ?1 AND id = ?2";
        let found = one(connection, sql, key, |row| {
            Ok((
                rows::number(row, "revision")?,
                rows::small_number(row, "load")?,
            ))
        })?;
        let Some((_, load)) = found.filter(|(revision, _)| *revision == guard.revision) else {
            return Ok(Some(Stopped::Outdated));
        };
        let operator = Some(&guard.operator);
        let had = before.and_then(|before| before.holder.as_ref()) == operator;
        let gets = turn.row.holder.as_ref() == operator && !had;
        if gets && guard.capacity.is_some_and(|capacity| load >= capacity) {
            return Ok(Some(Stopped::Full(guard.operator.clone())));
        }
    }
    if let Some(guard) = &turn.queue
        && let Some(revision) = guard.revision
        && revision_of(
            connection,
            QUEUE_REVISION,
            space.as_str(),
            guard.queue.as_str(),
        )?
        .is_none_or(|found| found != revision)
    {
        return Ok(Some(Stopped::Outdated));
    }
    Ok(None)
}

/// Keeps loads, offers and sessions as a turn says, and stirs the queues that this concerns.
pub(crate) fn apply(
    connection: &Connection,
    space: &SpaceId,
    turn: &TurnCommit,
    before: Option<&PeopleColumns>,
) -> Result<(), Failure> {
    let row = &turn.row;
    let held_before = before.and_then(|before| before.holder.as_ref());
    if held_before != row.holder.as_ref() {
        if let Some(operator) = held_before {
            change_load(connection, space, operator, -1)?;
            stir_queues_of(connection, space, operator)?;
        }
        if let Some(operator) = &row.holder {
            change_load(connection, space, operator, 1)?;
            take_part(connection, turn.dialog, operator)?;
            // What else is offered to him may be too much for him now.
            connection.prepare_cached(STIR_OFFERED)?.execute(params![
                space.as_str(),
                operator.as_str(),
                turn.dialog.to_bytes()
            ])?;
        }
    }
    let offered_before = before.map(|before| &before.offered);
    if offered_before.is_some_and(|before| *before != row.offered) {
        connection
            .prepare_cached("DELETE FROM dialog_offer WHERE dialog = ?1")?
            .execute([turn.dialog.to_bytes()])?;
    }
    if offered_before != Some(&row.offered) {
        for operator in &row.offered {
            offer(connection, turn.dialog, operator)?;
        }
    }
    if let Some((queue, _)) = &row.waits {
        let knows =
            |terms: &Option<(QueueId, Revision)>| terms.as_ref().is_some_and(|(of, _)| of == queue);
        let waits_as_before = before.is_some_and(|before| {
            let is_same = before.waits == row.waits && before.offered == row.offered;
            is_same && before.handling == row.handling
        });
        let knew = before.is_some_and(|before| knows(&before.terms));
        if !waits_as_before || knows(&row.terms) && !knew {
            connection
                .prepare_cached(
                    "UPDATE queue SET stirred = stirred + 1 WHERE space = ?1 AND id = ?2",
                )?
                .execute([space.as_str(), queue.as_str()])?;
        }
    }
    if let Some(guard) = &turn.queue {
        note_given(connection, space, guard)?;
    }
    for operator in &turn.missed {
        connection
            .prepare_cached("UPDATE operator SET missed = missed + 1 WHERE space = ?1 AND id = ?2")?
            .execute([space.as_str(), operator.as_str()])?;
    }
    // The open one last: at most one is open at any time, and so says an index.
    let (open, over): (Vec<_>, Vec<_>) = turn
        .sessions
        .iter()
        .partition(|session| session.completed.is_none());
    for session in over.into_iter().chain(open) {
        write_session(connection, turn.dialog, session)?;
    }
    Ok(())
}

fn change_load(
    connection: &Connection,
    space: &SpaceId,
    operator: &OperatorId,
    by: i64,
) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE operator SET load = load + ?3 WHERE space = ?1 AND id = ?2")?
        .execute(params![space.as_str(), operator.as_str(), by])?;
    Ok(())
}

pub(crate) fn take_part(
    connection: &Connection,
    dialog: DialogId,
    operator: &OperatorId,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO participant (dialog, operator) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![dialog.to_bytes(), operator.as_str()])?;
    Ok(())
}

pub(crate) fn offer(
    connection: &Connection,
    dialog: DialogId,
    operator: &OperatorId,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT INTO dialog_offer (dialog, operator) VALUES (?1, ?2)")?
        .execute(params![dialog.to_bytes(), operator.as_str()])?;
    Ok(())
}

fn stir_queues_of(
    connection: &Connection,
    space: &SpaceId,
    operator: &OperatorId,
) -> Result<(), Failure> {
    connection
        .prepare_cached(STIR_QUEUES_OF)?
        .execute([space.as_str(), operator.as_str()])?;
    Ok(())
}

pub(crate) const STIR_QUEUES_OF: &str = "UPDATE queue SET stirred = stirred + 1
     WHERE space = ?1
         AND id IN (SELECT queue FROM queue_member WHERE space = ?1 AND operator = ?2)";

pub(crate) const STIR_OFFERED: &str = "UPDATE queue SET stirred = stirred + 1
     WHERE space = ?1
         AND id IN (
             SELECT d.waits_queue FROM dialog_offer o CROSS JOIN dialog d ON d.id = o.dialog
             WHERE o.operator = ?2 AND o.dialog != ?3 AND d.space = ?1
                 AND d.waits_queue IS NOT NULL
         )";

/// Notes whom a queue's rule gave a dialog; who is no member any more isn't counted.
fn note_given(connection: &Connection, space: &SpaceId, guard: &QueueGuard) -> Result<(), Failure> {
    for operator in &guard.given {
        let key = [space.as_str(), guard.queue.as_str(), operator.as_str()];
        let noted = connection
            .prepare_cached(
                "UPDATE queue_member SET given = 1 + (
                     SELECT q.given FROM queue q WHERE q.space = ?1 AND q.id = ?2
                 ) WHERE space = ?1 AND queue = ?2 AND operator = ?3",
            )?
            .execute(key)?;
        if noted > 0 {
            connection
                .prepare_cached("UPDATE queue SET given = given + 1 WHERE space = ?1 AND id = ?2")?
                .execute([space.as_str(), guard.queue.as_str()])?;
        }
    }
    Ok(())
}

pub(crate) fn write_session(
    connection: &Connection,
    dialog: DialogId,
    session: &SessionRecord,
) -> Result<(), Failure> {
    let completed = session.completed.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO session (dialog, number, parent, handling, queue, assignee, opened_at,
                 first_turn, completed_at, completed_turn, cause)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (dialog, number) DO UPDATE SET parent = excluded.parent,
                 handling = excluded.handling, queue = excluded.queue,
                 assignee = excluded.assignee, opened_at = excluded.opened_at,
                 first_turn = excluded.first_turn, completed_at = excluded.completed_at,
                 completed_turn = excluded.completed_turn, cause = excluded.cause",
        )?
        .execute(params![
            dialog.to_bytes(),
            session.number,
            session.parent,
            session.handling.label(),
            session.queue.as_ref().map(|queue| queue.as_str()),
            assignee_label(&session.assignee),
            time::to_millis(session.opened_at),
            integer(session.first_turn)?,
            completed.map(|completed| time::to_millis(completed.at)),
            completed
                .map(|completed| integer(completed.turn))
                .transpose()?,
            completed.map(|completed| completed.cause.label()),
        ])?;
    Ok(())
}

/// What a dialog that was there before these columns says of people, from its snapshot.
pub(crate) fn fill(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let (row, dialog) = (snapshot.row(), snapshot.dialog);
    let (terms, waits) = (row.terms.as_ref(), row.waits.as_ref());
    let terms_revision = terms.map(|(_, revision)| rows::bound(*revision));
    connection
        .prepare_cached(
            "UPDATE dialog SET session = ?2, handling = ?3, queue = ?4, terms_queue = ?5,
                 terms_revision = ?6, waits_queue = ?7, waits_since = ?8, holder = ?9,
                 offered = ?10, line = ?11, acknowledged = ?12
             WHERE id = ?1",
        )?
        .execute(params![
            dialog.to_bytes(),
            row.session,
            row.handling.map(Handling::label),
            row.queue.as_ref().map(|queue| queue.as_str()),
            terms.map(|(queue, _)| queue.as_str()),
            terms_revision,
            waits.map(|(queue, _)| queue.as_str()),
            waits.map(|(_, since)| time::to_millis(*since)),
            row.holder.as_ref().map(|holder| holder.as_str()),
            rows::bound(row.offered.len() as u64),
            row.line.number(),
            row.acknowledged,
        ])?;
    for operator in &row.offered {
        offer(connection, dialog, operator)?;
    }
    if let Some(holder) = &row.holder {
        take_part(connection, dialog, holder)?;
    }
    let sessions = [snapshot.last_session.clone(), snapshot.session_record()];
    for session in sessions.into_iter().flatten() {
        write_session(connection, dialog, &session).map_err(|failure| match failure {
            Failure::Sql(error) => error,
            other => rusqlite::Error::ToSqlConversionFailure(Box::new(other)),
        })?;
    }
    Ok(())
}

// ---- rows that are saved

/// An operator's row, if it is still at the revision expected.
pub(crate) fn save_operator(
    connection: &Connection,
    operator: &Operator,
    expected: Revision,
) -> Result<Result<(), Stopped>, Failure> {
    let (space, id) = (operator.space.as_str(), operator.id.as_str());
    let found = revision_of(connection, OPERATOR_REVISION, space, id)?.unwrap_or(0);
    if found != expected || expected.checked_add(1) != Some(operator.revision) {
        return Ok(Err(Stopped::Conflict(found)));
    }
    connection.prepare_cached(SAVE_OPERATOR)?.execute(params![
        space,
        id,
        integer(operator.revision)?,
        operator.leaves_at.map(rows::not_before),
        codec::encode(operator)?,
    ])?;
    stir_queues_of(connection, &operator.space, &operator.id)?;
    Ok(Ok(()))
}

pub(crate) const SAVE_OPERATOR: &str =
    "INSERT INTO operator (space, id, revision, load, missed, leaves_at, body)
     VALUES (?1, ?2, ?3,
         (SELECT count(*) FROM dialog
          WHERE space = ?1 AND holder = ?2 AND holder IS NOT NULL),
         0, ?4, ?5)
     ON CONFLICT (space, id) DO UPDATE SET revision = excluded.revision,
         leaves_at = excluded.leaves_at, body = excluded.body";

/// A queue's row, if it is still at the revision expected.
pub(crate) fn save_queue(
    connection: &Connection,
    queue: &Queue,
    expected: Revision,
) -> Result<Result<(), Stopped>, Failure> {
    let key = [queue.space.as_str(), queue.id.as_str()];
    let found = revision_of(connection, QUEUE_REVISION, key[0], key[1])?.unwrap_or(0);
    if found != expected || expected.checked_add(1) != Some(queue.revision) {
        return Ok(Err(Stopped::Conflict(found)));
    }
    connection
        .prepare_cached(
            "INSERT INTO queue (space, id, revision, stirred, distributed, given, body)
             VALUES (?1, ?2, ?3, 1, 0, 0, ?4)
             ON CONFLICT (space, id) DO UPDATE SET revision = excluded.revision,
                 stirred = stirred + 1, body = excluded.body",
        )?
        .execute(params![
            key[0],
            key[1],
            integer(queue.revision)?,
            codec::encode(queue)?,
        ])?;
    let sql = "SELECT operator FROM queue_member WHERE space = ?1 AND queue = ?2";
    let members = all(connection, sql, key, |row| operator_id(row, "operator"))?;
    for gone in members.iter().filter(|id| !queue.members.contains(*id)) {
        connection
            .prepare_cached(
                "DELETE FROM queue_member WHERE space = ?1 AND queue = ?2 AND operator = ?3",
            )?
            .execute([key[0], key[1], gone.as_str()])?;
    }
    for member in &queue.members {
        connection
            .prepare_cached(
                "INSERT INTO queue_member (space, queue, operator) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute([key[0], key[1], member.as_str()])?;
    }
    Ok(Ok(()))
}

const OPERATOR_REVISION: &str = "SELECT revision FROM operator WHERE space = ?1 AND id = ?2";
const QUEUE_REVISION: &str = "SELECT revision FROM queue WHERE space = ?1 AND id = ?2";

fn revision_of(
    connection: &Connection,
    sql: &str,
    space: &str,
    id: &str,
) -> Result<Option<Revision>, Failure> {
    one(connection, sql, [space, id], |row| {
        rows::number(row, "revision")
    })
}

/// Notes that a queue was distributed as it was. More than it was stirred would hide what stirs it
/// next.
pub(crate) fn distributed(connection: &Connection, queue: &DueQueue) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE queue SET distributed = max(distributed, min(?3, stirred))
             WHERE space = ?1 AND id = ?2",
        )?
        .execute(params![
            queue.space.as_str(),
            queue.queue.as_str(),
            rows::bound(queue.stirred),
        ])?;
    Ok(())
}

// ---- reading

pub(crate) fn operator(
    connection: &Connection,
    space: &SpaceId,
    id: &OperatorId,
) -> Result<Option<OperatorRow>, Failure> {
    let sql = "SELECT body, load, missed FROM operator WHERE space = ?1 AND id = ?2";
    let key = [space.as_str(), id.as_str()];
    one(connection, sql, key, operator_row)
}

pub(crate) fn operators(
    connection: &Connection,
    space: &SpaceId,
    after: Option<&OperatorId>,
    limit: usize,
) -> Result<Vec<OperatorRow>, Failure> {
    let after = after.map_or("", OperatorId::as_str);
    let key = params![space.as_str(), after, page(limit)];
    all(connection, OPERATORS, key, operator_row)
}

pub(crate) const OPERATORS: &str = "SELECT body, load, missed FROM operator
     WHERE space = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

pub(crate) fn queue(
    connection: &Connection,
    space: &SpaceId,
    id: &QueueId,
) -> Result<Option<QueueRow>, Failure> {
    let sql = "SELECT body, stirred FROM queue WHERE space = ?1 AND id = ?2";
    one(connection, sql, [space.as_str(), id.as_str()], queue_row)
}

pub(crate) fn queues(
    connection: &Connection,
    space: &SpaceId,
    after: Option<&QueueId>,
    limit: usize,
) -> Result<Vec<QueueRow>, Failure> {
    let after = after.map_or("", QueueId::as_str);
    let key = params![space.as_str(), after, page(limit)];
    all(connection, QUEUES, key, queue_row)
}

pub(crate) const QUEUES: &str = "SELECT body, stirred FROM queue
     WHERE space = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

pub(crate) fn members(
    connection: &Connection,
    space: &SpaceId,
    queue: &QueueId,
) -> Result<Vec<MemberRow>, Failure> {
    let key = [space.as_str(), queue.as_str()];
    all(connection, MEMBERS, key, |row| {
        let is_known = row.get_ref("body")? != rusqlite::types::ValueRef::Null;
        Ok(MemberRow {
            operator: operator_id(row, "operator")?,
            row: is_known.then(|| operator_row(row)).transpose()?,
            given: rows::number(row, "given")?,
        })
    })
}

pub(crate) const MEMBERS: &str = "SELECT m.operator, m.given, o.body, o.load, o.missed
     FROM queue_member m LEFT JOIN operator o ON o.space = m.space AND o.id = m.operator
     WHERE m.space = ?1 AND m.queue = ?2 ORDER BY m.operator";

pub(crate) fn waiting(
    connection: &Connection,
    (space, queue): (&SpaceId, &QueueId),
    after: Option<(Moment, DialogId)>,
    limit: usize,
) -> Result<Vec<DialogSummary>, Failure> {
    let (since, id) = match after {
        Some((since, id)) => (time::to_millis(since), id.to_bytes().to_vec()),
        None => (i64::MIN, Vec::new()),
    };
    let key = params![space.as_str(), queue.as_str(), since, id, page(limit)];
    summaries(connection, WAITING, key)
}

pub(crate) const WAITING: &str = concat!(
    summary_columns!(),
    "WHERE space = ?1 AND waits_queue = ?2 AND waits_queue IS NOT NULL
         AND (waits_since, id) > (?3, ?4)
     ORDER BY waits_since, id LIMIT ?5"
);

pub(crate) fn sessions(
    connection: &Connection,
    dialog: DialogId,
    after: Option<u32>,
    limit: usize,
) -> Result<Vec<SessionRecord>, Failure> {
    let after = after.map_or(-1, i64::from);
    let key = params![dialog.to_bytes(), after, page(limit)];
    all(connection, SESSIONS, key, session)
}

pub(crate) const SESSIONS: &str = "SELECT number, parent, handling, queue, assignee, opened_at,
         first_turn, completed_at, completed_turn, cause FROM session
     WHERE dialog = ?1 AND number > ?2 ORDER BY number LIMIT ?3";

pub(crate) fn due_queues(connection: &Connection, limit: i64) -> Result<Vec<DueQueue>, Failure> {
    all(connection, DUE_QUEUES, [limit], |row| {
        Ok(DueQueue {
            space: SpaceId::new(row.get::<_, String>("space")?),
            queue: QueueId::new(row.get::<_, String>("id")?),
            stirred: rows::number(row, "stirred")?,
        })
    })
}

/// The index holds due queues only, in their order.
pub(crate) const DUE_QUEUES: &str =
    "SELECT space, id, stirred FROM queue WHERE stirred > distributed ORDER BY space, id LIMIT ?1";

pub(crate) fn due_operators(
    connection: &Connection,
    now: i64,
    limit: i64,
) -> Result<Vec<DueOperator>, Failure> {
    all(connection, DUE_OPERATORS, [now, limit], |row| {
        Ok(DueOperator {
            space: SpaceId::new(row.get::<_, String>("space")?),
            operator: operator_id(row, "id")?,
        })
    })
}

pub(crate) const DUE_OPERATORS: &str = "SELECT space, id FROM operator
     WHERE leaves_at <= ?1 ORDER BY leaves_at, space, id LIMIT ?2";

pub(crate) fn next_leaving(connection: &Connection, now: i64) -> Result<Option<Moment>, Failure> {
    one(connection, NEXT_LEAVING, [now], |row| {
        rows::moment(row, "leaves_at")
    })
}

pub(crate) const NEXT_LEAVING: &str =
    "SELECT leaves_at FROM operator WHERE leaves_at > ?1 ORDER BY leaves_at LIMIT 1";

// ---- rows

fn operator_id(row: &Row<'_>, column: &str) -> Result<OperatorId, Failure> {
    Ok(OperatorId::new(row.get::<_, String>(column)?))
}

fn operator_row(row: &Row<'_>) -> Result<OperatorRow, Failure> {
    let body: Vec<u8> = row.get("body")?;
    let operator = codec::decode(&body).map_err(|error| Failure::damaged("operator", &error))?;
    Ok(OperatorRow {
        operator,
        load: rows::small_number(row, "load")?,
        missed: rows::number(row, "missed")?,
    })
}

fn queue_row(row: &Row<'_>) -> Result<QueueRow, Failure> {
    let body: Vec<u8> = row.get("body")?;
    let queue = codec::decode(&body).map_err(|error| Failure::damaged("queue", &error))?;
    Ok(QueueRow {
        queue,
        stirred: rows::number(row, "stirred")?,
    })
}

fn session(row: &Row<'_>) -> Result<SessionRecord, Failure> {
    let completed = match rows::optional_moment(row, "completed_at")? {
        None => None,
        Some(at) => Some(Completed {
            at,
            turn: rows::number(row, "completed_turn")?,
            cause: cause(row)?,
        }),
    };
    let parent: Option<u32> = row.get("parent")?;
    let Some(handling) = rows::handling(row)? else {
        return Err(Failure::Damaged("column handling is empty".to_owned()));
    };
    Ok(SessionRecord {
        number: rows::small_number(row, "number")?,
        parent,
        handling,
        queue: row.get::<_, Option<String>>("queue")?.map(QueueId::from),
        assignee: rows::assignee(row)?,
        opened_at: rows::moment(row, "opened_at")?,
        first_turn: rows::number(row, "first_turn")?,
        completed,
    })
}

fn cause(row: &Row<'_>) -> Result<CompletionCause, Failure> {
    let label: String = row.get("cause")?;
    rows::find(&CAUSES, "cause", |cause| cause.label() == label)
}

const CAUSES: [CompletionCause; 4] = [
    CompletionCause::ByHand,
    CompletionCause::Timeout,
    CompletionCause::HandedOver,
    CompletionCause::Transferred,
];
