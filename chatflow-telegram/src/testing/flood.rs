use std::collections::VecDeque;

use chrono::{DateTime, Duration, Utc};

use super::settings::{FloodLimits, FloodTime};

/// When messages were let pass, as far back as a window reaches.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    sent: VecDeque<(Duration, i64)>,
    begun: Option<(DateTime<Utc>, tokio::time::Instant)>,
}

impl Flood {
    /// Counts `messages` to a chat, or gives the seconds to wait and counts none of them.
    pub(crate) fn pass(
        &mut self,
        limits: FloodLimits,
        chat: i64,
        is_group: bool,
        messages: u32,
        now: DateTime<Utc>,
    ) -> Result<(), u64> {
        let (begun, begun_at) = *self
            .begun
            .get_or_insert_with(|| (now, tokio::time::Instant::now()));
        let at = match limits.time {
            FloodTime::Virtual => now - begun,
            FloodTime::Real => Duration::from_std(begun_at.elapsed()).unwrap_or(Duration::MAX),
        };
        let minute = Duration::seconds(60);
        while self
            .sent
            .front()
            .is_some_and(|(sent, _)| *sent + minute <= at)
        {
            self.sent.pop_front();
        }
        let second = Duration::seconds(1);
        let mut waits = vec![
            self.wait(at, second, limits.per_second, messages, |_| true),
            self.wait(at, second, limits.per_chat_per_second, messages, |to| {
                to == chat
            }),
        ];
        if is_group {
            waits.push(
                self.wait(at, minute, limits.per_group_per_minute, messages, |to| {
                    to == chat
                }),
            );
        }
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        for _ in 0..messages {
            self.sent.push_back((at, chat));
        }
        Ok(())
    }

    /// The whole seconds until a window has room. More messages than it ever holds pass once it is
    /// empty, for else an album could never be sent.
    fn wait(
        &self,
        at: Duration,
        window: Duration,
        limit: u32,
        messages: u32,
        counts: impl Fn(i64) -> bool,
    ) -> Option<u64> {
        let inside: Vec<Duration> = self
            .sent
            .iter()
            .filter(|(sent, to)| *sent + window > at && counts(*to))
            .map(|(sent, _)| *sent)
            .collect();
        let room = (limit as usize).saturating_sub(inside.len());
        let needed = (messages as usize).min(limit.max(1) as usize);
        if room >= needed {
            return None;
        }
        let leaving = inside.get(needed - room - 1).copied()?;
        let left = (leaving + window - at).num_milliseconds().max(1);
        u64::try_from(left).ok().map(|left| left.div_ceil(1000))
    }
}
