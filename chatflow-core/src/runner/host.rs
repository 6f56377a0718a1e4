//! What a host does beside flows: shows that somebody writes, sends what was lost again, names
//! channels, makes start links.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::channel::{Action, Capabilities, Channel, MessageAction, SendError, SendErrorClass};
use crate::dialog::{Address, BotId, ChannelId, DialogId, EffectId, ExternalId, Source, time};
use crate::runner::worker::decode;
use crate::runner::{HandleError, Worker};
use crate::store::{BotRow, StoreError, TranscriptLine};

/// A channel as a host's lists show it.
#[derive(Debug, Clone, Copy)]
pub struct ChannelInfo<'a> {
    /// The channel account: part of every stored address, so it never changes.
    pub id: &'a ChannelId,
    /// What people call it now.
    pub name: &'a str,
    /// The bot that talks on it.
    pub bot: &'a BotId,
    /// What it can do.
    pub capabilities: &'a Capabilities,
}

/// Why a source can't be put behind a start link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartLinkError {
    /// There is nothing in it.
    #[error("the source is empty; name at least one of its parts")]
    Empty,
    /// It is larger than a contact may keep.
    #[error("the source has {bytes} bytes, more than {}", Source::BYTES_MAX)]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Worker {
    /// Its channels, in the order of their ids.
    pub fn channels(&self) -> impl Iterator<Item = ChannelInfo<'_>> {
        self.lines.iter().map(|(id, line)| ChannelInfo {
            id,
            name: line.channel.name(),
            bot: &line.bot,
            capabilities: line.channel.capabilities(),
        })
    }

    /// What people call the channel of an address now; none where it is not one of this
    /// program's.
    pub fn channel_name(&self, address: &Address) -> Option<&str> {
        Some(self.lines.get(&address.channel)?.channel.name())
    }

    /// Pauses a bot: nothing automatic begins from now on. Its dialogs keep their places, what
    /// contacts write is kept for the flows, timers and what automation has decided are held, and
    /// people go on writing. What is on its way to a channel isn't stopped; what is being asked
    /// outside is asked again after the pause. Says whether that changed anything.
    ///
    /// # Errors
    /// [`HandleError::NoSuchBot`], and where the store fails.
    pub async fn pause_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.config(bot)?;
        let since = time::whole_milliseconds(self.clock.now());
        Ok(self.store.pause(bot, Some(since)).await?)
    }

    /// Ends a bot's pause: what was held goes on at once, each thing once. Says whether that
    /// changed anything.
    ///
    /// # Errors
    /// See [`pause_bot`](Worker::pause_bot).
    pub async fn resume_bot(&self, bot: &BotId) -> Result<bool, HandleError> {
        self.config(bot)?;
        let _wake = self.wake.on_drop();
        Ok(self.store.pause(bot, None).await?)
    }

    /// What is true of a bot beside its settings: whether it is paused, and what its models have
    /// used.
    ///
    /// # Errors
    /// See [`pause_bot`](Worker::pause_bot).
    pub async fn bot_row(&self, bot: &BotId) -> Result<BotRow, HandleError> {
        self.config(bot)?;
        Ok(self.store.bot(bot).await?)
    }

    /// Shows the contact for a few seconds that a message is being written. Neither journal nor
    /// status change; call it again for as long as it is true.
    ///
    /// # Errors
    /// [`HandleError`]; [`HandleError::Channel`] of the class `Unsupported` where the channel has
    /// no such thing.
    pub async fn show_typing(&self, dialog: DialogId) -> Result<(), HandleError> {
        let (address, channel) = self.place(dialog).await?;
        if !channel.capabilities().typing {
            let detail = "the channel doesn't show who writes";
            return Err(SendError::new(SendErrorClass::Unsupported, detail).into());
        }
        let typing = Action::Typing;
        let shown = channel.act(&address, &typing);
        Ok(self.at_channel(shown, Duration::ZERO).await?)
    }

    /// Shows the contact that we have read up to one of his messages.
    ///
    /// # Errors
    /// [`HandleError::Unsupported`] where the channel has no such thing, and others.
    pub async fn mark_read(&self, dialog: DialogId, message: EffectId) -> Result<(), HandleError> {
        let (address, channel) = self.can_act(dialog, MessageAction::MarkRead).await?;
        let id = self.external_id(dialog, message).await?;
        let read = Action::MarkRead { id: &id };
        let shown = channel.act(&address, &read);
        Ok(self.at_channel(shown, Duration::ZERO).await?)
    }

    /// Sends a message again that was given up, under its old key and in its old place: what of
    /// it has arrived is not sent twice. Says whether it did: a message in any other state is
    /// left alone, so asking twice sends once.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn resend(&self, message: EffectId) -> Result<bool, StoreError> {
        let _wake = self.wake.on_drop();
        self.store.revive(message, self.clock.now()).await
    }

    /// Keeps a source and gives the token of the start link that leads to it: 16 letters, digits,
    /// `-` and `_`, so that it fits every channel's link. The same source has the same token.
    ///
    /// # Errors
    /// [`StartLinkError`]
    pub async fn start_token(
        &self,
        bot: &BotId,
        source: &Source,
    ) -> Result<String, StartLinkError> {
        let bytes = source.weight();
        if bytes == 0 {
            return Err(StartLinkError::Empty);
        }
        if bytes > Source::BYTES_MAX {
            return Err(StartLinkError::TooLarge { bytes });
        }
        let token = token(source);
        self.store.put_source(bot, &token, source).await?;
        Ok(token)
    }

    /// Where the dialog is reached, if its channel can do this to a message.
    pub(crate) async fn can_act(
        &self,
        dialog: DialogId,
        action: MessageAction,
    ) -> Result<(Address, &dyn Channel), HandleError> {
        let (address, channel) = self.place(dialog).await?;
        if channel.capabilities().actions().contains(&action) {
            return Ok((address, channel));
        }
        let channel = channel.id().clone();
        Err(HandleError::Unsupported { channel, action })
    }

    /// Where a dialog is reached.
    async fn place(&self, dialog: DialogId) -> Result<(Address, &dyn Channel), HandleError> {
        let loaded = self.store.load(dialog).await?;
        let loaded = loaded.ok_or(HandleError::NoSuchDialog { dialog })?;
        let address = decode(dialog, &loaded)?.address;
        let channel = &*self.line(&address)?.channel;
        Ok((address, channel))
    }

    /// The channel's own id of a line of the transcript.
    async fn external_id(
        &self,
        dialog: DialogId,
        message: EffectId,
    ) -> Result<ExternalId, HandleError> {
        let line = match message.dialog == dialog {
            true => self.line_of(message).await?,
            false => None,
        };
        let id = line.and_then(|line| line.ids.into_iter().next());
        id.ok_or(HandleError::Malformed {
            reason: "the dialog has no such message that the channel knows",
        })
    }

    /// One line of a transcript.
    pub(crate) async fn line_of(
        &self,
        message: EffectId,
    ) -> Result<Option<TranscriptLine>, StoreError> {
        let before = match message.n.checked_sub(1) {
            Some(n) => EffectId { n, ..message },
            None => EffectId {
                turn: message.turn.saturating_sub(1),
                n: u32::MAX,
                ..message
            },
        };
        let lines = self
            .store
            .transcript(message.dialog, Some(before), 1)
            .await?;
        Ok(lines.into_iter().find(|line| line.record.id == message))
    }
}

/// The token of a source: 96 bits of its hash, which no two sources of one bot share by chance.
fn token(source: &Source) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut hasher = Sha256::new();
    for (name, text) in source.parts() {
        // Lengths keep `a` + `bc` and `ab` + `c` apart.
        for part in [name, text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let digest = hasher.finalize();
    let letters = digest.chunks_exact(3).take(4).flat_map(|bytes| {
        let bits = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
        [18, 12, 6, 0].map(|shift| LETTERS[(bits >> shift & 63) as usize])
    });
    letters.map(char::from).collect()
}
