//! A fake outside with every ability, strict by limits of its own.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::ScriptedChannel;
use chatflow_core::testing::channel_kit::{
    Ability, Arrived, ChannelHarness, Failure, Happening, Knock, Outside, Report, Webhook,
};
use chatflow_core::{Address, Capabilities, Channel, EffectId, Media, MediaKind, ReceiptState};
use futures::channel::oneshot;

use crate::bug::Bug;
use crate::channel::FakeChannel;

pub(crate) const SECRET: &str = "token-7f3a9c51";
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A harness over outsides that can do this, and an adapter with one bug.
pub(crate) struct Fakes {
    pub(crate) truth: Capabilities,
    pub(crate) bug: Bug,
    pub(crate) cannot: Vec<Ability>,
}

#[async_trait]
impl ChannelHarness for Fakes {
    async fn fresh(&self) -> Arc<dyn Outside> {
        Arc::new(Fake::new(&self.truth, self.bug))
    }

    fn cannot(&self) -> &[Ability] {
        &self.cannot
    }
}

pub(crate) struct Fake(Arc<Shared>);

/// What the outside and its adapters share.
pub(crate) struct Shared {
    pub(crate) truth: Capabilities,
    pub(crate) bug: Bug,
    /// Names what it takes, over all restarts.
    pub(crate) scripted: ScriptedChannel,
    pub(crate) inner: Mutex<Inner>,
}

#[derive(Default)]
pub(crate) struct Inner {
    reports: Vec<Vec<u8>>,
    queue: VecDeque<Offered>,
    pub(crate) acknowledged: BTreeSet<Report>,
    /// What came by the door: who knocks repeats it himself.
    by_door: BTreeSet<Report>,
    /// Whether the adapter waits at an empty queue.
    is_idle: bool,
    wakers: Vec<Waker>,
    pub(crate) failures: VecDeque<Failure>,
    pub(crate) arrived: Vec<Arrived>,
    pub(crate) keys: BTreeSet<(EffectId, u32)>,
    pub(crate) hanging: u32,
}

pub(crate) struct Offered {
    pub(crate) report: Report,
    pub(crate) body: Vec<u8>,
    /// Who waits for the answer to a request.
    pub(crate) door: Option<oneshot::Sender<u16>>,
}

impl Fake {
    fn new(truth: &Capabilities, bug: Bug) -> Self {
        Self(Arc::new(Shared {
            truth: truth.clone(),
            bug,
            scripted: ScriptedChannel::new("fake"),
            inner: Mutex::default(),
        }))
    }
}

impl Shared {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn offer(&self, body: Vec<u8>, door: Option<oneshot::Sender<u16>>) -> Report {
        let mut inner = self.inner();
        inner.reports.push(body.clone());
        let report = Report(inner.reports.len() as u64);
        if door.is_some() {
            inner.by_door.insert(report);
        }
        inner.push(Offered { report, body, door });
        report
    }

    pub(crate) async fn next(&self) -> Offered {
        std::future::poll_fn(|context| {
            let mut inner = self.inner();
            let next = match self.bug {
                Bug::NewestFirst => inner.queue.pop_back(),
                _ => inner.queue.pop_front(),
            };
            inner.is_idle = next.is_none();
            inner.wake();
            match next {
                Some(offered) => Poll::Ready(offered),
                None => {
                    inner.wakers.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Inner {
    fn push(&mut self, offered: Offered) {
        self.queue.push_back(offered);
        self.is_idle = false;
        self.wake();
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

#[async_trait]
impl Outside for Fake {
    async fn connect(&self) -> Arc<dyn Channel> {
        let mut inner = self.0.inner();
        inner.is_idle = false;
        inner.queue.clear();
        for (n, body) in (1..).zip(inner.reports.clone()) {
            let report = Report(n);
            if !inner.acknowledged.contains(&report) && !inner.by_door.contains(&report) {
                let door = None;
                inner.push(Offered { report, body, door });
            }
        }
        drop(inner);
        Arc::new(FakeChannel::new(self.0.clone()))
    }

    fn address(&self, who: &str) -> Address {
        Address::new("fake", format!("id-of-{who}"))
    }

    async fn happens(&self, who: &str, what: &Happening<'_>) -> Report {
        let is_reply = self.0.truth.choices.is_some_and(|limits| !limits.inline);
        let line = match *what {
            Happening::Press(choice) if is_reply => format!("text id-of-{who}\n{choice}"),
            Happening::Text(text) => format!("text id-of-{who}\n{text}"),
            Happening::Press(choice) => format!("press id-of-{who}\n{choice}"),
            Happening::Media(kind, text) => format!("{kind} id-of-{who}\n{text}"),
            Happening::AlbumItem { album, caption } => {
                format!("item id-of-{who} {album}\n{caption}")
            }
            Happening::Started(payload) => format!("start id-of-{who}\n{payload}"),
            Happening::Blocked => format!("block id-of-{who}\n"),
            Happening::Unblocked => format!("unblock id-of-{who}\n"),
            Happening::Moved(to) => format!("move id-of-{who}\nid-of-{to}"),
            Happening::Receipt(id, ReceiptState::Read) => format!("read id-of-{who}\n{id}"),
            Happening::Receipt(id, _) => format!("delivered id-of-{who}\n{id}"),
            Happening::Unknown(word) => format!("dance id-of-{who}\n{word}"),
            Happening::Garbage(word) => {
                let mut bytes = vec![0xff, 0xfe];
                bytes.extend_from_slice(word.as_bytes());
                return self.0.offer(bytes, None);
            }
            other => panic!("the fake knows no {other:?}"),
        };
        self.0.offer(line.into_bytes(), None)
    }

    async fn again(&self, report: Report) {
        let mut inner = self.0.inner();
        let body = inner.reports[report.0 as usize - 1].clone();
        let door = None;
        inner.push(Offered { report, body, door });
    }

    async fn settled(&self) {
        std::future::poll_fn(|context| {
            let mut inner = self.0.inner();
            if inner.is_idle {
                return Poll::Ready(());
            }
            inner.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn acknowledged(&self) -> Vec<Report> {
        self.0.inner().acknowledged.iter().copied().collect()
    }

    async fn fails_next(&self, failure: &Failure, wording: usize) -> bool {
        if wording == 0 {
            self.0.inner().failures.push_back(failure.clone());
        }
        wording == 0
    }

    async fn arrived(&self) -> Vec<Arrived> {
        self.0.inner().arrived.clone()
    }

    fn file(&self, kind: MediaKind) -> Media {
        Media::new(kind, "file-1").with_bytes(1)
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }

    fn shown(&self) -> Vec<String> {
        match self.0.bug {
            Bug::SecretInDebug => vec![format!("FakeChannel {{ token: {SECRET} }}")],
            _ => vec!["FakeChannel { .. }".to_owned()],
        }
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        Some(self)
    }
}

#[async_trait]
impl Webhook for Fake {
    async fn knock(&self, knock: Knock<'_>) -> u16 {
        let genuine = |text: &str| format!("text id-of-anna\n{text}").into_bytes();
        let (secret, body) = match knock {
            Knock::Genuine(text) => (SECRET, genuine(text)),
            Knock::Again => (SECRET, Vec::new()),
            Knock::WrongSecret => ("token-00000000", genuine("hello")),
            Knock::NoSecret => ("", genuine("hello")),
            Knock::ShortSecret => (&SECRET[..SECRET.len() / 2], genuine("hello")),
            Knock::TooLarge => (SECRET, vec![b'x'; BODY_BYTES_MAX + 1]),
            Knock::Garbage => (SECRET, vec![0xff]),
            _ => return 404,
        };
        let is_known = match self.0.bug {
            Bug::AnySecret => true,
            Bug::SecretsBeginning => !secret.is_empty() && SECRET.starts_with(secret),
            _ => secret == SECRET,
        };
        if !is_known {
            return 401;
        }
        if body.len() > BODY_BYTES_MAX && self.0.bug != Bug::AnySize {
            return 413;
        }
        if self.0.bug == Bug::GarbageIsOurFault && body == [0xff] {
            return 500;
        }
        let (door, answer) = oneshot::channel();
        match knock {
            Knock::Again => {
                let mut inner = self.0.inner();
                let report = inner
                    .by_door
                    .last()
                    .copied()
                    .expect("there was a genuine one");
                let body = inner.reports[report.0 as usize - 1].clone();
                let door = Some(door);
                inner.push(Offered { report, body, door });
            }
            _ => {
                self.0.offer(body, Some(door));
            }
        }
        answer.await.unwrap_or(503)
    }
}

/// What a channel of this kind can do, and everything that the kit can try.
pub(crate) fn everything() -> Capabilities {
    let mut capabilities = Capabilities::telegram_bot();
    capabilities.receipts = chatflow_core::Receipts::Read;
    capabilities.marks_read = true;
    capabilities.idempotent_send = true;
    capabilities.delete_within = Some(Duration::from_secs(60));
    capabilities
}
