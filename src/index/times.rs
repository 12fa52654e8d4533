//! Times as people write them in a query.

use crate::event::{Millis, parse_rfc3339};

const DAY_MILLIS: Millis = 86_400_000;

/// `now`, `now-2h`, `2026-11-23`, RFC 3339 or milliseconds. A day is its first moment, or at the end of a range its last.
pub(super) fn parse(text: &str, now: Millis, is_end: bool) -> Option<Millis> {
    if let Some(offset) = text.strip_prefix("now") {
        return if offset.is_empty() { Some(now) } else { now.checked_add(duration(offset)?) };
    }
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let day = |text: &str| parse_rfc3339(&format!("{text}T00:00:00Z"));
    parse_rfc3339(text).or_else(|| day(text)?.checked_add(if is_end { DAY_MILLIS - 1 } else { 0 }))
}

/// `-2h`, `+30m`: seconds, minutes, hours, days, weeks.
fn duration(text: &str) -> Option<Millis> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let unit = rest.chars().next_back()?;
    let count: Millis = rest[..rest.len() - unit.len_utf8()].parse().ok().filter(|count| *count >= 0)?;
    let millis = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => DAY_MILLIS,
        'w' => 7 * DAY_MILLIS,
        _ => return None,
    };
    count.checked_mul(millis)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_written() {
        let at = |text| parse(text, 1_000_000_000, false);
        assert_eq!(at("now"), Some(1_000_000_000));
        assert_eq!(at("now-2h"), Some(992_800_000));
        assert_eq!(at("now+1d"), Some(1_086_400_000));
        assert_eq!(at("1970-01-02"), Some(DAY_MILLIS));
        assert_eq!(parse("1970-01-02", 0, true), Some(2 * DAY_MILLIS - 1));
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(at("1234"), Some(1234));
        for text in ["now-", "now-2y", "now2h", "yesterday", "", "now--2h", "now-99999999999999999w"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
