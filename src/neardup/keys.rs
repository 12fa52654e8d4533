//! Which entries have this key? A table of a fixed size that forgets the oldest.
//!
//! A key belongs to one set of sixteen slots, one line of the cache. A slot holds the lower bits of an entry's number, and in
//! what is left of 32 bits the lower bits of the key, to tell it from the other keys of its set. Slots stand in the order in which
//! they came, the youngest first: what comes in pushes the oldest out, so nothing has to be done for entries that expire.
//!
//! Lower bits of a number are told from those of one a lap older by wiping: with every entry a few sets lose the slots of entries
//! that are kept no more, each set in turn, so that no slot lives to see its number come again.

/// Slots of a set: 64 bytes.
const SLOTS: usize = 16;
/// Slots of a set that may have one and the same key. A key that many texts have (转发微博, a template's first words) keeps its
/// youngest entries and leaves the other keys of its set alone.
const SAME_KEY_MAX: usize = 12;
/// Sets for each key, in thousandths: 12.5 of 16 slots are full on average.
const SETS_PER_MILLE: usize = 80;

/// See the module. Entries have numbers; the caller says which is the next one, and how many of the last are kept.
#[derive(Clone, Debug)]
pub(super) struct KeyTable {
    sets: Vec<[u32; SLOTS]>,
    /// How many bits of a slot are the number's.
    number_bits: u32,
    /// Entries within which every set is wiped once.
    wipe_entries: u64,
    wipe_debt: u64,
    wipe_next: usize,
}

impl KeyTable {
    pub(super) fn new(entries_max: usize, keys_each: usize) -> Self {
        let numbers = entries_max + entries_max / 4 + 8;
        let number_bits = usize::BITS - numbers.leading_zeros();
        let sets = (entries_max * keys_each * SETS_PER_MILLE).div_ceil(1000).max(1);
        let modulus = (1_u64 << number_bits) - 1;
        // Memory that the system hands out as zeros: a page is touched when something is first put on it.
        Self {
            sets: vec![[0; SLOTS]; sets],
            number_bits,
            wipe_entries: modulus - entries_max as u64 - 2,
            wipe_debt: 0,
            wipe_next: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    /// Numbers are kept modulo this, and one is added: an empty slot is 0.
    fn modulus(&self) -> u64 {
        (1 << self.number_bits) - 1
    }

    fn set_of(&self, key: u32) -> usize {
        ((u64::from(key) * self.sets.len() as u64) >> 32) as usize
    }

    fn tag_of(&self, key: u32) -> u32 {
        key << self.number_bits
    }

    /// Reads the set of a key; gives something to depend on.
    pub(super) fn touch(&self, key: u32) -> u32 {
        self.sets[self.set_of(key)][0]
    }

    /// Enters the entry `number` under a key.
    pub(super) fn insert(&mut self, key: u32, number: u64) {
        let (at, tag, bits) = (self.set_of(key), self.tag_of(key), self.number_bits);
        let slot = tag | (number % self.modulus() + 1) as u32;
        let set = &mut self.sets[at];
        let is_same = |other: &u32| *other != 0 && (other ^ tag) >> bits == 0;
        let full = set.iter().filter(|other| is_same(other)).count() >= SAME_KEY_MAX;
        let goes = if full { set.iter().rposition(is_same) } else { None };
        set.copy_within(0..goes.unwrap_or(SLOTS - 1), 1);
        set[0] = slot;
    }

    /// The ages of the entries that have a key, the youngest first: 1 is the entry before `next`, and none is above `age_max`.
    pub(super) fn ages(&self, key: u32, next: u64, age_max: u32, mut visit: impl FnMut(u32)) {
        let (set, tag, bits) = (&self.sets[self.set_of(key)], self.tag_of(key), self.number_bits);
        let mut found = 0_u32;
        for (i, slot) in set.iter().enumerate() {
            found |= u32::from((slot ^ tag) >> bits == 0) << i;
        }
        let now = (next % self.modulus() + 1) as u32;
        while found != 0 {
            let slot = set[found.trailing_zeros() as usize];
            found &= found - 1;
            let age = self.age(slot, now);
            if slot == 0 || age > age_max {
                return;
            }
            visit(age);
        }
    }

    fn age(&self, slot: u32, now: u32) -> u32 {
        let then = slot & self.modulus() as u32;
        if now > then { now - then } else { now + self.modulus() as u32 - then }
    }

    /// Wipes the share of the sets that is due with every entry. Nobody can tell when a set was wiped: only slots that
    /// [`KeyTable::ages`] leaves out go.
    pub(super) fn wipe(&mut self, next: u64, age_max: u32) {
        let now = (next % self.modulus() + 1) as u32;
        self.wipe_debt += self.sets.len() as u64;
        while self.wipe_debt >= self.wipe_entries {
            self.wipe_debt -= self.wipe_entries;
            let mut set = self.sets[self.wipe_next];
            for slot in &mut set {
                let is_kept = self.age(*slot, now) <= age_max;
                *slot *= u32::from(is_kept);
            }
            self.sets[self.wipe_next] = set;
            self.wipe_next = (self.wipe_next + 1) % self.sets.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the table promises, in the plainest way: the last entries of each set.
    struct Plain {
        table: KeyTable,
        sets: Vec<Vec<(u32, u64)>>,
    }

    impl Plain {
        fn insert(&mut self, key: u32, number: u64) {
            let is_same = |other: u32| self.table.tag_of(other) == self.table.tag_of(key);
            let set = &mut self.sets[self.table.set_of(key)];
            let same: Vec<usize> = (0..set.len()).filter(|&at| is_same(set[at].0)).collect();
            if same.len() >= SAME_KEY_MAX {
                set.remove(same[same.len() - 1]);
            }
            set.insert(0, (key, number));
            set.truncate(SLOTS);
        }

        fn ages(&self, key: u32, next: u64, age_max: u32) -> Vec<u32> {
            let is_same = |other: u32| self.table.tag_of(other) == self.table.tag_of(key);
            let set = &self.sets[self.table.set_of(key)];
            let ages = set.iter().filter(|(other, _)| is_same(*other)).map(|(_, number)| next - number);
            ages.filter(|age| *age <= u64::from(age_max)).map(|age| age as u32).collect()
        }
    }

    proptest! {
        /// Over many laps, hot keys and cold ones: what is found is what was entered last, and nothing else.
        #[test]
        fn the_table_knows_the_youngest_entries_of_a_key(
            keys in proptest::collection::vec((any::<u32>(), 0_u32..6, 0_u8..3), 1..900),
            entries_max in 1_usize..40,
        ) {
            let table = KeyTable::new(entries_max, 8);
            let sets = vec![Vec::new(); table.sets.len()];
            let mut plain = Plain { table, sets };
            let mut kept_from = 0;
            for (next, (cold, hot, drop)) in keys.into_iter().enumerate() {
                let next = next as u64;
                // The oldest may go before the bound asks for it.
                kept_from = (kept_from + u64::from(drop / 2)).max(next.saturating_sub(entries_max as u64)).min(next);
                let age_max = (next - kept_from) as u32;
                let hot = hot.wrapping_mul(0x9E37_79B9);
                for key in [cold, hot] {
                    let mut found = Vec::new();
                    plain.table.ages(key, next, age_max, |age| found.push(age));
                    prop_assert_eq!(found, plain.ages(key, next, age_max));
                }
                plain.table.wipe(next, age_max);
                for key in [cold, hot] {
                    plain.table.insert(key, next);
                    plain.insert(key, next);
                }
            }
        }
    }
}
