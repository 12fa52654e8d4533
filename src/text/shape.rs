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
    let (kinds, seen) = (folded.kinds(), folded.seen());
    let markup = if seen.is(Kind::MARKUP) { links::count(folded) } else { links::Markup::default() };
    let [words, han, latin, upper] = Kind::tally(kinds, [Kind::WORD, Kind::HAN, Kind::LATIN, Kind::UPPER]);
    Shape {
        chars: folded.chars(),
        links: markup.links,
        mentions: markup.mentions,
        hashtags: markup.hashtags,
        digits_run: if seen.is(Kind::DIGIT) { digits_run(kinds) } else { 0 },
        emoji: if seen.is(Kind::EMOJI) { emoji(text) } else { 0 },
        invisible: folded.invisible(),
        repeat_max: repeat_max(folded.units()),
        han_share: share(han, kinds.len()),
        latin_share: share(latin, kinds.len()),
        upper_share: share(upper, latin),
        spaced_share: share(between_words(kinds) - words, kinds.len()),
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Units from the first word unit to the last one.
fn between_words(kinds: &[Kind]) -> usize {
    let is_word = |kind: &Kind| kind.is(Kind::WORD);
    let Some(first) = kinds.iter().position(is_word) else {
        return 0;
    };
    kinds.iter().rposition(is_word).map_or(0, |last| last + 1 - first)
}

/// Without a branch, as digits come at random: a letter takes the run to zero, a separator leaves it.
fn digits_run(kinds: &[Kind]) -> usize {
    let (mut run, mut longest) = (0_u32, 0);
    for kind in kinds {
        let (is_digit, is_word) = (kind.is(Kind::DIGIT), kind.is(Kind::WORD));
        run = (run + u32::from(is_digit)) * u32::from(is_digit | !is_word);
        longest = longest.max(run);
    }
    longest as usize
}

/// Spaces and control characters show nothing, however many there are.
fn repeat_max(units: &[u32]) -> usize {
    let (mut before, mut run, mut longest) = (u32::MAX, 0_u32, 0);
    for &unit in units {
        run = run * u32::from(unit == before && unit > u32::from(b' ')) + 1;
        longest = longest.max(run);
        before = unit;
    }
    longest as usize
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
