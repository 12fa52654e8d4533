//! The query language: `text:"加微信" action:limit rule:group.* at:[now-2h TO now] -author:a-1`.
//!
//! Words that stand side by side must all be there; `OR`, `NOT` (or `-`) and parentheses do what they say; a field named before
//! parentheses is the field of what stands in them. What each field holds is in [`super::FIELDS`].

use crate::event::Millis;

use super::schema::{FIELDS, Kind, kind};
use super::times;

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4096;
/// Clauses of one query.
pub const CLAUSES_MAX: usize = 256;
/// `*` in one name: each makes the automaton larger that runs over all names of the field.
pub(super) const STARS_MAX: usize = 8;
/// Names with `*` in one query: each is an automaton.
pub(super) const STARRED_MAX: usize = 16;
/// Parentheses in parentheses.
const DEPTH_MAX: usize = 32;

/// What to look for.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Everything.
    All,
    /// One clause.
    Clause {
        /// One of [`super::FIELDS`].
        field: &'static str,
        /// What it must hold.
        test: Test,
    },
    /// All of them.
    And(Vec<Query>),
    /// Any of them.
    Or(Vec<Query>),
    /// None of it.
    Not(Box<Query>),
}

/// What a field must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// This word, phrase or name; in names `*` stands for any letters unless it was quoted.
    Is {
        /// As written, without quotes.
        value: String,
        /// Whether it stood in quotes.
        is_quoted: bool,
    },
    /// A time between these, both included.
    Between(Option<Millis>, Option<Millis>),
    /// A number between these, both included.
    Within(Option<f64>, Option<f64>),
    /// A good part of one of these wordings, in any order. Nobody writes it in a query: it is what a claim is looked for with.
    Alike(Vec<String>),
}

impl Query {
    /// One name, whole, as if it stood in quotes.
    #[must_use]
    pub fn is(field: &'static str, value: &str) -> Self {
        Self::Clause { field, test: Test::Is { value: value.to_owned(), is_quoted: true } }
    }
}

/// Whether a name with `*` in it is more than is looked for.
pub(super) fn has_too_many_stars(value: &str) -> bool {
    value.bytes().filter(|&byte| byte == b'*').count() > STARS_MAX
}

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {place} of the query)", place = self.at + 1)]
pub struct QueryError {
    /// What.
    pub message: String,
    /// Where, in characters from 0.
    pub at: usize,
    /// What to write instead.
    pub hint: String,
}

/// Reads a query; `now` is what `now` means in it.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(query: &str, now: Millis) -> Result<Query, QueryError> {
    parse_counted(query, now, &mut Counts::default())
}

/// What a query is made of so far, where it is one part of a larger one.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) clauses: usize,
    /// Clauses with `*` in a name.
    pub(super) starred: usize,
}

/// Whether a name that was not quoted is looked for with an automaton; `*` alone asks whether there is any.
pub(super) fn is_starred(value: &str) -> bool {
    value != "*" && value.contains('*')
}

/// As [`parse`]; what it is made of is added to `counts`, and bounded with what stands there.
pub(super) fn parse_counted(query: &str, now: Millis, counts: &mut Counts) -> Result<Query, QueryError> {
    let mut parser = Parser { query, at: 0, counts, now };
    if query.len() > QUERY_BYTES_MAX {
        return Err(parser.error(format!("a query has at most {QUERY_BYTES_MAX} bytes"), "ask for less at once"));
    }
    parser.space();
    if parser.rest().is_empty() {
        return Ok(Query::All);
    }
    let parsed = parser.any("text", 0)?;
    if parser.rest().is_empty() {
        return Ok(parsed);
    }
    Err(parser.error("a parenthesis is closed that was not opened", "take out this `)`, or quote it"))
}

struct Parser<'a, 'c> {
    query: &'a str,
    at: usize,
    counts: &'c mut Counts,
    now: Millis,
}

impl<'a> Parser<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.query[self.at..]
    }

    fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> QueryError {
        QueryError { message: message.into(), at: self.query[..self.at].chars().count(), hint: hint.into() }
    }

    fn space(&mut self) {
        self.at = self.query.len() - self.rest().trim_start().len();
    }

    /// Takes a mark and the space after it.
    fn take(&mut self, mark: &str) -> bool {
        let is_there = self.rest().starts_with(mark);
        if is_there {
            self.at += mark.len();
            self.space();
        }
        is_there
    }

    /// Takes a word in capitals that stands alone.
    fn keyword(&mut self, word: &str) -> bool {
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '(');
        let is_there = self.rest().strip_prefix(word).is_some_and(ends);
        is_there && self.take(word)
    }

    fn any(&mut self, field: &'static str, depth: usize) -> Result<Query, QueryError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("parentheses stand {DEPTH_MAX} deep at most"), "write it flatter"));
        }
        let mut either = vec![self.all(field, depth)?];
        while self.keyword("OR") {
            either.push(self.all(field, depth)?);
        }
        Ok(if either.len() == 1 { either.remove(0) } else { Query::Or(either) })
    }

    fn all(&mut self, field: &'static str, depth: usize) -> Result<Query, QueryError> {
        let mut both = vec![self.one(field, depth)?];
        loop {
            if self.keyword("AND") {
                both.push(self.one(field, depth)?);
                continue;
            }
            let rest = self.rest();
            let is_or = rest == "OR" || rest.starts_with("OR ") || rest.starts_with("OR(");
            if rest.is_empty() || rest.starts_with(')') || is_or {
                return Ok(if both.len() == 1 { both.remove(0) } else { Query::And(both) });
            }
            both.push(self.one(field, depth)?);
        }
    }

    fn one(&mut self, field: &'static str, depth: usize) -> Result<Query, QueryError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("a query is {DEPTH_MAX} deep at most"), "write it flatter"));
        }
        if self.keyword("NOT") || self.take("-") {
            return Ok(Query::Not(Box::new(self.one(field, depth + 1)?)));
        }
        if self.take("(") {
            return self.group(field, depth);
        }
        match self.field()? {
            Some(field) if self.take("(") => self.group(field, depth),
            Some(field) => self.clause(field),
            None if self.is_star() => {
                self.take("*");
                Ok(Query::All)
            }
            None => self.clause(field),
        }
    }

    /// Whether `*` comes, alone.
    fn is_star(&self) -> bool {
        self.rest().strip_prefix('*').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ')']))
    }

    fn group(&mut self, field: &'static str, depth: usize) -> Result<Query, QueryError> {
        let inner = self.any(field, depth + 1)?;
        if self.take(")") {
            return Ok(inner);
        }
        Err(self.error("a parenthesis is not closed", "write `)` here"))
    }

    /// Takes `name:`, if that comes.
    fn field(&mut self) -> Result<Option<&'static str>, QueryError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if name.is_empty() || !after.starts_with(':') || after.starts_with("://") {
            return Ok(None);
        }
        let Some((known, ..)) = FIELDS.iter().find(|(known, ..)| *known == name) else {
            let near = crate::problem::nearest(name, FIELDS.iter().map(|(known, ..)| *known));
            let hint = near.map_or_else(
                || format!("fields are {}", FIELDS.map(|(known, ..)| known).join(", ")),
                |near| format!("did you mean `{near}`? To look for the words themselves, quote them"),
            );
            return Err(self.error(format!("there is no field `{name}`"), hint));
        };
        self.at += length + 1;
        Ok(Some(known))
    }

    fn clause(&mut self, field: &'static str) -> Result<Query, QueryError> {
        self.counts.clauses += 1;
        if self.counts.clauses > CLAUSES_MAX {
            return Err(self.error(format!("a query has at most {CLAUSES_MAX} clauses"), "ask for less at once"));
        }
        let test = match kind(field) {
            Some(Kind::Time) => {
                let (from, to) = self.bounds(times::parse)?;
                Test::Between(from, to)
            }
            Some(Kind::Number) => {
                let number = |text: &str, _, _| text.parse().ok().filter(|number: &f64| number.is_finite());
                let (from, to) = self.bounds(number)?;
                Test::Within(from, to)
            }
            _ => {
                let before = self.at;
                let (value, is_quoted) = self.value("")?;
                if !is_quoted && kind(field) != Some(Kind::Text) && has_too_many_stars(&value) {
                    self.at = before;
                    return Err(
                        self.error(format!("a name has at most {STARS_MAX} `*`"), "write more of the name itself")
                    );
                }
                if !is_quoted && kind(field) != Some(Kind::Text) && is_starred(&value) {
                    self.counts.starred += 1;
                    if self.counts.starred > STARRED_MAX {
                        self.at = before;
                        let message = format!("a query has at most {STARRED_MAX} names with `*`");
                        return Err(self.error(message, "ask for less at once"));
                    }
                }
                Test::Is { value, is_quoted }
            }
        };
        Ok(Query::Clause { field, test })
    }

    /// Takes `[a TO b]`, `>=a`, `<=b` or one value, which is both. `*` is no bound.
    fn bounds<T>(
        &mut self,
        read: impl Fn(&str, Millis, bool) -> Option<T>,
    ) -> Result<(Option<T>, Option<T>), QueryError> {
        let now = self.now;
        let bound = |parser: &mut Self, is_end| {
            let before = parser.at;
            let (text, _) = parser.value("]")?;
            if text == "*" {
                return Ok(None);
            }
            let hint = "times are 2026-11-23, 2026-11-23T08:00:00Z, now, now-2h or milliseconds; numbers are 0.5";
            read(&text, now, is_end).map(Some).ok_or_else(|| {
                parser.at = before;
                parser.error(format!("`{text}` is not a value of this field"), hint)
            })
        };
        if self.take("[") {
            let from = bound(self, false)?;
            if !self.keyword("TO") {
                return Err(self.error("a range has two ends", "write `[from TO to]`; `*` stands for no bound"));
            }
            let to = bound(self, true)?;
            if !self.take("]") {
                return Err(self.error("a range is not closed", "write `]` here"));
            }
            return Ok((from, to));
        }
        if self.take(">=") || self.take(">") {
            return Ok((bound(self, false)?, None));
        }
        if self.take("<=") || self.take("<") {
            return Ok((None, bound(self, true)?));
        }
        let before = self.at;
        let from = bound(self, false)?;
        self.at = before;
        Ok((from, bound(self, true)?))
    }

    /// Takes a quoted or a bare value, which ends at a space, a parenthesis or one of `ends`, and whether it was quoted.
    fn value(&mut self, ends: &str) -> Result<(String, bool), QueryError> {
        for (open, close) in [('"', '"'), ('“', '”')] {
            if let Some(inner) = self.rest().strip_prefix(open) {
                return self.quoted(inner, close, open.len_utf8()).map(|value| (value, true));
            }
        }
        let rest = self.rest();
        let is_end = |c: char| c.is_whitespace() || c == '(' || c == ')' || ends.contains(c);
        let length = rest.find(is_end).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.error("a value is missing", "write a word, or a phrase in quotes"));
        }
        self.at += length;
        self.space();
        Ok((rest[..length].to_owned(), false))
    }

    fn quoted(&mut self, inner: &str, close: char, open_bytes: usize) -> Result<String, QueryError> {
        let mut value = String::new();
        let mut chars = inner.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
                _ if c == close => {
                    self.at += open_bytes + at + close.len_utf8();
                    self.space();
                    return Ok(value);
                }
                _ => value.push(c),
            }
        }
        Err(self.error("a quotation is not closed", format!("write {close} at its end")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_420_800_000;

    fn is(field: &'static str, value: &str, is_quoted: bool) -> Query {
        Query::Clause { field, test: Test::Is { value: value.into(), is_quoted } }
    }

    #[test]
    fn words_fields_phrases_and_ranges_are_read() {
        let query = parse(r#"text:"加微信" action:limit rule:group.* at:[now-2h TO now] -author:a-1"#, NOW).unwrap();
        let expected = Query::And(vec![
            is("text", "加微信", true),
            is("action", "limit", false),
            is("rule", "group.*", false),
            Query::Clause { field: "at", test: Test::Between(Some(NOW - 7_200_000), Some(NOW)) },
            Query::Not(Box::new(is("author", "a-1", false))),
        ]);
        assert_eq!(query, expected);
    }

    #[test]
    fn alternatives_bind_less_than_what_stands_side_by_side() {
        let expected = Query::Or(vec![
            Query::And(vec![is("text", "a", false), is("text", "b", false)]),
            Query::Not(Box::new(is("text", "c", false))),
        ]);
        assert_eq!(parse("a b OR NOT c", NOW).unwrap(), expected);
        assert_eq!(
            parse("rule:(a OR b)", NOW).unwrap(),
            Query::Or(vec![is("rule", "a", false), is("rule", "b", false)])
        );
        assert_eq!(parse("  ", NOW).unwrap(), Query::All);
        assert_eq!(parse("*", NOW).unwrap(), Query::All);
        assert_eq!(parse("https://x.example/a", NOW).unwrap(), is("text", "https://x.example/a", false));
        assert_eq!(
            parse("similarity:>=0.5", NOW).unwrap(),
            Query::Clause { field: "similarity", test: Test::Within(Some(0.5), None) }
        );
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let error = |query: &str| parse(query, NOW).unwrap_err();
        assert_eq!((error("rul:x").at, error("rul:x").message.as_str()), (0, "there is no field `rul`"));
        assert!(error("rul:x").hint.contains("`rule`"));
        assert_eq!(error("加 at:gestern").at, 5);
        for query in ["(a", "a)", "\"a", "at:[now now]", "at:[now TO now", "rule:", "NOT", "a OR"] {
            parse(query, NOW).unwrap_err();
        }
        assert_eq!(error("a rule:*a*b*c*d*e*f*g*h*i").at, 7);
        parse("rule:*a*b*c*d*e*f*g*h", NOW).unwrap();
        parse(&"rule:a* ".repeat(16), NOW).unwrap();
        parse(&"rule:a* ".repeat(17), NOW).unwrap_err();
        parse(&"(".repeat(1000), NOW).unwrap_err();
        parse(&"-".repeat(4000), NOW).unwrap_err();
        parse(&"a ".repeat(300), NOW).unwrap_err();
        parse(&"a".repeat(5000), NOW).unwrap_err();
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(query in ".{0,80}") {
            let _ = parse(&query, NOW);
        }

        #[test]
        fn any_phrase_can_be_quoted(phrase in ".{0,40}") {
            let quoted = phrase.replace('\\', "\\\\").replace('"', "\\\"");
            let expected = Query::Clause { field: "text", test: Test::Is { value: phrase, is_quoted: true } };
            proptest::prop_assert_eq!(parse(&format!("text:\"{quoted}\""), NOW), Ok(expected));
        }
    }
}
