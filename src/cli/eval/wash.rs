//! How people rewrite a text so that a filter takes it for another one: a seeded generator of near-duplicates.
//!
//! Two families. *Edits* touch a share of the letters, in runs of one to three: 45 % of the runs put other letters of
//! the same script in their place, 20 % delete, 15 % insert, 10 % swap two neighbours, 10 % put punctuation or emoji
//! between. *Attacks* do what campaigns do to a whole text. Letters that come in are drawn from the base texts, so that
//! they are as frequent as there.

use std::fmt;

use fastrand::Rng;
use serde::{Serialize, Serializer};

use super::contacts;
use crate::cli::synth::EMOJI;
use crate::text::{Kind, kind, traditional};

/// One way to wash a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wash {
    /// So many edits for a hundred letters, and at least one.
    Edits(u8),
    /// Punctuation and emoji between the letters, and the text's own punctuation changed.
    Noise,
    /// Traditional characters, as far as the fold knows them.
    Traditional,
    /// Other text before it, after it or around it: so many characters for a hundred of the text.
    Added(u8),
    /// Only so many characters of a hundred are left, of the beginning or of the end.
    Kept(u8),
    /// The clauses in another order.
    Reordered,
    /// In the middle of so many times as much other text.
    Embedded(u8),
    /// Other numbers, links and account names.
    Contacts,
}

/// Every wash that is measured where nobody asks for others.
pub(super) const WASHES: [Wash; 17] = [
    Wash::Edits(2),
    Wash::Edits(5),
    Wash::Edits(10),
    Wash::Edits(20),
    Wash::Edits(30),
    Wash::Edits(40),
    Wash::Noise,
    Wash::Traditional,
    Wash::Contacts,
    Wash::Reordered,
    Wash::Added(30),
    Wash::Added(100),
    Wash::Kept(70),
    Wash::Kept(50),
    Wash::Kept(30),
    Wash::Embedded(2),
    Wash::Embedded(3),
];

impl fmt::Display for Wash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edits(percent) => write!(f, "edits {percent} %"),
            Self::Noise => f.write_str("noise"),
            Self::Traditional => f.write_str("traditional"),
            Self::Added(percent) => write!(f, "added {percent} %"),
            Self::Kept(percent) => write!(f, "kept {percent} %"),
            Self::Reordered => f.write_str("reordered"),
            Self::Embedded(times) => write!(f, "within {times}×"),
            Self::Contacts => f.write_str("contacts"),
        }
    }
}

impl Serialize for Wash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Washes texts with letters and sentences of a collection.
pub(super) struct Washer<'a> {
    texts: &'a [String],
    /// The letters of the collection by script, as often as they occur.
    pools: [Vec<char>; SCRIPTS],
}

const SCRIPTS: usize = 4;

/// Enough letters for their frequencies to show.
const POOL_LETTERS_MAX: usize = 1 << 18;

const PUNCTUATION: [&str; 12] = ["，", "。", "！", "…", "~", "-", "*", "·", " ", "!", ".", "|"];

/// Han, Latin and its like, digits, every other script.
fn script(c: char) -> Option<usize> {
    let kind = kind(c as u32);
    let rank = [Kind::HAN, Kind::LATIN, Kind::DIGIT, Kind::WORD].into_iter().position(|bit| kind.is(bit));
    rank.filter(|_| !c.is_whitespace())
}

fn is_letter(c: char) -> bool {
    script(c).is_some()
}

impl<'a> Washer<'a> {
    /// A washer that draws from these texts.
    pub(super) fn new(texts: &'a [String]) -> Self {
        let mut pools: [Vec<char>; SCRIPTS] = Default::default();
        for c in texts.iter().flat_map(|text| text.chars()) {
            if let Some(script) = script(c)
                && pools[script].len() < POOL_LETTERS_MAX
            {
                pools[script].push(c);
            }
        }
        Self { texts, pools }
    }

    /// The text as this wash leaves it: never as it was. `None` where there is nothing to work on: no letter, no second
    /// clause, no number to change.
    pub(super) fn wash(&self, rng: &mut Rng, wash: Wash, text: &str) -> Option<String> {
        let chars: Vec<char> = text.chars().collect();
        let washed = match wash {
            Wash::Edits(percent) => self.edited(rng, &chars, percent)?,
            Wash::Noise => noisy(rng, &chars)?,
            Wash::Traditional => text.chars().map(|c| traditional(c as u32).unwrap_or(c)).collect(),
            Wash::Added(percent) => self.added(rng, text, chars.len() * usize::from(percent) / 100)?,
            Wash::Kept(percent) => kept(rng, &chars, percent),
            Wash::Reordered => reordered(rng, text)?,
            Wash::Embedded(times) => {
                let around = chars.len() * usize::from(times);
                let before = rng.usize(around / 4..=around - around / 4);
                format!("{}{text}{}", self.other(rng, text, before)?, self.other(rng, text, around - before)?)
            }
            Wash::Contacts => contacts::changed(rng, text)?,
        };
        (washed != text).then_some(washed)
    }

    /// Edits until so many letters of a hundred are touched. Edits may undo one another in a short text: then again.
    fn edited(&self, rng: &mut Rng, chars: &[char], percent: u8) -> Option<String> {
        let letters: Vec<usize> = (0..chars.len()).filter(|&at| is_letter(chars[at])).collect();
        if letters.is_empty() {
            return None;
        }
        let edits = edits(letters.len(), percent);
        let tries = (0..8).map(|_| self.edit(rng, chars, &letters, edits));
        tries.into_iter().find(|washed| !washed.chars().eq(chars.iter().copied()))
    }

    fn edit(&self, rng: &mut Rng, chars: &[char], letters: &[usize], mut edits: usize) -> String {
        // What stands in the place of each character in the end.
        let mut places: Vec<Option<String>> = vec![None; chars.len()];
        let mut starts: Vec<usize> = (0..letters.len()).collect();
        rng.shuffle(&mut starts);
        for start in starts {
            let longest = rng.usize(1..=3).min(edits);
            let free = letters[start..].iter().take(longest).take_while(|&&at| places[at].is_none()).count();
            if edits > 0 && free > 0 {
                edits -= self.edit_run(rng, chars, &letters[start..], longest, free, &mut places);
            }
        }
        places.into_iter().zip(chars).map(|(place, &c)| place.unwrap_or_else(|| c.to_string())).collect()
    }

    /// Edits one run, of which `free` letters are untouched so far; gives how many edits that were.
    fn edit_run(
        &self,
        rng: &mut Rng,
        chars: &[char],
        letters: &[usize],
        longest: usize,
        free: usize,
        places: &mut [Option<String>],
    ) -> usize {
        let first = letters[0];
        let neighbour = letters.get(1).copied().filter(|&at| places[at].is_none() && chars[at] != chars[first]);
        match (rng.u8(..100), neighbour) {
            (0..45, _) => {
                letters[..free].iter().for_each(|&at| places[at] = Some(self.letter_like(rng, chars[at])));
                free
            }
            (45..65, _) | (80..90, None) => {
                letters[..free].iter().for_each(|&at| places[at] = Some(String::new()));
                free
            }
            (65..80, _) => {
                let inserted: String = (0..longest).map(|_| self.letter_like(rng, chars[first])).collect();
                places[first] = Some(format!("{}{inserted}", chars[first]));
                longest
            }
            (80..90, Some(second)) => {
                places[first] = Some(chars[second].to_string());
                places[second] = Some(chars[first].to_string());
                1
            }
            _ => {
                let noise: String = (0..longest).map(|_| sign(rng)).collect();
                places[first] = Some(format!("{}{noise}", chars[first]));
                longest
            }
        }
    }

    /// Another letter of the same script, as the collection has them; nothing where it has no other.
    fn letter_like(&self, rng: &mut Rng, c: char) -> String {
        let pool = script(c).map_or(&[][..], |script| &self.pools[script]);
        let draws = (0..16).filter_map(|_| rng.choice(pool));
        draws
            .into_iter()
            .find(|drawn| !drawn.to_lowercase().eq(c.to_lowercase()))
            .map(char::to_string)
            .unwrap_or_default()
    }

    fn added(&self, rng: &mut Rng, text: &str, added: usize) -> Option<String> {
        let added = added.max(1);
        let before = match rng.u8(..3) {
            0 => 0,
            1 => added,
            _ => added / 2,
        };
        Some(format!("{}{text}{}", self.other(rng, text, before)?, self.other(rng, text, added - before)?))
    }

    /// So many characters of other texts, from the beginning of each; `None` where there is no other.
    fn other(&self, rng: &mut Rng, text: &str, length: usize) -> Option<String> {
        let mut other: Vec<char> = Vec::with_capacity(length);
        let mut tries = 0;
        while other.len() < length {
            tries += 1;
            let drawn = rng.choice(self.texts).filter(|drawn| drawn.as_str() != text && !drawn.is_empty());
            match drawn {
                Some(drawn) => other.extend(drawn.chars().take(length - other.len())),
                None if tries > 64 => return None,
                None => {}
            }
        }
        Some(other.into_iter().collect())
    }
}

/// How many edits a rate is for a text of so many letters.
fn edits(letters: usize, percent: u8) -> usize {
    ((letters * usize::from(percent) + 50) / 100).max(1)
}

fn sign(rng: &mut Rng) -> &'static str {
    let (emoji, punctuation) = (rng.usize(..EMOJI.len()), rng.usize(..PUNCTUATION.len()));
    if rng.u8(..3) == 0 { EMOJI[emoji] } else { PUNCTUATION[punctuation] }
}

/// A sign after one letter of five, at least one, and another sign in place of every second sign of the text.
fn noisy(rng: &mut Rng, chars: &[char]) -> Option<String> {
    let letters = chars.iter().filter(|&&c| is_letter(c)).count();
    let always = (letters > 0).then(|| rng.usize(..letters))?;
    let (mut noisy, mut letter) = (String::new(), 0);
    for &c in chars {
        if !is_letter(c) && !c.is_whitespace() && rng.bool() {
            noisy.push_str(sign(rng));
            continue;
        }
        noisy.push(c);
        if is_letter(c) {
            if letter == always || rng.u8(..5) == 0 {
                noisy.push_str(sign(rng));
            }
            letter += 1;
        }
    }
    Some(noisy)
}

fn kept(rng: &mut Rng, chars: &[char], percent: u8) -> String {
    let keeps = (chars.len() * usize::from(percent)).div_ceil(100);
    let from = if rng.bool() { 0 } else { chars.len() - keeps };
    chars[from..from + keeps].iter().collect()
}

/// The clauses, each with the sign that ends it, shuffled until their order is another one.
fn reordered(rng: &mut Rng, text: &str) -> Option<String> {
    const ENDS: [char; 13] = ['。', '！', '？', '；', '，', '、', '：', ',', '.', '!', '?', ';', '\n'];
    let mut clauses: Vec<&str> = text.split_inclusive(ENDS).filter(|clause| clause.chars().any(is_letter)).collect();
    let before = clauses.clone();
    for _ in 0..8 {
        rng.shuffle(&mut clauses);
        if clauses != before {
            let comma = if text.chars().any(|c| kind(c as u32).is(Kind::HAN)) { "，" } else { ", " };
            let ended = clauses
                .iter()
                .map(|clause| if clause.ends_with(ENDS) { clause.to_string() } else { format!("{clause}{comma}") });
            return Some(ended.collect());
        }
    }
    None
}

#[cfg(test)]
mod tests;
