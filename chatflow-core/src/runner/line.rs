//! A channel with what is known of how it fares: its rate, its rests and its doubts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::channel::{Channel, RateLimiter, Slot};
use crate::dialog::{Address, BotId, DialogId, Moment, SendLane, time};
use crate::runner::backoff::RETRY_AFTER_MAX;

/// How long a channel that is down rests at first; twice as long each time.
const REST_FIRST: Duration = Duration::from_secs(1);
/// The longest rest.
const REST_LONGEST: Duration = Duration::from_secs(300);
/// So many different addresses unknown within [`DOUBT_WITHIN`], with none known between them,
/// and it is the channel that is doubted.
const DOUBT_AT: usize = 5;
const DOUBT_WITHIN: Duration = Duration::from_secs(60);
/// How long a doubted channel rests.
const DOUBT_REST: Duration = Duration::from_secs(60);

/// One channel of a worker.
pub(crate) struct Line {
    pub(crate) bot: BotId,
    pub(crate) channel: Arc<dyn Channel>,
    gate: Mutex<Gate>,
}

struct Gate {
    limiter: RateLimiter,
    /// How often it was down in a row.
    down: u32,
    /// Dialogs whose address was unknown lately, since one was known.
    unknown: Vec<(DialogId, Moment)>,
    /// Dialogs that were stopped for it before the channel was doubted.
    doubted: Vec<DialogId>,
    /// Until when it is doubted.
    doubted_until: Option<Moment>,
}

impl Line {
    pub(crate) fn new(bot: BotId, channel: Arc<dyn Channel>) -> Self {
        let limiter = RateLimiter::new(channel.capabilities().rates);
        Self {
            bot,
            channel,
            gate: Mutex::new(Gate {
                limiter,
                down: 0,
                unknown: Vec::new(),
                doubted: Vec::new(),
                doubted_until: None,
            }),
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message may go to an address now, and if not, when to ask again.
    pub(crate) fn take(&self, to: &Address, lane: SendLane, now: Moment) -> Slot {
        let pacing = self.channel.pacing(to);
        self.gate().limiter.take(&pacing, lane, now)
    }

    /// A message that was just sent, or will be at once, counts as so many for the channel.
    pub(crate) fn spend(&self, to: &Address, messages: usize, now: Moment) {
        if messages > 1 {
            let pacing = self.channel.pacing(to);
            self.gate().limiter.spend(&pacing, messages - 1, now);
        }
    }

    /// The channel said that it takes nothing for this address for a while.
    pub(crate) fn penalise(&self, to: &Address, wait: Duration, now: Moment) {
        let pacing = self.channel.pacing(to);
        let until = time::add(now, wait.min(RETRY_AFTER_MAX));
        self.gate().limiter.penalise(&pacing, until, now);
    }

    /// The channel is down: it rests, longer each time. Gives the end of the rest.
    pub(crate) fn rest(&self, now: Moment) -> Moment {
        let mut gate = self.gate();
        if let Some(until) = gate.limiter.paused_until(now) {
            // Others under way at the same time found out too.
            return until;
        }
        let doublings = gate.down.min(20);
        gate.down = gate.down.saturating_add(1);
        let wait = REST_FIRST.saturating_mul(1 << doublings).min(REST_LONGEST);
        let until = time::add(now, wait);
        gate.limiter.pause(until);
        until
    }

    /// Whether the channel takes nothing at all now.
    pub(crate) fn rests(&self, now: Moment) -> bool {
        self.gate().limiter.paused_until(now).is_some()
    }

    /// The channel doesn't know an address. Where it has known none of many of late, it is the
    /// channel that is doubted: it rests until the moment given.
    pub(crate) fn unknown(&self, dialog: DialogId, now: Moment) -> Option<Moment> {
        let mut gate = self.gate();
        if let Some(until) = gate.doubted_until.filter(|until| *until > now) {
            // It was under way when the channel began to be doubted.
            return Some(until);
        }
        let since = now - chrono::Duration::from_std(DOUBT_WITHIN).unwrap_or_default();
        gate.unknown
            .retain(|(other, at)| *at > since && *other != dialog);
        gate.unknown.push((dialog, now));
        if gate.unknown.len() < DOUBT_AT {
            return None;
        }
        let stopped = std::mem::take(&mut gate.unknown).into_iter();
        let stopped = stopped
            .map(|(dialog, _)| dialog)
            .filter(|other| *other != dialog);
        gate.doubted.extend(stopped);
        let until = time::add(now, DOUBT_REST);
        gate.doubted_until = Some(until);
        gate.limiter.pause(until);
        Some(until)
    }

    /// The channel took a message. Gives the dialogs that were stopped while it was doubted.
    pub(crate) fn works(&self) -> Vec<DialogId> {
        let mut gate = self.gate();
        gate.down = 0;
        gate.unknown.clear();
        std::mem::take(&mut gate.doubted)
    }
}
