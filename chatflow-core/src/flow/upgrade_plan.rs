//! What a deploy would do to the dialogs that are there, counted before it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::dialog::{BotId, FlowId, FlowVersion, StepId, UpgradeKind};
use crate::flow::upgrade::Upgrade;
use crate::flow::{Bot, Config, FlowDefinition, StepKind};

/// How many dialogs of a bot stand at a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Standing {
    /// The flow.
    pub flow: FlowId,
    /// Its version.
    pub version: FlowVersion,
    /// The step.
    pub step: StepId,
    /// How many, whatever their status.
    pub dialogs: u64,
}

/// What a config does to the dialogs that stand in other versions of its flows.
///
/// It is made of where dialogs stand, so it counts each dialog once. Flows that wait for one they
/// called are led when they are returned to, and aren't counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpgradePlan {
    /// The bot.
    pub bot: BotId,
    /// Dialogs that stand in other versions, by flow, version and policy.
    pub upgrades: Vec<FlowUpgrade>,
    /// Where those stand that no policy leads: the bot's setting `stranded` decides.
    pub stranded: Vec<Standing>,
    /// How many dialogs stand in the newest version of their flow already.
    pub newest: u64,
}

/// What one policy does to the dialogs in one version of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowUpgrade {
    /// The flow.
    pub flow: FlowId,
    /// The version in which they stand.
    pub from: FlowVersion,
    /// The newest that the bot has; none where it has no such flow.
    pub to: Option<FlowVersion>,
    /// Which policy leads them.
    pub policy: UpgradeKind,
    /// How many they are.
    pub dialogs: u64,
}

impl UpgradePlan {
    /// The plan for a config, of where its bot's dialogs stand.
    pub fn of(config: &Config, standings: &[Standing]) -> Self {
        let mut counts: BTreeMap<(&FlowId, FlowVersion, UpgradeKind), u64> = BTreeMap::new();
        let mut stranded = Vec::new();
        let mut newest = 0;
        for standing in standings {
            let way = config.way(&standing.flow, standing.version, &standing.step);
            let Some(kind) = way.kind() else {
                newest += standing.dialogs;
                continue;
            };
            *counts
                .entry((&standing.flow, standing.version, kind))
                .or_default() += standing.dialogs;
            if kind == UpgradeKind::Stranded {
                stranded.push(standing.clone());
            }
        }
        stranded.sort();
        let upgrades = counts.into_iter();
        let upgrades = upgrades.map(|((flow, from, policy), dialogs)| FlowUpgrade {
            flow: flow.clone(),
            from,
            to: config.newest_version(flow),
            policy,
            dialogs,
        });
        Self {
            bot: config.bot().clone(),
            upgrades: upgrades.collect(),
            stranded,
            newest,
        }
    }

    /// How many dialogs a policy leads.
    pub fn count(&self, policy: UpgradeKind) -> u64 {
        let upgrades = self.upgrades.iter();
        let of_policy = upgrades.filter(|upgrade| upgrade.policy == policy);
        of_policy.map(|upgrade| upgrade.dialogs).sum()
    }
}

/// One line for each version and policy, then where dialogs would be stranded.
impl fmt::Display for UpgradePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "bot `{}`: {} in the newest version of their flow",
            self.bot,
            dialogs(self.newest)
        )?;
        for upgrade in &self.upgrades {
            write!(
                f,
                "flow `{}` version {}: {}, {}: ",
                upgrade.flow,
                upgrade.from,
                dialogs(upgrade.dialogs),
                upgrade.policy.label(),
            )?;
            match (upgrade.policy, upgrade.to) {
                (UpgradeKind::Pin, _) => f.write_str("stay there for good")?,
                (UpgradeKind::Drain, _) => f.write_str("stay there until they leave the flow")?,
                (UpgradeKind::Remap, Some(to)) => write!(f, "go on in version {to}")?,
                (UpgradeKind::RestartStep, Some(to)) => {
                    write!(f, "begin their step again in version {to}")?;
                }
                (UpgradeKind::RestartFlow, Some(to)) => write!(f, "begin again in version {to}")?,
                (UpgradeKind::ToOperator, _) => f.write_str("become Manual")?,
                (_, Some(to)) => write!(f, "have no step to go to in version {to}")?,
                (_, None) => f.write_str("the bot has no such flow any more")?,
            }
            f.write_str("\n")?;
        }
        for standing in &self.stranded {
            writeln!(
                f,
                "stranded: flow `{}` version {} step `{}`: {}",
                standing.flow,
                standing.version,
                standing.step,
                dialogs(standing.dialogs)
            )?;
        }
        match self.count(UpgradeKind::Stranded) {
            0 => f.write_str("nobody is stranded"),
            count => write!(f, "{} would be stranded", dialogs(count)),
        }
    }
}

fn dialogs(count: u64) -> String {
    match count {
        1 => "1 dialog".to_owned(),
        count => format!("{count} dialogs"),
    }
}

impl Bot {
    /// This bot with those earlier versions of its flows that dialogs still need, of an earlier
    /// edition of the bot: where dialogs stand and the policy lets them stay or wants to know what
    /// they stand at, where a flow may wait for one in which dialogs stand, and all of a flow that
    /// pins. Flows and versions that this bot has itself stay as they are.
    ///
    /// A host that restarts with new flows adds what dialogs need so, before it starts;
    /// [`Worker::deploy`](crate::Worker::deploy) does it by itself.
    #[must_use]
    pub fn keeping(mut self, earlier: &[FlowDefinition], standings: &[Standing]) -> Self {
        let needed: Vec<FlowDefinition> = {
            let mut candidates: Vec<&FlowDefinition> = Vec::new();
            for flow in earlier {
                let own = self.flows.iter().filter(|own| own.id == flow.id);
                let newest = own.max_by_key(|own| own.version);
                // A later one would become the newest: then this bot's own would be the earlier.
                let is_earlier = |own: &&FlowDefinition| flow.version < own.version;
                let wants = newest
                    .filter(is_earlier)
                    .filter(|own| own.upgrade.wants_earlier());
                let has = |own: &FlowDefinition| own.id == flow.id && own.version == flow.version;
                if wants.is_some() && !self.flows.iter().any(has) {
                    candidates.push(flow);
                }
            }
            // A flow can be under way where no dialog stands: it waits for one that it called.
            let mut live: BTreeSet<&FlowId> = standings.iter().map(|at| &at.flow).collect();
            let callers = earlier.iter().chain(&self.flows);
            let calls: Vec<(&FlowId, &FlowId)> = callers.flat_map(calls_of).collect();
            loop {
                let before = live.len();
                for (caller, called) in &calls {
                    if live.contains(called) {
                        live.insert(caller);
                    }
                }
                if live.len() == before {
                    break;
                }
            }
            let is_pinned = |flow: &FlowDefinition| {
                let own = self.flows.iter().filter(|own| own.id == flow.id);
                let newest = own.max_by_key(|own| own.version);
                newest.is_some_and(|own| own.upgrade == Upgrade::Pin)
            };
            let is_stood_in = |flow: &FlowDefinition| {
                let mut standings = standings.iter();
                standings.any(|at| at.flow == flow.id && at.version == flow.version)
            };
            let may_wait =
                |flow: &FlowDefinition| calls_of(flow).any(|(_, called)| live.contains(called));
            let needed = candidates.into_iter();
            let needed =
                needed.filter(|flow| is_stood_in(flow) || is_pinned(flow) || may_wait(flow));
            needed.cloned().collect()
        };
        self.flows.extend(needed);
        self
    }

    /// Its flows, all versions of them.
    pub fn flows(&self) -> &[FlowDefinition] {
        &self.flows
    }
}

/// A flow and each flow that it calls.
fn calls_of(flow: &FlowDefinition) -> impl Iterator<Item = (&FlowId, &FlowId)> {
    flow.steps.iter().filter_map(|step| match &step.kind {
        StepKind::CallFlow(call) => Some((&flow.id, &call.flow)),
        _ => None,
    })
}
