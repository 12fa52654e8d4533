//! The entries of the window: fixed memory, a ring in which the youngest takes the oldest's place.
//!
//! 44 bytes an entry, and its keys. Memory is handed out as zeros and touched as the window fills.

use crate::event::Millis;

use super::Options;
use super::keys::KeyTable;
use super::mark::{Mark, Script};
use super::record::Record;
use super::sketch::Sketch;
use super::texts::ALIGN_BYTES;

/// Entries that share a key whose sketches are looked at, those with most keys in common and then the youngest first.
const LOOKED_AT_MAX: usize = 32;
/// Entries whose texts are read, those whose sketches agree best first.
pub(super) const COMPARED_MAX: usize = 8;
/// Bounds smaller than this are taken as this.
const ENTRIES_MIN: usize = 4;
/// Addresses are held modulo 2^32 units; the texts of the window must lie within less.
const TEXT_BYTES_MAX: u64 = 60 << 30;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Window {
    options: Options,
    keys: KeyTable,
    sketches: Vec<[u64; 4]>,
    /// Seconds since 1970.
    at: Vec<u32>,
    /// In units of [`ALIGN_BYTES`].
    addresses: Vec<u32>,
    /// 0 for what is forgotten.
    authors: Vec<u32>,
    /// The number of the next entry, and its place in the ring.
    next: u64,
    place: usize,
    /// The oldest entry that is kept.
    kept_from: u64,
    last_address: u64,
    /// Times of the last three entries, whose median is what time it is.
    last_at: [u32; 3],
}

/// An entry, by how many were entered since, itself counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age(pub(super) u32);

/// What one lookup uses again for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    ages: Vec<u32>,
    /// Keys in common, and the age.
    shared: Vec<(u32, u32)>,
    /// The similarity by the sketches, in 1/65536, and the age.
    promising: Vec<(u32, u32)>,
}

/// Whether a text is worth reading that shares so many keys and is so similar by the sketches. A sample of 64 errs by 0.05 at
/// the least similarity that counts as near, 0.25; what is near shares several keys as a rule, and what shares one turn of phrase
/// does not. Any two texts of Latin letters have more in common than two of Chinese characters.
pub(super) fn is_promising(script: Script, keys: u32, similarity: f32) -> bool {
    let least = match (script, keys) {
        (Script::Wide, ..=1) => 0.17,
        (Script::Wide, _) => 0.12,
        (Script::Narrow, ..=1) => 0.22,
        (Script::Narrow, _) => 0.16,
    };
    similarity >= least
}

impl Window {
    pub(super) fn new(options: &Options, keys_each: usize) -> Self {
        let entries_max = options.entries_max.clamp(ENTRIES_MIN, 1 << 29);
        let text_bytes_max = options.text_bytes_max.min(TEXT_BYTES_MAX);
        Self {
            options: Options { entries_max, text_bytes_max, ..*options },
            keys: KeyTable::new(entries_max, keys_each),
            sketches: vec![[0; 4]; entries_max],
            at: vec![0; entries_max],
            addresses: vec![0; entries_max],
            authors: vec![0; entries_max],
            next: 0,
            place: 0,
            kept_from: 0,
            last_address: 0,
            last_at: [0; 3],
        }
    }

    /// The number of the next entry.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The oldest entry that is kept.
    pub(super) fn kept_from(&self) -> u64 {
        self.kept_from
    }

    /// The address of the oldest text that is kept; `None` where there is none.
    pub(super) fn kept_from_address(&self) -> Option<u64> {
        (self.kept_from < self.next).then(|| self.address(self.age_of(self.kept_from)))
    }

    /// Bytes of memory once all is touched.
    pub(super) fn bytes(&self) -> usize {
        let entry = size_of::<[u64; 4]>() + 3 * size_of::<u32>();
        self.keys.bytes() + entry * self.options.entries_max
    }

    pub(super) fn number(&self, age: Age) -> u64 {
        self.next - u64::from(age.0)
    }

    fn age_of(&self, number: u64) -> Age {
        Age((self.next - number) as u32)
    }

    /// The entry of that number, if it is kept and was not forgotten.
    pub(super) fn find(&self, number: u64) -> Option<Age> {
        let is_kept = (self.kept_from..self.next).contains(&number);
        let age = is_kept.then(|| self.age_of(number))?;
        (self.author(age) != 0).then_some(age)
    }

    fn age_max(&self) -> u32 {
        (self.next - self.kept_from) as u32
    }

    fn place_of(&self, age: Age) -> usize {
        let age = age.0 as usize;
        if self.place >= age { self.place - age } else { self.place + self.options.entries_max - age }
    }

    /// Seconds since 1970.
    pub(super) fn at(&self, age: Age) -> u32 {
        self.at[self.place_of(age)]
    }

    pub(super) fn author(&self, age: Age) -> u32 {
        self.authors[self.place_of(age)]
    }

    /// A part of the entry's sketch.
    pub(super) fn sketch(&self, age: Age) -> u64 {
        self.sketches[self.place_of(age)][0]
    }

    pub(super) fn address(&self, age: Age) -> u64 {
        let last = (self.last_address / ALIGN_BYTES) as u32;
        let back = last.wrapping_sub(self.addresses[self.place_of(age)]);
        self.last_address - u64::from(back) * ALIGN_BYTES
    }

    /// Reads the sets of a text's keys; gives something to depend on.
    pub(super) fn touch_keys(&self, keys: impl Iterator<Item = u32>) -> u32 {
        keys.fold(0, |sum, key| sum ^ self.keys.touch(key))
    }

    /// Reads the sketches that [`Window::promising`] will look at; gives something to depend on.
    pub(super) fn touch_sketches(&self, keys: impl Iterator<Item = u32>) -> u64 {
        let (age_max, mut sum) = (self.age_max(), 0);
        for key in keys {
            self.keys.ages(key, self.next, age_max, |age| sum ^= self.sketches[self.place_of(Age(age))][0]);
        }
        sum
    }

    /// The entries whose texts are worth comparing with a text that was published at `at`, the oldest first.
    pub(super) fn promising(&self, mark: &Mark, at: u32, lookup: &mut Lookup, out: &mut Vec<Age>) {
        out.clear();
        self.share_keys(mark.keys_asked(), lookup);
        lookup.promising.clear();
        for &(keys, age) in &lookup.shared {
            let agreement = Sketch(self.sketches[self.place_of(Age(age))]).agreement(&mark.sketch);
            let similarity = agreement.similarity();
            if is_promising(mark.script, keys, similarity) && self.may_match(Age(age), at) {
                lookup.promising.push(((similarity * 65536.0) as u32, age));
            }
        }
        if lookup.promising.len() > COMPARED_MAX {
            // The best first, the oldest of equals.
            lookup.promising.sort_unstable_by(|a, b| b.cmp(a));
            lookup.promising.truncate(COMPARED_MAX);
        }
        out.extend(lookup.promising.iter().map(|(_, age)| Age(*age)));
        out.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// The entries that share so many of these keys, the oldest first; of more than are compared, those with most in common.
    pub(super) fn sharing(
        &self,
        keys: impl Iterator<Item = u32>,
        keys_min: u32,
        at: u32,
        lookup: &mut Lookup,
        out: &mut Vec<Age>,
    ) {
        out.clear();
        self.share_keys(keys, lookup);
        lookup.shared.retain(|&(keys, age)| keys >= keys_min && self.may_match(Age(age), at));
        if lookup.shared.len() > COMPARED_MAX {
            lookup.shared.sort_unstable_by(|a, b| b.cmp(a));
            lookup.shared.truncate(COMPARED_MAX);
        }
        out.extend(lookup.shared.iter().map(|(_, age)| Age(*age)));
        out.sort_unstable_by(|a, b| b.cmp(a));
    }

    fn may_match(&self, age: Age, at: u32) -> bool {
        let place = self.place_of(age);
        let apart = Millis::from(self.at[place].abs_diff(at)) * 1000;
        self.authors[place] != 0 && apart <= self.options.window_ms
    }

    /// The entries that share keys with a text, no more than are looked at.
    fn share_keys(&self, keys: impl Iterator<Item = u32>, lookup: &mut Lookup) {
        let Lookup { ages, shared, .. } = lookup;
        ages.clear();
        shared.clear();
        let age_max = self.age_max();
        for key in keys {
            self.keys.ages(key, self.next, age_max, |age| ages.push(age));
        }
        ages.sort_unstable();
        for &age in &*ages {
            match shared.last_mut() {
                Some((keys, last)) if *last == age => *keys += 1,
                _ => shared.push((1, age)),
            }
        }
        if shared.len() > LOOKED_AT_MAX {
            shared.sort_unstable_by_key(|&(keys, age)| (std::cmp::Reverse(keys), age));
            shared.truncate(LOOKED_AT_MAX);
        }
    }

    /// Which entry would be the oldest that is kept, were one of this time and address entered.
    pub(super) fn kept_from_with(&self, at: u32, address: u64) -> u64 {
        let [_, b, c] = self.last_at;
        let now = b.min(c).max(b.max(c).min(at));
        let mut kept_from = self.kept_from.max((self.next + 1).saturating_sub(self.options.entries_max as u64));
        // The last three entries stay, as the time is told by them, and numbers go on from the last one.
        while kept_from + 3 <= self.next {
            let age = self.age_of(kept_from);
            let is_over = Millis::from(now.saturating_sub(self.at(age))) * 1000 > self.options.window_ms;
            if !is_over && address - self.address(age) <= self.options.text_bytes_max {
                break;
            }
            kept_from += 1;
        }
        kept_from
    }

    /// Enters what was stored at `address`.
    pub(super) fn enter(&mut self, record: &Record<'_>, address: u64) {
        let place = self.place;
        if self.next >= self.options.entries_max as u64 {
            self.keys.wipe(self.next, self.age_max());
        }
        for key in record.keys.iter() {
            self.keys.insert(key, self.next);
        }
        self.sketches[place] = record.sketch.0;
        self.at[place] = record.at;
        self.addresses[place] = (address / ALIGN_BYTES) as u32;
        self.authors[place] = record.author;
        self.last_at = [self.last_at[1], self.last_at[2], record.at];
        self.last_address = address;
        self.next += 1;
        self.place = if place + 1 == self.options.entries_max { 0 } else { place + 1 };
        self.kept_from = self.kept_from.max(record.kept_from);
    }

    /// Begins at the number of the first record that is found; only where nothing was entered.
    pub(super) fn begin(&mut self, number: u64) {
        self.next = number;
        self.kept_from = number;
    }

    /// The entries of an author that still have their place in the ring, kept or not, the oldest first.
    pub(super) fn of_author(&self, author: u32) -> Vec<Age> {
        let in_ring = (self.options.entries_max as u64).min(self.next) as u32;
        (1..=in_ring).rev().map(Age).filter(|age| author != 0 && self.author(*age) == author).collect()
    }

    /// Leaves an entry's place and keys, and nothing of its text.
    pub(super) fn forget(&mut self, age: Age) {
        let place = self.place_of(age);
        self.sketches[place] = [0; 4];
        self.authors[place] = 0;
    }
}
