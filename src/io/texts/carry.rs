//! A log carried to another machine: its bytes out, from one end of a record to another, and in again at the same addresses.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::error::FileTextsError;
use super::segment::{self, HEADER_BYTES};
use super::tail::{Piece, Tail};
use super::{FileTexts, change, lock};

impl FileTexts {
    /// Nothing before this address is kept.
    #[must_use]
    pub fn kept_from(&self) -> u64 {
        self.first.load(Ordering::Relaxed)
    }

    /// The bytes of the log between two addresses where records end, with the address of the first of each run: a segment may
    /// end in between. What is asked for must have been flushed.
    ///
    /// # Errors
    /// If it is not kept any longer, or cannot be read.
    pub fn run_between(&self, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>, FileTextsError> {
        let mut runs = Vec::new();
        let mut first = self.segment_of(from);
        while first < to {
            let (start, path) = (from.max(first), segment::path(&self.folder, first));
            let file = self.reader(first, start)?;
            let mut bytes = vec![0; (to.min(first + self.options.segment_bytes) - start) as usize];
            let read = segment::read_at(&file, &mut bytes, HEADER_BYTES + (start - first));
            bytes.truncate(read.map_err(FileTextsError::io("read", &path))?);
            if !bytes.is_empty() {
                runs.push((start, bytes));
            }
            first += self.options.segment_bytes;
        }
        Ok(runs)
    }

    /// Adds bytes that [`FileTexts::run_between`] gave, at the address that they had: at the end of the log, at the beginning of
    /// the segment after it, or, in an empty log, at the beginning of any.
    ///
    /// # Errors
    /// If they belong anywhere else, or cannot be written.
    pub fn add_run(&self, address: u64, bytes: Vec<u8>) -> Result<(), FileTextsError> {
        let (mut disk, mut tail) = (lock(&self.disk), change(&self.tail));
        let (end, begins_segment) = (tail.end(), address.is_multiple_of(self.options.segment_bytes));
        let is_empty = end == self.first.load(Ordering::Relaxed) && disk.current.is_none();
        let follows = address == end || begins_segment && address == end.next_multiple_of(self.options.segment_bytes);
        if !(follows || is_empty && begins_segment) {
            return Err(FileTextsError::Short { path: self.folder.clone(), found: end, wanted: address });
        }
        if is_empty {
            self.first.store(address, Ordering::Relaxed);
            disk.written = address;
        }
        let piece = Arc::new(Piece { base: address, bytes });
        self.write(&mut disk, std::slice::from_ref(&piece))?;
        disk.written = piece.end();
        *tail = Tail::new(piece.end());
        Ok(())
    }

    /// Puts bytes of [`FileTexts::run_between`] in the place of as many that are there already: what was erased meanwhile.
    ///
    /// # Errors
    /// If not all of the place is there, or it cannot be written.
    pub fn replace_run(&self, address: u64, bytes: &[u8]) -> Result<(), FileTextsError> {
        let disk = lock(&self.disk);
        let (first, end) = (self.segment_of(address), address + bytes.len() as u64);
        if address < self.first.load(Ordering::Relaxed) {
            return Ok(());
        }
        if end > disk.written {
            return Err(FileTextsError::Short { path: self.folder.clone(), found: disk.written, wanted: end });
        }
        let path = segment::path(&self.folder, first);
        let written = segment::write_at(&segment::open(&path)?, bytes, HEADER_BYTES + (address - first));
        written.map_err(FileTextsError::io("write", &path))
    }
}
