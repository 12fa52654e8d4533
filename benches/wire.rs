//! What it costs to read a stream and to take its records in, against the floor: `serde_json` into the smallest struct.
//!
//! `cargo bench --bench wire [-- --messages FILE]`: processor time of the whole process, best of nine rounds in turns over the
//! same lines. FILE is any input that the product takes (`.jsonl`, `.zst`, `.gz`); without it, composed lines.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ProcessTime;
use serde::Deserialize;
use tidegate::event::Event;
use tidegate::io::wire::{Bounds, parse};
use tidegate::io::{BatchLimits, FileSink, FileSource, Flow, Pseudonyms, RawBatch, ReadOptions, Sink, Source};

const ROUNDS: usize = 9;
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
    let faults: Vec<_> = lines.iter().filter_map(|line| parse(line, &Bounds::default(), NOW).err()).collect();
    println!("{} are taken, {} rejected: {:?}", lines.len() - faults.len(), faults.len(), faults.first());
    compare(&lines);
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

type Work = Box<dyn Fn(&[u8]) -> bool>;

/// In turns, so that whatever else the machine does falls on all alike; the best round of each counts.
fn compare(lines: &[Vec<u8>]) {
    let contestants = contestants();
    let mut best = vec![Duration::MAX; contestants.len()];
    for _ in 0..ROUNDS {
        for ((_, work), best) in contestants.iter().zip(&mut best) {
            let start = ProcessTime::now();
            for line in lines {
                black_box(work(black_box(line)));
            }
            *best = (*best).min(start.elapsed());
        }
    }
    for ((name, _), best) in contestants.iter().zip(best) {
        println!("{name:<44} {:>8.1} ns/line", best.as_nanos() as f64 / lines.len() as f64);
    }
}

fn contestants() -> Vec<(&'static str, Work)> {
    let bounds = Bounds::default();
    let (same, names) = (bounds.clone(), Pseudonyms::keyed([7; 32]));
    let floor = |text: &str| serde_json::from_str::<Floor<'_>>(text).is_ok();
    vec![
        ("UTF-8 check alone (std)", Box::new(|line| std::str::from_utf8(line).is_ok())),
        ("UTF-8 check alone (simdutf8)", Box::new(|line| simdutf8::basic::from_utf8(line).is_ok())),
        ("floor: from_slice, 5 fields", Box::new(|line| serde_json::from_slice::<Floor<'_>>(line).is_ok())),
        ("floor: std UTF-8 + from_str, 5 fields", Box::new(move |line| std::str::from_utf8(line).is_ok_and(floor))),
        ("rival: derived Event", Box::new(|line| serde_json::from_slice::<Event<'_>>(line).is_ok())),
        ("rival: Value", Box::new(|line| serde_json::from_slice::<serde_json::Value>(line).is_ok())),
        ("parse", Box::new(move |line| parse(line, &bounds, NOW).is_ok())),
        (
            "parse + pseudonym",
            Box::new(move |line| parse(line, &same, NOW).map(|mut record| names.apply(&mut record)).is_ok()),
        ),
    ]
}
