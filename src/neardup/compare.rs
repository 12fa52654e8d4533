//! Two texts compared exactly: by their sets of grams, not by samples of them.

use crate::text::{Folded, Letters};

use super::grams::{NARROW_SKETCHED, WIDE_SKETCHED};
use super::mark::{LETTERS_MAX, Script};
use super::seed::mix;

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
    /// Equal letters, known by their hash: one gram stands for all.
    pub(super) const EQUAL: Self = Self { shared: 1, this: 1, first: 1 };

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

    /// Whether one is a near-duplicate of the other, their grams cut as that script asks.
    #[must_use]
    pub fn is_near(self, script: Script) -> bool {
        let Bounds { similar, part, contained, whole, contained_whole, shared_min, part_shared_min, whole_shared_min } =
            Bounds::of(script);
        let (similarity, contains) = (self.similarity(), self.containment().max(self.containment_of_first()));
        self == Self::EQUAL
            || similarity >= similar && self.shared >= shared_min
            || similarity >= part && contains >= contained && self.shared >= part_shared_min
            || similarity >= whole && contains >= contained_whole && self.shared >= whole_shared_min
    }
}

/// From where on two texts are near-duplicates, chosen by measurement (`ARCHITECTURE.md`).
struct Bounds {
    /// The similarity that is enough by itself.
    similar: f32,
    /// The similarity that is enough where so much of one text stands in the other.
    part: f32,
    contained: f32,
    /// The same for one that stands in the other nearly letter by letter.
    whole: f32,
    contained_whole: f32,
    /// Shared grams below which similar texts are turns of phrase.
    shared_min: u32,
    /// The same for a text that stands in a longer one.
    part_shared_min: u32,
    /// The same for one that stands whole in a much longer one.
    whole_shared_min: u32,
}

impl Bounds {
    fn of(script: Script) -> Self {
        match script {
            Script::Wide => Self {
                similar: 0.4,
                part: 0.25,
                contained: 0.7,
                whole: 0.17,
                contained_whole: 0.9,
                shared_min: 5,
                part_shared_min: 8,
                whole_shared_min: 12,
            },
            Script::Narrow => Self {
                similar: 0.47,
                part: 0.25,
                contained: 0.75,
                whole: 0.17,
                contained_whole: 0.9,
                shared_min: 10,
                part_shared_min: 16,
                whole_shared_min: 24,
            },
        }
    }
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Compares one text with several. Buffers are reused.
#[derive(Clone, Debug)]
pub struct Comparer {
    lengths: Lengths,
    folded: Folded,
    letters: Letters,
    this: GramSet,
    first: GramSet,
    script: Option<Script>,
}

/// Letters of a gram.
#[derive(Clone, Copy, Debug)]
struct Lengths {
    wide: usize,
    narrow: usize,
}

impl Default for Comparer {
    fn default() -> Self {
        Self::new(Lengths { wide: WIDE_SKETCHED, narrow: NARROW_SKETCHED })
    }
}

impl Comparer {
    fn new(lengths: Lengths) -> Self {
        let (this, first) = (GramSet::default(), GramSet::default());
        Self { lengths, folded: Folded::default(), letters: Letters::default(), this, first, script: None }
    }

    /// With longer grams: any two long texts have many short ones in common.
    #[must_use]
    pub fn of_articles() -> Self {
        Self::new(Lengths { wide: 3, narrow: 6 })
    }

    /// The text that others are compared with.
    pub fn load(&mut self, text: &str) {
        self.read(text);
        let script = Script::of(&self.letters);
        self.script = Some(script);
        self.this.clear(self.letters.units().len());
        each_gram(self.letters.units(), self.lengths.of(script), |gram| {
            self.this.insert(gram);
        });
    }

    /// What the loaded text has in common with one that came first; grams are cut as the loaded one's script asks.
    pub fn compare(&mut self, first: &str) -> Comparison {
        self.read(first);
        let script = self.script.unwrap_or(Script::Wide);
        let mut shared = 0;
        self.first.clear(self.letters.units().len());
        each_gram(self.letters.units(), self.lengths.of(script), |gram| {
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

impl Lengths {
    fn of(self, script: Script) -> usize {
        match script {
            Script::Wide => self.wide,
            Script::Narrow => self.narrow,
        }
    }
}

/// Every gram as one number that is never 0. Up to three letters are packed, so that no two grams are one number; longer ones
/// are hashed to 64 bits three by three.
fn each_gram(units: &[u32], length: usize, mut visit: impl FnMut(u64)) {
    let pack = |run: &[u32]| run.iter().fold(0, |packed, &unit| packed << 21 | u64::from(unit));
    for run in units.windows(length) {
        let (first, rest) = run.split_at(length.min(3));
        let hash = |hash: u64, run: &[u32]| mix(hash ^ SPREAD, pack(run) | 1 << 63).max(1);
        visit(rest.chunks(3).fold(pack(first), hash));
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
        check("abcdef", "xbcdef", [3, 4, 4]);
        check("", "word", [0, 0, 2]);
        check("今天", "", [0, 1, 0]);
    }

    #[test]
    fn shares_are_of_what_they_say() {
        let half = compare("今天天气", "今天天气不错啊");
        assert_eq!((half.containment(), half.containment_of_first(), half.similarity()), (1.0, 0.5, 0.5));
        assert_eq!(Comparison::default().similarity(), 0.0);
    }

    #[test]
    fn a_text_that_stands_whole_in_four_times_its_length_is_near_and_a_turn_of_phrase_is_not() {
        let near = |shared, this, first| Comparison { shared, this, first }.is_near(Script::Wide);
        assert!(near(40, 40, 200) && near(40, 200, 40), "all of it, in either direction");
        assert!(!near(30, 40, 150), "three quarters of it");
        assert!(!near(11, 11, 55), "too short to be more than a phrase");
        assert!(!near(40, 40, 250), "in more than six times its length");
    }
}
