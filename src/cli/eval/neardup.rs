//! `tidegate eval neardup`: are washed copies found, is nothing else found, and what does it cost?

mod detector;
mod ground;
mod measure;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::{Value, json};

use self::detector::Detector;
use self::ground::{Ground, Length, Subject, Wanted};
use self::measure::{Cost, False, Found, Pair, Recall};
use super::kin::Script;
use super::texts;
use super::wash::WASHES;
use crate::cli::Output;
use crate::cli::term::{self, Column, Progress, Role, Table, Terminal, Unit, json_line, printable};

/// Measures near-duplicates on your texts: recall of washed copies, false matches, cost.
///
/// Some of the texts are washed (letters changed, text added, cut, clauses moved, contacts changed, …) and looked for in a
/// window that the others fill; texts to which nothing in the window is related must find nothing. What is related is
/// decided by comparing every text with every other one. The same numbers give the same figures, times apart.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate eval neardup --texts posts.txt
  tidegate eval neardup --texts posts.jsonl.zst --background archive.jsonl.zst --sample 500
  tidegate eval neardup --texts labels.tsv --json | jq '.recall[] | select(.length == \"15–40\")'

A file holds one text a line; of .jsonl lines the field `text` is taken, of .tsv lines what follows the first tab. Each may be
compressed (.zst, .gz).")]
pub(in crate::cli) struct NeardupArgs {
    /// The texts.
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    texts: Vec<PathBuf>,
    /// Read no more texts than this.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    limit: usize,
    /// More texts to fill the window with; they are neither washed nor asked about.
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    background: Vec<PathBuf>,
    /// How many texts of each length and script to wash.
    #[arg(long, value_name = "N", default_value_t = 300)]
    sample: usize,
    /// How many unrelated texts to ask about.
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    queries: usize,
    /// How many random pairs of each length and script to compare.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pairs: u64,
    /// Which texts are drawn, how they are washed, and the seed of the hashes.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many pairs to show of each kind: false ones, and the least alike that were found.
    #[arg(long, value_name = "N", default_value_t = 3)]
    show: usize,
}

/// What was found, and on what.
struct Report {
    ground: Ground,
    detector: Detector,
    recall: Recall,
    queries: BTreeMap<Script, False>,
    drawn: False,
    pairs: BTreeMap<(Script, Length), False>,
    costs: Vec<Cost>,
}

pub(super) fn run(args: &NeardupArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let texts = read(&args.texts, args.limit, output)?;
    let background = read(&args.background, args.limit, output)?;
    if texts.len() < TEXTS_MIN {
        bail!("{} texts are too few to measure on: give {TEXTS_MIN} or more", texts.len());
    }
    let all = (texts.len() + background.len()) as u64;
    let bar = |total, what| Progress::new(output.err, Unit::Items, Some(total), what);
    let wanted = Wanted { bases: args.sample, queries: args.queries, seed: args.seed };
    let ground = Ground::lay(texts, background, wanted, &bar(all, "comparing all"));
    if ground.bases.is_empty() {
        bail!("no text has {LETTERS_MIN} letters and is unrelated to the others: give more, or other, texts");
    }
    let window = window(&ground);
    let detector = Detector::fill(&window, args.seed, &bar(window.len() as u64, "filling the window"))?;
    drop(window);
    let washes = (ground.bases.len() * WASHES.len()) as u64;
    let recall = measure::recall(&ground, &detector, &WASHES, args.seed, name, &bar(washes, "washing"))?;
    let queries = measure::false_queries(&ground, &detector, args.show)?;
    let drawn = measure::drawn(&ground, &detector, args.show)?;
    let pairs = measure::false_pairs(&ground, args.pairs, args.seed, args.show, &bar(args.pairs * 8, "pairing"));
    let costs = measure::costs(&ground, args.seed);
    let report = Report { ground, detector, recall, queries, drawn, pairs, costs };
    let mut out = io::stdout().lock();
    if output.json {
        json_line(&mut out, &report.json())?;
    } else {
        report.print(&mut out, output.out)?;
    }
    Ok(ExitCode::SUCCESS)
}

const TEXTS_MIN: usize = 8;
const LETTERS_MIN: usize = 15;

fn read(paths: &[PathBuf], limit: usize, output: &Output) -> anyhow::Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for path in paths {
        let texts = texts::read(path, limit - all.len(), output);
        all.extend(texts.with_context(|| format!("cannot take texts from {}", path.display()))?);
    }
    Ok(all)
}

/// What a base stands under in the window.
fn name(number: usize) -> String {
    format!("base {number}")
}

fn window(ground: &Ground) -> Vec<(String, &str)> {
    let background = ground.background.iter().map(|text| (String::new(), &**text));
    let bases = ground.bases.iter().enumerate().map(|(number, base)| (name(number), &*base.text));
    background.chain(bases).collect()
}

impl Report {
    fn nanos_a_text(&self) -> u64 {
        self.detector.took.as_nanos() as u64 / self.detector.marked.max(1)
    }

    fn json(&self) -> Value {
        #[derive(Serialize)]
        struct Row<'a, T> {
            script: Script,
            #[serde(skip_serializing_if = "Option::is_none")]
            wash: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            length: Option<Length>,
            #[serde(flatten)]
            what: &'a T,
        }
        let recall = self.recall.iter().map(|(&(script, wash, length), what)| Row {
            script,
            wash: Some(WASHES[wash].to_string()),
            length: Some(length),
            what,
        });
        let queries = self.queries.iter().map(|(&script, what)| Row { script, wash: None, length: None, what });
        let pairs = self.pairs.iter();
        let pairs = pairs.map(|(&(script, length), what)| Row { script, wash: None, length: Some(length), what });
        json!({
            "window": { "texts": self.ground.window(), "marked": self.detector.marked, "entries": self.detector.entries },
            "related_left_out": self.ground.related,
            "recall": recall.collect::<Vec<_>>(),
            "false_queries": queries.collect::<Vec<_>>(),
            "drawn": self.drawn,
            "false_pairs": pairs.collect::<Vec<_>>(),
            "cost": {
                "mark": self.costs,
                "take_ns": self.nanos_a_text(),
                "bytes_an_entry": self.detector.bytes_an_entry,
            },
        })
    }

    fn print(&self, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
        let Self { ground, detector, .. } = self;
        writeln!(
            out,
            "{} texts in the window, {} of them entries; {} texts left out that are related to others",
            term::count(ground.window() as u64),
            term::count(detector.entries),
            term::count(ground.related as u64),
        )?;
        for script in [Script::Wide, Script::Narrow] {
            self.print_recall(out, terminal, script)?;
        }
        self.print_false(out, terminal)?;
        self.print_costs(out, terminal)
    }

    fn print_recall(&self, out: &mut impl Write, terminal: Terminal, script: Script) -> io::Result<()> {
        let bases: Vec<&Subject> = self.ground.bases.iter().filter(|base| base.seen.script == script).collect();
        if bases.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n{}",
            terminal.paint(Role::Heading, format!("Copies found, {}, by letters of the original", script.title()))
        )?;
        let columns =
            [Column::Words("wash")].into_iter().chain(Length::ALL.map(|length| Column::Figures(length.title())));
        let mut table = Table::new(terminal, &columns.collect::<Vec<_>>());
        let of = |length| bases.iter().filter(|base| base.length == length).count() as u64;
        table.row(["(originals)".to_owned()].into_iter().chain(Length::ALL.map(|length| term::count(of(length)))));
        for (number, wash) in WASHES.iter().enumerate() {
            let cell = |length| {
                let found = self.recall.get(&(script, number, length));
                found.map_or_else(|| "–".to_owned(), |&Found { washed, found }| term::percent(found, washed))
            };
            table.row([wash.to_string()].into_iter().chain(Length::ALL.map(cell)));
        }
        writeln!(out, "{table}")
    }

    fn print_false(&self, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
        writeln!(out, "\n{}", terminal.paint(Role::Heading, "Found although nothing is related"))?;
        let columns = [
            Column::Words("what was asked"),
            Column::Words("script"),
            Column::Figures("asked"),
            Column::Figures("found"),
            Column::Figures("share"),
        ];
        let mut table = Table::new(terminal, &columns);
        let mut row = |what: &str, script: Script, falses: &False| {
            let share = term::percent(falses.found, falses.asked);
            table.row([what, script.title(), &term::count(falses.asked), &term::count(falses.found), &share]);
        };
        self.queries.iter().for_each(|(&script, falses)| row("the whole window, by one text", script, falses));
        for (&(script, length), falses) in &self.pairs {
            row(&format!("one text, by another: {}", length.title()), script, falses);
        }
        writeln!(out, "{table}")?;
        let examples = self.queries.values().chain(self.pairs.values()).flat_map(|falses| &falses.examples);
        print_pairs(out, examples)?;
        let False { asked, found, examples, .. } = &self.drawn;
        let heading = terminal.paint(Role::Heading, "Found among texts as they came, the least alike first");
        let [asked, found, share] = [term::count(*asked), term::count(*found), term::percent(*found, *asked)];
        writeln!(out, "\n{heading}\n{found} of {asked} ({share}) are copies of a text in the window")?;
        print_pairs(out, examples)
    }

    fn print_costs(&self, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
        writeln!(out, "\n{}", terminal.paint(Role::Heading, "Processor time a text"))?;
        let columns = [
            Column::Words("script"),
            Column::Words("length"),
            Column::Figures("letters"),
            Column::Figures("fold"),
            Column::Figures("sketch and keys"),
        ];
        let mut table = Table::new(terminal, &columns);
        let time = |nanos: f64| term::duration(Duration::from_nanos(nanos as u64));
        for cost in &self.costs {
            let letters = format!("{:.0}", cost.letters);
            table.row([cost.script.title(), cost.length.title(), &letters, &time(cost.fold_ns), &time(cost.mark_ns)]);
        }
        writeln!(out, "{table}")?;
        let bytes = self.detector.bytes_an_entry;
        let nanos = time(self.nanos_a_text() as f64);
        writeln!(out, "\nasking the window, comparing and entering: {nanos} a text; {bytes} bytes of memory an entry")
    }
}

const SHOWN_CHARS: usize = 160;

fn print_pairs<'a>(out: &mut impl Write, pairs: impl IntoIterator<Item = &'a Pair>) -> io::Result<()> {
    for Pair { text, first, similarity, containment } in pairs {
        writeln!(out, "\nsimilarity {similarity:.2}, containment {containment:.2}")?;
        for text in [text, first] {
            writeln!(out, "  {}", printable(&text.chars().take(SHOWN_CHARS).collect::<String>()))?;
        }
    }
    Ok(())
}
