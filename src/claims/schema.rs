//! The JSON Schema of one claim as the product writes it, for editors and for those who keep libraries elsewhere.

use serde_json::{Map, Value, json};

use super::record::{Status, Tier, Verdict};

/// Key, whether a claim in force needs it, its shape, and what it says.
type Field = (&'static str, bool, Value, &'static str);

/// The schema of one line of a library.
#[must_use]
pub fn schema() -> Value {
    let described = |(name, _, shape, about): &Field| {
        let mut shape = shape.clone();
        shape["description"] = json!(about);
        ((*name).to_owned(), shape)
    };
    let fields = fields();
    let properties: Map<String, Value> = fields.iter().map(described).collect();
    let needed: Vec<&str> = fields.iter().filter(|field| field.1).map(|field| field.0).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tidegate claim",
        "type": "object",
        "properties": properties,
        "required": ["id", "claim"],
        "if": {"properties": {"status": {"const": Status::Draft.name()}}, "required": ["status"]},
        "else": {"required": needed},
    })
}

fn fields() -> [Field; 17] {
    let text = || json!({"type": "string"});
    let filled = || json!({"type": "string", "minLength": 1});
    let day = || json!({"type": "string", "format": "date"});
    let one_of = |names: Vec<&str>| json!({"enum": names});
    let variant = json!({"oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "object", "required": ["text"], "properties": {"text": filled(), "added_by": text(), "date": day()}},
    ]});
    [
        ("id", true, filled(), "Unique in a library."),
        ("claim", true, filled(), "What is claimed, as a sentence."),
        ("title", false, text(), "The headline of the fact-check."),
        (
            "variants",
            false,
            json!({"type": "array", "maxItems": 64, "items": variant}),
            "Other ways of claiming the same.",
        ),
        (
            "verdict",
            false,
            one_of(Verdict::ALL.iter().map(|verdict| verdict.name()).collect()),
            "What was found. Only false and misleading are acted on.",
        ),
        ("rating", false, text(), "The words in which the publisher said so."),
        ("authority", true, filled(), "Who says so."),
        (
            "authority_tier",
            false,
            json!({"enum": Tier::ALL[1..].iter().map(|tier| tier.rank()).collect::<Vec<_>>()}),
            "1 national and international public institutions, 2 regional and professional bodies, 3 media and fact-checkers.",
        ),
        ("url", true, filled(), "Where people can read it."),
        ("published", true, day(), "When the fact-check was published."),
        ("claim_date", false, day(), "The day that the claim is about: a message must be of that time."),
        ("valid_from", false, day(), "The first day on which it may act."),
        ("valid_until", false, day(), "The last day on which it may act."),
        ("region", false, text(), "Where it is about; absent for everywhere."),
        ("topic", false, text(), "What it is about, in one word."),
        (
            "status",
            false,
            one_of(Status::ALL.iter().map(|status| status.name()).collect()),
            "Whether it is in force: a draft never acts, a retracted one is kept and not found.",
        ),
        ("revision", false, json!({"type": "integer", "minimum": 0}), "Counts up with each change."),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Claim, Day, Variant, to_json};

    #[test]
    fn it_knows_every_key_that_is_written() {
        let day = Day::parse("2020-01-01");
        let words = || "x".into();
        let full = Claim {
            id: words(),
            claim: words(),
            title: words(),
            variants: vec![Variant { text: words(), added_by: words(), date: day }],
            verdict: Verdict::False,
            rating: words(),
            authority: words(),
            tier: Tier::Media,
            url: words(),
            published: day,
            claim_date: day,
            valid_from: day,
            valid_until: day,
            region: words(),
            topic: words(),
            status: Status::Retracted,
            revision: 1,
        };
        let keys =
            |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(keys(&schema()["properties"]), keys(&to_json(&full)));
    }
}
