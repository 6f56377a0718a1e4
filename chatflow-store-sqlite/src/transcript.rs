//! The transcript: who said what, and how its delivery stands.

use chatflow_core::{
    About, DialogId, Effect, EffectBody, EffectId, ExternalId, MessageRecord, Quote, TranscriptLine,
};
use rusqlite::{Connection, params};

use crate::error::Failure;
use crate::external;
use crate::query::{all, one, page};
use crate::rows::{self, bound};

pub(crate) fn transcript(
    connection: &Connection,
    dialog: DialogId,
    after: Option<EffectId>,
    limit: usize,
) -> Result<Vec<TranscriptLine>, Failure> {
    let (turn, n) = after.map_or((0, -1), |after| (bound(after.turn), i64::from(after.n)));
    let key = params![dialog.to_bytes(), turn, n, page(limit)];
    let mut lines = all(connection, LINES, key, |row| {
        let state: Option<String> = row.get("state")?;
        Ok(TranscriptLine {
            record: rows::message(&row.get::<_, Vec<u8>>("body")?)?,
            delivery: state
                .map(|label| rows::delivery_state(&label))
                .transpose()?,
            failure: rows::failure(row)?,
            ids: Vec::new(),
        })
    })?;
    let Some(last) = lines.last().map(|line| line.record.id) else {
        return Ok(lines);
    };
    let key = params![dialog.to_bytes(), turn, n, bound(last.turn), last.n];
    let ids = all(connection, IDS_OF_LINES, key, |row| {
        let id = ExternalId::new(row.get::<_, String>("external_id")?);
        Ok((rows::effect_id(row)?, id))
    })?;
    // Both are in the order of messages; what has no line is passed over.
    let mut ids = ids.into_iter().peekable();
    for line in &mut lines {
        while let Some((of, id)) = ids.next_if(|(of, _)| *of <= line.record.id) {
            if of == line.record.id {
                line.ids.push(id);
            }
        }
    }
    Ok(lines)
}

pub(crate) const LINES: &str = "SELECT m.body, o.state, o.failure
     FROM message m LEFT JOIN outbox o
         ON o.dialog = m.dialog AND o.turn = m.turn AND o.n = m.n
             AND o.kind IN ('send', 'edit', 'delete')
     WHERE m.dialog = ?1 AND (m.turn, m.n) > (?2, ?3)
     ORDER BY m.turn, m.n LIMIT ?4";

pub(crate) const IDS_OF_LINES: &str = "SELECT dialog, turn, n, external_id FROM external_id
     WHERE dialog = ?1 AND (turn, n) > (?2, ?3) AND (turn, n) <= (?4, ?5)
     ORDER BY turn, n, place";

/// One line.
pub(crate) fn line(
    connection: &Connection,
    id: EffectId,
) -> Result<Option<MessageRecord>, Failure> {
    let sql = "SELECT body FROM message WHERE dialog = ?1 AND turn = ?2 AND n = ?3";
    let key = params![id.dialog.to_bytes(), bound(id.turn), id.n];
    one(connection, sql, key, |row| {
        rows::message(&row.get::<_, Vec<u8>>("body")?)
    })
}

/// The message that an entry quotes, edits or deletes.
pub(crate) fn about(connection: &Connection, effect: &Effect) -> Result<Option<About>, Failure> {
    let dialog = effect.id.dialog;
    let (of, named) = match &effect.body {
        EffectBody::Edit { of, .. } | EffectBody::Delete { of } => (Some(*of), None),
        EffectBody::Send(message) => match message.quotes() {
            Some(Quote::Message(of)) => (Some(*of), None),
            Some(Quote::External(id)) => {
                (external::find_message(connection, dialog, id)?, Some(id))
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    // A message of another dialog is none of this one's.
    let of = of.filter(|of| of.dialog == dialog);
    let (mut ids, line) = match of {
        Some(of) => (external::ids_of(connection, of)?, line(connection, of)?),
        None => (Vec::new(), None),
    };
    if ids.is_empty() {
        ids.extend(named.cloned());
    }
    Ok(Some(About {
        at: line.as_ref().map(|line| line.at),
        message: line.map(|line| line.message),
        ids,
    }))
}
