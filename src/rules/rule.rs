//! A rule as it was read.

use std::sync::Arc;

use crate::event::{Channel, Millis};
use crate::signal::Slot;

use super::actions::{ActionSpec, Wording};
use super::rule_test::RuleTest;

/// What a rule may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is checked and never evaluated.
    Draft,
    /// It is evaluated and only noted.
    Shadow,
    /// It acts.
    Live,
}

impl Status {
    /// The name in rule files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Live => "live",
        }
    }
}

/// A set of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channels(u8);

impl Channels {
    /// Every channel.
    pub const ALL: Self = Self(0b1_1111);
    /// No channel.
    pub(crate) const NONE: Self = Self(0);

    /// Whether that channel is one of them.
    #[must_use]
    pub fn contains(self, channel: Channel) -> bool {
        self.0 & (1 << channel as u8) != 0
    }

    pub(crate) fn with(self, channel: Channel) -> Self {
        Self(self.0 | (1 << channel as u8))
    }

    /// The channels, in the order of [`Channel::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |&channel| self.contains(channel))
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `group.gambling.invite`
    pub id: Arc<str>,
    /// What it is for.
    pub about: Option<Wording>,
    /// Where it applies.
    pub channels: Channels,
    /// The condition as written, for people.
    pub when: Arc<str>,
    /// What it may do. A live rule that lacks tests, owner or expiry is an error and is loaded as a draft.
    pub status: Status,
    /// What is done, in order.
    pub actions: Vec<ActionSpec>,
    /// Strikes added to the author.
    pub points: u32,
    /// Over so many firings in an hour it falls back to shadow; who counts is the pipeline.
    pub cap_per_hour: Option<u32>,
    /// It is silent for events from that time on; `Millis::MAX` where the file says nothing.
    pub expires: Millis,
    /// The team that answers for it.
    pub owner: Option<Arc<str>>,
    /// The signals that the condition reads, in the order of appearance, each once.
    pub grounds: Vec<Slot>,
    /// A hash of what the rule means: condition, actions, points, cap and channels, and nothing else. Stable over
    /// layout, comments and releases of the product.
    pub revision: u64,
    /// Its tests.
    pub tests: Vec<RuleTest>,
    /// The file that it stands in.
    pub file: Arc<str>,
    /// The line of its id.
    pub line: u32,
}
