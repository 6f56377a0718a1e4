//! The layers that a workload runs on.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatflow_core::{
    Address, Chatflow, Config, ContactView, EffectBody, Engine, Event, Handled, Inbound,
    InboundBody, MemoryStore, Profile, Snapshot, Store, SystemClock, time,
};
use chatflow_store_sqlite::SqliteStore;
use futures::{StreamExt as _, stream};

use crate::counting::{Counted, CountingChannel};
use crate::funnel::{self, ROUNDS};

/// How many dialogs wait for their turns at once, where not one by one.
const AT_ONCE: usize = 64;

const CHANNEL: &str = "bench";

/// How much of the product a run goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Layer {
    /// The pure function alone, over snapshots kept in memory.
    Engine,
    /// A running engine over the memory store, 64 dialogs at once.
    Memory,
    /// A running engine over an SQLite file, 64 dialogs at once.
    Sqlite,
    /// The same, each message after the turn of the one before it is durable.
    SqliteOneByOne,
}

impl Layer {
    /// All layers.
    pub const ALL: [Self; 4] = [
        Self::Engine,
        Self::Memory,
        Self::Sqlite,
        Self::SqliteOneByOne,
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Engine => "engine",
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::SqliteOneByOne => "sqlite_one_by_one",
        })
    }
}

/// One run.
#[derive(Debug, Clone)]
pub struct Measured {
    /// From the first message to the last delivery's end.
    pub wall: Duration,
    /// What each contact was sent.
    pub counted: Vec<Counted>,
}

/// Runs the funnel once with this many contacts on a layer. Events are built and stores opened
/// before the clock starts.
///
/// # Errors
/// Where a turn is refused or a store fails.
pub fn measure(layer: Layer, contacts: usize) -> Result<Measured, Box<dyn Error>> {
    match layer {
        Layer::Engine => engine(contacts),
        Layer::Memory => running(Arc::new(MemoryStore::new()), contacts, AT_ONCE),
        Layer::Sqlite => sqlite(contacts, AT_ONCE),
        Layer::SqliteOneByOne => sqlite(contacts, 1),
    }
}

fn engine(contacts: usize) -> Result<Measured, Box<dyn Error>> {
    let config = funnel::bot()?.compile()?;
    let mut snapshots: Vec<_> = (0..contacts)
        .map(|contact| Some(open(&config, contact)))
        .collect();
    let rounds: Vec<Vec<_>> = (0..ROUNDS)
        .map(|round| {
            (0..contacts)
                .map(|contact| Event::message(round.to_string(), funnel::message(round, contact)))
                .collect()
        })
        .collect();
    let mut counted = vec![Counted::default(); contacts];
    let begun = Instant::now();
    for (round, events) in (0..).zip(&rounds) {
        let now = time::from_millis(1_000_000 + round * 1_000);
        for ((slot, event), counted) in snapshots.iter_mut().zip(events).zip(&mut counted) {
            let snapshot = slot.take().ok_or("a snapshot is lost")?;
            let transition = Engine::handle(&config, snapshot, event, now)?;
            for effect in &transition.effects {
                if let EffectBody::Send(message) = &effect.body {
                    counted.sends += 1;
                    counted.bytes += message.text().len() as u64;
                }
            }
            *slot = Some(transition.snapshot);
        }
    }
    let wall = begun.elapsed();
    Ok(Measured { wall, counted })
}

fn open(config: &Config, contact: usize) -> Snapshot {
    config.open(
        address(contact),
        ContactView::default(),
        time::from_millis(0),
    )
}

fn address(contact: usize) -> Address {
    Address::new(CHANNEL, contact.to_string())
}

fn sqlite(contacts: usize, at_once: usize) -> Result<Measured, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let store = SqliteStore::open(directory.path().join("funnel.db"))?;
    running(Arc::new(store), contacts, at_once)
}

/// The product's own path: a running engine, whose loop delivers while messages come in.
fn running(
    store: Arc<dyn Store>,
    contacts: usize,
    at_once: usize,
) -> Result<Measured, Box<dyn Error>> {
    let bot = funnel::bot()?;
    let channel = CountingChannel::new(CHANNEL, contacts);
    let rounds: Vec<Vec<_>> = (0..ROUNDS)
        .map(|round| {
            (0..contacts)
                .map(|contact| inbound(round, contact))
                .collect()
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let wall = runtime.block_on(async {
        let chatflow = Chatflow::builder_with(store, Arc::new(SystemClock))
            .bot(bot, channel.clone())
            .start()
            .await?;
        let begun = Instant::now();
        for round in rounds {
            let mut turns = stream::iter(round)
                .map(|inbound| chatflow.receive(inbound))
                .buffer_unordered(at_once);
            while let Some(handled) = turns.next().await {
                let Handled::Applied { .. } = handled? else {
                    return Err("a message made no turn".into());
                };
            }
        }
        chatflow.shutdown().await?;
        Ok::<_, Box<dyn Error>>(begun.elapsed())
    })?;
    let counted = channel.counted();
    Ok(Measured { wall, counted })
}

fn inbound(round: usize, contact: usize) -> Inbound {
    Inbound {
        key: round.to_string().into(),
        from: address(contact),
        profile: Profile::default(),
        body: InboundBody::Message(funnel::message(round, contact).into()),
    }
}
