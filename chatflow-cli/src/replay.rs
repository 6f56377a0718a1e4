//! `chatflow replay`: stored dialogs, run again.
//!
//! ```text
//!  file ── dialogs by pages ──► snapshot, journal, transcript ──► replay ──► one report each
//!                                                 configs by hash ──┘
//! ```
//!
//! A writer may commit meanwhile: a dialog is looked at as it stood when its snapshot was read,
//! and turns after that one are left out.

mod report;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use chatflow_core::{
    BotId, Config, ConfigError, ConfigHash, DialogId, JournalTurn, PAGE_MAX, Store as _,
    StoreError, TranscriptLine, replay,
};
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;

use crate::output::{Printable, Verdict};
use crate::replay::report::{Finding, Report};

/// What `chatflow replay` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The SQLite file; it is opened for reading only, also beside a running program
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Only this dialog
    #[arg(long, value_name = "ID")]
    dialog: Option<DialogId>,
    /// Print one JSON object a line and dialog, with every fact of its journal
    #[arg(long)]
    json: bool,
}

/// Why a file could not be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    // The store's own words speak of creating it, which is not what a reader wants.
    #[error("{} does not exist; check the path after `--db`", file.display())]
    Missing { file: PathBuf },
    #[error(transparent)]
    Open(OpenError),
    #[error(
        "{} can't be read on; see that its disk works and its `-wal` file lies beside it, or restore a backup",
        file.display()
    )]
    Read { file: PathBuf, source: StoreError },
    #[error(
        "there is no dialog {dialog} in {}; leave `--dialog` out to see all there are",
        file.display()
    )]
    NoSuchDialog { dialog: DialogId, file: PathBuf },
    #[error("the output can't be written, so the rest was not replayed; send it elsewhere")]
    Write(#[from] io::Error),
}

/// Replays the dialogs that the arguments name and prints what came of each.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let file = || arguments.db.clone();
    let source = Source {
        store: SqliteStore::open_read_only(&arguments.db).map_err(|error| match error {
            OpenError::Missing { .. } | OpenError::DirectoryMissing { .. } => {
                Failure::Missing { file: file() }
            }
            error => Failure::Open(error),
        })?,
    };
    let mut configs = HashMap::new();
    let mut tally = Tally::default();
    // The dialog asked for is the one after the id before it.
    let mut after = arguments.dialog.and_then(before);
    loop {
        let limit = arguments.dialog.map_or(PAGE_MAX, |_| 1);
        let page =
            block_on(source.store.dialogs(after, limit)).map_err(|source| Failure::Read {
                file: file(),
                source,
            })?;
        if let Some(dialog) = arguments.dialog
            && page.first().map(|summary| summary.dialog) != Some(dialog)
        {
            return Err(Failure::NoSuchDialog {
                dialog,
                file: file(),
            });
        }
        for summary in &page {
            let report = match source.report(summary.dialog, &summary.bot, &mut configs) {
                Ok(Some(report)) => report,
                // Erased since the page was read.
                Ok(None) => continue,
                Err(StoreError::Damaged { detail }) => {
                    Report::unreadable(summary.dialog, summary.bot.clone(), detail)
                }
                Err(source) => {
                    return Err(Failure::Read {
                        file: file(),
                        source,
                    });
                }
            };
            tally.count(&report.finding);
            if arguments.json {
                report.write_json(out)?;
            } else {
                report.write_text(out)?;
            }
            // Whoever reads along sees a dialog as soon as it is done.
            out.flush()?;
        }
        match page.last() {
            Some(last) if arguments.dialog.is_none() => after = Some(last.dialog),
            _ => break,
        }
    }
    if !arguments.json {
        let file = arguments.db.display().to_string();
        writeln!(out, "{}: {tally}", Printable(&file))?;
    }
    out.flush()?;
    Ok(tally.verdict())
}

/// The id before this one; none before the first.
fn before(dialog: DialogId) -> Option<DialogId> {
    let number = u128::from_be_bytes(dialog.to_bytes()).checked_sub(1)?;
    Some(DialogId::from_bytes(number.to_be_bytes()))
}

/// The file that is read.
struct Source {
    store: SqliteStore,
}

impl Source {
    /// Everything about one dialog, as of the moment its snapshot was read.
    fn report(
        &self,
        dialog: DialogId,
        bot: &BotId,
        configs: &mut HashMap<ConfigHash, Arc<Config>>,
    ) -> Result<Option<Report>, StoreError> {
        let Some(loaded) = block_on(self.store.load(dialog))? else {
            return Ok(None);
        };
        let turns = self.journal(dialog, loaded.revision)?;
        let transcript = self.transcript(dialog, loaded.revision)?;
        let mut failed = None;
        let finding = if turns.last().map(|turn| turn.revision) == Some(loaded.revision) {
            let turns: Vec<_> = turns
                .iter()
                .map(|turn| (turn.revision, turn.body.clone()))
                .collect();
            let replayed = replay(dialog, &turns, &loaded.snapshot, |hash| {
                self.config(hash, configs, &mut failed)
            });
            Finding::of(replayed)
        } else {
            Finding::journal_cut(turns.last().map(|turn| turn.revision), loaded.revision)
        };
        match failed {
            Some(error) => Err(error),
            None => Ok(Some(Report {
                dialog,
                bot: bot.clone(),
                turns,
                transcript,
                finding,
            })),
        }
    }

    fn journal(&self, dialog: DialogId, to: u64) -> Result<Vec<JournalTurn>, StoreError> {
        let mut turns = Vec::<JournalTurn>::new();
        loop {
            let after = turns.last().map_or(0, |turn| turn.revision);
            let page = block_on(self.store.journal(dialog, after, PAGE_MAX))?;
            let known = turns.len();
            turns.extend(page.into_iter().take_while(|turn| turn.revision <= to));
            if turns.len() == known {
                return Ok(turns);
            }
        }
    }

    fn transcript(&self, dialog: DialogId, to: u64) -> Result<Vec<TranscriptLine>, StoreError> {
        let mut lines = Vec::<TranscriptLine>::new();
        loop {
            let after = lines.last().map(|line| line.record.id);
            let page = block_on(self.store.transcript(dialog, after, PAGE_MAX))?;
            let known = lines.len();
            lines.extend(
                page.into_iter()
                    .take_while(|line| line.record.id.turn <= to),
            );
            if lines.len() == known {
                return Ok(lines);
            }
        }
    }

    /// The config of a hash: this program has no code of a host's, so a flow with Rust steps
    /// can't be had. A failure of the store is kept apart, it is no finding about the dialog.
    fn config(
        &self,
        hash: ConfigHash,
        configs: &mut HashMap<ConfigHash, Arc<Config>>,
        failed: &mut Option<StoreError>,
    ) -> Result<Arc<Config>, ConfigError> {
        if let Some(config) = configs.get(&hash) {
            return Ok(Arc::clone(config));
        }
        let stored = |hash| match block_on(self.store.definition(hash)) {
            Ok(body) => body,
            Err(error) => {
                *failed = Some(error);
                None
            }
        };
        let config = Arc::new(Config::load(hash, stored, &[])?);
        configs.insert(hash, Arc::clone(&config));
        Ok(config)
    }
}

/// What came of all dialogs.
#[derive(Debug, Default)]
struct Tally {
    equal: u64,
    different: u64,
    not_replayed: u64,
}

impl Tally {
    fn count(&mut self, finding: &Finding) {
        *match finding {
            Finding::Equal(_) => &mut self.equal,
            Finding::Different(_) => &mut self.different,
            Finding::NotReplayed(_) => &mut self.not_replayed,
        } += 1;
    }

    fn verdict(&self) -> Verdict {
        if self.different + self.not_replayed == 0 {
            Verdict::Confirmed
        } else {
            Verdict::NotConfirmed
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.equal + self.different + self.not_replayed;
        write!(f, "{all} {}", if all == 1 { "dialog" } else { "dialogs" })?;
        if all > 0 {
            write!(f, ", {} byte-equal", self.equal)?;
        }
        if self.different > 0 {
            write!(f, ", {} different", self.different)?;
        }
        if self.not_replayed > 0 {
            write!(f, ", {} not replayed", self.not_replayed)?;
        }
        Ok(())
    }
}
