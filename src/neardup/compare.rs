//! Two texts compared exactly: by their sets of grams, not by samples of them.

use crate::text::{Folded, Letters};

use super::grams::NARROW_SKETCHED;
use super::mark::{LETTERS_MAX, Script};

/// What two texts have in common, counted in distinct grams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Grams of both.
    pub shared: u32,
    /// Grams of this text.
    pub this: u32,
    /// Grams of the other one, which came first.
    pub first: u32,
}

impl Comparison {
    /// Shared grams by all grams (Jaccard), 0 to 1.
    #[must_use]
    pub fn similarity(self) -> f32 {
        share(self.shared, self.this + self.first - self.shared)
    }

    /// How much of this text stands in the first one, 0 to 1.
    #[must_use]
    pub fn containment(self) -> f32 {
        share(self.shared, self.this)
    }

    /// How much of the first text stands in this one, 0 to 1.
    #[must_use]
    pub fn containment_of_first(self) -> f32 {
        share(self.shared, self.first)
    }

    /// Whether one is a near-duplicate of the other.
    #[must_use]
    pub fn is_near(self, script: Script) -> bool {
        let (similar, part) = match script {
            Script::Wide => (0.4, 0.22),
            Script::Narrow => (0.3, 0.18),
        };
        let similarity = self.similarity();
        similarity >= similar || similarity >= part && self.containment().max(self.containment_of_first()) >= 0.7
    }
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Compares one text with several. Buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct Comparer {
    folded: Folded,
    letters: Letters,
    this: GramSet,
    first: GramSet,
    script: Option<Script>,
}

impl Comparer {
    /// The text that others are compared with.
    pub fn load(&mut self, text: &str) {
        self.read(text);
        let script = Script::of(&self.letters);
        self.script = Some(script);
        self.this.clear(self.letters.units().len());
        each_gram(self.letters.units(), script, |gram| {
            self.this.insert(gram);
        });
    }

    /// What the loaded text has in common with one that came first; grams are cut as the loaded one's script asks.
    pub fn compare(&mut self, first: &str) -> Comparison {
        self.read(first);
        let script = self.script.unwrap_or(Script::Wide);
        let mut shared = 0;
        self.first.clear(self.letters.units().len());
        each_gram(self.letters.units(), script, |gram| {
            shared += u32::from(self.first.insert(gram) && self.this.has(gram));
        });
        Comparison { shared, this: self.this.len, first: self.first.len }
    }

    fn read(&mut self, text: &str) {
        self.folded.fold(text);
        self.letters.take(&self.folded, LETTERS_MAX);
    }
}

/// Compares two texts.
#[must_use]
pub fn compare(this: &str, first: &str) -> Comparison {
    let mut comparer = Comparer::default();
    comparer.load(this);
    comparer.compare(first)
}

/// Two wide letters, or four narrow ones, as one number that is never 0. Wide ones are packed, so that no two grams are
/// one number; of narrow ones the first three are spread over 64 bits by a bijection before the fourth is added.
fn each_gram(units: &[u32], script: Script, mut visit: impl FnMut(u64)) {
    match script {
        Script::Wide => {
            for pair in units.windows(2) {
                visit(u64::from(pair[0]) << 21 | u64::from(pair[1]));
            }
        }
        Script::Narrow => {
            for run in units.windows(NARROW_SKETCHED) {
                let spread = |gram: u64, &unit: &u32| (gram.rotate_left(21) ^ u64::from(unit)).wrapping_mul(SPREAD);
                visit(run.iter().fold(0, spread).max(1));
            }
        }
    }
}

/// 2^64 by the golden ratio, odd.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A set of numbers that are not 0, in one flat table of which at most half is full.
#[derive(Clone, Debug, Default)]
struct GramSet {
    slots: Vec<u64>,
    mask: usize,
    len: u32,
}

impl GramSet {
    /// Empties the set and makes room for so many.
    fn clear(&mut self, grams_max: usize) {
        let size = (grams_max * 2).next_power_of_two().max(16);
        if self.slots.len() < size {
            self.slots.resize(size, 0);
        }
        self.slots[..size].fill(0);
        self.mask = size - 1;
        self.len = 0;
    }

    fn slot(&self, gram: u64) -> usize {
        let mut at = (gram.wrapping_mul(SPREAD) >> 32) as usize & self.mask;
        while self.slots[at] != 0 && self.slots[at] != gram {
            at = (at + 1) & self.mask;
        }
        at
    }

    /// Whether it was not there before.
    fn insert(&mut self, gram: u64) -> bool {
        let at = self.slot(gram);
        let is_new = self.slots[at] == 0;
        self.slots[at] = gram;
        self.len += u32::from(is_new);
        is_new
    }

    fn has(&self, gram: u64) -> bool {
        self.slots[self.slot(gram)] == gram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(this: &str, first: &str, expected: [u32; 3]) {
        let Comparison { shared, this: this_grams, first: first_grams } = compare(this, first);
        assert_eq!([shared, this_grams, first_grams], expected, "{this} / {first}");
    }

    #[test]
    fn distinct_grams_are_counted() {
        check("今天天气", "今天天气", [3, 3, 3]);
        check("今天，天气!", "今 天 天 氣", [3, 3, 3]);
        check("哈哈哈哈哈", "哈哈", [1, 1, 1]);
        check("abcdef", "xbcdef", [2, 3, 3]);
        check("", "word", [0, 0, 1]);
        check("今天", "", [0, 1, 0]);
    }

    #[test]
    fn shares_are_of_what_they_say() {
        let half = compare("今天天气", "今天天气不错啊");
        assert_eq!((half.containment(), half.containment_of_first(), half.similarity()), (1.0, 0.5, 0.5));
        assert_eq!(Comparison::default().similarity(), 0.0);
    }
}
