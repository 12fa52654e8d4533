//! A topic that every instance reads whole, in no group.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::KafkaError;
use super::heard::{EVENTS_MAX, Heard};
use super::member::ANSWER_MAX;
use super::options::KafkaOptions;
use crate::io::clock::instant;

/// How long a topic that a broker does not know is waited for.
const APPEAR_MAX: Duration = Duration::from_secs(5);

/// From where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From its beginning.
    Beginning,
    /// From so many records before its end, all partitions together.
    Last(usize),
}

/// A reader of all partitions of a topic.
pub(super) struct WholeTopic {
    consumer: BaseConsumer<Heard>,
    topic: String,
    /// What is read, and from where.
    list: TopicPartitionList,
    opened: Instant,
    /// Of which partitions the end was reached.
    ended: Vec<bool>,
}

impl WholeTopic {
    /// Begins to read the topic. `role`: what the client is called.
    ///
    /// # Errors
    /// If the cluster cannot be reached, refuses us, or does not have the topic.
    pub(super) fn open(options: &KafkaOptions, topic: &str, role: &str, since: Since) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer<Heard> = options
            .whole_reader(role)?
            .create_with_context(Heard::default())
            .map_err(|error| KafkaError::new("make a client", &error, None))?;
        let (list, begun) = (TopicPartitionList::new(), instant());
        let mut opened = Self { consumer, topic: topic.to_owned(), list, opened: begun, ended: Vec::new() };
        let partitions = opened.partitions()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            let offset = opened.begin(partition, partitions, since)?;
            let added = list.add_partition_offset(topic, partition, offset);
            added.map_err(|error| opened.error(&error))?;
        }
        opened.consumer.assign(&list).map_err(|error| opened.error(&error))?;
        opened.ended = vec![false; partitions];
        opened.list = list;
        Ok(opened)
    }

    fn error(&self, error: &Native) -> KafkaError {
        KafkaError::new(format!("read the topic {}", self.topic), error, self.consumer.context().last().as_deref())
    }

    fn begin(&self, partition: i32, partitions: usize, since: Since) -> Result<Offset, KafkaError> {
        let Since::Last(records) = since else { return Ok(Offset::Beginning) };
        let ends = self.consumer.fetch_watermarks(&self.topic, partition, ANSWER_MAX);
        let (low, high) = ends.map_err(|error| self.error(&error))?;
        let share = i64::try_from(records / partitions.max(1)).unwrap_or(i64::MAX);
        Ok(Offset::Offset(low.max(high.saturating_sub(share))))
    }

    /// How many it has: a consumer would wait for a topic that is absent for ever.
    fn partitions(&self) -> Result<usize, KafkaError> {
        let until = instant() + ANSWER_MAX;
        loop {
            let found = self.consumer.fetch_metadata(Some(&self.topic), ANSWER_MAX / 5);
            // Who may not see it is not told whether it is there.
            let refused =
                found.as_ref().ok().and_then(|found| found.topics().first()?.error()).map(RDKafkaErrorCode::from);
            if let Some(code @ RDKafkaErrorCode::TopicAuthorizationFailed) = refused {
                return Err(self.error(&Native::MetadataFetch(code)));
            }
            match found {
                Ok(found) if found.topics().first().is_some_and(|topic| !topic.partitions().is_empty()) => {
                    return Ok(found.topics()[0].partitions().len());
                }
                // One that was just made is not known to every broker at once.
                Ok(_) if instant() + ANSWER_MAX / 2 >= until => return Err(KafkaError::no_topic(&self.topic)),
                Ok(_) => drop(self.consumer.poll(ANSWER_MAX / 50)),
                Err(error) => {
                    // Complaints of the connection come as events, with log lines in between: what only a person can mend is not
                    // waited for.
                    (0..EVENTS_MAX).for_each(|_| drop(self.consumer.poll(Duration::ZERO)));
                    let error = self.error(&error);
                    if !error.retry() || instant() >= until {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Reads on, until there is nothing more to read or so long. Whether the end of every partition was reached, now or before.
    ///
    /// # Errors
    /// If it cannot be read, and another try does not help.
    pub(super) fn read(
        &mut self,
        longest: Duration,
        take: &mut dyn FnMut(&BorrowedMessage<'_>),
    ) -> Result<bool, KafkaError> {
        let until = instant() + longest;
        loop {
            let left = until.saturating_duration_since(instant());
            match self.consumer.poll(left) {
                None => {}
                Some(Ok(message)) => take(&message),
                Some(Err(Native::PartitionEOF(partition))) => {
                    if let Some(ended) = usize::try_from(partition).ok().and_then(|number| self.ended.get_mut(number)) {
                        *ended = true;
                    }
                    if self.is_at_end() {
                        return Ok(true);
                    }
                }
                // One that was just made is not known to every broker at once: its leader may say so where others know it.
                Some(Err(error))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition)
                        && self.opened.elapsed() < APPEAR_MAX =>
                {
                    drop(self.consumer.poll(APPEAR_MAX / 50));
                    self.ended.fill(false);
                    self.consumer.assign(&self.list).map_err(|error| self.error(&error))?;
                }
                Some(Err(error)) => {
                    let error = self.error(&error);
                    if !error.retry() {
                        return Err(error);
                    }
                    tracing::warn!(%error, topic = self.topic, "a topic is read again");
                }
            }
            if left.is_zero() {
                return Ok(self.is_at_end());
            }
        }
    }

    fn is_at_end(&self) -> bool {
        self.ended.iter().all(|ended| *ended)
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// If it cannot be read, or takes longer than that.
    pub(super) fn read_whole(
        &mut self,
        longest: Duration,
        take: &mut dyn FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), KafkaError> {
        if self.read(longest, take)? {
            return Ok(());
        }
        let what = format!("its end was not reached within {} s", longest.as_secs());
        Err(KafkaError::passing(format!("read the topic {}", self.topic), what))
    }
}
