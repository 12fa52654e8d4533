//! What a run did, as tables for people or one object for machines.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::event::Channel;
use crate::pipeline::{LateTally, RuleTally, Tally};
use crate::stream::Summary;

use super::term::{self, Column, Role, Table, Terminal, json_line};

/// Rules that the table shows; the others are in `--json`.
const RULES_SHOWN: usize = 30;

/// A finished run.
pub(super) struct Report<'a> {
    pub(super) summary: &'a Summary,
    pub(super) elapsed: Duration,
    pub(super) dir: &'a Path,
}

/// Prints a report.
pub(super) fn print(report: &Report<'_>, out: &mut impl Write, terminal: Terminal, json: bool) -> io::Result<()> {
    if json {
        return json_line(out, &machine(report));
    }
    let tally = &report.summary.tally;
    head(report, out, terminal)?;
    channels(tally, out, terminal)?;
    actions(tally, out, terminal)?;
    rules(tally, out, terminal)?;
    late(tally, out, terminal)?;
    rejects(tally, out, terminal)
}

fn machine(report: &Report<'_>) -> serde_json::Value {
    let latency = &report.summary.latency;
    let micros = |percent| latency.percentile(percent).map(|time| time.as_micros() as u64);
    json!({
        "tally": report.summary.tally,
        "records": report.summary.tally.records_total(),
        "stopped": report.summary.stopped,
        "resumed_batches": report.summary.resumed_batches,
        "elapsed_ms": report.elapsed.as_millis() as u64,
        "latency_us": { "p50": micros(50.0), "p99": micros(99.0), "p999": micros(99.9), "max": latency.max().map(|t| t.as_micros() as u64) },
    })
}

fn head(report: &Report<'_>, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let tally = &report.summary.tally;
    let records = tally.records_total();
    let seconds = report.elapsed.as_secs_f64().max(1e-9);
    if report.summary.resumed_batches > 0 {
        let batches = term::count(report.summary.resumed_batches);
        writeln!(
            out,
            "{}",
            terminal.paint(Role::Quiet, format!("resumed after {batches} saved batches; counts are of this run"))
        )?;
    }
    writeln!(
        out,
        "{}  {} records in {} ({})",
        if report.summary.stopped {
            terminal.paint(Role::Warning, "stopped")
        } else {
            terminal.paint(Role::Good, "done")
        },
        term::count(records),
        term::duration(report.elapsed),
        term::rate(records as f64 / seconds),
    )?;
    let latency = &report.summary.latency;
    let percentiles = [("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9)];
    let shown = percentiles.iter().filter_map(|&(name, percent)| {
        latency.percentile(percent).map(|time| format!("{name} {}", term::duration(time)))
    });
    let shown: Vec<String> = shown.chain(latency.max().map(|time| format!("max {}", term::duration(time)))).collect();
    if !shown.is_empty() {
        writeln!(out, "      from reading to emission: {}", shown.join(", "))?;
    }
    writeln!(out, "      {}", terminal.paint(Role::Quiet, format!("{}", report.dir.display())))
}

fn section(out: &mut impl Write, terminal: Terminal, title: &str, table: &Table) -> io::Result<()> {
    if table.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}\n{table}", terminal.paint(Role::Heading, title))
}

fn channels(tally: &Tally, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let mut table =
        Table::new(terminal, &[Column::Words("records"), Column::Figures("number"), Column::Figures("share")]);
    let total = tally.records_total();
    let mut row = |name: &str, n: u64| {
        if n > 0 {
            table.row([name.to_owned(), term::count(n), term::percent(n, total)]);
        }
    };
    for (channel, &n) in Channel::ALL.iter().zip(&tally.events) {
        row(channel.name(), n);
    }
    row("near-duplicates", tally.copies);
    row("verdicts", tally.verdicts);
    row("erasures", tally.erasures);
    row("rejects", tally.rejects_total());
    row("decisions", tally.decisions);
    section(out, terminal, "What came", &table)
}

fn actions(tally: &Tally, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let mut columns = vec![Column::Words("action")];
    columns.extend(Channel::ALL.iter().map(|channel| Column::Figures(channel.name())));
    columns.push(Column::Figures("all"));
    let mut table = Table::new(terminal, &columns);
    for (action, by_channel) in &tally.actions {
        let mut cells = vec![action.clone()];
        cells.extend(by_channel.iter().map(|&n| if n == 0 { "·".to_owned() } else { term::count(n) }));
        cells.push(term::count(by_channel.iter().sum()));
        table.row(cells);
    }
    section(out, terminal, "What was done", &table)
}

fn rules(tally: &Tally, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let mut rules: Vec<(&str, &RuleTally)> = tally.rules.iter().map(|(id, rule)| (&**id, rule)).collect();
    rules.sort_by_key(|(id, rule)| (std::cmp::Reverse(rule.live + rule.shadow), *id));
    let columns = [Column::Words("rule"), Column::Figures("acted"), Column::Figures("in shadow"), Column::Words("")];
    let mut table = Table::new(terminal, &columns);
    let figure = |n: u64| if n == 0 { "·".to_owned() } else { term::count(n) };
    for (id, rule) in rules.iter().take(RULES_SHOWN) {
        let note = if rule.tripped { "tripped by its cap: look at it" } else { "" };
        table.row([(*id).to_owned(), figure(rule.live), figure(rule.shadow), note.to_owned()]);
    }
    section(out, terminal, "Why", &table)?;
    match rules.len().saturating_sub(RULES_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "{}", terminal.paint(Role::Quiet, format!("and {more} more rules; --json lists all"))),
    }
}

fn late(tally: &Tally, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let mut table =
        Table::new(terminal, &[Column::Words("for claims that came into force later"), Column::Figures("number")]);
    let LateTally { looked, labelled, told } = tally.late;
    for (name, n) in [("messages looked at again", looked), ("labelled late", labelled), ("people told", told)] {
        if looked > 0 {
            table.row([name.to_owned(), term::count(n)]);
        }
    }
    section(out, terminal, "Looking back", &table)
}

fn rejects(tally: &Tally, out: &mut impl Write, terminal: Terminal) -> io::Result<()> {
    let mut table = Table::new(terminal, &[Column::Words("reason"), Column::Figures("number")]);
    for (code, &n) in &tally.rejects {
        table.row([(*code).to_owned(), term::count(n)]);
    }
    section(out, terminal, "What could not be taken", &table)
}
