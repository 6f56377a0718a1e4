//! Texts with placeholders.
//!
//! ```text
//!  source ──► pieces ──► segments                          `Hello, {{ name }}!`: the fast path
//!                   └──► grammar ──► program (minijinja)   filters, expressions, if, for
//! ```

mod grammar;
mod operation;
mod path;
pub(crate) mod percent;
mod pieces;
mod program;
mod token;

use std::fmt::Write as _;
use std::sync::Arc;

use crate::dialog::{Dialog, Text, Value};
pub(crate) use path::{Path, is_data_name};
use pieces::{Inside, Piece};
use program::Program;

/// A text with placeholders, compiled: `Hello, {{ name }}!`
///
/// A placeholder is a name: `data.x` for a value the dialog collected, `contact.name`,
/// `contact.language`, `contact.x` for a field of the contact, `variable.x` for a variable of
/// the bot, or plain `x`, which is the first of these that there is: the dialog's value, the
/// bot's variable, the contact's name, language or field, a built-in name. Built in are `tags`,
/// `message`, `media`, `source`, `event`, `status`, `flow`, `step`, `dialog` with its parts `id`
/// and `address`, the contact's outside id, and `now`, the local time with its parts `date`,
/// `time`, `year`, `month`, `day`, `hour`, `minute` and `weekday` (1 is Monday).
///
/// Beyond names there are expressions in the manner of Jinja: `{{ price * 2 }}`,
/// `{{ name | default("friend") | upper }}`, `{{ "yes" if age >= 18 else "no" }}`,
/// `{% if "vip" in tags %}…{% elif … %}…{% else %}…{% endif %}` and
/// `{% for item in order %}{{ loop.index }}. {{ item.title }}{% endfor %}`. Texts are put
/// together by placing them side by side or by `[a, b] | join(" ")`; there is no `~`, no `**`
/// and no slice, and `+` and `*` are for numbers. Numbers are whole numbers or exact decimals.
///
/// A value that isn't there is an error, never an empty hole and never the raw braces, unless a
/// `default` follows or a test asks whether it `is defined`. A contact's text is filled in as it
/// is and never read as a template.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// Plain text and names.
    Segments(Arc<[Segment]>),
    /// The same for an address: values come percent-encoded.
    Encoded(Arc<[Segment]>),
    /// Anything else.
    Program(Arc<Program>),
}

#[derive(Debug)]
enum Segment {
    Plain(Text),
    Value(Path),
}

/// Longest template, in bytes.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 2048;

/// A name that a template or a condition reads, such as `data.x`, `contact.city` or `x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) name: String,
    /// Whether it may be missing: a default follows, or a test asks whether it is there.
    pub(crate) guarded: bool,
}

/// Why a text is no template or no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Longer than 2 KiB.
    #[error("the template has {bytes} bytes, more than 2048; split the message")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// `{{`, `{%`, `{#`, a block or a quote without its end.
    #[error("what opens at byte {at} is never closed")]
    Unclosed {
        /// Where.
        at: usize,
    },
    /// Something other than a value where one must stand.
    #[error("{} is no value; a name reads x, data.x or contact.x", place(*at, found))]
    NotAName {
        /// Where.
        at: usize,
        /// What stands there.
        found: String,
    },
    /// A number that is too long or runs into letters.
    #[error("`{found}` at byte {at} is no number of at most 28 digits")]
    BadNumber {
        /// Where.
        at: usize,
        /// What stands there.
        found: String,
    },
    /// A word or sign that can't stand there.
    #[error("{} can't stand there{}", place(*at, found), if found == "=" { "; `==` compares" } else { "" })]
    Unexpected {
        /// Where.
        at: usize,
        /// What stands there; nothing at the end of an expression.
        found: String,
    },
    /// There is no such filter.
    #[error("there is no filter `{name}`, asked for at byte {at}")]
    UnknownFilter {
        /// Where.
        at: usize,
        /// Its name.
        name: String,
    },
    /// There is no such test.
    #[error("there is no test `{name}`, asked for at byte {at}")]
    UnknownTest {
        /// Where.
        at: usize,
        /// Its name.
        name: String,
    },
    /// A filter has too few or too many arguments.
    #[error("the filter `{name}` at byte {at} has too few or too many arguments")]
    BadArguments {
        /// Where.
        at: usize,
        /// Its name.
        name: String,
    },
    /// There is no such tag.
    #[error("there is no tag `{tag}`, written at byte {at}; there are `if` and `for`")]
    UnknownTag {
        /// Where.
        at: usize,
        /// Its name.
        tag: String,
    },
    /// A tag that belongs to a block stands outside it.
    #[error("the tag `{tag}` at byte {at} has no block to belong to")]
    Misplaced {
        /// Where.
        at: usize,
        /// Its name.
        tag: String,
    },
    /// Nested too deeply, or a chain of too many parts.
    #[error("it is nested too deeply or has too many parts at byte {at}; split it")]
    TooDeep {
        /// Where.
        at: usize,
    },
    /// A text by language names no language.
    #[error("there is no text in any language")]
    NoText,
    /// We read it, but the template engine beneath doesn't take it.
    #[error("the template engine refuses it")]
    Refused,
}

/// What stands at a place, for people.
fn place(at: usize, found: &str) -> String {
    match found {
        "" => format!("the end at byte {at}"),
        found => format!("`{found}` at byte {at}"),
    }
}

impl TemplateError {
    /// Where in the source, in bytes, as far as it is at one place.
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::TooLong { .. } | Self::NoText | Self::Refused => None,
            Self::Unclosed { at }
            | Self::NotAName { at, .. }
            | Self::BadNumber { at, .. }
            | Self::Unexpected { at, .. }
            | Self::UnknownFilter { at, .. }
            | Self::UnknownTest { at, .. }
            | Self::BadArguments { at, .. }
            | Self::UnknownTag { at, .. }
            | Self::Misplaced { at, .. }
            | Self::TooDeep { at } => Some(*at),
        }
    }
}

/// Why a template can't be filled in. It names what the author wrote, never what a contact did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A value that it reads isn't there, or is null.
    #[error("`{name}` has no value here")]
    ValueMissing {
        /// The placeholder's name, or the expression that gave nothing.
        name: String,
    },
    /// The text, or a part of it on the way, would be longer than 64 KiB.
    #[error("the text would be longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
    /// It takes too many steps, goes over too many items or moves too much text.
    #[error("filling it in takes too long")]
    TooCostly,
    /// An operator, filter, loop or address met a value that it isn't for.
    #[error("`{operation}` can't be done with {found}")]
    WrongKind {
        /// The operator, filter, tag or setting.
        operation: String,
        /// The kind of value.
        found: &'static str,
    },
    /// The result is no number that can be kept, or an argument is out of its range.
    #[error("`{operation}` goes out of range")]
    OutOfRange {
        /// The operator or filter.
        operation: String,
    },
    /// The template engine gave up for a reason of its own.
    #[error("the template engine gave up")]
    Failed,
}

/// Longest text that filling in may give, in bytes.
pub(crate) const RENDERED_BYTES_MAX: usize = 64 * 1024;

/// Writes up to a limit, so that many large values can't pile up first and be refused after.
struct Capped(String);

impl Capped {
    /// Room for most messages, so that filling in doesn't grow it piece by piece.
    fn new() -> Self {
        Self(String::with_capacity(128))
    }

    fn into_text(self) -> String {
        self.0
    }
}

impl std::fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > RENDERED_BYTES_MAX {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// minijinja writes bytes, a whole text at a time.
impl std::io::Write for &mut Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        match self.write_str(text) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(std::io::Error::other(RenderError::TooLong)),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// [`TemplateError`] names the place.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let pieces = Self::pieces(source)?;
        let body = match segments(&pieces) {
            Some(segments) => Body::Segments(segments),
            None => Body::Program(Arc::new(Program::template(&pieces)?)),
        };
        Ok(Self::of(source, body))
    }

    /// Compiles a text for an address: what its placeholders give comes percent-encoded, so that
    /// no value can add a part to it. The text beside them stays as it is.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub(crate) fn encoding(source: &str) -> Result<Self, TemplateError> {
        let pieces = Self::pieces(source)?;
        let body = match segments(&pieces) {
            Some(segments) => Body::Encoded(segments),
            None => Body::Program(Arc::new(Program::encoding(&pieces)?)),
        };
        Ok(Self::of(source, body))
    }

    /// Compiles an address for minijinja, also where segments would do: the tests compare the
    /// two.
    #[cfg(test)]
    pub(crate) fn encoding_slowly(source: &str) -> Result<Self, TemplateError> {
        let program = Program::encoding(&Self::pieces(source)?)?;
        Ok(Self::of(source, Body::Program(Arc::new(program))))
    }

    /// What a source begins with before its first placeholder or tag, and whether that is all.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), as far as it is cut into pieces.
    pub(crate) fn fixed_start(source: &str) -> Result<(String, bool), TemplateError> {
        let mut start = String::new();
        for piece in Self::pieces(source)? {
            match piece {
                Piece::Text(text) => start.push_str(text),
                Piece::Output(_) | Piece::Tag(_) => return Ok((start, false)),
            }
        }
        Ok((start, true))
    }

    /// Compiles a text for minijinja, also where segments would do: the tests compare the two.
    #[cfg(test)]
    pub(crate) fn parse_slowly(source: &str) -> Result<Self, TemplateError> {
        let program = Program::template(&Self::pieces(source)?)?;
        Ok(Self::of(source, Body::Program(Arc::new(program))))
    }

    /// Compiles an expression without braces, such as `age >= 18`.
    pub(crate) fn expression(source: &str) -> Result<Self, TemplateError> {
        check_length(source)?;
        let inside = Inside {
            text: source,
            at: 0,
            open: 0,
        };
        let program = Program::expression(inside)?;
        Ok(Self::of(source, Body::Program(Arc::new(program))))
    }

    fn pieces(source: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
        check_length(source)?;
        pieces::pieces(source)
    }

    fn of(source: &str, body: Body) -> Self {
        Self {
            source: source.into(),
            body,
        }
    }

    /// Fills in the values of a dialog, a snapshot or a host's own record.
    ///
    /// # Errors
    /// [`RenderError`] names the first value that isn't there, or says what else went wrong.
    pub fn render(&self, dialog: &dyn Dialog) -> Result<Text, RenderError> {
        let (segments, is_encoded) = match &self.body {
            Body::Segments(segments) => (segments, false),
            Body::Encoded(segments) => (segments, true),
            Body::Program(program) => {
                return match program.run(dialog)? {
                    Value::Text(text) if text.len() <= RENDERED_BYTES_MAX => Ok(text),
                    value => {
                        let mut out = Capped::new();
                        let written = value.write_to(&mut out);
                        written.map_err(|_| RenderError::TooLong)?;
                        Ok(Text::from(out.into_text()))
                    }
                };
            }
        };
        if let [Segment::Plain(text)] = &**segments {
            return Ok(text.clone());
        }
        let mut out = Capped::new();
        for segment in &**segments {
            let written = match segment {
                Segment::Plain(text) => out.write_str(text.as_str()),
                Segment::Value(path) => path
                    .with(dialog, |value| {
                        (!value.is_null()).then(|| match is_encoded {
                            true => value.write_to(&mut percent::Encoding(&mut out)),
                            false => value.write_to(&mut out),
                        })
                    })
                    .flatten()
                    .ok_or_else(|| missing(path))?,
            };
            written.map_err(|_| RenderError::TooLong)?;
        }
        Ok(Text::from(out.into_text()))
    }

    /// The value of a template that is exactly one `{{ expression }}`, with its kind; of any
    /// other template the text.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn evaluate(&self, dialog: &dyn Dialog) -> Result<Value, RenderError> {
        match &self.body {
            Body::Segments(segments) => match &**segments {
                [Segment::Value(path)] => path
                    .with(dialog, Value::clone)
                    .filter(|value| !value.is_null())
                    .ok_or_else(|| missing(path)),
                _ => self.render(dialog).map(Value::Text),
            },
            Body::Program(program) if program.is_value() => program.run(dialog),
            Body::Program(_) | Body::Encoded(_) => self.render(dialog).map(Value::Text),
        }
    }

    /// The names it reads, each at its places, from left to right.
    pub(crate) fn reads(&self) -> Vec<Read> {
        match &self.body {
            Body::Segments(segments) | Body::Encoded(segments) => {
                let name = |segment: &Segment| match segment {
                    Segment::Plain(_) => None,
                    Segment::Value(path) => Some(Read {
                        name: path.to_string(),
                        guarded: false,
                    }),
                };
                segments.iter().filter_map(name).collect()
            }
            Body::Program(program) => program.reads().cloned().collect(),
        }
    }

    /// Whether an expression holds; one that fails doesn't.
    pub(crate) fn holds(&self, dialog: &dyn Dialog) -> bool {
        self.evaluate(dialog)
            .is_ok_and(|value| operation::is_true(&value))
    }
}

fn check_length(source: &str) -> Result<(), TemplateError> {
    let bytes = source.len();
    if bytes > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong { bytes });
    }
    Ok(())
}

fn missing(path: &Path) -> RenderError {
    RenderError::ValueMissing {
        name: path.to_string(),
    }
}

/// The pieces as segments, where they are nothing but text and names.
fn segments(pieces: &[Piece<'_>]) -> Option<Arc<[Segment]>> {
    let segment = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => Some(Segment::Plain(Text::new(*text))),
        Piece::Output(inside) => Path::parse(inside.text).map(Segment::Value),
        Piece::Tag(_) => None,
    };
    pieces.iter().map(segment).collect()
}

/// Two templates are equal when their sources are.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests;
