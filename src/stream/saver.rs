//! The saver: save → emit → commit, one batch after the other, on a thread of its own.

use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::io::{Entry, Fault, Mark, Output, Position, RawBatch, Sink, StateStore, instant, rejects, wire};
use crate::pipeline::{Outcome, Refused};

use super::{Control, StreamError, measure};

/// A judged batch, as bytes: what is saved is what is given out.
pub(super) struct Job {
    input: Position,
    records: u64,
    read_at: Instant,
    deltas: Vec<u8>,
    actions: Vec<u8>,
    rejects: Vec<u8>,
    pub(super) erased: bool,
    pub(super) snapshot: Option<Vec<Vec<u8>>>,
}

impl Job {
    /// Writes decisions and rejects as they will be saved and emitted.
    pub(super) fn new(batch: &RawBatch, read_at: Instant, outcome: Outcome) -> Self {
        let (mut actions, mut refused) = (Vec::new(), Vec::new());
        for decision in &outcome.decisions {
            wire::write_decision(decision, &mut actions);
        }
        for (index, Refused { code, message }) in outcome.rejected {
            rejects::write_reject(&batch.get(index), &Fault { code, message }, &mut refused);
        }
        Self {
            input: batch.end().clone(),
            records: batch.len() as u64,
            read_at,
            deltas: outcome.deltas,
            actions,
            rejects: refused,
            erased: outcome.erased,
            snapshot: None,
        }
    }

    /// What it adds to the journal.
    pub(super) fn bytes(&self) -> u64 {
        (self.deltas.len() + self.actions.len() + self.rejects.len()) as u64
    }
}

/// The longest time that is told apart: an hour, in microseconds.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;

/// From the reading of a record's batch to the emission of its decision, over all records.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three significant digits are allowed"))
    }
}

impl Latency {
    fn record(&mut self, elapsed: Duration, records: u64) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).min(LATENCY_MICROS_MAX);
        self.0.record_n(micros, records).expect("the histogram grows with its values");
    }

    /// The time within which that percentage of records was through; `None` before the first.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_percentile(percent)))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.max()))
    }
}

/// Owns everything that a batch is written to.
pub(super) struct Saver {
    store: Box<dyn StateStore>,
    sinks: [Box<dyn Sink>; 2],
    seq: u64,
    latency: Latency,
}

impl Saver {
    /// A saver whose next batch is number `seq` + 1.
    pub(super) fn new(store: Box<dyn StateStore>, sinks: [Box<dyn Sink>; 2], seq: u64) -> Self {
        Self { store, sinks, seq, latency: Latency::default() }
    }

    /// Takes batches until there are no more.
    pub(super) fn run(
        mut self,
        judged: &Receiver<Job>,
        saved: &Sender<Position>,
        control: &Control,
    ) -> Result<Latency, StreamError> {
        for job in judged {
            self.save(&job)?;
            self.emit(&job)?;
            let elapsed = instant().duration_since(job.read_at);
            self.latency.record(elapsed, job.records);
            measure::emitted(elapsed, job.records);
            control.gave_out(job.records);
            if let Some(chunks) = job.snapshot {
                self.snapshot(&job.input, chunks, job.erased)?;
            }
            // The reader is gone only when it failed; its error is the one to tell.
            let _ = saved.send(job.input);
        }
        for sink in &mut self.sinks {
            sink.sync()?;
        }
        Ok(self.latency)
    }

    fn marks(&self) -> [Mark; 2] {
        [self.sinks[0].mark(), self.sinks[1].mark()]
    }

    fn save(&mut self, job: &Job) -> Result<(), StreamError> {
        self.seq += 1;
        let marks = self.marks();
        let outputs =
            [Output { mark: &marks[0], lines: &job.actions }, Output { mark: &marks[1], lines: &job.rejects }];
        self.store.append(&Entry { seq: self.seq, input: &job.input, deltas: &job.deltas, outputs: &outputs })?;
        Ok(())
    }

    fn emit(&mut self, job: &Job) -> Result<(), StreamError> {
        for (sink, lines) in self.sinks.iter_mut().zip([&job.actions, &job.rejects]) {
            if !lines.is_empty() {
                sink.emit(lines)?;
            }
        }
        Ok(())
    }

    /// A snapshot drops the saved lines that could be emitted again, so the sinks are made safe first.
    fn snapshot(&mut self, input: &Position, chunks: Vec<Vec<u8>>, erased: bool) -> Result<(), StreamError> {
        for sink in &mut self.sinks {
            sink.sync()?;
        }
        let marks = self.marks();
        self.store.snapshot(self.seq, input, &marks, &mut chunks.into_iter())?;
        if erased {
            self.store.compact()?;
        }
        Ok(())
    }
}
