//! Writing: one thread, one connection, groups.
//!
//! ```text
//!   callers ──► queue ──► [ job job job ]  BEGIN … COMMIT ──► replies ──► checkpoint, if large
//!                 ▲                             │
//!                 └──── the next group gathers ─┘
//! ```
//!
//! No timer: while one group commits, the next gathers. A reply is given after the commit
//! returned, and checkpoints come after the replies, so that no caller waits for one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chatflow_core::{CommitError, StoreError};
use futures::channel::oneshot;
use rusqlite::Connection;

use crate::config::SqliteConfig;
use crate::error::Failure;
use crate::queue::{self, Receiver, Sender};

/// The writing thread. Dropping it lets the thread do what is queued, checkpoint and close, and
/// joins it.
pub(crate) struct Writer {
    queue: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a writing call has no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// It did not happen.
    NotDone(StoreError),
    /// The commit failed half-way, or the thread died: it may have happened.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

impl Writer {
    pub(crate) fn start(connection: Connection, config: &SqliteConfig) -> std::io::Result<Self> {
        let limits = Limits {
            jobs: config.group_turns_max,
            bytes: config.group_bytes_max,
        };
        // One group at work, one gathering.
        let (sender, receiver) = queue::bounded(limits.jobs);
        let thread = thread::Builder::new()
            .name("chatflow-write".to_owned())
            .spawn(move || serve(connection, receiver, limits))?;
        Ok(Self {
            queue: Some(sender),
            thread: Some(thread),
        })
    }

    /// Runs `work` in the next group and waits until the group is durable. `work` may run twice:
    /// once with its group, and once alone if another of the group failed.
    pub(crate) async fn write<A, W>(&self, weight: usize, work: W) -> Result<A, Lost>
    where
        A: Send + 'static,
        W: Fn(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        let queue = self
            .queue
            .as_ref()
            .ok_or(Lost::NotDone(StoreError::Closed))?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Ticket {
            weight,
            work,
            answer: None,
            reply,
        });
        queue
            .send(job)
            .await
            .map_err(|queue::Closed| Lost::NotDone(StoreError::Closed))?;
        answer
            .await
            .unwrap_or_else(|canceled| Err(Lost::Unknown(canceled.into())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl From<Lost> for StoreError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotDone(error) => error,
            Lost::Unknown(source) => Self::Backend { source },
        }
    }
}

impl From<Lost> for CommitError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotDone(error) => Self::Store(error),
            Lost::Unknown(source) => Self::Unknown { source },
        }
    }
}

/// One writing call, whatever it answers.
trait Job: Send {
    fn weight(&self) -> usize;
    /// Does the work, unless the caller no longer waits: a delivery that nobody makes would stay
    /// in flight until the next start.
    fn run(&mut self, connection: &Connection) -> Result<(), Failure>;
    fn reply(self: Box<Self>, lost: Option<Lost>);
}

struct Ticket<A, W> {
    weight: usize,
    work: W,
    answer: Option<A>,
    reply: oneshot::Sender<Result<A, Lost>>,
}

impl<A, W> Job for Ticket<A, W>
where
    A: Send,
    W: Fn(&Connection) -> Result<A, Failure> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Failure> {
        if !self.reply.is_canceled() {
            self.answer = Some((self.work)(connection)?);
        }
        Ok(())
    }

    fn reply(self: Box<Self>, lost: Option<Lost>) {
        let outcome = match (lost, self.answer) {
            (Some(lost), _) => Err(lost),
            (None, Some(answer)) => Ok(answer),
            (None, None) => Err(Lost::NotDone(StoreError::Closed)),
        };
        // Nobody waits any more: fine.
        let _ = self.reply.send(outcome);
    }
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    jobs: usize,
    bytes: usize,
}

fn serve(connection: Connection, mut queue: Receiver<Box<dyn Job>>, limits: Limits) {
    let mut log = WriteAheadLog::default();
    let mut next = queue.next();
    while let Some(first) = next.take() {
        let mut bytes = first.weight();
        let mut group = vec![first];
        while group.len() < limits.jobs && bytes < limits.bytes {
            let Some(job) = queue.next_now() else { break };
            bytes += job.weight();
            group.push(job);
        }
        tracing::trace!(jobs = group.len(), bytes, "group");
        finish(&connection, group);

        next = queue.next_now();
        log.checkpoint_if_large(&connection, next.is_none());
        if next.is_none() {
            next = queue.next();
        }
    }
    close(connection);
}

/// Writes a group and replies to each of its callers.
fn finish(connection: &Connection, mut group: Vec<Box<dyn Job>>) {
    match together(connection, &mut group) {
        Ok(()) => reply_all(group, || None),
        // One of them failed and everything was rolled back. Alone, each gets its own answer.
        Err(Trouble::Work(failure)) if group.len() > 1 => {
            tracing::warn!(%failure, jobs = group.len(), "a group is split");
            for job in group {
                finish(connection, vec![job]);
            }
        }
        Err(Trouble::Work(failure)) => {
            if let Some(job) = group.pop() {
                job.reply(Some(Lost::NotDone(failure.into())));
            }
        }
        Err(Trouble::Begin(error)) => {
            let error = Arc::new(error);
            reply_all(group, || {
                let source = Box::new(Arc::clone(&error));
                Some(Lost::NotDone(StoreError::Backend { source }))
            });
        }
        Err(Trouble::Commit(error)) => {
            let error = Arc::new(error);
            reply_all(group, || Some(Lost::Unknown(Box::new(Arc::clone(&error)))));
        }
    }
}

fn reply_all(group: Vec<Box<dyn Job>>, lost: impl Fn() -> Option<Lost>) {
    for job in group {
        job.reply(lost());
    }
}

/// One transaction around all jobs. On trouble nothing of it remains open.
fn together(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), Trouble> {
    execute(connection, "BEGIN IMMEDIATE").map_err(Trouble::Begin)?;
    for job in group {
        // Work is ours and doesn't panic; if it does, that is one call's misfortune.
        let run = panic::catch_unwind(AssertUnwindSafe(|| job.run(connection)));
        if let Err(failure) = run.unwrap_or(Err(Failure::Misuse("a writing call panicked"))) {
            roll_back(connection);
            return Err(Trouble::Work(failure));
        }
    }
    execute(connection, "COMMIT").map_err(|error| {
        roll_back(connection);
        tracing::error!(%error, "a commit failed; whether it happened is unknown");
        Trouble::Commit(error)
    })
}

enum Trouble {
    Begin(rusqlite::Error),
    Work(Failure),
    Commit(rusqlite::Error),
}

fn roll_back(connection: &Connection) {
    // Some errors of SQLite end the transaction by themselves.
    if !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%error, "a roll-back failed");
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// When to move the write-ahead log into the database file.
#[derive(Debug, Default)]
struct WriteAheadLog {
    changes: i64,
    checkpointed_at: i64,
}

impl WriteAheadLog {
    /// Rows changed stand in for pages written: SQLite doesn't tell the length of its log
    /// without a hook, the file's own length doesn't shrink, and each row changed is a page or
    /// a little more.
    fn checkpoint_if_large(&mut self, connection: &Connection, idle: bool) {
        let changes = connection
            .prepare_cached("SELECT total_changes()")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        match changes {
            Ok(changes) => self.changes = changes,
            Err(error) => return tracing::warn!(%error, "changes can't be counted"),
        }
        let grown = self.changes - self.checkpointed_at;
        if grown
            < if idle {
                CHECKPOINT_IDLE
            } else {
                CHECKPOINT_ALWAYS
            }
        {
            return;
        }
        // Passive: waits for nobody. What a reader still needs is moved the next time.
        self.checkpointed_at = self.changes;
        checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
    }
}

fn close(connection: Connection) {
    // A tool that reads beside us may hold the log; closing doesn't wait for it.
    if let Err(error) = connection.busy_timeout(Duration::ZERO) {
        tracing::warn!(%error, "the time to wait can't be set");
    }
    checkpoint(&connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the database was not closed in order; nothing is lost by it");
    }
}

fn checkpoint(connection: &Connection, sql: &str) {
    let moved = connection.query_row(sql, [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match moved {
        Ok((pages, moved)) => tracing::debug!(pages, moved, "checkpoint"),
        Err(error) => tracing::warn!(%error, "a checkpoint failed; the next one does its work"),
    }
}

/// Rows changed since the last checkpoint, when nobody waits.
const CHECKPOINT_IDLE: i64 = 1000;
/// The same, whoever waits: the log may not grow for ever under steady load.
const CHECKPOINT_ALWAYS: i64 = 8000;

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::join;

    use super::*;

    /// A writer at a file with one table, whose deferred constraint makes a COMMIT fail.
    fn start() -> (tempfile::TempDir, Writer) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE row (
                     n INTEGER PRIMARY KEY,
                     other INTEGER REFERENCES row (n) DEFERRABLE INITIALLY DEFERRED
                 ) STRICT;",
            )
            .unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        (
            directory,
            Writer::start(connection, &SqliteConfig::new(path)).unwrap(),
        )
    }

    fn insert(n: i64, other: Option<i64>) -> impl Fn(&Connection) -> Result<(), Failure> + Send {
        move |connection| {
            connection.execute("INSERT INTO row (n, other) VALUES (?1, ?2)", (n, other))?;
            Ok(())
        }
    }

    fn count(writer: &Writer) -> i64 {
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT count(*) FROM row", [], |row| row.get(0))?)
        };
        block_on(writer.write(0, count)).unwrap()
    }

    #[test]
    fn a_failed_commit_is_unknown_to_the_whole_group_and_leaves_nothing_open() {
        let (_directory, writer) = start();
        let both = join(
            writer.write(0, insert(1, Some(99))),
            writer.write(0, insert(1, Some(99))),
        );
        let (first, second) = block_on(both);
        assert!(matches!(first, Err(Lost::Unknown(_))), "{first:?}");
        assert!(
            matches!(second, Err(Lost::Unknown(_) | Lost::NotDone(_))),
            "{second:?}"
        );
        block_on(writer.write(0, insert(1, None))).unwrap();
        assert_eq!(count(&writer), 1);
    }

    #[test]
    fn a_transaction_that_cannot_begin_did_not_happen() {
        let (directory, writer) = start();
        let other = Connection::open(directory.path().join("test.db")).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let lost = block_on(writer.write(0, insert(1, None)));
        assert!(
            matches!(lost, Err(Lost::NotDone(StoreError::Backend { .. }))),
            "{lost:?}"
        );
        other.execute_batch("ROLLBACK").unwrap();
        block_on(writer.write(0, insert(1, None))).unwrap();
    }

    #[test]
    fn work_that_nobody_waits_for_is_not_begun() {
        let (_directory, writer) = start();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (proceed, may_proceed) = std::sync::mpsc::channel();
        let may_proceed = std::sync::Mutex::new(may_proceed);
        let hold = move |_: &Connection| {
            begun.send(()).unwrap();
            may_proceed.lock().unwrap().recv().unwrap();
            Ok(())
        };
        let held = writer.write(0, hold);
        let drive = async {
            // Queued behind the one that is held, then given up.
            let mut abandoned = Box::pin(writer.write(0, insert(1, None)));
            assert!(futures::poll!(&mut abandoned).is_pending());
            has_begun.recv().unwrap();
            drop(abandoned);
            proceed.send(()).unwrap();
        };
        let (held, ()) = block_on(join(held, drive));
        held.unwrap();
        assert_eq!(count(&writer), 0);
    }

    #[test]
    fn what_is_queued_is_written_before_the_writer_ends() {
        let (directory, writer) = start();
        let mut waiting: Vec<_> = (0..40)
            .map(|n| Box::pin(writer.write(0, insert(n, None))))
            .collect();
        block_on(async {
            for write in &mut waiting {
                let _ = futures::poll!(write);
            }
        });
        for write in waiting {
            block_on(write).unwrap();
        }
        drop(writer);
        let connection = Connection::open(directory.path().join("test.db")).unwrap();
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM row", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 40);
    }

    #[test]
    fn work_that_panics_fails_alone() {
        let (_directory, writer) = start();
        let panics = |_: &Connection| -> Result<(), Failure> { panic!("on purpose") };
        let both = join(writer.write(0, panics), writer.write(0, insert(1, None)));
        let (lost, written) = block_on(both);
        assert!(
            matches!(lost, Err(Lost::NotDone(StoreError::Backend { .. }))),
            "{lost:?}"
        );
        written.unwrap();
        assert_eq!(count(&writer), 1);
    }
}
