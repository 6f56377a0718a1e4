//! New flows for a bot that is running.
//!
//! ```text
//!  bot ──► compile, with the versions that dialogs still need ──► plan ──► store ──► swap
//!                                                                                    │
//!  each dialog that stands in a version to be left ◄── one turn, the event Deployed ◄┘
//! ```
//!
//! A turn that began on the config before is decided by that and may commit after the swap: its
//! dialog is found by the sweep or led by its next event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};

use crate::dialog::codec::{self, DecodeError};
use crate::dialog::{
    BotId, DialogId, Event, EventBody, EventKey, Fact, FlowId, FlowVersion, Revision, UpgradeKind,
};
use crate::flow::{Bot, Config, ConfigError, FlowDefinition, Standing, UpgradePlan, Way};
use crate::runner::{HandleError, Handled, Worker};
use crate::store::{DialogSummary, PAGE_MAX, StoreError};

/// How often the dialogs are gone through: the second time finds whom a turn on the config before
/// brought into an earlier version meanwhile.
const SWEEPS: u32 = 2;

/// What a deploy has done.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Deployed {
    /// What was planned, just before the new flows took over.
    pub plan: UpgradePlan,
    /// How many dialogs were led at once, by policy. Those whose contact or operator was faster
    /// were led by their own turn and aren't counted.
    pub moved: BTreeMap<UpgradeKind, u64>,
    /// Earlier versions that run on beside the new ones, since dialogs need them. A program that
    /// starts with these flows again has to add them, see [`Bot::keeping`].
    pub kept: Vec<FlowDefinition>,
    /// How many dialogs could not be led, by a failure of the store or of their own; the log says
    /// which. Each is led by its next event.
    pub failed: u64,
}

/// Why a bot's new flows can't be used. It runs on with those it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The bot isn't one of this program.
    #[error("bot `{bot}` isn't in this program; add it where the program begins")]
    NotRunning {
        /// Its id.
        bot: BotId,
    },
    /// The bot, or an earlier version that dialogs need, can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The flows that run can't be read again.
    #[error("the flows that run can't be read again")]
    Decode(#[from] DecodeError),
    /// The store failed before the new flows took over, or could not say where dialogs stand
    /// after; deploying them again is harmless.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A config that is ready to take over.
struct Successor {
    config: Config,
    plan: UpgradePlan,
    kept: Vec<FlowDefinition>,
}

/// What a sweep has done.
#[derive(Default)]
pub(crate) struct Swept {
    moved: BTreeMap<UpgradeKind, u64>,
    failed: u64,
}

impl Worker {
    /// What [`deploy`](Worker::deploy) would do to the dialogs as they stand now. Changes nothing.
    ///
    /// # Errors
    /// As [`deploy`](Worker::deploy).
    pub async fn upgrade_plan(&self, bot: &Bot) -> Result<UpgradePlan, DeployError> {
        Ok(self.successor(bot).await?.plan)
    }

    /// Lets a bot that is running go on with new flows and settings, without a restart. Its
    /// channel stays.
    ///
    /// The bot needs only its new flows: earlier versions in which dialogs stay are kept by
    /// themselves. Then each dialog that stands in a version to be left is led in a turn of its
    /// own, so that none waits for its contact; those that write meanwhile are led first. Returns
    /// when all are done. One deploy goes after the other.
    ///
    /// # Errors
    /// [`DeployError`]; the bot then runs on as it was, unless the store failed while dialogs were
    /// led.
    pub async fn deploy(&self, bot: &Bot) -> Result<Deployed, DeployError> {
        let _one_at_a_time = self.deploying.lock().await;
        let Successor { config, plan, kept } = self.successor(bot).await?;
        self.store.put_definitions(config.definitions()).await?;
        self.save_managers(&config).await?;
        let config = Arc::new(config);
        self.bots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(config.bot().clone(), Arc::clone(&config));
        tracing::info!(bot = %config.bot(), config = %config.hash(), "new flows have taken over");
        let swept = self.lead_all(&config, Way::leaves).await?;
        self.sweep(&config.settings().space).await?;
        Ok(Deployed {
            plan,
            moved: swept.moved,
            kept,
            failed: swept.failed,
        })
    }

    async fn successor(&self, bot: &Bot) -> Result<Successor, DeployError> {
        let id = bot.id().clone();
        let running = self
            .config(&id)
            .map_err(|_| DeployError::NotRunning { bot: id.clone() })?;
        // What is wrong with the new flows is said before the store is asked.
        bot.compile()?;
        let standings = self.store.standing(&id).await?;
        let earlier = running.flow_definitions()?;
        let whole = bot.clone().keeping(&earlier, &standings);
        let config = whole.compile()?;
        let plan = UpgradePlan::of(&config, &standings);
        let kept = whole.flows()[bot.flows().len()..].to_vec();
        Ok(Successor { config, plan, kept })
    }

    /// Leads dialogs that stand where a way `goes`, each in a turn of its own.
    pub(crate) async fn lead_all(
        &self,
        config: &Config,
        goes: fn(Way) -> bool,
    ) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for _ in 0..SWEEPS {
            let standings = self.store.standing(config.bot()).await?;
            let leaving = standings.iter().filter(|at| goes(way(config, at)));
            let versions: BTreeSet<(FlowId, FlowVersion)> =
                leaving.map(|at| (at.flow.clone(), at.version)).collect();
            if versions.is_empty() {
                break;
            }
            swept.failed = 0;
            for (flow, version) in versions {
                self.lead_version(config, &flow, version, goes, &mut swept)
                    .await?;
            }
        }
        Ok(swept)
    }

    /// Leads the dialogs in a version, page by page and several at once.
    async fn lead_version(
        &self,
        config: &Config,
        flow: &FlowId,
        version: FlowVersion,
        goes: fn(Way) -> bool,
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        let (store, bot) = (&self.store, config.bot());
        let mut after = None;
        loop {
            let page = store
                .dialogs_at(bot, flow, version, after, PAGE_MAX)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.dialog);
            let mut rest = page.into_iter().filter(|dialog| {
                let step = dialog.row.step.as_ref();
                step.is_some_and(|step| goes(config.way(flow, version, step)))
            });
            let mut under_way = FuturesUnordered::new();
            loop {
                while under_way.len() < self.deliveries_max
                    && let Some(dialog) = rest.next()
                {
                    under_way.push(self.lead_dialog(config, dialog));
                }
                match under_way.next().await {
                    None => break,
                    Some(Ok(Some(kind))) => *swept.moved.entry(kind).or_default() += 1,
                    Some(Ok(None)) => {}
                    Some(Err((dialog, error))) => {
                        tracing::error!(%dialog, %error, "a dialog could not be led to its flow's new version");
                        swept.failed += 1;
                    }
                }
            }
        }
    }

    /// Leads a dialog; gives the policy that did, if the dialog was still to be led.
    async fn lead_dialog(
        &self,
        config: &Config,
        dialog: DialogSummary,
    ) -> Result<Option<UpgradeKind>, (DialogId, HandleError)> {
        let id = dialog.dialog;
        // With the revision: the same flows may take over again after others, and the dialog is
        // to be led again then.
        let (hash, revision) = (config.hash(), dialog.revision);
        let key = EventKey::own(format_args!("deploy:{hash}:{revision}"));
        let event = Event::new(key, EventBody::Deployed);
        match self.turn(id, &event, None, None).await {
            Ok(Handled::Applied { revision, .. }) => {
                let left = self.version_left(id, revision).await;
                left.map_err(|error| (id, error))
            }
            Ok(_) => Ok(None),
            Err(error) => Err((id, error)),
        }
    }

    /// Which policy a turn followed, by its journal.
    async fn version_left(
        &self,
        dialog: DialogId,
        turn: Revision,
    ) -> Result<Option<UpgradeKind>, HandleError> {
        let journal = self.store.journal(dialog, turn - 1, 1).await?;
        let Some(turn) = journal.first() else {
            return Ok(None);
        };
        let facts: Vec<Fact> =
            codec::decode(&turn.body).map_err(|source| HandleError::Decode { dialog, source })?;
        Ok(facts.into_iter().find_map(|fact| match fact {
            Fact::VersionLeft { policy, .. } => Some(policy),
            _ => None,
        }))
    }

    /// At a start: leads dialogs whom a policy leads, as a deploy would. Those whose step is gone
    /// are left until their next event and the log warns, since a flow that was forgotten can
    /// still be added then.
    pub(crate) async fn lead_at_start(&self, config: &Config) -> Result<(), StoreError> {
        let is_stranded = |way| matches!(way, Way::Stranded(_));
        self.lead_all(config, |way| {
            way.leaves() && !matches!(way, Way::Stranded(_))
        })
        .await?;
        let standings = self.store.standing(config.bot()).await?;
        for at in standings.iter().filter(|at| is_stranded(way(config, at))) {
            tracing::warn!(
                bot = %config.bot(), flow = %at.flow, version = at.version, step = %at.step,
                dialogs = at.dialogs,
                "dialogs stand at a step that this program doesn't have; add that version to the bot"
            );
        }
        Ok(())
    }
}

fn way(config: &Config, at: &Standing) -> Way {
    config.way(&at.flow, at.version, &at.step)
}
