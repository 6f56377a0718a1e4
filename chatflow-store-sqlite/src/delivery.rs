//! The outbox: starting deliveries and recording how they ended.

use chatflow_core::{
    Begun, ContactId, ContactPatch, Delivery, DeliveryState, DialogId, EffectId, Moment, Settled,
    Settlement, codec, time,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::rows::{self, EntryKind, integer};

/// Starts a delivery, if it may.
pub(crate) fn begin(
    connection: &Connection,
    effect: EffectId,
    now: Moment,
) -> Result<Begun, Failure> {
    let entry = connection
        .prepare_cached(
            "SELECT o.kind, o.automatic, o.epoch, o.state, o.waiting, o.attempts, o.due, o.body,
                 d.fence, d.can_send, d.bot, d.channel, d.external_id, d.contact,
                 coalesce(c.blocked, 0) AS blocked
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
    let delivery = entry.delivery?;
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
            due: row.get("due")?,
            fence: rows::number(row, "fence")?,
            can_send: row.get("can_send")?,
            blocked: row.get("blocked")?,
            delivery: delivery(row),
        })
    }

    /// A contact's change is never fenced: the dialog has it already, and the row must follow.
    fn may_never_start(&self) -> bool {
        let is_fenced = self.automatic && self.epoch < self.fence;
        match self.kind {
            EntryKind::Send => is_fenced || !self.can_send || self.blocked,
            EntryKind::Call => is_fenced,
            EntryKind::Patch => false,
        }
    }
}

fn delivery(row: &Row<'_>) -> Result<Delivery, Failure> {
    Ok(Delivery {
        effect: rows::effect(row.get("body")?)?,
        attempt: rows::small_number(row, "attempts")?.saturating_add(1),
        address: rows::address(row)?,
        bot: rows::bot(row)?,
        contact: rows::contact_id(row, "contact")?,
    })
}

/// Records how a delivery ended. One whose attempt is not the current one is late and ignored.
pub(crate) fn settle(connection: &Connection, settlement: &Settlement) -> Result<(), Failure> {
    let effect = settlement.effect;
    let attempt = connection
        .prepare_cached(
            "SELECT attempts FROM outbox
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3 AND state = 'in_flight'",
        )?
        .query_row(
            params![effect.dialog.to_bytes(), rows::bound(effect.turn), effect.n],
            |row| row.get::<_, i64>(0),
        )
        .optional()?;
    if attempt != Some(i64::from(settlement.attempt)) {
        tracing::debug!(%effect, attempt = settlement.attempt, "a late settlement is ignored");
        return Ok(());
    }
    match &settlement.settled {
        Settled::Retry { due } => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'ready', due = ?4
                     WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
                )?
                .execute(params![
                    effect.dialog.to_bytes(),
                    integer(effect.turn)?,
                    effect.n,
                    rows::not_before(*due),
                ])?;
            return Ok(());
        }
        Settled::Sent { receipt } => {
            set_settled(connection, effect, DeliveryState::Sent, receipt.as_deref())?;
        }
        Settled::Patched(patch) => {
            patch_contact(connection, effect.dialog, patch)?;
            set_settled(connection, effect, DeliveryState::Sent, None)?;
        }
        Settled::Dead => set_settled(connection, effect, DeliveryState::Dead, None)?,
    }
    promote(connection, effect.dialog)
}

/// Makes entries in flight ready again; gives their number.
pub(crate) fn recover(connection: &Connection, now: Moment) -> Result<u64, Failure> {
    let changed = connection
        .prepare_cached(RECOVER)?
        .execute([time::to_millis(now)])?;
    Ok(changed as u64)
}

pub(crate) const RECOVER: &str = "UPDATE outbox SET state = 'ready', due = ?1
     WHERE state IN ('ready', 'in_flight') AND state = 'in_flight'";

/// Lets the first unsettled message of a dialog go. Called after every change that may have
/// made another one the first; where none did, it changes nothing.
pub(crate) fn promote(connection: &Connection, dialog: DialogId) -> Result<(), Failure> {
    connection
        .prepare_cached(PROMOTE)?
        .execute([dialog.to_bytes()])?;
    Ok(())
}

pub(crate) const PROMOTE: &str = "UPDATE outbox SET waiting = 0
     WHERE waiting = 1 AND rowid = (
         SELECT rowid FROM outbox
         WHERE dialog = ?1 AND state IN ('ready', 'in_flight') AND kind = 'send'
         ORDER BY turn, n LIMIT 1
     )";

/// A state that is never left again. The body has served, but for a dead entry, which a person
/// may want to send after all.
fn set_settled(
    connection: &Connection,
    effect: EffectId,
    state: DeliveryState,
    receipt: Option<&str>,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE outbox SET state = ?4, receipt = ?5,
                 body = CASE ?4 WHEN 'dead' THEN body END
             WHERE dialog = ?1 AND turn = ?2 AND n = ?3",
        )?
        .execute(params![
            effect.dialog.to_bytes(),
            integer(effect.turn)?,
            effect.n,
            state.label(),
            receipt,
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
