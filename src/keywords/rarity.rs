//! How rare a unit is in ordinary text: an estimate good enough to choose which part of a word to look for first.

/// Common Chinese characters by falling frequency; lines that begin with `#` say where they are from.
const COMMON: &str = include_str!("../text/common.txt");
/// Latin letters by falling frequency in English.
const LETTERS: &str = "etaoinshrdlcumwfgypbvkjxqz";

/// Rarities in sixteenths of a bit, for the units below 2^16; all others are as rare as the rarest here.
pub(crate) struct Rarity(Box<[u16]>);

impl Rarity {
    pub(crate) fn new() -> Self {
        let mut table = vec![bits(20_000.0); 1 << 16];
        let mut set = |c: char, one_in: f64| table[c as usize] = bits(one_in);
        let common = COMMON.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars);
        common.enumerate().for_each(|(rank, c)| set(c, 8.0 * (rank as f64 + 4.0)));
        LETTERS.chars().enumerate().for_each(|(rank, c)| set(c, 60.0 + 12.0 * rank as f64));
        ('0'..='9').for_each(|c| set(c, 150.0));
        Self(table.into())
    }

    /// How rare the unit is, in sixteenths of a bit.
    pub(crate) fn of(&self, unit: u32) -> u32 {
        u32::from(self.0[(unit as usize).min(self.0.len() - 1)])
    }
}

fn bits(one_in: f64) -> u16 {
    (one_in.log2() * 16.0) as u16
}
