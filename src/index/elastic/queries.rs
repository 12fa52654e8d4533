//! Queries of Elasticsearch's own form.

use serde_json::{Map, Value};

use super::{ElasticError, field, only, refuse};
use crate::event::{Millis, parse_rfc3339};
use crate::index::query::{
    CLAUSES_MAX, Counts, QUERY_BYTES_MAX, Query, STARRED_MAX, STARS_MAX, Test, has_too_many_stars, is_starred,
    parse_counted,
};
use crate::index::schema::Kind;
use crate::index::times;

/// Queries in queries.
const DEPTH_MAX: usize = 32;

/// Reads a query; `now` is what `now` means in it.
pub(super) fn read(query: &Value, now: Millis) -> Result<Query, ElasticError> {
    Reading { now, counts: Counts::default() }.query(query, 0)
}

/// A whole number, or one in quotes, as dashboards write them.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

struct Reading {
    now: Millis,
    counts: Counts,
}

fn entries<'v>(kind: &str, body: &'v Value) -> Result<&'v Map<String, Value>, ElasticError> {
    body.as_object().map_or_else(|| refuse(format!("{kind} is an object")), Ok)
}

/// Words that stand side by side must all be there: another operator would change the answer.
fn all_of_them(kind: &str, operator: &Value, key: &str) -> Result<(), ElasticError> {
    let is_and = operator.as_str().is_some_and(|operator| operator.eq_ignore_ascii_case("and"));
    if operator.is_null() || is_and {
        return Ok(());
    }
    refuse(format!("[{key}] of {kind} is and: write OR between the words"))
}

/// The only entry of an object.
fn single(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

impl Reading {
    fn query(&mut self, query: &Value, depth: usize) -> Result<Query, ElasticError> {
        self.counts.clauses += 1;
        if depth > DEPTH_MAX || self.counts.clauses > CLAUSES_MAX {
            return refuse(format!("a query is {DEPTH_MAX} deep and has {CLAUSES_MAX} clauses at most"));
        }
        let Some((kind, body)) = single(query) else { return refuse("a query is an object with one key, its kind") };
        match kind {
            "match_all" => only(kind, entries(kind, body)?, &["boost"]).map(|()| Query::All),
            "match_none" => Ok(Query::Not(Box::new(Query::All))),
            "query_string" | "simple_query_string" => self.query_string(kind, body),
            "bool" => self.boolean(body, depth),
            "constant_score" => {
                only(kind, entries(kind, body)?, &["filter", "boost"])?;
                self.query(&body["filter"], depth + 1)
            }
            "term" | "match" | "match_phrase" | "prefix" | "wildcard" => self.one_value(kind, body),
            "terms" => self.terms(body),
            "ids" => {
                only(kind, entries(kind, body)?, &["values", "boost"])?;
                self.any("event", &body["values"])
            }
            "range" => self.range(body),
            "exists" => {
                only(kind, entries(kind, body)?, &["field", "boost"])?;
                let name = body["field"].as_str().unwrap_or_default();
                Ok(match field(name)? {
                    (_, Kind::Time | Kind::Text) => Query::All,
                    (known, Kind::Number) => within(known, None, None),
                    (known, _) => is(known, "*", false),
                })
            }
            other => refuse(format!("the query [{other}] is not known here")),
        }
    }

    fn query_string(&mut self, kind: &str, body: &Value) -> Result<Query, ElasticError> {
        let options = ["query", "boost", "lenient", "default_field", "default_operator", "fields"];
        // Names with `*` are read as they are; so the first of these changes nothing.
        only(kind, entries(kind, body)?, &[&["analyze_wildcard"][..], &options].concat())?;
        all_of_them(kind, &body["default_operator"], "default_operator")?;
        let of_text = |name: &Value| name.as_str().is_some_and(|name| ["*", "text", ""].contains(&name));
        let is_of_text = |names: &Value| names.is_null() || names.as_array().is_some_and(|all| all.iter().all(of_text));
        if !(body["default_field"].is_null() || of_text(&body["default_field"])) || !is_of_text(&body["fields"]) {
            return refuse(format!("{kind} looks for words in [text]: name other fields in the query, as in rule:x"));
        }
        let Some(text) = body["query"].as_str() else { return refuse("query_string has no [query]") };
        let ours = text.replace("@timestamp:", "at:").replace(".keyword:", ":");
        parse_counted(&ours, self.now, &mut self.counts)
            .map_err(|error| ElasticError::Refused(format!("{error}: {}", error.hint)))
    }

    fn boolean(&mut self, body: &Value, depth: usize) -> Result<Query, ElasticError> {
        let Some(parts) = body.as_object() else { return refuse("bool is an object") };
        let known = ["must", "filter", "should", "must_not", "minimum_should_match", "boost", "adjust_pure_negative"];
        if let Some(other) = parts.keys().find(|key| !known.contains(&key.as_str())) {
            return refuse(format!("bool has no [{other}]"));
        }
        let mut all = self.list(parts, "must", depth)?;
        all.extend(self.list(parts, "filter", depth)?);
        let any = self.list(parts, "should", depth)?;
        let least = parts.get("minimum_should_match").map_or(Some(u64::from(all.is_empty())), whole);
        match least {
            Some(0) => {}
            Some(1) if any.is_empty() => {}
            Some(1) => all.push(Query::Or(any)),
            _ => return refuse("minimum_should_match is 0 or 1"),
        }
        all.extend(self.list(parts, "must_not", depth)?.into_iter().map(|query| Query::Not(Box::new(query))));
        Ok(if all.is_empty() { Query::All } else { Query::And(all) })
    }

    fn list(&mut self, parts: &Map<String, Value>, key: &str, depth: usize) -> Result<Vec<Query>, ElasticError> {
        match parts.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(all)) => all.iter().map(|query| self.query(query, depth + 1)).collect(),
            Some(one) => Ok(vec![self.query(one, depth + 1)?]),
        }
    }

    fn one_value(&mut self, kind: &str, body: &Value) -> Result<Query, ElasticError> {
        let Some((name, value)) = single(body) else { return refuse(format!("{kind} names one field")) };
        if let Some(options) = value.as_object() {
            let known: &[&str] = match kind {
                "match" => &["query", "boost", "operator", "lenient"],
                "match_phrase" => &["query", "boost"],
                _ => &["value", "boost", "rewrite"],
            };
            only(kind, options, known)?;
            all_of_them(kind, &value["operator"], "operator")?;
        }
        let value = if value.is_object() { value.get("value").or_else(|| value.get("query")) } else { Some(value) };
        let Some(value) = value.and_then(text) else { return refuse(format!("{kind} [{name}] has no value")) };
        self.equal(name, kind, &value)
    }

    fn equal(&mut self, name: &str, kind: &str, value: &str) -> Result<Query, ElasticError> {
        let (known, of) = field(name)?;
        if value.len() > QUERY_BYTES_MAX {
            return refuse(format!(
                "a value has {QUERY_BYTES_MAX} bytes at most, that of [{name}] has {}",
                value.len()
            ));
        }
        Ok(match of {
            Kind::Text => is(known, value, kind != "match"),
            Kind::Name | Kind::Id if ["prefix", "wildcard"].contains(&kind) && has_too_many_stars(value) => {
                return refuse(format!("{kind} [{name}] has at most {STARS_MAX} [*]"));
            }
            Kind::Name | Kind::Id if kind == "prefix" => self.starred(known, &format!("{value}*"))?,
            Kind::Name | Kind::Id if kind == "wildcard" => self.starred(known, value)?,
            Kind::Name | Kind::Id => is(known, value, true),
            Kind::Time => {
                let (from, to) = (self.time(value, false), self.time(value, true));
                let Some((from, to)) = from.zip(to) else { return refuse(format!("[{value}] is no time")) };
                Query::Clause { field: known, test: Test::Between(Some(from), Some(to)) }
            }
            Kind::Number => {
                let Ok(number) = value.parse::<f64>() else { return refuse(format!("[{value}] is no number")) };
                within(known, Some(number), Some(number))
            }
        })
    }

    /// A name in which `*` stands for any letters.
    fn starred(&mut self, known: &'static str, value: &str) -> Result<Query, ElasticError> {
        self.counts.starred += usize::from(is_starred(value));
        if self.counts.starred > STARRED_MAX {
            return refuse(format!("a query has {STARRED_MAX} names with [*] at most"));
        }
        Ok(is(known, value, false))
    }

    fn terms(&mut self, body: &Value) -> Result<Query, ElasticError> {
        let named = body.as_object().into_iter().flatten().find(|(_, value)| value.is_array());
        let Some((name, values)) = named else { return refuse("terms names a field and a list of values") };
        only("terms", entries("terms", body)?, &[name, "boost"])?;
        self.any(name, values)
    }

    fn any(&mut self, name: &str, values: &Value) -> Result<Query, ElasticError> {
        let values: Option<Vec<String>> = values.as_array().and_then(|all| all.iter().map(text).collect());
        let Some(values) = values else { return refuse(format!("the values of [{name}] are a list")) };
        self.counts.clauses += values.len();
        if self.counts.clauses > CLAUSES_MAX {
            return refuse(format!("a query has {CLAUSES_MAX} clauses at most"));
        }
        let any: Vec<Query> =
            values.iter().map(|value| self.equal(name, "term", value)).collect::<Result<_, ElasticError>>()?;
        Ok(if any.is_empty() { Query::Not(Box::new(Query::All)) } else { Query::Or(any) })
    }

    fn range(&self, body: &Value) -> Result<Query, ElasticError> {
        let Some((name, bounds)) = single(body) else { return refuse("range names one field") };
        only(
            "range",
            entries("range", bounds)?,
            &["gte", "gt", "lte", "lt", "format", "time_zone", "boost", "relation"],
        )?;
        let (known, of) = field(name)?;
        let bound = |keys: [&str; 2]| {
            let of_key = |(exclusive, key): (bool, &str)| bounds.get(key).and_then(text).map(|text| (text, exclusive));
            [(false, keys[0]), (true, keys[1])].into_iter().find_map(of_key)
        };
        let (from, to) = (bound(["gte", "gt"]), bound(["lte", "lt"]));
        let wrong = |text: &str| ElasticError::Refused(format!("[{text}] is no bound of [{name}]"));
        match of {
            Kind::Time => {
                let read = |bound: Option<(String, bool)>, is_end: bool| {
                    bound.map_or(Ok(None), |(text, is_exclusive)| {
                        // `gt` a day begins after it, `lt` a day ends before it.
                        let at = self.time(&text, is_end != is_exclusive).ok_or_else(|| wrong(&text))?;
                        let step = if is_exclusive { if is_end { -1 } else { 1 } } else { 0 };
                        Ok::<_, ElasticError>(Some(at.saturating_add(step)))
                    })
                };
                Ok(Query::Clause { field: known, test: Test::Between(read(from, false)?, read(to, true)?) })
            }
            Kind::Number => {
                let read = |bound: Option<(String, bool)>, is_end: bool| {
                    bound.map_or(Ok(None), |(text, is_exclusive)| {
                        let number: f64 = text.parse().map_err(|_| wrong(&text))?;
                        let moved = if is_end { number.next_down() } else { number.next_up() };
                        Ok::<_, ElasticError>(Some(if is_exclusive { moved } else { number }))
                    })
                };
                Ok(within(known, read(from, false)?, read(to, true)?))
            }
            Kind::Text | Kind::Name | Kind::Id => {
                refuse(format!("[{name}] has no order: range is for times and numbers"))
            }
        }
    }

    fn time(&self, text: &str, is_end: bool) -> Option<Millis> {
        times::parse(text, self.now, is_end).or_else(|| parse_rfc3339(text))
    }
}

fn is(field: &'static str, value: &str, is_quoted: bool) -> Query {
    Query::Clause { field, test: Test::Is { value: value.to_owned(), is_quoted } }
}

fn within(field: &'static str, from: Option<f64>, to: Option<f64>) -> Query {
    Query::Clause { field, test: Test::Within(from, to) }
}

/// A value as text: strings, numbers and truth values alike.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
