//! The stored texts on disk: a log in a folder, in files of one length of addresses each.
//!
//! ```text
//!  engine's thread          saver's thread                              any thread
//!  append ─► tail in memory ─► flush: one write a batch ─► segment files ─► read
//!                               settled: segments that nobody needs go
//! ```
//!
//! **Addresses** follow from the lengths of what was appended and from [`FileTextsOptions::segment_bytes`] alone: 8 bytes
//! of frame, the record, up to the next multiple of 16; what does not fit into the rest of a segment begins the next.
//! The address is the place: segment `a / segment_bytes`, 64 bytes of header, the rest of the division.
//!
//! **A stop at any point.** Before a batch is saved its texts are flushed, as durably as the journal will be; the
//! journal says where the log ended then, and [`FileTexts::truncate`] cuts off what a later, unsaved batch left. A log
//! that ends before that is refused. Every record has a checksum that knows its address; every segment says where the one
//! before ended; so what is damaged or missing is noticed, never read as something else.
//!
//! What is absent: what a record means. Whether two processes use the folder is the store's business, which holds the lock.

mod carry;
mod error;
mod frame;
mod recover;
mod rewrite;
mod segment;
mod tail;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use error::FileTextsError;
use frame::FRAME_BYTES;
use recover::Found;
use rewrite::Patch;
use segment::{HEADER_BYTES, Header, Walk};
use tail::{Piece, Tail};

use crate::state::{Texts, TextsError, Visit};

/// Segments that are held open for reading.
const OPEN_FILES_MAX: usize = 64;

/// What one read takes: longer records take a second one.
const READ_BYTES: usize = 1024;

/// Names that are tried for a temporary folder.
const NAMES_MAX: u32 = 1000;

/// What a log is; all of it stands in every file, and a file of another log is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTextsOptions {
    /// Bytes of addresses in one file: a multiple of 16, and at least that. Part of every address.
    pub segment_bytes: u64,
    /// The version of what the records are made of.
    pub content_version: u32,
    /// The check value of the secret that they were made under.
    pub check: u64,
}

impl Default for FileTextsOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, content_version: 0, check: 0 }
    }
}

/// A log of records in a folder.
#[derive(Debug)]
pub struct FileTexts {
    folder: PathBuf,
    options: FileTextsOptions,
    is_temporary: bool,
    /// Where the first segment begins that is kept.
    first: AtomicU64,
    /// Locked after `disk` where both are.
    tail: RwLock<Tail>,
    disk: Mutex<Disk>,
    /// Segments open for reading, the one that was opened first in front.
    readers: RwLock<Readers>,
    releases: Mutex<Releases>,
}

/// What is written, and by whom it is held: the saver.
#[derive(Debug, Default)]
struct Disk {
    written: u64,
    /// The segment that is written to.
    current: Option<(u64, Arc<File>)>,
    /// Whether something written is not surely on the disk; whether a file's name is not.
    is_unsynced: bool,
    is_name_unsynced: bool,
    /// Whether something lies after what is written.
    is_torn: bool,
}

/// (where a segment begins, its file).
type Readers = VecDeque<(u64, Arc<File>)>;

/// (where the log ended, nothing before is asked for again), in order.
type Releases = VecDeque<(u64, u64)>;

// What a panic elsewhere left behind is whole: every change under these locks is made in one piece.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

fn change<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

impl FileTexts {
    /// Opens the log in that folder, or begins one: all whole records are there. What a stop left half written after
    /// them stays in the file until the next flush or [`FileTexts::truncate`].
    ///
    /// # Errors
    /// If a file is of another log, format, secret or segment length, if a segment is missing or cut, or if the folder
    /// cannot be read or made.
    pub fn open(folder: impl Into<PathBuf>, options: FileTextsOptions) -> Result<Self, FileTextsError> {
        let segment_bytes = options.segment_bytes.max(16).next_multiple_of(16);
        let options = FileTextsOptions { segment_bytes, ..options };
        let folder = folder.into();
        let Found { first, end, last, is_torn } = recover::find(&folder, &options)?;
        let disk = Disk { written: end, current: last, is_torn, ..Disk::default() };
        Ok(Self {
            folder,
            options,
            is_temporary: false,
            first: first.into(),
            tail: RwLock::new(Tail::new(end)),
            disk: Mutex::new(disk),
            readers: RwLock::default(),
            releases: Mutex::default(),
        })
    }

    /// A log in a folder of its own, which nobody else may read and which is deleted with the value: for commands that
    /// keep nothing. They flush it once a batch, not durably.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn temporary(options: FileTextsOptions) -> Result<Self, FileTextsError> {
        let mut log = Self::open(temporary_folder()?, options)?;
        log.is_temporary = true;
        Ok(log)
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes what was appended: one write for each segment that it lies in. `durably`: it is on the disk when this
    /// returns. Call it before a batch is saved, and durably where the save will be.
    ///
    /// # Errors
    /// If it cannot be written; it is kept, can be read, and is written with the next flush. Or if a record was appended
    /// that no segment can hold; nothing is written any more then.
    pub fn flush(&self, durably: bool) -> Result<(), FileTextsError> {
        let mut disk = lock(&self.disk);
        let (pieces, too_long) = {
            let mut tail = change(&self.tail);
            (tail.seal_all(), tail.too_long)
        };
        if let Some(bytes) = too_long {
            let bytes_max = self.options.segment_bytes - FRAME_BYTES as u64;
            return Err(FileTextsError::Long { path: self.folder.clone(), bytes, bytes_max });
        }
        self.write(&mut disk, &pieces)?;
        if durably {
            self.sync(&mut disk)?;
        }
        let Some(last) = pieces.last() else { return Ok(()) };
        disk.written = last.end();
        drop(pieces);
        change(&self.tail).drop_before(disk.written);
        Ok(())
    }

    /// Says that what was saved up to this end of the log will be there after a stop at any point: segments that had
    /// been released by then are deleted.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn settled(&self, end: u64) -> Result<(), FileTextsError> {
        let mut released = None;
        {
            let mut releases = lock(&self.releases);
            while releases.front().is_some_and(|(at, _)| *at <= end) {
                released = releases.pop_front().map(|(_, before)| before).max(released);
            }
        }
        released.map_or(Ok(()), |before| self.delete_before(before))
    }

    /// Cuts the log to where the journal says that it ended; what lies after it goes. At 0 it is begun again.
    ///
    /// # Errors
    /// If the log ends before, or began after, or no record ends there; nothing is changed then. Or if it cannot be cut.
    pub fn truncate(&self, end: u64) -> Result<(), FileTextsError> {
        let (mut disk, mut tail) = (lock(&self.disk), change(&self.tail));
        if end > tail.end() {
            return Err(FileTextsError::Short { path: self.folder.clone(), found: tail.end(), wanted: end });
        }
        if end == tail.end() && !disk.is_torn {
            return Ok(());
        }
        // Between what is written and the tail a segment may end, in addresses where no record ends.
        let is_in_tail = end > tail.base();
        let is_boundary = match end {
            end if is_in_tail => tail.cut(end),
            end => end == 0 || end == disk.written || self.is_boundary(end)?,
        };
        if !is_boundary {
            let what = "no record ends where the journal says that the log ended";
            return Err(FileTextsError::Damaged { path: self.folder.clone(), address: end, what });
        }
        if !is_in_tail {
            (*tail, disk.written) = (Tail::new(end), end);
        }
        lock(&self.releases).clear();
        change(&self.readers).clear();
        self.cut(&mut disk)
    }

    /// Overwrites records with others of the same lengths, on the disk when it returns: a stop in between leaves every
    /// one of them whole, as it was or as it will be. For erasure, after the save of the batch that asks for it. Records whose
    /// segment was deleted meanwhile are passed over: nothing of them is left.
    ///
    /// # Errors
    /// If one was never there or has another length, and nothing is changed; or if they cannot be written.
    pub fn overwrite_all(&self, records: &[(u64, &[u8])]) -> Result<(), FileTextsError> {
        let disk = lock(&self.disk);
        // Segments are deleted under the same lock, so what is kept now is kept until the end.
        let kept_from = self.first.load(Ordering::Relaxed);
        let (mut patches, mut old) = (Vec::new(), Vec::new());
        for &(address, record) in records.iter().filter(|(address, _)| *address >= kept_from) {
            let is_on_disk = self.find(address, &mut old)?;
            if old.len() != record.len() {
                return Err(FileTextsError::Length { path: self.folder.clone(), address });
            }
            if is_on_disk {
                let mut frame = Vec::new();
                frame::put(address, record, &mut frame);
                patches.push(Patch { address, frame });
            }
        }
        if !patches.is_empty() {
            patches.sort_by_key(|patch| patch.address);
            rewrite::write(&self.folder, &self.options, &patches)?;
        }
        let mut tail = change(&self.tail);
        let base = tail.base();
        for &(address, record) in records.iter().filter(|(address, _)| *address >= base) {
            tail.overwrite(address, record);
        }
        drop(disk);
        Ok(())
    }
}

impl FileTexts {
    fn segment_of(&self, address: u64) -> u64 {
        address - address % self.options.segment_bytes
    }

    fn write(&self, disk: &mut Disk, pieces: &[Arc<Piece>]) -> Result<(), FileTextsError> {
        if disk.is_torn && !pieces.is_empty() {
            self.cut(disk)?;
        }
        let mut end = disk.written;
        for piece in pieces {
            let first = self.segment_of(piece.base);
            let path = segment::path(&self.folder, first);
            let file = self.writer(disk, &path, piece.base, end)?;
            let offset = HEADER_BYTES + (piece.base - first);
            disk.is_unsynced = true;
            segment::write_at(&file, &piece.bytes, offset).map_err(FileTextsError::io("write", &path))?;
            end = piece.end();
        }
        Ok(())
    }

    /// The file that a piece belongs into; a segment is on the disk before the next one is begun.
    fn writer(&self, disk: &mut Disk, path: &Path, base: u64, end: u64) -> Result<Arc<File>, FileTextsError> {
        let first = self.segment_of(base);
        if let Some((current, file)) = &disk.current
            && *current == first
            && base != first
        {
            return Ok(Arc::clone(file));
        }
        self.sync(disk)?;
        let file = if base == first {
            disk.is_name_unsynced = true;
            segment::create(path, Header { first, previous_end: end }, &self.options)?
        } else {
            segment::open(path)?
        };
        let file = Arc::new(file);
        disk.current = Some((first, Arc::clone(&file)));
        Ok(file)
    }

    fn sync(&self, disk: &mut Disk) -> Result<(), FileTextsError> {
        if let Some((first, file)) = disk.current.as_ref().filter(|_| disk.is_unsynced) {
            file.sync_data().map_err(FileTextsError::io("sync", &segment::path(&self.folder, *first)))?;
            disk.is_unsynced = false;
        }
        if disk.is_name_unsynced {
            segment::sync_folder(&self.folder)?;
            disk.is_name_unsynced = false;
        }
        Ok(())
    }

    /// Removes all that lies after what is written, the last segment first.
    fn cut(&self, disk: &mut Disk) -> Result<(), FileTextsError> {
        let last = disk.written.checked_sub(1).map(|byte| self.segment_of(byte));
        disk.current = None;
        for first in segment::list(&self.folder)?.into_iter().rev().filter(|first| Some(*first) > last) {
            let path = segment::path(&self.folder, first);
            fs::remove_file(&path).map_err(FileTextsError::io("remove", &path))?;
        }
        if let Some(first) = last {
            let path = segment::path(&self.folder, first);
            let file = segment::open(&path)?;
            let cut = file.set_len(HEADER_BYTES + (disk.written - first)).and_then(|()| file.sync_all());
            cut.map_err(FileTextsError::io("truncate", &path))?;
            disk.current = Some((first, Arc::new(file)));
        } else {
            self.first.store(0, Ordering::Relaxed);
        }
        segment::sync_folder(&self.folder)?;
        (disk.is_unsynced, disk.is_name_unsynced, disk.is_torn) = (false, false, false);
        Ok(())
    }

    /// Whether a record that is on the disk ends there.
    fn is_boundary(&self, end: u64) -> Result<bool, FileTextsError> {
        let (first, kept) = (self.segment_of(end - 1), self.first.load(Ordering::Relaxed));
        if first < kept {
            return Err(FileTextsError::Gone { path: self.folder.clone(), first: kept, wanted: end });
        }
        let (path, file) = (segment::path(&self.folder, first), self.reader(first, end)?);
        let mut walk = Walk::new(&path, &file, first, end);
        loop {
            match walk.next() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(true),
                // A record that goes past the end is, to the walk, one that is cut off.
                Err(FileTextsError::Damaged { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn delete_before(&self, before: u64) -> Result<(), FileTextsError> {
        let disk = lock(&self.disk);
        let last = self.segment_of(disk.written.saturating_sub(1));
        let mut first = self.first.load(Ordering::Relaxed);
        // In order, so that a stop in between leaves no hole.
        while first < last && first + self.options.segment_bytes <= before {
            let next = first + self.options.segment_bytes;
            self.first.store(next, Ordering::Relaxed);
            change(&self.readers).retain(|(reader, _)| *reader != first);
            let path = segment::path(&self.folder, first);
            fs::remove_file(&path).map_err(FileTextsError::io("remove", &path))?;
            first = next;
        }
        Ok(())
    }

    /// The segment, open for reading.
    fn reader(&self, first: u64, address: u64) -> Result<Arc<File>, FileTextsError> {
        let find =
            |readers: &Readers| readers.iter().find(|(reader, _)| *reader == first).map(|(_, file)| file.clone());
        if let Some(file) = find(&read(&self.readers)) {
            return Ok(file);
        }
        let path = segment::path(&self.folder, first);
        let file = match File::open(&path) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.nothing(address)),
            Err(error) => return Err(FileTextsError::io("open", &path)(error)),
        };
        let mut readers = change(&self.readers);
        if readers.len() >= OPEN_FILES_MAX {
            readers.pop_front();
        }
        readers.push_back((first, Arc::clone(&file)));
        Ok(file)
    }

    fn nothing(&self, address: u64) -> FileTextsError {
        let (first, end) = (self.first.load(Ordering::Relaxed), read(&self.tail).end());
        FileTextsError::Nothing { path: self.folder.clone(), address, first, end }
    }

    /// Reads a record. Whether it is on the disk.
    fn find(&self, address: u64, out: &mut Vec<u8>) -> Result<bool, FileTextsError> {
        out.clear();
        let end = {
            let tail = read(&self.tail);
            if address >= tail.base() && address < tail.end() {
                let damaged = |what| FileTextsError::Damaged { path: self.folder.clone(), address, what };
                out.extend_from_slice(tail.record(address).map_err(damaged)?);
                return Ok(false);
            }
            tail.end()
        };
        if address < self.first.load(Ordering::Relaxed) || address >= end {
            return Err(self.nothing(address));
        }
        self.find_on_disk(address, out)?;
        Ok(true)
    }

    fn find_on_disk(&self, address: u64, out: &mut Vec<u8>) -> Result<(), FileTextsError> {
        let first = self.segment_of(address);
        let (file, path) = (self.reader(first, address)?, || segment::path(&self.folder, first));
        let offset = HEADER_BYTES + (address - first);
        let left = self.options.segment_bytes - (address - first);
        let hold = |out: &mut Vec<u8>, bytes: usize| {
            let held = out.len();
            out.resize(bytes.min(left as usize).max(held), 0);
            let read = segment::read_at(&file, &mut out[held..], offset + held as u64);
            out.truncate(held + read.map_err(|error| FileTextsError::io("read", &path())(error))?);
            Ok::<_, FileTextsError>(())
        };
        hold(out, READ_BYTES)?;
        let bytes = out.first_chunk().map_or(0, |head| FRAME_BYTES + frame::length(*head));
        if bytes > out.len() {
            hold(out, bytes)?;
        }
        let record = frame::record(address, out);
        let length = record.map_err(|what| FileTextsError::Damaged { path: path(), address, what })?.len();
        out.copy_within(FRAME_BYTES..FRAME_BYTES + length, 0);
        out.truncate(length);
        Ok(())
    }

    fn scan_segment(&self, first: u64, end: u64, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        let (path, file) = (segment::path(&self.folder, first), self.reader(first, first)?);
        let length = file.metadata().map_err(FileTextsError::io("read", &path))?.len();
        let mut walk = Walk::new(&path, &file, first, end.min(first + length.saturating_sub(HEADER_BYTES)));
        while let Some((address, record)) = walk.next()? {
            visit(address, record)?;
        }
        Ok(())
    }
}

impl Texts for FileTexts {
    fn append(&self, record: &[u8]) -> u64 {
        change(&self.tail).append(record, self.options.segment_bytes)
    }

    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError> {
        self.find(address, out)?;
        Ok(())
    }

    fn end(&self) -> u64 {
        read(&self.tail).end()
    }

    /// Nothing is deleted before [`FileTexts::settled`] says that no stop can bring back who needs it. Call it when the
    /// batch is appended that it belongs to.
    fn release_before(&self, address: u64) {
        let (end, before) = (self.end(), self.segment_of(address));
        let mut releases = lock(&self.releases);
        if releases.back().map_or(self.first.load(Ordering::Relaxed), |(_, last)| *last) < before {
            releases.push_back((end, before));
        }
        drop(releases);
        if self.is_temporary {
            // What cannot be deleted now goes with the folder.
            let _ = self.settled(end);
        }
    }

    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        let (pieces, written) = {
            let tail = read(&self.tail);
            (tail.copy(), tail.base())
        };
        let mut first = self.first.load(Ordering::Relaxed);
        while first < written {
            match self.scan_segment(first, written, visit) {
                // Deleted since the scan began.
                Err(TextsError::Nothing { .. }) if first < self.first.load(Ordering::Relaxed) => {}
                scanned => scanned?,
            }
            first += self.options.segment_bytes;
        }
        for Piece { base, bytes } in pieces {
            let mut at = 0;
            while at < bytes.len() {
                let address = base + at as u64;
                let record = frame::record(address, &bytes[at..]);
                let record = record.map_err(|what| TextsError::Broken { address, what })?;
                visit(address, record)?;
                at += frame::size(record.len()) as usize;
            }
        }
        Ok(())
    }

    fn overwrite(&self, address: u64, record: &[u8]) -> Result<(), TextsError> {
        Ok(self.overwrite_all(&[(address, record)])?)
    }
}

impl Drop for FileTexts {
    fn drop(&mut self) {
        if self.is_temporary {
            // Open files cannot be removed everywhere.
            change(&self.readers).clear();
            lock(&self.disk).current = None;
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A new folder for this process among the system's temporary ones.
fn temporary_folder() -> Result<PathBuf, FileTextsError> {
    let place = std::env::temp_dir();
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for number in 0..NAMES_MAX {
        let folder = place.join(format!("tidegate-texts-{}-{number}", std::process::id()));
        match builder.create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FileTextsError::io("create", &folder)(error)),
        }
    }
    Err(FileTextsError::io("create a folder in", &place)(io::ErrorKind::AlreadyExists.into()))
}
