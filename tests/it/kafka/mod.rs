//! The stage on Apache Kafka itself: what comes out is compared, record by record, with what the embedded stage gives
//! for the same records.

mod access;
mod broker;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod client;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod stream;
#[allow(dead_code, reason = "the soak uses the rest of it")]
mod trial;

mod delivery;
mod editions;
mod erasure;
mod failures;
mod filed;
#[cfg(feature = "kafka-tls")]
mod secured;
mod smoke;
mod standing;
mod stream_tests;
mod topics;
mod twins;
