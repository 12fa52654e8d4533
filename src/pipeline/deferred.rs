//! A log of texts whose erasures wait until the batch that asked for them is saved.
//!
//! What is erased is gone from memory at once, so nobody misses it; but on disk it must outlast the batch: if the process
//! dies before the batch is saved, the next life decides the messages before the erasure again, and must find what the first
//! one found.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::neardup::{Texts, TextsError, Visit};

/// Where a record begins, and what is to stand in its place.
pub type Blank = (u64, Vec<u8>);

/// See the module.
pub(crate) struct Deferred {
    texts: Arc<dyn Texts>,
    blanks: Mutex<Vec<Blank>>,
}

impl Deferred {
    pub(crate) fn new(texts: Arc<dyn Texts>) -> Self {
        Self { texts, blanks: Mutex::default() }
    }

    /// What was asked for since the last call.
    pub(crate) fn take(&self) -> Vec<Blank> {
        std::mem::take(&mut self.lock())
    }

    // A push is all that happens under the lock: what a panic elsewhere left is sound.
    fn lock(&self) -> MutexGuard<'_, Vec<Blank>> {
        self.blanks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts for Deferred {
    fn append(&self, record: &[u8]) -> u64 {
        self.texts.append(record)
    }

    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError> {
        self.texts.read(address, out)
    }

    fn end(&self) -> u64 {
        self.texts.end()
    }

    fn release_before(&self, address: u64) {
        self.texts.release_before(address);
    }

    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        self.texts.scan(visit)
    }

    fn overwrite(&self, address: u64, record: &[u8]) -> Result<(), TextsError> {
        self.lock().push((address, record.to_vec()));
        Ok(())
    }
}
