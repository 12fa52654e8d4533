//! Claims: what a message costs as the library grows from a hundred claims to a million: one that repeats nothing, and one that
//! repeats a claim; what a search costs; how long a library takes to load.
//!
//! ```text
//! cargo bench --bench claims [-- --sizes 100,10000,1000000] [--csv FILE] [--write FOLDER]
//! ```
//! Times of the wall on one thread (loading takes all cores). Claims and messages are composed of words drawn as unevenly as
//! in ordinary texts, in Chinese and English by turns. `--write` leaves library and messages for `claims_rivals.py`.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use fastrand::Rng;
use tidegate::claims::{Claim, Context, Day, Match, MatchOptions, MatchScratch, Matcher, Verdict, to_lines};
use tidegate::text::Folded;

const MESSAGES: usize = 20_000;
const SEARCHES: usize = 500;
const WORDS: usize = 30_000;

struct Args {
    sizes: Vec<usize>,
    csv: Option<PathBuf>,
    write: Option<PathBuf>,
}

impl Args {
    fn parse() -> Result<Self> {
        let mut options = Self { sizes: vec![100, 1_000, 10_000, 100_000, 1_000_000], csv: None, write: None };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let value = args.next().with_context(|| format!("{arg} needs a value"))?;
            match arg.as_str() {
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--csv" => options.csv = Some(value.into()),
                "--write" => options.write = Some(value.into()),
                _ => bail!("unknown argument {arg}"),
            }
        }
        Ok(options)
    }
}

/// Composes texts.
struct Author {
    rng: Rng,
    words: [Vec<String>; 2],
}

impl Author {
    fn new() -> Self {
        let mut rng = Rng::with_seed(5);
        let chinese = |rng: &mut Rng| {
            let letter = |rng: &mut Rng| char::from_u32(0x4E00 + rng.u32(0..3000)).unwrap_or('一');
            (0..rng.usize(1..4)).map(|_| letter(rng)).collect()
        };
        let english = |rng: &mut Rng| (0..rng.usize(3..10)).map(|_| rng.lowercase()).collect();
        let words = [(0..WORDS).map(|_| chinese(&mut rng)).collect(), (0..WORDS).map(|_| english(&mut rng)).collect()];
        Self { rng, words }
    }

    /// A text of so many words, the common ones as much more often as Zipf says.
    fn text(&mut self, words: std::ops::Range<usize>, is_english: bool) -> String {
        let count = self.rng.usize(words);
        let mut text = String::new();
        for _ in 0..count {
            let rank = (WORDS as f64).powf(self.rng.f64()) as usize - 1;
            let word = &self.words[usize::from(is_english)][rank.min(WORDS - 1)];
            let _ = write!(text, "{word}{}", if is_english { " " } else { "" });
        }
        text
    }

    fn claim(&mut self, number: usize) -> Claim {
        Claim {
            id: format!("c{number}").into(),
            claim: self.text(8..16, number % 2 == 1).into(),
            verdict: Verdict::False,
            authority: "bench".into(),
            url: "https://bench.example/".into(),
            published: Day::parse("2026-01-01"),
            ..Claim::default()
        }
    }
}

/// Nanoseconds: the mean and two of the slowest.
struct Times {
    mean: u128,
    p99: u128,
    max: u128,
}

#[expect(clippy::disallowed_methods, reason = "the slowest single messages are asked for, and a bench decides nothing")]
fn measure(texts: &[String], mut run: impl FnMut(&str, &Folded)) -> Times {
    let mut folded = Folded::default();
    let mut times: Vec<u128> = Vec::with_capacity(texts.len());
    for text in texts {
        folded.fold(text);
        let began = Instant::now();
        run(text, &folded);
        times.push(began.elapsed().as_nanos());
    }
    times.sort_unstable();
    let mean = times.iter().sum::<u128>() / times.len().max(1) as u128;
    Times { mean, p99: times[times.len() * 99 / 100], max: *times.last().unwrap_or(&0) }
}

#[expect(clippy::disallowed_methods, reason = "the slowest single messages are asked for, and a bench decides nothing")]
fn main() -> Result<()> {
    let args = Args::parse()?;
    let mut table = String::from("claims,what,load_ms,mean_ns,p99_ns,max_ns\n");
    for &size in &args.sizes {
        let mut author = Author::new();
        let claims: Vec<Claim> = (0..size).map(|number| author.claim(number)).collect();
        let ordinary: Vec<String> = (0..MESSAGES).map(|number| author.text(6..40, number % 2 == 1)).collect();
        let repeat = |number: usize| format!("{} {}", claims[number * 7919 % size].claim, ordinary[number % MESSAGES]);
        let repeats: Vec<String> = (0..MESSAGES).map(repeat).collect();
        if let Some(folder) = &args.write {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(format!("library-{size}.jsonl")), to_lines(&claims))?;
            fs::write(folder.join(format!("messages-{size}.txt")), repeats[..SEARCHES].join("\n"))?;
        }
        let began = Instant::now();
        let matcher = Matcher::new(claims, &MatchOptions::default());
        let load_ms = began.elapsed().as_millis();
        let (mut scratch, mut matches): (MatchScratch, Vec<Match>) = Default::default();
        let mut find = |text: &str, folded: &Folded| {
            black_box(matcher.find((text, folded), &Context::default(), &mut scratch, &mut matches));
        };
        let of_stage = [("ordinary", measure(&ordinary, &mut find)), ("repeat", measure(&repeats, &mut find))];
        let searches = measure(&repeats[..SEARCHES], |text, folded| {
            matcher.search((text, folded), &Context::default(), 20, &mut scratch, &mut matches);
            black_box(&matches);
        });
        for (what, times) in of_stage.into_iter().chain([("search", searches)]) {
            println!(
                "{size:>8} claims, loaded in {load_ms:>5} ms, {what:>8}: mean {:>9} ns, p99 {:>9} ns, max {:>9} ns",
                times.mean, times.p99, times.max
            );
            let _ = writeln!(table, "{size},{what},{load_ms},{},{},{}", times.mean, times.p99, times.max);
        }
    }
    if let Some(path) = &args.csv {
        fs::write(path, table).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
