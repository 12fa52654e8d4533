//! The inverted index over the forms of claims: which of them share rare terms with this text?
//!
//! Ranking is BM25 (Robertson and Zaragoza 2009) with the idf of Lucene. A form is a claim with the headline of its fact-check,
//! or one of its variants. Terms are looked up in the order of their rarity until a bound of postings is read, so a query
//! costs the same at any size of library; what the candidates have of the common terms is added by the re-ranker.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::date::Day;

/// The place of a form in the index.
pub(crate) type FormId = u32;

/// A number for each term of the library.
pub(crate) type TermId = u32;

/// The number of a term that the library does not have.
pub(crate) const UNKNOWN: TermId = TermId::MAX;

const K1: f32 = 0.9;
const B: f32 = 0.4;

/// Postings that one query reads at most, beyond those of its rarest term.
const POSTINGS_MAX: usize = 60_000;

/// One wording of a claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Which claim, by its place in the library.
    pub(crate) claim: u32,
    /// The day that it is about.
    day: Option<Day>,
    first: u32,
    /// Terms of the claim's sentence.
    body: u16,
    /// Terms of it and of the headline.
    all: u16,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    vocabulary: HashMap<u64, TermId, FixedState>,
    forms: Vec<Form>,
    /// The terms of all forms, one form after the other, each in the order of its text.
    terms: Vec<TermId>,
    idf: Vec<f32>,
    /// Which terms are numbers.
    is_number: Vec<bool>,
    /// Where the postings of each term begin; one more at the end.
    starts: Vec<u32>,
    postings: Vec<Posting>,
    length_mean: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Posting {
    form: FormId,
    /// The part of BM25 that the query does not change, without idf.
    weight: f32,
}

/// What building needs besides: the terms of one form, its sentence first.
pub(crate) struct NewForm<'a> {
    pub(crate) claim: u32,
    pub(crate) day: Option<Day>,
    pub(crate) body: &'a [u64],
    pub(crate) title: &'a [u64],
}

/// Terms of a form that are kept.
const FORM_TERMS_MAX: usize = 1024;

impl Index {
    /// Adds a form; call [`Index::finish`] after the last one.
    pub(crate) fn add(&mut self, form: &NewForm<'_>) {
        let first = self.terms.len() as u32;
        let body = form.body.len().min(FORM_TERMS_MAX);
        let title = form.title.len().min(FORM_TERMS_MAX - body);
        for &term in form.body[..body].iter().chain(&form.title[..title]) {
            let next = self.vocabulary.len() as TermId;
            let id = *self.vocabulary.entry(term).or_insert(next);
            if id == next {
                self.is_number.push(term & 1 == 1);
            }
            self.terms.push(id);
        }
        self.forms.push(Form {
            claim: form.claim,
            day: form.day,
            first,
            body: body as u16,
            all: (body + title) as u16,
        });
    }

    /// Counts, and lays out the postings.
    pub(crate) fn finish(&mut self) {
        let vocabulary = self.vocabulary.len();
        let mut counts = vec![0_u32; vocabulary];
        let mut distinct = Vec::new();
        for form in &self.forms {
            distinct_terms(self.terms_of(*form), &mut distinct);
            distinct.iter().for_each(|&(term, _)| counts[term as usize] += 1);
        }
        let total = self.forms.len() as f32;
        self.idf = counts.iter().map(|&df| (1.0 + (total - df as f32 + 0.5) / (df as f32 + 0.5)).ln()).collect();
        self.length_mean = (self.terms.len() as f32 / total.max(1.0)).max(1.0);
        self.starts = std::iter::once(0)
            .chain(counts.iter().scan(0, |sum, &count| {
                *sum += count;
                Some(*sum)
            }))
            .collect();
        let mut next: Vec<u32> = self.starts[..vocabulary].to_vec();
        let mut postings = vec![Posting::default(); self.starts[vocabulary] as usize];
        for (id, form) in self.forms.iter().enumerate() {
            distinct_terms(self.terms_of(*form), &mut distinct);
            let norm = self.norm(*form);
            for &(term, tf) in &distinct {
                let place = &mut next[term as usize];
                postings[*place as usize] = Posting { form: id as FormId, weight: tf * (K1 + 1.0) / (tf + norm) };
                *place += 1;
            }
        }
        self.postings = postings;
    }

    /// The number of a term.
    pub(crate) fn term(&self, term: u64) -> TermId {
        self.vocabulary.get(&term).copied().unwrap_or(UNKNOWN)
    }

    /// How rare a term is.
    pub(crate) fn idf(&self, term: TermId) -> f32 {
        self.idf.get(term as usize).copied().unwrap_or_else(|| self.idf_max())
    }

    /// The idf of a term that no form has.
    pub(crate) fn idf_max(&self) -> f32 {
        (2.0 + self.forms.len() as f32 * 2.0).ln()
    }

    /// Whether a term of the library is a number.
    pub(crate) fn is_number(&self, term: TermId) -> bool {
        self.is_number[term as usize]
    }

    pub(crate) fn form(&self, id: FormId) -> Form {
        self.forms[id as usize]
    }

    pub(crate) fn forms(&self) -> usize {
        self.forms.len()
    }

    /// The terms of a form: of its sentence, and of its headline.
    pub(crate) fn parts(&self, form: Form) -> (&[TermId], &[TermId]) {
        self.terms_of(form).split_at(usize::from(form.body))
    }

    fn terms_of(&self, form: Form) -> &[TermId] {
        &self.terms[form.first as usize..][..usize::from(form.all)]
    }

    fn postings_of(&self, term: TermId) -> &[Posting] {
        &self.postings[self.starts[term as usize] as usize..self.starts[term as usize + 1] as usize]
    }

    /// BM25 of one form for these distinct terms, which are sorted by number.
    pub(crate) fn bm25(&self, id: FormId, sorted: &[TermId], scratch: &mut Vec<(TermId, f32)>) -> f32 {
        let form = self.form(id);
        distinct_terms(self.terms_of(form), scratch);
        let norm = self.norm(form);
        let shared = scratch.iter().filter(|(term, _)| sorted.binary_search(term).is_ok());
        shared.map(|&(term, tf)| self.idf[term as usize] * tf * (K1 + 1.0) / (tf + norm)).sum()
    }

    fn norm(&self, form: Form) -> f32 {
        K1 * (1.0 - B + B * f32::from(form.all) / self.length_mean)
    }

    /// The best forms for these distinct terms, best first; of two alike the one that was added first. Claims of the days about
    /// `day`, on which the message was written, are preferred.
    pub(crate) fn search(&self, terms: &mut [TermId], day: Option<Day>, top: usize, scratch: &mut SearchScratch) {
        scratch.best.clear();
        scratch.scores.resize(self.forms.len(), 0.0);
        let df = |term: &TermId| self.postings_of(*term).len();
        terms.sort_unstable_by_key(|term| (df(term), *term));
        let mut read = 0;
        for &term in terms.iter() {
            let postings = self.postings_of(term);
            if read > 0 && read + postings.len() > POSTINGS_MAX {
                break;
            }
            read += postings.len();
            let idf = self.idf[term as usize];
            for posting in postings {
                let score = &mut scratch.scores[posting.form as usize];
                if *score == 0.0 {
                    scratch.touched.push(posting.form);
                }
                *score += idf * posting.weight;
            }
        }
        let scores = &mut scratch.scores;
        let found = scratch.touched.drain(..).map(|form| (std::mem::take(&mut scores[form as usize]), form));
        scratch.best.extend(found);
        let preferred = |&(score, form): &(f32, FormId)| score * (1.0 + day_near(day, self.form(form).day));
        let order = |a: &(f32, FormId), b: &(f32, FormId)| preferred(b).total_cmp(&preferred(a)).then(a.1.cmp(&b.1));
        if scratch.best.len() > top {
            scratch.best.select_nth_unstable_by(top, order);
            scratch.best.truncate(top);
        }
        scratch.best.sort_unstable_by(order);
    }
}

/// How near two days are: 1 for the same, a half ten days away, 0 where one is not known.
pub(crate) fn day_near(a: Option<Day>, b: Option<Day>) -> f32 {
    match (a, b) {
        (Some(a), Some(b)) => 1.0 / (1.0 + a.since(b).unsigned_abs() as f32 / 10.0),
        _ => 0.0,
    }
}

/// What a thread uses again for every search.
#[derive(Debug, Default)]
pub(crate) struct SearchScratch {
    scores: Vec<f32>,
    touched: Vec<FormId>,
    /// What was found: BM25, form.
    pub(crate) best: Vec<(f32, FormId)>,
}

/// Each term once, with how often it occurs, in the order of their numbers.
fn distinct_terms(terms: &[TermId], out: &mut Vec<(TermId, f32)>) {
    out.clear();
    out.extend(terms.iter().map(|&term| (term, 1.0)));
    out.sort_unstable_by_key(|&(term, _)| term);
    out.dedup_by(|later, first| {
        let is_same = later.0 == first.0;
        first.1 += if is_same { later.1 } else { 0.0 };
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(forms: &[&[u64]]) -> Index {
        let mut index = Index::default();
        for (claim, body) in forms.iter().enumerate() {
            index.add(&NewForm { claim: claim as u32, day: None, body, title: &[] });
        }
        index.finish();
        index
    }

    fn found(index: &Index, terms: &[u64], top: usize) -> Vec<FormId> {
        let mut terms: Vec<TermId> = terms.iter().map(|&term| index.term(term)).filter(|&id| id != UNKNOWN).collect();
        let mut scratch = SearchScratch::default();
        index.search(&mut terms, None, top, &mut scratch);
        scratch.best.iter().map(|&(_, form)| form).collect()
    }

    #[test]
    fn what_shares_more_and_rarer_terms_comes_first() {
        let index = index(&[&[1, 2, 3], &[1, 2, 9], &[1, 4, 5], &[6, 7, 8]]);
        assert_eq!(found(&index, &[1, 2, 3], 10), [0, 1, 2]);
        assert_eq!(found(&index, &[1, 2, 3], 1), [0]);
        assert_eq!(found(&index, &[1, 4], 10), [2, 0, 1]);
        assert!(found(&index, &[99], 10).is_empty());
        assert!(index.idf(index.term(1)) < index.idf(index.term(2)));
        assert!(index.idf(index.term(3)) < index.idf_max());
    }

    #[test]
    fn an_index_of_nothing_finds_nothing() {
        assert!(found(&index(&[]), &[1], 3).is_empty());
        assert!(found(&index(&[&[]]), &[1], 3).is_empty());
    }
}
