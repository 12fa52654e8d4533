//! One suite a trait, run over every kind.

mod exact;
mod folder;
mod parse;
mod rejects;
mod sinks;
mod sources;
mod spool;
mod stores;
mod texts;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::*;

/// Small batches, and no waiting that a test would feel.
fn limits(records_max: usize) -> BatchLimits {
    BatchLimits { records_max, bytes_max: 1 << 20, wait: Duration::from_millis(100) }
}

/// A record as the suites compare it: its bytes, its fault's code, its true length.
type Got = (Vec<u8>, Option<&'static str>, u64);

fn got(raw: &Raw<'_>) -> Got {
    (raw.bytes.to_vec(), raw.fault.map(|fault| fault.code), raw.bytes_total)
}

/// Reads until the source ends or has nothing more, with the position after every batch.
fn drain(source: &mut dyn Source, limits: &BatchLimits) -> Result<Vec<(Vec<Got>, Position)>, SourceError> {
    let (mut batch, mut batches) = (RawBatch::default(), Vec::new());
    loop {
        let flow = source.fill(&mut batch, limits)?;
        batches.push((batch.iter().map(|raw| got(&raw)).collect(), batch.end().clone()));
        if flow == Flow::End || (flow == Flow::Idle && batch.is_empty()) {
            return Ok(batches);
        }
    }
}

/// The texts of what a source gives.
fn texts(source: &mut dyn Source) -> Vec<String> {
    let batches = drain(source, &limits(100)).expect("the input is whole");
    let records = batches.into_iter().flat_map(|(records, _)| records);
    records.map(|(bytes, ..)| String::from_utf8(bytes).expect("the test wrote UTF-8")).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("memory takes all");
    out.finish().expect("memory takes all")
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes all")
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the test's folder is writable");
}
