//! Which pairs of regional indicators are flags.

use std::ops::RangeInclusive;

pub(super) const REGIONAL_A: u32 = 0x1F1E6;
pub(super) const REGIONALS: RangeInclusive<u32> = REGIONAL_A..=0x1F1FF;

/// The second letters of the flags by their first one, from Unicode's emoji-sequences (`RGI_Emoji_Flag_Sequence`).
const SECONDS: [&str; 26] = [
    "CDEFGILMOQRSTUWXZ",
    "ABDEFGHIJLMNOQRSTVWYZ",
    "ACDFGHIKLMNOPQRUVWXYZ",
    "EGJKMOZ",
    "ACEGHRSTU",
    "IJKMOR",
    "ABDEFGHILMNPQRSTUWY",
    "KMNRTU",
    "CDELMNOQRST",
    "EMOP",
    "EGHIMNPRWYZ",
    "ABCIKRSTUVY",
    "ACDEFGHKLMNOPQRSTUVWXYZ",
    "ACEFGILOPRUZ",
    "M",
    "AEFGHKLMNRSTWY",
    "A",
    "EOSUW",
    "ABCDEGHIJKLMNORSTVXYZ",
    "ACDFGHJKLMNORTVWZ",
    "AGMNSYZ",
    "ACEGINU",
    "FS",
    "K",
    "ET",
    "AMW",
];

/// Whether these regional indicators are a row of flags.
pub(super) fn is_flags(regionals: &[u32]) -> bool {
    let (pairs, rest) = regionals.as_chunks::<2>();
    rest.is_empty() && pairs.iter().all(is_flag)
}

fn is_flag(&[first, second]: &[u32; 2]) -> bool {
    let second = (second - REGIONAL_A) as u8 + b'A';
    SECONDS[(first - REGIONAL_A) as usize].as_bytes().contains(&second)
}
