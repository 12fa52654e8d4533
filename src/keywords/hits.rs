//! What a matcher found in one event.

use std::sync::Arc;

use super::lists::ListId;
use super::matcher::{ListInfo, Matcher};
use crate::signal::Span;

/// One occurrence of a plain term, or one fulfilment of a combination in the whole event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The list that the term is of.
    pub list: ListId,
    /// The term's place in [`ListInfo::terms`].
    pub term: u32,
    first: u32,
    count: u32,
}

/// All hits of one event, sorted by list, term and first span. Made once a thread and filled anew for every event.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    hits: Vec<Hit>,
    spans: Vec<Span>,
    is_truncated: bool,
}

impl Hits {
    /// The hits.
    #[must_use]
    pub fn all(&self) -> &[Hit] {
        &self.hits
    }

    /// Where a hit stands in the original texts: one span for a plain term, one for each word of a combination that had to
    /// occur, in the order of texts and places.
    #[must_use]
    pub fn spans(&self, hit: &Hit) -> &[Span] {
        &self.spans[hit.first as usize..(hit.first + hit.count) as usize]
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// How many hits there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// Whether some hits may be missing. Nothing is lost up to these bounds, which only crafted lists come to: in one text,
    /// words stand at 64 places and four for each folded character, whether they count there or not; and of what they are
    /// then compared with and combined to (ways to repeat and space the same letters, lists and combinations that share a
    /// word), 256 steps and 48 for each character. Which hits are left depends on lists, texts and seed alone.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// The hits of each list that has any, in the order of lists.
    pub fn by_list<'a>(&'a self, matcher: &'a Matcher) -> impl Iterator<Item = ListHits<'a>> {
        self.hits.chunk_by(|a, b| a.list == b.list).map(|hits| {
            let list = hits[0].list;
            ListHits { list, info: &matcher.lists()[list.index()], hits }
        })
    }

    pub(crate) fn clear(&mut self) {
        self.hits.clear();
        self.spans.clear();
    }

    pub(crate) fn set_truncated(&mut self, is_truncated: bool) {
        self.is_truncated = is_truncated;
    }

    pub(crate) fn push(&mut self, list: ListId, term: u32, spans: impl Iterator<Item = Span>) {
        let first = self.spans.len();
        self.spans.extend(spans);
        self.spans[first..].sort_unstable();
        let count = (self.spans.len() - first) as u32;
        self.hits.push(Hit { list, term, first: first as u32, count });
    }

    pub(crate) fn sort(&mut self) {
        let spans = &self.spans;
        self.hits.sort_unstable_by_key(|hit| (hit.list, hit.term, spans.get(hit.first as usize).copied(), hit.first));
    }
}

/// The hits of one list: what its signals are made of.
#[derive(Clone, Copy, Debug)]
pub struct ListHits<'a> {
    /// Which list.
    pub list: ListId,
    /// Its name and terms.
    pub info: &'a ListInfo,
    /// Its hits, sorted by term and first span; never empty.
    pub hits: &'a [Hit],
}

impl<'a> ListHits<'a> {
    /// `words.<list>.count`: how many hits.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hits.len()
    }

    /// `words.<list>.distinct`: how many of its terms have hits.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.terms().count()
    }

    /// `words.<list>.weight`: the weights of those terms together, each once.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.terms().map(|term| term.weight).sum()
    }

    /// The terms that have hits, each once, in the order of the list.
    pub fn terms(&self) -> impl Iterator<Item = &'a super::TermInfo> + use<'a> {
        let info = self.info;
        self.hits.chunk_by(|a, b| a.term == b.term).map(|hits| &info.terms[hits[0].term as usize])
    }

    /// `words.<list>.tags`: the tags of those terms, sorted, each once.
    #[must_use]
    pub fn tags(&self) -> Vec<Arc<str>> {
        let mut tags: Vec<Arc<str>> = self.terms().flat_map(|term| term.tags.iter().cloned()).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}
