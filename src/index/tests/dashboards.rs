//! Requests of the shapes that Grafana's Elasticsearch data source documents.

use serde_json::{Value, json};

use super::*;
use crate::index::elastic;

fn reader(dir: &Path) -> Reader {
    let names: Vec<String> = (0..30).map(|n| format!("p-{n:02}")).collect();
    let rules = ["r.a", "r.b", "r.b"];
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (n, id) in names.iter().enumerate() {
        let author = if n % 2 == 0 { "a-1" } else { "a-2" };
        cases.push(case(event(id, author, NOW + n as Millis * 60_000, "加微信"), Some(rules[n % 3])));
    }
    indexed(dir, &cases)
}

fn search(reader: &Reader, body: &Value) -> Value {
    try_search(reader, body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn try_search(reader: &Reader, body: &Value) -> Result<Value, elastic::ElasticError> {
    elastic::Search::read(body.clone(), NOW)?.answer(reader, &elastic::source)
}

#[test]
fn a_panel_of_counts_over_time_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let body = json!({
        "size": 0,
        "query": { "bool": { "filter": [
            { "range": { "@timestamp": { "gte": NOW, "lte": NOW + 1_799_999, "format": "epoch_millis" } } },
            { "query_string": { "analyze_wildcard": true, "query": "rule:r.* AND channel:post" } }
        ] } },
        "aggs": { "2": {
            "date_histogram": {
                "field": "@timestamp", "fixed_interval": "10m", "min_doc_count": 0, "format": "epoch_millis",
                "extended_bounds": { "min": NOW, "max": NOW + 1_799_999 }, "time_zone": "utc"
            },
            "aggs": {
                "3": { "terms": { "field": "rule", "size": "10", "order": { "_key": "desc" }, "min_doc_count": "0" } },
                "4": { "cardinality": { "field": "author.keyword" } }
            }
        } }
    });
    let answer = search(&reader, &body);
    assert_eq!(answer["hits"]["total"]["value"], 30);
    let buckets = answer["aggregations"]["2"]["buckets"].as_array().unwrap();
    let shape: Vec<(i64, u64)> =
        buckets.iter().map(|bucket| (bucket["key"].as_i64().unwrap(), bucket["doc_count"].as_u64().unwrap())).collect();
    assert_eq!(shape, [(NOW, 10), (NOW + 600_000, 10), (NOW + 1_200_000, 10)]);
    let rules: Vec<&str> =
        buckets[0]["3"]["buckets"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(rules, ["r.b", "r.a"]);
    assert_eq!(buckets[0]["4"]["value"].as_f64().unwrap().round(), 2.0);
}

#[test]
fn logs_come_newest_first_and_pages_give_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let mut body = json!({ "size": 7, "query": { "match_all": {} }, "sort": [{ "@timestamp": { "order": "desc", "unmapped_type": "boolean" } }, { "_doc": { "order": "desc" } }] });
    let mut ids = Vec::new();
    loop {
        let answer = search(&reader, &body);
        let hits = answer["hits"]["hits"].as_array().unwrap();
        assert_eq!(answer["hits"]["total"]["value"], 30);
        let Some(last) = hits.last() else { break };
        ids.extend(hits.iter().map(|hit| hit["_id"].as_str().unwrap().to_owned()));
        body["search_after"] = last["sort"].clone();
    }
    let expected: Vec<String> = (0..30).rev().map(|n| format!("p-{n:02}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn queries_of_every_kind_count_right() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let cases = [
        (json!({ "term": { "rule": "r.a" } }), 10),
        (json!({ "term": { "rule": { "value": "r.b" } } }), 20),
        (json!({ "terms": { "rule.keyword": ["r.a", "r.b"], "boost": 1.0 } }), 30),
        (json!({ "prefix": { "rule": "r." } }), 30),
        (json!({ "wildcard": { "rule": { "value": "*.a" } } }), 10),
        (json!({ "match_phrase": { "text": { "query": "加微信" } } }), 30),
        (json!({ "match": { "text": "信号" } }), 0),
        (json!({ "exists": { "field": "claim" } }), 0),
        (json!({ "exists": { "field": "rule" } }), 30),
        (json!({ "ids": { "values": ["p-01", "p-02", "no"] } }), 2),
        (json!({ "range": { "at": { "gt": NOW, "lt": NOW + 120_000 } } }), 1),
        (json!({ "range": { "at": { "gte": "2026-11-23T08:00:00Z", "lt": "now+1m" } } }), 1),
        (json!({ "bool": { "must_not": { "term": { "author": "a-1" } } } }), 15),
        (json!({ "bool": { "should": [{ "term": { "rule": "r.a" } }, { "ids": { "values": ["p-01"] } }] } }), 11),
        (json!({ "bool": { "must": [{ "match_all": {} }], "should": [{ "term": { "rule": "none" } }] } }), 30),
        (json!({ "query_string": { "query": "*" } }), 30),
        (json!({ "query_string": { "query": "author:a-1 AND NOT rule:r.a" } }), 10),
    ];
    for (query, expected) in cases {
        let answer = search(&reader, &json!({ "query": query, "size": 0 }));
        assert_eq!(answer["hits"]["total"]["value"], expected, "{query}");
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let cases = [
        (json!([]), "object"),
        (json!({ "query": { "geo_distance": {} } }), "geo_distance"),
        (json!({ "query": { "term": { "rul": "x" } } }), "did you mean rule"),
        (json!({ "query": { "range": { "rule": { "gte": 1 } } } }), "no order"),
        (json!({ "query": { "query_string": { "query": "(a" } } }), "not closed"),
        (json!({ "aggs": { "1": { "moving_avg": { "field": "rule" } } } }), "moving_avg"),
        (json!({ "aggs": { "1": { "terms": { "field": "text" } } } }), "cannot be counted"),
        (json!({ "aggs": { "1": { "date_histogram": { "field": "at", "calendar_interval": "1M" } } } }), "30d"),
        (json!({ "aggs": { "1": { "sum": { "field": "at" } } } }), "cannot be counted"),
        (json!({ "aggs": { "1": { "terms": { "field": "rule", "include": "r.a" } } } }), "include"),
        (json!({ "aggs": { "1": { "terms": { "field": "rule", "missing": "none" } } } }), "missing"),
        (json!({ "post_filter": { "term": { "rule": "r.a" } } }), "post_filter"),
        (json!({ "min_score": 1 }), "min_score"),
        (json!({ "query": { "query_string": { "query": "a", "default_operator": "OR" } } }), "default_operator"),
        (json!({ "query": { "query_string": { "query": "a", "default_field": "rule" } } }), "rule:x"),
        (json!({ "query": { "match": { "text": { "query": "a b", "operator": "or" } } } }), "operator"),
        (json!({ "query": { "range": { "at": { "gte": "now", "time_zone": "+08:00" } } } }), "time_zone"),
        (json!({ "size": 100_000 }), "search_after"),
        (json!({ "sort": "rule" }), "sorted"),
        (json!({ "search_after": ["x"], "sort": "at" }), "search_after"),
        (json!({ "search_after": [0, i64::MAX], "sort": "at" }), "search_after"),
        (json!({ "query": { "wildcard": { "rule": "*a*b*c*d*e*f*g*h*i" } } }), "at most"),
        (json!({ "query": { "prefix": { "rule": "*a*b*c*d*e*f*g*h*i" } } }), "at most"),
    ];
    for (body, expected) in cases {
        let error = try_search(&reader, &body).expect_err(&body.to_string());
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert_eq!((error.status(), &error.body()["status"]), (400, &json!(400)));
    }
    let mut deep = json!({ "match_all": {} });
    for _ in 0..100 {
        deep = json!({ "bool": { "must": [deep] } });
    }
    try_search(&reader, &json!({ "query": deep })).unwrap_err();
}

#[test]
fn what_dashboards_always_send_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let body = json!({
        "size": 3, "track_total_hits": true, "script_fields": {}, "docvalue_fields": ["@timestamp"], "post_filter": null,
        "highlight": { "fields": { "*": {} } }, "fields": [{ "field": "*" }],
        "query": { "bool": { "filter": [
            { "query_string": { "query": "rule:r.*", "analyze_wildcard": true, "default_field": "*", "default_operator": "AND" } },
            { "range": { "@timestamp": { "gte": NOW, "lte": NOW + 3_600_000, "format": "epoch_millis", "time_zone": "UTC" } } }
        ] } },
        "aggs": { "t": { "terms": { "field": "rule", "size": "0", "order": { "_count": "desc" }, "min_doc_count": "1" },
            "aggs": { "h": { "date_histogram": {
                "field": "@timestamp", "fixed_interval": "10m", "min_doc_count": "1", "offset": "0", "time_zone": "utc",
                "extended_bounds": { "min": NOW, "max": NOW + 86_400_000 }, "format": "epoch_millis"
            } } } } }
    });
    let answer = search(&reader, &body);
    assert_eq!(answer["hits"]["total"]["value"], 30);
    assert_eq!(answer["aggregations"]["t"]["buckets"][0]["h"]["buckets"].as_array().unwrap().len(), 3);
}

#[test]
fn no_aggregation_makes_more_buckets_than_an_answer_has() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let over_time = |options: Value| {
        let mut of = json!({ "field": "at", "fixed_interval": "1m" });
        of.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        json!({ "date_histogram": of })
    };
    let far = json!({ "extended_bounds": { "min": -1e14, "max": 1e14 } });
    let cases = [
        (over_time(json!({ "fixed_interval": "1ms" })), "spans"),
        (over_time(far.clone()), "spans"),
        (over_time(json!({ "extended_bounds": { "min": 0, "max": 1e300 } })), "extended_bounds"),
        (over_time(json!({ "extended_bounds": { "min": 0 } })), "extended_bounds"),
        (over_time(json!({ "fixed_interval": "9223372036854775807d" })), "no length"),
        (over_time(json!({ "fixed_interval": "0s" })), "no length"),
        (over_time(json!({ "offset": "400d" })), "offset"),
        (json!({ "histogram": { "field": "similarity", "interval": 1e-300 } }), "interval"),
        (json!({ "histogram": { "field": "similarity", "interval": "NaN" } }), "interval"),
        (
            json!({ "histogram": { "field": "similarity", "interval": 0.001, "extended_bounds": { "min": 0, "max": 1e9 } } }),
            "spans",
        ),
        (json!({ "terms": { "field": "rule", "size": 10 }, "aggs": { "in": over_time(far) } }), "spans"),
        (
            json!({ "terms": { "field": "rule", "size": 16 }, "aggs": { "in": over_time(
                json!({ "extended_bounds": { "min": NOW, "max": NOW + 9000 * 60_000_i64 } })
            ) } }),
            "buckets",
        ),
    ];
    for (one, expected) in cases {
        let body = json!({ "size": 0, "aggs": { "1": one } });
        let error = try_search(&reader, &body).expect_err(&body.to_string());
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert_eq!(error.status(), 400);
    }
    let wide = over_time(json!({ "extended_bounds": { "min": NOW, "max": NOW + 9000 * 60_000_i64 } }));
    let line = format!("{{}}\n{}\n", json!({ "size": 0, "aggs": { "1": wide } }));
    let answer = elastic::msearch(&reader, &elastic::searches(&line.repeat(10), NOW).unwrap(), &elastic::source);
    let statuses: Vec<u64> =
        answer["responses"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 400, 400, 400]);
}

#[test]
fn the_clauses_of_all_parts_are_counted_together() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let of = |text: &str, count: usize| json!({ "bool": { "should": vec![json!({ "query_string": { "query": text } }); count] } });
    search(&reader, &json!({ "size": 0, "query": of("rule:r.* rule:*b", 8) }));
    for (query, expected) in [(of(&"a ".repeat(100), 3), "clauses"), (of("rule:r.* rule:*b", 9), "with [*]")] {
        let error = try_search(&reader, &json!({ "size": 0, "query": query })).unwrap_err().to_string();
        assert!(error.contains(expected) || error.contains("with `*`"), "{error}");
    }
}

#[test]
fn what_is_read_of_a_body_is_what_is_run() {
    let lines = "[0,\n{\"query\":{\"match\":{\"text\":\"加微信\"}},\"aggs\":{\"a\":{\"meta\":{\"field\":\"rule\"},\"terms\":{\"field\":\"term.keyword\"}}}}\n,\n0]\n";
    let read = elastic::searches(lines, NOW).unwrap();
    let telling = read[0].as_ref().ok().unwrap();
    assert!(matches!(telling.query(), Query::Clause { field: "text", .. }));
    assert_eq!((telling.fields(), read[1].is_err()), (&["term"][..], true));
}

#[test]
fn a_search_that_nobody_waits_for_ends() {
    let dir = tempfile::tempdir().unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = reader(dir.path()).until(std::sync::Arc::clone(&stop));
    assert_eq!(reader.count(&Query::All).unwrap(), 30);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(reader.count(&Query::All), Err(IndexError::Stopped)));
    assert!(matches!(reader.span(&Query::All), Err(IndexError::Stopped)));
}

#[test]
fn several_searches_are_answered_each_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let lines = "{\"index\":\"tidegate\"}\n{\"size\":0,\"aggs\":{\"a\":{\"max\":{\"field\":\"@timestamp\"}}}}\n{}\n{\"query\":{\"nonsense\":{}}}\n";
    let answer = elastic::msearch(&reader, &elastic::searches(lines, NOW).unwrap(), &elastic::source);
    let responses = answer["responses"].as_array().unwrap();
    assert_eq!(responses[0]["aggregations"]["a"]["value"].as_f64(), Some((NOW + 29 * 60_000) as f64));
    assert_eq!(responses[1]["status"], 400);
    assert!(elastic::searches("{}\n", NOW).is_err());
}

#[test]
fn fields_tell_what_they_can_do() {
    let caps = elastic::field_caps("*");
    assert_eq!(caps["fields"]["@timestamp"]["date"]["aggregatable"], true);
    assert_eq!(caps["fields"]["text"]["text"]["aggregatable"], false);
    let some = elastic::field_caps("ru*,author");
    assert_eq!(some["fields"].as_object().unwrap().keys().collect::<Vec<_>>(), ["author", "rule"]);
    assert_eq!(elastic::mapping()["tidegate"]["mappings"]["properties"]["at"]["type"], "date");
}
