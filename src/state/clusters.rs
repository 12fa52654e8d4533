//! What is counted of a cluster of near-duplicates: members and authors, in all and lately.
//!
//! A bounded table in a fixed number of shards by key. What it answers depends on the facts that a shard took and their
//! order alone: not on threads, and not on how the stream was cut into batches. It is begun with a cluster's second
//! member: texts that nobody repeats cost nothing here.

mod cluster;
mod people;
mod windows;

#[cfg(test)]
mod tests;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use crate::event::Millis;
use crate::state::clock::{AT_MAX, Clock, clamp};
use crate::state::codec::{Broken, Reader, put_u64, put_var};
use crate::state::memory::SHARDS;
use cluster::{CLUSTER_BYTES_MIN, Cluster};

/// Facts between two sweeps of a shard, at least.
const SWEEP_FACTS_MIN: u64 = 1024;

/// A member of a cluster that has a first one already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterFact {
    /// The cluster.
    pub cluster: u64,
    /// When its first member was published.
    pub first_at: Millis,
    /// The first member's author, as 32 bits of a keyed hash; 0 for nobody.
    pub first_author: u32,
    /// When this member was published.
    pub at: Millis,
    /// This member's author, in the same way.
    pub author: u32,
}

/// What is known of a cluster at one member, that member and the first one included. Windows are `(at - window, at]` in
/// event time, and a member that comes late is counted where it belongs.
///
/// - `members` and `age_ms` are exact.
/// - `members_10m`, `members_1h` and `growth` are exact while none but the last 64 members lie in the windows. Beyond
///   them members are counted by the minute: never less than those 64, never less than the window less one minute, never more than
///   the window and one minute at each end.
/// - `authors` is exact up to 64 and then an estimate (standard error 6.5 %), never less than 64.
/// - `authors_10m` is exact while the last 64 members cover the window; and, at a member that is no earlier than all before it, while
///   no author but the 64 that were active last lies in the window. Beyond, it is an estimate (standard error 9.2 %, whole minutes).
///
/// That holds for members within an hour of the stream's time (authors: four minutes) and of a cluster that was not let go of between. Members of an author who was
/// erased stay counted, as members of nobody: nobody is no author.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClusterCounts {
    /// Members; stays at the greatest `u32`.
    pub members: u32,
    /// Different authors.
    pub authors: u32,
    /// Different authors in ten minutes.
    pub authors_10m: u32,
    /// Members in ten minutes.
    pub members_10m: u32,
    /// Members in an hour.
    pub members_1h: u32,
    /// Members of the last ten minutes by members of the ten before; 0 where there were none before.
    pub growth: f32,
    /// Since the first member; 0 for a member that is dated before it.
    pub age_ms: Millis,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Clusters {
    shards: Vec<Shard>,
}

impl Clusters {
    /// None yet. At most `clusters_max` are held; beyond, the least recently active go. One that had no member for
    /// `keep_ms` goes by itself: give it as long as a text is looked for, and a day for members that come late.
    #[must_use]
    pub fn new(clusters_max: usize, keep_ms: Millis) -> Self {
        Self { shards: vec![Shard::new(clusters_max / SHARDS, keep_ms); SHARDS] }
    }

    /// Adds a member and gives what is known of its cluster.
    pub fn take(&mut self, fact: &ClusterFact) -> ClusterCounts {
        let place = place(fact.cluster);
        self.shards[shard_of(place)].take(place, fact)
    }

    /// All that are held, in no order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        self.shards.iter().flat_map(|shard| shard.slots.iter().map(|slot| slot.key))
    }

    /// Whether it is held.
    pub(crate) fn has(&self, cluster: u64) -> bool {
        let place = place(cluster);
        self.shards[shard_of(place)].slots.find(place, |slot| slot.key == cluster).is_some()
    }

    /// How many are held at most.
    pub(crate) fn max(&self) -> usize {
        self.shards.iter().map(|shard| shard.clusters_max).sum()
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.len()).sum()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were let go to stay within the bound, since it was begun.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.evicted).sum()
    }

    /// Scrubs the mark of an author from all clusters. A sketch that counted it keeps that somebody was counted, of whom it
    /// knows less than the mark. Walks over all clusters, as an erasure is rare.
    pub fn scrub(&mut self, author: u32) {
        if author != 0 {
            let slots = |shard: &mut Shard| shard.slots.iter_mut().for_each(|slot| slot.cluster.scrub(author));
            self.shards.par_iter_mut().for_each(slots);
        }
    }
}

impl Clusters {
    /// One shard, canonical: the same clusters give the same bytes.
    pub(crate) fn encode_shard(&self, index: usize, out: &mut Vec<u8>) {
        self.shards[index].encode(out);
    }

    /// Reads what [`Clusters::encode_shard`] gave. A bound that is lower now takes effect with the next facts.
    pub(crate) fn decode_shard(&mut self, index: usize, reader: &mut Reader<'_>) -> Result<(), Broken> {
        let shard = &mut self.shards[index];
        *shard = Shard::decode(index, shard.clusters_max, shard.keep_ms, reader)?;
        Ok(())
    }
}

/// Keys are numbers that grow: the multiplication spreads them over both ends of the word.
fn place(key: u64) -> u64 {
    let product = u128::from(key) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (product >> 64) as u64 ^ product as u64
}

/// Bits that the table inside a shard uses neither for its tags nor for its places.
fn shard_of(place: u64) -> usize {
    (place >> 48) as usize % SHARDS
}

#[derive(Clone, Debug)]
struct Slot {
    key: u64,
    cluster: Cluster,
}

#[derive(Clone, Debug)]
struct Shard {
    slots: HashTable<Slot>,
    clusters_max: usize,
    keep_ms: Millis,
    clock: Clock,
    since_sweep: u64,
    evicted: u64,
}

impl Shard {
    fn new(clusters_max: usize, keep_ms: Millis) -> Self {
        let (slots, clock) = (HashTable::new(), Clock::default());
        Self {
            slots,
            clusters_max: clusters_max.max(1),
            keep_ms: keep_ms.clamp(0, AT_MAX),
            clock,
            since_sweep: 0,
            evicted: 0,
        }
    }

    fn take(&mut self, hash: u64, fact: &ClusterFact) -> ClusterCounts {
        let at = clamp(fact.at);
        let now = match self.clock.tick(at) {
            // Nobody knows the time of the stream yet.
            0 => at,
            now => now,
        };
        let key = fact.cluster;
        let entry = self.slots.entry(hash, |slot| slot.key == key, |slot| place(slot.key));
        let mut occupied = match entry {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => {
                entry.insert(Slot { key, cluster: Cluster::new(clamp(fact.first_at), fact.first_author, now) })
            }
        };
        let cluster = &mut occupied.get_mut().cluster;
        cluster.add(at, fact.author, now);
        let counts = cluster.counts(at);
        self.tidy(now);
        counts
    }

    /// Keeps the shard within its bounds, at an amortised cost of a few clusters a fact.
    fn tidy(&mut self, now: Millis) {
        self.since_sweep += 1;
        if self.slots.len() > self.clusters_max {
            self.evict();
        }
        if self.since_sweep >= SWEEP_FACTS_MIN.max(self.slots.len() as u64) {
            self.since_sweep = 0;
            self.slots.retain(|slot| {
                slot.cluster.rest(now);
                slot.cluster.active_at >= now - self.keep_ms
            });
        }
    }

    /// Drops the eighth that was active least lately, so that the next eighth of new clusters costs nothing.
    fn evict(&mut self) {
        let drop = self.slots.len() - (self.clusters_max - self.clusters_max / 8);
        let mut order: Vec<(Millis, u64)> = self.slots.iter().map(|slot| (slot.cluster.active_at, slot.key)).collect();
        let (_, &mut last, _) = order.select_nth_unstable(drop - 1);
        self.slots.retain(|slot| (slot.cluster.active_at, slot.key) > last);
        self.evicted = self.evicted.saturating_add(drop as u64);
    }

    /// Sorted by key.
    fn encode(&self, out: &mut Vec<u8>) {
        self.clock.encode(out);
        put_var(out, self.since_sweep);
        put_var(out, self.evicted);
        let mut slots: Vec<&Slot> = self.slots.iter().collect();
        slots.sort_unstable_by_key(|slot| slot.key);
        put_var(out, slots.len() as u64);
        for slot in slots {
            put_u64(out, slot.key);
            slot.cluster.encode(out);
        }
    }

    fn decode(index: usize, clusters_max: usize, keep_ms: Millis, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a shard of clusters";
        let mut shard = Self::new(clusters_max, keep_ms);
        shard.clock = Clock::decode(reader)?;
        shard.since_sweep = reader.var_u32(WHAT)?.into();
        shard.evicted = reader.var(WHAT)?;
        let count = reader.count(8 + CLUSTER_BYTES_MIN, WHAT)?;
        shard.slots.reserve(count, |slot| place(slot.key));
        let mut last = None;
        for _ in 0..count {
            let key = reader.u64(WHAT)?;
            if last.is_some_and(|last| last >= key) || shard_of(place(key)) != index {
                return Err(Broken(WHAT));
            }
            last = Some(key);
            let slot = Slot { key, cluster: Cluster::decode(reader)? };
            shard.slots.insert_unique(place(key), slot, |slot| place(slot.key));
        }
        Ok(shard)
    }
}

/// Bytes of a slot of the table.
#[cfg(test)]
const SLOT_BYTES: usize = size_of::<Slot>();
