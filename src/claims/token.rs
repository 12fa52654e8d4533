//! The terms of a text: pairs of neighbouring characters where words are not spaced, stems of words where they are, numbers.

use crate::text::{Folded, Kind};

use super::stem;

/// Where the scripts without spaces between words begin.
const WIDE_FIRST: u32 = 0x3040;

/// One term in its place. Units are those of the [`Folded`] text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// A hash of the term; numbers have the lowest bit set, all others have not.
    pub(crate) term: u64,
    /// The first unit.
    pub(crate) start: u32,
    /// One past the last unit.
    pub(crate) end: u32,
}

impl Token {
    /// Whether it is a number.
    pub(crate) fn is_number(self) -> bool {
        self.term & 1 == 1
    }
}

/// The terms of one text in order. Its buffers are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    items: Vec<Token>,
    word: Vec<u32>,
}

/// Terms that are read of a text; what stands behind them is not looked at.
pub(crate) const TOKENS_MAX: usize = 4096;

impl Tokens {
    /// Takes the terms of a text in place of those that were here.
    pub(crate) fn read(&mut self, folded: &Folded) {
        self.items.clear();
        let (units, kinds) = (folded.units(), folded.kinds());
        let mut at = 0;
        while at < units.len() && self.items.len() < TOKENS_MAX {
            at = if !kinds[at].is(Kind::WORD) {
                at + 1
            } else if units[at] >= WIDE_FIRST {
                self.wide(units, kinds, at)
            } else {
                self.spaced(units, kinds, at)
            };
        }
    }

    /// The terms.
    pub(crate) fn items(&self) -> &[Token] {
        &self.items
    }

    /// Takes pairs of a run of wide letters; spaces between them are looked through. A letter alone is a term.
    fn wide(&mut self, units: &[u32], kinds: &[Kind], first: usize) -> usize {
        let (mut last, mut at, mut pairs) = (first, first + 1, 0);
        while at < units.len() {
            if kinds[at].is(Kind::WORD) {
                if units[at] < WIDE_FIRST {
                    break;
                }
                self.push(&[units[last], units[at]], last, at + 1, false);
                (last, pairs) = (at, pairs + 1);
            } else if units[at] != u32::from(b' ') {
                break;
            }
            at += 1;
        }
        if pairs == 0 {
            self.push(&[units[first]], first, first + 1, false);
        }
        at
    }

    /// Takes one run of spaced letters and digits: `NotFakeNews2020` has four terms. Addresses are passed over.
    fn spaced(&mut self, units: &[u32], kinds: &[Kind], first: usize) -> usize {
        if let Some(end) = address(units, first) {
            return end;
        }
        let mut at = first;
        while at < units.len() && kinds[at].is(Kind::WORD) && units[at] < WIDE_FIRST {
            let is_digit = kinds[at].is(Kind::DIGIT);
            let start = at;
            while at < units.len() && kinds[at].is(Kind::WORD) && units[at] < WIDE_FIRST {
                let is_hump = at > start && kinds[at].is(Kind::UPPER) && !kinds[at - 1].is(Kind::UPPER);
                if kinds[at].is(Kind::DIGIT) != is_digit || is_hump {
                    break;
                }
                at += 1;
                at += usize::from(is_digit && groups(units, kinds, at));
            }
            self.part(units, start, at, is_digit);
        }
        at + ending(units, kinds, at)
    }

    fn part(&mut self, units: &[u32], start: usize, end: usize, is_number: bool) {
        let mut word = std::mem::take(&mut self.word);
        word.clear();
        word.extend(units[start..end].iter().filter(|&&unit| unit != u32::from(b',')));
        if !is_number {
            stem::shorten(&mut word);
        }
        self.push(&word, start, end, is_number);
        self.word = word;
    }

    fn push(&mut self, units: &[u32], start: usize, end: usize, is_number: bool) {
        let term = hash(units) & !1 | u64::from(is_number);
        self.items.push(Token { term, start: start as u32, end: end as u32 });
    }
}

/// Whether a comma between digits stands here: `1,000`.
fn groups(units: &[u32], kinds: &[Kind], at: usize) -> bool {
    let is_digit = |at: usize| kinds.get(at).is_some_and(|kind| kind.is(Kind::DIGIT));
    units.get(at) == Some(&u32::from(b',')) && (1..=3).all(|more| is_digit(at + more)) && !is_digit(at + 4)
}

/// How long an English ending after an apostrophe is, which is no word of its own: `Obama's`, `don't`.
fn ending(units: &[u32], kinds: &[Kind], at: usize) -> usize {
    let is_apostrophe = units.get(at).is_some_and(|&unit| unit == u32::from(b'\'') || unit == 0x2019);
    let is_letter = |at: usize| kinds.get(at).is_some_and(|kind| kind.is(Kind::LATIN));
    match is_apostrophe && is_letter(at + 1) && !is_letter(at + 2) {
        true => 2,
        false => 0,
    }
}

/// Where an address that begins here ends: `https://…`, `pic.twitter.com/…`.
fn address(units: &[u32], first: usize) -> Option<usize> {
    const BEGINNINGS: [&str; 4] = ["http://", "https://", "www.", "pic.twitter.com"];
    let begins = |with: &str| {
        let len = with.len();
        let with = with.bytes().map(u32::from);
        units.len() - first >= len && with.eq(units[first..].iter().copied().take(len))
    };
    BEGINNINGS.into_iter().any(begins).then(|| {
        let is_part = |&&unit: &&u32| (0x21..0x7F).contains(&unit);
        first + units[first..].iter().take_while(is_part).count()
    })
}

/// Hash of a term; for tables, not for proofs.
fn hash(units: &[u32]) -> u64 {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = units.len() as u64;
    for &unit in units {
        let product = u128::from(state ^ u64::from(unit)).wrapping_mul(u128::from(K) << 1 | 1);
        state = (product as u64 ^ (product >> 64) as u64).wrapping_add(K);
    }
    state ^ state >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms as they stand in the text.
    fn shown(text: &str) -> Vec<String> {
        let (mut folded, mut tokens) = (Folded::default(), Tokens::default());
        folded.fold(text);
        tokens.read(&folded);
        let piece = |token: &Token| text[folded.span(token.start as usize..token.end as usize)].to_owned();
        tokens.items().iter().map(piece).collect()
    }

    #[test]
    fn wide_letters_make_pairs_and_spaced_ones_words() {
        assert_eq!(shown("喝白酒，杀毒"), ["喝白", "白酒", "杀毒"]);
        assert_eq!(shown("喝 白酒"), ["喝 白", "白酒"]);
        assert_eq!(shown("吃1,000粒维C"), ["吃", "1,000", "粒维", "C"]);
        assert_eq!(
            shown("Obama's dogs don't #MakeItSo2020 https://t.co/ab 12"),
            ["Obama", "dogs", "don", "Make", "It", "So", "2020", "12"]
        );
        assert_eq!(shown("USA NASAnow"), ["USA", "NASAnow"]);
        assert!(shown("…！？").is_empty());
    }

    #[test]
    fn terms_are_told_apart_and_forms_of_a_word_are_not() {
        let terms = |text: &str| {
            let (mut folded, mut tokens) = (Folded::default(), Tokens::default());
            folded.fold(text);
            tokens.read(&folded);
            tokens.items().iter().map(|token| token.term).collect::<Vec<_>>()
        };
        assert_eq!(terms("Vaccines"), terms("vaccine"));
        assert_eq!(terms("１０００"), terms("1,000"));
        assert_eq!(terms("疫苗接種"), terms("疫苗接种"));
        assert_ne!(terms("ab"), terms("ba"));
        assert!(terms("12").iter().all(|term| term & 1 == 1) && terms("ab").iter().all(|term| term & 1 == 0));
    }
}
