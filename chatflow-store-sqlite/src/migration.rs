//! The schema: numbered SQL, applied once each, never edited after a release.

use std::path::Path;

use chatflow_core::Snapshot;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::error::OpenError;
use crate::people;

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
    /// What SQL can't work out, in the same transaction.
    fill: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

const MIGRATIONS: [Migration; 4] = [
    Migration {
        version: 1,
        name: "init",
        sql: include_str!("../migrations/0001_init.sql"),
        fill: None,
    },
    Migration {
        version: 2,
        name: "bot_facts",
        sql: include_str!("../migrations/0002_bot_facts.sql"),
        fill: None,
    },
    Migration {
        version: 3,
        name: "flow_version",
        sql: include_str!("../migrations/0003_flow_version.sql"),
        fill: Some(fill_flow_versions),
    },
    Migration {
        version: 4,
        name: "people",
        sql: include_str!("../migrations/0004_people.sql"),
        fill: Some(fill_people),
    },
];

/// The schema version this build reads and writes.
const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// "CFLW": marks a database file as ours.
const APPLICATION_ID: i64 = 0x4346_4C57;

/// Says which schema version a file has: 0 for one without tables. Changes nothing.
pub(crate) fn inspect(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|error| failed(path, error))
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let is_empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    match application {
        APPLICATION_ID if version > KNOWN => Err(OpenError::TooNew {
            path: path.to_owned(),
            found: version,
            known: KNOWN,
        }),
        APPLICATION_ID => Ok(version),
        0 if is_empty && version == 0 => Ok(0),
        _ => Err(OpenError::ForeignDatabase {
            path: path.to_owned(),
        }),
    }
}

/// For reading only: the schema must be this build's already.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match inspect(connection, path)? {
        0 => Err(OpenError::ForeignDatabase {
            path: path.to_owned(),
        }),
        found if found < KNOWN => Err(OpenError::TooOld {
            path: path.to_owned(),
            found,
            known: KNOWN,
        }),
        found => check_applied(connection, path, found),
    }
}

/// Brings the schema to this build's version, a transaction for each step.
pub(crate) fn migrate(connection: &Connection, path: &Path, found: i64) -> Result<(), OpenError> {
    check_applied(connection, path, found)?;
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version > found)
    {
        apply(connection, migration).map_err(|error| failed(path, error))?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "migration applied"
        );
    }
    Ok(())
}

fn check_applied(connection: &Connection, path: &Path, found: i64) -> Result<(), OpenError> {
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| migration.version <= found)
    {
        let stored: Option<Vec<u8>> = connection
            .query_row(
                "SELECT checksum FROM chatflow_migration WHERE version = ?1",
                [migration.version],
                |row| row.get(0),
            )
            .optional()
            .map_err(|error| failed(path, error))?;
        if stored != Some(checksum(migration.sql)) {
            let version = migration.version;
            return Err(OpenError::ChecksumMismatch {
                path: path.to_owned(),
                version,
            });
        }
    }
    Ok(())
}

fn apply(connection: &Connection, migration: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(migration.sql)?;
    if let Some(fill) = migration.fill {
        fill(&transaction)?;
    }
    transaction.execute(
        "INSERT INTO chatflow_migration (version, name, checksum) VALUES (?1, ?2, ?3)",
        params![migration.version, migration.name, checksum(migration.sql)],
    )?;
    let version = migration.version;
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
    ))?;
    transaction.commit()
}

/// The versions in which dialogs stand, from their snapshots.
fn fill_flow_versions(connection: &Connection) -> rusqlite::Result<()> {
    let mut update = connection.prepare("UPDATE dialog SET version = ?2 WHERE id = ?1")?;
    for_each_snapshot(connection, |id, snapshot| {
        let Some(position) = &snapshot.position else {
            return Ok(());
        };
        update.execute(params![id, position.version])?;
        Ok(())
    })
}

/// What dialogs say of people, from their snapshots: by the same rules as their next turns would.
/// The open session and the one before it are all that a snapshot knows of sessions.
fn fill_people(connection: &Connection) -> rusqlite::Result<()> {
    for_each_snapshot(connection, |_, snapshot| people::fill(connection, snapshot))
}

/// Runs through the dialogs whose snapshots can be read.
fn for_each_snapshot(
    connection: &Connection,
    mut fill: impl FnMut(&[u8], &Snapshot) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut after = Vec::new();
    let mut page = connection
        .prepare("SELECT id, snapshot FROM dialog WHERE id > ?1 ORDER BY id LIMIT 100")?;
    loop {
        let rows = page.query_map([&after], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(Vec<u8>, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        after.clone_from(last);
        for (id, snapshot) in &rows {
            if let Ok(snapshot) = Snapshot::decode(snapshot) {
                fill(id, &snapshot)?;
            }
        }
    }
}

/// Without carriage returns: how a checkout ends its lines doesn't count.
fn checksum(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.replace('\r', "").as_bytes()).to_vec()
}

/// What an error at opening means.
pub(crate) fn failed(path: &Path, error: rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode;
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => OpenError::Unreadable {
            path,
            source: Box::new(error),
        },
        _ => OpenError::Backend {
            path,
            source: Box::new(error),
        },
    }
}

/// An empty database in memory with this build's schema.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    migrate(&connection, Path::new("in memory"), 0).unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        let versions: Vec<_> = MIGRATIONS
            .iter()
            .map(|migration| migration.version)
            .collect();
        assert_eq!(versions, (1..=KNOWN).collect::<Vec<_>>());
    }

    #[test]
    fn a_store_of_the_first_schema_keeps_its_timers() {
        let path = Path::new("in memory");
        let connection = Connection::open_in_memory().unwrap();
        apply(&connection, &MIGRATIONS[0]).unwrap();
        let timer = "INSERT INTO timer (dialog, name, generation, due) VALUES (x'00', 'a', 1, 5)";
        connection.execute(timer, []).unwrap();
        migrate(&connection, path, 1).unwrap();
        let held: i64 = connection
            .query_row("SELECT held FROM timer WHERE due <= 5", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(held, 0);
        check(&connection, path).unwrap();
    }

    #[test]
    fn line_ends_do_not_change_a_checksum() {
        assert_eq!(checksum("a\nb"), checksum("a\r\nb"));
        assert_ne!(checksum("a\nb"), checksum("a b"));
    }
}
