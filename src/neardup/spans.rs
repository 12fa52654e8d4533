//! Which bytes of one text stand in another, to show them side by side.

use std::ops::Range;

use crate::text::{Folded, Letters};

use super::mark::{LETTERS_MAX, Script};
use super::seed::mix;

/// Runs shorter than this are turns of phrase.
const WIDE_RUN_MIN: usize = 6;
const NARROW_RUN_MIN: usize = 20;
/// Places of the first text that are tried for one place of this one: a text may repeat itself.
const PLACES_MAX: usize = 8;

/// A run of letters that both texts have, in bytes of either original, on character boundaries; separators within it may
/// differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Where it stands in this text.
    pub this: Range<usize>,
    /// Where it stands in the first one.
    pub first: Range<usize>,
}

/// A text whose letters are known by place.
#[derive(Default)]
struct Read {
    folded: Folded,
    letters: Letters,
}

impl Read {
    fn new(text: &str) -> Self {
        let mut read = Self::default();
        read.folded.fold(text);
        read.letters.take(&read.folded, LETTERS_MAX);
        read
    }

    fn bytes(&self, letters: Range<usize>) -> Range<usize> {
        self.folded.span(self.letters.folded_range(letters))
    }
}

/// The runs that two texts have in common, in the order of this one and without overlaps in it: from its beginning on, the
/// longest run at each place. At most `spans_max`, the longest.
#[must_use]
pub fn matched(this: &str, first: &str, spans_max: usize) -> Vec<Matched> {
    let (this, first) = (Read::new(this), Read::new(first));
    let run_min = match Script::of(&this.letters) {
        Script::Wide => WIDE_RUN_MIN,
        Script::Narrow => NARROW_RUN_MIN,
    };
    let mut runs = runs(this.letters.units(), first.letters.units(), run_min);
    // The longest, the earliest of equals; then back into the order of the text.
    runs.sort_unstable_by_key(|&(at, _, length)| (std::cmp::Reverse(length), at));
    runs.truncate(spans_max);
    runs.sort_unstable();
    let spans = runs.into_iter().map(|(at, other, length)| Matched {
        this: this.bytes(at..at + length),
        first: first.bytes(other..other + length),
    });
    spans.collect()
}

/// Place in this, place in the first, length.
fn runs(this: &[u32], first: &[u32], run_min: usize) -> Vec<(usize, usize, usize)> {
    let mut places: Vec<(u64, u32)> =
        first.windows(run_min).enumerate().map(|(at, run)| (hash(run), at as u32)).collect();
    places.sort_unstable();
    let (mut runs, mut at) = (Vec::new(), 0);
    while let Some(run) = this.get(at..at + run_min) {
        let hash = hash(run);
        let from = places.partition_point(|(other, _)| *other < hash);
        let same = places[from..].iter().take_while(|(other, _)| *other == hash).take(PLACES_MAX);
        let common = |other: usize| this[at..].iter().zip(&first[other..]).take_while(|(a, b)| a == b).count();
        let longest = same.map(|&(_, other)| (common(other as usize), std::cmp::Reverse(other))).max();
        match longest {
            Some((length, other)) if length >= run_min => {
                runs.push((at, other.0 as usize, length));
                at += length;
            }
            _ => at += 1,
        }
    }
    runs
}

fn hash(run: &[u32]) -> u64 {
    run.iter().fold(0x243F_6A88_85A3_08D3, |hash, &unit| mix(hash ^ u64::from(unit), 0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn letters(text: &str) -> Vec<u32> {
        Read::new(text).letters.units().to_vec()
    }

    proptest! {
        /// What is said to be the same is the same, in order, without overlaps, and on character boundaries.
        #[test]
        fn spans_are_what_they_say(
            words in proptest::collection::vec("[一-五]{3,9}|[a-d ]{6,30}|[，。😀]", 1..12),
            this in proptest::collection::vec(0_usize..12, 0..10),
            first in proptest::collection::vec(0_usize..12, 0..10),
        ) {
            let text = |order: &[usize]| order.iter().map(|&at| words[at % words.len()].as_str()).collect::<String>();
            let (this, first) = (text(&this), text(&first));
            let mut end = 0;
            for span in matched(&this, &first, 20) {
                prop_assert!(span.this.start >= end && span.this.end > span.this.start);
                end = span.this.end;
                prop_assert_eq!(letters(&this[span.this]), letters(&first[span.first]));
            }
        }

        #[test]
        fn a_text_matches_itself_whole(text in "[一-龥]{6,60}") {
            let spans = matched(&text, &text, 20);
            prop_assert_eq!(spans.len(), 1);
            prop_assert_eq!(&spans[0].this, &(0..text.len()));
        }
    }

    #[test]
    fn runs_are_found_through_washing_and_short_ones_are_not() {
        let (this, first) =
            ("小编说：今天下午三点在人民广场集合。就这样", "通知 今天，下午 三点在人民廣場集合！带水杯");
        let spans = matched(this, first, 5);
        assert_eq!(spans.len(), 1);
        assert_eq!(&this[spans[0].this.clone()], "今天下午三点在人民广场集合");
        assert_eq!(&first[spans[0].first.clone()], "今天，下午 三点在人民廣場集合");
        assert_eq!(matched("今天天气不错", "明天天气不好", 5), []);
        assert_eq!(matched("the same few words here", "and the same few others", 5), []);
        assert_eq!(matched("", "今天", 5), []);
    }
}
