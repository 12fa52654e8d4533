//! Near-duplicates: what a mark costs by length, and what asking and entering cost as the window grows, with rivals in the
//! same run over the same texts.
//!
//! ```text
//! cargo bench --bench neardup [-- --sizes 1000000,10000000] [--rivals 1000000] [--texts FILE] [--csv FILE]
//! ```
//! Processor time, one thread. `--sizes 50000000` needs 12 GiB, most of it for the texts, which lie in memory here. Texts are composed: 24
//! letters drawn as unevenly as in Chinese posts; `--texts` (one a line) fills a window with real ones besides. Rivals (`gaoya`, and
//! a plain table of 64-bit simhashes at distance 3) get the sets of letter pairs that they ask for; what is found of copies in which
//! one letter of ten is another one is printed beside the times, because a fast answer that is wrong is none.

#[path = "neardup/log.rs"]
mod log;
#[path = "neardup/rivals.rs"]
mod rivals;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cpu_time::ProcessTime;
use fastrand::Rng;
use tidegate::neardup::{Arrival, Form, Mark, Options, Seed, Sketcher, Texts, Twin, Twins};
use tidegate::text::Folded;

use log::Pages;

const SEED: Seed = Seed::new(7);
const BATCH: usize = 4096;
/// Texts that are asked about once a window is full.
const ASKED: usize = 200_000;
const LETTERS: usize = 24;

struct Args {
    sizes: Vec<usize>,
    rivals: usize,
    texts: Option<String>,
    csv: Option<String>,
}

impl Args {
    fn parse() -> Result<Self> {
        let mut options = Self { sizes: vec![1_000_000, 10_000_000], rivals: 1_000_000, texts: None, csv: None };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let value = args.next().with_context(|| format!("{arg} needs a value"))?;
            match arg.as_str() {
                "--sizes" => {
                    let sizes = value.split(',').filter(|size| !size.is_empty()).map(str::parse);
                    options.sizes = sizes.collect::<Result<_, _>>()?;
                }
                "--rivals" => options.rivals = value.parse()?,
                "--texts" => options.texts = Some(value),
                "--csv" => options.csv = Some(value),
                _ => bail!("unknown argument {arg}"),
            }
        }
        Ok(options)
    }
}

/// Lines of the record.
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, entries: usize, figure: &str, value: f64, unit: &str) {
        println!("{what:<28} {entries:>10} {figure:<34} {value:>9.1} {unit}");
        let _ = writeln!(self.0, "{what},{entries},{figure},{value:.1},{unit}");
    }
}

fn main() -> Result<()> {
    let args = Args::parse()?;
    let mut table = Table("what,entries,figure,value,unit\n".to_owned());
    println!("{:<28} {:>10} {:<34} {:>9}", "what", "entries", "figure", "value");
    marks(&mut table);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| -> Result<()> {
        for &size in &args.sizes {
            grow(&mut table, "tidegate", size, &mut (0..).map(composed))?;
        }
        if let Some(path) = &args.texts {
            let texts = fs::read_to_string(path).with_context(|| path.clone())?;
            let texts: Vec<&str> = texts.lines().collect();
            let asked = ASKED.min(texts.len() / 5);
            let size = texts.len() - 2 * asked;
            grow_asking(
                &mut table,
                "tidegate, real texts",
                size,
                asked,
                &mut texts.iter().map(|text| (*text).to_owned()),
            )?;
        }
        if args.rivals > 0 {
            if !args.sizes.contains(&args.rivals) {
                grow(&mut table, "tidegate", args.rivals, &mut (0..).map(composed))?;
            }
            rivals::simhash_table(&mut table, args.rivals);
            rivals::gaoya_simhash(&mut table, args.rivals);
            rivals::gaoya_minhash(&mut table, args.rivals);
        }
        Ok(())
    })?;
    args.csv.map_or(Ok(()), |path| Ok(fs::write(path, table.0)?))
}

/// The text of that number: letters drawn as in Chinese posts, where few characters make up most of it.
fn composed(number: u64) -> String {
    text(&mut Rng::with_seed(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)), LETTERS)
}

fn text(rng: &mut Rng, letters: usize) -> String {
    (0..letters).map(|_| letter(rng)).collect()
}

fn letter(rng: &mut Rng) -> char {
    let rank = (rng.f64().powi(3) * 4_000.0) as u32;
    char::from_u32(0x4e00 + rank * 5).expect("a character of the block")
}

/// The text with one letter of ten replaced.
fn washed(rng: &mut Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..letters.len().div_ceil(10) {
        let at = rng.usize(..letters.len());
        letters[at] = letter(rng);
    }
    letters.into_iter().collect()
}

/// What folding and marking cost, by length.
fn marks(table: &mut Table) {
    for letters in [24, 61, 148, 1248] {
        let count = (400_000 / letters).max(100);
        let mut rng = Rng::with_seed(letters as u64);
        let texts: Vec<String> = (0..count).map(|_| text(&mut rng, letters)).collect();
        let mut folded = vec![Folded::default(); count];
        let mut sketcher = Sketcher::default();
        let [mut fold, mut mark] = [Duration::MAX; 2];
        for _ in 0..9 {
            fold = fold.min(time(|| texts.iter().zip(&mut folded).for_each(|(text, folded)| folded.fold(text))));
            mark =
                mark.min(time(|| folded.iter().for_each(|f| drop(black_box(sketcher.mark(f, Form::Message, SEED))))));
        }
        for (figure, time) in [("fold", fold), ("sketch and keys", mark)] {
            let value = time.as_nanos() as f64 / count as f64;
            table.row("mark", 0, &format!("{figure}: {letters} letters"), value, "ns");
        }
        rivals::signatures(table, &texts, letters);
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = ProcessTime::now();
    work();
    start.elapsed()
}

fn grow(table: &mut Table, what: &str, size: usize, texts: &mut dyn Iterator<Item = String>) -> Result<()> {
    grow_asking(table, what, size, ASKED.min(size / 2), texts)
}

/// Fills a window of that size to the last entry, then goes on: each entry takes the place of the oldest one. In the end the oldest
/// half is expired by event time instead.
fn grow_asking(
    table: &mut Table,
    what: &str,
    size: usize,
    asked: usize,
    texts: &mut dyn Iterator<Item = String>,
) -> Result<()> {
    let options = Options { entries_max: size, window_ms: size as i64 * 1000, text_bytes_max: 1 << 40 };
    let log = Arc::new(Pages::default());
    let mut twins = None;
    let memory = allocation_counter::measure(|| {
        twins = Some(Twins::new(&options, SEED, Arc::clone(&log) as Arc<dyn Texts>));
    });
    let mut stage =
        Stage { twins: twins.context("made above")?, at: 1_700_000_000_000, step_ms: 1000, kept: Vec::new() };
    table.row(what, size, "memory, texts apart", memory.bytes_current as f64 / size as f64, "bytes/entry");
    let fill = stage.take(texts, size, true)?;
    table.row(what, size, "ask and enter, filling", fill, "ns");
    let found = stage.ask_washed(&mut Rng::with_seed(3))?;
    table.row(what, size, "ask about copies, 10 % replaced", found.0, "ns");
    table.row(what, size, "found of them", found.1 * 100.0, "%");
    let steady = stage.take(texts, asked, false)?;
    table.row(what, size, "ask and enter, full", steady, "ns");
    // Half of what is kept is expired from now on, and more with every text.
    stage.at += size as i64 / 2 * stage.step_ms;
    let expiring = stage.take(texts, asked, false)?;
    table.row(what, size, "ask and enter, half expired", expiring, "ns");
    Ok(())
}

struct Stage {
    twins: Twins,
    at: i64,
    step_ms: i64,
    /// Some of the texts that were entered, evenly spread.
    kept: Vec<String>,
}

/// Copies that are asked about.
const WASHED: usize = 20_000;

impl Stage {
    /// Takes so many texts; nanoseconds of processor time each, marks apart.
    fn take(&mut self, texts: &mut dyn Iterator<Item = String>, count: usize, keep: bool) -> Result<f64> {
        let (mut took, mut taken) = (Duration::ZERO, 0);
        // Copies are entered too and take the places of the oldest, about which nobody is asked then.
        let every = (count / WASHED).max(50);
        while taken < count {
            let batch: Vec<String> = (&mut *texts).take(BATCH.min(count - taken)).collect();
            if batch.is_empty() {
                break;
            }
            took += self.take_batch(&batch)?.0;
            if keep {
                let chosen =
                    batch.iter().zip(taken..).filter(|(_, number)| number % every == 0 && *number >= count / 10);
                self.kept.extend(chosen.map(|(text, _)| text.clone()));
            }
            taken += batch.len();
        }
        Ok(took.as_nanos() as f64 / taken.max(1) as f64)
    }

    fn take_batch(&mut self, batch: &[String]) -> Result<(Duration, Vec<Twin>)> {
        let marks = marked(batch);
        let mut arrivals = Vec::with_capacity(batch.len());
        for (text, mark) in batch.iter().zip(&marks) {
            self.at += self.step_ms;
            let arrival = |mark| Arrival { mark, id: "a", author: 1, at: self.at, text, is_forward: false };
            arrivals.extend(mark.as_ref().map(arrival));
        }
        let mut out = Vec::new();
        let start = ProcessTime::now();
        self.twins.take(&arrivals, &mut out)?;
        Ok((start.elapsed(), out))
    }

    /// Nanoseconds a copy, and the share of copies that were found.
    fn ask_washed(&mut self, rng: &mut Rng) -> Result<(f64, f64)> {
        // Time stands still, so that asking expires nothing.
        let step_ms = std::mem::take(&mut self.step_ms);
        let copies: Vec<String> = self.kept.iter().map(|text| washed(rng, text)).collect();
        let (mut took, mut asked, mut found) = (Duration::ZERO, 0, 0);
        for batch in copies.chunks(BATCH) {
            let (time, twins) = self.take_batch(batch)?;
            took += time;
            asked += twins.len();
            found += twins.iter().filter(|twin| !twin.is_new).count();
        }
        self.step_ms = step_ms;
        Ok((took.as_nanos() as f64 / asked.max(1) as f64, found as f64 / asked.max(1) as f64))
    }
}

fn marked(texts: &[String]) -> Vec<Option<Mark>> {
    let (mut folded, mut sketcher) = (Folded::default(), Sketcher::default());
    let mark = |text: &String| {
        folded.fold(text);
        sketcher.mark(&folded, Form::Message, SEED)
    };
    texts.iter().map(mark).collect()
}
