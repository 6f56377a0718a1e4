//! The bounded queue between callers, who must not block, and threads, who may.

use futures::channel::mpsc;
use futures::executor::block_on;
use futures::lock::Mutex;
use futures::{FutureExt, SinkExt, StreamExt};

/// The callers' end.
///
/// One sender behind a lock, not one a caller: every clone of a sender has a place of its own in
/// the queue, so that with clones the bound would not hold.
pub(crate) struct Sender<T>(Mutex<mpsc::Sender<T>>);

/// The thread's end.
pub(crate) struct Receiver<T>(mpsc::Receiver<T>);

/// The thread is gone.
#[derive(Debug)]
pub(crate) struct Closed;

/// A queue for `length` items; further callers wait.
pub(crate) fn bounded<T>(length: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(length);
    (Sender(Mutex::new(sender)), Receiver(receiver))
}

impl<T> Sender<T> {
    pub(crate) async fn send(&self, item: T) -> Result<(), Closed> {
        self.0.lock().await.send(item).await.map_err(|_| Closed)
    }
}

impl<T> Receiver<T> {
    /// The next item; blocks. None once the sender is gone and everything was taken.
    pub(crate) fn next(&mut self) -> Option<T> {
        block_on(self.0.next())
    }

    /// The next item if it is there.
    pub(crate) fn next_now(&mut self) -> Option<T> {
        self.0.next().now_or_never().flatten()
    }
}
