//! The one clock at the runner's edge.

use async_trait::async_trait;

use crate::dialog::Moment;

/// Tells the time and waits for it. Everything inside takes the time as an argument.
///
/// Who implements it: `SystemClock` for production, the manual clock for tests.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Moment;

    /// Returns at this moment or later, never earlier. Dropping the future cancels the wait.
    async fn sleep_until(&self, moment: Moment);
}

/// The machine's clock, waiting on tokio's timers.
#[cfg(feature = "runtime")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[cfg(feature = "runtime")]
#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the edge where time comes in"
    )]
    fn now(&self) -> Moment {
        chrono::Utc::now()
    }

    async fn sleep_until(&self, moment: Moment) {
        // The machine's clock may be set while we wait, so long waits are cut into pieces.
        const PIECE: std::time::Duration = std::time::Duration::from_secs(60);
        loop {
            let Ok(left) = (moment - self.now()).to_std() else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(PIECE)).await;
        }
    }
}
