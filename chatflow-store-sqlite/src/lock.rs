//! One writer a file: the lock beside the database.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// A held lock. The operating system releases it when the file is closed, also when the process
/// is killed; the lock file itself stays, because removing it would race with whoever opens it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
    /// The lock's own file, if this opening made it.
    made: Option<PathBuf>,
}

impl WriterLock {
    /// Takes the lock of the database at `path`, which is [`canonical`].
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |error: io::Error| {
            let (path, source) = (path.to_owned(), error.into());
            OpenError::Unreadable { path, source }
        };
        let mut name = OsString::from(path);
        name.push(".lock");
        let name = PathBuf::from(name);
        let is_new = !name.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&name)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Where a locked file can't be read, the message does without the number.
                let holder = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(OpenError::Locked {
                    path: path.to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            _file: file,
            made: is_new.then_some(name),
        })
    }

    /// Gives the lock back where the file turned out not to be a store, and leaves nothing
    /// beside it that wasn't there.
    pub(crate) fn give_back(self) {
        if let Some(made) = self.made {
            // It stays where it can't be removed; the next opening takes it again.
            let _ = fs::remove_file(made);
        }
    }
}

/// The one path of a file: relative paths and symbolic links to it lead to the same lock.
///
/// The database itself is never opened here: closing it would drop the locks that SQLite holds
/// on it in this process.
pub(crate) fn canonical(path: &Path) -> Result<PathBuf, OpenError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::canonicalize(&path) {
            Ok(found) if found.is_dir() => return Err(OpenError::NotADatabase { path: found }),
            Ok(found) => return Ok(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(OpenError::Unreadable {
                    path,
                    source: error.into(),
                });
            }
        }
        let Some(name) = path.file_name().map(OsString::from) else {
            return Err(OpenError::NotADatabase { path });
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let directory = match fs::canonicalize(&directory) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::DirectoryMissing { path: directory });
            }
            Err(error) => {
                return Err(OpenError::Unreadable {
                    path: directory,
                    source: error.into(),
                });
            }
        };
        // A link to a file that doesn't exist yet: SQLite would create the target.
        match fs::read_link(directory.join(&name)) {
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(directory.join(name)),
        }
    }
    let source = "too many symbolic links".into();
    Err(OpenError::Unreadable { path, source })
}

const LINKS_MAX: usize = 16;
