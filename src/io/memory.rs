//! The kinds that live in memory. Clones share what they hold, so that a test can drop everything else and start
//! again on what was saved; failures are asked for ahead, to stop a loop at any point.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::sink::{Mark, Sink, SinkError};
use super::source::{
    BYTES_MAX, BatchLimits, Fault, Flow, LONG_RECORD_KEPT_BYTES, Place, Position, Progress, RawBatch, Source,
    SourceError,
};
use super::store::{Entry, Output, Refusal, Saved, StateStore, StoreError};
use super::wire::LINE_TOO_LONG;

/// What a panic elsewhere left behind is still whole: every change below is made in one piece.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records from a list.
#[derive(Clone, Debug)]
pub struct MemorySource {
    records: Arc<[Vec<u8>]>,
    next: usize,
    name: Arc<str>,
    committed: Arc<Mutex<Position>>,
}

#[derive(Serialize, Deserialize)]
struct ListPosition {
    index: usize,
}

impl MemorySource {
    /// A source of these records.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        Self {
            records: records.into_iter().map(Into::into).collect(),
            next: 0,
            name: "memory".into(),
            committed: Arc::default(),
        }
    }

    /// The position committed last, by any clone.
    #[must_use]
    pub fn committed(&self) -> Position {
        lock(&self.committed).clone()
    }
}

/// Adds a record, or the beginning of one that no batch can hold.
fn push(batch: &mut RawBatch, record: &[u8], place: Place) {
    if record.len() <= BYTES_MAX {
        return batch.push(record, place);
    }
    let message = format!("the record has {} bytes; at most {BYTES_MAX} can be taken", record.len());
    let fault = Fault::new(LINE_TOO_LONG, message);
    batch.push_fault(&record[..LONG_RECORD_KEPT_BYTES], place, fault, record.len() as u64);
}

impl Source for MemorySource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        batch.set_source(&self.name);
        let limits = limits.clamped();
        while let Some(record) = self.records.get(self.next) {
            let full = batch.len() >= limits.records_max || batch.bytes_len() + record.len() > limits.bytes_max;
            if full && !batch.is_empty() {
                break;
            }
            push(batch, record, Place::Index(self.next as u64));
            self.next += 1;
        }
        *batch.end_mut() = Position::write(&ListPosition { index: self.next });
        Ok(if self.next < self.records.len() { Flow::More } else { Flow::End })
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        let ListPosition { index } = position.read()?;
        if index > self.records.len() {
            let len = self.records.len();
            return Err(SourceError::Position(format!("the list has {len} records and the position is {index}")));
        }
        self.next = index;
        Ok(())
    }

    fn commit(&mut self, position: &Position) -> Result<(), SourceError> {
        *lock(&self.committed) = position.clone();
        Ok(())
    }

    fn progress(&self) -> Progress {
        let bytes = |records: &[Vec<u8>]| records.iter().map(|record| record.len() as u64).sum();
        Progress { done_bytes: bytes(&self.records[..self.next]), total_bytes: Some(bytes(&self.records)) }
    }
}

/// Lines into a buffer.
#[derive(Clone, Debug, Default)]
pub struct MemorySink(Arc<Mutex<Buffer>>);

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// The next emission stops after so many bytes, as a killed process would.
    tear_after: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct LengthMark {
    length: usize,
}

impl MemorySink {
    /// What was emitted so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.0).bytes.clone()
    }

    /// Lets the next emission fail after it has written so many bytes.
    pub fn tear_after(&self, bytes: usize) {
        lock(&self.0).tear_after = Some(bytes);
    }

    fn not_ours(reason: String) -> SinkError {
        SinkError::NotOurs { path: PathBuf::from("memory"), reason }
    }
}

impl Sink for MemorySink {
    fn mark(&self) -> Mark {
        Mark::write(&LengthMark { length: lock(&self.0).bytes.len() })
    }

    fn rewind(&mut self, mark: &Mark) -> Result<(), SinkError> {
        let LengthMark { length } = mark.read()?;
        let mut buffer = lock(&self.0);
        let held = buffer.bytes.len();
        if length > held {
            return Err(Self::not_ours(format!("it has {held} bytes and the mark is at {length}")));
        }
        buffer.bytes.truncate(length);
        Ok(())
    }

    fn emit(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let mut buffer = lock(&self.0);
        let torn = buffer.tear_after.take().map(|bytes| bytes.min(lines.len()));
        buffer.bytes.extend_from_slice(&lines[..torn.unwrap_or(lines.len())]);
        match torn {
            Some(bytes) => {
                let source = std::io::Error::other(format!("injected failure after {bytes} bytes"));
                Err(SinkError::Io { doing: "write", path: PathBuf::from("memory"), source })
            }
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Lines into nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn mark(&self) -> Mark {
        Mark::default()
    }

    fn rewind(&mut self, _: &Mark) -> Result<(), SinkError> {
        Ok(())
    }

    fn emit(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Where a store can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An append that saves nothing.
    BeforeAppend,
    /// An append that saves, and then the process ends.
    AfterAppend,
    /// A snapshot that replaces nothing.
    BeforeSnapshot,
    /// A snapshot that is taken, and then the process ends.
    AfterSnapshot,
}

/// Snapshot and journal in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    snapshot: Option<KeptSnapshot>,
    journal: VecDeque<KeptEntry>,
    /// The last entry that owes a compaction.
    owed: Option<u64>,
    failures: Vec<(Failure, usize)>,
}

#[derive(Debug)]
struct KeptSnapshot {
    seq: u64,
    input: Position,
    marks: Vec<Mark>,
    chunks: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct KeptEntry {
    seq: u64,
    input: Position,
    deltas: Vec<u8>,
    outputs: Vec<(Mark, Vec<u8>)>,
    owes_compaction: bool,
}

impl MemoryStore {
    /// Lets the `nth` passage of that point (from 0, counted from now) fail, once.
    pub fn fail(&self, point: Failure, nth: usize) {
        lock(&self.0).failures.push((point, nth));
    }

    /// How many entries the journal holds.
    #[must_use]
    pub fn journal_len(&self) -> usize {
        lock(&self.0).journal.len()
    }
}

impl Kept {
    fn last_seq(&self) -> Option<u64> {
        self.journal.back().map(|entry| entry.seq).or(self.snapshot.as_ref().map(|snapshot| snapshot.seq))
    }

    /// Passes a point at which a failure may have been asked for.
    fn pass(&mut self, point: Failure, name: &'static str) -> Result<(), StoreError> {
        let due = self.failures.iter().position(|&(at, left)| at == point && left == 0);
        for (_, left) in self.failures.iter_mut().filter(|(at, _)| *at == point) {
            *left = left.saturating_sub(1);
        }
        due.map_or(Ok(()), |index| {
            self.failures.remove(index);
            Err(StoreError::Injected(name))
        })
    }
}

impl StateStore for MemoryStore {
    fn recover(&mut self, visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
        let kept = lock(&self.0);
        let mut visit = |saved: Saved<'_>| visit(saved).map_err(StoreError::Refused);
        if let Some(KeptSnapshot { seq, input, marks, chunks }) = &kept.snapshot {
            visit(Saved::Snapshot { seq: *seq, input, marks })?;
            chunks.iter().try_for_each(|chunk| visit(Saved::Chunk(chunk)))?;
        }
        kept.journal.iter().try_for_each(|entry| {
            let outputs: Vec<_> = entry.outputs.iter().map(|(mark, lines)| Output { mark, lines }).collect();
            let KeptEntry { seq, input, deltas, owes_compaction, .. } = entry;
            visit(Saved::Entry(Entry {
                seq: *seq,
                input,
                deltas,
                outputs: &outputs,
                owes_compaction: *owes_compaction,
            }))
        })
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        let mut kept = lock(&self.0);
        kept.pass(Failure::BeforeAppend, "before append")?;
        follows(entry.seq, kept.last_seq())?;
        kept.journal.push_back(KeptEntry {
            seq: entry.seq,
            input: entry.input.clone(),
            deltas: entry.deltas.to_vec(),
            outputs: entry.outputs.iter().map(|output| (output.mark.clone(), output.lines.to_vec())).collect(),
            owes_compaction: entry.owes_compaction,
        });
        if entry.owes_compaction {
            kept.owed = Some(entry.seq);
        }
        kept.pass(Failure::AfterAppend, "after append")
    }

    fn snapshot(
        &mut self,
        seq: u64,
        input: &Position,
        marks: &[Mark],
        chunks: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        let chunks = chunks.collect();
        let mut kept = lock(&self.0);
        kept.pass(Failure::BeforeSnapshot, "before snapshot")?;
        kept.snapshot = Some(KeptSnapshot { seq, input: input.clone(), marks: marks.to_vec(), chunks });
        kept.journal.retain(|entry| entry.seq > seq);
        kept.pass(Failure::AfterSnapshot, "after snapshot")
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        let mut kept = lock(&self.0);
        let covered = kept.snapshot.as_ref().map(|snapshot| snapshot.seq);
        kept.owed = kept.owed.filter(|&seq| Some(seq) > covered);
        Ok(())
    }

    fn owes_compaction(&self) -> bool {
        lock(&self.0).owed.is_some()
    }
}

/// Whether an entry's number is one more than the last one's; the first may have any.
pub(super) fn follows(seq: u64, last: Option<u64>) -> Result<(), StoreError> {
    match last {
        Some(last) if seq != last + 1 => Err(StoreError::Sequence { seq, last }),
        _ => Ok(()),
    }
}

/// A store that keeps nothing: for runs that nobody will resume.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullStore;

impl StateStore for NullStore {
    fn recover(&mut self, _: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, _: &Entry<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn snapshot(
        &mut self,
        _: u64,
        _: &Position,
        _: &[Mark],
        _: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn owes_compaction(&self) -> bool {
        false
    }

    fn keeps(&self) -> bool {
        false
    }

    fn next_is_durable(&self) -> bool {
        false
    }
}
