//! What the classifier costs a message, and how good it is beside fastText on the very same rows.
//!
//! ```text
//! cargo bench --bench classify -- messages.jsonl                       # cost
//! cargo bench --bench classify -- --sets DIR --write /tmp/rows         # quality; rows for the rival
//! pip install fasttext-wheel && python3 benches/classify_rivals.py /tmp/rows
//! ```
//! `DIR` holds the sets that datasets/train.toml names under `data`. Each is split as the training of the shipped model splits it, by
//! the hash of the letters; one model is trained on that set alone, without evasions, masks and other sets, as the rival is.

mod harness;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tidegate::classify::measure::{Confusion, Judged, pairs};
use tidegate::classify::train::{Material, Options, Trainer, is_held, is_tuned_on};
use tidegate::classify::{Classifier, Features, LABELS, Label, LabelMap, Reference, Row};
use tidegate::text::{Folded, fold_to_string};

/// Texts of one call of the batch.
const BATCH: usize = 256;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    match value("--sets") {
        Some(sets) => quality(&sets, value("--write").as_deref()),
        None => cost(),
    }
}

fn cost() -> Result<()> {
    let messages = harness::messages();
    harness::describe(&messages);
    let classifier = Classifier::shipped()?;
    let reference = Reference::of_model(&classifier.model)?;
    let mut folded = Folded::default();
    let mut features = Features::default();
    let all: Vec<(Folded, Vec<u64>)> = messages
        .iter()
        .map(|text| {
            folded.fold(text);
            features.take(&folded);
            (folded.clone(), features.hashes().to_vec())
        })
        .collect();
    let grams: usize = all.iter().map(|(_, hashes)| hashes.len()).sum();
    println!("{} grams a message", grams / all.len().max(1));
    let (mut fold_alone, mut at) = (Folded::default(), 0);
    let mut next = move || {
        at += 1;
        (at - 1) % messages.len().max(1)
    };
    let messages = harness::messages();
    harness::measure("fold", &messages, |text| fold_alone.fold(text));
    harness::measure("features of a folded text", &messages, |_| features.take(&all[next()].0));
    harness::measure("int8 loop over its grams", &messages, |_| classifier.model.logits(&all[next()].1));
    harness::measure("folded text to probabilities", &messages, |_| classifier.scores(&all[next()].0, &mut features));
    let few = &messages[..messages.len().min(4 * BATCH)];
    harness::measure("candle, one by one", few, |_| reference.logits(&all[next()].1));
    let mut batch: Vec<&[u64]> = Vec::with_capacity(BATCH);
    harness::measure("candle, batches of 256", few, |_| {
        batch.push(&all[next()].1);
        if batch.len() == BATCH {
            std::hint::black_box(reference.logits_of(&batch).expect("candle runs"));
            batch.clear();
        }
    });
    Ok(())
}

/// A set, its file, what is held out of it, and the question that is asked: which label, and what its classes say of it.
struct Task {
    name: &'static str,
    file: &'static str,
    /// A file of its own that is held out; without it, a fifth of the set.
    held: Option<&'static str>,
    label: Label,
    with: &'static [&'static str],
    without: &'static [&'static str],
}

const TASKS: [Task; 6] = [
    Task {
        name: "cold",
        file: "cold.train.tsv",
        held: Some("cold.dev.tsv"),
        label: Label::Abuse,
        with: &["1"],
        without: &["0"],
    },
    Task { name: "swsr", file: "swsr.train.tsv", held: None, label: Label::Hate, with: &["1"], without: &["0"] },
    Task {
        name: "davidson-abuse",
        file: "davidson.train.tsv",
        held: None,
        label: Label::Abuse,
        with: &["0", "1"],
        without: &["2"],
    },
    Task {
        name: "davidson-hate",
        file: "davidson.train.tsv",
        held: None,
        label: Label::Hate,
        with: &["0"],
        without: &["1", "2"],
    },
    Task { name: "sms", file: "sms.train.tsv", held: None, label: Label::SpamAds, with: &["1"], without: &["0"] },
    Task {
        name: "clickbait",
        file: "clickbait.train.tsv",
        held: None,
        label: Label::Clickbait,
        with: &["1"],
        without: &["0"],
    },
];

/// Of a hundred texts of a set, so many are held out, as in datasets/train.toml.
const HELD_PERCENT: u8 = 20;

impl Task {
    fn rows(&self, sets: &Path, file: &str) -> Result<Vec<Row>> {
        let path = sets.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut map = LabelMap::default();
        for (names, value) in [(self.with, true), (self.without, false)] {
            let mut meaning = [None; LABELS];
            meaning[self.label as usize] = Some(value);
            names.iter().for_each(|name| map.define(name, meaning));
        }
        let (rows, problems) = map.read(&Arc::from(file), &text);
        if rows.is_empty() {
            bail!("{}: no row can be taken: {problems:?}", path.display());
        }
        Ok(rows)
    }

    /// Rows to learn from, to choose the epoch and calibrate by, and to measure on.
    fn split(&self, sets: &Path) -> Result<[Vec<Row>; 3]> {
        let rows = self.rows(sets, self.file)?;
        let (taught, held) = match self.held {
            Some(file) => (rows, self.rows(sets, file)?),
            None => rows.into_iter().partition(|row| !is_held(row.group, HELD_PERCENT)),
        };
        let (tuned, measured) = held.into_iter().partition(|row| is_tuned_on(row.group));
        Ok([taught, tuned, measured])
    }
}

fn quality(sets: &Path, write: Option<&Path>) -> Result<()> {
    let shipped = Classifier::shipped()?;
    println!("{:<16} {:<26} {:>6} {:>9} {:>9}", "set", "model", "texts", "accuracy", "macro-F1");
    for task in &TASKS {
        let [taught, tuned, measured] = task.split(sets)?;
        if let Some(folder) = write {
            std::fs::create_dir_all(folder)?;
            let rows = |rows: &mut dyn Iterator<Item = &Row>| -> String {
                rows.map(|row| {
                    let is_with = row.truth[task.label as usize] == Some(true);
                    format!("{}\t{}\n", u8::from(is_with), fold_to_string(&row.text).replace(['\n', '\r', '\t'], " "))
                })
                .collect()
            };
            std::fs::write(folder.join(format!("{}.train.tsv", task.name)), rows(&mut taught.iter()))?;
            std::fs::write(folder.join(format!("{}.test.tsv", task.name)), rows(&mut measured.iter()))?;
        }
        tell(task, "shipped", &shipped, &measured);
        let options = Options {
            epochs_max: 6,
            evaded_percent: 0,
            masked_percent: 0,
            cropped_percent: 0,
            dropout_percent: 50,
            table_rate: 0.1,
            ..Options::default()
        };
        let material = |name: &str, rows, weight, held_percent| {
            let is_disguised = false;
            Material { name: name.into(), rows, weight, held_percent, is_disguised }
        };
        let mut trainer =
            Trainer::new(options, vec![material("taught", taught, 1.0, 0), material("tuned", tuned, 0.0, 100)]);
        while !trainer.is_finished() {
            trainer.epoch(|_, _| {})?;
        }
        let alone = Classifier::read(&trainer.finish().model.to_bytes("alone"))?;
        tell(task, "on these rows alone", &alone, &measured);
    }
    Ok(())
}

fn tell(task: &Task, model: &str, classifier: &Classifier, rows: &[Row]) {
    let (mut folded, mut features) = (Folded::default(), Features::default());
    let judge = |row: &Row| {
        folded.fold(&row.text);
        let scores = classifier.scores(&folded, &mut features);
        Judged { truth: row.truth, scores, language: features.language() }
    };
    let judged: Vec<Judged> = rows.iter().map(judge).collect();
    let found = Confusion::at(&pairs(&judged, task.label), 0.5);
    println!("{:<16} {model:<26} {:>6} {:>9.4} {:>9.4}", task.name, rows.len(), found.accuracy(), found.macro_f1());
}
