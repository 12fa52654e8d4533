//! How words are disguised beyond what the fold undoes: for lists that opt into it, when they are built.
//!
//! None of this belongs in the fold: to read every `1` as `l` or every 一 as 1 makes words where there are none.

use std::sync::LazyLock;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::fold::fold_to_string;
use super::pinyin::{IDEOGRAPHS, commonest};

type Map<K, V> = HashMap<K, V, FixedState>;

/// Frequent characters, the more frequent first.
const COMMON: &str = include_str!("common.txt");
/// Wholes and their parts.
const SPLIT: &str = include_str!("split.txt");

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.starts_with('#'))
}

/// Characters whose commonest reading is the same but for the tone, the more frequent ones first, this one among them.
/// Empty for what is not a Chinese character.
#[must_use]
pub fn homophones(unit: u32) -> &'static [u32] {
    static BY_READING: LazyLock<Map<&'static str, Vec<u32>>> = LazyLock::new(|| {
        let mut groups = Map::<_, Vec<u32>>::default();
        let common = lines(COMMON).flat_map(str::chars).map(u32::from);
        let others = IDEOGRAPHS.filter(|&unit| is_folded(unit));
        let mut seen = hashbrown::HashSet::<u32, FixedState>::default();
        for unit in common.chain(others).filter(|&unit| seen.insert(unit)) {
            if let Some(reading) = commonest(unit) {
                groups.entry(reading).or_default().push(unit);
            }
        }
        groups
    });
    commonest(unit).and_then(|reading| BY_READING.get(reading)).map_or(&[], Vec::as_slice)
}

/// The first character that folds to this one, the fold's own table read backwards: 頭 for 头. `None` where none does.
#[must_use]
pub fn traditional(unit: u32) -> Option<char> {
    static BY_FOLDED: LazyLock<Map<char, char>> = LazyLock::new(|| {
        let mut older = Map::default();
        for c in '\u{4e00}'..='\u{9fff}' {
            let folded = fold_to_string(c.encode_utf8(&mut [0; 4]));
            let mut plain = folded.chars();
            if let (Some(plain), None) = (plain.next(), plain.next())
                && plain != c
            {
                older.entry(plain).or_insert(c);
            }
        }
        older
    });
    BY_FOLDED.get(&char::from_u32(unit)?).copied()
}

fn is_folded(unit: u32) -> bool {
    char::from_u32(unit).is_some_and(|c| fold_to_string(c.encode_utf8(&mut [0; 4])).chars().eq([c]))
}

/// The parts that look like this character where they stand side by side: `弓虽` for 强.
#[must_use]
pub fn splits(unit: u32) -> Option<&'static str> {
    static BY_WHOLE: LazyLock<Map<char, &'static str>> = LazyLock::new(|| {
        let entries = lines(SPLIT).flat_map(str::split_whitespace);
        entries.map(|entry| entry.split_at(entry.chars().next().map_or(0, char::len_utf8))).map(by_whole).collect()
    });
    BY_WHOLE.get(&char::from_u32(unit)?).copied()
}

/// Other characters with the same right part, which look alike and often sound alike: 请 and 清 for 情. Without those that
/// cannot be taken apart.
#[must_use]
pub fn siblings(unit: u32) -> &'static [u32] {
    static BY_RIGHT: LazyLock<Map<char, Vec<u32>>> = LazyLock::new(|| {
        let mut groups = Map::<char, Vec<u32>>::default();
        for entry in lines(SPLIT).flat_map(str::split_whitespace) {
            if let (Some(whole), Some(right)) = (entry.chars().next(), entry.chars().last()) {
                groups.entry(right).or_default().push(whole as u32);
            }
        }
        groups
    });
    let right = splits(unit).and_then(|parts| parts.chars().last());
    right.and_then(|right| BY_RIGHT.get(&right)).map_or(&[], Vec::as_slice)
}

fn by_whole((whole, parts): (&'static str, &'static str)) -> (char, &'static str) {
    (whole.chars().next().expect("split.txt has no empty entries"), parts)
}

/// Digits and symbols that are written for this Latin letter, as the fold leaves them.
#[must_use]
pub fn leet(unit: u32) -> &'static [u32] {
    const fn units<const N: usize>(characters: [char; N]) -> [u32; N] {
        let mut units = [0; N];
        let mut at = 0;
        while at < N {
            units[at] = characters[at] as u32;
            at += 1;
        }
        units
    }
    match char::from_u32(unit) {
        Some('a') => const { &units(['4', '@']) },
        Some('b') => const { &units(['8', '6']) },
        Some('c') => const { &units(['(', '¢']) },
        Some('e') => const { &units(['3', '€']) },
        Some('g') => const { &units(['9', '6']) },
        Some('h') => const { &units(['#']) },
        Some('i') => const { &units(['1', '!', '|', 'l']) },
        Some('l') => const { &units(['1', '|', 'i', '£']) },
        Some('o') => const { &units(['0']) },
        Some('q') => const { &units(['9']) },
        Some('s') => const { &units(['5', '$']) },
        Some('t') => const { &units(['7', '+']) },
        Some('x') => const { &units(['×', '*']) },
        Some('y') => const { &units(['¥']) },
        Some('z') => const { &units(['2']) },
        _ => &[],
    }
}

/// How else this digit is written, be it given as `0` to `9` or in one of these styles: the Chinese numeral, the one of
/// banks, the telephone's one for 1. Circled, bracketed and dotted digits are not here because the fold makes plain ones of them.
#[must_use]
pub fn digit_styles(unit: u32) -> &'static [u32] {
    const STYLES: [&[u32]; 10] = [
        &['0' as u32, '〇' as u32, '零' as u32, 'o' as u32],
        &['1' as u32, '一' as u32, '壹' as u32, '幺' as u32],
        &['2' as u32, '二' as u32, '贰' as u32, '两' as u32],
        &['3' as u32, '三' as u32, '叁' as u32],
        &['4' as u32, '四' as u32, '肆' as u32],
        &['5' as u32, '五' as u32, '伍' as u32],
        &['6' as u32, '六' as u32, '陆' as u32],
        &['7' as u32, '七' as u32, '柒' as u32],
        &['8' as u32, '八' as u32, '捌' as u32],
        &['9' as u32, '九' as u32, '玖' as u32],
    ];
    let is_numeral = |styles: &&[u32]| styles.contains(&unit) && unit != 'o' as u32;
    STYLES.iter().find(|styles| is_numeral(styles)).map_or(&[], |styles| styles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(units: &[u32]) -> String {
        units.iter().filter_map(|&unit| char::from_u32(unit)).collect()
    }

    #[test]
    fn homophones_begin_with_the_frequent_ones() {
        assert!(text(homophones('薇' as u32)).starts_with("为位未委"), "{}", text(homophones('薇' as u32)));
        assert!(text(homophones('信' as u32)).contains('芯'));
        assert!(homophones('a' as u32).is_empty());
    }

    #[test]
    fn every_list_is_in_folded_form_and_says_nothing_twice() {
        let common: Vec<char> = lines(COMMON).flat_map(str::chars).collect();
        let entries: Vec<&str> = lines(SPLIT).flat_map(str::split_whitespace).collect();
        for text in common.iter().map(char::to_string).chain(entries.iter().map(ToString::to_string)) {
            assert_eq!(fold_to_string(&text), text);
        }
        let wholes: Vec<char> = entries.iter().filter_map(|entry| entry.chars().next()).collect();
        for list in [common, wholes] {
            let distinct: std::collections::BTreeSet<_> = list.iter().collect();
            assert_eq!(distinct.len(), list.len());
        }
    }

    #[test]
    fn every_whole_has_two_parts_that_are_not_itself() {
        for entry in lines(SPLIT).flat_map(str::split_whitespace) {
            let whole = entry.chars().next().expect("split_whitespace gives no empty entries");
            let parts = splits(whole as u32).expect(entry);
            assert_eq!(parts.chars().count(), 2, "{entry}");
            assert!(!parts.contains(whole), "{entry}");
        }
        assert_eq!(splits('强' as u32), Some("弓虽"));
        assert_eq!(splits('弓' as u32), None);
    }

    #[test]
    fn siblings_share_their_right_part() {
        let found = siblings('账' as u32);
        assert!(found.contains(&('账' as u32)), "{}", text(found));
        assert!(found.iter().all(|&unit| splits(unit).is_some_and(|parts| parts.ends_with('长'))), "{}", text(found));
        assert!(siblings('a' as u32).is_empty());
    }

    #[test]
    fn styles_and_leet_are_folded_units() {
        let letters = ('a'..='z').flat_map(|letter| leet(letter as u32));
        let digits = ('0'..='9').flat_map(|digit| digit_styles(digit as u32));
        for &unit in letters.chain(digits) {
            assert!(is_folded(unit), "{unit:X}");
        }
        assert_eq!(text(digit_styles('叁' as u32)), "3三叁");
        assert!(digit_styles('o' as u32).is_empty() && leet('1' as u32).is_empty());
    }
}
