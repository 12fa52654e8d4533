//! The fold table that the build script made, and how to read it.
//!
//! An entry is 32 bits: the kind of the unit in the upper eight, the unit in the lower 21; where the kind is special, the lower
//! bits say what else is to be done. The basic plane is one flat table. Past it there are pages, whose entries hold what to add
//! to the scalar value (modulo 2^21) instead of the unit: so most pages are equal and kept once.

include!(concat!(env!("OUT_DIR"), "/fold_table.rs"));

const PAGE_BITS: u32 = 6;
const PAYLOAD: u32 = (1 << 21) - 1;

/// Payloads of special entries, as the build script numbers them.
pub(super) const INVISIBLE: u32 = 0;
pub(super) const DROPPED: u32 = 1;
pub(super) const REGIONAL: u32 = 2;
const EXPANDS: u32 = 3;

/// The lowest bit of each byte.
const EACH_BYTE: u64 = 0x0101_0101_0101_0101;

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

    /// How many of these kinds have each of the bits, one bit an item. Eight at a time: a bit of each, summed by one multiplication.
    pub(super) fn tally<const N: usize>(kinds: &[Self], bits: [Self; N]) -> [usize; N] {
        let (eights, rest) = kinds.as_chunks::<8>();
        let mut last = [Self::NONE; 8];
        last[..rest.len()].copy_from_slice(rest);
        let mut counts = [0; N];
        for eight in eights.iter().chain([&last]) {
            let eight = u64::from_le_bytes(eight.map(|kind| kind.0));
            for (count, bit) in counts.iter_mut().zip(bits) {
                let ones = eight >> bit.0.trailing_zeros() & EACH_BYTE;
                *count += (ones.wrapping_mul(EACH_BYTE) >> 56) as usize;
            }
        }
        counts
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
    /// The entry of the character with which this UTF-8 begins, and what comes after it; `None` at the end.
    #[inline]
    pub(super) fn first(utf8: &[u8]) -> Option<(Self, &[u8])> {
        let low = |byte: u8| u32::from(byte & 0x3F);
        match *utf8 {
            [a @ ..=0x7F, ref rest @ ..] => Some((Self::basic(u16::from(a)), rest)),
            [a @ 0xE0..=0xEF, b, c, ref rest @ ..] => {
                Some((Self::basic((u32::from(a) << 12 | low(b) << 6 | low(c)) as u16), rest))
            }
            [a @ ..=0xDF, b, ref rest @ ..] => Some((Self::basic((u32::from(a & 0x1F) << 6 | low(b)) as u16), rest)),
            [a, b, c, d, ref rest @ ..] => {
                Some((Self::paged(u32::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d)), rest))
            }
            _ => None,
        }
    }

    /// The entry of any number; past the last character stands what is unassigned.
    #[inline]
    pub(super) fn of(scalar: u32) -> Self {
        match u16::try_from(scalar) {
            Ok(basic) => Self::basic(basic),
            Err(_) if scalar <= u32::from(char::MAX) => Self::paged(scalar),
            Err(_) => Self(0),
        }
    }

    #[inline]
    fn basic(scalar: u16) -> Self {
        Self(BASIC[usize::from(scalar)])
    }

    fn paged(scalar: u32) -> Self {
        let above = scalar - 0x1_0000;
        let page = PAGES[(above >> PAGE_BITS) as usize];
        let entry = Self(ENTRIES[(usize::from(page) << PAGE_BITS) | (above & ((1 << PAGE_BITS) - 1)) as usize]);
        if entry.is_special() {
            return entry;
        }
        Self(entry.0 & !PAYLOAD | scalar.wrapping_add(entry.0) & PAYLOAD)
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
    pub(super) fn unit(self) -> u32 {
        self.payload()
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

/// Whether this unit is white space.
pub(super) fn is_white_space(unit: u32) -> bool {
    char::from_u32(unit).is_some_and(char::is_whitespace)
}
