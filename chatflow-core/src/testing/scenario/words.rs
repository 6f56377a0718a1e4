//! Reading a line from left to right.

use crate::dialog::{Media, MediaKind, Message};

/// The reference of media that a contact sends without one.
const MADE_REFERENCE: &str = "made";

/// What belongs here instead.
pub(super) type Wrong = String;

/// What is left of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    /// The next word, or a text in JSON quotes.
    pub(super) fn word(&mut self) -> Result<Option<String>, Wrong> {
        self.rest = self.rest.trim_start();
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.rest.starts_with('"') {
            return self.quoted().map(Some);
        }
        let end = self.rest.find(char::is_whitespace);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(Some(word.to_owned()))
    }

    /// The next word, which must be there.
    pub(super) fn need(&mut self, what: &str) -> Result<String, Wrong> {
        self.word()?.ok_or_else(|| format!("expected {what}"))
    }

    /// The next word without taking it.
    pub(super) fn peek(&self) -> &'a str {
        let rest = self.rest.trim_start();
        &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())]
    }

    /// Takes a sign that stands before the next word: `+` of `+vip`.
    pub(super) fn sign(&mut self, signs: &[char]) -> Option<char> {
        let rest = self.rest.trim_start();
        let sign = rest.chars().next().filter(|sign| signs.contains(sign))?;
        self.rest = &rest[sign.len_utf8()..];
        Some(sign)
    }

    /// Takes the name before a `=` that belongs to the next word, and the `=`.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let (name, value) = rest.split_once('=')?;
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '"')
        {
            return None;
        }
        self.rest = value;
        Some(name)
    }

    /// What stands right behind a sign: a word or a text in JSON quotes.
    pub(super) fn attached(&mut self, what: &str) -> Result<String, Wrong> {
        match self.rest.chars().next() {
            Some(letter) if !letter.is_whitespace() => self.need(what),
            _ => Err(format!("expected {what}")),
        }
    }

    /// Whether the next word is a text in JSON quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.rest.trim_start().starts_with('"')
    }

    /// All that is left, trimmed.
    pub(super) fn rest(&self) -> &'a str {
        self.rest.trim()
    }

    /// Takes all that is left, trimmed.
    pub(super) fn take_rest(&mut self) -> &'a str {
        std::mem::take(&mut self.rest).trim()
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Wrong> {
        match self.rest() {
            "" => Ok(()),
            rest => Err(format!("expected the end of the line, found `{rest}`")),
        }
    }

    /// The JSON string that stands here.
    fn quoted(&mut self) -> Result<String, Wrong> {
        let mut strings = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        match strings.next() {
            Some(Ok(text)) => {
                self.rest = &self.rest[strings.byte_offset()..];
                Ok(text)
            }
            _ => Err("expected a JSON string, since it begins with `\"`".to_owned()),
        }
    }
}

/// A text that fills the rest of the line: as it stands, or as a JSON string.
pub(super) fn whole_text(rest: &str) -> Result<String, Wrong> {
    if rest.starts_with('"') {
        let mut words = Words::new(rest);
        let text = words.quoted()?;
        words.end()?;
        return Ok(text);
    }
    if rest.is_empty() {
        return Err("expected a text; an empty one is written \"\"".to_owned());
    }
    if rest.trim() != rest {
        return Err(
            "a text with blanks at its beginning or end is written as a JSON string".to_owned(),
        );
    }
    Ok(rest.to_owned())
}

/// What a contact writes, sends or presses.
pub(super) fn said(rest: &str) -> Result<Message, Wrong> {
    if rest.starts_with('[') {
        let (found, caption) = media(rest)?;
        let message = match caption {
            "" => Message::new(""),
            caption => Message::new(whole_text(caption)?),
        };
        return Ok(found
            .into_iter()
            .fold(message, |message, (kind, reference)| {
                let reference = reference.unwrap_or_else(|| MADE_REFERENCE.to_owned());
                message.with_media(Media::new(kind, reference))
            }));
    }
    match rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(choice) => whole_text(choice).map(Message::pressed),
        None => whole_text(rest).map(Message::new),
    }
}

/// What a contact must be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    message: Message,
    /// The line names no reference of the media, so that any fits.
    any_reference: bool,
}

impl Wanted {
    /// Whether this is what was wanted.
    pub(super) fn fits(&self, got: &Message) -> bool {
        let (wanted, media) = (self.message.media(), got.media());
        if !self.any_reference || wanted.len() != media.len() {
            return same(&self.message, got);
        }
        let kinds = wanted
            .iter()
            .zip(media)
            .all(|(one, other)| one.kind == other.kind);
        kinds && same(&without_media(&self.message), &without_media(got))
    }

    /// It as a line writes it.
    pub(super) fn write(&self) -> String {
        if !self.any_reference {
            return write_heard(&self.message);
        }
        let written = write_heard(&without_media(&self.message));
        let signs = self.message.media().iter();
        let signs: String = signs.map(|media| format!("[{}]", media.kind)).collect();
        match written.as_str() {
            "\"\"" => signs,
            rest => format!("{signs} {}", rest.strip_prefix("\"\" ").unwrap_or(rest)),
        }
    }
}

fn without_media(message: &Message) -> Message {
    Message::new(message.text()).with_choices(message.choices())
}

/// Whether two messages say the same: what a line can't write is not compared.
fn same(one: &Message, other: &Message) -> bool {
    let plain = |message: &Message| {
        let media = message.media().iter();
        media.fold(without_media(message), |message, media| {
            message.with_media(Media::new(media.kind, media.reference.clone()))
        })
    };
    plain(one) == plain(other)
}

/// What a contact is sent, with its media and the choices it offers.
pub(super) fn heard(rest: &str) -> Result<Wanted, Wrong> {
    if !rest.starts_with('[') {
        let message = text_with_choices(rest)?;
        return Ok(Wanted {
            message,
            any_reference: false,
        });
    }
    let (found, tail) = media(rest)?;
    let message = match tail {
        "" => Message::new(""),
        tail if tail.starts_with('[') => Message::new("").with_choices(choice_list(tail)?),
        tail => text_with_choices(tail)?,
    };
    let any_reference = found.iter().all(|(_, reference)| reference.is_none());
    let message = found
        .into_iter()
        .fold(message, |message, (kind, reference)| {
            message.with_media(Media::new(kind, reference.unwrap_or_default()))
        });
    Ok(Wanted {
        message,
        any_reference,
    })
}

/// Media with their references, where they are named, and what follows them.
type Found<'a> = (Vec<(MediaKind, Option<String>)>, &'a str);

/// `[photo shop.jpg][photo] and the rest`: kinds, references and what follows.
fn media(rest: &str) -> Result<Found<'_>, Wrong> {
    let (kind, reference, mut tail) = one_media(rest)?;
    let mut found = vec![(kind, reference)];
    while tail.starts_with('[') {
        let (kind, reference, next) = one_media(tail)?;
        found.push((kind, reference));
        tail = next;
    }
    match tail.strip_prefix(' ') {
        Some("") => Err(format!("expected {MEDIA_SHAPE}")),
        Some(tail) => Ok((found, tail)),
        None if tail.is_empty() => Ok((found, "")),
        None => Err(format!("expected {MEDIA_SHAPE}")),
    }
}

const MEDIA_SHAPE: &str = "media such as [photo] or [photo shop.jpg], and a space before its text; a \
                           text that begins with `[` is written as a JSON string";

/// `[photo shop.jpg]` and what follows at once.
fn one_media(rest: &str) -> Result<(MediaKind, Option<String>, &str), Wrong> {
    let expected = || format!("expected {MEDIA_SHAPE}");
    let inside = rest.strip_prefix('[').ok_or_else(expected)?;
    let end = inside.find([' ', ']']).ok_or_else(expected)?;
    let (word, inside) = inside.split_at(end);
    let kind = (MediaKind::ALL.into_iter())
        .find(|kind| kind.label() == word)
        .ok_or_else(|| {
            let kinds = MediaKind::ALL.map(MediaKind::label).join(", ");
            format!("`{word}` is none of {kinds}; expected {MEDIA_SHAPE}")
        })?;
    let (reference, tail) = match inside.strip_prefix(' ') {
        None => (None, inside.strip_prefix(']').ok_or_else(expected)?),
        Some(quoted) if quoted.starts_with('"') => {
            let mut words = Words::new(quoted);
            let reference = words.quoted()?;
            (
                Some(reference),
                words.rest.strip_prefix(']').ok_or_else(expected)?,
            )
        }
        Some(plain) => {
            let (reference, tail) = plain.split_once(']').ok_or_else(expected)?;
            (Some(whole_text(reference)?), tail)
        }
    };
    Ok((kind, reference, tail))
}

/// `Ready? [Yes | No]`
fn text_with_choices(rest: &str) -> Result<Message, Wrong> {
    if rest.starts_with('"') {
        let mut words = Words::new(rest);
        let text = words.quoted()?;
        let choices = match words.rest() {
            "" => Vec::new(),
            list => choice_list(list)?,
        };
        return Ok(Message::new(text).with_choices(choices));
    }
    match rest
        .strip_suffix(']')
        .and_then(|rest| rest.split_once(" ["))
    {
        Some((text, list)) => Ok(Message::new(whole_text(text)?).with_choices(choices(list)?)),
        None => whole_text(rest).map(Message::new),
    }
}

/// `[Yes | No]`
fn choice_list(list: &str) -> Result<Vec<String>, Wrong> {
    list.strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'))
        .ok_or_else(|| format!("expected choices such as [Yes | No], found `{list}`"))
        .and_then(choices)
}

/// `Yes | "No | never"`
fn choices(mut list: &str) -> Result<Vec<String>, Wrong> {
    let mut found = Vec::new();
    loop {
        let (choice, rest) = if list.starts_with('"') {
            let mut words = Words::new(list);
            let choice = words.quoted()?;
            match words.rest {
                "" => (choice, None),
                rest => {
                    let rest = rest
                        .strip_prefix(" | ")
                        .ok_or("expected ` | ` or `]` after a choice")?;
                    (choice, Some(rest))
                }
            }
        } else {
            let (choice, rest) = match list.split_once(" | ") {
                Some((choice, rest)) => (choice, Some(rest)),
                None => (list, None),
            };
            if choice.contains(['[', ']', '|']) {
                return Err(format!(
                    "`{choice}` can't be read as a choice; write a text with brackets, and a \
                     choice with `[`, `]` or `|`, as a JSON string"
                ));
            }
            (whole_text(choice)?, rest)
        };
        found.push(choice);
        match rest {
            Some(rest) => list = rest,
            None => return Ok(found),
        }
    }
}

/// The line's part after the sign that reads back as this message.
pub(super) fn write_heard(message: &Message) -> String {
    let plain = |text: &str| text.to_owned();
    let reads_back = |written: &String| {
        is_one_line(written)
            && heard(written).is_ok_and(|read| {
                let all = !read.any_reference || message.media().is_empty();
                all && same(&read.message, message)
            })
    };
    Some(write(message, plain, plain))
        .filter(reads_back)
        .or_else(|| Some(write(message, quote, plain)).filter(reads_back))
        .unwrap_or_else(|| write(message, quote, quote))
}

/// The same for what a contact says.
pub(super) fn write_said(message: &Message) -> String {
    let media: String = message.media().iter().map(said_media).collect();
    let write = |text: String| match (media.as_str(), message.is_pressed()) {
        ("", true) => format!("({text})"),
        ("", false) => text,
        (media, _) if message.text().is_empty() => media.to_owned(),
        (media, _) => format!("{media} {text}"),
    };
    let plain = write(message.text().to_owned());
    if is_one_line(&plain) && said(&plain).is_ok_and(|read| read == *message) {
        plain
    } else {
        write(quote(message.text()))
    }
}

fn said_media(media: &Media) -> String {
    if media.reference.as_str() == MADE_REFERENCE {
        format!("[{}]", media.kind)
    } else {
        write_media(media)
    }
}

fn write_media(media: &Media) -> String {
    let reference = media.reference.as_str();
    let is_plain = is_one_line(reference)
        && !reference.contains(']')
        && whole_text(reference).is_ok_and(|read| read == reference);
    match is_plain {
        true => format!("[{} {reference}]", media.kind),
        false => format!("[{} {}]", media.kind, quote(reference)),
    }
}

fn write(
    message: &Message,
    text: impl Fn(&str) -> String,
    choice: impl Fn(&str) -> String,
) -> String {
    let choices: Vec<String> = message.choices().map(choice).collect();
    let choices = (!choices.is_empty()).then(|| format!("[{}]", choices.join(" | ")));
    let media: String = message.media().iter().map(write_media).collect();
    let media = (!media.is_empty()).then_some(media);
    // Media need no text, but nothing else goes without one.
    let text = (media.is_none() || !message.text().is_empty()).then(|| text(message.text()));
    let parts: Vec<String> = [media, text, choices].into_iter().flatten().collect();
    parts.join(" ")
}

fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r'])
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
