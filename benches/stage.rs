//! The whole process on a stream: from bytes to decisions, journalled and emitted, in processor time a message.
//!
//! ```text
//! cargo bench --bench stage -- --messages FILE.jsonl[.zst] [--limit N] [--terms 100000] [--rules 1000] [--rounds 3] [--csv FILE]
//!                               [--threads N]
//! ```
//! The edition is the one that ships, with so many terms from a dictionary in lists of a thousand and so many rules in
//! shadow that read them and the counters. Rounds are interleaved with two floors over the same lines: splitting them, and
//! parsing five fields of each with `serde_json`. The input is decompressed to a file beforehand, so that decompression is
//! apart. Everything is counted: all threads, the kernel, the journal on disk. "all on" and "near-duplicates": with the window of
//! near-duplicates and its stored texts.

#[path = "harness/dictionary.rs"]
mod dictionary;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cpu_time::ProcessTime;
use serde::Deserialize;
use tidegate::io::wire::Bounds;
use tidegate::io::{
    BatchLimits, FileSink, FileSource, FileTexts, FileTextsOptions, ReadOptions, RedbStore, StoreOptions, SystemClock,
};
use tidegate::pipeline::{BuildOptions, CopyOptions, Edition, Folder, Sources};
use tidegate::state::{self, Keys};
use tidegate::stream::{self, Control, Editions, Ends, Summary};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Options {
    messages: String,
    limit: usize,
    terms: usize,
    rules: usize,
    rounds: usize,
    /// Only the large edition on so many threads, without floors: for profilers.
    threads: Option<usize>,
    csv: Option<String>,
}

impl Options {
    fn parse() -> Result<Option<Self>> {
        let mut options = Self {
            messages: String::new(),
            limit: usize::MAX,
            terms: 100_000,
            rules: 1_000,
            rounds: 3,
            threads: None,
            csv: None,
        };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let value = args.next().with_context(|| format!("{arg} needs a value"))?;
            match arg.as_str() {
                "--messages" => options.messages = value,
                "--limit" => options.limit = value.parse()?,
                "--terms" => options.terms = value.parse()?,
                "--rules" => options.rules = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--threads" => options.threads = Some(value.parse()?),
                "--csv" => options.csv = Some(value),
                _ => bail!("unknown argument {arg}"),
            }
        }
        Ok((!options.messages.is_empty()).then_some(options))
    }
}

fn main() -> Result<()> {
    let Some(options) = Options::parse()? else {
        println!("stage: needs a stream; give one with -- --messages FILE.jsonl.zst");
        return Ok(());
    };
    let scratch = tempfile::tempdir()?;
    let lines = plain(&options, scratch.path())?;
    let records = fs::read(&lines)?.iter().filter(|&&byte| byte == b'\n').count();
    let large = edition(&options, true)?;
    let mut editions = vec![("with the bench's terms and rules", Arc::clone(&large), false)];
    if options.threads.is_none() {
        editions.push(("and near-duplicates", large, true));
        editions.insert(0, ("the edition that ships, all on", edition(&options, false)?, true));
    }
    let mut csv = String::from("what,threads,ns_per_message,records\n");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.map_or_else(|| vec![1, cores], |threads| vec![threads]);
    let mut best = std::collections::BTreeMap::<(String, usize), Duration>::new();
    for round in 0..options.rounds {
        if options.threads.is_none() {
            for (name, time) in floors(&lines)? {
                keep(&mut best, name, 1, time);
            }
        }
        for (name, edition, has_twins) in &editions {
            for &threads in &threads {
                let out = scratch.path().join(format!("out-{round}-{threads}-{}", name.len()));
                let (time, summary) = run(&lines, &out, edition, *has_twins, threads)?;
                anyhow::ensure!(summary.tally.records_total() == records as u64, "every record is accounted for");
                keep(&mut best, name, threads, time);
            }
        }
    }
    println!("{records} records, best of {} interleaved rounds, processor time of the whole process", options.rounds);
    for ((name, threads), time) in &best {
        let nanos = time.as_nanos() as f64 / records as f64;
        println!("{name:<40} {threads:>2} threads {nanos:>8.0} ns a message");
        let _ = writeln!(csv, "{name},{threads},{nanos:.0},{records}");
    }
    options.csv.map_or(Ok(()), |path| Ok(fs::write(path, csv)?))
}

fn keep(best: &mut std::collections::BTreeMap<(String, usize), Duration>, name: &str, threads: usize, time: Duration) {
    let slot = best.entry((name.to_owned(), threads)).or_insert(time);
    *slot = (*slot).min(time);
}

/// The stream as a plain file.
fn plain(options: &Options, scratch: &Path) -> Result<PathBuf> {
    let file = fs::File::open(&options.messages).with_context(|| options.messages.clone())?;
    let is_compressed = options.messages.ends_with(".zst");
    let bytes = if is_compressed { zstd::decode_all(file)? } else { fs::read(&options.messages)? };
    let path = scratch.join("stream.jsonl");
    let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(options.limit.saturating_sub(1));
    fs::write(&path, &bytes[..end.map_or(bytes.len(), |(at, _)| at + 1)])?;
    Ok(path)
}

/// The shipped edition, and with `is_large` the bench's terms and rules over it.
fn edition(options: &Options, is_large: bool) -> Result<Arc<Edition>> {
    let mut sources = Sources { base: Folder::shipped(), overlay: Folder::default() };
    if is_large {
        let terms = dictionary::terms(&dictionary::dictionary()?, options.terms, false);
        let mut rules = String::new();
        let lists = terms.chunks(1000).count().max(1);
        for (i, chunk) in terms.chunks(1000).enumerate() {
            let escaped: String = chunk.iter().map(|term| escape(term) + "\n").collect();
            sources.overlay.add(Path::new(&format!("words/bench{i}.txt")), &format!("words/bench{i}.txt"), &escaped);
        }
        for i in 0..options.rules {
            let (list, count, posts) = (i % lists, i / lists + 2, i % 50 + 3);
            let _ = write!(
                rules,
                "- id: bench.r{i}\n  when: words.bench{list}.count >= {count} && (author.posts_10m >= {posts} || text.links >= 1)\n  \
                 do: [{{review: {{queue: bench}}}}]\n  status: shadow\n"
            );
        }
        sources.overlay.add(Path::new("bench.yaml"), "bench.yaml", &rules);
    }
    let (edition, problems) = Edition::build(&sources, &BuildOptions::default());
    edition.map(Arc::new).with_context(|| problems.iter().take(5).map(|p| format!("{p}\n")).collect::<String>())
}

/// A term as a list writes it.
fn escape(term: &str) -> String {
    let mut escaped = String::new();
    for c in term.chars() {
        if "+-~!#@\\".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn run(
    lines: &Path,
    out: &Path,
    edition: &Arc<Edition>,
    has_twins: bool,
    threads: usize,
) -> Result<(Duration, Summary)> {
    fs::create_dir_all(out)?;
    let texts = |name: &str| FileTexts::open(out.join(name), FileTextsOptions::default()).map(Arc::new);
    let ends = Ends {
        source: Box::new(FileSource::files(&[lines], ReadOptions::default())?),
        actions: Box::new(FileSink::create(out.join("actions.jsonl"))?),
        rejects: Box::new(FileSink::create(out.join("rejects.jsonl"))?),
        store: Box::new(RedbStore::open(out.join("journal.redb"), StoreOptions::default())?),
        texts: Some([texts("window")?, texts("articles")?]),
        cases: None,
        clock: Arc::new(SystemClock),
    };
    let options = stream::Options {
        threads,
        batch: BatchLimits::default(),
        records_max: None,
        snapshot_journal_bytes: 256 << 20,
        bounds: Bounds::default(),
        pseudonyms: None,
        state: state::Options::default(),
        copies: has_twins.then(CopyOptions::default),
        board: None,
        others: None,
        keys: Keys::new(b"bench"),
    };
    let editions = Editions::new(Arc::clone(edition));
    let start = ProcessTime::now();
    let summary = stream::run(ends, &editions, &options, &Control::default())?;
    Ok((start.elapsed(), summary))
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed and not looked at: it is the floor of parsing")]
struct Floor<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    channel: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    author: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    at: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
}

/// What nobody can be faster than who reads JSON lines.
fn floors(lines: &Path) -> Result<[(&'static str, Duration); 2]> {
    let start = ProcessTime::now();
    let bytes = fs::read(lines)?;
    let count = bytes.split(|&byte| byte == b'\n').count();
    std::hint::black_box(count);
    let split = start.elapsed();
    for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        std::hint::black_box(serde_json::from_slice::<Floor<'_>>(line)?);
    }
    Ok([("floor: read and split", split), ("floor: and serde_json, five fields", start.elapsed())])
}
