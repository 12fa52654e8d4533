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

#[cfg(test)]
mod tests {
    use super::super::{FileTextsError, FileTextsOptions};
    use super::*;
    use crate::state::Texts;

    const OPTIONS: FileTextsOptions = FileTextsOptions { segment_bytes: 256, content_version: 0, check: 7 };

    fn log(dir: &tempfile::TempDir, name: &str) -> FileTexts {
        FileTexts::open(dir.path().join(name), OPTIONS).unwrap()
    }

    fn records(log: &FileTexts) -> Vec<(u64, Vec<u8>)> {
        let mut records = Vec::new();
        log.scan(&mut |address, record| {
            records.push((address, record.to_vec()));
            Ok(())
        })
        .unwrap();
        records
    }

    /// Records of several lengths over several segments, and where each batch of three ended.
    fn filled(log: &FileTexts) -> Vec<u64> {
        let batch = |batch: usize| {
            (0..3).for_each(|i| {
                log.append(&vec![b'a' + batch as u8; 10 + (batch * 37 + i * 53) % 150]);
            });
            log.flush(false).unwrap();
            log.end()
        };
        (0..8).map(batch).collect()
    }

    #[test]
    fn a_log_that_is_carried_in_runs_is_the_same_log() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (log(&dir, "from"), log(&dir, "to"));
        let mut start = 0;
        for end in filled(&from) {
            for (mut address, run) in from.run_between(start, end).unwrap() {
                // However the runs are cut.
                for piece in run.chunks(48) {
                    to.add_run(address, piece.to_vec()).unwrap();
                    address += piece.len() as u64;
                }
            }
            start = end;
        }
        assert_eq!((records(&to), to.end()), (records(&from), from.end()));
        to.append(b"one more");
        to.flush(true).unwrap();
        from.append(b"one more");
        drop(to);
        assert_eq!(records(&log(&dir, "to")), records(&from), "and it is so when it is opened again");
    }

    #[test]
    fn a_log_may_begin_with_a_later_segment_and_with_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let from = log(&dir, "from");
        let end = *filled(&from).last().unwrap();
        let kept: Vec<_> = records(&from).into_iter().filter(|(address, _)| *address >= 512).collect();
        let to = log(&dir, "to");
        let runs = from.run_between(512, end).unwrap();
        assert!(matches!(to.add_run(528, runs[0].1[16..].to_vec()), Err(FileTextsError::Short { .. })));
        for (address, run) in runs {
            to.add_run(address, run).unwrap();
        }
        assert_eq!(records(&to), kept);
        assert_eq!(to.kept_from(), 512);
    }

    #[test]
    fn what_was_overwritten_is_carried_over_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (log(&dir, "from"), log(&dir, "to"));
        let end = *filled(&from).last().unwrap();
        from.run_between(0, end).unwrap().into_iter().for_each(|(address, run)| to.add_run(address, run).unwrap());
        let (address, record) = records(&from)[4].clone();
        from.overwrite(address, &vec![b' '; record.len()]).unwrap();
        assert_ne!(records(&to), records(&from));
        for (address, run) in from.run_between(0, end).unwrap() {
            to.replace_run(address, &run).unwrap();
        }
        assert_eq!(records(&to), records(&from));
        assert!(matches!(to.replace_run(end, b"past the end"), Err(FileTextsError::Short { .. })));
    }
}
