//! How many different authors or rooms, in a window, in fixed memory.
//!
//! A multiresolution bitmap (Estan, Varghese and Fisk, 2003) whose cells hold the last minute they were hit instead of
//! a bit (Kim and O'Hallaron, 2003), so that the window slides. Level `l` of `L` takes one name in `2^(l+1)`, the last
//! level the rest. A test holds the standard error
//! under 10 % from 65 to 6,400 names with six levels; one level alone counts to some 400.

use crate::event::Millis;
use crate::state::codec::{Broken, Reader, put_u32, put_var};

/// Cells of one level.
const CELLS: usize = 128;

/// A level with more cells hit than this is too full to count by, if there is a next one.
const FULL: u8 = 96;

/// Its shape: how many levels, and the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) levels: usize,
    /// Width of a stamp; the window is ten or more of them.
    pub(crate) grain_ms: Millis,
    /// The window in stamps.
    pub(crate) stamps: u32,
}

impl Shape {
    /// The first stamp of the window that ends with this one.
    fn oldest(self, newest: u32) -> u32 {
        newest.saturating_sub(self.stamps - 1).max(1)
    }
}

/// The most levels of any shape.
const LEVELS_MAX: usize = 6;

/// The cells: stamp + 1 of the last hit, 0 for none. How many of each level lie in the newest window is kept up to date,
/// as nearly all questions are about that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distinct {
    cells: Box<[u32]>,
    newest: u32,
    hits: [u8; LEVELS_MAX],
}

impl Distinct {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { cells: vec![0; shape.levels * CELLS].into(), newest: 0, hits: [0; LEVELS_MAX] }
    }

    /// Counts a name (its 32-bit mark; 0 is nobody). A late hit never takes a newer one's place.
    pub(crate) fn add(&mut self, shape: Shape, who: u32, at: Millis) {
        if who == 0 {
            return;
        }
        let stamp = stamp(shape, at);
        if stamp > self.newest {
            self.newest = stamp;
            self.hits = self.count(shape, stamp);
        }
        let oldest = shape.oldest(self.newest);
        let level = (who.trailing_zeros() as usize).min(shape.levels - 1);
        let cell = &mut self.cells[level * CELLS + (who >> 24) as usize % CELLS];
        self.hits[level] += u8::from(*cell < oldest && stamp >= oldest);
        *cell = (*cell).max(stamp);
    }

    /// The estimated number of names in the window that ends with the stamp of `at`.
    pub(crate) fn estimate(&self, shape: Shape, at: Millis) -> u32 {
        let newest = stamp(shape, at);
        let hits = if newest == self.newest { self.hits } else { self.count(shape, newest) };
        let mut sum = 0.0;
        let mut base = shape.levels;
        for &hit in hits[..shape.levels].iter().rev() {
            if base < shape.levels && hit > FULL {
                break;
            }
            sum += DRAWS[usize::from(hit)];
            base -= 1;
        }
        // The levels from `base` on take one name in 2^base.
        (sum * f64::from(1_u32 << base)).round() as u32
    }

    /// How many cells of each level were hit in the window that ends with this stamp.
    fn count(&self, shape: Shape, newest: u32) -> [u8; LEVELS_MAX] {
        let window = shape.oldest(newest)..=newest;
        let mut hits = [0; LEVELS_MAX];
        for (hits, cells) in hits.iter_mut().zip(self.cells.chunks_exact(CELLS)) {
            *hits = cells.iter().filter(|cell| window.contains(cell)).count() as u8;
        }
        hits
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (index, &cell) in self.cells.iter().enumerate().filter(|(_, cell)| **cell != 0) {
            put_var(out, index as u64 + 1);
            put_u32(out, cell);
        }
        out.push(0);
    }

    pub(crate) fn decode(shape: Shape, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "distinct names";
        let mut distinct = Self::new(shape);
        let mut next = 0;
        loop {
            let Some(index) = (reader.var(WHAT)? as usize).checked_sub(1) else {
                distinct.newest = distinct.cells.iter().copied().max().unwrap_or(0);
                distinct.hits = distinct.count(shape, distinct.newest);
                return Ok(distinct);
            };
            if index < next {
                return Err(Broken(WHAT));
            }
            next = index + 1;
            *distinct.cells.get_mut(index).ok_or(Broken(WHAT))? = reader.u32(WHAT)?;
        }
    }
}

fn stamp(shape: Shape, at: Millis) -> u32 {
    (at / shape.grain_ms + 1) as u32
}

/// How many names it takes on average to hit so many of the cells: the coupon collector's sum, which needs no logarithm
/// and so is the same on every machine.
const DRAWS: [f64; CELLS + 1] = {
    let mut draws = [0.0; CELLS + 1];
    let mut hit = 0;
    while hit < CELLS {
        draws[hit + 1] = draws[hit] + CELLS as f64 / (CELLS - hit) as f64;
        hit += 1;
    }
    draws
};
