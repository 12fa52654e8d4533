//! What the stage remembers of the time before one event.

use crate::neardup::{Twin, Twins};
use crate::state::{Counts, author_mark};

use super::observe::Observed;

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Remembered<'a> {
    pub(crate) counts: &'a Counts,
    /// What it is a near-duplicate of; `None` where that was not looked for, or the text says too little.
    pub(crate) twin: Option<&'a Twin>,
    /// Where near-duplicates are looked for.
    pub(crate) twins: Option<&'a Twins>,
}

impl<'a> Remembered<'a> {
    /// The first event of all.
    pub(crate) fn only(counts: &'a Counts) -> Self {
        Self { counts, twin: None, twins: None }
    }

    /// The cluster that the event joined.
    pub(crate) fn joined(&self) -> Option<u64> {
        self.twin.filter(|twin| !twin.is_new).map(cluster)
    }

    /// The cluster that the event began.
    pub(crate) fn began(&self) -> Option<u64> {
        self.twin.filter(|twin| twin.is_new).map(cluster)
    }

    /// Whether the event joined a cluster that its own author began.
    pub(crate) fn is_own(&self, observed: &Observed<'_>) -> bool {
        let first = self.twin.filter(|twin| !twin.is_new).map(|twin| twin.first_author);
        first == Some(author_mark(observed.fact.author))
    }

    /// The id of the first event of the cluster that the event joined.
    pub(crate) fn first_id(&self) -> Option<String> {
        let twin = self.twin.filter(|twin| !twin.is_new)?;
        match self.twins?.stored(twin.address) {
            Ok(first) => Some(first.id),
            Err(error) => {
                tracing::error!(%error, "the first message of a cluster cannot be named");
                None
            }
        }
    }
}

/// The number of a twin's cluster as the state knows it: never 0.
pub(crate) fn cluster(twin: &Twin) -> u64 {
    twin.cluster + 1
}
