//! What a host can choose.

use std::path::{Path, PathBuf};

/// Where the store is and how it works. Every number has a default that suits most programs.
///
/// ```
/// use chatflow_store_sqlite::{SqliteConfig, SqliteStore};
///
/// let directory = tempfile::tempdir()?;
/// let config = SqliteConfig::new(directory.path().join("chatflow.db")).readers(4);
/// let store = SqliteStore::open_with(config)?;
/// # drop(store);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteConfig {
    pub(crate) path: PathBuf,
    pub(crate) synchronous: Synchronous,
    pub(crate) group_turns_max: usize,
    pub(crate) group_bytes_max: usize,
    pub(crate) readers: usize,
}

impl SqliteConfig {
    /// The defaults, for the file at `path`. Its directory must exist, the file need not.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            synchronous: Synchronous::Full,
            group_turns_max: GROUP_TURNS_MAX,
            group_bytes_max: GROUP_BYTES_MAX,
            readers: READERS,
        }
    }

    /// What a commit waits for.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Most writing calls in one group; 64 by default, at least 1.
    #[must_use]
    pub fn group_turns_max(mut self, turns: usize) -> Self {
        self.group_turns_max = turns.max(1);
        self
    }

    /// A group that has reached this size is committed; 1 MiB by default.
    #[must_use]
    pub fn group_bytes_max(mut self, bytes: usize) -> Self {
        self.group_bytes_max = bytes;
        self
    }

    /// Threads that read, each with a connection of its own; 2 by default, at least 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }
}

/// What a commit waits for before it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// The disk has it: nothing acknowledged is lost, whatever fails. Group commit makes it
    /// affordable.
    #[default]
    Full,
    /// The operating system has it: a killed process loses nothing, but a power failure may
    /// lose the last commits. **This breaks the store's promise**; for tests and trials.
    Normal,
}

// Measured: larger groups gain nothing and cost latency.
const GROUP_TURNS_MAX: usize = 64;
const GROUP_BYTES_MAX: usize = 1 << 20;
const READERS: usize = 2;
