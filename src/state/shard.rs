//! A bounded table of tracks: one shard of the authors, or of the rooms.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::event::Millis;
use crate::state::clock::Clock;
use crate::state::codec::{Broken, Reader, put_u32, put_u64, put_var};
use crate::state::post::Post;
use crate::state::ring::MINUTE;
use crate::state::track::{Kind, Seen, TRACK_BYTES_MIN, Track};

/// Facts between two sweeps, at least.
const SWEEP_FACTS_MIN: u64 = 1024;

/// Keys are keyed hashes already: the table takes them as they are.
#[derive(Clone, Debug)]
struct Slot {
    key: u64,
    /// The minute of the earliest post, since 1970.
    first_minute: u32,
    track: Track,
}

/// What a shard answers for one post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) seen: Seen,
    /// Whether the key was not known before.
    pub(crate) first: bool,
    /// Whole days since the earliest post.
    pub(crate) days: u32,
}

/// Where a key stood when it was looked for; nowhere if it was not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place(Option<usize>);

/// See the module. Everything that happens to it depends only on the posts that it took and their order.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    slots: HashTable<Slot>,
    keys_max: usize,
    clock: Clock,
    since_sweep: u64,
    pub(crate) evicted: u64,
}

impl Shard {
    pub(crate) fn new(keys_max: usize) -> Self {
        let keys_max = keys_max.max(1);
        Self { slots: HashTable::new(), keys_max, clock: Clock::default(), since_sweep: 0, evicted: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Where the slot of a key stands, as long as no key comes or goes. Reads the slot.
    pub(crate) fn place(&self, key: u64) -> Place {
        Place(self.slots.find_bucket_index(key, |slot| slot.key == key))
    }

    /// Reads what the slot there points to; gives something to depend on.
    pub(crate) fn touch(&self, Place(place): Place) -> u32 {
        place.and_then(|place| self.slots.get_bucket(place)).map_or(0, |slot| slot.track.touch())
    }

    /// Remembers a post and gives what is known of its key, which stood in that place some posts ago.
    pub(crate) fn take(&mut self, kind: &Kind, Place(place): Place, key: u64, post: Post) -> Known {
        let now = self.clock.tick(post.at());
        let slot = place.and_then(|place| self.slots.get_bucket_mut(place)).filter(|slot| slot.key == key);
        let known = match slot {
            Some(slot) => slot.take(kind, post, now),
            None => self.take_anywhere(kind, key, post, now),
        };
        self.tidy(now);
        known
    }

    fn take_anywhere(&mut self, kind: &Kind, key: u64, post: Post, now: Millis) -> Known {
        match self.slots.entry(key, |slot| slot.key == key, |slot| slot.key) {
            Entry::Occupied(mut entry) => entry.get_mut().take(kind, post, now),
            Entry::Vacant(entry) => {
                let first_minute = (post.at() / MINUTE) as u32;
                entry.insert(Slot { key, first_minute, track: Track::new(post) });
                Known { seen: Seen::alone(post), first: true, days: 0 }
            }
        }
    }

    /// Keeps the shard within its bounds, at an amortised cost of a few slots a post.
    fn tidy(&mut self, now: Millis) {
        self.since_sweep += 1;
        if self.slots.len() > self.keys_max {
            self.evict();
        }
        if self.since_sweep >= SWEEP_FACTS_MIN.max(self.slots.len() as u64) {
            self.since_sweep = 0;
            self.slots.iter_mut().for_each(|slot| slot.track.rest(now));
        }
    }

    /// Drops the eighth that was active least lately, so that the next eighth of new keys costs nothing.
    fn evict(&mut self) {
        let drop = self.slots.len() - (self.keys_max - self.keys_max / 8);
        let mut order: Vec<(Millis, u64)> = self.slots.iter().map(|slot| (slot.track.last_at(), slot.key)).collect();
        let (_, &mut last, _) = order.select_nth_unstable(drop - 1);
        self.slots.retain(|slot| (slot.track.last_at(), slot.key) > last);
        self.evicted = self.evicted.saturating_add(drop as u64);
    }

    /// Forgets a key. Whether it was known.
    pub(crate) fn forget(&mut self, key: u64) -> bool {
        match self.slots.find_entry(key, |slot| slot.key == key) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    /// Scrubs the mark of an author from all posts of a shard of rooms.
    pub(crate) fn scrub(&mut self, other: u32) {
        self.slots.iter_mut().for_each(|slot| slot.track.scrub(other));
    }

    /// Canonical: sorted by key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.clock.encode(out);
        put_var(out, self.since_sweep);
        put_var(out, self.evicted);
        let mut slots: Vec<&Slot> = self.slots.iter().collect();
        slots.sort_unstable_by_key(|slot| slot.key);
        put_var(out, slots.len() as u64);
        for slot in slots {
            put_u64(out, slot.key);
            put_u32(out, slot.first_minute);
            slot.track.encode(out);
        }
    }

    pub(crate) fn decode(kind: &Kind, keys_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a shard of keys";
        let mut shard = Self::new(keys_max);
        shard.clock = Clock::decode(reader)?;
        shard.since_sweep = reader.var_u32(WHAT)?.into();
        shard.evicted = reader.var(WHAT)?;
        let count = reader.count(12 + TRACK_BYTES_MIN, WHAT)?;
        shard.slots.reserve(count, |slot| slot.key);
        let mut last = None;
        for _ in 0..count {
            let slot = Slot::decode(kind, reader)?;
            if last.is_some_and(|last| last >= slot.key) {
                return Err(Broken(WHAT));
            }
            last = Some(slot.key);
            shard.slots.insert_unique(slot.key, slot, |slot| slot.key);
        }
        Ok(shard)
    }
}

impl Slot {
    fn take(&mut self, kind: &Kind, post: Post, now: Millis) -> Known {
        let minute = (post.at() / MINUTE) as u32;
        self.track.add(kind, post, now);
        self.first_minute = self.first_minute.min(minute);
        let days = (minute - self.first_minute) / (24 * 60);
        Known { seen: self.track.seen(kind, post), first: false, days }
    }

    fn decode(kind: &Kind, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let key = reader.u64("a key")?;
        let first_minute = reader.u32("a key")?;
        let track = Track::decode(kind, reader)?;
        if i64::from(first_minute) > track.last_at() / MINUTE {
            return Err(Broken("a key's first minute"));
        }
        Ok(Self { key, first_minute, track })
    }
}

#[cfg(test)]
pub(crate) fn slot_bytes() -> usize {
    size_of::<Slot>()
}
