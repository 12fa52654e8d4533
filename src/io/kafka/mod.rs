//! Kafka: the group's member, and for each partition a lane of source, sinks and store that share one transaction.

mod changelog;
mod admin;
mod error;
mod inlet;
mod lane;
mod member;
mod options;
mod outbox;
mod restore;
mod sinks;
mod store;
mod texts;
mod topics;

#[cfg(test)]
mod tests;

pub use admin::Admin;
pub use error::KafkaError;
pub use inlet::{Inlet, KafkaSource};
pub use lane::Lane;
pub use member::{Counted, Member, PartitionLag};
pub use options::{Begin, Compression, Delivery, KafkaOptions, Sasl, Security, TopicPlan, Topics};
pub use sinks::{DECISION_TYPE, KafkaSink};
pub use store::{KafkaStore, LocalCopy};
pub use topics::{Difference, TopicFacts, TopicNeed, TopicShape, Weight, differences, needs};
