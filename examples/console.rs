//! A bot that collects leads, in the terminal. Everything survives: stop it at any moment,
//! start it again, go on.
//!
//! ```text
//! > hi
//! < Hello! What is your name?
//! > Anna
//! < Nice to meet you, Anna. How old are you?
//! > abc
//! < Please send a number from 1 to 120.
//! > 34
//! < Which plan would you like? [basic | pro]
//! > pro
//! < Thank you, Anna! We keep: 34 years, plan pro. A colleague will write to you.
//! > again
//! < Nice to meet you, Anna. How old are you?
//! ```

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use chatflow_core::{
    Address, Ask, Bot, Branch, Chatflow, Condition, DialogId, FinishStatus, FlowBuilder,
    FlowDefinition, FlowError, KeywordRouter, SendMessage, Store as _, Terminal, TerminalOutput,
};
use chatflow_store_sqlite::SqliteStore;
use etcetera::BaseStrategy as _;

const USAGE: &str = "\
Talk to a bot that collects leads.

Usage: console [--db PATH] [--contact NAME] [--plain]

  --db PATH       where everything is kept; the default is in your data folder
  --contact NAME  talk as another contact
  --plain         one line a message, for programs";

fn flow() -> Result<FlowDefinition, FlowError> {
    FlowBuilder::new("lead", 1)
        .step(
            "start",
            Branch::when("known", Condition::known("contact.name")),
        )
        .exit("known", "age")
        .step(
            "name",
            Ask::text("Hello! What is your name?").save_contact_name(),
        )
        .step(
            "age",
            Ask::range("Nice to meet you, {{ name }}. How old are you?", 1, 120)
                .retry("Please send a number from 1 to 120.")
                .save("age"),
        )
        .step(
            "plan",
            Ask::choice("Which plan would you like?", ["basic", "pro"]).save("plan"),
        )
        .step(
            "done",
            SendMessage::text(
                "Thank you, {{ name }}! We keep: {{ age }} years, plan {{ plan }}. \
                 A colleague will write to you.",
            ),
        )
        .finish(FinishStatus::Waiting)
        .step(
            "more",
            KeywordRouter::new()
                .route("again", ["again", "change"])
                .retry("We have noted everything. Say `again` to change your answers."),
        )
        .exit("again", "age")
        .build()
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            let mut sentence = format!("console: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                sentence.push_str(&format!(": {error}"));
                cause = error.source();
            }
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = Options::read()? else {
        writeln!(io::stdout(), "{USAGE}")?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut terminal = Terminal::new();
    let mut external_id = "you".to_owned();
    if let Some(contact) = options.contact {
        terminal = terminal.contact(contact.as_str());
        external_id = contact;
    }
    let store = SqliteStore::open(&options.db)?;
    if options.plain {
        terminal = terminal.output(TerminalOutput::Plain);
        eprintln!("kept in {}", options.db.display());
    } else {
        let db = options.db.display();
        writeln!(io::stdout(), "Write to the bot; Ctrl-D ends. Kept in {db}")?;
    }
    let bot = Bot::new("lead-bot", flow()?);
    Chatflow::builder(store.clone())
        .bot(bot, terminal)
        .run()
        .await?;

    let dialog = DialogId::derive(&"lead-bot".into(), &Address::new("terminal", external_id));
    match store.outbox(dialog).await?.len() {
        0 => Ok(ExitCode::SUCCESS),
        waiting => {
            eprintln!("console: messages not shown yet: {waiting}; the next start shows them");
            Ok(ExitCode::FAILURE)
        }
    }
}

struct Options {
    db: PathBuf,
    contact: Option<String>,
    plain: bool,
}

impl Options {
    fn read() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::*;
        let (mut db, mut contact, mut plain) = (None, None, false);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("db") => db = Some(PathBuf::from(arguments.value()?)),
                Long("contact") => {
                    let name = arguments.value()?.string()?;
                    if !Address::new("terminal", name.as_str()).is_valid() {
                        return Err("--contact wants a name of 1 to 128 bytes".into());
                    }
                    contact = Some(name);
                }
                Long("plain") => plain = true,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(format!("{}; see --help", other.unexpected()).into()),
            }
        }
        let db = match db {
            Some(db) => db,
            None => default_db()?,
        };
        Ok(Some(Self { db, contact, plain }))
    }
}

/// `console.db` in a folder of our own in the user's data folder.
fn default_db() -> Result<PathBuf, Box<dyn Error>> {
    let data = etcetera::choose_base_strategy()
        .map_err(|error| format!("there is no data folder here: {error}; say --db PATH"))?
        .data_dir();
    let folder = data.join("chatflow");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("can't make {}: {error}; say --db PATH", folder.display()))?;
    Ok(folder.join("console.db"))
}
