//! `tidegate search`: what was said, what was decided and why.

mod charts;
mod export;
mod saved;
mod show;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum, ValueHint};

use crate::event::Millis;
use crate::index::{self, Ask, FIELDS, Order, Query, QueryError, Reader};
use crate::io::{Clock, SystemClock};
use crate::text::fold_to_string;

use self::saved::{Places, Saved};
use super::term::{self, Role};
use super::{Output, setting};

/// Searches what was said, what was decided and why, in the index that `run` keeps.
///
/// QUERY is words, phrases in quotes and `field:value`, side by side (all of them), joined by OR, excluded by - or NOT, grouped by
/// parentheses. Texts are found by their plain form: 加微信 finds 加 薇 信 too. Without QUERY, everything is found.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate search --index out/index '\"加微信\" action:limit'
  tidegate search 'event:p-000123'                        why was this folded?
  tidegate search 'cluster:g-000042' --histogram 10m      what does this campaign look like over time?
  tidegate search 'claim:* stance:asserting' --top author who passes refuted rumors on?
  tidegate search 'rule:fraud.* at:[now-2h TO now]' --sort score --limit 50
  tidegate search 'label:gambling NOT room:*' --export csv > gambling.csv
  tidegate search 'action:review' --follow

Fields: `tidegate search --fields` lists them; docs/search.md tells the whole language.")]
pub(super) struct SearchArgs {
    /// What to look for. One that begins with - stands after --.
    query: Vec<String>,
    /// The folder of the index.
    #[arg(long, value_name = "DIR", default_value = "out/index", value_hint = ValueHint::DirPath)]
    index: PathBuf,
    /// In which order hits come.
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// How many hits, values of --top, or cases of --export at most.
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Begin after these: the cursor that the page before ended with.
    #[arg(long, value_name = "CURSOR")]
    after: Option<index::Cursor>,
    /// Only say how many there are.
    #[arg(long, group = "what")]
    count: bool,
    /// Draw how many there are in each span of time: 10m, 1h, 1d, or auto.
    #[arg(long, value_name = "SPAN", group = "what")]
    histogram: Option<String>,
    /// Split the histogram by the values of this field.
    #[arg(long, value_name = "FIELD", requires = "histogram")]
    by: Option<String>,
    /// Count the values of this field, the most frequent first; `words` counts the words of the latest hits.
    #[arg(long, value_name = "FIELD", group = "what")]
    top: Vec<String>,
    /// Write all hits in this form.
    #[arg(long, value_enum, value_name = "FORM", group = "what")]
    export: Option<export::Form>,
    /// Show new hits as they come, until stopped or --limit is reached.
    #[arg(long, group = "what")]
    follow: bool,
    /// List the fields of the language.
    #[arg(long, group = "what")]
    fields: bool,
    /// Search by this saved query; QUERY narrows it. Without QUERY and with the name `list`, lists them.
    ///
    /// The file of --searches is looked at first, then what was saved by the service: `searches.jsonl` in the folder that the index
    /// stands in. Of two queries of one name, that of the file counts.
    #[arg(long, value_name = "NAME")]
    saved: Option<String>,
    /// The file of saved queries; without it, `searches.toml` beside the index.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    searches: Option<PathBuf>,
    /// What `now` means in the query (RFC 3339 or epoch milliseconds), instead of the clock.
    #[arg(long, value_name = "TIME", value_parser = setting::time)]
    now: Option<Millis>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// The latest event first.
    #[default]
    Time,
    /// The earliest event first.
    Oldest,
    /// The best match of the words first.
    Score,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Time => Self::Newest,
            Sort::Oldest => Self::Oldest,
            Sort::Score => Self::Score,
        }
    }
}

/// Hits that are shown where nobody says how many.
const HITS_SHOWN: usize = 10;
/// Values that `--top` shows where nobody says how many.
const VALUES_SHOWN: usize = 10;

/// What every way of looking needs.
struct Search<'a> {
    reader: Reader,
    query: Query,
    args: &'a SearchArgs,
    output: &'a Output,
}

pub(super) fn run(args: &SearchArgs, output: &Output) -> anyhow::Result<ExitCode> {
    if args.fields {
        fields(output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.saved.as_deref() == Some("list") && args.query.is_empty() {
        searches(args).list(output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let query = query(args, output)?;
    let reader = Reader::open(&args.index, fold_to_string)?;
    let search = Search { reader, query, args, output };
    let out = &mut io::stdout().lock();
    if args.count {
        search.count(out)?;
    } else if let Some(form) = args.export {
        export::export(&search, form, out)?;
    } else if let Some(span) = &args.histogram {
        charts::histogram(&search, span, out)?;
    } else if !args.top.is_empty() {
        args.top.iter().try_for_each(|field| charts::top(&search, field, out))?;
    } else if args.follow {
        search.follow(out)?;
    } else {
        search.hits(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a span of time of an argument, in milliseconds.
pub(super) fn span(text: &str) -> Result<u64, String> {
    charts::span(text).ok_or_else(|| "write a span such as 10m, 1h or 1d".to_owned())
}

fn searches(args: &SearchArgs) -> Places {
    Places {
        file: args.searches.clone().unwrap_or_else(|| args.index.join("searches.toml")),
        is_named: args.searches.is_some(),
        output: args.index.parent().map_or_else(PathBuf::new, Path::to_owned),
    }
}

/// The query, with the saved one before it.
fn query(args: &SearchArgs, output: &Output) -> anyhow::Result<Query> {
    let now = args.now.unwrap_or_else(|| SystemClock.now());
    let written = args.query.join(" ");
    let own = index::parse(&written, now).map_err(|error| wrong(&written, &error, output))?;
    let Some(name) = &args.saved else { return Ok(own) };
    let Saved { query, .. } = searches(args).find(name)?;
    let saved = index::parse(&query, now).map_err(|error| wrong(&query, &error, output))?;
    Ok(if own == Query::All { saved } else { Query::And(vec![saved, own]) })
}

/// Shows the query with the place of the mistake below it.
fn wrong(query: &str, error: &QueryError, output: &Output) -> anyhow::Error {
    let before: String = query.chars().take(error.at).collect();
    let indent = " ".repeat(unicode_width::UnicodeWidthStr::width(term::printable(&before).as_str()));
    let mark = output.err.paint(Role::Bad, "^");
    let hint = output.err.paint(Role::Quiet, &error.hint);
    anyhow!("{}\n  {}\n  {indent}{mark} {hint}", error.message, term::printable(query))
}

fn fields(output: &Output) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    if output.json {
        for (name, kind, about) in FIELDS {
            let kind = format!("{kind:?}").to_lowercase();
            term::json_line(out, &serde_json::json!({ "field": name, "kind": kind, "about": about }))?;
        }
        return Ok(());
    }
    let mut table = term::Table::new(output.out, &[term::Column::Words("field"), term::Column::Words("holds")]);
    for (name, _, about) in FIELDS {
        table.row([name, about]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

impl Search<'_> {
    fn count(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let count = self.reader.count(&self.query)?;
        if self.output.json {
            term::json_line(out, &serde_json::json!({ "count": count }))?;
        } else {
            writeln!(out, "{}", term::count(count))?;
        }
        Ok(())
    }

    fn hits(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let limit = self.args.limit.unwrap_or(HITS_SHOWN);
        let ask = Ask { order: self.args.sort.into(), limit, after: self.args.after };
        let page = self.reader.search(&self.query, &ask)?;
        for hit in &page.hits {
            show::hit(hit, self, out)?;
        }
        if self.output.json {
            // A machine that turns pages reads where the next one begins beside the hits, not among them.
            if let Some(next) = page.next {
                writeln!(io::stderr(), "{{\"next\":\"{next}\",\"total\":{}}}", page.total)?;
            }
            return Ok(());
        }
        let shown = page.hits.len() as u64;
        let total = term::count(page.total);
        let told = match page.next {
            None => format!("{total} found"),
            Some(next) => format!("{} of {total} shown; more with --after {next} or --limit", term::count(shown)),
        };
        writeln!(out, "{}", self.output.out.paint(Role::Quiet, told))?;
        Ok(())
    }

    /// Shows what was not there before, as long as anybody reads it.
    fn follow(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut left = self.args.limit.unwrap_or(usize::MAX);
        let (mut seen, mut is_first) = (VecDeque::new(), true);
        // Nobody ever sends: the time-out is the wait.
        let (_keep, wait) = mpsc::channel::<()>();
        while left > 0 {
            self.reader.refresh()?;
            let ask = Ask { order: Order::Newest, limit: FOLLOWED_MAX, after: None };
            let page = self.reader.search(&self.query, &ask)?;
            let mut fresh = Vec::new();
            for hit in page.hits {
                let key = key(&hit)?;
                if !seen.contains(&key) {
                    seen.push_back(key);
                    fresh.push(hit);
                }
            }
            seen.drain(..seen.len().saturating_sub(2 * FOLLOWED_MAX));
            let shown = if is_first { fresh.len().min(HITS_SHOWN) } else { fresh.len() };
            for hit in fresh[..shown].iter().rev().take(left) {
                show::hit(hit, self, out)?;
            }
            out.flush()?;
            left = left.saturating_sub(shown);
            is_first = false;
            if left > 0 {
                let _ = wait.recv_timeout(FOLLOW_EVERY);
            }
        }
        Ok(())
    }
}

/// How often `--follow` looks.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);
/// The latest hits that `--follow` looks at: more than that in one look are not all shown.
const FOLLOWED_MAX: usize = 1000;

/// What tells a hit from all others.
fn key(hit: &index::Hit) -> anyhow::Result<String> {
    let case = hit.case()?;
    match (&case.decision, &case.event) {
        (Some(decision), _) => Ok(decision.id.clone()),
        (None, Some(event)) => Ok(event.id.to_string()),
        (None, None) => bail!("a stored case has neither event nor decision"),
    }
}
