//! The edition in force, and the change of it: read, compiled and tested beside the old one, swapped between two batches.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::pipeline::{BuildOptions, Edition, Folder, Sources, rehearse};
use crate::problem::{Problem, has_errors};

use super::measure;

/// The edition in force. The loop asks once a batch; whoever publishes replaces it at any time.
pub struct Editions(RwLock<Arc<Edition>>);

impl Editions {
    /// Begins with that edition.
    #[must_use]
    pub fn new(edition: Arc<Edition>) -> Self {
        Self(RwLock::new(edition))
    }

    /// The edition in force.
    #[must_use]
    pub fn current(&self) -> Arc<Edition> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force, from the next batch on.
    pub fn publish(&self, edition: Arc<Edition>) {
        measure::swapped();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = edition;
    }
}

/// The folders that an edition is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditionFolders {
    /// The folder of rules; `None` for the rules that ship.
    pub base: Option<PathBuf>,
    /// The site's own, laid over it.
    pub overlay: Option<PathBuf>,
}

/// Files of an edition's folder, at most.
const FILES_MAX: usize = 10_000;
/// Folders within folders, at most.
const DEPTH_MAX: usize = 8;
/// One file, at most: lists of a million terms are a tenth of it.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// How the file of a model ends.
const MODEL: &str = "safetensors";

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing of an edition in it.
    #[error("{path} holds no rules, word lists or ladder: name the folder that holds words/ and the .yaml files", path = path.display())]
    Empty {
        /// Which folder.
        path: PathBuf,
    },
    /// It is too large.
    #[error("{path}: {what} are more than {bound}", path = path.display())]
    TooLarge {
        /// Which file or folder.
        path: PathBuf,
        /// Of what there is too much.
        what: &'static str,
        /// The bound.
        bound: u64,
    },
}

impl EditionFolders {
    /// Reads every file of the folders.
    ///
    /// # Errors
    /// If a folder cannot be read, is empty or too large.
    pub fn read(&self) -> Result<Sources, FolderError> {
        let base = self.base.as_deref().map_or_else(|| Ok(Folder::shipped()), read_folder)?;
        let overlay = self.overlay.as_deref().map_or_else(|| Ok(Folder::default()), read_folder)?;
        Ok(Sources { base, overlay })
    }

    /// What changes when a file is changed, added or removed: cheap to take, and never the reason of a decision.
    fn stamp(&self) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
        let folders = self.base.iter().chain(&self.overlay);
        let files = folders.flat_map(|folder| files_of(folder).unwrap_or_default());
        files
            .map(|path| {
                let known = fs::metadata(&path).ok();
                let modified = known.as_ref().and_then(|known| known.modified().ok());
                (path, known.map_or(0, |known| known.len()), modified)
            })
            .collect()
    }
}

fn read_folder(folder: &Path) -> Result<Folder, FolderError> {
    let mut read = Folder::default();
    for path in files_of(folder)? {
        let bytes = fs::metadata(&path).map_err(|source| FolderError::Io { path: path.clone(), source })?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(FolderError::TooLarge { path, what: "its bytes", bound: FILE_BYTES_MAX });
        }
        if path.extension().is_some_and(|extension| extension == MODEL) {
            let bytes = fs::read(&path).map_err(|source| FolderError::Io { path: path.clone(), source })?;
            read.add_model(&path.to_string_lossy(), bytes);
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|source| FolderError::Io { path: path.clone(), source })?;
        read.add(path.strip_prefix(folder).unwrap_or(&path), &path.to_string_lossy(), &text);
    }
    if read.is_empty() { Err(FolderError::Empty { path: folder.to_owned() }) } else { Ok(read) }
}

/// Every `.yaml`, `.yml`, `.txt`, `.jsonl` and `.safetensors` below a folder, by path; names that begin with a dot are passed
/// over.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut files = Vec::new();
    gather(folder, 0, &mut files)?;
    files.sort_unstable();
    if files.len() > FILES_MAX {
        return Err(FolderError::TooLarge { path: folder.to_owned(), what: "its files", bound: FILES_MAX as u64 });
    }
    Ok(files)
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FolderError> {
    let failed = |source| FolderError::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_ours = path
            .extension()
            .is_some_and(|extension| ["yaml", "yml", "txt", "jsonl", MODEL].iter().any(|ours| extension == *ours));
        if is_hidden {
            continue;
        }
        if path.is_dir() && depth < DEPTH_MAX {
            gather(&path, depth + 1, files)?;
        } else if is_ours {
            files.push(path);
        }
    }
    Ok(())
}

/// Looks at the folders every so often; when something changed, builds the new edition beside the old one, runs its rules'
/// tests and puts it in force, or tells what is wrong and leaves the old one. Returns when `stop` is dropped.
///
/// `tell` gets the outcome of every change: the id of the new edition, or what is wrong.
pub fn watch(
    folders: &EditionFolders,
    options: &BuildOptions,
    every: Duration,
    editions: &Editions,
    stop: &Receiver<()>,
    tell: impl Fn(Result<&str, &[Problem]>),
) {
    // Nothing is known at first: a change made while the stage was starting is not missed.
    let (mut taken, mut seen) = (Vec::new(), Vec::new());
    while stop.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let before = std::mem::replace(&mut seen, folders.stamp());
        // What changes between two looks is still being written.
        if seen == taken || seen != before {
            continue;
        }
        taken.clone_from(&seen);
        match rebuild(folders, options) {
            Ok(edition) if edition.id == editions.current().id => {}
            Ok(edition) => {
                let id = Arc::clone(&edition.id);
                editions.publish(Arc::new(edition));
                tell(Ok(&id));
            }
            Err(problems) => {
                measure::refused();
                tell(Err(&problems));
            }
        }
    }
}

/// A new edition, or everything that is wrong with it.
fn rebuild(folders: &EditionFolders, options: &BuildOptions) -> Result<Edition, Vec<Problem>> {
    let unreadable = |error: &FolderError| vec![Problem::error(&"edition".into(), error.to_string())];
    let sources = folders.read().map_err(|error| unreadable(&error))?;
    match build_checked(&sources, options) {
        (Some(edition), _) => Ok(edition),
        (None, problems) => Err(problems),
    }
}

/// Builds an edition and runs its rules' tests: what must hold before it is put in force, at the start and later. The
/// problems that come beside an edition are warnings.
#[must_use]
pub fn build_checked(sources: &Sources, options: &BuildOptions) -> (Option<Edition>, Vec<Problem>) {
    let (edition, mut problems) = Edition::build(sources, options);
    if let Some(edition) = &edition {
        problems.extend(rehearse(edition).problems);
    }
    (edition.filter(|_| !has_errors(&problems)), problems)
}
