//! What it costs to read a stream and to take its records in, against the floor: `serde_json` into the smallest struct.
//!
//! `cargo bench --bench wire [-- --messages FILE]`: processor time of the whole process, best of seven rounds over the
//! same lines. FILE is any input that the product takes (`.jsonl`, `.zst`, `.gz`); without it, composed lines.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ProcessTime;
use serde::Deserialize;
use tidegate::io::wire::{Bounds, parse};
use tidegate::io::{BatchLimits, FileSink, FileSource, Flow, Pseudonyms, RawBatch, ReadOptions, Sink, Source};

const ROUNDS: usize = 7;
const NOW: i64 = 1_795_392_000_000;

/// What nobody can do without.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only what reading it costs is of interest")]
struct Floor<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    channel: &'a str,
    #[serde(borrow)]
    author: Cow<'a, str>,
    at: &'a str,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

fn main() {
    let path = std::env::args().skip_while(|arg| arg != "--messages").nth(1);
    if let Some(path) = &path {
        time_source(path);
    }
    let lines = path.as_deref().map_or_else(composed, read);
    let bytes: usize = lines.iter().map(Vec::len).sum();
    println!("{} lines, {} bytes each on average", lines.len(), bytes / lines.len());
    let bounds = Bounds::default();
    measure("UTF-8 check alone (std)", &lines, |line| std::str::from_utf8(line).is_ok());
    measure("floor: serde_json::from_slice, 5 fields", &lines, |line| {
        serde_json::from_slice::<Floor<'_>>(line).map(|event| event.text.len()).unwrap_or_default()
    });
    measure("floor: UTF-8 check + from_str, 5 fields", &lines, |line| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        serde_json::from_str::<Floor<'_>>(text).map(|event| event.text.len()).unwrap_or_default()
    });
    measure("rival: derived Event", &lines, |line| serde_json::from_slice::<tidegate::event::Event<'_>>(line).is_ok());
    measure("rival: serde_json::Value", &lines, |line| serde_json::from_slice::<serde_json::Value>(line).is_ok());
    measure("parse", &lines, |line| parse(line, &bounds, NOW).is_ok());
    let names = Pseudonyms::keyed([7; 32]);
    measure("parse + pseudonym", &lines, |line| {
        parse(line, &bounds, NOW).map(|mut record| names.apply(&mut record)).is_ok()
    });
    time_sink();
}

/// Reading alone: decompression, ends of lines, the copy into batches.
fn time_source(path: &str) {
    let round = || {
        let start = ProcessTime::now();
        let mut source = FileSource::files(&[path], ReadOptions::default()).expect("the file is there");
        let (mut batch, mut count) = (RawBatch::default(), 0);
        loop {
            let flow = source.fill(&mut batch, &BatchLimits::default()).expect("the file is whole");
            count += batch.len();
            if flow == Flow::End {
                return (start.elapsed(), count);
            }
        }
    };
    let (time, count) = (0..3).map(|_| round()).min().expect("there is a round");
    println!("{:<44} {:>8.1} ns/line", "source: read, decompress, cut", time.as_nanos() as f64 / count as f64);
}

fn time_sink() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut sink = FileSink::create(folder.path().join("out.jsonl")).expect("a new file");
    let lines = b"{\"id\":\"d\"}\n".repeat(1000);
    let start = ProcessTime::now();
    for _ in 0..1000 {
        black_box(sink.mark());
        sink.emit(&lines).expect("the disk has room");
    }
    println!("{:<44} {:>8.1} ns for 11 KB", "sink: mark + emit", start.elapsed().as_nanos() as f64 / 1000.0);
}

fn read(path: &str) -> Vec<Vec<u8>> {
    let mut source = FileSource::files(&[path], ReadOptions::default()).expect("the file is there");
    let (mut batch, mut lines) = (RawBatch::default(), Vec::new());
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default()).expect("the file is whole");
        lines.extend(batch.iter().map(|raw| raw.bytes.to_vec()));
        if flow == Flow::End {
            return lines;
        }
    }
}

fn composed() -> Vec<Vec<u8>> {
    let line = |i: usize| {
        format!(
            "{{\"id\":\"e-{i}\",\"channel\":\"group\",\"author\":\"a-{}\",\"at\":\"2026-11-22T08:{:02}:{:02}Z\",\
             \"room\":\"r-{}\",\"text\":\"今天下班路上看到一家新开的面馆，味道不错，老板也很热情，周末一起去吧\",\
             \"lang\":\"zh\",\"account\":{{\"verified\":false,\"followers\":{i},\"created_at\":\"2020-01-01T00:00:00Z\"}}}}",
            i % 1000, i / 60 % 60, i % 60, i % 50,
        )
        .into_bytes()
    };
    (0..20_000).map(line).collect()
}

fn measure<T>(name: &str, lines: &[Vec<u8>], mut work: impl FnMut(&[u8]) -> T) {
    let mut round = || -> Duration {
        let start = ProcessTime::now();
        for line in lines {
            black_box(work(black_box(line)));
        }
        start.elapsed()
    };
    let best = (0..ROUNDS).map(|_| round()).min().expect("there is a round");
    println!("{name:<44} {:>8.1} ns/line", best.as_nanos() as f64 / lines.len() as f64);
}
