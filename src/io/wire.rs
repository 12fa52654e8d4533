//! Bytes to records: one pass over the JSON, strings borrowed where it has no escapes, and every bound checked here,
//! so that nobody behind this door has to.
//!
//! Unknown keys are passed over, `null` is the same as absent, a key may stand only once. An empty text is an event
//! like any other (a picture, a bare forward). What breaks a rule is a [`Fault`] that names key, bound and value.

mod fields;

use std::borrow::Cow;

use self::fields::{Fields, Key};
use super::source::Fault;
use crate::decision::Decision;
use crate::event::{Account, Channel, Erase, Event, Media, Millis, Record, Relay, Verdict, rfc3339};
use crate::problem::nearest;

/// Every code that a [`Fault`] may carry, with what it means.
pub const CODES: [(&str, &str); 9] = [
    (BAD_UTF8, "the bytes are not UTF-8"),
    (BAD_JSON, "the text is not one JSON object"),
    (MISSING_FIELD, "a required key is absent or null"),
    (DUPLICATE_FIELD, "a key stands twice"),
    (BAD_VALUE, "a value is of the wrong type or not one of the known ones"),
    (OUT_OF_BOUNDS, "a value is too long, too short or too large"),
    (BAD_TIME, "a time lies outside of what can be taken"),
    (LINE_TOO_LONG, "the line is longer than line_bytes_max"),
    (BAD_REJECT, "a line of a rejects file that is not a reject"),
];

pub(crate) const BAD_UTF8: &str = "bad_utf8";
pub(crate) const BAD_JSON: &str = "bad_json";
pub(crate) const MISSING_FIELD: &str = "missing_field";
pub(crate) const DUPLICATE_FIELD: &str = "duplicate_field";
pub(crate) const BAD_VALUE: &str = "bad_value";
pub(crate) const OUT_OF_BOUNDS: &str = "out_of_bounds";
pub(crate) const BAD_TIME: &str = "bad_time";
pub(crate) const LINE_TOO_LONG: &str = "line_too_long";
pub(crate) const BAD_REJECT: &str = "bad_reject";

/// How long, how many, how early and how late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `id`, `forward_of`, `reply_to`, a verdict's `event`.
    pub id_bytes_max: usize,
    /// `author`, a verdict's `by`, `account.authority`.
    pub author_bytes_max: usize,
    /// `room`
    pub room_bytes_max: usize,
    /// `title`
    pub title_bytes_max: usize,
    /// `text` of every channel but articles.
    pub text_bytes_max: usize,
    /// `text` of articles.
    pub article_text_bytes_max: usize,
    /// `lang`, `region`
    pub hint_bytes_max: usize,
    /// How many `links`.
    pub links_max: usize,
    /// Each of them.
    pub link_bytes_max: usize,
    /// How many `media`; spans can name no more than 256.
    pub media_max: usize,
    /// `media[n].text`
    pub media_text_bytes_max: usize,
    /// `media[n].kind`, `.alg` and `.hash`
    pub media_hash_bytes_max: usize,
    /// The earliest `at`.
    pub at_min: Millis,
    /// How far `at` may lie after the clock.
    pub future_ms_max: Millis,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            id_bytes_max: 256,
            author_bytes_max: 256,
            room_bytes_max: 256,
            title_bytes_max: 4 << 10,
            text_bytes_max: 64 << 10,
            article_text_bytes_max: 1 << 20,
            hint_bytes_max: 64,
            links_max: 256,
            link_bytes_max: 8 << 10,
            media_max: 64,
            media_text_bytes_max: 64 << 10,
            media_hash_bytes_max: 1 << 10,
            at_min: 946_684_800_000, // 2000-01-01T00:00:00Z
            future_ms_max: 24 * 3_600_000,
        }
    }
}

/// Reads one record. `now` is the clock's time, against which times in the future are judged.
///
/// # Errors
/// A [`Fault`] with one of [`CODES`].
pub fn parse<'a>(bytes: &'a [u8], bounds: &Bounds, now: Millis) -> Result<Record<'a>, Fault> {
    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| bad_utf8(bytes))?;
    let mut fields = Fields::default();
    fields.read(text)?;
    let at_max = now.saturating_add(bounds.future_ms_max);
    Door { bounds, at_max }.record(&mut fields)
}

fn bad_utf8(bytes: &[u8]) -> Fault {
    let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
    Fault::new(BAD_UTF8, format!("byte {at} (0x{:02x}) is not UTF-8", bytes[at]))
}

/// Appends a decision as one line of JSON.
///
/// # Panics
/// Never: a decision has no map with keys that JSON cannot write.
pub fn write_decision(decision: &Decision, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, decision).expect("a decision is plain data and a buffer takes all");
    out.push(b'\n');
}

/// What the line of a relay begins with: no decision does.
pub(crate) const RELAY: &[u8] = b"{\"relay\":";

/// Appends what other lanes are to be told as one line of JSON.
///
/// # Panics
/// Never: a relay is plain data.
pub(crate) fn write_relay(relay: &Relay, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, relay).expect("a relay is plain data and a buffer takes all");
    out.push(b'\n');
}

/// Reads what another lane of the stage wrote. It was checked at that lane's door.
///
/// # Errors
/// A [`Fault`] with one of [`CODES`].
pub(crate) fn parse_relay(bytes: &[u8]) -> Result<Relay, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::new(BAD_JSON, format!("it is no relay: {error}")))
}

/// Checks what was read.
struct Door<'b> {
    bounds: &'b Bounds,
    at_max: Millis,
}

type Text<'a> = Option<Cow<'a, str>>;

impl Door<'_> {
    #[inline]
    fn record<'a>(&self, fields: &mut Fields<'a>) -> Result<Record<'a>, Fault> {
        match fields.kind.take().as_deref() {
            None | Some("event") => self.event(fields),
            Some("verdict") => self.verdict(fields).map(Record::Verdict),
            Some("erase") => self.erase(fields).map(Record::Erase),
            Some(other) => Err(unknown(Key::Kind, other, &["event", "verdict", "erase"])),
        }
    }

    /// Builds the record where it will stay: it is too large to be moved about.
    #[inline]
    fn event<'a>(&self, fields: &mut Fields<'a>) -> Result<Record<'a>, Fault> {
        let bounds = self.bounds;
        let channel = required(Key::Channel, fields.channel)?;
        let text_max = if channel == Channel::Article { bounds.article_text_bytes_max } else { bounds.text_bytes_max };
        Ok(Record::Event(Event {
            id: name(Key::Id, fields.id.take(), bounds.id_bytes_max)?,
            channel,
            author: name(Key::Author, fields.author.take(), bounds.author_bytes_max)?,
            at: self.time(Key::At, required(Key::At, fields.at)?)?,
            room: self.room(fields.room.take(), channel)?,
            title: optional(Key::Title, fields.title.take(), bounds.title_bytes_max)?,
            text: short(Key::Text, required(Key::Text, fields.text.take())?, text_max)?,
            lang: optional(Key::Lang, fields.lang.take(), bounds.hint_bytes_max)?,
            region: optional(Key::Region, fields.region.take(), bounds.hint_bytes_max)?,
            forward_of: optional(Key::ForwardOf, fields.forward_of.take(), bounds.id_bytes_max)?,
            reply_to: optional(Key::ReplyTo, fields.reply_to.take(), bounds.id_bytes_max)?,
            links: self.links(std::mem::take(&mut fields.links))?,
            media: self.media(std::mem::take(&mut fields.media))?,
            account: fields.account.take().map(|account| self.account(account)).transpose()?,
            audience: fields.audience,
            reach: fields.reach.map(|reach| count("reach", reach)).transpose()?,
        }))
    }

    fn verdict(&self, fields: &mut Fields<'_>) -> Result<Verdict, Fault> {
        Ok(Verdict {
            event: name(Key::Event, fields.event.take(), self.bounds.id_bytes_max)?.into_owned(),
            outcome: required(Key::Outcome, fields.outcome)?,
            by: name(Key::By, fields.by.take(), self.bounds.author_bytes_max)?.into_owned(),
            at: self.time(Key::At, required(Key::At, fields.at)?)?,
        })
    }

    fn erase(&self, fields: &mut Fields<'_>) -> Result<Erase, Fault> {
        Ok(Erase {
            author: name(Key::Author, fields.author.take(), self.bounds.author_bytes_max)?.into_owned(),
            at: self.time(Key::At, required(Key::At, fields.at)?)?,
        })
    }

    fn room<'a>(&self, room: Text<'a>, channel: Channel) -> Result<Text<'a>, Fault> {
        if room.is_none() && channel != Channel::Group {
            return Ok(None);
        }
        match name(Key::Room, room, self.bounds.room_bytes_max) {
            Err(fault) if fault.code == MISSING_FIELD => {
                Err(Fault::new(MISSING_FIELD, "room is missing: channel group requires it"))
            }
            room => room.map(Some),
        }
    }

    #[inline]
    fn time(&self, key: Key, at: Millis) -> Result<Millis, Fault> {
        let in_time = (self.bounds.at_min..=self.at_max).contains(&at);
        if in_time { Ok(at) } else { Err(self.out_of_time(key, at)) }
    }

    #[cold]
    fn out_of_time(&self, key: Key, at: Millis) -> Fault {
        let (side, bound) = match at < self.bounds.at_min {
            true => ("before at_min", self.bounds.at_min),
            false => ("after the clock plus future_ms_max", self.at_max),
        };
        let (key, at, bound) = (key.name(), rfc3339(at), rfc3339(bound));
        Fault::new(BAD_TIME, format!("{key} is {at}, {side} ({bound})"))
    }

    fn links<'a>(&self, links: Vec<Cow<'a, str>>) -> Result<Vec<Cow<'a, str>>, Fault> {
        few("links", links.len(), self.bounds.links_max)?;
        links.iter().try_for_each(|link| fits("a link", link, self.bounds.link_bytes_max))?;
        Ok(links)
    }

    fn media(&self, media: Vec<Media>) -> Result<Vec<Media>, Fault> {
        few("media", media.len(), self.bounds.media_max)?;
        let hash_max = self.bounds.media_hash_bytes_max;
        let all = |value: &Option<String>, what, max| value.as_deref().map_or(Ok(()), |text| fits(what, text, max));
        for one in &media {
            fits("media kind", &one.kind, hash_max)?;
            all(&one.alg, "media alg", hash_max)?;
            all(&one.hash, "media hash", hash_max)?;
            all(&one.text, "media text", self.bounds.media_text_bytes_max)?;
        }
        Ok(media)
    }

    /// Accounts may be older than the stream, but neither older than the epoch nor of the future: ages are computed
    /// from these times and must not overflow.
    fn account(&self, account: Account) -> Result<Account, Fault> {
        account.followers.map_or(Ok(0), |followers| count("account.followers", followers))?;
        if let Some(authority) = &account.authority {
            fits("account.authority", authority, self.bounds.author_bytes_max)?;
        }
        match account.created_at {
            Some(at) if !(0..=self.at_max).contains(&at) => {
                let (at, max) = (rfc3339(at), rfc3339(self.at_max));
                Err(Fault::new(BAD_TIME, format!("account.created_at is {at}, outside of 1970 to {max}")))
            }
            _ => Ok(account),
        }
    }
}

#[inline]
fn required<T>(key: Key, value: Option<T>) -> Result<T, Fault> {
    value.ok_or_else(|| missing(key))
}

#[cold]
fn missing(key: Key) -> Fault {
    Fault::new(MISSING_FIELD, format!("{} is missing", key.name()))
}

/// A required text that must not be empty either.
fn name<'a>(key: Key, value: Text<'a>, bytes_max: usize) -> Result<Cow<'a, str>, Fault> {
    let value = required(key, value)?;
    if value.is_empty() {
        return Err(Fault::new(OUT_OF_BOUNDS, format!("{} is empty", key.name())));
    }
    short(key, value, bytes_max)
}

#[inline]
fn optional<'a>(key: Key, value: Text<'a>, bytes_max: usize) -> Result<Text<'a>, Fault> {
    value.map(|value| short(key, value, bytes_max)).transpose()
}

#[inline]
fn short<'a>(key: Key, value: Cow<'a, str>, bytes_max: usize) -> Result<Cow<'a, str>, Fault> {
    fits(key.name(), &value, bytes_max)?;
    Ok(value)
}

#[inline]
fn fits(what: &str, value: &str, bytes_max: usize) -> Result<(), Fault> {
    if value.len() <= bytes_max { Ok(()) } else { Err(too_long(what, value.len(), bytes_max)) }
}

#[cold]
fn too_long(what: &str, bytes: usize, bytes_max: usize) -> Fault {
    Fault::new(OUT_OF_BOUNDS, format!("{what} has {bytes} bytes; at most {bytes_max} are taken"))
}

fn few(what: &str, number: usize, max: usize) -> Result<(), Fault> {
    if number <= max {
        return Ok(());
    }
    Err(Fault::new(OUT_OF_BOUNDS, format!("{what} has {number} entries; at most {max} are taken")))
}

/// Rules count in 64 signed bits.
fn count(what: &str, value: u64) -> Result<u64, Fault> {
    if i64::try_from(value).is_ok() {
        return Ok(value);
    }
    Err(Fault::new(OUT_OF_BOUNDS, format!("{what} is {value}; at most {} is taken", i64::MAX)))
}

/// A name that is not one of the known ones.
fn unknown(key: Key, value: &str, known: &[&str]) -> Fault {
    let shown: String = value.chars().take(40).collect();
    let key = key.name();
    let message = match nearest(&shown, known.iter().copied()) {
        Some(near) => format!("unknown {key} \"{shown}\" (did you mean {near}?)"),
        None => format!("unknown {key} \"{shown}\" (known: {})", known.join(", ")),
    };
    Fault::new(BAD_VALUE, message)
}
