//! Opening connections.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::config::{SqliteConfig, Synchronous};
use crate::error::OpenError;
use crate::migration::{self, failed};

/// The one connection that writes and checkpoints, with the schema brought up to date. The
/// caller holds the lock.
pub(crate) fn writing(path: &Path, config: &SqliteConfig) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    create_private(path)?;
    let connection = open(path, flags)?;
    // Before anything is changed: the file may be somebody else's.
    let found = migration::inspect(&connection, path)?;

    let synchronous = match config.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| failed(path, error))?;
    if mode != "wal" {
        let source = "the file system has no write-ahead log; choose a local one".into();
        return Err(OpenError::Backend {
            path: path.to_owned(),
            source,
        });
    }
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = {synchronous};
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = {LOG_BYTES_KEPT};
             PRAGMA cache_size = -{CACHE_KIB};"
        ))
        .map_err(|error| failed(path, error))?;
    migration::migrate(&connection, path, found)?;
    warn_of_old_library();
    Ok(connection)
}

/// Makes the file if it isn't there, readable for its owner only: it will hold what people
/// wrote. SQLite gives its log files the same permissions.
fn create_private(path: &Path) -> Result<(), OpenError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::Unreadable {
            path: path.to_owned(),
            source: error.into(),
        }),
    }
}

/// A connection that only reads, with a schema that is this build's.
pub(crate) fn reading(path: &Path) -> Result<Connection, OpenError> {
    // Opened as read-only, it never checkpoints, not even when it is the last to close.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    connection
        .execute_batch("PRAGMA query_only = ON")
        .map_err(|error| failed(path, error))?;
    migration::check(&connection, path)?;
    Ok(connection)
}

/// Whether there is a file to read.
pub(crate) fn must_exist(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(OpenError::Missing {
            path: path.to_owned(),
        }),
        Err(error) => Err(OpenError::Unreadable {
            path: path.to_owned(),
            source: error.into(),
        }),
    }
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A plan may not depend on the values bound to it: without this, SQLite plans cached
        // statements again at almost every use, which took two fifths of the readers' time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // No map of the file: a failing disk must be an error, not a signal.
        connection.execute_batch("PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;")?;
        Ok(connection)
    };
    open().map_err(|error| failed(path, error))
}

/// SQLite before 3.51.3 can corrupt a file that two connections write or checkpoint at once.
/// Ours can't meet that: one connection does both. Another program at the same file could.
fn warn_of_old_library() {
    if rusqlite::version_number() < 3_051_003 {
        tracing::warn!(
            sqlite = rusqlite::version(),
            "let no other program write to the store's file: SQLite before 3.51.3 may corrupt it then"
        );
    }
}

/// Only another program at our file makes us wait at all.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are different statements: none is ever prepared twice.
const STATEMENTS: usize = 128;
/// The log's file is cut to this when it starts anew.
const LOG_BYTES_KEPT: u64 = 64 << 20;
/// Pages kept in memory by the writer; the readers keep SQLite's default of 2 MiB.
const CACHE_KIB: u64 = 16 << 10;
