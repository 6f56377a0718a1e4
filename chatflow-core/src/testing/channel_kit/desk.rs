//! The real worker between an outside and a store, and what the kit reads off it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, Either, select};

use super::harness::{Arrived, ChannelHarness, Happening, Outside, Report};
use crate::channel::{
    Action, Capabilities, Channel, Inbound, Ingest, IngestError, Ingested, ListenError, Outbound,
    Pacing, RawInbound, Receipt, SendError,
};
use crate::dialog::{
    Address, BotId, ChannelId, DialogId, Event, ExternalId, Media, MediaKind, Message,
    MessageRules, Moment, OperatorAct, Snapshot,
};
use crate::flow::{Behaviour, Bot, FlowBuilder, Limits, MediaRule, Outcome, Step, StepContext};
use crate::runner::{Clock as _, HandleError, Handled, Worker};
use crate::store::{MemoryStore, Store as _, TranscriptLine};
use crate::testing::ManualClock;

/// How long the kit's step waits before it reminds.
pub(super) const REMINDER: Duration = Duration::from_secs(60);
/// Most rounds of a second each in which everything has to be delivered.
const ROUNDS_MAX: usize = 20_000;

/// A program that talks on the channel under test.
pub(super) struct Desk {
    pub(super) outside: Arc<dyn Outside>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) gate: Arc<Gate>,
    pub(super) channel: Arc<Watched>,
    pub(super) worker: Arc<Worker>,
    listening: Option<BoxFuture<'static, Result<(), ListenError>>>,
    /// How `listen` ended, where it did.
    pub(super) ended: Option<Result<(), ListenError>>,
    acts: Mutex<u64>,
}

impl Desk {
    pub(super) async fn open(harness: &dyn ChannelHarness) -> Self {
        let outside = harness.fresh().await;
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let (channel, worker) = start(&*outside, &store, &clock).await;
        let gate = Arc::new(Gate::new(outside.clone(), worker.clone()));
        Self {
            outside,
            store,
            clock,
            gate,
            channel,
            worker,
            listening: None,
            ended: None,
            acts: Mutex::default(),
        }
    }

    /// The program dies where it stands and starts again: nothing but the store is left.
    pub(super) async fn restart(&mut self) {
        self.gate.open();
        self.connect().await;
    }

    async fn connect(&mut self) {
        self.listening = None;
        self.ended = None;
        let (channel, worker) = start(&*self.outside, &self.store, &self.clock).await;
        *self.gate.worker() = worker.clone();
        self.channel = channel;
        self.worker = worker;
    }

    /// Lets the channel listen until the outside is settled, or it stops by itself, or the gate
    /// has a report in hand that it will never give back.
    pub(super) async fn take_in(&mut self) {
        self.listen_beside(async |desk| desk.outside.settled().await)
            .await;
    }

    /// Lets the channel listen until something else is done; none where `listen` ended first.
    pub(super) async fn listen_beside<T>(
        &mut self,
        work: impl AsyncFnOnce(&Self) -> T,
    ) -> Option<T> {
        self.connect_if_over().await;
        let listening = self.listening.take();
        let mut listening = listening.unwrap_or_else(|| {
            let (channel, gate) = (self.channel.clone(), self.gate.clone());
            Box::pin(async move { channel.listen(&*gate).await })
        });
        let stuck = self.gate.clone();
        let over = select(&mut listening, Box::pin(stuck.is_stuck()));
        let (ended, done) = match select(over, std::pin::pin!(work(self))).await {
            Either::Left((Either::Left((ended, _)), _)) => (Some(ended), None),
            Either::Left((Either::Right(_), _)) => (None, None),
            Either::Right((done, _)) => (None, Some(done)),
        };
        match ended {
            Some(ended) => self.ended = Some(ended),
            None => self.listening = Some(listening),
        }
        done
    }

    /// A channel that has stopped listening is connected anew.
    async fn connect_if_over(&mut self) {
        if self.ended.is_some() {
            self.connect().await;
        }
    }

    /// Somebody out there does something, and the channel takes it in.
    pub(super) async fn happens(&mut self, who: &str, what: Happening<'_>) -> Report {
        self.connect_if_over().await;
        let report = self.outside.happens(who, &what).await;
        self.take_in().await;
        report
    }

    pub(super) async fn says(&mut self, who: &str, text: &str) -> Report {
        self.happens(who, Happening::Text(text)).await
    }

    /// Delivers what is to be delivered, second by second.
    pub(super) async fn deliver(&self) {
        for _ in 0..ROUNDS_MAX {
            self.step().await;
            if self.open_entries().await == 0 {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("something could not be delivered within {ROUNDS_MAX} seconds");
    }

    pub(super) async fn step(&self) {
        let done = self.worker.step().await;
        done.unwrap_or_else(|error| panic!("the worker stopped: {error}"));
    }

    async fn open_entries(&self) -> usize {
        let mut open = 0;
        let mut after = None;
        loop {
            let page = must(self.store.dialogs(after, 1000).await);
            let Some(last) = page.last() else {
                return open;
            };
            after = Some(last.dialog);
            for summary in &page {
                open += must(self.store.outbox(summary.dialog).await).len();
            }
        }
    }

    /// An operator writes.
    pub(super) async fn reply(
        &self,
        who: &str,
        message: impl Into<Message>,
    ) -> Result<Handled, HandleError> {
        self.act(who, OperatorAct::Reply(message.into())).await
    }

    pub(super) async fn act(&self, who: &str, act: OperatorAct) -> Result<Handled, HandleError> {
        let key = {
            let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
            *acts += 1;
            format!("act:{acts}")
        };
        let dialog = self.dialog(who).await;
        self.worker
            .handle(dialog, &Event::operator(key, "op", act))
            .await
    }

    /// Somebody writes, an operator answers with this, and it is delivered. Gives what arrived of
    /// it.
    pub(super) async fn answers(&mut self, message: impl Into<Message>) -> Vec<Arrived> {
        if self.find("anna").await.is_none() {
            self.says("anna", "quiet").await;
        }
        let before = self.outside.arrived().await.len();
        let written = self.reply("anna", message).await;
        written.unwrap_or_else(|error| panic!("the operator's message was refused: {error}"));
        self.deliver().await;
        self.outside.arrived().await.split_off(before)
    }

    pub(super) async fn find(&self, who: &str) -> Option<DialogId> {
        let address = self.outside.address(who);
        must(self.store.find_dialog(&bot_id(), &address).await)
    }

    /// The dialog with somebody.
    pub(super) async fn dialog(&self, who: &str) -> DialogId {
        let found = self.find(who).await;
        found.unwrap_or_else(|| panic!("there is no dialog with the address of `{who}`"))
    }

    pub(super) async fn snapshot(&self, who: &str) -> Snapshot {
        let dialog = self.dialog(who).await;
        let loaded = must(self.store.load(dialog).await);
        let loaded = loaded.unwrap_or_else(|| panic!("the dialog with `{who}` is gone"));
        must(Snapshot::decode(&loaded.snapshot))
    }

    /// The lines of the transcript with somebody.
    pub(super) async fn lines(&self, who: &str) -> Vec<TranscriptLine> {
        match self.find(who).await {
            Some(dialog) => must(self.store.transcript(dialog, None, 1000).await),
            None => Vec::new(),
        }
    }

    /// What somebody is known to have said.
    pub(super) async fn heard(&self, who: &str) -> Vec<String> {
        let lines = self.lines(who).await.into_iter();
        let theirs = lines.filter(|line| line.delivery.is_none());
        let text = |line: TranscriptLine| line.record.message.text().to_owned();
        theirs.map(text).collect()
    }

    /// What of it arrived at somebody, as texts.
    pub(super) async fn arrived_at(&self, who: &str) -> Vec<String> {
        let to = self.outside.address(who);
        let arrived = self.outside.arrived().await.into_iter();
        let arrived = arrived.filter(|arrived| arrived.to == to);
        arrived.map(|arrived| arrived.text).collect()
    }
}

async fn start(
    outside: &dyn Outside,
    store: &Arc<MemoryStore>,
    clock: &Arc<ManualClock>,
) -> (Arc<Watched>, Arc<Worker>) {
    let channel = Arc::new(Watched {
        inner: outside.connect().await,
        clock: clock.clone(),
        calls: Mutex::default(),
    });
    let worker = Worker::builder(store.clone(), clock.clone())
        .bot(&bot(), channel.clone())
        .build();
    let worker = Arc::new(must(worker));
    must(worker.start().await);
    (channel, worker)
}

pub(super) fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("the kit's own part failed: {error:?}"))
}

fn bot_id() -> BotId {
    BotId::from("kit")
}

/// A bot that answers `re: …` to what it gets, and lets people write whatever they like.
fn bot() -> Bot {
    let flow = FlowBuilder::new("kit", 1).step("answer", Answers).build();
    let behaviour = Behaviour {
        media_rule: MediaRule::PassToStep,
        message_rules: MessageRules {
            text_max: None,
            files_max: usize::MAX,
            images_max: usize::MAX,
            bytes_max: u64::MAX,
            ..MessageRules::default()
        },
        ..Behaviour::default()
    };
    let limits = Limits {
        text_bytes: 4 << 20,
        ..Limits::default()
    };
    Bot::new(bot_id(), must(flow))
        .behaviour(behaviour)
        .limits(limits)
}

/// What the kit's bot does with a message: mostly answers it.
struct Answers;

impl Step for Answers {
    fn kind(&self) -> &'static str {
        "answers"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "panic" => panic!("the kit's step panics, as it was told to"),
            "quiet" => {}
            "remind" => step.time_out_after(REMINDER),
            "twice" => {
                step.say("once");
                step.say("twice");
            }
            text => step.say(format!("re: {text}")),
        }
        Outcome::Wait
    }

    fn timed_out(&self, step: &mut StepContext<'_>) -> Outcome {
        step.say("reminder");
        Outcome::Wait
    }
}

/// Stands before the worker and notes what the channel hands in.
pub(super) struct Gate {
    outside: Arc<dyn Outside>,
    worker: Mutex<Arc<Worker>>,
    inner: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    raws: Vec<RawInbound>,
    answers: Vec<Result<Ingested, ()>>,
    /// What was acknowledged already as the last one came.
    before: Vec<Report>,
    is_watching: bool,
    mode: Mode,
    stuck: bool,
    waiting: Vec<std::task::Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everything goes on to the worker.
    #[default]
    Open,
    /// The store is away: nothing is taken.
    Closed,
    /// The next is durable, and the program dies before it can say so.
    Dying,
}

impl Gate {
    fn new(outside: Arc<dyn Outside>, worker: Arc<Worker>) -> Self {
        Self {
            outside,
            worker: Mutex::new(worker),
            inner: Mutex::default(),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, mode: Mode) {
        self.noted().mode = mode;
    }

    fn worker(&self) -> MutexGuard<'_, Arc<Worker>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        let mut noted = self.noted();
        noted.mode = Mode::Open;
        noted.stuck = false;
    }

    /// The reports handed in so far, as they came.
    pub(super) fn raws(&self) -> Vec<RawInbound> {
        self.noted().raws.clone()
    }

    pub(super) fn answers(&self) -> Vec<Result<Ingested, ()>> {
        self.noted().answers.clone()
    }

    /// Asks the outside from now on what it holds for acknowledged as a report is handed in.
    pub(super) fn watch(&self) {
        self.noted().is_watching = true;
    }

    /// What the outside held for acknowledged as the last report was handed in.
    pub(super) fn acknowledged_before(&self) -> Vec<Report> {
        self.noted().before.clone()
    }

    async fn is_stuck(self: Arc<Self>) {
        std::future::poll_fn(|context| {
            let mut noted = self.noted();
            if noted.stuck {
                return Poll::Ready(());
            }
            noted.waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[async_trait]
impl Ingest for Gate {
    async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
        let is_watching = self.noted().is_watching;
        if is_watching {
            let before = self.outside.acknowledged().await;
            self.noted().before = before;
        }
        let mode = {
            let mut noted = self.noted();
            noted.raws.push(raw.clone());
            noted.mode
        };
        if mode == Mode::Closed {
            self.noted().answers.push(Err(()));
            return Err(IngestError::Unavailable {
                source: "the kit's store is away".into(),
            });
        }
        let worker = self.worker().clone();
        let answer = Ingest::receive(&*worker, raw).await;
        if mode == Mode::Dying {
            let wakers = {
                let mut noted = self.noted();
                noted.stuck = true;
                std::mem::take(&mut noted.waiting)
            };
            wakers.into_iter().for_each(std::task::Waker::wake);
            std::future::pending::<()>().await;
        }
        self.noted()
            .answers
            .push(answer.as_ref().map_err(drop).copied());
        answer
    }
}

/// The channel under test, with a note of what core asked of it.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Channel>,
    clock: Arc<ManualClock>,
    calls: Mutex<Vec<Call>>,
}

/// One call of `send`.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) at: Moment,
    pub(super) to: Address,
    pub(super) attempt: u32,
    pub(super) answer: Result<Receipt, SendError>,
}

impl Watched {
    /// The calls of `send` so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Channel for Watched {
    fn id(&self) -> &ChannelId {
        self.inner.id()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn pacing(&self, to: &Address) -> Pacing {
        self.inner.pacing(to)
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        self.inner.decode(raw)
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let at = self.clock.now();
        let answer = self.inner.send(outbound).await;
        let call = Call {
            at,
            to: outbound.to.clone(),
            attempt: outbound.attempt,
            answer: answer.clone(),
        };
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
        answer
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        self.inner.act(to, action).await
    }

    async fn fetch(&self, media: &Media) -> Result<crate::channel::MediaFile, SendError> {
        self.inner.fetch(media).await
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        self.inner.listen(ingest).await
    }
}

/// A message handed straight to a channel, past core's planning.
pub(super) async fn send_plainly(
    desk: &Desk,
    who: &str,
    message: &Message,
    n: u64,
) -> Result<Receipt, SendError> {
    let to = desk.outside.address(who);
    let key = crate::dialog::EffectId {
        dialog: DialogId::derive(&bot_id(), &to),
        turn: n,
        n: 1,
    };
    let outbound = Outbound {
        to: &to,
        message,
        quotes: None,
        key,
        part: 0,
        attempt: 1,
    };
    desk.channel.inner.send(&outbound).await
}

/// The ids that the outside gave what it took last.
pub(super) fn last_ids(desk: &Desk) -> Vec<ExternalId> {
    let calls = desk.channel.calls();
    let taken = calls
        .iter()
        .rev()
        .find_map(|call| call.answer.as_ref().ok());
    taken.map(|receipt| receipt.ids.clone()).unwrap_or_default()
}

/// Any kind of media that the channel sends, with what it says of it.
pub(super) fn any_media(desk: &Desk, caption: bool) -> Option<MediaKind> {
    let media = &desk.channel.capabilities().media;
    let fits = |kind: &&MediaKind| !caption || media[kind].caption;
    media.keys().find(fits).copied()
}
