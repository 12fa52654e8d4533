//! What the stage remembers of the time before one event.

use crate::neardup::{Copied, First, TextsError, Twin};
use crate::state::{Counts, author_mark};

use super::copies::{Copies, Found};
use super::observe::Observed;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Remembered<'a> {
    pub(crate) counts: &'a Counts,
    /// What its text is a copy of; `None` where that was not looked for, or the text says too little.
    pub(crate) found: Option<&'a Found>,
    /// Where copies are looked for.
    pub(crate) copies: Option<&'a Copies>,
}

impl<'a> Remembered<'a> {
    /// The first event of all.
    pub(crate) fn only(counts: &'a Counts) -> Self {
        Self { counts, found: None, copies: None }
    }

    /// The message before it that began its cluster.
    fn earlier(&self) -> Option<&'a Twin> {
        self.found.map(|found| &found.twin).filter(|twin| !twin.is_new)
    }

    /// The cluster that the event joined.
    pub(crate) fn joined(&self) -> Option<u64> {
        self.earlier().map(cluster)
    }

    /// The cluster that the event began.
    pub(crate) fn began(&self) -> Option<u64> {
        self.found.map(|found| &found.twin).filter(|twin| twin.is_new).map(cluster)
    }

    /// What an article has of one that somebody else published before.
    pub(crate) fn copied(&self) -> Option<&'a Copied> {
        self.found.and_then(|found| found.copied.as_ref())
    }

    /// Whether what the event repeats is its author's own.
    pub(crate) fn is_own(&self, observed: &Observed<'_>) -> bool {
        let first = self.earlier().map(|twin| twin.first_author);
        self.copied().is_none() && first == Some(author_mark(observed.fact.author))
    }

    /// The message that began the cluster which the event joined.
    pub(crate) fn first(&self) -> Option<First> {
        Some(told(self.copies?.first(self.earlier()?)))?
    }

    /// The article that was published before.
    pub(crate) fn original(&self) -> Option<First> {
        Some(told(self.copies?.original(self.copied()?)))?
    }
}

/// What evidence cannot name is left out of it, and told.
fn told(first: Result<First, TextsError>) -> Option<First> {
    first.inspect_err(|error| tracing::error!(%error, "what a message is a copy of cannot be named")).ok()
}

/// The number of a twin's cluster as the state knows it: never 0.
pub(crate) fn cluster(twin: &Twin) -> u64 {
    twin.cluster + 1
}
