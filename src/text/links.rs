//! Links, mentions and hashtags in a folded text.

use super::fold::Folded;
use super::table::{Kind, is_white_space};

/// How far apart the two `#` of a topic may stand, in units.
const TOPIC_UNITS_MAX: usize = 64;
/// Letters of the longest top-level domain below.
const TOP_LEVEL_UNITS_MAX: usize = 6;
const LABEL: Kind = Kind::LATIN.with(Kind::DIGIT);

/// Top-level domains under which bare domains are counted as links: the large generic ones and those of countries and fields
/// that links in messages use. Short words that end sentences in chat (`so`, `is`, `it`) are left out.
const TOP_LEVEL: [&str; 44] = [
    "ai", "app", "biz", "cc", "club", "cn", "co", "com", "de", "dev", "edu", "eu", "fr", "fun", "gg", "gov", "hk",
    "icu", "info", "io", "jp", "kr", "link", "live", "ltd", "ly", "mobi", "net", "online", "org", "pro", "ru", "shop",
    "site", "store", "tk", "top", "tv", "tw", "uk", "vip", "work", "wang", "xyz",
];

/// What was counted.
#[derive(Default)]
pub(super) struct Markup {
    pub(super) links: usize,
    pub(super) mentions: usize,
    pub(super) hashtags: usize,
}

/// Counts in one pass over the marks; what a link or a topic covers is not looked at again.
pub(super) fn count(folded: &Folded) -> Markup {
    let mut markup = Markup::default();
    let text = Text { units: folded.units(), kinds: folded.kinds() };
    let mut resume = 0;
    for (at, kind) in text.kinds.iter().enumerate() {
        if at < resume || !kind.is(Kind::MARKUP) {
            continue;
        }
        resume = match char::from_u32(text.units[at]) {
            Some(':') => text.link_after_scheme(at).inspect(|_| markup.links += 1),
            Some('.') => text.link_around_dot(at, resume).inspect(|_| markup.links += 1),
            Some('@') => text.mention(at, &mut markup.mentions),
            _ => text.hashtag(at).inspect(|_| markup.hashtags += 1),
        }
        .unwrap_or(at + 1);
    }
    markup
}

struct Text<'a> {
    units: &'a [u32],
    kinds: &'a [Kind],
}

impl Text<'_> {
    fn kind(&self, at: usize) -> Kind {
        self.kinds.get(at).copied().unwrap_or(Kind::NONE)
    }

    fn is_at(&self, at: usize, expected: &str) -> bool {
        let found = self.units.get(at..at + expected.len());
        found.is_some_and(|found| found.iter().copied().eq(expected.bytes().map(u32::from)))
    }

    fn ends_with(&self, end: usize, expected: &str) -> bool {
        end.checked_sub(expected.len()).is_some_and(|start| self.is_at(start, expected))
    }

    /// Where the link ends whose scheme stands before this colon.
    fn link_after_scheme(&self, colon: usize) -> Option<usize> {
        let has_scheme = self.ends_with(colon, "http") || self.ends_with(colon, "https");
        (has_scheme && self.is_at(colon + 1, "//")).then(|| self.link_end(colon + 3))
    }

    /// Links are ASCII: past the end is the first unit that is not, white space, or punctuation that links seldom have but
    /// sentences do (folding makes ASCII of `，` as well).
    fn link_end(&self, from: usize) -> usize {
        let is_link = |unit: &&u32| {
            u8::try_from(**unit).is_ok_and(|byte| byte.is_ascii_graphic() && !b",;!\"'<>()[]{}|".contains(&byte))
        };
        from + self.units[from..].iter().take_while(is_link).count()
    }

    /// Where the link ends of which this is the first dot, if the labels around it are a domain's.
    fn link_around_dot(&self, dot: usize, from: usize) -> Option<usize> {
        let is_label = |at: usize| self.kind(at).is(LABEL) && self.units[at] < 0x80;
        if dot <= from || !is_label(dot - 1) || !is_label(dot + 1) {
            return None;
        }
        if self.ends_with(dot, "www") {
            return Some(self.link_end(dot));
        }
        let is_host = |unit: &&u32| matches!(**unit, 0x2D | 0x2E | 0x30..=0x39 | 0x61..=0x7A);
        let end = dot + self.units[dot..].iter().take_while(is_host).count();
        let last_dot = (dot..end).rev().find(|&at| self.units[at] == u32::from(b'.') && at + 1 < end)?;
        let host_end = if self.units[end - 1] == u32::from(b'.') { end - 1 } else { end };
        self.is_top_level(last_dot + 1, host_end).then(|| self.link_end(host_end))
    }

    fn is_top_level(&self, start: usize, end: usize) -> bool {
        let is_short = end > start && end - start <= TOP_LEVEL_UNITS_MAX;
        is_short && TOP_LEVEL.iter().any(|name| name.len() == end - start && self.is_at(start, name))
    }

    /// Past a mention, or past the address whose `@` this is.
    fn mention(&self, at: usize, mentions: &mut usize) -> Option<usize> {
        let is_address = at > 0 && self.kind(at - 1).is(LABEL) && self.kind(at + 1).is(LABEL);
        if is_address && self.address_has_dot(at) {
            return Some(self.link_end(at));
        }
        *mentions += usize::from(self.kind(at + 1).is(Kind::WORD));
        None
    }

    fn address_has_dot(&self, at: usize) -> bool {
        let end = self.link_end(at);
        let dot = (at..end).find(|&place| self.units[place] == u32::from(b'.'));
        dot.is_some_and(|dot| self.kind(dot + 1).is(LABEL))
    }

    /// Past `#topic#`, or past the mark of `#tag`.
    fn hashtag(&self, at: usize) -> Option<usize> {
        if !self.kind(at + 1).is(Kind::WORD) {
            return None;
        }
        let far = self.units.len().min(at + 2 + TOPIC_UNITS_MAX);
        let stop = (at + 2..far).find(|&place| matches!(self.units[place], 0x0A | 0x23));
        let closes = |place: usize| self.units[place] == u32::from(b'#') && !is_white_space(self.units[place - 1]);
        let closing = stop.filter(|&place| closes(place));
        Some(closing.map_or(at + 1, |place| place + 1))
    }
}
