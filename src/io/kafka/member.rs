//! The group's member: one consumer on a thread of its own, which reads all partitions that the group gives it and hands
//! their records to lanes.
//!
//! No queue of librdkafka is split, partitions are given and taken all at once (the eager protocol), and what the group
//! takes away is let go only when its lane has committed what it was given, or has had its time. A partition that comes back
//! goes on where it stood: its lane was only held up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata, Rebalance};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::error::KafkaError;
use super::heard::{EVENTS_MAX, Heard, log};
use super::inlet::{INPUT, Inlet, Wish};
use super::options::{Delivery, KafkaOptions, Partitions, Topics};
use crate::io::clock::instant;
use crate::io::source::BatchLimits;

/// How long one look at the cluster may take.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 15 });
/// How long one question may take before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long a topic that nobody knows is waited for, and how long between two looks.
const APPEAR_MAX: Duration = Duration::from_secs(5);
const ASK_PAUSE: Duration = Duration::from_millis(100);
/// How long the member waits for a record before it looks after its lanes.
const POLL: Duration = Duration::from_millis(10);
/// Records that are handed on before the member looks after its lanes.
const BURST_RECORDS: usize = 1024;
/// How often offsets are committed where they are not part of a transaction.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// What others know of the member.
#[derive(Default)]
pub(super) struct Group {
    inlets: Mutex<BTreeMap<i32, Arc<Inlet>>>,
    metadata: Mutex<Option<Arc<ConsumerGroupMetadata>>>,
    has_joined: AtomicBool,
    pub(super) counts: Counts,
    /// Offsets after the last record that readers of committed records can see, by partition.
    ends: Mutex<BTreeMap<i32, i64>>,
    heard: Heard,
    input_partitions: AtomicI32,
}

/// What all lanes did together.
#[derive(Debug, Default)]
pub(super) struct Counts {
    rebalances: AtomicU64,
    committed: AtomicU64,
    aborted: AtomicU64,
    commit_micros: AtomicU64,
    restored: AtomicU64,
    lost: AtomicU64,
}

/// What all lanes did together, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Times that partitions were shared out anew.
    pub rebalances: u64,
    /// Transactions committed; batches, where there are no transactions.
    pub committed: u64,
    /// Transactions undone.
    pub aborted: u64,
    /// How long commits took, all of them.
    pub commit_time: Duration,
    /// Records of changelogs that were read back.
    pub restored: u64,
    /// Records that retention deleted before they were read.
    pub lost: u64,
}

impl Counts {
    pub(super) fn committed(&self, elapsed: Duration) {
        self.committed.fetch_add(1, Ordering::Relaxed);
        self.commit_micros.fetch_add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn aborted(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn restored(&self, records: u64) {
        self.restored.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    fn now(&self) -> Counted {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            rebalances: of(&self.rebalances),
            committed: of(&self.committed),
            aborted: of(&self.aborted),
            commit_time: Duration::from_micros(of(&self.commit_micros)),
            restored: of(&self.restored),
            lost: of(&self.lost),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    /// What a transaction names the member by, in its present generation.
    pub(super) fn metadata(&self) -> Option<Arc<ConsumerGroupMetadata>> {
        lock(&self.metadata).clone()
    }

    /// How many partitions the input has.
    pub(super) fn input_partitions(&self) -> i32 {
        self.input_partitions.load(Ordering::Relaxed)
    }

    fn inlets(&self) -> Vec<Arc<Inlet>> {
        lock(&self.inlets).values().cloned().collect()
    }
}

/// What the consumer calls back.
struct Callbacks {
    options: Arc<KafkaOptions>,
    limits: BatchLimits,
    group: Arc<Group>,
    /// Where partitions go that are new to us.
    given: Mutex<Sender<Arc<Inlet>>>,
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Native, reason: &str) {
        self.group.heard.hear(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let Some(topic) = statistics.topics.get(&self.options.topics.input) else { return };
        let ends = topic.partitions.values().filter(|partition| partition.ls_offset >= 0);
        *lock(&self.group.ends) = ends.map(|partition| (partition.partition, partition.ls_offset)).collect();
    }
}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.let_go(consumer, partitions);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.take(consumer, partitions),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::error!(%error, "the group cannot share its partitions out"),
        }
    }
}

impl Callbacks {
    /// Saves before it lets go: lanes finish and commit what they were given.
    fn let_go(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let is_lost = consumer.assignment_lost();
        tracing::info!(partitions = partitions.count(), is_lost, "the group takes partitions away");
        let inlets = self.group.inlets();
        if is_lost {
            // Somebody else has had them already: whatever a lane would commit now is refused, and should one come back, its
            // lane begins with what the other has written.
            inlets.iter().for_each(|inlet| inlet.end());
            lock(&self.group.inlets).clear();
            return;
        }
        inlets.iter().for_each(|inlet| inlet.park());
        let until = instant() + self.options.drain;
        for inlet in inlets.iter().filter(|inlet| !inlet.drained(until)) {
            tracing::warn!(partition = inlet.partition(), "let go before all that was read was committed");
        }
        if self.options.delivery == Delivery::AtLeastOnce {
            commit_offsets(consumer, &self.options.topics, &inlets, CommitMode::Sync);
        }
    }

    fn take(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        *lock(&self.group.metadata) = consumer.group_metadata().map(Arc::new);
        // Each is read from where its lane's state says, once it is there.
        if let Err(error) = consumer.pause(partitions) {
            tracing::error!(%error, "partitions that were given to us cannot be held up");
        }
        let of_input = |element: &TopicPartitionListElem<'_>| element.topic() == self.options.topics.input;
        let given = partitions.elements();
        let numbers: Vec<i32> =
            given.iter().filter(|element| of_input(element)).map(TopicPartitionListElem::partition).collect();
        if let Some(alone) = given.iter().find(|element| !numbers.contains(&element.partition())) {
            // The range assignor gives partitions of one number to one member as long as all members ask for the same topics.
            let (topic, partition) = (alone.topic(), alone.partition());
            tracing::error!(
                topic,
                partition,
                "given without the input's partition of that number: give all instances one `standing`"
            );
        }
        tracing::info!(partitions = ?numbers, "the group gave us partitions");
        let mut inlets = lock(&self.group.inlets);
        inlets.retain(|partition, inlet| {
            let is_kept = numbers.contains(partition);
            if is_kept {
                inlet.reassigned();
            } else {
                inlet.end();
            }
            is_kept
        });
        for partition in numbers {
            inlets.entry(partition).or_insert_with(|| {
                let KafkaOptions { topics, queue_records_max, .. } = &*self.options;
                let topics = topics.read_by_lanes();
                let inlet = Arc::new(Inlet::new(&topics, partition, self.limits, *queue_records_max));
                // Nobody takes them any longer when the stage ends.
                let _ = lock(&self.given).send(Arc::clone(&inlet));
                inlet
            });
        }
        drop(inlets);
        self.group.counts.rebalances.fetch_add(1, Ordering::Relaxed);
        self.group.has_joined.store(true, Ordering::Relaxed);
    }
}

/// Whether no broker has told us of the topic yet.
fn is_unknown(metadata: &Metadata, topic: &str) -> bool {
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
    found.is_none() || error == Some(RDKafkaErrorCode::UnknownTopicOrPartition)
}

fn one(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    list
}

fn commit_offsets(consumer: &BaseConsumer<Callbacks>, topics: &Topics, inlets: &[Arc<Inlet>], mode: CommitMode) {
    let mut list = TopicPartitionList::new();
    for (inlet, offsets) in inlets.iter().filter_map(|inlet| Some((inlet, inlet.committed()?))) {
        for (topic, offset) in topics.read_by_lanes().into_iter().zip(offsets) {
            let _ = list.add_partition_offset(topic, inlet.partition(), Offset::Offset(offset));
        }
    }
    if list.count() > 0
        && let Err(error) = consumer.commit(&list, mode)
    {
        tracing::warn!(%error, "offsets are not committed; the state says where to go on all the same");
    }
}

/// A member of the group.
pub struct Member {
    consumer: BaseConsumer<Callbacks>,
    options: Arc<KafkaOptions>,
    group: Arc<Group>,
}

/// What the member knows of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLag {
    /// Which.
    pub partition: i32,
    /// Records that were written and not decided on.
    pub records: u64,
}

impl Member {
    /// Looks whether everything is there that the stage needs, and joins the group. Partitions that are given to it for the
    /// first time go to `given`.
    ///
    /// # Errors
    /// If the brokers cannot be reached or refuse us, or if a topic is missing or has the wrong number of partitions.
    pub fn join(
        options: &Arc<KafkaOptions>,
        limits: BatchLimits,
        given: Sender<Arc<Inlet>>,
    ) -> Result<Self, KafkaError> {
        let group = Arc::new(Group::default());
        let callbacks =
            Callbacks { options: Arc::clone(options), limits, group: Arc::clone(&group), given: Mutex::new(given) };
        let consumer: BaseConsumer<Callbacks> = options
            .member()?
            .create_with_context(callbacks)
            .map_err(|error| KafkaError::new("make a client", &error, None))?;
        let member = Self { consumer, options: Arc::clone(options), group };
        member.check_topics()?;
        let topics = options.topics.read_by_lanes();
        let joined = member.consumer.subscribe(&topics);
        joined.map_err(|error| member.error(format!("subscribe to {}", topics.join(" and ")), &error))?;
        Ok(member)
    }

    fn error(&self, doing: String, error: &Native) -> KafkaError {
        KafkaError::new(doing, error, self.group.heard.last().as_deref())
    }

    fn check_topics(&self) -> Result<(), KafkaError> {
        let topics = &self.options.topics;
        let input = self.partitions(&topics.input)?;
        self.group.input_partitions.store(i32::try_from(input).unwrap_or(i32::MAX), Ordering::Relaxed);
        for plan in topics.written() {
            let found = self.partitions(plan.name)?;
            if plan.partitions == Partitions::AsInput && found != input {
                let doing = format!("use the topic {}", plan.name);
                let what = format!("it has {found} partitions, and {} has {input}", topics.input);
                let hint = "give both as many: `tidegate topics create` makes it so where the topic is not there yet";
                return Err(KafkaError::wrong(doing, what, hint));
            }
        }
        Ok(())
    }

    fn partitions(&self, topic: &str) -> Result<usize, KafkaError> {
        let doing = || format!("ask the brokers about the topic {topic}");
        let (until, appears) = (instant() + ANSWER_MAX, instant() + APPEAR_MAX);
        let metadata = loop {
            match self.consumer.fetch_metadata(Some(topic), ASK_AGAIN) {
                // A topic that was just made is not known to every broker at once.
                Ok(metadata) if is_unknown(&metadata, topic) && instant() < appears => {
                    drop(self.consumer.poll(ASK_PAUSE));
                }
                Ok(metadata) => break metadata,
                Err(error) => {
                    // Complaints of the connection come as events, with log lines in between; what only a person can mend is
                    // not waited for.
                    (0..EVENTS_MAX).for_each(|_| drop(self.consumer.poll(Duration::ZERO)));
                    let error = self.error(doing(), &error);
                    if !error.retry() || instant() >= until {
                        return Err(error);
                    }
                }
            }
        };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found else { return Err(KafkaError::no_topic(topic)) };
        match found.error().map(RDKafkaErrorCode::from) {
            None if !found.partitions().is_empty() => Ok(found.partitions().len()),
            None => Err(KafkaError::no_topic(topic)),
            Some(code) => Err(KafkaError::new(doing(), &Native::MetadataFetch(code), None)),
        }
    }

    pub(super) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &Arc<KafkaOptions> {
        &self.options
    }

    /// Reads until it is asked to stop; then lanes finish what they were given, and are told that nothing more comes.
    ///
    /// # Errors
    /// If the group does not want us any longer and cannot be joined again.
    pub fn run(&self, is_stopping: impl Fn() -> bool) -> Result<(), KafkaError> {
        let mut committed = instant();
        let done = loop {
            if is_stopping() {
                break Ok(());
            }
            self.look_after_lanes();
            if let Err(error) = self.read() {
                break Err(error);
            }
            if self.options.delivery == Delivery::AtLeastOnce && committed.elapsed() >= COMMIT_EVERY {
                committed = instant();
                commit_offsets(&self.consumer, &self.options.topics, &self.group.inlets(), CommitMode::Async);
            }
        };
        self.finish();
        done
    }

    fn read(&self) -> Result<(), KafkaError> {
        let mut wait = POLL;
        for _ in 0..BURST_RECORDS {
            match self.consumer.poll(wait) {
                // Nothing, or an event that was served.
                None => return Ok(()),
                Some(Ok(message)) => {
                    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
                    let which = usize::from(topic != self.options.topics.input);
                    let inlet = lock(&self.group.inlets).get(&partition).cloned();
                    if inlet.is_some_and(|inlet| inlet.push(which, offset, message.payload().unwrap_or_default()))
                        && let Err(error) = self.consumer.pause(&one(topic, partition))
                    {
                        tracing::warn!(%error, partition, "cannot be paused");
                    }
                }
                Some(Err(error @ Native::MessageConsumptionFatal(_))) => {
                    return Err(self.error("read on".into(), &error));
                }
                Some(Err(error)) => {
                    let error = self.error("read on".into(), &error);
                    if !error.retry() && !error.is_fenced() && !error.is_of_topic() {
                        return Err(error);
                    }
                    tracing::warn!(%error, hint = error.hint(), "reading is tried again");
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn look_after_lanes(&self) {
        let topics = self.options.topics.read_by_lanes();
        for inlet in self.group.inlets() {
            topics.iter().enumerate().for_each(|(which, topic)| self.look_after(&inlet, which, topic));
        }
    }

    fn look_after(&self, inlet: &Inlet, which: usize, topic: &str) {
        let partition = inlet.partition();
        let wish = inlet.wish(which);
        let done = match wish {
            Wish::Nothing => return,
            // Refused until the client has begun with the partition: asked again with the next look.
            Wish::Seek(offset) => self
                .consumer
                .seek(topic, partition, Offset::Offset(offset), Duration::from_secs(1))
                .and_then(|()| self.consumer.resume(&one(topic, partition))),
            Wish::Resume => self.consumer.resume(&one(topic, partition)),
        };
        match done {
            Ok(()) => inlet.flows(which, &wish),
            Err(error) => tracing::debug!(%error, partition, "the partition does not flow yet"),
        }
    }

    fn finish(&self) {
        let inlets = self.group.inlets();
        inlets.iter().for_each(|inlet| inlet.park());
        let until = instant() + self.options.drain;
        for inlet in inlets.iter().filter(|inlet| !inlet.drained(until)) {
            tracing::warn!(partition = inlet.partition(), "stopped before all that was read was committed");
        }
        if self.options.delivery == Delivery::AtLeastOnce {
            commit_offsets(&self.consumer, &self.options.topics, &inlets, CommitMode::Sync);
        }
        inlets.iter().for_each(|inlet| inlet.end());
        lock(&self.group.inlets).clear();
    }

    /// Whether the group has given us our share and every partition of it has its state.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.group.has_joined.load(Ordering::Relaxed) && self.group.inlets().iter().all(|inlet| inlet.is_ready())
    }

    /// How many partitions are ours.
    #[must_use]
    pub fn partitions_held(&self) -> usize {
        lock(&self.group.inlets).len()
    }

    /// What all lanes did so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.group.counts.now()
    }

    /// How far each partition of ours is behind, where that is known.
    #[must_use]
    pub fn lags(&self) -> Vec<PartitionLag> {
        let ends = lock(&self.group.ends);
        let lag = |inlet: &Arc<Inlet>| {
            let (partition, end) = (inlet.partition(), *ends.get(&inlet.partition())?);
            Some(PartitionLag { partition, records: u64::try_from(end - inlet.committed()?[INPUT]).unwrap_or(0) })
        };
        self.group.inlets().iter().filter_map(lag).collect()
    }
}
