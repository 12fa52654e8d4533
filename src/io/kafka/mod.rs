//! Kafka: the group's member, and for each partition a lane of source, sinks and store that share one transaction.

mod admin;
mod bundle;
mod changelog;
mod editions;
mod error;
mod heard;
mod inlet;
mod keepers;
mod lane;
mod member;
mod options;
mod outbox;
mod restore;
mod sinks;
mod sketches;
mod standing;
mod store;
mod texts;
mod topics;
mod whole;

#[cfg(test)]
mod tests;

pub use admin::Admin;
pub use bundle::BundleFile;
pub use editions::{EditionTopic, Manifest, Publisher, RefusedEdition, Report, Reporter};
pub use error::KafkaError;
pub use inlet::{Inlet, KafkaSource};
pub use lane::Lane;
pub use member::{Counted, Member, PartitionLag};
pub use options::{
    Begin, Cleanup, Compression, Delivery, KafkaOptions, Partitions, Sasl, Security, StandingTopics, TopicPlan, Topics,
};
pub use sinks::{DECISION_TYPE, KafkaSink};
pub use sketches::{Hear, Said, SketchTopic};
pub use standing::StandingTopic;
pub use store::{KafkaStore, LocalCopy};
pub use topics::{Difference, TopicFacts, TopicNeed, TopicShape, Weight, differences, needs};
