//! Talking to a bot in a terminal.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};

use crate::channel::{
    Capabilities, Channel, Inbound, InboundBody, Ingest, Ingested, ListenError, Outbound,
    RawInbound, Receipt, SendError, SendErrorClass,
};
use crate::dialog::{Address, ChannelId, Message, Profile};

/// Longest line taken from the terminal, in bytes. A longer one is passed over with a sentence
/// on the notices' side.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// A channel that reads messages line by line and writes the bot's to the screen.
///
/// One terminal is one contact. The key of a line is the run and the line's number, so a line
/// can't be handled twice within a run; two runs are told apart by their start.
pub struct Terminal {
    id: ChannelId,
    capabilities: Capabilities,
    contact: String,
    name: Option<String>,
    run: String,
    style: TerminalOutput,
    input: Mutex<Option<Box<dyn Read + Send>>>,
    output: Mutex<Box<dyn Write + Send>>,
    notices: Mutex<Box<dyn Write + Send>>,
}

/// How a terminal writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TerminalOutput {
    /// For people: each of the media as `[photo REFERENCE]`, the text, and the choices, on lines
    /// of their own.
    #[default]
    Pretty,
    /// For programs: each message is one line `bot: TEXT`, with line breaks as `\n`, its media
    /// before it as `[photo REFERENCE]` and its choices after it as `[a | b]`.
    Plain,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal {
    /// A terminal on standard input and output; the contact is `you`, without a name.
    pub fn new() -> Self {
        Self::with(io::stdin(), io::stdout(), io::stderr())
    }

    /// A terminal on these streams. Sentences about lines it can't take go to `notices`.
    pub fn with(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        notices: impl Write + Send + 'static,
    ) -> Self {
        Self {
            id: ChannelId::from("terminal"),
            capabilities: capabilities(),
            contact: "you".to_owned(),
            name: None,
            run: run_name(),
            style: TerminalOutput::Pretty,
            input: Mutex::new(Some(Box::new(input))),
            output: Mutex::new(Box::new(output)),
            notices: Mutex::new(Box::new(notices)),
        }
    }

    /// Talks as another contact, known to the bot by this name.
    #[must_use]
    pub fn contact(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.contact.clone_from(&name);
        self.name = Some(name);
        self
    }

    /// Sets how it writes.
    #[must_use]
    pub fn output(mut self, style: TerminalOutput) -> Self {
        self.style = style;
        self
    }

    /// Names the run, instead of by its start: for tests.
    #[must_use]
    pub fn run(mut self, run: impl Into<String>) -> Self {
        self.run = run.into();
        self
    }

    fn notice(&self, sentence: &str) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        // Where even the notices can't be written there is nobody left to tell.
        let _ = writeln!(notices, "{sentence}");
    }

    fn raw(&self, number: u64, text: &str) -> RawInbound {
        RawInbound {
            channel: self.id.clone(),
            key: format!("line:{}:{number}", self.run).into(),
            body: text.as_bytes().into(),
        }
    }

    fn line(&self, message: &Message) -> String {
        let media = message.media().iter();
        let media = media.map(|media| format!("[{} {}]", media.kind, media.reference.as_str()));
        let text = (!message.text().is_empty()).then(|| message.text().to_owned());
        let choices = message.choices().collect::<Vec<_>>().join(" | ");
        match self.style {
            TerminalOutput::Plain => {
                let choices = (!choices.is_empty()).then(|| format!("[{choices}]"));
                let parts: Vec<String> = media.chain(text).chain(choices).collect();
                let line = parts.join(" ").replace("\r\n", "\\n");
                format!("bot: {}\n", line.replace(['\n', '\r'], "\\n"))
            }
            TerminalOutput::Pretty => {
                let choices = (!choices.is_empty()).then(|| format!("  [{choices}]"));
                let mut lines: Vec<String> = media.chain(text).chain(choices).collect();
                lines.push(String::new());
                lines.join("\n")
            }
        }
    }
}

#[async_trait]
impl Channel for Terminal {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn decode(&self, raw: &RawInbound) -> Vec<Inbound> {
        let Ok(text) = std::str::from_utf8(raw.body.as_bytes()) else {
            return Vec::new();
        };
        vec![Inbound {
            key: raw.key.clone(),
            from: Address::new(self.id.clone(), self.contact.as_str()),
            profile: Profile {
                name: self.name.as_deref().map(Into::into),
                language: None,
            },
            body: InboundBody::Message(Message::new(text)),
        }]
    }

    async fn send(&self, outbound: &Outbound<'_>) -> Result<Receipt, SendError> {
        let line = self.line(outbound.message);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output
            .write_all(line.as_bytes())
            .and_then(|()| output.flush())
            .map(|()| Receipt::default())
            .map_err(|error| SendError::new(SendErrorClass::ChannelDown, error.kind().to_string()))
    }

    async fn listen(&self, ingest: &dyn Ingest) -> Result<(), ListenError> {
        let input = self
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(input) = input else { return Ok(()) };
        // Reading blocks, and a thread that still waits for a line must not keep the program
        // from ending. So it is a plain thread, a few lines ahead at most.
        let (lines, mut incoming) = mpsc::channel(4);
        std::thread::Builder::new()
            .name("chatflow-terminal".to_owned())
            .spawn(move || read_lines(input, lines))
            .map_err(|error| self.cannot_listen(&error))?;
        let mut number = 0;
        while let Some(line) = incoming.next().await {
            number += 1;
            match line {
                Line::Text(text) => match ingest.receive(self.raw(number, &text)).await? {
                    Ingested::Handled => {}
                    Ingested::Refused => self.notice(&format!(
                        "line {number} was not taken: it is longer than the bot's limit"
                    )),
                    Ingested::Unclaimed => self.notice(&format!(
                        "line {number} was not taken: the dialog can't take it now; write it again later"
                    )),
                },
                Line::NotText => self.notice(&format!(
                    "line {number} was not taken: it isn't UTF-8; set the terminal to UTF-8 and write it again"
                )),
                Line::TooLong => self.notice(&format!(
                    "line {number} was not taken: it is longer than {LINE_BYTES_MAX} bytes; write it in several lines"
                )),
                Line::Broken(error) => return Err(self.cannot_listen(&error)),
            }
        }
        Ok(())
    }
}

impl Terminal {
    fn cannot_listen(&self, error: &io::Error) -> ListenError {
        ListenError::Input {
            channel: self.id.clone(),
            detail: error.kind().to_string(),
        }
    }
}

/// All that text can do. A choice is typed, so it comes in as a text like any other.
fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::text();
    if let Some(choices) = &mut capabilities.choices {
        choices.inline = false;
    }
    capabilities
}

/// Tells the runs of a program apart.
#[expect(
    clippy::disallowed_methods,
    reason = "it names the run and decides nothing"
)]
fn run_name() -> String {
    format!(
        "{}.{}",
        chrono::Utc::now().timestamp_millis(),
        std::process::id()
    )
}

enum Line {
    Text(String),
    NotText,
    TooLong,
    Broken(io::Error),
}

/// Sends lines until the input ends or nobody listens any more. Holds at most one line.
fn read_lines(input: Box<dyn Read + Send>, mut lines: mpsc::Sender<Line>) {
    let mut input = BufReader::new(input);
    loop {
        let line = match read_line(&mut input) {
            Ok(None) => return,
            Ok(Some(line)) => line,
            Err(error) => Line::Broken(error),
        };
        let last = matches!(line, Line::Broken(_));
        if futures::executor::block_on(lines.send(line)).is_err() || last {
            return;
        }
    }
}

/// The next line, without its line break; none at the end. A line that is too long is read to
/// its end and dropped.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() > LINE_BYTES_MAX {
        skip_line(input)?;
        return Ok(Some(Line::TooLong));
    }
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    Ok(Some(
        String::from_utf8(bytes).map_or(Line::NotText, Line::Text),
    ))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}
