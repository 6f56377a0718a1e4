//! `chatflow migrate`: what new flows would do to the dialogs in a database.
//!
//! ```text
//!  flows that run ── versions that dialogs need ──┐
//!  flows to come ─────────────────────────────────┴─► bot ──► plan ──► lines, or JSON
//!  database ──────── where dialogs stand ──────────────────────┘
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chatflow_core::{
    Bot, BotId, ConfigError, FlowFiles, PAGE_MAX, Store as _, StoreError, UpgradePlan,
};
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;

use crate::flow_files::{self, AssumedCode, Unreadable};
use crate::output::{Printable, Verdict, listed};
use crate::usable::{self, Unusable};

/// What `chatflow migrate` is to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Says what becomes of stored dialogs when new flows take over, and who would be stranded.
    ///
    /// Earlier versions that dialogs need are taken from the flows that run now, as a running
    /// program keeps them. Changes nothing. Exit codes: 0 nobody is stranded, 1 somebody is.
    Plan(Arguments),
}

/// What `chatflow migrate plan` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The flows that run now: files, the first being the entry, or a folder, whose flow files
    /// are taken by name
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    from: Vec<PathBuf>,
    /// The flows that are to run, likewise
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    to: Vec<PathBuf>,
    /// The SQLite file, opened for reading only, also beside a running program
    #[arg(long, value_name = "PATH")]
    db: PathBuf,
    /// Which bot, where the file has several
    #[arg(long, value_name = "BOT")]
    bot: Option<String>,
    /// Prints the plan as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    code: AssumedCode,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the folder {} can't be listed; check its permissions", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the folder {} has no file that ends in .yaml, .yml or .json", folder.display())]
    NoFlows { folder: PathBuf },
    #[error("the flows after `{after}` have errors; `chatflow check` shows them")]
    Unusable { after: &'static str },
    #[error("the new flows can't run beside the versions that dialogs still need")]
    Together(#[source] ConfigError),
    #[error("{} does not exist; check the path after `--db`", file.display())]
    Missing { file: PathBuf },
    #[error(transparent)]
    Open(OpenError),
    #[error("{} can't be read on; see that its disk works, or restore a backup", file.display())]
    Read { file: PathBuf, source: StoreError },
    #[error("{} has no dialogs yet, so there is nothing to plan", file.display())]
    Empty { file: PathBuf },
    #[error("there is no bot `{bot}`; choose one of {known} after `--bot`")]
    NoSuchBot { bot: String, known: String },
    #[error("there are several bots; choose one of {known} after `--bot`")]
    WhichBot { known: String },
    #[error("the plan can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// Does what is asked.
pub(crate) fn run(command: &Command, out: &mut impl Write) -> Result<Verdict, Failure> {
    match command {
        Command::Plan(arguments) => plan(arguments, out),
    }
}

/// Prints the plan.
fn plan(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let file = &arguments.db;
    let store = SqliteStore::open_read_only(file).map_err(|error| match error {
        OpenError::Missing { .. } | OpenError::DirectoryMissing { .. } => {
            let file = file.clone();
            Failure::Missing { file }
        }
        error => Failure::Open(error),
    })?;
    let failed = |source| {
        let file = file.clone();
        Failure::Read { file, source }
    };
    let id = chosen(arguments, bots(&store).map_err(failed)?)?;
    let from = bot(arguments, &arguments.from, "--from", &id)?;
    let to = bot(arguments, &arguments.to, "--to", &id)?;
    let standings = block_on(store.standing(&id)).map_err(failed)?;
    let to = to.keeping(from.flows(), &standings);
    let config = to.compile().map_err(Failure::Together)?;
    let plan = UpgradePlan::of(&config, &standings);
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &plan).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for line in plan.to_string().lines() {
            writeln!(out, "{}", Printable(line))?;
        }
    }
    out.flush()?;
    Ok(match plan.stranded.is_empty() {
        true => Verdict::Confirmed,
        false => Verdict::NotConfirmed,
    })
}

/// The bots that have dialogs.
fn bots(store: &SqliteStore) -> Result<BTreeSet<BotId>, StoreError> {
    let mut bots = BTreeSet::new();
    let mut after = None;
    loop {
        let page = block_on(store.dialogs(after, PAGE_MAX))?;
        let Some(last) = page.last() else {
            return Ok(bots);
        };
        after = Some(last.dialog);
        for dialog in page {
            if !bots.contains(&dialog.bot) {
                bots.insert(dialog.bot);
            }
        }
    }
}

fn chosen(arguments: &Arguments, bots: BTreeSet<BotId>) -> Result<BotId, Failure> {
    let known = || listed(bots.iter().map(BotId::as_str));
    match (&arguments.bot, bots.len()) {
        (_, 0) => Err(Failure::Empty {
            file: arguments.db.clone(),
        }),
        (Some(bot), _) => {
            let id = BotId::from(bot.as_str());
            bots.contains(&id)
                .then_some(id)
                .ok_or_else(|| Failure::NoSuchBot {
                    bot: Printable(bot).to_string(),
                    known: known(),
                })
        }
        (None, 1) => bots.into_iter().next().ok_or_else(|| Failure::Empty {
            file: arguments.db.clone(),
        }),
        (None, _) => Err(Failure::WhichBot { known: known() }),
    }
}

/// The bot of these files and folders.
fn bot(
    arguments: &Arguments,
    paths: &[PathBuf],
    after: &'static str,
    id: &BotId,
) -> Result<Bot, Failure> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(flows_in(path)?),
            false => files.push(path.clone()),
        }
    }
    let sources = flow_files::read_all(&files)?;
    let flows: FlowFiles = arguments.code.flows(&sources);
    usable::bot(&flows, &sources, id.as_str()).map_err(|Unusable| Failure::Unusable { after })
}

/// The flow files of a folder, by name.
fn flows_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |source| {
        let folder = folder.to_owned();
        Failure::Folder { folder, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("yaml" | "yml" | "json")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let folder = folder.to_owned();
        return Err(Failure::NoFlows { folder });
    }
    Ok(files)
}
