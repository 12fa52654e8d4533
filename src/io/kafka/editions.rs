//! The topic of editions: the bundle that is in force, and which instance runs which.
//!
//! | key | value |
//! | --- | --- |
//! | `c/` bundle `/` number | a chunk of the bundle of that name |
//! | `m` | the [`Manifest`] of the bundle in force |
//! | `h/` time `/` edition | the manifest of each of the last editions that were put in force |
//! | `i/` instance | its [`Report`] |
//!
//! A bundle, its manifest and the deletion of the chunks before it are one transaction, and whoever publishes fences others who
//! do: so a reader of committed records finds whole bundles only, and one that is in force stays whole until another is. The
//! name of a bundle is the hash of its bytes, which is looked at all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};
use serde::{Deserialize, Serialize};

use super::bundle::{self, BundleFile};
use super::error::KafkaError;
use super::heard::Heard;
use super::options::KafkaOptions;
use super::whole::{Since, WholeTopic};
use crate::event::{Millis, rfc3339_or_millis};
use crate::io::clock::instant;

const IN_FORCE: &str = "m";
const CHUNK: &str = "c/";
const EARLIER: &str = "h/";
const INSTANCE: &str = "i/";

/// Editions whose manifests are kept once others are in force.
const EARLIER_MAX: usize = 20;
/// What is wrong with a refused edition is reported up to so many problems.
const PROBLEMS_MAX: usize = 20;
/// The topic holds little more than a bundle.
const WHOLE_MAX: Duration = Duration::from_secs(60);
/// A transaction of a bundle may take so long.
const PUBLISH_MAX: Duration = Duration::from_secs(60);
/// How long the queue may stay full before it is looked at again.
const FULL_WAIT: Duration = Duration::from_millis(10);

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The edition's id: every decision carries it.
    pub edition: String,
    /// The name of its bundle.
    pub bundle: String,
    /// How many chunks that has.
    pub chunks: usize,
    /// How many bytes, all chunks together.
    pub bytes: usize,
    /// How many files are in it.
    pub files: usize,
    /// When it was published.
    #[serde(with = "rfc3339_or_millis")]
    pub at: Millis,
    /// The version of the program that published it.
    pub version: String,
}

/// What an instance says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it is called.
    pub instance: String,
    /// Of which group.
    pub group: String,
    /// The edition that it runs.
    pub edition: String,
    /// Since when.
    #[serde(with = "rfc3339_or_millis")]
    pub since: Millis,
    /// When it last said so.
    #[serde(with = "rfc3339_or_millis")]
    pub at: Millis,
    /// Its version of the program.
    pub version: String,
    /// What it was given since and could not take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedEdition>,
}

/// An edition that an instance could not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedEdition {
    /// Which.
    pub edition: String,
    /// The first things that are wrong with it.
    pub problems: Vec<String>,
    /// How many there are.
    pub problems_total: usize,
}

impl RefusedEdition {
    /// A refusal; of many problems the first are told.
    #[must_use]
    pub fn new(edition: &str, problems: &[String]) -> Self {
        let told = problems.iter().take(PROBLEMS_MAX).cloned().collect();
        Self { edition: edition.to_owned(), problems: told, problems_total: problems.len() }
    }
}

/// The topic, as far as it was read.
pub struct EditionTopic {
    topic: String,
    reader: WholeTopic,
    held: BTreeMap<String, Vec<u8>>,
}

impl EditionTopic {
    /// Begins to read the topic.
    ///
    /// # Errors
    /// If the cluster cannot be reached, refuses us, or does not have the topic.
    pub fn open(options: &KafkaOptions) -> Result<Self, KafkaError> {
        let topic = name(options)?;
        Ok(Self {
            reader: WholeTopic::open(options, &topic, "editions", Since::Beginning)?,
            topic,
            held: BTreeMap::new(),
        })
    }

    /// Reads on, until there is nothing more to read or so long.
    ///
    /// # Errors
    /// If it cannot be read, and another try does not help.
    pub fn read(&mut self, longest: Duration) -> Result<(), KafkaError> {
        let Self { reader, held, .. } = self;
        reader.read(longest, &mut |message| take(message, held)).map(drop)
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// If it cannot be read, or nothing comes for too long.
    pub fn read_whole(&mut self) -> Result<(), KafkaError> {
        let Self { reader, held, .. } = self;
        reader.read_whole(WHOLE_MAX, &mut |message| take(message, held))
    }

    /// What is in force; `None` where nothing was ever published.
    ///
    /// # Errors
    /// If what stands there is of a form that is not known here.
    pub fn manifest(&self) -> Result<Option<Manifest>, KafkaError> {
        self.held.get(IN_FORCE).map(|value| serde_json::from_slice(value)).transpose().map_err(|error| {
            let doing = format!("read the topic {}", self.topic);
            KafkaError::wrong(doing, format!("its manifest is of another form: {error}"), "publish the edition again")
        })
    }

    /// The last editions that were put in force, the newest first.
    #[must_use]
    pub fn earlier(&self) -> Vec<Manifest> {
        let mut all: Vec<Manifest> = self.under(EARLIER);
        all.sort_by_key(|manifest| std::cmp::Reverse(manifest.at));
        all
    }

    /// What instances say of themselves, by name.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.under(INSTANCE)
    }

    /// What stands under keys that begin so; what a later version wrote otherwise is passed over.
    fn under<T: for<'de> Deserialize<'de>>(&self, prefix: &str) -> Vec<T> {
        let all = self.held.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        all.filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect()
    }

    /// The files of a bundle, put together from its chunks and looked at: its bytes have to hash to its name.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn files(&self, manifest: &Manifest) -> Result<Vec<BundleFile>, String> {
        let Manifest { bundle, chunks, bytes, .. } = manifest;
        if *bytes > bundle::PACKED_BYTES_MAX {
            return Err(format!("its bundle has {bytes} bytes; at most {} are taken", bundle::PACKED_BYTES_MAX));
        }
        let mut packed = Vec::with_capacity(*bytes);
        for number in 0..*chunks {
            let chunk = self.held.get(&chunk_key(bundle, number));
            let chunk = chunk.ok_or_else(|| format!("chunk {} of {chunks} of its bundle is missing", number + 1))?;
            packed.extend_from_slice(chunk);
        }
        if bundle::name_of(&packed) != *bundle {
            return Err(format!("the bytes of its bundle are not those that were published ({bundle})"));
        }
        bundle::unpack(&packed)
    }

    /// Lets go of a bundle that was taken: it stands in the topic.
    pub fn release(&mut self, manifest: &Manifest) {
        let prefix = chunk_key_prefix(&manifest.bundle);
        self.held.retain(|key, _| !key.starts_with(&prefix));
    }
}

fn take(message: &impl Message, held: &mut BTreeMap<String, Vec<u8>>) {
    let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
    match message.payload() {
        Some(value) => drop(held.insert(key, value.to_vec())),
        None => drop(held.remove(&key)),
    }
}

fn chunk_key_prefix(bundle: &str) -> String {
    format!("{CHUNK}{bundle}/")
}

fn chunk_key(bundle: &str, number: usize) -> String {
    format!("{}{number:06}", chunk_key_prefix(bundle))
}

fn name(options: &KafkaOptions) -> Result<String, KafkaError> {
    options.topics.editions.clone().ok_or_else(|| {
        let what = "editions = \"folder\" below [kafka] says that each instance has its own";
        KafkaError::wrong("publish editions", what, "set editions = \"topic\" below [kafka]")
    })
}

fn producer(options: &KafkaOptions, config: &mut ClientConfig) -> Result<BaseProducer<Heard>, KafkaError> {
    config.set("enable.idempotence", "true").set("acks", "all").set("compression.type", options.compression.name());
    let made = config.create_with_context(Heard::default());
    made.map_err(|error| KafkaError::new("make a producer", &error, None))
}

/// Puts editions in force.
pub struct Publisher {
    producer: BaseProducer<Heard>,
    topic: String,
}

impl Publisher {
    /// Prepares it; whoever else is publishing cannot go on from here.
    ///
    /// # Errors
    /// If the cluster cannot be reached or refuses us.
    pub fn open(options: &KafkaOptions) -> Result<Self, KafkaError> {
        let mut config = options.client("tidegate-editions")?;
        config
            .set("transactional.id", format!("{}-{}-editions", options.group, options.topics.input))
            .set("transaction.timeout.ms", PUBLISH_MAX.as_millis().to_string());
        let publisher = Self { producer: producer(options, &mut config)?, topic: name(options)? };
        publisher.call(|publisher| publisher.producer.init_transactions(PUBLISH_MAX))?;
        Ok(publisher)
    }

    fn call(&self, call: impl Fn(&Self) -> Result<(), Native>) -> Result<(), KafkaError> {
        call(self).map_err(|error| {
            let heard = self.producer.context().last();
            KafkaError::new(format!("publish to the topic {}", self.topic), &error, heard.as_deref())
        })
    }

    fn send(&self, key: &str, value: Option<&[u8]>) -> Result<(), KafkaError> {
        send(&self.producer, &self.topic, key, value)
    }

    /// Puts these files in force as the edition of that id: all of it or nothing. `known` is the topic, read to its end.
    ///
    /// # Errors
    /// If they are too many or too large, or the cluster refuses them.
    pub fn publish(
        &self,
        edition: &str,
        files: &[BundleFile],
        at: Millis,
        known: &EditionTopic,
    ) -> Result<Manifest, KafkaError> {
        let wrong = |what: String| KafkaError::wrong("publish the edition", what, "split its largest lists off");
        let packed = bundle::pack(files).map_err(wrong)?;
        let chunks = bundle::chunks(&packed);
        let manifest = Manifest {
            edition: edition.to_owned(),
            bundle: bundle::name_of(&packed),
            chunks: chunks.len(),
            bytes: packed.len(),
            files: files.len(),
            at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.call(|publisher| publisher.producer.begin_transaction())?;
        for (number, chunk) in chunks.enumerate() {
            self.send(&chunk_key(&manifest.bundle, number), Some(chunk))?;
        }
        let value = serde_json::to_vec(&manifest).expect("a manifest is plain data");
        self.send(IN_FORCE, Some(&value))?;
        self.send(&format!("{EARLIER}{at:015}/{edition}"), Some(&value))?;
        let ours = chunk_key_prefix(&manifest.bundle);
        let old_chunks = known.held.keys().filter(|key| key.starts_with(CHUNK) && !key.starts_with(&ours));
        let earlier = known.held.keys().rev().filter(|key| key.starts_with(EARLIER)).skip(EARLIER_MAX - 1);
        old_chunks.chain(earlier).try_for_each(|key| self.send(key, None))?;
        self.call(|publisher| publisher.producer.commit_transaction(PUBLISH_MAX))?;
        Ok(manifest)
    }
}

impl Drop for Publisher {
    /// Undoes what is open, so that nobody waits for the broker to do it; where nothing is, this says so and is passed over.
    fn drop(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        let _ = self.producer.flush(PUBLISH_MAX / 10);
        let _ = self.producer.abort_transaction(PUBLISH_MAX / 10);
    }
}

fn send(producer: &BaseProducer<Heard>, topic: &str, key: &str, value: Option<&[u8]>) -> Result<(), KafkaError> {
    let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(0).key(key);
    record.payload = value;
    let until = instant() + PUBLISH_MAX;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, again)) => {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) || instant() >= until {
                    return Err(KafkaError::new(format!("write to {topic}"), &error, None));
                }
                producer.poll(FULL_WAIT);
                record = again;
            }
        }
    }
}

/// Says what an instance runs.
pub struct Reporter {
    producer: BaseProducer<Heard>,
    topic: String,
}

impl Reporter {
    /// Prepares it.
    ///
    /// # Errors
    /// If a setting is refused.
    pub fn open(options: &KafkaOptions) -> Result<Self, KafkaError> {
        let mut config = options.client(&options.client_id("reporter"))?;
        Ok(Self { producer: producer(options, &mut config)?, topic: name(options)? })
    }

    /// Hands it to the client, which sends it: a report that does not arrive is followed by another.
    pub fn report(&self, report: &Report) {
        let value = serde_json::to_vec(report).expect("a report is plain data");
        self.put(&report.instance, Some(&value));
    }

    /// The instance has ended in order: it runs nothing.
    pub fn ends(&self, instance: &str) {
        self.put(instance, None);
        if let Err(error) = self.producer.flush(PUBLISH_MAX / 30) {
            tracing::warn!(%error, "that this instance ended is not reported");
        }
    }

    fn put(&self, instance: &str, value: Option<&[u8]>) {
        if let Err(error) = send(&self.producer, &self.topic, &format!("{INSTANCE}{instance}"), value) {
            tracing::warn!(%error, "what this instance runs is not reported");
        }
    }

    /// Serves the client; call it now and then.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until what was reported has arrived, at most so long.
    pub fn flush(&self, longest: Duration) {
        if let Err(error) = self.producer.flush(longest) {
            tracing::warn!(%error, "what this instance runs is not reported");
        }
    }
}
