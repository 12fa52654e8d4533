//! What is handed to operators is held to what the product has: names of metrics and labels, settings, file by file.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate::config::Config;
use tidegate::stream::{METRICS, Metric};

use crate::stage::path;

fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The metric that a name in an expression means: a histogram is asked for by its parts.
fn metric(name: &str) -> Option<&'static Metric> {
    let is_part = |metric: &Metric| {
        name.strip_prefix(metric.name).is_some_and(|part| ["", "_bucket", "_sum", "_count"].contains(&part))
    };
    METRICS.iter().find(|metric| is_part(metric))
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("tidegate_")).collect()
}

/// The labels that an expression groups by or selects.
fn labels(expr: &str) -> Vec<&str> {
    let grouped =
        expr.split(" by (").skip(1).filter_map(|rest| rest.split(')').next()).flat_map(|list| list.split(','));
    let braces = expr.split('{').skip(1).filter_map(|rest| rest.split('}').next()).flat_map(|list| list.split(','));
    let selected = braces.filter_map(|pair| pair.split(['=', '!']).next());
    grouped.chain(selected).map(str::trim).filter(|label| !label.is_empty()).collect()
}

/// Each expression names metrics that there are, and labels that one of them has; `instance`, `job` and `le` are Prometheus's.
fn hold(file: &str, expr: &str) {
    let named: Vec<&Metric> = names(expr)
        .into_iter()
        .map(|name| metric(name).unwrap_or_else(|| panic!("{file}: no metric {name} (docs/metrics.md): {expr}")))
        .collect();
    for label in labels(expr).into_iter().filter(|label| !["instance", "job", "le"].contains(label)) {
        let is_known = named.iter().any(|metric| metric.labels.contains(&label));
        assert!(is_known, "{file}: no metric of this has the label {label}: {expr}");
    }
}

fn strings<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == key => found.push(text),
            value => strings(value, key, found),
        }),
        Value::Array(all) => all.iter().for_each(|value| strings(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana.json")).unwrap();
    let mut expressions = Vec::new();
    strings(&dashboard, "expr", &mut expressions);
    assert!(expressions.len() > 15, "{}", expressions.len());
    expressions.iter().for_each(|expr| hold("deploy/grafana.json", expr));
    let shown = expressions.join(" ");
    let of_kafka = METRICS.iter().filter(|metric| metric.name.starts_with("tidegate_kafka_"));
    let absent: Vec<_> = of_kafka.filter(|metric| !shown.contains(metric.name)).map(|metric| metric.name).collect();
    assert!(absent.is_empty(), "the dashboard does not show {absent:?}");
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let text = read("deploy/alerts.yaml");
    let alerts: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 8, "{}", alerts.len());
    for alert in alerts {
        let (_, rest) = alert.split_once("expr:").expect("an alert has an expression");
        let (expr, rest) = rest.split_once("labels:").expect("an alert says how urgent it is");
        hold("deploy/alerts.yaml", expr.split("for:").next().unwrap());
        assert!(rest.contains("summary:") && rest.contains("description:"), "{alert}");
    }
}

#[test]
fn what_is_wrong_in_an_expression_is_seen() {
    let fails = |expr: &'static str| std::panic::catch_unwind(|| hold("x", expr)).is_err();
    assert!(fails("tidegate_nothing_total"));
    assert!(fails("sum by (nobody) (tidegate_events_total)"));
    assert!(fails("tidegate_events_total{nobody=\"x\"}"));
    assert!(!fails("sum by (channel) (tidegate_events_total{instance=~\"$instance\",channel=\"post\"})"));
    assert!(!fails("tidegate_batch_latency_seconds_bucket"));
}

#[test]
fn every_configuration_is_one_that_is_taken() {
    for file in ["deploy/tidegate.toml", "deploy/kafka.toml", "deploy/compose.toml"] {
        let read = Config::read(&file.to_owned().into(), &read(file));
        assert!(read.is_ok(), "{file}: {:?}", read.err());
    }
}
