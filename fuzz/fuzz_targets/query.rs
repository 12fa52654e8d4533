//! Any query is read or its mistake is told, at a place that is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::index::{CLAUSES_MAX, Query, parse};

/// How many clauses a query has.
fn clauses(query: &Query) -> usize {
    match query {
        Query::All => 0,
        Query::Clause { .. } => 1,
        Query::And(parts) | Query::Or(parts) => parts.iter().map(clauses).sum(),
        Query::Not(inner) => clauses(inner),
    }
}

fuzz_target!(|input: &str| {
    match parse(input, 1_795_420_800_000) {
        Ok(query) => assert!(clauses(&query) <= CLAUSES_MAX),
        Err(error) => {
            assert!(error.at <= input.chars().count(), "{error}");
            assert!(!error.message.is_empty() && !error.hint.is_empty());
        }
    }
});
