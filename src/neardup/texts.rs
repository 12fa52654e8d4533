//! Where the texts lie that marks were made of: what this room asks of a log, and a log in memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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

/// Pages by address, so that a record is found without a search.
#[derive(Clone, Debug, Default)]
struct Log {
    pages: VecDeque<Page>,
    /// How many pages went before the first that is here.
    gone: u64,
    end: u64,
}

/// The records that begin within so many addresses: each behind its length, padded to [`ALIGN_BYTES`]. The last one may reach
/// beyond the page's addresses.
#[derive(Clone, Debug, Default)]
struct Page {
    /// The address of the first record.
    first: u64,
    bytes: Vec<u8>,
}

/// Addresses of a page.
const PAGE_BYTES: u64 = 1 << 20;
const LENGTH_BYTES: usize = size_of::<u64>();

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
        self.change_log().clone_from(&other);
    }

    // Every change is made whole before the lock is let go, so what a panic elsewhere left is sound.
    fn read_log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_log(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn nothing(&self, address: u64) -> TextsError {
        let first = self.pages.iter().find(|page| !page.bytes.is_empty()).map_or(self.end, |page| page.first);
        TextsError::Nothing { address, first, end: self.end }
    }

    /// The page of a record, and the record's bytes in it.
    fn place(&self, address: u64) -> Result<(usize, Range<usize>), TextsError> {
        let place = || {
            let index = usize::try_from((address / PAGE_BYTES).checked_sub(self.gone)?).ok()?;
            let is_aligned = address.is_multiple_of(ALIGN_BYTES);
            let page = self.pages.get(index).filter(|_| is_aligned)?;
            let start = usize::try_from(address.checked_sub(page.first)?).ok()? + LENGTH_BYTES;
            Some((index, page.record(start)?))
        };
        place().ok_or_else(|| self.nothing(address))
    }

    /// The page on which the next record begins.
    fn open_page(&mut self) -> &mut Page {
        while self.gone + (self.pages.len() as u64) <= self.end / PAGE_BYTES {
            self.pages.push_back(Page { first: self.end, bytes: Vec::new() });
        }
        let index = (self.end / PAGE_BYTES - self.gone) as usize;
        &mut self.pages[index]
    }
}

impl Page {
    /// The bytes of the record that begins here, behind its length.
    fn record(&self, start: usize) -> Option<Range<usize>> {
        let (length, _) = self.bytes.get(start.checked_sub(LENGTH_BYTES)?..)?.split_first_chunk()?;
        let end = start.checked_add(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        (end <= self.bytes.len()).then_some(start..end)
    }
}

impl Texts for MemoryTexts {
    fn append(&self, record: &[u8]) -> u64 {
        let mut log = self.change_log();
        let address = log.end;
        let page = log.open_page();
        page.bytes.extend_from_slice(&(record.len() as u64).to_le_bytes());
        page.bytes.extend_from_slice(record);
        page.bytes.resize(page.bytes.len().next_multiple_of(ALIGN_BYTES as usize), 0);
        log.end = page_end(page);
        address
    }

    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError> {
        out.clear();
        let log = self.read_log();
        let (page, record) = log.place(address)?;
        out.extend_from_slice(&log.pages[page].bytes[record]);
        Ok(())
    }

    fn end(&self) -> u64 {
        self.read_log().end
    }

    fn release_before(&self, address: u64) {
        let mut log = self.change_log();
        while log.pages.len() > 1 && page_end(&log.pages[0]) <= address {
            log.pages.pop_front();
            log.gone += 1;
        }
    }

    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        for page in &self.read_log().pages {
            let mut start = LENGTH_BYTES;
            while let Some(record) = page.record(start) {
                let address = page.first + (start - LENGTH_BYTES) as u64;
                visit(address, &page.bytes[record.clone()])?;
                start = record.end.next_multiple_of(ALIGN_BYTES as usize) + LENGTH_BYTES;
            }
        }
        Ok(())
    }

    fn overwrite(&self, address: u64, record: &[u8]) -> Result<(), TextsError> {
        let mut log = self.change_log();
        let (page, kept) = log.place(address)?;
        if kept.len() != record.len() {
            return Err(TextsError::Broken { address, what: "another length" });
        }
        log.pages[page].bytes[kept].copy_from_slice(record);
        Ok(())
    }
}

fn page_end(page: &Page) -> u64 {
    page.first + page.bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_appended_is_read_scanned_overwritten_and_released(
            lengths in proptest::collection::vec(prop_oneof![0_usize..200, 300_000_usize..3_000_000], 1..12),
            release in 0_usize..12,
        ) {
            let log = MemoryTexts::new();
            let record = |at: usize, length: usize| vec![at as u8 + 1; length];
            let mut addresses = Vec::new();
            for (at, &length) in lengths.iter().enumerate() {
                prop_assert_eq!(log.end() % ALIGN_BYTES, 0);
                prop_assert_eq!(log.append(&record(at, length)), log.end() - (length + 8).next_multiple_of(16) as u64);
                addresses.push(log.end() - (length + 8).next_multiple_of(16) as u64);
            }
            let blank = vec![0; lengths[0]];
            log.overwrite(addresses[0], &blank).unwrap();
            prop_assert!(log.overwrite(addresses[0], &[0; 201]).is_err());
            let kept = release.min(addresses.len() - 1);
            log.release_before(addresses[kept]);
            let mut scanned = Vec::new();
            log.scan(&mut |address, record| {
                scanned.push((address, record.to_vec()));
                Ok(())
            }).unwrap();
            let mut out = Vec::new();
            for (at, (&address, &length)) in addresses.iter().zip(&lengths).enumerate() {
                let expected = if at == 0 { blank.clone() } else { record(at, length) };
                match log.read(address, &mut out) {
                    Ok(()) => {
                        prop_assert_eq!(&out, &expected);
                        prop_assert!(scanned.contains(&(address, expected)));
                    }
                    Err(error) => prop_assert!(at < kept, "{}", error),
                }
                prop_assert!(log.read(address + 1, &mut out).is_err());
            }
            prop_assert!(log.read(log.end(), &mut out).is_err());
            prop_assert!(scanned.is_sorted());
        }
    }
}
