//! The keys of rule and ladder files: one table that the reader refuses unknown keys by and that the editors' schema is
//! written from.

use crate::event::Channel;

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// A string that is not empty.
    Text,
    /// A string, empty or not, or what YAML takes for a number.
    Anything,
    /// `group.gambling.invite`
    Id,
    /// A CEL condition.
    Condition,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number within bounds.
    Number(f64, f64),
    /// `true` or `false`
    Flag,
    /// `24h`
    Duration,
    /// `2027-06-30`
    Day,
    /// RFC 3339 or epoch milliseconds.
    Time,
    /// One of a closed set of words.
    OneOf(&'static [&'static str]),
    /// A string, or a map from language to string.
    Wording,
    /// Values by signal name.
    Signals,
    /// A list of these.
    List(&'static Shape),
    /// A map with these keys.
    Map(&'static [Key]),
    /// A map with exactly one of these keys.
    Choice(&'static [Key]),
}

/// One key of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    pub(crate) about: &'static str,
}

const fn must(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, required: true, shape, about }
}

const fn may(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, required: false, shape, about }
}

pub(crate) const CHANNELS: &[&str] = &["article", "video", "ad", "post", "group"];
pub(crate) const STATUSES: &[&str] = &["draft", "shadow", "live"];
pub(crate) const SCOPES: &[&str] = &["reach", "forward", "reply", "author"];
pub(crate) const RECIPIENTS: &[&str] = &["author", "forwarders", "room"];
pub(crate) const EXPECTATIONS: &[&str] = &["fires", "silent"];

/// The most strikes that one rule may add.
pub(crate) const POINTS_MAX: i64 = 100;

pub(crate) const RULE: &[Key] = &[
    must("id", Shape::Id, "Its name: lower-case words joined by dots. A site's rule of the same id replaces this one."),
    may("about", Shape::Wording, "What it is for, in one string or by language."),
    may("channels", Shape::List(&Shape::OneOf(CHANNELS)), "Where it applies; everywhere if absent."),
    must("when", Shape::Condition, "The condition, in CEL, over the signals of docs/signals.md."),
    must("do", Shape::List(&Shape::Choice(ACTION)), "What is done, in order."),
    may("points", Shape::Integer(0, POINTS_MAX), "Strikes added to the author; 0 if absent."),
    may("owner", Shape::Text, "The team that answers for it; a live rule must have one."),
    may("expires", Shape::Day, "The first day (UTC) on which it is silent; a live rule must have one."),
    may("status", Shape::OneOf(STATUSES), "draft: checked, never evaluated. shadow: evaluated, only noted. live."),
    may("cap", Shape::Map(CAP), "What trips it into shadow."),
    may("tests", Shape::List(&Shape::Map(TEST)), "Messages that it fires on and others that it does not."),
];

pub(crate) const CAP: &[Key] =
    &[must("per_hour", Shape::Integer(1, 1_000_000_000), "Over so many in an hour the rule falls back to shadow.")];

pub(crate) const ACTION: &[Key] = &[
    may("fold", Shape::Map(FOLD), "Show less of it."),
    may("limit", Shape::Map(LIMIT), "Let it, or its author, do less."),
    may("label", Shape::Map(LABEL), "Say something beside it."),
    may("notice", Shape::Map(NOTICE), "Tell somebody."),
    may("review", Shape::Map(REVIEW), "Have a person look at it."),
];

/// What a step of the ladder may do: the same, but whatever lasts must end by itself.
pub(crate) const STEP_ACTION: &[Key] = &[
    may("fold", Shape::Map(FOLD), "Show less of it."),
    may("limit", Shape::Map(STEP_LIMIT), "Let it, or its author, do less."),
    may("label", Shape::Map(STEP_LABEL), "Say something beside it."),
    may("notice", Shape::Map(NOTICE), "Tell somebody."),
    may("review", Shape::Map(REVIEW), "Have a person look at it."),
];

pub(crate) const FOLD: &[Key] =
    &[must("level", Shape::Integer(1, 3), "1 collapsed, 2 collapsed with notice, 3 out of recommendation and search.")];

const SCOPE: Key = must("scope", Shape::OneOf(SCOPES), "What is limited.");
const FACTOR: Key = may("factor", Shape::Number(0.0, 1.0), "What remains of the reach.");
const LABEL_CODE: Key = must("code", Shape::Text, "For machines.");
const LABEL_TEXT: Key = may("text", Shape::Wording, "For people, in one string or by language.");
const LABEL_LINK: Key = may("link", Shape::Text, "Where people can read more.");
const FOR: Key = may("for", Shape::Duration, "How long; until a verdict if absent.");

/// Points expire without a word to anybody, so whatever a step does over time must say when it ends.
const STEP_FOR: Key = must("for", Shape::Duration, "How long: a step ends by itself, so add one such as `for: 24h`.");

pub(crate) const LIMIT: &[Key] = &[SCOPE, FOR, FACTOR];
pub(crate) const STEP_LIMIT: &[Key] = &[SCOPE, STEP_FOR, FACTOR];

pub(crate) const LABEL: &[Key] = &[LABEL_CODE, LABEL_TEXT, LABEL_LINK, FOR];
pub(crate) const STEP_LABEL: &[Key] = &[LABEL_CODE, LABEL_TEXT, LABEL_LINK, STEP_FOR];

pub(crate) const NOTICE: &[Key] = &[
    must("to", Shape::OneOf(RECIPIENTS), "Whom."),
    must("code", Shape::Text, "For machines."),
    may("text", Shape::Wording, "For people, in one string or by language."),
];

pub(crate) const REVIEW: &[Key] = &[must("queue", Shape::Text, "The queue, named by the trust team.")];

pub(crate) const TEST: &[Key] = &[
    may("text", Shape::Anything, "The message; empty if absent."),
    may("title", Shape::Anything, "Its title."),
    may("channel", Shape::OneOf(CHANNELS), "Where it is published; the first of the rule's channels if absent."),
    may("lang", Shape::Anything, "Its language, such as zh."),
    may("region", Shape::Anything, "Its region, such as CN-44."),
    may("room", Shape::Anything, "The group that it is said in."),
    may("at", Shape::Time, "When it is published."),
    may("account", Shape::Map(ACCOUNT), "What the platform knows of the account."),
    may("forward", Shape::Flag, "Whether it passes another message on."),
    may("reply", Shape::Flag, "Whether it answers another message."),
    may("minors", Shape::Flag, "Whether minors are among its audience."),
    may("reach", Shape::Integer(0, i64::MAX), "How many people it reaches."),
    may("links", Shape::List(&Shape::Text), "Links that the platform took out of the text."),
    may("media", Shape::List(&Shape::Text), "Texts of its media, such as transcripts."),
    may("given", Shape::Signals, "Signals that are set by hand, such as counters."),
    must("expect", Shape::OneOf(EXPECTATIONS), "What the rule does."),
];

pub(crate) const ACCOUNT: &[Key] = &[
    may("created_at", Shape::Time, "When it was opened."),
    may("verified", Shape::Flag, "Whether the platform has verified who it is."),
    may("authority", Shape::Anything, "The authority that it speaks for."),
    may("followers", Shape::Integer(0, i64::MAX), "How many follow it."),
];

pub(crate) const LADDER: &[Key] = &[
    may("article", Shape::Map(PENALTIES), "The ladder of articles."),
    may("video", Shape::Map(PENALTIES), "The ladder of videos."),
    may("ad", Shape::Map(PENALTIES), "The ladder of adverts."),
    may("post", Shape::Map(PENALTIES), "The ladder of posts."),
    may("group", Shape::Map(PENALTIES), "The ladder of groups."),
];

pub(crate) const PENALTIES: &[Key] = &[
    must("expires", Shape::Duration, "How long a point counts."),
    must("steps", Shape::List(&Shape::Map(STEP)), "What happens at how many points, from few to many."),
];

pub(crate) const STEP: &[Key] = &[
    must("at", Shape::Integer(1, 1_000_000), "The points that are reached."),
    must("do", Shape::List(&Shape::Choice(STEP_ACTION)), "What is done, in order."),
];

/// The channel of that name, which the table above spells out because constants cannot call.
pub(crate) fn channel(name: &str) -> Option<Channel> {
    Channel::from_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channels_are_those_of_the_nouns() {
        let nouns = Channel::ALL.map(Channel::name);
        assert_eq!(CHANNELS, nouns);
        assert!(LADDER.iter().map(|key| key.name).eq(nouns));
    }
}
