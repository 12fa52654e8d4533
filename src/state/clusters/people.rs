//! How many different authors, in all and in the last ten minutes.
//!
//! The authors that were active last are known by their marks, and are counted exactly. When there are more of them than
//! that, those in all are estimated from a `HyperLogLog` sketch (Flajolet and others, 2007), and those of a window from a
//! sketch for each minute, whose union is taken. The estimator is Ertl's improved raw one (2017, "New cardinality estimation
//! algorithms for `HyperLogLog` sketches", section 2.4), which is unbiased from one author on and needs no table and no logarithm, so that it
//! is the same on every machine.

use crate::event::Millis;
use crate::state::clock::{AT_MAX, clamp};
use crate::state::codec::{Broken, Reader, put_signed, put_u32, put_var};

/// Authors that are known by their marks.
pub(super) const PEOPLE_MAX: usize = 64;

/// Registers of the sketch of all authors: standard error 1.04 / √256 = 6.5 %.
pub(super) const ALL: usize = 256;

/// Of a register, the greatest rank that a mark of 32 bits can give.
const fn rank_max(registers: usize) -> u8 {
    (32 - registers.trailing_zeros() + 1) as u8
}

/// A `HyperLogLog` sketch of `M` registers, a power of two; marks are hashes already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch<const M: usize>(pub(super) [u8; M]);

impl<const M: usize> Default for Sketch<M> {
    fn default() -> Self {
        Self([0; M])
    }
}

impl<const M: usize> Sketch<M> {
    const INDEX_BITS: u32 = M.trailing_zeros();

    /// Counts an author; 0 is nobody.
    pub(super) fn add(&mut self, author: u32) {
        if author != 0 {
            let index = (author >> (32 - Self::INDEX_BITS)) as usize;
            let rank = ((author << Self::INDEX_BITS).leading_zeros() as u8 + 1).min(rank_max(M));
            self.0[index] = self.0[index].max(rank);
        }
    }

    /// Takes in what another one counted.
    pub(super) fn join(&mut self, other: &Self) {
        for (mine, others) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*others);
        }
    }

    pub(super) fn estimate(&self) -> u32 {
        let mut counts = [0_u32; 34];
        for register in self.0 {
            counts[usize::from(register)] += 1;
        }
        let top = usize::from(rank_max(M));
        let m = M as f64;
        let mut z = m * tau(1.0 - f64::from(counts[top]) / m);
        for count in counts[1..top].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(f64::from(counts[0]) / m);
        (m * m / (2.0 * std::f64::consts::LN_2) / z).round() as u32
    }

    /// The registers that are not 0, in order: index + 1 and rank; then 0.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (index, rank) in self.0.iter().enumerate().filter(|(_, rank)| **rank != 0) {
            put_var(out, index as u64 + 1);
            out.push(*rank);
        }
        out.push(0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a sketch of authors";
        let (mut sketch, mut next) = (Self::default(), 0);
        while let Some(index) = (reader.var(WHAT)? as usize).checked_sub(1) {
            let rank = reader.u8(WHAT)?;
            if index < next || index >= M || rank == 0 || rank > rank_max(M) {
                return Err(Broken(WHAT));
            }
            sketch.0[index] = rank;
            next = index + 1;
        }
        Ok(sketch)
    }
}

/// Ertl's σ: what registers that were never hit stand for. Infinite where none was, and then the estimate is 0.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let last = z;
        z += x * y;
        y += y;
        if z <= last {
            return z;
        }
    }
}

/// Ertl's τ: what registers that can rise no more stand for.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let last = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= last {
            return z / 3.0;
        }
    }
}

/// An author, and when they wrote last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Person {
    author: u32,
    last_at: Millis,
}

/// All authors of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    /// Those that wrote last, sorted by their marks.
    known: Vec<Person>,
    /// Of those that are known no more, when the last one wrote; -1 before there is one.
    dropped_at: Millis,
    /// Everybody, once somebody is known no more.
    all: Option<Box<Sketch<ALL>>>,
}

impl People {
    pub(super) fn new() -> Self {
        Self { dropped_at: -1, ..Self::default() }
    }

    pub(super) fn add(&mut self, author: u32, at: Millis) {
        if author == 0 {
            return;
        }
        if let Some(all) = &mut self.all {
            all.add(author);
        }
        match self.known.binary_search_by_key(&author, |person| person.author) {
            Ok(index) => self.known[index].last_at = self.known[index].last_at.max(at),
            Err(index) => {
                self.known.insert(index, Person { author, last_at: at });
                self.bound();
            }
        }
    }

    /// Lets go of whoever wrote least lately.
    fn bound(&mut self) {
        if self.known.len() <= PEOPLE_MAX {
            return;
        }
        if self.all.is_none() {
            let mut all = Sketch::default();
            self.known.iter().for_each(|person| all.add(person.author));
            self.all = Some(Box::new(all));
        }
        let oldest = self.known.iter().enumerate().min_by_key(|(_, person)| (person.last_at, person.author));
        if let Some((index, _)) = oldest {
            self.dropped_at = self.dropped_at.max(self.known.remove(index).last_at);
        }
    }

    /// Everybody.
    pub(super) fn count(&self) -> u32 {
        let known = self.known.len() as u32;
        self.all.as_ref().map_or(known, |all| all.estimate().max(known))
    }

    /// How many wrote in the window `(at - ms, at]`, exactly; `None` where that is not known: somebody who may have
    /// written in it is known no more, or wrote later again.
    pub(super) fn within(&self, at: Millis, ms: Millis) -> Option<u32> {
        let is_known = self.dropped_at <= at - ms && self.known.iter().all(|person| person.last_at <= at);
        is_known.then(|| self.known.iter().filter(|person| person.last_at > at - ms).count() as u32)
    }

    pub(super) fn scrub(&mut self, author: u32) {
        self.known.retain(|person| person.author != author);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_var(out, self.known.len() as u64);
        for Person { author, last_at } in &self.known {
            put_u32(out, *author);
            put_signed(out, *last_at);
        }
        put_signed(out, self.dropped_at);
        out.push(self.all.is_some().into());
        if let Some(all) = &self.all {
            all.encode(out);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "the authors of a cluster";
        let count = reader.count(5, WHAT)?;
        if count > PEOPLE_MAX {
            return Err(Broken(WHAT));
        }
        let mut people = Self::new();
        people.known.reserve_exact(count);
        for _ in 0..count {
            let person = Person { author: reader.u32(WHAT)?, last_at: reader.signed(WHAT)? };
            let last = people.known.last().map_or(0, |last| last.author);
            if person.author <= last || person.last_at != clamp(person.last_at) {
                return Err(Broken(WHAT));
            }
            people.known.push(person);
        }
        people.dropped_at = reader.signed(WHAT)?;
        people.all = match reader.u8(WHAT)? {
            0 => None,
            1 => Some(Box::new(Sketch::decode(reader)?)),
            _ => return Err(Broken(WHAT)),
        };
        if !(-1..=AT_MAX).contains(&people.dropped_at) || (people.dropped_at >= 0) != people.all.is_some() {
            return Err(Broken(WHAT));
        }
        Ok(people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<const M: usize>(authors: u32) -> (f64, f64) {
        let (mut squares, mut sum) = (0.0, 0.0);
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed * 1000 + u64::from(authors));
            let mut sketch = Sketch::<M>::default();
            (0..authors).for_each(|_| sketch.add(rng.u32(1..)));
            let error = f64::from(sketch.estimate()) / f64::from(authors) - 1.0;
            squares += error * error;
            sum += error;
        }
        ((squares / 200.0_f64).sqrt(), sum / 200.0)
    }

    #[test]
    fn estimates_are_within_the_error_that_theory_gives() {
        for authors in [65, 200, 1000, 10_000, 100_000] {
            let (all, bias) = error::<256>(authors);
            assert!(all < 0.08 && bias.abs() < 0.02, "{authors}: {all:.3}, bias {bias:.3}");
            let (window, bias) = error::<128>(authors);
            assert!(window < 0.11 && bias.abs() < 0.03, "{authors}: {window:.3}, bias {bias:.3}");
        }
        assert_eq!(Sketch::<128>::default().estimate(), 0);
    }
}
