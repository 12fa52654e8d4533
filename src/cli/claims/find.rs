//! `tidegate claims match`: which claims does each text repeat?

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueHint};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::library;
use crate::claims::{Context, Day, Match, MatchOptions, MatchScratch, Matcher, Purpose};
use crate::cli::term::{Role, json_line};
use crate::cli::{Output, setting};
use crate::config;
use crate::io::{BatchLimits, Flow, Raw, RawBatch};
use crate::text::Folded;

/// Says of each text which claims of a library it repeats, how surely, and what it thinks of them.
///
/// Lines of {"id", "text"} in, one line each out, in order: {"id", "matches": [{"claim", "score", "stance", "span", "act"}]}, the
/// best first. `claim` is the id in the library; `score` the likelihood that the text repeats it; `stance` asserting,
/// refuting, questioning or reporting; `span` the first byte and the one after the last in `text`; `act` whether rules may act.
/// A line may have a `title`, and say when it was written (`date` or `at`); other keys are passed over. A line that cannot be
/// taken is told on standard error and gets no answer.
#[derive(Args, Debug)]
#[command(
    name = "match",
    after_help = "Examples:
  tidegate claims match --library claims.jsonl --top 5 < posts.jsonl
  tidegate claims match --library claims.jsonl --input posts.jsonl.zst | jq -c 'select(any(.matches[]; .act))'

Exit codes: 0 every line was taken, 1 some were not, 2 the command cannot run."
)]
pub(in crate::cli) struct MatchArgs {
    /// The library: JSON lines, one claim each. Claims without authority, url or date are matched, and never act.
    #[arg(long, short, value_name = "FILE", required = true, num_args = 1, value_hint = ValueHint::FilePath)]
    library: Vec<PathBuf>,
    /// At most so many matches a text.
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Leave out matches with a lower score.
    #[arg(long, value_name = "SCORE", default_value_t = 0.0)]
    score_min: f32,
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., default_value = "-", value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
    /// Threads; 0 takes one for each core. The answers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// Matches that a text may ask for.
const TOP_MAX: usize = 1000;

/// How many lines that cannot be taken are told one by one.
const TOLD_MAX: u64 = 20;

pub(super) fn run(args: &MatchArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let claims = library::read(&args.library, Purpose::Match, output)?;
    let matcher = Matcher::new(claims, &MatchOptions::default());
    let input = config::Input { paths: args.input.clone(), ..config::Input::default() };
    let mut source = setting::source(&input)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().context("cannot start threads")?;
    let finder = Finder { matcher, top: args.top.min(TOP_MAX), score_min: args.score_min };
    let mut batch = RawBatch::default();
    let mut refused = 0;
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        let answers: Vec<Result<Vec<u8>, String>> = pool.install(|| {
            (0..batch.len())
                .into_par_iter()
                .map_init(Tools::default, |tools, at| finder.answer(&batch.get(at), tools))
                .collect()
        });
        let mut out = io::stdout().lock();
        for (at, answer) in answers.iter().enumerate() {
            match answer {
                Ok(line) => out.write_all(line)?,
                Err(why) => {
                    refused += 1;
                    tell(refused, &format!("{}: {why}", batch.get(at).offset), output);
                }
            }
        }
        out.flush()?;
        if flow == Flow::End {
            break;
        }
    }
    Ok(ExitCode::from(u8::from(refused > 0)))
}

fn tell(number: u64, what: &str, output: &Output) {
    let head = output.err.paint(Role::Warning, "not taken");
    match number {
        ..=TOLD_MAX => eprintln!("{head}: {what}"),
        n if n == TOLD_MAX + 1 => eprintln!("{head}: and more, which are only counted"),
        _ => {}
    }
}

struct Finder {
    matcher: Matcher,
    top: usize,
    score_min: f32,
}

/// What a thread uses again.
#[derive(Default)]
struct Tools {
    folded: Folded,
    scratch: MatchScratch,
    matches: Vec<Match>,
}

/// A text on its way in. Whatever else stands in the object is passed over.
#[derive(Deserialize)]
struct Line<'a> {
    id: Option<Value>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    date: Option<Value>,
    at: Option<Value>,
}

/// The answer.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Value,
    matches: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    claim: &'a str,
    score: f64,
    stance: &'static str,
    span: [usize; 2],
    act: bool,
}

impl Finder {
    fn answer(&self, raw: &Raw<'_>, tools: &mut Tools) -> Result<Vec<u8>, String> {
        if let Some(fault) = raw.fault {
            return Err(fault.to_string());
        }
        let text =
            std::str::from_utf8(raw.bytes).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
        let line: Line<'_> =
            serde_json::from_str(text).map_err(|error| format!("no object with `id` and `text`: {error}"))?;
        let id =
            line.id.filter(|id| id.is_string() || id.is_number()).ok_or("`id` is missing, or no string or number")?;
        let text = line.text.ok_or("`text` is missing")?;
        let day = line.date.iter().chain(&line.at).find_map(day);
        tools.folded.fold(&text);
        let Tools { folded, scratch, matches } = tools;
        self.matcher.search((&text, folded), &Context { day, ..Context::default() }, self.top, scratch, matches);
        let is_wanted = |one: &&Match| one.score >= self.score_min;
        let matches = matches.iter().filter(is_wanted).map(|one| self.found(one)).collect();
        let mut out = Vec::new();
        json_line(&mut out, &Answer { id: &id, matches }).map_err(|error| error.to_string())?;
        Ok(out)
    }

    fn found(&self, one: &Match) -> Found<'_> {
        Found {
            claim: &self.matcher.claims()[one.claim].id,
            score: (f64::from(one.score) * 1e6).round() / 1e6,
            stance: one.stance.name(),
            span: [one.span.start, one.span.end],
            act: one.act,
        }
    }
}

/// A day that a line names; what is no day is passed over, for a text can do without.
fn day(value: &Value) -> Option<Day> {
    match value {
        Value::String(text) => Day::parse(text),
        Value::Number(number) => number.as_i64().map(Day::of_millis),
        _ => None,
    }
}
