//! The fold table that the build script made, and how to read it.
//!
//! An entry is 32 bits: the kind of the unit in the upper eight, and in the lower 21 what to add to the scalar value (modulo
//! 2^21) to get the unit. Differences rather than units make most pages equal, so the table stays near the processor. Where the
//! kind is special, the lower bits say what else is to be done.

include!(concat!(env!("OUT_DIR"), "/fold_table.rs"));

const PAGE_BITS: u32 = 6;
const PAYLOAD: u32 = (1 << 21) - 1;

/// Payloads of special entries, as the build script numbers them.
pub(super) const INVISIBLE: u32 = 0;
pub(super) const DROPPED: u32 = 1;
pub(super) const REGIONAL: u32 = 2;
const EXPANDS: u32 = 3;

/// What a unit is, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind(u8);

impl Kind {
    /// A letter, digit or mark; what is not a word unit is a separator.
    pub const WORD: Self = Self(1);
    /// A Chinese character.
    pub const HAN: Self = Self(1 << 1);
    /// A letter of a script with spaces between words: Latin, Greek, Cyrillic or Armenian.
    pub const LATIN: Self = Self(1 << 2);
    /// `0` to `9`
    pub const DIGIT: Self = Self(1 << 3);
    /// An emoji.
    pub const EMOJI: Self = Self(1 << 4);
    /// A `LATIN` letter that was written as a capital.
    pub const UPPER: Self = Self(1 << 5);
    /// `@`, `#`, `.` or `:`, with which mentions, tags and links begin.
    pub const MARKUP: Self = Self(1 << 6);
    pub(super) const SPECIAL: Self = Self(1 << 7);
    /// No bit.
    pub const NONE: Self = Self(0);

    /// Whether any of these bits is set.
    #[must_use]
    #[inline]
    pub const fn is(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    /// The bits of both.
    #[must_use]
    #[inline]
    pub const fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// Without these bits.
    #[must_use]
    #[inline]
    pub const fn without(self, bits: Self) -> Self {
        Self(self.0 & !bits.0)
    }
}

/// One scalar value's entry.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    /// The entry of a scalar value. Past the last one stands what is unassigned.
    #[inline]
    pub(super) fn of(scalar: u32) -> Self {
        let page = PAGES.get((scalar >> PAGE_BITS) as usize).copied().unwrap_or(0);
        let index = (usize::from(page) << PAGE_BITS) | (scalar & ((1 << PAGE_BITS) - 1)) as usize;
        Self(ENTRIES[index])
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        Kind((self.0 >> 24) as u8)
    }

    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.0 >> 31 != 0
    }

    /// The unit of an entry that is not special.
    #[inline]
    pub(super) fn unit(self, scalar: u32) -> u32 {
        scalar.wrapping_add(self.0) & PAYLOAD
    }

    /// What a special entry asks for.
    #[inline]
    pub(super) fn payload(self) -> u32 {
        self.0 & PAYLOAD
    }

    /// The kind of one unit of an expansion: letters of a capital are capitals.
    pub(super) fn kind_of(self, unit: u32) -> Kind {
        let kind = kind(unit);
        if self.kind().is(Kind::UPPER) && kind.is(Kind::LATIN) { kind.with(Kind::UPPER) } else { kind }
    }

    /// The units of a special entry that expands.
    pub(super) fn expansion(self) -> &'static [u32] {
        let id = (self.payload() - EXPANDS) as usize;
        &EXPANSION_UNITS[EXPANSION_ENDS[id] as usize..EXPANSION_ENDS[id + 1] as usize]
    }
}

const HANGUL_BASE: u32 = 0xAC00;
const LEADS: std::ops::Range<u32> = 0x1100..0x1113;
const VOWELS: std::ops::Range<u32> = 0x1161..0x1176;
/// One past the "no final consonant" that is not encoded.
const TAILS: std::ops::Range<u32> = 0x11A8..0x11C3;
const TAIL_COUNT: u32 = 28;

/// The one unit that two neighbours make, if they do: Hangul by the arithmetic of Unicode 3.12, the rest by table.
pub(super) fn compose(base: u32, mark: u32) -> Option<u32> {
    if LEADS.contains(&base) && VOWELS.contains(&mark) {
        let syllable = (base - LEADS.start) * (VOWELS.end - VOWELS.start) + (mark - VOWELS.start);
        return Some(HANGUL_BASE + syllable * TAIL_COUNT);
    }
    let is_open_syllable = (HANGUL_BASE..=0xD7A3).contains(&base) && (base - HANGUL_BASE).is_multiple_of(TAIL_COUNT);
    if is_open_syllable && TAILS.contains(&mark) {
        return Some(base + mark - (TAILS.start - 1));
    }
    let pair = u64::from(base) << 32 | u64::from(mark);
    COMPOSITION_PAIRS.binary_search(&pair).ok().map(|at| COMPOSITIONS[at])
}

/// What a folded unit is. Units fold to themselves, so the table that folds them also describes them.
#[must_use]
#[inline]
pub fn kind(unit: u32) -> Kind {
    Entry::of(unit).kind().without(Kind::SPECIAL.with(Kind::UPPER))
}

/// Not a letter, digit or kept mark: punctuation, symbols, white space, emoji.
#[must_use]
#[inline]
pub fn is_separator(unit: u32) -> bool {
    !is_word(unit)
}

/// A letter, digit or kept mark.
#[must_use]
#[inline]
pub fn is_word(unit: u32) -> bool {
    kind(unit).is(Kind::WORD)
}

/// A letter of a script with spaces between words, or an ASCII digit: what must end where a Latin term ends.
#[must_use]
#[inline]
pub fn is_latin(unit: u32) -> bool {
    kind(unit).is(Kind::LATIN.with(Kind::DIGIT))
}

/// A Chinese character.
#[must_use]
#[inline]
pub fn is_han(unit: u32) -> bool {
    kind(unit).is(Kind::HAN)
}

/// `0` to `9`; the fold makes those of all decimal digits.
#[must_use]
#[inline]
pub fn is_digit(unit: u32) -> bool {
    kind(unit).is(Kind::DIGIT)
}

/// An emoji.
#[must_use]
#[inline]
pub fn is_emoji(unit: u32) -> bool {
    kind(unit).is(Kind::EMOJI)
}
