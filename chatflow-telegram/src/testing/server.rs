use std::fmt;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::faults::Fault;
use super::log::Recorded;
use super::methods::{self, Reply};
use super::refusal::{Reason, Refusal};
use super::request::{Call, answer_body};
use super::settings::{Settings, is_token};
use super::view::View;
use super::webhook::{self, DeliveryTry};
use super::world::World;

/// A Bot API server on this machine, for one bot.
///
/// It is real HTTP on a loopback port, so the bot may be in this process or another. Clones are the
/// same server; it ends when the last one is dropped.
///
/// The methods that push updates are documented with [`Incoming`](super::Incoming), those that
/// change the world around the bot with [`Person`](super::Person).
#[derive(Clone)]
pub struct FakeTelegram {
    pub(crate) shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

impl FakeTelegram {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// When the token of the settings does not have Telegram's form, no port can be had, or tokio
    /// does not run.
    pub async fn start(settings: Settings) -> Self {
        let bot_id = settings.bot_id();
        let listener = listen(0).await;
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            token: settings.token.clone(),
            bot_id,
            address,
            world: Mutex::new(World::new(settings)),
            changed: Notify::new(),
            peers: Mutex::new(Vec::new()),
        });
        let tasks = Arc::new(Tasks {
            server: Mutex::new(Some(serve(&shared, listener))),
            webhooks: tokio::spawn(webhook::deliver(Arc::clone(&shared))),
        });
        Self { shared, tasks }
    }

    /// The address to give to the bot, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The bot's token.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// The bot's id.
    pub fn bot_id(&self) -> i64 {
        self.shared.bot_id
    }

    /// Begins an outage: closes every connection, and refuses new ones. Webhooks pause too.
    pub async fn stop(&self) {
        let server = self
            .tasks
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(server) = server {
            server.abort();
            // An aborted task gives an error, which says nothing.
            let _ = server.await;
        }
        self.shared.close_peers();
        self.shared.change(|world| world.running = false);
    }

    /// Ends an outage, on the same port. What waits for the bot is still there.
    ///
    /// # Panics
    /// When another program took the port meanwhile.
    pub async fn restart(&self) {
        self.stop().await;
        let listener = listen(self.shared.address.port()).await;
        let server = serve(&self.shared, listener);
        *self
            .tasks
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(server);
        self.shared.change(|world| world.running = true);
    }

    /// The server's time, which begins on 2 March 2026 at 09:00 UTC and stands still.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.lock().now
    }

    /// Moves the server's clock: dates, lifetimes, flood windows and held polls follow it.
    pub fn advance(&self, time: std::time::Duration) {
        self.shared.change(|world| {
            world.now += time;
            let now = world.now;
            world.updates.expire(now);
        });
    }

    /// Lets the next `count` requests fail, `getUpdates` apart, whose number depends on timing.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        self.shared
            .change(|world| world.faults.plan(None, count, fault));
    }

    /// Lets the next `count` requests of a method fail.
    ///
    /// # Panics
    /// When the server doesn't know the method.
    pub fn fail_next_on(&self, method: &str, count: usize, fault: Fault) {
        assert!(
            methods::canonical(method).is_some(),
            "the server has no method {method}"
        );
        self.shared
            .change(|world| world.faults.plan(Some(method), count, fault));
    }

    /// Plans faults one after the other, each for a method or, with `None`, for any but
    /// `getUpdates`, and for a number of requests.
    pub fn faults(&self, schedule: Vec<(Option<&str>, usize, Fault)>) {
        for (method, count, fault) in schedule {
            match method {
                Some(method) => self.fail_next_on(method, count, fault),
                None => self.fail_next(count, fault),
            }
        }
    }

    /// Forgets all faults still planned.
    pub fn clear_faults(&self) {
        self.shared.change(|world| world.faults.clear());
    }

    /// How many planned faults no request has met yet.
    pub fn faults_left(&self) -> usize {
        self.shared.lock().faults.left()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().log.entries().to_vec()
    }

    /// The requests of one method so far.
    pub fn requests_of(&self, method: &str) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| request.method.eq_ignore_ascii_case(method));
        requests
    }

    /// The requests since the last call of this; [`requests`](Self::requests) no longer gives them.
    pub fn take_requests(&self) -> Vec<Recorded> {
        self.shared.lock().log.take()
    }

    /// The messages that the bot has in a chat, as they stand now.
    pub fn sent_to(&self, chat_id: i64) -> Vec<Value> {
        View::of(&self.shared.lock()).sent_to(chat_id)
    }

    /// The tries to deliver updates to the webhook, in the order they ended.
    pub fn deliveries(&self) -> Vec<DeliveryTry> {
        self.shared.lock().tries.clone()
    }

    /// How many updates wait for the bot.
    pub fn pending_updates(&self) -> usize {
        self.shared.lock().updates.len()
    }

    /// Looks at everything at one moment.
    pub fn view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        look(&View::of(&self.shared.lock()))
    }

    /// Waits until something is so; `what` says what, if it never is.
    ///
    /// # Panics
    /// With the log, when the settings' patience ends.
    pub async fn wait_for(&self, what: &str, condition: impl Fn(&View<'_>) -> bool) {
        let patience = self.shared.lock().settings.patience;
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                if condition(&View::of(&self.shared.lock())) {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(patience, waiting).await.is_err() {
            let world = self.shared.lock();
            panic!(
                "waited {patience:?} for: {what}\nrequests: {:#?}\ndeliveries: {:#?}\nupdates waiting: {}",
                world.log,
                world.tries,
                world.updates.len()
            );
        }
    }
}

impl fmt::Debug for FakeTelegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTelegram")
            .field("url", &self.url())
            .field("bot_id", &self.shared.bot_id)
            .finish_non_exhaustive()
    }
}

/// What the tasks of a server share.
pub(crate) struct Shared {
    token: String,
    bot_id: i64,
    address: SocketAddr,
    world: Mutex<World>,
    pub(crate) changed: Notify,
    peers: Mutex<Vec<Weak<std::net::TcpStream>>>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        // A panic of a builder that was used wrongly must not hide behind a poisoned lock.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and wakes everything that waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_waiters();
        result
    }

    fn close_peers(&self) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        for peer in peers.drain(..).filter_map(|peer| peer.upgrade()) {
            // The bot may have closed it first.
            let _ = peer.shutdown(Shutdown::Both);
        }
    }
}

struct Tasks {
    server: Mutex<Option<JoinHandle<()>>>,
    webhooks: JoinHandle<()>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.webhooks.abort();
        let server = self
            .server
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = server {
            server.abort();
        }
    }
}

async fn listen(port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .expect("the fake Telegram server can listen on loopback")
}

fn serve(shared: &Arc<Shared>, listener: TcpListener) -> JoinHandle<()> {
    let listener = Accepting {
        listener,
        shared: Arc::clone(shared),
    };
    let router = Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(shared));
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Peer>();
        // It ends with an error only when the process is out of sockets; then the bot sees refusals.
        let _ = axum::serve(listener, service).await;
    })
}

/// Accepts connections and keeps a hand on each, to be able to cut it.
struct Accepting {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// A hand on a connection.
#[derive(Clone, Debug)]
struct Peer(Arc<std::net::TcpStream>);

impl Peer {
    /// Cuts the connection. Whatever is answered after that doesn't arrive.
    fn close(&self) -> Response {
        // The bot may have closed it first.
        let _ = self.0.shutdown(Shutdown::Both);
        StatusCode::OK.into_response()
    }
}

impl Listener for Accepting {
    type Io = TcpStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (TcpStream, Peer) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            // Small answers are not to wait for each other; without it they are only slower.
            let _ = stream.set_nodelay(true);
            let Ok(stream) = stream.into_std() else {
                continue;
            };
            let (Ok(hand), Ok(stream)) = (stream.try_clone(), TcpStream::from_std(stream)) else {
                continue;
            };
            let peer = Arc::new(hand);
            let mut peers = self
                .shared
                .peers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            peers.retain(|peer| peer.strong_count() > 0);
            peers.push(Arc::downgrade(&peer));
            return (stream, Peer(peer));
        }
    }

    fn local_addr(&self) -> std::io::Result<Peer> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl Connected<IncomingStream<'_, Accepting>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Accepting>) -> Self {
        stream.remote_addr().clone()
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return download(&shared, rest);
    }
    let Some((token, method)) = path
        .strip_prefix("/bot")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(token, _)| is_token(token))
    else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    let wordings = shared.lock().settings.wordings;
    if token != shared.token {
        return refused(&Reason::Unauthorized.refuse(wordings));
    }
    let Some(name) = methods::canonical(method) else {
        return refused(&Reason::MethodUnknown.refuse(wordings));
    };
    let fault = shared.lock().faults.take(&name.to_ascii_lowercase());
    if fault == Some(Fault::CloseBeforeReading) {
        shared.change(|world| {
            let now = world.now;
            world.log.begin(name, now, Value::Null)
        });
        return peer.close();
    }
    let call = Call::read(name, request, wordings).await;
    let logged = call.as_ref().map_or(Value::Null, Call::logged);
    let number = shared.change(|world| {
        let now = world.now;
        world.log.begin(name, now, logged)
    });
    let reply = match call {
        Ok(_) if fault.as_ref().is_some_and(|fault| !fault.acts()) => None,
        Ok(call) => Some(methods::act(&shared, &call).await),
        Err(refusal) => Some(Reply::Outcome(Err(refusal))),
    };
    let acted = matches!(reply, Some(Reply::Outcome(Ok(_)) | Reply::Bytes(_)));
    let answer = answer(fault, reply);
    shared.change(|world| {
        if acted {
            world.log.acted(number);
        }
        if let Answer::Body { status, body, .. } = &answer {
            let description = serde_json::from_slice::<Value>(body)
                .ok()
                .and_then(|body| Some(body.get("description")?.as_str()?.to_owned()));
            world.log.answered(number, *status, description.as_deref());
        }
    });
    match answer {
        Answer::Close => peer.close(),
        Answer::Never => std::future::pending().await,
        Answer::Body { status, kind, body } => respond(status, kind, body),
    }
}

/// What the bot gets to see.
enum Answer {
    Close,
    Never,
    Body {
        status: u16,
        kind: &'static str,
        body: Vec<u8>,
    },
}

fn answer(fault: Option<Fault>, reply: Option<Reply>) -> Answer {
    let json = "application/json";
    match (fault, reply) {
        (Some(Fault::Hang { .. }), _) => Answer::Never,
        (Some(fault), reply) => {
            let outcome = match &reply {
                Some(Reply::Outcome(outcome)) => Some(outcome),
                _ => None,
            };
            match fault.answer(outcome) {
                Some((status, kind, body)) => Answer::Body {
                    status,
                    kind,
                    body: body.into_bytes(),
                },
                None => Answer::Close,
            }
        }
        (None, Some(Reply::Outcome(outcome))) => {
            let (status, body) = answer_body(&outcome);
            Answer::Body {
                status,
                kind: json,
                body: body.to_string().into_bytes(),
            }
        }
        (None, Some(Reply::Bytes(body))) => Answer::Body {
            status: 200,
            kind: json,
            body,
        },
        (None, None) => Answer::Never,
    }
}

fn respond(status: u16, kind: &'static str, body: Vec<u8>) -> Response {
    let wait = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|body| body.pointer("/parameters/retry_after")?.as_u64());
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
    if let Some(seconds) = wait {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn refused(refusal: &Refusal) -> Response {
    let body = refusal.body().to_string().into_bytes();
    respond(refusal.code, "application/json", body)
}

fn download(shared: &Shared, rest: &str) -> Response {
    let world = shared.lock();
    let Some((token, path)) = rest.split_once('/').filter(|(token, _)| is_token(token)) else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    if token != shared.token {
        return refused(&world.refuse(Reason::Unauthorized));
    }
    let file = world.files.values().find(|file| file.path == path);
    match file {
        Some(file) => respond(200, "application/octet-stream", file.bytes.clone()),
        None => {
            let body = json!({ "ok": false, "error_code": 404, "description": "Not Found" });
            respond(404, "application/json", body.to_string().into_bytes())
        }
    }
}
