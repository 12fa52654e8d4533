//! `tidegate feedback`: what reviewers said of a run, as texts to learn from and to measure on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use serde::Deserialize;
use serde_json::json;

use super::term::{Role, count, json_line};
use super::train::feedback::{LINES_MAX, Line, Sample};
use super::{Output, setting};
use crate::classify::Label;
use crate::config;
use crate::decision::Decision;
use crate::event::{Event, Outcome, Record, Verdict};
use crate::io::wire::{self, Bounds};
use crate::io::{BatchLimits, Clock, Flow, ManualClock, RawBatch};

/// Turns reviewers' verdicts into lines for `tidegate train --from-feedback`.
///
/// Reads the events of a run, the verdicts among them, and the run's decisions. Of each message that was judged: its text, what the
/// verdict says of its labels, who said so, and the rules that were looked at. An upheld decision has the labels that its rules
/// name, an overturned one has not. A verdict may say more than `run` asks for: `"labels": {"fraud": true}` is taken in place of what
/// the rules name, `"sample": "random"` marks a message that was drawn at random, not found. Nothing is written of authors who asked
/// to be forgotten.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate feedback --input events.jsonl --decisions out/actions.jsonl >> feedback.jsonl
  tidegate feedback --input events.jsonl --decisions out/actions.jsonl --means site.loans=spam_ads --means site.flood=-
  tidegate train --manifest my.toml --out out/model --from-feedback feedback.jsonl

Exit codes: 0 all went well, 1 there was no verdict to learn from, 2 the command cannot run.")]
pub(super) struct FeedbackArgs {
    /// The events with the verdicts: JSONL files (plain, .gz, .zst) or one folder. They are read twice, so no pipe.
    #[arg(long, short, value_name = "PATH", num_args = 1.., required = true, value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
    /// The decisions of the run: its actions.jsonl.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true, value_hint = ValueHint::FilePath)]
    decisions: Vec<PathBuf>,
    /// What rules name whose id begins so: a label, or - for none. Without it, the label that stands in a rule's id.
    #[arg(long, value_name = "RULE=LABEL", value_parser = means)]
    means: Vec<(String, Option<Label>)>,
}

fn means(text: &str) -> Result<(String, Option<Label>), String> {
    let (rule, name) = text.split_once('=').ok_or("write the beginning of a rule's id, = and a label, or -")?;
    let label = Label::of_name(name);
    if rule.is_empty() || (label.is_none() && name != "-") {
        let known = Label::ALL.map(Label::name).join(", ");
        return Err(format!("\"{name}\" is no label; there are {known}, and - for none"));
    }
    Ok((rule.to_owned(), label))
}

/// What a verdict may say besides.
#[derive(Debug, Default, Deserialize)]
struct Extra {
    #[serde(default)]
    labels: BTreeMap<String, bool>,
    #[serde(default)]
    sample: Sample,
}

/// A reviewer's word on a message, and what it is about as soon as that is found.
#[derive(Debug)]
struct Word {
    is_upheld: bool,
    by: String,
    extra: Extra,
    rules: Vec<String>,
    text: Option<String>,
    author: String,
}

/// By the message's id.
type Words = BTreeMap<String, Word>;

/// What came of the verdicts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    queue: u64,
    random: u64,
    /// Neither a rule nor the verdict names a label.
    without_label: u64,
    /// The message is not in the input, or its author asked to be forgotten.
    without_text: u64,
}

pub(super) fn run(args: &FeedbackArgs, output: &Output) -> anyhow::Result<ExitCode> {
    if args.input.iter().any(|path| path == Path::new("-")) {
        bail!("--input is read twice: write standard input to a file first");
    }
    let mut words = Words::new();
    let mut second: u64 = 0;
    each(&args.input, |record, bytes| {
        let Record::Verdict(verdict) = record else { return Ok(()) };
        if words.contains_key(&verdict.event) {
            second += 1;
            return Ok(());
        }
        if words.len() >= LINES_MAX {
            bail!("more than {LINES_MAX} verdicts; split the input");
        }
        words.insert(verdict.event.clone(), word(verdict, bytes)?);
        Ok(())
    })?;
    args.decisions.iter().try_for_each(|path| take_decisions(path, &mut words))?;
    each(&args.input, |record, _| {
        take_text(&mut words, &record);
        Ok(())
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    let tally = write(words, &args.means, &mut out)?;
    out.flush()?;
    tell(&tally, second, output)?;
    Ok(ExitCode::from(u8::from(tally.queue + tally.random == 0)))
}

/// Goes through the records of the input; what cannot be taken was rejected by the run, and is passed over.
fn each(paths: &[PathBuf], mut take: impl FnMut(Record<'_>, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let input = config::Input { paths: paths.to_vec(), ..config::Input::default() };
    let mut source = setting::source(&input)?;
    let (bounds, now) = (Bounds::default(), ManualClock::of_recordings().now());
    let mut batch = RawBatch::default();
    loop {
        let flow = source.fill(&mut batch, &BatchLimits::default())?;
        for raw in batch.iter().filter(|raw| raw.fault.is_none()) {
            if let Ok(record) = wire::parse(raw.bytes, &bounds, now) {
                take(record, raw.bytes).with_context(|| raw.offset.to_string())?;
            }
        }
        if flow == Flow::End {
            return Ok(());
        }
    }
}

fn word(verdict: Verdict, bytes: &[u8]) -> anyhow::Result<Word> {
    let extra: Extra = serde_json::from_slice(bytes).context("`labels` or `sample` of a verdict")?;
    if let Some(name) = extra.labels.keys().find(|name| Label::of_name(name).is_none()) {
        let known = Label::ALL.map(Label::name).join(", ");
        bail!("a verdict names the label \"{name}\"; there are {known}");
    }
    let is_upheld = verdict.outcome == Outcome::Upheld;
    Ok(Word { is_upheld, by: verdict.by, extra, rules: Vec::new(), text: None, author: String::new() })
}

/// Finds which rules each message was decided on by; what a verdict itself led to is not among them.
fn take_decisions(path: &Path, words: &mut Words) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.with_context(|| format!("cannot read {}", path.display()))?;
        let place = || format!("{}:{number} is no decision; name the actions.jsonl of a run", path.display());
        let decision: Decision = serde_json::from_str(&line).with_context(place)?;
        if let Some(word) = words.get_mut(&decision.event) {
            let rules = decision.reasons.iter().map(|reason| reason.rule.to_string());
            word.rules.extend(rules.filter(|rule| rule != "verdict" && !rule.starts_with("ladder.")));
        }
    }
    Ok(())
}

/// Keeps the text of a message that was judged; forgets those of an author who asks for it.
fn take_text(words: &mut Words, record: &Record<'_>) {
    match record {
        Record::Event(event) => {
            if let Some(word) = words.get_mut(&*event.id) {
                (word.text, word.author) = (Some(text(event)), event.author.to_string());
            }
        }
        Record::Erase(erase) => {
            words.values_mut().filter(|word| word.author == erase.author).for_each(|word| word.text = None);
        }
        Record::Verdict(_) => {}
    }
}

fn text(event: &Event<'_>) -> String {
    let parts = [event.title.as_deref(), Some(&*event.text)];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    parts.join("\n")
}

/// The label that a rule names: the longest that was said of it, else what stands in its id. Rules against floods and copies name
/// none: what is repeated may be anything.
fn named(rule: &str, means: &[(String, Option<Label>)]) -> Option<Label> {
    let said = means.iter().filter(|(prefix, _)| rule.starts_with(prefix.as_str()));
    if let Some((_, label)) = said.max_by_key(|(prefix, _)| prefix.len()) {
        return *label;
    }
    rule.split('.').find_map(|part| match part {
        "ad" | "ads" => Some(Label::SpamAds),
        _ => Label::of_name(part),
    })
}

fn write(words: Words, means: &[(String, Option<Label>)], out: &mut impl Write) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for (id, word) in words {
        let mut labels = word.extra.labels;
        if labels.is_empty() {
            let named: BTreeSet<Label> = word.rules.iter().filter_map(|rule| named(rule, means)).collect();
            // Several rules and one word: upheld says that one of them was right, not which.
            if named.len() == 1 || !word.is_upheld {
                labels.extend(named.iter().map(|label| (label.name().to_owned(), word.is_upheld)));
            }
        }
        let Some(text) = word.text.filter(|text| !text.is_empty()) else {
            tally.without_text += 1;
            continue;
        };
        if labels.is_empty() {
            tally.without_label += 1;
            continue;
        }
        let sample = word.extra.sample;
        *(if sample == Sample::Random { &mut tally.random } else { &mut tally.queue }) += 1;
        json_line(&mut *out, &Line { id, text, labels, sample, by: word.by, reasons: word.rules })?;
    }
    Ok(tally)
}

fn tell(tally: &Tally, second: u64, output: &Output) -> anyhow::Result<()> {
    let Tally { queue, random, without_label, without_text } = *tally;
    if output.json {
        let told = json!({ "queue": queue, "random": random, "without_label": without_label, "without_text": without_text, "second_words": second });
        return Ok(json_line(&mut io::stderr().lock(), &told)?);
    }
    eprintln!("{} to learn from, {} drawn at random to measure on", count(queue), count(random));
    let left = [
        (without_label, "name no label, or several: say `labels` in the verdict, or --means"),
        (without_text, "are of messages that are not in the input, or of authors who asked to be forgotten"),
        (second, "came after another verdict on the same message"),
    ];
    for (number, why) in left.into_iter().filter(|(number, _)| *number > 0) {
        eprintln!("{}: {} verdicts {why}", output.err.paint(Role::Warning, "left out"), count(number));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_the_label_in_their_id_or_what_was_said_of_them() {
        let said = [
            means("site.loans=spam_ads").unwrap(),
            means("site.loans.fake=fraud").unwrap(),
            means("abuse.pile=-").unwrap(),
        ];
        for (rule, label) in [
            ("class.fraud.contact", Some(Label::Fraud)),
            ("ad.superlative", Some(Label::SpamAds)),
            ("gambling.invite", Some(Label::Gambling)),
            ("spam.flood.group", None),
            ("site.loans.cheap", Some(Label::SpamAds)),
            ("site.loans.fake.fee", Some(Label::Fraud)),
            ("abuse.pile", None),
            ("abuse.heavy", Some(Label::Abuse)),
        ] {
            assert_eq!(named(rule, &said), label, "{rule}");
        }
        assert!(means("x=frod").unwrap_err().contains("fraud") && means("=fraud").is_err() && means("x").is_err());
    }

    fn word(is_upheld: bool, rules: &[&str], text: Option<&str>) -> Word {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        Word {
            is_upheld,
            by: "r".into(),
            extra: Extra::default(),
            rules,
            text: text.map(Into::into),
            author: "a".into(),
        }
    }

    #[test]
    fn what_says_nothing_sure_is_counted_and_left_out() {
        let words: Words = [
            ("a", word(true, &["fraud.parcel.refund"], Some("x"))),
            ("b", word(false, &["fraud.parcel.refund", "ad.promise"], Some("x"))),
            ("c", word(true, &["fraud.parcel.refund", "ad.promise"], Some("x"))),
            ("d", word(true, &["spam.raid"], Some("x"))),
            ("e", word(true, &["fraud.parcel.refund"], None)),
        ]
        .into_iter()
        .map(|(id, word)| (id.to_owned(), word))
        .collect();
        let mut out = Vec::new();
        let tally = write(words, &[], &mut out).unwrap();
        assert_eq!(tally, Tally { queue: 2, random: 0, without_label: 2, without_text: 1 });
        let lines: Vec<Line> =
            String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0].labels, [("fraud".to_owned(), true)].into());
        assert_eq!(lines[1].labels, [("fraud".to_owned(), false), ("spam_ads".to_owned(), false)].into());
    }
}
