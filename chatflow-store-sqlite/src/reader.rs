//! Reading: a few threads, each with a connection that can't write.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use chatflow_core::StoreError;
use futures::channel::oneshot;
use rusqlite::Connection;

use crate::error::Failure;
use crate::queue::{self, Receiver, Sender};

type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// The reading threads. Dropping it ends and joins them.
pub(crate) struct Readers {
    queue: Option<Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (sender, receiver) = queue::bounded(QUEUE_LENGTH);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut readers = Self {
            queue: Some(sender),
            threads: Vec::new(),
        };
        for connection in connections {
            let receiver = Arc::clone(&receiver);
            let thread = thread::Builder::new()
                .name("chatflow-read".to_owned())
                .spawn(move || serve(connection, &receiver))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs a query. All that it reads is as of one moment, later than every commit that
    /// returned before this call.
    pub(crate) async fn read<A, Q>(&self, query: Q) -> Result<A, StoreError>
    where
        A: Send + 'static,
        Q: FnOnce(&Connection) -> Result<A, Failure> + Send + 'static,
    {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            if reply.is_canceled() {
                return;
            }
            let answer = connection
                .transaction()
                .map_err(Failure::from)
                .and_then(|moment| query(&moment));
            // Nobody waits any more: fine.
            let _ = reply.send(answer);
        });
        queue
            .send(read)
            .await
            .map_err(|queue::Closed| StoreError::Closed)?;
        Ok(answer
            .await
            .map_err(|oneshot::Canceled| StoreError::Closed)??)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn serve(mut connection: Connection, queue: &Mutex<Receiver<Read>>) {
    loop {
        // Held while waiting: the readers take turns at the queue's end.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        match next {
            // A panic's caller gets no reply; the thread and its connection go on.
            Some(read) => drop(panic::catch_unwind(AssertUnwindSafe(|| {
                read(&mut connection)
            }))),
            None => return,
        }
    }
}

/// Reads that may wait; more than this and the callers wait themselves.
const QUEUE_LENGTH: usize = 64;
