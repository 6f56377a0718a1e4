//! Driving the worker: what is due is done, what waits for the scenario goes on beside it.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

use super::Line;
use super::play::{Play, PlayError};
use crate::dialog::{EffectId, Moment};
use crate::runner::{Clock as _, Worker};
use crate::store::{DeliveryState, DueQuery, StoreError};

/// Most moments that one `@` line stops at on its way.
const STOPS_MAX: usize = 10_000;

/// The worker's loop, for scenarios in which calls wait for lines.
///
/// All other scenarios call [`Worker::step`], which ends when nothing is left to do. A step whose
/// call waits doesn't end, and a second one beside it would take the call for one that was given
/// up: so there the loop runs beside the lines.
pub(super) struct Loop {
    run: Pin<Box<dyn Future<Output = ()> + Send>>,
    woken: Arc<Woken>,
}

impl Loop {
    pub(super) fn of(worker: &Arc<Worker>) -> Self {
        let worker = Arc::clone(worker);
        Self {
            run: Box::pin(async move { worker.run(std::future::pending()).await }),
            woken: Arc::default(),
        }
    }

    /// Goes on as far as it can until it is to be woken by something else.
    async fn go_on(&mut self) {
        let Self { run, woken } = self;
        poll_fn(|context| {
            woken.outer.register(context.waker());
            let waker = Waker::from(Arc::clone(woken));
            let mut context = Context::from_waker(&waker);
            loop {
                // It never ends: nobody tells it to stop.
                let _ = run.as_mut().poll(&mut context);
                if !woken.take() {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

impl Play<'_> {
    /// Does what is due. Calls that wait, for a line or for ever, go on when the clock moves or a
    /// line answers.
    pub(super) async fn work(&mut self) -> Result<(), StoreError> {
        let Some(mut beside) = self.beside.take() else {
            return self.worker.step().await.map(drop);
        };
        loop {
            beside.go_on().await;
            if self.only_waits().await? {
                break;
            }
            beside.woken.wait().await;
        }
        self.beside = Some(beside);
        Ok(())
    }

    /// Whether nothing is under way but calls that wait. The store in memory answers at once, so
    /// there that is known; another store is asked.
    async fn only_waits(&self) -> Result<bool, StoreError> {
        if self.is_own_store {
            return Ok(true);
        }
        let waiting: BTreeSet<EffectId> = self.outside.waiting().into_iter().collect();
        let due = self.store.due(&DueQuery::new(self.clock.now(), 1)).await?;
        let has_people = !(due.queues.is_empty() && due.operators.is_empty());
        if has_people
            || !(due.timers.is_empty() && due.deliveries.is_empty() && due.lagging.is_empty())
        {
            return Ok(false);
        }
        for contact in self.contacts() {
            let Some(dialog) = self.dialog(&contact).await? else {
                continue;
            };
            let entries = self.store.outbox(dialog).await?;
            let mut under_way =
                (entries.iter()).filter(|entry| entry.state == DeliveryState::InFlight);
            if !under_way.all(|entry| waiting.contains(&entry.effect.id)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves the clock, stopping wherever something becomes due or a call is given up.
    pub(super) async fn advance(&mut self, line: &Line, target: Moment) -> Result<(), PlayError> {
        for _ in 0..STOPS_MAX {
            let now = self.clock.now();
            let due = self.store.due(&DueQuery::new(now, 1)).await?.next;
            let stops = [due, self.clock.next_sleeper()];
            let next = (stops.into_iter().flatten())
                .filter(|next| *next > now && *next <= target)
                .min();
            match next {
                Some(next) => self.clock.set(next),
                None => {
                    self.clock.set(target);
                    return Ok(());
                }
            }
            self.work().await?;
            self.collect(line);
        }
        Err(PlayError::NeverQuiet { line: line.number })
    }
}

/// Whether somebody was woken; whoever polls the play is woken too.
#[derive(Default)]
struct Woken {
    is_woken: AtomicBool,
    outer: AtomicWaker,
}

impl Woken {
    fn take(&self) -> bool {
        self.is_woken.swap(false, Ordering::AcqRel)
    }

    async fn wait(&self) {
        poll_fn(|context| {
            self.outer.register(context.waker());
            match self.take() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.outer.wake();
    }
}
