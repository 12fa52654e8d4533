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

/// One partition's way in.
pub struct Inlet {
    topic: Arc<str>,
    partition: i32,
    /// `topic/partition`, as it stands in rejects.
    name: Arc<str>,
    limits: BatchLimits,
    queue_records_max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// Whether records may come, and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The lane gets its state back.
    Restoring,
    /// The lane is to be given what comes from there on.
    Wanted(i64),
    /// Records flow.
    Open,
    /// The partition was taken away, and may come back.
    Parked,
    /// It will not come back.
    Ended,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// What the lane has not taken yet; the last one grows.
    batches: VecDeque<RawBatch>,
    spare: Vec<RawBatch>,
    queued_records: usize,
    /// Whether the lane waits for records.
    is_waited_for: bool,
    /// Whether the member was told to read no further for now.
    is_paused: bool,
    /// The offset after the last record that came, was handed to the lane, was committed.
    next: i64,
    handed: i64,
    committed: i64,
    /// Whether the lane is at work at all: one that failed has nothing to finish.
    is_running: bool,
    /// Whether the partition is ours now, and how many times it was given to us.
    is_assigned: bool,
    assignments: u64,
}

#[derive(Serialize, Deserialize)]
struct PartitionPosition {
    partition: i32,
    offset: i64,
}

/// What the member does with a partition next.
pub(super) enum Wish {
    Nothing,
    /// Read on from there.
    Seek(i64),
    /// Read on from where it stands.
    Resume,
}

/// The offset that a position of a partition says.
pub(super) fn offset_of(position: &Position) -> Result<i64, SourceError> {
    Ok(position.read::<PartitionPosition>()?.offset)
}

impl Inlet {
    pub(super) fn new(topic: &str, partition: i32, limits: BatchLimits, queue_records_max: usize) -> Self {
        let state = State {
            phase: Phase::Restoring,
            batches: VecDeque::new(),
            spare: Vec::new(),
            queued_records: 0,
            is_waited_for: false,
            is_paused: true,
            next: 0,
            handed: 0,
            committed: 0,
            is_running: false,
            is_assigned: true,
            assignments: 1,
        };
        Self {
            topic: topic.into(),
            partition,
            name: format!("{topic}/{partition}").into(),
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

    fn position(&self, offset: i64) -> Position {
        Position::write(&PartitionPosition { partition: self.partition, offset })
    }

    /// Adds a record. Whether to read no further for now.
    pub(super) fn push(&self, offset: i64, payload: &[u8]) -> bool {
        let mut state = self.lock();
        // Nobody takes it now: it is read again when somebody does.
        if state.phase != Phase::Open {
            return true;
        }
        // What was fetched before a seek.
        if offset < state.next {
            return false;
        }
        let BatchLimits { records_max, bytes_max, .. } = self.limits;
        let is_full = |batch: &RawBatch| batch.len() >= records_max || batch.bytes_len() + payload.len() > bytes_max;
        if state.batches.back().is_none_or(is_full) {
            let mut fresh = state.spare.pop().unwrap_or_default();
            fresh.clear();
            fresh.set_source(&self.name);
            state.batches.push_back(fresh);
        }
        let batch = state.batches.back_mut().expect("one was just pushed");
        push(batch, payload, Place::Index(offset.unsigned_abs()), bytes_max);
        state.next = offset + 1;
        state.queued_records += 1;
        let is_enough = state.queued_records >= self.queue_records_max && !state.is_paused;
        state.is_paused |= is_enough;
        // Waking is a call into the system: not for each record.
        let wakes = state.is_waited_for && self.is_due(&state);
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
        is_enough
    }

    /// What the lane waits for.
    pub(super) fn wish(&self) -> Wish {
        let state = self.lock();
        match state.phase {
            Phase::Wanted(offset) => Wish::Seek(offset),
            Phase::Open if state.is_paused && state.queued_records <= self.queue_records_max / 2 => Wish::Resume,
            _ => Wish::Nothing,
        }
    }

    /// The member did what was wished.
    pub(super) fn flows(&self) {
        let mut state = self.lock();
        if let Phase::Wanted(offset) = state.phase {
            (state.phase, state.next) = (Phase::Open, offset);
        }
        state.is_paused = false;
    }

    /// Nothing more is given to the lane; what it was given it may finish. What waits is read again by whoever is next.
    pub(super) fn park(&self) {
        let mut state = self.lock();
        state.is_assigned = false;
        if state.phase != Phase::Ended {
            state.phase = if state.is_running { Phase::Parked } else { Phase::Restoring };
        }
        self.forget(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    fn forget(&self, state: &mut State) {
        let State { batches, spare, .. } = state;
        spare.extend(batches.drain(..).take(2));
        (state.queued_records, state.is_paused) = (0, true);
        // They come again: were they taken for known, they would be lost.
        state.next = state.handed;
    }

    /// Waits until all that the lane was given is committed, at most until then. Whether it is.
    pub(super) fn drained(&self, until: Instant) -> bool {
        let mut state = self.lock();
        while state.is_running && state.handed > state.committed {
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
        if state.phase == Phase::Parked {
            state.phase = Phase::Wanted(state.handed);
        }
        state.is_paused = true;
        drop(state);
        self.changed.notify_all();
    }

    /// The partition will not come back.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        self.forget(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    /// Whether records flow, or could.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.lock().phase, Phase::Open | Phase::Wanted(_) | Phase::Parked)
    }

    /// The offset up to which everything is committed; `None` before the lane has begun.
    pub(super) fn committed(&self) -> Option<i64> {
        let state = self.lock();
        state.is_running.then_some(state.committed)
    }

    /// The lane has committed up to there.
    pub(super) fn commits(&self, offset: i64) {
        self.lock().committed = offset;
        self.changed.notify_all();
    }

    /// The lane has its state and goes on from there.
    fn starts(&self, offset: i64) {
        let mut state = self.lock();
        (state.next, state.handed, state.committed, state.is_running) = (offset, offset, offset, true);
        if state.phase != Phase::Ended {
            state.phase = if state.is_assigned { Phase::Wanted(offset) } else { Phase::Parked };
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
        self.forget(&mut state);
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
            if let Some(next) = self.is_due(&state).then(|| state.batches.pop_front()).flatten() {
                let used = std::mem::replace(batch, next);
                if state.spare.len() < 2 {
                    state.spare.push(used);
                }
                let last = batch.iter().last().map(|raw| raw.offset.place);
                let Some(Place::Index(last)) = last else {
                    unreachable!("a queued batch holds records of a partition")
                };
                state.handed = last.cast_signed() + 1;
                state.queued_records -= batch.len();
                *batch.end_mut() = self.position(state.handed);
                return if state.batches.is_empty() { Flow::Idle } else { Flow::More };
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

    /// Whether the next batch is handed out: a full one at once, so that it is judged while the one before is committed; any
    /// other when nothing else is in hand, so that what comes meanwhile shares its transaction.
    fn is_due(&self, state: &State) -> bool {
        let is_full = |batch: &RawBatch| batch.len() >= self.limits.records_max;
        state.handed <= state.committed || state.batches.len() > 1 || state.batches.front().is_some_and(is_full)
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
    /// Where the state says to go on.
    sought: Option<i64>,
    is_started: bool,
}

impl KafkaSource {
    pub(super) fn new(inlet: &Arc<Inlet>, group: &Arc<Group>, beginning: Beginning) -> Self {
        let (inlet, group) = (Arc::clone(inlet), Arc::clone(group));
        Self { inlet, group, beginning, sought: None, is_started: false }
    }

    fn start(&mut self) {
        let (Beginning { offset, low, was_read }, partition) = (self.beginning, self.inlet.partition);
        if self.sought.is_none() && was_read {
            tracing::warn!(
                partition,
                offset,
                "the group has read this partition and no state of it is kept: it begins anew"
            );
        }
        let from = self.sought.unwrap_or(offset);
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
        self.inlet.starts(from.max(low));
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
        let PartitionPosition { partition, offset } = position.read()?;
        if partition != self.inlet.partition {
            let ours = self.inlet.partition;
            return Err(SourceError::Position(format!("{position:?} is not of partition {ours}")));
        }
        self.sought = Some(offset);
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
