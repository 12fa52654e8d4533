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
    /// The letters, without the separators between them, each run of one letter once.
    runs: Vec<u32>,
    letters: Letters,
    seen: Kind,
    /// Units that are no character of their own.
    expanded: usize,
    invisible: usize,
}

/// What the letters taken in so far are.
#[derive(Default, Clone, Copy, Debug)]
struct Letters {
    count: usize,
    runs: usize,
    /// The last one; nought, which is no letter, before the first.
    last: u32,
}

impl Letters {
    /// Takes in one unit, and says where in `runs` the next run begins. Without branches: a unit that begins no run is
    /// overwritten by the next.
    #[inline]
    fn push(&mut self, unit: u32, kind: Kind, run: &mut u32) {
        let is_word = kind.is(Kind::WORD);
        let is_new = is_word & (unit != self.last);
        *run = unit;
        self.count += usize::from(is_word);
        self.runs += usize::from(is_new);
        self.last = if is_new { unit } else { self.last };
    }
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
        let at = self.fold_ordinary(text, 0);
        if at < text.len() {
            self.fold_specials(text, at);
        }
        self.starts[self.len] = bytes;
    }

    /// Folds from the byte `from` up to the first character that is not simply replaced by one unit, and returns its place.
    fn fold_ordinary(&mut self, text: &str, from: usize) -> usize {
        // No character has less than one byte, so none of these is too short.
        let (first, room) = (self.len, text.len() - from);
        let units = &mut self.units[first..first + room];
        let kinds = &mut self.kinds[first..first + room];
        let starts = &mut self.starts[first..first + room];
        let runs = &mut self.runs[self.letters.runs..][..room];
        let mut rest = &text.as_bytes()[from..];
        let (mut len, mut seen) = (0, Kind::NONE);
        let (mut new, mut letters, mut last) = (0, 0, self.letters.last);
        while let Some((entry, after)) = Entry::first(rest) {
            if entry.is_special() || len >= room || new >= room {
                break;
            }
            let (unit, kind) = (entry.unit(), entry.kind());
            units[len] = unit;
            kinds[len] = kind;
            starts[len] = (text.len() - rest.len()) as u32;
            seen = seen.with(kind);
            len += 1;
            rest = after;
            // Without branches: a unit that begins no run is overwritten by the next.
            let is_word = kind.is(Kind::WORD);
            let is_new = is_word & (unit != last);
            runs[new] = unit;
            new += usize::from(is_new);
            letters += usize::from(is_word);
            last = if is_word { unit } else { last };
        }
        self.len += len;
        self.seen = self.seen.with(seen);
        self.letters = Letters { count: self.letters.count + letters, runs: self.letters.runs + new, last };
        text.len() - rest.len()
    }

    /// Folds a text that has more than ordinary characters from the first of the others on.
    #[cold]
    fn fold_specials(&mut self, text: &str, mut at: usize) {
        while let Some(c) = text[at..].chars().next() {
            self.push_special(c as u32, at as u32);
            self.make_room(text.len() - at);
            at = self.fold_ordinary(text, at + c.len_utf8());
        }
        if self.seen.is(Kind::SPECIAL) {
            self.spell_regionals();
        }
        // Marks change the letter before them, and flags that are none are spelled.
        self.letters = Letters::default();
        for (&unit, &kind) in self.units[..self.len].iter().zip(&self.kinds) {
            self.letters.push(unit, kind, &mut self.runs[self.letters.runs]);
        }
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

    /// The letters of the text (its word units) without the separators between them, each run of one letter once: the form
    /// in which words are looked for that are spaced out or drawn out.
    #[must_use]
    #[inline]
    pub fn runs(&self) -> &[u32] {
        &self.runs[..self.letters.runs]
    }

    /// How many letters, which are word units, the text has; those of its [`runs`](Self::runs) if none is repeated.
    #[must_use]
    #[inline]
    pub fn letters(&self) -> usize {
        self.letters.count
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
        self.letters = Letters::default();
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
        self.runs.resize(room, 0);
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
