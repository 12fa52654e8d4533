//! Who had the partition from which batch on: so that a queue of cases knows which of its batches became visible, whoever had the
//! partition in between.

use serde::{Deserialize, Serialize};

/// Changes that are remembered; older ones are of queues that were read long ago.
const CHANGES_MAX: usize = 32;

/// Each change of hands: the first batch that was committed after it, and by whom. The one that committed last stands last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keepers(Vec<(u64, u64)>);

impl Keepers {
    /// Reads what [`Keepers::write`] wrote; nobody is known where it is something else.
    pub(super) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers are written to memory")
    }

    /// Notes that this batch is `who`'s. Whether the batch before it was another's.
    pub(super) fn take_over(&mut self, seq: u64, who: u64) -> bool {
        if self.0.last().is_some_and(|(_, last)| *last == who) {
            return false;
        }
        self.0.push((seq, who));
        let over = self.0.len().saturating_sub(CHANGES_MAX);
        self.0.drain(..over);
        true
    }

    /// The last batch that `who` can have committed, where `last` is the last that anybody has. A batch that follows it in `who`'s
    /// queue was written, and never committed.
    pub(super) fn own_until(&self, who: u64, last: u64) -> u64 {
        let before = |(first, _): &(u64, u64)| first.saturating_sub(1);
        match self.0.iter().rposition(|(_, keeper)| *keeper == who) {
            Some(at) => self.0.get(at + 1).map_or(last, before),
            // Nothing that is remembered; with nobody remembered, all of it is from before anybody was.
            None => self.0.first().map_or(last, before),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::io::{Spool, SpoolOptions, Waited};

    #[test]
    fn who_had_it_until_when() {
        let mut keepers = Keepers::default();
        assert_eq!(keepers.own_until(1, 7), 7, "nobody was remembered then");
        assert!(keepers.take_over(1, 1) && !keepers.take_over(2, 1));
        assert!(keepers.take_over(101, 2) && keepers.take_over(201, 1) && keepers.take_over(301, 3));
        let until = |who| Keepers::read(&keepers.write()).own_until(who, 400);
        assert_eq!([1, 2, 3, 4].map(until), [300, 200, 400, 0]);
        for (seq, who) in (401..).zip([7, 8].repeat(40)) {
            keepers.take_over(seq, who);
        }
        assert_eq!(keepers.0.len(), CHANGES_MAX);
        assert_eq!(keepers.own_until(3, 480), 448, "what was forgotten lies before all that is remembered");
    }

    /// Two instances with a queue each, and what they have in common: the changelog.
    struct World {
        dir: tempfile::TempDir,
        /// What each committed batch filed.
        committed: BTreeMap<u64, u64>,
        keepers: Keepers,
        indexed: Vec<u64>,
        /// Up to where each queue is indexed.
        read: [u64; 2],
        random: fastrand::Rng,
    }

    impl World {
        fn last(&self) -> u64 {
            self.committed.last_key_value().map_or(0, |(seq, _)| *seq)
        }

        fn open(&self, instance: usize) -> Spool {
            let options = SpoolOptions { segment_bytes: 90, bytes_max: 1 << 20 };
            Spool::open(self.dir.path().join(instance.to_string()), options, self.read[instance]).unwrap()
        }

        /// Reads what may be read, as the index does.
        fn index(&mut self, instance: usize, spool: &Spool) {
            while spool.wait(self.read[instance], Duration::ZERO) == Waited::More {
                let piece = spool.read(self.read[instance], 1 << 20).unwrap();
                let lines = String::from_utf8(piece.lines).unwrap();
                self.indexed.extend(lines.lines().filter_map(|line| line.parse::<u64>().ok()));
                self.read[instance] = piece.to;
            }
            spool.release(self.read[instance]).unwrap();
        }

        /// An instance has the partition for a while, and is killed somewhere.
        fn keep(&mut self, instance: usize, case: &mut u64) {
            let spool = self.open(instance);
            self.index(instance, &spool);
            let who = spool.identity().unwrap();
            spool.settle(self.keepers.own_until(who, self.last())).unwrap();
            for _ in 0..self.random.u32(0..6) {
                let seq = self.last() + 1;
                *case += 1;
                spool.append(seq, format!("{case}\n").as_bytes(), false).unwrap();
                if self.random.u8(0..6) == 0 {
                    return;
                }
                self.keepers.take_over(seq, who);
                self.committed.insert(seq, *case);
                if self.random.u8(0..6) == 0 {
                    return;
                }
                spool.publish_saved(seq).unwrap();
                if self.random.bool() {
                    self.index(instance, &spool);
                }
            }
        }

        /// An instance comes back, and the partition does not come to it.
        fn look(&mut self, instance: usize) {
            let spool = self.open(instance);
            spool.settle_known().unwrap();
            self.index(instance, &spool);
        }
    }

    #[test]
    fn a_case_is_indexed_when_and_only_when_its_batch_was_committed_whoever_was_killed() {
        for seed in 0..80 {
            let dir = tempfile::tempdir().unwrap();
            let random = fastrand::Rng::with_seed(seed);
            let (committed, keepers) = (BTreeMap::new(), Keepers::default());
            let mut world = World { dir, committed, keepers, indexed: vec![], read: [0; 2], random };
            let mut case = 0;
            for _ in 0..12 {
                let instance = world.random.usize(0..2);
                if world.random.u8(0..3) == 0 {
                    world.look(instance);
                } else {
                    world.keep(instance, &mut case);
                }
                let all: Vec<u64> = world.committed.values().copied().collect();
                assert!(world.indexed.iter().all(|case| all.contains(case)), "seed {seed}: never committed");
            }
            // In the end each has it once more: what it did not know of its last batch, it is told.
            for instance in [0, 1] {
                let spool = world.open(instance);
                let who = spool.identity().unwrap();
                spool.settle(world.keepers.own_until(who, world.last())).unwrap();
                world.index(instance, &spool);
            }
            world.indexed.sort_unstable();
            let all: Vec<u64> = world.committed.values().copied().collect();
            assert_eq!(world.indexed, all, "seed {seed}");
        }
    }
}
