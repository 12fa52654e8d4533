//! A library, indexed: which of its claims does this message repeat, how surely, and what does the message think of them?

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::compare::{Checked, CompareScratch, Compared, Query, compare};
use super::date::Day;
use super::gate::{Gate, GateScratch};
use super::index::{Index, NewForm, SearchScratch};
use super::models::Models;
use super::place::{PlaceId, place};
use super::record::{Claim, Status, Verdict};
use super::stance::{Reading, Stance, StanceFeatures, is_doubting};
use super::token::Tokens;
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
        Self { act_at: 0.7, suggest_at: 0.5, letters_min: 10, terms_min: 4 }
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
    /// Whether rules may act on it: at most one of a message's matches.
    pub act: bool,
    /// The share of the claim that stands there, by the weight of its terms.
    pub coverage: f32,
}

/// How much of a claim must stand in a message whose own words are such as rumors are refuted with: half of "spreading false
/// information" stands in whatever speaks of false information.
const DOUBTING_COVERAGE_MIN: f32 = 0.9;

/// Forms that are compared for one message.
const CANDIDATES_MAX: usize = 200;

/// Claims that one message may be found to repeat.
const FOUND_MAX: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct Matcher {
    claims: Vec<Claim>,
    /// The places that each claim names.
    places: Vec<Box<[PlaceId]>>,
    /// Whether each claim's own words are such as rumors are refuted with.
    doubting: Vec<bool>,
    index: Index,
    gate: Gate,
    models: Arc<Models>,
    options: MatchOptions,
}

/// What a thread uses again for every message.
#[derive(Debug, Default)]
pub struct MatchScratch {
    pub(crate) query: Query,
    search: SearchScratch,
    compare: CompareScratch,
    pub(crate) compared: Vec<(f32, Compared)>,
    pub(crate) reading: Reading,
    terms: Vec<u32>,
    gate: GateScratch,
    form_terms: Vec<(u32, f32)>,
}

impl Matcher {
    /// Indexes a library. Retracted claims are kept and not found.
    #[must_use]
    pub fn new(claims: Vec<Claim>, options: &MatchOptions) -> Self {
        Self::with(claims, options, Models::shipped())
    }

    /// The same, with models of one's own.
    #[must_use]
    pub fn with(claims: Vec<Claim>, options: &MatchOptions, models: Arc<Models>) -> Self {
        // Each claim alone, on all cores; what is numbered by order is numbered afterwards, in order.
        let read: Vec<ReadClaim> = claims.par_iter().map_init(FormReader::default, FormReader::claim).collect();
        let mut index = Index::default();
        let is_looked_for = |(_, claim): &(usize, &Claim)| claim.status != Status::Retracted;
        for (place, claim) in claims.iter().enumerate().filter(is_looked_for) {
            let ReadClaim { bodies, title, .. } = &read[place];
            let day = claim.claim_date.or(claim.published);
            for body in bodies {
                index.add(&NewForm { claim: place as u32, day, body, title });
            }
        }
        index.finish();
        let bodies = claims.iter().enumerate().filter(is_looked_for).flat_map(|(place, _)| &read[place].bodies);
        let bodies: Vec<&Vec<u64>> = bodies.collect();
        let rare = |body: &&Vec<u64>| body.iter().map(|&term| (term, index.idf(index.term(term)))).collect();
        let gate = Gate::new(&bodies.par_iter().map(rare).collect::<Vec<_>>());
        let doubting = read.iter().map(|read| read.is_doubting).collect();
        let places = read.into_iter().map(|read| read.places).collect();
        Self { claims, places, doubting, index, gate, models, options: *options }
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
        self.let_one_act(out);
    }

    /// The claim that a message repeats, if it repeats one: what acts, else what is likely enough to be suggested, else what the
    /// message has a stance on that does not act. Most messages are turned away at the gate.
    pub fn find(
        &self,
        (text, folded): (&str, &Folded),
        context: &Context<'_>,
        scratch: &mut MatchScratch,
        matches: &mut Vec<Match>,
    ) -> Option<Match> {
        scratch.query.tokens.read(folded);
        if !self.gate.open(scratch.query.tokens().iter().map(|token| token.term), &mut scratch.gate) {
            return None;
        }
        matches.clear();
        self.compare_opened(text, context, scratch);
        scratch.reading.read(folded);
        for at in 0..scratch.compared.len().min(FOUND_MAX) {
            if self.models.combiner.score(&scratch.compared[at].1.features) < self.options.suggest_at {
                break;
            }
            matches.push(self.judged(at, folded, context, scratch));
        }
        self.let_one_act(matches);
        let best = matches.iter().position(|one| one.act).unwrap_or(0);
        (best < matches.len()).then(|| matches.swap_remove(best))
    }

    /// Compares a message with the forms that the gate opened.
    fn compare_opened(&self, text: &str, context: &Context<'_>, scratch: &mut MatchScratch) {
        let MatchScratch { query, search, compared, gate, form_terms, .. } = scratch;
        compared.clear();
        query.look_up(&self.index);
        query.day = context.day.or_else(|| Day::last_named(text));
        search.best.clear();
        let scored = gate.forms.iter().map(|&(_, form)| (self.index.bm25(form, &query.distinct, form_terms), form));
        search.best.extend(scored);
        self.compare_found(scratch);
    }

    /// Compares a message with the forms that share most with it; leaves the best form of each claim, best first.
    pub(crate) fn compare_all(&self, text: &str, folded: &Folded, context: &Context<'_>, scratch: &mut MatchScratch) {
        let MatchScratch { query, search, compared, terms, .. } = scratch;
        compared.clear();
        query.tokens.read(folded);
        query.look_up(&self.index);
        query.day = context.day.or_else(|| Day::last_named(text));
        terms.clear();
        terms.extend_from_slice(&query.distinct);
        self.index.search(terms, query.day, CANDIDATES_MAX, search);
        self.compare_found(scratch);
    }

    /// Compares a message with the forms that were found; leaves the best form of each claim, best first.
    fn compare_found(&self, scratch: &mut MatchScratch) {
        let MatchScratch { query, search, compare: buffers, compared, .. } = scratch;
        for &found in &search.best {
            let place = self.index.form(found.1).claim as usize;
            let claim = &self.claims[place];
            let checked = Checked {
                day: claim.claim_date.or(claim.published),
                places: &self.places[place],
                is_refuted: claim.verdict.is_refuted(),
                is_complete: claim.lacks().is_empty(),
            };
            let one = compare(&self.index, query, found, &checked, buffers);
            compared.push((self.models.combiner.logit(&one.features), one));
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

    /// The place of the claim that a form belongs to.
    pub(crate) fn claim_of(&self, compared: &Compared) -> usize {
        self.index.form(compared.form).claim as usize
    }

    fn judged(&self, at: usize, folded: &Folded, context: &Context<'_>, scratch: &mut MatchScratch) -> Match {
        let (units, features) = self.stance_features(at, scratch);
        let (_, compared) = &scratch.compared[at];
        let place = self.claim_of(compared);
        let stance = self.models.stances.stance(&features);
        let score = self.models.combiner.score(&compared.features);
        let region = &self.claims[place].region;
        let is_here = region.is_empty() || context.region.is_none_or(|here| here.eq_ignore_ascii_case(region));
        let is_long = folded.letters() >= self.options.letters_min && compared.terms >= self.options.terms_min;
        let act = score >= self.options.act_at
            && stance == Stance::Asserting
            && is_long
            && is_here
            && (!self.doubting[place] || compared.coverage() >= DOUBTING_COVERAGE_MIN)
            && compared.is_same_statement(
                scratch.query.tokens().len(),
                !self.places[place].is_empty(),
                scratch.reading.is_notice(),
            )
            && self.claims[place].may_act(context.day.or(scratch.query.day));
        let coverage = compared.coverage();
        Match { claim: place, score, stance, span: folded.span(units), act, coverage }
    }

    /// Where the claim stands, in units, and what speaks for each stance towards it. The message must have been read.
    pub(crate) fn stance_features(&self, at: usize, scratch: &mut MatchScratch) -> (Range<usize>, StanceFeatures) {
        let (_, compared) = &scratch.compared[at];
        let form = self.index.form(compared.form);
        let query = &scratch.query;
        let units = match query.tokens().get(compared.tokens.clone()) {
            Some([first, .., last]) => first.start as usize..last.end as usize,
            Some([one]) => one.start as usize..one.end as usize,
            _ => 0..0,
        };
        let (body, _) = self.index.parts(form);
        let shares = |units: Range<usize>| query.share_in(&self.index, body, &units);
        let features = scratch.reading.features(units.clone(), &self.claims[form.claim as usize].claim, shares);
        (units, features)
    }

    /// Of several claims only the one of which most stands there may act, for the others are likely to be versions of it; and
    /// none where a claim that is true stands even better.
    fn let_one_act(&self, matches: &mut [Match]) {
        let order = |a: &&(usize, f32), b: &&(usize, f32)| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0));
        let acting: Vec<(usize, f32)> =
            matches.iter().enumerate().filter(|(_, one)| one.act).map(|(at, one)| (at, one.coverage)).collect();
        let Some(&(best, _)) = acting.iter().max_by(order) else { return };
        let is_true = |other: &Match| self.claims[other.claim].verdict == Verdict::True;
        let span = matches[best].span.clone();
        let overlaps = |other: &Match| other.span.start < span.end && span.start < other.span.end;
        let is_so = matches[..best].iter().any(|other| is_true(other) && overlaps(other));
        for (at, one) in matches.iter_mut().enumerate() {
            one.act &= at == best && !is_so;
        }
    }
}

/// Reads the terms of a library's texts.
#[derive(Default)]
struct FormReader {
    folded: Folded,
    tokens: Tokens,
}

/// The terms of one claim.
struct ReadClaim {
    /// Of its sentence and of each variant.
    bodies: Vec<Vec<u64>>,
    title: Vec<u64>,
    places: Box<[PlaceId]>,
    is_doubting: bool,
}

impl FormReader {
    fn claim(&mut self, claim: &Claim) -> ReadClaim {
        let texts = std::iter::once(&claim.claim).chain(claim.variants.iter().map(|variant| &variant.text));
        let bodies: Vec<Vec<u64>> = texts.map(|text| self.read(text)).collect();
        let (title, region) = (self.read(&claim.title), self.read(&claim.region));
        let named = bodies[0].iter().chain(&title).chain(&region);
        let mut places: Vec<PlaceId> = named.filter_map(|&term| place(term)).collect();
        places.sort_unstable();
        places.dedup();
        self.folded.fold(&claim.claim);
        ReadClaim { bodies, title, places: places.into(), is_doubting: is_doubting(&self.folded) }
    }

    fn read(&mut self, text: &str) -> Vec<u64> {
        self.folded.fold(text);
        self.tokens.read(&self.folded);
        self.tokens.items().iter().map(|token| token.term).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(claim: &str, text: &str) -> bool {
        let claim = Claim {
            id: "a".into(),
            claim: claim.into(),
            verdict: Verdict::False,
            authority: "A".into(),
            url: "https://a.example/".into(),
            published: Day::parse("2020-01-01"),
            ..Claim::default()
        };
        let matcher = Matcher::new(vec![claim], &MatchOptions::default());
        let (mut folded, mut scratch, mut found) = (Folded::default(), MatchScratch::default(), Vec::new());
        folded.fold(text);
        let context = Context { day: Day::parse("2020-01-05"), region: None };
        matcher.find((text, &folded), &context, &mut scratch, &mut found).is_some_and(|found| found.act)
    }

    #[test]
    fn a_claim_in_the_words_of_those_who_refute_must_stand_there_whole() {
        assert!(!acts("发布不实信息", "大家快来一起举报，转发的都是不实信息啊"));
        assert!(acts("医院偷偷发布不实信息骗疫苗钱", "转给家人，医院偷偷发布不实信息骗疫苗钱，都小心"));
        assert!(acts("海鲜和水果同吃会中毒", "转给家人，海鲜和水果同吃会中毒，都小心"));
    }

    #[test]
    fn the_subject_of_a_claim_is_not_the_claim() {
        let claim = "示例牌黄芪含片里的陈年陈皮会让人掉光头发";
        assert!(acts(claim, "告诉大家，示例牌黄芪含片里的陈年陈皮会让人掉光头发"));
        assert!(!acts(claim, "示例牌黄芪今天打折，很划算"));
    }

    #[test]
    fn a_question_that_heads_a_rumor_is_no_debunk_unless_it_asks_about_the_claim() {
        let claim = "海鲜和水果同吃会中毒";
        assert!(acts(
            claim,
            "你还敢给孩子喂饭吗？昨天邻居家出大事了，海鲜和水果同吃会中毒，快转给家人，都小心一点，都小心一点"
        ));
        let answered =
            "海鲜和水果同吃会中毒吗？昨天我们问了医院里的大夫，他把海鲜和水果同吃会中毒的来历从头讲了一遍，大家放心";
        assert!(!acts(claim, answered));
    }
}
