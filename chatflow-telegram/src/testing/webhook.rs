use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::Instant;

use super::methods;
use super::queue::Pending;
use super::request::{Call, retry_after};
use super::server::Shared;
use super::world::World;

/// A try to deliver an update to the bot's webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryTry {
    /// The update.
    pub update_id: i64,
    /// 1 for the first try.
    pub attempt: u32,
    /// The server's time.
    pub at: DateTime<Utc>,
    /// The bot's status; `None` if it gave none: refused, closed or too late.
    pub status: Option<u16>,
}

/// The webhook as it was set.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret_token: Option<String>,
    pub(crate) max_connections: usize,
    pub(crate) ip_address: Option<String>,
    pub(crate) last_error: Option<(DateTime<Utc>, String)>,
    /// Tries of updates that failed, and when each is due again.
    retries: BTreeMap<u64, (u32, Instant)>,
    /// The entries on their way.
    flying: BTreeMap<u64, (i64, String)>,
}

impl Webhook {
    pub(crate) fn new(
        url: String,
        secret_token: Option<String>,
        max_connections: usize,
        ip_address: Option<String>,
        before: Option<Self>,
    ) -> Self {
        Self {
            url,
            secret_token,
            max_connections,
            ip_address,
            last_error: None,
            retries: BTreeMap::new(),
            // What is on its way stays so, or an update would go twice at once.
            flying: before.map(|before| before.flying).unwrap_or_default(),
        }
    }
}

/// One delivery to make.
struct Parcel {
    url: String,
    secret_token: Option<String>,
    pending: Pending,
    attempt: u32,
}

/// What came of it.
struct Response {
    status: Option<u16>,
    retry_after: Option<Duration>,
    call: Option<Call>,
}

/// Delivers updates to the webhook for as long as the server lives.
pub(crate) async fn deliver(shared: Arc<Shared>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        // Telegram follows no redirect: it is an answer that is not 2xx.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without TLS needs nothing that can be missing");
    let mut flights = tokio::task::JoinSet::new();
    loop {
        let changed = shared.changed.notified();
        let (parcels, wake) = next_parcels(&mut shared.lock(), Instant::now());
        for parcel in parcels {
            flights.spawn(fly(Arc::clone(&shared), client.clone(), parcel));
        }
        while flights.try_join_next().is_some() {}
        match wake {
            Some(wake) => {
                tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(wake) => {}
                }
            }
            None => changed.await,
        }
    }
}

/// The updates to send now, and when to look again. In each lane, which is a chat and a kind, only
/// the first update may go.
fn next_parcels(world: &mut World, now: Instant) -> (Vec<Parcel>, Option<Instant>) {
    let mut parcels = Vec::new();
    let mut wake: Option<Instant> = None;
    let virtual_now = world.now;
    world.updates.expire(virtual_now);
    let (true, Some(webhook)) = (world.running, &mut world.webhook) else {
        return (parcels, None);
    };
    let mut seen: Vec<(i64, String)> = webhook.flying.values().cloned().collect();
    for pending in world.updates.pending() {
        if webhook.flying.len() >= webhook.max_connections {
            break;
        }
        if seen.contains(&pending.lane) {
            continue;
        }
        seen.push(pending.lane.clone());
        let (failed, due) = webhook
            .retries
            .get(&pending.entry)
            .copied()
            .unwrap_or((0, now));
        if due > now {
            wake = Some(wake.map_or(due, |wake| wake.min(due)));
            continue;
        }
        webhook.flying.insert(pending.entry, pending.lane.clone());
        parcels.push(Parcel {
            url: webhook.url.clone(),
            secret_token: webhook.secret_token.clone(),
            pending: pending.clone(),
            attempt: failed + 1,
        });
    }
    (parcels, wake)
}

async fn fly(shared: Arc<Shared>, client: reqwest::Client, parcel: Parcel) {
    let (unit, timeout) = {
        let world = shared.lock();
        (world.settings.retry_unit, world.settings.webhook_timeout)
    };
    let response = tokio::time::timeout(timeout, post(&client, &parcel, unit))
        .await
        .ok()
        .flatten()
        .unwrap_or(Response {
            status: None,
            retry_after: None,
            call: None,
        });
    shared.change(|world| landed(world, &parcel, response, unit));
}

async fn post(client: &reqwest::Client, parcel: &Parcel, unit: Duration) -> Option<Response> {
    let mut request = client
        .post(&parcel.url)
        .header("Content-Type", "application/json")
        .body(parcel.pending.body.bytes());
    if let Some(secret) = &parcel.secret_token {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
    }
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), unit);
    let body = response.bytes().await.ok()?;
    Some(Response {
        status: Some(status),
        retry_after,
        call: call_in(&body),
    })
}

/// The method call that the body of a good answer may carry.
fn call_in(body: &[u8]) -> Option<Call> {
    let Value::Object(mut params) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let method = params.remove("method")?.as_str()?.to_ascii_lowercase();
    if method.starts_with("get") || method.ends_with("webhook") {
        return None;
    }
    Some(Call {
        method,
        params,
        ..Call::default()
    })
}

fn landed(world: &mut World, parcel: &Parcel, response: Response, unit: Duration) {
    let status = response.status;
    world.tries.push(DeliveryTry {
        update_id: parcel.pending.id,
        attempt: parcel.attempt,
        at: world.now,
        status,
    });
    let entry = parcel.pending.entry;
    let good = status.is_some_and(|status| (200..300).contains(&status));
    if good {
        world.updates.remove(entry);
    }
    let now = world.now;
    // It may have been deleted, or set anew, while this was on its way.
    if let Some(webhook) = &mut world.webhook {
        webhook.flying.remove(&entry);
        if good {
            webhook.retries.remove(&entry);
        } else {
            let doubled = unit * 2_u32.pow((parcel.attempt - 1).min(6)).min(RETRY_UNITS_MAX);
            let wait = response.retry_after.unwrap_or(doubled);
            let due = Instant::now() + wait;
            webhook.retries.insert(entry, (parcel.attempt, due));
            let text = match status {
                Some(status) => format!("Wrong response from the webhook: {status}"),
                None => "Connection refused or timed out".to_owned(),
            };
            webhook.last_error = Some((now, text));
        }
    }
    if let Some(call) = response.call.filter(|_| good) {
        let name = methods::canonical(&call.method).unwrap_or("unknown");
        let number = world.log.begin(name, now, call.logged());
        // Telegram tells nobody what came of a call in a webhook's answer.
        if methods::call(world, &call).is_ok() {
            world.log.acted(number);
        }
    }
}

/// Where the doubling of the wait ends.
const RETRY_UNITS_MAX: u32 = 60;
