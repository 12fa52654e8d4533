//! The nouns: a claim that somebody of authority has checked, and what they found.

use std::fmt;

use super::date::Day;

/// A fact-checked claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Unique in a library.
    pub id: Box<str>,
    /// What is claimed, as a sentence.
    pub claim: Box<str>,
    /// The headline of the fact-check; empty if there is none.
    pub title: Box<str>,
    /// Other ways of claiming the same.
    pub variants: Vec<Variant>,
    /// What was found.
    pub verdict: Verdict,
    /// The words in which the publisher said so.
    pub rating: Box<str>,
    /// Who says so.
    pub authority: Box<str>,
    /// How much the authority's word weighs.
    pub tier: Tier,
    /// Where people can read it.
    pub url: Box<str>,
    /// When the fact-check was published.
    pub published: Option<Day>,
    /// The day that the claim is about, or on which it came up: a claim that has one is checked against the message's day.
    pub claim_date: Option<Day>,
    /// The first day on which it may act.
    pub valid_from: Option<Day>,
    /// The last day on which it may act.
    pub valid_until: Option<Day>,
    /// Where it is about; empty for everywhere.
    pub region: Box<str>,
    /// What it is about, in one word: `health`, `food`, `disaster`.
    pub topic: Box<str>,
    /// Whether it is in force.
    pub status: Status,
    /// Counts up with each change.
    pub revision: u32,
}

/// Another way of claiming the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// How it is said.
    pub text: Box<str>,
    /// Who added it; empty if nobody says.
    pub added_by: Box<str>,
    /// When.
    pub date: Option<Day>,
}

macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in files.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one of that name.
            #[must_use]
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name().eq_ignore_ascii_case(name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// What a fact-check found.
    Verdict {
        /// It is not so.
        False = "false",
        /// Something true, put so that people believe something that is not.
        Misleading = "misleading",
        /// Nobody knows.
        Unproven = "unproven",
        /// It is so.
        True = "true",
        /// Nobody meant it.
        Satire = "satire",
        /// Nothing is said that we understand.
        #[default]
        Unrated = "unrated",
    }
}

impl Verdict {
    /// Whether messages that repeat the claim may be acted on.
    #[must_use]
    pub fn is_refuted(self) -> bool {
        matches!(self, Self::False | Self::Misleading)
    }
}

named! {
    /// How much an authority's word weighs.
    Tier {
        /// Nobody has said.
        #[default]
        Unknown = "unknown",
        /// National and international public institutions.
        National = "national",
        /// Regional and professional bodies.
        Regional = "regional",
        /// Media and fact-checkers.
        Media = "media",
    }
}

impl Tier {
    /// 1 national, 2 regional, 3 media; 0 where nobody has said: as files and rules number it.
    #[must_use]
    pub fn rank(self) -> u8 {
        self as u8
    }
}

named! {
    /// Whether a claim is in force.
    Status {
        /// Written, and not yet let loose.
        Draft = "draft",
        /// In force.
        #[default]
        Active = "active",
        /// Taken back: what it did is undone.
        Retracted = "retracted",
    }
}

/// How long before and after its day a claim about one day goes round, in days: later the same words are about another day.
const DATED_DAYS: std::ops::RangeInclusive<i32> = -14..=45;

impl Claim {
    /// What it lacks to act: whoever is labelled must be able to read who says so, where, and since when.
    #[must_use]
    pub fn lacks(&self) -> Vec<&'static str> {
        let is_lacking = [
            ("authority", self.authority.is_empty()),
            ("url", self.url.is_empty()),
            ("date", self.published.is_none()),
        ];
        is_lacking.into_iter().filter(|&(_, lacks)| lacks).map(|(key, _)| key).collect()
    }

    /// Whether messages of that day that repeat it may be acted on: refuted, active, complete, and in date.
    #[must_use]
    pub fn may_act(&self, day: Option<Day>) -> bool {
        let is_in_date = |day: Day| {
            self.valid_from.is_none_or(|from| day >= from) && self.valid_until.is_none_or(|until| day <= until)
        };
        self.verdict.is_refuted()
            && self.status == Status::Active
            && self.lacks().is_empty()
            && self.claim_date.is_none_or(|about| day.is_some_and(|day| DATED_DAYS.contains(&day.since(about))))
            && day.map_or(self.valid_until.is_none(), is_in_date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            id: "a".into(),
            claim: "garlic cures flu".into(),
            verdict: Verdict::False,
            authority: "WHO".into(),
            url: "https://www.who.int/".into(),
            published: Day::parse("2020-02-01"),
            ..Claim::default()
        }
    }

    #[test]
    fn only_refuted_active_complete_claims_in_date_may_act() {
        let day = Day::parse("2020-03-01");
        assert!(claim().may_act(day) && claim().may_act(None));
        for verdict in Verdict::ALL.iter().copied().filter(|verdict| !verdict.is_refuted()) {
            assert!(!Claim { verdict, ..claim() }.may_act(day), "{verdict}");
        }
        assert!(!Claim { status: Status::Retracted, ..claim() }.may_act(day));
        assert!(!Claim { status: Status::Draft, ..claim() }.may_act(day));
        assert!(!Claim { url: "".into(), ..claim() }.may_act(day));
        assert!(!Claim { authority: "".into(), ..claim() }.may_act(day));
        assert!(!Claim { published: None, ..claim() }.may_act(day));
        let ended = Claim { valid_until: Day::parse("2020-02-28"), ..claim() };
        assert!(!ended.may_act(day) && !ended.may_act(None) && ended.may_act(Day::parse("2020-02-28")));
        assert!(!Claim { valid_from: Day::parse("2020-03-02"), ..claim() }.may_act(day));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for &verdict in Verdict::ALL {
            assert_eq!(Verdict::of(verdict.name()), Some(verdict));
        }
        assert_eq!(Tier::of("NATIONAL").map(Tier::rank), Some(1));
        assert_eq!(Status::of("gone"), None);
    }
}
