//! A bounded table by key: beyond its bound, a quarter goes that was touched longest ago in event time.
//!
//! What it holds depends on the order of its calls alone.

use hashbrown::HashMap;

use crate::event::Millis;
use crate::state::clock::clamp;
use crate::state::codec::{Broken, Reader, put_signed, put_u64, put_var};

/// What a table holds, as bytes.
pub(crate) trait Kept: Copy + Default {
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken>;
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Recent<V> {
    entries: HashMap<u64, (Millis, V), foldhash::fast::FixedState>,
    entries_max: usize,
}

impl<V: Kept> Recent<V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::default(), entries_max: entries_max.max(4) }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the key was touched last, and what is held of it.
    pub(crate) fn get(&self, key: u64) -> Option<(Millis, V)> {
        self.entries.get(&key).copied()
    }

    /// Touches a key, which is begun if it is new, and changes what is held of it. An older time does not take it back.
    pub(crate) fn touch<R>(&mut self, key: u64, at: Millis, change: impl FnOnce(&mut V) -> R) -> R {
        let at = clamp(at);
        let (last, value) = self.entries.entry(key).or_insert_with(|| (at, V::default()));
        *last = at.max(*last);
        let result = change(value);
        if self.entries.len() > self.entries_max {
            self.evict();
        }
        result
    }

    fn evict(&mut self) {
        let mut ages: Vec<(Millis, u64)> = self.entries.iter().map(|(&key, &(at, _))| (at, key)).collect();
        let surplus = self.entries.len() - self.entries_max * 3 / 4;
        let (gone, _, _) = ages.select_nth_unstable(surplus);
        for (_, key) in gone {
            self.entries.remove(key);
        }
    }

    /// Canonical: sorted by key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| **key);
        put_var(out, entries.len() as u64);
        for (key, (at, value)) in entries {
            put_u64(out, *key);
            put_signed(out, *at);
            value.encode(out);
        }
    }

    pub(crate) fn decode(entries_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "what was said lately";
        let mut table = Self::new(entries_max);
        for _ in 0..reader.count(9, WHAT)? {
            let (key, at) = (reader.u64(WHAT)?, reader.signed(WHAT)?);
            if clamp(at) != at || table.entries.insert(key, (at, V::decode(reader)?)).is_some() {
                return Err(Broken(WHAT));
            }
        }
        Ok(table)
    }
}

/// That something happened, and when.
impl Kept for () {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_what_was_touched_longest_ago_goes() {
        let mut table = Recent::<()>::new(8);
        for key in 0..8 {
            table.touch(key, key as Millis * 10, |()| ());
        }
        table.touch(0, 200, |()| ());
        table.touch(1, 5, |()| ());
        assert_eq!(table.get(1), Some((10, ())), "an older time does not take it back");
        table.touch(8, 300, |()| ());
        let held: Vec<u64> = (0..9).filter(|&key| table.get(key).is_some()).collect();
        assert_eq!(held, [0, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut table = Recent::<()>::new(100);
        (0..50).for_each(|key| table.touch(key * 7 % 50, key as Millis, |()| ()));
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        table.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        Recent::<()>::decode(100, &mut reader).unwrap().encode(&mut again);
        assert_eq!(bytes, again);
        assert!(Recent::<()>::decode(100, &mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
    }
}
