//! Other readings of a folded text, each with the way back: without separators, without repetitions, as it sounds.

use std::ops::Range;

use super::fold::Folded;
use super::pinyin::{self, SYLLABLE_UNITS_MAX, Syllable};
use super::table::{Kind, is_white_space};

const SPACE: u32 = ' ' as u32;
/// What a Latin word is made of.
const LATIN_WORD: Kind = Kind::LATIN.with(Kind::DIGIT);

/// A derived sequence of units. Which one it is depends on what was last called: [`View::strip`], [`View::squeeze`] or
/// [`View::pinyin`]. Buffers are reused.
#[derive(Default, Clone, Debug)]
pub struct View {
    units: Vec<u32>,
    /// The index of the folded unit from which each unit came.
    back: Vec<u32>,
    /// Whether a match may begin before each unit, and last whether it may end there; empty if it may anywhere.
    edges: Vec<bool>,
}

impl View {
    /// Takes out the separators that stand within words: `赌*博`, `加 薇 信`, `c.a.s.i.n.o`.
    ///
    /// What ordinarily stands between words stays as one space, or the ends of any two sentences would make a word: white space
    /// between Latin words, and marks that end or enclose a phrase (`，。！？、；：…`, brackets, quotes, dashes, line ends, `@`).
    /// They too are taken out beside a word of one unit, as text that is spelled out has many; between Latin words, if both have
    /// only one. So `加，薇，信` and `c a s i n o` are joined, `在赌，博士` and `pen is` are not.
    ///
    /// False, and an empty view, if nothing is joined.
    pub fn strip(&mut self, folded: &Folded) -> bool {
        self.clear();
        let (mut at, mut has_joined) = (0, false);
        for gap in gaps(folded) {
            let joins = gap.joins(folded);
            has_joined |= joins;
            self.copy(folded, at..gap.range.start);
            self.close(&gap, joins);
            at = gap.range.end;
        }
        if !has_joined {
            self.clear();
            return false;
        }
        self.copy(folded, at..folded.units().len());
        true
    }

    /// Takes out separators as [`View::strip`] does, and of every run of one unit, digits apart, all but the first.
    ///
    /// False, and an empty view, if nothing in the text looks drawn out: no unit three times in a row, separators between
    /// them or not, and no two doubled units side by side. Ordinary words (爸爸, `letter`) are therefore left alone, and where
    /// the view is built, a term with a doubled unit is found by its own squeezed form.
    pub fn squeeze(&mut self, folded: &Folded) -> bool {
        self.clear();
        if !is_drawn_out(folded) {
            return false;
        }
        let mut at = 0;
        for gap in gaps(folded) {
            self.copy_squeezed(folded, at..gap.range.start);
            self.close(&gap, gap.joins(folded));
            at = gap.range.end;
        }
        self.copy_squeezed(folded, at..folded.units().len());
        true
    }

    /// Chinese characters as the toneless syllable of their commonest reading in ASCII letters (ü is `v`), other word units
    /// as they are, no separators. [`View::is_edge`] tells where syllables and Latin words begin.
    pub fn pinyin(&mut self, folded: &Folded) {
        let room = folded.units().len() * SYLLABLE_UNITS_MAX;
        self.resize(room);
        let (mut len, mut before) = (0, Kind::NONE);
        for (at, (&unit, &kind)) in folded.units().iter().zip(folded.kinds()).enumerate() {
            if kind.is(Kind::WORD) {
                let continues = kind.is(LATIN_WORD) && before.is(LATIN_WORD);
                len += self.sound(len, unit, kind, at as u32, !continues);
            }
            before = kind;
        }
        self.resize(len);
        self.edges.push(true);
    }

    /// The units of the view.
    #[must_use]
    #[inline]
    pub fn units(&self) -> &[u32] {
        &self.units
    }

    /// Whether a syllable, a Latin word or another unit begins at this place of the view; true at its end. A match of a
    /// pronunciation should begin and end at an edge. Always true in views that are not of pronunciation.
    #[must_use]
    #[inline]
    pub fn is_edge(&self, at: usize) -> bool {
        self.edges.get(at).copied().unwrap_or(true)
    }

    /// The units of [`Folded`] from which these units of the view came, with all that was taken out between them.
    ///
    /// # Panics
    /// If the range is not within the view.
    #[must_use]
    pub fn folded_range(&self, range: Range<usize>) -> Range<usize> {
        let Some(last) = range.end.checked_sub(1).filter(|_| !range.is_empty()) else {
            let at = self.back.get(range.start).or(self.back.last()).map_or(0, |&at| at as usize);
            return at..at;
        };
        self.back[range.start] as usize..self.back[last] as usize + 1
    }

    fn clear(&mut self) {
        self.units.clear();
        self.back.clear();
        self.edges.clear();
    }

    #[inline]
    fn push(&mut self, unit: u32, at: u32) {
        self.units.push(unit);
        self.back.push(at);
    }

    /// Word units and what is around them; separators at the ends of the text are left out.
    fn copy(&mut self, folded: &Folded, range: Range<usize>) {
        let words = trim(folded, range);
        self.units.extend_from_slice(&folded.units()[words.clone()]);
        self.back.extend(words.start as u32..words.end as u32);
    }

    fn copy_squeezed(&mut self, folded: &Folded, range: Range<usize>) {
        for at in trim(folded, range) {
            let (unit, kind) = (folded.units()[at], folded.kinds()[at]);
            if self.units.last() != Some(&unit) || kind.is(Kind::DIGIT) {
                self.push(unit, at as u32);
            }
        }
    }

    fn close(&mut self, gap: &Gap, joins: bool) {
        if !joins {
            self.push(SPACE, gap.range.start as u32);
        }
    }

    fn resize(&mut self, len: usize) {
        self.units.resize(len, 0);
        self.back.resize(len, 0);
        self.edges.resize(len, false);
    }

    /// Writes the syllable of a unit, or the unit, at `len`, and returns how many units that are. A syllable is written with
    /// all the room that one may need: the next one begins where it ends.
    fn sound(&mut self, len: usize, unit: u32, kind: Kind, at: u32, is_edge: bool) -> usize {
        const NO_ROOM: &str = "there is room for a syllable a unit";
        let units = self.units[len..].first_chunk_mut().expect(NO_ROOM);
        let edges = self.edges[len..].first_chunk_mut().expect(NO_ROOM);
        *self.back[len..].first_chunk_mut().expect(NO_ROOM) = [at; SYLLABLE_UNITS_MAX];
        *edges = [false; SYLLABLE_UNITS_MAX];
        let syllable = if kind.is(Kind::HAN) { pinyin::syllable(unit) } else { Syllable::default() };
        if syllable.len > 0 {
            *units = syllable.units;
            edges[0] = true;
            return syllable.len;
        }
        units[0] = unit;
        edges[0] = is_edge;
        1
    }
}

/// The word units of a range whose separators, if any, stand at its ends.
fn trim(folded: &Folded, range: Range<usize>) -> Range<usize> {
    let kinds = &folded.kinds()[range.clone()];
    let Some(first) = kinds.iter().position(|kind| kind.is(Kind::WORD)) else {
        return range.start..range.start;
    };
    let last = kinds.iter().rposition(|kind| kind.is(Kind::WORD)).expect("there is a first one");
    range.start + first..range.start + last + 1
}

/// Separators with a word unit on either side.
struct Gap {
    range: Range<usize>,
}

impl Gap {
    /// Whether the words on its sides are read as one.
    fn joins(&self, folded: &Folded) -> bool {
        let is_latin = |at: usize| folded.kinds()[at].is(LATIN_WORD);
        let Range { start, end } = self.range;
        let is_between_latin = is_latin(start - 1) && is_latin(end);
        let units = &folded.units()[start..end];
        if !(units.iter().any(|&unit| ends_phrase(unit)) || units.starts_with(&ELLIPSIS)) {
            return !is_between_latin
                || !units.iter().any(|&unit| is_white_space(unit))
                || self.single_sides(folded) == 2;
        }
        self.single_sides(folded) >= if is_between_latin { 2 } else { 1 }
    }

    /// How many of the words on its sides have one unit only.
    fn single_sides(&self, folded: &Folded) -> u8 {
        let is_word = |at: usize| folded.kinds().get(at).is_some_and(|kind| kind.is(Kind::WORD));
        let Range { start, end } = self.range;
        u8::from(start < 2 || !is_word(start - 2)) + u8::from(!is_word(end + 1))
    }
}

const ELLIPSIS: [u32; 2] = ['.' as u32; 2];

/// Marks that end or enclose a phrase, as the fold leaves them.
fn ends_phrase(unit: u32) -> bool {
    matches!(
        char::from_u32(unit),
        Some(
            ',' | '。'
                | '!'
                | '?'
                | '、'
                | ';'
                | ':'
                | '"'
                | '\''
                | '“'
                | '”'
                | '‘'
                | '’'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '【'
                | '】'
                | '《'
                | '》'
                | '〈'
                | '〉'
                | '「'
                | '」'
                | '『'
                | '』'
                | '—'
                | '~'
                | '@'
                | '\n'
                | '\r'
        )
    )
}

fn gaps(folded: &Folded) -> impl Iterator<Item = Gap> {
    let kinds = folded.kinds();
    let mut at = kinds.iter().position(|kind| kind.is(Kind::WORD)).unwrap_or(kinds.len());
    std::iter::from_fn(move || {
        let start = at + kinds[at..].iter().position(|kind| !kind.is(Kind::WORD))?;
        let end = start + kinds[start..].iter().position(|kind| kind.is(Kind::WORD))?;
        at = end;
        Some(Gap { range: start..end })
    })
}

fn is_drawn_out(folded: &Folded) -> bool {
    let (mut before, mut run, mut was_doubled) = (u32::MAX, 1, false);
    for (&unit, kind) in folded.units().iter().zip(folded.kinds()) {
        if !kind.is(Kind::WORD) || kind.is(Kind::DIGIT) {
            continue;
        }
        if unit == before {
            run += 1;
            if run >= 3 || was_doubled {
                return true;
            }
        } else {
            was_doubled = run == 2;
            run = 1;
        }
        before = unit;
    }
    false
}
