//! Reading claims from what fact-checkers publish: ClaimReview in JSON-LD, alone, in a list, in a graph or in a `DataFeed`; and
//! tables (CSV) with a heading.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::read::{self, Purpose};
use super::record::Claim;
use crate::problem::Problem;

/// Reads schema.org ClaimReview (<https://schema.org/ClaimReview>) from a JSON document.
#[must_use]
pub fn read_claim_reviews(file: &Arc<str>, text: &str, purpose: Purpose) -> (Vec<Claim>, Vec<Problem>) {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let problem = Problem::error(file, format!("no JSON: {error}")).at(error.line() as u32, 0, 0);
            return (Vec::new(), vec![problem]);
        }
    };
    let mut reviews = Vec::new();
    gather(&value, 0, &mut reviews);
    let (mut claims, mut problems) = (Vec::new(), Vec::new());
    if reviews.is_empty() {
        problems.push(
            Problem::error(file, "there is no ClaimReview in it")
                .hint("the feed's objects have \"@type\": \"ClaimReview\""),
        );
    }
    for (number, review) in (1..).zip(reviews) {
        match read::read_object(&flattened(review), purpose) {
            Ok(claim) => claims.push(claim),
            Err((message, hint)) => {
                problems.push(Problem::error(file, format!("ClaimReview {number}: {message}")).hint(hint));
            }
        }
    }
    (claims, problems)
}

/// How deep feeds are looked through.
const DEPTH_MAX: usize = 8;

/// Every ClaimReview below a value, in order.
fn gather<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a Map<String, Value>>) {
    let inner: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(object) if is_claim_review(object) => return found.push(object),
        Value::Object(object) => object.values().filter(|inner| inner.is_array() || inner.is_object()).collect(),
        _ => return,
    };
    if depth < DEPTH_MAX {
        inner.into_iter().for_each(|inner| gather(inner, depth + 1, found));
    }
}

fn is_claim_review(object: &Map<String, Value>) -> bool {
    let is =
        |kind: &Value| kind.as_str().is_some_and(|kind| kind.trim_start_matches("schema:").ends_with("ClaimReview"));
    match object.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        None => object.contains_key("claimReviewed"),
    }
}

/// The keys of our own records. The rating is the publisher's words, never its number.
fn flattened(review: &Map<String, Value>) -> Map<String, Value> {
    let at = |path: &[&str]| {
        path.iter()
            .try_fold(review.get(path[0])?, |value, key| if *key == path[0] { Some(value) } else { value.get(*key) })
    };
    let first = |value: &Value| match value {
        Value::Array(list) => list.first().cloned(),
        other => Some(other.clone()),
    };
    let pick = |paths: &[&[&str]]| paths.iter().filter_map(|path| at(path)).find_map(first);
    let fields: [(&str, &[&[&str]]); 8] = [
        ("id", &[&["url"], &["@id"]]),
        ("claim", &[&["claimReviewed"]]),
        ("title", &[&["headline"], &["name"]]),
        ("rating", &[&["reviewRating", "alternateName"], &["reviewRating", "name"]]),
        ("authority", &[&["author", "name"], &["publisher", "name"], &["author"]]),
        ("url", &[&["url"]]),
        ("published", &[&["datePublished"], &["dateModified"]]),
        ("topic", &[&["about", "name"]]),
    ];
    fields.iter().filter_map(|(key, paths)| Some(((*key).to_owned(), pick(paths)?))).collect()
}

/// Reads a table: a heading with the keys of JSON records, then one claim a row. Fields may be quoted (RFC 4180); `variants` are
/// parted by `|`.
#[must_use]
pub fn read_csv(file: &Arc<str>, text: &str, purpose: Purpose) -> (Vec<Claim>, Vec<Problem>) {
    let mut rows = rows(text).into_iter();
    let Some((_, heading)) = rows.next() else {
        return (
            Vec::new(),
            vec![Problem::error(file, "the table is empty").hint("begin with a heading: id,claim,verdict,…")],
        );
    };
    let heading: Vec<String> =
        heading.iter().map(|key| key.trim().trim_start_matches('\u{feff}').to_lowercase()).collect();
    let (mut claims, mut problems) = (Vec::new(), Vec::new());
    for (line, row) in rows {
        let mut refuse =
            |message: String, hint: &str| problems.push(Problem::error(file, message).at(line, 0, 0).hint(hint));
        if row.len() != heading.len() {
            refuse(
                format!("{} fields under a heading of {}", row.len(), heading.len()),
                "quote fields that hold commas",
            );
            continue;
        }
        let field = |(key, value): (&String, String)| match &**key {
            "variants" => {
                (key.clone(), value.split('|').filter(|part| !part.trim().is_empty()).map(Value::from).collect())
            }
            _ => (key.clone(), Value::from(value)),
        };
        match read::read_object(&heading.iter().zip(row).map(field).collect(), purpose) {
            Ok(claim) => claims.push(claim),
            Err((message, hint)) => refuse(message, hint),
        }
    }
    (claims, problems)
}

/// The rows of a table that are not empty, each with the line on which it begins.
fn rows(text: &str) -> Vec<(u32, Vec<String>)> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begins, mut is_quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += u32::from(c == '\n');
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut field)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut field));
                rows.push((begins, std::mem::take(&mut row)));
                begins = line;
            }
            '\r' if !is_quoted => {}
            c => field.push(c),
        }
    }
    row.push(field);
    rows.push((begins, row));
    rows.retain(|(_, row)| row.len() > 1 || row.iter().any(|field| !field.trim().is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Day, Verdict};

    const REVIEW: &str = r#"{"@type":"ClaimReview","claimReviewed":"Garlic cures flu","url":"https://www.snopes.com/garlic","author":{"@type":"Organization","name":"Snopes"},"datePublished":"2020-02-01","headline":"Does garlic cure flu?","reviewRating":{"@type":"Rating","ratingValue":1,"alternateName":"Mostly False"}}"#;

    #[test]
    fn claim_reviews_are_found_wherever_feeds_put_them() {
        let feeds = [
            REVIEW.to_owned(),
            format!("[{REVIEW}]"),
            format!(r#"{{"@graph":[{{"@type":"WebPage"}},{REVIEW}]}}"#),
            format!(r#"{{"@type":"DataFeed","dataFeedElement":[{{"@type":"DataFeedItem","item":[{REVIEW}]}}]}}"#),
        ];
        for feed in feeds {
            let (claims, problems) = read_claim_reviews(&"feed".into(), &feed, Purpose::Act);
            assert!(problems.is_empty() && claims.len() == 1, "{feed} {problems:?}");
            let claim = &claims[0];
            assert_eq!((claim.verdict, &*claim.rating, &*claim.authority), (Verdict::False, "Mostly False", "Snopes"));
            assert_eq!((claim.published, &*claim.title), (Day::parse("2020-02-01"), "Does garlic cure flu?"));
        }
    }

    #[test]
    fn a_rating_by_number_alone_is_no_verdict_and_what_lacks_a_day_is_refused() {
        let numbered = REVIEW.replace(r#","alternateName":"Mostly False""#, "");
        assert_eq!(read_claim_reviews(&"feed".into(), &numbered, Purpose::Act).0[0].verdict, Verdict::Unrated);
        let undated = REVIEW.replace(r#""datePublished":"2020-02-01","#, "");
        let (claims, problems) = read_claim_reviews(&"feed".into(), &undated, Purpose::Act);
        assert!(claims.is_empty());
        assert!(
            problems[0]
                .to_string()
                .starts_with("feed: error: ClaimReview 1: claim \"https://www.snopes.com/garlic\" has no date")
        );
        assert_eq!(read_claim_reviews(&"feed".into(), "{}", Purpose::Act).1.len(), 1);
        assert_eq!(read_claim_reviews(&"feed".into(), "{", Purpose::Act).1.len(), 1);
    }

    #[test]
    fn tables_are_read_with_quotes_and_lines_in_them() {
        let table = "id,claim,verdict,authority,url,date,variants\r\na,\"one, \"\"two\"\"\nthree\",假,A,https://a.example/,2020-01-02,x|y\n\nb,c\nd,e,false,,,,\n";
        let (claims, problems) = read_csv(&"t.csv".into(), table, Purpose::Act);
        assert_eq!(claims.len(), 1);
        assert_eq!((&*claims[0].claim, claims[0].variants.len()), ("one, \"two\"\nthree", 2));
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("t.csv:5: error: 2 fields"), "{told:?}");
        assert!(told[1].starts_with("t.csv:6: error: claim \"d\" has no authority, no url, no date"), "{told:?}");
    }
}
