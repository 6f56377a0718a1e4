//! How a bot behaves, where its flows don't say.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::time::Period;
use crate::dialog::{MediaKind, MessageRules, OperatorId, QueueId, TransferMode, Value};
use crate::flow::kinds::Source;
use crate::flow::{
    AiSettings, DuringDelay, FinishStatus, NotificationRule, PostbackRule, Push, PushTogether,
    QuietHours, Robot, TranslationSettings, Typing,
};

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
/// assert_eq!(behaviour.media_rule, MediaRule::Recognise);
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
    /// How long the contact has to be silent before the flow gets what he wrote; what he writes
    /// meanwhile becomes one message.
    pub quiet_time: Period,
    /// How fast what a model writes is typed; at once where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing: Option<Typing>,
    /// Reminders for contacts who are silent at whichever step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pushes: Vec<Push>,
    /// Which push goes where a step's and one of these are due together.
    pub push_together: PushTogether,
    /// When the bot begins nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// What happens to messages that come while a delay runs.
    pub during_delay: DuringDelay,
    /// How it uses models.
    pub ai: AiSettings,
    /// The port that makes text of media; where none is named, `recognise` is `to_manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recogniser: Option<String>,
    /// Which languages messages are put into; none where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<TranslationSettings>,
    /// What a dialog does whose message the channel refuses for its content.
    pub step_failure: StepFailure,
    /// What a message does to a dialog that shows Error.
    pub error_inbound: ErrorInbound,
    /// How a step behind Error is tried again by itself; not at all where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry: Option<ErrorRetry>,
    /// Where automation goes on when a person gives a dialog back.
    pub resume_from: ResumeFrom,
    /// What a dialog does whose step is gone.
    pub stranded: Stranded,
    /// Rules that act by themselves, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub robots: BTreeMap<String, Robot>,
    /// Whom what alerts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<NotificationRule>,
    /// Where trackers' reports lead; the first rule that fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub postbacks: Vec<PostbackRule>,
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
    /// The queue to which people's dialogs go where nothing names another. Without one a dialog
    /// that becomes Manual waits in no queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    pub queue: Option<QueueId>,
    /// Who is made responsible for new dialogs, in turn, while automation goes on.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(feature = "files", schemars(with = "BTreeSet<String>"))]
    pub managers: BTreeSet<OperatorId>,
    /// Most dialogs that an operator has in progress at once, where neither he nor the queue has
    /// a number.
    pub operator_capacity: u32,
    /// Who may write in a dialog.
    pub write_guard: WriteGuard,
    /// Whether automation answers in a dialog of which a person is responsible.
    pub bot_answers: BotAnswers,
    /// What becomes of the session of a dialog that is passed on or handed over.
    pub transfer: TransferMode,
    /// What a message does to a dialog whose session was completed.
    pub reopen: ReopenPolicy,
    /// What becomes of the status when a session is completed.
    pub on_complete: OnComplete,
    /// A session in which nobody writes for this long is completed, where its queue says nothing;
    /// never where nothing is said. One that automation handles too: its reminders, time-outs and
    /// delays are dropped then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_after: Option<Period>,
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
            quiet_time: Period::from_millis(0),
            typing: None,
            pushes: Vec::new(),
            push_together: PushTogether::default(),
            quiet_hours: None,
            during_delay: DuringDelay::default(),
            ai: AiSettings::default(),
            recogniser: None,
            translation: None,
            step_failure: StepFailure::default(),
            error_inbound: ErrorInbound::default(),
            error_retry: None,
            resume_from: ResumeFrom::default(),
            stranded: Stranded::default(),
            robots: BTreeMap::new(),
            notifications: Vec::new(),
            postbacks: Vec::new(),
            started_again: StartedAgain::default(),
            message_rules: MessageRules::default(),
            operator_write: OperatorWrite::default(),
            waiting_entry: WaitingEntry::default(),
            manual_waiting_exit: ManualWaitingExit::default(),
            finished_inbound: FinishedInbound::default(),
            unblock_to: UnblockTo::default(),
            queue: None,
            managers: BTreeSet::new(),
            operator_capacity: 5,
            write_guard: WriteGuard::default(),
            bot_answers: BotAnswers::default(),
            transfer: TransferMode::default(),
            reopen: ReopenPolicy::default(),
            on_complete: OnComplete::default(),
            complete_after: None,
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
    /// They are made into text, which the step gets like one that was written; where that can't
    /// be done, and in a bot without a recogniser, the dialog becomes Manual.
    #[default]
    Recognise,
    /// The dialog becomes Manual at its step, and nothing is answered.
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

/// What a dialog does whose message the channel refuses for its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepFailure {
    /// It shows Error.
    #[default]
    Error,
    /// It becomes Manual.
    Manual,
}

/// What a message does to a dialog that shows Error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorInbound {
    /// Nothing, but that somebody should answer.
    #[default]
    Stay,
    /// The step is tried again with it.
    Retry,
}

/// How a step behind Error is tried again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "error_retry")
)]
#[serde(deny_unknown_fields)]
pub struct ErrorRetry {
    /// How often, until a person or a message gets the dialog going.
    pub times: u32,
    /// How long after each failure.
    pub after: Period,
}

/// Where automation goes on when a person gives a dialog back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResumeFrom {
    /// At its step, with the contact's next message.
    #[default]
    CurrentStepOnNextInbound,
    /// At its step, at once: a question is asked again, anything else is gone on from.
    CurrentStepNow,
    /// Where the person says: giving it back without a step is refused.
    RequireStep,
}

/// What a dialog does whose step is gone, or whose flow's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stranded {
    /// It becomes Manual.
    #[default]
    ToManual,
    /// The entry flow begins anew.
    RestartEntryFlow,
}

/// Who may write to a dialog's contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WriteGuard {
    /// The operator who is responsible; anybody where nobody is.
    #[default]
    AssigneeOrUnassigned,
    /// Whoever may otherwise.
    AnyWithAccess,
}

/// Whether automation answers in a dialog of which a person is responsible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BotAnswers {
    /// Wherever the status lets it.
    #[default]
    ByStatus,
    /// Only where no operator is responsible.
    UnlessAssigned,
}

/// What a message does to a dialog whose session was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReopenPolicy {
    /// It opens the session again.
    #[default]
    Same,
    /// It opens a new session, the child of that one.
    New,
    /// It opens the session again if it was completed at most this long ago, else a new one.
    Within(Period),
}

/// What becomes of the status when a session is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnComplete {
    /// Auto becomes Waiting at its step, all others stay.
    #[default]
    Keep,
    /// Automation gets the dialog back: Auto becomes Waiting at its step, and what people led or
    /// had failed begins the entry flow anew with the contact's next message. Nobody is
    /// responsible any more.
    ToBot,
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
pub(super) mod variables {
    use super::{BTreeMap, Source, Value};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::flow) fn serialize<S: Serializer>(
        variables: &BTreeMap<String, Value>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        variables.serialize(to)
    }

    pub(in crate::flow) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, Value>, D::Error> {
        let sources = BTreeMap::<String, Source>::deserialize(from)?;
        Ok(sources
            .into_iter()
            .map(|(name, Source(value))| (name, value))
            .collect())
    }
}
