//! Asking for updates.

use std::time::Duration;

use chatflow_core::ListenError;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::envelope::UpdateKind;
use crate::ingest::Intake;
use crate::ingest::backoff::Backoff;
use crate::ingest::batch::{Batch, Offset};
use crate::ingest::trouble::Trouble;
use crate::transport::{Failure, Transport};

/// Asks for updates until the account is refused.
///
/// The offset is raised, and so the updates below it forgotten by Telegram, only when each of
/// them is durable; a batch in which one isn't holds the next batch back.
pub(crate) async fn poll(
    intake: &Intake<'_>,
    transport: &Transport,
    held: Duration,
) -> ListenError {
    let channel = intake.channel;
    let mut offset = Offset::None;
    let mut backoff = Backoff::default();
    let mut may_remove_webhook = true;
    loop {
        let asked = Instant::now();
        let failure = match ask(transport, offset, held).await {
            Ok(answer) => match Batch::read(channel, answer.get()) {
                Some(batch) => {
                    batch.receive(intake).await;
                    offset = batch.offset_after(offset);
                    if batch.is_empty() && held > AT_ONCE && asked.elapsed() < AT_ONCE {
                        // A server that doesn't hold the question isn't asked without end.
                        backoff.pause().await;
                    } else if batch.is_placed() {
                        backoff.reset();
                    } else {
                        // They are kept, but Telegram may bring them again at once.
                        error!(%channel, "no update of a batch has a readable id");
                        backoff.pause().await;
                    }
                    continue;
                }
                None => Failure::NotTelegram {
                    status: 200,
                    retry_after: None,
                },
            },
            Err(failure) => failure,
        };
        match Trouble::of(&failure) {
            Trouble::Refused => {
                return ListenError::Refused {
                    channel: channel.clone(),
                    detail: failure.detail(),
                };
            }
            Trouble::WebhookIsSet if may_remove_webhook => {
                may_remove_webhook = false;
                info!(%channel, "removing the bot's webhook, which stands in the way of polling");
                if let Err(failure) = remove_webhook(transport).await {
                    may_remove_webhook = true;
                    warn!(%channel, detail = failure.detail(), "the webhook can't be removed yet");
                    backoff.pause().await;
                }
            }
            Trouble::WebhookIsSet => {
                warn!(%channel, "somebody has set a webhook again; polling can't go on beside it");
                backoff.pause().await;
            }
            Trouble::OtherPoller => {
                warn!(%channel, "somebody else is polling with this bot's token; only one can");
                backoff.pause().await;
            }
            Trouble::Passing { wait } => {
                warn!(%channel, detail = failure.detail(), "no updates; asking again");
                backoff.pause_at_least(wait).await;
            }
        }
    }
}

async fn ask(
    transport: &Transport,
    offset: Offset,
    held: Duration,
) -> Result<Box<RawValue>, Failure> {
    let mut params = json!({
        "limit": UPDATES_MAX,
        // Nought would make it ask without a pause.
        "timeout": held.as_secs().max(1),
        "allowed_updates": UpdateKind::allowed(),
    });
    if let Some(offset) = offset {
        params["offset"] = offset.into();
    }
    transport
        .call_within("getUpdates", &params, held.saturating_add(ANSWER_WITHIN))
        .await
}

/// Leaves what waits at Telegram where it is.
async fn remove_webhook(transport: &Transport) -> Result<(), Failure> {
    let params = json!({ "drop_pending_updates": false });
    let _: Box<RawValue> = transport.call("deleteWebhook", &params).await?;
    Ok(())
}

/// An answer that comes sooner wasn't waited for.
const AT_ONCE: Duration = Duration::from_millis(100);
/// As many as Telegram gives at once.
const UPDATES_MAX: u32 = 100;
/// How long an answer may be under way after Telegram held the question for its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
