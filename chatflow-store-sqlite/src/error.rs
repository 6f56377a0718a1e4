//! Why a store can't be opened, and what goes wrong inside.

use std::path::PathBuf;

use chatflow_core::StoreError;
use chatflow_core::codec::{DecodeError, EncodeError};

/// Why a store could not be opened. Every message names the file and the way out.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file's directory doesn't exist.
    #[error("the directory {} does not exist; create it, or choose another path", path.display())]
    DirectoryMissing {
        /// The directory.
        path: PathBuf,
    },
    /// There is no such file; reading needs one.
    #[error("{} does not exist; check the path, or open it for writing, which creates it", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system doesn't let us.
    #[error(
        "{} can't be read or written; give this process the permission for the file and its directory",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file holds something else; it was left as it is.
    #[error("{} is not an SQLite database; choose another path, or restore a backup", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A database of another program; it was left as it is.
    #[error(
        "{} is no database of Chatflow, which wants a file of its own; choose another path",
        path.display()
    )]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer build; it was left as it is.
    #[error(
        "{} has schema version {found}, newer than {known}, the newest this build knows; use a newer build",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// Opened for reading only, and its schema is older than this build's.
    #[error(
        "{} has schema version {found}, older than {known}, which this build reads; open it for writing once, which upgrades it",
        path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this build reads.
        known: i64,
    },
    /// Another store writes to the file, in this process or in another.
    #[error(
        "{} is open for writing {}; stop that one first, or open the file for reading only",
        path.display(),
        holder.map_or_else(|| "elsewhere".to_owned(), |pid| format!("in process {pid}"))
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that holds the lock, where the lock file tells.
        holder: Option<u32>,
    },
    /// A migration that was applied to the file differs from this build's of the same number.
    #[error(
        "migration {version} of {} is not this build's; use the build that made the file, or restore a backup",
        path.display()
    )]
    ChecksumMismatch {
        /// The file.
        path: PathBuf,
        /// The migration's number.
        version: i64,
    },
    /// SQLite or the operating system failed.
    #[error("{} can't be opened; the cause says what failed", path.display())]
    Backend {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What can go wrong inside a call, besides the answers its contract names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("{0}")]
    Misuse(&'static str),
}

impl Failure {
    pub(crate) fn damaged(what: &str, error: &DecodeError) -> Self {
        Self::Damaged(format!("{what}: {error}"))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        use rusqlite::Error;
        match failure {
            Failure::Damaged(detail) => Self::Damaged { detail },
            // The column's name and the type found; the value is not quoted.
            Failure::Sql(Error::InvalidColumnType(_, column, found)) => Self::Damaged {
                detail: format!("column {column} holds {found}"),
            },
            Failure::Sql(
                Error::FromSqlConversionFailure(at, ..) | Error::IntegralValueOutOfRange(at, ..),
            ) => Self::Damaged {
                detail: format!("column {at} of a row has another form"),
            },
            other => Self::Backend {
                source: Box::new(other),
            },
        }
    }
}

/// `main` shows an error by its `Debug`; people should get the sentence and its cause.
impl std::fmt::Debug for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")?;
        match std::error::Error::source(self) {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}
