//! The outbox: starting deliveries and recording how they ended.

use chatflow_core::{
    Begun, ContactId, ContactPatch, Delivery, DeliveryState, DialogId, EffectId, FailureReason,
    Moment, Settled, Settlement, codec, time,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::rows::{self, EntryKind, integer};
use crate::{external, transcript};

/// What `waiting` is of an entry that becomes ready: a message waits until it is the first, and
/// what automation decided while its bot is paused waits for the end of the pause.
macro_rules! waits {
    () => {
        "(kind IN ('send', 'edit', 'delete') OR kind <> 'patch' AND automatic = 1 AND EXISTS (
             SELECT 1 FROM dialog d JOIN bot b ON b.id = d.bot
             WHERE d.id = outbox.dialog AND b.paused_since IS NOT NULL
         ))"
    };
}
pub(crate) use waits;

/// Starts a delivery, if it may.
pub(crate) fn begin(
    connection: &Connection,
    effect: EffectId,
    now: Moment,
) -> Result<Begun, Failure> {
    let entry = connection
        .prepare_cached(
            "SELECT o.kind, o.automatic, o.epoch, o.state, o.waiting, o.part, o.attempts, o.due,
                 o.body, d.heard_at, d.fence, d.can_send, d.bot, d.channel, d.external_id,
                 d.contact, coalesce(c.blocked, 0) AS blocked
             FROM outbox o
             JOIN dialog d ON d.id = o.dialog
             LEFT JOIN contact c ON c.id = d.contact
             WHERE o.dialog = ?1 AND o.turn = ?2 AND o.n = ?3",
        )?
        .query_row(
            params![effect.dialog.to_bytes(), rows::bound(effect.turn), effect.n],
            |row| Ok(Entry::read(row)),
        )
        .optional()?
        .transpose()?;
    let Some(entry) = entry else {
        return Ok(Begun::NotNow);
    };
    if entry.state == DeliveryState::Cancelled {
        return Ok(Begun::Cancelled);
    }
    if entry.state != DeliveryState::Ready || entry.waiting || entry.due > time::to_millis(now) {
        return Ok(Begun::NotNow);
    }
    if entry.may_never_start() {
        set_settled(connection, effect, DeliveryState::Cancelled, None)?;
        promote(connection, effect.dialog)?;
        return Ok(Begun::Cancelled);
    }
    // Read before the first write: a damaged entry fails without harm to its group.
    let mut delivery = entry.delivery?;
    delivery.about = transcript::about(connection, &delivery.effect)?;
    connection
        .prepare_cached(
            "UPDATE outbox SET state = 'in_flight', attempts = ?4
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
        )?
        .execute(params![
            effect.dialog.to_bytes(),
            integer(effect.turn)?,
            effect.n,
            delivery.attempt,
        ])?;
    Ok(Begun::Started(Box::new(delivery)))
}

struct Entry {
    kind: EntryKind,
    automatic: bool,
    epoch: u64,
    state: DeliveryState,
    waiting: bool,
    part: u32,
    due: i64,
    fence: u64,
    can_send: bool,
    blocked: bool,
    delivery: Result<Delivery, Failure>,
}

impl Entry {
    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        Ok(Self {
            kind: EntryKind::read(row)?,
            automatic: row.get("automatic")?,
            epoch: rows::number(row, "epoch")?,
            state: rows::delivery_state(&row.get::<_, String>("state")?)?,
            waiting: row.get("waiting")?,
            part: rows::small_number(row, "part")?,
            due: row.get("due")?,
            fence: rows::number(row, "fence")?,
            can_send: row.get("can_send")?,
            blocked: row.get("blocked")?,
            delivery: delivery(row),
        })
    }

    /// A message of which a part has arrived is under way and no longer fenced. A contact's
    /// change never is: the dialog has it already, and the row must follow. Nor is a report: what
    /// it tells has happened.
    fn may_never_start(&self) -> bool {
        let is_fenced = self.automatic && self.epoch < self.fence;
        match self.kind {
            EntryKind::Send | EntryKind::Edit | EntryKind::Delete => {
                is_fenced && self.part == 0 || !self.can_send || self.blocked
            }
            EntryKind::Typing => is_fenced || !self.can_send || self.blocked,
            EntryKind::Call => is_fenced,
            EntryKind::Patch | EntryKind::Tell => false,
        }
    }
}

fn delivery(row: &Row<'_>) -> Result<Delivery, Failure> {
    Ok(Delivery {
        effect: rows::effect(row.get("body")?)?,
        part: rows::small_number(row, "part")?,
        attempt: rows::small_number(row, "attempts")?.saturating_add(1),
        address: rows::address(row)?,
        bot: rows::bot(row)?,
        contact: rows::contact_id(row, "contact")?,
        heard_at: rows::optional_moment(row, "heard_at")?,
        about: None,
    })
}

/// Records how a delivery ended. One whose attempt is not the current one is late and ignored.
pub(crate) fn settle(connection: &Connection, settlement: &Settlement) -> Result<(), Failure> {
    let effect = settlement.effect;
    let current = connection
        .prepare_cached(
            "SELECT attempts, kind FROM outbox
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3 AND state = 'in_flight'",
        )?
        .query_row(
            params![effect.dialog.to_bytes(), rows::bound(effect.turn), effect.n],
            |row| Ok((row.get::<_, i64>("attempts")?, EntryKind::read(row))),
        )
        .optional()?;
    let kind = match current {
        Some((attempt, kind)) if attempt == i64::from(settlement.attempt) => kind?,
        _ => {
            tracing::debug!(%effect, attempt = settlement.attempt, "a late settlement is ignored");
            return Ok(());
        }
    };
    match &settlement.settled {
        Settled::Part { ids } => {
            if kind.is_for_contact() {
                external::add(connection, effect, ids)?;
            }
            let sql = concat!(
                "UPDATE outbox SET state = 'ready', part = part + 1, attempts = 0, waiting = ",
                waits!(),
                " WHERE dialog = ?1 AND turn = ?2 AND n = ?3"
            );
            connection.prepare_cached(sql)?.execute(params![
                effect.dialog.to_bytes(),
                integer(effect.turn)?,
                effect.n,
            ])?;
        }
        Settled::Sent { ids } => {
            if kind.is_for_contact() {
                external::add(connection, effect, ids)?;
            }
            set_sent(connection, effect, kind, settlement.at)?;
        }
        Settled::Patched(patch) => {
            patch_contact(connection, effect.dialog, patch)?;
            set_settled(connection, effect, DeliveryState::Sent, None)?;
        }
        Settled::Retry { due, counted } => {
            let sql = concat!(
                "UPDATE outbox SET state = 'ready', due = ?4, attempts = attempts - ?5, waiting = ",
                waits!(),
                " WHERE dialog = ?1 AND turn = ?2 AND n = ?3"
            );
            connection.prepare_cached(sql)?.execute(params![
                effect.dialog.to_bytes(),
                integer(effect.turn)?,
                effect.n,
                rows::not_before(*due),
                !counted,
            ])?;
        }
        Settled::Dead { reason } => {
            set_settled(connection, effect, DeliveryState::Dead, Some(*reason))?;
        }
    }
    promote(connection, effect.dialog)
}

/// Makes entries in flight ready again; gives their number.
pub(crate) fn recover(connection: &Connection, now: Moment) -> Result<u64, Failure> {
    let mut statement = connection.prepare_cached(RECOVER)?;
    let mut found = statement.query([time::to_millis(now)])?;
    let mut dialogs = Vec::new();
    while let Some(row) = found.next()? {
        dialogs.push(rows::dialog_id(row, "dialog")?);
    }
    let count = dialogs.len() as u64;
    dialogs.sort_unstable();
    dialogs.dedup();
    for dialog in dialogs {
        promote(connection, dialog)?;
    }
    Ok(count)
}

pub(crate) const RECOVER: &str = concat!(
    "UPDATE outbox SET state = 'ready', due = ?1, waiting = ",
    waits!(),
    " WHERE state = 'in_flight' RETURNING dialog"
);

/// Puts off one entry that is ready.
pub(crate) fn put_off(
    connection: &Connection,
    effect: EffectId,
    due: Moment,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE outbox SET due = ?4
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3 AND state = 'ready'",
        )?
        .execute(params![
            effect.dialog.to_bytes(),
            rows::bound(effect.turn),
            effect.n,
            rows::not_before(due),
        ])?;
    Ok(())
}

/// Lets the first unsettled message of a dialog go, unless another is in flight. Called after
/// every change that may have made another one the first; where none did, it changes nothing.
pub(crate) fn promote(connection: &Connection, dialog: DialogId) -> Result<(), Failure> {
    connection
        .prepare_cached(PROMOTE)?
        .execute([dialog.to_bytes()])?;
    Ok(())
}

// The first may be one that was revived while a later one was in flight. What a pause holds is
// passed over.
pub(crate) const PROMOTE: &str = "UPDATE outbox SET waiting = 0
     WHERE waiting = 1 AND rowid = (
         SELECT rowid FROM outbox
         WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND kind IN ('send', 'edit', 'delete')
             AND (automatic = 0 OR NOT EXISTS (
                 SELECT 1 FROM dialog d JOIN bot b ON b.id = d.bot
                 WHERE d.id = ?1 AND b.paused_since IS NOT NULL
             ))
         ORDER BY turn, n LIMIT 1
     ) AND NOT EXISTS (
         SELECT 1 FROM outbox
         WHERE dialog = ?1 AND state = 'in_flight' AND kind IN ('send', 'edit', 'delete')
     )";

/// The channel took an entry. Its body has served where the transcript has the same.
fn set_sent(
    connection: &Connection,
    effect: EffectId,
    kind: EntryKind,
    at: Moment,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE outbox SET state = 'sent', taken_at = ?4, body = CASE
                 WHEN kind IN ('edit', 'delete') THEN body
                 WHEN kind = 'send' AND NOT EXISTS (
                     SELECT 1 FROM message WHERE dialog = ?1 AND turn = ?2 AND n = ?3
                 ) THEN body
             END
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
        )?
        .execute(params![
            effect.dialog.to_bytes(),
            integer(effect.turn)?,
            effect.n,
            kind.is_for_contact().then(|| time::to_millis(at)),
        ])?;
    Ok(())
}

/// An end without the channel's taking it. The body has served, but for a dead entry, which a
/// person may want to send after all.
fn set_settled(
    connection: &Connection,
    effect: EffectId,
    state: DeliveryState,
    failure: Option<FailureReason>,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE outbox SET state = ?4, failure = ?5,
                 body = CASE ?4 WHEN 'dead' THEN body END
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
        )?
        .execute(params![
            effect.dialog.to_bytes(),
            integer(effect.turn)?,
            effect.n,
            state.label(),
            failure.map(FailureReason::label),
        ])?;
    Ok(())
}

fn patch_contact(
    connection: &Connection,
    dialog: DialogId,
    patch: &ContactPatch,
) -> Result<(), Failure> {
    let contact = connection
        .prepare_cached(
            "SELECT d.contact, c.space, c.revision AS contact_revision, c.body AS contact_body
             FROM dialog d LEFT JOIN contact c ON c.id = d.contact WHERE d.id = ?1",
        )?
        .query_row([dialog.to_bytes()], |row| Ok(rows::contact(row)))
        .optional()?
        .transpose()?;
    let Some(mut contact) = contact else {
        return Ok(());
    };
    if !patch.fits(&contact.view) {
        tracing::warn!(contact = %contact.id, %dialog, "a patch that doesn't fit the contact is dropped");
        return Ok(());
    }
    if !patch.apply(&mut contact.view) {
        return Ok(());
    }
    contact.view.revision += 1;
    connection
        .prepare_cached("UPDATE contact SET revision = ?2, body = ?3 WHERE id = ?1")?
        .execute(params![
            contact.id.to_bytes(),
            integer(contact.view.revision)?,
            codec::encode(&contact.view)?,
        ])?;
    lag(connection, contact.id, Some(dialog))
}

/// Makes all dialogs of a contact lag but the one that knows.
pub(crate) fn lag(
    connection: &Connection,
    contact: ContactId,
    knows: Option<DialogId>,
) -> Result<(), Failure> {
    // No dialog has the empty id.
    let knows = knows.map_or_else(Vec::new, |dialog| dialog.to_bytes().to_vec());
    connection
        .prepare_cached(LAG)?
        .execute(params![contact.to_bytes(), knows])?;
    Ok(())
}

pub(crate) const LAG: &str = "INSERT INTO lagging (dialog)
     SELECT id FROM dialog WHERE contact = ?1 AND id <> ?2
     ON CONFLICT DO NOTHING";
