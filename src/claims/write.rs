//! Writing claims as the JSON lines that they are read from.

use serde_json::{Map, Value, json};

use super::record::{Claim, Tier, Variant};

/// One claim as an object, what is empty left out.
#[must_use]
pub fn to_json(claim: &Claim) -> Value {
    let mut object = Map::new();
    let day = |day: Option<super::Day>| day.map_or(Value::Null, |day| day.to_string().into());
    let tier = if claim.tier == Tier::Unknown { Value::Null } else { claim.tier.rank().into() };
    let variants: Vec<Value> = claim.variants.iter().map(variant).collect();
    let fields = [
        ("id", json!(claim.id)),
        ("claim", json!(claim.claim)),
        ("title", json!(claim.title)),
        ("variants", variants.into()),
        ("verdict", json!(claim.verdict.name())),
        ("rating", json!(claim.rating)),
        ("authority", json!(claim.authority)),
        ("authority_tier", tier),
        ("url", json!(claim.url)),
        ("published", day(claim.published)),
        ("claim_date", day(claim.claim_date)),
        ("valid_from", day(claim.valid_from)),
        ("valid_until", day(claim.valid_until)),
        ("region", json!(claim.region)),
        ("topic", json!(claim.topic)),
        ("status", json!(claim.status.name())),
        ("revision", json!(claim.revision)),
    ];
    for (key, value) in fields {
        let is_empty = value.is_null() || value == json!("") || value == json!([]);
        if !is_empty {
            object.insert(key.into(), value);
        }
    }
    object.into()
}

fn variant(variant: &Variant) -> Value {
    let mut object = Map::new();
    object.insert("text".into(), json!(variant.text));
    if !variant.added_by.is_empty() {
        object.insert("added_by".into(), json!(variant.added_by));
    }
    if let Some(day) = variant.date {
        object.insert("date".into(), day.to_string().into());
    }
    object.into()
}

/// JSON lines, one claim each.
#[must_use]
pub fn to_lines(claims: &[Claim]) -> String {
    claims.iter().map(|claim| format!("{}\n", to_json(claim))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Day, Purpose, Verdict, read_lines};

    #[test]
    fn what_is_written_is_read() {
        let claim = Claim {
            id: "a".into(),
            claim: "吃大蒜\n治流感".into(),
            variants: vec![Variant { text: "x".into(), added_by: "me".into(), date: Day::parse("2020-01-01") }],
            verdict: Verdict::Misleading,
            rating: "误导".into(),
            authority: "A".into(),
            tier: Tier::Regional,
            url: "https://a.example/".into(),
            published: Day::parse("2020-01-02"),
            valid_until: Day::parse("2030-01-02"),
            revision: 3,
            ..Claim::default()
        };
        let (read, problems) = read_lines(&"x".into(), &to_lines(std::slice::from_ref(&claim)), Purpose::Act);
        assert!(problems.is_empty());
        assert_eq!(read, [claim]);
    }
}
