//! From the occurrences of words in the texts of one event to hits: exceptions, combinations, distances.

use super::compile::{Chain, Combination, TermRef, Use};
use super::engine::Budget;
use super::hits::Hits;
use super::lists::ListId;
use super::matcher::Matcher;
use crate::signal::{Field, Span};

/// One occurrence of a part. Letters count from the start of its text, separators apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) part: u32,
    pub(crate) field: Field,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) bytes: (u32, u32),
    /// The term that is all that the part is used for, where that is known.
    pub(crate) term: Option<TermRef>,
}

impl Found {
    fn span(&self) -> Span {
        Span { field: self.field, start: self.bytes.0, end: self.bytes.1 }
    }
}

/// Where a list is excepted. Sorted by list, text and start; `end` is the furthest end of those of the same list and text
/// that start no later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Excepted {
    list: ListId,
    field: Field,
    start: u32,
    end: u32,
}

/// The buffers of gathering, kept from event to event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    excepted: Vec<Excepted>,
    /// Occurrences that may stand at each link of a chain, by place.
    levels: Vec<u32>,
    level_starts: Vec<u32>,
    /// The last level by end.
    by_end: Vec<u32>,
    picked: Vec<u32>,
}

/// Fills `hits` from what was found, which is sorted here; false if the budget did not last.
pub(crate) fn gather(
    matcher: &Matcher,
    found: &mut Vec<Found>,
    buffers: &mut Buffers,
    budget: &mut Budget,
    hits: &mut Hits,
) -> bool {
    found.sort_unstable();
    found.dedup_by_key(|found| Found { term: None, ..*found });
    fill_excepted(matcher, found, &mut buffers.excepted);
    let Buffers { excepted, levels, level_starts, by_end, picked } = buffers;
    let is_exhausted = false;
    let mut gathering =
        Gathering { matcher, found, excepted, levels, level_starts, by_end, picked, budget, is_exhausted };
    for occurrences in found.chunk_by(|a, b| a.part == b.part) {
        gathering.part(occurrences, hits);
    }
    hits.sort();
    !gathering.is_exhausted
}

fn fill_excepted(matcher: &Matcher, found: &[Found], excepted: &mut Vec<Excepted>) {
    excepted.clear();
    if !matcher.has_exceptions() {
        return;
    }
    for occurrence in found {
        for used in matcher.uses(occurrence.part) {
            if let Use::Exception(list) = *used {
                let (start, end) = occurrence.bytes;
                excepted.push(Excepted { list, field: occurrence.field, start, end });
            }
        }
    }
    excepted.sort_unstable();
    for index in 1..excepted.len() {
        let before = excepted[index - 1];
        let this = &mut excepted[index];
        if (before.list, before.field) == (this.list, this.field) {
            this.end = this.end.max(before.end);
        }
    }
}

struct Gathering<'a> {
    matcher: &'a Matcher,
    found: &'a [Found],
    excepted: &'a [Excepted],
    levels: &'a mut Vec<u32>,
    level_starts: &'a mut Vec<u32>,
    by_end: &'a mut Vec<u32>,
    picked: &'a mut Vec<u32>,
    budget: &'a mut Budget,
    is_exhausted: bool,
}

impl Gathering<'_> {
    fn part(&mut self, occurrences: &[Found], hits: &mut Hits) {
        if let Some(term) = occurrences[0].term {
            self.is_exhausted |= !self.budget.spend(occurrences.len());
            return self.term(term, occurrences, hits);
        }
        for used in self.matcher.uses(occurrences[0].part) {
            self.is_exhausted |= !self.budget.spend(occurrences.len());
            match *used {
                _ if self.is_exhausted => return,
                Use::Term(term) => self.term(term, occurrences, hits),
                Use::Exception(_) => {}
                Use::Combination(id) => self.combination(&self.matcher.combinations()[id as usize], hits),
            }
        }
    }

    fn term(&self, term: TermRef, occurrences: &[Found], hits: &mut Hits) {
        if self.is_exhausted {
            return;
        }
        for occurrence in occurrences.iter().filter(|occurrence| !self.is_excepted(term.list, occurrence)) {
            hits.push(term.list, term.term, std::iter::once(occurrence.span()));
        }
    }

    fn combination(&mut self, combination: &Combination, hits: &mut Hits) {
        self.picked.clear();
        let list = combination.term.list;
        if combination.chains.iter().all(|chain| self.chain(list, chain) != chain.is_negated) {
            let spans = self.picked.iter().map(|&index| self.found[index as usize].span());
            hits.push(list, combination.term.term, spans);
        }
    }

    /// Whether the words of a chain stand near one another; if so, those of the first place are picked, unless it is
    /// a negated chain.
    fn chain(&mut self, list: ListId, chain: &Chain) -> bool {
        self.levels.clear();
        self.level_starts.clear();
        for (link, &(distance, part)) in chain.links.iter().enumerate() {
            let before = self.level_starts.last().map_or(0, |&start| start as usize)..self.levels.len();
            self.sort_by_end(before.clone());
            let start = self.levels.len();
            let occurrences = self.occurrences(part);
            if !self.budget.spend(1 + occurrences.len()) {
                self.is_exhausted = true;
                return chain.is_negated;
            }
            for index in occurrences {
                let this = &self.found[index];
                let is_near = link == 0 || self.has_near(before.clone(), this, u32::from(distance));
                if is_near && !self.is_excepted(list, this) {
                    self.levels.push(index as u32);
                }
            }
            if self.levels.len() == start {
                return false;
            }
            self.level_starts.push(start as u32);
        }
        if !chain.is_negated {
            self.pick(chain);
        }
        true
    }

    /// The indices of a part's occurrences.
    fn occurrences(&self, part: u32) -> std::ops::Range<usize> {
        let start = self.found.partition_point(|found| found.part < part);
        start..start + self.found[start..].partition_point(|found| found.part == part)
    }

    fn sort_by_end(&mut self, level: std::ops::Range<usize>) {
        self.by_end.clear();
        self.by_end.extend_from_slice(&self.levels[level]);
        let found = self.found;
        self.by_end.sort_unstable_by_key(|&index| (found[index as usize].field, found[index as usize].end));
    }

    /// Whether one of the level, which stands sorted in `by_end` too, is within `distance` letters of this occurrence.
    fn has_near(&self, level: std::ops::Range<usize>, this: &Found, distance: u32) -> bool {
        let level = &self.levels[level];
        let place = |index: u32| &self.found[index as usize];
        let after = level.partition_point(|&index| (place(index).field, place(index).start) < (this.field, this.end));
        let nearest = this.start.saturating_sub(distance);
        let before =
            self.by_end.partition_point(|&index| (place(index).field, place(index).end) < (this.field, nearest));
        let is_near = |index: &u32| gap(place(*index), this).is_some_and(|gap| gap <= distance);
        level.get(after).is_some_and(is_near) || self.by_end.get(before).is_some_and(is_near)
    }

    /// Goes back over the levels from the first of the last one.
    fn pick(&mut self, chain: &Chain) {
        let mut end = self.levels.len();
        let mut last: Option<(u32, u32)> = None;
        for (&start, &(distance, _)) in self.level_starts.iter().zip(&chain.links).rev() {
            let level = &self.levels[start as usize..end];
            let is_near = |index: &&u32| {
                last.is_none_or(|(next, distance)| {
                    gap(&self.found[**index as usize], &self.found[next as usize]).is_some_and(|gap| gap <= distance)
                })
            };
            let index = *level.iter().find(is_near).expect("each of a level is near one of the level before");
            self.picked.push(index);
            last = Some((index, u32::from(distance)));
            end = start as usize;
        }
    }

    fn is_excepted(&self, list: ListId, this: &Found) -> bool {
        let (start, end) = this.bytes;
        let after = self.excepted.partition_point(|e| (e.list, e.field, e.start) <= (list, this.field, start));
        let last = after.checked_sub(1).map(|index| &self.excepted[index]);
        last.is_some_and(|e| e.list == list && e.field == this.field && e.end >= end)
    }
}

/// How many letters stand between two occurrences in one text; `None` if they overlap.
fn gap(a: &Found, b: &Found) -> Option<u32> {
    let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
    (a.field == b.field).then(|| second.start.checked_sub(first.end)).flatten()
}
