//! The loop: timers fired, effects delivered and dialogs told of their contacts' changes.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;

use futures::future::{BoxFuture, Either, FutureExt, select};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::channel::Slot;
use crate::dialog::{
    ChannelId, DialogId, EffectId, Event, EventBody, EventKey, Moment, OperatorId, QueueId,
    Revision, SendLane, SpaceId, time,
};
use crate::runner::worker::With;
use crate::runner::{HandleError, Handled, Worker};
use crate::store::{Due, DueDelivery, DueQuery, StoreError};

/// How long the loop waits before it asks again where it could not get on: the store was away,
/// or something that is due could not be done.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Most things that one call of `step` begins.
const STEP_MAX: u64 = 100_000;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Timer {
        dialog: DialogId,
        name: String,
        generation: Revision,
    },
    Delivery(EffectId),
    /// A dialog is to be told of its contact's change.
    Contact(DialogId),
    /// Somebody is to be found for dialogs that wait.
    Queue(SpaceId, QueueId),
    /// An operator went away.
    Operator(SpaceId, OperatorId),
}

impl Worker {
    /// Does what is due now, and what becomes due by doing it, and returns how many things were
    /// done: at most 100,000, so that a step that asks again at every answer can't hold the caller
    /// for ever. For hosts that own their loop, and for tests.
    ///
    /// # Errors
    /// [`StoreError`] where the store can't say what is due. What fails by itself is logged,
    /// left as it is and due again at the next call.
    pub async fn step(&self) -> Result<u64, StoreError> {
        let mut done = 0;
        let mut under_way = UnderWay::default();
        loop {
            let query = self.query(&under_way);
            let due = self.store.due(&query).await?;
            if done < STEP_MAX {
                under_way.begin(self, due, query.now).await?;
            }
            let Some((work, progress)) = under_way.running.next().await else {
                return Ok(done);
            };
            if under_way.end(work, progress) {
                done += 1;
            }
        }
    }

    /// Fires timers and delivers effects until `stop` is ready. What is under way then is
    /// finished; nothing new is begun.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut under_way = UnderWay::default();
        loop {
            let query = self.query(&under_way);
            let looked = match self.store.due(&query).await {
                Ok(due) => under_way.begin(self, due, query.now).await,
                Err(error) => Err(error),
            };
            let next = match looked {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, "the store can't say what is due");
                    Some(time::add(self.clock.now(), PAUSE))
                }
            };
            let ended = {
                let wait = pin!(self.wait(&mut under_way, next));
                match select(&mut stop, wait).await {
                    Either::Left(_) => break,
                    Either::Right((ended, _)) => ended,
                }
            };
            // What else has ended meanwhile is looked at before the store is asked again.
            let mut ended = ended;
            while let Some((work, progress)) = ended {
                under_way.end(work, progress);
                ended = under_way.running.next().now_or_never().flatten();
            }
        }
        while under_way.running.next().await.is_some() {}
    }

    /// Waits for work under way to end, for a signal, or for the time to look again. Work that
    /// has ended is looked at first, so that a full worker frees its places.
    async fn wait(
        &self,
        under_way: &mut UnderWay<'_>,
        next: Option<Moment>,
    ) -> Option<(Work, bool)> {
        let pause = time::add(self.clock.now(), PAUSE);
        let until = if under_way.stuck.is_empty() {
            next
        } else {
            // What could not be done is tried again after a pause.
            Some(next.map_or(pause, |next| next.min(pause)))
        };
        let is_full = under_way.running.len() >= self.deliveries_max;
        let asleep = pin!(async {
            match until {
                Some(until) => self.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        });
        let signal = pin!(async {
            if is_full {
                std::future::pending().await
            } else {
                self.wake.taken().await
            }
        });
        let rest = select(signal, asleep);
        if under_way.running.is_empty() {
            rest.await;
            under_way.stuck.clear();
            return None;
        }
        match select(under_way.running.next(), rest).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => {
                under_way.stuck.clear();
                None
            }
        }
    }

    /// What is due, beyond what was found to be stuck: that must not hide the rest. What a channel
    /// takes none of now is passed over.
    fn query(&self, under_way: &UnderWay<'_>) -> DueQuery {
        let now = self.clock.now();
        let busy = under_way.busy.iter().filter(|(_, until)| **until > now);
        DueQuery {
            now,
            limit: self.deliveries_max + under_way.stuck.len(),
            skip: busy.map(|(line, _)| line.clone()).collect(),
        }
    }

    fn work(&self, work: Work) -> BoxFuture<'_, (Work, bool)> {
        Box::pin(async move {
            let result = match &work {
                Work::Delivery(effect) => self.deliver(*effect).await,
                Work::Contact(dialog) => self.bring_up(*dialog).await,
                Work::Queue(space, queue) => self.distribute(space, queue).await,
                Work::Operator(space, operator) => self.leave(space, operator).await,
                Work::Timer {
                    dialog,
                    name,
                    generation,
                } => self.fire(*dialog, name, *generation).await,
            };
            let progress = result.unwrap_or_else(|error| {
                tracing::error!(%error, ?work, "could not be done; it is tried again");
                false
            });
            (work, progress)
        })
    }

    /// Fires a timer: an ordinary turn. Its key is its name and generation, so it fires once.
    async fn fire(
        &self,
        dialog: DialogId,
        name: &str,
        generation: Revision,
    ) -> Result<bool, HandleError> {
        let key = EventKey::own(format_args!("timer:{generation}:{name}"));
        let body = EventBody::TimerFired {
            name: name.to_owned(),
            generation,
        };
        let with = With {
            automatic: true,
            ..With::default()
        };
        let event = Event::new(key, body);
        let handled = self.turn_with(dialog, &event, None, &with).await?;
        Ok(matches!(handled, Handled::Applied { .. }))
    }
}

/// What the loop has begun.
#[derive(Default)]
struct UnderWay<'a> {
    running: FuturesUnordered<BoxFuture<'a, (Work, bool)>>,
    names: BTreeSet<Work>,
    /// What was tried and made no progress: not begun again before a pause.
    stuck: BTreeSet<Work>,
    /// Until when a channel takes no messages of a lane.
    busy: BTreeMap<(ChannelId, SendLane), Moment>,
}

impl<'a> UnderWay<'a> {
    /// Begins what can be begun, and says when to look again.
    /// `now` is the time that was asked for: what was busy then wasn't listed.
    async fn begin(
        &mut self,
        worker: &'a Worker,
        due: Due,
        now: Moment,
    ) -> Result<Option<Moment>, StoreError> {
        self.busy.retain(|_, until| *until > now);
        let timers = due.timers.into_iter().map(|timer| Work::Timer {
            dialog: timer.dialog,
            name: timer.name,
            generation: timer.generation,
        });
        // What has ended and isn't settled yet comes first: it is in flight, so not due.
        let unsettled = worker.unsettled().into_iter().map(Work::Delivery);
        // Before what a change may forbid. It holds nothing up for long: nobody outside is asked.
        let lagging = due.lagging.into_iter().map(Work::Contact);
        let queues = due.queues.into_iter();
        let queues = queues.map(|due| Work::Queue(due.space, due.queue));
        let operators = due.operators.into_iter();
        let operators = operators.map(|due| Work::Operator(due.space, due.operator));
        let people = operators.chain(queues);
        for work in unsettled.chain(lagging).chain(people).chain(timers) {
            self.push(worker, work);
        }
        let mut put_off = Vec::new();
        for DueDelivery { effect, to, lane } in due.deliveries {
            let work = Work::Delivery(effect);
            if !self.has_room_for(worker, &work) {
                continue;
            }
            // Before it is begun: what has to wait neither counts as an attempt nor takes a place.
            let slot = to.as_ref().and_then(|to| {
                let line = worker.lines.get(&to.channel)?;
                let busy = self.busy.get(&(to.channel.clone(), lane));
                Some(match busy {
                    Some(until) => Slot::ChannelBusy { until: *until },
                    None => line.take(to, lane, now),
                })
            });
            match (slot, to) {
                (Some(Slot::AddressBusy { until }), _) => put_off.push((effect, until)),
                (Some(Slot::ChannelBusy { until }), Some(to)) => {
                    self.busy.insert((to.channel, lane), until);
                }
                _ => self.push(worker, work),
            }
        }
        let waits = put_off.iter().map(|(_, until)| *until).min();
        if !put_off.is_empty() {
            worker.store.put_off(&put_off).await?;
        }
        let busy = self.busy.values().copied().min();
        Ok(due.next.into_iter().chain(waits).chain(busy).min())
    }

    fn has_room_for(&self, worker: &Worker, work: &Work) -> bool {
        self.running.len() < worker.deliveries_max
            && !self.stuck.contains(work)
            && !self.names.contains(work)
    }

    fn push(&mut self, worker: &'a Worker, work: Work) {
        if self.has_room_for(worker, &work) {
            self.names.insert(work.clone());
            self.running.push(worker.work(work));
        }
    }

    fn end(&mut self, work: Work, progress: bool) -> bool {
        self.names.remove(&work);
        if !progress {
            self.stuck.insert(work);
        }
        progress
    }
}
