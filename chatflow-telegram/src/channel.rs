//! Telegram as a channel of core.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chatflow_core::{
    Action, Address, Capabilities, Channel, ChannelId, ExternalId, Inbound, Ingest, ListenError,
    Media, MediaError, MediaFile, MediaStore, Message, Outbound, Pacing, RawInbound, Receipt,
    SendError, SendErrorClass,
};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::address::Place;
use crate::classify::{
    is_bad_formatting, is_gone_already, is_not_modified, is_of_other_kind, send_error,
};
use crate::config::{Binding, Secret, TelegramConfig};
use crate::error::ConnectError;
use crate::inbound::{self, BotIdentity, FILE};
use crate::ingest::{self, WebhookGate};
use crate::outbound::{self, Request};
use crate::transport::{Failure, Transport, Upload};

/// Largest file that Telegram hands out.
const DOWNLOAD_BYTES_MAX: usize = 20 << 20;
/// Longest token of a start link.
const START_CHARS_MAX: usize = 64;

/// A bot on Telegram. Clones are the same bot.
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use chatflow_telegram::{Telegram, TelegramConfig};
///
/// let token = std::env::var("TELEGRAM_BOT_TOKEN")?;
/// let telegram = Telegram::connect(TelegramConfig::new(token).name("Sales")).await?;
/// println!("connected as @{}", telegram.username());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Telegram {
    shared: Arc<Shared>,
}

struct Shared {
    id: ChannelId,
    name: String,
    bot: BotIdentity,
    capabilities: Capabilities,
    transport: Transport,
    gate: Option<Arc<WebhookGate>>,
    config: TelegramConfig,
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telegram")
            .field("id", &self.shared.id)
            .finish_non_exhaustive()
    }
}

/// What Telegram says of the bot itself.
#[derive(Deserialize)]
struct Me {
    id: i64,
    username: String,
}

impl Telegram {
    /// Asks Telegram who the bot is. Nothing is received yet.
    ///
    /// # Errors
    /// [`ConnectError`], whose sentence says what to do. What can't be a token is refused before
    /// anything is sent.
    pub async fn connect(config: TelegramConfig) -> Result<Self, ConnectError> {
        check_token(&config.token)?;
        let transport = Transport::new(&config)?;
        let me: Me = transport
            .call("getMe", &json!({}))
            .await
            .map_err(|failure| connect_error(&failure))?;
        let capabilities = match config.binding {
            Binding::Bot => Capabilities::telegram_bot(),
            Binding::Business => Capabilities::telegram_business(),
        };
        let id = ChannelId::from(format!("telegram:{}", me.id));
        let gate = config.webhook.as_ref();
        let gate = gate.map(|webhook| WebhookGate::new(id.clone(), webhook));
        tracing::info!(channel = %id, "connected to Telegram");
        Ok(Self {
            shared: Arc::new(Shared {
                id,
                name: config.name.clone().unwrap_or_else(|| me.username.clone()),
                bot: BotIdentity {
                    id: me.id,
                    username: me.username,
                },
                capabilities,
                transport,
                gate,
                config,
            }),
        })
    }

    /// The bot's user name, without the at sign.
    pub fn username(&self) -> &str {
        &self.shared.bot.username
    }

    /// Where Telegram delivers updates by the webhook: `POST /` of it, to be mounted in the host's
    /// server under the address that Telegram is given. None where the channel polls.
    pub fn webhook_router(&self) -> Option<axum::Router> {
        self.shared.gate.as_ref().map(WebhookGate::router)
    }

    /// A link by which a contact comes to the bot, and the bot learns the token. It has 1 to 64
    /// letters of A-Z, a-z, 0-9, `_` and `-`; none for another.
    ///
    /// That is too little for a campaign's names: store those beforehand under a short token.
    pub fn start_link(&self, token: &str) -> Option<String> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (1..=START_CHARS_MAX).contains(&token.len()) && token.bytes().all(is_letter);
        fits.then(|| format!("https://t.me/{}?start={token}", self.username()))
    }

    pub(crate) fn channel_id(&self) -> &ChannelId {
        &self.shared.id
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    fn error(&self, place: Option<&Place>, failure: &Failure) -> SendError {
        send_error(failure, place, &self.shared.id)
    }

    /// Performs a request; where its formatting is refused, once more without it. Refused is not
    /// done, so nothing arrives twice.
    async fn perform(&self, place: &Place, request: Request<'_>) -> Result<Box<RawValue>, Failed> {
        let failed = match self.deliver(&request).await {
            Err(Failed::Request(failure)) if is_bad_formatting(&failure) => failure,
            other => return other,
        };
        let Some(plain) = request.without_formatting() else {
            return Err(Failed::Request(failed));
        };
        tracing::warn!(
            channel = %self.shared.id,
            method = plain.method,
            in_group = place.is_group(),
            "Telegram refuses the formatting; the text goes out without it"
        );
        self.deliver(&plain).await
    }

    async fn deliver(&self, request: &Request<'_>) -> Result<Box<RawValue>, Failed> {
        let transport = &self.shared.transport;
        if request.files.is_empty() {
            let timeout = self.shared.config.request_timeout;
            let result = transport.call_within(request.method, &request.fields, timeout);
            return result.await.map_err(Failed::Request);
        }
        let mut uploads = Vec::with_capacity(request.files.len());
        for file in &request.files {
            let MediaFile { name, bytes } = self.read(file.media).await?;
            let given = file
                .media
                .name
                .as_ref()
                .map(|name| name.as_str().to_owned());
            uploads.push(Upload {
                field: file.field.clone(),
                file_name: given.unwrap_or(name),
                bytes,
            });
        }
        let result = transport.upload(request.method, &request.fields, uploads);
        result.await.map_err(Failed::Request)
    }

    /// A file of the host's that Telegram will take.
    async fn read(&self, media: &Media) -> Result<MediaFile, SendError> {
        let Some(store) = &self.shared.config.media else {
            return Err(SendError::new(
                SendErrorClass::Invalid,
                "a message names a file of the host's, and the channel was given no media store",
            ));
        };
        // A file that is known to be too large isn't read first.
        self.check_size(media, media.bytes.unwrap_or(0))?;
        let file = read_file(&**store, media).await?;
        self.check_size(media, file.bytes.len() as u64)?;
        Ok(file)
    }

    fn check_size(&self, media: &Media, bytes: u64) -> Result<(), SendError> {
        let kind = media.kind;
        let limits = self.shared.capabilities.media.get(&kind);
        match limits.and_then(|limits| limits.bytes_max) {
            Some(most) if bytes > most => Err(SendError::new(
                SendErrorClass::TooLarge,
                format!("a {kind} has at most {most} bytes on Telegram"),
            )),
            _ => Ok(()),
        }
    }

    /// Performs a request whose result says nothing more.
    async fn act_by(&self, place: &Place, request: Request<'_>) -> Result<(), Failed> {
        self.perform(place, request).await.map(drop)
    }

    /// Whether a message has media isn't always known here, so the other kind of edit is tried
    /// where Telegram says so.
    async fn edit(&self, place: &Place, id: &ExternalId, message: &Message) -> Result<(), Failed> {
        let is_caption = !message.media().is_empty();
        let request = outbound::edit(place, id, message, is_caption)?;
        let edited = match self.act_by(place, request).await {
            Err(Failed::Request(failure)) if is_of_other_kind(&failure) => {
                let request = outbound::edit(place, id, message, !is_caption)?;
                self.act_by(place, request).await
            }
            other => other,
        };
        match edited {
            Err(Failed::Request(failure)) if is_not_modified(&failure) => Ok(()),
            other => other,
        }
    }

    /// What failed, as core reads it; and a line in the log, without content.
    fn failed(&self, place: &Place, failed: Failed) -> SendError {
        let error = match failed {
            Failed::Request(failure) => self.error(Some(place), &failure),
            Failed::Before(error) => error,
        };
        tracing::debug!(
            channel = %self.shared.id,
            class = %error.class,
            in_group = place.is_group(),
            "not delivered"
        );
        error
    }
}

/// Why something wasn't done.
enum Failed {
    /// Telegram, or the way there.
    Request(Failure),
    /// It didn't come to a request.
    Before(SendError),
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        Self::Before(error)
    }
}

async fn read_file(store: &dyn MediaStore, media: &Media) -> Result<MediaFile, SendError> {
    let error = |class, detail: &str| Err(SendError::new(class, detail));
    match store.read(media.reference.as_str()).await {
        Ok(file) => Ok(file),
        Err(MediaError::NotFound) => error(SendErrorClass::Invalid, "there is no such file"),
        // What the host's store says may name the file.
        Err(_) => error(
            SendErrorClass::Transient { retry_after: None },
            "the file can't be read now",
        ),
    }
}

/// A token is a number, a colon and letters; a typing error is found before it is sent anywhere.
fn check_token(token: &Secret) -> Result<(), ConnectError> {
    let token = token.reveal();
    if token.is_empty() {
        return Err(ConnectError::MissingToken);
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_token = token.split_once(':').is_some_and(|(id, secret)| {
        (1..=19).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && !secret.is_empty()
            && secret.bytes().all(is_letter)
    });
    is_token.then_some(()).ok_or(ConnectError::BadToken)
}

fn connect_error(failure: &Failure) -> ConnectError {
    let detail = failure.detail();
    match failure {
        Failure::Refused(refusal) if matches!(refusal.code, 401 | 403 | 404) => {
            ConnectError::Refused
        }
        Failure::Refused(refusal) if refusal.code == 429 || refusal.code >= 500 => {
            ConnectError::Unreachable { detail }
        }
        Failure::NotSent { .. } | Failure::NoAnswer { .. } => ConnectError::Unreachable { detail },
        Failure::NotTelegram {
            status: 429 | 500..,
            ..
        } => ConnectError::Unreachable { detail },
        Failure::NotTelegram { .. } | Failure::Refused(_) => {
            ConnectError::UnexpectedAnswer { detail }
        }
    }
}

/// The ids of the messages that a send made.
fn receipt(result: &RawValue) -> Receipt {
    #[derive(Deserialize)]
    struct Sent {
        message_id: i64,
    }
    let one = |text| serde_json::from_str::<Sent>(text).map(|sent| vec![sent]);
    let sent = one(result.get()).or_else(|_| serde_json::from_str::<Vec<Sent>>(result.get()));
    // Telegram took it; ids that can't be read don't change that.
    let ids = sent.unwrap_or_default().into_iter();
    Receipt {
        ids: ids.map(|sent| sent.message_id.to_string().into()).collect(),
    }
}

/// Where the file is on Telegram's side.
#[derive(Deserialize)]
struct File {
    file_path: Option<String>,
    file_size: Option<u64>,
}

#[async_trait]
impl Channel for Telegram {
    fn id(&self) -> &ChannelId {
        &self.shared.id
    }

    fn name(&self) -> &str {
        &self.shared.name
    }

    fn capabilities(&self) -> &Capabilities {
        &self.shared.capabilities
    }

    fn pacing(&self, to: &Address) -> Pacing {
        // Topics of a forum share the limit of their group.
        let place = Place::parse(to.external_id());
        place.map_or_else(
            || Pacing {
                key: to.external_id().into(),
                is_group: false,
            },
            |place| Pacing {
                key: place.chat.to_string().into(),
                is_group: place.is_group(),
            },
        )
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        inbound::decode(raw, &self.shared.bot)
    }

    async fn send(&self, part: &Outbound<'_>) -> Result<Receipt, SendError> {
        let place = Place::of_address(part.to)?;
        let request = outbound::send(&place, part)?;
        match self.perform(&place, request).await {
            Ok(result) => Ok(receipt(&result)),
            Err(failed) => Err(self.failed(&place, failed)),
        }
    }

    async fn act(&self, to: &Address, action: &Action<'_>) -> Result<(), SendError> {
        let place = Place::of_address(to)?;
        let done = match action {
            Action::Typing => self.act_by(&place, outbound::typing(&place)?).await,
            Action::Edit { id, message } => self.edit(&place, id, message).await,
            Action::Delete { id } => {
                match self.act_by(&place, outbound::delete(&place, id)?).await {
                    Err(Failed::Request(failure)) if is_gone_already(&failure) => Ok(()),
                    other => other,
                }
            }
            Action::MarkRead { id } => self.act_by(&place, outbound::mark_read(&place, id)?).await,
            _ => Err(Failed::Before(SendError::new(
                SendErrorClass::Unsupported,
                "Telegram has no such action",
            ))),
        };
        done.map_err(|failed| self.failed(&place, failed))
    }

    async fn fetch(&self, media: &Media) -> Result<MediaFile, SendError> {
        let too_large = || {
            SendError::new(
                SendErrorClass::TooLarge,
                format!("Telegram hands out files of at most {DOWNLOAD_BYTES_MAX} bytes"),
            )
        };
        let gone = |detail: &str| SendError::new(SendErrorClass::Invalid, detail);
        let reference = media.reference.as_str();
        let Some(id) = reference.strip_prefix(FILE).filter(|id| !id.is_empty()) else {
            return Err(SendError::new(
                SendErrorClass::Unsupported,
                "the file is none of Telegram's",
            ));
        };
        let is_larger =
            |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes > DOWNLOAD_BYTES_MAX as u64);
        if is_larger(media.bytes) {
            return Err(too_large());
        }
        let transport = &self.shared.transport;
        let request = json!({ "file_id": id });
        let file: File = transport
            .call("getFile", &request)
            .await
            .map_err(|failure| self.unread(&failure))?;
        if is_larger(file.file_size) {
            return Err(too_large());
        }
        let path = file
            .file_path
            .ok_or_else(|| gone("Telegram gives no path to the file"))?;
        let bytes = match transport.download(&path, DOWNLOAD_BYTES_MAX).await {
            Ok(bytes) => bytes.ok_or_else(too_large)?,
            Err(Failure::NotTelegram { status: 404, .. }) => {
                return Err(gone("the file is no longer there"));
            }
            Err(failure) => return Err(self.unread(&failure)),
        };
        let name = match &media.name {
            Some(name) => name.as_str(),
            None => path.rsplit('/').next().unwrap_or_default(),
        };
        Ok(MediaFile {
            name: name.to_owned(),
            bytes,
        })
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        let shared = &self.shared;
        ingest::listen(
            &shared.id,
            ingest,
            &shared.transport,
            shared.gate.as_deref(),
            shared.config.poll_timeout,
        )
        .await
    }
}

impl Telegram {
    /// A failed reading. Whatever became of it, it changed nothing, so it may be tried again.
    fn unread(&self, failure: &Failure) -> SendError {
        let mut error = self.error(None, failure);
        if error.class == SendErrorClass::Ambiguous {
            error.class = SendErrorClass::Transient { retry_after: None };
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_number_a_colon_and_letters() {
        let check = |token: &str| check_token(&Secret::new(token));
        assert_eq!(check("123456:AAE-x_9"), Ok(()));
        assert_eq!(check(""), Err(ConnectError::MissingToken));
        for bad in [
            "abc", "123", "abc:def", "123:", ":abc", "123:a b", "123:a/b", "12 3:ab",
        ] {
            assert_eq!(check(bad), Err(ConnectError::BadToken), "{bad}");
        }
    }

    #[test]
    fn a_receipt_names_every_message() {
        let ids = |text: &str| {
            let result = RawValue::from_string(text.to_owned()).unwrap();
            let ids = receipt(&result).ids;
            ids.iter()
                .map(|id| id.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(r#"{"message_id":7}"#), ["7"]);
        assert_eq!(ids(r#"[{"message_id":7},{"message_id":8}]"#), ["7", "8"]);
        assert!(ids("true").is_empty());
    }
}
