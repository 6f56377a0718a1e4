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
//!
//! `--flow FILE` runs another flow, from a file; `flows/lead.yaml` is this one as a file.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chatflow_core::{
    Address, Ask, Bot, Branch, Chatflow, Condition, DialogId, FinishStatus, FlowBuilder,
    FlowDefinition, FlowError, FlowFiles, KeywordRouter, SendMessage, Store as _, Terminal,
    TerminalOutput,
};
use chatflow_store_sqlite::SqliteStore;
use etcetera::BaseStrategy as _;

const USAGE: &str = "\
Talk to a bot that collects leads, or to one of yours.

Usage: console [--flow FILE]... [--db PATH] [--contact NAME] [--plain]

  --flow FILE     a flow in YAML or JSON; more files are more flows of the same bot
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
    let bot = match options.flows.as_slice() {
        [] => Bot::new(BOT, flow()?),
        files => match read_flows(files)? {
            Some(bot) => bot,
            None => return Ok(ExitCode::FAILURE),
        },
    };
    let store = SqliteStore::open(&options.db)?;
    if options.plain {
        terminal = terminal.output(TerminalOutput::Plain);
        eprintln!("kept in {}", options.db.display());
    } else {
        let db = options.db.display();
        writeln!(io::stdout(), "Write to the bot; Ctrl-D ends. Kept in {db}")?;
    }
    Chatflow::builder(store.clone())
        .bot(bot, terminal)
        .run()
        .await?;

    let dialog = DialogId::derive(&BOT.into(), &Address::new("terminal", external_id));
    match store.outbox(dialog).await?.len() {
        0 => Ok(ExitCode::SUCCESS),
        waiting => {
            eprintln!("console: messages not shown yet: {waiting}; the next start shows them");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The bot's id: what a dialog is found again by, whatever flow it is in.
const BOT: &str = "lead-bot";

/// The bot of these files. None where they are wrong: each finding is on a line of the standard
/// error then, with its place.
fn read_flows(files: &[PathBuf]) -> Result<Option<Bot>, Box<dyn Error>> {
    let mut flows = FlowFiles::new();
    for path in files {
        let unreadable = |error| format!("can't read {}: {error}; check the path", path.display());
        let mut bytes = Vec::new();
        // No more than can be taken, however large the file is; one byte more is found too large.
        let most = FlowFiles::FILE_BYTES_MAX as u64 + 1;
        File::open(path)
            .and_then(|file| file.take(most).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        flows = flows.read(path.display().to_string(), &bytes);
    }
    match flows.bot(BOT) {
        Ok(bot) => Ok(Some(bot)),
        Err(error) => {
            for finding in error.findings() {
                eprintln!("{finding}");
            }
            Ok(None)
        }
    }
}

struct Options {
    flows: Vec<PathBuf>,
    db: PathBuf,
    contact: Option<String>,
    plain: bool,
}

impl Options {
    fn read() -> Result<Option<Self>, Box<dyn Error>> {
        use lexopt::prelude::*;
        let (mut flows, mut db, mut contact, mut plain) = (Vec::new(), None, None, false);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("flow") => flows.push(PathBuf::from(arguments.value()?)),
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
            None => default_db(flows.first().map(PathBuf::as_path))?,
        };
        Ok(Some(Self {
            flows,
            db,
            contact,
            plain,
        }))
    }
}

/// `console.db` in a folder of our own in the user's data folder; `console-lead.db` for a flow
/// from the file `lead.yaml`, so that dialogs of one flow aren't found by another.
fn default_db(flow: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    let data = etcetera::choose_base_strategy()
        .map_err(|error| format!("there is no data folder here: {error}; say --db PATH"))?
        .data_dir();
    let folder = data.join("chatflow");
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("can't make {}: {error}; say --db PATH", folder.display()))?;
    let flow = flow.and_then(Path::file_stem);
    let name = flow.map_or_else(
        || "console.db".to_owned(),
        |flow| format!("console-{}.db", flow.to_string_lossy()),
    );
    Ok(folder.join(name))
}
