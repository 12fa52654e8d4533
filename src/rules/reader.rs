//! Typed access to YAML nodes: each accessor gives the value or notes what is wrong with it, and reading goes on.

use std::sync::Arc;

use crate::event::{Millis, parse_rfc3339};
use crate::problem::{Problem, nearest};

use super::keys::Key;
use super::places::Lines;
use super::units;
use super::yaml::{Kind, Node, Place, Style};

/// One file being read.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a Arc<str>,
    pub(crate) lines: Lines<'a>,
    pub(crate) problems: &'a mut Vec<Problem>,
}

/// The pairs of a map whose keys are known, each at most once.
pub(crate) struct Fields<'n, 'a> {
    /// Where the map begins.
    pub(crate) place: Place,
    pairs: Vec<(&'static str, &'n Node<'a>)>,
}

impl<'n, 'a> Fields<'n, 'a> {
    /// The value of that key; nothing counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node<'a>> {
        self.pairs.iter().find(|(name, node)| *name == key && !node.is_null()).map(|(_, node)| *node)
    }

    /// The only pair of a choice.
    pub(crate) fn only(&self) -> Option<(&'static str, &'n Node<'a>)> {
        match self.pairs[..] {
            [pair] => Some(pair),
            _ => None,
        }
    }
}

impl Reader<'_> {
    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        let problem = Problem::error(self.file, message).at(place.line, place.column, place.length);
        self.problems.push(Problem { hint, ..problem });
    }

    pub(crate) fn warning(&mut self, place: Place, message: impl Into<String>, hint: &str) {
        let problem = Problem::warning(self.file, message).at(place.line, place.column, place.length);
        self.problems.push(problem.hint(hint));
    }

    pub(crate) fn wrong_type(&mut self, what: &str, wanted: &str, node: &Node<'_>) {
        if matches!(node.kind, Kind::Refused) {
            return;
        }
        self.error(node.place, format!("{what} must be {wanted}, not {}", node.noun()), None);
    }

    /// A map with known keys. `what` names it in messages: "a rule", "`limit`".
    pub(crate) fn fields<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str, keys: &[Key]) -> Option<Fields<'n, 'a>> {
        let Kind::Map(pairs) = &node.kind else {
            let names: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
            let wanted = if names.is_empty() { "a map".into() } else { format!("a map with `{}`", names.join("`, `")) };
            self.wrong_type(what, &wanted, node);
            return None;
        };
        let mut fields = Fields { place: node.place, pairs: Vec::with_capacity(pairs.len()) };
        let mut places: Vec<(&str, Place)> = Vec::new();
        for (key, value) in pairs {
            let Some(known) = self.known_key(key, what, keys) else { continue };
            if let Some((_, first)) = places.iter().find(|(name, _)| *name == known) {
                let hint = Some(format!("it stands in line {} already", first.line));
                self.error(key.place, format!("{what} has the key `{known}` twice"), hint);
                continue;
            }
            places.push((known, key.place));
            fields.pairs.push((known, value));
        }
        self.require(&fields, what, keys);
        Some(fields)
    }

    fn known_key(&mut self, key: &Node<'_>, what: &str, keys: &[Key]) -> Option<&'static str> {
        let Kind::Scalar(name, _) = &key.kind else {
            self.wrong_type("a key", "a word", key);
            return None;
        };
        if let Some(known) = keys.iter().find(|known| known.name == name) {
            return Some(known.name);
        }
        let names = || keys.iter().map(|key| key.name);
        let hint = match nearest(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("the keys are `{}`", names().collect::<Vec<_>>().join("`, `")),
        };
        self.error(key.place, format!("{what} has no key `{name}`"), Some(hint));
        None
    }

    fn require(&mut self, fields: &Fields<'_, '_>, what: &str, keys: &[Key]) {
        for key in keys.iter().filter(|key| key.required && fields.get(key.name).is_none()) {
            self.error(fields.place, format!("{what} lacks `{}`", key.name), Some(key.about.into()));
        }
    }

    /// A list; one problem and nothing if it is something else.
    pub(crate) fn list<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str) -> &'n [Node<'a>] {
        match &node.kind {
            Kind::List(items) => items,
            _ => {
                self.wrong_type(what, "a list", node);
                &[]
            }
        }
    }

    /// A string that is not empty.
    pub(crate) fn string<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text, style) if *style != Style::Plain || node.noun() == "a string" => {
                if text.trim().is_empty() {
                    self.error(node.place, format!("{what} is empty"), None);
                    return None;
                }
                Some(text)
            }
            Kind::Scalar(text, _) if !node.is_null() => {
                let hint = Some(format!("put it in quotes: \"{text}\""));
                self.error(node.place, format!("{what} must be a string, not {}", node.noun()), hint);
                None
            }
            _ => {
                self.wrong_type(what, "a string", node);
                None
            }
        }
    }

    fn plain<'n>(&mut self, node: &'n Node<'_>, what: &str, wanted: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text, Style::Plain) if !node.is_null() => Some(text),
            _ => {
                self.wrong_type(what, wanted, node);
                None
            }
        }
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&mut self, node: &Node<'_>, what: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.plain(node, what, "a whole number")?;
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(number) => {
                let bound = if max == i64::MAX { format!("at least {min}") } else { format!("from {min} to {max}") };
                self.error(node.place, format!("{what} must be {bound}, not {number}"), None);
                None
            }
            Err(_) => {
                self.error(node.place, format!("{what} must be a whole number, not `{text}`"), None);
                None
            }
        }
    }

    /// A number from `min` to `max`.
    pub(crate) fn number(&mut self, node: &Node<'_>, what: &str, min: f64, max: f64) -> Option<f64> {
        let text = self.plain(node, what, "a number")?;
        match text.parse::<f64>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(_) => {
                self.error(node.place, format!("{what} must be from {min} to {max}, not {text}"), None);
                None
            }
            Err(_) => {
                self.error(node.place, format!("{what} must be a number, not `{text}`"), None);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, node: &Node<'_>, what: &str) -> Option<bool> {
        match self.plain(node, what, "true or false")? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.error(node.place, format!("{what} must be true or false, not `{other}`"), None);
                None
            }
        }
    }

    /// A duration, in milliseconds.
    pub(crate) fn duration(&mut self, node: &Node<'_>, what: &str) -> Option<Millis> {
        let text = self.scalar(node, what, "a duration such as 24h")?;
        match units::duration(text) {
            Ok(ms) => Some(ms),
            Err(message) => {
                let hint = "a whole number and s, m, h or d, such as 90s, 10m, 24h, 30d";
                self.error(node.place, format!("{what}: {message}"), Some(hint.into()));
                None
            }
        }
    }

    /// A day's first millisecond in UTC.
    pub(crate) fn day(&mut self, node: &Node<'_>, what: &str) -> Option<Millis> {
        let text = self.scalar(node, what, "a day such as 2027-06-30")?;
        let day = units::day(text);
        if day.is_none() {
            let hint = Some("year-month-day, such as 2027-06-30".into());
            self.error(node.place, format!("{what}: `{text}` is not a day of the calendar"), hint);
        }
        day
    }

    /// RFC 3339, a day, or epoch milliseconds.
    pub(crate) fn time(&mut self, node: &Node<'_>, what: &str) -> Option<Millis> {
        let text = self.scalar(node, what, "a time such as 2026-11-23T08:00:00Z")?;
        let at = parse_rfc3339(text).or_else(|| units::day(text)).or_else(|| text.parse().ok());
        if at.is_none() {
            let hint = Some("RFC 3339 such as 2026-11-23T08:00:00Z, a day, or epoch milliseconds".into());
            self.error(node.place, format!("{what}: `{text}` is not a time"), hint);
        }
        at
    }

    fn scalar<'n>(&mut self, node: &'n Node<'_>, what: &str, wanted: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text, _) if !node.is_null() => Some(text),
            _ => {
                self.wrong_type(what, wanted, node);
                None
            }
        }
    }

    /// One of a closed set of words.
    pub(crate) fn one_of(&mut self, node: &Node<'_>, what: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.scalar(node, what, &format!("one of {}", words.join(", ")))?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let hint = match nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of {}", words.join(", ")),
        };
        self.error(node.place, format!("{what}: there is no `{text}`"), Some(hint));
        None
    }
}
