//! Near-duplicates: which text of the last days is this one a copy of, however it was washed?
//!
//! ```text
//!  observe, any thread            remember, in order of the input
//!   Folded ─► Sketcher ─► Mark ─► Twins: keys ─► sketches ─► stored texts, compared exactly ─► Twin
//!                                   window in memory             Texts: a log on disk or in memory
//! ```
//!
//! A [`Mark`] finds candidates; what decides is always a comparison of the two texts. Nothing is chained: a text is
//! compared with first members of clusters only. A duplicate passes on attention, never a verdict: texts that deny one
//! another are as alike as texts that agree.
//!
//! [`Articles`] do the same for long texts over a longer time, in one direction: how much of this article stands in one that
//! somebody else published before, and does it say so? [`matched`] gives the spans of both, side by side.
//!
//! What is absent: this room knows no rules, no files and no clock, and nothing of what became of the texts.

mod articles;
mod compare;
mod credit;
mod elsewhere;
mod fingerprint;
mod grams;
mod keys;
mod known;
mod mark;
mod record;
mod seed;
mod shelf;
mod sketch;
mod spans;
mod texts;
mod twins;
mod window;

#[cfg(test)]
mod tests;

use crate::event::Millis;

pub use articles::{Articles, Copied};
pub use compare::{Comparer, Comparison, compare};
pub use credit::{is_quoted, names_source};
pub use elsewhere::{Elsewhere, Joined, News};
pub use fingerprint::fingerprint;
pub use mark::{ANCHORS_ASKED, ANCHORS_STORED, ArticleMark, Form, LETTERS_MAX, Mark, Script, Sketcher};
pub use record::forget as blank;
pub use seed::Seed;
pub use shelf::{First, TwinSizes};
pub use spans::{Matched, matched};
pub use texts::{ALIGN_BYTES, MemoryTexts, Texts, TextsError, Visit};
pub use twins::{Arrival, Twin, Twins};

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Entries of the window; beyond, the oldest go. At most 85 bytes of memory each, touched as the window fills.
    pub entries_max: usize,
    /// How far apart in event time two texts may be and still be duplicates.
    pub window_ms: Millis,
    /// Bytes of stored text; beyond, the oldest entries go.
    pub text_bytes_max: u64,
}

impl Options {
    /// Bounds for [`Articles`]: fewer entries, of about 210 bytes each, for longer.
    #[must_use]
    pub fn of_articles() -> Self {
        Self { entries_max: 500_000, window_ms: 90 * 24 * 60 * 60 * 1000, text_bytes_max: 8 << 30 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { entries_max: 4_000_000, window_ms: 7 * 24 * 60 * 60 * 1000, text_bytes_max: 8 << 30 }
    }
}
