//! The stage on Apache Kafka itself: what comes out is compared, record by record, with what the embedded stage gives
//! for the same records.

mod broker;
mod client;
mod stream;
mod trial;

mod delivery;
mod failures;
mod smoke;
mod stream_tests;
mod topics;
