//! The first noun: what happened. One [`Event`] is one message; a [`Record`] is anything that the stream may carry.
//!
//! Fields, bounds and meanings are the data contract of `docs/events.md`. Parsing and bounds live in `io::wire`;
//! here are only the types and their published form.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, UTC. Every window in the product is measured in these: event time, never the clock.
pub type Millis = i64;

/// Where a message was published. Rules, ladders and bounds are per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A long text with an author's name on it: originality matters here.
    Article,
    /// A video; its title, description, transcript and on-screen text are what is read.
    Video,
    /// An advert, held to the rules of advertising.
    Ad,
    /// A public post, comment or repost.
    Post,
    /// A message in a group (`room` says which).
    Group,
}

impl Channel {
    /// All channels, in the order in which tables show them.
    pub const ALL: [Self; 5] = [Self::Article, Self::Video, Self::Ad, Self::Post, Self::Group];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Video => "video",
            Self::Ad => "ad",
            Self::Post => "post",
            Self::Group => "group",
        }
    }

    /// The channel of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One message. Strings borrow from the bytes that they were parsed from wherever JSON escapes allow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event<'a> {
    /// The idempotency key, 1–256 bytes: an id seen before is not decided again.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Where it was published.
    pub channel: Channel,
    /// Who published it; a keyed pseudonym where the configuration says so.
    #[serde(borrow)]
    pub author: Cow<'a, str>,
    /// When it was published: RFC 3339 or epoch milliseconds.
    #[serde(with = "rfc3339_or_millis")]
    #[schemars(with = "At")]
    pub at: Millis,
    /// The group that it was said in; required for channel `group`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Cow<'a, str>>,
    /// The title, if it has one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// The text itself.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// A hint of the language (BCP 47), such as `zh` or `en`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Cow<'a, str>>,
    /// A hint of the region (ISO 3166), such as `CN-44`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Cow<'a, str>>,
    /// The event that this one passes on.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub forward_of: Option<Cow<'a, str>>,
    /// The event that this one answers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Cow<'a, str>>,
    /// Links that the platform already took out of the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Cow<'a, str>>,
    /// Media attached to it; their `text` is read like the message's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// What the platform knows of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Who will see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// How many people it has reached or will reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<u64>,
}

impl Event<'_> {
    /// A copy that owns its strings.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        let own = |s: Cow<'_, str>| Cow::Owned(s.into_owned());
        Event {
            id: own(self.id),
            channel: self.channel,
            author: own(self.author),
            at: self.at,
            room: self.room.map(own),
            title: self.title.map(own),
            text: own(self.text),
            lang: self.lang.map(own),
            region: self.region.map(own),
            forward_of: self.forward_of.map(own),
            reply_to: self.reply_to.map(own),
            links: self.links.into_iter().map(own).collect(),
            media: self.media,
            account: self.account,
            audience: self.audience,
            reach: self.reach,
        }
    }
}

/// A picture, sound or film attached to a message, as hashes and as the text found in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Media {
    /// `image`, `video`, `audio`, …
    #[serde(deserialize_with = "null_as_default")]
    pub kind: String,
    /// The algorithm of `hash`, such as `pdq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The perceptual hash, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// A transcript or the text recognised in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the platform knows of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Account {
    /// When it was opened: RFC 3339 or epoch milliseconds.
    #[serde(with = "rfc3339_or_millis_option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<At>")]
    pub created_at: Option<Millis>,
    /// Whether the platform has verified who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// The authority that it speaks for, such as `gov.cn` or `who.int`; rules protect the configured ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// How many follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
}

/// Who will see a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audience {
    /// Whether minors are among them.
    #[serde(deserialize_with = "null_as_default")]
    pub minors: bool,
}

/// A reviewer's word on an earlier decision, or the outcome of an appeal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The event that was decided on.
    pub event: String,
    /// Whether the decision stands.
    pub outcome: Outcome,
    /// Who says so.
    pub by: String,
    /// When: RFC 3339 or epoch milliseconds.
    #[serde(with = "rfc3339_or_millis")]
    #[schemars(with = "At")]
    pub at: Millis,
}

/// Whether a decision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It stands.
    Upheld,
    /// It is undone: strikes are taken back and a `restore` goes out.
    Overturned,
}

/// A request to forget an author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erase {
    /// Who is to be forgotten, as the platform names them.
    pub author: String,
    /// When it was asked: RFC 3339 or epoch milliseconds.
    #[serde(with = "rfc3339_or_millis")]
    #[schemars(with = "At")]
    pub at: Millis,
}

/// Anything that the stream may carry.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every record is an event; a box would cost each of them an allocation"
)]
pub enum Record<'a> {
    /// A message; the only record without a `kind`.
    Event(Event<'a>),
    /// `{"kind":"verdict", …}`
    Verdict(Verdict),
    /// `{"kind":"erase", …}`
    Erase(Erase),
}

impl Record<'_> {
    /// The event time of any record.
    #[must_use]
    pub fn at(&self) -> Millis {
        match self {
            Self::Event(event) => event.at,
            Self::Verdict(verdict) => verdict.at,
            Self::Erase(erase) => erase.at,
        }
    }
}

/// What the lanes of a stage tell one another, where an author's messages are spread over them and one keeps the author's
/// standing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "relay", rename_all = "snake_case")]
pub enum Relay {
    /// A message struck; the lane that keeps its author's standing adds it up.
    Strike {
        /// The message.
        event: String,
        /// Its channel.
        channel: Channel,
        /// Its author.
        author: String,
        /// Its room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// Its language, for the text of labels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lang: Option<String>,
        /// With how many points.
        points: u32,
        /// Event time of the message.
        at: Millis,
    },
    /// A message that struck was overturned.
    Revoke {
        /// The message.
        event: String,
        /// Its channel.
        channel: Channel,
        /// Its author.
        author: String,
        /// Its room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<String>,
        /// Who says so.
        by: String,
        /// When.
        at: Millis,
    },
    /// Every lane forgets an author.
    Forget {
        /// Who.
        author: String,
        /// When it was asked.
        at: Millis,
    },
    /// Texts that the lane entered among those that later ones are compared with, as it stores them.
    Entered {
        /// One record after the other, each behind its length.
        #[serde(with = "in_base64")]
        records: Vec<u8>,
    },
    /// Messages that joined clusters of near-duplicates: the cluster as every lane calls it, event time, and the author as 32 bits
    /// of a keyed hash.
    Joined {
        /// In the order of the lane's input.
        members: Vec<(u64, Millis, u32)>,
    },
    /// How an author stands, for everybody; nothing is held against one without strikes and steps.
    Standing {
        /// Who.
        author: String,
        /// Event time of what changed it.
        at: Millis,
        /// What counts until it expires.
        strikes: Vec<StandingStrike>,
        /// Steps of ladders that were taken.
        steps: Vec<StandingStep>,
    },
}

/// Bytes in a line of text.
mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// A strike, as everybody is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingStrike {
    /// Where it counts.
    pub channel: Channel,
    /// How much.
    pub points: u32,
    /// From then on it counts no more.
    pub expires_at: Millis,
}

/// A step of a ladder, as everybody is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingStep {
    /// Of which ladder.
    pub channel: Channel,
    /// The points at which it stands there.
    pub at_points: u32,
    /// When the last of what it did ends; absent where nothing of it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

/// Platforms write `null` for what they do not know: it is the same as absent, inside objects too.
fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(d).map(Option::unwrap_or_default)
}

/// The two ways to write a time: what the schemas show.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum At {
    /// RFC 3339, such as `2026-11-23T08:00:00Z`.
    Rfc3339(String),
    /// Milliseconds since the Unix epoch.
    Millis(i64),
}

/// Reads RFC 3339.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Millis> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// Writes RFC 3339 in UTC, or the bare number where the calendar has no such day.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |t| t.to_string())
}

/// RFC 3339 or epoch milliseconds in, RFC 3339 out.
pub(crate) mod rfc3339_or_millis {
    use super::{Deserializer, Millis, Serializer, fmt, parse_rfc3339};
    use serde::de::{self, Visitor};

    pub(crate) struct AtVisitor;

    impl Visitor<'_> for AtVisitor {
        type Value = Millis;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time: RFC 3339 such as 2026-11-23T08:00:00Z, or epoch milliseconds")
        }

        fn visit_str<E: de::Error>(self, v: &str) -> Result<Millis, E> {
            parse_rfc3339(v).ok_or_else(|| E::invalid_value(de::Unexpected::Str(v), &self))
        }

        fn visit_i64<E: de::Error>(self, v: i64) -> Result<Millis, E> {
            Ok(v)
        }

        fn visit_u64<E: de::Error>(self, v: u64) -> Result<Millis, E> {
            i64::try_from(v).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(v), &self))
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(at: &Millis, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::rfc3339(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Millis, D::Error> {
        d.deserialize_any(AtVisitor)
    }
}

/// The same, where there may be none.
pub(crate) mod rfc3339_or_millis_option {
    use super::{Deserialize, Deserializer, Millis, Serializer, rfc3339_or_millis};

    #[allow(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<Millis>, s: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => rfc3339_or_millis::serialize(at, s),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Millis>, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped(#[serde(with = "rfc3339_or_millis")] Millis);
        Option::<Wrapped>::deserialize(d).map(|wrapped| wrapped.map(|Wrapped(at)| at))
    }
}
