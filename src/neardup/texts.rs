//! Where the texts lie that marks were made of: what this room asks of a log, and a log in memory.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

/// Addresses are multiples of this many bytes.
pub const ALIGN_BYTES: u64 = 16;

/// Why a stored text cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TextsError {
    /// The address is before what is kept, past the end, or within a record.
    #[error("no stored text at address {address}: what is kept begins at {first} and ends at {end}")]
    Nothing {
        /// What was asked for.
        address: u64,
        /// The first record that is kept.
        first: u64,
        /// Where the next record will begin.
        end: u64,
    },
    /// The record's bytes are not what was written.
    #[error("the stored text at address {address} is broken: {what}")]
    Broken {
        /// Where it lies.
        address: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The file could not be read or written.
    #[error("the stored texts cannot be used: {context}")]
    Io {
        /// Which file, and what was being done.
        context: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What is done with each record of a scan, given its address.
pub type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<(), TextsError> + 'a;

/// A log of records on pages, whose addresses are logical and never used again. They are multiples of [`ALIGN_BYTES`],
/// grow from record to record, and follow from the lengths of what was appended alone.
pub trait Texts: Send + Sync {
    /// Appends a record and gives its address. It can be read at once; when it is on disk is the log's business.
    fn append(&self, record: &[u8]) -> u64;

    /// Reads a record into `out`, which is cleared before.
    ///
    /// # Errors
    /// [`TextsError`], if there is no such record or it cannot be read.
    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError>;

    /// Where the next record will begin.
    fn end(&self) -> u64;

    /// Nothing before this address will be asked for again: pages wholly before it may be deleted. Some of it may stay.
    fn release_before(&self, address: u64);

    /// Visits every record from the first that is still kept, in order.
    ///
    /// # Errors
    /// [`TextsError`] of the log or of the visitor, which ends the visit.
    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError>;

    /// Overwrites a record with one of the same length, on disk too: for erasure.
    ///
    /// # Errors
    /// [`TextsError`], if there is no such record, its length is another one, or it cannot be written.
    fn overwrite(&self, address: u64, record: &[u8]) -> Result<(), TextsError>;
}

/// A log in memory: for tests, and for commands that keep nothing.
#[derive(Debug, Default)]
pub struct MemoryTexts {
    log: RwLock<Log>,
}

#[derive(Debug, Default)]
struct Log {
    records: VecDeque<(u64, Box<[u8]>)>,
    end: u64,
}

impl MemoryTexts {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Becomes a copy of another one.
    #[cfg(test)]
    pub(super) fn copy_from(&self, other: &Self) {
        let other = other.read_log();
        let mut log = self.change_log();
        log.records.clone_from(&other.records);
        log.end = other.end;
    }

    // Every change is made whole before the lock is let go, so what a panic elsewhere left is sound.
    fn read_log(&self) -> std::sync::RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_log(&self) -> std::sync::RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn position(&self, address: u64) -> Result<usize, TextsError> {
        let first = self.records.front().map_or(self.end, |(first, _)| *first);
        let nothing = |_| TextsError::Nothing { address, first, end: self.end };
        self.records.binary_search_by_key(&address, |(address, _)| *address).map_err(nothing)
    }
}

impl Texts for MemoryTexts {
    fn append(&self, record: &[u8]) -> u64 {
        let mut log = self.change_log();
        let address = log.end;
        log.records.push_back((address, record.into()));
        log.end = (address + record.len().max(1) as u64).next_multiple_of(ALIGN_BYTES);
        address
    }

    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError> {
        out.clear();
        let log = self.read_log();
        out.extend_from_slice(&log.records[log.position(address)?].1);
        Ok(())
    }

    fn end(&self) -> u64 {
        self.read_log().end
    }

    fn release_before(&self, address: u64) {
        let mut log = self.change_log();
        while log.records.front().is_some_and(|(first, _)| *first < address) {
            log.records.pop_front();
        }
    }

    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        self.read_log().records.iter().try_for_each(|(address, record)| visit(*address, record))
    }

    fn overwrite(&self, address: u64, record: &[u8]) -> Result<(), TextsError> {
        let mut log = self.change_log();
        let at = log.position(address)?;
        let kept = &mut log.records[at].1;
        if kept.len() != record.len() {
            return Err(TextsError::Broken { address, what: "another length" });
        }
        kept.copy_from_slice(record);
        Ok(())
    }
}
