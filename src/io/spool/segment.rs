//! One file of the queue.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

const ENDING: &str = ".cases";
/// The number that stands for no batch: batches count from 1.
const ERASURES_SEQ: u64 = 0;

/// What stands before a batch.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    /// Its number.
    pub(super) batch: u64,
    /// The bytes of its lines.
    pub(super) bytes: u64,
}

/// Longer lines are no header.
const HEADER_BYTES_MAX: u64 = 64;

impl Header {
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("two numbers are written to memory");
        line.push(b'\n');
        line
    }
}

/// Where a file begins and ends, in addresses of the queue, and its first batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    pub(super) first_seq: u64,
    pub(super) end: u64,
}

impl Segment {
    pub(super) fn name(&self) -> String {
        format!("{:016x}-{:016x}{ENDING}", self.start, self.first_seq)
    }

    /// What a file's name says, without its length.
    fn of_name(name: &str) -> Option<Self> {
        let (start, first_seq) = name.strip_suffix(ENDING)?.split_once('-')?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
        let start = number(start)?;
        Some(Self { start, first_seq: number(first_seq)?, end: start })
    }

    pub(super) fn create(&self, dir: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(dir.join(self.name()))
    }

    pub(super) fn remove(&self, dir: &Path) -> io::Result<()> {
        match fs::remove_file(dir.join(self.name())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Whether it holds what is left of segments that were let go.
    pub(super) fn is_erasures(&self) -> bool {
        self.first_seq == ERASURES_SEQ
    }

    /// Adds its whole lines that begin so.
    pub(super) fn lines_beginning(&self, dir: &Path, start: &[u8], to: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
        let mut file = BufReader::new(File::open(dir.join(self.name()))?.take(self.end - self.start));
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            if line.starts_with(start) && line.ends_with(b"\n") {
                to.insert(line.clone());
            }
            line.clear();
        }
        Ok(())
    }

    /// Makes the segment of those lines that ends where the one after it begins. It is on the disk when this returns. It is never
    /// longer than what the lines were in: each is there once, after one header.
    pub(super) fn of_erasures(dir: &Path, lines: BTreeSet<Vec<u8>>, end: u64) -> io::Result<Self> {
        let lines: Vec<u8> = lines.into_iter().flatten().collect();
        let mut bytes = Header { batch: ERASURES_SEQ, bytes: lines.len() as u64 }.line();
        bytes.extend_from_slice(&lines);
        let segment = Self { start: end - bytes.len() as u64, first_seq: ERASURES_SEQ, end };
        // Half a file under its own name would take the place of the lines of segments that are still there.
        let unfinished = dir.join("erasures.unfinished");
        fs::write(&unfinished, &bytes)?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, dir.join(segment.name()))?;
        sync_folder(dir)?;
        Ok(segment)
    }

    /// Cuts the file off after that batch, or after the last one that is whole.
    pub(super) fn cut_after(&mut self, dir: &Path, seq: u64) -> io::Result<()> {
        let file = OpenOptions::new().read(true).write(true).open(dir.join(self.name()))?;
        let bytes = file.metadata()?.len();
        let (mut batches, mut whole) = (BufReader::new(&file), 0);
        while let Some(header) = header(&mut batches)? {
            let end = batches.stream_position()? + header.bytes;
            if header.batch > seq || end > bytes {
                break;
            }
            batches.seek(SeekFrom::Start(end))?;
            whole = end;
        }
        if whole < bytes {
            file.set_len(whole)?;
            file.sync_all()?;
        }
        self.end = self.start + whole;
        Ok(())
    }

    /// Up to where something follows: what stands before it was saved.
    pub(super) fn known_end(&self, dir: &Path) -> io::Result<u64> {
        let file = File::open(dir.join(self.name()))?;
        let bytes = file.metadata()?.len();
        let (mut batches, mut at, mut known) = (BufReader::new(&file), 0, 0);
        while let Some(header) = header(&mut batches)? {
            let end = batches.stream_position()? + header.bytes;
            known = if header.bytes == 0 { end } else { at };
            if end >= bytes {
                break;
            }
            batches.seek(SeekFrom::Start(end))?;
            at = end;
        }
        Ok(self.start + known)
    }
}

/// The next header; `None` at the end, and where a stop left half of one.
fn header(batches: &mut impl BufRead) -> io::Result<Option<Header>> {
    let mut line = Vec::new();
    batches.take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
    Ok(line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok()))
}

/// The files of a folder, in order.
pub(super) fn list(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(mut segment) = entry.file_name().to_str().and_then(Segment::of_name) {
            segment.end = segment.start + entry.metadata()?.len();
            segments.push(segment);
        }
    }
    segments.sort_unstable_by_key(|segment| segment.start);
    Ok(segments.into())
}

/// A file's name is safe when its folder is.
pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
