//! How a bot behaves, where its flows don't say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::time::Period;
use crate::dialog::{MediaKind, MessageRules, Value};
use crate::flow::FinishStatus;
use crate::flow::kinds::Source;

/// How a bot behaves, where its flows don't say. Every setting has a default, so a file names
/// those it changes.
///
/// ```
/// use chatflow_core::{Behaviour, FinishedInbound, MediaRule};
///
/// let behaviour = Behaviour {
///     time_zone: "Asia/Tokyo".to_owned(),
///     finished_inbound: FinishedInbound::RestartEntryFlow,
///     ..Behaviour::default()
/// };
/// assert_eq!(behaviour.media_rule, MediaRule::ToManual);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "bot")
)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Whether the first message starts the entry flow. If not, the dialog shows Start until a
    /// person or a program sets it going.
    pub auto_start: bool,
    /// The language of texts that name none, in flows that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The zone in which flows tell the time, such as `Europe/Kyiv`.
    pub time_zone: String,
    /// The status where a flow ends and its last step gives none.
    pub default_finish: FinishStatus,
    /// What media from the contact do.
    pub media_rule: MediaRule,
    /// What a kind of media does instead.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub media_rules: BTreeMap<MediaKind, MediaRule>,
    /// The tags that flows and people choose from.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// What naming another tag does, where `tags` names any.
    pub unknown_tags: UnknownTags,
    /// Values that all flows may read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", with = "variables")]
    #[cfg_attr(feature = "files", schemars(with = "BTreeMap<String, Source>"))]
    pub variables: BTreeMap<String, Value>,
    /// How long the items of an album, which come one by one, are waited for after each.
    pub album_wait: Period,
    /// What the contact's beginning again does, by a start link or the like, while a flow is
    /// under way.
    pub started_again: StartedAgain,
    /// What a message of an operator may hold.
    pub message_rules: MessageRules,
    /// What an operator's writing does to automation.
    pub operator_write: OperatorWrite,
    /// When the dialog shows Waiting.
    pub waiting_entry: WaitingEntry,
    /// Where a message leads that ends a Waiting which an operator set.
    pub manual_waiting_exit: ManualWaitingExit,
    /// What a message does to a dialog whose flow is over.
    pub finished_inbound: FinishedInbound,
    /// Where the end of a block leads.
    pub unblock_to: UnblockTo,
    /// What the arms of splits are drawn from.
    pub seed: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            auto_start: true,
            language: None,
            time_zone: "UTC".to_owned(),
            default_finish: FinishStatus::Finished,
            media_rule: MediaRule::default(),
            media_rules: BTreeMap::new(),
            tags: BTreeSet::new(),
            unknown_tags: UnknownTags::default(),
            variables: BTreeMap::new(),
            album_wait: Period::from_millis(1000),
            started_again: StartedAgain::default(),
            message_rules: MessageRules::default(),
            operator_write: OperatorWrite::default(),
            waiting_entry: WaitingEntry::default(),
            manual_waiting_exit: ManualWaitingExit::default(),
            finished_inbound: FinishedInbound::default(),
            unblock_to: UnblockTo::default(),
            seed: 0,
        }
    }
}

impl Behaviour {
    /// What media of this kind do.
    pub fn rule_for(&self, kind: MediaKind) -> MediaRule {
        self.media_rules
            .get(&kind)
            .copied()
            .unwrap_or(self.media_rule)
    }

    /// Whether flows and people may name this tag.
    pub fn knows_tag(&self, tag: &str) -> bool {
        self.unknown_tags == UnknownTags::Create || self.tags.is_empty() || self.tags.contains(tag)
    }
}

/// What media from the contact do while automation leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MediaRule {
    /// The dialog becomes Manual at its step, and nothing is answered.
    #[default]
    ToManual,
    /// The step gets them like a text: the caption is the text.
    PassToStep,
    /// They are kept in the transcript, and nothing else happens.
    Ignore,
}

/// What naming a tag does that isn't in the bot's dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownTags {
    /// A flow with it isn't loaded, an operator's act with it is refused.
    #[default]
    Refuse,
    /// It is created.
    Create,
}

/// What the contact's beginning again does while a flow is under way. The source of a start link
/// is noted in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StartedAgain {
    /// The question that awaits an answer is asked again; nothing is lost.
    #[default]
    Repeat,
    /// The entry flow begins anew.
    RestartEntryFlow,
    /// The step gets it like a message.
    PassToStep,
}

/// What an operator's writing does to automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperatorWrite {
    /// The dialog becomes Manual.
    #[default]
    ToManual,
    /// Automation goes on as if nothing had been written.
    KeepStatus,
    /// The dialog becomes Manual, and Auto again once the operator has been silent this long.
    PauseFor(Period),
}

/// When a dialog shows Waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitingEntry {
    /// Where a step with the finish status Waiting has been passed, or an operator said so.
    #[default]
    StepFinishOnly,
    /// Also while a step waits for the contact's answer.
    AlsoWhenStepAwaitsInput,
}

/// Where a message leads that ends a Waiting which an operator set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ManualWaitingExit {
    /// To Auto: the step gets it.
    #[default]
    ToAuto,
    /// To Manual: a person gets it.
    ToManual,
}

/// What a message does to a dialog whose flow is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FinishedInbound {
    /// Nothing, but that somebody should answer.
    #[default]
    Stay,
    /// The dialog becomes Manual.
    ToManual,
    /// The entry flow begins anew with it.
    RestartEntryFlow,
}

/// Where the end of a block leads, whoever blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnblockTo {
    /// To the status before it.
    #[default]
    Previous,
    /// To Manual.
    Manual,
    /// To Start: no flow has begun.
    Start,
}

/// Values as authors write them.
mod variables {
    use super::{BTreeMap, Source, Value};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        variables: &BTreeMap<String, Value>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        variables.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, Value>, D::Error> {
        let sources = BTreeMap::<String, Source>::deserialize(from)?;
        Ok(sources
            .into_iter()
            .map(|(name, Source(value))| (name, value))
            .collect())
    }
}
