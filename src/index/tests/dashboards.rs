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
    elastic::search(reader, body, NOW, &elastic::source).unwrap_or_else(|error| panic!("{body}: {error}"))
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
        (json!({ "size": 100_000 }), "search_after"),
        (json!({ "sort": "rule" }), "sorted"),
        (json!({ "search_after": ["x"], "sort": "at" }), "search_after"),
        (json!({ "search_after": [0, i64::MAX], "sort": "at" }), "search_after"),
        (json!({ "query": { "wildcard": { "rule": "*a*b*c*d*e*f*g*h*i" } } }), "at most"),
        (json!({ "query": { "prefix": { "rule": "*a*b*c*d*e*f*g*h*i" } } }), "at most"),
    ];
    for (body, expected) in cases {
        let error = elastic::search(&reader, &body, NOW, &elastic::source).expect_err(&body.to_string());
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert_eq!((error.status(), &error.body()["status"]), (400, &json!(400)));
    }
    let mut deep = json!({ "match_all": {} });
    for _ in 0..100 {
        deep = json!({ "bool": { "must": [deep] } });
    }
    elastic::search(&reader, &json!({ "query": deep }), NOW, &elastic::source).unwrap_err();
}

#[test]
fn several_searches_are_answered_each_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let reader = reader(dir.path());
    let lines = "{\"index\":\"tidegate\"}\n{\"size\":0,\"aggs\":{\"a\":{\"max\":{\"field\":\"@timestamp\"}}}}\n{}\n{\"query\":{\"nonsense\":{}}}\n";
    let answer = elastic::msearch(&reader, lines, NOW, &elastic::source).unwrap();
    let responses = answer["responses"].as_array().unwrap();
    assert_eq!(responses[0]["aggregations"]["a"]["value"].as_f64(), Some((NOW + 29 * 60_000) as f64));
    assert_eq!(responses[1]["status"], 400);
    elastic::msearch(&reader, "{}\n", NOW, &elastic::source).unwrap_err();
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
