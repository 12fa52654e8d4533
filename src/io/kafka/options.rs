//! What a cluster is called, how it is spoken to, and which topics the stage reads and writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;

use super::error::KafkaError;

/// A cluster, the stage's place in it, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// `host:port` of the brokers that are asked first.
    pub brokers: Vec<String>,
    /// The consumer group; also the beginning of each `transactional.id`.
    pub group: String,
    /// The topics that are read and written.
    pub topics: Topics,
    /// What may be doubled.
    pub delivery: Delivery,
    /// Where a partition begins of which the group has read nothing.
    pub begin: Begin,
    /// How connections are secured.
    pub security: Security,
    /// How what is sent is compressed.
    pub compression: Compression,
    /// Without a sign of life for so long, the group gives a member's partitions to others.
    pub session_timeout: Duration,
    /// The broker ends a transaction that takes longer.
    pub transaction_timeout: Duration,
    /// How long a partition that is taken away may take to finish what it has read.
    pub drain: Duration,
    /// Records of one partition that may wait to be read; reading of that partition pauses there.
    pub queue_records_max: usize,
    /// What this instance is called where instances say what they run.
    pub instance: String,
    /// Settings of librdkafka that go before all others.
    pub client: BTreeMap<String, String>,
}

/// What may be doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing, for whoever reads committed records only: decisions, state and input offsets are one transaction.
    #[default]
    ExactlyOnce,
    /// The decisions of the last batch before a stop, with the same ids: sooner visible.
    AtLeastOnce,
}

/// Where a partition begins of which the group has read nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the first record that is kept.
    #[default]
    Earliest,
    /// With the first record that comes.
    Latest,
}

/// How what is sent is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

impl Compression {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
        }
    }
}

/// How connections are secured.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Whether they are encrypted.
    pub tls: bool,
    /// Who signs the brokers' certificates; the system's authorities where absent.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, where brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    /// The key of our certificate.
    pub key_file: Option<PathBuf>,
    /// The password of that key.
    pub key_password: Option<String>,
    /// How we say who we are, if we do.
    pub sasl: Option<Sasl>,
}

/// A name and a password.
#[derive(Clone)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// Who.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Sasl {
    /// Without the password: this goes into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).field("username", &self.username).finish()
    }
}

/// The topics of a stage. Those that may be absent are of what a stage may be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Where events come from.
    pub input: String,
    /// Where decisions go, keyed by author.
    pub actions: String,
    /// Where records go that could not be taken.
    pub rejects: String,
    /// The changelog of the state: as many partitions as the input, compacted.
    pub state: String,
    /// The published edition and who runs it: one partition, compacted.
    pub editions: Option<String>,
    /// Where authors' standing is kept by one lane, wherever they write.
    pub standing: Option<StandingTopics>,
    /// What lanes tell one another of near-duplicates: as many partitions as the input.
    pub sketches: Option<String>,
}

/// The topics of standing that is kept by one lane for each author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingTopics {
    /// What the lanes tell the keepers of standing, keyed by author: as many partitions as the input.
    pub strikes: String,
    /// How each author stands: compacted.
    pub standing: String,
}

impl Topics {
    /// The names that follow from the input's and a prefix: `{prefix}actions`, `{prefix}rejects`, `{prefix}state`.
    #[must_use]
    pub fn with_prefix(input: &str, prefix: &str) -> Self {
        let name = |topic: &str| format!("{prefix}{topic}");
        let (actions, rejects, state) = (name("actions"), name("rejects"), name("state"));
        Self { input: input.to_owned(), actions, rejects, state, editions: None, standing: None, sketches: None }
    }

    /// The topics that the stage writes, in the order in which they are told of everywhere.
    #[must_use]
    pub fn written(&self) -> Vec<TopicPlan<'_>> {
        use {Cleanup::*, Partitions::*};
        let plan = |name, role, cleanup, partitions| TopicPlan { name, role, cleanup, partitions };
        let mut all = vec![
            plan(&*self.actions, "actions", Delete, Free),
            plan(&*self.rejects, "rejects", Delete, Free),
            plan(&*self.state, "state", Compact, AsInput),
        ];
        all.extend(self.editions.as_deref().map(|name| plan(name, "editions", Compact, One)));
        if let Some(StandingTopics { strikes, standing }) = &self.standing {
            all.push(plan(strikes, "strikes", Delete, AsInput));
            all.push(plan(standing, "standing", CompactAndDelete, Free));
        }
        all.extend(self.sketches.as_deref().map(|name| plan(name, "sketches", Delete, AsInput)));
        all
    }

    /// The topics of which a lane reads the partition of its number: the input, and what other lanes tell.
    #[must_use]
    pub fn read_by_lanes(&self) -> Vec<&str> {
        let strikes = self.standing.as_ref().map(|topics| &*topics.strikes);
        [&*self.input].into_iter().chain(strikes).collect()
    }
}

/// What a topic has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicPlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it carries.
    pub role: &'static str,
    /// What is dropped of it.
    pub cleanup: Cleanup,
    /// How many partitions it needs.
    pub partitions: Partitions,
}

/// What is dropped of a topic, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// What is old.
    Delete,
    /// What was replaced.
    Compact,
    /// What was replaced, and what is older than anybody asks for.
    CompactAndDelete,
}

/// How many partitions a topic needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// As many as one likes.
    Free,
    /// Exactly as many as the input.
    AsInput,
    /// One: what is in it has one order.
    One,
}

/// The largest record that is sent: brokers take a mebibyte unless told otherwise, headers and framing with it.
pub(super) const RECORD_BYTES_MAX: usize = 900 << 10;

impl KafkaOptions {
    /// What every client is made with: where the brokers are and how they are spoken to. For an admin client too.
    ///
    /// # Errors
    /// If the build has no TLS and the options ask for it, or a file of theirs cannot be read.
    pub fn client(&self, name: &str) -> Result<ClientConfig, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers.join(","));
        config.set("client.id", name);
        // Names are looked up again after a broker moved; what is slow to answer is not given up at once.
        config.set("socket.keepalive.enable", "true").set("reconnect.backoff.max.ms", "2000");
        self.secure(&mut config)?;
        for (key, value) in &self.client {
            config.set(key, value);
        }
        Ok(config)
    }

    fn secure(&self, config: &mut ClientConfig) -> Result<(), KafkaError> {
        let Security { tls, sasl, .. } = &self.security;
        let needs_tls = *tls || sasl.as_ref().is_some_and(|sasl| sasl.mechanism.starts_with("SCRAM"));
        if needs_tls && !cfg!(feature = "kafka-tls") {
            return Err(KafkaError::no_tls());
        }
        let protocol = match (tls, sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        let files = [
            ("ssl.ca.location", &self.security.ca_file),
            ("ssl.certificate.location", &self.security.certificate_file),
            ("ssl.key.location", &self.security.key_file),
        ];
        for (key, file) in files {
            if let Some(file) = file.as_ref().filter(|_| *tls) {
                // The library would say that one of them fails, and not which.
                File::open(file).map_err(|error| KafkaError::unreadable(file, &error))?;
                config.set(key, file.to_string_lossy());
            }
        }
        if let Some(password) = self.security.key_password.as_ref().filter(|_| *tls) {
            config.set("ssl.key.password", password);
        }
        if let Some(Sasl { mechanism, username, password }) = sasl {
            config.set("sasl.mechanism", mechanism).set("sasl.username", username).set("sasl.password", password);
        }
        Ok(())
    }

    /// What the group's member reads the input with.
    pub(super) fn member(&self) -> Result<ClientConfig, KafkaError> {
        let mut config = self.client(&self.client_id("member"))?;
        self.reading(&mut config);
        let session_ms = self.session_timeout.as_millis();
        config
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", session_ms.to_string())
            .set("heartbeat.interval.ms", (session_ms / 3).max(1).to_string())
            .set("statistics.interval.ms", "1000");
        Ok(config)
    }

    /// What a changelog is read back with.
    pub(super) fn restorer(&self, partition: i32) -> Result<ClientConfig, KafkaError> {
        let mut config = self.client(&self.client_id(&format!("restore-{partition}")))?;
        self.reading(&mut config);
        config.set("enable.partition.eof", "true");
        Ok(config)
    }

    /// What a topic is read with that every instance reads whole, in no group.
    pub(super) fn whole_reader(&self, role: &str) -> Result<ClientConfig, KafkaError> {
        let mut config = self.client(&self.client_id(role))?;
        self.reading(&mut config);
        config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
        Ok(config)
    }

    fn reading(&self, config: &mut ClientConfig) {
        let begin = match self.begin {
            Begin::Earliest => "earliest",
            Begin::Latest => "latest",
        };
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", begin)
            // Bounded for each partition, so that a thousand of them fit into memory.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.queue.backoff.ms", "20")
            .set("fetch.wait.max.ms", "50");
    }

    /// What a partition's decisions and state are written with.
    pub(super) fn producer(&self, partition: i32) -> Result<ClientConfig, KafkaError> {
        let mut config = self.client(&self.client_id(&format!("lane-{partition}")))?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", self.compression.name())
            .set("linger.ms", "2")
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "65536");
        if self.delivery == Delivery::ExactlyOnce {
            config
                .set("transactional.id", format!("{}-{}-{partition}", self.group, self.topics.input))
                .set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string());
        }
        Ok(config)
    }

    /// Unique in the group: two members of one name would be taken for one by logs and quotas.
    pub(super) fn client_id(&self, role: &str) -> String {
        format!("tidegate-{}-{}-{role}", self.group, std::process::id())
    }
}
