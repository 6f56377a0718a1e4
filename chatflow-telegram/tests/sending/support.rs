use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chatflow_core::{
    Address, Channel, DialogId, EffectId, ExternalId, MediaError, MediaFile, MediaStore, Message,
    Outbound, Receipt, SendError,
};
use chatflow_telegram::testing::{FakeTelegram, Settings};
use chatflow_telegram::{Telegram, TelegramConfig};
use serde_json::Value;

/// A contact who has started the bot.
pub(crate) const ANNA: i64 = 5_000_001;

/// The fake server, and a channel on it.
pub(crate) struct Stage {
    pub(crate) fake: FakeTelegram,
    pub(crate) telegram: Telegram,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|config| config).await
    }

    pub(crate) async fn with(change: impl FnOnce(TelegramConfig) -> TelegramConfig) -> Self {
        let fake = FakeTelegram::start(Settings::default()).await;
        fake.start_chat(ANNA);
        let telegram = Telegram::connect(change(config(&fake))).await.unwrap();
        fake.take_requests();
        Self { fake, telegram }
    }

    /// With these files in the host's store.
    pub(crate) async fn with_files(
        files: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    ) -> Self {
        let files = files.into_iter().collect();
        Self::with(|config| config.media(Arc::new(Shelf(files)))).await
    }

    pub(crate) fn address(&self, id: impl ToString) -> Address {
        Address::new(self.telegram.id().clone(), id.to_string())
    }

    pub(crate) async fn send(
        &self,
        to: impl ToString,
        message: &Message,
    ) -> Result<Receipt, SendError> {
        self.reply(to, message, None).await
    }

    pub(crate) async fn reply(
        &self,
        to: impl ToString,
        message: &Message,
        quotes: Option<&ExternalId>,
    ) -> Result<Receipt, SendError> {
        let to = self.address(to);
        let part = Outbound {
            to: &to,
            message,
            quotes,
            key: key(),
            part: 0,
            attempt: 1,
        };
        self.telegram.send(&part).await
    }

    /// The last message that the bot has in a chat.
    pub(crate) fn last(&self, chat: i64) -> Value {
        self.fake.sent_to(chat).pop().expect("something was sent")
    }
}

pub(crate) fn config(fake: &FakeTelegram) -> TelegramConfig {
    TelegramConfig::new(fake.token()).api_url(fake.url())
}

pub(crate) fn key() -> EffectId {
    EffectId {
        dialog: DialogId::from_bytes([7; 16]),
        turn: 1,
        n: 1,
    }
}

/// The host's files. One that begins with `away` can't be read now.
struct Shelf(BTreeMap<&'static str, Vec<u8>>);

#[async_trait]
impl MediaStore for Shelf {
    async fn read(&self, reference: &str) -> Result<MediaFile, MediaError> {
        if reference.starts_with("away") {
            return Err(MediaError::Unavailable {
                source: "the shelf is away".into(),
            });
        }
        let bytes = self.0.get(reference).ok_or(MediaError::NotFound)?;
        Ok(MediaFile {
            name: reference.to_owned(),
            bytes: bytes.clone(),
        })
    }
}
