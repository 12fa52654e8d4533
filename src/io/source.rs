//! Where records come from: the contract, the batch that they come in, and what can go wrong.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

/// Records in order, with a place to come back to.
pub trait Source: Send {
    /// Clears `batch` and fills it with what comes next, up to `limits`, and sets its end to the position after it.
    ///
    /// Waits at most `limits.wait` and only while the batch is empty: what has come is never held back for more.
    ///
    /// # Errors
    /// If the input cannot be read on. The records before the fault were delivered by earlier calls; if it is the input
    /// that is damaged, later calls give the same error until [`Source::seek`].
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError>;

    /// Goes to a position that this kind of source gave earlier, perhaps in an earlier process.
    ///
    /// # Errors
    /// If the input is not the one that the position was given for, or is shorter than it was.
    fn seek(&mut self, position: &Position) -> Result<(), SourceError>;

    /// Tells the source that everything before `position` is saved and emitted.
    ///
    /// # Errors
    /// If the source keeps positions itself and cannot keep this one.
    fn commit(&mut self, position: &Position) -> Result<(), SourceError>;

    /// How far it is, for progress bars.
    fn progress(&self) -> Progress;
}

/// Where a source stands, opaque to everybody else: it goes into the journal as it is. The kinds that ship write JSON.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Position(pub Vec<u8>);

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({})", String::from_utf8_lossy(&self.0))
    }
}

impl Position {
    /// Writes the form that the kinds here share: JSON, so that a journal can be read by people too.
    pub(crate) fn write(form: &impl Serialize) -> Self {
        Self(serde_json::to_vec(form).expect("positions are numbers and names"))
    }

    /// Reads that form.
    pub(crate) fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, SourceError> {
        serde_json::from_slice(&self.0)
            .map_err(|error| SourceError::Position(format!("{self:?} is not a position of this input: {error}")))
    }
}

/// How much one [`Source::fill`] may bring, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// At most so many records.
    pub records_max: usize,
    /// At most so many bytes, unless the first record alone is longer. More than 1 GiB counts as 1 GiB.
    pub bytes_max: usize,
    /// How long to wait for the first record of a source that has nothing at hand.
    pub wait: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { records_max: 4096, bytes_max: 8 << 20, wait: Duration::from_millis(200) }
    }
}

/// No record and no batch of a source here grows beyond 1 GiB (a batch by the first 64 KiB of a line too long), whatever
/// is asked for: a batch counts its bytes in 32 bits.
pub(super) const BYTES_MAX: usize = 1 << 30;

/// How much of a record too long goes into the reject.
pub(super) const LONG_RECORD_KEPT_BYTES: usize = 64 << 10;

impl BatchLimits {
    /// These limits, no larger than a batch can hold.
    pub(super) fn clamped(&self) -> Self {
        Self { bytes_max: self.bytes_max.min(BYTES_MAX), ..*self }
    }
}

/// What comes after the batch that was just filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More is at hand: call again, even if the batch is empty because all that it read was passed over.
    More,
    /// Nothing more is at hand now; something may come later. The batch may hold records all the same.
    Idle,
    /// The input has ended. The batch may hold its last records.
    End,
}

/// How much of the input is done, in bytes as they are stored: of the compressed file where it is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Read so far.
    pub done_bytes: u64,
    /// In all, where that can be known.
    pub total_bytes: Option<u64>,
}

/// Why a record cannot be taken. The code is for machines and never changes; the message names key, bound and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of [`super::wire::CODES`].
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Fault {
    /// A fault of that code.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Where in its source a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a text, from 1, and its first byte, from 0, in the text as it is after decompression.
    Line {
        /// The line, from 1; blank lines count.
        line: u64,
        /// The first byte, from 0.
        byte: u64,
    },
    /// The how-manieth record of a list or of a partition, from 0.
    Index(u64),
}

/// Where a record came from, for people and for rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset<'a> {
    /// The file as the user named it, `stdin`, or a topic and its partition.
    pub source: &'a str,
    /// Where in it.
    pub place: Place,
}

impl fmt::Display for Offset<'_> {
    /// `events.jsonl:12 (byte 3456)` or `events/3:88`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Line { line, byte } => write!(f, "{}:{line} (byte {byte})", self.source),
            Place::Index(index) => write!(f, "{}:{index}", self.source),
        }
    }
}

impl Serialize for Offset<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = s.serialize_struct("Offset", 3)?;
        out.serialize_field("source", self.source)?;
        match self.place {
            Place::Line { line, byte } => {
                out.serialize_field("line", &line)?;
                out.serialize_field("byte", &byte)?;
            }
            Place::Index(index) => out.serialize_field("index", &index)?,
        }
        out.end()
    }
}

/// One record as it came.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Its bytes, without the end of the line; only the first ones where `fault` says that it was too long.
    pub bytes: &'a [u8],
    /// How many bytes it has in truth.
    pub bytes_total: u64,
    /// Where it came from.
    pub offset: Offset<'a>,
    /// Why it must be rejected unread, if it must.
    pub fault: Option<&'a Fault>,
}

/// The raw records of one micro-batch in one buffer. Made once and filled again and again.
#[derive(Debug, Default)]
pub struct RawBatch {
    bytes: Vec<u8>,
    records: Vec<Stored>,
    faults: Vec<(Fault, u64)>,
    sources: Vec<Arc<str>>,
    end: Position,
    is_relayed: bool,
}

#[derive(Clone, Debug)]
struct Stored {
    range: Range<u32>,
    place: Place,
    source: u32,
    fault: Option<u32>,
}

impl RawBatch {
    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.faults.clear();
        self.sources.clear();
        self.end.0.clear();
        self.is_relayed = false;
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes its records have, ends of lines included where the source keeps them between records.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The record at that index.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Raw<'_> {
        let stored = &self.records[index];
        let bytes = &self.bytes[stored.range.start as usize..stored.range.end as usize];
        let fault = stored.fault.map(|fault| &self.faults[fault as usize]);
        Raw {
            bytes,
            bytes_total: fault.map_or(bytes.len() as u64, |&(_, total)| total),
            offset: Offset { source: &self.sources[stored.source as usize], place: stored.place },
            fault: fault.map(|(fault, _)| fault),
        }
    }

    /// All records, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Raw<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The position after the last record.
    #[must_use]
    pub fn end(&self) -> &Position {
        &self.end
    }

    /// Sets the position after the last record; the source's business.
    pub fn end_mut(&mut self) -> &mut Position {
        &mut self.end
    }

    /// Whether its records are what lanes of the stage tell one another, and not what came in.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.is_relayed
    }

    /// Says that its records are what lanes tell one another; the source's business.
    #[cfg(feature = "kafka")]
    pub(crate) fn relay(&mut self) {
        self.is_relayed = true;
    }

    /// Names the source of the records that follow; the source's business.
    pub fn set_source(&mut self, source: &Arc<str>) {
        if self.sources.last().is_none_or(|last| last != source) {
            self.sources.push(Arc::clone(source));
        }
    }

    /// Adds a record; [`RawBatch::set_source`] comes first.
    ///
    /// # Panics
    /// If the batch would hold 4 GiB: a source ends a batch at 1 GiB and rejects longer records.
    pub fn push(&mut self, bytes: &[u8], place: Place) {
        let start = self.append(bytes);
        self.push_range(start..start + bytes.len(), place);
    }

    /// Adds a record that must be rejected unread: its first bytes, and how many it has in truth.
    ///
    /// # Panics
    /// Where [`RawBatch::push`] does.
    pub fn push_fault(&mut self, bytes: &[u8], place: Place, fault: Fault, bytes_total: u64) {
        self.push(bytes, place);
        let index = u32::try_from(self.faults.len()).expect("a batch holds fewer than 2^32 records");
        self.faults.push((fault, bytes_total));
        self.records.last_mut().expect("one was just pushed").fault = Some(index);
    }

    /// Adds bytes that [`RawBatch::push_range`] will cut into records, and says where they begin.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start
    }

    /// Adds a record over bytes that were appended, or are about to be.
    #[inline]
    pub(crate) fn push_range(&mut self, range: Range<usize>, place: Place) {
        let bound = |at: usize| u32::try_from(at).expect("a batch holds less than 4 GiB");
        let source = bound(self.sources.len()).checked_sub(1).expect("a source is named before its records");
        self.records.push(Stored { range: bound(range.start)..bound(range.end), place, source, fault: None });
    }
}

/// Why the input cannot be read on. A message does not repeat its source's: print the chain.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `open`, `read`, `list`, `look at`.
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A compressed file ends too early or does not decompress.
    #[error(
        "{file} is damaged: {reason} at byte {compressed_byte} of the file; every line before line {line} \
         (byte {byte} decompressed) was read"
    )]
    Corrupt {
        /// Which file.
        file: Arc<str>,
        /// How far the compressed file was used.
        compressed_byte: u64,
        /// How far that is in the decompressed text.
        byte: u64,
        /// The first line that could not be read in full.
        line: u64,
        /// What the decompressor said.
        reason: String,
    },
    /// The position does not fit the input.
    #[error("cannot resume: {0}")]
    Position(String),
    /// Anything else that a kind of source has to say.
    #[error("{0}")]
    Other(String),
}

impl SourceError {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Whether trying again later may help without anybody's help.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::Interrupted | io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock))
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check that the path exists and that this user may read it",
            Self::Corrupt { .. } => "fetch or write the file again; the run resumes after the last line that it saved",
            Self::Position(_) => "give the same input as before, or a new --output folder to start over",
            Self::Other(_) => "see the message",
        }
    }
}
