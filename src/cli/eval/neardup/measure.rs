//! What is measured: how many washed copies are found, how much is found that is no copy, and what it costs.

use std::collections::BTreeMap;
use std::time::Duration;

use cpu_time::ThreadTime;
use rayon::prelude::*;
use serde::Serialize;

use super::detector::Detector;
use super::ground::{Ground, Length, Subject, of_kind};
use crate::cli::eval::kin::{Script, generator};
use crate::cli::eval::wash::{Wash, Washer};
use crate::cli::term::Progress;
use crate::neardup::{self, Comparer, Form, Seed, Sketcher};
use crate::text::Folded;

/// Copies that were made, and those of them that were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    pub(super) washed: u64,
    pub(super) found: u64,
}

/// By script, wash and length.
pub(super) type Recall = BTreeMap<(Script, usize, Length), Found>;

/// Washes every base in every way and asks for the original. `name` is what the base stands under in the window.
pub(super) fn recall(
    ground: &Ground,
    detector: &Detector,
    washes: &[Wash],
    seed: u64,
    name: impl Fn(usize) -> String,
    progress: &Progress,
) -> anyhow::Result<Recall> {
    let texts = [Script::Wide, Script::Narrow].map(|script| other_texts(ground, script));
    let washers = texts.each_ref().map(|texts| Washer::new(texts));
    let mut recall = Recall::new();
    for (column, &wash) in washes.iter().enumerate() {
        let copy = |(number, base): (usize, &Subject)| {
            let mut rng = generator(seed, &wash.to_string(), number as u64);
            washers[base.seen.script as usize].wash(&mut rng, wash, &base.text).map(|copy| (number, copy))
        };
        let copies: Vec<(usize, String)> = ground.bases.par_iter().enumerate().filter_map(copy).collect();
        let texts: Vec<&str> = copies.iter().map(|(_, copy)| &**copy).collect();
        for ((number, _), answer) in copies.iter().zip(detector.ask(&texts)?) {
            let base = &ground.bases[*number];
            let found = recall.entry((base.seen.script, column, base.length)).or_default();
            let of = answer.and_then(|answer| answer.of);
            found.washed += 1;
            found.found += u64::from(of.is_some_and(|of| of == name(*number)));
        }
        progress.advance(ground.bases.len() as u64);
    }
    Ok(recall)
}

/// What is added to a text, and the letters put into it, come from texts of its script that are not in the window; where
/// there are no two of them, from the bases.
fn other_texts(ground: &Ground, script: Script) -> Vec<String> {
    let of_script = |subjects: &[Subject]| -> Vec<String> {
        let subjects = subjects.iter().filter(|subject| subject.seen.script == script);
        subjects.map(|subject| subject.text.clone()).collect()
    };
    let texts = of_script(&ground.queries);
    if texts.len() > 1 { texts } else { of_script(&ground.bases) }
}

/// A text and what it was found to be a copy of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pair {
    pub(super) text: String,
    pub(super) first: String,
    pub(super) similarity: f32,
    pub(super) containment: f32,
}

/// How often something was found; where nothing is related, that is false.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct False {
    pub(super) asked: u64,
    pub(super) found: u64,
    /// Pairs that were found and are related after all; they are not among those asked.
    pub(super) related: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) examples: Vec<Pair>,
}

/// Asks the whole window about texts to which nothing in it is related.
pub(super) fn false_queries(
    ground: &Ground,
    detector: &Detector,
    examples: usize,
) -> anyhow::Result<BTreeMap<Script, False>> {
    let texts: Vec<&str> = ground.queries.iter().map(|query| &*query.text).collect();
    let mut all = BTreeMap::<Script, False>::new();
    for (query, answer) in ground.queries.iter().zip(detector.ask(&texts)?) {
        let falses = all.entry(query.seen.script).or_default();
        falses.asked += 1;
        let Some(answer) = answer.filter(|answer| answer.of.is_some()) else { continue };
        falses.found += 1;
        if falses.examples.len() < examples {
            let (similarity, containment) = (answer.similarity, answer.containment);
            falses.examples.push(Pair { text: query.text.clone(), first: answer.first, similarity, containment });
        }
    }
    Ok(all)
}

/// Asks about texts as they were drawn: how many are found, and the least alike of them, for a person to judge.
pub(super) fn drawn(ground: &Ground, detector: &Detector, examples: usize) -> anyhow::Result<False> {
    let texts: Vec<&str> = ground.drawn.iter().map(String::as_str).collect();
    let mut drawn = False { asked: texts.len() as u64, ..False::default() };
    for (text, answer) in texts.iter().zip(detector.ask(&texts)?) {
        let Some(answer) = answer.filter(|answer| answer.of.is_some()) else { continue };
        drawn.found += 1;
        let (similarity, containment) = (answer.similarity, answer.containment);
        drawn.examples.push(Pair { text: (*text).to_owned(), first: answer.first, similarity, containment });
    }
    drawn.examples.sort_by(|a, b| a.similarity.total_cmp(&b.similarity));
    drawn.examples.truncate(examples);
    Ok(drawn)
}

/// Pairs with one text in common, which is read once for all of them.
const ABREAST: u64 = 64;

/// Compares random pairs of one script and length directly, without asking for candidates first.
pub(super) fn false_pairs(
    ground: &Ground,
    pairs: u64,
    seed: u64,
    examples: usize,
    progress: &Progress,
) -> BTreeMap<(Script, Length), False> {
    let mut all = BTreeMap::new();
    for script in [Script::Wide, Script::Narrow] {
        for length in Length::ALL {
            let subjects: Vec<&Subject> =
                of_kind(&ground.bases, script, length).chain(of_kind(&ground.queries, script, length)).collect();
            if subjects.len() < 2 {
                continue;
            }
            let possible = subjects.len() as u64 * (subjects.len() as u64 - 1) / 2;
            let rounds = pairs.min(possible).div_ceil(ABREAST);
            let compare = |comparer: &mut Comparer, round: u64| {
                progress.advance(ABREAST);
                compare_some(comparer, &subjects, generator(seed, length.title(), round))
            };
            let parts: Vec<False> = (0..rounds).into_par_iter().map_init(Comparer::default, compare).collect();
            let mut sum = parts.into_iter().fold(False::default(), False::plus);
            sum.examples.truncate(examples);
            all.insert((script, length), sum);
        }
    }
    all
}

fn compare_some(comparer: &mut Comparer, subjects: &[&Subject], mut rng: fastrand::Rng) -> False {
    let mut falses = False::default();
    let one = rng.usize(..subjects.len());
    comparer.load(&subjects[one].text);
    for _ in 0..ABREAST {
        let other = (one + rng.usize(1..subjects.len())) % subjects.len();
        let (one, other) = (subjects[one], subjects[other]);
        let comparison = comparer.compare(&other.text);
        falses.asked += 1;
        if !comparison.is_near(detector_script(one.seen.script)) {
            continue;
        }
        if one.seen.is_related(&other.seen) {
            (falses.related, falses.asked) = (falses.related + 1, falses.asked - 1);
            continue;
        }
        falses.found += 1;
        let (similarity, containment) = (comparison.similarity(), comparison.containment());
        falses.examples.push(Pair { text: one.text.clone(), first: other.text.clone(), similarity, containment });
    }
    falses
}

fn detector_script(script: Script) -> neardup::Script {
    match script {
        Script::Wide => neardup::Script::Wide,
        Script::Narrow => neardup::Script::Narrow,
    }
}

impl False {
    fn plus(mut self, other: Self) -> Self {
        self.asked += other.asked;
        self.found += other.found;
        self.related += other.related;
        self.examples.extend(other.examples);
        self
    }
}

/// Processor time a text, on one thread, best of several rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cost {
    pub(super) script: Script,
    pub(super) length: Length,
    /// Letters of a text, on average.
    pub(super) letters: f64,
    pub(super) fold_ns: f64,
    /// Sketch and keys, of a text that was folded before.
    pub(super) mark_ns: f64,
}

const COST_TEXTS_MAX: usize = 1000;
const COST_ROUNDS: usize = 7;

/// What marks cost, by script and length.
pub(super) fn costs(ground: &Ground, seed: u64) -> Vec<Cost> {
    let mut costs = Vec::new();
    for script in [Script::Wide, Script::Narrow] {
        for length in Length::ALL {
            let subjects = of_kind(&ground.bases, script, length).chain(of_kind(&ground.queries, script, length));
            let subjects: Vec<&Subject> = subjects.take(COST_TEXTS_MAX).collect();
            if !subjects.is_empty() {
                costs.push(cost(&subjects, script, length, Seed::new(seed)));
            }
        }
    }
    costs
}

fn cost(subjects: &[&Subject], script: Script, length: Length, seed: Seed) -> Cost {
    let mut folded = vec![Folded::default(); subjects.len()];
    let mut sketcher = Sketcher::default();
    let (mut fold, mut mark) = (Duration::MAX, Duration::MAX);
    for _ in 0..COST_ROUNDS {
        let start = ThreadTime::now();
        subjects.iter().zip(&mut folded).for_each(|(subject, folded)| folded.fold(&subject.text));
        fold = fold.min(start.elapsed());
        let start = ThreadTime::now();
        for folded in &folded {
            std::hint::black_box(sketcher.mark(folded, Form::Message, seed));
        }
        mark = mark.min(start.elapsed());
    }
    let each = |time: Duration| time.as_nanos() as f64 / subjects.len() as f64;
    let letters: usize = subjects.iter().map(|subject| subject.seen.letters).sum();
    Cost { script, length, letters: letters as f64 / subjects.len() as f64, fold_ns: each(fold), mark_ns: each(mark) }
}
