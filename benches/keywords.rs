//! Matching 10k, 100k and 1M terms, against the automata that others use.
//!
//! ```text
//! cargo bench --bench keywords -- [--messages FILE.jsonl[.zst]] [--limit N] [--sizes 10000,100000] [--rounds N] [--draw rare|any] [--csv FILE]
//! [--only "fold + match"]
//! ```
//! Terms are drawn, seeded, from the dictionary in the sources of the dev-dependency `jieba-rs`: by default words of two
//! characters or more that its corpus has at most ten times (what people list is rare), with `--draw any` all of them. Beyond its words,
//! pairs of words and words with digits. Messages come from a file of events, or are composed of the dictionary's words by
//! their frequency. Rounds are interleaved, times are of the thread's processor, and the best round counts. The rivals
//! search text that was folded before; `fold + match` is what the product does.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use anyhow::{Context, Result, bail};
use cpu_time::ThreadTime;
use daachorse::CharwiseDoubleArrayAhoCorasick;
use tidegate::keywords::{Bounds, BuildOptions, Hits, Lists, Matcher, Scratch, Source};
use tidegate::signal::Field;
use tidegate::text::{Folded, fold_to_string};

#[path = "harness/dictionary.rs"]
mod dictionary;
use dictionary::{dictionary, terms};

struct Options {
    messages: Option<String>,
    limit: usize,
    sizes: Vec<usize>,
    rounds: usize,
    draw_any: bool,
    csv: Option<String>,
    only: Option<String>,
}

impl Options {
    fn parse() -> Result<Self> {
        let sizes = vec![10_000, 100_000, 1_000_000];
        let mut options =
            Self { messages: None, limit: 100_000, sizes, rounds: 5, draw_any: false, csv: None, only: None };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let value = args.next().with_context(|| format!("{arg} needs a value"))?;
            match arg.as_str() {
                "--messages" => options.messages = Some(value),
                "--limit" => options.limit = value.parse()?,
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--rounds" => options.rounds = value.parse()?,
                "--draw" => options.draw_any = value == "any",
                "--only" => options.only = Some(value),
                "--csv" => options.csv = Some(value),
                _ => bail!("unknown argument {arg}"),
            }
        }
        Ok(options)
    }
}

fn messages(options: &Options, dictionary: &[(String, u64)]) -> Result<Vec<String>> {
    let Some(path) = &options.messages else { return Ok(composed(dictionary, options.limit)) };
    let file = std::fs::File::open(path).with_context(|| path.clone())?;
    let reader: Box<dyn Read> =
        if path.ends_with(".zst") { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) };
    let texts = BufReader::new(reader).lines().take(options.limit).map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line?)?;
        Ok(event["text"].as_str().unwrap_or_default().to_owned())
    });
    texts.collect()
}

/// Words by their frequency, in lengths as chat has them.
fn composed(dictionary: &[(String, u64)], count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(2);
    let mut total = 0;
    let sums: Vec<u64> = dictionary
        .iter()
        .map(|(_, frequency)| {
            total += frequency;
            total
        })
        .collect();
    let mut message = || {
        let words = (random.f64() * random.f64() * 60.0) as usize + 2;
        let mut text = String::new();
        for _ in 0..words {
            text += &dictionary[sums.partition_point(|&sum| sum <= random.u64(..total))].0;
            if random.u32(..8) == 0 {
                text.push(['，', '。', ' ', '！'][random.usize(..4)]);
            }
        }
        text
    };
    (0..count).map(|_| message()).collect()
}

/// One way to search all messages; gives how many hits there were.
type Pass<'a> = Box<dyn FnMut() -> usize + 'a>;

struct Row {
    name: &'static str,
    best: Duration,
    hits: usize,
}

fn interleave(rounds: usize, passes: Vec<(&'static str, Pass<'_>)>) -> Vec<Row> {
    let mut passes: Vec<_> =
        passes.into_iter().map(|(name, pass)| (Row { name, best: Duration::MAX, hits: 0 }, pass)).collect();
    for _ in 0..rounds {
        for (row, pass) in &mut passes {
            let start = ThreadTime::now();
            row.hits = black_box(pass());
            row.best = row.best.min(start.elapsed());
        }
    }
    passes.into_iter().map(|(row, _)| row).collect()
}

/// What building something took: seconds of the processor, and bytes that it keeps.
struct Built<T> {
    value: T,
    seconds: f64,
    bytes: i64,
}

fn built<T>(build: impl Fn() -> T) -> Built<T> {
    let start = ThreadTime::now();
    drop(build());
    let seconds = start.elapsed().as_secs_f64();
    let mut value = None;
    let info = allocation_counter::measure(|| value = Some(build()));
    Built { value: value.expect("it was built"), seconds, bytes: info.bytes_current }
}

fn size(terms: &[String], messages: &[String], folded: &[Folded], options: &Options, csv: &mut String) {
    let folded_terms: Vec<String> = terms.iter().map(|term| fold_to_string(term)).collect();
    let folded_texts: Vec<String> = messages.iter().map(|text| fold_to_string(text)).collect();
    let list = terms.join("\n");
    let sources = [Source { file: Arc::from("bench.txt"), text: &list }];
    let lists = built(|| Lists::parse(&sources, &Bounds::default()).0);
    let matcher = built(|| Matcher::build(&lists.value, &BuildOptions::default()).0);
    let charwise = built(|| CharwiseDoubleArrayAhoCorasick::<u32>::new(&folded_terms).expect("terms differ"));
    let contiguous = || AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&folded_terms);
    let contiguous = built(|| contiguous().expect("few enough terms"));
    let mut report = |line: String| {
        println!("{line}");
        csv.push_str(&line);
        csv.push('\n');
    };
    for (name, seconds, bytes) in [
        ("parse lists", lists.seconds, lists.bytes),
        ("matcher", matcher.seconds, matcher.bytes),
        ("daachorse charwise", charwise.seconds, charwise.bytes),
        ("aho-corasick contiguous", contiguous.seconds, contiguous.bytes),
    ] {
        report(format!("{},build,{name},{seconds:.3} s,{:.1} MiB", terms.len(), bytes as f64 / f64::from(1 << 20)));
    }
    let (matcher, charwise, contiguous) = (&matcher.value, &charwise.value, &contiguous.value);
    let (mut scratch, mut hits, mut buffer) = (Scratch::default(), Hits::default(), Folded::default());
    let (mut scratch_2, mut hits_2, mut buffer_2) = (Scratch::default(), Hits::default(), Folded::default());
    let scan = |folded: &Folded, scratch: &mut Scratch, hits: &mut Hits| {
        matcher.scan(Field::Text, folded, scratch);
        matcher.finish(scratch, hits);
        hits.len()
    };
    let passes: Vec<(&'static str, Pass<'_>)> = vec![
        (
            "fold + match",
            Box::new(|| {
                messages
                    .iter()
                    .map(|text| {
                        buffer.fold(text);
                        scan(&buffer, &mut scratch, &mut hits)
                    })
                    .sum()
            }),
        ),
        (
            "match, folded before",
            Box::new(|| folded.iter().map(|folded| scan(folded, &mut scratch_2, &mut hits_2)).sum()),
        ),
        (
            "fold alone",
            Box::new(|| {
                messages
                    .iter()
                    .map(|text| {
                        buffer_2.fold(text);
                        buffer_2.units().len() & 1
                    })
                    .sum()
            }),
        ),
        (
            "daachorse charwise",
            Box::new(|| folded_texts.iter().map(|text| charwise.find_overlapping_iter(text).count()).sum()),
        ),
        (
            "aho-corasick contiguous",
            Box::new(|| folded_texts.iter().map(|text| contiguous.find_overlapping_iter(text).count()).sum()),
        ),
    ];
    let passes = passes.into_iter().filter(|(name, _)| options.only.as_ref().is_none_or(|only| name.contains(&**only)));
    for row in interleave(options.rounds, passes.collect()) {
        let nanos = row.best.as_nanos() as f64 / messages.len() as f64;
        report(format!("{},match,{},{nanos:.0} ns/message,{} hits", terms.len(), row.name, row.hits));
    }
    let (mut scratch, mut hits, mut buffer) = (Scratch::default(), Hits::default(), Folded::default());
    let mut pass = || {
        messages.iter().for_each(|text| {
            buffer.fold(text);
            scan(&buffer, &mut scratch, &mut hits);
        });
    };
    pass();
    let allocations = allocation_counter::measure(pass).count_total;
    let work = scratch.work() as f64 / (2 * messages.len()) as f64;
    report(format!("{},work,fold + match,{work:.1} units/message,", terms.len()));
    report(format!("{},allocations,fold + match,{allocations},", terms.len()));
}

fn main() -> Result<()> {
    let options = Options::parse()?;
    let dictionary = dictionary()?;
    let messages = messages(&options, &dictionary)?;
    let bytes: usize = messages.iter().map(String::len).sum();
    let draw = if options.draw_any { "any" } else { "rare" };
    println!("{} messages, {} bytes on average, {draw} words", messages.len(), bytes / messages.len().max(1));
    let fold = |text: &String| {
        let mut folded = Folded::default();
        folded.fold(text);
        folded
    };
    let folded: Vec<Folded> = messages.iter().map(fold).collect();
    let mut csv = String::from("terms,what,engine,value,more\n");
    for &count in &options.sizes {
        size(&terms(&dictionary, count, options.draw_any), &messages, &folded, &options, &mut csv);
    }
    let _ = write!(csv, "{},messages,{draw} words,{} bytes each,", messages.len(), bytes / messages.len().max(1));
    if let Some(path) = &options.csv {
        std::fs::write(path, csv)?;
    }
    Ok(())
}
