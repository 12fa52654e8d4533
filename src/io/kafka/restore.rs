//! Reading a lane's changelog back: all of it, or what came after a record that is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as Native;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::changelog::{HEAD, Held, number_of};
use super::error::KafkaError;
use super::heard::Heard;
use super::inlet::Inlet;
use super::member::{ANSWER_MAX, Group};
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

/// Where a lane's topics begin.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    /// Topic by topic, the input first: the offset for a lane whose state says nothing, and that of the first record that is
    /// still kept.
    pub(super) topics: Vec<(i64, i64)>,
    /// Whether the group had read the input before.
    pub(super) was_read: bool,
}

/// A reader of one changelog.
pub(super) struct Restorer {
    consumer: BaseConsumer<Heard>,
    options: Arc<KafkaOptions>,
    group: Arc<Group>,
    inlet: Arc<Inlet>,
}

impl Restorer {
    pub(super) fn new(options: &Arc<KafkaOptions>, group: &Arc<Group>, inlet: &Arc<Inlet>) -> Result<Self, KafkaError> {
        let consumer = options
            .restorer(inlet.partition())?
            .create_with_context(Heard::default())
            .map_err(|error| KafkaError::new("make a client", &error, None))?;
        let (options, group, inlet) = (Arc::clone(options), Arc::clone(group), Arc::clone(inlet));
        Ok(Self { consumer, options, group, inlet })
    }

    fn error(&self, doing: &str, error: &Native) -> KafkaError {
        let doing = format!("{doing} (partition {})", self.inlet.partition());
        KafkaError::new(doing, error, self.consumer.context().last().as_deref())
    }

    /// Where the lane begins if its state says nothing: where the group has read to, or at the end that the options say; with all
    /// that other lanes tell.
    pub(super) fn begin(&self) -> Result<Beginning, KafkaError> {
        let (topic, partition) = (&self.options.topics.input, self.inlet.partition());
        let ends = |topic: &str| {
            let ends = self.consumer.fetch_watermarks(topic, partition, ANSWER_MAX);
            ends.map_err(|error| self.error("ask where the input begins", &error))
        };
        let (low, high) = ends(topic)?;
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = self.consumer.committed_offsets(list, ANSWER_MAX);
        let committed = committed.map_err(|error| self.error("ask where the group has read to", &error))?;
        let read_to = match committed.find_partition(topic, partition).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        let offset = read_to.unwrap_or(match self.options.begin {
            Begin::Earliest => low,
            Begin::Latest => high,
        });
        let mut topics = vec![(offset, low)];
        for told in self.options.topics.read_by_lanes().into_iter().skip(1) {
            let (low, _) = ends(told)?;
            topics.push((low, low));
        }
        Ok(Beginning { topics, was_read: read_to.is_some() })
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
