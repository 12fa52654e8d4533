//! `tidegate eval claims`: are the repeats of claims found, and is nobody else labelled?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueHint};
use cpu_time::ThreadTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::claims::{Context, Day, Match, MatchOptions, MatchScratch, Matcher, Purpose};
use crate::cli::Output;
use crate::cli::claims::library;
use crate::cli::term::json_line;
use crate::text::Folded;

/// Measures matching of claims on your texts: ranks, precision and recall where matches act, false labels by kind, cost.
///
/// `--queries` holds texts that repeat claims, and `--qrels` says which: lines of query, 0, claim, 1 (TREC). Texts of the other
/// kinds are to get no label.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tidegate eval claims --library claims.jsonl --queries queries.jsonl --qrels qrels.tsv --debunk-posts debunks.jsonl --json")]
pub(in crate::cli) struct ClaimsArgs {
    /// The libraries.
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_hint = ValueHint::FilePath)]
    library: Vec<PathBuf>,
    /// Texts that repeat claims, lines of {"id", "text"}.
    #[arg(long, value_name = "FILE", requires = "qrels", value_hint = ValueHint::FilePath)]
    queries: Option<PathBuf>,
    /// Which claims they repeat.
    #[arg(long, value_name = "FILE", requires = "queries", value_hint = ValueHint::FilePath)]
    qrels: Option<PathBuf>,
    /// True texts.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    true_posts: Option<PathBuf>,
    /// Texts that refute claims.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    debunk_posts: Option<PathBuf>,
    /// Texts that ask about claims.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    questions: Option<PathBuf>,
    /// From which score on a match acts.
    #[arg(long, value_name = "SCORE")]
    act_at: Option<f32>,
}

/// How many matches of a query are ranked.
const TOP: usize = 50;

pub(super) fn run(args: &ClaimsArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut options = MatchOptions::default();
    options.act_at = args.act_at.unwrap_or(options.act_at);
    let matcher = Matcher::new(library::read(&args.library, Purpose::Match, output)?, &options);
    let mut bench = Bench { matcher, folded: Folded::default(), scratch: MatchScratch::default(), matches: Vec::new() };
    let mut report =
        Report { claims: bench.matcher.claims().len(), wordings: bench.matcher.forms(), ..Report::default() };
    if let (Some(queries), Some(qrels)) = (&args.queries, &args.qrels) {
        report.ranking = Some(bench.rank(&read(queries)?, &read_qrels(qrels)?));
    }
    let kinds = [("true", &args.true_posts), ("debunk", &args.debunk_posts), ("question", &args.questions)];
    for (kind, path) in kinds {
        if let Some(path) = path {
            report.labels.push(bench.labels(kind, &read(path)?));
        }
    }
    if report.ranking.is_none() && report.labels.is_empty() {
        bail!("nothing to measure on: give --queries with --qrels, --true-posts, --debunk-posts or --questions");
    }
    let mut out = io::stdout().lock();
    if output.json {
        json_line(&mut out, &report)?;
    } else {
        report.print(&mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Line {
    id: Value,
    text: String,
    date: Option<String>,
}

impl Line {
    fn id(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows = (1..).zip(text.lines()).filter(|(_, row)| !row.trim().is_empty());
    let line = |(number, row): (usize, &str)| {
        serde_json::from_str(row)
            .with_context(|| format!("{}:{number}: no object with `id` and `text`", path.display()))
    };
    rows.map(line).collect()
}

/// The claims that each query repeats.
type Qrels = BTreeMap<String, BTreeSet<String>>;

fn read_qrels(path: &Path) -> anyhow::Result<Qrels> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut qrels = Qrels::new();
    for (number, row) in (1..).zip(text.lines()).filter(|(_, row)| !row.trim().is_empty()) {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let [query, _, claim, relevance] = fields[..] else {
            bail!("{}:{number}: {} fields; a line is query, 0, claim, 1", path.display(), fields.len());
        };
        if relevance != "0" {
            qrels.entry(query.to_owned()).or_default().insert(claim.to_owned());
        }
    }
    Ok(qrels)
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct Report {
    claims: usize,
    wordings: usize,
    ranking: Option<Ranking>,
    labels: Vec<Labels>,
}

/// How well claims are ranked for texts that repeat them, and how well they act.
#[derive(Debug, Default, Serialize)]
struct Ranking {
    queries: usize,
    map_1: f64,
    map_5: f64,
    success_5: f64,
    success_10: f64,
    acted: usize,
    acted_rightly: usize,
    precision: f64,
    recall: f64,
    /// Processor time of a search for the best fifty.
    search_us: f64,
}

/// What texts of a kind get that is to get no label.
#[derive(Debug, Default, Serialize)]
struct Labels {
    kind: &'static str,
    texts: usize,
    labelled: usize,
    rate: f64,
    /// Stances of those that repeat a claim likely enough to be suggested.
    stances: BTreeMap<&'static str, usize>,
    /// Processor time of a message in the stage.
    stage_us: f64,
}

struct Bench {
    matcher: Matcher,
    folded: Folded,
    scratch: MatchScratch,
    matches: Vec<Match>,
}

impl Bench {
    fn search(&mut self, line: &Line) {
        let context = Context { day: line.date.as_deref().and_then(Day::parse), ..Context::default() };
        self.folded.fold(&line.text);
        let message = (&*line.text, &self.folded);
        self.matcher.search(message, &context, TOP, &mut self.scratch, &mut self.matches);
    }

    fn rank(&mut self, queries: &[Line], qrels: &Qrels) -> Ranking {
        let mut ranking = Ranking::default();
        let mut took = 0.0;
        for line in queries {
            let Some(wanted) = qrels.get(&line.id()) else { continue };
            let began = ThreadTime::now();
            self.search(line);
            took += began.elapsed().as_secs_f64();
            let is_right = |one: &Match| wanted.contains(&*self.matcher.claims()[one.claim].id);
            ranking.add(&self.matches.iter().map(|one| (is_right(one), one.act)).collect::<Vec<_>>(), wanted.len());
        }
        ranking.close(took)
    }

    fn labels(&mut self, kind: &'static str, lines: &[Line]) -> Labels {
        let mut labels = Labels { kind, texts: lines.len(), ..Labels::default() };
        let mut took = 0.0;
        for line in lines {
            self.search(line);
            labels.labelled += usize::from(self.matches.iter().any(|one| one.act));
            let likely = self.matches.first().filter(|one| one.score >= MatchOptions::default().suggest_at);
            likely.into_iter().for_each(|one| *labels.stances.entry(one.stance.name()).or_default() += 1);
            let context = Context { day: line.date.as_deref().and_then(Day::parse), ..Context::default() };
            let began = ThreadTime::now();
            let message = (&*line.text, &self.folded);
            std::hint::black_box(self.matcher.find(message, &context, &mut self.scratch, &mut self.matches));
            took += began.elapsed().as_secs_f64();
        }
        labels.rate = share(labels.labelled, labels.texts);
        labels.stage_us = took * 1e6 / lines.len().max(1) as f64;
        labels
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Ranking {
    /// Adds a query: whether each match is right and acts, best first, and how many claims it repeats.
    fn add(&mut self, matches: &[(bool, bool)], wanted: usize) {
        self.queries += 1;
        let rank = matches.iter().position(|&(is_right, _)| is_right);
        let average = |top: usize| {
            let mut hits = 0;
            let precisions =
                (1..).zip(matches.iter().take(top)).filter(|(_, (is_right, _))| *is_right).map(|(at, _)| {
                    hits += 1;
                    f64::from(hits) / f64::from(at)
                });
            precisions.sum::<f64>() / wanted.min(top) as f64
        };
        self.map_1 += average(1);
        self.map_5 += average(5);
        self.success_5 += f64::from(u8::from(rank.is_some_and(|rank| rank < 5)));
        self.success_10 += f64::from(u8::from(rank.is_some_and(|rank| rank < 10)));
        self.acted += matches.iter().filter(|&&(_, act)| act).count();
        self.acted_rightly += matches.iter().filter(|&&(is_right, act)| is_right && act).count();
    }

    fn close(mut self, took_s: f64) -> Self {
        let queries = self.queries.max(1) as f64;
        for sum in [&mut self.map_1, &mut self.map_5, &mut self.success_5, &mut self.success_10] {
            *sum /= queries;
        }
        self.precision = share(self.acted_rightly, self.acted);
        self.recall = share(self.acted_rightly, self.queries);
        self.search_us = took_s * 1e6 / queries;
        self
    }
}

impl Report {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} claims in {} wordings", self.claims, self.wordings)?;
        if let Some(r) = &self.ranking {
            writeln!(
                out,
                "{} queries: MAP@1 {:.3}, MAP@5 {:.3}, S@5 {:.3}, S@10 {:.3}; {:.0} µs a search",
                r.queries, r.map_1, r.map_5, r.success_5, r.success_10, r.search_us
            )?;
            writeln!(
                out,
                "acted on {}, {} rightly: precision {:.3}, recall {:.3}",
                r.acted, r.acted_rightly, r.precision, r.recall
            )?;
        }
        for one in &self.labels {
            let stances: Vec<String> = one.stances.iter().map(|(stance, count)| format!("{stance} {count}")).collect();
            writeln!(
                out,
                "{} texts of kind {}: {} labelled ({:.2} %), likely ones: {}; {:.1} µs a message",
                one.texts,
                one.kind,
                one.labelled,
                one.rate * 100.0,
                stances.join(", "),
                one.stage_us
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_measured_as_trec_does() {
        let mut ranking = Ranking::default();
        ranking.add(&[(true, true), (false, false)], 1);
        ranking.add(&[(false, true), (true, false)], 1);
        ranking.add(&[(false, false); 20], 2);
        let ranking = ranking.close(0.0);
        assert!((ranking.map_1 - 1.0 / 3.0).abs() < 1e-9);
        assert!((ranking.map_5 - 0.5).abs() < 1e-9);
        assert!((ranking.success_10 - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!((ranking.acted, ranking.acted_rightly), (2, 1));
        assert!((ranking.precision - 0.5).abs() < 1e-9);
    }
}
