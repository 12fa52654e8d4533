//! Reading claims from JSON lines, as people keep them: which keys mean what, and what is refused.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::date::Day;
use super::rating;
use super::record::{Claim, Status, Tier, Variant, Verdict};
use crate::problem::Problem;
use crate::text::fold_to_string;

/// Bytes of an id, of one text, of an address.
const ID_BYTES_MAX: usize = 256;
const TEXT_BYTES_MAX: usize = 8 << 10;
const URL_BYTES_MAX: usize = 2 << 10;
const VARIANTS_MAX: usize = 64;

/// What a library is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Messages are acted on: a record without authority, url or date is refused.
    Act,
    /// Messages are matched only: such a record is taken, and never acts.
    Match,
}

/// Reads JSON lines, one claim each. What could be read comes with what is wrong.
#[must_use]
pub fn read_lines(file: &Arc<str>, text: &str, purpose: Purpose) -> (Vec<Claim>, Vec<Problem>) {
    let (mut claims, mut problems) = (Vec::new(), Vec::new());
    for (line, row) in (1..).zip(text.lines()) {
        if row.trim().is_empty() {
            continue;
        }
        match read_line(row, purpose) {
            Ok(claim) => claims.push(claim),
            Err((message, hint)) => problems.push(Problem::error(file, message).at(line, 0, 0).hint(hint)),
        }
    }
    (claims, problems)
}

/// What is wrong, and what to do.
pub(super) type Refusal = (String, &'static str);

fn read_line(row: &str, purpose: Purpose) -> Result<Claim, Refusal> {
    let object: Map<String, Value> =
        serde_json::from_str(row).map_err(|error| (format!("no JSON object: {error}"), "write one object a line"))?;
    read_object(&object, purpose)
}

/// Reads one record.
pub(super) fn read_object(object: &Map<String, Value>, purpose: Purpose) -> Result<Claim, Refusal> {
    complete(from_object(object, purpose)?, purpose)
}

/// Refuses what may not act where claims are to act.
fn complete(claim: Claim, purpose: Purpose) -> Result<Claim, Refusal> {
    let lacks = claim.lacks();
    if purpose == Purpose::Act && !lacks.is_empty() && claim.status != Status::Draft {
        let message = format!("claim \"{}\" has no {}", claim.id, lacks.join(", no "));
        return Err((message, "whoever is labelled must be able to read who says so, where and since when"));
    }
    Ok(claim)
}

fn from_object(object: &Map<String, Value>, purpose: Purpose) -> Result<Claim, Refusal> {
    let day = |keys: &[&str]| day(object, keys, purpose);
    let claim = text(object, &["claim", "claimReviewed", "text"], TEXT_BYTES_MAX)?;
    let id = text(object, &["id"], ID_BYTES_MAX)?;
    if claim.is_empty() || id.is_empty() {
        let lacking = if id.is_empty() { "id" } else { "claim" };
        return Err((format!("`{lacking}` is missing or empty"), "every claim has an id and a sentence"));
    }
    let authority = text(object, &["authority", "publisher", "source"], TEXT_BYTES_MAX)?;
    let url = text(object, &["url", "link"], URL_BYTES_MAX)?;
    let rating = text(object, &["rating", "verdict"], TEXT_BYTES_MAX)?;
    let named = text(object, &["verdict"], TEXT_BYTES_MAX)?;
    let publisher = fold_to_string(&format!("{authority} {url}"));
    let verdict = Verdict::of(&named)
        .or_else(|| rating::verdict(&publisher, &fold_to_string(&named)))
        .or_else(|| rating::verdict(&publisher, &fold_to_string(&rating)))
        .unwrap_or_default();
    Ok(Claim {
        id,
        claim,
        title: text(object, &["title", "headline"], TEXT_BYTES_MAX)?,
        variants: variants(object)?,
        verdict,
        rating,
        authority,
        tier: tier(object)?,
        url,
        published: day(&["published", "date", "datePublished"])?,
        claim_date: day(&["claim_date"])?,
        valid_from: day(&["valid_from"])?,
        valid_until: day(&["valid_until"])?,
        region: text(object, &["region"], ID_BYTES_MAX)?,
        topic: text(object, &["topic"], ID_BYTES_MAX)?,
        status: word(object, "status", Status::of)?,
        revision: object.get("revision").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
    })
}

/// The first of these keys that holds a text or a number.
fn text(object: &Map<String, Value>, keys: &[&str], bytes_max: usize) -> Result<Box<str>, Refusal> {
    for key in keys {
        let found: Box<str> = match object.get(*key) {
            Some(Value::String(text)) => text.trim().into(),
            Some(Value::Number(number)) => number.to_string().into(),
            Some(Value::Object(inner)) => inner.get("name").and_then(Value::as_str).unwrap_or_default().trim().into(),
            _ => continue,
        };
        if found.len() > bytes_max {
            let message = format!("`{key}` has {} bytes; {bytes_max} can be taken", found.len());
            return Err((message, "say it in fewer words"));
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok("".into())
}

fn word<T: Default>(object: &Map<String, Value>, key: &str, of: impl Fn(&str) -> Option<T>) -> Result<T, Refusal> {
    match object.get(key).and_then(Value::as_str) {
        None => Ok(T::default()),
        Some(word) => of(word).ok_or_else(|| (format!("`{key}` is \"{word}\""), "docs/claims.md lists the words")),
    }
}

/// A word, or the number that it stands for.
fn tier(object: &Map<String, Value>) -> Result<Tier, Refusal> {
    let found = text(object, &["authority_tier", "tier"], ID_BYTES_MAX)?;
    let numbered = || Tier::ALL.iter().copied().find(|tier| tier.rank().to_string() == *found);
    let refusal = || (format!("`authority_tier` is \"{found}\""), "write 1 (national), 2 (regional) or 3 (media)");
    if found.is_empty() { Ok(Tier::Unknown) } else { Tier::of(&found).or_else(numbered).ok_or_else(refusal) }
}

/// A day that is there and cannot be read is a mistake where claims act, and as good as none where they are only matched.
fn day(object: &Map<String, Value>, keys: &[&str], purpose: Purpose) -> Result<Option<Day>, Refusal> {
    let found = text(object, keys, TEXT_BYTES_MAX)?;
    let day = Day::parse(&found);
    if purpose == Purpose::Act && day.is_none() && !found.is_empty() {
        return Err((format!("`{}` is \"{found}\", which is no day", keys[0]), "write it like 2026-09-01"));
    }
    Ok(day)
}

fn variants(object: &Map<String, Value>) -> Result<Vec<Variant>, Refusal> {
    let Some(Value::Array(list)) = object.get("variants") else { return Ok(Vec::new()) };
    if list.len() > VARIANTS_MAX {
        let message = format!("{} variants; {VARIANTS_MAX} can be taken", list.len());
        return Err((message, "keep those that differ most"));
    }
    list.iter().map(variant).collect()
}

fn variant(value: &Value) -> Result<Variant, Refusal> {
    match value {
        Value::String(words) => Ok(Variant { text: words.trim().into(), ..Variant::default() }),
        Value::Object(object) => Ok(Variant {
            text: text(object, &["text"], TEXT_BYTES_MAX)?,
            added_by: text(object, &["added_by"], ID_BYTES_MAX)?,
            date: day(object, &["date"], Purpose::Match)?,
        }),
        _ => Err(("a variant is neither a text nor an object".into(), "write {\"text\": …}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, purpose: Purpose) -> (Vec<Claim>, Vec<String>) {
        let (claims, problems) = read_lines(&"library.jsonl".into(), text, purpose);
        (claims, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn whichever_keys_a_library_has_are_read() {
        let full = r#"{"id":"a","claim":"garlic cures flu","verdict":"假","authority":{"name":"较真"},"url":"https://a.example/1","date":"2020-03-17 12:58","variants":["eat garlic",{"text":"garlic!","added_by":"me","date":"2021-01-02"}],"size":6}"#;
        let (claims, problems) = read(full, Purpose::Act);
        assert!(problems.is_empty());
        let claim = &claims[0];
        assert_eq!((claim.verdict, &*claim.rating, &*claim.authority), (Verdict::False, "假", "较真"));
        assert_eq!(claim.published, Day::parse("2020-03-17"));
        assert_eq!(claim.variants.len(), 2);
        let bare = r#"{"id":7,"claim":"x happened","title":"Did X happen?","date":"25 February 2020"}"#;
        let (claims, problems) = read(bare, Purpose::Match);
        assert!(problems.is_empty());
        assert_eq!((&*claims[0].id, claims[0].verdict), ("7", Verdict::Unrated));
    }

    #[test]
    fn what_cannot_be_taken_is_told_with_its_row() {
        let rows = concat!(
            "{\"id\":\"a\",\"claim\":\"c\",\"verdict\":\"false\"}\n\n",
            "not json\n",
            "{\"claim\":\"c\"}\n",
            "{\"id\":\"b\",\"claim\":\"c\",\"date\":\"soon\"}\n",
            "{\"id\":\"c\",\"claim\":\"c\",\"status\":\"gone\"}\n",
        );
        let (claims, problems) = read(rows, Purpose::Act);
        assert!(claims.is_empty());
        assert_eq!(problems.len(), 5);
        assert!(problems[0].starts_with("library.jsonl:1: error: claim \"a\" has no authority, no url, no date"));
        assert!(problems[1].starts_with("library.jsonl:3: "));
        assert!(problems[3].contains("`published` is \"soon\""));
    }

    #[test]
    fn a_number_for_a_verdict_is_no_verdict() {
        let (claims, _) = read(r#"{"id":"a","claim":"c","verdict":0}"#, Purpose::Match);
        assert_eq!((claims[0].verdict, &*claims[0].rating), (Verdict::Unrated, "0"));
    }
}
