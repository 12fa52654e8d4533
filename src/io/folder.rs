//! A folder that is followed: files that come into it are read in the order of their names, files that grow are read on.
//!
//! Every file is known by what it begins with, not by its name alone, so that a log that is rotated (`a.jsonl` becomes
//! `a.jsonl.1` or `a.jsonl.1.gz`) is not read twice and what was not read of it yet is read under its new name. The
//! folder is looked through again every `poll`; no notification of the system is relied on, so that network drives work.
//!
//! - Names that begin with `.` or end with `.tmp`, `.part` or `~` are passed over: write under such a name, then rename.
//!   A compressed file must be put there whole, because it cannot be told from a damaged one.
//! - A line without an end is waited for; when its file has not grown for `settle`, it counts as it is.
//! - A file that is cut to nothing and written again (`copytruncate`) begins anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::clock::instant;
use super::files::{ReadOptions, begins_as, open_file};
use super::lines::{Filled, LineReader, Stand};
use super::source::{BatchLimits, Flow, Position, Progress, RawBatch, Source, SourceError};

/// How a folder is followed.
#[derive(Clone, Copy, Debug)]
pub struct FollowOptions {
    /// How its files are read.
    pub read: ReadOptions,
    /// How often it is looked through.
    pub poll: Duration,
    /// How long a file must not have grown before its last line counts without an end.
    pub settle: Duration,
    /// How many files may lie in it: where each stands is part of every position.
    pub files_max: usize,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            poll: Duration::from_millis(250),
            settle: Duration::from_secs(5),
            files_max: 4096,
        }
    }
}

/// A folder that is followed; it never ends.
pub struct FolderSource {
    path: PathBuf,
    options: FollowOptions,
    files: BTreeMap<String, Known>,
    reader: Option<(String, LineReader)>,
    looked: Option<Instant>,
}

/// A file, and how far it was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    stand: Stand,
    #[serde(skip)]
    seen: Seen,
}

/// What the folder said of a file when it was looked through last, and since when it says so.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    bytes: u64,
    modified: Option<SystemTime>,
    since: Option<Instant>,
    /// How long the file was when it was read to its end, and whether a line without an end was left there.
    read: Option<(u64, bool)>,
}

#[derive(Serialize, Deserialize)]
struct FolderPosition {
    files: BTreeMap<String, Known>,
}

impl FolderSource {
    /// Follows that folder.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub fn open(path: impl Into<PathBuf>, options: FollowOptions) -> Result<Self, SourceError> {
        let path = path.into();
        let mut source = Self { path, options, files: BTreeMap::new(), reader: None, looked: None };
        source.look()?;
        Ok(source)
    }

    /// Looks through the folder: finds what is new, has grown, was renamed or is gone. What is known stays as it is if
    /// the system refuses a look, because it is the position: without it everything would be read again.
    fn look(&mut self) -> Result<(), SourceError> {
        self.looked = Some(instant());
        let mut found = BTreeMap::new();
        let mut strange = Vec::new();
        let mut before = self.files.clone();
        for (name, seen) in list(&self.path)? {
            match before.remove_entry(&name) {
                Some((name, mut known)) if known.is_still(&self.path.join(&name), &seen)? => {
                    known.seen.update(seen);
                    found.insert(name, known);
                }
                other => {
                    before.extend(other);
                    strange.push((name, seen));
                }
            }
        }
        for (name, seen) in strange {
            let mut known = take_renamed(&mut before, &self.path.join(&name))?.unwrap_or_default();
            known.seen.update(seen);
            found.insert(name, known);
        }
        for (name, known) in &before {
            tracing::info!(file = %name, byte = known.stand.byte, "a followed file is gone");
        }
        self.files = found;
        self.check_number()
    }

    fn check_number(&self) -> Result<(), SourceError> {
        let (number, max) = (self.files.len(), self.options.files_max);
        if number <= max {
            return Ok(());
        }
        let path = self.path.display();
        Err(SourceError::Other(format!(
            "{path} holds {number} files; at most {max} are followed: move away what is done"
        )))
    }

    /// Looks again if it is time, waiting for that time no longer than `wait`; says whether it did.
    fn look_again(&mut self, wait: Duration) -> Result<bool, SourceError> {
        let age = self.looked.map_or(Duration::MAX, |looked| looked.elapsed());
        let due = self.options.poll.saturating_sub(age);
        #[expect(clippy::disallowed_methods, reason = "a folder wakes nobody; the wait is bounded by the batch's")]
        std::thread::sleep(due.min(wait));
        if due <= wait {
            self.look()?;
        }
        Ok(due <= wait)
    }

    /// Opens the first file, by name, that has something unread.
    fn open_next(&mut self) -> Result<bool, SourceError> {
        let settle = self.options.settle;
        let Some((name, known)) = self.files.iter_mut().find(|(_, known)| known.seen.is_unread(settle)) else {
            return Ok(false);
        };
        let path = self.path.join(name);
        let shown: Arc<str> = path.to_string_lossy().into();
        match open_file(&path, &shown, self.options.read.line_bytes_max, &known.stand) {
            Ok(reader) => self.reader = Some((name.clone(), reader)),
            Err(error) if has_moved(&error) => {
                known.seen.since = None;
                let left = (name.clone(), known.stand.clone());
                self.look()?;
                self.check_moved(&left, error)?;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// A file that lies where it lay and still cannot be read on from where it was left is damaged.
    fn check_moved(&self, (name, stand): &(String, Stand), error: SourceError) -> Result<(), SourceError> {
        let stays = self.files.get(name).is_some_and(|known| known.stand == *stand);
        if stays && matches!(error, SourceError::Position(_)) { Err(error) } else { Ok(()) }
    }

    /// The next records, or what stands in the way of the first of them.
    fn gather(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        let deadline = instant() + limits.wait;
        loop {
            if self.read_on(batch, limits)? {
                return Ok(Flow::More);
            }
            if self.open_next()? {
                continue;
            }
            let wait = if batch.is_empty() { deadline.saturating_duration_since(instant()) } else { Duration::ZERO };
            if !self.look_again(wait)? {
                return Ok(Flow::Idle);
            }
        }
    }

    /// Reads on in the open file; true if the batch is full.
    fn read_on(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<bool, SourceError> {
        let Some((name, reader)) = &mut self.reader else { return Ok(false) };
        let known = self.files.get_mut(name).expect("an open file is a known one");
        let full = match reader.fill(batch, limits)? {
            Filled::Full => true,
            Filled::Dry | Filled::End => {
                if reader.is_whole() || known.seen.has_settled(self.options.settle) {
                    reader.finish(batch);
                }
                known.seen.read = Some((known.seen.bytes, reader.has_rest()));
                false
            }
        };
        known.stand = reader.stand();
        if !full {
            self.reader = None;
        }
        Ok(full)
    }
}

impl Known {
    /// Whether the file of that name is still the one that is known: unchanged, or grown from the same beginning.
    fn is_still(&self, path: &Path, seen: &Seen) -> Result<bool, SourceError> {
        let unchanged = self.seen.bytes == seen.bytes && self.seen.modified == seen.modified;
        if unchanged && self.seen.since.is_some() { Ok(true) } else { begins_as(path, &self.stand) }
    }
}

impl Seen {
    fn update(&mut self, now: Self) {
        if self.bytes != now.bytes || self.since.is_none() {
            self.since = Some(instant());
        }
        (self.bytes, self.modified) = (now.bytes, now.modified);
    }

    fn has_settled(&self, settle: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= settle)
    }

    fn is_unread(&self, settle: Duration) -> bool {
        match self.read {
            None => self.bytes > 0,
            Some((bytes, rest)) => bytes != self.bytes || (rest && self.has_settled(settle)),
        }
    }
}

/// Whether the file was renamed, removed or replaced since the folder was looked through.
fn has_moved(error: &SourceError) -> bool {
    match error {
        SourceError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        error => matches!(error, SourceError::Position(_)),
    }
}

/// Finds the known file that now lies under that path: its name is gone and the beginning is the same.
fn take_renamed(gone: &mut BTreeMap<String, Known>, path: &Path) -> Result<Option<Known>, SourceError> {
    for (name, known) in gone.iter() {
        if known.stand.byte > 0 && begins_as(path, &known.stand)? {
            let name = name.clone();
            return Ok(gone.remove(&name));
        }
    }
    Ok(None)
}

/// Whether a file of that name is passed over, so that it can be written in a folder of inputs and then renamed:
/// `.name`, `name.tmp`, `name.part`, `name~`.
#[must_use]
pub fn is_passed_over(name: &str) -> bool {
    name.starts_with('.') || [".tmp", ".part", "~"].iter().any(|ending| name.ends_with(ending))
}

/// The files of a folder that may be read, by name.
fn list(folder: &Path) -> Result<BTreeMap<String, Seen>, SourceError> {
    let fail = |error| SourceError::io("list", folder, error);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if is_passed_over(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let name = entry.file_name().into_string().map_err(|name| {
            SourceError::Other(format!("{} cannot be followed: its name is not UTF-8", folder.join(name).display()))
        })?;
        let meta = match std::fs::metadata(entry.path()) {
            // What vanished since it was listed is found again under another name or is gone.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            meta => meta.map_err(|error| SourceError::io("look at", &entry.path(), error))?,
        };
        if meta.is_file() {
            let (bytes, modified) = (meta.len(), meta.modified().ok());
            files.insert(name, Seen { bytes, modified, since: None, read: None });
        }
    }
    Ok(files)
}

impl Source for FolderSource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        let flow = match self.gather(batch, limits) {
            Ok(flow) => flow,
            // What was read goes first; the next call meets the same error.
            Err(_) if !batch.is_empty() => Flow::More,
            Err(error) => {
                // The file is opened again from where it stands: it may have been mended or moved away by then.
                self.reader = None;
                return Err(error);
            }
        };
        *batch.end_mut() = Position::write(&FolderPosition { files: self.files.clone() });
        Ok(flow)
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        let FolderPosition { files } = position.read()?;
        (self.files, self.reader) = (files, None);
        self.look()
    }

    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    /// Of compressed files that are not read to their end nothing counts as done.
    fn progress(&self) -> Progress {
        let total = self.files.values().map(|known| known.seen.bytes).sum();
        let done = |known: &Known| known.seen.read.map_or(known.stand.byte, |(bytes, _)| bytes).min(known.seen.bytes);
        Progress { done_bytes: self.files.values().map(done).sum(), total_bytes: Some(total) }
    }
}
