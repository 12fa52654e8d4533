//! What is measured of a model.

use std::io::Write;

use anyhow::Context;
use fastrand::Rng;
use serde::Serialize;

use crate::classify::measure::{
    BINS, Confusion, Judged, Pairs, auc, calibration_error, pairs, reliability, tail_threshold, threshold,
};
use crate::classify::train::{Trained, is_held, is_tuned_on};
use crate::classify::{
    Classifier, Evasion, Features, LABELS, LANGUAGES, Label, Language, Model, Reference, Row, Thresholds,
};
use crate::cli::Output;
use crate::cli::term::{Column, Role as Paint, Table, Terminal};
use crate::cli::train::manifest::{Loaded, Role};
use crate::text::Folded;

/// Of ordinary messages of a language, so many in a million may reach the act threshold of one label: all labels together, 100.
const FALSE_PER_MILLION: f64 = 15.0;
/// Without ordinary messages at hand, so many of the texts without a label.
const FALSE_SHARE: f64 = 0.001;
/// No label is acted on below.
const ACT_MIN: f32 = 0.5;
/// Texts that the reference is compared on.
const COMPARED_MAX: usize = 400;
/// Texts that are written as evaders write, of each label and of those without it.
const EVADED_MAX: usize = 1500;
/// Letters of a hundred that are changed.
const EVADED_PERCENT: u8 = 30;
/// The share of texts without a label that may be flagged where evasions are compared.
const EVADED_FALSE: f64 = 0.01;

/// One label on one source, or in one language.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Line {
    pub(super) source: String,
    pub(super) label: &'static str,
    pub(super) texts: usize,
    pub(super) with: usize,
    pub(super) accuracy: f64,
    pub(super) precision: f64,
    pub(super) recall: f64,
    pub(super) macro_f1: f64,
    pub(super) auc: Option<f64>,
    pub(super) ece: f64,
    pub(super) recall_at_act: f64,
    pub(super) false_per_million_at_act: f64,
    /// Hits, misses, false alarms and silences at one half.
    pub(super) confusion: [u64; 4],
}

/// False alarms on ordinary messages.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Benign {
    pub(super) source: String,
    pub(super) texts: usize,
    /// Flagged at the act threshold of any label, in a million.
    pub(super) any_at_act_per_million: f64,
    pub(super) any_at_half_per_million: f64,
    /// Flagged at the act threshold, by label.
    pub(super) at_act: [usize; LABELS],
    /// At one half, by label.
    pub(super) at_half: [usize; LABELS],
}

/// What an evasion costs.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Evaded {
    pub(super) evasion: &'static str,
    /// The mean over labels of the recall where one in a hundred of the texts without the label is flagged, written alike.
    pub(super) recall: f64,
    pub(super) plain: f64,
}

/// Sentences that say who somebody is.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Identity {
    pub(super) group: String,
    pub(super) texts: usize,
    /// Flagged as hate or abuse at one half.
    pub(super) flagged: usize,
}

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Report {
    pub(super) model: String,
    pub(super) id: String,
    /// By language.
    pub(super) act: Thresholds,
    pub(super) labels: Vec<Line>,
    pub(super) languages: Vec<Line>,
    pub(super) benign: Vec<Benign>,
    pub(super) evasions: Vec<Evaded>,
    pub(super) identity: Vec<Identity>,
    /// By label: said, came true and texts of ten bins.
    pub(super) reliability: Vec<(&'static str, Bins)>,
}

/// Of each bin: the mean probability said, the share that came true, and how many texts.
pub(super) type Bins = [(f64, f64, u64); BINS];

/// What is held out of a source to be measured on.
fn measured(loaded: &Loaded) -> Vec<&Row> {
    let has_influence = !matches!(loaded.source.role, Role::Measure | Role::Identity);
    held(loaded).filter(|row| !has_influence || !is_tuned_on(row.group)).collect()
}

/// What is held out of a source.
fn held(loaded: &Loaded) -> impl Iterator<Item = &Row> {
    let percent = loaded.held_percent();
    loaded.rows.iter().filter(move |row| is_held(row.group, percent))
}

/// What is held out to choose thresholds by.
fn tuned(loaded: &Loaded) -> impl Iterator<Item = &Row> {
    held(loaded).filter(|row| is_tuned_on(row.group))
}

fn judge(classifier: &Classifier, rows: &[&Row]) -> Vec<Judged> {
    let (mut folded, mut features) = (Folded::default(), Features::default());
    let judge = |row: &&Row| {
        folded.fold(&row.text);
        let scores = classifier.scores(&folded, &mut features);
        Judged { truth: row.truth, scores, language: features.language() }
    };
    rows.iter().map(judge).collect()
}

impl Report {
    pub(in crate::cli) fn of(classifier: &Classifier, loaded: &[Loaded]) -> Self {
        let act = *classifier.model.act();
        let (mut labels, mut benign, mut identity) = (Vec::new(), Vec::new(), Vec::new());
        let (mut all, mut rows_with) = (Vec::new(), Vec::new());
        for loaded in loaded {
            let (name, rows) = (&loaded.source.name, measured(loaded));
            let judged = judge(classifier, &rows);
            match loaded.source.role {
                Role::Benign => benign.push(of_benign(name, &judged, &act)),
                Role::Identity => identity.extend(of_identity(loaded, &judged)),
                Role::Teach | Role::Hold | Role::Measure => {
                    let lines = Label::ALL.into_iter().filter_map(|label| line(name, label, &judged, &act));
                    labels.extend(lines);
                }
            }
            if matches!(loaded.source.role, Role::Teach | Role::Hold) {
                all.extend(judged);
                rows_with.extend(rows);
            }
        }
        let languages = Language::ALL.into_iter().flat_map(|language| {
            let here: Vec<Judged> = all.iter().filter(|judged| judged.language == language).cloned().collect();
            Label::ALL.into_iter().filter_map(move |label| line(language.name(), label, &here, &act))
        });
        let bins = |label: Label| {
            let bins = reliability(&pairs(&all, label));
            (label.name(), bins.map(|bin| (bin.said, bin.are, bin.texts)))
        };
        Self {
            model: classifier.name.to_string(),
            id: classifier.id.to_string(),
            act,
            labels,
            languages: languages.collect(),
            benign,
            evasions: evasions(classifier, &rows_with),
            identity,
            reliability: Label::ALL.map(bins).to_vec(),
        }
    }
}

fn line(source: &str, label: Label, judged: &[Judged], act: &Thresholds) -> Option<Line> {
    let pairs = &pairs(judged, label);
    // Thresholds differ by language: above or below its own is all that counts.
    let reached = |judged: &Judged| {
        let is_reached = judged.scores[label as usize] >= act[judged.language as usize][label as usize];
        judged.truth[label as usize].map(|truth| (truth, f32::from(u8::from(is_reached))))
    };
    let reached: Pairs = judged.iter().filter_map(reached).collect();
    let with = pairs.iter().filter(|pair| pair.0).count();
    if with == 0 {
        return None;
    }
    let (half, acted) = (Confusion::at(pairs, 0.5), Confusion::at(&reached, 0.5));
    Some(Line {
        source: source.to_owned(),
        label: label.name(),
        texts: pairs.len(),
        with,
        accuracy: half.accuracy(),
        precision: half.precision(),
        recall: half.recall(),
        macro_f1: half.macro_f1(),
        auc: auc(pairs),
        ece: calibration_error(pairs),
        recall_at_act: acted.recall(),
        false_per_million_at_act: acted.false_per_million(),
        confusion: [half.hits, half.misses, half.false_alarms, half.silences],
    })
}

fn of_benign(name: &str, judged: &[Judged], act: &Thresholds) -> Benign {
    let is_acted = |judged: &Judged, label: usize| judged.scores[label] >= act[judged.language as usize][label];
    let per_million = |flagged: &dyn Fn(&Judged, usize) -> bool| {
        let any = judged.iter().filter(|judged| (0..LABELS).any(|label| flagged(judged, label))).count();
        any as f64 / judged.len().max(1) as f64 * 1e6
    };
    Benign {
        source: name.to_owned(),
        texts: judged.len(),
        any_at_act_per_million: per_million(&is_acted),
        any_at_half_per_million: per_million(&|judged, label| judged.scores[label] >= 0.5),
        at_act: std::array::from_fn(|label| judged.iter().filter(|judged| is_acted(judged, label)).count()),
        at_half: std::array::from_fn(|label| judged.iter().filter(|judged| judged.scores[label] >= 0.5).count()),
    }
}

fn of_identity(loaded: &Loaded, judged: &[Judged]) -> Vec<Identity> {
    let mut groups: Vec<&String> = loaded.notes.iter().collect();
    groups.sort_unstable();
    groups.dedup();
    let is_flagged =
        |judged: &Judged| judged.scores[Label::Hate as usize] >= 0.5 || judged.scores[Label::Abuse as usize] >= 0.5;
    let of_group = |group: &String| {
        let here = judged.iter().zip(&loaded.notes).filter(|(_, note)| *note == group);
        let flagged = here.clone().filter(|(judged, _)| is_flagged(judged)).count();
        Identity { group: format!("{}: {group}", loaded.source.name), texts: here.count(), flagged }
    };
    groups.into_iter().map(of_group).collect()
}

/// The mean recall over labels, with thresholds that flag the same share of texts without the label, before and after.
fn evasions(classifier: &Classifier, rows: &[&Row]) -> Vec<Evaded> {
    let recall = |evasion: Option<Evasion>| {
        let of_label = |label: Label| {
            let some = |value: bool| {
                let with = rows.iter().filter(move |row| row.truth[label as usize] == Some(value));
                let step = with.clone().count().div_ceil(EVADED_MAX).max(1);
                let write = |(at, row): (usize, &&Row)| match evasion {
                    Some(evasion) => evasion.apply(&mut Rng::with_seed(at as u64), &row.text, EVADED_PERCENT),
                    None => row.text.clone(),
                };
                let texts: Vec<String> = with.step_by(step).enumerate().map(write).collect();
                classifier.scores_of(&texts).into_iter().map(|scores| scores[label as usize]).collect::<Vec<f32>>()
            };
            let (with, without) = (some(true), some(false));
            let from = threshold(&without, (without.len() as f64 * EVADED_FALSE) as usize, 0.0);
            (!with.is_empty() && !without.is_empty())
                .then(|| with.iter().filter(|&&score| score >= from).count() as f64 / with.len() as f64)
        };
        let recalls: Vec<f64> = Label::ALL.into_iter().filter_map(of_label).collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    };
    let plain = recall(None);
    let of = |evasion: Evasion| Evaded { evasion: evasion.name(), recall: recall(Some(evasion)), plain };
    if rows.is_empty() { Vec::new() } else { Evasion::ALL.map(of).to_vec() }
}

/// The act threshold of every label in each language: so high that hardly an ordinary message reaches it.
pub(in crate::cli) fn thresholds(model: &Model, loaded: &[Loaded]) -> anyhow::Result<Thresholds> {
    let bytes = model.to_bytes("threshold");
    let classifier = Classifier::read(&bytes).context("the model cannot be read back")?;
    let ordinary: Vec<&Row> =
        loaded.iter().filter(|loaded| loaded.source.role == Role::Benign).flat_map(tuned).collect();
    let has_influence = |loaded: &&Loaded| matches!(loaded.source.role, Role::Teach | Role::Hold);
    let others: Vec<&Row> = loaded.iter().filter(has_influence).flat_map(tuned).collect();
    let (rows, share) = if ordinary.is_empty() { (others, FALSE_SHARE) } else { (ordinary, FALSE_PER_MILLION / 1e6) };
    let judged = judge(&classifier, &rows);
    let mut act = [[ACT_MIN; LABELS]; LANGUAGES];
    for (language, act) in Language::ALL.into_iter().zip(&mut act) {
        for (label, act) in act.iter_mut().enumerate() {
            let without = |judged: &&Judged| judged.language == language && judged.truth[label] == Some(false);
            let scores: Vec<f32> = judged.iter().filter(without).map(|judged| judged.scores[label]).collect();
            *act = tail_threshold(&scores, share, ACT_MIN);
        }
    }
    Ok(act)
}

/// How far what serves is off its reference at most: the probabilities of the trained weights by candle.
pub(in crate::cli) fn agreement(trained: &Trained) -> anyhow::Result<f32> {
    let reference = Reference::of_weights(&trained.weights)?;
    let (mut folded, mut features, mut off) = (Folded::default(), Features::default(), 0.0_f32);
    let step = trained.held.len().div_ceil(COMPARED_MAX).max(1);
    for held in trained.held.iter().step_by(step) {
        folded.fold(&held.row.text);
        features.take(&folded);
        if features.hashes().is_empty() {
            continue;
        }
        let logits = reference.logits(features.hashes())?;
        let (served, expected) =
            (trained.model.scores(&features), trained.model.calibrated(&logits, features.language()));
        off = served.iter().zip(&expected).fold(off, |off, (a, b)| off.max((a - b).abs()));
    }
    Ok(off)
}

impl Report {
    /// Prints it.
    pub(in crate::cli) fn show(&self, output: &Output) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        for (title, table) in self.tables(output.out) {
            writeln!(out, "\n{}\n{table}", output.out.paint(Paint::Heading, title))?;
        }
        Ok(())
    }

    /// Every table with its title.
    pub(super) fn tables(&self, terminal: Terminal) -> Vec<(&'static str, Table)> {
        let mut tables = vec![
            ("By source, at one half and at the act threshold", lines(terminal, "source", &self.labels)),
            ("By language, sources together", lines(terminal, "language", &self.languages)),
        ];
        let mut benign = Table::new(
            terminal,
            &["source"]
                .map(Column::Words)
                .into_iter()
                .chain(["texts", "at act /M", "at ½ /M"].map(Column::Figures))
                .collect::<Vec<_>>(),
        );
        for line in &self.benign {
            let per_million = [line.any_at_act_per_million, line.any_at_half_per_million].map(|n| format!("{n:.0}"));
            benign.row([line.source.clone(), line.texts.to_string()].into_iter().chain(per_million));
        }
        tables.push(("Ordinary messages flagged, any label", benign));
        let columns =
            [Column::Words("evasion"), Column::Figures("recall"), Column::Figures("plain"), Column::Figures("loss")];
        let mut evasions = Table::new(terminal, &columns);
        for line in &self.evasions {
            evasions.row([
                line.evasion.to_owned(),
                figure(line.recall),
                figure(line.plain),
                figure(line.plain - line.recall),
            ]);
        }
        tables.push(("Evasions, 30 % of letters, one in a hundred without the label flagged", evasions));
        let columns = [Column::Words("group"), Column::Figures("texts"), Column::Figures("flagged")];
        let mut identity = Table::new(terminal, &columns);
        for line in &self.identity {
            identity.row([line.group.clone(), line.texts.to_string(), line.flagged.to_string()]);
        }
        tables.push(("Identity sentences flagged as hate or abuse", identity));
        tables.retain(|(_, table)| !table.is_empty());
        tables
    }

    /// The share of identity sentences that are left alone.
    pub(super) fn identity_share(&self) -> Option<f64> {
        let (texts, flagged) =
            self.identity.iter().fold((0, 0), |sum, line| (sum.0 + line.texts, sum.1 + line.flagged));
        (texts > 0).then(|| 1.0 - flagged as f64 / texts as f64)
    }
}

fn lines(terminal: Terminal, first: &'static str, lines: &[Line]) -> Table {
    let figures = [
        "texts",
        "with",
        "accuracy",
        "precision",
        "recall",
        "macro-F1",
        "AUC",
        "ECE",
        "recall at act",
        "false /M at act",
    ];
    let columns: Vec<Column<'_>> =
        [first, "label"].map(Column::Words).into_iter().chain(figures.map(Column::Figures)).collect();
    let mut table = Table::new(terminal, &columns);
    for line in lines {
        let counts = [line.texts, line.with].map(|n| n.to_string());
        let figures = [line.accuracy, line.precision, line.recall, line.macro_f1].map(figure);
        let auc = line.auc.map_or_else(|| "–".to_owned(), figure);
        let last = [auc, figure(line.ece), figure(line.recall_at_act), format!("{:.0}", line.false_per_million_at_act)];
        table.row([line.source.clone(), line.label.to_owned()].into_iter().chain(counts).chain(figures).chain(last));
    }
    table
}

pub(super) fn figure(figure: f64) -> String {
    format!("{figure:.3}")
}
