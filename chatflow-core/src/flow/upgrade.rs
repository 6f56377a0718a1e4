//! What becomes of dialogs when their flow gets a newer version.
//!
//! **The law: nobody stands on a step that doesn't exist.** What a config makes of a place is
//! decided here, by names alone, so that the engine which leads dialogs and the plan which counts
//! them beforehand can't disagree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialog::{FlowId, FlowVersion, Resolved, StepId, UpgradeKind};
use crate::flow::config::newest;
use crate::flow::{CompiledFlow, CompiledKind, Config};

/// What a version of a flow does with dialogs that stand in another version of it. The newest
/// version that the bot has decides, also for dialogs that stand several versions back.
///
/// [`Pin`](Upgrade::Pin) and [`Drain`](Upgrade::Drain) need the earlier versions: the bot has to
/// keep them as long as dialogs stand there. The others lead dialogs out of versions that are gone
/// too.
///
/// ```
/// use chatflow_core::{Ask, FlowBuilder, Upgrade};
///
/// let flow = FlowBuilder::new("order", 2)
///     .step("dish", Ask::text("Which dish?"))
///     .upgrade(Upgrade::remap([("meal", "dish")]))
///     .build()?;
/// # let _ = flow;
/// # Ok::<(), chatflow_core::FlowError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "upgrade")
)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    /// They stay in their version for good, also when an operator picks a step of the flow or the
    /// flow begins again for them.
    Pin,
    /// They stay until they leave the flow. Whoever enters it enters the newest version.
    #[default]
    Drain,
    /// They go on at the step that stands behind the name of theirs, or else at the one of the
    /// same name. Where both steps are of one kind a question goes on waiting, and time-outs
    /// stay as they are; any other step is entered.
    Remap(
        #[cfg_attr(feature = "files", schemars(with = "BTreeMap<String, String>"))]
        BTreeMap<StepId, StepId>,
    ),
    /// The step of the same name is entered again.
    RestartStep,
    /// The flow begins again.
    RestartFlow,
    /// An operator takes over.
    ToOperator,
}

impl Upgrade {
    /// A [`Remap`](Upgrade::Remap) of pairs: the name in an earlier version, the name in this.
    pub fn remap<O: Into<StepId>, N: Into<StepId>>(
        pairs: impl IntoIterator<Item = (O, N)>,
    ) -> Self {
        let pairs = pairs.into_iter();
        Self::Remap(pairs.map(|(old, new)| (old.into(), new.into())).collect())
    }

    /// Its kind, as journals and plans name it.
    pub const fn kind(&self) -> UpgradeKind {
        match self {
            Self::Pin => UpgradeKind::Pin,
            Self::Drain => UpgradeKind::Drain,
            Self::Remap(_) => UpgradeKind::Remap,
            Self::RestartStep => UpgradeKind::RestartStep,
            Self::RestartFlow => UpgradeKind::RestartFlow,
            Self::ToOperator => UpgradeKind::ToOperator,
        }
    }

    /// Whether dialogs are led better while the earlier version is there: it is where they stay,
    /// or it says of which kind their step was.
    pub(crate) const fn wants_earlier(&self) -> bool {
        matches!(self, Self::Pin | Self::Drain | Self::Remap(_))
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a config makes of a place in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is in the newest version.
    Newest,
    /// Whoever stands there stays, as this policy says.
    Stays(UpgradeKind),
    /// Whoever stands there goes on at this step.
    On(Resolved),
    /// Whoever stands there enters this step, as this policy says.
    Enter(UpgradeKind, Resolved),
    /// An operator takes over, at this step.
    Person(Resolved),
    /// No policy says where to. The newest version's entry, where the bot has the flow at all.
    Stranded(Option<Resolved>),
}

impl Way {
    /// How it is counted; not at all in the newest version.
    pub(crate) const fn kind(self) -> Option<UpgradeKind> {
        Some(match self {
            Self::Newest => return None,
            Self::Stays(kind) | Self::Enter(kind, _) => kind,
            Self::On(_) => UpgradeKind::Remap,
            Self::Person(_) => UpgradeKind::ToOperator,
            Self::Stranded(_) => UpgradeKind::Stranded,
        })
    }

    /// Whether whoever stands there leaves.
    pub(crate) const fn leaves(self) -> bool {
        !matches!(self, Self::Newest | Self::Stays(_))
    }
}

/// What is known of versions once all flows are compiled, so that most turns look nothing up.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    /// For each flow of the config, whether it is the newest version of its name.
    is_newest: Vec<bool>,
    /// Whether any isn't.
    pub(super) any_older: bool,
}

impl Versions {
    pub(super) fn of(
        flows: &[CompiledFlow],
        by_version: &BTreeMap<(FlowId, FlowVersion), u16>,
    ) -> Self {
        let indices = flows.iter().zip(0_u16..);
        let is_newest: Vec<bool> = indices
            .map(|(flow, index)| newest(by_version, &flow.id) == Some(index))
            .collect();
        let any_older = is_newest.contains(&false);
        Self {
            is_newest,
            any_older,
        }
    }

    pub(super) fn is_newest(&self, flow: u16) -> bool {
        self.is_newest[usize::from(flow)]
    }
}

impl Config {
    /// What becomes of a dialog that stands there.
    pub(crate) fn way(&self, flow: &FlowId, version: FlowVersion, step: &StepId) -> Way {
        let Some(newest) = self.newest(flow) else {
            return Way::Stranded(None);
        };
        let to = self.flow(newest);
        let stranded = Way::Stranded(Some(self.at(newest, to.entry)));
        let own = self.version(flow, version);
        let is_there = own.is_some_and(|own| self.flow(own).step_named(step).is_some());
        let named = |name| to.step_named(name).map(|step| self.at(newest, step));
        match &to.upgrade {
            _ if own == Some(newest) && is_there => Way::Newest,
            // Edited in place: what a policy says is about versions.
            _ if own == Some(newest) => stranded,
            Upgrade::Pin | Upgrade::Drain if is_there => Way::Stays(to.upgrade.kind()),
            Upgrade::Pin | Upgrade::Drain => stranded,
            Upgrade::Remap(steps) => {
                named(steps.get(step).unwrap_or(step)).map_or(stranded, Way::On)
            }
            Upgrade::RestartStep => {
                named(step).map_or(stranded, |at| Way::Enter(UpgradeKind::RestartStep, at))
            }
            Upgrade::RestartFlow => Way::Enter(UpgradeKind::RestartFlow, self.at(newest, to.entry)),
            Upgrade::ToOperator => {
                Way::Person(named(step).unwrap_or_else(|| self.at(newest, to.entry)))
            }
        }
    }

    /// Whether two steps are of one kind, so that a dialog may go on inside the other.
    pub(crate) fn agree(&self, one: Resolved, other: Resolved) -> bool {
        match (&self.step(one).kind, &self.step(other).kind) {
            (CompiledKind::Custom(one), CompiledKind::Custom(other)) => one.kind() == other.kind(),
            (CompiledKind::Router(one), CompiledKind::Router(other)) => one.kind() == other.kind(),
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }

    /// Whether a dialog that was pinned to a version stays there.
    pub(crate) fn pin_holds(&self, flow: &FlowId, version: FlowVersion) -> bool {
        self.version(flow, version).is_some_and(|own| {
            self.newest(flow)
                .is_some_and(|newest| newest != own && self.flow(newest).upgrade == Upgrade::Pin)
        })
    }

    /// A step of the version that a dialog is pinned to, else of the newest; the entry, where no
    /// step is named.
    pub(crate) fn find_pinned(
        &self,
        pins: &BTreeMap<FlowId, FlowVersion>,
        flow: &FlowId,
        step: Option<&StepId>,
    ) -> Option<Resolved> {
        let version = pins.get(flow).copied();
        let Some(version) = version.filter(|version| self.pin_holds(flow, *version)) else {
            return self.find(flow, step);
        };
        let index = self.version(flow, version)?;
        let flow = self.flow(index);
        let step = match step {
            Some(step) => flow.step_named(step)?,
            None => flow.entry,
        };
        Some(self.at(index, step))
    }

    /// Where a way into the newest version leads a dialog that is pinned to another: to its entry
    /// instead of the entry, else to the step of the same name where that version has one.
    pub(crate) fn redirect(&self, pins: &BTreeMap<FlowId, FlowVersion>, to: Resolved) -> Resolved {
        if pins.is_empty() {
            return to;
        }
        let flow = self.flow(to.flow);
        let step = (to.step != flow.entry).then(|| &self.step(to).name);
        self.find_pinned(pins, &flow.id, step).unwrap_or(to)
    }
}
