//! How fast a channel may be sent to.
//!
//! ```text
//!  pacing, lane, now ──► take ──► Taken | AddressBusy until | ChannelBusy until
//!  429 of one address ──► penalise       trouble of all ──► pause
//! ```
//!
//! **The law: ask for a slot before every send, and send only with a [`Slot::Taken`] in hand.**
//! Then no window of any limit ever holds more messages than it may, one address in trouble
//! delays no other, and a broadcast leaves room for replies.
//!
//! What was taken is known to this limiter alone, and gone with it: after a restart the first
//! window may be fuller than it should. The outside answers that with a 429, so nothing is lost.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dialog::SendLane;
use crate::dialog::time::{self, Moment};

/// At most `count` messages in any window of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many; 0 is read as 1, as a channel that may never send is none.
    pub count: u32,
    /// The length of the window. It begins with any message and ends just before this time has
    /// passed.
    pub per: Duration,
}

impl Rate {
    /// So many in any window of this length.
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per }
    }

    /// How many, at least one.
    fn count(self) -> usize {
        self.count.max(1) as usize
    }

    /// The time between two broadcasts: they share five sixths of the slots, and spread evenly
    /// they leave a sixth of every window to replies, wherever it begins. So replies that are no
    /// more than that never wait for a broadcast. Where there is only one slot, all share it.
    fn between_broadcasts(self) -> Duration {
        let share = (u128::from(self.count) * 5 / 6).max(1);
        // Rounded up, or the share would fit into a window once more.
        let nanos = self.per.as_nanos().div_ceil(share);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A channel's limits, as data. None: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RateLimits {
    /// Of the whole channel account.
    pub channel: Option<Rate>,
    /// Of each address, private or group.
    pub address: Option<Rate>,
    /// Of each group, beside the limit of every address.
    pub group: Option<Rate>,
}

impl RateLimits {
    /// Those an address is held to, without the channel's.
    fn of_address(self, is_group: bool) -> impl Iterator<Item = Rate> + Clone {
        let group = self.group.filter(|_| is_group);
        self.address.into_iter().chain(group)
    }
}

/// Whose limits a message counts against.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pacing {
    /// What the channel counts by, mostly the address itself.
    pub key: Arc<str>,
    /// Whether it is a group. The same key is always the same.
    pub is_group: bool,
}

impl Pacing {
    /// The limits of one person's address.
    pub fn private(key: impl Into<Arc<str>>) -> Self {
        Self {
            key: key.into(),
            is_group: false,
        }
    }

    /// The limits of a group.
    pub fn group(key: impl Into<Arc<str>>) -> Self {
        Self {
            key: key.into(),
            is_group: true,
        }
    }
}

/// Shows only the length of the key, which may be a phone number.
impl fmt::Debug for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacing")
            .field("key", &format_args!("{} bytes", self.key.len()))
            .field("is_group", &self.is_group)
            .finish()
    }
}

/// The answer to who wants to send now.
///
/// A moment in it is a whole millisecond after now, so that it can be stored. Whoever asks again
/// then gets the slot, unless others took it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only a slot that was taken allows a send"]
pub enum Slot {
    /// Send now.
    Taken,
    /// Nothing to this address for now. Ask for others meanwhile.
    AddressBusy {
        /// When to ask again.
        until: Moment,
    },
    /// Nothing of this lane for now, whoever it is for. Replies may still have a slot where
    /// broadcasts have none.
    ChannelBusy {
        /// When to ask again.
        until: Moment,
    },
}

impl Slot {
    /// When to ask again; none where the slot was taken.
    pub const fn until(self) -> Option<Moment> {
        match self {
            Self::Taken => None,
            Self::AddressBusy { until } | Self::ChannelBusy { until } => Some(until),
        }
    }
}

/// Keeps one channel account within its limits.
///
/// It has no clock and never waits: `now` comes in, an answer goes out. A `now` before the latest
/// it has seen is read as that latest, so a clock that steps back opens no slot twice. Each call
/// does a bounded amount of work, and addresses that nothing holds back are forgotten.
#[derive(Clone)]
pub struct RateLimiter {
    limits: RateLimits,
    /// The latest time seen.
    latest: Moment,
    /// The channel's latest slots.
    taken: Taken,
    /// Before this there is no broadcast.
    next_broadcast: Moment,
    /// Before this there is nothing.
    paused_until: Moment,
    /// Every address that something may hold back.
    addresses: HashMap<Arc<str>, AddressLimit>,
    /// The keys of `addresses`, each once, in the order in which they are looked at to be
    /// forgotten.
    round: VecDeque<Arc<str>>,
    /// The latest penalties, each of another address.
    penalties: VecDeque<Penalty>,
}

impl RateLimiter {
    /// With nothing taken.
    pub fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            latest: Moment::MIN_UTC,
            taken: Taken::default(),
            next_broadcast: Moment::MIN_UTC,
            paused_until: Moment::MIN_UTC,
            addresses: HashMap::new(),
            round: VecDeque::new(),
            penalties: VecDeque::new(),
        }
    }

    /// Takes a slot, or says until when there is none and for whom.
    ///
    /// Where both the address and the channel are busy, the answer is the address's, with the
    /// later of both times: others must not wait for what is only its own.
    pub fn take(&mut self, pacing: &Pacing, lane: SendLane, now: Moment) -> Slot {
        let now = self.see(now);
        let channel = self.channel_free_at(lane);
        let address = self.address_free_at(pacing);
        if address > now {
            let until = whole_milliseconds_up(address.max(channel));
            return Slot::AddressBusy { until };
        }
        if channel > now {
            let until = whole_milliseconds_up(channel);
            return Slot::ChannelBusy { until };
        }
        if let Some(rate) = self.limits.channel {
            self.taken.push(now, rate.count(), rate.per);
            if lane == SendLane::Broadcast {
                self.next_broadcast = time::add(now, rate.between_broadcasts());
            }
        }
        let rates = self.limits.of_address(pacing.is_group);
        let count = rates.clone().map(Rate::count).max();
        let per = rates.map(|rate| rate.per).max();
        if let (Some(count), Some(per)) = (count, per) {
            let address = self.address(&pacing.key);
            address.taken.push(now, count, per);
            address.idle_at = address.idle_at.max(time::add(now, per));
        }
        Slot::Taken
    }

    /// The message just sent was so many more for the outside, such as the items of an album: they
    /// are paid off one after another, each when its turn would have been.
    pub fn spend(&mut self, pacing: &Pacing, more: usize, now: Moment) {
        let now = self.see(now);
        let more = u32::try_from(more).unwrap_or(u32::MAX).min(SPENT_MAX);
        let later = |rate: Rate, n: u32| {
            let share = rate.per / rate.count.max(1);
            time::add(now, share.saturating_mul(n))
        };
        for n in 1..=more {
            if let Some(rate) = self.limits.channel {
                self.taken.push(later(rate, n), rate.count(), rate.per);
            }
            let rates = self.limits.of_address(pacing.is_group);
            let slowest = rates
                .clone()
                .max_by_key(|rate| rate.per / rate.count.max(1));
            let count = rates.clone().map(Rate::count).max();
            let per = rates.map(|rate| rate.per).max();
            if let (Some(rate), Some(count), Some(per)) = (slowest, count, per) {
                let at = later(rate, n);
                let address = self.address(&pacing.key);
                address.taken.push(at, count, per);
                address.idle_at = address.idle_at.max(time::add(at, per));
            }
        }
    }

    /// The outside asks for patience with one address: nothing to it before `until`. Others are
    /// not delayed, unless three addresses are penalised within ten seconds: then it is the whole
    /// channel that is too fast, and all of it pauses until the first of these penalties ends. One
    /// address that has to wait for hours holds nobody else up for hours.
    pub fn penalise(&mut self, pacing: &Pacing, until: Moment, now: Moment) {
        let now = self.see(now);
        if until <= now {
            return;
        }
        let address = self.address(&pacing.key);
        address.penalised_until = address.penalised_until.max(until);
        address.idle_at = address.idle_at.max(until);
        let until = address.penalised_until;
        let recent = |at| time::add(at, PENALTIES_WITHIN) >= now;
        self.penalties
            .retain(|penalty| penalty.key != pacing.key && recent(penalty.at));
        self.penalties.push_back(Penalty {
            key: pacing.key.clone(),
            at: now,
            until,
        });
        // An older one has had its say when it made the channel pause.
        if self.penalties.len() > PENALTIES_MANY {
            self.penalties.pop_front();
        }
        if self.penalties.len() == PENALTIES_MANY {
            let first = self.penalties.iter().map(|penalty| penalty.until).min();
            self.pause(first.unwrap_or(until));
        }
    }

    /// Nothing at all before `until`. A pause that is already longer stays.
    pub fn pause(&mut self, until: Moment) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Until when nothing at all is sent, if it is so now.
    pub fn paused_until(&self, now: Moment) -> Option<Moment> {
        let paused = self.paused_until > now.max(self.latest);
        paused.then(|| whole_milliseconds_up(self.paused_until))
    }

    /// Time never goes back; as it goes on, addresses are forgotten.
    fn see(&mut self, now: Moment) -> Moment {
        self.latest = self.latest.max(now);
        for _ in 0..LOOKED_AT {
            let Some(key) = self.round.pop_front() else {
                break;
            };
            let address = self.addresses.get(&key);
            if address.is_some_and(|address| address.idle_at > self.latest) {
                self.round.push_back(key);
            } else {
                self.addresses.remove(&key);
            }
        }
        self.latest
    }

    fn channel_free_at(&self, lane: SendLane) -> Moment {
        let limit = self.limits.channel;
        let window = limit.map_or(Moment::MIN_UTC, |rate| self.taken.free_at(rate));
        let broadcast = match lane {
            SendLane::Reply => Moment::MIN_UTC,
            SendLane::Broadcast => self.next_broadcast,
        };
        self.paused_until.max(window).max(broadcast)
    }

    fn address_free_at(&self, pacing: &Pacing) -> Moment {
        self.addresses
            .get(&pacing.key)
            .map_or(Moment::MIN_UTC, |address| {
                let rates = self.limits.of_address(pacing.is_group);
                rates
                    .map(|rate| address.taken.free_at(rate))
                    .fold(address.penalised_until, Moment::max)
            })
    }

    /// What is known of an address, from now on if nothing was.
    fn address(&mut self, key: &Arc<str>) -> &mut AddressLimit {
        self.addresses.entry(key.clone()).or_insert_with(|| {
            self.round.push_back(key.clone());
            AddressLimit {
                taken: Taken::default(),
                penalised_until: Moment::MIN_UTC,
                idle_at: Moment::MIN_UTC,
            }
        })
    }
}

/// Shows no keys.
impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("limits", &self.limits)
            .field("latest", &self.latest)
            .field("paused_until", &self.paused_until)
            .field("addresses", &self.addresses.len())
            .finish_non_exhaustive()
    }
}

/// What holds one address back.
#[derive(Clone)]
struct AddressLimit {
    taken: Taken,
    penalised_until: Moment,
    /// From then on nothing here holds it back.
    idle_at: Moment,
}

#[derive(Clone)]
struct Penalty {
    key: Arc<str>,
    at: Moment,
    until: Moment,
}

/// When the latest slots were taken, the oldest first: as many as the window holds, so the
/// window is exact wherever it begins.
#[derive(Clone, Default)]
struct Taken(VecDeque<Moment>);

impl Taken {
    /// From when on a rate allows one more.
    fn free_at(&self, rate: Rate) -> Moment {
        let first = self.0.len().checked_sub(rate.count());
        let first = first.and_then(|first| self.0.get(first));
        first.map_or(Moment::MIN_UTC, |first| time::add(*first, rate.per))
    }

    /// Adds one and lets go of what no rate up to these bounds will ask for. One comes and up to
    /// two go, so the old don't pile up and no call has to clear away many.
    fn push(&mut self, now: Moment, count: usize, per: Duration) {
        // What was spent is still being paid off: this comes after it.
        let now = self.0.back().map_or(now, |last| now.max(*last));
        self.0.push_back(now);
        for _ in 0..2 {
            let is_old = |taken: &Moment| time::add(*taken, per) <= now;
            if self.0.len() > count || self.0.front().is_some_and(is_old) {
                self.0.pop_front();
            }
        }
    }
}

/// The moment as a whole millisecond, never before it: moments are stored as such, cut down, and
/// whoever asked again at a moment cut down would find the slot still busy.
fn whole_milliseconds_up(moment: Moment) -> Moment {
    let whole = time::whole_milliseconds(moment);
    if whole < moment {
        time::add(whole, Duration::from_millis(1))
    } else {
        whole
    }
}

/// Most slots that one message can cost beyond its own.
const SPENT_MAX: u32 = 100;
/// So many penalised addresses, within [`PENALTIES_WITHIN`], mean that it is not about them.
const PENALTIES_MANY: usize = 3;
/// The time within which penalties are taken together.
const PENALTIES_WITHIN: Duration = Duration::from_secs(10);
/// How many addresses a call looks at to forget them. It adds at most one, so with two the table
/// stays within about twice the addresses that must be known.
const LOOKED_AT: usize = 2;

#[cfg(test)]
mod tests;
