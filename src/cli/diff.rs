//! `tidegate diff`: two editions over one recorded stream. What would change if the new one were published?

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueHint};
use serde::Serialize;

use crate::decision::Decision;
use crate::pipeline::{Edition, Engine, Item};
use crate::state::{State, Texts};
use crate::stream::{self, Control, EditionFolders, Front, Options, StreamError, TextLogs};

use super::edition;
use super::setting::{self, InputArgs};
use super::term::{self, Column, Role, Table, json_line, printable};
use super::{Output, progress};

/// Compares two editions over one recorded stream: for each rule, the events that both hit, that are new, that are lost.
///
/// A rule in shadow counts as hitting, so that a draft can be watched before it acts.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate diff rules-live rules-next --input last-week.jsonl.zst
  tidegate diff rules rules --new-overlay site --input last-week.jsonl.zst --samples 5")]
pub(super) struct DiffArgs {
    /// The edition in force.
    #[arg(value_hint = ValueHint::DirPath)]
    old: PathBuf,
    /// The edition that is to come.
    #[arg(value_hint = ValueHint::DirPath)]
    new: PathBuf,
    /// A site's folder laid over the old edition.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    old_overlay: Option<PathBuf>,
    /// A site's folder laid over the new edition.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    new_overlay: Option<PathBuf>,
    #[command(flatten)]
    input: InputArgs,
    /// Messages shown for each rule's new and lost hits.
    #[arg(long, value_name = "N", default_value_t = 3)]
    samples: usize,
    /// Exit with 1 if any rule hits other events.
    #[arg(long)]
    fail_on_change: bool,
}

/// What became of one rule.
#[derive(Debug, Default, Serialize)]
struct RuleDiff {
    both: u64,
    gained: u64,
    lost: u64,
    gained_samples: Vec<Sample>,
    lost_samples: Vec<Sample>,
}

/// A message that only one of the editions hits.
#[derive(Clone, Debug, Serialize)]
struct Sample {
    event: String,
    text: String,
}

/// The whole comparison.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    records: u64,
    /// Events on which both act, in whatever way.
    acted_both: u64,
    acted_new_only: u64,
    acted_old_only: u64,
    /// Events on which both act, but not alike.
    acted_otherwise: u64,
    rules: BTreeMap<Arc<str>, RuleDiff>,
}

pub(super) fn run(args: &DiffArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = args.input.config(output)?;
    let options = setting::options(&config, args.input.limit)?;
    let open = |base: &PathBuf, overlay: &Option<PathBuf>| {
        let folders = EditionFolders { base: Some(base.clone()), overlay: overlay.clone() };
        edition::open_folders(&folders, &setting::build_options(&config), output, Edition::build)
    };
    let mut old = Side::new(open(&args.old, &args.old_overlay)?, &options)?;
    let mut new = Side::new(open(&args.new, &args.new_overlay)?, &options)?;
    let mut comparison = Comparison::default();
    let source = setting::source(&config.input)?;
    let control = Control::default();
    let scanned = || {
        stream::scan(source, args.input.clock(), &options, &control, |front, batch| {
            let chunks = front.observe(&new.edition, batch);
            let decided_new = new.decide(front, &chunks)?;
            let texts: BTreeMap<&str, &str> = chunks.iter().flatten().filter_map(text_of).collect();
            let decided_old = old.decide(front, &front.observe(&old.edition, batch))?;
            comparison.records += batch.len() as u64;
            comparison.take(&decided_old, &decided_new, &texts, args.samples);
            Ok::<_, StreamError>(())
        })
    };
    progress::alongside(&control, output, scanned)?;
    let changed = comparison.rules.values().any(|rule| rule.gained + rule.lost > 0);
    print(&comparison, &old, &new, output)?;
    Ok(ExitCode::from(u8::from(changed && args.fail_on_change)))
}

fn text_of<'a>(item: &'a Item<'_>) -> Option<(&'a str, &'a str)> {
    match item {
        Item::Event(observed) => Some((&*observed.event.id, &*observed.event.text)),
        _ => None,
    }
}

/// One edition with its own memory.
struct Side {
    edition: Arc<Edition>,
    engine: Engine,
    texts: Option<TextLogs>,
}

impl Side {
    fn new(edition: Arc<Edition>, options: &Options) -> anyhow::Result<Self> {
        let state = State::new(&options.state, options.keys);
        let texts = setting::temporary_texts(options)?;
        let engine = match options.copies.as_ref().zip(texts.as_ref()) {
            Some((copies, texts)) => {
                Engine::looking(state, copies, texts.each_ref().map(|texts| Arc::clone(texts) as Arc<dyn Texts>))?
            }
            None => Engine::new(state),
        };
        Ok(Self { edition, engine, texts })
    }

    fn decide(&mut self, front: &Front, chunks: &[Vec<Item<'_>>]) -> Result<BTreeMap<String, Decision>, StreamError> {
        let outcome = front.install(|| self.engine.process(&self.edition, chunks))?;
        let ends = outcome.texts_end.iter().flatten();
        for (texts, end) in self.texts.iter().flatten().zip(ends) {
            texts.flush(false)?;
            texts.settled(*end)?;
        }
        // A verdict's decision stands beside the one that it is about, under the same event: it is no rule's doing.
        let of_rules =
            outcome.decisions.into_iter().filter(|decision| !decision.reasons.iter().any(|r| &*r.rule == "verdict"));
        Ok(of_rules.map(|decision| (decision.event.clone(), decision)).collect())
    }
}

impl Comparison {
    fn take(
        &mut self,
        old: &BTreeMap<String, Decision>,
        new: &BTreeMap<String, Decision>,
        texts: &BTreeMap<&str, &str>,
        samples: usize,
    ) {
        let sample = |event: &str| Sample {
            event: event.to_owned(),
            text: texts.get(event).map(|text| text.chars().take(120).collect()).unwrap_or_default(),
        };
        for (event, decision) in new {
            let before = old.get(event);
            for rule in rules_of(decision) {
                let diff = self.rules.entry(Arc::clone(rule)).or_default();
                if before.is_some_and(|before| rules_of(before).any(|known| known == rule)) {
                    diff.both += 1;
                } else {
                    diff.gained += 1;
                    keep(&mut diff.gained_samples, samples, || sample(event));
                }
            }
            self.count(before, decision);
        }
        for (event, decision) in old {
            let after = new.get(event);
            for rule in rules_of(decision) {
                if !after.is_some_and(|after| rules_of(after).any(|known| known == rule)) {
                    let diff = self.rules.entry(Arc::clone(rule)).or_default();
                    diff.lost += 1;
                    keep(&mut diff.lost_samples, samples, || sample(event));
                }
            }
            let acts_no_more = after.is_none_or(|after| after.actions.is_empty());
            self.acted_old_only += u64::from(!decision.actions.is_empty() && acts_no_more);
        }
    }

    fn count(&mut self, old: Option<&Decision>, new: &Decision) {
        if new.actions.is_empty() {
            return;
        }
        match old.filter(|old| !old.actions.is_empty()) {
            None => self.acted_new_only += 1,
            Some(old) => {
                self.acted_both += 1;
                let is_alike = old.actions.iter().map(|a| &a.kind).eq(new.actions.iter().map(|a| &a.kind));
                self.acted_otherwise += u64::from(!is_alike);
            }
        }
    }
}

fn rules_of(decision: &Decision) -> impl Iterator<Item = &Arc<str>> {
    let shadow = decision.shadow.iter().map(|shadow| &shadow.reason.rule);
    decision.reasons.iter().map(|reason| &reason.rule).chain(shadow)
}

fn keep(samples: &mut Vec<Sample>, max: usize, sample: impl FnOnce() -> Sample) {
    if samples.len() < max {
        samples.push(sample());
    }
}

fn print(comparison: &Comparison, old: &Side, new: &Side, output: &Output) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if output.json {
        return Ok(json_line(&mut out, comparison)?);
    }
    let records = term::count(comparison.records);
    writeln!(out, "{} → {} over {records} records", old.edition.id, new.edition.id)?;
    writeln!(
        out,
        "acted on by both {} (of these, otherwise {}), by the new one only {}, by the old one only {}",
        term::count(comparison.acted_both),
        term::count(comparison.acted_otherwise),
        term::count(comparison.acted_new_only),
        term::count(comparison.acted_old_only),
    )?;
    let columns = [
        Column::Words("rule"),
        Column::Figures("both"),
        Column::Figures("new"),
        Column::Figures("lost"),
        Column::Figures("overlap"),
    ];
    let mut table = Table::new(output.out, &columns);
    for (rule, diff) in &comparison.rules {
        let all = diff.both + diff.gained + diff.lost;
        let cells =
            [term::count(diff.both), term::count(diff.gained), term::count(diff.lost), term::percent(diff.both, all)];
        table.row([rule.to_string()].into_iter().chain(cells));
    }
    writeln!(out, "\n{table}")?;
    for (rule, diff) in comparison.rules.iter().filter(|(_, diff)| diff.gained + diff.lost > 0) {
        writeln!(out, "\n{}", output.out.paint(Role::Name, rule))?;
        let samples = diff.gained_samples.iter().map(|s| ('+', s)).chain(diff.lost_samples.iter().map(|s| ('-', s)));
        for (sign, sample) in samples {
            writeln!(out, "  {sign} {}  {}", output.out.paint(Role::Quiet, &sample.event), printable(&sample.text))?;
        }
    }
    Ok(())
}
