use std::fmt;
use std::time::Duration;

/// How a [`FakeTelegram`](super::FakeTelegram) behaves.
///
/// The defaults are Telegram's rules with the waits of webhooks shortened to milliseconds.
#[derive(Clone)]
pub struct Settings {
    /// The bot's token: its id, a colon and at least 30 letters. Never shown by `Debug`.
    pub token: String,
    /// The bot's user name, without the at sign.
    pub username: String,
    /// The bot's first name.
    pub first_name: String,
    /// Which texts errors have.
    pub wordings: Wordings,
    /// Flood control; `None` lets everything pass.
    pub flood: Option<FloodLimits>,
    /// How long one second of a `getUpdates` time-out lasts. The clock of the server ends a wait
    /// too, when it is moved past it.
    pub poll_unit: Duration,
    /// Whether asking for the same offset again within three seconds is slowed down to three, as
    /// Telegram does against busy loops. Off, because tests do ask twice.
    pub slow_repeated_polls: bool,
    /// How long one second of the webhook's retry schedule lasts, `Retry-After` included.
    pub retry_unit: Duration,
    /// After how long a webhook that has not answered counts as failed.
    pub webhook_timeout: Duration,
    /// After how long [`FakeTelegram::wait_for`](super::FakeTelegram::wait_for) gives up.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: "7000001:AAfakefakefakefakefakefakefakefakefk".into(),
            username: "chatflow_test_bot".into(),
            first_name: "Chatflow".into(),
            wordings: Wordings::New,
            flood: None,
            poll_unit: Duration::from_secs(1),
            slow_repeated_polls: false,
            retry_unit: Duration::from_millis(10),
            webhook_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// The bot's id, which the token begins with.
    ///
    /// # Panics
    /// When the token does not have Telegram's form.
    pub fn bot_id(&self) -> i64 {
        assert!(
            is_token(&self.token),
            "a token is an id, a colon and at least 30 letters"
        );
        let (id, _) = self
            .token
            .split_once(':')
            .expect("the form was checked above");
        id.parse().expect("the form was checked above")
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("username", &self.username)
            .field("wordings", &self.wordings)
            .field("flood", &self.flood)
            .field("poll_unit", &self.poll_unit)
            .field("retry_unit", &self.retry_unit)
            .finish_non_exhaustive()
    }
}

/// Which edition of Telegram's error texts the server speaks.
///
/// The texts change without notice, and more than one is met at a time, so an adapter has to know
/// both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wordings {
    /// Texts of earlier years, which old servers and proxies still give.
    Old,
    /// The texts of the server's level 10.
    New,
}

/// How many messages pass before the server answers 429.
#[derive(Clone, Copy, Debug)]
pub struct FloodLimits {
    /// Messages a second to all chats together.
    pub per_second: u32,
    /// Messages a second to one chat.
    pub per_chat_per_second: u32,
    /// Messages a minute to one group, supergroup or channel.
    pub per_group_per_minute: u32,
    /// Which time the windows follow.
    pub time: FloodTime,
}

impl Default for FloodLimits {
    /// What Telegram's own page names: 30 a second, 1 a chat, 20 a minute and group.
    fn default() -> Self {
        Self {
            per_second: 30,
            per_chat_per_second: 1,
            per_group_per_minute: 20,
            time: FloodTime::Virtual,
        }
    }
}

/// Which time the windows of [`FloodLimits`] follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodTime {
    /// The server's own clock, which only moves when a test moves it.
    Virtual,
    /// The machine's clock, for a bot in another process.
    Real,
}

/// Whether a token has Telegram's form; one that hasn't is answered 404, not 401.
pub(crate) fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, secret)| {
        !id.is_empty()
            && id.len() <= 15
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && secret.len() >= 30
            && secret.len() <= 60
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}
