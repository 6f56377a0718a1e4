//! What a database knows of its flows: where dialogs stand, and the ways they took.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chatflow_core::{
    BotId, ConfigHash, DialogId, DialogSummary, Fact, FlowDefinition, FlowId, Moment, PAGE_MAX,
    Position, StatusKind, StepId, Store as _, StoreError, codec,
};
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;
use serde::Deserialize;

use super::Failure;
use crate::output::listed;

/// A database opened for reading.
pub(super) struct Database {
    file: PathBuf,
    store: SqliteStore,
}

/// What all journals say together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How often each exit was taken, by flow and step.
    pub(super) taken: BTreeMap<(FlowId, StepId, String), u64>,
    /// How many dialogs stand at a step, those whose flow is over left out.
    pub(super) standing: BTreeMap<(FlowId, StepId), u64>,
    /// The bots that were counted, each with its newest config.
    pub(super) bots: BTreeMap<BotId, Option<(Moment, ConfigHash)>>,
    /// The bots that were not asked for.
    pub(super) others: BTreeSet<BotId>,
    /// Turns that can't be decoded.
    pub(super) unreadable: usize,
}

/// What is read of a stored config: the hashes of its flows, and which of them is entered.
#[derive(Deserialize)]
struct StoredConfig {
    settings: StoredSettings,
    flows: Vec<ConfigHash>,
}

#[derive(Deserialize)]
struct StoredSettings {
    entry: FlowId,
}

impl Database {
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let store = SqliteStore::open_read_only(file).map_err(|error| match error {
            OpenError::Missing { .. } | OpenError::DirectoryMissing { .. } => Failure::Missing {
                file: file.to_owned(),
            },
            error => Failure::Open(error),
        })?;
        Ok(Self {
            file: file.to_owned(),
            store,
        })
    }

    /// Counts the dialogs of one bot, or of all.
    pub(super) fn tally(&self, bot: Option<&BotId>) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut after = None;
        loop {
            let page =
                block_on(self.store.dialogs(after, PAGE_MAX)).map_err(|error| self.read(error))?;
            let Some(last) = page.last() else {
                return Ok(tally);
            };
            after = Some(last.dialog);
            for dialog in &page {
                if bot.is_some_and(|bot| dialog.bot != *bot) {
                    tally.others.insert(dialog.bot.clone());
                    continue;
                }
                tally.stands(dialog);
                self.walk(dialog.dialog, &dialog.bot, &mut tally)?;
            }
        }
    }

    /// The flows of the newest config, and its entry flow. Code that only another program has is
    /// not asked for.
    pub(super) fn newest_flows(
        &self,
        tally: &Tally,
    ) -> Result<(Vec<FlowDefinition>, Option<FlowId>), Failure> {
        if tally.bots.len() > 1 {
            let known = listed(tally.bots.keys().map(BotId::as_str));
            return Err(Failure::WhichBot { known });
        }
        let newest = tally.bots.values().next().copied().flatten();
        let Some((_, hash)) = newest else {
            return Err(Failure::Empty {
                file: self.file.clone(),
            });
        };
        let config: StoredConfig = self.definition(hash)?;
        let flows = config.flows.into_iter();
        let flows = flows.map(|hash| self.definition(hash));
        Ok((
            flows.collect::<Result<_, _>>()?,
            Some(config.settings.entry),
        ))
    }

    fn definition<T: serde::de::DeserializeOwned>(&self, hash: ConfigHash) -> Result<T, Failure> {
        let body = block_on(self.store.definition(hash)).map_err(|error| self.read(error))?;
        codec::decode(&body.unwrap_or_default()).map_err(|source| Failure::Damaged {
            file: self.file.clone(),
            source,
        })
    }

    /// Goes through a dialog's journal.
    fn walk(&self, dialog: DialogId, bot: &BotId, tally: &mut Tally) -> Result<(), Failure> {
        let mut walk = Walk::default();
        let mut after = 0;
        loop {
            let page = block_on(self.store.journal(dialog, after, PAGE_MAX))
                .map_err(|error| self.read(error))?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.revision;
            for turn in &page {
                match codec::decode::<Vec<Fact>>(&turn.body) {
                    Ok(facts) => facts.into_iter().for_each(|fact| walk.fact(fact, tally)),
                    Err(_) => tally.unreadable += 1,
                }
            }
        }
        let newest = tally.bots.entry(bot.clone()).or_default();
        *newest = (*newest).max(walk.config);
        Ok(())
    }

    fn read(&self, source: StoreError) -> Failure {
        Failure::Read {
            file: self.file.clone(),
            source,
        }
    }
}

impl Tally {
    fn stands(&mut self, dialog: &DialogSummary) {
        self.bots.entry(dialog.bot.clone()).or_default();
        if let (Some(flow), Some(step)) = (&dialog.row.flow, &dialog.row.step)
            && dialog.row.status != StatusKind::Finished
        {
            let place = (flow.clone(), step.clone());
            *self.standing.entry(place).or_default() += 1;
        }
    }

    fn took(&mut self, flow: FlowId, step: StepId, exit: String) {
        *self.taken.entry((flow, step, exit)).or_default() += 1;
    }
}

/// One journal on its way. A step that was passed is named without its flow, which is that of
/// the step entered last, or of the step that a call came back to.
#[derive(Default)]
struct Walk {
    flow: Option<FlowId>,
    /// The flow that called, the flow called, and the step that called.
    calls: Vec<(FlowId, FlowId, StepId)>,
    /// The config of the last turn.
    config: Option<(Moment, ConfigHash)>,
}

impl Walk {
    fn begin(&mut self, position: Option<Position>) {
        self.calls.clear();
        self.flow = None;
        let Some(position) = position else { return };
        let mut called = position.flow.clone();
        for frame in position.calls.into_iter().rev() {
            let caller = std::mem::replace(&mut called, frame.flow.clone());
            self.calls.push((frame.flow, caller, frame.step));
        }
        self.calls.reverse();
        self.flow = Some(position.flow);
    }

    fn fact(&mut self, fact: Fact, tally: &mut Tally) {
        match fact {
            Fact::Input { config, now, .. } => self.config = Some((now, config)),
            // Turns before it may be gone.
            Fact::Checkpoint(snapshot) => self.begin(snapshot.position),
            Fact::StepEntered { flow, .. } => self.flow = Some(flow),
            Fact::StepPassed { step, exit } => {
                if let Some(flow) = &self.flow {
                    tally.took(flow.clone(), step, exit);
                }
            }
            Fact::FlowCalled { flow, step } => {
                if let Some(caller) = &self.flow {
                    // The way into the flow called has no name.
                    tally.took(caller.clone(), step.clone(), String::new());
                    self.calls.push((caller.clone(), flow, step));
                }
            }
            Fact::FlowReturned { flow, step } => {
                // A call that an operator's step change left is never returned from.
                while let Some((caller, called, by)) = self.calls.pop() {
                    if called == flow && by == step {
                        self.flow = Some(caller);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
}
