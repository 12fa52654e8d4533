//! Aggregations: from Elasticsearch's words to those of the library, which are nearly the same, and back.

use serde_json::{Map, Value, json};

use super::queries::whole;
use super::{ElasticError, field, is_nothing, only, refuse};
use crate::index::reader::VALUES_MAX;
use crate::index::schema::Kind;

/// Aggregations in aggregations.
const DEPTH_MAX: usize = 6;
/// Aggregations of one request.
const AGGREGATIONS_MAX: usize = 64;

const METRICS: [&str; 9] =
    ["avg", "min", "max", "sum", "stats", "extended_stats", "value_count", "percentiles", "cardinality"];

/// Ranges and percentiles of one aggregation.
const LIST_MAX: usize = 100;
/// The shortest span of numbers: what is shorter cannot be told apart.
const INTERVAL_MIN: f64 = 1e-6;
/// The longest span of time, in milliseconds: a hundred years.
const SPAN_MS_MAX: u64 = 36_525 * 86_400_000;
/// How far bounds may lie from 0, in milliseconds or as numbers: year 33,658.
const BOUND_MAX: f64 = 1e15;

/// What is to be counted, in the library's words, and the fields that it is counted by.
pub(super) fn read(wanted: &Value) -> Result<(Value, Vec<&'static str>), ElasticError> {
    let mut reading = Reading { left: AGGREGATIONS_MAX, fields: Vec::new() };
    let request = reading.level(wanted, 0)?;
    Ok((Value::Object(request), reading.fields))
}

struct Reading {
    left: usize,
    fields: Vec<&'static str>,
}

impl Reading {
    fn level(&mut self, wanted: &Value, depth: usize) -> Result<Map<String, Value>, ElasticError> {
        let Some(wanted) = wanted.as_object() else { return refuse("aggregations are an object") };
        if depth > DEPTH_MAX || wanted.len() > self.left {
            return refuse(format!("aggregations are {DEPTH_MAX} deep and {AGGREGATIONS_MAX} at most"));
        }
        self.left -= wanted.len();
        let mut ours = Map::new();
        for (name, one) in wanted {
            let Some(one) = one.as_object() else { return refuse(format!("the aggregation [{name}] is no object")) };
            let mut into = Map::new();
            for (kind, body) in one {
                match kind.as_str() {
                    "aggs" | "aggregations" => {
                        into.insert("aggs".into(), Value::Object(self.level(body, depth + 1)?));
                    }
                    "meta" => {}
                    kind => {
                        into.insert(kind.to_owned(), self.single(kind, body)?);
                    }
                }
            }
            ours.insert(name.clone(), Value::Object(into));
        }
        Ok(ours)
    }

    fn single(&mut self, kind: &str, body: &Value) -> Result<Value, ElasticError> {
        let Some(asked) = body.as_object() else { return refuse(format!("[{kind}] is no object")) };
        let (name, of) = field(body["field"].as_str().unwrap_or_default())?;
        let can_count = match kind {
            "terms" => of == Kind::Name,
            "date_histogram" => of == Kind::Time,
            "histogram" | "range" => of == Kind::Number,
            "cardinality" | "value_count" => !matches!(of, Kind::Text | Kind::Id),
            "min" | "max" | "avg" => matches!(of, Kind::Number | Kind::Time),
            // Of times, the library would add up nanoseconds.
            kind if METRICS.contains(&kind) => of == Kind::Number,
            other => return refuse(format!("the aggregation [{other}] is not known here")),
        };
        if !can_count {
            return refuse(format!("[{name}] cannot be counted by [{kind}]"));
        }
        only(kind, asked, known_options(kind))?;
        self.fields.push(name);
        let mut ours = Map::from_iter([("field".to_owned(), json!(name))]);
        let kept: &[&str] = match kind {
            "histogram" | "range" => &["keyed"],
            "percentiles" => &["percents", "keyed"],
            "extended_stats" => &["sigma"],
            _ => &[],
        };
        ours.extend(kept.iter().filter_map(|&key| Some((key.to_owned(), body.get(key)?.clone()))));
        match kind {
            "terms" => terms(body, &mut ours)?,
            "date_histogram" | "histogram" => histogram(kind, body, &mut ours)?,
            "range" => {
                ours.insert("ranges".into(), body["ranges"].clone());
            }
            _ => {}
        }
        let is_long = |key: &str| ours.get(key).and_then(Value::as_array).is_some_and(|all| all.len() > LIST_MAX);
        if is_long("ranges") || is_long("percents") {
            return refuse(format!("[{kind}] has {LIST_MAX} ranges or percents at most"));
        }
        Ok(Value::Object(ours))
    }
}

/// What may be said of an aggregation; what changes no answer stands here as well.
fn known_options(kind: &str) -> &'static [&'static str] {
    match kind {
        "terms" => &[
            "field",
            "size",
            "order",
            "min_doc_count",
            "shard_size",
            "show_term_doc_count_error",
            "execution_hint",
            "collect_mode",
        ],
        "date_histogram" => &[
            "field",
            "fixed_interval",
            "interval",
            "calendar_interval",
            "min_doc_count",
            "offset",
            "extended_bounds",
            "hard_bounds",
            "format",
            "time_zone",
        ],
        "histogram" => {
            &["field", "interval", "min_doc_count", "offset", "extended_bounds", "hard_bounds", "keyed", "format"]
        }
        "range" => &["field", "ranges", "keyed", "format"],
        "percentiles" => &["field", "percents", "keyed", "format"],
        "extended_stats" => &["field", "sigma", "format"],
        "cardinality" => &["field", "precision_threshold", "format"],
        _ => &["field", "format"],
    }
}

fn terms(body: &Value, ours: &mut Map<String, Value>) -> Result<(), ElasticError> {
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
    Ok(())
}

fn histogram(kind: &str, body: &Value, ours: &mut Map<String, Value>) -> Result<(), ElasticError> {
    let least = body.get("min_doc_count").and_then(whole).unwrap_or(0);
    ours.insert("min_doc_count".into(), json!(least));
    let step = if kind == "date_histogram" {
        let millis = interval(body)?;
        ours.insert("fixed_interval".into(), json!(format!("{millis}ms")));
        millis as f64
    } else {
        let Some(step) = number(&body["interval"]).filter(|step| *step >= INTERVAL_MIN) else {
            return refuse(format!("interval is a number, {INTERVAL_MIN} at least"));
        };
        ours.insert("interval".into(), json!(step));
        step
    };
    match body.get("offset") {
        None | Some(Value::Null) => {}
        Some(offset) => {
            let by = if kind == "date_histogram" { offset_ms(offset) } else { number(offset) };
            let Some(by) = by.filter(|by| by.abs() < step) else {
                return refuse("offset is shorter than the interval: a number, or a span such as +6h");
            };
            let by = if kind == "date_histogram" { json!(format!("{by}ms")) } else { json!(by) };
            ours.insert("offset".into(), by);
        }
    }
    for key in ["extended_bounds", "hard_bounds"] {
        let Some(bounds) = body.get(key).filter(|bounds| !is_nothing(bounds)) else { continue };
        let of = |end: &str| number(&bounds[end]).filter(|bound| bound.abs() <= BOUND_MAX);
        let Some((min, max)) = of("min").zip(of("max")) else {
            return refuse(format!("{key} has a min and a max, both numbers: milliseconds where it is of times"));
        };
        // Where empty spans are not given there is nothing to extend, and the library refuses it.
        if key == "hard_bounds" || least == 0 {
            ours.insert(key.into(), json!({ "min": min, "max": max }));
        }
    }
    Ok(())
}

/// A finite number, also in quotes.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number: &f64| number.is_finite())
}

fn offset_ms(offset: &Value) -> Option<f64> {
    let Some(text) = offset.as_str() else { return number(offset).map(f64::trunc) };
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if text.is_empty() || text == "0" {
        return Some(0.0);
    }
    span_ms(text).map(|millis| sign * millis as f64)
}

/// A span such as `10m`, in milliseconds.
fn span_ms(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[at..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    };
    text[..at].parse::<u64>().ok()?.checked_mul(unit).filter(|millis| (1..=SPAN_MS_MAX).contains(millis))
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

/// The length of the spans, in milliseconds.
fn interval(body: &Value) -> Result<u64, ElasticError> {
    let given = ["fixed_interval", "interval", "calendar_interval"].into_iter().find_map(|key| body[key].as_str());
    let Some(given) = given else { return refuse("date_histogram has no [fixed_interval]") };
    let fixed = match given {
        "minute" => "1m",
        "hour" => "1h",
        "day" => "1d",
        "week" => "1w",
        "month" | "1M" | "quarter" | "1q" | "year" | "1y" => {
            return refuse(format!("spans are of one length: [{given}] is not, write 30d"));
        }
        fixed => fixed,
    };
    let Some(millis) = span_ms(fixed) else {
        return refuse(format!("[{given}] is no length of a span: 1ms to 36525d, in ms, s, m, h, d or w"));
    };
    Ok(millis)
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
