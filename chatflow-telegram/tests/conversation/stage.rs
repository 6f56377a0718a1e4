//! A bot on the fake server, and what can be seen of it from both sides.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chatflow_core::testing::ManualClock;
use chatflow_core::{
    Address, Author, Behaviour, Bot, BotId, Capabilities, Channel, Chatflow, Clock, DeliveryState,
    DialogId, FlowBuilder, FlowDefinition, HandleError, Handled, MediaError, MediaFile, MediaRule,
    MediaStore, MemoryStore, Message, OperatorAct, OutboxEntry, Outcome, RetryPolicy, Snapshot,
    StatusKind, Step, StepContext, Store, TranscriptLine,
};
use chatflow_store_sqlite::SqliteStore;
use chatflow_telegram::testing::{FakeTelegram, Incoming, Person, Recorded, Settings};
use chatflow_telegram::{Binding, Telegram, TelegramConfig, TelegramMembership, WebhookConfig};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A contact.
pub(crate) const ANNA: i64 = 5_000_001;
/// Another.
pub(crate) const BORIS: i64 = 5_000_002;
/// The bot as the core knows it.
pub(crate) const BOT: &str = "shop";

/// How updates come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By asking for them. The store is SQLite then.
    Poll,
    /// By a webhook. The store is in memory then.
    Webhook,
}

/// What a stage is set with.
pub(crate) struct Setting {
    bot: Bot,
    binding: Binding,
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl Setting {
    pub(crate) fn of(bot: Bot) -> Self {
        Self {
            bot,
            binding: Binding::Bot,
            files: BTreeMap::new(),
        }
    }

    /// In the name of business accounts.
    pub(crate) fn business(mut self) -> Self {
        self.binding = Binding::Business;
        self
    }

    /// With a file in the host's store.
    pub(crate) fn file(mut self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name, bytes.into());
        self
    }
}

/// Plays a conversation twice: with updates by long poll and by webhook.
pub(crate) async fn both_ways<F: Future<Output = ()>>(
    setting: impl Fn() -> Setting,
    conversation: impl Fn(Stage) -> F,
) {
    for way in [Way::Poll, Way::Webhook] {
        println!("by {way:?}");
        conversation(Stage::open(way, setting()).await).await;
    }
}

/// The fake server, the bot on it, and their clocks, which move together.
pub(crate) struct Stage {
    pub(crate) fake: FakeTelegram,
    pub(crate) telegram: Telegram,
    pub(crate) chatflow: Chatflow,
    pub(crate) clock: Arc<ManualClock>,
    server: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Stage {
    pub(crate) async fn open(way: Way, setting: Setting) -> Self {
        let fake = FakeTelegram::start(Settings::default()).await;
        for (id, name) in [(ANNA, "Anna"), (BORIS, "Boris")] {
            fake.add_person(Person::named(id, name).with_language("en"));
        }
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = match way {
            Way::Poll => Arc::new(SqliteStore::open(folder.path().join("x.db")).unwrap()),
            Way::Webhook => Arc::new(MemoryStore::new()),
        };
        let mut config = TelegramConfig::new(fake.token())
            .api_url(fake.url())
            .binding(setting.binding)
            .media(Arc::new(Shelf(setting.files)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if way == Way::Webhook {
            let url = format!("http://{}/", listener.local_addr().unwrap());
            config = config.webhook(WebhookConfig::new("a-secret_of-ours").unwrap().url(url));
        }
        let telegram = Telegram::connect(config).await.unwrap();
        let server = telegram.webhook_router().map(|router| {
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
        });
        let clock = Arc::new(ManualClock::at(fake.now()));
        let chatflow = Chatflow::builder_with(store, Arc::clone(&clock) as Arc<dyn Clock>)
            .bot(setting.bot, telegram.clone())
            .membership(TelegramMembership::new(&telegram))
            .retry(RetryPolicy {
                attempts_max: 4,
                first: Duration::from_millis(20),
                longest: Duration::from_millis(20),
            })
            .start()
            .await
            .unwrap();
        Self {
            fake,
            telegram,
            chatflow,
            clock,
            server,
            _folder: folder,
        }
    }

    /// Lets time pass for both sides.
    pub(crate) fn pass(&self, time: Duration) {
        self.fake.advance(time);
        self.clock.advance(time);
    }

    /// A contact writes a text in his private chat, a while after what was before, so that no
    /// limit of a chat holds up the answer. Returns once the update is durable.
    pub(crate) async fn says(&self, from: i64, text: &str) {
        self.push(Incoming::text(from, text)).await;
    }

    /// The same for a message of any kind.
    pub(crate) async fn push(&self, incoming: Incoming) -> chatflow_telegram::testing::Pushed {
        self.pass(Duration::from_secs(5));
        let pushed = self.fake.push(incoming);
        self.taken().await;
        pushed
    }

    /// Waits until every update is durable: only then it is gone from the server.
    pub(crate) async fn taken(&self) {
        self.fake
            .wait_for("every update to be taken", |view| {
                view.pending_updates() == 0
            })
            .await;
    }

    /// The texts that the bot has in a chat, once there are as many.
    pub(crate) async fn hears(&self, chat: i64, count: usize) -> Vec<String> {
        self.fake
            .wait_for("the bot's messages", |view| {
                view.sent_to(chat).len() >= count
            })
            .await;
        let sent = self.fake.sent_to(chat);
        let texts: Vec<String> = sent.iter().map(text_of).collect();
        assert_eq!(texts.len(), count, "{texts:?}");
        texts
    }

    /// The last message that the bot has in a chat, once there are as many.
    pub(crate) async fn nth(&self, chat: i64, count: usize) -> Value {
        self.hears(chat, count).await;
        self.fake.sent_to(chat).pop().unwrap()
    }

    /// Requests of a method that were acted on.
    pub(crate) fn acted(&self, method: &str) -> Vec<Recorded> {
        let mut requests = self.fake.requests_of(method);
        requests.retain(|request| request.acted);
        requests
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        self.telegram.capabilities()
    }

    pub(crate) fn address(&self, id: impl ToString) -> Address {
        Address::new(self.telegram.id().clone(), id.to_string())
    }

    /// The dialog of an address.
    pub(crate) async fn dialog_of(&self, id: impl ToString) -> DialogId {
        let found = self
            .chatflow
            .store()
            .find_dialog(&BotId::from(BOT), &self.address(id))
            .await;
        found.unwrap().expect("there is such a dialog")
    }

    pub(crate) async fn snapshot(&self, dialog: DialogId) -> Snapshot {
        self.chatflow.dialog(dialog).await.unwrap().unwrap()
    }

    pub(crate) async fn status(&self, dialog: DialogId) -> StatusKind {
        self.snapshot(dialog).await.shown_status().kind
    }

    /// Waits until a dialog shows a status. A send's outcome is a turn after the answer.
    pub(crate) async fn shows(&self, dialog: DialogId, status: StatusKind) {
        self.until(&format!("the status {status}"), async || {
            self.status(dialog).await == status
        })
        .await;
    }

    /// Waits until nothing waits to be sent in a dialog.
    pub(crate) async fn rests(&self, dialog: DialogId) {
        self.until("an empty outbox", async || {
            let outbox = self.chatflow.store().outbox(dialog).await.unwrap();
            outbox.is_empty()
        })
        .await;
    }

    /// Waits until the first entry of a dialog's outbox has failed so many times and waits for
    /// the next, and gives it.
    pub(crate) async fn tried(&self, dialog: DialogId, attempts: u32) -> OutboxEntry {
        let head = async || {
            let outbox = self.chatflow.store().outbox(dialog).await.unwrap();
            let head = outbox.into_iter().next()?;
            let waits = head.state == DeliveryState::Ready && head.due > self.clock.now();
            let is_so = waits && head.attempts == attempts;
            is_so.then_some(head)
        };
        self.until("a failed try", async || head().await.is_some())
            .await;
        head()
            .await
            .expect("it waits for a clock that stands still")
    }

    /// Waits until something is so that only the store knows.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(60);
        if tokio::time::timeout(patience, waiting).await.is_err() {
            panic!("waited for {what}: {:#?}", self.fake.requests());
        }
    }

    pub(crate) async fn transcript(&self, dialog: DialogId) -> Vec<TranscriptLine> {
        let lines = self.chatflow.store().transcript(dialog, None, 500).await;
        lines.unwrap()
    }

    /// The transcript as lines: who, what, and how its delivery stands.
    pub(crate) async fn lines(&self, dialog: DialogId) -> Vec<String> {
        let lines = self.transcript(dialog).await;
        lines.iter().map(line_of).collect()
    }

    /// An operator acts.
    pub(crate) async fn operate(
        &self,
        dialog: DialogId,
        key: &str,
        act: OperatorAct,
    ) -> Result<Handled, HandleError> {
        self.chatflow.operate(dialog, key, "olga", act).await
    }

    /// An operator replies.
    pub(crate) async fn replies(
        &self,
        dialog: DialogId,
        key: &str,
        text: &str,
    ) -> Result<Handled, HandleError> {
        let act = OperatorAct::Reply(Message::new(text));
        self.operate(dialog, key, act).await
    }
}

/// The text or caption of a message at the server.
pub(crate) fn text_of(message: &Value) -> String {
    let text = message.get("text").or_else(|| message.get("caption"));
    text.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn line_of(line: &TranscriptLine) -> String {
    let author = match &line.record.author {
        Author::Contact => "contact",
        Author::Automation => "bot",
        Author::Operator(id) => id.as_str(),
    };
    let mut text = format!("{author}: {}", line.record.message.text());
    for media in line.record.message.media() {
        text.push_str(&format!(" [{}]", media.kind));
    }
    if let Some(state) = line.delivery.filter(|state| *state != DeliveryState::Sent) {
        text.push_str(&format!(" ({})", state.label()));
    }
    text
}

/// A flow of one step that says back what it hears, in as many messages as a number says.
pub(crate) struct Mirror;

impl Step for Mirror {
    fn kind(&self) -> &'static str {
        "mirror"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        if let Ok(count) = message.text().parse::<u32>() {
            (1..=count).for_each(|n| step.say(format!("{n} of {count}")));
            return Outcome::Wait;
        }
        let mut back = Message::new(format!("You: {}", message.text()));
        if !message.media().is_empty() {
            back = Message::new(message.text());
        }
        for media in message.media() {
            back = back.with_media(media.clone());
        }
        step.say(back);
        Outcome::Wait
    }
}

/// A bot with the mirror.
pub(crate) fn mirror() -> Setting {
    let flow = FlowBuilder::new("mirror", 1).step("mirror", Mirror);
    Setting::of(bot(flow.build().unwrap()))
}

/// A bot with a flow, whose steps get media like texts.
pub(crate) fn bot(flow: FlowDefinition) -> Bot {
    Bot::new(BOT, flow).behaviour(Behaviour {
        media_rule: MediaRule::PassToStep,
        ..Behaviour::default()
    })
}

/// The host's files.
struct Shelf(BTreeMap<&'static str, Vec<u8>>);

#[async_trait]
impl MediaStore for Shelf {
    async fn read(&self, reference: &str) -> Result<MediaFile, MediaError> {
        let bytes = self.0.get(reference).ok_or(MediaError::NotFound)?;
        Ok(MediaFile {
            name: reference.to_owned(),
            bytes: bytes.clone(),
        })
    }
}
