//! What a test does to a broker from outside: makes topics, fills them, reads what is committed.

use std::ops::Range;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::trial::{now, pause};

/// How long a broker that is up may take for anything that a test asks of it.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one question may take before it is asked again: a node that went away is asked in vain.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Sending goes on while a broker is away and comes back.
const FLUSH_MAX: Duration = Duration::from_secs(300);

/// A record as a `read_committed` consumer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    /// What a header says.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A producer that loses and doubles nothing by itself.
pub(crate) fn producer(bootstrap: &str) -> BaseProducer {
    producing(bootstrap, "5")
}

/// The same, that hardly waits for others to share a request.
pub(crate) fn low_latency_producer(bootstrap: &str) -> BaseProducer {
    producing(bootstrap, "1")
}

/// Takes what the broker has acknowledged.
pub(crate) fn serve(producer: &BaseProducer) {
    producer.poll(Duration::ZERO);
}

fn producing(bootstrap: &str, linger_ms: &str) -> BaseProducer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", linger_ms)
        .set("queue.buffering.max.messages", "200000")
        .create()
        .unwrap()
}

/// Sends one record, waiting where the queue is full.
pub(crate) fn send(producer: &BaseProducer, topic: &str, partition: i32, key: &[u8], value: &[u8]) {
    let mut record = BaseRecord::to(topic).partition(partition).key(key).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                producer.poll(Duration::from_millis(20));
                record = again;
            }
            Err((error, _)) => panic!("{topic}: {error}"),
        }
    }
}

/// Waits until everything that was sent is there.
pub(crate) fn flush(producer: &BaseProducer) {
    producer.flush(FLUSH_MAX).unwrap();
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

/// Gives a topic these settings, and no others of its own.
pub(crate) fn configure(bootstrap: &str, topic: &str, settings: &[(&str, &str)]) {
    let wanted = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let wanted = settings.iter().fold(wanted, |wanted, (key, value)| wanted.set(key, value));
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    for set in pollster::block_on(admin(bootstrap).alter_configs([&wanted], &options)).unwrap() {
        set.unwrap();
    }
}

/// Makes topics of so many partitions, with as many copies as the broker makes by itself.
pub(crate) fn create_topics(bootstrap: &str, names: &[&str], partitions: i32) {
    let topics: Vec<_> =
        names.iter().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(-1))).collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    for made in pollster::block_on(admin(bootstrap).create_topics(&topics, &options)).unwrap() {
        made.unwrap();
    }
}

/// A consumer that belongs to no group yet.
pub(crate) fn reader(bootstrap: &str, group: &str, isolation: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("isolation.level", isolation)
        .set("enable.partition.eof", "true")
        .create()
        .unwrap()
}

/// Asks until there is an answer.
fn insist<T>(what: &str, ask: impl Fn() -> Result<T, KafkaError>) -> T {
    let begun = now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{what}: {error}"),
        }
        pause(Duration::from_millis(100));
    }
}

/// The numbers of a topic's partitions.
pub(crate) fn partition_numbers(consumer: &BaseConsumer, topic: &str) -> Range<i32> {
    let metadata = insist(topic, || consumer.fetch_metadata(Some(topic), ASK_AGAIN));
    let partitions = metadata.topics()[0].partitions().len();
    assert!(partitions > 0, "no topic {topic}");
    0..i32::try_from(partitions).unwrap()
}

fn partitions(consumer: &BaseConsumer, topic: &str, offset: Offset) -> TopicPartitionList {
    let mut all = TopicPartitionList::new();
    for partition in partition_numbers(consumer, topic) {
        all.add_partition_offset(topic, partition, offset).unwrap();
    }
    all
}

/// Where each partition ends, as this consumer may see it: before the first open transaction, if it reads committed.
fn ends(consumer: &BaseConsumer, topic: &str) -> Vec<i64> {
    let all = partitions(consumer, topic, Offset::Beginning);
    let end = |partition| insist(topic, || consumer.fetch_watermarks(topic, partition, ASK_AGAIN)).1;
    all.elements().iter().map(|element| end(element.partition())).collect()
}

/// How many records of a topic the group of this consumer has not committed. It is not asked to join.
pub(crate) fn lag(consumer: &BaseConsumer, topic: &str) -> i64 {
    // A group that is new has no coordinator yet, and a broker that has just begun does not know its groups.
    let ask = || consumer.committed_offsets(partitions(consumer, topic, Offset::Invalid), ASK_AGAIN);
    let committed = insist("the group's offsets", ask);
    let read = committed.elements().into_iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0));
    ends(consumer, topic).into_iter().zip(read).map(|(end, read)| end - read).sum()
}

/// Whether the group of this consumer has committed every record of a topic that was written in transactions: their ends take
/// offsets too, so that what is left is never nothing.
pub(crate) fn is_read(bootstrap: &str, consumer: &BaseConsumer, topic: &str) -> bool {
    let last = committed(bootstrap, topic).into_iter().map(|seen| seen.last().map_or(-1, |seen| seen.offset));
    let ask = || consumer.committed_offsets(partitions(consumer, topic, Offset::Invalid), ASK_AGAIN);
    let read = insist("the group's offsets", ask);
    // Nothing is committed of a partition of which nothing was told.
    let read: Vec<i64> = read.elements().iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0)).collect();
    last.zip(read).all(|(last, read)| last < read)
}

/// Every committed record of a topic, partition by partition, once no transaction is open any longer: what was aborted is
/// not seen.
pub(crate) fn committed(bootstrap: &str, topic: &str) -> Vec<Vec<Seen>> {
    let consumer = reader(bootstrap, "nobody", "read_committed");
    let all = partitions(&consumer, topic, Offset::Beginning);
    let partitions = all.count();
    let begun = now();
    // The broker closes a transaction in each partition a moment after its writer was told that it is committed.
    while ends(&consumer, topic) != ends(&reader(bootstrap, "nobody", "read_uncommitted"), topic) {
        assert!(begun.elapsed() < PATIENCE, "a transaction stays open in {topic}");
        pause(Duration::from_millis(100));
    }
    consumer.assign(&all).unwrap();
    let mut seen = vec![Vec::new(); partitions];
    let mut ended = vec![false; partitions];
    while !ended.iter().all(|ended| *ended) {
        assert!(begun.elapsed() < PATIENCE, "{topic} cannot be read to its end: {ended:?}");
        match consumer.poll(Duration::from_millis(100)) {
            // A connection that went is made again; what cannot be read at all runs into the bound above.
            None | Some(Err(KafkaError::MessageConsumption(_))) => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => ended[usize::try_from(partition).unwrap()] = true,
            Some(Err(error)) => panic!("{topic}: {error}"),
            Some(Ok(record)) => seen[usize::try_from(record.partition()).unwrap()].push(Seen {
                offset: record.offset(),
                key: record.key().unwrap_or_default().to_vec(),
                value: record.payload().unwrap_or_default().to_vec(),
                headers: headers(&record),
            }),
        }
    }
    seen
}

fn headers(record: &impl Message) -> Vec<(String, String)> {
    let Some(headers) = record.headers() else { return vec![] };
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
}
