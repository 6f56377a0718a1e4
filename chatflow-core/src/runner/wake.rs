//! Telling the loop that there is something to do.

use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Remembers one signal until the one who waits has taken it.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    inner: Mutex<(bool, Option<Waker>)>,
}

impl Wake {
    pub(crate) fn signal(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = true;
        if let Some(waker) = inner.1.take() {
            drop(inner);
            waker.wake();
        }
    }

    /// Signals when what is given back is dropped.
    pub(crate) fn on_drop(&self) -> impl Drop + '_ {
        struct Signals<'a>(&'a Wake);
        impl Drop for Signals<'_> {
            fn drop(&mut self) {
                self.0.signal();
            }
        }
        Signals(self)
    }

    /// Takes the signal, waiting for it if there is none. One task may wait at a time.
    pub(crate) async fn taken(&self) {
        std::future::poll_fn(|context| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut inner.0) {
                return Poll::Ready(());
            }
            inner.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
