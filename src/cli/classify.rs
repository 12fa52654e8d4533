//! `tidegate classify`: texts in, probabilities out.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use rayon::prelude::*;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::line::{missing, object, tell};
use super::term::{Progress, Role, Unit, count, json_line};
use super::{Output, setting};
use crate::classify::{Classifier, Features, Label, Scores};
use crate::config;
use crate::io::wire::{BAD_VALUE, OUT_OF_BOUNDS};
use crate::io::{BatchLimits, Fault, Flow, Raw, RawBatch};
use crate::text::Folded;

/// Which model to judge by.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ModelArgs {
    /// The folder of a model, or its file; without it, the model that ships.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    model: Option<PathBuf>,
}

/// Bytes of a model's file.
const MODEL_BYTES_MAX: u64 = 256 << 20;

impl ModelArgs {
    pub(super) fn open(&self) -> anyhow::Result<Classifier> {
        self.model.as_deref().map_or_else(|| Classifier::shipped().context("the shipped model cannot be read"), open)
    }
}

fn open(path: &Path) -> anyhow::Result<Classifier> {
    let path = if path.is_dir() { path.join("model.safetensors") } else { path.to_owned() };
    let size = std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
    if size > MODEL_BYTES_MAX {
        bail!("{} has {size} bytes; a model has {MODEL_BYTES_MAX} at most", path.display());
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Classifier::read(&bytes).with_context(|| path.display().to_string())
}

/// Says of each text how probable each label is.
///
/// Lines of {"id", "text"} in, one line each out, in order: {"id", "scores": {"abuse": 0.01, …}}. The id, a string or a number,
/// comes back as it was; other keys are passed over. What is at hand is answered at once. A line that cannot be taken is told on
/// standard error and gets no answer.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate classify --input posts.jsonl.zst > scores.jsonl
  echo '{\"id\":1,\"text\":\"注册送彩金\"}' | tidegate classify
  tidegate classify --input posts.jsonl | jq -c 'select(.scores.fraud > 0.9)'

Exit codes: 0 every line was taken, 1 some were not, 2 the command cannot run.")]
pub(super) struct ClassifyArgs {
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., default_value = "-", value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// Compare the scores with those of an earlier time, and say how far they moved: a file of this command's answers.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    drift_from: Option<PathBuf>,
    /// Threads; 0 takes one for each core. The answers do not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// Bytes of an id.
const ID_BYTES_MAX: usize = 256;

/// A text on its way in.
#[derive(Debug, PartialEq)]
struct Line<'a> {
    id: Value,
    text: Cow<'a, str>,
}

/// Whatever else stands in the object is passed over.
#[derive(Deserialize)]
struct Object<'a> {
    id: Option<Value>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    fn read(raw: &Raw<'a>) -> Result<Self, Fault> {
        let object: Object<'a> = object(raw)?;
        let id = object.id.ok_or_else(|| missing("id"))?;
        match &id {
            Value::Number(_) => {}
            Value::String(name) if (1..=ID_BYTES_MAX).contains(&name.len()) => {}
            Value::String(name) => {
                let message = format!("`id` has {} bytes; 1 to {ID_BYTES_MAX} can be taken", name.len());
                return Err(Fault::new(OUT_OF_BOUNDS, message));
            }
            _ => return Err(Fault::new(BAD_VALUE, "`id` is neither a string nor a number")),
        }
        Ok(Self { id, text: object.text.ok_or_else(|| missing("text"))? })
    }
}

/// An answer.
#[derive(serde::Serialize)]
struct Found<'a> {
    id: &'a Value,
    scores: Named,
}

/// Probabilities by the names of their labels, in steps of a ten-thousandth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named(pub(super) Scores);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for label in Label::ALL {
            map.serialize_entry(label.name(), &((f64::from(self.0[label as usize]) * 1e4).round() / 1e4))?;
        }
        map.end()
    }
}

pub(super) fn run(args: &ClassifyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let classifier = args.model.open()?;
    let mut drift = args.drift_from.as_deref().map(super::drift::Drift::from).transpose()?;
    let input = config::Input { paths: args.input.clone(), ..config::Input::default() };
    let mut source = setting::source(&input)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().context("cannot start threads")?;
    let mut batch = RawBatch::default();
    let (mut bar, mut done_bytes, mut refused) = (None, 0, 0);
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        let lines = pool.install(|| take(&classifier, &batch));
        let mut out = Vec::new();
        for (line, raw) in lines.iter().zip(batch.iter()) {
            match line {
                Ok(judged) => {
                    json_line(&mut out, &Found { id: &judged.line.id, scores: Named(judged.scores) })?;
                    if let Some(drift) = &mut drift {
                        drift.take(&judged.scores, judged.unseen);
                    }
                }
                Err(fault) => {
                    tell(refused, &raw, fault, output);
                    refused += 1;
                }
            }
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&out)?;
        stdout.flush()?;
        let progress = source.progress();
        if let Some(total) = progress.total_bytes {
            let bar = bar.get_or_insert_with(|| Progress::new(output.err, Unit::Bytes, Some(total), "judging"));
            bar.advance(progress.done_bytes.saturating_sub(done_bytes));
            done_bytes = progress.done_bytes;
        }
        if flow == Flow::End {
            break;
        }
    }
    drop(bar);
    if let Some(drift) = drift {
        drift.tell(output)?;
    }
    if refused > 0 {
        let told = format!("{} lines could not be taken", count(refused));
        eprintln!("{}", output.err.paint(Role::Warning, told));
    }
    Ok(ExitCode::from(u8::from(refused > 0)))
}

/// A line that was taken, and what was found.
struct Judged<'a> {
    line: Line<'a>,
    scores: Scores,
    /// Of so many grams, so many are in rows that no text taught.
    unseen: (usize, usize),
}

fn take<'a>(classifier: &Classifier, batch: &'a RawBatch) -> Vec<Result<Judged<'a>, Fault>> {
    let tools = || (Folded::default(), Features::default());
    let judge = |(folded, features): &mut (Folded, Features), at: usize| {
        let line = Line::read(&batch.get(at))?;
        folded.fold(&line.text);
        let scores = classifier.scores(folded, features);
        let unseen = (features.hashes().len(), classifier.model.unseen(features.hashes()));
        Ok(Judged { line, scores, unseen })
    };
    (0..batch.len()).into_par_iter().map_init(tools, judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::wire::{BAD_JSON, BAD_UTF8, MISSING_FIELD};
    use crate::io::{Offset, Place};

    fn read(bytes: &[u8]) -> Result<Line<'_>, Fault> {
        let offset = Offset { source: "test", place: Place::Line { line: 1, byte: 0 } };
        Line::read(&Raw { bytes, bytes_total: bytes.len() as u64, offset, fault: None })
    }

    #[test]
    fn ids_come_back_as_they_were() {
        for (line, id) in [
            (&br#"{"id":"a","text":"x","likes":3}"#[..], Value::from("a")),
            (br#"{"text":"x","id":18446744073709551615}"#, Value::from(u64::MAX)),
            (br#" {"id":-3,"text":"x"}"#, Value::from(-3)),
        ] {
            assert_eq!(read(line).unwrap(), Line { id, text: "x".into() });
        }
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        for (line, code) in [
            (&b"{\"id\":\"a\"}"[..], MISSING_FIELD),
            (b"{\"text\":\"a\"}", MISSING_FIELD),
            (b"{\"id\":null,\"text\":\"a\"}", MISSING_FIELD),
            (b"{\"id\":[1],\"text\":\"a\"}", BAD_VALUE),
            (b"{\"id\":\"\",\"text\":\"a\"}", OUT_OF_BOUNDS),
            (b"{\"id\":1,\"text\":7}", BAD_VALUE),
            (b"{\"id\":1,\"text\":\"\xff\"}", BAD_UTF8),
            (b"[1,2]", BAD_JSON),
            (b"{\"id\":1,", BAD_JSON),
        ] {
            assert_eq!(read(line).unwrap_err().code, code, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn scores_are_named_in_order() {
        let shown = serde_json::to_string(&Named([0.123_45, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5])).unwrap();
        assert_eq!(
            shown,
            r#"{"abuse":0.1235,"hate":0.0,"sexual":0.0,"gambling":1.0,"fraud":0.0,"spam_ads":0.0,"clickbait":0.5}"#
        );
    }
}
