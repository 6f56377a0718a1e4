//! Being told of updates.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chatflow_core::{ChannelId, IngestError, ListenError};
use futures::future::{BoxFuture, Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::warn;

use crate::envelope::UpdateKind;
use crate::ingest::backoff::Backoff;
use crate::ingest::trouble::Trouble;
use crate::ingest::{Intake, Report};
use crate::transport::{Failure, Transport};

/// How Telegram tells of updates: by requests to a router that the host mounts.
///
/// ```
/// use chatflow_telegram::WebhookConfig;
///
/// let webhook = WebhookConfig::new("a-long-and-random-secret")?
///     .url("https://bots.example/telegram");
/// # Ok::<(), chatflow_telegram::WebhookError>(())
/// ```
///
/// The secret comes with each request, and what comes without it is not even read. `Debug` shows
/// neither the secret nor the address.
#[derive(Clone)]
pub struct WebhookConfig {
    secret: String,
    url: Option<String>,
    connections_max: Option<u8>,
}

impl WebhookConfig {
    /// A webhook that the host registers with Telegram by itself, under this secret.
    ///
    /// # Errors
    /// [`WebhookError::Secret`] where Telegram wouldn't take the secret.
    pub fn new(secret: impl Into<String>) -> Result<Self, WebhookError> {
        let secret = secret.into();
        let is_allowed =
            |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-');
        if !(1..=SECRET_MAX).contains(&secret.len()) || !secret.bytes().all(is_allowed) {
            return Err(WebhookError::Secret);
        }
        Ok(Self {
            secret,
            url: None,
            connections_max: None,
        })
    }

    /// Where Telegram reaches the router. With it the channel registers the webhook when it
    /// begins to listen.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// How many requests Telegram may send at once: 1 to 100, and 40 where it isn't said.
    #[must_use]
    pub fn connections_max(mut self, most: u8) -> Self {
        self.connections_max = Some(most);
        self
    }

    /// What to register, if the channel is to do it.
    fn registration(&self) -> Option<Value> {
        let mut params = json!({
            "url": self.url.as_ref()?,
            "secret_token": self.secret,
            "allowed_updates": UpdateKind::allowed(),
        });
        if let Some(most) = self.connections_max {
            params["max_connections"] = most.into();
        }
        Some(params)
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("has_url", &self.url.is_some())
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

/// Why a webhook can't be set up like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Telegram takes no such secret.
    #[error("a webhook's secret has 1 to {SECRET_MAX} letters of A-Z, a-z, 0-9, _ and -")]
    Secret,
}

const SECRET_MAX: usize = 256;
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// Telegram's largest updates have some tens of kilobytes.
const BODY_MAX: usize = 1024 * 1024;
/// Requests that may wait for their update to be durable; Telegram sends at most 100 at once.
const WAITING_MAX: usize = 256;
/// Telegram asks again after as many seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Where requests wait for the listening side. Made with the channel, so that the host can mount
/// the router before anybody listens.
pub(crate) struct WebhookGate {
    channel: ChannelId,
    secret: [u8; 32],
    room: Arc<Semaphore>,
    listener: Mutex<Option<mpsc::Sender<Delivered>>>,
    /// What to tell Telegram, where that is ours to do.
    registration: Option<Value>,
}

struct Delivered {
    report: Report,
    /// Whether it is durable.
    answer: oneshot::Sender<bool>,
    _room: OwnedSemaphorePermit,
}

impl WebhookGate {
    pub(crate) fn new(channel: ChannelId, config: &WebhookConfig) -> Arc<Self> {
        Arc::new(Self {
            channel,
            secret: Sha256::digest(config.secret.as_bytes()).into(),
            room: Arc::new(Semaphore::new(WAITING_MAX)),
            listener: Mutex::new(None),
            registration: config.registration(),
        })
    }

    /// What the host mounts: `POST /`.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", post(deliver))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(Arc::clone(self))
    }

    /// Compares digests, so that the time it takes says nothing about the secret, not even its
    /// length.
    fn is_secret(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(SECRET_HEADER).iter();
        match (given.next(), given.next()) {
            (Some(given), None) => {
                let digest = Sha256::digest(given.as_bytes());
                digest.as_slice().ct_eq(&self.secret).into()
            }
            _ => false,
        }
    }

    /// Whether it is durable. `None` where nobody could say: nobody listens, or too many wait.
    async fn hand_in(&self, report: Report) -> Option<bool> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let listener = self.listener().clone()?;
        let (answer, answered) = oneshot::channel();
        let delivered = Delivered {
            report,
            answer,
            _room: room,
        };
        listener.try_send(delivered).ok()?;
        answered.await.ok()
    }

    /// Lets requests in until the guard is dropped.
    fn open(&self) -> (Open<'_>, mpsc::Receiver<Delivered>) {
        let (listener, arrivals) = mpsc::channel(WAITING_MAX);
        *self.listener() = Some(listener.clone());
        let open = Open {
            gate: self,
            listener,
        };
        (open, arrivals)
    }

    fn listener(&self) -> MutexGuard<'_, Option<mpsc::Sender<Delivered>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WebhookGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookGate")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// Answers one request. A stranger learns nothing: not what was wrong, nor that a body was read.
async fn deliver(State(gate): State<Arc<WebhookGate>>, request: Request) -> Response {
    if !gate.is_secret(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.status().into_response(),
    };
    match gate.hand_in(Report::read(&gate.channel, &body)).await {
        Some(true) => StatusCode::OK.into_response(),
        Some(false) | None => {
            let later = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS.to_string())];
            (StatusCode::SERVICE_UNAVAILABLE, later).into_response()
        }
    }
}

/// Registers the webhook, if that is ours to do, and takes what the router hands over until the
/// account is refused.
pub(crate) async fn serve(
    gate: &WebhookGate,
    intake: &Intake<'_>,
    transport: &Transport,
) -> ListenError {
    // Requests may come as soon as Telegram knows the address, so the gate is open before.
    let (_open, arrivals) = gate.open();
    let taking = std::pin::pin!(take_all(intake, arrivals));
    let registering = std::pin::pin!(async {
        match register(gate, transport).await {
            Some(refused) => refused,
            None => std::future::pending().await,
        }
    });
    match select(registering, taking).await {
        Either::Left((refused, _)) => refused,
        Either::Right((never, _)) => match never {},
    }
}

/// Tells Telegram where the router is. Gives an error where Telegram won't have it.
async fn register(gate: &WebhookGate, transport: &Transport) -> Option<ListenError> {
    let params = gate.registration.as_ref()?;
    let channel = &gate.channel;
    let mut backoff = Backoff::default();
    loop {
        let set = transport.call::<Box<RawValue>>("setWebhook", params).await;
        let failure = set.err()?;
        // A name that can't be resolved may be one that isn't known everywhere yet.
        let is_wrong = matches!(&failure, Failure::Refused(refusal)
            if refusal.code == 400 && !refusal.description.to_lowercase().contains("resolve"));
        match Trouble::of(&failure) {
            Trouble::Passing { wait } if !is_wrong => {
                warn!(%channel, detail = failure.detail(), "the webhook isn't set yet; trying again");
                backoff.pause_at_least(wait).await;
            }
            _ => {
                return Some(ListenError::Refused {
                    channel: channel.clone(),
                    detail: format!("the webhook can't be set: {}", failure.detail()),
                });
            }
        }
    }
}

/// Takes what arrives. Reports of a chat are taken in the order in which they arrived, chats at
/// once. Where one can't be made durable, those of its chat that wait behind it are sent back
/// with it: taken alone they would overtake it.
async fn take_all(intake: &Intake<'_>, mut arrivals: mpsc::Receiver<Delivered>) -> Infallible {
    let mut running: FuturesUnordered<BoxFuture<'_, (Option<i64>, bool)>> = FuturesUnordered::new();
    let mut waiting: HashMap<i64, VecDeque<Delivered>> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            Some((chat, taken)) = running.next(), if !running.is_empty() => {
                let Some(chat) = chat else { continue };
                if !taken {
                    // Dropped unanswered, which is answered with 503.
                    waiting.remove(&chat);
                    continue;
                }
                match waiting.get_mut(&chat).and_then(VecDeque::pop_front) {
                    Some(next) => running.push(take(intake, next).boxed()),
                    None => {
                        waiting.remove(&chat);
                    }
                }
            }
            arrived = arrivals.recv() => {
                // The gate holds a sender as long as we listen.
                let Some(arrived) = arrived else {
                    return std::future::pending().await;
                };
                let queue = arrived.report.chat.map(|chat| waiting.entry(chat));
                match queue {
                    Some(Entry::Occupied(mut queue)) => {
                        queue.get_mut().push_back(arrived);
                    }
                    Some(Entry::Vacant(queue)) => {
                        queue.insert(VecDeque::new());
                        running.push(take(intake, arrived).boxed());
                    }
                    None => running.push(take(intake, arrived).boxed()),
                }
            }
        }
    }
}

async fn take(intake: &Intake<'_>, delivered: Delivered) -> (Option<i64>, bool) {
    let result = intake.receive(&delivered.report).await;
    if let Err(error) = &result {
        log(intake, &delivered.report, error);
    }
    let taken = result.is_ok();
    // Whoever asked may have hung up; Telegram then asks again.
    let _ = delivered.answer.send(taken);
    (delivered.report.chat, taken)
}

fn log(intake: &Intake<'_>, report: &Report, error: &IngestError) {
    warn!(
        channel = %intake.channel,
        key = %report.raw.key,
        %error,
        "an update is not durable and was sent back"
    );
}

/// Closes the gate when the listening ends.
struct Open<'a> {
    gate: &'a WebhookGate,
    listener: mpsc::Sender<Delivered>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut listener = self.gate.listener();
        if listener
            .as_ref()
            .is_some_and(|current| current.same_channel(&self.listener))
        {
            *listener = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TelegramConfig;
    use async_trait::async_trait;
    use chatflow_core::{Ingest, Ingested, RawInbound};

    /// Refuses updates with an even id, after everybody else had a turn.
    struct Odd(Mutex<Vec<String>>);

    #[async_trait]
    impl Ingest for Odd {
        async fn receive(&self, raw: RawInbound) -> Result<Ingested, IngestError> {
            tokio::task::yield_now().await;
            let key = raw.key.to_string();
            let is_even = key.ends_with(['0', '2', '4', '6', '8']);
            self.0.lock().unwrap().push(key);
            if is_even {
                let source = "even".into();
                return Err(IngestError::Unavailable { source });
            }
            Ok(Ingested::Handled)
        }
    }

    /// What waits behind a refused update of its chat goes back with it: it would overtake it.
    #[tokio::test]
    async fn what_waits_behind_a_refused_one_goes_back_with_it() {
        let channel = ChannelId::from("telegram:1");
        let transport = Transport::new(&TelegramConfig::new("1:a")).unwrap();
        let odd = Odd(Mutex::default());
        let (intake, _answering) = Intake::new(&channel, &odd, &transport);
        let gate = WebhookGate::new(channel.clone(), &WebhookConfig::new("a").unwrap());
        let (_open, arrivals) = gate.open();
        let hand_in = |id: i64, chat: i64| {
            let text = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
            let report = Report::read(&channel, text.as_bytes());
            gate.hand_in(report)
        };
        let together = async {
            let first = futures::join!(hand_in(1, 5), hand_in(2, 5), hand_in(3, 5), hand_in(5, 6));
            // The chat is open again.
            (first, hand_in(3, 5).await)
        };
        let taking = std::pin::pin!(take_all(&intake, arrivals));
        let together = std::pin::pin!(together);
        let Either::Right((answers, _)) = select(taking, together).await;
        assert_eq!(
            answers,
            ((Some(true), Some(false), None, Some(true)), Some(true))
        );
        let mut offered = odd.0.lock().unwrap().clone();
        offered.retain(|key| key != "update:5");
        assert_eq!(offered, ["update:1", "update:2", "update:3"]);
    }

    #[tokio::test]
    async fn too_many_waiting_are_sent_back() {
        let channel = ChannelId::from("telegram:1");
        let gate = WebhookGate::new(channel.clone(), &WebhookConfig::new("a").unwrap());
        let (_open, _arrivals) = gate.open();
        let report = || Report::read(&channel, b"{}");
        let mut waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| Box::pin(gate.hand_in(report())))
            .collect();
        for hand_in in &mut waiting {
            assert!(hand_in.now_or_never().is_none());
        }
        assert_eq!(gate.hand_in(report()).await, None);
    }
}
