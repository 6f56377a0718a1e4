//! What trackers report.

use crate::dialog::{DialogId, Event, EventBody, EventKey, Postback};
use crate::runner::worker::check_key;
use crate::runner::{HandleError, Handled, Worker};

/// Most bytes of text in one report.
const BYTES_MAX: usize = 16 * 1024;

impl Worker {
    /// Handles what a tracker reports of a dialog that exists: the contact registered, bought,
    /// bought again. The key is the transaction's id, so that one transaction counts once; a
    /// second report under it gives [`Handled::Duplicate`]. Returns once the turn is durable.
    ///
    /// Which dialog it is, the host knows: by the click that brought the contact, which is in the
    /// [source](crate::Source) of the contact, or by a number of its own that it gave the tracker.
    ///
    /// # Errors
    /// [`HandleError`]; nothing of the report is stored then. One that the dialog doesn't take as
    /// it stands is [`Handled::Refused`], and won't be taken again.
    pub async fn postback(
        &self,
        dialog: DialogId,
        key: EventKey,
        postback: Postback,
    ) -> Result<Handled, HandleError> {
        check_key(&key)?;
        if postback.event.is_empty() {
            return Err(HandleError::Malformed {
                reason: "the postback names no event",
            });
        }
        if postback.weight() > BYTES_MAX {
            return Err(HandleError::Malformed {
                reason: "the postback is larger than 16 KiB",
            });
        }
        if !postback
            .parameters
            .values()
            .all(|value| value.is_storable())
        {
            return Err(HandleError::Malformed {
                reason: "the postback's parameters are nested too deep",
            });
        }
        let event = Event::new(key, EventBody::PostbackReceived(postback));
        self.turn(dialog, &event, None, None).await
    }
}
