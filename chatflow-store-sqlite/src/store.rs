//! [`SqliteStore`] and its side of the contract.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chatflow_core::{
    Address, Begun, BotId, BotRow, ChannelId, CommitError, Committed, ConfigHash, Contact,
    ContactId, Definition, DialogId, DialogSummary, Due, DueQuery, DueQueue, EffectId, EventKey,
    ExternalId, Filter, FlowId, FlowVersion, JournalTurn, LoadedDialog, MemberRow, Moment,
    Operator, OperatorId, OperatorRow, OutboxEntry, Queue, QueueId, QueueRow, RawBody,
    ReceiptState, Receipted, RefusedEvent, Revision, SessionRecord, Settlement, Source, SpaceId,
    Standing, StatusKind, Store, StoreError, StoredRefusal, StoredUnclaimed, TranscriptLine,
    TurnCommit, Unclaimed, codec,
};

use crate::config::SqliteConfig;
use crate::error::{Failure, OpenError};
use crate::lock::{WriterLock, canonical};
use crate::reader::Readers;
use crate::rows::TurnRows;
use crate::turn::Stopped;
use crate::verify::Verified;
use crate::writer::Writer;
use crate::{
    bot, connect, delivery, due, external, filter, people, query, report, revival, transcript,
    turn, verify,
};

/// A store in one SQLite file. Clones share it; dropping the last one does what is queued, moves
/// the write-ahead log into the file and closes it. That drop waits for the disk.
#[derive(Clone)]
pub struct SqliteStore(Arc<Open>);

/// In the order of closing: the readers first, so that the writer is the last to close the file,
/// and only then the lock.
struct Open {
    readers: Readers,
    writer: Option<Writer>,
    _lock: Option<WriterLock>,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the store at `path` for reading and writing; makes the file if it isn't there and
    /// brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the file and what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(SqliteConfig::new(path))
    }

    /// [`open`](Self::open) with a choice of settings.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(config: SqliteConfig) -> Result<Self, OpenError> {
        let path = canonical(&config.path)?;
        let lock = WriterLock::take(&path)?;
        let connection = match connect::writing(&path, &config) {
            Ok(connection) => connection,
            Err(error) => {
                lock.give_back();
                return Err(error);
            }
        };
        let readers = readers(&path, config.readers)?;
        let writer = Writer::start(connection, &config).map_err(|error| no_thread(&path, error))?;
        tracing::debug!(path = %path.display(), "store opened");
        Ok(Self(Arc::new(Open {
            readers,
            writer: Some(writer),
            _lock: Some(lock),
            path,
        })))
    }

    /// Opens the store at `path` for reading only, also beside a running writer: takes no lock
    /// and changes nothing. Calls that write answer [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// As [`open`](Self::open); a missing file and an older schema are errors here.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let config = SqliteConfig::new(path);
        let path = canonical(&config.path)?;
        connect::must_exist(&path)?;
        let readers = readers(&path, config.readers)?;
        Ok(Self(Arc::new(Open {
            readers,
            writer: None,
            _lock: None,
            path,
        })))
    }

    /// Compares what stands in the file in two places: loads and counters with the dialogs that
    /// they count, open sessions and columns with the snapshots. Reads every dialog.
    ///
    /// # Errors
    /// [`StoreError`] where the file can't be read; what doesn't agree is no error but the answer.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        self.0.readers.read(verify::verify).await
    }

    /// The file, as a canonical path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.0.writer.as_ref().ok_or(StoreError::ReadOnly)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.0.path)
            .field("read_only", &self.0.writer.is_none())
            .finish()
    }
}

fn readers(path: &Path, count: usize) -> Result<Readers, OpenError> {
    let connections = (0..count)
        .map(|_| connect::reading(path))
        .collect::<Result<Vec<_>, _>>()?;
    Readers::start(connections).map_err(|error| no_thread(path, error))
}

fn no_thread(path: &Path, error: std::io::Error) -> OpenError {
    OpenError::Backend {
        path: path.to_owned(),
        source: error.into(),
    }
}

impl From<Stopped> for CommitError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Conflict(found) => Self::Conflict { found },
            Stopped::Full(operator) => Self::Full { operator },
            Stopped::Outdated => Self::Outdated,
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn put_definitions(&self, definitions: &[Definition]) -> Result<(), StoreError> {
        let definitions = definitions.to_vec();
        let weight = definitions
            .iter()
            .map(|definition| definition.body.len())
            .sum();
        let work = move |connection: &_| turn::put_definitions(connection, &definitions);
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn definition(&self, hash: ConfigHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::definition(connection, hash))
            .await
    }

    async fn find_dialog(
        &self,
        bot: &BotId,
        address: &Address,
    ) -> Result<Option<DialogId>, StoreError> {
        let (bot, address) = (bot.clone(), address.clone());
        self.0
            .readers
            .read(move |connection| query::find_dialog(connection, &bot, &address))
            .await
    }

    async fn load(&self, dialog: DialogId) -> Result<Option<LoadedDialog>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::load(connection, dialog))
            .await
    }

    async fn is_handled(&self, dialog: DialogId, key: &EventKey) -> Result<bool, StoreError> {
        let key = key.clone();
        self.0
            .readers
            .read(move |connection| turn::is_seen(connection, dialog, key.as_str()))
            .await
    }

    async fn contact(&self, contact: ContactId) -> Result<Option<Contact>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::contact(connection, contact))
            .await
    }

    async fn save_contact(&self, contact: &Contact, expected: Revision) -> Result<(), CommitError> {
        let contact = contact.clone();
        let work = move |connection: &_| turn::save_contact(connection, &contact, expected);
        Ok(self.writer()?.write(SMALL, work).await??)
    }

    async fn commit(&self, turn: TurnCommit) -> Result<Committed, CommitError> {
        let writer = self.writer()?;
        let rows = TurnRows::new(turn).map_err(StoreError::from)?;
        let weight = rows.weight();
        let work = move |connection: &_| turn::commit(connection, &rows);
        Ok(writer.write(weight, work).await??)
    }

    async fn refuse(&self, refused: RefusedEvent) -> Result<Committed, CommitError> {
        let raw = refused.raw.as_ref();
        let weight = refused.event.len() + raw.map_or(0, |raw| raw.as_bytes().len());
        let work = move |connection: &_| turn::refuse(connection, &refused);
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn keep_unclaimed(&self, unclaimed: Unclaimed) -> Result<Committed, CommitError> {
        let weight = unclaimed.raw.as_bytes().len();
        let work = move |connection: &_| report::keep_unclaimed(connection, &unclaimed);
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn unclaimed(
        &self,
        channel: &ChannelId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredUnclaimed>, StoreError> {
        let channel = channel.clone();
        self.0
            .readers
            .read(move |connection| report::unclaimed(connection, &channel, after, limit))
            .await
    }

    async fn raw(&self, dialog: DialogId, key: &EventKey) -> Result<Option<RawBody>, StoreError> {
        let key = key.clone();
        self.0
            .readers
            .read(move |connection| report::raw(connection, dialog, &key))
            .await
    }

    async fn due(&self, query: &DueQuery) -> Result<Due, StoreError> {
        let query = query.clone();
        self.0
            .readers
            .read(move |connection| due::due(connection, &query))
            .await
    }

    async fn begin_delivery(&self, effect: EffectId, now: Moment) -> Result<Begun, StoreError> {
        let work = move |connection: &_| delivery::begin(connection, effect, now);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let weight = settlements.len() * SMALL;
        let work = move |connection: &_| -> Result<(), Failure> {
            settlements
                .iter()
                .try_for_each(|settlement| delivery::settle(connection, settlement))
        };
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn recover(&self, now: Moment) -> Result<u64, StoreError> {
        let work = move |connection: &_| delivery::recover(connection, now);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn put_off(&self, entries: &[(EffectId, Moment)]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        let weight = entries.len() * SMALL;
        let work = move |connection: &_| -> Result<(), Failure> {
            let mut entries = entries.iter();
            entries.try_for_each(|(effect, due)| delivery::put_off(connection, *effect, *due))
        };
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn revive(&self, effect: EffectId, now: Moment) -> Result<bool, StoreError> {
        let work = move |connection: &_| revival::revive(connection, effect, now);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn mark(
        &self,
        dialog: DialogId,
        of: &Receipted,
        state: ReceiptState,
    ) -> Result<Vec<EffectId>, StoreError> {
        let of = of.clone();
        let work = move |connection: &_| external::mark(connection, dialog, &of, state);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn find_message(
        &self,
        dialog: DialogId,
        id: &ExternalId,
    ) -> Result<Option<EffectId>, StoreError> {
        let id = id.clone();
        self.0
            .readers
            .read(move |connection| external::find_message(connection, dialog, &id))
            .await
    }

    async fn put_source(
        &self,
        bot: &BotId,
        token: &str,
        source: &Source,
    ) -> Result<(), StoreError> {
        let (bot, token) = (bot.clone(), token.to_owned());
        let body = codec::encode(source).map_err(Failure::from)?;
        let weight = body.len();
        let work = move |connection: &_| report::put_source(connection, &bot, &token, &body);
        Ok(self.writer()?.write(weight, work).await?)
    }

    async fn source(&self, bot: &BotId, token: &str) -> Result<Option<Source>, StoreError> {
        let (bot, token) = (bot.clone(), token.to_owned());
        self.0
            .readers
            .read(move |connection| report::source(connection, &bot, &token))
            .await
    }

    async fn dialogs(
        &self,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::dialogs(connection, after, limit))
            .await
    }

    async fn dialogs_of(
        &self,
        contact: ContactId,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::dialogs_of(connection, contact, after, limit))
            .await
    }

    async fn standing(&self, bot: &BotId) -> Result<Vec<Standing>, StoreError> {
        let bot = bot.clone();
        self.0
            .readers
            .read(move |connection| query::standing(connection, &bot))
            .await
    }

    async fn dialogs_at(
        &self,
        bot: &BotId,
        flow: &FlowId,
        version: FlowVersion,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let (bot, flow) = (bot.clone(), flow.clone());
        self.0
            .readers
            .read(move |connection| {
                query::dialogs_at(connection, (&bot, &flow, version), after, limit)
            })
            .await
    }

    async fn journal(
        &self,
        dialog: DialogId,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<JournalTurn>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::journal(connection, dialog, after, limit))
            .await
    }

    async fn refusals(
        &self,
        dialog: DialogId,
        limit: usize,
    ) -> Result<Vec<StoredRefusal>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::refusals(connection, dialog, limit))
            .await
    }

    async fn transcript(
        &self,
        dialog: DialogId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        self.0
            .readers
            .read(move |connection| transcript::transcript(connection, dialog, after, limit))
            .await
    }

    async fn operator(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<OperatorRow>, StoreError> {
        let (space, id) = (space.clone(), operator.clone());
        self.0
            .readers
            .read(move |connection| people::operator(connection, &space, &id))
            .await
    }

    async fn operators(
        &self,
        space: &SpaceId,
        after: Option<&OperatorId>,
        limit: usize,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        let (space, after) = (space.clone(), after.cloned());
        self.0
            .readers
            .read(move |connection| people::operators(connection, &space, after.as_ref(), limit))
            .await
    }

    async fn save_operator(
        &self,
        operator: &Operator,
        expected: Revision,
    ) -> Result<(), CommitError> {
        let operator = operator.clone();
        let work = move |connection: &_| people::save_operator(connection, &operator, expected);
        Ok(self.writer()?.write(SMALL, work).await??)
    }

    async fn queue(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Option<QueueRow>, StoreError> {
        let (space, id) = (space.clone(), queue.clone());
        self.0
            .readers
            .read(move |connection| people::queue(connection, &space, &id))
            .await
    }

    async fn queues(
        &self,
        space: &SpaceId,
        after: Option<&QueueId>,
        limit: usize,
    ) -> Result<Vec<QueueRow>, StoreError> {
        let (space, after) = (space.clone(), after.cloned());
        self.0
            .readers
            .read(move |connection| people::queues(connection, &space, after.as_ref(), limit))
            .await
    }

    async fn save_queue(&self, queue: &Queue, expected: Revision) -> Result<(), CommitError> {
        let queue = queue.clone();
        let weight = SMALL * (1 + queue.members.len());
        let work = move |connection: &_| people::save_queue(connection, &queue, expected);
        Ok(self.writer()?.write(weight, work).await??)
    }

    async fn members(
        &self,
        space: &SpaceId,
        queue: &QueueId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let (space, id) = (space.clone(), queue.clone());
        self.0
            .readers
            .read(move |connection| people::members(connection, &space, &id))
            .await
    }

    async fn waiting(
        &self,
        space: &SpaceId,
        queue: &QueueId,
        after: Option<(Moment, DialogId)>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let (space, id) = (space.clone(), queue.clone());
        self.0
            .readers
            .read(move |connection| people::waiting(connection, (&space, &id), after, limit))
            .await
    }

    async fn distributed(&self, queue: &DueQueue) -> Result<(), StoreError> {
        let queue = queue.clone();
        let work = move |connection: &_| people::distributed(connection, &queue);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<DialogId>,
        limit: usize,
    ) -> Result<Vec<DialogSummary>, StoreError> {
        let filter = filter.clone();
        self.0
            .readers
            .read(move |connection| filter::list(connection, &filter, after, limit))
            .await
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        self.0
            .readers
            .read(move |connection| filter::count(connection, &filter))
            .await
    }

    async fn sessions(
        &self,
        dialog: DialogId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.0
            .readers
            .read(move |connection| people::sessions(connection, dialog, after, limit))
            .await
    }

    async fn outbox(&self, dialog: DialogId) -> Result<Vec<OutboxEntry>, StoreError> {
        self.0
            .readers
            .read(move |connection| query::outbox(connection, dialog))
            .await
    }

    async fn bot(&self, bot: &BotId) -> Result<BotRow, StoreError> {
        let id = bot.clone();
        self.0
            .readers
            .read(move |connection| bot::row(connection, id))
            .await
    }

    async fn pause(&self, bot: &BotId, since: Option<Moment>) -> Result<bool, StoreError> {
        let id = bot.clone();
        let work = move |connection: &_| bot::pause(connection, &id, since);
        Ok(self.writer()?.write(SMALL, work).await?)
    }

    async fn counters(&self, bot: &BotId) -> Result<Vec<(StatusKind, u64)>, StoreError> {
        let bot = bot.clone();
        self.0
            .readers
            .read(move |connection| query::counters(connection, &bot))
            .await
    }
}

/// The weight of a call that writes a row or two, in bytes.
const SMALL: usize = 256;
