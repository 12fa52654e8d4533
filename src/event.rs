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
    plain_rfc3339(text.as_bytes()).or_else(|| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond))
}

/// `2026-11-23T08:00:00[.123](Z|+08:00)` of 1970 and after, which nearly every time is: a tenth of the work of a reader of
/// every form. What it does not know is left to that reader.
fn plain_rfc3339(text: &[u8]) -> Option<Millis> {
    let (date, rest) = text.split_first_chunk::<19>()?;
    let two = |at: usize| number(&date[at..at + 2]);
    let (year, month, day) = (number(&date[..4])?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let is_date = [date[4], date[7], date[10], date[13], date[16]] == *b"--T::";
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = 30 + (month + month / 8) % 2 - if month == 2 { 2 - i64::from(is_leap) } else { 0 };
    let in_calendar = year >= 1970 && (1..=12).contains(&month) && (1..=month_days).contains(&day);
    if !(is_date && in_calendar && hour < 24 && minute < 60 && second < 60) {
        return None;
    }
    let (millis, zone) = match rest {
        [b'.', millis @ .., b'Z'] if millis.len() == 3 => (number(millis)?, &b"Z"[..]),
        [b'.', a, b, c, zone @ ..] if zone.len() == 6 => (number(&[*a, *b, *c])?, zone),
        zone => (0, zone),
    };
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds - offset_seconds(zone)?) * 1000 + millis)
}

/// `Z`, `+08:00`
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        b"Z" => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        [b'-', h1, h2, b':', m1, m2] => (-1, number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Years are counted from March, so that the leap day is their last (Hinnant, "chrono-compatible low-level date
/// algorithms", 2013).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_jiff(text: &str) -> Option<Millis> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Right and wrong dates, times and zones in the forms that are read here.
        #[test]
        fn a_plain_time_is_the_one_of_the_calendar(
            (year, month, day) in (1960..2110_u32, 0..14_u32, 0..33_u32),
            (hour, minute, second) in (0..26_u32, 0..62_u32, 0..62_u32),
            millis in prop::option::of(0..1000_u32),
            zone in "Z|[+-][0-2][0-9]:[0-6][0-9]|z|",
        ) {
            let millis = millis.map_or_else(String::new, |millis| format!(".{millis:03}"));
            let text = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{millis}{zone}");
            if let Some(at) = plain_rfc3339(text.as_bytes()) {
                prop_assert_eq!(Some(at), by_jiff(&text), "{}", text);
            }
        }

        #[test]
        fn any_time_is_written_as_it_is_read(at in 0..253_402_300_799_999_i64, byte: u8, place in 0..20_usize) {
            let text = rfc3339(at);
            prop_assert_eq!(parse_rfc3339(&text), Some(at));
            let mut bytes = text.into_bytes();
            bytes[place] = byte;
            if let Some(at) = plain_rfc3339(&bytes) {
                prop_assert_eq!(Some(at), by_jiff(str::from_utf8(&bytes).unwrap()));
            }
        }
    }

    #[test]
    fn every_day_is_read_the_short_way() {
        for day in 0..60_000_i64 {
            let text = rfc3339(day * 86_400_000 + 1000);
            assert_eq!(plain_rfc3339(text.as_bytes()), Some(day * 86_400_000 + 1000), "{text}");
        }
    }
}
