//! The base fold: one table lookup a character, no allocation after warm-up.

use std::ops::Range;

use super::table::{DROPPED, EXPANSION_UNITS_MAX, Entry, INVISIBLE, Kind, REGIONAL, compose, kind};

/// The folded form of one text: units (Unicode scalar values) and the way back to the original bytes.
///
/// What the fold does and leaves is in the build script's definition (`build/fold.rs`): compatibility forms, case, decimal
/// digits, traditional characters, look-alikes of Latin letters and styled letters become the plain ones; invisible characters
/// and decorating marks go. Folding what was folded changes nothing.
#[derive(Default, Clone, Debug)]
pub struct Folded {
    // The first `len` of each are of this text (one more of `starts`); what lies behind them is room that later texts use again.
    units: Vec<u32>,
    kinds: Vec<Kind>,
    /// The byte at which the character of each unit begins, and last the length of the text.
    starts: Vec<u32>,
    len: usize,
    seen: Kind,
    /// Units that are no character of their own.
    expanded: usize,
    invisible: usize,
}

impl Folded {
    /// Folds `text` in place of what was folded before.
    ///
    /// # Panics
    /// If the text has 4 GiB or more, which no bound of ours lets through.
    pub fn fold(&mut self, text: &str) {
        let bytes = u32::try_from(text.len()).expect("a text has less than 4 GiB");
        self.clear();
        self.make_room(text.len());
        let mut at = self.fold_ordinary(text, 0);
        while let Some(c) = text[at..].chars().next() {
            self.push_special(c as u32, at as u32);
            self.make_room(text.len() - at);
            at = self.fold_ordinary(text, at + c.len_utf8());
        }
        self.starts[self.len] = bytes;
        if self.seen.is(Kind::SPECIAL) {
            self.spell_regionals();
        }
    }

    /// Folds from the byte `from` up to the first character that is not simply replaced by one unit, and returns its place.
    fn fold_ordinary(&mut self, text: &str, from: usize) -> usize {
        // No character has less than one byte, so none of these is too short.
        let (first, room) = (self.len, text.len() - from);
        let units = &mut self.units[first..first + room];
        let kinds = &mut self.kinds[first..first + room];
        let starts = &mut self.starts[first..first + room];
        let mut rest = &text.as_bytes()[from..];
        let (mut len, mut seen) = (0, Kind::NONE);
        while let Some((entry, after)) = Entry::first(rest) {
            if entry.is_special() || len >= room {
                break;
            }
            units[len] = entry.unit();
            kinds[len] = entry.kind();
            starts[len] = (text.len() - rest.len()) as u32;
            seen = seen.with(entry.kind());
            len += 1;
            rest = after;
        }
        self.len += len;
        self.seen = self.seen.with(seen);
        text.len() - rest.len()
    }

    /// The folded units, Unicode scalar values.
    #[must_use]
    #[inline]
    pub fn units(&self) -> &[u32] {
        &self.units[..self.len]
    }

    /// What each unit is; like [`kind`](super::kind) of it, and it tells capitals as well.
    #[must_use]
    #[inline]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds[..self.len]
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
        self.len - self.expanded
    }

    /// How many invisible characters were dropped. Joiners and selectors belong to an emoji and do not count there.
    #[must_use]
    pub fn invisible(&self) -> usize {
        self.invisible
    }

    /// The bytes of the original text from which these units came, on character boundaries. What was dropped after a
    /// character (its accents, a selector) belongs to it.
    ///
    /// # Panics
    /// If the range is not within the units.
    #[must_use]
    pub fn span(&self, units: Range<usize>) -> Range<usize> {
        let starts = &self.starts[..=self.len];
        let start = starts[units.start];
        if units.is_empty() {
            return start as usize..start as usize;
        }
        let last = starts[units.end - 1];
        let after = starts[units.end..].iter().find(|&&next| next > last);
        start as usize..*after.expect("the length of the text stands last") as usize
    }

    fn clear(&mut self) {
        self.len = 0;
        self.seen = Kind::NONE;
        self.expanded = 0;
        self.invisible = 0;
    }

    /// Makes room for as many more units as there are bytes, one expansion and the closing start.
    fn make_room(&mut self, bytes: usize) {
        let needed = self.len + bytes + EXPANSION_UNITS_MAX + 1;
        if self.units.len() < needed {
            self.grow(needed.next_power_of_two());
        }
    }

    #[cold]
    fn grow(&mut self, room: usize) {
        self.units.resize(room, 0);
        self.kinds.resize(room, Kind::NONE);
        self.starts.resize(room, 0);
    }

    fn push(&mut self, unit: u32, kind: Kind, start: u32) {
        self.units[self.len] = unit;
        self.kinds[self.len] = kind;
        self.starts[self.len] = start;
        self.seen = self.seen.with(kind);
        self.len += 1;
    }

    #[cold]
    fn push_special(&mut self, scalar: u32, start: u32) {
        let entry = Entry::of(scalar);
        match entry.payload() {
            INVISIBLE => self.invisible += usize::from(!self.belongs_to_emoji(scalar)),
            DROPPED => {}
            REGIONAL => self.push(scalar, Kind::EMOJI.with(Kind::SPECIAL), start),
            _ => self.push_expansion(entry, start),
        }
    }

    fn push_expansion(&mut self, entry: Entry, start: u32) {
        let before = self.len;
        for &unit in entry.expansion() {
            let may_compose = Entry::of(unit).is_special();
            match self.last().filter(|_| may_compose).and_then(|last| compose(last, unit)) {
                Some(composed) => self.units[self.len - 1] = composed,
                None => self.push(unit, entry.kind_of(unit), start),
            }
        }
        // A mark that merged into the letter before it is no character of its own.
        self.expanded += (self.len - before).saturating_sub(1);
    }

    fn last(&self) -> Option<u32> {
        self.units().last().copied()
    }

    /// Variation selectors, joiners and tags after an emoji, as keyboards write them.
    fn belongs_to_emoji(&self, scalar: u32) -> bool {
        let follows_emoji = self.kinds().last().is_some_and(|kind| kind.is(Kind::EMOJI.with(Kind::DIGIT)));
        follows_emoji && matches!(scalar, 0x200D | 0xFE0E | 0xFE0F | 0xE0020..=0xE007F)
    }

    /// Regional indicators are flags where all of a run pair up to one; else they spell a word.
    fn spell_regionals(&mut self) {
        self.seen = self.seen.without(Kind::SPECIAL);
        let mut at = 0;
        while at < self.len {
            let run = self.units()[at..].iter().take_while(|&&unit| is_regional(unit)).count();
            if run > 0 && !super::flags::is_flags(&self.units[at..at + run]) {
                self.spell(at..at + run);
            }
            at += run.max(1);
        }
        for kind in &mut self.kinds[..self.len] {
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
