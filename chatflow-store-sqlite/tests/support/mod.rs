//! What the tests share: a file in a directory of its own, and turns made by the real engine.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::path::{Path, PathBuf};

use chatflow_core::{
    Address, Ask, Bot, BotId, Contact, ContactBlock, ContactId, ContactView, DialogId, DueQuery,
    Effect, EffectId, Engine, Event, ExternalId, FailureReason, FlowBuilder, Moment, Opened,
    OperatorAct, Profile, SendLane, Snapshot, Store, TurnCommit, time,
};
use chatflow_core::{Begun, Delivery, Settled, Settlement};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;
use tempfile::TempDir;

/// A store in a directory that goes with it.
pub struct Home {
    directory: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("chatflow.db")
    }

    pub fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }
}

pub fn at(seconds: i64) -> Moment {
    time::from_millis(seconds * 1000)
}

/// Our block of a contact.
pub fn block() -> ContactBlock {
    ContactBlock {
        by: "olga".into(),
        since: at(1),
    }
}

/// A dialog as a runner would keep it: the snapshot, and turns made from it.
pub struct Talk {
    config: chatflow_core::Config,
    pub address: Address,
    pub contact: Contact,
    pub snapshot: Snapshot,
    opened: Option<Opened>,
}

impl Talk {
    /// The dialog of a bot that asks twice, before its first turn.
    pub fn new(external_id: &str) -> Self {
        let flow = FlowBuilder::new("hello", 1)
            .step("name", Ask::text("Your name?"))
            .step("city", Ask::text("Your city?"))
            .build()
            .unwrap();
        let config = Bot::new("shop", flow).compile().unwrap();
        let address = Address::new("terminal", external_id);
        let space = config.settings().space.clone();
        let contact_id = ContactId::derive(&space, &address);
        let contact = Contact::new(contact_id, space, &Profile::default());
        let snapshot = config.open(address.clone(), contact.view.clone(), at(0));
        let opened = Some(Opened {
            address: address.clone(),
            contact: contact.clone(),
        });
        Self {
            config,
            address,
            contact,
            snapshot,
            opened,
        }
    }

    /// The dialog of another address of a contact that there is.
    pub fn of(contact: &Contact, external_id: &str) -> Self {
        let mut talk = Self::new(external_id);
        talk.contact = contact.clone();
        talk.snapshot.contact_id = contact.id;
        if let Some(opened) = &mut talk.opened {
            opened.contact = contact.clone();
        }
        talk
    }

    pub fn id(&self) -> DialogId {
        self.snapshot.dialog
    }

    pub fn bot(&self) -> &BotId {
        self.config.bot()
    }

    pub fn config(&self) -> &chatflow_core::Config {
        &self.config
    }

    pub fn view(&self) -> &ContactView {
        &self.contact.view
    }

    pub fn effect(&self, turn: u64, n: u32) -> EffectId {
        EffectId {
            dialog: self.id(),
            turn,
            n,
        }
    }

    /// Whether the engine accepts an event.
    pub fn can(&self, event: &Event, now: Moment) -> bool {
        Engine::handle(&self.config, self.snapshot.clone(), event, now).is_ok()
    }

    /// The turn of an event; the talk goes on from it.
    pub fn turn(&mut self, event: &Event, now: Moment) -> TurnCommit {
        let transition = Engine::handle(&self.config, self.snapshot.clone(), event, now).unwrap();
        self.snapshot = transition.snapshot.clone();
        TurnCommit::new(transition, event.key.clone(), self.opened.take(), None, now).unwrap()
    }

    pub fn message(&mut self, key: &str, now: Moment) -> TurnCommit {
        self.turn(&Event::message(key, "hi"), now)
    }

    pub fn reply(&mut self, key: &str, now: Moment) -> TurnCommit {
        self.turn(
            &Event::operator(key, "olga", OperatorAct::Reply("hello".into())),
            now,
        )
    }
}

/// Commits and expects that it was applied; gives what it cancelled.
pub fn apply(store: &SqliteStore, turn: TurnCommit) -> Vec<EffectId> {
    match block_on(store.commit(turn)).unwrap() {
        chatflow_core::Committed::Applied { cancelled, .. } => cancelled,
        other => panic!("{other:?}"),
    }
}

/// Begins a delivery that must start.
pub fn begin(store: &SqliteStore, effect: EffectId, now: Moment) -> Box<Delivery> {
    match block_on(store.begin_delivery(effect, now)).unwrap() {
        Begun::Started(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

pub fn settle(store: &SqliteStore, effect: EffectId, attempt: u32, settled: Settled) {
    block_on(store.settle(vec![Settlement {
        effect,
        attempt,
        settled,
        at: at(1),
    }]))
    .unwrap();
}

pub fn sent() -> Settled {
    Settled::Sent {
        ids: vec![ExternalId::new("7")],
    }
}

pub fn dead() -> Settled {
    Settled::Dead {
        reason: FailureReason::Transient,
    }
}

/// Tried again, not before this moment.
pub fn retry_at(due: Moment) -> Settled {
    Settled::Retry { due, counted: true }
}

/// The entries that can be begun, at most so many of each place.
pub fn listed(store: &SqliteStore, now: Moment, limit: usize) -> Vec<EffectId> {
    let due = block_on(store.due(&DueQuery::new(now, limit))).unwrap();
    let deliveries = due.deliveries.iter();
    deliveries.map(|delivery| delivery.effect).collect()
}

/// When to ask again what is due.
pub fn next(store: &SqliteStore, now: Moment) -> Option<Moment> {
    block_on(store.due(&DueQuery::new(now, 10))).unwrap().next
}

/// Another effect of the same turn, with a body of its own.
pub fn add_effect(turn: &mut TurnCommit, body: chatflow_core::EffectBody) -> EffectId {
    let n = turn
        .effects
        .iter()
        .map(|effect| effect.id.n)
        .max()
        .unwrap_or(0)
        + 1;
    let id = EffectId {
        dialog: turn.dialog,
        turn: turn.expected + 1,
        n,
    };
    turn.effects.push(Effect {
        id,
        automatic: true,
        epoch: 1,
        lane: SendLane::default(),
        body,
    });
    id
}
