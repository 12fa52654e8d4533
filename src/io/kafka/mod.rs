//! Kafka: the group's member, and for each partition a lane of source, sinks and store that share one transaction.

mod admin;
mod error;
mod inlet;
mod member;
mod options;
mod topics;

pub use admin::Admin;
pub use error::KafkaError;
pub use inlet::{Inlet, KafkaSource};
pub use member::{Member, PartitionLag};
pub use options::{Begin, Compression, Delivery, KafkaOptions, Sasl, Security, TopicPlan, Topics};
pub use topics::{Difference, TopicFacts, TopicNeed, TopicShape, Weight, differences, needs};
