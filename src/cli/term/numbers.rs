//! Numbers for people: as many digits as are worth reading, and the unit beside them.

use std::time::Duration;

/// `1234567` → `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `12_345_678` → `12.3 MB`, in powers of a thousand.
#[must_use]
pub fn bytes(n: u64) -> String {
    if n < 1000 {
        return format!("{n} B");
    }
    scaled(n as f64, &[(1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")])
}

/// `3200 ns` → `3.2 µs`; from a minute on in minutes and seconds: `12 m 05 s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => scaled(time.as_nanos() as f64, &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")]),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Events per second: `345678.9` → `345,679/s`, `0.25` → `0.25/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second >= 100.0 {
        format!("{}/s", count(per_second.round() as u64))
    } else {
        format!("{}/s", three_digits(per_second))
    }
}

/// A share of a whole: `0.1234` → `12.3 %`, and `–` of nothing.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    format!("{} %", three_digits(part as f64 * 100.0 / whole as f64))
}

fn scaled(n: f64, units: &[(f64, &str)]) -> String {
    // A number that would round up to 1000 of a unit is one of the next: 999.96 kB is 1.00 MB.
    let unit = units.iter().find(|(size, _)| n >= size * 0.9995).or(units.last()).expect("a list of units");
    format!("{} {}", three_digits(n / unit.0), unit.1)
}

/// Three significant digits, or all of them before the point.
fn three_digits(n: f64) -> String {
    match n {
        0.0 => "0".to_owned(),
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (n, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (10_000, "10,000")] {
            assert_eq!(count(n), shown);
        }
    }

    #[test]
    fn sizes_have_three_digits_and_a_unit() {
        let cases = [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345_678, "12.3 MB"), (999_960, "1.00 MB")];
        for (n, shown) in cases {
            assert_eq!(bytes(n), shown);
        }
    }

    #[test]
    fn times_have_the_unit_that_people_would_take() {
        let cases = [
            (0, "0 ns"),
            (999, "999 ns"),
            (3_200, "3.20 µs"),
            (1_500_000, "1.50 ms"),
            (59_900_000_000, "59.9 s"),
            (725_000_000_000, "12 m 05 s"),
            (7_380_000_000_000, "2 h 03 m"),
        ];
        for (nanos, shown) in cases {
            assert_eq!(duration(Duration::from_nanos(nanos)), shown);
        }
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!(rate(345_678.9), "345,679/s");
        assert_eq!(rate(0.25), "0.25/s");
        assert_eq!(percent(1, 8), "12.5 %");
        assert_eq!(percent(0, 8), "0 %");
        assert_eq!(percent(0, 0), "–");
    }
}
