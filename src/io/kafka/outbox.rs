//! What a lane writes with: one producer, one transaction at a time. The lane's store and its two sinks share it, all of them on
//! the saver's thread.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::error::KafkaError;
use super::heard::{Heard, log};
use super::inlet::Inlet;
use super::member::Group;
use super::options::{Delivery, KafkaOptions};
use crate::io::clock::instant;

/// How long one call of a transaction may take before it is made again.
const CALL_MAX: Duration = Duration::from_secs(5);
/// How long the queue may stay full before it is looked at again.
const FULL_WAIT: Duration = Duration::from_millis(10);
/// How long between two looks at whether everything has arrived.
const ARRIVAL_WAIT: Duration = Duration::from_micros(500);

/// What comes back of what was sent.
#[derive(Default)]
struct Reports {
    heard: Heard,
    /// The first record that did not arrive, and why.
    failed: Mutex<Option<Native>>,
    /// Where the last record lies that was marked.
    marked: AtomicI64,
}

/// What a record is sent with, so that its report can be told apart.
const PLAIN: usize = 0;
const MARKED: usize = 1;

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        self.heard.hear(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        match result {
            Ok(message) if opaque == MARKED => self.marked.store(message.offset(), Ordering::Relaxed),
            Ok(_) => {}
            Err((error, _)) => {
                self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.clone());
            }
        }
    }
}

/// One record on its way out.
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    /// Where it goes; by its key, where absent.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a [u8]>,
    /// `None` deletes what a compacted topic holds under the key.
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Option<OwnedHeaders>,
    /// Whether to remember where it came to lie.
    pub(super) is_marked: bool,
}

/// A lane's producer.
pub(super) struct Outbox {
    producer: BaseProducer<Reports>,
    options: Arc<KafkaOptions>,
    partition: i32,
    group: Arc<Group>,
    inlet: Arc<Inlet>,
    is_open: bool,
}

/// An outbox as store and sinks share it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Outbox>>);

impl Shared {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self(Arc::new(Mutex::new(outbox)))
    }

    // A panic in between leaves a transaction that is never committed.
    pub(super) fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    /// Makes the partition's producer. Exactly once: whoever had the partition before is fenced from here on, and what it left
    /// open is finished or undone when this returns.
    ///
    /// # Errors
    /// If the brokers cannot be reached or refuse it.
    pub(super) fn open(
        options: &Arc<KafkaOptions>,
        inlet: &Arc<Inlet>,
        group: &Arc<Group>,
    ) -> Result<Self, KafkaError> {
        let partition = inlet.partition();
        let producer: BaseProducer<Reports> = options
            .producer(partition)?
            .create_with_context(Reports::default())
            .map_err(|error| KafkaError::new("make a producer", &error, None))?;
        let (options, group, inlet) = (Arc::clone(options), Arc::clone(group), Arc::clone(inlet));
        let outbox = Self { producer, options, partition, group, inlet, is_open: false };
        if outbox.is_transactional() {
            outbox.patiently("take the partition over", |outbox| outbox.producer.init_transactions(CALL_MAX))?;
        }
        Ok(outbox)
    }

    pub(super) fn options(&self) -> &Arc<KafkaOptions> {
        &self.options
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    /// How many partitions the input has.
    pub(super) fn input_partitions(&self) -> i32 {
        self.group.input_partitions()
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.options.delivery == Delivery::ExactlyOnce
    }

    fn error(&self, doing: &str, error: &Native) -> KafkaError {
        let doing = format!("{doing} (partition {})", self.partition);
        KafkaError::new(doing, error, self.producer.context().heard.last().as_deref())
    }

    /// Makes a call again and again while what it says is that it may be made again, as long as a transaction may take and the
    /// partition is not another's.
    fn patiently(&self, doing: &str, call: impl Fn(&Self) -> Result<(), Native>) -> Result<(), KafkaError> {
        let until = instant() + self.options.transaction_timeout;
        loop {
            match call(self) {
                Ok(()) => return Ok(()),
                Err(error) if may_repeat(&error) && instant() < until && !self.inlet.is_ended() => {
                    self.producer.poll(FULL_WAIT);
                }
                Err(error) => return Err(self.error(doing, &error)),
            }
        }
    }

    /// Opens a transaction, if none is open.
    pub(super) fn begin(&mut self) -> Result<(), KafkaError> {
        if !self.is_open && self.is_transactional() {
            self.patiently("begin a transaction", |outbox| outbox.producer.begin_transaction())?;
        }
        self.is_open = true;
        Ok(())
    }

    /// Hands a record to the client, which sends it with others.
    pub(super) fn send(&mut self, outgoing: Outgoing<'_>) -> Result<(), KafkaError> {
        self.begin()?;
        let Outgoing { topic, partition, key, value, headers, is_marked } = outgoing;
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(topic, if is_marked { MARKED } else { PLAIN });
        (record.partition, record.key, record.payload, record.headers) = (partition, key, value, headers);
        let until = instant() + self.options.transaction_timeout;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, again)) => {
                    let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || instant() >= until {
                        return Err(self.error(&format!("write to {topic}"), &error));
                    }
                    self.producer.poll(FULL_WAIT);
                    record = again;
                }
            }
        }
    }

    /// Returns when everything that was sent has arrived.
    pub(super) fn flush(&self) -> Result<(), KafkaError> {
        let until = instant() + self.options.transaction_timeout;
        // The library's own flush looks up only every tenth of a second, whatever has arrived: no batch would be faster.
        while self.producer.in_flight_count() > 0 {
            if instant() >= until || self.inlet.is_ended() {
                self.patiently("write", |outbox| outbox.producer.flush(CALL_MAX))?;
                break;
            }
            self.producer.poll(Duration::ZERO);
            thread::park_timeout(ARRIVAL_WAIT);
        }
        let failed = self.producer.context().failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), |error| Err(self.error("write", &error)))
    }

    /// Ends the transaction: all of it becomes visible, with what was read up to `offsets` if they are given, or nothing.
    pub(super) fn commit(&mut self, offsets: Option<&[i64]>) -> Result<(), KafkaError> {
        if !self.is_open {
            return Ok(());
        }
        let started = instant();
        self.flush()?;
        if self.is_transactional() {
            if let Some(offsets) = offsets {
                self.send_offsets(offsets)?;
            }
            self.patiently("commit", |outbox| outbox.producer.commit_transaction(CALL_MAX))?;
        }
        self.is_open = false;
        self.group.counts.committed(started.elapsed());
        Ok(())
    }

    fn send_offsets(&self, offsets: &[i64]) -> Result<(), KafkaError> {
        let metadata = self.group.metadata();
        let metadata = metadata.ok_or_else(|| KafkaError::passing("commit", "the group has not taken us in"))?;
        let mut list = TopicPartitionList::new();
        for (topic, &offset) in self.options.topics.read_by_lanes().into_iter().zip(offsets) {
            let added = list.add_partition_offset(topic, self.partition, Offset::Offset(offset));
            added.map_err(|error| self.error("commit", &error))?;
        }
        self.patiently("commit offsets", |outbox| {
            outbox.producer.send_offsets_to_transaction(&list, &metadata, CALL_MAX)
        })
    }

    /// Where the last marked record lies, once it was flushed.
    pub(super) fn marked(&self) -> i64 {
        self.producer.context().marked.load(Ordering::Relaxed)
    }
}

impl Drop for Outbox {
    /// Undoes what is open: who waits for it to end need not wait for the broker's time-out.
    fn drop(&mut self) {
        if !self.is_open || !self.is_transactional() {
            return;
        }
        self.group.counts.aborted();
        self.producer.purge(PurgeConfig::default().queue().inflight());
        // An abort does not flush by itself and is refused while anything is on its way.
        let undone = self.producer.flush(CALL_MAX).and_then(|()| self.producer.abort_transaction(CALL_MAX));
        match undone {
            Ok(()) => tracing::info!(partition = self.partition, "an unfinished transaction was undone"),
            Err(error) => tracing::warn!(partition = self.partition, %error, "left for the broker to undo"),
        }
    }
}

fn may_repeat(error: &Native) -> bool {
    match error {
        Native::Transaction(error) => error.is_retriable() && !error.txn_requires_abort() && !error.is_fatal(),
        Native::Flush(code) => *code == RDKafkaErrorCode::OperationTimedOut,
        _ => false,
    }
}
