//! Files that messages refer to.

use async_trait::async_trait;

/// Where a host keeps the files that its flows and operators send.
///
/// Who implements it: hosts. Who calls: channels, when a message with such a reference goes out;
/// any number of times for one file, and at once from many tasks.
#[async_trait]
pub trait MediaStore: Send + Sync + 'static {
    /// The file that a reference names.
    ///
    /// # Errors
    /// [`MediaError`]: a missing file is the message's fault and isn't tried again, a store that
    /// is away is.
    async fn read(&self, reference: &str) -> Result<MediaFile, MediaError>;
}

/// A file with its name. `Debug` shows its size.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// What the contact sees it called.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaFile")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Why a file can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// It can't be read now.
    #[error("the file can't be read now")]
    Unavailable {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
