//! What other lanes of a stage entered into their windows, and who joined their clusters: one for a process, asked by the windows of
//! all its lanes where they find nothing of their own.
//!
//! What a window finds here it *adopts*: the record is entered into its own log and window, as it was first stored, so that the
//! answer rests on the lane's own state from then on. What is here may be lost at any time; then less is found, and nothing that
//! was answered changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::event::Millis;

use super::Options;
use super::compare::Comparison;
use super::record::Record;
use super::seed::{Seed, mix};
use super::shelf::{TwinSizes, seconds};
use super::texts::{Texts, TextsError};
use super::twins::{Arrival, Scratch, Twins};

/// Members that are remembered, of all clusters together; the oldest go.
const MEMBERS_MAX: usize = 1 << 19;
/// Authors who were forgotten, so that what they wrote is not taken when it is heard of late; the longest gone go.
const FORGOTTEN_MAX: usize = 100_000;

/// A member of a cluster, as lanes tell one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The cluster, by its first member: the same in every lane.
    pub origin: u64,
    /// When the member was published.
    pub at: Millis,
    /// Its author, as 32 bits of a keyed hash.
    pub author: u32,
}

/// What a cluster is known by in every lane.
pub(super) fn origin(at: u32, author: u32, sketch: u64) -> u64 {
    mix(sketch ^ 0x9E37_79B9_7F4A_7C15, u64::from(at) << 32 | u64::from(author) | 1)
}

/// What came since a lane last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Up to where each source is heard now, where that changed.
    pub upto: Vec<(u32, i64)>,
    /// Who joined which cluster, in the order in which it was heard.
    pub members: Vec<Joined>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    source: u32,
    offset: i64,
    joined: Joined,
}

/// See the module.
pub struct Elsewhere {
    inner: RwLock<Inner>,
    adopted: AtomicU64,
}

struct Inner {
    twins: Twins,
    /// Authors, and until when what they wrote is forgotten, in seconds.
    forgotten: BTreeMap<u32, u32>,
    members: VecDeque<Heard>,
    /// How many members went before the first that is here.
    gone: u64,
    /// Where the members of a cluster are, by how many were ever heard before each.
    by_origin: HashMap<u64, VecDeque<u64>, FixedState>,
    /// The offset after the last that was heard of each source.
    ends: BTreeMap<u32, i64>,
}

impl Elsewhere {
    /// Nothing heard yet; `texts` is empty. The bounds are those of all lanes' entries together.
    #[must_use]
    pub fn new(options: &Options, seed: Seed, texts: Arc<dyn Texts>) -> Self {
        let inner = Inner {
            twins: Twins::new(options, seed, texts),
            forgotten: BTreeMap::new(),
            members: VecDeque::new(),
            gone: 0,
            by_origin: HashMap::default(),
            ends: BTreeMap::new(),
        };
        Self { inner: RwLock::new(inner), adopted: AtomicU64::new(0) }
    }

    // Every change under this lock leaves what a reader can live with.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes records that a lane entered, each behind its length, as [`Twins::take_told`] gave them.
    ///
    /// # Errors
    /// What is wrong with them; those before it are taken.
    pub fn entered(&self, source: u32, offset: i64, mut records: &[u8]) -> Result<(), &'static str> {
        let mut inner = self.write();
        inner.heard(source, offset);
        while let Some((length, rest)) = records.split_first_chunk() {
            let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("it is cut off")?;
            records = rest;
            let record = Record::decode(record)?;
            let is_forgotten = inner.forgotten.get(&record.author).is_some_and(|until| record.at <= *until);
            if record.author != 0 && !is_forgotten {
                inner.twins.enter_record(&record);
            }
        }
        inner.twins.release();
        if records.is_empty() { Ok(()) } else { Err("it is cut off") }
    }

    /// Takes members that joined a lane's clusters.
    pub fn joined(&self, source: u32, offset: i64, members: &[Joined]) {
        let mut inner = self.write();
        inner.heard(source, offset);
        for &joined in members {
            let number = inner.gone + inner.members.len() as u64;
            inner.by_origin.entry(joined.origin).or_default().push_back(number);
            inner.members.push_back(Heard { source, offset, joined });
        }
        while inner.members.len() > MEMBERS_MAX {
            inner.drop_oldest();
        }
    }

    /// Forgets what an author wrote until then, here and when it is heard of late.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be overwritten.
    pub fn forget(&self, author: u32, at: Millis) -> Result<(), TextsError> {
        let mut inner = self.write();
        let until = inner.forgotten.entry(author).or_default();
        *until = seconds(at).max(*until);
        if inner.forgotten.len() > FORGOTTEN_MAX {
            let longest = inner.forgotten.iter().min_by_key(|(_, until)| **until).map(|(author, _)| *author);
            longest.map(|author| inner.forgotten.remove(&author));
        }
        for heard in inner.members.iter_mut().filter(|heard| heard.joined.author == author) {
            heard.joined.author = 0;
        }
        inner.twins.forget(author).map(drop)
    }

    /// What came since `cursor`, which moves on, of all sources but `own`, where it lies after what was heard before.
    pub fn since(&self, cursor: &mut u64, heard: &BTreeMap<u32, i64>, own: u32) -> News {
        let inner = self.read();
        let known = |source: &u32| heard.get(source).copied().unwrap_or(0);
        let upto = inner.ends.iter().filter(|(source, end)| **source != own && **end > known(source));
        let upto = upto.map(|(source, end)| (*source, *end)).collect();
        let from = usize::try_from(cursor.saturating_sub(inner.gone)).unwrap_or(usize::MAX).min(inner.members.len());
        let new = inner.members.range(from..);
        let new = new.filter(|heard| heard.source != own && heard.offset >= known(&heard.source));
        let members = new.map(|heard| heard.joined).collect();
        *cursor = inner.gone + inner.members.len() as u64;
        News { upto, members }
    }

    /// Who joined a cluster before `cursor`, in all sources but `own`.
    pub fn history(&self, origin: u64, cursor: u64, own: u32) -> Vec<Joined> {
        let inner = self.read();
        let numbers = inner.by_origin.get(&origin).into_iter().flatten().take_while(|number| **number < cursor);
        let heard = numbers.filter_map(|number| inner.members.get((*number - inner.gone) as usize));
        heard.filter(|heard| heard.source != own).map(|heard| heard.joined).collect()
    }

    /// The record of the oldest entry that the text is a near-duplicate of, and what they have in common.
    pub(super) fn find(
        &self,
        arrival: &Arrival<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<(Vec<u8>, Comparison)>, TextsError> {
        self.read().twins.find_record(arrival, scratch)
    }

    pub(super) fn adopts(&self) {
        self.adopted.fetch_add(1, Ordering::Relaxed);
    }

    /// How many records were adopted from here, by all lanes.
    #[must_use]
    pub fn adopted(&self) -> u64 {
        self.adopted.load(Ordering::Relaxed)
    }

    /// How much is held.
    #[must_use]
    pub fn sizes(&self) -> TwinSizes {
        self.read().twins.sizes()
    }
}

impl std::fmt::Debug for Elsewhere {
    /// Without what people wrote.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Elsewhere").field("sizes", &self.sizes()).finish_non_exhaustive()
    }
}

impl Inner {
    fn heard(&mut self, source: u32, offset: i64) {
        let end = self.ends.entry(source).or_default();
        *end = (offset + 1).max(*end);
    }

    fn drop_oldest(&mut self) {
        let Some(heard) = self.members.pop_front() else { return };
        self.gone += 1;
        let origin = heard.joined.origin;
        let is_empty = self.by_origin.get_mut(&origin).is_some_and(|numbers| {
            numbers.pop_front();
            numbers.is_empty()
        });
        if is_empty {
            self.by_origin.remove(&origin);
        }
    }
}
