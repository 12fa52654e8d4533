//! The two ways in which rule files write time: a duration such as `24h` and a day such as `2027-06-30`.

use crate::event::Millis;

/// The longest duration that a file may write: ten years, beyond which somebody meant something else.
pub(crate) const DURATION_DAYS_MAX: i64 = 3650;

const DAY_MS: i64 = 86_400_000;

/// Reads `90s`, `10m`, `24h` or `30d`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub(crate) fn duration(text: &str) -> Result<Millis, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return Err(format!("`{text}` is not a duration")),
    };
    let number: i64 = number.parse().map_err(|_| format!("`{text}` is not a duration"))?;
    match number.checked_mul(unit_ms) {
        Some(0) => Err(format!("the duration `{text}` is empty")),
        Some(ms) if ms <= DURATION_DAYS_MAX * DAY_MS => Ok(ms),
        _ => Err(format!("the duration `{text}` is longer than {DURATION_DAYS_MAX}d")),
    }
}

/// Reads a day and gives its first millisecond in UTC.
pub(crate) fn day(text: &str) -> Option<Millis> {
    let shaped = text.len() == 10 && text.bytes().enumerate().all(|(i, b)| (b == b'-') == (i == 4 || i == 7));
    let date: jiff::civil::Date = shaped.then(|| text.parse().ok())??;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        for (text, ms) in [("90s", 90_000), ("10m", 600_000), ("24h", DAY_MS), ("30d", 30 * DAY_MS)] {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for text in ["", "24", "h", "24 h", "1h30m", "-1h", "1.5h", "0s", "3651d", "99999999999999999999d", "24H"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(day("1970-01-02"), Some(DAY_MS));
        assert_eq!(day("2027-06-30"), crate::event::parse_rfc3339("2027-06-30T00:00:00Z"));
        for text in ["2027-02-30", "2027-6-30", "30.06.2027", "2027-06-30T00:00:00Z", "", "never", "20270630-0"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
