//! Telling somebody else what became safe, without the loop knowing: a source and a store with an ear at them.

use std::sync::Arc;

use super::sink::Mark;
use super::source::{BatchLimits, Flow, Position, Progress, RawBatch, Source, SourceError};
use super::store::{Entry, Refusal, Saved, StateStore, StoreError};

/// Who is told. Both calls come from the loop's own threads, which wait: be quick.
pub trait Witness: Send + Sync {
    /// Everything that an earlier run had saved is back, and its output stands as it should: the loop begins to read.
    fn ready(&self);

    /// A batch is saved and given out. `input` is where the source stands after it; `actions` and `rejects` are the lines that
    /// went out.
    fn committed(&self, input: &Position, actions: &[u8], rejects: &[u8]);
}

/// A source whose first [`Source::fill`] says that the loop is ready.
pub struct WitnessedSource {
    source: Box<dyn Source>,
    witness: Option<Arc<dyn Witness>>,
}

impl WitnessedSource {
    /// That source, heard by that witness.
    #[must_use]
    pub fn new(source: Box<dyn Source>, witness: Arc<dyn Witness>) -> Self {
        Self { source, witness: Some(witness) }
    }
}

impl Source for WitnessedSource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        if let Some(witness) = self.witness.take() {
            witness.ready();
        }
        self.source.fill(batch, limits)
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        self.source.seek(position)
    }

    fn commit(&mut self, position: &Position) -> Result<(), SourceError> {
        self.source.commit(position)
    }

    fn progress(&self) -> Progress {
        self.source.progress()
    }
}

/// A store that tells its witness of every batch that was committed.
pub struct WitnessedStore {
    store: Box<dyn StateStore>,
    witness: Arc<dyn Witness>,
    /// What the last append saved.
    input: Position,
    lines: [Vec<u8>; 2],
}

impl WitnessedStore {
    /// That store, heard by that witness. The loop has two sinks: actions and rejects.
    #[must_use]
    pub fn new(store: Box<dyn StateStore>, witness: Arc<dyn Witness>) -> Self {
        Self { store, witness, input: Position::default(), lines: [Vec::new(), Vec::new()] }
    }
}

impl StateStore for WitnessedStore {
    fn recover(&mut self, visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
        self.store.recover(visit)
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        self.store.append(entry)?;
        self.input.clone_from(entry.input);
        for (kept, output) in self.lines.iter_mut().zip(entry.outputs) {
            kept.clear();
            kept.extend_from_slice(output.lines);
        }
        Ok(())
    }

    fn keep_texts(&mut self, ends: &[u64]) -> Result<(), StoreError> {
        self.store.keep_texts(ends)
    }

    fn forget_texts(&mut self, log: usize, addresses: &[u64]) -> Result<(), StoreError> {
        self.store.forget_texts(log, addresses)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.store.commit()?;
        self.witness.committed(&self.input, &self.lines[0], &self.lines[1]);
        Ok(())
    }

    fn snapshot(
        &mut self,
        seq: u64,
        input: &Position,
        marks: &[Mark],
        chunks: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.store.snapshot(seq, input, marks, chunks)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.store.compact()
    }

    fn owes_compaction(&self) -> bool {
        self.store.owes_compaction()
    }

    fn next_is_durable(&self) -> bool {
        self.store.next_is_durable()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn keeps(&self) -> bool {
        self.store.keeps()
    }
}
