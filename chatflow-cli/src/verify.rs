//! `chatflow verify`: what a file says in two places, compared.
//!
//! ```text
//!  file ──► loads, counters, open sessions ──► recounted
//!       ──► columns of each dialog ──────────► what its snapshot says
//! ```
//!
//! All of it is as of one moment, so a program that writes meanwhile makes nothing differ.

use std::io::{self, Write};
use std::path::PathBuf;

use chatflow_core::StoreError;
use chatflow_store_sqlite::{OpenError, SqliteStore};
use futures::executor::block_on;

use crate::output::{self, Printable, Verdict};

/// What `chatflow verify` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The SQLite file; it is opened for reading only, also beside a running program
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
}

/// Why a file could not be verified.
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
    #[error("the output can't be written; send it elsewhere")]
    Write(#[from] io::Error),
}

/// Prints what doesn't agree, a line each, and how much was looked at.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let file = || arguments.db.clone();
    let store = SqliteStore::open_read_only(&arguments.db).map_err(|error| match error {
        OpenError::Missing { .. } | OpenError::DirectoryMissing { .. } => {
            Failure::Missing { file: file() }
        }
        error => Failure::Open(error),
    })?;
    let verified = block_on(store.verify()).map_err(|source| Failure::Read {
        file: file(),
        source,
    })?;
    for discrepancy in &verified.found {
        writeln!(out, "{}", Printable(&discrepancy.to_string()))?;
    }
    let looked_at = format!(
        "{} and {} looked at",
        counted(verified.dialogs, "dialog"),
        counted(verified.operators, "operator")
    );
    match verified.found.len() {
        0 => writeln!(out, "{looked_at}: all agrees")?,
        found => writeln!(out, "{looked_at}: {} agree", not(found))?,
    }
    out.flush()?;
    Ok(match verified.found.is_empty() {
        true => Verdict::Confirmed,
        false => Verdict::NotConfirmed,
    })
}

fn counted(number: u64, thing: &str) -> String {
    output::count(usize::try_from(number).unwrap_or(usize::MAX), thing)
}

fn not(found: usize) -> String {
    match found {
        1 => "1 thing doesn't".to_owned(),
        more => format!("{more} things don't"),
    }
}
