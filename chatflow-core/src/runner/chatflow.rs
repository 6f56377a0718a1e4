//! The whole thing on tokio, behind one handle.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;
use futures::future::{Either, FutureExt, Shared, select};
use tokio::task::{JoinHandle, JoinSet};

use crate::channel::{Channel, Inbound, Ingest, IngestError, Ingested, ListenError, RawInbound};
use crate::crm::{Operator, Policy, Queue, Routing};
use crate::dialog::{
    Address, BotId, CannotSend, ChannelId, ContactAct, ContactId, DialogId, EffectId, Event,
    EventKey, OperatorAct, OperatorId, Postback, Profile, QueueId, Revision, Snapshot, Source,
    SpaceId,
};
use crate::flow::{Bot, UpgradePlan};
use crate::runner::{
    ChangeContactError, ChannelInfo, Clock, ContactChanged, DeployError, Deployed, Desk, DeskError,
    ExternalBot, HandleError, Handled, MembershipChecker, ModelProvider, Notifier, Port,
    Recognizer, RetryPolicy, StartLinkError, SystemClock, Tracker, Translator, WebhookCaller,
    Worker, WorkerBuilder, WorkerError,
};
use crate::store::{BotRow, Store, StoreError};

/// A running engine: a cheap clonable handle.
///
/// It runs on tokio until [`shutdown`](Chatflow::shutdown). Dropping every handle stops it too,
/// without anybody waiting for what is under way: nothing durable is lost, and what was not
/// delivered is taken up at the next start.
#[derive(Clone)]
pub struct Chatflow {
    worker: Arc<Worker>,
    running: Arc<Mutex<Option<Running>>>,
    listened: Arc<Listened>,
}

struct Running {
    /// Dropping one of these stops its task.
    stop_listening: oneshot::Sender<()>,
    stop_driving: oneshot::Sender<()>,
    listener: JoinHandle<()>,
    driver: JoinHandle<()>,
}

/// How listening ended: told to whoever asks first, known to all who wait.
struct Listened {
    over: Shared<oneshot::Receiver<()>>,
    failure: Arc<Mutex<Option<RunError>>>,
}

impl std::fmt::Debug for Chatflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chatflow")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// Gathers bots, channels and ports.
pub struct Builder {
    worker: WorkerBuilder,
    channels: Vec<Arc<dyn Channel>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// Why the engine can't be started.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A bot or a channel can't be used.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The store can't be used.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
}

/// Why a run ended badly. What was committed is safe.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A channel stopped listening.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A channel panicked while it listened.
    #[error("a channel panicked")]
    ChannelPanicked,
    /// The loop that delivers panicked: a bug of this crate or of the host's store or clock.
    #[error("the loop that delivers panicked")]
    LoopPanicked,
    /// At the end there was still something to deliver, and the store can't say what.
    #[error("the store failed while draining")]
    Drain(#[source] StoreError),
}

/// `main` shows an error by its `Debug`; people should get the sentence and its causes.
impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::sentence(self, f)
    }
}

/// `main` shows an error by its `Debug`; people should get the sentence and its causes.
impl std::fmt::Debug for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::sentence(self, f)
    }
}

impl Chatflow {
    /// Begins an engine over a store.
    pub fn builder(store: impl Store) -> Builder {
        Self::builder_with(Arc::new(store), Arc::new(SystemClock))
    }

    /// Begins an engine over a shared store and a clock of the host's.
    pub fn builder_with(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Builder {
        Builder {
            worker: Worker::builder(store, clock),
            channels: Vec::new(),
        }
    }

    /// Handles what a channel reports, as if the channel had received it.
    ///
    /// # Errors
    /// [`HandleError`]; nothing of the event is stored then.
    pub async fn receive(&self, inbound: Inbound) -> Result<Handled, HandleError> {
        self.worker.receive(inbound).await
    }

    /// Handles an event. Returns when its turn is durable, not when its effects are delivered.
    ///
    /// # Errors
    /// [`HandleError`]; nothing of the event is stored then.
    pub async fn handle(&self, dialog: DialogId, event: &Event) -> Result<Handled, HandleError> {
        self.worker.handle(dialog, event).await
    }

    /// Lets an operator act. `key` tells two acts apart: the same act sent twice under one key
    /// changes the dialog once.
    ///
    /// # Errors
    /// [`HandleError::Refused`] where the dialog doesn't take it as it stands.
    pub async fn operate(
        &self,
        dialog: DialogId,
        key: &str,
        operator: impl Into<OperatorId> + Send,
        act: OperatorAct,
    ) -> Result<Handled, HandleError> {
        self.worker
            .handle(dialog, &Event::operator(key, operator, act))
            .await
    }

    /// Handles what a tracker reports of a dialog, once under each transaction's id; see
    /// [`Worker::postback`].
    ///
    /// # Errors
    /// [`HandleError`]; nothing of the report is stored then.
    pub async fn postback(
        &self,
        dialog: DialogId,
        transaction: impl Into<EventKey> + Send,
        postback: Postback,
    ) -> Result<Handled, HandleError> {
        self.worker
            .postback(dialog, transaction.into(), postback)
            .await
    }

    /// Changes a contact itself, in the name of an operator: blocks it, tags it, names it. Its
    /// dialogs are told soon after, each in a turn of its own. The same act again changes
    /// nothing.
    ///
    /// # Errors
    /// [`ChangeContactError`].
    pub async fn change_contact(
        &self,
        contact: ContactId,
        act: &ContactAct,
        by: &OperatorId,
    ) -> Result<ContactChanged, ChangeContactError> {
        self.worker.change_contact(contact, act, by).await
    }

    /// Whether a message can be sent in a dialog, and if not, why: for a host's composer.
    ///
    /// # Errors
    /// [`HandleError`] where there is no such dialog, or it can't be read.
    pub async fn can_send(&self, dialog: DialogId) -> Result<Result<(), CannotSend>, HandleError> {
        self.worker.can_send(dialog).await
    }

    /// Hands in a report that a channel's outside delivered to the host instead of to the channel,
    /// such as a webhook of the host's own. Returns once it is durable.
    ///
    /// # Errors
    /// [`IngestError`]: it is not durable, so don't acknowledge it.
    pub async fn ingest(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
        Ingest::receive(&*self.worker, raw).await
    }

    /// Offers the reports of a channel of which nothing was made again; see
    /// [`Worker::offer_again`].
    ///
    /// # Errors
    /// [`IngestError`] where the store is away.
    pub async fn offer_again(&self, channel: &ChannelId) -> Result<u64, IngestError> {
        self.worker.offer_again(channel).await
    }

    /// Opens a dialog with an address that has not come to us, to write first. Whether the
    /// channel lets us, its capabilities say.
    ///
    /// # Errors
    /// [`HandleError`]; nothing is stored then.
    pub async fn open_dialog(
        &self,
        address: &Address,
        profile: &Profile,
    ) -> Result<DialogId, HandleError> {
        self.worker.open_dialog(address, profile).await
    }

    /// The engine as an operator may use it: his commands and lists, as the host's policy lets
    /// him.
    pub fn desk(&self, space: impl Into<SpaceId>, operator: impl Into<OperatorId>) -> Desk<'_> {
        self.worker.desk(space, operator)
    }

    /// Adds an operator to a space, or changes him; see [`Worker::put_operator`].
    ///
    /// # Errors
    /// See [`Worker::put_operator`].
    pub async fn put_operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
        change: impl Fn(&mut Operator) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        self.worker.put_operator(space, operator, change).await
    }

    /// Adds a queue to a space, or changes it; see [`Worker::put_queue`].
    ///
    /// # Errors
    /// See [`Worker::put_queue`].
    pub async fn put_queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        change: impl Fn(&mut Queue) + Send + Sync,
    ) -> Result<Revision, DeskError> {
        self.worker.put_queue(space, queue, change).await
    }

    /// Pauses a bot: nothing automatic begins from now on; see [`Worker::pause_bot`].
    ///
    /// # Errors
    /// See [`Worker::pause_bot`].
    pub async fn pause_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.worker.pause_bot(bot).await
    }

    /// Ends a bot's pause; see [`Worker::resume_bot`].
    ///
    /// # Errors
    /// See [`Worker::pause_bot`].
    pub async fn resume_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.worker.resume_bot(bot).await
    }

    /// What is true of a bot beside its settings; see [`Worker::bot_row`].
    ///
    /// # Errors
    /// See [`Worker::pause_bot`].
    pub async fn bot_row(&self, bot: &BotId) -> Result<BotRow, HandleError> {
        self.worker.bot_row(bot).await
    }

    /// Shows the contact for a few seconds that a message is being written.
    ///
    /// # Errors
    /// See [`Worker::show_typing`].
    pub async fn show_typing(&self, dialog: DialogId) -> Result<(), HandleError> {
        self.worker.show_typing(dialog).await
    }

    /// Shows the contact that we have read up to one of his messages.
    ///
    /// # Errors
    /// See [`Worker::mark_read`].
    pub async fn mark_read(&self, dialog: DialogId, message: EffectId) -> Result<(), HandleError> {
        self.worker.mark_read(dialog, message).await
    }

    /// Sends a message again that was given up; see [`Worker::resend`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn resend(&self, message: EffectId) -> Result<bool, StoreError> {
        self.worker.resend(message).await
    }

    /// Keeps a source and gives the token of the start link that leads to it; see
    /// [`Worker::start_token`].
    ///
    /// # Errors
    /// [`StartLinkError`]
    pub async fn start_token(
        &self,
        bot: &BotId,
        source: &Source,
    ) -> Result<String, StartLinkError> {
        self.worker.start_token(bot, source).await
    }

    /// Its channels with their names, in the order of their ids.
    pub fn channels(&self) -> impl Iterator<Item = ChannelInfo<'_>> {
        self.worker.channels()
    }

    /// A dialog as it stands.
    ///
    /// # Errors
    /// [`HandleError`] where the store fails or the snapshot can't be read.
    pub async fn dialog(&self, dialog: DialogId) -> Result<Option<Snapshot>, HandleError> {
        let Some(loaded) = self.worker.store().load(dialog).await? else {
            return Ok(None);
        };
        Snapshot::decode(&loaded.snapshot)
            .map(Some)
            .map_err(|source| HandleError::Decode { dialog, source })
    }

    /// What [`deploy`](Chatflow::deploy) would do to the dialogs as they stand now. Changes
    /// nothing.
    ///
    /// # Errors
    /// As [`deploy`](Chatflow::deploy).
    pub async fn upgrade_plan(&self, bot: &Bot) -> Result<UpgradePlan, DeployError> {
        self.worker.upgrade_plan(bot).await
    }

    /// Lets a bot that is running go on with new flows and settings, without a restart; see
    /// [`Worker::deploy`].
    ///
    /// # Errors
    /// [`DeployError`]
    pub async fn deploy(&self, bot: &Bot) -> Result<Deployed, DeployError> {
        self.worker.deploy(bot).await
    }

    /// The store, for queries.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.worker.store()
    }

    /// Stops listening, finishes what is under way, delivers what is due now, and returns. May
    /// be called twice, and while somebody waits for [`finished`](Chatflow::finished).
    ///
    /// # Errors
    /// [`RunError::Drain`] where the store fails meanwhile, [`RunError::LoopPanicked`] where the
    /// loop had stopped by itself.
    pub async fn shutdown(&self) -> Result<(), RunError> {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(running) = running else {
            return Ok(());
        };
        drop(running.stop_listening);
        // It catches what its channels do, so it always ends well.
        let _ = running.listener.await;
        drop(running.stop_driving);
        running.driver.await.map_err(|_| RunError::LoopPanicked)?;
        self.worker.step().await.map(drop).map_err(RunError::Drain)
    }

    /// Waits until every channel has nothing more to say, or one fails, or the engine is shut
    /// down. The other channels go on listening, and the engine delivering, until [`shutdown`](Chatflow::shutdown). Any number of
    /// tasks may wait; giving up waiting changes nothing.
    ///
    /// # Errors
    /// [`RunError::Listen`] of the first channel that fails, told to one of those who wait.
    pub async fn finished(&self) -> Result<(), RunError> {
        // An error means that the listener is gone, which is as good as over.
        let _ = self.listened.over.clone().await;
        let failure = self
            .listened
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failure.map_or(Ok(()), Err)
    }
}

/// Lets every channel listen until all have nothing more to say, or `stop` is ready. One that fails
/// stops nobody else.
async fn listen(
    worker: Arc<Worker>,
    channels: Vec<Arc<dyn Channel>>,
    stop: oneshot::Receiver<()>,
    mut ended: impl FnMut(RunError),
) {
    let mut listeners = JoinSet::new();
    for channel in channels {
        let worker = Arc::clone(&worker);
        listeners.spawn(async move { channel.listen(&*worker).await });
    }
    let mut stop = stop;
    loop {
        let next = match select(&mut stop, pin!(listeners.join_next())).await {
            Either::Left(_) => None,
            Either::Right((next, _)) => next,
        };
        match next {
            None => {
                // What is being received now is either durable or not acknowledged.
                listeners.shutdown().await;
                return;
            }
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => ended(error.into()),
            Some(Err(_)) => ended(RunError::ChannelPanicked),
        }
    }
}

impl Builder {
    /// Adds a bot and the channel it talks on.
    #[must_use]
    pub fn bot(mut self, bot: Bot, channel: impl Channel) -> Self {
        let channel: Arc<dyn Channel> = Arc::new(channel);
        self.channels.push(Arc::clone(&channel));
        self.worker = self.worker.bot(&bot, channel);
        self
    }

    /// Adds somebody who answers calls; see [`WorkerBuilder::port`].
    #[must_use]
    pub fn port(mut self, name: impl Into<String>, port: impl Port) -> Self {
        self.worker = self.worker.port(name, Arc::new(port));
        self
    }

    /// Sets who answers steps that ask a model.
    #[must_use]
    pub fn model(mut self, provider: impl ModelProvider) -> Self {
        self.worker = self.worker.model(Arc::new(provider));
        self
    }

    /// Adds who makes text of media, under the name that bots name.
    #[must_use]
    pub fn recogniser(mut self, name: impl Into<String>, recognizer: impl Recognizer) -> Self {
        self.worker = self.worker.recogniser(name, Arc::new(recognizer));
        self
    }

    /// Sets who translates.
    #[must_use]
    pub fn translator(mut self, translator: impl Translator) -> Self {
        self.worker = self.worker.translator(Arc::new(translator));
        self
    }

    /// Sets who calls outside services for steps that name no port.
    #[must_use]
    pub fn webhooks(mut self, caller: impl WebhookCaller) -> Self {
        self.worker = self.worker.webhooks(Arc::new(caller));
        self
    }

    /// Adds who calls outside services for steps that name this port.
    #[must_use]
    pub fn webhooks_as(mut self, name: impl Into<String>, caller: impl WebhookCaller) -> Self {
        self.worker = self.worker.webhooks_as(name, Arc::new(caller));
        self
    }

    /// Sets who hears what flows report.
    #[must_use]
    pub fn tracker(mut self, tracker: impl Tracker) -> Self {
        self.worker = self.worker.tracker(Arc::new(tracker));
        self
    }

    /// Adds who hears what steps report that name this port.
    #[must_use]
    pub fn tracker_as(mut self, name: impl Into<String>, tracker: impl Tracker) -> Self {
        self.worker = self.worker.tracker_as(name, Arc::new(tracker));
        self
    }

    /// Sets who hears what operators are to be told.
    #[must_use]
    pub fn notifier(mut self, notifier: impl Notifier) -> Self {
        self.worker = self.worker.notifier(Arc::new(notifier));
        self
    }

    /// Sets who says whether contacts have joined a place, for steps that name no port.
    #[must_use]
    pub fn membership(mut self, checker: impl MembershipChecker) -> Self {
        self.worker = self.worker.membership(Arc::new(checker));
        self
    }

    /// Adds who says whether contacts have joined a place, for steps that name this port.
    #[must_use]
    pub fn membership_as(
        mut self,
        name: impl Into<String>,
        checker: impl MembershipChecker,
    ) -> Self {
        self.worker = self.worker.membership_as(name, Arc::new(checker));
        self
    }

    /// Adds a bot on another platform, under the name that steps name.
    #[must_use]
    pub fn external_bot(mut self, name: impl Into<String>, bot: impl ExternalBot) -> Self {
        self.worker = self.worker.external_bot(name, Arc::new(bot));
        self
    }

    /// Sets who may do what and see what. Without one everybody may everything in his space.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.worker = self.worker.policy(Arc::new(policy));
        self
    }

    /// Adds a rule for who gets a dialog that waits, under the name that queues name.
    #[must_use]
    pub fn routing(mut self, name: impl Into<String>, rule: impl Routing) -> Self {
        self.worker = self.worker.routing(name, Arc::new(rule));
        self
    }

    /// Sets how long an operator who was lost sight of still counts as there; the default is a
    /// minute.
    #[must_use]
    pub fn presence_grace(mut self, grace: std::time::Duration) -> Self {
        self.worker = self.worker.presence_grace(grace);
        self
    }

    /// Sets how failed deliveries are tried again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.worker = self.worker.retry(policy);
        self
    }

    /// Starts listening and delivering on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] names the bot, the channel or the store's failure.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(self) -> Result<Chatflow, StartError> {
        let worker = Arc::new(self.worker.build()?);
        worker.start().await?;
        let (stop_driving, stopped) = oneshot::channel::<()>();
        let driver = tokio::spawn({
            let worker = Arc::clone(&worker);
            // Told to stop, or every handle is gone: the same to the loop.
            async move { worker.run(async { stopped.await.unwrap_or(()) }).await }
        });
        let (stop_listening, stopped) = oneshot::channel();
        let (over, is_over) = oneshot::channel();
        let failure = Arc::new(Mutex::new(None));
        let listener = tokio::spawn({
            let (worker, failure) = (Arc::clone(&worker), Arc::clone(&failure));
            async move {
                let mut over = Some(over);
                // Nobody may be waiting.
                let mut tell = || over.take().map(|over| over.send(()).unwrap_or(()));
                let first = |error: RunError| {
                    tracing::error!(%error, "a channel stopped listening");
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                    drop(failure);
                    tell();
                };
                listen(worker, self.channels, stopped, first).await;
                tell();
            }
        });
        let running = Running {
            stop_listening,
            stop_driving,
            listener,
            driver,
        };
        Ok(Chatflow {
            worker,
            running: Arc::new(Mutex::new(Some(running))),
            listened: Arc::new(Listened {
                over: is_over.shared(),
                failure,
            }),
        })
    }

    /// Starts, runs until every channel has nothing more to say, does what is due then, and
    /// returns.
    ///
    /// # Errors
    /// [`RunError`]; what was committed is safe.
    pub async fn run(self) -> Result<(), RunError> {
        let chatflow = self.start().await?;
        let listened = chatflow.finished().await;
        let drained = chatflow.shutdown().await;
        listened.and(drained)
    }
}
