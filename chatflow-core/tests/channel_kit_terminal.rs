//! The terminal keeps the channel's promises.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chatflow_core::testing::channel_kit::{
    Ability, Arrived, ChannelHarness, Failure, Happening, Outside, Report,
};
use chatflow_core::{Address, Channel, SendErrorClass, Terminal, TerminalOutput};

struct Terminals;

#[async_trait]
impl ChannelHarness for Terminals {
    async fn fresh(&self) -> Arc<dyn Outside> {
        Arc::new(Screen::default())
    }

    /// One person types lines and reads what is written; that is all there is.
    fn cannot(&self) -> &[Ability] {
        &[
            Ability::ManyContacts,
            Ability::Acknowledge,
            Ability::Repeat,
            Ability::Media,
            Ability::Album,
            Ability::Start,
            Ability::Block,
            Ability::Move,
            Ability::Receipts,
            Ability::Unknown,
            Ability::Garbage,
            Ability::Limits,
            Ability::Hang,
            Ability::Webhook,
        ]
    }
}

/// A screen and a keyboard.
#[derive(Default)]
struct Screen {
    keyboard: Mutex<Option<Sender<Vec<u8>>>>,
    written: Written,
    runs: AtomicU64,
}

/// What was written, and how many of the next writes fail.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<(Vec<u8>, u32)>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap();
        if written.1 > 0 {
            written.1 -= 1;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        written.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines as they are typed; at an end once the keyboard is gone.
struct Typed(Receiver<Vec<u8>>, Vec<u8>);

impl Read for Typed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        let taken = self.1.len().min(buffer.len());
        let rest = self.1.split_off(taken);
        buffer[..taken].copy_from_slice(&std::mem::replace(&mut self.1, rest));
        Ok(taken)
    }
}

#[async_trait]
impl Outside for Screen {
    async fn connect(&self) -> Arc<dyn Channel> {
        let (keyboard, typed) = channel();
        *self.keyboard.lock().unwrap() = Some(keyboard);
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let typed = Typed(typed, Vec::new());
        let terminal = Terminal::with(typed, self.written.clone(), io::sink());
        let terminal = terminal.output(TerminalOutput::Plain).contact("anna");
        Arc::new(terminal.run(format!("run{run}")))
    }

    fn address(&self, who: &str) -> Address {
        Address::new("terminal", who)
    }

    async fn happens(&self, _who: &str, what: &Happening<'_>) -> Report {
        let (Happening::Text(text) | Happening::Press(text)) = what else {
            panic!("nobody can do that at a keyboard: {what:?}");
        };
        let keyboard = self.keyboard.lock().unwrap();
        let keyboard = keyboard.as_ref().expect("connected before");
        // Where nobody reads any more there is nobody to type for.
        let _ = keyboard.send(format!("{text}\n").into_bytes());
        Report(0)
    }

    async fn again(&self, _report: Report) {
        panic!("a keyboard repeats nothing");
    }

    /// The keyboard is put away: the terminal reads to the end and stops.
    async fn settled(&self) {
        *self.keyboard.lock().unwrap() = None;
        std::future::pending().await
    }

    async fn fails_next(&self, failure: &Failure, wording: usize) -> bool {
        let can = *failure == Failure::Class(SendErrorClass::ChannelDown) && wording == 0;
        if can {
            self.written.0.lock().unwrap().1 += 1;
        }
        can
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let written = self.written.0.lock().unwrap();
        let text = String::from_utf8(written.0.clone()).expect("a terminal writes UTF-8");
        text.lines().map(arrived).collect()
    }
}

/// Reads `bot: [photo file] TEXT [a | b]`.
fn arrived(line: &str) -> Arrived {
    let line = line
        .strip_prefix("bot: ")
        .unwrap_or(line)
        .replace("\\n", "\n");
    let mut text = line.as_str();
    let mut media = 0;
    while let Some((head, rest)) = text.split_once("file]")
        && head.starts_with('[')
    {
        media += 1;
        text = rest.strip_prefix(' ').unwrap_or(rest);
    }
    let mut choices = Vec::new();
    if let Some((before, offered)) = text.rsplit_once(" [")
        && let Some(offered) = offered.strip_suffix(']')
    {
        choices = offered.split(" | ").map(str::to_owned).collect();
        text = before;
    }
    let text = text.to_owned();
    Arrived {
        to: Address::new("terminal", "anna"),
        text,
        media,
        choices,
        quotes: None,
    }
}

chatflow_core::channel_conformance!(Terminals);
