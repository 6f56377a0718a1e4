//! The kinds of problem.

use crate::dialog::{FlowId, FlowVersion, StatusLabel, StepId};
use crate::flow::{CodeRef, Severity, TemplateError};

/// Declares the kinds of problem once: variant, stable code, severity, hint.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $fields:tt = $code:literal, $severity:ident, $hint:expr;)*) => {
        impl ProblemKind {
            /// Its stable code, such as `unknown_step`, for machines.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant $fields => $code,)*
                }
            }

            /// Whether a flow with it can be used.
            pub fn severity(&self) -> Severity {
                match self {
                    $(Self::$variant $fields => Severity::$severity,)*
                }
            }

            /// What to do about it.
            pub fn hint(&self) -> Option<&'static str> {
                let hint: &'static str = match self {
                    $(Self::$variant $fields => $hint,)*
                };
                (!hint.is_empty()).then_some(hint)
            }
        }
    };
}

impl ProblemKind {
    /// Whether it follows from the flow as a whole, so that it says nothing where a part of that
    /// couldn't be read.
    #[cfg(feature = "files")]
    pub(crate) fn is_of_the_whole(&self) -> bool {
        matches!(
            self,
            Self::NoSteps
                | Self::NeverWaitingCycle { .. }
                | Self::GuardedCycle { .. }
                | Self::TooManyStepsPerTurn { .. }
                | Self::TooManyMessagesPerTurn { .. }
                | Self::Unreachable { .. }
                | Self::DeadEnd { .. }
                | Self::NeverSet { .. }
                | Self::MayBeUnset { .. }
                | Self::InputMissing { .. }
                | Self::ResultNeverSet { .. }
                | Self::UnknownFlow { .. }
                | Self::UnknownStep { .. }
                | Self::CallsItself { .. }
        )
    }
}

impl ProblemKind {
    /// Whether it may be there only because a part of its step couldn't be read.
    #[cfg(feature = "files")]
    pub(crate) fn may_follow_from_unread(&self) -> bool {
        matches!(
            self,
            Self::NoKind
                | Self::NoChoices
                | Self::NoSuchExit { .. }
                | Self::WeightSum { .. }
                | Self::NeverWaits
                | Self::NoTime
                | Self::NeverSilent
                | Self::AnswersNothing
                | Self::MissingFallback { .. }
        )
    }
}

/// The kinds of problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// It has no steps.
    #[error("it has no steps")]
    NoSteps,
    /// It has more steps than fit.
    #[error("it has {count} steps, more than 10000")]
    TooManySteps {
        /// How many.
        count: usize,
    },
    /// A name is empty, too long or has control characters.
    #[error("the name {name:?} is empty, longer than 128 bytes or has control characters")]
    BadName {
        /// The name.
        name: String,
    },
    /// Two steps have one name.
    #[error("two steps have this name")]
    DuplicateStep,
    /// The entry step doesn't exist.
    #[error("the entry step `{entry}` doesn't exist")]
    EntryMissing {
        /// Its name.
        entry: StepId,
    },
    /// `.exit`, `.timeout` or the like was called before any step.
    #[error("`.exit`, `.timeout` and the like belong to the step before them, and there is none")]
    NothingToAttachTo,
    /// A step in a file says nothing to do.
    #[error("it does nothing: it has no key such as `send`, `ask` or `finish`")]
    NoKind,
    /// A step in a file has several kinds.
    #[error("it has {kinds}, and a step does one thing")]
    ManyKinds {
        /// The keys.
        kinds: String,
    },
    /// The step has no exit of that name.
    #[error("it has no exit `{exit}`; its exits are {exits}")]
    NoSuchExit {
        /// The name.
        exit: String,
        /// Those it has.
        exits: String,
    },
    /// Two exits of a step have one name, or a route is called `otherwise`.
    #[error("two of its exits are called `{exit}`")]
    DuplicateExit {
        /// The name.
        exit: String,
    },
    /// An exit leads to a step that doesn't exist.
    #[error("its exit `{exit}` leads to `{to}`, which doesn't exist")]
    ExitToNowhere {
        /// The exit.
        exit: String,
        /// Where it leads.
        to: StepId,
    },
    /// It leads to a flow that the bot doesn't have.
    #[error("the bot has no flow `{flow}`")]
    UnknownFlow {
        /// The flow.
        flow: FlowId,
    },
    /// It leads to a step that the other flow doesn't have.
    #[error("the flow `{flow}` has no step `{step}`")]
    UnknownStep {
        /// The flow.
        flow: FlowId,
        /// The step.
        step: StepId,
    },
    /// Flows call one another in a circle.
    #[error("the flows call one another without end: {circle}")]
    CallsItself {
        /// The flows of the circle, in order.
        circle: String,
    },
    /// Flows call one another deeper than the limit.
    #[error("flows call one another deeper than {most}")]
    CallsTooDeep {
        /// The limit.
        most: usize,
    },
    /// A tag isn't in the bot's dictionary.
    #[error("the bot has no tag `{tag}`")]
    UnknownTag {
        /// The tag.
        tag: String,
    },
    /// A tag is empty or longer than 64 bytes.
    #[error("the tag {tag:?} is empty, longer than 64 bytes or has control characters")]
    BadTag {
        /// The tag.
        tag: String,
    },
    /// A text is no template.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// A regular expression can't be used.
    #[error("the regular expression can't be used: {reason}")]
    BadPattern {
        /// Why, in one line.
        reason: String,
    },
    /// A name in a condition can't be looked up, or a value can't be kept under it.
    #[error("`{name}` is no name; write x, data.x or contact.x")]
    BadPath {
        /// The name.
        name: String,
    },
    /// Another file than the first has settings of the bot.
    #[error("`bot` is read from the first file only")]
    BotTwice,
    /// A condition is nested too deeply.
    #[error("its conditions are nested deeper than 16")]
    TooDeep,
    /// The range of a number question is empty.
    #[error("no number is at least {least} and at most {most}")]
    EmptyRange {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A choice question, a router or a split has nothing to choose from, a step of tags or
    /// values nothing to change.
    #[error("it has nothing to choose from or to change")]
    NoChoices,
    /// A keyword or choice is blank once case and punctuation are taken away, or two choices
    /// are the same then.
    #[error("`{word}` is blank or the same as another once case and punctuation are taken away")]
    BadWord {
        /// The word.
        word: String,
    },
    /// There are more keywords than can be searched.
    #[error("it has too many keywords")]
    TooManyKeywords,
    /// A step says more messages than the limit.
    #[error("it says {count} messages, and a step says at most 20")]
    TooManyMessages {
        /// How many.
        count: usize,
    },
    /// A message says nothing, or one of its choices does.
    #[error("it has a message or a choice that is empty")]
    EmptyMessage,
    /// A flow has more regular expressions than the limit.
    #[error("it has {count} regular expressions, more than 100")]
    TooManyPatterns {
        /// How many.
        count: usize,
    },
    /// The shares of a split aren't the whole.
    #[error("the shares are {sum} % together, not 100 %")]
    WeightSum {
        /// Their sum.
        sum: u64,
    },
    /// An arm of a split has no share.
    #[error("the arm `{arm}` has no share, so nobody ever takes it")]
    NoShare {
        /// The arm.
        arm: String,
    },
    /// A length of time is zero.
    #[error("it waits for no time at all")]
    NoTime,
    /// A step that doesn't wait has a time-out.
    #[error("it can't have a `timeout`")]
    NeverWaits,
    /// A step that says nothing is given a time to say it.
    #[error("it can't have an `answer_after`")]
    AnswersNothing,
    /// A step at which nobody can be silent has reminders.
    #[error("it can't have `pushes`")]
    NeverSilent,
    /// There are more reminders than the limit.
    #[error("there are {count} pushes, more than 10")]
    TooManyPushes {
        /// How many.
        count: usize,
    },
    /// A reminder isn't due after the one before it.
    #[error("this push isn't due after the one before it")]
    PushOrder,
    /// A name is blank.
    #[error("its {what} is empty")]
    Blank {
        /// What it names.
        what: &'static str,
    },
    /// A model is to be shown more messages than the limit.
    #[error("a model is shown at most 200 messages, not {memory}")]
    TooMuchMemory {
        /// How many.
        memory: u32,
    },
    /// A webhook's address can't be used.
    #[error("the address {reason}")]
    BadAddress {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A webhook's header can't be called so.
    #[error("{name:?} can't be a header's name")]
    BadHeader {
        /// The name.
        name: String,
    },
    /// A webhook sends something by a method that has no body.
    #[error("a GET request sends nothing along")]
    BodyOfGet,
    /// What something is worth isn't a number.
    #[error("what it is worth is no number and no text that gives one")]
    NoNumber,
    /// The bot has more robots than the limit.
    #[error("there are {count} robots, more than 100")]
    TooManyRobots {
        /// How many.
        count: usize,
    },
    /// A robot changes nothing and tells nobody.
    #[error("this robot changes nothing and tells nobody")]
    IdleRobot,
    /// A setting of the bot that does nothing.
    #[error("{reason}")]
    IdleSetting {
        /// Which, and why.
        reason: String,
    },
    /// This program doesn't have the code of a step or router written in Rust.
    #[error("its code {} isn't in this program", named(.0))]
    CodeMissing(CodeRef),
    /// A program refused the settings of a step or router written in Rust.
    #[error("its code `{kind}` refuses the settings: {reason}")]
    BadSettings {
        /// The code.
        kind: String,
        /// Why, in the code's own words.
        reason: String,
    },
    /// Steps lead round in a circle and none of them waits.
    #[error("it leads round in a circle that never waits: {circle}")]
    NeverWaitingCycle {
        /// The steps of the circle, in order.
        circle: String,
    },
    /// Steps lead round in a circle, none of them waits, and a condition may leave it.
    #[error("it leads round in a circle that waits for nobody: {circle}")]
    GuardedCycle {
        /// The steps of the circle, in order.
        circle: String,
    },
    /// One message may lead through more steps than the limit.
    #[error("one message may lead through {steps} steps, and the limit of a turn is {most}")]
    TooManyStepsPerTurn {
        /// How many.
        steps: u64,
        /// The limit.
        most: u64,
    },
    /// One message may be answered by more messages than the limit.
    #[error(
        "one message may be answered by {messages} messages, and the limit of a turn is {most}"
    )]
    TooManyMessagesPerTurn {
        /// How many.
        messages: u64,
        /// The limit.
        most: u64,
    },
    /// No way leads to the step.
    #[error("no way leads here from the entry `{entry}`")]
    Unreachable {
        /// The entry step.
        entry: StepId,
    },
    /// No way leads out of the step, and it has no finish status.
    #[error("no way leads out of here, so the dialog is over as it leaves by `{exit}`")]
    DeadEnd {
        /// The exit that leads nowhere.
        exit: String,
    },
    /// A router or condition doesn't say where the rest goes.
    #[error("what isn't listed goes on to `{to}`, only because that is listed next")]
    MissingFallback {
        /// The step listed next.
        to: StepId,
    },
    /// A value is read and nothing sets it.
    #[error("it reads `{name}`, which nothing sets")]
    NeverSet {
        /// Its name.
        name: String,
    },
    /// A value is read and not every way here sets it.
    #[error("it reads `{name}`, which isn't set on the way by `{way}`")]
    MayBeUnset {
        /// Its name.
        name: String,
        /// The step from which the dialog may come without it.
        way: StepId,
    },
    /// A keyword stands in an earlier route too, which takes it.
    #[error("the keyword `{word}` never leads here: `{earlier}` has it too and comes first")]
    ShadowedKeyword {
        /// The keyword.
        word: String,
        /// The earlier route.
        earlier: String,
    },
    /// A route's name is nearly that of a step, and the route leads elsewhere.
    #[error(
        "the route `{route}` goes on to `{to}`, only because that is listed next; there is a step `{like}`"
    )]
    NearlyAStep {
        /// The route.
        route: String,
        /// Where it leads.
        to: StepId,
        /// The step with a name like it.
        like: StepId,
    },
    /// A text lacks a language that other texts have.
    #[error("it has no text in `{language}`, which other texts of the flow have")]
    MissingTranslation {
        /// The language.
        language: String,
    },
    /// A value that the called flow wants isn't given.
    #[error("the flow `{flow}` wants the input `{name}`, which isn't given")]
    InputMissing {
        /// The flow.
        flow: FlowId,
        /// The input.
        name: String,
    },
    /// A result is kept that the called flow never sets.
    #[error("the flow `{flow}` never sets `{name}`")]
    ResultNeverSet {
        /// The flow.
        flow: FlowId,
        /// The name.
        name: String,
    },
    /// Two flows of the bot have one name and version.
    #[error("the bot has another edition of it with version {version}")]
    DuplicateFlow {
        /// The version.
        version: FlowVersion,
    },
    /// The policy for dialogs of earlier versions names a step that isn't there.
    #[error("`{old}` of earlier versions leads to `{new}`, which doesn't exist")]
    RemapToNowhere {
        /// The step of an earlier version.
        old: StepId,
        /// The step of this version.
        new: StepId,
    },
    /// The bot has more flows than fit.
    #[error("the bot has more than 65535 flows")]
    TooManyFlows,
    /// A host's status can't be used.
    #[error("the status `{label}` {reason}")]
    BadStatus {
        /// Its label.
        label: StatusLabel,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting of the bot can't be used.
    #[error("{reason}")]
    BadSetting {
        /// Which, and why.
        reason: String,
    },
}

kinds! {
    NoSteps {} = "no_steps", Error, "add a step";
    TooManySteps { .. } = "too_many_steps", Error, "divide it into several flows";
    BadName { .. } = "bad_name", Error, "";
    DuplicateStep {} = "duplicate_step", Error, "rename one of them";
    EntryMissing { .. } = "unknown_entry", Error, "name a step of this flow";
    NothingToAttachTo {} = "nothing_to_attach_to", Error, "call `.step` first";
    NoKind {} = "no_kind", Error, "say what it does";
    ManyKinds { .. } = "many_kinds", Error, "make a step of each";
    NoSuchExit { .. } = "unknown_exit", Error, "";
    DuplicateExit { .. } = "duplicate_exit", Error, "rename one of them";
    ExitToNowhere { .. } = "unknown_step", Error, "name a step of this flow";
    UnknownFlow { .. } = "unknown_flow", Error, "add the flow to the bot, or check its file together with this one";
    UnknownStep { .. } = "unknown_flow_step", Error, "name a step of that flow";
    CallsItself { .. } = "recursion", Error, "let one of them change to the other flow instead of calling it";
    CallsTooDeep { .. } = "calls_too_deep", Error, "let one of them change to the other flow instead of calling it";
    UnknownTag { .. } = "unknown_tag", Error, "add it to the bot's tags, or let unknown tags be created";
    BadTag { .. } = "bad_tag", Error, "";
    Template { .. } = "bad_template", Error, "";
    BadPattern { .. } = "bad_pattern", Error, "";
    BadPath { .. } = "bad_path", Error, "";
    BotTwice {} = "bot_twice", Error, "move it to the bot's entry flow";
    TooDeep {} = "too_deep", Error, "divide it into several steps";
    EmptyRange { .. } = "empty_range", Error, "exchange the two ends";
    NoChoices {} = "nothing_to_choose", Error, "";
    BadWord { .. } = "bad_word", Error, "";
    TooManyKeywords {} = "too_many_keywords", Error, "divide them among several steps";
    TooManyMessages { .. } = "too_many_messages", Error, "divide them among several steps";
    EmptyMessage {} = "empty_message", Error, "no channel can send it";
    TooManyPatterns { .. } = "too_many_patterns", Error, "use keywords, or divide it into several flows";
    WeightSum { .. } = "weight_sum", Error, "change the shares";
    NoShare { .. } = "no_share", Error, "give it a share, or take it away";
    NoTime {} = "no_time", Error, "write a time such as 30m";
    NeverWaits {} = "never_waits", Error, "a question, a router, a webhook or `finish: waiting` can have one; a step in Rust sets its own";
    AnswersNothing {} = "answers_nothing", Error, "a `send` can have one";
    NeverSilent {} = "never_silent", Error, "a step that waits for the contact can have them: a question, a router, `finish: waiting`";
    TooManyPushes { .. } = "too_many_pushes", Error, "";
    PushOrder {} = "push_order", Error, "list them by their `after`, the shortest first";
    Blank { .. } = "blank", Error, "";
    TooMuchMemory { .. } = "too_much_memory", Error, "";
    BadAddress { .. } = "bad_address", Error, "write https://, the host and a `/` before the first placeholder";
    BadHeader { .. } = "bad_header", Error, "";
    BodyOfGet {} = "body_of_get", Error, "say another `method`, or put the values into the address";
    NoNumber {} = "no_number", Error, "";
    TooManyRobots { .. } = "too_many_robots", Error, "";
    IdleRobot {} = "idle_robot", Error, "say what it does, or take it away";
    IdleSetting { .. } = "idle_setting", Warning, "";
    CodeMissing { .. } = "code_missing", Error, "register it with the program that runs the flow; the command `chatflow` takes it on trust after `--code`";
    BadSettings { .. } = "bad_settings", Error, "";
    NeverWaitingCycle { .. } = "endless_cycle", Error, "put a step into it that waits, such as a question or a delay";
    GuardedCycle { .. } = "cycle_without_wait", Warning, "a condition must end it within the steps of one turn; a step that waits is safer";
    TooManyStepsPerTurn { .. } = "steps_per_turn", Error, "put a step in between that waits";
    TooManyMessagesPerTurn { .. } = "messages_per_turn", Error, "put a step in between that waits";
    Unreachable { .. } = "unreachable", Warning, "lead an exit here, or take the step away";
    DeadEnd { .. } = "dead_end", Warning, "say `finish: finished` if the flow ends here, else where it goes on";
    MissingFallback { .. } = "missing_fallback", Warning, "say under `next` where each exit leads";
    NeverSet { .. } = "never_set", Error, "save it before, name it under `inputs` if it comes from outside, or give it a default";
    MayBeUnset { .. } = "may_be_unset", Warning, "save it on every way, or give it a default";
    ShadowedKeyword { .. } = "shadowed_keyword", Warning, "take it out of one of them";
    NearlyAStep { .. } = "nearly_a_step", Warning, "correct the name, or say under `next` where the route leads";
    MissingTranslation { .. } = "missing_translation", Warning, "add it; until then the contact gets the flow's own language";
    InputMissing { .. } = "input_missing", Error, "give it under `inputs`";
    ResultNeverSet { .. } = "result_never_set", Error, "name a value that the flow sets";
    DuplicateFlow { .. } = "duplicate_flow", Error, "give the newer one a higher version";
    RemapToNowhere { .. } = "unknown_remap_step", Error, "name a step of this version";
    TooManyFlows {} = "too_many_flows", Error, "divide them among several bots";
    BadStatus { .. } = "bad_status", Error, "";
    BadSetting { .. } = "bad_setting", Error, "";
}

/// Code by its name, and by its revision where that is known.
fn named(code: &CodeRef) -> String {
    match code.revision {
        0 => format!("`{}`", code.kind),
        revision => format!("`{}` revision {revision}", code.kind),
    }
}
