//! Counts over one text.

use super::fold::Folded;
use super::links;
use super::table::Kind;

/// What a text looks like, whatever it says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    /// Characters that show something.
    pub chars: usize,
    /// Links: with `http://`, `https://` or `www.`, or a bare domain of a common top-level domain.
    pub links: usize,
    /// `@name`
    pub mentions: usize,
    /// `#topic#` and `#tag`
    pub hashtags: usize,
    /// The most digits in a row, separators between them ignored.
    pub digits_run: usize,
    /// Emoji; a sequence that shows as one counts once.
    pub emoji: usize,
    /// Characters that show nothing, those within emoji apart.
    pub invisible: usize,
    /// The longest run of one visible unit.
    pub repeat_max: usize,
    /// Chinese characters by units.
    pub han_share: f64,
    /// Letters of spaced scripts by units.
    pub latin_share: f64,
    /// Capitals by letters of spaced scripts.
    pub upper_share: f64,
    /// Separators that stand between two word units, by units.
    pub spaced_share: f64,
}

/// Takes the shape of a text: `text` is what `folded` was folded from.
#[must_use]
pub fn shape(text: &str, folded: &Folded) -> Shape {
    let seen = folded.seen();
    let markup = if seen.is(Kind::MARKUP) { links::count(folded) } else { links::Markup::default() };
    let counts = Counts::of(folded);
    let units = folded.units().len();
    Shape {
        chars: folded.chars(),
        links: markup.links,
        mentions: markup.mentions,
        hashtags: markup.hashtags,
        digits_run: counts.digits_run,
        emoji: if seen.is(Kind::EMOJI) { emoji(text) } else { 0 },
        invisible: folded.invisible(),
        repeat_max: counts.repeat_max,
        han_share: share(counts.han, units),
        latin_share: share(counts.latin, units),
        upper_share: share(counts.upper, counts.latin),
        spaced_share: share(counts.spaced, units),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[derive(Default)]
struct Counts {
    han: usize,
    latin: usize,
    upper: usize,
    spaced: usize,
    digits_run: usize,
    repeat_max: usize,
}

impl Counts {
    fn of(folded: &Folded) -> Self {
        let mut counts = Self { repeat_max: repeat_max(folded.units()), ..Self::default() };
        let (mut gap, mut has_word, mut digits) = (0, false, 0);
        for kind in folded.kinds() {
            counts.han += usize::from(kind.is(Kind::HAN));
            counts.latin += usize::from(kind.is(Kind::LATIN));
            counts.upper += usize::from(kind.is(Kind::UPPER));
            if kind.is(Kind::WORD) {
                counts.spaced += if has_word { gap } else { 0 };
                digits = if kind.is(Kind::DIGIT) { digits + 1 } else { 0 };
                counts.digits_run = counts.digits_run.max(digits);
                has_word = true;
                gap = 0;
            } else {
                gap += 1;
            }
        }
        counts
    }
}

fn repeat_max(units: &[u32]) -> usize {
    units.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0)
}

/// Emoji as they show: pairs of regional indicators, skin tones and what a joiner ties on count with what they belong to.
fn emoji(text: &str) -> usize {
    let (mut count, mut is_tied, mut regionals) = (0, false, 0_usize);
    for c in text.chars() {
        let is_regional = super::flags::REGIONALS.contains(&(c as u32));
        let is_tone = ('\u{1F3FB}'..='\u{1F3FF}').contains(&c);
        if is_regional {
            count += usize::from(regionals.is_multiple_of(2));
        } else if super::is_emoji(c as u32) && !is_tied && !is_tone {
            count += 1;
        }
        regionals = if is_regional { regionals + 1 } else { 0 };
        is_tied = c == '\u{200D}';
    }
    count
}
