//! A bot compiled: what the engine runs on.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dialog::codec::{self, DecodeError};
use crate::dialog::{
    Address, BotId, ConfigHash, ContactView, CustomStatus, FlowId, FlowVersion, Moment, Position,
    Resolved, Snapshot, Status, StatusKind, StatusLabel, StepId,
};
use crate::flow::compile::Rules;
use crate::flow::definition::{CustomRouter, CustomStep};
use crate::flow::upgrade::Versions;
use crate::flow::{
    Behaviour, BotSettings, CodeRef, CompiledFlow, CompiledPush, CompiledRobot, CompiledStep,
    FlowDefinition, FlowError, Router, Step, StepKind, faults, link,
};

/// An immutable bot: settings and compiled flows, named by the hash of its stored form.
///
/// Each turn names the hash of the config it ran on, and used configs stay stored, so that
/// replay can run the same turn again.
#[derive(Debug, Clone)]
pub struct Config {
    settings: BotSettings,
    time_zone: Tz,
    rules: Rules,
    flows: Vec<CompiledFlow>,
    by_version: BTreeMap<(FlowId, FlowVersion), u16>,
    entry: u16,
    versions: Versions,
    hash: ConfigHash,
    stamp: u64,
    code: Option<u64>,
    definitions: Vec<Definition>,
    host_code: HostCode,
}

/// One stored piece of a config: a flow, or the settings with the hashes of their flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The hash of the bytes, under which they are stored.
    pub hash: ConfigHash,
    /// The stored form.
    pub body: Vec<u8>,
}

/// What the bytes under a config's hash say.
#[derive(Serialize, Deserialize)]
struct StoredConfig {
    settings: BotSettings,
    flows: Vec<ConfigHash>,
}

/// A host's code, found again by kind, revision, settings and exits.
#[derive(Clone, Default)]
struct HostCode {
    steps: Vec<(CodeRef, Arc<dyn Step>)>,
    routers: Vec<(CodeRef, Arc<dyn Router>)>,
}

impl std::fmt::Debug for HostCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "HostCode({} steps, {} routers)",
            self.steps.len(),
            self.routers.len()
        )
    }
}

/// Why a bot can't be used.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A name is empty, too long or has control characters.
    #[error("the {what} {name:?} is empty, longer than 128 bytes or has control characters")]
    BadName {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// One of its flows can't be used.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// Two flows have one name and version.
    #[error(
        "flow `{flow}` has two editions with version {version}; give the newer one a higher version"
    )]
    DuplicateFlow {
        /// The flow.
        flow: FlowId,
        /// The version.
        version: FlowVersion,
    },
    /// A host's status can't be used.
    #[error("the status `{label}` {reason}")]
    BadStatus {
        /// Its label.
        label: StatusLabel,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting can't be used.
    #[error("the setting `{setting}` can't be used: {reason}")]
    BadSetting {
        /// Its name.
        setting: &'static str,
        /// Why.
        reason: String,
    },
    /// The bot has more than 65535 flows.
    #[error("the bot has more than 65535 flows")]
    TooManyFlows,
    /// The stored form of a config isn't in the store.
    #[error("config {hash} isn't stored")]
    NotStored {
        /// Its hash.
        hash: ConfigHash,
    },
    /// The stored form of a config can't be read.
    #[error("config {hash} can't be read")]
    Decode {
        /// Its hash.
        hash: ConfigHash,
        /// Why.
        source: DecodeError,
    },
    /// A step's settings can't be stored.
    #[error("the bot can't be stored")]
    Encode(#[from] codec::EncodeError),
}

/// `main` shows an error by its `Debug`; people should get the sentence and its causes.
impl std::fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::sentence(self, f)
    }
}

impl Config {
    pub(crate) fn compile(
        settings: BotSettings,
        definitions: &[FlowDefinition],
    ) -> Result<Self, ConfigError> {
        let first = faults_of_names(&settings).into_iter().next();
        first.map_or(Ok(()), |(_, error)| Err(error))?;
        let mut flows = Vec::with_capacity(definitions.len());
        let mut by_version = BTreeMap::new();
        let mut stored = Vec::with_capacity(definitions.len() + 1);
        let mut host_code = HostCode::default();
        for definition in definitions {
            let flow = CompiledFlow::compile(definition, settings.behaviour.language.as_deref())
                .map_err(|problems| FlowError::new(definition.id.clone(), problems))?;
            let index = u16::try_from(flows.len()).map_err(|_| ConfigError::TooManyFlows)?;
            if by_version
                .insert((flow.id.clone(), flow.version), index)
                .is_some()
            {
                return Err(ConfigError::DuplicateFlow {
                    flow: flow.id,
                    version: flow.version,
                });
            }
            host_code.gather(definition);
            let body = codec::encode(definition)?;
            stored.push(Definition {
                hash: ConfigHash::of(&body),
                body,
            });
            flows.push(flow);
        }
        let entry = newest(&by_version, &settings.entry).ok_or_else(|| ConfigError::BadName {
            what: "entry flow",
            name: settings.entry.to_string(),
        })?;
        let time_zone = link::time_zone(&settings.behaviour)?;
        let faults = faults::faults_of(&settings.behaviour, definitions);
        let first = faults.into_iter().next();
        first.map_or(Ok(()), |(_, error)| Err(error))?;
        // Its problems were among the faults.
        let rules = Rules::of(&settings.behaviour).unwrap_or_default();
        let problems = link::link(&mut flows, &by_version, definitions, &settings.behaviour);
        if let Some(&(first, _)) = problems.first() {
            let of_first = problems.into_iter().filter(|(flow, _)| *flow == first);
            let of_first = of_first.map(|(_, problem)| problem).collect();
            return Err(FlowError::new(definitions[first].id.clone(), of_first).into());
        }
        let versions = Versions::of(&flows, &by_version);
        let body = codec::encode(&StoredConfig {
            settings: settings.clone(),
            flows: stored.iter().map(|definition| definition.hash).collect(),
        })?;
        let hash = ConfigHash::of(&body);
        stored.push(Definition { hash, body });
        let code = host_code.fingerprint()?;
        Ok(Self {
            settings,
            time_zone,
            rules,
            flows,
            by_version,
            entry,
            versions,
            hash,
            stamp: hash.stamp(),
            code,
            definitions: stored,
            host_code,
        })
    }

    /// Its hash.
    pub fn hash(&self) -> ConfigHash {
        self.hash
    }

    /// The bot it is of.
    pub fn bot(&self) -> &BotId {
        &self.settings.bot
    }

    /// Its settings.
    pub fn settings(&self) -> &BotSettings {
        &self.settings
    }

    /// Its flows as they were written, with the host's code.
    ///
    /// # Errors
    /// Never for a config that was compiled.
    pub(crate) fn flow_definitions(&self) -> Result<Vec<FlowDefinition>, DecodeError> {
        // The last one is the settings.
        let flows = self.definitions.iter().take(self.flows.len());
        let flows = flows.map(|definition| {
            let mut flow: FlowDefinition = codec::decode(&definition.body)?;
            for step in &mut flow.steps {
                self.host_code.fill_in(&mut step.kind);
            }
            Ok(flow)
        });
        flows.collect()
    }

    /// All that must be stored for it; storing it again is harmless.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The config stored under a hash, compiled. Code of the host's steps and routers is taken
    /// from `code`, the configs that this program has registered.
    ///
    /// # Errors
    /// [`ConfigError::NotStored`] and [`ConfigError::Decode`]; [`ConfigError::Flow`] with
    /// [`CodeMissing`](crate::ProblemKind::CodeMissing) where the code isn't registered.
    pub fn load(
        hash: ConfigHash,
        mut stored: impl FnMut(ConfigHash) -> Option<Vec<u8>>,
        code: &[Arc<Self>],
    ) -> Result<Self, ConfigError> {
        let mut read = |hash| stored(hash).ok_or(ConfigError::NotStored { hash });
        let damaged = |hash| move |source| ConfigError::Decode { hash, source };
        let config: StoredConfig = codec::decode(&read(hash)?).map_err(damaged(hash))?;
        let mut flows = Vec::with_capacity(config.flows.len());
        for hash in config.flows {
            let mut flow: FlowDefinition = codec::decode(&read(hash)?).map_err(damaged(hash))?;
            for step in &mut flow.steps {
                code.iter()
                    .for_each(|config| config.host_code.fill_in(&mut step.kind));
            }
            flows.push(flow);
        }
        Self::compile(config.settings, &flows)
    }

    /// A dialog at an address before its first turn, with what is known of its contact.
    pub fn open(&self, address: Address, contact: ContactView, at: Moment) -> Snapshot {
        Snapshot::open(
            self.bot().clone(),
            &self.settings.space,
            address,
            contact,
            at,
        )
    }

    /// Fingerprint of the host's code in it; none without such code. A change writes a
    /// checkpoint, since the code before it may be gone.
    pub(crate) fn code(&self) -> Option<u64> {
        self.code
    }

    /// How the bot behaves.
    pub(crate) fn behaviour(&self) -> &Behaviour {
        &self.settings.behaviour
    }

    /// Reminders for contacts who are silent at whichever step.
    pub(crate) fn pushes(&self) -> &[CompiledPush] {
        &self.rules.pushes
    }

    /// Its robots, in the order of their names.
    pub(crate) fn robots(&self) -> &[CompiledRobot] {
        &self.rules.robots
    }

    /// The zone in which its flows tell the time.
    pub(crate) fn zone(&self) -> Tz {
        self.time_zone
    }

    /// A moment as the bot's flows tell it.
    pub(crate) fn local(&self, moment: Moment) -> DateTime<FixedOffset> {
        moment.with_timezone(&self.time_zone).fixed_offset()
    }

    pub(crate) fn flow(&self, index: u16) -> &CompiledFlow {
        &self.flows[usize::from(index)]
    }

    /// All steps of all flows.
    #[cfg(feature = "testing")]
    pub(crate) fn steps(&self) -> impl Iterator<Item = &CompiledStep> {
        self.flows.iter().flat_map(|flow| &flow.steps)
    }

    pub(crate) fn step(&self, at: Resolved) -> &CompiledStep {
        &self.flow(at.flow).steps[usize::from(at.step)]
    }

    /// Where the entry flow begins.
    pub(crate) fn entry(&self) -> Resolved {
        self.at(self.entry, self.flow(self.entry).entry)
    }

    pub(crate) fn at(&self, flow: u16, step: u16) -> Resolved {
        Resolved {
            config: self.stamp,
            flow,
            step,
        }
    }

    /// The indices of a position's names, looked up at most once per snapshot and config.
    pub(crate) fn resolve(&self, position: &mut Position) -> Option<Resolved> {
        position.resolved = Some(self.locate(position)?);
        position.resolved
    }

    /// The same, for those who only look.
    pub(crate) fn locate(&self, position: &Position) -> Option<Resolved> {
        if let Some(at) = position.resolved.filter(|at| at.config == self.stamp) {
            return Some(at);
        }
        let flow = *self
            .by_version
            .get(&(position.flow.clone(), position.version))?;
        let step = self.flow(flow).step_named(&position.step)?;
        Some(self.at(flow, step))
    }

    /// Whether a flow is the newest version of its name.
    pub(crate) fn is_newest(&self, flow: u16) -> bool {
        self.versions.is_newest(flow)
    }

    /// Whether any flow is there in more than one version.
    pub(crate) fn has_older(&self) -> bool {
        self.versions.any_older
    }

    /// The newest version of a flow.
    pub(crate) fn newest(&self, flow: &FlowId) -> Option<u16> {
        newest(&self.by_version, flow)
    }

    pub(crate) fn newest_version(&self, flow: &FlowId) -> Option<FlowVersion> {
        self.newest(flow).map(|flow| self.flow(flow).version)
    }

    /// This version of a flow.
    pub(crate) fn version(&self, flow: &FlowId, version: FlowVersion) -> Option<u16> {
        self.by_version.get(&(flow.clone(), version)).copied()
    }

    /// A step of the newest version of a flow; its entry, where none is named.
    pub(crate) fn find(&self, flow: &FlowId, step: Option<&StepId>) -> Option<Resolved> {
        let index = newest(&self.by_version, flow)?;
        let flow = self.flow(index);
        let step = match step {
            Some(step) => flow.step_named(step)?,
            None => flow.entry,
        };
        Some(self.at(index, step))
    }

    pub(crate) fn custom_status(&self, label: &StatusLabel) -> Option<&CustomStatus> {
        self.settings
            .statuses
            .iter()
            .find(|status| status.label == *label)
    }
}

pub(super) fn newest(
    by_version: &BTreeMap<(FlowId, FlowVersion), u16>,
    flow: &FlowId,
) -> Option<u16> {
    by_version
        .range((flow.clone(), FlowVersion::MIN)..=(flow.clone(), FlowVersion::MAX))
        .next_back()
        .map(|(_, &index)| index)
}

/// Where a setting stands, by the names that lead there, and what is wrong with it.
pub(super) type Fault = (Vec<String>, ConfigError);

/// What is wrong with the names of a bot.
pub(super) fn faults_of_names(settings: &BotSettings) -> Vec<Fault> {
    let mut faults = Vec::new();
    let names = [
        ("bot", settings.bot.is_valid(), settings.bot.to_string()),
        (
            "space",
            settings.space.is_valid(),
            settings.space.to_string(),
        ),
    ];
    for (what, is_valid, name) in names {
        if !is_valid {
            faults.push((vec![what.to_owned()], ConfigError::BadName { what, name }));
        }
    }
    for (n, status) in settings.statuses.iter().enumerate() {
        let is_built_in = |kind: &StatusKind| kind.label() == status.label.as_str();
        let reason = if !status.label.is_valid() {
            "is empty, longer than 128 bytes or has control characters"
        } else if StatusKind::ALL.iter().any(is_built_in) {
            "has the label of a built-in status"
        } else if settings.statuses[..n]
            .iter()
            .any(|other| other.label == status.label)
        {
            "is registered twice"
        } else if matches!(
            status.kind,
            StatusKind::Blocked | StatusKind::Stopped | StatusKind::Error
        ) {
            "refines Blocked, Stopped or Error, which nobody sets"
        } else {
            continue;
        };
        let label = status.label.clone();
        let at = vec!["statuses".to_owned(), status.label.to_string()];
        faults.push((at, ConfigError::BadStatus { label, reason }));
    }
    faults
}

impl HostCode {
    fn gather(&mut self, flow: &FlowDefinition) {
        for step in &flow.steps {
            match &step.kind {
                StepKind::Custom(CustomStep {
                    code,
                    step: Some(step),
                }) => {
                    self.steps.push((code.clone(), Arc::clone(step)));
                }
                StepKind::Router(CustomRouter {
                    code,
                    router: Some(router),
                }) => {
                    self.routers.push((code.clone(), Arc::clone(router)));
                }
                _ => {}
            }
        }
    }

    fn fill_in(&self, kind: &mut StepKind) {
        match kind {
            StepKind::Custom(custom) if custom.step.is_none() => {
                let found = self.steps.iter().find(|(code, _)| *code == custom.code);
                custom.step = found.map(|(_, step)| Arc::clone(step));
            }
            StepKind::Router(custom) if custom.router.is_none() => {
                let found = self.routers.iter().find(|(code, _)| *code == custom.code);
                custom.router = found.map(|(_, router)| Arc::clone(router));
            }
            _ => {}
        }
    }

    fn fingerprint(&self) -> Result<Option<u64>, codec::EncodeError> {
        if self.steps.is_empty() && self.routers.is_empty() {
            return Ok(None);
        }
        let mut hasher = Sha256::new();
        for code in self
            .steps
            .iter()
            .map(|(code, _)| code)
            .chain(self.routers.iter().map(|(code, _)| code))
        {
            hasher.update(codec::encode(code)?);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        Ok(Some(ConfigHash::from_bytes(digest).stamp()))
    }
}
