//! Contacts, operators and workers at once: tasks that are polled in an order of chance, one step
//! of one of them after the other.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use chatflow_core::testing::ManualClock;
use chatflow_core::{Clock, Config, DueQuery, HandleError, Handled, Moment, Store, Worker, time};

use crate::chance::Chance;
use crate::command::Command;
use crate::ledger::{TICK_MAX_MS, ensure, now};
use crate::plant::Plant;
use crate::rest;
use crate::setup::{Setup, Size, WORDS};
use crate::store::Restless;

/// How often all workers may step until nothing is due any more.
const ROUNDS_MAX: usize = 60;

pub(crate) struct Crowd {
    pub(crate) setup: Arc<Setup>,
    pub(crate) store: Arc<Restless>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) chance: Chance,
    pub(crate) contacts: Vec<Contact>,
    workers: Vec<Arc<Worker>>,
    /// Whether each has started.
    started: Vec<bool>,
    tasks: Vec<Task>,
    /// What is to be done again, since it failed or its worker is gone.
    again: VecDeque<Job>,
    keys: u64,
    report: Report,
}

pub(crate) struct Contact {
    pub(crate) place: usize,
    pub(crate) name: String,
    pub(crate) said: Vec<String>,
    /// A channel hands over what somebody says one by one.
    is_busy: bool,
}

/// What a run was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) turns: u64,
    pub(crate) crashes: u64,
    pub(crate) rests: u64,
    /// Dialogs that waited at some rest.
    pub(crate) waits: u64,
    pub(crate) trace: u64,
}

struct Task {
    worker: usize,
    job: Job,
    future: Pin<Box<dyn Future<Output = Result<bool, String>>>>,
}

#[derive(Clone)]
enum Job {
    Start,
    Step,
    Say { contact: usize, n: usize },
    Do(Box<Command>),
}

/// One run: says what it was, or the first thing that was wrong.
pub(crate) fn run(size: Size, seed: u64, plant: Option<Plant>) -> Result<Report, String> {
    let mut crowd = Crowd::new(size, seed, plant);
    crowd.open()?;
    for _ in 0..size.phases {
        crowd.act()?;
        crowd.rest()?;
        // What one thing brings about doesn't hide behind what another does.
        for _ in 0..2 {
            crowd.act_alone()?;
            crowd.rest()?;
        }
        let seconds = *crowd.chance.pick(&[1, 5, 25, 40, 130, 400, 1000]);
        crowd.clock.advance(Duration::from_secs(seconds));
        crowd.rest()?;
    }
    // Nobody does anything any more, and time goes on.
    for _ in 0..3 {
        let due = now(crowd.store.store.due(&DueQuery::new(crowd.clock.now(), 1)));
        let Some(next) = due.next else {
            break;
        };
        let later = time::from_millis(time::to_millis(crowd.clock.now()) + 1);
        crowd.clock.set(next.max(later));
        crowd.rest()?;
    }
    rest::look_at_the_end(&crowd)?;
    let ledger = crowd.store.ledger();
    Ok(Report {
        turns: ledger.turns,
        trace: ledger.trace.value(),
        ..crowd.report
    })
}

impl Crowd {
    fn new(size: Size, seed: u64, plant: Option<Plant>) -> Self {
        let mut chance = Chance::new(seed);
        let setup = Arc::new(Setup::new(size, &mut chance));
        let store = Arc::new(Restless::new(Arc::clone(&setup), chance.next(), plant));
        let contacts = (0..size.contacts).map(|n| Contact {
            place: chance.below(setup.places.len()),
            name: format!("contact{n}"),
            said: Vec::new(),
            is_busy: false,
        });
        let contacts = contacts.collect();
        let mut crowd = Self {
            setup,
            store,
            clock: Arc::new(ManualClock::default()),
            chance,
            contacts,
            workers: Vec::new(),
            started: vec![false; size.workers],
            tasks: Vec::new(),
            again: VecDeque::new(),
            keys: 0,
            report: Report::default(),
        };
        for _ in 0..size.workers {
            let worker = crowd.worker();
            crowd.workers.push(worker);
        }
        crowd
    }

    fn worker(&self) -> Arc<Worker> {
        let worker = self.setup.worker(self.store.clone(), self.clock.clone());
        Arc::new(worker)
    }

    /// The host makes queues and operators, and the first of them come.
    fn open(&mut self) -> Result<(), String> {
        for number in 0..self.workers.len() {
            self.spawn(number, Job::Start);
        }
        self.finish_tasks()?;
        let mut jobs = Vec::new();
        for space in self.setup.spaces.clone() {
            for operator in self.setup.operators.clone() {
                jobs.extend(Command::of_newcomer(&space, &operator, self));
            }
        }
        for job in jobs {
            let worker = self.chance.below(self.workers.len());
            self.spawn(worker, Job::Do(Box::new(job)));
            self.finish_tasks()?;
        }
        let rules = self.setup.rules.clone();
        // All are there before any passes on to another.
        let bare = rules.iter().cloned().map(|rule| chatflow_core::Queue {
            when_away: chatflow_core::WhenAway::Wait,
            ..rule
        });
        let bare: Vec<_> = bare.collect();
        for rule in bare.into_iter().chain(rules) {
            let saved = self.workers[0].put_queue(&rule.space, &rule.id, |queue| {
                let revision = queue.revision;
                *queue = rule.clone();
                queue.revision = revision;
            });
            let mut saved = std::pin::pin!(saved);
            let waker = futures::task::noop_waker();
            while saved
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {}
        }
        self.rest()
    }

    pub(crate) fn next_key(&mut self) -> u64 {
        self.keys += 1;
        self.keys
    }

    pub(crate) fn configs(&self) -> Vec<Arc<Config>> {
        self.workers[0].configs().collect()
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    // ---- people act

    /// A time in which everything happens at once.
    fn act(&mut self) -> Result<(), String> {
        let size = self.setup.size;
        self.store.calm.store(false, Ordering::Relaxed);
        let (mut says, mut acts) = (size.says, size.acts);
        let polls_max = 2000 * (size.says + size.acts) as u64 + 100_000;
        let mut polls = 0;
        loop {
            let under_way = self.tasks.iter().filter(|task| !task.job.is_step()).count();
            if under_way == 0 && says == 0 && acts == 0 && self.again.is_empty() {
                break;
            }
            if under_way < size.width && self.chance.percent(60) {
                self.begin(&mut says, &mut acts);
            }
            if self.chance.percent(15) {
                let worker = self.chance.below(self.workers.len());
                let steps = |task: &Task| task.worker == worker && task.job.is_step();
                if self.started[worker] && !self.tasks.iter().any(steps) {
                    self.spawn(worker, Job::Step);
                }
            }
            if self.chance.below(600) == 0 {
                self.crash();
            }
            if self.chance.below(100) == 0 {
                let millis = self.chance.next() % TICK_MAX_MS;
                self.clock.advance(Duration::from_millis(millis));
            }
            self.poll()?;
            polls += 1;
            ensure!(polls < polls_max, "people are not done after {polls} steps");
        }
        self.store.calm.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// One thing happens while all is quiet.
    fn act_alone(&mut self) -> Result<(), String> {
        for command in Command::draw(self) {
            let worker = self.chance.below(self.workers.len());
            self.spawn(worker, Job::Do(Box::new(command)));
        }
        self.finish_tasks()
    }

    /// Begins something: what is to be done again, a word of a contact or an operator's act.
    fn begin(&mut self, says: &mut usize, acts: &mut usize) {
        let awake: Vec<usize> = (0..self.workers.len())
            .filter(|n| self.started[*n])
            .collect();
        if awake.is_empty() {
            return;
        }
        let worker = *self.chance.pick(&awake);
        if !self.again.is_empty() && self.chance.percent(50) {
            let job = self.again.pop_front().expect("it isn't empty");
            self.spawn(worker, job);
        } else if *says > 0 && (*acts == 0 || self.chance.below(*says + *acts) < *says) {
            let contact = self.chance.below(self.contacts.len());
            *says -= 1;
            if self.contacts[contact].is_busy {
                return;
            }
            let n = self.contacts[contact].said.len();
            let word = *self.chance.weighed(&WORDS);
            let contact_mut = &mut self.contacts[contact];
            contact_mut.said.push(format!("{word} {n}"));
            contact_mut.is_busy = true;
            self.spawn(worker, Job::Say { contact, n });
        } else if *acts > 0 {
            *acts -= 1;
            for command in Command::draw(self) {
                let worker = *self.chance.pick(&awake);
                self.spawn(worker, Job::Do(Box::new(command)));
            }
        }
    }

    /// A worker is gone, wherever it was, and another one comes in its place.
    fn crash(&mut self) {
        self.report.crashes += 1;
        let gone = self.chance.below(self.workers.len());
        let (lost, left): (Vec<Task>, Vec<Task>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.worker == gone);
        self.tasks = left;
        for task in lost {
            match task.job {
                Job::Start | Job::Step => {}
                Job::Say { .. } => self.again.push_back(task.job),
                // Some operators try again, some give up.
                Job::Do(_) if self.chance.percent(60) => self.again.push_back(task.job),
                Job::Do(_) => {}
            }
        }
        self.workers[gone] = self.worker();
        self.started[gone] = false;
        self.spawn(gone, Job::Start);
    }

    // ---- tasks

    fn spawn(&mut self, number: usize, job: Job) {
        let worker = Arc::clone(&self.workers[number]);
        let future: Pin<Box<dyn Future<Output = Result<bool, String>>>> = match &job {
            Job::Start => Box::pin(async move { Ok(worker.start().await.is_ok()) }),
            Job::Step => Box::pin(async move { Ok(worker.step().await.is_ok()) }),
            Job::Say { contact, n } => {
                let (n, contact) = (*n, &self.contacts[*contact]);
                let channel = Arc::clone(&self.setup.places[contact.place].channel);
                let (name, text) = (contact.name.clone(), contact.said[n].clone());
                Box::pin(async move {
                    let said = channel.says(&name, format!("said {n}"), text);
                    match worker.receive(said).await {
                        Ok(Handled::Applied { .. } | Handled::Duplicate) => Ok(true),
                        Ok(other) => Err(format!("a message became {other:?}")),
                        Err(
                            HandleError::Store(_)
                            | HandleError::Commit(_)
                            | HandleError::Contended { .. },
                        ) => Ok(false),
                        Err(error) => Err(format!("a message is lost: {error}")),
                    }
                })
            }
            Job::Do(command) => Box::pin(command.clone().run(worker)),
        };
        self.tasks.push(Task {
            worker: number,
            job,
            future,
        });
    }

    /// One step of one task.
    fn poll(&mut self) -> Result<(), String> {
        if self.tasks.is_empty() {
            return Ok(());
        }
        let at = self.chance.below(self.tasks.len());
        let waker = futures::task::noop_waker();
        let polled = self.tasks[at]
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(ended) = polled {
            let task = self.tasks.swap_remove(at);
            let (number, job, done) = (task.worker, task.job.clone(), ended?);
            drop(task);
            match (&job, done) {
                (Job::Start, true) => self.started[number] = true,
                (Job::Start, false) => self.spawn(number, Job::Start),
                (Job::Step, _) => {}
                (Job::Say { contact, .. }, true) => {
                    // Now and then a channel reports twice.
                    match self.chance.percent(5) {
                        true => self.again.push_back(job),
                        false => self.contacts[*contact].is_busy = false,
                    }
                }
                (Job::Say { .. } | Job::Do(_), false) => self.again.push_back(job),
                (Job::Do(_), true) => {}
            }
        }
        match self.store.ledger().wrong.take() {
            Some(wrong) => Err(wrong),
            None => Ok(()),
        }
    }

    fn finish_tasks(&mut self) -> Result<(), String> {
        while !self.tasks.is_empty() {
            self.poll()?;
        }
        Ok(())
    }

    // ---- rest

    /// Nobody acts, and the workers do what is due until nothing is.
    fn rest(&mut self) -> Result<(), String> {
        self.finish_tasks()?;
        for round in 0.. {
            let due = now(self.store.planted(&DueQuery::new(self.now(), 1)));
            let is_over = due.timers.is_empty()
                && due.deliveries.is_empty()
                && due.lagging.is_empty()
                && due.queues.is_empty()
                && due.operators.is_empty();
            if is_over {
                break;
            }
            ensure!(
                round < ROUNDS_MAX,
                "the workers don't come to rest: {due:?} is due"
            );
            for worker in 0..self.workers.len() {
                self.spawn(worker, Job::Step);
            }
            self.finish_tasks()?;
        }
        self.report.rests += 1;
        self.report.waits += rest::look(self)?;
        Ok(())
    }
}

impl Job {
    fn is_step(&self) -> bool {
        matches!(self, Self::Step)
    }
}
