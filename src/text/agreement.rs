//! The table against its sources, on every scalar value.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup, Script};

use super::{Folded, Kind, fold_to_string, kind};

#[path = "../../build/fold.rs"]
mod definition;
#[path = "../../build/styles.rs"]
mod styles;

use definition::Folder;

fn every_char() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// Regional indicators depend on their neighbours; one alone is a letter.
fn is_regional(c: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&c)
}

#[test]
fn the_table_says_what_the_definition_says() {
    let (folder, mut folded) = (Folder::new(), Folded::default());
    for c in every_char().filter(|&c| !is_regional(c)) {
        folded.fold(c.encode_utf8(&mut [0; 4]));
        let expected: Vec<u32> = folder.fold(c).into_iter().map(u32::from).collect();
        assert_eq!(folded.units(), expected, "U+{:04X}", c as u32);
        for (&unit, &found) in folded.units().iter().zip(folded.kinds()) {
            let unit = char::from_u32(unit).expect("units are scalar values");
            assert_eq!(found.without(Kind::UPPER), expected_kind(&folder, unit), "U+{:04X}", c as u32);
            assert_eq!(found.is(Kind::UPPER), folder.is_upper(c) && found.is(Kind::LATIN), "U+{:04X}", c as u32);
            assert_eq!(kind(unit as u32), expected_kind(&folder, unit));
        }
    }
}

#[test]
fn what_composes_canonically_becomes_one_unit() {
    let folder = Folder::new();
    let is_fixed = |c: char| folder.fold(c) == [c];
    let mut pairs = 0;
    for c in every_char().filter(|&c| c > '\u{7F}' && is_fixed(c)) {
        if let Some((base, mark)) = folder.pair(c).filter(|&(base, mark)| is_fixed(base) && is_fixed(mark)) {
            assert_eq!(fold_to_string(&format!("{base}{mark}")), c.to_string(), "U+{:04X}", c as u32);
            pairs += 1;
        }
    }
    assert!(pairs > 11_172, "the Hangul syllables and some more, not {pairs}");
}

fn expected_kind(folder: &Folder, unit: char) -> Kind {
    let flags = [
        (folder.is_word(unit), Kind::WORD),
        (folder.is_han(unit), Kind::HAN),
        (folder.is_latin(unit), Kind::LATIN),
        (unit.is_ascii_digit(), Kind::DIGIT),
        (folder.is_emoji(unit), Kind::EMOJI),
        (matches!(unit, '@' | '#' | '.' | ':'), Kind::MARKUP),
    ];
    flags.iter().filter(|(is_set, _)| *is_set).fold(Kind::NONE, |kind, &(_, flag)| kind.with(flag))
}

/// Compatibility decomposition and full case folding, until nothing changes, as two independent sources give it.
struct Standard {
    category: icu_properties::CodePointMapDataBorrowed<'static, GeneralCategory>,
    script: icu_properties::CodePointMapDataBorrowed<'static, Script>,
}

impl Standard {
    fn fold(&self, text: &str) -> String {
        let (nfkd, case) = (DecomposingNormalizer::new_nfkd(), CaseMapper::new());
        let mut text = text.to_owned();
        loop {
            let next = nfkd.normalize(&case.fold_string(&text)).into_owned();
            if next == text {
                return text;
            }
            text = next;
        }
    }

    fn is_mark(&self, c: char) -> bool {
        GeneralCategoryGroup::Mark.contains(self.category.get(c))
    }

    fn is_word(&self, c: char) -> bool {
        let group = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number);
        group.contains(self.category.get(c))
    }

    /// The exceptions that are documented, each on its own terms: what may differ and what it may become.
    fn is_excepted(&self, c: char, found: &str, standard: &str) -> bool {
        let mut letters = found.chars();
        let only = letters.next().filter(|_| letters.next().is_none());
        let is_ascii_letter = only.is_some_and(|only| only.is_ascii_lowercase());
        let is_digit = only.is_some_and(|only| only.is_ascii_digit());
        let mut sources = standard.chars();
        let source = sources.next().filter(|_| sources.next().is_none());
        matches!(c, '™' | '℠')
            || self.is_mark(c) && found.is_empty()
            || styles::plain(c).is_some_and(|plain| plain == found)
            || is_digit && self.category.get(source.unwrap_or(c)) == GeneralCategory::DecimalNumber
            || is_ascii_letter && source.is_some_and(|source| self.is_word(source))
            || only.is_some_and(|only| self.is_simplified(source.unwrap_or(c), only))
    }

    fn is_simplified(&self, source: char, found: char) -> bool {
        let is_han = |c| self.script.get(c) == Script::Han;
        is_han(source) && is_han(found)
    }
}

#[test]
fn the_fold_is_compatibility_case_folding_but_for_what_is_documented() {
    let standard = Standard { category: CodePointMapData::new(), script: CodePointMapData::new() };
    let folder = Folder::new();
    let mut differing = 0;
    for c in every_char().filter(|&c| !is_regional(c) && !folder.is_invisible(c)) {
        let expected = standard.fold(c.encode_utf8(&mut [0; 4]));
        let found = standard.fold(&fold_to_string(c.encode_utf8(&mut [0; 4])));
        let bare = |text: &str| text.chars().filter(|&c| !standard.is_mark(c) && c != '\u{640}').collect::<String>();
        let is_same =
            found == expected || bare(&found) == bare(&expected) || same_by_character(&standard, &found, &expected);
        assert!(
            is_same || standard.is_excepted(c, &found, &bare(&expected)),
            "U+{:04X} {c} folds to {found:?}, by the standard to {expected:?}",
            c as u32
        );
        differing += usize::from(found != expected);
    }
    assert!(differing < 12_000, "{differing} scalar values differ from the standard");
}

/// Expansions may hold traditional characters, look-alikes or marks as well.
fn same_by_character(standard: &Standard, found: &str, expected: &str) -> bool {
    let bare: Vec<char> = expected.chars().filter(|&c| !standard.is_mark(c)).collect();
    let found: Vec<char> = found.chars().filter(|&c| !standard.is_mark(c)).collect();
    bare.len() == found.len()
        && bare.iter().zip(&found).all(|(&source, &found)| {
            source == found
                || standard.is_simplified(source, found)
                || found.is_ascii_alphanumeric() && standard.is_word(source)
        })
}

#[test]
fn compatibility_forms_agree_with_a_second_library() {
    use unicode_normalization::UnicodeNormalization;
    let nfkd = DecomposingNormalizer::new_nfkd();
    let category = CodePointMapData::<GeneralCategory>::new();
    for c in every_char().filter(|&c| category.get(c) != GeneralCategory::Unassigned) {
        let second: String = std::iter::once(c).nfkd().collect();
        assert_eq!(nfkd.normalize(c.encode_utf8(&mut [0; 4])), second, "U+{:04X}", c as u32);
    }
}
