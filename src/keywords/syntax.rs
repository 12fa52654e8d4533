//! The language of one line of a word list: what a term, an exception and their attributes look like.
//!
//! Parsing here knows nothing of folding or matching: a line becomes an [`Expr`] or a list of [`Mistake`]s, each with
//! the characters that it means.

use std::ops::Range;
use std::sync::Arc;

use crate::problem::nearest;

/// What a term asks to be generated or relaxed, on top of what matching always sees through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Wishes(u8);

impl Wishes {
    pub(crate) const PINYIN: Self = Self(1);
    pub(crate) const INITIALS: Self = Self(2);
    pub(crate) const HOMOPHONE: Self = Self(4);
    pub(crate) const SPLIT: Self = Self(8);
    pub(crate) const LEET: Self = Self(16);
    pub(crate) const DIGITS: Self = Self(32);
    pub(crate) const INSIDE: Self = Self(64);

    const NAMES: [(&'static str, Self); 7] = [
        ("+pinyin", Self::PINYIN),
        ("+initials", Self::INITIALS),
        ("+homophone", Self::HOMOPHONE),
        ("+split", Self::SPLIT),
        ("+leet", Self::LEET),
        ("+digits", Self::DIGITS),
        ("+inside", Self::INSIDE),
    ];

    /// Whether all of `other` is wished.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// A number that tells these wishes from others.
    pub(crate) fn number(self) -> u32 {
        u32::from(self.0)
    }

    /// Both together.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether anything has to be generated at build time.
    pub(crate) fn expands(self) -> bool {
        self.0 & !Self::INSIDE.0 != 0
    }

    /// Whether an attribute is called so, but for its `+`.
    pub(crate) fn is_named(name: &str) -> bool {
        Self::NAMES.iter().any(|(known, _)| &known[1..] == name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, wish)| wish)
    }
}

/// A mistake in a line: the bytes of the line that are meant, what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) bytes: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) is_warning: bool,
}

impl Mistake {
    pub(crate) fn new(bytes: Range<usize>, message: impl Into<String>) -> Self {
        Self { bytes, message: message.into(), hint: None, is_warning: false }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }
}

/// The attributes of one line, before the defaults above it are added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes {
    pub(crate) weight: Option<f64>,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) wishes: Wishes,
}

impl Attributes {
    /// These attributes where they speak, `defaults` where they are silent; tags and wishes add up.
    pub(crate) fn over(self, defaults: &Self) -> Self {
        let mut tags = self.tags;
        tags.extend(defaults.tags.iter().cloned());
        tags.sort_unstable();
        tags.dedup();
        Self { weight: self.weight.or(defaults.weight), tags, wishes: self.wishes.with(defaults.wishes) }
    }
}

/// Reads the attributes that stand in `line[at..]`, separated by blanks.
pub(crate) fn attributes(line: &str, at: usize, mistakes: &mut Vec<Mistake>) -> Attributes {
    let mut found = Attributes::default();
    for word in line[at..].split([' ', '\t']).filter(|word| !word.is_empty()) {
        let start = word.as_ptr() as usize - line.as_ptr() as usize;
        if let Err(mistake) = attribute(word, start..start + word.len(), &mut found) {
            mistakes.push(mistake);
        }
    }
    found
}

fn attribute(word: &str, bytes: Range<usize>, found: &mut Attributes) -> Result<(), Mistake> {
    if word.starts_with('+') {
        let wish = Wishes::named(word).ok_or_else(|| unknown_wish(word, bytes))?;
        found.wishes = found.wishes.with(wish);
    } else if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')) {
        let weight = weight(word, &bytes)?;
        if found.weight.replace(weight).is_some() {
            return Err(Mistake::new(bytes, "a second weight on one line").hint("keep one number"));
        }
    } else if is_name(word) {
        found.tags.push(word.into());
    } else {
        let hint = "tags are [a-z][a-z0-9_]*, weights are numbers, expansions start with +";
        return Err(Mistake::new(bytes, format!("`{word}` is neither a tag nor a weight nor an expansion")).hint(hint));
    }
    Ok(())
}

fn unknown_wish(word: &str, bytes: Range<usize>) -> Mistake {
    let names = Wishes::NAMES.iter().map(|&(name, _)| name);
    let hint = match nearest(word, names.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are {}", names.collect::<Vec<_>>().join(" ")),
    };
    Mistake::new(bytes, format!("unknown attribute `{word}`")).hint(hint)
}

fn weight(word: &str, bytes: &Range<usize>) -> Result<f64, Mistake> {
    word.parse::<f64>().ok().filter(|weight| (0.0..=WEIGHT_MAX).contains(weight)).ok_or_else(|| {
        Mistake::new(bytes.clone(), format!("`{word}` is not a weight"))
            .hint(format!("write a number from 0 to {WEIGHT_MAX}"))
    })
}

/// The largest weight that a term may carry.
pub(crate) const WEIGHT_MAX: f64 = 1_000_000.0;

/// Whether a list or a tag may be called so: `[a-z][a-z0-9_]*`.
pub(crate) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// One word or phrase of a term, unescaped, with its bytes in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    pub(crate) text: Arc<str>,
    pub(crate) bytes: Range<u32>,
}

/// Words that must stand near one another, in either order: `rest` holds the largest gap to the word before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) is_negated: bool,
    pub(crate) first: Atom,
    pub(crate) rest: Vec<(u16, Atom)>,
}

impl Group {
    pub(crate) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        std::iter::once(&self.first).chain(self.rest.iter().map(|(_, atom)| atom))
    }
}

/// What a term says: all groups that are not negated occur, and no negated one does. The first is not negated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expr(pub(crate) Vec<Group>);

impl Expr {
    /// The only word, if the term is one word.
    pub(crate) fn plain(&self) -> Option<&Atom> {
        match self.0.as_slice() {
            [group] if group.rest.is_empty() => Some(&group.first),
            _ => None,
        }
    }

    pub(crate) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.0.iter().flat_map(Group::atoms)
    }
}

/// What joins a word to the words before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Not,
    Near(u16),
}

/// Reads the term in `line[bytes]`. `near_chars_max` bounds the distance in `A~5~B`.
pub(crate) fn expr(line: &str, bytes: Range<usize>, near_chars_max: u16) -> Result<Expr, Vec<Mistake>> {
    let mut parser = Parser { line, bytes, near_chars_max, groups: Vec::new(), mistakes: Vec::new() };
    parser.run();
    if parser.mistakes.is_empty() { Ok(Expr(parser.groups)) } else { Err(parser.mistakes) }
}

struct Parser<'a> {
    line: &'a str,
    bytes: Range<usize>,
    near_chars_max: u16,
    groups: Vec<Group>,
    mistakes: Vec<Mistake>,
}

impl Parser<'_> {
    fn run(&mut self) {
        let (mut at, mut joint) = (self.bytes.start, Joint::And);
        loop {
            let end = self.atom(at, joint);
            match self.joint(end) {
                Some((next, after)) => (joint, at) = (next, after),
                None => return,
            }
        }
    }

    /// Reads one word from `at` to the next operator and gives the operator's place.
    fn atom(&mut self, at: usize, joint: Joint) -> usize {
        let mut text = String::new();
        let mut end = self.bytes.end;
        let mut chars = self.line[at..self.bytes.end].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '+' | '-' | '~' => {
                    end = at + offset;
                    break;
                }
                '\\' => self.escape(at + offset, chars.next().map(|(_, c)| c), &mut text),
                c => text.push(c),
            }
        }
        self.push(at..end, text.trim(), joint);
        end
    }

    fn escape(&mut self, at: usize, escaped: Option<char>, text: &mut String) {
        match escaped {
            Some(c @ ('+' | '-' | '~' | '!' | '#' | '@' | '\\')) => text.push(c),
            other => {
                let end = at + 1 + other.map_or(0, char::len_utf8);
                let mistake = Mistake::new(at..end, "a backslash before a character that needs none");
                self.mistakes.push(mistake.hint("escape only + - ~ ! # @ \\; write \\\\ for a backslash"));
            }
        }
    }

    fn push(&mut self, bytes: Range<usize>, text: &str, joint: Joint) {
        if text.is_empty() {
            self.mistakes.push(self.empty_side(bytes));
            return;
        }
        let atom = Atom { text: text.into(), bytes: bytes.start as u32..bytes.end as u32 };
        match (joint, self.groups.last_mut()) {
            (Joint::Near(distance), Some(group)) => group.rest.push((distance, atom)),
            _ => self.groups.push(Group { is_negated: joint == Joint::Not, first: atom, rest: Vec::new() }),
        }
    }

    fn empty_side(&self, bytes: Range<usize>) -> Mistake {
        let operator = if bytes.start > self.bytes.start {
            &self.line[bytes.start - 1..bytes.start]
        } else {
            self.line[bytes.end..].get(..1).unwrap_or("+")
        };
        let start = bytes.start.saturating_sub(usize::from(bytes.start > self.bytes.start));
        Mistake::new(start..(bytes.end + 1).min(self.bytes.end), format!("a side of `{operator}` is empty"))
            .hint(format!("write a word there, or `\\{operator}` for the character itself"))
    }

    /// Reads the operator at `at`: `+`, `-` or `~5~`.
    fn joint(&mut self, at: usize) -> Option<(Joint, usize)> {
        match self.line.as_bytes()[..self.bytes.end].get(at)? {
            b'+' => Some((Joint::And, at + 1)),
            b'-' => Some((Joint::Not, at + 1)),
            _ => Some(self.near(at)),
        }
    }

    fn near(&mut self, at: usize) -> (Joint, usize) {
        let body = &self.line[at + 1..self.bytes.end];
        let Some(length) = body.find('~') else {
            let mistake = Mistake::new(at..self.bytes.end, "`~` without a distance");
            self.mistakes.push(mistake.hint("write A~5~B for A and B within 5 characters, or \\~ for the character"));
            return (Joint::Near(0), at + 1);
        };
        let distance = body[..length].trim().parse().ok().filter(|&distance| distance <= self.near_chars_max);
        if distance.is_none() {
            let bytes = at + 1..(at + 1 + length).max(at + 2);
            let mistake = Mistake::new(bytes, format!("`{}` is not a distance", &body[..length]));
            self.mistakes.push(mistake.hint(format!("write a whole number from 0 to {}", self.near_chars_max)));
        }
        (Joint::Near(distance.unwrap_or(0)), at + 2 + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expression written out again with every operator spelled.
    fn show(text: &str) -> String {
        let written = |group: &Group| {
            let rest = group.rest.iter().map(|(near, atom)| format!("~{near}~{}", atom.text)).collect::<String>();
            format!("{}{}{rest}", if group.is_negated { '-' } else { '+' }, group.first.text)
        };
        match expr(text, 0..text.len(), 100) {
            Ok(expr) => expr.0.iter().map(written).collect(),
            Err(mistakes) => mistakes
                .iter()
                .map(|m| format!("{}..{} {}", m.bytes.start, m.bytes.end, m.message))
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    #[test]
    fn terms() {
        for (line, expected) in [
            ("加微信", "+加微信"),
            ("free money", "+free money"),
            ("A+B", "+A+B"),
            ("A + B - C", "+A+B-C"),
            ("A~5~B", "+A~5~B"),
            ("A~5~B~2~C+D-E~1~F", "+A~5~B~2~C+D-E~1~F"),
            (r"\+v", "++v"),
            (r"c\+\+", "+c++"),
            (r"e\-mail\\", r"+e-mail\"),
            ("A+", "1..2 a side of `+` is empty"),
            ("-B", "0..1 a side of `-` is empty"),
            ("A++B", "1..3 a side of `+` is empty"),
            ("A~B", "1..3 `~` without a distance"),
            ("A~x~B", "2..3 `x` is not a distance"),
            ("A~101~B", "2..5 `101` is not a distance"),
            ("A~~B", "2..3 `` is not a distance"),
            (r"a\b", "1..3 a backslash before a character that needs none"),
        ] {
            assert_eq!(show(line), expected, "{line}");
        }
    }

    #[test]
    fn attributes_are_tags_weights_and_wishes() {
        let mut mistakes = Vec::new();
        let found = attributes("gambling 2.5 +pinyin  +inside", 0, &mut mistakes);
        assert!(mistakes.is_empty());
        assert_eq!(found.weight, Some(2.5));
        assert_eq!(found.tags, ["gambling".into()]);
        assert!(found.wishes.has(Wishes::PINYIN.with(Wishes::INSIDE)) && !found.wishes.has(Wishes::LEET));
    }

    #[test]
    fn every_wrong_attribute_is_told() {
        let mut mistakes = Vec::new();
        attributes("x\t+pinyn Bad 1 2 -3 1e9 +zzz", 2, &mut mistakes);
        let told: Vec<_> = mistakes.iter().map(|m| (m.bytes.start, m.hint.as_deref().unwrap_or(""))).collect();
        assert_eq!(told.len(), 6, "{told:?}");
        assert_eq!(told[0], (2, "did you mean `+pinyin`?"));
        assert!(told[5].1.starts_with("known are +pinyin"));
    }
}
