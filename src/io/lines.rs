//! A text cut into lines, with little work a line: one search for the end, one copy into the batch, no allocation.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decode::{Decoder, Got, Pipe};
use super::source::{BYTES_MAX, BatchLimits, Fault, LONG_RECORD_KEPT_BYTES, Place, RawBatch, SourceError};
use super::wire::LINE_TOO_LONG;

const BLOCK_BYTES: usize = 256 << 10;
const HEAD_BYTES_MAX: usize = 256;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where reading a text stands: always at the beginning of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stand {
    /// The next byte, from 0, of the decompressed text.
    pub(super) byte: u64,
    /// How many lines were read.
    pub(super) line: u64,
    /// What the text begins with, so that another one under the same name is not taken for it.
    pub(super) head: Head,
}

/// A hash of the first bytes that were read, at most 256.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) bytes: usize,
    hash: String,
}

impl Head {
    pub(super) fn of(begins: &[u8]) -> Self {
        let hash = blake3::hash(begins).to_hex();
        Self { bytes: begins.len(), hash: hash[..16].to_owned() }
    }

    /// Whether a text that begins so may be the one that was read.
    pub(super) fn fits(&self, begins: &[u8]) -> bool {
        self.bytes == 0 || Self::of(begins) == *self
    }
}

/// The bytes of a text.
pub(super) enum Text {
    File(Decoder<File>),
    Pipe(Pipe),
}

impl Text {
    pub(super) fn read(&mut self, buf: &mut [u8], wait: Duration) -> io::Result<Got> {
        let decoder = match self {
            Self::File(decoder) => decoder,
            Self::Pipe(pipe) => return pipe.read(buf, wait),
        };
        loop {
            match decoder.read(buf) {
                Ok(0) => return Ok(Got::End),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map(Got::Bytes),
            }
        }
    }

    /// Whether it comes as it is stored; nobody but its thread knows that of a pipe.
    fn is_plain(&self) -> bool {
        matches!(self, Self::File(decoder) if decoder.is_plain())
    }

    pub(super) fn used(&self) -> u64 {
        match self {
            Self::File(decoder) => decoder.used(),
            Self::Pipe(pipe) => pipe.used(),
        }
    }
}

/// What [`LineReader::fill`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// The batch is full.
    Full,
    /// The text has no more now and may have later.
    Dry,
    /// The text has ended; a last line without an end is still to be had from [`LineReader::finish`].
    End,
}

/// Reads lines of one text.
pub(super) struct LineReader {
    text: Text,
    name: Arc<str>,
    path: PathBuf,
    line_bytes_max: usize,
    block: Vec<u8>,
    start: usize,
    end: usize,
    byte: u64,
    line: u64,
    begins: Vec<u8>,
    /// The first bytes of the text, as far as they were seen.
    sees_beginning: bool,
    long: Option<LongLine>,
    failed: Option<SourceError>,
}

/// A line too long to be kept: its first bytes, and how many it has so far.
struct LongLine {
    kept: Vec<u8>,
    bytes: u64,
}

impl LineReader {
    /// Reads `text` from where it stands; `begins` are its first bytes where they were read already.
    pub(super) fn new(
        text: Text,
        name: &Arc<str>,
        path: PathBuf,
        line_bytes_max: usize,
        stand: &Stand,
        begins: Vec<u8>,
    ) -> Self {
        let line_bytes_max = line_bytes_max.min(BYTES_MAX);
        Self {
            text,
            name: Arc::clone(name),
            path,
            line_bytes_max,
            block: vec![0; BLOCK_BYTES.min(line_bytes_max + 1)],
            start: 0,
            end: 0,
            byte: stand.byte,
            line: stand.line,
            sees_beginning: stand.byte == begins.len() as u64,
            begins,
            long: None,
            failed: None,
        }
    }

    /// Where it stands, before the line that is being read.
    pub(super) fn stand(&self) -> Stand {
        let read = usize::try_from(self.byte).unwrap_or(usize::MAX);
        Stand { byte: self.byte, line: self.line, head: Head::of(&self.begins[..self.begins.len().min(read)]) }
    }

    /// How many bytes of the file, compressed or not, were used.
    pub(super) fn used(&self) -> u64 {
        self.text.used()
    }

    /// Whether the text says itself where it ends, as compressed files do.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.text, Text::File(decoder) if !decoder.is_plain())
    }

    /// Whether a line has begun that has no end yet.
    pub(super) fn has_rest(&self) -> bool {
        self.start < self.end || self.long.is_some()
    }

    /// Adds lines to the batch until it is full or the text has no more. A failure comes with an empty batch only:
    /// what was read before it is delivered first.
    pub(super) fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Filled, SourceError> {
        self.refuse_again()?;
        batch.set_source(&self.name);
        let limits = &limits.clamped();
        loop {
            if self.cut(batch, limits) {
                return Ok(Filled::Full);
            }
            let wait = if batch.is_empty() { limits.wait } else { Duration::ZERO };
            match self.read(wait) {
                Ok(Got::Bytes(_)) => {}
                Ok(Got::Nothing) => return Ok(Filled::Dry),
                Ok(Got::End) if self.end - self.start > limits.bytes_max.saturating_sub(batch.bytes_len()) => {
                    return Ok(if batch.is_empty() { Filled::End } else { Filled::Full });
                }
                Ok(Got::End) => return Ok(Filled::End),
                Err(error) if batch.is_empty() => {
                    self.failed = Some(error);
                    self.refuse_again()?;
                }
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(Filled::Full);
                }
            }
        }
    }

    /// What is damaged stays damaged; what the system refused may be tried again.
    fn refuse_again(&mut self) -> Result<(), SourceError> {
        match self.failed.take() {
            None => Ok(()),
            Some(error) => {
                if matches!(error, SourceError::Corrupt { .. }) {
                    self.failed = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    /// Adds the last line, if it has no end; the text has ended.
    pub(super) fn finish(&mut self, batch: &mut RawBatch) {
        batch.set_source(&self.name);
        let rest = std::mem::replace(&mut self.start, self.end)..self.end;
        if self.long.is_some() {
            self.end_long_line(batch, rest, 0);
        } else if !rest.is_empty() {
            let block = std::mem::take(&mut self.block);
            let at = batch.append(&block[rest.clone()]);
            self.push(batch, &block[rest], at, 0);
            self.block = block;
        }
    }

    /// Moves whole lines from the block to the batch; true if the batch is full.
    fn cut(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> bool {
        if batch.len() >= limits.records_max || (batch.bytes_len() >= limits.bytes_max && !batch.is_empty()) {
            return true;
        }
        if self.long.is_some() && !self.cut_long_line(batch) {
            return false;
        }
        let block = std::mem::take(&mut self.block);
        let text = &block[self.start..self.end];
        let (base, mut done, mut full) = (batch.bytes_len(), 0, false);
        for newline in memchr::memchr_iter(b'\n', text) {
            full = batch.len() >= limits.records_max || (base + newline > limits.bytes_max && !batch.is_empty());
            if full {
                break;
            }
            self.push(batch, &text[done..newline], base + done, 1);
            done = newline + 1;
        }
        // Blank lines alone are no reason to grow.
        if !batch.is_empty() {
            batch.append(&text[..done]);
        }
        self.start += done;
        self.block = block;
        full || batch.len() >= limits.records_max
    }

    /// Adds a line that lies, or will lie, at `at` in the batch, and counts it with the end that it has.
    #[inline]
    fn push(&mut self, batch: &mut RawBatch, line: &[u8], at: usize, end_bytes: u64) {
        let place = Place::Line { line: self.line + 1, byte: self.byte };
        let mut range = at..at + line.len();
        if line.last() == Some(&b'\r') {
            range.end -= 1;
        }
        if self.byte == 0 && line.starts_with(BYTE_ORDER_MARK) {
            range.start += BYTE_ORDER_MARK.len();
        }
        self.line += 1;
        self.byte += line.len() as u64 + end_bytes;
        if range.start < range.end {
            batch.push_range(range, place);
        }
    }

    /// Reads into the block, which keeps the line that has begun. It never holds more than the longest line and its
    /// end, so that every whole line in it is short enough.
    fn read(&mut self, wait: Duration) -> Result<Got, SourceError> {
        self.make_room();
        match self.text.read(&mut self.block[self.end..], wait) {
            Ok(Got::Bytes(n)) => {
                let missing = HEAD_BYTES_MAX.saturating_sub(self.begins.len()).min(n);
                if missing > 0 && self.sees_beginning {
                    self.begins.extend_from_slice(&self.block[self.end..self.end + missing]);
                }
                self.end += n;
                Ok(Got::Bytes(n))
            }
            Ok(nothing) => Ok(nothing),
            Err(error) => Err(self.read_error(error)),
        }
    }

    fn make_room(&mut self) {
        self.block.copy_within(self.start..self.end, 0);
        self.end -= std::mem::take(&mut self.start);
        let block_bytes = self.block.len();
        if self.end < block_bytes {
            return;
        }
        if block_bytes <= self.line_bytes_max {
            self.block.resize((block_bytes * 2).min(self.line_bytes_max + 1), 0);
        } else {
            self.long = Some(LongLine { kept: Vec::new(), bytes: 0 });
            self.swallow(0..self.end);
            self.end = 0;
        }
    }

    /// Ends a line too long if its end is in the block; else forgets the block and says false.
    fn cut_long_line(&mut self, batch: &mut RawBatch) -> bool {
        let rest = self.start..self.end;
        match memchr::memchr(b'\n', &self.block[rest.clone()]) {
            Some(length) => {
                self.start = rest.start + length + 1;
                self.end_long_line(batch, rest.start..rest.start + length, 1);
                true
            }
            None => {
                self.swallow(rest);
                self.start = self.end;
                false
            }
        }
    }

    fn swallow(&mut self, rest: Range<usize>) {
        let Some(long) = &mut self.long else { return };
        long.bytes += rest.len() as u64;
        let missing = LONG_RECORD_KEPT_BYTES.saturating_sub(long.kept.len()).min(rest.len());
        long.kept.extend_from_slice(&self.block[rest.start..rest.start + missing]);
    }

    fn end_long_line(&mut self, batch: &mut RawBatch, rest: Range<usize>, end_bytes: u64) {
        self.swallow(rest);
        let Some(long) = self.long.take() else { return };
        let place = Place::Line { line: self.line + 1, byte: self.byte };
        let message = format!("the line has {} bytes; line_bytes_max is {}", long.bytes, self.line_bytes_max);
        batch.push_fault(&long.kept, place, Fault::new(LINE_TOO_LONG, message), long.bytes);
        self.line += 1;
        self.byte += long.bytes + end_bytes;
    }

    fn read_error(&self, error: io::Error) -> SourceError {
        if error.raw_os_error().is_some() || self.text.is_plain() {
            return SourceError::io("read", &self.path, error);
        }
        let begun = (self.end - self.start) as u64 + self.long.as_ref().map_or(0, |long| long.bytes);
        SourceError::Corrupt {
            file: Arc::clone(&self.name),
            compressed_byte: self.text.used(),
            byte: self.byte + begun,
            line: self.line + 1,
            reason: match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends too early".into(),
                _ => error.to_string(),
            },
        }
    }
}
