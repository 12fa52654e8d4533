//! What one scalar value folds to: the definition from which the table is made and against which it is tested.

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;
use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{
    ComposingNormalizer, ComposingNormalizerBorrowed, DecomposingNormalizer, DecomposingNormalizerBorrowed,
};
use icu_properties::props::{
    Alphabetic, DefaultIgnorableCodePoint, Emoji, GeneralCategory, GeneralCategoryGroup, Script, UnifiedIdeograph,
};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed};

use super::styles;

/// More rounds than any scalar value needs to reach its fixed point; reaching it is asserted.
const ROUNDS_MAX: usize = 8;

/// Scripts whose letters are taken for Latin ones.
const LOOK_ALIKE_SCRIPTS: [Script; 7] =
    [Script::Latin, Script::Greek, Script::Cyrillic, Script::Armenian, Script::Cherokee, Script::Coptic, Script::Lisu];

/// Letters whose skeleton in UTS #39 is a Latin one that only a font's designer would take them for.
const NO_LOOK_ALIKES: [char; 2] = ['σ', 'θ'];

/// Scripts written with spaces between words, whose terms therefore match on word boundaries.
const SPACED_SCRIPTS: [Script; 4] = [Script::Latin, Script::Greek, Script::Cyrillic, Script::Armenian];

/// The Unicode data that the definition reads.
pub(crate) struct Folder {
    nfkc: ComposingNormalizerBorrowed<'static>,
    nfc: ComposingNormalizerBorrowed<'static>,
    nfd: DecomposingNormalizerBorrowed<'static>,
    case: CaseMapperBorrowed<'static>,
    category: CodePointMapDataBorrowed<'static, GeneralCategory>,
    script: CodePointMapDataBorrowed<'static, Script>,
    ignorable: CodePointSetDataBorrowed<'static>,
    alphabetic: CodePointSetDataBorrowed<'static>,
    ideograph: CodePointSetDataBorrowed<'static>,
    emoji: CodePointSetDataBorrowed<'static>,
    simplify: OpenCC,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            nfkc: ComposingNormalizer::new_nfkc(),
            nfc: ComposingNormalizer::new_nfc(),
            nfd: DecomposingNormalizer::new_nfd(),
            case: CaseMapper::new(),
            category: CodePointMapData::new(),
            script: CodePointMapData::new(),
            ignorable: CodePointSetData::new::<DefaultIgnorableCodePoint>(),
            alphabetic: CodePointSetData::new::<Alphabetic>(),
            ideograph: CodePointSetData::new::<UnifiedIdeograph>(),
            emoji: CodePointSetData::new::<Emoji>(),
            simplify: OpenCC::from_config(BuiltinConfig::T2s).expect("the simplifying dictionary is built in"),
        }
    }

    /// The folded units of `c` on its own; none for what is dropped.
    pub(crate) fn fold(&self, c: char) -> Vec<char> {
        let mut units = vec![c];
        // Most of the code space: nothing is known of these but whether they show.
        if self.is_unassigned(c) && !self.is_invisible(c) {
            return units;
        }
        for _ in 0..ROUNDS_MAX {
            let next: Vec<char> = units.iter().flat_map(|&c| self.round(c)).collect();
            if next == units {
                return units;
            }
            units = next;
        }
        panic!("U+{:04X} does not settle", c as u32);
    }

    fn round(&self, c: char) -> Vec<char> {
        if c.is_ascii() && !c.is_ascii_control() {
            return vec![c.to_ascii_lowercase()];
        }
        // Most of what is assigned: neither has another form than the simplified one.
        if self.ideograph.contains(c) || ('\u{AC00}'..='\u{D7A3}').contains(&c) {
            return vec![self.simplified(c).unwrap_or(c)];
        }
        if self.is_invisible(c) || self.is_dropped_mark(c) {
            return Vec::new();
        }
        if matches!(c, '™' | '℠') {
            return vec![c];
        }
        if let Some(plain) = styles::plain(c) {
            return plain.chars().collect();
        }
        let cased = self.case.fold_string(&self.nfkc.normalize(c.encode_utf8(&mut [0; 4]))).into_owned();
        let bare: String = self.nfd.normalize(&cased).chars().filter(|&c| !self.is_dropped_mark(c)).collect();
        // An accent of its own (´ ¨ ￣) is a symbol, not the space on which Unicode puts it.
        if bare == " " && !c.is_whitespace() {
            return vec![c];
        }
        self.nfc.normalize(&bare).chars().map(|c| self.substitute(c)).collect()
    }

    /// One for one: digits of any script, look-alikes, simplified characters.
    fn substitute(&self, c: char) -> char {
        if c.is_ascii() {
            return c;
        }
        self.decimal(c).or_else(|| self.look_alike(c)).or_else(|| self.simplified(c)).unwrap_or(c)
    }

    /// Decimal digits stand in runs of ten, zero first: Unicode's stability policy promises it.
    fn decimal(&self, c: char) -> Option<char> {
        let is_decimal = |scalar| self.category.get32(scalar) == GeneralCategory::DecimalNumber;
        if !is_decimal(c as u32) {
            return None;
        }
        let before = (1..).take_while(|back| is_decimal(c as u32 - back)).count() as u32;
        char::from_digit(before % 10, 10)
    }

    /// Unassigned or for private use.
    pub(crate) fn is_unassigned(&self, c: char) -> bool {
        matches!(self.category.get(c), GeneralCategory::Unassigned | GeneralCategory::PrivateUse)
    }

    fn look_alike(&self, c: char) -> Option<char> {
        let script = self.script.get(c);
        if ('\u{2E80}'..='\u{2EFF}').contains(&c) {
            return self.skeleton(c).filter(|&k| self.script.get(k) == Script::Han);
        }
        if !LOOK_ALIKE_SCRIPTS.contains(&script) || !self.alphabetic.contains(c) || NO_LOOK_ALIKES.contains(&c) {
            return None;
        }
        let own = self.latin_skeleton(c);
        if script == Script::Latin {
            return own;
        }
        // в looks like no Latin letter, but В does, and both must fold alike.
        own.or_else(|| single(c.to_uppercase()).and_then(|upper| self.latin_skeleton(upper)))
    }

    fn latin_skeleton(&self, c: char) -> Option<char> {
        self.skeleton(c).map(|k| k.to_ascii_lowercase()).filter(char::is_ascii_lowercase)
    }

    /// The skeleton of UTS #39 without the marks that the fold drops, if one character is left of it.
    fn skeleton(&self, c: char) -> Option<char> {
        let text = c.to_string();
        single(unicode_security::skeleton(&text).filter(|&c| !self.is_dropped_mark(c)))
    }

    fn simplified(&self, c: char) -> Option<char> {
        if self.script.get(c) != Script::Han {
            return None;
        }
        single(self.simplify.convert(c.encode_utf8(&mut [0; 4])).chars())
    }

    /// Shows nothing: zero-width characters, bidi controls, variation selectors, tags, fillers, most control characters.
    pub(crate) fn is_invisible(&self, c: char) -> bool {
        let is_control = c.is_control() && !c.is_whitespace();
        is_control || self.ignorable.contains(c) || ('\u{FFF9}'..='\u{FFFB}').contains(&c)
    }

    /// Marks that decorate a letter without making another one of it, as far as matching goes: those shared by scripts, accents
    /// of the European ones, Hebrew points, Arabic vowel points and the tatweel. Kept are the voicing of kana and the hamza and
    /// madda of Arabic, and all marks of scripts in which they are vowels, tones or conjuncts.
    pub(crate) fn is_dropped_mark(&self, c: char) -> bool {
        if matches!(c, '\u{3099}' | '\u{309A}' | '\u{653}'..='\u{655}') {
            return false;
        }
        if matches!(c, '\u{640}' | '\u{302E}' | '\u{302F}') {
            return true;
        }
        let decorates = [
            Script::Inherited,
            Script::Common,
            Script::Latin,
            Script::Greek,
            Script::Cyrillic,
            Script::Hebrew,
            Script::Arabic,
        ];
        GeneralCategoryGroup::Mark.contains(self.category.get(c)) && decorates.contains(&self.script.get(c))
    }

    /// A letter, digit or kept mark, as opposed to a separator.
    pub(crate) fn is_word(&self, c: char) -> bool {
        let group = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark).union(GeneralCategoryGroup::Number);
        group.contains(self.category.get(c))
    }

    pub(crate) fn is_han(&self, c: char) -> bool {
        self.script.get(c) == Script::Han && self.is_word(c)
    }

    /// A letter of a script that is written with spaces between words.
    pub(crate) fn is_latin(&self, c: char) -> bool {
        GeneralCategoryGroup::Letter.contains(self.category.get(c)) && SPACED_SCRIPTS.contains(&self.script.get(c))
    }

    pub(crate) fn is_emoji(&self, c: char) -> bool {
        !c.is_ascii() && self.emoji.contains(c) && !matches!(c, '©' | '®' | '™')
    }

    pub(crate) fn is_upper(&self, c: char) -> bool {
        c.is_uppercase() || self.category.get(c) == GeneralCategory::TitlecaseLetter
    }

    /// The pair that `c` is the canonical composition of, if both survive the fold.
    pub(crate) fn pair(&self, c: char) -> Option<(char, char)> {
        let parts: Vec<char> = self.nfd.normalize(c.encode_utf8(&mut [0; 4])).chars().collect();
        let (&mark, base) = parts.split_last()?;
        let base: String = base.iter().collect();
        Some((single(self.nfc.normalize(&base).chars())?, mark))
    }
}

/// The only item, `None` if there are more or none.
fn single(mut items: impl Iterator<Item = char>) -> Option<char> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}
