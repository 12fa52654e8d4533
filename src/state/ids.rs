//! Which event ids came lately, so that none counts twice.
//!
//! Ids stand in two generations of one table: when the young one is half the bound, the old one is let go and the young
//! one is the old. So at least the last half are known, never more than all are held, no queue stands beside the set and
//! a lookup reads one place.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::state::codec::{Broken, Reader, put_u64, put_var};

/// 63 bits of an id; the lowest bit says which generation.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    table: HashTable<u64>,
    half: usize,
    young: usize,
    /// The lowest bit of young ids.
    parity: u64,
}

/// Where the table looks for an id: the multiplication brings all of its 63 bits to both ends of the word.
fn place(id: u64) -> u64 {
    let product = u128::from(id & !1) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    (product >> 64) as u64 ^ product as u64
}

impl Ids {
    pub(crate) fn new(ids_max: usize) -> Self {
        Self { table: HashTable::new(), half: (ids_max / 2).max(1), young: 0, parity: 0 }
    }

    /// Whether the id is new; known from now on.
    pub(crate) fn insert(&mut self, id: u64) -> bool {
        let stored = id & !1 | self.parity;
        match self.table.entry(place(id), |known| (known ^ id) >> 1 == 0, |known| place(*known)) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(entry) => drop(entry.insert(stored)),
        }
        self.young += 1;
        if self.young >= self.half {
            let young = self.parity;
            self.table.retain(|known| *known & 1 == young);
            self.parity ^= 1;
            self.young = 0;
        }
        true
    }

    /// Whether the id came lately. Reads memory and changes nothing.
    pub(crate) fn knows(&self, id: u64) -> bool {
        self.table.find(place(id), |known| (known ^ id) >> 1 == 0).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Young ids, then old ones, each sorted.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for parity in [self.parity, self.parity ^ 1] {
            let mut ids: Vec<u64> = self.table.iter().filter(|id| **id & 1 == parity).map(|id| id & !1).collect();
            ids.sort_unstable();
            put_var(out, ids.len() as u64);
            ids.into_iter().for_each(|id| put_u64(out, id));
        }
    }

    pub(crate) fn decode(ids_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut ids = Self::new(ids_max);
        ids.young = ids.decode_generation(0, reader)?;
        ids.decode_generation(1, reader)?;
        Ok(ids)
    }

    fn decode_generation(&mut self, parity: u64, reader: &mut Reader<'_>) -> Result<usize, Broken> {
        const WHAT: &str = "event ids";
        let count = reader.count(8, WHAT)?;
        self.table.reserve(count, |known| place(*known));
        for _ in 0..count {
            let id = reader.u64(WHAT)?;
            if id & 1 != 0 || self.knows(id) {
                return Err(Broken(WHAT));
            }
            self.table.insert_unique(place(id), id | parity, |known| place(*known));
        }
        Ok(count)
    }
}
