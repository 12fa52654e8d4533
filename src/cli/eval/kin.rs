//! Which texts are related, decided by comparing a text with every other one: the truth that a detector is held against.
//!
//! It shares nothing with the detector but the fold: sets of runs of letters (two of Han, kana and hangul, three of other
//! scripts), kept as they are, without hashing down, sampling or keys, and their Jaccard similarity.

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
    /// The similarity from which two texts of the script count as related: what stands in between is neither asked for nor
    /// held against a detector.
    pub(super) const fn related_from(self) -> f32 {
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
        // Three scalar values of 21 bits fit, with a bit to tell the scripts apart.
        let pack = |run: &[u32]| run.iter().fold(script as u64, |packed, &unit| packed << 21 | u64::from(unit));
        let mut grams: Vec<u64> = letters.windows(script.run()).map(pack).collect();
        grams.sort_unstable();
        grams.dedup();
        Self { script, letters: letters.len(), grams }
    }

    /// Shared grams over all grams.
    pub(super) fn similarity(&self, other: &Self) -> f32 {
        let (mut a, mut b, mut shared) = (&self.grams[..], &other.grams[..], 0);
        while let ([first, rest_a @ ..], [second, rest_b @ ..]) = (a, b) {
            shared += usize::from(first == second);
            (a, b) = (if first <= second { rest_a } else { a }, if second <= first { rest_b } else { b });
        }
        ratio(shared, self.grams.len() + other.grams.len() - shared)
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

/// A buffer of [`Kin::nearest`].
#[derive(Default)]
pub(super) struct Shared {
    counts: Vec<u32>,
    touched: Vec<u32>,
}

impl Kin {
    pub(super) fn new() -> Self {
        Self { having: HashMap::with_hasher(FixedState::with_seed(0)), sizes: Vec::new() }
    }

    /// Adds a text, whose number is how many were added before.
    pub(super) fn add(&mut self, seen: &Seen) {
        let number = u32::try_from(self.sizes.len()).expect("fewer than 2^32 texts");
        for &gram in &seen.grams {
            self.having.entry(gram).or_default().push(number);
        }
        self.sizes.push(seen.grams.len() as u32);
    }

    /// The text that is most similar, the earliest of equals, and how similar it is; `None` where none shares a gram.
    pub(super) fn nearest(&self, shared: &mut Shared, seen: &Seen) -> Option<(u32, f32)> {
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
        let mut nearest: Option<(u32, f32)> = None;
        for text in shared.touched.drain(..) {
            let common = std::mem::take(&mut shared.counts[text as usize]) as usize;
            let all = seen.grams.len() + self.sizes[text as usize] as usize - common;
            let similarity = ratio(common, all);
            if nearest.is_none_or(|(number, most)| similarity > most || (similarity == most && text < number)) {
                nearest = Some((text, similarity));
            }
        }
        nearest
    }

    /// Whether any text is related to this one.
    pub(super) fn has_related(&self, shared: &mut Shared, seen: &Seen) -> bool {
        self.nearest(shared, seen).is_some_and(|(_, similarity)| similarity >= seen.script.related_from())
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
        for (text, script, letters) in [
            ("今天 天气，不错!", Script::Wide, 6),
            ("カレーを食べた", Script::Wide, 7),
            ("한글 문장", Script::Wide, 4),
            ("See you at 8 in 上海", Script::Narrow, 13),
            ("", Script::Narrow, 0),
        ] {
            let seen = seen(text);
            assert_eq!((seen.script, seen.letters), (script, letters), "{text}");
        }
    }

    #[test]
    fn similarity_is_that_of_the_sets() {
        // 今天 天天 天气 气好 and 今天 天天 天气 气坏: three of five.
        assert_eq!(seen("今天天气好").similarity(&seen("今天，天气坏")), 0.6);
        assert_eq!(seen("abcd").similarity(&seen("ABCD!")), 1.0);
        assert_eq!(seen("").similarity(&seen("")), 0.0);
    }

    proptest! {
        #[test]
        fn the_nearest_is_that_of_comparing_each(texts in prop::collection::vec("[一二三四五 ]{0,9}|[ab ]{0,9}", 0..20), text in "[一二三四五]{0,9}|[ab]{0,9}") {
            let (mut kin, mut shared) = (Kin::new(), Shared::default());
            let all: Vec<Seen> = texts.iter().map(|text| seen(text)).collect();
            all.iter().for_each(|seen| kin.add(seen));
            let query = seen(&text);
            let most = all.iter().map(|other| query.similarity(other)).fold(0.0, f32::max);
            let expected = (most > 0.0).then(|| (all.iter().position(|other| query.similarity(other) == most).unwrap() as u32, most));
            prop_assert_eq!(kin.nearest(&mut shared, &query), expected);
            prop_assert_eq!(kin.nearest(&mut shared, &query), expected, "the buffer is clean again");
        }
    }
}
