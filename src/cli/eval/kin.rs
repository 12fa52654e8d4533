//! Which texts are related, decided by comparing a text with every other one: the truth that a detector is held against.
//!
//! It shares nothing with the detector but the fold: sets of runs of letters (two of Han, kana and hangul, three of other
//! scripts), kept as they are, without hashing down, sampling or keys; how much of them two texts share (Jaccard), and how much of the
//! shorter one stands in the other.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Serialize;

use crate::text::{Folded, Kind};

/// Whether most letters of a text stand for syllables or words, or for sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Script {
    /// Han, kana, hangul.
    Wide,
    /// Latin and others with spaces between words.
    Narrow,
}

impl Script {
    /// The similarity from which two texts of the script count as related. From half of it on, they do where half of the
    /// shorter one stands in the other. What is less alike than that is held against a detector that finds it.
    const fn related_from(self) -> f32 {
        match self {
            Self::Wide => 0.25,
            Self::Narrow => 0.45,
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Wide => "Chinese and its like",
            Self::Narrow => "Latin and its like",
        }
    }

    const fn run(self) -> usize {
        match self {
            Self::Wide => 2,
            Self::Narrow => 3,
        }
    }
}

/// A text as the truth sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) script: Script,
    /// Whether more than a quarter of its letters are of the other kind: it is cut as one script and its copies may be cut as
    /// the other, so nothing sure can be said of it.
    pub(super) is_mixed: bool,
    /// How many letters it has.
    pub(super) letters: usize,
    /// The distinct runs of letters, in order.
    grams: Vec<u64>,
}

impl Seen {
    /// Looks at a text. `folded` is a buffer.
    pub(super) fn of(folded: &mut Folded, text: &str) -> Self {
        folded.fold(text);
        let words = folded.units().iter().zip(folded.kinds()).filter(|(_, kind)| kind.is(Kind::WORD));
        let letters: Vec<u32> = words.clone().map(|(&unit, _)| unit).collect();
        let wide = words.filter(|(unit, kind)| kind.is(Kind::HAN) || is_syllable(**unit)).count();
        let script = if wide * 2 > letters.len() { Script::Wide } else { Script::Narrow };
        let is_mixed = wide.min(letters.len() - wide) * 4 > letters.len();
        // Three scalar values of 21 bits fit, with a bit to tell the scripts apart.
        let pack = |run: &[u32]| run.iter().fold(script as u64, |packed, &unit| packed << 21 | u64::from(unit));
        let mut grams: Vec<u64> = letters.windows(script.run()).map(pack).collect();
        grams.sort_unstable();
        grams.dedup();
        Self { script, is_mixed, letters: letters.len(), grams }
    }

    /// Whether the two are related; see [`Script::related_from`].
    pub(super) fn is_related(&self, other: &Self) -> bool {
        let (mut a, mut b, mut shared) = (&self.grams[..], &other.grams[..], 0);
        while let ([first, rest_a @ ..], [second, rest_b @ ..]) = (a, b) {
            shared += usize::from(first == second);
            (a, b) = (if first <= second { rest_a } else { a }, if second <= first { rest_b } else { b });
        }
        self.is_related_by(shared, other.grams.len())
    }

    /// The same, by how many grams both have and how many the other has.
    fn is_related_by(&self, shared: usize, others: usize) -> bool {
        let from = self.script.related_from();
        let similarity = ratio(shared, self.grams.len() + others - shared);
        let part = ratio(shared, self.grams.len().min(others));
        similarity >= from || similarity >= from / 2.0 && part >= 0.5
    }
}

fn ratio(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Kana and hangul.
fn is_syllable(unit: u32) -> bool {
    matches!(unit, 0x3040..=0x30FF | 0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7A3)
}

/// Every text that a text may be related to.
pub(super) struct Kin {
    /// Which texts have a gram.
    having: HashMap<u64, Vec<u32>, FixedState>,
    sizes: Vec<u32>,
}

/// A buffer of [`Kin::has_related`].
#[derive(Default)]
pub(super) struct Shared {
    counts: Vec<u32>,
    touched: Vec<u32>,
}

impl Kin {
    pub(super) fn new() -> Self {
        Self { having: HashMap::with_hasher(FixedState::with_seed(0)), sizes: Vec::new() }
    }

    /// Adds a text.
    pub(super) fn add(&mut self, seen: &Seen) {
        let number = u32::try_from(self.sizes.len()).expect("fewer than 2^32 texts");
        for &gram in &seen.grams {
            self.having.entry(gram).or_default().push(number);
        }
        self.sizes.push(seen.grams.len() as u32);
    }

    /// Whether any text is related to this one.
    pub(super) fn has_related(&self, shared: &mut Shared, seen: &Seen) -> bool {
        shared.counts.resize(self.sizes.len(), 0);
        for gram in &seen.grams {
            for &text in self.having.get(gram).map_or(&[][..], Vec::as_slice) {
                let count = &mut shared.counts[text as usize];
                if *count == 0 {
                    shared.touched.push(text);
                }
                *count += 1;
            }
        }
        let mut has_related = false;
        for text in shared.touched.drain(..) {
            let common = std::mem::take(&mut shared.counts[text as usize]) as usize;
            has_related |= seen.is_related_by(common, self.sizes[text as usize] as usize);
        }
        has_related
    }
}

/// The same text for the same seed and number, whichever thread asks.
pub(super) fn generator(seed: u64, purpose: &str, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(FixedState::with_seed(seed).hash_one((purpose, number)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(text: &str) -> Seen {
        Seen::of(&mut Folded::default(), text)
    }

    #[test]
    fn scripts_are_told_by_the_larger_part() {
        for (text, script, letters, is_mixed) in [
            ("今天 天气，不错!", Script::Wide, 6, false),
            ("カレーを食べた", Script::Wide, 7, false),
            ("한글 문장", Script::Wide, 4, false),
            ("See you at 8 in 上海", Script::Narrow, 13, false),
            ("编号 HD90 的假币", Script::Wide, 9, true),
            ("", Script::Narrow, 0, false),
        ] {
            let seen = seen(text);
            assert_eq!((seen.script, seen.letters, seen.is_mixed), (script, letters, is_mixed), "{text}");
        }
    }

    #[test]
    fn relation_is_by_shared_pairs_or_by_a_part_of_the_shorter_one() {
        let cases = [
            // Of eight pairs two.
            ("一二三四五六", "一二三七八九", true),
            // Of nine pairs one, of the shorter one's four.
            ("一二三四五", "一二六七八九十", false),
            // Of fifteen pairs two, which are half of the shorter one's.
            ("一二三四五", "一二三六七八九十百千万亿天地", true),
            ("一二三", "四五六", false),
            ("abcdefgh", "ABCD efgh!", true),
            ("abcdefgh", "abcdijkl", false),
            ("", "", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(seen(a).is_related(&seen(b)), expected, "{a} / {b}");
            assert_eq!(seen(b).is_related(&seen(a)), expected, "{b} / {a}");
        }
    }

    proptest! {
        #[test]
        fn asking_all_is_comparing_each(texts in prop::collection::vec("[一二三四五 ]{0,9}|[ab ]{0,9}", 0..20), text in "[一二三四五]{0,9}|[ab]{0,9}") {
            let (mut kin, mut shared) = (Kin::new(), Shared::default());
            let all: Vec<Seen> = texts.iter().map(|text| seen(text)).collect();
            all.iter().for_each(|seen| kin.add(seen));
            let query = seen(&text);
            let expected = all.iter().any(|other| query.is_related(other));
            prop_assert_eq!(kin.has_related(&mut shared, &query), expected);
            prop_assert_eq!(kin.has_related(&mut shared, &query), expected, "the buffer is clean again");
        }
    }
}
