//! What a lane hears of other lanes' clusters, and makes part of its own state.
//!
//! Members that joined elsewhere are counted where the lane holds the cluster itself: those before it did when it begins to, those
//! after with each batch. Up to where it has heard each source is part of its state, so that nobody is counted twice.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::event::Millis;
use crate::neardup::{Elsewhere, Joined, News, TextsError, Twin, Twins};
use crate::state::{ClusterFact, State};

use super::remembered::cluster;

/// See the module.
pub(crate) struct Hearing {
    elsewhere: Arc<Elsewhere>,
    /// The lane's own number: what it said itself it knows.
    source: u32,
    cursor: u64,
    /// The clusters that the lane holds, by what they are called everywhere.
    held: HashMap<u64, First, FixedState>,
    /// Who joined in this batch.
    told: Vec<Joined>,
}

/// A cluster's first member.
#[derive(Clone, Copy)]
struct First {
    cluster: u64,
    at: Millis,
    author: u32,
}

impl First {
    fn joined_by(self, joined: &Joined) -> ClusterFact {
        let Self { cluster, at: first_at, author: first_author } = self;
        ClusterFact { cluster, first_at, first_author, at: joined.at, author: joined.author }
    }
}

impl Hearing {
    /// Knows again which clusters `state` holds.
    pub(crate) fn new(elsewhere: Arc<Elsewhere>, source: u32, state: &State, twins: &Twins) -> Self {
        let mut held = HashMap::default();
        for cluster in state.clusters() {
            // The number of a cluster is that of its entry and one.
            if let Some((origin, at, author)) = cluster.checked_sub(1).and_then(|number| twins.origin(number)) {
                held.insert(origin, First { cluster, at, author });
            }
        }
        Self { elsewhere, source, cursor: 0, held, told: Vec::new() }
    }

    /// Takes in what was heard since the last batch.
    pub(crate) fn begin_batch(&mut self, state: &mut State) {
        let News { upto, members } = self.elsewhere.since(&mut self.cursor, state.heard(), self.source);
        let fact = |joined: &Joined| self.held.get(&joined.origin).map(|first| first.joined_by(joined));
        let facts: Vec<ClusterFact> = members.iter().filter_map(fact).collect();
        if !facts.is_empty() || !upto.is_empty() {
            state.hear(upto, facts);
        }
        if self.held.len() > state.clusters_max() {
            self.held.retain(|_, first| state.has_cluster(first.cluster));
        }
    }

    /// A message joined a cluster of the lane's window: others are told, and where the lane begins to hold it, so far nobody of
    /// those who joined elsewhere is counted.
    pub(crate) fn joins(&mut self, twin: &Twin, joined: Joined, state: &mut State) {
        let origin = joined.origin;
        let cluster = cluster(twin);
        let first = First { cluster, at: twin.first_at, author: twin.first_author };
        let was_held = self.held.insert(origin, first).is_some();
        if !was_held || !state.has_cluster(cluster) {
            let before = self.elsewhere.history(origin, self.cursor, self.source);
            if !before.is_empty() {
                state.hear(Vec::new(), before.iter().map(|joined| first.joined_by(joined)).collect());
            }
        }
        self.told.push(joined);
    }

    /// Forgets what an author wrote, in all lanes.
    pub(crate) fn forget(&self, author: u32, at: Millis) -> Result<(), TextsError> {
        self.elsewhere.forget(author, at)
    }

    /// Who joined in this batch.
    pub(crate) fn take_told(&mut self) -> Vec<Joined> {
        std::mem::take(&mut self.told)
    }
}
