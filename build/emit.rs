//! The definition laid out as tables: pages of entries, expansions, compositions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::fold::Folder;

/// Entries a page; the run-time reader knows the same number.
const PAGE: usize = 64;
/// Scalar values of the basic plane.
const BASIC: usize = 0x1_0000;
const SCALARS: usize = 0x11_0000;
/// The first plane of nothing but ideographs, which compose with nothing.
const IDEOGRAPHS: u32 = 0x2_0000;
const PAYLOAD: u32 = (1 << 21) - 1;

const WORD: u32 = 1 << 24;
const HAN: u32 = 1 << 25;
const LATIN: u32 = 1 << 26;
const DIGIT: u32 = 1 << 27;
const EMOJI: u32 = 1 << 28;
const UPPER: u32 = 1 << 29;
const MARKUP: u32 = 1 << 30;
const SPECIAL: u32 = 1 << 31;

/// Payloads of special entries; from `EXPANDS` on they number the expansions.
const INVISIBLE: u32 = 0;
const DROPPED: u32 = 1;
const REGIONAL: u32 = 2;
const EXPANDS: u32 = 3;

#[derive(Default)]
struct Tables {
    entries: Vec<u32>,
    expansions: Vec<Vec<char>>,
    expansion_ids: BTreeMap<Vec<char>, u32>,
    /// (base, mark) → composed, sorted.
    compositions: Vec<(char, char, char)>,
    /// The marks among them.
    marks: BTreeSet<char>,
}

/// Rust source of the tables.
pub(crate) fn source(folder: &Folder) -> String {
    let folds: Vec<Option<Vec<char>>> =
        (0..SCALARS as u32).map(|scalar| char::from_u32(scalar).map(|c| folder.fold(c))).collect();
    let compositions = compositions(folder, &folds);
    let marks = compositions.iter().map(|&(_, mark, _)| mark).collect();
    let mut tables = Tables { compositions, marks, ..Tables::default() };
    for (scalar, units) in folds.iter().enumerate() {
        let entry = match (char::from_u32(scalar as u32), units) {
            (Some(c), Some(units)) => tables.entry(folder, c, units),
            _ => 0,
        };
        tables.entries.push(entry);
    }
    tables.source()
}

/// Pairs that must become one unit where they meet, Hangul syllables apart: those are composed by arithmetic.
fn compositions(folder: &Folder, folds: &[Option<Vec<char>>]) -> Vec<(char, char, char)> {
    let is_fixed = |c: char| folds[c as usize].as_deref() == Some(&[c]);
    let mut compositions: Vec<_> = (0x80..IDEOGRAPHS)
        .filter(|scalar| !(0xAC00..=0xD7A3).contains(scalar))
        .filter_map(char::from_u32)
        .filter(|&c| is_fixed(c))
        .filter_map(|c| folder.pair(c).map(|(base, mark)| (base, mark, c)))
        .filter(|&(base, mark, _)| is_fixed(base) && is_fixed(mark))
        .collect();
    compositions.sort_unstable();
    compositions
}

impl Tables {
    fn entry(&mut self, folder: &Folder, c: char, units: &[char]) -> u32 {
        if units == [c] && folder.is_unassigned(c) {
            return if (c as usize) < BASIC { c as u32 } else { 0 };
        }
        let upper = if folder.is_upper(c) && units.iter().any(|&unit| folder.is_latin(unit)) { UPPER } else { 0 };
        if ('\u{1F1E6}'..='\u{1F1FF}').contains(&c) {
            return SPECIAL | EMOJI | REGIONAL;
        }
        match units {
            [] if folder.is_invisible(c) => SPECIAL | INVISIBLE,
            [] => SPECIAL | DROPPED,
            &[unit] if !self.composes(unit) => {
                let base = if (c as usize) < BASIC { 0 } else { c as u32 };
                self.kind(folder, unit) | upper | ((unit as u32).wrapping_sub(base) & PAYLOAD)
            }
            units => {
                let kinds = units.iter().fold(0, |kinds, &unit| kinds | self.kind(folder, unit));
                SPECIAL | upper | kinds | (EXPANDS + self.expansion(units))
            }
        }
    }

    /// Whether this unit may merge with the one before it.
    fn composes(&self, unit: char) -> bool {
        matches!(unit, '\u{1161}'..='\u{1175}' | '\u{11A8}'..='\u{11C2}') || self.marks.contains(&unit)
    }

    fn kind(&self, folder: &Folder, unit: char) -> u32 {
        let flags = [
            (folder.is_word(unit), WORD),
            (folder.is_han(unit), HAN),
            (folder.is_latin(unit), LATIN),
            (unit.is_ascii_digit(), DIGIT),
            (folder.is_emoji(unit), EMOJI),
            (matches!(unit, '@' | '#' | '.' | ':'), MARKUP),
        ];
        flags.iter().filter(|(is_set, _)| *is_set).fold(0, |kind, (_, flag)| kind | flag)
    }

    fn expansion(&mut self, units: &[char]) -> u32 {
        let next = self.expansions.len() as u32;
        let expansions = &mut self.expansions;
        *self.expansion_ids.entry(units.to_vec()).or_insert_with(|| {
            expansions.push(units.to_vec());
            next
        })
    }

    fn source(&self) -> String {
        let (pages, entries) = self.pages();
        let mut ends = vec![0];
        let mut units = Vec::new();
        for expansion in &self.expansions {
            units.extend(expansion.iter().map(|&c| c as u32));
            ends.push(units.len() as u32);
        }
        let pairs = self.compositions.iter().map(|&(base, mark, _)| (base as u64) << 32 | mark as u64);
        let composed = self.compositions.iter().map(|&(_, _, c)| c as u64);
        let mut out = String::with_capacity(1 << 20);
        let basic = &self.entries[..BASIC];
        array(&mut out, "BASIC", "u32", basic.iter().map(|&entry| u64::from(entry)));
        array(&mut out, "PAGES", "u16", pages.iter().map(|&page| u64::from(page)));
        array(&mut out, "ENTRIES", "u32", entries.iter().map(|&entry| u64::from(entry)));
        array(&mut out, "EXPANSION_ENDS", "u32", ends.iter().map(|&end| u64::from(end)));
        array(&mut out, "EXPANSION_UNITS", "u32", units.iter().map(|&unit| u64::from(unit)));
        array(&mut out, "COMPOSITION_PAIRS", "u64", pairs);
        array(&mut out, "COMPOSITIONS", "u32", composed);
        let longest = self.expansions.iter().map(Vec::len).max().unwrap_or(0);
        writeln!(out, "pub(super) const EXPANSION_UNITS_MAX: usize = {longest};").expect("writing to a string");
        out
    }

    /// Which page each 64 scalar values past the basic plane read, and the pages: equal ones are kept once.
    fn pages(&self) -> (Vec<u16>, Vec<u32>) {
        let mut ids: BTreeMap<&[u32], u16> = BTreeMap::new();
        let mut entries = Vec::new();
        let pages = self.entries[BASIC..].chunks(PAGE).map(|page| {
            let next = u16::try_from(ids.len()).expect("there are 17,408 pages");
            *ids.entry(page).or_insert_with(|| {
                entries.extend_from_slice(page);
                next
            })
        });
        (pages.collect(), entries)
    }
}

fn array(out: &mut String, name: &str, ty: &str, values: impl Iterator<Item = u64>) {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    writeln!(out, "static {name}: [{ty}; {}] = [{}];", values.len(), values.join(",")).expect("writing to a string");
}
