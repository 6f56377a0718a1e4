//! A clock that stands still until it is moved.

use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::dialog::time::{self, Moment};
use crate::runner::Clock;

/// A clock that moves only when a test moves it. Whoever sleeps on it wakes when its time has
/// come that way.
#[derive(Debug)]
pub struct ManualClock {
    inner: Mutex<(Moment, Vec<(Moment, Waker)>)>,
}

impl Default for ManualClock {
    /// The first of January 2026, at midnight.
    fn default() -> Self {
        Self::at(time::from_millis(1_767_225_600_000))
    }
}

impl ManualClock {
    /// A clock standing at a moment.
    pub fn at(moment: Moment) -> Self {
        Self {
            inner: Mutex::new((moment, Vec::new())),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let moment = time::add(self.now(), by);
        self.set(moment);
    }

    /// Sets the clock, forwards or back.
    pub fn set(&self, moment: Moment) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = moment;
        let sleepers = std::mem::take(&mut inner.1);
        drop(inner);
        sleepers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// The first moment that somebody sleeps until, as far as the clock has been asked since it
    /// was last set.
    pub(crate) fn next_sleeper(&self) -> Option<Moment> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.iter().map(|(until, _)| *until).min()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Moment {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    async fn sleep_until(&self, moment: Moment) {
        std::future::poll_fn(|context| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.0 >= moment {
                return Poll::Ready(());
            }
            inner.1.push((moment, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}
