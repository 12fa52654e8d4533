//! The stage on Apache Kafka itself: what comes out is compared, record by record, with what the embedded stage gives
//! for the same records.

mod broker;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod client;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod stream;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod trial;

mod delivery;
mod failures;
mod smoke;
mod stream_tests;
mod topics;
