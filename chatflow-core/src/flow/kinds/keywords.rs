//! Going on by words.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::flow::ordered::{self, Named};
use crate::flow::{SaveTo, StepKind, Texts};

/// Goes on by the words of the contact's message. Case, `ё` and `е`, spaces and most
/// punctuation make no difference; a keyword is one or several whole words. A pattern is a
/// regular expression, searched for in the text as it was written.
///
/// Of several routes that fit, the one listed first is taken. Exits: the routes' names, and
/// `otherwise`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "keywords")
)]
#[serde(deny_unknown_fields)]
pub struct KeywordRouter {
    /// The routes in order, each with its keywords.
    #[serde(with = "ordered")]
    #[cfg_attr(
        feature = "files",
        schemars(with = "std::collections::BTreeMap<String, Words>")
    )]
    pub(crate) routes: Vec<KeywordRoute>,
    /// Where in a message a keyword must stand.
    #[serde(
        default,
        rename = "match",
        skip_serializing_if = "KeywordMatch::is_anywhere"
    )]
    pub(crate) matching: KeywordMatch,
    /// Said where no route fits; the step waits again then, instead of leaving by `otherwise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<Texts>,
    /// Where the name of the route taken is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) save: Option<SaveTo>,
}

/// One route of a keyword router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeywordRoute {
    pub(crate) name: String,
    pub(crate) keywords: Vec<String>,
    pub(crate) patterns: Vec<String>,
}

/// Where in a message a keyword must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "match")
)]
#[serde(rename_all = "snake_case")]
pub enum KeywordMatch {
    /// Anywhere.
    #[default]
    Anywhere,
    /// At its beginning.
    Beginning,
    /// It must be the whole message.
    Whole,
}

impl KeywordMatch {
    fn is_anywhere(&self) -> bool {
        *self == Self::Anywhere
    }
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
            retry: None,
            save: None,
        }
    }

    /// Adds a route; its name is an exit.
    #[must_use]
    pub fn route(
        self,
        name: impl Into<String>,
        keywords: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let keywords = keywords.into_iter().map(Into::into).collect();
        self.with(name.into(), keywords, Vec::new())
    }

    /// Adds a route that is taken where one of these regular expressions is found.
    #[must_use]
    pub fn pattern(
        self,
        name: impl Into<String>,
        patterns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let patterns = patterns.into_iter().map(Into::into).collect();
        self.with(name.into(), Vec::new(), patterns)
    }

    fn with(mut self, name: String, keywords: Vec<String>, patterns: Vec<String>) -> Self {
        match self.routes.iter_mut().find(|route| route.name == name) {
            // Its keywords by one call, its patterns by another.
            Some(route) if route.keywords.is_empty() != keywords.is_empty() => {
                route.keywords.extend(keywords);
                route.patterns.extend(patterns);
            }
            _ => self.routes.push(KeywordRoute {
                name,
                keywords,
                patterns,
            }),
        }
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
    pub fn retry(mut self, text: impl Into<Texts>) -> Self {
        self.retry = Some(text.into());
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

/// What takes a route: one keyword, a list of them, or keywords and patterns.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "words")
)]
#[serde(deny_unknown_fields, default)]
struct Both {
    /// Whole words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    /// Regular expressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<String>,
}

/// [`Both`], a list of keywords or a single one.
pub(crate) struct Words(Both);

impl Named for KeywordRoute {
    type Value = Words;

    fn split(&self) -> (String, Words) {
        let both = Both {
            keywords: self.keywords.clone(),
            patterns: self.patterns.clone(),
        };
        (self.name.clone(), Words(both))
    }

    fn join(name: String, Words(words): Words) -> Result<Self, String> {
        Ok(Self {
            name,
            keywords: words.keywords,
            patterns: words.patterns,
        })
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.patterns.is_empty() {
            self.0.keywords.serialize(to)
        } else {
            self.0.serialize(to)
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a keyword, a list of keywords, or a map with `keywords` and `patterns`",
                )
            }

            fn visit_str<E>(self, keyword: &str) -> Result<Words, E> {
                Ok(Words(Both {
                    keywords: vec![keyword.to_owned()],
                    ..Both::default()
                }))
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Words, E> {
                self.visit_str(&yes.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Words, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Words, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Words, A::Error> {
                let keywords = Vec::deserialize(de::value::SeqAccessDeserializer::new(list))?;
                Ok(Words(Both {
                    keywords,
                    ..Both::default()
                }))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Words, A::Error> {
                Both::deserialize(de::value::MapAccessDeserializer::new(map)).map(Words)
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
impl schemars::JsonSchema for Words {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "keywords_of_route".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let both = generator.subschema_for::<Both>();
        let word = schemars::json_schema!({ "type": ["string", "number", "boolean"] });
        let words = schemars::json_schema!({ "type": "array", "items": word });
        schemars::json_schema!({ "anyOf": [word, words, both] })
    }
}
