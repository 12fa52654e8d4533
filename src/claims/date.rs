//! Days of the calendar, in the many ways in which fact-checkers write them.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::event::Millis;

const DAY_MS: Millis = 24 * 60 * 60 * 1000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2099;

/// A day of the calendar of UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// Reads the day out of `2020-03-17`, `2020-03-17 12:58`, RFC 3339, `2020/3/17`, `2020年3月17日`, `17 March 2020`, and
    /// `Mar 17, 2020`; of whole numbers, epoch milliseconds. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 {
            return None;
        }
        if let Ok(ms) = text.parse::<Millis>() {
            return (text.len() >= 11).then(|| Self::of_millis(ms));
        }
        Self::find_all(text).next()
    }

    /// The day of an event time.
    #[must_use]
    pub fn of_millis(at: Millis) -> Self {
        Self(i32::try_from(at.div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    /// The event time at which it begins.
    #[must_use]
    pub fn start(self) -> Millis {
        Millis::from(self.0) * DAY_MS
    }

    /// The first event time after it.
    #[must_use]
    pub fn end(self) -> Millis {
        self.start() + DAY_MS
    }

    /// How many days it is after another one.
    #[must_use]
    pub fn since(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// The last full date (year, month and day) that a text names: posts that are passed on end in the day on which they were
    /// written.
    #[must_use]
    pub fn last_named(text: &str) -> Option<Self> {
        Self::find_all(text).last()
    }

    fn find_all(text: &str) -> impl Iterator<Item = Self> {
        let parts: Vec<Part> = parts(text);
        (0..parts.len()).filter_map(move |at| match parts[at..] {
            [Part::Number(year), Part::Number(month), Part::Number(day), ..] if year > 31 => Self::of(year, month, day),
            [Part::Month(month), Part::Number(day), Part::Number(year), ..] if day <= 31 => Self::of(year, month, day),
            [Part::Number(day), Part::Month(month), Part::Number(year), ..] if day <= 31 => Self::of(year, month, day),
            _ => None,
        })
    }

    fn of(year: u32, month: u32, day: u32) -> Option<Self> {
        let year = i16::try_from(year).ok().filter(|year| YEARS.contains(year))?;
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        Some(Self(EPOCH.until(date).ok()?.get_days()))
    }
}

impl fmt::Display for Day {
    /// `2020-03-17`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match EPOCH.checked_add(self.0.days()) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

/// A piece of a text that may belong to a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Number(u32),
    Month(u32),
    /// Anything else: no date goes on over it.
    Other,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_same = |c: char| if first.is_ascii_digit() { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
        let len = rest.chars().take_while(|&c| is_same(c)).count().max(first.len_utf8());
        let (word, after) = rest.split_at(len);
        rest = after;
        match part(word) {
            Some(part) => parts.push(part),
            None if first.is_ascii_alphabetic()
                || matches!(first, ' ' | ',' | '-' | '/' | '.' | '年' | '月' | '日') => {}
            None => parts.push(Part::Other),
        }
    }
    parts
}

fn part(word: &str) -> Option<Part> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(if word.len() <= 4 { Part::Number(word.parse().ok()?) } else { Part::Other });
    }
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let is_month = |name: &str| {
        word.eq_ignore_ascii_case(name)
            || word.eq_ignore_ascii_case(&name[..3])
            || word.eq_ignore_ascii_case("sept") && name.starts_with("sept")
    };
    // "T" between day and time, "st" and "th" after a day, "of".
    let is_passed_over = ["st", "nd", "rd", "th", "of"].iter().any(|part| word.eq_ignore_ascii_case(part));
    match MONTHS.iter().position(|name| is_month(name)) {
        Some(at) => Some(Part::Month(at as u32 + 1)),
        None => (!is_passed_over).then_some(Part::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_in_the_ways_that_people_write_them() {
        let cases = [
            ("2020-03-17", "2020-03-17"),
            ("2020-03-17 12:58", "2020-03-17"),
            ("2020-02-12 08:37:53", "2020-02-12"),
            ("2020-03-17T12:58:00+08:00", "2020-03-17"),
            ("2020/3/7", "2020-03-07"),
            ("2020年3月7日", "2020-03-07"),
            ("25 February 2020", "2020-02-25"),
            ("Feb 25, 2020", "2020-02-25"),
            ("September 1st, 2018", "2018-09-01"),
            ("1584403200000", "2020-03-17"),
        ];
        for (text, expected) in cases {
            assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "today", "2020", "2020-13-01", "31 February 2020", "12", "17:30"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_names_its_day_at_the_end() {
        let text = "On May 3, 2019 they said it. — Somebody (@some) January 12, 2020";
        assert_eq!(Day::last_named(text), Day::parse("2020-01-12"));
        assert_eq!(Day::last_named("nothing of 12 eggs"), None);
    }

    #[test]
    fn days_bound_event_times() {
        let day = Day::parse("1970-01-02").unwrap();
        assert_eq!((day.start(), day.end()), (DAY_MS, 2 * DAY_MS));
        assert_eq!(Day::of_millis(-1).to_string(), "1969-12-31");
        assert_eq!(day.since(Day::of_millis(0)), 1);
    }
}
