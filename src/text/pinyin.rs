//! Toneless readings of Chinese characters.

use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

/// The commonest reading of a character in ASCII letters, with `v` for ü.
pub(super) fn commonest(unit: u32) -> Option<&'static str> {
    char::from_u32(unit)?.to_pinyin().and_then(ascii)
}

/// Every toneless reading of a character in ASCII letters, the commonest first, each once.
pub fn readings(unit: u32) -> impl Iterator<Item = &'static str> {
    let all = char::from_u32(unit).and_then(|c| c.to_pinyin_multi());
    let mut seen = Vec::new();
    all.into_iter().flatten().filter_map(ascii).filter(move |&syllable| {
        let is_new = !seen.contains(&syllable);
        if is_new {
            seen.push(syllable);
        }
        is_new
    })
}

/// Interjections that no keyboard spells in ASCII letters (`ê`, `ń`) have no reading here.
fn ascii(reading: Pinyin) -> Option<&'static str> {
    match reading.plain() {
        "lü" => Some("lv"),
        "lüe" => Some("lve"),
        "nü" => Some("nv"),
        "nüe" => Some("nve"),
        plain => plain.is_ascii().then_some(plain),
    }
}
