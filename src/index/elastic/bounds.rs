//! How many buckets a request can come to, before the library makes them: it fills gaps first and counts afterwards.

use serde_json::{Map, Value};

use super::{ElasticError, refuse};
use crate::index::reader::{BUCKETS_MAX, Reader};
use crate::index::{IndexError, Query};

/// Values of which nobody needs to ask whether there are fewer.
const FEW_VALUES: u64 = 16;

/// The most buckets that the histograms of a request can have together, in all buckets that they stand in.
pub(super) fn buckets_most(reader: &Reader, query: &Query, request: &Value) -> Result<u64, ElasticError> {
    let mut counting = Counting { reader, query, total: 0 };
    counting.level(request, 1)?;
    Ok(counting.total)
}

/// How many buckets an answer has.
pub(super) fn buckets_of(counted: &Value) -> u64 {
    let all = |values: &mut dyn Iterator<Item = &Value>| values.map(buckets_of).sum::<u64>();
    match counted {
        Value::Object(entries) => {
            let own = match entries.get("buckets") {
                Some(Value::Array(buckets)) => buckets.len(),
                Some(Value::Object(buckets)) => buckets.len(),
                _ => 0,
            };
            own as u64 + all(&mut entries.values())
        }
        Value::Array(list) => all(&mut list.iter()),
        _ => 0,
    }
}

struct Counting<'r> {
    reader: &'r Reader,
    query: &'r Query,
    total: u64,
}

impl Counting<'_> {
    fn level(&mut self, request: &Value, parents: u64) -> Result<(), ElasticError> {
        for (name, one) in request.as_object().into_iter().flatten() {
            let Some(one) = one.as_object() else { continue };
            let inner = one.get("aggs");
            for (kind, body) in one.iter().filter(|(kind, _)| *kind != "aggs") {
                let own = match kind.as_str() {
                    "date_histogram" | "histogram" => {
                        let spans = self.spans(kind, body)?;
                        if spans > BUCKETS_MAX as f64 {
                            return refuse(format!(
                                "[{name}] would have {spans:.0} spans; {BUCKETS_MAX} at most: take longer ones, or less time"
                            ));
                        }
                        self.total = self.total.saturating_add(parents.saturating_mul(spans as u64));
                        spans as u64
                    }
                    "terms" if inner.is_some() => self.values(body)?,
                    // What lies before the first range and after the last is counted as well.
                    "range" => body["ranges"].as_array().map_or(0, Vec::len) as u64 * 2 + 1,
                    _ => 1,
                };
                if let Some(inner) = inner {
                    self.level(inner, parents.saturating_mul(own.max(1)))?;
                }
            }
        }
        Ok(())
    }

    fn values(&self, body: &Value) -> Result<u64, IndexError> {
        let size = body["size"].as_u64().unwrap_or(1);
        if size <= FEW_VALUES {
            return Ok(size);
        }
        let known = self.reader.distinct(self.query, body["field"].as_str().unwrap_or_default())?;
        // It is counted nearly.
        Ok(size.min(known + known / 10 + 1))
    }

    fn spans(&self, kind: &str, body: &Value) -> Result<f64, IndexError> {
        let (step, extent) = if kind == "date_histogram" {
            let millis = body["fixed_interval"].as_str().and_then(|text| text.strip_suffix("ms")?.parse().ok());
            let span = self.reader.span(self.query)?;
            (millis, span.map(|(first, last)| (first as f64, last as f64)))
        } else {
            let field = body["field"].as_str().unwrap_or_default();
            (body["interval"].as_f64(), self.reader.extent(self.query, field)?)
        };
        let step: f64 = step.unwrap_or(1.0);
        let (mut from, mut to) = extent.unwrap_or((f64::MAX, f64::MIN));
        let bound = |key: &str, end: &str| bounds(body, key).and_then(|bounds| bounds.get(end)?.as_f64());
        from = bound("extended_bounds", "min").map_or(from, |bound| from.min(bound));
        to = bound("extended_bounds", "max").map_or(to, |bound| to.max(bound));
        from = bound("hard_bounds", "min").map_or(from, |bound| from.max(bound));
        to = bound("hard_bounds", "max").map_or(to, |bound| to.min(bound));
        Ok(if from <= to { ((to - from) / step).floor() + 2.0 } else { 0.0 })
    }
}

fn bounds<'b>(body: &'b Value, key: &str) -> Option<&'b Map<String, Value>> {
    body.get(key)?.as_object()
}
