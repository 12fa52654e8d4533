//! A library, indexed: which of its claims does this message repeat, how surely, and what does the message think of them?

use std::ops::Range;

use super::compare::{CompareScratch, Compared, Query, compare};
use super::date::Day;
use super::index::{Index, NewForm, SearchScratch};
use super::model::Model;
use super::record::{Claim, Status};
use super::stance::{Reading, Stance, StanceModel};
use super::token::Tokens;
use super::weights;
use crate::text::Folded;

/// The thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatchOptions {
    /// From this score on a match may act.
    pub act_at: f32,
    /// From this score on a match is suggested to people.
    pub suggest_at: f32,
    /// Messages with fewer letters never act.
    pub letters_min: usize,
    /// Messages with fewer terms never act.
    pub terms_min: usize,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self { act_at: 0.8, suggest_at: 0.5, letters_min: 10, terms_min: 4 }
    }
}

/// What is known of a message besides its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// When it was written; without it, the last day that the text names.
    pub day: Option<Day>,
    /// Where.
    pub region: Option<&'a str>,
}

/// A claim that a message repeats, more or less.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Its place in [`Matcher::claims`].
    pub claim: usize,
    /// How likely it is that the message repeats it, from 0 to 1.
    pub score: f32,
    /// What the message thinks of it.
    pub stance: Stance,
    /// Where it stands, in bytes of the original text.
    pub span: Range<usize>,
    /// Whether rules may act on it.
    pub act: bool,
}

/// Forms that are compared for one message.
const CANDIDATES_MAX: usize = 60;

/// See the module.
#[derive(Debug)]
pub struct Matcher {
    claims: Vec<Claim>,
    index: Index,
    model: Model,
    stances: StanceModel,
    options: MatchOptions,
}

/// What a thread uses again for every message.
#[derive(Debug, Default)]
pub struct MatchScratch {
    pub(crate) query: Query,
    search: SearchScratch,
    compare: CompareScratch,
    pub(crate) compared: Vec<(f32, Compared)>,
    reading: Reading,
    terms: Vec<u32>,
}

impl Matcher {
    /// Indexes a library. Retracted claims are kept and not found.
    #[must_use]
    pub fn new(claims: Vec<Claim>, options: &MatchOptions) -> Self {
        let mut index = Index::default();
        let mut reader = FormReader::default();
        for (place, claim) in claims.iter().enumerate().filter(|(_, claim)| claim.status != Status::Retracted) {
            let place = place as u32;
            let (body, title) = (reader.read(&claim.claim), reader.read(&claim.title));
            index.add(&NewForm { claim: place, body: &body, title: &title });
            for variant in &claim.variants {
                index.add(&NewForm { claim: place, body: &reader.read(&variant.text), title: &title });
            }
        }
        index.finish();
        Self { claims, index, model: weights::combiner(), stances: weights::stances(), options: *options }
    }

    /// The library, in the order in which it was given.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// How many wordings are looked for.
    #[must_use]
    pub fn forms(&self) -> usize {
        self.index.forms()
    }

    /// The claims that a message repeats, best first, at most `top` of them. `folded` is the text's.
    pub fn search(
        &self,
        (text, folded): (&str, &Folded),
        context: &Context<'_>,
        top: usize,
        scratch: &mut MatchScratch,
        out: &mut Vec<Match>,
    ) {
        out.clear();
        self.compare_all(text, folded, context, scratch);
        let mut is_read = false;
        for at in 0..scratch.compared.len() {
            if out.len() == top {
                break;
            }
            if !std::mem::replace(&mut is_read, true) {
                scratch.reading.read(folded);
            }
            out.push(self.judged(at, folded, context, scratch));
        }
        self.let_the_best_act(out);
    }

    /// Compares a message with the forms that share most with it; leaves the best form of each claim, best first.
    pub(crate) fn compare_all(&self, text: &str, folded: &Folded, context: &Context<'_>, scratch: &mut MatchScratch) {
        let MatchScratch { query, search, compare: buffers, compared, terms, .. } = scratch;
        compared.clear();
        query.tokens.read(folded);
        query.look_up(&self.index);
        query.day = context.day.or_else(|| Day::last_named(text));
        terms.clear();
        terms.extend_from_slice(&query.distinct);
        self.index.search(terms, CANDIDATES_MAX, search);
        for &found in &search.best {
            let claim = &self.claims[self.index.form(found.1).claim as usize];
            let one = compare(&self.index, query, found, claim.claim_date.or(claim.published), buffers);
            compared.push((self.model.logit(&one.features), one));
        }
        compared.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.form.cmp(&b.1.form)));
        let mut seen: Vec<u32> = Vec::with_capacity(compared.len());
        compared.retain(|(_, one)| {
            let claim = self.index.form(one.form).claim;
            let is_new = !seen.contains(&claim);
            seen.extend(is_new.then_some(claim));
            is_new
        });
    }

    fn judged(&self, at: usize, folded: &Folded, context: &Context<'_>, scratch: &mut MatchScratch) -> Match {
        let (_, compared) = &scratch.compared[at];
        let place = self.index.form(compared.form).claim as usize;
        let claim = &self.claims[place];
        let query = &scratch.query;
        let units = match query.tokens().get(compared.tokens.clone()) {
            Some([first, .., last]) => first.start as usize..last.end as usize,
            Some([one]) => one.start as usize..one.end as usize,
            _ => 0..0,
        };
        let (body, _) = self.index.parts(self.index.form(compared.form));
        let shares = |units: Range<usize>| query.share_in(&self.index, body, &units);
        let features = scratch.reading.features(units.clone(), &claim.claim, shares);
        let stance = self.stances.stance(&features);
        let score = self.model.score(&compared.features);
        let is_long = folded.letters() >= self.options.letters_min && compared.terms >= self.options.terms_min;
        let act = score >= self.options.act_at
            && stance == Stance::Asserting
            && is_long
            && claim.may_act(context.day.or(query.day));
        Match { claim: place, score, stance, span: folded.span(units), act }
    }

    /// Of several claims that stand at one place only the best may act: the others are likely to be versions of it.
    fn let_the_best_act(&self, matches: &mut [Match]) {
        for at in 1..matches.len() {
            let (before, rest) = matches.split_at_mut(at);
            let one = &mut rest[0];
            let overlaps = |other: &Match| other.span.start < one.span.end && one.span.start < other.span.end;
            one.act &= !before.iter().any(overlaps);
        }
    }
}

/// Reads the terms of a library's texts.
#[derive(Default)]
struct FormReader {
    folded: Folded,
    tokens: Tokens,
}

impl FormReader {
    fn read(&mut self, text: &str) -> Vec<u64> {
        self.folded.fold(text);
        self.tokens.read(&self.folded);
        self.tokens.items().iter().map(|token| token.term).collect()
    }
}
