//! What is kept of a text so that washed copies of it are found: the same for every thread, and for ever.

use crate::text::{Folded, Letters};

use super::grams::{Grams, smallest};
use super::seed::{Seed, mix};
use super::sketch::Sketch;

/// Letters of a text that are looked at; what comes after them is as if it were not there.
pub const LETTERS_MAX: usize = 16_384;
/// Anchors by which a text asks for others.
pub const ANCHORS_ASKED: usize = 14;
/// Anchors under which an entry is found: the smallest of those asked.
pub const ANCHORS_STORED: usize = 7;
/// Anchors of an article, asked and stored.
pub(super) const ARTICLE_ANCHORS: usize = 32;

/// Texts with fewer letters say too little: their grams are everybody's.
const WIDE_LETTERS_MIN: usize = 8;
const NARROW_LETTERS_MIN: usize = 12;
/// So do texts that repeat themselves: 哈哈哈哈哈哈哈哈 has one anchor.
const ANCHORS_MIN: usize = 4;
/// From so many letters on, a text is worth an entry among articles, whatever it came as.
const LONG_LETTERS_MIN: usize = 500;
/// What came as an article, from so many.
const ARTICLE_LETTERS_MIN: usize = 200;

/// What a text came as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Anything but an article.
    #[default]
    Message,
    /// An article, whose originality is looked after from fewer letters on.
    Article,
}

/// How grams are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Chinese characters, kana and hangul make two fifths or more: each says as much as several others.
    Wide,
    /// Latin and all others.
    Narrow,
}

impl Script {
    pub(super) fn of(letters: &Letters) -> Self {
        if letters.wide() * 5 > letters.units().len() * 2 { Self::Wide } else { Self::Narrow }
    }

    fn letters_min(self) -> usize {
        match self {
            Self::Wide => WIDE_LETTERS_MIN,
            Self::Narrow => NARROW_LETTERS_MIN,
        }
    }
}

/// See the module. Made by [`Sketcher::mark`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub(super) exact: u64,
    /// The smallest hashes of distinct grams, smallest first; `anchor_count` of them.
    pub(super) anchors: [u32; ANCHORS_ASKED],
    pub(super) anchor_count: u8,
    pub(super) script: Script,
    pub(super) sketch: Sketch,
    pub(super) letters: u32,
    /// The bytes of the original text that the letters came from, from its beginning.
    pub(super) bytes: u32,
    pub(super) article: Option<Box<ArticleMark>>,
}

/// What is kept of an article besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleMark {
    pub(super) anchors: [u32; ARTICLE_ANCHORS],
    pub(super) anchor_count: u8,
}

impl Mark {
    /// The keyed hash of the letters: equal for texts that differ in nothing but what the fold and the separators take.
    #[must_use]
    pub fn exact(&self) -> u64 {
        self.exact
    }

    /// How grams were cut.
    #[must_use]
    pub fn script(&self) -> Script {
        self.script
    }

    /// How many letters were looked at.
    #[must_use]
    pub fn letters(&self) -> u32 {
        self.letters
    }

    /// Whether the text is worth an entry among articles.
    #[must_use]
    pub fn is_article(&self) -> bool {
        self.article.is_some()
    }

    /// The keys by which others are asked for; the first is that of equal letters.
    pub(super) fn keys_asked(&self) -> impl Iterator<Item = u32> + Clone {
        let anchors = &self.anchors[..usize::from(self.anchor_count)];
        std::iter::once(self.exact as u32).chain(anchors.iter().copied())
    }

    /// The keys of an article, asked and stored.
    pub(super) fn article_keys(&self) -> Option<&[u32]> {
        self.article.as_ref().map(|article| &article.anchors[..usize::from(article.anchor_count)])
    }

    /// The keys under which this text is found.
    pub(super) fn keys_stored(&self) -> impl Iterator<Item = u32> + Clone {
        self.keys_asked().take(1 + ANCHORS_STORED)
    }
}

/// Makes marks. One a thread: it reuses its buffers.
#[derive(Clone, Debug, Default)]
pub struct Sketcher {
    letters: Letters,
    grams: Grams,
}

impl Sketcher {
    /// The mark of a text, or `None` where it is too short or repeats itself too much to say anything.
    pub fn mark(&mut self, folded: &Folded, form: Form, seed: Seed) -> Option<Mark> {
        self.letters.take(folded, LETTERS_MAX);
        let units = self.letters.units();
        let script = Script::of(&self.letters);
        if units.len() < script.letters_min() {
            return None;
        }
        self.grams.hash(units, script, seed);
        let article_letters_min = match form {
            Form::Message => LONG_LETTERS_MIN,
            Form::Article => ARTICLE_LETTERS_MIN,
        };
        let (anchors, anchor_count, article) = if units.len() >= article_letters_min {
            let (anchors, count) = smallest::<ARTICLE_ANCHORS>(self.grams.anchors());
            let (first, _) = anchors.split_first_chunk().expect("an article has more anchors than are asked");
            (*first, count.min(ANCHORS_ASKED), Some(Box::new(ArticleMark { anchors, anchor_count: count as u8 })))
        } else {
            let (anchors, count) = smallest::<ANCHORS_ASKED>(self.grams.anchors());
            (anchors, count, None)
        };
        if anchor_count < ANCHORS_MIN {
            return None;
        }
        Some(Mark {
            exact: exact(units, seed),
            anchors,
            anchor_count: anchor_count as u8,
            script,
            sketch: Sketch::of(self.grams.sketched()),
            letters: units.len() as u32,
            bytes: folded.span(0..self.letters.folded_range(0..units.len()).end).end as u32,
            article,
        })
    }
}

fn exact(units: &[u32], seed: Seed) -> u64 {
    let (key, last) = (seed.key(8), seed.key(9));
    let (pairs, odd) = units.as_chunks::<2>();
    let pair = |[a, b]: [u32; 2]| u64::from(a) << 32 | u64::from(b);
    let state = pairs.iter().fold(last, |state, &units| mix(state ^ pair(units), key));
    let odd = odd.first().map_or(0, |&unit| u64::from(unit));
    mix(mix(state ^ odd, key) ^ units.len() as u64, last)
}
