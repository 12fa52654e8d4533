//! The matcher: immutable tables that all threads share, and the scratch that each thread has of its own.

use std::sync::Arc;

use super::automaton::{Anchors, Automaton, Bytes};
use super::compile::{Chain, Combination, Compiled, TermRef, Use, compile};
use super::engine::{AUTOMATON_COST, Budget, Candidates, Engine, found_max};
use super::gather::{Buffers, Found, gather};
use super::hits::Hits;
use super::lists::{ListId, Lists};
use super::pattern::{Letters, Runs, RunsBuffer};
use crate::problem::Problem;
use crate::signal::Field;
use crate::text::Folded;

/// How a matcher is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The deployment's seed: without it, nobody can craft texts or lists whose hashes collide.
    pub seed: u64,
    /// Ways to write one term beside its own that its expansions may make.
    pub expansions_per_term_max: usize,
    /// The same, of all terms together.
    pub expansions_max: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { seed: 0, expansions_per_term_max: 256, expansions_max: 1_000_000 }
    }
}

/// What a matcher knows of a list for those who read its hits.
#[derive(Clone, Debug, PartialEq)]
pub struct ListInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its terms, which hits number.
    pub terms: Box<[TermInfo]>,
}

/// What a matcher knows of a term.
#[derive(Clone, Debug, PartialEq)]
pub struct TermInfo {
    /// The term as written.
    pub text: Arc<str>,
    /// Its weight.
    pub weight: f64,
    /// Its tags, sorted, each once.
    pub tags: Arc<[Arc<str>]>,
}

/// Finds the terms of all lists at once. Immutable; share it by `Arc`.
#[derive(Debug)]
pub struct Matcher {
    infos: Box<[ListInfo]>,
    compiled: Compiled,
    engine: Engine,
    literals: Automaton,
    anchors: Anchors,
    has_exceptions: bool,
}

/// What one thread needs to match, kept from event to event so that nothing is allocated after the first ones.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    runs: RunsBuffer,
    bytes: Bytes,
    candidates: Candidates,
    found: Vec<Found>,
    buffers: Buffers,
    budget: Budget,
    is_truncated: bool,
}

impl Scratch {
    /// Units looked at since this scratch was made: what a text costs, whatever the machine.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.budget.spent
    }
}

/// From so many keys on, sums over the text pay.
const SUMS_MIN: usize = 8;

impl Matcher {
    /// Builds the matcher of these lists. Terms that break a bound are left out and told.
    #[must_use]
    pub fn build(lists: &Lists, options: &BuildOptions) -> (Self, Vec<Problem>) {
        let (compiled, mut problems) = compile(lists, options);
        let info = |list: &super::List| {
            let terms = list.terms.iter().map(|term| TermInfo {
                text: Arc::clone(&term.text),
                weight: term.weight,
                tags: Arc::clone(&term.tags),
            });
            ListInfo { name: Arc::clone(&list.name), terms: terms.collect() }
        };
        let engine = Engine::new(&compiled.words, options.seed);
        let strings = || compiled.literals.iter().map(|literal| &*literal.units);
        let literals = Automaton::new(strings()).expect("bounded by terms_max");
        let anchors = Anchors::new(strings());
        let has_exceptions = lists.lists.iter().any(|list| !list.exceptions.is_empty());
        let infos = lists.lists.iter().map(info).collect();
        let matcher = Self { infos, compiled, engine, literals, anchors, has_exceptions };
        if has_exceptions {
            problems.extend(matcher.idle_exceptions(lists));
        }
        (matcher, problems)
    }

    /// The lists, which hits number.
    #[must_use]
    pub fn lists(&self) -> &[ListInfo] {
        &self.infos
    }

    /// Looks at one text of the event; call it once for each.
    pub fn scan(&self, field: Field, folded: &Folded, scratch: &mut Scratch) {
        let Scratch { candidates, budget, .. } = scratch;
        budget.add(folded.units().len());
        let is_done = self.engine.find(&self.compiled.words, folded, candidates, budget);
        scratch.is_truncated |= !is_done;
        let has_separators = folded.letters() < folded.units().len();
        let has_anchors = has_separators && !self.literals.is_empty() && self.anchors.stand_in(folded);
        if has_anchors || !scratch.candidates.found.is_empty() {
            self.look_closer(field, folded, has_anchors, scratch);
        }
    }

    /// What the search found by its letters alone: does it occur, and where?
    fn look_closer(&self, field: Field, folded: &Folded, has_anchors: bool, scratch: &mut Scratch) {
        let Scratch { runs, bytes, candidates, found, budget, is_truncated, .. } = scratch;
        let runs = runs.view(folded, candidates.found.len() >= SUMS_MIN);
        let room = found.len() + found_max(folded.units().len());
        let mut sink = Sink { field, folded, runs, found, room };
        let mut is_done = candidates.found.iter().all(|&(key, run)| self.try_key(key, run, budget, &mut sink));
        if has_anchors && is_done {
            is_done = budget.spend(AUTOMATON_COST * folded.units().len());
            self.literals.find(folded.units(), bytes, |literal, at| {
                is_done = budget.spend(1) && self.try_literal(literal, at, &mut sink);
                is_done
            });
        }
        *is_truncated |= !is_done;
    }

    /// Turns what the scans found into `hits`: exceptions and combinations count over all texts of the event. The scratch
    /// is then ready for the next event.
    pub fn finish(&self, scratch: &mut Scratch, hits: &mut Hits) {
        hits.clear();
        let Scratch { found, buffers, budget, is_truncated, .. } = scratch;
        if !found.is_empty() {
            *is_truncated |= !gather(self, found, buffers, budget, hits);
            found.clear();
        }
        budget.close();
        hits.set_truncated(std::mem::take(is_truncated));
    }

    /// How many words go to the automaton.
    #[cfg(test)]
    pub(crate) fn crowded(&self) -> usize {
        self.engine.crowded()
    }

    /// Whether any list excepts anything.
    pub(crate) fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    pub(crate) fn uses(&self, part: u32) -> &[Use] {
        self.compiled.uses.row(part as usize)
    }

    pub(crate) fn combinations(&self) -> &[Combination] {
        &self.compiled.combinations
    }

    /// The key's runs stand at `run`: which of its variants occur? False when there is no room or budget for more.
    fn try_key(&self, key: u32, run: u32, budget: &mut Budget, sink: &mut Sink<'_>) -> bool {
        let (key, run) = (key as usize, run as usize);
        let words = &self.compiled.words;
        let card = words.card(key);
        let length = usize::from(card.length);
        if card.is_plain {
            let is_paid = budget.spend(sink.runs.cost(run, length, None));
            let fit = sink.runs.fit(run, length, None, card.is_inside).filter(|_| is_paid);
            let is_taken =
                fit.is_none_or(|letters| sink.push((card.part, card.term()), letters, sink.runs.units(letters)));
            return is_paid && is_taken;
        }
        for &variant in words.variants(key) {
            let steps = words.steps(variant, length);
            if !budget.spend(sink.runs.cost(run, length, steps)) {
                return false;
            }
            let fit = sink.runs.fit(run, length, steps, variant.is_inside);
            let is_taken = fit.is_none_or(|letters| sink.push((variant.part, None), letters, sink.runs.units(letters)));
            if !is_taken {
                return false;
            }
        }
        true
    }

    fn try_literal(&self, literal: usize, at: std::ops::Range<usize>, sink: &mut Sink<'_>) -> bool {
        let literal = &self.compiled.literals[literal];
        if sink.runs.literal_fits(&at, literal.is_inside) {
            let letters = (sink.runs.letters_before(at.start), sink.runs.letters_before(at.end));
            return sink.push((literal.part, None), letters, at);
        }
        true
    }

    /// Exceptions inside which nothing of their list can be found.
    fn idle_exceptions(&self, lists: &Lists) -> Vec<Problem> {
        let mut problems = Vec::new();
        let parts = self.parts_of_lists();
        let (mut folded, mut scratch) = (Folded::default(), Scratch::default());
        for (index, list) in lists.lists.iter().enumerate() {
            for exception in &list.exceptions {
                folded.fold(&exception.expr.atoms().map(|atom| &*atom.text).collect::<String>());
                self.scan(Field::Text, &folded, &mut scratch);
                let is_of_list = |found: Found| parts.binary_search(&(ListId(index as u16), found.part)).is_ok();
                if !scratch.found.drain(..).any(is_of_list) {
                    let file = &lists.files[exception.place.file as usize];
                    let message = format!("the exception `{}` holds no term of its list", exception.text);
                    let problem = exception.place.of(Problem::warning(file, message));
                    problems.push(problem.hint("take it out, or write it so that a term stands inside it"));
                }
            }
        }
        problems
    }

    /// Which parts each list's terms have, sorted.
    fn parts_of_lists(&self) -> Vec<(ListId, u32)> {
        let plain = self.compiled.uses.iter().filter_map(|(part, used)| match used {
            Use::Term(term) => Some((term.list, part)),
            Use::Exception(_) | Use::Combination(_) => None,
        });
        let links = |chain: &Chain| chain.links.iter().map(|&(_, part)| part).collect::<Vec<_>>();
        let combined = self.compiled.combinations.iter().flat_map(|combination| {
            let list = combination.term.list;
            combination.chains.iter().flat_map(links).map(move |part| (list, part))
        });
        let mut parts: Vec<_> = plain.chain(combined).collect();
        parts.sort_unstable();
        parts
    }
}

/// Where occurrences in one text go.
struct Sink<'a> {
    field: Field,
    folded: &'a Folded,
    runs: Runs<'a>,
    found: &'a mut Vec<Found>,
    room: usize,
}

impl Sink<'_> {
    /// Takes an occurrence of a part, of which `term` may be the only use; false if there is no room for it.
    fn push(
        &mut self,
        (part, term): (u32, Option<TermRef>),
        (start, end): Letters,
        units: std::ops::Range<usize>,
    ) -> bool {
        if self.found.len() >= self.room {
            return false;
        }
        let bytes = self.folded.span(units);
        let bytes = (bytes.start as u32, bytes.end as u32);
        self.found.push(Found { part, field: self.field, start, end, bytes, term });
        true
    }
}
