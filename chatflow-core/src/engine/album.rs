//! Albums, whose items come one by one.

use crate::dialog::{Message, time};
use crate::engine::turn::Turn;

/// Name of the timer that ends the wait for an album's items.
pub(super) const ALBUM_TIMER: &str = "album";
/// Most items of an album; what comes beyond begins another.
const ALBUM_MAX: usize = 50;

impl Turn<'_> {
    /// Keeps an item of an album until the others are there. Says whether it did; if not, what
    /// was kept before has been led.
    pub(super) fn gather(&mut self, message: &Message) -> bool {
        let Some(album) = message.album() else {
            self.lead_album();
            return false;
        };
        match &mut self.snapshot.album {
            Some(gathered)
                if gathered.album() == Some(album) && gathered.media().len() < ALBUM_MAX =>
            {
                gathered.add_item(message.clone());
            }
            Some(_) => {
                self.lead_album();
                self.snapshot.album = Some(message.clone());
            }
            None => self.snapshot.album = Some(message.clone()),
        }
        let due = time::add(self.now, self.config.behaviour().album_wait.into());
        self.set_timer_at(ALBUM_TIMER, time::whole_milliseconds(due));
        true
    }

    /// Hands the album that is complete to the flow.
    pub(super) fn lead_album(&mut self) {
        if let Some(album) = self.snapshot.album.take() {
            self.cancel_timer(ALBUM_TIMER);
            self.lead(&album);
        }
    }
}
