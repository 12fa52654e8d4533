//! The ground that an evaluation stands on: which texts are washed, which fill the window, which are asked about although
//! nothing in the window is related to them.

use rayon::prelude::*;
use serde::Serialize;

use crate::cli::eval::kin::{Kin, Script, Seen, Shared, generator};
use crate::cli::term::Progress;
use crate::text::Folded;

/// How long a text is, in letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Length {
    Short,
    Middle,
    Long,
    Article,
}

impl Length {
    pub(super) const ALL: [Self; 4] = [Self::Short, Self::Middle, Self::Long, Self::Article];

    /// Texts of fewer than 15 letters are only background.
    pub(super) const fn of(letters: usize) -> Option<Self> {
        match letters {
            0..15 => None,
            15..40 => Some(Self::Short),
            40..120 => Some(Self::Middle),
            120..500 => Some(Self::Long),
            _ => Some(Self::Article),
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Short => "15–40",
            Self::Middle => "40–120",
            Self::Long => "120–500",
            Self::Article => "over 500",
        }
    }
}

impl Serialize for Length {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.title())
    }
}

/// A text that is measured with.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) text: String,
    pub(super) seen: Seen,
    pub(super) length: Length,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// Texts that are washed: unrelated to the background and to one another.
    pub(super) bases: Vec<Subject>,
    /// Texts that are asked about and never stored: unrelated to everything above and to one another.
    pub(super) queries: Vec<Subject>,
    /// Texts that were drawn like those, whatever they are related to: what is found of them is looked at.
    pub(super) drawn: Vec<String>,
    /// What else fills the window, as it came.
    pub(super) background: Vec<String>,
    /// Candidates that were related to another text, and are left out.
    pub(super) related: usize,
}

/// How many texts of each kind are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Bases of one length and script.
    pub(super) bases: usize,
    pub(super) queries: usize,
    pub(super) seed: u64,
}

/// Candidates that may turn out to be related to something, for each text that is wanted.
const CANDIDATES: usize = 3;

impl Ground {
    /// Lays the ground with `texts`; `more` is background alone.
    pub(super) fn lay(texts: Vec<String>, more: Vec<String>, wanted: Wanted, progress: &Progress) -> Self {
        let mut ground = Self { background: more, ..Self::default() };
        let (bases, queries) = ground.deal(texts, wanted);
        let mut kin = Kin::new();
        for texts in ground.background.chunks(CHUNK) {
            let seen: Vec<Seen> =
                texts.par_iter().map_init(Folded::default, |folded, text| Seen::of(folded, text)).collect();
            seen.iter().for_each(|seen| kin.add(seen));
            progress.advance(texts.len() as u64);
        }
        let (unrelated, left_out) = unrelated(bases, &kin, progress);
        ground.related += left_out;
        ground.bases = take_unrelated(unrelated, &mut kin, &mut ground.related, |kept, subject| {
            kept.iter().filter(|other| is_of_one_kind(other, subject)).count() < wanted.bases
        });
        ground.drawn = queries.iter().take(wanted.queries).map(|query| query.text.clone()).collect();
        let (unrelated, left_out) = self::unrelated(queries, &kin, progress);
        ground.related += left_out;
        ground.queries =
            take_unrelated(unrelated, &mut kin, &mut ground.related, |kept, _| kept.len() < wanted.queries);
        ground
    }

    /// Deals the texts, shuffled: of each length and script at most half become candidates for bases, of all texts at
    /// most a third for queries, and what is left, and what is of mixed script, is
    /// background.
    fn deal(&mut self, mut texts: Vec<String>, wanted: Wanted) -> (Vec<Subject>, Vec<Subject>) {
        generator(wanted.seed, "deal", 0).shuffle(&mut texts);
        let seen: Vec<Seen> =
            texts.par_iter().map_init(Folded::default, |folded, text| Seen::of(folded, text)).collect();
        let length = |seen: &Seen| Length::of(seen.letters).filter(|_| !seen.is_mixed);
        let kind = |seen: &Seen| length(seen).map(|length| (seen.script as usize) * 4 + length as usize);
        let mut counts = [0; 8];
        seen.iter().filter_map(kind).for_each(|kind| counts[kind] += 1);
        let mut bases_left = counts.map(|count: usize| (count / 2).min(wanted.bases * CANDIDATES));
        let mut queries_left = (texts.len() / 3).min(wanted.queries * CANDIDATES);
        let (mut bases, mut queries) = (Vec::new(), Vec::new());
        for (text, seen) in texts.into_iter().zip(seen) {
            let left = kind(&seen).map(|kind| &mut bases_left[kind]);
            match (length(&seen), left) {
                (Some(length), Some(left)) if *left > 0 => {
                    *left -= 1;
                    bases.push(Subject { text, seen, length });
                }
                (Some(length), _) if queries_left > 0 => {
                    queries_left -= 1;
                    queries.push(Subject { text, seen, length });
                }
                _ => self.background.push(text),
            }
        }
        (bases, queries)
    }

    /// How many texts the window holds.
    pub(super) fn window(&self) -> usize {
        self.background.len() + self.bases.len()
    }
}

const CHUNK: usize = 4096;

fn is_of_one_kind(a: &Subject, b: &Subject) -> bool {
    a.length == b.length && a.seen.script == b.seen.script
}

/// Those to which nothing in `kin` is related, and how many others there are.
fn unrelated(candidates: Vec<Subject>, kin: &Kin, progress: &Progress) -> (Vec<Subject>, usize) {
    let all = candidates.len();
    let keep = |shared: &mut Shared, subject: Subject| {
        progress.advance(1);
        (!kin.has_related(shared, &subject.seen)).then_some(subject)
    };
    let kept: Vec<Subject> = candidates.into_par_iter().map_init(Shared::default, keep).flatten().collect();
    let left_out = all - kept.len();
    (kept, left_out)
}

/// Those that are unrelated to the ones before them, while more are wanted; each of them joins `kin`.
fn take_unrelated(
    candidates: Vec<Subject>,
    kin: &mut Kin,
    related: &mut usize,
    is_wanted: impl Fn(&[Subject], &Subject) -> bool,
) -> Vec<Subject> {
    // Against one another only: the background was asked before.
    let (mut among, mut shared) = (Kin::new(), Shared::default());
    let mut kept = Vec::new();
    for subject in candidates {
        if !is_wanted(&kept, &subject) {
            continue;
        }
        if among.has_related(&mut shared, &subject.seen) {
            *related += 1;
            continue;
        }
        among.add(&subject.seen);
        kin.add(&subject.seen);
        kept.push(subject);
    }
    kept
}

/// All texts of a script and a length.
pub(super) fn of_kind(subjects: &[Subject], script: Script, length: Length) -> impl Iterator<Item = &Subject> {
    subjects.iter().filter(move |subject| subject.seen.script == script && subject.length == length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::term::{Terminal, Unit};

    /// Texts of characters that no other text has, one of three in two copies.
    fn texts() -> Vec<String> {
        let text = |i: u32| (0..30).filter_map(|k| char::from_u32(0x4e00 + i * 30 + k)).collect::<String>();
        (0..120).flat_map(|i| std::iter::repeat_n(text(i), if i % 3 == 0 { 2 } else { 1 })).collect()
    }

    fn lay(wanted: Wanted) -> Ground {
        let progress = Progress::new(Terminal::plain(), Unit::Items, None, "comparing");
        Ground::lay(texts(), Vec::new(), wanted, &progress)
    }

    #[test]
    fn bases_and_queries_are_related_to_nothing_and_repeat_for_a_seed() {
        let wanted = Wanted { bases: 20, queries: 15, seed: 3 };
        let ground = lay(wanted);
        assert_eq!(ground.bases.len(), 20);
        assert!((5..=15).contains(&ground.queries.len()), "{}", ground.queries.len());
        let all: Vec<&str> = ground.background.iter().map(String::as_str).collect();
        let chosen: Vec<&str> = ground.bases.iter().chain(&ground.queries).map(|subject| &*subject.text).collect();
        for (at, text) in chosen.iter().enumerate() {
            assert!(!all.contains(text) && !chosen[..at].contains(text), "{text}");
        }
        assert!(ground.related > 0);
        assert_eq!(chosen, lay(wanted).bases.iter().chain(&lay(wanted).queries).map(|s| &*s.text).collect::<Vec<_>>());
        assert_ne!(ground.bases[0].text, lay(Wanted { seed: 4, ..wanted }).bases[0].text);
    }

    #[test]
    fn lengths_have_their_bounds() {
        let cases = [
            (14, None),
            (15, Some(Length::Short)),
            (40, Some(Length::Middle)),
            (120, Some(Length::Long)),
            (500, Some(Length::Article)),
        ];
        for (letters, length) in cases {
            assert_eq!(Length::of(letters), length, "{letters}");
        }
    }
}
