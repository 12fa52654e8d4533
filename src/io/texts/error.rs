//! What can be wrong with a log of texts on disk, and what to do then.

use std::io;
use std::path::{Path, PathBuf};

use crate::state::TextsError;

/// Why stored texts cannot be kept or used. A message does not repeat its source's: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum FileTextsError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `open`, `create`, `write`, `sync`.
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else altogether.
    #[error("{path} is no file of stored texts: it begins with {found:?}", path = path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// How it begins.
        found: String,
    },
    /// The file was written by another release, under another secret or with other bounds.
    #[error("{path} has {what} {found:#x}, and {wanted:#x} is asked for", path = path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// `format`, `content version`, `check value of the secret`, `segment length`.
        what: &'static str,
        /// What the file says of itself.
        found: u64,
        /// What this deployment reads.
        wanted: u64,
    },
    /// What is stored does not hold together.
    #[error("{path} is damaged at address {address}: {what}", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        address: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The journal knows of texts that are not there.
    #[error("{path} ends, or is damaged, at address {found}, and the journal knows of texts up to {wanted}", path = path.display())]
    Short {
        /// Which folder.
        path: PathBuf,
        /// Where the last whole record ends.
        found: u64,
        /// Where it should end.
        wanted: u64,
    },
    /// What the journal knows of was deleted.
    #[error("{path} begins at address {first}, and is to be cut at {wanted}", path = path.display())]
    Gone {
        /// Which folder.
        path: PathBuf,
        /// Where the first segment begins.
        first: u64,
        /// Where it was to be cut.
        wanted: u64,
    },
    /// A record that no segment can hold was appended.
    #[error("a record of {bytes} bytes is longer than a segment of {path} holds: {bytes_max}", path = path.display())]
    Long {
        /// Which folder.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest that there may be.
        bytes_max: u64,
    },
    /// A record was to be overwritten by one of another length.
    #[error("the record at address {address} of {path} has another length than what is to overwrite it", path = path.display())]
    Length {
        /// Which folder.
        path: PathBuf,
        /// Where it lies.
        address: u64,
    },
    /// No record is kept there.
    #[error("{path} keeps texts from address {first} to {end}, and is asked for {address}", path = path.display())]
    Nothing {
        /// Which folder.
        path: PathBuf,
        /// What was asked for.
        address: u64,
        /// Where the first segment begins.
        first: u64,
        /// Where the next record will begin.
        end: u64,
    },
}

impl FileTextsError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => {
                "check space and rights on that path; what is not written yet is kept, so it can be tried again"
            }
            Self::Foreign { .. } => "move that file away: the folder is for stored texts alone",
            Self::Unfit { .. } => {
                "use the release, the secret and the bounds that it was written with, or give a new --output folder to start over"
            }
            Self::Damaged { .. } | Self::Short { .. } | Self::Gone { .. } => {
                "restore the whole folder, journal and texts together, from one copy, or give a new --output folder to start over"
            }
            Self::Long { .. } | Self::Length { .. } | Self::Nothing { .. } => {
                "this is a mistake in the product: please report it"
            }
        }
    }
}

impl From<FileTextsError> for TextsError {
    fn from(error: FileTextsError) -> Self {
        match error {
            FileTextsError::Nothing { address, first, end, .. } => Self::Nothing { address, first, end },
            FileTextsError::Damaged { address, what, .. } => Self::Broken { address, what },
            FileTextsError::Length { address, .. } => Self::Broken { address, what: "it has another length" },
            FileTextsError::Io { doing, path, source } => {
                Self::Io { context: format!("cannot {doing} {}", path.display()), source }
            }
            other => Self::Io { context: other.hint().to_owned(), source: io::Error::other(other) },
        }
    }
}
