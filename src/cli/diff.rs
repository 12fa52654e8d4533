//! `tidegate diff`: two editions over one recorded stream. What would change if the new one were published?

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use crate::pipeline::Edition;
use crate::stream::{self, Comparison, Control, EditionFolders, Side};

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

pub(super) fn run(args: &DiffArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = args.input.config(output)?;
    let options = setting::options(&config, args.input.limit)?;
    let open = |base: &PathBuf, overlay: &Option<PathBuf>| {
        let folders = EditionFolders { base: Some(base.clone()), overlay: overlay.clone() };
        edition::open_folders(&folders, &setting::build_options(&config), output, Edition::build)
    };
    let side = |edition| anyhow::Ok(Side::new(edition, &options, setting::temporary_texts(&options)?)?);
    let mut old = side(open(&args.old, &args.old_overlay)?)?;
    let mut new = side(open(&args.new, &args.new_overlay)?)?;
    let source = setting::source(&config.input)?;
    let control = Control::default();
    let compared =
        || stream::compare([&mut old, &mut new], source, args.input.clock(), &options, &control, args.samples);
    let comparison = progress::alongside(&control, output, compared)?;
    let changed = comparison.rules.values().any(|rule| rule.gained + rule.lost > 0);
    print(&comparison, &old, &new, output)?;
    Ok(ExitCode::from(u8::from(changed && args.fail_on_change)))
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
