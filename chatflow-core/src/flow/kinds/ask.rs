//! Asking.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::flow::{SaveTo, StepKind, Texts};

/// Asks, checks the answer, asks again up to a limit, keeps the answer. Texts are
/// [templates](crate::Template).
///
/// Exits: `next`, [`gave_up`](crate::EXIT_GAVE_UP) after too many wrong answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub(crate) question: Texts,
    pub(crate) answer: AskKind,
    pub(crate) retry: Option<Texts>,
    pub(crate) retries: u32,
    pub(crate) save: Option<SaveTo>,
}

/// What counts as an answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AskKind {
    /// Any text that isn't blank; kept without the blanks around it.
    Text,
    /// A number: a whole one is kept as an integer, else as an exact decimal. The fraction may
    /// be written with a point or a comma.
    Number,
    /// A whole number in this range, both ends included; kept as an integer.
    Range {
        /// The least.
        from: i64,
        /// The most.
        to: i64,
    },
    /// An e-mail address by its form; its domain is kept in lower case.
    Email,
    /// A telephone number by its form: 7 to 15 digits, kept as `+` and the digits where it was
    /// written with `+` or `00`, else as the digits.
    Phone,
    /// A day: `2026-01-31` or `31.01.2026`; kept as a date.
    Date,
    /// One of these, whatever the case; offered as choices. What is kept is the choice as it is
    /// written in the flow's own language.
    Choice(Vec<Texts>),
    /// A text in which this regular expression is found; kept without the blanks around it.
    Regex(String),
}

impl Ask {
    /// How often a question is asked again unless the author says otherwise.
    pub const RETRIES: u32 = 5;

    /// Asks for an answer of this kind.
    pub fn new(question: impl Into<Texts>, answer: AskKind) -> Self {
        Self {
            question: question.into(),
            answer,
            retry: None,
            retries: Self::RETRIES,
            save: None,
        }
    }

    /// Asks for any text.
    pub fn text(question: impl Into<Texts>) -> Self {
        Self::new(question, AskKind::Text)
    }

    /// Asks for a whole number from `from` to `to`.
    pub fn range(question: impl Into<Texts>, from: i64, to: i64) -> Self {
        Self::new(question, AskKind::Range { from, to })
    }

    /// Asks for one of several choices.
    pub fn choice(
        question: impl Into<Texts>,
        choices: impl IntoIterator<Item = impl Into<Texts>>,
    ) -> Self {
        let choices = choices.into_iter().map(Into::into).collect();
        Self::new(question, AskKind::Choice(choices))
    }

    /// Says this instead of the question when an answer doesn't count.
    #[must_use]
    pub fn retry(mut self, text: impl Into<Texts>) -> Self {
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
}

impl From<Ask> for StepKind {
    fn from(kind: Ask) -> Self {
        Self::Ask(kind)
    }
}

/// The form of a question in a file, where it isn't just the text.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "question")
)]
#[serde(deny_unknown_fields)]
struct Body {
    /// What is asked.
    question: Texts,
    /// What counts as an answer; any text, unless there are choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// The answers to choose from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Texts>>,
    /// What is said instead of the question when an answer doesn't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Texts>,
    /// How often it is asked again; then the dialog leaves by `gave_up`.
    #[serde(default = "retries", skip_serializing_if = "is_usual")]
    retries: u32,
    /// Where the answer is kept: `age`, `contact.name` or `contact.city`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    save: Option<SaveTo>,
}

fn retries() -> u32 {
    Ask::RETRIES
}

fn is_usual(retries: &u32) -> bool {
    *retries == Ask::RETRIES
}

/// What counts as an answer.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "answer")
)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Any text that isn't blank.
    Text,
    /// A number, whole or with a fraction.
    Number,
    /// A whole number in a range.
    Range(Ends),
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A day: 2026-01-31 or 31.01.2026.
    Date,
    /// A text in which this regular expression is found.
    Regex(String),
}

/// The two ends of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "range")
)]
#[serde(deny_unknown_fields)]
struct Ends {
    /// The least.
    from: i64,
    /// The most.
    to: i64,
}

impl TryFrom<Body> for Ask {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, &'static str> {
        let answer = match (body.answer, body.choices) {
            (Some(_), Some(_)) => return Err("a question has `choices` or an `answer`, not both"),
            (None, Some(choices)) => AskKind::Choice(choices),
            (None | Some(Answer::Text), None) => AskKind::Text,
            (Some(Answer::Number), None) => AskKind::Number,
            (Some(Answer::Range(Ends { from, to })), None) => AskKind::Range { from, to },
            (Some(Answer::Email), None) => AskKind::Email,
            (Some(Answer::Phone), None) => AskKind::Phone,
            (Some(Answer::Date), None) => AskKind::Date,
            (Some(Answer::Regex(pattern)), None) => AskKind::Regex(pattern),
        };
        Ok(Self {
            question: body.question,
            answer,
            retry: body.retry,
            retries: body.retries,
            save: body.save,
        })
    }
}

impl From<&Ask> for Body {
    fn from(ask: &Ask) -> Self {
        let (answer, choices) = match &ask.answer {
            AskKind::Text => (None, None),
            AskKind::Number => (Some(Answer::Number), None),
            &AskKind::Range { from, to } => (Some(Answer::Range(Ends { from, to })), None),
            AskKind::Email => (Some(Answer::Email), None),
            AskKind::Phone => (Some(Answer::Phone), None),
            AskKind::Date => (Some(Answer::Date), None),
            AskKind::Choice(choices) => (None, Some(choices.clone())),
            AskKind::Regex(pattern) => (Some(Answer::Regex(pattern.clone())), None),
        };
        Self {
            question: ask.question.clone(),
            answer,
            choices,
            retry: ask.retry.clone(),
            retries: ask.retries,
            save: ask.save.clone(),
        }
    }
}

impl Serialize for Ask {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                question: Texts::One(question),
                answer: AskKind::Text,
                retry: None,
                retries: Self::RETRIES,
                save: None,
            } => question.serialize(to),
            ask => Body::from(ask).serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Ask {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Ask;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the question, or a map with `question` and more")
            }

            fn visit_str<E>(self, question: &str) -> Result<Ask, E> {
                Ok(Ask::text(question))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Ask, A::Error> {
                let body = Body::deserialize(de::value::MapAccessDeserializer::new(map))?;
                body.try_into().map_err(de::Error::custom)
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(Ask, "ask", Body);
