//! What others would take: `gaoya`'s indexes and a plain table of simhashes, over the same texts.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use cpu_time::ProcessTime;
use fastrand::Rng;
use gaoya::minhash::{MinHashIndex, MinHasher, MinHasher32};
use gaoya::simhash::{SimHash, SimHashIndex, SimSipHasher64};

use super::{Table, WASHED, composed, time, washed};

type Simhasher = SimHash<SimSipHasher64, u64, 64>;

/// 16 bands of 4, the setting nearest to a similarity of a half.
const BANDS: usize = 16;
const WIDTH: usize = 4;

fn simhasher() -> Simhasher {
    Simhasher::new(SimSipHasher64::new(5, 6))
}

/// Pairs of neighbouring letters, each once: laughter must not outvote the rest.
fn pairs(text: &str) -> BTreeSet<(char, char)> {
    text.chars().zip(text.chars().skip(1)).collect()
}

/// What the signatures of `gaoya` cost.
pub(super) fn signatures(table: &mut Table, texts: &[String], letters: usize) {
    let sets: Vec<BTreeSet<(char, char)>> = texts.iter().map(|text| pairs(text)).collect();
    let (simhasher, minhasher) = (simhasher(), MinHasher32::new(BANDS * WIDTH));
    let [mut simhash, mut minhash] = [Duration::MAX; 2];
    for _ in 0..3 {
        simhash = simhash.min(time(|| sets.iter().for_each(|set| keep(&simhasher.create_signature(set.iter())))));
        minhash = minhash.min(time(|| sets.iter().for_each(|set| keep(&minhasher.create_signature(set.iter())))));
    }
    for (what, time) in [("gaoya simhash", simhash), ("gaoya minhash", minhash)] {
        let value = time.as_nanos() as f64 / texts.len() as f64;
        table.row(what, 0, &format!("signature, pairs given: {letters} letters"), value, "ns");
    }
}

/// Whoever computes this needs it.
fn keep<T>(value: &T) {
    black_box(value);
}

/// An index that signatures go into.
trait Index {
    type Signature;
    fn insert(&mut self, id: u32, signature: Self::Signature);
    /// Whether the entry is among what the signature finds.
    fn finds(&self, id: u32, signature: &Self::Signature) -> bool;
}

/// Fills an index; then asks about copies, and about other texts as often.
fn run<I: Index>(
    table: &mut Table,
    what: &str,
    size: usize,
    sign: impl Fn(&str) -> I::Signature,
    make: impl Fn() -> I,
) {
    let (mut filling, mut index) = (Duration::ZERO, None);
    let memory = allocation_counter::measure(|| {
        let mut made = make();
        for start in (0..size).step_by(4096) {
            let numbers = start..(start + 4096).min(size);
            let signatures: Vec<I::Signature> = numbers.clone().map(|number| sign(&composed(number as u64))).collect();
            filling +=
                time(|| numbers.zip(signatures).for_each(|(number, signature)| made.insert(number as u32, signature)));
        }
        index = Some(made);
    });
    let Some(index) = index else { return };
    let mut rng = Rng::with_seed(3);
    let every = (size / WASHED).max(1);
    let copies: Vec<(u32, I::Signature)> = (0..size)
        .step_by(every)
        .map(|number| (number as u32, sign(&washed(&mut rng, &composed(number as u64)))))
        .collect();
    let others: Vec<I::Signature> = (size..size + copies.len()).map(|number| sign(&composed(number as u64))).collect();
    let start = ProcessTime::now();
    let found = copies.iter().filter(|(number, signature)| index.finds(*number, signature)).count();
    let asking_copies = start.elapsed();
    let asking = time(|| others.iter().for_each(|signature| keep(&index.finds(u32::MAX, signature))));
    let each = |time: Duration, of: usize| time.as_nanos() as f64 / of as f64;
    table.row(what, size, "memory, texts apart", memory.bytes_current as f64 / size as f64, "bytes/entry");
    table.row(what, size, "enter, filling", each(filling, size), "ns");
    table.row(what, size, "ask", each(asking, others.len()), "ns");
    table.row(what, size, "ask about copies, 10 % replaced", each(asking_copies, copies.len()), "ns");
    table.row(what, size, "found of them", found as f64 * 100.0 / copies.len() as f64, "%");
}

pub(super) fn gaoya_simhash(table: &mut Table, size: usize) {
    struct Gaoya(SimHashIndex<u64, u32>);
    impl Index for Gaoya {
        type Signature = u64;
        fn insert(&mut self, id: u32, signature: u64) {
            self.0.insert(id, signature);
        }
        fn finds(&self, id: u32, signature: &u64) -> bool {
            self.0.query(signature).contains(&id)
        }
    }
    let simhasher = simhasher();
    let sign = |text: &str| simhasher.create_signature(pairs(text).iter());
    run(table, "gaoya simhash, distance 4", size, sign, || Gaoya(SimHashIndex::new(6, 4)));
}

pub(super) fn gaoya_minhash(table: &mut Table, size: usize) {
    struct Gaoya(MinHashIndex<u32, u32>);
    impl Index for Gaoya {
        type Signature = Vec<u32>;
        fn insert(&mut self, id: u32, signature: Vec<u32>) {
            self.0.insert(id, signature);
        }
        fn finds(&self, id: u32, signature: &Vec<u32>) -> bool {
            self.0.query(signature).contains(&id)
        }
    }
    let minhasher = MinHasher32::new(BANDS * WIDTH);
    let sign = |text: &str| minhasher.create_signature(pairs(text).iter());
    run(table, "gaoya minhash, 16 × 4", size, sign, || Gaoya(MinHashIndex::new(BANDS, WIDTH, 0.5)));
}

/// Four tables by 16 bits each: simhashes at distance 3 or less agree in one of them (Manku, Jain and Das Sarma, 2007).
pub(super) fn simhash_table(table: &mut Table, size: usize) {
    struct Plain {
        simhashes: Vec<u64>,
        buckets: Vec<Vec<u32>>,
    }
    impl Plain {
        fn places(simhash: u64) -> impl Iterator<Item = usize> {
            (0..4).map(move |block| block << 16 | (simhash >> (16 * block)) as usize & 0xFFFF)
        }
    }
    impl Index for Plain {
        type Signature = u64;
        fn insert(&mut self, id: u32, signature: u64) {
            self.simhashes.push(signature);
            Self::places(signature).for_each(|place| self.buckets[place].push(id));
        }
        fn finds(&self, id: u32, signature: &u64) -> bool {
            let mut found = false;
            for other in Self::places(*signature).flat_map(|place| &self.buckets[place]) {
                let distance = (self.simhashes[*other as usize] ^ signature).count_ones();
                found |= distance <= 3 && *other == id;
            }
            found
        }
    }
    let simhasher = simhasher();
    let sign = |text: &str| simhasher.create_signature(pairs(text).iter());
    run(table, "simhash table, distance 3", size, sign, || Plain {
        simhashes: Vec::new(),
        buckets: vec![Vec::new(); 4 << 16],
    });
}
