//! Cases on their way to the index: a queue on disk, so that a slow index never delays a decision.
//!
//! ```text
//!  saver's thread                               index's thread
//!  append ─► (batch is saved) ─► publish  ···►  wait ─► read ─► (indexed and synced) ─► release
//! ```
//!
//! The queue lies in segment files of a folder, each named by the address of its first byte and the number of its first batch.
//! A batch is one line of header, which says its number and its length, and its lines. Addresses count bytes from the first that
//! was ever written, and never go back while something is kept.
//!
//! **A stop at any point.** A batch is written here before it is saved and may be read only afterwards, so whoever reads never
//! sees what a stop takes back: [`Spool::settle`] cuts off the batches that were not saved, and until then nothing of an earlier
//! process is read but what the queue itself knows to be saved ([`Spool::settle_known`]): one batch follows on another, and
//! [`Spool::publish_saved`] leaves an empty one. What was read and is safe is [released](Spool::release), in whole segments.
//!
//! **The bound.** Where the index is so far behind that the queue passes [`SpoolOptions::bytes_max`], the oldest segments go
//! unread, and how much that was is counted. Who was to be forgotten there still is: those lines stay.

mod identity;
mod segment;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::segment::{Header, Segment};
use super::sink::SinkError;
use crate::case::Filing;

/// How large the queue and its files may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// A file that has grown to this takes no further batch.
    pub segment_bytes: u64,
    /// All files together, at most; one file is always kept.
    pub bytes_max: u64,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, bytes_max: 4 << 30 }
    }
}

/// See the module. One process writes it and one thread reads it; the journal's lock keeps others away.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    options: SpoolOptions,
    shared: Mutex<Shared>,
    wakes: Condvar,
}

#[derive(Debug, Default)]
struct Shared {
    segments: VecDeque<Segment>,
    /// The last segment, where batches go; the next batch begins a new one where there is none.
    file: Option<File>,
    /// Where the next batch begins.
    end: u64,
    /// Up to where it may be read.
    published: u64,
    is_unsynced: bool,
    /// Whether the last batch is followed by nothing that says that it was saved.
    is_unmarked: bool,
    /// Whether a file was begun whose name may not outlast a loss of power.
    is_nameless: bool,
    /// Whether a failed write may have left bytes after `end`.
    is_torn: bool,
    /// Whether the last segment takes no further batch.
    is_sealed: bool,
    /// Whether nobody writes any longer.
    is_ended: bool,
    dropped_bytes: u64,
}

/// What [`Spool::wait`] has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is something to read.
    More,
    /// There was nothing in that time.
    Nothing,
    /// Nothing more will come.
    Ended,
}

/// Lines that were read.
#[derive(Debug, Default)]
pub struct Piece {
    /// Where they begin.
    pub from: u64,
    /// Where the next ones do.
    pub to: u64,
    /// Whole lines, each with its newline; headers of batches among them.
    pub lines: Vec<u8>,
}

impl Spool {
    /// Opens the queue in a folder, or begins one. `indexed` is the address up to which somebody has what was in it; nothing else
    /// of it is read before it is [settled](Spool::settle).
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub fn open(dir: impl Into<PathBuf>, options: SpoolOptions, indexed: u64) -> Result<Self, SinkError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(failed("create", &dir))?;
        let mut segments = segment::list(&dir).map_err(failed("read", &dir))?;
        let end = segments.back().map_or(0, |segment: &Segment| segment.end).max(indexed);
        // A queue whose files were taken away goes on where the reader stands: an address is never used twice.
        if segments.back().is_some_and(|last| last.end < end) {
            segments.drain(..).try_for_each(|gone| gone.remove(&dir)).map_err(failed("remove", &dir))?;
        }
        let shared = Shared { segments, end, published: indexed, ..Shared::default() };
        let spool = Self { dir, options, shared: Mutex::new(shared), wakes: Condvar::new() };
        spool.release(indexed)?;
        Ok(spool)
    }

    /// Cuts off every batch after that one: a stop came before they were saved. What is left may be read.
    ///
    /// # Errors
    /// If a file cannot be cut.
    pub fn settle(&self, seq: u64) -> Result<(), SinkError> {
        let mut shared = self.lock();
        shared.file = None;
        while shared.segments.back().is_some_and(|last| last.first_seq > seq) {
            let Some(last) = shared.segments.pop_back() else { break };
            last.remove(&self.dir).map_err(failed("remove", &self.dir))?;
            shared.end = last.start;
        }
        if let Some(last) = shared.segments.back_mut() {
            last.cut_after(&self.dir, seq).map_err(failed("truncate", &self.dir))?;
            shared.end = shared.segments.back().map_or(0, |last| last.end);
        }
        // What was read is passed over, should it be cut off all the same: no address is used twice.
        shared.end = shared.end.max(shared.published);
        (shared.published, shared.is_unmarked) = (shared.end, false);
        self.wakes.notify_all();
        Ok(())
    }

    /// What the queue itself knows to be saved may be read: every batch that something follows. For a queue that nobody writes now.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn settle_known(&self) -> Result<(), SinkError> {
        let mut shared = self.lock();
        if let Some(last) = shared.segments.back().filter(|_| shared.file.is_none()) {
            // What was let go may be told, whatever came after it.
            let known = if last.is_erasures() { Ok(last.end) } else { last.known_end(&self.dir) };
            let known = known.map_err(failed("read", &self.dir))?;
            shared.published = shared.published.max(known);
        }
        self.wakes.notify_all();
        Ok(())
    }

    /// A number that no other queue has, for as long as the folder is there.
    ///
    /// # Errors
    /// If it cannot be read, drawn or kept.
    pub fn identity(&self) -> Result<u64, SinkError> {
        identity::read_or_draw(&self.dir).map_err(failed("keep the number of", &self.dir))
    }

    /// Writes the lines of a batch; they are read once it is [published](Spool::publish). Returns when they would survive a
    /// loss of power, where `is_durable` asks for it.
    ///
    /// # Errors
    /// If they cannot be written; a part of them may have been, which is cut off by the next call.
    pub fn append(&self, seq: u64, lines: &[u8], is_durable: bool) -> Result<(), SinkError> {
        let mut shared = self.lock();
        if !lines.is_empty() {
            let room = shared.make_room(&self.dir, self.options.bytes_max, lines.len() as u64);
            room.map_err(failed("make room in", &self.dir))?;
            let appended =
                shared.append(&self.dir, &self.options, &Header { batch: seq, bytes: lines.len() as u64 }, lines);
            appended.map_err(failed("write", &self.dir))?;
        }
        if is_durable && std::mem::take(&mut shared.is_unsynced) {
            shared.file.as_ref().map_or(Ok(()), File::sync_data).map_err(failed("sync", &self.dir))?;
            if std::mem::take(&mut shared.is_nameless) {
                segment::sync_folder(&self.dir).map_err(failed("sync", &self.dir))?;
            }
        }
        Ok(())
    }

    /// Everything that was written is saved and may be read.
    pub fn publish(&self) {
        let mut shared = self.lock();
        shared.published = shared.end;
        self.wakes.notify_all();
    }

    /// [`Spool::publish`], after the batch of that number, in a way that a later process sees which does not know what was saved.
    ///
    /// # Errors
    /// If it cannot be written; what was written before may be read all the same.
    pub fn publish_saved(&self, seq: u64) -> Result<(), SinkError> {
        let mut shared = self.lock();
        shared.published = shared.end;
        let marked = if shared.is_unmarked { shared.mark(&self.dir, &self.options, seq) } else { Ok(()) };
        shared.published = shared.end;
        self.wakes.notify_all();
        marked.map_err(failed("write", &self.dir))
    }

    /// Nothing more will be written by this process.
    pub fn end(&self) {
        self.lock().is_ended = true;
        self.wakes.notify_all();
    }

    /// Waits until there is something to read from that address on, for so long at most.
    pub fn wait(&self, from: u64, wait: Duration) -> Waited {
        let is_idle = |shared: &mut Shared| shared.published <= from && !shared.is_ended;
        let waited = self.wakes.wait_timeout_while(self.lock(), wait, is_idle);
        let (shared, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (shared.published > from, shared.is_ended) {
            (true, _) => Waited::More,
            (false, true) => Waited::Ended,
            (false, false) => Waited::Nothing,
        }
    }

    /// Reads whole lines from that address on: so many bytes, or one line if that is longer, or all erasures that are left of
    /// what was dropped. What else was dropped before it is passed over.
    ///
    /// # Errors
    /// If a file cannot be read, or no line begins there.
    pub fn read(&self, from: u64, bytes_max: usize) -> Result<Piece, SinkError> {
        let shared = self.lock();
        let Some((segment, from, to)) = shared.readable(from) else {
            // What was to be read there is gone.
            return Ok(Piece { from, to: from.max(shared.published), ..Piece::default() });
        };
        drop(shared);
        let path = self.dir.join(segment.name());
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        file.seek(SeekFrom::Start(from - segment.start)).map_err(failed("read", &path))?;
        let mut lines = Vec::new();
        let bytes_max = if segment.is_erasures() { u64::MAX } else { bytes_max.max(1) as u64 };
        let mut asked = (to - from).min(bytes_max);
        loop {
            let missing = asked - lines.len() as u64;
            (&mut file).take(missing).read_to_end(&mut lines).map_err(failed("read", &path))?;
            if let Some(last) = memchr::memrchr(b'\n', &lines) {
                lines.truncate(last + 1);
                return Ok(Piece { from, to: from + lines.len() as u64, lines });
            }
            if (lines.len() as u64) < asked || asked == to - from {
                let reason = format!("no whole line is at {from}");
                return Err(SinkError::NotOurs { path, reason });
            }
            asked = (asked * 2).min(to - from);
        }
    }

    /// Whoever reads has everything up to that address safe: the files before it go.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn release(&self, up_to: u64) -> Result<(), SinkError> {
        let mut gone = Vec::new();
        {
            let mut shared = self.lock();
            let keeps_last = shared.file.is_some() && (!shared.is_sealed || shared.is_unsynced);
            while shared.segments.len() > usize::from(keeps_last) && shared.segments[0].end <= up_to {
                gone.extend(shared.segments.pop_front());
            }
            if shared.segments.is_empty() {
                (shared.file, shared.is_sealed) = (None, false);
            }
        }
        gone.iter().try_for_each(|segment| segment.remove(&self.dir)).map_err(failed("remove", &self.dir))
    }

    /// The next batch begins a new file, so that what lies in this one can go as soon as it is released.
    pub fn seal(&self) {
        let mut shared = self.lock();
        shared.is_sealed = shared.file.is_some();
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.lock().end
    }

    /// Bytes that may be read from that address on.
    #[must_use]
    pub fn behind_bytes(&self, from: u64) -> u64 {
        self.lock().published.saturating_sub(from)
    }

    /// Bytes that nobody had read when they had to make room.
    #[must_use]
    pub fn dropped_bytes(&self) -> u64 {
        self.lock().dropped_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn append(&mut self, dir: &Path, options: &SpoolOptions, header: &Header, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.cut_torn()?;
        }
        let is_full = |last: &Segment| last.end - last.start >= options.segment_bytes;
        let is_full = std::mem::take(&mut self.is_sealed) || self.segments.back().is_some_and(is_full);
        if is_full && std::mem::take(&mut self.is_unsynced) {
            self.file.as_ref().map_or(Ok(()), File::sync_data)?;
        }
        if is_full || self.file.is_none() {
            let segment = Segment { start: self.end, first_seq: header.batch, end: self.end };
            self.file = Some(segment.create(dir)?);
            self.is_nameless = true;
            self.segments.push_back(segment);
        }
        let (file, last) = self.file.as_mut().zip(self.segments.back_mut()).expect("a segment was just begun");
        let mut bytes = header.line();
        bytes.extend_from_slice(lines);
        (self.is_torn, self.is_unsynced) = (true, true);
        file.write_all(&bytes)?;
        self.is_torn = false;
        last.end += bytes.len() as u64;
        self.end = last.end;
        self.is_unmarked = header.bytes > 0;
        Ok(())
    }

    /// An empty batch: what stands before it was saved. Nothing is lost with it, so that it is not waited for.
    fn mark(&mut self, dir: &Path, options: &SpoolOptions, seq: u64) -> io::Result<()> {
        let is_unsynced = self.is_unsynced;
        self.append(dir, options, &Header { batch: seq, bytes: 0 }, b"")?;
        self.is_unsynced = is_unsynced;
        Ok(())
    }

    fn cut_torn(&mut self) -> io::Result<()> {
        if let Some((file, last)) = self.file.as_mut().zip(self.segments.back()) {
            file.set_len(last.end - last.start)?;
            file.seek(SeekFrom::End(0))?;
        }
        self.is_torn = false;
        Ok(())
    }

    /// Lets the oldest segments go until there is room for so many bytes; their erasures stay, as one segment in their place.
    fn make_room(&mut self, dir: &Path, bytes_max: u64, bytes: u64) -> io::Result<()> {
        let fits = |first: &Segment| self.end + bytes - first.start <= bytes_max;
        let last = self.segments.len().saturating_sub(1);
        let kept = self.segments.iter().position(fits).unwrap_or(last).min(last);
        if self.segments.iter().take(kept).all(Segment::is_erasures) {
            return Ok(());
        }
        let (mut erasures, mut dropped) = (BTreeSet::new(), 0);
        for gone in self.segments.iter().take(kept) {
            gone.lines_beginning(dir, Filing::ERASE, &mut erasures)?;
            dropped += gone.end - gone.start;
        }
        let gone: Vec<Segment> = self.segments.drain(..kept).collect();
        let begins = self.segments[0].start;
        if !erasures.is_empty() {
            let left = Segment::of_erasures(dir, erasures, begins)?;
            dropped -= left.end - left.start;
            self.segments.push_front(left);
        }
        // Nothing else lies before it any more.
        self.published = self.published.max(begins);
        self.dropped_bytes += dropped;
        gone.iter().try_for_each(|segment| segment.remove(dir))
    }

    /// The segment of that address, or of the first one kept after it, and from where to where it may be read.
    fn readable(&self, from: u64) -> Option<(Segment, u64, u64)> {
        let segment = self.segments.iter().find(|segment| segment.end > from)?;
        // A reader who stood within what was let go begins with what is left of it: to forget twice is no harm.
        let from = if segment.is_erasures() { segment.start } else { from.max(segment.start) };
        let to = segment.end.min(self.published);
        (from < to).then_some((*segment, from, to))
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> SinkError + 'a {
    move |source| SinkError::Io { doing, path: path.to_owned(), source }
}
