//! How people write so that a filter does not read it: seeded, for training on and for measuring with.
//!
//! What the fold undoes is among it as well (traditional characters, look-alikes), so that a table shows that it does.

use std::fmt;

use fastrand::Rng;

use crate::text::{
    digit_styles, homophones, is_digit, is_han, is_latin, leet, readings, siblings, splits, traditional,
};

/// One way to write around a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evasion {
    /// Chinese characters that sound alike; 威信 for 微信.
    Homophone,
    /// Characters that look alike: of the same build in Chinese, of other alphabets in Latin.
    LookAlike,
    /// Chinese characters written as their parts.
    Split,
    /// Traditional characters.
    Traditional,
    /// Sounds in Latin letters in place of some characters.
    Pinyin,
    /// Emoji between letters.
    Emoji,
    /// Signs and spaces between letters.
    Symbols,
    /// Two neighbours in each other's place, now and then.
    Shuffle,
    /// Digits and signs for Latin letters, other digits for digits.
    Digits,
}

const EMOJI: [&str; 10] = ["🔥", "💰", "❤️", "🎁", "👉", "😂", "✅", "🌹", "🍎", "⭐"];
const SIGNS: [&str; 12] = [" ", "*", ".", "-", "·", "/", "_", "~", "|", "丶", "^", " "];
/// Letters of other alphabets that look like Latin ones.
const LATIN: [(char, char); 11] = [
    ('a', 'а'),
    ('c', 'с'),
    ('e', 'е'),
    ('o', 'о'),
    ('p', 'р'),
    ('x', 'х'),
    ('y', 'у'),
    ('i', 'і'),
    ('s', 'ѕ'),
    ('j', 'ј'),
    ('h', 'һ'),
];
/// How many of the frequent characters of one sound people choose from.
const HOMOPHONES_MAX: usize = 6;

impl Evasion {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Homophone,
        Self::LookAlike,
        Self::Split,
        Self::Traditional,
        Self::Pinyin,
        Self::Emoji,
        Self::Symbols,
        Self::Shuffle,
        Self::Digits,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Homophone => "homophone",
            Self::LookAlike => "look-alike",
            Self::Split => "split",
            Self::Traditional => "traditional",
            Self::Pinyin => "pinyin",
            Self::Emoji => "emoji",
            Self::Symbols => "symbols",
            Self::Shuffle => "shuffle",
            Self::Digits => "digits",
        }
    }

    /// The text with so many of a hundred of the letters that it can work on changed; itself where it can work on none.
    #[must_use]
    pub fn apply(self, rng: &mut Rng, text: &str, percent: u8) -> String {
        let chars: Vec<char> = text.chars().collect();
        let mut evaded = String::with_capacity(text.len() * 2);
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            if rng.u8(..100) >= percent {
                evaded.push(c);
                continue;
            }
            match self {
                Self::Emoji | Self::Symbols if is_letter(c) => {
                    evaded.push(c);
                    let signs = if self == Self::Emoji { &EMOJI[..] } else { &SIGNS[..] };
                    evaded.push_str(signs[rng.usize(..signs.len())]);
                }
                Self::Shuffle => match chars.get(at).filter(|&&next| is_letter(c) && is_letter(next)) {
                    Some(&next) => {
                        evaded.extend([next, c]);
                        at += 1;
                    }
                    None => evaded.push(c),
                },
                _ => self.replace(rng, c, &mut evaded),
            }
        }
        evaded
    }

    /// What stands for one character.
    fn replace(self, rng: &mut Rng, c: char, evaded: &mut String) {
        let unit = c as u32;
        let one_of = |rng: &mut Rng, units: &[u32]| {
            let others: Vec<u32> = units.iter().copied().filter(|&other| other != unit).collect();
            rng.choice(others).and_then(char::from_u32)
        };
        let replaced = match self {
            Self::Homophone => {
                let alike = homophones(unit);
                one_of(rng, &alike[..alike.len().min(HOMOPHONES_MAX)])
            }
            Self::LookAlike => {
                let latin = LATIN.iter().find(|(plain, _)| *plain == c.to_ascii_lowercase()).map(|&(_, other)| other);
                latin.or_else(|| one_of(rng, siblings(unit)))
            }
            Self::Traditional => traditional(unit),
            Self::Digits if is_digit(unit) => one_of(rng, digit_styles(unit)),
            Self::Digits => one_of(rng, leet(c.to_ascii_lowercase() as u32)),
            Self::Split => {
                evaded.push_str(splits(unit).unwrap_or(c.encode_utf8(&mut [0; 4])));
                return;
            }
            Self::Pinyin if is_han(unit) => {
                evaded.push_str(readings(unit).next().unwrap_or(c.encode_utf8(&mut [0; 4])));
                return;
            }
            _ => None,
        };
        evaded.push(replaced.unwrap_or(c));
    }
}

impl fmt::Display for Evasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn is_letter(c: char) -> bool {
    is_han(c as u32) || is_latin(c as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold_to_string;

    #[test]
    fn every_evasion_changes_what_it_can_work_on_and_is_seeded() {
        let text = "加微信请找客服abc123领钱，财务请说明";
        for evasion in Evasion::ALL {
            let evaded = evasion.apply(&mut Rng::with_seed(1), text, 100);
            assert_ne!(evaded, text, "{evasion}");
            assert_eq!(evaded, evasion.apply(&mut Rng::with_seed(1), text, 100), "{evasion}");
            assert_eq!(evasion.apply(&mut Rng::with_seed(1), text, 0), text, "{evasion}");
            assert_eq!(evasion.apply(&mut Rng::with_seed(1), "", 100), "", "{evasion}");
        }
    }

    #[test]
    fn what_the_fold_undoes_is_undone() {
        let text = "警惕网络诈骗 please pay";
        let evaded = Evasion::Traditional.apply(&mut Rng::with_seed(1), text, 100);
        assert_eq!(fold_to_string(&evaded), fold_to_string(text));
    }
}
