//! Which event ids came lately, so that none counts twice.
//!
//! Two generations of ids: when the young one is full it becomes the old one, and the old one is let go. So at least the
//! last `half` ids are known and never more than twice as many are held, with no queue beside the set.

use hashbrown::HashTable;

use crate::state::codec::{Broken, Reader, put_u64, put_var};

#[derive(Clone, Debug)]
pub(crate) struct Ids {
    young: HashTable<u64>,
    old: HashTable<u64>,
    half: usize,
}

impl Ids {
    pub(crate) fn new(ids_max: usize) -> Self {
        Self { young: HashTable::new(), old: HashTable::new(), half: (ids_max / 2).max(1) }
    }

    /// Whether the id is new; known from now on.
    pub(crate) fn insert(&mut self, id: u64) -> bool {
        if self.knows(id) {
            return false;
        }
        if self.young.len() >= self.half {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert_unique(id, id, |id| *id);
        true
    }

    /// Whether the id came lately. Reads memory and changes nothing.
    pub(crate) fn knows(&self, id: u64) -> bool {
        self.young.find(id, |known| *known == id).is_some() || self.old.find(id, |known| *known == id).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for generation in [&self.young, &self.old] {
            let mut ids: Vec<u64> = generation.iter().copied().collect();
            ids.sort_unstable();
            put_var(out, ids.len() as u64);
            ids.into_iter().for_each(|id| put_u64(out, id));
        }
    }

    pub(crate) fn decode(ids_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut ids = Self::new(ids_max);
        ids.young = generation(reader)?;
        ids.old = generation(reader)?;
        Ok(ids)
    }
}

fn generation(reader: &mut Reader<'_>) -> Result<HashTable<u64>, Broken> {
    const WHAT: &str = "event ids";
    let count = reader.count(8, WHAT)?;
    let mut table = HashTable::with_capacity(count);
    let mut last = None;
    for _ in 0..count {
        let id = reader.u64(WHAT)?;
        if last.is_some_and(|last| last >= id) {
            return Err(Broken(WHAT));
        }
        last = Some(id);
        table.insert_unique(id, id, |id| *id);
    }
    Ok(table)
}
