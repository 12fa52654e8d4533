//! `tidegate synth`: a stream to try things on, composed from phrases and seeded, so that anybody can make it again.
//!
//! It holds what a platform sees in a day: ordinary talk in Chinese and English over all channels, and in it campaigns,
//! floods, cascades, evasions, scams, abuse, calls for help, adverts, copies, warnings that must stay silent, verdicts
//! and a request for erasure. Everybody and everything in it is invented.

mod cast;
mod evade;
mod faults;
mod phrases;
mod scenes;
mod script;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueHint};
use serde::Serialize;

pub(super) use self::evade::EMOJI;
use self::script::Script;
use super::Output;
use super::term::{self, Progress, Role, Unit, count, json_line};
use crate::event::Record;

/// Composes a sample stream over one day: ordinary talk, and in it all that rules are there for.
///
/// The same numbers give the same bytes. Everybody in it is invented.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate synth --events 1000 | tidegate run --input - --output out
  tidegate synth --events 100000 --seed 7 --out day.jsonl.zst")]
pub(super) struct SynthArgs {
    /// How many records to compose.
    #[arg(long, value_name = "N", default_value_t = 4000)]
    events: u64,
    /// Which stream to compose.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// How many malformed lines to strew in besides.
    #[arg(long, value_name = "N", default_value_t = 0)]
    faults: u64,
    /// Where to write it: .jsonl, .jsonl.zst or .jsonl.gz; without it, standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

/// What was written, for `--json`.
#[derive(Serialize)]
struct Composed<'a> {
    file: &'a Path,
    records: u64,
    faults: u64,
    /// Before compression.
    bytes: u64,
}

/// Composes the stream, and says on standard error what was written to a file.
pub(super) fn run(args: &SynthArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let Some(file) = args.out.as_deref().filter(|file| *file != Path::new("-")) else {
        write(args, BufWriter::new(io::stdout().lock()), |_| {}).context("cannot write to standard output")?;
        return Ok(ExitCode::SUCCESS);
    };
    let progress = Progress::new(output.err, Unit::Items, Some(args.events), "composing");
    let written = write_file(args, file, |records| progress.advance(records));
    progress.finish();
    let bytes = written.with_context(|| format!("cannot write {}", file.display()))?;
    let composed = Composed { file, records: args.events, faults: args.faults, bytes };
    if output.json {
        json_line(&mut io::stdout(), &composed)?;
    } else {
        let name = output.err.paint(Role::Name, file.display().to_string());
        let (records, faults) = (count(composed.records), count(composed.faults));
        eprintln!("{records} records and {faults} faults, {} → {name}", term::bytes(bytes));
    }
    Ok(ExitCode::SUCCESS)
}

fn write_file(args: &SynthArgs, path: &Path, advance: impl FnMut(u64)) -> io::Result<u64> {
    let file = BufWriter::new(File::create(path)?);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("zst") => {
            let mut encoder = zstd::Encoder::new(file, 19)?;
            let written = write(args, &mut encoder, advance)?;
            encoder.finish()?.flush()?;
            Ok(written)
        }
        Some("gz") => {
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
            let written = write(args, &mut encoder, advance)?;
            encoder.finish()?.flush()?;
            Ok(written)
        }
        _ => write(args, file, advance),
    }
}

/// Writes the stream, a line a record; gives the bytes written before compression.
fn write(args: &SynthArgs, mut out: impl Write, mut advance: impl FnMut(u64)) -> io::Result<u64> {
    let mut written = 0;
    let mut line = Vec::new();
    let mut faults = faults::Faults::new(args.faults, args.events);
    for (at, record) in (0..).zip(Script::new(args.seed, args.events)) {
        line.clear();
        faults.before(at, &mut line);
        serialise(&record, &mut line)?;
        out.write_all(&line)?;
        written += line.len() as u64;
        advance(1);
    }
    out.flush()?;
    Ok(written)
}

/// The published form of a record; only an event has no `kind`.
fn serialise(record: &Record<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    #[derive(Serialize)]
    struct Tagged<'a, T> {
        kind: &'static str,
        #[serde(flatten)]
        record: &'a T,
    }
    match record {
        Record::Event(event) => serde_json::to_writer(&mut *line, event)?,
        Record::Verdict(record) => serde_json::to_writer(&mut *line, &Tagged { kind: "verdict", record })?,
        Record::Erase(record) => serde_json::to_writer(&mut *line, &Tagged { kind: "erase", record })?,
    }
    line.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::{Channel, Event};

    fn stream(events: u64, seed: u64, faults: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write(&SynthArgs { events, seed, faults, out: None }, &mut out, |_| {}).unwrap();
        out
    }

    fn events(stream: &[u8]) -> Vec<Event<'_>> {
        let lines =
            stream.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"{\"kind\""));
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn the_same_numbers_give_the_same_bytes_and_others_give_others() {
        assert_eq!(stream(300, 7, 5), stream(300, 7, 5));
        assert_ne!(stream(300, 7, 5), stream(300, 8, 5));
    }

    #[test]
    fn there_are_as_many_lines_as_were_asked_for() {
        for (records, faults) in [(0, 0), (1, 0), (500, 0), (500, 13), (10, 30)] {
            let lines = stream(records, 3, faults).iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert_eq!(lines, if records == 0 { 0 } else { records + faults }, "{records} records, {faults} faults");
        }
    }

    #[test]
    fn events_keep_the_contract() {
        let stream = stream(4000, 1, 0);
        let events = events(&stream);
        let ids: BTreeSet<&str> = events.iter().map(|event| &*event.id).collect();
        assert_eq!(ids.len(), events.len(), "every id is given once");
        for event in &events {
            assert!(!event.text.trim().is_empty(), "{event:?}");
            assert!(!event.text.contains(['{', '}']), "a phrase was not filled in: {}", event.text);
            assert_eq!(event.channel == Channel::Group, event.room.is_some(), "{event:?}");
            let answers = event.forward_of.iter().chain(&event.reply_to);
            assert!(answers.into_iter().all(|id| ids.contains(&**id)), "it answers what is there: {event:?}");
        }
    }

    #[test]
    fn all_channels_both_languages_and_all_records_are_in_it() {
        let stream = stream(4000, 1, 0);
        let text = String::from_utf8(stream.clone()).unwrap();
        for part in [
            "\"kind\":\"verdict\"",
            "\"kind\":\"erase\"",
            "upheld",
            "overturned",
            "\"media\"",
            "\"minors\":true",
            "\"authority\"",
        ] {
            assert!(text.contains(part), "{part}");
        }
        let events = events(&stream);
        for channel in Channel::ALL {
            assert!(events.iter().filter(|event| event.channel == channel).count() >= 20, "{channel}");
        }
        for lang in ["zh", "en"] {
            assert!(events.iter().filter(|event| event.lang.as_deref() == Some(lang)).count() >= 400, "{lang}");
        }
    }

    #[test]
    fn most_of_it_is_ordinary_and_varied() {
        let stream = stream(4000, 1, 0);
        let events = events(&stream);
        let texts: BTreeSet<&str> = events.iter().map(|event| &*event.text).collect();
        let authors: BTreeSet<&str> = events.iter().map(|event| &*event.author).collect();
        assert!(texts.len() * 2 > events.len(), "{} texts in {} events", texts.len(), events.len());
        assert!(authors.len() > 1000, "{} authors", authors.len());
    }

    #[test]
    fn time_moves_on_with_a_little_jitter() {
        let stream = stream(4000, 1, 0);
        let mut latest = 0;
        for event in events(&stream) {
            assert!(event.at >= latest - 3_000, "{} is more than three seconds late", event.id);
            latest = latest.max(event.at);
        }
    }
}
