//! Somebody who takes in what a channel receives, and can be told to refuse or to dawdle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::{Channel, Ingest, IngestError, Ingested, ListenError, RawInbound};
use chatflow_telegram::Telegram;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) const ANNA: i64 = 5_000_001;
pub(crate) const BORIS: i64 = 5_000_002;

/// What a channel hands its reports to.
#[derive(Default)]
pub(crate) struct Desk {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Default)]
struct Book {
    offered: Vec<String>,
    taken: Vec<RawInbound>,
    refusals: BTreeMap<String, usize>,
    held: BTreeSet<String>,
}

impl Desk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Refuses a report this many times.
    pub(crate) fn refuse(&self, key: impl ToString, times: usize) {
        self.change(|book| book.refusals.insert(key.to_string(), times));
    }

    /// Answers for a report only once it is let go.
    pub(crate) fn hold(&self, key: impl ToString) {
        self.change(|book| book.held.insert(key.to_string()));
    }

    pub(crate) fn let_go(&self, key: impl ToString) {
        self.change(|book| book.held.remove(&key.to_string()));
    }

    /// The keys of all reports offered so far, each as often as it was.
    pub(crate) fn offered(&self) -> Vec<String> {
        self.book.lock().unwrap().offered.clone()
    }

    /// The keys of what was taken, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        let book = self.book.lock().unwrap();
        book.taken.iter().map(|raw| raw.key.to_string()).collect()
    }

    /// What was taken under a key.
    pub(crate) fn body(&self, key: &str) -> Vec<u8> {
        let book = self.book.lock().unwrap();
        let raw = book.taken.iter().find(|raw| raw.key.as_str() == key);
        raw.unwrap().body.as_bytes().to_vec()
    }

    pub(crate) async fn until_offered(&self, key: impl ToString, times: usize) {
        let key = key.to_string();
        let count = |book: &Book| book.offered.iter().filter(|own| **own == key).count();
        self.until(|book| count(book) >= times).await;
    }

    pub(crate) async fn until_taken(&self, key: impl ToString) {
        let key = key.to_string();
        self.until(|book| book.taken.iter().any(|raw| raw.key.as_str() == key))
            .await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let result = change(&mut self.book.lock().unwrap());
        self.changed.notify_waiters();
        result
    }

    async fn until(&self, is_so: impl Fn(&Book) -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so(&self.book.lock().unwrap()) {
                return;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl Ingest for Desk {
    async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
        let key = raw.key.to_string();
        self.change(|book| book.offered.push(key.clone()));
        self.until(|book| !book.held.contains(&key)).await;
        self.change(|book| {
            if let Some(left) = book.refusals.get_mut(&key).filter(|left| **left > 0) {
                *left -= 1;
                let source = "the store is away".into();
                return Err(IngestError::Unavailable { source });
            }
            book.taken.push(raw);
            Ok(Ingested::Handled)
        })
    }
}

/// A channel that listens until this is dropped.
pub(crate) struct Listening(JoinHandle<Result<(), ListenError>>);

impl Listening {
    pub(crate) fn start(telegram: &Telegram, desk: &Arc<Desk>) -> Self {
        let (telegram, desk) = (telegram.clone(), Arc::clone(desk));
        Self(tokio::spawn(async move { telegram.listen(&*desk).await }))
    }

    /// Why it ended.
    pub(crate) async fn end(mut self) -> ListenError {
        (&mut self.0).await.unwrap().unwrap_err()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The key of an update.
pub(crate) fn key(update_id: i64) -> String {
    format!("update:{update_id}")
}
