//! Toneless readings of Chinese characters.

use std::sync::LazyLock;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

/// The basic block of ideographs, in which nearly all that is typed lies.
pub(super) const IDEOGRAPHS: std::ops::RangeInclusive<u32> = 0x4E00..=0x9FFF;

/// Letters of the longest syllable.
pub(super) const SYLLABLE_UNITS_MAX: usize = 6;

/// The commonest reading of a character in ASCII letters, with `v` for ü.
pub(super) fn commonest(unit: u32) -> Option<&'static str> {
    char::from_u32(unit)?.to_pinyin().and_then(ascii)
}

/// A syllable as units, laid out for copying: always all of them, of which the first `len` count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Syllable {
    pub(super) units: [u32; SYLLABLE_UNITS_MAX],
    pub(super) len: usize,
}

impl Syllable {
    fn new(letters: &str) -> Self {
        let mut units = [0; SYLLABLE_UNITS_MAX];
        units.iter_mut().zip(letters.bytes()).for_each(|(unit, letter)| *unit = u32::from(letter));
        Self { units, len: letters.len().min(SYLLABLE_UNITS_MAX) }
    }
}

/// The syllables, each once, and which of them each character of the basic block has; the first one is no syllable.
struct Sounds {
    syllables: Vec<Syllable>,
    by_unit: Box<[u16]>,
}

impl Sounds {
    fn new() -> Self {
        let mut syllables = vec![Syllable::default()];
        let mut known = HashMap::<&str, u16, FixedState>::default();
        let mut index_of = |name: &'static str| {
            *known.entry(name).or_insert_with(|| {
                syllables.push(Syllable::new(name));
                syllables.len() as u16 - 1
            })
        };
        let by_unit = IDEOGRAPHS.map(|unit| commonest(unit).map_or(0, &mut index_of)).collect();
        Self { syllables, by_unit }
    }
}

/// The commonest reading of a character as units; none has no units.
pub(super) fn syllable(unit: u32) -> Syllable {
    static SOUNDS: LazyLock<Sounds> = LazyLock::new(Sounds::new);
    let sounds = &*SOUNDS;
    match unit.checked_sub(*IDEOGRAPHS.start()).and_then(|at| sounds.by_unit.get(at as usize)) {
        Some(&index) => sounds.syllables[usize::from(index)],
        None => commonest(unit).map(Syllable::new).unwrap_or_default(),
    }
}

/// A number for each sound, so that characters that sound alike are known by it. It depends on the letters of the sound alone,
/// whatever version of the readings they came from.
#[derive(Debug)]
pub struct SoundNumbers(Box<[u16]>);

impl SoundNumbers {
    /// The table, made when it is first asked for.
    #[must_use]
    pub fn get() -> &'static Self {
        static NUMBERS: LazyLock<SoundNumbers> = LazyLock::new(|| {
            let number = |unit| commonest(unit).map_or(0, |letters| letters.bytes().fold(5381, times_33).max(1));
            SoundNumbers(IDEOGRAPHS.map(number).collect())
        });
        &NUMBERS
    }

    /// The number of the commonest toneless reading of a character; 0 for what is none of the basic block.
    #[must_use]
    #[inline]
    pub fn number(&self, unit: u32) -> u16 {
        self.0.get(unit.wrapping_sub(*IDEOGRAPHS.start()) as usize).copied().unwrap_or(0)
    }
}

fn times_33(state: u16, letter: u8) -> u16 {
    state.wrapping_mul(33) ^ u16::from(letter)
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
