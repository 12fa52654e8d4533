//! `[kafka]` and `[health]`: what there is to say of a cluster.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[kafka]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kafka {
    /// Brokers to ask first, as `host:port`. With any, events come from a topic and decisions go to topics; `[input]` is
    /// not read then, and `output.dir` keeps a copy of the state from which a restart is quick.
    pub brokers: Vec<String>,
    /// The topic that events come from. Key it by author, so that what an author does is seen by one partition.
    pub topic: String,
    /// The consumer group: instances of one group share the partitions out.
    pub group: String,
    /// What the names of the stage's own topics begin with: `actions`, `rejects` and `state` follow.
    pub prefix: String,
    /// `exactly_once`: decisions, state and input offsets are one transaction. `at_least_once`: sooner visible; after a stop,
    /// the decisions of the last batches may come twice, with the same ids.
    pub delivery: Delivery,
    /// Where a partition begins of which the group has read nothing: with the `earliest` record or the `latest`.
    pub begin: Begin,
    /// How what is sent is compressed: `none`, `lz4`, `zstd`, `gzip`, `snappy`.
    pub compression: Compression,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// The authorities that sign the brokers' certificates (PEM); without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate (PEM), where brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    /// The key of our certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// A file with the password of that key.
    pub key_password_file: Option<PathBuf>,
    /// How we say who we are: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; without it, we do not.
    pub sasl_mechanism: Option<String>,
    /// Who we are.
    pub username: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Without a sign of life for so many milliseconds, the group gives an instance's partitions to others.
    pub session_timeout_ms: u64,
    /// The broker ends a transaction that takes longer, in milliseconds.
    pub transaction_timeout_ms: u64,
    /// How long a partition that is taken away may take to finish what it has read, in milliseconds.
    pub drain_ms: u64,
    /// Records of one partition that may wait in memory; reading of that partition pauses there.
    pub queue_records_max: usize,
    /// Settings of librdkafka that go before all others, such as `"socket.send.buffer.bytes" = "1048576"`.
    pub client: BTreeMap<String, String>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            topic: "events".into(),
            group: "tidegate".into(),
            prefix: "tidegate.".into(),
            delivery: Delivery::ExactlyOnce,
            begin: Begin::Earliest,
            compression: Compression::Lz4,
            tls: false,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            key_password_file: None,
            sasl_mechanism: None,
            username: None,
            password_file: None,
            session_timeout_ms: 10_000,
            transaction_timeout_ms: 60_000,
            drain_ms: 10_000,
            queue_records_max: 16_384,
            client: BTreeMap::new(),
        }
    }
}

/// What may be doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Nothing, for whoever reads committed records only.
    #[default]
    ExactlyOnce,
    /// The decisions of the last batches before a stop.
    AtLeastOnce,
}

/// Where a partition begins of which the group has read nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Begin {
    /// With the first record that is kept.
    #[default]
    Earliest,
    /// With the first record that comes.
    Latest,
}

/// How what is sent is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast.
    #[default]
    Lz4,
    /// Small.
    Zstd,
    /// For old readers.
    Gzip,
    /// For old readers.
    Snappy,
}

/// `[health]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Where `/live` and `/ready` answer, such as `127.0.0.1:9465`; without it, nowhere. Ready is an instance whose
    /// partitions have their state back.
    pub listen: Option<SocketAddr>,
}

impl Kafka {
    /// Every number with the least and the most that it may be.
    pub(super) fn numbers(&self) -> [(&'static str, u64, u64, u64); 4] {
        const HOUR_MS: u64 = 60 * 60 * 1000;
        [
            ("kafka.session_timeout_ms", self.session_timeout_ms, 1000, HOUR_MS),
            ("kafka.transaction_timeout_ms", self.transaction_timeout_ms, 1000, HOUR_MS),
            ("kafka.drain_ms", self.drain_ms, 100, HOUR_MS),
            ("kafka.queue_records_max", self.queue_records_max as u64, 16, 1 << 24),
        ]
    }
}
