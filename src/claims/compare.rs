//! One message beside one form of a claim: how much of the claim stands in it, where, and what speaks against it.

use std::ops::Range;

use super::date::Day;
use super::index::{Form, FormId, Index, TermId, UNKNOWN, day_near};
use super::place::{PlaceId, place};
use super::token::{Token, Tokens};

/// How many features there are.
pub const FEATURES: usize = 18;

/// Their names, in order, as model files and reports name them.
pub const NAMES: [&str; FEATURES] = [
    "coverage",
    "coverage_window",
    "coverage_title",
    "run",
    "share",
    "share_window",
    "bm25",
    "bm25_share",
    "mass",
    "numbers_agree",
    "numbers_clash",
    "day_near",
    "day_far",
    "length",
    "place_agrees",
    "place_clashes",
    "refuted",
    "complete",
];

const WINDOW: usize = 1;
const RUN: usize = 3;
const SHARE: usize = 4;
const MASS: usize = 8;
const NUMBERS_CLASH: usize = 10;
const PLACE_AGREES: usize = 14;
const PLACE_CLASHES: usize = 15;

/// How much of a claim, and of its latter half, stands in what says the same; or how much weight (as a feature), or in how long a
/// message. With a third of the words asked for, a third as many short texts that only share the claim's subject are acted on.
const SAID_MIN: f32 = 0.35;
const MASS_MIN: f32 = 0.6;
const LONG_TERMS: usize = 60;

/// What speaks for and against a message being a repeat of a claim. Each feature lies between about 0 and 1.
pub type Features = [f32; FEATURES];

/// A message as claims are looked for with it.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) tokens: Tokens,
    /// The library's number of each token.
    ids: Vec<TermId>,
    idf: Vec<f32>,
    /// Number and place of the tokens that the library knows, sorted.
    places: Vec<(TermId, u32)>,
    /// Each of those once.
    pub(crate) distinct: Vec<TermId>,
    idf_sum: f32,
    places_named: Vec<PlaceId>,
    /// The day on which it was written, or that it names.
    pub(crate) day: Option<Day>,
}

/// A form that stands in a message, more or less.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Compared {
    pub(crate) form: FormId,
    pub(crate) features: Features,
    /// The tokens among which most of the claim stands.
    pub(crate) tokens: Range<usize>,
    /// Distinct terms of the claim's sentence.
    pub(crate) terms: usize,
    /// The share of the latter half of the claim's sentence that stands in the message, by the weight of its terms.
    pub(crate) ending: f32,
}

impl Compared {
    /// The share of the claim that stands in one place of the message.
    pub(crate) fn coverage(&self) -> f32 {
        self.features[WINDOW]
    }

    /// Whether enough of the claim stands in the message, and nothing else instead, to act on it. A score weighs much against
    /// little; these are what nothing outweighs: another number or place than the claim's, a claim of which the message has
    /// but a name, and a local claim in a message that names no place, or that has hardly more of it than the name of the place:
    /// what is said of the place stands in the latter half. Who writes as the authorities do says things that are
    /// like a rumor word for word, so a notice must have nearly all of it.
    pub(crate) fn is_same_statement(&self, terms: usize, is_local: bool, is_notice: bool) -> bool {
        let [window, run, share, mass] = [WINDOW, RUN, SHARE, MASS].map(|at| self.features[at]);
        let [numbers_clash, place_agrees, place_clashes] =
            [NUMBERS_CLASH, PLACE_AGREES, PLACE_CLASHES].map(|at| self.features[at]);
        // A short message has room for the whole claim: with less of it, it says something else. A long one tells it in its words.
        let is_told = window >= SAID_MIN || mass >= MASS_MIN || terms >= LONG_TERMS;
        let is_there = window >= 0.6 || share >= 0.06 && run <= 0.9 * window && is_told;
        let is_placed = !is_local || place_agrees > 0.0 && (self.ending >= SAID_MIN || window >= 0.6) || window >= 0.9;
        is_there && is_placed && numbers_clash <= 0.5 && place_clashes <= 0.5 && (!is_notice || window >= 0.75)
    }
}

impl Query {
    /// Looks the tokens up.
    pub(crate) fn look_up(&mut self, index: &Index) {
        self.ids.clear();
        self.idf.clear();
        self.places.clear();
        self.distinct.clear();
        for (at, token) in self.tokens.items().iter().enumerate() {
            let id = index.term(token.term);
            self.ids.push(id);
            self.idf.push(index.idf(id));
            if id != UNKNOWN {
                self.places.push((id, at as u32));
            }
        }
        self.places_named.clear();
        self.places_named.extend(self.tokens.items().iter().filter_map(|token| place(token.term)));
        self.idf_sum = self.idf.iter().sum();
        self.places.sort_unstable();
        self.distinct.extend(self.places.iter().map(|&(id, _)| id));
        self.distinct.dedup();
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        self.tokens.items()
    }

    /// How much of the weight of these terms stands among some units of the message.
    pub(crate) fn share_in(&self, index: &Index, terms: &[TermId], units: &Range<usize>) -> f32 {
        let tokens = self.tokens.items();
        let first = tokens.partition_point(|token| (token.start as usize) < units.start);
        let last = tokens.partition_point(|token| token.end as usize <= units.end).max(first);
        let whole: f32 = terms.iter().map(|&term| index.idf(term)).sum();
        let is_there = |term: &&TermId| self.ids[first..last].contains(term);
        let found: f32 = terms.iter().filter(is_there).map(|&term| index.idf(term)).sum();
        found / whole.max(f32::MIN_POSITIVE)
    }

    fn places_of(&self, term: TermId) -> &[(TermId, u32)] {
        let first = self.places.partition_point(|&(id, _)| id < term);
        let len = self.places[first..].partition_point(|&(id, _)| id == term);
        &self.places[first..first + len]
    }

    fn has(&self, term: TermId) -> bool {
        self.distinct.binary_search(&term).is_ok()
    }
}

/// Buffers of comparisons.
#[derive(Debug, Default)]
pub(crate) struct CompareScratch {
    /// The claim's distinct terms with their idf.
    terms: Vec<(TermId, f32)>,
    /// Place in the message, and which of `terms` stands there.
    hits: Vec<(u32, u32)>,
    counts: Vec<u32>,
    /// Runs that end at the term before: place in the message, length, weight.
    runs: Vec<(u32, f32)>,
    runs_next: Vec<(u32, f32)>,
}

/// What a comparison asks of the claim itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'a> {
    /// The day that it is about, or on which it was checked.
    pub(crate) day: Option<Day>,
    /// The places that its words name.
    pub(crate) places: &'a [PlaceId],
    /// Whether it was found false or misleading: what is refuted goes round more than what is not.
    pub(crate) is_refuted: bool,
    /// Whether people can be shown who says so, where, and since when.
    pub(crate) is_complete: bool,
}

/// Compares.
pub(crate) fn compare(
    index: &Index,
    query: &Query,
    (bm25, id): (f32, FormId),
    claim: &Checked<'_>,
    scratch: &mut CompareScratch,
) -> Compared {
    let form: Form = index.form(id);
    let (body, title) = index.parts(form);
    scratch.terms.clear();
    scratch.terms.extend(body.iter().map(|&term| (term, index.idf(term))));
    scratch.terms.sort_unstable_by_key(|&(term, _)| term);
    scratch.terms.dedup_by_key(|&mut (term, _)| term);
    let whole: f32 = scratch.terms.iter().map(|&(_, idf)| idf).sum::<f32>().max(f32::MIN_POSITIVE);
    let found: f32 = scratch.terms.iter().filter(|&&(term, _)| query.has(term)).map(|&(_, idf)| idf).sum();
    let (tokens, in_window) = window(query, body.len(), scratch);
    let run = longest_run(index, query, body, scratch);
    let known = |at: &usize| body.contains(&query.ids[*at]) || title.contains(&query.ids[*at]);
    let of_window: f32 = query.idf[tokens.clone()].iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let shared: f32 = (0..query.ids.len()).filter(known).map(|at| query.idf[at]).sum();
    let shared_window: f32 = tokens.clone().filter(known).map(|at| query.idf[at]).sum();
    let (agree, clash) = numbers(index, query, body, &tokens);
    let (near, far) = days(query.day, claim.day);
    let (place_agrees, place_clashes) = places(&query.places_named, claim.places);
    let coverage = found / whole;
    let ending = share_of(index, query, &body[body.len() / 2..]).unwrap_or(coverage);
    let features = [
        coverage,
        in_window / whole,
        share_of(index, query, title).unwrap_or(coverage),
        run / whole,
        shared / query.idf_sum.max(f32::MIN_POSITIVE),
        shared_window / of_window,
        bm25 / (4.0 * index.idf_max()),
        bm25 / (whole * 1.5),
        in_window / (8.0 * index.idf_max()),
        agree,
        clash,
        near,
        far,
        (whole / (20.0 * index.idf_max())).min(1.0),
        place_agrees,
        place_clashes,
        f32::from(u8::from(claim.is_refuted)),
        f32::from(u8::from(claim.is_complete)),
    ];
    Compared {
        form: id,
        features: features.map(|feature| feature.min(3.0)),
        tokens,
        terms: scratch.terms.len(),
        ending,
    }
}

/// Where in the message most of the claim stands: the tokens, and the weight of the claim's terms among them.
fn window(query: &Query, claim_len: usize, scratch: &mut CompareScratch) -> (Range<usize>, f32) {
    let CompareScratch { terms, hits, counts, .. } = scratch;
    hits.clear();
    for (at, &(term, _)) in terms.iter().enumerate() {
        hits.extend(query.places_of(term).iter().map(|&(_, place)| (place, at as u32)));
    }
    hits.sort_unstable();
    counts.clear();
    counts.resize(terms.len(), 0);
    let reach = (claim_len * 2 + 8) as u32;
    let (mut first, mut weight, mut best) = (0, 0.0_f32, (0.0_f32, 0, 0));
    for last in 0..hits.len() {
        let (place, term) = hits[last];
        counts[term as usize] += 1;
        weight += if counts[term as usize] == 1 { terms[term as usize].1 } else { 0.0 };
        // What is too far back, and what stands again further on, is left behind.
        while hits[first].0 + reach <= place || counts[hits[first].1 as usize] > 1 {
            let count = &mut counts[hits[first].1 as usize];
            *count -= 1;
            weight -= if *count == 0 { terms[hits[first].1 as usize].1 } else { 0.0 };
            first += 1;
        }
        if weight > best.0 + 1e-3 {
            best = (weight, first, last);
        }
    }
    if best.0 == 0.0 {
        return (0..0, 0.0);
    }
    (hits[best.1].0 as usize..hits[best.2].0 as usize + 1, best.0)
}

/// The weight of the longest run of terms that stands in both.
fn longest_run(index: &Index, query: &Query, body: &[TermId], scratch: &mut CompareScratch) -> f32 {
    let (runs, next) = (&mut scratch.runs, &mut scratch.runs_next);
    runs.clear();
    let mut best = 0.0_f32;
    for &term in body {
        next.clear();
        for &(_, place) in query.places_of(term) {
            let before = place.checked_sub(1).and_then(|before| runs.binary_search_by_key(&before, |run| run.0).ok());
            let weight = before.map_or(0.0, |at| runs[at].1) + index.idf(term);
            next.push((place, weight));
            best = best.max(weight);
        }
        std::mem::swap(runs, next);
    }
    best
}

/// How much of the weight of these terms stands in the message; `None` of nothing.
fn share_of(index: &Index, query: &Query, terms: &[TermId]) -> Option<f32> {
    let whole: f32 = terms.iter().map(|&term| index.idf(term)).sum();
    let found: f32 = terms.iter().filter(|&&term| query.has(term)).map(|&term| index.idf(term)).sum();
    (whole > 0.0).then(|| found / whole)
}

/// Of the claim's numbers, the share that the message has; and whether where the claim stands others stand instead.
fn numbers(index: &Index, query: &Query, body: &[TermId], tokens: &Range<usize>) -> (f32, f32) {
    let is_number = |term: &&TermId| index.is_number(**term);
    let all = body.iter().filter(is_number).count();
    if all == 0 {
        return (0.0, 0.0);
    }
    let agreeing = body.iter().filter(is_number).filter(|&&term| query.has(term)).count();
    let is_foreign = |at: usize| query.tokens()[at].is_number() && !body.contains(&query.ids[at]);
    let clashes = agreeing < all && tokens.clone().any(is_foreign);
    (agreeing as f32 / all as f32, if clashes { 1.0 - agreeing as f32 / all as f32 } else { 0.0 })
}

/// Whether message and claim name a common place, and whether they name places and none is common.
fn places(named: &[PlaceId], claimed: &[PlaceId]) -> (f32, f32) {
    let shared = claimed.iter().filter(|place| named.contains(place)).count();
    if claimed.is_empty() || named.is_empty() {
        return (0.0, 0.0);
    }
    (shared as f32 / claimed.len() as f32, f32::from(u8::from(shared == 0)))
}

/// Whether the message was written near the day of the claim, and whether far from it.
fn days(written: Option<Day>, claimed: Option<Day>) -> (f32, f32) {
    // Not to know says nothing: it is half way between near and far.
    let (Some(written), Some(claimed)) = (written, claimed) else { return (0.4, 0.0) };
    let apart = written.since(claimed).unsigned_abs() as f32;
    (day_near(Some(written), Some(claimed)), (apart / 730.0).min(1.0))
}
