//! The short way through an object that is written as nearly all are.
//!
//! serde's reader asks the same questions at every byte of every value. Here one sweep over the line says whether any
//! byte needs care at all; after it, a string ends at the next quote. What is not plain is handed to serde: a string
//! with escapes, a list of media or an unknown key's value alone; anything else in doubt (a mistake, a key twice, a line
//! with tabs) as the whole line. So this reads no line that serde would not, and reads none otherwise: a test compares.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fields::{Fields, Key};
use crate::event::{Account, Audience, Channel, Millis, parse_rfc3339};

/// Reads the object into `fields`, which must be empty. `None` if it takes the long way; `fields` may hold a part then.
pub(super) fn read<'a>(text: &'a str, fields: &mut Fields<'a>) -> Option<()> {
    let mut line = Line::new(text)?;
    line.object(|line, name| {
        let key = Key::from_name(name);
        if key != Key::Other && !fields.see(key) {
            return None;
        }
        line.value(key, fields)
    })?;
    (line.at == text.len()).then_some(())
}

/// Where reading stands in a line.
struct Line<'a> {
    text: &'a str,
    at: usize,
    has_escapes: bool,
}

impl<'a> Line<'a> {
    /// `None` if the line has control characters: blanks such as tabs, or a mistake.
    fn new(text: &'a str) -> Option<Self> {
        let (mut controls, mut escapes) = (0, 0);
        for &byte in text.as_bytes() {
            controls |= u8::from(byte < b' ');
            escapes |= u8::from(byte == b'\\');
        }
        (controls == 0).then_some(Self { text, at: 0, has_escapes: escapes != 0 })
    }

    /// The byte that comes next, blanks apart; 0 at the end, which stands in no such line.
    #[inline]
    fn peek(&mut self) -> u8 {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        let is_there = self.peek() == byte;
        self.at += usize::from(is_there);
        is_there.then_some(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        self.peek();
        let is_there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is_there.then_some(())
    }

    /// A value or `null`.
    #[inline]
    fn or_null<T>(&mut self, value: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.peek() == b'n' { self.word("null").map(|()| None) } else { value(self).map(Some) }
    }

    /// An object with at least one key; `entry` reads the value of each.
    #[inline]
    fn object(&mut self, mut entry: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        loop {
            let name = self.string()?;
            self.expect(b':')?;
            entry(self, &name)?;
            match self.peek() {
                b',' => self.at += 1,
                _ => break,
            }
        }
        self.expect(b'}')?;
        self.peek();
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        if self.has_escapes {
            return self.string_with_escapes(start);
        }
        let length = quote(&self.text.as_bytes()[start..])?;
        self.at = start + length + 1;
        Some(Cow::Borrowed(&self.text[start..start + length]))
    }

    /// The same where a backslash may stand before a quote: its end is found here, its escapes are serde's.
    fn string_with_escapes(&mut self, start: usize) -> Option<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let (mut end, mut is_plain) = (start, true);
        loop {
            end += memchr::memchr2(b'"', b'\\', bytes.get(end..)?)?;
            if bytes[end] == b'"' {
                break;
            }
            (end, is_plain) = (end + 2, false);
        }
        self.at = end + 1;
        if is_plain {
            return Some(Cow::Borrowed(&self.text[start..end]));
        }
        serde_json::from_str(&self.text[start - 1..=end]).ok().map(Cow::Owned)
    }

    /// A number of at most 18 digits.
    #[inline]
    fn whole_number(&mut self) -> Option<u64> {
        let first = self.peek();
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = &self.text.as_bytes()[self.at..self.at + digits];
        self.at += digits;
        let is_plain = (1..=18).contains(&digits) && (first != b'0' || digits == 1);
        let is_whole = matches!(self.peek(), b',' | b'}' | b']');
        (is_plain && is_whole).then(|| number.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
    }

    #[inline]
    fn time(&mut self) -> Option<Millis> {
        if self.peek() == b'"' {
            return parse_rfc3339(&self.string()?);
        }
        self.whole_number().map(|millis| millis as Millis)
    }

    #[inline]
    fn truth(&mut self) -> Option<bool> {
        if self.peek() == b't' { self.word("true").map(|()| true) } else { self.word("false").map(|()| false) }
    }

    fn channel(&mut self) -> Option<Channel> {
        Channel::from_name(&self.string()?)
    }

    fn links(&mut self) -> Option<Vec<Cow<'a, str>>> {
        self.expect(b'[')?;
        let mut links = Vec::new();
        while self.peek() != b']' {
            if !links.is_empty() {
                self.expect(b',')?;
            }
            links.push(self.string()?);
        }
        self.expect(b']')?;
        Some(links)
    }

    fn account(&mut self) -> Option<Account> {
        let (mut account, mut seen) = (Account::default(), [false; 4]);
        self.object(|line, name| {
            let index = ["created_at", "verified", "authority", "followers"].iter().position(|key| *key == name)?;
            if std::mem::replace(&mut seen[index], true) {
                return None;
            }
            match index {
                0 => account.created_at = line.or_null(Self::time)?,
                1 => account.verified = line.or_null(Self::truth)?,
                2 => account.authority = line.or_null(Self::string)?.map(Cow::into_owned),
                _ => account.followers = line.or_null(Self::whole_number)?,
            }
            Some(())
        })?;
        Some(account)
    }

    /// A value as serde reads it.
    fn by_serde<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }

    #[inline]
    fn value(&mut self, key: Key, fields: &mut Fields<'a>) -> Option<()> {
        match key {
            Key::Id => fields.id = self.or_null(Self::string)?,
            Key::Channel => fields.channel = self.or_null(Self::channel)?,
            Key::Author => fields.author = self.or_null(Self::string)?,
            Key::At => fields.at = self.or_null(Self::time)?,
            Key::Room => fields.room = self.or_null(Self::string)?,
            Key::Title => fields.title = self.or_null(Self::string)?,
            Key::Text => fields.text = self.or_null(Self::string)?,
            Key::Lang => fields.lang = self.or_null(Self::string)?,
            Key::Region => fields.region = self.or_null(Self::string)?,
            Key::ForwardOf => fields.forward_of = self.or_null(Self::string)?,
            Key::ReplyTo => fields.reply_to = self.or_null(Self::string)?,
            Key::Links => fields.links = self.or_null(Self::links)?.unwrap_or_default(),
            Key::Media => fields.media = self.by_serde::<Option<_>>()?.unwrap_or_default(),
            Key::Account => fields.account = self.or_null(Self::account)?,
            Key::Audience => fields.audience = self.by_serde::<Option<Audience>>()?,
            Key::Reach => fields.reach = self.or_null(Self::whole_number)?,
            Key::Kind => fields.kind = self.or_null(Self::string)?,
            Key::Event => fields.event = self.or_null(Self::string)?,
            Key::By => fields.by = self.or_null(Self::string)?,
            Key::Outcome => return None,
            Key::Other => drop(self.by_serde::<IgnoredAny>()?),
        }
        Some(())
    }
}

/// Where the first quote stands. Names are short: a call that is ready for long texts comes after the first words only.
#[inline]
fn quote(bytes: &[u8]) -> Option<usize> {
    const WORDS: usize = 3;
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(WORDS).enumerate() {
        let found = quotes(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let start = words.len().min(WORDS) * 8;
    memchr::memchr(b'"', &bytes[start..]).map(|at| start + at)
}

/// The upper bit of every byte that is a quote; above the first one, others may be marked too.
#[inline]
fn quotes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let differences = word ^ (ONES * b'"' as u64);
    differences.wrapping_sub(ONES) & !differences & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the short way was taken; where it was, both ways must have read the same.
    fn is_plain(line: &str) -> bool {
        let (mut short, mut long) = (Fields::default(), Fields::default());
        let is_plain = read(line, &mut short).is_some();
        if is_plain {
            assert_eq!(long.read_by_serde(line), Ok(()), "{line}");
            assert_eq!(short, long, "{line}");
        }
        is_plain
    }

    const ORDINARY: &str = concat!(
        r#"{"id":"e1","channel":"group","author":"李雷","at":"2026-11-22T08:00:00.500+08:00","room":"r1","#,
        r#""title":"a\"b","text":"你好\n世界","lang":null,"region":"CN-44","forward_of":"e0", "reply_to": "e2" ,"#,
        r#""links":["https://example.org/","a\/b"],"media":[{"kind":"image","text":"t","x":1}],"#,
        r#""account":{"created_at":1500000000000,"verified":true,"authority":"who.int","followers":7},"#,
        r#""audience":{"minors":true},"reach":12,"unknown":{"a":[1,2.5,{"b":null}]}}"#
    );

    #[test]
    fn what_is_ordinary_takes_the_short_way() {
        assert!(is_plain(ORDINARY));
        assert!(is_plain(r#"{"kind":"erase","author":"a","at":1700000000000} "#));
        assert!(is_plain(r#"{"id":"e","channel":"post","author":"a","at":"2020-01-01T00:00:00Z","text":""}"#));
    }

    #[test]
    fn what_is_not_takes_the_long_way() {
        let lines = [
            "",
            "{}",
            "[]",
            "null",
            r#"{"id":"a""#,
            r#"{"id":"a",}"#,
            r#"{"id":"a"} x"#,
            r#"{"id":"a"}}"#,
            r#"{"id":"a","id":"a"}"#,
            r#"{"id":5}"#,
            r#"{"id":"\x"}"#,
            r#"{"id":"\ud800"}"#,
            r#"{"id":"a\"}"#,
            "{\"id\":\"a\tb\"}",
            "{\t\"id\":\"a\"}",
            r#"{"reach":01}"#,
            r#"{"reach":1.0}"#,
            r#"{"reach":-1}"#,
            r#"{"reach":1 2}"#,
            r#"{"reach":9999999999999999999}"#,
            r#"{"channel":"x"}"#,
            r#"{"at":"gestern"}"#,
            r#"{"account":{}}"#,
            r#"{"account":{"verified":true,"verified":true}}"#,
            r#"{"account":{"age":1}}"#,
            r#"{"links":["a",]}"#,
            r#"{"links":["a" "b"]}"#,
            r#"{"links":[,"a"]}"#,
            r#"{"text":nul}"#,
            r#"{"x":tru}"#,
            r#"{"media":[{"kind":1}]}"#,
            r#"{"outcome":"upheld"}"#,
            r#"{"id" "a"}"#,
            r#"{"id":}"#,
        ];
        for line in lines {
            assert!(!is_plain(line), "{line}");
        }
    }

    const NAMES: [&str; 16] = [
        "id", "channel", "author", "at", "text", "links", "account", "reach", "kind", "media", "audience", "title",
        "x", "\\u0069d", "room", "",
    ];
    const VALUES: [&str; 26] = [
        "\"a\"",
        "\"post\"",
        "\"\"",
        "null",
        "5",
        "05",
        "-5",
        "-0",
        "0",
        "5.5",
        "5e3",
        "true",
        "false",
        "[]",
        "{}",
        "[\"a\",\"b\"]",
        "[\"a\" , null]",
        "{\"verified\":false, \"followers\":3}",
        "{\"minors\":true}",
        "\"\\n\"",
        "\"2020-02-30T00:00:00Z\"",
        "\"2020-02-29T00:00:00Z\"",
        "123456789012345678",
        "1234567890123456789",
        "[{\"kind\":\"image\",\"text\":\"t\"}]",
        "\"\\u00e9\\\\\"",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Objects put together of right and wrong pieces.
        #[test]
        fn pieces_are_read_alike(
            entries in prop::collection::vec((0..NAMES.len(), 0..VALUES.len(), 0..12_usize), 1..5),
        ) {
            let mut line = String::from("{");
            for (name, value, after) in entries {
                let after = [",", ", ", " ,", ",", ",", ",", "}", "} ", " }", "}", "}", ""][after];
                line += &format!("\"{}\":{}{after}", NAMES[name], VALUES[value]);
            }
            is_plain(&line);
            is_plain(&(line + "\"id\":\"last\"}"));
        }

        #[test]
        fn mutated_lines_are_read_alike(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..128_u8, 0..4_u8), 1..4),
        ) {
            let mut line: Vec<char> = ORDINARY.chars().collect();
            for (index, byte, kind) in edits {
                let at = index.index(line.len().max(1));
                match kind {
                    _ if line.is_empty() => line.push(char::from(byte)),
                    0 => line[at] = char::from(byte),
                    1 => line.insert(at, char::from(byte)),
                    2 => drop(line.remove(at)),
                    _ => line.truncate(at + 1),
                }
            }
            is_plain(&line.into_iter().collect::<String>());
        }

        #[test]
        fn a_quote_is_found_wherever_it_stands(mut bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0..60_usize) {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = b'"';
            }
            prop_assert_eq!(quote(&bytes), bytes.iter().position(|byte| *byte == b'"'));
        }
    }
}
