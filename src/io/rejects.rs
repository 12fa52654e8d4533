//! What could not be taken, one line each, with the raw bytes, so that it can be mended and played again.

use std::borrow::Cow;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::files::{FileSource, ReadOptions};
use super::source::{BatchLimits, Fault, Flow, Offset, Place, Position, Progress, Raw, RawBatch, Source, SourceError};
use super::wire::{BAD_REJECT, LINE_TOO_LONG};

/// One line of `rejects.jsonl`. It carries no clock time: a run that is repeated writes the same bytes.
#[derive(Serialize)]
struct RejectLine<'a> {
    offset: Offset<'a>,
    code: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    raw_bytes: u64,
}

/// Appends a reject as one line of JSON: `raw` where the bytes are UTF-8, else `raw_base64`; `raw_bytes` is the full
/// length where a line too long was cut.
///
/// # Panics
/// Never: a reject is plain data.
pub fn write_reject(raw: &Raw<'_>, fault: &Fault, out: &mut Vec<u8>) {
    let text = std::str::from_utf8(raw.bytes).ok();
    let line = RejectLine {
        offset: raw.offset,
        code: fault.code,
        reason: &fault.message,
        raw: text,
        raw_base64: text.is_none().then(|| STANDARD.encode(raw.bytes)),
        raw_bytes: raw.bytes_total,
    };
    serde_json::to_writer(&mut *out, &line).expect("a reject is plain data and a buffer takes all");
    out.push(b'\n');
}

/// A line of `rejects.jsonl` that is read back.
#[derive(Deserialize)]
struct ReadLine<'a> {
    #[serde(borrow)]
    offset: ReadOffset<'a>,
    #[serde(borrow)]
    code: Cow<'a, str>,
    raw: Option<String>,
    raw_base64: Option<String>,
    raw_bytes: u64,
}

#[derive(Deserialize)]
struct ReadOffset<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    line: Option<u64>,
    byte: Option<u64>,
    index: Option<u64>,
}

impl ReadOffset<'_> {
    fn place(&self) -> Option<Place> {
        match (self.line, self.byte, self.index) {
            (Some(line), Some(byte), None) => Some(Place::Line { line, byte }),
            (None, None, Some(index)) => Some(Place::Index(index)),
            _ => None,
        }
    }
}

/// The raw bytes of a rejects file, to be played again: each record keeps the offset that it had in the first place,
/// so that what is rejected again still says where it came from.
pub struct RejectsSource {
    lines: Box<dyn Source>,
    batch: RawBatch,
    wanted: Wanted,
}

/// Says of a reject's code whether it is to be played again.
type Wanted = Box<dyn Fn(&str) -> bool + Send>;

impl RejectsSource {
    /// Reads rejects files, one after the other.
    ///
    /// # Errors
    /// If one of them does not exist or cannot be looked at.
    pub fn files<P: AsRef<Path>>(paths: &[P], options: ReadOptions) -> Result<Self, SourceError> {
        // The longest escape of JSON writes one byte as six.
        let line_bytes_max = options.line_bytes_max.saturating_mul(6).saturating_add(4 << 10);
        Ok(Self::over(Box::new(FileSource::files(paths, ReadOptions { line_bytes_max, ..options })?)))
    }

    /// Reads rejects from any source of lines.
    #[must_use]
    pub fn over(lines: Box<dyn Source>) -> Self {
        Self { lines, batch: RawBatch::default(), wanted: Box::new(|_| true) }
    }

    /// Passes over the rejects whose code is not wanted; the positions stay the same. A line that is no reject has no
    /// code and comes all the same, marked as such: nobody chose to leave it out.
    pub fn keep(&mut self, wanted: impl Fn(&str) -> bool + Send + 'static) {
        self.wanted = Box::new(wanted);
    }
}

impl Source for RejectsSource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        let flow = self.lines.fill(&mut self.batch, limits)?;
        for line in self.batch.iter() {
            replay(&line, &self.wanted, batch);
        }
        batch.end_mut().clone_from(self.batch.end());
        Ok(flow)
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        self.lines.seek(position)
    }

    fn commit(&mut self, position: &Position) -> Result<(), SourceError> {
        self.lines.commit(position)
    }

    fn progress(&self) -> Progress {
        self.lines.progress()
    }
}

/// Adds what a line rejected, if it is wanted; a line that is no reject becomes one.
fn replay(line: &Raw<'_>, wanted: &Wanted, batch: &mut RawBatch) {
    let read = match line.fault {
        Some(fault) => Err(fault.clone()),
        None => read_line(line.bytes).map_err(|why| Fault::new(BAD_REJECT, why)),
    };
    match read {
        Ok(Rejected { code, .. }) if !wanted(&code) => {}
        Ok(Rejected { source, place, raw, raw_bytes, .. }) if raw_bytes <= raw.len() as u64 => {
            batch.set_source(&source.as_ref().into());
            batch.push(&raw, place);
        }
        Ok(Rejected { source, place, raw, raw_bytes, .. }) => {
            let why = format!("only {} of its {raw_bytes} bytes were kept: play the original again", raw.len());
            batch.set_source(&source.as_ref().into());
            batch.push_fault(&raw, place, Fault::new(LINE_TOO_LONG, why), raw_bytes);
        }
        Err(fault) => {
            batch.set_source(&line.offset.source.into());
            batch.push_fault(line.bytes, line.offset.place, fault, line.bytes_total);
        }
    }
}

struct Rejected<'a> {
    code: Cow<'a, str>,
    source: Cow<'a, str>,
    place: Place,
    raw: Vec<u8>,
    raw_bytes: u64,
}

fn read_line(line: &[u8]) -> Result<Rejected<'_>, String> {
    let line: ReadLine<'_> = serde_json::from_slice(line).map_err(|error| format!("not a reject: {error}"))?;
    let place = line.offset.place().ok_or("not a reject: its offset has neither line and byte nor index")?;
    let raw = match (line.raw, line.raw_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(coded)) => STANDARD.decode(coded).map_err(|error| format!("not a reject: raw_base64: {error}"))?,
        _ => return Err("not a reject: it has to have either raw or raw_base64".into()),
    };
    Ok(Rejected { code: line.code, source: line.offset.source, place, raw, raw_bytes: line.raw_bytes })
}
