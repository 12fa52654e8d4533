//! Bars: over time, and of the most frequent values.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::anyhow;
use serde_json::json;

use crate::event::{Millis, rfc3339};
use crate::index::{Ask, Bucket, Count, Order};

use super::super::term::{self, Role, json_line};
use super::{Search, VALUES_SHOWN};

/// How long bars are, in characters.
const BAR_CHARS: usize = 40;
/// Spans of an `auto` histogram, at most.
const SPANS_SHOWN: u64 = 48;
/// Values that a histogram is split by.
const SPLIT_MAX: usize = 5;
/// Hits whose words are counted.
const WORD_HITS_MAX: usize = 2000;

const MINUTE: u64 = 60_000;
const STEPS: [u64; 12] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    3 * 60 * MINUTE,
    6 * 60 * MINUTE,
    12 * 60 * MINUTE,
    24 * 60 * MINUTE,
    7 * 24 * 60 * MINUTE,
    30 * 24 * 60 * MINUTE,
    365 * 24 * 60 * MINUTE,
];

/// `10m` → milliseconds.
pub(super) fn span(text: &str) -> Option<u64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1000,
        "m" => MINUTE,
        "h" => 60 * MINUTE,
        "d" => 24 * 60 * MINUTE,
        "w" => 7 * 24 * 60 * MINUTE,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit).filter(|millis| *millis > 0)
}

/// The shortest of the usual spans of which not too many are needed.
fn auto(search: &Search<'_>) -> anyhow::Result<u64> {
    let (first, last) = search.reader.span(&search.query)?.unwrap_or_default();
    let length = (last - first).unsigned_abs();
    Ok(STEPS.into_iter().find(|step| length / step < SPANS_SHOWN).unwrap_or(STEPS[STEPS.len() - 1]))
}

pub(super) fn histogram(search: &Search<'_>, text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let millis = match text {
        "auto" => auto(search)?,
        _ => span(text).ok_or_else(|| anyhow!("--histogram takes a span such as 10m, 1h, 1d or auto, not {text}"))?,
    };
    let by = search.args.by.as_deref().map(|field| (field, SPLIT_MAX));
    let buckets = search.reader.histogram(&search.query, millis, by)?;
    if search.output.json {
        for bucket in &buckets {
            let mut line = json!({ "at": rfc3339(bucket.at), "count": bucket.count });
            if by.is_some() {
                let values = bucket.by.iter().map(|count| (count.value.clone(), json!(count.count)));
                line["by"] = serde_json::Value::Object(values.collect());
            }
            json_line(out, &line)?;
        }
        return Ok(());
    }
    draw(search, &buckets, millis, out)
}

fn draw(search: &Search<'_>, buckets: &[Bucket], millis: u64, out: &mut impl Write) -> anyhow::Result<()> {
    let terminal = search.output.out;
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let digits = term::count(most).len();
    let names = legend(buckets);
    for bucket in buckets {
        let when = moment(bucket.at, millis);
        let count = format!("{:>digits$}", term::count(bucket.count));
        let bar = match names.is_empty() {
            true => terminal.paint(Role::Name, bar(bucket.count, most)),
            false => stacked(bucket, most, &names, terminal),
        };
        writeln!(out, "{}  {count}  {bar}", terminal.paint(Role::Quiet, when))?;
    }
    for (kind, name) in names.iter().enumerate() {
        let sign = terminal.mark(kind, &LETTERS[kind % LETTERS.len()].to_string());
        writeln!(out, "  {sign}  {}", term::printable(name))?;
    }
    if buckets.is_empty() {
        writeln!(out, "{}", terminal.paint(Role::Quiet, "nothing found"))?;
    }
    Ok(())
}

/// What the parts of a split bar are drawn with: they differ without colours too.
const LETTERS: [char; 6] = ['█', '▓', '▒', '░', '▞', '▚'];

/// The values that occur, the most frequent over all spans first.
fn legend(buckets: &[Bucket]) -> Vec<&str> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for count in buckets.iter().flat_map(|bucket| &bucket.by) {
        *totals.entry(&count.value).or_default() += count.count;
    }
    let mut names: Vec<(&str, u64)> = totals.into_iter().collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    names.into_iter().map(|(name, _)| name).take(SPLIT_MAX).collect()
}

fn stacked(bucket: &Bucket, most: u64, names: &[&str], terminal: term::Terminal) -> String {
    let count = |name: &str| bucket.by.iter().find(|count| count.value == name).map_or(0, |count| count.count);
    let part = |(kind, name): (usize, &&str)| {
        let chars = (count(name) as f64 / most.max(1) as f64 * BAR_CHARS as f64).round() as usize;
        terminal.mark(kind, &LETTERS[kind % LETTERS.len()].to_string().repeat(chars.min(BAR_CHARS)))
    };
    names.iter().enumerate().map(part).collect()
}

/// A bar with eighths of a character at its end.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if count == 0 {
        return String::new();
    }
    let eighths = ((count as f64 / most.max(1) as f64) * BAR_CHARS as f64 * 8.0).round().max(1.0) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A moment as precisely as the spans are long.
fn moment(at: Millis, millis: u64) -> String {
    let text = rfc3339(at);
    let chars = if millis >= 24 * 60 * MINUTE {
        10
    } else if millis >= MINUTE {
        16
    } else {
        19
    };
    text.chars().take(chars).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

pub(super) fn top(search: &Search<'_>, field: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let limit = search.args.limit.unwrap_or(VALUES_SHOWN);
    let counts = match field {
        "words" => words(search, limit)?,
        _ => search.reader.top(&search.query, field, limit)?,
    };
    if search.output.json {
        for count in &counts {
            json_line(out, &json!({ "field": field, "value": count.value, "count": count.count }))?;
        }
        return Ok(());
    }
    let terminal = search.output.out;
    let most = counts.first().map_or(0, |count| count.count);
    let (digits, width) = (term::count(most).len(), counts.iter().map(|count| wide(&count.value)).max().unwrap_or(0));
    writeln!(out, "{}", terminal.paint(Role::Heading, field))?;
    for Count { value, count } in &counts {
        let fill = " ".repeat(width.saturating_sub(wide(value)));
        let (number, bar) = (format!("{:>digits$}", term::count(*count)), bar(*count, most));
        writeln!(out, "  {}{fill}  {number}  {}", term::printable(value), terminal.paint(Role::Name, bar))?;
    }
    if counts.is_empty() {
        writeln!(out, "  {}", terminal.paint(Role::Quiet, "nothing found"))?;
    }
    Ok(())
}

fn wide(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(term::printable(text).as_str())
}

/// In how many of the latest hits each word stands.
fn words(search: &Search<'_>, limit: usize) -> anyhow::Result<Vec<Count>> {
    let page = search.reader.search(&search.query, &Ask { order: Order::Newest, limit: WORD_HITS_MAX, after: None })?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for hit in &page.hits {
        let case = hit.case()?;
        let Some(event) = &case.event else { continue };
        let mut words = search.reader.words(&event.text);
        words.sort_unstable();
        words.dedup();
        // A word of one letter says nothing.
        let told = words.into_iter().filter(|word| word.chars().nth(1).is_some());
        told.for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let mut counts: Vec<Count> = counts.into_iter().map(|(value, count)| Count { value, count }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts.truncate(limit);
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_written() {
        assert_eq!(span("10m"), Some(600_000));
        assert_eq!(span("1w"), Some(604_800_000));
        for wrong in ["", "m", "10", "0m", "-1h", "1y", "é", "99999999999999999999h"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_longest_bar_is_full_and_the_shortest_is_seen() {
        assert_eq!(bar(7, 7).chars().count(), BAR_CHARS);
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(0, 7), "");
    }
}
