//! Pauses that grow.

use std::time::Duration;

/// How long to wait before the next try: twice as long each time, within bounds.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(30);
    /// An answer gone wrong must not silence a channel for a week.
    const ASKED_LONGEST: Duration = Duration::from_secs(15 * 60);

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        Self::FIRST.saturating_mul(factor).min(Self::LONGEST)
    }

    /// Waits for the next pause.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.next()).await;
    }

    /// The same, and no shorter than this; but never longer than [`Backoff::ASKED_LONGEST`],
    /// whatever the outside asks for.
    pub(crate) async fn pause_at_least(&mut self, least: Duration) {
        let least = least.min(Self::ASKED_LONGEST);
        tokio::time::sleep(self.next().max(least)).await;
    }

    /// It went well: the next pause is short again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..4).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600]);
        assert_eq!(
            (0..1000).map(|_| backoff.next()).max(),
            Some(Backoff::LONGEST)
        );
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 200);
    }
}
