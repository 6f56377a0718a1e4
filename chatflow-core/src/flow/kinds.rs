//! The kinds of step.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::flow::definition::{CustomRouter, CustomStep};
use crate::flow::{Condition, Router, Step};

/// The exit of a step that has done its work.
pub const EXIT_NEXT: &str = "next";
/// The exit of a question that was answered wrongly too often. Where it leads nowhere, the
/// dialog is passed to an operator.
pub const EXIT_GAVE_UP: &str = "gave_up";
/// The exit of a question that was not answered in time. Where it leads nowhere, the dialog is
/// passed to an operator.
pub const EXIT_TIMEOUT: &str = "timeout";
/// The exit of a router or condition where nothing else fits.
pub const EXIT_OTHERWISE: &str = "otherwise";

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// Says something and goes on.
    Send(SendMessage),
    /// Asks and keeps the answer.
    Ask(Ask),
    /// Waits for a message and goes on by its words.
    Keywords(KeywordRouter),
    /// Goes on by what is known of the dialog.
    Condition(Branch),
    /// Gives the dialog a status.
    Finish(Finish),
    /// A host's step.
    Custom(CustomStep),
    /// A host's router: waits for a message and goes on by its route.
    Router(CustomRouter),
}

impl<S: Step> From<S> for StepKind {
    fn from(step: S) -> Self {
        Self::Custom(CustomStep::new(step))
    }
}

impl StepKind {
    /// A step that routes by a host's router.
    pub fn router(router: impl Router) -> Self {
        Self::Router(CustomRouter::new(router))
    }

    /// The names of the exits it has.
    pub fn exits(&self) -> Vec<String> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self {
            Self::Send(_) | Self::Finish(_) => names(&[EXIT_NEXT]),
            Self::Ask(ask) if ask.timeout_ms.is_some() => {
                names(&[EXIT_NEXT, EXIT_GAVE_UP, EXIT_TIMEOUT])
            }
            Self::Ask(_) => names(&[EXIT_NEXT, EXIT_GAVE_UP]),
            Self::Keywords(router) => router
                .routes
                .iter()
                .map(|route| route.name.clone())
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
            Self::Condition(branch) => branch
                .arms
                .iter()
                .map(|arm| arm.name.clone())
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
            Self::Custom(step) => step.code.exits.clone(),
            Self::Router(router) => router
                .code
                .exits
                .iter()
                .cloned()
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
        }
    }
}

/// Says a message. The text is a [template](crate::Template).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMessage {
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) choices: Vec<String>,
}

impl SendMessage {
    /// A message of this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            choices: Vec::new(),
        }
    }

    /// Adds choices that the contact can pick; a router further on takes the pick.
    #[must_use]
    pub fn choices(mut self, choices: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.choices.extend(choices.into_iter().map(Into::into));
        self
    }
}

impl From<SendMessage> for StepKind {
    fn from(kind: SendMessage) -> Self {
        Self::Send(kind)
    }
}

/// Asks, checks the answer, asks again up to a limit, keeps the answer. Texts are
/// [templates](crate::Template).
///
/// Exits: `next`, [`gave_up`](EXIT_GAVE_UP) after too many wrong answers,
/// [`timeout`](EXIT_TIMEOUT) if a time-out is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub(crate) question: String,
    pub(crate) answer: AskKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<String>,
    pub(crate) retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) save: Option<SaveTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
}

/// What counts as an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AskKind {
    /// Any text that isn't blank; kept without the blanks around it.
    Text,
    /// A whole number in this range, both ends included; kept as an integer.
    Number {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// One of these, whatever the case; offered as choices and kept as written here.
    Choice(Vec<String>),
}

/// Where an answer is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveTo {
    /// In the dialog's data under this name.
    Data(String),
    /// As the contact's name.
    ContactName,
    /// In this field of the contact.
    Field(String),
}

impl Ask {
    /// How often a question is asked again unless the author says otherwise.
    pub const RETRIES: u32 = 5;

    fn new(question: impl Into<String>, answer: AskKind) -> Self {
        Self {
            question: question.into(),
            answer,
            retry: None,
            retries: Self::RETRIES,
            save: None,
            timeout_ms: None,
        }
    }

    /// Asks for any text.
    pub fn text(question: impl Into<String>) -> Self {
        Self::new(question, AskKind::Text)
    }

    /// Asks for a whole number from `least` to `most`.
    pub fn number(question: impl Into<String>, least: i64, most: i64) -> Self {
        Self::new(question, AskKind::Number { least, most })
    }

    /// Asks for one of several choices.
    pub fn choice(
        question: impl Into<String>,
        choices: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self::new(
            question,
            AskKind::Choice(choices.into_iter().map(Into::into).collect()),
        )
    }

    /// Says this instead of the question when an answer doesn't count.
    #[must_use]
    pub fn retry(mut self, text: impl Into<String>) -> Self {
        self.retry = Some(text.into());
        self
    }

    /// Asks again at most this often.
    #[must_use]
    pub fn retries(mut self, most: u32) -> Self {
        self.retries = most;
        self
    }

    /// Keeps the answer in the dialog's data.
    #[must_use]
    pub fn save(mut self, name: impl Into<String>) -> Self {
        self.save = Some(SaveTo::Data(name.into()));
        self
    }

    /// Keeps the answer as the contact's name.
    #[must_use]
    pub fn save_contact_name(mut self) -> Self {
        self.save = Some(SaveTo::ContactName);
        self
    }

    /// Keeps the answer in a field of the contact.
    #[must_use]
    pub fn save_field(mut self, name: impl Into<String>) -> Self {
        self.save = Some(SaveTo::Field(name.into()));
        self
    }

    /// Leaves through the exit `timeout` when there is no good answer in this time.
    #[must_use]
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

impl From<Ask> for StepKind {
    fn from(kind: Ask) -> Self {
        Self::Ask(kind)
    }
}

/// Goes on by the words of the contact's message. Case, `ё` and `е`, spaces and most
/// punctuation make no difference; a keyword is one or several whole words.
///
/// Of several routes that fit, the one listed first is taken. Exits: the routes' names, and
/// `otherwise`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeywordRouter {
    pub(crate) routes: Vec<KeywordRoute>,
    pub(crate) matching: KeywordMatch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) otherwise: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) save: Option<SaveTo>,
}

/// One route of a keyword router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeywordRoute {
    pub(crate) name: String,
    pub(crate) keywords: Vec<String>,
}

/// Where in a message a keyword must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeywordMatch {
    /// Anywhere.
    Anywhere,
    /// At its beginning.
    Beginning,
    /// It must be the whole message.
    Whole,
}

impl Default for KeywordRouter {
    fn default() -> Self {
        Self::new()
    }
}

impl KeywordRouter {
    /// A router without routes.
    pub fn new() -> Self {
        Self {
            routes: Vec::new(),
            matching: KeywordMatch::Anywhere,
            otherwise: None,
            save: None,
        }
    }

    /// Adds a route; its name is an exit.
    #[must_use]
    pub fn route(
        mut self,
        name: impl Into<String>,
        keywords: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let keywords = keywords.into_iter().map(Into::into).collect();
        self.routes.push(KeywordRoute {
            name: name.into(),
            keywords,
        });
        self
    }

    /// Sets where keywords must stand.
    #[must_use]
    pub fn matching(mut self, matching: KeywordMatch) -> Self {
        self.matching = matching;
        self
    }

    /// Says this and waits again where no route fits, instead of the exit `otherwise`.
    #[must_use]
    pub fn otherwise_say(mut self, text: impl Into<String>) -> Self {
        self.otherwise = Some(text.into());
        self
    }

    /// Keeps the name of the route taken in the dialog's data.
    #[must_use]
    pub fn save(mut self, name: impl Into<String>) -> Self {
        self.save = Some(SaveTo::Data(name.into()));
        self
    }
}

impl From<KeywordRouter> for StepKind {
    fn from(kind: KeywordRouter) -> Self {
        Self::Keywords(kind)
    }
}

/// Goes on by what is known of the dialog: the first arm that holds is taken, else `otherwise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Branch {
    pub(crate) arms: Vec<Arm>,
}

/// One arm of a condition step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arm {
    pub(crate) name: String,
    pub(crate) when: Condition,
}

impl Branch {
    /// A condition step with one arm.
    pub fn when(name: impl Into<String>, condition: Condition) -> Self {
        Self::default().or_when(name, condition)
    }

    /// Adds an arm, tried after those before it; its name is an exit.
    #[must_use]
    pub fn or_when(mut self, name: impl Into<String>, condition: Condition) -> Self {
        self.arms.push(Arm {
            name: name.into(),
            when: condition,
        });
        self
    }
}

impl From<Branch> for StepKind {
    fn from(kind: Branch) -> Self {
        Self::Condition(kind)
    }
}

/// Does nothing but give the dialog a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    pub(crate) status: FinishStatus,
}

impl Finish {
    /// A step that gives this status.
    pub const fn with(status: FinishStatus) -> Self {
        Self { status }
    }
}

impl From<Finish> for StepKind {
    fn from(kind: Finish) -> Self {
        Self::Finish(kind)
    }
}

/// The status that passing a step gives the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishStatus {
    /// Automation goes on at once, as without a finish status.
    Auto,
    /// The dialog waits for the contact at this step; the next message goes on from here.
    Waiting,
    /// A person takes over; when automation goes on, it goes on from here.
    Manual,
    /// The flow is over.
    Finished,
}
