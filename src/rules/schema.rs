//! The JSON Schemas of rule and ladder files, for editors: written from the table that the reader reads by.

use serde_json::{Map, Value as Json, json};

use super::keys::{self, Key, Shape};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of rule files.
#[must_use]
pub fn schema() -> Json {
    let rule = of_map(keys::RULE);
    json!({"$schema": DIALECT, "title": "Tidegate rules", "type": ["array", "null"], "items": rule})
}

/// The schema of ladder files.
#[must_use]
pub fn ladder_schema() -> Json {
    let mut ladder = of_map(keys::LADDER);
    ladder["$schema"] = json!(DIALECT);
    ladder["title"] = json!("Tidegate ladder");
    ladder
}

fn of_map(table: &[Key]) -> Json {
    let required: Vec<_> = table.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut map = json!({"type": "object", "properties": properties(table), "additionalProperties": false});
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    map
}

fn properties(table: &[Key]) -> Map<String, Json> {
    let described = |key: &Key| {
        let mut shape = of_shape(key.shape);
        shape["description"] = json!(key.about);
        (key.name.to_owned(), shape)
    };
    table.iter().map(described).collect()
}

fn of_shape(shape: Shape) -> Json {
    match shape {
        Shape::Text | Shape::Condition => json!({"type": "string", "minLength": 1}),
        Shape::Anything => json!({"type": ["string", "number", "boolean"]}),
        Shape::Id => json!({"type": "string", "pattern": r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"}),
        Shape::Integer(min, i64::MAX) => json!({"type": "integer", "minimum": min}),
        Shape::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number(min, max) => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Duration => json!({"type": "string", "pattern": "^[0-9]+[smhd]$"}),
        Shape::Day => json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        Shape::Time => json!({"type": ["string", "integer"]}),
        Shape::OneOf(words) => json!({"enum": words}),
        Shape::Wording => json!({"oneOf": [
            {"type": "string", "minLength": 1},
            {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}},
        ]}),
        Shape::Signals => json!({"type": "object"}),
        Shape::List(item) => json!({"type": "array", "items": of_shape(*item)}),
        Shape::Map(table) => of_map(table),
        Shape::Choice(table) => {
            let mut choice = of_map(table);
            choice["minProperties"] = json!(1);
            choice["maxProperties"] = json!(1);
            choice
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(table: &[Key]) -> Vec<&str> {
        table.iter().map(|key| key.name).collect()
    }

    #[test]
    fn the_schema_knows_every_key_and_no_other() {
        let rule = &schema()["items"];
        let names: Vec<_> = rule["properties"].as_object().expect("a map").keys().map(String::as_str).collect();
        assert_eq!(names.len(), keys::RULE.len());
        assert!(keys(keys::RULE).iter().all(|key| names.contains(key)));
        assert_eq!(rule["additionalProperties"], false);
        assert_eq!(rule["required"], json!(["id", "when", "do"]));
        let fold = &rule["properties"]["do"]["items"]["properties"]["fold"]["properties"]["level"];
        assert_eq!((&fold["minimum"], &fold["maximum"]), (&json!(1), &json!(3)));
    }

    #[test]
    fn what_lasts_in_a_step_must_end_by_itself_for_editors_too() {
        let [of_rule, of_step] =
            [&schema()["items"], &ladder_schema()["properties"]["post"]["properties"]["steps"]["items"]]
                .map(|owner| owner["properties"]["do"]["items"]["properties"].clone());
        assert_eq!(of_rule["limit"]["required"], json!(["scope"]));
        assert_eq!(of_rule["label"]["required"], json!(["code"]));
        assert_eq!(of_step["limit"]["required"], json!(["scope", "for"]));
        assert_eq!(of_step["label"]["required"], json!(["code", "for"]));
    }

    #[test]
    fn the_ladder_has_a_schema_for_every_channel() {
        let ladder = ladder_schema();
        for channel in crate::event::Channel::ALL {
            assert_eq!(ladder["properties"][channel.name()]["required"], json!(["expires", "steps"]));
        }
    }
}
