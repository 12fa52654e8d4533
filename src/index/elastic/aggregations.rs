//! Aggregations: from Elasticsearch's words to those of the library, which are nearly the same, and back.

use serde_json::{Map, Value, json};

use super::queries::whole;
use super::{ElasticError, field, refuse};
use crate::index::reader::VALUES_MAX;
use crate::index::schema::Kind;

/// Aggregations in aggregations.
const DEPTH_MAX: usize = 6;
/// Aggregations of one request.
const AGGREGATIONS_MAX: usize = 64;

const METRICS: [&str; 9] =
    ["avg", "min", "max", "sum", "stats", "extended_stats", "value_count", "percentiles", "cardinality"];

/// Reads what is to be counted.
pub(super) fn read(wanted: &Value) -> Result<Value, ElasticError> {
    let mut left = AGGREGATIONS_MAX;
    level(wanted, 0, &mut left).map(Value::Object)
}

/// The fields that are counted by, as far as bounds allow.
pub(super) fn fields(wanted: &Value, found: &mut Vec<String>) {
    match wanted {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| match value {
            Value::String(name) if key == "field" && found.len() < AGGREGATIONS_MAX => {
                found.push(name.trim_end_matches(".keyword").to_owned());
            }
            value => fields(value, found),
        }),
        Value::Array(all) => all.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

fn level(wanted: &Value, depth: usize, left: &mut usize) -> Result<Map<String, Value>, ElasticError> {
    let Some(wanted) = wanted.as_object() else { return refuse("aggregations are an object") };
    if depth > DEPTH_MAX || wanted.len() > *left {
        return refuse(format!("aggregations are {DEPTH_MAX} deep and {AGGREGATIONS_MAX} at most"));
    }
    *left -= wanted.len();
    let mut ours = Map::new();
    for (name, one) in wanted {
        let Some(one) = one.as_object() else { return refuse(format!("the aggregation [{name}] is no object")) };
        let mut into = Map::new();
        for (kind, body) in one {
            match kind.as_str() {
                "aggs" | "aggregations" => {
                    into.insert("aggs".into(), Value::Object(level(body, depth + 1, left)?));
                }
                "meta" => {}
                kind => {
                    into.insert(kind.to_owned(), single(kind, body)?);
                }
            }
        }
        ours.insert(name.clone(), Value::Object(into));
    }
    Ok(ours)
}

fn single(kind: &str, body: &Value) -> Result<Value, ElasticError> {
    let (name, of) = field(body["field"].as_str().unwrap_or_default())?;
    let can_count = match kind {
        "terms" => of == Kind::Name,
        "date_histogram" => of == Kind::Time,
        "histogram" | "range" => of == Kind::Number,
        "cardinality" | "value_count" => !matches!(of, Kind::Text | Kind::Id),
        kind if METRICS.contains(&kind) => matches!(of, Kind::Number | Kind::Time),
        other => return refuse(format!("the aggregation [{other}] is not known here")),
    };
    if !can_count {
        return refuse(format!("[{name}] cannot be counted by [{kind}]"));
    }
    let mut ours = Map::from_iter([("field".to_owned(), json!(name))]);
    let kept: &[&str] = match kind {
        "date_histogram" => &["offset"],
        "histogram" => &["interval", "min_doc_count", "offset", "extended_bounds", "hard_bounds"],
        "range" => &["ranges", "keyed"],
        "percentiles" => &["percents"],
        _ => &[],
    };
    let kept = kept.iter().filter_map(|&key| Some((key.to_owned(), body.get(key)?.clone())));
    ours.extend(kept);
    match kind {
        "terms" => {
            let size = body.get("size").map_or(Some(10), whole);
            let Some(size) = size else { return refuse("size is a whole number") };
            // Older dashboards write 0 where they want all.
            let size = if size == 0 { VALUES_MAX as u64 } else { size.min(VALUES_MAX as u64) };
            ours.insert("size".into(), json!(size));
            ours.insert("segment_size".into(), json!((size * 10).max(1000)));
            if let Some(order) = body.get("order") {
                ours.insert("order".into(), ordered(order)?);
            }
            let least = body.get("min_doc_count").and_then(whole).unwrap_or(1).max(1);
            ours.insert("min_doc_count".into(), json!(least));
        }
        "date_histogram" => {
            ours.insert("fixed_interval".into(), json!(interval(body)?));
            ours.insert("min_doc_count".into(), json!(body.get("min_doc_count").and_then(whole).unwrap_or(0)));
            for key in ["extended_bounds", "hard_bounds"] {
                let bound = |end: &str| body[key][end].as_f64().or_else(|| body[key][end].as_str()?.parse().ok());
                if let Some((min, max)) = bound("min").zip(bound("max")) {
                    ours.insert(key.into(), json!({ "min": min, "max": max }));
                }
            }
        }
        _ => {}
    }
    Ok(Value::Object(ours))
}

/// `{"_count": "desc"}`, or a list with one of these; `_term` is what `_key` was called.
fn ordered(order: &Value) -> Result<Value, ElasticError> {
    let order = order.as_array().and_then(|all| all.first()).unwrap_or(order);
    let Some((by, direction)) = order.as_object().and_then(|order| order.iter().next()) else {
        return refuse("order is an object such as {\"_count\": \"desc\"}");
    };
    let by = if by == "_term" { "_key" } else { by.as_str() };
    Ok(json!({ by: direction }))
}

/// The length of the spans, in the library's words.
fn interval(body: &Value) -> Result<String, ElasticError> {
    let given = ["fixed_interval", "interval", "calendar_interval"].into_iter().find_map(|key| body[key].as_str());
    let Some(given) = given else { return refuse("date_histogram has no [fixed_interval]") };
    let fixed = match given {
        "minute" | "1m" => "1m",
        "hour" | "1h" => "1h",
        "day" | "1d" => "1d",
        "week" | "1w" => "7d",
        "month" | "1M" | "quarter" | "1q" | "year" | "1y" => {
            return refuse(format!("spans are of one length: [{given}] is not, write 30d"));
        }
        fixed => fixed,
    };
    Ok(fixed.to_owned())
}

/// Makes the answer what Elasticsearch would say: times in milliseconds, whole numbers where they are whole.
pub(super) fn word(request: &Value, counted: &mut Value) {
    let (Some(request), Some(counted)) = (request.as_object(), counted.as_object_mut()) else { return };
    for (name, one) in request {
        if let Some(counted) = counted.get_mut(name) {
            word_one(one, counted);
        }
    }
}

fn word_one(request: &Value, counted: &mut Value) {
    let is_of_time = |kind: &&str| request[*kind]["field"] == "at";
    if ["min", "max", "avg"].iter().any(is_of_time) {
        // The library counts times in nanoseconds.
        if let Some(nanos) = counted["value"].as_f64() {
            counted["value"] = json!(nanos / 1e6);
        }
    }
    let is_dated = request.get("date_histogram").is_some();
    let inner = request.get("aggs");
    let Some(buckets) = counted.get_mut("buckets") else { return };
    let each: Vec<&mut Value> = match buckets {
        Value::Array(all) => all.iter_mut().collect(),
        Value::Object(all) => all.iter_mut().map(|(_, bucket)| bucket).collect(),
        _ => Vec::new(),
    };
    for bucket in each {
        if let Some(millis) = bucket["key"].as_f64().filter(|_| is_dated) {
            bucket["key"] = json!(millis as i64);
        }
        if let Some(inner) = inner {
            word(inner, bucket);
        }
    }
}
