//! A text in one language or several.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::{Dialog, Text};
use crate::flow::{RenderError, Template, TemplateError};

/// What an author wrote to be said: one [template](crate::Template), or one for each language.
///
/// In a file it is a text, or a map from language to text. The contact's language decides:
/// `pt-BR` takes `pt-BR`, else `pt`, else the language of the flow, else the first there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Texts {
    /// The same for everybody.
    One(String),
    /// By language, such as `en` or `pt-BR`.
    ByLanguage(BTreeMap<String, String>),
}

impl Texts {
    /// Texts by language.
    pub fn by_language(
        texts: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let texts = texts.into_iter();
        Self::ByLanguage(
            texts
                .map(|(language, text)| (language.into(), text.into()))
                .collect(),
        )
    }

    /// Each text with its language, where it has one.
    pub fn each(&self) -> Vec<(Option<&str>, &str)> {
        match self {
            Self::One(text) => vec![(None, text)],
            Self::ByLanguage(texts) => texts
                .iter()
                .map(|(language, text)| (Some(language.as_str()), text.as_str()))
                .collect(),
        }
    }

    /// The text for people who write flows: the first there is in `language`, else any.
    pub fn shown(&self, language: Option<&str>) -> &str {
        match self {
            Self::One(text) => text,
            Self::ByLanguage(texts) => language
                .and_then(|language| texts.get(language))
                .or_else(|| texts.values().next())
                .map_or("", String::as_str),
        }
    }
}

impl From<&str> for Texts {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<String> for Texts {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(text) => text.serialize(to),
            Self::ByLanguage(texts) => texts.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a map from language to text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts::from(text))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Texts, E> {
                Ok(Texts::One(yes.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Texts, E> {
                Ok(Texts::One(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Texts, E> {
                Ok(Texts::One(number.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Texts, A::Error> {
                let texts = de::value::MapAccessDeserializer::new(map);
                BTreeMap::deserialize(texts).map(Texts::ByLanguage)
            }
        }

        from.deserialize_any(Visitor)
    }
}

/// Texts ready to be said.
#[derive(Debug, Clone)]
pub(crate) struct CompiledTexts {
    /// For a language that the others don't speak.
    fallback: Template,
    by_language: Vec<(Box<str>, Template)>,
}

impl CompiledTexts {
    /// Compiles each text; of those that are no templates, each with its language.
    pub(crate) fn compile(
        texts: &Texts,
        fallback: Option<&str>,
    ) -> Result<Self, Vec<(Option<String>, TemplateError)>> {
        let mut errors = Vec::new();
        let mut by_language = Vec::new();
        for (language, text) in texts.each() {
            match Template::parse(text) {
                Ok(template) => by_language.push((language, template)),
                Err(error) => errors.push((language.map(ToOwned::to_owned), error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let chosen = by_language
            .iter()
            .find(|(language, _)| *language == fallback)
            .or_else(|| by_language.first());
        let Some((_, chosen)) = chosen else {
            return Err(vec![(None, TemplateError::NoText)]);
        };
        let fallback = chosen.clone();
        let by_language = by_language
            .into_iter()
            .filter_map(|(language, template)| Some((language?.into(), template)))
            .collect();
        Ok(Self {
            fallback,
            by_language,
        })
    }

    /// The text in the contact's language, filled in.
    pub(crate) fn render(&self, dialog: &dyn Dialog) -> Result<Text, RenderError> {
        self.chosen(dialog.contact_language()).render(dialog)
    }

    fn chosen(&self, language: Option<&str>) -> &Template {
        let find = |wanted: &str| {
            let mut found = self.by_language.iter();
            found.find(|(language, _)| language.eq_ignore_ascii_case(wanted))
        };
        // `pt-BR`, then `pt`: channels write both `-` and `_`.
        language
            .and_then(|language| {
                find(language).or_else(|| find(language.split(['-', '_']).next()?))
            })
            .map_or(&self.fallback, |(_, template)| template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{FlowId, ShownStatus, StatusKind, StepId, Value};
    use std::borrow::Cow;

    struct Speaker(Option<&'static str>);

    impl Dialog for Speaker {
        fn status(&self) -> ShownStatus {
            StatusKind::Auto.into()
        }
        fn flow(&self) -> Option<&FlowId> {
            None
        }
        fn step(&self) -> Option<&StepId> {
            None
        }
        fn data(&self, _: &str) -> Option<Cow<'_, Value>> {
            None
        }
        fn contact_name(&self) -> Option<&str> {
            None
        }
        fn contact_language(&self) -> Option<&str> {
            self.0
        }
    }

    #[test]
    fn the_contacts_language_decides() {
        let texts = Texts::by_language([
            ("en", "Hi"),
            ("pt", "Oi"),
            ("pt-BR", "E aí"),
            ("ru", "Привет"),
        ]);
        let compiled = CompiledTexts::compile(&texts, Some("ru")).unwrap();
        let said = |language| {
            compiled
                .render(&Speaker(language))
                .unwrap()
                .as_str()
                .to_owned()
        };
        assert_eq!(said(Some("pt-br")), "E aí");
        assert_eq!(said(Some("pt_PT")), "Oi");
        assert_eq!(said(Some("en-US")), "Hi");
        assert_eq!(said(Some("de")), "Привет", "the flow's own language");
        assert_eq!(said(None), "Привет");
    }
}
