//! What of a text the model sees: rows of its table, one for each gram.
//!
//! The folded text is read as a row of *symbols*: a Chinese character, a Latin word, a run of digits (by its length alone), a
//! link, a mention, an emoji. What separates letters is passed over, so that `加 薇 信` reads as `加薇信` and `mo*ney` as `money`.
//! Grams are single symbols, pairs, and three in a row, in any order, with a Chinese character among them; besides, the runs of
//! [`LATIN_SHORTEST`] to [`LATIN_LONGEST`] letters of each Latin word, its ends marked. A word is known again that is written with
//! other characters, or with its letters in another order, by pairs of Chinese characters by their sounds alone, in either order,
//! side by side or with one between, and by the letters of a Latin word in any. A sign counts once a text, however often it stands there.

use crate::text::{Folded, Kind, SoundNumbers};

use super::labels::Language;

/// Changes whenever the same text gets other rows: a model is of no use with another version's.
pub const VERSION: u32 = 3;
/// Rows of a text, at most; what comes later is not looked at.
pub const ROWS_MAX: usize = 4096;
/// Units of a text that are looked at.
pub const UNITS_MAX: usize = 4096;

const WIDE_GRAM: usize = 3;
const LATIN_SHORTEST: usize = 3;
const LATIN_LONGEST: usize = 5;
/// Letters of a Latin word that are looked at.
const WORD_UNITS_MAX: usize = 24;
const WIDE_FIRST: u32 = 0x3040;
/// 丶, which nobody writes but to part letters.
const STROKE: u32 = 0x4E36;

/// Odd constants of one multiplication each; from the golden ratio and the square roots of small primes.
const SYMBOL: u64 = 0x9E37_79B9_7F4A_7C15;
const JOIN: u64 = 0xBB67_AE85_84CA_A73B;
const LETTER: u64 = 0x3C6E_F372_FE94_F82B;
const WORD: u64 = 0xA54F_F53A_5F1D_36F1;
const SOUND: u64 = 0x510E_527F_ADE6_82D1;
const LETTERS: u64 = 0x9B05_688C_2B3E_6C1F;
const THREE: u64 = 0x1F83_D9AB_FB41_BD6B;

/// Symbols that stand for more than their letters.
const DIGITS: u32 = 0x20_0000;
const LINK: u32 = 0x20_1000;
const MENTION: u32 = 0x20_1001;

/// One symbol: a hash, its sound where it has one, and whether it is of a script without spaces.
#[derive(Clone, Copy, Debug, Default)]
struct Symbol {
    hash: u64,
    sound: u16,
    is_wide: bool,
}

/// The rows of one text. Buffers are reused.
#[derive(Clone, Debug, Default)]
pub struct Features {
    symbols: Vec<Symbol>,
    word: Vec<u32>,
    hashes: Vec<u64>,
    letters: usize,
    wide: usize,
    /// A bit for each sign seen, by its hash: two that share one are one.
    signs: u64,
}

fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ (wide >> 64) as u64
}

fn symbol(unit: u32) -> u64 {
    mix(u64::from(unit) ^ SYMBOL, JOIN)
}

/// The bucket of a run of so many digits.
fn digits(run: usize) -> u32 {
    let bucket = match run {
        0..=4 => run,
        5..=7 => 5,
        8..=10 => 6,
        11 => 7,
        12..=15 => 8,
        _ => 9,
    };
    DIGITS + bucket as u32
}

impl Features {
    /// Reads a text in place of the one before.
    pub fn take(&mut self, folded: &Folded) {
        self.symbols.clear();
        self.hashes.clear();
        (self.letters, self.wide, self.signs) = (0, 0, 0);
        self.read(folded);
        self.hash_symbols();
        self.hashes.truncate(ROWS_MAX);
    }

    /// The language by the script.
    #[must_use]
    pub fn language(&self) -> Language {
        if self.wide * 4 >= self.letters && self.wide > 0 { Language::Chinese } else { Language::English }
    }

    /// The hashes of its grams in the order of the text, with repetitions. The upper bits say the row.
    #[must_use]
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    fn read(&mut self, folded: &Folded) {
        let take = folded.units().len().min(UNITS_MAX);
        let (units, kinds) = (&folded.units()[..take], &folded.kinds()[..take]);
        let sounds = SoundNumbers::get();
        let mut at = 0;
        while let Some(&unit) = units.get(at) {
            let kind = kinds[at];
            if unit == STROKE {
                at += 1;
            } else if unit >= WIDE_FIRST && kind.is(Kind::WORD) && !kind.is(Kind::LATIN.with(Kind::DIGIT)) {
                self.letters += 1;
                self.wide += 1;
                self.symbols.push(Symbol { hash: symbol(unit), sound: sounds.number(unit), is_wide: true });
                at += 1;
            } else if kind.is(Kind::DIGIT) {
                let run = kinds[at..].iter().take_while(|kind| kind.is(Kind::DIGIT)).count();
                self.push(digits(run));
                at += run;
            } else if kind.is(Kind::WORD) {
                at = self.word(units, kinds, at);
            } else {
                at = self.sign(units, kinds, at);
            }
        }
    }

    fn push(&mut self, unit: u32) {
        self.symbols.push(Symbol { hash: symbol(unit), sound: 0, is_wide: false });
    }

    /// A sign that is no letter; gives where to go on.
    fn sign(&mut self, units: &[u32], kinds: &[Kind], at: usize) -> usize {
        const BORING: &str = " ,.:;-_'\"()/\n\t\r<>";
        let unit = units[at];
        if unit == u32::from(b'@') && kinds.get(at + 1).is_some_and(|kind| kind.is(Kind::WORD)) {
            let name = kinds[at + 1..].iter().take_while(|kind| kind.is(Kind::LATIN.with(Kind::DIGIT))).count();
            self.push(MENTION);
            return at + 1 + name;
        }
        let is_boring = unit < 0x80 && BORING.bytes().any(|boring| u32::from(boring) == unit)
            || unit > 0x7F && kinds[at] == Kind::NONE && unit == 0x3000;
        let hash = mix(symbol(unit), WORD);
        let bit = 1 << (hash >> 58);
        if !is_boring && self.signs & bit == 0 {
            self.signs |= bit;
            self.hashes.push(hash);
        }
        at + 1
    }

    /// A word in a script with spaces; gives where to go on.
    fn word(&mut self, units: &[u32], kinds: &[Kind], at: usize) -> usize {
        let mut end = spell(units, kinds, at, &mut self.word);
        self.letters += self.word.len();
        if is_word(&self.word, "http") || is_word(&self.word, "https") || is_word(&self.word, "www") {
            let is_link = |unit: &&u32| **unit > 0x20 && **unit < 0x7F;
            end += units[end..].iter().take_while(is_link).count();
            self.push(LINK);
            return end;
        }
        let is_tagged = at > 0 && units[at - 1] == u32::from(b'<') && units.get(end) == Some(&u32::from(b'>'));
        if is_tagged && (is_word(&self.word, "url") || is_word(&self.word, "user")) {
            self.push(if self.word.len() == 3 { LINK } else { MENTION });
            return end;
        }
        let hash = self.word.iter().fold(LETTER, |state, &unit| mix(state ^ u64::from(unit), JOIN));
        self.symbols.push(Symbol { hash, sound: 0, is_wide: false });
        self.hash_word();
        end
    }

    /// Runs of letters of the word, its ends marked by noughts, and its letters in any order.
    fn hash_word(&mut self) {
        if self.word.len() > LATIN_SHORTEST {
            let letters = self.word.iter().fold(LETTERS, |sum, &unit| sum.wrapping_add(symbol(unit)));
            self.hashes.push(mix(letters, LETTERS));
        }
        self.word.insert(0, 0);
        self.word.push(0);
        for start in 0..self.word.len() - 1 {
            let mut state = LETTER;
            for (length, &unit) in (1..=LATIN_LONGEST).zip(&self.word[start..]) {
                state = mix(state ^ u64::from(unit), LETTER);
                if length >= LATIN_SHORTEST {
                    self.hashes.push(state);
                }
            }
        }
    }

    fn hash_symbols(&mut self) {
        let symbols = &self.symbols;
        for (at, first) in symbols.iter().enumerate() {
            self.hashes.push(mix(first.hash, WORD));
            let Some(second) = symbols.get(at + 1) else { break };
            let pair = mix(first.hash ^ JOIN, second.hash.rotate_left(32));
            self.hashes.push(pair);
            self.hashes.extend(sounds(first, second));
            let Some(third) = symbols.get(at + WIDE_GRAM - 1) else { continue };
            self.hashes.extend(sounds(first, third));
            if first.is_wide | second.is_wide | third.is_wide {
                let all = first.hash.wrapping_add(second.hash).wrapping_add(third.hash);
                self.hashes.push(mix(all ^ SYMBOL, THREE));
            }
        }
    }
}

/// Two characters by their sounds, in either order.
fn sounds(one: &Symbol, other: &Symbol) -> Option<u64> {
    let (low, high) = (one.sound.min(other.sound), one.sound.max(other.sound));
    (low != 0).then(|| mix(u64::from(low) << 16 | u64::from(high), SOUND))
}

fn is_word(word: &[u32], text: &str) -> bool {
    word.len() == text.len() && word.iter().zip(text.bytes()).all(|(&unit, byte)| unit == u32::from(byte))
}

/// The letter that is meant by a digit or sign between letters.
fn leet(unit: u32) -> Option<u32> {
    let letter = match char::from_u32(unit)? {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        _ => return None,
    };
    Some(letter as u32)
}

/// Whether it is put between letters of a word to part them, rather than to end a word or a sentence.
fn parts(unit: u32, kind: Kind) -> bool {
    const ENDS: &str = " .,:;/@<>&?=!()\"\n\t\r";
    !kind.is(Kind::WORD.with(Kind::DIGIT)) && !ENDS.bytes().any(|end| u32::from(end) == unit)
}

/// Spells a word out into `word`, digits and signs between its letters read as letters or passed over, a letter that is drawn out
/// written twice, single letters with one sign between each joined; gives where it ends.
fn spell(units: &[u32], kinds: &[Kind], from: usize, word: &mut Vec<u32>) -> usize {
    word.clear();
    let is_letter = |at: usize| {
        kinds.get(at).is_some_and(|kind| kind.is(Kind::WORD) && !kind.is(Kind::DIGIT)) && units[at] < WIDE_FIRST
    };
    let mut at = from;
    loop {
        let unit = if is_letter(at) {
            units[at]
        } else if let Some(letter) =
            units.get(at).and_then(|&unit| leet(unit)).filter(|_| is_letter(at + 1) && at > from)
        {
            letter
        } else if at > from && is_letter(at + 1) && parts(units[at], kinds[at]) {
            at += 1;
            continue;
        } else {
            break;
        };
        at += 1;
        let is_drawn = word.len() >= 2 && word[word.len() - 2..] == [unit, unit];
        if !is_drawn && word.len() < WORD_UNITS_MAX {
            word.push(unit);
        }
    }
    let is_apart = |at: usize| !is_letter(at) && is_letter(at + 1) && !is_letter(at + 2);
    if at == from + 1 && is_apart(at) && is_apart(at + 2) {
        while is_apart(at) && word.len() < WORD_UNITS_MAX {
            word.push(units[at + 1]);
            at += 2;
        }
    }
    at
}
