//! Texts with placeholders.

use std::fmt::Write as _;

use crate::dialog::{Dialog, Text, Value};

/// A text with placeholders, compiled: `Hello, {{ name }}!`
///
/// A placeholder is a name: `data.x` for a value the dialog collected, `contact.name`,
/// `contact.language`, `contact.x` for a field of the contact, or plain `x`, which is the
/// dialog's value where there is one, else the contact's name, language or field. A value that
/// isn't there is an error, never an empty hole and never the raw braces. A contact's text is
/// filled in as it is and never read as a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Plain(Box<str>),
    Value(Path),
}

/// Longest template, in bytes.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 2048;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Longer than 2 KiB.
    #[error("the template has {bytes} bytes, more than 2048; split the message")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A text by language names no language.
    #[error("there is no text in any language")]
    NoText,
    /// `{{` without `}}`.
    #[error("`{{{{` at byte {at} is never closed by `}}}}`")]
    Unclosed {
        /// Where.
        at: usize,
    },
    /// Something other than a name between the braces.
    #[error(
        "`{found}` at byte {at} is no name; write {{{{ name }}}}, {{{{ data.x }}}} or {{{{ contact.x }}}}"
    )]
    NotAName {
        /// Where.
        at: usize,
        /// What stands there.
        found: String,
    },
}

/// Why a template can't be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A value that it reads isn't there, or is null.
    #[error("`{name}` has no value here")]
    ValueMissing {
        /// The placeholder's name.
        name: String,
    },
    /// The text would be longer than 64 KiB.
    #[error("the text would be longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
}

/// Longest text that filling in may give, in bytes.
const RENDERED_BYTES_MAX: usize = 64 * 1024;

/// Writes up to a limit, so that many large values can't pile up first and be refused after.
struct Capped(String);

impl std::fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > RENDERED_BYTES_MAX {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// [`TemplateError`] names the place.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong {
                bytes: source.len(),
            });
        }
        let mut segments = Vec::new();
        let mut at = 0;
        while let Some(open) = source[at..].find("{{").map(|found| at + found) {
            if open > at {
                segments.push(Segment::Plain(source[at..open].into()));
            }
            let Some(length) = source[open..].find("}}") else {
                return Err(TemplateError::Unclosed { at: open });
            };
            let inside = source[open + 2..open + length].trim();
            let path = Path::parse(inside).ok_or_else(|| TemplateError::NotAName {
                at: open,
                found: inside.to_owned(),
            })?;
            segments.push(Segment::Value(path));
            at = open + length + 2;
        }
        if at < source.len() {
            segments.push(Segment::Plain(source[at..].into()));
        }
        Ok(Self { segments })
    }

    /// Fills in the values of a dialog, a snapshot or a host's own record.
    ///
    /// # Errors
    /// [`RenderError`] names the first value that isn't there, or says that the text is too long.
    pub fn render(&self, dialog: &dyn Dialog) -> Result<Text, RenderError> {
        if let [Segment::Plain(text)] = self.segments.as_slice() {
            return Ok(Text::new(&**text));
        }
        // Room for most messages, so that filling in doesn't grow it piece by piece.
        let mut out = Capped(String::with_capacity(128));
        for segment in &self.segments {
            let written = match segment {
                Segment::Plain(text) => out.write_str(text),
                Segment::Value(path) => path
                    .with(dialog, |value| {
                        (!value.is_null()).then(|| value.write_to(&mut out))
                    })
                    .flatten()
                    .ok_or_else(|| RenderError::ValueMissing {
                        name: path.to_string(),
                    })?,
            };
            written.map_err(|_| RenderError::TooLong)?;
        }
        Ok(Text::from(out.0))
    }
}

impl Template {
    /// The value it gives: where it is nothing but one placeholder, that value with its kind,
    /// else the text.
    ///
    /// # Errors
    /// As [`render`](Template::render).
    pub fn evaluate(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        match self.segments.as_slice() {
            [Segment::Value(path)] => path
                .with(dialog, |value| (!value.is_null()).then(|| value.clone()))
                .flatten()
                .ok_or_else(|| RenderError::ValueMissing {
                    name: path.to_string(),
                }),
            _ => self.render(dialog).map(Value::Text),
        }
    }
}

/// Where a placeholder's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    Data(Box<str>),
    ContactName,
    ContactLanguage,
    Field(Box<str>),
    /// A plain name: data, else the contact's.
    Any(Box<str>),
}

/// Whether a value can be kept and read under this name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|first: char| first.is_numeric())
        && name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
}

impl Path {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None => is_name(text).then(|| Self::Any(text.into())),
            Some(("data", name)) => is_name(name).then(|| Self::Data(name.into())),
            Some(("contact", "name")) => Some(Self::ContactName),
            Some(("contact", "language")) => Some(Self::ContactLanguage),
            Some(("contact", name)) => is_name(name).then(|| Self::Field(name.into())),
            Some(_) => None,
        }
    }

    /// Calls `use_value` with the value, where there is one.
    pub(crate) fn with<T>(
        &self,
        dialog: &dyn Dialog,
        use_value: impl FnOnce(&Value) -> T,
    ) -> Option<T> {
        let text = |text: Option<&str>| text.map(Value::from);
        let value = match self {
            Self::Data(name) => return dialog.data(name).map(|value| use_value(&value)),
            Self::Field(name) => return dialog.field(name).map(|value| use_value(&value)),
            Self::ContactName => text(dialog.contact_name()),
            Self::ContactLanguage => text(dialog.contact_language()),
            Self::Any(name) => {
                if let Some(value) = dialog.data(name) {
                    return Some(use_value(&value));
                }
                match &**name {
                    "name" => text(dialog.contact_name()),
                    "language" => text(dialog.contact_language()),
                    name => return dialog.field(name).map(|value| use_value(&value)),
                }
            }
        };
        value.map(|value| use_value(&value))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(name) => write!(f, "data.{name}"),
            Self::ContactName => f.write_str("contact.name"),
            Self::ContactLanguage => f.write_str("contact.language"),
            Self::Field(name) => write!(f, "contact.{name}"),
            Self::Any(name) => f.write_str(name),
        }
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Plain(text) => f.write_str(text),
            Segment::Value(path) => write!(f, "{{{{ {path} }}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    use crate::dialog::{FlowId, ShownStatus, StatusKind, StepId};

    struct Record;

    impl Dialog for Record {
        fn status(&self) -> ShownStatus {
            StatusKind::Manual.into()
        }
        fn flow(&self) -> Option<&FlowId> {
            None
        }
        fn step(&self) -> Option<&StepId> {
            None
        }
        fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
            (name == "age").then_some(Cow::Owned(Value::Integer(34)))
        }
        fn contact_name(&self) -> Option<&str> {
            Some("Anna {{ age }}")
        }
    }

    fn render(source: &str) -> Result<String, RenderError> {
        Template::parse(source)
            .unwrap()
            .render(&Record)
            .map(|text| text.as_str().to_owned())
    }

    #[test]
    fn values_are_filled_in_and_not_read_as_templates() {
        assert_eq!(
            render("{{name}}, {{ data.age }}!").unwrap(),
            "Anna {{ age }}, 34!"
        );
        assert_eq!(render("plain").unwrap(), "plain");
        assert_eq!(render("").unwrap(), "");
    }

    #[test]
    fn fl_32_a_missing_value_is_an_error_never_raw_braces() {
        let missing = RenderError::ValueMissing {
            name: "city".to_owned(),
        };
        assert_eq!(render("Hi {{ city }}"), Err(missing));
    }

    #[test]
    fn bad_templates_name_the_place() {
        assert_eq!(
            Template::parse("ab {{ x"),
            Err(TemplateError::Unclosed { at: 3 })
        );
        assert!(matches!(
            Template::parse("{{ x | upper }}"),
            Err(TemplateError::NotAName { at: 0, .. })
        ));
        assert!(matches!(
            Template::parse(&"x".repeat(3000)),
            Err(TemplateError::TooLong { .. })
        ));
    }
}
