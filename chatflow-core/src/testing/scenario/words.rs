//! Reading a line from left to right.

use crate::dialog::Message;

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

    /// All that is left, trimmed.
    pub(super) fn rest(&self) -> &'a str {
        self.rest.trim()
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

/// What a contact writes or presses.
pub(super) fn said(rest: &str) -> Result<Message, Wrong> {
    if rest.starts_with('[') {
        return Err(
            "media is not supported yet; a text that begins with `[` is written as a JSON string"
                .to_owned(),
        );
    }
    match rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(choice) => whole_text(choice).map(Message::pressed),
        None => whole_text(rest).map(Message::new),
    }
}

/// What a contact is sent, with the choices it offers.
pub(super) fn heard(rest: &str) -> Result<Message, Wrong> {
    if rest.starts_with('[') {
        return Err(
            "media is not supported yet; choices without a text are written \"\" [Yes | No]"
                .to_owned(),
        );
    }
    if rest.starts_with('"') {
        let mut words = Words::new(rest);
        let text = words.quoted()?;
        let choices = match words.rest() {
            "" => Vec::new(),
            list => list
                .strip_prefix('[')
                .and_then(|list| list.strip_suffix(']'))
                .ok_or_else(|| format!("expected choices such as [Yes | No], found `{list}`"))
                .and_then(choices)?,
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
    let same = |written: &String| {
        is_one_line(written) && heard(written).is_ok_and(|read| read == *message)
    };
    Some(write(message, plain, plain))
        .filter(same)
        .or_else(|| Some(write(message, quote, plain)).filter(same))
        .unwrap_or_else(|| write(message, quote, quote))
}

/// The same for what a contact says.
pub(super) fn write_said(message: &Message) -> String {
    let write = |text: String| match message.is_pressed() {
        true => format!("({text})"),
        false => text,
    };
    let plain = write(message.text().to_owned());
    if is_one_line(&plain) && said(&plain).is_ok_and(|read| read == *message) {
        plain
    } else {
        write(quote(message.text()))
    }
}

fn write(
    message: &Message,
    text: impl Fn(&str) -> String,
    choice: impl Fn(&str) -> String,
) -> String {
    let text = text(message.text());
    let choices: Vec<String> = message.choices().map(choice).collect();
    if choices.is_empty() {
        text
    } else {
        format!("{text} [{}]", choices.join(" | "))
    }
}

fn is_one_line(text: &str) -> bool {
    !text.contains(['\n', '\r'])
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
