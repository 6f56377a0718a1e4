use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::testing::queue::{Body, KINDS};
use crate::testing::refusal::{Outcome, Reason, Refusal};
use crate::testing::request::Call;
use crate::testing::server::Shared;
use crate::testing::webhook::Webhook;
use crate::testing::world::World;

/// Holds the request until an update comes, its time is over, or something else takes its place.
pub(super) async fn get_updates(shared: &Shared, call: &Call) -> Result<Body, Refusal> {
    let offset = call.integer("offset").unwrap_or(0);
    let mut limit = call.integer("limit").unwrap_or(100).clamp(1, 100);
    let mut timeout = call.integer("timeout").unwrap_or(0).clamp(0, TIMEOUT_MAX);
    let (mine, until, until_virtual) = shared.change(|world| {
        if world.webhook.is_some() {
            return Err(world.refuse(Reason::WebhookActive));
        }
        allow(world, call)?;
        let now = Instant::now();
        let unit = world.settings.poll_unit;
        if world.settings.slow_repeated_polls
            && let Some((last, at)) = world.last_poll
            && last == offset
        {
            if now < at + unit * 3 {
                timeout = timeout.max(3);
            }
            if now < at + unit / 2 {
                limit = 1;
            }
        }
        world.last_poll = Some((offset, now));
        world.poll += 1;
        world.updates.confirm(offset);
        let seconds = u32::try_from(timeout).unwrap_or(0);
        let until_virtual = world.now + Duration::from_secs(seconds.into());
        Ok((world.poll, now + unit * seconds, until_virtual))
    })?;
    let limit = usize::try_from(limit).unwrap_or(1);
    loop {
        let changed = shared.changed.notified();
        {
            let mut world = shared.lock();
            if world.webhook.is_some() {
                return Err(world.refuse(Reason::SetWebhook));
            }
            if world.poll != mine {
                return Err(world.refuse(Reason::OtherPoller));
            }
            if let Some(batch) = batch(&mut world, limit) {
                return Ok(batch);
            }
            if timeout == 0 || world.now >= until_virtual {
                return Ok(Body::Update(json!([])));
            }
        }
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(until) => return Ok(Body::Update(json!([]))),
        }
    }
}

/// The updates that wait, oldest first; the offset has confirmed those before it. Bytes of a test's making go alone, and
/// are gone once they went.
fn batch(world: &mut World, limit: usize) -> Option<Body> {
    let now = world.now;
    world.updates.expire(now);
    let mut updates: Vec<Value> = Vec::new();
    let mut bytes = None;
    for pending in world.updates.pending() {
        match &pending.body {
            Body::Update(update) => updates.push(update.clone()),
            Body::Bytes(body) if updates.is_empty() => {
                bytes = Some((pending.entry, body.clone()));
                break;
            }
            Body::Bytes(_) => break,
        }
        if updates.len() == limit {
            break;
        }
    }
    if let Some((entry, body)) = bytes {
        world.updates.remove(entry);
        return Some(Body::Bytes(body));
    }
    world.updates.give(updates.len());
    (!updates.is_empty()).then(|| Body::Update(updates.into()))
}

/// Takes over `allowed_updates`, where it is given.
fn allow(world: &mut World, call: &Call) -> Result<(), Refusal> {
    match call.structure("allowed_updates", "allowed updates")? {
        Some(Value::Array(names)) => {
            let names: Vec<String> = names
                .iter()
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect();
            world.updates.allow(&names);
            Ok(())
        }
        Some(_) => Err(Refusal::bad_request(
            "can't parse allowed updates JSON array",
        )),
        None => Ok(()),
    }
}

pub(super) fn set_webhook(world: &mut World, call: &Call) -> Outcome {
    let Some(url) = call.text("url") else {
        return delete_webhook(world, call);
    };
    let has_host = ["http://", "https://"].iter().any(|scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    });
    if !has_host {
        return Err(Refusal::bad_request("invalid webhook URL specified"));
    }
    let secret = call.text("secret_token");
    if let Some(secret) = &secret {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if secret.len() > 256 {
            return Err(Refusal::bad_request("secret token is too long"));
        }
        if !secret.bytes().all(is_plain) {
            return Err(Refusal::bad_request(
                "secret token contains unallowed characters",
            ));
        }
    }
    allow(world, call)?;
    if call.flag("drop_pending_updates") {
        world.updates.clear();
    }
    let connections = call.integer("max_connections").unwrap_or(40).clamp(1, 100);
    let webhook = Webhook::new(
        url,
        secret,
        usize::try_from(connections).unwrap_or(1),
        call.text("ip_address"),
        world.webhook.take(),
    );
    world.webhook = Some(webhook);
    Ok(true.into())
}

pub(super) fn delete_webhook(world: &mut World, call: &Call) -> Outcome {
    if call.flag("drop_pending_updates") {
        world.updates.clear();
    }
    world.webhook = None;
    Ok(true.into())
}

pub(super) fn webhook_info(world: &World) -> Outcome {
    let mut info = json!({
        "url": "",
        "has_custom_certificate": false,
        "pending_update_count": world.updates.len(),
    });
    if let Some(webhook) = &world.webhook {
        info["url"] = webhook.url.clone().into();
        info["max_connections"] = webhook.max_connections.into();
        let address = webhook.ip_address.as_deref().unwrap_or("127.0.0.1");
        info["ip_address"] = address.into();
        if let Some((at, text)) = &webhook.last_error {
            info["last_error_date"] = at.timestamp().into();
            info["last_error_message"] = text.clone().into();
        }
    }
    if let Some(allowed) = world.updates.allowed() {
        let ordered: Vec<&str> = KINDS
            .iter()
            .copied()
            .filter(|kind| allowed.iter().any(|name| name == kind))
            .collect();
        info["allowed_updates"] = json!(ordered);
    }
    Ok(info)
}

/// Telegram holds no poll longer than this, whatever is asked for.
const TIMEOUT_MAX: i64 = 50;
