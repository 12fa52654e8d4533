//! Reading a lane's changelog back: all of it, or what came after a record that is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::changelog::{HEAD, Held, number_of};
use super::error::KafkaError;
use super::inlet::Inlet;
use super::member::{ANSWER_MAX, Group, Heard, log};
use super::options::{Begin, KafkaOptions};
use crate::io::clock::instant;
use crate::state::checksum;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(200);

/// A record of the changelog, and what it holds: where a copy of the state on this machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) offset: i64,
    pub(super) sum: u64,
}

/// What was read of a changelog.
#[derive(Default)]
pub(super) struct Log {
    pub(super) held: Held,
    /// Where the records lie that a copy may stand at: of entries and heads.
    anchors: BTreeMap<Vec<u8>, Anchor>,
    records: u64,
    bytes: u64,
}

impl Log {
    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let key = message.key().unwrap_or_default().to_vec();
        self.records += 1;
        let Some(value) = message.payload() else {
            self.held.remove(&key);
            self.anchors.remove(&key);
            return;
        };
        self.bytes += value.len() as u64;
        if number_of(&key, b'f').is_some() || key == HEAD {
            self.anchors.insert(key.clone(), Anchor { offset: message.offset(), sum: checksum(value) });
        }
        self.held.insert(key, value.to_vec());
    }

    /// Where the last record under that key lies.
    pub(super) fn anchor(&self, key: &[u8]) -> Option<Anchor> {
        self.anchors.get(key).copied()
    }
}

#[derive(Default)]
struct Callbacks(Heard);

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        // The end of a partition comes as an error as well, and is what is read for.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            self.0.hear(&error, reason);
        }
    }
}

impl ConsumerContext for Callbacks {}

/// Where the input begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    /// For a lane whose state says nothing.
    pub(super) offset: i64,
    /// The first record that is still kept.
    pub(super) low: i64,
    /// Whether the group had read the partition before.
    pub(super) was_read: bool,
}

/// A reader of one changelog.
pub(super) struct Restorer {
    consumer: BaseConsumer<Callbacks>,
    options: Arc<KafkaOptions>,
    group: Arc<Group>,
    inlet: Arc<Inlet>,
}

impl Restorer {
    pub(super) fn new(options: &Arc<KafkaOptions>, group: &Arc<Group>, inlet: &Arc<Inlet>) -> Result<Self, KafkaError> {
        let consumer = options
            .restorer(inlet.partition())?
            .create_with_context(Callbacks::default())
            .map_err(|error| KafkaError::new("make a client", &error, None))?;
        let (options, group, inlet) = (Arc::clone(options), Arc::clone(group), Arc::clone(inlet));
        Ok(Self { consumer, options, group, inlet })
    }

    fn error(&self, doing: &str, error: &Native) -> KafkaError {
        let doing = format!("{doing} (partition {})", self.inlet.partition());
        KafkaError::new(doing, error, self.consumer.context().0.last().as_deref())
    }

    /// Where the input begins for a lane whose state says nothing: where the group has read to, or at the end that the options
    /// say.
    pub(super) fn begin(&self) -> Result<Beginning, KafkaError> {
        let (topic, partition) = (&self.options.topics.input, self.inlet.partition());
        let ends = self.consumer.fetch_watermarks(topic, partition, ANSWER_MAX);
        let (low, high) = ends.map_err(|error| self.error("ask where the input begins", &error))?;
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = self.consumer.committed_offsets(list, ANSWER_MAX);
        let committed = committed.map_err(|error| self.error("ask where the group has read to", &error))?;
        if let Some(Offset::Offset(offset)) = committed.find_partition(topic, partition).map(|found| found.offset()) {
            return Ok(Beginning { offset, low, was_read: true });
        }
        let offset = match self.options.begin {
            Begin::Earliest => low,
            Begin::Latest => high,
        };
        Ok(Beginning { offset, low, was_read: false })
    }

    /// What came after the record that the anchor names; `None` if that is not the record that lies there.
    pub(super) fn after(&self, anchor: Anchor) -> Result<Option<Log>, KafkaError> {
        self.read(Offset::Offset(anchor.offset), Some(anchor))
    }

    /// All that is held.
    pub(super) fn all(&self) -> Result<Log, KafkaError> {
        Ok(self.read(Offset::Beginning, None)?.unwrap_or_default())
    }

    fn read(&self, from: Offset, anchor: Option<Anchor>) -> Result<Option<Log>, KafkaError> {
        let (topic, partition) = (&self.options.topics.state, self.inlet.partition());
        let mut list = TopicPartitionList::new();
        let assigned = list.add_partition_offset(topic, partition, from).and_then(|()| self.consumer.assign(&list));
        assigned.map_err(|error| self.error("read the changelog", &error))?;
        let (mut log, mut is_anchored) = (Log::default(), anchor.is_none());
        let (started, mut told, mut heard_of) = (instant(), instant(), instant());
        loop {
            if self.inlet.is_ended() {
                return Err(KafkaError::passing("read the changelog", "the partition went to another instance"));
            }
            match self.consumer.poll(POLL) {
                Some(Ok(message)) if is_anchored => log.take(&message),
                Some(Ok(message)) => {
                    let sum = message.payload().map(checksum);
                    if anchor.is_some_and(|anchor| message.offset() != anchor.offset || sum != Some(anchor.sum)) {
                        return Ok(None);
                    }
                    is_anchored = true;
                }
                Some(Err(Native::PartitionEOF(_))) => break,
                Some(Err(error)) => {
                    let error = self.error("read the changelog", &error);
                    if !error.retry() {
                        return Err(error);
                    }
                }
                None if heard_of.elapsed() > self.options.transaction_timeout => {
                    return Err(KafkaError::passing("read the changelog", "nothing came for too long"));
                }
                None => continue,
            }
            heard_of = instant();
            if told.elapsed() >= TELL_EVERY {
                told = instant();
                tracing::info!(partition, records = log.records, bytes = log.bytes, "reading the changelog");
            }
        }
        let _ = self.consumer.unassign();
        self.group.counts.restored(log.records);
        let elapsed_ms = started.elapsed().as_millis() as u64;
        tracing::info!(partition, records = log.records, bytes = log.bytes, elapsed_ms, "changelog read");
        // An anchor past the end is one of another changelog.
        Ok(is_anchored.then_some(log))
    }
}
