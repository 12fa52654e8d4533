//! What `tidegate near` reads and writes: an object a line.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::cli::line::{missing, object};
use crate::event::{Millis, rfc3339_or_millis_option};
use crate::io::wire::{BAD_TIME, OUT_OF_BOUNDS};
use crate::io::{Fault, Raw};

/// Bytes of `id` and of `author`.
const NAME_BYTES_MAX: usize = 256;

/// Times are kept in whole seconds of 32 bits.
const AT_MAX: Millis = u32::MAX as Millis * 1000;

/// A text on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) text: Cow<'a, str>,
    pub(super) at: Option<Millis>,
    pub(super) author: Option<Cow<'a, str>>,
}

/// Whatever else stands in the object is passed over.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    id: Option<Id<'a>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(default, with = "rfc3339_or_millis_option")]
    at: Option<Millis>,
    #[serde(borrow)]
    author: Option<Id<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or a whole number was expected")]
enum Id<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(i64),
}

impl<'a> Line<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub(super) fn read(raw: &Raw<'a>) -> Result<Self, Fault> {
        let object: Object<'a> = object(raw)?;
        let id = object.id.ok_or_else(|| missing("id"))?.name("id")?;
        let text = object.text.ok_or_else(|| missing("text"))?;
        let at = object.at.map(checked).transpose()?;
        let author = object.author.map(|author| author.name("author")).transpose()?;
        Ok(Self { id, text, at, author })
    }
}

impl<'a> Id<'a> {
    fn name(self, key: &str) -> Result<Cow<'a, str>, Fault> {
        let name = match self {
            Self::Text(name) => name,
            Self::Number(number) => number.to_string().into(),
        };
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            let message = format!("`{key}` has {} bytes; 1 to {NAME_BYTES_MAX} can be taken", name.len());
            return Err(Fault::new(OUT_OF_BOUNDS, message));
        }
        Ok(name)
    }
}

fn checked(at: Millis) -> Result<Millis, Fault> {
    if (0..=AT_MAX).contains(&at) {
        Ok(at)
    } else {
        Err(Fault::new(BAD_TIME, format!("`at` is {at} ms; times of 1970 to 2106 can be taken")))
    }
}

/// What a text was found to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Found<'a> {
    pub(super) id: &'a str,
    /// The id of the cluster's first member: its own where it is that.
    pub(super) cluster: &'a str,
    /// Shared grams by all grams of the text and of the first member, in steps of a ten-thousandth; 0 for a first one.
    pub(super) similarity: f64,
    /// Whether nothing that is still kept is like it, or it is too short to say.
    pub(super) first: bool,
}

/// In steps of a ten-thousandth.
pub(super) fn rounded(similarity: f32) -> f64 {
    (f64::from(similarity) * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::wire::{BAD_JSON, BAD_UTF8, BAD_VALUE, MISSING_FIELD};
    use crate::io::{Offset, Place};

    fn read(bytes: &[u8]) -> Result<Line<'_>, Fault> {
        let offset = Offset { source: "test", place: Place::Line { line: 1, byte: 0 } };
        Line::read(&Raw { bytes, bytes_total: bytes.len() as u64, offset, fault: None })
    }

    #[test]
    fn what_is_given_is_taken() {
        let line = read(br#"{"id":"a","text":"one","at":"1970-01-01T00:00:02Z","author":7,"likes":3}"#).unwrap();
        let expected = Line { id: "a".into(), text: "one".into(), at: Some(2000), author: Some("7".into()) };
        assert_eq!(line, expected);
        let line = read(br#"{"text":"","id":12,"at":5,"author":null}"#).unwrap();
        assert_eq!(line, Line { id: "12".into(), text: "".into(), at: Some(5), author: None });
    }

    #[test]
    fn what_cannot_be_taken_is_told_by_its_code() {
        let cases: [(&[u8], &str); 13] = [
            (b"", BAD_JSON),
            (b"not json", BAD_JSON),
            (b"{\"id\":\"a\",\"text\":", BAD_JSON),
            (b"{\"id\":\"a\",\"text\":\"\xff\"}", BAD_UTF8),
            (b"[1]", BAD_JSON),
            (b"{}", MISSING_FIELD),
            (br#"{"text":"one"}"#, MISSING_FIELD),
            (br#"{"id":"a","text":null}"#, MISSING_FIELD),
            (br#"{"id":1.5,"text":"one"}"#, BAD_VALUE),
            (br#"{"id":"a","text":1}"#, BAD_VALUE),
            (br#"{"id":"","text":"one"}"#, OUT_OF_BOUNDS),
            (br#"{"id":"a","text":"one","at":"today"}"#, BAD_VALUE),
            (br#"{"id":"a","text":"one","at":-1}"#, BAD_TIME),
        ];
        for (line, code) in cases {
            assert_eq!(read(line).unwrap_err().code, code, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn shares_are_rounded() {
        assert_eq!(rounded(1.0 / 3.0), 0.3333);
        assert_eq!(rounded(1.0), 1.0);
    }
}
