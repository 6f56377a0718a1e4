//! How long to wait before trying again.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::dialog::EffectId;

/// When a failed delivery is tried again: exponential, with jitter that follows from the
/// delivery's key, so that a simulation sees the same waits every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all; after the last the delivery is dead.
    pub attempts_max: u32,
    /// The wait after the first try, before jitter.
    pub first: Duration,
    /// The longest wait, before jitter.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 10,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// The wait after this try, at least `retry_after`, of which a day counts; none if it was the
    /// last.
    pub fn wait(
        &self,
        key: EffectId,
        attempt: u32,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(20);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        // Between half and all of it.
        let wait = full / 2 + full.mul_f64(fraction(key, attempt) / 2.0);
        Some(wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
    }
}

/// Longest wait that the outside can ask for: what asks for more is asked again after a day.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A number from 0 to 1 that follows from the key and the try.
fn fraction(key: EffectId, attempt: u32) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(key.dialog.to_bytes());
    hasher.update(key.turn.to_be_bytes());
    hasher.update(key.n.to_be_bytes());
    hasher.update(attempt.to_be_bytes());
    let digest = hasher.finalize();
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::DialogId;

    #[test]
    fn waits_grow_to_a_bound_and_end() {
        let policy = RetryPolicy::default();
        let key = EffectId {
            dialog: DialogId::from_bytes([7; 16]),
            turn: 1,
            n: 1,
        };
        let mut bound = Duration::from_secs(1);
        for attempt in 1..10 {
            let wait = policy.wait(key, attempt, None).unwrap();
            assert!(wait >= bound / 2 && wait <= bound, "{attempt}: {wait:?}");
            bound = (bound * 2).min(policy.longest);
        }
        assert_eq!(policy.wait(key, 10, None), None);
        assert_eq!(
            policy.wait(key, 1, Some(Duration::from_secs(99))),
            Some(Duration::from_secs(99))
        );
    }
}
