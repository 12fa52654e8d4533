//! The letters of a folded text without what stands between them: what grams are made of.

use std::ops::Range;

use super::fold::Folded;
use super::table::Kind;

/// Where the scripts without spaces between words begin: kana, Chinese characters and hangul all lie from here on.
const WIDE_FIRST: u32 = 0x3040;

/// The units of a [`Folded`] text that are letters, digits or kept marks, in order; separators, punctuation and emoji are
/// left out. Buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    // The first `len` of each are of this text; what lies behind is room that later texts use again.
    units: Vec<u32>,
    /// The index of the folded unit that each came from.
    back: Vec<u32>,
    len: usize,
    wide: usize,
}

impl Letters {
    /// Takes the first `letters_max` letters of a text in place of those that were here.
    pub fn take(&mut self, folded: &Folded, letters_max: usize) {
        let room = folded.units().len() + 1;
        if self.units.len() < room {
            self.units.resize(room.next_power_of_two(), 0);
            self.back.resize(room.next_power_of_two(), 0);
        }
        let (units, back) = (&mut self.units[..room], &mut self.back[..room]);
        let (mut len, mut wide) = (0, 0);
        for (at, (&unit, kind)) in folded.units().iter().zip(folded.kinds()).enumerate() {
            // Written in any case, counted if it is a letter: separators come at random, which a branch would pay for.
            units[len] = unit;
            back[len] = at as u32;
            let is_letter = kind.is(Kind::WORD);
            len += usize::from(is_letter);
            wide += usize::from(is_letter & (unit >= WIDE_FIRST));
        }
        if len > letters_max {
            len = letters_max;
            wide = units[..len].iter().filter(|&&unit| unit >= WIDE_FIRST).count();
        }
        (self.len, self.wide) = (len, wide);
    }

    /// The letters, Unicode scalar values.
    #[must_use]
    #[inline]
    pub fn units(&self) -> &[u32] {
        &self.units[..self.len]
    }

    /// How many of them are of a script without spaces between words: Chinese characters, kana, hangul.
    #[must_use]
    #[inline]
    pub fn wide(&self) -> usize {
        self.wide
    }

    /// The folded units from which these letters came, with what stands between them.
    ///
    /// # Panics
    /// If the range is not within the letters.
    #[must_use]
    pub fn folded_range(&self, letters: Range<usize>) -> Range<usize> {
        let back = &self.back[..self.len];
        match letters.end.checked_sub(1).filter(|_| !letters.is_empty()) {
            Some(last) => back[letters.start] as usize..back[last] as usize + 1,
            None => {
                let at = back.get(letters.start).or(back.last()).map_or(0, |&at| at as usize);
                at..at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str, letters_max: usize) -> (String, usize, Folded, Letters) {
        let (mut folded, mut letters) = (Folded::default(), Letters::default());
        folded.fold(text);
        letters.take(&folded, letters_max);
        let shown = letters.units().iter().filter_map(|&unit| char::from_u32(unit)).collect();
        (shown, letters.wide(), folded, letters)
    }

    #[test]
    fn separators_and_emoji_are_left_out_and_scripts_told_apart() {
        let cases = [
            ("加 薇-信 Ａb1！😀", "加薇信ab1", 3),
            ("", "", 0),
            ("……", "", 0),
            ("ひらカナ한국", "ひらカナ한국", 6),
            ("Größe", "grosse", 0),
        ];
        for (text, expected, wide) in cases {
            let (shown, found, ..) = letters(text, 100);
            assert_eq!((shown.as_str(), found), (expected, wide), "{text}");
        }
    }

    #[test]
    fn the_bound_holds_and_the_way_back_is_kept() {
        let (shown, wide, folded, letters) = letters("a, 加. b薇", 3);
        assert_eq!((shown.as_str(), wide), ("a加b", 1));
        assert_eq!(folded.span(letters.folded_range(1..3)), 3..9);
        assert!(letters.folded_range(3..3).is_empty());
    }
}
