//! A 64-bit simhash of a text, for other systems that speak it. Nothing in this room rests on it.

use crate::text::{Folded, Letters};

use super::grams::{NARROW_SKETCHED, WIDE_SKETCHED};
use super::mark::{LETTERS_MAX, Script};

/// Simhash (Charikar, 2002; the bits are those of the `simhash` crate) over the set of grams of the letters: two of
/// Chinese and its like, three of others. As a set, since a text that repeats itself would be its most frequent gram.
///
/// Texts that differ in little differ in few bits; three is the usual bound for pages, and too strict for short texts.
/// 0 for a text without grams.
#[must_use]
pub fn fingerprint(folded: &Folded) -> u64 {
    let mut letters = Letters::default();
    letters.take(folded, LETTERS_MAX);
    let length = match Script::of(&letters) {
        Script::Wide => WIDE_SKETCHED,
        Script::Narrow => NARROW_SKETCHED,
    };
    let text: String = letters.units().iter().filter_map(|&unit| char::from_u32(unit)).collect();
    let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    ends.push(text.len());
    let mut grams: Vec<&str> = ends.windows(length + 1).map(|places| &text[places[0]..places[length]]).collect();
    grams.sort_unstable();
    grams.dedup();
    simhash::simhash_stream(grams.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> u64 {
        let mut folded = Folded::default();
        folded.fold(text);
        fingerprint(&folded)
    }

    #[test]
    fn washing_changes_few_bits_and_another_text_half_of_them() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut text = || -> String { (0..600).map(|_| random.char('一'..='龥')).collect() };
        let (one, other) = (text(), text());
        let washed = one.replacen(one.chars().nth(300).unwrap(), "某，", 1);
        assert!(simhash::hamming_distance(of(&one), of(&washed)) <= 3);
        assert!(simhash::hamming_distance(of(&one), of(&other)) > 16);
        assert_eq!(of(&one), of(&one.chars().flat_map(|c| [c, '。']).collect::<String>()));
    }

    /// Others keep these numbers: they may never change.
    #[test]
    fn fingerprints_are_the_same_for_ever() {
        assert_eq!(of(""), 0);
        assert_eq!(of("ab"), 0);
        assert_eq!(of("abc"), simhash::simhash("abc"));
        assert_eq!(of("今天天气，今天天气"), simhash::simhash("今天 天天 天气 气今"));
    }
}
