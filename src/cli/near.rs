//! `tidegate near`: which texts are near-duplicates of earlier ones, and nothing else.

mod line;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueHint};
use rayon::prelude::*;
use serde::Serialize;

use self::line::{Found, Line, rounded};
use super::line::tell;
use super::term::{self, Progress, Role, Unit, json_line};
use super::{Output, setting};
use crate::config;
use crate::event::Millis;
use crate::io::rejects::write_reject;
use crate::io::{BatchLimits, Fault, FileTexts, FileTextsOptions, Flow, Raw, RawBatch};
use crate::neardup::{Arrival, Form, Mark, Options, Seed, Sketcher, Texts, Twin, Twins};
use crate::rules::duration;
use crate::state::Keys;
use crate::text::Folded;

/// Says of each text which earlier one it is a near-duplicate of, as the texts come.
///
/// Lines of {"id", "text"} in, one line each out, in order: {"id", "cluster", "similarity", "first"}. `cluster` is the id of
/// the first text of its kind, the text's own where it is that, or is too short to say; `first` tells. A line may say when
/// it was published (`at`: RFC 3339 or milliseconds; without it, when the line before it was) and by whom (`author`); other
/// keys are passed over. What is at hand is answered at once. A line that cannot be taken is told on standard error and gets
/// no answer.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate near --input posts.jsonl.zst > clusters.jsonl
  tail -f posts.jsonl | tidegate near --window 24h
  tidegate near --input posts.jsonl | jq -c 'select(.first | not)'

Exit codes: 0 every line was taken, 1 some were not, 2 the command cannot run.")]
pub(super) struct NearArgs {
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., default_value = "-", value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
    /// How many texts are remembered; beyond, the oldest go. About 85 bytes of memory each, besides the texts.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    entries_max: usize,
    /// Bytes of remembered text; beyond, the oldest go.
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    text_bytes_max: u64,
    /// How far apart two texts may be published and still be duplicates: 90s, 10m, 24h, 30d.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    window: Millis,
    /// Seed of the hashes: give your own where others must not foresee them.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// A file for lines that cannot be taken, for `tidegate rejects`; without it, they are only told.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
    /// Threads; 0 takes one for each core. The answers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

pub(super) fn run(args: &NearArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let input = config::Input { paths: args.input.clone(), ..config::Input::default() };
    let mut source = setting::source(&input)?;
    let rejects = args
        .rejects
        .as_deref()
        .map(|path| File::create(path).with_context(|| format!("cannot write {}", path.display())));
    let mut rejects = rejects.transpose()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().context("cannot start threads")?;
    let options =
        Options { entries_max: args.entries_max.max(1), window_ms: args.window, text_bytes_max: args.text_bytes_max };
    let mut near = Near::new(&options, args.seed)?;
    let mut batch = RawBatch::default();
    let (mut bar, mut done_bytes) = (None, 0);
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        pool.install(|| near.take(&batch))?;
        let mut out = io::stdout().lock();
        out.write_all(&near.out)?;
        out.flush()?;
        near.tell(&batch, output);
        if let Some(rejects) = &mut rejects {
            near.reject(&batch, rejects).context("cannot write what could not be taken")?;
        }
        // A pipe may stand still: what is drawn over its answers would only disturb.
        let progress = source.progress();
        if let Some(total) = progress.total_bytes {
            let bar = bar.get_or_insert_with(|| Progress::new(output.err, Unit::Bytes, Some(total), "comparing"));
            bar.advance(progress.done_bytes.saturating_sub(done_bytes));
            done_bytes = progress.done_bytes;
        }
        if flow == Flow::End {
            break;
        }
    }
    drop(bar);
    near.tally.tell(output)?;
    Ok(ExitCode::from(u8::from(near.tally.refused > 0)))
}

/// What came, for the last word on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    texts: u64,
    duplicates: u64,
    /// Without enough letters to say.
    short: u64,
    refused: u64,
}

impl Tally {
    fn tell(&self, output: &Output) -> io::Result<()> {
        let mut err = io::stderr().lock();
        if output.json {
            return json_line(&mut err, self);
        }
        let share = term::percent(self.duplicates, self.texts);
        let [texts, duplicates, short] = [self.texts, self.duplicates, self.short].map(term::count);
        writeln!(
            err,
            "{texts} texts, {duplicates} near-duplicates of earlier ones ({share}), {short} too short to say"
        )?;
        if self.refused > 0 {
            let refused = format!("{} lines could not be taken", term::count(self.refused));
            writeln!(err, "{}", output.err.paint(Role::Warning, refused))?;
        }
        Ok(())
    }
}

/// The window, and what the last batch came to.
struct Near {
    twins: Twins,
    texts: Arc<FileTexts>,
    keys: Keys,
    /// When the line before was published.
    at: Millis,
    /// The answers of the last batch.
    out: Vec<u8>,
    /// The lines of it that cannot be taken, by their place in it.
    faults: Vec<(usize, Fault)>,
    twin: Vec<Twin>,
    tally: Tally,
}

/// A line with the mark of its text.
type Marked<'a> = Result<(Line<'a>, Option<Mark>), Fault>;

impl Near {
    fn new(options: &Options, seed: u64) -> anyhow::Result<Self> {
        let texts = Arc::new(FileTexts::temporary(FileTextsOptions::default())?);
        let twins = Twins::new(options, Seed::new(seed), Arc::clone(&texts) as Arc<dyn Texts>);
        let keys = Keys::new(&seed.to_le_bytes());
        Ok(Self {
            twins,
            texts,
            keys,
            at: 0,
            out: Vec::new(),
            faults: Vec::new(),
            twin: Vec::new(),
            tally: Tally::default(),
        })
    }

    /// Answers a batch.
    fn take(&mut self, batch: &RawBatch) -> anyhow::Result<()> {
        self.out.clear();
        self.faults.clear();
        let seed = self.twins.seed();
        let tools = || (Folded::default(), Sketcher::default());
        let lines: Vec<Marked<'_>> = (0..batch.len())
            .into_par_iter()
            .map_init(tools, |(folded, sketcher), at| mark(folded, sketcher, &batch.get(at), seed))
            .collect();
        let arrivals = self.arrivals(&lines);
        let mut twins = std::mem::take(&mut self.twin);
        self.twins.take(&arrivals, &mut twins)?;
        drop(arrivals);
        let mut found = twins.iter();
        for (at, line) in lines.iter().enumerate() {
            match line {
                Err(fault) => self.faults.push((at, fault.clone())),
                Ok((line, mark)) => self.answer(line, mark.as_ref().and_then(|_| found.next()))?,
            }
        }
        self.tally.refused += self.faults.len() as u64;
        self.twin = twins;
        self.texts.release_before(self.twins.kept_from());
        self.texts.flush(false)?;
        self.texts.settled(self.texts.end())?;
        Ok(())
    }

    fn arrivals<'a>(&mut self, lines: &'a [Marked<'_>]) -> Vec<Arrival<'a>> {
        let mut arrivals = Vec::with_capacity(lines.len());
        for (line, mark) in lines.iter().flatten() {
            self.at = line.at.unwrap_or(self.at);
            let author = line.author.as_deref().map_or(0, |author| self.keys.author(author) as u32);
            let arrival = |mark| Arrival {
                mark,
                id: &line.id,
                author: author.max(1),
                at: self.at,
                text: &line.text,
                is_forward: false,
            };
            arrivals.extend(mark.as_ref().map(arrival));
        }
        arrivals
    }

    fn answer(&mut self, line: &Line<'_>, twin: Option<&Twin>) -> anyhow::Result<()> {
        self.tally.texts += 1;
        self.tally.short += u64::from(twin.is_none());
        let first = match twin {
            Some(twin) if !twin.is_new => Some((self.twins.stored(twin.address)?.id, rounded(twin.similarity))),
            _ => None,
        };
        self.tally.duplicates += u64::from(first.is_some());
        let (cluster, similarity) = first.as_ref().map_or((&*line.id, 0.0), |(id, similarity)| (id, *similarity));
        json_line(&mut self.out, &Found { id: &line.id, cluster, similarity, first: first.is_none() })?;
        Ok(())
    }

    /// Says on standard error what could not be taken, the first ones one by one.
    fn tell(&self, batch: &RawBatch, output: &Output) {
        let before = self.tally.refused - self.faults.len() as u64;
        for ((at, fault), before) in self.faults.iter().zip(before..) {
            tell(before, &batch.get(*at), fault, output);
        }
    }

    fn reject(&self, batch: &RawBatch, rejects: &mut File) -> io::Result<()> {
        let mut lines = Vec::new();
        for (at, fault) in &self.faults {
            write_reject(&batch.get(*at), fault, &mut lines);
        }
        rejects.write_all(&lines)
    }
}

fn mark<'a>(folded: &mut Folded, sketcher: &mut Sketcher, raw: &Raw<'a>, seed: Seed) -> Marked<'a> {
    let line = Line::read(raw)?;
    folded.fold(&line.text);
    let mark = sketcher.mark(folded, Form::Message, seed);
    Ok((line, mark))
}

#[cfg(test)]
mod tests;
