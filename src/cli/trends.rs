//! `tidegate trends`: what is said more than it used to be.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueHint};
use serde_json::json;

use crate::event::{Millis, rfc3339};
use crate::index::{Query, Reader, TREND_FIELDS, Trend, TrendOptions};
use crate::text::fold_to_string;

use super::term::{self, Column, Role, Table};
use super::{Output, setting};

/// Shows what is said more than it used to be, each held against its own past: the hours before, and the same hour of the same
/// weekday.
///
/// A trend is an alarm only where what rises is also what rules act on: a festive evening rises, and is none.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate trends --index out/index
  tidegate trends --window 10m --of cluster,room --min 20
  tidegate trends --now 2026-09-01T20:00:00Z --alarms --json")]
pub(super) struct TrendsArgs {
    /// The folder of the index.
    #[arg(long, value_name = "DIR", default_value = "out/index", value_hint = ValueHint::DirPath)]
    index: PathBuf,
    /// The end of the span that is looked at (RFC 3339 or epoch milliseconds); the latest event, if absent.
    #[arg(long, value_name = "TIME", value_parser = setting::time)]
    now: Option<Millis>,
    /// Its length, such as 10m, 1h, 1d.
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = super::search::span)]
    window: u64,
    /// What is looked at: words, or fields such as term, cluster, room, claim, author, link.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', default_values_t = TREND_FIELDS.map(str::to_owned))]
    of: Vec<String>,
    /// Cases of the span that a value must have.
    #[arg(long, value_name = "N", default_value_t = 5)]
    min: u64,
    /// How far above what was expected it must be, in standard deviations.
    #[arg(long, value_name = "SCORE", default_value_t = 4.0)]
    score: f64,
    /// Values of each field, at most.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Only alarms.
    #[arg(long)]
    alarms: bool,
}

pub(super) fn run(args: &TrendsArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let reader = Reader::open(&args.index, fold_to_string)?;
    let now = match args.now {
        Some(now) => now,
        None => reader.span(&Query::All)?.map_or(0, |(_, last)| last),
    };
    let options = TrendOptions {
        window_ms: args.window as Millis,
        fields: fields(&args.of)?,
        count_min: args.min,
        score_min: args.score,
        limit: args.limit,
        ..TrendOptions::at(now)
    };
    let mut trends = reader.trends(&options)?;
    trends.retain(|trend| trend.is_alarm || !args.alarms);
    let out = &mut io::stdout().lock();
    if output.json {
        trends.iter().try_for_each(|trend| term::json_line(out, &machine(trend, now)))?;
    } else {
        print(&trends, now, output, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn fields(named: &[String]) -> anyhow::Result<Vec<&'static str>> {
    let known: Vec<&'static str> =
        std::iter::once(crate::index::WORDS).chain(crate::index::FIELDS.map(|(name, ..)| name)).collect();
    let mut fields = Vec::new();
    for name in named {
        let Some(field) = known.iter().find(|field| *field == name) else {
            bail!(
                "--of {name}: there is no such field; `tidegate search --fields` lists them, and words are the words of texts"
            );
        };
        fields.push(*field);
    }
    Ok(fields)
}

fn machine(trend: &Trend, now: Millis) -> serde_json::Value {
    json!({
        "field": trend.field,
        "value": trend.value,
        "until": rfc3339(now),
        "count": trend.count,
        "expected": (trend.expected * 100.0).round() / 100.0,
        "score": (trend.score * 100.0).round() / 100.0,
        "acted": trend.acted,
        "authors": trend.authors,
        "alarm": trend.is_alarm,
    })
}

fn print(trends: &[Trend], now: Millis, output: &Output, out: &mut impl Write) -> anyhow::Result<()> {
    if trends.is_empty() {
        writeln!(out, "{}", output.out.paint(Role::Quiet, format!("nothing rises up to {}", rfc3339(now))))?;
        return Ok(());
    }
    let columns = [
        Column::Words(""),
        Column::Words("field"),
        Column::Words("value"),
        Column::Figures("cases"),
        Column::Figures("expected"),
        Column::Figures("score"),
        Column::Figures("acted on"),
        Column::Figures("authors"),
    ];
    let mut table = Table::new(output.out, &columns);
    for trend in trends {
        table.row([
            if trend.is_alarm { "alarm" } else { "rising" }.to_owned(),
            trend.field.to_owned(),
            trend.value.clone(),
            term::count(trend.count),
            format!("{:.1}", trend.expected),
            format!("{:.1}", trend.score),
            term::percent(trend.acted, trend.count),
            term::count(trend.authors),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
