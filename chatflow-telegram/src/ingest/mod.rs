//! How updates come in.
//!
//! ```text
//!  getUpdates ─┐                                       ┌─► offset raised, or 200
//!              ├─► report, in its chat's order ─► receive ─┤
//!  webhook ────┘                                       └─► not durable: offered again, or 503
//! ```
//!
//! **The law: Telegram hears that an update has arrived only after [`Ingest::receive`] has
//! returned `Ok` for it.** Until then Telegram keeps it and brings it again, and the second time
//! changes nothing, as its key is the same.
//!
//! Updates of one chat stay in order and chats don't wait for one another. Nothing is ever
//! concluded from an update's id being higher or lower than another's: after a quiet week
//! Telegram begins anew anywhere.

mod backoff;
mod batch;
mod poll;
mod trouble;
mod webhook;

use std::time::Duration;

use chatflow_core::{ChannelId, Ingest, IngestError, ListenError, RawBody, RawInbound};
use futures::{StreamExt, stream};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::classify::is_stale_callback;
use crate::envelope::{self, Envelope, UpdateKind};
use crate::transport::Transport;

pub(crate) use webhook::WebhookGate;
pub use webhook::{WebhookConfig, WebhookError};

/// Receives by the webhook, or by polling where there is none, until the account is refused or
/// the future is dropped.
pub(crate) async fn listen(
    channel: &ChannelId,
    ingest: &dyn Ingest,
    transport: &Transport,
    webhook: Option<&WebhookGate>,
    poll_held: Duration,
) -> Result<(), ListenError> {
    let (intake, answering) = Intake::new(channel, ingest, transport);
    let listening = async {
        match webhook {
            Some(gate) => webhook::serve(gate, &intake, transport).await,
            None => poll::poll(&intake, transport, poll_held).await,
        }
    };
    tokio::select! {
        biased;
        error = listening => Err(error),
        // It ends only with the intake.
        () = answering => Ok(()),
    }
}

/// One update on its way in.
#[derive(Debug)]
pub(crate) struct Report {
    raw: RawInbound,
    /// Telegram's id of it, where it can be read.
    id: Option<i64>,
    /// Whose other updates it has to stay in order with.
    chat: Option<i64>,
    /// To be answered, so that the button stops turning.
    callback_query: Option<String>,
    /// A business account whose customers we can no longer answer.
    lost_connection: Option<String>,
}

impl Report {
    /// Any bytes are a report: what isn't an update is handed in too, and kept.
    pub(crate) fn read(channel: &ChannelId, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let envelope = Envelope::open(&text);
        let envelope = envelope.as_ref();
        let id = envelope.and_then(Envelope::id);
        Self {
            raw: RawInbound {
                channel: channel.clone(),
                key: envelope::key(id, bytes),
                body: RawBody::from(bytes),
            },
            id,
            chat: envelope.and_then(Envelope::chat),
            callback_query: envelope.and_then(Envelope::callback_query),
            lost_connection: envelope.and_then(lost_connection),
        }
    }
}

/// A report that a business account has taken its permission to answer back. It names no dialog,
/// so it changes none: the next message to a customer of the account is refused by Telegram, and
/// that refusal stops the dialog.
fn lost_connection(envelope: &Envelope<'_>) -> Option<String> {
    let (UpdateKind::BusinessConnection, connection) = envelope.content()? else {
        return None;
    };
    let rights = connection.object("rights");
    // Before level 9 the right stood in the connection itself.
    let can_reply = match &rights {
        Some(rights) => rights.flag("can_reply").unwrap_or(false),
        None => connection.flag("can_reply").unwrap_or(true),
    };
    let is_lost = connection.flag("is_enabled") == Some(false) || !can_reply;
    connection.text("id").filter(|_| is_lost)
}

/// Hands reports in.
pub(crate) struct Intake<'a> {
    pub(crate) channel: &'a ChannelId,
    pub(crate) ingest: &'a dyn Ingest,
    presses: mpsc::Sender<String>,
}

impl<'a> Intake<'a> {
    /// The intake, and the answering of pressed choices: a future that has to run beside it and
    /// ends when the intake is gone.
    pub(crate) fn new(
        channel: &'a ChannelId,
        ingest: &'a dyn Ingest,
        transport: &'a Transport,
    ) -> (Self, impl Future<Output = ()> + 'a) {
        let (presses, mut pressed) = mpsc::channel(PRESSES_WAITING_MAX);
        let intake = Self {
            channel,
            ingest,
            presses,
        };
        let pressed = stream::poll_fn(move |context| pressed.poll_recv(context));
        let answering = pressed.for_each_concurrent(PRESSES_AT_ONCE_MAX, move |query| async move {
            let params = json!({ "callback_query_id": query });
            let answered = transport
                .call::<Box<RawValue>>("answerCallbackQuery", &params)
                .await;
            // One that is too old can't be answered any more, and that is no failure.
            if let Err(failure) = &answered
                && !is_stale_callback(failure)
            {
                debug!(%channel, detail = failure.detail(), "a pressed choice was not answered");
            }
        });
        (intake, answering)
    }

    /// Hands one in, and says what is to be said once it is durable.
    pub(crate) async fn receive(&self, report: &Report) -> Result<(), IngestError> {
        self.ingest.receive(report.raw.clone()).await?;
        if let Some(connection) = &report.lost_connection {
            warn!(
                channel = %self.channel,
                %connection,
                "a business account no longer lets the bot answer its customers"
            );
        }
        if let Some(query) = &report.callback_query {
            // With so many waiting the oldest are stale before they are answered.
            if self.presses.try_send(query.clone()).is_err() {
                debug!(channel = %self.channel, "too many presses at once; one is not answered");
            }
        }
        Ok(())
    }
}

/// Pressed choices that may wait for their answer. Telegram forgets them after 150 seconds.
const PRESSES_WAITING_MAX: usize = 1024;
const PRESSES_AT_ONCE_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        Report::read(&ChannelId::from("telegram:1"), text.as_bytes())
    }

    #[test]
    fn a_report_knows_its_chat() {
        for (text, chat) in [
            (
                r#"{"update_id":1,"message":{"chat":{"id":5},"from":{"id":6}}}"#,
                Some(5),
            ),
            (
                r#"{"update_id":1,"callback_query":{"id":"q","from":{"id":6},"message":{"chat":{"id":5}}}}"#,
                Some(5),
            ),
            (
                r#"{"update_id":1,"callback_query":{"id":"q","from":{"id":6}}}"#,
                Some(6),
            ),
            (r#"{"update_id":1,"business_connection":{"id":"b"}}"#, None),
            (r#"{"update_id":1,"novelty":{"chat":{"id":5}}}"#, None),
            ("[]", None),
        ] {
            assert_eq!(report(text).chat, chat, "{text}");
        }
    }

    #[test]
    fn a_lost_connection_shows() {
        for (connection, lost) in [
            (
                r#"{"id":"b","is_enabled":true,"rights":{"can_reply":true}}"#,
                false,
            ),
            (r#"{"id":"b","is_enabled":true,"can_reply":true}"#, false),
            (r#"{"id":"b","is_enabled":true}"#, false),
            (
                r#"{"id":"b","is_enabled":false,"rights":{"can_reply":true}}"#,
                true,
            ),
            (r#"{"id":"b","is_enabled":true,"rights":{}}"#, true),
            (r#"{"id":"b","is_enabled":true,"can_reply":false}"#, true),
        ] {
            let text = format!(r#"{{"update_id":1,"business_connection":{connection}}}"#);
            assert_eq!(
                report(&text).lost_connection.is_some(),
                lost,
                "{connection}"
            );
        }
    }
}
