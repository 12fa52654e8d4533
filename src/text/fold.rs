//! The base fold: one table lookup a character, no allocation after warm-up.

use std::ops::Range;

use super::table::{DROPPED, Entry, INVISIBLE, Kind, REGIONAL, compose, kind};

/// The folded form of one text: units (Unicode scalar values) and the way back to the original bytes.
///
/// What the fold does and leaves is in the build script's definition (`build/fold.rs`): compatibility forms, case, decimal
/// digits, traditional characters, look-alikes of Latin letters and styled letters become the plain ones; invisible characters
/// and decorating marks go. Folding what was folded changes nothing.
#[derive(Default, Clone, Debug)]
pub struct Folded {
    units: Vec<u32>,
    kinds: Vec<Kind>,
    /// The byte at which the character of each unit begins, and last the length of the text.
    starts: Vec<u32>,
    seen: Kind,
    chars: u32,
    invisible: u32,
}

impl Folded {
    /// Folds `text` in place of what was folded before.
    ///
    /// # Panics
    /// If the text has 4 GiB or more, which no bound of ours lets through.
    pub fn fold(&mut self, text: &str) {
        let bytes = u32::try_from(text.len()).expect("a text has less than 4 GiB");
        self.clear();
        self.reserve(text.len());
        for (start, c) in text.char_indices() {
            let entry = Entry::of(c as u32);
            if entry.is_special() {
                self.push_special(entry, c as u32, start as u32);
            } else {
                self.push(entry.unit(c as u32), entry.kind(), start as u32);
            }
        }
        self.starts.push(bytes);
        if self.seen.is(Kind::SPECIAL) {
            self.spell_regionals();
        }
    }

    /// The folded units, Unicode scalar values.
    #[must_use]
    #[inline]
    pub fn units(&self) -> &[u32] {
        &self.units
    }

    /// What each unit is; like [`kind`](super::kind) of it, and it tells capitals as well.
    #[must_use]
    #[inline]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The bits that any unit's kind has.
    #[must_use]
    #[inline]
    pub fn seen(&self) -> Kind {
        self.seen
    }

    /// How many characters the text has, those that show nothing apart.
    #[must_use]
    pub fn chars(&self) -> usize {
        self.chars as usize
    }

    /// How many invisible characters were dropped. Joiners and selectors belong to an emoji and do not count there.
    #[must_use]
    pub fn invisible(&self) -> usize {
        self.invisible as usize
    }

    /// The bytes of the original text from which these units came, on character boundaries. What was dropped after a
    /// character (its accents, a selector) belongs to it.
    ///
    /// # Panics
    /// If the range is not within the units.
    #[must_use]
    pub fn span(&self, units: Range<usize>) -> Range<usize> {
        let start = self.starts[units.start];
        if units.is_empty() {
            return start as usize..start as usize;
        }
        let last = self.starts[units.end - 1];
        let after = self.starts[units.end..].iter().find(|&&next| next > last);
        start as usize..*after.expect("the length of the text stands last") as usize
    }

    fn clear(&mut self) {
        self.units.clear();
        self.kinds.clear();
        self.starts.clear();
        self.seen = Kind::NONE;
        self.chars = 0;
        self.invisible = 0;
    }

    fn reserve(&mut self, bytes: usize) {
        self.units.reserve(bytes);
        self.kinds.reserve(bytes);
        self.starts.reserve(bytes + 1);
    }

    #[inline]
    fn push(&mut self, unit: u32, kind: Kind, start: u32) {
        self.units.push(unit);
        self.kinds.push(kind);
        self.starts.push(start);
        self.seen = self.seen.with(kind);
        self.chars += 1;
    }

    #[cold]
    fn push_special(&mut self, entry: Entry, scalar: u32, start: u32) {
        match entry.payload() {
            INVISIBLE => self.invisible += u32::from(!self.belongs_to_emoji(scalar)),
            DROPPED => {}
            REGIONAL => self.push(scalar, Kind::EMOJI.with(Kind::SPECIAL), start),
            _ => self.push_expansion(entry, start),
        }
    }

    fn push_expansion(&mut self, entry: Entry, start: u32) {
        let before = self.chars;
        for &unit in entry.expansion() {
            let composed = self.units.last().and_then(|&last| compose(last, unit));
            match (composed, self.units.last_mut()) {
                (Some(composed), Some(last)) => *last = composed,
                _ => self.push(unit, entry.kind_of(unit), start),
            }
        }
        self.chars = before + u32::from(self.chars > before);
    }

    /// Variation selectors, joiners and tags after an emoji, as keyboards write them.
    fn belongs_to_emoji(&self, scalar: u32) -> bool {
        let follows_emoji = self.kinds.last().is_some_and(|kind| kind.is(Kind::EMOJI.with(Kind::DIGIT)));
        follows_emoji && matches!(scalar, 0x200D | 0xFE0E | 0xFE0F | 0xE0020..=0xE007F)
    }

    /// Regional indicators are flags where all of a run pair up to one; else they spell a word.
    fn spell_regionals(&mut self) {
        self.seen = self.seen.without(Kind::SPECIAL);
        let mut at = 0;
        while at < self.units.len() {
            let run = self.units[at..].iter().take_while(|&&unit| is_regional(unit)).count();
            if run > 0 && !super::flags::is_flags(&self.units[at..at + run]) {
                self.spell(at..at + run);
            }
            at += run.max(1);
        }
        for kind in &mut self.kinds {
            *kind = kind.without(Kind::SPECIAL);
        }
    }

    fn spell(&mut self, run: Range<usize>) {
        for at in run {
            let letter = self.units[at] - super::flags::REGIONAL_A + u32::from(b'a');
            self.units[at] = letter;
            self.kinds[at] = kind(letter);
            self.seen = self.seen.with(kind(letter));
        }
    }
}

fn is_regional(unit: u32) -> bool {
    super::flags::REGIONALS.contains(&unit)
}

/// The folded form as text, for terms and tests.
#[must_use]
pub fn fold_to_string(text: &str) -> String {
    let mut folded = Folded::default();
    folded.fold(text);
    folded.units().iter().filter_map(|&unit| char::from_u32(unit)).collect()
}
