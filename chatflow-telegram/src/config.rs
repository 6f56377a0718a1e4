//! What a Telegram channel is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::MediaStore;

use crate::ingest::WebhookConfig;

/// How long Telegram may hold a poll that has nothing to say; it allows 50 seconds at most.
const POLL_TIMEOUT: Duration = Duration::from_secs(25);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The settings of a Telegram channel. `Debug` shows no secret.
///
/// ```
/// use chatflow_telegram::TelegramConfig;
///
/// let token = "7000001:the-token-from-BotFather";
/// let config = TelegramConfig::new(token).name("Sales");
/// assert!(!format!("{config:?}").contains("BotFather"));
/// ```
pub struct TelegramConfig {
    pub(crate) token: Secret,
    pub(crate) name: Option<String>,
    pub(crate) api_url: String,
    pub(crate) binding: Binding,
    pub(crate) media: Option<Arc<dyn MediaStore>>,
    pub(crate) poll_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) upload_timeout: Duration,
    pub(crate) webhook: Option<WebhookConfig>,
}

/// In whose name the bot writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Binding {
    /// In its own.
    #[default]
    Bot,
    /// In the name of the business accounts that are connected to it.
    Business,
}

impl TelegramConfig {
    /// A channel for the bot with this token, which BotFather gives. Blanks and line breaks
    /// around it, as files tend to have, don't matter.
    pub fn new(token: impl Into<String>) -> Self {
        Self {
            token: Secret::new(token.into().trim()),
            name: None,
            api_url: "https://api.telegram.org".to_owned(),
            binding: Binding::Bot,
            media: None,
            poll_timeout: POLL_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            upload_timeout: UPLOAD_TIMEOUT,
            webhook: None,
        }
    }

    /// Sets what people call the channel; the bot's own user name unless set.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets where the Bot API is, for a server of one's own or a test.
    #[must_use]
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// Sets in whose name the bot writes.
    #[must_use]
    pub fn binding(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// Sets where the files are that flows and operators name. Without it only files that
    /// Telegram has already, and web addresses, can be sent.
    #[must_use]
    pub fn media(mut self, store: Arc<dyn MediaStore>) -> Self {
        self.media = Some(store);
        self
    }

    /// Receives by a webhook instead of polling. The host mounts
    /// [`webhook_router`](crate::Telegram::webhook_router).
    #[must_use]
    pub fn webhook(mut self, webhook: WebhookConfig) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// Sets how long Telegram may hold a poll that has nothing to say: 25 seconds unless set,
    /// at most 50.
    #[must_use]
    pub fn poll_timeout(mut self, timeout: Duration) -> Self {
        self.poll_timeout = timeout.min(Duration::from_secs(50));
        self
    }

    /// Sets how long an answer may take before its outcome counts as unknown: 15 seconds
    /// unless set.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// The same for a request that carries files, and for files from Telegram: 5 minutes unless
    /// set.
    #[must_use]
    pub fn upload_timeout(mut self, timeout: Duration) -> Self {
        self.upload_timeout = timeout;
        self
    }
}

impl fmt::Debug for TelegramConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password, so it isn't shown either.
        f.debug_struct("TelegramConfig")
            .field("token", &self.token)
            .field("name", &self.name)
            .field("binding", &self.binding)
            .field("poll_timeout", &self.poll_timeout)
            .finish_non_exhaustive()
    }
}

/// A text that must not be seen. There is no `Display`; `Debug` shows nothing of it.
#[derive(Clone)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the one place that has to send it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Cuts the secret out of a text of others, whole and, for a token, its second half.
    pub(crate) fn cut_from(&self, text: &str) -> String {
        let half = self.0.split_once(':').map(|(_, half)| half);
        let parts = [Some(&*self.0), half];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        parts.fold(text.to_owned(), |text, part| text.replace(part, "…"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_cut_out_whole_and_by_its_half() {
        let token = Secret::new("123:abcdef");
        assert_eq!(
            token.cut_from("bot123:abcdef, also abcdef."),
            "bot…, also …."
        );
        assert_eq!(Secret::new("").cut_from("text"), "text");
    }

    #[test]
    fn debug_shows_neither_token_nor_address() {
        let config = TelegramConfig::new("123:abcdef").api_url("http://me:password@host");
        let shown = format!("{config:?} {:?}", config.token);
        assert!(!shown.contains("abcdef") && !shown.contains("password"));
    }

    #[test]
    fn blanks_around_a_token_do_not_matter() {
        assert_eq!(TelegramConfig::new(" 1:a\n").token.reveal(), "1:a");
    }
}
