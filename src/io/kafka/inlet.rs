//! Between the group's member, which reads all partitions, and a lane, which works on one: a bounded queue of batches, and
//! what the two have to say to each other.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::member::Group;
use super::restore::Beginning;
use crate::io::clock::instant;
use crate::io::source::{
    BatchLimits, Fault, Flow, LONG_RECORD_KEPT_BYTES, Place, Position, Progress, RawBatch, Source, SourceError,
};
use crate::io::wire::LINE_TOO_LONG;

/// One partition's way in: of the input, and of what other lanes tell where there is such a topic.
pub struct Inlet {
    topic: Arc<str>,
    partition: i32,
    limits: BatchLimits,
    queue_records_max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// Which of a lane's topics: the input comes first.
pub(super) const INPUT: usize = 0;

/// Whether records may come, and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The lane gets its state back.
    Restoring,
    /// Records flow, or are about to.
    Open,
    /// The partition was taken away, and may come back.
    Parked,
    /// It will not come back.
    Ended,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// What comes, topic by topic.
    flows: Vec<Flowing>,
    spare: Vec<RawBatch>,
    /// Whether the lane waits for records.
    is_waited_for: bool,
    /// Whether the lane is at work at all: one that failed has nothing to finish.
    is_running: bool,
    /// Whether the partition is ours now, and how many times it was given to us.
    is_assigned: bool,
    assignments: u64,
}

/// What comes of one topic.
#[derive(Debug)]
struct Flowing {
    /// `topic/partition`, as it stands in rejects.
    name: Arc<str>,
    /// What the lane has not taken yet; the last one grows.
    batches: VecDeque<RawBatch>,
    queued_records: usize,
    /// Where the lane is to be given records from, until the member reads there.
    wanted: Option<i64>,
    /// Whether the member was told to read no further for now.
    is_paused: bool,
    /// The offset after the last record that came, was handed to the lane, was committed.
    next: i64,
    handed: i64,
    committed: i64,
}

impl Flowing {
    fn new(name: String) -> Self {
        Self {
            name: name.into(),
            batches: VecDeque::new(),
            queued_records: 0,
            wanted: None,
            is_paused: true,
            next: 0,
            handed: 0,
            committed: 0,
        }
    }

    /// Adds a record to the last batch, or to a new one.
    fn push(&mut self, payload: &[u8], offset: i64, limits: &BatchLimits, fresh: impl FnOnce() -> RawBatch) {
        let BatchLimits { records_max, bytes_max, .. } = *limits;
        let is_full = |batch: &RawBatch| batch.len() >= records_max || batch.bytes_len() + payload.len() > bytes_max;
        if self.batches.back().is_none_or(is_full) {
            let mut fresh = fresh();
            fresh.set_source(&self.name);
            self.batches.push_back(fresh);
        }
        let batch = self.batches.back_mut().expect("one was just pushed");
        push(batch, payload, Place::Index(offset.unsigned_abs()), bytes_max);
        self.next = offset + 1;
        self.queued_records += 1;
    }

    fn forget(&mut self, spare: &mut Vec<RawBatch>) {
        spare.extend(self.batches.drain(..).take(2));
        (self.queued_records, self.is_paused, self.wanted) = (0, true, None);
        // They come again: were they taken for known, they would be lost.
        self.next = self.handed;
    }
}

#[derive(Serialize, Deserialize)]
struct PartitionPosition {
    partition: i32,
    offset: i64,
    /// Of what other lanes tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<i64>,
}

/// What the member does with a partition of a topic next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// Read on from there.
    Seek(i64),
    /// Read on from where it stands.
    Resume,
}

/// The offsets that a position of a partition says: of the input, and of what other lanes tell.
pub(super) fn offsets_of(position: &Position) -> Result<Vec<i64>, SourceError> {
    let PartitionPosition { offset, told, .. } = position.read()?;
    Ok([offset].into_iter().chain(told).collect())
}

impl Inlet {
    /// `topics`: those of which the lane reads this partition, the input first.
    pub(super) fn new(topics: &[&str], partition: i32, limits: BatchLimits, queue_records_max: usize) -> Self {
        let state = State {
            phase: Phase::Restoring,
            flows: topics.iter().map(|topic| Flowing::new(format!("{topic}/{partition}"))).collect(),
            spare: Vec::new(),
            is_waited_for: false,
            is_running: false,
            is_assigned: true,
            assignments: 1,
        };
        Self {
            topic: topics[INPUT].into(),
            partition,
            limits: limits.clamped(),
            queue_records_max,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Which partition it is of.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The topic that it is of.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    // Every change under this lock is made in one piece.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn position(&self, state: &State) -> Position {
        let told = state.flows.get(INPUT + 1).map(|flowing| flowing.handed);
        Position::write(&PartitionPosition { partition: self.partition, offset: state.flows[INPUT].handed, told })
    }

    /// Adds a record of one of the topics. Whether to read no further of it for now.
    pub(super) fn push(&self, topic: usize, offset: i64, payload: &[u8]) -> bool {
        let mut state = self.lock();
        let State { phase, flows, spare, .. } = &mut *state;
        let flowing = &mut flows[topic];
        // Nobody takes it now: it is read again when somebody does.
        if *phase != Phase::Open || flowing.wanted.is_some() {
            return true;
        }
        // What was fetched before a seek.
        if offset < flowing.next {
            return false;
        }
        flowing.push(payload, offset, &self.limits, || {
            let mut fresh = spare.pop().unwrap_or_default();
            fresh.clear();
            if topic != INPUT {
                fresh.relay();
            }
            fresh
        });
        let is_enough = flowing.queued_records >= self.queue_records_max && !flowing.is_paused;
        flowing.is_paused |= is_enough;
        // Waking is a call into the system: not for each record.
        let wakes = state.is_waited_for && self.is_due(&state, topic);
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
        is_enough
    }

    /// What the lane waits for of a topic.
    pub(super) fn wish(&self, topic: usize) -> Wish {
        let state = self.lock();
        if state.phase != Phase::Open {
            return Wish::Nothing;
        }
        let flowing = &state.flows[topic];
        match flowing.wanted {
            Some(offset) => Wish::Seek(offset),
            None if flowing.is_paused && flowing.queued_records <= self.queue_records_max / 2 => Wish::Resume,
            None => Wish::Nothing,
        }
    }

    /// The member did what was wished. A lane that was begun anew meanwhile wishes for another offset, and gets it with the next
    /// look: what lies between would be lost.
    pub(super) fn flows(&self, topic: usize, done: &Wish) {
        let mut state = self.lock();
        let flowing = &mut state.flows[topic];
        match *done {
            Wish::Seek(offset) if flowing.wanted == Some(offset) => {
                (flowing.wanted, flowing.next, flowing.is_paused) = (None, offset, false);
            }
            Wish::Resume if flowing.wanted.is_none() => flowing.is_paused = false,
            _ => {}
        }
    }

    /// Nothing more is given to the lane; what it was given it may finish. What waits is read again by whoever is next.
    pub(super) fn park(&self) {
        let mut state = self.lock();
        state.is_assigned = false;
        if state.phase != Phase::Ended {
            state.phase = if state.is_running { Phase::Parked } else { Phase::Restoring };
        }
        state.forget();
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all that the lane was given is committed, at most until then. Whether it is.
    pub(super) fn drained(&self, until: Instant) -> bool {
        let mut state = self.lock();
        while state.is_running && !state.is_all_committed() {
            let left = until.saturating_duration_since(instant());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The partition came back to us. A lane that was parked goes on where it stands: had anybody else written meanwhile,
    /// its producer would be fenced.
    pub(super) fn reassigned(&self) {
        let mut state = self.lock();
        state.assignments += 1;
        state.is_assigned = true;
        let goes_on = state.phase == Phase::Parked;
        if goes_on {
            state.phase = Phase::Open;
        }
        for flowing in &mut state.flows {
            flowing.is_paused = true;
            if goes_on {
                flowing.wanted = Some(flowing.handed);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The partition will not come back.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        state.forget();
        drop(state);
        self.changed.notify_all();
    }

    /// Whether records flow, or could.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.lock().phase, Phase::Open | Phase::Parked)
    }

    /// The offsets up to which everything is committed, topic by topic; `None` before the lane has begun.
    pub(super) fn committed(&self) -> Option<Vec<i64>> {
        let state = self.lock();
        state.is_running.then(|| state.flows.iter().map(|flowing| flowing.committed).collect())
    }

    /// The lane has committed up to there.
    pub(super) fn commits(&self, offsets: &[i64]) {
        let mut state = self.lock();
        state.flows.iter_mut().zip(offsets).for_each(|(flowing, &offset)| flowing.committed = offset);
        drop(state);
        self.changed.notify_all();
    }

    /// The lane has its state and goes on from there, topic by topic.
    fn starts(&self, offsets: &[i64]) {
        let mut state = self.lock();
        state.is_running = true;
        let is_open = state.phase != Phase::Ended && state.is_assigned;
        if state.phase != Phase::Ended {
            state.phase = if is_open { Phase::Open } else { Phase::Parked };
        }
        for (flowing, &offset) in state.flows.iter_mut().zip(offsets) {
            (flowing.next, flowing.handed, flowing.committed) = (offset, offset, offset);
            flowing.wanted = is_open.then_some(offset);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The lane ended, in order or not.
    pub fn stopped(&self) {
        let mut state = self.lock();
        state.is_running = false;
        if state.phase != Phase::Ended {
            state.phase = Phase::Restoring;
        }
        state.forget();
        drop(state);
        self.changed.notify_all();
    }

    /// Whether the partition went to somebody else, or the stage ends.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.lock().phase == Phase::Ended
    }

    /// Waits before another try, at most so long: an end is noticed at once, and so is a new assignment where one was taken
    /// from us.
    pub fn pause(&self, longest: Duration, until_assigned: bool) {
        let (mut state, until) = (self.lock(), instant() + longest);
        let assignments = state.assignments;
        while state.phase != Phase::Ended && !(until_assigned && state.assignments > assignments) {
            let left = until.saturating_duration_since(instant());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take(&self, batch: &mut RawBatch, wait: Duration) -> Flow {
        let (mut state, until) = (self.lock(), instant() + wait);
        loop {
            if state.phase == Phase::Ended {
                return Flow::End;
            }
            // What other lanes tell goes first: it is little, and somebody waits for it.
            let due = (0..state.flows.len()).rev().find(|&topic| self.is_due(&state, topic));
            if let Some(next) = due.and_then(|topic| state.hand_out(topic)) {
                let used = std::mem::replace(batch, next);
                if state.spare.len() < 2 {
                    state.spare.push(used);
                }
                *batch.end_mut() = self.position(&state);
                let is_more = state.flows.iter().any(|flowing| !flowing.batches.is_empty());
                return if is_more { Flow::More } else { Flow::Idle };
            }
            let left = until.saturating_duration_since(instant());
            if left.is_zero() {
                return Flow::Idle;
            }
            state.is_waited_for = true;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.is_waited_for = false;
        }
    }

    /// Whether the next batch of a topic is handed out: a full one at once, so that it is judged while the one before is
    /// committed; any other when nothing else is in hand, so that what comes meanwhile shares its transaction.
    fn is_due(&self, state: &State, topic: usize) -> bool {
        let batches = &state.flows[topic].batches;
        let is_full = |batch: &RawBatch| batch.len() >= self.limits.records_max;
        !batches.is_empty() && (state.is_all_committed() || batches.len() > 1 || batches.front().is_some_and(is_full))
    }
}

impl State {
    fn forget(&mut self) {
        let Self { flows, spare, .. } = self;
        flows.iter_mut().for_each(|flowing| flowing.forget(spare));
    }

    fn is_all_committed(&self) -> bool {
        self.flows.iter().all(|flowing| flowing.handed <= flowing.committed)
    }

    /// Takes the next batch of a topic out of the queue.
    fn hand_out(&mut self, topic: usize) -> Option<RawBatch> {
        let flowing = &mut self.flows[topic];
        let batch = flowing.batches.pop_front()?;
        let Some(Place::Index(last)) = batch.iter().last().map(|raw| raw.offset.place) else {
            unreachable!("a queued batch holds records of a partition")
        };
        flowing.handed = last.cast_signed() + 1;
        flowing.queued_records -= batch.len();
        Some(batch)
    }
}

/// Adds a record, or the beginning of one that no batch may hold.
fn push(batch: &mut RawBatch, payload: &[u8], place: Place, bytes_max: usize) {
    if payload.len() <= bytes_max {
        return batch.push(payload, place);
    }
    let message = format!("the record has {} bytes; at most {bytes_max} can be taken", payload.len());
    let kept = &payload[..LONG_RECORD_KEPT_BYTES.min(payload.len())];
    batch.push_fault(kept, place, Fault::new(LINE_TOO_LONG, message), payload.len() as u64);
}

/// A partition as a source: positions are offsets, and it begins where its lane's state says.
pub struct KafkaSource {
    inlet: Arc<Inlet>,
    group: Arc<Group>,
    beginning: Beginning,
    /// Where the state says to go on, topic by topic.
    sought: Vec<i64>,
    is_started: bool,
}

impl KafkaSource {
    pub(super) fn new(inlet: &Arc<Inlet>, group: &Arc<Group>, beginning: Beginning) -> Self {
        let (inlet, group) = (Arc::clone(inlet), Arc::clone(group));
        Self { inlet, group, beginning, sought: Vec::new(), is_started: false }
    }

    fn start(&mut self) {
        let partition = self.inlet.partition();
        if self.sought.is_empty() && self.beginning.was_read {
            let offset = self.beginning.topics[INPUT].0;
            tracing::warn!(
                partition,
                offset,
                "the group has read this partition and no state of it is kept: it begins anew"
            );
        }
        let offsets = self.beginning.topics.iter().enumerate().map(|(topic, &(offset, low))| {
            let from = self.sought.get(topic).copied().unwrap_or(offset);
            if from < low {
                let records = low - from;
                tracing::error!(
                    partition,
                    from,
                    records,
                    "records were deleted by the topic's retention before they were read"
                );
                self.group.counts.lost(records.unsigned_abs());
            }
            from.max(low)
        });
        self.inlet.starts(&offsets.collect::<Vec<_>>());
        self.is_started = true;
    }
}

impl Source for KafkaSource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        if !self.is_started {
            self.start();
        }
        Ok(self.inlet.take(batch, limits.wait))
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        let PartitionPosition { partition, .. } = position.read()?;
        if partition != self.inlet.partition {
            let ours = self.inlet.partition;
            return Err(SourceError::Position(format!("{position:?} is not of partition {ours}")));
        }
        self.sought = offsets_of(position)?;
        Ok(())
    }

    /// The store has committed it together with everything else.
    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }
}
